//! `ignore_changes`: what the prior object has wins over what is configured.

use infra_schema::{Block, Nesting};
use infra_value::{Kind, Path, PathStep, Type, Value};

use super::at::{get_at, with_at, with_member, without_member};

/// What `ignore_changes` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// Every attribute.
    All,
    /// These, and what is in them.
    Paths(Vec<Path>),
}

/// The configuration to plan with. Without a prior object nothing is ignored.
pub fn ignore_in_config(block: &Block, prior: &Value, config: &Value, ignore: &Ignore) -> Value {
    match ignore {
        _ if prior.is_null() || config.is_null() => config.clone(),
        Ignore::All => without_computed_only(block, prior),
        Ignore::Paths(paths) => restore(paths, prior, config),
    }
}

/// The planned value of a type of the older plugin kind, whose rules may have changed it again.
pub fn ignore_in_planned(_block: &Block, prior: &Value, planned: &Value, ignore: &Ignore) -> Value {
    match ignore {
        _ if prior.is_null() || planned.is_null() => planned.clone(),
        Ignore::All => prior.clone(),
        Ignore::Paths(paths) => restore(paths, prior, planned),
    }
}

fn restore(paths: &[Path], prior: &Value, value: &Value) -> Value {
    paths.iter().fold(value.clone(), |value, path| restore_one(path, prior, &value))
}

fn restore_one(path: &Path, prior: &Value, value: &Value) -> Value {
    // The last step may name a member that one of the two maps does not have.
    let (parent, key) = match path.0.split_last() {
        Some((PathStep::Index(key), parent)) if key.as_str().is_some() => (parent, key.as_str()),
        _ => (&path.0[..], None),
    };
    match (key, strictly_at(prior, parent), strictly_at(value, parent)) {
        (Some(key), Some(old), Some(new)) if matches!(new.ty(), Type::Map(_)) => {
            with_at(value, parent, &restore_key(key, old, new))
        }
        // Nothing can be ignored in a map of which nothing is known.
        (_, Some(_), Some(new)) if matches!(new.ty(), Type::Map(_)) && !new.is_known() => value.clone(),
        (_, Some(old), Some(_)) => with_at(value, parent, old),
        _ => value.clone(),
    }
}

/// The part at a path, where each step is one of its kind: `a.b` leads to no member of a map and `a["b"]` to no
/// attribute.
fn strictly_at<'v>(value: &'v Value, path: &[PathStep]) -> Option<&'v Value> {
    let step = |value: &'v Value, step: &PathStep| {
        let fits = match (step, value.kind()) {
            (PathStep::Attribute(_), Kind::Object(_)) => true,
            (PathStep::Index(key), Kind::Map(..)) => key.as_str().is_some(),
            (PathStep::Index(key), Kind::List(..) | Kind::Tuple(_)) => key.as_i64().is_some(),
            _ => false,
        };
        fits.then(|| get_at(value, &Path(vec![step.clone()]))).flatten()
    };
    path.iter().try_fold(value, step)
}

/// Ignores one key of a map.
fn restore_key(key: &str, old: &Value, new: &Value) -> Value {
    if !new.is_known() || !old.is_known() {
        return new.clone();
    }
    match (old.get(key), new.kind()) {
        (Some(member), Kind::Map(..)) => with_member(new, key, member.clone()),
        (Some(member), Kind::Null(_)) => match old.kind() {
            Kind::Map(ty, _) => Value::map(ty.clone(), [(key, member.clone())]),
            _ => new.clone(),
        },
        (Some(_), _) => new.clone(),
        (None, _) => without_member(new, key),
    }
}

/// The prior object as if it had been configured.
fn without_computed_only(block: &Block, object: &Value) -> Value {
    let Some(members) = object.members() else { return object.clone() };
    let configured = members.iter().map(|(name, value)| {
        let value = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) if attribute.is_computed_only() => Value::null(attribute.ty.clone()),
            (_, Some(nested)) if matches!(nested.nesting, Nesting::Single | Nesting::Group) => {
                without_computed_only(&nested.block, value)
            }
            (_, Some(nested)) => value.map_elements(&mut |e| without_computed_only(&nested.block, e)),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    Value::object(configured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(members: &[(&str, &str)]) -> Value {
        Value::map(Type::String, members.iter().map(|(k, v)| (*k, Value::string(v))))
    }
    fn object(tags: Value, name: &str) -> Value {
        Value::object([("tags", tags), ("name", Value::string(name))])
    }
    fn key(name: &str) -> Ignore {
        Ignore::Paths(vec![Path::attribute("tags").index(name)])
    }

    #[test]
    fn an_ignored_attribute_has_its_prior_value() {
        let ignored = Ignore::Paths(vec![Path::attribute("name")]);
        let (prior, config) = (object(tags(&[]), "old"), object(tags(&[("A", "1")]), "new"));
        let got = ignore_in_config(&Block::default(), &prior, &config, &ignored);
        assert_eq!(got, object(tags(&[("A", "1")]), "old"));
        let nothing = Value::null(prior.ty());
        assert_eq!(ignore_in_config(&Block::default(), &nothing, &config, &ignored), config);
    }

    #[test]
    fn of_a_map_a_single_key_can_be_ignored() {
        let prior = object(tags(&[("A", "old")]), "n");
        let planned = |new: Value, k: &str| ignore_in_planned(&Block::default(), &prior, &object(new, "n"), &key(k));
        assert_eq!(planned(tags(&[("A", "new"), ("B", "b")]), "A"), object(tags(&[("A", "old"), ("B", "b")]), "n"));
        assert_eq!(planned(tags(&[("A", "new"), ("B", "b")]), "B"), object(tags(&[("A", "new")]), "n"));
        assert_eq!(planned(Value::null(Type::map(Type::String)), "A"), object(tags(&[("A", "old")]), "n"));
        let unknown = Value::unknown(Type::map(Type::String));
        assert_eq!(planned(unknown.clone(), "A"), object(unknown.clone(), "n"));
        let whole = Ignore::Paths(vec![Path::attribute("tags")]);
        let config = |new: &Value| ignore_in_config(&Block::default(), &prior, &object(new.clone(), "n"), &whole);
        assert_eq!(config(&unknown), object(unknown.clone(), "n"));
        assert_eq!(config(&tags(&[("B", "b")])), prior);
    }

    #[test]
    fn a_step_has_to_be_of_the_kind_of_what_it_steps_into() {
        let dynamic = |x: i64, y: i64| {
            let list = Value::tuple([Value::from(1), Value::from(y)]);
            Value::object([("in", Value::object([("x", Value::from(x)), ("l", list)])), ("tags", tags(&[("A", "1")]))])
        };
        let (prior, config) = (dynamic(1, 1), dynamic(2, 2));
        let input = || Path::attribute("in");
        let cases = [
            (input().attr("l").index(1_i64), dynamic(2, 1)),
            (input().index("x").attr("y"), config.clone()),
            (Path::attribute("tags").attr("A"), config.clone()),
            (input().attr("l").index("x"), dynamic(2, 1)),
            (input().index("x"), prior.clone()),
        ];
        for (path, expected) in cases {
            let ignored = Ignore::Paths(vec![path.clone()]);
            assert_eq!(ignore_in_config(&Block::default(), &prior, &config, &ignored), expected, "{path:?}");
        }
    }

    #[test]
    fn a_path_that_leads_nowhere_is_passed_over() {
        let ignored = Ignore::Paths(vec![Path::attribute("rule").index(3_i64).attr("x")]);
        let (prior, config) = (object(tags(&[]), "old"), object(tags(&[]), "new"));
        assert_eq!(ignore_in_config(&Block::default(), &prior, &config, &ignored), config);
    }
}
