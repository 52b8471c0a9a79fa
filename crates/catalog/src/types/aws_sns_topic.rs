//! `aws_sns_topic`: its rules beyond the schema.

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::Value;

use crate::validate::Check;
use crate::{json_text, policy};

/// The rules of `aws_sns_topic`.
pub struct Rules;

/// Kinds of endpoints whose deliveries are recorded.
const ENDPOINTS: [&str; 5] = ["application", "firehose", "http", "lambda", "sqs"];

/// The length of what follows a prefix in a name that is made up, and its characters.
const GENERATED: &str = "00000000000000000000000000";

/// What the name of a topic for messages in order ends in.
pub const FIFO_SUFFIX: &str = ".fifo";

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.conflict_with_each_other(&["name", "name_prefix"]);
        for endpoint in ENDPOINTS {
            check.arn(&format!("{endpoint}_failure_feedback_role_arn"));
            check.arn(&format!("{endpoint}_success_feedback_role_arn"));
            check.range(&format!("{endpoint}_success_feedback_sample_rate"), 0..=100);
        }
        check.json("archive_policy");
        check.json("delivery_policy");
        check.json("policy");
        check.one_of("fifo_throughput_scope", &["Topic", "MessageGroup"]);
        check.range("signature_version", 1..=2);
        check.one_of("tracing_config", &["Active", "PassThrough"]);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        match key.names {
            ["policy"] => policy::same(old, new),
            ["delivery_policy" | "archive_policy"] => json_text::equal(old, new),
            _ => false,
        }
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        match key.names {
            ["policy" | "delivery_policy" | "archive_policy"] => {
                Some(Value::string(json_text::normalise(value.as_str()?)))
            }
            _ => None,
        }
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        let will = diff.will();
        let refused = |summary: String| Err(vec![Problem::error(summary, "")]);
        let fifo = will.bool("fifo_topic");
        let name = match (will.str("name"), diff.written().str("name_prefix")) {
            ("", "") => String::new(),
            ("", prefix) if fifo => format!("{prefix}{GENERATED}{FIFO_SUFFIX}"),
            ("", prefix) => format!("{prefix}{GENERATED}"),
            (name, _) => name.to_string(),
        };
        if diff.is_create() && !name.is_empty() && !is_name(&name, fifo) {
            return refused(format!("invalid topic name: {name}"));
        }
        if fifo || !diff.is_known("fifo_topic") {
            return Ok(());
        }
        if !will.str("archive_policy").is_empty() {
            return refused("message archive policy can only be set for FIFO topics".into());
        }
        if !diff.written().str("fifo_throughput_scope").is_empty() {
            return refused("FIFO throughput scope can only be set for FIFO topics".into());
        }
        if will.bool("content_based_deduplication") {
            return refused("content-based deduplication can only be set for FIFO topics".into());
        }
        Ok(())
    }
}

fn is_name(name: &str, fifo: bool) -> bool {
    let stem = if fifo { name.strip_suffix(FIFO_SUFFIX) } else { Some(name) };
    let longest = if fifo { 251 } else { 256 };
    stem.is_some_and(|stem| {
        (1..=longest).contains(&stem.len())
            && stem.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_fifo_topic_says_so() {
        for (name, fifo, good) in [
            ("alarms", false, true),
            ("alarms", true, false),
            ("alarms.fifo", true, true),
            ("alarms.fifo", false, false),
            (".fifo", true, false),
            ("a b", false, false),
        ] {
            assert_eq!(is_name(name, fifo), good, "{name}");
        }
        assert!(!is_name(&"x".repeat(257), false));
    }
}
