//! The plan of one instance of a managed resource.

use infra_address::ResourceInstance;
use infra_diag::{Diagnostic, Severity};
use infra_lang::eval::{decode_body, references};
use infra_provider::plan::{self as rules, ActionInputs};
use infra_provider::{Configured, Planned, Private, Provider};
use infra_schema::Schema;
use infra_state::Instance;
use infra_value::{Marks, Path, Value};

use super::Planner;
use super::providers::instance_diagnostics;
use super::resource::Site;
use crate::asking::ask;
use crate::conditions::resource_rules;
use crate::expand::Repetition;
use crate::marks;
use crate::plan::{Action, PlanMode, Reason, ResourceChange};

/// What planning of an instance has come to.
struct Outcome {
    action: Action,
    reason: Option<Reason>,
    after: Value,
    replace_paths: Vec<Path>,
    private: Private,
}

impl<'a> Planner<'a> {
    /// Plans one instance. False after its errors have been told.
    pub(super) async fn managed(
        &self,
        site: &Site<'a>,
        provider: &'a dyn Provider,
        address: &ResourceInstance,
        repetition: Repetition,
    ) -> bool {
        let world = &self.world;
        let Some(schema) = provider.resource_schema(&address.resource.ty) else { return false };
        let configured = self.providers.borrow().get(&site.provider).cloned();
        let Some(configured) = configured else { return false };

        let importing = match self.import(site, &*configured, schema, address).await {
            Ok(importing) => importing,
            Err(()) => return false,
        };
        let object = self.prior.borrow().current(address).cloned();
        let prior = self.prior_value(address, object.as_ref(), provider, schema);

        if self.options.mode == PlanMode::RefreshOnly {
            let value = prior.unwrap_or_else(|| Value::unknown(schema.block.ty()));
            world.set_value(&address.module, &address.resource, &address.key, value.clone());
            self.post_conditions(site, address, &repetition, value, Severity::Warning);
            return true;
        }
        let scope = world.scope(&address.module, Some(repetition.clone()));
        let lifecycle = &site.block.lifecycle;
        let severity = if self.recording.get() { Severity::Error } else { Severity::Warning };
        let before = resource_rules(address, &lifecycle.preconditions, "Resource precondition failed", severity);
        if !before.check(world, &scope) {
            return false;
        }
        let (config, problems) = decode_body(&site.block.body, &schema.block, &scope, &[]);
        let failed = problems.has_errors();
        world.report(problems.into_iter().map(|p| p.within(context(site))));
        if failed {
            return false;
        }
        let triggered = match self.is_triggered(site, address, &scope) {
            Ok(triggered) => triggered,
            Err(problem) => {
                world.report([problem]);
                return false;
            }
        };
        let inputs = Inputs { schema, configured: &*configured, provider, object, prior, config, triggered };
        let Some(outcome) = self.plan_instance(site, address, &inputs).await else { return false };
        let dependencies = self.graph.state_dependencies(site.node);
        let null = || Value::null(schema.block.ty());
        let before = inputs.prior.clone().unwrap_or_else(null);
        let action = outcome.action;
        let mut good = true;
        if lifecycle.prevent_destroy && action.is_replace() {
            world.report([prevented(site, address)]);
            good = false;
        }
        if action != Action::NoOp {
            self.changing.borrow_mut().insert(site.node);
        }
        world.set_value(&address.module, &address.resource, &address.key, outcome.after.clone());
        self.record(ResourceChange {
            address: address.clone(),
            deposed: None,
            previous_address: self.moves.previous.get(address).cloned(),
            provider: site.provider.clone(),
            action,
            reason: outcome.reason,
            before,
            after: outcome.after.clone(),
            replace_paths: outcome.replace_paths,
            importing,
            generated_config: None,
            private: outcome.private,
            create_before_destroy: self.graph.create_before_destroy.contains(&site.node),
            dependencies,
        });
        good & self.post_conditions(site, address, &repetition, outcome.after, severity)
    }

    fn post_conditions(
        &self,
        site: &Site<'_>,
        address: &ResourceInstance,
        repetition: &Repetition,
        value: Value,
        severity: Severity,
    ) -> bool {
        let scope = self.world.scope(&address.module, Some(repetition.clone())).with_self(value);
        let rules = &site.block.lifecycle.postconditions;
        resource_rules(address, rules, "Resource postcondition failed", severity).check(&self.world, &scope)
    }

    /// The present object with its marks, as refreshed.
    pub(super) fn prior_value(
        &self,
        address: &ResourceInstance,
        object: Option<&Instance>,
        provider: &dyn Provider,
        schema: &Schema,
    ) -> Option<Value> {
        let object = object?;
        if let Some(known) = self.known.borrow().get(&(address.clone(), None)) {
            return known.now.clone();
        }
        crate::codec::marked(provider, schema, &address.resource, object)
    }

    async fn plan_instance(&self, site: &Site<'_>, address: &ResourceInstance, inputs: &Inputs<'_>) -> Option<Outcome> {
        let Inputs { schema, provider, object, prior, config, triggered, .. } = inputs;
        let block = &schema.block;
        let ty = &*address.resource.ty;
        let (config, config_marks) = marks::take(config);
        let ephemeral = marks::ephemeral_arguments(&site.block.body, &schema.block, &config_marks);
        if !ephemeral.is_empty() {
            self.world.report(ephemeral.into_iter().map(|problem| problem.about(address)));
            return None;
        }
        let problems = provider.validate_resource(ty, &config);
        let failed = problems.iter().any(infra_provider::Problem::is_error);
        self.world.report(instance_diagnostics(problems, address, Some(site.block), block));
        if failed {
            return None;
        }
        let tainted = object.as_ref().is_some_and(|o| o.tainted);
        let null = Value::null(block.ty());
        let (bare_prior, prior_marks) = match prior {
            Some(prior) => marks::take(prior),
            None => (null.clone(), Vec::new()),
        };
        let base = if tainted { null.clone() } else { bare_prior.clone() };
        let private = Private(object.as_ref().and_then(|o| o.private.clone()));
        let mut planned = self.ask(site, address, inputs, &base, &config, &private).await?;
        let paths = rules::filter_replace_paths(&base, &planned.value, &planned.requires_replace);
        let requested = self.options.replace.contains(address);
        let kind = rules::choose_action(&ActionInputs {
            prior_is_null: base.is_null(),
            requested,
            triggered: *triggered,
            replace_paths: !paths.is_empty(),
            planned_equals_prior: planned.value == base,
        });
        let replaces = match kind {
            rules::ActionKind::Replace => true,
            _ => tainted,
        };
        let mut reason = match () {
            () if *triggered => Some(Reason::ReplaceByTriggers),
            () if tainted => Some(Reason::ReplaceBecauseTainted),
            () if replaces && requested => Some(Reason::ReplaceByRequest),
            () if replaces => Some(Reason::ReplaceBecauseCannotUpdate),
            () => None,
        };
        let mut replace_paths = Vec::new();
        let mut action = match kind {
            rules::ActionKind::NoOp => Action::NoOp,
            rules::ActionKind::Create => Action::Create,
            rules::ActionKind::Update => Action::Update,
            rules::ActionKind::Replace => Action::DeleteThenCreate,
        };
        if replaces {
            replace_paths = if tainted { Vec::new() } else { paths };
            if !tainted {
                planned = self.ask(site, address, inputs, &null, &config, &Private::default()).await?;
            }
            action = match self.graph.create_before_destroy.contains(&site.node) {
                true => Action::CreateThenDelete,
                false => Action::DeleteThenCreate,
            };
        } else if base.is_null() && !*triggered {
            reason = None;
        }
        let schema_marks = marks::of_schema(block, &planned.value);
        let all_marks: Vec<_> = config_marks.into_iter().chain(schema_marks).collect();
        let after = marks::put(&planned.value, &all_marks);
        if action == Action::NoOp && marks_differ(&prior_marks, &marks::take(&after).1) {
            action = Action::Update;
        }
        Some(Outcome { action, reason, after, replace_paths, private: planned.private })
    }

    /// What the provider plans; `None` after its errors have been told.
    async fn ask(
        &self,
        site: &Site<'_>,
        address: &ResourceInstance,
        inputs: &Inputs<'_>,
        prior: &Value,
        config: &Value,
        private: &Private,
    ) -> Option<Planned> {
        match ask(inputs.configured, site.block, inputs.schema, prior, config, private).await {
            Ok(planned) => Some(planned),
            Err(problems) => {
                let told = instance_diagnostics(problems, address, Some(site.block), &inputs.schema.block);
                self.world.report(told);
                None
            }
        }
    }

    /// Whether something that `replace_triggered_by` names changes.
    fn is_triggered(
        &self,
        site: &Site<'_>,
        address: &ResourceInstance,
        scope: &crate::world::ModuleScope<'_, '_>,
    ) -> Result<bool, Diagnostic> {
        let mut triggered = false;
        for expr in &site.block.lifecycle.replace_triggered_by {
            let Some(trigger) = crate::triggers::resolve(expr, scope) else { continue };
            let changes = self.changes.borrow();
            let mut found = false;
            for change in changes.iter().filter(|c| trigger.names(&address.module, &c.address) && c.deposed.is_none()) {
                found = true;
                triggered |= trigger.fires(change);
            }
            if !found && self.recording.get() && self.options.targets.is_empty() {
                let known = references(expr).0.len();
                if known == 0 {
                    return Err(Diagnostic::error(
                        "Invalid replace_triggered_by reference",
                        "This names no resource of this module.",
                    )
                    .at(expr.range.clone()));
                }
            }
        }
        Ok(triggered)
    }

    /// Reads an object that is to be imported, and puts it into the prior state. The id, if this is an import.
    async fn import(
        &self,
        site: &Site<'_>,
        configured: &dyn Configured,
        schema: &Schema,
        address: &ResourceInstance,
    ) -> Result<Option<String>, ()> {
        let id = self.imports.borrow().get(address).cloned();
        let Some(id) = id else { return Ok(None) };
        if self.options.mode != PlanMode::Normal || self.prior.borrow().current(address).is_some() {
            return Ok(None);
        }
        self.ui.event(crate::ui::Event::ImportStart { address, id: &id });
        let found = crate::imports::import_one(configured, address, &id).await;
        match found {
            Ok(imported) => {
                let object = crate::codec::encode(schema, &imported.value, &imported.private, Vec::new());
                self.prior.borrow_mut().set_current(address, &site.provider, Some(object));
                Ok(Some(id))
            }
            Err(problems) => {
                self.world.report(problems.into_iter().map(infra_provider::Problem::into_diagnostic));
                Err(())
            }
        }
    }
}

/// What an instance is planned from.
struct Inputs<'i> {
    schema: &'i Schema,
    configured: &'i dyn Configured,
    provider: &'i dyn Provider,
    object: Option<Instance>,
    prior: Option<Value>,
    config: Value,
    triggered: bool,
}

fn marks_differ(before: &[(Path, Marks)], after: &[(Path, Marks)]) -> bool {
    let sensitive = |found: &[(Path, Marks)]| {
        let mut paths: Vec<String> =
            found.iter().filter(|(_, m)| m.contains(Marks::SENSITIVE)).map(|(p, _)| p.to_string()).collect();
        paths.sort();
        paths.dedup();
        paths
    };
    sensitive(before) != sensitive(after)
}

/// The heading of the snippet: the block that it is in.
pub(super) fn context(site: &Site<'_>) -> String {
    format!("resource \"{}\" \"{}\"", site.block.address.ty, site.block.address.name)
}

/// The error about an instance that must not be destroyed.
pub(super) fn prevented(site: &Site<'_>, address: &ResourceInstance) -> Diagnostic {
    Diagnostic::error(
        "Instance cannot be destroyed",
        format!(
            "{address} has lifecycle.prevent_destroy set, and this plan would destroy it. Take prevent_destroy out if that is \
             meant, or leave the resource out of the plan with -target."
        ),
    )
    .at(site.block.decl_range.clone())
}
