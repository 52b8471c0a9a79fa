//! What a state holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_address::{InstanceKey, ModuleInstance, ProviderConfig, Resource, ResourceInstance};
use infra_value::{Path, Type, Value};
use serde_json::{Map, Value as Json};

/// A state: what is known to exist. The objects are JSON until a schema says what they are.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// The version of the tool that wrote it last.
    pub terraform_version: String,
    /// Rises with each write that changes something.
    pub serial: u64,
    /// Which state this is: a UUID that stays for good.
    pub lineage: String,
    /// Values of the root module's outputs, by name.
    pub outputs: BTreeMap<Arc<str>, OutputValue>,
    /// Resources by the module instance that they are in.
    pub resources: BTreeMap<(ModuleInstance, Resource), ResourceState>,
    /// Results of conditions and checks, as they stand in the file.
    pub check_results: Json,
    /// Top-level keys that are not known here (`infra` among them); they are kept.
    pub extra: Map<String, Json>,
}

/// The value of an output.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputValue {
    /// The value, without marks.
    pub value: Value,
    /// Its type; that of an output declared `any` is the value's own.
    pub ty: Type,
    /// Whether it must not be shown.
    pub sensitive: bool,
}

/// A resource's instances.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceState {
    /// The provider configuration that manages them.
    pub provider: ProviderConfig,
    /// By key.
    pub instances: BTreeMap<InstanceKey, InstanceSlot>,
}

/// One instance: its present object, and objects that a replacement has left to be deleted.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct InstanceSlot {
    /// The present object.
    pub current: Option<Instance>,
    /// Deposed objects by their key of 8 hexadecimal digits.
    pub deposed: BTreeMap<String, Instance>,
}

/// An object in the state.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Its creation failed half way, or somebody said so: it is to be replaced.
    pub tainted: bool,
    /// The version of the schema that `attributes` has the form of.
    pub schema_version: u64,
    /// The attributes by name.
    pub attributes: Map<String, Json>,
    /// Where sensitive values are.
    pub sensitive: Vec<Path>,
    /// What the provider keeps beside it.
    pub private: Option<Arc<[u8]>>,
    /// Resources that it depends on, as addresses without keys.
    pub dependencies: Vec<String>,
    /// Its replacement is created before it is deleted.
    pub create_before_destroy: bool,
    /// Keys that are not known here; they are kept.
    pub extra: Map<String, Json>,
}

impl State {
    /// A state with nothing in it, and a lineage of its own.
    pub fn new() -> State {
        State {
            terraform_version: crate::TERRAFORM_VERSION.into(),
            serial: 0,
            lineage: uuid::Uuid::new_v4().to_string(),
            outputs: BTreeMap::new(),
            resources: BTreeMap::new(),
            check_results: Json::Null,
            extra: Map::new(),
        }
    }

    /// Whether it holds neither a resource nor an output.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.outputs.is_empty()
    }

    /// The instance at an address.
    pub fn slot(&self, address: &ResourceInstance) -> Option<&InstanceSlot> {
        self.resources.get(&(address.module.clone(), address.resource.clone()))?.instances.get(&address.key)
    }

    /// The present object at an address.
    pub fn current(&self, address: &ResourceInstance) -> Option<&Instance> {
        self.slot(address)?.current.as_ref()
    }

    /// The present object at an address, to be changed.
    pub fn current_mut(&mut self, address: &ResourceInstance) -> Option<&mut Instance> {
        let resource = self.resources.get_mut(&(address.module.clone(), address.resource.clone()))?;
        resource.instances.get_mut(&address.key)?.current.as_mut()
    }

    /// The instance at an address, made if it is not there.
    pub fn slot_mut(&mut self, address: &ResourceInstance, provider: &ProviderConfig) -> &mut InstanceSlot {
        let key = (address.module.clone(), address.resource.clone());
        let resource = self
            .resources
            .entry(key)
            .or_insert_with(|| ResourceState { provider: provider.clone(), instances: BTreeMap::new() });
        resource.provider = provider.clone();
        resource.instances.entry(address.key.clone()).or_default()
    }

    /// Sets or removes the present object at an address.
    pub fn set_current(&mut self, address: &ResourceInstance, provider: &ProviderConfig, object: Option<Instance>) {
        match object {
            Some(object) => self.slot_mut(address, provider).current = Some(object),
            None => {
                self.edit(address, |slot| slot.current = None);
            }
        }
    }

    /// Sets or removes a deposed object.
    pub fn set_deposed(
        &mut self,
        address: &ResourceInstance,
        provider: &ProviderConfig,
        key: &str,
        object: Option<Instance>,
    ) {
        match object {
            Some(object) => {
                self.slot_mut(address, provider).deposed.insert(key.into(), object);
            }
            None => {
                self.edit(address, |slot| drop(slot.deposed.remove(key)));
            }
        }
    }

    /// Takes an instance out, with its deposed objects.
    pub fn remove(&mut self, address: &ResourceInstance) -> Option<(ProviderConfig, InstanceSlot)> {
        let key = (address.module.clone(), address.resource.clone());
        let resource = self.resources.get_mut(&key)?;
        let slot = resource.instances.remove(&address.key)?;
        let provider = resource.provider.clone();
        if resource.instances.is_empty() {
            self.resources.remove(&key);
        }
        Some((provider, slot))
    }

    fn edit(&mut self, address: &ResourceInstance, change: impl FnOnce(&mut InstanceSlot)) {
        let key = (address.module.clone(), address.resource.clone());
        let Some(resource) = self.resources.get_mut(&key) else { return };
        if let Some(slot) = resource.instances.get_mut(&address.key) {
            change(slot);
            if slot.current.is_none() && slot.deposed.is_empty() {
                resource.instances.remove(&address.key);
            }
        }
        if resource.instances.is_empty() {
            self.resources.remove(&key);
        }
    }

    /// Every instance with its provider configuration.
    pub fn instances(&self) -> impl Iterator<Item = (ResourceInstance, &ProviderConfig, &InstanceSlot)> {
        self.resources.iter().flat_map(|((module, resource), state)| {
            state.instances.iter().map(move |(key, slot)| {
                let address = ResourceInstance { module: module.clone(), resource: resource.clone(), key: key.clone() };
                (address, &state.provider, slot)
            })
        })
    }
}

impl Default for State {
    fn default() -> State {
        State::new()
    }
}
