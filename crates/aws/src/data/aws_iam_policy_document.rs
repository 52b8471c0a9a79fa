//! `aws_iam_policy_document`: a policy document from blocks and other documents. Nobody is asked.

use async_trait::async_trait;
use infra_catalog::policy;
use infra_provider::{Failure, Object, Part};
use infra_value::{Type, Value};

use crate::Aws;
use crate::resource::DataSource;

pub(crate) struct Api;

#[async_trait]
impl DataSource for Api {
    async fn read(&self, _aws: &Aws, object: &mut Object) -> Result<(), Failure> {
        let written = policy::written(object).map_err(|why| Failure::new("writing IAM Policy Document", why))?;
        let (json, minified) = written;
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
