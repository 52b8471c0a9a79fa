//! Checks of the configuration of data sources beyond their schemas.

use crate::validate::Check;

/// Says what is wrong with the configuration of a data source of this type.
pub(crate) fn check(ty: &str, check: &mut Check<'_>) {
    match ty {
        "aws_availability_zones" => {
            check.one_of("state", &["available", "information", "impaired", "unavailable", "constrained"]);
        }
        "aws_iam_policy_document" => policy_document(check),
        _ => {}
    }
}

fn policy_document(check: &mut Check<'_>) {
    check.json("source_policy_documents");
    check.json("override_policy_documents");
    for former in ["source_json", "override_json"] {
        check.text(former, |key, text| {
            (!text.is_empty()).then(|| format!("expected {key:?} to be an empty string: got {text}"))
        });
    }
    check.one_of("version", &["2008-10-17", "2012-10-17"]);
    check.each("statement", |check| check.one_of("effect", &["Allow", "Deny"]));
}
