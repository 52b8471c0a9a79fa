//! State files: whatever is read is written and read again as the same, and can be shown.

use std::sync::Arc;

use infra_builtin::Builtin;
use infra_engine::Registry;
use infra_state::State;
use infra_view::json::state_json;
use infra_view::text::{TextOptions, schemas_of, state_text};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(Some(state)) = State::parse(&text) else { return };
    let written = state.to_text();
    let again = State::parse(&written).expect("a written state can be read").expect("a written state is not empty");
    assert!(state.same_content(&again), "another content:\n{written}");
    assert_eq!(written, again.to_text());
    let registry = Registry::new([Arc::new(Builtin::new()) as Arc<dyn infra_provider::Provider>]);
    let json = state_json(&state, &registry);
    state_text(&json, &schemas_of(&registry), &TextOptions::default());
}
