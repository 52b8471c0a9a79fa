//! The sample image `infra/hello:TAG`: an HTTP server that says which version it is, and can be told to fail.
//!
//! It runs as a process of the infra binary (`infra local-task hello OPTIONS [-- COMMAND…]`); what it does is set by its
//! environment, as with any image:
//!
//! | variable | |
//! |---|---|
//! | `APP_VERSION` | the version that it answers with, instead of the tag |
//! | `COLOUR` | the colour that it answers with |
//! | `FAIL_PERCENT` | how many percent of the requests are answered with 500 (not `/health`) |
//! | `LATENCY_MS` | how long each answer takes |
//! | `UNHEALTHY` | `true`: `/health` answers 503 |
//! | `START_DELAY_MS` | how long it takes until it listens |
//! | `CRASH_AFTER` | seconds after which it ends with exit code 1 |
//!
//! With a command it is a one-off task: `exit CODE` ends with that code, `sleep SECONDS` takes its time.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code for arguments that make no sense.
const USAGE: i32 = 64;

/// Exit code for a command that the image does not have, as a shell's.
const NOT_FOUND: i32 = 127;

/// What the process is told by its arguments.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    listen: Vec<SocketAddr>,
    tag: String,
    task: String,
    /// Whether to end as soon as standard input does: the supervisor holds the other end, so this is how a task learns
    /// that the supervisor was killed.
    lifeline: bool,
    command: Vec<String>,
}

impl Arguments {
    fn parse(arguments: Vec<String>) -> Result<Arguments, String> {
        let mut parsed = Arguments::default();
        let mut rest = arguments.into_iter();
        while let Some(option) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{option} needs a value"));
            match option.as_str() {
                "--listen" => {
                    let address = value()?;
                    parsed
                        .listen
                        .push(address.parse().map_err(|_| format!("{address} is not an address with a port"))?);
                }
                "--tag" => parsed.tag = value()?,
                "--task" => parsed.task = value()?,
                "--lifeline" => parsed.lifeline = true,
                "--" => parsed.command = rest.by_ref().collect(),
                _ => return Err(format!("{option} is not an option of the sample image")),
            }
        }
        Ok(parsed)
    }
}

/// What the process is told by its environment.
#[derive(Debug, PartialEq)]
struct Behaviour {
    version: Option<String>,
    colour: Option<String>,
    fail_percent: f64,
    latency: Duration,
    unhealthy: bool,
    start_delay: Duration,
    crash_after: Option<Duration>,
}

impl Behaviour {
    fn parse(environment: &BTreeMap<String, String>) -> Result<Behaviour, String> {
        let text = |name: &str| environment.get(name).filter(|value| !value.is_empty()).cloned();
        let number = |name: &str| match text(name).map(|value| (value.trim().parse::<f64>(), value)) {
            None => Ok(None),
            Some((Ok(number), _)) if number >= 0.0 && number.is_finite() => Ok(Some(number)),
            Some((_, value)) => Err(format!("{name} is {value:?}: a number of 0 or more is needed")),
        };
        let duration = |name: &str, unit: f64| {
            let longest = Duration::from_secs(365 * 86_400);
            number(name).map(|n| n.map(|n| Duration::try_from_secs_f64(n * unit).unwrap_or(longest).min(longest)))
        };
        Ok(Behaviour {
            version: text("APP_VERSION"),
            colour: text("COLOUR"),
            fail_percent: number("FAIL_PERCENT")?.unwrap_or(0.0),
            latency: duration("LATENCY_MS", 0.001)?.unwrap_or_default(),
            unhealthy: text("UNHEALTHY").is_some_and(|v| v.eq_ignore_ascii_case("true") || v == "1"),
            start_delay: duration("START_DELAY_MS", 0.001)?.unwrap_or_default(),
            crash_after: duration("CRASH_AFTER", 1.0)?,
        })
    }
}

/// Whether a request (counted from 0) is one that fails: spread as evenly as can be, so that the share is exact.
fn fails(count: u64, percent: f64) -> bool {
    let failed = |requests: u64| (requests as f64 * percent.min(100.0) / 100.0).floor();
    failed(count + 1) > failed(count)
}

struct Server {
    behaviour: Behaviour,
    answer: Bytes,
    requests: AtomicU64,
}

impl Server {
    async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let (status, body) = if path == "/health" {
            if self.behaviour.unhealthy {
                (StatusCode::SERVICE_UNAVAILABLE, Bytes::from_static(b"{\"status\":\"unhealthy\"}\n"))
            } else {
                (StatusCode::OK, Bytes::from_static(b"{\"status\":\"ok\"}\n"))
            }
        } else {
            tokio::time::sleep(self.behaviour.latency).await;
            if fails(self.requests.fetch_add(1, Ordering::Relaxed), self.behaviour.fail_percent) {
                (StatusCode::INTERNAL_SERVER_ERROR, Bytes::from_static(b"{\"error\":\"as FAIL_PERCENT asks\"}\n"))
            } else {
                (StatusCode::OK, self.answer.clone())
            }
        };
        let response = Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "application/json")
            .header(CACHE_CONTROL, "no-store")
            .body(Full::new(body));
        response.unwrap_or_default()
    }
}

/// Runs the sample image to its end and returns the exit code. Told by the hidden command `local-task hello`.
pub async fn hello(arguments: Vec<String>) -> i32 {
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let (arguments, behaviour) = match (Arguments::parse(arguments), Behaviour::parse(&environment)) {
        (Ok(arguments), Ok(behaviour)) => (arguments, behaviour),
        (Err(why), _) | (_, Err(why)) => {
            say(&why);
            return USAGE;
        }
    };
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return 1 };
    let lifeline = arguments.lifeline;
    let crash_after = behaviour.crash_after;
    tokio::select! {
        code = run(arguments, behaviour, async move { terminate.recv().await; }) => code,
        () = supervisor_gone(lifeline) => 0,
        () = crash(crash_after) => {
            say("ends with exit code 1, as CRASH_AFTER asks");
            1
        }
    }
}

async fn run(arguments: Arguments, behaviour: Behaviour, terminate: impl Future<Output = ()>) -> i32 {
    tokio::pin!(terminate);
    let command: Vec<&str> = arguments.command.iter().map(String::as_str).collect();
    match command.as_slice() {
        [] | ["serve"] => {}
        ["exit", code] => match code.parse() {
            Ok(code) => return code,
            Err(_) => return USAGE,
        },
        ["sleep", seconds] => {
            let Some(time) = seconds.parse().ok().and_then(|s| Duration::try_from_secs_f64(s).ok()) else {
                return USAGE;
            };
            return tokio::select! {
                () = tokio::time::sleep(time) => 0,
                () = &mut terminate => 143,
            };
        }
        _ => {
            say(&format!(
                "the sample image has no command {:?}: it knows `serve`, `exit CODE` and `sleep SECONDS`",
                command[0]
            ));
            return NOT_FOUND;
        }
    }

    tokio::select! {
        () = tokio::time::sleep(behaviour.start_delay) => {}
        () = &mut terminate => return 0,
    }
    let version = behaviour.version.clone().unwrap_or(arguments.tag);
    let answer = serde_json::json!({ "version": version, "colour": behaviour.colour, "task": arguments.task });
    let server =
        Arc::new(Server { behaviour, answer: Bytes::from(format!("{answer}\n")), requests: AtomicU64::new(0) });
    let graceful = GracefulShutdown::new();
    let (accepted, mut connections) = tokio::sync::mpsc::channel(64);
    let mut accepting = tokio::task::JoinSet::new();
    for address in arguments.listen {
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            Err(why) => {
                say(&format!("{address}: {why}"));
                return 1;
            }
        };
        say(&format!("version {version} listens on {address}"));
        let accepted = accepted.clone();
        accepting.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let _ = accepted.send(stream).await;
                    }
                    // Too many open files: others have to close first.
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        });
    }
    loop {
        let stream = tokio::select! {
            Some(stream) = connections.recv() => stream,
            () = &mut terminate => break,
        };
        let _ = stream.set_nodelay(true);
        let server = server.clone();
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request.uri().path()).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
    say("stops: finishes its requests");
    accepting.shutdown().await;
    graceful.shutdown().await;
    0
}

/// Ends when standard input does.
async fn supervisor_gone(lifeline: bool) {
    if lifeline {
        let input = std::io::stdin().as_fd().try_clone_to_owned().and_then(pipe::Receiver::from_owned_fd);
        let Ok(input) = input else { return };
        let mut bytes = [0; 64];
        loop {
            if input.readable().await.is_err() {
                return;
            }
            match input.try_read(&mut bytes) {
                Ok(0) => return,
                Err(why) if why.kind() != std::io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    }
    std::future::pending().await
}

async fn crash(after: Option<Duration>) {
    match after {
        Some(after) => tokio::time::sleep(after).await,
        None => std::future::pending().await,
    }
}

/// Writes a line for the log. Whoever reads it may be gone; that is no reason to end.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_failing_requests_is_exact() {
        for (percent, requests, expected) in
            [(0.0, 1000, 0), (2.0, 50, 1), (2.0, 1000, 20), (0.5, 400, 2), (100.0, 10, 10), (200.0, 10, 10)]
        {
            assert_eq!((0..requests).filter(|n| fails(*n, percent)).count(), expected, "{percent}");
        }
    }

    #[test]
    fn arguments_are_options_and_a_command() {
        let parse = |line: &str| Arguments::parse(line.split_whitespace().map(String::from).collect());
        let expected = Arguments {
            listen: vec!["127.0.0.1:8080".parse().expect("an address")],
            tag: "v1".into(),
            task: "abc".into(),
            lifeline: true,
            command: vec!["exit".into(), "3".into()],
        };
        assert_eq!(parse("--listen 127.0.0.1:8080 --tag v1 --task abc --lifeline -- exit 3"), Ok(expected));
        assert!(parse("--listen here").is_err());
        assert!(parse("--tag").is_err());
        assert!(parse("exit 3").is_err());
    }

    #[test]
    fn the_environment_is_checked() {
        let parse =
            |name: &str, value: &str| Behaviour::parse(&BTreeMap::from([(name.to_string(), value.to_string())]));
        assert_eq!(parse("FAIL_PERCENT", "2.5").map(|b| b.fail_percent), Ok(2.5));
        assert_eq!(parse("LATENCY_MS", "20").map(|b| b.latency), Ok(Duration::from_millis(20)));
        assert_eq!(parse("UNHEALTHY", "True").map(|b| b.unhealthy), Ok(true));
        assert_eq!(parse("CRASH_AFTER", "").map(|b| b.crash_after), Ok(None));
        assert_eq!(
            parse("FAIL_PERCENT", "two"),
            Err("FAIL_PERCENT is \"two\": a number of 0 or more is needed".to_string())
        );
    }
}
