//! CSV texts as lists of objects.

use std::collections::BTreeMap;

use infra_value::{Type, Value};

/// A list of one object for each line behind the first one, whose fields are the names of the attributes.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader { rest: text, line: 1 };
    let (_, header) = reader.record()?.ok_or("missing header line")?;
    let mut types = BTreeMap::new();
    for name in &header {
        if types.insert(name.clone(), Type::String).is_some() {
            return Err(format!("duplicate column name {}", super::quote::quote(name)));
        }
    }
    let mut rows = Vec::new();
    while let Some((line, fields)) = reader.record()? {
        if fields.len() != header.len() {
            return Err(format!("CSV parse error on line {line}: wrong number of fields"));
        }
        let fields = fields.into_iter().map(Value::string);
        rows.push(Value::object(header.iter().map(String::as_str).zip(fields)));
    }
    Ok(Value::list(Type::object(types.iter().map(|(name, ty)| (name.as_str(), ty.clone()))), rows))
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    /// The next line, without its end.
    fn line(&mut self) -> Option<(&'a str, bool)> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, ended) = match self.rest.split_once('\n') {
            Some((line, rest)) => {
                self.rest = rest;
                (line.strip_suffix('\r').unwrap_or(line), true)
            }
            None => (std::mem::take(&mut self.rest), false),
        };
        self.line += 1;
        Some((line, ended))
    }

    /// The next record and the line that it starts on. Empty lines are skipped.
    fn record(&mut self) -> Result<Option<(usize, Vec<String>)>, String> {
        loop {
            let start = self.line;
            match self.line() {
                None => return Ok(None),
                Some(("", _)) => {}
                Some((line, ended)) => return Ok(Some((start, self.fields(start, line, ended)?))),
            }
        }
    }

    fn fields(&mut self, start: usize, mut line: &'a str, mut ended: bool) -> Result<Vec<String>, String> {
        let fault = |line: usize, what: &str| Err(format!("CSV parse error on line {line}: {what}"));
        let mut fields = Vec::new();
        loop {
            let Some(mut quoted) = line.strip_prefix('"') else {
                let (field, next) = line.split_once(',').map_or((line, None), |(field, rest)| (field, Some(rest)));
                if field.contains('"') {
                    return fault(self.line - 1, "bare \" in non-quoted-field");
                }
                fields.push(field.to_owned());
                match next {
                    Some(next) => line = next,
                    None => return Ok(fields),
                }
                continue;
            };
            let mut field = String::new();
            loop {
                let Some((inside, after)) = quoted.split_once('"') else {
                    // The field goes on in the next line.
                    field.push_str(quoted);
                    if ended {
                        field.push('\n');
                    }
                    match self.line() {
                        Some((next, next_ended)) => (quoted, ended) = (next, next_ended),
                        None => return fault(start, "extraneous or missing \" in quoted-field"),
                    }
                    continue;
                };
                field.push_str(inside);
                if let Some(more) = after.strip_prefix('"') {
                    field.push('"');
                    quoted = more;
                } else if let Some(next) = after.strip_prefix(',') {
                    fields.push(field);
                    line = next;
                    break;
                } else if after.is_empty() {
                    fields.push(field);
                    return Ok(fields);
                } else {
                    return fault(self.line - 1, "extraneous or missing \" in quoted-field");
                }
            }
        }
    }
}
