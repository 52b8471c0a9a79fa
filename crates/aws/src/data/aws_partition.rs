//! `aws_partition`: the partition of the region, from its name.

use async_trait::async_trait;
use infra_catalog::partition;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let found = partition::of_region(&aws.meta().region);
        object.set("id", found.name);
        object.set("partition", found.name);
        object.set("dns_suffix", found.dns_suffix);
        object.set("reverse_dns_prefix", found.reverse_dns_prefix);
        Ok(())
    }
}
