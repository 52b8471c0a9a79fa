//! Objects in the bucket, written as Terraform writes them.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::PutObjectError;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectCannedAcl, ServerSideEncryption};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use infra_aws::{Calls, Observed, failure};
use infra_provider::Failure;

use crate::settings::{Encryption, S3Settings};

const CONTENT_TYPE: &str = "application/json";
/// The only algorithm for keys of one's own.
const CUSTOMER_ALGORITHM: &str = "AES256";
/// How long one attempt may take, with what it transfers.
const ATTEMPT: Duration = Duration::from_secs(15);
/// The slowest connection that is waited for, in bytes a second.
const SLOWEST: u64 = 32 * 1024;
/// How often the body of an answer is asked for again when it is cut off.
const READS: u32 = 3;

/// The bucket, with how objects are written into it.
pub(crate) struct Bucket {
    client: Client,
    name: String,
    encryption: Encryption,
    acl: Option<ObjectCannedAcl>,
    checksum: bool,
}

impl Bucket {
    pub fn new(sdk: &SdkConfig, settings: &S3Settings) -> Bucket {
        let mut config =
            Builder::from(sdk).interceptor(Calls).interceptor(Observed).force_path_style(settings.path_style);
        if !settings.checksum {
            config = config
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        if let Some(url) = settings.endpoints.get("s3") {
            config = config.endpoint_url(url);
        }
        Bucket {
            client: Client::from_conf(config.build()),
            name: settings.bucket.clone(),
            encryption: settings.encryption.clone(),
            acl: settings.acl.as_deref().map(ObjectCannedAcl::from),
            checksum: settings.checksum,
        }
    }

    /// What an object holds; `None` if there is none.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Failure> {
        let mut cut_off = 0;
        loop {
            let mut request = self.client.get_object().bucket(&self.name).key(key);
            if let Encryption::Customer { key, digest } = &self.encryption {
                request = request
                    .sse_customer_algorithm(CUSTOMER_ALGORITHM)
                    .sse_customer_key(key)
                    .sse_customer_key_md5(digest);
            }
            let answer = match request.customize().config_override(patience(0)).send().await {
                Ok(answer) => answer,
                Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => return Ok(None),
                Err(error) => return Err(self.failed(key, &error)),
            };
            match answer.body.collect().await {
                Ok(bytes) => return Ok(Some(bytes.into_bytes().to_vec())),
                Err(_) if cut_off + 1 < READS => cut_off += 1,
                Err(error) => {
                    return Err(Failure::new(format!("reading {key}"), format!("the answer was cut off: {error}")));
                }
            }
        }
    }

    /// Puts an object in the place of what there is.
    pub async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<(), Failure> {
        let length = bytes.len();
        let request = self.writing(key, bytes).customize().config_override(patience(length));
        request.send().await.map(|_| ()).map_err(|error| self.failed(key, &error))
    }

    /// Puts an object where there is none; false if there is one. It may be our own, if an answer was lost.
    pub async fn put_new(&self, key: &str, bytes: Vec<u8>) -> Result<bool, Failure> {
        let length = bytes.len();
        let request = self.writing(key, bytes).if_none_match("*").customize().config_override(patience(length));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(self.failed(key, &error)),
        }
    }

    /// Removes an object; nothing happens if there is none.
    pub async fn delete(&self, key: &str) -> Result<(), Failure> {
        let request = self.client.delete_object().bucket(&self.name).key(key);
        let answer = request.customize().config_override(patience(0)).send().await;
        answer.map(|_| ()).map_err(|error| self.failed(key, &error))
    }

    /// The keys that begin so.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let mut keys = Vec::new();
        let mut next = None;
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix).set_continuation_token(next);
            let answer = request.customize().config_override(patience(0)).send().await;
            let page = answer.map_err(|error| self.failed(prefix, &error))?;
            keys.extend(page.contents.into_iter().flatten().filter_map(|object| object.key));
            next = page.next_continuation_token;
            if next.is_none() {
                return Ok(keys);
            }
        }
    }

    fn writing(&self, key: &str, bytes: Vec<u8>) -> PutObjectFluentBuilder {
        let mut request = self.client.put_object().bucket(&self.name).key(key).content_type(CONTENT_TYPE);
        if self.checksum {
            request = request.checksum_algorithm(ChecksumAlgorithm::Sha256);
        }
        request = match &self.encryption {
            Encryption::Bucket => request,
            Encryption::S3 => request.server_side_encryption(ServerSideEncryption::Aes256),
            Encryption::Kms(id) => request.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(id),
            Encryption::Customer { key, digest } => {
                request.sse_customer_algorithm(CUSTOMER_ALGORITHM).sse_customer_key(key).sse_customer_key_md5(digest)
            }
        };
        request.set_acl(self.acl.clone()).body(ByteStream::from(bytes))
    }

    /// What failed, and what to do about it where that is known.
    fn failed<E>(
        &self,
        key: &str,
        error: &SdkError<E, aws_smithy_runtime_api::client::orchestrator::HttpResponse>,
    ) -> Failure
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut failed = failure("", error);
        let bucket = &self.name;
        let elsewhere = error.raw_response().and_then(|answer| answer.headers().get("x-amz-bucket-region"));
        let region = self.client.config().region().map(ToString::to_string);
        match (failed.code.as_deref(), elsewhere) {
            (Some("NoSuchBucket"), _) => {
                failed.message =
                    format!("there is no bucket {bucket:?}. It has to be made before states can be kept in it");
            }
            (_, Some(there)) if region.as_deref().is_some_and(|region| region != there) => {
                failed.message = format!("the bucket is in {there}: set region = {there:?} in the backend block");
            }
            (Some("AccessDenied"), _) => {
                let said = failed.message.trim_end_matches('.').to_string();
                failed.message = format!("{said}. The credentials do not allow this for {bucket}/{key}");
            }
            _ => {}
        }
        failed
    }
}

/// Whether there was an object already (412), or somebody was putting one at the same moment (409).
fn is_taken(error: &SdkError<PutObjectError, aws_smithy_runtime_api::client::orchestrator::HttpResponse>) -> bool {
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    status == Some(412) || matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
}

/// How long an attempt may take that transfers so many bytes.
fn patience(bytes: usize) -> Builder {
    let transfer = Duration::from_secs(bytes as u64 / SLOWEST);
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT + transfer).build();
    aws_sdk_s3::Config::builder().timeout_config(timeouts)
}
