//! JSON syntax errors in the words and with the byte offsets that users of Go programs know.

use std::collections::BTreeSet;

/// A place where a text stops being JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// `invalid character 'n' looking for beginning of object key string`
    pub message: String,
    /// How many bytes were read when it was noticed.
    pub offset: usize,
}

/// The first syntax error of a text; `None` if it is JSON.
pub fn syntax_error(text: &str) -> Option<SyntaxError> {
    Scan::new(text).document().err()
}

/// The documents that a text holds, one after the other; none is no error.
pub fn documents(text: &str) -> Result<Vec<&str>, SyntaxError> {
    let (mut scan, mut found) = (Scan::new(text), Vec::new());
    loop {
        scan.space();
        let start = scan.at;
        if scan.peek().is_none() {
            return Ok(found);
        }
        scan.value()?;
        found.push(&text[start..scan.at]);
    }
}

/// The path (`Statement.0.Action`) of the first key that an object of the document has twice.
pub(super) fn duplicate_key(text: &str) -> Option<String> {
    let mut scan = Scan::new(text);
    scan.document().ok()?;
    scan.duplicate
}

struct Scan<'t> {
    text: &'t str,
    at: usize,
    /// Keys and indices on the way to the value being read.
    way: Vec<String>,
    duplicate: Option<String>,
}

impl<'t> Scan<'t> {
    fn new(text: &'t str) -> Scan<'t> {
        Scan { text, at: 0, way: Vec::new(), duplicate: None }
    }

    fn document(&mut self) -> Result<(), SyntaxError> {
        self.value()?;
        self.space();
        match self.peek() {
            None => Ok(()),
            Some(_) => self.refuse("after top-level value"),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The next byte is none that may stand here.
    fn refuse<T>(&self, context: &str) -> Result<T, SyntaxError> {
        let Some(byte) = self.peek() else {
            return Err(SyntaxError { message: "unexpected end of JSON input".into(), offset: self.at });
        };
        let shown = match byte {
            b'\'' => r"\'".to_string(),
            b'"' => "\"".to_string(),
            b'\\' => r"\\".to_string(),
            7 => r"\a".to_string(),
            8 => r"\b".to_string(),
            9 => r"\t".to_string(),
            10 => r"\n".to_string(),
            11 => r"\v".to_string(),
            12 => r"\f".to_string(),
            13 => r"\r".to_string(),
            0..=31 | 127 => format!("\\x{byte:02x}"),
            128..=160 | 173 => format!("\\u{byte:04x}"),
            _ => char::from(byte).to_string(),
        };
        Err(SyntaxError { message: format!("invalid character '{shown}' {context}"), offset: self.at + 1 })
    }

    fn value(&mut self) -> Result<(), SyntaxError> {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => self.string(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.refuse("looking for beginning of value"),
        }
    }

    fn object(&mut self) -> Result<(), SyntaxError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return self.refuse("looking for beginning of object key string");
            }
            let start = self.at;
            self.string()?;
            let quoted = &self.text[start..self.at];
            let key: String = serde_json::from_str(quoted).unwrap_or_else(|_| quoted.to_string());
            self.way.push(key.clone());
            if !seen.insert(key) && self.duplicate.is_none() {
                self.duplicate = Some(self.way.join("."));
            }
            self.space();
            if self.peek() != Some(b':') {
                return self.refuse("after object key");
            }
            self.at += 1;
            self.value()?;
            self.way.pop();
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.refuse("after object key:value pair"),
            }
        }
    }

    fn array(&mut self) -> Result<(), SyntaxError> {
        self.at += 1;
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0_usize.. {
            self.way.push(index.to_string());
            self.value()?;
            self.way.pop();
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    break;
                }
                _ => return self.refuse("after array element"),
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), SyntaxError> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.peek() {
                        Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            for _ in 0..4 {
                                if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                                    return self.refuse("in \\u hexadecimal character escape");
                                }
                                self.at += 1;
                            }
                        }
                        _ => return self.refuse("in string escape code"),
                    }
                }
                Some(0x20..) => self.at += 1,
                _ => return self.refuse("in string literal"),
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), SyntaxError> {
        for wanted in word.bytes() {
            if self.peek() != Some(wanted) {
                return self.refuse(&format!("in literal {word} (expecting '{}')", char::from(wanted)));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), SyntaxError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return self.refuse("in numeric literal"),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return self.refuse("after decimal point in numeric literal");
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.peek().is_some_and(|b| b.is_ascii_digit()) {
                return self.refuse("in exponent of numeric literal");
            }
            self.digits();
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
    }
}
