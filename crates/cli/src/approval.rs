//! What is approved of a saved plan, where its approvals are, and whether one of them holds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use infra_approval::{
    About, AllowedSigners, Approval, Approvals, Maker, NotAllowed, Refusal, Rejected, Requirement, Why,
};
use infra_diag::Diagnostic;
use infra_engine::plan::PlanMode;
use infra_engine::releases::ReleaseKind;
use infra_engine::saved::SavedPlan;
use jiff::Timestamp;

use crate::args::Approving;

/// What an approval says about a plan.
pub(crate) fn about(saved: &SavedPlan) -> About {
    About {
        digest: saved.digest.clone().unwrap_or_default(),
        workspace: saved.workspace.clone(),
        state: saved.origin.backend.clone(),
        changes: changes(saved),
    }
}

/// What a plan would do, in one line.
fn changes(saved: &SavedPlan) -> String {
    let plan = &saved.plan;
    let counts = plan.counts();
    let mode = match plan.mode {
        PlanMode::Normal => "",
        PlanMode::Destroy => "destroy everything: ",
        PlanMode::RefreshOnly => "refresh only: ",
    };
    let mut line = format!("{mode}{} to add, {} to change, {} to destroy", counts.add, counts.change, counts.destroy);
    let releases = plan
        .releases
        .iter()
        .filter(|release| matches!(release.kind, ReleaseKind::New | ReleaseKind::Resume | ReleaseKind::CleanUp));
    for (count, what) in [(counts.import, "import"), (releases.count(), "release")] {
        if count > 0 {
            line.push_str(&format!(", {count} to {what}"));
        }
    }
    line
}

/// Where the approvals of a plan are: beside it, with `.approvals` behind its name.
pub(crate) fn beside(plan: &Path) -> PathBuf {
    let mut path = OsString::from(plan);
    path.push(".approvals");
    path.into()
}

/// Reads the approvals beside a plan; none if there is no file.
pub(crate) fn read(path: &Path) -> Result<Approvals, Diagnostic> {
    let failed = |why: String| Diagnostic::error("The approvals cannot be used", format!("{}: {why}.", path.display()));
    match std::fs::read(path) {
        Ok(bytes) => Approvals::parse(&String::from_utf8_lossy(&bytes)).map_err(|error| failed(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Approvals::default()),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// The file of allowed signers that an apply has to hold an approval against: by option, or else by environment.
///
/// # Errors
/// When the environment asks for it without naming a file.
pub(crate) fn required_by(args: &Approving) -> Result<Option<PathBuf>, Diagnostic> {
    if let Some(path) = &args.require_approval {
        return Ok(Some(path.clone()));
    }
    match std::env::var_os(VARIABLE) {
        // What was meant to be required must not be forgotten because a setting is missing.
        Some(path) if path.is_empty() => Err(Diagnostic::error(
            "No file of allowed signers",
            format!("{VARIABLE} is set to nothing. It has to name a file of allowed signers, or not to be set."),
        )),
        path => Ok(path.map(PathBuf::from)),
    }
}

/// The variable that requires an approval for every apply.
const VARIABLE: &str = "INFRA_REQUIRE_APPROVAL";

/// Refuses an apply without a saved plan, if approvals are required: there is nothing that could have been approved.
///
/// # Errors
/// When they are.
pub(crate) fn refuse_unsaved(args: &Approving) -> Result<(), Diagnostic> {
    match required_by(args)? {
        None => Ok(()),
        Some(_) => Err(Diagnostic::error(
            "Approval needs a saved plan",
            "-require-approval (or INFRA_REQUIRE_APPROVAL) is given, and only a saved plan can have been approved. Save the \
             plan, have it approved, and apply that:\n    infra plan -out=FILE\n    infra approve FILE\n    infra apply FILE",
        )),
    }
}

/// The approval that a saved plan has, if one is required.
///
/// # Errors
/// When it is, and there is none that holds.
pub(crate) fn required(args: &Approving, path: &Path, saved: &SavedPlan) -> Result<Option<Approval>, Diagnostic> {
    let Some(signers) = required_by(args)? else { return Ok(None) };
    let unreadable =
        |why: String| Diagnostic::error("The allowed signers cannot be used", format!("{}: {why}.", signers.display()));
    let text = std::fs::read_to_string(&signers).map_err(|error| unreadable(error.to_string()))?;
    let allowed = AllowedSigners::parse(&text).map_err(|error| unreadable(error.to_string()))?;
    if allowed.is_empty() {
        return Err(unreadable("it lists nobody".into()));
    }
    let file = beside(path);
    let approvals = read(&file)?;
    let maker = Maker { names: saved.origin.names.clone(), keys: saved.origin.keys.clone() };
    let about = about(saved);
    let requirement = Requirement {
        about: &about,
        maker: &maker,
        allowed: &allowed,
        allow_self: args.allow_self,
        now: Timestamp::now(),
    };
    requirement.check(&approvals).map(Some).map_err(|refusal| refused(&refusal, path, &file, &signers, saved))
}

fn refused(refusal: &Refusal, plan: &Path, file: &Path, signers: &Path, saved: &SavedPlan) -> Diagnostic {
    let why = match refusal {
        Refusal::None => format!("There is no approval: {} is not there, or empty.", file.display()),
        Refusal::Rejected(list) => {
            let each: String = list.iter().map(|one| format!("\n  {}", told(one, signers, saved))).collect();
            let all = if list.len() == 1 { "does not count" } else { "do not count" };
            format!("What is in {} {all}:\n{each}", file.display())
        }
    };
    Diagnostic::error(
        "The plan is not approved",
        format!(
            "{why}\n\nNothing was changed. Somebody who is in {} and did not make this plan ({}) approves it with:\n    infra \
             approve {}",
            signers.display(),
            saved.origin.made_by,
            plan.display()
        ),
    )
}

/// Why an approval does not count, in a sentence.
fn told(Rejected { approver, fingerprint, why }: &Rejected, signers: &Path, saved: &SavedPlan) -> String {
    let signers = signers.display();
    let why = match why {
        Why::Damaged => "the signature is not one of its text: one of them was changed after it was signed".to_string(),
        Why::AnotherPlan { digest } => {
            format!("it is for another plan ({digest}); this one is {}", saved.digest.as_deref().unwrap_or_default())
        }
        Why::SaysOtherwise { said, is } => {
            format!("it says something about this plan that is not so ({said:?}; it is {is:?})")
        }
        Why::NotAllowed(NotAllowed::Unknown { authority: None }) => format!("its key is not in {signers}"),
        Why::NotAllowed(NotAllowed::Unknown { authority: Some(line) }) => format!(
            "its key is not in {signers}; certificates, as of the authority in line {line}, are not supported: list the key \
             itself"
        ),
        Why::NotAllowed(NotAllowed::OtherNamespace { line, namespaces }) => format!(
            "line {line} of {signers} allows its key for {namespaces:?} only; plans are {:?}",
            infra_approval::NAMESPACE
        ),
        Why::NotAllowed(NotAllowed::NotYet { line, from }) => {
            format!("line {line} of {signers} allows its key from {from} on only")
        }
        Why::NotAllowed(NotAllowed::Expired { line, until }) => {
            format!("it has expired: line {line} of {signers} allowed its key until {until}")
        }
        Why::NotAllowed(NotAllowed::NotNamed { line, principals }) => format!(
            "line {line} of {signers} allows its key for {principals:?}, and it says to be by {approver:?}: approve again \
             with -as=NAME"
        ),
        Why::MakersKey { principal } => format!(
            "it is by who made the plan: the key of {principal} was among the keys of {} when the plan was made (-allow-self \
             accepts it)",
            saved.origin.made_by
        ),
        Why::Maker { principal, called } => format!(
            "it is by who made the plan: the key is {principal}'s, and the plan was made by {called} (-allow-self accepts it)"
        ),
    };
    format!("{approver} ({fingerprint}): {why}")
}
