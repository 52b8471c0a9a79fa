//! What joins VPCs to the world outside: internet gateways, addresses, NAT gateways.

use infra_catalog::partition;
use infra_provider::{Failure, Object, Part};

use crate::world::kind::Kind;
use crate::world::network::Network;
use crate::world::{Cx, World, ids, refusal, refuse};

pub(in crate::world) struct InternetGateway;

impl Kind for InternetGateway {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        attachable(world, object.str("vpc_id"))?;
        let id = ids::resource(cx, "igw");
        object.set("arn", world.arn("ec2", &format!("internet-gateway/{id}")));
        object.set("owner_id", &world.account);
        object.set("id", id);
        Ok(())
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        if prior.str("vpc_id") == object.str("vpc_id") {
            return Ok(());
        }
        detachable(world, prior.str("vpc_id"))?;
        attachable(world, object.str("vpc_id"))
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        detachable(world, object.str("vpc_id"))
    }
}

fn attachable(world: &World, vpc: &str) -> Result<(), Failure> {
    if vpc.is_empty() {
        return Ok(());
    }
    world.vpc(vpc)?;
    if world.all("aws_internet_gateway").any(|other| other.str("vpc_id") == vpc) {
        let message = format!("Network {vpc} already has an internet gateway attached");
        return refuse("InvalidParameterValue", message);
    }
    Ok(())
}

fn detachable(world: &World, vpc: &str) -> Result<(), Failure> {
    let in_it = |subnet: &str| world.get("aws_subnet", subnet).is_some_and(|s| s.str("vpc_id") == vpc);
    let mut gateways = world.all("aws_nat_gateway");
    let mut balancers = world.all("aws_lb");
    let mapped = gateways.any(|gateway| in_it(gateway.str("subnet_id")) && !gateway.str("allocation_id").is_empty())
        || balancers.any(|balancer| balancer.str("vpc_id") == vpc && !balancer.bool("internal"));
    if !vpc.is_empty() && mapped {
        let message = format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching \
             the gateway."
        );
        return refuse("DependencyViolation", message);
    }
    Ok(())
}

pub(in crate::world) struct Address;

impl Kind for Address {
    fn untold(&self) -> &'static [&'static str] {
        &["address", "associate_with_private_ip", "ipam_pool_id", "private_dns"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        unattached(cx)?;
        let id = ids::resource(cx, "eipalloc");
        let public = loop {
            // Addresses for documentation: nobody has them.
            let bits = cx.bits();
            let network = ["192.0.2", "198.51.100", "203.0.113"][usize::try_from(bits % 3).unwrap_or_default()];
            let address = format!("{network}.{}", 1 + (bits >> 8) % 254);
            if world.all("aws_eip").count() >= 700 {
                return refuse("AddressLimitExceeded", "The maximum number of addresses has been reached.");
            }
            if world.all("aws_eip").all(|other| other.str("public_ip") != address) {
                break address;
            }
        };
        object.set("arn", world.arn("ec2", &format!("elastic-ip/{id}")));
        object.set("allocation_id", &id);
        object.set("domain", "vpc");
        object.set("vpc", true);
        object.set("public_dns", public_name(&world.region, &public));
        object.set("public_ip", public);
        if object.str("network_border_group").is_empty() {
            object.set("network_border_group", &world.region);
        }
        if object.str("public_ipv4_pool").is_empty() {
            object.set("public_ipv4_pool", "amazon");
        }
        object.set("id", id);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, _: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        unattached(cx)
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        match user(world, object.id()) {
            Some(_) => {
                let message = format!("Address {} is in use.", object.str("public_ip"));
                refuse("InvalidIPAddress.InUse", message)
            }
            None => Ok(()),
        }
    }

    fn fill(&self, world: &World, object: &mut Object) -> bool {
        let user = user(world, object.id()).cloned();
        let told = |name: &str| user.as_ref().map_or(String::new(), |user| user.str(name).to_string());
        let private = told("private_ip");
        object.set("association_id", told("association_id"));
        object.set("network_interface", told("network_interface_id"));
        if !private.is_empty() {
            object.set("private_dns", private_name(&world.region, &private));
        }
        object.set("private_ip", private);
        true
    }
}

/// Refuses instances and network interfaces: there are none here that an address could be asked to belong to.
fn unattached(cx: &Cx<'_>) -> Result<(), Failure> {
    let wanted = Part::new(cx.config);
    if let Some(id) = wanted.opt_str("instance") {
        return refuse("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"));
    }
    if let Some(id) = wanted.opt_str("network_interface") {
        let message = format!("The networkInterface ID '{id}' does not exist");
        return refuse("InvalidNetworkInterfaceID.NotFound", message);
    }
    Ok(())
}

/// The NAT gateway that has an address.
fn user<'w>(world: &'w World, allocation: &str) -> Option<&'w Object> {
    world.all("aws_nat_gateway").find(|gateway| gateway.str("allocation_id") == allocation)
}

fn private_name(region: &str, address: &str) -> String {
    let zone = if region == "us-east-1" { "ec2.internal".to_string() } else { format!("{region}.compute.internal") };
    format!("ip-{}.{zone}", address.replace('.', "-"))
}

fn public_name(region: &str, address: &str) -> String {
    let suffix = partition::of_region(region).dns_suffix;
    let place = if region == "us-east-1" { "compute-1".to_string() } else { format!("{region}.compute") };
    format!("ec2-{}.{place}.{suffix}", address.replace('.', "-"))
}

pub(in crate::world) struct NatGateway;

impl Kind for NatGateway {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let subnet = world.subnet(object.str("subnet_id"))?;
        let network = Network::parse(subnet.str("cidr_block"));
        let mut allocations = object.strings("secondary_allocation_ids");
        allocations.extend(object.opt_str("allocation_id"));
        for allocation in &allocations {
            let message = format!("The allocation ID '{allocation}' does not exist");
            world.need("aws_eip", allocation, "InvalidAllocationID.NotFound", message)?;
            if user(world, allocation).is_some() {
                let message = format!("Elastic IP address [{allocation}] is already associated");
                return Err(refusal("Resource.AlreadyAssociated", message));
            }
        }
        if object.str("connectivity_type") != "private" && object.str("allocation_id").is_empty() {
            return refuse("MissingParameter", "The request must contain the parameter AllocationId");
        }
        object.set("id", ids::resource(cx, "nat"));
        object.set("network_interface_id", ids::resource(cx, "eni"));
        if let Some(network) = network.filter(|_| object.str("private_ip").is_empty()) {
            object.set("private_ip", network.address(cx.bits()).to_string());
        }
        if let Some(address) = object.opt_str("allocation_id").and_then(|id| world.get("aws_eip", &id)) {
            object.set("association_id", ids::resource(cx, "eipassoc"));
            object.set("public_ip", address.str("public_ip").to_string());
        }
        let more = object.strings("secondary_allocation_ids").len();
        let more = more.max(usize::try_from(object.int("secondary_private_ip_address_count")).unwrap_or_default());
        if object.strings("secondary_private_ip_addresses").is_empty() {
            let addresses = (0..more).filter_map(|_| Some(network?.address(cx.bits()).to_string()));
            let addresses: Vec<String> = addresses.collect();
            object.set("secondary_private_ip_addresses", addresses);
        }
        self.count(object);
        Ok(())
    }

    fn update(&self, _: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        self.count(object);
        Ok(())
    }
}

impl NatGateway {
    fn count(&self, object: &mut Object) {
        let addresses = object.strings("secondary_private_ip_addresses").len();
        object.set("secondary_private_ip_address_count", i64::try_from(addresses).unwrap_or_default());
    }
}
