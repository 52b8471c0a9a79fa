//! Databases that run.

use infra_runtime::spec::Database;

use super::Desired;
use crate::world::World;

/// Adds all databases.
pub(super) fn add(world: &World, desired: &mut Desired) {
    for instance in world.all("aws_db_instance") {
        let (id, identifier) = (instance.id(), instance.str("identifier"));
        let Some(bind) = world.facts.addresses.get(id).copied() else {
            let engine = instance.str("engine");
            desired
                .notes
                .push(format!("{identifier}: no server runs for engine {engine}, the instance is only recorded"));
            continue;
        };
        if i64::from(bind.port()) != instance.int("port") {
            let port = instance.int("port");
            desired.notes.push(format!("{identifier}: port {port} is taken, it listens on localhost:{}", bind.port()));
        }
        if !instance.str("replicate_source_db").is_empty() {
            desired.notes.push(format!("{identifier}: nothing is replicated into it, it is a database of its own"));
        }
        let group = world.get("aws_db_parameter_group", instance.str("parameter_group_name"));
        let parameters = group.map(|group| group.parts("parameter")).unwrap_or_default();
        let parameters = parameters.iter().map(|p| (p.str("name").to_lowercase(), p.str("value").to_string()));
        let database = Database {
            engine_version: instance.str("engine_version").to_string(),
            bind,
            username: instance.str("username").to_string(),
            password: world.facts.passwords.get(id).cloned().unwrap_or_default(),
            database: instance.opt_str("db_name"),
            parameters: parameters.collect(),
            restore_from: instance.opt_str("snapshot_identifier"),
            running: true,
        };
        desired.runtime.databases.insert(world.home(id, identifier), database);
    }
}
