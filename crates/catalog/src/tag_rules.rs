//! The tag settings of a provider block.

use infra_provider::Part;
use infra_provider::plan::TagRules;

/// `default_tags` and `ignore_tags`, the environment's beneath the block's.
pub fn tag_rules(block: &Part<'_>, env: &dyn Fn(&str) -> Option<String>) -> TagRules {
    let mut rules = TagRules::default();
    for (name, value) in std::env::vars_os() {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str())
            && let Some(key) = name.strip_prefix("TF_AWS_DEFAULT_TAGS_")
        {
            rules.defaults.insert(key.to_string(), value.to_string());
        }
    }
    let listed = |name: &str| -> Vec<String> {
        let text = env(name).unwrap_or_default();
        text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_string).collect()
    };
    rules.ignore_keys = listed("TF_AWS_IGNORE_TAGS_KEYS");
    rules.ignore_prefixes = listed("TF_AWS_IGNORE_TAGS_KEY_PREFIXES");
    rules.defaults_unknown = !block.raw("default_tags").is_wholly_known();
    for part in block.parts("default_tags") {
        rules.defaults.extend(part.map("tags"));
    }
    for part in block.parts("ignore_tags") {
        rules.ignore_keys.extend(part.strings("keys"));
        rules.ignore_prefixes.extend(part.strings("key_prefixes"));
    }
    rules
}
