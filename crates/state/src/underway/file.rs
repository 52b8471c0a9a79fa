//! The journal of creations as a file: lines are added and synced.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value as Json;

use super::open::Open;
use crate::local::write_private;

/// How many lines of ended creations the file may have before it is written anew.
pub(super) const DEAD_LINES: usize = 1000;

#[derive(Debug)]
pub(super) struct FileJournal {
    path: PathBuf,
    journal: Mutex<Journal>,
}

#[derive(Debug, Default)]
struct Journal {
    /// `None` until the file was read.
    open: Option<Open>,
    file: Option<File>,
    dead: usize,
}

impl FileJournal {
    pub fn new(path: PathBuf) -> FileJournal {
        FileJournal { path, journal: Mutex::default() }
    }

    /// What the file holds; nothing if there is none.
    pub fn read(&self) -> io::Result<String> {
        read(&self.path)
    }

    /// Adds a line about a creation.
    pub fn add(&self, token: &str, line: Json) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{line}\n");
        journal.read(&self.path)?.add(token, line.clone());
        journal.append(&self.path, &line, true)
    }

    pub fn end(&self, tokens: &[&str]) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(open) = journal.read(&self.path) else { return };
        let ended = open.end(tokens);
        let none_open = open.is_empty();
        journal.dead += ended.dead;
        if none_open {
            journal.file = None;
            journal.dead = 0;
            let _ = fs::remove_file(&self.path);
        } else if journal.dead > DEAD_LINES {
            let _ = journal.rewrite(&self.path);
        } else if !ended.lines.is_empty() {
            let _ = journal.append(&self.path, &ended.lines, false);
        }
    }
}

impl Journal {
    /// The open creations. What an earlier run has left is read once, and the file then holds nothing else.
    fn read(&mut self, path: &Path) -> io::Result<&mut Open> {
        if self.open.is_none() {
            let text = read(path)?;
            self.open = Some(Open::parse(&text));
            if !text.is_empty() {
                self.rewrite(path)?;
            }
        }
        Ok(self.open.get_or_insert_default())
    }

    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        let text = self.open.as_ref().map(Open::text).unwrap_or_default();
        self.file = None;
        self.dead = 0;
        write_private(path, text.as_bytes())
    }

    fn append(&mut self, path: &Path, lines: &str, synced: bool) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let new = !path.exists();
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                if new {
                    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
                    File::open(folder).and_then(|folder| folder.sync_all())?;
                }
                none.insert(file)
            }
        };
        file.write_all(lines.as_bytes())?;
        if synced { file.sync_data() } else { Ok(()) }
    }
}

fn read(path: &Path) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        read => read,
    }
}
