//! Looking into collections: `contains`, `element`, `index`, `keys`, `length`, `lookup`, `one`, `values`; and making
//! maps: `merge`, `transpose`, `zipmap`.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_value::{Kind, Marks, Members, ObjectType, Type, Value, convert};
use unicode_segmentation::UnicodeSegmentation;

use super::quote::quote;
use super::{Function, FunctionError, Param, ParamType, gives_bool, gives_number, text, whole};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "contains",
        params: &[Param::any("list"), Param::any("value")],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| contains(&args[0], &args[1]),
    },
    Function {
        name: "element",
        params: &[Param::any("list").with_marks(), Param::number("index")],
        variadic: None,
        not_null: false,
        returns: element_type,
        body: |args, _, _| element(&args[0], &args[1]),
    },
    Function {
        name: "index",
        params: &[Param::any("list"), Param::any("value")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| index(&args[0], &args[1]),
    },
    Function {
        name: "keys",
        params: &[Param::any("inputMap").or_unknown().with_marks()],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].ty() {
            Type::Map(_) => Ok(Type::list(Type::String)),
            Type::Object(o) => Ok(Type::tuple(o.attributes.keys().map(|_| Type::String))),
            _ => Err(FunctionError::argument(0, "must have map or object type")),
        },
        body: |args, ty, _| Ok(keys(&args[0], ty)),
    },
    Function {
        name: "length",
        params: &[Param::any("value").or_unknown().with_marks().or_dynamic()],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].ty() {
            Type::Bool | Type::Number => {
                Err(FunctionError::call("argument must be a string, a collection type, or a structural type"))
            }
            _ => Ok(Type::Number),
        },
        body: |args, _, _| length(&args[0]),
    },
    Function {
        name: "lookup",
        params: &[Param::any("inputMap").with_marks(), Param::string("key").with_marks()],
        variadic: Some(Param::any("default").or_null().or_unknown().with_marks().or_dynamic()),
        not_null: false,
        returns: lookup_type,
        body: lookup,
    },
    Function {
        name: "merge",
        params: &[],
        variadic: Some(Param::any("maps").or_null().with_marks().or_dynamic()),
        not_null: true,
        returns: merge_type,
        body: |args, ty, _| Ok(merge(args, ty)),
    },
    Function {
        name: "one",
        params: &[Param::any("list")],
        variadic: None,
        not_null: false,
        returns: |args| match args[0].ty() {
            Type::List(t) | Type::Set(t) => Ok((*t).clone()),
            Type::Tuple(ts) if ts.len() <= 1 => Ok(ts.first().cloned().unwrap_or(Type::Dynamic)),
            _ => Err(not_one()),
        },
        body: |args, ty, _| match args[0].elements().unwrap_or_default() {
            [] => Ok(Value::null(ty.clone())),
            [only] => Ok(only.clone()),
            // Unknown elements of a set may turn out to be the same one.
            _ if args[0].length().is_ok_and(|length| !length.is_known()) => Ok(Value::unknown(ty.clone())),
            _ => Err(not_one()),
        },
    },
    Function {
        name: "transpose",
        params: &[Param::new("values", ParamType::MapOfListOfString)],
        variadic: None,
        not_null: true,
        returns: |_| Ok(Type::map(Type::list(Type::String))),
        body: |args, ty, _| transpose(&args[0], ty),
    },
    Function {
        name: "values",
        params: &[Param::any("mapping").with_marks()],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].ty() {
            Type::Map(t) => Ok(Type::list((*t).clone())),
            Type::Object(o) => Ok(Type::tuple(o.attributes.values().cloned())),
            _ => Err(FunctionError::call("values() requires a map as the first argument")),
        },
        body: |args, ty, _| {
            let values = args[0].members().into_iter().flatten().map(|(_, v)| v.clone());
            let values = match ty {
                Type::List(t) => Value::list((**t).clone(), values),
                _ => Value::tuple(values),
            };
            Ok(values.with_marks(args[0].marks()))
        },
    },
    Function {
        name: "zipmap",
        params: &[Param::new("keys", ParamType::ListOfString).with_marks(), Param::any("values").with_marks()],
        variadic: None,
        not_null: true,
        returns: zipmap_type,
        body: |args, ty, _| zipmap(&args[0], &args[1], ty),
    },
];

fn contains(list: &Value, wanted: &Value) -> Result<Value, FunctionError> {
    let Some(elements) = list.elements() else {
        return Err(FunctionError::call("argument must be list, tuple, or set"));
    };
    let mut unsure = false;
    for element in elements {
        match wanted.equals(element).as_bool() {
            Some(true) => return Ok(Value::bool(true)),
            Some(false) => {}
            None => unsure = true,
        }
    }
    Ok(if unsure { Value::unknown(Type::Bool) } else { Value::bool(false) })
}

/// Which element of `length` an index means: it goes round at the end.
fn wrapped(index: &Value, length: usize) -> Result<usize, FunctionError> {
    let index = whole(index).map_err(|e| FunctionError::call(format!("invalid index: {e}")))?;
    if length == 0 {
        return Err(FunctionError::call("cannot use element function with an empty list"));
    }
    // A length always fits, and the remainder is less than it.
    Ok(index.rem_euclid(length as i64) as usize)
}

fn element_type(args: &[Value]) -> Result<Type, FunctionError> {
    match args[0].ty() {
        Type::List(t) => Ok((*t).clone()),
        Type::Tuple(_) if !args[1].is_known() => Ok(Type::Dynamic),
        Type::Tuple(ts) => Ok(ts[wrapped(&args[1], ts.len())?].clone()),
        other => Err(FunctionError::call(format!("cannot read elements from {}", other.friendly_name()))),
    }
}

fn element(list: &Value, index: &Value) -> Result<Value, FunctionError> {
    let elements = list.elements().unwrap_or_default();
    let at = wrapped(index, elements.len())?;
    Ok(elements[at].clone().with_marks(list.marks()))
}

fn index(list: &Value, wanted: &Value) -> Result<Value, FunctionError> {
    let elements = match list.kind() {
        Kind::List(_, elements) | Kind::Tuple(elements) => elements,
        _ => return Err(FunctionError::call("argument must be a list or tuple")),
    };
    if elements.is_empty() {
        return Err(FunctionError::call("cannot search an empty list"));
    }
    for (i, element) in elements.iter().enumerate() {
        match element.equals(wanted).as_bool() {
            Some(true) => return Ok(Value::number(i)),
            Some(false) => {}
            None => return Ok(Value::unknown(Type::Number)),
        }
    }
    Err(FunctionError::call("item not found"))
}

fn keys(map: &Value, ty: &Type) -> Value {
    let found = match (map.members(), map.ty()) {
        (Some(members), Type::Map(_)) => Value::strings(members.keys()),
        (Some(members), _) => Value::tuple(members.keys().map(Value::string)),
        // The names of an object are part of its type.
        (None, Type::Object(o)) => Value::tuple(o.attributes.keys().map(Value::string)),
        (None, _) => Value::unknown(ty.clone()),
    };
    found.with_marks(map.marks())
}

fn length(value: &Value) -> Result<Value, FunctionError> {
    let marks = value.marks();
    let length = match (value.kind(), value.ty()) {
        (Kind::String(s), _) => Value::number(s.graphemes(true).count()),
        (_, Type::String | Type::Dynamic) => Value::unknown(Type::Number),
        _ => value.clone().unmark().0.length().map_err(|e| FunctionError::call(e.to_string()))?,
    };
    Ok(length.with_marks(marks))
}

fn lookup_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.len() > 3 {
        return Err(FunctionError::call(format!("lookup() takes two or three arguments, got {}", args.len())));
    }
    match args[0].ty() {
        Type::Object(_) if !args[1].is_known() => Ok(Type::Dynamic),
        Type::Object(o) => {
            let key = text(&args[1]);
            let found = o.attributes.get(key).cloned().or_else(|| args.get(2).map(Value::ty));
            found.ok_or_else(|| FunctionError::argument(0, format!("the given object has no attribute {}", quote(key))))
        }
        Type::Map(t) => match args.get(2).map(|default| convert(default, &t)) {
            Some(Err(_)) => {
                Err(FunctionError::argument(2, "the default value must have the same type as the map elements"))
            }
            _ => Ok((*t).clone()),
        },
        _ => Err(FunctionError::argument(0, "lookup() requires a map as the first argument")),
    }
}

fn lookup(args: &[Value], ty: &Type, _: &super::FunctionContext<'_>) -> Result<Value, FunctionError> {
    let marks = args[0].marks() | args[1].marks();
    if let Some(found) = args[0].get(text(&args[1])) {
        return Ok(found.clone().with_marks(marks));
    }
    let Some(default) = args.get(2) else {
        let key = if marks.contains(Marks::SENSITIVE) { "(sensitive value)".to_owned() } else { quote(text(&args[1])) };
        return Err(FunctionError::call(format!("lookup failed to find key {key}")));
    };
    let default = convert(default, ty).map_err(|e| FunctionError::argument(2, e.to_string()))?;
    Ok(default.with_marks(marks))
}

fn merge_type(args: &[Value]) -> Result<Type, FunctionError> {
    let nothing = || Type::Object(Arc::new(ObjectType::default()));
    let mut attributes = BTreeMap::new();
    let mut all_names_known = true;
    let mut first: Option<Type> = None;
    let mut same = true;
    for arg in args {
        let ty = match arg.ty() {
            Type::Dynamic if arg.is_null() => nothing(),
            Type::Dynamic => return Ok(Type::Dynamic),
            ty @ (Type::Map(_) | Type::Object(_)) => ty,
            other => {
                let name = other.friendly_name();
                return Err(FunctionError::call(format!("arguments must be maps or objects, got \"{name}\"")));
            }
        };
        match &ty {
            _ if arg.is_null() => {}
            Type::Object(o) => attributes.extend(o.attributes.iter().map(|(k, t)| (k.clone(), t.clone()))),
            Type::Map(t) => match arg.members() {
                Some(members) => attributes.extend(members.keys().map(|k| (k.clone(), (**t).clone()))),
                None => all_names_known = false,
            },
            _ => {}
        }
        same &= first.as_ref().is_none_or(|first| *first == ty);
        first.get_or_insert(ty);
    }
    match first {
        None => Ok(nothing()),
        Some(first) if same => Ok(first),
        Some(_) if !all_names_known => Ok(Type::Dynamic),
        Some(_) => Ok(Type::object(attributes)),
    }
}

fn merge(args: &[Value], ty: &Type) -> Value {
    let mut members = Members::new();
    let mut marks = Marks::NONE;
    for arg in args.iter().filter(|arg| !arg.is_null()) {
        marks |= arg.marks();
        members.extend(arg.members().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())));
    }
    let merged: Value = match ty {
        Type::Map(t) => Kind::Map((**t).clone(), Arc::new(members)).into(),
        _ => Kind::Object(Arc::new(members)).into(),
    };
    merged.with_marks(marks)
}

fn not_one() -> FunctionError {
    FunctionError::argument(0, "must be a list, set, or tuple value with either zero or one elements")
}

fn transpose(map: &Value, ty: &Type) -> Result<Value, FunctionError> {
    if !map.is_wholly_known() {
        return Ok(Value::unknown(ty.clone()));
    }
    let mut turned: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, list) in map.members().into_iter().flatten() {
        let elements = list.elements().ok_or_else(|| FunctionError::call("input must not contain null list"))?;
        for element in elements {
            let element =
                element.as_str().ok_or_else(|| FunctionError::call("input list must not contain null string"))?;
            turned.entry(element).or_default().push(key);
        }
    }
    Ok(Value::map(Type::list(Type::String), turned.into_iter().map(|(k, keys)| (k, Value::strings(keys)))))
}

fn check_lengths(keys: usize, values: usize) -> Result<(), FunctionError> {
    if keys == values {
        return Ok(());
    }
    Err(FunctionError::call(format!("number of keys ({keys}) does not match number of values ({values})")))
}

/// The keys of a wholly known list of keys.
fn key_texts(keys: &Value) -> Result<Vec<&str>, FunctionError> {
    let elements = keys.elements().unwrap_or_default().iter().enumerate();
    let texts = elements.map(|(i, key)| {
        key.as_str().ok_or_else(|| FunctionError::call(format!("keys list has null value at index {i}")))
    });
    texts.collect()
}

fn zipmap_type(args: &[Value]) -> Result<Type, FunctionError> {
    match args[1].ty() {
        Type::List(t) => Ok(Type::map((*t).clone())),
        Type::Tuple(_) if !args[0].is_wholly_known() => Ok(Type::Dynamic),
        Type::Tuple(types) => {
            check_lengths(args[0].len().unwrap_or(0), types.len())?;
            Ok(Type::object(key_texts(&args[0])?.into_iter().zip(types.iter().cloned())))
        }
        _ => Err(FunctionError::call("values argument must be a list or tuple value")),
    }
}

fn zipmap(keys: &Value, values: &Value, ty: &Type) -> Result<Value, FunctionError> {
    let marks = keys.marks_deep() | values.marks();
    if !keys.is_wholly_known() {
        return Ok(Value::unknown(ty.clone()).with_marks(marks));
    }
    let elements = values.elements().unwrap_or_default();
    let keys = key_texts(keys)?;
    check_lengths(keys.len(), elements.len())?;
    let members = keys.into_iter().zip(elements.iter().cloned());
    let zipped = match ty {
        Type::Map(t) => Value::map((**t).clone(), members),
        _ => Value::object(members),
    };
    Ok(zipped.with_marks(marks))
}
