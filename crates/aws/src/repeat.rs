//! Calls that must not be sent again. Some not before somebody has looked: they make something, and would make it twice,
//! or fail because it is there already. Some not at all: what they ask for will not be had by waiting.

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{FinalizerInterceptorContextRef, InterceptorContext};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction, RetryClassifierPriority};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;

/// Operations whose repetition is not what one call is. (Those that put something in its place are.)
const MAKING: &[&str] = &[
    "AllocateAddress",
    "AssociateRouteTable",
    "AssociateVpcCidrBlock",
    "AttachInternetGateway",
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "ChangeResourceRecordSets",
    "ImportCertificate",
    "PutParameter",
    "RegisterTaskDefinition",
    "RequestCertificate",
];

/// Statuses of answers that do not say whether anything was done. (503 says that nothing was.)
const UNCERTAIN: &[u16] = &[500, 502, 504];

/// Keeps the SDK from repeating such a call when it is not known whether it was done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Once;

impl Intercept for Once {
    fn name(&self) -> &'static str {
        "once"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let makes = config.load::<Metadata>().is_some_and(|call| makes(call.name()));
        let Some(Err(error)) = context.output_or_error() else { return Ok(()) };
        let answered = context.response().map(|response| response.status().as_u16());
        let refused = error.is_connector_error() && never_sent(error.as_connector_error());
        let uncertain = match answered {
            Some(status) => UNCERTAIN.contains(&status) || error.is_response_error(),
            None => !refused,
        };
        if makes && uncertain {
            config.interceptor_state().store_put(RetryConfig::disabled());
        }
        Ok(())
    }
}

/// What says that a quota is used up. The SDK takes it for "too many calls", and would try for minutes.
const USED_UP: &str = "LimitExceededException";

/// Keeps the SDK from repeating calls that a quota forbids.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quotas;

impl ClassifyRetry for Quotas {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let refused = matches!(context.output_or_error(), Some(Err(_)));
        match context.response().filter(|_| refused).and_then(crate::observed::code).as_deref() {
            Some(USED_UP) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "quotas"
    }

    fn priority(&self) -> RetryClassifierPriority {
        // The last one has the last word.
        RetryClassifierPriority::run_after(RetryClassifierPriority::transient_error_classifier())
    }
}

/// Whether an operation makes something new each time.
fn makes(operation: &str) -> bool {
    // Tags are put in their place.
    (operation.starts_with("Create") && operation != "CreateTags") || MAKING.contains(&operation)
}

/// Whether there was no connection to send anything over.
fn never_sent(error: Option<&aws_smithy_runtime_api::client::result::ConnectorError>) -> bool {
    error.is_some_and(|error| crate::error::chain(error).contains("connect error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_something_is_not_repeated_blindly() {
        for operation in ["CreateVpc", "CreateDBInstance", "AllocateAddress", "CreateRoute", "ImportCertificate"] {
            assert!(makes(operation), "{operation}");
        }
        for operation in ["CreateTags", "DescribeVpcs", "PutRolePolicy", "DeleteVpc"] {
            assert!(!makes(operation), "{operation}");
        }
    }
}
