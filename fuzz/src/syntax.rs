//! Reading: nothing panics, tokens lose nothing, errors stand inside of the text and can be shown.

use std::sync::Arc;

use infra_diag::{Diagnostics, RenderOptions, Sources, render};
use infra_lang::syntax::lexer::{Reading, TokenKind, tokens};
use infra_lang::syntax::{parse_expression, parse_file, parse_json_file, parse_template, parse_traversal};

pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text: &str = &text;
    let name: Arc<str> = "x.tf".into();
    for reading in [Reading::Expression, Reading::Template] {
        let mut at = 0;
        for token in tokens(text, Default::default(), reading) {
            let span = token.span(0);
            let between = text.get(at..span.start).expect("tokens come one after the other");
            assert!(between.chars().all(|c| matches!(c, ' ' | '\t' | '\u{feff}')), "lost {between:?}");
            assert!(token.kind == TokenKind::End || !span.is_empty(), "an empty token");
            at = span.end;
        }
        assert_eq!(at, text.len());
    }
    let (_, problems) = parse_file(&name, text);
    showable(&name, text, &problems);
    let (body, problems) = parse_json_file(&name, text);
    showable(&name, text, &problems);
    let (_, problems) = body.just_attributes();
    showable(&name, text, &problems);
    for problems in [
        parse_expression(&name, text, Default::default()).err(),
        parse_template(&name, text, Default::default()).err(),
        parse_traversal(&name, text, Default::default()).err(),
    ] {
        showable(&name, text, &problems.unwrap_or_default());
    }
}

/// Checks that each problem is about a place in the text, and shows it.
pub fn showable(name: &Arc<str>, text: &str, problems: &Diagnostics) {
    let mut sources = Sources::default();
    sources.insert(name.clone(), text.into());
    for problem in problems.iter() {
        assert!(!problem.summary.is_empty());
        for range in problem.subject.iter().filter(|r| r.file == *name) {
            let (start, end) = (range.start.byte as usize, range.end.byte as usize);
            assert!(
                start <= end && text.get(start..end).is_some(),
                "{}: {start}..{end} of {}",
                problem.summary,
                text.len()
            );
        }
        for columns in [7, 78] {
            render(problem, &sources, RenderOptions { colour: columns == 78, columns });
        }
    }
}
