//! Calls of every function with any values: no panic, no secret in an error, and what is unknown stays open.

use std::path::Path;

use infra_lang::functions::{Function, FunctionContext, Phase, call, lookup, names};
use infra_value::{Kind, Marks, Type, Value};

use crate::choices::{Choices, SECRET};
use crate::evaluate::admits;
use crate::surroundings::with_functions;

pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    let names = names();
    let name = names[choices.below(names.len())];
    let Some(function) = lookup(name) else { return };
    let extra = if function.variadic.is_some() { choices.below(4) } else { 0 };
    let args: Vec<Value> = (0..function.params.len() + extra).map(|i| argument(function, i, &mut choices)).collect();
    // A function that reads files would find this machine's.
    if name.starts_with("file") && args.iter().any(|a| a.as_str().is_some_and(|t| t.starts_with(['/', '~']))) {
        return;
    }
    // Its cost is meant to be high.
    if name == "bcrypt" && args.get(1).and_then(Value::as_i64).is_some_and(|cost| cost > 6) {
        return;
    }
    with_functions(Path::new("/nonexistent"), Phase::Apply, |functions| check(function, &args, functions));
}

fn argument(function: &Function, index: usize, choices: &mut Choices<'_>) -> Value {
    let ty = match function.param(index) {
        Some(param) if choices.below(8) > 0 => param.ty.ty(),
        _ => choices.ty(2),
    };
    choices.value(&ty, 3)
}

fn check(function: &Function, args: &[Value], functions: &FunctionContext<'_>) {
    let result = call(function, args, functions);
    let told_openly = args.iter().any(|a| tells(a));
    match &result {
        Err(error) => {
            let told = format!("{} {}", error.summary(), error.detail(function, function.name));
            assert!(told_openly || !told.contains(SECRET), "an error of {} tells a secret: {told}", function.name);
        }
        Ok(value) => {
            let lifts = matches!(function.name, "nonsensitive" | "issensitive");
            assert!(lifts || told_openly || !tells(value), "{} tells a secret: {value:?} of {args:?}", function.name);
        }
    }
    let Ok(known) = result else { return };
    if matches!(function.name, "uuid" | "timestamp" | "bcrypt" | "plantimestamp" | "issensitive" | "nonsensitive") {
        return;
    }
    for i in 0..args.len() {
        // An object that may yet be null is taken for one that is not, as in Terraform.
        if function.name == "merge" && args[i].is_null() {
            continue;
        }
        let mut open = args.to_vec();
        let marks = open[i].marks_deep();
        open[i] = Value::unknown(args[i].ty()).with_marks(marks);
        if let Ok(result) = call(function, &open, functions) {
            assert!(
                admits(&result, &known),
                "{} of {args:?} is {known:?}, and {result:?} while argument {i} is unknown",
                function.name
            );
        }
    }
}

/// Whether a value holds the secret outside of marks.
fn tells(value: &Value) -> bool {
    if value.marks().contains(Marks::SENSITIVE) {
        return false;
    }
    match value.kind() {
        Kind::String(text) => text.contains(SECRET),
        Kind::List(_, all) | Kind::Set(_, all) | Kind::Tuple(all) => all.iter().any(tells),
        Kind::Map(_, all) | Kind::Object(all) => all.iter().any(|(k, v)| k.contains(SECRET) || tells(v)),
        _ => matches!(value.ty(), Type::Object(o) if o.attributes.keys().any(|k| k.contains(SECRET))),
    }
}
