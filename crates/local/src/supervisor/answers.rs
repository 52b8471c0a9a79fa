//! What each request does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use infra_catalog::{HalfDone, catalog};
use infra_provider::{Failure, Object};
use infra_value::{Type, Value};
use serde_json::Value as Json;

use super::serve::Teller;
use super::{Ending, Shared, held};
use crate::protocol::{Answer, Request, decode, decode_value, encode};
use crate::world::World;

/// How long a refusal that may pass is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

impl Shared {
    pub(super) async fn answer(self: &Arc<Shared>, request: Request, teller: &mut Teller) -> std::io::Result<()> {
        let answer = match request {
            Request::Read { ty, region, objects } => self.read((&ty, &region), &objects),
            Request::Create { ty, region, planned, config, tags, token, seconds } => {
                let creating = Creating::of(self, &token);
                let created = self.patiently(|| self.create((&ty, &region), &planned, &config, &tags, &token)).await;
                drop(creating);
                match created {
                    Ok(object) => {
                        if let Ok(json) = encode(&object) {
                            teller.tell(&Answer::Checkpoint(json)).await?;
                        }
                        self.settle(&ty, object, seconds).await
                    }
                    Err(half) => failed(half),
                }
            }
            Request::Created { ty, token, planned } => self.created(&ty, &token, &planned).await,
            Request::Ready { ty, object, seconds } => match self.ready(&ty, &object, seconds).await {
                Ok(()) => Answer::Done,
                Err(failure) => Answer::Failed { object: None, failure: failure.into() },
            },
            Request::Update { ty, region, prior, planned, config, tags, seconds } => {
                match self.patiently(|| self.update((&ty, &region), &prior, &planned, &config, tags.clone())).await {
                    Ok(object) => self.settle(&ty, object, seconds).await,
                    Err(half) => failed(half),
                }
            }
            Request::Delete { ty, region, prior } => match self.delete((&ty, &region), &prior).await {
                Ok(()) => Answer::Done,
                Err(half) => failed(half),
            },
            Request::Data { ty, region, config } => self.data((&ty, &region), &config),
            Request::Open { ty, region, config } => self.open((&ty, &region), &config),
            Request::Fleet(request) => match self.fleet(request).await {
                Ok(answer) => Answer::Fleet(answer),
                Err(failure) => Answer::Failed { object: None, failure: failure.into() },
            },
            Request::Status => Answer::Status(Box::new(self.status().await)),
            Request::Logs { service, follow } => return self.logs(service, follow, teller).await,
            Request::Stop => return self.end(Ending::Stop, teller).await,
            Request::Destroy => return self.end(Ending::Destroy, teller).await,
        };
        teller.tell(&answer).await
    }

    fn read(&self, (ty, region): (&str, &str), objects: &[Json]) -> Answer {
        let kept = held(&self.kept);
        let one = |json: &Json| -> Result<Json, Failure> {
            let object = resource(ty, json)?;
            match kept.world.read_in(region, ty, object)? {
                Some(object) => encode(&object),
                None => Ok(Json::Null),
            }
        };
        Answer::Objects(objects.iter().map(|json| one(json).map_err(Into::into)).collect())
    }

    fn create(
        &self,
        (ty, region): (&str, &str),
        planned: &Json,
        config: &Json,
        tags: &BTreeMap<String, String>,
        token: &str,
    ) -> Result<Object, HalfDone> {
        let none = |failure| HalfDone { object: None, failure };
        let mut planned = resource(ty, planned).map_err(none)?;
        let config = decode_value(planned.block(), config).map_err(none)?;
        let restored = self.before_create(ty, &mut planned).map_err(none)?;
        held(&self.kept).change(region, &config, tags.clone(), |world, cx| {
            let object = world.create(ty, planned, cx)?;
            world.trace(ty, token, &object);
            let gives_one =
                |object: &Object| object.opt_str("password").is_some() || object.bool("manage_master_user_password");
            if let Some(password) = restored.filter(|_| !gives_one(&object)) {
                world.keep_password(object.id(), password);
            }
            Ok(object)
        })
    }

    /// What a creation has made whose end its command has not seen: the creation may still be under way here.
    async fn created(&self, ty: &str, token: &str, planned: &Json) -> Answer {
        while held(&self.creating).contains(token) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let found = resource(ty, planned).and_then(|planned| held(&self.kept).world.created(ty, token, planned));
        match found.and_then(|found| found.as_ref().map(encode).transpose()) {
            Ok(found) => Answer::Objects(found.into_iter().map(Ok).collect()),
            Err(failure) => Answer::Failed { object: None, failure: failure.into() },
        }
    }

    async fn ready(&self, ty: &str, object: &Json, seconds: u64) -> Result<(), Failure> {
        self.reconcile().await;
        self.wait(ty, &resource(ty, object)?, Duration::from_secs(seconds)).await
    }

    fn update(
        &self,
        (ty, region): (&str, &str),
        prior: &Json,
        planned: &Json,
        config: &Json,
        tags: BTreeMap<String, String>,
    ) -> Result<Object, HalfDone> {
        let none = |failure| HalfDone { object: None, failure };
        let prior = resource(ty, prior).map_err(none)?;
        let planned = resource(ty, planned).map_err(none)?;
        let config = decode_value(planned.block(), config).map_err(none)?;
        held(&self.kept).change(region, &config, tags, |world, cx| world.update(ty, &prior, planned, cx))
    }

    /// Tries again for a while what is refused because of something that is about to go.
    async fn patiently<T>(&self, mut change: impl FnMut() -> Result<T, HalfDone>) -> Result<T, HalfDone> {
        let began = Instant::now();
        loop {
            match change() {
                Err(half) if World::may_pass(&half.failure) && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                done => return done,
            }
        }
    }

    /// Lets what was changed take effect, and waits as long as AWS's own types do.
    async fn settle(&self, ty: &str, object: Object, seconds: u64) -> Answer {
        self.reconcile().await;
        self.wake.notify_one();
        if let Err(failure) = self.wait(ty, &object, Duration::from_secs(seconds)).await {
            return failed(HalfDone { object: Some(object), failure });
        }
        match encode(&object) {
            Ok(json) => Answer::Object(json),
            Err(failure) => failed(HalfDone { object: None, failure }),
        }
    }

    async fn delete(&self, (ty, region): (&str, &str), prior: &Json) -> Result<(), HalfDone> {
        let prior = resource(ty, prior).map_err(|failure| HalfDone { object: None, failure })?;
        let half = |failure| HalfDone { object: Some(prior.clone()), failure };
        self.before_delete(ty, &prior).await.map_err(half)?;
        let nothing = Value::null(Type::Dynamic);
        let delete = || {
            held(&self.kept).change(region, &nothing, BTreeMap::new(), |world, cx| {
                world.delete(ty, &prior, cx).map_err(|failure| HalfDone { object: None, failure })
            })
        };
        self.patiently(delete).await.map_err(|failed| half(failed.failure))?;
        self.reconcile().await;
        self.wake.notify_one();
        self.wait_until_gone(ty, &prior).await.map_err(half)
    }

    fn data(&self, (ty, region): (&str, &str), config: &Json) -> Answer {
        let Some(block) = catalog().data_sources.get(ty).map(|t| t.block().clone()) else {
            return failed(HalfDone { object: None, failure: unsupported(ty) });
        };
        let read = decode(&block, config);
        let read = read.and_then(|config| held(&self.kept).look(region, |world, cx| world.read_data(ty, config, cx)));
        match read.and_then(|object| encode(&object)) {
            Ok(json) => Answer::Object(json),
            Err(failure) => failed(HalfDone { object: None, failure }),
        }
    }

    fn open(&self, (ty, region): (&str, &str), config: &Json) -> Answer {
        let Some(block) = catalog().ephemerals.get(ty).map(|t| t.block().clone()) else {
            return failed(HalfDone { object: None, failure: unsupported(ty) });
        };
        let opened = decode(&block, config);
        let opened = opened.and_then(|config| held(&self.kept).look(region, |world, _| world.open(ty, config)));
        match opened.and_then(|object| encode(&object)) {
            Ok(json) => Answer::Object(json),
            Err(failure) => failed(HalfDone { object: None, failure }),
        }
    }

    async fn logs(&self, service: Option<String>, follow: bool, teller: &mut Teller) -> std::io::Result<()> {
        let lines = self.runtime.logs(service.as_deref(), follow).await;
        let mut lines = std::pin::pin!(lines);
        let mut ending = self.ending.subscribe();
        loop {
            let line = tokio::select! {
                line = lines.next() => line,
                _ = ending.wait_for(|ending| *ending != Ending::No) => None,
            };
            let Some(line) = line else { break };
            teller.tell(&Answer::Line(line.into())).await?;
        }
        teller.tell(&Answer::Done).await
    }

    /// Answers when everything has stopped.
    async fn end(&self, how: Ending, teller: &mut Teller) -> std::io::Result<()> {
        teller.tell(&Answer::Done).await?;
        self.ending.send_replace(how);
        Ok(())
    }

    /// For how long it runs.
    pub(super) fn up(&self) -> Duration {
        Instant::now().duration_since(self.started)
    }
}

/// A creation that is under way, by its token.
struct Creating<'s>(&'s Shared, String);

impl<'s> Creating<'s> {
    fn of(shared: &'s Shared, token: &str) -> Creating<'s> {
        held(&shared.creating).insert(token.to_string());
        Creating(shared, token.to_string())
    }
}

impl Drop for Creating<'_> {
    fn drop(&mut self) {
        held(&self.0.creating).remove(&self.1);
    }
}

fn resource(ty: &str, json: &Json) -> Result<Object, Failure> {
    match catalog().resources.get(ty) {
        Some(known) => decode(known.block(), json),
        None => Err(unsupported(ty)),
    }
}

fn unsupported(ty: &str) -> Failure {
    Failure::new(format!("finding {ty}"), "this type is not supported on this machine")
}

fn failed(half: HalfDone) -> Answer {
    let object = half.object.and_then(|object| encode(&object).ok());
    Answer::Failed { object, failure: half.failure.into() }
}
