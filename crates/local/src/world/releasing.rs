//! What a release changes of records: the weights of a forward action, the version and the count of a service.

use std::collections::BTreeMap;

use infra_provider::Object;
use infra_runtime::spec::Task;
use infra_value::{Value, value_from_json, value_to_json};
use serde_json::{Value as Json, json};

use super::{World, desired};

impl World {
    /// The forward weights of a listener or a listener rule, by target group.
    pub fn weights(&self, ty: &str, arn: &str) -> Option<BTreeMap<String, u32>> {
        let actions = self.by_id(ty, arn)?.parts(action_of(ty));
        let forward = actions.into_iter().find(|action| action.str("type") == "forward")?;
        let mut weights = BTreeMap::new();
        for group in forward.part("forward").iter().flat_map(|f| f.parts("target_group")) {
            weights.insert(group.str("arn").to_string(), u32::try_from(group.int("weight")).unwrap_or_default());
        }
        if weights.is_empty() && !forward.str("target_group_arn").is_empty() {
            weights.insert(forward.str("target_group_arn").to_string(), 1);
        }
        Some(weights)
    }

    /// Sets the forward weights; `unstick` also ends that clients stay with the group that they were given.
    ///
    /// # Errors
    /// There is no such listener, or it does not forward to these groups.
    pub fn set_weights(
        &mut self,
        ty: &str,
        arn: &str,
        weights: &BTreeMap<String, u32>,
        unstick: bool,
    ) -> Result<(), String> {
        let object = self.by_id(ty, arn).ok_or_else(|| format!("there is no {ty} {arn}"))?.clone();
        let name = action_of(ty);
        let whole = object.block().ty();
        let mut json = value_to_json(&object.value(), &whole).map_err(|e| e.to_string())?;
        let mut set = 0;
        for action in json[name].as_array_mut().into_iter().flatten() {
            for forward in action["forward"].as_array_mut().into_iter().flatten() {
                for group in forward["target_group"].as_array_mut().into_iter().flatten() {
                    if let Some(weight) = group["arn"].as_str().and_then(|arn| weights.get(arn)) {
                        group["weight"] = json!(weight);
                        set += 1;
                    }
                }
                if unstick {
                    for stickiness in forward["stickiness"].as_array_mut().into_iter().flatten() {
                        stickiness["enabled"] = Json::Bool(false);
                    }
                }
            }
        }
        if set < weights.len() {
            return Err(format!("{arn} does not forward to all of these groups"));
        }
        let value = value_from_json(&json, &whole).map_err(|e| e.to_string())?;
        let changed = value.members().and_then(|m| m.get(name).cloned()).unwrap_or_else(|| object.raw(name).clone());
        self.edit_by_id(ty, arn, |object| object.set(name, changed));
        Ok(())
    }

    /// Makes a service run so many tasks of a version.
    ///
    /// # Errors
    /// There is no such service, or no such task definition.
    pub fn set_service(&mut self, arn: &str, definition: Option<&str>, count: u32) -> Result<(), String> {
        if self.by_id("aws_ecs_service", arn).is_none() {
            return Err(format!("there is no service {arn}"));
        }
        if let Some(definition) = definition
            && self.runnable(&self.definition_arn(definition)).is_none()
        {
            return Err(format!("there is no task definition {definition}"));
        }
        self.edit_by_id("aws_ecs_service", arn, |service| {
            service.set("desired_count", Value::from(i64::from(count)));
            if let Some(definition) = definition {
                service.set("task_definition", definition);
            }
        });
        Ok(())
    }

    /// What a service is told to run, and how many.
    pub fn service(&self, arn: &str) -> Option<(String, u32)> {
        let service = self.by_id("aws_ecs_service", arn)?;
        let count = u32::try_from(service.int("desired_count")).unwrap_or_default();
        Some((service.str("task_definition").to_string(), count))
    }

    /// A task of a version as a service would run it, with another command if one is given.
    ///
    /// # Errors
    /// There is no such service or definition, or a secret cannot be resolved.
    pub fn task(&self, service: &str, definition: &str, command: &[String]) -> Result<Task, String> {
        let mut object: Object =
            self.by_id("aws_ecs_service", service).ok_or_else(|| format!("there is no service {service}"))?.clone();
        object.set("task_definition", definition);
        let mut task = desired::task(self, &object)?;
        if !command.is_empty()
            && let Some(container) = task.containers.iter_mut().find(|c| c.essential)
        {
            container.command = command.to_vec();
        }
        Ok(task)
    }

    /// The ARN of the listener of a rule, or of a listener itself.
    pub fn listener_of(&self, ty: &str, arn: &str) -> Option<String> {
        let object = self.by_id(ty, arn)?;
        let listener = if ty == "aws_lb_listener_rule" { object.str("listener_arn") } else { object.id() };
        Some(listener.to_string())
    }
}

impl World {
    fn by_id(&self, ty: &str, id: &str) -> Option<&Object> {
        self.all(ty).find(|object| object.id() == id)
    }

    fn edit_by_id(&mut self, ty: &str, id: &str, change: impl FnOnce(&mut Object)) {
        let mut records = self.records.get_mut(ty).into_iter().flat_map(BTreeMap::values_mut);
        if let Some(object) = records.find(|object| object.id() == id) {
            change(object);
        }
    }
}

/// The attribute that holds the actions.
fn action_of(ty: &str) -> &'static str {
    if ty == "aws_lb_listener_rule" { "action" } else { "default_action" }
}
