//! Times as states hold them.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

/// `2026-01-02T03:04:05Z`; fractions of a second are left out.
pub(crate) fn rfc3339(time: &DateTime) -> String {
    DateTime::from_secs(time.secs()).fmt(Format::DateTime).unwrap_or_default()
}

/// How much the clocks of this machine and of the cloud may differ, in seconds.
const CLOCKS: i64 = 5 * 60;

/// Whether a time of the cloud is before one of this machine, in seconds since 1970.
pub(crate) fn is_before(time: &DateTime, began: u64) -> bool {
    time.secs() < i64::try_from(began).unwrap_or(i64::MAX) - CLOCKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_of_a_second_are_left_out() {
        assert_eq!(rfc3339(&DateTime::from_secs_f64(1_749_000_000.75)), "2025-06-04T01:20:00Z");
    }
}
