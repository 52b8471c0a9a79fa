//! Diagnostics as people read them.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, Pos, RenderOptions, SourceRange, Sources, render};

const TEXT: &str = "check \"value\" {\n  assert {\n    condition = aws_ssm_parameter.p.version >= var.min\n  }\n}\n";

fn range(file: &str, line: u32, needle: &str) -> SourceRange {
    let byte = TEXT.find(needle).unwrap() as u32;
    let start = Pos { line, column: 1, byte };
    let end = Pos { byte: byte + needle.len() as u32, ..start };
    SourceRange { file: Arc::from(file), start, end }
}

fn sources() -> Sources {
    let mut sources = Sources::default();
    sources.insert("main.tf".into(), TEXT.into());
    sources
}

fn failed_check() -> Diagnostic {
    let place = range("main.tf", 3, "aws_ssm_parameter.p.version >= var.min");
    let mut warning = Diagnostic::warning("Check block assertion failed", "The version is below 5.");
    warning.values = vec![("var.min".into(), "is \"5\"".into()), ("aws_ssm_parameter.p.version".into(), "is 1".into())];
    warning.at(place).within("check \"value\"")
}

#[test]
fn without_colours_there_is_no_box() {
    let expected = "
Warning: Check block assertion failed

  on main.tf line 3, in check \"value\":
   3:     condition = aws_ssm_parameter.p.version >= var.min
    ├────────────────
    │ aws_ssm_parameter.p.version is 1
    │ var.min is \"5\"

The version is below 5.
";
    assert_eq!(render(&failed_check(), &sources(), RenderOptions::default()), expected);
}

#[test]
fn an_object_is_named_and_a_missing_detail_leaves_its_line() {
    let error = Diagnostic::error("no matching EC2 VPC found", "").at(range("main.tf", 2, "assert"));
    let expected = "
Error: no matching EC2 VPC found

  with data.aws_vpc.other,
  on main.tf line 2, in check \"value\":
   2:   assert {


";
    let error = error.about("data.aws_vpc.other").within("check \"value\"");
    assert_eq!(render(&error, &sources(), RenderOptions::default()), expected);
}

#[test]
fn long_details_are_wrapped() {
    let error = Diagnostic::error("S", "one two three four\n  five six seven eight");
    let options = RenderOptions { columns: 11, ..RenderOptions::default() };
    let expected = "\nError: S\n\none two\nthree four\n  five six seven eight\n";
    assert_eq!(render(&error, &Sources::default(), options), expected);
}

#[test]
fn with_colours_a_rule_runs_along_the_side() {
    let options = RenderOptions { colour: true, ..RenderOptions::default() };
    let text = render(&failed_check(), &sources(), options);
    assert!(text.contains("condition = \u{1b}[4maws_ssm_parameter.p.version >= var.min\u{1b}[0m\n"), "{text}");
    let mut plain = text;
    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[4m", "\u{1b}[33m", "\u{1b}[90m", "\u{1b}[1m\u{1b}[33m"] {
        plain = plain.replace(code, "");
    }
    let lines: Vec<&str> = plain.lines().collect();
    assert_eq!(
        lines[..4],
        ["╷", "│ Warning: Check block assertion failed", "│ ", "│   on main.tf line 3, in check \"value\":"]
    );
    assert_eq!(lines.last(), Some(&"╵"));
}

#[test]
fn warnings_come_first_and_similar_ones_are_told_once() {
    let warning = |file: &str| Diagnostic::warning("W", "d").at(range(file, 2, "assert"));
    let all: Diagnostics = [
        Diagnostic::error("E", ""),
        warning("modules/a/main.tf"),
        warning("main.tf"),
        warning("a.tf"),
        Diagnostic::warning("W", "no place"),
    ]
    .into_iter()
    .collect();
    let shown = all.in_order().with_similar_warnings_merged();
    let details: Vec<&str> = shown.iter().map(|d| &*d.detail).collect();
    assert_eq!(details, ["no place", "d\n\n(and 2 more similar warnings elsewhere)", ""]);
    assert!(shown.compact_warnings().starts_with("\nWarnings:\n\n- W\n"));
}

#[test]
fn source_is_shown_without_what_would_steer_a_terminal_and_not_without_end() {
    let text = format!("a = \u{1b}[31m\0 {}x{}\n", "1 ".repeat(10_000), " 2".repeat(10_000));
    let byte = text.find('x').unwrap_or_default() as u32;
    let start = Pos { line: 1, column: 1, byte };
    let place = SourceRange { file: "main.tf".into(), start, end: Pos { byte: byte + 1, ..start } };
    let mut sources = Sources::default();
    sources.insert("main.tf".into(), text.into());
    let shown = render(&Diagnostic::error("S", "d").at(place), &sources, RenderOptions::default());
    assert!(shown.contains("1: …1 1") && shown.contains("1 x 2") && shown.contains("2…\n"), "{shown}");
    assert!(shown.len() < 1500, "{}", shown.len());
    let place = SourceRange { file: "main.tf".into(), start: Pos { byte: 0, ..start }, end: Pos { byte: 1, ..start } };
    let shown = render(&Diagnostic::error("S", "d").at(place), &sources, RenderOptions::default());
    assert!(shown.contains("a = \u{fffd}[31m\u{fffd} 1") && !shown.contains('\u{1b}'), "{shown}");
}
