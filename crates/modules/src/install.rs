//! Installing: from the root module down, level by level, every module that is called is found or fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::StreamExt;
use infra_address::ModulePath;
use infra_diag::{Diagnostic, Diagnostics, Sources};
use infra_lang::config::version::Version;
use infra_lang::config::{
    InstalledModule, Manifest, ModuleCall, ModuleSource, RegistryAddress, RemoteAddress, join, modules_dir, read_module,
};

use crate::fetch::{FetchError, Fetcher};
use crate::http::Http;
use crate::registry::{Registries, RegistryError};
use crate::select::{Selection, select};
use crate::settings::Settings;
use crate::staging::{self, Staging};

/// How many things are asked for or fetched at once.
const AT_ONCE: usize = 8;
/// How deep modules may call modules.
const DEEPEST: usize = 64;

/// How modules are installed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Fetch again what is installed, in the newest version that fits.
    pub upgrade: bool,
    /// Whether programs that are run may ask for a password.
    pub ask: bool,
}

/// Is told what happens.
pub trait Progress {
    /// A package is going to be fetched, for the module under this key.
    fn downloading(&self, package: &str, version: Option<&str>, key: &str);
    /// A module is in this folder.
    fn installed(&self, key: &str, version: Option<&str>, dir: &str);
}

/// Installs the modules that the configuration in a folder calls, directly or through others. What cannot be installed
/// is told at the block that calls it; all else is installed. Errors in the configuration itself are not reported: they
/// are found when it is read as a whole.
pub async fn install(
    root_dir: &Path,
    data_dir: &Path,
    settings: &Settings,
    options: Options,
    progress: &dyn Progress,
) -> (Sources, Diagnostics) {
    let (root, sources, problems) = read_module(root_dir, ".");
    if problems.has_errors() || root.module_calls.is_empty() {
        return (sources, Diagnostics::new());
    }
    let modules = root_dir.join(modules_dir(data_dir));
    let begun = match (Http::new(), Staging::begin(&modules).await) {
        (Ok(http), Ok(staging)) => Ok((http, staging)),
        (Err(error), _) => Err(error.to_string()),
        (_, Err(error)) => Err(format!("{}: {error}", modules.display())),
    };
    let (http, staging) = match begun {
        Ok(begun) => begun,
        Err(reason) => return (sources, Diagnostic::error("Cannot install modules", format!("{reason}.")).into()),
    };
    let mut installer = Installer {
        root_dir,
        modules_dir: modules_dir(data_dir).to_string_lossy().into_owned(),
        options,
        progress,
        registries: Registries::new(&http, settings),
        fetcher: Fetcher::new(http.clone(), options.ask),
        before: Manifest::read(&root_dir.join(data_dir)),
        records: BTreeMap::new(),
        staged: BTreeMap::new(),
        packages: BTreeMap::new(),
        staging,
        sources,
        diagnostics: Diagnostics::new(),
    };
    let top = Place { dir: ".".into(), now: root_dir.to_path_buf(), package: None, above: Vec::new() };
    let mut level = wanted(&ModulePath::root(), root.module_calls.values(), &top);
    while !level.is_empty() {
        level = installer.level(level).await;
    }
    installer.finish()
}

/// Where a module is.
#[derive(Clone)]
struct Place {
    /// Its folder, from that of the root module, when all is done.
    dir: String,
    /// Where the folder is now.
    now: PathBuf,
    /// The package that it is part of, if it was fetched.
    package: Option<Package>,
    /// What the modules on the way to it are, itself included.
    above: Vec<String>,
}

/// A fetched package: where it is going to be, and where it is now.
#[derive(Clone)]
struct Package {
    dir: String,
    now: PathBuf,
}

/// A module that is called.
struct Wanted {
    path: ModulePath,
    key: String,
    call: ModuleCall,
    source: ModuleSource,
    caller: Place,
}

/// A module that has to be fetched, and from where.
struct Found {
    wanted: Wanted,
    version: Option<String>,
    /// The package, and the folder in it where the module's own package begins.
    location: RemoteAddress,
}

struct Installer<'a> {
    root_dir: &'a Path,
    /// The folder of modules, from that of the root module.
    modules_dir: String,
    options: Options,
    progress: &'a dyn Progress,
    registries: Registries<'a>,
    fetcher: Fetcher,
    /// What was installed before.
    before: Manifest,
    /// What is installed now, by key.
    records: BTreeMap<String, InstalledModule>,
    /// Fetched packages that are not yet at their places, by key.
    staged: BTreeMap<String, PathBuf>,
    /// Packages that were fetched in this run, or why they could not be.
    packages: BTreeMap<String, Result<PathBuf, String>>,
    staging: Staging,
    sources: Sources,
    diagnostics: Diagnostics,
}

impl Installer<'_> {
    /// Installs the modules of one level; those that they call are the next.
    async fn level(&mut self, level: Vec<Wanted>) -> Vec<Wanted> {
        let mut next = Vec::new();
        let mut missing = Vec::new();
        for wanted in level {
            let place = match &wanted.source {
                ModuleSource::Local(path) => self.local(&wanted, path),
                _ => self.installed_before(&wanted),
            };
            match place {
                Some(place) => next.extend(self.calls(&wanted.path, &place)),
                None if matches!(wanted.source, ModuleSource::Local(_)) => {}
                None => missing.push(wanted),
            }
        }
        let found = self.locate(missing).await;
        self.fetch(&found).await;
        for found in found {
            if let Some(place) = self.take(&found) {
                next.extend(self.calls(&found.wanted.path, &place));
            }
        }
        next
    }

    /// A folder beside the calling module.
    fn local(&mut self, wanted: &Wanted, path: &str) -> Option<Place> {
        let caller = &wanted.caller;
        let dir = join(&caller.dir, path);
        let inside = |package: &Package| dir == package.dir || dir.starts_with(&format!("{}/", package.dir));
        if caller.package.as_ref().is_some_and(|package| !inside(package)) {
            self.refuse(
                wanted,
                "Local module path escapes module package",
                format!(
                    "The module {} comes with a package, and its source {path:?} leads out of that package.",
                    wanted.path
                ),
            );
            return None;
        }
        let now = match &caller.package {
            Some(package) => {
                package.now.join(dir.strip_prefix(&package.dir).unwrap_or_default().trim_start_matches('/'))
            }
            None => self.root_dir.join(&dir),
        };
        if !now.is_dir() {
            let detail = format!("The folder {dir}, where {} is looked for, does not exist.", wanted.path);
            self.refuse(wanted, "Unreadable module directory", detail);
            return None;
        }
        if caller.above.contains(&dir) {
            // Reading the configuration reports it.
            return None;
        }
        self.note(wanted, None, &dir);
        let above = caller.above.iter().chain([&dir]).cloned().collect();
        Some(Place { dir, now, package: caller.package.clone(), above })
    }

    /// A module that is installed and still what is asked for.
    fn installed_before(&mut self, wanted: &Wanted) -> Option<Place> {
        if self.options.upgrade {
            return None;
        }
        let record = self.before.0.get(&wanted.key)?.clone();
        let version = record.version.as_deref().and_then(Version::parse);
        let fits = match &wanted.call.version {
            Some(asked) => version.is_some_and(|version| asked.constraint.allows(&version)),
            None => true,
        };
        let now = self.root_dir.join(&record.dir);
        let readable = || now.is_dir() && !read_module(&now, &record.dir).2.has_errors();
        if record.source != wanted.source.to_string() || !fits || !readable() {
            return None;
        }
        let package = join(&self.modules_dir, &wanted.key);
        let package = Package { now: self.root_dir.join(&package), dir: package };
        let above =
            wanted.caller.above.iter().cloned().chain([named(&wanted.source, record.version.as_deref())]).collect();
        let place = Place { dir: record.dir.clone(), now, package: Some(package), above };
        self.records.insert(wanted.key.clone(), record);
        Some(place)
    }

    /// Finds out where missing modules are fetched from.
    async fn locate(&mut self, missing: Vec<Wanted>) -> Vec<Found> {
        let registries = &self.registries;
        let asked = futures::stream::iter(missing).map(|wanted| async move {
            let location = match &wanted.source {
                ModuleSource::Registry(address) => in_registry(registries, &wanted, address).await,
                ModuleSource::Remote(address) => {
                    Ok((None, RemoteAddress { package: address.package.clone(), subdir: String::new() }))
                }
                ModuleSource::Local(path) => Err(Diagnostic::error("Module not installed", path.clone())),
            };
            (wanted, location)
        });
        let answers: Vec<_> = asked.buffered(AT_ONCE).collect().await;
        let mut found = Vec::new();
        for (wanted, location) in answers {
            match location {
                Ok((version, location)) => {
                    let shown = match &wanted.source {
                        ModuleSource::Registry(address) => address.package(),
                        _ => shown_package(&location.package),
                    };
                    self.progress.downloading(&shown, version.as_deref(), &wanted.key);
                    found.push(Found { wanted, version, location });
                }
                Err(problem) => self.diagnostics.push(problem.at(wanted.call.decl_range.clone())),
            }
        }
        found
    }

    /// Fetches the packages that are not there yet, each once.
    async fn fetch(&mut self, found: &[Found]) {
        let new: BTreeSet<&str> =
            found.iter().map(|f| &*f.location.package).filter(|p| !self.packages.contains_key(*p)).collect();
        let work: Vec<(String, PathBuf)> = new.into_iter().map(|p| (p.to_string(), self.staging.place())).collect();
        let fetcher = &self.fetcher;
        let fetched = futures::stream::iter(work).map(|(package, into)| async move {
            let address = RemoteAddress { package: package.clone(), subdir: String::new() };
            let outcome = fetcher.fetch(&address, &into).await;
            (package, outcome.map(|()| into).map_err(|error: FetchError| error.to_string()))
        });
        let fetched: Vec<_> = fetched.buffer_unordered(AT_ONCE).collect().await;
        self.packages.extend(fetched);
    }

    /// Gives a module its package, or its own copy if another module has it, if that could be fetched.
    fn take(&mut self, found: &Found) -> Option<Place> {
        let Found { wanted, version, location } = found;
        let outcome = match self.packages.get(&location.package)? {
            Ok(package) if self.staged.values().all(|taken| taken != package) => Ok(package.clone()),
            Ok(package) => {
                let own = self.staging.place();
                staging::copy(package, &own).map(|()| own).map_err(|error| error.to_string())
            }
            Err(reason) => Err(reason.clone()),
        };
        let own = match outcome {
            Ok(own) => own,
            Err(reason) => {
                let shown = shown_package(&location.package);
                let detail = format!("The module {} cannot be fetched from {shown:?}: {reason}.", wanted.path);
                self.refuse(wanted, "Failed to download module", detail);
                return None;
            }
        };
        let inside = match &wanted.source {
            ModuleSource::Registry(RegistryAddress { subdir, .. })
            | ModuleSource::Remote(RemoteAddress { subdir, .. }) => {
                format!("{}/{subdir}", location.subdir).trim_matches('/').to_string()
            }
            ModuleSource::Local(_) => String::new(),
        };
        let inside = match staging::folder_in(&own, &inside) {
            Ok(inside) => inside,
            Err(reason) => {
                let detail = format!("The module {} cannot be installed: {reason}.", wanted.path);
                self.refuse(wanted, "Unreadable module subdirectory", detail);
                return None;
            }
        };
        let what = named(&wanted.source, version.as_deref());
        if wanted.caller.above.contains(&what) || wanted.path.0.len() > DEEPEST {
            let detail = format!("The module {} is called by itself. A module cannot be part of itself.", wanted.path);
            self.refuse(wanted, "Module not installed", detail);
            return None;
        }
        let package = join(&self.modules_dir, &wanted.key);
        let dir = join(&package, &inside);
        self.note(wanted, version.clone(), &dir);
        self.staged.insert(wanted.key.clone(), own.clone());
        let above = wanted.caller.above.iter().cloned().chain([what]).collect();
        Some(Place { dir, now: own.join(&inside), package: Some(Package { dir: package, now: own }), above })
    }

    /// The modules that an installed one calls.
    fn calls(&mut self, path: &ModulePath, place: &Place) -> Vec<Wanted> {
        let (module, sources, problems) = read_module(&place.now, &place.dir);
        if problems.has_errors() {
            return Vec::new();
        }
        for (name, text) in sources.iter() {
            self.sources.insert(name.clone(), text.clone());
        }
        wanted(path, module.module_calls.values(), place)
    }

    fn note(&mut self, wanted: &Wanted, version: Option<String>, dir: &str) {
        self.progress.installed(&wanted.key, version.as_deref(), dir);
        let record = InstalledModule { source: wanted.source.to_string(), version, dir: dir.to_string() };
        self.records.insert(wanted.key.clone(), record);
    }

    fn refuse(&mut self, wanted: &Wanted, summary: &str, detail: String) {
        self.diagnostics.push(Diagnostic::error(summary, detail).at(wanted.call.decl_range.clone()));
    }

    /// Puts what was fetched to its place, and lists it. In between, what is being replaced is not on the list: whoever
    /// is killed then has a module to install again, and not one that is half there.
    fn finish(mut self) -> (Sources, Diagnostics) {
        if let Err(error) = self.put() {
            let detail = format!("What was fetched cannot be moved to {}: {error}.", self.modules_dir);
            self.diagnostics.push(Diagnostic::error("Cannot install modules", detail));
        }
        (self.sources, self.diagnostics)
    }

    fn put(&mut self) -> std::io::Result<()> {
        let mut list = self.before.clone();
        if self.staged.keys().any(|key| list.0.contains_key(key)) {
            list.0.retain(|key, _| !self.staged.contains_key(key));
            self.staging.write("modules.json", &list.to_json())?;
        }
        for (key, from) in &self.staged {
            self.staging.put(from, key)?;
        }
        let root = InstalledModule { source: String::new(), version: None, dir: ".".to_string() };
        list.0.insert(String::new(), root);
        list.0.append(&mut self.records);
        if list != self.before || !self.staged.is_empty() {
            self.staging.write("modules.json", &list.to_json())?;
        }
        Ok(())
    }
}

/// The modules that are called, as far as their sources are right.
fn wanted<'a>(path: &ModulePath, calls: impl Iterator<Item = &'a ModuleCall>, caller: &Place) -> Vec<Wanted> {
    let wanted = |call: &ModuleCall| {
        let source = ModuleSource::parse(&call.source).ok()?;
        if call.version.is_some() && !matches!(source, ModuleSource::Registry(_)) {
            return None;
        }
        let path = path.child(call.name.clone());
        let (key, call, caller) = (Manifest::key(&path), call.clone(), caller.clone());
        Some(Wanted { path, key, call, source, caller })
    };
    calls.filter_map(wanted).collect()
}

/// What a module is, to know it again in those that it calls.
fn named(source: &ModuleSource, version: Option<&str>) -> String {
    format!("{source} {}", version.unwrap_or_default())
}

/// The version of a registry's module that is taken, and where it is.
async fn in_registry(
    registries: &Registries<'_>,
    wanted: &Wanted,
    address: &RegistryAddress,
) -> Result<(Option<String>, RemoteAddress), Diagnostic> {
    let (host, package) = (&address.host, address.package());
    let unreachable = |what: &str, error: RegistryError| match error {
        RegistryError::NotFound => Diagnostic::error(
            "Module not found",
            format!(
                "The registry at {host} has no module {package:?}. Check its name, and the host that it comes from."
            ),
        ),
        RegistryError::Other(reason) => Diagnostic::error(
            "Error accessing remote module registry",
            format!("The registry at {host} cannot be asked for {what} of {package:?}: {reason}."),
        ),
    };
    let offered = registries.versions(address).await.map_err(|error| unreachable("the versions", error))?;
    let asked = wanted.call.version.as_ref();
    let constraint = asked.map(|asked| asked.constraint.clone()).unwrap_or_default();
    let version = match select(&offered, &constraint) {
        Selection::Version(version) => version.to_string(),
        Selection::NoneFits(newest) => {
            let asked = asked.map_or("", |asked| &*asked.text);
            return Err(Diagnostic::error(
                "Unresolvable module version constraint",
                format!(
                    "No version of {package:?} fits {asked:?}. The newest that there is at {host} is {newest}. A \
                     prerelease is only taken where its version is the whole constraint."
                ),
            ));
        }
        Selection::NoVersions => {
            return Err(Diagnostic::error(
                "Module has no versions",
                format!("The registry at {host} has no version of {package:?}."),
            ));
        }
    };
    // The registry knows it by the name that it has there.
    let named = offered.iter().find(|text| Version::parse(text).is_some_and(|v| v.to_string() == version));
    let name = named.map_or(version.as_str(), |text| text.trim_start_matches('v'));
    let location = registries.location(address, name).await;
    let location = location.map_err(|error| unreachable(&format!("version {version}"), error))?;
    Ok((Some(version), location))
}

/// A package's address as it may be shown.
fn shown_package(package: &str) -> String {
    let (method, address) = package.split_once("::").unwrap_or(("", package));
    let shown = url::Url::parse(address).map_or_else(|_| address.to_string(), |url| crate::http::shown(&url));
    // A path is shown as it is written.
    let shown = if address.contains(['?', '@']) { shown } else { address.to_string() };
    if method.is_empty() { shown } else { format!("{method}::{shown}") }
}
