//! An object of a resource type as the code of a type sees it: attributes by name, with zero values for what is not
//! set, and set from whatever the cloud's SDK gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use infra_schema::Block;
use infra_value::{Kind, Members, Type, Value, convert};

/// A resource (or a data source) being read or written. No marks.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    block: Arc<Block>,
    members: Members,
    /// Attributes that nothing depends on; `None` where all of it is wanted.
    unused: Option<BTreeSet<Arc<str>>>,
}

/// A nested block, or an object inside a list, set or map.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a>(&'a Value);

static NULL: std::sync::LazyLock<Value> = std::sync::LazyLock::new(|| Value::null(Type::Dynamic));

macro_rules! getters {
    () => {
        /// The text; `""` where it is null or unknown.
        pub fn str(&self, name: &str) -> &str {
            self.raw(name).as_str().unwrap_or("")
        }
        /// The text; `None` where it is null, unknown or `""`.
        pub fn opt_str(&self, name: &str) -> Option<String> {
            Some(self.str(name)).filter(|s| !s.is_empty()).map(str::to_string)
        }
        /// The whole number; 0 where it is null or unknown.
        pub fn int(&self, name: &str) -> i64 {
            self.raw(name).as_i64().unwrap_or(0)
        }
        /// The whole number as most SDK calls want it; 0 where it is null, unknown or too large.
        pub fn i32(&self, name: &str) -> i32 {
            i32::try_from(self.int(name)).unwrap_or(0)
        }
        /// The whole number; `None` where it is null, unknown or 0.
        pub fn opt_i32(&self, name: &str) -> Option<i32> {
            Some(self.i32(name)).filter(|n| *n != 0)
        }
        /// The number; 0 where it is null or unknown.
        pub fn f64(&self, name: &str) -> f64 {
            self.raw(name).as_number().map_or(0.0, infra_value::Number::to_f64)
        }
        /// The truth value; false where it is null or unknown.
        pub fn bool(&self, name: &str) -> bool {
            self.raw(name).as_bool().unwrap_or(false)
        }
        /// The truth value; `None` where it is null or unknown.
        pub fn opt_bool(&self, name: &str) -> Option<bool> {
            self.raw(name).as_bool()
        }
        /// The texts of a list or set; nulls and unknowns are left out.
        pub fn strings(&self, name: &str) -> Vec<String> {
            let elements = self.raw(name).elements().unwrap_or(&[]);
            elements.iter().filter_map(|e| e.as_str().map(str::to_string)).collect()
        }
        /// The texts of a map; nulls and unknowns are left out.
        pub fn map(&self, name: &str) -> BTreeMap<String, String> {
            let members = self.raw(name).members().into_iter().flatten();
            members.filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_string()))).collect()
        }
        /// The elements of a nested block (or of a list or set of objects), in order.
        pub fn parts(&self, name: &str) -> Vec<Part<'_>> {
            match self.raw(name).kind() {
                Kind::List(_, es) | Kind::Set(_, es) | Kind::Tuple(es) => {
                    es.iter().filter(|e| !e.is_null() && e.is_known()).map(Part).collect()
                }
                Kind::Object(_) => vec![Part(self.raw(name))],
                _ => Vec::new(),
            }
        }
        /// The first (or only) element of a nested block.
        pub fn part(&self, name: &str) -> Option<Part<'_>> {
            self.parts(name).first().copied()
        }
        /// Whether it is known and not null.
        pub fn is_set(&self, name: &str) -> bool {
            let raw = self.raw(name);
            !raw.is_null() && raw.is_known()
        }
    };
}

impl<'a> Part<'a> {
    /// A part from the value of an object.
    pub fn new(value: &'a Value) -> Part<'a> {
        Part(value)
    }
    /// The value of an attribute; null if there is no such attribute.
    pub fn raw(&self, name: &str) -> &'a Value {
        self.0.get(name).unwrap_or(&NULL)
    }
    /// The value of all of it.
    pub fn value(&self) -> &'a Value {
        self.0
    }
    getters!();
}

impl Object {
    /// From a value of the block's type. A null value gives the empty object.
    pub fn new(block: Arc<Block>, value: &Value) -> Object {
        let members = match value.members() {
            Some(members) => members.clone(),
            None => block.empty().members().cloned().unwrap_or_default(),
        };
        Object { block, members, unused: None }
    }
    /// The same, read for somebody who needs some attributes less: see [`crate::ReadRequest::unused`].
    #[must_use]
    pub fn without_need_of(mut self, unused: Option<&BTreeSet<Arc<str>>>) -> Object {
        self.unused = unused.cloned();
        self
    }
    /// Whether it is read for a plan, for which an unchanged version number shows that nothing was written since.
    pub fn is_for_a_plan(&self) -> bool {
        self.unused.is_some()
    }
    /// Whether something may depend on one of these attributes. If not, they need no call of their own.
    pub fn needs_any(&self, names: &[&str]) -> bool {
        self.unused.as_ref().is_none_or(|unused| names.iter().any(|name| !unused.contains(*name)))
    }
    /// The schema.
    pub fn block(&self) -> &Arc<Block> {
        &self.block
    }
    /// The value of all of it.
    pub fn into_value(self) -> Value {
        Kind::Object(Arc::new(self.members)).into()
    }
    /// The value of all of it.
    pub fn value(&self) -> Value {
        self.clone().into_value()
    }
    /// The value of an attribute; null if there is no such attribute.
    pub fn raw(&self, name: &str) -> &Value {
        self.members.get(name).unwrap_or(&NULL)
    }
    /// The `id` attribute.
    pub fn id(&self) -> &str {
        self.str("id")
    }
    getters!();

    /// Sets an attribute from what the SDK gave. `None` gives the zero value of the attribute's type (`""`, 0, false,
    /// an empty list or set; a map: null), as the older plugin kind stores it; members missing in a nested object
    /// likewise. A name that the schema does not have, or a value that does not fit it, is a defect of the type's
    /// code: debug builds stop, release builds leave the attribute as it was.
    pub fn set(&mut self, name: &str, value: impl IntoAttribute) {
        let ty = match (self.block.attributes.get(name), self.block.blocks.get(name)) {
            (Some(a), _) => a.ty.clone(),
            (_, Some(b)) => b.ty(),
            _ => {
                debug_assert!(false, "the schema has no attribute {name}");
                return;
            }
        };
        let value = match value.into_attribute() {
            Some(value) => fit(&value, &ty),
            None => zero(&ty),
        };
        match convert(&value, &ty) {
            Ok(value) => {
                self.members.insert(name.into(), value);
            }
            Err(error) => debug_assert!(false, "{name}: {error}"),
        }
    }
    /// Sets an attribute or block to a value of its type, as it is. What the schema does not have is left out.
    pub fn set_raw(&mut self, name: &str, value: Value) {
        if let Some(old) = self.members.get_mut(name) {
            *old = value;
        }
    }
    /// Sets an attribute to null.
    pub fn unset(&mut self, name: &str) {
        if let Some(old) = self.members.get_mut(name) {
            *old = Value::null(old.ty());
        }
    }
    /// The object without unknown attributes: each is as it was in `prior`, or null.
    #[must_use]
    pub fn settled(mut self, prior: Option<&Object>) -> Object {
        let block = self.block.clone();
        for name in block.attributes.keys().chain(block.blocks.keys()) {
            if self.raw(name).is_wholly_known() {
                continue;
            }
            match (self.raw(name).is_known(), prior) {
                (false, Some(prior)) => self.set(name, prior.raw(name).clone()),
                (false, None) => self.unset(name),
                (true, _) => self.set(name, without_unknowns(self.raw(name))),
            }
        }
        self
    }
}

fn without_unknowns(value: &Value) -> Value {
    if value.is_known() { value.map_elements(&mut without_unknowns) } else { Value::null(value.ty()) }
}

/// The value that an attribute of the older plugin kind has when it is explicitly set to nothing.
fn zero(ty: &Type) -> Value {
    match ty {
        Type::String => Value::string(""),
        Type::Bool => Value::bool(false),
        Type::Number => Value::from(0_i64),
        Type::List(t) => Value::list((**t).clone(), []),
        Type::Set(t) => Value::set((**t).clone(), []),
        other => Value::null(other.clone()),
    }
}

/// Gives objects inside a value the attributes of the type that they lack.
fn fit(value: &Value, ty: &Type) -> Value {
    match (value.kind(), ty) {
        (Kind::Object(given), Type::Object(wanted)) => Value::object(wanted.attributes.iter().map(|(name, ty)| {
            let value = given.get(name).map_or_else(|| zero(ty), |v| fit(v, ty));
            (name.clone(), value)
        })),
        (Kind::Tuple(es) | Kind::List(_, es) | Kind::Set(_, es), Type::List(t) | Type::Set(t)) => {
            Value::tuple(es.iter().map(|e| fit(e, t)))
        }
        _ => value.clone(),
    }
}

/// What an attribute can be set from.
pub trait IntoAttribute {
    /// The value; `None` for "nothing", which becomes the type's zero value.
    fn into_attribute(self) -> Option<Value>;
}

impl IntoAttribute for Value {
    fn into_attribute(self) -> Option<Value> {
        Some(self)
    }
}
impl IntoAttribute for &str {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::string(self))
    }
}
impl IntoAttribute for String {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::string(self))
    }
}
impl IntoAttribute for &String {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::string(self))
    }
}
impl IntoAttribute for bool {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::bool(self))
    }
}
impl IntoAttribute for i32 {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::from(self))
    }
}
impl IntoAttribute for i64 {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::from(self))
    }
}
impl IntoAttribute for f64 {
    fn into_attribute(self) -> Option<Value> {
        infra_value::Number::from_f64(self).ok().map(Value::number)
    }
}
impl<T: IntoAttribute> IntoAttribute for Option<T> {
    fn into_attribute(self) -> Option<Value> {
        self.and_then(T::into_attribute)
    }
}
impl<T: IntoAttribute> IntoAttribute for Vec<T> {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::tuple(self.into_iter().filter_map(T::into_attribute)))
    }
}
impl IntoAttribute for &[String] {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::strings(self))
    }
}
impl<V: IntoAttribute> IntoAttribute for BTreeMap<String, V> {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::object(self.into_iter().filter_map(|(k, v)| Some((k, v.into_attribute()?)))))
    }
}
impl<V: IntoAttribute> IntoAttribute for HashMap<String, V> {
    fn into_attribute(self) -> Option<Value> {
        self.into_iter().collect::<BTreeMap<_, _>>().into_attribute()
    }
}
/// An object from its attributes, `None` ones left out (they become zero values).
impl<const N: usize> IntoAttribute for [(&'static str, Option<Value>); N] {
    fn into_attribute(self) -> Option<Value> {
        Some(Value::object(self.into_iter().filter_map(|(k, v)| Some((k, v?)))))
    }
}
