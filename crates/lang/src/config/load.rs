//! Reading the files of a folder, and of the folders that its module calls lead to.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use infra_address::ModulePath;
use infra_diag::{Diagnostic, Diagnostics, Sources};

use super::content::content;
use super::decode::release::RELEASE_FILE;
use super::decode::{self, Declarations, FILE};
use super::manifest::Manifest;
use super::module::{WRONG_VERSION, assemble};
use super::overrides::{is_override_file, merge};
use super::snapshot::Snapshot;
use super::source::{ModuleSource, clean};
use super::version::Version;
use super::{Config, Module, ModuleCall, ReleaseBlock};
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
    read_with(root_dir, Manifest::read(&data_dir), None)
}

/// The same for a configuration as it was: nothing is read from files. `root_dir` is where it stood.
pub fn read_snapshot(root_dir: &Path, snapshot: &Snapshot) -> (Config, Sources, Diagnostics) {
    read_with(root_dir, snapshot.installed.clone(), Some(snapshot))
}

fn read_with(root_dir: &Path, installed: Manifest, snapshot: Option<&Snapshot>) -> (Config, Sources, Diagnostics) {
    let (sources, diagnostics) = (Sources::default(), Diagnostics::new());
    let mut loader = Loader { root_dir, snapshot, installed, sources, diagnostics };
    let mut root = loader.module(root_dir, ".", ModulePath::root());
    if !loader.diagnostics.has_errors() {
        loader.children(&mut root, &mut vec![".".to_string()]);
    }
    let mut diagnostics = loader.diagnostics;
    // A configuration for another version of the language may be wrong for no other reason.
    if diagnostics.iter().any(|d| d.summary == WRONG_VERSION) {
        diagnostics.0.retain(|d| d.summary == WRONG_VERSION);
    }
    diagnostics.leave_out_repeats();
    super::name_blocks(&mut diagnostics, &loader.sources);
    (Config { root }, loader.sources, diagnostics)
}

/// Reads the module in a folder by itself, without those that it calls. In messages it has the name `source_dir`.
pub fn read_module(dir: &Path, source_dir: &str) -> (Module, Sources, Diagnostics) {
    let (installed, sources, diagnostics) = (Manifest::default(), Sources::default(), Diagnostics::new());
    let mut loader = Loader { root_dir: dir, snapshot: None, installed, sources, diagnostics };
    let module = loader.module(dir, source_dir, ModulePath::root());
    (module, loader.sources, loader.diagnostics)
}

/// Checks how modules are called as far as it concerns setting up a folder: that they are passed the providers that they
/// ask for. What blocks refer to is left to [`check`].
pub fn check_calls(config: &Config, sources: &Sources) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    super::providers::check(config, &mut diagnostics);
    diagnostics.0.retain(|d| d.summary != super::providers::NOT_PRESENT);
    diagnostics.leave_out_repeats();
    super::name_blocks(&mut diagnostics, sources);
    diagnostics
}

/// Checks that a configuration refers only to what it declares, and that the providers that it uses are there. In a
/// validation this comes together with what the schemas of resource types find.
pub fn check(config: &Config, sources: &Sources) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    super::providers::check(config, &mut diagnostics);
    if !diagnostics.has_errors() {
        super::validate::check(config, &mut diagnostics);
    }
    diagnostics.leave_out_repeats();
    super::name_blocks(&mut diagnostics, sources);
    diagnostics
}

struct Loader<'a> {
    root_dir: &'a Path,
    /// Where files are read from, if not from the disk.
    snapshot: Option<&'a Snapshot>,
    installed: Manifest,
    sources: Sources,
    diagnostics: Diagnostics,
}

impl Loader<'_> {
    /// The module in a folder, without those that it calls.
    fn module(&mut self, dir: &Path, source_dir: &str, path: ModulePath) -> Module {
        let files = match self.files_ending(dir, source_dir, &[".tf", ".tf.json"]) {
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
            if let Some(body) = self.file(dir, source_dir, &name) {
                blocks.extend(content(&body, &FILE, &mut self.diagnostics).blocks);
            }
        }
        for name in overriding {
            if let Some(body) = self.file(dir, source_dir, &name) {
                let more = content(&body, &FILE, &mut self.diagnostics).blocks;
                merge(&mut blocks, more, &mut self.diagnostics);
            }
        }
        let declarations = Declarations::read(&blocks, &mut self.diagnostics);
        let mut module = assemble(declarations, &mut self.diagnostics);
        module.releases = self.releases(dir, source_dir);
        module.path = path;
        module.dir = dir.to_path_buf();
        module.source_dir = source_dir.to_string();
        module
    }

    /// The `release` blocks of the folder's `*.infra.hcl` files.
    fn releases(&mut self, dir: &Path, source_dir: &str) -> BTreeMap<Arc<str>, ReleaseBlock> {
        let mut releases = BTreeMap::new();
        // A folder that cannot be read was reported before.
        for name in self.files_ending(dir, source_dir, &[".infra.hcl"]).unwrap_or_default() {
            let Some(body) = self.file(dir, source_dir, &name) else { continue };
            for block in content(&body, &RELEASE_FILE, &mut self.diagnostics).blocks {
                let release = decode::release::read(&block, &mut self.diagnostics);
                let (name, range) = (release.name.clone(), release.decl_range.clone());
                if releases.insert(name.clone(), release).is_some() {
                    let detail =
                        format!("There can be one release {name:?} in a module. Rename or remove one of them.");
                    self.diagnostics.push(Diagnostic::error("Duplicate release", detail).at(range));
                }
            }
        }
        releases
    }

    /// The names of a folder's configuration files that end in one of these ways, sorted.
    fn files_ending(&self, dir: &Path, source_dir: &str, endings: &[&str]) -> std::io::Result<Vec<String>> {
        let Some(snapshot) = self.snapshot else { return files_ending(dir, endings) };
        let mut names = snapshot.names_in(source_dir);
        names.retain(|name| endings.iter().any(|ending| name.ends_with(ending)));
        Ok(names)
    }

    fn file(&mut self, dir: &Path, source_dir: &str, name: &str) -> Option<Body> {
        let shown: Arc<str> = match source_dir {
            "." => name.into(),
            dir => format!("{dir}/{name}").into(),
        };
        let read = match self.snapshot {
            Some(snapshot) => Ok(snapshot.files.get(&*shown).cloned().unwrap_or_default().into_bytes()),
            None => read_bounded(&dir.join(name)),
        };
        let text = match read {
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
            let dir = self.root_dir.join(&source_dir);
            if self.snapshot.is_none() && !dir.is_dir() {
                let detail = format!(
                    "The folder {source_dir}, where {path} is looked for, does not exist. Correct the source {:?}, or \
                     run \"infra init\" if it is a module to download.",
                    call.source
                );
                self.diagnostics.push(not_installed(&call, &detail));
                continue;
            }
            let mut child = self.module(&dir, &source_dir, path);
            for import in &child.imports {
                let detail = format!("{} has an import block, and only the root module may.", child.path);
                let problem = Diagnostic::error("Invalid import configuration", detail);
                self.diagnostics.push(problem.at(import.decl_range.clone()));
            }
            above.push(source_dir);
            self.children(&mut child, above);
            above.pop();
            module.children.insert(call.name.clone(), child);
        }
    }

    /// The folder of a called module.
    fn source_dir(&mut self, module: &Module, call: &ModuleCall, path: &ModulePath) -> Option<String> {
        let source = ModuleSource::parse(&call.source).ok()?;
        if let (Some(version), false) = (&call.version, matches!(source, ModuleSource::Registry(_))) {
            self.diagnostics.push(
                Diagnostic::error(
                    "Invalid registry module source address",
                    format!(
                        "Only modules of a registry have versions, and {:?} is none. Remove the version, or correct the \
                         source.",
                        call.source
                    ),
                )
                .at(version.range.clone()),
            );
            if !matches!(source, ModuleSource::Local(_)) {
                return None;
            }
        }
        if let ModuleSource::Local(relative) = &source {
            return Some(join(&module.source_dir, relative));
        }
        let found = installed_dir(&self.installed, call, &source, path);
        found.map_err(|problem| self.diagnostics.push(problem)).ok()
    }
}

/// The folder of a module that was fetched, if it is what is asked for now.
fn installed_dir(
    installed: &Manifest,
    call: &ModuleCall,
    source: &ModuleSource,
    path: &ModulePath,
) -> Result<String, Diagnostic> {
    let Some(module) = installed.0.get(&Manifest::key(path)) else {
        let detail = format!(
            "The module {path} comes from {:?}, and has not been fetched yet. Run \"infra init\" to install it.",
            call.source
        );
        return Err(not_installed(call, &detail));
    };
    if module.source != source.to_string() {
        let detail = format!(
            "What is installed as {path} comes from {:?}, which is not the source here any more. Run \"infra init\" to \
             install the module from its present source.",
            module.source
        );
        let range = call.source_range.clone().unwrap_or_else(|| call.decl_range.clone());
        return Err(Diagnostic::error("Module source has changed", detail).at(range));
    }
    if let Some(asked) = &call.version {
        let version = module.version.as_deref().unwrap_or_default();
        if !Version::parse(version).is_some_and(|version| asked.constraint.allows(&version)) {
            let detail = format!(
                "The module {path} is installed in version {version}, which is not what {:?} asks for. Run \"infra \
                 init\" to install a version that fits.",
                asked.text
            );
            return Err(Diagnostic::error("Module version requirements have changed", detail).at(asked.range.clone()));
        }
    }
    Ok(join(".", &module.dir))
}

fn not_installed(call: &ModuleCall, detail: &str) -> Diagnostic {
    Diagnostic::error("Module not installed", detail).at(call.decl_range.clone())
}

/// The names of a folder's files that end in one of these ways, sorted.
fn files_ending(dir: &Path, endings: &[&str]) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let configuration = endings.iter().any(|ending| name.ends_with(ending));
        let of_an_editor =
            name.starts_with('.') || name.ends_with('~') || (name.starts_with('#') && name.ends_with('#'));
        // A link that leads nowhere is read, and an error then: what it should hold must not pass for taken away.
        let to_be_read = || entry.path().metadata().map_or(true, |found| found.is_file());
        if configuration && !of_an_editor && to_be_read() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// A relative path from a folder, without superfluous parts: `a` and `../b` are `b`.
pub fn join(base: &str, relative: &str) -> String {
    if relative.starts_with('/') {
        return relative.to_string();
    }
    clean(&format!("{base}/{relative}"))
}

/// No file that somebody has written is as long; one of many small blocks takes a hundred times its size in memory.
const LONGEST_FILE: u64 = 32 << 20;

/// The content of a file, unless it is longer than any configuration.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(LONGEST_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST_FILE {
        let message = format!("it is longer than {} MiB", LONGEST_FILE >> 20);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok(content)
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
