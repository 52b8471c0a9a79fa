//! What is to run for records, and data sources that tell of them.

use std::collections::{BTreeMap, BTreeSet};

use infra_catalog::catalog;
use infra_local::world::World;
use infra_provider::Object;
use serde_json::json;

use super::provider::Machine;
use super::refusals::Furnished;

#[tokio::test]
async fn a_service_runs_with_its_secrets_at_the_scale_that_it_may_have() {
    let all = Furnished::new().await;
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    assert!(desired.problems.is_empty(), "{:?}", desired.problems);
    let service = &desired.runtime.services[&all.made["service"].id()];
    assert_eq!((service.name.as_str(), service.desired_count, service.registered), ("main/app", 3, true));
    assert_eq!((service.task.cpu, service.task.memory), (256, 512));
    let container = &service.task.containers[0];
    let environment = [("LEVEL", "debug"), ("MODE", "web"), ("PASSWORD", "hunter2")];
    let environment = environment.map(|(name, value)| (name.to_string(), value.to_string()));
    assert_eq!(container.environment, environment.into());
    assert_eq!((container.image.as_str(), &container.ports[..]), ("infra/hello:v1", &[8080][..]));
    let [registration] = &desired.registrations[..] else { panic!("one registration") };
    assert_eq!((registration.group.as_str(), registration.port), (&*all.made["tg"].id(), 8080));

    let (balancer, group) = (all.made["lb"].id(), all.made["tg"].id());
    let listeners = &desired.balancers.balancers[&balancer].listeners;
    let listener = &listeners[&all.made["listener"].id()];
    assert_eq!((listener.port, listener.rules.len(), listener.tls_names.is_none()), (80, 1, true));
    assert_eq!(all.made["lb"].get("dns_name"), format!("localhost:{}", listener.bind.port()));
    assert!(desired.balancers.target_groups.contains_key(&group));

    let database = &desired.runtime.databases["pg"];
    assert_eq!((database.bind.port(), database.engine_version.as_str()), (5432, "16"));
    assert_eq!((database.password.as_str(), database.parameters["work_mem"].as_str()), ("hunter2", "8192"));
    assert_eq!(all.made["db"].get("endpoint"), "localhost:5432");
}

#[tokio::test]
async fn a_daemon_runs_once_and_may_run_at_all() {
    let mut all = Furnished::new().await;
    let containers = json!([{ "name": "a", "image": "infra/hello:v1", "memory": 64 }]).to_string();
    let task = json!({ "family": "daemon", "network_mode": "bridge", "container_definitions": containers });
    all.make("bridge", "aws_ecs_task_definition", &task).await.expect("a definition");
    let daemon = json!({ "name": "daemon", "cluster": "$cluster", "task_definition": "$bridge.arn",
        "scheduling_strategy": "DAEMON", "launch_type": "EC2" });
    all.make("daemon", "aws_ecs_service", &daemon).await.expect("a service");
    let made = &all.made["daemon"];
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    let service = &desired.runtime.services[&made.id()];
    assert_eq!((service.desired_count, service.minimum_healthy_percent, service.maximum_percent), (1, 0, 100));
    let now = all.machine.refreshed(made).await.expect("it is there");
    assert_eq!(all.machine.planned(&made.ty, &now, &made.config).await, now, "it would change");
}

#[tokio::test]
async fn a_secret_that_is_not_there_keeps_its_service_from_running() {
    let all = Furnished::new().await;
    all.machine.delete(&all.made["level"]).await.expect("nothing keeps it");
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    let why = desired.problems.get(&all.made["service"].id()).expect("a problem");
    assert!(why.contains("LEVEL") && why.contains("/app/level"), "{why}");
    assert!(desired.runtime.services.is_empty());
}

#[tokio::test]
async fn a_service_goes_on_with_a_revision_that_is_gone_and_the_next_one_has_the_next_number() {
    let all = Furnished::new().await;
    all.machine.delete(&all.made["task"]).await.expect("services do not keep it");
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    let service = &desired.runtime.services[&all.made["service"].id()];
    assert!(service.task.definition.ends_with("task-definition/app:1"));
    let json = json!({ "family": "app", "container_definitions": "[{\"name\":\"a\",\"image\":\"i\",\"memory\":64}]" });
    let next = all.machine.create("aws_ecs_task_definition", &json).await.expect("a revision");
    assert!(next.get("arn").ends_with("task-definition/app:2"));
}

#[tokio::test]
async fn a_secret_keeps_its_current_value_while_its_version_is_replaced() {
    let all = Furnished::new().await;
    all.machine.delete(&all.made["version"]).await.expect("nothing keeps it");
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    assert!(desired.problems.is_empty(), "{:?}", desired.problems);
    let json = all.filled(&json!({ "secret_id": "$secret", "secret_string": "{\"password\":\"new\"}" }));
    all.machine.create("aws_secretsmanager_secret_version", &json).await.expect("a version");
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    let service = &desired.runtime.services[&all.made["service"].id()];
    assert_eq!(service.task.containers[0].environment["PASSWORD"], "new");
    let told = all.machine.data("aws_secretsmanager_secret_version", &json!({ "secret_id": "db" })).await;
    assert_eq!(told.map(|told| told["secret_string"].clone()), Ok(json!("{\"password\":\"new\"}")));
}

#[tokio::test]
async fn the_listener_of_port_80_has_the_balancer_s_own_address() {
    let mut all = Furnished::new().await;
    let action = json!([{ "type": "fixed-response", "fixed_response": [{ "content_type": "text/plain", "status_code": "200" }] }]);
    let lb = json!({ "name": "two", "subnets": ["$a", "$b"] });
    all.make("two", "aws_lb", &lb).await.expect("a balancer");
    let listener =
        |port: i64| json!({ "load_balancer_arn": "$two", "port": port, "protocol": "HTTP", "default_action": action });
    all.make("first", "aws_lb_listener", &listener(9090)).await.expect("a listener");
    let own = all.made["two"].get("dns_name");
    let at = |all: &Furnished, name: &str| {
        let desired = all.machine.local.with(|world, _| world.desired(), None);
        let bind = desired.balancers.balancers[&all.made["two"].id()].listeners[&all.made[name].id()].bind;
        format!("localhost:{}", bind.port())
    };
    assert_eq!(at(&all, "first"), own);
    all.make("main", "aws_lb_listener", &listener(80)).await.expect("a listener");
    assert_eq!((at(&all, "main"), at(&all, "first")), (own, "localhost:9090".to_string()));
    for name in ["first", "main", "two"] {
        all.machine.delete(&all.made[name]).await.expect("nothing keeps it");
    }
    let kept = all.machine.local.kept.lock().expect("no panic");
    // The first balancer's address, and the database's.
    assert_eq!(kept.1.taken.len(), 2);
}

#[tokio::test]
async fn a_managed_password_is_a_secret_and_another_engine_is_only_recorded() {
    let machine = Machine::new("000000000000").await;
    let json = |engine: &str| {
        json!({ "identifier": engine, "engine": engine, "instance_class": "db.t4g.micro", "allocated_storage": 20,
            "username": "app", "manage_master_user_password": true, "skip_final_snapshot": true })
    };
    let postgres = machine.create("aws_db_instance", &json("postgres")).await.expect("an instance");
    let mysql = machine.create("aws_db_instance", &json("mysql")).await.expect("an instance");
    let secret = postgres.json()["master_user_secret"][0]["secret_arn"].clone();
    let told =
        machine.data("aws_secretsmanager_secret_version", &json!({ "secret_id": secret })).await.expect("a secret");
    let told: serde_json::Value =
        serde_json::from_str(told["secret_string"].as_str().unwrap_or_default()).expect("JSON");
    let desired = machine.local.with(|world, _| world.desired(), None);
    assert_eq!(told["password"].as_str(), Some(&*desired.runtime.databases["postgres"].password));
    assert!(!desired.runtime.databases.contains_key("mysql"));
    assert!(desired.notes.iter().any(|note| note.contains("no server runs for engine mysql")), "{:?}", desired.notes);
    for stored in [postgres, mysql] {
        machine.delete(&stored).await.expect("nothing keeps it");
    }
    assert!(machine.local.with(|world, _| world.is_empty(), None));
}

#[tokio::test]
async fn a_database_that_is_renamed_keeps_its_data_and_another_that_takes_its_name_has_its_own() {
    let machine = Machine::new("000000000000").await;
    let json = |identifier: &str| {
        json!({ "identifier": identifier, "engine": "postgres", "instance_class": "db.t4g.micro", "allocated_storage": 20,
            "username": "app", "password": "hunter2", "skip_final_snapshot": true, "apply_immediately": true })
    };
    let running = || {
        let desired = machine.local.with(|world, _| world.desired(), None);
        desired.runtime.databases.into_iter().map(|(home, database)| (database.bind, home)).collect::<BTreeMap<_, _>>()
    };
    let first = machine.create("aws_db_instance", &json("pg")).await.expect("an instance");
    let before = running();
    let renamed = machine.update(&first, &json("pg-main")).await.expect("a new name");
    assert_eq!((renamed.id(), renamed.get("identifier")), (first.id(), "pg-main".to_string()));
    assert_eq!(running(), before, "the same data at the same address");
    let second = machine.create("aws_db_instance", &json("pg")).await.expect("the name is free");
    let homes: BTreeSet<String> = running().into_values().collect();
    assert_eq!(homes, ["pg".to_string(), format!("pg-{}", second.id().to_lowercase())].into());
    let again = machine.update(&renamed, &json("pg-again")).await.expect("a new name");
    assert_eq!(running().into_values().collect::<BTreeSet<_>>(), homes);
    for stored in [again, second] {
        machine.delete(&stored).await.expect("nothing keeps it");
    }
}

#[tokio::test]
async fn what_is_in_another_region_is_not_there() {
    let all = Furnished::new().await;
    for (name, elsewhere) in [("vpc", false), ("cluster", false), ("service", false), ("role", true), ("zone", true)] {
        let stored = &all.made[name];
        let object = Object::new(catalog().resources[&*stored.ty].block().clone(), &stored.value);
        let read = |region: &str| all.machine.local.with(|w, _| w.read_in(region, &stored.ty, object.clone()), None);
        let found = ["eu-west-1", "us-east-1"].map(|region| read(region).is_ok_and(|found| found.is_some()));
        assert_eq!(found, [true, elsewhere], "{name}");
    }
}

#[tokio::test]
async fn a_world_is_the_same_after_a_file() {
    let all = Furnished::new().await;
    let json = all.machine.local.with(|world, _| world.to_json(), None);
    let again = World::from_json(&json).expect("a world");
    assert_eq!(again.to_json(), json);
    assert_eq!(again.addresses().count(), all.machine.local.with(|world, _| world.addresses().count(), None));
    assert!(World::from_json(&json!({ "form": 99 })).is_err());
}

#[tokio::test]
async fn data_sources_tell_of_the_machine() {
    let all = Furnished::new().await;
    let data = async |ty: &str, json: serde_json::Value| all.machine.data(ty, &all.filled(&json)).await;
    let zones = data("aws_availability_zones", json!({ "state": "available" })).await.expect("zones");
    assert_eq!(zones["names"], json!(["eu-west-1a", "eu-west-1b", "eu-west-1c"]));
    let identity = data("aws_caller_identity", json!({})).await.expect("an identity");
    assert_eq!(identity["arn"], "arn:aws:iam::000000000000:root");
    let found = data("aws_vpc", json!({ "tags": { "Name": "main" } })).await.expect("a VPC");
    assert_eq!(found["id"], json!(all.made["vpc"].id()));
    assert_eq!(data("aws_vpc", json!({ "default": true })).await, Err("no matching EC2 VPC found".to_string()));
    let filter = json!([{ "name": "vpc-id", "values": ["$vpc"] }]);
    let subnets = data("aws_subnets", json!({ "filter": filter })).await.expect("subnets");
    assert_eq!(subnets["ids"].as_array().map(Vec::len), Some(2));
    let image = json!({ "name": "/aws/service/ecs/optimized-ami/amazon-linux-2/recommended/image_id" });
    assert!(data("aws_ssm_parameter", image).await.is_ok());
    assert!(data("aws_ssm_parameter", json!({ "name": "/none" })).await.is_err());
}
