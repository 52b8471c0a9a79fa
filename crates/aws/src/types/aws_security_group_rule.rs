//! `aws_security_group_rule` on the EC2 API.

use async_trait::async_trait;
use aws_sdk_ec2::types::{IpPermission, SecurityGroup, SecurityGroupRule, UserIdGroupPair};
use infra_catalog::network::{canonical_v6, protocol};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::ec2::permissions::{self, Direction, GROUP_GONE, Source, Traffic, pair_name};
use crate::error::Doing;
use crate::resource::ResourceType;
use crate::wait::{Seen, Wait};
use crate::{Aws, ec2};

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let groups: Vec<String> = objects.iter().map(|o| o.str("security_group_id").to_string()).collect();
        let (found, rules) = tokio::join!(ec2::groups(aws, groups.clone()), ec2::rules(aws, groups));
        let one = |mut object: Object| {
            let id = object.str("security_group_id").to_string();
            let Some(group) = found.get(&id)? else { return Ok(None) };
            let Some(matched) = find(group, &object) else { return Ok(None) };
            let rules = rules.get(&id)?.map(Vec::as_slice).unwrap_or_default();
            fill(&mut object, &matched, rules, group.owner_id().unwrap_or_default());
            Ok(Some(object))
        };
        objects.into_iter().map(one).collect()
    }

    /// A rule that was just made has its ports as configured, also where the protocol makes nothing of them.
    async fn read_new(&self, aws: &Aws, object: Object) -> Result<Option<Object>, Failure> {
        let ports = ["from_port", "to_port"].map(|name| (name, object.raw(name).clone()));
        let mut read = self.read(aws, vec![object]).await.pop().unwrap_or(Ok(None))?;
        if let Some(read) = &mut read {
            ports.into_iter().for_each(|(name, port)| read.set(name, port));
        }
        Ok(read)
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let group = object.str("security_group_id").to_string();
        let _one_at_a_time = aws.lock(&group).await;
        let doing = format!("authorizing Security Group ({group}) Rule");
        let permission = permission(object);
        match permissions::authorize(aws, &group, direction(object), vec![permission]).await {
            Ok(made) => {
                // One id stands for the resource only if it made one rule.
                object.set("security_group_rule_id", if let [only] = &made[..] { only.as_str() } else { "" });
            }
            Err(failure) if failure.is(&["InvalidPermission.Duplicate"]) => {
                let message = format!(
                    "{}. The same rule is made by another resource, by ingress or egress of the group itself, or by \
                     hand; there can be only one",
                    failure.message
                );
                return Err(Failure { message, ..failure });
            }
            Err(failure) => return Err(failure),
        }
        let wait = Wait::new(format!("waiting for {doing} to be seen"), cx.timeouts.of("create")).tolerate(1000);
        object.set("id", id(object));
        (cx.checkpoint)(object);
        wait.until(|| async {
            let found = one(aws, &group).await?;
            Ok(found.and_then(|group| find(&group, object)).map_or(Seen::Missing, |_| Seen::Target(())))
        })
        .await
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", id(planned));
        Ok(Some(vec![made]))
    }

    /// Only the description can change.
    async fn update(
        &self,
        aws: &Aws,
        _prior: &Object,
        object: &mut Object,
        _cx: &OpContext<'_>,
    ) -> Result<(), Failure> {
        let group = object.str("security_group_id").to_string();
        let _one_at_a_time = aws.lock(&group).await;
        let doing = format!("updating Security Group ({group}) Rule ({}) description", object.id());
        let permission = permission(object);
        match direction(object) {
            Direction::Ingress => {
                let call = aws.ec2().update_security_group_rule_descriptions_ingress().group_id(&group);
                call.ip_permissions(permission).send().await.doing(doing).map(drop)
            }
            Direction::Egress => {
                let call = aws.ec2().update_security_group_rule_descriptions_egress().group_id(&group);
                call.ip_permissions(permission).send().await.doing(doing).map(drop)
            }
        }
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let group = object.str("security_group_id");
        let _one_at_a_time = aws.lock(group).await;
        match permissions::revoke(aws, group, direction(object), vec![permission(object)]).await {
            // The rule went with its group.
            Err(failure) if failure.is(GROUP_GONE) => Ok(()),
            answer => answer,
        }
    }
}

fn direction(object: &Object) -> Direction {
    if object.str("type") == "egress" { Direction::Egress } else { Direction::Ingress }
}

fn traffic(object: &Object) -> Traffic {
    Traffic {
        protocol: protocol(object.str("protocol")),
        from: object.int("from_port"),
        to: object.int("to_port"),
        description: object.str("description").to_string(),
    }
}

/// In the order of the configuration.
fn sources(object: &Object) -> Vec<Source> {
    let v4 = object.strings("cidr_blocks").into_iter().map(Source::V4);
    let v6 = object.strings("ipv6_cidr_blocks").into_iter().map(Source::V6);
    let lists = object.strings("prefix_list_ids").into_iter().map(Source::PrefixList);
    let group = object.opt_str("source_security_group_id").map(Source::Group);
    let own = object.bool("self").then_some(Source::Own);
    v4.chain(v6).chain(lists).chain(group).chain(own).collect()
}

fn permission(object: &Object) -> IpPermission {
    permissions::permission(object.str("security_group_id"), &traffic(object), &sources(object))
}

/// Made from what the rule says, so that it can be told without asking.
fn id(object: &Object) -> String {
    let traffic = traffic(object);
    let group = object.str("security_group_id");
    let mut text = format!("{group}-");
    if traffic.protocol != "-1" {
        for port in [traffic.from, traffic.to].into_iter().filter(|port| *port > 0) {
            text += &format!("{port}-");
        }
    }
    text += &format!("{}-{}-", traffic.protocol, object.str("type"));
    for name in ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"] {
        let mut sources = object.strings(name);
        sources.sort();
        sources.iter().for_each(|source| text += &format!("{source}-"));
    }
    let mut groups: Vec<String> = Vec::new();
    groups.extend(object.opt_str("source_security_group_id"));
    groups.extend(object.bool("self").then(|| group.to_string()));
    let mut groups: Vec<&str> = groups.iter().map(|g| g.rsplit('/').next().unwrap_or(g)).collect();
    groups.sort_unstable();
    groups.iter().for_each(|group| text += &format!("{group}--"));
    format!("sgrule-{}", crc32fast::hash(text.as_bytes()))
}

/// What of a permission belongs to a rule.
struct Matched {
    from: i64,
    to: i64,
    description: String,
}

/// The permission that has all of a rule's sources; others may be in it too.
fn find(group: &SecurityGroup, object: &Object) -> Option<Matched> {
    let wanted = traffic(object);
    let (owner, id) = (group.owner_id().unwrap_or_default(), object.str("security_group_id"));
    let all = match direction(object) {
        Direction::Ingress => group.ip_permissions(),
        Direction::Egress => group.ip_permissions_egress(),
    };
    let any_port = wanted.protocol == "-1";
    let same_port = |told: Option<i32>, wanted: i64| any_port || told.is_none_or(|port| i64::from(port) == wanted);
    all.iter().find_map(|permission| {
        let same = protocol(permission.ip_protocol().unwrap_or_default()) == wanted.protocol
            && same_port(permission.from_port(), wanted.from)
            && same_port(permission.to_port(), wanted.to);
        if !same {
            return None;
        }
        let mut description = String::new();
        for source in sources(object) {
            let told = match source {
                Source::V4(cidr) => {
                    let found = permission.ip_ranges().iter().find(|r| r.cidr_ip() == Some(&cidr))?;
                    found.description()
                }
                Source::V6(cidr) => {
                    let same = |told: Option<&str>| told.is_some_and(|t| canonical_v6(t) == canonical_v6(&cidr));
                    permission.ipv6_ranges().iter().find(|r| same(r.cidr_ipv6()))?.description()
                }
                Source::PrefixList(list) => {
                    let found = permission.prefix_list_ids().iter().find(|l| l.prefix_list_id() == Some(&list))?;
                    found.description()
                }
                Source::Group(name) => {
                    let name = name.strip_prefix(&format!("{owner}/")).unwrap_or(&name);
                    // Whose it is need not be written.
                    let same = |p: &&UserIdGroupPair| pair_name(owner, p) == name || p.group_id() == Some(name);
                    permission.user_id_group_pairs().iter().find(same)?.description()
                }
                Source::Own => {
                    let found = permission.user_id_group_pairs().iter().find(|p| p.group_id() == Some(id))?;
                    found.description()
                }
            };
            if description.is_empty() {
                description = told.unwrap_or_default().to_string();
            }
        }
        // With "all protocols" ports mean nothing, and are told as 0 or -1 or not at all.
        let port = |port: Option<i32>| if any_port { 0 } else { port.map_or(0, i64::from) };
        Some(Matched { from: port(permission.from_port()), to: port(permission.to_port()), description })
    })
}

fn fill(object: &mut Object, matched: &Matched, rules: &[SecurityGroupRule], owner: &str) {
    object.set("protocol", protocol(object.str("protocol")));
    object.set("from_port", matched.from);
    object.set("to_port", matched.to);
    // One that is gone is not noticed.
    if !matched.description.is_empty() {
        object.set("description", &matched.description);
    }
    object.set("self", object.bool("self"));
    if !object.id().starts_with("sgrule-") {
        object.set("id", id(object));
    }
    object.set("security_group_rule_id", rule_id(object, rules, owner));
}

/// The id of the one rule that the resource is, if it is one.
fn rule_id(object: &Object, rules: &[SecurityGroupRule], owner: &str) -> Option<String> {
    let sources = sources(object);
    let [source] = &sources[..] else { return None };
    let wanted = traffic(object);
    let group = object.str("security_group_id");
    let any_port = wanted.protocol == "-1";
    let port = |told: Option<i32>, wanted: i64| any_port || told.is_none_or(|port| i64::from(port) == wanted);
    let found = rules.iter().find(|rule| {
        let referenced = rule.referenced_group_info();
        let same_source = match source {
            Source::V4(cidr) => rule.cidr_ipv4() == Some(cidr),
            Source::V6(cidr) => rule.cidr_ipv6().is_some_and(|told| canonical_v6(told) == canonical_v6(cidr)),
            Source::PrefixList(list) => rule.prefix_list_id() == Some(list),
            Source::Group(name) => {
                let id = name.rsplit('/').next().unwrap_or(name);
                let user = name.split_once('/').map(|(user, _)| user).filter(|user| *user != owner);
                referenced.is_some_and(|r| r.group_id() == Some(id) && (user.is_none() || r.user_id() == user))
            }
            Source::Own => referenced.is_some_and(|r| r.group_id() == Some(group)),
        };
        let egress = direction(object) == Direction::Egress;
        same_source
            && rule.is_egress().unwrap_or(false) == egress
            && protocol(rule.ip_protocol().unwrap_or_default()) == wanted.protocol
            && port(rule.from_port(), wanted.from)
            && port(rule.to_port(), wanted.to)
    });
    found.and_then(|rule| rule.security_group_rule_id.clone())
}

async fn one(aws: &Aws, id: &str) -> Result<Option<SecurityGroup>, Failure> {
    let found = ec2::groups(aws, [id.to_string()]).await;
    Ok(found.get(id)?.cloned())
}

#[cfg(test)]
mod tests {
    use infra_catalog::catalog;
    use infra_value::Value;

    use super::*;

    fn rule() -> Object {
        let block = catalog().resources["aws_security_group_rule"].block().clone();
        Object::new(block, &Value::null(infra_value::Type::Dynamic))
    }

    #[test]
    fn a_group_of_another_account_is_found_also_without_the_account() {
        let pair = UserIdGroupPair::builder().group_id("sg-2").user_id("222222222222").build();
        let permission = IpPermission::builder().ip_protocol("tcp").from_port(80).to_port(80).user_id_group_pairs(pair);
        let group = SecurityGroup::builder().group_id("sg-1").owner_id("111111111111");
        let group = group.ip_permissions(permission.build()).build();
        let found = |source: &str| {
            let mut object = rule();
            object.set("security_group_id", "sg-1");
            object.set("protocol", "tcp");
            object.set("from_port", 80);
            object.set("to_port", 80);
            object.set("type", "ingress");
            object.set("source_security_group_id", source);
            find(&group, &object).is_some()
        };
        assert!(found("sg-2") && found("222222222222/sg-2"));
        assert!(!found("333333333333/sg-2") && !found("sg-3"));
    }

    #[test]
    fn an_id_is_the_hash_of_what_the_rule_says() {
        let mut object = rule();
        object.set("security_group_id", "sg-2357edaf128e9b3d2");
        object.set("from_port", 443);
        object.set("to_port", 443);
        object.set("protocol", "6");
        object.set("type", "ingress");
        object.set("cidr_blocks", vec!["10.0.0.0/8"]);
        assert_eq!(id(&object), "sgrule-2907313034");
        object.unset("cidr_blocks");
        object.set("type", "egress");
        object.set("source_security_group_id", "sg-0646f584acce1c23b");
        assert_eq!(id(&object), "sgrule-2619897458");
    }
}
