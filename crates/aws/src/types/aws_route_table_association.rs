//! `aws_route_table_association` on the EC2 API.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{RouteTable, RouteTableAssociation};
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::{FILTER_VALUES, in_chunks};
use crate::ec2::routes::{self, TABLE_GONE};
use crate::ec2::{self, filter};
use crate::error::Doing;
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry_on};

pub(crate) struct Api;

const BY_ID: &str = "association.route-table-association-id";

#[async_trait]
impl ResourceType for Api {
    /// An association is looked for in the table that it had; only those that are not there any more take another call.
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let tables = ec2::route_tables(aws, objects.iter().map(|o| o.str("route_table_id").to_string())).await;
        let here = |object: &Object| -> Result<Option<RouteTableAssociation>, Failure> {
            let table = tables.get(object.str("route_table_id"))?;
            let all = table.map(RouteTable::associations).unwrap_or_default();
            let subnet = |a: &RouteTableAssociation| {
                // What is imported has no id yet, but it has a target.
                let (subnet, gateway) = (object.str("subnet_id"), object.str("gateway_id"));
                let known = a.route_table_association_id() == Some(object.id());
                let imported = !object.id().starts_with("rtbassoc-");
                known
                    || (imported && !subnet.is_empty() && a.subnet_id() == Some(subnet))
                    || (imported && !gateway.is_empty() && a.gateway_id() == Some(gateway))
            };
            Ok(all.iter().find(|a| subnet(a)).cloned())
        };
        let first: Vec<_> = objects.iter().map(here).collect();
        let lost = objects.iter().zip(&first).filter(|(o, found)| matches!(found, Ok(None)) && o.id() != "");
        let lost: Vec<String> = lost.map(|(o, _)| o.id().to_string()).filter(|i| i.starts_with("rtbassoc-")).collect();
        let elsewhere = in_chunks(lost, FILTER_VALUES, |ids| async {
            let pages = aws.ec2().describe_route_tables().filters(filter(BY_ID, ids)).into_paginator().page_size(100);
            let found: Result<Vec<RouteTable>, _> = pages.items().send().collect().await;
            let found = found.doing("reading EC2 Route Table Associations")?;
            let all = found.into_iter().flat_map(|t| t.associations.unwrap_or_default());
            Ok(all.filter_map(|a| Some((a.route_table_association_id.clone()?, a))).collect::<BTreeMap<_, _>>())
                .map(|all| all.into_iter().collect())
        })
        .await;
        let one = |(mut object, found): (Object, Result<Option<RouteTableAssociation>, Failure>)| {
            let found = match found? {
                Some(found) => Some(found),
                None => elsewhere.get(object.id())?.cloned(),
            };
            Ok(found.filter(|a| state(a) != "disassociated").map(|association| {
                object.set("id", association.route_table_association_id());
                object.set("route_table_id", association.route_table_id());
                object.set("subnet_id", association.subnet_id());
                object.set("gateway_id", association.gateway_id());
                object
            }))
        };
        objects.into_iter().zip(first).map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let limit = cx.timeouts.of("create");
        let call = aws
            .ec2()
            .associate_route_table()
            .route_table_id(object.str("route_table_id"))
            .set_subnet_id(object.opt_str("subnet_id"))
            .set_gateway_id(object.opt_str("gateway_id"));
        let doing = "creating EC2 Route Table Association";
        let made = retry_on(limit, TABLE_GONE, || async { call.clone().send().await.doing(doing) }).await?;
        object.set("id", made.association_id());
        (cx.checkpoint)(object);
        associated(aws, object.id(), limit).await
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        // The read finds it by its target.
        let mut made = planned.clone();
        made.set("id", "association");
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &["route_table_id"]) {
            return Ok(());
        }
        let id = object.id().to_string();
        let call = aws.ec2().replace_route_table_association().association_id(&id);
        let call = call.route_table_id(object.str("route_table_id"));
        match call.send().await.doing(format!("updating EC2 Route Table Association ({id})")) {
            Ok(answer) => {
                object.set("id", answer.new_association_id());
                associated(aws, object.id(), cx.timeouts.of("update")).await
            }
            // It was taken away, or it is replaced already by a call that got no answer.
            Err(failure) if failure.is(&["InvalidAssociationID.NotFound"]) => {
                let table = routes::table(aws, object.str("route_table_id")).await?;
                let now = table.as_ref().and_then(|table| of_target(table, object)?.route_table_association_id());
                let Some(now) = now else { return self.create(aws, object, cx).await };
                object.set("id", now);
                associated(aws, now, cx.timeouts.of("update")).await
            }
            Err(failure) => Err(failure),
        }
    }

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        super::aws_route_table::disassociate(aws, object.id(), cx.timeouts.of("delete")).await
    }
}

/// The association of a table with the subnet or gateway of an object.
fn of_target<'a>(table: &'a RouteTable, object: &Object) -> Option<&'a RouteTableAssociation> {
    let (subnet, gateway) = (object.opt_str("subnet_id"), object.opt_str("gateway_id"));
    table.associations().iter().filter(|a| state(a) != "disassociated").find(|a| {
        (subnet.is_some() && a.subnet_id() == subnet.as_deref())
            || (gateway.is_some() && a.gateway_id() == gateway.as_deref())
    })
}

/// Some partitions do not tell a state.
pub(crate) fn state(association: &RouteTableAssociation) -> &str {
    association.association_state().and_then(|s| s.state()).map_or("associated", |s| s.as_str())
}

/// An association by its id.
pub(crate) async fn one(aws: &Aws, id: &str) -> Result<Option<RouteTableAssociation>, Failure> {
    let call = aws.ec2().describe_route_tables().filters(filter(BY_ID, [id]));
    let answer = call.send().await.doing(format!("reading EC2 Route Table Association ({id})"))?;
    let mut all = answer.route_tables.unwrap_or_default().into_iter().flat_map(|t| t.associations.unwrap_or_default());
    Ok(all.find(|a| a.route_table_association_id() == Some(id)))
}

async fn associated(aws: &Aws, id: &str, limit: Duration) -> Result<(), Failure> {
    Wait::new(format!("waiting for EC2 Route Table Association ({id}) create"), limit)
        .tolerate(1000)
        .until(|| async {
            Ok(match one(aws, id).await? {
                Some(association) => {
                    let why = association.association_state().and_then(|s| s.status_message());
                    Seen::by_state((), state(&association), &["associating"], &["associated"]).because(why)
                }
                None => Seen::Missing,
            })
        })
        .await
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{RouteTableAssociationState, RouteTableAssociationStateCode as Code};
    use infra_catalog::catalog;

    use super::*;

    #[test]
    fn the_association_of_a_subnet_is_the_one_that_holds() {
        let association = |id: &str, subnet: &str, state: Code| {
            let state = RouteTableAssociationState::builder().state(state).build();
            let association = RouteTableAssociation::builder().route_table_association_id(id).subnet_id(subnet);
            association.association_state(state).build()
        };
        let table = RouteTable::builder()
            .associations(association("rtbassoc-1", "subnet-1", Code::Disassociated))
            .associations(association("rtbassoc-2", "subnet-2", Code::Associated))
            .associations(association("rtbassoc-3", "subnet-1", Code::Associating))
            .build();
        let block = catalog().resources["aws_route_table_association"].block().clone();
        let mut object = Object::new(block.clone(), &block.empty());
        object.set("subnet_id", "subnet-1");
        let found = of_target(&table, &object).and_then(|a| a.route_table_association_id());
        assert_eq!(found, Some("rtbassoc-3"));
    }
}
