//! What is to be balanced, as plain values. Names and limits are those of Elastic Load Balancing v2.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything that is to be balanced. Applied as a whole: what is missing from it goes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// The load balancers, by ARN.
    pub balancers: BTreeMap<String, Balancer>,
    /// The target groups, by ARN.
    pub target_groups: BTreeMap<String, TargetGroup>,
}

/// A load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Balancer {
    /// Its name, for logs.
    pub name: String,
    /// How long a connection may say nothing.
    pub idle_timeout: Duration,
    /// The listeners, by ARN.
    pub listeners: BTreeMap<String, Listener>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// The port that the configuration asks for: what `#{port}` and redirects mean.
    pub port: u16,
    /// Where to listen on this machine; was found free before.
    pub bind: SocketAddr,
    /// With TLS (a certificate of our own for these names), or plain.
    pub tls_names: Option<Vec<String>>,
    /// In order of priority; the first whose conditions all hold decides.
    pub rules: Vec<Rule>,
    /// What happens to everything else.
    pub default: Action,
}

/// A listener rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// 1 to 50,000; unique in a listener.
    pub priority: u32,
    /// All must hold.
    pub conditions: Vec<Condition>,
    /// What happens then.
    pub action: Action,
}

/// A condition: holds if any of its values does. Patterns know `*` and `?`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Condition {
    /// `Host` matches, whatever the case.
    HostHeader(Vec<String>),
    /// The path (without query) matches, case counts.
    PathPattern(Vec<String>),
    /// A header matches, whatever the case.
    HttpHeader {
        /// The header's name.
        name: String,
        /// Patterns for its value.
        values: Vec<String>,
    },
    /// The method is one of these.
    HttpRequestMethod(Vec<String>),
    /// A query parameter matches: (key pattern or any key, value pattern).
    QueryString(Vec<(Option<String>, String)>),
    /// The client's address is in one of these CIDR blocks.
    SourceIp(Vec<String>),
}

/// What is done with a request. (Authentication actions are refused before they get here.)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// To one of the target groups, by weight.
    Forward {
        /// Target groups (by ARN) with weights 0 to 999.
        groups: Vec<Weighted>,
        /// How long a client stays with the group that it was given first (cookie `AWSALBTG`); `None`: not at all.
        stickiness: Option<Duration>,
    },
    /// To another address; each part may use `#{protocol}`, `#{host}`, `#{port}`, `#{path}`, `#{query}`.
    Redirect {
        /// `HTTP`, `HTTPS` or `#{protocol}`.
        protocol: String,
        /// The host.
        host: String,
        /// The port.
        port: String,
        /// With leading slash.
        path: String,
        /// Without question mark.
        query: String,
        /// 301 or 302.
        status: u16,
    },
    /// This answer.
    Fixed {
        /// 2xx, 4xx or 5xx.
        status: u16,
        /// Such as `text/plain`.
        content_type: String,
        /// At most 1,024 characters.
        body: String,
    },
}

/// A target group with its share of the requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weighted {
    /// The target group's ARN.
    pub group: String,
    /// 0 to 999; the share is this over the sum of all.
    pub weight: u32,
}

/// A target group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its name.
    pub name: String,
    /// Whether targets are spoken to with TLS (`protocol = "HTTPS"`; certificates are not verified).
    pub https: bool,
    /// How healthy targets are told from others.
    pub health_check: HealthCheck,
    /// How long a target that is taken out may finish its requests.
    pub deregistration_delay: Duration,
    /// `least_outstanding_requests`, or else round robin.
    pub least_outstanding: bool,
    /// Cookie stickiness to a target (`lb_cookie`, cookie `AWSALB`): how long. `None`: not.
    pub stickiness: Option<Duration>,
    /// The targets, by an id that is unique in the group (a task's id, or `address:port`).
    pub targets: BTreeMap<String, SocketAddr>,
}

/// A target group's health check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Off: every target counts as healthy.
    pub enabled: bool,
    /// Only connecting (`TCP`), or asking by HTTP.
    pub tcp_only: bool,
    /// The path that is asked for.
    pub path: String,
    /// The port, if it is not the target's own.
    pub port: Option<u16>,
    /// Statuses that count: `200`, `200,202`, `200-299`.
    pub matcher: String,
    /// Time between two checks of a target.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// So many good answers in a row make an unhealthy target healthy. (A new target needs one.)
    pub healthy_threshold: u32,
    /// So many bad ones make a healthy target unhealthy.
    pub unhealthy_threshold: u32,
}
