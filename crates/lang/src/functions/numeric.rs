//! Numbers: `abs`, `ceil`, `floor`, `log`, `max`, `min`, `parseint`, `pow`, `signum`, `sum`.

use infra_value::{Number, Type, Value, convert};

use super::quote::quote;
use super::{Function, FunctionError, Param, gives_number, whole};

const ZERO: fn() -> Number = || Number::from(0_i64);

fn number(value: &Value) -> Number {
    value.as_number().cloned().unwrap_or_else(ZERO)
}

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        params: &[Param::number("num").or_dynamic()],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| Ok(Value::number(number(&args[0]).abs())),
    },
    Function {
        name: "ceil",
        params: &[Param::number("num")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| Ok(Value::number(number(&args[0]).ceil())),
    },
    Function {
        name: "floor",
        params: &[Param::number("num")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| Ok(Value::number(number(&args[0]).floor())),
    },
    Function {
        name: "log",
        params: &[Param::number("num"), Param::number("base")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| {
            let result = number(&args[0]).log(&number(&args[1]));
            result.map(Value::number).map_err(|e| FunctionError::call(e.to_string()))
        },
    },
    Function {
        name: "max",
        params: &[],
        variadic: Some(Param::number("numbers").or_dynamic()),
        not_null: true,
        returns: gives_number,
        body: |args, _, _| extreme(args, |candidate, best| candidate > best),
    },
    Function {
        name: "min",
        params: &[],
        variadic: Some(Param::number("numbers").or_dynamic()),
        not_null: true,
        returns: gives_number,
        body: |args, _, _| extreme(args, |candidate, best| candidate < best),
    },
    Function {
        name: "parseint",
        params: &[Param::any("number"), Param::number("base")],
        variadic: None,
        not_null: true,
        returns: |args| match args[0].ty() {
            Type::String => Ok(Type::Number),
            other => Err(FunctionError::argument(
                0,
                format!("first argument must be a string, not {}", other.friendly_name()),
            )),
        },
        body: |args, _, _| parse_int(&args[0], &args[1]),
    },
    Function {
        name: "pow",
        params: &[Param::number("num"), Param::number("power")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| {
            let result = number(&args[0]).pow(&number(&args[1]));
            result.map(Value::number).map_err(|e| FunctionError::call(e.to_string()))
        },
    },
    Function {
        name: "signum",
        params: &[Param::number("num")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| Ok(Value::number(whole(&args[0]).map_err(FunctionError::call)?.signum())),
    },
    Function {
        name: "sum",
        params: &[Param::any("list")],
        variadic: None,
        not_null: true,
        returns: gives_number,
        body: |args, _, _| sum(&args[0]),
    },
];

fn extreme(args: &[Value], better: fn(&Number, &Number) -> bool) -> Result<Value, FunctionError> {
    let mut numbers = args.iter().filter_map(Value::as_number);
    let first = numbers.next().ok_or_else(|| FunctionError::call("must pass at least one number"))?;
    let best = numbers.fold(first, |best, n| if better(n, best) { n } else { best });
    Ok(Value::number(best.clone()))
}

fn parse_int(digits: &Value, base: &Value) -> Result<Value, FunctionError> {
    let base = whole(base).map_err(|e| FunctionError::argument(1, e))?;
    let base = u32::try_from(base)
        .ok()
        .filter(|b| (2..=62).contains(b))
        .ok_or_else(|| FunctionError::argument(1, "base must be a whole number between 2 and 62 inclusive"))?;
    let digits = super::text(digits);
    Number::parse_int(digits, base)
        .map(Value::number)
        .map_err(|_| FunctionError::argument(0, format!("cannot parse {} as a base {base} integer", quote(digits))))
}

fn sum(list: &Value) -> Result<Value, FunctionError> {
    let fault = |message: &str| Err(FunctionError::argument(0, message));
    let Some(length) = list.len() else { return fault("cannot sum noniterable") };
    if length == 0 {
        return fault("cannot sum an empty list");
    }
    let Some(elements) = list.elements() else {
        let name = list.ty().friendly_name();
        return fault(&format!("argument must be list, set, or tuple. Received {name}"));
    };
    if !list.is_wholly_known() {
        return Ok(Value::unknown(Type::Number));
    }
    let mut total = ZERO();
    for element in elements {
        let summand = convert(element, &Type::Number).ok();
        let Some(summand) = summand.as_ref().and_then(Value::as_number) else {
            return fault("argument must be list, set, or tuple of number values");
        };
        total = total.add(summand).map_err(|e| FunctionError::call(e.to_string()))?;
    }
    Ok(Value::number(total))
}
