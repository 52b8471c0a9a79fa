//! Whether a colour that has traffic may keep it.

use infra_provider::fleet::{Evidence, Standing};

use crate::spec::RevertWhen;

/// What is seen of a colour that has traffic.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sight {
    /// Its tasks and targets; `None` where that could not be found out.
    pub standing: Option<Standing>,
    /// Its requests in the window; `None` where that could not be found out.
    pub evidence: Option<Evidence>,
    /// Alarms that fire.
    pub alarms: Vec<String>,
    /// Own requests to the live address in the window, and how many of them failed.
    pub probes: u64,
    /// See above.
    pub probes_failed: u64,
    /// What one of them came to.
    pub probe_example: Option<String>,
}

/// Why the traffic goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub String);

/// Fewer failed probes than this may be the network between infra and the balancer.
const FAILED_PROBES: u64 = 3;

/// The reason to send the traffic back, if there is one. Nothing seen is no reason, and no health either: the caller
/// does not end a watch without evidence that could be looked at.
pub fn judge(when: &RevertWhen, colour: &str, sight: &Sight) -> Option<Reason> {
    if let Some(Standing { healthy, unhealthy, failed, .. }) = &sight.standing {
        if let Some(why) = failed {
            return Some(Reason(format!("{colour} cannot keep its tasks: {why}")));
        }
        if *unhealthy > 0 {
            let all = healthy + unhealthy;
            return Some(Reason(format!("{unhealthy} of {all} targets of {colour} unhealthy")));
        }
        // Targets that leave while others come are no reason, unless nobody is left to answer.
        if *healthy == 0 {
            return Some(Reason(format!("{colour} has no healthy target")));
        }
    }
    if let Some(alarm) = sight.alarms.first() {
        return Some(Reason(format!("an alarm fires: {alarm}")));
    }
    let window = when.window.as_secs();
    let limit = when.error_rate_percent;
    if let Some(evidence) = &sight.evidence {
        let Evidence { requests, failed, balancer_requests, balancer_failed, example, .. } = evidence;
        let example = example.as_ref().map(|e| format!("; for instance {e}")).unwrap_or_default();
        if let Some(percent) = above(*failed, *requests, when) {
            return Some(Reason(format!(
                "{percent:.1} % of {colour}'s requests failed in the last {window} s (limit {limit} %): {failed} of \
                 {requests}{example}"
            )));
        }
        if let Some(percent) = above(*balancer_failed, *balancer_requests, when) {
            return Some(Reason(format!(
                "the balancer itself answered {percent:.1} % of all requests with 5xx in the last {window} s (limit {limit} \
                 %): {balancer_failed} of {balancer_requests}"
            )));
        }
    }
    let share = percent(sight.probes_failed, sight.probes);
    if sight.probes_failed >= FAILED_PROBES && share > limit {
        let example = sight.probe_example.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
        return Some(Reason(format!("{} of {} probes failed{example}", sight.probes_failed, sight.probes)));
    }
    None
}

/// Whether the balancer itself fails, whatever the colour.
pub(crate) fn balancer_fails(when: &RevertWhen, evidence: &Evidence) -> bool {
    above(evidence.balancer_failed, evidence.balancer_requests, when).is_some()
}

/// The share in percent, if it is above the limit and of enough requests to mean something.
fn above(failed: u64, requests: u64, when: &RevertWhen) -> Option<f64> {
    let share = percent(failed, requests);
    (requests >= when.min_requests.max(1) && share > when.error_rate_percent).then_some(share)
}

#[expect(clippy::cast_precision_loss, reason = "a share for people; counts are far below 2^52")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn when() -> RevertWhen {
        let window = Duration::from_secs(60);
        RevertWhen { error_rate_percent: 1.0, window, min_requests: 20, alarms: Vec::new(), probe: None }
    }

    fn requests(requests: u64, failed: u64) -> Sight {
        Sight { evidence: Some(Evidence { requests, failed, ..Evidence::default() }), ..Sight::default() }
    }

    fn reason(sight: &Sight) -> String {
        judge(&when(), "green", sight).map(|r| r.0).unwrap_or_default()
    }

    #[test]
    fn more_failures_than_the_limit_are_a_reason_and_just_as_many_are_not() {
        assert_eq!(reason(&requests(1000, 10)), "");
        assert_eq!(
            reason(&requests(1000, 11)),
            "1.1 % of green's requests failed in the last 60 s (limit 1 %): 11 of 1000"
        );
    }

    #[test]
    fn a_few_requests_prove_nothing() {
        assert_eq!(reason(&requests(19, 19)), "");
        assert_eq!(reason(&requests(0, 0)), "");
    }

    #[test]
    fn unhealthy_targets_alarms_balancer_errors_and_failing_probes_are_reasons() {
        let standing = |healthy, unhealthy, draining| {
            let standing = Standing { healthy, unhealthy, draining, ..Standing::default() };
            reason(&Sight { standing: Some(standing), ..Sight::default() })
        };
        assert_eq!(standing(3, 1, 0), "1 of 4 targets of green unhealthy");
        assert_eq!(standing(3, 0, 1), "", "it is merely replaced");
        assert_eq!(standing(0, 0, 4), "green has no healthy target");
        let alarms = vec!["api-5xx (threshold crossed)".to_string()];
        assert_eq!(reason(&Sight { alarms, ..Sight::default() }), "an alarm fires: api-5xx (threshold crossed)");
        let evidence = Evidence { balancer_requests: 100, balancer_failed: 5, ..Evidence::default() };
        let sight = Sight { evidence: Some(evidence), ..Sight::default() };
        assert!(reason(&sight).starts_with("the balancer itself answered 5.0 %"));
        let probing = |probes_failed| Sight { probes: 12, probes_failed, ..Sight::default() };
        assert_eq!(reason(&probing(2)), "");
        assert_eq!(reason(&probing(3)), "3 of 12 probes failed");
    }
}
