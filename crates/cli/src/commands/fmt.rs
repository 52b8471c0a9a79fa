//! `infra fmt`: brings configuration files to the canonical layout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_diag::Sources;
use infra_lang::syntax::format;
use similar::TextDiff;

use crate::args::Fmt;
use crate::{Exit, output};

pub(crate) fn run(args: &Fmt) -> Exit {
    let mut job = Job { args, differs: false, failed: false };
    let here = [PathBuf::from(".")];
    let paths = if args.paths.is_empty() { &here[..] } else { &args.paths };
    for path in paths {
        if path.as_os_str() == "-" {
            job.standard_input();
        } else if path.is_dir() {
            job.folder(path);
        } else if path.is_file() {
            job.file(path);
        } else {
            output::error("No file or directory", &format!("{}: there is no such file or folder.", path.display()));
            job.failed = true;
        }
    }
    match (job.failed, args.check && job.differs) {
        (true, _) => Exit(2),
        (false, true) => Exit(3),
        (false, false) => Exit(0),
    }
}

struct Job<'a> {
    args: &'a Fmt,
    differs: bool,
    failed: bool,
}

impl Job<'_> {
    fn standard_input(&mut self) {
        match std::io::read_to_string(std::io::stdin()) {
            Ok(text) => {
                let Some(formatted) = self.formatted("<stdin>", &text) else { return };
                self.differs |= formatted != text;
                if self.args.diff {
                    show_difference("<stdin>", &text, &formatted);
                } else if !self.args.check {
                    output::raw(&formatted);
                }
            }
            Err(error) => self.unreadable("<stdin>", &error),
        }
    }

    fn folder(&mut self, folder: &Path) {
        let mut entries: Vec<PathBuf> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                if self.args.recursive {
                    self.folder(&path);
                }
            } else if [".tf", ".tfvars", ".tftest.hcl", ".tfmock.hcl"].iter().any(|end| name.ends_with(end)) {
                self.file(path.strip_prefix(".").unwrap_or(&path));
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.unreadable(&name, &error),
        };
        let Some(formatted) = self.formatted(&name, &text) else { return };
        if formatted == text {
            return;
        }
        self.differs = true;
        if self.args.list {
            output::line(&name);
        }
        if self.args.diff {
            show_difference(&name, &text, &formatted);
        }
        if self.args.write
            && !self.args.check
            && let Err(error) = std::fs::write(path, formatted)
        {
            output::error("Failed to write file", &format!("{name}: {error}."));
            self.failed = true;
        }
    }

    fn formatted(&mut self, name: &str, text: &str) -> Option<String> {
        let file: Arc<str> = name.into();
        match format(&file, text) {
            Ok(formatted) => Some(formatted),
            Err(problems) => {
                let mut sources = Sources::default();
                sources.insert(file, text.into());
                output::diagnostics(&problems, &sources, output::use_colour(self.args.no_color));
                self.failed = true;
                None
            }
        }
    }

    fn unreadable(&mut self, name: &str, error: &std::io::Error) {
        output::error("Failed to read file", &format!("{name}: {error}."));
        self.failed = true;
    }
}

fn show_difference(name: &str, old: &str, new: &str) {
    let diff = TextDiff::from_lines(old, new);
    output::raw(&diff.unified_diff().header(&format!("old/{name}"), &format!("new/{name}")).to_string());
}
