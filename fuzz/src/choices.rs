//! Decisions drawn from bytes, so that whoever varies the bytes varies the decisions.

use std::sync::Arc;

use infra_value::{Marks, Number, Type, Value};

/// The bytes that are left.
pub struct Choices<'d> {
    data: &'d [u8],
    /// Whether a text may be the secret one.
    secrets: bool,
}

/// The text that stands for what nobody may see.
pub const SECRET: &str = "hunter2-correct-horse";

const TEXTS: [&str; 40] = [
    "",
    "a",
    "A",
    "b",
    "0",
    "1",
    "-1",
    "1.5",
    "true",
    "null",
    " ",
    "\n",
    "a b",
    "a-b_c",
    "é",
    "e\u{301}",
    "日本",
    "\u{0}",
    "\u{feff}x",
    "%s %d",
    "%[2]s",
    "${a}",
    "10.0.0.0/8",
    "10.0.0.1",
    "fd00::/8",
    "::1",
    "2024-02-29T12:00:00Z",
    "1h30m",
    "YYYY-MM-DD",
    "(a+)+$",
    "^(?P<n>.*)$",
    "/[a-z]+/",
    "aGVsbG8=",
    "{\"a\":[1,2]}",
    "a: [1, {b: c}]",
    "a,b\n1,2\n",
    "UTF-16LE",
    "x.tf",
    "..",
    "sha256",
];

const NUMBERS: [&str; 20] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "8",
    "10",
    "16",
    "32",
    "64",
    "100",
    "1024",
    "0.5",
    "-2.5",
    "1e3",
    "1e30",
    "1e300",
    "-1e-30",
    "9223372036854775807",
    "18446744073709551616",
];

impl<'d> Choices<'d> {
    pub fn new(data: &'d [u8]) -> Choices<'d> {
        Choices { data, secrets: true }
    }

    /// The same, but no text is the secret one.
    pub fn without_secrets(data: &'d [u8]) -> Choices<'d> {
        Choices { data, secrets: false }
    }

    pub fn byte(&mut self) -> u8 {
        match self.data.split_first() {
            Some((first, rest)) => {
                self.data = rest;
                *first
            }
            None => 0,
        }
    }

    /// One of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        let wide = if n > 200 { usize::from(self.byte()) << 8 } else { 0 };
        (wide | usize::from(self.byte())) % n.max(1)
    }

    pub fn text(&mut self) -> String {
        match self.below(8) {
            0 => (0..self.below(6)).map(|_| TEXTS[self.below(TEXTS.len())]).collect(),
            1 => (0..self.below(12)).map(|_| char::from(self.byte() & 0x7f)).collect(),
            2 if self.secrets => SECRET.to_owned(),
            _ => TEXTS[self.below(TEXTS.len())].to_owned(),
        }
    }

    pub fn number(&mut self) -> Value {
        let text = if self.below(3) == 0 {
            (self.below(40) as i64 - 8).to_string()
        } else {
            NUMBERS[self.below(NUMBERS.len())].to_owned()
        };
        Number::parse(&text).map_or_else(|_| Value::from(0), Value::number)
    }

    pub fn ty(&mut self, depth: u32) -> Type {
        match self.below(if depth == 0 { 4 } else { 9 }) {
            0 => Type::Bool,
            1 => Type::Number,
            2 => Type::String,
            3 => Type::Dynamic,
            4 => Type::list(self.ty(depth - 1)),
            5 => Type::set(self.ty(depth - 1)),
            6 => Type::map(self.ty(depth - 1)),
            7 => Type::tuple((0..self.below(4)).map(|_| self.ty(depth - 1)).collect::<Vec<_>>()),
            _ => Type::object((0..self.below(4)).map(|i| (self.name(i), self.ty(depth - 1))).collect::<Vec<_>>()),
        }
    }

    fn name(&mut self, i: usize) -> Arc<str> {
        ["a", "b", "name", "0", "é"][(i + self.below(3)) % 5].into()
    }

    /// A value of a type; now and then null, unknown or marked, or with such a thing within.
    pub fn value(&mut self, ty: &Type, depth: u32) -> Value {
        let special = self.below(16);
        if special == 0 {
            return Value::null(ty.clone());
        }
        if special == 1 {
            return Value::unknown(ty.clone());
        }
        let members = |choices: &mut Self| choices.below(4);
        let below = depth.saturating_sub(1);
        let value = match ty {
            Type::Bool => Value::bool(self.below(2) == 0),
            Type::Number => self.number(),
            Type::String => Value::string(self.text()),
            Type::Dynamic if depth == 0 => Value::string(self.text()),
            Type::Dynamic => {
                let ty = self.concrete(depth);
                self.value(&ty, below)
            }
            Type::List(element) => {
                let element = self.settled(element, below);
                let all: Vec<Value> = (0..members(self)).map(|_| self.value(&element, below)).collect();
                Value::list(element, all)
            }
            Type::Set(element) => {
                let element = self.settled(element, below);
                let all: Vec<Value> = (0..members(self)).map(|_| self.value(&element, below)).collect();
                Value::set(element, all)
            }
            Type::Map(element) => {
                let element = self.settled(element, below);
                let all: Vec<(String, Value)> =
                    (0..members(self)).map(|_| (self.text(), self.value(&element, below))).collect();
                Value::map(element, all)
            }
            Type::Tuple(types) => Value::tuple(types.iter().map(|t| self.value(t, below)).collect::<Vec<_>>()),
            Type::Object(object) => Value::object(
                object.attributes.iter().map(|(n, t)| (n.clone(), self.value(t, below))).collect::<Vec<_>>(),
            ),
        };
        if special == 2 { value.with_marks(Marks::SENSITIVE) } else { value }
    }

    /// A type that is no placeholder itself, and whose collections have elements of one concrete type.
    fn concrete(&mut self, depth: u32) -> Type {
        let ty = self.ty(depth.min(2));
        self.settled(&ty, depth)
    }

    fn settled(&mut self, ty: &Type, depth: u32) -> Type {
        match ty {
            Type::Dynamic => [Type::String, Type::Number, Type::Bool][self.below(3)].clone(),
            Type::List(e) => Type::list(self.settled(e, depth)),
            Type::Set(e) => Type::set(self.settled(e, depth)),
            Type::Map(e) => Type::map(self.settled(e, depth)),
            Type::Tuple(types) => Type::tuple(types.iter().map(|t| self.settled(t, depth)).collect::<Vec<_>>()),
            Type::Object(o) => {
                Type::object(o.attributes.iter().map(|(n, t)| (n.clone(), self.settled(t, depth))).collect::<Vec<_>>())
            }
            other => other.clone(),
        }
    }
}
