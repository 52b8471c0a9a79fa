//! Processes of this machine as they are remembered on disk: by id and start time, for an id alone may long be another's.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// A process, and no other that gets its id later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Process {
    pub(crate) id: u32,
    /// When it was started, in the system's own words.
    started: String,
}

impl Process {
    /// The running process with this id.
    pub(crate) fn running(id: u32) -> Option<Process> {
        started(id).map(|started| Process { id, started })
    }

    /// Whether it still runs. One that has ended and waits for its parent does not.
    pub(crate) fn runs(&self) -> bool {
        Process::running(self.id).as_ref() == Some(self)
    }

    /// Sends it a signal if it still runs.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.runs() {
            signal_id(self.id, signal);
        }
    }

    /// Stops it: asks with a signal first, and does not ask after a while. Returns when it is gone.
    pub(crate) async fn stop(&self, ask: Signal, patience: Duration) {
        self.signal(ask);
        let deadline = tokio::time::Instant::now() + patience;
        while self.runs() {
            if tokio::time::Instant::now() > deadline {
                self.signal(Signal::KILL);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Sends a signal to a child of ours that has not been waited for yet, so that its id is still its own.
pub(crate) fn signal_id(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

#[cfg(target_os = "linux")]
fn started(id: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything; the state is the third, the start
    // time (in ticks since the machine's start) the 22nd.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    match fields.as_slice() {
        ["Z" | "X", ..] => None,
        fields => Some(format!("{} {}", boot.trim(), fields.get(19)?)),
    }
}

#[cfg(not(target_os = "linux"))]
fn started(id: u32) -> Option<String> {
    let mut ps = std::process::Command::new("ps");
    ps.args(["-o", "stat=,lstart=", "-p", &id.to_string()]).env("LC_ALL", "C").stdin(std::process::Stdio::null());
    let output = ps.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (state, started) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_string())
}

/// The processes that were started here, one file each, so that the next supervisor finds what a killed one left.
#[derive(Clone, Debug)]
pub(crate) struct Register {
    folder: PathBuf,
}

impl Register {
    pub(crate) fn new(folder: PathBuf) -> Register {
        Register { folder }
    }

    /// Remembers a process until [`Register::forget`].
    pub(crate) fn remember(&self, name: &str, id: u32) -> std::io::Result<()> {
        let Some(process) = Process::running(id) else { return Ok(()) };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.path(name))?;
        file.write_all(&serde_json::to_vec(&process)?)
    }

    pub(crate) fn forget(&self, name: &str) {
        let _ = fs::remove_file(self.path(name));
    }

    /// Stops everything that is still remembered.
    pub(crate) async fn clean(&self, ask: Signal, patience: Duration) {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let left = files.map(|path| {
            let process = fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Process>(&text).ok());
            async move {
                if let Some(process) = process {
                    process.stop(ask, patience).await;
                }
                let _ = fs::remove_file(path);
            }
        });
        futures::future::join_all(left).await;
    }

    /// Deletes the folder.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.pid"))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn what_a_killed_supervisor_left_is_stopped_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let register = Register::new(folder.path().join("run"));
        let sleep = || Command::new("sleep").arg("600").stdout(Stdio::null()).spawn().expect("sleep runs");
        let (mut left, mut other) = (sleep(), sleep());
        register.remember("left", left.id()).expect("written");
        register.remember("other", other.id()).expect("written");
        // As if the other's id had been given to a new process.
        let file = folder.path().join("run/other.pid");
        let text = fs::read_to_string(&file).expect("a file");
        let process: Process = serde_json::from_str(&text).expect("a process");
        let earlier = Process { started: "earlier".into(), ..process };
        fs::write(&file, serde_json::to_vec(&earlier).expect("JSON")).expect("written");

        let reaped = std::thread::spawn(move || left.wait().expect("ends"));
        register.clean(Signal::TERM, Duration::from_secs(3)).await;
        assert!(!reaped.join().expect("joined").success());
        assert!(other.try_wait().expect("asked").is_none());
        other.kill().expect("killed");
        other.wait().expect("ends");
        assert_eq!(fs::read_dir(folder.path().join("run")).expect("a folder").count(), 0);
    }
}
