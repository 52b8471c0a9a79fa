//! Listener rules, made ready for deciding: which action a request gets.

use std::net::IpAddr;

use hyper::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

use crate::pattern::{Case, fits};
use crate::spec;

/// What rules look at in a request.
pub(crate) struct Asked<'a> {
    /// Without port.
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) method: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) source: IpAddr,
}

/// The conditions of a rule.
#[derive(Debug)]
pub(crate) struct Conditions(Vec<Condition>);

#[derive(Debug)]
enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
    Header(HeaderName, Vec<String>),
    Method(Vec<String>),
    Query(Vec<(Option<String>, String)>),
    Source(Vec<IpNet>),
    /// Names a header that cannot be.
    Never,
}

impl Conditions {
    pub(crate) fn new(conditions: &[spec::Condition]) -> Self {
        let ready = |condition: &spec::Condition| match condition {
            spec::Condition::HostHeader(values) => Condition::Host(values.clone()),
            spec::Condition::PathPattern(values) => Condition::Path(values.clone()),
            spec::Condition::HttpHeader { name, values } => match name.parse() {
                Ok(name) => Condition::Header(name, values.clone()),
                Err(_) => Condition::Never,
            },
            spec::Condition::HttpRequestMethod(values) => Condition::Method(values.clone()),
            spec::Condition::QueryString(values) => Condition::Query(values.clone()),
            spec::Condition::SourceIp(values) => {
                Condition::Source(values.iter().filter_map(|block| cidr(block)).collect())
            }
        };
        Conditions(conditions.iter().map(ready).collect())
    }

    /// Whether all hold.
    pub(crate) fn hold(&self, asked: &Asked) -> bool {
        self.0.iter().all(|condition| condition.holds(asked))
    }
}

impl Condition {
    fn holds(&self, asked: &Asked) -> bool {
        let any = |patterns: &[String], text: &str, case| patterns.iter().any(|pattern| fits(pattern, text, case));
        match self {
            Condition::Host(patterns) => any(patterns, asked.host, Case::Ignored),
            Condition::Path(patterns) => any(patterns, asked.path, Case::Counts),
            Condition::Header(name, patterns) => {
                let mut values = asked.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
                values.any(|value| any(patterns, value, Case::Ignored))
            }
            Condition::Method(methods) => methods.iter().any(|method| method == asked.method),
            Condition::Query(patterns) => patterns.iter().any(|(key, value)| {
                asked.query.split('&').filter(|part| !part.is_empty()).any(|part| {
                    let (found_key, found_value) = part.split_once('=').unwrap_or((part, ""));
                    key.as_ref().is_none_or(|key| fits(key, found_key, Case::Ignored))
                        && fits(value, found_value, Case::Ignored)
                })
            }),
            Condition::Source(blocks) => blocks.iter().any(|block| block.contains(&asked.source)),
            Condition::Never => false,
        }
    }
}

fn cidr(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// The host of a `Host` header, without its port.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // A colon within brackets belongs to an IPv6 address.
        Some(at) if !host[at..].contains(']') => &host[..at],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Condition as C;

    fn strings(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| value.to_string()).collect()
    }

    #[test]
    fn a_rule_holds_if_all_conditions_do_and_a_condition_if_any_value_does() {
        let mut headers = HeaderMap::new();
        headers.append("user-agent", "Mozilla/5.0 (Chrome)".parse().unwrap());
        headers.append("x-colour", "blue".parse().unwrap());
        headers.append("x-colour", "green".parse().unwrap());
        let asked = Asked {
            host: "Api.Example.com",
            path: "/v1/Orders",
            query: "version=V1&debug&a=1=2",
            method: "GET",
            headers: &headers,
            source: "192.0.2.7".parse().unwrap(),
        };
        let header = |name: &str, values: &[&str]| C::HttpHeader { name: name.into(), values: strings(values) };
        let query = |key: Option<&str>, value: &str| C::QueryString(vec![(key.map(String::from), value.into())]);
        for (conditions, expected) in [
            (vec![], true),
            (vec![C::HostHeader(strings(&["api.example.com"]))], true),
            (vec![C::HostHeader(strings(&["other", "*.example.com"]))], true),
            (vec![C::HostHeader(strings(&["example.com"]))], false),
            (vec![C::PathPattern(strings(&["/v1/*"]))], true),
            (vec![C::PathPattern(strings(&["/V1/*"]))], false),
            (vec![header("User-Agent", &["*chrome*"])], true),
            (vec![header("X-Colour", &["GREEN"])], true),
            (vec![header("X-Colour", &["red"])], false),
            (vec![header("X-None", &["*"])], false),
            (vec![header("not a header", &["*"])], false),
            (vec![C::HttpRequestMethod(strings(&["POST", "GET"]))], true),
            (vec![C::HttpRequestMethod(strings(&["get"]))], false),
            (vec![query(Some("version"), "v1")], true),
            (vec![query(Some("version"), "v2")], false),
            (vec![query(None, "v?")], true),
            (vec![query(Some("debug"), "")], true),
            (vec![query(Some("a"), "1=2")], true),
            (vec![C::SourceIp(strings(&["10.0.0.0/8", "192.0.2.0/24"]))], true),
            (vec![C::SourceIp(strings(&["192.0.3.0/24", "2001:db8::/32", "nonsense"]))], false),
            (vec![C::PathPattern(strings(&["/v1/*"])), C::HttpRequestMethod(strings(&["POST"]))], false),
            (vec![C::PathPattern(strings(&["/v1/*"])), C::HttpRequestMethod(strings(&["GET"]))], true),
        ] {
            assert_eq!(Conditions::new(&conditions).hold(&asked), expected, "{conditions:?}");
        }
    }

    #[test]
    fn a_host_loses_its_port_only() {
        for (host, expected) in [("a.b", "a.b"), ("a.b:80", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("", "")]
        {
            assert_eq!(without_port(host), expected);
        }
    }
}
