//! Route 53 zones and records. Nothing answers for them.

use infra_catalog::dns;
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const ZONE: &str = "aws_route53_zone";
const RECORD: &str = "aws_route53_record";

fn bare_id(id: &str) -> &str {
    id.trim_start_matches("/hostedzone/")
}

pub(in crate::world) struct Zone;

impl Kind for Zone {
    fn untold(&self) -> &'static [&'static str] {
        &["force_destroy"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        complete(world, object)?;
        let id = ids::capitals(cx, "Z0", 19);
        let name = dns::bare(object.str("name"));
        object.set("name", name);
        let partition = infra_catalog::partition::of_region(&world.region).name;
        object.set("arn", format!("arn:{partition}:route53:::hostedzone/{id}"));
        let number = cx.bits() % 500;
        let ends = [(0, "com"), (512, "net"), (1024, "org"), (1536, "co.uk")];
        let private = !object.parts("vpc").is_empty();
        let server = |(base, end): (u64, &str)| match private {
            true => format!("ns-{base}.awsdns-{:02}.{end}", base / 512),
            false => format!("ns-{}.awsdns-{:02}.{end}", base + number, number % 64),
        };
        let primary = ends.map(server);
        let mut servers = primary.to_vec();
        servers.sort();
        object.set("primary_name_server", if private { &servers[0] } else { &primary[0] });
        object.set("name_servers", servers);
        object.set("zone_id", &id);
        object.set("id", id);
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        complete(world, object)
    }

    fn delete(&self, world: &mut World, prior: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let id = object.id();
        let in_it = |record: &Object| bare_id(record.str("zone_id")) == id;
        if world.all(RECORD).any(in_it) && !prior.bool("force_destroy") {
            let message =
                "The specified hosted zone contains non-required resource record sets and so cannot be deleted.";
            return refuse("HostedZoneNotEmpty", message);
        }
        world.records.entry(RECORD.into()).or_default().retain(|_, record| !in_it(record));
        Ok(())
    }
}

fn complete(world: &World, object: &mut Object) -> Result<(), Failure> {
    let mut networks = Vec::new();
    for part in object.parts("vpc") {
        let (vpc, region) = (part.str("vpc_id"), part.opt_str("vpc_region").unwrap_or_else(|| world.region.clone()));
        if region == world.region {
            let message = format!("The VPC: {vpc} that you provided is not authorized to make the association.");
            world.need("aws_vpc", vpc, "InvalidVPCId", message)?;
        }
        networks.push([("vpc_id", Some(Value::string(vpc))), ("vpc_region", Some(Value::string(region)))]);
    }
    object.set("vpc", networks);
    Ok(())
}

pub(in crate::world) struct Record;

impl Record {
    fn full(&self, world: &World, object: &Object) -> String {
        let zone = world.get(ZONE, bare_id(object.str("zone_id")));
        dns::full(object.str("name"), zone.map_or("", |zone| zone.str("name")))
    }

    fn is_same(&self, world: &World, a: &Object, b: &Object) -> bool {
        bare_id(a.str("zone_id")) == bare_id(b.str("zone_id"))
            && dns::plain(&self.full(world, a)) == dns::plain(&self.full(world, b))
            && ["type", "set_identifier"].iter().all(|name| a.str(name) == b.str(name))
    }

    fn set_id(&self, object: &mut Object, name: &str) {
        let (zone, ty) = (bare_id(object.str("zone_id")), object.str("type"));
        let id = match object.str("set_identifier") {
            "" => format!("{zone}_{name}_{ty}"),
            set => format!("{zone}_{name}_{ty}_{set}"),
        };
        object.set("id", id);
    }
}

impl Kind for Record {
    fn untold(&self) -> &'static [&'static str] {
        &["allow_overwrite"]
    }

    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        world.get(ty, object.id()).or_else(|| world.all(ty).find(|record| self.is_same(world, record, object)))
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let zone = bare_id(object.str("zone_id"));
        world.need(ZONE, zone, "NoSuchHostedZone", format!("No hosted zone found with ID: {zone}"))?;
        let full = self.full(world, object);
        let there = world.all(RECORD).find(|record| self.is_same(world, record, object)).map(|r| r.id().to_string());
        match there {
            Some(id) if object.bool("allow_overwrite") => world.forget(RECORD, &id),
            Some(_) => {
                let message = format!(
                    "[Tried to create resource record set [name='{full}.', type='{}'] but it already exists]",
                    object.str("type")
                );
                return refuse("InvalidChangeBatch", message);
            }
            None => {}
        }
        // The id has the name as it is written.
        let written = cx.config.get("name").and_then(Value::as_str).unwrap_or(object.str("name")).to_lowercase();
        self.set_id(object, &written);
        object.set("fqdn", dns::bare(&full));
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_lowercase();
        let full = self.full(world, object);
        self.set_id(object, &name);
        object.set("fqdn", dns::bare(&full));
        Ok(())
    }
}
