//! Databases of the PostgreSQL programs on this machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use infra_runtime::spec::Database;
use infra_runtime::{DatabaseState, Runtime, Spec};
use tokio_postgres::{Client, NoTls};

use crate::{start, until};

/// Whether there are programs; says so if not.
async fn programs(runtime: &Runtime) -> bool {
    let there = !runtime.reachable().await.postgres.is_empty();
    if !there {
        eprintln!("skipped: this machine has no PostgreSQL programs (initdb, postgres)");
    }
    there
}

fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

fn database() -> Database {
    Database {
        engine_version: "16.3".into(),
        bind: free(),
        username: "app".into(),
        password: "it's a secret \\ of 1".into(),
        database: Some("shop".into()),
        parameters: BTreeMap::from([("max_connections".into(), "17".into()), ("rds.force_ssl".into(), "1".into())]),
        restore_from: None,
        running: true,
    }
}

fn spec(databases: &[(&str, &Database)]) -> Spec {
    let databases = databases.iter().map(|(name, database)| (name.to_string(), (*database).clone())).collect();
    Spec { databases, ..Spec::default() }
}

async fn available(runtime: &Runtime, name: &str) {
    let state = || runtime.databases().get(name).map(|d| d.state.clone());
    until(runtime, "available", || (state() == Some(DatabaseState::Available)).then_some(())).await;
}

async fn connect(database: &Database, password: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(database.bind.port()).user("app").password(password).dbname("shop");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn one(client: &Client, statement: &str) -> String {
    client.query_one(statement, &[]).await.expect("an answer").get(0)
}

/// The id of the server's process, and whether it runs.
fn process(folder: &std::path::Path, name: &str) -> String {
    let file = folder.join("local/databases").join(name).join("data/postmaster.pid");
    let text = std::fs::read_to_string(file).expect("a pid file");
    text.lines().next().expect("a line").to_string()
}

fn runs(id: &str) -> bool {
    Command::new("kill")
        .args(["-0", id])
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_as_configured_and_keeps_its_data() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !programs(&runtime).await {
        return;
    }
    let mut database = database();
    runtime.apply(spec(&[("main", &database)])).await;
    available(&runtime, "main").await;
    let status = runtime.databases()["main"].clone();
    assert_eq!(status.address, Some(database.bind));
    assert!(status.notes.iter().any(|note| note.contains("rds.force_ssl")), "{status:?}");
    let client = connect(&database, &database.password).await.expect("connected");
    assert_eq!(one(&client, "SHOW max_connections").await, "17");
    assert_eq!(one(&client, "SHOW ssl").await, "on");
    client.batch_execute("CREATE TABLE item (name text); INSERT INTO item VALUES ('kept')").await.expect("made");
    assert!(connect(&database, "wrong").await.is_err());

    // A new password while it runs, and another one while it does not.
    database.password = "second".into();
    runtime.apply(spec(&[("main", &database)])).await;
    let mut connected = connect(&database, "second").await.is_ok();
    for _ in 0..200 {
        if connected {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        connected = connect(&database, "second").await.is_ok();
    }
    assert!(connected, "{:?}", runtime.databases());
    let id = process(folder.path(), "main");
    runtime.shutdown(true).await;
    assert!(!runs(&id));
    drop(runtime);
    database.password = "third".into();
    let runtime = start(folder.path()).await;
    runtime.apply(spec(&[("main", &database)])).await;
    available(&runtime, "main").await;
    let client = connect(&database, "third").await.expect("connected");
    assert_eq!(one(&client, "SELECT name FROM item").await, "kept");

    // Stopped, and started again.
    runtime.apply(spec(&[("main", &Database { running: false, ..database.clone() })])).await;
    until(&runtime, "stopped", || (runtime.databases()["main"].state == DatabaseState::Stopped).then_some(())).await;
    assert!(connect(&database, "third").await.is_err());
    runtime.apply(spec(&[("main", &database)])).await;
    available(&runtime, "main").await;

    let id = process(folder.path(), "main");
    runtime.remove_database("main").await;
    assert!(!runs(&id) && runtime.databases().is_empty());
    runtime.shutdown(false).await;
    let left: Vec<_> = std::fs::read_dir(folder.path().join("local")).expect("a folder").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_starts_another_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !programs(&runtime).await {
        return;
    }
    let first = database();
    runtime.apply(spec(&[("first", &first)])).await;
    assert!(runtime.snapshot("first", "early").await.is_err(), "not before it runs");
    available(&runtime, "first").await;
    let client = connect(&first, &first.password).await.expect("connected");
    client.batch_execute("CREATE TABLE item (name text); INSERT INTO item VALUES ('backed up')").await.expect("made");
    runtime.snapshot("first", "final").await.expect("backed up");
    client.batch_execute("DELETE FROM item").await.expect("deleted");
    let second = Database {
        bind: free(),
        password: "other".into(),
        database: None,
        restore_from: Some("final".into()),
        ..first.clone()
    };
    runtime.apply(spec(&[("first", &first), ("second", &second)])).await;
    available(&runtime, "second").await;
    let client = connect(&second, "other").await.expect("connected with its own password");
    assert_eq!(one(&client, "SELECT name FROM item").await, "backed up");
    runtime.shutdown(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_comes_back_and_a_taken_port_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = start(folder.path()).await;
    if !programs(&runtime).await {
        return;
    }
    let mut database = database();
    runtime.apply(spec(&[("main", &database)])).await;
    available(&runtime, "main").await;
    let killed = process(folder.path(), "main");
    assert!(Command::new("kill").args(["-9", &killed]).status().expect("kill").success());
    until(&runtime, "down", || (runtime.databases()["main"].state != DatabaseState::Available).then_some(())).await;
    available(&runtime, "main").await;
    assert_ne!(process(folder.path(), "main"), killed);

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    database.bind = taken.local_addr().expect("an address");
    runtime.apply(spec(&[("main", &database)])).await;
    let why = until(&runtime, "failed", || match &runtime.databases()["main"].state {
        DatabaseState::Failed { why } => Some(why.clone()),
        _ => None,
    });
    let why = why.await;
    assert!(why.contains("could not bind") && why.contains("in use"), "{why}");
    drop(taken);
    available(&runtime, "main").await;

    // Whoever goes without a word takes the server along.
    let id = process(folder.path(), "main");
    drop(runtime);
    for _ in 0..600 {
        if !runs(&id) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!runs(&id));
    let runtime = start(folder.path()).await;
    runtime.apply(spec(&[("main", &database)])).await;
    available(&runtime, "main").await;
    runtime.shutdown(false).await;
}
