//! What somebody who approves a plan should look at first.

use std::collections::BTreeMap;

use infra_address::ResourceMode;
use infra_diag::SourceRange;
use infra_lang::config::Config;
use infra_provider::{Attention, Cause, Fate, Remark, Weight};
use infra_release::{Release, Strategy};
use infra_value::Value;
use serde_json::{Value as Json, json};

use crate::plan::{Action, PlanMode, Reason, ResourceChange};
use crate::registry::Registry;
use crate::releases::{ReleaseChange, ReleaseKind};

/// Something in a plan that needs attention. That there is none never means that a plan is safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that found it, by the name in the documentation: `data-destroyed`.
    pub rule: String,
    /// The instance that it is about, as its address says it.
    pub address: String,
    /// Where the instance's block stands: file and line. `None` if it is not configured any more.
    pub at: Option<(String, usize)>,
    /// What is the matter, in one or two sentences without sensitive values. The subject of the first is the address:
    /// `would be destroyed: …`. There is no full stop at the end.
    pub message: String,
}

impl Finding {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        let (file, line) = self.at.as_ref().map_or((None, None), |(file, line)| (Some(file), Some(line)));
        json!({"rule": self.rule, "address": self.address, "file": file, "line": line, "message": self.message})
    }

    /// Reads what [`Finding::to_json`] has made.
    pub fn from_json(json: &Json) -> Option<Finding> {
        let text = |key: &str| json[key].as_str().map(str::to_string);
        let at = text("file").zip(json["line"].as_u64().and_then(|line| usize::try_from(line).ok()));
        Some(Finding { rule: text("rule")?, address: text("address")?, at, message: text("message")? })
    }
}

/// The rules that are about releases, by name. Those about resources are their providers'.
pub const RULES: &[&str] = &[RELEASE_UNWATCHED];

const RELEASE_UNWATCHED: &str = "release-unwatched";

/// Everything in a plan that needs attention, the heaviest first, and then in the order of the plan.
pub(crate) fn findings(
    mode: PlanMode,
    changes: &[ResourceChange],
    drift: &[ResourceChange],
    releases: &[ReleaseChange],
    registry: &Registry,
    config: &Config,
) -> Vec<Finding> {
    let stored: BTreeMap<String, &Value> =
        drift.iter().map(|change| (change.address.to_string(), &change.before)).collect();
    let mut found: Vec<(Weight, Finding)> = Vec::new();
    for change in changes.iter().filter(|change| change.address.resource.mode == ResourceMode::Managed) {
        let (Some(fate), Some(provider)) = (fate(change), registry.get(&change.provider.source)) else { continue };
        let address = change.address.to_string();
        let about = Attention {
            ty: &change.address.resource.ty,
            fate,
            before: &change.before,
            after: &change.after,
            stored: stored.get(&address).copied().filter(|_| change.deposed.is_none()),
            destroying: mode == PlanMode::Destroy,
        };
        let module = config.module(&change.address.module.path());
        let block = module.and_then(|module| module.resources.get(&change.address.resource));
        let at = block.map(|block| place(&block.decl_range));
        found.extend(provider.attention(&about).into_iter().map(|Remark { weight, rule, message }| {
            let message = match &change.deposed {
                Some(key) => format!("(deposed object {key}) {message}"),
                None => message,
            };
            (weight, Finding { rule: rule.to_string(), address: address.clone(), at: at.clone(), message })
        }));
    }
    for release in releases {
        let name = release.release.address.rsplit('.').next().unwrap_or_default();
        let block = config.module(&release.module.path()).and_then(|module| module.releases.get(name));
        let at = block.map(|block| place(&block.decl_range));
        let address = release.release.address.clone();
        let finding = |message| Finding { rule: RELEASE_UNWATCHED.to_string(), address, at, message };
        found.extend(unwatched(&release.release, release.kind).map(|message| (Weight::Weakened, finding(message))));
    }
    found.sort_by_key(|(weight, _)| *weight);
    found.into_iter().map(|(_, finding)| finding).collect()
}

fn place(range: &SourceRange) -> (String, usize) {
    (range.file.to_string(), usize::try_from(range.start.line).unwrap_or_default())
}

/// What becomes of an object; `None` if that needs no attention, such as an object that is only forgotten.
fn fate(change: &ResourceChange) -> Option<Fate<'_>> {
    let because = match change.reason {
        Some(Reason::ReplaceBecauseTainted) => Cause::Tainted,
        Some(Reason::ReplaceByRequest) => Cause::Requested,
        Some(Reason::ReplaceByTriggers) => Cause::Triggered,
        _ => Cause::Changed(&change.replace_paths),
    };
    match change.action {
        Action::Create => Some(Fate::Create),
        Action::Update => Some(Fate::Update),
        Action::DeleteThenCreate => Some(Fate::Replace { create_first: false, because }),
        Action::CreateThenDelete => Some(Fate::Replace { create_first: true, because }),
        Action::Delete => Some(Fate::Delete),
        Action::NoOp | Action::Read | Action::Forget => None,
    }
}

/// What a new version is not held against.
fn unwatched(release: &Release, kind: ReleaseKind) -> Option<String> {
    if !matches!(kind, ReleaseKind::New | ReleaseKind::Resume) || release.strategy == Strategy::Rolling {
        return None;
    }
    let when = &release.revert_when;
    let mut lacks = Vec::new();
    if release.checks.is_empty() {
        lacks.push("no check tries it before it gets requests");
    }
    if when.error_rate_percent >= 100.0 && when.alarms.is_empty() && when.probe.is_none() {
        lacks.push("neither failing requests nor an alarm sends the traffic back");
    }
    if release.standby.is_zero() {
        lacks.push("the old version does not stand by, so nothing puts the traffic back in one call");
    }
    (!lacks.is_empty()).then(|| format!("releases a version that is not watched well: {}", lacks.join("; ")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use infra_provider::fleet::HttpProbe;
    use infra_release::{Check, CheckKind, RevertWhen};

    use super::*;

    fn probe() -> HttpProbe {
        HttpProbe { path: "/health".into(), status: 200, timeout: Duration::from_secs(5) }
    }

    fn release() -> Release {
        Release {
            address: "release.api".into(),
            colours: Vec::new(),
            strategy: Strategy::BlueGreen,
            standby: Duration::from_secs(60),
            start_timeout: Duration::from_secs(60),
            checks: vec![Check {
                name: "health".into(),
                kind: CheckKind::Http(probe()),
                attempts: 1,
                pause: Duration::from_secs(1),
            }],
            before_shift: None,
            revert_when: RevertWhen {
                error_rate_percent: 1.0,
                window: Duration::from_secs(60),
                min_requests: 20,
                alarms: Vec::new(),
                probe: None,
            },
        }
    }

    #[test]
    fn the_rules_about_releases_are_documented() {
        let text = include_str!("../../../docs/attention.md");
        let (_, releases) = text.split_once("\n## Releases\n").expect("a part about releases");
        let documented: Vec<&str> = releases.lines().filter_map(|line| line.strip_prefix("### ")).collect();
        assert_eq!(documented, RULES);
    }

    #[test]
    fn a_release_says_what_it_is_not_held_against() {
        let said = |release: &Release| unwatched(release, ReleaseKind::New).unwrap_or_default();
        let never = |release: &mut Release| release.revert_when.error_rate_percent = 100.0;
        let head = "releases a version that is not watched well: ";
        let mut bare = Release { checks: Vec::new(), standby: Duration::ZERO, ..release() };
        never(&mut bare);
        assert_eq!(said(&release()), "");
        assert_eq!(
            said(&Release { checks: Vec::new(), ..release() }),
            format!("{head}no check tries it before it gets requests")
        );
        assert_eq!(
            said(&bare),
            format!(
                "{head}no check tries it before it gets requests; neither failing requests nor an alarm sends the traffic \
                 back; the old version does not stand by, so nothing puts the traffic back in one call"
            )
        );
        let mut probed = release();
        never(&mut probed);
        probed.revert_when.probe = Some(probe());
        assert_eq!(said(&probed), "");
        assert_eq!(said(&Release { strategy: Strategy::Rolling, ..bare.clone() }), "");
        assert_eq!(unwatched(&bare, ReleaseKind::Nothing), None);
    }

    #[test]
    fn a_finding_is_read_as_it_was_written() {
        for at in [Some(("main.tf".to_string(), 3)), None] {
            let finding = Finding { rule: "r".into(), address: "a.b".into(), at, message: "m".into() };
            assert_eq!(Finding::from_json(&finding.to_json()), Some(finding));
        }
        assert_eq!(Finding::from_json(&json!({"rule": "r"})), None);
    }
}
