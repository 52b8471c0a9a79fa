//! Configuration for objects that `import` blocks name and no block configures, written from what the import found.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{ProviderConfig, Resource};
use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::config::{Config, Lifecycle, Resource as Block};
use infra_lang::functions::expression_text;
use infra_lang::syntax::{self, Body, NativeBody};
use infra_schema::{Attribute, Block as Schema, NestedBlock, Nesting};
use infra_state::State;
use infra_value::{Kind, Type, Value, value_from_json_implied};

use crate::imports;
use crate::plan::Plan;

/// The configuration with an empty block for each import that has none and is of something not yet in the state.
pub(crate) fn with_stubs(config: &Config, state: &State) -> Config {
    let mut stubbed = config.clone();
    for (import, module, resource) in imports::without_block(config) {
        let present = state.instances().any(|(a, _, _)| a.module.is_root() && a.resource == *resource);
        if !module.is_root() || present {
            continue;
        }
        let range = &import.decl_range;
        let body = NativeBody {
            attributes: Vec::new(),
            blocks: Vec::new(),
            range: range.clone(),
            missing_item_range: range.clone(),
        };
        let stub = Block {
            address: resource.clone(),
            provider: import.provider.clone(),
            count: None,
            for_each: None,
            depends_on: Vec::new(),
            lifecycle: Lifecycle::default(),
            provisioners: Vec::new(),
            connection: None,
            body: Body::Native(body),
            check: None,
            decl_range: range.clone(),
            ty_range: import.to.range.clone(),
        };
        stubbed.root.resources.insert(resource.clone(), stub);
    }
    stubbed
}

/// A block that was written for an object.
pub(crate) struct Generated {
    /// As it goes into the file.
    pub text: String,
    /// The same, to be planned with.
    pub block: Block,
}

/// Writes the block for an object, with its sensitive values marked.
pub(crate) fn generate(
    stub: &Block,
    provider: &ProviderConfig,
    schema: &Schema,
    object: &Value,
    file: &str,
) -> Result<Generated, Diagnostic> {
    let text = text(&stub.address, provider, schema, object);
    let invalid = || {
        let detail = format!("The configuration of {} could not be written. This is a defect of infra.", stub.address);
        Diagnostic::error("Could not generate configuration", detail)
    };
    let file: Arc<str> = file.into();
    let text = syntax::format(&file, &text).map_err(|_| invalid())?;
    let (Body::Native(parsed), _) = syntax::parse_file(&file, &text) else { return Err(invalid()) };
    let written = parsed.blocks.into_iter().next().ok_or_else(invalid)?;
    let mut body = written.body;
    if let Body::Native(body) = &mut body {
        body.attributes.retain(|a| &*a.name != "provider");
    }
    let block = Block { body, decl_range: written.header_range, ty_range: written.ty_range, ..stub.clone() };
    Ok(Generated { text: text.trim_end().to_string(), block })
}

/// A file of generated configuration.
pub struct GeneratedFile {
    /// What it holds.
    pub text: String,
    /// How many lines and bytes there are before each block, by its instance's address.
    starts: BTreeMap<String, (usize, usize)>,
}

impl GeneratedFile {
    /// Blocks are written one by one: what was found wrong with one is moved to where the block stands in the file.
    pub fn place(&self, problems: &mut Diagnostics, file: &str) {
        for problem in problems.0.iter_mut() {
            let start = problem.address.as_ref().and_then(|address| self.starts.get(address));
            let (Some((lines, bytes)), Some(range)) = (start, &mut problem.subject) else { continue };
            if *range.file == *file {
                for place in [&mut range.start, &mut range.end] {
                    place.line += u32::try_from(*lines).unwrap_or_default();
                    place.byte += u32::try_from(*bytes).unwrap_or_default();
                }
            }
        }
    }
}

/// The file with everything that was generated for a plan, in the order of the `import` blocks; what could not be planned
/// comes last. `None` if nothing was.
pub fn file(config: &Config, plan: &Plan) -> Option<GeneratedFile> {
    let place = |resource: &Resource| {
        let named = |(_, r): &(_, Resource)| r == resource;
        config.root.imports.iter().position(|i| i.to_resource.as_ref().is_some_and(named))
    };
    let mut found: Vec<_> =
        plan.changes.iter().filter_map(|change| Some((change, change.generated_config.as_ref()?))).collect();
    found.sort_by_key(|(change, _)| (change.importing.is_none(), place(&change.address.resource)));
    if found.is_empty() {
        return None;
    }
    let mut starts = BTreeMap::new();
    let mut file = String::from(
        "# __generated__ by Terraform\n# Please review these resources and move them into your main configuration files.\n",
    );
    for (change, text) in found {
        let from = change.importing.as_ref().map(|id| format!(" from {id:?}")).unwrap_or_default();
        file.push_str(&format!("\n# __generated__ by Terraform{from}\n"));
        starts.insert(change.address.to_string(), (file.matches('\n').count(), file.len()));
        file.push_str(&format!("{text}\n"));
    }
    Some(GeneratedFile { text: file, starts })
}

fn text(address: &Resource, provider: &ProviderConfig, schema: &Schema, object: &Value) -> String {
    let mut out = format!("resource \"{}\" \"{}\" {{\n", address.ty, address.name);
    let local_name = provider.source.name();
    if provider.alias.is_some() || local_name != address.implied_provider() {
        let alias = provider.alias.as_ref().map(|a| format!(".{a}")).unwrap_or_default();
        out.push_str(&format!("provider = {local_name}{alias}\n"));
    }
    attributes(schema, object, true, &mut out);
    blocks(schema, object, &mut out);
    out.push_str("}\n");
    out
}

/// Whether an attribute is written at all: not what only the provider can set, and not what should no longer be used.
fn is_written(name: &str, attribute: &Attribute, top: bool) -> bool {
    // An identifier that may be set and is computed is one in name only.
    let identifier = top && name == "id" && attribute.optional && attribute.computed && attribute.ty == Type::String;
    !attribute.is_computed_only() && !attribute.deprecated && !identifier
}

fn attributes(schema: &Schema, object: &Value, top: bool, out: &mut String) {
    let written = schema.attributes.iter().filter(|(name, attribute)| is_written(name, attribute, top));
    for (name, attribute) in written {
        let value = object.get(name).cloned().unwrap_or_else(|| Value::null(attribute.ty.clone()));
        let text = match attribute.sensitive || value.is_sensitive() {
            true => "null # sensitive".to_string(),
            false => expression(attribute, &value.unmark_deep().0),
        };
        out.push_str(&format!("{name} = {text}\n"));
    }
}

fn expression(attribute: &Attribute, value: &Value) -> String {
    let Some(text) = value.as_str() else { return expression_text(value) };
    // Providers of the older kind say "" for what is not set.
    if text.is_empty() && attribute.optional {
        return "null".to_string();
    }
    let trimmed = text.trim();
    let structure = if trimmed.starts_with(['{', '[']) { serde_json::from_str(trimmed).ok() } else { None };
    match structure.and_then(|json: serde_json::Value| value_from_json_implied(&json).ok()) {
        Some(inner) => format!("jsonencode({})", expression_text(&inner)),
        None => expression_text(value),
    }
}

fn blocks(schema: &Schema, object: &Value, out: &mut String) {
    for (name, nested) in schema.blocks.iter().filter(|(_, nested)| !nested.deprecated) {
        if let Some(value) = object.get(name) {
            nested_blocks(name, nested, value, out);
        }
    }
}

fn nested_blocks(name: &str, nested: &NestedBlock, value: &Value, out: &mut String) {
    let inside = |label: &str, inner: &Value, out: &mut String| {
        out.push_str(&format!("{name} {label}{{\n"));
        attributes(&nested.block, inner, false, out);
        blocks(&nested.block, inner, out);
        out.push_str("}\n");
    };
    if value.is_null() {
        return;
    }
    if value.is_sensitive() {
        out.push_str(&format!("{name} {{}} # sensitive\n"));
        return;
    }
    match (nested.nesting, value.kind()) {
        (Nesting::Single | Nesting::Group, _) => inside("", value, out),
        (_, Kind::List(_, elements) | Kind::Set(_, elements) | Kind::Tuple(elements)) => {
            elements.iter().for_each(|element| inside("", element, out));
        }
        (_, Kind::Map(_, members) | Kind::Object(members)) => {
            for (key, element) in members.iter() {
                inside(&format!("{} ", expression_text(&Value::string(key))), element, out);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_address::ProviderSource;
    use infra_schema::parse_schema;
    use infra_value::Marks;

    #[test]
    fn a_block_holds_what_can_be_set_as_it_was_found() {
        let schema = r#"{"block": {"attributes": {
            "id": {"type": "string", "optional": true, "computed": true},
            "arn": {"type": "string", "computed": true},
            "old": {"type": "string", "optional": true, "deprecated": true},
            "name": {"type": "string", "required": true},
            "kms_key": {"type": "string", "optional": true},
            "size": {"type": "number", "optional": true},
            "password": {"type": "string", "optional": true, "sensitive": true},
            "policy": {"type": "string", "optional": true},
            "tags": {"type": ["map", "string"], "optional": true}
        }, "block_types": {
            "rule": {"nesting_mode": "list", "block": {"attributes": {"id": {"type": "string", "optional": true, "computed": true}}}},
            "former": {"nesting_mode": "list", "block": {"deprecated": true, "attributes": {"id": {"type": "string", "optional": true}}}},
            "timeouts": {"nesting_mode": "single", "block": {"attributes": {"create": {"type": "string", "optional": true}}}}
        }}}"#;
        let schema = parse_schema(schema).map(|s| s.block).unwrap_or_default();
        let rule = Value::object([("id", Value::string("a$"))]);
        let mut members: Vec<(&str, Value)> = vec![
            ("id", Value::string("i-1")),
            ("arn", Value::string("arn:x")),
            ("old", Value::string("o")),
            ("name", Value::string("${n}")),
            ("kms_key", Value::string("")),
            ("size", Value::from(0_i64)),
            ("password", Value::string("secret")),
            ("policy", Value::string(r#" {"b": [1, true], "a": null}"#)),
            ("tags", Value::map(Type::String, [("my key", Value::string("v")), ("Name", Value::string("n"))])),
            ("former", Value::list(rule.ty(), [rule.clone()])),
            ("rule", Value::list(rule.ty(), [rule])),
        ];
        members.push(("timeouts", Value::null(Type::object([("create", Type::String)]))));
        let provider = ProviderConfig {
            module: infra_address::ModulePath::root(),
            source: ProviderSource::parse("hashicorp/aws"),
            alias: Some("east".into()),
        };
        let address = Resource::managed("aws_thing", "t");
        let text = text(&address, &provider, &schema, &Value::object(members));
        let text = syntax::format(&"g.tf".into(), &text).unwrap_or_default();
        insta::assert_snapshot!(text, @r#"
        resource "aws_thing" "t" {
          provider = aws.east
          kms_key  = null
          name     = "$${n}"
          password = null # sensitive
          policy = jsonencode({
            a = null
            b = [1, true]
          })
          size = 0
          tags = {
            Name     = "n"
            "my key" = "v"
          }
          rule {
            id = "a$"
          }
        }
        "#);
        let secret = Value::object([("name", Value::string("x").with_marks(Marks::SENSITIVE))]);
        let mut out = String::new();
        attributes(&schema, &secret, true, &mut out);
        assert!(out.contains("name = null # sensitive\n"), "{out}");
    }
}
