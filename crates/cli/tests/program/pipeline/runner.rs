//! Runs workflows as a runner of GitHub does: jobs in their order, each in a fresh clone, `run` steps in a shell with the
//! environment that a runner gives. What actions (`uses`) would do is done here for the few that there are.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::github::GitHub;
use crate::support::{Cloud, Folder};

/// The repository that is deployed, the runner, and the accounts behind it.
pub struct Runner {
    top: TempDir,
    pub cloud: Cloud,
    pub github: GitHub,
    certificate: String,
}

/// What starts a workflow.
pub struct Event {
    pub name: &'static str,
    /// `refs/heads/develop`
    pub reference: String,
    pub commit: String,
    /// Who caused it.
    pub actor: &'static str,
    /// What the workflow can look up besides: `github.event.pull_request.number`, `inputs.environment`.
    pub more: BTreeMap<&'static str, String>,
}

/// A run of a workflow: how far it has come.
pub struct Run<'a> {
    runner: &'a Runner,
    workflow: Json,
    event: Event,
    artifacts: TempDir,
    /// The result of each job that is over, and its outputs.
    jobs: BTreeMap<String, (&'static str, BTreeMap<String, String>)>,
    /// What the steps have said.
    pub log: String,
}

/// One job, or one of a matrix, under way.
struct Job<'a> {
    name: &'a str,
    definition: &'a Json,
    matrix: BTreeMap<String, String>,
    environment: Option<String>,
    folder: PathBuf,
    /// What steps and actions have set for later steps.
    set: BTreeMap<String, String>,
    steps: BTreeMap<String, BTreeMap<String, String>>,
}

impl Runner {
    /// With a repository that holds what the project has for it. `None` where there is no emulated AWS.
    pub fn new() -> Option<Runner> {
        let cloud = Cloud::start()?;
        let top = tempfile::tempdir().expect("a temporary folder");
        let certificate = cloud.certificate("shop.example.com");
        let runner = Runner { top, cloud, github: GitHub::start(), certificate };
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        fs::create_dir(runner.repository()).expect("a new folder");
        for part in ["infrastructure", ".github"] {
            copy(&project.join(part), &runner.repository().join(part));
        }
        fs::write(runner.repository().join(".gitignore"), "/plan/\n/plans/\n").expect("a new file");
        fs::create_dir_all(runner.top.path().join("bin")).expect("a new folder");
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_infra"), runner.top.path().join("bin/infra")).expect("a link");
        runner.git(&["init", "--quiet", "--initial-branch=develop"]);
        runner.commit("The stack");
        Some(runner)
    }

    /// Where the repository is.
    pub fn repository(&self) -> PathBuf {
        self.top.path().join("origin")
    }

    /// The certificate of the service.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Runs git in the repository; what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com", "-c", "commit.gpgsign=false"]);
        let output = command.args(arguments).current_dir(self.repository()).output().expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// Commits everything; the commit.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The tree of a commit.
    pub fn tree(&self, commit: &str) -> String {
        self.git(&["rev-parse", &format!("{commit}^{{tree}}")])
    }

    /// A workflow of the repository, started by an event.
    pub fn start(&self, file: &str, event: Event) -> Run<'_> {
        let text = self.git(&["show", &format!("{}:.github/workflows/{file}", event.commit)]);
        let workflow = read_yaml(&text);
        // YAML 1.1, which this is read as, takes `on` for a boolean.
        let events = [&workflow["on"], &workflow["true"]].into_iter().find(|events| events.is_object()).cloned();
        assert!(
            events.is_some_and(|events| events.get(event.name).is_some()),
            "{file} does not listen to {}",
            event.name
        );
        let artifacts = tempfile::tempdir().expect("a temporary folder");
        Run { runner: self, workflow, event, artifacts, jobs: BTreeMap::new(), log: String::new() }
    }

    /// What every process gets, and nothing of this machine's settings.
    pub fn clean(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut path = std::ffi::OsString::from(self.top.path().join("bin"));
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        command.env_clear().env("PATH", path).env("HOME", self.top.path().join("home"));
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("GIT_CONFIG_NOSYSTEM", "1").stdin(Stdio::null());
        command
    }

    /// Credentials, as the action for them leaves them behind, and where the emulated AWS is.
    pub fn credentials(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("AWS_ENDPOINT_URL", &self.cloud.url()),
        ];
        pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }
}

impl Run<'_> {
    /// Runs all jobs that are left; the results of those that ran.
    pub fn all(&mut self) -> BTreeMap<String, &'static str> {
        let names: Vec<String> = self.workflow["jobs"].as_object().expect("jobs").keys().cloned().collect();
        // Jobs may stand in any order.
        while self.jobs.len() < names.len() {
            let ready = |name: &&String| {
                let needs = list(&self.workflow["jobs"][name.as_str()]["needs"]);
                !self.jobs.contains_key(*name) && needs.iter().all(|need| self.jobs.contains_key(need))
            };
            let name = names.iter().find(ready).expect("a job that waits for none").clone();
            self.job(&name);
        }
        self.jobs.iter().filter(|(_, (result, _))| *result != "skipped").map(|(n, (r, _))| (n.clone(), *r)).collect()
    }

    /// Forgets the result of a job, so that it runs again.
    pub fn again(&mut self, name: &str) {
        self.jobs.remove(name);
    }

    /// Runs one job, with what it needs before; its result.
    pub fn job(&mut self, name: &str) -> &'static str {
        if let Some((result, _)) = self.jobs.get(name) {
            return result;
        }
        let definition = self.workflow["jobs"][name].clone();
        let needs = list(&definition["needs"]);
        for need in &needs {
            self.job(need);
        }
        let condition = definition["if"].as_str().unwrap_or("");
        let well = needs.iter().all(|need| self.jobs[need].0 == "success");
        let empty = Job::new(name, &definition, BTreeMap::new(), PathBuf::new());
        let (result, outputs) = match (well || condition.contains("cancelled()")) && self.holds(condition, &empty) {
            true => self.perform(name, &definition),
            false => ("skipped", BTreeMap::new()),
        };
        self.jobs.insert(name.to_string(), (result, outputs));
        result
    }

    fn perform(&mut self, name: &str, definition: &Json) -> (&'static str, BTreeMap<String, String>) {
        let values = list(&definition["strategy"]["matrix"]["environment"]);
        let mut variants: Vec<BTreeMap<String, String>> =
            values.into_iter().map(|value| BTreeMap::from([("environment".to_string(), value)])).collect();
        if variants.is_empty() {
            variants.push(BTreeMap::new());
        }
        let (mut result, mut outputs) = ("success", BTreeMap::new());
        for matrix in variants {
            let folder = self.runner.top.path().join("work/shop");
            let _ = fs::remove_dir_all(&folder);
            let mut job = Job::new(name, definition, matrix, folder);
            let environment = &definition["environment"];
            job.environment = environment.as_str().map(|text| self.resolve(text, &job));
            self.log += &format!("=== {name} {}\n", job.environment.as_deref().unwrap_or_default());
            if !self.steps(&mut job) {
                result = "failure";
            }
            for (output, text) in definition["outputs"].as_object().into_iter().flatten() {
                outputs.insert(output.clone(), self.resolve(text.as_str().unwrap_or_default(), &job));
            }
        }
        (result, outputs)
    }

    /// Runs the steps of a job; whether all went well.
    fn steps(&mut self, job: &mut Job<'_>) -> bool {
        let mut well = true;
        for step in job.definition["steps"].as_array().expect("steps") {
            let condition = step["if"].as_str().unwrap_or("");
            if !(well || condition.contains("cancelled()")) || !self.holds(condition, job) {
                continue;
            }
            let done = match (step["uses"].as_str(), step["run"].as_str()) {
                (Some(action), None) => self.uses(action, step, job),
                (None, Some(script)) => self.shell(script, step, job),
                _ => panic!("a step of {} has either uses or run: {step}", job.name),
            };
            well &= done;
        }
        well
    }

    /// What an action does, as far as the pipeline notices.
    fn uses(&mut self, action: &str, step: &Json, job: &mut Job<'_>) -> bool {
        let with = |name: &str| self.resolve(step["with"][name].as_str().unwrap_or_default(), job);
        if let Some(local) = action.strip_prefix("./") {
            // It builds infra and puts it on the path, where it is.
            assert!(job.folder.join(local).join("action.yml").is_file(), "{action}");
            return true;
        }
        let (name, version) = action.split_once('@').expect("a version");
        assert!(version.len() == 40 && version.chars().all(|c| c.is_ascii_hexdigit()), "{action} is not a commit");
        match name {
            "actions/checkout" => {
                assert_eq!(step["with"]["persist-credentials"], false, "the token stays in the folder");
                let url = format!("file://{}", self.runner.repository().display());
                let folder = job.folder.display().to_string();
                self.runner.git(&["clone", "--quiet", &url, &folder]);
                self.runner.git(&["-C", &folder, "checkout", "--quiet", "--detach", &self.event.commit]);
            }
            "aws-actions/configure-aws-credentials" => {
                assert_eq!(job.definition["permissions"]["id-token"], "write", "{} may not ask for a token", job.name);
                let environment = job.environment.as_deref().expect("a role is given to an environment");
                assert_eq!(with("role-to-assume"), role(environment));
                assert!(step["with"]["aws-access-key-id"].is_null(), "keys are not stored");
                assert_eq!(with("aws-region"), "eu-west-1");
                job.set.extend(self.runner.credentials());
            }
            "actions/upload-artifact" => {
                let to = self.artifacts.path().join(with("name"));
                fs::create_dir_all(&to).expect("a new folder");
                for file in with("path").lines() {
                    let from = job.folder.join(file);
                    assert!(!file.ends_with("/plan"), "a saved plan holds secrets: it is no artifact");
                    let Ok(text) = fs::read(&from) else { return false };
                    fs::write(to.join(from.file_name().expect("a name")), text).expect("a new file");
                }
            }
            "actions/download-artifact" => copy(self.artifacts.path(), &job.folder.join(with("path"))),
            other => panic!("what {other} does is not known here"),
        }
        true
    }

    /// Runs a script; whether its status is 0.
    fn shell(&mut self, script: &str, step: &Json, job: &mut Job<'_>) -> bool {
        assert!(!script.contains("${{"), "what comes from outside is given to a script in its environment: {script}");
        let files = job.folder.with_file_name("runner");
        let _ = fs::remove_dir_all(&files);
        fs::create_dir_all(&files).expect("a new folder");
        let file = |name: &str| files.join(name);
        for name in ["output", "env", "path", "summary"] {
            fs::write(file(name), "").expect("a new file");
        }
        fs::write(file("step.sh"), script).expect("a new file");

        let mut command = self.runner.clean("bash");
        command.arg("-e").arg(file("step.sh")).current_dir(&job.folder);
        for name in ["GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] {
            let short = name.rsplit('_').next().unwrap_or_default().to_ascii_lowercase();
            command.env(name, file(&short));
        }
        for name in
            ["actor", "ref", "sha", "repository", "run_id", "api_url", "server_url", "event_name", "workflow_ref"]
        {
            command.env(format!("GITHUB_{}", name.to_ascii_uppercase()), self.value(&format!("github.{name}"), job));
        }
        command.env("GITHUB_ACTIONS", "true").env("CI", "true").env("GITHUB_WORKSPACE", &job.folder);
        command.env("GITHUB_TRIGGERING_ACTOR", self.event.actor);
        command.envs(&job.set);
        // The emulator cannot list the tags of a scaling target.
        command.env("TF_VAR_tasks", "{ min = 1, max = 1 }");
        for block in [&job.definition["env"], &step["env"]] {
            for (name, text) in block.as_object().into_iter().flatten() {
                command.env(name, self.resolve(text.as_str().unwrap_or_default(), job));
            }
        }
        let output = command.output().expect("bash starts");
        self.log += &format!("--- {script}\n");
        self.log += &String::from_utf8_lossy(&output.stdout);
        self.log += &String::from_utf8_lossy(&output.stderr);
        self.log += &format!("--- {}\n", output.status);

        let read = |name: &str| fs::read_to_string(file(name)).unwrap_or_default();
        self.log += &read("summary");
        assert_eq!(read("env") + &read("path"), "", "no step sets these");
        if let Some(id) = step["id"].as_str() {
            let outputs = read("output");
            let pairs = outputs.lines().filter_map(|line| line.split_once('='));
            job.steps.insert(id.into(), pairs.map(|(name, value)| (name.into(), value.into())).collect());
        }
        output.status.success()
    }

    /// Whether a condition holds: terms with `&&`, each a comparison or `!cancelled()`.
    fn holds(&self, condition: &str, job: &Job<'_>) -> bool {
        let condition = condition.trim().trim_start_matches("${{").trim_end_matches("}}").trim();
        let value = |operand: &str| match operand.trim().strip_prefix('\'') {
            Some(text) => text.trim_end_matches('\'').to_string(),
            None => self.value(operand.trim(), job),
        };
        condition.is_empty()
            || condition.split("&&").all(|term| match (term.trim(), term.split_once("=="), term.split_once("!=")) {
                ("!cancelled()", ..) => true,
                (_, Some((a, b)), _) => value(a) == value(b),
                (_, _, Some((a, b))) => value(a) != value(b),
                (other, ..) => panic!("the condition {other:?} is not known here"),
            })
    }

    /// A text with the values of its expressions.
    fn resolve(&self, text: &str, job: &Job<'_>) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").expect("the end of an expression");
            out += before;
            out += &self.value(expression.trim(), job);
            rest = after;
        }
        out + rest
    }

    /// The value of an expression. One that is not in this table is a mistake in the workflow, or a gap of this test.
    fn value(&self, expression: &str, job: &Job<'_>) -> String {
        if let Some(value) = self.event.more.get(expression) {
            return value.clone();
        }
        let environment = job.environment.as_deref();
        let parts: Vec<&str> = expression.split('.').collect();
        match (&parts[..], environment) {
            (["github", "event_name"], _) => self.event.name.into(),
            (["github", "ref"], _) => self.event.reference.clone(),
            (["github", "sha"], _) => self.event.commit.clone(),
            (["github", "actor"], _) => self.event.actor.into(),
            (["github", "repository"], _) => "octo/shop".into(),
            (["github", "run_id"], _) => "4711".into(),
            (["github", "api_url"], _) => self.runner.github.url(),
            (["github", "server_url"], _) => "https://github.example".into(),
            (["github", "workflow_ref"], _) => {
                format!("octo/shop/.github/workflows/deploy.yml@{}", self.event.reference)
            }
            (["github", "token"], _) => GitHub::token(&job.definition["permissions"]),
            (["matrix", name], _) => job.matrix[*name].clone(),
            (["needs", need, "result"], _) => self.jobs[*need].0.into(),
            (["needs", need, "outputs", name], _) => self.jobs[*need].1.get(*name).cloned().unwrap_or_default(),
            (["steps", step, "outputs", name], _) => {
                job.steps.get(*step).and_then(|outputs| outputs.get(*name)).cloned().unwrap_or_default()
            }
            (["vars", "AWS_REGION"], _) => "eu-west-1".into(),
            (["vars", "AWS_ROLE"], Some(environment)) => role(environment),
            (["vars", "STATE_BUCKET"], Some(environment)) => bucket(environment).into(),
            (["vars", "CERTIFICATE_ARN"], Some(_)) => self.runner.certificate.clone(),
            (["vars", "CHECK_URL"], Some("staging")) => format!("{}/moto-api/", self.runner.cloud.url()),
            (["vars", "CHECK_URL"], Some("production")) => String::new(),
            (["secrets", "DATABASE_PASSWORD"], Some("staging" | "production")) => super::PASSWORD.into(),
            _ => panic!("{expression:?} is not known here (job {}, environment {environment:?})", job.name),
        }
    }
}

impl<'a> Job<'a> {
    fn new(name: &'a str, definition: &'a Json, matrix: BTreeMap<String, String>, folder: PathBuf) -> Job<'a> {
        let (set, steps) = (BTreeMap::new(), BTreeMap::new());
        Job { name, definition, matrix, environment: None, folder, set, steps }
    }
}

/// The role of an environment.
fn role(environment: &str) -> String {
    format!("arn:aws:iam::123456789012:role/infra-{environment}")
}

/// The bucket of an environment's state.
pub fn bucket(environment: &str) -> &'static str {
    if environment.starts_with("production") { "production-state" } else { "staging-state" }
}

/// One text, or a list of them.
fn list(json: &Json) -> Vec<String> {
    match json {
        Json::Array(all) => all.iter().filter_map(|one| one.as_str().map(str::to_string)).collect(),
        one => one.as_str().map(str::to_string).into_iter().collect(),
    }
}

/// Reads YAML as infra itself does.
fn read_yaml(text: &str) -> Json {
    let folder = Folder::with("output \"it\" {\n  value = yamldecode(file(\"it.yml\"))\n}\n");
    folder.write("it.yml", text);
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    serde_json::from_str(&folder.infra(["output", "-json", "it"]).status(0).stdout).unwrap_or(json!(null))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())).flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        let text = name.to_string_lossy();
        let own =
            text.starts_with(".terraform") || text.starts_with("terraform.tfstate") || text.contains("_override.");
        if path.is_dir() && !own {
            copy(&path, &to.join(&name));
        } else if path.is_file() && !own {
            fs::copy(&path, to.join(&name)).expect("a copy");
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            fs::set_permissions(to.join(&name), fs::Permissions::from_mode(mode)).expect("its mode");
        }
    }
}
