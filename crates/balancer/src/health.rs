//! Health of targets: how answers to checks become states.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::spec::HealthCheck;

/// How a target is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetHealth {
    /// Its state.
    pub status: HealthStatus,
    /// When it came into this state.
    pub since: SystemTime,
    /// How many requests it is working on.
    pub in_flight: usize,
}

/// The states of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum HealthStatus {
    /// New: no check has decided yet.
    Initial,
    /// Gets requests.
    Healthy,
    /// Gets requests only if no target of its group is healthy.
    Unhealthy {
        /// What the last check found.
        reason: String,
    },
    /// Was taken out and finishes its requests. It is no longer listed once it has.
    Draining,
    /// Its group is in no rule: it is not checked.
    Unused,
}

/// What is known of a target's health.
#[derive(Clone, Debug)]
pub(crate) struct Health {
    pub(crate) status: HealthStatus,
    pub(crate) since: SystemTime,
    /// Answers in a row that speak against the present state.
    against: u32,
}

impl Health {
    pub(crate) fn new(status: HealthStatus, now: SystemTime) -> Self {
        Health { status, since: now, against: 0 }
    }

    pub(crate) fn turn(&mut self, status: HealthStatus, now: SystemTime) {
        if std::mem::discriminant(&self.status) != std::mem::discriminant(&status) {
            *self = Health::new(status, now);
        } else {
            self.status = status;
        }
    }

    /// Takes in the result of a check. Says whether the state is another now.
    pub(crate) fn observe(&mut self, result: Result<(), String>, check: &HealthCheck, now: SystemTime) -> bool {
        use HealthStatus::{Healthy, Initial, Unhealthy};
        let (next, needed) = match (&self.status, result) {
            (Initial, Ok(())) => (Healthy, 1),
            (Unhealthy { .. }, Ok(())) => (Healthy, check.healthy_threshold),
            (Initial | Healthy, Err(reason)) => (Unhealthy { reason }, check.unhealthy_threshold),
            (Unhealthy { .. }, Err(reason)) => {
                self.against = 0;
                self.status = Unhealthy { reason };
                return false;
            }
            _ => {
                self.against = 0;
                return false;
            }
        };
        self.against += 1;
        if self.against < needed {
            return false;
        }
        *self = Health::new(next, now);
        true
    }
}

/// Whether a status is among those of a matcher: `200`, `200,202`, `200-299`.
pub(crate) fn matches(matcher: &str, status: u16) -> bool {
    matcher.split(',').any(|part| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
            (Ok(from), Ok(to)) => (from..=to).contains(&status),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn check() -> HealthCheck {
        HealthCheck {
            enabled: true,
            tcp_only: false,
            path: "/".into(),
            port: None,
            matcher: "200".into(),
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            healthy_threshold: 3,
            unhealthy_threshold: 2,
        }
    }

    #[test]
    fn thresholds_count_answers_in_a_row() {
        for (answers, expected) in [
            ("", "I"),
            ("+", "H"),
            ("-", "I"),
            ("-+", "H"),
            ("--", "U"),
            ("+-", "H"),
            ("+-+-", "H"),
            ("+--", "U"),
            ("--++", "U"),
            ("--++-++", "U"),
            ("--+++", "H"),
        ] {
            let mut health = Health::new(HealthStatus::Initial, SystemTime::UNIX_EPOCH);
            for answer in answers.chars() {
                let result = if answer == '+' { Ok(()) } else { Err("refused".to_string()) };
                health.observe(result, &check(), SystemTime::UNIX_EPOCH);
            }
            let found = match health.status {
                HealthStatus::Initial => "I",
                HealthStatus::Healthy => "H",
                HealthStatus::Unhealthy { .. } => "U",
                _ => "?",
            };
            assert_eq!(found, expected, "after {answers}");
        }
    }

    #[test]
    fn a_matcher_is_a_list_of_statuses_and_ranges() {
        for (matcher, status, expected) in [
            ("200", 200, true),
            ("200", 201, false),
            ("200,202", 202, true),
            ("200-299", 299, true),
            ("200-299, 301", 301, true),
            ("200-299", 300, false),
            ("", 200, false),
        ] {
            assert_eq!(matches(matcher, status), expected, "{status} in {matcher}");
        }
    }
}
