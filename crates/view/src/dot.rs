//! Dependencies in the DOT language.

use std::collections::BTreeMap;
use std::fmt::Write;

/// The graph of resources: for each address what it depends on.
pub fn graph(dependencies: &BTreeMap<String, Vec<String>>) -> String {
    let mut out = String::from("digraph G {\n  rankdir = \"RL\";\n  node [shape = rect, fontname = \"sans-serif\"];\n");
    for address in dependencies.keys() {
        let _ = writeln!(out, "  {address:?};");
    }
    for (address, needs) in dependencies {
        for need in needs {
            let _ = writeln!(out, "  {address:?} -> {need:?};");
        }
    }
    out.push_str("}\n");
    out
}
