//! `check` blocks.

use infra_address::ModuleInstance;
use infra_diag::Severity;

use super::Planner;
use crate::conditions::Rules;
use crate::plan::{CheckKind, PlanMode};
use crate::world::World;

impl Planner<'_> {
    pub(super) fn check_everything(&self) {
        match self.options.mode == PlanMode::Destroy || !self.options.targets.is_empty() {
            true => not_evaluated(&self.world),
            false => evaluate(&self.world),
        }
    }
}

/// Notes that nothing is known of the `check` blocks.
fn not_evaluated(world: &World<'_>) {
    for module in world.config.modules() {
        for check in module.checks.values() {
            let own = format!("check.{}", check.name);
            let config_address = if module.path.is_root() { own } else { format!("{}.{own}", module.path) };
            world.conditions.borrow_mut().expect(CheckKind::Check, config_address);
        }
    }
}

/// Evaluates the assertions of every `check` block in every module instance. Failures are warnings.
pub(crate) fn evaluate(world: &World<'_>) {
    let mut instances: Vec<ModuleInstance> = world.modules.borrow().repetition.keys().cloned().collect();
    instances.sort();
    for module in instances {
        let Some(block) = world.module(&module) else { continue };
        for check in block.checks.values() {
            let own = format!("check.{}", check.name);
            let (config_address, object_address) = match module.is_root() {
                true => (own.clone(), own),
                false => (format!("{}.{own}", module.path()), format!("{module}.{own}")),
            };
            // A data source of its own could not be read, which says enough.
            if world.conditions.borrow().has_failed(CheckKind::Check, &config_address, &object_address) {
                continue;
            }
            let rules = Rules {
                kind: CheckKind::Check,
                config_address,
                object_address,
                rules: &check.asserts,
                summary: "Check block assertion failed",
                severity: Severity::Warning,
            };
            rules.check(world, &world.scope(&module, None));
        }
    }
}
