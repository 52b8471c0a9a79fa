//! Verdicts on policy documents, as recorded.

use super::*;

fn with_statement(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)
}

fn assert_verdicts(equal: bool, cases: &[(&str, &str)]) {
    for (a, b) in cases {
        let (a, b) = (with_statement(a), with_statement(b));
        assert_eq!(equivalent(&a, &b), equal, "{a} and {b}");
        assert_eq!(equivalent(&b, &a), equal, "{b} and {a}");
    }
}

#[test]
fn documents_are_compared_by_version_id_and_statement() {
    for (a, b, equal) in [
        (r#"{"Version":"2012-10-17"}"#, r#"{"version":"2012-10-17","X":1}"#, true),
        (r#"{"Version":"2012-10-17"}"#, "{}", false),
        (r#"{"Version":"2008-10-17"}"#, "{}", false),
        (r#"{"Id":""}"#, "{}", true),
        ("", "{}", true),
        (r#" [{"Id":"a"}]"#, r#"{"Id":"a"}"#, true),
        (r#"{"Statement":"x"}"#, r#"{"Statement":"x"}"#, true),
        (r#"{"Statement":"x"}"#, r#"{"Statement":"y"}"#, false),
        (r#"{"Statement":null}"#, r#"{"Statement":[]}"#, true),
        (r#"{"Id":1}"#, r#"{"Id":1}"#, false),
        ("{", "{", false),
    ] {
        assert_eq!(equivalent(a, b), equal, "{a} and {b}");
    }
}

#[test]
fn what_makes_no_difference_between_statements() {
    assert_verdicts(
        true,
        &[
            (r#"{"Action":"a"}"#, r#"[{"action":["a"]}]"#),
            (r#"[{"Sid":"a"},{"Sid":"a"},{"Sid":"b"}]"#, r#"[{"Sid":"b"},{"Sid":"b"},{"Sid":"a"}]"#),
            (r#"[{"Effect":"allow","X":1}]"#, r#"[{"Effect":"Allow"}]"#),
            (r#"[{"Sid":""}]"#, "[{}]"),
            (r#"[{"Action":["b","a"]}]"#, r#"[{"Action":["a","b"]}]"#),
            (r#"[{"Action":null,"Resource":[]}]"#, "[{}]"),
            (r#"[{"Action":[true,1]}]"#, r#"[{"Action":["1","true"]}]"#),
            (r#"[{"Action":[["x"]]}]"#, r#"[{"Action":[null,"y"]}]"#),
            (r#"[{"Condition":{"B":{"k":true}}}]"#, r#"[{"Condition":{"B":{"k":["true"]}}}]"#),
            (r#"[{"Condition":{"B":{"k":["a","a","b"]}}}]"#, r#"[{"Condition":{"B":{"k":["b","b","a"]}}}]"#),
            (r#"[{"Principal":"*"}]"#, "[{}]"),
            (r#"[{"Principal":"a"}]"#, r#"[{"Principal":"b"}]"#),
            (r#"[{"Principal":{"AWS":[]}}]"#, "[{}]"),
            (
                r#"[{"Principal":{"AWS":["123456789012","x"]}}]"#,
                r#"[{"Principal":{"AWS":["x","arn:aws-cn:iam::123456789012:root"]}}]"#,
            ),
        ],
    );
}

#[test]
fn what_makes_a_difference_between_statements() {
    assert_verdicts(
        false,
        &[
            ("[{},{}]", "[{}]"),
            (r#"[{"Action":["a","a"]}]"#, r#"[{"Action":["a"]}]"#),
            (r#"[{"Action":["a","a","b"]}]"#, r#"[{"Action":["a","b","b"]}]"#),
            (r#"[{"Action":"S3:getobject"}]"#, r#"[{"Action":"s3:GetObject"}]"#),
            (r#"[{"Action":{}}]"#, r#"[{"Action":[]}]"#),
            (r#"[{"Action":"a"}]"#, r#"[{"NotAction":"a"}]"#),
            (r#"[{"Condition":{}}]"#, "[{}]"),
            (r#"[{"Condition":{"b":{"k":"1"}}}]"#, r#"[{"Condition":{"B":{"k":"1"}}}]"#),
            (r#"[{"Condition":{"B":{"k":1.5}}}]"#, r#"[{"Condition":{"B":{"k":"1.50"}}}]"#),
            (r#"[{"Principal":"*"}]"#, r#"[{"Principal":{"AWS":"*"}}]"#),
            (r#"[{"Principal":{"AWS":"a"}}]"#, r#"[{"Principal":{"aws":"a"}}]"#),
            (r#"[{"Principal":{"Service":"A.com"}}]"#, r#"[{"Principal":{"Service":"a.com"}}]"#),
            (r#"[{"Sid":1}]"#, r#"[{"Sid":1,"X":2}]"#),
        ],
    );
}

#[test]
fn a_read_keeps_the_text_of_the_state_where_it_means_the_same() {
    let (a, b) = (r#"{ "Statement": [{"Action": ["a"]}] }"#, r#"{"Statement":{"Action":"a"}}"#);
    assert_eq!(to_store(a, b), r#"{"Statement":[{"Action":["a"]}]}"#);
    assert_eq!(to_store("{}", b), b);
    assert_eq!(to_store(a, " "), "");
    assert_eq!(to_store(a, " {} "), "{}");
    assert_eq!(to_store(a, r#"{"Id":"x"}"#), r#"{"Id":"x"}"#);
}

#[test]
fn nothing_and_an_empty_document_are_the_same_for_a_plan() {
    for (a, b) in [("", " "), ("{}", ""), (" {}", "{}")] {
        assert!(same(a, b), "{a:?} {b:?}");
    }
    assert!(!same("", r#"{"Id":"a"}"#));
}

#[test]
fn the_legacy_form_has_the_version_in_front() {
    for (text, wanted) in [
        (
            r#"{"Statement": [], "Id": "x", "Version": "2012-10-17"}"#,
            r#"{"Version":"2012-10-17","Id":"x","Statement":[]}"#,
        ),
        (r#"{"Version":"2012-10-17","Zone":1}"#, r#"{"Version":"2012-10-17","Zone":1}"#),
        (r#"{"Version":"2012-10-17","A":1,"Zone":1}"#, r#"{"Version":"2012-10-17","A":1,"Zone":1}"#),
        (r#"{"Version":"2008-10-17","A":1}"#, r#"{"A":1,"Version":"2008-10-17"}"#),
        (r#"{"A":[{"Version":"2012-10-17","X":1}]}"#, r#"{"A":[{"Version":"2012-10-17","X":1}]}"#),
        ("", ""),
    ] {
        assert_eq!(legacy_form(text), wanted);
    }
}
