//! How quoted texts, heredocs and template files are read.

use std::sync::Arc;

use infra_lang::syntax::parse_template;

use super::dump::{dump, read};

#[track_caller]
fn are_read(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(read(text), *expected, "{text}");
    }
}

#[test]
fn a_single_interpolation_is_the_value_itself() {
    are_read(&[
        (r#""${a}""#, "(wrap a)"),
        (r#""${~ a ~}""#, "(wrap a)"),
        (r#"" ${~ a ~} ""#, "(template a)"),
        (r#""a${b}c""#, r#"(template "a" b "c")"#),
        (r#""${a}${b}""#, "(template a b)"),
        (r#""${"${a}"}""#, "(wrap (wrap a))"),
        (r#""${{ a = "}" }}""#, r#"(wrap {"a": "}"})"#),
    ]);
}

#[test]
fn escapes_stand_for_characters() {
    are_read(&[
        (r#""\n\r\t\"\\""#, r#""\n\r\t\"\\""#),
        (r#""\u00e9\U0001F600""#, "\"é😀\""),
        (r#""$${a} %%{b} $$$${c}""#, r#""${a} %{b} $$${c}""#),
        (r#""$ $$ % {} $a""#, r#""$ $$ % {} $a""#),
        (r#""\x""#, "! Invalid escape sequence"),
        (r#""\u12""#, "! Invalid escape sequence"),
        (r#""\ud83d""#, "! Invalid escape sequence"),
    ]);
}

#[test]
fn directives_nest() {
    are_read(&[
        (r#""%{if a}b%{else}c%{endif}""#, r#"(template (if a ("b") ("c")))"#),
        (r#""%{if a}%{if b}c%{endif}%{endif}""#, r#"(template (if a ((if b ("c") ())) ()))"#),
        (r#""%{for k, v in a}${v}, %{endfor}""#, r#"(template (for k,v a v ", "))"#),
        (r#""a %{~ if b ~} c %{~ endif ~} d""#, r#"(template "a" (if b ("c") ()) "d")"#),
        (r#""%{if a}b""#, "! Unexpected end of template"),
        (r#""%{if a}b%{endfor}""#, "! Unexpected endfor directive"),
        (r#""%{if a}%{else}%{else}%{endif}""#, "! Unexpected else directive"),
        (r#""%{while a}""#, "! Invalid template control keyword"),
        (r#""%{if a b}%{endif}""#, "! Extra characters in if marker"),
    ]);
}

#[test]
fn heredocs_keep_their_lines() {
    are_read(&[
        ("<<E\na\n  b\nE\n", r#""a\n  b\n""#),
        ("<<E\nE\n", r#""""#),
        ("<<E\nEE\n E x\n  E  \n", r#""EE\n E x\n""#),
        ("<<E\r\na\r\nE\r\n", r#""a\r\n""#),
        ("<<E\n\\n \"q\"\n$${a}\nE\n", r#""\\n \"q\"\n${a}\n""#),
        ("<<E\na${b}\nE\n", r#"(template "a" b "\n")"#),
        ("f(<<E\na\nE\n, 1)", r#"(call f "a\n" 1)"#),
        ("<<E\na ${<<F\nb\nF\n}\nE\n", r#"(template "a " "b\n" "\n")"#),
        ("<<E\na\nE", "! Unterminated template string"),
        ("<<E", "! Invalid expression"),
    ]);
}

#[test]
fn indented_heredocs_lose_the_blank_space_that_all_lines_have() {
    are_read(&[
        ("<<-E\n    a\n      b\n   c\n  E\n", r#"" a\n   b\nc\n""#),
        ("<<-E\n    a\n\n  \n    b\n  E\n", r#""a\n\n  \nb\n""#),
        ("<<-E\n    ${a}\n      b\n    E\n", r#"(template a "\n  b\n")"#),
        ("<<-E\n${a}\n    b\n    E\n", r#"(template a "\n    b\n")"#),
        // After a trimmed line end no new line starts.
        ("<<-E\n    %{for x in y ~}\n      ${x}\n    %{endfor ~}\n    E\n", r#"(template (for x y "      " x "\n"))"#),
    ]);
}

#[test]
fn a_template_file_has_no_quotes() {
    let read = |text: &str| parse_template(&Arc::from("t"), text, Default::default()).map(|t| dump(&t));
    assert_eq!(read("a \"b\" \\n\n${c}\n"), Ok(r#"(template "a \"b\" \\n\n" c "\n")"#.to_owned()));
    assert_eq!(read("${c}"), Ok("(wrap c)".to_owned()));
    assert_eq!(read(""), Ok(r#""""#.to_owned()));
    assert!(read("a ${").is_err());
}
