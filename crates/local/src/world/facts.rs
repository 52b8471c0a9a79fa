//! What is recorded beside the objects: what several types tell of, and what no object shows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Facts, by what they are about.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    /// By route table.
    pub routes: BTreeMap<String, Vec<Route>>,
    /// By security group.
    pub rules: BTreeMap<String, Vec<Rule>>,
    /// ARNs of managed policies, by role.
    pub attached: BTreeMap<String, BTreeSet<String>>,
    /// In-line policies by name, by role.
    pub inline: BTreeMap<String, BTreeMap<String, String>>,
    /// Versions by id, by the secret's ARN.
    pub secrets: BTreeMap<String, BTreeMap<String, SecretVersion>>,
    /// Values of SSM parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// Last revisions of task definitions, by family. They stay when all revisions are gone.
    pub revisions: BTreeMap<String, i64>,
    /// Task definitions that are gone but still run, by ARN: the attributes that running needs.
    pub retired: BTreeMap<String, BTreeMap<String, String>>,
    /// How often a new deployment was forced, by service.
    pub generations: BTreeMap<String, u64>,
    /// Master passwords of databases, by resource id.
    pub passwords: BTreeMap<String, String>,
    /// Names that the data of databases is kept under where it is not their identifier, by resource id: a database that
    /// is renamed keeps its data.
    pub homes: BTreeMap<String, String>,
    /// Addresses on this machine, by ARN of the balancer or listener, or by the database's resource id.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// By type and key, the token of the creation that made the record.
    pub tokens: BTreeMap<String, BTreeMap<String, String>>,
}

/// A route of a route table.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Route {
    /// A network, or the id of a prefix list.
    pub destination: String,
    /// The attribute of `aws_route` that the target stands in.
    pub kind: String,
    /// An id, or `local`.
    pub target: String,
    /// `CreateRouteTable` or `CreateRoute`.
    pub origin: String,
}

/// A rule of a security group: one source or destination.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    /// `sgr-…`
    pub id: String,
    /// Or ingress.
    pub egress: bool,
    /// `tcp`, `-1`
    pub protocol: String,
    /// 0 where the protocol is all of them.
    pub from: i64,
    /// See above.
    pub to: i64,
    /// May be empty.
    pub description: String,
    /// A network, a prefix list, a security group (its own for "self").
    pub source: String,
}

/// A version of a secret.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct SecretVersion {
    /// `AWSCURRENT`, `AWSPREVIOUS`, own ones.
    pub stages: BTreeSet<String>,
    /// The value as text.
    pub string: Option<String>,
    /// The value in base64.
    pub binary: Option<String>,
    /// In seconds since 1970.
    pub created: u64,
}

impl SecretVersion {
    /// When it was made, as RFC 3339.
    pub fn created_date(&self) -> String {
        super::ids::rfc3339(UNIX_EPOCH + Duration::from_secs(self.created))
    }
}
