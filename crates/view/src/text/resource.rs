//! What would happen to one object: comment lines, and the resource's body.

use infra_schema::Schema;
use serde_json::Value as Json;

use super::change::Change;
use super::compare::{compare_block, compare_untyped, tells_empty_from_null};
use super::diff::{Block, Diff, Sign, What};
use super::paths::Paths;
use super::pen::{Ink, Pen, Style};
use super::render::render;

/// What is planned for a whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    NoOp,
    Create,
    Read,
    Update,
    DeleteThenCreate,
    CreateThenDelete,
    Delete,
    Forget,
}

/// The actions that have a line in the legend, in its order.
pub(super) const LEGEND: [(Action, &str); 6] = [
    (Action::Create, "create"),
    (Action::Update, "update in-place"),
    (Action::Delete, "destroy"),
    (Action::DeleteThenCreate, "destroy and then create replacement"),
    (Action::CreateThenDelete, "create replacement and then destroy"),
    (Action::Read, "read (data resources)"),
];

impl Action {
    /// What the `actions` of a change say.
    pub(super) fn of(change: &Json) -> Action {
        let names = change["actions"].as_array().map_or(&[][..], Vec::as_slice);
        let names: Vec<&str> = names.iter().filter_map(Json::as_str).collect();
        match names.as_slice() {
            ["create"] => Action::Create,
            ["read"] => Action::Read,
            ["update"] => Action::Update,
            ["delete", "create"] => Action::DeleteThenCreate,
            ["create", "delete"] => Action::CreateThenDelete,
            ["delete"] => Action::Delete,
            ["forget"] | ["create", "forget"] => Action::Forget,
            _ => Action::NoOp,
        }
    }

    pub(super) fn is_replace(self) -> bool {
        matches!(self, Action::DeleteThenCreate | Action::CreateThenDelete)
    }

    /// The symbol before the resource.
    pub(super) fn symbol(self, pen: Pen) -> String {
        let (plus, minus) = (|| pen.paint(Ink::Green, "+"), || pen.paint(Ink::Red, "-"));
        match self {
            Action::NoOp => pen.sign(Sign::Same),
            Action::Create => pen.sign(Sign::Create),
            Action::Update => pen.sign(Sign::Update),
            Action::Delete => pen.sign(Sign::Delete),
            Action::Read => format!(" {}", pen.paint(Ink::Cyan, "<=")),
            Action::DeleteThenCreate => format!("{}/{}", minus(), plus()),
            Action::CreateThenDelete => format!("{}/{}", plus(), minus()),
            Action::Forget => format!(" {}", pen.paint(Ink::Red, ".")),
        }
    }
}

/// One entry of `resource_changes` or `resource_drift`.
#[derive(Clone, Copy)]
pub(super) struct Entry<'j> {
    pub(super) json: &'j Json,
    pub(super) action: Action,
}

impl<'j> Entry<'j> {
    pub(super) fn of(json: &'j Json) -> Entry<'j> {
        Entry { json, action: Action::of(&json["change"]) }
    }
    fn text(&self, name: &str) -> &'j str {
        self.json[name].as_str().unwrap_or_default()
    }
    pub(super) fn address(&self) -> &'j str {
        self.text("address")
    }
    /// Its address before a move.
    pub(super) fn moved_from(&self) -> Option<&'j str> {
        self.json["previous_address"].as_str().filter(|previous| *previous != self.address())
    }
    pub(super) fn is_imported(&self) -> bool {
        !self.json["change"]["importing"].is_null()
    }
    pub(super) fn is_data(&self) -> bool {
        self.text("mode") == "data"
    }
    pub(super) fn schema<'s>(&self, schemas: super::SchemaOf<'_, 's>) -> Option<&'s Schema> {
        schema_of(self.json, schemas)
    }
}

/// The schema of a resource, by what the published JSON says of it.
pub(super) fn schema_of<'s>(json: &Json, schemas: super::SchemaOf<'_, 's>) -> Option<&'s Schema> {
    let text = |name: &str| json[name].as_str().unwrap_or_default();
    schemas(text("provider_name"), text("mode"), text("type"))
}

/// The difference between the object before and after, as far as it is looked at.
pub(super) fn compare<'j>(entry: Entry<'j>, schema: Option<&'j Schema>, relevant: Paths<'j>) -> Diff<'j> {
    let change = Change::of(&entry.json["change"], relevant);
    let change = if entry.action == Action::Forget { change.unchanged() } else { change };
    compare_change(change, schema)
}

/// The difference of two objects of a schema.
pub(super) fn compare_change<'j>(mut change: Change<'j>, schema: Option<&'j Schema>) -> Diff<'j> {
    change.empty_is_null = schema.is_some_and(|s| !tells_empty_from_null(&s.block));
    match schema {
        Some(schema) => compare_block(&change, &schema.block),
        None => without_schema(&change),
    }
}

/// All members as attributes.
fn without_schema<'j>(change: &Change<'j>) -> Diff<'j> {
    let mut sign = change.outer_sign();
    let mut block = Block::default();
    for name in change.member_names() {
        let child = change.attribute(name);
        let diff = compare_untyped(child.clone());
        if diff.sign != Sign::Same || !child.is_nothing() {
            sign = sign.and(diff.sign);
            block.attributes.insert(name, diff);
        }
    }
    Diff { what: What::Block(block), sign, replace: false }
}

/// Comment and body.
pub(super) fn resource(entry: Entry<'_>, diff: &Diff<'_>, drift: bool, pen: Pen) -> String {
    let style = Style { pen, show_unchanged: entry.is_imported(), ..Style::default() };
    let keyword = if entry.is_data() { "data" } else { "resource" };
    let header = format!("{keyword} \"{}\" \"{}\"", entry.text("type"), entry.text("name"));
    let (comment, symbol) = (comment(entry, drift, pen), entry.action.symbol(pen));
    format!("{comment}{symbol} {header} {}\n", render(diff, 0, style))
}

fn comment(entry: Entry<'_>, drift: bool, pen: Pen) -> String {
    let deposed = entry.json["deposed"].as_str();
    let address = match deposed {
        Some(key) => format!("{} (deposed object {key})", entry.address()),
        None => entry.address().to_string(),
    };
    let bold = |text: &str| pen.paint(Ink::Bold, text);
    let said = |what: &str| format!("{} {what}\n", bold(&format!("  # {address}")));
    let strong = |word: &str| pen.paint(Ink::Red, word);
    let reason = entry.text("action_reason");
    let left_over = "(left over from a partially-failed replacement of this instance)";
    let (mut told_move, mut told_import) = (false, false);
    let mut out = match entry.action {
        Action::Create => said("will be created"),
        Action::Read => said("will be read during apply") + &read_reason(reason),
        Action::Update if drift => said("has changed"),
        Action::Update => said("will be updated in-place"),
        Action::DeleteThenCreate | Action::CreateThenDelete => match reason {
            "replace_because_tainted" => said(&format!("is tainted, so must be {}", strong("replaced"))),
            "replace_by_request" => said(&format!("will be {}, as requested", strong("replaced"))),
            "replace_by_triggers" => {
                said(&format!("will be {} due to changes in replace_triggered_by", strong("replaced")))
            }
            _ => said(&format!("must be {}", strong("replaced"))),
        },
        Action::Delete if drift => said("has been deleted"),
        Action::Delete => {
            let why = match deposed {
                Some(_) => format!("  # {left_over}\n"),
                None => delete_reason(entry, reason).map(|why| format!("  # ({why})\n")).unwrap_or_default(),
            };
            said(&format!("will be {}", strong("destroyed"))) + &why
        }
        Action::Forget => {
            let address = bold(&format!(" # {address}"));
            match deposed {
                Some(_) => {
                    format!(
                        "{address} will be removed from Terraform state, but will not be destroyed\n # {left_over}\n"
                    )
                }
                None => format!(
                    "{address} will no longer be managed by Terraform, but will not be destroyed\n \
                     # (destroy = false is set in the configuration)\n"
                ),
            }
        }
        Action::NoOp => match entry.moved_from() {
            Some(previous) => {
                told_move = true;
                format!("{} has moved to {}\n", bold(&format!("  # {previous}")), bold(&address))
            }
            None => {
                told_import = true;
                let generated = entry.json["change"]["generated_config"].as_str().is_some_and(|text| !text.is_empty());
                said("will be imported") + if generated { "  # (config will be generated)\n" } else { "" }
            }
        },
    };
    if let (Some(previous), false) = (entry.moved_from(), told_move) {
        out += &format!("  # (moved from {previous})\n");
    }
    if entry.is_imported() && !told_import {
        out += &match entry.json["change"]["importing"]["id"].as_str() {
            Some(id) => format!("  # (imported from \"{id}\")\n"),
            None => "  # (will be imported first)\n".to_string(),
        };
    }
    if entry.is_imported() && entry.action.is_replace() {
        out += &format!("  # {}\n", pen.paint(Ink::Yellow, "Warning: this will destroy the imported resource"));
    }
    out
}

fn read_reason(reason: &str) -> String {
    let why = match reason {
        "read_because_config_unknown" => "(config refers to values not yet known)",
        "read_because_dependency_pending" => "(depends on a resource or a module with changes pending)",
        "read_because_check_nested" => "(config will be reloaded to verify a check block)",
        _ => return String::new(),
    };
    format!("  # {why}\n")
}

fn delete_reason(entry: Entry<'_>, reason: &str) -> Option<String> {
    let index = &entry.json["index"];
    Some(match reason {
        "delete_because_no_resource_config" => {
            format!("because {}.{} is not in configuration", entry.text("type"), entry.text("name"))
        }
        "delete_because_no_move_target" => {
            let (old, new) = (entry.text("previous_address"), entry.address());
            format!("because {old} was moved to {new}, which is not in configuration")
        }
        "delete_because_no_module" => format!("because {} is not in configuration", entry.text("module_address")),
        "delete_because_wrong_repetition" => match index {
            Json::Number(_) => "because resource does not use count".into(),
            Json::String(_) => "because resource does not use for_each".into(),
            _ => "because resource uses count or for_each".into(),
        },
        "delete_because_count_index" => format!("because index [{index}] is out of range for count"),
        "delete_because_each_key" => {
            let key = super::text_value::quoted(index.as_str().unwrap_or_default());
            format!("because key [{key}] is not in for_each map")
        }
        _ => return None,
    })
}
