//! The canonical form of files.

use std::sync::Arc;

use infra_lang::syntax::format;

fn formatted(text: &str) -> String {
    format(&Arc::from("main.tf"), text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"))
}

#[test]
fn files_are_formatted_as_terraform_does() {
    for line in include_str!("data/formatting.jsonl").lines() {
        let (text, expected): (String, String) = serde_json::from_str(line).unwrap();
        assert_eq!(formatted(&text), expected, "{text}");
    }
}

#[test]
fn what_is_formatted_stays_as_it_is() {
    for line in include_str!("data/formatting.jsonl").lines() {
        let (_, text): (String, String) = serde_json::from_str(line).unwrap();
        // Terraform's form is not stable either in heredocs with brackets of their own, and after a blank last line.
        if !text.contains("<<") && !text.ends_with(" \n") {
            assert_eq!(formatted(&text), text);
        }
    }
}

#[test]
fn an_unwrapped_comment_does_not_break_the_line() {
    let text = "a = \"${\n  # why\n  b\n}\"\n";
    assert_eq!(formatted(text), "a = ( # why\nb)\n");
    let text = "a = \"${\n  1\n  # why\n}\"\n";
    assert_eq!(formatted(text), "a = (1\n  # why\n)\n");
}

#[test]
fn a_faulty_file_is_not_formatted() {
    assert!(format(&Arc::from("main.tf"), "a = \n").is_err());
}
