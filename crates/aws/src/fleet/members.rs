//! What a release is about, out of the objects in the state.

use std::collections::BTreeMap;

use infra_catalog::catalog;
use infra_provider::fleet::{Colour, FleetSpec, Member};
use infra_provider::{Object, Problem};

use super::doors::Door;
use super::traffic::Traffic;
use crate::ecs::name_of;

/// The members of a release, checked.
pub(super) struct Members {
    pub(super) services: BTreeMap<Colour, Service>,
    pub(super) groups: BTreeMap<Colour, String>,
    pub(super) traffic: Option<Traffic>,
    pub(super) live: Option<Door>,
    pub(super) test: Option<Door>,
}

/// A service, as calls name it.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// Its ARN.
    pub(super) arn: String,
    pub(super) name: String,
    /// The name or the ARN of its cluster.
    pub(super) cluster: String,
    /// Whether it names its task definition by ARN, or as `FAMILY:REVISION`.
    pub(super) by_arn: bool,
    /// The container that gets its requests.
    pub(super) container: Option<String>,
    /// The target groups that it names.
    pub(super) groups: Vec<String>,
}

impl Service {
    /// As Application Auto Scaling calls it.
    pub(super) fn scalable(&self) -> String {
        format!("service/{}/{}", name_of(&self.cluster), self.name)
    }

    /// A task definition's ARN in the form that the configuration uses.
    pub(super) fn form(&self, definition: &str) -> String {
        if self.by_arn { definition.to_string() } else { name_of(definition).to_string() }
    }
}

/// Whether two texts name the same revision: each by ARN or as `FAMILY:REVISION`.
pub(super) fn is_same_definition(one: &str, other: &str) -> bool {
    name_of(one) == name_of(other)
}

/// Reads the objects, and says which of them cannot be released.
pub(super) fn check(spec: &FleetSpec) -> Result<Members, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut services = BTreeMap::new();
    for (colour, member) in &spec.services {
        match service(member) {
            Ok(service) => drop(services.insert(colour.clone(), service)),
            Err(why) => problems.push(refused(format!("The service {colour}: {why}"))),
        }
    }
    let mut groups = BTreeMap::new();
    for (colour, member) in &spec.target_groups {
        match object(member, &["aws_lb_target_group"]).map(|group| group.str("arn").to_string()) {
            Ok(arn) => drop(groups.insert(colour.clone(), arn)),
            Err(why) => problems.push(refused(format!("The target group {colour}: {why}"))),
        }
    }
    let mut door = |what: &str, member: &Option<Member>| {
        let member = member.as_ref()?;
        let read = object(member, &["aws_lb_listener", "aws_lb_listener_rule"]);
        let read = read.map(|object| (Door::of(&member.ty, &object), Traffic::of(&member.ty, &object)));
        read.map_err(|why| problems.push(refused(format!("The {what}: {why}")))).ok()
    };
    let live = door("listener", &spec.listener);
    let test = door("test listener", &spec.test_listener);
    let (live, traffic) = live.unzip();
    match problems.is_empty() {
        true => Ok(Members { services, groups, traffic, live, test: test.map(|(door, _)| door) }),
        false => Err(problems),
    }
}

fn refused(why: String) -> Problem {
    Problem::error("These resources cannot be released", why)
}

fn object(member: &Member, types: &[&str]) -> Result<Object, String> {
    let wanted = || format!("a {} is not a {}.", member.ty, types.join(" or a "));
    let ty = catalog().resources.get(member.ty.as_str()).filter(|ty| types.contains(&ty.name)).ok_or_else(wanted)?;
    let object = Object::new(ty.block().clone(), &member.object);
    match object.id() {
        "" => Err("it has not been made yet.".to_string()),
        _ => Ok(object),
    }
}

fn service(member: &Member) -> Result<Service, String> {
    let object = object(member, &["aws_ecs_service"])?;
    let controller = object.part("deployment_controller").map(|c| c.str("type").to_string()).unwrap_or_default();
    if !matches!(controller.as_str(), "" | "ECS") {
        return Err(format!(
            "its deployments are made by {controller}. A release needs the deployment controller ECS."
        ));
    }
    if object.str("scheduling_strategy") == "DAEMON" {
        return Err("it runs one task an instance (DAEMON). A release needs a service with a count of tasks.".into());
    }
    let balancers = object.parts("load_balancer");
    let groups = balancers.iter().filter_map(|balancer| balancer.opt_str("target_group_arn")).collect();
    let cluster = object.opt_str("cluster").unwrap_or_else(|| "default".to_string());
    Ok(Service {
        arn: object.id().to_string(),
        name: object.str("name").to_string(),
        cluster,
        by_arn: object.str("task_definition").starts_with("arn:"),
        container: balancers.first().and_then(|balancer| balancer.opt_str("container_name")),
        groups,
    })
}

#[cfg(test)]
mod tests {
    use infra_value::Value;

    use super::*;

    fn member(ty: &str, attributes: &[(&str, &str)]) -> Member {
        let block = catalog().resources["aws_ecs_service"].block();
        let mut object = Object::new(block.clone(), &Value::null(block.ty()));
        for (name, value) in attributes {
            object.set(name, *value);
        }
        Member { ty: ty.into(), object: object.into_value() }
    }

    #[test]
    fn only_a_service_that_is_made_and_counts_its_tasks_can_be_released() {
        let id = ("id", "arn:aws:ecs:eu-west-1:1:service/main/api");
        for (member, wanted) in [
            (
                member("aws_ecs_service", &[id, ("cluster", "arn:aws:ecs:eu-west-1:1:cluster/main"), ("name", "api")]),
                "",
            ),
            (member("aws_ecs_service", &[]), "it has not been made yet."),
            (member("aws_instance", &[id]), "a aws_instance is not a aws_ecs_service."),
            (
                member("aws_ecs_service", &[id, ("scheduling_strategy", "DAEMON")]),
                "it runs one task an instance (DAEMON). A release needs a service with a count of tasks.",
            ),
        ] {
            match service(&member) {
                Ok(service) => assert_eq!((service.scalable().as_str(), wanted), ("service/main/api", "")),
                Err(why) => assert_eq!(why, wanted),
            }
        }
    }

    #[test]
    fn a_definition_has_the_form_that_its_service_uses() {
        let arn = "arn:aws:ecs:eu-west-1:1:task-definition/api:7";
        let of = |given: &str| service(&member("aws_ecs_service", &[("id", "arn:x"), ("task_definition", given)]));
        assert_eq!(of(arn).map(|s| s.form(arn)), Ok(arn.to_string()));
        assert_eq!(of("api:6").map(|s| s.form(arn)), Ok("api:7".to_string()));
        assert!(is_same_definition(arn, "api:7") && !is_same_definition(arn, "api:8"));
    }
}
