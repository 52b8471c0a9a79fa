//! ECS task definitions: revisions of families.

use std::collections::BTreeMap;

use infra_catalog::types::aws_ecs_task_definition::containers::Containers;
use infra_provider::{Failure, Object};
use infra_value::Value;
use serde_json::{Value as Json, json};

use crate::world::kind::Kind;
use crate::world::{Cx, World, refuse};

const TYPE: &str = "aws_ecs_task_definition";
const CONTAINERS: &str = "container_definitions";

/// The attributes that running a task needs.
const RUNNING: [&str; 4] = ["container_definitions", "cpu", "memory", "network_mode"];

/// Memory in MiB that tasks on Fargate may have, by CPU units: least, most, and the step between.
const FARGATE: [(i64, i64, i64, i64); 7] = [
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

impl World {
    /// A task definition by ARN, `FAMILY:REVISION` or `FAMILY`.
    pub(super) fn task_definition(&self, name: &str) -> Option<&Object> {
        if name.starts_with("arn:") {
            return self.get(TYPE, name);
        }
        match name.split_once(':') {
            Some(_) => self.get(TYPE, &self.arn("ecs", &format!("task-definition/{name}"))),
            None => self.latest(name),
        }
    }

    fn latest(&self, family: &str) -> Option<&Object> {
        let of_family = self.all(TYPE).filter(|definition| definition.str("family") == family);
        of_family.max_by_key(|definition| definition.int("revision"))
    }

    /// What running a task definition needs, also when its revision is gone but still in use.
    pub(in crate::world) fn runnable(&self, arn: &str) -> Option<BTreeMap<String, String>> {
        self.get(TYPE, arn).map(needs).or_else(|| self.facts.retired.get(arn).cloned())
    }

    /// Forgets revisions that are gone and that no service uses any more.
    pub(super) fn prune_retired(&mut self) {
        let used: Vec<String> =
            self.all("aws_ecs_service").map(|service| service.str("task_definition").to_string()).collect();
        let arns: Vec<String> = used.iter().map(|name| self.definition_arn(name)).collect();
        self.facts.retired.retain(|arn, _| arns.contains(arn));
    }

    /// The ARN of a task definition that a service names.
    pub(in crate::world) fn definition_arn(&self, name: &str) -> String {
        match self.task_definition(name) {
            Some(definition) => definition.str("arn").to_string(),
            None if name.starts_with("arn:") => name.to_string(),
            None => self.arn("ecs", &format!("task-definition/{name}")),
        }
    }
}

fn needs(definition: &Object) -> BTreeMap<String, String> {
    RUNNING.map(|name| (name.to_string(), definition.str(name).to_string())).into_iter().collect()
}

pub(in crate::world) struct TaskDefinition;

impl Kind for TaskDefinition {
    fn untold(&self) -> &'static [&'static str] {
        &["skip_destroy", "track_latest"]
    }

    fn key(&self, object: &Object) -> String {
        object.str("arn").to_string()
    }

    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        match object.bool("track_latest") {
            true => world.latest(object.str("family")),
            false => world.get(ty, object.str("arn")),
        }
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let family = object.str("family").to_string();
        let written = cx.config.get(CONTAINERS).and_then(Value::as_str).unwrap_or(object.str(CONTAINERS));
        let containers =
            Containers::parse(written).map_err(|why| Failure::new("reading container definitions", why))?;
        let containers = containers.ordered().to_json();
        check(object, &containers)?;
        let told = told(containers, object.str("network_mode"));
        // Back through the same reading: fields in the order in which the API tells them.
        let text = Containers::from_json(&told).map_or(told, |containers| containers.to_json()).to_string();
        object.set(CONTAINERS, text);
        let revision = world.facts.revisions.entry(family.clone()).or_insert(0);
        *revision += 1;
        let revision = *revision;
        let without = world.arn("ecs", &format!("task-definition/{family}"));
        object.set("arn", format!("{without}:{revision}"));
        object.set("arn_without_revision", without);
        object.set("revision", revision);
        object.set("id", family);
        Ok(())
    }

    /// With `skip_destroy` too: a revision that no service has any more is of no use here, and would never go.
    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        // Services go on running a revision that nobody can name any more.
        world.facts.retired.insert(object.str("arn").to_string(), needs(object));
        world.prune_retired();
        Ok(())
    }
}

/// Containers with what the API adds to them.
fn told(mut containers: Json, network_mode: &str) -> Json {
    for container in containers.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
        for list in ["environment", "mountPoints", "portMappings", "systemControls", "volumesFrom"] {
            container.entry(list).or_insert(json!([]));
        }
        container.entry("essential").or_insert(json!(true));
        let mappings = container.get_mut("portMappings").and_then(Json::as_array_mut);
        for mapping in mappings.into_iter().flatten().filter_map(Json::as_object_mut) {
            let port = mapping.get("containerPort").cloned().unwrap_or(json!(0));
            let host = if matches!(network_mode, "awsvpc" | "host") { port } else { json!(0) };
            mapping.entry("hostPort").or_insert(host);
            mapping.entry("protocol").or_insert(json!("tcp"));
        }
    }
    containers
}

fn check(object: &Object, containers: &Json) -> Result<(), Failure> {
    let invalid = |message: String| refuse("ClientException", message);
    let containers = containers.as_array().map(Vec::as_slice).unwrap_or_default();
    if containers.is_empty() {
        return invalid("Container list cannot be empty.".to_string());
    }
    let mut names = Vec::new();
    for container in containers {
        let name = container["name"].as_str().unwrap_or_default();
        for field in ["name", "image"] {
            if container[field].as_str().unwrap_or_default().is_empty() {
                return invalid(format!("Container.{field} should not be null or empty."));
            }
        }
        if names.contains(&name) {
            return invalid(format!("Container name {name} is used more than once."));
        }
        names.push(name);
    }
    if containers.iter().all(|container| container["essential"] == json!(false)) {
        return invalid("At least one container must be marked as essential.".to_string());
    }
    for dependency in containers.iter().flat_map(|c| c["dependsOn"].as_array().into_iter().flatten()) {
        let name = dependency["containerName"].as_str().unwrap_or_default();
        if !names.contains(&name) {
            return invalid(format!("Container dependency {name} does not exist in the task definition."));
        }
    }
    if !object.strings("requires_compatibilities").iter().any(|c| c == "FARGATE") {
        return Ok(());
    }
    if object.str("network_mode") != "awsvpc" {
        return invalid("Networking mode must be 'awsvpc' for Fargate tasks.".to_string());
    }
    for name in ["cpu", "memory"] {
        if object.str(name).is_empty() {
            return invalid(format!("Fargate requires that '{name}' be defined at the task level."));
        }
    }
    let number = |name: &str| object.str(name).parse::<i64>().ok();
    // Other spellings (`.5 vCPU`, `1 GB`) are taken as they are.
    if let (Some(cpu), Some(memory)) = (number("cpu"), number("memory")) {
        let fits = |(units, least, most, step): &(i64, i64, i64, i64)| {
            *units == cpu && (*least..=*most).contains(&memory) && memory % step == 0
        };
        if !FARGATE.iter().any(fits) {
            return invalid(format!(
                "No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS \
                 documentation for the valid values."
            ));
        }
    }
    let has = |test: fn(&Json) -> bool| containers.iter().any(test);
    if object.str("execution_role_arn").is_empty() && has(|c| c["secrets"].as_array().is_some_and(|s| !s.is_empty())) {
        return invalid("Fargate requires task definition to have execution role ARN to support secrets.".to_string());
    }
    Ok(())
}
