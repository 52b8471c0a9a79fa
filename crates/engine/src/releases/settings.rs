//! A `release` block evaluated: its settings, with what is wrong with them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use infra_diag::{Diagnostic, Diagnostics, SourceRange};
use infra_lang::config::{ReleaseBlock, ReleaseCheck, ReleaseStrategy};
use infra_lang::eval::{Scope, evaluate};
use infra_lang::syntax::ast::Attribute;
use infra_lang::syntax::suggest::did_you_mean;
use infra_provider::fleet::HttpProbe;
use infra_release::{BeforeShift, Check, CheckKind, Release, RevertWhen, Shift, Strategy};
use infra_value::{Marks, Value};

const STANDBY: Duration = Duration::from_secs(30 * 60);
const START: Duration = Duration::from_secs(10 * 60);
const WINDOW: Duration = Duration::from_secs(60);
const STRATEGIES: [&str; 4] = ["blue_green", "canary", "linear", "rolling"];

type Attributes = BTreeMap<Arc<str>, Attribute>;

/// Evaluates the block. `colours` and `address` are put in by the caller.
pub(super) fn release(block: &ReleaseBlock, scope: &dyn Scope, folder: &str) -> Result<Release, Diagnostics> {
    read(block, scope, folder, false)
}

/// What is wrong with the block's settings, as far as they are known.
pub(super) fn check(block: &ReleaseBlock, scope: &dyn Scope) -> Diagnostics {
    read(block, scope, "", true).err().unwrap_or_default()
}

fn read(block: &ReleaseBlock, scope: &dyn Scope, folder: &str, checking: bool) -> Result<Release, Diagnostics> {
    let mut read = Reading { scope, checking, problems: Diagnostics::new() };
    let release = Release {
        address: String::new(),
        colours: Vec::new(),
        strategy: read.strategy(&block.strategy),
        standby: read.duration(&block.settings, "standby", STANDBY),
        start_timeout: read.duration(&block.settings, "start_timeout", START),
        checks: block.checks.iter().map(|check| read.check(check, folder)).collect(),
        before_shift: block.before_shift.as_ref().map(|given| BeforeShift {
            command: read.texts(given, "command"),
            timeout: read.duration(given, "timeout", Duration::from_secs(15 * 60)),
        }),
        revert_when: read.revert_when(&block.revert_when),
    };
    if read.problems.has_errors() { Err(read.problems) } else { Ok(release) }
}

struct Reading<'s> {
    scope: &'s dyn Scope,
    /// What is not known yet is passed over.
    checking: bool,
    problems: Diagnostics,
}

impl Reading<'_> {
    fn refuse(&mut self, detail: impl Into<String>, range: &SourceRange) {
        self.problems.push(Diagnostic::error("Invalid release", detail.into()).at(range.clone()));
    }

    /// The value of an argument; `None` where it is not given, null, or wrong.
    fn value(&mut self, attribute: Option<&Attribute>) -> Option<Value> {
        let attribute = attribute?;
        match evaluate(&attribute.expr, self.scope) {
            Ok(value) if value.marks_deep().contains(Marks::SENSITIVE) => {
                let detail =
                    format!("{} is sensitive, and the settings of a release are shown in plans.", attribute.name);
                self.refuse(detail, &attribute.expr.range);
                None
            }
            Ok(value) if !value.is_wholly_known() && self.checking => None,
            Ok(value) if !value.is_wholly_known() => {
                let name = &attribute.name;
                let detail = format!(
                    "{name} depends on something that is known after apply only. The settings of a release have to be known \
                     when it is planned."
                );
                self.refuse(detail, &attribute.expr.range);
                None
            }
            Ok(value) => Some(value).filter(|v| !v.is_null()),
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }

    /// Whether an argument is only looked at as far as it is known, and it is not.
    fn is_open(&self, attribute: Option<&Attribute>) -> bool {
        let known = |a: &Attribute| evaluate(&a.expr, self.scope).map_or(true, |value| value.is_wholly_known());
        self.checking && attribute.is_some_and(|attribute| !known(attribute))
    }

    fn number(&mut self, given: &Attributes, name: &str, usual: f64, least: f64, most: f64) -> f64 {
        let attribute = given.get(name);
        let Some(value) = self.value(attribute) else { return usual };
        let number = value.as_number().map(infra_value::Number::to_f64);
        match number {
            Some(number) if (least..=most).contains(&number) => number,
            _ => {
                if let Some(attribute) = attribute {
                    let detail = format!("{name} is a number from {least} to {most}.");
                    self.refuse(detail, &attribute.expr.range);
                }
                usual
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the limits keep it in range")]
    fn whole(&mut self, given: &Attributes, name: &str, usual: u32, least: u32, most: u32) -> u32 {
        self.number(given, name, f64::from(usual), f64::from(least), f64::from(most)).round() as u32
    }

    fn duration(&mut self, given: &Attributes, name: &str, usual: Duration) -> Duration {
        let attribute = given.get(name);
        let Some(value) = self.value(attribute) else { return usual };
        match value.as_str().and_then(infra_release::duration) {
            Some(duration) => duration,
            None => {
                if let Some(attribute) = attribute {
                    let detail = format!("{name} is a duration, such as \"30s\", \"10m\" or \"1h30m\".");
                    self.refuse(detail, &attribute.expr.range);
                }
                usual
            }
        }
    }

    fn text(&mut self, given: &Attributes, name: &str) -> Option<String> {
        let attribute = given.get(name);
        let value = self.value(attribute)?;
        match (value.as_str(), attribute) {
            (Some(text), _) => Some(text.to_string()),
            (None, Some(attribute)) => {
                self.refuse(format!("{name} is a text."), &attribute.expr.range);
                None
            }
            (None, None) => None,
        }
    }

    fn texts(&mut self, given: &Attributes, name: &str) -> Vec<String> {
        let attribute = given.get(name);
        let Some(value) = self.value(attribute) else { return Vec::new() };
        let texts = value.elements().map(|es| es.iter().map(|e| e.as_str().map(str::to_string)).collect());
        match (texts, attribute) {
            (Some(Some(texts)), _) => texts,
            (_, Some(attribute)) => {
                self.refuse(format!("{name} is a list of texts."), &attribute.expr.range);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn strategy(&mut self, given: &ReleaseStrategy) -> Strategy {
        match given {
            ReleaseStrategy::Usual => Strategy::BlueGreen,
            ReleaseStrategy::Named(attribute) => {
                let value = self.value(Some(attribute));
                match value.as_ref().and_then(Value::as_str) {
                    None | Some("blue_green") => Strategy::BlueGreen,
                    Some("rolling") => Strategy::Rolling,
                    Some(name @ ("canary" | "linear")) => {
                        let settings = if name == "canary" { "steps = [5, 25]" } else { "step = 10" };
                        let wait = if name == "canary" { "wait" } else { "interval" };
                        let detail = format!(
                            "The strategy {name:?} has settings of its own: write it as a block, strategy {name:?} {{ \
                             {settings} … {wait} = \"5m\" }}, each on a line of its own."
                        );
                        self.refuse(detail, &attribute.expr.range);
                        Strategy::BlueGreen
                    }
                    Some(other) => {
                        let hint = did_you_mean(other, STRATEGIES);
                        let detail = format!(
                            "{other:?} is no strategy: there are \"blue_green\", \"canary\", \"linear\" and \
                             \"rolling\".{hint}"
                        );
                        self.refuse(detail, &attribute.expr.range);
                        Strategy::BlueGreen
                    }
                }
            }
            ReleaseStrategy::Block { name, settings, range } => match &**name {
                "rolling" => Strategy::Rolling,
                "canary" => self.canary(settings, range),
                "linear" => Strategy::Linear {
                    step: self.whole(settings, "step", 10, 1, 100),
                    interval: self.duration(settings, "interval", Duration::from_secs(60)),
                },
                _ => Strategy::BlueGreen,
            },
        }
    }

    /// `steps` are percentages with one `wait` for all, or objects with `percent` and `wait`.
    fn canary(&mut self, given: &Attributes, range: &SourceRange) -> Strategy {
        let wait = self.duration(given, "wait", Duration::from_secs(5 * 60));
        if self.is_open(given.get("steps")) {
            return Strategy::BlueGreen;
        }
        let value = self.value(given.get("steps"));
        let mut steps = Vec::new();
        for element in value.iter().flat_map(|v| v.elements().unwrap_or(&[])) {
            let member = |name: &str| element.members().and_then(|m| m.get(name).cloned());
            let percent = member("percent").unwrap_or_else(|| element.clone()).as_i64();
            let own = member("wait").and_then(|w| w.as_str().and_then(infra_release::duration));
            match percent.and_then(|p| u32::try_from(p).ok()).filter(|p| (1..=100).contains(p)) {
                Some(percent) => steps.push(Shift { percent, wait: own.unwrap_or(wait) }),
                None => {
                    self.refuse(
                        "The steps of a canary are percentages from 1 to 100 (steps = [5, 25], wait = \"5m\"), or objects: \
                         { percent = 5, wait = \"5m\" }.",
                        range,
                    );
                    return Strategy::BlueGreen;
                }
            }
        }
        if steps.is_empty() || steps.windows(2).any(|pair| pair[0].percent >= pair[1].percent) {
            self.refuse("A canary has at least one step, and each gives more traffic than the one before.", range);
        }
        Strategy::Canary(steps)
    }

    fn check(&mut self, check: &ReleaseCheck, folder: &str) -> Check {
        let given = &check.settings;
        let timeout =
            self.duration(given, "timeout", Duration::from_secs(if &*check.kind == "http" { 5 } else { 300 }));
        let kind = match &*check.kind {
            "http" => CheckKind::Http(HttpProbe {
                path: self.path(given, "path").unwrap_or_else(|| "/".into()),
                status: u16::try_from(self.whole(given, "status", 200, 100, 599)).unwrap_or(200),
                timeout,
            }),
            _ => {
                let command = self.texts(given, "command");
                if command.is_empty() && !self.is_open(given.get("command")) {
                    self.refuse("command names the program and its arguments: [\"./smoke.sh\"].", &check.range);
                }
                CheckKind::Command { command, folder: folder.to_string(), timeout }
            }
        };
        Check {
            name: check.name.to_string(),
            kind,
            attempts: self.whole(given, "attempts", 3, 1, 100),
            pause: self.duration(given, "pause", Duration::from_secs(2)),
        }
    }

    fn path(&mut self, given: &Attributes, name: &str) -> Option<String> {
        let path = self.text(given, name)?;
        if !path.starts_with('/')
            && let Some(attribute) = given.get(name)
        {
            self.refuse(format!("{name} is a path with its leading slash: \"/{path}\"."), &attribute.expr.range);
        }
        Some(path)
    }

    fn revert_when(&mut self, given: &Attributes) -> RevertWhen {
        let window = self.duration(given, "window", WINDOW);
        if window < Duration::from_secs(1)
            && let Some(attribute) = given.get("window")
        {
            self.refuse("window is at least one second.", &attribute.expr.range);
        }
        RevertWhen {
            error_rate_percent: self.number(given, "error_rate_percent", 1.0, 0.0, 100.0),
            window,
            min_requests: u64::from(self.whole(given, "min_requests", 20, 1, 1_000_000)),
            alarms: self.texts(given, "alarms"),
            probe: self.path(given, "probe").map(|path| HttpProbe {
                path,
                status: 200,
                timeout: Duration::from_secs(5),
            }),
        }
    }
}
