//! Saved plans: whatever is read can be shown, and is written and read again as the same.

use std::sync::Arc;

use infra_builtin::Builtin;
use infra_engine::Registry;
use infra_engine::saved::SavedPlan;
use infra_view::json::plan_json;
use infra_view::text::{TextOptions, plan_text, schemas_of};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(saved) = SavedPlan::parse(&text) else { return };
    check(&saved);
}

/// The same for a plan that has been made.
pub fn check(saved: &SavedPlan) {
    let written = saved.to_text();
    let again = SavedPlan::parse(&written).expect("a written plan can be read");
    assert_eq!(written, again.to_text());
    let registry = Registry::new([Arc::new(Builtin::new()) as Arc<dyn infra_provider::Provider>]);
    let json = plan_json(&saved.plan, &registry, None);
    for columns in [10, 78] {
        let options = TextOptions { colour: columns == 10, columns, mode: saved.plan.mode };
        plan_text(&json, &schemas_of(&registry), &options);
    }
}
