//! The order in which a plan lists what it has.

use std::cmp::Ordering;

use infra_address::{ModuleInstance, ResourceInstance, ResourceMode};

use crate::plan::ResourceChange;

/// Changes by module (fewer steps first), then data sources before managed resources, type, name, key, deposed key.
pub(crate) fn changes(a: &ResourceChange, b: &ResourceChange) -> Ordering {
    instances(&a.address, &b.address).then_with(|| a.deposed.cmp(&b.deposed))
}

/// Instances in the same order.
pub(crate) fn instances(a: &ResourceInstance, b: &ResourceInstance) -> Ordering {
    modules(&a.module, &b.module)
        .then_with(|| rank(a.resource.mode).cmp(&rank(b.resource.mode)))
        .then_with(|| a.resource.ty.cmp(&b.resource.ty))
        .then_with(|| a.resource.name.cmp(&b.resource.name))
        .then_with(|| a.key.cmp(&b.key))
}

fn modules(a: &ModuleInstance, b: &ModuleInstance) -> Ordering {
    a.0.len().cmp(&b.0.len()).then_with(|| a.0.cmp(&b.0))
}

fn rank(mode: ResourceMode) -> u8 {
    match mode {
        ResourceMode::Data => 0,
        ResourceMode::Managed => 1,
        ResourceMode::Ephemeral => 2,
    }
}
