//! `aws_cloudwatch_metric_alarm`: its rules beyond the schema.

use infra_provider::plan::{Diff, TypeRules};
use infra_provider::{Part, Problem};
use infra_value::Value;

use crate::validate::{Check, arn_error};

/// The rules of `aws_cloudwatch_metric_alarm`.
pub struct Rules;

const OPERATORS: [&str; 7] = [
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];
/// A percentile or a trimmed statistic: `p99.9`, `TM(10%:90%)`, `IQM`.
const STATISTIC: &str = r"^(((p|tm|wm|tc|ts)((\d{1,2}(\.\d{1,2})?)|100(\.0{1,2})?))|IQM|(TM|WM|PR|TC|TS)\((\d+(\.\d+)?%?)?:(\d+(\.\d+)?%?)?\))$";
const PLAIN_STATISTICS: [&str; 5] = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
const INSTEAD_OF_QUERIES: [&str; 6] =
    ["dimensions", "extended_statistic", "metric_name", "namespace", "period", "statistic"];

impl TypeRules for Rules {
    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.length("alarm_name", 1..=255);
        check.length("alarm_description", 0..=1024);
        check.one_of("comparison_operator", &OPERATORS);
        check.at_least("evaluation_periods", 1);
        check.at_least("datapoints_to_alarm", 1);
        check.one_of("statistic", &PLAIN_STATISTICS);
        check.matches_or("extended_statistic", STATISTIC, statistic_error);
        check.length("metric_name", 1..=255);
        check.length("namespace", 1..=255);
        check.matches_or("namespace", "[^:]", |key, text| format!("{key:?} cannot be of colons only: {text:?}"));
        check.one_of_ignoring_case("treat_missing_data", &["breaching", "ignore", "missing", "notBreaching"]);
        check.one_of_ignoring_case("evaluate_low_sample_count_percentiles", &["evaluate", "ignore"]);
        check.one_of("unit", &UNITS);
        check.length("threshold_metric_id", 1..=255);
        period(&mut check, &[10, 20, 30]);
        for name in ["alarm_actions", "insufficient_data_actions", "ok_actions"] {
            check.text(name, action_error);
        }
        for name in ["insufficient_data_actions", "ok_actions"] {
            let count = check.known(name).and_then(Value::elements).map_or(0, <[Value]>::len);
            if count > 5 {
                let detail = format!("Attribute {name} supports 5 item maximum, but config has {count} declared.");
                check.problem(name, Problem::error("Too many list items", detail));
            }
        }
        check.each("metric_query", query);
        for name in INSTEAD_OF_QUERIES {
            check.conflicts(name, &["metric_query"]);
        }
        check.conflicts("metric_query", &["metric_name"]);
        check.conflict_with_each_other(&["extended_statistic", "statistic"]);
        check.conflict_with_each_other(&["threshold", "threshold_metric_id"]);
    }

    fn customise(&self, diff: &mut Diff<'_>) -> Result<(), Vec<Problem>> {
        let will = diff.will();
        let statistics = ["statistic", "extended_statistic"];
        // What is not known yet does not count as given.
        let given = statistics.iter().filter(|name| !will.str(name).is_empty()).count();
        if given != 1 && !will.str("metric_name").is_empty() {
            let summary = "One of `statistic` or `extended_statistic` must be set for a cloudwatch metric alarm";
            return Err(vec![Problem::error(summary, "")]);
        }
        let queries = will.parts("metric_query");
        // Inside of a set even what is not known yet is something.
        let expressed = |q: &Part<'_>| !q.raw("expression").is_known() || !q.str("expression").is_empty();
        if queries.iter().any(|q| expressed(q) && q.part("metric").is_some()) {
            let summary = "No metric_query may have both `expression` and a `metric` specified";
            return Err(vec![Problem::error(summary, "")]);
        }
        Ok(())
    }
}

fn query(check: &mut Check<'_>) {
    check.length("id", 1..=255);
    check.length("account_id", 1..=255);
    check.length("expression", 1..=1024);
    period(check, &[1, 5, 10, 20, 30]);
    check.each("metric", |check| {
        period(check, &[1, 5, 10, 20, 30]);
        check.length("metric_name", 1..=255);
        check.length("namespace", 1..=255);
        check.one_of("unit", &UNITS);
        let plain = check.known("stat").and_then(Value::as_str).is_some_and(|s| PLAIN_STATISTICS.contains(&s));
        if !plain {
            check.matches_or("stat", STATISTIC, |key, text| {
                let plain = PLAIN_STATISTICS.join(", ");
                format!("{} and is not one of {plain} either", statistic_error(key, text))
            });
        }
    });
}

/// One of a few short periods, or whole minutes.
fn period(check: &mut Check<'_>, short: &[i64]) {
    check.int("period", |key, n| {
        let listed: Vec<String> = short.iter().map(i64::to_string).collect();
        (!short.contains(&n) && n % 60 != 0)
            .then(|| format!("expected {key} to be one of [{}] or a multiple of 60, got {n}", listed.join(" ")))
    });
}

fn statistic_error(key: &str, text: &str) -> String {
    format!("invalid value for {key}: {text:?} is neither a percentile (p99.9) nor a trimmed statistic (TM(10%:90%))")
}

/// What is wrong with the text of an action: it is an ARN, or one of EC2's own actions.
fn action_error(key: &str, text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split(':').collect();
    let automated = matches!(parts[..], ["arn", _, "automate", _, "ec2", "reboot" | "recover" | "stop" | "terminate"]);
    if automated { None } else { arn_error(key, text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(config: &[(&str, Value)]) -> Vec<String> {
        let config = Value::object(config.iter().map(|(name, value)| (*name, value.clone())));
        let mut problems = Vec::new();
        Rules.validate(&config, &mut problems);
        problems.into_iter().map(|p| p.summary).collect()
    }

    #[test]
    fn statistics_periods_and_actions_have_their_forms() {
        let wrong = |name: &str, value: Value| !said(&[(name, value)]).is_empty();
        for (name, text, is_wrong) in [
            ("extended_statistic", "p99", false),
            ("extended_statistic", "p99.99", false),
            ("extended_statistic", "tm100", false),
            ("extended_statistic", "IQM", false),
            ("extended_statistic", "TM(10%:90%)", false),
            ("extended_statistic", "PR(:300)", false),
            ("extended_statistic", "p101", true),
            ("extended_statistic", "Average", true),
            ("alarm_actions", "arn:aws:automate:eu-west-1:ec2:stop", false),
            ("alarm_actions", "arn:aws:automate:eu-west-1:ec2:dance", true),
            ("alarm_actions", "arn:aws:sns:eu-west-1:123456789012:alarms", false),
            ("alarm_actions", "alarms", true),
            ("treat_missing_data", "NOTBREACHING", false),
            ("unit", "percent", true),
        ] {
            assert_eq!(wrong(name, Value::string(text)), is_wrong, "{name} {text}");
        }
        for (seconds, is_wrong) in [(10, false), (120, false), (0, false), (5, true), (90, true)] {
            assert_eq!(wrong("period", Value::from(seconds)), is_wrong, "{seconds}");
        }
    }
}
