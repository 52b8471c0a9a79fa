//! What the refresh found changed.

use infra_address::ResourceMode;
use infra_provider::Private;
use infra_value::Value;

use super::Planner;
use crate::plan::{Action, PlanMode, ResourceChange};

impl Planner<'_> {
    /// Every present object that is not as it was stored, or is gone.
    pub(super) fn drift(&self) -> Vec<ResourceChange> {
        if self.options.mode == PlanMode::Destroy {
            return Vec::new();
        }
        let known = self.known.borrow();
        let mut drift: Vec<ResourceChange> = known
            .iter()
            .filter(|((address, deposed), _)| address.resource.mode == ResourceMode::Managed && deposed.is_none())
            .filter_map(|((address, _), known)| {
                let previous = self.moves.previous.get(address);
                let moved = previous.is_some() && self.options.mode == PlanMode::RefreshOnly;
                let action = match &known.now {
                    None => Action::Delete,
                    Some(now) if now.unmark_deep().0 != known.stored.unmark_deep().0 => Action::Update,
                    Some(_) if moved => Action::NoOp,
                    Some(_) => return None,
                };
                let stored = self.stored.resources.get(&(address.module.clone(), address.resource.clone()))?;
                Some(ResourceChange {
                    address: address.clone(),
                    deposed: None,
                    previous_address: previous.cloned(),
                    provider: self.provider_of(address, &stored.provider),
                    action,
                    reason: None,
                    before: known.stored.clone(),
                    after: known.now.clone().unwrap_or_else(|| Value::null(known.stored.ty())),
                    replace_paths: Vec::new(),
                    importing: None,
                    generated_config: None,
                    private: Private::default(),
                    create_before_destroy: false,
                    dependencies: Vec::new(),
                })
            })
            .collect();
        drift.sort_by(crate::order::changes);
        drift
    }
}
