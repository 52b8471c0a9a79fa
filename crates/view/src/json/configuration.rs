//! The `configuration` part of a plan's published JSON: what the files say, before anything is evaluated.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use infra_address::{ModulePath, ProviderConfig, ResourceMode};
use infra_engine::Registry;
use infra_lang::config::{Config, Module, ModuleCall, Resource};
use infra_lang::eval::{Reference, Subject, evaluate_with_variables};
use infra_lang::functions::{FunctionContext, FunctionError, Phase};
use infra_lang::syntax::{
    AttributeSchema, BlockSchema, Body, BodySchema, Expr, ExprKind, Found, Traversal, TraversalStep,
};
use infra_schema::{Attribute, Block, Nesting};
use infra_value::{Members, Value};
use serde_json::{Map, Value as Json, json};

use super::value::known_json;

/// What the configuration says, with expressions as their constant values or as what they refer to.
pub fn configuration_json(config: &Config, registry: &Registry) -> Json {
    let mut top = Map::new();
    let providers = provider_configs(config, registry);
    if !providers.is_empty() {
        top.insert("provider_config".into(), Json::Object(providers));
    }
    top.insert("root_module".into(), module(config, &config.root, registry));
    Json::Object(top)
}

/// The key of a provider configuration: `aws`, `aws.west`, `module.m:aws`.
fn provider_key(config: &Config, provider: &ProviderConfig) -> String {
    let local_name = config
        .module(&provider.module)
        .and_then(|module| module.required_providers.values().find(|r| r.source == provider.source))
        .map_or_else(|| provider.source.name().to_string(), |required| required.local_name.to_string());
    key(&provider.module, &local_name, provider.alias.as_deref())
}

fn key(module: &ModulePath, local_name: &str, alias: Option<&str>) -> String {
    let module = if module.is_root() { String::new() } else { format!("{module}:") };
    let alias = alias.map(|a| format!(".{a}")).unwrap_or_default();
    format!("{module}{local_name}{alias}")
}

fn provider_configs(config: &Config, registry: &Registry) -> Map<String, Json> {
    let mut all: BTreeMap<String, Json> = BTreeMap::new();
    let describe = |module: &Module, local_name: &str, alias: Option<&str>| {
        let source = module.provider_source(local_name);
        let mut json = Map::new();
        json.insert("name".into(), json!(local_name));
        json.insert("full_name".into(), json!(source.to_string()));
        if let Some(alias) = alias {
            json.insert("alias".into(), json!(alias));
        }
        let required = module.required_providers.get(local_name).and_then(|r| r.version.as_ref());
        if let Some(version) = required {
            json.insert("version_constraint".into(), json!(normal_constraint(&version.text)));
        }
        if !module.path.is_root() {
            json.insert("module_address".into(), json!(module.path.to_string()));
        }
        (source, json)
    };
    for module in config.modules() {
        for block in &module.providers {
            let alias = block.alias.as_deref();
            let (source, mut json) = describe(module, &block.local_name, alias);
            let schema = registry.get(&source).map(|provider| provider.config_schema());
            insert_expressions(&mut json, schema.map(|s| expressions(&block.body, &s.block)).unwrap_or_default());
            all.insert(key(&module.path, &block.local_name, alias), Json::Object(json));
        }
        for resource in module.resources.values() {
            let Some(provider) = config.provider_for(&module.path, resource) else { continue };
            let Some(owner) = config.module(&provider.module) else { continue };
            let key = provider_key(config, &provider);
            let name = key.rsplit(':').next().unwrap_or(&key);
            let name = name.split('.').next().unwrap_or(name);
            let described = || Json::Object(describe(owner, name, provider.alias.as_deref()).1);
            all.entry(key.clone()).or_insert_with(described);
        }
    }
    all.into_iter().collect()
}

/// The parts of a version constraint from the lowest version to the highest, in their usual spelling.
fn normal_constraint(text: &str) -> String {
    let mut parts: Vec<(Vec<u64>, String)> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let version = part.trim_start_matches(['=', '!', '<', '>', '~', ' ']);
        let operator = part[..part.len() - version.len()].trim();
        let mut written: Vec<String> = version.split('.').map(str::to_string).collect();
        while operator != "~>" && written.len() < 3 {
            written.push("0".into());
        }
        let numbers = written.iter().map(|n| n.split('-').next().and_then(|n| n.parse().ok()).unwrap_or(0)).collect();
        let written = written.join(".");
        let spelled = if matches!(operator, "" | "=") { written } else { format!("{operator} {written}") };
        parts.push((numbers, spelled));
    }
    parts.sort();
    parts.dedup();
    parts.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(", ")
}

fn module(config: &Config, module: &Module, registry: &Registry) -> Json {
    let mut json = Map::new();
    let outputs: Map<String, Json> = module.outputs.iter().map(|(name, o)| (name.to_string(), output(o))).collect();
    insert_object(&mut json, "outputs", outputs);
    let mut resources = Vec::new();
    for mode in [ResourceMode::Managed, ResourceMode::Data] {
        let mut of_mode: Vec<&Resource> = module.resources_of(mode).collect();
        of_mode.sort_by_key(|r| r.address.to_string());
        resources.extend(of_mode.into_iter().map(|r| resource(config, module, r, registry)));
    }
    if !resources.is_empty() {
        json.insert("resources".into(), Json::Array(resources));
    }
    let calls: Map<String, Json> = module
        .module_calls
        .iter()
        .map(|(name, call)| (name.to_string(), module_call(config, call, module.children.get(name), registry)))
        .collect();
    insert_object(&mut json, "module_calls", calls);
    let variables: Map<String, Json> = module
        .variables
        .iter()
        .map(|(name, variable)| {
            let mut json = Map::new();
            if let Some(default) = &variable.default {
                json.insert("default".into(), known_json(default).unwrap_or(Json::Null));
            }
            if let Some(text) = variable.description.as_ref().filter(|text| !text.is_empty()) {
                json.insert("description".into(), json!(**text));
            }
            if variable.sensitive {
                json.insert("sensitive".into(), json!(true));
            }
            (name.to_string(), Json::Object(json))
        })
        .collect();
    insert_object(&mut json, "variables", variables);
    Json::Object(json)
}

fn insert_object(json: &mut Map<String, Json>, name: &str, members: Map<String, Json>) {
    if !members.is_empty() {
        json.insert(name.into(), Json::Object(members));
    }
}

fn insert_expressions(json: &mut Map<String, Json>, expressions: BTreeMap<String, Json>) {
    insert_object(json, "expressions", expressions.into_iter().collect());
}

fn insert_depends_on(json: &mut Map<String, Json>, depends_on: &[Traversal]) {
    if !depends_on.is_empty() {
        let names: Vec<String> = depends_on.iter().map(|t| text(t, t.steps.len())).collect();
        json.insert("depends_on".into(), json!(names));
    }
}

/// An expression that may say nothing, and then is left out.
fn insert_told(json: &mut Map<String, Json>, name: &str, expr: Option<&Expr>) {
    if let Some(told) = expr.map(expression).filter(|told| *told != json!({})) {
        json.insert(name.into(), told);
    }
}

fn output(output: &infra_lang::config::Output) -> Json {
    let mut json = Map::new();
    if output.sensitive {
        json.insert("sensitive".into(), json!(true));
    }
    if output.ephemeral {
        json.insert("ephemeral".into(), json!(true));
    }
    json.insert("expression".into(), output.value.as_ref().map_or_else(|| json!({}), expression));
    insert_depends_on(&mut json, &output.depends_on);
    if let Some(text) = output.description.as_ref().filter(|text| !text.is_empty()) {
        json.insert("description".into(), json!(**text));
    }
    Json::Object(json)
}

fn resource(config: &Config, module: &Module, resource: &Resource, registry: &Registry) -> Json {
    let address = &resource.address;
    let provider = config.provider_for(&module.path, resource);
    let schema = provider.as_ref().and_then(|p| registry.schema(&p.source, address.mode, &address.ty));
    let mut json = Map::new();
    json.insert("address".into(), json!(address.to_string()));
    json.insert("mode".into(), json!(super::state::mode_name(address.mode)));
    json.insert("type".into(), json!(*address.ty));
    json.insert("name".into(), json!(*address.name));
    if let Some(provider) = &provider {
        json.insert("provider_config_key".into(), json!(provider_key(config, provider)));
    }
    if !resource.provisioners.is_empty() {
        let provisioner = |p: &infra_lang::config::Provisioner| {
            let mut json = Map::new();
            json.insert("type".into(), json!(*p.ty));
            let arguments = p.body.just_attributes().0;
            insert_expressions(
                &mut json,
                arguments.iter().map(|a| (a.name.to_string(), expression(&a.expr))).collect(),
            );
            Json::Object(json)
        };
        json.insert("provisioners".into(), resource.provisioners.iter().map(provisioner).collect());
    }
    insert_expressions(&mut json, schema.map(|s| expressions(&resource.body, &s.block)).unwrap_or_default());
    json.insert("schema_version".into(), json!(schema.map_or(0, |s| s.version)));
    insert_told(&mut json, "count_expression", resource.count.as_ref());
    insert_told(&mut json, "for_each_expression", resource.for_each.as_ref());
    insert_depends_on(&mut json, &resource.depends_on);
    Json::Object(json)
}

fn module_call(config: &Config, call: &ModuleCall, called: Option<&Module>, registry: &Registry) -> Json {
    let mut json = Map::new();
    json.insert("source".into(), json!(*call.source));
    let inputs = call.inputs.iter().map(|(name, input)| (name.to_string(), expression(&input.expr)));
    insert_expressions(&mut json, inputs.collect());
    insert_told(&mut json, "count_expression", call.count.as_ref());
    insert_told(&mut json, "for_each_expression", call.for_each.as_ref());
    json.insert("module".into(), called.map_or_else(|| json!({}), |called| module(config, called, registry)));
    if let Some(version) = &call.version {
        json.insert("version_constraint".into(), json!(*version.text));
    }
    insert_depends_on(&mut json, &call.depends_on);
    Json::Object(json)
}

/// The expressions of a body, by the names of a schema.
fn expressions(body: &Body, schema: &Block) -> BTreeMap<String, Json> {
    let attributes: Vec<AttributeSchema<'_>> =
        schema.attributes.keys().map(|name| AttributeSchema { name, required: false }).collect();
    let as_blocks = schema.attributes.iter().filter(|(_, a)| a.allows_blocks());
    let label: &[&str] = &["key"];
    let nested = schema
        .blocks
        .iter()
        .map(|(name, b)| BlockSchema { ty: name, labels: if b.nesting == Nesting::Map { label } else { &[] } });
    let blocks: Vec<BlockSchema<'_>> =
        nested.chain(as_blocks.map(|(name, _)| BlockSchema { ty: name, labels: &[] })).collect();
    let (content, _, _) = body.partial_content(&BodySchema { attributes: &attributes, blocks: &blocks });
    let mut out: BTreeMap<String, Json> =
        content.attributes.iter().map(|a| (a.name.to_string(), expression(&a.expr))).collect();
    for (name, attribute) in schema.attributes.iter().filter(|(_, a)| a.allows_blocks()) {
        let written: Vec<&Body> = content.blocks_of(name).map(|b| &b.body).collect();
        if !written.is_empty() {
            out.insert(name.to_string(), blocks_as_attribute(&written, attribute));
        }
    }
    for (name, nested) in &schema.blocks {
        let inner = |body: &Body| Json::Object(expressions(body, &nested.block).into_iter().collect());
        let mut written = content.blocks_of(name).peekable();
        if written.peek().is_none() {
            continue;
        }
        let told = match nested.nesting {
            Nesting::Single | Nesting::Group => written.next().map(|b| inner(&b.body)).unwrap_or_default(),
            Nesting::List | Nesting::Set => written.map(|b| inner(&b.body)).collect(),
            Nesting::Map => {
                let labelled = written.filter_map(|b| Some((b.labels.first()?.text.to_string(), inner(&b.body))));
                Json::Object(labelled.collect())
            }
        };
        out.insert(name.to_string(), told);
    }
    out
}

/// Blocks that stand for an attribute: a list of objects.
fn blocks_as_attribute(written: &[&Body], attribute: &Attribute) -> Json {
    let mut references = Vec::new();
    let mut objects = Vec::new();
    let mut constant = true;
    let names = attribute.ty.element().map(|ty| match ty {
        infra_value::Type::Object(object) => object.attributes.keys().cloned().collect(),
        _ => Vec::new(),
    });
    for body in written {
        let mut object: Map<String, Json> = names.iter().flatten().map(|name| (name.to_string(), Json::Null)).collect();
        for argument in body.just_attributes().0 {
            match constant_value(&argument.expr) {
                Some(value) => drop(object.insert(argument.name.to_string(), known_json(&value).unwrap_or(Json::Null))),
                None => {
                    constant = false;
                    references.extend(references_of(&argument.expr));
                }
            }
        }
        objects.push(Json::Object(object));
    }
    match (constant, references.is_empty()) {
        (true, _) => json!({"constant_value": objects}),
        (false, true) => json!({}),
        (false, false) => json!({"references": references}),
    }
}

/// The constant value of an expression, or what it refers to.
fn expression(expr: &Expr) -> Json {
    if let Some(value) = constant_value(expr) {
        return json!({"constant_value": known_json(&value)});
    }
    match references_of(expr) {
        references if references.is_empty() => json!({}),
        references => json!({"references": references}),
    }
}

/// The value of an expression without names and functions.
fn constant_value(expr: &Expr) -> Option<Value> {
    let mut constant = true;
    expr.walk(&mut |_: Found<'_>| constant = false);
    // In JSON files texts are templates, whose names only evaluation would find.
    let quoted_template = matches!(&expr.kind, ExprKind::Literal(v) if v.as_str().is_some_and(|t| t.contains("${")));
    if !constant || (expr.range.file.ends_with(".json") && quoted_template) {
        return None;
    }
    let surroundings = FunctionContext {
        base_dir: PathBuf::new(),
        home_dir: None,
        phase: Phase::Plan,
        plan_timestamp: None,
        now: &|| SystemTime::UNIX_EPOCH,
        render_template: &|_, _, _| Err(FunctionError::call("templates cannot be rendered here")),
        inside_template: false,
    };
    evaluate_with_variables(expr, &Members::new(), &surroundings).ok()
}

/// Each reference, and what it is a part of, outwards to its subject.
fn references_of(expr: &Expr) -> Vec<String> {
    let mut out = Vec::new();
    expr.walk(&mut |found| {
        let Found::Traversal(traversal) = found else { return };
        let Ok(reference) = Reference::parse(traversal) else { return };
        let least = match &reference.subject {
            Subject::Resource { resource, .. } if resource.mode != ResourceMode::Managed => 2,
            Subject::SelfRef => 0,
            _ => 1,
        };
        for steps in (least..=traversal.steps.len()).rev() {
            out.push(text(traversal, steps));
        }
    });
    out
}

/// The first steps of a traversal as they are written.
fn text(traversal: &Traversal, steps: usize) -> String {
    let mut out = traversal.root.to_string();
    for step in traversal.steps.iter().take(steps) {
        match step {
            TraversalStep::Attribute(name, _) => out += &format!(".{name}"),
            TraversalStep::Index(key, _) => match key.as_str() {
                Some(key) => out += &format!("[{}]", infra_lang::functions::quote(key)),
                None => out += &format!("[{}]", key.as_number().map(ToString::to_string).unwrap_or_default()),
            },
        }
    }
    out
}
