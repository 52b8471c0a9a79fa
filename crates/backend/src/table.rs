//! Locks and digests in a table of DynamoDB: items with a `LockID`.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_types::SdkConfig;
use infra_aws::{Calls, Observed, failure};
use infra_provider::Failure;

use crate::settings::S3Settings;

const ATTEMPT: Duration = Duration::from_secs(15);
/// The key of the table.
const KEY: &str = "LockID";

/// The table.
pub(crate) struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The table that the settings name, if they do.
    pub fn new(sdk: &SdkConfig, settings: &S3Settings) -> Option<Table> {
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT).build();
        let mut config = Builder::from(sdk).interceptor(Calls).interceptor(Observed).timeout_config(timeouts);
        if let Some(url) = settings.endpoints.get("dynamodb") {
            config = config.endpoint_url(url);
        }
        Some(Table { client: Client::from_conf(config.build()), name: settings.table.clone()? })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// An attribute of an item; `None` if there is no such item or attribute.
    pub async fn get(&self, item: &str, attribute: &str) -> Result<Option<String>, Failure> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .key(KEY, text(item))
            .consistent_read(true)
            .projection_expression(format!("{KEY}, {attribute}"))
            .send()
            .await
            .map_err(|error| self.failed(failure("", &error)))?;
        let found = answer.item.and_then(|mut item| item.remove(attribute));
        Ok(found.and_then(|value| value.as_s().ok().cloned()))
    }

    /// Puts an item in the place of what there is.
    pub async fn put(&self, item: &str, attribute: &str, value: &str) -> Result<(), Failure> {
        let request = self.client.put_item().table_name(&self.name).item(KEY, text(item)).item(attribute, text(value));
        request.send().await.map(|_| ()).map_err(|error| self.failed(failure("", &error)))
    }

    /// Puts an item where there is none; false if there is one. It may be our own, if an answer was lost.
    pub async fn put_new(&self, item: &str, attribute: &str, value: &str) -> Result<bool, Failure> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .item(KEY, text(item))
            .item(attribute, text(value))
            .condition_expression(format!("attribute_not_exists({KEY})"));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(false)
            }
            Err(error) => Err(self.failed(failure("", &error))),
        }
    }

    /// Removes an item; nothing happens if there is none.
    pub async fn delete(&self, item: &str) -> Result<(), Failure> {
        let request = self.client.delete_item().table_name(&self.name).key(KEY, text(item));
        request.send().await.map(|_| ()).map_err(|error| self.failed(failure("", &error)))
    }

    fn failed(&self, mut failed: Failure) -> Failure {
        failed.doing = format!("DynamoDB table {}", self.name);
        if failed.is(&["ResourceNotFoundException"]) {
            let message = failed.message.trim_end_matches('.').to_string();
            failed.message = format!("{message}. The table has to be there, with {KEY:?} (a text) as its key.");
        }
        failed
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_string())
}
