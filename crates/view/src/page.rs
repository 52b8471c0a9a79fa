//! What Markdown and HTML say around the objects: a plan or a state with where it comes from, its title, and why an object
//! is dealt with as it is.

use infra_engine::attention::Finding;
use infra_engine::plan::{Action, PlanMode};
use serde_json::Value as Json;

use crate::difference::diff::{Diff, Sign};
use crate::difference::entry::Entry;
use crate::difference::told::{counts, listed, relevant_drift};
use crate::text::SchemaOf;

/// Something that is said of the whole: `workspace`, `production`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is: one or two words.
    pub label: &'static str,
    /// The value.
    pub value: String,
}

/// A plan, and where it comes from.
#[derive(Clone)]
pub struct PlanPage<'j, 's> {
    /// What [`crate::json::told_json`] says of it.
    pub plan: &'j Json,
    /// Schemas of the objects.
    pub schemas: SchemaOf<'j, 's>,
    /// The kind of plan.
    pub mode: PlanMode,
    /// Workspace, digest, time and version.
    pub facts: Vec<Fact>,
}

/// A state, and where it comes from.
#[derive(Clone)]
pub struct StatePage<'j, 's> {
    /// What [`crate::json::state_json`] says of it.
    pub state: &'j Json,
    /// Schemas of the objects.
    pub schemas: SchemaOf<'j, 's>,
    /// Workspace, serial and version.
    pub facts: Vec<Fact>,
}

/// Objects with what becomes of them.
pub(crate) type Changes<'j> = Vec<(Entry<'j>, Diff<'j>)>;

impl<'j, 's: 'j> PlanPage<'j, 's> {
    /// What needs attention, most important first.
    pub(crate) fn attention(&self) -> Vec<Finding> {
        let findings = self.plan["infra"]["attention"].as_array().into_iter().flatten();
        findings.filter_map(Finding::from_json).collect()
    }

    /// The objects that are shown, the important ones first.
    pub(crate) fn changes(&self) -> Changes<'j> {
        let mut changes = listed(self.plan, self.schemas);
        changes.sort_by_key(|(entry, _)| Kind::of(*entry));
        changes
    }

    /// Drift, as far as it matters for what is planned.
    pub(crate) fn drift(&self, changes: &Changes<'j>) -> Changes<'j> {
        let outputs = self.plan["output_changes"].as_object();
        let changed = |o: &Json| o["actions"][0] != "no-op";
        let does_something =
            changes.iter().any(|(entry, diff)| diff.sign != Sign::Same || entry.moved_from().is_some())
                || outputs.is_some_and(|outputs| outputs.values().any(changed));
        match does_something || self.mode == PlanMode::RefreshOnly {
            true => relevant_drift(self.plan, self.schemas, self.mode),
            false => Vec::new(),
        }
    }

    /// The line that says how much there is to do.
    pub(crate) fn title(&self, changes: &Changes<'j>, drift: &Changes<'j>) -> String {
        let active = crate::releases::active(self.plan);
        let outputs = self.plan["output_changes"].as_object().into_iter().flatten();
        let outputs = outputs.filter(|(_, o)| o["actions"][0] != "no-op").count();
        let before = if self.plan["errored"] == true { "Planning failed after: " } else { "Plan: " };
        if self.mode == PlanMode::RefreshOnly {
            return match drift.len() {
                0 => "No changes: the state is as the objects are".into(),
                n => format!("Refresh only: {} changed outside of the configuration", many(n, "object")),
            };
        }
        if changes.is_empty() && active == 0 {
            return match outputs {
                _ if self.plan["errored"] == true => "Planning failed".into(),
                0 => "No changes: the infrastructure is as the configuration says".into(),
                n => format!("{before}no change of any object, {} to set", many(n, "output")),
            };
        }
        let releasing = crate::releases::releasing(self.plan);
        format!("{before}{}{releasing}", counts(changes))
    }
}

/// `1 object`, `1,843 objects`.
pub(crate) fn many(n: usize, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// A number in groups of three digits.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The kinds of changes, the most important ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Delete,
    Replace,
    Forget,
    Update,
    Create,
    Import,
    Move,
    Read,
}

impl Kind {
    pub(crate) const ALL: [Kind; 8] =
        [Kind::Delete, Kind::Replace, Kind::Forget, Kind::Update, Kind::Create, Kind::Import, Kind::Move, Kind::Read];

    pub(crate) fn of(entry: Entry<'_>) -> Kind {
        match entry.action {
            Action::Delete => Kind::Delete,
            Action::DeleteThenCreate | Action::CreateThenDelete => Kind::Replace,
            Action::Forget => Kind::Forget,
            Action::Update => Kind::Update,
            Action::Create => Kind::Create,
            Action::Read => Kind::Read,
            Action::NoOp if entry.is_imported() => Kind::Import,
            Action::NoOp => Kind::Move,
        }
    }

    /// What is done: `destroy`.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Kind::Delete => "destroy",
            Kind::Replace => "replace",
            Kind::Forget => "forget",
            Kind::Update => "change",
            Kind::Create => "create",
            Kind::Import => "import",
            Kind::Move => "move",
            Kind::Read => "read",
        }
    }
}

/// The sign of what is done, as in the text of a plan.
pub(crate) fn sign(action: Action) -> &'static str {
    match action {
        Action::Delete => "-",
        Action::DeleteThenCreate => "-/+",
        Action::CreateThenDelete => "+/-",
        Action::Forget => ".",
        Action::Update => "~",
        Action::Create => "+",
        Action::NoOp => "=",
        Action::Read => "<=",
    }
}

/// The changes of a record, the important ones first, and last what was only found.
pub(crate) fn by_importance(changes: &[infra_history::Change]) -> Vec<&infra_history::Change> {
    use infra_history::Action;
    let rank = |action: &Action| match action {
        Action::Delete => 0,
        Action::DeleteThenCreate | Action::CreateThenDelete => 1,
        Action::Forget => 2,
        Action::Update => 3,
        Action::Create => 4,
        Action::Read => 6,
        Action::Refresh | Action::NoOp => 7,
        _ => 5,
    };
    let mut sorted: Vec<_> = changes.iter().collect();
    sorted.sort_by_key(|change| rank(&change.action));
    sorted
}

/// A piece of a sentence: our words, or names and values, which are set apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Words(&'static str),
    Name(String),
}

/// The object, as people name it.
pub(crate) fn name_of(entry: Entry<'_>) -> String {
    match entry.json["deposed"].as_str() {
        Some(key) => format!("{} (deposed object {key})", entry.address()),
        None => entry.address().to_string(),
    }
}

/// The objects of a published state, each with its module, the root module's first.
pub(crate) fn objects_of_state(state: &Json) -> Vec<(&str, &Json)> {
    fn collect<'j>(module: &'j Json, all: &mut Vec<(&'j str, &'j Json)>) {
        let address = module["address"].as_str().unwrap_or_default();
        all.extend(module["resources"].as_array().into_iter().flatten().map(|object| (address, object)));
        module["child_modules"].as_array().into_iter().flatten().for_each(|child| collect(child, all));
    }
    let mut all = Vec::new();
    collect(&state["values"]["root_module"], &mut all);
    all
}

/// Why it is done, where that is not plain; empty if it is.
pub(crate) fn why(entry: Entry<'_>) -> Vec<Piece> {
    use Piece::{Name, Words};
    let reason = entry.text("action_reason");
    let mut pieces = match entry.action {
        Action::DeleteThenCreate | Action::CreateThenDelete => {
            let mut pieces = match reason {
                "replace_because_tainted" => vec![Words("it is tainted")],
                "replace_by_request" => vec![Words("as requested")],
                "replace_by_triggers" => vec![Words("by replace_triggered_by")],
                _ => forced_by(entry),
            };
            pieces.push(Words(match entry.action {
                Action::CreateThenDelete => ", created first",
                _ => ", destroyed first",
            }));
            pieces
        }
        Action::Delete if entry.json["deposed"].is_string() => vec![Words("left over from a replacement that failed")],
        Action::Delete => match reason {
            "delete_because_no_resource_config" => vec![Words("not in the configuration any more")],
            "delete_because_no_move_target" => vec![Words("it was moved to what is not in the configuration")],
            "delete_because_no_module" => vec![Words("its module is not in the configuration any more")],
            "delete_because_wrong_repetition" => match &entry.json["index"] {
                Json::Number(_) => vec![Words("the block has no count any more")],
                Json::String(_) => vec![Words("the block has no for_each any more")],
                _ => vec![Words("the block has count or for_each now")],
            },
            "delete_because_count_index" => vec![Words("beyond the count of the block")],
            "delete_because_each_key" => vec![Words("its key is not in for_each any more")],
            _ => Vec::new(),
        },
        Action::Read => match reason {
            "read_because_config_unknown" => vec![Words("its arguments are not known yet")],
            "read_because_dependency_pending" => vec![Words("what it depends on changes first")],
            "read_because_check_nested" => vec![Words("for a check")],
            _ => Vec::new(),
        },
        Action::Forget => vec![Words("it stays, and is not managed any more")],
        Action::Create | Action::Update | Action::NoOp => Vec::new(),
    };
    let mut more = |words: &'static str, name: &str| {
        if !pieces.is_empty() {
            pieces.push(Words("; "));
        }
        pieces.push(Words(words));
        pieces.push(Name(name.to_string()));
    };
    if let Some(previous) = entry.moved_from() {
        more("moved from ", previous);
    }
    if let Some(id) = entry.json["change"]["importing"]["id"].as_str() {
        more("imported by ", id);
    }
    pieces
}

/// Which attributes force a replacement.
fn forced_by(entry: Entry<'_>) -> Vec<Piece> {
    let paths = entry.json["change"]["replace_paths"].as_array().map_or(&[][..], Vec::as_slice);
    let mut names: Vec<String> = paths.iter().filter_map(Json::as_array).map(|steps| path(steps)).collect();
    names.dedup();
    if names.is_empty() {
        return vec![Piece::Words("it cannot be changed in place")];
    }
    const SHOWN: usize = 4;
    let more = names.len() > SHOWN;
    let mut pieces = vec![Piece::Words("forced by ")];
    for (at, name) in names.into_iter().take(SHOWN).enumerate() {
        if at > 0 {
            pieces.push(Piece::Words(", "));
        }
        pieces.push(Piece::Name(name));
    }
    if more {
        pieces.push(Piece::Words(" and others"));
    }
    pieces
}

/// A path as it is written in the language.
fn path(steps: &[Json]) -> String {
    let mut out = String::new();
    for (at, step) in steps.iter().enumerate() {
        match step {
            Json::String(name) if at == 0 => out.push_str(name),
            Json::String(name) if infra_lang::syntax::is_identifier(name) => out.push_str(&format!(".{name}")),
            other => out.push_str(&format!("[{other}]")),
        }
    }
    out
}

/// The text with what cannot be seen, or would change how the rest is seen, as escapes. Line ends stay.
pub(crate) fn visible(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if !text.contains(hidden) {
        return text.to_string();
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hidden(c) { out.push_str(&format!("\\u{{{:x}}}", u32::from(c))) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_groups() {
        for (n, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(n), text);
        }
        assert_eq!((many(1, "object"), many(2, "object")), ("1 object".into(), "2 objects".into()));
    }

    #[test]
    fn what_turns_text_around_is_written_out() {
        assert_eq!(visible("a\u{202e}b\u{1b}[31m\n\tc\r"), "a\\u{202e}b\\u{1b}[31m\n\tc\\u{d}");
    }

    #[test]
    fn paths_are_written_as_in_the_language() {
        let steps = serde_json::json!(["ingress", 0, "a b", "from_port"]);
        assert_eq!(path(steps.as_array().map_or(&[], Vec::as_slice)), r#"ingress[0]["a b"].from_port"#);
    }
}
