//! The steps of a plan about a release that an earlier run has left.

use std::time::Duration;

use infra_release::{Phase, Record, Step, short};

fn step(name: &str, text: String) -> Step {
    Step { name: name.into(), text, estimate: Duration::ZERO }
}

/// What is done about it before another version is released.
pub(super) fn first(record: &Record) -> Vec<Step> {
    let Record { from, to, .. } = record;
    let (old, new) = (short(&record.old), short(&record.new));
    let text = match record.phase {
        Phase::Finished | Phase::Reverted => return Vec::new(),
        _ if !record.has_begun() => return Vec::new(),
        Phase::Watch | Phase::Drain | Phase::Stop => {
            format!("the standby of {from} ({old}) ends now, and it is stopped")
        }
        Phase::CleanUp => format!("{to} ({new}), which was taken back, is stopped"),
        _ => format!("the release of {new} on {to}, which is under way, is taken back"),
    };
    vec![step("first", text)]
}

/// The steps that are left of it.
pub(super) fn rest(steps: Vec<Step>, phase: &Phase) -> Vec<Step> {
    let from = match phase {
        Phase::Prepare | Phase::BeforeShift => "before",
        Phase::Start => "start",
        // What was proven before is proven again, unless users have it already.
        Phase::Healthy | Phase::Check | Phase::Shift(0) => "healthy",
        Phase::Shift(_) => "shift",
        Phase::Watch => "watch",
        _ => "stop",
    };
    let order = ["before", "start", "healthy", "check", "shift", "watch", "stop"];
    let place = |name: &str| order.iter().position(|known| *known == name);
    let shifted = if let Phase::Shift(done) = phase { *done } else { 0 };
    let (mut left, mut shifts) = (Vec::new(), 0);
    for step in steps.into_iter().filter(|step| place(&step.name) >= place(from)) {
        if step.name == "shift" {
            shifts += 1;
            if shifts <= shifted {
                continue;
            }
        }
        left.push(step);
    }
    left
}

/// What brings it to its end with the old version live.
pub(super) fn end(record: &Record) -> Vec<Step> {
    let Record { from, to, .. } = record;
    if from == to {
        return vec![step("start", format!("{} in place again", short(&record.old)))];
    }
    let mut steps = Vec::new();
    if record.phase == Phase::GoBack || (record.phase != Phase::CleanUp && record.reached.is_some()) {
        steps.push(step("shift", format!("all traffic to {from}")));
    }
    steps.push(step("stop", to.clone()));
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(steps: &[Step]) -> Vec<&str> {
        steps.iter().map(|step| step.name.as_str()).collect()
    }

    #[test]
    fn what_is_done_is_not_listed_again() {
        let all = ["before", "start", "healthy", "check", "shift", "shift", "shift", "watch", "stop"];
        let left = |phase: Phase| {
            let steps = all.iter().map(|name| step(name, String::new())).collect();
            names(&rest(steps, &phase)).join(" ")
        };
        assert_eq!(left(Phase::BeforeShift), all.join(" "));
        assert_eq!(left(Phase::Start), "start healthy check shift shift shift watch stop");
        assert_eq!(left(Phase::Check), "healthy check shift shift shift watch stop");
        assert_eq!(left(Phase::Shift(0)), "healthy check shift shift shift watch stop");
        assert_eq!(left(Phase::Shift(2)), "shift watch stop");
        assert_eq!(left(Phase::Watch), "watch stop");
        assert_eq!(left(Phase::Drain), "stop");
    }
}
