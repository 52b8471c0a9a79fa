//! Sets: what they keep, and in which order.

use infra_value::{Kind, Marks, Type, Value, convert};

fn shown(set: &Value) -> String {
    let shown = |v: &Value| match v.kind() {
        Kind::String(text) => text.to_string(),
        Kind::Number(n) => n.to_string(),
        Kind::Bool(b) => b.to_string(),
        Kind::Null(_) => "null".to_owned(),
        Kind::Unknown(_) => "?".to_owned(),
        _ => format!(
            "<{}>",
            v.elements()
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_i64)
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(" ")
        ),
    };
    set.elements().expect("a set").iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn set_of(elements: impl IntoIterator<Item = Value>) -> Value {
    convert(&Value::tuple(elements), &Type::set(Type::Dynamic)).expect("a set")
}

#[test]
fn elements_come_in_the_order_of_terraform() {
    let numbers = |ns: &[i64]| Value::tuple(ns.iter().copied().map(Value::from));
    for (set, order) in [
        (set_of(["B", "a", "C", "a"].map(Value::from)), "B C a"),
        (set_of([3, 20, 1, 100, -10].map(Value::from)), "-10 1 3 20 100"),
        (set_of([true, false, true].map(Value::bool)), "false true"),
        (set_of([Value::null(Type::Dynamic), "a".into(), Value::unknown(Type::String), "k".into()]), "a k ? null"),
        (set_of([1.into(), "1".into()]), "1"),
        (set_of([numbers(&[2, 1]), numbers(&[1, 2]), numbers(&[1, 2])]), "<1 2> <2 1>"),
        (set_of(["\u{e9}".into(), "e\u{301}".into()]), "\u{e9}"),
    ] {
        assert_eq!(shown(&set), order);
    }
}

#[test]
fn unknown_elements_are_all_kept() {
    let set = Value::set(Type::String, [Value::unknown(Type::String), Value::unknown(Type::String)]);
    assert_eq!(set.len(), Some(2));
    let known = Value::set(Type::String, [Value::from("a"), Value::from("a")]);
    assert_eq!(known.len(), Some(1));
}

#[test]
fn marks_of_elements_are_marks_of_the_set() {
    let inner = Value::tuple([Value::from(1).with_marks(Marks::SENSITIVE)]);
    let set = Value::set(inner.ty(), [inner, Value::tuple([Value::from(1)])]);
    assert_eq!((set.len(), set.marks()), (Some(1), Marks::SENSITIVE));
    assert_eq!(set.unmark().0.marks_deep(), Marks::NONE);
}

#[test]
fn keys_of_a_set_are_its_elements() {
    let pairs = Value::set(Type::String, ["b".into(), "a".into()]).iter_elements().expect("elements");
    assert_eq!(pairs, [("a".into(), "a".into()), ("b".into(), "b".into())]);
}

#[test]
fn a_long_mixed_tuple_becomes_a_list() {
    let mixed = (0..20_000).map(|i| if i % 2 == 0 { Value::from(i) } else { Value::string(i.to_string()) });
    let list = convert(&Value::tuple(mixed), &Type::list(Type::Dynamic)).expect("a list");
    assert_eq!((list.len(), list.ty()), (Some(20_000), Type::list(Type::String)));
}
