//! Evaluation of any expression: no panic, no secret in what is told, and what is unknown stays open.

use std::path::Path;
use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_lang::eval::{Scope, Subject, console, evaluate};
use infra_lang::functions::{FunctionContext, Phase};
use infra_lang::syntax::parse_expression;
use infra_value::{Kind, Marks, Type, Value, convert};

use crate::choices::{Choices, SECRET};
use crate::surroundings::with_functions;
use crate::syntax::showable;

/// What is done to the values of the scope.
#[derive(Clone, Copy, PartialEq)]
enum As {
    Given,
    Unknown,
}

struct Names<'a> {
    functions: &'a FunctionContext<'a>,
    values: As,
}

impl Names<'_> {
    /// A value that depends on nothing but its name.
    fn named(&self, name: &str) -> Value {
        let secret = || Value::string(SECRET).with_marks(Marks::SENSITIVE);
        let value = match name {
            "secret" => secret(),
            "secrets" => Value::list(Type::String, [secret(), Value::string("b")]),
            "hidden" => Value::object([("password", secret()), ("user", Value::string("root"))]),
            "nothing" => Value::null(Type::String),
            "open" => return Value::unknown(Type::String),
            "any" => return Value::dynamic(),
            "text" | "s" | "name" => Value::string("text"),
            "n" | "i" | "number" => Value::from(3),
            "list" | "xs" => Value::strings(["a", "b", "c"]),
            "map" | "m" => Value::map(Type::Number, [("a", Value::from(1)), ("b", Value::from(2))]),
            other => {
                let mut bytes: Vec<u8> =
                    other.bytes().flat_map(|b| [b.wrapping_mul(37), b, b >> 1, b ^ 0x55]).collect();
                bytes.extend([7, 1, 9, 3, 60, 5, 8, 2, 90, 33, 14, 77]);
                Choices::without_secrets(&bytes).value(&Type::Dynamic, 3)
            }
        };
        match self.values {
            As::Given => value,
            As::Unknown => {
                let marks = value.marks();
                Value::unknown(value.ty()).with_marks(marks)
            }
        }
    }
}

impl Scope for Names<'_> {
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        match subject {
            Subject::Variable(name) | Subject::Local(name) => Ok(self.named(name)),
            Subject::Resource { resource, .. } => Ok(self.named(&resource.name)),
            Subject::CountIndex => Ok(Value::from(1)),
            Subject::EachKey => Ok(Value::string("k")),
            Subject::Path(_) => Ok(Value::string(".")),
            _ => Err(Diagnostic::error("Invalid reference", "").at(range.clone()).into()),
        }
    }

    fn functions(&self) -> &FunctionContext<'_> {
        self.functions
    }
}

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let name: Arc<str> = "x.tf".into();
    let Ok(expr) = parse_expression(&name, &text, Default::default()) else { return };
    with_functions(Path::new("/nonexistent"), Phase::Apply, |functions| {
        let given = evaluate(&expr, &Names { functions, values: As::Given });
        // Which texts may say the secret: those whose author wrote it, and those that lift the veil.
        let may_tell = text.contains("nonsensitive") || text.contains(SECRET);
        match &given {
            Ok(value) => {
                let shown = console::render_console(value);
                assert!(may_tell || !shown.contains(SECRET), "the console shows a secret: {shown}");
            }
            Err(problems) => {
                showable(&name, &text, problems);
                for problem in problems.iter() {
                    let told = format!("{problem:?}");
                    assert!(may_tell || !told.contains(SECRET), "an error tells a secret: {told}");
                }
            }
        }
        let open = evaluate(&expr, &Names { functions, values: As::Unknown });
        if let (Ok(given), Ok(open)) = (&given, &open)
            && !reads_a_clock(&text)
        {
            assert!(admits(open, given), "known: {given:?}\nnot known: {open:?}");
        }
    });
}

fn reads_a_clock(text: &str) -> bool {
    ["uuid", "timestamp", "bcrypt", "can", "try", "issensitive", "nonsensitive"].iter().any(|f| text.contains(f))
}

/// Whether what was told while a value was open still holds now that it is known.
pub fn admits(open: &Value, known: &Value) -> bool {
    match (open.kind(), known.kind()) {
        (Kind::Unknown(_), Kind::Unknown(_)) => true,
        (Kind::Unknown(_), _) => {
            let ty = open.ty();
            let facts = open.facts();
            let begins = match (&facts.prefix, known.as_str()) {
                (Some(prefix), Some(text)) => text.starts_with(&**prefix),
                _ => true,
            };
            (!facts.not_null || !known.is_null()) && begins && (ty.has_dynamic() || convert(known, &ty).is_ok())
        }
        // What is known although its parts are not has to be the same.
        (Kind::List(_, a), Kind::List(_, b)) | (Kind::Tuple(a), Kind::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| admits(a, b))
        }
        (Kind::Map(_, a), Kind::Map(_, b)) | (Kind::Object(a), Kind::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| admits(a, b)))
        }
        (Kind::Set(..), Kind::Set(..)) => !open.is_wholly_known() || open.unmark_deep().0 == known.unmark_deep().0,
        // Lists and tuples, maps and objects: the type was settled only when all was known.
        (Kind::List(..) | Kind::Tuple(..) | Kind::Set(..), Kind::List(..) | Kind::Tuple(..) | Kind::Set(..)) => true,
        (Kind::Map(..) | Kind::Object(..), Kind::Map(..) | Kind::Object(..)) => true,
        (Kind::Null(_), Kind::Null(_)) => true,
        _ => !known.is_known() || open.unmark_deep().0 == known.unmark_deep().0,
    }
}
