//! The thread on which calls are made. States are read and written by blocking calls, from inside and outside of other
//! runtimes: neither may drive the calls themselves.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A thread with a runtime of its own. It ends with the value.
pub(crate) struct Worker {
    jobs: UnboundedSender<Job>,
}

impl Worker {
    /// Starts it.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start() -> io::Result<Worker> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (jobs, mut received) = unbounded_channel::<Job>();
        std::thread::Builder::new().name("backend".into()).spawn(move || {
            runtime.block_on(async {
                while let Some(job) = received.recv().await {
                    tokio::spawn(job);
                }
            });
        })?;
        Ok(Worker { jobs })
    }

    /// What the future comes to; the thread waits for it.
    ///
    /// # Errors
    /// When it panicked.
    pub fn call<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<T, Stopped> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job = Box::pin(async move {
            let _ = answer.send(future.await);
        });
        self.jobs.send(job).map_err(|_| Stopped)?;
        answered.recv().map_err(|_| Stopped)
    }
}

/// The thread did not give an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Stopped {
    pub const MESSAGE: &str = "the call was broken off by a defect of this program";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_can_be_made_from_inside_a_runtime_and_a_panic_is_no_hang() -> io::Result<()> {
        let worker = Worker::start()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let answer = runtime.block_on(async { worker.call(async { tokio::task::yield_now().await }) });
        assert_eq!(answer, Ok(()));
        assert_eq!(
            worker.call(async {
                if true {
                    panic!("broken")
                }
            }),
            Err(Stopped)
        );
        assert_eq!(worker.call(async { 7 }), Ok(7));
        Ok(())
    }
}
