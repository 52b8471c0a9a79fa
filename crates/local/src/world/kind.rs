//! What a type adds to the one algorithm of records.

use infra_provider::{Failure, Object};

use super::{Cx, World};

/// A type of the catalogue as records. Every method has the answer that most types give.
pub(super) trait Kind: Sync {
    /// Attributes that no cloud tells: they stay as they are in the object that is read.
    fn untold(&self) -> &'static [&'static str] {
        &[]
    }
    /// What tells a record from the others of its type.
    fn key(&self, object: &Object) -> String {
        object.id().to_string()
    }
    /// The record of an object, which may be one to import.
    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        world.get(ty, &self.key(object))
    }
    /// Refuses what AWS refuses, and sets what AWS sets. What is null afterwards becomes zero values.
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure>;
    /// The same for a change: `prior` is as the state has it, the object as planned, what is unknown there as it was.
    fn update(
        &self,
        _world: &mut World,
        _prior: &Object,
        _object: &mut Object,
        _cx: &mut Cx<'_>,
    ) -> Result<(), Failure> {
        Ok(())
    }
    /// Refuses what AWS refuses, and removes what goes with it. `prior`: as the state has it; `object`: as recorded.
    fn delete(&self, _world: &mut World, _prior: &Object, _object: &Object, _cx: &mut Cx<'_>) -> Result<(), Failure> {
        Ok(())
    }
    /// Sets what other records decide. False: it is gone.
    fn fill(&self, _world: &World, _object: &mut Object) -> bool {
        true
    }
}
