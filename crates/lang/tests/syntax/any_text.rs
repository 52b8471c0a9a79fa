//! Laws that hold for any text: nothing panics, and tokens lose nothing.

use std::sync::Arc;

use infra_lang::syntax::lexer::{Reading, TokenKind, tokens};
use infra_lang::syntax::{format, parse_expression, parse_file, parse_json_file, parse_template};
use proptest::prelude::*;

const FILES: [&str; 3] = [
    include_str!("data/functions.tf"),
    include_str!("data/dynamic_blocks.tf"),
    include_str!("data/ecs_task_definition.tf"),
];

fn read_all_ways(text: &str) {
    let name: Arc<str> = "x".into();
    let _ = parse_file(&name, text);
    let _ = format(&name, text);
    let (body, _) = parse_json_file(&name, text);
    let _ = body.just_attributes();
    let _ = parse_expression(&name, text, Default::default());
    let _ = parse_template(&name, text, Default::default());
}

/// Texts of the pieces that the syntax is made of.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\""),
        Just("${"),
        Just("%{"),
        Just("}"),
        Just("~}"),
        Just("{"),
        Just("["),
        Just("]"),
        Just("("),
        Just(")"),
        Just("<<E\n"),
        Just("<<-E\r\n"),
        Just("E\n"),
        Just("\n"),
        Just("\r"),
        Just(" "),
        Just("a"),
        Just("é"),
        Just("1"),
        Just("1."),
        Just("."),
        Just("*"),
        Just("..."),
        Just(","),
        Just("="),
        Just("=>"),
        Just(":"),
        Just("::"),
        Just("?"),
        Just("for "),
        Just("in "),
        Just("if "),
        Just("else"),
        Just("endif"),
        Just("endfor"),
        Just("#"),
        Just("/*"),
        Just("*/"),
        Just("\\"),
        Just("\\u00"),
        Just("$"),
        Just("%"),
        Just("-"),
        Just("!"),
        Just("&"),
        Just("\u{301}"),
        Just("null"),
        Just("true"),
        Just("\u{feff}"),
        Just("'"),
        Just("~"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "\\PC{0,60}") {
        read_all_ways(&text);
    }

    #[test]
    fn no_mix_of_pieces_makes_reading_panic(text in pieces()) {
        read_all_ways(&text);
    }

    #[test]
    fn no_change_to_a_file_makes_reading_panic(file in 0..FILES.len(), at in any::<prop::sample::Index>(), length in 0..20usize, new in pieces()) {
        let text = FILES[file];
        let boundary = |at: usize| (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let start = boundary(at.index(text.len()));
        let end = boundary((start + length).min(text.len()));
        read_all_ways(&format!("{}{new}{}", &text[..start], &text[end..]));
    }

    #[test]
    fn between_tokens_there_is_only_blank_space(text in pieces()) {
        for reading in [Reading::Expression, Reading::Template] {
            let mut at = 0;
            for token in tokens(&text, Default::default(), reading) {
                let span = token.span(0);
                let between_is_blank = text[at..span.start].chars().all(|c| matches!(c, ' ' | '\t' | '\u{feff}'));
                prop_assert!(between_is_blank);
                prop_assert!(token.kind == TokenKind::End || !span.is_empty());
                at = span.end;
            }
            prop_assert_eq!(at, text.len());
        }
    }
}

#[test]
fn real_files_are_read_without_errors() {
    for file in FILES {
        let (_, errors) = parse_file(&Arc::from("main.tf"), file);
        assert!(errors.is_empty(), "{errors:?}");
    }
}
