//! The parts of an object as a table: name, before, after.

use maud::{Markup, PreEscaped, html};

use super::cell::{Cell, UNKNOWN, cells, document};
use super::words::quoted;
use crate::difference::change::Change;
use crate::difference::compare::compare_untyped;
use crate::difference::diff::{Block, Diff, Group, Sign, What};
use crate::text::{attribute_name, is_telling};

/// Which sides a table has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sides {
    Both,
    Before,
    After,
}

/// Rows under a heading for each column.
pub(super) struct Table {
    sides: Sides,
    /// What does not change is shown too.
    all: bool,
    rows: String,
}

impl Table {
    pub(super) fn new(sides: Sides, all: bool) -> Table {
        Table { sides, all, rows: String::new() }
    }

    /// The table; nothing if there are no rows.
    pub(super) fn finish(self) -> Markup {
        if self.rows.is_empty() {
            return html! {};
        }
        html! {
            table.t {
                thead {
                    tr {
                        th scope="col" { "Attribute" }
                        @match self.sides {
                            Sides::Both => { th scope="col" { "Before" } th scope="col" { "After" } }
                            Sides::Before | Sides::After => th scope="col" { "Value" },
                        }
                    }
                }
                tbody { (PreEscaped(self.rows)) }
            }
        }
    }

    /// A row of a value.
    pub(super) fn row(&mut self, depth: usize, name: &str, sign: Sign, replace: bool, before: &Cell, after: &Cell) {
        let markup = html! {
            tr class=[class(depth, self.shown(sign))] {
                th scope="row" { (self.heading(name, sign, replace)) }
                @match self.sides {
                    Sides::Both if sign == Sign::Same => td colspan="2" { (after.markup(name)) },
                    Sides::Both => { td data-l="Before" { (before.markup(name)) } td data-l="After" { (after.markup(name)) } }
                    Sides::Before => td { (before.markup(name)) },
                    Sides::After => td { (after.markup(name)) },
                }
            }
        };
        self.rows.push_str(&markup.0);
    }

    /// A row that heads others.
    fn head(&mut self, depth: usize, name: &str, sign: Sign, replace: bool, note: &Markup) {
        let markup = html! {
            tr class=[class(depth, self.shown(sign))] {
                th scope="row" { (self.heading(name, sign, replace)) }
                td.h colspan=[(self.sides == Sides::Both).then_some("2")] { (note) }
            }
        };
        self.rows.push_str(&markup.0);
    }

    /// A row that says how many parts are not shown.
    fn hidden(&mut self, depth: usize, count: usize, what: &str) {
        if count > 0 {
            let ending = if count == 1 { "" } else { "s" };
            let columns = if self.sides == Sides::Both { "3" } else { "2" };
            let markup = html! {
                tr class=[class(depth, Sign::Same)] {
                    td.q colspan=(columns) { (count) " unchanged " (what) (ending) }
                }
            };
            self.rows.push_str(&markup.0);
        }
    }

    /// In a table of one side, all rows have the sign of the whole.
    fn shown(&self, sign: Sign) -> Sign {
        if self.sides == Sides::Both { sign } else { Sign::Same }
    }

    fn heading(&self, name: &str, sign: Sign, replace: bool) -> Markup {
        let (symbol, word) = match self.shown(sign) {
            Sign::Same => ("", ""),
            Sign::Create => ("+", "added: "),
            Sign::Update => ("~", "changed: "),
            Sign::Delete => ("-", "removed: "),
        };
        html! {
            @if !symbol.is_empty() { span.s aria-hidden="true" { (symbol) } span.vh { (word) } }
            (name)
            @if replace { " " span.f { "forces replacement" } }
        }
    }

    /// A part, with rows of its own for its parts if they do not fit in a cell.
    pub(super) fn part(&mut self, depth: usize, name: &str, diff: &Diff<'_>) {
        if let Some((before, after)) = cells(diff) {
            let nothing = match self.sides {
                Sides::Both => false,
                Sides::Before => matches!(before, Cell::Absent),
                Sides::After => matches!(after, Cell::Absent),
            };
            if nothing {
                return;
            }
            self.row(depth, name, diff.sign, diff.replace, &before, &after);
            self.warning(depth, diff);
            return;
        }
        match &diff.what {
            What::Scalar { before, after } => {
                let (was, is) = (document(*before), document(*after));
                let inner = compare_untyped(Change::between(was.as_ref(), is.as_ref()));
                let only_layout = inner.sign == Sign::Same && diff.sign == Sign::Update;
                let note = if only_layout { "JSON, only its whitespace changes" } else { "JSON" };
                self.head(depth, name, diff.sign, diff.replace, &html! { span.w { (note) } });
                self.inside(depth + 1, &inner);
            }
            What::Unknown(Some(going)) => {
                self.row(depth, name, diff.sign, diff.replace, &Cell::Word("see below"), &UNKNOWN);
                self.inside(depth + 1, going);
            }
            What::Retyped(going, coming) => {
                self.head(depth, name, diff.sign, diff.replace, &html! { span.w { "another type" } });
                self.part(depth + 1, "before", going);
                self.part(depth + 1, "after", coming);
            }
            _ => {
                self.head(depth, name, diff.sign, diff.replace, &html! {});
                self.inside(depth + 1, diff);
            }
        }
    }

    /// What becomes of the sensitivity of a value.
    fn warning(&mut self, depth: usize, diff: &Diff<'_>) {
        let What::Sensitive { inner, before, after } = &diff.what else { return };
        if before == after || matches!(diff.sign, Sign::Create | Sign::Delete) {
            return;
        }
        let columns = if self.sides == Sides::Both { "3" } else { "2" };
        let becomes = if *before {
            "It is no longer marked as sensitive afterwards."
        } else {
            "It is marked as sensitive afterwards."
        };
        let markup = html! {
            tr class=[class(depth + 1, Sign::Same)] {
                td.q colspan=(columns) { (becomes) @if *inner == Sign::Same { " The value is unchanged." } }
            }
        };
        self.rows.push_str(&markup.0);
    }

    /// The parts of a structure.
    fn inside(&mut self, depth: usize, diff: &Diff<'_>) {
        match &diff.what {
            What::Object(members) | What::Map(members) => {
                let keys = matches!(diff.what, What::Map(_));
                let mut hidden = 0;
                for (name, member) in members {
                    if member.sign == Sign::Same && !self.all && (keys || !is_telling(name)) {
                        hidden += 1;
                        continue;
                    }
                    let name = if keys { quoted(name) } else { attribute_name(name) };
                    self.part(depth, &name, member);
                }
                self.hidden(depth, hidden, if keys { "element" } else { "attribute" });
            }
            What::List(elements) | What::Set(elements) => {
                let (mut old, mut new, mut hidden) = (0, 0, 0);
                for element in elements {
                    let at = if element.sign == Sign::Delete { old } else { new };
                    old += usize::from(element.sign != Sign::Create);
                    new += usize::from(element.sign != Sign::Delete);
                    if element.sign == Sign::Same && !self.all {
                        hidden += 1;
                        continue;
                    }
                    let name = if matches!(diff.what, What::List(_)) { format!("[{at}]") } else { "element".into() };
                    self.part(depth, &name, element);
                }
                self.hidden(depth, hidden, "element");
            }
            What::Block(block) => self.block(depth, block),
            _ => self.part(depth, "value", diff),
        }
    }

    fn block(&mut self, depth: usize, block: &Block<'_>) {
        let mut hidden = 0;
        for (name, attribute) in &block.attributes {
            if attribute.sign == Sign::Same && !self.all && !is_telling(name) {
                hidden += 1;
            } else {
                self.part(depth, &attribute_name(name), attribute);
            }
        }
        self.hidden(depth, hidden, "attribute");
        for (name, group) in &block.groups {
            self.group(depth, name, group);
        }
    }

    /// The nested blocks of a type.
    pub(super) fn group(&mut self, depth: usize, name: &str, group: &Group<'_>) {
        let name = attribute_name(name);
        if let Some(sign) = group.unknown {
            let before = if group.blocks.is_empty() { Cell::Absent } else { Cell::Word("see below") };
            self.row(depth, &name, sign, group.replace, &before, &UNKNOWN);
        }
        let closed = group.was_sensitive || group.is_sensitive;
        let mut hidden = 0;
        for (at, (label, nested)) in group.blocks.iter().enumerate() {
            if nested.sign == Sign::Same && !self.all && group.was_sensitive == group.is_sensitive {
                hidden += 1;
                continue;
            }
            let name = match label {
                Some(label) => format!("{name} {}", quoted(label)),
                None if group.blocks.len() > 1 => format!("{name} [{at}]"),
                None => name.clone(),
            };
            let replace = nested.replace || group.replace;
            if closed {
                let why = "A part of this block is, or was, sensitive: it is not shown.";
                self.head(depth, &name, nested.sign, replace, &html! { span.w { (why) } });
                continue;
            }
            self.head(depth, &name, nested.sign, replace, &html! {});
            self.inside(depth + 1, nested);
        }
        self.hidden(depth, hidden, &format!("{name} block"));
    }
}

/// The class of a row: its depth, and its sign.
fn class(depth: usize, sign: Sign) -> Option<String> {
    let depth = (depth > 0).then(|| format!("i{}", depth.min(9)));
    let sign = match sign {
        Sign::Same => None,
        Sign::Create => Some("c".to_string()),
        Sign::Update => Some("u".to_string()),
        Sign::Delete => Some("d".to_string()),
    };
    let classes: Vec<String> = depth.into_iter().chain(sign).collect();
    (!classes.is_empty()).then(|| classes.join(" "))
}

/// How many attributes that are known later stand among the others.
const FEW: usize = 4;

/// Whether all that is said of it is that it will be known later.
fn is_unknown(attribute: &Diff<'_>) -> bool {
    matches!(attribute.what, What::Unknown(_)) && !attribute.replace
}

/// A whole object: what changes, what will be known later, and, folded, what stays.
pub(super) fn object(diff: &Diff<'_>, sides: Sides, all: bool) -> Markup {
    let What::Block(block) = &diff.what else {
        let mut table = Table::new(sides, all);
        table.part(0, "value", diff);
        return table.finish();
    };
    let mut table = Table::new(sides, all);
    let mut same = Table::new(Sides::After, true);
    let mut replaced = Table::new(sides, all);
    let (mut later, mut stay, mut known_later) = (Vec::new(), 0, 0);
    // A replacement gives nearly everything that the cloud decides a new value: that hides what somebody changed.
    let unknown = block.attributes.values().filter(|attribute| is_unknown(attribute)).count();
    for (name, attribute) in &block.attributes {
        let written = attribute_name(name);
        if attribute.sign == Sign::Same && !all && !is_telling(name) {
            same.part(0, &written, attribute);
            stay += 1;
        } else if sides == Sides::After && matches!(attribute.what, What::Unknown(None)) && !attribute.replace {
            later.push(written);
        } else if sides == Sides::Both && unknown > FEW && is_unknown(attribute) {
            replaced.part(0, &written, attribute);
            known_later += 1;
        } else {
            table.part(0, &written, attribute);
        }
    }
    for (name, group) in &block.groups {
        let changes = group.unknown.is_some()
            || group.was_sensitive != group.is_sensitive
            || group.blocks.iter().any(|(_, nested)| nested.sign != Sign::Same);
        if changes || all {
            table.group(0, name, group);
        } else {
            same.group(0, name, group);
            stay += group.blocks.len();
        }
    }
    html! {
        (table.finish())
        @if !later.is_empty() {
            p.later { span.w { "(known after apply)" } " " (later.join(", ")) }
        }
        @if known_later > 0 {
            details.same {
                summary { (known_later) " more " span.w { "(known after apply)" } }
                (replaced.finish())
            }
        }
        @if stay > 0 {
            details.same {
                summary { (stay) " unchanged" }
                (same.finish())
            }
        }
    }
}
