//! A target: its connections, its requests under way, its health.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::body::RequestBody;
use crate::health::{Health, HealthStatus, TargetHealth};
use crate::tls;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept: shorter than the idle timeout of most servers is not possible, so that one may
/// be closed just when it is taken.
const IDLE_CONNECTION: Duration = Duration::from_secs(55);

/// A request that must not be sent twice takes a connection only if it was in use this short a time ago.
const FRESH_CONNECTION: Duration = Duration::from_secs(1);

/// What sends requests on a connection to a target.
pub(crate) type Sender = http1::SendRequest<RequestBody>;

pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) address: SocketAddr,
    pub(crate) https: bool,
    health: Mutex<Health>,
    in_flight: AtomicUsize,
    /// Told when the last request under way has ended.
    idle: Notify,
    /// No request goes here any more: what is under way is being cut.
    closed: AtomicBool,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    /// Between two requests, the one used last at the end.
    idle: Vec<(Sender, Instant)>,
    /// What drives the connections, and what has become of those that were upgraded.
    tasks: JoinSet<()>,
}

impl Connections {
    fn sweep(&mut self) {
        self.idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < IDLE_CONNECTION);
        while self.tasks.try_join_next().is_some() {}
    }
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum ConnectError {
    Refused(String),
    Timeout,
}

impl Target {
    pub(crate) fn new(id: String, address: SocketAddr, https: bool, status: HealthStatus) -> Self {
        Target {
            id,
            address,
            https,
            health: Mutex::new(Health::new(status, SystemTime::now())),
            in_flight: AtomicUsize::new(0),
            idle: Notify::new(),
            closed: AtomicBool::new(false),
            connections: Mutex::default(),
        }
    }

    pub(crate) fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn report(&self) -> TargetHealth {
        let health = self.health();
        TargetHealth { status: health.status.clone(), since: health.since, in_flight: self.in_flight() }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Begins a request here. To be called with the group locked, so that a target that drains begins none.
    pub(crate) fn lease(self: &Arc<Self>) -> Lease {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        Lease { target: self.clone() }
    }

    /// Waits until no request is under way.
    pub(crate) async fn finished(&self) {
        loop {
            let told = self.idle.notified();
            if self.in_flight.load(Ordering::SeqCst) == 0 {
                return;
            }
            told.await;
        }
    }

    /// Cuts all connections.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let mut connections = self.connections();
        connections.idle.clear();
        connections.tasks.abort_all();
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection, if there is one that is still open.
    pub(crate) fn idle_connection(&self, repeatable: bool) -> Option<Sender> {
        let oldest = if repeatable { IDLE_CONNECTION } else { FRESH_CONNECTION };
        let mut connections = self.connections();
        let idle = &mut connections.idle;
        let mut at = idle.len();
        while at > 0 {
            at -= 1;
            let (sender, since) = &idle[at];
            if sender.is_closed() {
                idle.remove(at);
                continue;
            }
            if since.elapsed() > oldest {
                return None;
            }
            // One that still sends the rest of a request is not ready, and may be later.
            if sender.is_ready() {
                return Some(idle.remove(at).0);
            }
        }
        None
    }

    /// Keeps a connection for the next request.
    pub(crate) fn keep(&self, sender: Sender) {
        if sender.is_closed() || self.closed.load(Ordering::SeqCst) {
            return;
        }
        let mut connections = self.connections();
        if connections.idle.first().is_some_and(|(_, since)| since.elapsed() > IDLE_CONNECTION) {
            connections.sweep();
        }
        connections.idle.push((sender, Instant::now()));
    }

    /// Closes connections that have been idle for too long, and forgets those that have ended.
    pub(crate) fn sweep(&self) {
        self.connections().sweep();
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<Sender, ConnectError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(ConnectError::Refused("the target was taken out".into()));
        }
        match tokio::time::timeout(CONNECT_TIMEOUT, self.open()).await {
            Ok(Ok(sender)) => Ok(sender),
            Ok(Err(reason)) => Err(ConnectError::Refused(reason)),
            Err(_) => Err(ConnectError::Timeout),
        }
    }

    async fn open(&self) -> Result<Sender, String> {
        match dial(self.address, self.https).await? {
            Stream::Plain(stream) => self.speak(stream).await,
            Stream::Tls(stream) => self.speak(stream).await,
        }
    }

    async fn speak<S>(&self, stream: S) -> Result<Sender, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        self.run(async move {
            // How it ends, the request under way is told.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }

    /// Runs what ends with the target.
    pub(crate) fn run(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut connections = self.connections();
        if self.closed.load(Ordering::SeqCst) {
            return;
        }
        while connections.tasks.try_join_next().is_some() {}
        connections.tasks.spawn(task);
    }
}

/// A connection's bytes.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// Connects, without a limit in time.
pub(crate) async fn dial(address: SocketAddr, https: bool) -> Result<Stream, String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    if !https {
        return Ok(Stream::Plain(stream));
    }
    let name = ServerName::IpAddress(address.ip().into());
    let stream = tls::connector()?.connect(name, stream).await.map_err(|error| error.to_string())?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// A request under way at a target.
pub(crate) struct Lease {
    pub(crate) target: Arc<Target>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.target.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.target.idle.notify_waiters();
        }
    }
}
