//! Modules of a registry: where it is, which versions it has, and where one of them is fetched from.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_lang::config::{RegistryAddress, RemoteAddress};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use serde_json::Value as Json;
use tokio::sync::{Mutex, OnceCell};
use url::Url;

use crate::http::{Answer, Http, HttpError, bearer, shown};
use crate::settings::Settings;

/// The name of the service in a host's list of services.
const SERVICE: &str = "modules.v1";
/// Says how to fetch a module, in an answer about one.
pub(crate) const WHERE: HeaderName = HeaderName::from_static("x-terraform-get");

/// Why a registry does not give what it is asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// It has no such module.
    #[error("there is no such module")]
    NotFound,
    #[error("{0}")]
    Other(String),
}

impl From<HttpError> for RegistryError {
    fn from(error: HttpError) -> RegistryError {
        RegistryError::Other(error.to_string())
    }
}

type Known<T> = Mutex<BTreeMap<String, Arc<OnceCell<Result<T, RegistryError>>>>>;

/// The registries, each asked once for a thing.
pub(crate) struct Registries<'a> {
    http: &'a Http,
    settings: &'a Settings,
    services: Known<Url>,
    versions: Known<Vec<String>>,
}

impl<'a> Registries<'a> {
    pub(crate) fn new(http: &'a Http, settings: &'a Settings) -> Registries<'a> {
        Registries { http, settings, services: Known::default(), versions: Known::default() }
    }

    /// The versions of a module, as the registry lists them.
    pub(crate) async fn versions(&self, module: &RegistryAddress) -> Result<Vec<String>, RegistryError> {
        let cell = self.versions.lock().await.entry(module.package()).or_default().clone();
        cell.get_or_init(|| self.ask_for_versions(module)).await.clone()
    }

    async fn ask_for_versions(&self, module: &RegistryAddress) -> Result<Vec<String>, RegistryError> {
        let url = self.url(module, &["versions"]).await?;
        let answer = self.get(&url, &module.host).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(RegistryError::NotFound),
            status => return Err(refused(&url, status, self.settings.token(&module.host).is_some(), &module.host)),
        }
        versions_in(&answer.body)
            .ok_or_else(|| RegistryError::Other(format!("{} does not answer with a list of versions", shown(&url))))
    }

    /// Where a version of a module is fetched from.
    pub(crate) async fn location(
        &self,
        module: &RegistryAddress,
        version: &str,
    ) -> Result<RemoteAddress, RegistryError> {
        let url = self.url(module, &[version, "download"]).await?;
        let answer = self.get(&url, &module.host).await?;
        match answer.status {
            StatusCode::OK | StatusCode::NO_CONTENT => {}
            StatusCode::NOT_FOUND => return Err(RegistryError::NotFound),
            status => return Err(refused(&url, status, self.settings.token(&module.host).is_some(), &module.host)),
        }
        let given = location_in(&answer)
            .ok_or_else(|| RegistryError::Other(format!("{} does not say where the module is", shown(&url))))?;
        resolve(&answer.url, &given).map_err(RegistryError::Other)
    }

    async fn url(&self, module: &RegistryAddress, more: &[&str]) -> Result<Url, RegistryError> {
        let mut url = self.service(&module.host).await?;
        {
            let told =
                || RegistryError::Other(format!("the address of the registry at {} cannot be used", module.host));
            let mut segments = url.path_segments_mut().map_err(|()| told())?;
            segments.pop_if_empty().extend([&*module.namespace, &*module.name, &*module.system]).extend(more);
        }
        Ok(url)
    }

    /// The address of a host's module registry.
    async fn service(&self, host: &str) -> Result<Url, RegistryError> {
        let cell = self.services.lock().await.entry(host.to_string()).or_default().clone();
        cell.get_or_init(|| self.discover(host)).await.clone()
    }

    async fn discover(&self, host: &str) -> Result<Url, RegistryError> {
        let none = || RegistryError::Other(format!("{host} is not the host of a module registry"));
        if let Some(configured) = self.settings.service(host, SERVICE) {
            let text = configured.ok_or_else(none)?;
            return Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")).ok_or_else(|| {
                RegistryError::Other(format!("the CLI configuration has no usable {SERVICE} for {host}"))
            });
        }
        let url = Url::parse(&format!("https://{host}/.well-known/terraform.json"))
            .map_err(|error| RegistryError::Other(format!("{host}: {error}")))?;
        let answer = self.get(&url, host).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Err(none()),
            status => return Err(RegistryError::Other(format!("{} answers {status}", shown(&url)))),
        }
        let json: Json = serde_json::from_slice(&answer.body)
            .map_err(|_| RegistryError::Other(format!("{} does not answer with a list of services", shown(&url))))?;
        let service = json[SERVICE].as_str().ok_or_else(none)?;
        answer
            .url
            .join(service)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| RegistryError::Other(format!("{} names no usable registry", shown(&url))))
    }

    async fn get(&self, url: &Url, host: &str) -> Result<Answer, RegistryError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let level = HeaderValue::from_static(infra_lang::config::version::LANGUAGE_VERSION);
        headers.insert(HeaderName::from_static("x-terraform-version"), level);
        if let Some(token) = self.settings.token(host).and_then(bearer) {
            headers.insert(AUTHORIZATION, token);
        }
        let (timeout, retries) = (self.settings.registry_timeout, self.settings.registry_retries);
        Ok(self.http.get(url, &headers, timeout, retries).await?)
    }
}

/// Why access was refused, and what to do.
fn refused(url: &Url, status: StatusCode, with_token: bool, host: &str) -> RegistryError {
    let advice = match (status, with_token) {
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, true) => {
            ". The token for this host is not accepted".to_string()
        }
        (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, false) => {
            let variable = format!("TF_TOKEN_{}", host.replace('-', "__").replace('.', "_"));
            format!(". It may want a token: set {variable}, or write a credentials block in the CLI configuration")
        }
        _ => String::new(),
    };
    RegistryError::Other(format!("{} answers {status}{advice}", shown(url)))
}

/// The versions in a registry's answer.
fn versions_in(body: &[u8]) -> Option<Vec<String>> {
    let json: Json = serde_json::from_slice(body).ok()?;
    let modules = json["modules"].as_array()?;
    let Some(first) = modules.first() else { return Some(Vec::new()) };
    let versions = first["versions"].as_array().cloned().unwrap_or_default();
    Some(versions.iter().filter_map(|v| v["version"].as_str().map(str::to_string)).collect())
}

/// Where a module is, as an answer says it: in a header, or in its body.
fn location_in(answer: &Answer) -> Option<String> {
    let header = answer.headers.get(&WHERE).and_then(|value| value.to_str().ok()).map(str::to_string);
    let in_body = || serde_json::from_slice::<Json>(&answer.body).ok()?["location"].as_str().map(str::to_string);
    header.filter(|text| !text.is_empty()).or_else(in_body).filter(|text| !text.is_empty())
}

/// An address to fetch from; a path is one at the host that gave it.
pub(crate) fn resolve(base: &Url, given: &str) -> Result<RemoteAddress, String> {
    let relative = ["/", "./", "../"].iter().any(|start| given.starts_with(start));
    if !relative {
        return RemoteAddress::parse(given);
    }
    // The folder in the package is no part of the path.
    let (path, rest) = match given.get(1..).and_then(|tail| tail.find("//")) {
        Some(at) => given.split_at(at + 1),
        None => (given, ""),
    };
    let full = base.join(path).map_err(|error| format!("{given}: {error}"))?;
    RemoteAddress::parse(&format!("{full}{rest}"))
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{resolve, versions_in};

    #[test]
    fn a_location_may_be_relative_to_the_registry() {
        let base = Url::parse("https://r.io/v1/modules/a/b/aws/1.0.0/download").expect("an address");
        for (given, address) in [
            ("https://x.io/a.tgz?archive=tar.gz", "https://x.io/a.tgz?archive=tar.gz"),
            ("git::https://x.io/a?ref=1", "git::https://x.io/a?ref=1"),
            ("github.com/a/b//sub", "git::https://github.com/a/b.git//sub"),
            ("/pkg.tgz", "https://r.io/pkg.tgz"),
            ("/pkg.tgz//sub", "https://r.io/pkg.tgz//sub"),
            ("./pkg.tgz?x=1", "https://r.io/v1/modules/a/b/aws/1.0.0/pkg.tgz?x=1"),
            ("../pkg.tgz//*?archive=tgz", "https://r.io/v1/modules/a/b/aws/pkg.tgz//*?archive=tgz"),
        ] {
            assert_eq!(resolve(&base, given).map(|a| a.to_string()), Ok(address.to_string()), "{given}");
        }
    }

    #[test]
    fn versions_are_those_of_the_first_module() {
        let body = br#"{"modules":[{"source":"x","versions":[{"version":"1.0.0"},{"version":"v2"}]}]}"#;
        assert_eq!(versions_in(body), Some(vec!["1.0.0".to_string(), "v2".to_string()]));
        assert_eq!(versions_in(br#"{"modules":[]}"#), Some(vec![]));
        assert_eq!(versions_in(b"<html>"), None);
    }
}
