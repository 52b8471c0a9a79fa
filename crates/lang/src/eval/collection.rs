//! Splats and `for` expressions.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use indexmap::IndexMap;
use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::{Kind, Marks, Members, Refinements, Type, Value, convert};

use super::evaluator::{Binding, Env, Evaluator, Outcome, failed, settle, take};
use super::variables::in_expr;
use crate::syntax::Bound;
use crate::syntax::ast::{Expr, For};

/// What is iterated: its elements with their keys, or that they are not known; and the marks of the whole.
pub(super) enum Elements {
    /// Keys and values in order.
    Known(Vec<(Value, Value)>, Marks),
    /// Not known.
    Unknown(Marks),
}

impl Evaluator<'_> {
    pub(super) fn splat(&self, source: &Expr, each: &Expr, marker: &SourceRange, env: Env<'_>) -> Outcome {
        let value = match self.eval(source, env) {
            Ok(value) => value,
            Err(mut failed) => {
                let item = Value::dynamic();
                if let Err(more) = self.eval(each, Env { splat: Some(&item), ..env }) {
                    failed.problems.extend(more.problems);
                }
                failed.stand_in = Value::dynamic();
                return Err(failed);
            }
        };
        let ty = value.ty();
        let single = !matches!(ty, Type::Tuple(_) | Type::List(_) | Type::Set(_));
        if value.is_null() {
            if single {
                return Ok(Value::tuple([]).with_marks(value.marks()));
            }
            let detail = "Splat expressions (with the * symbol) cannot be applied to null sequences.";
            let mut range = source.range.clone();
            if marker.file == range.file && marker.end.byte > range.end.byte {
                range = range.to(marker);
            }
            let problem = Diagnostic::error("Splat of null value", detail).at(range);
            return Err(failed(self.with_values(problem, source, env)));
        }
        if ty == Type::Dynamic {
            return Ok(Value::dynamic().with_marks(value.marks()));
        }
        if single {
            // Whether there is an element at all depends on whether the value turns out to be null.
            let open = !value.is_known() && !value.facts().not_null;
            let mut problems = Diagnostics::new();
            let item = take(self.eval(each, Env { splat: Some(&value), ..env }), &mut problems);
            let result = if open { Value::dynamic() } else { Value::tuple([item]) };
            return settle(result.with_marks(value.marks()), problems);
        }
        let (value, marks) = value.unmark();
        let mut problems = Diagnostics::new();
        let Some(elements) = value.elements() else {
            let result = match self.splat_type(&ty, each, env, &mut problems) {
                Type::Dynamic => Value::dynamic(),
                ty @ Type::List(_) => {
                    let facts = value.facts();
                    let known = Refinements {
                        not_null: true,
                        min_len: facts.min_len,
                        max_len: facts.max_len,
                        ..Refinements::default()
                    };
                    Value::unknown(ty).refined(known)
                }
                ty => Value::unknown_not_null(ty),
            };
            return settle(result.with_marks(marks), problems);
        };
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            items.push(take(self.eval(each, Env { splat: Some(element), ..env }), &mut problems));
        }
        if !problems.is_empty() {
            let ty = self.splat_type(&ty, each, env, &mut Diagnostics::new());
            return settle(Value::unknown(ty).with_marks(marks), problems);
        }
        let result = match &ty {
            Type::Tuple(_) => Value::tuple(items),
            _ => match items.first() {
                None => match self.splat_type(&ty, each, env, &mut problems) {
                    Type::List(element) => Value::list((*element).clone(), []),
                    _ => Value::tuple([]),
                },
                Some(first) => {
                    let element = first.ty();
                    match items.iter().all(|item| item.ty() == element) {
                        true => Value::list(element, items),
                        false => Value::tuple(items),
                    }
                }
            },
        };
        settle(result.with_marks(marks), problems)
    }

    /// The type that a splat over values of `source` gives.
    fn splat_type(&self, source: &Type, each: &Expr, env: Env<'_>, problems: &mut Diagnostics) -> Type {
        let mut of = |element: &Type| {
            let item = Value::unknown(element.clone());
            take(self.eval(each, Env { splat: Some(&item), ..env }), problems).ty()
        };
        match source {
            Type::List(element) | Type::Set(element) => Type::list(of(element)),
            Type::Tuple(elements) => Type::tuple(elements.iter().map(of).collect::<Vec<_>>()),
            _ => Type::Dynamic,
        }
    }

    /// The elements of what a `for` iterates.
    pub(super) fn elements(&self, collection: &Expr, value: Value, env: Env<'_>) -> Result<Elements, Box<Diagnostic>> {
        let range = &collection.range;
        if value.is_null() {
            let detail = "A null value cannot be used as the collection in a 'for' expression.";
            let problem = Diagnostic::error("Iteration over null value", detail).at(range.clone());
            return Err(self.with_values(problem, collection, env).into());
        }
        let (value, marks) = value.unmark();
        if !value.is_known() && !matches!(value.ty(), Type::Bool | Type::Number | Type::String) {
            return Ok(Elements::Unknown(marks));
        }
        if let Some(Ok(elements)) =
            matches!(value.kind(), Kind::List(..) | Kind::Set(..) | Kind::Tuple(_) | Kind::Map(..) | Kind::Object(_))
                .then(|| value.iter_elements())
        {
            return Ok(Elements::Known(elements, marks));
        }
        let detail = format!(
            "A value of type {} cannot be used as the collection in a 'for' expression.",
            value.ty().friendly_name()
        );
        let problem = Diagnostic::error("Iteration over non-iterable value", detail).at(range.clone());
        Err(self.with_values(problem, collection, env).into())
    }

    pub(super) fn for_expr(&self, each: &For, env: Env<'_>) -> Outcome {
        let mut problems = Diagnostics::new();
        let collection = take(self.eval(&each.collection, env), &mut problems);
        if collection.has_unknown_type() && !collection.is_null() {
            return settle(Value::dynamic(), problems);
        }
        let elements = match self.elements(&each.collection, collection, env) {
            Ok(elements) => elements,
            Err(problem) => {
                problems.push(*problem);
                return settle(Value::dynamic(), problems);
            }
        };
        let mut marks = match &elements {
            Elements::Known(_, marks) | Elements::Unknown(marks) => *marks,
        };
        // A condition of the wrong type is wrong for every element: it is told once, before any.
        if let Some(condition) = &each.condition {
            let unknown = Value::dynamic();
            let early = self.bound(each, &unknown, &unknown, env, |env| self.eval(condition, env));
            let wrong = early.is_err();
            let result = take(early, &mut problems);
            if wrong {
                return settle(Value::dynamic(), problems);
            }
            if let Err(problem) = self.include(&result, condition, env) {
                problems.push(*problem);
                return settle(Value::dynamic(), problems);
            }
            if matches!(elements, Elements::Unknown(_)) {
                marks |= result.marks();
            }
        }
        if !matches!(&elements, Elements::Known(some, _) if !some.is_empty()) {
            self.check_names(each, env);
        }
        let Elements::Known(elements, _) = elements else {
            return settle(Value::dynamic().with_marks(marks), problems);
        };
        let mut run = Run { marks, known: true, problems };
        let value = match &each.key {
            None => {
                let mut items = Vec::with_capacity(elements.len());
                for (key, value) in &elements {
                    self.bound(each, key, value, env, |env| {
                        if self.included(each, env, &mut run) {
                            items.push(take(self.eval(&each.value, env), &mut run.problems));
                        }
                    });
                }
                Value::tuple(items)
            }
            Some(key_expr) => {
                let mut single = Members::new();
                let mut groups: IndexMap<Arc<str>, Vec<Value>> = IndexMap::new();
                for (key, value) in &elements {
                    self.bound(each, key, value, env, |env| {
                        if !self.included(each, env, &mut run) {
                            return;
                        }
                        let Some(name) = self.object_key(key_expr, env, &mut run) else { return };
                        let value = take(self.eval(&each.value, env), &mut run.problems);
                        if each.group {
                            groups.entry(name).or_default().push(value);
                            return;
                        }
                        match single.entry(name) {
                            Entry::Vacant(free) => {
                                free.insert(value);
                            }
                            Entry::Occupied(taken) => {
                                // A key that comes from something sensitive is not told.
                                let name = run.marks.is_empty().then_some(&**taken.key());
                                let problem = duplicate_key(name).at(key_expr.range.clone());
                                run.problems.push(self.with_values(problem, key_expr, env));
                            }
                        }
                    });
                }
                single.extend(groups.into_iter().map(|(name, values)| (name, Value::tuple(values))));
                Value::object(single)
            }
        };
        let value = if run.known { value } else { Value::dynamic() };
        settle(value.with_marks(run.marks), run.problems)
    }

    /// Evaluates with the names of a `for` bound.
    fn bound<T>(&self, each: &For, key: &Value, value: &Value, env: Env<'_>, f: impl FnOnce(Env<'_>) -> T) -> T {
        // The element's name is looked up before that of the key, in case they are the same.
        let key = each.key_name.as_deref().map(|name| Binding { name, value: key.clone(), outer: env.names });
        let outer = key.as_ref().or(env.names);
        let element = Binding { name: &each.value_name, value: value.clone(), outer };
        f(env.with(&element))
    }

    /// Looks up the names in what is not evaluated for any element, for what they lead to must exist all the same.
    fn check_names(&self, each: &For, env: Env<'_>) {
        Bound::by_for(each.key_name.as_deref(), &each.value_name, None, |bound| {
            for expr in each.key.iter().chain([&each.value]).chain(&each.condition) {
                in_expr(expr, Some(bound), &mut |traversal| drop(self.root(traversal, env)));
            }
        });
    }

    /// Whether the element passes the `if`.
    fn included(&self, each: &For, env: Env<'_>, run: &mut Run) -> bool {
        let Some(condition) = &each.condition else { return true };
        let result = take(self.eval(condition, env), &mut run.problems);
        run.marks |= result.marks();
        match self.include(&result, condition, env) {
            Ok(Some(include)) => include,
            Ok(None) => {
                run.known = false;
                false
            }
            Err(problem) => {
                if run.known {
                    run.problems.push(*problem);
                }
                run.known = false;
                false
            }
        }
    }

    /// What the `if` says; `None` if that is not known.
    fn include(&self, result: &Value, condition: &Expr, env: Env<'_>) -> Result<Option<bool>, Box<Diagnostic>> {
        let detail = match convert(result, &Type::Bool) {
            _ if result.is_null() => "The value of the 'if' clause must not be null.".to_owned(),
            Ok(bool) => return Ok(bool.as_bool()),
            Err(e) => format!("The 'if' clause value is invalid: {e}."),
        };
        let problem = Diagnostic::error("Invalid 'for' condition", detail).at(condition.range.clone());
        Err(self.with_values(problem, condition, env).into())
    }

    /// The key of an element of the resulting object; `None` if there is none or it is not known.
    fn object_key(&self, expr: &Expr, env: Env<'_>, run: &mut Run) -> Option<Arc<str>> {
        let key = take(self.eval(expr, env), &mut run.problems);
        let detail = if key.is_null() {
            "Key expression in 'for' expression must not produce a null value.".to_owned()
        } else {
            run.marks |= key.marks();
            if !key.is_known() {
                run.known = false;
                return None;
            }
            match convert(&key, &Type::String).map(|key| key.kind().clone()) {
                Ok(Kind::String(name)) => return Some(name),
                Ok(_) => {
                    run.known = false;
                    return None;
                }
                Err(e) => format!("The key expression produced an invalid result: {e}."),
            }
        };
        if run.known {
            let problem = Diagnostic::error("Invalid object key", detail).at(expr.range.clone());
            run.problems.push(self.with_values(problem, expr, env));
        }
        run.known = false;
        None
    }
}

fn duplicate_key(name: Option<&str>) -> Diagnostic {
    let key = name.map_or_else(|| "same key".to_owned(), |name| format!("key {name:?}"));
    let detail = format!(
        "Two different items produced the {key} in this 'for' expression. If duplicates are expected, use the \
         ellipsis (...) after the value expression to enable grouping by key."
    );
    Diagnostic::error("Duplicate object key", detail)
}

/// What a `for` gathers over its elements beside the result.
struct Run {
    marks: Marks,
    known: bool,
    problems: Diagnostics,
}
