//! What is asked of a running server as its master user.

use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::configuration::{identifier, literal};
use crate::spec::Database;

/// The database that is always there.
const ALWAYS: &str = "postgres";

/// How long a server may take to come up; it may have to recover from a crash first.
const PATIENCE: Duration = Duration::from_secs(120);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The server is there, and the password is another one.
    Password,
    /// Something else.
    Other(String),
}

/// A connection to the server.
async fn connect(database: &Database, password: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config
        .host(database.bind.ip().to_string())
        .port(database.bind.port())
        .user(&database.username)
        .password(password)
        .dbname(ALWAYS)
        .application_name("infra")
        .connect_timeout(Duration::from_secs(5));
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(client)
}

/// Waits until the server answers.
pub(crate) async fn ready(database: &Database) -> Result<(), Refused> {
    let begun = Instant::now();
    loop {
        let refused = match connect(database, &database.password).await {
            Ok(_) => return Ok(()),
            Err(why) => why,
        };
        match refused.code() {
            Some(code) if *code == SqlState::INVALID_PASSWORD => return Err(Refused::Password),
            Some(code) if *code != SqlState::CANNOT_CONNECT_NOW && *code != SqlState::TOO_MANY_CONNECTIONS => {
                return Err(Refused::Other(text(&refused)));
            }
            _ if begun.elapsed() > PATIENCE => return Err(Refused::Other(text(&refused))),
            _ => tokio::time::sleep(Duration::from_millis(30)).await,
        }
    }
}

/// Makes the database that was asked for, unless it is there.
pub(crate) async fn create_database(database: &Database) -> Result<(), String> {
    let Some(name) = database.database.as_deref().filter(|name| !name.is_empty()) else { return Ok(()) };
    let doing = |why: tokio_postgres::Error| format!("creating the database {name}: {}", text(&why));
    let client = connect(database, &database.password).await.map_err(doing)?;
    let there = client.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await.map_err(doing)?;
    if there.is_empty() {
        client.batch_execute(&format!("CREATE DATABASE {}", identifier(name))).await.map_err(doing)?;
    }
    Ok(())
}

/// The statement that sets the master user's password.
pub(crate) fn password_statement(database: &Database) -> String {
    format!("ALTER ROLE {} PASSWORD {}", identifier(&database.username), literal(&database.password))
}

/// Sets the master user's password, knowing the one before.
pub(crate) async fn set_password(database: &Database, before: &str) -> Result<(), String> {
    let doing = |why: tokio_postgres::Error| format!("setting the master user's password: {}", text(&why));
    let client = connect(database, before).await.map_err(doing)?;
    // The statement holds the password: it must not get into the log, whatever the parameters say.
    let silent =
        "SET log_statement = 'none'; SET log_min_error_statement = 'panic'; SET log_min_duration_statement = -1";
    client.batch_execute(silent).await.map_err(doing)?;
    client.batch_execute(&password_statement(database)).await.map_err(doing)
}

/// An error without what was sent.
fn text(why: &tokio_postgres::Error) -> String {
    match why.as_db_error() {
        Some(error) => error.message().to_string(),
        None => match std::error::Error::source(why) {
            Some(source) => format!("{why}: {source}"),
            None => why.to_string(),
        },
    }
}
