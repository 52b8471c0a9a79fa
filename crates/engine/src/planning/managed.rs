//! The plan of one instance of a managed resource.

use std::collections::BTreeSet;

use infra_address::ResourceInstance;
use infra_diag::{Diagnostic, Severity};
use infra_provider::plan::{self as rules, ActionInputs};
use infra_provider::{Configured, Planned, Private, Provider};
use infra_schema::{Block, Schema};
use infra_state::Instance;
use infra_value::{Marks, Path, Value};

use super::Planner;
use super::providers::instance_diagnostics;
use super::resource::{Site, configuration};
use crate::asking::ask;
use crate::conditions::resource_rules;
use crate::expand::Repetition;
use crate::generated::{Generated, generate};
use crate::plan::{Action, PlanMode, Reason, ResourceChange};
use crate::{marks, secrets};

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
        site: &Site<'_>,
        provider: &'a dyn Provider,
        address: &ResourceInstance,
        repetition: Repetition,
    ) -> bool {
        let Some(schema) = provider.resource_schema(&address.resource.ty) else { return false };
        let configured = self.providers.borrow().get(&site.provider).cloned();
        let Some(configured) = configured else { return false };

        let importing = match self.import(site, &*configured, schema, address).await {
            Ok(importing) => importing,
            Err(()) => return false,
        };
        let dependencies = self.graph.state_dependencies(site.node);
        // What is imported has no order noted yet: what comes of the plan brings it.
        let object = match importing {
            Some(_) => self.prior.borrow().current(address).cloned(),
            None => self.note_order(site, address, &dependencies),
        };
        let prior = self.prior_value(address, object.as_ref(), provider, schema);

        if self.options.mode == PlanMode::RefreshOnly {
            let value = prior.unwrap_or_else(|| Value::unknown(schema.block.ty()));
            if site.block.count.is_none() && site.block.for_each.is_none() {
                self.world.set_value(&address.module, &address.resource, &address.key, value.clone());
            }
            let scope = self.world.scope(&address.module, Some(repetition.clone()));
            let rules = &site.block.lifecycle.preconditions;
            resource_rules(address, rules, "Resource precondition failed", Severity::Warning)
                .check(&self.world, &scope);
            self.post_conditions(site, address, &repetition, value, Severity::Warning);
            return true;
        }
        let generated = match self.generated(site, &schema.block, address, prior.as_ref()) {
            Ok(generated) => generated,
            Err(problem) => {
                self.world.report([problem]);
                return false;
            }
        };
        let written = generated.as_ref().map(|g| Site { block: &g.block, provider: site.provider.clone(), ..*site });
        let site = written.as_ref().unwrap_or(site);
        let text = generated.as_ref().map(|g| g.text.clone());
        let found = Found {
            configured: &*configured,
            provider,
            schema,
            object,
            prior,
            importing,
            generated: text,
            dependencies,
        };
        let good = self.plan_found(site, address, &repetition, &found).await;
        if !good && generated.is_some() {
            self.keep_generated(site, address, found);
        }
        good
    }

    /// Notes in the refreshed state what an object depends on now, beside what it did when it was last written, and in
    /// which order it would be replaced: this holds also where nothing comes of the plan.
    fn note_order(&self, site: &Site<'_>, address: &ResourceInstance, dependencies: &[String]) -> Option<Instance> {
        let mut prior = self.prior.borrow_mut();
        let object = prior.current_mut(address)?;
        object.create_before_destroy = self.graph.create_before_destroy.contains(&site.node);
        if self.options.refresh {
            let all: BTreeSet<String> = object.dependencies.drain(..).chain(dependencies.iter().cloned()).collect();
            object.dependencies = all.into_iter().collect();
        }
        Some(object.clone())
    }

    /// Plans an instance from what was found of it. False after its errors have been told.
    async fn plan_found(
        &self,
        site: &Site<'_>,
        address: &ResourceInstance,
        repetition: &Repetition,
        found: &Found<'_>,
    ) -> bool {
        let world = &self.world;
        let schema = found.schema;
        let scope = world.scope(&address.module, Some(repetition.clone()));
        let lifecycle = &site.block.lifecycle;
        let severity = if self.recording.get() { Severity::Error } else { Severity::Warning };
        let Some(config) = configuration(world, site.block, address, &schema.block, &scope, severity) else {
            return false;
        };
        let triggered = match self.is_triggered(site, address, &scope) {
            Ok(triggered) => triggered,
            Err(problem) => {
                world.report([problem]);
                return false;
            }
        };
        let inputs = Inputs { found, config, triggered };
        let Some(outcome) = self.plan_instance(site, address, &inputs).await else { return false };
        let null = || Value::null(schema.block.ty());
        let before = found.prior.clone().unwrap_or_else(null);
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
        if action == Action::NoOp && !self.is_imported_by_hand(address) {
            self.note_dependencies(address, &found.dependencies);
        }
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
            importing: found.importing.clone(),
            generated_config: found.generated.clone(),
            private: outcome.private,
            create_before_destroy: self.graph.create_before_destroy.contains(&site.node),
            dependencies: found.dependencies.clone(),
        });
        good & self.post_conditions(site, address, repetition, outcome.after, severity)
    }

    fn is_imported_by_hand(&self, address: &ResourceInstance) -> bool {
        self.options.import.as_ref().is_some_and(|(imported, _)| imported == address)
    }

    /// What stays as it is depends on what its block depends on now, and nothing else will note it.
    fn note_dependencies(&self, address: &ResourceInstance, dependencies: &[String]) {
        if let Some(object) = self.prior.borrow_mut().current_mut(address) {
            object.dependencies = dependencies.to_vec();
        }
    }

    /// The block for an object that is imported and has none.
    fn generated(
        &self,
        site: &Site<'_>,
        schema: &Block,
        address: &ResourceInstance,
        object: Option<&Value>,
    ) -> Result<Option<Generated>, Diagnostic> {
        match (object, &self.options.generate_config) {
            (Some(object), Some(file)) if self.is_to_be_generated(address) => {
                generate(site.block, &site.provider, schema, object, file).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn is_to_be_generated(&self, address: &ResourceInstance) -> bool {
        address.module.is_root() && self.to_generate.contains(&address.resource)
    }

    /// Keeps generated configuration in the plan although it could not be planned with: it is a start.
    fn keep_generated(&self, site: &Site<'_>, address: &ResourceInstance, found: Found<'_>) {
        let object = found.prior.unwrap_or_else(|| Value::null(found.schema.block.ty()));
        self.record(ResourceChange {
            address: address.clone(),
            deposed: None,
            previous_address: None,
            provider: site.provider.clone(),
            action: Action::NoOp,
            reason: None,
            before: object.clone(),
            after: object,
            replace_paths: Vec::new(),
            importing: None,
            generated_config: found.generated,
            private: Private::default(),
            create_before_destroy: false,
            dependencies: Vec::new(),
        });
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
        let Inputs { found, config, triggered } = inputs;
        let Found { schema, provider, object, prior, .. } = found;
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
        let problems = secrets::hide(problems, &self.world, block, &[&inputs.config]);
        self.report_looking(instance_diagnostics(problems, address, Some(site.block), block));
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
        let Found { configured, schema, .. } = inputs.found;
        match ask(*configured, site.block, schema, prior, config, private).await {
            Ok(planned) => Some(planned),
            Err(problems) => {
                let problems = match &inputs.found.prior {
                    Some(prior) => secrets::hide(problems, &self.world, &schema.block, &[&inputs.config, prior]),
                    None => secrets::hide(problems, &self.world, &schema.block, &[&inputs.config]),
                };
                let told = instance_diagnostics(problems, address, Some(site.block), &schema.block);
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
            if !found && trigger.is_never_planned() && self.recording.get() {
                return Err(Diagnostic::error(
                    "Invalid replace_triggered_by reference",
                    "This has been read already, so no change of it is planned that could trigger anything. Name a \
                     managed resource, for example a terraform_data with the value as its input.",
                )
                .at(expr.range.clone()));
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
                // Of the words of a provider alone nobody could tell which of many imports they are about.
                let about = |problem: infra_provider::Problem| {
                    let mut told = problem.into_diagnostic();
                    if told.is_error() && !told.detail.contains(&address.to_string()) {
                        let space = if told.detail.is_empty() { "" } else { "\n" };
                        told.detail
                            .push_str(&format!("{space}This is about the import of {address} with the ID {id:?}."));
                    }
                    told
                };
                self.world.report(problems.into_iter().map(about));
                Err(())
            }
        }
    }
}

/// Who provides an instance, and what there is of it.
struct Found<'f> {
    configured: &'f dyn Configured,
    provider: &'f dyn Provider,
    schema: &'f Schema,
    object: Option<Instance>,
    prior: Option<Value>,
    /// The id that it is imported by.
    importing: Option<String>,
    /// The text of its block, if that was generated.
    generated: Option<String>,
    /// What its block depends on, as a state lists it.
    dependencies: Vec<String>,
}

/// What an instance is planned from.
struct Inputs<'i> {
    found: &'i Found<'i>,
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
