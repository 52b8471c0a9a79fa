//! Security groups and their rules. Rules are facts that groups, rules and single rules tell of.

use infra_catalog::network::{canonical_v6, protocol};
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::world::facts::Rule;
use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const DIRECTIONS: [(&str, bool); 2] = [("ingress", false), ("egress", true)];

impl Rule {
    fn is_same(&self, other: &Rule) -> bool {
        self.has_traffic_of(other) && same_source(&self.source, &other.source)
    }
    fn has_traffic_of(&self, other: &Rule) -> bool {
        (self.egress, &self.protocol) == (other.egress, &other.protocol)
            && (self.protocol == "-1" || (self.from, self.to) == (other.from, other.to))
    }
}

fn same_source(a: &str, b: &str) -> bool {
    a == b || canonical_v6(a) == canonical_v6(b)
}

/// A group of this account without the account's number before it.
pub(super) fn bare<'a>(world: &World, group: &'a str) -> &'a str {
    group.strip_prefix(&format!("{}/", world.account)).unwrap_or(group)
}

impl World {
    /// A security group, or AWS's way of saying that there is none.
    pub(super) fn security_group(&self, id: &str) -> Result<&Object, Failure> {
        let message = format!("The security group '{id}' does not exist");
        self.need("aws_security_group", id, "InvalidGroup.NotFound", message)
    }

    /// Adds a rule and gives it an id.
    pub(super) fn add_rule(&mut self, group: &str, rule: Rule, cx: &mut Cx<'_>) -> Result<String, Failure> {
        self.security_group(group)?;
        if rule.source.starts_with("sg-") {
            self.security_group(&rule.source)?;
        }
        let rules = self.facts.rules.entry(group.to_string()).or_default();
        if rules.iter().any(|other| other.is_same(&rule)) {
            let Rule { source, protocol, from, to, .. } = rule;
            let message = format!(
                "the specified rule \"peer: {source}, {protocol}, from port: {from}, to port: {to}, ALLOW\" already exists"
            );
            return refuse("InvalidPermission.Duplicate", message);
        }
        let id = ids::resource(cx, "sgr");
        rules.push(Rule { id: id.clone(), ..rule });
        Ok(id)
    }

    pub(super) fn remove_rule(&mut self, group: &str, rule: &Rule) {
        if let Some(rules) = self.facts.rules.get_mut(group) {
            rules.retain(|other| !other.is_same(rule));
        }
    }
}

/// The rules that a block with lists of sources stands for; they have no id yet.
fn rules(world: &World, group: &str, egress: bool, part: Part<'_>) -> Vec<Rule> {
    let mut sources = part.strings("cidr_blocks");
    sources.extend(part.strings("ipv6_cidr_blocks"));
    sources.extend(part.strings("prefix_list_ids"));
    let groups = part.strings("security_groups").into_iter().chain(part.opt_str("source_security_group_id"));
    sources.extend(groups.map(|other| bare(world, &other).to_string()));
    sources.extend(part.bool("self").then(|| group.to_string()));
    let protocol = protocol(part.str("protocol"));
    let port = |name: &str| if protocol == "-1" { 0 } else { part.int(name) };
    let one = |source| Rule {
        id: String::new(),
        egress,
        protocol: protocol.clone(),
        from: port("from_port"),
        to: port("to_port"),
        description: part.str("description").to_string(),
        source,
    };
    sources.into_iter().map(one).collect()
}

pub(in crate::world) struct Group;

impl Kind for Group {
    fn untold(&self) -> &'static [&'static str] {
        &["revoke_rules_on_delete"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        let vpc = object.str("vpc_id").to_string();
        if vpc.is_empty() {
            return refuse("VPCIdNotSpecified", "No default VPC for this user");
        }
        world.vpc(&vpc)?;
        if world.all("aws_security_group").any(|other| other.str("name") == name && other.str("vpc_id") == vpc) {
            let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
            return refuse("InvalidGroup.Duplicate", message);
        }
        let id = ids::resource(cx, "sg");
        object.set("arn", world.arn("ec2", &format!("security-group/{id}")));
        object.set("owner_id", &world.account);
        object.set("id", &id);
        // Its rules may name the group itself: it is recorded once more when it is complete.
        world.put("aws_security_group", self, &mut object.clone());
        world.facts.rules.insert(id.clone(), Vec::new());
        for (name, egress) in DIRECTIONS {
            for part in object.parts(name) {
                for rule in rules(world, &id, egress, part) {
                    // Blocks that say the same twice are one rule.
                    ignore_duplicate(world.add_rule(&id, rule, cx))?;
                }
            }
        }
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let id = object.id().to_string();
        for (name, egress) in DIRECTIONS {
            if prior.raw(name) == object.raw(name) {
                continue;
            }
            let of = |object: &Object| -> Vec<Rule> {
                object.parts(name).into_iter().flat_map(|part| rules(world, &id, egress, part)).collect()
            };
            let (old, new) = (of(prior), of(object));
            let has =
                |all: &[Rule], rule: &Rule| all.iter().any(|r| r.is_same(rule) && r.description == rule.description);
            for rule in old.iter().filter(|rule| !has(&new, rule)) {
                world.remove_rule(&id, rule);
            }
            for rule in new.into_iter().filter(|rule| !has(&old, rule)) {
                ignore_duplicate(world.add_rule(&id, rule, cx))?;
            }
        }
        Ok(())
    }

    fn delete(&self, world: &mut World, prior: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let id = object.id();
        if world.all("aws_vpc").any(|vpc| vpc.str("default_security_group_id") == id) {
            let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
            return refuse("CannotDelete", message);
        }
        if prior.bool("revoke_rules_on_delete") {
            for rules in world.facts.rules.values_mut() {
                rules.retain(|rule| rule.source != id);
            }
        }
        let among = |object: &Object, name: &str| object.strings(name).iter().any(|s| s == id);
        let of_service = |o: &Object| {
            o.part("network_configuration").is_some_and(|n| n.strings("security_groups").contains(&id.into()))
        };
        let used = world.facts.rules.iter().any(|(group, rules)| group != id && rules.iter().any(|r| r.source == id))
            || world.all("aws_lb").any(|o| among(o, "security_groups"))
            || world.all("aws_db_instance").any(|o| among(o, "vpc_security_group_ids"))
            || world.all("aws_ecs_service").any(of_service);
        if used {
            return refuse("DependencyViolation", format!("resource {id} has a dependent object"));
        }
        world.facts.rules.remove(id);
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        for (name, egress) in DIRECTIONS {
            let shown = blocks(world, object, name, egress);
            object.set(name, shown);
        }
        true
    }
}

fn ignore_duplicate(done: Result<String, Failure>) -> Result<(), Failure> {
    match done {
        Err(failure) if failure.is(&["InvalidPermission.Duplicate"]) => Ok(()),
        done => done.map(drop),
    }
}

/// The rules of one direction as blocks: as they are written where they are, the rest one block for each traffic.
fn blocks(world: &World, object: &Object, name: &str, egress: bool) -> Vec<Value> {
    let id = object.id();
    let all = world.facts.rules.get(id).map(Vec::as_slice).unwrap_or_default();
    let mut left: Vec<&Rule> = all.iter().filter(|rule| rule.egress == egress).collect();
    let mut shown = Vec::new();
    for part in object.parts(name) {
        let wanted = rules(world, id, egress, part);
        let found: Vec<usize> = wanted.iter().filter_map(|w| left.iter().position(|rule| rule.is_same(w))).collect();
        if wanted.is_empty() || found.len() < wanted.len() {
            continue;
        }
        let description = left[found[0]].description.clone();
        let sources: Vec<String> = wanted.iter().map(|w| w.source.clone()).collect();
        shown.push(block(id, &wanted[0], &description, &sources));
        left.retain(|rule| !wanted.iter().any(|w| rule.is_same(w)));
    }
    while let Some(first) = left.first().copied() {
        let same = |rule: &&&Rule| rule.has_traffic_of(first) && rule.description == first.description;
        let sources: Vec<String> = left.iter().filter(same).map(|rule| rule.source.clone()).collect();
        shown.push(block(id, first, &first.description, &sources));
        left.retain(|rule| !same(&rule));
    }
    shown
}

fn block(group: &str, rule: &Rule, description: &str, sources: &[String]) -> Value {
    let of = |wanted: fn(&str) -> bool| Value::strings(sources.iter().filter(|s| *s != group && wanted(s)));
    Value::object([
        ("cidr_blocks", of(|s| s.contains('.'))),
        ("description", Value::string(description)),
        ("from_port", Value::from(rule.from)),
        ("ipv6_cidr_blocks", of(|s| s.contains(':'))),
        ("prefix_list_ids", of(|s| s.starts_with("pl-"))),
        ("protocol", Value::string(&rule.protocol)),
        ("security_groups", of(|s| s.contains("sg-"))),
        ("self", Value::bool(sources.iter().any(|s| s == group))),
        ("to_port", Value::from(rule.to)),
    ])
}

pub(in crate::world) struct Rules;

impl Rules {
    fn rules(&self, world: &World, object: &Object) -> Vec<Rule> {
        let egress = object.str("type") == "egress";
        rules(world, object.str("security_group_id"), egress, Part::new(&object.value()))
    }
}

impl Kind for Rules {
    fn untold(&self) -> &'static [&'static str] {
        &["cidr_blocks", "description", "ipv6_cidr_blocks", "prefix_list_ids", "source_security_group_id"]
    }

    /// What the provider makes of the rule's content as its id.
    fn key(&self, object: &Object) -> String {
        let (group, protocol) = (object.str("security_group_id"), protocol(object.str("protocol")));
        let mut text = format!("{group}-");
        if protocol != "-1" {
            for port in ["from_port", "to_port"].map(|name| object.int(name)).into_iter().filter(|port| *port > 0) {
                text += &format!("{port}-");
            }
        }
        text += &format!("{protocol}-{}-", object.str("type"));
        for name in ["cidr_blocks", "ipv6_cidr_blocks", "prefix_list_ids"] {
            let mut sources = object.strings(name);
            sources.sort();
            sources.iter().for_each(|source| text += &format!("{source}-"));
        }
        let mut groups: Vec<String> = object.opt_str("source_security_group_id").into_iter().collect();
        groups.extend(object.bool("self").then(|| group.to_string()));
        let mut groups: Vec<&str> = groups.iter().map(|g| g.rsplit('/').next().unwrap_or(g)).collect();
        groups.sort_unstable();
        groups.iter().for_each(|group| text += &format!("{group}--"));
        format!("sgrule-{}", crc32fast::hash(text.as_bytes()))
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let group = object.str("security_group_id").to_string();
        let rules = self.rules(world, object).into_iter();
        let made: Vec<String> = rules.map(|rule| world.add_rule(&group, rule, cx)).collect::<Result<_, _>>()?;
        // One id stands for the resource only if it made one rule.
        object.set("security_group_rule_id", if let [only] = &made[..] { only.as_str() } else { "" });
        let id = self.key(object);
        object.set("id", id);
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let wanted = self.rules(world, object);
        let rules = world.facts.rules.entry(object.str("security_group_id").to_string()).or_default();
        for rule in rules.iter_mut().filter(|rule| wanted.iter().any(|w| w.is_same(rule))) {
            rule.description = object.str("description").to_string();
        }
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        for rule in self.rules(world, object) {
            world.remove_rule(object.str("security_group_id"), &rule);
        }
        Ok(())
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let id = object.str("security_group_rule_id");
        let rules = world.facts.rules.get(object.str("security_group_id")).map(Vec::as_slice).unwrap_or_default();
        id.is_empty() || rules.iter().any(|rule| rule.id == id)
    }
}
