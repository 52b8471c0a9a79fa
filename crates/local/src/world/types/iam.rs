//! Roles and policies. Which policies a role has are facts that several types tell of. Nobody is kept from anything.

use std::collections::BTreeMap;

use infra_catalog::policy;
use infra_catalog::types::aws_iam_role::{policies, same_policies};
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const ROLE: &str = "aws_iam_role";
const POLICY: &str = "aws_iam_policy";

impl World {
    fn role(&self, name: &str) -> Result<&Object, Failure> {
        self.need(ROLE, name, "NoSuchEntity", format!("The role with name {name} cannot be found."))
    }

    fn attach(&mut self, role: &str, arn: &str) -> Result<(), Failure> {
        // A role in the making is known by its list.
        if !self.facts.attached.contains_key(role) {
            self.role(role)?;
        }
        if self.owns(arn) {
            let message = format!("Policy {arn} does not exist or is not attachable.");
            self.need(POLICY, arn, "NoSuchEntity", message)?;
        }
        self.facts.attached.entry(role.to_string()).or_default().insert(arn.to_string());
        Ok(())
    }

    fn detach(&mut self, role: &str, arn: &str) {
        if let Some(arns) = self.facts.attached.get_mut(role) {
            arns.remove(arn);
        }
    }
}

/// Refuses what is no JSON object.
fn check_document(text: &str) -> Result<(), Failure> {
    let json: Result<serde_json::Value, _> = serde_json::from_str(text);
    match json {
        Ok(json) if json.is_object() => Ok(()),
        _ => refuse("MalformedPolicyDocument", "Syntax errors in policy."),
    }
}

pub(in crate::world) struct Role;

impl Kind for Role {
    fn untold(&self) -> &'static [&'static str] {
        &["force_detach_policies"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        if world.get(ROLE, &name).is_some() {
            return refuse("EntityAlreadyExists", format!("Role with name {name} already exists."));
        }
        check_document(object.str("assume_role_policy"))?;
        let path = object.opt_str("path").unwrap_or_else(|| "/".into());
        object.set("arn", world.global_arn("iam", &format!("role{path}{name}")));
        object.set("unique_id", ids::capitals(cx, "AROA", 17));
        object.set("create_date", ids::rfc3339(cx.now));
        object.set("id", &name);
        world.facts.attached.insert(name.clone(), Default::default());
        for arn in object.strings("managed_policy_arns") {
            world.attach(&name, &arn)?;
        }
        let written = policies(object.raw("inline_policy"))
            .into_iter()
            .filter(|(name, text)| !name.is_empty() && !text.is_empty());
        world.facts.inline.insert(name, written.collect());
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.id().to_string();
        check_document(object.str("assume_role_policy"))?;
        let (old, new) = (policies(prior.raw("inline_policy")), policies(object.raw("inline_policy")));
        if !same_policies(&old, &new) {
            let inline = world.facts.inline.entry(name.clone()).or_default();
            inline.retain(|name, _| !old.contains_key(name) || new.contains_key(name));
            inline.extend(new.into_iter().filter(|(name, text)| !name.is_empty() && !text.is_empty()));
        }
        let (old, new) = (prior.strings("managed_policy_arns"), object.strings("managed_policy_arns"));
        for arn in old.iter().filter(|arn| !new.contains(arn)) {
            world.detach(&name, arn);
        }
        for arn in new.iter().filter(|arn| !old.contains(arn)) {
            world.attach(&name, arn)?;
        }
        Ok(())
    }

    fn delete(&self, world: &mut World, prior: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let (name, force) = (object.id(), prior.bool("force_detach_policies"));
        let attached = world.facts.attached.remove(name).unwrap_or_default();
        let inline = world.facts.inline.remove(name).unwrap_or_default();
        let all_managed = force || !prior.strings("managed_policy_arns").is_empty();
        if !attached.is_empty() && !all_managed {
            return refuse("DeleteConflict", "Cannot delete entity, must detach all policies first.");
        }
        if !inline.is_empty() && !force && policies(prior.raw("inline_policy")).is_empty() {
            return refuse("DeleteConflict", "Cannot delete entity, must delete policies first.");
        }
        // Attachments that are records of their own went with it.
        for ty in ["aws_iam_role_policy", "aws_iam_role_policy_attachment"] {
            world.records.entry(ty.into()).or_default().retain(|_, record| record.str("role") != name);
        }
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let name = object.id().to_string();
        let attached = world.facts.attached.get(&name).cloned().unwrap_or_default();
        object.set("managed_policy_arns", attached.into_iter().collect::<Vec<_>>());
        let nothing = BTreeMap::new();
        let inline = world.facts.inline.get(&name).unwrap_or(&nothing);
        let known = object.raw("inline_policy");
        if known.is_null() || !same_policies(&policies(known), inline) {
            let blocks = inline.iter().map(|(name, text)| {
                [("name", Some(Value::string(name))), ("policy", Some(Value::string(policy::legacy_form(text))))]
            });
            object.set("inline_policy", blocks.collect::<Vec<_>>());
        }
        true
    }
}

pub(in crate::world) struct RolePolicy;

impl Kind for RolePolicy {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        let role = object.str("role").to_string();
        world.role(&role)?;
        object.set("id", format!("{role}:{name}"));
        self.put(world, object)
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        self.put(world, object)
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        if let Some(inline) = world.facts.inline.get_mut(object.str("role")) {
            inline.remove(object.str("name"));
        }
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let inline = world.facts.inline.get(object.str("role"));
        inline.is_some_and(|inline| inline.contains_key(object.str("name")))
    }
}

impl RolePolicy {
    fn put(&self, world: &mut World, object: &Object) -> Result<(), Failure> {
        check_document(object.str("policy"))?;
        let inline = world.facts.inline.entry(object.str("role").to_string()).or_default();
        inline.insert(object.str("name").to_string(), object.str("policy").to_string());
        Ok(())
    }
}

pub(in crate::world) struct Attachment;

impl Kind for Attachment {
    fn untold(&self) -> &'static [&'static str] {
        // An import has an id of its own form.
        &["id"]
    }

    fn key(&self, object: &Object) -> String {
        format!("{} {}", object.str("role"), object.str("policy_arn"))
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let role = object.str("role").to_string();
        world.attach(&role, object.str("policy_arn"))?;
        object.set("id", ids::unique(cx, &format!("{role}-")));
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        world.detach(object.str("role"), object.str("policy_arn"));
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let attached = world.facts.attached.get(object.str("role"));
        attached.is_some_and(|arns| arns.contains(object.str("policy_arn")))
    }
}

pub(in crate::world) struct Policy;

impl Kind for Policy {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        if world.all(POLICY).any(|other| other.str("name") == name) {
            let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
            return refuse("EntityAlreadyExists", message);
        }
        check_document(object.str("policy"))?;
        let path = object.opt_str("path").unwrap_or_else(|| "/".into());
        let arn = world.global_arn("iam", &format!("policy{path}{name}"));
        object.set("arn", &arn);
        object.set("policy_id", ids::capitals(cx, "ANPA", 17));
        object.set("id", arn);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        check_document(object.str("policy"))
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        if attachments(world, object.id()) > 0 {
            return refuse("DeleteConflict", "Cannot delete a policy attached to entities.");
        }
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let count = attachments(world, object.id());
        object.set("attachment_count", i64::try_from(count).unwrap_or(i64::MAX));
        true
    }
}

fn attachments(world: &World, arn: &str) -> usize {
    world.facts.attached.values().filter(|arns| arns.contains(arn)).count()
}
