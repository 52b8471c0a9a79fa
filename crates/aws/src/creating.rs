//! Creating an object once: when no answer comes to a call that makes something, it is looked for before the call is
//! made again, and a creation that was cut off is finished from what is there.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use infra_catalog::{HalfDone, OpContext, Trace, catalog};
use infra_provider::{Failure, Identity, Object};
use infra_value::{Kind, Value};
use tokio::time::{Instant, sleep};

use crate::cloud::{api, read_new, update};
use crate::resource::ResourceType;
use crate::{Aws, recent};

/// How often a creation is taken up again after calls that were not answered.
const ATTEMPTS: u32 = 4;
const PAUSE: Duration = Duration::from_secs(1);

/// Pauses while something that was just made is not seen yet.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// How long something new may be missing in lists.
const LAG: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Creates the object, waits until it is ready, and reads it.
pub(crate) async fn create(aws: &Aws, ty: &str, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
    let api = api(ty).map_err(|failure| HalfDone { object: None, failure })?;
    let wanted = planned.settled(None);
    // Objects that nothing tells apart are made one after the other: what an unanswered call has made is then the only
    // one that is not known.
    let twins = Mutex::new(Some(aws.lock(&format!("create {ty} {:x}", digest(&wanted))).await));
    let told = AtomicBool::new(false);
    let checkpoint = |object: &Object| {
        told.store(true, Ordering::Relaxed);
        recent::note(aws, object);
        (cx.checkpoint)(object);
        drop(twins.lock().unwrap_or_else(PoisonError::into_inner).take());
    };
    let own = OpContext {
        config: cx.config,
        timeouts: cx.timeouts.clone(),
        tags: cx.tags.clone(),
        checkpoint: &checkpoint,
        token: cx.token.clone(),
        held: cx.held,
    };
    let trace = Trace { token: cx.token.clone(), tags: cx.tags.clone(), began: now(), timeouts: cx.timeouts.clone() };
    let mut object = wanted.clone();
    let mut attempt = 0;
    let (start, mut pause) = (Instant::now(), FIRST_PAUSE);
    let done = loop {
        let done = api.create(aws, &mut object, &own).await;
        if !object.id().is_empty() && !told.load(Ordering::Relaxed) {
            checkpoint(&object);
        }
        let Err(failure) = done else { break Ok(()) };
        // What it is made of may be so new that it is not known everywhere.
        if object.id().is_empty() && recent::is_unseen(aws, &failure) && start.elapsed() < recent::UNSEEN {
            tracing::debug!(ty, failure = failure.brief(), "will be tried again: what it needs was just made");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            object = wanted.clone();
            continue;
        }
        attempt += 1;
        if !failure.is_uncertain() || attempt > ATTEMPTS {
            break Err(failure);
        }
        tracing::warn!(ty, "no answer to a creation: looking for what it made");
        sleep(PAUSE * attempt).await;
        if object.id().is_empty() {
            let found = look(aws, api, &wanted, &trace).await;
            match new_one(found, cx) {
                Ok(Some(found)) => {
                    object = found;
                    checkpoint(&object);
                }
                Ok(None) => {
                    object = wanted.clone();
                    continue;
                }
                Err(()) => break Err(failure),
            }
        }
        let mut finished = finish(aws, api, ty, &object, &wanted, cx, &trace).await;
        while attempt < ATTEMPTS && finished.as_ref().is_err_and(Failure::is_uncertain) {
            attempt += 1;
            sleep(PAUSE * attempt).await;
            finished = finish(aws, api, ty, &object, &wanted, cx, &trace).await;
        }
        match finished {
            Ok(read) => return Ok(read),
            Err(failure) => break Err(failure),
        }
    };
    match done {
        Ok(()) if api.reads_back() => match read_new(aws, api, ty, &object).await {
            Ok(read) => Ok(read),
            Err(failure) => Err(HalfDone { object: Some(object), failure }),
        },
        Ok(()) => Ok(object),
        Err(failure) => Err(HalfDone { object: Some(object).filter(|o| !o.id().is_empty()), failure }),
    }
}

/// The one object that was found and that nobody knows yet; an error where it cannot be told which it is.
fn new_one(found: Result<Option<Vec<Object>>, Failure>, cx: &OpContext<'_>) -> Result<Option<Object>, ()> {
    let Ok(Some(found)) = found else { return Err(()) };
    let mut found = found.into_iter().filter(|object| !(cx.held)(Identity::new(object.id(), object.str("arn"))));
    match (found.next(), found.next()) {
        (one, None) => Ok(one),
        _ => Err(()),
    }
}

/// Brings an object that a creation has left half made to what was wanted.
async fn finish(
    aws: &Aws,
    api: &dyn ResourceType,
    ty: &str,
    made: &Object,
    wanted: &Object,
    cx: &OpContext<'_>,
    trace: &Trace,
) -> Result<Object, Failure> {
    api.ready(aws, made, trace).await?;
    let now = read_new(aws, api, ty, made).await?;
    let mut object = wanted.clone();
    let block = object.block().clone();
    for name in block.attributes.keys().chain(block.blocks.keys()) {
        let whole = completed(object.raw(name), now.raw(name));
        object.set(name, whole);
    }
    object.set("id", now.id());
    let rules = catalog().resources.get(ty).map(|ty| ty.rules);
    if let Some(finished) = rules.and_then(|rules| rules.finished(&wanted.value(), &object.value())) {
        object = Object::new(block, &finished);
    }
    update(aws, api, &now, &mut object, cx, &cx.tags, false).await?;
    read_new(aws, api, ty, &object).await
}

/// What is wanted, with what is there wherever nothing is.
fn completed(wanted: &Value, now: &Value) -> Value {
    let all =
        |wanted: &[Value], now: &[Value]| wanted.iter().zip(now).map(|(w, n)| completed(w, n)).collect::<Vec<_>>();
    match (wanted.kind(), now.kind()) {
        (Kind::Null(_), _) => now.clone(),
        (Kind::Object(members), Kind::Object(_)) => Value::object(members.iter().map(|(name, wanted)| {
            let whole = now.get(name).map_or_else(|| wanted.clone(), |now| completed(wanted, now));
            (name.clone(), whole)
        })),
        (Kind::List(ty, w), Kind::List(_, n)) if w.len() == n.len() => Value::list(ty.clone(), all(w, n)),
        (Kind::Set(ty, w), Kind::Set(_, n)) if w.len() == 1 && n.len() == 1 => Value::set(ty.clone(), all(w, n)),
        _ => wanted.clone(),
    }
}

/// Objects that a creation may have made, as they are.
pub(crate) async fn look(
    aws: &Aws,
    api: &dyn ResourceType,
    planned: &Object,
    trace: &Trace,
) -> Result<Option<Vec<Object>>, Failure> {
    loop {
        let Some(likely) = api.find_created(aws, planned, trace).await? else { return Ok(None) };
        let mut found = Vec::new();
        for answer in api.read(aws, likely).await {
            found.extend(answer?.filter(|read| is_tagged(api, read, trace)));
        }
        if !found.is_empty() || !aws.lags() || now().saturating_sub(trace.began) >= LAG.as_secs() {
            return Ok(Some(found));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Waits until an object is there to be read and ready, as far as its creation is not long over. How it was found.
pub(crate) async fn ready(
    aws: &Aws,
    api: &dyn ResourceType,
    object: &Object,
    trace: &Trace,
) -> Result<Option<Object>, Failure> {
    let found = loop {
        if let Some(found) = api.read_new(aws, object.clone()).await? {
            break found;
        }
        if !aws.lags() || now().saturating_sub(trace.began) >= LAG.as_secs() {
            return Ok(None);
        }
        sleep(LOOK_AGAIN).await;
    };
    api.ready(aws, object, trace).await?;
    Ok(Some(found))
}

/// Whether an object has exactly the tags that the create call gives.
fn is_tagged(api: &dyn ResourceType, read: &Object, trace: &Trace) -> bool {
    let own = |(key, value): (&String, &String)| (!key.starts_with("aws:")).then(|| (key.clone(), value.clone()));
    let taggable = read.block().attributes.contains_key("tags_all");
    !taggable || !api.is_tagged_at_once() || trace.tags.iter().filter_map(own).eq(read.map("tags_all"))
}

fn digest(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{:?}", object.value()).hash(&mut hasher);
    hasher.finish()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
