//! Marks of a value as paths, and put back on another one.

use std::sync::Arc;

use infra_diag::Diagnostic;
use infra_lang::eval::range_of;
use infra_lang::syntax::Body;
use infra_schema::Block;
use infra_value::{Kind, Marks, Path, PathStep, Value};

/// The value without any mark, and where the marks were.
pub(crate) fn take(value: &Value) -> (Value, Vec<(Path, Marks)>) {
    let mut found = Vec::new();
    if value.marks_deep().is_empty() {
        return (value.clone(), found);
    }
    collect(value, &Path::root(), &mut found);
    (value.unmark_deep().0, found)
}

/// Where marks are in a value.
pub(crate) fn collect(value: &Value, path: &Path, found: &mut Vec<(Path, Marks)>) {
    if !value.marks().is_empty() {
        found.push((path.clone(), value.marks()));
    }
    match value.kind() {
        Kind::List(_, es) | Kind::Tuple(es) => {
            for (i, e) in (0_i64..).zip(es.iter()) {
                collect(e, &path.index(i), found);
            }
        }
        Kind::Map(_, ms) => ms.iter().for_each(|(k, v)| collect(v, &path.index(Value::string(k)), found)),
        Kind::Object(ms) => ms.iter().for_each(|(k, v)| collect(v, &path.attr(k.clone()), found)),
        _ => {}
    }
}

/// The errors about ephemeral values of arguments that are stored: of all but the write-only ones.
pub(crate) fn ephemeral_arguments(body: &Body, schema: &Block, found: &[(Path, Marks)]) -> Vec<Diagnostic> {
    let stored = |path: &Path| match path.0.first() {
        Some(PathStep::Attribute(name)) => !schema.attributes.get(name).is_some_and(|a| a.write_only),
        _ => true,
    };
    let problem = |path: &Path| {
        let detail = format!(
            "The value of {path} is ephemeral, and this argument is stored in the state. Ephemeral values can be used only \
             for write-only arguments."
        );
        Diagnostic::error("Invalid use of ephemeral value", detail).at(range_of(body, schema, path))
    };
    let ephemeral = found.iter().filter(|(_, marks)| marks.contains(Marks::EPHEMERAL));
    ephemeral.filter(|(path, _)| stored(path)).map(|(path, _)| problem(path)).collect()
}

/// The value with marks put on at these paths. Where a path leads nowhere (into an unknown value, or past the end), the
/// last value on the way that is there gets the mark, unless that is the whole.
pub(crate) fn put(value: &Value, marks: &[(Path, Marks)]) -> Value {
    marks.iter().fold(value.clone(), |value, (path, marks)| put_at(&value, &path.0, *marks))
}

fn put_at(value: &Value, steps: &[PathStep], marks: Marks) -> Value {
    let Some((step, rest)) = steps.split_first() else { return value.clone().with_marks(marks) };
    let own = value.marks();
    let kind = match (value.kind(), step) {
        (Kind::Object(ms), PathStep::Attribute(name)) if ms.contains_key(name) => {
            let mut ms = (**ms).clone();
            if let Some(v) = ms.get_mut(name) {
                *v = put_at(v, rest, marks);
            }
            Kind::Object(Arc::new(ms))
        }
        (Kind::Map(t, ms), PathStep::Index(key)) => {
            let mut ms = (**ms).clone();
            match key.as_str().and_then(|k| ms.get_mut(k)) {
                Some(v) => *v = put_at(v, rest, marks),
                None => return value.clone(),
            }
            Kind::Map(t.clone(), Arc::new(ms))
        }
        (Kind::List(t, es), PathStep::Index(key)) => match element(es, key, rest, marks) {
            Some(es) => Kind::List(t.clone(), es.into()),
            None => return value.clone(),
        },
        (Kind::Tuple(es), PathStep::Index(key)) => match element(es, key, rest, marks) {
            Some(es) => Kind::Tuple(es.into()),
            None => return value.clone(),
        },
        (Kind::Set(..) | Kind::Unknown(_), _) => return value.clone().with_marks(marks),
        _ => return value.clone(),
    };
    Value::from(kind).with_marks(own)
}

fn element(es: &[Value], key: &Value, rest: &[PathStep], marks: Marks) -> Option<Vec<Value>> {
    let i = usize::try_from(key.as_i64()?).ok()?;
    let mut es = es.to_vec();
    *es.get_mut(i)? = put_at(es.get(i)?, rest, marks);
    Some(es)
}

/// Where a schema says that values are sensitive, in this value.
pub(crate) fn of_schema(block: &Block, value: &Value) -> Vec<(Path, Marks)> {
    let mut found = Vec::new();
    if block.has_sensitive() {
        schema_marks(block, value, &Path::root(), &mut found);
    }
    found
}

fn schema_marks(block: &Block, value: &Value, path: &Path, found: &mut Vec<(Path, Marks)>) {
    let Some(members) = value.members() else { return };
    for (name, attribute) in &block.attributes {
        if attribute.sensitive && members.contains_key(name) {
            found.push((path.attr(name.clone()), Marks::SENSITIVE));
        }
    }
    for (name, nested) in &block.blocks {
        if !nested.block.has_sensitive() {
            continue;
        }
        let Some(inner) = members.get(name) else { continue };
        let path = path.attr(name.clone());
        match inner.kind() {
            Kind::List(_, es) => {
                for (i, e) in (0_i64..).zip(es.iter()) {
                    schema_marks(&nested.block, e, &path.index(i), found);
                }
            }
            Kind::Set(_, es) if !es.is_empty() => found.push((path, Marks::SENSITIVE)),
            Kind::Map(_, ms) => {
                ms.iter().for_each(|(k, v)| schema_marks(&nested.block, v, &path.index(Value::string(k)), found));
            }
            Kind::Object(_) => schema_marks(&nested.block, inner, &path, found),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use infra_value::Type;

    #[test]
    fn marks_that_are_taken_can_be_put_back() {
        let secret = Value::string("s").with_marks(Marks::SENSITIVE);
        let value = Value::object([
            ("m", Value::map(Type::String, [("k", secret.clone()), ("l", Value::string("t"))])),
            ("l", Value::list(Type::String, [Value::string("a"), secret])),
        ]);
        let (bare, marks) = take(&value);
        assert!(bare.marks_deep().is_empty());
        assert_eq!(put(&bare, &marks), value);
    }

    #[test]
    fn a_mark_inside_of_something_unknown_is_put_on_it() {
        let value = Value::object([("m", Value::unknown(Type::map(Type::String)))]);
        let path = Path::attribute("m").index(Value::string("k"));
        let marked = put(&value, &[(path, Marks::SENSITIVE)]);
        assert!(marked.get("m").is_some_and(Value::is_sensitive));
    }
}
