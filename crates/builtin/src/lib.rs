//! The provider that is part of the language: `terraform.io/builtin/terraform` with `terraform_data`.

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

use terraform_data::TYPE;

/// `terraform.io/builtin/terraform`.
pub struct Builtin {
    source: ProviderSource,
}

impl Builtin {
    /// The provider.
    pub fn new() -> Builtin {
        Builtin { source: ProviderSource::parse("terraform.io/builtin/terraform") }
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
    fn data_schema(&self, _ty: &str) -> Option<&Schema> {
        None
    }
    fn knows(&self, ty: &str, data: bool) -> bool {
        ty == if data { "terraform_remote_state" } else { TYPE }
    }
    fn types(&self, data: bool) -> Vec<&str> {
        if data { Vec::new() } else { vec![TYPE] }
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
    fn validate_data(&self, _ty: &str, _config: &Value) -> Vec<Problem> {
        Vec::new()
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
        Ok(Arc::new(Ready))
    }
}

/// The provider in use. It has no settings.
struct Ready;

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
    async fn read_data(&self, ty: &str, _config: &Value) -> Result<Value, Vec<Problem>> {
        Err(vec![unsupported(ty)])
    }
}
