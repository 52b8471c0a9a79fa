//! `terraform_data`: keeps a value, and is replaced when another one changes.

use std::sync::LazyLock;

use infra_provider::Problem;
use infra_schema::{Attribute, Block, Schema};
use infra_value::{Path, Type, Value, value_from_json, value_from_json_implied};

/// The name of the type.
pub(crate) const TYPE: &str = "terraform_data";

pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        let attribute = |ty: Type, optional: bool| Attribute {
            ty,
            required: false,
            optional,
            computed: !optional,
            sensitive: false,
            write_only: false,
            deprecated: false,
            default: None,
            force_new: false,
        };
        let attributes = [
            ("id", attribute(Type::String, false)),
            ("input", attribute(Type::Dynamic, true)),
            ("output", attribute(Type::Dynamic, false)),
            ("triggers_replace", attribute(Type::Dynamic, true)),
        ];
        let attributes = attributes.into_iter().map(|(name, a)| (name.into(), a)).collect();
        Schema { version: 0, block: Block { attributes, ..Block::default() } }
    });
    &SCHEMA
}

fn member(object: &Value, name: &str) -> Value {
    object.get(name).cloned().unwrap_or_else(|| Value::null(Type::Dynamic))
}

fn object(id: Value, input: Value, output: Value, triggers: Value) -> Value {
    Value::object([("id", id), ("input", input), ("output", output), ("triggers_replace", triggers)])
}

/// What is planned, and what forces a replacement.
pub(crate) fn plan(prior: &Value, proposed: &Value) -> (Value, Vec<Path>) {
    if proposed.is_null() {
        return (proposed.clone(), Vec::new());
    }
    let (input, triggers) = (member(proposed, "input"), member(proposed, "triggers_replace"));
    let new_id = Value::unknown_not_null(Type::String);
    // The output of an input that comes to be is not known yet, also where the input is.
    let new_output = if input.is_null() { Value::null(Type::Dynamic) } else { Value::unknown(input.ty()) };
    if prior.is_null() {
        return (object(new_id, input, new_output, triggers), Vec::new());
    }
    if member(prior, "triggers_replace") != triggers {
        let paths = vec![Path::attribute("triggers_replace")];
        return (object(new_id, input, new_output, triggers), paths);
    }
    let output = match member(prior, "input") == input {
        true => member(prior, "output"),
        false => Value::unknown(input.ty()),
    };
    (object(member(prior, "id"), input, output, triggers), Vec::new())
}

/// What is there after the apply.
pub(crate) fn apply(planned: &Value, new_id: impl FnOnce() -> String) -> Value {
    if planned.is_null() {
        return planned.clone();
    }
    let id = member(planned, "id");
    let id = if id.is_known() && !id.is_null() { id } else { Value::string(new_id()) };
    let output = member(planned, "output");
    let input = member(planned, "input");
    let output = if output.is_known() { output } else { input.clone() };
    object(id, input, output, member(planned, "triggers_replace"))
}

/// An object of which only the id is known.
pub(crate) fn imported(id: &str) -> Value {
    let none = || Value::null(Type::Dynamic);
    object(Value::string(id), none(), none(), none())
}

/// The object that a `null_resource` becomes: its triggers are those of the new one.
pub(crate) fn from_null_resource(attributes: &serde_json::Value) -> Result<Value, Problem> {
    let read = |name: &str| {
        value_from_json_implied(attributes.get(name).unwrap_or(&serde_json::Value::Null)).map_err(|error| {
            let detail = format!("The state's null_resource does not have its form: {error}.");
            Problem::error("Unreadable object in the state", detail)
        })
    };
    let none = || Value::null(Type::Dynamic);
    Ok(object(read("id")?, none(), none(), read("triggers")?))
}

/// The object that the JSON of a state stands for.
pub(crate) fn from_state(version: u64, attributes: &serde_json::Value) -> Result<Value, Problem> {
    if version > schema().version {
        let detail = format!(
            "The state has a {TYPE} of schema version {version}, which is not known yet: a newer program wrote it. Use that \
             one, or a newer infra."
        );
        return Err(Problem::error("Resource instance managed by newer provider version", detail));
    }
    let read = |name: &str| {
        let ty = schema().block.attributes.get(name).map_or(Type::Dynamic, |a| a.ty.clone());
        match attributes.get(name) {
            None => Ok(Value::null(ty)),
            Some(json) => value_from_json(json, &ty).map_err(|error| {
                let detail = format!("The state's {TYPE} does not have the form of its schema: {error}.");
                Problem::error("Unreadable object in the state", detail).at(Path::attribute(name))
            }),
        }
    };
    Ok(object(read("id")?, read("input")?, read("output")?, read("triggers_replace")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(input: &str, triggers: &str) -> Value {
        let none = || Value::null(Type::Dynamic);
        object(Value::null(Type::String), Value::string(input), none(), Value::string(triggers))
    }
    fn existing(input: &str, triggers: &str) -> Value {
        object(Value::string("i"), Value::string(input), Value::string(input), Value::string(triggers))
    }

    #[test]
    fn a_new_one_has_an_unknown_id_and_output() {
        let (planned, paths) = plan(&Value::null(Type::Dynamic), &given("a", "t"));
        assert_eq!(paths, []);
        assert_eq!(planned.get("output"), Some(&Value::unknown(Type::String)));
        let applied = apply(&planned, || "new".into());
        assert_eq!(applied.get("id"), Some(&Value::string("new")));
        assert_eq!(applied.get("output"), Some(&Value::string("a")));
    }

    #[test]
    fn another_input_changes_it_in_place() {
        let (planned, paths) = plan(&existing("a", "t"), &given("b", "t"));
        assert_eq!(paths, []);
        assert_eq!(planned.get("id"), Some(&Value::string("i")));
        assert_eq!(planned.get("output"), Some(&Value::unknown(Type::String)));
        assert_eq!(plan(&existing("a", "t"), &given("a", "t")).0, existing("a", "t"));
    }

    #[test]
    fn other_triggers_replace_it() {
        let (planned, paths) = plan(&existing("a", "t"), &given("a", "u"));
        assert_eq!(paths, [Path::attribute("triggers_replace")]);
        assert_eq!(planned.get("id"), Some(&Value::unknown_not_null(Type::String)));
    }

    #[test]
    fn a_null_resource_becomes_one_with_its_triggers() {
        let moved = from_null_resource(&serde_json::json!({"id": "1", "triggers": {"a": "x"}})).ok();
        let triggers = Value::object([("a", Value::string("x"))]);
        let none = || Value::null(Type::Dynamic);
        assert_eq!(moved, Some(object(Value::string("1"), none(), none(), triggers)));
    }

    #[test]
    fn without_an_input_there_is_no_output() {
        let none = || Value::null(Type::Dynamic);
        let (planned, _) = plan(&none(), &object(Value::null(Type::String), none(), none(), none()));
        assert!(member(&planned, "output").is_null());
    }

    #[test]
    fn a_state_object_has_its_types_with_it() {
        let json = serde_json::json!({
            "id": "i", "output": null, "triggers_replace": null,
            "input": {"value": {"list": [1]}, "type": ["object", {"list": ["tuple", ["number"]]}]},
        });
        let value = from_state(0, &json).unwrap();
        let list = Value::tuple([Value::from(1)]);
        assert_eq!(value.get("input"), Some(&Value::object([("list", list)])));
        assert!(from_state(1, &json).is_err());
    }
}
