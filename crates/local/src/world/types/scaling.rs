//! Application Auto Scaling: which services may be scaled between which limits. Nothing scales by itself here.

use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const TARGET: &str = "aws_appautoscaling_target";

fn joined(object: &Object, names: &[&str]) -> String {
    names.iter().map(|name| object.str(name)).collect::<Vec<_>>().join(" ")
}

fn target_key(object: &Object) -> String {
    joined(object, &["service_namespace", "scalable_dimension", "resource_id"])
}

pub(in crate::world) struct Target;

impl Kind for Target {
    fn key(&self, object: &Object) -> String {
        target_key(object)
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        check(world, object)?;
        let resource = object.str("resource_id").to_string();
        let partition = infra_catalog::partition::of_region(&world.region).name;
        let arn = world.arn("application-autoscaling", &format!("scalable-target/{}", ids::hex(cx, 24)));
        object.set("arn", arn);
        if object.str("role_arn").is_empty() {
            let role = "aws-service-role/ecs.application-autoscaling.amazonaws.com/\
                        AWSServiceRoleForApplicationAutoScaling_ECSService";
            object.set("role_arn", format!("arn:{partition}:iam::{}:role/{role}", world.account));
        }
        complete(object);
        object.set("id", resource);
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        complete(object);
        check(world, object)
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let policies = world.records.entry("aws_appautoscaling_policy".into()).or_default();
        policies.retain(|_, policy| target_key(policy) != target_key(object));
        Ok(())
    }
}

fn complete(object: &mut Object) {
    if object.part("suspended_state").is_none() {
        let off = || Some(Value::bool(false));
        let state = [
            ("dynamic_scaling_in_suspended", off()),
            ("dynamic_scaling_out_suspended", off()),
            ("scheduled_scaling_suspended", off()),
        ];
        object.set("suspended_state", vec![state]);
    }
}

fn check(world: &World, object: &Object) -> Result<(), Failure> {
    let resource = object.str("resource_id");
    if object.int("max_capacity") < object.int("min_capacity") {
        return refuse("ValidationException", "Maximum capacity cannot be less than minimum capacity");
    }
    if object.str("service_namespace") == "ecs" {
        let service = resource.strip_prefix("service/").unwrap_or(resource);
        if world.get("aws_ecs_service", service).is_none() {
            return refuse("ValidationException", format!("ECS service doesn't exist: {resource}"));
        }
    }
    Ok(())
}

pub(in crate::world) struct Policy;

impl Kind for Policy {
    fn key(&self, object: &Object) -> String {
        joined(object, &["service_namespace", "scalable_dimension", "resource_id", "name"])
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let (namespace, resource) = (object.str("service_namespace"), object.str("resource_id"));
        let dimension = object.str("scalable_dimension");
        let message = format!(
            "No scalable target registered for service namespace: {namespace}, resource ID: {resource}, scalable \
             dimension: {dimension}"
        );
        world.need(TARGET, &target_key(object), "ObjectNotFoundException", message)?;
        let name = object.str("name").to_string();
        let id = ids::uuid(cx);
        let of = format!("resource/{namespace}/{resource}:policyName/{name}");
        let alarms: Vec<String> = match object.str("policy_type") {
            "TargetTrackingScaling" => ["AlarmHigh", "AlarmLow"]
                .map(|kind| {
                    let alarm = ids::uuid(cx);
                    world.arn("cloudwatch", &format!("alarm:TargetTracking-{resource}-{kind}-{alarm}"))
                })
                .into(),
            _ => Vec::new(),
        };
        object.set("arn", world.arn("autoscaling", &format!("scalingPolicy:{id}:{of}")));
        object.set("alarm_arns", alarms);
        object.set("id", name);
        Ok(())
    }
}
