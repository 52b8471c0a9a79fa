//! How traces are sent: by HTTP, on a thread of its own, never for longer than a run may wait for it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use tokio::runtime::Runtime;

/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends, and remembers what went wrong first.
#[derive(Clone)]
pub(super) struct Sender(Arc<Inner>);

struct Inner {
    client: reqwest::Client,
    /// Whoever exports waits on a thread without a runtime.
    runtime: Option<Runtime>,
    /// The scheme and the host of the endpoint: the rest of an address may be secret.
    place: String,
    failure: Mutex<Option<String>>,
}

impl Sender {
    /// For an endpoint.
    ///
    /// # Errors
    /// The address is none, or there is no client for it.
    pub fn new(endpoint: &str) -> Result<Sender, String> {
        let url = reqwest::Url::parse(endpoint).map_err(|error| format!("The endpoint is no address: {error}."))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("The endpoint is an address of {}: http and https are supported.", url.scheme()));
        }
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let place = format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default());
        let client = reqwest::Client::builder().timeout(PATIENCE).build().map_err(|error| error.to_string())?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()
            .map_err(|error| format!("{error}."))?;
        Ok(Sender(Arc::new(Inner { client, runtime: Some(runtime), place, failure: Mutex::default() })))
    }

    /// What went wrong, if anything did.
    pub fn failure(&self) -> Option<String> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where everything is sent to.
    pub fn place(&self) -> &str {
        &self.0.place
    }

    fn failed(&self, why: &str) {
        let mut failure = self.0.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| format!("{}: {why}.", self.0.place));
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What is still under way is given up: nobody waits for it any more.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sender({})", self.0.place)
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let request: reqwest::Request = request.try_into()?;
        let client = self.0.client.clone();
        let Some(runtime) = &self.0.runtime else { return Err("it has ended".into()) };
        let sent = runtime.spawn(async move {
            let answer = client.execute(request).await?;
            let status = answer.status();
            Ok::<_, reqwest::Error>((status, answer.bytes().await?))
        });
        match sent.await {
            Ok(Ok((status, body))) => {
                if !status.is_success() {
                    self.failed(&format!("it answered {}", status.as_u16()));
                }
                Ok(Response::builder().status(status).body(body)?)
            }
            Ok(Err(error)) => {
                let why = match () {
                    () if error.is_timeout() => "no answer in time",
                    () if error.is_connect() => "no connection",
                    () => "no whole answer",
                };
                self.failed(why);
                Err(why.into())
            }
            Err(_) => Err("it has ended".into()),
        }
    }
}
