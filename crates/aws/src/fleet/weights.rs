//! The weights in a list of actions, read and changed.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupStickinessConfig, TargetGroupTuple,
};
use infra_provider::fleet::Colour;

/// What becomes of the cookie that keeps a client with one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stickiness {
    /// As it is.
    Kept,
    /// Clients with a cookie follow the weights too.
    Off,
}

/// The weight of each target group that the actions forward to, by ARN. Empty if they forward to none.
pub(super) fn shares(actions: &[Action]) -> BTreeMap<String, u32> {
    let Some(action) = forwarding(actions) else { return BTreeMap::new() };
    let groups = action.forward_config().map(ForwardActionConfig::target_groups).unwrap_or_default();
    let share = |group: &TargetGroupTuple| {
        let weight = u32::try_from(group.weight().unwrap_or(1)).unwrap_or_default();
        Some((group.target_group_arn()?.to_string(), weight))
    };
    match (groups, action.target_group_arn()) {
        ([], Some(arn)) => BTreeMap::from([(arn.to_string(), 1)]),
        (groups, _) => groups.iter().filter_map(share).collect(),
    }
}

/// The weight of each colour.
pub(super) fn of_colours(
    actions: &[Action],
    groups: &BTreeMap<Colour, String>,
) -> Result<BTreeMap<Colour, u32>, String> {
    let shares = shares(actions);
    let mut weights = BTreeMap::new();
    for (colour, arn) in groups {
        match shares.get(arn) {
            Some(weight) => drop(weights.insert(colour.clone(), *weight)),
            None => return Err(format!("it does not forward to the target group of {colour} ({arn}) any more")),
        }
    }
    match shares.keys().find(|arn| !groups.values().any(|group| group == *arn)) {
        Some(other) => Err(format!("it forwards to another target group too ({other})")),
        None => Ok(weights),
    }
}

/// The whole list of actions, as it is to be sent, with other weights.
pub(super) fn with_weights(
    actions: &[Action],
    groups: &BTreeMap<Colour, String>,
    weights: &BTreeMap<Colour, u32>,
    stickiness: Stickiness,
) -> Vec<Action> {
    let tuple = |(colour, arn): (&Colour, &String)| {
        let weight = weights.get(colour).copied().unwrap_or_default();
        let weight = i32::try_from(weight).unwrap_or_default();
        TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
    };
    let one = |action: &Action| {
        let mut action = action.clone();
        if action.r#type() == Some(&ActionTypeEnum::Forward) {
            let kept = action.forward_config.take().and_then(|forward| forward.target_group_stickiness_config);
            let config = match stickiness {
                Stickiness::Kept => kept,
                Stickiness::Off => Some(TargetGroupStickinessConfig::builder().enabled(false).build()),
            };
            let forward = ForwardActionConfig::builder()
                .set_target_groups(Some(groups.iter().map(tuple).collect()))
                .set_target_group_stickiness_config(config);
            action.forward_config = Some(forward.build());
            // Only one group can be named this way.
            action.target_group_arn = None;
        }
        if let Some(oidc) = &mut action.authenticate_oidc_config {
            // The API does not tell the secret, and keeps it if it is asked to.
            oidc.client_secret = None;
            oidc.use_existing_client_secret = Some(true);
        }
        action
    };
    actions.iter().map(one).collect()
}

/// Whether a cookie keeps clients with one group.
pub(super) fn is_sticky(actions: &[Action]) -> bool {
    let config = forwarding(actions).and_then(Action::forward_config);
    let stickiness = config.and_then(ForwardActionConfig::target_group_stickiness_config);
    stickiness.is_some_and(|stickiness| stickiness.enabled() == Some(true))
}

/// Whether two sets of weights divide the traffic in the same way: 1 to 0 is 100 to 0.
pub(super) fn is_same_division(one: &BTreeMap<Colour, u32>, other: &BTreeMap<Colour, u32>) -> bool {
    let sum = |weights: &BTreeMap<Colour, u32>| weights.values().map(|w| u64::from(*w)).sum::<u64>();
    let (all, others) = (sum(one), sum(other));
    let share = |weights: &BTreeMap<Colour, u32>, colour: &Colour| {
        weights.get(colour).copied().map(u64::from).unwrap_or_default()
    };
    let mut colours = one.keys().chain(other.keys());
    (all > 0) == (others > 0) && colours.all(|colour| share(one, colour) * others == share(other, colour) * all)
}

/// The action that forwards. There is one at most.
fn forwarding(actions: &[Action]) -> Option<&Action> {
    actions.iter().find(|action| action.r#type() == Some(&ActionTypeEnum::Forward))
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::AuthenticateOidcActionConfig;

    use super::*;

    fn map<V: Clone>(pairs: &[(&str, V)]) -> BTreeMap<String, V> {
        pairs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect()
    }

    fn groups() -> BTreeMap<Colour, String> {
        map(&[("blue", "arn:b".to_string()), ("green", "arn:g".to_string())])
    }

    fn forward(groups: &[(&str, i32)]) -> Action {
        let tuple =
            |(arn, weight): &(&str, i32)| TargetGroupTuple::builder().target_group_arn(*arn).weight(*weight).build();
        let sticky = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(60).build();
        let config = ForwardActionConfig::builder()
            .set_target_groups(Some(groups.iter().map(tuple).collect()))
            .target_group_stickiness_config(sticky);
        Action::builder().r#type(ActionTypeEnum::Forward).order(2).forward_config(config.build()).build()
    }

    fn login() -> Action {
        let oidc = AuthenticateOidcActionConfig::builder().issuer("i").client_secret("old").build();
        Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).authenticate_oidc_config(oidc).build()
    }

    #[test]
    fn weights_are_read_from_the_forward_action_alone() {
        let one = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn("arn:b").build();
        for (actions, wanted) in [
            (vec![login(), forward(&[("arn:b", 70), ("arn:g", 30)])], Ok(map(&[("blue", 70), ("green", 30)]))),
            (vec![one], Err("it does not forward to the target group of green (arn:g) any more")),
            (
                vec![forward(&[("arn:b", 1), ("arn:g", 1), ("arn:x", 1)])],
                Err("it forwards to another target group too (arn:x)"),
            ),
            (vec![], Err("it does not forward to the target group of blue (arn:b) any more")),
        ] {
            assert_eq!(of_colours(&actions, &groups()), wanted.map_err(str::to_string));
        }
    }

    #[test]
    fn only_the_weights_change_and_secrets_stay_where_they_are() {
        let before = [login(), forward(&[("arn:b", 100), ("arn:g", 0)])];
        let weights = map(&[("blue", 95), ("green", 5)]);
        let after = with_weights(&before, &groups(), &weights, Stickiness::Kept);
        assert_eq!(of_colours(&after, &groups()), Ok(weights.clone()));
        assert!(is_sticky(&after));
        assert_eq!(after.iter().map(Action::order).collect::<Vec<_>>(), [Some(1), Some(2)]);
        let oidc = after[0].authenticate_oidc_config();
        assert_eq!(
            oidc.map(|o| (o.issuer(), o.client_secret(), o.use_existing_client_secret())),
            Some((Some("i"), None, Some(true)))
        );
        assert!(!is_sticky(&with_weights(&before, &groups(), &weights, Stickiness::Off)));
    }

    #[test]
    fn a_forward_to_one_group_becomes_one_to_both() {
        let one = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn("arn:b").build();
        let after = with_weights(&[one], &groups(), &map(&[("blue", 100), ("green", 0)]), Stickiness::Off);
        assert_eq!(after[0].target_group_arn(), None);
        assert_eq!(shares(&after), map(&[("arn:b", 100), ("arn:g", 0)]));
    }

    #[test]
    fn a_division_is_the_same_at_any_scale() {
        for (one, other, wanted) in [
            ([("a", 1), ("b", 0)], [("a", 100), ("b", 0)], true),
            ([("a", 1), ("b", 3)], [("a", 25), ("b", 75)], true),
            ([("a", 0), ("b", 0)], [("a", 100), ("b", 0)], false),
            ([("a", 0), ("b", 1)], [("a", 100), ("b", 0)], false),
        ] {
            assert_eq!(is_same_division(&map(&one), &map(&other)), wanted, "{one:?} {other:?}");
        }
    }
}
