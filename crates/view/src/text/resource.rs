//! What would happen to one object: comment lines, and the resource's body.

use infra_engine::plan::Action;
use serde_json::Value as Json;

use super::pen::{Ink, Pen, Signs, Style};
use super::render::render;
use crate::difference::diff::{Diff, Sign};
use crate::difference::entry::Entry;

/// The actions that have a line in the legend, in its order.
pub(super) const LEGEND: [(Action, &str); 6] = [
    (Action::Create, "create"),
    (Action::Update, "update in-place"),
    (Action::Delete, "destroy"),
    (Action::DeleteThenCreate, "destroy and then create replacement"),
    (Action::CreateThenDelete, "create replacement and then destroy"),
    (Action::Read, "read (data resources)"),
];

/// The symbol before the resource.
pub(super) fn symbol(action: Action, pen: Pen) -> String {
    let (plus, minus) = (|| pen.paint(Ink::Green, "+"), || pen.paint(Ink::Red, "-"));
    match action {
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

/// Comment and body.
pub(super) fn resource(entry: Entry<'_>, diff: &Diff<'_>, drift: bool, pen: Pen) -> String {
    let style = Style { pen, show_unchanged: entry.is_imported(), ..Style::default() };
    let keyword = if entry.is_data() { "data" } else { "resource" };
    let header = format!("{keyword} \"{}\" \"{}\"", entry.text("type"), entry.text("name"));
    let (comment, symbol) = (comment(entry, drift, pen), symbol(entry.action, pen));
    format!("{comment}{symbol} {header} {}\n", render(diff, 0, style))
}

/// The body as a patch: what comes, goes and changes has its sign at the beginning of the line.
pub(crate) fn object_patch(entry: Entry<'_>, diff: &Diff<'_>) -> String {
    let style = Style { signs: Signs::First, show_unchanged: entry.is_imported(), ..Style::default() };
    let keyword = if entry.is_data() { "data" } else { "resource" };
    let sign = match entry.action {
        Action::Create | Action::Read => Sign::Create,
        Action::Delete => Sign::Delete,
        Action::NoOp | Action::Forget => Sign::Same,
        Action::Update | Action::DeleteThenCreate | Action::CreateThenDelete => Sign::Update,
    };
    let (start, body) = (style.start(0, sign), render(diff, 0, style));
    format!("{start}{keyword} \"{}\" \"{}\" {body}\n", entry.text("type"), entry.text("name"))
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
