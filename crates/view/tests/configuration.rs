//! The published JSON of a configuration.

use std::path::Path;
use std::sync::Arc;

use infra_builtin::Builtin;
use infra_catalog::{AwsProvider, Cloud, Connecting};
use infra_engine::Registry;
use infra_lang::config::{LoadOptions, read};
use infra_provider::Provider;
use infra_value::Value;
use infra_view::json::configuration_json;
use serde_json::Value as Json;

fn registry() -> Registry {
    let nowhere: for<'a> fn(&'a Value) -> Connecting<'a> = |_| Box::pin(async { Err::<Arc<dyn Cloud>, _>(Vec::new()) });
    let aws: Arc<dyn Provider> = Arc::new(AwsProvider::new(nowhere));
    Registry::new([aws, Arc::new(Builtin::new())])
}

#[test]
fn expressions_are_told_by_their_value_or_what_they_refer_to() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configuration");
    let (config, _, problems) = read(&folder, &LoadOptions { data_dir: None });
    assert!(!problems.has_errors(), "{problems:?}");
    let told = configuration_json(&config, &registry());
    let expected: Json = serde_json::from_str(include_str!("data/configuration/expected.json")).unwrap();
    let text = |json: &Json| format!("{json:#}");
    let (expected, told) = (text(&expected), text(&told));
    assert!(told == expected, "{}", similar::TextDiff::from_lines(&expected, &told).unified_diff());
}
