//! Where a release is reached over HTTP: the addresses of its listeners.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use infra_provider::{Failure, Object};
use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::traffic::Place;
use super::{AwsFleet, TEST_LISTENER_FOLLOWS};
use crate::error::Doing;

/// A listener, or a rule of one, as the way in.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) place: Place,
    /// The ARN of its balancer.
    pub(super) balancer: String,
    /// The ARN of the listener, also where a rule is meant.
    listener: String,
    /// The host that a rule wants.
    host: Option<String>,
    url: OnceCell<Option<String>>,
}

impl Door {
    pub(super) fn of(ty: &str, object: &Object) -> Door {
        let listener = match ty {
            "aws_lb_listener_rule" => object.str("listener_arn"),
            _ => object.id(),
        };
        // A host with a wildcard is no name.
        let conditions = object.parts("condition");
        let hosts = conditions.iter().filter_map(|condition| condition.part("host_header"));
        let mut hosts = hosts.flat_map(|host| host.strings("values"));
        Door {
            place: Place::of(ty, object),
            balancer: balancer_of(listener),
            listener: listener.to_string(),
            host: hosts.find(|host| !host.contains(['*', '?'])),
            url: OnceCell::new(),
        }
    }

    /// `https://api.example.com`; `None` for one that does not speak HTTP.
    pub(super) async fn url(&self, elb: &Client) -> Result<Option<String>, Failure> {
        self.url.get_or_try_init(|| self.find(elb)).await.cloned()
    }

    async fn find(&self, elb: &Client) -> Result<Option<String>, Failure> {
        let doing = || format!("finding the address of {}", self.listener);
        let listeners = elb.describe_listeners().listener_arns(&self.listener).send().await.doing(doing())?;
        let listener = listeners.listeners.unwrap_or_default().into_iter().next();
        let listener = listener.ok_or_else(|| Failure::new(doing(), "there is no such listener"))?;
        let (protocol, port) = (listener.protocol().cloned(), listener.port().unwrap_or_default());
        if let Some(host) = &self.host {
            return Ok(protocol.and_then(|protocol| url(&protocol, host, port)));
        }
        let balancers = elb.describe_load_balancers().load_balancer_arns(&self.balancer).send().await.doing(doing())?;
        let balancer = balancers.load_balancers.unwrap_or_default().into_iter().next();
        let name = balancer.and_then(|balancer| balancer.dns_name);
        let name = name.ok_or_else(|| Failure::new(doing(), "its load balancer has no name"))?;
        Ok(protocol.and_then(|protocol| url(&protocol, &name, port)))
    }
}

fn url(protocol: &ProtocolEnum, host: &str, port: i32) -> Option<String> {
    let (scheme, usual) = match protocol {
        ProtocolEnum::Http | ProtocolEnum::Tcp => ("http", 80),
        ProtocolEnum::Https | ProtocolEnum::Tls => ("https", 443),
        _ => return None,
    };
    Some(if port == usual { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") })
}

/// The ARN of a listener's balancer: `…:listener/app/web/B/L` is of `…:loadbalancer/app/web/B`.
fn balancer_of(listener: &str) -> String {
    let balancer = listener.rsplit_once('/').map_or(listener, |(balancer, _)| balancer);
    balancer.replacen(":listener/", ":loadbalancer/", 1)
}

impl AwsFleet {
    /// The address of the test listener, once it leads to a colour.
    pub(super) async fn open_test(&self, colour: &str) -> Result<Option<String>, Failure> {
        let Some(door) = &self.test else { return Ok(None) };
        if self.direct(&door.place, colour).await? && self.lags {
            // Until then a check might ask the live colour, and pass.
            sleep(TEST_LISTENER_FOLLOWS).await;
        }
        door.url(&self.elb).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_its_port_where_it_is_not_the_usual_one() {
        for (protocol, port, wanted) in [
            (ProtocolEnum::Http, 80, Some("http://web")),
            (ProtocolEnum::Http, 8080, Some("http://web:8080")),
            (ProtocolEnum::Https, 443, Some("https://web")),
            (ProtocolEnum::Tls, 8443, Some("https://web:8443")),
            (ProtocolEnum::Udp, 53, None),
        ] {
            assert_eq!(url(&protocol, "web", port).as_deref(), wanted);
        }
    }

    #[test]
    fn a_listener_names_its_balancer() {
        let balancer = balancer_of("arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/web/50dc/f2f7");
        assert_eq!(balancer, "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/50dc");
    }
}
