//! What AWS refuses is refused, with AWS's codes.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::provider::{Machine, Stored};

/// A machine with a bit of everything, and what is on it by name.
pub struct Furnished {
    pub machine: Machine,
    pub made: BTreeMap<&'static str, Stored>,
}

impl Furnished {
    pub async fn new() -> Furnished {
        let mut all = Furnished { machine: Machine::new("000000000000").await, made: BTreeMap::new() };
        for (name, ty, json) in furniture() {
            all.make(name, ty, &json).await.unwrap_or_else(|why| panic!("{name}: {why}"));
        }
        all
    }

    pub async fn make(&mut self, name: &'static str, ty: &str, json: &Json) -> Result<(), String> {
        let made = self.machine.create(ty, &self.filled(json)).await?;
        self.made.insert(name, made);
        Ok(())
    }

    /// `$name` is the id of what has the name, `$name.attribute` another text of it.
    pub fn filled(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => match text.strip_prefix('$') {
                Some(name) => {
                    let (name, attribute) = name.split_once('.').unwrap_or((name, "id"));
                    Json::String(self.made.get(name).map_or(String::new(), |stored| stored.get(attribute)))
                }
                None => json.clone(),
            },
            Json::Array(elements) => elements.iter().map(|e| self.filled(e)).collect(),
            Json::Object(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), self.filled(v))).collect()),
            other => other.clone(),
        }
    }
}

pub const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

fn furniture() -> Vec<(&'static str, &'static str, Json)> {
    let container = json!([{ "name": "app", "image": "infra/hello:v1", "portMappings": [{ "containerPort": 8080 }],
        "environment": [{ "name": "MODE", "value": "web" }],
        "secrets": [
            { "name": "PASSWORD", "valueFrom": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:db:password::" },
            { "name": "LEVEL", "valueFrom": "/app/level" },
        ] }]);
    vec![
        ("vpc", "aws_vpc", json!({ "cidr_block": "10.0.0.0/16", "tags": { "Name": "main" } })),
        (
            "a",
            "aws_subnet",
            json!({ "vpc_id": "$vpc", "cidr_block": "10.0.0.0/24", "availability_zone": "eu-west-1a" }),
        ),
        (
            "b",
            "aws_subnet",
            json!({ "vpc_id": "$vpc", "cidr_block": "10.0.1.0/24", "availability_zone": "eu-west-1b" }),
        ),
        ("igw", "aws_internet_gateway", json!({ "vpc_id": "$vpc" })),
        ("table", "aws_route_table", json!({ "vpc_id": "$vpc" })),
        (
            "route",
            "aws_route",
            json!({ "route_table_id": "$table", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "$igw" }),
        ),
        ("association", "aws_route_table_association", json!({ "route_table_id": "$table", "subnet_id": "$a" })),
        ("sg", "aws_security_group", json!({ "name": "web", "vpc_id": "$vpc" })),
        (
            "rule",
            "aws_vpc_security_group_ingress_rule",
            json!({ "security_group_id": "$sg", "ip_protocol": "tcp",
            "from_port": 80, "to_port": 80, "cidr_ipv4": "0.0.0.0/0" }),
        ),
        (
            "lb",
            "aws_lb",
            json!({ "name": "web", "subnets": ["$a", "$b"], "security_groups": ["$sg"],
            "enable_deletion_protection": true }),
        ),
        (
            "tg",
            "aws_lb_target_group",
            json!({ "name": "web", "vpc_id": "$vpc", "port": 8080, "protocol": "HTTP",
            "target_type": "ip" }),
        ),
        (
            "listener",
            "aws_lb_listener",
            json!({ "load_balancer_arn": "$lb", "port": 80, "protocol": "HTTP",
            "default_action": [{ "type": "forward", "target_group_arn": "$tg" }] }),
        ),
        (
            "lbrule",
            "aws_lb_listener_rule",
            json!({ "listener_arn": "$listener", "priority": 10,
            "action": [{ "type": "fixed-response", "fixed_response": [{ "content_type": "text/plain", "status_code": "404" }] }],
            "condition": [{ "path_pattern": [{ "values": ["/no"] }] }] }),
        ),
        ("cluster", "aws_ecs_cluster", json!({ "name": "main" })),
        ("role", "aws_iam_role", json!({ "name": "exec", "assume_role_policy": POLICY })),
        ("policy", "aws_iam_policy", json!({ "name": "read", "policy": POLICY })),
        ("attachment", "aws_iam_role_policy_attachment", json!({ "role": "exec", "policy_arn": "$policy" })),
        ("secret", "aws_secretsmanager_secret", json!({ "name": "db" })),
        (
            "version",
            "aws_secretsmanager_secret_version",
            json!({ "secret_id": "$secret",
            "secret_string": "{\"password\":\"hunter2\"}" }),
        ),
        ("level", "aws_ssm_parameter", json!({ "name": "/app/level", "type": "String", "value": "debug" })),
        (
            "task",
            "aws_ecs_task_definition",
            json!({ "family": "app", "network_mode": "awsvpc", "cpu": "256", "memory": "512",
            "requires_compatibilities": ["FARGATE"], "execution_role_arn": "arn:aws:iam::000000000000:role/exec",
            "container_definitions": container.to_string() }),
        ),
        (
            "service",
            "aws_ecs_service",
            json!({ "name": "app", "cluster": "$cluster", "task_definition": "$task.arn",
            "desired_count": 2, "launch_type": "FARGATE",
            "network_configuration": [{ "subnets": ["$a"], "security_groups": ["$sg"] }],
            "load_balancer": [{ "target_group_arn": "$tg", "container_name": "app", "container_port": 8080 }] }),
        ),
        (
            "target",
            "aws_appautoscaling_target",
            json!({ "service_namespace": "ecs", "resource_id": "service/main/app",
            "scalable_dimension": "ecs:service:DesiredCount", "min_capacity": 3, "max_capacity": 5 }),
        ),
        ("subnets", "aws_db_subnet_group", json!({ "name": "main", "subnet_ids": ["$a", "$b"] })),
        (
            "parameters",
            "aws_db_parameter_group",
            json!({ "name": "pg", "family": "postgres16",
            "parameter": [{ "name": "work_mem", "value": "8192" }] }),
        ),
        (
            "db",
            "aws_db_instance",
            json!({ "identifier": "pg", "engine": "postgres", "engine_version": "16",
            "instance_class": "db.t4g.micro", "allocated_storage": 20, "username": "app", "password": "hunter2",
            "db_name": "app", "db_subnet_group_name": "$subnets", "parameter_group_name": "$parameters",
            "vpc_security_group_ids": ["$sg"], "deletion_protection": true, "skip_final_snapshot": true }),
        ),
        ("key", "aws_kms_key", json!({})),
        ("alias", "aws_kms_alias", json!({ "name": "alias/app", "target_key_id": "$key" })),
        ("logs", "aws_cloudwatch_log_group", json!({ "name": "/app" })),
        ("zone", "aws_route53_zone", json!({ "name": "example.com" })),
        (
            "record",
            "aws_route53_record",
            json!({ "zone_id": "$zone", "name": "www", "type": "A", "ttl": 60,
            "records": ["192.0.2.1"] }),
        ),
    ]
}

#[tokio::test]
async fn everything_reads_as_it_was_made_and_imports_by_its_id() {
    let all = Furnished::new().await;
    for (name, stored) in &all.made {
        let now = all.machine.refreshed(stored).await.unwrap_or_else(|| panic!("{name} is gone"));
        let planned = all.machine.planned(&stored.ty, &now, &stored.config).await;
        assert_eq!(planned, now, "{name} would change");
    }
    for (ty, id) in [
        ("aws_vpc", "$vpc"),
        ("aws_route_table", "$vpc.main_route_table_id"),
        ("aws_security_group", "$vpc.default_security_group_id"),
        ("aws_ecs_cluster", "main"),
        ("aws_ecs_service", "main/app"),
        ("aws_ecs_task_definition", "$task.arn"),
        ("aws_iam_role", "exec"),
        ("aws_db_instance", "pg"),
        ("aws_appautoscaling_target", "ecs/service/main/app/ecs:service:DesiredCount"),
        ("aws_lb_listener_rule", "$lbrule"),
        ("aws_ssm_parameter", "/app/level"),
    ] {
        let id = all.filled(&json!(id));
        let found = all.machine.imported(ty, id.as_str().unwrap_or_default()).await;
        assert_eq!(found.len(), 1, "{ty} {id}");
    }
    let route = format!("{}_0.0.0.0/0", all.made["table"].id());
    assert_eq!(all.machine.imported("aws_route", &route).await.len(), 1);
    let association = format!("{}/{}", all.made["a"].id(), all.made["table"].id());
    assert_eq!(all.machine.imported("aws_route_table_association", &association).await.len(), 1);
    let record = format!("{}_www.example.com_A", all.made["zone"].id());
    assert_eq!(all.machine.imported("aws_route53_record", &record).await.len(), 1);
    assert!(all.machine.imported("aws_vpc", "vpc-0123").await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_made_is_refused() {
    let all = Furnished::new().await;
    let before = all.machine.local.kept.lock().expect("no panic").0.to_json();
    let subnet = |cidr: &str, more: Json| {
        let mut json = json!({ "vpc_id": "$vpc", "cidr_block": cidr });
        json.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        json
    };
    let listener = |port: i64, group: &str| {
        json!({ "load_balancer_arn": "$lb", "port": port, "protocol": "HTTP",
            "default_action": [{ "type": "forward", "target_group_arn": group }] })
    };
    let missing = "arn:aws:elasticloadbalancing:eu-west-1:000000000000:targetgroup/none/0123456789abcdef";
    let service = |name: &str, cluster: &str, task: &str, group: &str| {
        json!({ "name": name, "cluster": cluster, "task_definition": task, "launch_type": "FARGATE",
            "network_configuration": [{ "subnets": ["$a"] }],
            "load_balancer": [{ "target_group_arn": group, "container_name": "app", "container_port": 8080 }] })
    };
    let database = |name: &str, group: &str| {
        json!({ "identifier": name, "engine": "postgres", "instance_class": "db.t4g.micro", "allocated_storage": 20,
            "username": "app", "password": "hunter2", "db_subnet_group_name": group, "skip_final_snapshot": true })
    };
    let at_a_time = |source: &str| {
        let time = json!([{ "source_db_instance_identifier": source, "use_latest_restorable_time": true }]);
        json!({ "identifier": "restored", "instance_class": "db.t4g.micro", "restore_to_point_in_time": time })
    };
    let task = |cpu: &str, memory: &str| {
        json!({ "family": "x", "network_mode": "awsvpc", "cpu": cpu, "memory": memory,
            "requires_compatibilities": ["FARGATE"],
            "container_definitions": "[{\"name\":\"a\",\"image\":\"i\"}]" })
    };
    for (ty, json, code) in [
        (
            "aws_vpc",
            json!({ "ipv4_ipam_pool_id": "ipam-pool-1", "ipv4_netmask_length": 20 }),
            "InvalidIpamPoolId.NotFound",
        ),
        ("aws_eip", json!({ "instance": "i-1234567890abcdef0" }), "InvalidInstanceID.NotFound"),
        ("aws_eip", json!({ "network_interface": "eni-11111111" }), "InvalidNetworkInterfaceID.NotFound"),
        ("aws_db_instance", at_a_time("none"), "DBInstanceNotFound"),
        ("aws_db_instance", at_a_time("pg"), "InvalidRestoreFault"),
        ("aws_subnet", subnet("10.0.0.128/25", json!({})), "InvalidSubnet.Conflict"),
        ("aws_subnet", subnet("10.9.0.0/24", json!({})), "InvalidSubnet.Range"),
        ("aws_subnet", subnet("10.0.9.0/24", json!({ "availability_zone": "eu-west-1x" })), "InvalidParameterValue"),
        ("aws_subnet", json!({ "vpc_id": "vpc-0", "cidr_block": "10.0.9.0/24" }), "InvalidVpcID.NotFound"),
        ("aws_internet_gateway", json!({ "vpc_id": "$vpc" }), "InvalidParameterValue"),
        (
            "aws_route",
            json!({ "route_table_id": "$table", "destination_cidr_block": "0.0.0.0/0", "gateway_id": "$igw" }),
            "RouteAlreadyExists",
        ),
        (
            "aws_route",
            json!({ "route_table_id": "$table", "destination_cidr_block": "10.8.0.0/16", "gateway_id": "igw-0" }),
            "InvalidGatewayID.NotFound",
        ),
        (
            "aws_route_table_association",
            json!({ "route_table_id": "$table", "subnet_id": "$a" }),
            "Resource.AlreadyAssociated",
        ),
        (
            "aws_nat_gateway",
            json!({ "subnet_id": "$a", "allocation_id": "eipalloc-0" }),
            "InvalidAllocationID.NotFound",
        ),
        ("aws_security_group", json!({ "name": "web", "vpc_id": "$vpc" }), "InvalidGroup.Duplicate"),
        (
            "aws_vpc_security_group_ingress_rule",
            json!({ "security_group_id": "$sg", "ip_protocol": "tcp", "from_port": 80,
            "to_port": 80, "cidr_ipv4": "0.0.0.0/0" }),
            "InvalidPermission.Duplicate",
        ),
        ("aws_lb", json!({ "name": "web", "subnets": ["$a", "$b"] }), "DuplicateLoadBalancerName"),
        ("aws_lb", json!({ "name": "one", "subnets": ["$a"] }), "ValidationError"),
        (
            "aws_lb_target_group",
            json!({ "name": "web", "vpc_id": "$vpc", "port": 1, "protocol": "HTTP" }),
            "DuplicateTargetGroupName",
        ),
        ("aws_lb_listener", listener(80, "$tg"), "DuplicateListener"),
        ("aws_lb_listener", listener(81, missing), "TargetGroupNotFound"),
        (
            "aws_lb_listener_rule",
            json!({ "listener_arn": "$listener", "priority": 10,
            "action": [{ "type": "forward", "target_group_arn": "$tg" }],
            "condition": [{ "path_pattern": [{ "values": ["/x"] }] }] }),
            "PriorityInUse",
        ),
        ("aws_ecs_service", service("app", "$cluster", "$task.arn", "$tg"), "InvalidParameterException"),
        ("aws_ecs_service", service("x", "none", "$task.arn", "$tg"), "ClusterNotFoundException"),
        ("aws_ecs_service", service("x", "$cluster", "app:9", "$tg"), "ClientException"),
        ("aws_ecs_service", service("x", "$cluster", "$task.arn", missing), "InvalidParameterException"),
        ("aws_ecs_task_definition", task("256", "4096"), "ClientException"),
        ("aws_ecs_task_definition", task("256", ""), "ClientException"),
        ("aws_iam_role", json!({ "name": "exec", "assume_role_policy": POLICY }), "EntityAlreadyExists"),
        ("aws_iam_role_policy_attachment", json!({ "role": "none", "policy_arn": "$policy" }), "NoSuchEntity"),
        (
            "aws_iam_role_policy_attachment",
            json!({ "role": "exec", "policy_arn": "arn:aws:iam::000000000000:policy/x" }),
            "NoSuchEntity",
        ),
        ("aws_secretsmanager_secret", json!({ "name": "db" }), "ResourceExistsException"),
        (
            "aws_secretsmanager_secret_version",
            json!({ "secret_id": "none", "secret_string": "x" }),
            "ResourceNotFoundException",
        ),
        (
            "aws_ssm_parameter",
            json!({ "name": "/app/level", "type": "String", "value": "x" }),
            "ParameterAlreadyExists",
        ),
        ("aws_cloudwatch_log_group", json!({ "name": "/app" }), "ResourceAlreadyExistsException"),
        ("aws_db_subnet_group", json!({ "name": "one", "subnet_ids": ["$a"] }), "DBSubnetGroupDoesNotCoverEnoughAZs"),
        ("aws_db_subnet_group", json!({ "name": "main", "subnet_ids": ["$a", "$b"] }), "DBSubnetGroupAlreadyExists"),
        ("aws_db_parameter_group", json!({ "name": "pg", "family": "postgres16" }), "DBParameterGroupAlreadyExists"),
        ("aws_db_instance", database("pg", "$subnets"), "DBInstanceAlreadyExists"),
        ("aws_db_instance", database("x", "none"), "DBSubnetGroupNotFoundFault"),
        ("aws_kms_alias", json!({ "name": "alias/app", "target_key_id": "$key" }), "AlreadyExistsException"),
        ("aws_kms_alias", json!({ "name": "alias/x", "target_key_id": "none" }), "NotFoundException"),
        (
            "aws_appautoscaling_target",
            json!({ "service_namespace": "ecs", "resource_id": "service/main/none",
            "scalable_dimension": "ecs:service:DesiredCount", "min_capacity": 1, "max_capacity": 2 }),
            "ValidationException",
        ),
        (
            "aws_route53_record",
            json!({ "zone_id": "$zone", "name": "www", "type": "A", "ttl": 60, "records": ["192.0.2.2"] }),
            "InvalidChangeBatch",
        ),
    ] {
        let refused = all.machine.create(ty, &all.filled(&json)).await.err().unwrap_or_default();
        assert!(refused.contains(&format!("{code}: ")), "{ty} {json}: {refused}");
    }
    let kept = all.machine.local.kept.lock().expect("no panic");
    assert_eq!(kept.0.to_json(), before, "what is refused leaves nothing behind");
}

#[tokio::test]
async fn what_is_in_use_cannot_be_deleted() {
    let all = Furnished::new().await;
    for (name, code) in [
        ("vpc", "DependencyViolation"),
        ("a", "DependencyViolation"),
        ("sg", "DependencyViolation"),
        ("igw", "DependencyViolation"),
        ("tg", "ResourceInUse"),
        ("lb", "OperationNotPermitted"),
        ("cluster", "ClusterContainsServicesException"),
        ("role", "DeleteConflict"),
        ("policy", "DeleteConflict"),
        ("subnets", "InvalidDBSubnetGroupStateFault"),
        ("parameters", "InvalidDBParameterGroupState"),
        ("db", "InvalidParameterCombination"),
        ("zone", "HostedZoneNotEmpty"),
    ] {
        let refused = all.machine.delete(&all.made[name]).await.err().unwrap_or_default();
        assert!(refused.contains(&format!("{code}: ")), "{name}: {refused}");
    }
}
