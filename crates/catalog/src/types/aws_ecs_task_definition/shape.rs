//! The shape of a container definition: the fields that the ECS API knows, and their types.

/// The type of a field.
pub(super) enum Shape {
    /// A text.
    Text,
    /// A text out of an enumeration of this name: `""` counts as not given.
    Choice(&'static str),
    /// A whole number.
    Number,
    /// A whole number that counts as not given when it is 0.
    NumberUnlessZero,
    /// A whole number that is always sent, 0 where it is not given.
    NumberAlways,
    /// A truth value.
    Truth,
    /// A list of texts.
    Texts,
    /// A list of texts out of an enumeration.
    Choices(&'static str),
    /// A list of whole numbers.
    Numbers,
    /// Texts by name.
    Map,
    /// An object.
    One(&'static Record),
    /// A list of objects.
    Many(&'static Record),
}

/// An object of the API: its name, its fields in alphabetical order.
pub(super) struct Record {
    pub(super) name: &'static str,
    pub(super) fields: &'static [(&'static str, Shape)],
}

use Shape::{Choice, Choices, Many, Map, Number, NumberAlways, NumberUnlessZero, Numbers, One, Text, Texts, Truth};

macro_rules! records {
    ($($constant:ident = $name:literal { $($field:literal: $shape:expr),* $(,)? })*) => {
        $(pub(super) static $constant: Record = Record { name: $name, fields: &[$(($field, $shape)),*] };)*
    };
}

records! {
    CONTAINER = "ContainerDefinition" {
        "command": Texts,
        "cpu": NumberUnlessZero,
        "credentialSpecs": Texts,
        "dependsOn": Many(&DEPENDENCY),
        "disableNetworking": Truth,
        "dnsSearchDomains": Texts,
        "dnsServers": Texts,
        "dockerLabels": Map,
        "dockerSecurityOptions": Texts,
        "entryPoint": Texts,
        "environment": Many(&KEY_VALUE),
        "environmentFiles": Many(&ENVIRONMENT_FILE),
        "essential": Truth,
        "extraHosts": Many(&HOST),
        "firelensConfiguration": One(&FIRELENS),
        "healthCheck": One(&HEALTH_CHECK),
        "hostname": Text,
        "image": Text,
        "interactive": Truth,
        "links": Texts,
        "linuxParameters": One(&LINUX),
        "logConfiguration": One(&LOG),
        "memory": Number,
        "memoryReservation": Number,
        "mountPoints": Many(&MOUNT_POINT),
        "name": Text,
        "portMappings": Many(&PORT_MAPPING),
        "privileged": Truth,
        "pseudoTerminal": Truth,
        "readonlyRootFilesystem": Truth,
        "repositoryCredentials": One(&REPOSITORY_CREDENTIALS),
        "resourceRequirements": Many(&RESOURCE_REQUIREMENT),
        "restartPolicy": One(&RESTART_POLICY),
        "secrets": Many(&SECRET),
        "startTimeout": Number,
        "stopTimeout": Number,
        "systemControls": Many(&SYSTEM_CONTROL),
        "ulimits": Many(&ULIMIT),
        "user": Text,
        "versionConsistency": Choice("VersionConsistency"),
        "volumesFrom": Many(&VOLUME_FROM),
        "workingDirectory": Text,
    }
    DEPENDENCY = "ContainerDependency" { "condition": Choice("ContainerCondition"), "containerName": Text }
    KEY_VALUE = "KeyValuePair" { "name": Text, "value": Text }
    ENVIRONMENT_FILE = "EnvironmentFile" { "type": Choice("EnvironmentFileType"), "value": Text }
    HOST = "HostEntry" { "hostname": Text, "ipAddress": Text }
    FIRELENS = "FirelensConfiguration" { "options": Map, "type": Choice("FirelensConfigurationType") }
    HEALTH_CHECK = "HealthCheck" {
        "command": Texts, "interval": Number, "retries": Number, "startPeriod": Number, "timeout": Number,
    }
    LINUX = "LinuxParameters" {
        "capabilities": One(&CAPABILITIES),
        "devices": Many(&DEVICE),
        "initProcessEnabled": Truth,
        "maxSwap": Number,
        "sharedMemorySize": Number,
        "swappiness": Number,
        "tmpfs": Many(&TMPFS),
    }
    CAPABILITIES = "KernelCapabilities" { "add": Texts, "drop": Texts }
    DEVICE = "Device" { "containerPath": Text, "hostPath": Text, "permissions": Choices("DeviceCgroupPermission") }
    TMPFS = "Tmpfs" { "containerPath": Text, "mountOptions": Texts, "size": NumberAlways }
    LOG = "LogConfiguration" { "logDriver": Choice("LogDriver"), "options": Map, "secretOptions": Many(&SECRET) }
    MOUNT_POINT = "MountPoint" { "containerPath": Text, "readOnly": Truth, "sourceVolume": Text }
    PORT_MAPPING = "PortMapping" {
        "appProtocol": Choice("ApplicationProtocol"),
        "containerPort": Number,
        "containerPortRange": Text,
        "hostPort": Number,
        "name": Text,
        "protocol": Choice("TransportProtocol"),
    }
    REPOSITORY_CREDENTIALS = "RepositoryCredentials" { "credentialsParameter": Text }
    RESOURCE_REQUIREMENT = "ResourceRequirement" { "type": Choice("ResourceType"), "value": Text }
    RESTART_POLICY = "ContainerRestartPolicy" {
        "enabled": Truth, "ignoredExitCodes": Numbers, "restartAttemptPeriod": Number,
    }
    SECRET = "Secret" { "name": Text, "valueFrom": Text }
    SYSTEM_CONTROL = "SystemControl" { "namespace": Text, "value": Text }
    ULIMIT = "Ulimit" { "hardLimit": NumberAlways, "name": Choice("UlimitName"), "softLimit": NumberAlways }
    VOLUME_FROM = "VolumeFrom" { "readOnly": Truth, "sourceContainer": Text }
}

impl Shape {
    /// What the API's own model calls the type, as it stands in messages about values that do not fit.
    pub(super) fn type_name(&self) -> String {
        match self {
            Text => "string".to_string(),
            Choice(name) => format!("types.{name}"),
            Number | NumberUnlessZero | NumberAlways => "int32".to_string(),
            Truth => "bool".to_string(),
            Texts => "[]string".to_string(),
            Choices(name) => format!("[]types.{name}"),
            Numbers => "[]int32".to_string(),
            Map => "map[string]string".to_string(),
            One(record) => format!("types.{}", record.name),
            Many(record) => format!("[]types.{}", record.name),
        }
    }
}
