//! What a listener does with a request: its rules bound to the running target groups.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::counts::Meter;
use crate::group::Group;
use crate::rules::{Asked, Conditions, without_port};
use crate::spec;
use crate::split::Split;

/// A load balancer, as its listeners see it.
pub(crate) struct Owner {
    pub(crate) meter: Arc<Meter>,
    pub(crate) idle_timeout: Duration,
    /// Where the ports of the configuration are really served.
    pub(crate) ports: BTreeMap<u16, u16>,
}

/// The rules of a listener.
pub(crate) struct Routes {
    pub(crate) owner: Arc<Owner>,
    rules: Vec<(Conditions, Action)>,
    default: Action,
    /// How far each forward action is in its round.
    splits: Splits,
}

/// The splits of forward actions, by what they split.
type Splits = Vec<(Vec<spec::Weighted>, Arc<Split>)>;

/// What is done with a request.
pub(crate) enum Action {
    Forward { split: Arc<Split>, groups: Vec<Option<Arc<Group>>>, stickiness: Option<Duration> },
    Redirect(Redirect),
    Fixed { status: u16, content_type: String, body: String },
}

/// Another address for a request.
pub(crate) struct Redirect {
    pub(crate) status: u16,
    protocol: String,
    host: String,
    port: String,
    path: String,
    query: String,
}

impl Routes {
    /// Forward actions that are as before go on in their round: else, were rules set often, small weights would never
    /// have their turn.
    pub(crate) fn new(
        listener: &spec::Listener,
        owner: Arc<Owner>,
        groups: &BTreeMap<String, Arc<Group>>,
        before: Option<&Routes>,
    ) -> Self {
        let mut left: Splits = before.map_or_else(Vec::new, |before| before.splits.clone());
        let mut splits = Splits::new();
        let mut split = |weights: &[spec::Weighted]| {
            let known = left.iter().position(|(other, _)| other == weights).map(|at| left.swap_remove(at).1);
            let split = known.unwrap_or_else(|| Arc::new(Split::new(weights.iter().map(|each| each.weight))));
            splits.push((weights.to_vec(), split.clone()));
            split
        };
        let mut rules: Vec<_> = listener.rules.iter().collect();
        rules.sort_by_key(|rule| rule.priority);
        let rules = rules
            .into_iter()
            .map(|rule| (Conditions::new(&rule.conditions), Action::new(&rule.action, groups, &mut split)))
            .collect();
        let default = Action::new(&listener.default, groups, &mut split);
        Routes { owner, rules, default, splits }
    }

    /// What the first rule whose conditions hold says, or the default.
    pub(crate) fn action(&self, asked: &Asked) -> &Action {
        self.rules.iter().find(|(conditions, _)| conditions.hold(asked)).map_or(&self.default, |(_, action)| action)
    }
}

impl Action {
    fn new(
        action: &spec::Action,
        running: &BTreeMap<String, Arc<Group>>,
        split: &mut impl FnMut(&[spec::Weighted]) -> Arc<Split>,
    ) -> Self {
        match action.clone() {
            spec::Action::Forward { groups, stickiness } => Action::Forward {
                split: split(&groups),
                groups: groups.iter().map(|each| running.get(&each.group).cloned()).collect(),
                stickiness,
            },
            spec::Action::Redirect { protocol, host, port, path, query, status } => {
                Action::Redirect(Redirect { status, protocol, host, port, path, query })
            }
            spec::Action::Fixed { status, content_type, body } => Action::Fixed { status, content_type, body },
        }
    }
}

/// The target groups that a specification's rules name.
pub(crate) fn used_groups(spec: &spec::Spec) -> std::collections::BTreeSet<&str> {
    let actions =
        spec.balancers.values().flat_map(|balancer| balancer.listeners.values()).flat_map(|listener| {
            listener.rules.iter().map(|rule| &rule.action).chain(std::iter::once(&listener.default))
        });
    actions
        .filter_map(|action| match action {
            spec::Action::Forward { groups, .. } => Some(groups.iter().map(|each| each.group.as_str())),
            _ => None,
        })
        .flatten()
        .collect()
}

impl Redirect {
    /// The address. Ports of the configuration become those where they are really served.
    pub(crate) fn location(&self, asked: &Asked, tls: bool, port: u16, ports: &BTreeMap<u16, u16>) -> String {
        let real = self.port.parse().ok().and_then(|wanted| ports.get(&wanted)).copied();
        let here = port.to_string();
        let fill = |text: &str| {
            text.replace("#{protocol}", if tls { "https" } else { "http" })
                .replace("#{port}", &here)
                .replace("#{host}", without_port(asked.host))
                .replace("#{path}", asked.path.strip_prefix('/').unwrap_or(asked.path))
                .replace("#{query}", asked.query)
        };
        let port = real.map_or_else(|| fill(&self.port), |port| port.to_string());
        let mut location =
            format!("{}://{}:{port}{}", fill(&self.protocol).to_ascii_lowercase(), fill(&self.host), fill(&self.path));
        let query = fill(&self.query);
        if !query.is_empty() {
            location.push('?');
            location.push_str(&query);
        }
        location
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    #[test]
    fn a_redirect_fills_in_its_parts_and_names_ports_that_are_served() {
        let headers = HeaderMap::new();
        let asked = |query| Asked {
            host: "example.com",
            path: "/a/b",
            query,
            method: "GET",
            headers: &headers,
            source: std::net::Ipv4Addr::LOCALHOST.into(),
        };
        let ports = BTreeMap::from([(443, 8443), (80, 8080)]);
        for ([protocol, host, port, path, query], asked_query, expected) in [
            (["HTTPS", "#{host}", "443", "/#{path}", "#{query}"], "c=d", "https://example.com:8443/a/b?c=d"),
            (["HTTPS", "#{host}", "443", "/#{path}", "#{query}"], "", "https://example.com:8443/a/b"),
            (
                ["#{protocol}", "www.#{host}", "#{port}", "/new/#{path}", "x=1&#{query}"],
                "c",
                "http://www.example.com:8080/new/a/b?x=1&c",
            ),
            (["HTTPS", "elsewhere.test", "9443", "/", ""], "c=d", "https://elsewhere.test:9443/"),
        ] {
            let [protocol, host, port, path, query] = [protocol, host, port, path, query].map(String::from);
            let redirect = Redirect { status: 301, protocol, host, port, path, query };
            assert_eq!(redirect.location(&asked(asked_query), false, 8080, &ports), expected);
        }
    }
}
