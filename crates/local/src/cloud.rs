//! This machine as a [`Cloud`]: everything is asked of the supervisor.

use std::sync::Arc;

use async_trait::async_trait;
use infra_catalog::{Cloud, HalfDone, OpContext, Trace, catalog, tag_rules};
use infra_provider::fleet::{FleetOrProblems, FleetSpec};
use infra_provider::plan::Meta;
use infra_provider::{Failure, Object, Part};
use infra_value::Value;

use crate::client::{Client, unexpected};
use crate::fleet::LocalFleet;
use crate::protocol::{Answer, Request, WireFailure, decode, encode, encode_value};
use crate::world::World;
use crate::{ACCOUNT, DEFAULT_REGION};

/// The local stand-in for an AWS account.
pub struct LocalCloud {
    client: Client,
    meta: Meta,
}

impl LocalCloud {
    /// With the region and the tag settings of a `provider "aws"` block. No credential is looked at, and nothing is
    /// started before there is something to ask.
    pub fn new(client: Client, config: &Value) -> LocalCloud {
        let env = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let block = Part::new(config);
        let region = block.opt_str("region").or_else(|| env("AWS_REGION")).or_else(|| env("AWS_DEFAULT_REGION"));
        let meta = Meta {
            partition: "aws".into(),
            region: region.unwrap_or_else(|| DEFAULT_REGION.into()),
            account: ACCOUNT.into(),
            tags: tag_rules(&block, &env),
        };
        LocalCloud { client, meta }
    }

    async fn object(
        &self,
        request: &Request,
        like: &Object,
        cx: Option<&OpContext<'_>>,
    ) -> Result<Object, (Option<Object>, Failure)> {
        let mut conversation = self.client.ask(request).await.map_err(|f| (None, f))?;
        let mut told = None;
        let answer = conversation.last(|answer| {
            if let (Answer::Checkpoint(json), Some(cx)) = (answer, cx)
                && let Ok(object) = decode(like.block(), &json)
            {
                (cx.checkpoint)(&object);
                told = Some(object);
            }
        });
        match answer.await {
            Ok(Answer::Object(json)) => decode(like.block(), &json).map_err(|f| (told, f)),
            Ok(Answer::Failed { object, failure }) => {
                let object = object.and_then(|json| decode(like.block(), &json).ok());
                Err((object.or(told), failure.into()))
            }
            Ok(other) => Err((told, unexpected(&other))),
            Err(failure) => Err((told, failure)),
        }
    }
}

#[async_trait]
impl Cloud for LocalCloud {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn supports(&self, ty: &str, data: bool) -> bool {
        World::supports(ty, data)
    }

    async fn read(&self, ty: &str, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        match self.read_all(ty, &objects).await {
            Ok(answers) => answers,
            Err(failure) => objects.iter().map(|_| Err(failure.clone())).collect(),
        }
    }

    async fn create(&self, ty: &str, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        let planned = planned.settled(None);
        let none = |failure| HalfDone { object: None, failure };
        let request = Request::Create {
            ty: ty.into(),
            region: self.meta.region.clone(),
            planned: encode(&planned).map_err(none)?,
            config: encode_value(cx.config, planned.block()).map_err(none)?,
            tags: cx.tags.clone(),
            token: cx.token.as_str().to_string(),
            seconds: cx.timeouts.of("create").as_secs(),
        };
        let done = self.object(&request, &planned, Some(cx)).await;
        done.map_err(|(object, failure)| HalfDone { object, failure })
    }

    async fn update(&self, ty: &str, prior: &Object, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        let planned = planned.settled(Some(prior));
        let half = |failure| HalfDone { object: Some(prior.clone()), failure };
        let request = Request::Update {
            ty: ty.into(),
            region: self.meta.region.clone(),
            prior: encode(prior).map_err(half)?,
            planned: encode(&planned).map_err(half)?,
            config: encode_value(cx.config, planned.block()).map_err(half)?,
            tags: cx.tags.clone(),
            seconds: cx.timeouts.of("update").as_secs(),
        };
        let done = self.object(&request, &planned, None).await;
        done.map_err(|(object, failure)| HalfDone { object: object.or_else(|| Some(prior.clone())), failure })
    }

    async fn delete(&self, ty: &str, prior: &Object, _cx: &OpContext<'_>) -> Result<(), HalfDone> {
        let half = |failure| HalfDone { object: Some(prior.clone()), failure };
        let prior_json = encode(prior).map_err(half)?;
        let request = Request::Delete { ty: ty.into(), region: self.meta.region.clone(), prior: prior_json };
        let mut conversation = self.client.ask(&request).await.map_err(half)?;
        match conversation.last(|_| {}).await.map_err(half)? {
            Answer::Done => Ok(()),
            other => Err(half(unexpected(&other))),
        }
    }

    async fn find_created(&self, ty: &str, planned: Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let planned = planned.settled(None);
        let token = trace.token.as_str().to_string();
        let request = Request::Created { ty: ty.into(), token, planned: encode(&planned)? };
        match self.client.ask(&request).await?.last(|_| {}).await? {
            Answer::Objects(found) => {
                let one = |found: Result<_, WireFailure>| decode(planned.block(), &found?);
                found.into_iter().map(one).collect::<Result<_, _>>().map(Some)
            }
            other => Err(unexpected(&other)),
        }
    }

    async fn ready(&self, ty: &str, object: &Object, trace: &Trace) -> Result<Option<Object>, Failure> {
        let seconds = trace.timeouts.of("create").as_secs();
        let request = Request::Ready { ty: ty.into(), object: encode(&object.clone().settled(None))?, seconds };
        match self.client.ask(&request).await?.last(|_| {}).await? {
            Answer::Done => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    async fn fleet(&self, spec: FleetSpec) -> FleetOrProblems {
        Ok(Arc::new(LocalFleet::new(self.client.clone(), &spec)?))
    }

    async fn open(&self, ty: &str, config: Object) -> Result<Object, Failure> {
        let config = config.settled(None);
        let request = Request::Open { ty: ty.into(), region: self.meta.region.clone(), config: encode(&config)? };
        self.object(&request, &config, None).await.map_err(|(_, failure)| failure)
    }

    async fn read_data(&self, ty: &str, config: Object) -> Result<Object, Failure> {
        let config = config.settled(None);
        let request = Request::Data { ty: ty.into(), region: self.meta.region.clone(), config: encode(&config)? };
        self.object(&request, &config, None).await.map_err(|(_, failure)| failure)
    }
}

impl LocalCloud {
    async fn read_all(&self, ty: &str, objects: &[Object]) -> Result<Vec<Result<Option<Object>, Failure>>, Failure> {
        let Some(block) = catalog().resources.get(ty).map(|t| t.block().clone()) else {
            return Err(Failure::new(format!("reading {ty}"), "this type is not supported"));
        };
        let encoded = objects.iter().map(encode).collect::<Result<_, _>>()?;
        let read = Request::Read { ty: ty.into(), region: self.meta.region.clone(), objects: encoded };
        let mut conversation = self.client.ask(&read).await?;
        let answers = match conversation.last(|_| {}).await? {
            Answer::Objects(answers) if answers.len() == objects.len() => answers,
            other => return Err(unexpected(&other)),
        };
        let one = |answer: Result<serde_json::Value, WireFailure>| match answer {
            Ok(serde_json::Value::Null) => Ok(None),
            Ok(json) => decode(&block, &json).map(Some),
            Err(failure) => Err(failure.into()),
        };
        Ok(answers.into_iter().map(one).collect())
    }
}
