//! A test stand: targets, a load balancer in front of them, and clients. `benches/balancer` runs it.
//!
//! ```text
//! stand targets           two targets; prints their addresses
//! stand balancer A B      a load balancer for the targets A and B; prints its address
//! stand load A N SECONDS  N clients ask A; prints requests, failures, and the 50th and 99th percentile in ms
//! stand flips             20,000 requests by 50 clients while weights flip 100 times; prints failures
//! ```
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use infra_balancer::spec::{Action, Balancer, HealthCheck, Listener, TargetGroup, Weighted};
use infra_balancer::{Balancers, HealthStatus, Spec};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["targets"] => {
            println!("{} {}", target().await?, target().await?);
            std::future::pending().await
        }
        ["balancer", a, b] => {
            let balancers = Balancers::new();
            println!("{}", apply(&balancers, [a.parse()?, b.parse()?], (1, 1)).await?);
            std::future::pending().await
        }
        ["load", address, clients, seconds] => load(address.parse()?, clients.parse()?, seconds.parse()?).await,
        ["flips"] => flips().await,
        _ => Err("stand targets | balancer A B | load A N SECONDS | flips".into()),
    }
}

/// A server that answers `/` with a few bytes, `/64k` with many.
async fn target() -> Outcome<SocketAddr> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    let answer = |request: Request<Incoming>| {
        static LARGE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        let large = request.uri().path() == "/64k";
        let body: &[u8] = if large { &LARGE } else { b"{\"version\": \"v1\", \"colour\": \"blue\"}" };
        std::future::ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(body)))))
    };
    tokio::spawn(async move {
        while let Ok((stream, _)) = socket.accept().await {
            let _ = stream.set_nodelay(true);
            let server =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer));
            tokio::spawn(server);
        }
    });
    Ok(address)
}

/// A group for each of the two targets, with these weights.
async fn apply(balancers: &Balancers, targets: [SocketAddr; 2], weights: (u32, u32)) -> Outcome<SocketAddr> {
    let group = |address| TargetGroup {
        name: "group".into(),
        https: false,
        health_check: HealthCheck {
            enabled: true,
            tcp_only: false,
            path: "/".into(),
            port: None,
            matcher: "200".into(),
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        },
        deregistration_delay: Duration::from_secs(5),
        least_outstanding: false,
        stickiness: None,
        targets: [("1".to_string(), address)].into(),
    };
    let groups = [("a", weights.0), ("b", weights.1)]
        .map(|(group, weight)| Weighted { group: group.to_string(), weight })
        .to_vec();
    let listener = Listener {
        port: 80,
        bind: "127.0.0.1:0".parse()?,
        tls_names: None,
        rules: Vec::new(),
        default: Action::Forward { groups, stickiness: None },
    };
    let listeners = [("listener".to_string(), listener)].into();
    let balancer = Balancer { name: "balancer".into(), idle_timeout: Duration::from_secs(60), listeners };
    let spec = Spec {
        balancers: [("balancer".to_string(), balancer)].into(),
        target_groups: [("a".to_string(), group(targets[0])), ("b".to_string(), group(targets[1]))].into(),
    };
    Ok(balancers.apply(spec).await.remove("listener").ok_or("no listener")??)
}

/// Asks until `go_on` says no. The times of all requests, and how many failed.
async fn ask(address: SocketAddr, mut go_on: impl FnMut() -> bool) -> (Vec<Duration>, usize) {
    let (mut times, mut failed) = (Vec::new(), 0);
    let mut connection = None;
    while go_on() {
        let begin = Instant::now();
        match once(address, &mut connection).await {
            Ok(()) => times.push(begin.elapsed()),
            Err(_) => {
                failed += 1;
                connection = None;
            }
        }
    }
    (times, failed)
}

type Connection = hyper::client::conn::http1::SendRequest<Empty<Bytes>>;

async fn once(address: SocketAddr, connection: &mut Option<Connection>) -> Outcome<()> {
    let sender = match connection {
        Some(sender) => sender,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(driver);
            connection.insert(sender)
        }
    };
    sender.ready().await?;
    let request = Request::get("/").header("host", "localhost").body(Empty::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    response.into_body().collect().await?;
    if status == 200 { Ok(()) } else { Err(status.to_string().into()) }
}

async fn load(address: SocketAddr, clients: usize, seconds: u64) -> Outcome<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut running = JoinSet::new();
    for _ in 0..clients {
        running.spawn(ask(address, move || Instant::now() < end));
    }
    let (times, failed): (Vec<_>, Vec<_>) = running.join_all().await.into_iter().unzip();
    let mut times = times.concat();
    times.sort();
    let at = |share: f64| times.get((times.len() as f64 * share) as usize).map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!("{} {} {:.3} {:.3}", times.len(), failed.iter().sum::<usize>(), at(0.5), at(0.99));
    Ok(())
}

async fn flips() -> Outcome<()> {
    const REQUESTS: usize = 20_000;
    const FLIPS: usize = 100;
    let targets = [target().await?, target().await?];
    let balancers = Balancers::new();
    let address = apply(&balancers, targets, (1, 0)).await?;
    let healthy = || {
        let health = balancers.health();
        health.values().flat_map(|group| group.values()).all(|target| target.status == HealthStatus::Healthy)
    };
    while !healthy() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    for _ in 0..50 {
        let asked = asked.clone();
        running.spawn(ask(address, move || asked.fetch_add(1, Ordering::Relaxed) < REQUESTS));
    }
    for flip in 1..=FLIPS {
        while asked.load(Ordering::Relaxed) < flip * (REQUESTS - 100) / FLIPS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        apply(&balancers, targets, if flip % 2 == 0 { (1, 0) } else { (0, 1) }).await?;
    }
    let answers = running.join_all().await;
    let answered: usize = answers.iter().map(|(times, _)| times.len()).sum();
    let failed: usize = answers.iter().map(|(_, failed)| failed).sum();
    let counts = balancers.counts();
    println!(
        "{answered} of {REQUESTS} requests answered, {failed} failed, over {FLIPS} flips; {} to one group, {} to the other",
        counts["a"].requests, counts["b"].requests
    );
    balancers.shutdown().await;
    if failed == 0 { Ok(()) } else { Err("requests failed".into()) }
}
