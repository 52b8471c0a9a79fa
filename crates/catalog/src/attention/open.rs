//! What becomes reachable from everywhere.

use infra_provider::{Fate, Part, Remark, Weight};

use super::{Change, listed, remark};
use crate::network::protocol;

pub(super) const TO_EVERYONE: &str = "open-to-everyone";

pub(super) fn remarks(change: &Change<'_>) -> Vec<Remark> {
    if matches!(change.about.fate, Fate::Delete) {
        return Vec::new();
    }
    let said = match change.about.ty {
        "aws_security_group" | "aws_security_group_rule" | "aws_vpc_security_group_ingress_rule" => ports(change),
        "aws_db_instance" => (!change.before.bool("publicly_accessible") && change.after.bool("publicly_accessible"))
            .then(|| {
                "can be reached from outside of its network (publicly_accessible), as far as its security groups allow"
                    .to_string()
            }),
        "aws_db_snapshot" => {
            let shared =
                |snapshot: Part<'_>| snapshot.strings("shared_accounts").iter().any(|account| account == "all");
            (!shared(change.before) && shared(change.after))
                .then(|| "lets every AWS account copy its data (shared_accounts)".to_string())
        }
        "aws_lb" => change
            .becomes("internal", false)
            .then(|| "becomes reachable from the internet (internal = false)".to_string()),
        "aws_ecs_service" => public_tasks(change),
        "aws_subnet" => change
            .becomes("map_public_ip_on_launch", true)
            .then(|| "gives public addresses to what starts in it (map_public_ip_on_launch)".to_string()),
        _ => None,
    };
    said.into_iter().map(|said| remark(Weight::Exposed, TO_EVERYONE, said)).collect()
}

fn public_tasks(change: &Change<'_>) -> Option<String> {
    let public = |service: Part<'_>| service.part("network_configuration").is_some_and(|n| n.bool("assign_public_ip"));
    (change.stays() && !public(change.before) && public(change.after))
        .then(|| "gives its tasks public addresses (assign_public_ip)".to_string())
}

/// Ports that a network gets at.
#[derive(Clone, Debug, PartialEq)]
struct Opening {
    /// As [`protocol`] spells it; `-1` for all of them.
    protocol: String,
    from: i64,
    to: i64,
    /// `everywhere`, or a network that is a good part of it.
    network: String,
    sensitive: bool,
}

impl Opening {
    fn covers(&self, other: &Opening) -> bool {
        let ports = self.protocol == "-1"
            || (self.protocol == other.protocol && self.from <= other.from && other.to <= self.to);
        ports && (self.network == other.network || self.network == EVERYWHERE)
    }

    /// Whether it is only what everybody opens: a web server's port, or a ping.
    fn is_usual(&self) -> bool {
        match &*self.protocol {
            "tcp" => self.from == self.to && [80, 443].contains(&self.from),
            // HTTP/3
            "udp" => self.from == 443 && self.to == 443,
            "icmp" | "icmpv6" => true,
            _ => false,
        }
    }

    fn said(&self) -> String {
        match &*self.protocol {
            "-1" => "every port of every protocol".to_string(),
            "tcp" | "udp" => {
                let udp = if self.protocol == "udp" { " (UDP)" } else { "" };
                match (self.from, self.to) {
                    (0 | 1, 65535) => format!("every {} port", self.protocol.to_uppercase()),
                    (from, to) if from == to => format!("port {from}{udp}"),
                    (from, to) => format!("ports {from} to {to}{udp}"),
                }
            }
            other => format!("protocol {other}"),
        }
    }
}

const EVERYWHERE: &str = "everywhere";

fn ports(change: &Change<'_>) -> Option<String> {
    let before = openings(change.about.ty, change.before);
    let mut new: Vec<Opening> = Vec::new();
    for opening in openings(change.about.ty, change.after) {
        let known = before.iter().chain(&new).any(|old| old.covers(&opening));
        if !known && !opening.is_usual() {
            new.push(opening);
        }
    }
    if new.is_empty() {
        return None;
    }
    new.sort_by(|a, b| (&a.protocol, a.from, a.to).cmp(&(&b.protocol, b.from, b.to)));
    if new.iter().any(|opening| opening.sensitive) {
        return Some("opens ports to everybody (which ones is sensitive)".to_string());
    }
    let mut networks: Vec<&str> = Vec::new();
    for opening in &new {
        if !networks.contains(&&*opening.network) {
            networks.push(&opening.network);
        }
    }
    let said = networks.into_iter().map(|network| {
        let mut what: Vec<String> = Vec::new();
        for said in new.iter().filter(|opening| opening.network == network).map(Opening::said) {
            if !what.contains(&said) {
                what.push(said);
            }
        }
        format!("{} reachable from {network}", listed(&what, " and "))
    });
    Some(format!("makes {}", said.collect::<Vec<_>>().join(", ")))
}

/// What an object opens to a good part of the internet.
fn openings(ty: &str, object: Part<'_>) -> Vec<Opening> {
    match ty {
        "aws_security_group" => {
            let sensitive = object.raw("ingress").is_sensitive();
            object.parts("ingress").into_iter().flat_map(|rule| of_rule(rule, "protocol", sensitive)).collect()
        }
        "aws_security_group_rule" if object.str("type") == "ingress" => of_rule(object, "protocol", false),
        "aws_vpc_security_group_ingress_rule" => of_rule(object, "ip_protocol", false),
        _ => Vec::new(),
    }
}

fn of_rule(rule: Part<'_>, protocol_name: &str, sensitive: bool) -> Vec<Opening> {
    const SOURCES: [&str; 4] = ["cidr_blocks", "ipv6_cidr_blocks", "cidr_ipv4", "cidr_ipv6"];
    let shown = ["from_port", "to_port", protocol_name];
    let is_sensitive = |name: &&str| !rule.raw(name).marks_deep().is_empty();
    let sensitive = sensitive || shown.iter().chain(&SOURCES).any(is_sensitive);
    let mut networks: Vec<String> = SOURCES.iter().flat_map(|name| rule.strings(name)).collect();
    networks.extend(SOURCES.iter().filter_map(|name| rule.opt_str(name)));
    let mut wide: Vec<String> = networks.iter().filter_map(|network| wide(network)).collect();
    wide.sort();
    wide.dedup();
    let protocol = protocol(rule.str(protocol_name));
    // A port that is not known yet reads as none: which one it is cannot be told, that it is open can.
    let (from, to) = (rule.int("from_port"), rule.int("to_port"));
    wide.into_iter().map(|network| Opening { protocol: protocol.clone(), from, to, network, sensitive }).collect()
}

/// A network that everybody, or a good part of everybody, is in.
fn wide(network: &str) -> Option<String> {
    let (address, length) = network.split_once('/')?;
    let (address, length): (std::net::IpAddr, u8) = (address.parse().ok()?, length.parse().ok()?);
    match (address, length) {
        (_, 0) => Some(EVERYWHERE.to_string()),
        // No private network is as large as this.
        (std::net::IpAddr::V4(_), 1..8) => Some(network.to_string()),
        // 2000::/3 is all of the public internet.
        (std::net::IpAddr::V6(_), 1..=3) => Some(EVERYWHERE.to_string()),
        _ => None,
    }
}
