//! Security group rules that are resources of their own, one source each.

use infra_catalog::network::protocol;
use infra_provider::{Failure, Object};

use super::security_groups::bare;
use crate::world::facts::Rule;
use crate::world::kind::Kind;
use crate::world::{Cx, World};

pub(in crate::world) struct SingleRule {
    /// Or ingress.
    pub egress: bool,
}

impl SingleRule {
    fn rule(&self, world: &World, object: &Object) -> Rule {
        let source = ["cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"]
            .into_iter()
            .find_map(|name| object.opt_str(name))
            .unwrap_or_default();
        let protocol = protocol(object.str("ip_protocol"));
        let port = |name: &str| if protocol == "-1" { 0 } else { object.int(name) };
        Rule {
            id: object.id().to_string(),
            egress: self.egress,
            from: port("from_port"),
            to: port("to_port"),
            description: object.str("description").to_string(),
            source: bare(world, &source).to_string(),
            protocol,
        }
    }
}

impl Kind for SingleRule {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let group = object.str("security_group_id").to_string();
        let id = world.add_rule(&group, self.rule(world, object), cx)?;
        object.set("arn", world.arn("ec2", &format!("security-group-rule/{id}")));
        object.set("security_group_rule_id", &id);
        object.set("id", id);
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let changed = self.rule(world, object);
        if changed.source.starts_with("sg-") {
            world.security_group(&changed.source)?;
        }
        let rules = world.facts.rules.entry(object.str("security_group_id").to_string()).or_default();
        for rule in rules.iter_mut().filter(|rule| rule.id == changed.id) {
            *rule = changed.clone();
        }
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        if let Some(rules) = world.facts.rules.get_mut(object.str("security_group_id")) {
            rules.retain(|rule| rule.id != object.id());
        }
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let rules = world.facts.rules.get(object.str("security_group_id"));
        rules.is_some_and(|rules| rules.iter().any(|rule| rule.id == object.id()))
    }
}
