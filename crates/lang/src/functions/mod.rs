//! The built-in functions: one table of them, and one way of calling them.
//!
//! A [`Function`] declares its parameters, and [`call`] applies the rules that are the same for all: how many arguments,
//! conversion, nulls, unknowns, marks. A function's body sees only what it declared to handle.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::SystemTime;

use infra_value::{Marks, Members, Type, Value, convert};

pub use self::expression_text::expression as expression_text;
pub use self::quote::quote;

mod amazon;
mod charset;
mod collection;
mod conversion;
mod csv;
mod datetime;
mod encoding;
mod expression_text;
mod filesystem;
mod flatten;
mod format;
mod glob;
mod hash;
mod json;
mod lists;
mod network;
mod numeric;
mod pattern;
pub(crate) mod quote;
mod regex;
mod rsa;
mod secrecy;
mod set;
mod string;
mod terraform;
mod yaml_read;
mod yaml_time;
mod yaml_write;

#[cfg(test)]
mod tests;

/// The functions that get their arguments as expressions, which the evaluator therefore calls itself.
pub const UNEVALUATED: [&str; 2] = ["can", "try"];

/// A built-in function.
#[derive(Debug)]
pub struct Function {
    /// The name as it is called, with the namespace if it has one other than `core`.
    pub name: &'static str,
    /// The parameters that every call must give.
    pub params: &'static [Param],
    /// What any further arguments are.
    pub variadic: Option<Param>,
    /// Whether the result is never null: an unknown result says so.
    pub not_null: bool,
    /// The type of the result, as far as the arguments tell it before they are all known.
    pub returns: fn(&[Value]) -> Result<Type, FunctionError>,
    /// The function itself: the arguments, the type that `returns` gave, and the surroundings.
    pub body: fn(&[Value], &Type, &FunctionContext<'_>) -> Result<Value, FunctionError>,
}

/// A parameter of a function, and what the function itself handles in an argument for it.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// The name, as messages have it.
    pub name: &'static str,
    /// What the argument is converted to.
    pub ty: ParamType,
    /// Whether null is allowed.
    pub allow_null: bool,
    /// Whether the body is called with an unknown argument (otherwise the result is unknown).
    pub allow_unknown: bool,
    /// Whether the body gets the argument with its marks (otherwise they all go to the result).
    pub allow_marked: bool,
    /// Whether the body is called with an argument of unknown type (otherwise the result is unknown).
    pub allow_dynamic: bool,
}

/// The type of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamType {
    /// Anything.
    Any,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(any)`
    ListOfAny,
    /// `list(bool)`
    ListOfBool,
    /// `list(string)`
    ListOfString,
    /// `set(any)`
    SetOfAny,
    /// `map(list(string))`
    MapOfListOfString,
}

impl ParamType {
    /// The type.
    pub fn ty(self) -> Type {
        match self {
            ParamType::Any => Type::Dynamic,
            ParamType::Bool => Type::Bool,
            ParamType::Number => Type::Number,
            ParamType::String => Type::String,
            ParamType::ListOfAny => Type::list(Type::Dynamic),
            ParamType::ListOfBool => Type::list(Type::Bool),
            ParamType::ListOfString => Type::list(Type::String),
            ParamType::SetOfAny => Type::set(Type::Dynamic),
            ParamType::MapOfListOfString => Type::map(Type::list(Type::String)),
        }
    }
}

impl Param {
    /// A parameter that allows nothing special.
    const fn new(name: &'static str, ty: ParamType) -> Param {
        Param { name, ty, allow_null: false, allow_unknown: false, allow_marked: false, allow_dynamic: false }
    }
    /// A parameter of any type.
    const fn any(name: &'static str) -> Param {
        Param::new(name, ParamType::Any)
    }
    /// A number.
    const fn number(name: &'static str) -> Param {
        Param::new(name, ParamType::Number)
    }
    /// A string.
    const fn string(name: &'static str) -> Param {
        Param::new(name, ParamType::String)
    }
    /// The same, and null is allowed.
    const fn or_null(mut self) -> Param {
        self.allow_null = true;
        self
    }
    /// The same, and unknown is allowed.
    const fn or_unknown(mut self) -> Param {
        self.allow_unknown = true;
        self
    }
    /// The same, and the body sees the marks.
    const fn with_marks(mut self) -> Param {
        self.allow_marked = true;
        self
    }
    /// The same, and its type may be unknown.
    const fn or_dynamic(mut self) -> Param {
        self.allow_dynamic = true;
        self
    }
}

/// What a run is doing, as far as functions ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Validating or planning: what differs from call to call (`timestamp`, `uuid`, `bcrypt`) is not known yet.
    Plan,
    /// Applying, or the console: everything is evaluated.
    Apply,
}

/// Renders a template text: the text, the name of the file that it is from (for positions), and the variables.
pub type RenderTemplate<'a> = dyn Fn(&str, &str, &Members) -> Result<Value, FunctionError> + 'a;

/// What functions know about their surroundings.
#[derive(Clone)]
pub struct FunctionContext<'a> {
    /// What relative paths are relative to: the folder of the root module.
    pub base_dir: PathBuf,
    /// The home folder of the user, which `~` stands for.
    pub home_dir: Option<PathBuf>,
    /// Whether this is before the apply.
    pub phase: Phase,
    /// When the plan was made; `None` before there is one.
    pub plan_timestamp: Option<SystemTime>,
    /// The clock.
    pub now: &'a dyn Fn() -> SystemTime,
    /// How a template is rendered.
    pub render_template: &'a RenderTemplate<'a>,
    /// Whether the call stands inside of a template that a function renders.
    pub inside_template: bool,
}

/// Why a call of a function has no result.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// What kind of fault.
    pub kind: FunctionErrorKind,
    /// The argument at fault, counted from zero.
    pub argument: Option<usize>,
    /// What is wrong, as the end of a sentence that names the function or the parameter, without a full stop.
    pub message: String,
}

/// The kinds of faults of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FunctionErrorKind {
    /// An argument is missing.
    TooFewArguments,
    /// There is an argument too many: the one that `argument` names.
    TooManyArguments,
    /// An argument does not suit its parameter.
    Argument,
    /// The call failed.
    Call,
}

impl FunctionError {
    /// The call failed.
    pub fn call(message: impl Into<String>) -> FunctionError {
        FunctionError { kind: FunctionErrorKind::Call, argument: None, message: message.into() }
    }
    /// An argument (counted from zero) does not suit.
    pub fn argument(index: usize, message: impl Into<String>) -> FunctionError {
        FunctionError { kind: FunctionErrorKind::Argument, argument: Some(index), message: message.into() }
    }
    /// What Terraform calls this kind of error.
    pub fn summary(&self) -> &'static str {
        match self.kind {
            FunctionErrorKind::TooFewArguments => "Not enough function arguments",
            FunctionErrorKind::TooManyArguments => "Too many function arguments",
            FunctionErrorKind::Argument => "Invalid function argument",
            FunctionErrorKind::Call => "Error in function call",
        }
    }
    /// The whole sentence about a call of `function`, which was called by the name `called`.
    pub fn detail(&self, function: &Function, called: &str) -> String {
        match (self.kind, self.argument) {
            (FunctionErrorKind::Argument, Some(index)) => {
                let name = function.param(index).map_or("", |p| p.name);
                format!("Invalid value for \"{name}\" parameter: {}.", self.message)
            }
            (FunctionErrorKind::TooFewArguments | FunctionErrorKind::TooManyArguments, _) => {
                format!("Function \"{called}\" {}.", self.message)
            }
            _ => format!("Call to function \"{called}\" failed: {}.", self.message),
        }
    }
}

impl Function {
    /// The parameter that the argument with this index (counted from zero) is for.
    pub fn param(&self, index: usize) -> Option<&Param> {
        self.params.get(index).or(self.variadic.as_ref())
    }
}

/// Calls a function: checks and converts the arguments, passes unknowns and marks on.
pub fn call(function: &Function, args: &[Value], cx: &FunctionContext<'_>) -> Result<Value, FunctionError> {
    check_count(function, args.len())?;
    let mut converted = Vec::with_capacity(args.len());
    for (index, arg) in args.iter().enumerate() {
        match function.param(index) {
            Some(param) if param.ty != ParamType::Any => {
                let arg = convert(arg, &param.ty.ty()).map_err(|e| FunctionError::argument(index, e.to_string()))?;
                converted.push(arg);
            }
            _ => converted.push(arg.clone()),
        }
    }

    let mut marks = Marks::NONE;
    let mut unknown = false;
    let mut untyped = false;
    for (index, arg) in converted.iter_mut().enumerate() {
        let Some(param) = function.param(index) else { continue };
        if !param.allow_marked {
            let (bare, own) = arg.unmark_deep();
            *arg = bare;
            marks |= own;
        }
        if arg.is_null() && !param.allow_null {
            return Err(FunctionError::argument(index, "argument must not be null"));
        }
        untyped |= arg.has_unknown_type() && !param.allow_dynamic;
        unknown |= !arg.is_known() && !param.allow_unknown;
    }
    if untyped {
        return Ok(Value::dynamic().with_marks(marks));
    }
    let hide = |e: FunctionError| secrecy::without_secrets(e, args);
    let ty = (function.returns)(&converted).map_err(hide)?;
    let result = if unknown { Value::unknown(ty) } else { (function.body)(&converted, &ty, cx).map_err(hide)? };
    let result = if function.not_null { result.refine_not_null() } else { result };
    Ok(result.with_marks(marks))
}

fn check_count(function: &Function, given: usize) -> Result<(), FunctionError> {
    let needed = function.params.len();
    if let Some(missing) = function.params.get(given) {
        let at_least = if function.variadic.is_some() { "at least " } else { "" };
        return Err(FunctionError {
            kind: FunctionErrorKind::TooFewArguments,
            argument: None,
            message: format!("expects {at_least}{needed} argument(s). Missing value for \"{}\"", missing.name),
        });
    }
    if given > needed && function.variadic.is_none() {
        return Err(FunctionError {
            kind: FunctionErrorKind::TooManyArguments,
            argument: Some(needed),
            message: format!("expects only {needed} argument(s)"),
        });
    }
    Ok(())
}

static TABLE: LazyLock<BTreeMap<&'static str, &'static Function>> = LazyLock::new(|| {
    let groups: [&[Function]; 17] = [
        numeric::FUNCTIONS,
        string::FUNCTIONS,
        regex::FUNCTIONS,
        format::FUNCTIONS,
        collection::FUNCTIONS,
        lists::FUNCTIONS,
        flatten::FUNCTIONS,
        set::FUNCTIONS,
        encoding::FUNCTIONS,
        charset::FUNCTIONS,
        hash::FUNCTIONS,
        datetime::FUNCTIONS,
        network::FUNCTIONS,
        filesystem::FUNCTIONS,
        conversion::FUNCTIONS,
        amazon::FUNCTIONS,
        terraform::FUNCTIONS,
    ];
    groups.into_iter().flatten().map(|f| (f.name, f)).collect()
});

/// The function of a name; `core::name` is the same as `name`. Not those of [`UNEVALUATED`].
pub fn lookup(name: &str) -> Option<&'static Function> {
    TABLE.get(name.strip_prefix("core::").unwrap_or(name)).copied()
}

/// The names of all functions, sorted, those of [`UNEVALUATED`] too.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = TABLE.keys().copied().chain(UNEVALUATED).collect();
    names.sort_unstable();
    names
}

/// What a call gives may have so many elements, and a text so many bytes. No configuration comes near; what does is a
/// mistake that would exhaust the memory.
const MOST_ELEMENTS: usize = 5_000_000;
const MOST_BYTES: usize = 256 << 20;

/// Refuses a result of this size, if it is beyond all measure.
fn within_bounds(size: Option<usize>, most: usize, what: &str) -> Result<(), FunctionError> {
    match size {
        Some(size) if size <= most => Ok(()),
        _ => Err(FunctionError::call(format!("the result would have more than {most} {what}"))),
    }
}

/// The text of an argument that is known to be one.
fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A whole number that fits 64 bits, as counts and offsets must be.
fn whole(value: &Value) -> Result<i64, String> {
    value
        .as_i64()
        .ok_or_else(|| "value must be a whole number, between -9223372036854775808 and 9223372036854775807".to_owned())
}

fn gives_any(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::Dynamic)
}
fn gives_bool(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::Bool)
}
fn gives_number(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::Number)
}
fn gives_string(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::String)
}
fn gives_strings(_: &[Value]) -> Result<Type, FunctionError> {
    Ok(Type::list(Type::String))
}
