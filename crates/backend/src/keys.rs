//! What the objects and items of a workspace are called.

/// What follows a state's key in the key of its lock.
const LOCK_SUFFIX: &str = ".tflock";
/// What follows a state's name in the name of its digest.
const DIGEST_SUFFIX: &str = "-md5";
/// What follows a state's key in the key of its journal of creations.
const UNDERWAY_SUFFIX: &str = ".infra-underway";
/// What follows a state's key in the keys of its records.
const HISTORY_SUFFIX: &str = ".infra-history/";

/// The bucket, the key of the state of `default`, and the prefix of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    bucket: String,
    key: String,
    prefix: String,
}

/// The names of what belongs to one workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// The state's object: `env:/dev/app.tfstate`.
    pub state: String,
    /// `s3://bucket/env:/dev/app.tfstate`
    pub place: String,
    /// The lock's object.
    pub lock: String,
    /// The lock's item in the table, and its path: `bucket/env:/dev/app.tfstate`.
    pub item: String,
    /// The digest's item in the table.
    pub digest_item: String,
    /// The object of creations under way.
    pub underway: String,
    /// What keys of history records begin with.
    pub history: String,
}

impl Keys {
    pub fn new(bucket: &str, key: &str, prefix: &str) -> Keys {
        Keys { bucket: bucket.into(), key: key.into(), prefix: prefix.into() }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The names for a workspace.
    pub fn of(&self, workspace: &str) -> Names {
        let Keys { bucket, key, prefix } = self;
        let state = match workspace {
            "default" => key.clone(),
            other => joined(&[prefix, other, key]),
        };
        Names {
            place: format!("s3://{bucket}/{state}"),
            lock: format!("{state}{LOCK_SUFFIX}"),
            item: format!("{bucket}/{state}"),
            digest_item: format!("{bucket}/{state}{DIGEST_SUFFIX}"),
            underway: format!("{state}{UNDERWAY_SUFFIX}"),
            history: format!("{state}{HISTORY_SUFFIX}"),
            state,
        }
    }

    /// What the keys of all workspaces but `default` begin with.
    pub fn workspaces_prefix(&self) -> String {
        if self.prefix.is_empty() { String::new() } else { format!("{}/", self.prefix) }
    }

    /// Whether the prefix is the one that nobody has chosen.
    pub fn has_usual_prefix(&self) -> bool {
        self.prefix == "env:"
    }

    /// The workspace whose state an object is, if it is one.
    pub fn workspace_of<'k>(&self, object: &'k str) -> Option<&'k str> {
        let (workspace, rest) = object.strip_prefix(&self.workspaces_prefix())?.split_once('/')?;
        (rest == self.key && !workspace.is_empty()).then_some(workspace)
    }
}

/// Parts of a path put together, without what means nothing in it.
fn joined(parts: &[&str]) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in parts.iter().flat_map(|part| part.split('/')) {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_workspace_has_names_of_its_own() {
        for (prefix, key, workspace, state) in [
            ("env:", "app.tfstate", "default", "app.tfstate"),
            ("env:", "app.tfstate", "dev", "env:/dev/app.tfstate"),
            ("env:", "a/b.tfstate", "dev", "env:/dev/a/b.tfstate"),
            ("", "a/b.tfstate", "dev", "dev/a/b.tfstate"),
            ("teams/x", "a", "dev", "teams/x/dev/a"),
        ] {
            let keys = Keys::new("bucket", key, prefix);
            let names = keys.of(workspace);
            assert_eq!(names.state, state);
            let found = keys.workspace_of(&names.state).unwrap_or("default");
            assert_eq!(found, workspace);
        }
        let names = Keys::new("bucket", "app.tfstate", "env:").of("dev");
        assert_eq!(names.place, "s3://bucket/env:/dev/app.tfstate");
        assert_eq!(names.lock, "env:/dev/app.tfstate.tflock");
        assert_eq!(names.item, "bucket/env:/dev/app.tfstate");
        assert_eq!(names.digest_item, "bucket/env:/dev/app.tfstate-md5");
        assert_eq!(names.underway, "env:/dev/app.tfstate.infra-underway");
        assert_eq!(names.history, "env:/dev/app.tfstate.infra-history/");
    }

    #[test]
    fn only_states_of_this_configuration_are_workspaces() {
        let keys = Keys::new("bucket", "app.tfstate", "env:");
        for (object, wanted) in [
            ("env:/dev/app.tfstate", Some("dev")),
            ("env:/dev/app.tfstate.tflock", None),
            ("env:/dev/other.tfstate", None),
            ("env:/dev/deeper/app.tfstate", None),
            ("env:/app.tfstate", None),
            ("x/env:/dev/app.tfstate", None),
            ("app.tfstate", None),
        ] {
            assert_eq!(keys.workspace_of(object), wanted, "{object}");
        }
    }
}
