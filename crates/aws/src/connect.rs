//! From the provider block to a connection: region, credentials, retries, endpoints, and who is calling.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::imds;
use aws_config::profile::{self, ProfileFileCredentialsProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_sts::error::SdkError;
use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider as TlsProvider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::os_shim_internal::{Env, Fs};
use infra_catalog::partition;
use infra_provider::Problem;
use infra_value::{Path, Value};

use crate::client::Caller;
use crate::credentials::{AssumedRole, WebIdentityRole};
use crate::error::{cause, chain, said};
use crate::reach::telling;
use crate::settings::{Settings, settings};
use crate::{Aws, Observed};

/// How often a call is tried.
const ATTEMPTS: u32 = 25;
/// How often the first call is tried: whoever sits before an unreachable endpoint should not wait for minutes.
const FIRST_CALL_ATTEMPTS: u32 = 3;

/// Connects with the settings of a `provider "aws"` block (unset attributes null; unknown ones count as unset).
///
/// # Errors
/// No region, no credentials, credentials that AWS does not take, an account that is not allowed.
pub async fn connect(config: &Value) -> Result<Aws, Vec<Problem>> {
    connect_as(config, "provider block").await
}

/// The same with such settings from another block, which messages then name.
///
/// # Errors
/// As those of [`connect`].
pub async fn connect_as(config: &Value, block: &'static str) -> Result<Aws, Vec<Problem>> {
    let settings = settings(config, &|name| std::env::var(name).ok().filter(|v| !v.is_empty()))?;
    let settings = Settings { block, ..settings };
    check_endpoints(&settings, std::env::var("AWS_ENDPOINT_URL").ok()).map_err(|problem| vec![problem])?;
    let sdk = sdk_config(&settings).await.map_err(|problem| vec![problem])?;
    check_region(&settings, &sdk).map_err(|problem| vec![problem])?;
    let aws = Aws::new(sdk, settings.endpoints.clone()).with_tags(settings.tags.clone());
    if settings.skip_account && settings.skip_credentials_validation {
        return Ok(aws);
    }
    match caller(&aws).await {
        Ok(caller) => {
            check_account(&settings, &caller.account).map_err(|problem| vec![problem])?;
            let caller = if settings.skip_account { Caller::default() } else { caller };
            Ok(aws.with_caller(caller))
        }
        // Without the account ARNs cannot be told, which only some types need.
        Err(error) if settings.skip_credentials_validation && !no_credentials(&error) => {
            tracing::warn!(error = chain(&error), "the AWS account could not be found out");
            Ok(aws)
        }
        Err(error) => {
            let missing = if no_credentials(&error) { missing_profile(&settings).await } else { None };
            Err(vec![missing.unwrap_or_else(|| explain(&error, &settings))])
        }
    }
}

/// Who calls.
pub(crate) async fn caller(aws: &Aws) -> Result<Caller, SdkError<GetCallerIdentityError>> {
    let retries = RetryConfig::standard().with_max_attempts(FIRST_CALL_ATTEMPTS);
    let quick = aws_sdk_sts::config::Config::builder().retry_config(retries);
    let answer = aws.sts().get_caller_identity().customize().config_override(quick).send().await?;
    Ok(Caller {
        account: answer.account.unwrap_or_default(),
        arn: answer.arn.unwrap_or_default(),
        user_id: answer.user_id.unwrap_or_default(),
    })
}

async fn sdk_config(settings: &Settings) -> Result<SdkConfig, Problem> {
    let attempts = settings.attempts.unwrap_or(ATTEMPTS).max(1);
    let retries = if settings.adaptive { RetryConfig::adaptive() } else { RetryConfig::standard() };
    let retries = retries.with_max_attempts(attempts).with_initial_backoff(Duration::from_millis(500));
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http_client(settings)?).retry_config(retries);
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    let files = profile_files(settings);
    if let Some(files) = &files {
        loader = loader.profile_files(files.clone());
    }
    if settings.dual_stack {
        loader = loader.use_dual_stack(true);
    }
    if settings.fips {
        loader = loader.use_fips(true);
    }
    if let Some(keys) = &settings.keys {
        loader = loader.credentials_provider(Credentials::new(
            &keys.access,
            &keys.secret,
            keys.token.clone(),
            None,
            "block",
        ));
    }
    let mut sdk = loader.load().await;
    if settings.keys.is_none()
        && let Some(provider) = own_credentials(settings, &sdk, files).await
    {
        sdk = sdk.into_builder().credentials_provider(provider).build();
    }
    Ok(assume(settings, sdk))
}

/// The credentials of a profile that the block names (which then goes before the environment), or the usual ones with
/// another idea of the metadata service; `None` for the usual ones.
async fn own_credentials(
    settings: &Settings,
    sdk: &SdkConfig,
    files: Option<EnvConfigFiles>,
) -> Option<SharedCredentialsProvider> {
    let mut context = ProviderConfig::default().with_region(sdk.region().cloned());
    if let Some(client) = sdk.http_client() {
        context = context.with_http_client(client);
    }
    if let Some(profile) = &settings.profile {
        let mut builder = ProfileFileCredentialsProvider::builder().configure(&context).profile_name(profile);
        if let Some(files) = files {
            builder = builder.profile_files(files);
        }
        return Some(SharedCredentialsProvider::new(builder.build()));
    }
    if files.is_some() {
        // The usual chain can only be made anew with the usual files.
        return None;
    }
    let endpoint = match &settings.metadata_endpoint {
        // A port on which nothing listens: asking it costs nothing.
        _ if settings.skip_metadata => "http://127.0.0.1:9",
        Some(endpoint) => endpoint,
        None => return None,
    };
    let metadata = imds::Client::builder()
        .configure(&context)
        .endpoint(endpoint)
        .ok()?
        .max_attempts(1)
        .connect_timeout(Duration::from_secs(1))
        .build();
    let chain = DefaultCredentialsChain::builder().imds_client(metadata).configure(context).build().await;
    Some(SharedCredentialsProvider::new(chain))
}

/// The same configuration with the credentials of the roles, each taken with those before it.
fn assume(settings: &Settings, mut sdk: SdkConfig) -> SdkConfig {
    let sts = |sdk: &SdkConfig| {
        let mut config = aws_sdk_sts::config::Builder::from(sdk).interceptor(Observed);
        if let Some(region) = &settings.sts_region {
            config = config.region(Region::new(region.clone()));
        }
        if let Some(url) = settings.endpoints.get("sts") {
            config = config.endpoint_url(url);
        }
        config
    };
    if let Some(identity) = settings.web_identity.clone().filter(|i| !i.role.arn.is_empty()) {
        let client = aws_sdk_sts::Client::from_conf(sts(&sdk).allow_no_auth().build());
        let provider = SharedCredentialsProvider::new(WebIdentityRole { client, identity });
        sdk = sdk.into_builder().credentials_provider(provider).build();
    }
    for role in settings.roles.clone() {
        let client = aws_sdk_sts::Client::from_conf(sts(&sdk).build());
        let provider = SharedCredentialsProvider::new(AssumedRole { client, role });
        sdk = sdk.into_builder().credentials_provider(provider).build();
    }
    sdk
}

fn profile_files(settings: &Settings) -> Option<EnvConfigFiles> {
    if settings.config_files.is_empty() && settings.credentials_files.is_empty() {
        return None;
    }
    let mut files = EnvConfigFiles::builder();
    if settings.config_files.is_empty() {
        files = files.include_default_config_file(true);
    }
    if settings.credentials_files.is_empty() {
        files = files.include_default_credentials_file(true);
    }
    for file in &settings.config_files {
        files = files.with_file(EnvConfigFileKind::Config, at_home(file));
    }
    for file in &settings.credentials_files {
        files = files.with_file(EnvConfigFileKind::Credentials, at_home(file));
    }
    Some(files.build())
}

/// `~/x` as a path.
fn at_home(path: &str) -> std::path::PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => path.into(),
    }
}

/// One pool of connections for all services.
fn http_client(settings: &Settings) -> Result<SharedHttpClient, Problem> {
    let bad =
        |name: &'static str, why: String| Problem::error(format!("Invalid {name}"), why).at(Path::attribute(name));
    let mut proxy = match (&settings.https_proxy, &settings.http_proxy) {
        (Some(url), _) => ProxyConfig::https(url.as_str()).map_err(|e| bad("https_proxy", chain(&e)))?,
        (None, Some(url)) => ProxyConfig::all(url.as_str()).map_err(|e| bad("http_proxy", chain(&e)))?,
        (None, None) => ProxyConfig::from_env(),
    };
    if let Some(rules) = &settings.no_proxy {
        proxy = proxy.no_proxy(rules);
    }
    let mut tls = TlsContext::builder();
    if let Some(file) = &settings.ca_bundle {
        let pem = std::fs::read(file).map_err(|e| bad("custom_ca_bundle", format!("Reading {file}: {e}.")))?;
        tls = tls.with_trust_store(TrustStore::default().with_pem_certificate(pem));
    }
    let tls = tls.build().map_err(|e| bad("custom_ca_bundle", chain(&e)))?;
    let client = aws_smithy_http_client::Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = aws_smithy_http_client::Connector::builder();
        connector.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector
            .proxy_config(proxy.clone())
            .tls_provider(TlsProvider::Rustls(CryptoMode::AwsLc))
            .tls_context(tls.clone())
            .build()
    });
    Ok(telling(client))
}

/// Whether the word before the number is one that regions have: of a region that is misspelled, only the network would
/// tell, after a while.
fn names_a_direction(region: &str) -> bool {
    let word = region.rsplit('-').nth(1).unwrap_or_default();
    ["central", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"].contains(&word)
}

/// An address that is none would be told only in the words of the HTTP client.
fn check_endpoints(settings: &Settings, everywhere: Option<String>) -> Result<(), Problem> {
    let of_block =
        settings.endpoints.iter().map(|(service, url)| (format!("endpoints.{service} in the {}", settings.block), url));
    let everywhere = everywhere.filter(|url| !url.is_empty());
    let all = everywhere.iter().map(|url| ("AWS_ENDPOINT_URL".to_string(), url)).chain(of_block);
    let is_url = |url: &str| {
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
    };
    match all.into_iter().find(|(_, url)| !is_url(url)) {
        None => Ok(()),
        Some((place, url)) => {
            let detail =
                format!("{place} is {url:?}, which is no URL. Write it like https://host:port, or take it out.");
            Err(Problem::error("Invalid AWS endpoint", detail))
        }
    }
}

fn check_region(settings: &Settings, sdk: &SdkConfig) -> Result<(), Problem> {
    let Some(region) = sdk.region() else {
        let detail = format!(
            "Looked at: region in the {}, AWS_REGION, AWS_DEFAULT_REGION, the profile.\nName one, for example \
             AWS_REGION=eu-west-1.",
            settings.block
        );
        return Err(Problem::error("No AWS region", detail));
    };
    let known = !partition::of_region(region.as_ref()).name.is_empty() && names_a_direction(region.as_ref());
    if !settings.skip_region_validation && !known {
        let detail = format!(
            "{:?} is not a region of AWS. Correct it, or set skip_region_validation = true if it is meant.",
            region.as_ref()
        );
        return Err(Problem::error("Invalid AWS Region", detail));
    }
    Ok(())
}

fn check_account(settings: &Settings, account: &str) -> Result<(), Problem> {
    let listed = |list: &[String]| list.iter().any(|a| a == account);
    let (name, why) = if listed(&settings.forbidden_accounts) {
        ("forbidden_account_ids", "is one of the forbidden ones")
    } else if !settings.allowed_accounts.is_empty() && !listed(&settings.allowed_accounts) {
        ("allowed_account_ids", "is none of the allowed ones")
    } else {
        return Ok(());
    };
    let detail = format!("The credentials are of account {account}, which {why} ({name} in the {}).", settings.block);
    Err(Problem::error("AWS account not allowed", detail))
}

/// Nothing was found: either nobody had any, or only the last to be asked, the instance's metadata service, was there
/// and had none.
fn no_credentials(error: &SdkError<GetCallerIdentityError>) -> bool {
    match cause::<CredentialsError>(error) {
        Some(CredentialsError::CredentialsNotLoaded(_)) => true,
        Some(own) => chain(own).contains("IMDS"),
        None => false,
    }
}

/// That the profile that was named does not exist.
async fn missing_profile(settings: &Settings) -> Option<Problem> {
    let given = settings.profile.clone().map(|name| (name, format!("profile in the {}", settings.block)));
    let (name, by) = given.or_else(|| Some((std::env::var("AWS_PROFILE").ok()?, "AWS_PROFILE".into())))?;
    let files = profile_files(settings).unwrap_or_default();
    // What cannot be read is told by the error that there is already.
    let found = profile::load(&Fs::real(), &Env::real(), &files, None).await.ok()?;
    if found.get_profile(&name).is_some() {
        return None;
    }
    let mut known: Vec<&str> = found.profiles().collect();
    known.sort_unstable();
    let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
    let detail = format!(
        "There is no profile {name:?} ({by}) in the shared configuration and credentials files. There are: {known}."
    );
    Some(Problem::error("No such AWS profile", detail))
}

/// Why the first call failed, and what to do.
fn explain(error: &SdkError<GetCallerIdentityError>, settings: &Settings) -> Problem {
    let text = said(error);
    if no_credentials(error) {
        let places = match (&settings.web_identity, &settings.profile) {
            (Some(_), _) => format!("assume_role_with_web_identity in the {}", settings.block),
            (_, Some(profile)) => format!("profile {profile:?} in the shared configuration and credentials files"),
            _ => {
                let profile = std::env::var("AWS_PROFILE").unwrap_or_else(|_| "default".into());
                format!(
                    "the environment, profile {profile:?} in the shared configuration and credentials files, web \
                     identity, container and instance role"
                )
            }
        };
        let detail = format!("Looked at: {places}.\nName a profile (AWS_PROFILE=...) or log in (aws sso login).");
        return Problem::error("No AWS credentials", detail);
    }
    if let Some(own) = cause::<CredentialsError>(error) {
        let why = chain(own);
        let why = why.trim_end_matches('.');
        let detail = format!("{why}.\nLog in again (aws sso login), or name another profile (AWS_PROFILE=...).");
        return Problem::error("AWS credentials could not be loaded", detail);
    }
    if let SdkError::ServiceError(_) = error {
        let code = error.code().unwrap_or("an error");
        let message = error.message().unwrap_or_default();
        let request = error.meta().extra("aws_request_id").map(|id| format!(" (request {id})")).unwrap_or_default();
        let answer = format!("AWS answered {code} to GetCallerIdentity{request}: {message:?}.");
        return match code {
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Problem::error(
                "AWS credentials have expired",
                format!("{answer}\nLog in again (aws sso login), or get new keys."),
            ),
            "InvalidClientTokenId" | "SignatureDoesNotMatch" | "UnrecognizedClientException" | "AuthFailure" => {
                Problem::error(
                    "AWS does not take these credentials",
                    format!("{answer}\nThe key may be wrong, deleted, or of another partition."),
                )
            }
            // What has no code is no answer of AWS.
            "an error" => {
                let status =
                    error.raw_response().map(|answer| format!(" with HTTP status {}", answer.status().as_u16()));
                let detail = format!(
                    "What answered GetCallerIdentity{} does not seem to be AWS.\nCheck a proxy, and AWS_ENDPOINT_URL or \
                     endpoints in the {} if one is set.",
                    status.unwrap_or_default(),
                    settings.block
                );
                Problem::error("AWS credentials could not be checked", detail)
            }
            _ => Problem::error("AWS credentials could not be checked", answer),
        };
    }
    let detail = format!(
        "Asking STS who is calling: {text}.\nCheck the network, the region, a proxy, and AWS_ENDPOINT_URL or endpoints \
         in the {} if one is set.",
        settings.block
    );
    Problem::error("AWS cannot be reached", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_that_is_misspelled_is_told_before_the_network_is_asked() {
        for region in
            ["eu-west-1", "ap-southeast-7", "us-gov-east-1", "cn-northwest-1", "us-isob-east-1", "mx-central-1"]
        {
            assert!(names_a_direction(region), "{region}");
        }
        for region in ["eu-wets-1", "zz", "eu-1", ""] {
            assert!(!names_a_direction(region), "{region}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url() {
        let told = |url: &str, ec2: &str| {
            let endpoints = [("ec2".to_string(), ec2.to_string())].into_iter().collect();
            let settings = Settings { block: "provider block", endpoints, ..Settings::default() };
            check_endpoints(&settings, Some(url.to_string())).err().map(|problem| problem.detail).unwrap_or_default()
        };
        assert_eq!(told("", "https://x"), "");
        assert_eq!(told("http://127.0.0.1:1", "http://y/z"), "");
        assert!(told("not a url", "https://x").starts_with("AWS_ENDPOINT_URL is \"not a url\""));
        assert!(told("", "localhost:4566").starts_with("endpoints.ec2 in the provider block is \"localhost:4566\""));
    }
}
