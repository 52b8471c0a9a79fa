//! Plans that are bound to what they were made from, and approved by somebody else: as people use them.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value as Json;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey};

use crate::support::{Folder, Outcome};

const NOTE: &str =
    "variable \"text\" {\n  default = \"first\"\n}\nresource \"terraform_data\" \"note\" {\n  input = var.text\n}\n";

/// A folder with a saved plan `p`, made by who has the key of `ana` in `~/.ssh`; `ana` and `bo` may sign.
fn planned() -> Folder {
    let folder = Folder::with(NOTE);
    std::fs::create_dir(folder.path(".ssh")).expect("a folder");
    std::fs::copy(key(&folder, "ana"), folder.path(".ssh/id_ed25519")).expect("a key");
    let line = |name: &str| format!("{name}@example.com namespaces=\"infra-plan\" {}\n", public(name));
    folder.write("allowed_signers", &format!("# who may approve\n{}{}", line("ana"), line("bo")));
    key(&folder, "bo");
    key(&folder, "eve");
    plan(&folder);
    folder
}

fn plan(folder: &Folder) -> Outcome {
    folder.infra(["plan", "-input=false", "-out=p"]).status(0)
}

fn private(name: &str) -> PrivateKey {
    let mut seed = [1; 32];
    seed.iter_mut().zip(name.bytes()).for_each(|(s, b)| *s = b);
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&seed)), name).expect("a key")
}

fn public(name: &str) -> String {
    private(name).public_key().to_openssh().expect("a public key")
}

fn key(folder: &Folder, name: &str) -> PathBuf {
    let path = folder.path(&format!("{name}.key"));
    private(name).write_openssh_file(&path, LineEnding::LF).expect("a key file");
    path
}

fn approve(folder: &Folder, name: &str) -> Outcome {
    folder.infra(["approve", "-auto-approve", &format!("-key={name}.key"), "p"]).status(0)
}

fn apply(folder: &Folder, more: &[&str]) -> Outcome {
    folder.infra([&["apply", "-input=false", "-require-approval=allowed_signers"], more, &["p"]].concat())
}

/// Another byte at a place that is as good as any.
fn change(folder: &Folder, file: &str, at: usize) {
    let mut bytes = std::fs::read(folder.path(file)).expect("a file");
    bytes[at] ^= 1;
    std::fs::write(folder.path(file), bytes).expect("a file");
}

fn git(folder: &Folder, arguments: &[&str]) -> bool {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=ana", "-c", "user.email=ana@example.com"]).args(arguments);
    command.current_dir(folder.path(".")).env("HOME", folder.path(".")).output().is_ok_and(|o| o.status.success())
}

#[test]
fn the_digest_of_a_plan_is_told_wherever_the_plan_is() {
    let folder = planned();
    let out = plan(&folder).stdout;
    let digest =
        out.lines().last().and_then(|line| line.strip_prefix("Plan digest: ")).expect("the digest is told last");
    assert!(digest.len() == 71 && digest.starts_with("sha256:"), "{digest}");
    folder.infra(["show", "p"]).status(0).says(&format!("Plan digest: {digest}"));
    let shown: Json = serde_json::from_str(&folder.infra(["show", "-json", "p"]).status(0).stdout).expect("JSON");
    assert_eq!(shown["infra"]["plan"]["digest"], digest);
    assert_eq!(shown["infra"]["plan"]["backend"], "terraform.tfstate");
    let lines = folder.infra(["plan", "-input=false", "-json", "-out=q"]).status(0).stdout;
    let told = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<Json>(line).ok())
        .find(|l| l["type"] == "infra_plan_saved");
    assert_eq!(told.expect("a line")["plan"]["file"], "q");
    approve(&folder, "bo").says(digest);
}

#[test]
fn a_changed_byte_of_a_plan_is_found() {
    let folder = planned();
    let whole = folder.read("p");
    let spread = (0..whole.len()).step_by(whole.len() / 25);
    for at in (0..130).step_by(7).chain(spread).chain([whole.len() - 2, whole.len() - 1]) {
        change(&folder, "p", at);
        let refused = folder.infra(["apply", "-input=false", "p"]).fails(&["it was changed after it was saved"]);
        assert!(!refused.stdout.contains("Apply complete"));
        folder.infra(["show", "p"]).fails(&["it was changed after it was saved"]);
        folder.write("p", &whole);
    }
    folder.write("p", &whole[..whole.len() / 2]);
    folder.infra(["approve", "-auto-approve", "-key=bo.key", "p"]).fails(&["it was changed after it was saved"]);
    folder.write("p", &whole);
    folder.infra(["apply", "-input=false", "p"]).status(0);
}

#[test]
fn a_changed_byte_of_an_approval_is_found() {
    let folder = planned();
    approve(&folder, "bo");
    let whole = folder.read("p.approvals");
    for at in (0..whole.len()).step_by(whole.len() / 30) {
        change(&folder, "p.approvals", at);
        apply(&folder, &[]).fails(&["changed after it was"]);
        folder.write("p.approvals", &whole);
    }
    apply(&folder, &[]).status(0).says("Approved by bo@example.com");
}

#[test]
fn a_plan_is_approved_by_somebody_who_may_and_did_not_make_it() {
    let folder = planned();
    apply(&folder, &[]).fails(&["The plan is not approved", "There is no approval", "infra approve p"]);
    approve(&folder, "eve");
    apply(&folder, &[]).fails(&["The plan is not approved", "its key is not in allowed_signers"]);
    // The usual key is the maker's own.
    folder.infra(["approve", "-auto-approve", "p"]).status(0).says(".ssh/id_ed25519");
    apply(&folder, &[]).fails(&["it is by who made the plan", "ana@example.com", "-allow-self"]);
    assert!(!folder.path("terraform.tfstate").exists());
    approve(&folder, "bo").says("1 to add, 0 to change, 0 to destroy");
    apply(&folder, &[]).status(0).says("Approved by bo@example.com").says("1 added");
}

#[test]
fn the_maker_may_approve_where_that_is_allowed() {
    let folder = planned();
    folder.infra(["approve", "-auto-approve", "p"]).status(0);
    apply(&folder, &["-allow-self"]).status(0).says("Approved by ana@example.com");
}

#[test]
fn the_maker_is_known_by_name_where_the_key_is_not_at_hand() {
    let folder = planned().env("CI", "true").env("GITHUB_ACTIONS", "true").env("GITHUB_ACTOR", "Bo");
    plan(&folder);
    approve(&folder, "bo");
    apply(&folder, &[]).fails(&["it is by who made the plan", "the plan was made by Bo"]);
}

#[test]
fn an_approval_is_for_one_plan_as_long_as_its_key_counts() {
    let folder = planned();
    approve(&folder, "bo");
    let approvals = folder.read("p.approvals");
    plan(&folder);
    apply(&folder, &[]).fails(&["it is for another plan"]);
    // The one of the plan before is left out when the next is written.
    approve(&folder, "bo").says("Left out 1");
    assert_ne!(folder.read("p.approvals"), approvals);
    let expired = format!("bo@example.com valid-before=\"20200101\" {}\n", public("bo"));
    folder.write("allowed_signers", &expired);
    apply(&folder, &[]).fails(&["it has expired: line 1 of allowed_signers"]);
    folder.write("allowed_signers", &format!("bo@example.com namespaces=\"git\" {}\n", public("bo")));
    apply(&folder, &[]).fails(&["allows its key for \"git\" only"]);
    folder.write("allowed_signers", "bo@example.com somehow ssh-ed25519 AAAA\n");
    apply(&folder, &[]).fails(&["The allowed signers cannot be used", "line 1"]);
    std::fs::remove_file(folder.path("allowed_signers")).expect("a file");
    apply(&folder, &[]).fails(&["The allowed signers cannot be used", "allowed_signers"]);
}

#[test]
fn an_environment_that_asks_for_approvals_is_not_forgotten() {
    let folder = planned().env("INFRA_REQUIRE_APPROVAL", "allowed_signers");
    folder.infra(["apply", "-input=false", "p"]).fails(&["The plan is not approved"]);
    folder.infra(["apply", "-auto-approve"]).fails(&["Approval needs a saved plan"]);
    folder.infra(["destroy", "-auto-approve"]).fails(&["Approval needs a saved plan"]);
    approve(&folder, "bo");
    folder.infra(["apply", "-input=false", "p"]).status(0).says("Approved by bo@example.com");
    let folder = folder.without("INFRA_REQUIRE_APPROVAL").env("INFRA_REQUIRE_APPROVAL", "");
    folder.infra(["apply", "-auto-approve"]).fails(&["INFRA_REQUIRE_APPROVAL is set to nothing"]);
}

#[test]
fn nobody_approves_by_mistake() {
    let folder = planned();
    let asked = folder.infra(["approve", "-key=bo.key", "p"]).status(1).says("Not approved.");
    for told in ["workspace", "terraform.tfstate", "Plan p: 1 to add", "infra show p"] {
        assert!(asked.stdout.contains(told), "{told:?} is not in:\n{}", asked.stdout);
    }
    folder.infra(["approve", "-input=false", "-key=bo.key", "p"]).fails(&["Confirmation needed"]);
    folder.infra(["approve", "-auto-approve", "-key=none.key", "p"]).fails(&["none.key"]);
    folder.infra(["approve", "-auto-approve", "-key=main.tf", "p"]).fails(&["main.tf: it is no SSH key"]);
    std::fs::remove_file(folder.path(".ssh/id_ed25519")).expect("a file");
    folder.infra(["approve", "-auto-approve", "p"]).fails(&["No key to sign with", "ssh-keygen"]);
    assert!(!folder.path("p.approvals").exists());
}

#[test]
fn a_plan_from_an_older_state_is_refused() {
    let folder = planned();
    let serial = || folder.state()["serial"].as_u64().expect("a serial");
    let stale = |said: String| folder.infra(["apply", "-input=false", "p"]).fails(&["Saved plan is stale", &said]);
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    stale(format!("there was none then, and it has serial {} now", serial()));
    plan(&folder);
    let before = serial();
    folder.infra(["apply", "-input=false", "-auto-approve", "-var=text=second"]).status(0);
    stale(format!("The state was changed after the plan was made: the plan is from its serial {before}"));
    plan(&folder);
    let state = folder.read("terraform.tfstate");
    folder.write("terraform.tfstate", &state.replace(&format!("\"serial\": {}", serial()), "\"serial\": 1"));
    stale("The state is older than the one that the plan was made from".to_string());
    folder.write("terraform.tfstate", &state.replace("\"lineage\": \"", "\"lineage\": \"x"));
    folder.infra(["apply", "-input=false", "p"]).fails(&["does not match the given state", "the lineage x"]);
    folder.write("other.tfstate", &state);
    folder.infra(["apply", "-input=false", "-state=other.tfstate", "p"]).fails(&["for another state", "other.tfstate"]);
    folder.write("terraform.tfstate", &state);
    folder.infra(["apply", "-input=false", "p"]).status(0);
}

#[test]
fn a_plan_with_other_variables_is_refused() {
    let folder = planned();
    folder
        .infra(["apply", "-input=false", "-var=text=second", "p"])
        .fails(&["The variable \"text\" had another value"]);
    folder.write("terraform.tfvars", "text = \"second\"\n");
    folder.infra(["apply", "-input=false", "p"]).fails(&["The variable \"text\" had another value"]);
    folder.write("terraform.tfvars", "text = \"first\"\n");
    folder.infra(["apply", "-input=false", "-var=text=first", "p"]).status(0);
    // What -var sets over a file is not given a second time.
    folder.infra(["plan", "-input=false", "-out=p", "-var=text=third"]).status(0);
    folder.infra(["apply", "-input=false", "p"]).status(0).says("1 changed");
    folder.write("more.tfvars", "text = \"fourth\"\n");
    folder.infra(["plan", "-input=false", "-out=p", "-var-file=more.tfvars"]).status(0);
    folder.write("more.tfvars", "text = \"fifth\"\n");
    folder.infra(["apply", "-input=false", "p"]).fails(&["The variable \"text\" had another value"]);
    folder.write("more.tfvars", "# the same\ntext = \"fourth\"\n");
    folder.infra(["apply", "-input=false", "p"]).status(0).says("1 changed");
}

#[test]
fn a_secret_is_not_found_by_trying_its_digest() {
    let folder = planned();
    let shown = || folder.infra(["show", "-json", "p"]).status(0).stdout;
    let variables =
        |shown: &str| serde_json::from_str::<Json>(shown).expect("JSON")["infra"]["plan"]["variables"].clone();
    let one = variables(&shown());
    plan(&folder);
    assert_ne!(one, variables(&shown()));
}

#[test]
fn a_plan_from_another_commit_is_refused() {
    let folder = planned();
    folder.write(".gitignore", ".ssh\n*.key\np\np.approvals\nterraform.tfstate*\n.terraform*\n.infra\n");
    if !(git(&folder, &["init", "-q"]) && git(&folder, &["add", "."]) && git(&folder, &["commit", "-qm", "one"])) {
        return eprintln!("skipped: git is not installed");
    }
    plan(&folder);
    folder.infra(["show", "p"]).status(0).says("at commit ");
    folder.write("README", "Nothing that the plan reads.\n");
    assert!(git(&folder, &["add", "."]) && git(&folder, &["commit", "-qm", "two"]));
    let fails = ["Saved plan is from another commit", "The plan was made at commit", "-allow-changed"];
    folder.infra(["apply", "-input=false", "p"]).fails(&fails);
    folder.write("main.tf", &NOTE.replace("first", "second"));
    assert!(git(&folder, &["commit", "-qam", "three"]));
    let fails = ["Saved plan is from another configuration", "The plan was made at commit", "main.tf (changed)"];
    folder.infra(["apply", "-input=false", "p"]).fails(&fails);
    approve(&folder, "bo");
    apply(&folder, &[]).fails(&fails);
    apply(&folder, &["-allow-changed"]).status(0).says("The configuration has changed since the plan was made");
    assert!(folder.read("terraform.tfstate").contains("\"first\""));
    // What was planned before it was committed is the same afterwards.
    folder.write("main.tf", &NOTE.replace("first", "third"));
    plan(&folder);
    assert!(git(&folder, &["commit", "-qam", "four"]));
    folder.infra(["apply", "-input=false", "p"]).status(0).says("1 changed");
}

#[test]
fn a_plan_is_applied_in_a_folder_that_holds_nothing_else() {
    let folder = planned();
    approve(&folder, "bo");
    let elsewhere = Folder::with("");
    std::fs::remove_file(elsewhere.path("main.tf")).expect("a file");
    for file in ["p", "p.approvals", "allowed_signers"] {
        std::fs::copy(folder.path(file), elsewhere.path(file)).expect("a file");
    }
    apply(&elsewhere, &[]).status(0).says("Approved by bo@example.com");
}
