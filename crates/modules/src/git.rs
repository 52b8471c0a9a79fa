//! Modules in git repositories, fetched by the `git` program with the credentials that it has.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use url::Url;

use crate::http::shown;

/// Why a repository cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("the module is in a git repository, and there is no git program on the path: install git")]
    Missing,
    #[error("git cannot be run: {0}")]
    Start(std::io::Error),
    #[error("{0}")]
    Address(String),
    #[error("git {command} failed for {url}:\n{output}")]
    Failed { command: String, url: String, output: String },
}

/// What an address asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    /// Where the repository is.
    url: Url,
    /// A branch, a tag or a commit; the repository's default branch if not given.
    reference: Option<String>,
    /// How much of the history.
    depth: Option<u32>,
    /// A private key in Base64.
    key: Option<String>,
}

impl Request {
    fn parse(address: &str) -> Result<Request, GitError> {
        let wrong = |what: &str| GitError::Address(format!("{what} in the address of the repository"));
        let mut url = Url::parse(address).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(url.scheme(), "https" | "http" | "ssh" | "git" | "file") {
            return Err(wrong(&format!("git is not used over {:?}: there is an error", url.scheme())));
        }
        let (mut reference, mut depth, mut key) = (None, None, None);
        let mut kept = Vec::new();
        for (name, value) in url.query_pairs() {
            match (&*name, value.is_empty()) {
                ("ref" | "depth" | "sshkey", true) => {}
                ("ref", _) => reference = Some(value.into_owned()),
                ("depth", _) => {
                    let number = value.parse().map_err(|_| wrong(&format!("depth={value} is no number")))?;
                    depth = Some(number).filter(|n| *n > 0);
                }
                ("sshkey", _) => key = Some(value.into_owned()),
                _ => kept.push((name.into_owned(), value.into_owned())),
            }
        }
        if kept.is_empty() {
            url.set_query(None);
        } else {
            url.query_pairs_mut().clear().extend_pairs(kept);
        }
        // What begins with a dash is an option to git.
        if reference.as_deref().is_some_and(|text| text.starts_with('-'))
            || url.host_str().is_some_and(|h| h.starts_with('-'))
        {
            return Err(wrong("there is an option to git instead of a name"));
        }
        Ok(Request { url, reference, depth, key })
    }
}

/// Puts the files of a repository into a folder, which is empty. `ask`: whether git may ask for a password.
pub(crate) async fn fetch(address: &str, into: &Path, ask: bool) -> Result<(), GitError> {
    let request = Request::parse(address)?;
    let key = request.key.as_deref().map(key_file).transpose()?;
    let git = Git { url: &request.url, folder: into, ask, key: key.as_ref().map(tempfile::NamedTempFile::path) };
    git.run(&["init", "--quiet"]).await?;
    git.run(&["remote", "add", "origin", request.url.as_str()]).await?;
    let wanted = request.reference.as_deref().unwrap_or("HEAD");
    let depth = format!("--depth={}", request.depth.unwrap_or(1));
    match git.run(&["fetch", "--quiet", "--no-tags", &depth, "origin", wanted]).await {
        Ok(()) => git.run(&["checkout", "--quiet", "--detach", "FETCH_HEAD"]).await?,
        // A server need not give a single commit, nor know a short name of one: the whole repository has it.
        Err(GitError::Failed { output, .. }) if may_be_elsewhere(wanted, &output) => {
            git.run(&["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"]).await?;
            git.run(&["checkout", "--quiet", wanted, "--"]).await?;
        }
        Err(error) => return Err(error),
    }
    if into.join(".gitmodules").is_file() {
        git.run(&["submodule", "--quiet", "update", "--init", "--recursive"]).await?;
    }
    // The history is of no use any more, and its settings may hold a password.
    std::fs::remove_dir_all(into.join(".git")).map_err(GitError::Start)
}

/// Whether what a fetch of just this did not find may be found in the whole repository.
fn may_be_elsewhere(wanted: &str, output: &str) -> bool {
    let commit = wanted.len() >= 4 && wanted.bytes().all(|b| b.is_ascii_hexdigit());
    let expression = wanted.contains(['~', '^', '@', '/']);
    let not_given = ["not our ref", "unadvertised object", "not allowed", "Server does not allow"];
    let not_shallow = ["shallow", "dumb http"];
    let unknown = output.contains("couldn't find remote ref") && (commit || expression);
    unknown || not_given.iter().chain(&not_shallow).any(|text| output.contains(text))
}

struct Git<'a> {
    url: &'a Url,
    folder: &'a Path,
    ask: bool,
    key: Option<&'a Path>,
}

impl Git<'_> {
    async fn run(&self, arguments: &[&str]) -> Result<(), GitError> {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            // Messages are read for what they say; a connection that stands still is given up.
            .env("LC_ALL", "C")
            .env("GIT_HTTP_LOW_SPEED_LIMIT", "1")
            .env("GIT_HTTP_LOW_SPEED_TIME", "60");
        // A git that runs infra, in a hook for example, must not lead this one into its own repository.
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            command.env_remove(name);
        }
        if !self.ask {
            command.env("GIT_TERMINAL_PROMPT", "0");
        }
        if let Some(key) = self.key {
            let quoted = key.to_string_lossy().replace('\'', "'\\''");
            command.env("GIT_SSH_COMMAND", format!("ssh -i '{quoted}' -o IdentitiesOnly=yes"));
        }
        let output = command.output().await.map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => GitError::Missing,
            _ => GitError::Start(error),
        })?;
        if output.status.success() {
            return Ok(());
        }
        Err(GitError::Failed {
            command: arguments.first().copied().unwrap_or_default().to_string(),
            url: shown(self.url),
            output: self.without_password(String::from_utf8_lossy(&output.stderr).trim()),
        })
    }

    /// What git says, without the password in the address.
    fn without_password(&self, output: &str) -> String {
        match self.url.password() {
            Some(password) if !password.is_empty() => output.replace(password, "xxxxx"),
            _ => output.to_string(),
        }
    }
}

/// The key in a file that only its owner reads.
fn key_file(base64: &str) -> Result<tempfile::NamedTempFile, GitError> {
    let decoded =
        decode_base64(base64).ok_or_else(|| GitError::Address("sshkey is not Base64 in the address".into()))?;
    let mut file = tempfile::NamedTempFile::new().map_err(GitError::Start)?;
    file.write_all(&decoded).map_err(GitError::Start)?;
    Ok(file)
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    // A query turns a plus into a space.
    base64::engine::general_purpose::STANDARD.decode(text.replace(' ', "+")).ok()
}

#[cfg(test)]
mod tests {
    use super::{Request, may_be_elsewhere};

    #[test]
    fn an_address_tells_what_to_fetch() {
        let parse = |text: &str| {
            let request = Request::parse(text).ok()?;
            Some((request.url.to_string(), request.reference, request.depth))
        };
        let v1 = || Some("v1".to_string());
        assert_eq!(parse("https://x.io/a.git"), Some(("https://x.io/a.git".into(), None, None)));
        assert_eq!(parse("ssh://git@x.io/a?ref=v1&depth=3"), Some(("ssh://git@x.io/a".into(), v1(), Some(3))));
        assert_eq!(parse("https://x.io/a?x=1&ref=v1"), Some(("https://x.io/a?x=1".into(), v1(), None)));
        for wrong in [
            "https://x.io/a?ref=--upload-pack=evil",
            "https://x.io/a?depth=all",
            "ext::sh -c evil",
            "ssh://-oProxyCommand=evil/a",
            "x",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_what_may_be_in_the_history_is_looked_for_there() {
        let unknown = "fatal: couldn't find remote ref";
        for (wanted, output, elsewhere) in [
            ("v9", unknown, false),
            ("main", unknown, false),
            ("1a2b3c4", unknown, true),
            ("main~1", unknown, true),
            ("1a2b3c4d", "error: Server does not allow request for unadvertised object", true),
            ("v1", "fatal: Authentication failed", false),
        ] {
            assert_eq!(may_be_elsewhere(wanted, output), elsewhere, "{wanted} {output}");
        }
    }
}
