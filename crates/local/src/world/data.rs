//! Data sources, from what is recorded.

use std::collections::BTreeMap;

use infra_catalog::{partition, policy};
use infra_provider::{Failure, Object};
use infra_value::Value;

use super::facts::SecretVersion;
use super::types::CURRENT;
use super::{Cx, World, types};

type Read = fn(&World, &mut Object, &Cx<'_>) -> Result<(), Failure>;

/// The code of a data source.
pub(super) fn find(ty: &str) -> Option<Read> {
    Some(match ty {
        "aws_availability_zones" => availability_zones,
        "aws_caller_identity" => caller_identity,
        "aws_iam_policy_document" => |_, object, _| policy::write_document(object),
        "aws_partition" => aws_partition,
        "aws_region" => region,
        "aws_secretsmanager_secret_version" => secret_version,
        "aws_ssm_parameter" => parameter,
        "aws_subnets" => subnets,
        "aws_vpc" => vpc,
        _ => return None,
    })
}

fn availability_zones(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let (left_out, left_out_ids) = (object.strings("exclude_names"), object.strings("exclude_zone_ids"));
    let zones = types::zones(&world.region).into_iter().zip(types::zone_ids(&world.region));
    let filters = filters(object);
    let wanted = zones.filter(|(name, id)| {
        let told = |filter: &str| match filter {
            "zone-name" => Some(name.clone()),
            "zone-id" => Some(id.clone()),
            "zone-type" => Some("availability-zone".to_string()),
            "region-name" | "group-name" => Some(world.region.clone()),
            "opt-in-status" => Some("opt-in-not-required".to_string()),
            "state" => Some("available".to_string()),
            _ => None,
        };
        let state = object.opt_str("state").is_none_or(|state| state == "available");
        state && !left_out.contains(name) && !left_out_ids.contains(id) && passes(&filters, told)
    });
    let (names, zone_ids): (Vec<String>, Vec<String>) = wanted.unzip();
    object.set("id", &world.region);
    object.set("group_names", names.iter().map(|_| world.region.clone()).collect::<Vec<_>>());
    object.set("names", names);
    object.set("zone_ids", zone_ids);
    Ok(())
}

fn caller_identity(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    object.set("id", &world.account);
    object.set("account_id", &world.account);
    object.set("arn", world.global_arn("iam", "root"));
    object.set("user_id", &world.account);
    Ok(())
}

fn aws_partition(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let found = partition::of_region(&world.region);
    object.set("id", found.name);
    object.set("partition", found.name);
    object.set("dns_suffix", found.dns_suffix);
    object.set("reverse_dns_prefix", found.reverse_dns_prefix);
    Ok(())
}

fn region(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let found = partition::find_region(object.str("name"), object.str("endpoint"), &world.region);
    let (name, description) = found.map_err(|message| Failure::new("reading AWS Region", message))?;
    object.set("id", name);
    object.set("name", name);
    object.set("endpoint", partition::endpoint(name));
    object.set("description", description);
    Ok(())
}

fn secret_version(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let secret = object.str("secret_id").to_string();
    let stage = object.opt_str("version_stage").unwrap_or_else(|| CURRENT.to_string());
    let wanted = object.opt_str("version_id");
    let id = format!("{secret}|{}", wanted.as_ref().unwrap_or(&stage));
    let (arn, version_id, version) = version_of(world, &secret, wanted, &stage)?;
    object.set("created_date", version.created_date());
    object.set("secret_string", version.string.clone());
    object.set("secret_binary", version.binary.clone());
    object.set("version_id", version_id);
    object.set("version_stage", stage);
    object.set("version_stages", version.stages.iter().cloned().collect::<Vec<_>>());
    object.set("arn", arn);
    object.set("id", id);
    Ok(())
}

/// A version of a secret by its id, or else by its stage: with the secret's ARN and the version's id.
pub(super) fn version_of<'w>(
    world: &'w World,
    secret: &str,
    wanted: Option<String>,
    stage: &str,
) -> Result<(String, &'w String, &'w SecretVersion), Failure> {
    let id = format!("{secret}|{}", wanted.as_deref().unwrap_or(stage));
    let none = || Failure::new(format!("reading Secrets Manager Secret Version ({id})"), "couldn't find resource");
    let arn = world.secret_arn(secret).map_err(|_| none())?;
    let versions = world.facts.secrets.get(&arn).ok_or_else(none)?;
    let found = match &wanted {
        Some(wanted) => versions.get_key_value(wanted),
        None => versions.iter().find(|(_, version)| version.stages.contains(stage)),
    };
    let (version_id, version) = found.ok_or_else(none)?;
    Ok((arn, version_id, version))
}

fn parameter(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let name = object.str("name").to_string();
    let decrypt = object.opt_bool("with_decryption").unwrap_or(true);
    let none = || Failure::new(format!("reading SSM Parameter ({name})"), "couldn't find resource");
    let (arn, kind, value, version) = match world.get("aws_ssm_parameter", &name) {
        Some(found) => {
            let value = world.facts.parameters.get(&name).cloned().unwrap_or_default();
            (found.str("arn").to_string(), found.str("type").to_string(), value, found.int("version"))
        }
        None => {
            let value = public_parameter(&name).ok_or_else(none)?;
            let partition = partition::of_region(&world.region).name;
            (format!("arn:{partition}:ssm:{}::parameter{name}", world.region), "String".to_string(), value, 1)
        }
    };
    object.set("with_decryption", decrypt);
    object.set("id", &name);
    object.set("arn", arn);
    object.set("insecure_value", Some(value.clone()).filter(|_| kind != "SecureString"));
    object.set("value", value);
    object.set("type", kind);
    object.set("version", version);
    Ok(())
}

/// Parameters that AWS has for everybody: images of machines, by names that say what they are.
fn public_parameter(name: &str) -> Option<String> {
    let rest = name.strip_prefix("/aws/service/")?;
    let families = ["ami-amazon-linux-latest/", "ami-windows-latest/", "ecs/optimized-ami/", "eks/optimized-ami/"];
    let family = families.into_iter().find(|family| rest.starts_with(family))?;
    let image = format!("ami-0{:08x}{:08x}", crc32fast::hash(name.as_bytes()), crc32fast::hash(rest.as_bytes()));
    match (family.starts_with("ecs/"), rest.ends_with("/image_id")) {
        // Without its last part it tells all of the image.
        (true, false) => Some(
            serde_json::json!({ "image_id": image, "image_name": rest.replace('/', "-"), "os": "Amazon Linux" })
                .to_string(),
        ),
        _ => Some(image),
    }
}

fn subnets(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let filters = filters(object);
    let found = world.all("aws_subnet").filter(|subnet| {
        passes(&filters, |name| match name {
            "availability-zone" | "availabilityZone" => Some(subnet.str("availability_zone").to_string()),
            "availability-zone-id" => Some(subnet.str("availability_zone_id").to_string()),
            "cidr-block" | "cidr" | "cidrBlock" => Some(subnet.str("cidr_block").to_string()),
            "default-for-az" => Some("false".to_string()),
            "map-public-ip-on-launch" => Some(subnet.bool("map_public_ip_on_launch").to_string()),
            "owner-id" => Some(world.account.clone()),
            "state" => Some("available".to_string()),
            "subnet-id" => Some(subnet.id().to_string()),
            "vpc-id" => Some(subnet.str("vpc_id").to_string()),
            name => tag(subnet, name),
        })
    });
    let ids: Vec<String> = found.map(|subnet| subnet.id().to_string()).collect();
    object.set("id", &world.region);
    object.set("ids", ids);
    Ok(())
}

fn vpc(world: &World, object: &mut Object, _: &Cx<'_>) -> Result<(), Failure> {
    let mut filters = filters(object);
    for (attribute, name) in
        [("id", "vpc-id"), ("cidr_block", "cidr"), ("dhcp_options_id", "dhcp-options-id"), ("state", "state")]
    {
        filters.extend(object.opt_str(attribute).map(|value| (name.to_string(), vec![value])));
    }
    if object.bool("default") {
        filters.push(("isDefault".to_string(), vec!["true".to_string()]));
    }
    let found: Vec<&Object> = world
        .all("aws_vpc")
        .filter(|vpc| {
            passes(&filters, |name| match name {
                "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => Some(vpc.str("cidr_block").to_string()),
                "dhcp-options-id" => Some(vpc.str("dhcp_options_id").to_string()),
                "isDefault" | "is-default" => Some("false".to_string()),
                "owner-id" => Some(world.account.clone()),
                "state" => Some("available".to_string()),
                "vpc-id" => Some(vpc.id().to_string()),
                name => tag(vpc, name),
            })
        })
        .collect();
    let found = match found[..] {
        [found] => found.clone(),
        [] => return Err(Failure::new("", "no matching EC2 VPC found")),
        _ => {
            let message = "multiple EC2 VPCs matched; use additional constraints to reduce matches to a single EC2 VPC";
            return Err(Failure::new("", message));
        }
    };
    for name in [
        "id",
        "arn",
        "owner_id",
        "cidr_block",
        "dhcp_options_id",
        "instance_tenancy",
        "enable_dns_hostnames",
        "enable_dns_support",
        "enable_network_address_usage_metrics",
        "main_route_table_id",
        "ipv6_association_id",
        "ipv6_cidr_block",
    ] {
        object.set(name, found.raw(name).clone());
    }
    object.set("default", false);
    let association = format!("vpc-cidr-assoc-{}", found.id().trim_start_matches("vpc-"));
    let block = Value::object([
        ("association_id", Value::string(association)),
        ("cidr_block", found.raw("cidr_block").clone()),
        ("state", "associated".into()),
    ]);
    object.set("cidr_block_associations", vec![block]);
    object.set("tags", found.map("tags_all"));
    Ok(())
}

type Filters = Vec<(String, Vec<String>)>;

/// What `filter` blocks and `tags` ask for.
fn filters(object: &Object) -> Filters {
    let blocks = object.parts("filter").into_iter().map(|part| (part.str("name").to_string(), part.strings("values")));
    let tags: BTreeMap<String, String> = object.map("tags");
    blocks.chain(tags.into_iter().map(|(key, value)| (format!("tag:{key}"), vec![value]))).collect()
}

/// Whether each filter has a value that fits what is told. A filter that nothing is told of lets nothing through.
fn passes(filters: &Filters, told: impl Fn(&str) -> Option<String>) -> bool {
    filters.iter().all(|(name, values)| told(name).is_some_and(|told| values.iter().any(|value| fits(value, &told))))
}

fn tag(object: &Object, filter: &str) -> Option<String> {
    let tags = object.map("tags_all");
    match filter {
        "tag-key" => tags.into_keys().next(),
        name => tags.get(name.strip_prefix("tag:")?).cloned(),
    }
}

/// Whether a text fits a pattern with `*` and `?`.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pattern_left = pattern.chars();
    match pattern_left.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern_left.as_str();
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| fits(rest, &text[at..]))
        }
        Some(letter) => {
            let mut text_left = text.chars();
            text_left.next().is_some_and(|found| letter == '?' || letter == found)
                && fits(pattern_left.as_str(), text_left.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_know_wildcards() {
        for (pattern, text, wanted) in
            [("a*", "abc", true), ("*", "", true), ("?b*", "abc", true), ("a", "ab", false), ("*x", "abc", false)]
        {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn images_have_fixed_names_and_other_parameters_are_not_there() {
        let image = public_parameter("/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id");
        assert!(image.is_some_and(|image| image.starts_with("ami-0") && image.len() == 21));
        assert_eq!(public_parameter("/aws/service/global-infrastructure/regions"), None);
        assert_eq!(public_parameter("/mine"), None);
    }
}
