//! What names stand for while a configuration is evaluated: variables, locals, resources, modules.
//!
//! Resources are put in as they become known, in the order of the graph; everything else is evaluated when it is first
//! asked for, and kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use infra_address::{InstanceKey, ModuleInstance, ModulePath, ProviderSource, Resource, ResourceMode};
use infra_diag::{Diagnostic, Diagnostics, Severity, SourceRange};
use infra_lang::config::{Config, Module};
use infra_lang::eval::{Scope, Subject, evaluate};
use infra_lang::functions::FunctionContext;
use infra_value::{Marks, Type, Value};

use crate::conditions;
use crate::expand::{Repetition, Shape};
use crate::registry::Registry;

/// What a run is about, and what is known so far.
pub(crate) struct World<'a> {
    pub config: &'a Config,
    pub functions: &'a FunctionContext<'a>,
    /// `terraform.workspace`
    pub workspace: &'a str,
    /// `path.cwd`
    pub cwd: String,
    /// `terraform.applying`
    pub applying: bool,
    /// Nothing is known but the configuration: variables and resources are unknown.
    pub validating: bool,
    /// What it is if a condition of a resource or of an output does not hold; `None` where they are not looked at.
    pub failed_conditions: Option<Severity>,
    /// The root module's variables, converted.
    pub variables: BTreeMap<Arc<str>, Value>,
    /// Where the types of resources that are not known come from.
    registry: &'a Registry,
    pub modules: RefCell<Modules>,
    pub resources: RefCell<HashMap<(ModuleInstance, Resource), Expanded>>,
    pub conditions: RefCell<conditions::Results>,
    memo: RefCell<HashMap<(ModuleInstance, Named), Memo>>,
    problems: RefCell<Diagnostics>,
    /// All that was ever reported.
    told: RefCell<HashSet<Diagnostic>>,
}

/// The instances of modules, as far as their calls have been expanded.
#[derive(Default)]
pub(crate) struct Modules {
    /// The repetition of each instance.
    pub repetition: HashMap<ModuleInstance, Repetition>,
    /// The instances of a call within one instance of the calling module.
    pub calls: HashMap<(ModuleInstance, Arc<str>), (Shape, Vec<InstanceKey>)>,
    /// All instances of a module.
    pub instances: HashMap<ModulePath, Vec<ModuleInstance>>,
}

/// A resource in one module instance, expanded.
#[derive(Clone, Default)]
pub(crate) struct Expanded {
    pub shape: Shape,
    /// What `each` and `count` are for each instance.
    pub repetitions: BTreeMap<InstanceKey, Repetition>,
    /// The values of those that have one.
    pub values: BTreeMap<InstanceKey, Value>,
    whole: Option<Value>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Named {
    Variable(Arc<str>),
    Local(Arc<str>),
    Output(Arc<str>),
}

#[derive(Clone)]
enum Memo {
    Running,
    Done(Value),
    /// Its errors have been told.
    Failed,
}

/// "It has gone wrong, and that has been told."
pub(crate) fn told() -> Diagnostics {
    Diagnostics::new()
}

impl<'a> World<'a> {
    pub fn new(
        config: &'a Config,
        functions: &'a FunctionContext<'a>,
        workspace: &'a str,
        variables: BTreeMap<Arc<str>, Value>,
        registry: &'a Registry,
    ) -> World<'a> {
        let mut modules = Modules::default();
        modules.repetition.insert(ModuleInstance::root(), Repetition::default());
        modules.instances.insert(ModulePath::root(), vec![ModuleInstance::root()]);
        World {
            config,
            functions,
            workspace,
            cwd: std::env::current_dir().map(|d| d.to_string_lossy().into_owned()).unwrap_or_default(),
            applying: false,
            validating: false,
            failed_conditions: Some(Severity::Error),
            variables,
            registry,
            modules: RefCell::new(modules),
            resources: RefCell::default(),
            conditions: RefCell::default(),
            memo: RefCell::default(),
            problems: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// Adds to what will be told at the end. The same thing is told once.
    pub fn report(&self, problems: impl IntoIterator<Item = Diagnostic>) {
        let mut all = self.problems.borrow_mut();
        let mut told = self.told.borrow_mut();
        all.extend(problems.into_iter().filter(|problem| told.insert(problem.clone())));
    }

    pub fn has_errors(&self) -> bool {
        self.problems.borrow().has_errors()
    }

    pub fn take_problems(&self) -> Diagnostics {
        std::mem::take(&mut self.problems.borrow_mut())
    }

    /// The same, and what failed is evaluated and told anew when it is asked for again.
    pub fn take_failures(&self) -> Diagnostics {
        self.memo.borrow_mut().retain(|_, memo| matches!(memo, Memo::Done(_)));
        self.told.borrow_mut().clear();
        self.take_problems()
    }

    /// The value, or `None` after its errors have been told.
    pub fn told<T>(&self, result: Result<T, Diagnostics>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problems) => {
                self.report(problems);
                None
            }
        }
    }

    pub fn module(&self, instance: &ModuleInstance) -> Option<&'a Module> {
        self.config.module(&instance.path())
    }

    pub fn scope<'w>(&'w self, module: &ModuleInstance, repetition: Option<Repetition>) -> ModuleScope<'w, 'a> {
        ModuleScope { world: self, module: module.clone(), repetition, this: None }
    }

    /// The value of an input variable. A variable with a failed validation has none.
    pub fn variable(&self, module: &ModuleInstance, name: &Arc<str>) -> Result<Value, Diagnostics> {
        self.memoised(module, Named::Variable(name.clone()), || self.variable_anew(module, name))
    }

    fn variable_anew(&self, module: &ModuleInstance, name: &Arc<str>) -> Result<Value, Diagnostics> {
        let Some(variable) = self.module(module).and_then(|m| m.variables.get(name)) else { return Err(told()) };
        let mut marks = Marks::NONE;
        if variable.sensitive {
            marks |= Marks::SENSITIVE;
        }
        if variable.ephemeral {
            marks |= Marks::EPHEMERAL;
        }
        let value = match module.parent() {
            None if self.validating => Value::unknown(variable.ty.without_optional()),
            None => self.variables.get(name).cloned().ok_or_else(told)?,
            Some(parent) => {
                let call_name = module.0.last().map(|(name, _)| name.clone()).unwrap_or_default();
                let call = self.module(&parent).and_then(|m| m.module_calls.get(&call_name)).ok_or_else(told)?;
                match call.inputs.get(name) {
                    Some(input) => {
                        let repetition = self.modules.borrow().repetition.get(module).cloned();
                        let scope = self.scope(&parent, repetition);
                        let given = evaluate(&input.expr, &scope)?;
                        let given = variable.prepare(given).map_err(|d| d.at(input.expr.range.clone()))?;
                        conditions::check_input_marks(variable, &given).map_err(|d| d.at(input.expr.range.clone()))?;
                        given
                    }
                    None => {
                        let default = variable.default.clone().ok_or_else(told)?;
                        variable.prepare(default)?
                    }
                }
            }
        };
        let value = value.with_marks(marks);
        conditions::check_variable(self, module, variable, &value)?;
        // A module has to be right whatever it is given: what this call leaves out may be what its guards are about.
        Ok(if self.validating { Value::unknown(variable.ty.without_optional()).with_marks(marks) } else { value })
    }

    pub fn local(&self, module: &ModuleInstance, name: &Arc<str>) -> Result<Value, Diagnostics> {
        self.memoised(module, Named::Local(name.clone()), || {
            let local = self.module(module).and_then(|m| m.locals.get(name)).ok_or_else(told)?;
            evaluate(&local.expr, &self.scope(module, None))
        })
    }

    /// The value of an output of a module instance. As in Terraform, `sensitive` says only that an output of the root
    /// module is not shown: what is secret in a value is marked where it comes from.
    pub fn output(&self, module: &ModuleInstance, name: &Arc<str>) -> Result<Value, Diagnostics> {
        self.memoised(module, Named::Output(name.clone()), || {
            let output = self.module(module).and_then(|m| m.outputs.get(name)).ok_or_else(told)?;
            let scope = self.scope(module, None);
            conditions::check_output(self, module, output, &scope)?;
            let expr = output.value.as_ref().ok_or_else(told)?;
            let value = evaluate(expr, &scope)?;
            conditions::check_output_marks(module, output, &value)?;
            Ok(if output.ephemeral { value.with_marks(Marks::EPHEMERAL) } else { value })
        })
    }

    /// Evaluates what nothing has asked for yet, so that its errors are told.
    pub fn evaluate_rest(&self) {
        let instances: Vec<ModuleInstance> = self.modules.borrow().repetition.keys().cloned().collect();
        for module in instances {
            let Some(block) = self.module(&module) else { continue };
            block.outputs.keys().for_each(|name| drop(self.output(&module, name)));
            block.locals.keys().for_each(|name| drop(self.local(&module, name)));
            block.variables.keys().for_each(|name| drop(self.variable(&module, name)));
        }
    }

    fn memoised(
        &self,
        module: &ModuleInstance,
        name: Named,
        anew: impl FnOnce() -> Result<Value, Diagnostics>,
    ) -> Result<Value, Diagnostics> {
        let key = (module.clone(), name);
        match self.memo.borrow().get(&key) {
            Some(Memo::Done(value)) => return Ok(value.clone()),
            // A cycle has been told when the graph was built.
            Some(Memo::Failed | Memo::Running) => return Err(told()),
            None => {}
        }
        self.memo.borrow_mut().insert(key.clone(), Memo::Running);
        let result = anew();
        let memo = match &result {
            Ok(value) => Memo::Done(value.clone()),
            Err(_) => Memo::Failed,
        };
        self.memo.borrow_mut().insert(key, memo);
        result.map_err(|problems| {
            self.report(problems);
            told()
        })
    }

    /// Says which instances a resource has in a module instance.
    pub fn expand(
        &self,
        module: &ModuleInstance,
        resource: &Resource,
        shape: Shape,
        repetitions: BTreeMap<InstanceKey, Repetition>,
    ) {
        let expanded = Expanded { shape, repetitions, values: BTreeMap::new(), whole: None };
        self.resources.borrow_mut().insert((module.clone(), resource.clone()), expanded);
    }

    /// Says what an instance's value is.
    pub fn set_value(&self, module: &ModuleInstance, resource: &Resource, key: &InstanceKey, value: Value) {
        let mut resources = self.resources.borrow_mut();
        if let Some(expanded) = resources.get_mut(&(module.clone(), resource.clone())) {
            expanded.values.insert(key.clone(), value);
            expanded.whole = None;
        }
    }

    /// Takes an instance out of those that a resource has.
    pub fn leave_out(&self, module: &ModuleInstance, resource: &Resource, key: &InstanceKey) {
        if let Some(expanded) = self.resources.borrow_mut().get_mut(&(module.clone(), resource.clone())) {
            expanded.repetitions.remove(key);
            expanded.whole = None;
        }
    }

    fn resource(&self, module: &ModuleInstance, resource: &Resource) -> Result<Value, Diagnostics> {
        let id = (module.clone(), resource.clone());
        let mut resources = self.resources.borrow_mut();
        let Some(expanded) = resources.get_mut(&id) else {
            drop(resources);
            return self.unexpanded(module, resource);
        };
        if let Some(whole) = &expanded.whole {
            return Ok(whole.clone());
        }
        if expanded.values.len() < expanded.repetitions.len() {
            return Err(told());
        }
        let values = &expanded.values;
        let whole = match expanded.shape {
            // The only instance is left out by a target.
            Shape::Single => {
                values.get(&InstanceKey::None).cloned().unwrap_or_else(|| Value::unknown(self.ty_of(resource)))
            }
            Shape::Count => {
                let numbers = values.keys().filter_map(|key| match key {
                    InstanceKey::Int(number) => Some(*number),
                    _ => None,
                });
                // One that is left out by a target is not known, where one that follows it is.
                let unknown = || Value::unknown(self.ty_of(resource));
                let one = |number| values.get(&InstanceKey::Int(number)).cloned().unwrap_or_else(unknown);
                Value::tuple((0..numbers.max().map_or(0, |last| last + 1)).map(one))
            }
            Shape::ForEach => Value::object(values.iter().filter_map(|(key, value)| match key {
                InstanceKey::Str(text) => Some((text.clone(), value.clone())),
                _ => None,
            })),
        };
        expanded.whole = Some(whole.clone());
        Ok(whole)
    }

    /// The type of a resource by its schema, which is looked up in the root module's terms: a name means the same provider
    /// nearly everywhere.
    fn ty_of(&self, resource: &Resource) -> Type {
        let source = ProviderSource::parse(resource.implied_provider());
        self.registry.schema(&source, resource.mode, &resource.ty).map_or(Type::Dynamic, |s| s.block.ty())
    }

    fn unexpanded(&self, module: &ModuleInstance, resource: &Resource) -> Result<Value, Diagnostics> {
        if !self.validating {
            return Err(told());
        }
        let block = self.module(module).and_then(|m| m.resource(resource)).ok_or_else(told)?;
        let repeated = block.count.is_some() || block.for_each.is_some();
        let ty = if repeated { Type::Dynamic } else { self.ty_of(resource) };
        let marks = if resource.mode == ResourceMode::Ephemeral { Marks::EPHEMERAL } else { Marks::NONE };
        Ok(Value::unknown(ty).with_marks(marks))
    }

    /// The value of a module call: an output of it, or all of them as an object; for each of its instances if it has
    /// several.
    fn module_call(
        &self,
        module: &ModuleInstance,
        name: &Arc<str>,
        output: Option<&Arc<str>>,
    ) -> Result<Value, Diagnostics> {
        if self.validating {
            return Ok(Value::dynamic());
        }
        let (shape, keys) = {
            let modules = self.modules.borrow();
            modules.calls.get(&(module.clone(), name.clone())).cloned().ok_or_else(told)?
        };
        let of = |key: &InstanceKey| self.module_instance(&module.child(name.clone(), key.clone()), output);
        match shape {
            Shape::Single => of(&InstanceKey::None),
            Shape::Count => Ok(Value::tuple(keys.iter().map(of).collect::<Result<Vec<_>, _>>()?)),
            Shape::ForEach => {
                let mut members = Vec::new();
                for key in &keys {
                    if let InstanceKey::Str(text) = key {
                        members.push((text.clone(), of(key)?));
                    }
                }
                Ok(Value::object(members))
            }
        }
    }

    fn module_instance(&self, child: &ModuleInstance, output: Option<&Arc<str>>) -> Result<Value, Diagnostics> {
        if let Some(output) = output {
            return self.output(child, output);
        }
        let outputs = self.module(child).map(|m| m.outputs.keys()).into_iter().flatten();
        let members = outputs.map(|name| Ok((name.clone(), self.output(child, name)?)));
        Ok(Value::object(members.collect::<Result<Vec<_>, Diagnostics>>()?))
    }
}

/// The names of one module instance, perhaps inside of an instance of a block.
pub(crate) struct ModuleScope<'w, 'a> {
    world: &'w World<'a>,
    module: ModuleInstance,
    repetition: Option<Repetition>,
    this: Option<Value>,
}

impl ModuleScope<'_, '_> {
    /// The same with a value for `self`.
    pub fn with_self(mut self, value: Value) -> Self {
        self.this = Some(value);
        self
    }

    fn count_index(&self) -> Option<Value> {
        match self.repetition.as_ref()?.key {
            InstanceKey::Int(n) => Some(Value::from(n)),
            _ => None,
        }
    }

    fn each(&self, value: bool) -> Option<Value> {
        let repetition = self.repetition.as_ref()?;
        match (&repetition.key, value) {
            (_, true) => repetition.each_value.clone(),
            (InstanceKey::Str(key), false) => Some(Value::string(key)),
            _ => None,
        }
    }

    fn undefined(&self, what: &str, how: &str, range: &SourceRange) -> Diagnostics {
        let detail = format!("{what} can be used only in a block with the {how:?} argument.");
        let word = what.split('.').next().unwrap_or_default();
        Diagnostic::error(format!("Reference to \"{word}\" in context without {how}"), detail).at(range.clone()).into()
    }
}

impl Scope for ModuleScope<'_, '_> {
    fn value(&self, subject: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        let world = self.world;
        let validating = world.validating;
        match subject {
            Subject::Variable(name) => world.variable(&self.module, name),
            Subject::Local(name) => world.local(&self.module, name),
            Subject::Resource { resource, .. } => world.resource(&self.module, resource),
            Subject::Module { name, output, .. } => world.module_call(&self.module, name, output.as_ref()),
            Subject::CountIndex if validating => Ok(Value::unknown(Type::Number)),
            Subject::CountIndex => self.count_index().ok_or_else(|| self.undefined("count.index", "count", range)),
            Subject::EachKey if validating => Ok(Value::unknown(Type::String)),
            Subject::EachKey => self.each(false).ok_or_else(|| self.undefined("each.key", "for_each", range)),
            Subject::EachValue if validating => Ok(Value::dynamic()),
            Subject::EachValue => self.each(true).ok_or_else(|| self.undefined("each.value", "for_each", range)),
            Subject::SelfRef => match &self.this {
                Some(value) => Ok(value.clone()),
                None if validating => Ok(Value::dynamic()),
                None => Err(Diagnostic::error(
                    "Invalid \"self\" reference",
                    "The name \"self\" stands for a resource only in its provisioners, connection and postconditions.",
                )
                .at(range.clone())
                .into()),
            },
            Subject::Path(name) => {
                let folder = world.module(&self.module).map(|m| m.source_dir.as_str()).unwrap_or(".");
                Ok(Value::string(match &**name {
                    "cwd" => world.cwd.as_str(),
                    "root" => ".",
                    _ => folder,
                }))
            }
            Subject::Terraform(name) if &**name == "applying" => {
                Ok(Value::bool(world.applying).with_marks(Marks::EPHEMERAL))
            }
            Subject::Terraform(_) => Ok(Value::string(world.workspace)),
        }
    }

    fn instance(&self, subject: &Subject, _range: &SourceRange) -> Option<Value> {
        match subject {
            Subject::Resource { resource, key: Some(key) } => {
                let resources = self.world.resources.borrow();
                let expanded = resources.get(&(self.module.clone(), resource.clone()))?;
                expanded.values.get(key).cloned()
            }
            Subject::Module { name, key: Some(key), output: Some(output) } => {
                let child = self.module.child(name.clone(), key.clone());
                let known = self.world.modules.borrow().repetition.contains_key(&child);
                if known { self.world.output(&child, output).ok() } else { None }
            }
            _ => None,
        }
    }

    fn functions(&self) -> &infra_lang::functions::FunctionContext<'_> {
        self.world.functions
    }
}
