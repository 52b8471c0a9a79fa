//! Sets: union, intersection, difference, product.

use infra_value::{Kind, Marks, Type, Value, convert, unify};

use super::{Function, FunctionError, MOST_ELEMENTS, Param, ParamType, within_bounds};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "setintersection",
        params: &[Param::new("first_set", ParamType::SetOfAny).or_dynamic()],
        variadic: Some(Param::new("other_sets", ParamType::SetOfAny).or_dynamic()),
        not_null: true,
        returns: common_type,
        body: |args, ty, _| {
            combine(args, ty, |first, others| {
                first.iter().filter(|e| others.iter().all(|set| set.contains(e))).cloned().collect()
            })
        },
    },
    Function {
        name: "setsubtract",
        params: &[Param::new("a", ParamType::SetOfAny).or_dynamic(), Param::new("b", ParamType::SetOfAny).or_dynamic()],
        variadic: None,
        not_null: true,
        returns: common_type,
        body: |args, ty, _| {
            combine(args, ty, |first, others| {
                first.iter().filter(|e| !others.iter().any(|set| set.contains(e))).cloned().collect()
            })
        },
    },
    Function {
        name: "setunion",
        params: &[Param::new("first_set", ParamType::SetOfAny).or_dynamic()],
        variadic: Some(Param::new("other_sets", ParamType::SetOfAny).or_dynamic()),
        not_null: true,
        returns: common_type,
        body: |args, ty, _| {
            let mut elements = Vec::new();
            for (i, arg) in args.iter().enumerate() {
                let set = convert(arg, ty).map_err(|e| FunctionError::argument(i, e.to_string()))?;
                elements.extend_from_slice(set.elements().unwrap_or_default());
            }
            Ok(Value::set(ty.element().cloned().unwrap_or(Type::Dynamic), elements))
        },
    },
    Function {
        name: "setproduct",
        params: &[],
        variadic: Some(Param::any("sets").with_marks()),
        not_null: true,
        returns: product_type,
        body: |args, ty, _| product(args, ty),
    },
];

/// The type of a set that can hold the elements of all. Empty sets of anything have no say.
fn common_type(args: &[Value]) -> Result<Type, FunctionError> {
    let mut types = Vec::new();
    for arg in args {
        let element = arg.ty().element().cloned().unwrap_or(Type::Dynamic);
        if !(element == Type::Dynamic && arg.is_empty()) {
            types.push(element);
        }
    }
    if types.is_empty() {
        return Ok(Type::set(Type::Dynamic));
    }
    let common =
        unify(&types).ok_or_else(|| FunctionError::call("given sets must all have compatible element types"))?;
    Ok(Type::set(common))
}

/// A set of some elements of the first set, chosen by the others. Unknown unless all are wholly known.
fn combine(
    args: &[Value],
    ty: &Type,
    choose: fn(&[Value], &[Vec<Value>]) -> Vec<Value>,
) -> Result<Value, FunctionError> {
    let mut sets = Vec::new();
    for (i, arg) in args.iter().enumerate() {
        let set = convert(arg, ty).map_err(|e| FunctionError::argument(i, e.to_string()))?;
        if !set.is_wholly_known() {
            return Ok(Value::unknown(ty.clone()));
        }
        sets.push(set.elements().unwrap_or_default().to_vec());
    }
    let element = ty.element().cloned().unwrap_or(Type::Dynamic);
    match sets.split_first() {
        Some((first, others)) => Ok(Value::set(element, choose(first, others))),
        None => Ok(Value::set(element, [])),
    }
}

fn product_type(args: &[Value]) -> Result<Type, FunctionError> {
    if args.len() < 2 {
        return Err(FunctionError::call("at least two arguments are required"));
    }
    let mut elements = Vec::new();
    let mut ordered = true;
    for (i, arg) in args.iter().enumerate() {
        elements.push(match arg.ty() {
            Type::Set(t) => {
                ordered = false;
                (*t).clone()
            }
            Type::List(t) => (*t).clone(),
            Type::Tuple(ts) if ts.is_empty() => Type::Dynamic,
            Type::Tuple(ts) => {
                unify(&ts).ok_or_else(|| FunctionError::argument(i, "all elements must be of the same type"))?
            }
            _ => return Err(FunctionError::argument(i, "a set or a list is required")),
        });
    }
    let tuple = Type::tuple(elements);
    Ok(if ordered { Type::list(tuple) } else { Type::set(tuple) })
}

fn product(args: &[Value], ty: &Type) -> Result<Value, FunctionError> {
    let mut marks = Marks::NONE;
    let Some(Type::Tuple(element_types)) = ty.element() else { return Ok(Value::unknown(ty.clone())) };
    let size = args.iter().map(|arg| arg.len().unwrap_or_default()).try_fold(args.len(), usize::checked_mul);
    within_bounds(size, MOST_ELEMENTS, "elements")?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for (i, (arg, element_type)) in args.iter().zip(element_types.iter()).enumerate() {
        marks |= arg.marks();
        if matches!(arg.kind(), Kind::Set(..)) && !arg.is_wholly_known() {
            return Ok(Value::unknown(ty.clone()).with_marks(args.iter().fold(marks, |m, a| m | a.marks())));
        }
        let mut elements = Vec::new();
        for element in arg.elements().unwrap_or_default() {
            elements.push(convert(element, element_type).map_err(|e| FunctionError::argument(i, e.to_string()))?);
        }
        rows = rows
            .into_iter()
            .flat_map(|row| elements.iter().map(move |e| [row.as_slice(), std::slice::from_ref(e)].concat()))
            .collect();
    }
    let tuples = rows.into_iter().map(Value::tuple);
    let tuple_type = Type::Tuple(element_types.clone());
    let product = match ty {
        Type::List(_) => Value::list(tuple_type, tuples),
        _ => Value::set(tuple_type, tuples),
    };
    Ok(product.with_marks(marks))
}
