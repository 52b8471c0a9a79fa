//! How prior state and configuration become a plan: one algorithm for all types.

mod action;
mod at;
mod diff;
mod framework;
mod ignore_changes;
mod proposed;
mod replace_paths;
mod rules;
mod sdk;
mod stored;
mod tags;
mod zero;

pub use action::{ActionInputs, ActionKind, choose_action};
pub use at::{get_at, with_at, with_member, without_member};
pub use diff::Diff;
pub use framework::plan_framework;
pub use ignore_changes::{Ignore, ignore_in_config, ignore_in_planned};
pub use proposed::{proposed_new, proposed_unknown};
pub use replace_paths::{filter_replace_paths, same};
pub use rules::{Around, Key, Meta, NoRules, PluginKind, TagRules, TypeRules};
pub use sdk::{SdkPlan, fill_unknown, plan_sdk, without_write_only};
pub use stored::{stored_after_apply, stored_after_failed_update, stored_after_refresh, stored_exact, without_unknown};
pub use tags::{Tags, tags_of, tags_value};
pub use zero::{fill_elements, is_zero, same_or_zero, zero_like};
