//! Policy documents as `data.aws_iam_policy_document` writes them: from blocks and from other documents.

use infra_provider::{Object, Part};
use serde_json::{Map, Value as Json};

use crate::json_text::{compact, indented, kind_of, sorted};

/// The version that a document has where none is given.
const PRESENT: &str = "2012-10-17";
/// The version that has no variables.
const OLD: &str = "2008-10-17";

/// What the arguments of the data source say, in both layouts: with two spaces of indent, and without white space.
///
/// # Errors
/// What is wrong with the arguments, or with a document among them.
pub fn written(arguments: &Object) -> Result<(String, String), String> {
    let mut document = Document::default();
    let mut sids: Vec<String> = Vec::new();
    let given = |name: &str| arguments.strings(name).into_iter().enumerate().filter(|(_, text)| !text.is_empty());
    for (i, text) in given("source_policy_documents") {
        let source = Document::parse(&text).map_err(|why| format!("merging source document {i}: {why}"))?;
        for (n, statement) in source.statements.iter().enumerate() {
            if !statement.sid.is_empty() && sids.contains(&statement.sid) {
                let sid = &statement.sid;
                return Err(format!(
                    "merging source document {i}: duplicate Sid ({sid}) in source_policy_documents (statement {n}). \
                     Remove the Sid or ensure Sids are unique."
                ));
            }
            sids.push(statement.sid.clone());
        }
        document.merge(source);
    }
    document.merge(Document::of_blocks(arguments)?);
    for (i, text) in given("override_policy_documents") {
        let other = Document::parse(&text).map_err(|why| format!("merging override document {i}: {why}"))?;
        document.merge(other);
    }
    let json = document.json();
    Ok((indented(&json), compact(&json)))
}

#[derive(Debug, Default)]
struct Document {
    version: String,
    id: String,
    statements: Vec<Statement>,
}

#[derive(Debug, Default)]
struct Statement {
    sid: String,
    effect: String,
    /// Action, NotAction, Resource, NotResource.
    lists: [Option<Json>; 4],
    principals: Vec<Principals>,
    not_principals: Vec<Principals>,
    conditions: Vec<Condition>,
}

/// Those of one type.
#[derive(Clone, Debug)]
struct Principals {
    ty: String,
    identifiers: Vec<String>,
    /// Written as a list even if it is one.
    list: bool,
}

#[derive(Debug)]
struct Condition {
    test: String,
    variable: String,
    values: Vec<String>,
}

impl Document {
    fn of_blocks(arguments: &Object) -> Result<Document, String> {
        let version = arguments.opt_str("version").unwrap_or_else(|| PRESENT.to_string());
        let mut document = Document { version, id: arguments.str("policy_id").to_string(), statements: Vec::new() };
        for part in arguments.parts("statement") {
            let statement = Statement::of_block(part, &document.version)?;
            let sid = &statement.sid;
            if !sid.is_empty() && document.statements.iter().any(|s| s.sid == *sid) {
                return Err(format!("duplicate Sid ({sid}). Remove the Sid or ensure the Sid is unique."));
            }
            document.statements.push(statement);
        }
        Ok(document)
    }

    fn parse(text: &str) -> Result<Document, String> {
        let json = crate::json_text::parse(text).ok_or_else(|| {
            crate::validate::json_syntax_error(text).map_or("invalid JSON".to_string(), |error| error.message)
        })?;
        let members = match &json {
            Json::Object(members) => members,
            // Nothing is said.
            Json::Null => return Ok(Document::default()),
            _ => return Err("a policy document is a JSON object".to_string()),
        };
        let statements = match member(members, "Statement") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(statements)) => {
                statements.iter().map(Statement::parse).collect::<Result<Vec<_>, String>>()?
            }
            Some(_) => {
                return Err("json: cannot unmarshal object into Go struct field IAMPolicyDoc.Statement of type \
                            []*iam.IAMPolicyStatement"
                    .to_string());
            }
        };
        Ok(Document { version: text_of(members, "Version")?, id: text_of(members, "Id")?, statements })
    }

    /// Takes in a later document: its id, a greater version, and its statements, which replace those of the same Sid.
    fn merge(&mut self, other: Document) {
        if !other.id.is_empty() {
            self.id = other.id;
        }
        if other.version > self.version {
            self.version = other.version;
        }
        for statement in other.statements {
            let same = self.statements.iter_mut().find(|s| !s.sid.is_empty() && s.sid == statement.sid);
            match same {
                Some(place) => *place = statement,
                None => self.statements.push(statement),
            }
        }
    }

    fn json(&self) -> Json {
        let mut members = Map::new();
        insert_text(&mut members, "Version", &self.version);
        insert_text(&mut members, "Id", &self.id);
        if !self.statements.is_empty() {
            members.insert("Statement".into(), self.statements.iter().map(Statement::json).collect());
        }
        Json::Object(members)
    }
}

impl Statement {
    fn of_block(part: Part<'_>, version: &str) -> Result<Statement, String> {
        let with_variables = |what: &str, texts: Vec<String>| -> Result<Vec<String>, String> {
            if version == OLD
                && let Some(text) = texts.iter().find(|text| text.contains("&{"))
            {
                let why = "which is not supported in document version 2008-10-17";
                return Err(format!("reading {what}: found &{{ sequence in ({text}), {why}"));
            }
            Ok(texts.into_iter().map(|text| text.replace("&{", "${")).collect())
        };
        let principals = |name: &str, what: &str| -> Result<Vec<Principals>, String> {
            let blocks = in_set_order(part.parts(name), |block| {
                let mut identifiers = block.strings("identifiers");
                identifiers.sort_by_cached_key(|text| hash(&format!("{text};")));
                let listed: String = identifiers.iter().map(|text| format!("{text};")).collect();
                format!("identifiers:{{{listed}}};type:{};", block.str("type"))
            });
            let blocks = blocks.into_iter().map(|block| {
                let identifiers = descending(with_variables(what, block.strings("identifiers"))?);
                Ok(Principals { ty: block.str("type").to_string(), list: identifiers.len() != 1, identifiers })
            });
            blocks.collect()
        };
        let conditions = in_set_order(part.parts("condition"), |block| {
            let values: String = block.strings("values").iter().map(|text| format!("{text};")).collect();
            format!("test:{};values:({values});variable:{};", block.str("test"), block.str("variable"))
        });
        let conditions = conditions.into_iter().map(|block| {
            let values = with_variables("condition", block.strings("values"))?;
            Ok(Condition { test: block.str("test").into(), variable: block.str("variable").into(), values })
        });
        Ok(Statement {
            sid: part.str("sid").to_string(),
            effect: part.opt_str("effect").unwrap_or_else(|| "Allow".to_string()),
            lists: [
                list_json(part.strings("actions")),
                list_json(part.strings("not_actions")),
                list_json(with_variables("resources", part.strings("resources"))?),
                list_json(with_variables("not_resources", part.strings("not_resources"))?),
            ],
            principals: principals("principals", "principals")?,
            not_principals: principals("not_principals", "not_principals")?,
            conditions: conditions.collect::<Result<Vec<_>, String>>()?,
        })
    }

    fn parse(json: &Json) -> Result<Statement, String> {
        let Json::Object(members) = json else { return Err("a statement is a JSON object".to_string()) };
        let list = |name: &str| member(members, name).filter(|json| !json.is_null()).cloned().map(sorted);
        Ok(Statement {
            sid: text_of(members, "Sid")?,
            effect: text_of(members, "Effect")?,
            lists: ["Action", "NotAction", "Resource", "NotResource"].map(list),
            principals: parse_principals(member(members, "Principal"))?,
            not_principals: parse_principals(member(members, "NotPrincipal"))?,
            conditions: parse_conditions(member(members, "Condition"))?,
        })
    }

    fn json(&self) -> Json {
        let mut members = Map::new();
        insert_text(&mut members, "Sid", &self.sid);
        insert_text(&mut members, "Effect", &self.effect);
        for (name, list) in ["Action", "NotAction", "Resource", "NotResource"].into_iter().zip(&self.lists) {
            if let Some(list) = list {
                members.insert(name.into(), list.clone());
            }
        }
        for (name, principals) in [("Principal", &self.principals), ("NotPrincipal", &self.not_principals)] {
            if !principals.is_empty() {
                members.insert(name.into(), principals_json(principals));
            }
        }
        if !self.conditions.is_empty() {
            members.insert("Condition".into(), conditions_json(&self.conditions));
        }
        Json::Object(members)
    }
}

/// The member of an object, whatever the case of its name.
fn member<'a>(members: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    let ignoring_case = || members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, json)| json);
    members.get(name).or_else(ignoring_case)
}

fn text_of(members: &Map<String, Json>, name: &str) -> Result<String, String> {
    match member(members, name) {
        None | Some(Json::Null) => Ok(String::new()),
        Some(Json::String(text)) => Ok(text.clone()),
        Some(_) => Err(format!("{name} is not a text")),
    }
}

fn insert_text(members: &mut Map<String, Json>, name: &str, text: &str) {
    if !text.is_empty() {
        members.insert(name.into(), text.into());
    }
}

/// The hash by which a set orders its elements, as the text that it is ordered by.
fn hash(text: &str) -> String {
    crc32fast::hash(text.as_bytes()).to_string()
}

fn in_set_order<'a>(blocks: Vec<Part<'a>>, serialised: impl Fn(&Part<'a>) -> String) -> Vec<Part<'a>> {
    let mut blocks: Vec<(String, Part<'a>)> =
        blocks.into_iter().map(|block| (hash(&serialised(&block)), block)).collect();
    blocks.sort_by(|a, b| a.0.cmp(&b.0));
    blocks.into_iter().map(|(_, block)| block).collect()
}

fn descending(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_by(|a, b| b.cmp(a));
    texts.dedup();
    texts
}

fn list_json(texts: Vec<String>) -> Option<Json> {
    let mut texts = descending(texts);
    match texts.len() {
        0 => None,
        1 => texts.pop().map(Json::String),
        _ => Some(texts.into_iter().map(Json::String).collect()),
    }
}

fn principals_json(principals: &[Principals]) -> Json {
    if let [one] = principals
        && one.ty == "*"
        && one.identifiers == ["*"]
    {
        return Json::String("*".to_string());
    }
    let mut types: Vec<&str> = principals.iter().map(|p| p.ty.as_str()).collect();
    types.sort_unstable();
    types.dedup();
    let members = types.into_iter().map(|ty| {
        let of_type: Vec<&Principals> = principals.iter().filter(|p| p.ty == ty).collect();
        let json = match of_type[..] {
            [one] if !one.list => one.identifiers.iter().cloned().map(Json::String).next().unwrap_or(Json::Null),
            _ => of_type.iter().flat_map(|p| p.identifiers.iter().cloned().map(Json::String)).collect(),
        };
        (ty.to_string(), json)
    });
    Json::Object(members.collect())
}

fn parse_principals(json: Option<&Json>) -> Result<Vec<Principals>, String> {
    let everybody = || vec![Principals { ty: "*".to_string(), identifiers: vec!["*".to_string()], list: false }];
    let unsupported = |kind: &str| Err(format!("Unsupported data type {kind} for IAMPolicyStatementPrincipalSet"));
    let members = match json {
        None => return Ok(Vec::new()),
        Some(Json::String(_)) => return Ok(everybody()),
        Some(Json::Object(members)) => members,
        Some(other) => return unsupported(go_kind(other)),
    };
    let mut principals = Vec::new();
    for (ty, json) in members {
        let (identifiers, list) = match json {
            Json::String(text) => (vec![text.clone()], false),
            Json::Array(elements) => {
                let mut texts = texts_of(elements)?;
                texts.sort_by(|a, b| b.cmp(a));
                (texts, true)
            }
            other => {
                let kind = go_kind(other);
                return Err(format!("Unsupported data type {kind} for IAMPolicyStatementPrincipalSet.Identifiers"));
            }
        };
        principals.push(Principals { ty: ty.clone(), identifiers, list });
    }
    Ok(principals)
}

/// How Go calls the type of a value.
fn go_kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "<nil>",
        Json::Bool(_) => "bool",
        Json::Number(_) => "float64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

/// A list of nothing but texts.
fn texts_of(elements: &[Json]) -> Result<Vec<String>, String> {
    let text = |e: &Json| e.as_str().map(str::to_string).ok_or_else(|| format!("a {} is not a text", go_kind(e)));
    elements.iter().map(text).collect()
}

/// Texts, lists of texts and truth values; numbers are dropped.
fn parse_conditions(json: Option<&Json>) -> Result<Vec<Condition>, String> {
    let members = |json: Option<&Json>, go_type: &str| match json {
        None | Some(Json::Null) => Ok(Map::new()),
        Some(Json::Object(members)) => Ok(members.clone()),
        Some(other) => Err(format!("json: cannot unmarshal {} into Go value of type {go_type}", kind_of(other))),
    };
    let mut conditions = Vec::new();
    for (test, variables) in members(json, "map[string]map[string]interface {}")? {
        for (variable, values) in members(Some(&variables), "map[string]interface {}")? {
            let values = match values {
                Json::String(text) => vec![text],
                Json::Bool(b) => vec![b.to_string()],
                Json::Array(elements) => texts_of(&elements)?,
                _ => continue,
            };
            conditions.push(Condition { test: test.clone(), variable, values });
        }
    }
    Ok(conditions)
}

fn conditions_json(conditions: &[Condition]) -> Json {
    let mut tests = std::collections::BTreeMap::<&str, std::collections::BTreeMap<&str, Vec<&str>>>::new();
    for condition in conditions {
        let variables = tests.entry(&condition.test).or_default();
        variables.entry(&condition.variable).or_default().extend(condition.values.iter().map(String::as_str));
    }
    let values = |values: Vec<&str>| match values[..] {
        [one] => Json::from(one),
        _ => values.into_iter().map(Json::from).collect(),
    };
    let tests = tests.into_iter().map(|(test, variables)| {
        let variables = variables.into_iter().map(|(variable, list)| (variable.to_string(), values(list)));
        (test.to_string(), Json::Object(variables.collect()))
    });
    Json::Object(tests.collect())
}

#[cfg(test)]
mod tests {
    use infra_value::{Type, Value, value_from_json};
    use serde_json::json;

    use super::*;
    use crate::catalog;

    fn minified(arguments: &Json) -> Result<String, String> {
        let block = catalog().data_sources["aws_iam_policy_document"].block().clone();
        let mut object = Object::new(block.clone(), &Value::null(Type::Dynamic));
        for (name, json) in arguments.as_object().into_iter().flatten() {
            let ty = block.blocks.get(&**name).map(|b| b.ty()).unwrap_or_else(|| block.attributes[&**name].ty.clone());
            object.set(name, value_from_json(&filled(json, &ty), &ty).map_err(|e| e.to_string())?);
        }
        written(&object).map(|(_, minified)| minified)
    }

    /// The JSON with null for what objects lack.
    fn filled(json: &Json, ty: &Type) -> Json {
        match (json, ty) {
            (Json::Object(members), Type::Object(wanted)) => {
                let members = wanted.attributes.iter().map(|(name, ty)| {
                    (name.to_string(), members.get(&**name).map_or(Json::Null, |json| filled(json, ty)))
                });
                Json::Object(members.collect())
            }
            (Json::Array(elements), Type::List(ty) | Type::Set(ty)) => {
                elements.iter().map(|json| filled(json, ty)).collect()
            }
            _ => json.clone(),
        }
    }

    #[test]
    fn the_layout_is_as_recorded() {
        for (arguments, wanted) in [
            (json!({}), r#"{"Version":"2012-10-17"}"#),
            (json!({"statement": [{}]}), r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#),
            (
                json!({"statement": [{"actions": ["a:b", "B:z", "c:d"], "resources": ["a/&{aws:username}"]}]}),
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["c:d","a:b","B:z"],"Resource":"a/${aws:username}"}]}"#,
            ),
            (
                json!({"statement": [{"principals": [{"type": "*", "identifiers": ["*"]}]}]}),
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*"}]}"#,
            ),
            (
                json!({"statement": [{"principals": [{"type": "AWS", "identifiers": ["*"]}]}]}),
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"}}]}"#,
            ),
            (
                json!({"statement": [{"principals": [
                    {"type": "Service", "identifiers": ["&{x}", "*"]},
                    {"type": "Service", "identifiers": ["123456789012", "arn:aws:iam::210987654321:role/x"]},
                    {"type": "Service", "identifiers": ["&{x}", "arn:aws:iam::210987654321:role/x"]},
                ]}]}),
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["arn:aws:iam::210987654321:role/x","${x}","arn:aws:iam::210987654321:role/x","123456789012","*","${x}"]}}]}"#,
            ),
            (
                json!({"statement": [{"condition": [
                    {"test": "T", "variable": "X", "values": ["z", "a", "z"]},
                    {"test": "T", "variable": "X", "values": ["m"]},
                    {"test": "S", "variable": "Y", "values": ["one"]},
                ]}]}),
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Condition":{"S":{"Y":"one"},"T":{"X":["m","z","a","z"]}}}]}"#,
            ),
        ] {
            assert_eq!(minified(&arguments).as_deref(), Ok(wanted));
        }
    }

    #[test]
    fn documents_are_merged_by_sid() {
        let source = r#"{"version":"2008-10-17","Id":"s","Statement":[{"Sid":"a","Effect":"Allow","Action":["x"]},{"Effect":"Deny"}]}"#;
        let other = r#"{"Id":"o","Statement":[{"Sid":"b","Effect":"Deny","Principal":{"AWS":["a","b"]}}]}"#;
        let arguments = json!({
            "source_policy_documents": [source, ""],
            "override_policy_documents": [other],
            "statement": [{"sid": "b", "actions": ["y"]}, {"sid": "a", "actions": ["z"]}],
        });
        assert_eq!(
            minified(&arguments).as_deref(),
            Ok(
                r#"{"Version":"2012-10-17","Id":"o","Statement":[{"Sid":"a","Effect":"Allow","Action":"z"},{"Effect":"Deny"},{"Sid":"b","Effect":"Deny","Principal":{"AWS":["b","a"]}}]}"#
            )
        );
    }

    #[test]
    fn what_documents_say_is_taken_as_go_reads_it() {
        for (document, wanted) in [
            ("null", r#"{"Version":"2012-10-17"}"#),
            (
                r#"{"Statement":[{"Principal":{"*":["*"]}}]}"#,
                r#"{"Version":"2012-10-17","Statement":[{"Principal":"*"}]}"#,
            ),
            (
                r#"{"Statement":[{"Action":1.50,"Resource":[1e30,100000000000000000000],"NotAction":{"b":1,"a":2}}]}"#,
                r#"{"Version":"2012-10-17","Statement":[{"Action":1.5,"NotAction":{"a":2,"b":1},"Resource":[1e+30,100000000000000000000]}]}"#,
            ),
        ] {
            let arguments = json!({"override_policy_documents": [document]});
            assert_eq!(minified(&arguments).as_deref(), Ok(wanted), "{document}");
        }
        for refused in [
            r#"{"Statement":[{"Condition":"x"}]}"#,
            r#"{"Statement":[{"Condition":{"a":"x"}}]}"#,
            r#"{"Statement":[{"Condition":{"a":{"b":["x",true]}}}]}"#,
            r#"{"Statement":[{"Principal":null}]}"#,
            r#"{"Statement":[{"Principal":{"AWS":["a",1]}}]}"#,
            "[]",
        ] {
            assert!(minified(&json!({"override_policy_documents": [refused]})).is_err(), "{refused}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_as_recorded() {
        let sid = r#"{"Statement":[{"Sid":"a"}]}"#;
        for (arguments, wanted) in [
            (
                json!({"statement": [{"sid": "a"}, {"sid": "a"}]}),
                "duplicate Sid (a). Remove the Sid or ensure the Sid is unique.",
            ),
            (
                json!({"source_policy_documents": [sid, sid]}),
                "merging source document 1: duplicate Sid (a) in source_policy_documents (statement 0). Remove the Sid or ensure Sids are unique.",
            ),
            (
                json!({"version": "2008-10-17", "statement": [{"resources": ["&{x}"]}]}),
                "reading resources: found &{ sequence in (&{x}), which is not supported in document version 2008-10-17",
            ),
            (
                json!({"override_policy_documents": ["{\"Statement\":{}}"]}),
                "merging override document 0: json: cannot unmarshal object into Go struct field IAMPolicyDoc.Statement of type []*iam.IAMPolicyStatement",
            ),
        ] {
            assert_eq!(minified(&arguments), Err(wanted.to_string()));
        }
    }
}
