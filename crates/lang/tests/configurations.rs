//! Loading finds the errors in a configuration that Terraform finds, at the same places.

use std::fs;
use std::path::Path;

use infra_diag::{Diagnostic, Severity};
use infra_lang::config::{LoadOptions, load};
use serde_json::Value as Json;

/// What evaluation is needed for is not among these.
const FOUND_WITHOUT_EVALUATION: &[&str] = &[
    "Reference to undeclared input variable",
    "Reference to undeclared local value",
    "Reference to undeclared resource",
    "Reference to undeclared module",
    "Invalid reference",
    "Invalid \"path\" attribute",
    "Invalid \"terraform\" attribute",
    "Invalid \"each\" attribute",
    "Reference to \"count\" in non-counted context",
    "Reference to \"each\" in context without for_each",
    "each.value cannot be used in this context",
    "Invalid \"self\" reference",
    "Missing resource instance key",
    "Self-referencing local value",
    "Missing required provisioner plugin",
    "Invalid depends_on reference",
    "Provider configuration not present",
];

/// Differences that are known, and why.
const KNOWN_DIFFERENCES: &[(&str, &str)] = &[
    ("conf-0273", "the place where a provider that is not supported is asked for is shown"),
    ("conf-0576", "after a syntax error in a template directive the rest of the template is not judged"),
];

type Finding = (String, Option<String>, Option<u64>, String);

#[test]
fn configurations_are_judged_as_by_terraform() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/configurations.jsonl"))
        .expect("the recorded answers are readable");
    let (mut total, mut same) = (0, 0);
    let mut differences = Vec::new();
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("a recorded answer is JSON");
        let expected = expected(&case);
        let found = found(&case);
        if !in_scope(&case) {
            // What Terraform does not report must not be reported here either.
            if places(&found).iter().any(|place| !places(&expected).contains(place)) {
                differences.push(report(&case, &expected, &found));
            }
            continue;
        }
        total += 1;
        let known = KNOWN_DIFFERENCES.iter().find(|(id, _)| case["id"] == *id);
        match (places(&expected) == places(&found), known) {
            (true, _) => same += 1,
            (false, Some((id, reason))) => eprintln!("{id} is judged differently: {reason}\n"),
            (false, None) => differences.push(report(&case, &expected, &found)),
        }
        if summaries(&expected) != summaries(&found) && known.is_none() {
            eprintln!("other summaries:\n{}", report(&case, &expected, &found));
        }
    }
    for difference in &differences {
        eprintln!("{difference}");
    }
    eprintln!("{same} of {total} configurations are judged alike");
    assert!(differences.is_empty(), "{} configurations are judged differently", differences.len());
}

/// Whether loading alone has to find all that is wrong.
fn in_scope(case: &Json) -> bool {
    let no_evaluation = |d: &Json| d["summary"].as_str().is_some_and(|s| FOUND_WITHOUT_EVALUATION.contains(&s));
    let diagnostics = case["diagnostics"].as_array().map_or(&[][..], Vec::as_slice);
    case["valid"] == true
        || case.get("init").is_some_and(|init| !init.is_null())
        || diagnostics.iter().all(no_evaluation)
}

fn expected(case: &Json) -> Vec<Finding> {
    let finding = |d: &Json| {
        (
            d["severity"].as_str().unwrap_or_default().to_string(),
            d["file"].as_str().filter(|f| !f.is_empty()).map(str::to_string),
            d["line"].as_u64().filter(|line| *line > 0),
            d["summary"].as_str().unwrap_or_default().to_string(),
        )
    };
    case["diagnostics"].as_array().into_iter().flatten().map(finding).collect()
}

fn found(case: &Json) -> Vec<Finding> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    for (path, text) in case["files"].as_object().into_iter().flatten() {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("folders can be made");
        fs::write(path, text.as_str().unwrap_or_default()).expect("files can be written");
    }
    let (_, _, diagnostics) = load(folder.path(), &LoadOptions::default());
    let finding = |d: &Diagnostic| {
        let severity = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (file, line) = match &d.subject {
            Some(range) => (Some(range.file.to_string()), Some(u64::from(range.start.line))),
            None => (None, None),
        };
        (severity.to_string(), file, line, d.summary.clone())
    };
    diagnostics.iter().map(finding).collect()
}

/// Severities, files and lines, each once, sorted.
fn places(findings: &[Finding]) -> Vec<(String, Option<String>, Option<u64>)> {
    let mut places: Vec<_> = findings.iter().map(|(s, f, l, _)| (s.clone(), f.clone(), *l)).collect();
    places.sort();
    places.dedup();
    places
}

fn summaries(findings: &[Finding]) -> Vec<&str> {
    let mut summaries: Vec<&str> = findings.iter().map(|(_, _, _, summary)| summary.as_str()).collect();
    summaries.sort_unstable();
    summaries.dedup();
    summaries
}

fn report(case: &Json, expected: &[Finding], found: &[Finding]) -> String {
    let mut out = format!("== {}\n", case["id"].as_str().unwrap_or_default());
    for (path, text) in case["files"].as_object().into_iter().flatten() {
        out.push_str(&format!("-- {path}\n{}\n", text.as_str().unwrap_or_default().trim_end()));
    }
    for (what, findings) in [("terraform", expected), ("here", found)] {
        for (severity, file, line, summary) in findings {
            out.push_str(&format!("{what}: {severity} {file:?} {line:?} {summary}\n"));
        }
    }
    out
}
