//! What a resource type adds to its schema.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_value::{Path, Value};

use super::Diff;
use crate::Problem;

/// Which generation of the provider's plug-in kit a type is made with: they plan by different rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PluginKind {
    /// terraform-plugin-sdk v2: null, `""`, 0 and false are the same; deviations of the result are tolerated.
    Sdk,
    /// terraform-plugin-framework: what is planned is exact.
    Framework,
}

/// Where an attribute stands in its resource: the names on the way, without indices (`["health_check", "matcher"]`),
/// and the path with them.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// Names only.
    pub names: &'a [&'a str],
    /// With list indices; set elements are steps with the element as index.
    pub path: &'a Path,
}

impl Key<'_> {
    /// Whether these are the names on the way.
    pub fn is(&self, names: &[&str]) -> bool {
        self.names == names
    }
}

/// What a rule can see beside the attribute that it is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The prior object; null on create.
    pub prior: &'a Value,
    /// The configuration merged with the prior (`proposed`), with defaults, before any other rule.
    pub proposed: &'a Value,
}

/// Provider settings that rules depend on.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// `aws`, `aws-cn`, `aws-us-gov`
    pub partition: String,
    /// `eu-west-1`
    pub region: String,
    /// The caller's account, 12 digits; empty where it was not asked for.
    pub account: String,
    /// Default and ignored tags.
    pub tags: TagRules,
}

/// `default_tags` and `ignore_tags` of the provider block.
#[derive(Clone, Debug, Default)]
pub struct TagRules {
    /// Tags that every taggable resource gets.
    pub defaults: BTreeMap<String, String>,
    /// `default_tags` is not wholly known yet.
    pub defaults_unknown: bool,
    /// Keys that are never looked at.
    pub ignore_keys: Vec<String>,
    /// Prefixes of such keys.
    pub ignore_prefixes: Vec<String>,
}

impl TagRules {
    /// Whether a tag with this key is left alone.
    pub fn ignores(&self, key: &str) -> bool {
        self.ignore_keys.iter().any(|k| k == key) || self.ignore_prefixes.iter().any(|p| key.starts_with(p.as_str()))
    }
}

/// The rules of a resource type beyond its schema. Every method has the answer that most types give.
pub trait TypeRules: Send + Sync {
    /// Which rules of planning hold.
    fn kind(&self) -> PluginKind {
        PluginKind::Sdk
    }
    /// The operations of the `timeouts` block (`create`, `read`, `update`, `delete`) with their defaults.
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        &[]
    }
    /// Checks the configuration: enumerations, ranges, conflicts, what is required together. Unknown values pass.
    fn validate(&self, _config: &Value, _problems: &mut Vec<Problem>) {}
    /// Whether a difference between two texts (`""` for null; numbers and truth values as text) is none: SDK's
    /// DiffSuppressFunc. Asked for scalars, for elements of lists, sets and maps of scalars (`key` is theirs), and for
    /// the number of elements of lists and of nested blocks (`key` is the list's, the texts are numbers). A text that is
    /// not known yet is one that nobody would write.
    fn suppress(&self, _key: Key<'_>, _old: &str, _new: &str, _around: Around<'_>) -> bool {
        false
    }
    /// The form in which a configured value (not null, known) is planned and stored: SDK's StateFunc. `None`: as it is.
    fn state_form(&self, _key: Key<'_>, _value: &Value) -> Option<Value> {
        None
    }
    /// What tells elements of a set block (or set of objects) apart, where it is not all their settable attributes:
    /// two elements with equal answers are the same element.
    fn set_identity(&self, _names: &[&str], _element: &Value) -> Option<Value> {
        None
    }
    /// The default of a member of an attribute that is written like blocks (`["ingress", "self"]`), which the schema does
    /// not tell.
    fn member_default(&self, _names: &[&str]) -> Option<Value> {
        None
    }
    /// Changes the plan by rules of its own: SDK's CustomizeDiff. Tags are taken care of before.
    ///
    /// # Errors
    /// What makes the change impossible.
    fn customise(&self, _diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        Ok(())
    }
    /// An object without what the cloud gives every new one, and a creation takes away unless the configuration wants it;
    /// `None` if there is no such thing.
    fn finished(&self, _config: &Value, _object: &Value) -> Option<Value> {
        None
    }
    /// Framework types: attributes that keep the prior's value on update (UseStateForUnknown).
    fn keeps_state(&self, _names: &[&str]) -> bool {
        false
    }
    /// Framework types: whether two spellings of an attribute mean the same.
    fn same_meaning(&self, _names: &[&str], _old: &Value, _new: &Value) -> bool {
        false
    }
    /// Brings the JSON of a state object of an older schema version to the present one. The general part (unknown
    /// attributes dropped, missing ones null) is done afterwards.
    fn upgrade(&self, _version: u64, _attributes: &mut serde_json::Map<String, serde_json::Value>) {}
    /// The attributes that an id for `import` stands for, beside `id` itself.
    ///
    /// # Errors
    /// What form an id has to have.
    fn import(&self, _id: &str) -> Result<BTreeMap<&'static str, Value>, Problem> {
        Ok(BTreeMap::new())
    }
}

/// A type without rules of its own.
pub struct NoRules;
impl TypeRules for NoRules {}
