//! Function calls, with `try` and `can`, which get their arguments as expressions.

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::{Secrets, Type, Value};

use super::evaluator::{Env, Evaluator, Outcome, failed, take};
use crate::functions;
use crate::syntax::ast::{Call, Expr, ExprKind};
use crate::syntax::suggest::did_you_mean;

impl Evaluator<'_> {
    pub(super) fn call(&self, expr: &Expr, call: &Call, env: Env<'_>) -> Outcome {
        let name = call.name.strip_prefix("core::").unwrap_or(&call.name);
        if matches!(name, "try" | "can") {
            return self.unevaluated(expr, call, name, env);
        }
        let Some(function) = functions::lookup(&call.name) else {
            return Err(failed(unknown_function(call)));
        };
        if name == "templatestring"
            && let Some(problem) = call.args.first().and_then(template_problem)
        {
            let detail = format!("Invalid value for \"template\" parameter: invalid template expression: {problem}.");
            let problem = Diagnostic::error("Invalid function argument", detail).at(call.args[0].range.clone());
            return Err(failed(problem));
        }
        let mut problems = Diagnostics::new();
        let mut values = Vec::with_capacity(call.args.len());
        let evaluated = match call.args.split_last() {
            Some((last, before)) if call.expand_last => {
                let expanded = match self.expand(last, env)? {
                    Some(expanded) => expanded,
                    None => return Ok(Value::dynamic()),
                };
                values.extend(before.iter().map(|arg| take(self.eval(arg, env), &mut problems)));
                values.extend(expanded);
                before.len()
            }
            _ => {
                values.extend(call.args.iter().map(|arg| take(self.eval(arg, env), &mut problems)));
                call.args.len()
            }
        };
        let result = functions::call(function, &values, self.functions);
        match result {
            Ok(value) if problems.is_empty() => Ok(value),
            Ok(_) => Err(failures(problems)),
            Err(e) => {
                use functions::FunctionErrorKind as Kind;
                if !problems.is_empty() && !matches!(e.kind, Kind::Argument) {
                    return Err(failures(problems));
                }
                // An expanded argument's elements all stand where it stands.
                let arg = e.argument.map(|i| &call.args[if i < evaluated { i } else { call.args.len() - 1 }]);
                let (range, about) = match (e.kind, call.args.is_empty()) {
                    (Kind::TooFewArguments, _) => (call.close_range.clone(), expr),
                    (Kind::Argument | Kind::TooManyArguments, false) => {
                        let arg = arg.unwrap_or(expr);
                        (arg.range.clone(), if e.kind == Kind::Argument { arg } else { expr })
                    }
                    _ => (call.name_range.clone(), expr),
                };
                let detail = Secrets::of(&values).hide(e.detail(function, &call.name));
                let problem = Diagnostic::error(e.summary(), detail).at(range);
                problems.push(self.with_values(problem, about, env));
                Err(failures(problems))
            }
        }
    }

    /// The elements of an argument followed by `...`; `None` if they are not known.
    fn expand(&self, arg: &Expr, env: Env<'_>) -> Result<Option<Vec<Value>>, Box<super::evaluator::Failed>> {
        let value = self.eval(arg, env)?;
        let invalid = |what: &str| {
            let detail = format!("The expanding argument (indicated by ...) must {what}.");
            let problem = Diagnostic::error("Invalid expanding argument value", detail).at(arg.range.clone());
            failed(self.with_values(problem, arg, env))
        };
        match value.ty() {
            Type::Dynamic | Type::List(_) | Type::Set(_) | Type::Tuple(_) if value.is_null() => {
                Err(invalid("not be null"))
            }
            Type::Dynamic => Ok(None),
            Type::List(_) | Type::Set(_) | Type::Tuple(_) => {
                let marks = value.marks();
                Ok(value.elements().map(|es| es.iter().map(|e| e.clone().with_marks(marks)).collect()))
            }
            _ => Err(invalid("be of a tuple, list, or set type")),
        }
    }

    fn unevaluated(&self, expr: &Expr, call: &Call, name: &str, env: Env<'_>) -> Outcome {
        let count = |detail: String, summary: &str, range: &SourceRange| {
            Err(failed(Diagnostic::error(summary, format!("Function \"{}\" {detail}.", call.name)).at(range.clone())))
        };
        match (name, &call.args[..]) {
            ("can", [arg]) => Ok(match self.eval(arg, env) {
                Err(_) => Value::bool(false),
                Ok(value) if value.is_wholly_known() => Value::bool(true),
                Ok(_) => Value::unknown(Type::Bool),
            }),
            ("can", []) => count(
                "expects 1 argument(s). Missing value for \"expression\"".into(),
                "Not enough function arguments",
                &call.close_range,
            ),
            ("can", [_, extra, ..]) => {
                count("expects only 1 argument(s)".into(), "Too many function arguments", &extra.range)
            }
            (_, args) => {
                let mut problems = Diagnostics::new();
                for arg in args {
                    match self.eval(arg, env) {
                        Ok(value) if value.is_wholly_known() => return Ok(value),
                        Ok(_) => return Ok(Value::dynamic()),
                        Err(failed) => problems.extend(failed.problems),
                    }
                }
                let problem = Diagnostic::error("Error in function call", no_success(&call.name, &problems));
                Err(failed(self.with_values(problem.at(call.name_range.clone()), expr, env)))
            }
        }
    }
}

fn failures(problems: Diagnostics) -> Box<super::evaluator::Failed> {
    Box::new(super::evaluator::Failed { stand_in: Value::dynamic(), problems })
}

/// What `try` says when each of its arguments has failed.
fn no_success(name: &str, problems: &Diagnostics) -> String {
    if problems.is_empty() {
        return format!("Call to function \"{name}\" failed: at least one argument is required.");
    }
    let mut out = format!("Call to function \"{name}\" failed: no expression succeeded:\n");
    for problem in problems.iter() {
        let place = problem.subject.as_ref().map(|at| format!(" (at {at})")).unwrap_or_default();
        out += &format!("- {}{place}\n  {}\n", problem.summary, problem.detail);
    }
    out + "\nAt least one expression must produce a successful result."
}

/// Why an expression cannot be the first argument of `templatestring`, which takes only references.
fn template_problem(arg: &Expr) -> Option<&'static str> {
    match &arg.kind {
        ExprKind::Traversal(_) | ExprKind::RelativeTraversal { .. } | ExprKind::Index { .. } => None,
        ExprKind::Literal(value) if value.as_str().is_some() => Some(
            "templatestring is only for rendering templates retrieved dynamically from elsewhere, and so does not \
             support providing a literal template; consider using a template string expression instead",
        ),
        ExprKind::TemplateWrap(_) => Some(
            "templatestring is only for rendering templates retrieved dynamically from elsewhere; to treat the inner \
             expression as template syntax, write the reference expression directly without any template \
             interpolation syntax",
        ),
        ExprKind::Template(_) => Some(
            "templatestring is only for rendering templates retrieved dynamically from elsewhere; to render an inline \
             template, consider using a plain template string expression",
        ),
        _ => Some("must be a direct reference to a single string from elsewhere, containing valid template syntax"),
    }
}

fn unknown_function(call: &Call) -> Diagnostic {
    let name = &*call.name;
    let problem = match name.rsplit_once("::") {
        None => {
            let known = functions::names();
            let hint = did_you_mean(name, known.iter().copied());
            Diagnostic::error("Call to unknown function", format!("There is no function named {name:?}.{hint}"))
        }
        Some((namespace, function)) => {
            let parts: Vec<&str> = namespace.split("::").collect();
            let detail = match &parts[..] {
                ["core"] => {
                    return Diagnostic::error(
                        "Call to unknown function",
                        format!("There is no function named {function:?} in namespace core::."),
                    )
                    .at(call.name_range.clone());
                }
                ["provider"] => {
                    "The function call must include the provider name after the \"provider::\" prefix.".to_owned()
                }
                ["provider", provider] => format!(
                    "There is no function named {name:?}. Ensure that provider name {provider:?} is declared in this \
                     module's required_providers block, and that this provider offers a function named {function:?}."
                ),
                _ => format!(
                    "The function namespace {:?} is not valid. Provider function calls must use the \"provider::\" \
                     namespace prefix.",
                    parts.first().copied().unwrap_or_default()
                ),
            };
            Diagnostic::error("Unknown provider function", detail)
        }
    };
    problem.at(call.name_range.clone())
}
