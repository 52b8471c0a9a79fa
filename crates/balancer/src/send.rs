//! Sending a request to a target: on which connection, and what if it breaks.

use std::fmt;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};

use crate::body::{Progress, RequestBody};
use crate::counts::Outcome;
use crate::group::Group;
use crate::target::{ConnectError, Lease, Sender};

/// A request but for its body.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
}

impl Head {
    fn with(self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        request
    }
}

/// What a target answers, and what it is answered on.
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) sender: Sender,
    pub(crate) lease: Lease,
}

/// Why there is no answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Failure {
    /// No target could be reached, or it broke off; the reason.
    Broken(String),
    /// Nothing in time, or no connection.
    Timeout,
    /// The client did not send all of its request.
    SlowClient,
}

impl Failure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failure::Broken(_) => StatusCode::BAD_GATEWAY,
            Failure::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Failure::SlowClient => StatusCode::REQUEST_TIMEOUT,
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Failure::Broken(_) => Outcome::ConnectionError,
            Failure::Timeout => Outcome::Timeout,
            Failure::SlowClient => Outcome::Own(self.status().as_u16()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Broken(reason) => f.write_str(reason),
            Failure::Timeout => f.write_str("the target did not answer in time"),
            Failure::SlowClient => f.write_str("the client did not send its request in time"),
        }
    }
}

/// Sends a request to the target that was chosen for it, and to another one if that cannot be reached. A request that
/// met a connection just being closed is sent again on a new one if nothing of it was sent or if it may be repeated.
pub(crate) async fn send(
    group: &Group,
    mut lease: Lease,
    mut head: Head,
    body: RequestBody,
    idle: Duration,
) -> Result<Answer, Failure> {
    if !head.headers.contains_key(header::HOST)
        && let Ok(host) = HeaderValue::from_str(&lease.target.address.to_string())
    {
        head.headers.insert(header::HOST, host);
    }
    let progress = body.progress();
    let repeatable = body.is_end_stream() && head.method.is_idempotent();
    let mut request = head.with(body);
    let mut tried = Vec::new();
    let mut fresh_only = false;
    loop {
        let idle_connection = if fresh_only { None } else { lease.target.idle_connection(repeatable) };
        let reused = idle_connection.is_some();
        let connection = match idle_connection {
            Some(sender) => Ok(sender),
            // Rare, and large: it is not to make every request's future large.
            None => Box::pin(lease.target.connect()).await,
        };
        let failure = match connection {
            Ok(mut sender) => {
                let again = (reused && repeatable).then(|| copy(&request));
                match within(idle, progress.as_deref(), sender.try_send_request(request)).await? {
                    Ok(response) => return Ok(Answer { response, sender, lease }),
                    Err(mut error) => {
                        let message = error.take_message().or(again);
                        let failure = Failure::Broken(error.into_error().to_string());
                        let Some(message) = message else { return Err(failure) };
                        request = message;
                        if reused {
                            fresh_only = true;
                            continue;
                        }
                        failure
                    }
                }
            }
            Err(ConnectError::Refused(reason)) => Failure::Broken(reason),
            Err(ConnectError::Timeout) => Failure::Timeout,
        };
        // Nothing was sent: another target may do it.
        tried.push(lease.target.clone());
        match group.pick(None, &tried) {
            Some(pick) => lease = pick.lease,
            None => return Err(failure),
        }
    }
}

/// The same request again. Only for those without a body.
fn copy(request: &Request<RequestBody>) -> Request<RequestBody> {
    Head { method: request.method().clone(), uri: request.uri().clone(), headers: request.headers().clone() }
        .with(RequestBody::empty())
}

/// Waits for an answer for as long as the request's body moves, and then for the idle time.
async fn within<T>(idle: Duration, progress: Option<&Progress>, answer: impl Future<Output = T>) -> Result<T, Failure> {
    let Some(progress) = progress else {
        return tokio::time::timeout(idle, answer).await.map_err(|_| Failure::Timeout);
    };
    progress.touch();
    let mut answer = std::pin::pin!(answer);
    loop {
        let deadline = progress.deadline(idle);
        if let Ok(answer) = tokio::time::timeout_at(deadline.into(), &mut answer).await {
            return Ok(answer);
        }
        if progress.deadline(idle) <= deadline {
            return Err(if progress.waiting() { Failure::SlowClient } else { Failure::Timeout });
        }
    }
}
