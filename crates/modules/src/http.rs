//! Requests over HTTP: with timeouts, retries, limits, and the proxies that the environment names.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode};
use url::Url;

/// The largest answer that is read into memory.
const LARGEST_TEXT: u64 = 16 << 20;
/// The largest archive that is downloaded.
const LARGEST_FILE: u64 = 2 << 30;
/// How often a download is begun again.
const DOWNLOAD_RETRIES: u32 = 2;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0}")]
    Client(String),
    #[error("{url}: {reason}")]
    Request { url: String, reason: String },
    #[error("{url} answers {status}")]
    Status { url: String, status: StatusCode },
    #[error("{url}: it is larger than {limit} bytes")]
    TooLarge { url: String, limit: u64 },
    #[error("cannot write the download: {0}")]
    File(#[from] std::io::Error),
}

/// A client.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
}

/// An answer, read as a whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from in the end.
    pub(crate) url: Url,
    pub(crate) body: Vec<u8>,
}

impl Http {
    pub(crate) fn new() -> Result<Http, HttpError> {
        let client = Client::builder()
            .user_agent(concat!("infra/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(15))
            .read_timeout(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::limited(10))
            .build()
            .map_err(|error| HttpError::Client(told(&error)))?;
        Ok(Http { client })
    }

    /// Gets an answer, whatever its status.
    pub(crate) async fn get(
        &self,
        url: &Url,
        headers: &HeaderMap,
        timeout: Duration,
        retries: u32,
    ) -> Result<Answer, HttpError> {
        let mut attempt = 0;
        loop {
            let outcome = self.get_once(url, headers, timeout).await;
            let again = match &outcome {
                Ok(answer) => is_passing(answer.status),
                Err(error) => matches!(error, HttpError::Request { .. }),
            };
            if !again || attempt >= retries {
                return outcome;
            }
            tracing::debug!(url = shown(url), attempt, "asking again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn get_once(&self, url: &Url, headers: &HeaderMap, timeout: Duration) -> Result<Answer, HttpError> {
        let failed = |error: reqwest::Error| HttpError::Request { url: shown(url), reason: told(&error) };
        let request = self.client.get(url.clone()).headers(headers.clone()).timeout(timeout);
        let mut response = request.send().await.map_err(failed)?;
        let (status, headers, final_url) = (response.status(), response.headers().clone(), response.url().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() as u64 > LARGEST_TEXT {
                return Err(HttpError::TooLarge { url: shown(url), limit: LARGEST_TEXT });
            }
        }
        Ok(Answer { status, headers, url: final_url, body })
    }

    /// Downloads into a file, from its start.
    pub(crate) async fn download(&self, url: &Url, headers: &HeaderMap, into: &mut File) -> Result<(), HttpError> {
        let mut attempt = 0;
        loop {
            let outcome = self.download_once(url, headers, into).await;
            let again = match &outcome {
                Err(HttpError::Status { status, .. }) => is_passing(*status),
                Err(HttpError::Request { .. }) => true,
                _ => false,
            };
            if !again || attempt >= DOWNLOAD_RETRIES {
                return outcome;
            }
            tracing::debug!(url = shown(url), attempt, "downloading again");
            tokio::time::sleep(pause(attempt)).await;
            attempt += 1;
        }
    }

    async fn download_once(&self, url: &Url, headers: &HeaderMap, into: &mut File) -> Result<(), HttpError> {
        into.set_len(0)?;
        into.seek(SeekFrom::Start(0))?;
        let failed = |error: reqwest::Error| HttpError::Request { url: shown(url), reason: told(&error) };
        let mut response: Response =
            self.client.get(url.clone()).headers(headers.clone()).send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(HttpError::Status { url: shown(url), status: response.status() });
        }
        let mut size = 0_u64;
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            size += chunk.len() as u64;
            if size > LARGEST_FILE {
                return Err(HttpError::TooLarge { url: shown(url), limit: LARGEST_FILE });
            }
            into.write_all(&chunk)?;
        }
        into.seek(SeekFrom::Start(0))?;
        Ok(())
    }
}

/// The header that proves who asks; nothing if the token cannot stand in a header.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// A status that may be another one the next time.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

fn pause(attempt: u32) -> Duration {
    Duration::from_millis(500) * 2_u32.saturating_pow(attempt)
}

/// What an error is in the end, without the address, which may hold a password.
fn told(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() {
        return "no answer in time".to_string();
    }
    match std::ptr::addr_eq(deepest, std::ptr::from_ref(error)) {
        true => "the request failed".to_string(),
        false => deepest.to_string(),
    }
}

/// An address as it may be shown: without a password, and without what a query holds.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        let _ = url.set_password(Some("xxxxx"));
    }
    let pairs: Vec<(String, String)> =
        url.query_pairs().filter(|(k, _)| is_harmless(k)).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
    match pairs.is_empty() {
        true => url.set_query(None),
        false => drop(url.query_pairs_mut().clear().extend_pairs(pairs)),
    }
    url.to_string()
}

fn is_harmless(key: &str) -> bool {
    matches!(key, "ref" | "depth" | "archive" | "checksum" | "terraform-get")
}

#[cfg(test)]
mod tests {
    use url::Url;

    #[test]
    fn what_is_shown_of_an_address_is_no_secret() {
        for (address, shown) in [
            ("https://x.io/a.git?ref=v1", "https://x.io/a.git?ref=v1"),
            ("https://joe:pass@x.io/a.zip?sig=abc&archive=zip", "https://joe:xxxxx@x.io/a.zip?archive=zip"),
            ("ssh://git@x.io/a?sshkey=abc", "ssh://git@x.io/a"),
        ] {
            assert_eq!(super::shown(&Url::parse(address).expect("an address")), shown);
        }
    }
}
