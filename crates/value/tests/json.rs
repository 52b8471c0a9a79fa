//! The JSON forms of values and types.

use std::sync::Arc;

use infra_value::{
    Marks, ObjectType, Type, Value, convert, type_from_json, type_to_json, value_from_json, value_from_json_implied,
    value_to_json,
};
use serde_json::json;

#[test]
fn types_have_the_forms_of_states_and_plans() {
    let optional = Type::Object(Arc::new(ObjectType {
        attributes: [("a".into(), Type::String), ("b".into(), Type::Number)].into(),
        optional: ["b".into()].into(),
    }));
    for (ty, form) in [
        (Type::String, json!("string")),
        (Type::Dynamic, json!("dynamic")),
        (Type::list(Type::String), json!(["list", "string"])),
        (Type::map(Type::set(Type::Bool)), json!(["map", ["set", "bool"]])),
        (Type::tuple([Type::String, Type::Number]), json!(["tuple", ["string", "number"]])),
        (Type::object([("b", Type::Bool), ("a", Type::String)]), json!(["object", {"a": "string", "b": "bool"}])),
        (optional, json!(["object", {"a": "string", "b": "number"}, ["b"]])),
    ] {
        assert_eq!(type_to_json(&ty).to_string(), form.to_string());
        assert_eq!(type_from_json(&form), Ok(ty));
    }
    for form in [json!("text"), json!(["list"]), json!(["list", "string", "string"]), json!(1), json!(["object", []])] {
        assert!(type_from_json(&form).is_err(), "{form}");
    }
}

#[test]
fn numbers_keep_their_digits() {
    for text in ["123456789012345678901234567890.123456789", "0.1", "-5", "1000000000000000000000", "-0"] {
        let parsed: serde_json::Value = serde_json::from_str(text).expect("a JSON");
        let value = value_from_json(&parsed, &Type::Number).expect("a number");
        assert_eq!(value_to_json(&value, &Type::Number).map(|j| j.to_string()).as_deref(), Ok(text));
    }
}

#[test]
fn members_come_sorted() {
    let value = Value::object([("b", Value::from(1)), ("a", Value::from(2))]);
    assert_eq!(value_to_json(&value, &value.ty()).map(|j| j.to_string()).as_deref(), Ok(r#"{"a":2,"b":1}"#));
}

#[test]
fn an_open_type_is_written_beside_the_value() {
    let value = Value::tuple([Value::from("a"), Value::null(Type::Dynamic)]);
    let json = value_to_json(&value, &Type::Dynamic).expect("a JSON");
    assert_eq!(json.to_string(), r#"{"value":["a",null],"type":["tuple",["string","dynamic"]]}"#);
    let inside = Type::object([("a", Type::Dynamic)]);
    let value = Value::object([("a", Value::from(1))]);
    let json = value_to_json(&value, &inside).expect("a JSON");
    assert_eq!(json.to_string(), r#"{"a":{"value":1,"type":"number"}}"#);
    assert_eq!(value_from_json(&json, &inside), Ok(value));
    assert_eq!(value_to_json(&Value::null(Type::Dynamic), &Type::Dynamic), Ok(json!(null)));
}

#[test]
fn marked_unknown_and_infinite_values_have_no_json() {
    let infinite = Value::from(1).div(&Value::from(0)).expect("a number");
    for value in [Value::from("a").with_marks(Marks::SENSITIVE), Value::unknown(Type::String), infinite] {
        let outer = Value::tuple([value]);
        let error = value_to_json(&outer, &outer.ty()).expect_err("an error");
        assert_eq!(error.path.to_string(), "[0]");
    }
}

#[test]
fn what_does_not_fit_the_type_is_an_error_with_its_place() {
    let ty = Type::object([("a", Type::list(Type::Number))]);
    for (form, place) in
        [(json!({"a": [1, "x"]}), "a[1]"), (json!({"a": 1}), "a"), (json!({"b": 1}), ""), (json!([]), "")]
    {
        assert_eq!(value_from_json(&form, &ty).expect_err("an error").path.to_string(), place, "{form}");
    }
    assert_eq!(value_from_json(&json!({}), &ty), Ok(Value::object([("a", Value::null(Type::list(Type::Number)))])));
    assert_eq!(value_from_json(&json!("5"), &Type::Number), Ok(Value::from(5)));
}

#[test]
fn json_by_itself_is_objects_and_tuples() {
    let value = value_from_json_implied(&json!({"a": [1, "x", null, true]})).expect("a value");
    let elements = [Value::from(1), Value::from("x"), Value::null(Type::Dynamic), Value::bool(true)];
    assert_eq!(value, Value::object([("a", Value::tuple(elements))]));
}

#[test]
fn optional_attributes_become_null() {
    let ty = Type::Object(Arc::new(ObjectType {
        attributes: [("a".into(), Type::String), ("b".into(), Type::list(Type::Number))].into(),
        optional: ["b".into()].into(),
    }));
    let given = Value::object([("a", Value::from(1)), ("more", Value::from(2))]);
    let converted = convert(&given, &ty).expect("an object");
    assert_eq!(converted, Value::object([("a", Value::from("1")), ("b", Value::null(Type::list(Type::Number)))]));
    assert_eq!(converted.ty(), ty.without_optional());
    let error = convert(&Value::map(Type::String, [("b", Value::from("x"))]), &Type::object([("a", Type::String)]));
    assert!(error.is_err());
}
