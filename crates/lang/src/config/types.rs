//! Type constraints: expressions as types, with the defaults of optional attributes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::{ObjectType, Type, Value, convert};

use super::Defaults;
use super::static_expr::{as_written, constant, keyword, list_items};
use crate::syntax::ast::{Call, Expr, ExprKind, ObjectItem};

const SUMMARY: &str = "Invalid type specification";

/// The type that an expression stands for, and the defaults in it. What cannot be understood is `any`.
pub(crate) fn type_constraint(expr: &Expr, diagnostics: &mut Diagnostics) -> (Type, Option<Defaults>) {
    TypeParser { diagnostics }.parse(&as_written(expr))
}

struct TypeParser<'a> {
    diagnostics: &'a mut Diagnostics,
}

impl TypeParser<'_> {
    fn fail(&mut self, range: &SourceRange, detail: impl Into<String>) -> (Type, Option<Defaults>) {
        self.diagnostics.push(Diagnostic::error(SUMMARY, detail).at(range.clone()));
        (Type::Dynamic, None)
    }

    fn parse(&mut self, expr: &Expr) -> (Type, Option<Defaults>) {
        if let Some(word) = keyword(expr) {
            return self.keyword(&word, expr);
        }
        match &expr.kind {
            ExprKind::Call(call) => self.call(call, expr),
            _ => self.fail(
                &expr.range,
                "A type is a keyword (string, number, bool, any) or a constructor with its element type, as in \
                 list(string).",
            ),
        }
    }

    fn keyword(&mut self, word: &str, expr: &Expr) -> (Type, Option<Defaults>) {
        let ty = match word {
            "any" => Type::Dynamic,
            "string" => Type::String,
            "number" => Type::Number,
            "bool" => Type::Bool,
            "list" | "set" | "map" | "object" | "tuple" => return self.fail(&expr.range, one_argument(word)),
            "optional" => return self.fail(&expr.range, misplaced_optional()),
            _ => return self.fail(&expr.range, format!("The keyword \"{word}\" is not a type.")),
        };
        (ty, None)
    }

    fn call(&mut self, call: &Call, expr: &Expr) -> (Type, Option<Defaults>) {
        let name = &*call.name;
        match name {
            "string" | "number" | "bool" | "any" => {
                return self.fail(&arguments_range(call), format!("The type \"{name}\" takes no arguments."));
            }
            "optional" => return self.fail(&expr.range, misplaced_optional()),
            "list" | "set" | "map" | "object" | "tuple" => {}
            _ => return self.fail(&expr.range, format!("The keyword \"{name}\" is not a type constructor.")),
        }
        let [argument] = call.args.as_slice() else {
            let range = match call.args.get(1) {
                Some(second) => second.range.clone(),
                None => arguments_range(call),
            };
            return self.fail(&range, one_argument(name));
        };
        match name {
            "object" => self.object(argument),
            "tuple" => self.tuple(argument),
            _ => {
                let (element, inner) = self.parse(argument);
                let defaults = inner.map(|d| Defaults { each: Some(Box::new(d)), ..Defaults::default() });
                let ty = match name {
                    "list" => Type::list(element),
                    "set" => Type::set(element),
                    _ => Type::map(element),
                };
                (ty, defaults)
            }
        }
    }

    fn tuple(&mut self, argument: &Expr) -> (Type, Option<Defaults>) {
        let Some(items) = list_items(argument) else {
            return self.fail(&argument.range, "The argument of tuple is a list of types: tuple([string, number]).");
        };
        let mut types = Vec::new();
        let mut inside = BTreeMap::new();
        for (i, item) in items.iter().enumerate() {
            let (ty, defaults) = self.parse(item);
            types.push(ty);
            inside.extend(defaults.map(|d| (i, d)));
        }
        let defaults = (!inside.is_empty()).then(|| Defaults { tuple: inside, ..Defaults::default() });
        (Type::tuple(types), defaults)
    }

    fn object(&mut self, argument: &Expr) -> (Type, Option<Defaults>) {
        let ExprKind::Object(items) = &argument.kind else {
            return self.fail(
                &argument.range,
                "The argument of object is a map from attribute names to their types: object({ name = string }).",
            );
        };
        let mut attributes: BTreeMap<Arc<str>, Type> = BTreeMap::new();
        let mut optional: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut defaults = Defaults::default();
        for item in items {
            let Some(name) = attribute_name(item) else {
                self.fail(&item.key.range, "The keys of an object type are plain attribute names.");
                continue;
            };
            if attributes.contains_key(&name) {
                self.fail(&item.key.range, format!("The object type has the attribute {name:?} already."));
            }
            let (ty, inner) = self.attribute(&name, &item.value, &mut optional, &mut defaults.values);
            attributes.insert(name.clone(), ty);
            defaults.attributes.extend(inner.map(|d| (name, d)));
        }
        let ty = Type::Object(Arc::new(ObjectType { attributes, optional }));
        let has_defaults = !defaults.values.is_empty() || !defaults.attributes.is_empty();
        (ty, has_defaults.then_some(defaults))
    }

    /// The type of an attribute, which may be wrapped in `optional(type, default)`.
    fn attribute(
        &mut self,
        name: &Arc<str>,
        value: &Expr,
        optional: &mut BTreeSet<Arc<str>>,
        values: &mut BTreeMap<Arc<str>, Value>,
    ) -> (Type, Option<Defaults>) {
        let call = match &value.kind {
            ExprKind::Call(call) if &*call.name == "optional" => call,
            _ => return self.parse(value),
        };
        if call.args.is_empty() {
            return self.fail(&arguments_range(call), "optional needs the attribute's type as its argument.");
        }
        if call.args.len() > 2 {
            return self
                .fail(&arguments_range(call), "optional takes at most two arguments: a type, and a default value.");
        }
        let (ty, inner) = self.parse(&call.args[0]);
        optional.insert(name.clone());
        if let Some(given) = call.args.get(1)
            && let Some(default) = constant(given, self.diagnostics)
        {
            match convert(&default, &ty) {
                Ok(default) => {
                    values.insert(name.clone(), default);
                }
                Err(error) => self.diagnostics.push(
                    Diagnostic::error(
                        "Invalid default value for optional attribute",
                        format!("The default does not fit the attribute's type: {}.", error_text(&error)),
                    )
                    .at(given.range.clone()),
                ),
            }
        }
        (ty, inner)
    }
}

/// What is wrong in a conversion, with the place in the value if it is not the value itself.
pub(crate) fn error_text(error: &infra_value::ConvertError) -> String {
    use infra_value::PathStep;
    let mut place = String::new();
    for step in &error.path.0 {
        match step {
            PathStep::Attribute(name) if place.is_empty() => place = format!("attribute \"{name}\""),
            PathStep::Attribute(name) => place.push_str(&format!(": attribute \"{name}\"")),
            PathStep::Index(key) => {
                let text = match (key.as_str(), key.as_number()) {
                    (Some(text), _) => format!("element {text:?}"),
                    (_, Some(n)) => format!("element {n}"),
                    _ => "element of the set".to_string(),
                };
                if !place.is_empty() {
                    place.push_str(": ");
                }
                place.push_str(&text);
            }
        }
    }
    match place.is_empty() {
        true => error.message.clone(),
        false => format!("{place}: {}", error.message),
    }
}

/// The name that a bare key is; a quoted key is none.
fn attribute_name(item: &ObjectItem) -> Option<Arc<str>> {
    let name: Arc<str> = match &item.key.kind {
        ExprKind::Literal(text) => text.as_str()?.into(),
        ExprKind::Traversal(t) if t.steps.is_empty() => t.root.clone(),
        _ => return None,
    };
    let written = (item.key.range.end.byte - item.key.range.start.byte) as usize;
    (super::names::is_identifier(&name) && written == name.len()).then_some(name)
}

fn one_argument(name: &str) -> String {
    let what = match name {
        "object" => "the attributes' types as a map",
        "tuple" => "the elements' types as a list",
        _ => "the element type",
    };
    format!("The type {name} needs one argument, {what}.")
}

fn misplaced_optional() -> &'static str {
    "optional may only stand around the type of an attribute in an object type."
}

/// From the opening to the closing parenthesis.
fn arguments_range(call: &Call) -> SourceRange {
    SourceRange { file: call.name_range.file.clone(), start: call.name_range.end, end: call.close_range.end }
}
