//! `aws_route53_record`: DNS records.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_route53::types::{
    AliasTarget, Change, ChangeAction, ChangeBatch, CidrRoutingConfig, Coordinates, GeoLocation, GeoProximityLocation,
    ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use aws_smithy_types::error::operation::BuildError;
use infra_catalog::{OpContext, Trace, dns};
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::Aws;
use crate::error::Doing;
use crate::resource::{ResourceType, changed};
use crate::route53::{self, RecordKey, wait_in_sync};
use crate::wait::retry_on;

pub(crate) struct Api;

/// A zone that was just made may not be known yet; changes of a zone are made one after the other.
const NOT_YET: &[&str] = &["NoSuchHostedZone", "PriorRequestNotComplete"];
const ZONE_APPEARS: Duration = Duration::from_secs(60);

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let zones = route53::zones(aws, objects.iter().map(zone_id)).await;
        let keys: Vec<Option<RecordKey>> = objects
            .iter()
            .map(|object| {
                let zone = zones.get(&zone_id(object)).ok().flatten()?.hosted_zone()?;
                Some(key(object, zone.name()))
            })
            .collect();
        let found = route53::records(aws, keys.iter().flatten().cloned().collect()).await;
        let one = |(mut object, key): (Object, &Option<RecordKey>)| {
            zones.get(&zone_id(&object))?;
            let Some(key) = key else { return Ok(None) };
            Ok(found.get(&key.text())?.map(|record| {
                fill(&mut object, record, key);
                object
            }))
        };
        objects.into_iter().zip(&keys).map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let action = if object.bool("allow_overwrite") { ChangeAction::Upsert } else { ChangeAction::Create };
        change(aws, object, vec![(action, object)], cx.timeouts.of("create")).await?;
        // The id has the name as it is written.
        let written = cx.config.get("name").and_then(Value::as_str).unwrap_or(object.str("name")).to_lowercase();
        object.set("id", id(object, &written));
        (cx.checkpoint)(object);
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", id(planned, &planned.str("name").to_lowercase()));
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let changes = if changed(prior, object, &["type", "set_identifier"]) {
            vec![(ChangeAction::Delete, prior), (ChangeAction::Create, &*object)]
        } else {
            vec![(ChangeAction::Upsert, &*object)]
        };
        change(aws, object, changes, cx.timeouts.of("update")).await?;
        object.set("id", id(object, &object.str("name").to_lowercase()));
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let zone = zone_id(object);
        let Some(zone_name) = route53::zone_name(aws, &zone).await? else { return Ok(()) };
        let key = key(object, &zone_name);
        let Some(record) = route53::record(aws.route53(), &key).await? else { return Ok(()) };
        let doing = format!("deleting Route 53 Record ({} {})", key.name, key.ty);
        let change =
            Change::builder().action(ChangeAction::Delete).resource_record_set(record).build().doing(&doing)?;
        match send(aws, &zone, vec![change], "Deleted by Terraform", &doing).await {
            // The zone's own records cannot be deleted, and others are gone already.
            Err(failure) if failure.is(&["NoSuchHostedZone", "InvalidChangeBatch"]) => Ok(()),
            answer => wait_in_sync(aws, answer?.as_ref(), cx.timeouts.of("delete")).await,
        }
    }
}

fn zone_id(object: &Object) -> String {
    route53::bare_id(object.str("zone_id")).to_string()
}

fn key(object: &Object, zone_name: &str) -> RecordKey {
    RecordKey {
        zone: zone_id(object),
        name: dns::full(object.str("name"), zone_name),
        ty: object.str("type").to_string(),
        set_identifier: object.str("set_identifier").to_string(),
    }
}

fn id(object: &Object, name: &str) -> String {
    let (zone, ty) = (zone_id(object), object.str("type"));
    match object.str("set_identifier") {
        "" => format!("{zone}_{name}_{ty}"),
        set => format!("{zone}_{name}_{ty}_{set}"),
    }
}

/// Makes changes to the records of a zone, and waits until they are everywhere.
async fn change(
    aws: &Aws,
    object: &Object,
    changes: Vec<(ChangeAction, &Object)>,
    limit: Duration,
) -> Result<(), Failure> {
    let zone = zone_id(object);
    let doing = format!("changing Route 53 Record ({} {})", object.str("name"), object.str("type"));
    let Some(zone_name) = route53::zone_name(aws, &zone).await? else {
        return Err(Failure::new(doing, format!("there is no hosted zone {zone}")));
    };
    let changes: Result<Vec<Change>, BuildError> = changes
        .into_iter()
        .map(|(action, object)| {
            Change::builder().action(action).resource_record_set(record(object, &zone_name)?).build()
        })
        .collect();
    let answer = send(aws, &zone, changes.doing(&doing)?, "Managed by Terraform", &doing).await?;
    wait_in_sync(aws, answer.as_ref(), limit).await
}

async fn send(
    aws: &Aws,
    zone: &str,
    changes: Vec<Change>,
    comment: &str,
    doing: &str,
) -> Result<Option<aws_sdk_route53::types::ChangeInfo>, Failure> {
    let batch = ChangeBatch::builder().comment(comment).set_changes(Some(changes)).build().doing(doing)?;
    let call = aws.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch);
    let not_yet = if comment.starts_with("Deleted") { &NOT_YET[1..] } else { NOT_YET };
    let send = || async {
        let answer = call.clone().send().await;
        // What is wrong is in the messages, not in the message.
        let why = answer.as_ref().err().and_then(|error| {
            let error = error.as_service_error()?;
            let aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError::InvalidChangeBatch(
                batch,
            ) = error
            else {
                return None;
            };
            Some(batch.messages().join(", ")).filter(|text| !text.is_empty())
        });
        answer.doing(doing).map_err(|failure| match why {
            Some(message) => Failure { message, ..failure },
            None => failure,
        })
    };
    Ok(retry_on(ZONE_APPEARS, not_yet, send).await?.change_info)
}

/// The record that an object stands for.
fn record(object: &Object, zone_name: &str) -> Result<ResourceRecordSet, BuildError> {
    let ty = object.str("type");
    let quoted = |value: String| if is_quoted(ty) { format!("\"{value}\"") } else { value };
    let values = object.strings("records").into_iter().map(|v| ResourceRecord::builder().value(quoted(v)).build());
    let values: Vec<ResourceRecord> = values.collect::<Result<_, _>>()?;
    let name = dns::full(object.str("name"), zone_name).replace('*', "\\052");
    let mut record = ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::from(ty))
        .set_ttl(object.is_set("ttl").then(|| object.int("ttl")))
        .set_resource_records(Some(values).filter(|values| !values.is_empty()))
        .set_health_check_id(object.opt_str("health_check_id"))
        .set_set_identifier(object.opt_str("set_identifier"))
        .set_multi_value_answer(object.opt_bool("multivalue_answer_routing_policy").filter(|yes| *yes));
    if let Some(alias) = object.part("alias") {
        let target = AliasTarget::builder()
            .dns_name(alias.str("name"))
            .hosted_zone_id(alias.str("zone_id"))
            .evaluate_target_health(alias.bool("evaluate_target_health"));
        record = record.alias_target(target.build()?).set_ttl(None);
    }
    if let Some(cidr) = object.part("cidr_routing_policy") {
        let config = CidrRoutingConfig::builder()
            .collection_id(cidr.str("collection_id"))
            .location_name(cidr.str("location_name"));
        record = record.cidr_routing_config(config.build()?);
    }
    if let Some(failover) = object.part("failover_routing_policy") {
        record = record.failover(ResourceRecordSetFailover::from(failover.str("type")));
    }
    if let Some(place) = object.part("geolocation_routing_policy") {
        let place = GeoLocation::builder()
            .set_continent_code(place.opt_str("continent"))
            .set_country_code(place.opt_str("country"))
            .set_subdivision_code(place.opt_str("subdivision"));
        record = record.geo_location(place.build());
    }
    if let Some(place) = object.part("geoproximity_routing_policy") {
        let coordinates = place
            .part("coordinates")
            .map(|c| Coordinates::builder().latitude(c.str("latitude")).longitude(c.str("longitude")).build());
        let place = GeoProximityLocation::builder()
            .set_aws_region(place.opt_str("aws_region"))
            .set_local_zone_group(place.opt_str("local_zone_group"))
            .set_bias(place.opt_i32("bias"))
            .set_coordinates(coordinates.transpose()?);
        record = record.geo_proximity_location(place.build());
    }
    if let Some(latency) = object.part("latency_routing_policy") {
        record = record.region(ResourceRecordSetRegion::from(latency.str("region")));
    }
    if let Some(weighted) = object.part("weighted_routing_policy") {
        record = record.weight(weighted.int("weight"));
    }
    record.build()
}

/// Whether the values of a type are quoted texts.
fn is_quoted(ty: &str) -> bool {
    matches!(ty, "TXT" | "SPF")
}

fn fill(object: &mut Object, record: &ResourceRecordSet, key: &RecordKey) {
    let quoted = is_quoted(&key.ty);
    let bare = |value: &str| match quoted {
        true => value.strip_prefix('"').unwrap_or(value).strip_suffix('"').unwrap_or(value).to_string(),
        false => value.to_string(),
    };
    object.set("fqdn", dns::bare(&key.name));
    object.set("records", record.resource_records().iter().map(|r| bare(r.value())).collect::<Vec<_>>());
    object.set("ttl", record.ttl());
    object.set("health_check_id", record.health_check_id());
    object.set("set_identifier", record.set_identifier());
    object.set("multivalue_answer_routing_policy", record.multi_value_answer());
    let text = |text: &str| Some(Value::string(text));
    if let Some(alias) = record.alias_target() {
        let target = [
            ("evaluate_target_health", Some(Value::bool(alias.evaluate_target_health()))),
            ("name", text(&dns::bare(alias.dns_name()))),
            ("zone_id", text(alias.hosted_zone_id())),
        ];
        object.set("alias", vec![target]);
    }
    if let Some(cidr) = record.cidr_routing_config() {
        let config = [("collection_id", text(cidr.collection_id())), ("location_name", text(cidr.location_name()))];
        object.set("cidr_routing_policy", vec![config]);
    }
    if let Some(failover) = record.failover() {
        object.set("failover_routing_policy", vec![[("type", text(failover.as_str()))]]);
    }
    if let Some(place) = record.geo_location() {
        let place = [
            ("continent", place.continent_code().and_then(text)),
            ("country", place.country_code().and_then(text)),
            ("subdivision", place.subdivision_code().and_then(text)),
        ];
        object.set("geolocation_routing_policy", vec![place]);
    }
    if let Some(place) = record.geo_proximity_location() {
        let coordinates = place.coordinates().map(|c| {
            Value::tuple([Value::object([
                ("latitude", Value::string(c.latitude())),
                ("longitude", Value::string(c.longitude())),
            ])])
        });
        let place = [
            ("aws_region", place.aws_region().and_then(text)),
            ("bias", place.bias().map(Value::from)),
            ("coordinates", coordinates),
            ("local_zone_group", place.local_zone_group().and_then(text)),
        ];
        object.set("geoproximity_routing_policy", vec![place]);
    }
    if let Some(region) = record.region() {
        object.set("latency_routing_policy", vec![[("region", text(region.as_str()))]]);
    }
    if let Some(weight) = record.weight() {
        object.set("weighted_routing_policy", vec![[("weight", Some(Value::from(weight)))]]);
    }
}
