//! Logs: a line for each event, and one for each span when it ends, with how long it took and what it was part of.

use std::fmt::{Debug, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value as Json, json};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

/// What a line has of the spans around it.
const INHERITED: &[&str] = &["address", "resource_type", "release"];

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// A JSON object each.
    Json,
}

/// Writes lines somewhere.
pub(super) struct Log {
    form: Form,
    to: Mutex<Box<dyn Write + Send>>,
}

impl Log {
    pub fn to_standard_error(form: Form) -> Log {
        Log { form, to: Mutex::new(Box::new(io::stderr())) }
    }

    /// At the end of a file, which only its owner can read if it is made now.
    pub fn to_file(path: &Path, form: Form) -> io::Result<Log> {
        Ok(Log { form, to: Mutex::new(Box::new(open(path)?)) })
    }

    fn write(&self, metadata: &Metadata<'_>, what: &str, fields: &Map<String, Json>) {
        let time = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let mut line = match self.form {
            Form::Json => as_json(&time, metadata, what, fields),
            Form::Text => as_text(&time, metadata, what, fields),
        };
        line.push('\n');
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        // In one piece: others write there, too.
        let _ = to.write_all(line.as_bytes());
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What is known of a span.
struct Known {
    fields: Map<String, Json>,
    began: Instant,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(Known { fields: fields.0, began: Instant::now() });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(known) = span.extensions_mut().get_mut::<Known>() {
            let mut fields = Fields(std::mem::take(&mut known.fields));
            values.record(&mut fields);
            known.fields = fields.0;
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields(mut fields) = fields;
        let what = match fields.remove("message") {
            Some(Json::String(message)) => message,
            _ => String::new(),
        };
        inherit(&mut fields, context.event_span(event));
        self.write(event.metadata(), &what, &fields);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Known { mut fields, began }) = span.extensions_mut().remove::<Known>() else { return };
        inherit(&mut fields, span.parent());
        fields.insert("duration_ms".into(), json!(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)));
        self.write(span.metadata(), span.name(), &fields);
    }
}

/// Takes over what the spans around say, the nearest first.
fn inherit<S: for<'a> LookupSpan<'a>>(fields: &mut Map<String, Json>, from: Option<SpanRef<'_, S>>) {
    let Some(from) = from else { return };
    for span in from.scope() {
        let extensions = span.extensions();
        let Some(known) = extensions.get::<Known>() else { continue };
        for name in INHERITED.iter().filter(|name| known.fields.contains_key(**name)) {
            if !fields.contains_key(*name) {
                fields.insert((*name).to_string(), known.fields[*name].clone());
            }
        }
    }
}

fn as_json(time: &str, metadata: &Metadata<'_>, what: &str, fields: &Map<String, Json>) -> String {
    let mut line = Map::new();
    line.insert("timestamp".into(), json!(time));
    line.insert("level".into(), json!(metadata.level().as_str().to_ascii_lowercase()));
    line.insert("target".into(), json!(metadata.target()));
    line.insert("message".into(), json!(what));
    line.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    Json::Object(line).to_string()
}

fn as_text(time: &str, metadata: &Metadata<'_>, what: &str, fields: &Map<String, Json>) -> String {
    let mut line = format!("{time} {:<5} {}: {what}", metadata.level(), metadata.target());
    for (name, value) in fields {
        let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let _ = match value {
            Json::String(text) if plain(text) => write!(line, " {name}={text}"),
            other => write!(line, " {name}={other}"),
        };
    }
    line
}

/// Gathers fields. Those that only traces need are left out.
#[derive(Default)]
struct Fields(Map<String, Json>);

impl Fields {
    fn put(&mut self, field: &Field, value: Json) {
        if !field.name().starts_with("otel.") {
            self.0.insert(field.name().to_string(), value);
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, json!(value));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, json!(value));
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, json!(value));
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, json!(value));
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, json!(value));
    }
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, json!(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(form: Form) -> String {
        let written = Written::default();
        let log = Log { form, to: Mutex::new(Box::new(written.clone())) };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            let operation =
                tracing::info_span!("operation", operation = "create", address = "aws_vpc.a", otel.name = "x");
            operation.in_scope(|| {
                let call = tracing::debug_span!("call", operation = "CreateVpc", status = tracing::field::Empty);
                call.record("status", 200);
                drop(call);
                tracing::trace!(state = "not yet", "waiting");
            });
        });
        let bytes = written.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap_or_default()
    }

    #[test]
    fn a_line_says_what_object_it_is_about() {
        let text = logged(Form::Text);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains(": call operation=CreateVpc status=200 address=aws_vpc.a duration_ms="), "{text}");
        assert!(lines[1].ends_with(r#": waiting state="not yet" address=aws_vpc.a"#), "{text}");
        assert!(lines[2].contains(": operation operation=create address=aws_vpc.a duration_ms="), "{text}");
        assert!(!text.contains("otel"), "{text}");
    }

    #[test]
    fn a_line_of_json_is_one_object() {
        let lines: Vec<Json> = logged(Form::Json).lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert_eq!(lines.len(), 3);
        assert_eq!((&lines[0]["message"], &lines[0]["address"]), (&json!("call"), &json!("aws_vpc.a")));
        assert_eq!((&lines[1]["level"], &lines[1]["state"]), (&json!("trace"), &json!("not yet")));
        assert!(lines[2]["duration_ms"].is_u64());
    }
}
