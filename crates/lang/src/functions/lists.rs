//! Lists and tuples: their truth, their parts, their order; `coalesce` and `coalescelist`.

use infra_value::{Kind, Marks, Number, Type, Value, convert, unify};

use super::{Function, FunctionError, Param, ParamType, gives_bool, gives_strings, whole};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "alltrue",
        params: &[Param::new("list", ParamType::ListOfBool)],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| {
            for element in args[0].elements().unwrap_or_default() {
                match element.kind() {
                    Kind::Unknown(_) => return Ok(Value::unknown(Type::Bool)),
                    Kind::Bool(true) => {}
                    _ => return Ok(Value::bool(false)),
                }
            }
            Ok(Value::bool(true))
        },
    },
    Function {
        name: "anytrue",
        params: &[Param::new("list", ParamType::ListOfBool)],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| {
            let elements = args[0].elements().unwrap_or_default();
            if elements.iter().any(|e| e.as_bool() == Some(true)) {
                return Ok(Value::bool(true));
            }
            let unsure = !elements.iter().all(Value::is_known);
            Ok(if unsure { Value::unknown(Type::Bool) } else { Value::bool(false) })
        },
    },
    Function {
        name: "chunklist",
        params: &[Param::new("list", ParamType::ListOfAny).with_marks(), Param::number("size").with_marks()],
        variadic: None,
        not_null: true,
        returns: |args| Ok(Type::list(args[0].ty())),
        body: |args, _, _| chunk_list(&args[0], &args[1]),
    },
    Function {
        name: "coalesce",
        params: &[],
        variadic: Some(Param::any("vals").or_null().or_unknown().or_dynamic()),
        not_null: true,
        returns: |args| {
            let types: Vec<Type> = args.iter().map(Value::ty).collect();
            let unified = if types.is_empty() { None } else { unify(&types) };
            unified.ok_or_else(|| FunctionError::call("all arguments must have the same type"))
        },
        body: |args, ty, _| coalesce(args, ty),
    },
    Function {
        name: "coalescelist",
        params: &[],
        variadic: Some(Param::any("vals").or_null().or_unknown().or_dynamic()),
        not_null: true,
        returns: coalesce_list_type,
        body: |args, ty, _| {
            for arg in args {
                if !arg.is_known() {
                    return Ok(Value::unknown(ty.clone()));
                }
                if arg.len().is_some_and(|length| length > 0) {
                    return Ok(arg.clone());
                }
            }
            Err(FunctionError::call("no non-null arguments"))
        },
    },
    Function {
        name: "compact",
        params: &[Param::new("list", ParamType::ListOfString)],
        variadic: None,
        not_null: true,
        returns: gives_strings,
        body: |args, ty, _| {
            if !args[0].is_wholly_known() {
                return Ok(Value::unknown(ty.clone()));
            }
            let texts = args[0].elements().unwrap_or_default().iter().filter_map(Value::as_str);
            Ok(Value::strings(texts.filter(|s| !s.is_empty())))
        },
    },
    Function {
        name: "concat",
        params: &[],
        variadic: Some(Param::any("seqs").with_marks()),
        not_null: true,
        returns: concat_type,
        body: |args, ty, _| concat(args, ty),
    },
    Function {
        name: "distinct",
        params: &[Param::new("list", ParamType::ListOfAny)],
        variadic: None,
        not_null: true,
        returns: |args| Ok(args[0].ty()),
        body: |args, ty, _| {
            if !args[0].is_wholly_known() {
                return Ok(Value::unknown(ty.clone()));
            }
            let mut seen = std::collections::HashSet::new();
            let elements = args[0].elements().unwrap_or_default();
            let once: Vec<Value> = elements.iter().filter(|e| seen.insert((*e).clone())).cloned().collect();
            Ok(Value::list(ty.element().cloned().unwrap_or(Type::Dynamic), once))
        },
    },
    Function {
        name: "matchkeys",
        params: &[
            Param::new("values", ParamType::ListOfAny),
            Param::new("keys", ParamType::ListOfAny),
            Param::new("searchset", ParamType::ListOfAny),
        ],
        variadic: None,
        not_null: true,
        returns: |args| match unify(&[args[1].ty(), args[2].ty()]) {
            Some(_) => Ok(args[0].ty()),
            None => Err(FunctionError::call("keys and searchset must be of the same type")),
        },
        body: |args, ty, _| match_keys(args, ty),
    },
    Function {
        name: "range",
        params: &[],
        variadic: Some(Param::number("params")),
        not_null: true,
        returns: |_| Ok(Type::list(Type::Number)),
        body: |args, _, _| range(args),
    },
    Function {
        name: "reverse",
        params: &[Param::any("list").with_marks()],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].ty() {
            Type::Tuple(ts) => Ok(Type::tuple(ts.iter().rev().cloned())),
            Type::List(t) | Type::Set(t) => Ok(Type::list((*t).clone())),
            other => Err(FunctionError::argument(
                0,
                format!("can only reverse list or tuple values, not {}", other.friendly_name()),
            )),
        },
        body: |args, ty, _| {
            let turned = args[0].elements().unwrap_or_default().iter().rev().cloned();
            Ok(sequence(ty, turned).with_marks(args[0].marks()))
        },
    },
    Function {
        name: "slice",
        params: &[Param::any("list").with_marks(), Param::number("start_index"), Param::number("end_index")],
        variadic: None,
        not_null: true,
        returns: slice_type,
        body: |args, ty, _| {
            let (start, end) = slice_bounds(args)?;
            let (Some(start), Some(end)) = (start, end) else { return Ok(Value::unknown(ty.clone())) };
            let part = args[0].elements().unwrap_or_default().get(start..end).unwrap_or_default();
            Ok(sequence(ty, part.iter().cloned()).with_marks(args[0].marks()))
        },
    },
    Function {
        name: "sort",
        params: &[Param::new("list", ParamType::ListOfString)],
        variadic: None,
        not_null: true,
        returns: gives_strings,
        body: |args, ty, _| {
            if !args[0].is_wholly_known() {
                // Only how many there are is told before the order is.
                let unknown = |_: &Value| Value::unknown(Type::String);
                return Ok(match args[0].elements() {
                    Some(elements) => Value::list(Type::String, elements.iter().map(unknown)),
                    None => Value::unknown(ty.clone()),
                });
            }
            let mut texts = Vec::new();
            for (i, element) in args[0].elements().unwrap_or_default().iter().enumerate() {
                texts.push(element.as_str().ok_or_else(|| {
                    FunctionError::call(format!("given list element {i} is null; a null string cannot be sorted"))
                })?);
            }
            texts.sort_unstable();
            Ok(Value::strings(texts))
        },
    },
];

/// A list or a tuple, as the type says.
fn sequence(ty: &Type, elements: impl Iterator<Item = Value>) -> Value {
    match ty {
        Type::List(t) => Value::list((**t).clone(), elements),
        _ => Value::tuple(elements),
    }
}

fn chunk_list(list: &Value, size: &Value) -> Result<Value, FunctionError> {
    let marks = list.marks() | size.marks();
    let size = whole(size).map_err(|e| FunctionError::call(format!("invalid size: {e}")))?;
    let size = usize::try_from(size).map_err(|_| FunctionError::call("the size argument must be positive"))?;
    let elements = list.elements().unwrap_or_default();
    let element_type = list.ty().element().cloned().unwrap_or(Type::Dynamic);
    let size = if size == 0 { elements.len().max(1) } else { size };
    let chunks = elements.chunks(size).map(|chunk| Value::list(element_type.clone(), chunk.iter().cloned()));
    Ok(Value::list(list.ty(), chunks).with_marks(marks))
}

fn coalesce(args: &[Value], ty: &Type) -> Result<Value, FunctionError> {
    for (i, arg) in args.iter().enumerate() {
        let arg = convert(arg, ty).map_err(|e| FunctionError::argument(i, e.to_string()))?;
        if !arg.is_known() {
            return Ok(Value::unknown(ty.clone()));
        }
        if !arg.is_null() && arg.as_str() != Some("") {
            return Ok(arg);
        }
    }
    Err(FunctionError::call("no non-null, non-empty-string arguments"))
}

fn coalesce_list_type(args: &[Value]) -> Result<Type, FunctionError> {
    let mut common: Option<Type> = None;
    let mut mixed = false;
    for arg in args {
        if !arg.is_known() {
            return Ok(Type::Dynamic);
        }
        let ty = arg.ty();
        if !matches!(ty, Type::List(_) | Type::Tuple(_)) {
            return Err(FunctionError::call("coalescelist arguments must be lists or tuples"));
        }
        mixed |= common.as_ref().is_some_and(|common| *common != ty);
        common.get_or_insert(ty);
    }
    let common = common.ok_or_else(|| FunctionError::call("at least one argument is required"))?;
    Ok(if mixed { Type::Dynamic } else { common })
}

fn concat_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.is_empty() {
        return Err(FunctionError::call("at least one argument is required"));
    }
    let types: Vec<Type> = args.iter().map(Value::ty).collect();
    if types.iter().all(|ty| matches!(ty, Type::List(_)))
        && let Some(common) = unify(&types)
    {
        return Ok(common);
    }
    let mut elements = Vec::new();
    for (i, (arg, ty)) in args.iter().zip(&types).enumerate() {
        match ty {
            Type::Tuple(ts) => elements.extend(ts.iter().cloned()),
            Type::List(t) => match arg.len() {
                Some(length) => elements.extend(std::iter::repeat_n((**t).clone(), length)),
                None => return Ok(Type::Dynamic),
            },
            other => {
                let message = format!("all arguments must be lists or tuples; got {}", other.friendly_name());
                return Err(FunctionError::argument(i, message));
            }
        }
    }
    Ok(Type::tuple(elements))
}

fn concat(args: &[Value], ty: &Type) -> Result<Value, FunctionError> {
    let mut elements = Vec::new();
    let mut marks = Marks::NONE;
    for (i, arg) in args.iter().enumerate() {
        marks |= arg.marks();
        let converted = match ty {
            Type::List(_) => convert(arg, ty).map_err(|e| FunctionError::argument(i, e.to_string()))?,
            _ => arg.clone(),
        };
        elements.extend_from_slice(converted.elements().unwrap_or_default());
    }
    Ok(sequence(ty, elements.into_iter()).with_marks(marks))
}

fn match_keys(args: &[Value], ty: &Type) -> Result<Value, FunctionError> {
    let [values, keys, wanted] = [&args[0], &args[1], &args[2]];
    if values.len() != keys.len() {
        return Err(FunctionError::call("length of keys and values should be equal"));
    }
    if !args.iter().all(Value::is_wholly_known) {
        return Ok(Value::unknown(ty.clone()));
    }
    let common = unify(&[keys.ty(), wanted.ty()]).unwrap_or_else(|| keys.ty());
    let fault = |e: infra_value::ConvertError| FunctionError::call(e.to_string());
    let (keys, wanted) = (convert(keys, &common).map_err(fault)?, convert(wanted, &common).map_err(fault)?);
    let wanted = wanted.elements().unwrap_or_default();
    let pairs = values.elements().unwrap_or_default().iter().zip(keys.elements().unwrap_or_default());
    let matching = pairs.filter(|(_, key)| wanted.iter().any(|w| key.equals(w).as_bool() == Some(true)));
    Ok(sequence(ty, matching.map(|(value, _)| value.clone())))
}

/// More values than this are taken for a mistake.
const LONGEST_RANGE: usize = 1024;

fn range(args: &[Value]) -> Result<Value, FunctionError> {
    let zero = || Number::from(0_i64);
    let towards = |start: &Number, end: &Number| Number::from(if end < start { -1_i64 } else { 1 });
    let numbers: Vec<&Number> = args.iter().filter_map(Value::as_number).collect();
    let (start, end, step) = match numbers[..] {
        [end] => (zero(), end.clone(), towards(&zero(), end)),
        [start, end] => (start.clone(), end.clone(), towards(start, end)),
        [start, end, step] => (start.clone(), end.clone(), step.clone()),
        _ => return Err(FunctionError::call("must have one, two, or three arguments")),
    };
    let down = step < zero();
    if down && end > start {
        return Err(FunctionError::argument(1, "end must be less than start when step is negative"));
    }
    if !down && end < start {
        return Err(FunctionError::argument(1, "end must be greater than start when step is positive"));
    }
    let mut values = Vec::new();
    let mut next = start;
    while if down { next > end } else { next < end } {
        if values.len() >= LONGEST_RANGE {
            return Err(FunctionError::call(
                "more than 1024 values were generated; either decrease the difference between start and end or use a \
                 smaller step",
            ));
        }
        values.push(Value::number(next.clone()));
        next = next.add(&step).map_err(|e| FunctionError::call(e.to_string()))?;
    }
    Ok(Value::list(Type::Number, values))
}

fn slice_type(args: &[Value]) -> Result<Type, FunctionError> {
    let ty = args[0].ty();
    match &ty {
        Type::Set(_) => {
            return Err(FunctionError::argument(
                0,
                "cannot slice a set, because its elements do not have indices; explicitly convert to a list if the \
                 ordering of the result is not important",
            ));
        }
        Type::List(_) | Type::Tuple(_) => {}
        _ => return Err(FunctionError::argument(0, "must be a list or tuple value")),
    }
    let bounds = slice_bounds(args)?;
    match (&ty, bounds) {
        (Type::Tuple(ts), (Some(start), Some(end))) => Ok(Type::tuple(ts[start..end].iter().cloned())),
        (Type::Tuple(_), _) => Ok(Type::Dynamic),
        _ => Ok(ty),
    }
}

/// The bounds of a slice, each if it is known, checked against each other and the length as far as that is known.
fn slice_bounds(args: &[Value]) -> Result<(Option<usize>, Option<usize>), FunctionError> {
    let length = match args[0].ty() {
        Type::Tuple(ts) => Some(ts.len()),
        _ => args[0].len(),
    };
    let bound = |i: usize, name: &str| -> Result<Option<usize>, FunctionError> {
        if !args[i].is_known() {
            return Ok(None);
        }
        let fault = |message: String| Err(FunctionError::argument(i, message));
        let bound = match whole(&args[i]) {
            Ok(bound) => bound,
            Err(e) => return fault(format!("invalid {name} index: {e}")),
        };
        let Ok(bound) = usize::try_from(bound) else {
            return fault(format!("{name} index must not be less than zero"));
        };
        if length.is_some_and(|length| bound > length) {
            return fault(format!("{name} index must not be greater than the length of the list"));
        }
        Ok(Some(bound))
    };
    let (start, end) = (bound(1, "start")?, bound(2, "end")?);
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(FunctionError::argument(1, "start index must not be greater than end index"));
    }
    Ok((start, end))
}
