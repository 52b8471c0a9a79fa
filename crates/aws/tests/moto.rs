//! The types on an emulator of AWS: what is created reads back as it was planned, changes in place, and goes away.
//!
//! Each file in `data` is a list of objects, made in order and deleted in the opposite one. `${name.attribute}` in a
//! configuration is what an earlier object has. `then` is what of the configuration is changed afterwards, `has` and
//! `then_has` are attributes that it has to have, `unsettled` those that the emulator never answers;
//! with `remains` it is a part of another object and can be read as long as that. A row with `data`
//! instead of `type` is a data source.
//!
//! Runs only where `moto_server` (PyPI) is on the path.

mod cloud;

use std::collections::BTreeMap;
use std::sync::Arc;

use cloud::{Moto, block_value};
use infra_catalog::{AwsProvider, Cloud, catalog};
use infra_provider::plan::proposed_new;
use infra_provider::{ApplyRequest, Configured, PlanRequest, Planned, Private, Provider, ReadRequest, Token};
use infra_schema::Block;
use infra_value::{Value, value_to_json};
use serde_json::Value as Json;

/// An object that exists.
struct Made {
    name: String,
    ty: String,
    config: Json,
    value: Value,
    private: Private,
    unsettled: Json,
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_live_and_die() {
    live_and_die(include_str!("data/network.json"), 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_live_and_die() {
    live_and_die(include_str!("data/balancing.json"), 19).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn services_live_and_die() {
    live_and_die(include_str!("data/tasks.json"), 18).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_watches_and_keeps_secrets_lives_and_dies() {
    live_and_die(include_str!("data/operations.json"), 34).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_policies_live_and_die() {
    live_and_die(include_str!("data/identity.json"), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_records_and_certificates_live_and_die() {
    live_and_die(include_str!("data/names.json"), 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_live_and_die() {
    live_and_die(include_str!("data/databases.json"), 20).await;
}

/// `calls` is how many calls a refresh of everything may take.
async fn live_and_die(rows: &str, calls: usize) {
    let Some(moto) = Moto::start() else { return };
    let aws = connect(&moto).await;
    let rows: Vec<Json> = serde_json::from_str(rows).expect("the rows are JSON");
    let mut all: Vec<Made> = Vec::new();
    for row in &rows {
        let (name, ty) = (text(row, "name"), text(row, "type"));
        let config = resolve(&row["config"], &all);
        if let Some(ty) = row["data"].as_str() {
            let block = catalog().data_sources[ty].block();
            let read = aws.read_data(ty, &block_value(block, &config)).await;
            let read = read.unwrap_or_else(|problems| panic!("reading data {ty}: {problems:#?}"));
            assert_has(ty, block, &read, &resolve(&row["has"], &all));
            continue;
        }
        let mut made = change(&*aws, &name, &ty, None, &config).await;
        made.unsettled = row["unsettled"].clone();
        assert_has(&name, catalog().resources[ty.as_str()].block(), &made.value, &resolve(&row["has"], &all));
        all.push(made);
        settles(&*aws, all.last_mut().expect("one was made")).await;
        if let Json::Array(parts) = resolve(&row["import"], &all) {
            let id: String = parts.iter().filter_map(Json::as_str).collect();
            imports(&*aws, all.last().expect("one was made"), &id).await;
        }
    }
    for row in rows.iter().filter(|row| row["then"].is_object()) {
        let at = all.iter().position(|made| made.name == text(row, "name")).expect("it was made");
        let mut config = all[at].config.clone();
        for (key, value) in row["then"].as_object().into_iter().flatten() {
            config[key] = resolve(value, &all);
        }
        let wanted = resolve(&row["then_has"], &all);
        let Made { name, ty, value, .. } = &all[at];
        let mut changed = change(&*aws, name, ty, Some(value), &config).await;
        changed.unsettled = row["unsettled"].clone();
        assert_has(name, catalog().resources[ty.as_str()].block(), &changed.value, &wanted);
        all[at] = changed;
        settles(&*aws, &mut all[at]).await;
    }
    moto.record();
    refresh_together(&*aws, &all).await;
    let recorded = moto.recorded();
    assert!(recorded.len() <= calls, "{} calls for {} objects: {recorded:#?}", recorded.len(), all.len());
    let remains: Vec<String> = rows.iter().filter(|row| row["remains"] == true).map(|row| text(row, "name")).collect();
    while let Some(Made { name, ty, value, private, .. }) = all.pop() {
        let null = Value::null(value.ty());
        let request = ApplyRequest {
            ty: &ty,
            prior: &value,
            planned: &null,
            config: &null,
            private: &private,
            checkpoint: &|_| {},
            token: &Token::default(),
            held: &|_| false,
        };
        let applied = aws.apply(request).await;
        assert!(applied.problems.is_empty(), "deleting {name}: {:#?}", applied.problems);
        let gone = read(&*aws, &ty, &value).await;
        assert!(gone.is_none() || remains.contains(&name), "{name} is still there");
    }
}

async fn connect(moto: &Moto) -> Arc<dyn Configured> {
    let provider = AwsProvider::new(|config| {
        Box::pin(async move { infra_aws::connect(config).await.map(|aws| Arc::new(aws) as Arc<dyn Cloud>) })
    });
    let config = block_value(&provider.config_schema().block, &moto.provider_block());
    provider.configure(&config).await.expect("the emulator takes any credentials")
}

fn text(row: &Json, key: &str) -> String {
    row[key].as_str().unwrap_or_default().to_string()
}

/// The JSON with references replaced by what they refer to.
fn resolve(json: &Json, made: &[Made]) -> Json {
    match json {
        Json::String(text) => match text.strip_prefix("${").and_then(|t| t.strip_suffix('}')) {
            Some(reference) => {
                let (name, attribute) = reference.split_once('.').expect("a name and an attribute");
                let found = made.iter().find(|m| m.name == name).expect("it was made before");
                let value = found.value.get(attribute).expect("the attribute exists");
                value_to_json(value, &value.ty()).expect("it is known")
            }
            None => json.clone(),
        },
        Json::Array(elements) => elements.iter().map(|e| resolve(e, made)).collect(),
        Json::Object(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), resolve(v, made))).collect()),
        other => other.clone(),
    }
}

async fn plan(aws: &dyn Configured, ty: &str, prior: &Value, config: &Value) -> Planned {
    let block = catalog().resources[ty].block();
    let proposed = proposed_new(block, prior, config);
    let request = PlanRequest { ty, prior, config, proposed: &proposed, private: &Private::default() };
    aws.plan(request).await.unwrap_or_else(|problems| panic!("planning {ty}: {problems:#?}"))
}

/// Creates an object, or changes it in place.
async fn change(aws: &dyn Configured, name: &str, ty: &str, prior: Option<&Value>, config: &Json) -> Made {
    let block = catalog().resources[ty].block();
    let given = block_value(block, config);
    let null = Value::null(block.ty());
    let prior = prior.unwrap_or(&null);
    let planned = plan(aws, ty, prior, &given).await;
    assert!(planned.requires_replace.is_empty() || prior.is_null(), "{name} replaced: {:?}", planned.requires_replace);
    let request = ApplyRequest {
        ty,
        prior,
        planned: &planned.value,
        config: &given,
        private: &planned.private,
        checkpoint: &|_| {},
        token: &Token::unique(),
        held: &|_| false,
    };
    let applied = aws.apply(request).await;
    assert!(applied.problems.is_empty(), "{name}: {:#?}", applied.problems);
    assert!(applied.value.is_wholly_known(), "{name}: something is still unknown: {:#?}", applied.value);
    let (value, private) = (applied.value, applied.private);
    Made { name: name.into(), ty: ty.into(), config: config.clone(), value, private, unsettled: Json::Null }
}

/// After a refresh there is nothing to change.
async fn settles(aws: &dyn Configured, made: &mut Made) {
    let ty = made.ty.as_str();
    let read = read(aws, ty, &made.value).await.unwrap_or_else(|| panic!("{} is gone", made.name));
    let config = block_value(catalog().resources[ty].block(), &made.config);
    let planned = plan(aws, ty, &read, &config).await;
    let excused = |name: &str| made.unsettled.as_array().is_some_and(|names| names.iter().any(|n| n == name));
    let mut differ = differences(&read, &planned.value);
    differ.retain(|(name, ..)| !excused(name));
    assert!(differ.is_empty(), "{} does not settle: {differ:#?}", made.name);
    made.value = read;
}

/// An import finds the object, and what is configured is no change of it.
async fn imports(aws: &dyn Configured, made: &Made, id: &str) {
    let found = aws.import(&made.ty, id).await.unwrap_or_else(|problems| panic!("importing {id}: {problems:#?}"));
    let found = &found.first().unwrap_or_else(|| panic!("{} ({id}) is not found", made.name)).value;
    assert_eq!(found.get("id"), made.value.get("id"), "{} imported", made.name);
    let config = block_value(catalog().resources[made.ty.as_str()].block(), &made.config);
    let planned = plan(aws, &made.ty, found, &config).await;
    assert!(planned.requires_replace.is_empty(), "{} imported: {:?}", made.name, planned.requires_replace);
}

async fn read(aws: &dyn Configured, ty: &str, prior: &Value) -> Option<Value> {
    let request = ReadRequest::whole(prior.clone(), Private::default());
    let answer = aws.read(ty, vec![request]).await.pop().expect("one answer for one request");
    answer.unwrap_or_else(|problem| panic!("reading {ty}: {problem:#?}"))
}

/// All types at once, as a plan does it.
async fn refresh_together(aws: &dyn Configured, all: &[Made]) {
    let mut by_type = BTreeMap::<&str, Vec<ReadRequest>>::new();
    for made in all {
        let request = ReadRequest::whole(made.value.clone(), made.private.clone());
        by_type.entry(&made.ty).or_default().push(request);
    }
    let reads = by_type.into_iter().map(|(ty, requests)| aws.read(ty, requests));
    for answer in futures::future::join_all(reads).await.into_iter().flatten() {
        assert!(matches!(answer, Ok(Some(_))), "{answer:#?}");
    }
}

fn assert_has(name: &str, block: &Block, value: &Value, wanted: &Json) {
    let json = value_to_json(value, &block.ty()).expect("the object is known");
    for (key, wanted) in wanted.as_object().into_iter().flatten() {
        assert_eq!(&json[key], wanted, "{name}.{key}");
    }
}

/// The attributes that differ: name, before, after.
fn differences(a: &Value, b: &Value) -> Vec<(String, String, String)> {
    let empty = BTreeMap::new();
    let (old, new) = (a.members().unwrap_or(&empty), b.members().unwrap_or(&empty));
    let shown = |v: &Value| value_to_json(v, &v.ty()).map_or_else(|_| "(unknown)".to_string(), |json| json.to_string());
    let pairs = old.iter().filter_map(|(name, old)| Some((name, old, new.get(name)?)));
    pairs.filter(|(_, old, new)| old != new).map(|(n, old, new)| (n.to_string(), shown(old), shown(new))).collect()
}
