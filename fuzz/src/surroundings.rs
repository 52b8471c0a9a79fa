//! What functions are told about the place where they are called.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use infra_lang::eval::{TemplateSurroundings, render_template};
use infra_lang::functions::{FunctionContext, Phase};
use infra_value::Members;

/// Calls `f` with functions that look at files from `base_dir` and at a clock that stands still.
pub fn with_functions<T>(base_dir: &Path, phase: Phase, f: impl FnOnce(&FunctionContext<'_>) -> T) -> T {
    let now = || SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let home_dir = PathBuf::from("/nonexistent");
    let render = |text: &str, name: &str, variables: &Members| {
        let around =
            TemplateSurroundings { base_dir, home_dir: Some(&home_dir), phase, plan_timestamp: None, now: &now };
        render_template(text, name, variables, around)
    };
    f(&FunctionContext {
        base_dir: base_dir.to_path_buf(),
        home_dir: Some(home_dir.clone()),
        phase,
        plan_timestamp: None,
        now: &now,
        render_template: &render,
        inside_template: false,
    })
}
