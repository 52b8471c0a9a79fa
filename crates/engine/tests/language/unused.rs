//! What a refresh need not ask for: attributes that nothing depends on.

use infra_engine::PlanOptions;
use infra_engine::plan::PlanMode;
use infra_state::State;

use crate::fake::plan_of;

/// What a part with the id `p` is read without, beside another block.
async fn read_without(arguments: &str, beside: &str, mode: PlanMode) -> String {
    read_object_without(serde_json::Value::Null, arguments, beside, mode).await
}

/// The same of an object with this status.
async fn read_object_without(status: serde_json::Value, arguments: &str, beside: &str, mode: PlanMode) -> String {
    let state = serde_json::json!({
        "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {},
        "resources": [{
            "mode": "managed", "type": "fake_part", "name": "p",
            "provider": "provider[\"registry.terraform.io/hashicorp/fake\"]",
            "instances": [{
                "schema_version": 0, "status": status,
                "attributes": {"id": "p", "owner": "o", "serial": 7, "size": 1},
            }],
        }],
    });
    let state = State::parse(&state.to_string()).expect("a state").expect("not empty");
    let text = format!("resource \"fake_part\" \"p\" {{\n size = 1\n{arguments}\n}}\n{beside}");
    let made = plan_of(&text, state, PlanOptions { mode, ..PlanOptions::default() }).await;
    let read = made.asked.iter().find_map(|line| line.strip_prefix("read p without "));
    read.unwrap_or_else(|| panic!("not read: {:?}", made.problems)).to_string()
}

#[tokio::test]
async fn what_is_neither_set_nor_referred_to_is_not_needed() {
    for (arguments, beside, without) in [
        ("", "", "id owner serial"),
        ("owner = \"me\"", "", "id serial"),
        ("owner = null", "", "id serial"),
        ("", "output \"o\" { value = fake_part.p.serial }", "id owner"),
        ("", "locals { l = [for x in [1] : \"${fake_part.p.owner}-${x}\"] }", "id serial"),
        ("", "output \"o\" { value = fake_part.p[*].serial }", "id owner"),
        ("", "output \"o\" { value = fake_part.p[*][\"serial\"] }", ""),
        ("", "output \"o\" { value = fake_part.p }", ""),
        ("", "output \"o\" { value = [for part in [fake_part.p] : part.serial] }", ""),
        ("", "resource \"fake_thing\" \"t\" {\n name = \"t\"\n depends_on = [fake_part.p]\n}", "id owner serial"),
        (
            "",
            "check \"c\" {\n assert {\n condition = fake_part.p.serial > 1\n error_message = \"no\"\n }\n}",
            "id owner",
        ),
        ("lifecycle {\n postcondition {\n condition = self.serial > 1\n error_message = self.owner\n }\n}", "", "id"),
        ("provisioner \"local-exec\" {\n when = destroy\n command = self.owner\n}", "", "id serial"),
        (
            "",
            "resource \"terraform_data\" \"t\" {\n lifecycle { replace_triggered_by = [fake_part.p.serial] }\n}",
            "id owner",
        ),
    ] {
        assert_eq!(read_without(arguments, beside, PlanMode::Normal).await, without, "{arguments} {beside}");
    }
}

#[tokio::test]
async fn an_element_by_a_key_that_is_worked_out_is_seen_through() {
    let count = "count = 1";
    let beside = "output \"o\" { value = fake_part.p[length([1]) - 1].serial }";
    assert_eq!(read_without(count, beside, PlanMode::Normal).await, "id owner");
}

#[tokio::test]
async fn a_refresh_of_its_own_reads_everything() {
    assert_eq!(read_without("", "", PlanMode::RefreshOnly).await, "");
}

#[tokio::test]
async fn of_an_object_that_may_be_half_made_everything_is_read() {
    assert_eq!(read_object_without("tainted".into(), "", "", PlanMode::Normal).await, "");
}
