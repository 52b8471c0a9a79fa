//! `infra approve`: signs what a saved plan is, for an apply that asks for an approval.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};

use infra_approval::{
    Agent, Approvals, Key, PrivateKey, PublicKey, Signed, SshSig, Statement, default_keys, fingerprint, is_short,
    sign_with_agent, sign_with_key, sign_with_program,
};
use infra_diag::{Diagnostic, Sources};
use infra_engine::attention::Finding;
use infra_engine::saved::SavedPlan;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::args::Approve;
use crate::{Exit, approval, origin, output, planfile};

pub(crate) fn run(args: &Approve) -> Exit {
    match approve(args) {
        Ok(exit) => exit,
        Err(problem) => {
            output::diagnostics(&problem.into(), &Sources::default(), output::use_colour(args.no_color));
            Exit(1)
        }
    }
}

fn approve(args: &Approve) -> Result<Exit, Diagnostic> {
    let saved = planfile::read(&args.plan)?;
    if saved.plan.errored {
        return Err(Diagnostic::error(
            "The plan cannot be applied",
            "There were errors while it was made, so there is nothing to approve. Correct them and plan again.",
        ));
    }
    let path = approval::beside(&args.plan);
    let (mut approvals, stale) = earlier(&path, &saved)?;
    let agent = origin::agent_keys();
    let (key, named) = find_key(args.key.as_deref(), &agent)?;
    let statement = Statement {
        about: approval::about(&saved),
        approver: args.principal.clone().unwrap_or_else(called),
        signed_at: origin::now(),
    };
    output::raw(&summary(&args.plan, &saved));
    output::line(&format!("\nYou sign this as {}, with the key {named}.", statement.approver));
    if !args.auto_approve && !confirmed(args.input)? {
        return Ok(Exit(1));
    }
    let signature = sign(&key, &named, &statement.to_text())?;
    let signed = Signed { statement, signature };
    let by = fingerprint(&PublicKey::from(signed.signature.public_key().clone()));
    approvals.list.retain(|earlier| earlier.signature.public_key() != signed.signature.public_key());
    approvals.list.push(signed);
    write(&path, &approvals)?;
    if stale > 0 {
        output::line(&format!("\nLeft out {stale} in {} for another plan.", path.display()));
    }
    output::line(&format!(
        "\nApproved with {by}.\nThe approval is in {}. Keep it beside the plan: an apply with -require-approval looks there.",
        path.display()
    ));
    Ok(Exit(0))
}

/// What is there already: approvals of this plan, and how many there are of another one that was in the file before.
fn earlier(path: &Path, saved: &SavedPlan) -> Result<(Approvals, usize), Diagnostic> {
    let mut approvals = approval::read(path).map_err(|problem| {
        let detail = format!("{}\n\nDelete it, and have the plan approved again.", problem.detail);
        Diagnostic { detail, ..problem }
    })?;
    let before = approvals.list.len();
    approvals.list.retain(|signed| Some(&signed.statement.about.digest) == saved.digest.as_ref());
    let stale = before - approvals.list.len();
    Ok((approvals, stale))
}

/// What whoever runs this is called, unless they say so: git's e-mail address, or the account.
fn called() -> String {
    origin::git(&["config", "user.email"]).unwrap_or_else(|| {
        let who = origin::who();
        format!("{}@{}", who.user, who.host)
    })
}

/// What is approved.
fn summary(path: &Path, saved: &SavedPlan) -> String {
    let about = approval::about(saved);
    let made = &saved.origin;
    let mut text = format!("Plan {}: {}.\n\n", path.display(), about.changes);
    let place = if saved.local { format!("{} (-local)", made.backend) } else { made.backend.clone() };
    let mut member = |name: &str, value: &str| text.push_str(&format!("  {name:10}{value}\n"));
    member("workspace", &saved.workspace);
    member("state", &place);
    member("made by", &format!("{}, {}", made.made_by, made.made_at));
    if let Some(run) = &made.run {
        member("run", run);
    }
    if let Some(commit) = &made.commit {
        let dirty = if commit.dirty { ", with changes that are not committed" } else { "" };
        member("commit", &format!("{}{dirty}", commit.id));
    }
    member("digest", &about.digest);
    if !saved.plan.attention.is_empty() {
        text.push_str("\nNeeds attention\n");
        saved.plan.attention.iter().for_each(|finding| text.push_str(&told(finding)));
    }
    text.push_str(&format!("\nAll of it:\n    infra show {}\n", path.display()));
    text
}

fn told(finding: &Finding) -> String {
    let at = finding.at.as_ref().map(|(file, line)| format!("   {file}:{line}")).unwrap_or_default();
    format!("  ! {} {}{at}\n", finding.address, finding.message)
}

fn confirmed(input: bool) -> Result<bool, Diagnostic> {
    if !input {
        return Err(Diagnostic::error(
            "Confirmation needed",
            "Nobody can be asked (-input=false). Add -auto-approve if the plan has been read.",
        ));
    }
    output::raw("\nDo you approve this plan?\n  Only 'yes' will be accepted.\n\n  Enter a value: ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if !std::io::stdin().is_terminal() {
        output::line("");
    }
    if read.is_ok() && answer.trim() == "yes" {
        return Ok(true);
    }
    output::line("\nNot approved.");
    Ok(false)
}

/// The key to sign with, and what to call it: the one that is given, that git signs with, of the usual files, or the only
/// one of the agent.
fn find_key(given: Option<&Path>, agent: &[PublicKey]) -> Result<(Key, String), Diagnostic> {
    if let Some(path) = given {
        return read_key(path, agent);
    }
    let git = |name: &str| origin::git(&["config", name]);
    if git("gpg.format").as_deref() == Some("ssh")
        && let Some(configured) = git("user.signingkey")
    {
        let text = configured.strip_prefix("key::").unwrap_or(&configured);
        let Ok(public) = PublicKey::from_openssh(text) else { return read_key(&origin::expand(text), agent) };
        if let Some(held) = agent.iter().find(|held| held.key_data() == public.key_data()) {
            return Ok((Key::Agent(Box::new(held.clone())), named(held)));
        }
    }
    if let Some(path) = origin::home().and_then(|home| default_keys(&home).into_iter().next()) {
        return read_key(&path, agent);
    }
    match agent {
        [only] => Ok((Key::Agent(Box::new(only.clone())), named(only))),
        [] => Err(Diagnostic::error(
            "No key to sign with",
            "There is no SSH key in ~/.ssh (id_ed25519, id_ecdsa, id_rsa) and none in an SSH agent. Name one with -key=FILE, \
             or make one:\n    ssh-keygen -t ed25519",
        )),
        several => {
            let list: String = several.iter().map(|key| format!("\n  {}", named(key))).collect();
            Err(Diagnostic::error(
                "Which key to sign with?",
                format!("The SSH agent has several. Name the file of the public key of one with -key=FILE.\n{list}"),
            ))
        }
    }
}

fn named(key: &PublicKey) -> String {
    format!("{} {}", fingerprint(key), key.comment()).trim_end().to_string()
}

fn read_key(path: &Path, agent: &[PublicKey]) -> Result<(Key, String), Diagnostic> {
    let key = Key::read(path, agent)
        .map_err(|error| Diagnostic::error("The key cannot be used", format!("{}: {error}.", path.display())))?;
    Ok((key, path.display().to_string()))
}

fn sign(key: &Key, named: &str, text: &str) -> Result<SshSig, Diagnostic> {
    let signature = match key {
        Key::Open(key) => sign_with_key(key, text),
        Key::Locked(key) => match unlock(key, named)? {
            Some(open) => sign_with_key(&open, text),
            None => sign_with_program(Path::new(named), text),
        },
        Key::Agent(key) => match Agent::from_environment() {
            Some(agent) => sign_with_agent(&agent, key, text),
            None => return Err(Diagnostic::error("The plan was not signed", "The SSH agent is gone.")),
        },
        Key::Program(path) => sign_with_program(path, text),
    };
    signature.map_err(|error| Diagnostic::error("The plan was not signed", format!("{named}: {error}.")))
}

/// The key that a passphrase opens; nothing when it is right and only `ssh-keygen` can read what it opens. It is asked for
/// three times, as ssh does.
fn unlock(key: &PrivateKey, named: &str) -> Result<Option<PrivateKey>, Diagnostic> {
    for _ in 0..3 {
        let passphrase = ask_hidden(&format!("Enter passphrase for {named}: ")).map_err(|error| {
            Diagnostic::error(
                "The key is locked",
                format!(
                    "{named} has a passphrase, and there is no terminal to ask for it ({error}). Add it to an SSH agent \
                     first:\n    ssh-add {named}"
                ),
            )
        })?;
        match key.decrypt(passphrase.as_bytes()) {
            Ok(open) => return Ok(Some(open)),
            Err(error) if is_short(&error) => return Ok(None),
            Err(_) => {}
        }
    }
    Err(Diagnostic::error("The key is locked", format!("{named}: that is not its passphrase.")))
}

/// Asks on the terminal, whatever standard input is, without showing what is typed.
fn ask_hidden(question: &str) -> std::io::Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden)?;
    // Only now: what somebody quick types is not shown, either.
    terminal.write_all(question.as_bytes())?;
    let mut answer = String::new();
    let read = BufReader::new(&terminal).read_line(&mut answer);
    tcsetattr(&terminal, OptionalActions::Drain, &before)?;
    terminal.write_all(b"\n")?;
    read?;
    Ok(answer.trim_end_matches(['\r', '\n']).to_string())
}

/// Writes the file whole, or not at all.
fn write(path: &Path, approvals: &Approvals) -> Result<(), Diagnostic> {
    let mut new = path.as_os_str().to_owned();
    new.push(format!(".{}", std::process::id()));
    let new = PathBuf::from(new);
    let written = std::fs::write(&new, approvals.to_text()).and_then(|()| std::fs::rename(&new, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&new);
        Diagnostic::error("The approval could not be written", format!("{}: {error}.", path.display()))
    })
}
