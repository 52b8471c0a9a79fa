//! Evaluation: expressions and bodies to values, with what the names in them stand for given by a [`Scope`].

mod call;
mod collection;
pub mod console;
mod decode;
mod dynamic;
mod evaluator;
mod involved;
mod json_body;
pub mod reference;
mod source_map;
mod template;
mod variables;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_value::{Members, Type, Value, convert};

pub use console::render_console;
pub use decode::{body_references, decode_body};
pub use reference::{Reference, Subject, references};
pub use source_map::range_of;
pub use template::{TemplateSurroundings, render_template};
pub use variables::free_traversals;

use self::evaluator::{Env, Evaluator, Roots};
use crate::functions::FunctionContext;
use crate::syntax::ast::Expr;

/// What the names in expressions stand for, and what functions know about their surroundings.
pub trait Scope {
    /// The value of a subject. The key of a resource is always `None` here: the value of a resource is that of all its
    /// instances (the instance itself without `count` and `for_each`, a tuple with `count`, an object with `for_each`).
    /// That of a module without an output is likewise that of all its instances, each an object of its outputs.
    ///
    /// # Errors
    /// When there is no such thing, or it has no value here. `try` and `can` do not catch these errors.
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics>;

    /// The value of one instance (a resource or module with a key, a module output with a key), where it can be told
    /// without that of all others. `None` leaves it to [`Scope::value`] for the whole and an index step, which also
    /// gives the error about an instance that there is not.
    fn instance(&self, _subject: &Subject, _range: &SourceRange) -> Option<Value> {
        None
    }

    /// What functions know about their surroundings.
    fn functions(&self) -> &FunctionContext<'_>;
}

/// The value of an expression.
///
/// # Errors
/// All that is wrong in it, as far as one error is not the consequence of another.
pub fn evaluate(expr: &Expr, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    Evaluator::new(Roots::Scope(scope), scope.functions()).finish(expr, Env::default())
}

/// The values that an expression refers to, as an error about it lists them: `("var.x", "is 3")`. What is sensitive or
/// ephemeral is left out.
pub fn values_of(expr: &Expr, scope: &dyn Scope) -> Vec<(String, String)> {
    involved::involved(&Evaluator::new(Roots::Scope(scope), scope.functions()), expr, Env::default())
}

/// The value of an expression, converted to a type.
///
/// # Errors
/// As [`evaluate`]; also when the value does not convert.
pub fn evaluate_as(expr: &Expr, ty: &Type, scope: &dyn Scope) -> Result<Value, Diagnostics> {
    let evaluator = Evaluator::new(Roots::Scope(scope), scope.functions());
    let value = evaluator.finish(expr, Env::default())?;
    convert(&value, ty).map_err(|e| {
        let problem = Diagnostic::error("Incorrect value type", format!("Invalid expression value: {e}."));
        evaluator.with_values(problem.at(expr.range.clone()), expr, Env::default()).into()
    })
}

/// The value of an expression whose free names are plain variables, as in a template file.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_with_variables(
    expr: &Expr,
    variables: &Members,
    functions: &FunctionContext<'_>,
) -> Result<Value, Diagnostics> {
    Evaluator::new(Roots::Variables(variables), functions).finish(expr, Env::default())
}
