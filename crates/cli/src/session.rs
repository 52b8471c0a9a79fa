//! What every command that looks at a configuration begins with.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use infra_aws::Aws;
use infra_builtin::Builtin;
use infra_catalog::{AwsProvider, Cloud, Connecting};
use infra_diag::{Diagnostic, Diagnostics, SourceRange, Sources};
use infra_engine::Registry;
use infra_lang::config::{Config, LoadOptions, Snapshot, check, name_blocks, read, read_snapshot};
use infra_lang::eval::{TemplateSurroundings, render_template};
use infra_lang::functions::{FunctionContext, Phase};
use infra_local::LocalCloud;
use infra_provider::{Problem, Provider};
use infra_state::Backend;
use infra_value::{Members, Value};

use crate::commands::valid_workspace as valid;
use crate::{backends, local, output, store};

/// A loaded configuration with the providers that there are.
pub(crate) struct Session {
    pub config: Config,
    pub sources: Sources,
    pub registry: Registry,
    pub colour: bool,
    pub workspace: String,
    /// Once it was needed: where the states are kept.
    backend: OnceCell<Arc<dyn Backend>>,
}

/// Whether providers are connected to without a call of their own.
static QUICK: AtomicBool = AtomicBool::new(false);

/// From now on providers are connected to without asking who calls: for what has to be done at once.
pub(crate) fn connect_quickly() {
    QUICK.store(true, Ordering::Relaxed);
}

/// A provider block whose credentials are not tried out.
fn without_questions(config: &Value) -> Value {
    let members = config.members().into_iter().flatten().map(|(name, value)| match &**name {
        "skip_credentials_validation" | "skip_requesting_account_id" => (name.clone(), Value::bool(true)),
        _ => (name.clone(), value.clone()),
    });
    Value::object(members)
}

/// The providers of this build.
pub(crate) fn registry() -> Registry {
    let connect: for<'a> fn(&'a Value) -> Connecting<'a> = |config| {
        Box::pin(async move {
            if local::is_on() {
                let client = local::client().map_err(|d| vec![Problem::error(d.summary, d.detail)])?;
                return Ok(Arc::new(LocalCloud::new(client, config)) as Arc<dyn Cloud>);
            }
            let quick = QUICK.load(Ordering::Relaxed).then(|| without_questions(config));
            let aws: Aws = infra_aws::connect(quick.as_ref().unwrap_or(config)).await?;
            Ok(Arc::new(aws) as Arc<dyn Cloud>)
        })
    };
    let aws: Arc<dyn Provider> = Arc::new(AwsProvider::new(connect));
    let builtin: Arc<dyn Provider> = Arc::new(Builtin::with_states(Arc::new(backends::States)));
    Registry::new([aws, builtin])
}

impl Session {
    /// Loads the configuration of the present folder. The diagnostics hold what is wrong with it, as far as no schema
    /// is needed to tell.
    pub fn load(no_color: bool) -> (Session, Diagnostics) {
        let (session, mut problems) = Session::read(no_color);
        if !problems.has_errors() {
            problems.extend(check(&session.config, &session.sources));
        }
        (session, problems)
    }

    /// The same without what [`Session::validate`] tells.
    pub fn read(no_color: bool) -> (Session, Diagnostics) {
        Session::of(read(Path::new("."), &load_options()), no_color)
    }

    /// The configuration of a saved plan, whatever the folder holds by now.
    pub fn of_snapshot(snapshot: &Snapshot, no_color: bool) -> (Session, Diagnostics) {
        Session::of(read_snapshot(Path::new("."), snapshot), no_color)
    }

    fn of((config, sources, problems): (Config, Sources, Diagnostics), no_color: bool) -> (Session, Diagnostics) {
        let registry = registry();
        let config = infra_engine::releases::owned(&config, &registry).into_owned();
        let session = Session {
            config,
            sources,
            registry,
            colour: output::use_colour(no_color),
            workspace: store::workspace(),
            backend: OnceCell::new(),
        };
        (session, problems)
    }

    /// The error about a folder without configuration.
    pub fn empty(&self) -> Option<Diagnostic> {
        self.sources.iter().next().is_none().then(|| {
            Diagnostic::error(
                "No configuration files",
                "The folder holds no configuration (no *.tf or *.tf.json file). Run this where the configuration is, or \
                 name its folder with -chdir.",
            )
        })
    }

    /// Where the states are kept.
    ///
    /// # Errors
    /// When the backend has to be initialised first, or its settings do not work.
    pub fn backend(&self) -> Result<&dyn Backend, Diagnostic> {
        valid(&self.workspace)?;
        if let Some(backend) = self.backend.get() {
            return Ok(&**backend);
        }
        let backend = backends::current(self.config.root.backend.as_ref());
        let backend = backend.map_err(|mut problems| {
            name_blocks(&mut problems, &self.sources);
            let error = problems.into_iter().find(Diagnostic::is_error);
            error.unwrap_or_else(|| Diagnostic::error("The backend cannot be used", ""))
        })?;
        Ok(&**self.backend.get_or_init(|| backend))
    }

    /// Shows diagnostics with the source lines that they are about.
    pub fn show(&self, mut problems: Diagnostics) {
        name_blocks(&mut problems, &self.sources);
        output::diagnostics(&problems, &self.sources, self.colour);
    }

    /// Checks the whole configuration as it was read: references and providers, and everything that the schemas of its
    /// types say.
    pub fn validate(&self) -> Diagnostics {
        let mut problems = check(&self.config, &self.sources);
        let more = with_functions(Phase::Plan, None, |functions| {
            infra_engine::validate(&self.config, &self.registry, functions)
        });
        // What is wrong with a reference is found again where it is evaluated.
        let key = |p: &Diagnostic| (p.subject.clone(), p.summary.clone(), p.detail.clone());
        let mut told: HashSet<_> = problems.iter().map(key).collect();
        let wrong_keys: Vec<SourceRange> = problems
            .iter()
            .filter(|p| p.summary == "Unexpected resource instance key")
            .filter_map(|p| p.subject.clone())
            .collect();
        // What does not belong there leads to nothing, either.
        let within = |at: &SourceRange| wrong_keys.iter().any(|key| key.file == at.file && key.end == at.end);
        let follows = |p: &Diagnostic| p.summary == "Invalid index" && p.subject.as_ref().is_some_and(within);
        problems.extend(more.into_iter().filter(|problem| told.insert(key(problem)) && !follows(problem)));
        problems
    }

    /// The configuration as it was read.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(Path::new("."), &load_options(), &self.sources)
    }
}

fn load_options() -> LoadOptions {
    LoadOptions { data_dir: Some(store::data_dir()) }
}

/// Calls `f` with what functions know about their surroundings here.
pub(crate) fn with_functions<T>(
    phase: Phase,
    plan_timestamp: Option<SystemTime>,
    f: impl FnOnce(&FunctionContext<'_>) -> T,
) -> T {
    let base_dir = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let home_dir = std::env::var_os("HOME").map(PathBuf::from);
    let now = SystemTime::now;
    let render = |text: &str, name: &str, variables: &Members| {
        let around = TemplateSurroundings {
            base_dir: &base_dir,
            home_dir: home_dir.as_deref(),
            phase,
            plan_timestamp,
            now: &now,
        };
        render_template(text, name, variables, around)
    };
    f(&FunctionContext {
        base_dir: base_dir.clone(),
        home_dir: home_dir.clone(),
        phase,
        plan_timestamp,
        now: &now,
        render_template: &render,
        inside_template: false,
    })
}
