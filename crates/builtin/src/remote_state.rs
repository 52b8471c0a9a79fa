//! `terraform_remote_state`: the outputs of another configuration, from where its states are kept.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use infra_provider::Problem;
use infra_schema::{Attribute, Block, Schema};
use infra_value::{Members, Path, Type, Value};

/// The name of the type.
pub(crate) const TYPE: &str = "terraform_remote_state";

/// Reads states from where backends keep them.
#[async_trait]
pub trait RemoteStates: Send + Sync {
    /// Whether there is such a backend, and these are settings of it.
    ///
    /// # Errors
    /// What is wrong, at `backend` or `config`.
    fn check(&self, backend: &str, config: &Members) -> Result<(), Problem>;
    /// The outputs in the state of a workspace; `None` where there is no state.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn outputs(
        &self,
        backend: &str,
        config: &Members,
        workspace: &str,
    ) -> Result<Option<BTreeMap<Arc<str>, Value>>, Problem>;
}

/// No backend at all.
pub(crate) struct Nowhere;

#[async_trait]
impl RemoteStates for Nowhere {
    fn check(&self, backend: &str, _: &Members) -> Result<(), Problem> {
        let detail = format!("States of the backend {backend:?} cannot be read here.");
        Err(Problem::error("Invalid backend configuration", detail).at(Path::attribute("backend")))
    }

    async fn outputs(
        &self,
        backend: &str,
        config: &Members,
        _: &str,
    ) -> Result<Option<BTreeMap<Arc<str>, Value>>, Problem> {
        self.check(backend, config).map(|()| None)
    }
}

pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        let attribute = |ty: Type, required: bool, computed: bool| Attribute {
            ty,
            required,
            optional: !required && !computed,
            computed,
            sensitive: false,
            write_only: false,
            deprecated: false,
            default: None,
            force_new: false,
        };
        let attributes = [
            ("backend", attribute(Type::String, true, false)),
            ("config", attribute(Type::Dynamic, false, false)),
            ("defaults", attribute(Type::Dynamic, false, false)),
            ("outputs", attribute(Type::Dynamic, false, true)),
            ("workspace", attribute(Type::String, false, false)),
        ];
        let attributes = attributes.into_iter().map(|(name, a)| (name.into(), a)).collect();
        Schema { version: 0, block: Block { attributes, ..Block::default() } }
    });
    &SCHEMA
}

fn given<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// The members of an object or a map; none if it is not given.
fn members(object: &Value, name: &str) -> Option<Members> {
    match given(object, name) {
        None => Some(Members::new()),
        Some(value) => value.members().cloned(),
    }
}

/// What can be told without reading anything.
pub(crate) fn validate(states: &dyn RemoteStates, object: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    let is_object = |name: &str| {
        given(object, name).is_none_or(|v| matches!(v.ty(), Type::Dynamic | Type::Object(_) | Type::Map(_)))
    };
    let backend = given(object, "backend").and_then(Value::as_str);
    match (backend, members(object, "config")) {
        _ if !is_object("config") => problems.push(
            Problem::error("Invalid backend configuration", "The settings of the backend are an object, { … }.")
                .at(Path::attribute("config")),
        ),
        (Some(backend), Some(config)) if config.values().all(Value::is_wholly_known) => {
            problems.extend(states.check(backend, &config).err());
        }
        _ => {}
    }
    if !is_object("defaults") {
        let problem = Problem::error("Invalid default values", "The default values are an object, { output = value }.");
        problems.push(problem.at(Path::attribute("defaults")));
    }
    problems
}

/// Reads the outputs.
pub(crate) async fn read(states: &dyn RemoteStates, object: &Value) -> Result<Value, Problem> {
    let backend = given(object, "backend").and_then(Value::as_str).unwrap_or_default();
    let config = members(object, "config").unwrap_or_default();
    let workspace = given(object, "workspace").and_then(Value::as_str).unwrap_or("default");
    let Some(found) = states.outputs(backend, &config, workspace).await? else {
        let detail = format!(
            "There is no state of the workspace {workspace:?} there. Apply the configuration that it is the state of first, \
             or correct where it is looked for."
        );
        return Err(Problem::error("Unable to find remote state", detail).at(Path::attribute("workspace")));
    };
    let mut outputs = members(object, "defaults").unwrap_or_default();
    outputs.extend(found);
    let rest = object.members().into_iter().flatten().filter(|(name, _)| &***name != "outputs");
    let rest = rest.map(|(name, value)| (name.clone(), value.clone()));
    Ok(Value::object(rest.chain([("outputs".into(), Value::object(outputs))])))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct One;

    #[async_trait]
    impl RemoteStates for One {
        fn check(&self, backend: &str, _: &Members) -> Result<(), Problem> {
            if backend == "local" { Ok(()) } else { Err(Problem::error("no such backend", "")) }
        }
        async fn outputs(
            &self,
            _: &str,
            _: &Members,
            workspace: &str,
        ) -> Result<Option<BTreeMap<Arc<str>, Value>>, Problem> {
            let outputs = [("a", Value::from(1)), ("b", Value::from(2))].map(|(name, value)| (name.into(), value));
            Ok((workspace == "default").then(|| outputs.into_iter().collect()))
        }
    }

    fn object(backend: &str, config: Value, defaults: Value, workspace: Value) -> Value {
        let outputs = Value::null(Type::Dynamic);
        let backend = Value::string(backend);
        Value::object([
            ("backend", backend),
            ("config", config),
            ("defaults", defaults),
            ("outputs", outputs),
            ("workspace", workspace),
        ])
    }

    fn none() -> Value {
        Value::null(Type::Dynamic)
    }

    #[tokio::test]
    async fn outputs_go_over_defaults() {
        let defaults = Value::object([("b", Value::from(0)), ("c", Value::from(3))]);
        let value = read(&One, &object("local", none(), defaults, none())).await.unwrap();
        let wanted = [("a", 1), ("b", 2), ("c", 3)].map(|(name, n)| (name, Value::from(n)));
        assert_eq!(value.get("outputs"), Some(&Value::object(wanted)));
    }

    #[tokio::test]
    async fn a_state_that_is_not_there_is_an_error() {
        let problem = read(&One, &object("local", none(), none(), Value::string("w"))).await.unwrap_err();
        assert_eq!((&*problem.summary, problem.path), ("Unable to find remote state", Path::attribute("workspace")));
    }

    #[test]
    fn what_is_wrong_with_the_settings_is_told_before_reading() {
        for (object, summary) in [
            (object("consul", none(), none(), none()), "no such backend"),
            (object("local", Value::string("x"), none(), none()), "Invalid backend configuration"),
            (object("local", none(), Value::from(1), none()), "Invalid default values"),
        ] {
            let problems = validate(&One, &object);
            assert_eq!(problems.iter().map(|p| &*p.summary).collect::<Vec<_>>(), [summary]);
        }
        assert_eq!(validate(&One, &object("local", none(), none(), none())), []);
    }
}
