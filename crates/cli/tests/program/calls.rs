//! How many calls a plan takes: what many objects need is asked for once.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value as Json, json};

use crate::support::{Cloud, Folder};

/// Most of them are for what AWS tells of one object at a time: settings of a VPC, of a load balancer, of a target
/// group, of a listener, task definitions, parameters of a database.
const MOST: usize = 30;

/// What the emulator lacks: the tags of the objects that a call names.
struct TagReader {
    port: u16,
}

impl TagReader {
    /// Answers with these tags, by ARN.
    fn start(tags: BTreeMap<String, Json>) -> TagReader {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it has an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &tags);
            }
        });
        TagReader { port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn answer(mut stream: TcpStream, tags: &BTreeMap<String, Json>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a number");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the whole request");
    let asked: Json = serde_json::from_slice(&body).expect("JSON");
    let arns = asked["ResourceARNList"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let found: Vec<Json> = arns
        .filter_map(|arn| {
            let pairs = tags.get(arn)?.as_object()?.iter().map(|(key, value)| json!({"Key": key, "Value": value}));
            Some(json!({"ResourceARN": arn, "Tags": pairs.collect::<Vec<_>>()}))
        })
        .collect();
    let body = json!({"ResourceTagMappingList": found}).to_string();
    let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body).as_bytes());
}

/// The tags that the state says, by ARN.
fn tags_of(state: &Json) -> BTreeMap<String, Json> {
    let resources = state["resources"].as_array().into_iter().flatten();
    let objects = resources.flat_map(|r| r["instances"].as_array().into_iter().flatten()).map(|i| &i["attributes"]);
    let tagged = objects.filter(|o| o["tags_all"].as_object().is_some_and(|tags| !tags.is_empty()));
    tagged.filter_map(|o| Some((o["arn"].as_str()?.to_string(), o["tags_all"].clone()))).collect()
}

/// A plan that finds nothing to change of so many resources, and the calls that it took.
fn plan(folder: &Folder, resources: usize) -> Vec<String> {
    let run = folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0);
    let calls =
        run.stderr.lines().filter_map(|line| Some(line.split_once("infra_aws::observed: call ")?.1.to_string()));
    let calls: Vec<String> = calls.collect();
    run.says(&format!("Refreshed {resources} resources in ")).says(&format!(" s ({} calls).", calls.len()));
    calls
}

fn with_tags(folder: Folder, tags: BTreeMap<String, Json>) -> Folder {
    folder.env("AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API", &TagReader::start(tags).url())
}

#[test]
fn a_plan_without_changes_takes_few_calls() {
    let Some(cloud) = Cloud::start() else { return };
    let folder = Folder::copy_of("examples/three-tier").on(&cloud).env("INFRA_LOG", "infra_aws=debug");
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    let tags = tags_of(&folder.state());

    // The emulator knows the tags of some.
    let emulated = plan(&folder, 41);
    assert!(
        !emulated.iter().any(|call| call.contains("CloudWatch Logs\" operation=ListTags")),
        "{}",
        emulated.join("\n")
    );

    let folder = with_tags(folder, tags.clone());
    let calls = plan(&folder, 41);
    assert!(calls.len() <= MOST, "{} calls:\n{}", calls.len(), calls.join("\n"));

    // What is read for many at once may be out of date: each service knows better.
    let late = tags.into_keys().map(|arn| (arn, json!({"Stage": "of yesterday"})));
    let more = plan(&with_tags(folder, late.collect()), 41);
    assert!(more.len() > emulated.len(), "nobody else was asked:\n{}", more.join("\n"));
}

#[test]
fn an_emulator_is_asked_once_for_what_has_no_tags() {
    let Some(cloud) = Cloud::start() else { return };
    let configuration = r#"
provider "aws" {
  region = "eu-west-1"
}

resource "aws_cloudwatch_log_group" "plain" {
  count = 3
  name  = "plain-${count.index}"
}

resource "aws_sns_topic" "plain" {
  name = "plain"
}
"#;
    let folder = Folder::with(configuration).on(&cloud).env("INFRA_LOG", "infra_aws=debug");
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    // What the emulator needs for its first answer it loads for seconds, longer than infra waits for it.
    cloud.list_tags();
    let calls = plan(&folder, 4);
    assert!(!calls.iter().any(|call| call.contains("operation=ListTags")), "{}", calls.join("\n"));

    // Tags that somebody gave are seen all the same.
    cloud.tag_log_group("plain-0", "Somebody", "else");
    folder.infra(["plan", "-input=false", "-detailed-exitcode"]).status(2).says("\"Somebody\"");
}
