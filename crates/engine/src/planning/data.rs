//! Data sources: read while planning, or put off to the apply.

use std::time::Instant;

use infra_address::ResourceInstance;
use infra_diag::{Diagnostic, Severity};
use infra_provider::plan as rules;
use infra_provider::{Private, Problem, Provider};
use infra_value::Value;
use tracing::Instrument;

use super::Planner;
use super::providers::instance_diagnostics;
use super::resource::{Site, configuration};
use crate::conditions::{nested_read_failed, resource_rules};
use crate::expand::Repetition;
use crate::plan::{Action, PlanMode, Reason, ResourceChange};
use crate::ui::Event;
use crate::{marks, observed, secrets};

impl<'a> Planner<'a> {
    /// Reads one data source, or plans to. False after its errors have been told.
    pub(super) async fn data(
        &self,
        site: &Site<'_>,
        provider: &'a dyn Provider,
        address: &ResourceInstance,
        repetition: Repetition,
    ) -> bool {
        let world = &self.world;
        let Some(schema) = provider.data_schema(&address.resource.ty) else { return false };
        let configured = self.providers.borrow().get(&site.provider).cloned();
        let Some(configured) = configured else { return false };
        let nested = site.block.check.is_some();
        let severity = match self.recording.get() && self.options.mode != PlanMode::RefreshOnly {
            true => Severity::Error,
            false => Severity::Warning,
        };
        let scope = world.scope(&address.module, Some(repetition.clone()));
        let lifecycle = &site.block.lifecycle;
        let Some(config) = configuration(world, site.block, address, &schema.block, &scope, severity) else {
            return false;
        };
        let marked_config = config;
        let (config, config_marks) = marks::take(&marked_config);
        let problems = provider.validate_data(&address.resource.ty, &config);
        let invalid = problems.iter().any(Problem::is_error);
        let problems = secrets::hide(problems, world, &schema.block, &[&marked_config]);
        self.report_looking(instance_diagnostics(problems, address, Some(site.block), &schema.block));
        if invalid {
            return false;
        }
        // Its check is not made, so that nothing is told of it.
        let unchecked = nested && self.options.mode == PlanMode::Destroy;
        let reason = match () {
            () if !config.is_wholly_known() => Some(Reason::ReadBecauseConfigUnknown),
            () if self.waits(site.node) => Some(Reason::ReadBecauseDependencyPending),
            () => None,
        };
        let value = match reason {
            Some(_) => {
                let later = rules::proposed_unknown(&schema.block, &config);
                if self.options.mode == PlanMode::RefreshOnly { Value::null(schema.block.ty()) } else { later }
            }
            None => {
                self.ui.event(Event::ReadStart { address });
                let started = Instant::now();
                let read = {
                    let _permit = self.limit.acquire().await;
                    let span = observed::operation("read", address);
                    configured.read_data(&address.resource.ty, &config).instrument(span).await
                };
                match read {
                    Ok(value) => {
                        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
                        self.ui.event(Event::ReadDone { address, id, elapsed: started.elapsed() });
                        value
                    }
                    Err(_) if unchecked => rules::proposed_unknown(&schema.block, &config),
                    Err(problems) => {
                        let problems = secrets::hide(problems, world, &schema.block, &[&marked_config]);
                        let diagnostics = instance_diagnostics(problems, address, Some(site.block), &schema.block);
                        if let Some(check) = &site.block.check {
                            nested_read_failed(world, &address.module, check, &diagnostics);
                        }
                        world.report(diagnostics.into_iter().map(|d| match nested {
                            true => Diagnostic { severity: Severity::Warning, ..d },
                            false => d,
                        }));
                        if !nested {
                            return false;
                        }
                        rules::proposed_unknown(&schema.block, &config)
                    }
                }
            }
        };
        let schema_marks = marks::of_schema(&schema.block, &value);
        let all: Vec<_> = config_marks.into_iter().chain(schema_marks).collect();
        let value = marks::put(&value, &all);
        world.set_value(&address.module, &address.resource, &address.key, value.clone());
        let reason =
            reason.or((nested && self.options.mode == PlanMode::Normal).then_some(Reason::ReadBecauseCheckNested));
        match reason {
            Some(reason) if self.options.mode != PlanMode::RefreshOnly => self.record(ResourceChange {
                address: address.clone(),
                deposed: None,
                previous_address: None,
                provider: site.provider.clone(),
                action: Action::Read,
                reason: Some(reason),
                before: Value::null(schema.block.ty()),
                after: value.clone(),
                replace_paths: Vec::new(),
                importing: None,
                generated_config: None,
                private: Private::default(),
                create_before_destroy: false,
                dependencies: Vec::new(),
            }),
            _ if value.is_known() && !value.is_null() => {
                let object = crate::codec::encode(schema, &value, &Private::default(), Vec::new());
                self.prior.borrow_mut().set_current(address, &site.provider, Some(object));
            }
            _ => {}
        }
        let scope = world.scope(&address.module, Some(repetition)).with_self(value);
        resource_rules(address, &lifecycle.postconditions, "Resource postcondition failed", severity)
            .check(world, &scope)
    }

    /// Whether a managed resource that a data source waits for is going to change.
    fn waits(&self, node: usize) -> bool {
        self.recording.get() && !self.graph.waits_for_changes_of[node].is_disjoint(&self.changing.borrow())
    }
}
