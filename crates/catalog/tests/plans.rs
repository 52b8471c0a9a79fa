//! Plans of the catalogue's types against recorded answers.

use std::sync::Arc;

use async_trait::async_trait;
use infra_catalog::{AwsProvider, Cloud, HalfDone, OpContext, catalog};
use infra_provider::plan::{
    ActionInputs, ActionKind, Meta, choose_action, filter_replace_paths, proposed_new, same, without_unknown,
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
        let prior = without_unknown(&created.after);
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
