//! Checks and probes of releases: HTTP requests, and programs on this machine.

use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use infra_provider::fleet::HttpProbe;
use infra_release::Prober;

/// How much of a failed program's output is told.
const TOLD: usize = 400;

/// Over the network and by processes.
pub(crate) struct Outside(reqwest::Client);

impl Outside {
    /// Redirects are answers, not followed: the status is what is checked. Certificates of a test address need not be
    /// those of its name.
    pub fn new() -> Result<Outside, String> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .tls_danger_accept_invalid_certs(true)
            .no_proxy()
            .build();
        client.map(Outside).map_err(|e| e.to_string())
    }
}

#[async_trait]
impl Prober for Outside {
    async fn ask(&self, url: &str, probe: &HttpProbe) -> Result<(), String> {
        let address = format!("{}{}", url.trim_end_matches('/'), probe.path);
        match self.0.get(&address).timeout(probe.timeout).send().await {
            Ok(answer) if answer.status().as_u16() == probe.status => Ok(()),
            Ok(answer) => {
                Err(format!("GET {} answered {}, not {}", probe.path, answer.status().as_u16(), probe.status))
            }
            Err(error) if error.is_timeout() => {
                Err(format!("GET {} was not answered within {} s", probe.path, probe.timeout.as_secs()))
            }
            Err(error) if error.is_connect() => Err(format!("GET {}: no connection to {url}", probe.path)),
            Err(error) => Err(format!("GET {}: {}", probe.path, error.without_url())),
        }
    }

    async fn run(&self, command: &[String], folder: &str, url: Option<&str>, timeout: Duration) -> Result<(), String> {
        let Some((program, arguments)) = command.split_first() else { return Err("the command is empty".into()) };
        let mut process = tokio::process::Command::new(program);
        process.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(url) = url {
            process.env("INFRA_TEST_URL", url);
        }
        let ended = tokio::time::timeout(timeout, process.output()).await;
        match ended {
            Err(_) => Err(format!("{program} did not end within {} s", timeout.as_secs())),
            Ok(Err(error)) => Err(format!("{program} could not be run: {error}")),
            Ok(Ok(output)) if output.status.success() => Ok(()),
            Ok(Ok(output)) => {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text).trim().to_string();
                let tail: String = text.chars().rev().take(TOLD).collect::<Vec<_>>().into_iter().rev().collect();
                Err(format!("{program} ended with {}: {tail}", output.status))
            }
        }
    }
}
