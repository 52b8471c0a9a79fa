//! Bodies on their way through: passed on as they come, with an eye on how long nothing comes.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;

use crate::counts::Outcome;
use crate::group::Group;
use crate::routes::Owner;
use crate::target::{Lease, Sender};

/// What can go wrong with a body.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// What a client sends.
pub(crate) struct RequestBody {
    /// `None`: nothing.
    incoming: Option<Incoming>,
    progress: Option<Arc<Progress>>,
}

/// When something of a request's body last came.
pub(crate) struct Progress {
    start: Instant,
    milliseconds: AtomicU64,
    /// The next piece is for the client to send, not for the target to take.
    waiting: AtomicBool,
}

impl Progress {
    fn new() -> Self {
        Progress { start: Instant::now(), milliseconds: AtomicU64::new(0), waiting: AtomicBool::new(false) }
    }

    pub(crate) fn touch(&self) {
        self.milliseconds.store(self.start.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// When so long a time without anything will have passed.
    pub(crate) fn deadline(&self, idle: Duration) -> Instant {
        self.start + Duration::from_millis(self.milliseconds.load(Ordering::Relaxed)) + idle
    }

    /// Whether the client is to send more.
    pub(crate) fn waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }
}

impl RequestBody {
    pub(crate) fn empty() -> Self {
        RequestBody { incoming: None, progress: None }
    }

    pub(crate) fn new(incoming: Incoming) -> Self {
        if incoming.is_end_stream() {
            return RequestBody::empty();
        }
        RequestBody { incoming: Some(incoming), progress: Some(Arc::new(Progress::new())) }
    }

    pub(crate) fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(incoming) = &mut this.incoming else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *incoming).poll_frame(cx);
        if let Some(progress) = &this.progress {
            progress.waiting.store(polled.is_pending(), Ordering::Relaxed);
            if polled.is_ready() {
                progress.touch();
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// What a client is answered.
pub(crate) enum AnswerBody {
    /// An answer of the balancer's own.
    Own(Bytes),
    /// A target's.
    Target(TargetBody),
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut *self {
            AnswerBody::Own(bytes) if bytes.is_empty() => Poll::Ready(None),
            AnswerBody::Own(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            AnswerBody::Target(body) => body.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Own(bytes) => bytes.is_empty(),
            AnswerBody::Target(body) => body.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Own(bytes) => SizeHint::with_exact(bytes.len() as u64),
            AnswerBody::Target(body) => body.incoming.size_hint(),
        }
    }
}

/// The body of a target's answer. When it has come to its end, the connection is free for the next request.
pub(crate) struct TargetBody {
    incoming: Incoming,
    /// What it comes on. `None` once it has ended.
    way: Option<(Sender, Lease)>,
    group: Arc<Group>,
    owner: Arc<Owner>,
    /// Made when there is something to wait for.
    timer: Option<Pin<Box<Sleep>>>,
    /// Something came since the timer was set.
    moved: bool,
}

impl TargetBody {
    pub(crate) fn new(incoming: Incoming, sender: Sender, lease: Lease, group: Arc<Group>, owner: Arc<Owner>) -> Self {
        let mut body = TargetBody { incoming, way: Some((sender, lease)), group, owner, timer: None, moved: false };
        if body.incoming.is_end_stream() {
            body.end();
        }
        body
    }

    fn end(&mut self) {
        if let Some((sender, lease)) = self.way.take() {
            lease.target.keep(sender);
        }
    }

    fn broken(&mut self, error: BodyError) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.way.take().is_some() {
            self.group.meter.record(Outcome::Broken);
            self.owner.meter.record(Outcome::Broken);
        }
        Poll::Ready(Some(Err(error)))
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.moved = true;
                if self.incoming.is_end_stream() {
                    self.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => self.broken(error.into()),
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let deadline = tokio::time::Instant::now() + self.owner.idle_timeout;
                let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
                if std::mem::take(&mut self.moved) {
                    timer.as_mut().reset(deadline);
                }
                match timer.as_mut().poll(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(()) => self.broken("the target fell silent within its answer".into()),
                }
            }
        }
    }
}
