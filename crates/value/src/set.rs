//! Sets: no element twice, an order of their own, marks on the whole.

use std::cmp::Ordering;
use std::collections::HashSet;

use crate::value::Kind;
use crate::{Marks, Type, Value};

impl Value {
    /// A set; every element must be of type `element` already. Marks of elements, at any depth, become marks of the set,
    /// and elements that are there twice are kept once. Elements that are not wholly known are all kept: they may
    /// turn out to differ.
    pub fn set(element: Type, elements: impl IntoIterator<Item = Value>) -> Value {
        let mut marks = Marks::NONE;
        let mut seen = HashSet::new();
        let mut kept: Vec<Value> = Vec::new();
        for marked in elements {
            let (bare, its_marks) = marked.unmark_deep();
            marks |= its_marks;
            if !bare.is_wholly_known() || seen.insert(bare.clone()) {
                kept.push(bare);
            }
        }
        if element.is_primitive() {
            kept.sort_by(order);
        } else {
            kept.sort_by_cached_key(|e| (rank(e), sort_text(e)));
        }
        Value::from(Kind::Set(element, kept.into())).with_marks(marks)
    }
}

/// Known before unknown before null.
fn rank(value: &Value) -> u8 {
    match value.kind() {
        Kind::Null(_) => 2,
        Kind::Unknown(_) => 1,
        _ => 0,
    }
}

fn order(a: &Value, b: &Value) -> Ordering {
    rank(a).cmp(&rank(b)).then_with(|| match (a.kind(), b.kind()) {
        (Kind::Bool(a), Kind::Bool(b)) => a.cmp(b),
        (Kind::Number(a), Kind::Number(b)) => a.cmp(b),
        (Kind::String(a), Kind::String(b)) => a.cmp(b),
        _ => Ordering::Equal,
    })
}

/// The text by which elements that have no natural order are put in Terraform's: its own notation of the value, with
/// numbers in ten digits.
fn sort_text(value: &Value) -> String {
    let mut text = String::new();
    write_sort_text(value, &mut text);
    text
}

fn write_sort_text(value: &Value, text: &mut String) {
    let sequence = |open: char, elements: &mut dyn Iterator<Item = &Value>, close: char, text: &mut String| {
        text.push(open);
        for element in elements {
            write_sort_text(element, text);
            text.push(';');
        }
        text.push(close);
    };
    match value.kind() {
        Kind::Null(_) => text.push('~'),
        Kind::Unknown(_) => text.push('?'),
        Kind::Bool(b) => text.push(if *b { 'T' } else { 'F' }),
        Kind::Number(n) => text.push_str(&n.to_general(10)),
        Kind::String(s) => text.push_str(&format!("{s:?}")),
        Kind::List(_, es) | Kind::Set(_, es) => sequence('[', &mut es.iter(), ']', text),
        Kind::Tuple(es) => sequence('<', &mut es.iter(), '>', text),
        Kind::Object(ms) => sequence('<', &mut ms.values(), '>', text),
        Kind::Map(_, ms) => {
            text.push('{');
            for (name, member) in ms.iter() {
                text.push_str(&format!("{name:?}:"));
                write_sort_text(member, text);
                text.push(';');
            }
            text.push('}');
        }
    }
}
