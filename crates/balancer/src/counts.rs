//! What was asked and answered: totals, and seconds of the last ten minutes.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How many seconds are kept one by one.
const KEPT_SECONDS: u64 = 600;

/// Numbers of requests by how they ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// All requests that ended.
    pub requests: u64,
    /// Answered by a target with 2xx.
    pub target_2xx: u64,
    /// Answered by a target with 3xx.
    pub target_3xx: u64,
    /// Answered by a target with 4xx.
    pub target_4xx: u64,
    /// Answered by a target with 5xx.
    pub target_5xx: u64,
    /// Targets that could not be reached or broke off; the balancer answered 502, or cut an answer under way.
    pub connection_errors: u64,
    /// Targets that said nothing in time; the balancer answered 504.
    pub timeouts: u64,
    /// There was no target; the balancer answered 503.
    pub no_target: u64,
    /// Redirects, fixed answers and refusals of the balancer itself, below 500.
    pub own_answers: u64,
    /// All answers 5xx that the balancer made: 502, 503, 504 and fixed ones.
    pub balancer_5xx: u64,
    /// Clients that went away before there was an answer.
    pub client_gone: u64,
    /// How long targets took to begin their answers.
    pub latency: Latency,
}

impl Counts {
    /// Requests that failed for the client through no fault of its own: 5xx of targets and of the balancer.
    pub fn failed(&self) -> u64 {
        self.target_5xx + self.connection_errors + self.timeouts + self.no_target
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        match outcome {
            // The request was counted when its answer began.
            Outcome::Broken => {
                self.connection_errors += 1;
                return;
            }
            Outcome::Target(status, latency) => {
                self.latency.add(latency);
                match status / 100 {
                    0..=2 => self.target_2xx += 1,
                    3 => self.target_3xx += 1,
                    4 => self.target_4xx += 1,
                    _ => self.target_5xx += 1,
                }
            }
            Outcome::ConnectionError => self.connection_errors += 1,
            Outcome::Timeout => self.timeouts += 1,
            Outcome::NoTarget => self.no_target += 1,
            Outcome::Own(status) if status < 500 => self.own_answers += 1,
            Outcome::Own(_) => {}
            Outcome::ClientGone => self.client_gone += 1,
        }
        self.requests += 1;
        if matches!(outcome, Outcome::ConnectionError | Outcome::Timeout | Outcome::NoTarget | Outcome::Own(500..)) {
            self.balancer_5xx += 1;
        }
    }

    fn merge(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.target_2xx += other.target_2xx;
        self.target_3xx += other.target_3xx;
        self.target_4xx += other.target_4xx;
        self.target_5xx += other.target_5xx;
        self.connection_errors += other.connection_errors;
        self.timeouts += other.timeouts;
        self.no_target += other.no_target;
        self.own_answers += other.own_answers;
        self.balancer_5xx += other.balancer_5xx;
        self.client_gone += other.client_gone;
        self.latency.merge(&other.latency);
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// A target answered with this status, after so long.
    Target(u16, Duration),
    /// No connection, or it broke before the answer.
    ConnectionError,
    /// An answer that had begun broke off.
    Broken,
    /// Nothing in time.
    Timeout,
    /// Nobody to ask.
    NoTarget,
    /// An answer of the balancer's own.
    Own(u16),
    /// The client left before there was an answer.
    ClientGone,
}

/// Times in classes, each a quarter of an octave (19 %) wide.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// How many times there are.
    pub count: u64,
    /// Their sum.
    pub sum: Duration,
    /// How many there are in each class; the first is everything up to 0.1 ms.
    classes: Vec<u32>,
}

impl Latency {
    const CLASSES: usize = 80;

    fn add(&mut self, time: Duration) {
        let octaves = (time.as_secs_f64() / 1e-4).max(1.0).log2();
        let class = ((octaves * 4.0).ceil() as usize).min(Self::CLASSES - 1);
        if self.classes.len() <= class {
            self.classes.resize(class + 1, 0);
        }
        self.classes[class] += 1;
        self.count += 1;
        self.sum += time;
    }

    fn merge(&mut self, other: &Latency) {
        if self.classes.len() < other.classes.len() {
            self.classes.resize(other.classes.len(), 0);
        }
        for (mine, others) in self.classes.iter_mut().zip(&other.classes) {
            *mine = mine.saturating_add(*others);
        }
        self.count += other.count;
        self.sum += other.sum;
    }

    /// The time that `share` (0 to 1) of the requests did not exceed, rounded up to its class. `None`: no requests.
    pub fn percentile(&self, share: f64) -> Option<Duration> {
        let wanted = (self.count as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return Some(Duration::from_secs_f64(1e-4 * (class as f64 / 4.0).exp2()));
            }
        }
        None
    }
}

/// Counts since a start, and for each of the last seconds.
pub(crate) struct Meter {
    start: Instant,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    total: Counts,
    /// Seconds in which something happened, the latest last.
    seconds: VecDeque<(u64, Counts)>,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Meter { start: Instant::now(), inner: Mutex::default() }
    }

    pub(crate) fn record(&self, outcome: Outcome) {
        self.record_at(self.start.elapsed().as_secs(), outcome);
    }

    fn record_at(&self, second: u64, outcome: Outcome) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.total.add(outcome);
        // Two threads may come in the other order at the turn of a second: the later second takes both.
        if inner.seconds.back().is_none_or(|(last, _)| *last < second) {
            while inner.seconds.front().is_some_and(|(first, _)| first + KEPT_SECONDS <= second) {
                inner.seconds.pop_front();
            }
            inner.seconds.push_back((second, Counts::default()));
        }
        if let Some((_, counts)) = inner.seconds.back_mut() {
            counts.add(outcome);
        }
    }

    pub(crate) fn total(&self) -> Counts {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).total.clone()
    }

    pub(crate) fn window(&self, window: Duration) -> Counts {
        self.window_at(self.start.elapsed().as_secs(), window)
    }

    /// The second under way and those before it that the window touches.
    fn window_at(&self, second: u64, window: Duration) -> Counts {
        let seconds = window.as_secs() + u64::from(window.subsec_nanos() > 0);
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Counts::default();
        for (_, each) in inner.seconds.iter().rev().take_while(|(at, _)| at + seconds > second) {
            counts.merge(each);
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_seconds_only() {
        let meter = Meter::new();
        for (second, status) in [(0, 200), (0, 500), (5, 200), (9, 404), (10, 302)] {
            meter.record_at(second, Outcome::Target(status, Duration::from_millis(3)));
        }
        meter.record_at(10, Outcome::ConnectionError);
        for (now, window, requests, failed) in
            [(10, 1, 2, 1), (10, 2, 3, 1), (10, 6, 4, 1), (10, 60, 6, 2), (20, 5, 0, 0)]
        {
            let counts = meter.window_at(now, Duration::from_secs(window));
            assert_eq!((counts.requests, counts.failed()), (requests, failed), "{window} s at {now}");
        }
        assert_eq!(meter.total().requests, 6);
    }

    #[test]
    fn seconds_are_forgotten_after_ten_minutes_but_totals_stay() {
        let meter = Meter::new();
        for second in 0..2_000 {
            meter.record_at(second, Outcome::Own(302));
        }
        assert_eq!(meter.window_at(1_999, Duration::from_secs(10_000)).requests, KEPT_SECONDS);
        assert_eq!(meter.total().own_answers, 2_000);
    }

    #[test]
    fn percentiles_are_within_a_class() {
        let mut latency = Latency::default();
        assert_eq!(latency.percentile(0.5), None);
        for milliseconds in 1..=100 {
            latency.add(Duration::from_millis(milliseconds));
        }
        for (share, exact) in [(0.01, 1.0), (0.5, 50.0), (0.99, 99.0), (1.0, 100.0)] {
            let found = latency.percentile(share).unwrap().as_secs_f64() * 1e3;
            assert!(found >= exact * 0.999 && found <= exact * 1.2, "{share}: {found}");
        }
        latency.add(Duration::from_secs(100_000));
        assert!(latency.percentile(1.0).unwrap() > Duration::from_secs(60));
    }

    #[test]
    fn an_answer_cut_off_is_a_failure_but_not_another_request() {
        let mut counts = Counts::default();
        counts.add(Outcome::Target(200, Duration::ZERO));
        counts.add(Outcome::Broken);
        assert_eq!((counts.requests, counts.failed(), counts.balancer_5xx), (1, 1, 0));
        counts.add(Outcome::Own(503));
        assert_eq!((counts.requests, counts.failed(), counts.balancer_5xx), (2, 1, 1));
    }
}
