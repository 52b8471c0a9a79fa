//! What a release has to know of the types that it is about: weights of listeners, versions of services.

use std::collections::{BTreeMap, BTreeSet};

use infra_provider::Part;
use infra_provider::fleet::{Colour, Member, ReleaseRules, Version};
use infra_value::Value;

/// The rules of ECS services behind an Elastic Load Balancing listener.
pub(crate) struct Rules;

/// Arguments of a service whose change makes ECS start its tasks anew. Others, such as `enable_execute_command` and
/// `propagate_tags`, hold for tasks that are started later, and can be changed under a live service.
const RESTARTING: &[&str] = &[
    "capacity_provider_strategy",
    "force_new_deployment",
    "launch_type",
    "load_balancer",
    "network_configuration",
    "platform_version",
    "service_connect_configuration",
    "service_registries",
    "triggers",
    "volume_configuration",
    "vpc_lattice_configurations",
];

impl ReleaseRules for Rules {
    fn weights(&self, listener: &Member, groups: &BTreeMap<Colour, Member>) -> Result<BTreeMap<Colour, u32>, String> {
        let Some(block) = action_block(&listener.ty) else {
            return Err(format!("A {} has no weights. A release needs a listener or a listener rule.", listener.ty));
        };
        let shares = shares(listener, block)?;
        let mut arns = BTreeMap::new();
        for (colour, group) in groups {
            let Some(arn) = group.object.get("arn").and_then(Value::as_str) else {
                return Err(format!("The ARN of the target group of {colour} is not known yet."));
            };
            arns.insert(colour, arn);
        }
        let lacking: Vec<&str> =
            arns.iter().filter(|(_, arn)| !shares.contains_key(**arn)).map(|(colour, _)| colour.as_str()).collect();
        if !lacking.is_empty() {
            return Err(format!(
                "{block} does not forward to the target group of {}. Its forward block needs a target_group for each \
                 colour, the idle one with weight = 0: a group that no listener names has no health checks.",
                lacking.join(" and ")
            ));
        }
        let wanted: BTreeSet<&str> = arns.values().copied().collect();
        let others: Vec<&str> =
            shares.keys().filter(|arn| !wanted.contains(arn.as_str())).map(String::as_str).collect();
        if !others.is_empty() {
            return Err(format!(
                "{block} forwards to {} beside the target groups of the release. A release decides all of the weights \
                 of its action, so there may be no other group in it.",
                others.join(", ")
            ));
        }
        let share = |arn: &str| shares.get(arn).copied().unwrap_or_default();
        Ok(arns.into_iter().map(|(colour, arn)| (colour.clone(), share(arn))).collect())
    }

    fn cannot_carry(&self, listener: &Member) -> Option<String> {
        let block = action_block(&listener.ty)?;
        let object = Part::new(&listener.object);
        if !object.raw(block).is_known() {
            return None;
        }
        let actions = object.parts(block);
        let Some(action) = actions.iter().find(|action| action.str("type") == "forward") else {
            let known = actions.iter().all(|action| action.raw("type").is_known());
            return known.then(|| {
                format!("{block} does not forward. A release moves the weights of a forward to both target groups.")
            });
        };
        let groups = match action.part("forward") {
            Some(forward) if !forward.raw("target_group").is_known() => return None,
            Some(forward) => forward.parts("target_group").len(),
            None if !action.raw("forward").is_known() => return None,
            None => 1,
        };
        (groups != 2).then(|| {
            format!(
                "{block} forwards to {groups} target group{}. For a release, its forward block needs a target_group for \
                 each colour and no other, the idle one with weight = 0.",
                if groups == 1 { "" } else { "s" }
            )
        })
    }

    fn is_target_group(&self, ty: &str) -> bool {
        ty == "aws_lb_target_group"
    }

    fn owned(&self, ty: &str) -> &'static [&'static str] {
        match ty {
            "aws_ecs_service" => &["task_definition", "desired_count"],
            "aws_lb_listener" => &["default_action"],
            "aws_lb_listener_rule" => &["action"],
            _ => &[],
        }
    }

    fn version_attributes(&self, ty: &str) -> Option<(&'static str, &'static str)> {
        (ty == "aws_ecs_service").then_some(("task_definition", "desired_count"))
    }

    fn restarting(&self, ty: &str) -> &'static [&'static str] {
        if ty == "aws_ecs_service" { RESTARTING } else { &[] }
    }

    fn version(&self, definition: &Member) -> Version {
        let object = &definition.object;
        let arn = object.get("arn").and_then(Value::as_str).unwrap_or_default();
        let containers = object.get("container_definitions").filter(|text| !text.is_sensitive());
        let containers = containers.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
        let containers: Vec<serde_json::Value> = containers.unwrap_or_default();
        let images = containers.iter().filter_map(|container| container["image"].as_str());
        Version { definition: arn.to_string(), images: images.map(str::to_string).collect() }
    }
}

/// The block of actions of a listener or a listener rule.
fn action_block(ty: &str) -> Option<&'static str> {
    match ty {
        "aws_lb_listener" => Some("default_action"),
        "aws_lb_listener_rule" => Some("action"),
        _ => None,
    }
}

/// The weight of each target group that the forward action names, by ARN. Actions before it, such as an authentication,
/// do not matter.
fn shares(listener: &Member, block: &str) -> Result<BTreeMap<String, u32>, String> {
    let unknown = || format!("It is not known yet what {block} forwards to.");
    let object = Part::new(&listener.object);
    if !object.raw(block).is_known() {
        return Err(unknown());
    }
    let actions = object.parts(block);
    let Some(action) = actions.iter().find(|action| action.str("type") == "forward") else {
        return Err(format!(
            "{block} does not forward. A release moves the weights of a forward to both target groups."
        ));
    };
    let Some(forward) = action.part("forward") else {
        let arn = action.raw("target_group_arn");
        return match arn.as_str().filter(|arn| !arn.is_empty()) {
            // The only group has everything, whatever its weight.
            Some(arn) => Ok(BTreeMap::from([(arn.to_string(), 1)])),
            None if !arn.is_known() || !action.raw("forward").is_known() => Err(unknown()),
            None => Ok(BTreeMap::new()),
        };
    };
    if !forward.raw("target_group").is_known() {
        return Err(unknown());
    }
    let mut shares = BTreeMap::new();
    for group in forward.parts("target_group") {
        let (arn, weight) = (group.raw("arn"), group.raw("weight"));
        let (Some(arn), true) = (arn.as_str(), weight.is_known()) else { return Err(unknown()) };
        let weight = if weight.is_null() { 1 } else { group.int("weight") };
        shares.insert(arn.to_string(), u32::try_from(weight).unwrap_or_default());
    }
    Ok(shares)
}

#[cfg(test)]
mod tests {
    use infra_value::Type;

    use super::*;

    const BLUE: &str = "arn:blue";
    const GREEN: &str = "arn:green";

    fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
        Value::object(members.into_iter().map(|(name, value)| (name.to_string(), value)))
    }

    fn member(ty: &str, object: Value) -> Member {
        Member { ty: ty.into(), object }
    }

    fn groups() -> BTreeMap<Colour, Member> {
        let group = |arn: &str| member("aws_lb_target_group", object([("arn", arn.into())]));
        BTreeMap::from([("blue".into(), group(BLUE)), ("green".into(), group(GREEN))])
    }

    fn target_group(arn: &str, weight: Value) -> Value {
        object([("arn", arn.into()), ("weight", weight)])
    }

    fn forward(groups: Vec<Value>) -> Value {
        let inner = object([("target_group", Value::tuple(groups))]);
        object([
            ("type", "forward".into()),
            ("target_group_arn", Value::null(Type::String)),
            ("forward", Value::tuple([inner])),
        ])
    }

    fn of_one(arn: Value) -> Value {
        object([("type", "forward".into()), ("target_group_arn", arn), ("forward", Value::tuple([]))])
    }

    /// `blue 100, green 0`, or why not.
    fn shown(ty: &str, block: &str, actions: Value) -> String {
        match Rules.weights(&member(ty, object([(block, actions)])), &groups()) {
            Ok(weights) => weights.iter().map(|(c, w)| format!("{c} {w}")).collect::<Vec<_>>().join(", "),
            Err(why) => why,
        }
    }

    #[test]
    fn weights_are_those_of_a_forward_to_both_groups_and_no_other() {
        let (full, none) = (|| Value::from(100_i64), || Value::from(0_i64));
        let both = || forward(vec![target_group(BLUE, full()), target_group(GREEN, none())]);
        let login = object([("type", "authenticate-oidc".into())]);
        let third = target_group("arn:third", none());
        let unknown = || Value::unknown(Type::String);
        for (actions, wanted) in [
            (Value::tuple([both()]), "blue 100, green 0"),
            (Value::tuple([login, both()]), "blue 100, green 0"),
            (
                Value::tuple([forward(vec![
                    target_group(BLUE, Value::null(Type::Number)),
                    target_group(GREEN, none()),
                ])]),
                "blue 1, green 0",
            ),
            (Value::tuple([object([("type", "redirect".into())])]), "default_action does not forward. A release moves"),
            (Value::tuple([]), "default_action does not forward."),
            (Value::tuple([of_one(BLUE.into())]), "default_action does not forward to the target group of green."),
            (Value::tuple([of_one("arn:x".into())]), "default_action does not forward to the target group of blue and"),
            (
                Value::tuple([forward(vec![target_group(BLUE, full()), target_group(GREEN, none()), third])]),
                "default_action forwards to arn:third beside",
            ),
            (Value::tuple([of_one(unknown())]), "It is not known yet what default_action forwards to."),
            (unknown(), "It is not known yet what default_action forwards to."),
            (
                Value::tuple([forward(vec![target_group(BLUE, Value::unknown(Type::Number))])]),
                "It is not known yet what default_action forwards to.",
            ),
        ] {
            let shown = shown("aws_lb_listener", "default_action", actions);
            assert!(shown.starts_with(wanted), "{shown:?}, not {wanted:?}");
        }
        let rule = shown("aws_lb_listener_rule", "action", Value::tuple([both()]));
        assert_eq!(rule, "blue 100, green 0");
        let balancer = shown("aws_lb", "action", Value::tuple([both()]));
        assert_eq!(balancer, "A aws_lb has no weights. A release needs a listener or a listener rule.");
    }

    #[test]
    fn a_version_is_an_arn_and_the_images_of_its_containers() {
        let arn = "arn:aws:ecs:eu-west-1:1:task-definition/api:7";
        let text = |containers: &str| Value::string(containers);
        for (containers, wanted) in [
            (
                text(r#"[{"name":"api","image":"api:1.9.0"},{"name":"log","image":"fluent:2"}]"#),
                &["api:1.9.0", "fluent:2"][..],
            ),
            (text("[]"), &[]),
            (text("no JSON"), &[]),
            (Value::unknown(Type::String), &[]),
            (text(r#"[{"image":"api:1"}]"#).with_marks(infra_value::Marks::SENSITIVE), &[]),
        ] {
            let definition = object([("arn", arn.into()), ("container_definitions", containers)]);
            let version = Rules.version(&member("aws_ecs_task_definition", definition));
            assert_eq!(
                (version.definition.as_str(), version.images),
                (arn, wanted.iter().map(ToString::to_string).collect())
            );
        }
    }

    #[test]
    fn what_a_release_decides_and_what_restarts_are_attributes_that_the_types_have() {
        for (name, ty) in &crate::catalog().resources {
            let schema = &ty.schema().block;
            let mut named = [Rules.owned(name), Rules.restarting(name)].concat();
            named.extend(Rules.version_attributes(name).map(|(definition, _)| definition));
            for attribute in named {
                let has = schema.attributes.contains_key(attribute) || schema.blocks.contains_key(attribute);
                assert!(has, "{name} has no {attribute}");
            }
        }
    }
}
