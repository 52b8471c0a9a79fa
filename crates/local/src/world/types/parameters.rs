//! SSM parameters. Their values are facts, for tasks use them.

use infra_provider::{Failure, Object, Part};

use crate::world::kind::Kind;
use crate::world::{Cx, World, refuse};

const TYPE: &str = "aws_ssm_parameter";

pub(in crate::world) struct Parameter;

impl Kind for Parameter {
    fn untold(&self) -> &'static [&'static str] {
        &["has_value_wo", "insecure_value", "overwrite", "value", "value_wo_version"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_string();
        let before = world.get(TYPE, &name).map(|before| before.int("version"));
        if before.is_some() && !object.bool("overwrite") {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the \
                           request to true.";
            return refuse("ParameterAlreadyExists", message);
        }
        object.set("arn", world.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))));
        object.set("version", before.unwrap_or(0) + 1);
        if object.str("data_type").is_empty() {
            object.set("data_type", "text");
        }
        if matches!(object.str("tier"), "" | "Intelligent-Tiering") {
            object.set("tier", "Standard");
        }
        object.set("id", name);
        put(world, object, cx);
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        const SAME: [&str; 3] = ["tags", "tags_all", "overwrite"];
        let names = object.block().attributes.keys().cloned().collect::<Vec<_>>();
        let changed = |name: &str| prior.raw(name) != object.raw(name) && !SAME.contains(&name);
        let changes = names.iter().any(|name| changed(name));
        // The value is only known to the state and to the configuration: compared where it is kept.
        let value = value_of(object, cx);
        if changes || value.is_some_and(|value| world.facts.parameters.get(object.id()) != Some(&value)) {
            object.set("version", prior.int("version") + 1);
            put(world, object, cx);
        }
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        world.facts.parameters.remove(object.id());
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let name = object.id().to_string();
        world.facts.parameters.contains_key(&name)
    }
}

fn value_of(object: &Object, cx: &Cx<'_>) -> Option<String> {
    let config = Part::new(cx.config);
    let written = ["value_wo", "insecure_value", "value"].into_iter().find_map(|name| config.opt_str(name));
    written.or_else(|| object.opt_str("insecure_value")).or_else(|| object.opt_str("value"))
}

fn put(world: &mut World, object: &mut Object, cx: &Cx<'_>) {
    let config = Part::new(cx.config);
    let secure = object.str("type") == "SecureString";
    match (secure, object.str("key_id").is_empty()) {
        (true, true) => object.set("key_id", "alias/aws/ssm"),
        (false, _) => object.set("key_id", ""),
        _ => {}
    }
    let value = value_of(object, cx).unwrap_or_default();
    if config.is_set("value_wo") {
        object.set("has_value_wo", true);
        object.set("value", "");
        object.unset("insecure_value");
    } else if config.is_set("insecure_value") {
        object.set("insecure_value", &value);
        object.unset("value");
        object.unset("has_value_wo");
    } else {
        object.set("value", &value);
        object.unset("insecure_value");
        object.unset("has_value_wo");
    }
    world.facts.parameters.insert(object.id().to_string(), value);
}
