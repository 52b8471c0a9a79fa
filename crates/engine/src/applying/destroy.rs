//! Deleting one object.

use std::time::Instant;

use infra_address::ResourceInstance;
use infra_lang::config::ProvisionerWhen;
use infra_provider::{ApplyRequest, Private, Problem, Token};
use infra_value::Value;

use super::Applier;
use super::make::id_of;
use super::provisioners::self_value;
use crate::expand::Repetition;
use crate::plan::Action;
use crate::ui::Event;
use crate::{codec, marks, secrets};

impl Applier<'_> {
    /// Deletes the object of a change, or the one that the change has replaced. False after the errors have been told.
    pub(super) async fn destroy(&self, number: usize) -> bool {
        let change = &self.plan.changes[number];
        let address = &change.address;
        let deposed = match change.action {
            Action::CreateThenDelete => self.deposed.borrow().get(&number).cloned(),
            _ => change.deposed.clone(),
        };
        let Some(configured) = self.provider_of(number) else { return false };
        let known = self.registry.get(&change.provider.source);
        let Some(schema) = known.and_then(|p| p.resource_schema(&address.resource.ty)) else {
            return self.internal(address, "Its type has no schema.");
        };
        let object = self.book.look(|state| {
            let slot = state.slot(address)?;
            match &deposed {
                Some(key) => slot.deposed.get(key).cloned(),
                None => slot.current.clone(),
            }
        });
        let Some(object) = object else { return true };
        let (prior, prior_marks) = marks::take(&change.before);
        let null = Value::null(schema.block.ty());
        let event = deposed.as_deref();
        self.ui.event(Event::ApplyStart { address, deposed: event, action: Action::Delete, id: id_of(&prior) });
        let started = Instant::now();
        if deposed.is_none() && !object.tainted && !self.provision_end(address, &change.before).await {
            let elapsed = started.elapsed();
            self.ui.event(Event::ApplyFailed { address, deposed: event, action: Action::Delete, elapsed });
            return false;
        }
        let applied = configured
            .apply(ApplyRequest {
                ty: &address.resource.ty,
                prior: &prior,
                planned: &null,
                config: &null,
                private: &Private(object.private.clone()),
                checkpoint: &|_| {},
                token: &Token::default(),
                held: &|_| false,
            })
            .await;
        let elapsed = started.elapsed();
        let failed = applied.problems.iter().any(Problem::is_error);
        let problems = secrets::hide(applied.problems, &self.world, &schema.block, &[&change.before]);
        self.world.report(problems.into_iter().map(|p| {
            let summary = format!("{address}: {}", p.summary);
            Problem { summary, ..p }.into_diagnostic()
        }));
        let left = (failed && !applied.value.is_null()).then(|| {
            let value = marks::put(&applied.value, &prior_marks);
            infra_state::Instance {
                tainted: object.tainted,
                create_before_destroy: object.create_before_destroy,
                ..codec::encode(schema, &value, &applied.private, object.dependencies.clone())
            }
        });
        let left = if failed { left.or(Some(object)) } else { None };
        self.book.write(|state| match &deposed {
            Some(key) => state.set_deposed(address, &change.provider, key, left),
            None => state.set_current(address, &change.provider, left),
        });
        let action = Action::Delete;
        match failed {
            true => self.ui.event(Event::ApplyFailed { address, deposed: event, action, elapsed }),
            false => {
                self.ui.event(Event::ApplyDone { address, deposed: event, action, id: "", elapsed });
                self.counts.borrow_mut().destroy += 1;
            }
        }
        !failed
    }

    /// Runs what is to run before an object goes: from its block, or from the `removed` block that has taken its place.
    async fn provision_end(&self, address: &ResourceInstance, value: &Value) -> bool {
        let config = self.world.config;
        let block = config.module(&address.module.path()).and_then(|m| m.resource(&address.resource));
        let provisioners = match block {
            Some(block) => &block.provisioners,
            None => match crate::planning::removed_block(config, address) {
                Some(removed) => &removed.provisioners,
                None => return true,
            },
        };
        if provisioners.iter().all(|p| p.when != ProvisionerWhen::Destroy) {
            return true;
        }
        let repetition = Repetition { key: address.key.clone(), each_value: None };
        let scope = self.world.scope(&address.module, Some(repetition)).with_self(self_value(value));
        self.provision(address, provisioners, ProvisionerWhen::Destroy, &scope).await
    }
}
