//! Plan, read, apply and import of the catalogue's types over a cloud.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use infra_provider::fleet::{FleetOrProblems, FleetSpec};
use infra_provider::plan::{
    PluginKind, is_zero, plan_framework, plan_sdk, stored_after_failed_update, tags_of, tags_value, with_member,
};
use infra_provider::{
    Applied, ApplyRequest, Configured, Failure, Imported, Object, Opened, Operation, PlanRequest, Planned, Private,
    Problem, ReadRequest, Readiness, Sought,
};
use infra_schema::Block;
use infra_value::{Type, Value};

use super::object::{applied, half_done, refreshed, with_null_as_empty, without_removed};
use super::private::{is_unfinished, private, private_of_imported, private_of_unfinished, timeouts};
use super::unsupported;
use crate::{Cloud, HalfDone, OpContext, ResourceType, Trace, catalog};

/// The provider with a cloud.
pub(super) struct ConfiguredAws {
    pub(super) cloud: Arc<dyn Cloud>,
}

fn resource_type(name: &str) -> Result<&'static ResourceType, Problem> {
    catalog().resources.get(name).ok_or_else(|| unsupported(name))
}

#[async_trait]
impl Configured for ConfiguredAws {
    fn caller(&self) -> Option<String> {
        self.cloud.caller()
    }

    async fn plan(&self, request: PlanRequest<'_>) -> Result<Planned, Vec<Problem>> {
        let ty = resource_type(request.ty).map_err(|problem| vec![problem])?;
        let kind = ty.rules.kind();
        let plan = match kind {
            PluginKind::Sdk => plan_sdk,
            PluginKind::Framework => plan_framework,
        };
        let (prior, config, proposed) = (request.prior, request.config, request.proposed);
        if kind == PluginKind::Sdk {
            super::check::nulls_in_block(ty.block(), proposed)?;
        }
        let (mut value, requires_replace) = plan(ty.schema(), ty.rules, self.cloud.meta(), prior, config, proposed)?;
        let was_cut_off = is_unfinished(request.private);
        if was_cut_off && let Some(finished) = ty.rules.finished(config, &value) {
            value = finished;
        }
        if value != *prior {
            let problems = super::check::timeouts(&value);
            if !problems.is_empty() {
                return Err(problems);
            }
        }
        let private = if value == *prior && !was_cut_off { request.private.clone() } else { private(ty, &value) };
        Ok(Planned { value, requires_replace, private, legacy: kind == PluginKind::Sdk })
    }

    async fn read(&self, ty: &str, requests: Vec<ReadRequest>) -> Vec<Result<Option<Value>, Problem>> {
        let ty = match resource_type(ty) {
            Ok(ty) => ty,
            Err(problem) => return requests.iter().map(|_| Err(problem.clone())).collect(),
        };
        let object = |r: &ReadRequest| Object::new(ty.block().clone(), &r.prior).without_need_of(r.unused.as_ref());
        let objects = requests.iter().map(object).collect();
        let answers = self.cloud.read(ty.name, objects).await;
        let rules = &self.cloud.meta().tags;
        answers
            .into_iter()
            .zip(&requests)
            .map(|(answer, request)| match answer {
                Ok(Some(read)) => Ok(Some(refreshed(ty, rules, &request.prior, &read))),
                Ok(None) => Ok(None),
                Err(failure) => Err(failure.into_problem()),
            })
            .collect()
    }

    async fn apply(&self, request: ApplyRequest<'_>) -> Applied {
        let ty = match resource_type(request.ty) {
            Ok(ty) => ty,
            Err(problem) => return failed(request.prior.clone(), request.private.clone(), true, false, problem),
        };
        let legacy = ty.rules.kind() == PluginKind::Sdk;
        let done = match request.operation() {
            Operation::Create => self.create(ty, &request).await,
            Operation::Update => self.update(ty, &request).await,
            Operation::Delete => self.delete(ty, &request).await,
        };
        match done {
            Ok(value) if value.is_null() => {
                Applied { value, private: Private::default(), problems: Vec::new(), legacy, uncertain: false }
            }
            Ok(value) => {
                let private = private(ty, &value);
                Applied { value, private, problems: Vec::new(), legacy, uncertain: false }
            }
            Err((value, failure)) => {
                let kept = match request.operation() {
                    Operation::Delete => request.private.clone(),
                    _ => private(ty, &value),
                };
                failed(value, kept, legacy, failure.is_uncertain(), failure.into_problem())
            }
        }
    }

    async fn import(&self, ty: &str, id: &str) -> Result<Vec<Imported>, Vec<Problem>> {
        let ty = resource_type(ty).map_err(|problem| vec![problem])?;
        let attributes = ty.rules.import(id).map_err(|problem| vec![problem])?;
        let mut stub = Object::new(ty.block().clone(), &Value::null(Type::Dynamic));
        stub.set("id", id);
        for (name, value) in attributes {
            stub.set(name, value);
        }
        let prior = stub.value();
        let mut answers = self.cloud.read(ty.name, vec![stub]).await;
        match answers.pop() {
            Some(Ok(Some(read))) => {
                let value = refreshed(ty, &self.cloud.meta().tags, &prior, &read);
                Ok(vec![Imported { ty: ty.name.into(), private: private_of_imported(ty, &value), value }])
            }
            Some(Err(failure)) => Err(vec![failure.into_problem()]),
            Some(Ok(None)) | None => Ok(Vec::new()),
        }
    }

    async fn find_created(&self, sought: Sought<'_>) -> Result<Option<Vec<Imported>>, Problem> {
        let ty = resource_type(sought.ty)?;
        let planned = Object::new(ty.block().clone(), sought.object);
        let found = self.cloud.find_created(ty.name, planned, &self.trace(ty, &sought)).await;
        let imported = |read: Object| {
            let value = refreshed(ty, &self.cloud.meta().tags, sought.object, &read);
            Imported { ty: ty.name.into(), private: private(ty, &value), value }
        };
        match found {
            Ok(found) => Ok(found.map(|found| found.into_iter().map(imported).collect())),
            Err(failure) => Err(failure.into_problem()),
        }
    }

    async fn ready(&self, sought: Sought<'_>) -> Result<Readiness, Problem> {
        let ty = resource_type(sought.ty)?;
        let object = Object::new(ty.block().clone(), sought.object);
        match self.cloud.ready(ty.name, &object, &self.trace(ty, &sought)).await {
            Ok(Some(read)) if ty.rules.finished(sought.planned, &read.value()).is_some() => {
                Ok(Readiness::Unfinished(private_of_unfinished(ty, sought.object)))
            }
            Ok(_) => Ok(Readiness::Ready),
            Err(failure) if failure.is_uncertain() => Err(failure.into_problem()),
            Err(failure) => Ok(Readiness::Failed(failure.into_problem())),
        }
    }

    async fn open(&self, ty: &str, config: &Value) -> Result<Opened, Vec<Problem>> {
        let Some(ty) = catalog().ephemerals.get(ty) else {
            return Err(vec![unsupported(ty)]);
        };
        let object = Object::new(ty.block().clone(), config);
        let opened = self.cloud.open(ty.name, object).await.map_err(|f| vec![f.into_problem()])?;
        Ok(Opened { value: opened.into_value(), private: Private::default(), renew_after: None })
    }

    async fn fleet(&self, spec: FleetSpec) -> FleetOrProblems {
        self.cloud.fleet(spec).await
    }

    fn evidence_delay(&self) -> Duration {
        self.cloud.evidence_delay()
    }

    async fn read_data(&self, ty: &str, config: &Value) -> Result<Value, Vec<Problem>> {
        let Some(ty) = catalog().data_sources.get(ty) else {
            return Err(vec![unsupported(ty)]);
        };
        let object = Object::new(ty.block().clone(), config);
        let mut read = self.cloud.read_data(ty.name, object).await.map_err(|f| vec![f.into_problem()])?;
        if ty.schema().block.attributes.contains_key("id") && is_zero(read.raw("id")) {
            read.set("id", "-");
        }
        Ok(without_empty(ty.block(), &read.into_value()))
    }
}

/// A data source is stored as it was read, and has null for blocks that are not given and for arguments that are given
/// and empty.
fn without_empty(block: &Block, read: &Value) -> Value {
    let arguments = block.attributes.iter().filter(|(_, attribute)| !attribute.computed).map(|(name, _)| name);
    arguments.chain(block.blocks.keys()).fold(read.clone(), |now, name| match now.get(name) {
        Some(value) if value.ty().is_collection() && value.is_empty() => {
            with_member(&now, name, Value::null(value.ty()))
        }
        _ => now,
    })
}

/// What is known of the object, and what went wrong.
type Half = (Value, Failure);

impl ConfiguredAws {
    async fn create(&self, ty: &ResourceType, request: &ApplyRequest<'_>) -> Result<Value, Half> {
        let planned = request.planned;
        let checkpoint = |object: &Object| (request.checkpoint)(half_done(planned, object));
        let cx = self.context(ty, request, &checkpoint);
        match self.cloud.create(ty.name, Object::new(ty.block().clone(), planned), &cx).await {
            Ok(read) => Ok(applied(ty, &self.cloud.meta().tags, planned, request.config, read)),
            Err(HalfDone { object: Some(object), failure }) => Err((half_done(planned, &object), failure)),
            Err(HalfDone { object: None, failure }) => Err((Value::null(ty.schema().block.ty()), failure)),
        }
    }

    async fn update(&self, ty: &ResourceType, request: &ApplyRequest<'_>) -> Result<Value, Half> {
        let (prior, planned) = (request.prior, request.planned);
        let checkpoint = |object: &Object| (request.checkpoint)(half_done(planned, object));
        let cx = self.context(ty, request, &checkpoint);
        let before = Object::new(ty.block().clone(), prior);
        match self.cloud.update(ty.name, &before, Object::new(ty.block().clone(), planned), &cx).await {
            Ok(read) => {
                let stored = applied(ty, &self.cloud.meta().tags, planned, request.config, read);
                Ok(without_removed(ty, prior, planned, stored))
            }
            // The newer kind of types knows an object as it was until a change has gone through.
            Err(HalfDone { object: Some(object), failure }) if ty.rules.kind() == PluginKind::Sdk => {
                Err((stored_after_failed_update(ty.block(), prior, &object.into_value()), failure))
            }
            Err(HalfDone { failure, .. }) => Err((prior.clone(), failure)),
        }
    }

    async fn delete(&self, ty: &ResourceType, request: &ApplyRequest<'_>) -> Result<Value, Half> {
        let cx = self.context(ty, request, &|_| {});
        let prior = Object::new(ty.block().clone(), request.prior);
        match self.cloud.delete(ty.name, &prior, &cx).await {
            Ok(()) => Ok(Value::null(ty.schema().block.ty())),
            Err(HalfDone { object, failure }) => {
                Err((object.map_or_else(|| request.prior.clone(), Object::into_value), failure))
            }
        }
    }

    fn context<'a>(
        &self,
        ty: &ResourceType,
        request: &ApplyRequest<'a>,
        checkpoint: &'a (dyn Fn(&Object) + Send + Sync),
    ) -> OpContext<'a> {
        let own = |object: &Value| {
            let tags = object.get("tags").filter(|tags| tags.is_known() && !tags.is_null())?;
            // A null tag of a newer type is sent as an empty one.
            let filled = |tags: &Value| tags_value(&with_null_as_empty(tags));
            Some(if ty.rules.kind() == PluginKind::Framework { filled(tags) } else { tags.clone() })
        };
        let tags = own(request.config).or_else(|| own(request.planned)).unwrap_or_else(|| Value::null(Type::Dynamic));
        let limits = if request.planned.is_null() { request.prior } else { request.planned };
        OpContext {
            config: request.config,
            timeouts: timeouts(ty, limits),
            tags: if ty.is_taggable() { self.cloud.meta().tags.effective(&tags) } else { Default::default() },
            checkpoint,
            token: request.token.clone(),
            held: request.held,
        }
    }

    fn trace(&self, ty: &ResourceType, sought: &Sought<'_>) -> Trace {
        let sent = |name: &str| sought.object.get(name).filter(|tags| !tags.is_null());
        let tags = match (ty.is_taggable(), sent("tags_all")) {
            (false, _) => Default::default(),
            (true, Some(all)) => tags_of(all),
            (true, None) => {
                let own = sent("tags").cloned().unwrap_or_else(|| Value::null(Type::Dynamic));
                self.cloud.meta().tags.effective(&own)
            }
        };
        Trace { token: sought.token.clone(), tags, began: sought.began, timeouts: timeouts(ty, sought.object) }
    }
}

fn failed(value: Value, private: Private, legacy: bool, uncertain: bool, problem: Problem) -> Applied {
    Applied { value, private, problems: vec![problem], legacy, uncertain }
}
