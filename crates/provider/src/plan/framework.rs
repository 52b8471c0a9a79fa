//! The plan of types made with terraform-plugin-framework: what is planned is exact.

use std::sync::Arc;

use infra_schema::{Block, NestedBlock, Nesting, Schema};
use infra_value::{Path, Type, Value};

use super::at::with_member;
use super::sdk::without_write_only;
use super::tags::all_tags_exact;
use super::{Diff, Meta, TypeRules};
use crate::Problem;

/// Plans one object. `prior` is null on create, `proposed` is [`super::proposed_new`] of prior and configuration; with a
/// null `proposed` the object is to be deleted. The answer is the planned object, and the paths whose change forces a
/// replacement, before the engine's filter.
///
/// # Errors
/// What the type's own rules refuse.
pub fn plan_framework(
    schema: &Schema,
    rules: &dyn TypeRules,
    meta: &Meta,
    prior: &Value,
    config: &Value,
    proposed: &Value,
) -> Result<(Value, Vec<Path>), Vec<Problem>> {
    let block = &schema.block;
    if proposed.is_null() {
        return Ok((Value::null(block.ty()), Vec::new()));
    }
    let planned = with_defaults(block, config, proposed);
    let mut planned = without_write_only(block, &planned);
    if planned != *prior {
        planned = unknown_computed(block, rules, config, prior, &planned, &mut Vec::new());
    }
    if block.attributes.contains_key("tags_all") {
        let tags = planned.get("tags").cloned().unwrap_or_else(|| Value::null(Type::map(Type::String)));
        planned = with_member(&planned, "tags_all", all_tags_exact(&meta.tags, &tags));
    }
    let mut diff = Diff::new_plan(block, prior, config, planned, meta);
    rules.customise(&mut diff)?;
    let (planned, mut replace) = (diff.planned, diff.force_new);
    if prior.is_null() {
        return Ok((planned, Vec::new()));
    }
    for (name, attribute) in &block.attributes {
        if attribute.force_new && planned.get(name) != prior.get(name) {
            replace.push(Path::attribute(name.clone()));
        }
    }
    Ok((planned, super::replace_paths::unique(replace)))
}

/// Fills in the defaults of what the configuration does not set.
fn with_defaults(block: &Block, config: &Value, planned: &Value) -> Value {
    let Some(members) = planned.members() else { return planned.clone() };
    let members = members.iter().map(|(name, value)| {
        let given = config.get(name);
        let default = block.attributes.get(name).and_then(|a| a.default.as_ref());
        let new = match (default, block.blocks.get(name)) {
            (Some(default), _) if given.is_none_or(Value::is_null) => default.clone(),
            (_, Some(nested)) => {
                pairwise(nested, given, value, &mut |_, config, planned| with_defaults(&nested.block, config, planned))
            }
            _ => value.clone(),
        };
        (name.clone(), new)
    });
    Value::object(members)
}

/// Makes what the provider computes unknown, for something changes; but what keeps its value keeps it.
fn unknown_computed(
    block: &Block,
    rules: &dyn TypeRules,
    config: &Value,
    prior: &Value,
    planned: &Value,
    way: &mut Vec<Arc<str>>,
) -> Value {
    let Some(members) = planned.members() else { return planned.clone() };
    let mut out: Vec<(Arc<str>, Value)> = Vec::new();
    for (name, value) in members {
        let given = config.get(name);
        let unset = given.is_none_or(Value::is_null);
        let new = match (block.attributes.get(name), block.blocks.get(name)) {
            (Some(attribute), _) if attribute.computed && unset && attribute.default.is_none() => {
                way.push(name.clone());
                let names: Vec<&str> = way.iter().map(|n| &**n).collect();
                let kept = rules.keeps_state(&names).then(|| prior.get(name).cloned()).flatten();
                way.pop();
                kept.filter(|v| !v.is_null()).unwrap_or_else(|| Value::unknown(attribute.ty.clone()))
            }
            (None, Some(nested)) => {
                way.push(name.clone());
                let old = prior.get(name);
                let new = pairwise(nested, given, value, &mut |i, config, planned| {
                    let none = Value::null(nested.block.ty());
                    let before = match nested.nesting {
                        Nesting::Single | Nesting::Group => old.unwrap_or(&none),
                        _ => old.and_then(Value::elements).and_then(|es| es.get(i)).unwrap_or(&none),
                    };
                    unknown_computed(&nested.block, rules, config, before, planned, way)
                });
                way.pop();
                new
            }
            _ => value.clone(),
        };
        out.push((name.clone(), new));
    }
    Value::object(out)
}

/// Asks about each element of a nested block together with the configured one at the same place.
fn pairwise(
    nested: &NestedBlock,
    config: Option<&Value>,
    planned: &Value,
    ask: &mut dyn FnMut(usize, &Value, &Value) -> Value,
) -> Value {
    let null = Value::null(nested.block.ty());
    if matches!(nested.nesting, Nesting::Single | Nesting::Group) {
        return if planned.is_null() { planned.clone() } else { ask(0, config.unwrap_or(&null), planned) };
    }
    let given = config.and_then(Value::elements).unwrap_or(&[]);
    let mut i = 0;
    planned.map_elements(&mut |element| {
        let answer = ask(i, given.get(i).unwrap_or(&null), element);
        i += 1;
        answer
    })
}
