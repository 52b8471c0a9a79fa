//! Choosing the action: what is done to an instance.

/// What is done to an instance that the configuration has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Nothing.
    NoOp,
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Make a new one and delete the old one, in an order that the engine knows.
    Replace,
}

/// What is known about an instance when its action is chosen.
#[derive(Clone, Copy, Default, Debug)]
pub struct ActionInputs {
    /// There is no prior object, or it is tainted and was planned as if there were none.
    pub prior_is_null: bool,
    /// The user named it to be replaced.
    pub requested: bool,
    /// Something named in its `replace_triggered_by` changes.
    pub triggered: bool,
    /// Some of the provider's paths are left after [`super::filter_replace_paths`].
    pub replace_paths: bool,
    /// Planned and prior value are certainly the same ([`super::same`]).
    pub planned_equals_prior: bool,
}

/// Chooses the action.
pub fn choose_action(inputs: &ActionInputs) -> ActionKind {
    match inputs {
        ActionInputs { prior_is_null: true, .. } => ActionKind::Create,
        ActionInputs { requested: true, .. }
        | ActionInputs { triggered: true, .. }
        | ActionInputs { replace_paths: true, .. } => ActionKind::Replace,
        ActionInputs { planned_equals_prior: true, .. } => ActionKind::NoOp,
        _ => ActionKind::Update,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_created_also_when_its_replacement_was_asked_for() {
        let inputs = ActionInputs { prior_is_null: true, requested: true, triggered: true, ..ActionInputs::default() };
        assert_eq!(choose_action(&inputs), ActionKind::Create);
    }

    #[test]
    fn any_reason_to_replace_replaces_even_what_does_not_change() {
        let unchanged = ActionInputs { planned_equals_prior: true, ..ActionInputs::default() };
        for inputs in [
            ActionInputs { requested: true, ..unchanged },
            ActionInputs { triggered: true, ..unchanged },
            ActionInputs { replace_paths: true, ..unchanged },
        ] {
            assert_eq!(choose_action(&inputs), ActionKind::Replace);
        }
    }

    #[test]
    fn without_a_reason_to_replace_only_a_difference_counts() {
        let unchanged = ActionInputs { planned_equals_prior: true, ..ActionInputs::default() };
        assert_eq!(choose_action(&unchanged), ActionKind::NoOp);
        assert_eq!(choose_action(&ActionInputs::default()), ActionKind::Update);
    }
}
