//! A PostgreSQL server as a container of the `postgres` image, for machines with a Docker engine and no programs.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::client::{self, Refused};
use super::configuration::usable;
use super::{Context, backup, programs};
use crate::docker::{Docker, Request};
use crate::logs::Writer;
use crate::spec::Database;

/// Where the data is inside: a path that no version of the image gives a meaning of its own.
const DATA: &str = "/infra-data";

/// A running server.
pub(crate) struct Server {
    pub(super) version: String,
    pub(super) notes: Vec<String>,
    docker: Docker,
    id: String,
    ended: watch::Receiver<Option<i32>>,
}

/// The volume with a database's data.
pub(crate) fn volume(cx: &Context, name: &str) -> String {
    let digest = Sha256::digest(cx.project.as_bytes());
    let project: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    format!("infra-{project}-{name}")
}

impl Server {
    /// Starts a server; the image makes its data if there is none.
    pub(super) async fn start(cx: &Context, name: &str, database: &Database, docker: Docker) -> Result<Server, String> {
        let major = programs::major(&database.engine_version);
        let image = if major == 0 { "postgres:latest".to_string() } else { format!("postgres:{major}") };
        docker.need_image(&image).await?;
        let volume = volume(cx, name);
        let upload = match &database.restore_from {
            Some(file) if !docker.has_volume(&volume).await => {
                let file = backup::path(&cx.data_dir, file)?;
                let content = tokio::fs::read(&file).await.map_err(|why| format!("{}: {why}", file.display()))?;
                Some(Bytes::from(content))
            }
            _ => None,
        };
        let (usable, left_out) = usable(&database.parameters, None);
        let mut command = vec!["postgres".to_string()];
        for (parameter, value) in usable {
            command.extend(["-c".to_string(), format!("{parameter}={value}")]);
        }
        let mut environment = BTreeMap::from([
            ("PGDATA".to_string(), DATA.to_string()),
            ("POSTGRES_USER".to_string(), database.username.clone()),
            ("POSTGRES_PASSWORD".to_string(), database.password.clone()),
        ]);
        environment.extend(database.database.clone().map(|name| ("POSTGRES_DB".to_string(), name)));
        let request = Request {
            name: volume.clone(),
            service: format!("database/{name}"),
            image: image.clone(),
            command,
            environment,
            ports: BTreeMap::from([(5432, Some(database.bind.port()))]),
            volumes: BTreeMap::from([(volume, DATA.to_string())]),
            ..Request::default()
        };
        let id = docker.start(request, upload.map(|archive| (DATA, archive))).await?;
        let (end, ended) = watch::channel(None);
        let writer =
            Writer { service: format!("database/{name}"), task: String::new(), container: "postgres".to_string() };
        let (engine, container, logs) = (docker.clone(), id.clone(), cx.logs.clone());
        tokio::spawn(async move {
            let (code, ()) = tokio::join!(engine.wait(&container), engine.keep_logs(&container, &logs, &writer));
            end.send_replace(Some(code));
        });
        let left_out =
            (!left_out.is_empty()).then(|| format!("parameters that do not apply here: {}", left_out.join(", ")));
        let server =
            Server { version: format!("{major} ({image})"), notes: left_out.into_iter().collect(), docker, id, ended };
        match server.ready(cx, name, database).await {
            Ok(()) => Ok(server),
            Err(why) => {
                server.stop().await;
                Err(why)
            }
        }
    }

    async fn ready(&self, cx: &Context, name: &str, database: &Database) -> Result<(), String> {
        for _ in 0..2 {
            let answer = tokio::select! {
                ready = client::ready(database) => ready,
                code = self.wait() => Err(Refused::Other(super::server::ended_text(&cx.logs, name, code))),
            };
            match answer {
                Ok(()) => return client::create_database(database).await,
                Err(Refused::Other(why)) => return Err(why),
                // It was changed while no server ran; inside the container no password is asked for.
                Err(Refused::Password) => {
                    let statement = client::password_statement(database);
                    self.run(&[
                        "psql",
                        "--username",
                        &database.username,
                        "--dbname",
                        "postgres",
                        "--command",
                        &statement,
                    ])
                    .await?;
                }
            }
        }
        Err(format!("the password of the user {} of {name} is not the one set", database.username))
    }

    async fn run(&self, command: &[&str]) -> Result<(), String> {
        let command: Vec<String> = command.iter().map(ToString::to_string).collect();
        match self.docker.run(&self.id, command, &mut tokio::io::sink()).await? {
            (0, _) => Ok(()),
            (_, errors) => Err(errors),
        }
    }

    /// The exit code, once there is one.
    pub(super) async fn wait(&self) -> i32 {
        let mut ended = self.ended.clone();
        ended.wait_for(Option::is_some).await.ok().and_then(|code| *code).unwrap_or(1)
    }

    /// Stops it; its volume stays.
    pub(super) async fn stop(&self) {
        for signal in ["SIGINT", "SIGKILL"] {
            self.docker.signal(&self.id, signal).await;
            if tokio::time::timeout(std::time::Duration::from_secs(30), self.wait()).await.is_ok() {
                break;
            }
        }
        self.docker.remove(&self.id).await;
    }
}

/// Writes a base backup of a running server into a file.
pub(super) async fn backup(
    cx: &Context,
    docker: &Docker,
    name: &str,
    database: &Database,
    file: &Path,
) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("writing {}: {why}", file.display());
    let (half, mut target) = backup::Half::new(file).map_err(failed)?;
    let mut command = vec!["pg_basebackup".to_string(), "--username".to_string(), database.username.clone()];
    command.extend(backup::OPTIONS.map(String::from));
    match docker.run(&volume(cx, name), command, &mut target).await? {
        (0, _) => half.finish(target).await.map_err(failed),
        (_, errors) => Err(format!("pg_basebackup: {errors}")),
    }
}
