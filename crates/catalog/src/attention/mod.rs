//! What needs attention in a change of an AWS object: the rules, one file a family. `docs/attention.md` explains each.

mod data;
mod drift;
mod open;
mod policy;
mod protection;
mod retention;
mod serving;

use infra_provider::{Attention, Cause, Fate, Part, Remark, Weight};
use infra_value::{Kind, Value};

/// Every rule, by its name.
pub const RULES: &[&str] = &[
    data::DESTROYED,
    data::REPLACED,
    retention::SHORTENED,
    open::TO_EVERYONE,
    policy::STAR,
    serving::GONE_BEFORE_REPLACEMENT,
    serving::DESTROYED,
    serving::INTERRUPTED,
    serving::SCALED_TO_ZERO,
    protection::OFF,
    drift::OVERWRITTEN,
];

/// What the rules have to say about a change.
pub(crate) fn remarks(about: &Attention<'_>) -> Vec<Remark> {
    let change = Change { about: *about, before: Part::new(about.before), after: Part::new(about.after) };
    let mut found = Vec::new();
    found.extend(data::remarks(&change));
    found.extend(retention::remarks(&change));
    found.extend(open::remarks(&change));
    found.extend(policy::remarks(&change));
    found.extend(serving::remarks(&change));
    found.extend(protection::remarks(&change));
    found.extend(drift::remarks(&change));
    found
}

/// A change as the rules see it. What is not known yet reads as not set: no rule speaks of what may be.
struct Change<'a> {
    about: Attention<'a>,
    before: Part<'a>,
    after: Part<'a>,
}

impl Change<'_> {
    fn is(&self, ty: &str) -> bool {
        self.about.ty == ty
    }

    /// Whether there is an object before and afterwards: it is changed in place or replaced.
    fn stays(&self) -> bool {
        matches!(self.about.fate, Fate::Update | Fate::Replace { .. })
    }

    /// Whether a truth value becomes what it is not now.
    fn becomes(&self, name: &str, wanted: bool) -> bool {
        self.stays() && self.before.opt_bool(name) == Some(!wanted) && self.after.opt_bool(name) == Some(wanted)
    }

    /// The whole number before and afterwards, where both are known.
    fn numbers(&self, name: &str) -> Option<(i64, i64)> {
        let whole = |part: Part<'_>| part.raw(name).as_i64();
        whole(self.before).zip(whole(self.after)).filter(|_| self.stays())
    }

    /// Whether a value may not be quoted.
    fn hides(&self, name: &str) -> bool {
        [self.before, self.after].iter().any(|part| !part.raw(name).marks_deep().is_empty())
    }

    /// `30 days`, or that this is not to be told.
    fn days(&self, name: &str, n: i64) -> String {
        if self.hides(name) { "some days".to_string() } else { days(n) }
    }

    /// Whether an attribute is another one afterwards, as far as it is known.
    fn changes(&self, name: &str) -> bool {
        self.stays() && differ(self.before.raw(name), self.after.raw(name))
    }
}

/// Whether two values are different whatever their unknown parts turn out to be. Marks do not count.
fn differ(a: &Value, b: &Value) -> bool {
    if !a.is_known() || !b.is_known() {
        return false;
    }
    match (a.kind(), b.kind()) {
        (Kind::List(_, a) | Kind::Tuple(a), Kind::List(_, b) | Kind::Tuple(b)) => {
            a.len() != b.len() || a.iter().zip(b.iter()).any(|(a, b)| differ(a, b))
        }
        (Kind::Object(a) | Kind::Map(_, a), Kind::Object(b) | Kind::Map(_, b)) => {
            a.len() != b.len() || a.iter().any(|(name, a)| b.get(name).is_none_or(|b| differ(a, b)))
        }
        (Kind::Set(_, xs), Kind::Set(_, ys)) => {
            // An element that may equal one of the other side is no difference.
            let lacks = |x: &Value, others: &[Value]| others.iter().all(|y| differ(x, y));
            xs.iter().any(|x| lacks(x, ys)) || ys.iter().any(|y| lacks(y, xs))
        }
        (Kind::Null(_), Kind::Null(_)) => false,
        (a, b) => a != b,
    }
}

fn remark(weight: Weight, rule: &'static str, message: impl Into<String>) -> Remark {
    Remark { weight, rule, message: message.into().replace(is_unprintable, "\u{fffd}") }
}

/// Whether a character moves the cursor or turns the direction of a line: names come from people and files.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What forces a replacement, for the middle of a sentence.
fn forced_by(because: Cause<'_>) -> String {
    match because {
        Cause::Changed(paths) => {
            let mut names: Vec<String> = Vec::new();
            for path in paths {
                let name = path.to_string();
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            match names.is_empty() {
                true => "what changes".to_string(),
                false => listed(&names, " and "),
            }
        }
        Cause::Tainted => "the taint".to_string(),
        Cause::Requested => "-replace".to_string(),
        Cause::Triggered => "replace_triggered_by".to_string(),
    }
}

/// The first few, and how many more there are. Of a long one, the beginning.
fn listed(names: &[String], last: &str) -> String {
    const SHOWN: usize = 4;
    const LONG: usize = 80;
    let cut = |name: &String| match name.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.clone(),
    };
    let names: Vec<String> = names.iter().map(cut).collect();
    match &names[..] {
        [] => String::new(),
        [one] => one.clone(),
        many if many.len() > SHOWN => {
            let shown = &many[..SHOWN - 1];
            format!("{}{last}{} more", shown.join(", "), many.len() - shown.len())
        }
        [others @ .., end] => format!("{}{last}{end}", others.join(", ")),
    }
}

/// `1 day`, `30 days`
fn days(n: i64) -> String {
    format!("{n} day{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
