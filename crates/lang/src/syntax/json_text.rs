//! JSON text to values with their ranges.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};
use infra_value::Number;

use super::cursor::{Failed, MAX_NESTING, Parsed};
use super::json::{JsonKind, JsonMember, JsonNode};
use super::lexer::advance;

/// Reads one JSON text, up to the first error.
pub(super) struct JsonReader<'t> {
    file: Arc<str>,
    text: &'t str,
    pos: Pos,
    depth: u32,
    diagnostics: Diagnostics,
}

impl<'t> JsonReader<'t> {
    /// The value of a whole text; `null` stands for what could not be read.
    pub(super) fn read(file: &Arc<str>, text: &'t str) -> (JsonNode, Diagnostics) {
        let mut start = Pos::default();
        if text.starts_with('\u{feff}') {
            start.byte += '\u{feff}'.len_utf8() as u32;
        }
        let mut reader = JsonReader { file: file.clone(), text, pos: start, depth: 0, diagnostics: Diagnostics::new() };
        let node =
            reader.value().unwrap_or_else(|Failed| JsonNode { kind: JsonKind::Null, range: reader.range_from(start) });
        reader.skip_space();
        if !reader.rest().is_empty() && !reader.diagnostics.has_errors() {
            reader.fail(reader.pos, "Extraneous data after value", "The JSON value ends before this.");
        }
        (node, reader.diagnostics)
    }

    fn rest(&self) -> &'t str {
        &self.text[self.pos.byte as usize..]
    }

    fn next(&self) -> Option<u8> {
        self.rest().bytes().next()
    }

    fn pass(&mut self, length: usize) {
        self.pos = advance(self.pos, &self.rest()[..length]);
    }

    fn skip_space(&mut self) {
        let length = self.rest().len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.pass(length);
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.next() == Some(byte);
        if found {
            self.pass(1);
        }
        found
    }

    fn range_from(&self, start: Pos) -> SourceRange {
        SourceRange { file: self.file.clone(), start, end: self.pos }
    }

    /// Records an error about the character at `start`.
    fn fail(&mut self, start: Pos, summary: &str, detail: &str) -> Failed {
        let one = self.text[start.byte as usize..].chars().next().map_or(0, char::len_utf8);
        let end = advance(start, &self.text[start.byte as usize..][..one]);
        let range = SourceRange { file: self.file.clone(), start, end };
        self.diagnostics.push(Diagnostic::error(summary, detail).at(range));
        Failed
    }

    fn value(&mut self) -> Parsed<JsonNode> {
        self.skip_space();
        let start = self.pos;
        let kind = match self.next() {
            None => return Err(self.fail(start, "Missing value", "The text ends where a JSON value should begin.")),
            Some(b'{') => self.nested(Self::object)?,
            Some(b'[') => self.nested(Self::array)?,
            Some(b'"') => JsonKind::String(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => self.keyword()?,
            Some(_) => {
                return Err(self.fail(
                    start,
                    "Invalid start of value",
                    "A JSON value cannot begin with this character.",
                ));
            }
        };
        Ok(JsonNode { kind, range: self.range_from(start) })
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Parsed<JsonKind>) -> Parsed<JsonKind> {
        if self.depth >= MAX_NESTING {
            return Err(self.fail(self.pos, "Excessive nesting", "This is nested too deeply."));
        }
        self.depth += 1;
        let kind = read(self);
        self.depth -= 1;
        kind
    }

    fn object(&mut self) -> Parsed<JsonKind> {
        self.items(b'}', |r, open| r.member(open)).map(JsonKind::Object)
    }

    fn array(&mut self) -> Parsed<JsonKind> {
        self.items(b']', |r, _| r.value().map(Arc::new)).map(JsonKind::Array)
    }

    /// What is in brackets, separated by commas. In the outermost brackets, what stands before an error is kept.
    fn items<T>(&mut self, close: u8, mut read: impl FnMut(&mut Self, Pos) -> Parsed<T>) -> Parsed<Vec<T>> {
        let open = self.pos;
        self.pass(1);
        let mut items = Vec::new();
        self.skip_space();
        let mut more = !self.take(close);
        while more {
            let item = read(self, open);
            let failed = item.is_err();
            items.extend(item.ok());
            more = !failed && self.separator(open, close).unwrap_or_default();
        }
        if self.diagnostics.has_errors() && self.depth > 1 { Err(Failed) } else { Ok(items) }
    }

    /// Passes a comma (`true`) or the closing bracket (`false`).
    fn separator(&mut self, open: Pos, close: u8) -> Parsed<bool> {
        self.skip_space();
        let at = self.pos;
        if self.take(close) {
            return Ok(false);
        }
        if self.next().is_none() {
            return Err(self.unclosed(open, close));
        }
        if !self.take(b',') {
            let detail = "The properties of an object and the values of an array are separated by commas.";
            return Err(self.fail(at, "Missing attribute seperator comma", detail));
        }
        self.skip_space();
        if self.next() == Some(close) {
            let summary = if close == b'}' { "Trailing comma in object" } else { "Trailing comma in array" };
            return Err(self.fail(at, summary, "In JSON no comma stands after the last item."));
        }
        Ok(true)
    }

    fn unclosed(&mut self, open: Pos, close: u8) -> Failed {
        let summary = if close == b'}' { "Unclosed object" } else { "Unclosed array" };
        self.fail(open, summary, "The text ends before the bracket that closes this one.")
    }

    fn member(&mut self, open: Pos) -> Parsed<JsonMember> {
        self.skip_space();
        let start = self.pos;
        match self.next() {
            Some(b'"') => {}
            None => return Err(self.unclosed(open, b'}')),
            Some(_) => {
                let detail = "The name of a property stands in double quotes.";
                return Err(self.fail(start, "Invalid object property name", detail));
            }
        }
        let name = self.string()?.into();
        let name_range = self.range_from(start);
        self.skip_space();
        if !self.take(b':') {
            let detail = "Between the name of a property and its value stands a colon.";
            return Err(self.fail(self.pos, "Missing property value colon", detail));
        }
        let value = Arc::new(self.value()?);
        Ok(JsonMember { name, name_range, value })
    }

    fn keyword(&mut self) -> Parsed<JsonKind> {
        let rest = self.rest();
        let length = rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let kind = match &rest[..length] {
            "true" => JsonKind::Bool(true),
            "false" => JsonKind::Bool(false),
            "null" => JsonKind::Null,
            _ => {
                let detail = "Only true, false and null stand without quotes.";
                return Err(self.fail(self.pos, "Invalid JSON keyword", detail));
            }
        };
        self.pass(length);
        Ok(kind)
    }

    fn number(&mut self) -> Parsed<JsonKind> {
        let rest = self.rest();
        let length = rest.bytes().take_while(|b| b.is_ascii_digit() || b"+-.eE".contains(b)).count();
        let text = &rest[..length];
        // The grammar of JSON is narrower than that of the language: no leading zeros, digits around the dot.
        let number = serde_json::from_str::<serde_json::Number>(text).ok().and_then(|_| Number::parse(text).ok());
        match number {
            Some(number) => {
                self.pass(length);
                Ok(JsonKind::Number(number))
            }
            None => Err(self.fail(self.pos, "Invalid JSON number", "This is not the form of a number in JSON.")),
        }
    }

    fn string(&mut self) -> Parsed<String> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|b| {
            let ends = b == b'"' && !escaped;
            escaped = b == b'\\' && !escaped;
            ends
        });
        let Some(end) = end else {
            return Err(self.fail(self.pos, "Unclosed string", "The text ends before the quote that closes this one."));
        };
        match serde_json::from_str(&rest[..end + 2]) {
            Ok(text) => {
                self.pass(end + 2);
                Ok(text)
            }
            Err(_) => {
                let detail =
                    "This is not the form of a text in JSON: an escape or a control character in it is not valid.";
                Err(self.fail(self.pos, "Invalid JSON string", detail))
            }
        }
    }
}
