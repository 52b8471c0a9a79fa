//! Load balancers. The application ones have an address on this machine from the start.

use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const APPLICATION: &str = "application";

/// Zones of the domain names of load balancers. That of one region stands for all.
const ZONE: &str = "Z32O12XQLNTSW2";
const NETWORK_ZONE: &str = "Z2IFOLAFXWLO4F";

/// Whether requests really go through it.
pub(in crate::world) fn is_application(balancer: &Object) -> bool {
    balancer.str("load_balancer_type") == APPLICATION
}

pub(in crate::world) struct Balancer;

impl Kind for Balancer {
    fn untold(&self) -> &'static [&'static str] {
        &["dns_record_client_routing_policy"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "tf-lb-");
        if world.all("aws_lb").any(|other| other.str("name") == name) {
            let message = format!("A load balancer with the same name '{name}' exists, but with different settings");
            return refuse("DuplicateLoadBalancerName", message);
        }
        self.set_network(world, object, true)?;
        let application = is_application(object);
        if object.strings("security_groups").is_empty() && application {
            let own =
                world.get("aws_vpc", object.str("vpc_id")).map(|vpc| vpc.str("default_security_group_id").to_string());
            object.set("security_groups", own.into_iter().collect::<Vec<_>>());
        }
        let short = match object.str("load_balancer_type") {
            "network" => "net",
            "gateway" => "gwy",
            _ => "app",
        };
        let suffix = format!("{short}/{name}/{}", ids::hex(cx, 16));
        let arn = world.arn("elasticloadbalancing", &format!("loadbalancer/{suffix}"));
        object.set("arn_suffix", suffix);
        object.set("id", &arn);
        object.set("zone_id", if application { ZONE } else { NETWORK_ZONE });
        if object.str("ip_address_type").is_empty() {
            object.set("ip_address_type", "ipv4");
        }
        set_logs(object);
        let domain = match application {
            true => {
                let address = world.reserve(&arn, Some(80), cx)?;
                if address.port() == 80 { "localhost".to_string() } else { format!("localhost:{}", address.port()) }
            }
            false => format!("{name}-{}.elb.{}.amazonaws.com", ids::hex(cx, 16), world.region),
        };
        object.set("dns_name", domain);
        object.set("arn", arn);
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let mapped = cx.config.get("subnet_mapping").is_some_and(|mapping| !mapping.is_empty());
        if prior.raw("subnets") != object.raw("subnets") || prior.raw("subnet_mapping") != object.raw("subnet_mapping")
        {
            object.unset(if mapped { "subnets" } else { "subnet_mapping" });
        }
        self.set_network(world, object, false)?;
        set_logs(object);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let arn = object.id();
        if object.bool("enable_deletion_protection") {
            let message = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
            return refuse("OperationNotPermitted", message);
        }
        let listeners = world.all("aws_lb_listener").filter(|listener| listener.str("load_balancer_arn") == arn);
        for listener in listeners.map(|listener| listener.id().to_string()).collect::<Vec<_>>() {
            world.drop_listener(&listener, cx);
            world.forget("aws_lb_listener", &listener);
        }
        world.release(arn, cx);
        Ok(())
    }
}

impl Balancer {
    /// Sets `subnets`, `subnet_mapping` and `vpc_id` from the one of the first two that is given.
    fn set_network(&self, world: &World, object: &mut Object, is_new: bool) -> Result<(), Failure> {
        // A plan can hold mappings of nothing.
        let mut mapped = object.parts("subnet_mapping");
        mapped.retain(|part| !part.str("subnet_id").is_empty());
        let subnets = match mapped.is_empty() {
            true => object.strings("subnets"),
            false => mapped.iter().map(|part| part.str("subnet_id").to_string()).collect(),
        };
        let mut zones = Vec::new();
        for id in &subnets {
            let message = format!("The subnet ID '{id}' is not valid");
            let subnet = world.need("aws_subnet", id, "SubnetNotFound", message)?;
            zones.push((subnet.str("availability_zone"), subnet.str("vpc_id")));
        }
        let vpc = zones.first().map(|(_, vpc)| vpc.to_string()).unwrap_or_default();
        let count = zones.len();
        zones.sort_unstable();
        zones.dedup_by_key(|(zone, _)| *zone);
        if zones.len() < count {
            let message = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return refuse("InvalidConfigurationRequest", message);
        }
        if zones.len() < 2 && is_application(object) {
            let message = "At least two subnets in two different Availability Zones must be specified";
            return refuse("ValidationError", message);
        }
        for group in object.strings("security_groups") {
            let message = format!("The security group '{group}' does not exist");
            let group = world.need("aws_security_group", &group, "InvalidSecurityGroup", message)?;
            if group.str("vpc_id") != vpc {
                let message = "One or more security groups are invalid: they are not in the load balancer's VPC";
                return refuse("InvalidSecurityGroup", message);
            }
        }
        let given = |id: &str, name: &str| {
            let part = mapped.iter().find(|part| part.str("subnet_id") == id);
            Some(Value::string(part.map_or("", |part: &Part<'_>| part.str(name))))
        };
        let one = |id: &String| {
            [
                ("allocation_id", given(id, "allocation_id")),
                ("ipv6_address", given(id, "ipv6_address")),
                ("outpost_id", Some("".into())),
                ("private_ipv4_address", given(id, "private_ipv4_address")),
                ("subnet_id", Some(Value::string(id))),
            ]
        };
        let mapping: Vec<_> = subnets.iter().map(one).collect();
        object.set("subnet_mapping", mapping);
        object.set("subnets", subnets);
        if is_new {
            object.set("vpc_id", vpc);
        }
        Ok(())
    }
}

fn set_logs(object: &mut Object) {
    let off = || {
        let text = || Some(Value::string(""));
        vec![[("bucket", text()), ("enabled", Some(Value::bool(false))), ("prefix", text())]]
    };
    if object.part("access_logs").is_none() {
        object.set("access_logs", off());
    }
    if object.part("connection_logs").is_none() && is_application(object) {
        object.set("connection_logs", off());
    }
}

impl World {
    /// Reserves an address and notes it.
    pub(super) fn reserve(
        &mut self,
        owner: &str,
        wanted: Option<u16>,
        cx: &mut Cx<'_>,
    ) -> Result<std::net::SocketAddr, Failure> {
        let address = cx.ports.reserve(wanted).map_err(|why| Failure::new("looking for a free port", why))?;
        self.facts.addresses.insert(owner.to_string(), address);
        Ok(address)
    }

    /// Gives back the address that was reserved for something.
    pub(super) fn release(&mut self, owner: &str, cx: &mut Cx<'_>) {
        if let Some(address) = self.facts.addresses.remove(owner) {
            cx.ports.release(address);
        }
    }
}
