//! Changes: what is updated reads as it was planned, and wants no further change.

use serde_json::{Value as Json, json};

use super::refusals::Furnished;

fn changes() -> Vec<(&'static str, Json)> {
    let answer = json!([{ "type": "fixed-response", "fixed_response": [{ "content_type": "text/plain", "status_code": "503" }] }]);
    let two = json!([{ "type": "forward", "forward": [{ "target_group": [
        { "arn": "$tg", "weight": 90 }, { "arn": "$green", "weight": 10 }] }] }]);
    vec![
        ("vpc", json!({ "cidr_block": "10.0.0.0/16", "enable_dns_hostnames": true, "tags": { "Name": "other" } })),
        (
            "a",
            json!({ "vpc_id": "$vpc", "cidr_block": "10.0.0.0/24", "availability_zone": "eu-west-1a",
            "map_public_ip_on_launch": true }),
        ),
        (
            "route",
            json!({ "route_table_id": "$table", "destination_cidr_block": "0.0.0.0/0", "nat_gateway_id": "$nat" }),
        ),
        ("table", json!({ "vpc_id": "$vpc", "tags": { "Name": "t" } })),
        ("association", json!({ "route_table_id": "$other_table", "subnet_id": "$a" })),
        (
            "sg",
            json!({ "name": "web", "vpc_id": "$vpc", "ingress": [
            { "from_port": 443, "to_port": 443, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"], "ipv6_cidr_blocks": [],
              "prefix_list_ids": [], "security_groups": [], "self": false, "description": "" },
            { "from_port": 80, "to_port": 80, "protocol": "tcp", "cidr_blocks": ["0.0.0.0/0"], "ipv6_cidr_blocks": [],
              "prefix_list_ids": [], "security_groups": [], "self": false, "description": "" }] }),
        ),
        (
            "lb",
            json!({ "name": "web", "subnets": ["$a", "$b", "$c"], "security_groups": ["$sg"], "idle_timeout": 120 }),
        ),
        (
            "tg",
            json!({ "name": "web", "vpc_id": "$vpc", "port": 8080, "protocol": "HTTP", "target_type": "ip",
            "deregistration_delay": "5", "health_check": [{ "path": "/health", "interval": 5 }] }),
        ),
        ("listener", json!({ "load_balancer_arn": "$lb", "port": 8081, "protocol": "HTTP", "default_action": two })),
        (
            "lbrule",
            json!({ "listener_arn": "$listener", "priority": 20, "action": answer,
            "condition": [{ "path_pattern": [{ "values": ["/no", "/none"] }] }] }),
        ),
        ("cluster", json!({ "name": "main", "setting": [{ "name": "containerInsights", "value": "enabled" }] })),
        (
            "role",
            json!({ "name": "exec", "assume_role_policy": super::refusals::POLICY, "max_session_duration": 7200,
            "description": "runs tasks" }),
        ),
        ("level", json!({ "name": "/app/level", "type": "String", "value": "info" })),
        (
            "service",
            json!({ "name": "app", "cluster": "$cluster", "task_definition": "$task.arn", "desired_count": 4,
            "launch_type": "FARGATE", "force_new_deployment": true,
            "network_configuration": [{ "subnets": ["$a", "$b"], "security_groups": ["$sg"] }],
            "load_balancer": [{ "target_group_arn": "$tg", "container_name": "app", "container_port": 8080 }] }),
        ),
        (
            "target",
            json!({ "service_namespace": "ecs", "resource_id": "service/main/app",
            "scalable_dimension": "ecs:service:DesiredCount", "min_capacity": 1, "max_capacity": 9 }),
        ),
        (
            "parameters",
            json!({ "name": "pg", "family": "postgres16",
            "parameter": [{ "name": "work_mem", "value": "16384" }] }),
        ),
        (
            "db",
            json!({ "identifier": "pg", "engine": "postgres", "engine_version": "16", "instance_class": "db.t4g.small",
            "allocated_storage": 30, "username": "app", "password": "hunter3", "db_name": "app", "port": 5544,
            "db_subnet_group_name": "$subnets", "parameter_group_name": "$parameters",
            "vpc_security_group_ids": ["$sg"], "skip_final_snapshot": true, "apply_immediately": true }),
        ),
        ("key", json!({ "enable_key_rotation": true, "description": "app" })),
        ("logs", json!({ "name": "/app", "retention_in_days": 7 })),
        ("zone", json!({ "name": "example.com", "comment": "ours" })),
        ("record", json!({ "zone_id": "$zone", "name": "www", "type": "A", "ttl": 30, "records": ["192.0.2.9"] })),
    ]
}

#[tokio::test]
async fn what_is_changed_reads_as_planned_and_wants_no_further_change() {
    let mut all = Furnished::new().await;
    let c = json!({ "vpc_id": "$vpc", "cidr_block": "10.0.2.0/24", "availability_zone": "eu-west-1c" });
    all.make("c", "aws_subnet", &c).await.expect("a subnet");
    all.make("eip", "aws_eip", &json!({ "domain": "vpc" })).await.expect("an address");
    let nat = json!({ "subnet_id": "$a", "allocation_id": "$eip" });
    all.make("nat", "aws_nat_gateway", &nat).await.expect("a gateway");
    all.make("other_table", "aws_route_table", &json!({ "vpc_id": "$vpc" })).await.expect("a table");
    let green = json!({ "name": "green", "vpc_id": "$vpc", "port": 8080, "protocol": "HTTP", "target_type": "ip" });
    all.make("green", "aws_lb_target_group", &green).await.expect("a group");
    for (name, json) in changes() {
        let before = &all.made[name];
        let refreshed = all.machine.refreshed(before).await.unwrap_or_else(|| panic!("{name} is gone"));
        let before = super::provider::Stored { ty: before.ty.clone(), config: before.config.clone(), value: refreshed };
        let changed = all.machine.update(&before, &all.filled(&json)).await;
        let changed = changed.unwrap_or_else(|why| panic!("{name}: {why}"));
        let now = all.machine.refreshed(&changed).await.unwrap_or_else(|| panic!("{name} is gone"));
        let planned = all.machine.planned(&changed.ty, &now, &changed.config).await;
        assert_eq!(planned, now, "{name} would change again");
        all.made.insert(name, changed);
    }
    assert_eq!(all.made["level"].json()["version"], 2);
    assert_eq!(all.made["db"].get("endpoint"), "localhost:5544");
    let desired = all.machine.local.with(|world, _| world.desired(), None);
    assert!(desired.problems.is_empty(), "{:?}", desired.problems);
    let service = &desired.runtime.services[&all.made["service"].id()];
    assert_eq!((service.desired_count, service.task.generation), (4, 1));
    assert_eq!(service.task.containers[0].environment["LEVEL"], "info");
    assert_eq!(desired.runtime.databases["pg"].password, "hunter3");
    let balancer = &desired.balancers.balancers[&all.made["lb"].id()];
    assert_eq!(balancer.listeners[&all.made["listener"].id()].port, 8081);
}
