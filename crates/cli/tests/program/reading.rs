//! Plans as people read them: Markdown, and HTML looked at in a browser.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::support::{Browser, Cloud, Folder};

const PASSWORD: &str = "correct-horse-battery-9";
const OTHER_PASSWORD: &str = "wrong-donkey-charger-7";

/// What is asked of the page: contrasts of what can be seen, and what does not fit.
const LOOK: &str = include_str!("support/look.js");

/// Saves a plan, and what it looks like as HTML.
#[track_caller]
fn saved(folder: &Folder, name: &str, more: &[&str]) -> PathBuf {
    let out = format!("-out={name}");
    folder.infra(["plan", "-input=false", &out].into_iter().chain(more.iter().copied())).status(0);
    let html = folder.infra(["show", "-html", name]).status(0).stdout;
    let markdown = folder.infra(["show", "-markdown", name]).status(0).stdout;
    assert!(markdown.starts_with("### Plan: ") && markdown.len() <= 65_536, "{}", &markdown[..200.min(markdown.len())]);
    for text in [&html, &markdown] {
        assert!(!text.contains(PASSWORD) && !text.contains(OTHER_PASSWORD), "{name} holds a password");
    }
    let file = format!("{name}.html");
    folder.write(&file, &html);
    folder.path(&file)
}

/// Plans of the reference stack: a release of a new image.
fn staging(cloud: &Cloud) -> (Folder, Vec<PathBuf>) {
    let folder = Folder::copy_of("infrastructure/environments/staging")
        .on(cloud)
        .env("TF_VAR_certificate_arn", &cloud.certificate("shop.example.com"))
        .env("TF_VAR_database_password", PASSWORD);
    folder.write("backend_override.tf", "terraform {\n  backend \"local\" {}\n}\n");
    folder.infra(["init", "-input=false"]).status(0);
    let create = saved(&folder, "create", &["-var=image=example.com/shop:1.0.0"]);
    folder.infra(["apply", "-input=false", "create"]).status(0);
    let release = saved(&folder, "release", &["-var=image=example.com/shop:1.1.0"]);
    (folder, vec![create, release])
}

/// Plans with sensitive values: a change, and a replacement.
fn three_tier(cloud: &Cloud) -> (Folder, Vec<PathBuf>) {
    let folder = Folder::copy_of("examples/three-tier").on(cloud).env("TF_VAR_database_password", PASSWORD);
    folder.infra(["init", "-input=false"]).status(0);
    folder.infra(["apply", "-input=false", "-auto-approve"]).status(0);
    let password = format!("-var=database_password={OTHER_PASSWORD}");
    let services = folder.read("services.tf").replace("retention_in_days = 14", "retention_in_days = 30");
    folder.write("services.tf", &services.replace("more than 80 %", "more than 70 %").replace("= 80\n", "= 70\n"));
    let change = saved(&folder, "change", &[]);
    let database = folder.read("database.tf");
    folder.write(
        "database.tf",
        &database.replace("username               = \"bookshop\"", "username               = \"librarian\""),
    );
    let replace = saved(&folder, "replace", &[&password]);
    (folder, vec![change, replace])
}

#[test]
fn plans_are_read_in_a_browser() {
    let Some(cloud) = Cloud::start() else { return };
    let Some(mut browser) = Browser::start() else { return };
    let (folder, staging) = staging(&cloud);
    folder.write("state.html", &folder.infra(["show", "-html"]).status(0).stdout);
    folder.write("record.html", &folder.infra(["history", "show", "1", "-html"]).status(0).stdout);
    let (_other, three_tier) = three_tier(&cloud);
    let plans: Vec<PathBuf> = staging.into_iter().chain(three_tier).collect();
    for plan in plans.iter().chain([&folder.path("state.html"), &folder.path("record.html")]) {
        looks_right(&mut browser, plan);
        is_searched_and_filtered(&mut browser, plan);
        is_read_without_scripts_and_on_paper(&mut browser, plan);
    }

    browser.open(&plans[1]);
    let steps =
        browser.value("[...document.querySelectorAll('.timeline li b')].map(step => step.textContent).join(' ')");
    assert_eq!(steps, "start healthy check shift watch stop");
    let marked =
        browser.value("[...document.querySelectorAll('#resources ins, #resources del')].map(m => m.textContent)");
    assert_eq!(marked, serde_json::json!(["0", "1"]), "of 1.0.0 and 1.1.0 only what differs is marked");

    browser.open(&plans[3]);
    assert_eq!(browser.value("document.querySelector('main section h2').textContent"), "Needs attention");
    let text = browser.value("document.getElementById('r-aws_db_instance.main').textContent");
    for said in ["replace", "(sensitive value)", "(known after apply)", "forces replacement", "\"librarian\""] {
        assert!(text.as_str().is_some_and(|text| text.contains(said)), "{said} is not in {text}");
    }
}

/// In both themes and at two widths: contrast, nothing that sticks out, no error, no request.
#[track_caller]
fn looks_right(browser: &mut Browser, page: &Path) {
    browser.size(1280, 900);
    browser.media("light", "screen");
    browser.open(page);
    browser.value("document.querySelectorAll('details').forEach(each => { each.open = true; })");
    browser.value(LOOK);
    let mut colours = Vec::new();
    for scheme in ["light", "dark"] {
        browser.media(scheme, "screen");
        let faint = browser.value("look.faint()");
        assert_eq!(faint, serde_json::json!([]), "{} in {scheme}", page.display());
        colours.push(browser.value("look.colours()"));
    }
    assert_ne!(colours[0], colours[1]);
    // The button turns what the system says around.
    for (scheme, wanted) in [("light", &colours[1]), ("dark", &colours[0])] {
        browser.media(scheme, "screen");
        browser.value("delete document.documentElement.dataset.theme; document.getElementById('theme').click()");
        assert_eq!(&browser.value("look.colours()"), wanted, "the other one of {scheme}");
    }
    for width in [1280, 400] {
        browser.size(width, 900);
        assert_eq!(browser.value("look.sticksOut()"), serde_json::json!([]), "{} at {width}", page.display());
    }
    assert_eq!(browser.troubles(), Vec::<String>::new(), "{}", page.display());
}

#[track_caller]
fn is_searched_and_filtered(browser: &mut Browser, page: &Path) {
    browser.size(1280, 900);
    browser.open(page);
    browser.value(LOOK);
    let number = |json: &Json| json.as_u64().unwrap_or_else(|| panic!("{json} is no number"));
    let all = number(&browser.value("look.items().length"));
    assert!(all > 0 && browser.value("look.shown().length") == all);

    // An address finds its object, a word of a value all that have it, and nonsense nothing.
    let first = browser.value("look.items()[0].querySelector('.a').textContent");
    let found = browser.value(&format!("look.search({first})"));
    assert!(number(&found) >= 1 && browser.value("!look.items()[0].hidden") == true, "{first}");
    assert!(number(&browser.value("look.search('AWS_')")) > 0);
    assert_eq!(browser.value("look.search('no such thing')"), 0);
    assert_eq!(browser.value("document.getElementById('status').textContent"), "Nothing matches.");
    assert_eq!(browser.value("look.search('')"), all);

    // Each kind alone; together they are all.
    let kinds = browser.value("[...document.querySelectorAll('input[name=k]')].map(box => box.value)");
    let mut sum = 0;
    for kind in kinds.as_array().into_iter().flatten() {
        let shown = number(&browser.value(&format!("look.only({kind})")));
        let told = browser.value(&format!("+document.querySelector('input[value={kind}] + span b').textContent"));
        assert_eq!(number(&told), shown, "{kind}");
        assert_eq!(browser.value(&format!("look.shown().every(item => item.dataset.k === {kind})")), true);
        sum += shown;
    }
    assert!(kinds.as_array().is_some_and(Vec::is_empty) || sum == all);
    browser.value("document.getElementById('clear').click()");
    assert_eq!(browser.value("look.shown().length"), all);

    // A module shows what is in it.
    if browser.value("!!document.getElementById('module')") == true {
        let (module, shown) = ("module.database", browser.value("look.module('module.database')"));
        assert!(number(&shown) > 0 && number(&shown) < all);
        assert_eq!(browser.value(&format!("look.shown().every(item => item.dataset.m === '{module}')")), true);
        browser.value("document.getElementById('clear').click()");
    }

    // By keyboard: a slash leads to the search.
    browser.press("/");
    assert_eq!(browser.value("document.activeElement.id"), "find");

    // What needs attention leads to the object, also if a filter hides it.
    if browser.value("!!document.querySelector('.attention a')") == true {
        browser.value("look.search('no such thing')");
        browser.value("document.querySelector('.attention a').click()");
        let there = "new Promise(done => setTimeout(() => { const target = document.querySelector(':target'); \
                     done(target.open && !target.hidden); }, 50))";
        assert_eq!(browser.value(there), true);
    }
    assert_eq!(browser.troubles(), Vec::<String>::new(), "{}", page.display());
}

#[track_caller]
fn is_read_without_scripts_and_on_paper(browser: &mut Browser, page: &Path) {
    browser.scripts(false);
    browser.open(page);
    let controls = "[...document.querySelectorAll('#theme, #controls')].every(each => each.offsetParent === null)";
    assert_eq!(browser.value(controls), true, "there are no controls without a script");
    assert_eq!(browser.value("document.querySelectorAll('#resources details.r summary').length > 0"), true);
    assert_eq!(browser.troubles(), Vec::<String>::new(), "{}", page.display());
    browser.media("light", "print");
    let bodies = "[...document.querySelectorAll('#resources details.r .body')]\
                  .every(body => body.getBoundingClientRect().height > 0)";
    assert_eq!(browser.value(bodies), true, "all is open on paper");
    browser.media("light", "screen");
    browser.scripts(true);
}

/// Who checks plans by their JSON can read ours.
#[test]
fn checkov_reads_the_json_of_a_plan() {
    let Some(cloud) = Cloud::start() else { return };
    let Some(checkov) = installed("checkov") else {
        // Written past the test harness, which keeps back what passing tests print.
        let _ = std::io::stderr()
            .write_all(b"SKIPPED: no checkov on the path or in target/demo-venv (pip install checkov)\n");
        return;
    };
    let folder = Folder::copy_of("examples/three-tier").on(&cloud);
    folder.infra(["init", "-input=false"]).status(0);
    folder.infra(["plan", "-input=false", "-out=plan"]).status(0);
    folder.write("plan.json", &folder.infra(["show", "-json", "plan"]).status(0).stdout);
    let output = Command::new(checkov)
        .args(["--framework", "terraform_plan", "--output", "json", "--soft-fail", "--quiet", "--skip-download", "-f"])
        .arg(folder.path("plan.json"))
        .output()
        .expect("checkov starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    let told: Json = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}:\n{stdout}\n{stderr}"));
    let summary = &told["summary"];
    assert_eq!(summary["parsing_errors"], 0, "{summary}");
    assert_eq!(summary["resource_count"], 41, "{summary}");
    assert!(summary["failed"].as_u64().is_some_and(|failed| failed > 0), "{summary}");
}

/// A program: where `./demo` puts such, or on the path.
fn installed(name: &str) -> Option<PathBuf> {
    let target = Path::new(env!("CARGO_BIN_EXE_infra")).ancestors().nth(2)?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    std::iter::once(target.join("demo-venv/bin").join(name)).chain(on_path).find(|file| file.is_file())
}
