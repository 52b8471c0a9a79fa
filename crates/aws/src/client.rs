//! The connection: one client a service, made when it is first used, over one pool of HTTP connections.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_types::SdkConfig;
use infra_provider::plan::Meta;
use tokio::sync::OwnedMutexGuard;

use crate::calls::Calls;

/// AWS, reached with the settings of one provider block.
pub struct Aws {
    sdk: SdkConfig,
    /// Addresses from the `endpoints` block, by service.
    endpoints: BTreeMap<String, String>,
    meta: Meta,
    caller: Caller,
    clients: Clients,
    shared: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// Whose credentials are used.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// 12 digits
    pub account: String,
    /// The user's or role session's ARN.
    pub arn: String,
    /// Its unique id.
    pub user_id: String,
}

impl Aws {
    pub(crate) fn new(sdk: SdkConfig, endpoints: BTreeMap<String, String>) -> Aws {
        let region = sdk.region().map(ToString::to_string).unwrap_or_default();
        let partition = infra_catalog::partition::of_region(&region).name.to_string();
        Aws {
            sdk,
            endpoints,
            meta: Meta { region, partition, ..Meta::default() },
            caller: Caller::default(),
            clients: Clients::default(),
            shared: Mutex::default(),
            locks: Mutex::default(),
        }
    }

    pub(crate) fn with_caller(mut self, caller: Caller) -> Aws {
        self.meta.account.clone_from(&caller.account);
        self.caller = caller;
        self
    }

    pub(crate) fn with_tags(mut self, tags: infra_provider::plan::TagRules) -> Aws {
        self.meta.tags = tags;
        self
    }

    /// What clients of other services are made from: credentials, region, retries, the pool of connections.
    pub fn sdk_config(&self) -> &SdkConfig {
        &self.sdk
    }

    /// Region, partition, account, tag settings.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Who calls, if that was asked for at the start.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// `arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1`; the account is the caller's.
    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        self.arn_of(service, &self.meta.account, resource)
    }

    /// The same for an object of another account.
    pub(crate) fn arn_of(&self, service: &str, account: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{account}:{resource}", self.meta.partition, self.meta.region)
    }

    /// What types keep for as long as the connection lasts (usually [`crate::batch::Loader`]s), made when first asked
    /// for.
    pub(crate) fn shared<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shared.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        drop(shared);
        entry.downcast().unwrap_or_default()
    }

    /// Waits until nobody else holds the lock of this name: for changes to one object that the API does not order.
    pub(crate) async fn lock(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.entry(name.to_string()).or_default().clone()
        };
        lock.lock_owned().await
    }

    /// The Resource Groups Tagging API, and whether it is to be believed in what it leaves out: not where services have
    /// addresses of their own, and this one has none. Then an emulator is asked, and those know little of it.
    pub(crate) fn tagging(&self) -> (&aws_sdk_resourcegroupstagging::Client, bool) {
        let named =
            self.endpoint(TAGGING).is_some() || std::env::var_os(TAGGING_URL).is_some_and(|url| !url.is_empty());
        (self.any_tagging(), named || self.lags())
    }

    /// Whether what was just made may be missing in lists for some seconds: AWS itself is like that, an emulator is not.
    pub(crate) fn lags(&self) -> bool {
        self.endpoints.values().map(String::as_str).chain(self.sdk.endpoint_url()).all(is_of_aws)
    }

    fn endpoint(&self, names: &[&str]) -> Option<&String> {
        names.iter().find_map(|name| self.endpoints.get(*name))
    }
}

/// Whether an address is one of AWS itself, such as that of an endpoint in a VPC.
fn is_of_aws(url: &str) -> bool {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest).split(['/', ':', '?']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| host.ends_with(domain))
}

/// What the endpoint of the Resource Groups Tagging API is called in a provider block.
const TAGGING: &[&str] = &["resourcegroupstaggingapi", "resourcegroupstagging"];
/// And in the environment.
const TAGGING_URL: &str = "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API";

/// Retries are bounded by their number and slowed down by their pauses, not by a budget that all calls share.
fn retry_partition(service: &'static str) -> RetryPartition {
    RetryPartition::custom(service).token_bucket(TokenBucket::unlimited()).build()
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $sdk:ident [$($key:literal),+]),* $(,)?) => {
        #[derive(Default)]
        struct Clients {
            $($name: OnceLock<$sdk::Client>),*
        }

        impl Aws {
            $(
                $(#[$doc])*
                pub(crate) fn $name(&self) -> &$sdk::Client {
                    self.clients.$name.get_or_init(|| {
                        let mut config = $sdk::config::Builder::from(&self.sdk)
                            .interceptor(Calls)
                            .interceptor(crate::Observed)
                            .interceptor(crate::repeat::Once)
                            .retry_classifier(crate::repeat::Quotas)
                            .retry_partition(retry_partition(stringify!($name)));
                        if let Some(url) = self.endpoint(&[$($key),+]) {
                            config = config.endpoint_url(url);
                        }
                        $sdk::Client::from_conf(config.build())
                    })
                }
            )*
        }
    };
}

clients! {
    /// Certificate Manager.
    acm: aws_sdk_acm ["acm"],
    /// Application Auto Scaling.
    autoscaling: aws_sdk_applicationautoscaling ["appautoscaling", "applicationautoscaling"],
    /// CloudWatch metrics and alarms.
    cloudwatch: aws_sdk_cloudwatch ["cloudwatch"],
    /// CloudWatch Logs.
    logs: aws_sdk_cloudwatchlogs ["logs", "cloudwatchlog", "cloudwatchlogs"],
    /// EC2 and VPC.
    ec2: aws_sdk_ec2 ["ec2"],
    /// ECS.
    ecs: aws_sdk_ecs ["ecs"],
    /// Elastic Load Balancing v2.
    elb: aws_sdk_elasticloadbalancingv2 ["elbv2", "elasticloadbalancingv2"],
    /// IAM.
    iam: aws_sdk_iam ["iam"],
    /// KMS.
    kms: aws_sdk_kms ["kms"],
    /// RDS.
    rds: aws_sdk_rds ["rds"],
    /// Route 53.
    route53: aws_sdk_route53 ["route53"],
    /// Secrets Manager.
    secrets: aws_sdk_secretsmanager ["secretsmanager"],
    /// SNS.
    sns: aws_sdk_sns ["sns"],
    /// Systems Manager.
    ssm: aws_sdk_ssm ["ssm"],
    /// The Resource Groups Tagging API, wherever it is.
    any_tagging: aws_sdk_resourcegroupstagging ["resourcegroupstaggingapi", "resourcegroupstagging"],
    /// STS.
    sts: aws_sdk_sts ["sts"],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_in_a_vpc_is_of_aws_and_an_emulator_is_not() {
        for (url, wanted) in [
            ("https://vpce-0a1b-2c3d.ecs.eu-west-1.vpce.amazonaws.com", true),
            ("https://rds.cn-north-1.amazonaws.com.cn:443/", true),
            ("https://kms.eu-west-1.api.aws/x", true),
            ("http://127.0.0.1:5000", false),
            ("http://localhost:4566/amazonaws.com", false),
            ("https://evil-amazonaws.com", false),
        ] {
            assert_eq!(is_of_aws(url), wanted, "{url}");
        }
    }
}
