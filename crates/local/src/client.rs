//! A command's side: finds the project's supervisor, starts it where none runs, and asks it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use infra_provider::Failure;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tracing::{Instrument, Span};

use crate::folder::Folder;
use crate::protocol::{Answer, Contact, LogEntry, Request};
use crate::status::Status;
use crate::supervisor::records;

/// How long a supervisor may take to start.
const START: Duration = Duration::from_secs(20);

/// After how long a supervisor is started again that found another one, which is gone by then.
const AGAIN: Duration = Duration::from_millis(200);

/// How long after its start a supervisor is given to bring up what ran before.
const COURTESY: Duration = Duration::from_secs(20);

/// After how long it is told what is waited for.
const NEWS: Duration = Duration::from_secs(2);

/// How often is looked.
const LOOK: Duration = Duration::from_millis(100);

/// How a supervisor is reached and started.
#[derive(Clone, Debug)]
pub struct Client {
    folder: Folder,
    program: PathBuf,
    /// Whether this command has started a supervisor.
    started: Arc<AtomicBool>,
}

impl Client {
    /// For the project that the folder belongs to. `program` is the `infra` binary.
    pub fn new(folder: Folder, program: PathBuf) -> Client {
        Client { folder, program, started: Arc::default() }
    }

    /// Where everything is kept.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What runs, or what is recorded where nothing does. No supervisor is started for it.
    ///
    /// # Errors
    /// The supervisor does not answer; the records cannot be read.
    pub async fn status(&self) -> Result<Status, Failure> {
        let Some(mut conversation) = self.running(&Request::Status).await? else {
            let records = records(&self.folder).map_err(|why| Failure::new("reading what is recorded", why))?;
            return Ok(records.map_or_else(Status::default, |world| Status::stopped(&world)));
        };
        match conversation.last(|_| {}).await? {
            Answer::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    /// If this command has started the supervisor: waits until what that has started again is up, or says why it is not,
    /// or has had the time that it takes. `waiting` is told after a while, once, what is waited for. Returns the status
    /// then, and nothing when called again.
    pub async fn settle(&self, mut waiting: impl FnMut(&[String])) -> Option<Status> {
        if !self.started.swap(false, Ordering::Relaxed) {
            return None;
        }
        let (begun, mut told) = (Instant::now(), false);
        loop {
            let status = tokio::time::timeout(COURTESY, self.status()).await.ok()?.ok()?;
            let up = Duration::from_secs(status.supervisor.as_ref()?.up_seconds);
            let coming = status.coming_up();
            if coming.is_empty() || up >= COURTESY {
                return Some(status);
            }
            if !told && begun.elapsed() > NEWS {
                waiting(&coming);
                told = true;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Stops everything that runs. Records and data stay. Returns whether anything was running.
    ///
    /// # Errors
    /// The supervisor does not answer.
    pub async fn stop(&self) -> Result<bool, Failure> {
        self.end(&Request::Stop).await
    }

    /// Stops everything and removes all records and data. Returns whether there was anything.
    ///
    /// # Errors
    /// The supervisor does not answer; the folder cannot be removed.
    pub async fn destroy(&self) -> Result<bool, Failure> {
        // What a killed supervisor left (containers, a database server) is found by a new one.
        if self.folder.world().exists() && !self.is_running().await && self.ask(&Request::Status).await.is_err() {
            // Records that cannot be read are to go too; without them a supervisor starts.
            let _ = std::fs::remove_file(self.folder.world());
            self.ask(&Request::Status).await?;
        }
        let ran = self.end(&Request::Destroy).await?;
        match std::fs::remove_dir_all(self.folder.path()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ran),
            Err(error) => Err(Failure::new(format!("removing {}", self.folder.path().display()), error.to_string())),
        }
    }

    /// Whether a supervisor answers.
    pub async fn is_running(&self) -> bool {
        matches!(self.running(&Request::Status).await, Ok(Some(_)))
    }

    /// Calls `line` for each line that the services have written, and with `follow` for those to come. Where nothing
    /// runs, those that are kept are all: no supervisor is started for it. Returns whether anything runs.
    ///
    /// # Errors
    /// The supervisor does not answer.
    pub async fn logs(
        &self,
        service: Option<String>,
        follow: bool,
        mut line: impl FnMut(LogEntry),
    ) -> Result<bool, Failure> {
        let request = Request::Logs { service: service.clone(), follow };
        let Some(mut conversation) = self.running(&request).await? else {
            let kept = infra_runtime::kept_logs(self.folder.path(), service.as_deref());
            kept.into_iter().for_each(|kept| line(kept.into()));
            return Ok(false);
        };
        let end = conversation.last(|answer| {
            if let Answer::Line(entry) = answer {
                line(entry);
            }
        });
        match end.await? {
            Answer::Done => Ok(true),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks, starting a supervisor where none runs.
    pub(crate) async fn ask(&self, request: &Request) -> Result<Conversation, Failure> {
        let (operation, ty) = request.named();
        let span = tracing::debug_span!("supervisor call", operation, resource_type = ty);
        let mut conversation = self.begin(request).instrument(span.clone()).await?;
        conversation.span = span;
        Ok(conversation)
    }

    async fn begin(&self, request: &Request) -> Result<Conversation, Failure> {
        self.end_other_version().await?;
        if let Some(conversation) = self.running(request).await? {
            return Ok(conversation);
        }
        let said = std::fs::metadata(self.folder.log()).map_or(0, |log| log.len());
        let mut started = self.start()?;
        let begun = Instant::now();
        loop {
            if let Some(conversation) = self.running(request).await? {
                return Ok(conversation);
            }
            if begun.elapsed() > START {
                break;
            }
            match started.try_wait() {
                // It found another, which answers in a moment, or is about to end.
                Ok(Some(status)) if status.success() => {
                    tokio::time::sleep(AGAIN).await;
                    if !self.folder.contact().exists() {
                        started = self.start()?;
                    }
                }
                Ok(Some(_)) => break,
                Ok(None) | Err(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let why = match self.said_since(said) {
            said if said.is_empty() => format!("it did not answer within {} s", START.as_secs()),
            said => said,
        };
        Err(Failure::new("starting the local supervisor", why))
    }

    /// What the supervisor's log has got since it was this long, without the frame of an error.
    fn said_since(&self, length: u64) -> String {
        let log = std::fs::read(self.folder.log()).unwrap_or_default();
        let new = log.get(usize::try_from(length).unwrap_or(usize::MAX)..).unwrap_or_default();
        let text = String::from_utf8_lossy(new);
        // Two commands at once may have started one each.
        let last = text.rsplit("Error: ").next().unwrap_or_default();
        let lines = last.lines().skip(usize::from(last.len() < text.len()));
        let lines = lines.map(|line| line.trim_start_matches(['│', '╷', '╵']).trim());
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        lines.join(" ")
    }

    /// Ends a supervisor that another build of the program started: this one takes over from it.
    async fn end_other_version(&self) -> Result<(), Failure> {
        let text = std::fs::read(self.folder.contact()).unwrap_or_default();
        match serde_json::from_slice::<Contact>(&text) {
            Ok(contact) if contact.version != build(&self.program) => self.stop().await.map(drop),
            _ => Ok(()),
        }
    }

    async fn end(&self, request: &Request) -> Result<bool, Failure> {
        let Some(mut conversation) = self.running(request).await? else { return Ok(false) };
        match conversation.last(|_| {}).await? {
            Answer::Done => {}
            other => return Err(unexpected(&other)),
        }
        // It lets go of its lock as the last thing that it does.
        let begun = Instant::now();
        while begun.elapsed() < START && (self.folder.contact().exists() || self.is_locked()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(true)
    }

    /// Whether a supervisor lives.
    fn is_locked(&self) -> bool {
        let file = std::fs::File::options().write(true).open(self.folder.lock());
        file.is_ok_and(|file| matches!(file.try_lock(), Err(std::fs::TryLockError::WouldBlock)))
    }

    /// Asks the supervisor that runs; `None` if none does.
    async fn running(&self, request: &Request) -> Result<Option<Conversation>, Failure> {
        let Ok(text) = std::fs::read(self.folder.contact()) else { return Ok(None) };
        let Ok(contact) = serde_json::from_slice::<Contact>(&text) else { return Ok(None) };
        self.ask_contact(&contact, request).await
    }

    async fn ask_contact(&self, contact: &Contact, request: &Request) -> Result<Option<Conversation>, Failure> {
        let Ok(stream) = TcpStream::connect(("127.0.0.1", contact.port)).await else { return Ok(None) };
        let (read, mut write) = stream.into_split();
        let mut text = serde_json::to_string(&contact.key).map_err(|e| lost(&e))?;
        text.push('\n');
        text.push_str(&serde_json::to_string(request).map_err(|e| lost(&e))?);
        text.push('\n');
        let mut lines = BufReader::new(read).lines();
        // Whoever has the port now, if the supervisor is gone, does not greet with the same process id.
        if write.write_all(text.as_bytes()).await.is_err() {
            return Ok(None);
        }
        match lines.next_line().await {
            Ok(Some(greeting)) if greeting == format!("infra {}", contact.pid) => {}
            _ => return Ok(None),
        }
        Ok(Some(Conversation { lines, _write: write, span: Span::none() }))
    }

    fn start(&self) -> Result<Child, Failure> {
        let failed = |what: String| move |error: std::io::Error| Failure::new(what, error.to_string());
        self.folder.create().map_err(failed(format!("making {}", self.folder.path().display())))?;
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let log =
            options.open(self.folder.log()).map_err(failed(format!("opening {}", self.folder.log().display())))?;
        let copy = log.try_clone().map_err(failed("opening the supervisor's log".into()))?;
        let mut command = Command::new(&self.program);
        command.arg("local-supervisor").arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(log).stderr(copy).current_dir("/");
        // What runs here gets nothing of the account that the caller may have.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name.starts_with("AWS_") || name.starts_with("TF_VAR_") {
                command.env_remove(&*name);
            }
        }
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = command.spawn().map_err(failed(format!("starting {}", self.program.display())))?;
        self.started.store(true, Ordering::Relaxed);
        Ok(started)
    }
}

/// A request that was sent, and its answers.
pub(crate) struct Conversation {
    lines: Lines<BufReader<OwnedReadHalf>>,
    _write: tokio::net::tcp::OwnedWriteHalf,
    /// Ends with it.
    span: Span,
}

impl Conversation {
    /// The last answer; those before it go to `between`.
    pub(crate) async fn last(&mut self, mut between: impl FnMut(Answer)) -> Result<Answer, Failure> {
        loop {
            let line = self.lines.next_line().await.map_err(|e| lost(&e))?;
            let Some(line) = line else { return Err(lost(&"the connection was closed")) };
            match serde_json::from_str(&line).map_err(|e| lost(&e))? {
                answer @ (Answer::Checkpoint(_) | Answer::Line(_)) => between(answer),
                answer => return Ok(answer),
            }
        }
    }
}

/// What tells one build of the program from another: its version, and its file's size and age.
pub(crate) fn build(program: &Path) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let seconds =
        |time: std::time::SystemTime| time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    match std::fs::metadata(program) {
        Ok(file) => format!("{version}-{}-{}", file.len(), file.modified().map(seconds).unwrap_or_default()),
        Err(_) => version.to_string(),
    }
}

fn lost(why: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        "talking to the local supervisor",
        format!("{why}. Its log is .infra/local/supervisor.log; the next command starts it again."),
    )
}

pub(crate) fn unexpected(answer: &Answer) -> Failure {
    match answer {
        Answer::Failed { failure, .. } => failure.clone().into(),
        _ => Failure::new("talking to the local supervisor", "its answer does not fit: it is of another version"),
    }
}
