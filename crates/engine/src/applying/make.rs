//! Creating, updating and reading one object.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use infra_address::{ResourceInstance, ResourceMode};
use infra_diag::{Diagnostic, Severity};
use infra_lang::config::{ProvisionerWhen, Resource as Block};
use infra_provider::plan as rules;
use infra_provider::{ApplyRequest, Configured, Identity, Private, Problem, Token};
use infra_schema::Schema;
use infra_state::{Instance, Intent};
use infra_value::{Marks, Path, Value};

use super::Applier;
use super::provisioners::self_value;
use crate::asking::ask;
use crate::conditions::{nested_read_failed, resource_rules};
use crate::expand::Repetition;
use crate::plan::{Action, Reason, ResourceChange};
use crate::planning::{configuration, instance_diagnostics};
use crate::ui::Event;
use crate::{codec, marks, secrets};

impl Applier<'_> {
    /// Does what a change says, deletion aside. False after its errors have been told.
    pub(super) async fn make(&self, number: usize) -> bool {
        let change = &self.plan.changes[number];
        let address = &change.address;
        if change.action == Action::Forget {
            self.book.write(|state| match &change.deposed {
                Some(key) => state.set_deposed(address, &change.provider, key, None),
                None => state.set_current(address, &change.provider, None),
            });
            return true;
        }
        let config = self.world.config;
        let Some(block) = config.module(&address.module.path()).and_then(|m| m.resource(&address.resource)) else {
            return self.internal(address, "Its block is not in the configuration.");
        };
        let repetition = {
            let resources = self.world.resources.borrow();
            let expanded = resources.get(&(address.module.clone(), address.resource.clone()));
            expanded.and_then(|e| e.repetitions.get(&address.key)).cloned()
        };
        let Some(repetition) = repetition else {
            self.world.report([Diagnostic::error(
                "Provider produced inconsistent final plan",
                format!("{address} was planned, and with the values that are known now there is no such instance."),
            )
            .at(block.decl_range.clone())]);
            return false;
        };
        let Some(configured) = self.provider_of(number) else { return false };
        let scope = self.world.scope(&address.module, Some(repetition.clone()));
        let known = self.registry.get(&change.provider.source);
        let schema = known.and_then(|p| match address.resource.mode {
            ResourceMode::Data => p.data_schema(&address.resource.ty),
            _ => p.resource_schema(&address.resource.ty),
        });
        let Some(schema) = schema else { return self.internal(address, "Its type has no schema.") };
        let Some(config) = configuration(&self.world, block, address, &schema.block, &scope, Severity::Error) else {
            return false;
        };
        let (config, config_marks) = marks::take(&config);
        let job = Job {
            number,
            change,
            block,
            schema,
            configured: &*configured,
            config,
            config_marks,
            creates_first: self.creates_first(address),
            repetition: repetition.clone(),
        };
        let value = match address.resource.mode {
            ResourceMode::Data => self.read(&job).await,
            _ => self.change(&job).await,
        };
        let Some(value) = value else { return false };
        // What does not hold its conditions has no value for anything else, outputs among it.
        let holds = self.post_conditions(block, address, repetition, value.clone());
        if holds {
            self.world.set_value(&address.module, &address.resource, &address.key, value);
        }
        holds
    }

    fn post_conditions(&self, block: &Block, address: &ResourceInstance, repetition: Repetition, value: Value) -> bool {
        let scope = self.world.scope(&address.module, Some(repetition)).with_self(value);
        let rules = &block.lifecycle.postconditions;
        resource_rules(address, rules, "Resource postcondition failed", Severity::Error).check(&self.world, &scope)
    }

    async fn read(&self, job: &Job<'_>) -> Option<Value> {
        let Job { change, schema, configured, config, .. } = job;
        let address = &change.address;
        self.ui.event(Event::ReadStart { address });
        let started = Instant::now();
        let nested = change.reason == Some(Reason::ReadBecauseCheckNested);
        let value = match configured.read_data(&address.resource.ty, config).await {
            Ok(value) => value,
            Err(problems) => {
                let told = instance_diagnostics(self.hide(job, problems), address, Some(job.block), &schema.block);
                if let Some(check) = &job.block.check {
                    nested_read_failed(&self.world, &address.module, check, &told);
                }
                self.world.report(told.into_iter().map(|d| match nested {
                    true => Diagnostic { severity: Severity::Warning, ..d },
                    false => d,
                }));
                if nested {
                    let value = rules::proposed_unknown(&schema.block, config);
                    let object = codec::encode(schema, &value, &Private::default(), Vec::new());
                    self.book.write(|state| state.set_current(address, &change.provider, Some(object)));
                    return Some(value);
                }
                return None;
            }
        };
        self.ui.event(Event::ReadDone { address, id: id_of(&value), elapsed: started.elapsed() });
        let value = marked(job.schema, &job.config_marks, &value);
        let object = codec::encode(schema, &value, &Private::default(), Vec::new());
        self.book.write(|state| state.set_current(address, &change.provider, Some(object)));
        Some(value)
    }

    /// Plans once more with what is known now, holds that against the plan, and does it.
    async fn change(&self, job: &Job<'_>) -> Option<Value> {
        let Job { number, change, schema, configured, .. } = job;
        let address = &change.address;
        let creates = change.action == Action::Create || change.action.is_replace();
        let object = match creates {
            true => None,
            false => self.book.look(|state| state.current(address).cloned()),
        };
        let null = Value::null(schema.block.ty());
        let prior = if creates { null.clone() } else { change.before.unmark_deep().0 };
        let private = Private(object.as_ref().and_then(|o| o.private.clone()));
        let planned = self.plan_again(job, &prior, &private).await?;
        let (wanted, _) = change.after.unmark_deep();
        if let Some(path) = inconsistency(&wanted, &planned.0, &Path::root()) {
            // It is no mistake of the configuration, so no place in it is named.
            self.world.report([Diagnostic::error(
                "Provider produced inconsistent final plan",
                format!(
                    "With the values that became known during the apply, {address} would get another value for {path} than \
                     was planned. Nothing was done with it; plan again."
                ),
            )]);
            return None;
        }
        if !creates && planned.0 == prior {
            let value = marked(job.schema, &job.config_marks, &planned.0);
            let tainted = object.as_ref().is_some_and(|o| o.tainted);
            let encoded = encode(job, &value, &private, tainted);
            let (action, id) = (Action::Update, id_of(&planned.0));
            // Only marks differ: the provider has nothing to do. Or what was not known has become what it was before:
            // then there is no update at all.
            let marks_only = wanted.is_wholly_known();
            if marks_only {
                self.ui.event(Event::ApplyStart { address, deposed: None, action, id });
            }
            self.book.write(|state| state.set_current(address, &change.provider, Some(encoded)));
            if marks_only {
                self.ui.event(Event::ApplyDone { address, deposed: None, action, id, elapsed: Default::default() });
                self.counts.borrow_mut().change += 1;
            }
            return Some(value);
        }
        if change.action == Action::CreateThenDelete {
            self.depose(*number, change);
        }
        // Until its provisioners have succeeded a new object counts as half made.
        let provisions = creates && job.block.provisioners.iter().any(|p| p.when == ProvisionerWhen::Create);
        let token = if creates { Token::unique() } else { Token::default() };
        if creates && !self.begin(job, &token, &planned, provisions).await {
            let old = self.deposed.borrow_mut().remove(number);
            self.book.write(|state| restore(state, change, old));
            return None;
        }
        let shown = if creates { Action::Create } else { Action::Update };
        self.ui.event(Event::ApplyStart { address, deposed: None, action: shown, id: id_of(&prior) });
        let started = Instant::now();
        let (book, found, private) = (&self.book, &job.config_marks, &planned.1);
        let checkpoint = |partial: Value| {
            let object = encode(job, &marked(schema, found, &partial), private, provisions);
            book.made(token.as_str(), &object, |state| {
                state.set_current(address, &change.provider, Some(object.clone()));
            });
        };
        let held =
            |object: Identity<'_>| book.look(|state| crate::recovering::holds(state, &address.resource.ty, object));
        let applied = configured
            .apply(ApplyRequest {
                ty: &address.resource.ty,
                prior: &prior,
                planned: &planned.0,
                config: &job.config,
                private: &planned.1,
                checkpoint: &checkpoint,
                token: &token,
                held: &held,
            })
            .await;
        let failed = applied.problems.iter().any(Problem::is_error);
        let told = instance_diagnostics(self.hide(job, applied.problems), address, Some(job.block), &schema.block);
        self.world.report(told);
        let elapsed = started.elapsed();
        let mut inconsistent = false;
        let value = marked(job.schema, &job.config_marks, &applied.value);
        if !failed && !applied.legacy {
            inconsistent = self.check_result(job, &planned.0, &applied.value);
        }
        // Nobody has said that it failed: what there is counts, and the next run looks again.
        let uncertain = creates && failed && applied.uncertain;
        let tainted = creates && ((failed && !uncertain) || inconsistent || provisions);
        let encoded = (!applied.value.is_null()).then(|| encode(job, &value, &applied.private, tainted));
        let gone = encoded.is_none();
        if creates && !uncertain {
            self.book.end([token.as_str().to_string()]);
        }
        self.book.write(|state| {
            state.set_current(address, &change.provider, encoded);
            if gone && failed && !uncertain && change.action == Action::CreateThenDelete {
                restore(state, change, self.deposed.borrow_mut().remove(number));
            }
        });
        if uncertain {
            self.world.report([unknown_outcome(address)]);
        }
        if failed || inconsistent {
            self.ui.event(Event::ApplyFailed { address, deposed: None, action: shown, elapsed });
            return None;
        }
        if provisions {
            if !self.provision_new(job, &value).await {
                let elapsed = started.elapsed();
                self.ui.event(Event::ApplyFailed { address, deposed: None, action: shown, elapsed });
                return None;
            }
            self.book.write(|state| {
                if let Some(object) = &mut state.slot_mut(address, &change.provider).current {
                    object.tainted = false;
                }
            });
        }
        let elapsed = started.elapsed();
        let id = id_of(&applied.value);
        self.ui.event(Event::ApplyDone { address, deposed: None, action: shown, id, elapsed });
        let mut counts = self.counts.borrow_mut();
        match creates {
            true => counts.add += 1,
            false => counts.change += 1,
        }
        counts.import += usize::from(change.importing.is_some());
        Some(value)
    }

    /// Writes down that an object is about to be created. False after the error has been told: then it must not be.
    async fn begin(&self, job: &Job<'_>, token: &Token, planned: &(Value, Private), provisions: bool) -> bool {
        let (change, schema) = (job.change, job.schema);
        if change.action.is_replace() {
            // The old object must not pass for the new one.
            self.book.flush();
        }
        let value = marked(schema, &job.config_marks, &planned.0);
        let intent = Intent {
            token: token.as_str().to_string(),
            address: change.address.clone(),
            provider: change.provider.clone(),
            began: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
            object: encode(job, &value, &planned.1, provisions),
            made: false,
        };
        let Err(why) = self.book.begin(&intent).await else { return true };
        self.world.report([Diagnostic::error(
            format!("{} was not created", change.address),
            format!(
                "What is about to be created is first written down beside the state, so that it is never lost, and that \
                 failed: {why}."
            ),
        )
        .at(job.block.decl_range.clone())
        .about(&change.address)]);
        false
    }

    async fn provision_new(&self, job: &Job<'_>, value: &Value) -> bool {
        let address = &job.change.address;
        let scope = self.world.scope(&address.module, Some(job.repetition.clone()));
        let scope = scope.with_self(self_value(value));
        self.provision(address, &job.block.provisioners, ProvisionerWhen::Create, &scope).await
    }

    async fn plan_again(&self, job: &Job<'_>, prior: &Value, private: &Private) -> Option<(Value, Private)> {
        let Job { change, block, schema, configured, config, .. } = job;
        match ask(*configured, block, schema, prior, config, private).await {
            Ok(planned) => Some((planned.value, planned.private)),
            Err(problems) => {
                let told = instance_diagnostics(self.hide(job, problems), &change.address, Some(block), &schema.block);
                self.world.report(told);
                None
            }
        }
    }

    /// What the provider says, without sensitive values.
    fn hide(&self, job: &Job<'_>, problems: Vec<Problem>) -> Vec<Problem> {
        let config = marks::put(&job.config, &job.config_marks);
        let objects = [&config, &job.change.before, &job.change.after];
        secrets::hide(problems, &self.world, &job.schema.block, &objects)
    }

    /// Puts the present object aside, to be deleted once its replacement is there.
    fn depose(&self, number: usize, change: &ResourceChange) {
        let key = self.book.look(|state| new_deposed_key(state, &change.address));
        self.deposed.borrow_mut().insert(number, key.clone());
        self.book.write(|state| {
            let slot = state.slot_mut(&change.address, &change.provider);
            if let Some(object) = slot.current.take() {
                slot.deposed.insert(key, object);
            }
        });
    }

    /// Types of the newer plug-in kind have to give what was planned.
    fn check_result(&self, job: &Job<'_>, planned: &Value, result: &Value) -> bool {
        let Some(path) = inconsistency(planned, result, &Path::root()) else { return false };
        let address = &job.change.address;
        self.world.report([Diagnostic::error(
            "Provider produced inconsistent result after apply",
            format!(
                "After the apply {address} has another value for {path} than was planned. The state has what it is now."
            ),
        )
        .at(job.block.decl_range.clone())
        .about(address)]);
        true
    }
}

/// What a change is made with.
struct Job<'j> {
    number: usize,
    change: &'j ResourceChange,
    block: &'j Block,
    schema: &'j Schema,
    configured: &'j dyn Configured,
    config: Value,
    config_marks: Vec<(Path, Marks)>,
    /// Whether the object is to be replaced by creating first.
    creates_first: bool,
    repetition: Repetition,
}

/// The value with the marks of its configuration and its schema.
fn marked(schema: &Schema, of_config: &[(Path, Marks)], value: &Value) -> Value {
    let of_schema = marks::of_schema(&schema.block, value);
    let all: Vec<(Path, Marks)> = of_config.iter().cloned().chain(of_schema).collect();
    marks::put(value, &all)
}

/// The object as the state holds it.
fn encode(job: &Job<'_>, value: &Value, private: &Private, tainted: bool) -> Instance {
    Instance {
        tainted,
        create_before_destroy: job.creates_first,
        ..codec::encode(job.schema, value, private, job.change.dependencies.clone())
    }
}

pub(super) fn id_of(value: &Value) -> &str {
    value.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// What is said of a creation that nobody has said to have failed.
fn unknown_outcome(address: &ResourceInstance) -> Diagnostic {
    Diagnostic::warning(
        format!("What came of creating {address} is not known"),
        "The cloud gave no answer that says so. The next plan looks for the object, and goes on with it if it is there.",
    )
    .about(address)
}

/// Puts a deposed object back where its replacement could not be made.
fn restore(state: &mut infra_state::State, change: &ResourceChange, key: Option<String>) {
    let Some(key) = key else { return };
    let slot = state.slot_mut(&change.address, &change.provider);
    if slot.current.is_none() {
        slot.current = slot.deposed.remove(&key);
    }
}

/// Eight hexadecimal digits that no deposed object of the instance has.
fn new_deposed_key(state: &infra_state::State, address: &ResourceInstance) -> String {
    use std::hash::{BuildHasher, RandomState};
    loop {
        let key = format!("{:08x}", RandomState::new().hash_one(address.to_string()) & 0xffff_ffff);
        if state.slot(address).is_none_or(|slot| !slot.deposed.contains_key(&key)) {
            return key;
        }
    }
}

/// Where a value differs from the planned one although that was known.
fn inconsistency(planned: &Value, now: &Value, path: &Path) -> Option<Path> {
    use infra_value::Kind;
    match (planned.kind(), now.kind()) {
        (Kind::Unknown(_), _) => None,
        (Kind::Object(a), Kind::Object(b)) | (Kind::Map(_, a), Kind::Map(_, b)) => {
            let is_object = matches!(planned.kind(), Kind::Object(_));
            let step = |name: &std::sync::Arc<str>| match is_object {
                true => path.attr(name.clone()),
                false => path.index(Value::string(name)),
            };
            for (name, planned) in a.iter() {
                match b.get(name) {
                    Some(now) => {
                        if let Some(found) = inconsistency(planned, now, &step(name)) {
                            return Some(found);
                        }
                    }
                    None => return Some(step(name)),
                }
            }
            b.keys().find(|name| !a.contains_key(*name)).map(step)
        }
        (Kind::List(_, a), Kind::List(_, b)) | (Kind::Tuple(a), Kind::Tuple(b)) => {
            if a.len() != b.len() {
                return Some(path.clone());
            }
            (0_i64..).zip(a.iter().zip(b.iter())).find_map(|(i, (a, b))| inconsistency(a, b, &path.index(i)))
        }
        (Kind::Set(_, a), Kind::Set(_, b)) => {
            let known = planned.is_wholly_known();
            ((known && a != b) || b.len() > a.len()).then(|| path.clone())
        }
        _ => (planned != now).then(|| path.clone()),
    }
}
