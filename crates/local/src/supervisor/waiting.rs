//! What a create, an update and a delete wait for, and the status of everything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use infra_balancer::HealthStatus;
use infra_provider::{Failure, Object};
use infra_runtime::{DatabaseState, Rollout, TaskState};

use super::{Shared, held};
use crate::folder::write_private;
use crate::status::{Database, Listener, Service, Status, Supervisor, TargetGroup, Task, impossible, short, url};

/// How long a command waits for a service that it need not wait for: most are up by then, and what is printed as an
/// output answers.
const COURTESY: Duration = Duration::from_secs(20);

/// How long it still waits when tasks fail and it is known why: an image that is missing, three ends in a row. They are
/// tried again all the same.
const HOPE: Duration = Duration::from_secs(5);

/// What a snapshot of a database tells of it, beside its password.
const SNAPSHOT: [&str; 4] = ["db_name", "engine", "engine_version", "username"];

/// How long a database may take to recover before its final snapshot is given up.
const RECOVERY: Duration = Duration::from_secs(10 * 60);

/// How often is looked.
const LOOK: Duration = Duration::from_millis(50);

impl Shared {
    /// Waits until what was created or changed is in effect.
    pub(super) async fn wait(&self, ty: &str, object: &Object, limit: Duration) -> Result<(), Failure> {
        match ty {
            "aws_lb_listener" => match held(&self.listening).get(object.id()) {
                Some(Err(why)) => Err(Failure::new(format!("listening on port {}", object.int("port")), why)),
                _ => Ok(()),
            },
            "aws_db_instance" => self.wait_for_database(object, limit).await,
            "aws_db_snapshot" => self.take_snapshot(object).await,
            "aws_ecs_service" => self.wait_for_service(object, limit).await,
            _ => Ok(()),
        }
    }

    async fn wait_for_database(&self, object: &Object, limit: Duration) -> Result<(), Failure> {
        let (name, home) = (object.str("identifier"), self.home(object));
        let doing = format!("waiting for the database {name}");
        let begun = Instant::now();
        while begun.elapsed() < limit {
            match self.runtime.databases().get(&home).map(|status| status.state.clone()) {
                Some(DatabaseState::Starting) => {}
                Some(DatabaseState::Failed { why }) => return Err(Failure::new(doing, why)),
                _ => return Ok(()),
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(Failure::new(doing, format!("it did not start within {} s", limit.as_secs())))
    }

    /// The name that the runtime knows a database by.
    fn home(&self, instance: &Object) -> String {
        held(&self.kept).world.home(instance.id(), instance.str("identifier"))
    }

    async fn wait_for_service(&self, object: &Object, limit: Duration) -> Result<(), Failure> {
        let asked = object.bool("wait_for_steady_state");
        let limit = if asked { limit } else { limit.min(COURTESY) };
        let doing = format!("waiting for the service {} to be steady", object.str("name"));
        let begun = Instant::now();
        let mut failing: Option<Instant> = None;
        while begun.elapsed() < limit {
            self.wake.notify_one();
            match self.runtime.services().get(object.id()).map(|s| (s.rollout, s.reason.clone())) {
                Some((Rollout::InProgress, None)) => failing = None,
                Some((Rollout::InProgress | Rollout::Failed, why)) if asked => {
                    if let Some(why) = why {
                        return Err(Failure::new(doing, why));
                    }
                }
                Some((Rollout::InProgress, Some(_))) if failing.get_or_insert_with(Instant::now).elapsed() > HOPE => {
                    return Ok(());
                }
                Some((Rollout::InProgress, Some(_))) => {}
                _ => return Ok(()),
            }
            tokio::time::sleep(LOOK).await;
        }
        if !asked {
            return Ok(());
        }
        let mut message = format!("it was not after {} s", limit.as_secs());
        for told in self.targets_of(object.id()) {
            message += &format!("; {told}");
        }
        Err(Failure::new(doing, message))
    }

    /// How many of a service's targets are healthy in each of its groups, and what is wrong with the others.
    fn targets_of(&self, service: &str) -> BTreeSet<String> {
        let desired = held(&self.kept).world.desired();
        let health = self.balancers.health();
        let mut told = BTreeSet::new();
        for registration in desired.registrations.iter().filter(|r| r.service == service) {
            let name = desired.balancers.target_groups.get(&registration.group).map_or("", |group| &group.name);
            let targets: Vec<_> = health.get(&registration.group).into_iter().flat_map(|t| t.values()).collect();
            let healthy = targets.iter().filter(|target| target.status == HealthStatus::Healthy).count();
            told.insert(format!("{healthy} of {} targets in the target group {name} are healthy", targets.len()));
            for target in targets {
                if let HealthStatus::Unhealthy { reason } = &target.status {
                    told.insert(format!("its health check: {reason}"));
                }
            }
        }
        told
    }

    /// A database that is to be restored gets what its configuration leaves out from the snapshot: the password is
    /// returned. One that nobody has taken here is refused.
    pub(super) fn before_create(&self, ty: &str, object: &mut Object) -> Result<Option<String>, Failure> {
        if ty == "aws_db_snapshot" {
            return self.refuse_taken(object.str("db_snapshot_identifier"));
        }
        let snapshot = object.str("snapshot_identifier").to_string();
        if ty != "aws_db_instance" || snapshot.is_empty() {
            return Ok(None);
        }
        let Some(_) = self.folder.snapshot(&snapshot).filter(|file| file.exists()) else {
            let message = format!(
                "DBSnapshot not found: {snapshot}. Databases on this machine are restored from snapshots that were \
                 taken here, which are kept in {}.",
                self.folder.snapshots().display()
            );
            return Err(Failure {
                code: Some("DBSnapshotNotFound".into()),
                ..Failure::new(format!("creating {ty}"), message)
            });
        };
        let source = self.folder.snapshot(&format!("{snapshot}.json"));
        let text = source.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
        let Ok(mut of) = serde_json::from_slice::<BTreeMap<String, String>>(&text) else { return Ok(None) };
        let password = of.remove("password");
        for (name, value) in of.iter().filter(|(name, _)| SNAPSHOT.contains(&name.as_str())) {
            if object.str(name).is_empty() {
                object.set(name, value);
            }
        }
        Ok(password)
    }

    /// Refuses the name of a snapshot that is there, a final one too.
    fn refuse_taken(&self, snapshot: &str) -> Result<Option<String>, Failure> {
        if self.folder.snapshot(snapshot).is_none_or(|file| !file.exists()) {
            return Ok(None);
        }
        let message = format!(
            "Cannot create the snapshot because a snapshot with the identifier {snapshot} already exists: {}.",
            self.folder.snapshots().join(snapshot).display()
        );
        Err(Failure {
            code: Some("DBSnapshotAlreadyExists".into()),
            ..Failure::new("creating aws_db_snapshot", message)
        })
    }

    /// What has to happen while the object is still there: the final snapshot of a database.
    pub(super) async fn before_delete(&self, ty: &str, object: &Object) -> Result<(), Failure> {
        if ty != "aws_db_instance" || object.bool("skip_final_snapshot") {
            return Ok(());
        }
        let snapshot = object.str("final_snapshot_identifier");
        if snapshot.is_empty() {
            return Ok(());
        }
        self.back_up(object, snapshot).await.map_err(|mut failure| {
            failure.message += " Set skip_final_snapshot = true to go without.";
            failure
        })
    }

    /// Takes the snapshot that was just recorded, unless that was done before.
    async fn take_snapshot(&self, snapshot: &Object) -> Result<(), Failure> {
        let name = snapshot.str("db_instance_identifier");
        if self.folder.snapshot(snapshot.id()).is_none_or(|file| file.exists()) {
            return Ok(());
        }
        let Some(instance) = held(&self.kept).world.database(name).cloned() else { return Ok(()) };
        self.back_up(&instance, snapshot.id()).await
    }

    /// Writes a backup of a database, and beside it what a database that is restored from it takes over. Nothing happens
    /// where no server can run.
    async fn back_up(&self, instance: &Object, snapshot: &str) -> Result<(), Failure> {
        let (name, home) = (instance.str("identifier"), self.home(instance));
        let failed = |why| Failure::new(format!("taking the snapshot {snapshot} of {name}"), why);
        if !self.can_be_backed_up(&home).await.map_err(failed)? {
            return Ok(());
        }
        self.runtime.snapshot(&home, snapshot).await.map_err(failed)?;
        let mut of: BTreeMap<&str, String> =
            SNAPSHOT.iter().map(|name| (*name, instance.str(name).to_string())).collect();
        if let Some(password) = held(&self.kept).world.password(instance.id()) {
            of.insert("password", password.to_string());
        }
        let Some(file) = self.folder.snapshot(&format!("{snapshot}.json")) else { return Ok(()) };
        let text = serde_json::to_vec(&of).map_err(|error| failed(error.to_string()))?;
        write_private(&file, &text).map_err(|error| failed(error.to_string()))
    }

    /// Deletes the files of a snapshot, and their folder with the last one.
    fn delete_snapshot(&self, name: &str) {
        for file in [name.to_string(), format!("{name}.json")].iter().filter_map(|name| self.folder.snapshot(name)) {
            let _ = std::fs::remove_file(file);
        }
        let _ = std::fs::remove_dir(self.folder.snapshots());
    }

    /// Waits until a database runs, for only then can it be backed up. False if no server can run on this machine: there
    /// is nothing to keep. A database that should run and does not is an error, never left out.
    async fn can_be_backed_up(&self, home: &str) -> Result<bool, String> {
        let begun = Instant::now();
        loop {
            match self.runtime.databases().get(home).map(|status| status.state.clone()) {
                Some(DatabaseState::Available) => return Ok(true),
                Some(DatabaseState::RecordedOnly { .. }) => return Ok(false),
                Some(DatabaseState::Failed { why }) => {
                    return Err(format!("the database does not run ({why})."));
                }
                Some(DatabaseState::Starting | DatabaseState::Stopped) | None if begun.elapsed() > RECOVERY => {
                    return Err(format!("the database did not start within {} s.", RECOVERY.as_secs()));
                }
                Some(DatabaseState::Starting | DatabaseState::Stopped) | None => {}
            }
            self.wake.notify_one();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until nothing of what was deleted runs any more.
    pub(super) async fn wait_until_gone(&self, ty: &str, object: &Object) -> Result<(), Failure> {
        match ty {
            "aws_db_instance" => {
                self.runtime.remove_database(&self.home(object)).await;
                held(&self.kept).world.leave_home(object.id());
            }
            "aws_db_snapshot" => self.delete_snapshot(object.id()),
            "aws_ecs_service" => {
                let left =
                    || self.runtime.tasks().iter().any(|t| t.service == object.id() && t.state != TaskState::Stopped);
                let begun = Instant::now();
                while left() && begun.elapsed() < Duration::from_secs(20 * 60) {
                    tokio::time::sleep(LOOK).await;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What runs.
    pub(super) async fn status(&self) -> Status {
        self.reconcile().await;
        let (desired, recorded) = {
            let kept = held(&self.kept);
            (kept.world.desired(), kept.world.len())
        };
        let listening = held(&self.listening).clone();
        let mut status = Status {
            supervisor: Some(Supervisor { pid: std::process::id(), up_seconds: self.up().as_secs() }),
            recorded,
            notes: desired.notes.clone(),
            ..Status::default()
        };
        for balancer in desired.balancers.balancers.values() {
            for (arn, listener) in &balancer.listeners {
                let at = listening.get(arn);
                let port = at.and_then(|at| at.as_ref().ok()).map_or(listener.bind.port(), std::net::SocketAddr::port);
                status.listeners.push(Listener {
                    balancer: balancer.name.clone(),
                    port: listener.port,
                    url: url(listener, port),
                    problem: at.and_then(|at| at.as_ref().err()).cloned(),
                });
            }
        }
        let (health, counts) = (self.balancers.health(), self.balancers.counts());
        for (arn, group) in &desired.balancers.target_groups {
            let targets = health.get(arn);
            let is_healthy = |h: &&infra_balancer::TargetHealth| h.status == HealthStatus::Healthy;
            let count = counts.get(arn);
            status.target_groups.push(TargetGroup {
                name: group.name.clone(),
                arn: arn.clone(),
                healthy: targets.map_or(0, |t| t.values().filter(is_healthy).count()),
                targets: targets.map_or(0, std::collections::BTreeMap::len),
                requests: count.map_or(0, |c| c.requests),
                failed: count.map_or(0, infra_balancer::Counts::failed),
            });
        }
        let (services, tasks) = (self.runtime.services(), self.runtime.tasks());
        for (arn, service) in &desired.runtime.services {
            let running = services.get(arn);
            let own = tasks.iter().filter(|t| t.service == *arn && t.state != TaskState::Stopped);
            status.services.push(Service {
                name: service.name.clone(),
                definition: short(&service.task.definition).to_string(),
                desired: service.desired_count,
                running: running.map_or(0, |s| s.running),
                rollout: running.map_or("IN_PROGRESS".into(), |s| s.rollout.to_string()),
                problem: running.and_then(|s| s.reason.clone()),
                tasks: own.map(task).collect(),
            });
        }
        status.services.extend(impossible(&desired));
        for (name, database) in self.runtime.databases() {
            let (state, problem) = match &database.state {
                DatabaseState::Starting => ("starting", None),
                DatabaseState::Available => ("available", None),
                DatabaseState::Stopped => ("stopped", None),
                DatabaseState::Failed { why } => ("failed", Some(why.clone())),
                DatabaseState::RecordedOnly { why } => ("recorded only", Some(why.clone())),
            };
            let name_of = held(&self.kept).world.at_home(&name).map(str::to_string);
            status.databases.push(Database {
                name: name_of.unwrap_or(name),
                state: state.into(),
                version: database.version.clone(),
                address: database.address.map(|a| format!("localhost:{}", a.port())),
                problem: problem.or_else(|| Some(database.notes.join("; ")).filter(|notes| !notes.is_empty())),
            });
        }
        status
    }
}

fn task(task: &infra_runtime::TaskStatus) -> Task {
    Task {
        id: task.id.clone(),
        state: task.state.to_string(),
        health: task.health.to_string(),
        seconds: task.since.elapsed().map_or(0, |d| d.as_secs()),
        definition: short(&task.definition).to_string(),
        images: task.images.clone(),
        addresses: task.ports.values().map(std::string::ToString::to_string).collect(),
        reason: task.reason.clone(),
    }
}
