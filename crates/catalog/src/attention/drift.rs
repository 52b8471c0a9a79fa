//! What was changed outside of the configuration, and would be undone.

use infra_provider::{Fate, Remark, Weight};
use infra_value::{Kind, Type, Value};

use super::{Change, differ, listed, remark};
use crate::catalog;

pub(super) const OVERWRITTEN: &str = "drift-overwritten";

pub(super) fn remarks(change: &Change<'_>) -> Option<Remark> {
    let stored = change.about.stored?;
    match change.about.fate {
        Fate::Create => Some(remark(
            Weight::Weakened,
            OVERWRITTEN,
            "was deleted outside of this configuration and would be created again",
        )),
        Fate::Update | Fate::Replace { .. } => {
            let undone = undone(change, stored);
            let what = listed(&undone, " and ");
            (!undone.is_empty()).then(|| {
                remark(
                    Weight::Weakened,
                    OVERWRITTEN,
                    format!("would undo what was changed outside of this configuration: {what}"),
                )
            })
        }
        Fate::Delete => None,
    }
}

/// The attributes that are not as they were left, and would not stay as they are.
fn undone(change: &Change<'_>, stored: &Value) -> Vec<String> {
    let Some(ty) = catalog().resources.get(change.about.ty) else { return Vec::new() };
    let block = &ty.schema().block;
    let is_own = |name: &str| match block.attributes.get(name) {
        Some(_) if name == "id" => false,
        // The provider's default tags are in `tags_all` only; what is in both is told once.
        Some(_) if name == "tags_all" => !undone_one(change, stored, "tags"),
        Some(attribute) => attribute.optional || attribute.required,
        None => name != "timeouts",
    };
    let names = block.attributes.keys().chain(block.blocks.keys());
    let names = names.filter(|name| undone_one(change, stored, name) && is_own(name));
    names.map(|name| told(change, name, block.attributes.get(name).is_some_and(|a| a.sensitive))).collect()
}

fn undone_one(change: &Change<'_>, stored: &Value, name: &str) -> bool {
    let Some(left) = stored.get(name) else { return false };
    let (left, now, then) = (plain(left), plain(change.before.raw(name)), plain(change.after.raw(name)));
    differ(&left, &now) && differ(&now, &then)
}

/// The value with null for everything that says nothing: a refresh often finds `{}` or `""` where an apply left null.
fn plain(value: &Value) -> Value {
    let nothing = match value.kind() {
        Kind::Bool(b) => !b,
        Kind::Number(n) => n.is_zero(),
        Kind::String(text) => text.is_empty(),
        _ => value.is_empty(),
    };
    if nothing { Value::null(Type::Dynamic) } else { value.unmark_deep().0.map_elements(&mut plain) }
}

/// The attribute, with what it is and would be where that is short and may be shown.
fn told(change: &Change<'_>, name: &str, sensitive: bool) -> String {
    let (now, then) = (change.before.raw(name), change.after.raw(name));
    let hidden = sensitive || now.is_sensitive() || then.is_sensitive();
    match (shown(now), shown(then)) {
        (Some(now), Some(then)) if !hidden => format!("{name} ({now} -> {then})"),
        _ => name.to_string(),
    }
}

/// A number, a truth value or a short text.
fn shown(value: &Value) -> Option<String> {
    match value.kind() {
        Kind::Bool(b) => Some(b.to_string()),
        Kind::Number(n) => Some(n.to_string()),
        Kind::String(text) if text.chars().count() <= 24 && !text.contains(char::is_control) => {
            Some(format!("{text:?}"))
        }
        Kind::Null(_) => Some("null".to_string()),
        _ => None,
    }
}
