//! ECS clusters.

use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::world::kind::Kind;
use crate::world::{Cx, World, refuse};

const TYPE: &str = "aws_ecs_cluster";

/// The last part of an ARN, or a name as it is.
pub(in crate::world) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

impl World {
    /// A cluster by name or ARN, or ECS's way of saying that there is none.
    pub(super) fn cluster(&self, cluster: &str) -> Result<&Object, Failure> {
        self.need(TYPE, name_of(cluster), "ClusterNotFoundException", "Cluster not found.")
    }
}

pub(in crate::world) struct Cluster;

impl Kind for Cluster {
    fn key(&self, object: &Object) -> String {
        // An import says the name.
        name_of(object.id()).to_string()
    }

    fn create(&self, world: &mut World, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_string();
        if world.get(TYPE, &name).is_some() {
            let message =
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
            return refuse("InvalidParameterException", format!("{message} The cluster {name} exists."));
        }
        let arn = world.arn("ecs", &format!("cluster/{name}"));
        object.set("id", &arn);
        object.set("arn", arn);
        complete(object);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        complete(object);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("name");
        if world.all("aws_ecs_service").any(|service| name_of(service.str("cluster")) == name) {
            let message = "The Cluster cannot be deleted while Services are active.";
            return refuse("ClusterContainsServicesException", message);
        }
        world.forget("aws_ecs_cluster_capacity_providers", name);
        Ok(())
    }
}

fn complete(object: &mut Object) {
    if object.parts("setting").is_empty() {
        let setting = [("name", Some(Value::from("containerInsights"))), ("value", Some(Value::from("disabled")))];
        object.set("setting", vec![setting]);
    }
}

pub(in crate::world) struct CapacityProviders;

impl Kind for CapacityProviders {
    fn create(&self, world: &mut World, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("cluster_name").to_string();
        world.cluster(&name)?;
        object.set("id", name);
        Ok(())
    }
}
