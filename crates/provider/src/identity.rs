//! Which object of its type an object is.

use infra_value::Value;

/// What tells an object from the others of its type: its ARN, since an id may be shared, as that of a family of task
/// definitions is. What was just created has an id and no ARN yet.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'o> {
    id: &'o str,
    arn: &'o str,
}

impl<'o> Identity<'o> {
    /// The object with an id, and an ARN where it is known; empty texts say that there is none.
    pub fn new(id: &'o str, arn: &'o str) -> Identity<'o> {
        Identity { id, arn }
    }

    /// Of an object's value.
    pub fn of(object: &'o Value) -> Identity<'o> {
        let text = |name| object.get(name).and_then(Value::as_str).unwrap_or_default();
        Identity { id: text("id"), arn: text("arn") }
    }

    /// Whether both are the same object of one type.
    pub fn is(&self, other: Identity<'_>) -> bool {
        if self.arn.is_empty() || other.arn.is_empty() { self.id == other.id } else { self.arn == other.arn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_more_than_an_id_where_both_have_one() {
        for (a, b, same) in [
            (("rtb-1", ""), ("rtb-1", "arn:1"), true),
            (("rtb-1", ""), ("rtb-2", "arn:2"), false),
            (("family", "arn:family:1"), ("family", "arn:family:2"), false),
            (("family", "arn:family:1"), ("family", "arn:family:1"), true),
        ] {
            let (a, b) = (Identity::new(a.0, a.1), Identity::new(b.0, b.1));
            assert_eq!((a.is(b), b.is(a)), (same, same), "{a:?} {b:?}");
        }
    }
}
