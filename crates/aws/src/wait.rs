//! Waiting for the cloud: polls until an object has a state, and calls that are tried again.

use std::future::Future;
use std::time::Duration;

use infra_provider::Failure;
use tokio::time::{Instant, sleep};

/// How long a new object may take to be seen everywhere.
pub(crate) const PROPAGATION: Duration = Duration::from_secs(5 * 60);
/// How long an object that was there before may be missing after a change: whoever deletes it at the same time should not
/// make others wait for minutes.
pub(crate) const CHANGED: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What one poll saw.
pub(crate) enum Seen<T> {
    /// What was waited for.
    Target(T),
    /// Not yet; the state, for the message when the time is over.
    Pending(String),
    /// No such object.
    Missing,
    /// It will never come; why.
    Failed(String),
}

impl<T> Seen<T> {
    /// From a state: a target, pending (any state if `pending` is empty), or a failure.
    pub(crate) fn by_state(value: T, state: &str, pending: &[&str], target: &[&str]) -> Seen<T> {
        if target.contains(&state) {
            Seen::Target(value)
        } else if pending.is_empty() || pending.contains(&state) {
            Seen::Pending(state.to_string())
        } else {
            Seen::Failed(format!("unexpected state '{state}', wanted target '{}'", target.join(", ")))
        }
    }

    /// The same with a reason added to a failure, if there is one.
    pub(crate) fn because(self, reason: Option<&str>) -> Seen<T> {
        match (self, reason) {
            (Seen::Failed(text), Some(reason)) if !reason.is_empty() => Seen::Failed(format!("{text}: {reason}")),
            (seen, _) => seen,
        }
    }
}

/// A wait: polls at once, then after pauses that grow.
pub(crate) struct Wait {
    doing: String,
    timeout: Duration,
    not_found: u32,
    in_a_row: u32,
    first: Duration,
    longest: Duration,
}

impl Wait {
    /// `doing` is said when it fails: `waiting for EC2 VPC (vpc-1) create`.
    pub(crate) fn new(doing: impl Into<String>, timeout: Duration) -> Wait {
        let (first, longest) = (FIRST_PAUSE, LONGEST_PAUSE);
        Wait { doing: doing.into(), timeout, not_found: 20, in_a_row: 1, first, longest }
    }
    /// How many times in a row the object may be missing.
    #[must_use]
    pub(crate) fn tolerate(self, not_found: u32) -> Wait {
        Wait { not_found, ..self }
    }
    /// How many times in succession the target has to be seen.
    #[must_use]
    pub(crate) fn in_a_row(self, in_a_row: u32) -> Wait {
        Wait { in_a_row, ..self }
    }
    /// The pause after the first poll.
    #[must_use]
    pub(crate) fn again_after(self, first: Duration) -> Wait {
        Wait { first, ..self }
    }
    /// The longest pause between polls.
    #[must_use]
    pub(crate) fn at_most_every(self, longest: Duration) -> Wait {
        Wait { longest, ..self }
    }

    /// Polls until the target is seen.
    pub(crate) async fn until<T, F, Fut>(self, mut poll: F) -> Result<T, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Seen<T>, Failure>>,
    {
        let start = Instant::now();
        let mut pause = self.first;
        let (mut missing, mut seen) = (0, 0);
        loop {
            let state = match poll().await? {
                Seen::Target(value) => {
                    (missing, seen) = (0, seen + 1);
                    if seen >= self.in_a_row {
                        return Ok(value);
                    }
                    // Confirmation is wanted, not time.
                    pause = self.first;
                    "seen, to be confirmed".to_string()
                }
                Seen::Pending(state) => {
                    (missing, seen) = (0, 0);
                    state
                }
                Seen::Missing => {
                    (missing, seen) = (missing + 1, 0);
                    if missing > self.not_found {
                        return Err(Failure::new(self.doing, format!("not found in {missing} polls")));
                    }
                    "not found".to_string()
                }
                Seen::Failed(why) => return Err(Failure::new(self.doing, why)),
            };
            self.rest(start, &mut pause, &state).await?;
        }
    }

    /// Polls until the object is missing. A poll that says `Target` says that it counts as gone.
    pub(crate) async fn until_gone<T, F, Fut>(self, mut poll: F) -> Result<(), Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Seen<T>, Failure>>,
    {
        let start = Instant::now();
        let mut pause = self.first;
        let mut gone = 0;
        loop {
            let state = match poll().await? {
                Seen::Missing | Seen::Target(_) => {
                    gone += 1;
                    if gone >= self.in_a_row {
                        return Ok(());
                    }
                    pause = self.first;
                    "gone, to be confirmed".to_string()
                }
                Seen::Pending(state) => {
                    gone = 0;
                    state
                }
                Seen::Failed(why) => return Err(Failure::new(self.doing, why)),
            };
            self.rest(start, &mut pause, &state).await?;
        }
    }

    async fn rest(&self, start: Instant, pause: &mut Duration, state: &str) -> Result<(), Failure> {
        if start.elapsed() >= self.timeout {
            let message = format!("not done after {} (last state: {state})", span(self.timeout));
            return Err(Failure::new(self.doing.clone(), message));
        }
        tracing::trace!(state, pause_ms = pause.as_millis(), "waiting");
        sleep(*pause).await;
        *pause = (*pause * 2).min(self.longest);
        Ok(())
    }
}

/// Makes a call again, with growing pauses, while `when` holds for its failure and the time is not over.
pub(crate) async fn retry<T, F, Fut>(
    limit: Duration,
    when: impl Fn(&Failure) -> bool,
    mut call: F,
) -> Result<T, Failure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        match call().await {
            Err(failure) if start.elapsed() < limit && when(&failure) => {
                tracing::trace!(operation = failure.operation, code = failure.code, "will be tried again");
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            answer => return answer,
        }
    }
}

/// [`retry`] on error codes.
pub(crate) async fn retry_on<T, F, Fut>(limit: Duration, codes: &[&str], call: F) -> Result<T, Failure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    retry(limit, |failure| failure.is(codes), call).await
}

/// `20m0s` the way that people say it: `20 m`, `1 m 30 s`.
fn span(duration: Duration) -> String {
    match (duration.as_secs() / 60, duration.as_secs() % 60) {
        (0, s) => format!("{s} s"),
        (m, 0) => format!("{m} m"),
        (m, s) => format!("{m} m {s} s"),
    }
}
