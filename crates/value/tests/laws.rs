//! Laws that hold for all values.

use infra_value::{
    Marks, Number, Type, Value, convert, type_from_json, type_to_json, value_from_json, value_from_json_implied,
    value_to_json,
};
use proptest::prelude::*;

fn numbers() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        (-1000i64..1000).prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        "-?[0-9]{1,60}(\\.[0-9]{1,60})?(e-?[0-9]{1,2})?".prop_map(|text| Number::parse(&text).expect("a number")),
    ]
}

fn floats() -> impl Strategy<Value = Number> {
    any::<f64>().prop_filter_map("finite", |n| Number::from_f64(n).ok().filter(|n| !n.is_infinite()))
}

fn primitives() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::bool),
        numbers().prop_map(Value::number),
        "\\PC{0,8}".prop_map(Value::string),
        Just(Value::null(Type::Dynamic)),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    primitives().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::tuple),
            prop::collection::btree_map("[a-c]{1,2}", inner.clone(), 0..4).prop_map(Value::object),
            prop::collection::vec("[a-c]{0,2}", 0..4).prop_map(Value::strings),
            prop::collection::vec((-3i64..3).prop_map(Value::from), 0..4).prop_map(|es| Value::set(Type::Number, es)),
            prop::collection::btree_map("[a-c]{1,2}", any::<bool>().prop_map(Value::bool), 0..4)
                .prop_map(|ms| Value::map(Type::Bool, ms)),
        ]
    })
}

/// Values parts of which are unknown or marked.
fn partial_values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => primitives(),
        1 => Just(Value::unknown(Type::String)),
        1 => Just(Value::unknown_not_null(Type::Number)),
        1 => Just(Value::dynamic()),
        1 => primitives().prop_map(|v| v.with_marks(Marks::SENSITIVE)),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::tuple),
            prop::collection::btree_map("[a-b]", inner, 0..3).prop_map(Value::object),
        ]
    })
}

fn types() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![Just(Type::Dynamic), Just(Type::Bool), Just(Type::Number), Just(Type::String)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Type::tuple),
            prop::collection::btree_map("[a-c]{1,2}", inner, 0..3).prop_map(Type::object),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_number_prints_reads_back_as_it(text in "-?[0-9]{1,80}(\\.[0-9]{1,80})?(e-?[0-9]{1,3})?") {
        let number = Number::parse(&text).expect("a number");
        prop_assert_eq!(Number::parse(&number.to_string()), Ok(number));
    }

    #[test]
    fn floats_print_shortly_and_read_back_as_themselves(n in any::<f64>()) {
        // Subnormal floats have fewer bits than a number keeps, and need fewer digits than it shows.
        prop_assume!(n.is_normal() || n == 0.0);
        let printed = Number::from_f64(n).expect("a number").to_string();
        prop_assert_eq!(printed.len(), n.to_string().len());
        prop_assert_eq!(printed.parse::<f64>(), Ok(n));
        prop_assert_eq!(Number::from_f64(n).expect("a number").to_f64(), n);
    }

    #[test]
    fn whole_numbers_compute_exactly(a in any::<i32>(), b in any::<i32>()) {
        let (x, y) = (Number::from(a), Number::from(b));
        prop_assert_eq!(x.add(&y), Ok(Number::from(i64::from(a) + i64::from(b))));
        prop_assert_eq!(x.sub(&y), Ok(Number::from(i64::from(a) - i64::from(b))));
        prop_assert_eq!(x.mul(&y), Ok(Number::from(i64::from(a) * i64::from(b))));
        if b != 0 {
            prop_assert_eq!(x.rem(&y), Ok(Number::from(i64::from(a) % i64::from(b))));
        }
    }

    #[test]
    fn order_of_numbers_is_that_of_their_difference(a in prop_oneof![numbers(), floats()], b in prop_oneof![numbers(), floats()]) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        let difference = a.sub(&b).expect("a number");
        prop_assert_eq!(a.cmp(&b) as i64, difference.signum());
        prop_assert_eq!(a == b, difference.is_zero());
        prop_assert_eq!(a.add(&b), b.add(&a));
        prop_assert_eq!(a.mul(&b), b.mul(&a));
        prop_assert_eq!(a.neg().neg(), a.clone());
        prop_assert!(a.floor() <= a && a <= a.ceil());
    }

    #[test]
    fn equality_is_symmetric(a in partial_values(), b in partial_values()) {
        prop_assert_eq!(a.equals(&b), b.equals(&a));
        let itself = a.equals(&a);
        prop_assert!(itself.as_bool() != Some(false));
        prop_assert_eq!(itself.marks(), a.marks_deep());
    }

    #[test]
    fn known_values_equal_themselves(a in values()) {
        prop_assert_eq!(a.equals(&a).as_bool(), Some(true));
    }

    #[test]
    fn conversion_gives_the_type_and_is_idempotent(value in partial_values(), ty in types()) {
        if let Ok(converted) = convert(&value, &ty) {
            prop_assert!(converted.conforms_to(&ty), "{:?}", converted);
            prop_assert!(converted.marks_deep().without(value.marks_deep()).is_empty());
            prop_assert_eq!(convert(&converted, &ty), Ok(converted));
        }
    }

    #[test]
    fn json_goes_round(value in values()) {
        let ty = value.ty();
        let json = value_to_json(&value, &ty).expect("a JSON");
        let text = json.to_string();
        let back: serde_json::Value = serde_json::from_str(&text).expect("a JSON");
        prop_assert_eq!(value_from_json(&back, &ty), Ok(value.clone()));
        let typed = value_to_json(&value, &Type::Dynamic).expect("a JSON");
        prop_assert_eq!(value_from_json(&typed, &Type::Dynamic), Ok(value));
        prop_assert!(value_from_json_implied(&back).is_ok());
    }

    #[test]
    fn types_go_round_as_json(ty in types()) {
        prop_assert_eq!(type_from_json(&type_to_json(&ty)), Ok(ty));
    }

    #[test]
    fn sets_do_not_depend_on_the_order_of_what_they_are_made_of(mut elements in prop::collection::vec("[a-c]{0,2}", 0..6)) {
        let set = |texts: &[String]| Value::set(Type::String, texts.iter().map(Value::string));
        let first = set(&elements);
        elements.reverse();
        elements.extend(elements.clone());
        prop_assert_eq!(set(&elements), first);
    }
}
