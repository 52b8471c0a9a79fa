//! Modules are installed where Terraform puts them, listed as it lists them, and nothing half-done is left.

mod stand_in;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use infra_modules::{Options, Progress, Settings, install};
use stand_in::{Answer, StandIn, tar_gz};
use tempfile::TempDir;

const OUTPUT: &str = "output \"id\" {\n  value = 1\n}\n";
const CALLS_INNER: &str = "module \"inner\" {\n  source = \"./modules/inner\"\n}\n";

#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn downloading(&self, package: &str, version: Option<&str>, key: &str) {
        let version = version.map(|v| format!(" {v}")).unwrap_or_default();
        self.0.lock().expect("a lock").push(format!("Downloading {package}{version} for {key}..."));
    }
    fn installed(&self, key: &str, _: Option<&str>, dir: &str) {
        self.0.lock().expect("a lock").push(format!("- {key} in {dir}"));
    }
}

/// A folder with a configuration, and a registry.
struct Case {
    folder: TempDir,
    server: StandIn,
}

impl Case {
    fn new(main: &str) -> Case {
        let case = Case { folder: tempfile::tempdir().expect("a temporary folder"), server: StandIn::start() };
        case.write("main.tf", main);
        case
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text.replace("SERVER", &self.server.url(""))).expect("a file");
    }

    /// Installs; what was told, and what is wrong as `main.tf:1 Summary: detail`.
    async fn install_with(&self, options: Options) -> (Vec<String>, Vec<String>) {
        let mut rc = self.server.cli_configuration("registry.terraform.io");
        rc += &self.server.cli_configuration("private.example.com");
        rc += "credentials \"private.example.com\" {\n  token = \"secret\"\n}\n";
        self.write("rc", &rc);
        let rc = self.path("rc").to_string_lossy().into_owned();
        let (settings, problems) = Settings::read([("TF_CLI_CONFIG_FILE".to_string(), rc)]);
        assert!(problems.is_empty());
        let told = Told::default();
        let (_, problems) = install(self.folder.path(), Path::new(".terraform"), &settings, options, &told).await;
        let problem = |d: &infra_diag::Diagnostic| {
            let place = d.subject.as_ref().map(|s| format!("{}:{} ", s.file, s.start.line)).unwrap_or_default();
            format!("{place}{}: {}", d.summary, d.detail.replace(&self.server.url(""), "SERVER"))
        };
        let lines =
            told.0.into_inner().expect("a lock").iter().map(|l| l.replace(&self.server.url(""), "SERVER")).collect();
        (lines, problems.iter().map(problem).collect())
    }

    async fn install(&self) -> Vec<String> {
        let (told, problems) = self.install_with(Options::default()).await;
        assert!(problems.is_empty(), "{problems:?}");
        told
    }

    async fn fails(&self) -> Vec<String> {
        self.install_with(Options::default()).await.1
    }

    /// The entries of the list, without what is around them.
    fn list(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path(".terraform/modules/modules.json")).expect("a list");
        let text = text.replace(&self.server.url(""), "SERVER");
        let inside =
            text.strip_prefix("{\"Modules\":[{").and_then(|t| t.strip_suffix("}]}")).expect("the form of a list");
        inside.split("},{").map(str::to_string).collect()
    }

    /// What is in the folder of modules.
    fn installed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path(".terraform/modules")).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

const ROOT: &str = r#""Key":"","Source":"","Dir":".""#;

#[tokio::test]
async fn modules_are_listed_as_terraform_lists_them() {
    let case = Case::new(
        r#"
module "a" {
  source = "acme/net/aws"
}
module "b" {
  source  = "acme/net/aws//modules/inner"
  version = "~> 1.2"
}
module "c" {
  source = "SERVER/pkg.tgz//modules/inner"
}
module "d" {
  source = "SERVER/repo.tgz//*/net?archive=tgz"
}
module "e" {
  source = "SERVER/page"
}
module "f" {
  source  = "Private.example.com/acme/sub/aws"
  version = "1"
}
module "local" {
  source = "./local/"
}
"#,
    );
    let files = [("main.tf", CALLS_INNER), ("modules/inner/main.tf", OUTPUT)];
    case.server.module("acme/net/aws", "1.2.0", &files);
    case.server.module("acme/net/aws", "v1.10.0", &files);
    case.server.module("acme/net/aws", "2.0.0", &files);
    // A registry leaves out the letter that a tag has.
    case.server.module("acme/net/aws", "1.10.0", &files);
    case.server.file("/pkg.tgz", tar_gz(&files));
    case.server.file("/repo.tgz", tar_gz(&[("repo-1.0/net/main.tf", OUTPUT)]));
    let headers = vec![("X-Terraform-Get".to_string(), case.server.url("/pkg.tgz//modules"))];
    case.server.put("/page", Answer { status: 200, headers, body: Vec::new() });
    case.server.module_at("acme/sub/aws", "1.0.0", "/pkg.tgz//modules/inner");
    case.write("local/main.tf", OUTPUT);

    assert_eq!(
        case.install().await,
        [
            "- local in local",
            "Downloading registry.terraform.io/acme/net/aws 2.0.0 for a...",
            "Downloading registry.terraform.io/acme/net/aws 1.10.0 for b...",
            "Downloading SERVER/pkg.tgz for c...",
            "Downloading SERVER/repo.tgz?archive=tgz for d...",
            "Downloading SERVER/page for e...",
            "Downloading private.example.com/acme/sub/aws 1.0.0 for f...",
            "- a in .terraform/modules/a",
            "- b in .terraform/modules/b/modules/inner",
            "- c in .terraform/modules/c/modules/inner",
            "- d in .terraform/modules/d/repo-1.0/net",
            "- e in .terraform/modules/e",
            "- f in .terraform/modules/f/modules/inner",
            "- a.inner in .terraform/modules/a/modules/inner",
        ]
    );
    assert_eq!(
        case.list(),
        [
            ROOT,
            r#""Key":"a","Source":"registry.terraform.io/acme/net/aws","Version":"2.0.0","Dir":".terraform/modules/a""#,
            r#""Key":"a.inner","Source":"./modules/inner","Dir":".terraform/modules/a/modules/inner""#,
            r#""Key":"b","Source":"registry.terraform.io/acme/net/aws//modules/inner","Version":"1.10.0","Dir":".terraform/modules/b/modules/inner""#,
            r#""Key":"c","Source":"SERVER/pkg.tgz//modules/inner","Dir":".terraform/modules/c/modules/inner""#,
            r#""Key":"d","Source":"SERVER/repo.tgz//*/net?archive=tgz","Dir":".terraform/modules/d/repo-1.0/net""#,
            r#""Key":"e","Source":"SERVER/page","Dir":".terraform/modules/e""#,
            r#""Key":"f","Source":"private.example.com/acme/sub/aws","Version":"1.0.0","Dir":".terraform/modules/f/modules/inner""#,
            r#""Key":"local","Source":"./local","Dir":"local""#,
        ]
    );
    assert_eq!(case.installed(), ["a", "b", "c", "d", "e", "f", "modules.json"]);
    assert!(case.path(".terraform/modules/e/inner/main.tf").is_file());

    let requests = case.server.requests();
    let asked = |what: &str| requests.iter().filter(|r| *r == what).count();
    assert_eq!(asked("GET /v1/modules/acme/net/aws/versions"), 1, "{requests:?}");
    assert_eq!(asked("GET /repo.tgz"), 1, "{requests:?}");
    assert_eq!(asked("GET /v1/modules/acme/sub/aws/versions with Bearer secret"), 1, "{requests:?}");
    assert!(requests.iter().all(|r| !r.contains("packages") || !r.contains("secret")), "{requests:?}");

    // What is installed is not asked for again.
    case.install().await;
    assert_eq!(case.server.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_asked_for_otherwise_is_fetched_again() {
    let call = |version: &str| format!("module \"a\" {{\n  source = \"acme/net/aws\"\n  version = \"{version}\"\n}}\n");
    let case = Case::new(&call("~> 1.0"));
    case.server.module("acme/net/aws", "1.0.0", &[("main.tf", OUTPUT), ("old.txt", "")]);
    case.install().await;
    case.server.module("acme/net/aws", "1.1.0", &[("main.tf", OUTPUT)]);
    case.server.module("acme/net/aws", "2.0.0", &[("main.tf", OUTPUT)]);
    let version = |case: &Case| case.list()[1].split("\"Version\":").nth(1).map(|v| v[1..6].to_string());

    case.install().await;
    assert_eq!(version(&case).as_deref(), Some("1.0.0"), "it fits");
    let (_, problems) = case.install_with(Options { upgrade: true, ask: false }).await;
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(version(&case).as_deref(), Some("1.1.0"), "an upgrade takes the newest");
    assert!(!case.path(".terraform/modules/a/old.txt").exists());
    case.write("main.tf", &call("2.0.0"));
    case.install().await;
    assert_eq!(version(&case).as_deref(), Some("2.0.0"), "it did not fit any more");

    // A failure leaves what was there.
    case.write("main.tf", &call(">= 3"));
    assert!(case.fails().await[0].starts_with("main.tf:1 Unresolvable module version constraint"));
    assert_eq!(version(&case).as_deref(), Some("2.0.0"));
    assert_eq!(case.installed(), ["a", "modules.json"]);
}

#[tokio::test]
async fn what_fails_is_told_and_leaves_nothing() {
    let evil = "module \"up\" {\n  source = \"../../other\"\n}\n";
    for (source, status, problem) in [
        ("acme/none/aws", 200, "main.tf:1 Module not found: The registry at registry.terraform.io has no module"),
        (
            "SERVER/none.zip",
            200,
            "main.tf:1 Failed to download module: The module module.m cannot be fetched from \"SERVER/none.zip\": SERVER/none.zip answers 404 Not Found.",
        ),
        (
            "SERVER/text.tgz",
            200,
            "main.tf:1 Failed to download module: The module module.m cannot be fetched from \"SERVER/text.tgz\": the archive cannot be read",
        ),
        (
            "SERVER/good.tgz//none",
            200,
            "main.tf:1 Unreadable module subdirectory: The module module.m cannot be installed: the package has no folder none.",
        ),
        ("SERVER/good.tgz?checksum=md5:00000000000000000000000000000000", 200, "main.tf:1 Failed to download module"),
        (
            "SERVER/page",
            200,
            "main.tf:1 Failed to download module: The module module.m cannot be fetched from \"SERVER/page\": SERVER/page is neither an archive nor a page",
        ),
        (
            "s3::https://s3.amazonaws.com/b/k.zip",
            200,
            "main.tf:1 Failed to download module: The module module.m cannot be fetched from \"s3::https://s3.amazonaws.com/b/k.zip\": modules are not fetched by \"s3\". What is supported",
        ),
        ("./none", 200, "main.tf:1 Unreadable module directory: The folder none"),
        ("SERVER/evil.tgz", 200, ".terraform/modules/m/main.tf:1 Local module path escapes module package"),
    ] {
        let case = Case::new(&format!("module \"m\" {{\n  source = \"{source}\"\n}}\n"));
        case.server.file("/text.tgz", b"<html>".to_vec());
        case.server.file("/good.tgz", tar_gz(&[("main.tf", OUTPUT)]));
        case.server.file("/evil.tgz", tar_gz(&[("main.tf", evil)]));
        case.server.put("/page", Answer { status, ..Answer::default() });
        let problems = case.fails().await;
        assert!(problems.len() == 1 && problems[0].starts_with(problem), "{source}: {problems:?}");
        // The module itself was fetched, and only what it calls is wrong.
        if !source.contains("evil") {
            assert_eq!(case.installed(), ["modules.json"], "{source}");
            assert_eq!(case.list(), [ROOT], "{source}");
        }
    }
}

#[tokio::test]
async fn a_registry_that_wants_a_token_is_told_how_to_get_one() {
    let case = Case::new("module \"m\" {\n  source = \"acme/net/aws\"\n}\n");
    case.server.put("/v1/modules/acme/net/aws/versions", Answer { status: 401, ..Answer::default() });
    let problems = case.fails().await;
    assert!(problems[0].contains("TF_TOKEN_registry_terraform_io"), "{problems:?}");
}

#[tokio::test]
async fn a_registry_that_is_busy_is_asked_again() {
    let case = Case::new("module \"m\" {\n  source = \"acme/net/aws\"\n}\n");
    case.server.module("acme/net/aws", "1.0.0", &[("main.tf", OUTPUT)]);
    case.server.be_busy(1);
    case.install().await;
}

#[tokio::test]
async fn modules_that_call_each_other_without_end_are_refused() {
    let case = Case::new("module \"m\" {\n  source = \"acme/net/aws\"\n}\n");
    let call = "module \"again\" {\n  source = \"acme/net/aws\"\n}\n";
    case.server.module("acme/net/aws", "1.0.0", &[("main.tf", call)]);
    let problems = case.fails().await;
    assert!(problems.len() == 1 && problems[0].contains("is called by itself"), "{problems:?}");
}

#[tokio::test]
async fn a_git_repository_is_fetched_at_what_is_asked_for() {
    let repository = tempfile::tempdir().expect("a temporary folder");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]);
        let output = command.args(arguments).current_dir(repository.path()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
    };
    if git(&["init", "-q", "-b", "main"]).is_none() {
        eprintln!("SKIPPED: there is no git program");
        return;
    }
    let commit = |text: &str| {
        fs::create_dir_all(repository.path().join("sub")).expect("a folder");
        fs::write(repository.path().join("sub/main.tf"), OUTPUT).expect("a file");
        fs::write(repository.path().join("version.txt"), text).expect("a file");
        git(&["add", "-A"]).and_then(|_| git(&["commit", "-q", "-m", text])).expect("a commit");
        git(&["rev-parse", "HEAD"]).expect("a commit")
    };
    commit("one");
    git(&["tag", "v1"]).expect("a tag");
    let second = commit("two");
    git(&["checkout", "-q", "-b", "feature/x"]).expect("a branch");
    commit("three");
    git(&["checkout", "-q", "main"]).expect("a branch");
    let url = format!("git::file://{}", repository.path().display());
    let module = |name: &str, rest: &str| format!("module \"{name}\" {{\n  source = \"{url}{rest}\"\n}}\n");
    let case = Case::new(
        &[
            module("default", ""),
            module("tag", "//sub?ref=v1"),
            module("branch", "?ref=feature/x&depth=1"),
            module("commit", &format!("?ref={second}")),
            module("short", &format!("?ref={}", &second[..8])),
        ]
        .concat(),
    );
    case.install().await;
    for (name, text) in [("default", "two"), ("tag", "one"), ("branch", "three"), ("commit", "two"), ("short", "two")] {
        let read = fs::read_to_string(case.path(&format!(".terraform/modules/{name}/version.txt")));
        assert_eq!(read.expect("a file"), text, "{name}");
    }
    let branch = &case.list()[1];
    assert!(branch.contains("?ref=feature/x\\u0026depth=1\",\"Dir\":\".terraform/modules/branch\""), "{branch}");

    case.write("main.tf", &module("none", "?ref=v9"));
    let problems = case.fails().await;
    assert!(
        problems[0].starts_with("main.tf:1 Failed to download module") && problems[0].contains("v9"),
        "{problems:?}"
    );
    assert!(!case.installed().contains(&"none".to_string()));
}
