//! The list of installed modules: `modules.json` in the data folder, as Terraform keeps it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use infra_address::ModulePath;
use serde_json::{Map, Value as Json};

/// The folder of installed modules in the data folder.
pub fn modules_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("modules")
}

/// The modules that were installed, by the names of the calls that lead to them, joined by dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest(pub BTreeMap<String, InstalledModule>);

/// An installed module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledModule {
    /// The source that it was installed from, in its normal form.
    pub source: String,
    /// The version, of a module of a registry.
    pub version: Option<String>,
    /// Its folder, from that of the root module.
    pub dir: String,
}

impl Manifest {
    /// What a module is listed under: the names of the calls that lead to it, joined by dots.
    pub fn key(path: &ModulePath) -> String {
        let names: Vec<&str> = path.0.iter().map(|name| &**name).collect();
        names.join(".")
    }

    /// What is listed in a data folder. Nothing, if there is no list or it cannot be used: then everything has to be
    /// installed again.
    pub fn read(data_dir: &Path) -> Manifest {
        let text = std::fs::read_to_string(modules_dir(data_dir).join("modules.json")).unwrap_or_default();
        Manifest::parse(&text).unwrap_or_default()
    }

    /// Parses a list.
    pub fn parse(text: &str) -> Option<Manifest> {
        let json: Json = serde_json::from_str(text).ok()?;
        let entry = |m: &Json| {
            let text = |name: &str| m[name].as_str().map(str::to_string);
            let version = text("Version").filter(|v| !v.is_empty());
            Some((text("Key")?, InstalledModule { source: text("Source")?, version, dir: text("Dir")? }))
        };
        json["Modules"].as_array()?.iter().map(entry).collect::<Option<_>>().map(Manifest)
    }

    /// The text of the list, to the byte as Terraform writes it.
    pub fn to_json(&self) -> String {
        let entry = |(key, module): (&String, &InstalledModule)| {
            let mut fields = Map::new();
            fields.insert("Key".into(), key.as_str().into());
            fields.insert("Source".into(), module.source.as_str().into());
            if let Some(version) = &module.version {
                fields.insert("Version".into(), version.as_str().into());
            }
            fields.insert("Dir".into(), module.dir.as_str().into());
            Json::Object(fields)
        };
        let modules: Vec<Json> = self.0.iter().map(entry).collect();
        let text = serde_json::json!({ "Modules": modules }).to_string();
        // Go keeps these out of JSON, for it may stand in HTML.
        text.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
    }
}

#[cfg(test)]
mod tests {
    use super::Manifest;

    #[test]
    fn the_list_is_written_as_it_was_read() {
        let text = concat!(
            r#"{"Modules":[{"Key":"","Source":"","Dir":"."},"#,
            r#"{"Key":"a","Source":"registry.terraform.io/ns/one/aws","Version":"2.0.0","Dir":".terraform/modules/a"},"#,
            r#"{"Key":"a.inner","Source":"./modules/inner","Dir":".terraform/modules/a/modules/inner"},"#,
            r#"{"Key":"a2","Source":"git::https://x.io/a.git?depth=1\u0026ref=v1","Dir":".terraform/modules/a2"}]}"#
        );
        let manifest = Manifest::parse(text).expect("a list");
        assert_eq!(manifest.0["a2"].source, "git::https://x.io/a.git?depth=1&ref=v1");
        assert_eq!(manifest.to_json(), text);
    }

    #[test]
    fn what_is_no_list_is_none() {
        for text in ["", "[]", "{}", r#"{"Modules":[{"Key":"a"}]}"#] {
            assert_eq!(Manifest::parse(text), None, "{text}");
        }
    }
}
