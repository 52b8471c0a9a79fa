//! What a machine may have beside infra: a Docker engine that runs any image, PostgreSQL's programs that serve databases.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Alone, Folder};

/// A project on this machine, with the Docker engine that the test's caller has.
struct Local(Folder, #[expect(dead_code, reason = "it is held")] Alone);

impl Local {
    fn with(configuration: &str) -> Local {
        let ports = Alone::take();
        let folder = Folder::with(configuration).env("INFRA_LOCAL", "1");
        let folder = match std::env::var("DOCKER_HOST") {
            Ok(host) => folder.env("DOCKER_HOST", &host),
            Err(_) => folder,
        };
        Local(folder, ports)
    }

    fn apply(&self, more: &[&str]) {
        self.0.infra(["apply", "-auto-approve", "-input=false"].iter().chain(more)).status(0);
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.0.infra(["local", "destroy"]);
    }
}

/// Told past the test harness, which keeps back what passing tests print.
fn skipped(test: &str, missing: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: {missing}");
}

/// What a program says; `None` where there is none, or it fails.
fn said(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(arguments).envs(environment.iter().copied()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

const IMAGE: &str = "infra-test/says:1";

/// An image of one static program, built without a registry.
fn build_image() -> Result<(), String> {
    let programs = ["/bin/busybox", "/usr/bin/busybox"];
    let program = programs.into_iter().find(|path| std::path::Path::new(path).exists());
    let program = program.ok_or("there is no busybox to make an image of")?;
    said("docker", &["version"], &[]).ok_or("no Docker engine answers")?;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    std::fs::create_dir(folder.path().join("bin")).map_err(|error| error.to_string())?;
    std::fs::copy(program, folder.path().join("bin/busybox")).map_err(|error| error.to_string())?;
    let archive = folder.path().join("image.tar");
    let (archive, top) = (archive.display().to_string(), folder.path().display().to_string());
    said("tar", &["-C", &top, "-cf", &archive, "bin"], &[]).ok_or("tar fails")?;
    said("docker", &["import", &archive, IMAGE], &[]).ok_or("docker import fails")?;
    Ok(())
}

#[test]
fn a_killed_container_comes_back_and_what_it_said_is_kept() {
    if let Err(missing) = build_image() {
        return skipped("the test with containers", &missing);
    }
    let local = Local::with(&format!(
        r#"
        provider "aws" {{ region = "eu-west-1" }}
        resource "aws_vpc" "this" {{ cidr_block = "10.0.0.0/16" }}
        resource "aws_subnet" "this" {{
          vpc_id     = aws_vpc.this.id
          cidr_block = "10.0.0.0/24"
        }}
        resource "aws_ecs_cluster" "this" {{ name = "says" }}
        resource "aws_ecs_task_definition" "this" {{
          family                   = "says"
          network_mode             = "awsvpc"
          requires_compatibilities = ["FARGATE"]
          cpu                      = 256
          memory                   = 512
          container_definitions = jsonencode([{{
            name        = "says"
            image       = "{IMAGE}"
            command     = ["/bin/busybox", "sh", "-c", "echo $GREETING; exec /bin/busybox sleep 1000"]
            environment = [{{ name = "GREETING", value = "good morning" }}]
            stopTimeout = 2
          }}])
        }}
        resource "aws_ecs_service" "this" {{
          name                  = "says"
          cluster               = aws_ecs_cluster.this.id
          task_definition       = aws_ecs_task_definition.this.arn
          desired_count         = 1
          launch_type           = "FARGATE"
          wait_for_steady_state = true
          network_configuration {{ subnets = [aws_subnet.this.id] }}
        }}
        "#
    ));
    local.apply(&[]);
    let ancestor = format!("ancestor={IMAGE}");
    let running = || said("docker", &["ps", "-q", "--filter", &ancestor], &[]).filter(|id| !id.is_empty());
    let first = running().expect("a container");
    said("docker", &["kill", &first], &[]).expect("it is killed");
    let next = eventually("another container", || running().filter(|id| *id != first));
    assert!(!next.contains('\n'), "one task, one container: {next}");
    let logs = local.0.infra(["local", "logs"]).status(0).stdout;
    assert_eq!(logs.matches("good morning").count(), 2, "{logs}");

    local.0.infra(["destroy", "-auto-approve", "-input=false"]).status(0);
    let left = said("docker", &["ps", "-aq", "--filter", &ancestor], &[]);
    assert_eq!(left.as_deref(), Some(""), "no container stays");
    let _ = said("docker", &["rmi", IMAGE], &[]);
}

const USER: &str = "username = \"ada\"\n password = \"it's \\\"quoted\\\"\"";

/// A database; `more` is how it begins and ends.
fn database(more: &str) -> String {
    format!(
        r#"
        provider "aws" {{ region = "eu-west-1" }}
        resource "aws_db_instance" "this" {{
          identifier        = "infra-test"
          engine            = "postgres"
          engine_version    = "16"
          instance_class    = "db.t4g.micro"
          allocated_storage = 20
          {more}
        }}
        output "port" {{ value = aws_db_instance.this.port }}
        "#
    )
}

#[test]
fn a_database_takes_its_user_outlives_a_stop_and_is_restored_from_its_final_snapshot() {
    for program in ["psql", "initdb", "pg_basebackup"] {
        if said(program, &["--version"], &[]).is_none() {
            return skipped("the test with PostgreSQL", &format!("there is no {program}"));
        }
    }
    let local = Local::with(&database(&format!("{USER}\n db_name = \"shop\"\n final_snapshot_identifier = \"last\"")));
    local.apply(&[]);
    let port = || local.0.infra(["output", "-raw", "port"]).status(0).stdout.trim().to_string();
    let asked = |port: &str, password: &str, statement: &str| {
        let arguments = ["-h", "localhost", "-p", port, "-U", "ada", "-d", "shop", "-Atqc", statement];
        said("psql", &arguments, &[("PGPASSWORD", password)])
    };
    let password = "it's \"quoted\"";
    let at = port();
    assert!(asked(&at, password, "create table kept as select 7 as n").is_some(), "the user may connect");
    assert_eq!(asked(&at, "wrong", "select 1"), None, "with the right password only");

    local.0.infra(["local", "stop"]).status(0);
    assert_eq!(asked(&at, password, "select 1"), None, "nothing listens");
    local.0.infra(["plan", "-detailed-exitcode", "-input=false"]).status(0);
    let kept = asked(&at, password, "select n from kept");
    assert_eq!(kept.as_deref(), Some("7"), "the server answers as soon as the plan has ended");

    // The server that the destroy starts is waited for: nothing goes without its snapshot.
    local.0.infra(["local", "stop"]).status(0);
    local.0.infra(["destroy", "-auto-approve", "-input=false"]).status(0).says("snapshots of databases are kept");
    local.0.write("main.tf", &database("snapshot_identifier = \"nobody-took-it\"\n skip_final_snapshot = true"));
    local.0.infra(["apply", "-auto-approve", "-input=false"]).status(1).fails_with("DBSnapshotNotFound");
    // User and password are those of the snapshot.
    local.0.write("main.tf", &database("snapshot_identifier = \"last\"\n skip_final_snapshot = true"));
    local.apply(&[]);
    let restored = eventually("the restored server answers", || asked(&port(), password, "select n from kept"));
    assert_eq!(restored, "7");
}

#[test]
fn a_snapshot_is_restored_as_another_database_and_goes_with_its_resource() {
    for program in ["psql", "initdb", "pg_basebackup"] {
        if said(program, &["--version"], &[]).is_none() {
            return skipped("the test with PostgreSQL", &format!("there is no {program}"));
        }
    }
    let local = Local::with(&database(&format!("{USER}\n db_name = \"shop\"\n skip_final_snapshot = true")));
    local.apply(&[]);
    let asked = |output: &str, statement: &str| {
        let port = local.0.infra(["output", "-raw", output]).status(0).stdout.trim().to_string();
        let arguments = ["-h", "localhost", "-p", &port, "-U", "ada", "-d", "shop", "-Atqc", statement];
        said("psql", &arguments, &[("PGPASSWORD", "it's \"quoted\"")])
    };
    assert!(asked("port", "create table kept as select 7 as n").is_some(), "the user may connect");

    local.0.write(
        "copy.tf",
        r#"
        resource "aws_db_snapshot" "this" {
          db_instance_identifier = aws_db_instance.this.identifier
          db_snapshot_identifier = "taken"
        }
        resource "aws_db_instance" "copy" {
          identifier          = "infra-test-copy"
          instance_class      = "db.t4g.micro"
          snapshot_identifier = aws_db_snapshot.this.id
          skip_final_snapshot = true
        }
        output "copy" { value = split(":", aws_db_instance.copy.endpoint)[1] }
        "#,
    );
    local.apply(&[]);
    local.0.infra(["plan", "-detailed-exitcode", "-input=false"]).status(0);
    assert_eq!(eventually("the restored server answers", || asked("copy", "select n from kept")), "7");

    local.0.infra(["destroy", "-auto-approve", "-input=false"]).status(0);
    assert!(!local.0.path(".infra/local/backups").exists(), "the snapshot goes with its resource");
}
