//! Security group rules: what `aws_security_group` and `aws_security_group_rule` share.
//!
//! A rule as it is written has any number of sources. For comparing it is broken up into atoms of one source each; for
//! a call atoms are put together again into one permission for each protocol, ports and description.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use infra_catalog::network::{canonical_v6, protocol};
use infra_provider::{Failure, Part};
use infra_value::Value;

use crate::error::{Doing, ignoring};
use crate::{Aws, recent};

pub(crate) const GROUP_GONE: &[&str] = &["InvalidGroup.NotFound", "InvalidSecurityGroupID.NotFound"];

/// Which way traffic goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ingress,
    Egress,
}

/// Where traffic comes from, or goes to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    V4(String),
    V6(String),
    PrefixList(String),
    /// `sg-1`, or `123456789012/sg-1`
    Group(String),
    /// The group that has the rule.
    Own,
}

/// Protocol, ports, description.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Traffic {
    /// In the usual spelling, where it is not as the cloud tells it.
    pub protocol: String,
    pub from: i64,
    pub to: i64,
    pub description: String,
}

/// One source of one rule.
pub(crate) type Atom = (Traffic, Source);

/// A rule as it is written, or as the cloud tells it.
#[derive(Clone, Debug, Default)]
struct Rule {
    v4: Vec<String>,
    v6: Vec<String>,
    lists: Vec<String>,
    groups: Vec<String>,
    own: bool,
}

fn traffic(rule: &Part<'_>) -> Traffic {
    Traffic {
        protocol: protocol(rule.str("protocol")),
        from: rule.int("from_port"),
        to: rule.int("to_port"),
        description: rule.str("description").to_string(),
    }
}

fn written(rule: &Part<'_>) -> Rule {
    Rule {
        v4: rule.strings("cidr_blocks"),
        v6: rule.strings("ipv6_cidr_blocks"),
        lists: rule.strings("prefix_list_ids"),
        groups: rule.strings("security_groups"),
        own: rule.bool("self"),
    }
}

/// The atoms of rule blocks.
///
/// # Errors
/// Ports that contradict the protocol.
pub(crate) fn atoms(rules: &[Part<'_>]) -> Result<BTreeSet<Atom>, String> {
    let mut atoms = BTreeSet::new();
    for part in rules {
        let (traffic, rule) = (traffic(part), written(part));
        if traffic.protocol == "-1" && (traffic.from, traffic.to) != (0, 0) {
            return Err(format!(
                "from_port ({}) and to_port ({}) must both be 0 to use the 'ALL' \"-1\" protocol!",
                traffic.from, traffic.to
            ));
        }
        let sources = rule.v4.into_iter().map(Source::V4);
        let sources = sources.chain(rule.v6.iter().map(|s| Source::V6(canonical_v6(s))));
        let sources = sources.chain(rule.lists.into_iter().map(Source::PrefixList));
        let sources = sources.chain(rule.groups.into_iter().map(Source::Group));
        let sources = sources.chain(rule.own.then_some(Source::Own));
        atoms.extend(sources.map(|source| (traffic.clone(), source)));
    }
    Ok(atoms)
}

/// Permissions for a call: one for each protocol, ports and description.
pub(crate) fn permissions<'a>(group: &str, atoms: impl IntoIterator<Item = &'a Atom>) -> Vec<IpPermission> {
    let mut by_traffic = BTreeMap::<&Traffic, Vec<&Source>>::new();
    for (traffic, source) in atoms {
        by_traffic.entry(traffic).or_default().push(source);
    }
    let one = |(traffic, mut sources): (&Traffic, Vec<&Source>)| {
        sources.sort_by_cached_key(|source| place(traffic, source));
        permission(group, traffic, sources)
    };
    by_traffic.into_iter().map(one).collect()
}

/// By what the sources of a permission are put in the order in which Terraform sends them: the state of a group tells
/// those that no block has in the order of the call where the cloud keeps that.
fn place(traffic: &Traffic, source: &Source) -> String {
    let Traffic { protocol, from, to, description } = traffic;
    let (own, source) = match source {
        Source::V4(source) | Source::V6(source) | Source::PrefixList(source) | Source::Group(source) => {
            (false, format!("{source}-"))
        }
        Source::Own => (true, String::new()),
    };
    let description = if description.is_empty() { String::new() } else { format!("{description}-") };
    crc32fast::hash(format!("{from}-{to}-{protocol}-{own}-{source}{description}").as_bytes()).to_string()
}

/// One permission, its sources in the order given.
pub(crate) fn permission<'a>(
    group: &str,
    traffic: &Traffic,
    sources: impl IntoIterator<Item = &'a Source>,
) -> IpPermission {
    let description = Some(traffic.description.clone()).filter(|d| !d.is_empty());
    let mut permission = IpPermission::builder().ip_protocol(&traffic.protocol);
    if traffic.protocol != "-1" {
        let port = |port: i64| i32::try_from(port).unwrap_or(-1);
        permission = permission.from_port(port(traffic.from)).to_port(port(traffic.to));
    }
    for source in sources {
        let description = description.clone();
        permission = match source {
            Source::V4(cidr) => {
                permission.ip_ranges(IpRange::builder().cidr_ip(cidr).set_description(description).build())
            }
            Source::V6(cidr) => {
                permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).set_description(description).build())
            }
            Source::PrefixList(id) => permission
                .prefix_list_ids(PrefixListId::builder().prefix_list_id(id).set_description(description).build()),
            Source::Group(id) => {
                let (user, id) = match id.split_once('/') {
                    Some((user, id)) => (Some(user.to_string()), id),
                    None => (None, id.as_str()),
                };
                let pair = UserIdGroupPair::builder().group_id(id).set_user_id(user);
                permission.user_id_group_pairs(pair.set_description(description).build())
            }
            Source::Own => {
                let pair = UserIdGroupPair::builder().group_id(group).set_description(description);
                permission.user_id_group_pairs(pair.build())
            }
        };
    }
    permission.build()
}

/// Allows permissions.
pub(crate) async fn authorize(
    aws: &Aws,
    group: &str,
    direction: Direction,
    permissions: Vec<IpPermission>,
) -> Result<Vec<String>, Failure> {
    let made = match direction {
        Direction::Ingress => {
            let call =
                aws.ec2().authorize_security_group_ingress().group_id(group).set_ip_permissions(Some(permissions));
            let doing = format!("authorizing Security Group ({group}) ingress rules");
            recent::once_seen(aws, || async { call.clone().send().await.doing(&doing) }).await?.security_group_rules
        }
        Direction::Egress => {
            let call =
                aws.ec2().authorize_security_group_egress().group_id(group).set_ip_permissions(Some(permissions));
            let doing = format!("authorizing Security Group ({group}) egress rules");
            recent::once_seen(aws, || async { call.clone().send().await.doing(&doing) }).await?.security_group_rules
        }
    };
    Ok(made.unwrap_or_default().into_iter().filter_map(|rule| rule.security_group_rule_id).collect())
}

/// Takes permissions back; those that are not there are no failure.
pub(crate) async fn revoke(
    aws: &Aws,
    group: &str,
    direction: Direction,
    permissions: Vec<IpPermission>,
) -> Result<(), Failure> {
    let permissions = Some(permissions);
    let answer = match direction {
        Direction::Ingress => {
            let call = aws.ec2().revoke_security_group_ingress().group_id(group).set_ip_permissions(permissions);
            call.send().await.doing(format!("revoking Security Group ({group}) ingress rules")).map(drop)
        }
        Direction::Egress => {
            let call = aws.ec2().revoke_security_group_egress().group_id(group).set_ip_permissions(permissions);
            call.send().await.doing(format!("revoking Security Group ({group}) egress rules")).map(drop)
        }
    };
    ignoring(answer, &["InvalidPermission.NotFound"])
}

/// The rule blocks of a group as the cloud has them, split into blocks and ordered as in the state where that is the
/// same. `owner` and `group` are the group's own.
pub(crate) fn blocks(owner: &str, group: &str, remote: &[IpPermission], state: &[Part<'_>]) -> Vec<Value> {
    let mut remote = told(owner, group, remote);
    let mut blocks = Vec::new();
    for part in state {
        let (mut traffic, rule) = (traffic(part), written(part));
        let same =
            |t: &Traffic| (protocol(&t.protocol), t.from, t.to) == (traffic.protocol.clone(), traffic.from, traffic.to);
        let fits = |t: &Traffic, r: &Rule| same(t) && r.has_all_of(&rule);
        let by_description = remote.iter().position(|(t, r)| fits(t, r) && t.description == traffic.description);
        let Some(at) = by_description.or_else(|| remote.iter().position(|(t, r)| fits(t, r))) else { continue };
        let (found, left) = &mut remote[at];
        left.take(&rule);
        traffic.description.clone_from(&found.description);
        traffic.protocol = part.str("protocol").to_string();
        blocks.push(block(&traffic, &rule));
    }
    let rest = remote.iter().filter(|(_, rule)| !rule.is_empty());
    blocks.extend(rest.map(|(traffic, rule)| block(traffic, rule)));
    blocks
}

/// Permissions grouped by protocol, ports and description.
fn told(owner: &str, group: &str, permissions: &[IpPermission]) -> Vec<(Traffic, Rule)> {
    let mut all: Vec<(Traffic, Rule)> = Vec::new();
    for permission in permissions {
        let mut add = |description: Option<&str>, put: &mut dyn FnMut(&mut Rule)| {
            let traffic = Traffic {
                // A rule that nobody wrote has it as the cloud spells it.
                protocol: permission.ip_protocol().unwrap_or_default().to_string(),
                from: permission.from_port().map_or(0, i64::from),
                to: permission.to_port().map_or(0, i64::from),
                description: description.unwrap_or_default().to_string(),
            };
            let at = all.iter().position(|(t, _)| *t == traffic).unwrap_or_else(|| {
                all.push((traffic, Rule::default()));
                all.len() - 1
            });
            put(&mut all[at].1);
        };
        for range in permission.ip_ranges() {
            add(range.description(), &mut |rule| rule.v4.extend(range.cidr_ip().map(str::to_string)));
        }
        for range in permission.ipv6_ranges() {
            add(range.description(), &mut |rule| rule.v6.extend(range.cidr_ipv6().map(str::to_string)));
        }
        for list in permission.prefix_list_ids() {
            add(list.description(), &mut |rule| rule.lists.extend(list.prefix_list_id().map(str::to_string)));
        }
        for pair in permission.user_id_group_pairs() {
            add(pair.description(), &mut |rule| match pair_name(owner, pair) {
                name if name == group => rule.own = true,
                name => rule.groups.push(name),
            });
        }
    }
    all
}

/// `sg-1`, or with its owner if that is another account than `owner`.
pub(crate) fn pair_name(owner: &str, pair: &UserIdGroupPair) -> String {
    let id = pair.group_id().or(pair.group_name()).unwrap_or_default();
    match pair.user_id() {
        Some(user) if !user.is_empty() && user != owner => format!("{user}/{id}"),
        _ => id.to_string(),
    }
}

impl Rule {
    /// Whether the other is a part of this, as it is written. The group itself as a source has to be in both or in
    /// neither.
    fn has_all_of(&self, other: &Rule) -> bool {
        let all = |mine: &[String], theirs: &[String]| theirs.iter().all(|t| mine.contains(t));
        all(&self.v4, &other.v4)
            && all(&self.v6, &other.v6)
            && all(&self.lists, &other.lists)
            && all(&self.groups, &other.groups)
            && self.own == other.own
    }

    fn take(&mut self, other: &Rule) {
        self.v4.retain(|s| !other.v4.contains(s));
        self.v6.retain(|s| !other.v6.contains(s));
        self.lists.retain(|s| !other.lists.contains(s));
        self.groups.retain(|s| !other.groups.contains(s));
        self.own &= !other.own;
    }

    fn is_empty(&self) -> bool {
        !self.own && [&self.v4, &self.v6, &self.lists, &self.groups].iter().all(|s| s.is_empty())
    }
}

fn block(traffic: &Traffic, rule: &Rule) -> Value {
    Value::object([
        ("cidr_blocks", Value::strings(&rule.v4)),
        ("description", Value::string(&traffic.description)),
        ("from_port", Value::from(traffic.from)),
        ("ipv6_cidr_blocks", Value::strings(&rule.v6)),
        ("prefix_list_ids", Value::strings(&rule.lists)),
        ("protocol", Value::string(&traffic.protocol)),
        ("security_groups", Value::strings(&rule.groups)),
        ("self", Value::bool(rule.own)),
        ("to_port", Value::from(traffic.to)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: i64, description: &str, cidrs: &[&str]) -> Value {
        let rule = Rule { v4: cidrs.iter().map(|s| s.to_string()).collect(), ..Rule::default() };
        let traffic = Traffic { protocol: "tcp".into(), from, to: from, description: description.into() };
        block(&traffic, &rule)
    }

    #[test]
    fn the_cloud_s_rules_are_split_and_ordered_as_the_state_has_them() {
        let blocks_of = |values: &[Value]| {
            let parts: Vec<Part<'_>> = values.iter().map(Part::new).collect();
            permissions("sg-1", &atoms(&parts).unwrap_or_default())
        };
        let state = [rule(80, "", &["10.1.0.0/16", "10.0.0.0/16"]), rule(80, "", &["10.2.0.0/16"])];
        let remote = blocks_of(&[rule(80, "", &["10.0.0.0/16", "10.1.0.0/16", "10.2.0.0/16", "10.9.0.0/16"])]);
        let parts: Vec<Part<'_>> = state.iter().map(Part::new).collect();
        let read = blocks("1", "sg-1", &remote, &parts);
        assert_eq!(read, [state[0].clone(), state[1].clone(), rule(80, "", &["10.9.0.0/16"])]);
        let described = blocks("1", "sg-1", &blocks_of(&[rule(80, "by hand", &["10.2.0.0/16"])]), &parts);
        assert_eq!(described, [rule(80, "by hand", &["10.2.0.0/16"])]);
    }

    #[test]
    fn sources_are_sent_in_the_order_of_terraform() {
        let networks: Vec<String> = (1..=6).map(|i| format!("10.{i}.0.0/16")).collect();
        let networks: Vec<&str> = networks.iter().map(String::as_str).collect();
        let rule = rule(80, "web", &networks);
        let sent = permissions("sg-1", &atoms(&[Part::new(&rule)]).unwrap_or_default());
        let sent: Vec<&str> = sent.iter().flat_map(IpPermission::ip_ranges).filter_map(|r| r.cidr_ip()).collect();
        let order = ["4", "6", "3", "2", "5", "1"].map(|i| format!("10.{i}.0.0/16"));
        assert_eq!(sent, order);
    }

    #[test]
    fn what_the_state_spells_otherwise_is_as_the_cloud_spells_it() {
        let six = |protocol: &str, network: &str| {
            let rule = Rule { v6: vec![network.into()], ..Rule::default() };
            block(&Traffic { protocol: protocol.into(), from: 80, to: 80, description: String::new() }, &rule)
        };
        let permission = IpPermission::builder().ip_protocol("17").from_port(80).to_port(80);
        let permission = permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6("2001:db8::/32").build()).build();
        let read = |state: &Value| blocks("1", "sg-1", std::slice::from_ref(&permission), &[Part::new(state)]);
        assert_eq!(read(&six("udp", "2001:db8::/32")), [six("udp", "2001:db8::/32")]);
        assert_eq!(read(&six("17", "2001:db8::/32")), [six("17", "2001:db8::/32")]);
        assert_eq!(read(&six("udp", "2001:DB8::/32")), [six("17", "2001:db8::/32")]);
    }

    #[test]
    fn a_group_s_own_traffic_makes_another_block_than_the_state_has() {
        let with_own = |networks: &[&str]| {
            let rule = Rule { v4: networks.iter().map(|s| s.to_string()).collect(), own: true, ..Rule::default() };
            block(&Traffic { protocol: "tcp".into(), from: 80, to: 80, description: String::new() }, &rule)
        };
        let remote = permissions("sg-1", &atoms(&[Part::new(&with_own(&["10.0.0.0/8"]))]).unwrap_or_default());
        let read = |state: &Value| blocks("1", "sg-1", &remote, &[Part::new(state)]);
        assert_eq!(read(&rule(80, "", &["10.0.0.0/8"])), [with_own(&["10.0.0.0/8"])]);
        assert_eq!(read(&with_own(&[])), [with_own(&[]), rule(80, "", &["10.0.0.0/8"])]);
    }
}
