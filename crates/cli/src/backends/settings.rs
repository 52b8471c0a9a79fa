//! The settings of a backend: what its block and the options of `init` say, as one value; and the hash by which a later
//! run sees that the block has changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_backend::{S3Backend, S3Settings, argument_names, argument_type};
use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange, Sources};
use infra_lang::config::Backend as Declared;
use infra_lang::eval::{Scope, Subject, decode_body, evaluate};
use infra_lang::functions::{FunctionContext, Phase, quote};
use infra_lang::syntax::{Body, Found, parse_expression, parse_file, parse_json_file};
use infra_provider::Problem;
use infra_schema::{Attribute, Block};
use infra_state::{Backend, LocalBackend};
use infra_value::{Kind as ValueKind, Members, PathStep, Type, Value, convert};

use crate::session::with_functions;
use crate::store;

/// The backends that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Files.
    Local,
    /// Objects in S3.
    S3,
}

impl Kind {
    /// The one that a block names.
    ///
    /// # Errors
    /// When there is no such backend: says which there are.
    pub fn of(block: &Declared) -> Result<Kind, Diagnostic> {
        let problem = match &*block.ty {
            "local" => return Ok(Kind::Local),
            "s3" => return Ok(Kind::S3),
            "cloud" => Diagnostic::error(
                "Unsupported cloud block",
                "infra does not work with HCP Terraform. It keeps states in a file (backend \"local\", or no block) or in S3 \
                 (backend \"s3\"). To move a state, pull it with Terraform (terraform state pull) and push it with infra \
                 state push.",
            ),
            other => Diagnostic::error(
                "Unsupported backend type",
                format!(
                    "There is no backend {other:?} here. There are \"local\" (a file) and \"s3\" (an object in S3). To move a \
                     state, pull it with Terraform (terraform state pull) and push it with infra state push."
                ),
            ),
        };
        Err(problem.at(block.ty_range.clone()))
    }

    /// The one with a name.
    pub fn named(name: &str) -> Option<Kind> {
        [Kind::Local, Kind::S3].into_iter().find(|kind| kind.name() == name)
    }

    /// As blocks name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Local => "local",
            Kind::S3 => "s3",
        }
    }

    /// Its arguments and their types.
    pub fn arguments(self) -> BTreeMap<Arc<str>, Type> {
        match self {
            Kind::Local => ["path", "workspace_dir"].into_iter().map(|name| (name.into(), Type::String)).collect(),
            Kind::S3 => argument_names().filter_map(|name| Some((name.into(), argument_type(name)?))).collect(),
        }
    }

    /// What somebody is asked for if it is missing: argument, and what it is.
    pub fn required(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Kind::Local => &[],
            Kind::S3 => &[("bucket", "The name of the S3 bucket"), ("key", "The path of the state inside the bucket")],
        }
    }

    fn schema(self) -> Block {
        let attributes = self.arguments().into_iter().map(|(name, ty)| {
            let attribute = Attribute {
                ty,
                required: false,
                optional: true,
                computed: false,
                sensitive: false,
                write_only: false,
                deprecated: false,
                default: None,
                force_new: false,
            };
            (name, attribute)
        });
        Block { attributes: attributes.collect(), ..Block::default() }
    }
}

/// A backend with its settings: every argument has a value, null where it is not set.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub kind: Kind,
    pub values: BTreeMap<Arc<str>, Value>,
}

impl Settings {
    /// Nothing set.
    pub fn none(kind: Kind) -> Settings {
        let values = kind.arguments().into_iter().map(|(name, ty)| (name, Value::null(ty.without_optional())));
        Settings { kind, values: values.collect() }
    }

    /// What a block says.
    pub fn of(block: &Declared) -> Result<Settings, Diagnostics> {
        let kind = Kind::of(block)?;
        let values = decode(kind, &block.body)?;
        Ok(Settings { kind, values })
    }

    /// The same with what `-backend-config` says over it: `NAME=VALUE`, or a file.
    pub fn with(mut self, given: &[String], sources: &mut Sources) -> Result<Settings, Diagnostics> {
        let mut problems = Diagnostics::new();
        for item in given.iter().filter(|item| !item.is_empty()) {
            match item.split_once('=') {
                Some((name, text)) => match self.kind.arguments().get(name) {
                    Some(ty) => match argument(name, text, ty) {
                        Ok(value) => drop(self.values.insert(name.into(), value)),
                        Err(more) => problems.extend(more),
                    },
                    None => problems.push(Diagnostic::error(
                        "Invalid backend configuration argument",
                        format!("The backend {:?} has no argument {name:?}.", self.kind.name()),
                    )),
                },
                None => match from_file(self.kind, Path::new(item), sources) {
                    Ok(values) => self.values.extend(values),
                    Err(more) => problems.extend(more),
                },
            }
        }
        if problems.has_errors() { Err(problems) } else { Ok(self) }
    }

    /// The settings in an object, such as the `config` of a data source; `wrong` says what is wrong in words.
    pub fn from_object(kind: Kind, members: &Members) -> Result<Settings, String> {
        let mut settings = Settings::none(kind);
        let types = kind.arguments();
        for (name, value) in members {
            let Some(ty) = types.get(name) else { return Err(format!("there is no argument {name:?}")) };
            let value = convert(value, ty).map_err(|error| format!("argument {name:?}: {error}"))?;
            settings.values.insert(name.clone(), value);
        }
        Ok(settings)
    }

    /// The text of an argument, if it is set.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).and_then(Value::as_str)
    }

    /// The backend with these settings. `block` is where they are written.
    pub fn open(&self, block: Option<&Declared>) -> Result<(Arc<dyn Backend>, Diagnostics), Diagnostics> {
        match self.kind {
            Kind::Local => {
                let path = |name: &str| self.text(name).filter(|text| !text.is_empty()).map(PathBuf::from);
                let local = LocalBackend { path: path("path"), workspace_dir: path("workspace_dir") };
                Ok((Arc::new(local), Diagnostics::new()))
            }
            Kind::S3 => {
                let located = |problems: Vec<Problem>| -> Diagnostics {
                    problems.into_iter().map(|problem| located(problem, block)).collect()
                };
                let attributes = self.values.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
                let settings = S3Settings::from_attributes(&attributes).map_err(located)?;
                let warnings = located(settings.warnings().to_vec());
                let backend = S3Backend::connect(settings).map_err(located)?.with_folder(store::data_dir());
                Ok((Arc::new(backend), warnings))
            }
        }
    }

    /// What Terraform calls the hash of a block: a CRC of the type and the values in a notation of their own.
    pub fn hash(&self) -> u64 {
        let mut text = format!("<{};<", quote(self.kind.name()));
        for value in self.values.values() {
            notation(value, &mut text);
            text.push(';');
        }
        text.push_str(">;>");
        u64::from(crc32(text.as_bytes()))
    }
}

/// A problem with the settings, at the argument that it is about.
fn located(problem: Problem, block: Option<&Declared>) -> Diagnostic {
    let range = block.map(|block| place_in(&block.body, &problem));
    Diagnostic { severity: problem.severity, ..Diagnostic::error(problem.summary, problem.detail) }.at(range)
}

fn place_in(body: &Body, problem: &Problem) -> SourceRange {
    let name = match problem.path.0.first() {
        Some(PathStep::Attribute(name)) => Some(name),
        _ => None,
    };
    let (attributes, _) = body.just_attributes();
    let found = name.and_then(|name| attributes.into_iter().find(|attribute| attribute.name == *name));
    found.map_or_else(|| body.missing_item_range(), |attribute| attribute.expr.range)
}

fn from_file(kind: Kind, path: &Path, sources: &mut Sources) -> Result<BTreeMap<Arc<str>, Value>, Diagnostics> {
    let name: Arc<str> = path.to_string_lossy().into();
    let text = std::fs::read_to_string(path).map_err(|error| {
        Diagnostic::error(
            "Failed to read backend configuration file",
            format!("{name}: {error}. -backend-config takes a file, or one setting as NAME=VALUE."),
        )
    })?;
    let (body, problems) =
        if name.ends_with(".json") { parse_json_file(&name, &text) } else { parse_file(&name, &text) };
    sources.insert(name, text.as_str().into());
    if problems.has_errors() {
        return Err(problems);
    }
    let mut values = decode(kind, &body)?;
    let (written, _) = body.just_attributes();
    values.retain(|name, _| written.iter().any(|attribute| attribute.name == *name));
    Ok(values)
}

/// `NAME=VALUE`: the text as it is where the argument is a plain one, an expression where it is not.
fn argument(name: &str, text: &str, ty: &Type) -> Result<Value, Diagnostics> {
    let wrong = |why: String| {
        Diagnostic::error("Invalid backend configuration value", format!("-backend-config={name}=…: {why}."))
    };
    let given = match ty.is_primitive() {
        true => Value::string(text),
        false => {
            let file: Arc<str> = format!("-backend-config={name}").into();
            let expr = parse_expression(&file, text, Pos::default())?;
            constants(|scope| evaluate(&expr, scope))?
        }
    };
    convert(&given, ty).map_err(|error| wrong(error.to_string()).into())
}

/// The values of a body's arguments, which have to be constant.
fn decode(kind: Kind, body: &Body) -> Result<BTreeMap<Arc<str>, Value>, Diagnostics> {
    let mut calls = Diagnostics::new();
    for attribute in body.just_attributes().0 {
        attribute.expr.walk(&mut |found| {
            if let Found::Call(call) = found {
                let range = call.name_range.to(&call.close_range);
                calls.push(Diagnostic::error("Function calls not allowed", CONSTANT).at(range));
            }
        });
    }
    if calls.has_errors() {
        return Err(calls);
    }
    let (value, problems) = constants(|scope| decode_body(body, &kind.schema(), scope, &[]));
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(value.members().cloned().unwrap_or_default().into_iter().collect())
}

const CONSTANT: &str = "The settings of a backend are needed before anything is evaluated: they have to be constant. What differs from run to \
     run can be given to init: -backend-config=NAME=VALUE, or a file.";

/// A scope in which nothing has a name.
struct Constants<'a> {
    functions: &'a FunctionContext<'a>,
}

impl Scope for Constants<'_> {
    fn value(&self, _: &Subject, range: &SourceRange) -> Result<Value, Diagnostics> {
        Err(Diagnostic::error("Variables not allowed", CONSTANT).at(range.clone()).into())
    }

    fn functions(&self) -> &FunctionContext<'_> {
        self.functions
    }
}

fn constants<T>(f: impl FnOnce(&dyn Scope) -> T) -> T {
    with_functions(Phase::Plan, None, |functions| f(&Constants { functions }))
}

/// The notation that the hash is made of.
fn notation(value: &Value, out: &mut String) {
    if !value.is_known() {
        return out.push('?');
    }
    let mut all = |values: &mut dyn Iterator<Item = &Value>, open: char, close: char| {
        out.push(open);
        for value in values {
            notation(value, out);
            out.push(';');
        }
        out.push(close);
    };
    match value.kind() {
        ValueKind::List(_, elements) | ValueKind::Set(_, elements) => all(&mut elements.iter(), '[', ']'),
        ValueKind::Tuple(elements) => all(&mut elements.iter(), '<', '>'),
        ValueKind::Object(members) => all(&mut members.values(), '<', '>'),
        ValueKind::Map(_, members) => {
            out.push('{');
            for (key, value) in members.iter() {
                out.push_str(&quote(key));
                out.push(':');
                notation(value, out);
                out.push(';');
            }
            out.push('}');
        }
        ValueKind::Bool(b) => out.push(if *b { 'T' } else { 'F' }),
        ValueKind::Number(number) => out.push_str(&number.to_string()),
        ValueKind::String(text) => out.push_str(&quote(text)),
        _ => out.push('~'),
    }
}

/// The CRC-32 of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & 0u32.wrapping_sub(crc & 1)))
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Declared {
        let (body, problems) = parse_file(&"main.tf".into(), text);
        assert!(!problems.has_errors(), "{problems:?}");
        let range = body.range().clone();
        let ty = if text.contains("bucket") { "s3" } else { "local" };
        Declared { ty: ty.into(), body, ty_range: range.clone(), decl_range: range }
    }

    /// As Terraform 1.11.4 records them.
    #[test]
    fn the_hash_is_terraforms() {
        let full = r#"
            bucket = "states"
            key = "a/terraform.tfstate"
            region = "eu-west-1"
            use_path_style = true
            use_lockfile = "true"
            max_retries = 5
            allowed_account_ids = ["123456789012", "000000000000"]
            skip_requesting_account_id = false
        "#;
        assert_eq!(Settings::of(&block(full)).map(|s| s.hash()), Ok(1_536_755_725));
    }

    #[test]
    fn options_go_over_the_block_and_later_ones_over_earlier_ones() {
        let block = block("bucket = \"states\"\nkey = \"a\"\nencrypt = true");
        let given = ["key=b", "encrypt=false", "region=eu-west-1", "key=c=d", "assume_role={role_arn=\"r\"}"];
        let given: Vec<String> = given.iter().map(ToString::to_string).collect();
        let settings = Settings::of(&block).and_then(|s| s.with(&given, &mut Sources::default())).unwrap();
        assert_eq!(settings.text("key"), Some("c=d"));
        assert_eq!(settings.values["encrypt"], Value::bool(false));
        let role = &settings.values["assume_role"];
        assert_eq!(role.get("role_arn"), Some(&Value::string("r")));
        assert!(role.get("duration").is_some_and(Value::is_null));
        for wrong in ["keys=b", "max_retries=many", "assume_role={", "no/such/file"] {
            assert!(settings.clone().with(&[wrong.to_string()], &mut Sources::default()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn settings_are_constant() {
        for (text, summary) in [
            ("bucket = var.b", "Variables not allowed"),
            ("bucket = lower(\"B\")", "Function calls not allowed"),
            ("bucket = \"b\"\nshade = 1", "Unsupported argument"),
            ("bucket = \"b\"\nassume_role {}", "Unsupported block type"),
        ] {
            let problems = Settings::of(&block(text)).unwrap_err();
            assert_eq!(problems.iter().next().map(|p| &*p.summary), Some(summary), "{text}");
        }
    }
}
