//! KMS keys and their aliases. Nothing is encrypted with them.

use infra_provider::{Failure, Object};
use serde_json::json;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const KEY: &str = "aws_kms_key";
const ALIAS: &str = "aws_kms_alias";
const PREFIX: &str = "alias/";

pub(in crate::world) struct Key;

impl Kind for Key {
    fn untold(&self) -> &'static [&'static str] {
        &["bypass_policy_lockout_safety_check", "deletion_window_in_days"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let id = ids::uuid(cx);
        object.set("arn", world.arn("kms", &format!("key/{id}")));
        object.set("key_id", &id);
        object.set("id", id);
        if object.str("policy").is_empty() {
            let all = json!({
                "Sid": "Enable IAM User Permissions",
                "Effect": "Allow",
                "Principal": { "AWS": world.global_arn("iam", "root") },
                "Action": "kms:*",
                "Resource": "*",
            });
            let policy = json!({ "Id": "key-default-1", "Version": "2012-10-17", "Statement": [all] });
            object.set("policy", infra_catalog::policy::normalise(&policy.to_string()));
        }
        complete(object);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        complete(object);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let aliases = world.records.entry(ALIAS.into()).or_default();
        aliases.retain(|_, alias| alias.str("target_key_id") != object.id());
        Ok(())
    }
}

fn complete(object: &mut Object) {
    match (object.bool("enable_key_rotation"), object.int("rotation_period_in_days")) {
        (true, 0) => object.set("rotation_period_in_days", 365),
        (true, _) => {}
        (false, _) => object.set("rotation_period_in_days", 0),
    }
}

impl World {
    fn key(&self, name: &str) -> Result<&Object, Failure> {
        let id = name.rsplit('/').next().unwrap_or(name);
        self.need(KEY, id, "NotFoundException", format!("Invalid keyId '{name}'"))
    }
}

pub(in crate::world) struct Alias;

impl Kind for Alias {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        if object.str("name").is_empty() && object.str("name_prefix").is_empty() {
            object.set("name_prefix", PREFIX);
        }
        let name = ids::set_name(cx, object, "name", PREFIX);
        let arn = world.arn("kms", &name);
        if world.get(ALIAS, &name).is_some() {
            return refuse("AlreadyExistsException", format!("An alias with the name {arn} already exists"));
        }
        object.set("arn", arn);
        object.set("id", name);
        point(world, object)
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        point(world, object)
    }
}

fn point(world: &World, object: &mut Object) -> Result<(), Failure> {
    let key = world.key(object.str("target_key_id"))?;
    let (id, arn) = (key.id().to_string(), key.str("arn").to_string());
    object.set("target_key_id", id);
    object.set("target_key_arn", arn);
    Ok(())
}
