//! `aws_security_group` on the EC2 API.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType as Kind, SecurityGroup, SecurityGroupRule};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::ec2::permissions::{self, Atom, Direction, GROUP_GONE, Source, Traffic};
use crate::ec2::{self, filter, interfaces};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{PROPAGATION, Seen, Wait, retry_on};
use crate::{Aws, ids};

pub(crate) struct Api;

const IN_USE: &[&str] = &["DependencyViolation", "InvalidGroup.InUse"];
const DIRECTIONS: [(&str, Direction); 2] = [("ingress", Direction::Ingress), ("egress", Direction::Egress)];

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = ec2::groups(aws, objects.iter().map(|o| o.id().to_string())).await;
        found.fill(objects, Object::id, |object, group| fill(aws, object, group))
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let call = aws
            .ec2()
            .create_security_group()
            .group_name(&name)
            .description(object.str("description"))
            .set_vpc_id(object.opt_str("vpc_id"))
            .set_tag_specifications(ec2::tag_specification(Kind::SecurityGroup, &cx.tags));
        let answer = call.send().await.doing(format!("creating Security Group ({name})"))?;
        let id = answer.group_id.unwrap_or_default();
        object.set("id", &id);
        (cx.checkpoint)(object);
        let group = Wait::new(format!("waiting for Security Group ({id}) create"), cx.timeouts.of("create"))
            .tolerate(1000)
            .until(|| async { Ok(one(aws, &id).await?.map_or(Seen::Missing, Seen::Target)) })
            .await?;
        // What AWS allows by itself goes: a group allows what its configuration says.
        if group.vpc_id().is_some_and(|vpc| !vpc.is_empty()) {
            fresh(|| revoke_all_egress(aws, &id)).await?;
        }
        for (name, direction) in DIRECTIONS {
            let wanted = atoms(object, name)?;
            if !wanted.is_empty() {
                let wanted = permissions::permissions(&id, &wanted);
                fresh(|| permissions::authorize(aws, &id, direction, wanted.clone())).await?;
            }
        }
        Ok(())
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let name = ids::name(planned.str("name"), planned.str("name_prefix"), &trace.token);
        let mut filters = vec![ec2::filter("group-name", [&name])];
        filters.extend(planned.opt_str("vpc_id").map(|vpc| ec2::filter("vpc-id", [vpc])));
        let pages = aws.ec2().describe_security_groups().set_filters(Some(filters)).into_paginator().items();
        let all: Result<Vec<SecurityGroup>, _> = pages.send().collect().await;
        let all = all.doing("looking for Security Groups")?;
        let mut made = planned.clone();
        made.set("name", &name);
        Ok(Some(ec2::identified(&made, all.iter().filter_map(SecurityGroup::group_id))))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id().to_string();
        for (name, direction) in DIRECTIONS {
            if !changed(prior, object, &[name]) {
                continue;
            }
            let (old, new) = (atoms(prior, name)?, atoms(object, name)?);
            let removed: Vec<&Atom> = old.difference(&new).collect();
            let added: Vec<&Atom> = new.difference(&old).collect();
            if !removed.is_empty() {
                permissions::revoke(aws, &id, direction, permissions::permissions(&id, removed)).await?;
            }
            if !added.is_empty() {
                permissions::authorize(aws, &id, direction, permissions::permissions(&id, added)).await?;
            }
        }
        Ok(())
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

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, limit) = (object.id(), cx.timeouts.of("delete"));
        interfaces::remove_lingering(aws, "group-id", id, limit).await?;
        let revoke = object.bool("revoke_rules_on_delete");
        if revoke {
            revoke_rules(aws, id, false).await?;
        }
        let doing = format!("deleting Security Group ({id})");
        let call = || async { aws.ec2().delete_security_group().group_id(id).send().await.doing(&doing) };
        let minute = Duration::from_secs(60);
        let first = if revoke { minute } else { limit };
        match retry_on(first, IN_USE, call).await {
            Err(failure) if revoke && failure.is(IN_USE) => {
                revoke_rules(aws, id, true).await?;
                let rest = limit.checked_sub(minute).unwrap_or(Duration::from_secs(30));
                ignoring(retry_on(rest, IN_USE, call).await, GROUP_GONE)?;
            }
            answer => ignoring(answer, GROUP_GONE)?,
        }
        Wait::new(format!("waiting for Security Group ({id}) delete"), PROPAGATION)
            .until_gone(|| async {
                Ok(one(aws, id).await?.map_or(Seen::<()>::Missing, |_| Seen::Pending("there".into())))
            })
            .await
    }
}

/// A call about a group that was just seen, and may not be seen everywhere yet.
async fn fresh<T, F: Future<Output = Result<T, Failure>>>(call: impl FnMut() -> F) -> Result<T, Failure> {
    retry_on(Duration::from_secs(60), GROUP_GONE, call).await
}

fn atoms(object: &Object, name: &str) -> Result<BTreeSet<Atom>, Failure> {
    permissions::atoms(&object.parts(name))
        .map_err(|message| Failure::new(format!("updating Security Group ({}) {name} rules", object.id()), message))
}

fn fill(aws: &Aws, object: &mut Object, group: &SecurityGroup) {
    let (id, owner) = (group.group_id().unwrap_or_default(), group.owner_id().unwrap_or_default());
    let name = group.group_name().unwrap_or_default();
    object.set("arn", aws.arn_of("ec2", owner, &format!("security-group/{id}")));
    object.set("owner_id", owner);
    object.set("description", group.description());
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
    object.set("vpc_id", group.vpc_id());
    let ingress = permissions::blocks(owner, id, group.ip_permissions(), &object.parts("ingress"));
    let egress = permissions::blocks(owner, id, group.ip_permissions_egress(), &object.parts("egress"));
    object.set("ingress", ingress);
    object.set("egress", egress);
    object.set("tags_all", ec2::tags(group.tags()));
}

async fn one(aws: &Aws, id: &str) -> Result<Option<SecurityGroup>, Failure> {
    let call = aws.ec2().describe_security_groups().group_ids(id);
    match call.send().await.doing(format!("reading Security Group ({id})")) {
        Ok(answer) => Ok(answer.security_groups.unwrap_or_default().into_iter().find(|g| g.group_id() == Some(id))),
        Err(failure) if failure.is(GROUP_GONE) => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn revoke_all_egress(aws: &Aws, id: &str) -> Result<(), Failure> {
    let all = Traffic { protocol: "-1".into(), from: 0, to: 0, description: String::new() };
    let v4 = permissions::permission(id, &all, &[Source::V4("0.0.0.0/0".into())]);
    permissions::revoke(aws, id, Direction::Egress, vec![v4]).await?;
    let v6 = permissions::permission(id, &all, &[Source::V6("::/0".into())]);
    match permissions::revoke(aws, id, Direction::Egress, vec![v6]).await {
        // A VPC without IPv6.
        Err(failure) if failure.is(&["InvalidParameterValue"]) && failure.message.contains("remote-ipv6-range") => {
            Ok(())
        }
        answer => answer,
    }
}

/// Takes back the rules of a group, and those of other groups that point to it: of the groups that it mentions, or of
/// `all` groups.
async fn revoke_rules(aws: &Aws, id: &str, all: bool) -> Result<(), Failure> {
    let doing = "reading EC2 Security Group Rules";
    let read = async |groups: Option<Vec<String>>| {
        let mut call = aws.ec2().describe_security_group_rules();
        if let Some(groups) = groups {
            call = call.filters(filter("group-id", groups));
        }
        let found: Result<Vec<SecurityGroupRule>, _> =
            call.into_paginator().page_size(1000).items().send().collect().await;
        found.doing(doing)
    };
    let touches = |rule: &SecurityGroupRule| {
        let other = rule.referenced_group_info().and_then(|r| r.group_id());
        rule.group_id() == Some(id) || other == Some(id)
    };
    let rules = if all {
        read(None).await?
    } else {
        let mut own = read(Some(vec![id.to_string()])).await?;
        let mentioned = own.iter().filter_map(|r| r.referenced_group_info().and_then(|g| g.group_id.clone()));
        let mentioned: BTreeSet<String> = mentioned.filter(|g| g != id).collect();
        if !mentioned.is_empty() {
            own.extend(read(Some(mentioned.into_iter().collect())).await?);
        }
        own
    };
    for rule in rules.iter().filter(|r| touches(r)) {
        let (group, rule_id) = (rule.group_id().unwrap_or_default(), rule.security_group_rule_id().unwrap_or_default());
        let doing = format!("revoking Security Group ({group}) Rule ({rule_id})");
        let answer = if rule.is_egress() == Some(true) {
            let call = aws.ec2().revoke_security_group_egress().group_id(group).security_group_rule_ids(rule_id);
            call.send().await.doing(doing).map(drop)
        } else {
            let call = aws.ec2().revoke_security_group_ingress().group_id(group).security_group_rule_ids(rule_id);
            call.send().await.doing(doing).map(drop)
        };
        ignoring(answer, &["InvalidSecurityGroupRuleId.NotFound", "InvalidGroup.NotFound"])?;
    }
    Ok(())
}
