//! The values of root variables: from the environment, files and options, later ones over earlier ones.

use std::collections::BTreeMap;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, SourceRange, Sources};
use infra_engine::plan::GivenVariable;
use infra_lang::config::{Module, Variable, parse_variable_arg, variables_file};
use infra_value::{Type, Value};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::args::Variables;
use crate::output;

/// Root variables as given, and converted.
#[derive(Default)]
pub(crate) struct RootVariables {
    pub given: BTreeMap<Arc<str>, GivenVariable>,
    pub values: BTreeMap<Arc<str>, Value>,
    /// What is wrong with those that are needed and have none.
    pub missing: BTreeMap<Arc<str>, Diagnostic>,
}

impl RootVariables {
    /// Goes on without what is missing: such a variable is unknown.
    pub fn without_missing(&self, module: &Module) -> BTreeMap<Arc<str>, Value> {
        let mut values = self.values.clone();
        for name in self.missing.keys() {
            let ty = module.variables.get(name).map_or(Type::Dynamic, |variable| variable.ty.clone());
            values.insert(name.clone(), Value::unknown(ty));
        }
        values
    }
}

struct Given {
    value: Value,
    range: Option<SourceRange>,
    from: String,
}

/// Gathers the values of all root variables. Asks for missing ones if that is allowed and somebody is there.
pub(crate) fn gather(
    module: &Module,
    options: &Variables,
    ask: bool,
    sources: &mut Sources,
) -> (RootVariables, Diagnostics) {
    let mut found: BTreeMap<Arc<str>, Given> = BTreeMap::new();
    let mut problems = Diagnostics::new();
    from_environment(module, &mut found, &mut problems);
    for path in automatic_files() {
        from_file(module, &path, &mut found, sources, &mut problems);
    }
    from_options(module, options, &mut found, sources, &mut problems);
    let mut variables = RootVariables::default();
    for (name, variable) in &module.variables {
        let missing = !found.contains_key(name) && variable.is_required();
        if missing
            && ask
            && std::io::stdin().is_terminal()
            && let Some(value) = prompt(variable, &mut problems)
        {
            found.insert(name.clone(), value);
        }
        match (found.remove(name), &variable.default) {
            (Some(given), _) => {
                match variable.prepare(given.value.clone()) {
                    Ok(value) => drop(variables.values.insert(name.clone(), value)),
                    Err(problem) => {
                        // The line in a file has the value.
                        let shown = given.range.filter(|_| !variable.sensitive && !variable.ephemeral);
                        let place = shown.unwrap_or_else(|| variable.decl_range.clone());
                        let mut problem = problem.at(place);
                        problem.detail.push_str(&format!(" The value comes from {}.", given.from));
                        problems.push(problem);
                    }
                }
                variables.given.insert(name.clone(), GivenVariable { value: given.value, given: true });
            }
            (None, Some(default)) => {
                match variable.prepare(default.clone()) {
                    Ok(value) => drop(variables.values.insert(name.clone(), value)),
                    Err(problem) => problems.push(problem.at(variable.decl_range.clone())),
                }
                variables.given.insert(name.clone(), GivenVariable { value: default.clone(), given: false });
            }
            (None, None) => {
                let problem = Diagnostic::error(
                    "No value for required variable",
                    format!(
                        "The root variable {name:?} has no default value and was given none. Set it with -var \
                         '{name}=…', in a *.tfvars file, or in the environment as TF_VAR_{name}."
                    ),
                )
                .at(variable.decl_range.clone());
                problems.push(problem.clone());
                variables.missing.insert(name.clone(), problem);
            }
        }
    }
    (variables, problems)
}

fn from_environment(module: &Module, found: &mut BTreeMap<Arc<str>, Given>, problems: &mut Diagnostics) {
    for (key, text) in std::env::vars_os() {
        let Some(name) = key.to_str().and_then(|key| key.strip_prefix("TF_VAR_")) else { continue };
        let Some(variable) = module.variables.get(name) else { continue };
        let Ok(text) = text.into_string() else {
            let detail = format!("The value of TF_VAR_{name} in the environment is not text in UTF-8.");
            problems
                .push(Diagnostic::error("Invalid value for input variable", detail).at(variable.decl_range.clone()));
            continue;
        };
        match parse_variable_arg(&text, variable) {
            Ok(value) => {
                drop(found.insert(
                    name.into(),
                    Given { value, range: None, from: format!("the environment (TF_VAR_{name})") },
                ))
            }
            Err(more) => problems.extend(more),
        }
    }
}

/// `terraform.tfvars`, `terraform.tfvars.json`, then every `*.auto.tfvars` and `*.auto.tfvars.json` by name.
fn automatic_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        ["terraform.tfvars", "terraform.tfvars.json"].iter().map(PathBuf::from).filter(|p| p.is_file()).collect();
    let entries = std::fs::read_dir(".").into_iter().flatten().flatten();
    let mut automatic: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json"))
        .collect();
    automatic.sort();
    files.extend(automatic.into_iter().map(PathBuf::from));
    files
}

fn from_file(
    module: &Module,
    path: &Path,
    found: &mut BTreeMap<Arc<str>, Given>,
    sources: &mut Sources,
    problems: &mut Diagnostics,
) {
    let name: Arc<str> = path.to_string_lossy().into();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            return problems.push(Diagnostic::error(
                "Failed to read variables file",
                format!("{name} could not be read: {error}."),
            ));
        }
    };
    let (values, more) = variables_file(&name, &text);
    problems.extend(more);
    sources.insert(name.clone(), text.into());
    for (variable, input) in values {
        if !module.variables.contains_key(&variable) {
            problems.push(
                Diagnostic::warning(
                    "Value for undeclared variable",
                    format!(
                        "The root module does not declare a variable named {variable:?}, but {name} gives it a value. \
                         Declare it, or take the value out."
                    ),
                )
                .at(input.range),
            );
            continue;
        }
        let from = format!("the file {name}");
        found.insert(variable, Given { value: input.value, range: Some(input.range), from });
    }
}

/// `-var` and `-var-file` in the order in which they are given.
fn from_options(
    module: &Module,
    options: &Variables,
    found: &mut BTreeMap<Arc<str>, Given>,
    sources: &mut Sources,
    problems: &mut Diagnostics,
) {
    for option in in_order(options) {
        match option {
            Ordered::File(path) => from_file(module, &path, found, sources, problems),
            Ordered::Var(text) => {
                let Some((name, value)) = text.split_once('=') else {
                    problems.push(Diagnostic::error(
                        "Invalid -var option",
                        format!(
                            "{text:?} has to be a variable's name, an equals sign, and a value: -var 'name=value'."
                        ),
                    ));
                    continue;
                };
                let Some(variable) = module.variables.get(name) else {
                    problems.push(Diagnostic::error(
                        "Value for undeclared variable",
                        format!(
                            "A variable named {name:?} was given on the command line, and the root module does not \
                             declare it. Add a variable {name:?} {{}} block, or leave the option out."
                        ),
                    ));
                    continue;
                };
                match parse_variable_arg(value, variable) {
                    Ok(value) => {
                        let from = format!("-var {name}");
                        found.insert(name.into(), Given { value, range: None, from });
                    }
                    Err(more) => problems.extend(more),
                }
            }
        }
    }
}

enum Ordered {
    Var(String),
    File(PathBuf),
}

/// The options in the order of the command line, which decides where both set the same variable.
fn in_order(options: &Variables) -> Vec<Ordered> {
    let (mut vars, mut files) = (options.var.iter(), options.var_file.iter());
    let mut ordered = Vec::new();
    for argument in std::env::args() {
        let option = argument.trim_start_matches('-');
        let is = |name: &str| option == name || option.starts_with(&format!("{name}="));
        if !argument.starts_with('-') {
            continue;
        }
        if is("var-file") {
            ordered.extend(files.next().cloned().map(Ordered::File));
        } else if is("var") {
            ordered.extend(vars.next().cloned().map(Ordered::Var));
        }
    }
    ordered.extend(vars.cloned().map(Ordered::Var));
    ordered.extend(files.cloned().map(Ordered::File));
    ordered
}

fn prompt(variable: &Variable, problems: &mut Diagnostics) -> Option<Given> {
    output::line(&format!("var.{}", variable.name));
    if let Some(description) = &variable.description {
        output::line(&format!("  {description}"));
    }
    output::raw("\n  Enter a value: ");
    let mut answer = String::new();
    let read =
        if variable.sensitive { read_hidden(&mut answer) } else { std::io::stdin().lock().read_line(&mut answer) };
    read.ok().filter(|n| *n > 0)?;
    output::line(if variable.sensitive { "\n" } else { "" });
    match parse_variable_arg(answer.trim_end_matches(['\r', '\n']), variable) {
        Ok(value) => Some(Given { value, range: None, from: "what was entered".into() }),
        Err(more) => {
            problems.extend(more);
            None
        }
    }
}

/// Reads a line that is not shown while it is typed.
fn read_hidden(answer: &mut String) -> std::io::Result<usize> {
    let stdin = std::io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Drain, &hidden)?;
    let read = stdin.lock().read_line(answer);
    tcsetattr(&stdin, OptionalActions::Drain, &before)?;
    read
}
