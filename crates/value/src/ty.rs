//! Types and type constraints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A type, or with [`Type::Dynamic`] inside a type constraint.
#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub enum Type {
    /// `any`: not known yet, or whatever fits.
    Dynamic,
    /// `bool`
    Bool,
    /// `number`
    Number,
    /// `string`
    String,
    /// `list(T)`
    List(Arc<Type>),
    /// `set(T)`
    Set(Arc<Type>),
    /// `map(T)`
    Map(Arc<Type>),
    /// `tuple([...])`
    Tuple(Arc<[Type]>),
    /// `object({...})`
    Object(Arc<ObjectType>),
}

/// The attributes of an object type, by name.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, PartialOrd, Ord)]
pub struct ObjectType {
    /// Name to type; sorted, as Terraform shows them.
    pub attributes: BTreeMap<Arc<str>, Type>,
    /// Attributes that a conversion to this type may leave out (they become null). Only in type constraints; the type
    /// of a value has none.
    pub optional: BTreeSet<Arc<str>>,
}

impl Type {
    /// `list(element)`
    pub fn list(element: Type) -> Type {
        Type::List(Arc::new(element))
    }
    /// `set(element)`
    pub fn set(element: Type) -> Type {
        Type::Set(Arc::new(element))
    }
    /// `map(element)`
    pub fn map(element: Type) -> Type {
        Type::Map(Arc::new(element))
    }
    /// `tuple([elements])`
    pub fn tuple(elements: impl IntoIterator<Item = Type>) -> Type {
        Type::Tuple(elements.into_iter().collect())
    }
    /// `object({attributes})` without optional attributes.
    pub fn object<K: Into<Arc<str>>>(attributes: impl IntoIterator<Item = (K, Type)>) -> Type {
        Type::Object(Arc::new(ObjectType {
            attributes: attributes.into_iter().map(|(k, t)| (k.into(), t)).collect(),
            optional: BTreeSet::new(),
        }))
    }

    /// bool, number or string.
    pub fn is_primitive(&self) -> bool {
        matches!(self, Type::Bool | Type::Number | Type::String)
    }
    /// list, set or map.
    pub fn is_collection(&self) -> bool {
        matches!(self, Type::List(_) | Type::Set(_) | Type::Map(_))
    }
    /// tuple or object.
    pub fn is_structural(&self) -> bool {
        matches!(self, Type::Tuple(_) | Type::Object(_))
    }
    /// The element type of a list, set or map.
    pub fn element(&self) -> Option<&Type> {
        match self {
            Type::List(t) | Type::Set(t) | Type::Map(t) => Some(t),
            _ => None,
        }
    }
    /// Whether [`Type::Dynamic`] is this type or stands somewhere inside of it.
    pub fn has_dynamic(&self) -> bool {
        match self {
            Type::Dynamic => true,
            Type::Bool | Type::Number | Type::String => false,
            Type::List(t) | Type::Set(t) | Type::Map(t) => t.has_dynamic(),
            Type::Tuple(ts) => ts.iter().any(Type::has_dynamic),
            Type::Object(o) => o.attributes.values().any(Type::has_dynamic),
        }
    }
    /// The same type with no attribute optional, at any depth: the type of values that a conversion to `self` gives.
    pub fn without_optional(&self) -> Type {
        match self {
            Type::List(t) => Type::list(t.without_optional()),
            Type::Set(t) => Type::set(t.without_optional()),
            Type::Map(t) => Type::map(t.without_optional()),
            Type::Tuple(ts) => Type::tuple(ts.iter().map(Type::without_optional)),
            Type::Object(o) => Type::object(o.attributes.iter().map(|(k, t)| (k.clone(), t.without_optional()))),
            other => other.clone(),
        }
    }
    /// What Terraform calls this type in messages: `string`, `list of string`, `object`, …
    pub fn friendly_name(&self) -> String {
        match self {
            Type::Dynamic => "dynamic".into(),
            Type::Bool => "bool".into(),
            Type::Number => "number".into(),
            Type::String => "string".into(),
            Type::List(t) => format!("list of {}", t.friendly_name_of_element()),
            Type::Set(t) => format!("set of {}", t.friendly_name_of_element()),
            Type::Map(t) => format!("map of {}", t.friendly_name_of_element()),
            Type::Tuple(_) => "tuple".into(),
            Type::Object(_) => "object".into(),
        }
    }
    /// What Terraform calls the type of a value: as [`Type::friendly_name`], but with `dynamic` for what is open.
    pub fn name_of_value(&self) -> String {
        match self {
            Type::List(t) => format!("list of {}", t.name_of_value()),
            Type::Set(t) => format!("set of {}", t.name_of_value()),
            Type::Map(t) => format!("map of {}", t.name_of_value()),
            other => other.friendly_name(),
        }
    }
    fn friendly_name_of_element(&self) -> String {
        match self {
            Type::Dynamic => "any single type".into(),
            other => other.friendly_name(),
        }
    }
}
