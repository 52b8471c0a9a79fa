//! Preconditions, postconditions, assertions and validations: what became of them, and what is said when they fail.

use std::collections::BTreeMap;

use infra_address::{ModuleInstance, ResourceInstance};
use infra_diag::{Diagnostic, Diagnostics, Severity};
use infra_lang::config::{CheckRule, Output, Variable};
use infra_lang::eval::{Scope, Subject, evaluate, references, values_of};
use infra_value::{Marks, Type, Value, convert};

use crate::plan::{CheckKind, CheckObject, CheckResult, CheckStatus};
use crate::world::{ModuleScope, World};

/// Results by block, then by instance.
#[derive(Default)]
pub(crate) struct Results(BTreeMap<(CheckKind, String), BTreeMap<String, CheckObject>>);

impl Results {
    /// Notes the result of one condition of an instance; the worst of them counts.
    pub fn note(
        &mut self,
        kind: CheckKind,
        config: String,
        object: String,
        status: CheckStatus,
        message: Option<String>,
    ) {
        let objects = self.0.entry((kind, config)).or_default();
        let entry =
            objects.entry(object).or_insert(CheckObject { status: CheckStatus::Pass, failure_messages: Vec::new() });
        let rank = |s| match s {
            CheckStatus::Pass => 0,
            CheckStatus::Unknown => 1,
            CheckStatus::Fail => 2,
            CheckStatus::Error => 3,
        };
        if rank(status) > rank(entry.status) {
            entry.status = status;
        }
        entry.failure_messages.extend(message);
    }

    /// Notes a block of which no instance has been told about.
    pub fn expect(&mut self, kind: CheckKind, config: String) {
        self.0.entry((kind, config)).or_default();
    }

    /// Whether an instance has failed already.
    pub fn has_failed(&self, kind: CheckKind, config: &str, object: &str) -> bool {
        let found = self.0.get(&(kind, config.to_string())).and_then(|objects| objects.get(object));
        found.is_some_and(|o| matches!(o.status, CheckStatus::Fail | CheckStatus::Error))
    }

    /// All of them, by kind and address.
    pub fn to_list(&self) -> Vec<CheckResult> {
        let result = |((kind, config_address), objects): (&(CheckKind, String), &BTreeMap<String, CheckObject>)| {
            let objects = (!objects.is_empty()).then(|| objects.clone());
            CheckResult { kind: *kind, config_address: config_address.clone(), objects }
        };
        self.0.iter().map(result).collect()
    }
}

/// What one condition came to.
enum Outcome {
    Pass,
    Unknown,
    Fail(String),
    Error(Diagnostics),
}

fn evaluate_rule(rule: &CheckRule, scope: &dyn Scope) -> Outcome {
    let value = match evaluate(&rule.condition, scope) {
        Ok(value) => value,
        Err(problems) => return Outcome::Error(problems),
    };
    let (value, _) = value.unmark_deep();
    let invalid = |detail: &str| {
        Outcome::Error(Diagnostic::error("Invalid condition result", detail).at(rule.condition.range.clone()).into())
    };
    if !value.is_known() {
        return Outcome::Unknown;
    }
    if value.is_null() {
        return invalid("The condition is null. It has to be either true or false.");
    }
    match convert(&value, &Type::Bool).map(|b| b.as_bool()) {
        Ok(Some(true)) => Outcome::Pass,
        Ok(Some(false)) => match message(rule, scope) {
            Ok(message) => Outcome::Fail(message),
            Err(problems) => Outcome::Error(problems),
        },
        Ok(None) => Outcome::Unknown,
        Err(error) => invalid(&format!("The condition has to be either true or false: {error}.")),
    }
}

fn message(rule: &CheckRule, scope: &dyn Scope) -> Result<String, Diagnostics> {
    let range = rule.error_message.range.clone();
    let (value, marks) = evaluate(&rule.error_message, scope)?.unmark_deep();
    for (mark, word) in [(Marks::SENSITIVE, "sensitive"), (Marks::EPHEMERAL, "ephemeral")] {
        if marks.contains(mark) {
            let detail = format!(
                "The condition does not hold, and its error message refers to {word} values, so it is not shown. Write \
                 it without them, or mark what is no secret with nonsensitive()."
            );
            return Err(Diagnostic::error(format!("Error message refers to {word} values"), detail).at(range).into());
        }
    }
    let text = convert(&value, &Type::String).ok().filter(|v| v.is_known() && !v.is_null());
    let text = text.as_ref().and_then(Value::as_str).map(str::trim).unwrap_or_default().to_string();
    match text.is_empty() {
        true => {
            let detail = "The condition does not hold, and its error message could not be told.";
            Err(Diagnostic::error("Invalid error message", detail).at(range).into())
        }
        false => Ok(text),
    }
}

/// The rules of one object.
pub(crate) struct Rules<'r> {
    pub kind: CheckKind,
    pub config_address: String,
    pub object_address: String,
    pub rules: &'r [CheckRule],
    /// The summary when one of them fails.
    pub summary: &'static str,
    pub severity: Severity,
}

impl Rules<'_> {
    /// Evaluates each of them, and notes and tells what came of it. False if one of them is an error.
    pub fn check(&self, world: &World<'_>, scope: &dyn Scope) -> bool {
        if self.kind == CheckKind::Resource && world.failed_conditions.is_none() {
            if !self.rules.is_empty() {
                world.conditions.borrow_mut().expect(self.kind, self.config_address.clone());
            }
            return true;
        }
        let mut holds = true;
        for rule in self.rules {
            let (status, message) = match evaluate_rule(rule, scope) {
                Outcome::Pass => (CheckStatus::Pass, None),
                Outcome::Unknown => {
                    if self.kind == CheckKind::Check && !world.applying {
                        let detail = "The condition depends on what is not known yet: the apply will tell.";
                        let problem = Diagnostic::warning("Check block assertion known after apply", detail);
                        world.report([problem.at(rule.condition.range.clone())]);
                    }
                    (CheckStatus::Unknown, None)
                }
                Outcome::Fail(message) => {
                    let problem = Diagnostic { severity: self.severity, ..Diagnostic::error(self.summary, &message) };
                    let values = values_of(&rule.condition, scope);
                    world.report([Diagnostic { values, ..problem }.at(rule.condition.range.clone())]);
                    holds = self.severity != Severity::Error;
                    (CheckStatus::Fail, Some(message))
                }
                // What it depends on has failed, which has been told.
                Outcome::Error(problems) if problems.is_empty() && world.applying && self.kind == CheckKind::Check => {
                    // What the plan knew of it may not be so any more.
                    (CheckStatus::Unknown, None)
                }
                Outcome::Error(problems) if problems.is_empty() => {
                    world.conditions.borrow_mut().expect(self.kind, self.config_address.clone());
                    holds = self.severity != Severity::Error;
                    continue;
                }
                Outcome::Error(problems) => {
                    world.report(problems.into_iter().map(|p| Diagnostic { severity: self.severity, ..p }));
                    holds = self.severity != Severity::Error;
                    (CheckStatus::Error, None)
                }
            };
            let mut results = world.conditions.borrow_mut();
            let (config, object) = (self.config_address.clone(), self.object_address.clone());
            results.note(self.kind, config, object, status, message);
        }
        holds
    }
}

/// The rules of a resource instance: its preconditions, or its postconditions.
pub(crate) fn resource_rules<'r>(
    address: &ResourceInstance,
    rules: &'r [CheckRule],
    summary: &'static str,
    severity: Severity,
) -> Rules<'r> {
    Rules {
        kind: CheckKind::Resource,
        config_address: address.config_address(),
        object_address: address.to_string(),
        rules,
        summary,
        severity,
    }
}

fn prefixed(module: &ModuleInstance, what: &str) -> (String, String) {
    match module.is_root() {
        true => (what.to_string(), what.to_string()),
        false => (format!("{}.{what}", module.path()), format!("{module}.{what}")),
    }
}

/// Notes that the data source of a `check` block could not be read: the check fails.
pub(crate) fn nested_read_failed(world: &World<'_>, module: &ModuleInstance, check: &str, problems: &Diagnostics) {
    let (config, object) = prefixed(module, &format!("check.{check}"));
    for problem in problems.iter().filter(|p| p.is_error()) {
        let message = Some(match problem.detail.is_empty() {
            true => problem.summary.clone(),
            false => format!("{}: {}", problem.summary, problem.detail),
        });
        let (config, object) = (config.clone(), object.clone());
        world.conditions.borrow_mut().note(CheckKind::Check, config, object, CheckStatus::Fail, message);
    }
}

/// Checks a variable's validations.
pub(crate) fn check_variable(
    world: &World<'_>,
    module: &ModuleInstance,
    variable: &Variable,
    value: &Value,
) -> Result<(), Diagnostics> {
    let (config, object) = prefixed(module, &format!("var.{}", variable.name));
    let scope = VariableScope { inner: world.scope(module, None), name: &variable.name, value };
    let mut problems = Diagnostics::new();
    for rule in &variable.validations {
        let (status, message) = match evaluate_rule(rule, &scope) {
            Outcome::Pass => (CheckStatus::Pass, None),
            Outcome::Unknown => (CheckStatus::Unknown, None),
            Outcome::Fail(message) => {
                let detail = format!("{message}\n\nThis was checked by the validation rule at {}.", rule.decl_range);
                let place = given_at(world, module, variable).unwrap_or_else(|| variable.decl_range.clone());
                let values = values_of(&rule.condition, &scope);
                let problem = Diagnostic::error("Invalid value for variable", detail).at(place);
                problems.push(Diagnostic { values, ..problem });
                (CheckStatus::Fail, Some(message))
            }
            Outcome::Error(more) => {
                problems.extend(more);
                (CheckStatus::Error, None)
            }
        };
        world.conditions.borrow_mut().note(CheckKind::Variable, config.clone(), object.clone(), status, message);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Checks that a module's variable that gets an ephemeral value is declared for one.
pub(crate) fn check_input_marks(variable: &Variable, value: &Value) -> Result<(), Diagnostic> {
    if variable.ephemeral || !value.marks_deep().contains(Marks::EPHEMERAL) {
        return Ok(());
    }
    let detail = format!(
        "The variable {} of the module does not say that it takes ephemeral values, and this one is ephemeral. Add \
         ephemeral = true to the variable.",
        variable.name
    );
    Err(Diagnostic::error("Ephemeral value not allowed", detail))
}

/// Where a module's variable gets its value.
fn given_at(world: &World<'_>, module: &ModuleInstance, variable: &Variable) -> Option<infra_diag::SourceRange> {
    let (call, _) = module.0.last()?;
    let call = world.module(&module.parent()?)?.module_calls.get(call)?;
    Some(call.inputs.get(&variable.name)?.expr.range.clone())
}

/// A module's names, with one variable's value as it is being checked.
struct VariableScope<'w, 'a, 'v> {
    inner: ModuleScope<'w, 'a>,
    name: &'v str,
    value: &'v Value,
}

impl Scope for VariableScope<'_, '_, '_> {
    fn value(&self, subject: &Subject, range: &infra_diag::SourceRange) -> Result<Value, Diagnostics> {
        match subject {
            Subject::Variable(name) if **name == *self.name => Ok(self.value.clone()),
            _ => self.inner.value(subject, range),
        }
    }
    fn instance(&self, subject: &Subject, range: &infra_diag::SourceRange) -> Option<Value> {
        self.inner.instance(subject, range)
    }
    fn functions(&self) -> &infra_lang::functions::FunctionContext<'_> {
        self.inner.functions()
    }
}

/// Checks an output's preconditions.
pub(crate) fn check_output(
    world: &World<'_>,
    module: &ModuleInstance,
    output: &Output,
    scope: &dyn Scope,
) -> Result<(), Diagnostics> {
    let (config_address, object_address) = prefixed(module, &format!("output.{}", output.name));
    let Some(severity) = world.failed_conditions else {
        if module.is_root() && !output.preconditions.is_empty() {
            let mut results = world.conditions.borrow_mut();
            results.note(CheckKind::Output, config_address, object_address, CheckStatus::Unknown, None);
        }
        return Ok(());
    };
    let rules = Rules {
        kind: CheckKind::Output,
        config_address,
        object_address,
        rules: &output.preconditions,
        summary: "Module output value precondition failed",
        severity,
    };
    if rules.check(world, scope) { Ok(()) } else { Err(crate::world::told()) }
}

/// Checks that an output of the root module that holds a sensitive value says so, and that none holds an ephemeral one.
pub(crate) fn check_output_marks(module: &ModuleInstance, output: &Output, value: &Value) -> Result<(), Diagnostics> {
    let marks = value.marks_deep();
    let range = output.value.as_ref().map(|v| v.range.clone());
    if module.is_root() && marks.contains(Marks::SENSITIVE) && !output.sensitive {
        let names = output.value.as_ref().map(|v| references(v).0.len()).unwrap_or(0);
        let detail = format!(
            "The value of the output {:?} comes from {} that {} sensitive. Outputs of the root module are shown at the \
             end of a run: add\n\n    sensitive = true\n\nto keep it from being shown, or use nonsensitive() on what is \
             no secret.",
            output.name,
            if names == 1 { "something" } else { "values" },
            if names == 1 { "is" } else { "are" },
        );
        let place = output.decl_range.clone();
        return Err(Diagnostic::error("Output refers to sensitive values", detail).at(place).into());
    }
    if marks.contains(Marks::EPHEMERAL) && !output.ephemeral {
        let (summary, detail) = match module.is_root() {
            true => (
                "Ephemeral value not allowed",
                "Outputs of the root module are stored in the state, and this value is ephemeral: it must not be stored."
                    .to_string(),
            ),
            false => (
                "Ephemeral value not allowed",
                "This output is not declared as returning an ephemeral value, so it cannot be set to one. Add \
                 ephemeral = true to the output."
                    .to_string(),
            ),
        };
        return Err(Diagnostic::error(summary, detail).at(range).into());
    }
    Ok(())
}
