//! Releases: a new version goes to the idle colour, is proven there, takes the traffic, and is watched; the colour that
//! was live stands by, and takes the traffic back in one call.
//!
//! The sequence knows no cloud: it is driven by a [`infra_provider::fleet::Fleet`], a [`Clock`] and a [`Journal`], and its
//! [`Record`] is written before each step, so that a run that was killed goes on or goes back.

mod around;
mod drive;
mod end;
mod judge;
mod plan;
mod prove;
mod record;
mod shift;
mod spec;
mod version;

pub use around::{Clock, Event, Journal, Outcome, Prober, Stop, Surroundings, SystemClock};
pub use drive::advance;
pub use end::revert;
pub use judge::{Reason, Sight, judge};
pub use plan::{Step, span, steps};
pub use record::{Entry, Faults, Phase, Record, Reverted, Stamp, WayBack};
pub use spec::{BeforeShift, Check, CheckKind, Release, RevertWhen, Shift, Strategy, duration};
pub use version::short;
