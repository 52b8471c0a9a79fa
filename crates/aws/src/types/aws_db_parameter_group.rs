//! `aws_db_parameter_group`: settings of database engines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_rds::Client;
use aws_sdk_rds::types::{ApplyMethod, DbInstance, DbParameterGroup, Parameter};
use futures::stream::{self, StreamExt};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::Aws;
use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::ResourceType;
use crate::tagging::{self, Unchanged};
use crate::wait::retry_on;
use crate::{ids, rds};

pub(crate) struct Api;

const GONE: &[&str] = &["DBParameterGroupNotFound", "DBParameterGroupNotFoundFault"];
const IN_USE: &[&str] = &["InvalidDBParameterGroupState", "InvalidDBParameterGroupStateFault"];
const DELETE: Duration = Duration::from_secs(3 * 60);
const AT_ONCE: usize = 8;
/// How many parameters a call may change.
const CHUNK: usize = 20;

/// Parameters that have to be changed by one call, because AWS checks them against each other.
const TOGETHER: [&[&str]; 6] = [
    &["collation_server", "character_set_server"],
    &["gtid-mode", "enforce_gtid_consistency"],
    &["password_encryption", "rds.accepted_password_auth_method"],
    &["ssl_max_protocol_version", "ssl_min_protocol_version"],
    &["rds.change_data_capture_streaming", "binlog_format"],
    &["aurora_enhanced_binlog", "binlog_backup", "binlog_replication_globaldb"],
];

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let (instances, unchanged) =
            &tokio::join!(rds::instances(aws, Vec::new()), tagging::unchanged(aws, &objects));
        let is_used = |object: &Object| instances.values().any(|instance| uses(instance, object));
        let others = objects.iter().filter(|object| !is_used(object)).map(|object| object.id().to_string());
        let found = &in_chunks(others, usize::MAX, |names| describe(aws.rds(), names)).await;
        let reads = objects.into_iter().map(|mut object| async move {
            match found.get(object.id())? {
                Some(group) => fill(&mut object, group),
                None if is_used(&object) => {}
                None => return Ok(None),
            }
            match read_one(aws, object, unchanged).await {
                Err(failure) if failure.is(GONE) => Ok(None),
                read => read.map(Some),
            }
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = ids::name(object.str("name"), object.str("name_prefix"), &cx.token);
        let call = aws
            .rds()
            .create_db_parameter_group()
            .db_parameter_group_name(&name)
            .db_parameter_group_family(object.str("family"))
            .description(object.str("description"))
            .set_tags(rds::sdk_tags(&cx.tags));
        let answer = call.send().await.doing(format!("creating RDS DB Parameter Group ({name})"))?;
        let group = answer.db_parameter_group();
        object.set("id", group.and_then(DbParameterGroup::db_parameter_group_name).unwrap_or(&name));
        object.set("arn", group.and_then(DbParameterGroup::db_parameter_group_arn));
        object.set("name", name);
        (cx.checkpoint)(object);
        change(aws, object.id(), &[], &settings(object)).await
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = ids::name(planned.str("name"), planned.str("name_prefix"), &trace.token);
        made.set("id", &name);
        made.set("name", name);
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        change(aws, object.id(), &settings(prior), &settings(object)).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        rds::tag(aws, object.str("arn"), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        if object.bool("skip_destroy") {
            return Ok(());
        }
        let name = object.id();
        let doing = format!("deleting RDS DB Parameter Group ({name})");
        let call =
            || async { aws.rds().delete_db_parameter_group().db_parameter_group_name(name).send().await.doing(&doing) };
        ignoring(retry_on(DELETE, IN_USE, call).await, GONE)
    }
}

/// One parameter, in the spelling that AWS keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Setting {
    name: String,
    value: String,
    method: String,
}

fn settings(object: &Object) -> Vec<Setting> {
    let setting = |part: Part<'_>| Setting {
        name: part.str("name").to_lowercase(),
        value: part.str("value").to_string(),
        method: part.str("apply_method").to_lowercase(),
    };
    object.parts("parameter").into_iter().map(setting).collect()
}

/// The calls that bring parameters from `old` to `new`: what is set, in the order in which it is, and what is reset.
fn calls(old: &[Setting], new: &[Setting]) -> (Vec<Vec<Setting>>, Vec<Vec<Setting>>) {
    let mut added: Vec<Setting> = new.iter().filter(|s| !old.contains(s)).cloned().collect();
    added.sort();
    let mut chunks = Vec::new();
    for names in TOGETHER {
        let (these, others): (Vec<_>, Vec<_>) = added.into_iter().partition(|s| names.contains(&&*s.name));
        added = others;
        if !these.is_empty() {
            chunks.push(these);
        }
    }
    let (later, now): (Vec<_>, Vec<_>) = added.into_iter().partition(|s| s.method == "pending-reboot");
    chunks.extend(now.chunks(CHUNK).chain(later.chunks(CHUNK)).map(<[Setting]>::to_vec));
    let removed: Vec<Setting> = old.iter().filter(|o| !new.iter().any(|n| n.name == o.name)).cloned().collect();
    (chunks, removed.chunks(CHUNK).map(<[Setting]>::to_vec).collect())
}

async fn change(aws: &Aws, name: &str, old: &[Setting], new: &[Setting]) -> Result<(), Failure> {
    let parameters = |settings: Vec<Setting>| {
        let parameter = |s: Setting| {
            let method = ApplyMethod::from(&*s.method);
            Parameter::builder().parameter_name(s.name).parameter_value(s.value).apply_method(method).build()
        };
        Some(settings.into_iter().map(parameter).collect())
    };
    let (set, reset) = calls(old, new);
    for chunk in set {
        let call = aws.rds().modify_db_parameter_group().db_parameter_group_name(name);
        let call = call.set_parameters(parameters(chunk));
        call.send().await.doing(format!("modifying RDS DB Parameter Group ({name})"))?;
    }
    for chunk in reset {
        let call = aws.rds().reset_db_parameter_group().db_parameter_group_name(name).reset_all_parameters(false);
        let call = call.set_parameters(parameters(chunk));
        call.send().await.doing(format!("resetting RDS DB Parameter Group ({name})"))?;
    }
    Ok(())
}

/// One group is asked for by its name, several are looked for in the list of all.
async fn describe(client: &Client, names: Vec<String>) -> Result<Vec<(String, DbParameterGroup)>, Failure> {
    let one = (names.len() == 1).then(|| names[0].clone());
    let call = client.describe_db_parameter_groups().set_db_parameter_group_name(one);
    let found: Result<Vec<DbParameterGroup>, _> = call.into_paginator().items().send().collect().await;
    match found.doing(format!("reading RDS DB Parameter Group ({})", names.join(", "))) {
        Err(failure) if failure.is(GONE) => Ok(Vec::new()),
        found => Ok(found?.into_iter().filter_map(|g| Some((g.db_parameter_group_name.clone()?, g))).collect()),
    }
}

/// Whether an instance shows that a group is there as it was: what can be seen of one beside its parameters and tags never
/// changes, and one that is used cannot be deleted.
fn uses(instance: &DbInstance, object: &Object) -> bool {
    let known = ["arn", "description", "family", "name"].iter().all(|name| !object.str(name).is_empty());
    known && instance.db_parameter_groups().iter().any(|g| g.db_parameter_group_name() == Some(object.id()))
}

fn fill(object: &mut Object, group: &DbParameterGroup) {
    let name = group.db_parameter_group_name().unwrap_or_default();
    object.set("arn", group.db_parameter_group_arn());
    object.set("description", group.description());
    object.set("family", group.db_parameter_group_family());
    object.set("name", name);
    object.set("name_prefix", ids::prefix_of(name));
}

/// What changes of a group: its parameters and tags.
async fn read_one(aws: &Aws, mut object: Object, unchanged: &Unchanged) -> Result<Object, Failure> {
    let name = &object.str("name").to_string();
    let known: BTreeSet<String> = settings(&object).into_iter().map(|s| s.name).collect();
    let mut found = parameters(aws, name, true).await?;
    // Those that are named but have their default are only in the list of all.
    if known.iter().any(|name| !found.iter().any(|p| p.parameter_name().unwrap_or_default().to_lowercase() == *name)) {
        found = parameters(aws, name, false).await?;
        found.retain(|p| {
            p.source() == Some("user") || known.contains(&p.parameter_name().unwrap_or_default().to_lowercase())
        });
    }
    let blocks = found.iter().map(|p| {
        let text = |text: Option<&str>| Some(Value::string(text.unwrap_or_default()));
        let lower = |text: Option<&str>| Some(Value::string(text.unwrap_or_default().to_lowercase()));
        let method = lower(p.apply_method().map(ApplyMethod::as_str));
        [("name", lower(p.parameter_name())), ("value", text(p.parameter_value())), ("apply_method", method)]
    });
    // Just after a change the list may still be empty.
    if !found.is_empty() || known.is_empty() {
        object.set("parameter", blocks.collect::<Vec<_>>());
    }
    let tags = unchanged.tags(&object, || rds::tags_of(aws.rds(), object.str("arn"))).await?;
    object.set("tags_all", tags);
    Ok(object)
}

async fn parameters(aws: &Aws, name: &str, only_user: bool) -> Result<Vec<Parameter>, Failure> {
    let call = aws.rds().describe_db_parameters().db_parameter_group_name(name);
    let call = call.set_source(only_user.then(|| "user".to_string()));
    let found: Result<Vec<Parameter>, _> = call.into_paginator().items().send().collect().await;
    found.doing(format!("reading RDS DB Parameter Group ({name}) parameters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, method: &str) -> Setting {
        Setting { name: name.into(), value: "1".into(), method: method.into() }
    }

    #[test]
    fn parameters_that_depend_on_each_other_go_first_and_those_for_a_restart_last() {
        let old = [setting("gone", "immediate"), setting("kept", "immediate")];
        let new = [
            setting("kept", "immediate"),
            setting("later", "pending-reboot"),
            setting("gtid-mode", "pending-reboot"),
            setting("now", "immediate"),
            setting("enforce_gtid_consistency", "pending-reboot"),
        ];
        let (set, reset) = calls(&old, &new);
        let names = |chunks: &[Vec<Setting>]| -> Vec<Vec<String>> {
            chunks.iter().map(|c| c.iter().map(|s| s.name.clone()).collect()).collect()
        };
        assert_eq!(names(&set), [vec!["enforce_gtid_consistency", "gtid-mode"], vec!["now"], vec!["later"]]);
        assert_eq!(names(&reset), [["gone"]]);
    }

    #[test]
    fn a_call_changes_twenty_parameters_at_most() {
        let new: Vec<Setting> = (0..45).map(|i| setting(&format!("p{i:02}"), "immediate")).collect();
        let (set, _) = calls(&[], &new);
        assert_eq!(set.iter().map(Vec::len).collect::<Vec<_>>(), [20, 20, 5]);
    }
}
