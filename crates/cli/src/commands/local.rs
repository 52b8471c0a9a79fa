//! `infra local`: what runs on this machine for a project; and the two programs that run it.

use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;

use infra_engine::plan::{Action, Plan, ResourceChange};
use infra_local::{Client, LogEntry, Status};
use infra_provider::Failure;

use super::planning::run as block_on;
use crate::args::Local;
use crate::{Exit, local, output};

pub(crate) fn run(args: &Local) -> Exit {
    let client = match local::client() {
        Ok(client) => client,
        Err(problem) => {
            output::error(&problem.summary, &problem.detail);
            return Exit(1);
        }
    };
    let done = match args {
        Local::Status { json } => block_on(status(&client, *json)),
        Local::Logs { service, follow } => block_on(logs(&client, service.clone(), *follow)),
        Local::Stop => block_on(stop(&client)),
        Local::Destroy => block_on(destroy(&client)),
    };
    match done {
        Ok(()) => Exit(0),
        Err(failure) => {
            output::error(&failure.doing, &failure.message);
            Exit(1)
        }
    }
}

/// Keeps a project's local cloud; started by other commands, never by hand.
pub(crate) fn supervise(folder: &Path) -> Exit {
    let program = std::env::current_exe().unwrap_or_else(|_| "infra".into());
    match block_on(infra_local::supervise(folder, program)) {
        Ok(()) => Exit(0),
        Err(why) => {
            output::error("The local supervisor cannot run", &why);
            Exit(1)
        }
    }
}

/// What an apply with -local ends with: what does not run here is told, and nothing stays behind when nothing is left.
pub(crate) fn tidy(exit: Exit) -> Exit {
    if !local::is_on() {
        return exit;
    }
    let Ok(client) = local::client() else { return exit };
    block_on(async {
        let Ok(status) = client.status().await else { return };
        if status.supervisor.is_none() {
            return;
        }
        if status.recorded == 0 {
            let _ = client.stop().await;
            if client.folder().snapshots().exists() {
                output::line(
                    "\nNote: snapshots of databases are kept in .infra/local/backups; infra local destroy removes them.",
                );
            }
            return;
        }
        let notes = settled(&client, &exit).await.unwrap_or_else(|| status.problems());
        for note in notes {
            output::line(&format!("\nNote: {note}"));
        }
    });
    exit
}

/// What every other command ends with that has started what ran here before: whoever calls psql or curl next is
/// answered, or has read why not.
pub(crate) fn settle(exit: Exit) -> Exit {
    if let Some(client) = local::used() {
        for note in block_on(settled(&client, &exit)).unwrap_or_default() {
            output::aside(&format!("\nNote: {note}"));
        }
    }
    exit
}

/// Waits until what this command has started is up, unless it has failed, and says what is not. `None` if there was
/// nothing to wait for. Ctrl-C ends the waiting alone.
async fn settled(client: &Client, exit: &Exit) -> Option<Vec<String>> {
    if !matches!(exit.0, 0 | 2 | 3) {
        return None;
    }
    let mut interrupts = crate::interrupts::Interrupts::listen();
    let waiting = |coming: &[String]| output::aside(&format!("Waiting for {} (20 s at most)…", coming.join(", ")));
    let status = tokio::select! {
        status = client.settle(waiting) => status?,
        () = interrupts.next() => return None,
    };
    let late = status.coming_up().into_iter();
    let late =
        late.map(|what| format!("{what} is not up yet; infra local status and infra local logs show how it does."));
    Some(status.problems().into_iter().chain(late).collect())
}

/// What a plan with -local has to say about this machine: that no database server can run.
pub(crate) fn note_missing(plan: &Plan) {
    let wants_server = |change: &ResourceChange| {
        let engine = change.after.get("engine");
        &*change.address.resource.ty == "aws_db_instance"
            && change.action == Action::Create
            && engine.and_then(|engine| engine.as_str()).is_some_and(|engine| engine == "postgres")
    };
    if !local::is_on() || !plan.changes.iter().any(wants_server) {
        return;
    }
    let engines = block_on(infra_runtime::engines());
    if engines.postgres.is_empty() && engines.docker.is_err() {
        output::line(
            "\nNote: no PostgreSQL server can run on this machine: neither its programs (initdb, postgres) nor a Docker engine \
             were found. Databases are recorded only, and nothing answers at their addresses.",
        );
    }
}

/// The sample image as a process; started by the supervisor.
pub(crate) fn task(mut arguments: Vec<String>) -> Exit {
    if arguments.first().map(String::as_str) == Some("hello") {
        arguments.remove(0);
    }
    Exit(u8::try_from(block_on(infra_runtime::hello(arguments))).unwrap_or(1))
}

async fn status(client: &Client, json: bool) -> Result<(), Failure> {
    let status = client.status().await?;
    if json {
        let text = serde_json::to_string_pretty(&status).map_err(|e| Failure::new("writing JSON", e.to_string()))?;
        output::line(&text);
    } else {
        output::raw(&text_of(&status));
    }
    Ok(())
}

async fn stop(client: &Client) -> Result<(), Failure> {
    match client.stop().await? {
        true => output::line(
            "Stopped. What was recorded and the data are kept: the next plan or apply with -local starts it again, and infra \
             local destroy removes it.",
        ),
        false => output::line("Nothing runs here."),
    }
    Ok(())
}

async fn destroy(client: &Client) -> Result<(), Failure> {
    match client.destroy().await? {
        true => output::line("Stopped, and everything that was kept under .infra/local is gone."),
        false => output::line("There is nothing here."),
    }
    Ok(())
}

async fn logs(client: &Client, service: Option<String>, follow: bool) -> Result<(), Failure> {
    let colour = std::io::stdout().is_terminal();
    let show = |entry: LogEntry| output::line(&log_line(&entry, colour));
    let mut interrupts = crate::interrupts::Interrupts::listen();
    let runs = tokio::select! {
        runs = client.logs(service, follow, show) => runs?,
        () = interrupts.next() => return Ok(()),
    };
    match client.folder().world().exists() {
        _ if runs => {}
        true => output::aside(
            "Stopped: these are the lines that were kept. The next plan or apply with -local starts it again.",
        ),
        false => output::aside("Nothing runs here."),
    }
    Ok(())
}

fn log_line(entry: &LogEntry, colour: bool) -> String {
    let LogEntry { time, service, task, container, text } = entry;
    let task: String = task.chars().take(8).collect();
    let head = format!("{time} {service} {task} {container}");
    if colour { format!("\u{1b}[2m{head}\u{1b}[0m  {text}") } else { format!("{head}  {text}") }
}

/// What runs, for people.
fn text_of(status: &Status) -> String {
    let mut out = String::new();
    let _ = match &status.supervisor {
        None if status.recorded == 0 => return "Nothing runs here.\n".to_string(),
        None => writeln!(
            out,
            "Stopped. {} objects are recorded, and the next plan or apply with -local starts what they need again.",
            status.recorded
        ),
        Some(supervisor) => writeln!(
            out,
            "{} objects are recorded. The supervisor (process {}) has run for {}.",
            status.recorded,
            supervisor.pid,
            span(supervisor.up_seconds)
        ),
    };
    if !status.listeners.is_empty() {
        out.push_str("\nBalancers\n");
    }
    for listener in &status.listeners {
        let at = match &listener.problem {
            Some(_) if status.supervisor.is_none() => format!("stopped ({})", listener.url),
            Some(problem) => format!("does not listen: {problem}"),
            None => listener.url.clone(),
        };
        let _ = writeln!(out, "  {:<24} port {:<6} {at}", listener.balancer, listener.port);
    }
    // While nothing runs there is nothing to say of targets.
    let target_groups = status.target_groups.iter().filter(|_| status.supervisor.is_some());
    for (at, group) in target_groups.enumerate() {
        if at == 0 {
            out.push_str("\nTarget groups\n");
        }
        let _ = writeln!(
            out,
            "  {:<24} {} of {} healthy   {} requests, {} failed",
            group.name, group.healthy, group.targets, group.requests, group.failed
        );
    }
    if !status.services.is_empty() {
        out.push_str("\nServices\n");
    }
    for service in &status.services {
        let _ = writeln!(
            out,
            "  {:<24} {} of {} running   {}   {}",
            service.name,
            service.running,
            service.desired,
            service.definition,
            service.rollout.to_lowercase().replace('_', " ")
        );
        if let Some(problem) = &service.problem {
            let _ = writeln!(out, "    {problem}");
        }
        for task in &service.tasks {
            let id: String = task.id.chars().take(8).collect();
            let health =
                if task.health == "UNKNOWN" { String::new() } else { format!(" {}", task.health.to_lowercase()) };
            let state = format!("{}{health}", task.state.to_lowercase());
            let reason = task.reason.as_deref().unwrap_or("");
            let (since, addresses) = (span(task.seconds), task.addresses.join(" "));
            let version = format!("{} ({})", task.definition, task.images.join(", "));
            let line = format!("    {id}  {state:<20} {since:>8}   {version}   {addresses}   {reason}");
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    if !status.databases.is_empty() {
        out.push_str("\nDatabases\n");
    }
    for database in &status.databases {
        let version = database.version.as_ref().map(|v| format!("   PostgreSQL {v}")).unwrap_or_default();
        let address = database.address.as_ref().map(|a| format!("   {a}")).unwrap_or_default();
        let _ = writeln!(out, "  {:<24} {}{version}{address}", database.name, database.state);
        if let Some(problem) = &database.problem {
            let _ = writeln!(out, "    {problem}");
        }
    }
    for note in &status.notes {
        let _ = write!(out, "\nNote: {note}");
    }
    if !status.notes.is_empty() {
        out.push('\n');
    }
    out
}

/// `42 s`, `3 m 10 s`, `2 h 5 m`.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} m", seconds / 3600, seconds % 3600 / 60),
    }
}
