//! What every command that looks at a configuration begins with.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use infra_aws::Aws;
use infra_builtin::Builtin;
use infra_catalog::{AwsProvider, Cloud, Connecting};
use infra_diag::{Diagnostic, Diagnostics, Sources};
use infra_engine::Registry;
use infra_lang::config::{Backend, Config, LoadOptions, load, name_blocks};
use infra_lang::eval::{TemplateSurroundings, render_template};
use infra_lang::functions::{FunctionContext, Phase};
use infra_lang::syntax::ast::ExprKind;
use infra_provider::Provider;
use infra_value::{Members, Value};
use sha2::{Digest, Sha256};

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
    /// Loads the configuration of the present folder. The diagnostics hold what is wrong with it.
    pub fn load(no_color: bool) -> (Session, Diagnostics) {
        let (config, sources, mut problems) = load(Path::new("."), &LoadOptions { data_dir: Some(store::data_dir()) });
        let backend = match local_backend(config.root.backend.as_ref()) {
            Ok(backend) => backend,
            Err(problem) => {
                problems.push(problem);
                LocalBackend::default()
            }
        };
        let session = Session {
            config,
            sources,
            registry: registry(),
            colour: output::use_colour(no_color),
            workspace: store::workspace(),
            backend,
        };
        (session, problems)
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

    /// Checks the whole configuration, with the schemas of its types.
    pub fn validate(&self) -> Diagnostics {
        with_functions(Phase::Plan, None, |functions| {
            infra_engine::validate(&self.config, &self.registry, functions)
        })
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
        let attribute = attributes.iter().find(|a| &*a.name == name)?;
        match &attribute.expr.kind {
            ExprKind::Literal(value) => value.as_str().map(PathBuf::from),
            _ => None,
        }
    };
    Ok(LocalBackend { path: text("path"), workspace_dir: text("workspace_dir") })
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
        let around =
            TemplateSurroundings { base_dir: &base_dir, home_dir: home_dir.as_deref(), phase, plan_timestamp, now: &now };
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
