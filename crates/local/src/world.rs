//! The control plane of this machine: all types of the catalogue as records, refused where AWS refuses.
//!
//! Pure: no clock, no chance, no socket but those that the caller gives. One algorithm makes, reads, changes and deletes
//! records; a type ([`kind::Kind`]) says what it computes, what it refuses and what else it makes.

mod data;
mod desired;
mod ephemerals;
mod facts;
mod ids;
mod kind;
mod network;
mod releasing;
mod types;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::SystemTime;

use infra_catalog::{HalfDone, ResourceType, catalog};
use infra_provider::plan::PluginKind;
use infra_provider::{Failure, Object};
use infra_value::{Type, Value, value_from_json, value_to_json};
use serde_json::{Value as Json, json};

pub use desired::{Desired, Registration};
use facts::Facts;
use kind::Kind;

/// The version of the form of [`World::to_json`].
const FORM: u64 = 1;

/// All recorded objects.
#[derive(Clone)]
pub struct World {
    account: String,
    region: String,
    /// By type and key.
    records: BTreeMap<String, BTreeMap<String, Object>>,
    facts: Facts,
}

/// What an operation is told beside the object.
pub struct Cx<'a> {
    /// The configuration as written; write-only arguments are only here.
    pub config: &'a Value,
    /// All tags that the object has to have.
    pub tags: BTreeMap<String, String>,
    /// The time.
    pub now: SystemTime,
    /// Ports on this machine.
    pub ports: &'a mut dyn Ports,
    /// Where ids come from.
    random: Random,
}

/// Where ids come from.
enum Random {
    /// The operating system.
    System,
    /// A number that goes on from this one: the same ids again and again, for tests.
    Seeded(u64),
}

impl<'a> Cx<'a> {
    /// With ids that nobody can guess.
    pub fn new(config: &'a Value, tags: BTreeMap<String, String>, now: SystemTime, ports: &'a mut dyn Ports) -> Cx<'a> {
        Cx { config, tags, now, ports, random: Random::System }
    }

    /// With ids that follow from a number.
    #[must_use]
    pub fn seeded(self, seed: u64) -> Cx<'a> {
        Cx { random: Random::Seeded(seed), ..self }
    }

    fn bits(&mut self) -> u64 {
        match &mut self.random {
            Random::System => uuid::Uuid::new_v4().as_u64_pair().0 ^ uuid::Uuid::new_v4().as_u64_pair().1,
            // SplitMix64.
            Random::Seeded(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut bits = *state;
                bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                bits ^ (bits >> 31)
            }
        }
    }
}

/// Ports on loopback.
pub trait Ports {
    /// Gives the wanted port where it is free and allowed, otherwise another. The address stays reserved until it is
    /// released.
    ///
    /// # Errors
    /// When there is none.
    fn reserve(&mut self, wanted: Option<u16>) -> Result<SocketAddr, String>;
    /// Gives an address back.
    fn release(&mut self, address: SocketAddr);
}

impl World {
    /// Nothing recorded yet.
    pub fn new(account: &str, region: &str) -> World {
        let (account, region) = (account.to_string(), region.to_string());
        World { account, region, records: BTreeMap::new(), facts: Facts::default() }
    }

    /// All of it as JSON. There are secrets in it.
    pub fn to_json(&self) -> Json {
        let records = self.records.iter().filter(|(_, records)| !records.is_empty()).map(|(ty, records)| {
            let shown = |(key, object): (&String, &Object)| {
                // What is recorded is known and without marks.
                let json = value_to_json(&object.value(), &object.block().ty()).unwrap_or_default();
                (key.clone(), json)
            };
            (ty.clone(), Json::Object(records.iter().map(shown).collect()))
        });
        let records = Json::Object(records.collect());
        let facts = serde_json::to_value(&self.facts).unwrap_or_default();
        json!({ "form": FORM, "account": self.account, "region": self.region, "records": records, "facts": facts })
    }

    /// From [`World::to_json`].
    ///
    /// # Errors
    /// What is wrong with the JSON.
    pub fn from_json(json: &Json) -> Result<World, String> {
        let text = |name: &str| json[name].as_str().ok_or(format!("{name} is missing"));
        if json["form"].as_u64() != Some(FORM) {
            return Err(format!("it has form {}, and this program reads form {FORM}", json["form"]));
        }
        let mut world = World::new(text("account")?, text("region")?);
        world.facts = serde_json::from_value(json["facts"].clone()).map_err(|error| error.to_string())?;
        for (ty, records) in json["records"].as_object().into_iter().flatten() {
            let block = resource_type(ty).map_err(|failure| failure.to_string())?.block();
            for (key, record) in records.as_object().into_iter().flatten() {
                let value = value_from_json(record, &block.ty()).map_err(|error| format!("{ty} {key}: {error}"))?;
                let object = Object::new(block.clone(), &value);
                world.records.entry(ty.clone()).or_default().insert(key.clone(), object);
            }
        }
        Ok(world)
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many objects are recorded.
    pub fn len(&self) -> usize {
        self.records.values().map(BTreeMap::len).sum()
    }

    /// The account that all of it is in.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The region that all of it is in.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Says in which region what follows happens.
    pub fn enter(&mut self, region: &str) {
        self.region = region.to_string();
    }

    /// The addresses that records hold: to be reserved again by who has read the world from a file.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.facts.addresses.values().copied()
    }

    /// Whether there is such a type (or data source) here.
    pub fn supports(ty: &str, data: bool) -> bool {
        if data { data::find(ty).is_some() } else { types::find(ty).is_some() }
    }

    /// Whether a refusal may pass by itself when other operations end that are under way. AWS's clients try again then.
    pub fn may_pass(failure: &Failure) -> bool {
        const CODES: &[&str] = &[
            "ClusterContainsServicesException",
            "DeleteConflict",
            "DependencyViolation",
            "InvalidDBParameterGroupState",
            "PriorityInUse",
            "ResourceInUse",
            "ResourceInUseException",
        ];
        const TEXTS: &[&str] = &["does not have an associated load balancer", "ECS service doesn't exist"];
        failure.is(CODES) || TEXTS.iter().any(|text| failure.message.contains(text))
    }

    /// Reads a record; `None` if there is none. For an import the object has only what its id says.
    ///
    /// # Errors
    /// When there is no such type here.
    pub fn read(&self, ty: &str, object: Object) -> Result<Option<Object>, Failure> {
        let kind = kind_of(ty)?;
        let Some(found) = kind.find(self, ty, &object) else { return Ok(None) };
        let mut read = found.clone();
        let there = kind.fill(self, &mut read);
        for name in kind.untold().iter().chain(&["timeouts"]) {
            if object.block().attributes.contains_key(*name) || object.block().blocks.contains_key(*name) {
                read.set_raw(name, object.raw(name).clone());
            }
        }
        Ok(there.then_some(read))
    }

    /// As [`World::read`] by who looks into one region only: what is in another is not there.
    ///
    /// # Errors
    /// When there is no such type here.
    pub fn read_in(&self, region: &str, ty: &str, object: Object) -> Result<Option<Object>, Failure> {
        let found = self.read(ty, object)?;
        let is_in = |object: &Object| {
            let arn = if object.block().attributes.contains_key("arn") { object.str("arn") } else { object.id() };
            arn.strip_prefix("arn:").and_then(|arn| arn.split(':').nth(2)).is_none_or(|r| r.is_empty() || r == region)
        };
        Ok(found.filter(is_in))
    }

    /// Records an object.
    ///
    /// # Errors
    /// What AWS would say. Nothing is recorded then.
    pub fn create(&mut self, ty: &str, planned: Object, cx: &mut Cx<'_>) -> Result<Object, HalfDone> {
        let none = |failure| HalfDone { object: None, failure };
        let kind = kind_of(ty).map_err(none)?;
        let mut object = planned.settled(None);
        if object.block().attributes.contains_key("tags_all") {
            object.set("tags_all", cx.tags.clone());
        }
        let before = self.clone();
        if let Err(failure) = kind.create(self, &mut object, cx) {
            *self = before;
            return Err(none(named(failure, "creating", ty)));
        }
        self.put(ty, kind, &mut object);
        match self.read(ty, object.clone()) {
            Ok(read) => Ok(read.unwrap_or(object)),
            Err(failure) => Err(HalfDone { object: Some(object), failure }),
        }
    }

    /// Changes a record.
    ///
    /// # Errors
    /// What AWS would say. Nothing is changed then.
    pub fn update(&mut self, ty: &str, prior: &Object, planned: Object, cx: &mut Cx<'_>) -> Result<Object, HalfDone> {
        let mut object = planned.settled(Some(prior));
        let half = |object: &Object, failure| HalfDone { object: Some(object.clone()), failure };
        let kind = kind_of(ty).map_err(|failure| half(prior, failure))?;
        if object.block().attributes.contains_key("tags_all") {
            object.set("tags_all", cx.tags.clone());
        }
        let before = self.clone();
        let Some(recorded) = kind.find(self, ty, prior).cloned() else {
            let message = format!("{} is not recorded on this machine any more", prior.id());
            return Err(half(&object, Failure::new(format!("updating {ty}"), message)));
        };
        if let Err(failure) = kind.update(self, prior, &mut object, cx) {
            *self = before;
            return Err(half(&object, named(failure, "updating", ty)));
        }
        let key = kind.key(&recorded);
        let token = self.facts.tokens.get(ty).and_then(|tokens| tokens.get(&key)).cloned();
        self.forget(ty, &key);
        self.put(ty, kind, &mut object);
        if let Some(token) = token {
            self.trace(ty, &token, &object);
        }
        match self.read(ty, object.clone()) {
            Ok(read) => Ok(read.unwrap_or(object)),
            Err(failure) => Err(half(&object, failure)),
        }
    }

    /// Removes a record. One that is gone already is no failure.
    ///
    /// # Errors
    /// What AWS would say. Nothing is removed then.
    pub fn delete(&mut self, ty: &str, prior: &Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let kind = kind_of(ty)?;
        let Some(recorded) = kind.find(self, ty, prior).cloned() else { return Ok(()) };
        let before = self.clone();
        if let Err(failure) = kind.delete(self, prior, &recorded, cx) {
            *self = before;
            return Err(named(failure, "deleting", ty));
        }
        self.forget(ty, &kind.key(&recorded));
        Ok(())
    }

    /// Reads a data source: the configuration, with what it does not set filled in.
    ///
    /// # Errors
    /// What AWS would say.
    pub fn read_data(&self, ty: &str, config: Object, cx: &Cx<'_>) -> Result<Object, Failure> {
        let read = data::find(ty).ok_or_else(|| unsupported(ty))?;
        let mut object = config.settled(None);
        read(self, &mut object, cx)?;
        Ok(object)
    }

    /// Opens an ephemeral resource: the configuration, with what it does not set filled in.
    ///
    /// # Errors
    /// What AWS would say.
    pub fn open(&self, ty: &str, config: Object) -> Result<Object, Failure> {
        let open = ephemerals::find(ty).ok_or_else(|| unsupported(ty))?;
        let mut object = config.settled(None);
        open(self, &mut object)?;
        Ok(object)
    }

    fn put(&mut self, ty: &str, kind: &dyn Kind, object: &mut Object) {
        complete(ty, kind, object);
        self.records.entry(ty.to_string()).or_default().insert(kind.key(object), object.clone());
    }

    /// The record that a creation with this token has made; it has what the creation planned and nobody tells.
    ///
    /// # Errors
    /// When there is no such type here.
    pub fn created(&self, ty: &str, token: &str, planned: Object) -> Result<Option<Object>, Failure> {
        let made = self.facts.tokens.get(ty).into_iter().flatten().find(|(_, by)| *by == token);
        let Some(record) = made.and_then(|(key, _)| self.get(ty, key)) else { return Ok(None) };
        let mut object = record.clone();
        for name in kind_of(ty)?.untold() {
            if object.block().attributes.contains_key(*name) {
                object.set_raw(name, planned.raw(name).clone());
            }
        }
        self.read(ty, object)
    }

    /// The master password of a database, by the database's id.
    pub fn password(&self, id: &str) -> Option<&str> {
        self.facts.passwords.get(id).map(String::as_str)
    }

    /// Gives a database the password that it was restored with.
    pub fn keep_password(&mut self, id: &str, password: String) {
        self.facts.passwords.insert(id.to_string(), password);
    }

    /// Notes which creation has made a record.
    pub fn trace(&mut self, ty: &str, token: &str, object: &Object) {
        let Ok(kind) = kind_of(ty) else { return };
        self.facts.tokens.entry(ty.to_string()).or_default().insert(kind.key(object), token.to_string());
    }

    fn forget(&mut self, ty: &str, key: &str) {
        if let Some(tokens) = self.facts.tokens.get_mut(ty) {
            tokens.remove(key);
        }
        if let Some(records) = self.records.get_mut(ty) {
            records.remove(key);
        }
    }

    fn get(&self, ty: &str, key: &str) -> Option<&Object> {
        self.records.get(ty)?.get(key)
    }

    fn all(&self, ty: &str) -> impl Iterator<Item = &Object> + use<'_> {
        self.records.get(ty).into_iter().flat_map(BTreeMap::values)
    }

    fn edit(&mut self, ty: &str, key: &str, change: impl FnOnce(&mut Object)) {
        if let Some(object) = self.records.get_mut(ty).and_then(|records| records.get_mut(key)) {
            change(object);
        }
    }

    /// The record, or AWS's way of saying that there is none.
    fn need(&self, ty: &str, key: &str, code: &str, message: impl Into<String>) -> Result<&Object, Failure> {
        self.get(ty, key).ok_or_else(|| refusal(code, message))
    }

    /// `arn:aws:ec2:eu-west-1:000000000000:vpc/vpc-1`
    fn arn(&self, service: &str, resource: &str) -> String {
        self.arn_in(service, &self.region, resource)
    }

    /// The ARN of something that is in no region.
    fn global_arn(&self, service: &str, resource: &str) -> String {
        self.arn_in(service, "", resource)
    }

    fn arn_in(&self, service: &str, region: &str, resource: &str) -> String {
        let partition = infra_catalog::partition::of_region(&self.region).name;
        format!("arn:{partition}:{service}:{region}:{}:{resource}", self.account)
    }

    /// Whether an ARN names something that would have to be recorded here.
    fn owns(&self, arn: &str) -> bool {
        arn.starts_with("arn:") && arn.split(':').nth(4) == Some(&self.account)
    }
}

fn resource_type(ty: &str) -> Result<&'static ResourceType, Failure> {
    catalog().resources.get(ty).ok_or_else(|| unsupported(ty))
}

fn kind_of(ty: &str) -> Result<&'static dyn Kind, Failure> {
    types::find(ty).ok_or_else(|| unsupported(ty))
}

/// An object of a type with nothing set.
fn blank(ty: &str) -> Result<Object, Failure> {
    Ok(Object::new(resource_type(ty)?.block().clone(), &Value::null(Type::Dynamic)))
}

fn unsupported(ty: &str) -> Failure {
    Failure::new(format!("finding {ty}"), "this type is not supported on this machine yet")
}

/// Sets what is told and still null to nothing, as types of the older plugin kind store it.
fn complete(ty: &str, kind: &dyn Kind, object: &mut Object) {
    if resource_type(ty).is_ok_and(|ty| ty.rules.kind() == PluginKind::Framework) {
        return;
    }
    let block = object.block().clone();
    for (name, attribute) in &block.attributes {
        let untold = kind.untold().contains(&&**name) || attribute.write_only;
        if !untold && object.raw(name).is_null() {
            object.set(name, None::<Value>);
        }
    }
}

/// What AWS says when it refuses.
fn refusal(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: Some(code.to_string()), message: message.into(), ..Failure::default() }
}

/// As [`refusal`], at once as an answer.
fn refuse<T>(code: &str, message: impl Into<String>) -> Result<T, Failure> {
    Err(refusal(code, message))
}

fn named(failure: Failure, verb: &str, ty: &str) -> Failure {
    if failure.doing.is_empty() { Failure { doing: format!("{verb} {ty}"), ..failure } } else { failure }
}
