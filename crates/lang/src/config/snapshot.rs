//! A configuration as it was at some time: the text of every file of it.

use std::collections::BTreeMap;
use std::path::Path;

use infra_diag::Sources;

use super::LoadOptions;
use super::manifest::Manifest;

/// The files of a configuration and of the modules that it calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Their texts by their names in messages.
    pub files: BTreeMap<String, String>,
    /// Which modules were installed where.
    pub installed: Manifest,
}

impl Snapshot {
    /// What was read of the folder.
    pub fn new(root_dir: &Path, options: &LoadOptions, sources: &Sources) -> Snapshot {
        let files = sources.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let data_dir = options.data_dir.clone().unwrap_or_else(|| root_dir.join(".terraform"));
        Snapshot { files, installed: Manifest::read(&data_dir) }
    }

    /// The names of the files of one folder, sorted.
    pub(super) fn names_in(&self, source_dir: &str) -> Vec<String> {
        let prefix = if source_dir == "." { String::new() } else { format!("{source_dir}/") };
        let own = self.files.keys().filter_map(|name| name.strip_prefix(&prefix));
        own.filter(|name| !name.contains('/')).map(str::to_string).collect()
    }
}
