//! VPCs and subnets.

use infra_provider::{Failure, Object};

use crate::world::facts::{Route, Rule};
use crate::world::kind::Kind;
use crate::world::network::Network;
use crate::world::{Cx, World, blank, ids, refuse};

/// The set of DHCP options that every region has.
pub(in crate::world) const DHCP_OPTIONS: &str = "dopt-0d1f2a3b4c5e6f708";

pub(in crate::world) struct Vpc;

impl Kind for Vpc {
    fn untold(&self) -> &'static [&'static str] {
        &["ipv4_ipam_pool_id", "ipv4_netmask_length"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        if let Some(pool) = object.opt_str("ipv4_ipam_pool_id") {
            return refuse("InvalidIpamPoolId.NotFound", format!("The ipam-pool ID '{pool}' does not exist"));
        }
        if object.str("cidr_block").is_empty() {
            return refuse("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.");
        }
        let id = ids::resource(cx, "vpc");
        let table = default_table(world, cx, &id, object.str("cidr_block"))?;
        object.set("arn", world.arn("ec2", &format!("vpc/{id}")));
        object.set("owner_id", &world.account);
        object.set("default_network_acl_id", ids::resource(cx, "acl"));
        object.set("default_security_group_id", default_group(world, cx, &id)?);
        object.set("default_route_table_id", &table);
        object.set("main_route_table_id", table);
        object.set("dhcp_options_id", DHCP_OPTIONS);
        object.set("id", id);
        set_ipv6(world, object, cx);
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        set_ipv6(world, object, cx);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let (id, own) = (object.id(), [object.str("default_security_group_id"), object.str("default_route_table_id")]);
        let others = ["aws_subnet", "aws_security_group", "aws_route_table", "aws_internet_gateway"];
        let in_it = |o: &&Object| o.str("vpc_id") == id && !own.contains(&o.id());
        if others.iter().any(|ty| world.all(ty).any(|o| in_it(&o))) {
            return refuse("DependencyViolation", format!("The vpc '{id}' has dependencies and cannot be deleted."));
        }
        world.forget("aws_security_group", own[0]);
        world.facts.rules.remove(own[0]);
        world.forget("aws_route_table", own[1]);
        world.facts.routes.remove(own[1]);
        Ok(())
    }
}

/// The group that a VPC has from the start: everything among its members and to the outside.
fn default_group(world: &mut World, cx: &mut Cx<'_>, vpc: &str) -> Result<String, Failure> {
    let id = ids::resource(cx, "sg");
    let mut group = blank("aws_security_group")?;
    group.set("id", &id);
    group.set("arn", world.arn("ec2", &format!("security-group/{id}")));
    group.set("owner_id", &world.account);
    group.set("name", "default");
    group.set("description", "default VPC security group");
    group.set("vpc_id", vpc);
    let rule = |cx: &mut Cx<'_>, egress: bool, source: &str| Rule {
        id: ids::resource(cx, "sgr"),
        egress,
        protocol: "-1".into(),
        from: 0,
        to: 0,
        description: String::new(),
        source: source.into(),
    };
    let rules = vec![rule(cx, false, &id), rule(cx, true, "0.0.0.0/0")];
    world.facts.rules.insert(id.clone(), rules);
    world.put("aws_security_group", &super::security_groups::Group, &mut group);
    Ok(id)
}

/// The main route table of a VPC.
fn default_table(world: &mut World, cx: &mut Cx<'_>, vpc: &str, network: &str) -> Result<String, Failure> {
    let id = ids::resource(cx, "rtb");
    let mut table = blank("aws_route_table")?;
    table.set("id", &id);
    table.set("arn", world.arn("ec2", &format!("route-table/{id}")));
    table.set("owner_id", &world.account);
    table.set("vpc_id", vpc);
    world.facts.routes.insert(id.clone(), vec![Route::local(network)]);
    world.put("aws_route_table", &super::routing::Table, &mut table);
    Ok(id)
}

fn set_ipv6(world: &World, object: &mut Object, cx: &mut Cx<'_>) {
    let wanted = object.bool("assign_generated_ipv6_cidr_block");
    if !wanted && object.str("ipv6_ipam_pool_id").is_empty() {
        for name in ["ipv6_association_id", "ipv6_cidr_block", "ipv6_cidr_block_network_border_group"] {
            object.set(name, "");
        }
    } else if object.str("ipv6_association_id").is_empty() {
        let [a, b] = [ids::hex(cx, 3), ids::hex(cx, 2)];
        object.set("ipv6_association_id", ids::resource(cx, "vpc-cidr-assoc"));
        if object.str("ipv6_cidr_block").is_empty() {
            object.set("ipv6_cidr_block", format!("2a05:d01{}:f{a}:{b}00::/56", &a[..1]));
        }
        if wanted && object.str("ipv6_cidr_block_network_border_group").is_empty() {
            object.set("ipv6_cidr_block_network_border_group", &world.region);
        }
    }
}

pub(in crate::world) struct Subnet;

impl Kind for Subnet {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let vpc = world.vpc(object.str("vpc_id"))?;
        let cidr = object.str("cidr_block").to_string();
        if !cidr.is_empty() {
            let outer = Network::parse(vpc.str("cidr_block"));
            let network = Network::parse(&cidr);
            if !outer.zip(network).is_some_and(|(vpc, subnet)| vpc.contains(subnet)) {
                return refuse("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid."));
            }
            let others = world.all("aws_subnet").filter(|o| o.str("vpc_id") == object.str("vpc_id"));
            let mut others = others.filter_map(|o| Network::parse(o.str("cidr_block")));
            if others.any(|other| network.is_some_and(|network| network.overlaps(other))) {
                let message = format!("The CIDR '{cidr}' conflicts with another subnet");
                return refuse("InvalidSubnet.Conflict", message);
            }
        }
        let (zones, ids_of_zones) = (zones(&world.region), zone_ids(&world.region));
        let given = (object.str("availability_zone"), object.str("availability_zone_id"));
        let at = match given {
            ("", "") => Some(usize::try_from(cx.bits() % 3).unwrap_or_default()),
            ("", id) => ids_of_zones.iter().position(|z| z == id),
            (name, _) => zones.iter().position(|z| z == name),
        };
        let Some(at) = at else {
            let wrong = if given.0.is_empty() { given.1 } else { given.0 };
            let message = format!(
                "Value ({wrong}) for parameter availabilityZone is invalid. Subnets can currently only be created in the \
                 following availability zones: {}.",
                zones.join(", ")
            );
            return refuse("InvalidParameterValue", message);
        };
        let id = ids::resource(cx, "subnet");
        object.set("availability_zone", zones[at].as_str());
        object.set("availability_zone_id", ids_of_zones[at].as_str());
        object.set("arn", world.arn("ec2", &format!("subnet/{id}")));
        object.set("owner_id", &world.account);
        object.set("id", id);
        if object.str("private_dns_hostname_type_on_launch").is_empty() {
            let kind = if object.bool("ipv6_native") { "resource-name" } else { "ip-name" };
            object.set("private_dns_hostname_type_on_launch", kind);
        }
        set_association(object, cx);
        Ok(())
    }

    fn update(&self, _: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        if prior.str("ipv6_cidr_block") != object.str("ipv6_cidr_block") {
            object.set("ipv6_cidr_block_association_id", "");
        }
        set_association(object, cx);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let id = object.id();
        let among = |object: &Object, name: &str| object.strings(name).iter().any(|s| s == id);
        let network =
            |o: &Object| o.part("network_configuration").is_some_and(|n| n.strings("subnets").contains(&id.into()));
        let used = world.all("aws_lb").any(|o| among(o, "subnets"))
            || world.all("aws_nat_gateway").any(|o| o.str("subnet_id") == id)
            || world.all("aws_db_subnet_group").any(|o| among(o, "subnet_ids"))
            || world.all("aws_ecs_service").any(network);
        if used {
            return refuse("DependencyViolation", format!("The subnet '{id}' has dependencies and cannot be deleted."));
        }
        let associations = world.records.entry("aws_route_table_association".into()).or_default();
        associations.retain(|_, association| association.str("subnet_id") != id);
        Ok(())
    }
}

fn set_association(object: &mut Object, cx: &mut Cx<'_>) {
    if object.str("ipv6_cidr_block").is_empty() {
        object.set("ipv6_cidr_block_association_id", "");
    } else if object.str("ipv6_cidr_block_association_id").is_empty() {
        object.set("ipv6_cidr_block_association_id", ids::resource(cx, "subnet-cidr-assoc"));
    }
}

/// The availability zones of a region.
pub(in crate::world) fn zones(region: &str) -> [String; 3] {
    ["a", "b", "c"].map(|zone| format!("{region}{zone}"))
}

/// The ids of the availability zones of a region: `euw1-az1`.
pub(in crate::world) fn zone_ids(region: &str) -> [String; 3] {
    let parts: Vec<&str> = region.split('-').collect();
    let short: String = match &parts[..] {
        [area, middle @ .., place, number] => {
            let middle: String = middle.iter().filter_map(|part| part.chars().next()).collect();
            let sides = ["north", "south", "east", "west", "central"].into_iter();
            let mut found: Vec<(usize, &str)> = sides.filter_map(|side| Some((place.find(side)?, side))).collect();
            found.sort_unstable();
            let place: String = found.iter().map(|(_, side)| &side[..1]).collect();
            format!("{area}{middle}{place}{number}")
        }
        _ => region.to_string(),
    };
    ["az1", "az2", "az3"].map(|zone| format!("{short}-{zone}"))
}

impl World {
    /// A VPC, or AWS's way of saying that there is none.
    pub(in crate::world) fn vpc(&self, id: &str) -> Result<&Object, Failure> {
        self.need("aws_vpc", id, "InvalidVpcID.NotFound", format!("The vpc ID '{id}' does not exist"))
    }

    /// A subnet, or AWS's way of saying that there is none.
    pub(in crate::world) fn subnet(&self, id: &str) -> Result<&Object, Failure> {
        let message = format!("The subnet ID '{id}' does not exist");
        self.need("aws_subnet", id, "InvalidSubnetID.NotFound", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_ids_of_their_region() {
        for (region, wanted) in [
            ("eu-west-1", "euw1-az1"),
            ("ap-southeast-2", "apse2-az1"),
            ("us-gov-east-1", "usge1-az1"),
            ("ca-central-1", "cac1-az1"),
        ] {
            assert_eq!(zone_ids(region)[0], wanted);
        }
    }
}
