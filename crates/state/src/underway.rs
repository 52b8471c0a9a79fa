//! What is being created, written down beside the state before it is asked for: a run that is killed leaves a trace of
//! everything that it may have made.
//!
//! It is a journal of lines of JSON. A creation is `begun` before its call is sent, `made` as soon as the object has an
//! id, and `ended` once the state has it (or has nothing, since it failed). What has begun and not ended is an
//! [`Intent`]; the journal goes when there is none. Beside a file it is a file ([`file`]), beside an object an object
//! ([`object`]).

mod file;
mod object;
mod open;

use std::io;
use std::path::Path;

use infra_address::{InstanceKey, ProviderConfig, ResourceInstance};
use serde_json::json;

use self::file::FileJournal;
use self::object::ObjectJournal;
use self::open::Open;
use crate::Instance;
use crate::json::instance_json;
use crate::local::hidden_beside;

pub use self::object::{Begun, UnderwayObject};

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
pub struct Underway(Medium);

#[derive(Debug)]
enum Medium {
    File(FileJournal),
    Object(ObjectJournal),
}

impl Underway {
    /// The journal beside the state at a path. Nothing is opened yet.
    pub fn beside(state: &Path) -> Underway {
        Underway(Medium::File(FileJournal::new(hidden_beside(state, ".infra-underway"))))
    }

    /// The journal that is one object. Nothing is opened yet. What is still to be written is written when it is dropped.
    pub fn in_object(object: impl UnderwayObject) -> Underway {
        Underway(Medium::Object(ObjectJournal::new(object)))
    }

    /// What was begun and has not ended, in the order in which it began; nothing if it cannot be read.
    pub fn intents(&self) -> Vec<Intent> {
        self.read_intents().unwrap_or_default()
    }

    /// What was begun and has not ended, in the order in which it began.
    ///
    /// # Errors
    /// When it cannot be read: then it is not known what an earlier run may have created.
    pub fn read_intents(&self) -> io::Result<Vec<Intent>> {
        let text = match &self.0 {
            Medium::File(file) => file.read()?,
            Medium::Object(object) => object.read()?,
        };
        Ok(Open::parse(&text).intents())
    }

    /// Writes down, so that it is there even if the machine stops now, that an object is about to be created.
    ///
    /// # Errors
    /// When that is not possible: then the object must not be created.
    pub fn begin(&self, intent: &Intent) -> io::Result<()> {
        match &self.0 {
            Medium::File(file) => file.add(&intent.token, begun(intent)),
            Medium::Object(object) => object.begin(&intent.token, begun(intent)).wait(),
        }
    }

    /// The same without holding up the thread: it is written down when what is returned is ready. Those that begin within
    /// the same few milliseconds share one write where a write takes long.
    pub fn begin_soon(&self, intent: &Intent) -> Begun {
        match &self.0 {
            Medium::File(file) => Begun::now(file.add(&intent.token, begun(intent))),
            Medium::Object(object) => object.begin(&intent.token, begun(intent)),
        }
    }

    /// Writes down that the object exists and what is known of it: in a file as [`Underway::begin`] does; an object is on
    /// its way when this returns, and whoever is killed before it has arrived finds the creation as it was begun.
    ///
    /// # Errors
    /// When that is not possible.
    pub fn made(&self, token: &str, object: &Instance) -> io::Result<()> {
        let line = json!({"made": token, "object": instance_json(&InstanceKey::None, None, object)});
        match &self.0 {
            Medium::File(file) => file.add(token, line),
            Medium::Object(journal) => journal.made(token, line),
        }
    }

    /// The state says what came of these: there is nothing more to find out. A line that is lost only means to look again.
    pub fn end<'t>(&self, tokens: impl IntoIterator<Item = &'t str>) {
        let tokens: Vec<&str> = tokens.into_iter().collect();
        match &self.0 {
            Medium::File(file) => file.end(&tokens),
            Medium::Object(object) => object.end(&tokens),
        }
    }
}

fn begun(intent: &Intent) -> serde_json::Value {
    json!({
        "begun": intent.token,
        "address": intent.address.to_string(),
        "provider": intent.provider.to_string(),
        "time": intent.began,
        "object": instance_json(&InstanceKey::None, None, &intent.object),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use infra_address::parse_resource_instance;

    use super::file::DEAD_LINES;
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
