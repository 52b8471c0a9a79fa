//! What Terraform's command-line configuration and the environment say about registries: hosts and credentials.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use infra_diag::{Diagnostic, Diagnostics};
use infra_lang::syntax::ast::{Expr, ExprKind};
use infra_lang::syntax::{Block, Body, parse_file};
use serde_json::Value as Json;

/// Hosts and credentials.
#[derive(Clone, Default)]
pub struct Settings {
    /// Addresses of services, by host and name of the service: what discovery would find.
    services: BTreeMap<String, BTreeMap<String, String>>,
    tokens: BTreeMap<String, String>,
    /// How long a registry may take to answer.
    pub(crate) registry_timeout: Duration,
    /// How often a request to a registry is repeated.
    pub(crate) registry_retries: u32,
}

impl std::fmt::Debug for Settings {
    /// Without the tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("services", &self.services).finish_non_exhaustive()
    }
}

impl Settings {
    /// Reads what the environment says, and the files that it leads to: `TF_CLI_CONFIG_FILE`, or `~/.terraformrc` and
    /// `~/.terraform.d/*.tfrc` and `*.tfrc.json`; a `TF_TOKEN_…` goes before them.
    pub fn read(environment: impl IntoIterator<Item = (String, String)>) -> (Settings, Diagnostics) {
        let environment: BTreeMap<String, String> = environment.into_iter().filter(|(_, v)| !v.is_empty()).collect();
        let number = |name: &str| environment.get(name).and_then(|text| text.parse::<u32>().ok());
        let mut settings = Settings {
            registry_timeout: Duration::from_secs(number("TF_REGISTRY_CLIENT_TIMEOUT").unwrap_or(10).max(1).into()),
            registry_retries: number("TF_REGISTRY_DISCOVERY_RETRY").unwrap_or(2),
            ..Settings::default()
        };
        let mut problems = Diagnostics::new();
        for file in configuration_files(&environment) {
            let problem = match std::fs::read_to_string(&file) {
                Ok(text) => settings.add(&file.to_string_lossy(), &text).err(),
                Err(error) => Some(error.to_string()),
            };
            if let Some(problem) = problem {
                problems.push(Diagnostic::warning(
                    "Unusable CLI configuration file",
                    format!("{}: {problem}. It is left aside.", file.display()),
                ));
            }
        }
        for (name, token) in &environment {
            if let Some(host) = name.strip_prefix("TF_TOKEN_") {
                let host = host.replace("__", "-").replace('_', ".").to_ascii_lowercase();
                settings.tokens.insert(host, token.clone());
            }
        }
        (settings, problems)
    }

    /// The address of a host's service, if it is configured.
    pub(crate) fn service(&self, host: &str, name: &str) -> Option<Option<&str>> {
        self.services.get(host).map(|services| services.get(name).map(String::as_str))
    }

    /// The token for a host.
    pub(crate) fn token(&self, host: &str) -> Option<&str> {
        self.tokens.get(host).map(String::as_str)
    }

    /// Adds what a file says; what it says about anything else is left aside.
    fn add(&mut self, name: &str, text: &str) -> Result<(), String> {
        if name.ends_with(".json") {
            let json: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
            self.add_json(&json);
            return Ok(());
        }
        let (body, problems) = parse_file(&name.into(), text);
        if let Some(problem) = problems.iter().find(|p| p.is_error()) {
            let line = problem.subject.as_ref().map(|range| format!("line {}: ", range.start.line));
            return Err(format!("{}{}", line.unwrap_or_default(), problem.summary));
        }
        let Body::Native(body) = &body else { return Ok(()) };
        for block in &body.blocks {
            let Some(host) = block.labels.first().map(|label| label.text.to_ascii_lowercase()) else { continue };
            match &*block.ty {
                "credentials" => {
                    if let Some(token) = argument(block, "token").as_ref().and_then(text_of) {
                        self.tokens.insert(host, token);
                    }
                }
                "host" => {
                    let services = argument(block, "services").map(|services| entries(&services)).unwrap_or_default();
                    self.services.insert(host, services);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn add_json(&mut self, json: &Json) {
        let members = |name: &str| json[name].as_object().cloned().unwrap_or_default();
        for (host, of_host) in members("credentials") {
            if let Some(token) = of_host["token"].as_str() {
                self.tokens.insert(host.to_ascii_lowercase(), token.to_string());
            }
        }
        for (host, of_host) in members("host") {
            let services = of_host["services"].as_object().cloned().unwrap_or_default();
            let services = services.into_iter().filter_map(|(k, v)| Some((k, v.as_str()?.to_string())));
            self.services.insert(host.to_ascii_lowercase(), services.collect());
        }
    }
}

/// The files of the command-line configuration.
fn configuration_files(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    if let Some(file) = environment.get("TF_CLI_CONFIG_FILE").or_else(|| environment.get("TERRAFORM_CONFIG")) {
        return vec![PathBuf::from(file)];
    }
    let Some(home) = environment.get("HOME") else { return Vec::new() };
    let mut files = vec![Path::new(home).join(".terraformrc")];
    files.retain(|file| file.is_file());
    let entries = std::fs::read_dir(Path::new(home).join(".terraform.d")).into_iter().flatten().flatten();
    let mut more: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    more.retain(|path| {
        let name = path.to_string_lossy();
        path.is_file() && (name.ends_with(".tfrc") || name.ends_with(".tfrc.json"))
    });
    more.sort();
    files.extend(more);
    files
}

fn argument(block: &Block, name: &str) -> Option<Expr> {
    let (attributes, _) = block.body.just_attributes();
    attributes.into_iter().find(|a| &*a.name == name).map(|a| a.expr)
}

fn text_of(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(value) => value.as_str().map(str::to_string),
        ExprKind::Traversal(name) if name.steps.is_empty() => Some(name.root.to_string()),
        ExprKind::Parens(inner) => text_of(inner),
        _ => None,
    }
}

/// The texts in an object.
fn entries(expr: &Expr) -> BTreeMap<String, String> {
    let ExprKind::Object(items) = &expr.kind else { return BTreeMap::new() };
    items.iter().filter_map(|item| Some((text_of(&item.key)?, text_of(&item.value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::Settings;

    fn read(files: &[(&str, &str)], environment: &[(&str, &str)]) -> Settings {
        let home = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        let home = home.path().to_string_lossy().into_owned();
        let all = environment.iter().map(|(k, v)| (k.to_string(), v.replace("HOME", &home)));
        let (settings, problems) = Settings::read(all.chain([("HOME".to_string(), home.clone())]));
        assert!(problems.is_empty(), "{problems:?}");
        settings
    }

    const RC: &str = r#"
plugin_cache_dir = "x"
provider_installation {
  direct {}
}
credentials "Registry.example.com" { token = "from-rc" }
host "registry.example.com" {
  services = { "modules.v1" = "http://127.0.0.1:1/v1/" }
}
"#;

    #[test]
    fn hosts_and_credentials_come_from_the_files_and_the_environment() {
        let settings = read(&[(".terraformrc", RC)], &[]);
        assert_eq!(settings.token("registry.example.com"), Some("from-rc"));
        assert_eq!(settings.service("registry.example.com", "modules.v1"), Some(Some("http://127.0.0.1:1/v1/")));
        assert_eq!(settings.service("registry.example.com", "providers.v1"), Some(None));
        assert_eq!(settings.service("other.example.com", "modules.v1"), None);

        let login = r#"{"credentials":{"app.example.com":{"token":"from-login"}}}"#;
        let files = [(".terraformrc", RC), (".terraform.d/credentials.tfrc.json", login), ("other", "")];
        let settings = read(&files, &[("TF_TOKEN_registry_example_com", "from-env"), ("TF_TOKEN_a__b_io", "x")]);
        assert_eq!(settings.token("app.example.com"), Some("from-login"));
        assert_eq!(settings.token("registry.example.com"), Some("from-env"));
        assert_eq!(settings.token("a-b.io"), Some("x"));

        let settings = read(&files, &[("TF_CLI_CONFIG_FILE", "HOME/other")]);
        assert_eq!(settings.token("app.example.com"), None);
    }

    #[test]
    fn tokens_are_not_shown() {
        let settings = read(&[(".terraformrc", RC)], &[]);
        assert!(!format!("{settings:?}").contains("from-rc"));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_told() {
        let none = [("TF_CLI_CONFIG_FILE".to_string(), "/nonexistent/rc".to_string())];
        let (_, problems) = Settings::read(none);
        assert_eq!(problems.iter().count(), 1);
        assert!(!problems.has_errors());
    }
}
