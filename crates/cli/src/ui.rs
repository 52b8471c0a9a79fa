//! What is shown while a run goes on: lines that read as a story, and on a terminal a live line at the bottom.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use infra_engine::plan::Action;
use infra_engine::ui::{EphemeralOperation, Event, Provisioning, Ui};

use crate::output;

/// Text for people.
pub(crate) struct Lines {
    live: Option<ProgressBar>,
    running: RefCell<BTreeMap<String, (&'static str, Instant)>>,
    refresh: RefCell<Refresh>,
}

/// The reading of all objects, which is one line.
#[derive(Default)]
struct Refresh {
    objects: usize,
    began: Option<Instant>,
    /// How long it took, and how many calls.
    took: Option<(Duration, usize)>,
}

/// `Refreshed 38 resources in 0.3 s (24 calls).`
fn refreshed(objects: usize, took: Duration, calls: usize) -> String {
    let counted = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    format!("Refreshed {} in {:.1} s ({}).", counted(objects, "resource"), took.as_secs_f64(), counted(calls, "call"))
}

impl Lines {
    /// Live on a terminal.
    pub fn new() -> Lines {
        let live = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("  {spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Lines { live, running: RefCell::default(), refresh: RefCell::default() }
    }

    /// Live on a terminal; none where machines read.
    pub fn unless(json: bool) -> Option<Lines> {
        (!json).then(Lines::new)
    }

    /// What is under way.
    pub fn running(&self) -> Vec<String> {
        self.running.borrow().keys().cloned().collect()
    }

    /// Prints a line (or lines) above the live one.
    pub fn print(&self, text: &str) {
        match &self.live {
            Some(bar) => bar.suspend(|| output::line(text)),
            None => output::line(text),
        }
    }

    fn started(&self, what: String, doing: &'static str) {
        self.running.borrow_mut().insert(what, (doing, Instant::now()));
        self.redraw();
    }

    fn ended(&self, what: &str) {
        self.running.borrow_mut().remove(what);
        self.redraw();
    }

    fn redraw(&self) {
        let Some(bar) = &self.live else { return };
        let running = self.running.borrow();
        let items: Vec<String> = running.iter().map(|(what, (doing, _))| format!("{what} {doing}")).collect();
        let count = if items.len() > 1 { format!("{} under way: ", items.len()) } else { String::new() };
        bar.set_message(count + &items.join(", "));
    }

    /// Takes the live line away, and says what a refresh took. One for which nobody was asked is not worth a line.
    pub fn finish(&self) {
        let refresh = self.refresh.take();
        if let Some((took, calls)) = refresh.took.filter(|(_, calls)| *calls > 0) {
            self.print(&refreshed(refresh.objects, took, calls));
        }
        if let Some(bar) = &self.live {
            bar.finish_and_clear();
        }
    }

    /// Tells of operations that have been under way for long, every ten seconds of each.
    pub fn still_running(&self) {
        let running = self.running.borrow();
        for (what, (doing, since)) in running.iter() {
            let seconds = since.elapsed().as_secs();
            if seconds >= 10 && seconds % 10 == 0 {
                self.print(&format!("{what}: Still {doing}... [{} elapsed]", go_duration(since.elapsed())));
            }
        }
    }
}

/// `1m10s`, rounded to seconds.
pub(crate) fn go_duration(duration: Duration) -> String {
    let seconds = (duration.as_secs_f64()).round() as u64;
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest}s"),
        (0, m) => format!("{m}m{rest}s"),
        (h, m) => format!("{h}h{m}m{rest}s"),
    }
}

fn named(address: &infra_address::ResourceInstance, deposed: Option<&str>) -> String {
    match deposed {
        Some(key) => format!("{address} (deposed object {key})"),
        None => address.to_string(),
    }
}

fn ephemeral_verb(operation: EphemeralOperation) -> &'static str {
    match operation {
        EphemeralOperation::Open => "Opening",
        EphemeralOperation::Renew => "Renewing",
        EphemeralOperation::Close => "Closing",
    }
}

fn with_id(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!(" [id={id}]") }
}

impl Ui for Lines {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::RefreshStart { objects } => {
                let mut refresh = self.refresh.borrow_mut();
                refresh.objects += objects;
                refresh.began.get_or_insert_with(Instant::now);
            }
            Event::Refreshed { .. } => {
                let mut refresh = self.refresh.borrow_mut();
                refresh.took = refresh.began.map(|began| (began.elapsed(), infra_aws::calls()));
            }
            Event::ImportStart { address, id } => self.print(&format!("{address}: Preparing import... [id={id}]")),
            Event::Found { address, id } => {
                self.print(&format!("Found {address} ({id}) that an interrupted run had created."));
            }
            Event::Awaiting { address, id } => {
                self.print(&format!(
                    "{address}: Waiting until it is ready: an interrupted run had begun to create it [id={id}]"
                ));
            }
            Event::ReadStart { address } => self.started(address.to_string(), "reading"),
            Event::ReadDone { address, id, elapsed } => {
                self.ended(&address.to_string());
                self.print(&format!("{address}: Read complete after {}{}", go_duration(elapsed), with_id(id)));
            }
            Event::Ephemeral { address, operation, elapsed: None } => {
                self.print(&format!("{address}: {}...", ephemeral_verb(operation)));
            }
            Event::Ephemeral { address, operation, elapsed: Some(elapsed) } => {
                let verb = ephemeral_verb(operation);
                self.print(&format!("{address}: {verb} complete after {}", go_duration(elapsed)));
            }
            Event::EphemeralDeferred { address } => {
                self.print(&format!("{address}: Configuration unknown, deferring..."));
            }
            Event::ApplyStart { address, deposed, action, id } => {
                let what = named(address, deposed);
                let (verb, doing) = match action {
                    Action::Create => ("Creating", "creating"),
                    Action::Delete => ("Destroying", "destroying"),
                    _ => ("Modifying", "modifying"),
                };
                self.print(&format!("{what}: {verb}...{}", with_id(id)));
                self.started(what, doing);
            }
            Event::ApplyDone { address, deposed, action, id, elapsed } => {
                let what = named(address, deposed);
                self.ended(&what);
                let noun = match action {
                    Action::Create => "Creation",
                    Action::Delete => "Destruction",
                    _ => "Modifications",
                };
                self.print(&format!("{what}: {noun} complete after {}{}", go_duration(elapsed), with_id(id)));
            }
            Event::ApplyFailed { address, deposed, elapsed, .. } => {
                let what = named(address, deposed);
                self.ended(&what);
                self.print(&format!("{what}: Failed after {}", go_duration(elapsed)));
            }
            Event::Provisioner { address, provisioner, what: Provisioning::Started } => {
                self.print(&format!("{address}: Provisioning with '{provisioner}'..."));
            }
            Event::Provisioner { .. } => {}
            Event::ProvisionerOutput { address, provisioner, line } => {
                self.print(&format!("{address} ({provisioner}): {line}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_one_line() {
        assert_eq!(refreshed(38, Duration::from_millis(312), 24), "Refreshed 38 resources in 0.3 s (24 calls).");
        assert_eq!(refreshed(1, Duration::from_millis(1000), 1), "Refreshed 1 resource in 1.0 s (1 call).");
    }
}
