//! The objects of a plan or a state, each folded under its name, with what searches and filters need.

use std::collections::{BTreeMap, HashSet};

use maud::{Markup, html};

use crate::page::{Piece, visible};

/// Names of places in the document.
#[derive(Default)]
pub(super) struct Anchors {
    used: HashSet<String>,
    /// Where the object with an address is.
    pub(super) of: BTreeMap<String, String>,
}

impl Anchors {
    /// A new name that resembles the address.
    pub(super) fn name(&mut self, address: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
        let base: String = format!("r-{}", address.chars().map(plain).collect::<String>());
        let mut name = base.clone();
        let mut next = 2;
        while !self.used.insert(name.clone()) {
            name = format!("{base}-{next}");
            next += 1;
        }
        self.of.entry(address.to_string()).or_insert_with(|| name.clone());
        name
    }
}

/// An object that can be opened.
pub(super) struct Object {
    pub(super) anchor: String,
    /// The class that its colours go by, and what the filter calls it.
    pub(super) kind: &'static str,
    pub(super) sign: &'static str,
    /// What is done: `replace`; empty in a state.
    pub(super) verb: String,
    pub(super) module: String,
    /// The address, with what distinguishes it.
    pub(super) name: String,
    pub(super) why: Vec<Piece>,
    pub(super) open: bool,
    pub(super) body: Markup,
}

impl Object {
    pub(super) fn markup(&self) -> Markup {
        let own = self.name.strip_prefix(&self.module).unwrap_or(&self.name);
        let module = &self.name[..self.name.len() - own.len()];
        html! {
            details.r.{ "k-" (self.kind) } #(self.anchor) data-k=(self.kind) data-m=(visible(&self.module)) open[self.open] {
                summary {
                    h3 {
                        @if !self.sign.is_empty() { span.sign aria-hidden="true" { (self.sign) } " " }
                        @if !self.verb.is_empty() { span.verb { (self.verb) } " " }
                        span.a { @if !module.is_empty() { span.m { (visible(module)) } } (visible(own)) }
                    }
                    @if !self.why.is_empty() { p.why { (pieces(&self.why)) } }
                }
                div.body { (self.body) }
            }
        }
    }
}

/// Our words, with names and values set apart.
pub(super) fn pieces(pieces: &[Piece]) -> Markup {
    html! {
        @for piece in pieces {
            @match piece {
                Piece::Words(words) => (words),
                Piece::Name(name) => code { (visible(name)) },
            }
        }
    }
}

/// A kind of objects that can be filtered by.
pub(super) struct Choice {
    pub(super) kind: &'static str,
    pub(super) label: String,
    pub(super) count: usize,
}

/// All objects, with what finds some of them.
pub(super) fn list(heading: &str, objects: &[Object], choices: &[Choice]) -> Markup {
    let mut modules: Vec<&str> = objects.iter().map(|object| object.module.as_str()).collect();
    modules.sort_unstable();
    modules.dedup();
    html! {
        section #resources aria-labelledby="resources-h" {
            h2 #resources-h { (heading) " " span.count { (objects.len()) } }
            div.controls #controls role="search" hidden {
                label.find { span.vh { "Search" } input #find type="search" placeholder="Search address, type or value" autocomplete="off" spellcheck="false"; }
                @if choices.len() > 1 {
                    fieldset {
                        legend.vh { "Show" }
                        @for choice in choices {
                            label.chip.{ "k-" (choice.kind) } {
                                input type="checkbox" name="k" value=(choice.kind) checked;
                                span { (choice.label) " " b { (choice.count) } }
                            }
                        }
                    }
                }
                @if modules.len() > 1 {
                    label.module {
                        span.vh { "Module" }
                        select #module {
                            option value="*" { "All modules" }
                            @for module in &modules {
                                option value=(visible(module)) {
                                    @if module.is_empty() { "(root module)" } @else { (visible(module)) }
                                }
                            }
                        }
                    }
                }
                div.all {
                    button #open type="button" { "Open all" }
                    button #close type="button" { "Close all" }
                }
                p.status { output #status for="find" {} " " button #clear type="button" hidden { "Show all" } }
            }
            div #list { @for object in objects { (object.markup()) } }
        }
    }
}
