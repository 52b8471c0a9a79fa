//! `aws_route` on the EC2 API.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Route, RouteOrigin};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::ec2::routes::{self, Destination, TARGETS, Target};
use crate::resource::{ResourceType, changed};
use crate::{Aws, ec2};

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let found = ec2::route_tables(aws, objects.iter().map(|o| o.str("route_table_id").to_string())).await;
        let one = |mut object: Object| {
            let table = found.get(object.str("route_table_id"))?;
            let route = table.zip(destination(&object)).and_then(|(table, d)| Some((routes::find(table, &d)?, d)));
            Ok(route.map(|(route, destination)| {
                fill(&mut object, route, &destination);
                object
            }))
        };
        objects.into_iter().map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let table = object.str("route_table_id").to_string();
        let (destination, target) = both(object)?;
        let found = routes::table(aws, &table).await?;
        let made = |route: &&Route| route.origin() == Some(&RouteOrigin::CreateRoute);
        if found.as_ref().and_then(|t| routes::find(t, &destination)).filter(made).is_some() {
            let text = destination.text();
            return Err(Failure {
                code: Some("RouteAlreadyExists".into()),
                ..Failure::new(
                    "creating Route",
                    format!("Route in Route Table ({table}) with destination ({text}) already exists"),
                )
            });
        }
        let limit = cx.timeouts.of("create");
        routes::request(aws, &table, &destination, &target, limit).await?;
        object.set("id", id(&table, &destination));
        (cx.checkpoint)(object);
        routes::ready(aws, &table, &destination, &target, limit).await
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let (destination, _) = both(planned)?;
        let mut made = planned.clone();
        made.set("id", id(planned.str("route_table_id"), &destination));
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let kind = TARGETS.into_iter().find(|kind| !object.str(kind).is_empty() && changed(prior, object, &[kind]));
        let (Some(kind), Some(destination)) = (kind, destination(object)) else { return Ok(()) };
        let target = Target { kind, id: object.str(kind).to_string() };
        routes::replace(aws, object.str("route_table_id"), &destination, &target, cx.timeouts.of("update")).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let Some(destination) = destination(object) else { return Ok(()) };
        match routes::delete(aws, object.str("route_table_id"), &destination, cx.timeouts.of("delete")).await {
            Err(failure)
                if failure.is(&["InvalidParameterValue"]) && failure.message.contains("cannot remove local route") =>
            {
                Ok(())
            }
            answer => answer,
        }
    }
}

fn destination(object: &Object) -> Option<Destination> {
    Destination::new(
        object.str("destination_cidr_block"),
        object.str("destination_ipv6_cidr_block"),
        object.str("destination_prefix_list_id"),
    )
}

fn both(object: &Object) -> Result<(Destination, Target), Failure> {
    match (destination(object), Target::of(|name| object.raw(name).as_str().unwrap_or(""))) {
        (Some(destination), Some(target)) => Ok((destination, target)),
        (None, _) => Err(Failure::new("creating Route", "it has no destination")),
        (_, None) => Err(Failure::new("creating Route", "it has no target")),
    }
}

fn id(table: &str, destination: &Destination) -> String {
    format!("r-{table}{}", crc32fast::hash(destination.text().as_bytes()))
}

fn fill(object: &mut Object, route: &Route, destination: &Destination) {
    object.set("id", id(object.str("route_table_id"), destination));
    for kind in TARGETS {
        object.set(kind, routes::target(route, kind));
    }
    object.set("destination_cidr_block", route.destination_cidr_block());
    // The spelling of the configuration stays.
    if !matches!(destination, Destination::V6(_)) {
        object.set("destination_ipv6_cidr_block", route.destination_ipv6_cidr_block());
    }
    object.set("destination_prefix_list_id", route.destination_prefix_list_id());
    object.set("instance_id", route.instance_id());
    object.set("instance_owner_id", route.instance_owner_id());
    object.set("origin", route.origin().map(|o| o.as_str()));
    object.set("state", route.state().map(|s| s.as_str()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_table_and_the_hash_of_the_destination() {
        assert_eq!(id("rtb-0abc", &Destination::V4("0.0.0.0/0".into())), "r-rtb-0abc1080289494");
    }
}
