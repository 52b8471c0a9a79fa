//! What is said on the command line and in the environment, and changes of the state by hand.

use std::process::Stdio;

use crate::support::Folder;

const TWO: &str = r#"
variable "text" {
  default = "a"
}
resource "terraform_data" "one" {
  input = var.text
}
resource "terraform_data" "two" {
  count = 2
}
output "text" {
  value = terraform_data.one.output
}
"#;

#[test]
fn arguments_come_from_the_environment_too() {
    let folder =
        Folder::with(TWO).env("TF_CLI_ARGS", "-no-color").env("TF_CLI_ARGS_apply", "-auto-approve -var 'text=b c'");
    folder.infra(["apply"]).status(0);
    folder.infra(["output", "-raw", "text"]).status(0).says("b c");
    folder.infra(["apply", "-var=text=d"]).status(0);
    folder.infra(["output", "-raw", "text"]).status(0).says("d");
    let folder = Folder::with(TWO).env("TF_CLI_ARGS_plan", "-var 'text");
    folder.infra(["plan"]).fails(&["TF_CLI_ARGS_plan", "a quote in it is not closed"]);
}

#[test]
fn an_object_moves_to_another_state_and_leaves_its_own() {
    let folder = Folder::with(TWO);
    folder.infra(["apply", "-auto-approve"]).status(0);
    folder.infra(["state", "mv", "-state-out=other.tfstate", "terraform_data.two", "terraform_data.three"]).status(0);
    let listed = |more: &[&str]| {
        let arguments = ["state", "list"].iter().chain(more).copied().collect::<Vec<_>>();
        String::from_utf8_lossy(&folder.command(arguments).output().map(|o| o.stdout).unwrap_or_default()).into_owned()
    };
    assert_eq!(listed(&[]), "terraform_data.one\n");
    assert_eq!(listed(&["-state=other.tfstate"]), "terraform_data.three[0]\nterraform_data.three[1]\n");
    let again = ["state", "mv", "-state-out=other.tfstate", "terraform_data.one", "terraform_data.three[0]"];
    folder.infra(again).fails(&["terraform_data.three[0] already"]);
    assert_eq!(listed(&[]), "terraform_data.one\n");
}

#[test]
fn another_provider_takes_over_what_one_has_managed() {
    let folder = Folder::with(TWO);
    folder.infra(["apply", "-auto-approve"]).status(0);
    let replace = |more: &[&'static str]| {
        let arguments = ["state", "replace-provider"].iter().chain(more).copied().collect::<Vec<_>>();
        folder.infra(arguments)
    };
    replace(&["terraform.io/builtin/terraform", "example.com/a/b"]).fails(&["No answer"]);
    replace(&["-auto-approve", "hashicorp/aws", "example.com/a/b"]).status(0).says("No matching resources found.");
    replace(&["-auto-approve", "terraform.io/builtin/terraform", "example.com/a/b"]).status(0).says("for 2 resources");
    assert_eq!(folder.state()["resources"][0]["provider"], "provider[\"example.com/a/b\"]");
}

#[test]
fn what_does_not_fit_on_the_disk_is_no_success() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    let folder = Folder::with(TWO);
    folder.infra(["apply", "-auto-approve"]).status(0);
    let output = folder.command(["output", "-json"]).stdout(Stdio::from(full)).output();
    let (status, told) =
        output.map(|o| (o.status.code(), String::from_utf8_lossy(&o.stderr).into_owned())).unwrap_or_default();
    assert_eq!(status, Some(1));
    assert!(told.contains("Standard output cannot be written"), "{told}");
}

#[test]
#[cfg(unix)]
fn a_configuration_file_that_leads_nowhere_is_an_error() -> std::io::Result<()> {
    let folder = Folder::with(TWO);
    folder.infra(["apply", "-auto-approve"]).status(0);
    std::os::unix::fs::symlink("nowhere.tf", folder.path("more.tf"))?;
    folder.infra(["plan"]).fails(&["Failed to read file", "more.tf"]);
    Ok(())
}

#[test]
fn a_command_line_that_says_nothing_gets_the_commands() {
    let folder = Folder::with(TWO);
    folder.infra(Vec::<&str>::new()).status(127).says("Usage: infra");
    folder.infra(["--version"]).status(0).says("infra v");
    folder.infra(["providers"]).fails(&["no command \"providers\"", "built in"]);
}
