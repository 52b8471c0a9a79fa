//! Interrupts: Ctrl-C, and what a supervisor sends to end a process.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Both signals, from the moment of listening on. They do not end the process by themselves any more.
pub(crate) struct Interrupts {
    signals: Vec<Signal>,
}

impl Interrupts {
    /// Begins to listen. Has to be called on the runtime.
    pub fn listen() -> Interrupts {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
        Interrupts { signals: kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect() }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let come = self.signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
            if come { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}
