//! The settings of a `backend "s3"` block.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use infra_provider::{Part, Problem};
use infra_value::{Path, Value, convert};
use md5::{Digest, Md5};

use crate::arguments::{ARGUMENTS, Argument, argument_type};
use crate::checks;
use crate::keys::Keys;

/// What workspaces other than `default` are stored under.
const WORKSPACE_KEY_PREFIX: &str = "env:";
/// How often a call is tried.
const MAX_RETRIES: i64 = 5;
/// What `endpoints` has in place of older arguments and variables.
const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("dynamodb", "dynamodb_endpoint", "AWS_DYNAMODB_ENDPOINT"),
    ("iam", "iam_endpoint", "AWS_IAM_ENDPOINT"),
    ("s3", "endpoint", "AWS_S3_ENDPOINT"),
    ("sts", "sts_endpoint", "AWS_STS_ENDPOINT"),
];
/// Arguments that mean the same to a provider block.
const OF_THE_CONNECTION: &[&str] = &[
    "access_key",
    "allowed_account_ids",
    "forbidden_account_ids",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "profile",
    "region",
    "retry_mode",
    "secret_key",
    "shared_config_files",
    "skip_credentials_validation",
    "skip_metadata_api_check",
    "skip_region_validation",
    "skip_requesting_account_id",
    "sts_region",
    "token",
    "use_dualstack_endpoint",
    "use_fips_endpoint",
    "custom_ca_bundle",
];

/// How objects are encrypted where they are stored.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Encryption {
    /// As the bucket is set to.
    Bucket,
    /// With S3's own key.
    S3,
    /// With a key of KMS.
    Kms(String),
    /// With a key that goes along with each call, in base64.
    Customer { key: String, digest: String },
}

/// The settings of a `backend "s3"` block, checked.
#[derive(Clone)]
pub struct S3Settings {
    pub(crate) bucket: String,
    pub(crate) keys: Keys,
    pub(crate) encryption: Encryption,
    pub(crate) acl: Option<String>,
    pub(crate) lockfile: bool,
    pub(crate) table: Option<String>,
    pub(crate) checksum: bool,
    pub(crate) path_style: bool,
    pub(crate) endpoints: BTreeMap<String, String>,
    /// What a provider block would have to hold to connect in this way.
    pub(crate) connection: Value,
    warnings: Vec<Problem>,
}

impl fmt::Debug for S3Settings {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let S3Settings { bucket, keys, lockfile, table, .. } = self;
        f.debug_struct("S3Settings")
            .field("bucket", bucket)
            .field("keys", keys)
            .field("lockfile", lockfile)
            .field("table", table)
            .finish_non_exhaustive()
    }
}

impl S3Settings {
    /// From the arguments of the block, by name; null is as good as not given, and texts are converted. What the
    /// environment says about AWS is looked up.
    ///
    /// # Errors
    /// What is missing, unknown, not possible, or not supported.
    pub fn from_attributes(attributes: &BTreeMap<String, Value>) -> Result<S3Settings, Vec<Problem>> {
        from_attributes(attributes, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// What somebody should know about the block: arguments that are deprecated.
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }
}

type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

fn from_attributes(attributes: &BTreeMap<String, Value>, env: Environment<'_>) -> Result<S3Settings, Vec<Problem>> {
    let mut found = Found::default();
    let block = found.typed(attributes);
    if !found.problems.is_empty() {
        return Err(found.problems);
    }
    let part = Part::new(&block);
    found.problems.extend(checks::all(&part));
    if part.opt_str("region").is_none() && env("AWS_REGION").or_else(|| env("AWS_DEFAULT_REGION")).is_none() {
        found.problem(
            "region",
            "Missing region value",
            "Set region in the backend block, or AWS_REGION or AWS_DEFAULT_REGION in the environment.",
        );
    }
    let encryption = found.encryption(&part, env);
    let endpoints = found.endpoints(&part, env);
    found.deprecated(&part, "force_path_style", "use_path_style");
    found.deprecated(&part, "shared_credentials_file", "shared_credentials_files");
    found.deprecated(&part, "dynamodb_table", "use_lockfile");
    if !found.problems.is_empty() {
        return Err(found.problems);
    }
    let prefix = part.raw("workspace_key_prefix").as_str().unwrap_or(WORKSPACE_KEY_PREFIX);
    Ok(S3Settings {
        bucket: part.str("bucket").to_string(),
        keys: Keys::new(part.str("bucket"), part.str("key"), prefix),
        encryption,
        acl: part.opt_str("acl"),
        lockfile: part.bool("use_lockfile"),
        table: part.opt_str("dynamodb_table"),
        checksum: !part.bool("skip_s3_checksum"),
        path_style: part.bool("use_path_style") || part.bool("force_path_style"),
        connection: connection(&part, &endpoints, env),
        endpoints,
        warnings: found.warnings,
    })
}

/// What is found while the block is read.
#[derive(Default)]
struct Found {
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Found {
    fn problem(&mut self, name: &str, summary: &str, detail: impl Into<String>) {
        self.problems.push(Problem::error(summary, detail).at(Path::attribute(name)));
    }

    fn deprecated(&mut self, part: &Part<'_>, old: &str, new: &str) {
        if part.is_set(old) {
            let detail = format!("{old} is deprecated. Use {new} instead.");
            self.warnings.push(Problem::warning("Deprecated Parameter", detail).at(Path::attribute(old)));
        }
    }

    /// The arguments in their types; unknown ones are problems.
    fn typed(&mut self, attributes: &BTreeMap<String, Value>) -> Value {
        let mut typed = Vec::new();
        for (name, value) in attributes {
            let value = value.unmark_deep().0;
            let Some(ty) = argument_type(name) else {
                self.problem(name, "Unsupported argument", format!("An S3 backend has no argument {name:?}."));
                continue;
            };
            if value.is_null() {
                continue;
            }
            if !value.is_wholly_known() {
                self.problem(name, "Invalid backend configuration", format!("The value of {name} is not known."));
                continue;
            }
            self.unknown_members(name, &value);
            match convert(&value, &ty) {
                Ok(value) => typed.push((name.clone(), value)),
                Err(error) => {
                    let detail = format!("{name} cannot be used: {}.", error.message);
                    self.problem(name, "Invalid backend configuration", detail);
                }
            }
        }
        Value::object(typed)
    }

    /// Attributes of an object that it cannot have: a conversion would drop them.
    fn unknown_members(&mut self, name: &str, value: &Value) {
        let argument = ARGUMENTS.iter().find(|(known, _)| *known == name);
        let (Some((_, Argument::Object(known))), Some(members)) = (argument, value.members()) else { return };
        for member in members.keys().filter(|member| !known.iter().any(|(k, _)| *k == &***member)) {
            let detail = format!("{name} has no attribute {member:?}.");
            let at = Path::attribute(name).attr(member.clone());
            self.problems.push(Problem::error("Unsupported argument", detail).at(at));
        }
    }

    fn encryption(&mut self, part: &Part<'_>, env: Environment<'_>) -> Encryption {
        let kms = part.opt_str("kms_key_id");
        let (name, given) = match (part.raw("sse_customer_key").as_str(), env("AWS_SSE_CUSTOMER_KEY")) {
            (Some(given), _) => ("sse_customer_key", Some(given.to_string())),
            (None, given) => ("AWS_SSE_CUSTOMER_KEY", given),
        };
        if kms.is_some() && name == "AWS_SSE_CUSTOMER_KEY" && given.is_some() {
            self.problems.push(Problem::error(
                "Invalid encryption configuration",
                "kms_key_id is for encryption with a key of KMS, and AWS_SSE_CUSTOMER_KEY in the environment for \
                 encryption with a key of your own. Set one of them.",
            ));
        }
        let customer = given.as_deref().map(|key| (key, BASE64.decode(key)));
        let customer = match customer {
            None => None,
            Some((key, Ok(bytes))) if bytes.len() == 32 => {
                Some(Encryption::Customer { key: key.to_string(), digest: BASE64.encode(Md5::digest(&bytes)) })
            }
            Some(_) => {
                let detail = format!("{name} has to be a key of 256 bits in base64: 44 characters.");
                let problem = Problem::error(format!("Invalid {name} value"), detail);
                self.problems.push(if name == "sse_customer_key" {
                    problem.at(Path::attribute(name))
                } else {
                    problem
                });
                None
            }
        };
        match (part.bool("encrypt"), kms, customer) {
            // As Terraform has it: without `encrypt` the keys are not used.
            (false, kms, customer) => {
                if kms.is_some() || customer.is_some() {
                    let key = if kms.is_some() { "kms_key_id" } else { name };
                    let detail = format!("{key} is only used with encrypt = true.");
                    self.warnings.push(Problem::warning("The state is not encrypted with the key", detail));
                }
                Encryption::Bucket
            }
            (true, Some(key), _) => Encryption::Kms(key),
            (true, None, Some(customer)) => customer,
            (true, None, None) => Encryption::S3,
        }
    }

    fn endpoints(&mut self, part: &Part<'_>, env: Environment<'_>) -> BTreeMap<String, String> {
        let nested = part.part("endpoints");
        let nested = |service: &str| nested.as_ref().and_then(|part| part.opt_str(service));
        if nested("sso").is_some() {
            let at = Path::attribute("endpoints").attr("sso");
            let detail = "endpoints.sso is not supported. Set AWS_ENDPOINT_URL_SSO in the environment instead.";
            self.problems.push(Problem::error("Unsupported argument", detail).at(at));
        }
        let mut endpoints = BTreeMap::new();
        for (service, old, variable) in ENDPOINTS {
            let new_variable = format!("AWS_ENDPOINT_URL_{}", service.to_uppercase());
            self.deprecated(part, old, &format!("endpoints.{service}"));
            if part.is_set(old) && nested(service).is_some() {
                let detail = format!("{old} and endpoints.{service} are the same setting. Set the latter.");
                self.problem(old, "Conflicting Parameters", detail);
            }
            let found = nested(service).or_else(|| part.opt_str(old)).or_else(|| match env(&new_variable) {
                // The SDK looks at it too; here it goes before the older name.
                Some(url) => Some(url),
                None => env(variable).inspect(|_| {
                    let detail = format!("{variable} is deprecated. Use {new_variable} instead.");
                    self.warnings.push(Problem::warning("Deprecated Environment Variable", detail));
                }),
            });
            if let Some(url) = found {
                if !is_url(&url) {
                    let detail = format!("{url:?} is no address for {service}: write it with a scheme and a host.");
                    self.problem("endpoints", "Invalid Value", detail);
                }
                endpoints.insert((*service).to_string(), url);
            }
        }
        endpoints
    }
}

pub(crate) fn is_url(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty() && !rest.starts_with('/'))
}

/// The settings as those of a provider block, which knows how to connect.
fn connection(part: &Part<'_>, endpoints: &BTreeMap<String, String>, env: Environment<'_>) -> Value {
    let mut block: BTreeMap<&str, Value> =
        OF_THE_CONNECTION.iter().map(|name| (*name, part.raw(name).clone())).collect();
    if let (None, Some(file)) = (part.opt_str("shared_config_files"), env("AWS_SHARED_CONFIG_FILE"))
        && !part.is_set("shared_config_files")
    {
        block.insert("shared_config_files", Value::strings([file]));
    }
    let files = match part.opt_str("shared_credentials_file") {
        Some(file) => Value::strings([file]),
        None => part.raw("shared_credentials_files").clone(),
    };
    block.insert("shared_credentials_files", files);
    let tries = part.raw("max_retries").as_i64().unwrap_or(MAX_RETRIES).max(1);
    block.insert("max_retries", tries.into());
    let metadata = part.opt_str("ec2_metadata_service_endpoint").or_else(|| env("AWS_METADATA_URL"));
    if let Some(url) = metadata {
        block.insert("ec2_metadata_service_endpoint", url.as_str().into());
    }
    for name in ["assume_role", "assume_role_with_web_identity"] {
        if let Some(role) = part.part(name) {
            block.insert(name, Value::tuple([with_seconds(role.value())]));
        }
    }
    let endpoints = endpoints.iter().map(|(service, url)| (service.as_str(), url.as_str().into()));
    block.insert("endpoints", Value::tuple([Value::object(endpoints)]));
    Value::object(block)
}

/// A role with its duration in whole seconds.
fn with_seconds(role: &Value) -> Value {
    let members = role.members().into_iter().flatten().map(|(name, value)| {
        let seconds = value.as_str().filter(|_| &**name == "duration").and_then(infra_catalog::parse_duration);
        let value = seconds.map_or_else(|| value.clone(), |d| Value::string(format!("{}s", d.as_secs())));
        (name.clone(), value)
    });
    Value::object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=";

    /// Arguments, and variables of the environment.
    type Given<'a> = &'a [(&'a str, Value)];
    type Env<'a> = &'a [(&'a str, &'a str)];

    fn read(more: &[(&str, Value)], env: &[(&str, &str)]) -> Result<S3Settings, Vec<Problem>> {
        let mut block: BTreeMap<String, Value> =
            [("bucket", "b"), ("key", "k"), ("region", "eu-west-1")].map(|(k, v)| (k.into(), v.into())).into();
        block.extend(more.iter().map(|(name, value)| (name.to_string(), value.clone())));
        let env: BTreeMap<&str, &str> = env.iter().copied().collect();
        from_attributes(&block, &|name| env.get(name).map(|value| value.to_string()))
    }

    fn object(members: &[(&str, &str)]) -> Value {
        Value::object(members.iter().map(|(name, value)| (name.to_string(), Value::string(value))))
    }

    #[test]
    fn what_is_wrong_is_named() {
        let null = || Value::null(infra_value::Type::Dynamic);
        let role = "arn:aws:iam::123456789012:role/a";
        let table: &[(Given<'_>, &str, &str)] = &[
            (&[("bucket", null())], "bucket", "Missing Required Value"),
            (&[("bucket", " ".into())], "bucket", "Invalid Value"),
            (&[("key", null())], "key", "Missing Required Value"),
            (&[("key", "/a".into())], "key", "Invalid Value"),
            (&[("key", "a/".into())], "key", "Invalid Value"),
            (&[("key", "a//b".into())], "key", "Invalid Value"),
            (&[("region", null())], "region", "Missing region value"),
            (&[("region", "".into())], "region", "Missing region value"),
            (&[("workspace_key_prefix", "/a".into())], "workspace_key_prefix", "Invalid Value"),
            (&[("workspace_key_prefix", "a/".into())], "workspace_key_prefix", "Invalid Value"),
            (&[("kms_key_id", "mine".into())], "kms_key_id", "Invalid KMS Key ID"),
            (&[("kms_key_id", "arn:aws:kms:eu-west-1:1:mine".into())], "kms_key_id", "Invalid KMS Key ARN"),
            (&[("sse_customer_key", "short".into())], "sse_customer_key", "Invalid sse_customer_key value"),
            (&[("encrypt", "maybe".into())], "encrypt", "Invalid backend configuration"),
            (&[("lock_table", "t".into())], "lock_table", "Unsupported argument"),
            (&[("insecure", true.into())], "insecure", "Unsupported argument"),
            (&[("retry_mode", "legacy".into())], "retry_mode", "Invalid Value"),
            (&[("ec2_metadata_service_endpoint", "host".into())], "ec2_metadata_service_endpoint", "Invalid Value"),
            (
                &[("ec2_metadata_service_endpoint_mode", "v6".into())],
                "ec2_metadata_service_endpoint_mode",
                "Invalid Value",
            ),
            (
                &[("ec2_metadata_service_endpoint_mode", "IPv6".into())],
                "ec2_metadata_service_endpoint_mode",
                "Unsupported argument",
            ),
            (&[("endpoint", "localhost".into())], "endpoints", "Invalid Value"),
            (&[("endpoints", object(&[("sso", "http://a")]))], "endpoints.sso", "Unsupported argument"),
            (&[("endpoints", object(&[("ec2", "http://a")]))], "endpoints.ec2", "Unsupported argument"),
            (
                &[("endpoint", "http://a".into()), ("endpoints", object(&[("s3", "http://a")]))],
                "endpoint",
                "Conflicting Parameters",
            ),
            (
                &[("assume_role", object(&[("session_name", "deploy")]))],
                "assume_role.role_arn",
                "Missing Required Value",
            ),
            (&[("assume_role", object(&[("role_arn", "a")]))], "assume_role.role_arn", "Invalid ARN"),
            (
                &[("assume_role", object(&[("role_arn", "arn:aws:iam::1:user/a")]))],
                "assume_role.role_arn",
                "Invalid IAM Role ARN",
            ),
            (
                &[("assume_role", object(&[("role_arn", role), ("duration", "5m")]))],
                "assume_role.duration",
                "Invalid Duration",
            ),
            (
                &[("assume_role", object(&[("role_arn", role), ("external_id", "x")]))],
                "assume_role.external_id",
                "Invalid Value Length",
            ),
            (
                &[("assume_role", object(&[("role_arn", role), ("session_name", "a b")]))],
                "assume_role.session_name",
                "Invalid Value",
            ),
            (
                &[("assume_role", object(&[("role_arn", role), ("policy", "no")]))],
                "assume_role.policy",
                "Invalid IAM Policy Document",
            ),
            (
                &[("assume_role_with_web_identity", object(&[("role_arn", role)]))],
                "assume_role_with_web_identity",
                "Missing Required Value",
            ),
        ];
        for (given, at, summary) in table {
            let problems = read(given, &[]).err().unwrap_or_default();
            let told: Vec<(String, &str)> =
                problems.iter().map(|problem| (problem.path.to_string(), problem.summary.as_str())).collect();
            let told: Vec<(&str, &str)> = told.iter().map(|(path, summary)| (path.as_str(), *summary)).collect();
            assert_eq!(told, [(*at, *summary)], "{given:?}");
        }
    }

    #[test]
    fn two_arguments_that_exclude_each_other_are_an_error() {
        let kms = "alias/state";
        let table: &[(Given<'_>, Env<'_>, &str)] = &[
            (&[("kms_key_id", kms.into()), ("sse_customer_key", KEY.into())], &[], "Invalid Attribute Combination"),
            (&[("kms_key_id", kms.into())], &[("AWS_SSE_CUSTOMER_KEY", KEY)], "Invalid encryption configuration"),
            (&[], &[("AWS_SSE_CUSTOMER_KEY", "x")], "Invalid AWS_SSE_CUSTOMER_KEY value"),
            (
                &[("force_path_style", true.into()), ("use_path_style", true.into())],
                &[],
                "Invalid Attribute Combination",
            ),
            (
                &[("allowed_account_ids", Value::strings(["1"])), ("forbidden_account_ids", Value::strings(["2"]))],
                &[],
                "Invalid Attribute Combination",
            ),
        ];
        for (given, env, summary) in table {
            let problems = read(given, env).err().unwrap_or_default();
            assert_eq!(problems.iter().map(|p| p.summary.as_str()).collect::<Vec<_>>(), [*summary], "{given:?}");
        }
    }

    #[test]
    fn texts_are_converted_and_the_key_decides_how_objects_are_encrypted() {
        let none: Env<'_> = &[];
        let customer = Encryption::Customer { key: KEY.into(), digest: "dnF5x6K/8ZZRzpfSlMMM+w==".into() };
        let table: &[(Given<'_>, Env<'_>, Encryption)] = &[
            (&[], none, Encryption::Bucket),
            (&[("encrypt", "true".into())], none, Encryption::S3),
            (&[("encrypt", true.into()), ("kms_key_id", "alias/a".into())], none, Encryption::Kms("alias/a".into())),
            (&[("encrypt", true.into()), ("sse_customer_key", KEY.into())], none, customer.clone()),
            (&[("encrypt", true.into())], &[("AWS_SSE_CUSTOMER_KEY", KEY)], customer),
            (&[("sse_customer_key", KEY.into())], none, Encryption::Bucket),
        ];
        for (given, env, wanted) in table {
            let settings = read(given, env).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert!(settings.encryption == *wanted, "{given:?}");
        }
    }

    #[test]
    fn what_is_deprecated_works_and_is_told() {
        let given: &[(&str, Value)] = &[
            ("endpoint", "http://127.0.0.1:1".into()),
            ("force_path_style", "true".into()),
            ("dynamodb_table", "locks".into()),
        ];
        let settings = read(given, &[("AWS_STS_ENDPOINT", "http://127.0.0.1:2")]).unwrap_or_else(|p| panic!("{p:?}"));
        assert_eq!(settings.endpoints["s3"], "http://127.0.0.1:1");
        assert_eq!(settings.endpoints["sts"], "http://127.0.0.1:2");
        assert!(settings.path_style);
        assert_eq!(settings.warnings().len(), 4);
        assert!(!format!("{settings:?}").contains("127"));
    }

    #[test]
    fn a_duration_reaches_the_connection_in_seconds() {
        let role = object(&[("role_arn", "arn:aws:iam::123456789012:role/a"), ("duration", "1h0.5m")]);
        let settings = read(&[("assume_role", role)], &[]).unwrap_or_else(|p| panic!("{p:?}"));
        let roles = settings.connection.get("assume_role").and_then(|roles| roles.elements()?.first().cloned());
        let duration = roles.and_then(|role| role.get("duration").cloned());
        assert_eq!(duration, Some("3630s".into()));
    }
}
