//! Spans of what the engine does, for logs and traces: what, of which object; never a value.

use std::fmt::Display;

use infra_address::ResourceInstance;
use tracing::Span;
use tracing::field::Empty;

use crate::plan::Action;

/// An operation on one object.
pub(crate) fn operation(what: &str, address: &ResourceInstance) -> Span {
    tracing::info_span!(
        "operation",
        operation = what,
        %address,
        outcome = Empty,
        otel.name = format!("{what} {address}"),
        otel.status_code = Empty,
    )
}

/// The reading of all known objects of a type.
pub(crate) fn refresh(ty: &str, objects: usize) -> Span {
    tracing::info_span!("refresh", resource_type = ty, objects, otel.name = format!("refresh {ty}"))
}

/// The making of a provider ready.
pub(crate) fn configure(provider: &dyn Display) -> Span {
    tracing::debug_span!("configure", %provider)
}

/// What one step of an action is called; of a replacement it is the creation.
pub(crate) fn word(action: Action) -> &'static str {
    match action {
        action if action.is_replace() => "create",
        action => action.names()[0],
    }
}

/// Says how an operation ended.
pub(crate) fn ended(span: &Span, good: bool) {
    span.record("outcome", if good { "done" } else { "failed" });
    if !good {
        span.record("otel.status_code", "ERROR");
    }
}
