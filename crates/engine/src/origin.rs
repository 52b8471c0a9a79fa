//! Where a saved plan comes from: by whom, when and from what it was made, as far as it could be told.

use std::collections::BTreeMap;
use std::sync::Arc;

use infra_lang::config::Snapshot;
use infra_value::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::saved::value_json;

/// Where a saved plan comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Who made it, in a few words: `ana@laptop`, or `ana (GitHub Actions)`.
    pub made_by: String,
    /// Every name that its maker went by there: accounts and e-mail addresses.
    pub names: Vec<String>,
    /// The fingerprints of its maker's SSH keys.
    pub keys: Vec<String>,
    /// The run in CI that made it: its address, or its number.
    pub run: Option<String>,
    /// When: RFC 3339, in UTC.
    pub made_at: String,
    /// The version of infra.
    pub version: String,
    /// The commit that the folder was at, if it is in a git repository.
    pub commit: Option<Commit>,
    /// Where its state is kept, as messages say it.
    pub backend: String,
    /// Variables, as they were given.
    pub variables: Given,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its id, in full.
    pub id: String,
    /// Whether there were changes that it does not hold.
    pub dirty: bool,
}

/// What files and the environment gave to variables. `-var` is not part of it: nobody gives it a second time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// What the digests are mixed with: a short secret cannot be found by trying.
    pub salt: String,
    /// The files of `-var-file`.
    pub files: Vec<String>,
    /// The digest of each value that was given.
    pub digests: BTreeMap<String, String>,
}

impl Given {
    /// What was given to variables, with a salt of its own.
    pub fn new(files: Vec<String>, values: &BTreeMap<Arc<str>, Value>) -> Given {
        let salt = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let digests = values.iter().map(|(name, value)| (name.to_string(), digest(&salt, value))).collect();
        Given { salt, files, digests }
    }

    /// Whether a variable was given this value then; `None` if it was given none.
    pub fn was(&self, name: &str, value: &Value) -> Option<bool> {
        self.digests.get(name).map(|then| *then == digest(&self.salt, value))
    }

    /// The digest of all values together, mixed with the salt.
    pub fn digest_of(&self, values: &BTreeMap<Arc<str>, Value>) -> String {
        let members = values.iter().map(|(name, value)| (name.to_string(), value_json(value)));
        salted(&self.salt, &serde_json::Value::Object(members.collect()).to_string())
    }
}

fn digest(salt: &str, value: &Value) -> String {
    salted(salt, &value_json(value).to_string())
}

fn salted(salt: &str, text: &str) -> String {
    sha256(&[salt, "\n", text])
}

/// The digest of a configuration: its files and the modules that were installed for it.
pub fn configuration_digest(configuration: &Snapshot) -> String {
    let mut parts = Vec::new();
    for (name, text) in &configuration.files {
        // The lengths, so that no text can be moved from one file into the next.
        parts.push(format!("{} {} {name}\n{text}\n", name.len(), text.len()));
    }
    parts.push(configuration.installed.to_json());
    sha256(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The SHA-256 of texts, one after the other: `sha256:` and 64 hexadecimal digits.
pub(crate) fn sha256(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_known_again_and_its_digest_is_another_one_each_time() {
        let values = BTreeMap::from([("pin".into(), Value::string("1234"))]);
        let (one, other) = (Given::new(vec![], &values), Given::new(vec![], &values));
        assert_eq!(one.was("pin", &Value::string("1234")), Some(true));
        assert_eq!(one.was("pin", &Value::string("1235")), Some(false));
        assert_eq!(one.was("pins", &Value::string("1234")), None);
        assert_ne!(one.digests, other.digests);
        assert_ne!(one.digest_of(&values), other.digest_of(&values));
    }

    #[test]
    fn the_digest_of_a_configuration_tells_its_files_apart() {
        let digest = |files: &[(&str, &str)]| {
            let files = files.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            configuration_digest(&Snapshot { files, ..Snapshot::default() })
        };
        let all = [
            digest(&[]),
            digest(&[("a.tf", "")]),
            digest(&[("a.tf", "x")]),
            digest(&[("b.tf", "x")]),
            digest(&[("a.tf", "x\n4 0 b.tf\n\n")]),
            digest(&[("a.tf", "x"), ("b.tf", "")]),
        ];
        assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), all.len());
    }
}
