//! Modules that are fetched: from a registry, a repository and an archive, by infra or by Terraform.

#[path = "../../../modules/tests/stand_in/mod.rs"]
mod stand_in;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::support::Folder;
use stand_in::{StandIn, tar_gz};

const NAMED: &str = "variable \"name\" {\n  type = string\n}\n\noutput \"name\" {\n  value = \"NAME ${var.name}\"\n}\n";
const OUTER: &str = "variable \"name\" {}\n\nmodule \"inner\" {\n  source = \"./modules/inner\"\n  name   = var.name\n}\n\n\
                     output \"name\" {\n  value = module.inner.name\n}\n";

fn text(from: &str) -> String {
    NAMED.replace("NAME", from)
}

/// A call of a module, and an output with what it gives.
fn call(name: &str, arguments: &str) -> String {
    format!(
        "module \"{name}\" {{\n  {arguments}\n  name = \"{name}\"\n}}\n\noutput \"{name}\" {{\n  value = \
         module.{name}.name\n}}\n"
    )
}

/// A folder with this configuration, and the registry in the place of the public one.
fn folder(server: &StandIn, configuration: &str) -> Folder {
    let folder = Folder::with(configuration);
    folder.write("cli.tfrc", &server.cli_configuration("registry.terraform.io"));
    let file = folder.path("cli.tfrc").to_string_lossy().into_owned();
    folder.env("TF_CLI_CONFIG_FILE", &file)
}

/// A repository with a module at a tag. `None`, and a note, where there is no git.
fn repository() -> Option<tempfile::TempDir> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]);
        command.args(arguments).current_dir(folder.path()).output().is_ok_and(|output| output.status.success())
    };
    if !git(&["init", "-q"]) {
        let _ = std::io::stderr().write_all(b"SKIPPED: no git program\n");
        return None;
    }
    for version in ["v1", "v2"] {
        std::fs::write(folder.path().join("main.tf"), text(&format!("git {version}"))).expect("a file");
        assert!(git(&["add", "-A"]) && git(&["commit", "-q", "-m", version]) && git(&["tag", version]));
    }
    Some(folder)
}

#[test]
fn modules_are_fetched_planned_and_upgraded() {
    let server = StandIn::start();
    server.module("acme/name/aws", "1.0.0", &[("main.tf", OUTER), ("modules/inner/main.tf", &text("registry 1.0"))]);
    server.module("acme/name/aws", "2.0.0", &[("main.tf", OUTER), ("modules/inner/main.tf", &text("registry 2.0"))]);
    server.file("/name.tgz", tar_gz(&[("name-1/main.tf", &text("archive"))]));
    let registry = call("registry", "source = \"acme/name/aws\"\n  version = \"~> 1.0\"");
    let archive = call("archive", &format!("source = \"{}\"", server.url("/name.tgz//*")));
    let folder = folder(&server, &(registry + &archive));

    folder.infra(["plan"]).fails(&["Module not installed", "on main.tf line 1", "infra init"]);
    // One answer that a registry is busy stops nothing.
    server.be_busy(1);
    folder
        .infra(["init", "-input=false"])
        .status(0)
        .says("Downloading registry.terraform.io/acme/name/aws 1.0.0 for registry...")
        .says("- registry.inner in .terraform/modules/registry/modules/inner")
        .says("- archive in .terraform/modules/archive/name-1");
    folder.infra(["validate"]).status(0);
    folder.infra(["plan"]).status(0).says("registry 1.0 registry").says("archive archive");

    server.module("acme/name/aws", "1.1.0", &[("main.tf", OUTER), ("modules/inner/main.tf", &text("registry 1.1"))]);
    folder.infra(["init"]).status(0);
    folder.infra(["plan"]).status(0).says("registry 1.0 registry");
    folder.infra(["get", "-update"]).status(0);
    folder.infra(["plan"]).status(0).says("registry 1.1 registry");
}

#[test]
fn a_call_that_was_changed_has_to_be_installed_again() {
    let server = StandIn::start();
    for version in ["1.0.0", "2.0.0"] {
        server.module("acme/name/aws", version, &[("main.tf", &text(version))]);
    }
    let configuration = |version: &str| call("m", &format!("source = \"acme/name/aws\"\n  version = \"{version}\""));
    let folder = folder(&server, &configuration("1.0.0"));
    folder.infra(["init"]).status(0);
    folder.write("main.tf", &configuration("2.0.0"));
    folder.infra(["plan"]).fails(&["Module version requirements have changed", "on main.tf line 3", "infra init"]);
    folder.infra(["init", "-get=false"]).fails(&["Module version requirements have changed"]);
    folder.write("main.tf", &configuration("1.0.0").replace("acme/name/aws", "acme/other/aws"));
    folder.infra(["plan"]).fails(&["Module source has changed", "on main.tf line 2", "infra init"]);
    folder.infra(["init"]).fails(&["Module not found", "acme/other/aws", "on main.tf line 1"]);
    folder.write("main.tf", &configuration("2.0.0"));
    folder.infra(["init"]).status(0);
    folder.infra(["plan"]).status(0).says("2.0.0 m");
}

#[test]
fn a_repository_is_fetched_at_a_tag_into_the_data_folder() {
    let Some(repository) = repository() else { return };
    let url = format!("git::file://{}", repository.path().display());
    let folder = Folder::with(&call("m", &format!("source = \"{url}?ref=v1\""))).env("TF_DATA_DIR", "data");
    folder.infra(["init"]).status(0).says("- m in data/modules/m");
    assert!(folder.path("data/modules/modules.json").is_file());
    assert!(!folder.path(".terraform").exists());
    folder.infra(["plan"]).status(0).says("git v1 m");
    folder.write("main.tf", &call("m", &format!("source = \"{url}?ref=v3\"")));
    folder.infra(["init"]).fails(&["Failed to download module", "v3"]);
}

#[test]
fn a_module_is_valid_whatever_it_is_given() {
    // With the default alone the filter's value would be null; no instance ever has it.
    let module = "variable \"key\" {\n  default = null\n}\n\ndata \"aws_iam_policy_document\" \"key\" {\n  count = \
                  var.key == null ? 0 : 1\n  statement {\n    condition {\n      test     = \"StringEquals\"\n      \
                  variable = \"aws:x\"\n      values   = [try(var.key, null)]\n    }\n  }\n}\n";
    let folder = Folder::with("module \"m\" {\n  source = \"./m\"\n}\n");
    std::fs::create_dir(folder.path("m")).expect("a folder");
    folder.write("m/main.tf", module);
    folder.infra(["validate"]).status(0);
}

#[test]
fn a_folder_serves_both_programs() {
    let Some(terraform) = terraform() else {
        let _ = std::io::stderr().write_all(b"SKIPPED: no terraform program\n");
        return;
    };
    let server = StandIn::start();
    server.module("acme/name/aws", "1.0.0", &[("main.tf", OUTER), ("modules/inner/main.tf", &text("registry"))]);
    let configuration = call("a", "source = \"acme/name/aws\"") + &call("b", "source = \"./local\"");
    let by = |program: &str| {
        let folder = folder(&server, &configuration);
        std::fs::create_dir(folder.path("local")).expect("a folder");
        folder.write("local/main.tf", &text("local"));
        match program {
            "infra" => drop(folder.infra(["init"]).status(0)),
            _ => terraform_in(&terraform, &folder, &["init"]),
        }
        folder
    };
    let (ours, theirs) = (by("infra"), by("terraform"));
    let list = |folder: &Folder| folder.read(".terraform/modules/modules.json");
    assert_eq!(list(&ours), list(&theirs));
    theirs.infra(["plan"]).status(0).says("registry a").says("local b");
    server.requests();
    terraform_in(&terraform, &ours, &["init"]);
    assert_eq!(server.requests(), Vec::<String>::new(), "terraform finds what infra installed");
    terraform_in(&terraform, &ours, &["plan"]);
}

/// The terraform program on the path.
fn terraform() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("terraform")).find(|file| file.is_file())
}

fn terraform_in(terraform: &Path, folder: &Folder, arguments: &[&str]) {
    let output = Command::new(terraform)
        .args(arguments)
        .args(["-no-color", "-input=false"])
        .current_dir(folder.path(""))
        .env("TF_CLI_CONFIG_FILE", folder.path("cli.tfrc"))
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .expect("terraform starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
