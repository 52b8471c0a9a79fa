//! One value: its kind, and its marks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Marks, Number, ObjectType, Type, Unknown};

/// The members of a map or an object, by name (sorted, as Terraform iterates them).
pub type Members = BTreeMap<Arc<str>, Value>;

/// A value of the Terraform language. Cheap to clone.
///
/// Elements of lists, tuples, maps and objects carry marks of their own; marks of set elements are moved to the set.
/// `==` compares everything (kind, type, marks); use the language's own equality for `==` in expressions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Value {
    kind: Kind,
    marks: Marks,
}

/// What a value is, marks aside.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// `null` of a type ([`Type::Dynamic`] for the bare literal).
    Null(Type),
    /// Not known before apply.
    Unknown(Unknown),
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, NFC-normalised.
    String(Arc<str>),
    /// Element type, elements.
    List(Type, Arc<[Value]>),
    /// Element type; elements without duplicates, in the order in which Terraform iterates them, without marks.
    Set(Type, Arc<[Value]>),
    /// Element type, members.
    Map(Type, Arc<Members>),
    /// Elements of any types.
    Tuple(Arc<[Value]>),
    /// Attributes of any types.
    Object(Arc<Members>),
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Value {
        Value { kind, marks: Marks::NONE }
    }
}

impl Value {
    /// `true` and `false`.
    pub fn bool(b: bool) -> Value {
        Kind::Bool(b).into()
    }
    /// A number.
    pub fn number(n: impl Into<Number>) -> Value {
        Kind::Number(n.into()).into()
    }
    /// A text; it is normalised to NFC.
    pub fn string(text: impl AsRef<str>) -> Value {
        use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
        let text = text.as_ref();
        let normal: Arc<str> = if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
            text.into()
        } else {
            text.nfc().collect::<String>().into()
        };
        Kind::String(normal).into()
    }
    /// `null` of a type.
    pub fn null(ty: Type) -> Value {
        Kind::Null(ty).into()
    }
    /// Unknown, with nothing known about it but its type.
    pub fn unknown(ty: Type) -> Value {
        Kind::Unknown(Unknown::new(ty)).into()
    }
    /// Unknown of unknown type.
    pub fn dynamic() -> Value {
        Value::unknown(Type::Dynamic)
    }
    /// A list; every element must be of type `element` already.
    pub fn list(element: Type, elements: impl IntoIterator<Item = Value>) -> Value {
        Kind::List(element, elements.into_iter().collect()).into()
    }
    /// A map; every member must be of type `element` already.
    pub fn map<K: Into<Arc<str>>>(element: Type, members: impl IntoIterator<Item = (K, Value)>) -> Value {
        Kind::Map(element, Arc::new(members.into_iter().map(|(k, v)| (k.into(), v)).collect())).into()
    }
    /// A tuple.
    pub fn tuple(elements: impl IntoIterator<Item = Value>) -> Value {
        Kind::Tuple(elements.into_iter().collect()).into()
    }
    /// An object.
    pub fn object<K: Into<Arc<str>>>(attributes: impl IntoIterator<Item = (K, Value)>) -> Value {
        Kind::Object(Arc::new(attributes.into_iter().map(|(k, v)| (k.into(), v)).collect())).into()
    }
    /// A list of strings.
    pub fn strings<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Value {
        Value::list(Type::String, texts.into_iter().map(Value::string))
    }

    /// What this value is, marks aside.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }
    /// The marks of the value itself (not those of its elements).
    pub fn marks(&self) -> Marks {
        self.marks
    }
    /// The same value with `marks` added to its own.
    #[must_use]
    pub fn with_marks(mut self, marks: Marks) -> Value {
        self.marks |= marks;
        self
    }
    /// The value without its own marks, and these marks.
    pub fn unmark(mut self) -> (Value, Marks) {
        let marks = std::mem::take(&mut self.marks);
        (self, marks)
    }
    /// The value without marks at any depth, and all marks that there were.
    pub fn unmark_deep(&self) -> (Value, Marks) {
        if self.marks_deep().is_empty() {
            return (self.clone(), Marks::NONE);
        }
        let mut all = Marks::NONE;
        let bare = self.map_elements(&mut |e| {
            let (bare, marks) = e.unmark_deep();
            all |= marks;
            bare
        });
        let (bare, own) = bare.unmark();
        (bare, all | own)
    }
    /// All marks at any depth.
    pub fn marks_deep(&self) -> Marks {
        let mut all = self.marks;
        match &self.kind {
            Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => es.iter().for_each(|e| all |= e.marks_deep()),
            Kind::Map(_, ms) | Kind::Object(ms) => ms.values().for_each(|e| all |= e.marks_deep()),
            _ => {}
        }
        all
    }
    /// Whether the value itself is marked sensitive.
    pub fn is_sensitive(&self) -> bool {
        self.marks.contains(Marks::SENSITIVE)
    }

    /// The same value with `f` applied to each direct element or attribute. The types that result are the caller's
    /// responsibility (elements of lists, sets and maps keep their type).
    pub fn map_elements(&self, f: &mut dyn FnMut(&Value) -> Value) -> Value {
        let kind = match &self.kind {
            Kind::List(t, es) => Kind::List(t.clone(), es.iter().map(f).collect()),
            Kind::Set(t, es) => return Value::set(t.clone(), es.iter().map(f)).with_marks(self.marks),
            Kind::Tuple(es) => Kind::Tuple(es.iter().map(f).collect()),
            Kind::Map(t, ms) => Kind::Map(t.clone(), Arc::new(ms.iter().map(|(k, v)| (k.clone(), f(v))).collect())),
            Kind::Object(ms) => Kind::Object(Arc::new(ms.iter().map(|(k, v)| (k.clone(), f(v))).collect())),
            other => other.clone(),
        };
        Value { kind, marks: self.marks }
    }

    /// The type of the value.
    pub fn ty(&self) -> Type {
        match &self.kind {
            Kind::Null(t) => t.clone(),
            Kind::Unknown(u) => u.ty().clone(),
            Kind::Bool(_) => Type::Bool,
            Kind::Number(_) => Type::Number,
            Kind::String(_) => Type::String,
            Kind::List(t, _) => Type::list(t.clone()),
            Kind::Set(t, _) => Type::set(t.clone()),
            Kind::Map(t, _) => Type::map(t.clone()),
            Kind::Tuple(es) => Type::tuple(es.iter().map(Value::ty)),
            Kind::Object(ms) => Type::Object(Arc::new(ObjectType {
                attributes: ms.iter().map(|(k, v)| (k.clone(), v.ty())).collect(),
                optional: Default::default(),
            })),
        }
    }
    /// Whether not even the type is known: it is [`Type::Dynamic`].
    pub fn has_unknown_type(&self) -> bool {
        match &self.kind {
            Kind::Null(ty) => *ty == Type::Dynamic,
            Kind::Unknown(unknown) => *unknown.ty() == Type::Dynamic,
            _ => false,
        }
    }
    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null(_))
    }
    /// Whether the value itself is known (its elements may be unknown).
    pub fn is_known(&self) -> bool {
        !matches!(self.kind, Kind::Unknown(_))
    }
    /// Whether nothing in the value is unknown, at any depth.
    pub fn is_wholly_known(&self) -> bool {
        match &self.kind {
            Kind::Unknown(_) => false,
            Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => es.iter().all(Value::is_wholly_known),
            Kind::Map(_, ms) | Kind::Object(ms) => ms.values().all(Value::is_wholly_known),
            _ => true,
        }
    }
    /// The text, if it is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(s) => Some(s),
            _ => None,
        }
    }
    /// The truth value, if it is a known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            Kind::Bool(b) => Some(*b),
            _ => None,
        }
    }
    /// The number, if it is a known number.
    pub fn as_number(&self) -> Option<&Number> {
        match &self.kind {
            Kind::Number(n) => Some(n),
            _ => None,
        }
    }
    /// The number, if it is a known whole number that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number().and_then(Number::to_i64)
    }
    /// The elements of a known list, set or tuple.
    pub fn elements(&self) -> Option<&[Value]> {
        match &self.kind {
            Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => Some(es),
            _ => None,
        }
    }
    /// The members of a known map or object.
    pub fn members(&self) -> Option<&Members> {
        match &self.kind {
            Kind::Map(_, ms) | Kind::Object(ms) => Some(ms),
            _ => None,
        }
    }
    /// The attribute of an object, or the member of a map; `None` where there is none or the value is null or unknown.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members()?.get(name)
    }
    /// How many elements or members a known list, set, tuple, map or object has.
    pub fn len(&self) -> Option<usize> {
        self.elements().map(<[Value]>::len).or_else(|| self.members().map(BTreeMap::len))
    }
    /// Whether a known collection has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Value {
        Value::bool(b)
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::string(text)
    }
}
impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::string(text)
    }
}
impl From<i64> for Value {
    fn from(n: i64) -> Value {
        Value::number(n)
    }
}
impl From<i32> for Value {
    fn from(n: i32) -> Value {
        Value::number(i64::from(n))
    }
}
