//! Log groups, alarms, and the topics that alarms tell. Nothing is measured, and nobody is told.

use infra_provider::{Failure, Object};
use serde_json::json;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

pub(in crate::world) struct LogGroup;

impl Kind for LogGroup {
    fn untold(&self) -> &'static [&'static str] {
        &["skip_destroy"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        if world.get("aws_cloudwatch_log_group", &name).is_some() {
            return refuse("ResourceAlreadyExistsException", "The specified log group already exists");
        }
        if object.str("log_group_class").is_empty() {
            object.set("log_group_class", "STANDARD");
        }
        object.set("arn", world.arn("logs", &format!("log-group:{name}")));
        object.set("id", name);
        Ok(())
    }
}

pub(in crate::world) struct Alarm;

impl Kind for Alarm {
    fn create(&self, world: &mut World, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("alarm_name").to_string();
        object.set("arn", world.arn("cloudwatch", &format!("alarm:{name}")));
        object.set("id", name);
        Ok(())
    }
}

pub(in crate::world) struct Topic;

impl Kind for Topic {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let given = !object.str("name").is_empty();
        let mut name = ids::set_name(cx, object, "name", "terraform-");
        if !given && object.bool("fifo_topic") {
            name += ".fifo";
            object.set("name", &name);
        }
        let arn = world.arn("sns", &name);
        if object.str("policy").is_empty() {
            let actions = [
                "GetTopicAttributes",
                "SetTopicAttributes",
                "AddPermission",
                "RemovePermission",
                "DeleteTopic",
                "Subscribe",
                "ListSubscriptionsByTopic",
                "Publish",
            ];
            let own = json!({
                "Sid": "__default_statement_ID",
                "Effect": "Allow",
                "Principal": { "AWS": "*" },
                "Action": actions.map(|action| format!("SNS:{action}")),
                "Resource": arn,
                "Condition": { "StringEquals": { "AWS:SourceOwner": world.account } },
            });
            let policy = json!({ "Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [own] });
            object.set("policy", infra_catalog::policy::normalise(&policy.to_string()));
        }
        object.set("owner", &world.account);
        object.set("arn", &arn);
        object.set("id", arn);
        Ok(())
    }
}
