//! Who runs infra, and from what: what a saved plan holds about where it comes from.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use infra_approval::{Agent, PublicKey, own_keys};
use infra_engine::origin::{Commit, Given, Origin};
use infra_history::{Ci, Who};
use infra_lang::config::Module;
use infra_state::LockInfo;
use jiff::Timestamp;

use crate::args::Variables;
use crate::variables::{RootVariables, gather};

/// Where a plan that is made now comes from.
pub(crate) fn of(module: &Module, variables: &Variables, backend: String) -> Origin {
    let who = who();
    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Origin {
        made_by: who.short(),
        names: names(&who, &env, git(&["config", "user.email"])),
        keys: keys(),
        run: who.ci.as_ref().and_then(|ci| ci.url.clone().or_else(|| ci.run.clone())),
        made_at: now(),
        version: env!("CARGO_PKG_VERSION").into(),
        commit: commit(),
        backend,
        variables: given(module, &variables.var_file),
    }
}

/// The time, in UTC and to the second: RFC 3339.
pub(crate) fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Who runs infra, as far as this machine can tell.
pub(crate) fn who() -> Who {
    let who = LockInfo::new("", "").who;
    let (user, host) = who.split_once('@').unwrap_or((&who, ""));
    let ci = Ci::detect(&|name| std::env::var(name).ok());
    Who { user: user.into(), host: host.into(), aws: None, ci }
}

/// What whoever runs this is called. In CI that is who started the run: the account of a runner is nobody's.
fn names(who: &Who, env: &dyn Fn(&str) -> Option<String>, email: Option<String>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    match &who.ci {
        Some(ci) => {
            names.extend(ci.actor.clone());
            let more = ["GITHUB_ACTOR", "GITLAB_USER_LOGIN", "GITLAB_USER_EMAIL", "BUILDKITE_BUILD_CREATOR_EMAIL"];
            names.extend(more.iter().filter_map(|name| env(name)));
        }
        None => names.extend([who.user.clone(), format!("{}@{}", who.user, who.host)]),
    }
    // GitHub's private addresses hold the account: 123+ana@users.noreply.github.com
    let private = email.as_ref().and_then(|email| email.strip_suffix("@users.noreply.github.com"));
    names.extend(private.map(|name| name.split_once('+').map_or(name, |(_, name)| name).to_string()));
    names.extend(email);
    names.sort();
    names.dedup();
    names
}

/// The fingerprints of the SSH keys of whoever runs this.
fn keys() -> Vec<String> {
    home().map(|home| own_keys(&home, &agent_keys())).unwrap_or_default()
}

/// The home folder.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// The keys of the SSH agent; none if there is none, or it does not answer.
pub(crate) fn agent_keys() -> Vec<PublicKey> {
    Agent::from_environment().and_then(|agent| agent.keys().ok()).unwrap_or_default()
}

/// What files and the environment give to variables. Ephemeral ones are in no saved plan.
fn given(module: &Module, files: &[PathBuf]) -> Given {
    let RootVariables { given, mut values, .. } = from_surroundings(module, files);
    values.retain(|name, _| {
        let ephemeral = module.variables.get(name).is_some_and(|variable| variable.ephemeral);
        !ephemeral && given.get(name).is_some_and(|variable| variable.given)
    });
    Given::new(files.iter().map(|file| file.to_string_lossy().into_owned()).collect(), &values)
}

/// The values of root variables without what `-var` gives.
pub(crate) fn from_surroundings(module: &Module, files: &[PathBuf]) -> RootVariables {
    let options = Variables { var: Vec::new(), var_file: files.to_vec() };
    gather(module, &options, false, &mut infra_diag::Sources::default()).0
}

/// The commit that the present folder is at, if it is in a git repository and git is installed.
pub(crate) fn commit() -> Option<Commit> {
    let id = git(&["rev-parse", "--verify", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let configuration = ["*.tf", "*.tf.json", "*.infra.hcl", "*.tfvars", ":!.terraform"];
    let new = git(&[&["ls-files", "--others", "--exclude-standard", "--"], &configuration[..]].concat());
    Some(Commit { id, dirty: changed.is_some() || new.is_some() })
}

/// What git prints, if it does. It takes no lock, so that it disturbs nobody who works there.
pub(crate) fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false"])
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// A path of git's settings, in which `~/` stands for the home folder.
pub(crate) fn expand(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), home()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(path).to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maker_has_the_names_of_the_account_and_of_git_and_in_ci_those_of_who_started_the_run() {
        let none = |_: &str| None;
        let laptop = Who { user: "ana".into(), host: "laptop".into(), aws: None, ci: None };
        assert_eq!(names(&laptop, &none, None), ["ana", "ana@laptop"]);
        let private = Some("12+ana-dev@users.noreply.github.com".to_string());
        assert_eq!(
            names(&laptop, &none, private),
            ["12+ana-dev@users.noreply.github.com", "ana", "ana-dev", "ana@laptop"]
        );
        let ci = Ci { system: "GitLab CI".into(), actor: Some("bo".into()), ..Ci::default() };
        let runner = Who { user: "root".into(), host: "runner-1".into(), aws: None, ci: Some(ci) };
        let env = |name: &str| (name == "GITLAB_USER_EMAIL").then(|| "bo@example.com".to_string());
        assert_eq!(names(&runner, &env, None), ["bo", "bo@example.com"]);
    }
}
