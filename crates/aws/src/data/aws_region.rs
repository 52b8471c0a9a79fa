//! `aws_region`: a region's endpoint and description, from a table.

use async_trait::async_trait;
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::partition::{self, REGIONS};
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let found = find(object.str("name"), object.str("endpoint"), &aws.meta().region)
            .map_err(|message| Failure::new("reading AWS Region", message))?;
        let (name, description) = found;
        object.set("id", name);
        object.set("name", name);
        object.set("endpoint", endpoint(name));
        object.set("description", description);
        Ok(())
    }
}

/// The host of EC2 in a region.
fn endpoint(region: &str) -> String {
    let domain = match partition::of_region(region).name {
        // The one partition whose hosts are not in its own domain.
        "aws-eusc" => "amazonaws.com",
        _ => partition::of_region(region).dns_suffix,
    };
    format!("ec2.{region}.{domain}")
}

fn find(name: &str, host: &str, own: &str) -> Result<(&'static str, &'static str), String> {
    let by_name = |name: &str| {
        let found = REGIONS.iter().copied().find(|(n, _)| *n == name);
        found.ok_or_else(|| format!("finding Region by name ({name}): there is no such region"))
    };
    let by_host = || {
        let found = REGIONS.iter().copied().find(|(n, _)| endpoint(n) == host);
        found.ok_or_else(|| format!("finding Region by endpoint ({host}): there is no such region"))
    };
    match (name, host) {
        ("", "") => by_name(own),
        (name, "") => by_name(name),
        ("", _) => by_host(),
        (name, _) => match (by_name(name)?, by_host()?) {
            (a, b) if a == b => Ok(a),
            _ => Err("multiple Regions matched: `name` and `endpoint` are of different regions".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_found_by_name_and_by_endpoint() {
        let ireland = ("eu-west-1", "Europe (Ireland)");
        assert_eq!(find("", "", "eu-west-1"), Ok(ireland));
        assert_eq!(find("eu-west-1", "", "us-east-1"), Ok(ireland));
        assert_eq!(find("", "ec2.eu-west-1.amazonaws.com", "us-east-1"), Ok(ireland));
        assert_eq!(endpoint("cn-north-1"), "ec2.cn-north-1.amazonaws.com.cn");
        assert_eq!(endpoint("eusc-de-east-1"), "ec2.eusc-de-east-1.amazonaws.com");
        assert!(find("xx-foo-1", "", "us-east-1").is_err());
        assert!(find("us-east-1", "ec2.eu-west-1.amazonaws.com", "us-east-1").is_err());
    }
}
