//! Databases, their snapshots, subnet groups and parameter groups. Those with PostgreSQL really run.

use std::collections::BTreeSet;

use infra_provider::{Failure, Object, Part};
use infra_value::Value;
use serde_json::json;

use crate::world::facts::SecretVersion;
use crate::world::kind::Kind;
use crate::world::{Cx, World, blank, ids, refuse};

const INSTANCE: &str = "aws_db_instance";
const SNAPSHOT: &str = "aws_db_snapshot";
const SUBNET_GROUP: &str = "aws_db_subnet_group";
const PARAMETER_GROUP: &str = "aws_db_parameter_group";

/// Engines with port, licence and versions, the newest first.
const ENGINES: [(&str, u16, &str, &[&str]); 3] = [
    ("postgres", 5432, "postgresql-license", &["17.4", "16.8", "15.12", "14.17", "13.20"]),
    ("mysql", 3306, "general-public-license", &["8.4.4", "8.0.41"]),
    ("mariadb", 3306, "general-public-license", &["11.4.5", "10.11.11", "10.6.21"]),
];

pub(in crate::world) struct SubnetGroup;

impl Kind for SubnetGroup {
    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        if world.get(SUBNET_GROUP, &name).is_some() {
            return refuse("DBSubnetGroupAlreadyExists", format!("The DB subnet group '{name}' already exists."));
        }
        set_network(world, object)?;
        object.set("arn", world.arn("rds", &format!("subgrp:{name}")));
        object.set("supported_network_types", vec!["IPV4"]);
        object.set("id", name);
        Ok(())
    }

    fn update(&self, world: &mut World, _: &Object, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        set_network(world, object)
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.id();
        let mut instances = world.all(INSTANCE);
        match instances.find(|instance| instance.str("db_subnet_group_name") == name) {
            Some(instance) => {
                let message = format!(
                    "Cannot delete the subnet group '{name}' because at least one database instance: {} is still using it.",
                    instance.str("identifier")
                );
                refuse("InvalidDBSubnetGroupStateFault", message)
            }
            None => Ok(()),
        }
    }
}

fn set_network(world: &World, object: &mut Object) -> Result<(), Failure> {
    let (mut zones, mut vpcs) = (BTreeSet::new(), BTreeSet::new());
    for id in object.strings("subnet_ids") {
        let message = format!("Some input subnets in :[{id}] are invalid.");
        let subnet = world.need("aws_subnet", &id, "InvalidSubnet", message)?;
        zones.insert(subnet.str("availability_zone").to_string());
        vpcs.insert(subnet.str("vpc_id").to_string());
    }
    if vpcs.len() > 1 {
        return refuse("InvalidParameterValue", "The DB subnets are in different VPCs.");
    }
    if zones.len() < 2 {
        let zones = zones.into_iter().collect::<Vec<_>>().join(", ");
        let message = format!(
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Current AZ coverage: {zones}. \
             Add subnets to cover at least 2 AZs."
        );
        return refuse("DBSubnetGroupDoesNotCoverEnoughAZs", message);
    }
    object.set("vpc_id", vpcs.into_iter().next());
    Ok(())
}

pub(in crate::world) struct ParameterGroup;

impl Kind for ParameterGroup {
    fn untold(&self) -> &'static [&'static str] {
        &["skip_destroy"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let name = ids::set_name(cx, object, "name", "terraform-");
        if world.get(PARAMETER_GROUP, &name).is_some() {
            return refuse("DBParameterGroupAlreadyExists", format!("Parameter group {name} already exists"));
        }
        object.set("arn", world.arn("rds", &format!("pg:{name}")));
        object.set("id", name);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.id();
        if world.all(INSTANCE).any(|instance| instance.str("parameter_group_name") == name) {
            let message = format!(
                "One or more database instances are still members of this parameter group {name}, so the group cannot be \
                 deleted"
            );
            return refuse("InvalidDBParameterGroupState", message);
        }
        Ok(())
    }
}

pub(in crate::world) struct Instance;

impl Kind for Instance {
    fn untold(&self) -> &'static [&'static str] {
        &[
            "allow_major_version_upgrade",
            "apply_immediately",
            "blue_green_update",
            "delete_automated_backups",
            "final_snapshot_identifier",
            "manage_master_user_password",
            "master_user_secret_kms_key_id",
            "password",
            "password_wo_version",
            "restore_to_point_in_time",
            "s3_import",
            "skip_final_snapshot",
            "snapshot_identifier",
            "upgrade_storage_config",
        ]
    }

    fn find<'w>(&self, world: &'w World, ty: &str, object: &Object) -> Option<&'w Object> {
        let by_name = |instance: &&Object| instance.str("identifier") == object.id();
        world.get(ty, object.id()).or_else(|| world.all(ty).find(by_name))
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let identifier = ids::set_name(cx, object, "identifier", "terraform-");
        if world.all(INSTANCE).any(|other| other.str("identifier") == identifier) {
            return refuse("DBInstanceAlreadyExists", "DB instance already exists");
        }
        inherit(world, object)?;
        if let Some(source) = object.part("restore_to_point_in_time") {
            return no_such_time(world, &source);
        }
        for required in ["engine", "username"] {
            if object.str(required).is_empty() && object.str("snapshot_identifier").is_empty() {
                return Err(Failure::new("", format!("{required:?}: required field is not set")));
            }
        }
        let managed = object.bool("manage_master_user_password");
        let password = given_password(object, cx);
        let restored = !object.str("replicate_source_db").is_empty() || !object.str("snapshot_identifier").is_empty();
        if password.is_none() && !managed && !restored {
            let message = "The parameter MasterUserPassword must be provided and must not be blank.";
            return refuse("InvalidParameterCombination", message);
        }
        check(world, object)?;
        let id = ids::capitals(cx, "db-", 26);
        object.set("id", &id);
        object.set("resource_id", &id);
        if world.facts.homes.values().any(|home| *home == identifier) {
            // The data of another that had this identifier before.
            world.facts.homes.insert(id.clone(), format!("{identifier}-{}", id.to_lowercase()));
        }
        object.set("arn", world.arn("rds", &format!("db:{identifier}")));
        complete(world, object, cx);
        let password = password.unwrap_or_else(|| ids::password(cx));
        if managed {
            set_secret(world, object, &password, cx)?;
        }
        world.facts.passwords.insert(id.clone(), password);
        set_endpoint(world, object, cx)
    }

    fn update(&self, world: &mut World, prior: &Object, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        if prior.int("allocated_storage") > object.int("allocated_storage") {
            let message = "Invalid storage size for engine: it cannot be smaller than it is.";
            return refuse("InvalidParameterCombination", message);
        }
        check(world, object)?;
        let id = object.id().to_string();
        let identifier = object.str("identifier").to_string();
        let taken = |other: &Object| other.str("identifier") == identifier && other.id() != id;
        if world.all(INSTANCE).any(taken) {
            return refuse("DBInstanceAlreadyExists", "DB instance already exists");
        }
        if prior.str("identifier") != identifier {
            let home = world.home(&id, prior.str("identifier"));
            world.facts.homes.insert(id.clone(), home);
        }
        object.set("arn", world.arn("rds", &format!("db:{identifier}")));
        complete(world, object, cx);
        let managed = object.bool("manage_master_user_password");
        let unseen = prior.int("password_wo_version") != object.int("password_wo_version");
        let password = given_password(object, cx).filter(|_| unseen || !object.str("password").is_empty());
        match (managed, object.part("master_user_secret").is_some()) {
            (true, false) => {
                let password = ids::password(cx);
                set_secret(world, object, &password, cx)?;
                world.facts.passwords.insert(id.clone(), password);
            }
            (false, true) => drop_secret(world, object),
            _ => {}
        }
        if let Some(password) = password.filter(|_| !managed) {
            world.facts.passwords.insert(id.clone(), password);
        }
        if prior.int("port") != object.int("port") && world.facts.addresses.contains_key(&id) {
            world.release(&id, cx);
        }
        set_endpoint(world, object, cx)
    }

    fn delete(&self, world: &mut World, prior: &Object, object: &Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        if !prior.bool("skip_final_snapshot") && prior.str("final_snapshot_identifier").is_empty() {
            let why = "final_snapshot_identifier is required when skip_final_snapshot is false";
            return Err(Failure::new("", why));
        }
        let unprotects = !prior.bool("deletion_protection") && prior.bool("apply_immediately");
        if object.bool("deletion_protection") && !unprotects {
            let message = "Cannot delete protected DB Instance, please disable deletion protection and try again.";
            return refuse("InvalidParameterCombination", message);
        }
        drop_secret(world, &mut object.clone());
        world.facts.passwords.remove(object.id());
        world.release(object.id(), cx);
        Ok(())
    }
}

pub(in crate::world) struct Snapshot;

impl Kind for Snapshot {
    fn untold(&self) -> &'static [&'static str] {
        // The provider never sets it.
        &["storage_type"]
    }

    fn create(&self, world: &mut World, object: &mut Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let name = object.str("db_snapshot_identifier").to_string();
        if world.get(SNAPSHOT, &name).is_some() {
            let message =
                format!("Cannot create the snapshot because a snapshot with the identifier {name} already exists.");
            return refuse("DBSnapshotAlreadyExists", message);
        }
        let of = object.str("db_instance_identifier").to_string();
        let Some(instance) = world.all(INSTANCE).find(|instance| instance.str("identifier") == of) else {
            return refuse("DBInstanceNotFound", format!("DBInstance {of} not found."));
        };
        let network = world.get(SUBNET_GROUP, instance.str("db_subnet_group_name"));
        let told = [
            "allocated_storage",
            "availability_zone",
            "engine",
            "iops",
            "kms_key_id",
            "license_model",
            "option_group_name",
            "port",
        ];
        let mut values: Vec<(&str, Value)> = told.map(|name| (name, instance.raw(name).clone())).into();
        values.push(("encrypted", instance.raw("storage_encrypted").clone()));
        values.push(("engine_version", instance.raw("engine_version_actual").clone()));
        values.push(("vpc_id", network.map_or_else(|| Value::string(""), |group| group.raw("vpc_id").clone())));
        for (name, value) in values {
            object.set(name, value);
        }
        object.set("snapshot_type", "manual");
        object.set("status", "available");
        object.set("db_snapshot_arn", world.arn("rds", &format!("snapshot:{name}")));
        object.set("id", name);
        Ok(())
    }
}

/// Points in time are not kept here.
fn no_such_time(world: &World, source: &Part<'_>) -> Result<(), Failure> {
    let name = source.str("source_db_instance_identifier");
    if !name.is_empty() && world.database(name).is_none() {
        return refuse("DBInstanceNotFound", format!("DBInstance {name} not found."));
    }
    let message = "Points in time of a database are not kept on this machine. Take a snapshot (aws_db_snapshot) and \
                   restore from it with snapshot_identifier.";
    refuse("InvalidRestoreFault", message)
}

fn given_password(object: &Object, cx: &Cx<'_>) -> Option<String> {
    Part::new(cx.config).opt_str("password_wo").or_else(|| object.opt_str("password"))
}

/// A replica has what its source has.
fn inherit(world: &World, object: &mut Object) -> Result<(), Failure> {
    let source = object.str("replicate_source_db").to_string();
    if source.is_empty() {
        return Ok(());
    }
    let name = source.rsplit(':').next().unwrap_or(&source);
    let Some(found) = world.all(INSTANCE).find(|instance| instance.str("identifier") == name) else {
        return refuse("DBInstanceNotFound", format!("DBInstance {name} not found."));
    };
    for name in ["engine", "engine_version", "username", "allocated_storage", "db_name", "db_subnet_group_name"] {
        if object.raw(name).is_null() {
            let value = found.raw(name).clone();
            object.set(name, value);
        }
    }
    Ok(())
}

fn check(world: &World, object: &Object) -> Result<(), Failure> {
    let group = object.str("db_subnet_group_name");
    if !group.is_empty() && !world.owns_default(group) {
        let message = format!("DBSubnetGroup '{group}' not found.");
        world.need(SUBNET_GROUP, group, "DBSubnetGroupNotFoundFault", message)?;
    }
    let group = object.str("parameter_group_name");
    if !group.is_empty() && !world.owns_default(group) {
        let message = format!("DBParameterGroup not found: {group}");
        world.need(PARAMETER_GROUP, group, "DBParameterGroupNotFound", message)?;
    }
    for group in object.strings("vpc_security_group_ids") {
        let message = format!("Invalid security group , groupId= {group}, groupName=.");
        world.need("aws_security_group", &group, "InvalidParameterValue", message)?;
    }
    Ok(())
}

impl World {
    /// The database with an identifier.
    pub(crate) fn database(&self, identifier: &str) -> Option<&Object> {
        self.all(INSTANCE).find(|instance| instance.str("identifier") == identifier)
    }

    /// The name that the data of a database is kept under. It outlives the record until [`World::leave_home`].
    pub fn home(&self, id: &str, identifier: &str) -> String {
        self.facts.homes.get(id).map_or(identifier, String::as_str).to_string()
    }

    /// The identifier of the database whose data is kept under a name.
    pub(crate) fn at_home(&self, home: &str) -> Option<&str> {
        let mut instances = self.all(INSTANCE).map(|instance| (instance.id(), instance.str("identifier")));
        instances.find(|(id, identifier)| self.home(id, identifier) == home).map(|(_, identifier)| identifier)
    }

    /// Notes that the data of a database is gone.
    pub(crate) fn leave_home(&mut self, id: &str) {
        self.facts.homes.remove(id);
    }

    /// Whether a group is one that AWS has for everybody.
    fn owns_default(&self, group: &str) -> bool {
        group == "default" || group.starts_with("default.") || group.starts_with("default:")
    }
}

/// The version that runs where this one is asked for: the newest that it stands for.
fn actual_version(engine: &str, wanted: &str) -> String {
    let versions = ENGINES.iter().find(|(name, ..)| *name == engine).map_or(&[][..], |(_, _, _, versions)| *versions);
    let fits = |version: &&&str| wanted.is_empty() || version.strip_prefix(wanted).is_some_and(|r| r.starts_with('.'));
    versions.iter().find(fits).map_or_else(|| wanted.to_string(), |version| version.to_string())
}

fn complete(world: &World, object: &mut Object, cx: &mut Cx<'_>) {
    let engine = object.str("engine").to_string();
    let version = actual_version(&engine, object.str("engine_version"));
    let licence = ENGINES.iter().find(|(name, ..)| *name == engine).map_or("license-included", |(_, _, l, _)| *l);
    let major: String = match engine.as_str() {
        "postgres" => version.split('.').next().unwrap_or_default().to_string(),
        _ => version.split('.').take(2).collect::<Vec<_>>().join("."),
    };
    let network = world.get(SUBNET_GROUP, object.str("db_subnet_group_name"));
    let subnet = network.and_then(|group| world.get("aws_subnet", group.strings("subnet_ids").first()?));
    let zone = subnet.map_or_else(|| format!("{}a", world.region), |s| s.str("availability_zone").to_string());
    let vpc = subnet.and_then(|subnet| world.get("aws_vpc", subnet.str("vpc_id")));
    let default_group = vpc.map(|vpc| vpc.str("default_security_group_id").to_string());
    let storage = if object.int("storage_throughput") > 0 {
        "gp3"
    } else if object.int("iops") > 0 {
        "io1"
    } else {
        "gp2"
    };
    let mut default = |name: &str, value: &str| {
        if object.str(name).is_empty() {
            object.set(name, value);
        }
    };
    default("engine_version", &version);
    default("availability_zone", &zone);
    default("backup_target", "region");
    default("backup_window", "03:26-03:56");
    default("ca_cert_identifier", "rds-ca-rsa2048-g1");
    default("database_insights_mode", "standard");
    default("engine_lifecycle_support", "open-source-rds-extended-support");
    default("license_model", licence);
    default("maintenance_window", "wed:06:38-wed:07:08");
    default("network_type", "IPV4");
    default("option_group_name", &format!("default:{engine}-{}", major.replace('.', "-")));
    default("parameter_group_name", &format!("default.{engine}{major}"));
    default("storage_type", storage);
    default("hosted_zone_id", "Z29XKXDKYMONMX");
    default("db_subnet_group_name", "default");
    if object.bool("storage_encrypted") && object.str("kms_key_id").is_empty() {
        // The key that AWS keeps for databases.
        object.set("kms_key_id", world.arn("kms", &format!("key/{}", ids::uuid(cx))));
    }
    if object.strings("vpc_security_group_ids").is_empty() {
        object.set("vpc_security_group_ids", default_group.into_iter().collect::<Vec<_>>());
    }
    if object.int("allocated_storage") == 0 {
        object.set("allocated_storage", 20);
    }
    if object.int("backup_retention_period") > 0 {
        object.set("latest_restorable_time", ids::rfc3339(cx.now));
    }
    if object.bool("performance_insights_enabled") && object.int("performance_insights_retention_period") == 0 {
        object.set("performance_insights_retention_period", 7);
    }
    object.set("engine_version_actual", actual_version(&engine, object.str("engine_version")));
    object.set("status", "available");
}

/// Where clients connect: really for PostgreSQL, a name of AWS's form for others.
fn set_endpoint(world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
    let (id, engine) = (object.id().to_string(), object.str("engine").to_string());
    let usual = ENGINES.iter().find(|(name, ..)| *name == engine).map_or(3306, |(_, port, ..)| *port);
    let wanted = u16::try_from(object.int("port")).ok().filter(|port| *port != 0);
    if engine != "postgres" {
        let port = wanted.unwrap_or(usual);
        if object.str("address").is_empty() {
            let host = format!("{}.{}.{}.rds.amazonaws.com", object.str("identifier"), ids::hex(cx, 12), world.region);
            object.set("address", host);
        }
        object.set("endpoint", format!("{}:{port}", object.str("address")));
        object.set("port", i64::from(port));
        return Ok(());
    }
    let address = match world.facts.addresses.get(&id) {
        Some(address) => *address,
        None => world.reserve(&id, Some(wanted.unwrap_or(usual)), cx)?,
    };
    object.set("address", "localhost");
    object.set("endpoint", format!("localhost:{}", address.port()));
    // What is configured stays, or every plan would want to change it.
    object.set("port", i64::from(wanted.unwrap_or(address.port())));
    Ok(())
}

/// The secret that RDS keeps for a master user, as a record of its own.
fn set_secret(world: &mut World, object: &mut Object, password: &str, cx: &mut Cx<'_>) -> Result<(), Failure> {
    let name = format!("rds!{}-{}", object.id().to_lowercase(), ids::uuid(cx));
    let arn = world.arn("secretsmanager", &format!("secret:{name}-{}", ids::letters(cx, 6)));
    let key = object.opt_str("master_user_secret_kms_key_id");
    let key = key.unwrap_or_else(|| world.arn("kms", &format!("key/{}", ids::uuid(cx))));
    let mut secret = blank("aws_secretsmanager_secret")?;
    secret.set("id", &arn);
    secret.set("arn", &arn);
    secret.set("name", name);
    secret.set("kms_key_id", &key);
    let about = object.str("arn");
    secret.set("description", format!("The secret associated with the primary RDS DB instance: {about}"));
    world.put("aws_secretsmanager_secret", &super::secrets::Secret, &mut secret);
    let value = json!({ "username": object.str("username"), "password": password });
    let version = SecretVersion {
        stages: BTreeSet::from([super::CURRENT.to_string()]),
        string: Some(value.to_string()),
        ..SecretVersion::default()
    };
    let id = ids::uuid(cx);
    world.put_secret(&arn, &id, version);
    let text = |text: &str| Some(Value::string(text));
    let told = [("kms_key_id", text(&key)), ("secret_arn", text(&arn)), ("secret_status", text("active"))];
    object.set("master_user_secret", vec![told]);
    Ok(())
}

fn drop_secret(world: &mut World, object: &mut Object) {
    if let Some(arn) = object.part("master_user_secret").map(|secret| secret.str("secret_arn").to_string()) {
        world.forget("aws_secretsmanager_secret", &arn);
        world.facts.secrets.remove(&arn);
    }
    object.set("master_user_secret", Vec::<Value>::new());
}
