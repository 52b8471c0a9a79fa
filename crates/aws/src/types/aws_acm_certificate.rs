//! `aws_acm_certificate`: certificates, issued by Amazon or imported.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_sdk_acm::primitives::Blob;
#[allow(deprecated)] // AWS ignores the preference by now; it is an argument all the same.
use aws_sdk_acm::types::CertificateTransparencyLoggingPreference;
use aws_sdk_acm::types::{
    CertificateDetail, CertificateOptions, CertificateStatus, CertificateSummary, DomainStatus, DomainValidation,
    DomainValidationOption, Filters, KeyAlgorithm, RenewalStatus, Tag, ValidationMethod,
};
use futures::stream::{self, StreamExt};
use infra_catalog::types::aws_acm_certificate::renewal_is_due;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::time::rfc3339;
use crate::wait::{Seen, Wait, retry_on};
use crate::{Aws, tagging};

pub(crate) struct Api;

const GONE: &[&str] = &["ResourceNotFoundException"];
const IN_USE: &[&str] = &["ResourceInUseException"];
const APPEARS: Duration = Duration::from_secs(5 * 60);
const RENEWAL: Duration = Duration::from_secs(60);
const DELETE: Duration = Duration::from_secs(20 * 60);
/// The calls that tell of one certificate are few in a second.
const AT_ONCE: usize = 4;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let unchanged = &tagging::unchanged(aws, &objects).await;
        let reads = objects.into_iter().map(|mut object| async move {
            let arn = object.id().to_string();
            let tags = unchanged.tags(&object, || tags(aws, &arn));
            let (found, tags) = futures::join!(describe(aws, &arn), tags);
            let Some(found) = found? else { return Ok(None) };
            let tags = match tags {
                Err(failure) if failure.is(GONE) => return Ok(None),
                tags => tags?,
            };
            fill(&mut object, &found);
            object.set("tags_all", tags);
            Ok(Some(object))
        });
        stream::iter(reads).buffered(AT_ONCE).collect().await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = match object.opt_str("domain_name") {
            Some(domain) => request(aws, object, cx, &domain).await?,
            None => import(aws, object, cx, None).await?,
        };
        let arn = arn.unwrap_or_default();
        object.set("id", &*arn);
        object.set("arn", &*arn);
        (cx.checkpoint)(object);
        Wait::new(format!("waiting for ACM Certificate ({arn}) to say how it is validated"), APPEARS)
            .until(|| async {
                Ok(match describe(aws, &arn).await? {
                    Some(found) if tells_validation(&found) => Seen::Target(()),
                    Some(found) if found.status() == Some(&CertificateStatus::Failed) => {
                        let why = found.failure_reason().map_or("no reason is told", |reason| reason.as_str());
                        Seen::Failed(format!("it failed: {why}"))
                    }
                    Some(found) => Seen::Pending(found.status().map_or("", |s| s.as_str()).to_string()),
                    None => Seen::Missing,
                })
            })
            .await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let pages = aws.acm().list_certificates().includes(every_key()).into_paginator().items();
        let all: Result<Vec<CertificateSummary>, _> = pages.send().collect().await;
        let all = all.doing("listing ACM Certificates")?;
        let domain = planned.str("domain_name");
        let likely = all.iter().filter(|found| {
            let date = found.created_at().or(found.imported_at());
            (domain.is_empty() || found.domain_name() == Some(domain))
                && date.is_none_or(|date| !crate::time::is_before(date, trace.began))
        });
        let made = likely.map(|found| {
            let mut made = planned.clone();
            made.set("id", found.certificate_arn());
            made.set("arn", found.certificate_arn());
            made
        });
        Ok(Some(made.collect()))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id().to_string();
        if changed(prior, object, &["certificate_body", "certificate_chain", "private_key"]) {
            import(aws, object, cx, Some(&arn)).await?;
        } else if object.bool("pending_renewal") {
            renew(aws, &arn).await?;
        }
        if changed(prior, object, &["options"])
            && let Some(options) = options(object)
        {
            let call = aws.acm().update_certificate_options().certificate_arn(&arn).options(options);
            call.send().await.doing(format!("updating ACM Certificate ({arn}) options"))?;
        }
        Ok(())
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        let arn = object.id();
        let doing = format!("updating tags of ACM Certificate ({arn})");
        if let Some(tags) = sdk_tags(remove)? {
            aws.acm()
                .remove_tags_from_certificate()
                .certificate_arn(arn)
                .set_tags(Some(tags))
                .send()
                .await
                .doing(&doing)?;
        }
        if let Some(tags) = sdk_tags(put)? {
            aws.acm().add_tags_to_certificate().certificate_arn(arn).set_tags(Some(tags)).send().await.doing(&doing)?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let arn = object.id();
        let doing = format!("deleting ACM Certificate ({arn})");
        let call = || async { aws.acm().delete_certificate().certificate_arn(arn).send().await.doing(&doing) };
        ignoring(retry_on(DELETE, IN_USE, call).await, GONE)
    }
}

async fn request(aws: &Aws, object: &Object, cx: &OpContext<'_>, domain: &str) -> Result<Option<String>, Failure> {
    let doing = format!("requesting ACM Certificate ({domain})");
    if object.str("certificate_authority_arn").is_empty() && object.str("validation_method").is_empty() {
        let why = "`certificate_authority_arn` or `validation_method` must be set when creating an ACM certificate";
        return Err(Failure::new(doing, why));
    }
    let validation = object.parts("validation_option").into_iter().map(|option| {
        let (name, under) = (option.str("domain_name"), option.str("validation_domain"));
        DomainValidationOption::builder().domain_name(name).validation_domain(under).build()
    });
    let validation: Result<Vec<DomainValidationOption>, _> = validation.collect();
    let names = object.strings("subject_alternative_names");
    let call = aws
        .acm()
        .request_certificate()
        .domain_name(domain)
        .idempotency_token(cx.token.as_str())
        .set_certificate_authority_arn(object.opt_str("certificate_authority_arn"))
        .set_key_algorithm(object.opt_str("key_algorithm").map(|algorithm| KeyAlgorithm::from(&*algorithm)))
        .set_options(options(object))
        .set_subject_alternative_names(Some(names).filter(|names| !names.is_empty()))
        .set_validation_method(object.opt_str("validation_method").map(|method| ValidationMethod::from(&*method)))
        .set_domain_validation_options(Some(validation.doing(&doing)?).filter(|options| !options.is_empty()))
        .set_tags(sdk_tags(&cx.tags)?);
    Ok(call.send().await.doing(doing)?.certificate_arn)
}

/// Imports a certificate, anew or in place of the one with the ARN.
async fn import(aws: &Aws, object: &Object, cx: &OpContext<'_>, arn: Option<&str>) -> Result<Option<String>, Failure> {
    let blob = |name: &str| object.opt_str(name).map(|text| Blob::new(text.into_bytes()));
    let call = aws
        .acm()
        .import_certificate()
        .set_certificate(blob("certificate_body"))
        .set_private_key(blob("private_key"))
        .set_certificate_chain(blob("certificate_chain"))
        .set_certificate_arn(arn.map(str::to_string));
    let call = if arn.is_none() { call.set_tags(sdk_tags(&cx.tags)?) } else { call };
    Ok(call.send().await.doing("importing ACM Certificate")?.certificate_arn)
}

async fn renew(aws: &Aws, arn: &str) -> Result<(), Failure> {
    let doing = format!("renewing ACM Certificate ({arn})");
    aws.acm().renew_certificate().certificate_arn(arn).send().await.doing(&doing)?;
    Wait::new(format!("waiting for ACM Certificate ({arn}) renewal"), RENEWAL)
        .until(|| async {
            let Some(found) = describe(aws, arn).await? else { return Ok(Seen::Missing) };
            let status = found.renewal_summary().map_or("", |summary| summary.renewal_status().as_str());
            Ok(Seen::by_state((), status, &["", "PENDING_AUTO_RENEWAL"], &[RenewalStatus::Success.as_str()]))
        })
        .await
}

#[allow(deprecated)] // As above.
fn options(object: &Object) -> Option<CertificateOptions> {
    let preference = object.part("options")?.opt_str("certificate_transparency_logging_preference")?;
    let preference = CertificateTransparencyLoggingPreference::from(&*preference);
    Some(CertificateOptions::builder().certificate_transparency_logging_preference(preference).build())
}

/// The certificate; one that was not validated in time counts as gone.
async fn describe(aws: &Aws, arn: &str) -> Result<Option<CertificateDetail>, Failure> {
    let answer = aws.acm().describe_certificate().certificate_arn(arn).send().await;
    match answer.doing(format!("reading ACM Certificate ({arn})")) {
        Err(failure) if failure.is(GONE) => Ok(None),
        answer => {
            let found = answer?.certificate;
            Ok(found.filter(|c| c.status().map(|s| s.as_str()) != Some("VALIDATION_TIMED_OUT")))
        }
    }
}

async fn tags(aws: &Aws, arn: &str) -> Result<BTreeMap<String, String>, Failure> {
    let answer = aws.acm().list_tags_for_certificate().certificate_arn(arn).send().await;
    let answer = answer.doing(format!("reading tags of ACM Certificate ({arn})"))?;
    let own = answer.tags().iter().filter(|tag| !tag.key().starts_with("aws:"));
    Ok(own.map(|tag| (tag.key().to_string(), tag.value().unwrap_or_default().to_string())).collect())
}

fn sdk_tags(tags: &BTreeMap<String, String>) -> Result<Option<Vec<Tag>>, Failure> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("aws:"));
    let tags: Result<Vec<Tag>, _> = own.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Ok(Some(tags.doing("tagging")?).filter(|tags| !tags.is_empty()))
}

/// Whether a new certificate says already how it is to be validated.
fn tells_validation(found: &CertificateDetail) -> bool {
    match found.r#type().map_or("", |ty| ty.as_str()) {
        // Names get their records one after the other: with some of them others would never be validated.
        "AMAZON_ISSUED" => {
            let options = found.domain_validation_options();
            let tells = |option: &DomainValidation| {
                option.resource_record().is_some()
                    || option.http_redirect().is_some()
                    || !option.validation_emails().is_empty()
                    || matches!(option.validation_status(), Some(DomainStatus::Success | DomainStatus::Failed))
            };
            !options.is_empty() && options.iter().all(tells)
        }
        "PRIVATE" => found.status().map(|s| s.as_str()) != Some("PENDING_VALIDATION"),
        _ => true,
    }
}

#[allow(deprecated)] // As above.
fn fill(object: &mut Object, found: &CertificateDetail) {
    let text = |text: &str| Some(Value::string(text));
    let validation = found.domain_validation_options();
    let records = validation.iter().filter_map(|option| {
        let record = option.resource_record()?;
        Some([
            ("domain_name", text(option.domain_name())),
            ("resource_record_name", text(record.name())),
            ("resource_record_type", text(record.r#type().as_str())),
            ("resource_record_value", text(record.value())),
        ])
    });
    object.set("domain_validation_options", records.collect::<Vec<_>>());
    let emails = validation.iter().flat_map(|option| option.validation_emails()).cloned();
    object.set("validation_emails", emails.collect::<Vec<_>>());
    let ty = found.r#type().map_or("", |ty| ty.as_str());
    let method = validation.iter().find_map(|option| option.validation_method()).filter(|_| ty == "AMAZON_ISSUED");
    object.set("validation_method", method.map_or("NONE", |method| method.as_str()));

    object.set("arn", found.certificate_arn());
    object.set("certificate_authority_arn", found.certificate_authority_arn());
    object.set("domain_name", found.domain_name());
    let algorithm = found.key_algorithm().map(|algorithm| algorithm.as_str().replace('-', "_"));
    object.set("key_algorithm", algorithm);
    object.set("not_after", found.not_after().map(rfc3339));
    object.set("not_before", found.not_before().map(rfc3339));
    object.set("status", found.status().map(|status| status.as_str()));
    object.set("subject_alternative_names", found.subject_alternative_names());
    object.set("type", ty);
    let options = found.options().map(|options| {
        let preference = options.certificate_transparency_logging_preference().map(|p| Value::string(p.as_str()));
        [("certificate_transparency_logging_preference", preference)]
    });
    object.set("options", options.into_iter().collect::<Vec<_>>());
    let renewal = found.renewal_summary().map(|summary| {
        [
            ("renewal_status", text(summary.renewal_status().as_str())),
            ("renewal_status_reason", summary.renewal_status_reason().and_then(|reason| text(reason.as_str()))),
            ("updated_at", text(&rfc3339(summary.updated_at()))),
        ]
    });
    object.set("renewal_summary", renewal.into_iter().collect::<Vec<_>>());
    let eligibility = found.renewal_eligibility().map_or("", |eligibility| eligibility.as_str());
    object.set("renewal_eligibility", eligibility);
    object.set("early_renewal_duration", object.str("early_renewal_duration").to_string());
    let (end, early) = (object.str("not_after"), object.str("early_renewal_duration"));
    let due = renewal_is_due(eligibility, end, early, SystemTime::now());
    object.set("pending_renewal", due);
}

/// Without saying so a list leaves most kinds of key out.
fn every_key() -> Filters {
    Filters::builder()
        .set_key_types(Some(KeyAlgorithm::values().iter().map(|name| KeyAlgorithm::from(*name)).collect()))
        .build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_acm::error::BuildError;
    use aws_sdk_acm::types::{CertificateType, RecordType, ResourceRecord};

    use super::*;

    #[test]
    fn a_certificate_tells_its_validation_when_every_name_has_a_record() -> Result<(), BuildError> {
        let record = || ResourceRecord::builder().name("_x.a.").r#type(RecordType::Cname).value("_y.aws.").build();
        let option = |name: &str, record: Option<ResourceRecord>| {
            DomainValidation::builder().domain_name(name).set_resource_record(record).build()
        };
        let certificate = |options: Vec<DomainValidation>| {
            let certificate = CertificateDetail::builder().r#type(CertificateType::AmazonIssued);
            certificate.set_domain_validation_options(Some(options)).build()
        };
        let (a, b) = (option("a", Some(record()?))?, option("b", None)?);
        assert!(!tells_validation(&certificate(vec![])));
        assert!(!tells_validation(&certificate(vec![a.clone(), b])));
        assert!(tells_validation(&certificate(vec![a])));
        Ok(())
    }
}
