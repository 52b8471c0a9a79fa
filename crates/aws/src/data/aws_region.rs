//! `aws_region`: a region's endpoint and description, from a table.

use async_trait::async_trait;
use infra_catalog::partition::{endpoint, find_region};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let found = find_region(object.str("name"), object.str("endpoint"), &aws.meta().region)
            .map_err(|message| Failure::new("reading AWS Region", message))?;
        let (name, description) = found;
        object.set("id", name);
        object.set("name", name);
        object.set("endpoint", endpoint(name));
        object.set("description", description);
        Ok(())
    }
}
