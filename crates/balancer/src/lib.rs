//! Application load balancers on this machine: HTTP listeners on loopback with rules, weighted target groups and health
//! checks, as `aws_lb*` resources describe them. Knows no AWS API and no configuration: it is given a [`Spec`] as a whole
//! and brings the running listeners to it without dropping a request.

mod balancers;
mod body;
mod check;
mod counts;
mod group;
mod headers;
mod health;
mod listener;
mod pattern;
mod proxy;
mod routes;
mod rules;
mod send;
pub mod spec;
mod split;
mod target;
mod tls;
mod upgrade;

pub use balancers::Balancers;
pub use counts::{Counts, Latency};
pub use health::{HealthStatus, TargetHealth};
pub use spec::Spec;
