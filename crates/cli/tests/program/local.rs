//! The same configuration on this machine: tasks, balancers and releases that really run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::support::{Alone, Folder, get};

/// The quickstart in a folder of its own. What runs for it is stopped at the end, however the test ends.
struct Quickstart(Folder, #[expect(dead_code, reason = "it is held")] Alone);

impl Quickstart {
    fn new() -> Quickstart {
        let ports = Alone::take();
        let folder = Folder::copy_of("examples/quickstart").and("infrastructure").without("AWS_ENDPOINT_URL");
        Quickstart(folder.env("INFRA_LOCAL", "1").env("TF_VAR_standby", "2s"), ports)
    }

    fn apply(&self, more: &[&str]) -> crate::support::Outcome {
        let mut words = vec!["apply", "-input=false", "-auto-approve"];
        words.extend(more);
        self.0.infra(words)
    }

    fn url(&self) -> String {
        self.0.infra(["output", "-raw", "url"]).status(0).stdout.trim().to_string()
    }

    fn status(&self) -> Json {
        let told = self.0.infra(["local", "status", "-json"]).status(0).stdout.clone();
        serde_json::from_str(&told).expect("JSON")
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.0.infra(["local", "destroy"]);
    }
}

fn version(url: &str) -> String {
    let (status, body) = get(url).expect("an answer");
    assert_eq!(status, 200, "{body}");
    let json: Json = serde_json::from_str(&body).expect("JSON");
    json["version"].as_str().unwrap_or_default().to_string()
}

/// Users who ask all the time, and what they were answered: `200 v1`, `500`, or why not at all.
struct Users {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<BTreeMap<String, usize>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Users {
    fn of(url: &str) -> Users {
        let (stop, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(BTreeMap::new())));
        let one = |_| {
            let (stop, answers, url) = (stop.clone(), answers.clone(), url.to_string());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let answer = match get(&url) {
                        Ok((200, body)) => {
                            let json: Json = serde_json::from_str(&body).unwrap_or_default();
                            format!("200 {}", json["version"].as_str().unwrap_or("?"))
                        }
                        Ok((status, _)) => status.to_string(),
                        Err(why) => why,
                    };
                    if let Ok(mut answers) = answers.lock() {
                        *answers.entry(answer).or_insert(0) += 1;
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            })
        };
        let threads = (0..4).map(one).collect();
        Users { stop, answers, threads }
    }

    /// What they were answered, once all have gone.
    fn gone(self) -> BTreeMap<String, usize> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        self.answers.lock().map(|answers| answers.clone()).unwrap_or_default()
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_quickstart_answers_and_leaves_nothing() {
    let quickstart = Quickstart::new();
    quickstart.0.infra(["plan", "-input=false"]).status(0).says("58 to add").says("first deployment");
    quickstart.apply(&[]).status(0).says("58 added");
    let url = quickstart.url();
    assert_eq!(version(&url), "v1");
    quickstart.0.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
    quickstart.0.infra(["local", "status"]).status(0).says("2 of 2 running").says(&url);

    quickstart.0.infra(["destroy", "-input=false", "-auto-approve"]).status(0).says("58 destroyed");
    assert_eq!(quickstart.status()["supervisor"], Json::Null, "nothing keeps running");
    assert!(get(&url).is_err(), "nobody listens any more");
    assert!(!quickstart.0.path(".infra/local/world.json").exists(), "nothing stays recorded");
}

#[test]
fn a_release_fails_no_request_and_a_revert_moves_everybody_back() {
    let quickstart = Quickstart::new();
    quickstart.apply(&[]).status(0);
    let url = quickstart.url();
    let users = Users::of(&url);
    let v2 = ["-var=app_version=v2"];
    quickstart.0.infra(["plan", "-input=false", v2[0]]).status(0).says("green (v2) takes over from blue (v1)");
    quickstart.apply(&v2).status(0).says("green is live with v2");
    assert_eq!(version(&url), "v2");
    quickstart.0.infra(["plan", "-input=false", "-detailed-exitcode", v2[0]]).status(0).says("No changes.");
    let answers = users.gone();
    let wrong: Vec<_> = answers.keys().filter(|answer| !answer.starts_with("200 v")).collect();
    assert!(wrong.is_empty(), "{answers:?}");

    // While the old colour stands by, everybody is moved back at once.
    quickstart.apply(&["-var=app_version=v3", "-var=standby=10m", "-release-detach"]).status(0);
    assert_eq!(version(&url), "v3");
    quickstart.0.infra(["releases"]).status(0).says("blue v3").says("green v2");
    quickstart.0.infra(["local", "status"]).status(0).says("(infra/hello:v3)").says("(infra/hello:v2)");
    let status = quickstart.status();
    let tasks = status["services"].as_array().into_iter().flatten();
    let tasks = tasks.flat_map(|service| service["tasks"].as_array().into_iter().flatten());
    let versions: BTreeSet<_> = tasks.map(|task| (task["definition"].as_str(), task["images"][0].as_str())).collect();
    let expected = [(Some("quickstart:2"), Some("infra/hello:v2")), (Some("quickstart:3"), Some("infra/hello:v3"))];
    assert_eq!(versions, BTreeSet::from(expected));
    quickstart.0.infra(["revert"]).status(0).says("all traffic on green");
    for _ in 0..50 {
        assert_eq!(version(&url), "v2");
    }
}

#[test]
fn a_version_that_fails_goes_back_by_itself_and_is_not_released_again() {
    let quickstart = Quickstart::new();
    quickstart.apply(&[]).status(0);
    let url = quickstart.url();
    let bad = ["-var=app_version=v2", "-var=fail_percent=20", "-var=standby=5m"];
    let users = Users::of(&url);
    quickstart.apply(&bad).status(3).fails_with("The release was taken back");
    let answers = users.gone();
    assert!(answers.contains_key("200 v1") && answers.contains_key("500"), "{answers:?}");
    assert_eq!(version(&url), "v1");

    quickstart.apply(&bad).status(0).says("v2 is not released again");
    assert_eq!(version(&url), "v1");
    quickstart.0.infra(["release", "retry", "module.service.release.this"]).status(0);
    quickstart.0.infra(["plan", "-input=false", bad[0], bad[1]]).status(0).says("1 to release");
}

#[test]
#[cfg(unix)]
fn what_was_killed_runs_again_after_the_next_command() {
    let quickstart = Quickstart::new();
    quickstart.apply(&[]).status(0);
    let url = quickstart.url();
    let supervisor = quickstart.status()["supervisor"]["pid"].as_u64().expect("a process id");
    let killed = std::process::Command::new("kill").args(["-9", &supervisor.to_string()]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    eventually("its tasks end with it", || get(&url).is_err());

    quickstart.0.infra(["plan", "-input=false", "-detailed-exitcode"]).status(0).says("No changes.");
    assert_eq!(version(&url), "v1", "the service answers again as soon as the plan has ended");
    assert_ne!(quickstart.status()["supervisor"]["pid"].as_u64(), Some(supervisor));

    quickstart.0.infra(["local", "stop"]).status(0);
    assert!(get(&url).is_err());
    assert!(quickstart.0.path(".infra/local/world.json").exists(), "what is recorded stays");
}

#[test]
fn what_is_stopped_is_shown_as_it_is_and_nothing_starts_for_it() {
    let quickstart = Quickstart::new();
    quickstart.apply(&[]).status(0);
    let url = quickstart.url();
    quickstart.0.infra(["local", "stop"]).status(0);

    let shown = quickstart.0.infra(["local", "status"]).status(0);
    shown.says("Stopped.").says(&format!("stopped ({url})")).says("0 of 2 running");
    let status = quickstart.status();
    assert_eq!(status["supervisor"], Json::Null);
    assert_eq!(status["services"][0]["rollout"], "STOPPED");
    assert!(status["recorded"].as_u64().is_some_and(|recorded| recorded > 50), "{}", status["recorded"]);
    for follow in [&["local", "logs", "quickstart-blue"][..], &["local", "logs", "quickstart-blue", "-f"]] {
        quickstart.0.infra(follow).status(0).says("version v1 listens");
    }
    assert_eq!(quickstart.status()["supervisor"], Json::Null, "showing it started nothing");

    // Whoever has taken the port in the meantime is told of by the command that starts the rest.
    let port = url.trim_start_matches("http://localhost").trim_start_matches(':').parse().unwrap_or(80);
    let taken = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port));
    quickstart.0.infra(["plan", "-input=false"]).status(0).fails_with("another program listens there");
    drop(taken);
    eventually("the balancer listens where it did", || get(&url).is_ok_and(|(status, _)| status == 200));
}
