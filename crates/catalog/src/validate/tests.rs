//! The words of the checks, as recorded.

use infra_provider::Problem;
use infra_value::{Type, Value};

use super::{Check, arn_error, ipv4_network_error, json_syntax_error};

fn problems(config: Value, check: impl FnOnce(&mut Check<'_>)) -> Vec<Problem> {
    let mut problems = Vec::new();
    check(&mut Check::new(&config, &mut problems));
    problems
}

fn summaries(config: Value, check: impl FnOnce(&mut Check<'_>)) -> Vec<String> {
    problems(config, check).into_iter().map(|p| p.summary).collect()
}

#[test]
fn what_is_out_of_an_enumeration_or_a_range_is_named_with_its_key() {
    let config = Value::object([
        ("load_balancer_type", Value::string("classic")),
        ("requires_compatibilities", Value::strings(["FARGATE", "LAMBDA"])),
        ("port", Value::from(70000)),
        ("retention_in_days", Value::from(8)),
        ("bucket", Value::string("long")),
        ("unset", Value::null(Type::String)),
        ("later", Value::unknown(Type::String)),
    ]);
    let found = summaries(config, |c| {
        c.one_of("load_balancer_type", &["application", "network", "gateway"]);
        c.one_of("requires_compatibilities", &["EC2", "FARGATE"]);
        c.range("port", 1..=65535);
        c.port("port");
        c.one_of_numbers("retention_in_days", &[0, 1, 3]);
        c.length("bucket", 0..=3);
        c.one_of("unset", &["a"]);
        c.one_of("later", &["a"]);
    });
    assert_eq!(
        found,
        [
            r#"expected load_balancer_type to be one of ["application" "network" "gateway"], got classic"#,
            r#"expected requires_compatibilities.1 to be one of ["EC2" "FARGATE"], got LAMBDA"#,
            "expected port to be in the range (1 - 65535), got 70000",
            r#"expected "port" to be a valid port number, got: 70000"#,
            "expected retention_in_days to be one of [0 1 3], got 8",
            "expected length of bucket to be in the range (0 - 3), got long",
        ]
    );
}

#[test]
fn inside_a_block_the_key_and_the_path_have_its_index() {
    let action = Value::object([("target_group_arn", Value::string("my-tg"))]);
    let config = Value::object([("default_action", Value::list(action.ty(), [action]))]);
    let found = problems(config, |c| c.each("default_action", |c| c.arn("target_group_arn")));
    assert_eq!(
        found[0].summary,
        r#""default_action.0.target_group_arn" (my-tg) is an invalid ARN: arn: invalid prefix"#
    );
    assert_eq!(found[0].path.to_string(), "default_action[0].target_group_arn");
}

#[test]
fn networks_have_no_host_bits() {
    let wrong = |text| ipv4_network_error(text).unwrap_or_default();
    assert_eq!(wrong("10.0.0.0/8"), "");
    assert_eq!(wrong("10.0.0.1/8"), r#""10.0.0.1/8" is not a valid IPv4 CIDR block; did you mean "10.0.0.0/8"?"#);
    assert_eq!(wrong("nonsense"), r#""nonsense" is not a valid CIDR block: invalid CIDR address: nonsense"#);
    assert_eq!(wrong("::/0"), r#""::/0" is not a valid IPv4 CIDR block"#);
    let vpc = |cidr: &str| {
        summaries(Value::object([("cidr_block", Value::string(cidr))]), |c| c.cidr_network("cidr_block", 16..=28))
    };
    assert_eq!(
        vpc("10.0.1.5/16"),
        ["expected cidr_block to contain a valid network Value, expected 10.0.0.0/16, got 10.0.1.5/16"]
    );
    assert_eq!(
        vpc("10.0.0.0"),
        ["expected cidr_block to contain a valid Value, got: 10.0.0.0 with err: invalid CIDR address: 10.0.0.0"]
    );
    assert_eq!(
        vpc("10.0.0.0/8"),
        [r#"expected "cidr_block" to contain a network Value with between 16 and 28 significant bits, got: 8"#]
    );
}

#[test]
fn arns_have_a_partition_a_region_an_account_and_a_resource() {
    for good in ["", "arn:aws:iam::aws:policy/X", "arn:aws-cn:ecs:cn-north-1:123456789012:cluster/x", "arn:aws:s3:::b"]
    {
        assert_eq!(arn_error("a", good), None, "{good}");
    }
    for bad in
        ["x", "arn:aws:s3", "arn:aws:iam::12:x", "arn:aws:iam:mars:123456789012:x", "arn:x:s3:::b", "arn:aws:s3:::"]
    {
        assert!(arn_error("a", bad).is_some(), "{bad}");
    }
}

#[test]
fn attributes_that_exclude_or_need_each_other_name_them_sorted() {
    let config = || {
        Value::object([
            ("name", Value::string("a")),
            ("name_prefix", Value::string("b")),
            ("value", Value::null(Type::String)),
            ("insecure_value", Value::null(Type::String)),
            ("later", Value::unknown(Type::String)),
        ])
    };
    let texts = |check: fn(&mut Check<'_>)| -> Vec<(String, String)> {
        problems(config(), check).into_iter().map(|p| (p.summary, p.detail)).collect()
    };
    let said = |summary: &str, details: &[&str]| -> Vec<(String, String)> {
        details.iter().map(|d| (summary.to_string(), d.to_string())).collect()
    };
    assert_eq!(
        texts(|c| c.conflicts("name", &["name_prefix"])),
        said("Conflicting configuration arguments", &[r#""name": conflicts with name_prefix"#])
    );
    assert_eq!(texts(|c| c.conflicts("name", &["later", "value"])), []);
    assert_eq!(
        texts(|c| c.exactly_one_of(&["value", "insecure_value"])),
        said(
            "Invalid combination of arguments",
            &[
                r#""value": one of `insecure_value,value` must be specified"#,
                r#""insecure_value": one of `insecure_value,value` must be specified"#
            ]
        )
    );
    assert_eq!(
        texts(|c| c.exactly_one_of(&["name_prefix", "name"])),
        said(
            "Invalid combination of arguments",
            &[
                r#""name_prefix": only one of `name,name_prefix` can be specified, but `name,name_prefix` were specified."#,
                r#""name": only one of `name,name_prefix` can be specified, but `name,name_prefix` were specified."#
            ]
        )
    );
    assert_eq!(texts(|c| c.exactly_one_of(&["value", "later"])), []);
    assert_eq!(
        texts(|c| c.required_with("name", &["value"])),
        said("Missing required argument", &[r#""name": all of `name,value` must be specified"#])
    );
    assert_eq!(texts(|c| c.required_with("name", &["later"])), []);
    assert_eq!(texts(|c| c.at_least_one_of(&["value", "later"])), []);
}

#[test]
fn json_errors_have_the_words_and_the_offset() {
    let cases = [
        ("{}", None),
        (r#"{"a": [1, -0.5e+3, true, null, "é\u00e9\n"]}"#, None),
        ("", Some(("unexpected end of JSON input", 0))),
        ("{not json", Some(("invalid character 'n' looking for beginning of object key string", 2))),
        ("abc", Some(("invalid character 'a' looking for beginning of value", 1))),
        ("{\"a\" 1}", Some(("invalid character '1' after object key", 6))),
        ("{\"a\":1,}", Some(("invalid character '}' looking for beginning of object key string", 8))),
        ("[1,]", Some(("invalid character ']' looking for beginning of value", 4))),
        ("[1 2]", Some(("invalid character '2' after array element", 4))),
        ("{} x", Some(("invalid character 'x' after top-level value", 4))),
        ("trux", Some(("invalid character 'x' in literal true (expecting 'e')", 4))),
        ("\"a\nb\"", Some((r"invalid character '\n' in string literal", 3))),
    ];
    for (text, wanted) in cases {
        let found = json_syntax_error(text).map(|e| (e.message, e.offset));
        assert_eq!(found, wanted.map(|(m, o)| (m.to_string(), o)), "{text}");
    }
}

#[test]
fn policies_are_json_objects_without_duplicate_keys() {
    let policy = |text: &str| summaries(Value::object([("policy", Value::string(text))]), |c| c.iam_policy("policy"));
    assert_eq!(policy(" {}"), [] as [&str; 0]);
    assert_eq!(policy("x"), [r#""policy" contains an invalid JSON policy: not a JSON object"#]);
    assert_eq!(policy("[]"), [r#""policy" contains an invalid JSON policy: contains a JSON array, not a JSON object"#]);
    assert_eq!(
        policy(r#"{"Statement": [{"Action": 1, "Action": 2}]}"#),
        [r#""policy" contains duplicate JSON keys: duplicate key "Statement.0.Action""#]
    );
    assert_eq!(
        policy(r#""{}""#),
        [
            r#""policy" contains an invalid JSON policy: contains a JSON-encoded string, not a JSON-encoded object (have you double-encoded your JSON data?)"#
        ]
    );
}
