//! Which approvals hold, and what is found when one was changed.

mod keys;

use infra_approval::{
    About, AllowedSigners, Approvals, Maker, NotAllowed, Refusal, Requirement, Signed, Statement, Why, fingerprint,
    sign_with_key,
};
use jiff::Timestamp;
use keys::{key, public};

fn about(digest: &str) -> About {
    About {
        digest: format!("sha256:{digest}"),
        workspace: "default".into(),
        state: "terraform.tfstate".into(),
        changes: "1 to add, 0 to change, 0 to destroy".into(),
    }
}

fn signed(by: &str, about: About) -> Signed {
    let statement = Statement { about, approver: format!("{by}@laptop"), signed_at: "2026-06-15T12:00:00Z".into() };
    let signature = sign_with_key(&key(by), &statement.to_text()).expect("a signature");
    Signed { statement, signature }
}

struct Case {
    maker: Maker,
    allowed: String,
    allow_self: bool,
}

impl Case {
    fn new() -> Case {
        let allowed = format!("alice@example.com {}\nbob@example.com {}\n", public("alice"), public("bob"));
        Case { maker: Maker::default(), allowed, allow_self: false }
    }

    fn check(&self, list: Vec<Signed>) -> Result<String, Refusal> {
        let requirement = Requirement {
            about: &about("01"),
            maker: &self.maker,
            allowed: &AllowedSigners::parse(&self.allowed).expect("allowed signers"),
            allow_self: self.allow_self,
            now: "2026-06-15T12:30:00Z".parse::<Timestamp>().expect("a time"),
        };
        requirement.check(&Approvals { list }).map(|approval| approval.principal)
    }

    fn why(&self, list: Vec<Signed>) -> Why {
        match self.check(list) {
            Err(Refusal::Rejected(mut list)) => list.remove(0).why,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn somebody_else_approves() {
    let case = Case::new();
    assert_eq!(case.check(vec![signed("bob", about("01"))]).as_deref(), Ok("bob@example.com"));
    // One that holds is enough.
    let list = vec![signed("mallory", about("01")), signed("bob", about("02")), signed("alice", about("01"))];
    assert_eq!(case.check(list).as_deref(), Ok("alice@example.com"));
    assert_eq!(case.check(vec![]), Err(Refusal::None));
}

#[test]
fn it_is_said_why_an_approval_does_not_count() {
    let case = Case::new();
    assert_eq!(case.why(vec![signed("bob", about("02"))]), Why::AnotherPlan { digest: "sha256:02".into() });
    let unknown = Why::NotAllowed(NotAllowed::Unknown { authority: None });
    assert_eq!(case.why(vec![signed("mallory", about("01"))]), unknown);
    let less = About { changes: "nothing".into(), ..about("01") };
    assert!(matches!(case.why(vec![signed("bob", less)]), Why::SaysOtherwise { .. }));
    let mut moved = signed("bob", about("02"));
    moved.statement.about.digest = "sha256:01".into();
    assert_eq!(case.why(vec![moved]), Why::Damaged);
    let expired = Case { allowed: format!("bob valid-before=\"20260614Z\" {}", public("bob")), ..Case::new() };
    assert!(matches!(expired.why(vec![signed("bob", about("01"))]), Why::NotAllowed(NotAllowed::Expired { .. })));
}

#[test]
fn who_made_the_plan_does_not_approve_it() {
    let maker =
        |names: &[&str], keys: Vec<String>| Maker { names: names.iter().map(|n| n.to_string()).collect(), keys };
    let own = Case { maker: maker(&[], vec![fingerprint(key("bob").public_key())]), ..Case::new() };
    let principal = "bob@example.com".to_string();
    assert_eq!(own.why(vec![signed("bob", about("01"))]), Why::MakersKey { principal: principal.clone() });
    for name in ["bob@example.com", "Bob", "BOB@EXAMPLE.COM"] {
        let named = Case { maker: maker(&["ci@runner", name], vec![]), ..Case::new() };
        let wanted = Why::Maker { principal: principal.clone(), called: name.into() };
        assert_eq!(named.why(vec![signed("bob", about("01"))]), wanted);
        assert_eq!(named.check(vec![signed("alice", about("01"))]).as_deref(), Ok("alice@example.com"));
        let allowed = Case { allow_self: true, ..named };
        assert_eq!(allowed.check(vec![signed("bob", about("01"))]).as_deref(), Ok("bob@example.com"));
    }
    // Another of one's names does not help.
    let both = format!("bobby,bob@example.com {}", public("bob"));
    let named = Case { maker: maker(&["bob@example.com"], vec![]), allowed: both, allow_self: false };
    assert!(matches!(named.why(vec![signed("bob", about("01"))]), Why::Maker { .. }));
}

#[test]
fn a_damaged_approval_is_told_even_beside_one_that_holds() {
    let mut damaged = signed("alice", about("01"));
    damaged.statement.approver = "carol".into();
    assert_eq!(Case::new().why(vec![signed("bob", about("01")), damaged]), Why::Damaged);
}

#[test]
fn every_changed_byte_is_found() {
    let text = Approvals { list: vec![signed("bob", about("01"))] }.to_text();
    let read = Approvals::parse(&text).expect("it is read as it was written");
    assert_eq!(Case::new().check(read.list).as_deref(), Ok("bob@example.com"));
    for at in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1 << (at % 8);
        let found = match String::from_utf8(bytes).map(|text| Approvals::parse(&text)) {
            Ok(Ok(approvals)) => Case::new().why(approvals.list) == Why::Damaged,
            _ => true,
        };
        assert!(found, "byte {at} of:\n{text}");
        assert!(at == 0 || Approvals::parse(&text[..at]).is_err(), "cut off at {at}");
    }
    let two = [text.as_str(), text.as_str()];
    assert_eq!(Approvals::parse(&two.join("\n")).map(|read| read.list.len()), Ok(2));
    for between in ["", " ", "\n\n", "\r\n"] {
        assert!(Approvals::parse(&two.join(between)).is_err(), "{between:?}");
    }
}
