//! The records and the ports that were given out, kept in a file.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::SystemTime;

use infra_catalog::HalfDone;
use infra_provider::Failure;
use infra_value::Value;

use super::ports::Reserved;
use crate::folder::{Folder, write_private};
use crate::world::{Cx, Desired, World};
use crate::{ACCOUNT, DEFAULT_REGION};

/// The records in the folder's file, if there is one.
///
/// # Errors
/// They cannot be read; what to do about it.
pub(crate) fn read(folder: &Folder) -> Result<Option<World>, String> {
    let path = folder.world();
    let unusable = |why: String| {
        format!(
            "{}: {why}. To begin anew without what is recorded there: infra local destroy (or remove the folder).",
            path.display()
        )
    };
    match std::fs::read(&path) {
        Ok(text) => {
            let json = serde_json::from_slice(&text).map_err(|e| unusable(e.to_string()))?;
            World::from_json(&json).map(Some).map_err(unusable)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// What the supervisor keeps.
pub(super) struct Kept {
    pub world: World,
    ports: Reserved,
    folder: Folder,
}

impl Kept {
    /// From the folder's file; an empty world if there is none.
    pub fn load(folder: &Folder) -> Result<Kept, String> {
        let world = read(folder)?.unwrap_or_else(|| World::new(ACCOUNT, DEFAULT_REGION));
        let ports = Reserved::new(world.addresses());
        Ok(Kept { world, ports, folder: folder.clone() })
    }

    /// Changes the records and writes them. A change that cannot be written is taken back.
    pub fn change<T>(
        &mut self,
        region: &str,
        config: &Value,
        tags: BTreeMap<String, String>,
        change: impl FnOnce(&mut World, &mut Cx<'_>) -> Result<T, HalfDone>,
    ) -> Result<T, HalfDone> {
        let before = self.world.clone();
        self.world.enter(region);
        let mut cx = Cx::new(config, tags, SystemTime::now(), &mut self.ports);
        let done = change(&mut self.world, &mut cx);
        if let Err(error) = self.save() {
            self.world = before;
            self.ports.hold_only(self.world.addresses());
            let failure = Failure::new(format!("writing {}", self.folder.world().display()), error.to_string());
            return Err(HalfDone { object: None, failure });
        }
        done
    }

    /// With what a read of a data source is given.
    pub fn look<T>(&mut self, region: &str, look: impl FnOnce(&World, &Cx<'_>) -> T) -> T {
        let config = Value::null(infra_value::Type::Dynamic);
        let cx = Cx::new(&config, BTreeMap::new(), SystemTime::now(), &mut self.ports);
        self.world.enter(region);
        look(&self.world, &cx)
    }

    /// What is to run, and the sockets that have kept the addresses of its listeners so far. Those of databases are
    /// closed: their servers open their own.
    pub fn desired(&mut self) -> (Desired, Vec<TcpListener>) {
        let desired = self.world.desired();
        let listeners = desired.balancers.balancers.values().flat_map(|balancer| balancer.listeners.values());
        let sockets = listeners.filter_map(|listener| self.ports.hand_over(listener.bind)).collect();
        for database in desired.runtime.databases.values() {
            drop(self.ports.hand_over(database.bind));
        }
        (desired, sockets)
    }

    fn save(&self) -> std::io::Result<()> {
        let text = serde_json::to_vec(&self.world.to_json())?;
        write_private(&self.folder.world(), &text)
    }
}
