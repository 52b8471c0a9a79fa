//! What the recorded answers do not show: unknown arguments, marks, phases, the functions of providers.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use infra_value::{Kind, Marks, Refinements, Type, Value};

use super::{FunctionContext, FunctionError, FunctionErrorKind, Phase, call, lookup, names};

fn in_phase(phase: Phase, name: &str, args: &[Value]) -> Result<Value, FunctionError> {
    let cx = FunctionContext {
        base_dir: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data"),
        home_dir: Some(PathBuf::from("/home/someone")),
        phase,
        plan_timestamp: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(86_400)),
        now: &|| SystemTime::UNIX_EPOCH,
        render_template: &|_, _, _| Err(FunctionError::call("no templates here")),
        inside_template: false,
    };
    call(lookup(name).unwrap(), args, &cx)
}

fn run(name: &str, args: &[Value]) -> Value {
    in_phase(Phase::Apply, name, args).unwrap()
}

fn fails(name: &str, args: &[Value]) -> FunctionError {
    in_phase(Phase::Apply, name, args).unwrap_err()
}

fn s(text: &str) -> Value {
    Value::string(text)
}

fn secret(text: &str) -> Value {
    s(text).with_marks(Marks::SENSITIVE)
}

fn unknown(ty: Type) -> Value {
    Value::unknown(ty)
}

fn prefix(value: &Value) -> Option<String> {
    match value.kind() {
        Kind::Unknown(u) => u.refinements().and_then(|r| r.prefix.as_deref()).map(str::to_owned),
        _ => None,
    }
}

#[test]
fn every_function_is_found_by_its_name_and_in_the_core_namespace() {
    let names = names();
    assert!(names.is_sorted());
    assert!(names.contains(&"try") && names.contains(&"can"));
    for name in names.iter().filter(|name| !super::UNEVALUATED.contains(name)) {
        assert_eq!(lookup(name).unwrap().name, *name);
    }
    assert!(lookup("core::upper").is_some());
    assert!(lookup("nothing").is_none());
}

#[test]
fn how_many_elements_a_set_has_is_not_known_while_two_may_be_the_same() {
    let id = |prefix: &str| {
        let facts = Refinements { prefix: Some(prefix.into()), ..Refinements::default() };
        Value::unknown(Type::String).refined(facts)
    };
    let two = Value::set(Type::String, [id("a"), id("b")]);
    let one = Value::set(Type::String, [id("a")]);
    assert!(!run("flatten", &[Value::tuple([two.clone()])]).is_known());
    assert_eq!(run("flatten", &[Value::tuple([one.clone()])]), Value::tuple([id("a")]));
    assert_eq!(run("one", &[two]), unknown(Type::String));
    assert_eq!(run("one", &[one]), id("a"));
}

#[test]
fn an_unknown_argument_makes_an_unknown_result_of_the_type() {
    let cases = [
        ("upper", vec![unknown(Type::String)], Type::String),
        ("split", vec![s(","), unknown(Type::String)], Type::list(Type::String)),
        ("cidrsubnet", vec![unknown(Type::String), Value::from(8), Value::from(1)], Type::String),
        (
            "concat",
            vec![Value::tuple([s("a")]), Value::tuple([unknown(Type::Number)])],
            Type::tuple([Type::String, Type::Number]),
        ),
        ("regex", vec![s("(a)(b)"), unknown(Type::String)], Type::tuple([Type::String, Type::String])),
        ("jsondecode", vec![unknown(Type::String)], Type::Dynamic),
        ("length", vec![Value::dynamic()], Type::Number),
        ("setunion", vec![unknown(Type::set(Type::String))], Type::set(Type::String)),
        ("zipmap", vec![unknown(Type::list(Type::String)), Value::tuple([s("a")])], Type::Dynamic),
        ("merge", vec![unknown(Type::map(Type::String)), Value::object([("a", s("x"))])], Type::Dynamic),
        ("upper", vec![Value::dynamic()], Type::String),
    ];
    for (name, args, ty) in cases {
        let result = run(name, &args);
        assert_eq!(result.ty(), ty, "{name}");
        assert!(!result.is_wholly_known(), "{name}");
    }
}

#[test]
fn what_is_certain_of_an_unknown_argument_decides() {
    let list = Value::tuple([unknown(Type::String), s("a")]);
    assert_eq!(run("length", std::slice::from_ref(&list)), Value::from(2));
    assert_eq!(run("contains", &[list.clone(), s("a")]), Value::bool(true));
    assert_eq!(run("element", &[list.clone(), Value::from(1)]), s("a"));
    assert_eq!(run("keys", &[Value::object([("k", unknown(Type::Bool))])]), Value::tuple([s("k")]));
    assert_eq!(run("anytrue", &[Value::tuple([unknown(Type::Bool), Value::bool(true)])]), Value::bool(true));
    let arn = unknown(Type::String).refined(Refinements {
        not_null: true,
        prefix: Some("arn:".into()),
        ..Refinements::default()
    });
    assert_eq!(run("startswith", &[arn.clone(), s("ar")]), Value::bool(true));
    assert_eq!(run("startswith", &[arn.clone(), s("x")]), Value::bool(false));
    assert!(!run("startswith", &[arn, s("arn:aws")]).is_known());
}

#[test]
fn an_unknown_text_keeps_its_known_beginning() {
    let id = unknown(Type::String);
    assert_eq!(prefix(&run("format", &[s("vpc-%s"), id.clone()])).as_deref(), Some("vpc-"));
    assert_eq!(prefix(&run("jsonencode", &[Value::object([("a", id)])])).as_deref(), Some("{"));
}

#[test]
fn marks_go_to_the_result() {
    assert!(run("upper", &[secret("a")]).is_sensitive());
    assert!(run("jsonencode", &[Value::tuple([secret("a")])]).is_sensitive());
    assert!(run("upper", &[unknown(Type::String).with_marks(Marks::SENSITIVE)]).is_sensitive());
    let merged = run("merge", &[Value::object([("a", secret("x"))])]);
    assert!(!merged.is_sensitive() && merged.get("a").unwrap().is_sensitive());
    assert!(!run("length", &[Value::tuple([secret("a")])]).is_sensitive());
}

#[test]
fn an_error_never_shows_what_is_sensitive() {
    let cases = [
        ("parseint", vec![secret("hunter2"), Value::from(10)]),
        ("cidrhost", vec![secret("hunter2"), Value::from(1)]),
        ("base64decode", vec![secret("hunter2")]),
        ("uuidv5", vec![secret("hunter2"), s("a")]),
        ("formatdate", vec![s("YYYY"), secret("hunter2")]),
        ("file", vec![secret("hunter2")]),
        ("format", vec![s("%d"), secret("hunter2")]),
    ];
    for (name, args) in cases {
        let message = fails(name, &args).message;
        assert!(!message.contains("hunter2"), "{name}: {message}");
    }
}

#[test]
fn a_fault_names_its_argument() {
    let error = fails("slice", &[Value::tuple([s("a")]), Value::from(0), Value::from(2)]);
    assert_eq!((error.kind, error.argument), (FunctionErrorKind::Argument, Some(2)));
    let detail = error.detail(lookup("slice").unwrap(), "slice");
    insta::assert_snapshot!(detail, @r#"Invalid value for "end_index" parameter: end index must not be greater than the length of the list."#);
    let error = fails("join", &[]);
    insta::assert_snapshot!(error.detail(lookup("join").unwrap(), "join"), @r#"Function "join" expects at least 1 argument(s). Missing value for "separator"."#);
    assert_eq!(fails("upper", &[Value::null(Type::String)]).message, "argument must not be null");
}

#[test]
fn what_differs_from_call_to_call_is_not_known_while_planning() {
    for (name, args) in [("timestamp", vec![]), ("uuid", vec![]), ("bcrypt", vec![s("a"), Value::from(4)])] {
        assert!(!in_phase(Phase::Plan, name, &args).unwrap().is_known(), "{name}");
        assert!(run(name, &args).is_known(), "{name}");
    }
    assert_eq!(run("timestamp", &[]), s("1970-01-01T00:00:00Z"));
    assert_eq!(in_phase(Phase::Plan, "plantimestamp", &[]).unwrap(), s("1970-01-02T00:00:00Z"));
}

#[test]
fn an_arn_is_taken_apart_and_put_together() {
    let arn = "arn:aws:iam::123456789012:role/a/b/c";
    assert_eq!(run("provider::aws::arn_parse", &[s(arn)]).get("resource"), Some(&s("role/a/b/c")));
    assert_eq!(run("provider::aws::arn_parse", &[s(arn)]).get("region"), Some(&s("")));
    let trimmed = run("provider::aws::trim_iam_role_path", &[s(arn)]);
    assert_eq!(trimmed, s("arn:aws:iam::123456789012:role/c"));
    let parts = ["aws", "sns", "eu-west-1", "123456789012", "t"].map(s);
    assert_eq!(run("provider::aws::arn_build", &parts), s("arn:aws:sns:eu-west-1:123456789012:t"));
    assert_eq!(fails("provider::aws::arn_parse", &[s("x")]).argument, Some(0));
}

#[test]
fn values_are_written_as_expressions_and_variables_and_read_back() {
    let value = Value::object([("a", s("x ${y}")), ("long", Value::tuple([Value::from(1), Value::bool(true)]))]);
    let text = run("provider::terraform::encode_tfvars", std::slice::from_ref(&value));
    insta::assert_snapshot!(text.as_str().unwrap(), @r#"
    a    = "x $${y}"
    long = [1, true]
    "#);
    assert_eq!(run("provider::terraform::decode_tfvars", &[text]), value);
    let expr = run("provider::terraform::encode_expr", &[Value::object([("k y", Value::null(Type::String))])]);
    insta::assert_snapshot!(expr.as_str().unwrap(), @r#"
    {
      "k y" = null
    }
    "#);
}

#[test]
fn a_yaml_text_may_end_anywhere() {
    let cases = [
        ("a: b\\", Value::object([("a", s("b\\"))])),
        ("|\n  b\\", s("b\\")),
        ("a: |\n  x\n  y", Value::object([("a", s("x\ny"))])),
        ("- |+\n  x\n- >\n  y\n  z", Value::tuple([s("x\n"), s("y z")])),
    ];
    for (text, value) in cases {
        assert_eq!(run("yamldecode", &[s(text)]), value, "{text}");
    }
    for text in ["\"\\", "\"\\x4", "'", "!%4", "&", "*", "[", "{a", "%TAG ! x", "? ", "a: >", "[!<a>,b]", "[!,b]"] {
        let _ = in_phase(Phase::Apply, "yamldecode", &[s(text)]);
    }
}

#[test]
fn the_home_folder_is_expanded() {
    assert_eq!(run("pathexpand", &[s("~/.ssh/id")]), s("/home/someone/.ssh/id"));
    assert_eq!(run("pathexpand", &[s("~")]), s("/home/someone"));
}

#[test]
fn a_text_is_decrypted_with_either_form_of_a_key() {
    let ciphertext = s(include_str!("../../tests/data/rsa/ciphertext.txt"));
    let keys = [include_str!("../../tests/data/rsa/pkcs1.pem"), include_str!("../../tests/data/rsa/pkcs8.pem")];
    for key in keys {
        assert_eq!(run("rsadecrypt", &[ciphertext.clone(), s(key)]), s("the secret é"));
    }
    let error = fails("rsadecrypt", &[s("AAAA"), s(keys[0])]);
    assert_eq!(error.kind, FunctionErrorKind::Call);
}

proptest::proptest! {
    // Without combining characters, which would combine with the end of an escape when the encoded text is normalised.
    #[test]
    fn what_is_encoded_is_decoded_to_the_same(
        name in "[\\x00-\u{2ff}\u{4e00}-\u{4eff}\u{1f600}-\u{1f6ff}]*",
        texts in proptest::collection::vec("[\\x00-\u{2ff}\u{2000}-\u{20cf}\u{1f600}-\u{1f6ff}]*", 0..4),
        n: i64,
    ) {
        // A key `<<` means something in YAML.
        proptest::prop_assume!(name != "<<");
        let list = Value::tuple(texts.iter().map(Value::string).chain([Value::from(n), Value::bool(n > 0)]));
        let value = Value::object([(s(&name).as_str().unwrap(), list), ("null", Value::null(Type::Dynamic))]);
        for (encode, decode) in [("jsonencode", "jsondecode"), ("yamlencode", "yamldecode")] {
            let encoded = run(encode, std::slice::from_ref(&value));
            proptest::prop_assert_eq!(run(decode, &[encoded]), value.clone(), "{}", decode);
        }
        let encoded = run("base64encode", &[s(&name)]);
        proptest::prop_assert_eq!(run("base64decode", &[encoded]), s(&name));
    }

    #[test]
    fn no_pattern_and_no_text_makes_a_function_panic(
        pattern in ".*",
        text in ".*",
        yaml in r#"[-?:,\[\]{}#&*!|>'"%@\\\\x0a ~<=a-c0-9.\n\t]{0,40}"#,
    ) {
        for (name, args) in [
            ("regex", vec![s(&pattern), s(&text)]),
            ("regexall", vec![s(&pattern), s(&text)]),
            ("replace", vec![s(&text), s(&format!("/{pattern}/")), s(&text)]),
            ("format", vec![s(&pattern), s(&text)]),
            ("formatdate", vec![s(&pattern), s("2018-01-02T23:12:01Z")]),
            ("timeadd", vec![s(&text), s(&pattern)]),
            ("fileset", vec![s("fixtures/dir"), s(&pattern)]),
            ("csvdecode", vec![s(&text)]),
            ("yamldecode", vec![s(&text)]),
            ("yamldecode", vec![s(&yaml)]),
            ("jsondecode", vec![s(&text)]),
            ("rsadecrypt", vec![s("AAAA"), s(&text)]),
            ("cidrsubnets", vec![s(&text), Value::from(3)]),
        ] {
            let _ = in_phase(Phase::Apply, name, &args);
        }
    }
}

#[test]
fn what_would_exhaust_the_memory_is_refused() {
    let thousand = || Value::list(Type::Number, (0..1000).map(Value::from));
    let wide = run("format", &[s("%1000000s"), s("")]);
    let bomb: String = ('b'..='i')
        .zip('a'..)
        .map(|(name, of)| format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(",")))
        .collect();
    let cases = [
        ("setproduct", vec![thousand(), thousand(), thousand()]),
        ("replace", vec![wide.clone(), s(" "), wide.clone()]),
        ("replace", vec![wide.clone(), s("/ /"), wide.clone()]),
        ("join", vec![wide, Value::strings(vec![""; 1000])]),
        ("yamldecode", vec![s(&format!("a: &a [x,x,x,x,x,x,x,x,x]\n{bomb}"))]),
        ("bcrypt", vec![s("x"), Value::from(31)]),
        ("range", vec![Value::from(100_000)]),
        ("format", vec![s("%1000001d"), Value::from(1)]),
        ("format", vec![s("%.1000001f"), Value::from(1)]),
        ("format", vec![s("%[1]99999999999999999999d"), Value::from(1)]),
        ("format", vec![s("%99999999999999999999d"), Value::from(1)]),
    ];
    for (name, args) in cases {
        fails(name, &args);
    }
}
