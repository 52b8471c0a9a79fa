//! Reading the files of a folder, and of the folders that its module calls lead to.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_address::ModulePath;
use infra_diag::{Diagnostic, Diagnostics, Sources};

use super::content::content;
use super::decode::{Declarations, FILE};
use super::module::{WRONG_VERSION, assemble};
use super::overrides::{is_override_file, merge};
use super::source::ModuleSource;
use super::{Config, Module, ModuleCall};
use crate::syntax::{Body, parse_file, parse_json_file};

/// How a configuration is loaded.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The folder with what was installed; `.terraform` in the root module's folder if not given.
    pub data_dir: Option<PathBuf>,
}

/// Reads the configuration in a folder, with all modules that it calls, and checks what can be checked without
/// evaluating anything: [`read`], and [`check`] if that found no error.
///
/// The configuration is whole as far as there is no error among the diagnostics. A folder without files is an empty
/// configuration: only some commands have no use for one.
pub fn load(root_dir: &Path, options: &LoadOptions) -> (Config, Sources, Diagnostics) {
    let (config, sources, mut diagnostics) = read(root_dir, options);
    if !diagnostics.has_errors() {
        diagnostics.extend(check(&config, &sources));
    }
    (config, sources, diagnostics)
}

/// Reads the configuration in a folder, with all modules that it calls. What is wrong in each block by itself is
/// reported, but not whether what blocks refer to is there: for that see [`check`].
pub fn read(root_dir: &Path, options: &LoadOptions) -> (Config, Sources, Diagnostics) {
    let data_dir = options.data_dir.clone().unwrap_or_else(|| root_dir.join(".terraform"));
    let mut loader = Loader {
        root_dir,
        installed: installed_modules(&data_dir),
        sources: Sources::default(),
        diagnostics: Diagnostics::new(),
    };
    let mut root = loader.module(".", ModulePath::root());
    if !loader.diagnostics.has_errors() {
        loader.children(&mut root, &mut vec![".".to_string()]);
    }
    let mut diagnostics = loader.diagnostics;
    // A configuration for another version of the language may be wrong for no other reason.
    if diagnostics.iter().any(|d| d.summary == WRONG_VERSION) {
        diagnostics.0.retain(|d| d.summary == WRONG_VERSION);
    }
    super::name_blocks(&mut diagnostics, &loader.sources);
    (Config { root }, loader.sources, diagnostics)
}

/// Checks that a configuration refers only to what it declares, and that the providers that it uses are there. In a
/// validation this comes together with what the schemas of resource types find.
pub fn check(config: &Config, sources: &Sources) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    super::providers::check(config, &mut diagnostics);
    if !diagnostics.has_errors() {
        super::validate::check(config, &mut diagnostics);
    }
    super::name_blocks(&mut diagnostics, sources);
    diagnostics
}

struct Loader<'a> {
    root_dir: &'a Path,
    /// The folders of installed modules, by the names of the calls that lead to them, joined by dots.
    installed: BTreeMap<String, String>,
    sources: Sources,
    diagnostics: Diagnostics,
}

impl Loader<'_> {
    /// The module in a folder, without those that it calls.
    fn module(&mut self, source_dir: &str, path: ModulePath) -> Module {
        let dir = self.root_dir.join(source_dir);
        let files = match configuration_files(&dir) {
            Ok(files) => files,
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(
                    "Failed to read module directory",
                    format!("The folder {} cannot be read: {error}.", dir.display()),
                ));
                Vec::new()
            }
        };
        let (overriding, primary): (Vec<String>, Vec<String>) =
            files.into_iter().partition(|name| is_override_file(name));
        let mut blocks = Vec::new();
        for name in primary {
            if let Some(body) = self.file(source_dir, &name) {
                blocks.extend(content(&body, &FILE, &mut self.diagnostics).blocks);
            }
        }
        for name in overriding {
            if let Some(body) = self.file(source_dir, &name) {
                let more = content(&body, &FILE, &mut self.diagnostics).blocks;
                merge(&mut blocks, more, &mut self.diagnostics);
            }
        }
        let declarations = Declarations::read(&blocks, &mut self.diagnostics);
        let mut module = assemble(declarations, &mut self.diagnostics);
        module.path = path;
        module.dir = dir;
        module.source_dir = source_dir.to_string();
        module
    }

    fn file(&mut self, source_dir: &str, name: &str) -> Option<Body> {
        let shown: Arc<str> = match source_dir {
            "." => name.into(),
            dir => format!("{dir}/{name}").into(),
        };
        let text = match fs::read(self.root_dir.join(source_dir).join(name)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(
                    "Failed to read file",
                    format!("The file {shown} cannot be read: {error}."),
                ));
                return None;
            }
        };
        let text = match String::from_utf8(text) {
            Ok(text) => text,
            Err(error) => {
                let line =
                    1 + error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count();
                self.diagnostics.push(Diagnostic::error(
                    "Invalid character encoding",
                    format!("The file {shown} is not UTF-8: see line {line}. Save it in UTF-8."),
                ));
                return None;
            }
        };
        let (body, problems) = match name.ends_with(".json") {
            true => parse_json_file(&shown, &text),
            false => parse_file(&shown, &text),
        };
        self.sources.insert(shown, text.into());
        self.diagnostics.extend(problems);
        Some(body)
    }

    /// Loads the modules that a module calls. `above` are the folders on the way to it, itself included.
    fn children(&mut self, module: &mut Module, above: &mut Vec<String>) {
        let calls: Vec<ModuleCall> = module.module_calls.values().cloned().collect();
        for call in calls {
            let path = module.path.child(call.name.clone());
            let Some(source_dir) = self.source_dir(module, &call, &path) else { continue };
            if above.contains(&source_dir) {
                self.diagnostics.push(not_installed(
                    &call,
                    &format!(
                        "The module in {source_dir} calls itself, through {path}. A module cannot be part of itself."
                    ),
                ));
                continue;
            }
            if !self.root_dir.join(&source_dir).is_dir() {
                let detail = format!(
                    "The folder {source_dir}, where {path} is looked for, does not exist. Correct the source {:?}, or \
                     run \"terraform init\" if it is a module to download.",
                    call.source
                );
                self.diagnostics.push(not_installed(&call, &detail));
                continue;
            }
            let mut child = self.module(&source_dir, path);
            above.push(source_dir);
            self.children(&mut child, above);
            above.pop();
            module.children.insert(call.name.clone(), child);
        }
    }

    /// The folder of a called module.
    fn source_dir(&mut self, module: &Module, call: &ModuleCall, path: &ModulePath) -> Option<String> {
        match ModuleSource::parse(&call.source).ok()? {
            ModuleSource::Local(relative) => {
                if let Some(version) = &call.version {
                    self.diagnostics.push(
                        Diagnostic::error(
                            "Invalid registry module source address",
                            "Only modules of a registry have versions. Remove the version of this local module.",
                        )
                        .at(version.range.clone()),
                    );
                }
                Some(join(&module.source_dir, &relative))
            }
            ModuleSource::Registry(_) | ModuleSource::Remote(_) => {
                let names: Vec<&str> = path.0.iter().map(|name| &**name).collect();
                let found = self.installed.get(&names.join("."));
                if found.is_none() {
                    let detail = format!(
                        "The module {path} comes from {:?}, which is not on this machine. Run \"terraform init\" to \
                         download it, or use a copy in a folder.",
                        call.source
                    );
                    self.diagnostics.push(not_installed(call, &detail));
                }
                found.map(|dir| join(".", dir))
            }
        }
    }
}

fn not_installed(call: &ModuleCall, detail: &str) -> Diagnostic {
    Diagnostic::error("Module not installed", detail).at(call.decl_range.clone())
}

/// The names of a folder's configuration files, sorted.
fn configuration_files(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let configuration = name.ends_with(".tf") || name.ends_with(".tf.json");
        let of_an_editor =
            name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
        if configuration && !of_an_editor && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A relative path from a folder, without superfluous parts: `a` and `../b` are `b`.
fn join(base: &str, relative: &str) -> String {
    if relative.starts_with('/') {
        return relative.to_string();
    }
    let absolute = base.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(relative.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    match (absolute, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) => ".".to_string(),
        (false, false) => parts.join("/"),
    }
}

/// What `terraform init` has noted about the modules that it downloaded.
fn installed_modules(data_dir: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(data_dir.join("modules").join("modules.json")).unwrap_or_default();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let entries = json["Modules"].as_array().cloned().unwrap_or_default();
    let entry = |m: &serde_json::Value| Some((m["Key"].as_str()?.to_string(), m["Dir"].as_str()?.to_string()));
    entries.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::join;

    #[test]
    fn folders_are_named_without_superfluous_parts() {
        for (base, relative, joined) in [
            (".", "./net", "net"),
            ("net", "../shared", "shared"),
            (".", "../x", "../x"),
            ("../x", "../y/", "../y"),
            ("a/b", "./c/./d", "a/b/c/d"),
            ("a", "..", "."),
        ] {
            assert_eq!(join(base, relative), joined, "{base} {relative}");
        }
    }
}
