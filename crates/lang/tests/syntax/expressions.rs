//! How expressions are read.

use std::sync::Arc;

use infra_lang::syntax::{Found, parse_expression, parse_traversal};

use super::dump::read;

#[track_caller]
fn are_read(table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(read(text), *expected, "{text}");
    }
}

#[test]
fn literals_are_values() {
    are_read(&[
        ("1", "1"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("true", "true"),
        ("null", "null"),
        (r#""a\tb""#, r#""a\tb""#),
        ("truely", "truely"),
        ("a-b", "a-b"),
        ("größe", "größe"),
    ]);
}

#[test]
fn operators_bind_by_precedence_and_to_the_left() {
    are_read(&[
        ("1 + 2 * 3", "(+ 1 (* 2 3))"),
        ("1 - 2 - 3", "(- (- 1 2) 3)"),
        ("(1 + 2) * 3", "(* (parens (+ 1 2)) 3)"),
        ("a || b && c", "(|| a (&& b c))"),
        ("a == b != c", "(!= (== a b) c)"),
        ("a < b == c >= d", "(== (< a b) (>= c d))"),
        ("1 + 2 % 3 > 4", "(> (+ 1 (% 2 3)) 4)"),
        ("-a.b + !c[0]", "(+ (- a.b) (! c[0]))"),
        ("- -1", "(- (- 1))"),
        ("a ? b : c ? d : e", "(? a b (? c d e))"),
        ("a ? b ? 1 : 2 : 3", "(? a (? b 1 2) 3)"),
        ("a || b ? c + 1 : d", "(? (|| a b) (+ c 1) d)"),
    ]);
}

#[test]
fn steps_with_literal_keys_are_traversals() {
    are_read(&[
        ("a", "a"),
        ("a.b.c", "a.b.c"),
        (r#"a["k"][0].b"#, r#"a["k"][0].b"#),
        ("a.0.b", "a[0].b"),
        ("a.0.1", "! Invalid legacy index syntax"),
        ("a[b].c", "(index a b).c"),
        ("a[-1]", "(index a (- 1))"),
        (r#"a["${b}"]"#, "(index a (wrap b))"),
        ("f(x).a[0]", "(call f x).a[0]"),
        ("[1, 2][0]", "[1 2][0]"),
        ("(a).b", "(parens a).b"),
        ("a\n.b", "a.b"),
    ]);
}

#[test]
fn an_index_after_an_attribute_splat_is_of_the_result() {
    are_read(&[
        ("a.*.b", "(splat a _.b)"),
        ("a[*].b", "(splat a _.b)"),
        ("a.*.b[0]", "(splat a _.b)[0]"),
        ("a[*].b[0]", "(splat a _.b[0])"),
        ("a[*]", "(splat a _)"),
        ("a[*][*].b", "(splat a (splat _ _.b))"),
        ("a[*].b[c].d", "(splat a (index _.b c).d)"),
        ("a.*.b.*.c", "! Nested splat expression not allowed"),
        ("a.*.0", "(splat a _[0])"),
    ]);
}

#[test]
fn calls_may_be_namespaced_and_expand_their_last_argument() {
    are_read(&[
        ("f()", "(call f)"),
        ("f(1, a,)", "(call f 1 a)"),
        ("f(1, a...)", "(call f 1 a ...)"),
        ("provider::aws::arn_parse(x)", "(call provider::aws::arn_parse x)"),
        ("f(\n  1\n  ,\n  2\n)", "(call f 1 2)"),
        ("f(1 2)", "! Missing argument separator"),
        ("f(a..., 1)", "! Missing closing parenthesis"),
        ("a::b", "! Missing open parenthesis"),
    ]);
}

#[test]
fn keys_of_objects_are_names_unless_in_parentheses() {
    are_read(&[
        ("{}", "{}"),
        ("{ a = 1, b : 2 }", r#"{"a": 1, "b": 2}"#),
        ("{\n a = 1\n\n b = 2, c = 3\n}", r#"{"a": 1, "b": 2, "c": 3}"#),
        ("{ (a) = 1 }", "{(parens a): 1}"),
        (r#"{ "a b" = 1, "${c}" = 2, 3 = 4 }"#, r#"{"a b": 1, (wrap c): 2, 3: 4}"#),
        ("{ true = 1, null = 2 }", r#"{"true": 1, "null": 2}"#),
        ("{ aws.west = aws.w }", "{aws.west: aws.w}"),
        ("{ a = 1, a = 2 }", r#"{"a": 1, "a": 2}"#),
        ("{ a }", "! Missing key/value separator"),
        ("{ a = 1 b = 2 }", "! Missing attribute separator"),
        ("{ a = 1 # one\n b = 2 // two\n}", r#"{"a": 1, "b": 2}"#),
        ("[1, /* two */ 2, ]", "[1 2]"),
    ]);
}

#[test]
fn for_makes_tuples_and_objects() {
    are_read(&[
        ("[for x in xs : x]", "(for x xs x)"),
        ("[for k, v in xs : v if k > 1]", "(for k,v xs v if (> k 1))"),
        ("{for k, v in xs : k => v}", "(for k,v xs k => v)"),
        ("{\nfor k, v in xs :\n k => v... if v\n}", "(for k,v xs k => v ... if v)"),
        ("[for x in xs : x => x]", "! Invalid 'for' expression"),
        ("{for x in xs : x}", "! Invalid 'for' expression"),
        ("[for x in xs : x...]", "! Invalid 'for' expression"),
    ]);
}

#[test]
fn columns_count_grapheme_clusters() {
    let expr = parse_expression(&Arc::from("x"), "\"e\u{301}👨\u{200d}👩\" + a", Default::default()).unwrap();
    assert_eq!((expr.range.end.column, expr.range.end.byte), (9, 20));
}

#[test]
fn traversals_are_nothing_but_names_and_literal_keys() {
    let read = |text: &str| parse_traversal(&Arc::from("x"), text, Default::default()).map(|t| t.steps.len());
    assert_eq!(read(r#"module.a["k"].aws_vpc.main[0]"#), Ok(5));
    for text in ["a[*]", "f(x)", "\"a.b\"", "a[b]", "1", "a.b c", ""] {
        assert!(read(text).is_err(), "{text}");
    }
}

#[test]
fn what_is_nested_too_deeply_is_an_error() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{a=", "}"), ("f(", ")"), ("-", ""), ("\"${", "}\""), ("x[", "]")] {
        let text = |n: usize| format!("{}1{}", open.repeat(n), close.repeat(n));
        assert!(!read(&text(40)).starts_with('!'), "{open}");
        assert!(read(&text(10_000)).starts_with("! Excessive nesting"), "{open}");
    }
    for more in ["+1", "[x]", "[*]", " ? 1 : 2"] {
        assert!(read(&format!("x{}", more.repeat(10_000))).starts_with('!'), "{more}");
    }
}

#[test]
fn a_walk_shows_free_traversals_and_calls() {
    let text = r#"f(a.b, [for k, v in g(c[0]) : "${k}${v.x}${d}" if k != e]) ? "%{for d in d}${d}${h}%{endfor}" : i[*].j[k] + p[r].s + w[*].x"#;
    let expr = parse_expression(&Arc::from("x"), text, Default::default()).unwrap();
    let mut found = Vec::new();
    expr.walk(&mut |f| match f {
        Found::Traversal(t) => found.push(t.root.to_string()),
        Found::Followed(t, steps) => found.push(format!("{} > {}", t.root, steps.len())),
        Found::Call(call) => found.push(format!("{}()", call.name)),
    });
    assert_eq!(found.join(" "), "f() a g() c d e d h i k p r p > 1 w w > 1");
}
