//! What is shown while a run goes on: lines that read as a story, and on a terminal a live line at the bottom.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use infra_engine::plan::Action;
use infra_engine::ui::{Event, Ui};

use crate::output;

/// Text for people.
pub(crate) struct Lines {
    live: Option<ProgressBar>,
    running: RefCell<BTreeMap<String, (&'static str, Instant)>>,
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
        Lines { live, running: RefCell::default() }
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

    /// Takes the live line away.
    pub fn finish(&self) {
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

fn with_id(id: &str) -> String {
    if id.is_empty() { String::new() } else { format!(" [id={id}]") }
}

impl Ui for Lines {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::RefreshStart { .. } | Event::Refreshed { .. } => {}
            Event::ImportStart { address, id } => self.print(&format!("{address}: Preparing import... [id={id}]")),
            Event::ReadStart { address } => self.started(address.to_string(), "reading"),
            Event::ReadDone { address, id, elapsed } => {
                self.ended(&address.to_string());
                self.print(&format!("{address}: Read complete after {}{}", go_duration(elapsed), with_id(id)));
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
            Event::ProvisionerOutput { address, provisioner, line } => {
                self.print(&format!("{address} ({provisioner}): {line}"));
            }
        }
    }
}
