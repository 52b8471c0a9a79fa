//! Resources and provider configurations.

use std::fmt;
use std::sync::Arc;

/// Whether a block manages something, only reads it, or opens it for the length of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum ResourceMode {
    /// `resource`
    Managed,
    /// `data`
    Data,
    /// `ephemeral`
    Ephemeral,
}

/// A resource within its module: mode, type and name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Resource {
    /// Which kind of block.
    pub mode: ResourceMode,
    /// `aws_vpc`
    pub ty: Arc<str>,
    /// `main`
    pub name: Arc<str>,
}

impl Resource {
    /// A managed resource.
    pub fn managed(ty: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Resource {
        Resource { mode: ResourceMode::Managed, ty: ty.into(), name: name.into() }
    }
    /// A data source.
    pub fn data(ty: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Resource {
        Resource { mode: ResourceMode::Data, ty: ty.into(), name: name.into() }
    }
    /// The local name of the provider that its type implies: the part before the first underscore.
    pub fn implied_provider(&self) -> &str {
        self.ty.split('_').next().unwrap_or(&self.ty)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            ResourceMode::Managed => write!(f, "{}.{}", self.ty, self.name),
            ResourceMode::Data => write!(f, "data.{}.{}", self.ty, self.name),
            ResourceMode::Ephemeral => write!(f, "ephemeral.{}.{}", self.ty, self.name),
        }
    }
}

/// Where a provider comes from: `registry.terraform.io/hashicorp/aws`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ProviderSource(pub Arc<str>);

impl ProviderSource {
    /// The source that a short form means: `aws`, `hashicorp/aws` or a full one.
    pub fn parse(text: &str) -> ProviderSource {
        let full = match (text, text.matches('/').count()) {
            ("terraform", 0) => "terraform.io/builtin/terraform".to_string(),
            (name, 0) => format!("registry.terraform.io/hashicorp/{name}"),
            (source, 1) => format!("registry.terraform.io/{source}"),
            (full, _) => full.to_string(),
        };
        ProviderSource(full.to_lowercase().into())
    }
    /// The last part: `aws`.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }
}

impl fmt::Display for ProviderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A provider configuration in a module: `module.m.provider["registry.terraform.io/hashicorp/aws"].west`.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct ProviderConfig {
    /// The names of the module calls that lead to the module in which it is configured; empty for the root.
    pub module: crate::ModulePath,
    /// The provider.
    pub source: ProviderSource,
    /// `alias`, if it has one.
    pub alias: Option<Arc<str>>,
}

impl fmt::Display for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        write!(f, "provider[\"{}\"]", self.source)?;
        match &self.alias {
            Some(alias) => write!(f, ".{alias}"),
            None => Ok(()),
        }
    }
}

impl ProviderConfig {
    /// Parses the form in which a state holds it.
    pub fn parse(text: &str) -> Option<ProviderConfig> {
        let at = text.find("provider[\"")?;
        let (module, rest) = text.split_at(at);
        let rest = rest.strip_prefix("provider[\"")?;
        let (source, rest) = rest.split_once("\"]")?;
        let alias = match rest {
            "" => None,
            rest => Some(rest.strip_prefix('.')?.into()),
        };
        let mut path = Vec::new();
        let mut parts = module.trim_end_matches('.').split('.');
        while let Some(word) = parts.next() {
            match word {
                "" => break,
                "module" => path.push(parts.next()?.into()),
                _ => return None,
            }
        }
        Some(ProviderConfig { module: crate::ModulePath(path), source: ProviderSource(source.into()), alias })
    }
}
