//! The providers that there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{ProviderSource, ResourceMode};
use infra_provider::Provider;
use infra_schema::Schema;

/// Providers by where they come from.
#[derive(Clone, Default)]
pub struct Registry(BTreeMap<ProviderSource, Arc<dyn Provider>>);

impl Registry {
    /// Of these providers.
    pub fn new(providers: impl IntoIterator<Item = Arc<dyn Provider>>) -> Registry {
        Registry(providers.into_iter().map(|p| (p.source().clone(), p)).collect())
    }

    /// The provider from a source.
    pub fn get(&self, source: &ProviderSource) -> Option<&Arc<dyn Provider>> {
        self.0.get(source)
    }

    /// Each provider.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Provider>> {
        self.0.values()
    }

    /// The schema of a resource type or data source.
    pub fn schema(&self, source: &ProviderSource, mode: ResourceMode, ty: &str) -> Option<&Schema> {
        let provider = self.get(source)?;
        match mode {
            ResourceMode::Managed => provider.resource_schema(ty),
            ResourceMode::Data => provider.data_schema(ty),
            ResourceMode::Ephemeral => provider.ephemeral_schema(ty),
        }
    }
}
