//! Functions that read a text of some form: JSON, YAML, CSV, patterns, times, templates, formats.

use std::path::Path;

use infra_lang::functions::{FunctionContext, Phase, call, lookup};
use infra_value::{Members, Value};

use crate::surroundings::with_functions;

const OF_ONE: [&str; 14] = [
    "jsondecode",
    "yamldecode",
    "csvdecode",
    "base64decode",
    "urlencode",
    "trimspace",
    "title",
    "reverse",
    "strrev",
    "cidrnetmask",
    "parseint",
    "tonumber",
    "tobool",
    "abspath",
];
const OF_TWO: [&str; 12] = [
    "regex",
    "regexall",
    "formatdate",
    "timeadd",
    "timecmp",
    "split",
    "trim",
    "textdecodebase64",
    "textencodebase64",
    "format",
    "indent",
    "cidrhost",
];

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, second) = text.split_once('\u{1}').unwrap_or((&text, "abc abc 2024-01-01T00:00:00Z"));
    with_functions(Path::new("/nonexistent"), Phase::Apply, |functions| {
        for name in OF_ONE {
            let _ = of(name, &[&text], functions);
        }
        for name in OF_TWO {
            let _ = of(name, &[first, second], functions);
        }
        let _ = of("replace", &[second, first, "<$1$n>"], functions);
        let _ = (functions.render_template)(&text, "x.tftpl", &Members::default());
        for (read, write) in [("jsondecode", "jsonencode"), ("yamldecode", "yamlencode")] {
            let Some(value) = of(read, &[&text], functions) else { continue };
            let Some(written) = apply(write, &[value.clone()], functions) else { continue };
            let again = apply(read, &[written.clone()], functions);
            let again = again.unwrap_or_else(|| panic!("{read} cannot read what {write} wrote: {written:?}"));
            assert!(value == again, "{write} changes {value:?} to {again:?}");
        }
    });
}

fn of(name: &str, args: &[&str], functions: &FunctionContext<'_>) -> Option<Value> {
    let args: Vec<Value> = args.iter().map(Value::string).collect();
    apply(name, &args, functions)
}

fn apply(name: &str, args: &[Value], functions: &FunctionContext<'_>) -> Option<Value> {
    call(lookup(name)?, args, functions).ok()
}
