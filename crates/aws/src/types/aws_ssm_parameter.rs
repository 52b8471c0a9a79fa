//! `aws_ssm_parameter` on the Systems Manager API.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{
    Parameter, ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag,
};
use futures::future::join_all;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object, Part};

use crate::batch::in_chunks;
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::secret_text::without;
use crate::tags::{self, Tags};
use crate::{Aws, tagging};

pub(crate) struct Api;

pub(crate) const GONE: &[&str] = &["ParameterNotFound"];
/// How many names a call takes: for values, and for the rest.
const VALUES: usize = 10;
const DESCRIPTIONS: usize = 50;
/// What makes a new version of the parameter.
const VERSIONED: [&str; 10] = [
    "allowed_pattern",
    "data_type",
    "description",
    "insecure_value",
    "key_id",
    "tier",
    "type",
    "value",
    "value_wo_version",
    "arn",
];

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        // One that was imported by its ARN keeps it as its id.
        let (arns, names) = objects.iter().map(|o| o.id().to_string()).partition::<Vec<_>, _>(|id| is_arn(id));
        let by_name = async {
            let values = in_chunks(names, VALUES, |names| values(aws, names)).await;
            let is_same = |object: &Object, value: &Parameter| object.is_for_a_plan() && is_same_version(object, value);
            let written = objects.iter().filter(|object| match values.get(object.id()) {
                Ok(Some(value)) => !is_same(object, value),
                _ => false,
            });
            let written: Vec<String> = written.map(|object| object.id().to_string()).collect();
            let described = in_chunks(written, DESCRIPTIONS, |names| descriptions(aws, names)).await;
            (values, described)
        };
        let ((values, described), by_arn, unchanged) = tokio::join!(
            by_name,
            in_chunks(arns, 1, |arns| value_by_arn(aws, arns)),
            tagging::unchanged(aws, &objects),
        );
        join_all(objects.into_iter().map(|mut object| async {
            let Some(value) = (if is_arn(object.id()) { &by_arn } else { &values }).get(object.id())? else {
                return Ok(None);
            };
            let name = value.name().unwrap_or_default();
            let further = match is_arn(object.id()) {
                true => descriptions(aws, vec![name.to_string()]).await?.pop().map(|(_, description)| description),
                false => None,
            };
            // The list of descriptions follows later than the values: what is known of an old parameter stays.
            let description = further.as_ref().or(described.get(object.id())?);
            if description.is_none() && object.str("arn").is_empty() {
                return Ok(None);
            }
            match unchanged.tags(&object, || tags_of(aws, name)).await {
                Ok(tags) => object.set("tags_all", tags),
                Err(failure) if failure.is(&["InvalidResourceId"]) => return Ok(None),
                Err(failure) => return Err(failure),
            }
            fill(&mut object, value, description)?;
            Ok(Some(object))
        }))
        .await
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_string();
        let overwrite = object.bool("overwrite");
        let unseen = Part::new(cx.config).opt_str("value_wo");
        let value = unseen.clone().unwrap_or_else(|| value_of(object));
        let tags = Some(sdk_tags(&cx.tags)?).filter(|tags| !tags.is_empty() && !overwrite);
        let call = request(aws, object, &value)
            .overwrite(overwrite)
            .set_data_type(object.opt_str("data_type"))
            .set_description(object.opt_str("description"))
            .set_key_id(key_of(object))
            .set_tags(tags)
            .set_tier(object.opt_str("tier").map(|tier| ParameterTier::from(tier.as_str())));
        put(call, format!("creating SSM Parameter ({name})"), &value).await?;
        object.set("id", &name);
        (cx.checkpoint)(object);
        if unseen.is_some() {
            object.set("has_value_wo", true);
        }
        if overwrite {
            self.tag(aws, object, &Tags::new(), &cx.tags).await?;
        }
        Ok(())
    }

    async fn find_created(&self, _aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        made.set("id", planned.str("name"));
        Ok(Some(vec![made]))
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        if !changed(prior, object, &VERSIONED) {
            return Ok(());
        }
        let name = object.str("name").to_string();
        let config = Part::new(cx.config);
        let unseen = config.opt_str("value_wo");
        let value = match &unseen {
            Some(new) if changed(prior, object, &["value_wo_version"]) => new.clone(),
            // The value is only in the cloud, and a new version has to have one.
            Some(_) => present_value(aws, &name).await?,
            // Which of the two is not known before is what the other one was, or neither is.
            None if config.is_set("insecure_value") => config.str("insecure_value").to_string(),
            None if config.is_set("value") => object.str("value").to_string(),
            None => value_of(object),
        };
        let tier = config.opt_str("tier").or_else(|| prior.opt_str("tier"));
        let described = changed(prior, object, &["description"]).then(|| object.str("description").to_string());
        let typed = changed(prior, object, &["data_type"]).then(|| object.str("data_type").to_string());
        let call = request(aws, object, &value)
            .overwrite(config.opt_bool("overwrite").unwrap_or(true))
            .set_data_type(typed)
            .set_description(described)
            .set_key_id(key_of(object).filter(|_| changed(prior, object, &["key_id"])))
            .set_tier(tier.map(|tier| ParameterTier::from(tier.as_str())));
        put(call, format!("updating SSM Parameter ({name})"), &value).await?;
        // It stays so also where the value is an ordinary one again, as the provider has it.
        if unseen.is_some() || prior.bool("has_value_wo") {
            object.set("has_value_wo", true);
        }
        if config.is_set("insecure_value") {
            object.set("insecure_value", value);
            object.unset("value");
        } else if changed(prior, object, &["value"]) && config.is_set("value") {
            // Where it was visible once, the visible attribute goes on showing it.
            match prior.opt_str("insecure_value") {
                Some(_) if !is_secure(object) => object.set("insecure_value", value),
                _ => object.unset("insecure_value"),
            }
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
        let name = object.str("name");
        let doing = || format!("updating tags of SSM Parameter ({name})");
        let kind = ResourceTypeForTagging::Parameter;
        let keys = tags::removed(remove, put);
        if !keys.is_empty() {
            let call = aws.ssm().remove_tags_from_resource().resource_type(kind.clone()).resource_id(name);
            call.set_tag_keys(Some(keys)).send().await.doing(doing())?;
        }
        let tags = sdk_tags(put)?;
        if !tags.is_empty() {
            let call = aws.ssm().add_tags_to_resource().resource_type(kind).resource_id(name);
            call.set_tags(Some(tags)).send().await.doing(doing())?;
        }
        Ok(())
    }

    async fn delete(&self, aws: &Aws, object: &Object, _cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("name");
        let answer = aws.ssm().delete_parameter().name(name).send().await;
        ignoring(answer.doing(format!("deleting SSM Parameter ({name})")), GONE)
    }
}

/// Whether an id is no name: the parameter was imported by its ARN.
fn is_arn(id: &str) -> bool {
    id.starts_with("arn:")
}

/// Whether a parameter was not written since it was read: everything of it but its tags has one version number.
///
/// The number begins anew where a parameter was deleted and made again, so its value has to be the same, too.
fn is_same_version(object: &Object, value: &Parameter) -> bool {
    let has_value = object.bool("has_value_wo") || value_of(object) == value.value().unwrap_or_default();
    let versions = (object.int("version"), object.str("arn"), object.str("type"));
    let now = (value.version(), value.arn().unwrap_or_default(), value.r#type().map_or("", ParameterType::as_str));
    has_value && object.is_set("tier") && versions == now
}

/// What an ARN stands for: where names are asked for in bulk ARNs are not known everywhere.
async fn value_by_arn(aws: &Aws, arns: Vec<String>) -> Result<Vec<(String, Parameter)>, Failure> {
    let Some(arn) = arns.into_iter().next() else { return Ok(Vec::new()) };
    match aws.ssm().get_parameter().name(&arn).with_decryption(true).send().await.doing("reading SSM Parameter") {
        Err(failure) if failure.is(GONE) => Ok(Vec::new()),
        answer => Ok(answer?.parameter.map(|parameter| (arn, parameter)).into_iter().collect()),
    }
}

async fn values(aws: &Aws, names: Vec<String>) -> Result<Vec<(String, Parameter)>, Failure> {
    let call = aws.ssm().get_parameters().set_names(Some(names)).with_decryption(true);
    let found = call.send().await.doing("reading SSM Parameters")?.parameters.unwrap_or_default();
    Ok(found.into_iter().filter_map(|parameter| Some((parameter.name()?.to_string(), parameter))).collect())
}

async fn descriptions(aws: &Aws, names: Vec<String>) -> Result<Vec<(String, ParameterMetadata)>, Failure> {
    let doing = "describing SSM Parameters";
    let filter = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names));
    let call = aws.ssm().describe_parameters().parameter_filters(filter.build().doing(doing)?).max_results(50);
    let pages: Result<Vec<_>, _> = call.into_paginator().send().collect().await;
    let found = pages.doing(doing)?.into_iter().flat_map(|page| page.parameters.unwrap_or_default());
    Ok(found.filter_map(|parameter| Some((parameter.name()?.to_string(), parameter))).collect())
}

async fn tags_of(aws: &Aws, name: &str) -> Result<Tags, Failure> {
    let call = aws.ssm().list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
    let answer = call.send().await.doing(format!("listing tags for SSM Parameter ({name})"))?;
    Ok(tags::own(answer.tag_list().iter().map(|tag| (tag.key(), tag.value()))))
}

async fn present_value(aws: &Aws, name: &str) -> Result<String, Failure> {
    let call = aws.ssm().get_parameter().name(name).with_decryption(true);
    let found = call.send().await.doing(format!("reading SSM Parameter ({name})"))?.parameter;
    Ok(found.and_then(|parameter| parameter.value).unwrap_or_default())
}

/// What is sent whether the parameter is new or not.
fn request(aws: &Aws, object: &Object, value: &str) -> PutParameterFluentBuilder {
    aws.ssm()
        .put_parameter()
        .name(object.str("name"))
        .allowed_pattern(object.str("allowed_pattern"))
        .r#type(ParameterType::from(object.str("type")))
        .value(value)
}

/// Sends it; once more without a tier where there are no tiers.
async fn put(call: PutParameterFluentBuilder, doing: String, value: &str) -> Result<(), Failure> {
    let mut answer = call.clone().send().await.doing(&doing);
    if let Err(failure) = &answer
        && failure.is(&["ValidationException"])
        && failure.message.contains("Tier is not supported")
    {
        answer = call.set_tier(None).send().await.doing(&doing);
    }
    answer.map_err(|failure| without(failure, Some(value)))?;
    Ok(())
}

fn value_of(object: &Object) -> String {
    object.opt_str("insecure_value").or_else(|| object.opt_str("value")).unwrap_or_default()
}

/// The key, where one is used.
fn key_of(object: &Object) -> Option<String> {
    object.opt_str("key_id").filter(|_| is_secure(object))
}

fn is_secure(object: &Object) -> bool {
    object.str("type") == ParameterType::SecureString.as_str()
}

fn fill(object: &mut Object, value: &Parameter, description: Option<&ParameterMetadata>) -> Result<(), Failure> {
    let name = value.name().unwrap_or_default().to_string();
    let is_secure = value.r#type() == Some(&ParameterType::SecureString);
    let insecure = !object.str("insecure_value").is_empty();
    if insecure && is_secure {
        let why = "invalid configuration, cannot set type = SecureString and insecure_value";
        return Err(Failure::new(format!("reading SSM Parameter ({name})"), why));
    }
    if insecure {
        object.set("insecure_value", value.value());
    } else {
        object.set("value", value.value());
    }
    if object.bool("has_value_wo") {
        object.set("value", "");
    }
    object.set("name", &name);
    object.set("arn", value.arn());
    object.set("data_type", value.data_type());
    object.set("type", value.r#type().map(ParameterType::as_str));
    object.set("version", value.version());
    let Some(description) = description else { return Ok(()) };
    object.set("allowed_pattern", description.allowed_pattern());
    object.set("description", description.description());
    object.set("key_id", description.key_id());
    object.set("tier", description.tier().map_or(ParameterTier::Standard.as_str(), ParameterTier::as_str));
    Ok(())
}

fn sdk_tags(tags: &Tags) -> Result<Vec<Tag>, Failure> {
    let form = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let sent: Result<Vec<Tag>, _> = tags::sent(tags, form).into_iter().collect();
    sent.doing("describing the tags of an SSM Parameter")
}

#[cfg(test)]
mod tests {
    use infra_catalog::catalog;

    use super::*;

    #[test]
    fn a_parameter_was_written_where_its_version_or_its_value_is_another() {
        let block = catalog().resources["aws_ssm_parameter"].block().clone();
        let mut object = Object::new(block.clone(), &block.empty());
        let told = |value: &str, version| {
            let told = Parameter::builder().name("/a").arn("arn:a").value(value).version(version);
            told.r#type(ParameterType::String).build()
        };
        assert!(!is_same_version(&object, &told("", 0)), "nothing was ever read");
        for (name, text) in [("arn", "arn:a"), ("type", "String"), ("value", "1"), ("tier", "Standard")] {
            object.set(name, text);
        }
        object.set("version", 3);
        assert!(is_same_version(&object, &told("1", 3)));
        assert!(!is_same_version(&object, &told("1", 4)), "its description, say");
        assert!(!is_same_version(&object, &told("2", 3)), "it was made again");
    }

    #[test]
    fn what_is_known_of_a_parameter_stays_where_only_its_value_is_told() {
        let block = catalog().resources["aws_ssm_parameter"].block().clone();
        let mut object = Object::new(block.clone(), &block.empty());
        object.set("description", "the key");
        object.set("tier", "Advanced");
        let told = Parameter::builder().name("/a").value("2").version(2).r#type(ParameterType::String).build();
        assert_eq!(fill(&mut object, &told, None), Ok(()));
        let now = ["name", "value", "description", "tier"].map(|name| object.str(name).to_string());
        assert_eq!(now, ["/a", "2", "the key", "Advanced"]);
    }
}
