//! ECS services.

use std::collections::BTreeMap;

use infra_provider::{Failure, Object};
use infra_value::Value;
use serde_json::Value as Json;

use super::clusters::name_of;
use crate::world::kind::Kind;
use crate::world::{Cx, World, refuse};

const TYPE: &str = "aws_ecs_service";

pub(in crate::world) struct Service;

impl Kind for Service {
    fn untold(&self) -> &'static [&'static str] {
        &["force_delete", "force_new_deployment", "iam_role", "triggers", "wait_for_steady_state"]
    }

    fn key(&self, object: &Object) -> String {
        let cluster = match (object.str("cluster"), object.id().rsplit('/').nth(1)) {
            ("", Some(cluster)) => cluster,
            ("", None) => "default",
            (cluster, _) => name_of(cluster),
        };
        let name = if object.str("name").is_empty() { name_of(object.id()) } else { object.str("name") };
        format!("{cluster}/{name}")
    }

    fn create(&self, world: &mut World, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        if object.str("cluster").is_empty() {
            object.set("cluster", "default");
        }
        let name = object.str("name").to_string();
        let cluster = world.cluster(object.str("cluster"))?.str("name").to_string();
        if world.get(TYPE, &format!("{cluster}/{name}")).is_some() {
            return refuse("InvalidParameterException", "Creation of service was not idempotent.");
        }
        check(world, object, None)?;
        object.set("id", world.arn("ecs", &format!("service/{cluster}/{name}")));
        if object.raw("triggers").is_null() {
            object.set("triggers", BTreeMap::<String, String>::new());
        }
        if object.str("launch_type").is_empty() && object.parts("capacity_provider_strategy").is_empty() {
            object.set("launch_type", "EC2");
        }
        let platform = object.str("launch_type") == "FARGATE" || object.str("launch_type").is_empty();
        if object.str("platform_version").is_empty() && platform {
            object.set("platform_version", "LATEST");
        }
        complete(object);
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        check(world, object, Some(prior))?;
        if cx.config.get("force_new_deployment").and_then(Value::as_bool) == Some(true) {
            *world.facts.generations.entry(object.id().to_string()).or_default() += 1;
        }
        complete(object);
        // The revision that it ran until now may have been the last to be used.
        let definition = object.str("task_definition").to_string();
        world.edit(TYPE, &self.key(prior), |service| service.set("task_definition", definition));
        world.prune_retired();
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        world.facts.generations.remove(object.id());
        world.forget(TYPE, &self.key(object));
        world.prune_retired();
        Ok(())
    }
}

fn complete(object: &mut Object) {
    if object.str("scheduling_strategy") == "DAEMON" && object.int("deployment_maximum_percent") == 0 {
        // The old task of a daemon stops before the new one starts.
        object.set("deployment_maximum_percent", 100);
    }
    if object.str("propagate_tags").is_empty() {
        object.set("propagate_tags", "NONE");
    }
    if object.part("deployment_controller").is_none() {
        object.set("deployment_controller", vec![[("type", Some(Value::from("ECS")))]]);
    }
    if object.part("deployment_circuit_breaker").is_none() {
        let off = || Some(Value::bool(false));
        object.set("deployment_circuit_breaker", vec![[("enable", off()), ("rollback", off())]]);
    }
}

fn check(world: &World, object: &Object, prior: Option<&Object>) -> Result<(), Failure> {
    let invalid = |message: String| refuse("InvalidParameterException", message);
    let (name, same) =
        (object.str("task_definition"), |prior: &Object| prior.str("task_definition") == object.str("task_definition"));
    let definition = match world.task_definition(name) {
        Some(definition) => definition,
        // A service may go on with a revision that is gone.
        None if prior.is_some_and(same) => return Ok(()),
        None if object.part("deployment_controller").is_some_and(|c| c.str("type") == "EXTERNAL") => return Ok(()),
        None if name.is_empty() => return invalid("TaskDefinition can not be blank.".to_string()),
        None => return refuse("ClientException", "Unable to describe task definition."),
    };
    let awsvpc = definition.str("network_mode") == "awsvpc";
    if awsvpc && object.part("network_configuration").is_none() {
        let message = "Network Configuration must be provided when networkMode 'awsvpc' is specified.";
        return invalid(message.to_string());
    }
    if let Some(network) = object.part("network_configuration") {
        for subnet in network.strings("subnets") {
            if world.get("aws_subnet", &subnet).is_none() {
                return invalid(format!(
                    "Error retrieving subnet information for [{subnet}]: The subnet ID '{subnet}' does not exist \
                     (ErrorCode: InvalidSubnetID.NotFound)."
                ));
            }
        }
        for group in network.strings("security_groups") {
            if world.get("aws_security_group", &group).is_none() {
                return invalid(format!(
                    "Error retrieving security group information for [{group}]: The security group '{group}' does not \
                     exist (ErrorCode: InvalidGroup.NotFound)."
                ));
            }
        }
    }
    let containers: Json = serde_json::from_str(definition.str("container_definitions")).unwrap_or_default();
    for balancer in object.parts("load_balancer") {
        let (container, port) = (balancer.str("container_name"), balancer.int("container_port"));
        let mut all = containers.as_array().into_iter().flatten();
        let Some(found) = all.find(|json| json["name"] == container) else {
            return invalid(format!("The container {container} does not exist in the task definition."));
        };
        let mut mappings = found["portMappings"].as_array().into_iter().flatten();
        if !mappings.any(|mapping| mapping["containerPort"].as_i64() == Some(port)) {
            return invalid(format!("The container {container} did not have a container port {port} defined."));
        }
        let arn = balancer.str("target_group_arn");
        if !world.owns(arn) {
            continue;
        }
        let Some(group) = world.get("aws_lb_target_group", arn) else {
            return invalid(format!("The target group {arn} does not exist."));
        };
        if awsvpc && group.str("target_type") != "ip" {
            let kind = group.str("target_type");
            return invalid(format!(
                "The provided target group {arn} has target type {kind}, which is incompatible with the awsvpc network \
                 mode specified in the task definition."
            ));
        }
        if world.balancers_of(arn).next().is_none() {
            return invalid(format!(
                "The target group with targetGroupArn {arn} does not have an associated load balancer."
            ));
        }
    }
    Ok(())
}
