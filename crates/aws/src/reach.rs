//! Errors of connections say where to.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The address that was tried, and what came of it.
#[derive(Debug)]
pub(crate) struct Unreachable {
    place: String,
    cause: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer from {}", self.place)
    }
}

impl Error for Unreachable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.cause)
    }
}

/// A client whose errors name the address.
pub(crate) fn telling(client: SharedHttpClient) -> SharedHttpClient {
    SharedHttpClient::new(Telling(client))
}

#[derive(Debug)]
struct Telling<T>(T);

impl HttpClient for Telling<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Telling(self.0.http_connector(settings, components)))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

impl HttpConnector for Telling<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let place = place(request.uri());
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| told(error, place)) })
    }
}

/// The same error, with the address.
fn told(error: ConnectorError, place: String) -> ConnectorError {
    let again: fn(Box<dyn Error + Send + Sync>) -> ConnectorError = match () {
        () if error.is_timeout() => ConnectorError::timeout,
        () if error.is_io() => ConnectorError::io,
        () if error.is_user() => ConnectorError::user,
        // What the SDK makes of the others depends on more than their kind.
        () => return error,
    };
    let connection = error.connection_metadata().cloned();
    let error = again(Box::new(Unreachable { place, cause: error.into_source() }));
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
    }
}

/// The scheme and the host of a URL.
fn place(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find(['/', '?']).map_or(url.len(), |at| host + at);
    url[..end].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::chain;

    #[test]
    fn the_place_is_all_before_the_path() {
        for (url, wanted) in [
            ("http://127.0.0.1:9/", "http://127.0.0.1:9"),
            ("https://sts.eu-west-1.amazonaws.com?Action=x", "https://sts.eu-west-1.amazonaws.com"),
            ("https://route53.amazonaws.com/2013-04-01/hostedzone", "https://route53.amazonaws.com"),
        ] {
            assert_eq!(place(url), wanted);
        }
    }

    #[test]
    fn an_error_keeps_its_kind_and_names_the_place() {
        let refused = || Box::new(std::io::Error::other("refused"));
        let error = told(ConnectorError::io(refused()), "http://a".into());
        assert!(error.is_io());
        assert_eq!(chain(&error), "io error: no answer from http://a: refused");
        assert!(told(ConnectorError::timeout(refused()), "http://a".into()).is_timeout());
    }
}
