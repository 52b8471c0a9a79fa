//! Counts the calls that are made.

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;

static SENT: AtomicUsize = AtomicUsize::new(0);

/// How many calls this process has sent, by all connections, each attempt counted.
pub fn calls() -> usize {
    SENT.load(Ordering::Relaxed)
}

/// Sees each call.
#[derive(Clone, Copy, Debug)]
pub struct Calls;

impl Intercept for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        SENT.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
