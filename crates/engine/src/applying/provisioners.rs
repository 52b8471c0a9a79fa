//! `provisioner "local-exec"`: a command that runs here after a resource is created, or before it is destroyed.

use std::process::Stdio;

use infra_address::ResourceInstance;
use infra_diag::{Diagnostic, Diagnostics, Severity};
use infra_lang::config::{OnFailure, Provisioner, ProvisionerWhen};
use infra_lang::eval::{Scope, decode_body};
use infra_value::{Marks, Value};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tracing::Instrument;

use super::Applier;
use crate::ui::{Event, Provisioning};

impl Applier<'_> {
    /// Runs the provisioners of an instance for one occasion, in order. False after the errors have been told.
    pub(super) async fn provision(
        &self,
        address: &ResourceInstance,
        provisioners: &[Provisioner],
        when: ProvisionerWhen,
        scope: &dyn Scope,
    ) -> bool {
        for provisioner in provisioners.iter().filter(|p| p.when == when) {
            let tell = |what| self.ui.event(Event::Provisioner { address, provisioner: &provisioner.ty, what });
            tell(Provisioning::Started);
            let span = tracing::info_span!("provisioner", provisioner = &*provisioner.ty);
            let run = self.run_provisioner(address, provisioner, scope).instrument(span).await;
            tell(if run.is_ok() { Provisioning::Succeeded } else { Provisioning::Failed });
            if let Err(problems) = run {
                let go_on = provisioner.on_failure == OnFailure::Continue;
                self.world.report(problems.into_iter().map(|p| match go_on {
                    true => Diagnostic { severity: Severity::Warning, ..p },
                    false => p,
                }));
                if !go_on {
                    return false;
                }
            }
        }
        true
    }

    async fn run_provisioner(
        &self,
        address: &ResourceInstance,
        provisioner: &Provisioner,
        scope: &dyn Scope,
    ) -> Result<(), Diagnostics> {
        let place = provisioner.body.missing_item_range();
        let fail = |summary: &str, detail: String| {
            Err(Diagnostics::from(Diagnostic::error(summary, detail).at(place.clone()).about(address)))
        };
        let Some(schema) = crate::provisioner::schema(&provisioner.ty) else {
            return fail(
                &format!("Unsupported provisioner {:?}", provisioner.ty),
                "infra runs local-exec provisioners only. Do this where the machine or image is built.".into(),
            );
        };
        let (config, problems) = decode_body(&provisioner.body, schema, scope, &[]);
        if problems.has_errors() {
            return Err(problems);
        }
        let (config, marks) = config.unmark_deep();
        let secret = !marks.is_empty();
        let kinds = [(Marks::SENSITIVE, "sensitive"), (Marks::EPHEMERAL, "ephemeral")];
        let kinds: Vec<&str> = kinds.iter().filter(|(mark, _)| marks.contains(*mark)).map(|(_, word)| *word).collect();
        let suppressed = secret.then(|| format!("(output suppressed due to {} value in config)", kinds.join(", ")));
        let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
        let command = text("command");
        if command.is_empty() {
            return fail("local-exec provisioner error", "The command is empty.".into());
        }
        let interpreter: Vec<String> = match config.get("interpreter").and_then(Value::elements) {
            Some(words) => words.iter().filter_map(|w| w.as_str().map(str::to_string)).collect(),
            None => vec!["/bin/sh".into(), "-c".into()],
        };
        let Some((program, arguments)) = interpreter.split_first() else {
            return fail("local-exec provisioner error", "The interpreter is an empty list.".into());
        };
        let mut process = tokio::process::Command::new(program);
        process.args(arguments).arg(&command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if !text("working_dir").is_empty() {
            process.current_dir(text("working_dir"));
        }
        for (name, value) in config.get("environment").and_then(Value::members).into_iter().flatten() {
            process.env(&**name, value.as_str().unwrap_or_default());
        }
        let quiet = config.get("quiet").and_then(Value::as_bool) == Some(true);
        let hidden = secret || quiet;
        if !secret {
            let words = || interpreter.iter().chain([&command]).map(|word| format!("{word:?}")).collect::<Vec<_>>();
            let line = match quiet {
                true => "local-exec: Executing: Suppressed by quiet=true".to_string(),
                false => format!("Executing: [{}]", words().join(" ")),
            };
            self.ui.event(Event::ProvisionerOutput { address, provisioner: "local-exec", line: &line });
        }
        let mut child = match process.spawn() {
            Ok(child) => child,
            Err(error) => {
                let what = if secret { "The program (not shown)" } else { program.as_str() };
                return fail("local-exec provisioner error", format!("{what} could not be started: {error}"));
            }
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (shown, _) = tokio::join!(
            self.relay(address, out, suppressed.as_deref()),
            self.relay(address, err, suppressed.as_deref())
        );
        let status = match child.wait().await {
            Ok(status) => status,
            Err(error) => return fail("local-exec provisioner error", error.to_string()),
        };
        if status.success() {
            return Ok(());
        }
        let what = if hidden { "the command (not shown)".to_string() } else { format!("the command {command:?}") };
        let output = if secret || shown.is_empty() { String::new() } else { format!(" Output: {shown}") };
        fail("local-exec provisioner error", format!("Running {what} failed: {status}.{output}"))
    }

    /// Tells each line of a command's output, or that it is suppressed because its arguments are secret. Returns all of it.
    async fn relay(
        &self,
        address: &ResourceInstance,
        from: Option<impl AsyncRead + Unpin>,
        suppressed: Option<&str>,
    ) -> String {
        let Some(from) = from else { return String::new() };
        let mut lines = BufReader::new(from).lines();
        let mut all = String::new();
        if let Some(line) = suppressed {
            self.ui.event(Event::ProvisionerOutput { address, provisioner: "local-exec", line });
        }
        while let Ok(Some(line)) = lines.next_line().await {
            if suppressed.is_none() {
                self.ui.event(Event::ProvisionerOutput { address, provisioner: "local-exec", line: &line });
                all.push_str(&line);
                all.push('\n');
            }
        }
        all
    }
}

/// The value of `self` in a provisioner: ephemeral marks do not matter there, since nothing is stored.
pub(super) fn self_value(value: &Value) -> Value {
    let marks = value.marks().without(Marks::EPHEMERAL);
    value.clone().unmark().0.with_marks(marks)
}
