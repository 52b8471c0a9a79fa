//! The history of a state: a record of each thing that was done to it, and whether they are as they were written.

use std::path::Path;

use serde_json::Value as Json;

use crate::support::{Cloud, Folder, Outcome};

const STACK: &str = r#"
variable "input" { default = "one" }

variable "secret" {
  default   = "correct horse battery"
  sensitive = true
}

resource "terraform_data" "a" {
  input = var.input
}

resource "terraform_data" "b" {
  input            = { shown = var.input, hidden = var.secret }
  triggers_replace = terraform_data.a.output
  provisioner "local-exec" {
    command = var.input == "fails" ? "echo ${nonsensitive(var.secret)}; exit 7" : "true"
  }
}

output "input" { value = var.input }
output "secret" {
  value     = var.secret
  sensitive = true
}
"#;

const AT: &str = "terraform.tfstate.infra-history";

fn apply(folder: &Folder, input: &str) -> Outcome {
    folder.infra(["apply", "-auto-approve", "-input=false", &format!("-var=input={input}")])
}

fn records(folder: &Folder) -> Vec<Json> {
    let text = folder.infra(["history", "-json", "-limit=0"]).status(0).stdout;
    let list: Json = serde_json::from_str(&text).expect("a list");
    let mut list = list.as_array().expect("a list").clone();
    list.reverse();
    list
}

fn said(record: &Json) -> (&str, &str) {
    (record["kind"].as_str().unwrap_or_default(), record["outcome"]["status"].as_str().unwrap_or_default())
}

fn change<'r>(record: &'r Json, address: &str) -> &'r Json {
    let changes = record["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    changes.iter().find(|change| change["address"] == address).unwrap_or(&Json::Null)
}

#[test]
fn each_thing_that_is_done_to_a_state_adds_a_record() {
    let folder = Folder::with(STACK)
        .env("USER", "ana")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_ACTOR", "bo")
        .env("GITHUB_RUN_ID", "77")
        .env("GITHUB_SHA", "abcdef");
    let nothing = folder.infra(["history"]).status(0).stdout;
    assert!(nothing.contains("Nothing is recorded for terraform.tfstate yet"), "{nothing}");
    apply(&folder, "one").status(0);
    apply(&folder, "one").status(0);
    apply(&folder, "two").status(0);
    apply(&folder, "fails").status(1);
    folder.infra(["state", "mv", "terraform_data.a", "terraform_data.c"]).status(0);
    folder.infra(["taint", "terraform_data.c"]).status(0);
    folder.infra(["untaint", "terraform_data.c"]).status(0);
    folder.infra(["state", "rm", "terraform_data.c"]).status(0);
    folder.infra(["state", "push", "terraform.tfstate.backup", "-force"]);
    folder.infra(["destroy", "-auto-approve", "-input=false"]).status(0);

    let records = records(&folder);
    let all: Vec<_> = records.iter().map(said).collect();
    assert_eq!(
        all,
        [
            ("apply", "done"),
            ("apply", "done"),
            ("apply", "failed"),
            ("state mv", "done"),
            ("taint", "done"),
            ("untaint", "done"),
            ("state rm", "done"),
            ("state push", "done"),
            ("destroy", "done"),
        ]
    );
    let first = &records[0];
    assert_eq!(first["outcome"]["numbers"]["add"], 2);
    assert_eq!((&first["who"]["user"], &first["who"]["ci"]["actor"]), (&"ana".into(), &"bo".into()));
    assert_eq!(change(first, "terraform_data.a")["action"], "create");
    let input = &change(&records[1], "terraform_data.a")["attributes"];
    let input = input.as_array().expect("attributes").iter().find(|a| a["path"] == "input").expect("input");
    assert_eq!((&input["before"]["value"], &input["after"]["value"]), (&"one".into(), &"two".into()));
    let failed = &records[2];
    assert_eq!(change(failed, "terraform_data.b")["result"], "failed");
    assert_eq!(failed["outcome"]["exit"], 1);
    assert_eq!(change(&records[3], "terraform_data.c")["previous_address"], "terraform_data.a");
    let mut serial = 0;
    for record in &records {
        assert_eq!(record["before"]["serial"].as_u64().unwrap_or(0), serial, "no gap: {record}");
        serial = record["after"]["serial"].as_u64().expect("a serial");
    }

    let table = folder.infra(["history", "-limit", "2"]).status(0).stdout;
    assert!(table.contains("7 older: infra history -limit=0") && table.contains("bo (GitHub Actions)"), "{table}");
    let one = folder.infra(["history", "show", "3"]).status(0).stdout;
    assert!(one.contains("apply: failed (exit status 1)") && one.contains("FAILED"), "{one}");
    let good = folder.infra(["history", "verify"]).status(0).stdout;
    assert!(good.contains("9 records in terraform.tfstate.infra-history, unbroken."), "{good}");

    let secret = "correct horse battery";
    for entry in std::fs::read_dir(folder.path(AT)).expect("a folder") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a record");
        assert!(!text.contains(secret), "{text}");
    }
    assert!(!one.contains(secret) && one.contains("(sensitive value)"), "{one}");
}

#[test]
fn a_changed_byte_and_a_record_that_is_gone_are_named() {
    let folder = Folder::with(STACK);
    ["one", "two", "three"].iter().for_each(|input| drop(apply(&folder, input).status(0)));
    let path = folder.path(AT).join("00000002.json");
    let whole = std::fs::read_to_string(&path).expect("a record");
    std::fs::write(&path, whole.replacen("\"exit\":0", "\"exit\":1", 1)).expect("it is written");
    let changed = folder.infra(["history", "verify"]).status(1);
    assert!(changed.stderr.contains("record 2 was changed after it was written"), "{}", changed.stderr);
    std::fs::remove_file(&path).expect("it is removed");
    let gone = folder.infra(["history", "verify", "-json"]).status(1).stdout;
    let gone: Json = serde_json::from_str(&gone).expect("JSON");
    assert_eq!((&gone["findings"][0]["record"], &gone["unbroken"]), (&2.into(), &false.into()));

    std::fs::write(&path, whole).expect("it is written");
    folder.infra(["history", "verify"]).status(0);
    std::fs::remove_file(folder.path(AT).join("00000003.json")).expect("it is removed");
    let last = folder.infra(["history", "verify"]).status(1);
    assert!(last.stderr.contains("The newest record does not fit the state"), "{}", last.stderr);
    // The next record tells of it for good.
    apply(&folder, "four").status(0);
    let told = folder.infra(["history", "verify"]).status(0).stdout;
    assert!(told.contains("Before record 3, serial"), "{told}");
}

#[test]
fn a_record_that_cannot_be_written_is_a_warning() {
    let folder = Folder::with(STACK);
    folder.write(AT, "a file where the folder would be");
    let applied = apply(&folder, "one").status(0);
    assert!(applied.stderr.contains("The history has no record of this"), "{}", applied.stderr);
    assert!(applied.stdout.contains("Apply complete!"), "{}", applied.stdout);
    assert!(Path::new(&folder.path("terraform.tfstate")).exists());
}

#[test]
fn a_plan_from_a_file_is_recorded_with_its_digest() {
    let folder = Folder::with(STACK);
    folder.infra(["plan", "-input=false", "-out=p"]).status(0);
    folder.infra(["apply", "-input=false", "p"]).status(0);
    let record = records(&folder).remove(0);
    let digest = record["plan"]["digest"].as_str().expect("a digest");
    let shown = folder.infra(["show", "p"]).status(0).stdout;
    assert!(shown.contains(digest), "{digest} is not in {shown}");
}

#[test]
fn a_record_is_shown_as_markdown_and_as_html() {
    let folder = Folder::with(STACK);
    apply(&folder, "one").status(0);
    let digest = records(&folder)[0]["digest"].as_str().expect("a digest").to_string();
    for form in ["-markdown", "-html"] {
        folder.infra(["history", "show", form, "1"]).status(0).says(&digest).says("terraform_data.a");
    }
}

#[test]
fn a_state_that_something_else_has_written_is_told_as_a_gap() {
    let folder = Folder::with(STACK);
    apply(&folder, "one").status(0);
    let mut state = folder.state();
    state["serial"] = (state["serial"].as_u64().expect("a serial") + 2).into();
    folder.write("terraform.tfstate", &state.to_string());
    folder.infra(["history", "verify"]).status(1);
    apply(&folder, "two").status(0);
    let all = records(&folder);
    assert_eq!(all[1]["gap"]["from"]["serial"], all[0]["after"]["serial"]);
    assert_eq!(all[1]["gap"]["to"]["serial"], state["serial"]);
    folder.infra(["history", "verify"]).status(0).says("is not recorded");
}

#[test]
fn a_workspace_has_a_history_of_its_own_that_outlives_it() {
    let folder = Folder::with(STACK);
    folder.infra(["workspace", "new", "w"]).status(0);
    apply(&folder, "one").status(0);
    folder.infra(["history", "verify"]).status(0).says("in terraform.tfstate.d.infra-history/w, unbroken");
    folder.infra(["workspace", "select", "default"]).status(0);
    assert!(records(&folder).is_empty());
    folder.infra(["workspace", "delete", "-force", "w"]).status(0);
    let folder = folder.env("TF_WORKSPACE", "w");
    let all = records(&folder);
    assert_eq!(all.iter().map(said).collect::<Vec<_>>(), [("apply", "done"), ("workspace delete", "done")]);
    assert_eq!(change(&all[1], "terraform_data.a")["action"], "forget");
    folder.infra(["history", "verify"]).status(0);
}

/// A state in S3.
const SHARED: &str = r#"
terraform {
  backend "s3" {
    bucket         = "states"
    key            = "app/terraform.tfstate"
    region         = "eu-west-1"
    use_path_style = true
    use_lockfile   = true
  }
}
"#;

#[test]
fn what_two_folders_do_to_a_state_in_s3_is_one_history() {
    let Some(cloud) = Cloud::start() else { return };
    cloud.make_bucket("states");
    let folders = [Folder::with(STACK).on(&cloud), Folder::with(STACK).on(&cloud)];
    for (folder, input) in folders.iter().zip(["one", "two"]) {
        folder.write("backend.tf", SHARED);
        folder.infra(["init", "-input=false"]).status(0);
        apply(folder, input).status(0);
    }
    folders[0].infra(["state", "mv", "terraform_data.a", "terraform_data.c"]).status(0);
    folders[1]
        .infra(["history", "verify"])
        .status(0)
        .says("3 records in s3://states/app/terraform.tfstate.infra-history");
    let all = records(&folders[1]);
    assert_eq!(all.iter().map(|record| said(record).0).collect::<Vec<_>>(), ["apply", "apply", "state mv"]);
    assert_eq!(all[0]["after"], all[1]["before"]);
}
