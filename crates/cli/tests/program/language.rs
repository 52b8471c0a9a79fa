//! Saved plans that outlive their configuration, generated configuration, ephemeral secrets: as people use them.

use serde_json::Value as Json;

use crate::support::{Cloud, Folder};

const NOTE: &str = "resource \"terraform_data\" \"note\" {\n  input = \"first\"\n}\n";

#[test]
fn a_saved_plan_is_applied_with_the_configuration_that_it_was_made_from() {
    let folder = Folder::with("module \"m\" {\n  source = \"./m\"\n}\n");
    std::fs::create_dir(folder.path("m")).expect("a folder");
    folder.write("m/main.tf", NOTE);
    folder.infra(["plan", "-input=false", "-out=p"]).status(0);
    folder.write("m/main.tf", &NOTE.replace("first", "second"));
    folder.write("main.tf", "");
    folder.infra(["graph", "-plan=p"]).status(0).says("\"module.m.terraform_data.note (create)\"");
    let shown = folder.infra(["show", "-json", "p"]).status(0);
    let shown: Json = serde_json::from_str(&shown.stdout).expect("JSON");
    assert_eq!(shown["configuration"]["root_module"]["module_calls"]["m"]["source"], "./m");
    let other = ["Saved plan is from another configuration", "main.tf (changed)", "m/main.tf (gone)"];
    folder.infra(["apply", "-input=false", "p"]).fails(&other);
    let applied = folder.infra(["apply", "-input=false", "-allow-changed", "p"]).status(0).says("1 added");
    let told = applied.stdout + &applied.stderr;
    for text in ["The configuration has changed since the plan was made", "main.tf", "m/main.tf"] {
        assert!(told.contains(text), "{text:?} is not in:\n{told}");
    }
    assert!(folder.read("terraform.tfstate").contains("\"first\""));
}

#[test]
fn a_null_resource_becomes_terraform_data() {
    let folder = Folder::with(
        "resource \"terraform_data\" \"b\" {\n  triggers_replace = { a = \"x\" }\n}\n\
         moved {\n  from = null_resource.a\n  to = terraform_data.b\n}\n",
    );
    folder.write(
        "terraform.tfstate",
        r#"{"version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "l", "outputs": {}, "resources": [{
            "mode": "managed", "type": "null_resource", "name": "a",
            "provider": "provider[\"registry.terraform.io/hashicorp/null\"]",
            "instances": [{"schema_version": 0, "attributes": {"id": "1", "triggers": {"a": "x"}}}]}]}"#,
    );
    folder.infra(["plan", "-input=false"]).status(0).says("Plan: 0 to add, 0 to change, 0 to destroy.");
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    assert_eq!(folder.infra(["state", "list"]).status(0).stdout, "terraform_data.b\n");
}

#[test]
fn an_address_that_the_state_does_not_have_is_named() {
    let folder = Folder::with(NOTE);
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    let near = ["nothing at terraform_data.nota", "Did you mean \"terraform_data.note\"?"];
    folder.infra(["state", "rm", "terraform_data.nota"]).fails(&near);
    folder.infra(["state", "mv", "terraform_data.nota", "terraform_data.b"]).fails(&near);
    folder.infra(["state", "rm", "terraform_data.note", "terraform_data.other"]).fails(&["terraform_data.other"]);
    assert_eq!(folder.infra(["state", "list"]).status(0).stdout, "terraform_data.note\n");
}

#[test]
fn configuration_is_generated_and_the_saved_plan_is_applied_with_it() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = Folder::with("resource \"aws_cloudwatch_log_group\" \"g\" {\n  name = \"by-hand\"\n}\n").on(&cloud);
    let folder = folder.env("AWS_REGION", "eu-west-1");
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    std::fs::remove_file(folder.path("terraform.tfstate")).expect("the state was there");
    folder.write("main.tf", "import {\n  to = aws_cloudwatch_log_group.g\n  id = \"by-hand\"\n}\n");
    let plan = ["plan", "-input=false", "-out=p", "-generate-config-out=g.tf"];
    folder.infra(plan).status(0).says("1 to import");
    folder.infra(plan).fails(&["Target generated file already exists"]);
    assert!(folder.read("g.tf").contains("resource \"aws_cloudwatch_log_group\" \"g\" {\n"), "{}", folder.read("g.tf"));
    folder.infra(["apply", "-input=false", "p"]).status(0).says("1 imported");
    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
}

#[test]
fn an_ephemeral_secret_is_used_and_never_stored() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = Folder::with(
        r#"
resource "aws_secretsmanager_secret" "s" {
  name                    = "s"
  recovery_window_in_days = 0
}
resource "aws_secretsmanager_secret_version" "s" {
  secret_id                = aws_secretsmanager_secret.s.id
  secret_string_wo         = "hush-hush"
  secret_string_wo_version = 1
}
ephemeral "aws_secretsmanager_secret_version" "s" {
  secret_id = aws_secretsmanager_secret_version.s.secret_id
}
resource "aws_ssm_parameter" "p" {
  name             = "/p"
  type             = "SecureString"
  value_wo         = ephemeral.aws_secretsmanager_secret_version.s.secret_string
  value_wo_version = 1
}
"#,
    );
    let folder = folder.on(&cloud).env("AWS_REGION", "eu-west-1");
    let address = "ephemeral.aws_secretsmanager_secret_version.s";
    let deferred = format!("{address}: Configuration unknown, deferring...");
    folder.infra(["plan", "-input=false"]).status(0).says(&deferred);
    let applied = folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    let applied = applied.says(&format!("{address}: Opening complete")).says(&format!("{address}: Closing..."));
    assert!(!applied.stdout.contains("hush-hush"));
    assert!(!folder.read("terraform.tfstate").contains("hush-hush"));
    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
}

#[test]
fn an_instance_that_fails_holds_up_only_what_needs_it() {
    let folder = Folder::with(
        r#"
        resource "terraform_data" "many" {
          for_each = toset(["a", "b"])
          input    = each.key
          provisioner "local-exec" {
            command = each.key == "b" ? "exit 1" : "true"
          }
        }
        resource "terraform_data" "one" {
          input = terraform_data.many["a"].output
          lifecycle {
            create_before_destroy = true
          }
        }
        resource "terraform_data" "all" {
          input = length(terraform_data.many)
        }
        "#,
    );
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(1);
    let state = folder.state();
    let found = |name: &str| {
        let resources = state["resources"].as_array().expect("resources");
        resources.iter().find(|resource| resource["name"] == name).map(|resource| resource["instances"].clone())
    };
    assert!(found("one").is_some() && found("all").is_none(), "{state}");
    let many = found("many").expect("instances");
    let first: Vec<bool> = (0..2).map(|i| many[i]["create_before_destroy"] == true).collect();
    assert_eq!(first, [true, false], "only the one that is named is created first");
}

#[test]
fn a_destroy_that_goes_on_tells_of_outputs_that_were_forgotten_before() {
    let folder = Folder::with(
        r#"
        resource "terraform_data" "note" {
          input = "first"
          provisioner "local-exec" {
            when    = destroy
            command = "test ! -e block"
          }
        }
        output "note" {
          value = terraform_data.note.output
        }
        "#,
    );
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    folder.write("block", "");
    folder.infra(["destroy", "-input=false", "-auto-approve"]).status(1);
    assert_eq!(folder.state()["outputs"], serde_json::json!({}));
    folder.infra(["plan", "-destroy", "-input=false"]).status(0).says("- note = \"first\" -> null");
}

#[test]
fn a_value_that_a_module_refuses_fails_the_apply_that_tells_it_although_nothing_uses_it() {
    let folder = Folder::with(
        "resource \"terraform_data\" \"a\" {\n  input = \"no\"\n}\n\
         module \"m\" {\n  source = \"./m\"\n  v = terraform_data.a.output\n}\n",
    );
    std::fs::create_dir(folder.path("m")).expect("a folder");
    let rule = "  validation {\n    condition = var.v == \"yes\"\n    error_message = \"It must be yes.\"\n  }\n";
    folder.write("m/main.tf", &format!("variable \"v\" {{\n{rule}}}\n"));
    folder.infra(["plan", "-input=false"]).status(0);
    let refused = ["Invalid value for variable", "main.tf line 6", "It must be yes."];
    folder.infra(["apply", "-input=false", "-auto-approve"]).fails(&refused);
    folder.infra(["plan", "-input=false"]).fails(&refused);
}
