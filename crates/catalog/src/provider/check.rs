//! Checks of a configuration that hold for every type.

use infra_provider::Problem;
use infra_schema::Block;
use infra_value::{Kind, Path, Value};

use super::parse_duration;
use crate::{DataType, ResourceType};

/// What is wrong with a resource's configuration.
pub(super) fn resource(ty: &ResourceType, config: &Value) -> Vec<Problem> {
    let mut problems = nulls_in_lists(config);
    if config.get("id").is_some_and(|id| !id.is_null()) {
        problems.push(Problem::error("Invalid or unknown key", "").at(Path::attribute("id")));
    }
    computed_only(&ty.schema().block, config, &Path::root(), &mut problems);
    required(&ty.schema().block, config, &Path::root(), "", &mut problems);
    ty.rules.validate(config, &mut problems);
    problems
}

/// What is wrong with a data source's configuration.
pub(super) fn data_source(ty: &DataType, config: &Value) -> Vec<Problem> {
    let mut problems = nulls_in_lists(config);
    computed_only(&ty.schema().block, config, &Path::root(), &mut problems);
    required(&ty.schema().block, config, &Path::root(), "", &mut problems);
    problems
}

/// A required argument that is given as null is not given. `outer` is what the names begin with.
fn required(block: &Block, config: &Value, path: &Path, outer: &str, problems: &mut Vec<Problem>) {
    let missing = |name: &str| config.get(name).is_some_and(Value::is_null);
    for name in block.attributes.iter().filter(|(name, a)| a.required && missing(name)).map(|(name, _)| name) {
        let detail = format!("The argument \"{outer}{name}\" is required, but no definition was found.");
        problems.push(Problem::error("Missing required argument", detail).at(path.attr(name.clone())));
    }
    for (name, nested) in &block.blocks {
        let elements = config.get(name).and_then(Value::elements).unwrap_or(&[]);
        for (i, element) in (0_i64..).zip(elements) {
            let path = path.attr(name.clone()).index(i);
            required(&nested.block, element, &path, &format!("{outer}{name}.{i}."), problems);
        }
    }
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
        let elements = config.get(name).and_then(Value::elements).unwrap_or(&[]);
        for (i, element) in (0_i64..).zip(elements) {
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
