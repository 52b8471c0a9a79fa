//! What is being created, written down beside the state before it is asked for: a run that is killed leaves a trace of
//! everything that it may have made.
//!
//! The file is a journal of lines of JSON. A creation is `begun` before its call is sent, `made` as soon as the object has
//! an id, and `ended` once the state has it (or has nothing, since it failed). What has begun and not ended is an
//! [`Intent`]; the file goes when there is none.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use infra_address::{InstanceKey, ProviderConfig, ResourceInstance, parse_resource_instance};
use serde_json::{Value as Json, json};

use crate::Instance;
use crate::json::{instance_json, parse_instance};
use crate::local::{hidden_beside, write_private};

/// How many lines of ended creations the file may have before it is written anew.
const DEAD_LINES: usize = 1000;

/// A creation that was begun.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// What it is known by, in the cloud too where that is possible.
    pub token: String,
    /// The instance that the object is to be.
    pub address: ResourceInstance,
    /// The provider configuration that creates it.
    pub provider: ProviderConfig,
    /// When it was begun, in seconds since 1970.
    pub began: u64,
    /// The object as it was planned, null where that was not known; once it has an id, as it is known.
    pub object: Instance,
    /// Whether the object is known to exist.
    pub made: bool,
}

/// The journal beside a state.
#[derive(Debug)]
pub struct Underway {
    path: PathBuf,
    journal: Mutex<Journal>,
}

#[derive(Debug, Default)]
struct Journal {
    /// The lines of each creation that has not ended; `None` until the file was read.
    open: Option<BTreeMap<String, Vec<String>>>,
    file: Option<File>,
    dead: usize,
}

impl Underway {
    /// The journal beside the state at a path. Nothing is opened yet.
    pub fn beside(state: &Path) -> Underway {
        Underway { path: hidden_beside(state, ".infra-underway"), journal: Mutex::default() }
    }

    /// What was begun and has not ended, in the order in which it began.
    pub fn intents(&self) -> Vec<Intent> {
        let Ok(text) = fs::read_to_string(&self.path) else { return Vec::new() };
        let mut intents: Vec<Intent> = open_lines(&text).values().filter_map(|lines| parse(lines)).collect();
        intents.sort_by(|a, b| a.token.cmp(&b.token));
        intents
    }

    /// Writes down, so that it is there even if the machine stops now, that an object is about to be created.
    ///
    /// # Errors
    /// When that is not possible: then the object must not be created.
    pub fn begin(&self, intent: &Intent) -> io::Result<()> {
        let line = json!({
            "begun": intent.token,
            "address": intent.address.to_string(),
            "provider": intent.provider.to_string(),
            "time": intent.began,
            "object": instance_json(&InstanceKey::None, None, &intent.object),
        });
        self.add(&intent.token, &line)
    }

    /// Writes down, in the same way, that the object exists and what is known of it.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn made(&self, token: &str, object: &Instance) -> io::Result<()> {
        self.add(token, &json!({"made": token, "object": instance_json(&InstanceKey::None, None, object)}))
    }

    /// The state says what came of these: there is nothing more to find out. A line that is lost only means to look again.
    pub fn end<'t>(&self, tokens: impl IntoIterator<Item = &'t str>) {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(open) = journal.read(&self.path) else { return };
        let mut lines = String::new();
        let mut dead = 0;
        let mut made = Vec::new();
        for token in tokens {
            if let Some(gone) = open.remove(token) {
                dead += gone.len() + 1;
                lines.push_str(&format!("{}\n", json!({"ended": token})));
                // What nothing could be found out about is past when the instance has an object.
                if gone.len() > 1 && !open.is_empty() {
                    made.extend(address_of(&gone));
                }
            }
        }
        if !made.is_empty() {
            let past = open.iter().filter(|(_, lines)| address_of(lines).is_some_and(|a| made.contains(&a)));
            for token in past.map(|(token, _)| token.clone()).collect::<Vec<_>>() {
                dead += 1 + open.remove(&token).map_or(0, |lines| lines.len());
                lines.push_str(&format!("{}\n", json!({"ended": token})));
            }
        }
        let none_open = open.is_empty();
        journal.dead += dead;
        if none_open {
            journal.file = None;
            journal.dead = 0;
            let _ = fs::remove_file(&self.path);
        } else if journal.dead > DEAD_LINES {
            let _ = journal.rewrite(&self.path);
        } else if !lines.is_empty() {
            let _ = journal.append(&self.path, &lines, false);
        }
    }

    fn add(&self, token: &str, line: &Json) -> io::Result<()> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{line}\n");
        journal.read(&self.path)?.entry(token.to_string()).or_default().push(line.clone());
        journal.append(&self.path, &line, true)
    }
}

impl Journal {
    /// The open creations. What an earlier run has left is read once, and the file then holds nothing else.
    fn read(&mut self, path: &Path) -> io::Result<&mut BTreeMap<String, Vec<String>>> {
        if self.open.is_none() {
            let text = match fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(error),
            };
            self.open = Some(open_lines(&text));
            if !text.is_empty() {
                self.rewrite(path)?;
            }
        }
        Ok(self.open.get_or_insert_default())
    }

    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        let text: String = self.open.iter().flat_map(BTreeMap::values).flatten().map(String::as_str).collect();
        self.file = None;
        self.dead = 0;
        write_private(path, text.as_bytes())
    }

    fn append(&mut self, path: &Path, lines: &str, synced: bool) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let new = !path.exists();
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
                if new {
                    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
                    File::open(folder).and_then(|folder| folder.sync_all())?;
                }
                none.insert(file)
            }
        };
        file.write_all(lines.as_bytes())?;
        if synced { file.sync_data() } else { Ok(()) }
    }
}

/// The lines of each creation that has not ended. A line that was cut off is as if it had not been written.
fn open_lines(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut open: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let Ok(json) = serde_json::from_str::<Json>(line) else { continue };
        if let Some(token) = json["ended"].as_str() {
            open.remove(token);
        } else if let Some(token) = json["begun"].as_str().or(json["made"].as_str()) {
            open.entry(token.to_string()).or_default().push(format!("{line}\n"));
        }
    }
    open
}

/// The instance that a creation is of, as it is written.
fn address_of(lines: &[String]) -> Option<String> {
    let json: Json = serde_json::from_str(lines.first()?).ok()?;
    json["address"].as_str().map(str::to_string)
}

fn parse(lines: &[String]) -> Option<Intent> {
    let mut found: Option<Intent> = None;
    for line in lines {
        let mut json: Json = serde_json::from_str(line).ok()?;
        let Json::Object(object) = json["object"].take() else { continue };
        let Ok((_, _, object)) = parse_instance(object) else { continue };
        match (&mut found, json["begun"].as_str()) {
            (_, Some(token)) => {
                found = Some(Intent {
                    token: token.to_string(),
                    address: parse_resource_instance(json["address"].as_str()?).ok()?,
                    provider: ProviderConfig::parse(json["provider"].as_str()?)?,
                    began: json["time"].as_u64().unwrap_or_default(),
                    object,
                    made: false,
                });
            }
            (Some(intent), None) => {
                intent.object = object;
                intent.made = true;
            }
            (None, None) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn intent(token: &str, address: &str) -> Intent {
        let object = Instance {
            tainted: false,
            schema_version: 1,
            attributes: [("cidr_block".to_string(), json!("10.0.0.0/16"))].into_iter().collect(),
            sensitive: Vec::new(),
            private: Some(b"{}".to_vec().into()),
            dependencies: vec!["aws_vpc.a".into()],
            create_before_destroy: true,
            extra: Default::default(),
        };
        Intent {
            token: token.into(),
            address: parse_resource_instance(address).expect("an address"),
            provider: ProviderConfig::parse("provider[\"registry.terraform.io/hashicorp/aws\"].west")
                .expect("a provider"),
            began: 7,
            object,
            made: false,
        }
    }

    #[test]
    fn what_has_begun_and_not_ended_is_told_by_the_next_run() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("terraform.tfstate");
        let (a, b) = (intent("1", "module.m[\"k\"].aws_subnet.a[0]"), intent("2", "aws_vpc.b"));
        let journal = Underway::beside(&state);
        journal.begin(&a)?;
        journal.begin(&b)?;
        let mut known = b.object.clone();
        known.attributes.insert("id".into(), json!("vpc-1"));
        journal.made("2", &known)?;
        let next = Underway::beside(&state);
        assert_eq!(next.intents(), [a, Intent { object: known, made: true, ..b }]);
        next.end(["1"]);
        assert_eq!(next.intents().len(), 1);
        next.end(["2"]);
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }

    #[test]
    fn an_object_of_the_same_instance_ends_what_was_not_found_out() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("terraform.tfstate");
        let journal = Underway::beside(&state);
        for (token, address) in [("1", "aws_vpc.a"), ("2", "aws_vpc.b"), ("3", "aws_vpc.a"), ("4", "aws_vpc.b")] {
            journal.begin(&intent(token, address))?;
        }
        journal.made("3", &intent("3", "aws_vpc.a").object)?;
        journal.end(["3", "4"]);
        let left: Vec<String> = journal.intents().into_iter().map(|intent| intent.token).collect();
        assert_eq!(left, ["2"]);
        Ok(())
    }

    #[test]
    fn only_the_owner_can_read_it_and_a_torn_line_counts_for_nothing() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("terraform.tfstate");
        let journal = Underway::beside(&state);
        journal.begin(&intent("1", "aws_vpc.a"))?;
        let path = folder.path().join(".terraform.tfstate.infra-underway");
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        let whole = fs::read_to_string(&path)?;
        fs::write(&path, format!("creating aws_vpc.z\n{whole}{}", &whole[..whole.len() / 2]))?;
        let next = Underway::beside(&state);
        assert_eq!(next.intents().len(), 1);
        next.begin(&intent("3", "aws_vpc.c"))?;
        assert_eq!(Underway::beside(&state).intents().len(), 2);
        Ok(())
    }

    #[test]
    fn the_file_does_not_grow_with_what_has_ended() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().join("terraform.tfstate");
        let journal = Underway::beside(&state);
        journal.begin(&intent("0", "aws_vpc.a"))?;
        for i in 1..2000 {
            let token = i.to_string();
            journal.begin(&intent(&token, "aws_vpc.b"))?;
            journal.end([token.as_str()]);
        }
        let lines = fs::read_to_string(folder.path().join(".terraform.tfstate.infra-underway"))?.lines().count();
        assert!(lines <= 2 + DEAD_LINES, "{lines}");
        assert_eq!(journal.intents().len(), 1);
        Ok(())
    }
}
