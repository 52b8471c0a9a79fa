//! The workflows of .github: the steps of each event are run in their order, against an emulated AWS and as much of GitHub's
//! API as they ask for.

mod github;
mod runner;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use runner::{Event, Run, Runner, bucket};

/// What only the jobs that apply may know.
const PASSWORD: &str = "correct-horse-battery-9";

/// The runner, with the buckets for the states.
fn runner() -> Option<Runner> {
    let runner = Runner::new()?;
    for environment in ["staging", "production"] {
        s3(&runner, "PUT", bucket(environment), "");
    }
    Some(runner)
}

fn pull_request(commit: &str, from: &str) -> Event {
    let more = BTreeMap::from([
        ("github.event.pull_request.number", "7".to_string()),
        ("github.event.pull_request.head.sha", commit.to_string()),
        ("github.event.pull_request.head.repo.full_name", from.to_string()),
    ]);
    Event { name: "pull_request", reference: "refs/pull/7/merge".into(), commit: commit.into(), actor: "ana", more }
}

fn push(branch: &str, commit: &str) -> Event {
    let reference = format!("refs/heads/{branch}");
    Event { name: "push", reference, commit: commit.into(), actor: "ana", more: BTreeMap::new() }
}

fn by_hand(commit: &str, environment: &str) -> Event {
    let more = BTreeMap::from([("inputs.environment", environment.to_string()), ("inputs.release", String::new())]);
    Event {
        name: "workflow_dispatch",
        reference: "refs/heads/develop".into(),
        commit: commit.into(),
        actor: "bob",
        more,
    }
}

/// One request to the emulated S3.
fn s3(runner: &Runner, method: &str, path: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", runner.cloud.port())).expect("moto_server listens");
    let length = body.len();
    write!(
        stream,
        "{method} /{path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\nAuthorization: \
         AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .expect("it takes the request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert_eq!(answer.split(' ').nth(1), Some("200"), "{method} {path}: {answer}");
    answer
}

/// The keys of an environment's bucket.
fn objects(runner: &Runner, environment: &str) -> Vec<String> {
    let answer = s3(runner, "GET", &format!("{}?list-type=2", bucket(environment)), "");
    let keys = answer.split("<Key>").skip(1).filter_map(|piece| piece.split_once("</Key>"));
    keys.map(|(key, _)| key.to_string()).collect()
}

#[track_caller]
fn went(run: &mut Run<'_>, wanted: &[(&str, &str)]) {
    let results = run.all();
    let results: Vec<(&str, &str)> = results.iter().map(|(name, result)| (name.as_str(), *result)).collect();
    assert_eq!(results, wanted, "\n{}", run.log);
    assert!(!run.log.contains(PASSWORD), "{}", run.log);
}

#[track_caller]
fn said(run: &Run<'_>, text: &str) {
    assert!(run.log.contains(text), "{text:?} is not in:\n{}", run.log);
}

/// Pushes to develop, and GitHub remembers how it went.
#[track_caller]
fn staged(runner: &Runner, commit: &str) {
    let mut run = runner.start("deploy.yml", push("develop", commit));
    went(&mut run, &[("build", "success"), ("staging", "success")]);
    said(&run, "No changes.");
    said(&run, "answers 200");
    runner.github.ran("develop", commit, &runner.tree(commit), "staging", "success");
}

#[test]
fn a_pull_request_gets_one_comment_with_both_plans() {
    let Some(runner) = runner() else { return };
    let commit = runner.git(&["rev-parse", "HEAD"]);
    runner.github.somebody_writes("<!-- infra: the plans of this pull request --> is what I see?");
    let all = [("build", "success"), ("check", "success"), ("comment", "success"), ("plan", "success")];

    for _ in 0..2 {
        went(&mut runner.start("deploy.yml", pull_request(&commit, "octo/shop")), &all);
        let comments = runner.github.comments();
        assert_eq!(comments.len(), 2, "{comments:?}");
        let (staging, production) = comments[1].split_once("\n## production\n").expect("a part for each environment");
        for (part, count) in [(staging, "67"), (production, "79")] {
            assert!(part.contains(count), "{part}");
            assert!(part.contains("aws_db_instance"), "{part}");
        }
        assert!(comments[1].contains("https://github.example/octo/shop/actions/runs/4711"), "{}", comments[1]);
        assert!(comments[1].len() <= 65_536);
    }
    assert!(runner.github.comments()[0].ends_with("is what I see?"), "somebody else's comment is theirs");
    assert_eq!(objects(&runner, "staging"), [""; 0], "a pull request writes nothing");
    assert_eq!(objects(&runner, "production"), [""; 0]);

    // From a fork it is checked, without any role.
    let mut run = runner.start("deploy.yml", pull_request(&commit, "eve/shop"));
    went(&mut run, &[("build", "success"), ("check", "success")]);

    // What is wrong is told where it is, and the comment says that there is no plan.
    let main = runner.repository().join("infrastructure/environments/staging/main.tf");
    let text = std::fs::read_to_string(&main).expect("it is there");
    std::fs::write(&main, text.replace("slice(data", "slices(data")).expect("written");
    let commit = runner.commit("A mistake");
    let mut run = runner.start("deploy.yml", pull_request(&commit, "octo/shop"));
    went(&mut run, &[("build", "success"), ("check", "failure"), ("comment", "success"), ("plan", "failure")]);
    said(&run, "Call to unknown function");
    let comments = runner.github.comments();
    let (staging, production) = comments[1].split_once("\n## production\n").expect("a part for each environment");
    assert!(staging.contains("There is no plan."), "{staging}");
    assert!(production.contains("aws_db_instance"), "{production}");
}

#[test]
fn what_has_passed_staging_goes_to_production() {
    let Some(runner) = runner() else { return };
    let developed = runner.git(&["rev-parse", "HEAD"]);

    // The merge is another commit with the same content.
    runner.git(&["checkout", "--quiet", "-b", "main"]);
    let merged = runner.commit("Merge");
    let mut run = runner.start("deploy.yml", push("main", &merged));
    went(&mut run, &[("build", "success"), ("production-plan", "failure")]);
    said(&run, "has not passed staging");
    runner.github.ran("develop", &developed, &runner.tree(&developed), "staging", "failure");
    let mut run = runner.start("deploy.yml", push("main", &merged));
    went(&mut run, &[("build", "success"), ("production-plan", "failure")]);
    said(&run, "staging failure");
    assert_eq!(objects(&runner, "production"), [""; 0]);

    staged(&runner, &developed);
    let kept = objects(&runner, "staging");
    assert!(kept.contains(&"staging/terraform.tfstate".to_string()), "{kept:?}");
    assert!(!kept.iter().any(|key| key.ends_with(".tflock") || key.starts_with("plans/")), "{kept:?}");

    // A plan that is replaced on the way is refused.
    let mut run = runner.start("deploy.yml", push("main", &merged));
    assert_eq!(run.job("production-plan"), "success", "{}", run.log);
    let key = format!("plans/production/{}/plan", runner.tree(&merged));
    assert!(objects(&runner, "production").contains(&key));
    s3(&runner, "PUT", &format!("{}/{key}", bucket("production")), "another plan");
    assert_eq!(run.job("production"), "failure");
    said(&run, "is not the plan that was made for review");
    assert!(!runner.cloud.has_database("shop-production"));

    let mut run = runner.start("deploy.yml", push("main", &merged));
    went(&mut run, &[("build", "success"), ("production", "success"), ("production-plan", "success")]);
    said(&run, "Passed staging as");
    said(&run, "79 added");
    assert!(runner.cloud.has_database("shop-production"));

    // The history knows who did it, in which run and with which commit.
    let record = format!("{}/production/terraform.tfstate.infra-history/00000001.json", bucket("production"));
    let record = s3(&runner, "GET", &record, "");
    for text in ["\"ana\"", "runs/4711", &merged] {
        assert!(record.contains(text), "{text} is not in {record}");
    }

    // Nothing to do: nobody is asked.
    let mut run = runner.start("deploy.yml", push("main", &merged));
    went(&mut run, &[("build", "success"), ("production-plan", "success")]);

    // Something that came to main on another way does not go further.
    let file = runner.repository().join("infrastructure/shared.tfvars");
    std::fs::write(&file, "image = \"example.com/shop:6.6.6\"\n").expect("written");
    let other = runner.commit("Straight to main");
    let mut run = runner.start("deploy.yml", push("main", &other));
    went(&mut run, &[("build", "success"), ("production-plan", "failure")]);
    said(&run, "No run for a push to develop had it.");
}

#[test]
fn production_waits_for_the_approval_of_somebody_who_may() {
    let Some(runner) = runner() else { return };
    let Some(key) = ssh_key(&runner) else { return };
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a public key");
    let signers = runner.repository().join("infrastructure/allowed_signers");
    std::fs::write(signers, format!("bob@example.com {public}")).expect("written");
    let commit = runner.commit("Bob approves");
    runner.github.ran("develop", &commit, &runner.tree(&commit), "staging", "success");

    let mut run = runner.start("deploy.yml", push("main", &commit));
    went(&mut run, &[("build", "success"), ("production", "failure"), ("production-plan", "success")]);
    assert!(!runner.cloud.has_database("shop-production"));

    // On Bob's machine.
    let mut approve = runner.clean("infrastructure/ci/approve");
    approve.args(["production", "-auto-approve", "-as=bob@example.com"]).arg(format!("-key={}", key.display()));
    approve.current_dir(runner.repository()).envs(runner.credentials()).env("STATE_BUCKET", bucket("production"));
    let output = approve.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");

    // Only the job that failed runs again.
    run.again("production");
    went(&mut run, &[("build", "success"), ("production", "success"), ("production-plan", "success")]);
    said(&run, "bob@example.com");
    assert!(runner.cloud.has_database("shop-production"));
}

/// A new SSH key. `None`, and a note on standard error, where OpenSSH is not installed.
fn ssh_key(runner: &Runner) -> Option<PathBuf> {
    let file = runner.repository().with_file_name("bob");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f"]).arg(&file).status();
    if !made.is_ok_and(|status| status.success()) {
        let _ = std::io::stderr().write_all(b"SKIPPED: no ssh-keygen on the path\n");
        return None;
    }
    Some(file)
}

#[test]
fn a_release_is_taken_back_by_hand() {
    let Some(runner) = runner() else { return };
    staged(&runner, &runner.git(&["rev-parse", "HEAD"]));
    let file = runner.repository().join("infrastructure/shared.tfvars");
    std::fs::write(&file, "image = \"example.com/shop:2.0.0\"\n").expect("written");
    let commit = runner.commit("Version 2");

    // The emulator runs no tasks: the new version never gets ready. Whoever watches it goes away.
    let infra = |arguments: &[&str]| {
        let mut command = runner.clean("infra");
        command.current_dir(runner.repository().join("infrastructure/environments/staging")).args(arguments);
        command.envs(runner.credentials()).env("TF_VAR_certificate_arn", runner.certificate());
        command.env("TF_VAR_database_password", PASSWORD);
        command
    };
    let bucket = format!("-backend-config=bucket={}", bucket("staging"));
    assert!(infra(&["init", "-input=false", &bucket]).output().expect("it starts").status.success());
    let mut apply = infra(&["apply", "-input=false", "-auto-approve", "-var-file=../../shared.tfvars"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(apply.stdout.take().expect("a pipe")).lines();
    let starts = lines.by_ref().map_while(Result::ok).any(|line| line.contains("starts as green"));
    assert!(starts, "no release has begun");
    let told = Command::new("kill").args(["-INT", &apply.id().to_string()]).status();
    assert!(told.is_ok_and(|status| status.success()));
    lines.for_each(drop);
    apply.wait().expect("it ends");

    let mut run = runner.start("revert.yml", by_hand(&commit, "staging"));
    went(&mut run, &[("revert", "success")]);
    said(&run, "The release is taken back.");
    said(&run, "reverted by bob");
}
