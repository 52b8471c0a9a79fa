//! Checks of a configuration that hold for every type.

use infra_provider::Problem;
use infra_provider::plan::PluginKind;
use infra_schema::{Block, Nesting};
use infra_value::{Kind, Number, Path, PathStep, Type, Value};

use super::parse_duration;
use crate::validate::Check;
use crate::{DataType, ResourceType, data_checks, deprecations};

/// What is wrong with a resource's configuration.
pub(super) fn resource(ty: &ResourceType, config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    id_is_not_written(config, &mut problems);
    computed_only(&ty.schema().block, config, &Path::root(), &mut problems);
    required(&ty.schema().block, config, &Path::root(), "", &mut problems);
    whole_numbers(ty, config, &Path::root(), &mut problems);
    ty.rules.validate(config, &mut problems);
    deprecations::check(ty.name, &ty.schema().block, config, &mut problems);
    match ty.rules.kind() {
        PluginKind::Sdk => outside_sets(decisive(problems), &ty.schema().block),
        PluginKind::Framework => problems,
    }
}

/// What is wrong with a data source's configuration.
pub(super) fn data_source(ty: &DataType, config: &Value) -> Vec<Problem> {
    let mut problems = match nulls_in_block(&ty.schema().block, config) {
        Ok(()) => Vec::new(),
        Err(problems) => return problems,
    };
    if !DATA_WITH_ID.contains(&ty.name) {
        id_is_not_written(config, &mut problems);
    }
    computed_only(&ty.schema().block, config, &Path::root(), &mut problems);
    required(&ty.schema().block, config, &Path::root(), "", &mut problems);
    data_checks::check(ty.name, &mut Check::new(config, &mut problems));
    deprecations::check(&format!("data.{}", ty.name), &ty.schema().block, config, &mut problems);
    outside_sets(problems, &ty.schema().block)
}

/// The data sources whose `id` is an argument.
const DATA_WITH_ID: [&str; 4] = ["aws_caller_identity", "aws_partition", "aws_region", "aws_vpc"];

/// All others have an `id` that nobody can write, though their schema says so.
fn id_is_not_written(config: &Value, problems: &mut Vec<Problem>) {
    if config.get("id").is_some_and(|id| !id.is_null()) {
        problems.push(Problem::error("Invalid or unknown key", "").at(Path::attribute("id")));
    }
}

/// The problems that stand when one check of an attribute keeps the next from being made: whether it may be there at all
/// with the others comes before what it is.
fn decisive(problems: Vec<Problem>) -> Vec<Problem> {
    const LAST: usize = 4;
    let rank = |problem: &Problem| match &*problem.summary {
        "Invalid combination of arguments" => 0,
        "Missing required argument" => 1,
        "Value for unconfigurable attribute" => 2,
        "Conflicting configuration arguments" => 3,
        _ => LAST,
    };
    let first: Vec<(usize, Path)> =
        problems.iter().map(|p| (rank(p), p.path.clone())).filter(|(rank, _)| *rank < LAST).collect();
    let settled = |problem: &Problem| {
        first.iter().any(|(rank_of_first, path)| *rank_of_first < rank(problem) && problem.path.0.starts_with(&path.0))
    };
    problems.into_iter().filter(|p| !settled(p)).collect()
}

/// The same problems, each at a place that has a name: what is inside a set is told of the set.
fn outside_sets(problems: Vec<Problem>, block: &Block) -> Vec<Problem> {
    let outside = |problem: Problem| {
        let path = Path(problem.path.0[..steps_outside_sets(block, &problem.path.0)].to_vec());
        problem.at(path)
    };
    problems.into_iter().map(outside).collect()
}

/// How many steps of a path lead up to the first element of a set.
fn steps_outside_sets(block: &Block, path: &[PathStep]) -> usize {
    let Some((PathStep::Attribute(name), rest)) = path.split_first() else { return 0 };
    if let Some(attribute) = block.attributes.get(&**name) {
        let mut ty = &attribute.ty;
        for (i, step) in rest.iter().enumerate() {
            ty = match (ty, step) {
                (Type::Set(_), _) => return 1 + i,
                (Type::List(element) | Type::Map(element), _) => element,
                (Type::Object(members), PathStep::Attribute(name)) => match members.attributes.get(name) {
                    Some(member) => member,
                    None => break,
                },
                _ => break,
            };
        }
        return path.len();
    }
    match block.blocks.get(&**name) {
        Some(nested) if nested.nesting == Nesting::Set => 1,
        Some(nested) => match rest.split_first() {
            Some((PathStep::Index(_), inner)) => 2 + steps_outside_sets(&nested.block, inner),
            _ => 1 + steps_outside_sets(&nested.block, rest),
        },
        None => path.len(),
    }
}

/// The attributes of the older kind of types that hold any number: to all others a number is a whole one.
const FRACTIONS: [(&str, &str); 2] =
    [("aws_appautoscaling_policy", "target_value"), ("aws_cloudwatch_metric_alarm", "threshold")];

/// Numbers that have to be whole, and are not.
fn whole_numbers(ty: &ResourceType, value: &Value, path: &Path, problems: &mut Vec<Problem>) {
    match value.kind() {
        Kind::Number(number) if !is_whole(number) => {
            let (summary, detail) = match ty.rules.kind() {
                PluginKind::Sdk => (format!("Attribute must be a whole number, got {number}"), String::new()),
                PluginKind::Framework => {
                    ("Configuration Read Error".to_string(), format!("A whole number is wanted here, got {number}."))
                }
            };
            problems.push(Problem::error(summary, detail).at(path.clone()));
        }
        Kind::List(_, es) | Kind::Tuple(es) | Kind::Set(_, es) => {
            for (i, element) in (0_i64..).zip(es.iter()) {
                whole_numbers(ty, element, &path.index(i), problems);
            }
        }
        Kind::Object(ms) => {
            let whole = |name: &str| !FRACTIONS.contains(&(ty.name, name));
            for (name, member) in ms.iter().filter(|(name, _)| whole(name)) {
                whole_numbers(ty, member, &path.attr(name.clone()), problems);
            }
        }
        _ => {}
    }
}

fn is_whole(number: &Number) -> bool {
    number.is_integer() && number.to_f64().abs() < 9.3e18
}

/// A required argument that is given as null is not given. `outer` is what the names begin with.
fn required(block: &Block, config: &Value, path: &Path, outer: &str, problems: &mut Vec<Problem>) {
    let missing = |name: &str| config.get(name).is_some_and(Value::is_null);
    for name in block.attributes.iter().filter(|(name, a)| a.required && missing(name)).map(|(name, _)| name) {
        let detail = format!("The argument \"{outer}{name}\" is required, but no definition was found.");
        problems.push(Problem::error("Missing required argument", detail).at(path.attr(name.clone())));
    }
    for (name, nested) in &block.blocks {
        for (i, element) in (0_i64..).zip(known_blocks(config, name)) {
            let path = path.attr(name.clone()).index(i);
            required(&nested.block, element, &path, &format!("{outer}{name}.{i}."), problems);
        }
    }
}

/// The blocks of a name. Where a part of them is not known yet, none is looked at before all of them are.
fn known_blocks<'v>(config: &'v Value, name: &str) -> &'v [Value] {
    config.get(name).filter(|v| v.is_wholly_known()).and_then(Value::elements).unwrap_or(&[])
}

/// Lists and sets of a block hold no null: of a data source that is said first of all, of a resource when it is planned.
pub(super) fn nulls_in_block(block: &Block, config: &Value) -> Result<(), Vec<Problem>> {
    let problems = outside_sets(nulls_in_lists(config), block);
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Lists and sets of a configuration hold no null.
pub(super) fn nulls_in_lists(config: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    visit(config, &Path::root(), &mut problems);
    problems
}

fn visit(value: &Value, path: &Path, problems: &mut Vec<Problem>) {
    match value.kind() {
        Kind::List(_, es) | Kind::Tuple(es) | Kind::Set(_, es) => {
            let is_set = matches!(value.kind(), Kind::Set(..));
            for (i, element) in (0_i64..).zip(es.iter()) {
                if element.is_null() {
                    let place = if is_set { path.clone() } else { path.index(i) };
                    let detail = "Null values are not allowed for this attribute value.";
                    problems.push(Problem::error("Null value found in list", detail).at(place));
                } else {
                    let index = if is_set { element.clone() } else { Value::from(i) };
                    visit(element, &path.index(index), problems);
                }
            }
        }
        Kind::Object(ms) => ms.iter().for_each(|(name, member)| visit(member, &path.attr(name.clone()), problems)),
        _ => {}
    }
}

fn computed_only(block: &Block, config: &Value, path: &Path, problems: &mut Vec<Problem>) {
    for (name, attribute) in &block.attributes {
        if attribute.is_computed_only() && config.get(name).is_some_and(|v| !v.is_null()) {
            let detail = format!(
                "Can't configure a value for {name:?}: its value will be decided automatically based on the result of \
                 applying this configuration."
            );
            let problem = Problem::error("Value for unconfigurable attribute", detail);
            problems.push(problem.at(path.attr(name.clone())));
        }
    }
    for (name, nested) in &block.blocks {
        for (i, element) in (0_i64..).zip(known_blocks(config, name)) {
            computed_only(&nested.block, element, &path.attr(name.clone()).index(i), problems);
        }
    }
}

/// What is wrong with a planned `timeouts` block. It is looked at only where the plan changes something.
pub(super) fn timeouts(planned: &Value) -> Vec<Problem> {
    let written = planned.get("timeouts").and_then(Value::members).into_iter().flatten();
    let wrong = written.filter_map(|(name, value)| Some((name, value.as_str()?)));
    wrong
        .filter(|(_, text)| parse_duration(text).is_none())
        .map(|(name, text)| {
            let detail = "A timeout is a number with a unit, such as 30s, 10m or 1h30m.";
            Problem::error(format!("Error parsing {name:?} timeout: {text:?} is not a duration"), detail)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog;

    fn problems(ty: &str, members: Vec<(&'static str, Value)>) -> Vec<(String, String)> {
        let ty = &catalog().resources[ty];
        let given: std::collections::BTreeMap<&str, Value> = members.into_iter().collect();
        let Type::Object(types) = ty.schema().block.ty() else { return Vec::new() };
        let config =
            Value::object(types.attributes.iter().map(|(name, ty)| {
                (name.clone(), given.get(&**name).cloned().unwrap_or_else(|| Value::null(ty.clone())))
            }));
        let told = |p: Problem| (p.summary, p.path.to_string());
        resource(ty, &config).into_iter().map(told).collect()
    }

    fn told(summary: &str, path: &str) -> (String, String) {
        (summary.to_string(), path.to_string())
    }

    fn rule(networks: &[&str], port: Value) -> Value {
        Value::object([
            ("cidr_blocks", Value::strings(networks.iter().copied())),
            ("from_port", port),
            ("protocol", Value::string("tcp")),
            ("to_port", Value::from(1)),
        ])
    }

    #[test]
    fn what_is_wrong_inside_a_set_is_told_of_the_set() {
        let rules = |rule: Value| vec![("ingress", Value::set(rule.ty(), [rule]))];
        let network = "\"10.0.0.1/8\" is not a valid IPv4 CIDR block; did you mean \"10.0.0.0/8\"?";
        let of = |rule| problems("aws_security_group", rules(rule));
        assert_eq!(of(rule(&["10.0.0.1/8"], Value::from(1))), [told(network, "ingress")]);
        let missing = told("Missing required argument", "ingress");
        assert_eq!(of(rule(&[], Value::null(Type::Number))), [missing]);
        assert_eq!(of(rule(&["10.0.0.1/8"], Value::unknown(Type::Number))), []);
    }

    #[test]
    fn a_number_is_a_whole_one() {
        let half = Number::from_f64(0.5).map_or(Value::from(0), Value::number);
        let of = |ty, name: &'static str| problems(ty, vec![(name, half.clone())]);
        let summaries =
            |found: Vec<(String, String)>| found.into_iter().map(|(summary, _)| summary).collect::<Vec<_>>();
        let wanted = "Attribute must be a whole number, got 0.5".to_string();
        assert!(summaries(of("aws_subnet", "enable_lni_at_device_index")).contains(&wanted));
        assert!(!summaries(of("aws_cloudwatch_metric_alarm", "threshold")).contains(&wanted));
        let found = of("aws_vpc_security_group_egress_rule", "from_port");
        assert!(found.contains(&told("Configuration Read Error", "from_port")));
    }

    #[test]
    fn one_check_of_an_attribute_keeps_the_next_from_being_made() {
        let found = problems(
            "aws_kms_alias",
            vec![
                ("target_key_id", Value::string("k")),
                ("name", Value::string("a b")),
                ("name_prefix", Value::string("alias/a")),
            ],
        );
        let conflict = "Conflicting configuration arguments";
        assert_eq!(found, [told(conflict, "name"), told(conflict, "name_prefix")]);
    }
}
