//! What the values of a `backend "s3"` block have to be like.

use std::time::Duration;

use infra_provider::{Part, Problem};
use infra_value::Path;

use crate::settings::is_url;

/// Everything that is wrong with the block, but for what the environment has a say in.
pub(crate) fn all(block: &Part<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for name in ["bucket", "key"] {
        let at = Path::attribute(name);
        if !block.is_set(name) {
            let detail = format!("The S3 backend needs {name}: set it in the block, or with -backend-config.");
            problems.push(Problem::error("Missing Required Value", detail).at(at));
        } else if block.str(name).trim().is_empty() {
            problems.push(Problem::error("Invalid Value", format!("{name} must not be empty.")).at(at));
        }
    }
    for name in ["key", "workspace_key_prefix"] {
        let text = block.str(name);
        if text.starts_with('/') || text.ends_with('/') {
            let detail = format!("{name} must not start or end with \"/\".");
            problems.push(Problem::error("Invalid Value", detail).at(Path::attribute(name)));
        } else if name == "key" && text.contains("//") {
            problems.push(Problem::error("Invalid Value", "key must not contain \"//\".").at(Path::attribute(name)));
        }
    }
    for (one, other) in [
        ("kms_key_id", "sse_customer_key"),
        ("shared_credentials_file", "shared_credentials_files"),
        ("force_path_style", "use_path_style"),
        ("allowed_account_ids", "forbidden_account_ids"),
    ] {
        if block.is_set(one) && block.is_set(other) {
            let detail = format!("Only one of {one} and {other} can be set.");
            problems.push(Problem::error("Invalid Attribute Combination", detail).at(Path::attribute(other)));
        }
    }
    if let Some(key) = block.raw("kms_key_id").as_str() {
        problems.extend(kms_key(key).map(|problem| problem.at(Path::attribute("kms_key_id"))));
    }
    one_of(block, "retry_mode", &["standard", "adaptive"], &mut problems);
    one_of(block, "ec2_metadata_service_endpoint_mode", &["IPv4", "IPv6"], &mut problems);
    if block.str("ec2_metadata_service_endpoint_mode") == "IPv6" {
        let detail = "ec2_metadata_service_endpoint_mode = \"IPv6\" is not supported. Set \
                      ec2_metadata_service_endpoint to the address instead.";
        problems.push(unsupported("ec2_metadata_service_endpoint_mode", detail));
    }
    if block.opt_str("ec2_metadata_service_endpoint").is_some_and(|url| !is_url(&url)) {
        let detail = "ec2_metadata_service_endpoint has to be an address with a scheme and a host.";
        problems.push(Problem::error("Invalid Value", detail).at(Path::attribute("ec2_metadata_service_endpoint")));
    }
    if block.bool("insecure") {
        let detail = "insecure = true is not supported: certificates are always checked. Name the authority that signed \
                      yours with custom_ca_bundle.";
        problems.push(unsupported("insecure", detail));
    }
    for name in ["assume_role", "assume_role_with_web_identity"] {
        if let Some(role) = block.part(name) {
            problems.extend(assumed(&role, name == "assume_role_with_web_identity", &Path::attribute(name)));
        }
    }
    problems
}

fn unsupported(name: &str, detail: &str) -> Problem {
    Problem::error("Unsupported argument", detail).at(Path::attribute(name))
}

fn one_of(block: &Part<'_>, name: &str, allowed: &[&str], problems: &mut Vec<Problem>) {
    if block.raw(name).as_str().is_some_and(|value| !allowed.contains(&value)) {
        let detail = format!("{name} has to be one of: {}.", allowed.join(", "));
        problems.push(Problem::error("Invalid Value", detail).at(Path::attribute(name)));
    }
}

fn kms_key(key: &str) -> Option<Problem> {
    let is_key = |id: &str| is_uuid(id) || id.strip_prefix("mrk-").is_some_and(|rest| is_hex(rest, 32));
    if key.starts_with("arn:") {
        let resource = arn(key).map(|(_, resource)| resource).unwrap_or_default();
        let fits = resource.strip_prefix("key/").is_some_and(is_key) || is_alias(resource);
        return (!fits).then(|| Problem::error("Invalid KMS Key ARN", format!("{key:?} is not the ARN of a KMS key.")));
    }
    let fits = is_key(key) || is_alias(key);
    let detail = || format!("{key:?} is no id of a KMS key, alias (alias/NAME), or ARN of one.");
    (!fits).then(|| Problem::error("Invalid KMS Key ID", detail()))
}

fn is_alias(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "/_-".contains(c);
    text.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && name.chars().all(fits))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_hex(part, length))
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

/// The service and the resource of an ARN.
fn arn(text: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    (parts.len() == 6 && parts[0] == "arn").then(|| (parts[2], parts[5]))
}

/// A role that is to be taken.
fn assumed(role: &Part<'_>, by_token: bool, at: &Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut wrong = |name: &str, summary: &str, detail: String| {
        problems.push(Problem::error(summary, detail).at(at.attr(name)));
    };
    match role.raw("role_arn").as_str() {
        None => wrong("role_arn", "Missing Required Value", "role_arn says which role to take.".into()),
        Some(text) => match arn(text) {
            None => wrong("role_arn", "Invalid ARN", format!("{text:?} is not an ARN.")),
            Some((_, resource)) if !resource.starts_with("role/") => {
                wrong("role_arn", "Invalid IAM Role ARN", format!("{text:?} is not the ARN of a role."));
            }
            Some(_) => {}
        },
    }
    for text in role.strings("policy_arns") {
        match arn(&text) {
            None => wrong("policy_arns", "Invalid ARN", format!("{text:?} is not an ARN.")),
            Some((_, resource)) if !resource.starts_with("policy/") => {
                wrong("policy_arns", "Invalid IAM Policy ARN", format!("{text:?} is not the ARN of a policy."));
            }
            Some(_) => {}
        }
    }
    if let Some(text) = role.raw("duration").as_str() {
        let longest = Duration::from_secs(12 * 3600);
        let fits = |d: &Duration| (Duration::from_secs(15 * 60)..=longest).contains(d);
        if !infra_catalog::parse_duration(text).is_some_and(|d| fits(&d)) {
            wrong(
                "duration",
                "Invalid Duration",
                format!("{text:?} is not between 15 minutes (15m) and 12 hours (12h)."),
            );
        }
    }
    for (name, (least, most), allowed) in [
        ("session_name", (2, 64), "_+=,.@-"),
        ("source_identity", (2, 64), "_+=,.@-"),
        ("external_id", (2, 1224), "_+=,.@:/-"),
    ] {
        let Some(text) = role.raw(name).as_str() else { continue };
        if !(least..=most).contains(&text.len()) {
            wrong(name, "Invalid Value Length", format!("{name} has to have {least} to {most} characters."));
        } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || allowed.contains(c)) {
            wrong(name, "Invalid Value", format!("{name} can have letters, digits, and any of {allowed}"));
        }
    }
    if let Some(policy) = role.raw("policy").as_str() {
        let is_object = serde_json::from_str::<serde_json::Value>(policy.trim()).is_ok_and(|json| json.is_object());
        if !is_object {
            wrong("policy", "Invalid IAM Policy Document", "policy has to be a policy as a JSON object.".into());
        }
    }
    if by_token {
        let given = ["web_identity_token", "web_identity_token_file"].map(|name| role.is_set(name));
        let detail = "Set web_identity_token_file, or web_identity_token, and not both.";
        match given {
            [false, false] => problems.push(Problem::error("Missing Required Value", detail).at(at.clone())),
            [true, true] => problems.push(Problem::error("Invalid Attribute Combination", detail).at(at.clone())),
            _ => {}
        }
    }
    problems
}
