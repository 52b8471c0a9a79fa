//! Connections that have become something else than HTTP: bytes are passed on both ways.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::target::Lease;

/// Joins a client's connection and a target's once both have changed over. Ends when either ends, when nothing is said
/// for the idle time, or with the target.
pub(crate) fn join(client: OnUpgrade, target: OnUpgrade, lease: Lease, idle: Duration) {
    let owner = lease.target.clone();
    owner.run(async move {
        let _lease = lease;
        let Ok((client, target)) = tokio::try_join!(client, target) else { return };
        let clock = Arc::new(Clock { start: Instant::now(), last: AtomicU64::new(0) });
        let mut client = Watched { stream: TokioIo::new(client), clock: clock.clone() };
        let mut target = Watched { stream: TokioIo::new(target), clock: clock.clone() };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut client, &mut target) => {}
            _ = clock.silence(idle) => {}
        }
    });
}

/// When something was last said.
struct Clock {
    start: Instant,
    last: AtomicU64,
}

impl Clock {
    async fn silence(&self, idle: Duration) {
        loop {
            let deadline = self.start + Duration::from_millis(self.last.load(Ordering::Relaxed)) + idle;
            if deadline <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(deadline).await;
        }
    }
}

/// Notes when something is read.
struct Watched {
    stream: TokioIo<Upgraded>,
    clock: Arc<Clock>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if polled.is_ready() {
            self.clock.last.store(self.clock.start.elapsed().as_millis() as u64, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
