//! What a run tells to machines: lines of JSON, logs, and traces.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value as Json;

use crate::support::{Cloud, Fault, Folder, Outcome, Proxy, Sink};

const NOTE: &str = "resource \"terraform_data\" \"note\" {\n  input = 1\n}\n";
const VPC: &str = "resource \"aws_vpc\" \"main\" {\n  cidr_block = \"10.0.0.0/16\"\n}\n";

/// Every line of standard output. Each is an object with a type, and the first one tells the version.
#[track_caller]
fn lines(outcome: &Outcome) -> Vec<Json> {
    let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    let lines: Vec<Json> = outcome.stdout.lines().map(read).collect();
    assert_eq!(lines.first().map(|line| &line["type"]), Some(&Json::from("version")), "{}", outcome.stdout);
    assert!(lines.iter().all(|line| line["type"].is_string()), "{}", outcome.stdout);
    assert_eq!(lines.iter().filter(|line| line["type"] == "version").count(), 1, "{}", outcome.stdout);
    lines
}

fn types(lines: &[Json]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["type"].as_str()).collect()
}

#[test]
fn with_json_there_is_nothing_but_json_whatever_goes_wrong() {
    let folder = Folder::with(NOTE);
    for (arguments, summary) in [
        (&["plan", "-json", "-nosuch"][..], "Failed to parse command-line flags"),
        (&["apply", "-json", "-parallelism=many"], "Failed to parse command-line flags"),
        (&["revert", "-json", "-nosuch"], "Failed to parse command-line flags"),
        (&["release", "-json"], "Failed to parse command-line flags"),
        (&["-chdir=nowhere", "plan", "-json"], "Error handling -chdir option"),
        (&["apply", "-json"], "Plan file or auto-approve required"),
        (&["apply", "-json", "nowhere.tfplan"], ""),
        (&["apply", "-json", "-auto-approve", "."], "Too many command line arguments"),
        (&["plan", "-json", "-destroy", "-refresh-only"], "Incompatible plan mode options"),
        (&["plan", "-json", "-target=a b"], "Invalid target \"a b\""),
        (&["plan", "-json", "-lock-timeout=never"], "Invalid duration"),
        (&["plan", "-json", "-var=nosuch=1"], ""),
        (&["plan", "-json", "-out=nowhere/plan"], ""),
        (&["revert", "-json"], "No release"),
        (&["release", "finish", "-json", "release.it"], "No release"),
        (&["release", "retry", "-json", "release.it"], "No release"),
    ] {
        let outcome = folder.infra(arguments).status(1);
        assert_eq!(outcome.stderr, "", "{arguments:?}");
        let lines = lines(&outcome);
        let errors: Vec<&Json> = lines.iter().filter(|line| line["diagnostic"]["severity"] == "error").collect();
        assert_eq!(errors.len(), 1, "{arguments:?}: {}", outcome.stdout);
        if !summary.is_empty() {
            assert_eq!(errors[0]["diagnostic"]["summary"], summary, "{arguments:?}");
        }
    }
    let broken = Folder::with("resource \"terraform_data\" {\n");
    for command in ["plan", "apply", "destroy", "refresh"] {
        let approval: &[&str] = if matches!(command, "apply" | "destroy") { &["-auto-approve"] } else { &[] };
        let outcome = broken.infra([command, "-json"].iter().chain(approval)).status(1);
        assert!(types(&lines(&outcome)).contains(&"diagnostic"), "{command}");
        assert_eq!(outcome.stderr, "", "{command}");
    }
}

#[test]
fn the_lines_of_a_run_tell_its_story() {
    let folder = Folder::with(
        "resource \"terraform_data\" \"note\" {\n  provisioner \"local-exec\" {\n    command = \"echo said\"\n  }\n}\noutput \
         \"it\" {\n  value = \"a\"\n}\n",
    );
    let applied = lines(&folder.infra(["apply", "-json", "-auto-approve"]).status(0));
    assert_eq!(
        types(&applied),
        [
            "version",
            "planned_change",
            "change_summary",
            "outputs",
            "apply_start",
            "provision_start",
            "provision_progress",
            "provision_progress",
            "provision_complete",
            "apply_complete",
            "change_summary",
            "outputs"
        ]
    );
    assert_eq!(applied[7]["hook"]["output"], "said");
    let changed = lines(&folder.infra(["plan", "-json", "-destroy"]).status(0));
    assert_eq!(
        types(&changed),
        ["version", "refresh_start", "refresh_complete", "planned_change", "change_summary", "outputs"]
    );
}

#[test]
fn a_run_that_is_interrupted_tells_so_in_lines() {
    let folder = Folder::with(
        "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"touch started; sleep 30\"\n  \
         }\n}\nresource \"terraform_data\" \"later\" {\n  input = terraform_data.slow.id\n}\n",
    );
    let child = folder
        .command(["apply", "-json", "-auto-approve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("infra starts");
    while !folder.path("started").exists() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let interrupt = || {
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
        assert!(sent.success());
        std::thread::sleep(Duration::from_millis(500));
    };
    interrupt();
    interrupt();
    let output = child.wait_with_output().expect("it ends");
    let outcome = Outcome {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
    .status(130);
    let lines = lines(&outcome);
    assert!(types(&lines).contains(&"infra_stopping"), "{}", outcome.stdout);
    let last = lines.last().expect("a line");
    assert_eq!(last["diagnostic"]["summary"], "Stopped at once");
    assert!(last["diagnostic"]["detail"].as_str().is_some_and(|detail| detail.contains("terraform_data.slow")));
    assert_eq!(outcome.stderr, "");
}

#[test]
fn what_a_killed_run_had_created_is_told_in_lines() {
    let Some(cloud) = Cloud::start() else { return };
    let proxy = Proxy::before(&cloud);
    let folder = Folder::with(VPC).at(&proxy.url()).env("AWS_REGION", "eu-west-1");
    proxy.set(|operation, _| (operation == "CreateVpc").then_some(Fault::Withhold));
    let mut run = folder.start(["apply", "-auto-approve"]);
    proxy.stuck(Duration::from_secs(30), &mut run).expect("it waits for an answer");
    run.kill().expect("it is there");
    run.wait().expect("it ends");
    proxy.open();
    let planned = lines(&folder.infra(["plan", "-json"]).status(0));
    let found = planned.iter().find(|line| line["type"] == "infra_found").expect("it was found");
    assert_eq!(found["hook"]["resource"]["addr"], "aws_vpc.main");
    assert!(found["hook"]["id_value"].as_str().is_some_and(|id| id.starts_with("vpc-")));
}

#[test]
fn operations_and_calls_are_logged_with_what_they_are_about() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = Folder::with(VPC).on(&cloud).env("AWS_REGION", "eu-west-1").env("INFRA_LOG_FORMAT", "json");
    let folder = folder.env("INFRA_LOG", "debug").env("INFRA_LOG_PATH", "run.log");
    folder.infra(["apply", "-auto-approve"]).status(0);
    let log = folder.read("run.log");
    let entries: Vec<Json> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let call = entries
        .iter()
        .find(|entry| entry["message"] == "call" && entry["operation"] == "CreateVpc")
        .unwrap_or_else(|| panic!("{log}"));
    assert_eq!((&call["service"], &call["address"]), (&Json::from("EC2"), &Json::from("aws_vpc.main")));
    assert_eq!((&call["status"], &call["attempts"]), (&Json::from(200), &Json::from(1)));
    assert!(call["request_id"].is_string() && call["duration_ms"].is_u64(), "{call}");
    let operation = entries.iter().find(|entry| entry["message"] == "operation").expect("an operation");
    assert_eq!((&operation["operation"], &operation["outcome"]), (&Json::from("create"), &Json::from("done")));
    assert!(entries.iter().any(|entry| entry["message"] == "state write"), "{log}");
    assert!(entries.iter().any(|entry| entry["message"] == "state lock"), "{log}");
    assert!(entries.iter().all(|entry| entry["level"] != "trace"), "{log}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path("run.log")).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_call_that_fails_is_logged_with_its_code() {
    let Some(cloud) = Cloud::start() else { return };
    let configuration =
        "resource \"aws_subnet\" \"main\" {\n  vpc_id     = \"vpc-0\"\n  cidr_block = \"10.0.0.0/24\"\n}\n";
    let folder = Folder::with(configuration).on(&cloud).env("AWS_REGION", "eu-west-1").env("INFRA_LOG", "debug");
    let outcome = folder.infra(["apply", "-auto-approve"]).status(1);
    let call = outcome.stderr.lines().find(|line| line.contains("operation=CreateSubnet")).unwrap_or_default();
    assert!(call.contains("status=400") && call.contains("code=InvalidVpcID.NotFound"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("outcome=failed"), "{}", outcome.stderr);
}

#[test]
fn a_wrong_wish_for_logs_is_said_and_changes_nothing_else() {
    let folder = Folder::with(NOTE).env("INFRA_LOG", "verbose");
    folder.infra(["plan"]).status(0).fails_with("Invalid INFRA_LOG").fails_with("\"verbose\"");
    let told = lines(&folder.infra(["plan", "-json"]).status(0));
    assert_eq!(told[1]["diagnostic"]["summary"], "Invalid INFRA_LOG");
    let folder = Folder::with(NOTE).env("INFRA_LOG", "info").env("INFRA_LOG_PATH", "nowhere/log");
    folder.infra(["plan"]).status(0).fails_with("Invalid INFRA_LOG_PATH").fails_with("command=plan");
}

#[test]
fn traces_go_where_the_environment_says() {
    let sink = Sink::open();
    let folder = Folder::with(NOTE)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &sink.url())
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=deploy")
        .env("OTEL_SERVICE_NAME", "pipeline")
        .env("OTEL_RESOURCE_ATTRIBUTES", "stage=production")
        .env("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    folder.infra(["apply", "-auto-approve"]).status(0);
    let heads = sink.heads();
    assert!(heads.iter().all(|head| head.starts_with("POST /v1/traces ")), "{heads:?}");
    assert!(heads.iter().all(|head| head.to_lowercase().contains("x-team: deploy")), "{heads:?}");
    let body = sink.bodies();
    let holds = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    for text in ["pipeline", "production", "infra apply", "create terraform_data.note", "plan", "state write"] {
        assert!(holds(text.as_bytes()), "{text}");
    }
    let trace = [0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c];
    let parent = [0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31];
    assert!(holds(&trace) && holds(&parent));
}

#[test]
fn traces_of_a_run_that_fails_are_sent_too() {
    let sink = Sink::open();
    let folder = Folder::with("output \"it\" {\n  value = nosuch\n}\n");
    let folder = folder.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &format!("{}/elsewhere", sink.url()));
    folder.infra(["plan"]).status(1);
    let heads = sink.heads();
    assert!(heads.first().is_some_and(|head| head.starts_with("POST /elsewhere ")), "{heads:?}");
}

#[test]
fn an_endpoint_that_does_not_answer_costs_a_warning() {
    // It takes connections, and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let place = format!("http://{}", silent.local_addr().expect("an address"));
    for endpoint in [place.as_str(), "http://127.0.0.1:1", "not an address", "ftp://127.0.0.1"] {
        let folder = Folder::with(NOTE).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
        let outcome = folder.infra(["plan", "-detailed-exitcode"]).status(2);
        assert_eq!(outcome.stderr.matches("Warning: ").count(), 1, "{}", outcome.stderr);
        let told = lines(&folder.infra(["plan", "-json"]).status(0));
        let warnings = told.iter().filter(|line| line["diagnostic"]["severity"] == "warning");
        assert_eq!(warnings.count(), 1, "{endpoint}");
    }
}
