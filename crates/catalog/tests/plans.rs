//! Plans of the catalogue's types against recorded answers.

use std::sync::Arc;

use async_trait::async_trait;
use infra_catalog::{AwsProvider, Cloud, HalfDone, OpContext, catalog};
use infra_provider::plan::{
    ActionInputs, ActionKind, Meta, choose_action, filter_replace_paths, proposed_new, same, stored_after_apply,
    without_unknown,
};
use infra_provider::{Configured, Failure, Object, PlanRequest, Private, Problem, Provider};
use infra_value::{Path, PathStep, Type, Value};
use serde_json::{Value as Json, json};

/// A cloud that is only asked for its settings.
struct Settings(Meta);

#[async_trait]
impl Cloud for Settings {
    fn meta(&self) -> &Meta {
        &self.0
    }
    fn supports(&self, _ty: &str, _data: bool) -> bool {
        true
    }
    async fn read(&self, _ty: &str, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        objects.into_iter().map(|object| Ok(Some(object))).collect()
    }
    async fn create(&self, _ty: &str, planned: Object, _cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        Ok(planned)
    }
    async fn update(&self, _: &str, _: &Object, planned: Object, _: &OpContext<'_>) -> Result<Object, HalfDone> {
        Ok(planned)
    }
    async fn delete(&self, _ty: &str, _prior: &Object, _cx: &OpContext<'_>) -> Result<(), HalfDone> {
        Ok(())
    }
    async fn read_data(&self, _ty: &str, config: Object) -> Result<Object, Failure> {
        Ok(config)
    }
}

async fn aws() -> (impl Provider, Arc<dyn Configured>) {
    let provider = AwsProvider::new(|_| {
        Box::pin(async {
            let meta = Meta {
                partition: "aws".into(),
                region: "eu-west-1".into(),
                account: "123456789012".into(),
                ..Meta::default()
            };
            Ok(Arc::new(Settings(meta)) as Arc<dyn Cloud>)
        })
    });
    let configured = provider.configure(&Value::null(Type::Dynamic)).await.expect("it asks nobody");
    (provider, configured)
}

/// What a plan says.
struct Answer {
    actions: Vec<&'static str>,
    replace_paths: Vec<Path>,
    /// The planned value, that of the replacement if there is one.
    after: Value,
}

async fn plan(aws: &dyn Configured, ty: &str, prior: &Value, config: &Value) -> Result<Answer, Vec<Problem>> {
    let schema = catalog().resources[ty].schema();
    let none = Value::null(schema.block.ty());
    let private = Private::default();
    let proposed = proposed_new(&schema.block, prior, config);
    let planned = aws.plan(PlanRequest { ty, prior, config, proposed: &proposed, private: &private }).await?;
    let replace_paths = filter_replace_paths(prior, &planned.value, &planned.requires_replace);
    let kind = choose_action(&ActionInputs {
        prior_is_null: prior.is_null(),
        replace_paths: !replace_paths.is_empty(),
        planned_equals_prior: same(&planned.value, prior),
        ..ActionInputs::default()
    });
    let mut after = planned.value;
    if kind == ActionKind::Replace {
        let proposed = proposed_new(&schema.block, &none, config);
        let again = PlanRequest { ty, prior: &none, config, proposed: &proposed, private: &private };
        after = aws.plan(again).await?.value;
    }
    let actions = match kind {
        ActionKind::NoOp => vec!["no-op"],
        ActionKind::Create => vec!["create"],
        ActionKind::Update => vec!["update"],
        ActionKind::Replace => vec!["delete", "create"],
    };
    Ok(Answer { actions, replace_paths: if prior.is_null() { Vec::new() } else { replace_paths }, after })
}

fn path_json(path: &Path) -> Json {
    let step = |step: &PathStep| match step {
        PathStep::Attribute(name) => json!(name.to_string()),
        PathStep::Index(key) => key.as_i64().map_or_else(|| json!(key.as_str()), |i| json!(i)),
    };
    path.0.iter().map(step).collect()
}

fn paths_json(paths: &[Path]) -> Json {
    paths.iter().map(path_json).collect()
}

fn records(text: &str) -> Vec<Json> {
    serde_json::from_str(text).expect("the recorded answers are JSON")
}

#[tokio::test]
async fn equivalent_spellings_and_conditional_replacements_are_as_recorded() {
    let (provider, configured) = aws().await;
    let (mut good, mut wrong) = (0, Vec::new());
    for record in records(include_str!("data/probes.json")) {
        let (ty, name) = (record["type"].as_str().unwrap_or(""), record["name"].as_str().unwrap_or(""));
        let Some(known) = catalog().resources.get(ty) else { continue };
        let decode = |json: &Json| provider.upgrade(ty, known.schema().version, json).expect("a configuration");
        let none = Value::null(known.schema().block.ty());
        let (from, to) = (decode(&record["from"]), decode(&record["to"]));
        let created = plan(&*configured, ty, &none, &from).await.expect("a plan");
        let prior = stored_after_apply(&known.schema().block, &created.after, &without_unknown(&created.after));
        match plan(&*configured, ty, &prior, &to).await {
            Ok(answer)
                if json!(answer.actions) == record["actions"]
                    && paths_json(&answer.replace_paths) == record["replace_paths"] =>
            {
                good += 1;
            }
            Ok(answer) => {
                let got = format!("{:?} {}", answer.actions, paths_json(&answer.replace_paths));
                wrong.push(format!("{name}: {got}, not {} {}", record["actions"], record["replace_paths"]));
            }
            Err(problems) => wrong.push(format!("{name}: {problems:?}")),
        }
    }
    let all = good + wrong.len();
    assert!(good >= 20, "{good} of {all} are right:\n{}", wrong.join("\n"));
    assert_eq!(wrong, [] as [String; 0]);
}

/// The plan of a configuration, for a new object or for one that another configuration has made; `"?"` is unknown.
async fn planned(ty: &str, from: Option<Json>, to: Json) -> Value {
    let (provider, configured) = aws().await;
    let schema = catalog().resources[ty].schema();
    let decode = |json: &Json| {
        let config = provider.upgrade(ty, schema.version, json).expect("a configuration");
        config.map_elements(&mut |v| if v.as_str() == Some("?") { Value::unknown(v.ty()) } else { v.clone() })
    };
    let none = Value::null(schema.block.ty());
    let prior = match from {
        Some(from) => {
            let created = plan(&*configured, ty, &none, &decode(&from)).await.expect("a plan").after;
            stored_after_apply(&schema.block, &created, &without_unknown(&created))
        }
        None => none,
    };
    plan(&*configured, ty, &prior, &decode(&to)).await.expect("a plan").after
}

#[tokio::test]
async fn of_what_is_written_like_blocks_none_is_planned_as_none_where_it_is_said() {
    let group = planned("aws_security_group", None, json!({"egress": []})).await;
    assert!(group.get("egress").is_some_and(|v| v.is_known() && v.is_empty() && !v.is_null()));
    assert!(group.get("ingress").is_some_and(|v| !v.is_known()));
    let table = planned("aws_route_table", None, json!({"vpc_id": "vpc-1", "route": [], "propagating_vgws": []})).await;
    assert!(table.get("route").is_some_and(|v| v.is_known() && !v.is_null()));
    assert!(table.get("propagating_vgws").is_some_and(|v| !v.is_known()));
}

#[tokio::test]
async fn a_parameter_s_value_that_becomes_a_visible_one_makes_both_unknown() {
    let from = json!({"name": "p", "type": "String", "value": "a"});
    let to = json!({"name": "p", "type": "String", "insecure_value": "a"});
    let after = planned("aws_ssm_parameter", Some(from), to).await;
    assert!(["value", "insecure_value"].iter().all(|name| after.get(name).is_some_and(|v| !v.is_known())));
}

#[tokio::test]
async fn a_parameter_s_value_that_is_not_known_counts_as_none() {
    let from = |value: &str| json!({"name": "p", "type": "String", (value): "a"});
    let to = || json!({"name": "p", "type": "String", "value": "?"});
    let is_open = |after: &Value, name: &str| after.get(name).is_some_and(|v| !v.is_known());
    let after = planned("aws_ssm_parameter", Some(from("insecure_value")), to()).await;
    assert_eq!((is_open(&after, "value"), is_open(&after, "version")), (true, false));
    let after = planned("aws_ssm_parameter", Some(from("value")), to()).await;
    assert_eq!((is_open(&after, "value"), is_open(&after, "insecure_value")), (true, true));
}

/// Unknown values for `"?"`, at every depth.
fn with_questions(value: &Value) -> Value {
    match value.as_str() {
        Some("?") => Value::unknown(value.ty()),
        _ => value.map_elements(&mut with_questions),
    }
}

/// What the plan of a configuration for a new object refuses; `"?"` is unknown.
async fn refused(ty: &str, config: Json) -> Vec<String> {
    let (provider, configured) = aws().await;
    let schema = catalog().resources[ty].schema();
    let config = provider.upgrade(ty, schema.version, &config).expect("a configuration");
    let config = with_questions(&config);
    let answer = plan(&*configured, ty, &Value::null(schema.block.ty()), &config).await;
    answer.err().into_iter().flatten().map(|problem| problem.summary).collect()
}

#[tokio::test]
async fn an_alarm_s_statistic_that_is_not_known_counts_as_none() {
    let alarm = |statistic: &str, metric: &str| {
        json!({"alarm_name": "a", "comparison_operator": "LessThanThreshold", "evaluation_periods": 1,
            "metric_name": metric, "namespace": "n", "period": 60, "statistic": statistic})
    };
    assert_eq!(refused("aws_cloudwatch_metric_alarm", alarm("Sum", "m")).await, [] as [String; 0]);
    assert_eq!(refused("aws_cloudwatch_metric_alarm", alarm("?", "?")).await, [] as [String; 0]);
    assert_eq!(
        refused("aws_cloudwatch_metric_alarm", alarm("?", "m")).await,
        ["One of `statistic` or `extended_statistic` must be set for a cloudwatch metric alarm"]
    );
}

#[tokio::test]
async fn an_expression_that_is_not_known_is_one_beside_a_metric() {
    let metric = json!([{"metric_name": "m", "period": 60, "stat": "Sum"}]);
    let alarm = |expression: Json| {
        json!({"alarm_name": "a", "comparison_operator": "LessThanThreshold", "evaluation_periods": 1,
            "metric_query": [{"id": "m", "expression": expression, "metric": metric}]})
    };
    assert_eq!(refused("aws_cloudwatch_metric_alarm", alarm(Json::Null)).await, [] as [String; 0]);
    assert_eq!(refused("aws_cloudwatch_metric_alarm", alarm(json!("?"))).await.len(), 1);
}

#[tokio::test]
async fn a_topic_s_prefix_makes_a_name_that_is_checked() {
    assert_eq!(refused("aws_sns_topic", json!({"name_prefix": "alarms-"})).await, [] as [String; 0]);
    assert_eq!(
        refused("aws_sns_topic", json!({"name_prefix": "alarms-", "fifo_topic": true})).await,
        [] as [String; 0]
    );
    assert_eq!(refused("aws_sns_topic", json!({"name_prefix": "alarms/"})).await.len(), 1);
}

/// A planned value as plans have it in JSON: unknown parts are left out of the first, and `true` in the second.
fn planned_json(value: &Value, ty: &Type) -> (Json, Json) {
    use infra_value::Kind;
    let element = |ty: &Type, name: &str| match ty {
        Type::Object(o) => o.attributes.get(name).cloned().unwrap_or(Type::Dynamic),
        other => other.element().cloned().unwrap_or(Type::Dynamic),
    };
    match value.kind() {
        Kind::Unknown(_) => (Json::Null, json!(true)),
        Kind::List(t, es) | Kind::Set(t, es) => {
            let (known, unknown): (Vec<Json>, Vec<Json>) = es.iter().map(|e| planned_json(e, t)).unzip();
            (known.into(), unknown.into())
        }
        Kind::Object(ms) | Kind::Map(_, ms) => {
            let (mut known, mut unknown) = (serde_json::Map::new(), serde_json::Map::new());
            for (name, member) in ms.iter() {
                let (k, u) = planned_json(member, &element(ty, name));
                if u != json!(true) {
                    known.insert(name.to_string(), k);
                }
                if u != json!(false) {
                    unknown.insert(name.to_string(), u);
                }
            }
            (known.into(), unknown.into())
        }
        _ => (infra_value::value_to_json(value, ty).expect("a known value"), json!(false)),
    }
}

#[tokio::test]
async fn plans_of_all_kinds_of_changes_are_as_recorded() {
    let (provider, configured) = aws().await;
    let (mut good, mut all, mut report) = (0, 0, String::new());
    // Another, larger collection of the same form can be looked at with this.
    let other = std::env::var("PLAN_RECORDS").ok().map(|path| std::fs::read_to_string(path).expect("records"));
    for record in records(other.as_deref().unwrap_or(include_str!("data/plans.json"))) {
        let ty = record["type"].as_str().unwrap_or("");
        let known = &catalog().resources[ty];
        let block_ty = known.schema().block.ty();
        let decode = |json: &Json| provider.upgrade(ty, known.schema().version, json).expect("an object");
        let prior = match &record["prior"] {
            Json::Null => Value::null(block_ty.clone()),
            json => decode(json),
        };
        let config = with_unknowns(&decode(&record["config"]));
        all += 1;
        let wrong = match plan(&*configured, ty, &prior, &config).await {
            Err(problems) => vec![format!("{problems:?}")],
            Ok(answer) => {
                let (after, unknown) = planned_json(&answer.after, &block_ty);
                let mut wrong = Vec::new();
                // Sensitive marks alone make an update, too; they are not looked at here.
                let only_marks = record["after"] == record["prior"] && record["after_unknown"] == json!({});
                if json!(answer.actions) != record["actions"] && !only_marks {
                    wrong.push(format!("actions {:?} not {}", answer.actions, record["actions"]));
                }
                if record.get("after").is_some() {
                    let no_paths = json!([]);
                    let paths = record.get("replace_paths").unwrap_or(&no_paths);
                    if paths_json(&answer.replace_paths) != *paths {
                        wrong.push(format!("paths {} not {paths}", paths_json(&answer.replace_paths)));
                    }
                    differences("", &after, &record["after"], &mut wrong);
                    let unknown = only_true(&unknown);
                    let recorded = only_true(&record["after_unknown"]);
                    if unknown != recorded {
                        differences("unknown:", &unknown, &recorded, &mut wrong);
                    }
                }
                wrong
            }
        };
        if wrong.is_empty() {
            good += 1;
        } else {
            let wrong = wrong.join("\n    - ");
            report += &format!("{ty}\n  config {}\n  prior {}\n    - {wrong}\n", record["config"], record["prior"]);
        }
    }
    assert!(good * 100 >= all * 99, "{good} of {all} are right:\n{report}");
}

/// Texts that stand for what is not known yet.
fn with_unknowns(value: &Value) -> Value {
    match value.as_str() {
        Some("${terraform_data.u.output}") => Value::unknown(Type::String),
        _ => value.map_elements(&mut with_unknowns),
    }
}

/// A value in JSON where `"?"` stands for what is not known and members of objects that are null are left out.
fn open_value(json: &Json, ty: &Type) -> Value {
    let parts = |t: &Type| json.as_array().into_iter().flatten().map(|e| open_value(e, t)).collect::<Vec<_>>();
    match ty {
        _ if *json == json!("?") => Value::unknown(ty.clone()),
        _ if json.is_null() => Value::null(ty.clone()),
        Type::List(t) => Value::list((**t).clone(), parts(t)),
        Type::Set(t) => Value::set((**t).clone(), parts(t)),
        Type::Map(t) => {
            let members = json.as_object().into_iter().flatten().map(|(k, e)| (k.as_str(), open_value(e, t)));
            Value::map((**t).clone(), members)
        }
        Type::Object(o) => {
            let member = |name: &str, t: &Type| open_value(json.get(name).unwrap_or(&Json::Null), t);
            Value::object(o.attributes.iter().map(|(name, t)| (name.clone(), member(name, t))))
        }
        _ => infra_value::value_from_json(json, ty).expect("a value of the type"),
    }
}

#[tokio::test]
async fn what_is_not_known_of_collections_is_planned_as_recorded() {
    let (_, configured) = aws().await;
    for record in records(include_str!("data/open_plans.json")) {
        let (name, ty) = (&record["name"], record["type"].as_str().unwrap_or(""));
        let block = &catalog().resources[ty].schema().block;
        let object = |json: &Json| match json {
            Json::Null => Value::null(block.ty()),
            json => {
                // Blocks are never null.
                let none = block.empty();
                let given = open_value(json, &block.ty());
                let member = |name: &Arc<str>, v: &Value| {
                    let empty = none.get(name).filter(|_| v.is_null() && block.blocks.contains_key(name));
                    (name.clone(), empty.unwrap_or(v).clone())
                };
                Value::object(given.members().into_iter().flatten().map(|(n, v)| member(n, v)))
            }
        };
        let (prior, config) = (object(&record["prior"]), object(&record["config"]));
        let answer = plan_once(&*configured, ty, &prior, &config).await;
        match (answer, record["problems"].as_array()) {
            (Err(problems), Some(wanted)) => {
                let summaries: Vec<Json> = problems.iter().map(|p| json!(p.summary)).collect();
                assert_eq!(&summaries, wanted, "{name}");
            }
            (Ok((after, paths)), None) => {
                assert_eq!(after, object(&record["after"]), "{name}");
                assert_eq!(paths_json(&paths), record["replace_paths"], "{name}");
            }
            (answer, _) => panic!("{name}: {:?}", answer.map(|(_, paths)| paths)),
        }
    }
}

/// The provider's answer as it is, and what of it replaces the object.
async fn plan_once(
    aws: &dyn Configured,
    ty: &str,
    prior: &Value,
    config: &Value,
) -> Result<(Value, Vec<Path>), Vec<Problem>> {
    let proposed = proposed_new(&catalog().resources[ty].schema().block, prior, config);
    let private = Private::default();
    let planned = aws.plan(PlanRequest { ty, prior, config, proposed: &proposed, private: &private }).await?;
    let paths = match prior.is_null() {
        true => Vec::new(),
        false => filter_replace_paths(prior, &planned.value, &planned.requires_replace),
    };
    Ok((planned.value, paths))
}

/// Only the `true` leaves of an `after_unknown`.
fn only_true(json: &Json) -> Json {
    match json {
        Json::Object(ms) => {
            let members = ms.iter().map(|(k, v)| (k.clone(), only_true(v)));
            Json::Object(members.filter(|(_, v)| !matches!(v, Json::Bool(false)) && *v != json!({})).collect())
        }
        Json::Array(es)
            if es.iter().all(|e| matches!(only_true(e), Json::Bool(false)) || only_true(e) == json!({})) =>
        {
            json!(false)
        }
        Json::Array(es) => es.iter().map(only_true).collect(),
        other => other.clone(),
    }
}

fn differences(at: &str, got: &Json, wanted: &Json, out: &mut Vec<String>) {
    match (got, wanted) {
        (Json::Object(a), Json::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            // Null members are left out of the recorded answers.
            let none = Json::Null;
            for name in names {
                let (a, b) = (a.get(name).unwrap_or(&none), b.get(name).unwrap_or(&none));
                differences(&format!("{at}.{name}"), a, b, out);
            }
        }
        (Json::Number(a), Json::Number(b)) if a.as_f64() == b.as_f64() => {}
        (a, b) if a == b => {}
        (a, b) => out.push(format!("{at}: {a} not {b}")),
    }
}
