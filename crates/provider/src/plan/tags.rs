//! Tags: a resource's own, the provider's defaults, and all of them together.

use std::collections::BTreeMap;

use infra_value::{Type, Value};

use super::{Diff, TagRules};

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

impl TagRules {
    /// The tags that an object with these own ones is to have: the defaults overlaid with them. Tags of AWS's own are
    /// never sent.
    pub fn effective(&self, own: &Value) -> Tags {
        let mut all = self.known_defaults().clone();
        all.extend(tags_of(own));
        all.retain(|key, _| !is_system(key));
        all
    }

    /// What `tags_all` is planned as, for these own tags.
    fn all(&self, own: &Tags) -> Tags {
        let mut all = self.known_defaults().clone();
        all.extend(own.clone());
        all.retain(|key, _| !self.ignores(key));
        all
    }

    /// Defaults with an unknown part count as none.
    fn known_defaults(&self) -> &Tags {
        static NONE: Tags = Tags::new();
        if self.defaults_unknown { &NONE } else { &self.defaults }
    }

    /// Splits the tags that an object has into its `tags` and `tags_all`. `claimed` are the own tags that are known of:
    /// those of the configuration while an object is made or changed, those of the prior object at a refresh, none at an
    /// import. They stay own tags although they equal a default.
    pub fn split(&self, found: &Tags, claimed: &Value) -> (Tags, Tags) {
        let claimed = tags_of(claimed);
        let all: Tags = found
            .iter()
            .filter(|(key, _)| !is_system(key) && !self.ignores(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let defaults = self.known_defaults();
        let is_own = |key: &String, value: &String| defaults.get(key) != Some(value) || claimed.get(key) == Some(value);
        let own = all.iter().filter(|(k, v)| is_own(k, v)).map(|(k, v)| (k.clone(), v.clone())).collect();
        (own, all)
    }
}

/// The known tags of a map value; what is null or unknown is left out.
pub fn tags_of(value: &Value) -> Tags {
    let members = value.members().into_iter().flatten();
    members.filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_string()))).collect()
}

/// Tags as a value.
pub fn tags_value(tags: &Tags) -> Value {
    Value::map(Type::String, tags.iter().map(|(key, value)| (key.as_str(), Value::string(value))))
}

fn is_system(key: &str) -> bool {
    key.starts_with("aws:")
}

fn has_empty(tags: &Tags) -> bool {
    tags.values().any(String::is_empty)
}

/// All tags as the older plugin kind plans a map of computed texts, which cannot hold an empty one: a new one is unknown,
/// and what becomes empty stays what it was.
fn computed_tags(prior: Option<&Value>, all: &Tags) -> Value {
    let was = prior.map(tags_of).unwrap_or_default();
    let one = |key: &str, text: &str| match was.get(key) {
        Some(old) if text.is_empty() => Value::string(old),
        None if text.is_empty() => Value::unknown(Type::String),
        _ => Value::string(text),
    };
    Value::map(Type::String, all.iter().map(|(key, text)| (key.as_str(), one(key, text))))
}

/// Plans `tags_all` as all types of the older plugin kind do. Where an own tag is empty, all is unknown.
pub(super) fn plan_tags(diff: &mut Diff<'_>, proposed: &Value) {
    let Some(tags) = proposed.get("tags") else { return };
    if !tags.is_wholly_known() {
        diff.set_new_computed("tags_all");
        return;
    }
    let own = tags_of(tags);
    let rules = &diff.meta.tags;
    let all = rules.all(&own);
    let was = diff.prior.get("tags").map(tags_of).unwrap_or_default();
    if own != was {
        if has_empty(&own) && (all.is_empty() || has_empty(&all)) {
            diff.set_new_computed("tags_all");
        } else {
            let planned = computed_tags(diff.prior.get("tags_all"), &all);
            diff.set_new("tags_all", planned);
        }
        return;
    }
    if all.is_empty() {
        return;
    }
    if !has_empty(&all) {
        diff.set_new("tags_all", tags_value(&all));
    } else if diff.prior.get("tags_all").map(tags_of).unwrap_or_default() != all {
        diff.set_new_computed("tags_all");
    }
}

/// What `tags_all` of a framework type is planned as. A null tag counts as an empty text.
pub(super) fn all_tags_exact(rules: &TagRules, tags: &Value) -> Value {
    if !tags.is_wholly_known() {
        return Value::unknown(Type::map(Type::String));
    }
    tags_value(&rules.all(&with_null_as_empty(tags)))
}

fn with_null_as_empty(tags: &Value) -> Tags {
    let members = tags.members().into_iter().flatten();
    members.map(|(key, value)| (key.to_string(), value.as_str().unwrap_or("").to_string())).collect()
}
