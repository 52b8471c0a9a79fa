//! Secrets and their versions. Values are facts: they outlive the records of their versions, as AWS keeps what is
//! current, and tasks use them.

use std::collections::BTreeSet;
use std::time::UNIX_EPOCH;

use infra_catalog::types::aws_secretsmanager_secret_version::split_id;
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::world::facts::SecretVersion;
use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refusal, refuse};

const SECRET: &str = "aws_secretsmanager_secret";

/// The stage of the version that is used.
pub(in crate::world) const CURRENT: &str = "AWSCURRENT";
/// The stage of the version that was used before.
const PREVIOUS: &str = "AWSPREVIOUS";

impl World {
    /// The ARN of a secret by ARN, ARN without the random end, or name.
    pub(in crate::world) fn secret_arn(&self, name: &str) -> Result<String, Failure> {
        let is_it = |arn: &str| arn == name || arn.rsplit_once('-').is_some_and(|(before, _)| before == name);
        let by_arn = self.facts.secrets.keys().find(|arn| is_it(arn)).cloned();
        let by_name = || self.all(SECRET).find(|secret| secret.str("name") == name).map(|s| s.id().to_string());
        by_arn
            .or_else(by_name)
            .ok_or_else(|| refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret."))
    }

    /// Makes a version; its stages leave those that had them. Returns its id.
    pub(super) fn put_secret(&mut self, arn: &str, id: &str, version: SecretVersion) {
        let versions = self.facts.secrets.entry(arn.to_string()).or_default();
        if version.stages.contains(CURRENT) && versions.values().any(|other| other.stages.contains(CURRENT)) {
            for other in versions.values_mut() {
                other.stages.remove(PREVIOUS);
                if other.stages.contains(CURRENT) {
                    other.stages.insert(PREVIOUS.to_string());
                }
            }
        }
        for other in versions.values_mut() {
            other.stages.retain(|stage| !version.stages.contains(stage));
        }
        versions.insert(id.to_string(), version);
        versions.retain(|_, version| !version.stages.is_empty());
    }
}

pub(in crate::world) struct Secret;

impl Kind for Secret {
    fn untold(&self) -> &'static [&'static str] {
        &["force_overwrite_replica_secret", "recovery_window_in_days"]
    }

    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        world.get(ty, object.id()).or_else(|| world.all(ty).find(|secret| secret.str("name") == object.id()))
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        if world.all(SECRET).any(|other| other.str("name") == name) {
            let message = format!("The operation failed because the secret {name} already exists.");
            return refuse("ResourceExistsException", message);
        }
        let arn = world.arn("secretsmanager", &format!("secret:{name}-{}", ids::letters(cx, 6)));
        object.set("arn", &arn);
        object.set("id", &arn);
        world.facts.secrets.insert(arn, Default::default());
        complete(object);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        complete(object);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        world.facts.secrets.remove(object.id());
        Ok(())
    }
}

/// Replicas are there at once.
fn complete(object: &mut Object) {
    let replicas = object.parts("replica").into_iter().map(|part| {
        let text =
            |name: &str, default: &str| Some(Value::string(part.opt_str(name).unwrap_or_else(|| default.to_string())));
        [
            ("kms_key_id", text("kms_key_id", "alias/aws/secretsmanager")),
            ("last_accessed_date", text("last_accessed_date", "")),
            ("region", text("region", "")),
            ("status", text("status", "InSync")),
            ("status_message", text("status_message", "Replication succeeded")),
        ]
    });
    let replicas: Vec<_> = replicas.collect();
    object.set("replica", replicas);
}

pub(in crate::world) struct Version;

impl Kind for Version {
    fn untold(&self) -> &'static [&'static str] {
        &["has_secret_string_wo", "secret_string_wo_version"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let arn = world.secret_arn(object.str("secret_id"))?;
        let config = Part::new(cx.config);
        let unseen = config.opt_str("secret_string_wo");
        let mut stages: BTreeSet<String> = object.strings("version_stages").into_iter().collect();
        let versions = world.facts.secrets.get(&arn);
        if stages.is_empty() || versions.is_none_or(|versions| versions.is_empty()) {
            // The first one is current whatever it is called.
            stages.insert(CURRENT.to_string());
        }
        let version = SecretVersion {
            stages,
            string: unseen.clone().or_else(|| object.opt_str("secret_string")),
            binary: object.opt_str("secret_binary"),
            created: cx.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        };
        if unseen.is_some() {
            object.set("has_secret_string_wo", true);
        }
        let id = ids::unique(cx, "terraform-");
        world.put_secret(&arn, &id, version);
        object.set("id", format!("{}|{id}", object.str("secret_id")));
        object.set("version_id", id);
        object.set("arn", arn);
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let stages: BTreeSet<String> = object.strings("version_stages").into_iter().collect();
        let known = world.facts.secrets.get(object.str("arn")).and_then(|all| all.get(object.str("version_id")));
        let Some(version) = known.filter(|_| prior.raw("version_stages") != object.raw("version_stages")).cloned()
        else {
            return Ok(());
        };
        // What is current stays so until another version is.
        let mut stages = stages;
        stages.extend(version.stages.contains(CURRENT).then(|| CURRENT.to_string()));
        let (arn, id) = (object.str("arn").to_string(), object.str("version_id").to_string());
        world.put_secret(&arn, &id, SecretVersion { stages, ..version });
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        if let Some(versions) = world.facts.secrets.get_mut(object.str("arn")) {
            if let Some(version) = versions.get_mut(object.str("version_id")) {
                version.stages.retain(|stage| stage == CURRENT);
            }
            versions.retain(|_, version| !version.stages.is_empty());
        }
        Ok(())
    }

    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        split_id(object.id()).and_then(|_| world.get(ty, object.id()))
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let versions = world.facts.secrets.get(object.str("arn"));
        let Some(version) = versions.and_then(|all| all.get(object.str("version_id"))) else { return false };
        let stages: Vec<String> = version.stages.iter().cloned().collect();
        let (string, binary) = (version.string.clone(), version.binary.clone());
        object.set("version_stages", stages);
        object.set("secret_binary", binary);
        object.set("secret_string", string.filter(|_| !object.bool("has_secret_string_wo")));
        true
    }
}
