//! The `provider "aws"` block as settings.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_catalog::tag_rules;
use infra_provider::plan::TagRules;
use infra_provider::{Part, Problem};
use infra_value::{Path, Value};

/// Settings of the provider block; what is unset or unknown is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// What messages call the block.
    pub block: &'static str,
    pub region: Option<String>,
    pub sts_region: Option<String>,
    pub profile: Option<String>,
    pub keys: Option<Keys>,
    pub roles: Vec<Role>,
    pub web_identity: Option<WebIdentity>,
    pub endpoints: BTreeMap<String, String>,
    pub attempts: Option<u32>,
    pub adaptive: bool,
    pub allowed_accounts: Vec<String>,
    pub forbidden_accounts: Vec<String>,
    pub skip_credentials_validation: bool,
    pub skip_region_validation: bool,
    pub skip_account: bool,
    pub skip_metadata: bool,
    pub metadata_endpoint: Option<String>,
    pub config_files: Vec<String>,
    pub credentials_files: Vec<String>,
    pub ca_bundle: Option<String>,
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub dual_stack: bool,
    pub fips: bool,
    pub tags: TagRules,
}

/// Static credentials.
#[derive(Clone)]
pub(crate) struct Keys {
    pub access: String,
    pub secret: String,
    pub token: Option<String>,
}

impl std::fmt::Debug for Keys {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.access)
    }
}

/// A role to take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Role {
    pub arn: String,
    pub session: Option<String>,
    pub duration: Option<i32>,
    pub external_id: Option<String>,
    pub policy: Option<String>,
    pub policy_arns: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub transitive_tags: Vec<String>,
    pub source_identity: Option<String>,
}

/// A role to take with a token of an identity provider.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebIdentity {
    pub role: Role,
    pub token: Option<String>,
    pub token_file: Option<String>,
}

/// Reads the block.
pub(crate) fn settings(config: &Value, env: &dyn Fn(&str) -> Option<String>) -> Result<Settings, Vec<Problem>> {
    let block = Part::new(config);
    let mut problems = Vec::new();
    if block.bool("insecure") {
        let problem = Problem::error(
            "Unverified TLS is not supported",
            "The certificates of AWS and of endpoints are always checked. Name the authority that signed yours with \
             custom_ca_bundle.",
        );
        problems.push(problem.at(Path::attribute("insecure")));
    }
    let keys = match (block.opt_str("access_key"), block.opt_str("secret_key")) {
        (Some(access), Some(secret)) => Some(Keys { access, secret, token: block.opt_str("token") }),
        (None, None) => None,
        (found, _) => {
            let (there, lacking) =
                if found.is_some() { ("access_key", "secret_key") } else { ("secret_key", "access_key") };
            let problem = Problem::error("Incomplete AWS credentials", format!("{there} is set, {lacking} is not."));
            problems.push(problem.at(Path::attribute(lacking)));
            None
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let attempts = match block.opt_i32("max_retries") {
        Some(n) => u32::try_from(n).ok(),
        None => env("AWS_MAX_ATTEMPTS").and_then(|n| n.parse().ok()),
    };
    Ok(Settings {
        block: "provider block",
        region: block.opt_str("region"),
        sts_region: block.opt_str("sts_region"),
        profile: block.opt_str("profile"),
        keys,
        roles: block.parts("assume_role").iter().map(role).filter(|r| !r.arn.is_empty()).collect(),
        web_identity: block.part("assume_role_with_web_identity").map(|part| WebIdentity {
            role: role(&part),
            token: part.opt_str("web_identity_token"),
            token_file: part.opt_str("web_identity_token_file"),
        }),
        endpoints: endpoints(&block),
        attempts,
        adaptive: block.opt_str("retry_mode").or_else(|| env("AWS_RETRY_MODE")).as_deref() == Some("adaptive"),
        allowed_accounts: block.strings("allowed_account_ids"),
        forbidden_accounts: block.strings("forbidden_account_ids"),
        skip_credentials_validation: block.bool("skip_credentials_validation"),
        skip_region_validation: block.bool("skip_region_validation"),
        skip_account: block.bool("skip_requesting_account_id"),
        // A text in the schema, so that "not set" can be told from "false".
        skip_metadata: block.str("skip_metadata_api_check") == "true" || block.bool("skip_metadata_api_check"),
        metadata_endpoint: block.opt_str("ec2_metadata_service_endpoint"),
        config_files: block.strings("shared_config_files"),
        credentials_files: block.strings("shared_credentials_files"),
        ca_bundle: block.opt_str("custom_ca_bundle").or_else(|| env("AWS_CA_BUNDLE")),
        http_proxy: block.opt_str("http_proxy"),
        https_proxy: block.opt_str("https_proxy"),
        no_proxy: block.opt_str("no_proxy"),
        dual_stack: block.bool("use_dualstack_endpoint"),
        fips: block.bool("use_fips_endpoint"),
        tags: tag_rules(&block, env),
    })
}

fn role(part: &Part<'_>) -> Role {
    Role {
        arn: part.str("role_arn").to_string(),
        session: part.opt_str("session_name"),
        duration: seconds(part.str("duration")),
        external_id: part.opt_str("external_id"),
        policy: part.opt_str("policy"),
        policy_arns: part.strings("policy_arns"),
        tags: part.map("tags"),
        transitive_tags: part.strings("transitive_tag_keys"),
        source_identity: part.opt_str("source_identity"),
    }
}

/// `1h30m` as seconds.
fn seconds(text: &str) -> Option<i32> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let (unit, after) = rest[digits..].split_at(1);
        total += Duration::from_secs(match unit {
            "h" => number.checked_mul(3600)?,
            "m" => number.checked_mul(60)?,
            "s" => number,
            _ => return None,
        });
        rest = after;
    }
    i32::try_from(total.as_secs()).ok().filter(|s| *s > 0)
}

fn endpoints(block: &Part<'_>) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for part in block.parts("endpoints") {
        for (service, url) in part.value().members().into_iter().flatten() {
            if let Some(url) = url.as_str().filter(|u| !u.is_empty()) {
                all.insert(service.to_string(), url.to_string());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(members: Vec<(&str, Value)>) -> Value {
        Value::object(members.into_iter().map(|(k, v)| (k.to_string(), v)))
    }

    #[test]
    fn nested_blocks_and_the_environment_become_settings() {
        let role = block(vec![("role_arn", "arn:aws:iam::1:role/a".into()), ("duration", "1h30m".into())]);
        let tags = block(vec![("tags", block(vec![("Env", "dev".into())]))]);
        let ends = block(vec![("ec2", "http://localhost:1".into()), ("sts", "".into())]);
        let config = block(vec![
            ("assume_role", Value::tuple([role])),
            ("default_tags", Value::tuple([tags])),
            ("endpoints", Value::tuple([ends])),
            ("max_retries", 3_i64.into()),
        ]);
        let env = |name: &str| (name == "TF_AWS_IGNORE_TAGS_KEYS").then(|| "a, b".to_string());
        let read = settings(&config, &env).unwrap_or_default();
        assert_eq!(read.roles[0].duration, Some(5400));
        assert_eq!(read.tags.defaults.get("Env").map(String::as_str), Some("dev"));
        assert_eq!(read.tags.ignore_keys, ["a", "b"]);
        assert_eq!(read.endpoints.keys().collect::<Vec<_>>(), ["ec2"]);
        assert_eq!(read.attempts, Some(3));
    }

    #[test]
    fn half_a_pair_of_keys_is_an_error() {
        let config = block(vec![("access_key", "AKIA".into())]);
        let problems = settings(&config, &|_| None).err().unwrap_or_default();
        assert_eq!(problems[0].detail, "access_key is set, secret_key is not.");
    }
}
