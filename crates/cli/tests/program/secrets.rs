//! Sensitive values in everything that is written: none is found anywhere but in the state and in saved plans.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

use crate::support::{Cloud, Fault, Folder, Outcome, Proxy, Sink};

/// What is marked sensitive, and where.
const STACK: &str = include_str!("support/sensitive.tf");

/// Files whose purpose it is to hold values in clear: the state and its journal, plans, what the test itself gives, and
/// what services write of themselves.
const MEANT: &[&str] =
    &["tfstate", ".tfplan", "given.auto.tfvars", "given.txt", "intents", "errored", "world.json", "it.it-"];

/// Values that nothing else has, by name.
struct Secrets(BTreeMap<String, String>, RefCell<Vec<String>>);

impl Secrets {
    fn named(names: impl IntoIterator<Item = impl Into<String>>) -> Secrets {
        let one = |name: String| {
            let value = format!("s{:016x}", RandomState::new().hash_one(&name));
            (name, value)
        };
        Secrets(names.into_iter().map(|name| one(name.into())).collect(), RefCell::default())
    }

    /// Of every variable that the configuration calls sensitive or ephemeral.
    fn of(configuration: &str) -> Secrets {
        let names = configuration.split("variable \"").skip(1).filter_map(|rest| {
            let (name, rest) = rest.split_once('"')?;
            let body = rest.split("\n}").next()?;
            (body.contains("sensitive = true") || body.contains("ephemeral = true") || body.contains("secret"))
                .then_some(name)
        });
        Secrets::named(names.filter(|name| *name != "number"))
    }

    fn get(&self, name: &str) -> &str {
        &self.0[name]
    }

    /// As a file of variables.
    fn tfvars(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name} = {value:?}\n")).collect()
    }

    /// Notes where one of them is found.
    fn are_not_in(&self, what: &str, text: &[u8]) {
        for (name, value) in &self.0 {
            let found = text.windows(value.len()).position(|part| part == value.as_bytes());
            if let Some(at) = found {
                let around = &text[at.saturating_sub(600)..(at + 200).min(text.len())];
                let told = format!("the value of {name} is in {what}:\n{}\n", String::from_utf8_lossy(around));
                self.1.borrow_mut().push(told);
            }
        }
    }

    /// Fails if any was found.
    #[track_caller]
    fn were_kept(&self) {
        let found = self.1.borrow();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    /// The same of everything in a folder that is not meant to have them.
    fn are_not_in_files(&self, folder: &Path) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            // What is recorded stands beside the state, under its name, and holds no value in clear.
            if MEANT.iter().any(|meant| name.contains(meant)) && !name.ends_with(".infra-history") {
                continue;
            }
            match path.is_dir() {
                true => self.are_not_in_files(&path),
                false => self.are_not_in(&path.display().to_string(), &fs::read(&path).unwrap_or_default()),
            }
        }
    }
}

/// Runs infra with everything told that can be told, and looks through all of it.
#[track_caller]
fn run<S: AsRef<OsStr> + Copy>(folder: &Folder, secrets: &Secrets, arguments: &[S]) -> Outcome {
    let sink = Sink::open();
    let name: Vec<String> = arguments.iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
    let name = name.join(" ");
    let mut outcomes = Vec::new();
    // Commands that change something are run once, with the other form of the log the next time.
    let form = if name.len().is_multiple_of(2) { "json" } else { "text" };
    let mut command = folder.command(arguments);
    command
        .env("INFRA_LOG", "trace")
        .env("INFRA_LOG_FORMAT", form)
        .env("INFRA_LOG_PATH", folder.path("run.log"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url());
    let output = command.output().expect("infra starts");
    outcomes.push(Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    });
    secrets.are_not_in(&format!("standard output of {name}"), &output.stdout);
    secrets.are_not_in(&format!("standard error of {name}"), &output.stderr);
    secrets.are_not_in(&format!("the traces of {name}"), &sink.bodies());
    let heads = sink.heads();
    assert!(!heads.is_empty(), "no traces of {name}");
    secrets.are_not_in_files(folder.path("main.tf").parent().expect("a folder"));
    outcomes.remove(0)
}

#[test]
fn no_sensitive_value_is_found_in_anything_that_is_written() {
    let Some(cloud) = Cloud::start() else { return };
    let secrets = Secrets::of(STACK);
    assert!(secrets.0.len() >= 20, "{}", secrets.0.len());
    let folder = Folder::with(STACK).on(&cloud).env("AWS_REGION", "eu-west-1");
    folder.write("given.auto.tfvars", &secrets.tfvars());
    folder.write("given.txt", secrets.get("unmarked_password"));
    folder.write(
        "child/main.tf",
        "variable \"given\" {\n  sensitive = true\n}\noutput \"back\" {\n  value     = \"<${var.given}>\"\n  sensitive = \
         true\n}\n",
    );

    run(&folder, &secrets, &["init"]).status(0);
    run(&folder, &secrets, &["validate", "-json"]).status(0);
    run(&folder, &secrets, &["plan", "-input=false", "-no-color"]).status(0).says("(sensitive value)");
    run(&folder, &secrets, &["plan", "-input=false", "-json"]).status(0).says("planned_change");
    run(&folder, &secrets, &["plan", "-input=false", "-out=it.tfplan"]).status(0);
    run(&folder, &secrets, &["show", "it.tfplan"]).status(0).says("(sensitive value)");
    for form in ["-markdown", "-html"] {
        let shown = run(&folder, &secrets, &["show", form, "it.tfplan"]);
        assert!(shown.status == Some(0) || shown.stderr.contains("unexpected argument"), "{form}: {}", shown.stderr);
    }
    run(&folder, &secrets, &["apply", "-input=false", "-json", "it.tfplan"]).status(0);
    run(&folder, &secrets, &["show"]).status(0).says("(sensitive value)");
    run(&folder, &secrets, &["state", "show", "aws_ssm_parameter.secure"]).status(0);
    run(&folder, &secrets, &["state", "list"]).status(0);
    run(&folder, &secrets, &["output"]).status(0);
    run(&folder, &secrets, &["graph"]).status(0);
    run(&folder, &secrets, &["plan", "-input=false", "-detailed-exitcode"]).status(0);

    // Everything gets another value.
    let others = Secrets::of(STACK);
    let renamed = others.0.iter().map(|(name, value)| (format!("{name} (new)"), value.clone()));
    let both = Secrets(secrets.0.clone().into_iter().chain(renamed).collect(), RefCell::default());
    folder.write("given.auto.tfvars", &others.tfvars());
    folder.write("given.txt", others.get("unmarked_password"));
    run(&folder, &both, &["plan", "-input=false"]).status(0).says("(sensitive value)");
    let by_hand = format!("-var=command={}", others.get("command"));
    run(&folder, &both, &["apply", "-input=false", "-auto-approve", &by_hand]).status(0);
    run(&folder, &both, &["refresh", "-input=false", "-json"]).status(0);
    run(&folder, &both, &["destroy", "-input=false", "-auto-approve", "-json"]).status(0);
    secrets.were_kept();
    both.were_kept();
}

#[test]
fn what_the_cloud_repeats_in_its_errors_is_taken_out() {
    let Some(cloud) = Cloud::start() else { return };
    let secrets = Secrets::of(STACK);
    let proxy = Proxy::before(&cloud);
    let folder = Folder::with(STACK).at(&proxy.url()).env("AWS_REGION", "eu-west-1");
    folder.write("given.auto.tfvars", &secrets.tfvars());
    folder.write("given.txt", secrets.get("unmarked_password"));
    folder.write("child/main.tf", "variable \"given\" {}\noutput \"back\" {\n  value = var.given\n}\n");
    proxy.set(|_, _| Some(Fault::Repeat));
    for json in [true, false] {
        let words: &[&str] = if json { &["-json"] } else { &[] };
        let words: Vec<&str> =
            ["apply", "-input=false", "-auto-approve"].into_iter().chain(words.iter().copied()).collect();
        let outcome = run(&folder, &secrets, &words).status(1);
        let said = outcome.stdout + &outcome.stderr;
        assert!(said.contains("bad request") && said.contains("(sensitive value)"), "{said}");
    }
    secrets.were_kept();
}

/// A service in two colours on this machine, whose version is nobody's business.
const RELEASED: &str = include_str!("support/released.tf");
const RELEASE: &str = "release \"it\" {\n  services      = aws_ecs_service.it\n  target_groups = aws_lb_target_group.it\n  \
                       listener      = aws_lb_listener.it[\"users\"]\n  test_listener = aws_lb_listener.it[\"tests\"]\n  standby       = \
                       \"1s\"\n  start_timeout = \"20s\"\n  revert_when {\n    window       = \"1s\"\n    min_requests = 20\n  }\n}\n";

/// What runs on this machine for a folder ends with it.
struct Running<'f>(&'f Folder);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.0.infra(["local", "destroy"]);
    }
}

#[test]
fn the_images_of_sensitive_containers_are_not_in_plans_of_releases() {
    let secrets = Secrets::named(["first", "second"]);
    let sensitive = RELEASED.replace("variable \"tag\" {", "variable \"tag\" {\n  sensitive = true");
    let folder = Folder::with(&sensitive).env("INFRA_LOCAL", "1");
    folder.write("it.infra.hcl", RELEASE);
    let _running = Running(&folder);
    let with = |name: &str| folder.write("given.auto.tfvars", &format!("tag = {:?}\n", secrets.get(name)));
    with("first");
    run(&folder, &secrets, &["apply", "-input=false", "-auto-approve"]).status(0);
    with("second");
    run(&folder, &secrets, &["plan", "-input=false"]).status(0).says("takes over from");
    run(&folder, &secrets, &["plan", "-input=false", "-json"]).status(0).says("infra_release_planned");
    run(&folder, &secrets, &["apply", "-input=false", "-auto-approve", "-json"]).status(0).says("infra_release_end");
    run(&folder, &secrets, &["releases"]).status(0);
    run(&folder, &secrets, &["revert", "-json"]);
    secrets.were_kept();
}

/// Expressions whose evaluation fails, with a sensitive string in `var.s`, a map that has it as key and value in
/// `var.m`, and a list with it in `var.l`.
const FAILING: &[&str] = &[
    "tonumber(var.s)",
    "tobool(var.s)",
    "parseint(var.s, 10)",
    "file(var.s)",
    "filebase64(\"/nowhere/${var.s}\")",
    "filemd5(var.s)",
    "templatefile(var.s, {})",
    "fileset(var.s, \"[\")",
    "jsondecode(var.s)",
    "jsondecode(\"{\\\"${var.s}\\\": }\")",
    "yamldecode(\"a: [${var.s}\")",
    "csvdecode(\"a,b\\n${var.s}\")",
    "base64decode(\"${var.s}!\")",
    "base64gunzip(var.s)",
    "textdecodebase64(var.s, var.s)",
    "textencodebase64(\"a\", var.s)",
    "urldecode(\"%${var.s}\")",
    "cidrsubnet(var.s, 8, 1)",
    "cidrhost(var.s, 1)",
    "cidrnetmask(var.s)",
    "cidrsubnets(var.s, 1)",
    "timeadd(var.s, \"1h\")",
    "timeadd(\"2020-01-01T00:00:00Z\", var.s)",
    "formatdate(\"YYYY\", var.s)",
    "formatdate(var.s, \"2020-01-01T00:00:00Z\")",
    "timecmp(var.s, var.s)",
    "regex(\"x+y\", var.s)",
    "regex(\"(${var.s}\", \"a\")",
    "regexall(\"(${var.s}\", \"a\")",
    "replace(\"a\", \"/(${var.s}/\", \"b\")",
    "format(\"%!${var.s}\", 1)",
    "format(\"%d\", var.s)",
    "formatlist(\"%d\", var.l)",
    "lookup(var.m, \"nowhere\")",
    "lookup({}, var.s)",
    "{}[var.s]",
    "{ a = 1 }[var.s]",
    "[1][var.s]",
    "var.m[\"nowhere\"]",
    "var.m.nowhere",
    "var.l[99]",
    "element([], var.s)",
    "index(var.l, \"nowhere\")",
    "index([\"a\"], var.s)",
    "one(concat(var.l, var.l))",
    "zipmap(var.l, [])",
    "setproduct(var.s)",
    "merge(var.m, var.s)",
    "range(var.s)",
    "sum(var.l)",
    "max(1, var.s)",
    "strrev(var.m)",
    "substr(var.s, \"x\", 1)",
    "chunklist(var.l, -1)",
    "slice(var.l, 5, 1)",
    "matchkeys(var.l, [], [1])",
    "uuidv5(var.s, var.s)",
    "bcrypt(var.s, 99)",
    "rsadecrypt(var.s, var.s)",
    "convert(var.s, 1)",
    "startswith(var.m, \"a\")",
    "-var.s",
    "var.s + 1",
    "var.s && true",
    "var.s ? 1 : 2",
    "[for k in var.s : k]",
    "{ for k in concat(var.l, var.l) : k => 1 }",
    "var.s.attribute",
    "var.s[0]",
    "var.s[*].attribute.other",
    "provider::terraform::decode_tfvars(var.s)",
    "provider::terraform::encode_expr(var.s.x)",
    "terraform.${var.s}",
];

#[test]
fn an_expression_that_fails_does_not_say_what_it_was_about() {
    let secrets = Secrets::named(["value"]);
    let value = secrets.get("value");
    for expression in FAILING {
        let folder = Folder::with(&format!(
            "variable \"s\" {{\n  sensitive = true\n}}\nvariable \"m\" {{\n  sensitive = true\n}}\nvariable \"l\" {{\n  sensitive \
             = true\n}}\noutput \"it\" {{\n  sensitive = true\n  value     = {expression}\n}}\n"
        ));
        folder.write("given.auto.tfvars", &format!("s = {value:?}\nm = {{ {value} = {value:?} }}\nl = [{value:?}]\n"));
        for words in [&["plan", "-input=false"][..], &["plan", "-input=false", "-json"]] {
            let outcome = folder.infra(words);
            assert_eq!(outcome.status, Some(1), "{expression}\n{}", outcome.stdout);
            secrets.are_not_in(&format!("the error of {expression}"), outcome.stdout.as_bytes());
            secrets.are_not_in(&format!("the error of {expression}"), outcome.stderr.as_bytes());
        }
    }
    secrets.were_kept();
}

/// Blocks that are refused, or fail, because of a sensitive value in `var.s`.
const REFUSED: &[&str] = &[
    // A message that would hold it.
    "resource \"terraform_data\" \"it\" {\n  lifecycle {\n    precondition {\n      condition     = length(var.s) < 3\n      \
     error_message = \"It is ${var.s}, which is too long.\"\n    }\n  }\n}\n",
    "check \"it\" {\n  assert {\n    condition     = length(var.s) < 3\n    error_message = \"It is ${var.s}, which is too \
     long.\"\n  }\n}\noutput \"it\" {\n  value = tonumber(\"x\")\n}\n",
    "output \"it\" {\n  value = var.s\n}\n",
    "output \"it\" {\n  value     = 1\n  sensitive = false\n  precondition {\n    condition     = var.s == \"a\"\n    \
     error_message = \"Not ${var.s}.\"\n  }\n}\n",
    // Keys that would become part of addresses.
    "resource \"terraform_data\" \"it\" {\n  for_each = toset([var.s])\n}\n",
    "resource \"terraform_data\" \"it\" {\n  for_each = { (var.s) = 1 }\n}\n",
    "resource \"terraform_data\" \"it\" {\n  count = var.s\n}\n",
    "module \"it\" {\n  source   = \"./child\"\n  for_each = toset([var.s])\n}\n",
    "resource \"terraform_data\" \"it\" {\n  provisioner \"local-exec\" {\n    command     = \"echo $IT; exit 3\"\n    environment = \
     {\n      IT = var.s\n    }\n  }\n}\n",
    "resource \"terraform_data\" \"it\" {\n  provisioner \"local-exec\" {\n    command = \"echo ${var.s} >&2; exit 3\"\n  }\n}\n",
    "resource \"terraform_data\" \"it\" {\n  provisioner \"local-exec\" {\n    interpreter = [\"/nowhere/${var.s}\"]\n    command     = \
     \"true\"\n  }\n}\n",
    "resource \"terraform_data\" \"it\" {\n  provisioner \"local-exec\" {\n    working_dir = \"/nowhere/${var.s}\"\n    command     = \
     \"true\"\n  }\n}\n",
    // What a schema refuses.
    "provider \"aws\" {\n  region = var.s\n}\ndata \"aws_region\" \"it\" {}\n",
    "provider \"aws\" {\n  region     = \"eu-west-1\"\n  access_key = var.s\n  profile    = var.s\n  retry_mode = var.s\n}\ndata \
     \"aws_region\" \"it\" {}\n",
    "provider \"aws\" {\n  region = \"eu-west-1\"\n  endpoints {\n    sts = \"http://${var.s}:1\"\n  }\n}\ndata \"aws_caller_identity\" \
     \"it\" {}\n",
    "provider \"aws\" {\n  region           = \"eu-west-1\"\n  custom_ca_bundle = \"/nowhere/${var.s}\"\n}\ndata \"aws_caller_identity\" \
     \"it\" {}\n",
    "resource \"aws_vpc\" \"it\" {\n  cidr_block = var.s\n}\n",
    "resource \"aws_db_instance\" \"it\" {\n  instance_class = \"db.t3.micro\"\n  engine         = var.s\n  identifier     = \"-${var.s}-\"\n  \
     backup_window  = var.s\n}\n",
    "resource \"aws_iam_role\" \"it\" {\n  name               = var.s\n  assume_role_policy = \"{${var.s}\"\n}\n",
    "resource \"aws_ecs_task_definition\" \"it\" {\n  family                = \"it\"\n  container_definitions = \"[${var.s}\"\n}\n",
    "resource \"aws_security_group\" \"it\" {\n  ingress {\n    protocol    = var.s\n    from_port   = 1\n    to_port     = 1\n    \
     cidr_blocks = [var.s]\n  }\n}\n",
    "resource \"aws_cloudwatch_log_group\" \"it\" {\n  name              = \"it\"\n  retention_in_days = var.n\n}\n",
    "resource \"terraform_data\" \"it\" {}\nimport {\n  to = terraform_data.it\n  id = var.s\n}\n",
];

#[test]
fn a_refusal_does_not_say_what_it_was_about() {
    let mut secrets = Secrets::named(["value"]);
    secrets.0.insert("number".to_string(), "8127364519".to_string());
    for block in REFUSED {
        let folder = Folder::with(&format!(
            "variable \"s\" {{\n  sensitive = true\n}}\nvariable \"n\" {{\n  sensitive = true\n}}\n{block}"
        ));
        folder.write("child/main.tf", "");
        folder.write("given.auto.tfvars", &format!("s = {:?}\nn = 8127364519\n", secrets.get("value")));
        let folder = folder
            .env("AWS_REGION", "eu-west-1")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        folder.infra(["init"]);
        for words in
            [&["apply", "-input=false", "-auto-approve"][..], &["apply", "-input=false", "-auto-approve", "-json"]]
        {
            let outcome = run(&folder, &secrets, words);
            assert_eq!(outcome.status, Some(1), "{block}\n{}\n{}", outcome.stdout, outcome.stderr);
        }
    }
    secrets.were_kept();
}

#[test]
fn a_variable_that_is_refused_is_not_repeated() {
    let secrets = Secrets::named(["value"]);
    let value = secrets.get("value");
    for declared in [
        "  type      = number\n",
        "  type      = object({ a = string })\n",
        "  validation {\n    condition     = length(var.s) < 3\n    error_message = \"It is ${var.s}.\"\n  }\n",
        "  validation {\n    condition     = tonumber(var.s) < 3\n    error_message = \"It is wrong.\"\n  }\n",
    ] {
        let folder = Folder::with(&format!("variable \"s\" {{\n  sensitive = true\n{declared}}}\n"));
        for json in [true, false] {
            let option = format!("-var=s={value}");
            let mut words = vec!["plan", "-input=false", &option];
            words.extend(json.then_some("-json"));
            run(&folder, &secrets, &words).status(1);
            folder.write("given.auto.tfvars", &format!("s = {value:?}\n"));
            words.remove(2);
            run(&folder, &secrets, &words).status(1);
            fs::remove_file(folder.path("given.auto.tfvars")).expect("it was there");
        }
    }
    secrets.were_kept();
}
