//! What each command takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Clone, Default)]
pub(crate) struct Variables {
    /// Set a root variable: NAME=VALUE.
    #[arg(long = "var", value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Set root variables from a file.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
}

#[derive(Args, Clone)]
pub(crate) struct Screen {
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// Never ask for input.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub input: bool,
    /// Machine-readable lines instead of text.
    #[arg(long)]
    pub json: bool,
    /// Show warnings as one line each.
    #[arg(long)]
    pub compact_warnings: bool,
}

#[derive(Args, Clone)]
pub(crate) struct Locking {
    /// Lock the state while working on it.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub lock: bool,
    /// How long to wait for somebody else's lock: 30s, 5m.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
    /// The state file, instead of terraform.tfstate.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Where to write the state, if not where it was read.
    #[arg(long, value_name = "FILE")]
    pub state_out: Option<PathBuf>,
    /// Where to keep the state as it was; "-" for nowhere.
    #[arg(long, value_name = "FILE")]
    pub backup: Option<PathBuf>,
    /// Accepted for compatibility: it is about a backend that is not supported.
    #[arg(long, hide = true)]
    pub ignore_remote_version: bool,
}

/// How the lock of a state is taken that is in its place for sure.
#[derive(Args, Clone)]
pub(crate) struct Waiting {
    /// Lock the state while working on it.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub lock: bool,
    /// How long to wait for somebody else's lock: 30s, 5m.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
}

#[derive(Args, Clone)]
pub(crate) struct Planning {
    /// Read every object again first.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub refresh: bool,
    /// Only bring the state to what there is.
    #[arg(long)]
    pub refresh_only: bool,
    /// Delete everything.
    #[arg(long)]
    pub destroy: bool,
    /// Only this resource or module, and what it depends on.
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<String>,
    /// Replace this resource instance.
    #[arg(long, value_name = "ADDRESS")]
    pub replace: Vec<String>,
    /// How many operations at once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

#[derive(Args)]
pub(crate) struct Init {
    #[command(flatten)]
    pub screen: Screen,
    /// Fetch modules again, in the newest versions that fit.
    #[arg(long)]
    pub upgrade: bool,
    /// Set up the backend; with =false, what was set up before stays.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub backend: bool,
    /// Fetch modules that are not installed.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub get: bool,
    /// Not supported: copy the module's files here instead.
    #[arg(long, value_name = "SOURCE")]
    pub from_module: Option<String>,
    /// Accepted for compatibility.
    #[arg(long, value_name = "DIR")]
    pub test_directory: Option<PathBuf>,
    /// Set a backend's argument, or several from a file.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    pub backend_config: Vec<String>,
    /// Use the backend as it is configured now, and copy no states.
    #[arg(long, conflicts_with = "migrate_state")]
    pub reconfigure: bool,
    /// Copy states to the backend as it is configured now.
    #[arg(long)]
    pub migrate_state: bool,
    /// The same without asking.
    #[arg(long)]
    pub force_copy: bool,
    /// Lock states while they are copied.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub lock: bool,
    /// How long to wait for somebody else's lock: 30s, 5m.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
    /// Accepted for compatibility.
    #[arg(long, value_name = "MODE")]
    pub lockfile: Option<String>,
    /// Accepted for compatibility: nothing is downloaded.
    #[arg(long, value_name = "DIR")]
    pub plugin_dir: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Get {
    /// Fetch modules again, in the newest versions that fit.
    #[arg(long)]
    pub update: bool,
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// Accepted for compatibility.
    #[arg(long, value_name = "DIR")]
    pub test_directory: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    pub screen: Screen,
}

#[derive(Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub screen: Screen,
    #[command(flatten)]
    pub locking: Locking,
    #[command(flatten)]
    pub planning: Planning,
    /// Save the plan, for `infra apply FILE`.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 2 where there are changes, 0 where there are none.
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Write configuration for import blocks without one.
    #[arg(long, value_name = "FILE")]
    pub generate_config_out: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub screen: Screen,
    #[command(flatten)]
    pub locking: Locking,
    #[command(flatten)]
    pub planning: Planning,
    /// Do not ask for approval.
    #[arg(long)]
    pub auto_approve: bool,
    /// Return once a release has all the traffic; a later apply takes the watch up.
    #[arg(long)]
    pub release_detach: bool,
    #[command(flatten)]
    pub approving: Approving,
    /// A saved plan.
    pub plan: Option<PathBuf>,
}

#[derive(Args, Clone, Default)]
pub(crate) struct Approving {
    /// Only a saved plan that somebody in this file of allowed signers has approved (also: INFRA_REQUIRE_APPROVAL).
    #[arg(long, value_name = "ALLOWED_SIGNERS")]
    pub require_approval: Option<PathBuf>,
    /// Accept an approval by who made the plan.
    #[arg(long)]
    pub allow_self: bool,
    /// A saved plan although configuration or commit are others by now: what was planned is done.
    #[arg(long)]
    pub allow_changed: bool,
}

#[derive(Args)]
pub(crate) struct Approve {
    /// The SSH key to sign with: its private file, or its public one if an agent has it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Who you are, as the file of allowed signers names you; git's user.email if not given.
    #[arg(long = "as", value_name = "NAME")]
    pub principal: Option<String>,
    /// Do not ask.
    #[arg(long, alias = "yes")]
    pub auto_approve: bool,
    /// Never ask for input.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub input: bool,
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// The saved plan.
    pub plan: PathBuf,
}

#[derive(Args)]
pub(crate) struct Refresh {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub screen: Screen,
    #[command(flatten)]
    pub locking: Locking,
    /// Only this resource or module, and what it depends on.
    #[arg(long, value_name = "ADDRESS")]
    pub target: Vec<String>,
    /// How many operations at once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub screen: Screen,
    /// As Markdown, for the comment of a pull request.
    #[arg(long, conflicts_with_all = ["json", "html"])]
    pub markdown: bool,
    /// As one HTML file.
    #[arg(long, conflicts_with = "json")]
    pub html: bool,
    /// A saved plan or a state file; the state if not given.
    pub path: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Output {
    #[command(flatten)]
    pub screen: Screen,
    /// The value as it is, without quotes or newline.
    #[arg(long, conflicts_with = "json")]
    pub raw: bool,
    /// The state file.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Only this output.
    pub name: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum State {
    /// List the resource instances in the state.
    List {
        /// The state file.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        /// Only objects with this id.
        #[arg(long)]
        id: Option<String>,
        /// Only these.
        addresses: Vec<String>,
    },
    /// Show one resource instance.
    Show {
        /// The state file.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        /// Which.
        address: String,
    },
    /// Move something to another address.
    Mv {
        #[command(flatten)]
        locking: Locking,
        /// Where to keep the state of -state-out as it was.
        #[arg(long, value_name = "FILE")]
        backup_out: Option<PathBuf>,
        /// Only show what would be moved.
        #[arg(long)]
        dry_run: bool,
        /// The address now.
        from: String,
        /// The new address.
        to: String,
    },
    /// Take something out of the state, leaving the object as it is.
    Rm {
        #[command(flatten)]
        locking: Locking,
        /// Only show what would be removed.
        #[arg(long)]
        dry_run: bool,
        /// What.
        #[arg(required = true)]
        addresses: Vec<String>,
    },
    /// Print the state.
    Pull,
    /// Replace the state by a file ("-" for standard input).
    Push {
        #[command(flatten)]
        locking: Locking,
        /// Even if lineage or serial do not fit.
        #[arg(long)]
        force: bool,
        /// The file.
        path: PathBuf,
    },
    /// Say of another provider that it manages what one has managed.
    ReplaceProvider {
        #[command(flatten)]
        locking: Locking,
        /// Do not ask.
        #[arg(long)]
        auto_approve: bool,
        /// The provider now: NAMESPACE/NAME or HOST/NAMESPACE/NAME.
        from: String,
        /// The provider from then on.
        to: String,
    },
}

#[derive(Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub screen: Screen,
    #[command(flatten)]
    pub locking: Locking,
    /// How many operations at once.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub parallelism: usize,
    /// Where it goes.
    pub address: String,
    /// The object's id.
    #[arg(allow_hyphen_values = true)]
    pub id: String,
}

#[derive(Args)]
pub(crate) struct Taint {
    #[command(flatten)]
    pub locking: Locking,
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// No error if there is no such instance.
    #[arg(long)]
    pub allow_missing: bool,
    /// The resource instance.
    pub address: String,
}

#[derive(Args)]
pub(crate) struct ForceUnlock {
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// Do not ask.
    #[arg(long)]
    pub force: bool,
    /// The lock's id.
    pub id: String,
}

#[derive(Args)]
pub(crate) struct Graph {
    /// Of a saved plan.
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Accepted for compatibility: one graph is drawn for all of them.
    #[arg(long = "type", value_name = "TYPE", value_parser = ["plan", "plan-refresh-only", "plan-destroy", "apply"])]
    pub ty: Option<String>,
}

#[derive(Args)]
pub(crate) struct Console {
    #[command(flatten)]
    pub variables: Variables,
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// The state file.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Lock the state meanwhile.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub lock: bool,
    /// How long to wait for somebody else's lock: 30s, 5m.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub lock_timeout: String,
}

#[derive(Args)]
pub(crate) struct Fmt {
    /// List files whose layout differs.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub list: bool,
    /// Write the files.
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "true", default_missing_value = "true",
        action = clap::ArgAction::Set)]
    pub write: bool,
    /// Show the differences.
    #[arg(long)]
    pub diff: bool,
    /// Write nothing, and exit with 3 if a file's layout differs.
    #[arg(long)]
    pub check: bool,
    /// Also in subfolders.
    #[arg(long)]
    pub recursive: bool,
    /// No colours.
    #[arg(long)]
    pub no_color: bool,
    /// Files or folders; "-" for standard input.
    pub paths: Vec<PathBuf>,
}

#[derive(Subcommand)]
pub(crate) enum Workspace {
    /// List workspaces.
    List,
    /// Show the selected one.
    Show,
    /// Make one and select it.
    New {
        #[command(flatten)]
        waiting: Waiting,
        /// Copy this state file into it.
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
        /// Its name.
        name: String,
    },
    /// Select one.
    Select {
        /// Make it if it is not there.
        #[arg(long)]
        or_create: bool,
        /// Its name.
        name: String,
    },
    /// Delete one.
    Delete {
        #[command(flatten)]
        waiting: Waiting,
        /// Even if its state is not empty.
        #[arg(long)]
        force: bool,
        /// Its name.
        name: String,
    },
}

#[derive(Args)]
pub(crate) struct Revert {
    #[command(flatten)]
    pub variables: Variables,
    #[command(flatten)]
    pub locking: Locking,
    /// Machine-readable lines instead of text.
    #[arg(long)]
    pub json: bool,
    /// The release; the only one if not given.
    pub address: Option<String>,
}

#[derive(Args)]
pub(crate) struct Releases {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
    /// The state file.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct History {
    /// As JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// How many of the newest; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// The state file.
    #[arg(long, value_name = "FILE", global = true)]
    pub state: Option<PathBuf>,
    #[command(subcommand)]
    pub command: Option<HistoryCommand>,
}

#[derive(Subcommand)]
pub(crate) enum HistoryCommand {
    /// Show all that a record says.
    Show {
        /// As Markdown.
        #[arg(long, conflicts_with_all = ["json", "html"])]
        markdown: bool,
        /// As one HTML file.
        #[arg(long, conflicts_with = "json")]
        html: bool,
        /// Its number, or the beginning of its id or digest.
        id: String,
    },
    /// Check that no record was changed or taken away, and that the newest one fits the state.
    Verify,
}

#[derive(Subcommand)]
pub(crate) enum Release {
    /// Stop the old colour now.
    Finish {
        /// The release.
        address: String,
        #[command(flatten)]
        variables: Variables,
        #[command(flatten)]
        locking: Locking,
        /// Machine-readable lines instead of text.
        #[arg(long)]
        json: bool,
    },
    /// Allow the version again that was taken back.
    Retry {
        /// The release.
        address: String,
        #[command(flatten)]
        locking: Locking,
        /// Machine-readable lines instead of text.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
pub(crate) enum Local {
    /// Show what runs: where, how healthy, since when.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show what services have written.
    Logs {
        /// Only this service.
        service: Option<String>,
        /// Go on with what they write from now on.
        #[arg(long = "follow", short = 'f', alias = "f")]
        follow: bool,
    },
    /// Stop everything; records and data stay.
    Stop,
    /// Stop everything, and remove records and data.
    Destroy,
}

#[derive(Args)]
pub(crate) struct Version {
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(crate) struct Completion {
    /// The shell.
    pub shell: clap_complete::Shell,
}
