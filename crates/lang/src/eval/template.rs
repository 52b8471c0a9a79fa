//! Templates: quoted texts with sequences in them, and the texts that `templatefile` and `templatestring` render.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};
use infra_value::{Kind, Marks, Members, Refinements, Type, Value, convert};

use super::collection::Elements;
use super::evaluator::{Binding, Env, Evaluator, Outcome, settle, take};
use super::variables::free_traversals;
use crate::functions::{FunctionContext, FunctionError, Phase};
use crate::syntax::ast::{Expr, TemplatePart};
use crate::syntax::parse_template;

/// How much of a known beginning is kept of a text that is otherwise unknown.
const LONGEST_PREFIX: usize = 255;

/// A text under construction.
struct Text {
    /// What is known of it: all, or what stands before the first unknown part.
    text: String,
    known: bool,
    marks: Marks,
    problems: Diagnostics,
}

impl Evaluator<'_> {
    /// The string that the parts make.
    pub(super) fn template(&self, parts: &[TemplatePart], env: Env<'_>) -> Outcome {
        let mut out = Text { text: String::new(), known: true, marks: Marks::NONE, problems: Diagnostics::new() };
        for part in parts {
            match part {
                TemplatePart::Literal(text, _) => out.literal(text),
                TemplatePart::Interpolation(expr) => {
                    let value = take(self.eval(expr, env), &mut out.problems);
                    if let Err(detail) = out.value(value) {
                        let problem = Diagnostic::error("Invalid template interpolation value", detail);
                        out.problems.push(self.with_values(problem.at(expr.range.clone()), expr, env));
                    }
                }
                TemplatePart::If { condition, then, otherwise, range } => {
                    let value = self.template_if(condition, then, otherwise, range, env);
                    let value = take(value, &mut out.problems);
                    out.nested(value);
                }
                TemplatePart::For { key_name, value_name, collection, body, .. } => {
                    let names = (key_name.as_deref(), &**value_name);
                    let value = self.template_for(names, collection, body, env);
                    let value = take(value, &mut out.problems);
                    out.nested(value);
                }
            }
        }
        let value = if out.known {
            Value::string(&out.text)
        } else {
            let prefix = safe_prefix(&out.text);
            let prefix = (out.problems.is_empty() && !prefix.is_empty()).then(|| Arc::from(prefix));
            Value::unknown(Type::String).refined(Refinements { not_null: true, prefix, ..Refinements::default() })
        };
        settle(value.with_marks(out.marks), out.problems)
    }

    fn template_if(
        &self,
        condition: &Expr,
        then: &[TemplatePart],
        otherwise: &[TemplatePart],
        range: &SourceRange,
        env: Env<'_>,
    ) -> Outcome {
        let when_true = self.template(then, env);
        let when_false = self.template(otherwise, env);
        let decide = self.eval(condition, env);
        let (value, mut problems) = self.choose(when_true, when_false, decide, &condition.range, range);
        for problem in &mut problems.0 {
            if problem.values.is_empty() && problem.subject.as_ref() == Some(&condition.range) {
                problem.values = super::involved::involved(self, condition, env);
            }
        }
        settle(value, problems)
    }

    fn template_for(
        &self,
        (key_name, value_name): (Option<&str>, &str),
        collection: &Expr,
        body: &[TemplatePart],
        env: Env<'_>,
    ) -> Outcome {
        let unknown = |marks| Value::unknown(Type::String).with_marks(marks);
        let mut problems = Diagnostics::new();
        let value = take(self.eval(collection, env), &mut problems);
        if value.has_unknown_type() && !value.is_null() {
            return settle(unknown(value.marks()), problems);
        }
        let (elements, mut marks) = match self.elements(collection, value, env) {
            Ok(Elements::Known(elements, marks)) => (elements, marks),
            Ok(Elements::Unknown(marks)) => return settle(unknown(marks), problems),
            Err(problem) => {
                problems.push(*problem);
                return settle(unknown(Marks::NONE), problems);
            }
        };
        let mut text = String::new();
        let mut known = true;
        for (key, value) in elements {
            let key = key_name.map(|name| Binding { name, value: key, outer: env.names });
            let outer = key.as_ref().or(env.names);
            let element = Binding { name: value_name, value, outer };
            let item = take(self.template(body, env.with(&element)), &mut problems);
            marks |= item.marks();
            match item.as_str() {
                Some(more) if known => text += more,
                Some(_) => {}
                None => known = false,
            }
        }
        let value = if known { Value::string(text) } else { Value::unknown(Type::String) };
        settle(value.with_marks(marks), problems)
    }
}

impl Text {
    fn literal(&mut self, text: &str) {
        if self.known {
            self.text += text;
        }
    }

    /// Adds the result of a directive, which is a string already.
    fn nested(&mut self, value: Value) {
        self.marks |= value.marks();
        match value.as_str() {
            Some(text) => self.literal(text),
            None => self.known = false,
        }
    }

    /// Adds an interpolated value.
    fn value(&mut self, value: Value) -> Result<(), String> {
        if value.is_null() {
            return Err("The expression result is null. Cannot include a null value in a string template.".into());
        }
        let (value, marks) = value.unmark();
        self.marks |= marks;
        if let Kind::String(text) = value.kind() {
            self.literal(text);
            return Ok(());
        }
        if !value.is_known() {
            self.known = false;
            return Ok(());
        }
        match convert(&value, &Type::String) {
            Ok(text) => {
                self.literal(text.as_str().unwrap_or_default());
                Ok(())
            }
            Err(e) => Err(format!("Cannot include the given value in a string template: {e}.")),
        }
    }
}

/// What certainly stays the beginning of the text whatever follows: the last character may yet combine with the next,
/// unless it is one that never does.
fn safe_prefix(text: &str) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    let text = match text.char_indices().take_while(|(i, c)| i + c.len_utf8() <= LONGEST_PREFIX).last() {
        Some((i, c)) => &text[..i + c.len_utf8()],
        None => "",
    };
    let normal = Value::string(text);
    let text = normal.as_str().unwrap_or_default();
    match text.chars().last() {
        Some(last) if last.is_ascii() && !last.is_ascii_alphanumeric() && !matches!(last, '<' | '=' | '>' | '`') => {
            text.to_owned()
        }
        _ => match text.grapheme_indices(true).next_back() {
            Some((start, _)) => text[..start].to_owned(),
            None => String::new(),
        },
    }
}

/// What a template that a function renders is surrounded by.
#[derive(Clone, Copy)]
pub struct TemplateSurroundings<'a> {
    /// What relative paths are relative to.
    pub base_dir: &'a Path,
    /// The home folder of the user.
    pub home_dir: Option<&'a Path>,
    /// Whether this is before the apply.
    pub phase: Phase,
    /// When the plan was made.
    pub plan_timestamp: Option<SystemTime>,
    /// The clock.
    pub now: &'a dyn Fn() -> SystemTime,
}

/// Renders the text of a template file or a template string with variables; `name` is what its positions are in.
///
/// This is what [`FunctionContext::render_template`] calls.
///
/// # Errors
/// About argument 0 when the text is no template, about argument 1 when a variable is missing, and about the call when
/// the evaluation fails.
pub fn render_template(
    text: &str,
    name: &str,
    variables: &Members,
    around: TemplateSurroundings<'_>,
) -> Result<Value, FunctionError> {
    let expr = parse_template(&name.into(), text, Pos::default())
        .map_err(|problems| FunctionError::argument(0, first(&problems)))?;
    let mut missing = None;
    free_traversals(&expr, &mut |traversal| {
        if missing.is_none() && !variables.contains_key(&traversal.root) {
            missing = Some(traversal);
        }
    });
    if let Some(traversal) = missing {
        let at = &traversal.root_range;
        let message = format!("vars map does not contain key {:?}, referenced at {at}", traversal.root);
        return Err(FunctionError::argument(1, message));
    }
    let inner = |_: &str, _: &str, _: &Members| {
        Err(FunctionError::call("a template cannot be rendered from inside of another template"))
    };
    let functions = FunctionContext {
        base_dir: around.base_dir.to_owned(),
        home_dir: around.home_dir.map(Path::to_owned),
        phase: around.phase,
        plan_timestamp: around.plan_timestamp,
        now: around.now,
        render_template: &inner,
        inside_template: true,
    };
    let value = super::evaluate_with_variables(&expr, variables, &functions)
        .map_err(|problems| FunctionError::call(first(&problems)))?;
    if value.is_null() {
        let problem = Diagnostic::error("Template result is null", "The result of the template is null.");
        return Err(FunctionError::call(first(&problem.at(expr.range).into())));
    }
    Ok(value)
}

/// The first problem in one line, with its place.
fn first(problems: &Diagnostics) -> String {
    let Some(problem) = problems.iter().find(|p| p.is_error()) else { return String::new() };
    match &problem.subject {
        Some(at) => format!("{at}: {}; {}", problem.summary, problem.detail),
        None => format!("{}; {}", problem.summary, problem.detail),
    }
}
