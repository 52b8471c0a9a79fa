//! How a service gets from the tasks that it has to those that it should have, by ECS's rules. Pure: the conductor does
//! what this says, and asks again when something has changed.

use std::time::Duration;

/// A task that is not stopped or being stopped, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: String,
    /// Whether it belongs to the primary deployment.
    pub(crate) primary: bool,
    /// Running, and healthy as far as anybody checks.
    pub(crate) steady: bool,
    /// Was steady at some time.
    pub(crate) was_steady: bool,
}

/// What the decision is made from.
#[derive(Clone, Debug)]
pub(crate) struct Situation {
    pub(crate) desired: u32,
    pub(crate) minimum_healthy_percent: u32,
    pub(crate) maximum_percent: u32,
    /// Whether new tasks of the primary deployment may be started: not after it was given up, nor while it backs off.
    pub(crate) may_start: bool,
    /// Oldest first.
    pub(crate) tasks: Vec<Seen>,
}

/// What to do now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moves {
    /// How many tasks of the primary deployment to start.
    pub(crate) start: u32,
    /// Which tasks to stop.
    pub(crate) stop: Vec<String>,
}

/// What to do now.
pub(crate) fn moves(situation: &Situation) -> Moves {
    let desired = situation.desired as usize;
    let lower = (desired * situation.minimum_healthy_percent as usize).div_ceil(100);
    let upper = (desired * situation.maximum_percent as usize / 100).max(lower);
    let mut stop: Vec<String> = Vec::new();

    // Too many of the new: those that serve nobody go first, and then the youngest.
    let mut new: Vec<&Seen> = situation.tasks.iter().filter(|t| t.primary).collect();
    if new.len() > desired {
        new.sort_by_key(|t| std::cmp::Reverse(t.steady));
        stop.extend(new.split_off(desired).into_iter().map(|t| t.id.clone()));
    }

    // Old tasks that never served anybody go at once; each other one only while enough are steady without it.
    let mut steady =
        new.iter().filter(|t| t.steady).count() + situation.tasks.iter().filter(|t| !t.primary && t.steady).count();
    let mut old: Vec<&Seen> = situation.tasks.iter().filter(|t| !t.primary).collect();
    old.sort_by_key(|t| t.steady);
    for task in old {
        let enough = steady - usize::from(task.steady) >= lower;
        if enough || !task.was_steady {
            steady -= usize::from(task.steady);
            stop.push(task.id.clone());
        }
    }

    let live = situation.tasks.len() - stop.len();
    let room = upper.saturating_sub(live);
    let missing = desired.saturating_sub(new.len());
    let start = if situation.may_start { missing.min(room) } else { 0 };
    Moves { start: u32::try_from(start).unwrap_or(u32::MAX), stop }
}

/// How many failed tasks make the circuit breaker give a deployment up.
pub(crate) fn threshold(desired: u32) -> u32 {
    desired.div_ceil(2).clamp(3, 200)
}

/// After this long without trouble a task's failure is the first one again.
const CALM: Duration = Duration::from_secs(60);

/// The longest pause before a failed task is replaced.
const LONGEST: Duration = Duration::from_secs(60);

/// How failures in a row slow down new starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BackOff {
    failures: u32,
}

impl BackOff {
    /// Takes a failure of a task that was steady for so long before, and says how long to wait with the next start.
    pub(crate) fn failed(&mut self, steady_for: Duration) -> Duration {
        self.failures = if steady_for >= CALM { 1 } else { self.failures.saturating_add(1) };
        let doublings = (self.failures - 1).min(6);
        Duration::from_secs(1 << doublings).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `n` new or `o` old, steady if uppercase.
    fn situation(desired: u32, percents: (u32, u32), tasks: &str) -> Situation {
        let seen = |(at, c): (usize, char)| Seen {
            id: format!("{at}{c}"),
            primary: c.eq_ignore_ascii_case(&'n'),
            steady: c.is_ascii_uppercase(),
            was_steady: c.is_ascii_uppercase(),
        };
        Situation {
            desired,
            minimum_healthy_percent: percents.0,
            maximum_percent: percents.1,
            may_start: true,
            tasks: tasks.chars().enumerate().map(seen).collect(),
        }
    }

    #[test]
    fn new_tasks_come_before_old_ones_go() {
        for (name, desired, percents, tasks, start, stop) in [
            ("first deployment", 2, (100, 200), "", 2, vec![]),
            ("nothing to do", 2, (100, 200), "NN", 0, vec![]),
            ("a missing task", 2, (100, 200), "N", 1, vec![]),
            ("update begins", 2, (100, 200), "OO", 2, vec![]),
            ("new not steady", 2, (100, 200), "OOnn", 0, vec![]),
            ("one new steady", 2, (100, 200), "OONn", 0, vec!["0O"]),
            ("all new steady", 2, (100, 200), "OONN", 0, vec!["0O", "1O"]),
            ("tight maximum", 4, (100, 125), "OOOO", 1, vec![]),
            ("tight maximum goes on", 4, (100, 125), "OOOON", 1, vec!["0O"]),
            ("old go first where allowed", 2, (50, 100), "OO", 1, vec!["0O"]),
            ("none need be healthy", 1, (0, 100), "O", 1, vec!["0O"]),
            ("old that never were steady", 1, (100, 200), "o", 1, vec!["0o"]),
            ("scale in", 1, (100, 200), "NnN", 0, vec!["2N", "1n"]),
            ("scale to nothing", 0, (100, 200), "NO", 0, vec!["0N", "1O"]),
            ("no room at all", 1, (100, 100), "O", 0, vec![]),
        ] {
            let moves = moves(&situation(desired, percents, tasks));
            assert_eq!((moves.start, moves.stop), (start, stop.into_iter().map(String::from).collect()), "{name}");
        }
    }

    #[test]
    fn nothing_starts_while_it_may_not() {
        let situation = Situation { may_start: false, ..situation(2, (100, 200), "OO") };
        assert_eq!(moves(&situation), Moves::default());
    }

    #[test]
    fn the_circuit_breaker_allows_half_of_the_desired_count() {
        for (desired, expected) in [(0, 3), (1, 3), (6, 3), (7, 4), (50, 25), (1000, 200)] {
            assert_eq!(threshold(desired), expected, "{desired}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_again_after_calm() {
        let mut back_off = BackOff::default();
        let pauses: Vec<u64> = (0..8).map(|_| back_off.failed(Duration::ZERO).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(back_off.failed(Duration::from_secs(61)).as_secs(), 1);
    }

    proptest! {
        /// Whatever the situation: never more than the maximum, never fewer steady than the minimum by our own doing.
        #[test]
        fn limits_hold(desired in 0u32..8, low in 0u32..=100, high in 100u32..=200, tasks in "[nNoO]{0,16}") {
            let situation = situation(desired, (low, high), &tasks);
            let moves = moves(&situation);
            let lower = (desired * low).div_ceil(100) as usize;
            let steady = |stopped: bool| situation.tasks.iter()
                .filter(|t| t.steady && (!stopped || !moves.stop.contains(&t.id))).count();
            prop_assert!(steady(true) >= lower.min(steady(false)));
            let live = situation.tasks.len() - moves.stop.len() + moves.start as usize;
            prop_assert!(moves.start == 0 || live <= (desired * high / 100) as usize);
        }
    }
}
