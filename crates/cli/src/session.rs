//! What every command that looks at a configuration begins with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use infra_aws::Aws;
use infra_builtin::Builtin;
use infra_catalog::{AwsProvider, Cloud, Connecting};
use infra_diag::{Diagnostic, Diagnostics, Sources};
use infra_engine::Registry;
use infra_lang::config::{Backend, Config, LoadOptions, check, name_blocks, read};
use infra_lang::eval::{TemplateSurroundings, render_template};
use infra_lang::functions::{FunctionContext, Phase};
use infra_lang::syntax::ast::ExprKind;
use infra_provider::Provider;
use infra_value::{Members, Value};
use sha2::{Digest, Sha256};

use crate::commands::valid_workspace as valid;
use crate::output;
use crate::store::{self, LocalBackend};

/// A loaded configuration with the providers that there are.
pub(crate) struct Session {
    pub config: Config,
    pub sources: Sources,
    pub registry: Registry,
    pub colour: bool,
    pub workspace: String,
    pub backend: LocalBackend,
    /// Why the backend cannot be used.
    pub backend_problem: Option<Diagnostic>,
}

/// The providers of this build.
pub(crate) fn registry() -> Registry {
    let connect: for<'a> fn(&'a Value) -> Connecting<'a> = |config| {
        Box::pin(async move {
            let aws: Aws = infra_aws::connect(config).await?;
            Ok(Arc::new(aws) as Arc<dyn Cloud>)
        })
    };
    let aws: Arc<dyn Provider> = Arc::new(AwsProvider::new(connect));
    let builtin: Arc<dyn Provider> = Arc::new(Builtin::new());
    Registry::new([aws, builtin])
}

impl Session {
    /// Loads the configuration of the present folder. The diagnostics hold what is wrong with it, as far as no schema
    /// is needed to tell.
    pub fn load(no_color: bool) -> (Session, Diagnostics) {
        let (mut session, mut problems) = Session::read(no_color);
        if !problems.has_errors() {
            problems.extend(check(&session.config, &session.sources));
        }
        problems.extend(session.backend_problem.take());
        (session, problems)
    }

    /// The same without what [`Session::validate`] tells, and without a look at the backend.
    pub fn read(no_color: bool) -> (Session, Diagnostics) {
        let (config, sources, problems) = read(Path::new("."), &LoadOptions { data_dir: Some(store::data_dir()) });
        let (backend, backend_problem) = match local_backend(config.root.backend.as_ref()) {
            Ok(backend) => (backend, None),
            Err(problem) => (LocalBackend::default(), Some(problem)),
        };
        let workspace = store::workspace();
        let backend_problem = backend_problem.or_else(|| valid(&workspace).err());
        let session = Session {
            config,
            sources,
            registry: registry(),
            colour: output::use_colour(no_color),
            workspace,
            backend,
            backend_problem,
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

    /// Where the state of the selected workspace is.
    pub fn state_path(&self, given: Option<&PathBuf>) -> PathBuf {
        given.cloned().unwrap_or_else(|| store::state_path(&self.workspace, &self.backend))
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
        let told = |problems: &Diagnostics, p: &Diagnostic| {
            problems.iter().any(|q| q.subject == p.subject && q.summary == p.summary && q.detail == p.detail)
        };
        for problem in more {
            if !told(&problems, &problem) {
                problems.push(problem);
            }
        }
        problems
    }

    /// A digest of every file of the configuration: what a saved plan has to be applied with.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, text) in self.sources.iter() {
            for part in [name.as_bytes(), text.as_bytes()] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The settings of the backend, if it is one that there is.
fn local_backend(backend: Option<&Backend>) -> Result<LocalBackend, Diagnostic> {
    let Some(block) = backend else { return Ok(LocalBackend::default()) };
    if &*block.ty != "local" {
        return Err(Diagnostic::error(
            format!("Unsupported backend {:?}", block.ty),
            "infra keeps state in a local file: backend \"local\", or no backend block. To use this folder with a copy of \
             the state, pull it with Terraform (terraform state pull) and take the block out.",
        )
        .at(block.ty_range.clone()));
    }
    let (attributes, _) = block.body.just_attributes();
    let text = |name: &str| {
        let Some(attribute) = attributes.iter().find(|a| &*a.name == name) else { return Ok(None) };
        match &attribute.expr.kind {
            ExprKind::Literal(value) => Ok(value.as_str().map(PathBuf::from)),
            _ => Err(Diagnostic::error(
                "Variables not allowed",
                "The settings of a backend are needed before anything is evaluated: they have to be constant.",
            )
            .at(attribute.expr.range.clone())),
        }
    };
    Ok(LocalBackend { path: text("path")?, workspace_dir: text("workspace_dir")? })
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
