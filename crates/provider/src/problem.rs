//! What a provider has to say about a configuration or an operation.

use std::fmt;

use infra_diag::{Diagnostic, Severity};
use infra_value::Path;

/// An error or a warning, and the attribute that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// One line: what is wrong. No full stop.
    pub summary: String,
    /// Why, and what to do.
    pub detail: String,
    /// The attribute, from the resource's own block; empty for the resource as a whole.
    pub path: Path,
}

impl Problem {
    /// An error about the resource as a whole.
    pub fn error(summary: impl Into<String>, detail: impl Into<String>) -> Problem {
        let (summary, detail) = (summary.into(), detail.into());
        Problem { severity: Severity::Error, summary, detail, path: Path::root() }
    }
    /// A warning about the resource as a whole.
    pub fn warning(summary: impl Into<String>, detail: impl Into<String>) -> Problem {
        Problem { severity: Severity::Warning, ..Problem::error(summary, detail) }
    }
    /// The same about an attribute.
    #[must_use]
    pub fn at(mut self, path: Path) -> Problem {
        self.path = path;
        self
    }
    /// Whether this is an error.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
    /// As a diagnostic, without a place in the source.
    pub fn into_diagnostic(self) -> Diagnostic {
        match self.severity {
            Severity::Error => Diagnostic::error(self.summary, self.detail),
            Severity::Warning => Diagnostic::warning(self.summary, self.detail),
        }
    }
}

/// A call to the cloud that failed, with what people search for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Failure {
    /// What was being done: `creating EC2 VPC`, `waiting for RDS DB Instance (main) create`. Empty where the message
    /// says it all.
    pub doing: String,
    /// The API operation: `CreateVpc`.
    pub operation: Option<String>,
    /// The cloud's error code: `VpcLimitExceeded`.
    pub code: Option<String>,
    /// The cloud's message, or ours.
    pub message: String,
    /// The request's id.
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure of our own finding, without a call behind it.
    pub fn new(doing: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure { doing: doing.into(), message: message.into(), ..Failure::default() }
    }
    /// Whether the cloud's error code is one of these.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
    /// Whether a call failed without an answer that says so: what it was to do may have been done.
    pub fn is_uncertain(&self) -> bool {
        // Each service has its own name for an error of its own making.
        const SAYS_NOTHING: &[&str] = &[
            "InternalError",
            "InternalErrorException",
            "InternalException",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "InternalServiceError",
            "InternalServiceException",
            "InternalServiceFault",
            "KMSInternalException",
            "ServerException",
            "ServiceFailure",
            "ServiceFailureException",
            "ServiceUnavailableException",
        ];
        self.operation.is_some() && (self.code.is_none() || self.is(SAYS_NOTHING))
    }
    /// For logs: operation, code and request; the cloud's message is left out, for it may repeat what it was sent.
    pub fn brief(&self) -> String {
        let parts = [self.operation.as_deref(), self.code.as_deref()];
        let said: Vec<&str> = parts.into_iter().flatten().collect();
        let request = self.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        match (said.is_empty(), self.doing.is_empty()) {
            (false, _) => format!("{}{request}", said.join(": ")),
            (true, false) => format!("{}{request}", self.doing),
            (true, true) => self.message.clone(),
        }
    }
    /// As a problem of the resource as a whole.
    pub fn into_problem(self) -> Problem {
        Problem::error(self.to_string(), String::new())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.doing.is_empty() {
            write!(f, "{}: ", self.doing)?;
        }
        if let Some(operation) = &self.operation {
            write!(f, "{operation} was answered ")?;
        }
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}
impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_service_itself_does_not_say_whether_anything_was_done() {
        let said = |code: Option<&str>| Failure {
            operation: Some("CreateKey".into()),
            code: code.map(str::to_string),
            ..Failure::new("creating", "no")
        };
        for code in [None, Some("KMSInternalException"), Some("ServiceFailure"), Some("ServiceUnavailableException")] {
            assert!(said(code).is_uncertain(), "{code:?}");
        }
        for code in ["LimitExceededException", "AlreadyExistsException", "ThrottlingException"] {
            assert!(!said(Some(code)).is_uncertain(), "{code}");
        }
        assert!(!Failure::new("waiting", "no").is_uncertain());
    }
}
