//! The AWS provider: the catalogue's types over any [`Cloud`].

mod check;
mod configured;
mod duration;
mod object;
mod private;
mod upgrade;

use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use infra_address::ProviderSource;
use infra_provider::fleet::ReleaseRules;
use infra_provider::{Attention, Configured, Problem, Provider, Remark};
use infra_schema::{Schema, parse_schema};
use infra_value::Value;

use crate::registry::OTHER_EPHEMERALS;
use crate::validate::Check;
use crate::{Cloud, PROVIDER_VERSION, catalog};
use configured::ConfiguredAws;

pub use duration::parse_duration;

/// A cloud that is being connected to.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn Cloud>, Vec<Problem>>> + Send + 'a>>;

/// `registry.terraform.io/hashicorp/aws`.
///
/// `connect` makes a cloud of the `provider "aws"` block: unset attributes are null, unknown ones count as unset.
pub struct AwsProvider<F> {
    source: ProviderSource,
    connect: F,
}

impl<F> AwsProvider<F>
where
    F: for<'a> Fn(&'a Value) -> Connecting<'a> + Send + Sync,
{
    /// The provider over the cloud that `connect` gives.
    pub fn new(connect: F) -> AwsProvider<F> {
        AwsProvider { source: ProviderSource::parse("hashicorp/aws"), connect }
    }
}

/// The schema of the `provider "aws"` block.
fn config_schema() -> &'static Schema {
    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
        // The text is part of the program, and a test parses it.
        parse_schema(include_str!("../schema/provider.json")).unwrap_or_default()
    });
    &SCHEMA
}

#[async_trait]
impl<F> Provider for AwsProvider<F>
where
    F: for<'a> Fn(&'a Value) -> Connecting<'a> + Send + Sync,
{
    fn source(&self) -> &ProviderSource {
        &self.source
    }

    fn version(&self) -> &str {
        PROVIDER_VERSION
    }

    fn config_schema(&self) -> &Schema {
        config_schema()
    }

    fn resource_schema(&self, ty: &str) -> Option<&Schema> {
        catalog().resources.get(ty).map(|t| t.schema())
    }

    fn data_schema(&self, ty: &str) -> Option<&Schema> {
        catalog().data_sources.get(ty).map(|t| t.schema())
    }

    fn ephemeral_schema(&self, ty: &str) -> Option<&Schema> {
        catalog().ephemerals.get(ty).map(|t| t.schema())
    }

    fn ephemeral_types(&self) -> (Vec<&str>, Vec<&str>) {
        (catalog().ephemerals.keys().copied().collect(), OTHER_EPHEMERALS.to_vec())
    }

    fn validate_ephemeral(&self, ty: &str, config: &Value) -> Vec<Problem> {
        match catalog().ephemerals.get(ty) {
            Some(ty) => check::data_source(ty, config),
            None => Vec::new(),
        }
    }

    fn knows(&self, ty: &str, data: bool) -> bool {
        catalog().knows(ty, data)
    }

    fn types(&self, data: bool) -> Vec<&str> {
        match data {
            true => catalog().data_sources.keys().copied().collect(),
            false => catalog().resources.keys().copied().collect(),
        }
    }

    fn validate_config(&self, config: &Value) -> Vec<Problem> {
        let mut problems = check::nulls_in_lists(config);
        let mut check = Check::new(config, &mut problems);
        check.one_of("retry_mode", &["standard", "adaptive"]);
        check.one_of("ec2_metadata_service_endpoint_mode", &["IPv4", "IPv6"]);
        check.one_of_ignoring_case("s3_us_east_1_regional_endpoint", &["legacy", "regional"]);
        check.conflict_with_each_other(&["allowed_account_ids", "forbidden_account_ids"]);
        check.each("assume_role", role);
        check.each("assume_role_with_web_identity", role);
        problems
    }

    fn validate_resource(&self, ty: &str, config: &Value) -> Vec<Problem> {
        match catalog().resources.get(ty) {
            Some(ty) => check::resource(ty, config),
            None => Vec::new(),
        }
    }

    fn validate_data(&self, ty: &str, config: &Value) -> Vec<Problem> {
        match catalog().data_sources.get(ty) {
            Some(ty) => check::data_source(ty, config),
            None => Vec::new(),
        }
    }

    fn upgrade(&self, ty: &str, version: u64, attributes: &serde_json::Value) -> Result<Value, Problem> {
        match catalog().resources.get(ty) {
            Some(ty) => upgrade::upgrade(ty, version, attributes),
            None => Err(unsupported(ty)),
        }
    }

    fn release_rules(&self) -> Option<&dyn ReleaseRules> {
        Some(&crate::releases::Rules)
    }

    fn attention(&self, change: &Attention<'_>) -> Vec<Remark> {
        crate::attention::remarks(change)
    }

    async fn configure(&self, config: &Value) -> Result<Arc<dyn Configured>, Vec<Problem>> {
        let cloud = (self.connect)(config).await?;
        Ok(Arc::new(ConfiguredAws { cloud }))
    }
}

/// What is asked of a role to assume, before anybody is asked for it.
fn role(check: &mut Check<'_>) {
    check.arn("role_arn");
    check.text("duration", |key, text| match parse_duration(text) {
        None => Some(format!("{key:?} cannot be parsed as a duration: time: invalid duration {text:?}")),
        Some(duration) if !(15 * 60..=12 * 60 * 60).contains(&duration.as_secs()) => {
            Some(format!("duration {key:?} must be between 15 minutes (15m) and 12 hours (12h), inclusive"))
        }
        Some(_) => None,
    });
    for name in ["session_name", "source_identity"] {
        check.length(name, 2..=64);
        check.matches(name, r"^[\w+=,.@\-]*$", "");
    }
    check.length("external_id", 2..=1224);
    check.json("policy");
}

fn unsupported(ty: &str) -> Problem {
    Problem::error(
        "Unsupported resource type",
        format!("infra does not support {ty}. Keep it in a configuration of its own that Terraform applies."),
    )
}
