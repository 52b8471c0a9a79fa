//! The provider that is part of the language: `terraform.io/builtin/terraform` with `terraform_data` and
//! `terraform_remote_state`.

mod remote_state;
mod terraform_data;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use infra_address::ProviderSource;
use infra_provider::{
    Applied, ApplyRequest, Configured, Imported, MovedFrom, PlanRequest, Planned, Private, Problem, Provider,
    ReadRequest, Sought,
};
use infra_schema::Schema;
use infra_value::{Path, Value};

use remote_state::Nowhere;
pub use remote_state::RemoteStates;
use terraform_data::TYPE;

/// `terraform.io/builtin/terraform`.
pub struct Builtin {
    source: ProviderSource,
    states: Arc<dyn RemoteStates>,
}

impl Builtin {
    /// The provider. It can read no states of other configurations.
    pub fn new() -> Builtin {
        Builtin::with_states(Arc::new(Nowhere))
    }

    /// The provider, with what reads the states of other configurations.
    pub fn with_states(states: Arc<dyn RemoteStates>) -> Builtin {
        Builtin { source: ProviderSource::parse("terraform.io/builtin/terraform"), states }
    }
}

impl Default for Builtin {
    fn default() -> Builtin {
        Builtin::new()
    }
}

fn unsupported(ty: &str) -> Problem {
    Problem::error("Unsupported type", format!("infra does not support {ty} of the built-in provider."))
}

#[async_trait]
impl Provider for Builtin {
    fn source(&self) -> &ProviderSource {
        &self.source
    }
    /// It comes with the program and has no version of its own.
    fn version(&self) -> &str {
        ""
    }
    fn config_schema(&self) -> &Schema {
        static EMPTY: LazyLock<Schema> = LazyLock::new(Schema::default);
        &EMPTY
    }
    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        (ty == TYPE).then(terraform_data::schema)
    }
    fn data_schema(&self, ty: &str) -> Option<&Schema> {
        (ty == remote_state::TYPE).then(remote_state::schema)
    }
    fn knows(&self, ty: &str, data: bool) -> bool {
        ty == if data { remote_state::TYPE } else { TYPE }
    }
    fn types(&self, data: bool) -> Vec<&str> {
        vec![if data { remote_state::TYPE } else { TYPE }]
    }
    fn validate_config(&self, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn validate_resource(&self, _ty: &str, config: &Value) -> Vec<Problem> {
        let set = |name: &&str| config.get(name).is_some_and(|v| !v.is_null());
        let problem = |name: &str| {
            let detail = format!("The value of {name:?} is decided by the resource itself.");
            Problem::error("Value for unconfigurable attribute", detail).at(Path::attribute(name))
        };
        ["id", "output"].iter().filter(|name| set(name)).map(|name| problem(name)).collect()
    }
    fn validate_data(&self, _ty: &str, config: &Value) -> Vec<Problem> {
        remote_state::validate(&*self.states, config)
    }
    fn move_state(&self, from: MovedFrom<'_>, to: &str) -> Option<Result<Value, Problem>> {
        let null = &*from.provider.0 == "registry.terraform.io/hashicorp/null" && from.ty == "null_resource";
        (null && to == TYPE).then(|| terraform_data::from_null_resource(from.attributes))
    }
    fn upgrade(&self, ty: &str, version: u64, attributes: &serde_json::Value) -> Result<Value, Problem> {
        if ty != TYPE {
            return Err(unsupported(ty));
        }
        terraform_data::from_state(version, attributes)
    }
    async fn configure(&self, _config: &Value) -> Result<Arc<dyn Configured>, Vec<Problem>> {
        Ok(Arc::new(Ready { states: self.states.clone() }))
    }
}

/// The provider in use. It has no settings.
struct Ready {
    states: Arc<dyn RemoteStates>,
}

#[async_trait]
impl Configured for Ready {
    async fn plan(&self, request: PlanRequest<'_>) -> Result<Planned, Vec<Problem>> {
        let (value, requires_replace) = terraform_data::plan(request.prior, request.proposed);
        Ok(Planned { value, requires_replace, private: Private::default(), legacy: false })
    }
    async fn read(&self, _ty: &str, requests: Vec<ReadRequest>) -> Vec<Result<Option<Value>, Problem>> {
        requests.into_iter().map(|request| Ok(Some(request.prior))).collect()
    }
    async fn apply(&self, request: ApplyRequest<'_>) -> Applied {
        let value = terraform_data::apply(request.planned, || uuid::Uuid::new_v4().to_string());
        Applied { value, private: Private::default(), problems: Vec::new(), legacy: false, uncertain: false }
    }
    /// What was not written down was not made.
    async fn find_created(&self, _sought: Sought<'_>) -> Result<Option<Vec<Imported>>, Problem> {
        Ok(Some(Vec::new()))
    }
    async fn import(&self, ty: &str, id: &str) -> Result<Vec<Imported>, Vec<Problem>> {
        Ok(vec![Imported { ty: ty.into(), value: terraform_data::imported(id), private: Private::default() }])
    }
    async fn read_data(&self, ty: &str, config: &Value) -> Result<Value, Vec<Problem>> {
        match ty {
            remote_state::TYPE => remote_state::read(&*self.states, config).await.map_err(|problem| vec![problem]),
            other => Err(vec![unsupported(other)]),
        }
    }
}
