//! `flatten`: lists within lists as one.

use infra_value::{Marks, Type, Value};

use super::{Function, FunctionError, Param};

pub(super) static FUNCTIONS: &[Function] = &[Function {
    name: "flatten",
    params: &[Param::any("list").with_marks()],
    variadic: None,
    not_null: true,
    returns: |args| {
        if !args[0].is_known() {
            return Ok(Type::Dynamic);
        }
        if !is_sequence(&args[0].ty()) {
            return Err(FunctionError::call("can only flatten lists, sets and tuples"));
        }
        let mut flat = Flat::default();
        flat.add(&args[0]);
        Ok(if flat.unsure { Type::Dynamic } else { Type::tuple(flat.elements.iter().map(Value::ty)) })
    },
    body: |args, ty, _| {
        let mut flat = Flat::default();
        flat.add(&args[0]);
        let result = if flat.unsure { Value::unknown(ty.clone()) } else { Value::tuple(flat.elements) };
        Ok(result.with_marks(flat.marks))
    },
}];

fn is_sequence(ty: &Type) -> bool {
    matches!(ty, Type::List(_) | Type::Set(_) | Type::Tuple(_))
}

#[derive(Default)]
struct Flat {
    elements: Vec<Value>,
    /// The marks of the sequences that are no more.
    marks: Marks,
    /// Whether it is not known how many elements there are.
    unsure: bool,
}

impl Flat {
    fn add(&mut self, sequence: &Value) {
        self.marks |= sequence.marks();
        // Unknown elements of a set may turn out to be the same one.
        let counted = sequence.length().is_ok_and(|length| length.is_known());
        let Some(elements) = sequence.elements().filter(|_| counted) else {
            self.unsure = true;
            return;
        };
        for element in elements {
            if is_sequence(&element.ty()) && !element.is_null() {
                self.add(element);
            } else if !element.is_known() && element.ty() == Type::Dynamic {
                self.marks |= element.marks();
                self.unsure = true;
            } else {
                self.elements.push(element.clone());
            }
        }
    }
}
