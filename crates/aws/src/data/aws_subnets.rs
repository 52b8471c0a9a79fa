//! `aws_subnets`: the ids of subnets.

use async_trait::async_trait;
use aws_sdk_ec2::types::Subnet;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::ec2;
use crate::error::Doing;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let mut filters = ec2::tag_filters(&object.map("tags"));
        filters.extend(ec2::filter_blocks(object));
        let call = aws.ec2().describe_subnets().set_filters(Some(filters).filter(|f| !f.is_empty()));
        let found: Result<Vec<Subnet>, _> = call.into_paginator().page_size(1000).items().send().collect().await;
        let ids: Vec<String> =
            found.doing("reading EC2 Subnets")?.into_iter().filter_map(|subnet| subnet.subnet_id).collect();
        object.set("id", &aws.meta().region);
        object.set("ids", ids);
        if object.map("tags").is_empty() {
            object.unset("tags");
        }
        Ok(())
    }
}
