//! From the answers of a container's health check to its health.

use std::time::Duration;

use crate::spec::ContainerHealthCheck;
use crate::status::Health;

/// Counts the answers of one container's check.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    retries: u32,
    start_period: Duration,
    failures: u32,
    health: Health,
}

impl Tally {
    pub(crate) fn new(check: &ContainerHealthCheck) -> Tally {
        Tally { retries: check.retries.max(1), start_period: check.start_period, failures: 0, health: Health::Unknown }
    }

    /// Takes an answer that came `age` after the container's start. A success counts at once, also in the start period,
    /// and ends it; failures count one by one.
    pub(crate) fn add(&mut self, passed: bool, age: Duration) -> Health {
        if passed {
            self.failures = 0;
            self.health = Health::Healthy;
        } else if self.health != Health::Unknown || age >= self.start_period {
            self.failures += 1;
            if self.failures >= self.retries {
                self.health = Health::Unhealthy;
            }
        }
        self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(retries: u32, start_period: u64) -> ContainerHealthCheck {
        ContainerHealthCheck {
            command: vec!["CMD-SHELL".into(), "true".into()],
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            retries,
            start_period: Duration::from_secs(start_period),
        }
    }

    #[test]
    fn only_failures_in_a_row_after_the_start_period_count() {
        use Health::{Healthy, Unhealthy, Unknown};
        for (name, retries, start_period, answers, expected) in [
            ("a success", 3, 0, vec![(true, 1)], Healthy),
            ("two failures of three", 3, 0, vec![(false, 1), (false, 2)], Unknown),
            ("three failures", 3, 0, vec![(false, 1), (false, 2), (false, 3)], Unhealthy),
            ("a success in between", 2, 0, vec![(false, 1), (true, 2), (false, 3)], Healthy),
            ("recovery", 1, 0, vec![(false, 1), (true, 2)], Healthy),
            ("failures in the start period", 1, 10, vec![(false, 1), (false, 9)], Unknown),
            ("the first failure after it", 1, 10, vec![(false, 1), (false, 10)], Unhealthy),
            ("a success ends the start period", 1, 10, vec![(true, 1), (false, 2)], Unhealthy),
        ] {
            let mut tally = Tally::new(&check(retries, start_period));
            let last = answers.iter().map(|(passed, age)| tally.add(*passed, Duration::from_secs(*age))).last();
            assert_eq!(last, Some(expected), "{name}");
        }
    }
}
