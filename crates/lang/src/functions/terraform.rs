//! What is about values as Terraform sees them: sensitivity, and `provider::terraform::…`.

use infra_value::{Marks, Type, Value};

use super::{Function, FunctionError, Param, gives_any, gives_bool, gives_string};
use crate::config::variables_file;

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "ephemeralasnull",
        params: &[Param::any("value").or_null().or_unknown().with_marks().or_dynamic()],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, _| Ok(ephemeral_as_null(&args[0])),
    },
    Function {
        name: "issensitive",
        params: &[Param::any("value").or_null().or_unknown().with_marks().or_dynamic()],
        variadic: None,
        not_null: true,
        returns: gives_bool,
        body: |args, _, _| {
            if args[0].is_sensitive() {
                return Ok(Value::bool(true));
            }
            // What is not known yet may still turn out to be sensitive.
            Ok(if args[0].is_known() { Value::bool(false) } else { Value::unknown(Type::Bool) })
        },
    },
    Function {
        name: "nonsensitive",
        params: &[Param::any("value").or_null().or_unknown().with_marks().or_dynamic()],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, _| {
            let (bare, marks) = args[0].clone().unmark();
            Ok(bare.with_marks(marks.without(Marks::SENSITIVE)))
        },
    },
    Function {
        name: "sensitive",
        params: &[Param::any("value").or_null().or_unknown().with_marks().or_dynamic()],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, _| Ok(args[0].clone().with_marks(Marks::SENSITIVE)),
    },
    Function {
        name: "list",
        params: &[],
        variadic: Some(Param::any("vals").or_null().or_unknown().with_marks().or_dynamic()),
        not_null: false,
        returns: gives_any,
        body: |_, _, _| {
            Err(FunctionError::call(
                "the \"list\" function was deprecated in Terraform v0.12 and is no longer available; use tolist([ ... ]) \
                 syntax to write a literal list",
            ))
        },
    },
    Function {
        name: "map",
        params: &[],
        variadic: Some(Param::any("vals").or_null().or_unknown().with_marks().or_dynamic()),
        not_null: false,
        returns: gives_any,
        body: |_, _, _| {
            Err(FunctionError::call(
                "the \"map\" function was deprecated in Terraform v0.12 and is no longer available; use tomap({ ... }) \
                 syntax to write a literal map",
            ))
        },
    },
    Function {
        name: "provider::terraform::decode_tfvars",
        params: &[Param::string("src")],
        variadic: None,
        not_null: true,
        returns: gives_any,
        body: |args, _, _| decode_variables(super::text(&args[0])),
    },
    Function {
        name: "provider::terraform::encode_expr",
        params: &[Param::any("value").or_null().or_unknown().or_dynamic()],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, ty, _| {
            if !args[0].is_wholly_known() {
                return Ok(Value::unknown(ty.clone()));
            }
            Ok(Value::string(super::expression_text::expression(&args[0])))
        },
    },
    Function {
        name: "provider::terraform::encode_tfvars",
        params: &[Param::any("value").or_null().or_dynamic()],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, ty, _| {
            if args[0].is_null() {
                return Err(FunctionError::argument(0, "cannot encode a null value in tfvars syntax"));
            }
            if !args[0].is_wholly_known() {
                return Ok(Value::unknown(ty.clone()));
            }
            super::expression_text::variables(&args[0]).map(Value::string)
        },
    },
];

fn decode_variables(source: &str) -> Result<Value, FunctionError> {
    let (values, diagnostics) = variables_file(&"<decode_tfvars argument>".into(), source);
    if diagnostics.has_errors() {
        return Err(FunctionError::argument(
            0,
            "the text is not a valid variable file: only constant values are allowed",
        ));
    }
    Ok(Value::object(values.into_iter().map(|(name, given)| (name, given.value))))
}

/// The value with null in the place of whatever is ephemeral, at any depth.
fn ephemeral_as_null(value: &Value) -> Value {
    if value.marks().contains(Marks::EPHEMERAL) {
        let marks = value.marks().without(Marks::EPHEMERAL);
        // What is not known yet has no type for certain, so it cannot be null yet.
        let result = if value.is_known() { Value::null(value.ty()) } else { value.clone().unmark().0 };
        return result.with_marks(marks);
    }
    if value.marks_deep().contains(Marks::EPHEMERAL) {
        return value.map_elements(&mut ephemeral_as_null);
    }
    value.clone()
}
