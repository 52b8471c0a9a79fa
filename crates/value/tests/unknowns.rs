//! Unknown values: what is known about results before apply.

use infra_value::{Kind, Marks, Number, Refinements, Type, Value, convert};

fn string() -> Value {
    Value::unknown(Type::String)
}

fn id() -> Value {
    Value::unknown_not_null(Type::String)
}

fn is_unknown(value: &Value) -> bool {
    !value.is_known()
}

fn prefixed(prefix: &str) -> Value {
    string().refined(Refinements { not_null: true, prefix: Some(prefix.into()), ..Refinements::default() })
}

#[test]
fn equality_is_decided_where_it_can_be() {
    let null = Value::null(Type::Dynamic);
    let one = |n: i64| Value::object([("a", string()), ("b", Value::from(n))]);
    let known = Value::object([("a", Value::from("x")), ("b", Value::from(2))]);
    let cases: [(&str, Value, Value, Option<bool>); 16] = [
        ("an id is not null", id(), null.clone(), Some(false)),
        ("anything else may be null", string(), null.clone(), None),
        ("an id may be x", id(), Value::from("x"), None),
        ("an id may be another one", id(), id(), None),
        ("a prefix decides against", prefixed("ab-"), Value::from("x"), Some(false)),
        ("a prefix does not decide for", prefixed("ab-"), Value::from("ab-c"), None),
        ("what has a prefix is not null", prefixed("ab-"), null, Some(false)),
        ("a string is no number", string(), Value::from(1), Some(false)),
        ("an unknown of no type may be a number", Value::dynamic(), Value::from(1), None),
        ("one difference is enough", one(1), known.clone(), Some(false)),
        ("without one it is open", one(2), known, None),
        ("tuples of other lengths differ", Value::tuple([string()]), Value::strings(["a", "b"]), Some(false)),
        ("tuples may be equal", Value::tuple([string()]), Value::tuple([Value::from("a")]), None),
        ("types decide", Value::tuple([string()]), Value::tuple([Value::from(1)]), Some(false)),
        ("an open type does not decide", Value::tuple([Value::dynamic()]), Value::tuple([Value::from(1)]), None),
        (
            "sets with unknowns are open",
            Value::set(Type::String, [string()]),
            Value::set(Type::String, [Value::from("a")]),
            None,
        ),
    ];
    for (fact, a, b, answer) in cases {
        for (a, b) in [(&a, &b), (&b, &a)] {
            let equal = a.equals(b);
            assert_eq!(equal.as_bool(), answer, "{fact}");
            assert_eq!(a.not_equals(b).as_bool(), answer.map(|b| !b), "{fact}");
            assert!(equal.is_known() || equal.facts().not_null, "{fact}");
        }
    }
}

#[test]
fn operators_of_unknowns_are_unknown_but_not_null() {
    let (n, b) = (Value::unknown(Type::Number), Value::unknown(Type::Bool));
    let (two, no) = (Value::from(2), Value::bool(false));
    let results = [
        n.add(&two),
        two.sub(&n),
        n.mul(&Value::from(0)),
        n.div(&two),
        n.rem(&two),
        n.negate(),
        n.less_than(&two),
        n.less_or_equal(&two),
        b.and(&no),
        no.and(&b),
        b.or(&Value::bool(true)),
        b.not(),
        Value::dynamic().add(&two),
    ];
    for result in results {
        let result = result.expect("a result");
        assert!(is_unknown(&result) && result.facts().not_null, "{result:?}");
    }
    assert!(n.add(&Value::null(Type::Number)).is_err());
    assert!(n.add(&Value::bool(true)).is_err());
}

#[test]
fn bounds_decide_comparisons() {
    let len = Value::unknown(Type::list(Type::String)).length().expect("a length");
    assert!(is_unknown(&len));
    assert_eq!(len.greater_than(&Value::from(-1)).expect("a bool").as_bool(), Some(true));
    assert_eq!(len.less_than(&Value::from(-1)).expect("a bool").as_bool(), Some(false));
    assert_eq!(len.less_than(&Value::from(0)).expect("a bool").as_bool(), None);
    assert_eq!(len.equals(&Value::from(-1)).as_bool(), Some(false));
    let more = len.add(&Value::from(2)).expect("a number");
    assert_eq!(more.equals(&Value::from(1)).as_bool(), Some(false));
}

#[test]
fn lengths_are_known_where_types_say_them() {
    let len = |v: Value| v.length().expect("a length").as_i64();
    assert_eq!(len(Value::unknown(Type::tuple([Type::String, Type::Bool]))), Some(2));
    assert_eq!(len(Value::tuple([string(), string()])), Some(2));
    assert_eq!(len(Value::set(Type::String, [string()])), Some(1));
    assert_eq!(len(Value::set(Type::String, [string(), Value::from("k")])), None);
    assert_eq!(len(Value::dynamic()), None);
    assert!(Value::from("text").length().is_err());
    assert!(Value::null(Type::list(Type::String)).length().is_err());
}

#[test]
fn facts_that_leave_one_value_give_it() {
    let exactly = |n: u64| Refinements { not_null: true, min_len: n, max_len: Some(n), ..Refinements::default() };
    let list = Value::unknown(Type::list(Type::String)).refined(exactly(2));
    assert_eq!(list, Value::list(Type::String, [string(), string()]));
    let map = Value::unknown(Type::map(Type::String)).refined(exactly(1));
    assert!(is_unknown(&map));
    let two = Some((Number::from(2), true));
    let bounds = Refinements { not_null: true, min: two.clone(), max: two, ..Refinements::default() };
    assert_eq!(Value::unknown(Type::Number).refined(bounds), Value::from(2));
    assert_eq!(Value::dynamic().refine_not_null(), Value::dynamic());
}

#[test]
fn conversions_of_unknowns_keep_what_stays_true() {
    let to = |v: &Value, ty: Type| convert(v, &ty).expect("a value");
    assert_eq!(to(&Value::dynamic(), Type::String), string());
    assert_eq!(to(&Value::unknown_not_null(Type::Number), Type::String), id());
    let tuple = Value::unknown_not_null(Type::tuple([Type::Number, Type::String]));
    assert_eq!(to(&tuple, Type::list(Type::Dynamic)), Value::list(Type::String, [string(), string()]));
    let set = to(&tuple, Type::set(Type::String));
    assert_eq!((set.facts().min_len, set.facts().max_len), (1, Some(2)));
    // How many elements such a set has is open, so the list is unknown as a whole.
    let open = Value::set(Type::String, [string(), Value::from("k")]);
    let list = to(&open, Type::list(Type::String));
    assert!(is_unknown(&list));
    assert_eq!((list.facts().min_len, list.facts().max_len), (1, Some(2)));
    let mixed = to(&Value::tuple([string(), Value::from("k")]), Type::list(Type::Dynamic));
    assert_eq!(mixed, Value::list(Type::String, [string(), Value::from("k")]));
    let object = Value::tuple([Value::dynamic(), Value::object([("a", Value::from(1))])]);
    assert_eq!(to(&object, Type::list(Type::Dynamic)).ty(), Type::list(Type::Dynamic));
}

#[test]
fn parts_of_unknowns_have_their_types() {
    let list = Value::unknown(Type::list(Type::Number));
    assert_eq!(list.index(&Value::from(7)), Ok(Value::unknown(Type::Number)));
    let tuple = Value::unknown(Type::tuple([Type::Number, Type::Bool]));
    assert_eq!(tuple.index(&Value::from(1)), Ok(Value::unknown(Type::Bool)));
    assert!(tuple.index(&Value::from(2)).is_err());
    let n = Value::unknown(Type::Number);
    assert_eq!(Value::strings(["a"]).index(&n), Ok(string()));
    assert_eq!(Value::tuple([Value::from("a")]).index(&n), Ok(Value::dynamic()));
    let object = Value::unknown(Type::object([("a", Type::Bool)]));
    assert_eq!(object.get_attr("a"), Ok(Value::unknown(Type::Bool)));
    assert!(object.get_attr("b").is_err());
    assert_eq!(Value::unknown(Type::map(Type::Bool)).get_attr("b"), Ok(Value::unknown(Type::Bool)));
    assert_eq!(Value::dynamic().get_attr("b"), Ok(Value::dynamic()));
    assert_eq!(list.has_index(&Value::from(0)).as_bool(), None);
    assert_eq!(tuple.has_index(&Value::from(2)).as_bool(), Some(false));
    assert!(list.iter_elements().is_err());
}

#[test]
fn an_open_condition_gives_an_unknown_of_the_common_type() {
    let open = Value::unknown(Type::Bool);
    let choose = |a: Value, b: Value| Value::conditional(&open, &a, &b).expect("a value");
    assert_eq!(choose(Value::from("a"), Value::from(1)), Value::unknown_not_null(Type::String));
    assert_eq!(choose(Value::from("a"), Value::from("a")), Value::unknown_not_null(Type::String));
    assert_eq!(choose(Value::null(Type::Dynamic), Value::from("b")), string());
    let between = choose(Value::from(1), Value::from(3));
    assert_eq!(between.equals(&Value::from(4)).as_bool(), Some(false));
    assert!(is_unknown(&choose(Value::from(1), Value::from(1))));
    let lists = choose(Value::strings(["a"]), Value::strings(["a", "b"]));
    assert_eq!((lists.facts().min_len, lists.facts().max_len), (1, Some(2)));
    assert!(Value::conditional(&open, &Value::from(1), &Value::bool(true)).is_err());
}

#[test]
fn marks_flow() {
    let secret = |v: Value| v.with_marks(Marks::SENSITIVE);
    let inner = Value::tuple([secret(Value::from(1)), Value::from(2)]);
    assert!(inner.equals(&inner).is_sensitive());
    assert!(!inner.length().expect("a length").is_sensitive());
    assert!(secret(inner.clone()).length().expect("a length").is_sensitive());
    assert!(!inner.index(&Value::from(1)).expect("an element").is_sensitive());
    assert!(secret(inner.clone()).index(&Value::from(1)).expect("an element").is_sensitive());
    assert!(inner.index(&secret(Value::from(1))).expect("an element").is_sensitive());
    let list = convert(&inner, &Type::list(Type::String)).expect("a list");
    assert_eq!((list.is_sensitive(), list.marks_deep()), (false, Marks::SENSITIVE));
    let set = convert(&inner, &Type::set(Type::String)).expect("a set");
    assert!(set.is_sensitive() && matches!(set.kind(), Kind::Set(_, es) if es.iter().all(|e| !e.is_sensitive())));
    let unknown = secret(Value::unknown(Type::Number));
    assert!(unknown.add(&Value::from(1)).expect("a number").is_sensitive());
    assert!(convert(&unknown, &Type::String).expect("a string").is_sensitive());
    assert!(secret(Value::null(Type::String)).equals(&Value::null(Type::Dynamic)).is_sensitive());
    let both = secret(Value::from(1)).add(&Value::from(1).with_marks(Marks::EPHEMERAL)).expect("a number");
    assert_eq!(both.marks(), Marks::SENSITIVE | Marks::EPHEMERAL);
}
