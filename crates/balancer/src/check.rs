//! Health checks: asking a target again and again.

use std::net::SocketAddr;
use std::sync::Weak;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::group::Group;
use crate::health::{self, HealthStatus};
use crate::spec::HealthCheck;
use crate::target::{Stream, Target, dial};

/// A new target is asked this often until it answers, so that it need not wait a whole interval for its start.
const EAGER_INTERVAL: Duration = Duration::from_millis(250);

/// Checks a target for as long as it and its group exist.
pub(crate) async fn run(group: Weak<Group>, target: Weak<Target>, check: HealthCheck) {
    let mut counted: Option<Instant> = None;
    loop {
        let Some((address, https)) = target.upgrade().map(|target| (target.address, target.https)) else { return };
        let address = SocketAddr::new(address.ip(), check.port.unwrap_or(address.port()));
        let result = tokio::time::timeout(check.timeout, ask(address, https, &check))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {:?}", check.timeout)));
        let (Some(group), Some(target)) = (group.upgrade(), target.upgrade()) else { return };
        target.sweep();
        let eager = result.is_err() && target.health().status == HealthStatus::Initial;
        // Asking more often does not make a target unhealthy sooner.
        if result.is_ok() || counted.is_none_or(|at| at.elapsed() >= check.interval) {
            counted = Some(Instant::now());
            group.observe(&target, result);
        }
        drop((group, target));
        tokio::time::sleep(if eager { check.interval.min(EAGER_INTERVAL) } else { check.interval }).await;
    }
}

/// One check.
async fn ask(address: SocketAddr, https: bool, check: &HealthCheck) -> Result<(), String> {
    if check.tcp_only {
        return dial(address, false).await.map(|_| ());
    }
    let status = match dial(address, https).await? {
        Stream::Plain(stream) => get(stream, address, &check.path).await?,
        Stream::Tls(stream) => get(stream, address, &check.path).await?,
    };
    if health::matches(&check.matcher, status) {
        Ok(())
    } else {
        Err(format!("answered {status} to GET {}, not {}", check.path, check.matcher))
    }
}

async fn get<S>(stream: S, address: SocketAddr, path: &str) -> Result<u16, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    let request = Request::get(path)
        .header(header::HOST, address.to_string())
        .header(header::USER_AGENT, "ELB-HealthChecker/2.0")
        .header(header::ACCEPT_ENCODING, "gzip, compressed")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| format!("the path {path} cannot be asked for: {error}"))?;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        biased;
        answer = &mut answer => answer,
        _ = &mut connection => answer.await,
    }
    .map(|answer| answer.status().as_u16())
    .map_err(|error| error.to_string())
}
