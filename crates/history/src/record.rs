//! A record: one thing that was done to a state.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::canonical::{canonical, digest};
use crate::shown::AttributeChange;
use crate::words::{Action, Kind, Result as ChangeResult, Status};

/// The version of the format.
const FORMAT: u64 = 1;

/// One thing that was done. In its JSON, what is empty or not known is left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Unique among all states: number, time and something random. Empty until it is linked.
    pub id: String,
    /// Its place in the chain, from 1; 0 until it is linked.
    pub sequence: u64,
    /// The digest of the record before: `sha256:…`. None for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The digest of this record; empty until it is linked.
    pub digest: String,
    /// When it ended: RFC 3339, in UTC, with seconds.
    pub at: String,
    /// When it began, if it took any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// What was done.
    pub kind: Kind,
    /// By whom, and from where.
    pub who: Who,
    /// The program and its version: `infra 0.1.0`.
    pub tool: String,
    /// The workspace.
    pub workspace: String,
    /// `-target` and what else narrowed it down, as addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// The plan that was applied, and who had approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanUsed>,
    /// The state that it began with; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<StateAt>,
    /// The state that it left; none if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<StateAt>,
    /// The state had moved since the record before, and no record says how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// What came of it.
    pub outcome: Outcome,
    /// What was done to each object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many changes are not listed, because the record would have become too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub changes_left_out: u64,
    /// Root outputs that changed: `path` is the name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<AttributeChange>,
    /// Releases that this run drove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releases: Vec<Release>,
    /// Anything else worth saying, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What a newer version wrote, and this one does not know: kept, at the same places.
    #[serde(skip)]
    pub(crate) unknown: Option<Json>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that serde asks for")]
pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// By whom, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The user on the machine.
    pub user: String,
    /// The machine.
    pub host: String,
    /// The ARN of who AWS saw calling, if it was asked in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<String>,
    /// The run, in CI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci: Option<Ci>,
}

impl Who {
    /// In a few words: `ana@build-7`, or `ana (GitHub Actions)`.
    pub fn short(&self) -> String {
        match &self.ci {
            Some(Ci { system, actor: Some(actor), .. }) => format!("{actor} ({system})"),
            Some(Ci { system, .. }) => system.clone(),
            None => format!("{}@{}", self.user, self.host),
        }
    }
}

/// A run of a CI system, as far as its environment tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ci {
    /// `GitHub Actions`, `GitLab CI`, …
    pub system: String,
    /// Who started the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The number or id of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Where the run is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch or tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// The plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanUsed {
    /// Its digest.
    pub digest: String,
    /// Whether it came from a file, rather than from the same run.
    #[serde(default)]
    pub saved: bool,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<String>,
    /// When it was made: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_at: Option<String>,
    /// The commit that it was made from, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The run in CI that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Whether the apply asked for an approval (`-require-approval`).
    #[serde(default)]
    pub approval_required: bool,
    /// The approvals that held when it was applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovedBy>,
}

impl PlanUsed {
    /// Whether each approval is of the very plan that was applied. True also if there is none.
    pub fn is_what_was_approved(&self) -> bool {
        self.approvals.iter().all(|approval| approval.digest == self.digest)
    }
}

/// Who approved a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedBy {
    /// As the file of allowed signers names them.
    pub principal: String,
    /// The fingerprint of the key: `SHA256:…`.
    pub key: String,
    /// The digest that was signed.
    pub digest: String,
    /// When, as the approval says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// A version of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateAt {
    /// Which state.
    pub lineage: String,
    /// Its version.
    pub serial: u64,
}

/// A change of the state that no record tells about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The state that the record before left; none if it left none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StateAt>,
    /// The state that this record began with; none if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<StateAt>,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.from, &self.to) {
            (Some(from), Some(to)) if from.lineage == to.lineage => {
                write!(f, "serial {} → {} is not recorded", from.serial, to.serial)
            }
            (Some(from), Some(to)) => write!(
                f,
                "the state became another one (lineage {} → {}, serial {} → {}), and that is not recorded",
                from.lineage, to.lineage, from.serial, to.serial
            ),
            (Some(from), None) => {
                write!(f, "the state (serial {}) was no longer there, and that is not recorded", from.serial)
            }
            (None, Some(to)) => write!(f, "how the state came to serial {} is not recorded", to.serial),
            (None, None) => write!(f, "nothing is missing"),
        }
    }
}

/// What came of the whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In a word.
    pub status: Status,
    /// The exit status of the command.
    pub exit: u64,
    /// What was done, in numbers.
    #[serde(default)]
    pub numbers: Numbers,
    /// The errors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Problem>,
}

/// What was done, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Created, replaced ones too.
    #[serde(default)]
    pub add: u64,
    /// Changed in place.
    #[serde(default)]
    pub change: u64,
    /// Deleted, replaced ones too.
    #[serde(default)]
    pub destroy: u64,
    /// Imported.
    #[serde(default)]
    pub import: u64,
    /// Planned and not begun.
    #[serde(default)]
    pub left: u64,
}

/// An error, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The instance that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What it is, in a line.
    pub summary: String,
    /// More about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// What was done to an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The instance.
    pub address: String,
    /// Its address before a move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_address: Option<String>,
    /// The key of the deposed object that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// What was to be done.
    pub action: Action,
    /// Why, where that is not plain: as in a plan's JSON, `replace_because_tainted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the object: that of the new one, if there are two. None if the type has none or it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// What came of it.
    pub result: ChangeResult,
    /// Attributes that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeChange>,
    /// How many more differ that are not listed, because the record would have become too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attributes_left_out: u64,
}

/// What a run did for a release. The release's own record, with its whole log, is in the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// The block.
    pub address: String,
    /// The id of the release's record in the state.
    pub id: String,
    /// What was live before.
    pub from: Running,
    /// What was to be live.
    pub to: Running,
    /// Where it was when the run ended: `finished`, `reverted`, `watch`, …
    pub phase: String,
    /// When it was begun, perhaps by an earlier run.
    pub began: String,
    /// Who began it.
    pub by: String,
    /// What happened in this run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Why it went back, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverted: Option<Reverted>,
}

/// A version in a colour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The colour.
    pub colour: String,
    /// The version, in short.
    pub version: String,
    /// The task definition.
    pub definition: String,
}

/// Something that happened in a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When: RFC 3339, in UTC, with milliseconds.
    pub at: String,
    /// What.
    pub what: String,
}

/// Why a release went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reverted {
    /// When that was decided.
    pub at: String,
    /// By whom; empty if by itself.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// Why bytes are no record that can be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RecordError {
    /// Something else, or damaged.
    #[error("it is not a record: {0}")]
    NotARecord(String),
    /// In a format that is not known here.
    #[error("it has format {0}, and this version of infra knows format {FORMAT}: a newer one can read it")]
    Newer(u64),
}

impl Record {
    /// Something that was done, with nothing more said about it yet.
    pub fn new(kind: Kind, who: Who, workspace: &str, at: String, outcome: Outcome) -> Record {
        Record {
            id: String::new(),
            sequence: 0,
            previous: None,
            digest: String::new(),
            at,
            began: None,
            kind,
            who,
            tool: concat!("infra ", env!("CARGO_PKG_VERSION")).into(),
            workspace: workspace.into(),
            targets: Vec::new(),
            plan: None,
            before: None,
            after: None,
            gap: None,
            outcome,
            changes: Vec::new(),
            changes_left_out: 0,
            outputs: Vec::new(),
            releases: Vec::new(),
            notes: Vec::new(),
            unknown: None,
        }
    }

    /// Its JSON, with what newer versions wrote.
    pub fn to_json(&self) -> Json {
        let mut json = self.known();
        if let Some(unknown) = &self.unknown {
            merge(&mut json, unknown);
        }
        json
    }

    fn known(&self) -> Json {
        // All keys are texts: this cannot fail.
        let mut json = serde_json::to_value(self).unwrap_or_default();
        if let Json::Object(members) = &mut json {
            members.insert("infra_history".into(), FORMAT.into());
        }
        json
    }

    /// Reads what [`Record::to_json`] has made.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_json(json: &Json) -> Result<Record, RecordError> {
        let not = |why: String| RecordError::NotARecord(why);
        match json["infra_history"].as_u64() {
            Some(FORMAT) => {}
            Some(other) => return Err(RecordError::Newer(other)),
            None => return Err(not("it has no \"infra_history\"".into())),
        }
        let mut record: Record = serde_json::from_value(json.clone()).map_err(|e| not(e.to_string()))?;
        record.unknown = beyond(json, &record.known());
        Ok(record)
    }

    /// The bytes that are stored: its JSON in the one form that digests are made of, and the end of a line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = canonical(&self.to_json());
        text.push('\n');
        text.into_bytes()
    }

    /// Reads what is stored. Whether it is as it was written is another question: see [`crate::verify`].
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Record, RecordError> {
        let json = serde_json::from_slice(bytes).map_err(|e| RecordError::NotARecord(e.to_string()))?;
        Record::from_json(&json)
    }

    /// Gives it its place in the chain, and its digest.
    pub(crate) fn link(&mut self, sequence: u64, previous: Option<String>) {
        let random = uuid::Uuid::new_v4().simple().to_string();
        let time: String = self.at.chars().filter(|c| !matches!(c, '-' | ':')).collect();
        self.id = format!("{sequence:08}-{time}-{}", &random[..8]);
        self.sequence = sequence;
        self.previous = previous;
        self.seal();
    }

    /// Sets the digest to that of what is there now.
    pub(crate) fn seal(&mut self) {
        self.digest = digest(&self.to_json());
    }
}

/// What `json` has and `known` has not.
fn beyond(json: &Json, known: &Json) -> Option<Json> {
    match (json, known) {
        (Json::Object(all), Json::Object(known)) => {
            let rest: Map<String, Json> = all
                .iter()
                .filter_map(|(key, value)| {
                    let more = known.get(key).map_or_else(|| Some(value.clone()), |known| beyond(value, known));
                    more.map(|more| (key.clone(), more))
                })
                .collect();
            (!rest.is_empty()).then_some(Json::Object(rest))
        }
        (Json::Array(all), Json::Array(known)) => {
            let rest: Vec<Json> =
                all.iter().zip(known).map(|(value, known)| beyond(value, known).unwrap_or_default()).collect();
            rest.iter().any(|more| !more.is_null()).then_some(Json::Array(rest))
        }
        _ => None,
    }
}

/// Puts what is beyond the known back to where it was.
fn merge(json: &mut Json, more: &Json) {
    match (json, more) {
        (Json::Object(members), Json::Object(more)) => {
            for (key, value) in more {
                match members.get_mut(key) {
                    Some(member) => merge(member, value),
                    None => drop(members.insert(key.clone(), value.clone())),
                }
            }
        }
        (Json::Array(elements), Json::Array(more)) => {
            elements.iter_mut().zip(more).for_each(|(element, more)| merge(element, more));
        }
        _ => {}
    }
}
