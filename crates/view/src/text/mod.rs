//! Plans, states and values as text.

mod attention;
mod block;
mod collection;
mod drift;
mod frame;
mod history;
mod outputs;
mod pen;
mod releases;
mod render;
mod resource;
mod state;
mod text_value;
mod values;

use infra_address::{ProviderSource, ResourceMode};
use infra_engine::Registry;
use infra_engine::plan::PlanMode;
use infra_schema::Schema;

pub use frame::{plan_advice, plan_text};
pub(crate) use history::{done, record_facts, subject, summary, symbol, when};
pub use history::{history_table, record_text};
pub(crate) use outputs::outputs_patch;
pub(crate) use render::{attribute_name, is_telling};
pub(crate) use resource::object_patch;
pub(crate) use state::{outputs_of_state_plain, standing_patch};
pub use state::{resource_text, state_text};
pub use values::{output_text, outputs_text};

/// The schema of a resource type: provider source, mode (`managed`, `data`) and type as the published JSON names them.
pub type SchemaOf<'f, 's> = &'f dyn Fn(&str, &str, &str) -> Option<&'s Schema>;

/// The schemas of the providers of a registry, for [`SchemaOf`].
pub fn schemas_of<'r>(registry: &'r Registry) -> impl Fn(&str, &str, &str) -> Option<&'r Schema> {
    move |provider, mode, ty| {
        let mode = if mode == "data" { ResourceMode::Data } else { ResourceMode::Managed };
        registry.schema(&ProviderSource(provider.into()), mode, ty)
    }
}

/// How a text is written.
#[derive(Clone, Copy, Debug)]
pub struct TextOptions {
    /// With ANSI colours.
    pub colour: bool,
    /// The width of the terminal; 78 where there is none.
    pub columns: usize,
    /// The kind of plan.
    pub mode: PlanMode,
}

impl Default for TextOptions {
    fn default() -> TextOptions {
        TextOptions { colour: false, columns: 78, mode: PlanMode::Normal }
    }
}

impl TextOptions {
    /// How long a line may be.
    pub fn width(&self) -> usize {
        self.columns.saturating_sub(1).max(1)
    }
    /// A line across.
    pub fn rule(&self) -> String {
        "─".repeat(self.width())
    }
}
