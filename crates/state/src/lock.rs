//! Who holds the lock on a state, since when, and what for.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::{GoJson, TERRAFORM_VERSION, to_go_json};

/// What is written beside a locked state, in the form that Terraform writes and reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockInfo {
    /// A UUID: what `force-unlock` asks for.
    pub id: String,
    /// `OperationTypeApply`, `OperationTypePlan`, or a command's name.
    pub operation: String,
    /// Anything more.
    pub info: String,
    /// `user@host`
    pub who: String,
    /// The version of the tool, as a Terraform version.
    pub version: String,
    /// RFC 3339, in UTC, with nanoseconds.
    pub created: String,
    /// The state's path.
    pub path: String,
}

/// Whether to lock, and how long to wait for somebody else's lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockOptions {
    /// False for `-lock=false`.
    pub enabled: bool,
    /// `-lock-timeout`
    pub timeout: Duration,
}

impl Default for LockOptions {
    fn default() -> LockOptions {
        LockOptions { enabled: true, timeout: Duration::ZERO }
    }
}

impl LockInfo {
    /// For an operation that starts now, by this user on this machine.
    pub fn new(operation: &str, path: &str) -> LockInfo {
        LockInfo {
            id: uuid::Uuid::new_v4().to_string(),
            operation: operation.into(),
            info: String::new(),
            who: who(),
            version: TERRAFORM_VERSION.into(),
            created: format!("{:.9}", jiff::Timestamp::now()),
            path: path.into(),
        }
    }

    /// The one line of JSON that is stored.
    pub fn to_json(&self) -> String {
        let json = json!({
            "ID": self.id, "Operation": self.operation, "Info": self.info, "Who": self.who,
            "Version": self.version, "Created": self.created, "Path": self.path,
        });
        to_go_json(&json, GoJson::Compact)
    }

    /// Reads what is stored; `None` if it is something else.
    pub fn from_json(text: &str) -> Option<LockInfo> {
        let json: Json = serde_json::from_str(text).ok()?;
        let get = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default().to_string();
        let info = LockInfo {
            id: get("ID"),
            operation: get("Operation"),
            info: get("Info"),
            who: get("Who"),
            version: get("Version"),
            created: get("Created"),
            path: get("Path"),
        };
        Some(info).filter(|info| !info.id.is_empty())
    }

    /// The lines of an error message.
    pub fn describe(&self) -> String {
        let LockInfo { id, operation, info, who, version, created, path } = self;
        format!(
            "Lock Info:\n  ID:        {id}\n  Path:      {path}\n  Operation: {operation}\n  Who:       {who}\n  \
             Version:   {version}\n  Created:   {created}\n  Info:      {info}"
        )
    }
}

/// `user@host` of this process.
fn who() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let uid = rustix::process::getuid().as_raw();
    let listed = || user_named(&std::fs::read_to_string("/etc/passwd").unwrap_or_default(), uid);
    format!("{}@{host}", user.or_else(listed).unwrap_or_else(|| format!("uid{uid}")))
}

/// The user with a number in a list of users, one a line: `name:x:0:…`.
fn user_named(list: &str, uid: u32) -> Option<String> {
    let mut users = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    users.find(|fields| fields.get(2).is_some_and(|id| id.parse() == Ok(uid))).map(|fields| fields[0].to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_the_environment_does_not_name_is_looked_up() {
        let list = "root:x:0:0:root:/root:/bin/sh\n# nobody\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(user_named(list, 1000).as_deref(), Some("ann"));
        assert_eq!(user_named(list, 1001), None);
    }

    #[test]
    fn lock_info_reads_what_it_writes() {
        let info = LockInfo::new("OperationTypeApply", "terraform.tfstate");
        assert_eq!(LockInfo::from_json(&info.to_json()), Some(info));
        assert_eq!(LockInfo::from_json("{}"), None);
    }
}
