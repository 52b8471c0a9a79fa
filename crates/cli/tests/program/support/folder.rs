//! A folder with a configuration, and infra run in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::Cloud;

/// A temporary copy of a configuration, with the environment that infra gets there.
pub struct Folder {
    top: TempDir,
    inside: PathBuf,
    environment: Vec<(String, String)>,
}

impl Folder {
    /// A folder with this `main.tf`.
    pub fn with(configuration: &str) -> Folder {
        let folder = Folder::empty("");
        folder.write("main.tf", configuration);
        folder
    }

    /// A copy of a folder of the project. The rest of the top-level folder that it is in is copied too, for modules.
    pub fn copy_of(path: &str) -> Folder {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let folder = Folder::empty(path);
        let first = path.split('/').next().unwrap_or(path);
        copy(&root.join(first), &folder.top.path().join(first));
        folder
    }

    /// With another top-level folder of the project beside it.
    pub fn and(self, path: &str) -> Folder {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        copy(&root.join(path), &self.top.path().join(path));
        self
    }

    fn empty(inside: &str) -> Folder {
        let top = tempfile::tempdir().expect("a temporary folder");
        let inside = top.path().join(inside);
        Folder { top, inside, environment: Vec::new() }
    }

    /// With the emulated AWS.
    pub fn on(self, cloud: &Cloud) -> Folder {
        self.at(&cloud.url())
    }

    /// With an AWS at an address.
    pub fn at(self, url: &str) -> Folder {
        self.env("AWS_ENDPOINT_URL", url).env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test")
    }

    /// With an environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Folder {
        self.environment.push((name.to_string(), value.to_string()));
        self
    }

    /// Without an environment variable that it had.
    pub fn without(mut self, name: &str) -> Folder {
        self.environment.retain(|(given, _)| given != name);
        self
    }

    /// The path of a file in it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.inside.join(file)
    }

    /// Writes a file.
    pub fn write(&self, file: &str, text: &str) {
        let folder = self.path(file).parent().map(Path::to_path_buf).unwrap_or_default();
        fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        fs::write(self.path(file), text).unwrap_or_else(|error| panic!("{file}: {error}"));
    }

    /// Reads a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The state, as it is in the file.
    pub fn state(&self) -> Json {
        serde_json::from_str(&self.read("terraform.tfstate")).expect("the state is JSON")
    }

    /// Starts infra, and does not wait for its end.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("infra starts")
    }

    /// The command that runs infra, to be started in another way.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_infra"));
        command
            .args(arguments)
            .current_dir(&self.inside)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.top.path())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs infra, without any of this machine's settings.
    pub fn infra<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Outcome {
        Outcome::of(self.command(arguments).output().expect("infra starts"))
    }
}

/// How a run of infra ended.
pub struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    /// Of a program that has ended.
    pub fn of(output: Output) -> Outcome {
        Outcome {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// That it ended with this status.
    #[track_caller]
    pub fn status(self, wanted: i32) -> Outcome {
        assert_eq!(self.status, Some(wanted), "\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// That it said this on standard error.
    #[track_caller]
    pub fn fails_with(self, text: &str) -> Outcome {
        assert!(self.stderr.contains(text), "{text:?} is not in:\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// That it said this on standard output.
    #[track_caller]
    pub fn says(self, text: &str) -> Outcome {
        assert!(self.stdout.contains(text), "{text:?} is not in:\n{}\n{}", self.stdout, self.stderr);
        self
    }

    /// That it failed like a program, not like a machine: status 1, an error with these texts, no panic, and no
    /// colour codes.
    #[track_caller]
    pub fn fails(self, texts: &[&str]) -> Outcome {
        let this = self.status(1);
        // A box is drawn around errors, and long lines are wrapped in it.
        let flat = this.stderr.replace(['│', '╷', '╵'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
        for text in texts {
            assert!(flat.contains(text), "{text:?} is not in:\n{}\n{}", this.stdout, this.stderr);
        }
        assert!(!flat.contains("has crashed"), "{}", this.stderr);
        assert!(!flat.contains('\u{1b}'), "{}", this.stderr);
        this
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    let entries = fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    for entry in entries.map(|entry| entry.expect("a readable folder")) {
        let name = entry.file_name();
        let text = name.to_string_lossy();
        // What a run of infra or terraform left in the original is no part of it.
        if text.starts_with(".terraform") || text.starts_with("terraform.tfstate") || text == ".infra" {
            continue;
        }
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(&name));
        } else {
            fs::copy(entry.path(), to.join(&name)).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
