//! What a `release` block asks for, validated.

use std::time::Duration;

use infra_provider::fleet::{Colour, HttpProbe};
use serde::{Deserialize, Serialize};

/// A `release` block of one module instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// `module.api.release.api`
    pub address: String,
    /// The two keys, in the order of the services. One only for [`Strategy::Rolling`].
    pub colours: Vec<Colour>,
    /// How the traffic moves.
    pub strategy: Strategy,
    /// How long the old colour keeps running after it has lost the traffic.
    pub standby: Duration,
    /// How long the new colour may take until all its targets are healthy.
    pub start_timeout: Duration,
    /// What must hold before a user's request reaches the new colour.
    pub checks: Vec<Check>,
    /// A task that must succeed first.
    pub before_shift: Option<BeforeShift>,
    /// What sends the traffic back.
    pub revert_when: RevertWhen,
}

/// A duration as people write it: `30m`, `1h 30m`, `90s`. `None` if it is not one, or negative.
pub fn duration(text: &str) -> Option<Duration> {
    let parsed: jiff::SignedDuration = text.trim().parse().ok()?;
    Duration::try_from(parsed).ok()
}

/// How the traffic moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// All at once.
    BlueGreen,
    /// By these steps, then all.
    Canary(Vec<Shift>),
    /// By equal steps.
    Linear {
        /// Percent more at each step.
        step: u32,
        /// Between two steps.
        interval: Duration,
    },
    /// In place, by the cloud's own rolling update: one service, no colours.
    Rolling,
}

impl Strategy {
    /// As it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Strategy::BlueGreen => "blue_green",
            Strategy::Canary(_) => "canary",
            Strategy::Linear { .. } => "linear",
            Strategy::Rolling => "rolling",
        }
    }

    /// The steps until the new colour has everything; the last is 100 % and waits for nothing.
    pub fn shifts(&self) -> Vec<Shift> {
        let all = Shift { percent: 100, wait: Duration::ZERO };
        match self {
            Strategy::Rolling => Vec::new(),
            Strategy::BlueGreen => vec![all],
            Strategy::Canary(steps) => {
                let mut shifts: Vec<Shift> = steps.iter().filter(|s| s.percent < 100).cloned().collect();
                shifts.push(all);
                shifts
            }
            Strategy::Linear { step, interval } => {
                let step = (*step).clamp(1, 100);
                let below = (1..).map(|n| n * step).take_while(|percent| *percent < 100);
                let mut shifts: Vec<Shift> = below.map(|percent| Shift { percent, wait: *interval }).collect();
                shifts.push(all);
                shifts
            }
        }
    }
}

/// One step of moving traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// The new colour's share afterwards, 1 to 100.
    pub percent: u32,
    /// How long it is watched before the next.
    pub wait: Duration,
}

/// A check of the new colour.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its label.
    pub name: String,
    /// What is done.
    pub kind: CheckKind,
    /// How often it is tried at most; at least 1.
    pub attempts: u32,
    /// Between two tries.
    pub pause: Duration,
}

/// What a check does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// An HTTP request to the test listener or the targets.
    Http(HttpProbe),
    /// A program on the machine that infra runs on; it sees `INFRA_TEST_URL`.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// The folder that it runs in.
        folder: String,
        /// How long it may take.
        timeout: Duration,
    },
}

/// A one-off task of the new version, such as a database migration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BeforeShift {
    /// Replaces the container's own command, if not empty.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// What sends the traffic back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevertWhen {
    /// More than this share of requests failing, in percent.
    pub error_rate_percent: f64,
    /// Over this stretch of time.
    pub window: Duration,
    /// Fewer requests than this in a window prove nothing.
    pub min_requests: u64,
    /// Alarms, by ARN or name.
    pub alarms: Vec<String>,
    /// What infra itself asks of the live address all the time, beside users' requests.
    pub probe: Option<HttpProbe>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percents(strategy: &Strategy) -> Vec<u32> {
        strategy.shifts().iter().map(|s| s.percent).collect()
    }

    #[test]
    fn every_way_of_moving_traffic_ends_with_all_of_it() {
        let wait = Duration::from_secs(60);
        assert_eq!(percents(&Strategy::BlueGreen), [100]);
        assert_eq!(percents(&Strategy::Linear { step: 30, interval: wait }), [30, 60, 90, 100]);
        assert_eq!(percents(&Strategy::Linear { step: 100, interval: wait }), [100]);
        let canary = Strategy::Canary(vec![Shift { percent: 5, wait }, Shift { percent: 25, wait }]);
        assert_eq!(percents(&canary), [5, 25, 100]);
        assert_eq!(percents(&Strategy::Rolling), [0; 0]);
    }
}
