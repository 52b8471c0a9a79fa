//! A security group rule with one source and an id of its own: `aws_vpc_security_group_ingress_rule` and
//! `aws_vpc_security_group_egress_rule`, which differ in their direction only.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType as Kind, SecurityGroupRule, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};
use infra_catalog::network::protocol;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ec2;
use crate::ec2::permissions::Direction;
use crate::error::{Doing, ignoring};
use crate::resource::ResourceType;

/// Rules of one direction.
pub(crate) struct SingleRule(pub Direction);

/// What tells a rule from the others of its group.
const WHAT_IT_ALLOWS: &[&str] = &[
    "ip_protocol",
    "from_port",
    "to_port",
    "cidr_ipv4",
    "cidr_ipv6",
    "prefix_list_id",
    "referenced_security_group_id",
];

const GONE: &[&str] = &["InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound"];

#[async_trait]
impl ResourceType for SingleRule {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        // By group, which other types ask for too; by id where the group is not known (import).
        let groups = objects.iter().map(|o| o.str("security_group_id").to_string());
        let strays = objects.iter().filter(|o| o.str("security_group_id").is_empty()).map(|o| o.id().to_string());
        let strays: Vec<String> = strays.collect();
        let (by_group, by_id) = tokio::join!(ec2::rules(aws, groups), ec2::rules_by_id(aws.ec2().clone(), strays));
        let one = |mut object: Object| {
            let found = match object.str("security_group_id") {
                "" => by_id.get(object.id())?,
                group => {
                    let rules = by_group.get(group)?.map(Vec::as_slice).unwrap_or_default();
                    rules.iter().find(|r| r.security_group_rule_id() == Some(object.id()))
                }
            };
            let egress = self.0 == Direction::Egress;
            let found = found.filter(|rule| rule.is_egress().unwrap_or(false) == egress);
            Ok(found.map(|rule| {
                fill(aws, &mut object, rule);
                object
            }))
        };
        objects.into_iter().map(one).collect()
    }

    /// The answer to a create tells all that there is to know, and what is planned is exact.
    fn reads_back(&self) -> bool {
        false
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let group = object.str("security_group_id").to_string();
        let tags = ec2::tag_specification(Kind::SecurityGroupRule, &cx.tags);
        let permission = permission(object);
        let made = match self.0 {
            Direction::Ingress => {
                let call = aws.ec2().authorize_security_group_ingress().group_id(&group).ip_permissions(permission);
                let answer = call.set_tag_specifications(tags).send().await;
                answer.doing("creating VPC Security Group Ingress Rule")?.security_group_rules
            }
            Direction::Egress => {
                let call = aws.ec2().authorize_security_group_egress().group_id(&group).ip_permissions(permission);
                let answer = call.set_tag_specifications(tags).send().await;
                answer.doing("creating VPC Security Group Egress Rule")?.security_group_rules
            }
        };
        let id = made.unwrap_or_default().into_iter().find_map(|rule| rule.security_group_rule_id);
        identify(aws, object, id.as_deref().unwrap_or_default());
        object.set("tags_all", cx.tags.clone());
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let group = planned.str("security_group_id").to_string();
        let found = ec2::rules(aws, [group.clone()]).await;
        let all = found.get(&group)?.map(Vec::as_slice).unwrap_or_default();
        // A group has a permission once.
        let same = all.iter().filter(|rule| {
            let mut read = planned.clone();
            fill(aws, &mut read, rule);
            let direction = if rule.is_egress() == Some(true) { Direction::Egress } else { Direction::Ingress };
            self.0 == direction
                && WHAT_IT_ALLOWS.iter().all(|name| !crate::resource::differ(read.raw(name), planned.raw(name)))
        });
        Ok(Some(ec2::identified(planned, same.filter_map(SecurityGroupRule::security_group_rule_id))))
    }

    async fn update(
        &self,
        aws: &Aws,
        _prior: &Object,
        object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        let id = object.id();
        let rule = SecurityGroupRuleRequest::builder()
            .set_cidr_ipv4(object.opt_str("cidr_ipv4"))
            .set_cidr_ipv6(object.opt_str("cidr_ipv6"))
            .set_description(description(object))
            .set_from_port(port(object, "from_port"))
            .ip_protocol(object.str("ip_protocol"))
            .set_prefix_list_id(object.opt_str("prefix_list_id"))
            .set_referenced_group_id(object.opt_str("referenced_security_group_id"))
            .set_to_port(port(object, "to_port"))
            .build();
        let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(id).security_group_rule(rule).build();
        let call = aws.ec2().modify_security_group_rules().group_id(object.str("security_group_id"));
        let answer = call.security_group_rules(update).send().await;
        answer.doing(format!("updating VPC Security Group Rule ({id})")).map(drop)
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        ec2::tag(aws, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, group) = (object.id(), object.str("security_group_id"));
        let doing = format!("deleting VPC Security Group Rule ({id})");
        let answer = match self.0 {
            Direction::Ingress => {
                let call = aws.ec2().revoke_security_group_ingress().group_id(group).security_group_rule_ids(id);
                call.send().await.doing(doing).map(drop)
            }
            Direction::Egress => {
                let call = aws.ec2().revoke_security_group_egress().group_id(group).security_group_rule_ids(id);
                call.send().await.doing(doing).map(drop)
            }
        };
        ignoring(answer, GONE)
    }
}

fn identify(aws: &Aws, object: &mut Object, id: &str) {
    object.set("id", id);
    object.set("security_group_rule_id", id);
    object.set("arn", aws.arn("ec2", &format!("security-group-rule/{id}")));
}

/// A port; 0 is one.
fn port(object: &Object, name: &str) -> Option<i32> {
    object.raw(name).as_i64().and_then(|port| i32::try_from(port).ok())
}

/// An empty one is one.
fn description(object: &Object) -> Option<String> {
    object.raw("description").as_str().map(str::to_string)
}

/// The protocol is sent as it is written.
fn permission(object: &Object) -> IpPermission {
    let description = description(object);
    let permission = IpPermission::builder()
        .ip_protocol(object.str("ip_protocol"))
        .set_from_port(port(object, "from_port"))
        .set_to_port(port(object, "to_port"));
    let text = |name: &str| object.opt_str(name);
    if let Some(cidr) = text("cidr_ipv4") {
        let range = IpRange::builder().cidr_ip(cidr).set_description(description);
        permission.ip_ranges(range.build()).build()
    } else if let Some(cidr) = text("cidr_ipv6") {
        let range = Ipv6Range::builder().cidr_ipv6(cidr).set_description(description);
        permission.ipv6_ranges(range.build()).build()
    } else if let Some(list) = text("prefix_list_id") {
        let list = PrefixListId::builder().prefix_list_id(list).set_description(description);
        permission.prefix_list_ids(list.build()).build()
    } else {
        let name = object.str("referenced_security_group_id");
        let (user, id) = match name.split_once('/') {
            Some((user, id)) => (Some(user.to_string()), id),
            None => (None, name),
        };
        let pair = UserIdGroupPair::builder().group_id(id).set_user_id(user).set_description(description);
        permission.user_id_group_pairs(pair.build()).build()
    }
}

/// Null stays null here: `set` with nothing would give `""`.
fn fill(aws: &Aws, object: &mut Object, rule: &SecurityGroupRule) {
    identify(aws, object, rule.security_group_rule_id().unwrap_or_default());
    object.set("security_group_id", rule.group_id());
    for (name, told) in
        [("cidr_ipv4", rule.cidr_ipv4()), ("cidr_ipv6", rule.cidr_ipv6()), ("prefix_list_id", rule.prefix_list_id())]
    {
        match told {
            Some(text) if !text.is_empty() => object.set(name, text),
            _ => object.unset(name),
        }
    }
    match rule.description() {
        Some(text) => object.set("description", text),
        None => object.unset("description"),
    }
    match rule.referenced_group_info() {
        Some(group) if group.group_id().is_some_and(|id| !id.is_empty()) => {
            let id = group.group_id().unwrap_or_default();
            let name = match group.user_id() {
                Some(user) if !user.is_empty() && user != aws.meta().account => format!("{user}/{id}"),
                _ => id.to_string(),
            };
            object.set("referenced_security_group_id", name);
        }
        _ => object.unset("referenced_security_group_id"),
    }
    let told = rule.ip_protocol().unwrap_or_default();
    if protocol(told) != protocol(object.str("ip_protocol")) {
        object.set("ip_protocol", told);
    }
    for (name, told) in [("from_port", rule.from_port()), ("to_port", rule.to_port())] {
        match told {
            Some(-1) | None if object.raw(name).is_null() => {}
            Some(port) => object.set(name, port),
            None => object.unset(name),
        }
    }
    object.set("tags_all", ec2::tags(rule.tags()));
}
