//! Services and the tasks that they run.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::Object;
use infra_runtime::spec::{Container, ContainerHealthCheck, Service, Task};
use serde_json::Value as Json;

use super::{Desired, Registration, secrets};
use crate::world::World;
use crate::world::types::name_of;

/// Adds all services.
pub(super) fn add(world: &World, desired: &mut Desired) {
    for service in world.all("aws_ecs_service") {
        let arn = service.id().to_string();
        let external = service.part("deployment_controller").is_some_and(|c| c.str("type") == "EXTERNAL");
        if external {
            desired.notes.push(format!("{arn}: its deployment controller is EXTERNAL, so nothing runs for it"));
            continue;
        }
        match task(world, service) {
            Ok(mut task) => {
                with_colour(&mut task, service.str("name"));
                let spec = spec(world, service, task);
                desired.runtime.services.insert(arn.clone(), spec);
            }
            Err(why) => {
                desired.problems.insert(arn.clone(), why);
            }
        }
        for balancer in service.parts("load_balancer") {
            let port = u16::try_from(balancer.int("container_port")).unwrap_or_default();
            desired.registrations.push(Registration {
                service: arn.clone(),
                group: balancer.str("target_group_arn").to_string(),
                container: balancer.str("container_name").to_string(),
                port,
            });
        }
    }
}

/// The sample image tells its colour: that of the service whose name ends in one.
fn with_colour(task: &mut Task, service: &str) {
    let colour = service.rsplit('-').next().filter(|word| matches!(*word, "blue" | "green"));
    let samples = task.containers.iter_mut().filter(|c| c.image.starts_with("infra/hello:"));
    for (container, colour) in samples.zip(colour.into_iter().cycle()) {
        container.environment.entry("COLOUR".into()).or_insert_with(|| colour.to_string());
    }
}

fn spec(world: &World, service: &Object, task: Task) -> Service {
    let cluster = name_of(service.str("cluster"));
    let name = format!("{cluster}/{}", service.str("name"));
    let whole = |name: &str| u32::try_from(service.int(name)).unwrap_or_default();
    let breaker = service.part("deployment_circuit_breaker").filter(|breaker| breaker.bool("enable"));
    let wanted = if service.str("scheduling_strategy") == "DAEMON" { 1 } else { whole("desired_count") };
    Service {
        desired_count: scaled(world, &format!("service/{name}"), wanted),
        minimum_healthy_percent: whole("deployment_minimum_healthy_percent"),
        maximum_percent: whole("deployment_maximum_percent"),
        health_check_grace_period: seconds(service.int("health_check_grace_period_seconds")),
        registered: !service.parts("load_balancer").is_empty(),
        circuit_breaker: breaker.map(|breaker| breaker.bool("rollback")),
        task,
        name,
    }
}

/// The count within the limits of scaling.
fn scaled(world: &World, resource: &str, wanted: u32) -> u32 {
    let mut targets = world.all("aws_appautoscaling_target");
    let Some(target) = targets.find(|target| target.str("resource_id") == resource) else { return wanted };
    // Told to run nothing: the idle colour of a release.
    if wanted == 0 {
        return 0;
    }
    let limit = |name: &str| u32::try_from(target.int(name)).unwrap_or_default();
    wanted.max(limit("min_capacity")).min(limit("max_capacity").max(limit("min_capacity")))
}

pub(in crate::world) fn task(world: &World, service: &Object) -> Result<Task, String> {
    let definition = world.definition_arn(service.str("task_definition"));
    let missing = || format!("there is no task definition {definition}");
    let needs = world.runnable(&definition).ok_or_else(missing)?;
    let text = |name: &str| needs.get(name).map_or("", String::as_str);
    let containers: Json = serde_json::from_str(text("container_definitions")).map_err(|error| error.to_string())?;
    let containers = containers.as_array().into_iter().flatten();
    Ok(Task {
        generation: world.facts.generations.get(service.id()).copied().unwrap_or_default(),
        cpu: cpu_units(text("cpu")),
        memory: mebibytes(text("memory")),
        containers: containers.map(|json| container(world, json)).collect::<Result<_, _>>()?,
        definition,
    })
}

/// `256`, `.25 vCPU`
fn cpu_units(text: &str) -> u32 {
    let text = text.trim().to_lowercase();
    match text.strip_suffix("vcpu") {
        Some(number) => scaled_number(number, 1_024.0),
        None => text.parse().unwrap_or_default(),
    }
}

/// `512`, `0.5 GB`
fn mebibytes(text: &str) -> u32 {
    let text = text.trim().to_lowercase();
    match text.strip_suffix("gb") {
        Some(number) => scaled_number(number, 1_024.0),
        None => text.parse().unwrap_or_default(),
    }
}

fn scaled_number(text: &str, by: f64) -> u32 {
    let number = text.trim().parse::<f64>().unwrap_or_default() * by;
    // A float becomes the nearest number that fits.
    number.round() as u32
}

fn container(world: &World, json: &Json) -> Result<Container, String> {
    let text = |name: &str| json[name].as_str().unwrap_or_default().to_string();
    let some = |name: &str| json[name].as_str().filter(|text| !text.is_empty()).map(str::to_string);
    let number = |name: &str| json[name].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or_default();
    let mut environment = BTreeMap::new();
    for pair in list(&json["environment"]) {
        let value = pair["value"].as_str().unwrap_or_default();
        environment.insert(pair["name"].as_str().unwrap_or_default().to_string(), value.to_string());
    }
    for secret in list(&json["secrets"]) {
        let (name, from) =
            (secret["name"].as_str().unwrap_or_default(), secret["valueFrom"].as_str().unwrap_or_default());
        let value =
            secrets::resolve(world, from).map_err(|why| format!("container {}: {name}: {why}", text("name")))?;
        environment.insert(name.to_string(), value);
    }
    let ports = list(&json["portMappings"]).filter_map(|m| u16::try_from(m["containerPort"].as_u64()?).ok());
    let depends_on = list(&json["dependsOn"]).map(|dependency| {
        let text = |name: &str| dependency[name].as_str().unwrap_or_default().to_string();
        (text("containerName"), text("condition"))
    });
    Ok(Container {
        name: text("name"),
        image: text("image"),
        essential: json["essential"].as_bool().unwrap_or(true),
        command: texts(&json["command"]),
        entry_point: texts(&json["entryPoint"]),
        working_directory: some("workingDirectory"),
        user: some("user"),
        environment,
        ports: ports.collect(),
        cpu: number("cpu"),
        memory: number("memory"),
        health_check: json.get("healthCheck").filter(|check| check.is_object()).map(health_check),
        depends_on: depends_on.collect(),
        stop_timeout: seconds(json["stopTimeout"].as_i64().unwrap_or(30)),
        read_only: json["readonlyRootFilesystem"].as_bool().unwrap_or(false),
    })
}

fn health_check(json: &Json) -> ContainerHealthCheck {
    let number = |name: &str, default: i64| json[name].as_i64().unwrap_or(default);
    ContainerHealthCheck {
        command: texts(&json["command"]),
        interval: seconds(number("interval", 30)),
        timeout: seconds(number("timeout", 5)),
        retries: u32::try_from(number("retries", 3)).unwrap_or(3),
        start_period: seconds(number("startPeriod", 0)),
    }
}

fn list(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn texts(json: &Json) -> Vec<String> {
    list(json).filter_map(|text| text.as_str().map(str::to_string)).collect()
}

pub(super) fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_spellings() {
        assert_eq!((cpu_units("256"), cpu_units(".5 vCPU"), cpu_units("")), (256, 512, 0));
        assert_eq!((mebibytes("512"), mebibytes("0.5GB"), mebibytes("2 GB")), (512, 512, 2_048));
    }
}
