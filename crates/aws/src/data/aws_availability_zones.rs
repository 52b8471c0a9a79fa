//! `aws_availability_zones`: the zones of the region.

use async_trait::async_trait;
use aws_sdk_ec2::types::AvailabilityZone;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ec2;
use crate::error::Doing;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let mut filters = Vec::new();
        filters.extend(object.opt_str("state").map(|state| ec2::filter("state", [state])));
        filters.extend(ec2::filter_blocks(object));
        let call = aws
            .ec2()
            .describe_availability_zones()
            .set_all_availability_zones(object.opt_bool("all_availability_zones").filter(|all| *all))
            .set_filters(Some(filters).filter(|f| !f.is_empty()));
        let answer = call.send().await.doing("reading EC2 Availability Zones")?;
        let (names, ids) = (object.strings("exclude_names"), object.strings("exclude_zone_ids"));
        let listed = |list: &[String], text: Option<&str>| text.is_some_and(|text| list.iter().any(|l| l == text));
        let zones = answer.availability_zones.unwrap_or_default().into_iter();
        let mut zones: Vec<AvailabilityZone> =
            zones.filter(|z| !listed(&names, z.zone_name()) && !listed(&ids, z.zone_id())).collect();
        zones.sort_by(|a, b| a.zone_name.cmp(&b.zone_name));
        let all = |tell: fn(&AvailabilityZone) -> Option<&str>| -> Vec<String> {
            zones.iter().map(|zone| tell(zone).unwrap_or_default().to_string()).collect()
        };
        object.set("id", &aws.meta().region);
        object.set("names", all(AvailabilityZone::zone_name));
        object.set("zone_ids", all(AvailabilityZone::zone_id));
        object.set("group_names", all(AvailabilityZone::group_name));
        Ok(())
    }
}
