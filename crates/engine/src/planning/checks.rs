//! `check` blocks.

use infra_address::ModuleInstance;
use infra_diag::Severity;

use super::Planner;
use crate::conditions::Rules;
use crate::plan::{CheckKind, PlanMode};
use crate::world::World;

impl Planner<'_> {
    pub(super) fn check_everything(&self) {
        if self.options.mode == PlanMode::Destroy || !self.options.targets.is_empty() {
            return;
        }
        evaluate(&self.world);
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
