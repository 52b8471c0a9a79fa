//! The evaluator: one method for each kind of expression that is not in a file of its own.

use std::cell::{Cell, RefCell};

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::{Marks, Members, OpError, Type, Value, convert};

use super::{Reference, Scope, Subject};
use crate::functions::FunctionContext;
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, ObjectItem, Traversal, TraversalStep, UnaryOp};
use crate::syntax::suggest::did_you_mean;

/// How deep expressions may be nested.
const MAX_DEPTH: u32 = 400;

/// How many parts of expressions one evaluation may come to: `for` in `for` in `for` multiplies them. More than that
/// would take minutes and many gigabytes.
const MAX_STEPS: u32 = 50_000_000;

/// Where free names lead.
#[derive(Clone, Copy)]
pub(super) enum Roots<'a> {
    /// To what the configuration declares.
    Scope(&'a dyn Scope),
    /// To variables by their names.
    Variables(&'a Members),
}

/// A name bound by a `for` or a dynamic block, and those bound around it.
pub(super) struct Binding<'b> {
    pub name: &'b str,
    pub value: Value,
    pub outer: Option<&'b Binding<'b>>,
}

/// What is bound around an expression.
#[derive(Clone, Copy, Default)]
pub(super) struct Env<'b> {
    /// By name, innermost first.
    pub names: Option<&'b Binding<'b>>,
    /// The element of the innermost splat.
    pub splat: Option<&'b Value>,
}

impl<'b> Env<'b> {
    /// The innermost binding of a name.
    pub fn get(&self, name: &str) -> Option<&'b Value> {
        let mut next = self.names;
        while let Some(binding) = next {
            if binding.name == name {
                return Some(&binding.value);
            }
            next = binding.outer;
        }
        None
    }

    /// The same with one more name.
    pub fn with<'c>(&self, names: &'c Binding<'c>) -> Env<'c>
    where
        'b: 'c,
    {
        Env { names: Some(names), splat: self.splat }
    }
}

/// An expression without a value: what is wrong, and the unknown value that stands in for it while more is checked.
pub(super) struct Failed {
    pub stand_in: Value,
    pub problems: Diagnostics,
}

/// A value, or why there is none.
pub(super) type Outcome = Result<Value, Box<Failed>>;

/// A failure with one problem and nothing known about the value.
pub(super) fn failed(problem: Diagnostic) -> Box<Failed> {
    failed_as(Type::Dynamic, problem)
}

/// A failure with one problem and a known type.
pub(super) fn failed_as(ty: Type, problem: Diagnostic) -> Box<Failed> {
    Box::new(Failed { stand_in: Value::unknown(ty), problems: problem.into() })
}

/// The value or its stand-in; problems are added to those given.
pub(super) fn take(outcome: Outcome, problems: &mut Diagnostics) -> Value {
    match outcome {
        Ok(value) => value,
        Err(failed) => {
            problems.extend(failed.problems);
            failed.stand_in
        }
    }
}

/// The value, or a failure with it as the stand-in if there are problems.
pub(super) fn settle(value: Value, problems: Diagnostics) -> Outcome {
    match problems.is_empty() {
        true => Ok(value),
        false => Err(Box::new(Failed { stand_in: value, problems })),
    }
}

/// What one evaluation works with.
pub(super) struct Evaluator<'a> {
    roots: Roots<'a>,
    pub functions: &'a FunctionContext<'a>,
    /// Errors of references. With one of them the whole evaluation has no value, whatever `try` would make of it.
    unresolved: RefCell<Option<Diagnostics>>,
    depth: Cell<u32>,
    steps: Cell<u32>,
}

impl<'a> Evaluator<'a> {
    pub fn new(roots: Roots<'a>, functions: &'a FunctionContext<'a>) -> Evaluator<'a> {
        Evaluator { roots, functions, unresolved: RefCell::default(), depth: Cell::new(0), steps: Cell::new(0) }
    }

    /// The value of a whole expression.
    pub fn finish(&self, expr: &Expr, env: Env<'_>) -> Result<Value, Diagnostics> {
        let outcome = self.eval(expr, env);
        if let Some(unresolved) = self.unresolved.take() {
            return Err(unresolved);
        }
        outcome.map_err(|failed| failed.problems)
    }

    /// The value of an expression.
    pub fn eval(&self, expr: &Expr, env: Env<'_>) -> Outcome {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(too_deep(expr));
        }
        let steps = self.steps.get();
        if steps >= MAX_STEPS {
            return Err(too_long(expr));
        }
        self.steps.set(steps + 1);
        self.depth.set(depth + 1);
        let outcome = self.dispatch(expr, env);
        self.depth.set(depth);
        outcome
    }

    fn dispatch(&self, expr: &Expr, env: Env<'_>) -> Outcome {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Template(parts) => self.template(parts, env),
            ExprKind::TemplateWrap(inner) | ExprKind::Parens(inner) => self.eval(inner, env),
            ExprKind::Traversal(traversal) => self.traversal(expr, traversal, env),
            ExprKind::RelativeTraversal { source, steps } => self.relative(expr, source, steps, env),
            ExprKind::Index { collection, key } => self.index(expr, collection, key, env),
            ExprKind::Splat { source, each, marker } => self.splat(source, each, marker, env),
            ExprKind::SplatItem => Ok(env.splat.cloned().unwrap_or_else(Value::dynamic)),
            ExprKind::Call(call) => self.call(expr, call, env),
            ExprKind::Unary { op, operand } => self.unary(expr, *op, operand, env),
            ExprKind::Binary { op, left, right } => self.binary(expr, *op, left, right, env),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.conditional(expr, condition, then, otherwise, env)
            }
            ExprKind::Tuple(items) => self.tuple(items, env),
            ExprKind::Object(items) => self.object(items, env),
            ExprKind::For(each) => self.for_expr(each, env),
        }
    }

    /// A problem with the values that the expression refers to.
    pub fn with_values(&self, mut problem: Diagnostic, expr: &Expr, env: Env<'_>) -> Diagnostic {
        problem.values = super::involved::involved(self, expr, env);
        problem.detail = super::involved::secrets(self, expr, env).hide(problem.detail);
        problem
    }

    /// An operation's error at a place.
    fn op_problem(&self, error: &OpError, range: &SourceRange, about: &Expr, env: Env<'_>) -> Diagnostic {
        self.with_values(Diagnostic::error(error.summary(), error.to_string()).at(range.clone()), about, env)
    }

    fn traversal(&self, expr: &Expr, traversal: &Traversal, env: Env<'_>) -> Outcome {
        let (start, steps) = self.root(traversal, env)?;
        self.steps(start, steps, expr, env)
    }

    /// What the first name of a traversal stands for, and the steps that are left.
    pub fn root<'t>(
        &self,
        traversal: &'t Traversal,
        env: Env<'_>,
    ) -> Result<(Value, &'t [TraversalStep]), Box<Failed>> {
        if let Some(value) = env.get(&traversal.root) {
            return Ok((value.clone(), &traversal.steps));
        }
        match self.roots {
            Roots::Variables(variables) => match variables.get(&traversal.root) {
                Some(value) => Ok((value.clone(), &traversal.steps)),
                None => {
                    let hint = did_you_mean(&traversal.root, variables.keys().map(|k| &**k));
                    let detail = format!("There is no variable named \"{}\".{hint}", traversal.root);
                    Err(failed(Diagnostic::error("Unknown variable", detail).at(traversal.root_range.clone())))
                }
            },
            Roots::Scope(scope) => match resolve(scope, traversal) {
                Ok(found) => Ok(found),
                Err(problems) => {
                    // There may be nothing to tell, where the scope has told it before: it has no value all the same.
                    let mut unresolved = self.unresolved.borrow_mut();
                    let unresolved = unresolved.get_or_insert_default();
                    for problem in problems {
                        if !unresolved.iter().any(|known| *known == problem) {
                            unresolved.push(problem);
                        }
                    }
                    Ok((Value::dynamic(), &[]))
                }
            },
        }
    }

    fn relative(&self, expr: &Expr, source: &Expr, steps: &[TraversalStep], env: Env<'_>) -> Outcome {
        let mut problems = Diagnostics::new();
        let source = take(self.eval(source, env), &mut problems);
        let value = take(self.steps(source, steps, expr, env), &mut problems);
        settle(value, problems)
    }

    fn steps(&self, start: Value, steps: &[TraversalStep], expr: &Expr, env: Env<'_>) -> Outcome {
        let mut value = start;
        for step in steps {
            value = apply(&value, step).map_err(|e| {
                let mut problem = self.op_problem(&e, step.range(), expr, env);
                if let TraversalStep::Attribute(name, _) = step
                    && let Type::Object(object) = value.ty()
                {
                    problem.detail += &did_you_mean(name, object.attributes.keys().map(|k| &**k));
                }
                failed(problem)
            })?;
        }
        Ok(value)
    }

    fn index(&self, expr: &Expr, collection: &Expr, key: &Expr, env: Env<'_>) -> Outcome {
        let mut problems = Diagnostics::new();
        let source = take(self.eval(collection, env), &mut problems);
        let at = take(self.eval(key, env), &mut problems);
        let value = source.index(&at).unwrap_or_else(|e| {
            let mut range = expr.range.clone();
            range.start = collection.range.end;
            problems.push(self.op_problem(&e, &range, expr, env));
            Value::dynamic()
        });
        settle(value, problems)
    }

    fn unary(&self, expr: &Expr, op: UnaryOp, operand: &Expr, env: Env<'_>) -> Outcome {
        let ty = match op {
            UnaryOp::Not => Type::Bool,
            UnaryOp::Negate => Type::Number,
        };
        let mut problems = Diagnostics::new();
        let value = take(self.eval(operand, env), &mut problems);
        let result = match op {
            UnaryOp::Not => value.not(),
            UnaryOp::Negate => value.negate(),
        };
        match result {
            Ok(result) if problems.is_empty() => return Ok(result),
            Ok(_) => {}
            Err(e @ OpError::Operand { .. }) => problems.push(self.op_problem(&e, &operand.range, operand, env)),
            Err(e) if problems.is_empty() => problems.push(self.op_problem(&e, &expr.range, expr, env)),
            Err(_) => {}
        }
        settle(Value::unknown(ty), problems)
    }

    fn binary(&self, expr: &Expr, op: BinaryOp, left: &Expr, right: &Expr, env: Env<'_>) -> Outcome {
        let mut problems = Diagnostics::new();
        let l = take(self.eval(left, env), &mut problems);
        let r = take(self.eval(right, env), &mut problems);
        let result = match op {
            BinaryOp::Or => l.or(&r),
            BinaryOp::And => l.and(&r),
            BinaryOp::Equal => Ok(l.equals(&r)),
            BinaryOp::NotEqual => Ok(l.not_equals(&r)),
            BinaryOp::Less => l.less_than(&r),
            BinaryOp::LessOrEqual => l.less_or_equal(&r),
            BinaryOp::Greater => l.greater_than(&r),
            BinaryOp::GreaterOrEqual => l.greater_or_equal(&r),
            BinaryOp::Add => l.add(&r),
            BinaryOp::Subtract => l.sub(&r),
            BinaryOp::Multiply => l.mul(&r),
            BinaryOp::Divide => l.div(&r),
            BinaryOp::Modulo => l.rem(&r),
        };
        match result {
            Ok(result) if problems.is_empty() => return Ok(result),
            Ok(_) => {}
            Err(e @ OpError::Operand { operand, .. }) => {
                let about = if operand == "right" { right } else { left };
                problems.push(self.op_problem(&e, &about.range, about, env));
            }
            Err(e) if problems.is_empty() => problems.push(self.op_problem(&e, &expr.range, expr, env)),
            Err(_) => {}
        }
        let ty = match op {
            BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Multiply | BinaryOp::Divide | BinaryOp::Modulo => {
                Type::Number
            }
            _ => Type::Bool,
        };
        settle(Value::unknown(ty), problems)
    }

    fn conditional(&self, expr: &Expr, condition: &Expr, then: &Expr, otherwise: &Expr, env: Env<'_>) -> Outcome {
        let branches = then.range.to(&otherwise.range);
        let when_true = self.eval(then, env);
        let when_false = self.eval(otherwise, env);
        let decide = self.eval(condition, env);
        let (value, mut problems) = self.choose(when_true, when_false, decide, &condition.range, &branches);
        for problem in &mut problems.0 {
            if problem.values.is_empty() && problem.subject.as_ref() == Some(&condition.range) {
                problem.values = super::involved::involved(self, condition, env);
            } else if problem.values.is_empty() && problem.subject.as_ref() == Some(&branches) {
                problem.values = super::involved::involved(self, expr, env);
            }
        }
        settle(value, problems)
    }

    /// The result that the condition chooses; what is wrong with the other one does not matter.
    pub fn choose(
        &self,
        when_true: Outcome,
        when_false: Outcome,
        decide: Outcome,
        condition: &SourceRange,
        branches: &SourceRange,
    ) -> (Value, Diagnostics) {
        let (mut true_problems, mut false_problems) = (Diagnostics::new(), Diagnostics::new());
        let when_true = take(when_true, &mut true_problems);
        let when_false = take(when_false, &mut false_problems);
        let mut problems = Diagnostics::new();
        let decide = take(decide, &mut problems);
        // An unknown condition is not checked further: its type may be what is unknown, too.
        let decide = match decide.is_known() {
            true => decide,
            false => Value::unknown(Type::Bool).with_marks(decide.marks()),
        };
        match Value::conditional(&decide, &when_true, &when_false) {
            Ok(value) => {
                let chosen = convert(&decide, &Type::Bool).ok().and_then(|bool| bool.as_bool());
                match chosen {
                    Some(true) => problems.extend(true_problems),
                    Some(false) => problems.extend(false_problems),
                    None => {}
                }
                (value, problems)
            }
            Err(e) => {
                let about_types = matches!(e, OpError::Results(_));
                let range = if about_types { branches } else { condition };
                if about_types {
                    problems = Diagnostics::new();
                }
                problems.push(Diagnostic::error(e.summary(), e.to_string()).at(range.clone()));
                (Value::dynamic(), problems)
            }
        }
    }

    fn tuple(&self, items: &[Expr], env: Env<'_>) -> Outcome {
        let mut problems = Diagnostics::new();
        let values: Vec<Value> = items.iter().map(|item| take(self.eval(item, env), &mut problems)).collect();
        settle(Value::tuple(values), problems)
    }

    fn object(&self, items: &[ObjectItem], env: Env<'_>) -> Outcome {
        let mut problems = Diagnostics::new();
        let mut marks = Marks::NONE;
        let mut members = Members::new();
        let mut known = true;
        for item in items {
            let key = self.eval(&item.key, env);
            let key = match &item.key.kind {
                ExprKind::Traversal(_) if key.is_ok() => Err(failed(ambiguous_key(&item.key))),
                _ => key,
            };
            let failed_key = key.is_err();
            let key = take(key, &mut problems);
            let value = take(self.eval(&item.value, env), &mut problems);
            if failed_key {
                known = false;
                continue;
            }
            if key.is_null() {
                let problem = Diagnostic::error("Null value as key", "Can't use a null value as a key.");
                problems.push(self.with_values(problem.at(item.key.range.clone()), &item.key, env));
                known = false;
                continue;
            }
            let (key, key_marks) = key.unmark();
            marks |= key_marks;
            match convert(&key, &Type::String) {
                Ok(key) => match key.kind() {
                    infra_value::Kind::String(name) => {
                        members.insert(name.clone(), value);
                    }
                    _ => known = false,
                },
                Err(e) => {
                    let problem =
                        Diagnostic::error("Incorrect key type", format!("Can't use this value as a key: {e}."));
                    problems.push(self.with_values(problem.at(item.key.range.clone()), &item.key, env));
                    known = false;
                }
            }
        }
        let value = if known { Value::object(members) } else { Value::dynamic() };
        settle(value.with_marks(marks), problems)
    }
}

/// One step of a traversal.
pub(super) fn apply(value: &Value, step: &TraversalStep) -> Result<Value, OpError> {
    match step {
        TraversalStep::Attribute(name, _) => value.get_attr(name),
        TraversalStep::Index(key, _) => value.index(key),
    }
}

/// What a traversal's subject stands for in a scope, and the steps that are left.
fn resolve<'t>(scope: &dyn Scope, traversal: &'t Traversal) -> Result<(Value, &'t [TraversalStep]), Diagnostics> {
    let Reference { subject, range, remaining } = Reference::parse(traversal)?;
    let remaining = &traversal.steps[traversal.steps.len() - remaining.len()..];
    let (whole, after_key) = match &subject {
        Subject::Resource { resource, key: Some(_) } => {
            (Subject::Resource { resource: resource.clone(), key: None }, remaining.len() + 1)
        }
        Subject::Module { name, key: Some(_), output } => {
            let output_step = usize::from(output.is_some());
            (Subject::Module { name: name.clone(), key: None, output: None }, remaining.len() + 1 + output_step)
        }
        _ => return Ok((scope.value(&subject, &range)?, remaining)),
    };
    if let Some(value) = scope.instance(&subject, &range) {
        return Ok((value, remaining));
    }
    let steps = &traversal.steps[traversal.steps.len() - after_key..];
    Ok((scope.value(&whole, &range)?, steps))
}

/// The error about a reference as a key that may have been meant as a name.
fn ambiguous_key(key: &Expr) -> Diagnostic {
    let detail = "Put this key in parentheses if it is a reference, or in quotes if it is a name with dots in it.";
    Diagnostic::error("Ambiguous attribute key", detail).at(key.range.clone())
}

fn too_deep(expr: &Expr) -> Box<Failed> {
    let detail = format!("This expression is nested more than {MAX_DEPTH} levels deep. Split it into local values.");
    failed(Diagnostic::error("Expression nested too deeply", detail).at(expr.range.clone()))
}

fn too_long(expr: &Expr) -> Box<Failed> {
    let detail =
        format!("Evaluating this takes more than {MAX_STEPS} steps. Fewer elements, or fewer loops, are needed.");
    failed(Diagnostic::error("Expression takes too long", detail).at(expr.range.clone()))
}
