//! Conversions: `tobool`, `tolist`, `tomap`, `tonumber`, `toset`, `tostring`.

use infra_value::{Marks, Type, Value, convert};

use super::quote::quote;
use super::{Function, FunctionError, Param};

/// A function that converts its argument to a type.
macro_rules! conversion {
    ($name:literal, $ty:expr) => {
        Function {
            name: $name,
            params: &[Param::any("v").or_null().or_unknown().with_marks().or_dynamic()],
            variadic: None,
            not_null: false,
            returns: |_| Ok(Type::Dynamic),
            body: |args, _, _| to_type(&args[0], &$ty),
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    conversion!("tobool", Type::Bool),
    conversion!("tolist", Type::list(Type::Dynamic)),
    conversion!("tomap", Type::map(Type::Dynamic)),
    conversion!("tonumber", Type::Number),
    conversion!("toset", Type::set(Type::Dynamic)),
    conversion!("tostring", Type::String),
];

fn to_type(value: &Value, ty: &Type) -> Result<Value, FunctionError> {
    convert(value, ty).map_err(|_| {
        let wanted = ty.friendly_name();
        let sensitive = value.marks().contains(Marks::SENSITIVE);
        let message = match (value.as_str(), sensitive) {
            (Some(_), true) => format!("cannot convert this sensitive string to {wanted}"),
            (Some(s), false) if *ty == Type::Bool => {
                let shown = quote(s);
                format!("cannot convert {shown} to bool; only the strings \"true\" or \"false\" are allowed")
            }
            (Some(s), false) if *ty == Type::Number => {
                let shown = quote(s);
                format!("cannot convert {shown} to number; given string must be a decimal representation of a number")
            }
            _ => format!("cannot convert {} to {wanted}", value.ty().friendly_name()),
        };
        FunctionError::argument(0, message)
    })
}
