//! What containers and databases write: kept in files under the data folder, one per service, and handed to those that
//! follow.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, Stream, StreamExt};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::status::LogLine;

/// A file that has become longer than this is put aside.
const LONGEST_FILE: u64 = 4 * 1024 * 1024;

/// How many files that were put aside are kept for each service.
const KEPT: usize = 3;

/// What is longer is broken into several lines.
const LONGEST_LINE: usize = 64 * 1024;

/// How far a follower may fall behind before it misses lines.
const BEHIND: usize = 4096;

/// All logs of a project.
pub(crate) struct Logs {
    folder: PathBuf,
    open: Mutex<HashMap<String, Open>>,
    told: broadcast::Sender<LogLine>,
}

struct Open {
    file: File,
    length: u64,
}

/// Who writes.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    pub(crate) service: String,
    pub(crate) task: String,
    pub(crate) container: String,
}

impl Logs {
    pub(crate) fn new(folder: PathBuf) -> Logs {
        Logs { folder, open: Mutex::default(), told: broadcast::channel(BEHIND).0 }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a line. A line that cannot be written (a full disk) still reaches those that follow.
    pub(crate) fn add(&self, writer: &Writer, text: &str) {
        let line = LogLine {
            time: now(),
            service: writer.service.clone(),
            task: writer.task.clone(),
            container: writer.container.clone(),
            text: text.to_string(),
        };
        let mut open = self.open();
        if let Err(why) = self.write(&mut open, &line) {
            tracing::warn!("log of {}: {why}", writer.service);
            open.remove(&file_name(&writer.service));
        }
        // Told under the lock, so that a new follower gets each line once: from the file, or from here.
        let _ = self.told.send(line);
    }

    fn write(&self, open: &mut HashMap<String, Open>, line: &LogLine) -> std::io::Result<()> {
        let name = file_name(&line.service);
        if open.get(&name).is_some_and(|open| open.length > LONGEST_FILE) {
            open.remove(&name);
            rotate(&self.folder, &name)?;
        }
        if !open.contains_key(&name) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
            let path = self.folder.join(&name);
            let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            let length = file.metadata()?.len();
            open.insert(name.clone(), Open { file, length });
        }
        let Some(open) = open.get_mut(&name) else { return Ok(()) };
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        open.file.write_all(&text)?;
        open.length += text.len() as u64;
        Ok(())
    }

    /// Keeps all lines of a stream of bytes until it ends.
    pub(crate) async fn add_all(&self, writer: &Writer, mut from: impl AsyncBufRead + Unpin) {
        let mut line = Vec::new();
        loop {
            let (used, ended) = match from.fill_buf().await {
                Ok([]) | Err(_) => (0, true),
                Ok(bytes) => match bytes.iter().position(|b| *b == b'\n') {
                    Some(at) => {
                        line.extend_from_slice(&bytes[..at]);
                        self.add(writer, text(&line).as_ref());
                        line.clear();
                        (at + 1, false)
                    }
                    None => {
                        line.extend_from_slice(bytes);
                        (bytes.len(), false)
                    }
                },
            };
            from.consume(used);
            if !line.is_empty() && (ended || line.len() > LONGEST_LINE) {
                self.add(writer, text(&line).as_ref());
                line.clear();
            }
            if ended {
                return;
            }
        }
    }

    /// The lines of a service (or of all) so far, in order of time, and then those to come.
    pub(crate) fn read(&self, service: Option<&str>, follow: bool) -> impl Stream<Item = LogLine> + use<> {
        let wanted = service.map(str::to_string);
        let open = self.open();
        let told = follow.then(|| self.told.subscribe());
        let lines = kept(&self.folder, service);
        drop(open);
        let to_come = stream::unfold(told, |told| async move {
            let mut told = told?;
            loop {
                match told.recv().await {
                    Ok(line) => return Some((line, Some(told))),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        });
        let to_come = to_come.filter(move |line| std::future::ready(fits(line, wanted.as_deref())));
        stream::iter(lines).chain(to_come)
    }

    /// The last lines that a writer wrote, for messages.
    pub(crate) fn last(&self, service: &str, task: &str, count: usize) -> Vec<String> {
        let _open = self.open();
        let mut lines = read_file(&self.folder.join(file_name(service)));
        lines.retain(|line| line.task == task);
        let from = lines.len().saturating_sub(count);
        lines.split_off(from).into_iter().map(|line| line.text).collect()
    }

    /// Deletes everything.
    pub(crate) fn remove(&self) {
        self.open().clear();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The lines of one service, or all, that a folder holds.
pub(crate) fn kept(folder: &Path, service: Option<&str>) -> Vec<LogLine> {
    let mut lines = read_folder(folder);
    lines.retain(|line| fits(line, service));
    lines.sort_by(|a, b| a.time.cmp(&b.time));
    lines
}

/// A service is named by `CLUSTER/NAME`, by its name alone, or by its ARN, which ends in `CLUSTER/NAME`.
fn fits(line: &LogLine, wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| {
        line.service == wanted
            || line.service.rsplit('/').next() == Some(wanted)
            || wanted
                .strip_suffix(&line.service)
                .is_some_and(|before| !line.service.is_empty() && before.ends_with('/'))
    })
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes))
}

/// The current time; of fixed width, so that texts sort like times.
fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn file_name(service: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '.' };
    let name: String = service.chars().map(safe).collect();
    if name.is_empty() { "one-off.log".to_string() } else { format!("{name}.log") }
}

fn rotate(folder: &Path, name: &str) -> std::io::Result<()> {
    for number in (1..KEPT).rev() {
        let older = folder.join(format!("{name}.{number}"));
        if older.exists() {
            fs::rename(older, folder.join(format!("{name}.{}", number + 1)))?;
        }
    }
    fs::rename(folder.join(name), folder.join(format!("{name}.1")))
}

fn read_folder(folder: &Path) -> Vec<LogLine> {
    // Oldest first within a service: `x.log.3`, …, `x.log`; lines of the same millisecond keep that order.
    let mut files: BTreeMap<(String, std::cmp::Reverse<usize>), PathBuf> = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (name, number) = match name.rsplit_once(".log.") {
            Some((name, number)) => (name.to_string(), number.parse().unwrap_or(0)),
            None => (name.trim_end_matches(".log").to_string(), 0),
        };
        files.insert((name, std::cmp::Reverse(number)), entry.path());
    }
    files.values().flat_map(|path| read_file(path)).collect()
}

fn read_file(path: &Path) -> Vec<LogLine> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    // A line that a kill has cut off is left out.
    lines.filter_map(|line| serde_json::from_slice(&line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(service: &str) -> Writer {
        Writer { service: service.into(), task: "t1".into(), container: "app".into() }
    }

    async fn texts(logs: &Logs, service: Option<&str>) -> Vec<String> {
        logs.read(service, false).map(|line| line.text).collect().await
    }

    #[tokio::test]
    async fn lines_stay_for_the_next_and_are_found_by_each_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = Logs::new(folder.path().join("logs"));
        logs.add_all(&writer("main/web"), &b"one\r\ntwo\nthree"[..]).await;
        logs.add(&writer("main/api"), "other");
        let logs = Logs::new(folder.path().join("logs"));
        for name in ["main/web", "web", "arn:aws:ecs:eu-west-1:000000000000:service/main/web"] {
            assert_eq!(texts(&logs, Some(name)).await, ["one", "two", "three"], "{name}");
        }
        assert_eq!(texts(&logs, Some("eb")).await, [""; 0]);
        assert_eq!(texts(&logs, None).await.len(), 4);
    }

    #[tokio::test]
    async fn a_follower_gets_what_was_and_what_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = Logs::new(folder.path().to_path_buf());
        logs.add(&writer("main/web"), "before");
        let mut lines = std::pin::pin!(logs.read(Some("web"), true));
        logs.add(&writer("main/api"), "not asked for");
        logs.add(&writer("main/web"), "after");
        assert_eq!(lines.next().await.map(|l| l.text).as_deref(), Some("before"));
        assert_eq!(lines.next().await.map(|l| l.text).as_deref(), Some("after"));
    }

    #[test]
    fn long_logs_lose_their_oldest_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = Logs::new(folder.path().to_path_buf());
        let long = "x".repeat(1024 * 1024);
        for _ in 0..40 {
            logs.add(&writer("main/web"), &long);
        }
        let files = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(files, KEPT + 1);
    }
}
