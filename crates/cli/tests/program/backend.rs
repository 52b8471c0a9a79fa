//! States in S3, shared with others: other runs of infra, and Terraform where it is installed.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::{Cloud, Fault, Folder, Outcome, Proxy};

const APPLY: [&str; 3] = ["apply", "-input=false", "-auto-approve"];
const PLAN: [&str; 3] = ["plan", "-input=false", "-detailed-exitcode"];
const INIT: [&str; 2] = ["init", "-input=false"];
const QUIET: Duration = Duration::from_secs(60);
const STATE: &str = "PUT /states/app/terraform.tfstate";

/// Two things, so that there is a middle.
const THINGS: &str = r#"
variable "word" {
  default = "one"
}
resource "terraform_data" "a" {
  input = var.word
}
resource "terraform_data" "b" {
  input = terraform_data.a.output
}
output "word" {
  value = terraform_data.b.output
}
"#;

fn backend(lock: &str) -> String {
    format!(
        r#"
terraform {{
  backend "s3" {{
    bucket         = "states"
    key            = "app/terraform.tfstate"
    region         = "eu-west-1"
    use_path_style = true
    {lock}
  }}
}}
"#
    )
}

/// A cloud with a bucket for states and a table for locks.
fn cloud() -> Option<Cloud> {
    let cloud = Cloud::start()?;
    cloud.make_bucket("states");
    cloud.make_lock_table("locks");
    Some(cloud)
}

/// A folder whose state is in S3, initialised.
fn shared(url: &str, lock: &str) -> Folder {
    let folder = Folder::with(THINGS).at(url);
    folder.write("backend.tf", &backend(lock));
    folder.infra(INIT).status(0).says("Successfully configured the backend \"s3\"!");
    folder
}

/// The same folder once more, as somebody else has it.
fn beside(url: &str, lock: &str) -> Folder {
    let folder = Folder::with(THINGS).at(url);
    folder.write("backend.tf", &backend(lock));
    folder
}

/// Terraform, where it is installed.
struct Terraform<'f>(&'f Folder);

impl Terraform<'_> {
    fn is_here() -> bool {
        let here = Command::new("terraform").arg("version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        let here = here.is_ok_and(|status| status.success());
        if !here {
            let _ = std::io::stderr().write_all(b"SKIPPED: no terraform on the path\n");
        }
        here
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        Outcome::of(self.command(arguments).output().expect("terraform starts"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command(arguments);
        let mut terraform = Command::new("terraform");
        terraform.args(arguments).current_dir(self.0.path(".")).env_clear().env("CHECKPOINT_DISABLE", "1");
        for (name, value) in command.stdin(Stdio::null()).get_envs() {
            value.map(|value| terraform.env(name, value));
        }
        terraform
    }
}

/// A run that waits for an answer, and holds the lock meanwhile.
struct Holding(Child);

impl Holding {
    fn start(mut command: Command) -> Holding {
        let mut run =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut out = BufReader::new(run.stdout.take().expect("standard output is a pipe"));
        let mut line = Vec::new();
        while !String::from_utf8_lossy(&line).contains("Enter a value") {
            let before = line.len();
            out.read_until(b':', &mut line).expect("it can be read");
            assert!(line.len() > before, "it ended: {}", String::from_utf8_lossy(&line));
        }
        // It must go on finding somebody who reads.
        std::thread::spawn(move || drop(out.read_to_end(&mut Vec::new())));
        Holding(run)
    }

    fn answer(mut self, word: &str) -> Option<i32> {
        let mut stdin = self.0.stdin.take().expect("standard input is a pipe");
        writeln!(stdin, "{word}").expect("it listens");
        drop(stdin);
        self.0.wait().expect("it ends").code()
    }

    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

/// The ID of a lock that an error tells about.
fn lock_id(outcome: &Outcome) -> String {
    let text = format!("{}{}", outcome.stdout, outcome.stderr);
    let found = text.split("  ID:").nth(1).and_then(|rest| rest.split_whitespace().next());
    found.unwrap_or_else(|| panic!("no lock in:\n{text}")).to_string()
}

#[test]
fn terraform_and_infra_go_on_where_the_other_stopped() {
    let Some(cloud) = cloud() else { return };
    let folder = shared(&cloud.url(), "use_lockfile = true");
    folder.infra(APPLY).status(0).says("2 added");
    assert!(!folder.path("terraform.tfstate").exists());
    if !Terraform::is_here() {
        return;
    }
    // The folder that infra has initialised.
    let terraform = Terraform(&folder);
    terraform.run(&PLAN).status(0).says("No changes.");
    // Another one, that Terraform initialises.
    let other = beside(&cloud.url(), "use_lockfile = true");
    let terraform = Terraform(&other);
    terraform.run(&INIT).status(0);
    terraform.run(&PLAN).status(0).says("No changes.");
    terraform.run(&["apply", "-auto-approve", "-var=word=two"]).status(0);
    other.infra(["plan", "-input=false", "-detailed-exitcode", "-var=word=two"]).status(0).says("No changes.");
    folder.infra(["output", "-raw", "word"]).status(0).says("two");
    // Workspaces.
    folder.infra(["workspace", "new", "ours"]).status(0);
    terraform.run(&["workspace", "new", "theirs"]).status(0);
    terraform.run(&["workspace", "list"]).status(0).says("ours").says("* theirs");
    folder.infra(["workspace", "list"]).status(0).says("* ours").says("theirs");
    folder.infra(APPLY).status(0).says("2 added");
    terraform.run(&["workspace", "select", "ours"]).status(0);
    terraform.run(&PLAN).status(0).says("No changes.");
    folder.infra(["workspace", "select", "default"]).status(0);
    folder.infra(["workspace", "delete", "theirs"]).status(0);
    folder.infra(["workspace", "delete", "ours"]).fails(&["Workspace is not empty"]);
    terraform.run(&["workspace", "list"]).status(0).says("* ours");
}

#[test]
fn whoever_comes_second_waits_and_is_told_who_holds_the_lock() {
    let Some(cloud) = cloud() else { return };
    let terraform_is_here = Terraform::is_here();
    for lock in ["use_lockfile = true", "dynamodb_table = \"locks\""] {
        let folder = shared(&cloud.url(), lock);
        let other = shared(&cloud.url(), lock);
        let plan = ["plan", "-input=false", "-no-color", "-lock-timeout=2s"];
        // infra holds it.
        let holding = Holding::start(folder.command(["apply"]));
        let refused = other.infra(plan).fails(&["Error acquiring the state lock", "OperationTypeApply"]);
        let id = lock_id(&refused);
        if terraform_is_here {
            let refused = Terraform(&other).run(&plan).status(1).fails_with("Error acquiring the state lock");
            assert_eq!(lock_id(&refused), id, "{lock}");
        }
        assert_eq!(holding.answer("no"), Some(1));
        other.infra(plan).status(0);
        // Somebody who was killed has left it, and anybody may remove it.
        let holding = Holding::start(folder.command(["apply"]));
        holding.kill();
        let id = lock_id(&other.infra(plan).fails(&["Error acquiring the state lock"]));
        other.infra(["force-unlock", "-force", "not-the-id"]).fails(&["Failed to unlock state"]);
        match terraform_is_here {
            true => drop(Terraform(&other).run(&["force-unlock", "-force", &id]).status(0)),
            false => drop(other.infra(["force-unlock", "-force", &id]).status(0)),
        }
        other.infra(plan).status(0);
        if !terraform_is_here {
            continue;
        }
        // Terraform holds it.
        let holding = Holding::start(Terraform(&folder).command(&["apply"]));
        other.infra(plan).fails(&["Error acquiring the state lock", "OperationTypeApply"]);
        assert_eq!(holding.answer("no"), Some(1));
        let holding = Holding::start(Terraform(&folder).command(&["apply"]));
        holding.kill();
        let id = lock_id(&other.infra(plan).fails(&["Error acquiring the state lock"]));
        other.infra(["force-unlock", "-force", &id]).status(0);
        Terraform(&folder).run(&plan).status(0);
    }
}

#[test]
fn states_are_copied_to_a_new_backend_and_back() {
    let Some(cloud) = cloud() else { return };
    let folder = Folder::with(THINGS).on(&cloud);
    folder.infra(INIT).status(0);
    folder.infra(APPLY).status(0);
    folder.infra(["workspace", "new", "more"]).status(0);
    folder.infra(["apply", "-input=false", "-auto-approve", "-var=word=more"]).status(0);
    let lineage = folder.state()["lineage"].clone();
    folder.write("backend.tf", &backend("use_lockfile = true"));
    folder.infra(PLAN).fails(&["Backend initialization required", "asks before it copies states"]);
    folder.infra(INIT).fails(&["States would have to be copied", "terraform.tfstate.d/more", "-force-copy"]);
    assert!(!folder.path(".terraform/terraform.tfstate").exists());
    folder.infra(["init", "-input=false", "-force-copy"]).status(0).says("s3://states/app/terraform.tfstate");
    assert!(!folder.path("terraform.tfstate").exists() && folder.path("terraform.tfstate.backup").exists());
    folder.infra(["workspace", "list"]).status(0).says("* more").says("default");
    folder.infra(["output", "-raw", "word"]).status(0).says("more");
    folder.infra(["workspace", "select", "default"]).status(0);
    folder.infra(PLAN).status(0).says("No changes.");
    // Back into the folder.
    std::fs::remove_file(folder.path("backend.tf")).expect("a file");
    folder.infra(PLAN).fails(&["Backend initialization required"]);
    folder.infra(INIT).fails(&["Backend configuration changed", "-migrate-state", "-reconfigure"]);
    folder.infra(["init", "-input=false", "-force-copy"]).status(0).says("Successfully unset the backend \"s3\".");
    assert_eq!(folder.state()["lineage"], lineage);
    folder.infra(PLAN).status(0).says("No changes.");
    folder.infra(["workspace", "select", "more"]).status(0);
    folder.infra(["output", "-raw", "word"]).status(0).says("more");
    // What was in S3 is there still.
    let other = shared(&cloud.url(), "use_lockfile = true");
    other.infra(["output", "-raw", "word"]).status(0).says("one");
}

#[test]
fn a_block_is_completed_and_replaced_by_options() {
    let Some(cloud) = cloud() else { return };
    let folder = Folder::with(THINGS).on(&cloud);
    folder.write("backend.tf", "terraform {\n  backend \"s3\" {}\n}\n");
    folder.infra(INIT).fails(&["bucket", "on backend.tf line 2"]);
    folder.write("some.s3.tfbackend", "bucket = \"states\"\nregion = \"eu-west-1\"\nuse_path_style = true\n");
    let key = |key: &str| format!("-backend-config=key={key}");
    let with = |more: &[&str], name: &str| {
        let mut arguments = vec!["init", "-input=false", "-backend-config=some.s3.tfbackend"];
        let name = key(name);
        arguments.push(&name);
        arguments.extend(more);
        folder.infra(arguments)
    };
    with(&[], "a").status(0);
    folder.infra(APPLY).status(0);
    // The same once more, and without the options: what was given is recorded.
    with(&[], "a").status(0);
    folder.infra(INIT).status(0);
    folder.infra(PLAN).status(0);
    if Terraform::is_here() {
        Terraform(&folder).run(&INIT).status(0);
        Terraform(&folder).run(&PLAN).status(0).says("No changes.");
    }
    with(&[], "b").fails(&["Backend configuration changed"]);
    with(&["-reconfigure"], "b").status(0);
    folder.infra(PLAN).status(2);
    with(&["-reconfigure"], "a").status(0);
    with(&["-migrate-state", "-force-copy"], "c").status(0).says("s3://states/c").says("of its history");
    folder.infra(PLAN).status(0);
    folder.infra(["history", "verify"]).status(0).says("unbroken");
    folder.infra(["init", "-backend-config=shade=1"]).fails(&["no argument \"shade\""]);
    folder.infra(["init", "-backend=false"]).status(0);
    folder.infra(PLAN).status(0);
}

#[test]
fn settings_that_cannot_work_are_told_by_init() {
    let Some(cloud) = cloud() else { return };
    let init = |text: &str, folder: Folder| {
        folder.write("backend.tf", &format!("terraform {{\n  backend {text}\n}}\n"));
        folder.infra(INIT)
    };
    let folder = || Folder::with(THINGS).on(&cloud);
    let s3 = "bucket = \"states\"\n key = \"a\"\n use_path_style = true";
    init("\"consul\" {}", folder()).fails(&["Unsupported backend type", "\"local\"", "\"s3\"", "on backend.tf line 2"]);
    init(&format!("\"s3\" {{\n {s3}\n }}"), folder()).fails(&["region"]);
    let s3 = format!("{s3}\n region = \"eu-west-1\"");
    let nobody = folder().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    init(&format!("\"s3\" {{\n {s3}\n }}"), nobody).fails(&["credentials"]);
    init(&format!("\"s3\" {{\n {} \n }}", s3.replace("states", "nowhere")), folder()).fails(&["nowhere"]);
    init(&format!("\"s3\" {{\n {} \n }}", s3.replace("\"a\"", "var.word")), folder()).fails(&["Variables not allowed"]);
    let unset = Folder::with(THINGS).on(&cloud);
    unset.write("backend.tf", &backend(""));
    unset.infra(PLAN).fails(&["Backend initialization required", "infra init", "on backend.tf line 3"]);
    unset.infra(["state", "list"]).fails(&["Backend initialization required"]);
}

#[test]
fn of_two_applies_at_once_one_waits_for_the_other() {
    let Some(cloud) = cloud() else { return };
    let one = shared(&cloud.url(), "use_lockfile = true");
    let two = shared(&cloud.url(), "use_lockfile = true");
    let apply = ["apply", "-input=false", "-auto-approve", "-lock-timeout=60s"];
    let mut runs = [one.start(apply), two.start(apply)];
    for run in &mut runs {
        assert!(run.wait().expect("it ends").success());
    }
    one.infra(PLAN).status(0).says("No changes.");
    let state: serde_json::Value =
        serde_json::from_str(&one.infra(["state", "pull"]).status(0).stdout).expect("the state is JSON");
    assert_eq!(state["resources"].as_array().map(Vec::len), Some(2));
}

/// Each time that it writes the state or its lock, or creates something.
#[test]
fn a_run_that_is_killed_loses_nothing() {
    let Some(cloud) = cloud() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = shared(&proxy.url(), "use_lockfile = true").env("AWS_REGION", "eu-west-1");
    folder.write("vpc.tf", "resource \"aws_vpc\" \"v\" {\n  cidr_block = \"10.0.0.0/16\"\n}\n");
    let mut made = 0;
    for step in 0.. {
        proxy.set(move |_, before| (before == step).then_some(Fault::Withhold));
        let mut run = folder.start(APPLY);
        let stuck = proxy.stuck(QUIET, &mut run);
        match stuck {
            Some(_) => proxy.kill(&mut run),
            None => drop(run.wait()),
        }
        proxy.open();
        made += proxy.take_done().get("CreateVpc").copied().unwrap_or_default();
        let plan = folder.infra(PLAN);
        if plan.status == Some(1) {
            let id = lock_id(&plan.fails(&["Error acquiring the state lock", "infra force-unlock"]));
            folder.infra(["force-unlock", "-force", &id]).status(0);
        }
        if stuck.is_none() {
            break;
        }
    }
    folder.infra(APPLY).status(0);
    folder.infra(PLAN).status(0).says("No changes.");
    assert_eq!(made, 1);
    folder.infra(["destroy", "-input=false", "-auto-approve"]).status(0).says("3 destroyed");
}

#[test]
fn a_state_that_cannot_be_written_is_kept_and_pushed_later() {
    let Some(cloud) = cloud() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = shared(&proxy.url(), "use_lockfile = true");
    proxy.set(|operation, _| (operation == STATE).then_some(Fault::Lost));
    folder.infra(APPLY).fails(&["Failed to save state", "infra state push errored.tfstate", "s3://states/app"]);
    proxy.open();
    assert!(folder.path("errored.tfstate").exists());
    folder.infra(["state", "push", "errored.tfstate"]).status(0);
    folder.infra(PLAN).status(0).says("No changes.");
}

/// Nothing gets through any more from the last write on, so that the lock stays too.
#[test]
fn a_lock_that_cannot_be_given_back_is_told() {
    let Some(cloud) = cloud() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = shared(&proxy.url(), "use_lockfile = true");
    let mut cut = false;
    proxy.set(move |operation, _| {
        cut |= operation == STATE;
        cut.then_some(Fault::Lost)
    });
    folder.infra(APPLY).fails(&["Failed to save state", "errored.tfstate", "Error releasing the state lock"]);
    proxy.open();
    let push = ["state", "push", "errored.tfstate"];
    let id = lock_id(&folder.infra(push).fails(&["Error acquiring the state lock", "infra force-unlock"]));
    folder.infra(["force-unlock", "-force", &id]).status(0);
    folder.infra(push).status(0);
    // What could not be written down any more was not begun.
    folder.infra(["state", "list"]).status(0).says("terraform_data.a");
    folder.infra(APPLY).status(0).says("1 added");
    folder.infra(PLAN).status(0).says("No changes.");
}

#[test]
fn a_saved_plan_is_for_one_backend() {
    let Some(cloud) = cloud() else { return };
    let folder = shared(&cloud.url(), "");
    folder.infra(["plan", "-input=false", "-out=a.plan"]).status(0);
    folder.infra(["init", "-input=false", "-reconfigure", "-backend-config=key=other"]).status(0);
    folder.infra(["apply", "-input=false", "a.plan"]).fails(&["Saved plan is for another state", "s3://states/other"]);
    folder.infra(["init", "-input=false", "-reconfigure"]).status(0);
    folder.infra(["apply", "-input=false", "a.plan"]).status(0);
}

#[test]
fn outputs_of_others_are_read() {
    let Some(cloud) = cloud() else { return };
    let folder = shared(&cloud.url(), "");
    folder.infra(APPLY).status(0);
    folder.infra(["workspace", "new", "more"]).status(0);
    folder.infra(["apply", "-input=false", "-auto-approve", "-var=word=more"]).status(0);
    let reader = |workspace: &str| {
        let text = format!(
            r#"
data "terraform_remote_state" "r" {{
  backend   = "s3"
  workspace = "{workspace}"
  config = {{
    bucket         = "states"
    key            = "app/terraform.tfstate"
    region         = "eu-west-1"
    use_path_style = "true"
  }}
  defaults = {{ word = "unset", other = "default" }}
}}
output "o" {{
  value = "${{data.terraform_remote_state.r.outputs.word}} ${{data.terraform_remote_state.r.outputs.other}}"
}}
"#
        );
        Folder::with(&text).on(&cloud)
    };
    reader("default").infra(APPLY).status(0).says("o = \"one default\"");
    reader("more").infra(APPLY).status(0).says("o = \"more default\"");
    reader("none").infra(PLAN).fails(&["Unable to find remote state", "\"none\""]);
    let local = Folder::with(&reader("default").read("main.tf").replace("\"s3\"", "\"gcs\"")).on(&cloud);
    local.infra(PLAN).fails(&["Invalid backend configuration", "\"gcs\""]);
}
