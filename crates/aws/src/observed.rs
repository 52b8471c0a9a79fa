//! Each call as a span: service, operation, request id, status, attempts, error code. Never a body: those hold secrets.

use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tracing::Span;
use tracing::field::Empty;

/// Headers that services put a request's id into.
const REQUEST_ID: &[&str] = &["x-amzn-requestid", "x-amz-request-id", "x-amzn-request-id"];

/// The longest beginning of an answer in which an error code is looked for.
const BEGINNING: usize = 4096;

/// Makes a span of each call, for logs and traces. A client gets one as an interceptor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Observed;

/// A call under way.
#[derive(Debug)]
struct Call {
    span: Span,
    began: Instant,
    attempts: u64,
}

impl Storable for Call {
    type Storer = StoreReplace<Call>;
}

impl Intercept for Observed {
    fn name(&self) -> &'static str {
        "observed"
    }

    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let span = tracing::debug_span!(
            "call",
            service = Empty,
            operation = Empty,
            request_id = Empty,
            status = Empty,
            attempts = Empty,
            code = Empty,
            otel.name = Empty,
            otel.kind = "client",
            otel.status_code = Empty,
        );
        if span.is_disabled() {
            return Ok(());
        }
        if let Some(call) = config.load::<Metadata>() {
            span.record("service", call.service()).record("operation", call.name());
            span.record("otel.name", format!("{}/{}", call.service(), call.name()));
        }
        config.interceptor_state().store_put(Call { span, began: Instant::now(), attempts: 0 });
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(call) = config.load::<Call>() {
            let next = Call { span: call.span.clone(), began: call.began, attempts: call.attempts + 1 };
            if next.attempts > 1 {
                tracing::trace!(parent: &next.span, attempt = next.attempts, "tried again");
            }
            config.interceptor_state().store_put(next);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let (Some(call), Some(Err(_))) = (config.load::<Call>(), context.output_or_error()) {
            let status = context.response().map(|answer| answer.status().as_u16());
            let code = context.response().and_then(code);
            tracing::trace!(parent: &call.span, attempt = call.attempts, status, code, "an attempt failed");
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(call) = config.load::<Call>() else { return Ok(()) };
        let (span, attempts) = (call.span.clone(), call.attempts);
        span.record("attempts", attempts);
        if let Some(answer) = context.response() {
            span.record("status", answer.status().as_u16());
            if let Some(id) = REQUEST_ID.iter().find_map(|name| answer.headers().get(*name)) {
                span.record("request_id", id);
            }
        }
        if let Some(Err(error)) = context.output_or_error() {
            let unanswered = match () {
                () if error.is_timeout_error() => "no answer in time",
                () if error.is_connector_error() => "no answer",
                () => "no code",
            };
            let said = context.response().and_then(code);
            span.record("code", said.as_deref().unwrap_or(unanswered));
            span.record("otel.status_code", "ERROR");
        }
        // The span ends with its last handle.
        config.interceptor_state().store_or_unset(None::<Call>);
        Ok(())
    }
}

/// The error code of an answer: from its header, or from where XML and JSON have it.
pub(crate) fn code(answer: &HttpResponse) -> Option<String> {
    if answer.status().is_success() {
        return None;
    }
    if let Some(code) = answer.headers().get("x-amzn-errortype").and_then(named) {
        return Some(code);
    }
    let body = answer.body().bytes()?;
    let text = String::from_utf8_lossy(&body[..body.len().min(BEGINNING)]);
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let xml = after("<Code>").and_then(|rest| named(rest.split('<').next()?));
    let json = || {
        let rest = after("\"__type\"").or_else(|| after("\"code\""))?;
        named(rest.trim_start_matches([':', ' ']).strip_prefix('"')?.split('"').next()?)
    };
    xml.or_else(json)
}

/// The code alone: without the namespace before it and the address behind it. `None` for what is no code.
fn named(given: &str) -> Option<String> {
    let code = given.split(':').next()?;
    let code = code.rsplit('#').next()?.trim();
    let is_code = !code.is_empty()
        && code.len() <= 80
        && code.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    is_code.then(|| code.to_string())
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn said(status: u16, body: &'static str) -> Option<String> {
        let answer = HttpResponse::new(StatusCode::try_from(status).ok()?, SdkBody::from(body));
        code(&answer)
    }

    #[test]
    fn a_code_is_found_in_either_protocol() {
        let xml = "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>no</Message></Error></Errors>";
        assert_eq!(said(400, xml).as_deref(), Some("InvalidVpcID.NotFound"));
        let json = r#"{"__type": "com.amazonaws.ecs#ClusterNotFoundException", "message": "secret"}"#;
        assert_eq!(said(400, json).as_deref(), Some("ClusterNotFoundException"));
        assert_eq!(said(200, xml), None);
    }

    #[test]
    fn what_is_no_code_is_not_taken_for_one() {
        for body in ["<Code>a b</Code>", r#"{"__type":"<html>"}"#, "nothing", ""] {
            assert_eq!(said(500, body), None, "{body}");
        }
    }
}
