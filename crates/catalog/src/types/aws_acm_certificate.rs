//! `aws_acm_certificate`: its rules beyond the schema.

use std::collections::BTreeSet;
use std::time::SystemTime;

use infra_provider::Problem;
use infra_provider::plan::{Around, Diff, Key, TypeRules};
use infra_value::{Type, Value};

use crate::parse_duration;
use crate::validate::Check;

/// The rules of `aws_acm_certificate`.
pub struct Rules;

const IMPORTED: [&str; 3] = ["certificate_body", "certificate_chain", "private_key"];
const NAMES: &str = "subject_alternative_names";
const OPTIONS: &str = "domain_validation_options";
const OPTION: [&str; 4] = ["domain_name", "resource_record_name", "resource_record_type", "resource_record_value"];

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.matches_not("domain_name", r"\.$", "cannot end with a period");
        check.length(NAMES, 1..=253);
        check.matches_not(NAMES, r"\.$", "cannot end with a period");
        check.exactly_one_of(&["domain_name", "private_key"]);
        check.arn("certificate_authority_arn");
        check.one_of("validation_method", &["EMAIL", "DNS", "HTTP"]);
        check.one_of(
            "key_algorithm",
            &["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"],
        );
        check.text("early_renewal_duration", |key, text| {
            (!text.is_empty() && duration(text).is_none())
                .then(|| format!("{key:?} ({text:?}) has to be an ISO 8601 duration such as P30D, or one such as 720h"))
        });
        check.each("options", |check| {
            check.one_of("certificate_transparency_logging_preference", &["ENABLED", "DISABLED"]);
        });
        check.conflicts("certificate_authority_arn", &["certificate_body", "private_key", "validation_method"]);
        check.required_with("certificate_body", &["private_key"]);
        check.conflicts("domain_name", &["certificate_body", "certificate_chain", "private_key"]);
        check.conflicts("options.0.certificate_transparency_logging_preference", &IMPORTED);
        for name in ["certificate_body", "certificate_chain"] {
            check.conflicts(name, &["certificate_authority_arn", "domain_name", "validation_method"]);
        }
        for name in ["early_renewal_duration", "key_algorithm", NAMES, "validation_method", "validation_option"] {
            check.conflicts(name, &IMPORTED);
        }
        check.conflicts("early_renewal_duration", &["validation_method"]);
        check.conflicts("validation_method", &["certificate_authority_arn"]);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["options"]) && old == "1" && new == "0"
    }

    fn set_identity(&self, names: &[&str], element: &Value) -> Option<Value> {
        (names == [OPTIONS]).then(|| element.get("domain_name").cloned())?
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        names(diff);
        renewal(diff);
        Ok(())
    }
}

/// A certificate is for its domain and for the alternative names; DNS validation wants one record for each. As long as one
/// of them is not known, neither is what there will be. (The provider plans without it, and then fails in the apply.)
fn names(diff: &mut Diff<'_>) {
    let is_open = |name: &str| diff.config.get(name).is_some_and(|v| !v.is_wholly_known());
    if is_open("domain_name") || is_open(NAMES) {
        diff.set_new_computed(NAMES);
        diff.set_new_computed(OPTIONS);
        return;
    }
    if !diff.has_changes(&["domain_name", NAMES]) {
        return;
    }
    let domain = diff.config.get("domain_name").filter(|v| !v.is_null()).cloned();
    let domain = domain.unwrap_or_else(|| diff.new("domain_name")).as_str().unwrap_or("").to_string();
    let given = diff.new(NAMES);
    let given = given.elements().unwrap_or(&[]).iter().filter_map(Value::as_str);
    let all: BTreeSet<String> = given.map(str::to_string).chain([domain]).collect();
    if diff.new("validation_method").as_str() == Some("DNS") {
        let before = diff.old(OPTIONS);
        let element = Type::object(OPTION.map(|name| (name, Type::String)));
        let options: Vec<Value> = all.iter().map(|name| option(&before, name)).collect();
        diff.set_new(OPTIONS, Value::set(element, options));
    }
    diff.set_new(NAMES, Value::set(Type::String, all.iter().map(Value::string)));
}

/// The record that validates a name: of one that was there already it stays.
fn option(before: &Value, domain: &str) -> Value {
    let of_domain = |o: &&Value| o.get("domain_name").and_then(Value::as_str).unwrap_or("") == domain;
    match before.elements().unwrap_or(&[]).iter().find(of_domain) {
        Some(old) => Value::object(OPTION.map(|name| {
            let text = old.get(name).and_then(Value::as_str).unwrap_or("");
            (name, Value::string(text))
        })),
        None => Value::object(OPTION.map(|name| {
            let known = name == "domain_name" && !domain.is_empty();
            (name, if known { Value::string(domain) } else { Value::unknown(Type::String) })
        })),
    }
}

/// A certificate that is due is renewed by the next apply.
fn renewal(diff: &mut Diff<'_>) {
    if diff.is_create() {
        return;
    }
    let was = diff.was();
    if diff.config.get("early_renewal_duration").is_some_and(|v| !v.is_known()) {
        diff.set_new_computed("pending_renewal");
    } else if diff.has_change("early_renewal_duration") {
        let early = diff.new("early_renewal_duration").as_str().unwrap_or("").to_string();
        let due = renewal_is_due(was.str("renewal_eligibility"), was.str("not_after"), &early, SystemTime::now());
        diff.set_new("pending_renewal", Value::bool(due));
    } else if was.bool("pending_renewal") {
        diff.set_new_computed("pending_renewal");
    }
}

/// Whether a certificate may be renewed, and is within `early` (`P30D`, `720h`) of its end.
pub fn renewal_is_due(eligibility: &str, not_after: &str, early: &str, now: SystemTime) -> bool {
    let (Ok(end), Ok(now)) = (not_after.parse::<jiff::Timestamp>(), jiff::Timestamp::try_from(now)) else {
        return false;
    };
    let end = end.to_zoned(jiff::tz::TimeZone::UTC);
    let begin = duration(early).and_then(|early| end.checked_sub(early).ok());
    eligibility == "ELIGIBLE" && begin.is_some_and(|begin| now > begin.timestamp())
}

/// A duration of ISO 8601, or one with units.
fn duration(text: &str) -> Option<jiff::Span> {
    if text.starts_with('P') {
        return text.parse().ok();
    }
    let seconds = i64::try_from(parse_duration(text)?.as_secs()).ok()?;
    jiff::Span::new().try_seconds(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_due_when_its_end_is_near() {
        let now: jiff::Timestamp = "2026-06-01T00:00:00Z".parse().unwrap_or_default();
        let due = |eligibility: &str, end: &str, early: &str| renewal_is_due(eligibility, end, early, now.into());
        assert!(due("ELIGIBLE", "2026-06-30T00:00:00Z", "P30D"));
        assert!(due("ELIGIBLE", "2026-06-30T00:00:00Z", "720h"));
        assert!(!due("ELIGIBLE", "2026-07-30T00:00:00Z", "P30D"));
        assert!(!due("INELIGIBLE", "2026-06-30T00:00:00Z", "P30D"));
        assert!(!due("ELIGIBLE", "2026-06-30T00:00:00Z", ""));
    }
}
