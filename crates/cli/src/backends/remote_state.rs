//! The states of other configurations, as the data source `terraform_remote_state` reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use infra_builtin::RemoteStates;
use infra_diag::Diagnostic;
use infra_provider::Problem;
use infra_value::{Members, Path, Value};

use super::settings::{Kind, Settings};
use crate::store;

/// Reads them from where backends keep them.
pub(crate) struct States;

#[async_trait]
impl RemoteStates for States {
    fn check(&self, backend: &str, config: &Members) -> Result<(), Problem> {
        settings(backend, config).map(drop)
    }

    async fn outputs(
        &self,
        backend: &str,
        config: &Members,
        workspace: &str,
    ) -> Result<Option<BTreeMap<Arc<str>, Value>>, Problem> {
        let settings = settings(backend, config)?;
        let workspace = workspace.to_string();
        // Backends block.
        let read = tokio::task::spawn_blocking(move || -> Result<_, Diagnostic> {
            let (backend, _) = settings.open(None).map_err(first)?;
            backend.state(&workspace).read().map_err(|error| store::explain(&error))
        });
        let read = read.await.map_err(|error| Problem::error("Error loading state error", format!("{error}.")))?;
        let state = read.map_err(|problem| {
            let detail = format!("{}: {}", problem.summary, problem.detail);
            Problem::error("Error loading state error", detail).at(Path::attribute("backend"))
        })?;
        Ok(state.map(|state| state.outputs.into_iter().map(|(name, output)| (name, output.value)).collect()))
    }
}

fn first(problems: infra_diag::Diagnostics) -> Diagnostic {
    let error = problems.into_iter().find(Diagnostic::is_error);
    error.unwrap_or_else(|| Diagnostic::error("The backend cannot be used", ""))
}

fn settings(backend: &str, config: &Members) -> Result<Settings, Problem> {
    let wrong = |detail: String| Problem::error("Invalid backend configuration", detail);
    let Some(kind) = Kind::named(if backend == "_local" { "local" } else { backend }) else {
        let detail =
            format!("There is no backend {backend:?} here. There are \"local\" (a file) and \"s3\" (an object in S3).");
        return Err(wrong(detail).at(Path::attribute("backend")));
    };
    Settings::from_object(kind, config)
        .map_err(|why| wrong(format!("For the backend {backend:?}: {why}.")).at(Path::attribute("config")))
}
