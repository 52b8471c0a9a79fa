//! What goes wrong for people: each a clear error with status 1, and never a panic.

use crate::support::Folder;

const BUILT_IN: &str = r#"
resource "terraform_data" "note" {
  input = "first"
}
"#;

const VPC: &str = r#"
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}
"#;

/// A configuration, and what a plan of it has to say.
const REFUSED: &[(&str, &[&str])] = &[
    ("resource \"aws_vpc\" \"main\" {\n  cidr_block = \n}\n", &["main.tf line 2"]),
    ("resource \"aws_vpc\" {\n}\n", &["main.tf line 1"]),
    ("locals {\n  a = \"open\n}\n", &["main.tf line 2"]),
    ("output \"id\" {\n  value = aws_vpc.main.id\n}\n", &["Reference to undeclared resource", "main.tf line 2"]),
    ("output \"a\" {\n  value = var.missing\n}\n", &["Reference to undeclared input variable", "main.tf line 2"]),
    ("output \"a\" {\n  value = nofunction(1)\n}\n", &["Call to unknown function", "main.tf line 2"]),
    ("variable \"n\" {\n  type    = number\n  default = \"many\"\n}\n", &["main.tf line 3"]),
    ("resource \"terraform_data\" \"a\" {\n  count = \"many\"\n}\n", &["Incorrect value type", "main.tf line 2"]),
    (
        "resource \"terraform_data\" \"a\" {\n  input = terraform_data.b.id\n}\n\
         resource \"terraform_data\" \"b\" {\n  input = terraform_data.a.id\n}\n",
        &["Cycle", "terraform_data.a", "terraform_data.b"],
    ),
    ("resource \"aws_vpc\" \"main\" {\n  cidr = \"10.0.0.0/16\"\n}\n", &["Unsupported argument", "main.tf line 2"]),
    ("resource \"aws_vpc\" \"main\" {\n  cidr_block = \"10.0.0.0/99\"\n}\n", &["10.0.0.0/99", "main.tf line 2"]),
    ("resource \"aws_unknown_thing\" \"a\" {\n}\n", &["aws_unknown_thing", "main.tf line 1"]),
    ("resource \"random_id\" \"a\" {\n  byte_length = 4\n}\n", &["random"]),
    ("module \"m\" {\n  source = \"./nowhere\"\n}\n", &["main.tf line"]),
    ("terraform {\n  required_version = \"> 99\"\n}\n", &["Unsupported Terraform Core version"]),
    ("output \"a\" {\n  value = 1\n  ephemeral = true\n}\n", &["Ephemeral output not allowed", "main.tf line 1"]),
    (
        "check \"c\" {\n  data \"aws_region\" \"r\" {\n    count = 1\n  }\n  assert {\n    condition = \
         data.aws_region.r.name == \"x\"\n    error_message = \"No.\"\n  }\n}\n",
        &["Invalid \"count\" attribute", "main.tf line 3"],
    ),
    (
        "provider \"aws\" {\n  assume_role {\n    role_arn = \"me\"\n    duration = \"long\"\n  }\n}\n",
        &["main.tf line 3", "main.tf line 4", "cannot be parsed as a duration"],
    ),
];

#[test]
fn a_wrong_configuration_is_refused_with_its_place() {
    for (configuration, texts) in REFUSED {
        let folder = Folder::with(configuration).env("AWS_REGION", "eu-west-1");
        folder.infra(["plan", "-input=false"]).fails(texts);
        assert!(!folder.path("terraform.tfstate").exists(), "{configuration}");
    }
}

#[test]
fn an_init_says_that_the_configuration_keeps_it_unless_modules_are_looked_for() {
    let preamble = |folder: &Folder| {
        let told = folder.infra(["init", "-json"]).status(1).stdout;
        let errors = told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        errors.filter(|line| line["type"] == "diagnostic" && line["diagnostic"]["range"].is_null()).count()
    };
    let folder = Folder::with("locals {\n  a = 1\n}\nlocals {\n  a = 2\n}\n");
    assert_eq!(preamble(&folder), 1);
    folder.infra(["init"]).fails(&["It has to be valid before", "main.tf line 5"]);
    let folder = Folder::with("variable \"a\" {}\nvariable \"a\" {}\nmodule \"m\" {\n  source = \"./m\"\n}\n");
    std::fs::create_dir(folder.path("m")).expect("a folder");
    folder.write("m/main.tf", "");
    assert_eq!(preamble(&folder), 0);
    folder.write("main.tf", "module \"m\" {\n  source = \"./m\"\n}\n");
    folder.write("m/main.tf", "import {\n  to = terraform_data.a\n  id = \"i\"\n}\n");
    folder.infra(["init"]).fails(&["Invalid import configuration", "main.tf line 1"]);
}

#[test]
fn a_variable_of_the_wrong_type_is_refused() {
    let folder = Folder::with("variable \"zones\" {\n  type = number\n}\n");
    folder.infra(["plan", "-input=false", "-var", "zones=two"]).fails(&["zones", "number"]);
    folder.infra(["plan", "-input=false"]).fails(&["No value for required variable"]);
    folder.infra(["plan", "-input=false", "-var", "zones=2", "-var", "other=1"]).fails(&["other"]);
    folder.infra(["plan", "-input=false", "-var-file=nowhere.tfvars"]).fails(&["nowhere.tfvars"]);
}

#[test]
fn an_empty_folder_is_refused() {
    let folder = Folder::with(BUILT_IN);
    std::fs::remove_file(folder.path("main.tf")).expect("it was there");
    folder.infra(["plan", "-input=false"]).fails(&["No configuration files"]);
}

#[test]
fn a_wrong_command_line_is_refused() {
    let folder = Folder::with(BUILT_IN);
    folder.infra(["plann"]).fails(&["plann"]);
    folder.infra(["plan", "-no-such-flag"]).fails(&["no-such-flag"]);
    folder.infra(["-chdir=nowhere", "plan"]).fails(&["nowhere"]);
    folder.infra(["apply", "nowhere.plan"]).fails(&["nowhere.plan"]);
    folder.infra(["plan", "-target=not an address"]).fails(&["not an address"]);
}

#[test]
fn an_apply_that_nobody_can_approve_changes_nothing() {
    let folder = Folder::with(BUILT_IN);
    folder.infra(["apply", "-input=false"]).fails(&["-auto-approve"]);
    assert!(!folder.path("terraform.tfstate").exists());
}

/// A folder with nothing set but what is given.
fn connecting(settings: &[(&str, &str)]) -> Folder {
    settings.iter().fold(Folder::with(VPC), |folder, (name, value)| folder.env(name, value))
}

const REGION: (&str, &str) = ("AWS_REGION", "eu-west-1");
const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "a-secret-that-nobody-sees")];
/// A port on which nothing listens.
const NOBODY: (&str, &str) = ("AWS_ENDPOINT_URL", "http://127.0.0.1:9");

#[test]
fn a_missing_region_is_named() {
    let texts = &["No AWS region", "AWS_REGION", "AWS_DEFAULT_REGION"];
    connecting(&KEYS).infra(["plan", "-input=false"]).fails(texts);
    connecting(&[KEYS[0], KEYS[1], ("AWS_REGION", "")]).infra(["plan", "-input=false"]).fails(texts);
}

#[test]
fn missing_credentials_are_named() {
    connecting(&[REGION]).infra(["plan", "-input=false"]).fails(&[
        "No AWS credentials",
        "AWS_PROFILE",
        "aws sso login",
    ]);
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    let folder = connecting(&[REGION, ("AWS_PROFILE", "nowhere"), ("AWS_CONFIG_FILE", "aws.ini")]);
    folder.infra(["plan", "-input=false"]).fails(&[
        "No such AWS profile",
        "\"nowhere\" (AWS_PROFILE)",
        "There are: none.",
    ]);
    folder.write("aws.ini", "[default]\nregion = eu-west-1\n\n[profile shop]\nregion = eu-west-1\n");
    folder.infra(["plan", "-input=false"]).fails(&["\"nowhere\" (AWS_PROFILE)", "There are: default, shop."]);
    folder.write("provider.tf", "provider \"aws\" {\n  profile = \"elsewhere\"\n}\n");
    folder
        .infra(["plan", "-input=false"])
        .fails(&["\"elsewhere\" (profile in the provider block)", "provider.tf line 1"]);
}

#[test]
fn an_endpoint_that_does_not_answer_is_named() {
    let folder = connecting(&[REGION, KEYS[0], KEYS[1], NOBODY]);
    let texts = &["AWS cannot be reached", "no answer from http://127.0.0.1:9:", "refused", "AWS_ENDPOINT_URL"];
    let run = folder.infra(["plan", "-input=false"]).fails(texts);
    assert!(!run.stderr.contains("a-secret-that-nobody-sees"));

    // Of a single service, when something is asked of it.
    let provider = "provider \"aws\" {\n  skip_credentials_validation = true\n  skip_requesting_account_id = true\n  \
                    max_retries = 1\n\n  endpoints {\n    ec2 = \"http://127.0.0.1:9\"\n  }\n}\n\n\
                    data \"aws_availability_zones\" \"all\" {\n}\n";
    let folder = connecting(&[REGION, KEYS[0], KEYS[1]]);
    folder.write("provider.tf", provider);
    folder.infra(["plan", "-input=false"]).fails(&["DescribeAvailabilityZones", "no answer from http://127.0.0.1:9:"]);
}

#[test]
fn variables_that_are_set_to_nothing_are_not_set() {
    let empty =
        ["AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL_STS", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"].map(|n| (n, ""));
    let mut settings = vec![("AWS_DEFAULT_REGION", "eu-west-1"), KEYS[0], KEYS[1], NOBODY];
    settings.extend(empty);
    connecting(&settings).infra(["plan", "-input=false"]).fails(&["no answer from http://127.0.0.1:9:"]);
}

#[test]
fn a_state_that_cannot_be_written_stops_before_anything_is_made() {
    let folder = Folder::with(BUILT_IN);
    // A file where a folder would have to be: nobody can write there, not even an administrator.
    folder.write("file", "");
    folder.infra(["apply", "-input=false", "-auto-approve", "-state=file/terraform.tfstate"]).fails(&["file/"]);
    folder.infra(["plan", "-input=false", "-out=file/first.plan"]).fails(&["file/first.plan"]);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_is_named() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::with(BUILT_IN);
    set_permissions(folder.path(""), Permissions::from_mode(0o555)).expect("the folder is ours");
    // To an administrator no folder is read-only.
    if std::fs::write(folder.path("probe"), "").is_err() {
        folder.infra(["apply", "-input=false", "-auto-approve"]).fails(&["ermission denied"]);
    }
    set_permissions(folder.path(""), Permissions::from_mode(0o755)).expect("the folder is ours");
}

#[test]
fn a_damaged_state_is_left_as_it_is() {
    let complete = {
        let folder = Folder::with(BUILT_IN);
        folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
        folder.read("terraform.tfstate")
    };
    let newer = complete.replace("\"version\": 4", "\"version\": 99");
    assert_ne!(newer, complete);
    let damaged = [
        ("cut off", &complete[..complete.len() / 2]),
        ("no JSON", "state\n"),
        ("another document", "[1, 2, 3]\n"),
        ("no version", "{}\n"),
        ("a later format", newer.as_str()),
    ];
    for (what, text) in damaged {
        let folder = Folder::with(BUILT_IN);
        folder.write("terraform.tfstate", text);
        for arguments in [["plan", "-input=false"].as_slice(), &["apply", "-input=false", "-auto-approve"], &["show"]] {
            folder.infra(arguments).fails(&["terraform.tfstate"]);
            assert_eq!(folder.read("terraform.tfstate"), text, "{what}, after {arguments:?}");
        }
    }
}

#[test]
fn a_plan_is_not_taken_for_a_state_nor_a_state_for_a_plan() {
    let folder = Folder::with(BUILT_IN);
    folder.infra(["plan", "-input=false", "-out=first.plan"]).status(0);
    let plan = std::fs::read(folder.path("first.plan")).expect("a plan");

    folder.infra(["plan", "-input=false", "-state=first.plan"]).fails(&["first.plan"]);
    folder.infra(["state", "list", "-state=first.plan"]).fails(&["first.plan"]);
    assert_eq!(std::fs::read(folder.path("first.plan")).expect("a plan"), plan);

    folder.infra(["apply", "-input=false", "first.plan"]).status(0);
    folder.infra(["apply", "-input=false", "terraform.tfstate"]).fails(&["terraform.tfstate"]);
    folder.infra(["apply", "-input=false", "main.tf"]).fails(&["main.tf"]);
}

#[test]
fn a_damaged_plan_is_refused() {
    let folder = Folder::with(BUILT_IN);
    folder.infra(["plan", "-input=false", "-out=first.plan"]).status(0);
    let plan = std::fs::read(folder.path("first.plan")).expect("a plan");
    for length in [1, plan.len() / 2, plan.len() - 1] {
        std::fs::write(folder.path("cut.plan"), &plan[..length]).expect("a writable folder");
        folder.infra(["apply", "-input=false", "cut.plan"]).fails(&["cut.plan"]);
        folder.infra(["show", "cut.plan"]).fails(&["cut.plan"]);
    }
    assert!(!folder.path("terraform.tfstate").exists());
}

#[test]
fn a_stale_plan_is_refused() {
    let folder = Folder::with(BUILT_IN);
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    folder.write("main.tf", &BUILT_IN.replace("first", "second"));
    folder.infra(["plan", "-input=false", "-out=first.plan"]).status(0);
    folder.infra(["plan", "-input=false", "-out=second.plan"]).status(0);
    folder.infra(["apply", "-input=false", "first.plan"]).status(0);
    let state = folder.read("terraform.tfstate");

    folder.infra(["apply", "-input=false", "second.plan"]).fails(&["Saved plan is stale"]);
    folder.infra(["apply", "-input=false", "first.plan"]).fails(&["Saved plan is stale"]);
    assert_eq!(folder.read("terraform.tfstate"), state);
}

#[test]
fn what_is_not_in_the_state_is_said() {
    let folder = Folder::with(BUILT_IN);
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    folder.infra(["state", "show", "terraform_data.other"]).fails(&["terraform_data.other"]);
    folder.infra(["state", "rm", "terraform_data.other"]).fails(&["Invalid target address"]);
    folder.infra(["state", "mv", "terraform_data.other", "terraform_data.new"]).fails(&["terraform_data.other"]);
    folder.infra(["taint", "terraform_data.other"]).fails(&["terraform_data.other"]);
    folder.infra(["output", "missing"]).fails(&["missing"]);
}
