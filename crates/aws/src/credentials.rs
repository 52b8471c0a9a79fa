//! Credentials of roles that are taken: by other credentials, or by a token of an identity provider.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, future};
use aws_sdk_sts::Client;
use aws_sdk_sts::types::{PolicyDescriptorType, Tag};

use crate::settings::{Role, WebIdentity};

/// A role that is taken with other credentials (those of the client).
#[derive(Debug)]
pub(crate) struct AssumedRole {
    pub client: Client,
    pub role: Role,
}

/// A role that is taken with a token.
#[derive(Debug)]
pub(crate) struct WebIdentityRole {
    /// Without credentials.
    pub client: Client,
    pub identity: WebIdentity,
}

impl ProvideCredentials for AssumedRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.take())
    }
}

impl ProvideCredentials for WebIdentityRole {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.take())
    }
}

impl AssumedRole {
    async fn take(&self) -> Provided {
        let role = &self.role;
        let tag = |(key, value): (&String, &String)| {
            Tag::builder().key(key).value(value).build().map_err(CredentialsError::invalid_configuration)
        };
        let answer = self
            .client
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(session_name(role))
            .set_duration_seconds(role.duration)
            .set_external_id(role.external_id.clone())
            .set_policy(role.policy.clone())
            .set_policy_arns(policy_arns(role))
            .set_tags(some(role.tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?))
            .set_transitive_tag_keys(some(role.transitive_tags.clone()))
            .set_source_identity(role.source_identity.clone())
            .send()
            .await
            .map_err(|error| refused(&role.arn, &error))?;
        credentials(answer.credentials, "assume_role")
    }
}

impl WebIdentityRole {
    async fn take(&self) -> Provided {
        let WebIdentity { role, token, token_file } = &self.identity;
        let token = match (token, token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => tokio::fs::read_to_string(file)
                .await
                .map_err(|error| CredentialsError::invalid_configuration(format!("reading {file}: {error}")))?,
            (None, None) => {
                let text = "assume_role_with_web_identity has neither a token nor a token file";
                return Err(CredentialsError::invalid_configuration(text));
            }
        };
        let answer = self
            .client
            .assume_role_with_web_identity()
            .role_arn(&role.arn)
            .role_session_name(session_name(role))
            .set_duration_seconds(role.duration)
            .set_policy(role.policy.clone())
            .set_policy_arns(policy_arns(role))
            .web_identity_token(token.trim())
            .send()
            .await
            .map_err(|error| refused(&role.arn, &error))?;
        credentials(answer.credentials, "assume_role_with_web_identity")
    }
}

fn some<T>(elements: Vec<T>) -> Option<Vec<T>> {
    Some(elements).filter(|es| !es.is_empty())
}

fn policy_arns(role: &Role) -> Option<Vec<PolicyDescriptorType>> {
    some(role.policy_arns.iter().map(|arn| PolicyDescriptorType::builder().arn(arn).build()).collect())
}

fn session_name(role: &Role) -> String {
    role.session.clone().unwrap_or_else(|| crate::ids::unique("infra-"))
}

fn refused<E, R>(arn: &str, error: &aws_smithy_runtime_api::client::result::SdkError<E, R>) -> CredentialsError
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug + 'static,
{
    CredentialsError::provider_error(crate::error::failure(format!("assuming role {arn}"), error))
}

fn credentials(answer: Option<aws_sdk_sts::types::Credentials>, name: &'static str) -> Provided {
    let given = answer.ok_or_else(|| CredentialsError::unhandled("STS answered without credentials"))?;
    let seconds = u64::try_from(given.expiration.secs()).unwrap_or(0);
    let expiry = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    Ok(Credentials::new(given.access_key_id, given.secret_access_key, Some(given.session_token), Some(expiry), name))
}
