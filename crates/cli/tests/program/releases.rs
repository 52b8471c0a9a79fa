//! Releases as people and accidents meet them: wrong blocks, runs that are killed, ways back, strategies.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value as Json;

use crate::support::{Beside, Folder, Outcome, get};

const SERVICE: &str = include_str!("support/released.tf");
const MEMBERS: &str = "  services      = aws_ecs_service.it
  target_groups = aws_lb_target_group.it
  listener      = aws_lb_listener.it[\"users\"]
";
const QUICK: &str = "  test_listener = aws_lb_listener.it[\"tests\"]
  standby       = \"1s\"
  start_timeout = \"20s\"
";
const WATCH: &str = "  revert_when {
    window       = \"1s\"
    min_requests = 20
  }
";

/// A service in two colours that runs on this machine, and its release. What runs for it ends with it.
struct Service(Folder, #[expect(dead_code, reason = "it is held")] Beside);

impl Service {
    fn new() -> Service {
        Service(Folder::with(SERVICE).env("INFRA_LOCAL", "1"), Beside::take())
    }

    /// With a release of these settings, and v1 live.
    fn with(settings: &str) -> Service {
        let service = Service::new();
        service.release(&format!("{MEMBERS}{QUICK}{settings}{WATCH}"));
        service.apply("v1", &[]).status(0);
        service
    }

    fn release(&self, body: &str) {
        self.0.write("it.infra.hcl", &format!("release \"it\" {{\n{body}}}\n"));
    }

    fn apply(&self, tag: &str, more: &[&str]) -> Outcome {
        let tag = format!("-var=tag={tag}");
        self.0.infra(["apply", "-input=false", "-auto-approve", &tag].into_iter().chain(more.iter().copied()))
    }

    fn plan(&self, tag: &str, more: &[&str]) -> Outcome {
        let tag = format!("-var=tag={tag}");
        self.0.infra(["plan", "-input=false", &tag].into_iter().chain(more.iter().copied()))
    }

    /// Applies, and comes back once it says something.
    fn apply_until(&self, tag: &str, more: &[&str], said: &str) -> Running {
        let tag = format!("-var=tag={tag}");
        let words = ["apply", "-input=false", "-auto-approve", &tag].into_iter().chain(more.iter().copied());
        let mut process =
            self.0.command(words).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut out = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut heard = String::new();
        while !heard.contains(said) {
            assert!(out.read_line(&mut heard).unwrap_or(0) > 0, "it never says {said:?}:\n{heard}");
        }
        let rest = std::thread::spawn(move || {
            let _ = out.read_to_string(&mut heard);
            heard
        });
        Running { process, rest }
    }

    fn url(&self) -> String {
        self.0.infra(["output", "-raw", "lb"]).status(0).stdout.trim().to_string()
    }

    fn live(&self) -> String {
        answer(&self.url())
    }

    fn releases(&self) -> Json {
        let told = self.0.infra(["releases", "-json"]).status(0).stdout.clone();
        serde_json::from_str::<Json>(&told).expect("JSON")["releases"][0].clone()
    }

    /// How many tasks of each colour run.
    fn tasks(&self) -> String {
        let told = self.0.infra(["local", "status"]).status(0).stdout.clone();
        let services = told.lines().filter_map(|line| line.trim().strip_prefix("it/it-"));
        let counts = services.map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// One version is live, all of it, and nothing else runs or waits to be done.
    #[track_caller]
    fn settled(&self, tag: &str) {
        assert_eq!(self.live(), format!("200 {tag}"));
        let tasks = self.tasks();
        assert!(["blue 1, green 0", "blue 0, green 1"].contains(&&*tasks), "{tasks}");
        let phase = self.releases()["phase"].clone();
        assert!(phase == "finished" || phase == "reverted" || phase.is_null(), "{phase}");
    }

    /// After a destroy nothing is left over.
    #[track_caller]
    fn goes(&self) {
        self.0.infra(["destroy", "-input=false", "-auto-approve"]).status(0);
        let status = self.0.infra(["local", "status", "-json"]).status(0).stdout.clone();
        let status: Json = serde_json::from_str(&status).expect("JSON");
        assert_eq!(status["supervisor"], Json::Null);
        self.0.infra(["releases"]).status(0).says("No release has been made yet.");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.infra(["local", "destroy"]);
    }
}

/// An apply under way.
struct Running {
    process: Child,
    rest: JoinHandle<String>,
}

impl Running {
    /// kill -9
    fn kill(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }

    fn interrupt(&self) {
        let told = std::process::Command::new("kill").args(["-INT", &self.process.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()));
    }

    /// Its end: the exit status, and what it said.
    fn end(mut self) -> (Option<i32>, String) {
        let status = self.process.wait().expect("it ends").code();
        (status, self.rest.join().unwrap_or_default())
    }
}

/// `200 v1`, `500`, or why there was no answer.
fn answer(address: &str) -> String {
    match get(address) {
        Ok((status, body)) => match serde_json::from_str::<Json>(&body) {
            Ok(json) if status == 200 => format!("200 {}", json["version"].as_str().unwrap_or("?")),
            _ => status.to_string(),
        },
        Err(why) => why,
    }
}

/// Users who ask all the time.
struct Users {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<BTreeMap<String, usize>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Users {
    fn of(service: &Service) -> Users {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let url = service.url();
        let one = |_| {
            let (stop, answers, url) = (stop.clone(), answers.clone(), url.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let heard = answer(&url);
                    if let Ok(mut answers) = answers.lock() {
                        *answers.entry(heard).or_insert(0) += 1;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        };
        Users { threads: (0..2).map(one).collect(), stop, answers }
    }

    /// What they were answered since the last time.
    fn heard(&self) -> BTreeMap<String, usize> {
        self.answers.lock().map(|mut answers| std::mem::take(&mut *answers)).unwrap_or_default()
    }

    /// That nobody got anything but these answers.
    #[track_caller]
    fn heard_only(&self, wanted: &[&str]) {
        let heard = self.heard();
        assert!(heard.keys().all(|answer| wanted.contains(&answer.as_str())), "{heard:?}");
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

#[test]
fn wrong_release_blocks_are_told_with_their_lines() {
    let folder = Folder::with(&format!("{SERVICE}{WRONG}")).env("INFRA_LOCAL", "1");
    let members = |services: &str, groups: &str, listener: &str| {
        format!("  services = {services}\n  target_groups = {groups}\n  listener = {listener}\n")
    };
    let (it, groups, listener) = ("aws_ecs_service.it", "aws_lb_target_group.it", "aws_lb_listener.it[\"users\"]");
    let good = members(it, groups, listener);
    let cases: &[(String, usize, &str)] = &[
        (format!("{good}  foo = 1\n"), 5, "There is no argument \"foo\" here."),
        (format!("{good}  strategy = \"bluegreen\"\n"), 5, "Did you mean \"blue_green\"?"),
        (format!("{good}  strategy \"cannary\" {{\n    steps = [1]\n  }}\n"), 5, "Did you mean \"canary\"?"),
        (format!("{good}  strategy = \"canary\"\n"), 5, "has settings of its own"),
        (format!("{good}  strategy \"canary\" {{\n    steps = [50, 5]\n  }}\n"), 5, "each gives more traffic"),
        (format!("{good}  strategy \"linear\" {{\n    step = 0\n    interval = \"5s\"\n  }}\n"), 6, "from 1 to 100"),
        (members("aws_ecs_service.one", groups, listener), 2, "aws_ecs_service.one has 1 instance. Give it two"),
        (members("aws_ecs_service.three", groups, listener), 2, "has 3 instances. Give it two"),
        (members("aws_ecs_service.it[\"blue\"]", groups, listener), 2, "Name the whole resource"),
        (members(it, "aws_lb_target_group.three", listener), 3, "it has blue, green, red."),
        (format!("  services = {it}\n  listener = {listener}\n"), 1, "target_groups is missing"),
        (format!("  services = {it}\n  target_groups = {groups}\n"), 1, "The listener or the listener rule"),
        (members(it, groups, "aws_lb_listener.it"), 4, "aws_lb_listener.it has 2 instances"),
        (members(it, groups, "aws_lb_listener.nix"), 4, "\"aws_lb_listener\" \"nix\" has not been declared"),
        (members("aws_lb.it", groups, listener), 2, "aws_lb.it is not a service"),
        (members(it, it, listener), 3, "aws_ecs_service.it is not a target group"),
        (members(it, groups, "aws_lb.it"), 4, "aws_lb.it is not a listener"),
        (format!("  target_groups = {groups}\n  listener = {listener}\n"), 1, "names the services that it is about"),
        (members("\"aws_ecs_service.it\"", groups, listener), 2, "A plain reference is needed here"),
        (format!("{good}  standby = \"30\"\n"), 5, "standby is a duration"),
        (format!("{good}  standby = \"-30s\"\n"), 5, "standby is a duration"),
        (format!("{good}  standby = var.secret\n"), 5, "standby is sensitive"),
        (format!("{good}  standby = var.nix\n"), 5, "An input variable with the name \"nix\""),
        (format!("{good}  revert_when {{\n    error_rate_percent = 101\n  }}\n"), 6, "a number from 0 to 100"),
        (format!("{good}  check \"tcp\" \"x\" {{\n  }}\n"), 5, "an \"http\" or a \"command\" check"),
        (format!("{good}  check \"http\" \"x\" {{\n    path = \"health\"\n  }}\n"), 6, "with its leading slash"),
        (format!("{good}  check \"command\" \"x\" {{\n    command = []\n  }}\n"), 5, "names the program"),
        (format!("{good}}}\nrelease \"it\" {{\n{good}"), 6, "There can be one release \"it\""),
    ];
    for (body, line, text) in cases {
        folder.write("it.infra.hcl", &format!("release \"it\" {{\n{body}}}\n"));
        folder.infra(["validate"]).fails(&[&format!("on it.infra.hcl line {line}"), text]);
    }
    // These need what only a plan knows.
    let cases = [
        (format!("{good}  standby = aws_lb.it.arn\n"), 5, "known after apply only"),
        (members(it, groups, "aws_lb_listener.one"), 4, "forwards to 1 target group."),
        (members(it, groups, "aws_lb_listener.three"), 4, "forwards to 3 target groups."),
    ];
    for (body, line, text) in cases {
        folder.write("it.infra.hcl", &format!("release \"it\" {{\n{body}}}\n"));
        folder.infra(["validate"]).status(0);
        folder.infra(["plan", "-input=false"]).fails(&[&format!("on it.infra.hcl line {line}"), text]);
    }
}

const WRONG: &str = r#"
variable "secret" {
  default   = "30s"
  sensitive = true
}

resource "aws_lb_target_group" "three" {
  for_each = toset(["blue", "green", "red"])
  name     = "three-${each.key}"
  port     = 80
  protocol = "HTTP"
  vpc_id   = aws_vpc.it.id
}

resource "aws_ecs_service" "one" {
  name            = "one"
  task_definition = aws_ecs_task_definition.it.arn
}

resource "aws_ecs_service" "three" {
  for_each        = toset(["blue", "green", "red"])
  name            = "three-${each.key}"
  task_definition = aws_ecs_task_definition.it.arn
}

resource "aws_lb_listener" "one" {
  load_balancer_arn = aws_lb.it.arn
  port              = 81

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.it["blue"].arn
  }
}

resource "aws_lb_listener" "three" {
  load_balancer_arn = aws_lb.it.arn
  port              = 82

  default_action {
    type = "forward"

    forward {
      dynamic "target_group" {
        for_each = aws_lb_target_group.three

        content {
          arn    = target_group.value.arn
          weight = target_group.key == "blue" ? 100 : 0
        }
      }
    }
  }
}
"#;

#[test]
#[cfg(unix)]
fn a_release_that_is_killed_goes_on_with_the_next_apply() {
    let service = Service::with("");
    let users = Users::of(&service);
    let moments = ["starts as", "0/1 healthy", "are healthy", "gets 100 %", "is stopped"];
    let mut before = "200 v1".to_string();
    for (n, moment) in moments.iter().enumerate() {
        let tag = format!("v{}", n + 2);
        service.apply_until(&tag, &[], moment).kill();
        service.apply(&tag, &[]).status(0);
        service.settled(&tag);
        let now = format!("200 {tag}");
        users.heard_only(&[&before, &now]);
        before = now;
    }
    service.goes();
}

#[test]
#[cfg(unix)]
fn a_release_that_is_killed_is_taken_back() {
    let service = Service::with("");
    let users = Users::of(&service);
    let moments = [("starts as", false), ("are healthy", false), ("gets 100 %", true)];
    for (n, (moment, reached)) in moments.iter().enumerate() {
        let tag = format!("v{}", n + 2);
        service.apply_until(&tag, &[], moment).kill();
        service.0.infra(["revert"]).status(0);
        assert_eq!(service.live(), "200 v1");
        let new = format!("200 {tag}");
        match reached {
            true => users.heard_only(&["200 v1", &new]),
            false => drop(users.heard()),
        }
        let plan = service.plan(&tag, &["-detailed-exitcode"]).status(2);
        assert!(plan.stdout.contains("is stopped") && !plan.stdout.contains("takes over"), "{}", plan.stdout);
        service.apply(&tag, &[]).status(0);
        service.settled("v1");
        service.plan(&tag, &["-detailed-exitcode"]).status(0).says("is not released again");
        users.heard_only(&["200 v1"]);
    }
    service.goes();
}

#[test]
#[cfg(unix)]
fn a_run_notices_that_somebody_else_takes_the_traffic_back() {
    let service = Service::with("");
    let body = format!("{MEMBERS}{}{WATCH}", QUICK.replace("\"1s\"", "\"1m\""));
    service.release(&body);
    let run = service.apply_until("v2", &[], "gets 100 %");
    // A second apply is refused meanwhile, and says by whom.
    service.apply("v3", &[]).fails(&["Error acquiring the state lock"]);
    assert_eq!(service.live(), "200 v2");
    service.0.infra(["revert"]).status(0).says("all traffic on blue").says("Another run works on this state");
    assert_eq!(service.live(), "200 v1");
    let (status, said) = run.end();
    assert_eq!(status, Some(3), "{said}");
    service.settled("v1");
    service.plan("v2", &["-detailed-exitcode"]).status(0).says("taken back elsewhere");
    service.goes();
}

#[test]
#[cfg(unix)]
fn an_interrupted_release_is_left_and_finished_later() {
    let service = Service::with("");
    service.release(&format!("{MEMBERS}{}{WATCH}", QUICK.replace("\"1s\"", "\"10m\"")));
    let run = service.apply_until("v2", &[], "gets 100 %");
    run.interrupt();
    let (status, said) = run.end();
    assert_eq!(status, Some(130), "{said}");
    assert!(said.contains("left as it is"), "{said}");
    service.plan("v2", &["-detailed-exitcode"]).status(2).says("goes on with v2").says("1 to release");
    assert_eq!(service.releases()["phase"], "watch");
    service.0.infra(["release", "finish", "release.it"]).status(0);
    service.settled("v2");

    // After standby the old version is started first.
    let reverted = service.0.infra(["revert"]).status(0);
    assert!(reverted.stdout.contains("It is started first"), "{}", reverted.stdout);
    service.settled("v1");

    // Terraform drops the record when it writes the state: the cloud still tells which version was live before.
    let text = service.0.infra(["state", "pull"]).status(0).stdout;
    let mut state: Json = serde_json::from_str(&text).expect("JSON");
    state.as_object_mut().expect("a state").remove("infra");
    state["serial"] = (state["serial"].as_u64().unwrap_or_default() + 1).into();
    service.0.write("without.json", &state.to_string());
    service.0.infra(["state", "push", "without.json"]).status(0);
    service.0.infra(["revert"]).status(0).says("It is started first");
    assert_eq!(service.live(), "200 v2");
    service.goes();
}

#[test]
fn users_get_shares_as_the_strategy_says() {
    let settings = "  strategy \"canary\" {\n    steps = [20]\n    wait  = \"5s\"\n  }\n";
    let service = Service::with(settings);
    let users = Users::of(&service);
    let run = service.apply_until("v2", &[], "gets 20 %");
    users.heard();
    std::thread::sleep(Duration::from_secs(3));
    let heard = users.heard();
    let (old, new) = (heard["200 v1"], heard["200 v2"]);
    assert!(new > 0 && new * 100 < (old + new) * 40, "{heard:?}");
    let (status, said) = run.end();
    assert_eq!(status, Some(0), "{said}");
    service.settled("v2");

    service.release(&format!(
        "{MEMBERS}{QUICK}  strategy \"linear\" {{\n    step     = 40\n    interval = \"1s\"\n  }}\n{WATCH}"
    ));
    let said = service.apply("v3", &[]).status(0).stdout;
    for share in ["gets 40 %", "gets 80 %", "gets 100 %"] {
        assert!(said.contains(share), "{share}: {said}");
    }
    users.heard_only(&["200 v1", "200 v2", "200 v3"]);
    service.settled("v3");
    service.goes();
}

#[test]
fn a_version_that_does_not_prove_itself_gets_no_user() {
    let service = Service::with("");
    let users = Users::of(&service);
    let with = |settings: &str| service.release(&format!("{MEMBERS}{QUICK}{settings}{WATCH}"));

    with("  check \"command\" \"smoke\" {\n    command  = [\"sh\", \"-c\", \"exit 1\"]\n    attempts = 1\n  }\n");
    service.apply("v2", &[]).status(3).fails_with("the check \"smoke\" failed");

    with("  check \"http\" \"page\" {\n    path     = \"/\"\n    status   = 418\n    attempts = 1\n  }\n");
    let reverted = service.apply("v3", &["-json"]).status(3);
    let told = |line: &str| serde_json::from_str::<Json>(line).ok();
    let end = reverted.stdout.lines().filter_map(told).find(|line| line["type"] == "infra_release_end");
    let end = end.unwrap_or_else(|| panic!("{}", reverted.stdout))["release"].clone();
    assert_eq!(
        (&end["outcome"], &end["exit_status"], &end["live"]),
        (&"reverted".into(), &3.into(), &end["from"]["colour"])
    );
    assert!(end["reverted"]["reason"].as_str().is_some_and(|why| why.contains("the check \"page\" failed")), "{end}");

    with("  before_shift {\n    command = [\"exit\", \"1\"]\n  }\n");
    service.apply("v4", &[]).status(3).fails_with("The release was taken back");

    service.release(&format!("{MEMBERS}{}{WATCH}", QUICK.replace("20s", "6s")));
    service.apply("v5", &["-var=environment={UNHEALTHY=\"true\"}"]).status(3).fails_with("healthy");
    users.heard_only(&["200 v1"]);
    service.settled("v1");

    // The same steps, and all is well.
    let smoke = "sh\", \"-c\", \"echo asked $INFRA_TEST_URL > asked";
    with(&format!(
        "  check \"command\" \"smoke\" {{\n    command = [\"{smoke}\"]\n  }}\n  before_shift {{\n    command = \
         [\"exit\", \"0\"]\n  }}\n"
    ));
    let applied = service.apply("v6", &["-json"]).status(0);
    let lines = applied.stdout.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    assert!(lines.clone().filter(|line| line["type"] == "infra_release_step").count() > 3, "{}", applied.stdout);
    let ends: Vec<Json> = lines.filter(|line| line["type"] == "infra_release_end").collect();
    assert_eq!(ends.len(), 1, "{}", applied.stdout);
    assert_eq!((&ends[0]["release"]["outcome"], &ends[0]["release"]["exit_status"]), (&"finished".into(), &0.into()));
    assert!(service.0.read("asked").contains("asked http://"));
    service.settled("v6");
    users.heard_only(&["200 v1", "200 v6"]);

    // The record holds no environment of tasks.
    let state: Json = serde_json::from_str(&service.0.infra(["state", "pull"]).status(0).stdout).expect("JSON");
    assert!(state["infra"]["releases"]["release.it"].is_object(), "{state}");
    assert!(!state["infra"].to_string().contains("not-for-the-record"), "{}", state["infra"]);

    // The history tells of each, the last first.
    let history = service.0.infra(["history", "-json"]).status(0).stdout;
    let history: Vec<Json> = serde_json::from_str(&history).expect("JSON");
    let outcomes: Vec<&Json> = history.iter().map(|record| &record["outcome"]["status"]).collect();
    assert_eq!(outcomes, ["done", "reverted", "reverted", "reverted", "reverted", "done"]);
    let release = &history[3]["releases"][0];
    assert_eq!((&release["phase"], &release["reverted"]["by"]), (&"reverted".into(), &"".into()));
    assert!(release["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{release}");
    service.0.infra(["history", "verify"]).status(0);
    service.goes();
}

#[test]
fn a_single_service_is_rolled_over_in_place() {
    let service = Service::new();
    service.0.write(
        "main.tf",
        &SERVICE
            .replace("toset([\"blue\", \"green\"])\n  name            =", "toset([\"blue\"])\n  name            =")
            .replace("ignore_changes = [task_definition, desired_count]", "ignore_changes = [desired_count]"),
    );
    service.release(&format!(
        "  service       = aws_ecs_service.it\n  strategy      = \"rolling\"\n  standby       = \"1s\"\n{WATCH}"
    ));
    service.apply("v1", &[]).status(0);
    let users = Users::of(&service);
    // The release changes the service, not the ordinary plan: whatever comes before the shift comes before that.
    let planned = service.plan("v2", &[]).status(0).says("takes over from v1, in place").says("1 to release");
    assert!(!planned.stdout.contains("aws_ecs_service.it"), "{}", planned.stdout);
    service.apply("v2", &[]).status(0);
    assert_eq!(service.live(), "200 v2");
    users.heard_only(&["200 v1", "200 v2"]);
    service.goes();
}

#[test]
fn a_saved_plan_with_a_release_is_applied_as_it_was_shown() {
    let service = Service::with("");
    service.plan("v2", &["-out=saved", "-detailed-exitcode"]).status(2).says("1 task of v2").says("1 to release");
    let shown = service.0.infra(["show", "-json", "saved"]).status(0).stdout;
    let shown: Json = serde_json::from_str(&shown).expect("JSON");
    let release = &shown["infra"]["releases"][0];
    assert_eq!(
        (&release["kind"], &release["live"], &release["idle"]),
        (&"new".into(), &"blue".into(), &"green".into())
    );
    service.0.infra(["show", "saved"]).status(0).says("green (v2) takes over from blue (v1)");
    service.plan("v2", &["-target=aws_vpc.it"]).status(0);
    service.plan("v2", &["-destroy"]).status(0).says("12 to destroy");
    service.plan("v2", &["-refresh-only"]).status(0);
    service.0.infra(["apply", "-input=false", "saved"]).status(0).says("green is live with v2");
    service.settled("v2");
    service.goes();
}

#[test]
fn the_way_back_needs_no_value_but_those_that_lead_to_the_cloud() {
    let service = Service::with("");
    service.apply("v2", &[]).status(0);
    service.0.write("more.tf", "variable \"needed\" {}\nlocals { more = var.needed }\n");
    service.0.write("main.tf", &SERVICE.replace("\"eu-west-1\"", "var.region"));
    service.0.write("region.tf", "variable \"region\" {}\n");
    let refused = service.0.infra(["revert"]).status(1).fails_with("No value for required variable");
    assert_eq!(service.live(), "200 v2", "{}", refused.stderr);
    service.0.infra(["revert", "-var=region=eu-west-1"]).status(0);
    assert_eq!(service.live(), "200 v1");
    service.0.write("main.tf", SERVICE);
    for file in ["more.tf", "region.tf"] {
        service.0.write(file, "");
    }
    service.goes();
}
