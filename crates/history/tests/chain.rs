//! A chain of records: what is written is read, and what was changed is found.

use std::cell::RefCell;
use std::collections::BTreeMap;

use infra_history::{
    Action, ApprovedBy, AttributeChange, Change, ChangeResult, Ci, Fault, Folder, Gap, Kind, Numbers, Outcome,
    PlanUsed, Problem, Record, Release, Reverted, Running, Shelf, ShelfError, Shown, StateAt, Status, Step, Who, add,
    file_name, find, fit, verify,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn at(serial: u64) -> Option<StateAt> {
    Some(StateAt { lineage: "2f0c".into(), serial })
}

/// A record in which nothing is left out.
fn full() -> Record {
    let outcome = Outcome {
        status: Status::Reverted,
        exit: 3,
        numbers: Numbers { add: 1, change: 2, destroy: 3, import: 4, left: 5 },
        errors: vec![Problem {
            address: Some("aws_vpc.main".into()),
            summary: "creating it: AccessDenied".into(),
            detail: "request 6c1e".into(),
        }],
    };
    let ci = Ci {
        system: "GitHub Actions".into(),
        actor: Some("ana".into()),
        run: Some("77".into()),
        url: Some("https://ci.example/77".into()),
        commit: Some("abc".into()),
        branch: Some("main".into()),
    };
    let aws = Some("arn:aws:sts::123456789012:assumed-role/deploy/ci".into());
    let who = Who { user: "runner".into(), host: "build-7".into(), aws, ci: Some(ci) };
    let mut record = Record::new(Kind::Apply, who, "staging", "2026-11-21T17:03:01Z".into(), outcome);
    record.began = Some("2026-11-21T17:01:00Z".into());
    record.targets = vec!["module.api".into()];
    let approval = ApprovedBy {
        principal: "bo@example.com".into(),
        key: "SHA256:xyz".into(),
        digest: "sha256:aa".into(),
        at: Some("2026-11-21T17:00:00Z".into()),
    };
    record.plan = Some(PlanUsed {
        digest: "sha256:aa".into(),
        saved: true,
        made_by: Some("ana".into()),
        made_at: Some("2026-11-21T16:00:00Z".into()),
        commit: Some("abc".into()),
        run: Some("76".into()),
        approval_required: true,
        approvals: vec![approval],
    });
    (record.before, record.after) = (at(0), at(1));
    record.changes = vec![Change {
        address: "aws_vpc.main".into(),
        previous_address: Some("aws_vpc.old".into()),
        deposed: Some("0a1b2c3d".into()),
        action: Action::CreateThenDelete,
        reason: Some("replace_because_tainted".into()),
        object: Some("vpc-1".into()),
        result: ChangeResult::Failed,
        attributes: vec![
            AttributeChange { path: "id".into(), before: Some(Shown::value(json!("vpc-1"))), after: None },
            AttributeChange { path: "n".into(), before: Some(Shown::value(json!(1))), after: Some(Shown::unknown()) },
            AttributeChange { path: "secret".into(), before: None, after: Some(Shown::sensitive()) },
            AttributeChange { path: "long".into(), before: None, after: Some(Shown::value(json!("é".repeat(9000)))) },
        ],
        attributes_left_out: 7,
    }];
    record.changes_left_out = 8;
    record.outputs = vec![AttributeChange { path: "url".into(), before: None, after: Some(Shown::value(json!("u"))) }];
    let running = |colour: &str| Running { colour: colour.into(), version: "1".into(), definition: "api:1".into() };
    record.releases = vec![Release {
        address: "release.api".into(),
        id: "5e".into(),
        from: running("blue"),
        to: running("green"),
        phase: "reverted".into(),
        began: "2026-11-21T17:01:00Z".into(),
        by: "ana".into(),
        steps: vec![Step { at: "2026-11-21T17:01:00.120Z".into(), what: "all traffic on green".into() }],
        reverted: Some(Reverted { at: "2026-11-21T17:02:00Z".into(), by: String::new(), reason: "3 % failed".into() }),
    }];
    record.notes = vec!["a note".into()];
    record
}

/// A record of a run that brought the state from one serial to the next.
fn step(from: u64, to: u64) -> Record {
    let mut record = full();
    (record.before, record.after) = (at(from), at(to));
    record
}

/// A shelf in memory.
#[derive(Default)]
struct Board(RefCell<BTreeMap<u64, Vec<u8>>>);

impl Shelf for Board {
    fn place(&self) -> String {
        "memory".into()
    }
    fn numbers(&self) -> Result<Vec<u64>, ShelfError> {
        Ok(self.0.borrow().keys().copied().collect())
    }
    fn read(&self, number: u64) -> Result<Option<Vec<u8>>, ShelfError> {
        Ok(self.0.borrow().get(&number).cloned())
    }
    fn add(&self, number: u64, bytes: &[u8]) -> Result<(), ShelfError> {
        let mut all = self.0.borrow_mut();
        if all.contains_key(&number) {
            return Err(ShelfError::Taken(number));
        }
        all.insert(number, bytes.to_vec());
        Ok(())
    }
}

fn chain(length: u64) -> Board {
    let board = Board::default();
    for serial in 0..length {
        add(&board, step(serial, serial + 1)).unwrap();
    }
    board
}

fn faults(board: &Board) -> Vec<(u64, Fault)> {
    verify(board).unwrap().findings.into_iter().map(|finding| (finding.number, finding.fault)).collect()
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let board = Board::default();
    let written = add(&board, full()).unwrap();
    let bytes = board.read(1).unwrap().unwrap();
    let read = Record::from_bytes(&bytes).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.to_bytes(), bytes);
    assert!(read.id.starts_with("00000001-20261121T170301Z-"), "{}", read.id);
}

#[test]
fn a_whole_chain_is_unbroken_and_its_newest_record_fits_the_state() {
    let report = verify(&chain(4)).unwrap();
    assert!(report.is_unbroken() && report.unrecorded.is_empty());
    assert_eq!(report.records, 4);
    assert_eq!(report.since(at(4).as_ref()), None);
    assert_eq!(report.since(at(6).as_ref()).unwrap().to_string(), "serial 4 → 6 is not recorded");
    assert!(report.since(None).is_some());
    assert_eq!(verify(&Board::default()).unwrap().records, 0);
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let board = chain(2);
    let whole = board.read(1).unwrap().unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] = if changed[place] == b'0' { b'1' } else { b'0' };
        board.0.borrow_mut().insert(1, changed);
        let found = faults(&board);
        let first = found.first().unwrap_or_else(|| panic!("byte {place} is not found"));
        assert_eq!(first.0, 1, "byte {place}: {found:?}");
    }
}

#[test]
fn a_record_that_was_written_again_with_a_new_digest_is_found_by_the_next() {
    let board = chain(3);
    let mut json: Json = serde_json::from_slice(&board.read(2).unwrap().unwrap()).unwrap();
    json["who"]["user"] = json!("somebody else");
    json["digest"] = json!(infra_history::digest(&json));
    board.0.borrow_mut().insert(2, Record::from_json(&json).unwrap().to_bytes());
    assert_eq!(faults(&board), [(3, Fault::Broken)]);
}

#[test]
fn records_that_are_missing_swapped_or_something_else_are_named() {
    let board = chain(4);
    let second = board.0.borrow_mut().remove(&2).unwrap();
    assert_eq!(faults(&board), [(2, Fault::Missing)]);
    let third = board.0.borrow_mut().insert(3, second).unwrap();
    board.0.borrow_mut().insert(2, third);
    let found = faults(&board);
    assert!(found.contains(&(2, Fault::Misplaced(3))) && found.contains(&(3, Fault::Misplaced(2))), "{found:?}");

    let board = chain(2);
    board.0.borrow_mut().remove(&1);
    assert_eq!(faults(&board), [(1, Fault::Missing)]);
    board.0.borrow_mut().insert(1, b"{}".to_vec());
    let found = faults(&board);
    assert!(matches!(found[..], [(1, Fault::Unreadable(_)), (2, Fault::Broken)]), "{found:?}");
}

#[test]
fn the_chain_goes_on_after_a_damaged_record_and_tells_of_it_alone() {
    let board = chain(1);
    board.0.borrow_mut().insert(1, b"torn".to_vec());
    add(&board, step(1, 2)).unwrap();
    assert!(matches!(faults(&board)[..], [(1, Fault::Unreadable(_))]));
}

#[test]
fn what_moved_the_state_without_a_record_is_told_by_the_next() {
    let board = chain(2);
    let noted = add(&board, step(5, 6)).unwrap();
    assert_eq!(noted.gap, Some(Gap { from: at(2), to: at(5) }));
    let report = verify(&board).unwrap();
    assert!(report.is_unbroken());
    assert_eq!(
        report.unrecorded.iter().map(|u| u.gap.to_string()).collect::<Vec<_>>(),
        ["serial 2 → 5 is not recorded"]
    );
}

#[test]
fn of_writers_at_once_each_gets_a_place_in_one_chain() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("terraform.tfstate");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5).for_each(|_| drop(add(&Folder::beside(&path), step(1, 1)).unwrap())));
        }
    });
    let folder = Folder::beside(&path);
    assert_eq!(folder.numbers().unwrap(), (1..=20).collect::<Vec<_>>());
    assert!(verify(&folder).unwrap().is_unbroken());
}

#[cfg(unix)]
#[test]
fn files_are_for_their_owner_alone_and_are_never_written_again() {
    use std::os::unix::fs::PermissionsExt;
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("h");
    let folder = Folder::new(&path);
    assert_eq!(folder.numbers(), Ok(vec![]));
    add(&folder, full()).unwrap();
    assert_eq!(folder.add(1, b"other"), Err(ShelfError::Taken(1)));
    let names: Vec<_> = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, [file_name(1).as_str()]);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join(file_name(1)))), (0o700, 0o600));
}

#[test]
fn records_are_found_by_number_id_and_digest() {
    let board = chain(12);
    let third = Record::from_bytes(&board.read(3).unwrap().unwrap()).unwrap();
    for asked in ["3", "00000003", &third.id, &third.id[..14], &third.digest, &third.digest[7..15]] {
        assert_eq!(find(&board, asked).unwrap(), [3], "{asked}");
    }
    assert_eq!(find(&board, "0000001").unwrap(), [1], "a number with fewer noughts");
    assert!(find(&board, "99").unwrap().is_empty());
    assert!(find(&board, "zz").unwrap().is_empty());
}

#[test]
fn a_record_that_would_be_too_long_says_what_is_left_out() {
    let mut record = full();
    let change = record.changes[0].clone();
    record.changes = vec![change; 500];
    for change in &mut record.changes {
        for i in 0..40 {
            let after = Some(Shown::value(json!("v".repeat(300))));
            change.attributes.push(AttributeChange { path: format!("tags[\"{i}\"]"), before: None, after });
        }
    }
    fit(&mut record, 100_000);
    assert!(record.to_bytes().len() < 100_000);
    let told: u64 = record.changes_left_out + record.changes.len() as u64;
    assert_eq!(told, 508);
    assert!(record.changes.iter().all(|c| c.attributes.len() as u64 + c.attributes_left_out == 51));
}

#[test]
fn a_newer_format_is_named() {
    let error = Record::from_json(&json!({"infra_history": 9})).unwrap_err();
    insta::assert_snapshot!(error, @"it has format 9, and this version of infra knows format 1: a newer one can read it");
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        "[ -~é\\n\"]{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::vec(("[a-zé]{1,5}", inner), 0..4).prop_map(|m| Json::Object(m.into_iter().collect())),
        ]
    })
}

fn reversed(json: &Json) -> Json {
    match json {
        Json::Object(members) => Json::Object(members.iter().rev().map(|(k, v)| (k.clone(), reversed(v))).collect()),
        Json::Array(elements) => Json::Array(elements.iter().map(reversed).collect()),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn the_canonical_form_says_the_same_whatever_the_order_of_keys(json in any_json()) {
        let text = infra_history::canonical(&json);
        prop_assert_eq!(&infra_history::canonical(&reversed(&json)), &text);
        let read: Json = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &json);
        prop_assert_eq!(infra_history::canonical(&read), text);
    }

    #[test]
    fn different_records_have_different_digests(a in any_json(), b in any_json()) {
        let digest = infra_history::digest;
        prop_assert_eq!(digest(&json!({"v": a})) == digest(&json!({"v": b})), a == b);
    }

    #[test]
    fn what_a_newer_version_has_added_is_kept_wherever_it_is(more in any_json(), key in "new_[a-z]{1,4}") {
        let mut json = full().to_json();
        json[&key] = more.clone();
        json["who"]["ci"][&key] = more.clone();
        json["changes"][0][&key] = more.clone();
        json["changes"][0]["attributes"][2]["after"][&key] = more;
        json["kind"] = "something new".into();
        let record = Record::from_json(&json).unwrap();
        prop_assert_eq!(&record.kind, &Kind::Other("something new".into()));
        prop_assert_eq!(record.to_json(), json);
    }
}

#[test]
fn a_history_goes_with_its_state_and_is_never_mixed_with_another_one() {
    let folders = [(); 3].map(|()| tempfile::tempdir().expect("a folder"));
    let [old, new, other] = folders.each_ref().map(|folder| Folder::new(folder.path().join("history")));
    for serial in 1..=3 {
        let mut record = full();
        (record.before, record.after) = (at(serial - 1), at(serial));
        add(&old, record).expect("added");
    }
    add(&other, full()).expect("added");

    assert_eq!(infra_history::copy(&old, &new), Ok(3));
    assert_eq!(infra_history::copy(&old, &new), Ok(3), "again");
    for number in 1..=3 {
        assert_eq!(new.read(number), old.read(number));
    }
    add(&new, full()).expect("added");
    assert_eq!(infra_history::copy(&old, &new), Err(ShelfError::Taken(4)), "the new one has gone on");
    assert_eq!(infra_history::copy(&old, &other), Err(ShelfError::Taken(1)));
    assert_eq!(other.numbers(), Ok(vec![1]), "nothing was added");
}
