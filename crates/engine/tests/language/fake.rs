//! A provider that has no cloud: it notes what it is asked, and every import finds something.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_address::ProviderSource;
use infra_diag::Diagnostics;
use infra_engine::plan::Plan;
use infra_engine::ui::Silent;
use infra_engine::{PlanInputs, PlanOptions, Registry, plan, plan_dependencies};
use infra_lang::config::{LoadOptions, load};
use infra_lang::functions::{FunctionContext, FunctionError, Phase};
use infra_provider::{
    Applied, ApplyRequest, Attention, Configured, Fate, Imported, Opened, PlanRequest, Planned, Private, Problem,
    Provider, ReadRequest, Remark, Weight,
};
use infra_schema::{Schema, parse_schema};
use infra_state::State;
use infra_value::{Members, Type, Value, value_from_json};

/// Everything that providers were asked, in order.
pub type Asked = Arc<Mutex<Vec<String>>>;

pub struct Fake {
    source: ProviderSource,
    asked: Asked,
}

fn schema(text: &str) -> Schema {
    parse_schema(text).expect("a schema")
}

static THING: LazyLock<Schema> = LazyLock::new(|| {
    schema(
        r#"{"block": {"attributes": {
            "id": {"type": "string", "computed": true},
            "name": {"type": "string", "required": true},
            "size": {"type": "number", "optional": true},
            "secret_wo": {"type": "string", "optional": true, "write_only": true}
        }}}"#,
    )
});
static NOTE: LazyLock<Schema> = LazyLock::new(|| {
    schema(
        r#"{"block": {"attributes": {"key": {"type": "string", "required": true}, "text": {"type": "string", "computed": true}}}}"#,
    )
});
static PART: LazyLock<Schema> = LazyLock::new(|| {
    schema(
        r#"{"block": {"attributes": {
            "id": {"type": "string", "computed": true},
            "owner": {"type": "string", "optional": true, "computed": true},
            "serial": {"type": "number", "computed": true},
            "size": {"type": "number", "optional": true}
        }}}"#,
    )
});
static CONFIG: LazyLock<Schema> =
    LazyLock::new(|| schema(r#"{"block": {"attributes": {"at": {"type": "string", "optional": true}}}}"#));

#[async_trait]
impl Provider for Fake {
    fn source(&self) -> &ProviderSource {
        &self.source
    }
    fn version(&self) -> &str {
        "1.0.0"
    }
    fn config_schema(&self) -> &Schema {
        &CONFIG
    }
    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        match ty {
            "fake_thing" | "fake_other" => Some(&THING),
            "fake_part" => Some(&PART),
            _ => None,
        }
    }
    fn data_schema(&self, ty: &str) -> Option<&Schema> {
        (ty == "fake_note").then(|| &*NOTE)
    }
    fn ephemeral_schema(&self, ty: &str) -> Option<&Schema> {
        (ty == "fake_lease").then(|| &*NOTE)
    }
    fn knows(&self, _ty: &str, _data: bool) -> bool {
        false
    }
    fn types(&self, _data: bool) -> Vec<&str> {
        Vec::new()
    }
    fn validate_config(&self, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn validate_resource(&self, _ty: &str, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn validate_data(&self, _ty: &str, _config: &Value) -> Vec<Problem> {
        Vec::new()
    }
    fn upgrade(&self, ty: &str, _version: u64, attributes: &serde_json::Value) -> Result<Value, Problem> {
        value_from_json(attributes, &self.resource_schema(ty).unwrap_or(&THING).block.ty())
            .map_err(|error| Problem::error("Unreadable", error.to_string()))
    }
    fn attention(&self, about: &Attention<'_>) -> Vec<Remark> {
        let weight = match about.fate {
            Fate::Delete => Weight::DataLost,
            _ if about.stored.is_some() => Weight::Weakened,
            _ => Weight::Interrupted,
        };
        let stored = about.stored.and_then(|stored| stored.get("size").cloned());
        let everything = if about.destroying { " with everything" } else { "" };
        let message = format!("{:?}{everything}, left as {:?}", about.fate, stored.map(|size| size.as_i64()));
        vec![Remark { weight, rule: "told", message }]
    }
    async fn configure(&self, _config: &Value) -> Result<Arc<dyn Configured>, Vec<Problem>> {
        Ok(Arc::new(Ready { asked: self.asked.clone() }))
    }
}

struct Ready {
    asked: Asked,
}

impl Ready {
    fn note(&self, what: String) {
        self.asked.lock().expect("nobody has panicked").push(what);
    }
}

fn text(config: &Value, name: &str) -> String {
    config.get(name).and_then(Value::as_str).unwrap_or_default().to_string()
}

fn with_size(prior: &Value, size: i64) -> Value {
    let members = prior.members().expect("an object").clone();
    Value::object(members.into_iter().map(|(name, value)| match &*name {
        "size" => (name, Value::from(size)),
        _ => (name, value),
    }))
}

fn with_text(config: &Value) -> Value {
    let key = text(config, "key");
    Value::object([("key", Value::string(&key)), ("text", Value::string(format!("text of {key}")))])
}

#[async_trait]
impl Configured for Ready {
    async fn plan(&self, request: PlanRequest<'_>) -> Result<Planned, Vec<Problem>> {
        let id = match request.prior.is_null() {
            true => Value::unknown(Type::String),
            false => request.prior.get("id").cloned().expect("an id"),
        };
        let members = request.proposed.members().expect("an object").iter().map(|(name, value)| match &**name {
            "id" => ("id".into(), id.clone()),
            "secret_wo" => (name.clone(), Value::null(Type::String)),
            _ => (name.clone(), value.clone()),
        });
        let value = Value::object(members.collect::<Vec<(Arc<str>, Value)>>());
        Ok(Planned { value, requires_replace: Vec::new(), private: Private::default(), legacy: true })
    }
    async fn read(&self, ty: &str, requests: Vec<ReadRequest>) -> Vec<Result<Option<Value>, Problem>> {
        // Who is called so has been made larger, or deleted, behind everybody's back.
        let now = |prior: Value| match &*text(&prior, "name") {
            "gone" => None,
            "grown" => Some(with_size(&prior, 9)),
            _ => Some(prior),
        };
        for request in requests.iter().filter(|_| ty == "fake_part") {
            let unused: Vec<&str> = request.unused.iter().flatten().map(|name| &**name).collect();
            self.note(format!("read {} without {}", text(&request.prior, "id"), unused.join(" ")));
        }
        requests.into_iter().map(|request| Ok(now(request.prior))).collect()
    }
    async fn apply(&self, request: ApplyRequest<'_>) -> Applied {
        let name = text(request.planned, "name");
        self.note(format!("apply {name} secret {}", text(request.config, "secret_wo")));
        let members = request.planned.members().into_iter().flatten().map(|(name, value)| {
            let made = if value.is_known() { value.clone() } else { Value::string("made") };
            (name.clone(), made)
        });
        let value = Value::object(members.collect::<Vec<(Arc<str>, Value)>>());
        Applied { value, private: Private::default(), problems: Vec::new(), legacy: true, uncertain: false }
    }
    async fn import(&self, ty: &str, id: &str) -> Result<Vec<Imported>, Vec<Problem>> {
        self.note(format!("import {ty} {id}"));
        let value = Value::object([
            ("id", Value::string(id)),
            ("name", Value::string(format!("name of {id}"))),
            ("size", Value::from(3_i64)),
            ("secret_wo", Value::null(Type::String)),
        ]);
        Ok(vec![Imported { ty: ty.to_string(), value, private: Private::default() }])
    }
    async fn read_data(&self, _ty: &str, config: &Value) -> Result<Value, Vec<Problem>> {
        self.note(format!("read {}", text(config, "key")));
        Ok(with_text(config))
    }
    async fn open(&self, _ty: &str, config: &Value) -> Result<Opened, Vec<Problem>> {
        let key = text(config, "key");
        self.note(format!("open {key}"));
        let private = Private(Some(key.as_bytes().into()));
        Ok(Opened { value: with_text(config), private, renew_after: None })
    }
    async fn close(&self, _ty: &str, private: &Private) -> Result<(), Vec<Problem>> {
        let key = private.0.as_deref().unwrap_or_default();
        self.note(format!("close {}", String::from_utf8_lossy(key)));
        Ok(())
    }
}

/// A plan, what was wrong, and what the provider was asked.
pub struct Made {
    pub plan: Plan,
    pub problems: Diagnostics,
    pub asked: Vec<String>,
    /// Which operation of the plan waits for which.
    pub waits: BTreeMap<String, Vec<String>>,
}

impl Made {
    /// What is wrong, as summaries.
    pub fn summaries(&self) -> Vec<&str> {
        self.problems.iter().map(|problem| &*problem.summary).collect()
    }

    /// What would be done, by address.
    pub fn actions(&self) -> BTreeMap<String, &'static [&'static str]> {
        self.plan.changes.iter().map(|change| (change.address.to_string(), change.action.names())).collect()
    }
}

/// Plans a configuration.
pub async fn plan_of(text: &str, state: State, options: PlanOptions) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("main.tf"), text).expect("a file");
    let (config, _, problems) = load(folder.path(), &LoadOptions::default());
    assert!(!problems.has_errors(), "{problems:?}");
    let asked = Asked::default();
    let fake: Arc<dyn Provider> =
        Arc::new(Fake { source: ProviderSource::parse("hashicorp/fake"), asked: asked.clone() });
    let registry = Registry::new([fake]);
    let now = SystemTime::now;
    let render = |_: &str, _: &str, _: &Members| -> Result<Value, FunctionError> { unreachable!("no templates here") };
    let functions = FunctionContext {
        base_dir: Path::new(".").to_path_buf(),
        home_dir: None,
        phase: Phase::Plan,
        plan_timestamp: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)),
        now: &now,
        render_template: &render,
        inside_template: false,
    };
    let (plan, problems) = plan(PlanInputs {
        config: &config,
        registry: &registry,
        functions: &functions,
        workspace: "default",
        given: BTreeMap::new(),
        variables: BTreeMap::new(),
        state,
        options,
        ui: &Silent,
    })
    .await;
    let asked = asked.lock().expect("nobody has panicked").clone();
    let waits = plan_dependencies(&config, &registry, &plan).unwrap_or_default();
    Made { plan, problems, asked, waits }
}

/// The state of these lines: address of the root module, type and name, and id.
pub fn state_of(objects: &[(&str, &str, &str)]) -> State {
    let resources: Vec<_> = objects
        .iter()
        .map(|(ty, name, id)| {
            serde_json::json!({
                "mode": "managed", "type": ty, "name": name,
                "provider": "provider[\"registry.terraform.io/hashicorp/fake\"]",
                "instances": [{"schema_version": 0, "attributes": {"id": id, "name": "n", "size": null, "secret_wo": null}}],
            })
        })
        .collect();
    let json = serde_json::json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}, "resources": resources,
    });
    State::parse(&json.to_string()).expect("a state").expect("not empty")
}
