//! The journal of creations as one object, which can only be replaced as a whole: a thread puts it, and what begins
//! while it is busy goes together into the next put.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::open::Open;

/// How long a put waits for others that begin at the same time.
const TOGETHER: Duration = Duration::from_millis(3);
/// How long what has ended may stand in the object: another creation probably begins meanwhile.
const LAZY: Duration = Duration::from_secs(1);

/// An object that holds a text. Its methods block.
pub trait UnderwayObject: Send + Sync + 'static {
    /// Where it is, as messages say it.
    fn place(&self) -> String;
    /// What it holds; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read(&self) -> io::Result<Option<String>>;
    /// Replaces what it holds, so that it is there even if this machine stops now.
    ///
    /// # Errors
    /// When that is not certain.
    fn put(&self, text: &str) -> io::Result<()>;
    /// Removes it; nothing happens if there is none.
    ///
    /// # Errors
    /// When it may still be there.
    fn remove(&self) -> io::Result<()>;
}

pub(super) struct ObjectJournal {
    object: Arc<dyn UnderwayObject>,
    writer: Mutex<Option<Writer>>,
}

struct Writer {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

enum Job {
    /// A line about a creation, and who waits for it to be safe.
    Add {
        token: String,
        line: String,
        done: Option<Done>,
    },
    End(Vec<String>),
}

impl ObjectJournal {
    pub fn new(object: impl UnderwayObject) -> ObjectJournal {
        ObjectJournal { object: Arc::new(object), writer: Mutex::default() }
    }

    /// What the object holds; nothing if there is none.
    pub fn read(&self) -> io::Result<String> {
        Ok(self.object.read()?.unwrap_or_default())
    }

    pub fn begin(&self, token: &str, line: Json) -> Begun {
        let slot = Slot::default();
        let done = Some(Done(slot.clone()));
        // If there is nobody to send it to, it is dropped, and that is an answer too.
        let _ = self.send(Job::Add { token: token.to_string(), line: format!("{line}\n"), done });
        Begun(slot)
    }

    pub fn made(&self, token: &str, line: Json) -> io::Result<()> {
        self.send(Job::Add { token: token.to_string(), line: format!("{line}\n"), done: None })
    }

    pub fn end(&self, tokens: &[&str]) {
        if !tokens.is_empty() {
            let _ = self.send(Job::End(tokens.iter().map(|token| token.to_string()).collect()));
        }
    }

    fn send(&self, job: Job) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.is_none() {
            let (jobs, received) = mpsc::channel();
            let object = self.object.clone();
            let thread = std::thread::Builder::new()
                .name("underway".into())
                .spawn(move || Keeper { object, open: None, kept: None }.run(&received))?;
            *writer = Some(Writer { jobs, thread });
        }
        let sent = writer.as_ref().map(|writer| writer.jobs.send(job));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(stopped()),
        }
    }
}

impl Drop for ObjectJournal {
    /// Waits until everything is written.
    fn drop(&mut self) {
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Writer { jobs, thread }) = writer {
            drop(jobs);
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for ObjectJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectJournal").field(&self.object.place()).finish()
    }
}

fn stopped() -> io::Error {
    io::Error::other("the thread that writes it has stopped")
}

/// What the thread knows.
struct Keeper {
    object: Arc<dyn UnderwayObject>,
    /// The open creations; `None` until the object was read.
    open: Option<Open>,
    /// What the object holds now, if that is known.
    kept: Option<Open>,
}

impl Keeper {
    fn run(mut self, jobs: &Receiver<Job>) {
        // When the object has to be brought up to date, if it is behind.
        let mut due: Option<Instant> = None;
        let mut waiting: Vec<(String, Done)> = Vec::new();
        loop {
            let job = match due {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => jobs.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let soon = match job {
                Ok(Job::Add { token, line, done }) => {
                    match self.open() {
                        Ok(open) => {
                            open.add(&token, line);
                            waiting.extend(done.map(|done| (token, done)));
                        }
                        Err(error) => {
                            if let Some(done) = done {
                                done.0.set(Err(error));
                            }
                            continue;
                        }
                    }
                    TOGETHER
                }
                Ok(Job::End(tokens)) => {
                    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
                    let Ok(open) = self.open() else { continue };
                    open.end(&tokens);
                    LAZY
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.bring_up_to_date(&mut waiting);
                    due = None;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.bring_up_to_date(&mut waiting);
                    return;
                }
            };
            let at = Instant::now() + soon;
            due = Some(due.map_or(at, |before| before.min(at)));
        }
    }

    /// The open creations; what an earlier run has left is read once.
    fn open(&mut self) -> io::Result<&mut Open> {
        if self.open.is_none() {
            let kept = Open::parse(&self.object.read()?.unwrap_or_default());
            self.open = Some(kept.clone());
            self.kept = Some(kept);
        }
        Ok(self.open.get_or_insert_default())
    }

    fn bring_up_to_date(&mut self, waiting: &mut Vec<(String, Done)>) {
        let Some(open) = &mut self.open else { return };
        if self.kept.as_ref() != Some(open) {
            let put = if open.is_empty() { self.object.remove() } else { self.object.put(&open.text()) };
            match put {
                Ok(()) => self.kept = Some(open.clone()),
                Err(error) => {
                    // Some of it may be there all the same. Whoever waits does not create anything.
                    self.kept = None;
                    for (token, done) in waiting.drain(..) {
                        open.take_back(&token);
                        done.0.set(Err(io::Error::new(error.kind(), error.to_string())));
                    }
                }
            }
        }
        for (_, done) in waiting.drain(..) {
            done.0.set(Ok(()));
        }
    }
}

/// A creation that is being written down: ready when it is. See [`super::Underway::begin_soon`].
#[derive(Debug)]
pub struct Begun(Slot);

impl Begun {
    pub(super) fn now(result: io::Result<()>) -> Begun {
        let slot = Slot::default();
        slot.set(result);
        Begun(slot)
    }

    /// Waits for it, holding up the thread.
    pub(super) fn wait(self) -> io::Result<()> {
        struct Unpark(std::thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        loop {
            match self.0.take(&waker) {
                Some(result) => return result,
                None => std::thread::park(),
            }
        }
    }
}

impl Future for Begun {
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.take(context.waker()).map_or(Poll::Pending, Poll::Ready)
    }
}

/// Who has to say what came of it. To be dropped before that is an error.
#[derive(Debug)]
struct Done(Slot);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.set(Err(stopped()));
    }
}

/// Where a result arrives: the first one counts.
#[derive(Clone, Debug, Default)]
struct Slot(Arc<Mutex<Arrival>>);

#[derive(Debug, Default)]
struct Arrival {
    result: Option<io::Result<()>>,
    /// Whoever waits for it.
    waker: Option<Waker>,
}

impl Slot {
    fn set(&self, result: io::Result<()>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.result.get_or_insert(result);
        if let Some(waker) = slot.waker.take() {
            waker.wake();
        }
    }

    /// The result; while there is none, the waker is called when it comes.
    fn take(&self, waker: &Waker) -> Option<io::Result<()>> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = slot.result.take();
        if result.is_none() {
            slot.waker = Some(waker.clone());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;

    /// An object in memory, of which a put takes a while and can be made to fail.
    #[derive(Clone, Default)]
    struct Memory {
        text: Arc<Mutex<Option<String>>>,
        puts: Arc<AtomicUsize>,
        down: Arc<AtomicBool>,
    }

    impl Memory {
        fn text(&self) -> Option<String> {
            self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        fn set(&self, text: Option<String>) -> io::Result<()> {
            if self.down.load(Ordering::SeqCst) {
                return Err(io::Error::other("cut"));
            }
            std::thread::sleep(Duration::from_millis(20));
            *self.text.lock().unwrap_or_else(PoisonError::into_inner) = text;
            Ok(())
        }
    }

    impl UnderwayObject for Memory {
        fn place(&self) -> String {
            "memory".into()
        }
        fn read(&self) -> io::Result<Option<String>> {
            Ok(self.text())
        }
        fn put(&self, text: &str) -> io::Result<()> {
            self.puts.fetch_add(1, Ordering::SeqCst);
            self.set(Some(text.into()))
        }
        fn remove(&self) -> io::Result<()> {
            self.set(None)
        }
    }

    fn begin(journal: &ObjectJournal, token: &str) -> Begun {
        journal.begin(token, json!({"begun": token, "address": format!("a.{token}")}))
    }

    #[test]
    fn what_begins_together_is_put_together_and_is_there_when_begin_returns() -> io::Result<()> {
        let object = Memory::default();
        let journal = ObjectJournal::new(object.clone());
        let begun: Vec<Begun> = (0..100).map(|i| begin(&journal, &i.to_string())).collect();
        for one in begun {
            one.wait()?;
        }
        assert_eq!(object.text().map(|text| text.lines().count()), Some(100));
        // Usually one; how many depends on how the threads are scheduled.
        assert!(object.puts.load(Ordering::SeqCst) < 20);
        Ok(())
    }

    #[test]
    fn the_object_goes_when_nothing_is_open_and_what_is_open_stays() -> io::Result<()> {
        let object = Memory::default();
        let journal = ObjectJournal::new(object.clone());
        begin(&journal, "1").wait()?;
        begin(&journal, "2").wait()?;
        journal.made("1", json!({"made": "1"}))?;
        journal.end(&["1"]);
        drop(journal);
        assert_eq!(object.text().as_deref(), Some("{\"begun\":\"2\",\"address\":\"a.2\"}\n"));
        ObjectJournal::new(object.clone()).end(&["2"]);
        assert_eq!(object.text(), None);
        Ok(())
    }

    #[test]
    fn a_put_that_fails_is_told_and_leaves_no_trace_in_the_next() -> io::Result<()> {
        let object = Memory::default();
        let journal = ObjectJournal::new(object.clone());
        begin(&journal, "1").wait()?;
        object.down.store(true, Ordering::SeqCst);
        assert!(begin(&journal, "2").wait().is_err());
        object.down.store(false, Ordering::SeqCst);
        begin(&journal, "3").wait()?;
        let text = object.text().unwrap_or_default();
        assert!(text.contains("a.1") && !text.contains("a.2") && text.contains("a.3"), "{text}");
        Ok(())
    }
}
