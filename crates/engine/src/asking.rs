//! Asking a provider for the plan of one object, with `ignore_changes` applied where it has to be.

use infra_lang::config::{IgnoreChanges, Resource as Block};
use infra_provider::plan::{self as rules, Ignore};
use infra_provider::{Configured, PlanRequest, Planned, Private, Problem};
use infra_schema::Schema;
use infra_value::Value;

/// What the provider plans for a block's object. Without a prior object nothing is ignored.
pub(crate) async fn ask(
    configured: &dyn Configured,
    block: &Block,
    schema: &Schema,
    prior: &Value,
    config: &Value,
    private: &Private,
) -> Result<Planned, Vec<Problem>> {
    let ignore = match (&block.lifecycle.ignore_changes, prior.is_null()) {
        (_, true) => None,
        (IgnoreChanges::All, _) => Some(Ignore::All),
        (IgnoreChanges::Paths(paths), _) => Some(Ignore::Paths(paths.iter().map(|(path, _)| path.clone()).collect())),
    };
    let effective = match &ignore {
        Some(ignore) => rules::ignore_in_config(&schema.block, prior, config, ignore),
        None => config.clone(),
    };
    let proposed = rules::proposed_new(&schema.block, prior, &effective);
    let request = PlanRequest { ty: &block.address.ty, prior, config: &effective, proposed: &proposed, private };
    let mut planned = configured.plan(request).await?;
    if planned.legacy
        && let Some(ignore) = &ignore
    {
        planned.value = rules::ignore_in_planned(&schema.block, prior, &planned.value, ignore);
    }
    Ok(planned)
}
