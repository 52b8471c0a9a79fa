//! Traces: spans over OTLP (HTTP, protobuf), where the environment names an endpoint.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use tracing::{Span, Subscriber};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::registry::LookupSpan;

use super::sending::Sender;

/// How long the end of a run waits for what is still to be sent.
const AT_THE_END: Duration = Duration::from_secs(2);
/// How many spans are kept until they are sent: those of a large apply.
const KEPT: usize = 65_536;

/// Where traces go.
pub(super) struct Wanted {
    endpoint: String,
    /// The name of the service, if the environment has none.
    service: Option<&'static str>,
    protocol: Option<String>,
}

/// What the environment says about traces; `None` if it wants none.
pub(super) fn wanted(given: &dyn Fn(&str) -> Option<String>) -> Option<Wanted> {
    let is = |name: &str, value: &str| given(name).is_some_and(|given| given.eq_ignore_ascii_case(value));
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    let endpoint = given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
        let all = given("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", all.trim_end_matches('/')))
    })?;
    let named = given("OTEL_SERVICE_NAME").is_some()
        || given("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
    let protocol = given("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL").or_else(|| given("OTEL_EXPORTER_OTLP_PROTOCOL"));
    Some(Wanted { endpoint, service: (!named).then_some("infra"), protocol })
}

/// The export under way.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    sender: Sender,
}

impl Traces {
    /// Starts the export.
    ///
    /// # Errors
    /// Why there is none.
    pub fn start(wanted: Wanted) -> Result<Traces, String> {
        if let Some(other) = wanted.protocol.as_deref().filter(|protocol| *protocol != "http/protobuf") {
            return Err(format!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is {other:?}, and infra speaks http/protobuf only (usually on port 4318)."
            ));
        }
        let sender = Sender::new(&wanted.endpoint)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(sender.clone())
            .with_endpoint(wanted.endpoint)
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| format!("{error}."))?;
        let config = BatchConfigBuilder::default().with_max_queue_size(KEPT).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let mut resource = Resource::builder();
        if let Some(name) = wanted.service {
            resource = resource.with_service_name(name);
        }
        let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = resource.with_attribute(version).build();
        let provider = SdkTracerProvider::builder().with_span_processor(processor).with_resource(resource).build();
        Ok(Traces { provider, sender })
    }

    /// What makes traces of spans.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> OpenTelemetryLayer<S, SdkTracer> {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("infra"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_target(false)
    }

    /// Sends what is left. Why something was not sent, if so.
    pub fn finish(self) -> Option<String> {
        let ended = self.provider.shutdown_with_timeout(AT_THE_END);
        self.sender.failure().or_else(|| {
            ended.err().map(|_| format!("{} did not answer within {} s.", self.sender.place(), AT_THE_END.as_secs()))
        })
    }
}

/// Makes a span part of the trace that `TRACEPARENT` names: that of a pipeline.
pub(super) fn set_parent(span: &Span, given: &dyn Fn(&str) -> Option<String>) {
    let Some(parent) = given("TRACEPARENT") else { return };
    let mut carrier = HashMap::from([("traceparent".to_string(), parent)]);
    carrier.extend(given("TRACESTATE").map(|state| ("tracestate".to_string(), state)));
    let context = TraceContextPropagator::new().extract(&carrier);
    if context.span().span_context().is_valid() {
        let _ = span.set_parent(context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted_with(variables: &[(&str, &str)]) -> Option<(String, Option<&'static str>)> {
        let given = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        wanted(&given).map(|wanted| (wanted.endpoint, wanted.service))
    }

    #[test]
    fn the_endpoint_of_traces_is_taken_as_it_is_and_the_common_one_gets_their_path() {
        let all = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318/");
        assert_eq!(wanted_with(&[all]), Some(("http://a:4318/v1/traces".into(), Some("infra"))));
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://b/x");
        let name = ("OTEL_RESOURCE_ATTRIBUTES", "team=a,service.name=deploy");
        assert_eq!(wanted_with(&[all, own, name]), Some(("http://b/x".into(), None)));
        assert_eq!(wanted_with(&[]), None);
        assert_eq!(wanted_with(&[all, ("OTEL_TRACES_EXPORTER", "none")]), None);
        assert_eq!(wanted_with(&[all, ("OTEL_SDK_DISABLED", "true")]), None);
    }
}
