//! A listener at work: accepts connections and speaks HTTP on them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::proxy::Client;
use crate::routes::{Owner, Routes};

/// All of a request's headers together.
const MAX_HEADERS: usize = 64 * 1024;

/// How long a client may take for the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the connections of a listener share. Changed while they run.
pub(crate) struct Shared {
    pub(crate) port: u16,
    pub(crate) port_text: HeaderValue,
    routes: RwLock<Routes>,
    tls: RwLock<Option<TlsAcceptor>>,
}

impl Shared {
    pub(crate) fn new(port: u16, routes: Routes, tls: Option<TlsAcceptor>) -> Self {
        Shared { port, port_text: HeaderValue::from(port), routes: RwLock::new(routes), tls: RwLock::new(tls) }
    }

    pub(crate) fn routes(&self) -> RwLockReadGuard<'_, Routes> {
        self.routes.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn owner(&self) -> Arc<Owner> {
        self.routes().owner.clone()
    }

    /// From here on, no request is decided by the old rules.
    pub(crate) fn set(&self, routes: Routes) {
        *self.routes.write().unwrap_or_else(PoisonError::into_inner) = routes;
    }

    pub(crate) fn set_tls(&self, tls: Option<TlsAcceptor>) {
        *self.tls.write().unwrap_or_else(PoisonError::into_inner) = tls;
    }

    fn tls(&self) -> Option<TlsAcceptor> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A listener that accepts connections.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(socket: TcpListener, shared: Arc<Shared>) -> Self {
        let (stop, stopped) = watch::channel(false);
        Running { stop, task: tokio::spawn(accept(socket, shared, stopped)) }
    }

    /// Stops accepting. Requests under way end, within this time.
    pub(crate) async fn stop(mut self, limit: Duration) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
    }
}

async fn accept(socket: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, shared.clone(), stop.clone()));
                }
                Err(error) => {
                    // Too many open files, for one, may pass.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = stop.changed() => break,
        }
    }
    drop(socket);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Arc<Shared>, stop: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let tls = shared.tls();
    let client = Client { shared, address: peer.ip().to_canonical(), tls: tls.is_some() };
    let Some(tls) = tls else { return http1(stream, client, stop).await };
    match tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => http2(stream, client, stop).await,
        Ok(Ok(stream)) => http1(stream, client, stop).await,
        Ok(Err(error)) => tracing::debug!(%error, "no TLS with a client"),
        Err(_) => tracing::debug!("a client took too long for TLS"),
    }
}

async fn http1<S>(stream: S, client: Client, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let idle = client.shared.owner().idle_timeout;
    let service = service_fn(|request: Request<Incoming>| async { Ok::<_, Infallible>(client.answer(request).await) });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(idle).max_header_size(MAX_HEADERS);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn http2<S>(stream: S, client: Client, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let client = Arc::new(client);
    let service = service_fn(|request: Request<Incoming>| {
        let client = client.clone();
        async move { Ok::<_, Infallible>(client.answer(request).await) }
    });
    let mut server = http2::Builder::new(TokioExecutor::new());
    server.timer(TokioTimer::new()).max_header_list_size(MAX_HEADERS as u32).max_concurrent_streams(128);
    let mut connection = pin!(server.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        biased;
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
