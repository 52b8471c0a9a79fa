//! The configuration merged with what there was: what the provider is asked to plan.

use std::sync::LazyLock;

use infra_schema::{Attribute, Block, NestedBlock, Nesting};
use infra_value::{Kind, Type, Value};

static NULL: LazyLock<Value> = LazyLock::new(|| Value::null(Type::Dynamic));

/// The configuration, with the prior values of computed attributes that it does not set. `prior` is null where there is
/// no object. Both have the block's type.
pub fn proposed_new(block: &Block, prior: &Value, config: &Value) -> Value {
    if prior.is_null() {
        return merge_block(block, &block.empty(), config);
    }
    merge_block(block, prior, config)
}

/// The configuration of an object of which nothing is known yet, as for a data source that is read later: what is
/// computed and not set is unknown.
pub fn proposed_unknown(block: &Block, config: &Value) -> Value {
    merge_block(block, &Value::unknown(block.ty()), config)
}

fn merge_block(block: &Block, prior: &Value, config: &Value) -> Value {
    if config.is_null() || !config.is_known() {
        return config.clone();
    }
    let attributes = block.attributes.iter().map(|(name, attribute)| {
        let merged = merge_attribute(attribute, member(prior, name, &attribute.ty), config.get(name));
        (name.clone(), merged)
    });
    let blocks = block.blocks.iter().map(|(name, nested)| {
        let old = member(prior, name, &nested.ty());
        let merged = match config.get(name) {
            Some(given) => merge_blocks(nested, &old, given),
            None => nested.empty(),
        };
        (name.clone(), merged)
    });
    Value::object(attributes.chain(blocks)).with_marks(config.marks())
}

/// A part of the prior object; unknown where the prior object is.
fn member(prior: &Value, name: &str, ty: &Type) -> Value {
    if !prior.is_known() {
        return Value::unknown(ty.clone());
    }
    prior.get(name).cloned().unwrap_or_else(|| Value::null(ty.clone()))
}

fn merge_attribute(attribute: &Attribute, prior: Value, config: Option<&Value>) -> Value {
    match config {
        Some(given) if !given.is_null() || !attribute.computed => given.clone(),
        None if !attribute.computed => Value::null(attribute.ty.clone()),
        _ => prior,
    }
}

fn merge_blocks(nested: &NestedBlock, prior: &Value, config: &Value) -> Value {
    if !config.is_known() {
        return config.clone();
    }
    let ty = nested.block.ty();
    let unknown = (!prior.is_known()).then(|| Value::unknown(ty.clone()));
    match (nested.nesting, config.kind()) {
        (Nesting::Single | Nesting::Group, _) => merge_block(&nested.block, prior, config),
        (Nesting::List, Kind::List(_, given)) => {
            let old = prior.elements().unwrap_or(&[]);
            let elements = given.iter().enumerate().map(|(i, element)| match old.get(i).or(unknown.as_ref()) {
                Some(old) => merge_block(&nested.block, old, element),
                None => element.clone(),
            });
            Value::list(ty, elements).with_marks(config.marks())
        }
        (Nesting::Map, Kind::Map(_, given)) => {
            let members = given.iter().map(|(key, element)| match prior.get(key).or(unknown.as_ref()) {
                Some(old) => (key.clone(), merge_block(&nested.block, old, element)),
                None => (key.clone(), element.clone()),
            });
            Value::map(ty, members).with_marks(config.marks())
        }
        (Nesting::Set, Kind::Set(_, given)) => {
            let old = prior.elements().unwrap_or(&[]);
            let mut used = vec![false; old.len()];
            let none = unknown.unwrap_or_else(|| nested.block.empty());
            let elements: Vec<Value> = given
                .iter()
                .map(|element| {
                    let free = |i: &usize| !used[*i] && may_come_from(&nested.block, &old[*i], element);
                    let found = (0..old.len()).find(free);
                    if let Some(i) = found {
                        used[i] = true;
                    }
                    merge_block(&nested.block, found.map_or(&none, |i| &old[i]), element)
                })
                .collect();
            Value::set(ty, elements).with_marks(config.marks())
        }
        _ => config.clone(),
    }
}

/// Whether a prior element of a set may be what a configured one became: they differ only in what the provider computed.
fn may_come_from(block: &Block, prior: &Value, config: &Value) -> bool {
    if prior.is_null() || config.is_null() || !config.is_known() {
        return prior == config;
    }
    let attributes = block.attributes.iter().all(|(name, attribute)| {
        let (old, new) = (prior.get(name).unwrap_or(&NULL), config.get(name).unwrap_or(&NULL));
        old == new || (old.is_null() && new.is_null()) || (attribute.computed && new.is_null())
    });
    attributes
        && block.blocks.iter().all(|(name, nested)| {
            let (old, new) = (prior.get(name).unwrap_or(&NULL), config.get(name).unwrap_or(&NULL));
            if old == new {
                return true;
            }
            match nested.nesting {
                Nesting::Set => false,
                Nesting::Single | Nesting::Group => may_come_from(&nested.block, old, new),
                Nesting::List => match (old.elements(), new.elements()) {
                    (Some(old), Some(new)) => {
                        old.len() == new.len() && old.iter().zip(new).all(|(o, n)| may_come_from(&nested.block, o, n))
                    }
                    _ => false,
                },
                Nesting::Map => match (old.members(), new.members()) {
                    (Some(old), Some(new)) => {
                        old.len() == new.len()
                            && old.iter().all(|(k, o)| new.get(k).is_some_and(|n| may_come_from(&nested.block, o, n)))
                    }
                    _ => false,
                },
            }
        })
}
