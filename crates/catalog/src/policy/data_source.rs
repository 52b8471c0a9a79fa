//! `data.aws_iam_policy_document` as a whole: nobody is asked.

use infra_provider::{Failure, Object, Part};
use infra_value::{Type, Value};

use super::written;

/// Fills in everything that the arguments of the data source mean.
///
/// # Errors
/// What is wrong with the arguments, or with a document among them.
pub fn write_document(object: &mut Object) -> Result<(), Failure> {
    let (json, minified) = written(object).map_err(|why| Failure::new("writing IAM Policy Document", why))?;
    if object.str("version").is_empty() {
        object.set("version", "2012-10-17");
    }
    let statements: Vec<Value> = object.parts("statement").into_iter().map(whole).collect();
    if statements.is_empty() {
        object.unset("statement");
    } else {
        object.set("statement", statements);
    }
    object.set("id", crc32fast::hash(json.as_bytes()).to_string());
    object.set("json", json);
    object.set("minified_json", minified);
    Ok(())
}

/// The statement with what it does not set: empty sets, no Sid, `Allow`.
fn whole(statement: Part<'_>) -> Value {
    let members = statement.value().members().into_iter().flatten().map(|(name, value)| {
        let value = match (&**name, value.is_null(), value.ty()) {
            ("effect", true, _) => Value::string("Allow"),
            (_, true, Type::Set(element)) => Value::set((*element).clone(), []),
            (_, true, Type::String) => Value::string(""),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    Value::object(members)
}
