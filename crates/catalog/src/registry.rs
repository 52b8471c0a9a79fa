//! Which types there are: name, schema, rules.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use infra_provider::plan::TypeRules;
use infra_schema::{Block, Schema, parse_schema};

use crate::types;

/// The version of the AWS provider whose types these are.
pub const PROVIDER_VERSION: &str = "5.100.0";

/// A resource type.
pub struct ResourceType {
    /// `aws_vpc`
    pub name: &'static str,
    /// What it adds to its schema.
    pub rules: &'static dyn TypeRules,
    schema: LazySchema,
}

/// A data source.
pub struct DataType {
    /// `aws_vpc`
    pub name: &'static str,
    schema: LazySchema,
}

/// A schema that is read from its JSON when it is first needed: a run uses a few of them.
struct LazySchema {
    json: &'static str,
    parsed: OnceLock<(Schema, Arc<Block>)>,
}

impl LazySchema {
    const fn new(json: &'static str) -> LazySchema {
        LazySchema { json, parsed: OnceLock::new() }
    }

    fn get(&self) -> &(Schema, Arc<Block>) {
        self.parsed.get_or_init(|| {
            // The text is part of the program, and a test parses every one of them.
            let schema = parse_schema(self.json).unwrap_or_default();
            let block = Arc::new(schema.block.clone());
            (schema, block)
        })
    }
}

impl ResourceType {
    /// Its schema.
    pub fn schema(&self) -> &Schema {
        &self.schema.get().0
    }
    /// The block of its schema, shared.
    pub fn block(&self) -> &Arc<Block> {
        &self.schema.get().1
    }
    /// Whether it has `tags` and `tags_all`.
    pub fn is_taggable(&self) -> bool {
        self.schema().block.attributes.contains_key("tags_all")
    }
}

impl DataType {
    /// Its schema.
    pub fn schema(&self) -> &Schema {
        &self.schema.get().0
    }
    /// The block of its schema, shared.
    pub fn block(&self) -> &Arc<Block> {
        &self.schema.get().1
    }
}

/// All types.
pub struct Catalog {
    /// By name.
    pub resources: BTreeMap<&'static str, ResourceType>,
    /// By name.
    pub data_sources: BTreeMap<&'static str, DataType>,
    /// Ephemeral resource types, by name.
    pub ephemerals: BTreeMap<&'static str, DataType>,
    known: (Vec<String>, Vec<String>),
}

impl Catalog {
    /// Whether the AWS provider has such a resource type (or data source), supported here or not.
    pub fn knows(&self, ty: &str, data: bool) -> bool {
        let names = if data { &self.known.1 } else { &self.known.0 };
        names.binary_search_by(|name| name.as_str().cmp(ty)).is_ok()
    }
}

macro_rules! resources {
    ($($name:ident: $rules:expr),* $(,)?) => {
        vec![$(ResourceType {
            name: stringify!($name),
            rules: &$rules,
            schema: LazySchema::new(include_str!(concat!("../schema/", stringify!($name), ".json"))),
        }),*]
    };
}

macro_rules! data_sources {
    ($folder:literal: $($name:ident),* $(,)?) => {
        vec![$(DataType {
            name: stringify!($name),
            schema: LazySchema::new(include_str!(concat!("../schema/", $folder, "/", stringify!($name), ".json"))),
        }),*]
    };
}

/// Ephemeral resource types of the AWS provider that are not supported.
pub(crate) const OTHER_EPHEMERALS: [&str; 3] =
    ["aws_cognito_identity_openid_token_for_developer_identity", "aws_eks_cluster_auth", "aws_lambda_invocation"];

/// The types that infra supports.
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let resources = resources! {
            aws_acm_certificate: types::aws_acm_certificate::Rules,
            aws_appautoscaling_policy: types::aws_appautoscaling_policy::Rules,
            aws_appautoscaling_target: types::aws_appautoscaling_target::Rules,
            aws_cloudwatch_log_group: types::aws_cloudwatch_log_group::Rules,
            aws_cloudwatch_metric_alarm: types::aws_cloudwatch_metric_alarm::Rules,
            aws_db_instance: types::aws_db_instance::Rules,
            aws_db_parameter_group: types::aws_db_parameter_group::Rules,
            aws_db_snapshot: types::aws_db_snapshot::Rules,
            aws_db_subnet_group: types::aws_db_subnet_group::Rules,
            aws_ecs_cluster: types::aws_ecs_cluster::Rules,
            aws_ecs_cluster_capacity_providers: types::aws_ecs_cluster_capacity_providers::Rules,
            aws_ecs_service: types::aws_ecs_service::Rules,
            aws_ecs_task_definition: types::aws_ecs_task_definition::Rules,
            aws_eip: types::aws_eip::Rules,
            aws_iam_policy: types::aws_iam_policy::Rules,
            aws_iam_role: types::aws_iam_role::Rules,
            aws_iam_role_policy: types::aws_iam_role_policy::Rules,
            aws_iam_role_policy_attachment: types::aws_iam_role_policy_attachment::Rules,
            aws_internet_gateway: types::aws_internet_gateway::Rules,
            aws_kms_alias: types::aws_kms_alias::Rules,
            aws_kms_key: types::aws_kms_key::Rules,
            aws_lb: types::aws_lb::Rules,
            aws_lb_listener: types::aws_lb_listener::Rules,
            aws_lb_listener_rule: types::aws_lb_listener_rule::Rules,
            aws_lb_target_group: types::aws_lb_target_group::Rules,
            aws_lb_target_group_attachment: types::aws_lb_target_group_attachment::Rules,
            aws_nat_gateway: types::aws_nat_gateway::Rules,
            aws_route: types::aws_route::Rules,
            aws_route53_record: types::aws_route53_record::Rules,
            aws_route53_zone: types::aws_route53_zone::Rules,
            aws_route_table: types::aws_route_table::Rules,
            aws_route_table_association: types::aws_route_table_association::Rules,
            aws_secretsmanager_secret: types::aws_secretsmanager_secret::Rules,
            aws_secretsmanager_secret_version: types::aws_secretsmanager_secret_version::Rules,
            aws_security_group: types::aws_security_group::Rules,
            aws_security_group_rule: types::aws_security_group_rule::Rules,
            aws_sns_topic: types::aws_sns_topic::Rules,
            aws_ssm_parameter: types::aws_ssm_parameter::Rules,
            aws_subnet: types::aws_subnet::Rules,
            aws_vpc: types::aws_vpc::Rules,
            aws_vpc_security_group_egress_rule: types::aws_vpc_security_group_egress_rule::Rules,
            aws_vpc_security_group_ingress_rule: types::aws_vpc_security_group_ingress_rule::Rules,
        };
        let ephemerals = data_sources! {
            "ephemeral":
            aws_kms_secrets,
            aws_secretsmanager_random_password,
            aws_secretsmanager_secret_version,
            aws_ssm_parameter,
        };
        let data_sources = data_sources! {
            "data":
            aws_availability_zones,
            aws_caller_identity,
            aws_iam_policy_document,
            aws_partition,
            aws_region,
            aws_secretsmanager_secret_version,
            aws_ssm_parameter,
            aws_subnets,
            aws_vpc,
        };
        Catalog {
            resources: resources.into_iter().map(|t| (t.name, t)).collect(),
            data_sources: data_sources.into_iter().map(|t| (t.name, t)).collect(),
            ephemerals: ephemerals.into_iter().map(|t| (t.name, t)).collect(),
            known: known_names(),
        }
    });
    &CATALOG
}

/// The names of all types that the AWS provider has and we know of: resource types, data sources; sorted.
fn known_names() -> (Vec<String>, Vec<String>) {
    let json: serde_json::Value = serde_json::from_str(include_str!("../schema/known.json")).unwrap_or_default();
    let names = |key: &str| {
        let names = json[key].as_array().into_iter().flatten();
        names.filter_map(|n| n.as_str().map(str::to_string)).collect()
    };
    (names("resources"), names("data_sources"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_parses() {
        for ty in catalog().resources.values() {
            assert!(parse_schema(ty.schema.json).is_ok(), "{}", ty.name);
        }
        for ty in catalog().data_sources.values() {
            assert!(parse_schema(ty.schema.json).is_ok(), "data.{}", ty.name);
        }
        for ty in catalog().ephemerals.values() {
            assert!(parse_schema(ty.schema.json).is_ok(), "ephemeral.{}", ty.name);
        }
    }
}
