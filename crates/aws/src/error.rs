//! Errors of the SDK as failures: what was being done, the operation, AWS's code and message, the request's id.

use std::error::Error;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use infra_provider::Failure;

use crate::reach::Unreachable;

/// An answer of the SDK that is to become a [`Failure`] when it is an error.
pub(crate) trait Doing<T> {
    /// The answer, or the failure of `doing` (`creating EC2 VPC`, `reading IAM Role (main)`).
    fn doing(self, doing: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E, R> Doing<T> for Result<T, SdkError<E, R>>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    fn doing(self, doing: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| failure(doing, &error))
    }
}

/// A request that the SDK refuses to build: a required member is missing.
impl<T> Doing<T> for Result<T, aws_smithy_types::error::operation::BuildError> {
    fn doing(self, doing: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(doing, chain(&error)))
    }
}

/// The failure that an error of the SDK is.
pub fn failure<E, R>(doing: impl Into<String>, error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug + 'static,
{
    let meta = error.meta();
    let message = match (error, meta.message()) {
        (SdkError::ServiceError(_), Some(message)) => message.to_string(),
        (SdkError::ServiceError(_), None) if meta.code().is_some() => "no message".to_string(),
        (SdkError::TimeoutError(_), _) => "no answer in time".to_string(),
        _ => said(error),
    };
    Failure {
        doing: doing.into(),
        operation: Some(operation(std::any::type_name::<E>())),
        code: meta.code().map(str::to_string),
        message,
        request_id: meta.extra("aws_request_id").map(str::to_string),
    }
}

/// What an error says that no service sent: of one without an answer, where it was asked for.
pub(crate) fn said(error: &(dyn Error + 'static)) -> String {
    match cause::<Unreachable>(error) {
        Some(unreachable) => chain(unreachable),
        None => chain(error),
    }
}

/// The API operation that an error type belongs to: `…::DescribeDbInstancesError` is of `DescribeDBInstances`.
fn operation(type_name: &str) -> String {
    let name = type_name.rsplit("::").next().unwrap_or(type_name);
    let name = name.strip_suffix("Error").unwrap_or(name);
    if type_name.starts_with("aws_sdk_rds::") { name.replace("Db", "DB") } else { name.to_string() }
}

/// An error and its causes, each said once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && !texts.iter().any(|t| t.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

/// The first cause of a type.
pub(crate) fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Turns a failure with one of the codes into success: what was to be removed is gone already.
pub(crate) fn ignoring<T>(result: Result<T, Failure>, codes: &[&str]) -> Result<(), Failure> {
    match result {
        Err(failure) if !failure.is(codes) => Err(failure),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_the_names_of_the_api() {
        for (name, wanted) in [
            ("aws_sdk_ec2::operation::create_vpc::_create_vpc::CreateVpcError", "CreateVpc"),
            ("aws_sdk_rds::operation::describe_db_instances::DescribeDBInstancesError", "DescribeDBInstances"),
            ("aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesError", "DescribeDBInstances"),
        ] {
            assert_eq!(operation(name), wanted);
        }
    }
}
