//! What a run tells of itself beside its output: logs (`INFRA_LOG`) and traces (`OTEL_EXPORTER_OTLP_ENDPOINT`).
//!
//! Both are made of the same spans and events, and of those of infra's own crates only: the AWS SDK would tell the bodies
//! of calls, which hold secrets.

mod log;
mod sending;
mod traces;

use std::path::PathBuf;

use tracing::Span;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use self::log::{Form, Log};
use self::traces::Traces;
use crate::{Exit, output};

/// What the names of all targets of infra begin with.
const OWN: &str = "infra";
/// Levels as `INFRA_LOG` names them.
const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];

/// What is told, once that is set up.
pub(crate) struct Telemetry {
    root: Span,
    traces: Option<Traces>,
}

/// Sets up logs only, if the environment asks for them.
pub(crate) fn start_logs() -> Telemetry {
    if let Some(log) = log_layer(&given) {
        let _ = tracing_subscriber::registry().with(log).try_init();
    }
    Telemetry { root: Span::none(), traces: None }
}

/// Sets up what the environment asks for. Nothing is started where it asks for nothing.
pub(crate) fn start(command: &str) -> Telemetry {
    let log = log_layer(&given);
    let traces = traces::wanted(&given).and_then(|wanted| match Traces::start(wanted) {
        Ok(traces) => Some(traces),
        Err(why) => {
            output::warning("No traces are exported", &why);
            None
        }
    });
    if log.is_none() && traces.is_none() {
        return Telemetry { root: Span::none(), traces: None };
    }
    let exported = traces.as_ref().map(|traces| {
        let own = Targets::new().with_target(OWN, tracing::Level::DEBUG);
        traces.layer().with_filter(own)
    });
    let _ = tracing_subscriber::registry().with(exported).with(log).try_init();
    let root = tracing::info_span!(
        "command",
        command,
        exit_status = tracing::field::Empty,
        otel.name = format!("infra {command}"),
        otel.status_code = tracing::field::Empty,
    );
    traces::set_parent(&root, &given);
    Telemetry { root, traces }
}

impl Telemetry {
    /// Runs a command, and then sends what is left to be sent, however it ended.
    pub fn around(self, run: impl FnOnce() -> Exit) -> Exit {
        let Telemetry { root, traces } = self;
        let guarded = std::panic::AssertUnwindSafe(|| root.in_scope(run));
        let exit = std::panic::catch_unwind(guarded).unwrap_or(Exit(crate::crash::STATUS));
        root.record("exit_status", exit.0);
        if !matches!(exit.0, 0 | 2) {
            root.record("otel.status_code", "ERROR");
        }
        drop(root);
        if let Some(why) = traces.and_then(Traces::finish) {
            output::warning("Traces could not be exported", &why);
        }
        exit
    }
}

/// A variable of the environment.
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The layer that writes logs, if they are wanted.
fn log_layer<S>(given: &dyn Fn(&str) -> Option<String>) -> Option<impl Layer<S>>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let asked = given("INFRA_LOG")?;
    let (filter, unknown) = log_filter(&asked);
    for part in unknown {
        let detail = format!(
            "{part:?} is neither a level ({}) nor a part of infra with a level (infra_aws=trace). It is left out{}.",
            LEVELS.join(", "),
            if filter == Targets::new() { ", and nothing is logged" } else { "" }
        );
        output::warning("Invalid INFRA_LOG", &detail);
    }
    let form = match given("INFRA_LOG_FORMAT").as_deref() {
        Some("json") => Form::Json,
        None | Some("text") => Form::Text,
        Some(other) => {
            let detail = format!("{other:?} is no form of logs: there are text and json. Logs are written as text.");
            output::warning("Invalid INFRA_LOG_FORMAT", &detail);
            Form::Text
        }
    };
    let log = match given("INFRA_LOG_PATH").map(PathBuf::from) {
        None => Log::to_standard_error(form),
        Some(path) => Log::to_file(&path, form).unwrap_or_else(|error| {
            let detail = format!("{}: {error}. Logs go to standard error.", path.display());
            output::warning("Invalid INFRA_LOG_PATH", &detail);
            Log::to_standard_error(form)
        }),
    };
    Some(log.with_filter(filter))
}

/// What is logged: a level, or parts of infra with levels, with commas between them; and what of it is neither.
fn log_filter(asked: &str) -> (Targets, Vec<String>) {
    let mut filter = Targets::new();
    let mut unknown = Vec::new();
    for part in asked.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (target, level) = part.split_once('=').unwrap_or((OWN, part));
        let level = level.to_ascii_lowercase();
        let own = target == OWN || target.starts_with("infra_");
        match level.parse::<tracing_subscriber::filter::LevelFilter>() {
            Ok(parsed) if own && LEVELS.contains(&level.as_str()) => filter = filter.with_target(target, parsed),
            _ => unknown.push(part.to_string()),
        }
    }
    (filter, unknown)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn only_the_targets_of_infra_are_logged() {
        let (filter, unknown) = log_filter("debug");
        assert!(unknown.is_empty());
        for own in ["infra", "infra::telemetry", "infra_aws::observed", "infra_engine", "infra_backend"] {
            assert!(filter.would_enable(own, &Level::DEBUG), "{own}");
            assert!(!filter.would_enable(own, &Level::TRACE), "{own}");
        }
        for foreign in ["aws_smithy_runtime", "hyper::proto", "rustls"] {
            assert!(!filter.would_enable(foreign, &Level::ERROR), "{foreign}");
        }
    }

    #[test]
    fn parts_of_infra_may_have_levels_of_their_own_and_others_are_named() {
        let (filter, unknown) = log_filter("infra_aws=trace, INFO,aws_smithy_runtime=trace,hyper=trace,verbose");
        assert!(filter.would_enable("infra_aws", &Level::TRACE));
        assert!(filter.would_enable("infra_release", &Level::INFO));
        assert!(!filter.would_enable("aws_smithy_runtime", &Level::ERROR));
        assert_eq!(unknown, ["aws_smithy_runtime=trace", "hyper=trace", "verbose"]);
    }
}
