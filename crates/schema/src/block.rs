//! Schemas of resource types, data sources and provider configurations.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_value::{Type, Value};

/// The schema of a resource type, a data source or a provider configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Schema {
    /// `schema_version` of states written with it.
    pub version: u64,
    /// What its block may hold.
    pub block: Block,
}

/// What a block may hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// `name = value`
    pub attributes: BTreeMap<Arc<str>, Attribute>,
    /// `name { … }`
    pub blocks: BTreeMap<Arc<str>, NestedBlock>,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The type of its value.
    pub ty: Type,
    /// It has to be set.
    pub required: bool,
    /// It may be set.
    pub optional: bool,
    /// The provider may give its value.
    pub computed: bool,
    /// Its value is never shown.
    pub sensitive: bool,
    /// Its value is sent and never stored.
    pub write_only: bool,
    /// Setting it gives a warning.
    pub deprecated: bool,
    /// The value that it has when it is not given.
    pub default: Option<Value>,
    /// Whether a change replaces the resource. What depends on the values is a rule of the type.
    pub force_new: bool,
}

/// How many blocks of a type there may be, and what they become in the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// One: an object, or null.
    Single,
    /// One: an object that is there even if it is not given.
    Group,
    /// A list of objects.
    List,
    /// A set of objects.
    Set,
    /// A map of objects by the block's label.
    Map,
}

/// A nested block type.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// What several of them become.
    pub nesting: Nesting,
    /// The least number.
    pub min_items: u64,
    /// The greatest number; 0 for any.
    pub max_items: u64,
    /// Where none is given, the provider may say what there is.
    pub computed: bool,
    /// Whether its coming and going replaces the resource.
    pub force_new: bool,
    /// Whether something else is to be used instead.
    pub deprecated: bool,
    /// What is in it.
    pub block: Block,
}

impl Block {
    /// The type of values of this block: an object with every attribute and every nested block.
    pub fn ty(&self) -> Type {
        let attributes = self.attributes.iter().map(|(name, a)| (name.clone(), a.ty.clone()));
        let blocks = self.blocks.iter().map(|(name, b)| (name.clone(), b.ty()));
        Type::object(attributes.chain(blocks))
    }

    /// The block with nothing given: attributes null, list, set and map blocks empty, single blocks null.
    pub fn empty(&self) -> Value {
        let attributes = self.attributes.iter().map(|(name, a)| (name.clone(), Value::null(a.ty.clone())));
        let blocks = self.blocks.iter().map(|(name, b)| (name.clone(), b.empty()));
        Value::object(attributes.chain(blocks))
    }

    /// Whether any attribute at any depth is sensitive.
    pub fn has_sensitive(&self) -> bool {
        self.attributes.values().any(|a| a.sensitive) || self.blocks.values().any(|b| b.block.has_sensitive())
    }
}

impl NestedBlock {
    /// The type of the value that all blocks of this type together are.
    pub fn ty(&self) -> Type {
        let inner = self.block.ty();
        match self.nesting {
            Nesting::Single | Nesting::Group => inner,
            Nesting::List => Type::list(inner),
            Nesting::Set => Type::set(inner),
            Nesting::Map => Type::map(inner),
        }
    }

    /// The value of no such block.
    pub fn empty(&self) -> Value {
        let inner = self.block.ty();
        match self.nesting {
            Nesting::Single => Value::null(inner),
            Nesting::Group => self.block.empty(),
            Nesting::List => Value::list(inner, []),
            Nesting::Set => Value::set(inner, []),
            Nesting::Map => Value::map::<Arc<str>>(inner, []),
        }
    }
}

impl Attribute {
    /// Computed, and never to be set.
    pub fn is_computed_only(&self) -> bool {
        self.computed && !self.optional && !self.required
    }

    /// Whether blocks of this name are accepted in its place: a list or set of objects that is written as blocks since
    /// Terraform 0.11.
    pub fn allows_blocks(&self) -> bool {
        let objects = matches!(&self.ty, Type::List(t) | Type::Set(t) if matches!(**t, Type::Object(_)));
        objects && !self.is_computed_only()
    }
}
