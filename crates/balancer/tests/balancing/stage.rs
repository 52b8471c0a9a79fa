//! What the tests stand on: targets, clients, and short ways to write specifications.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use infra_balancer::spec::{Action, Balancer, HealthCheck, Listener, Rule, TargetGroup, Weighted};
use infra_balancer::{Balancers, HealthStatus, Spec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

pub type Body = BoxBody<Bytes, hyper::Error>;

/// A server that does what the path says.
pub struct Target {
    pub address: SocketAddr,
    state: Arc<State>,
    task: AbortHandle,
}

struct State {
    name: String,
    requests: AtomicUsize,
    healthy: AtomicBool,
    /// Requests for `/gate` wait for a permit.
    gate: Semaphore,
}

impl Target {
    pub async fn start(name: &str) -> Target {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = Arc::new(State {
            name: name.to_string(),
            requests: AtomicUsize::new(0),
            healthy: AtomicBool::new(true),
            gate: Semaphore::new(0),
        });
        let address = socket.local_addr().unwrap();
        let task = tokio::spawn(serve(socket, state.clone())).abort_handle();
        Target { address, state, task }
    }

    /// Requests but for health checks.
    pub fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    pub fn set_healthy(&self, healthy: bool) {
        self.state.healthy.store(healthy, Ordering::SeqCst);
    }

    pub fn open_gate(&self) {
        self.state.gate.add_permits(1);
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: TcpListener, state: Arc<State>) {
    // With the acceptor end its connections.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = socket.accept().await.unwrap();
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(|request| answer(request, state.clone()));
            let _ = server::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

async fn answer(mut request: Request<Incoming>, state: Arc<State>) -> Result<Response<Body>, &'static str> {
    let path = request.uri().path().to_string();
    if path == "/health" {
        let status = if state.healthy.load(Ordering::SeqCst) { 200 } else { 503 };
        return Ok(Response::builder().status(status).body(full("")).unwrap());
    }
    state.requests.fetch_add(1, Ordering::SeqCst);
    let name = Bytes::from(state.name.clone());
    let (first, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    Ok(match first {
        "gate" => {
            state.gate.acquire().await.unwrap().forget();
            Response::new(full(name))
        }
        "echo" => Response::new(request.into_body().boxed()),
        "headers" => {
            let lines: Vec<String> = request
                .headers()
                .iter()
                .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
                .collect();
            Response::new(full(lines.concat()))
        }
        "status" => Response::builder().status(rest.parse::<u16>().unwrap()).body(full(name)).unwrap(),
        // So many chunks of 64 KiB.
        "big" => Response::new(chunks(rest.parse().unwrap())),
        "die" => return Err("as asked"),
        "websocket" => {
            tokio::spawn(async move {
                let mut stream = TokioIo::new(hyper::upgrade::on(&mut request).await.unwrap());
                let mut buffer = [0; 100];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    stream.write_all(&buffer[..count]).await.unwrap();
                }
            });
            Response::builder()
                .status(101)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-accept", "yes")
                .body(full(""))
                .unwrap()
        }
        _ => Response::new(full(name)),
    })
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed()
}

pub const CHUNK: usize = 64 * 1024;

/// A body that is made while it is read.
pub fn chunks(count: usize) -> Body {
    struct Chunks(usize);
    impl hyper::body::Body for Chunks {
        type Data = Bytes;
        type Error = hyper::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
            static ZEROS: [u8; CHUNK] = [0; CHUNK];
            if self.0 == 0 {
                return std::task::Poll::Ready(None);
            }
            self.0 -= 1;
            std::task::Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS)))))
        }
    }
    Chunks(count).boxed()
}

/// A client with a connection that it keeps.
pub struct Client(client::SendRequest<Body>);

/// An answer that has come completely.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) = client::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Client(sender)
    }

    pub async fn send(&mut self, request: Request<Body>) -> hyper::Result<Response<Incoming>> {
        self.0.ready().await?;
        self.0.send_request(request).await
    }

    pub async fn ask(&mut self, request: Request<Body>) -> hyper::Result<Answer> {
        let (parts, body) = self.send(request).await?.into_parts();
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.ask(request("GET", path, &[])).await.unwrap()
    }
}

pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header("host", "example.com");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(full("")).unwrap()
}

/// One GET on a connection of its own.
pub async fn get(address: SocketAddr, path: &str) -> Answer {
    Client::connect(address).await.get(path).await
}

pub fn group(targets: &[(&str, SocketAddr)]) -> TargetGroup {
    TargetGroup {
        name: "group".into(),
        https: false,
        health_check: HealthCheck {
            enabled: true,
            tcp_only: false,
            path: "/health".into(),
            port: None,
            matcher: "200".into(),
            interval: Duration::from_millis(50),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        },
        deregistration_delay: Duration::from_secs(60),
        least_outstanding: false,
        stickiness: None,
        targets: targets.iter().map(|(id, address)| (id.to_string(), *address)).collect(),
    }
}

pub fn weighted(groups: &[(&str, u32)]) -> Vec<Weighted> {
    groups.iter().map(|(group, weight)| Weighted { group: group.to_string(), weight: *weight }).collect()
}

pub fn forward(groups: &[(&str, u32)]) -> Action {
    Action::Forward { groups: weighted(groups), stickiness: None }
}

pub fn listener(rules: Vec<Rule>, default: Action) -> Listener {
    Listener { port: 80, bind: "127.0.0.1:0".parse().unwrap(), tls_names: None, rules, default }
}

/// A load balancer `lb` with these listeners, and target groups.
pub fn spec(listeners: &[(&str, Listener)], groups: &[(&str, TargetGroup)]) -> Spec {
    let listeners = listeners.iter().map(|(arn, listener)| (arn.to_string(), listener.clone())).collect();
    let balancer = Balancer { name: "lb".into(), idle_timeout: Duration::from_secs(60), listeners };
    Spec {
        balancers: BTreeMap::from([("lb".to_string(), balancer)]),
        target_groups: groups.iter().map(|(arn, group)| (arn.to_string(), group.clone())).collect(),
    }
}

/// One listener `web` that sends everything to the group `a`.
pub fn simple(targets: &[(&str, SocketAddr)]) -> Spec {
    spec(&[("web", listener(vec![], forward(&[("a", 1)])))], &[("a", group(targets))])
}

/// Applies, and says where the listener `web` listens.
pub async fn apply(balancers: &Balancers, spec: &Spec) -> SocketAddr {
    balancers.apply(spec.clone()).await["web"].clone().unwrap()
}

pub fn status(balancers: &Balancers, group: &str, target: &str) -> Option<HealthStatus> {
    Some(balancers.health().get(group)?.get(target)?.status.clone())
}

/// Until all targets of these groups are healthy.
pub async fn healthy(balancers: &Balancers, groups: &[&str]) {
    until("targets are healthy", || {
        let health = balancers.health();
        groups.iter().all(|group| health[*group].values().all(|target| target.status == HealthStatus::Healthy))
    })
    .await;
}

/// Waits for what must come to be true sooner or later.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(60), "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
