//! Releases: a new version goes to the idle colour, is proven there, takes the traffic, and is watched; the colour that
//! was live stands by, and takes the traffic back in one call.
//!
//! The sequence knows no cloud: it is driven by a [`infra_provider::fleet::Fleet`], a [`Clock`] and a [`Journal`], and its
//! [`Record`] is written before each step, so that a run that was killed goes on or goes back.

mod drive;
mod judge;
mod plan;
mod record;
mod spec;
mod version;

pub use drive::{Clock, Event, Journal, Outcome, Prober, Stop, Surroundings, SystemClock, advance, revert};
pub use judge::{Reason, Sight, judge};
pub use plan::{Step, span, steps};
pub use record::{Entry, Phase, Record, Reverted, Stamp};
pub use spec::{BeforeShift, Check, CheckKind, Release, RevertWhen, Shift, Strategy, duration};
pub use version::short;
