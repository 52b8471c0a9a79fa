//! What `init` has written down: the backend of a folder with its settings, in the file and the form that Terraform uses.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use infra_diag::Diagnostic;
use infra_state::{GoJson, TERRAFORM_VERSION, to_go_json};
use infra_value::{Value, value_from_json, value_to_json};
use serde_json::{Map, Value as Json, json};

use super::settings::{Kind, Settings};
use crate::store;

/// The version of the file's form.
const VERSION: u64 = 3;

/// A recorded backend.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// As the block named it.
    pub kind: String,
    /// Its settings, as JSON.
    pub config: Map<String, Json>,
    /// Of the block, without what options added.
    pub hash: u64,
}

impl Record {
    /// Of settings; the hash is that of the block alone.
    pub fn new(settings: &Settings, hash: u64) -> Record {
        let types = settings.kind.arguments();
        let config = settings.values.iter().map(|(name, value)| {
            let ty = types.get(name).map_or_else(|| value.ty(), infra_value::Type::without_optional);
            (name.to_string(), value_to_json(value, &ty).unwrap_or(Json::Null))
        });
        Record { kind: settings.kind.name().into(), config: config.collect(), hash }
    }

    /// The settings. What another version has recorded and is not known here counts for nothing.
    ///
    /// # Errors
    /// When the backend is none that there is, or a setting has another form.
    pub fn settings(&self) -> Result<Settings, Diagnostic> {
        let unusable = |why: String| {
            Diagnostic::error(
                "Failed to decode current backend config",
                format!(
                    "{}: {why}.\n\nTo set the backend up anew, without a copy of states: infra init -reconfigure",
                    place().display()
                ),
            )
        };
        let Some(kind) = Kind::named(&self.kind) else {
            return Err(unusable(format!(
                "the folder was initialised with the backend {:?}, and infra has \"local\" and \"s3\"",
                self.kind
            )));
        };
        let mut settings = Settings::none(kind);
        for (name, ty) in kind.arguments() {
            let Some(json) = self.config.get(&*name) else { continue };
            let ty = ty.without_optional();
            let value: Value =
                value_from_json(json, &ty).map_err(|error| unusable(format!("the setting {name:?}: {error}")))?;
            settings.values.insert(name, value);
        }
        Ok(settings)
    }
}

/// The file.
fn place() -> PathBuf {
    store::data_dir().join("terraform.tfstate")
}

/// What is recorded; `None` if nothing is.
///
/// # Errors
/// When the file cannot be read or is something else.
pub(crate) fn read() -> Result<Option<Record>, Diagnostic> {
    let failed = |why: String| {
        Diagnostic::error(
            "The record of the backend cannot be read",
            format!(
                "{}: {why}.\n\ninfra init -reconfigure writes it anew, without a copy of states.",
                place().display()
            ),
        )
    };
    let text = match std::fs::read_to_string(place()) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    if text.is_empty() {
        return Ok(None);
    }
    let json: Json = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    match json["version"].as_u64() {
        Some(VERSION) => {}
        Some(other) => return Err(failed(format!("its format has the version {other}, and {VERSION} is known"))),
        None => return Err(failed("it has no format version".into())),
    }
    let backend = &json["backend"];
    let kind = backend["type"].as_str().unwrap_or_default();
    if kind.is_empty() {
        return Ok(None);
    }
    let config = backend["config"].as_object().cloned().unwrap_or_default();
    Ok(Some(Record { kind: kind.into(), config, hash: backend["hash"].as_u64().unwrap_or_default() }))
}

/// Writes a record, or that there is no backend. Only the owner can read it: options may have brought in keys.
///
/// # Errors
/// When that is not possible.
pub(crate) fn write(record: Option<&Record>) -> Result<(), Diagnostic> {
    let mut json = json!({"version": VERSION, "terraform_version": TERRAFORM_VERSION});
    if let Some(Record { kind, config, hash }) = record {
        json["backend"] = json!({"type": kind, "config": config, "hash": hash});
    }
    let path = place();
    let temporary = path.with_extension("tfstate.new");
    let folder = std::fs::create_dir_all(store::data_dir());
    let written = folder.and_then(|()| {
        let _ = std::fs::remove_file(&temporary);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(to_go_json(&json, GoJson::Indented).as_bytes())?;
        std::fs::rename(&temporary, &path)
    });
    written.map_err(|error| {
        Diagnostic::error("The record of the backend cannot be written", format!("{}: {error}.", path.display()))
    })
}
