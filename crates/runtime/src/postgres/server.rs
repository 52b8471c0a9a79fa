//! A PostgreSQL server as a process of this machine's programs.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::client::{self, Refused};
use super::configuration::{PG_HBA, postgresql_conf};
use super::home::Home;
use super::{Context, backup, programs};
use crate::container::exit_code;
use crate::logs::{Logs, Writer};
use crate::processes::{Process, Register};
use crate::spec::Database;
use crate::status::PostgresPrograms;

/// How long a server may take to write everything and end, before it is stopped hard.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file that says that a database has been made as it was asked for.
const MADE: &str = "made";

/// A running server.
pub(crate) struct Server {
    pub(super) version: String,
    pub(super) notes: Vec<String>,
    process: Option<Process>,
    ended: watch::Receiver<Option<i32>>,
}

/// The data folder of a database.
pub(crate) fn data(home: &Home, name: &str) -> PathBuf {
    home.folder.join(name).join("data")
}

/// The major version of data that is there.
pub(crate) fn data_version(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("PG_VERSION")).ok().map(|text| programs::major(text.trim()))
}

impl Server {
    /// Starts a server, and makes its data first if there is none.
    pub(super) async fn start(
        cx: &Context,
        name: &str,
        database: &Database,
        found: &[PostgresPrograms],
    ) -> Result<Server, String> {
        let home = Home::make(&cx.data_dir)?;
        let folder = home.folder.join(name);
        let failed = |why: std::io::Error| format!("{}: {why}", folder.display());
        home.private_folder(&folder).map_err(failed)?;
        let data = data(&home, name);
        if data_version(&data).is_none() {
            make(cx, &home, &folder, database, found).await?;
        }
        let version = data_version(&data);
        let Some((programs, note)) = programs::choose(found, &database.engine_version, version) else {
            let version = version.unwrap_or(0);
            return Err(format!(
                "the data of {name} is of PostgreSQL {version}, whose programs are not on this machine"
            ));
        };
        let programs = programs.clone();
        let runner = Runner { programs: programs.folder.clone(), owner: home.owner };
        let known = runner.parameters().await;
        let (configuration, left_out) = postgresql_conf(database.bind, &database.parameters, known.as_ref());
        write(&data.join("postgresql.conf"), configuration.as_bytes()).map_err(failed)?;
        write(&data.join("pg_hba.conf"), PG_HBA.as_bytes()).map_err(failed)?;
        certificate(&data)?;
        home.give(&data).map_err(failed)?;

        let mut notes: Vec<String> = note.into_iter().collect();
        if !left_out.is_empty() {
            notes.push(format!("parameters that do not apply here: {}", left_out.join(", ")));
        }
        let mut server = runner.serve(cx, name, &data)?;
        let answer = tokio::select! {
            ready = client::ready(database) => ready,
            _ = ended(&server.1) => Err(Refused::Other(String::new())),
        };
        if let Err(Refused::Password) = answer {
            // It was changed while no server ran.
            stop(&server.0, &server.1).await;
            runner.set_password(&data, database).await?;
            server = runner.serve(cx, name, &data)?;
        }
        let answer = tokio::select! {
            ready = client::ready(database) => ready.map_err(|refused| match refused {
                Refused::Password => format!("the user {} of {name} does not exist, or its password is not the one set", database.username),
                Refused::Other(why) => why,
            }),
            code = ended(&server.1) => Err(ended_text(&cx.logs, name, code)),
        };
        let (process, end) = server;
        let server = Server { version: programs.version, notes, process, ended: end };
        let made = folder.join(MADE);
        let complete = match answer {
            Ok(()) if !made.exists() => {
                client::create_database(database).await.and_then(|()| write(&made, b"").map_err(failed))
            }
            other => other,
        };
        match complete {
            Ok(()) => Ok(server),
            Err(why) => {
                server.stop().await;
                Err(why)
            }
        }
    }

    /// The exit code, once there is one.
    pub(super) async fn wait(&self) -> i32 {
        ended(&self.ended).await
    }

    /// Stops it: open transactions are rolled back, everything else is kept.
    pub(super) async fn stop(&self) {
        stop(&self.process, &self.ended).await;
    }
}

/// Writes a base backup of a running server into a file.
pub(super) async fn backup(
    database: &Database,
    version: u32,
    found: &[PostgresPrograms],
    file: &Path,
) -> Result<(), String> {
    let Some((programs, _)) = programs::choose(found, &database.engine_version, Some(version)) else {
        return Err("there are no PostgreSQL programs on this machine".to_string());
    };
    let mut command = Command::new(programs.folder.join("pg_basebackup"));
    command
        .args(["--host", &database.bind.ip().to_string(), "--port", &database.bind.port().to_string()])
        .args(["--username", &database.username, "--no-password"])
        .args(backup::OPTIONS)
        .env_clear()
        .env("PGPASSWORD", &database.password)
        .env("PGSSLMODE", "disable")
        .env("LC_ALL", "C");
    backup::from_program(command, file).await
}

/// Makes the data: from a backup or anew. What a kill leaves half-made is in a folder of another name.
async fn make(
    cx: &Context,
    home: &Home,
    folder: &Path,
    database: &Database,
    found: &[PostgresPrograms],
) -> Result<(), String> {
    let (half, data) = (folder.join("data.new"), folder.join("data"));
    let failed = |why: std::io::Error| format!("{}: {why}", folder.display());
    let _ = fs::remove_dir_all(&half);
    let _ = fs::remove_file(folder.join(MADE));
    home.private_folder(&half).map_err(failed)?;
    if let Some(file) = &database.restore_from {
        backup::unpack(&backup::path(&cx.data_dir, file)?, &half).await?;
        write(&folder.join(MADE), b"").map_err(failed)?;
    } else {
        let Some((programs, _)) = programs::choose(found, &database.engine_version, None) else {
            return Err("there are no PostgreSQL programs on this machine".to_string());
        };
        let runner = Runner { programs: programs.folder.clone(), owner: home.owner };
        runner.initdb(home, folder, &half, database).await?;
    }
    home.give(&half).map_err(failed)?;
    fs::set_permissions(&half, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    fs::rename(half, data).map_err(failed)
}

/// Runs programs as the user whose the data is.
struct Runner {
    programs: PathBuf,
    owner: Option<(u32, u32)>,
}

impl Runner {
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .process_group(0);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some((uid, gid)) = self.owner {
            command.uid(uid).gid(gid);
        }
        command
    }

    async fn initdb(&self, home: &Home, folder: &Path, data: &Path, database: &Database) -> Result<(), String> {
        let failed = |why: std::io::Error| format!("making the database: {why}");
        let password = folder.join("password");
        write(&password, format!("{}\n", database.password).as_bytes()).map_err(failed)?;
        home.give(&password).map_err(failed)?;
        // As on RDS where the machine knows that locale; every machine knows the other.
        let mut result = Ok(());
        for locale in ["--locale=en_US.UTF-8", "--locale=C"] {
            let mut command = self.command(self.programs.join("initdb"));
            command.arg("--pgdata").arg(data).arg("--pwfile").arg(&password);
            command.args([
                "--username",
                &database.username,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--no-sync",
                locale,
            ]);
            let output = command.output().await.map_err(failed);
            result = output.and_then(|output| match output.status.success() {
                true => Ok(()),
                false => Err(format!("initdb: {}", last_line(&output.stderr))),
            });
            if result.as_ref().is_ok_and(|()| true) || !result.as_ref().is_err_and(|why| why.contains("locale")) {
                break;
            }
        }
        let _ = fs::remove_file(password);
        result
    }

    /// The parameters that the server knows.
    async fn parameters(&self) -> Option<BTreeSet<String>> {
        let output = self.command(self.programs.join("postgres")).arg("--describe-config").output().await.ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names: BTreeSet<String> =
            text.lines().filter_map(|line| line.split('\t').next()).map(str::to_string).collect();
        (output.status.success() && !names.is_empty()).then_some(names)
    }

    /// Sets the password while no server runs.
    async fn set_password(&self, data: &Path, database: &Database) -> Result<(), String> {
        let failed = |why: std::io::Error| format!("setting the master user's password: {why}");
        let mut command = self.command(self.programs.join("postgres"));
        command.args(["--single", "-j", "-D"]).arg(data);
        command.args(["-c", "log_statement=none", "-c", "log_min_error_statement=panic", "postgres"]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            let statement = format!("{};\n\n", client::password_statement(database));
            input.write_all(statement.as_bytes()).await.map_err(failed)?;
        }
        child.wait().await.map(|_| ()).map_err(failed)
    }

    /// Starts the server process.
    fn serve(
        &self,
        cx: &Context,
        name: &str,
        data: &Path,
    ) -> Result<(Option<Process>, watch::Receiver<Option<i32>>), String> {
        let failed = |why: std::io::Error| format!("starting PostgreSQL: {why}");
        let (output, sink) = std::io::pipe().map_err(failed)?;
        let mut command = self.command(self.programs.join("postgres"));
        // Not killed with its handle: then the guard stops it in good order.
        command.kill_on_drop(false);
        command.arg("-D").arg(data).stdout(sink.try_clone().map_err(failed)?).stderr(sink);
        let child = command.spawn().map_err(failed)?;
        drop(command);
        let id = child.id();
        if let Some(id) = id
            && let Err(why) = cx.register.remember(name, id)
        {
            tracing::warn!("remembering the server of {name}: {why}");
        }
        let guard = id.map(|id| self.guard(id)).transpose().map_err(failed)?;
        let process = id.and_then(Process::running);
        let writer =
            Writer { service: format!("database/{name}"), task: String::new(), container: "postgres".to_string() };
        let output = tokio::net::unix::pipe::Receiver::from_owned_fd(output.into()).map_err(failed)?;
        let (end, ended) = watch::channel(None);
        let (logs, register, name) = (cx.logs.clone(), cx.register.clone(), name.to_string());
        tokio::spawn(keep(child, guard, Keeping { logs, register, name, writer, output }, end));
        Ok((process, ended))
    }

    /// A process that stops the server when this process is killed: then its standard input ends.
    fn guard(&self, server: u32) -> std::io::Result<Child> {
        let mut command = self.command("/bin/sh");
        command.kill_on_drop(false);
        command.arg("-c").arg(format!("cat >/dev/null; kill -INT {server} 2>/dev/null"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    }
}

struct Keeping {
    logs: Arc<Logs>,
    register: Register,
    name: String,
    writer: Writer,
    output: tokio::net::unix::pipe::Receiver,
}

/// Keeps a server's log until it ends. The guard goes before the server's id is free for others.
async fn keep(mut child: Child, mut guard: Option<Child>, keeping: Keeping, end: watch::Sender<Option<i32>>) {
    let ends = async {
        let status = child.wait().await;
        if let Some(guard) = &mut guard {
            let _ = guard.kill().await;
        }
        keeping.register.forget(&keeping.name);
        status
    };
    let log = keeping.logs.add_all(&keeping.writer, tokio::io::BufReader::new(keeping.output));
    tokio::select! {
        (status, ()) = async { tokio::join!(ends, log) } => {
            end.send_replace(Some(status.map_or(1, exit_code)));
        }
        () = end.closed() => {}
    }
}

async fn ended(end: &watch::Receiver<Option<i32>>) -> i32 {
    let mut end = end.clone();
    end.wait_for(Option::is_some).await.ok().and_then(|code| *code).unwrap_or(1)
}

async fn stop(process: &Option<Process>, end: &watch::Receiver<Option<i32>>) {
    let Some(process) = process else { return };
    for (signal, patience) in
        [(Signal::INT, PATIENCE), (Signal::QUIT, Duration::from_secs(5)), (Signal::KILL, PATIENCE)]
    {
        process.signal(signal);
        if tokio::time::timeout(patience, ended(end)).await.is_ok() {
            return;
        }
    }
}

/// Why a server ended, in its own words.
pub(super) fn ended_text(logs: &Logs, name: &str, code: i32) -> String {
    let lines = logs.last(&format!("database/{name}"), "", 30);
    let begins = lines.iter().rposition(|line| line.contains("starting PostgreSQL")).unwrap_or(0);
    let words = lines[begins..].iter().filter_map(|line| {
        let (_, words) = ["FATAL:  ", "PANIC:  ", "ERROR:  "].iter().find_map(|severity| line.split_once(severity))?;
        Some(words.to_string())
    });
    let bind = lines[begins..]
        .iter()
        .find_map(|line| line.split_once("LOG:  could not bind").map(|(_, rest)| format!("could not bind{rest}")));
    let words: Vec<String> = bind.into_iter().chain(words).collect();
    if words.is_empty() {
        format!("PostgreSQL ended with exit code {code}")
    } else {
        format!("PostgreSQL ended with exit code {code}: {}", words.join("; "))
    }
}

fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let error = lines.iter().rev().find(|line| line.contains("error:")).or(lines.last());
    error.map(|line| (*line).to_string()).unwrap_or_default()
}

/// Writes a file that only its owner may read.
fn write(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)
}

/// A certificate of its own, so that clients that insist on TLS can connect, as on RDS.
fn certificate(data: &Path) -> Result<(), String> {
    if data.join("server.key").exists() {
        return Ok(());
    }
    let doing = |why: String| format!("making a certificate: {why}");
    let names = ["localhost".to_string(), "127.0.0.1".to_string(), "host.docker.internal".to_string()];
    let made = rcgen::generate_simple_self_signed(names).map_err(|why| doing(why.to_string()))?;
    write(&data.join("server.crt"), made.cert.pem().as_bytes()).map_err(|why| doing(why.to_string()))?;
    write(&data.join("server.key"), made.signing_key.serialize_pem().as_bytes()).map_err(|why| doing(why.to_string()))
}
