//! The formatter: its result says the same as what it was made of, and stays as it is.

use std::sync::Arc;

use infra_diag::Pos;
use infra_lang::syntax::lexer::{Reading, TokenKind, tokens};
use infra_lang::syntax::{format, parse_file};

use crate::meaning::meaning;

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let name: Arc<str> = "x.tf".into();
    // Here the formatter of Terraform itself writes something else: points are drawn to the numbers beside them, and a
    // byte order mark becomes blank space.
    let kinds: Vec<TokenKind> = tokens(&text, Pos::default(), Reading::Expression).iter().map(|t| t.kind).collect();
    let beside = |pair: &[TokenKind]| pair.contains(&TokenKind::Number) && pair.contains(&TokenKind::Dot);
    if kinds.windows(2).any(beside) || text.starts_with('\u{feff}') {
        return;
    }
    let Ok(formatted) = format(&name, &text) else { return };
    let (before, problems) = parse_file(&name, &text);
    assert!(!problems.has_errors(), "a file with errors was formatted");
    let (after, problems) = parse_file(&name, &formatted);
    assert!(!problems.has_errors(), "errors after formatting: {problems:?}\n{formatted}");
    let (before, after) = (meaning(&before), meaning(&after));
    assert!(before == after, "another meaning:\n{before}\n{after}\n{formatted}");
    // Terraform's own form is not stable in heredocs with brackets of their own, after a blank last line, and where
    // there is an interpolation in an interpolation.
    if !text.contains("<<") && !text.ends_with([' ', '\t']) && !formatted.contains("\"${") {
        let again = format(&name, &formatted).expect("what was formatted can be formatted");
        assert_eq!(again, formatted, "formatting changes what was formatted");
    }
}
