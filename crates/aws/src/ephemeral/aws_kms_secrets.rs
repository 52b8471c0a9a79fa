//! `aws_kms_secrets`: texts that a KMS key has encrypted.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_kms::types::EncryptionAlgorithmSpec;
use aws_smithy_types::{Blob, base64};
use infra_provider::{Failure, Object, Part};

use crate::Aws;
use crate::error::Doing;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let mut plain = BTreeMap::new();
        for secret in object.parts("secret") {
            plain.insert(secret.str("name").to_string(), decrypt(aws, &secret).await?);
        }
        object.set("plaintext", plain);
        Ok(())
    }
}

async fn decrypt(aws: &Aws, secret: &Part<'_>) -> Result<String, Failure> {
    let doing = format!("decrypting KMS secret ({})", secret.str("name"));
    let payload = base64::decode(secret.str("payload")).map_err(|_| Failure::new(&doing, "payload is not base64"))?;
    let context = Some(secret.map("context")).filter(|context| !context.is_empty());
    let tokens = Some(secret.strings("grant_tokens")).filter(|tokens| !tokens.is_empty());
    let algorithm = secret.opt_str("encryption_algorithm");
    let call = aws
        .kms()
        .decrypt()
        .ciphertext_blob(Blob::new(payload))
        .set_encryption_context(context.map(|context| context.into_iter().collect()))
        .set_grant_tokens(tokens)
        .set_key_id(secret.opt_str("key_id"))
        .set_encryption_algorithm(algorithm.as_deref().map(EncryptionAlgorithmSpec::from));
    let answer = call.send().await.doing(&doing)?;
    let plain = answer.plaintext().map(|bytes| bytes.as_ref().to_vec()).unwrap_or_default();
    String::from_utf8(plain).map_err(|_| Failure::new(doing, "what was encrypted is no text"))
}
