//! A request on its way: what is done with it, by which target, and what is answered.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode, Uri, Version};

use crate::body::{AnswerBody, RequestBody, TargetBody};
use crate::counts::Outcome;
use crate::group::Group;
use crate::headers::{self, GROUP_COOKIE, TARGET_COOKIE};
use crate::listener::Shared;
use crate::routes::{Action, Owner};
use crate::rules::{Asked, without_port};
use crate::send::{Head, send};
use crate::target::Lease;
use crate::upgrade;

/// The longest address that is taken.
const MAX_URI: usize = 16 * 1024;

/// Where a request comes from.
pub(crate) struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) address: IpAddr,
    pub(crate) tls: bool,
}

/// What was decided for a request.
enum Decision {
    Forward { group: Arc<Group>, lease: Lease, cookies: Vec<(&'static str, std::time::Duration, String)> },
    NoTarget { group: Option<Arc<Group>> },
    Redirect { status: u16, location: String },
    Fixed { status: u16, content_type: String, body: String },
}

impl Client {
    /// Answers a request.
    pub(crate) async fn answer(&self, mut request: Request<Incoming>) -> Response<AnswerBody> {
        let protocol = headers::websocket(request.headers());
        let upgrade = protocol.map(|protocol| (protocol, hyper::upgrade::on(&mut request)));
        let (parts, body) = request.into_parts();
        let (mut head, host) = match Head::new(parts) {
            Ok(head) => head,
            Err(status) => {
                self.shared.owner().meter.record(Outcome::Own(status.as_u16()));
                return own(status);
            }
        };
        let (decision, owner) = self.decide(&head, &host);
        match decision {
            Decision::Forward { group, lease, cookies } => {
                let tally = Tally { group, owner, open: true };
                headers::remove_hop_by_hop(&mut head.headers);
                // The balancer says 100 itself as soon as the body is asked for.
                head.headers.remove(header::EXPECT);
                headers::add_forwarded(&mut head.headers, self.address, self.tls, &self.shared.port_text);
                if let Some((protocol, _)) = &upgrade {
                    headers::set_upgrade(&mut head.headers, protocol.clone());
                }
                let mut response = forward(tally, lease, head, RequestBody::new(body), upgrade.map(|(_, on)| on)).await;
                for (name, time, value) in cookies {
                    headers::set_cookie(response.headers_mut(), name, &value, time);
                }
                response
            }
            Decision::NoTarget { group } => {
                if let Some(group) = group {
                    group.meter.record(Outcome::NoTarget);
                }
                owner.meter.record(Outcome::NoTarget);
                own(StatusCode::SERVICE_UNAVAILABLE)
            }
            Decision::Redirect { status, location } => {
                owner.meter.record(Outcome::Own(status));
                let mut response = own(StatusCode::from_u16(status).unwrap_or(StatusCode::FOUND));
                match HeaderValue::from_str(&location) {
                    Ok(location) => drop(response.headers_mut().insert(header::LOCATION, location)),
                    Err(_) => return own(StatusCode::BAD_REQUEST),
                }
                response
            }
            Decision::Fixed { status, content_type, body } => {
                owner.meter.record(Outcome::Own(status));
                let mut response = Response::new(AnswerBody::Own(Bytes::from(body)));
                *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                if let Ok(content_type) = HeaderValue::from_str(&content_type) {
                    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
                }
                response
            }
        }
    }

    /// Holds the rules still until a target has been chosen: whoever changes them knows that, once they are changed,
    /// no request under way can still come to a target by the old ones.
    fn decide(&self, head: &Head, host: &str) -> (Decision, Arc<Owner>) {
        let routes = self.shared.routes();
        let asked = Asked {
            host: without_port(host),
            path: head.uri.path(),
            query: head.uri.query().unwrap_or(""),
            method: head.method.as_str(),
            headers: &head.headers,
            source: self.address,
        };
        let decision = match routes.action(&asked) {
            Action::Forward { split, groups, stickiness } => {
                let kept = stickiness.and_then(|_| headers::cookie(&head.headers, GROUP_COOKIE));
                let kept = kept.and_then(|token| {
                    groups.iter().position(|group| group.as_ref().is_some_and(|group| group.token == token))
                });
                let chosen = kept.or_else(|| split.next()).and_then(|at| groups[at].as_ref());
                match chosen.map(|group| (group, group.pick(headers::cookie(&head.headers, TARGET_COOKIE), &[]))) {
                    Some((group, Some(pick))) => {
                        let of_group = stickiness.map(|time| (GROUP_COOKIE, time, group.token.clone()));
                        let of_target = pick.sticky.map(|(time, token)| (TARGET_COOKIE, time, token));
                        let cookies = of_group.into_iter().chain(of_target).collect();
                        Decision::Forward { group: group.clone(), lease: pick.lease, cookies }
                    }
                    other => Decision::NoTarget { group: other.map(|(group, _)| group.clone()) },
                }
            }
            Action::Redirect(redirect) => Decision::Redirect {
                status: redirect.status,
                location: redirect.location(&asked, self.tls, self.shared.port, &routes.owner.ports),
            },
            Action::Fixed { status, content_type, body } => {
                Decision::Fixed { status: *status, content_type: content_type.clone(), body: body.clone() }
            }
        };
        (decision, routes.owner.clone())
    }
}

impl Head {
    /// What is passed on of a request's head, and the host that is asked for.
    fn new(parts: hyper::http::request::Parts) -> Result<(Head, String), StatusCode> {
        let hyper::http::request::Parts { method, uri, version, mut headers, .. } = parts;
        if method == Method::CONNECT || method == Method::TRACE {
            return Err(StatusCode::METHOD_NOT_ALLOWED);
        }
        let path = uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if path.as_str().len() > MAX_URI {
            return Err(StatusCode::URI_TOO_LONG);
        }
        if version == Version::HTTP_2 {
            headers::join_cookies(&mut headers);
        }
        // An address with a host goes before the header.
        if let Some(authority) = uri.authority() {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| StatusCode::BAD_REQUEST)?;
            headers.insert(header::HOST, host);
        }
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err(StatusCode::BAD_REQUEST);
        }
        let host = match headers.get(header::HOST) {
            Some(host) => host.to_str().map_err(|_| StatusCode::BAD_REQUEST)?.to_string(),
            None if version == Version::HTTP_11 => return Err(StatusCode::BAD_REQUEST),
            None => String::new(),
        };
        Ok((Head { method, uri: Uri::from(path), headers }, host))
    }
}

/// Sends a request to a target and takes its answer.
async fn forward(
    mut tally: Tally,
    lease: Lease,
    head: Head,
    body: RequestBody,
    upgrade: Option<OnUpgrade>,
) -> Response<AnswerBody> {
    let begin = Instant::now();
    let idle = tally.owner.idle_timeout;
    let answer = match send(&tally.group, lease, head, body, idle).await {
        Ok(answer) => answer,
        Err(failure) => {
            tracing::debug!(%failure, "request failed");
            tally.record(failure.outcome());
            return own(failure.status());
        }
    };
    let (mut parts, incoming) = answer.response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let protocol = headers::websocket(&parts.headers);
        let (Some(client), Some(protocol)) = (upgrade, protocol) else {
            tally.record(Outcome::ConnectionError);
            return own(StatusCode::BAD_GATEWAY);
        };
        tally.record(Outcome::Target(parts.status.as_u16(), begin.elapsed()));
        let target = hyper::upgrade::on(Response::from_parts(parts.clone(), incoming));
        upgrade::join(client, target, answer.lease, idle);
        headers::remove_hop_by_hop(&mut parts.headers);
        headers::set_upgrade(&mut parts.headers, protocol);
        return Response::from_parts(parts, AnswerBody::Own(Bytes::new()));
    }
    tally.record(Outcome::Target(parts.status.as_u16(), begin.elapsed()));
    headers::remove_hop_by_hop(&mut parts.headers);
    let mut response = Response::new(AnswerBody::Target(TargetBody::new(
        incoming,
        answer.sender,
        answer.lease,
        tally.group.clone(),
        tally.owner.clone(),
    )));
    *response.status_mut() = parts.status;
    *response.headers_mut() = parts.headers;
    response
}

/// Sees to it that a request is counted, however it ends.
struct Tally {
    group: Arc<Group>,
    owner: Arc<Owner>,
    open: bool,
}

impl Tally {
    fn record(&mut self, outcome: Outcome) {
        self.open = false;
        self.group.meter.record(outcome);
        self.owner.meter.record(outcome);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        if self.open {
            self.record(Outcome::ClientGone);
        }
    }
}

/// An answer of the balancer's own.
fn own(status: StatusCode) -> Response<AnswerBody> {
    let title = format!("{} {}", status.as_str(), status.canonical_reason().unwrap_or("")).trim_end().to_string();
    let page = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n");
    let mut response = Response::new(AnswerBody::Own(Bytes::from(page)));
    *response.status_mut() = status;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(header::SERVER, HeaderValue::from_static("infra"));
    *response.headers_mut() = headers;
    response
}
