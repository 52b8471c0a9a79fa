//! What requests have come to: the metrics that an Application Load Balancer gives to CloudWatch.
//!
//! Points are minutes. The newest ones still grow, so that what is said is about full minutes that ended some time ago.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, ScanBy};
use aws_smithy_types::DateTime;
use infra_provider::Failure;
use infra_provider::fleet::Evidence;

use super::AwsFleet;
use crate::error::Doing;

const MINUTE: u64 = 60;
/// A minute's points are whole so long after its end.
const WHOLE_AFTER: u64 = 2 * MINUTE;

/// Metrics of a target group: id of the query, name, statistic.
const OF_GROUP: &[(&str, &str, &str)] = &[
    ("requests", "RequestCount", "Sum"),
    ("answered", "HTTPCode_Target_5XX_Count", "Sum"),
    ("refused", "TargetConnectionErrorCount", "Sum"),
    ("untrusted", "TargetTLSNegotiationErrorCount", "Sum"),
    ("median", "TargetResponseTime", "p50"),
];
/// Metrics of the balancer as a whole: targets that answer nothing in time, or break off, show only here.
const OF_BALANCER: &[(&str, &str, &str)] =
    &[("all", "RequestCount", "Sum"), ("balancer", "HTTPCode_ELB_5XX_Count", "Sum")];

/// Points by query: seconds since 1970, and the value.
type Points = BTreeMap<String, Vec<(u64, f64)>>;

/// Full minutes, in seconds since 1970; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: u64,
    end: u64,
    /// From here on the balancer's own numbers count: before, the colour had no users.
    balancer: u64,
}

impl AwsFleet {
    pub(super) async fn evidence_of(&self, colour: &str, window: Duration) -> Result<Evidence, Failure> {
        let since = self.seen().since.get(colour).copied();
        let span = span(SystemTime::now(), window, since);
        let until = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(span.end));
        let groups = self.groups_of(colour);
        let balancer = self.balancer_of(&groups).await?;
        let (Some(balancer), false) = (balancer.as_deref().and_then(dimension), span.start >= span.end) else {
            return Ok(Evidence { until, ..Evidence::default() });
        };
        let mut queries = Vec::new();
        for (n, group) in groups.iter().enumerate() {
            let Some(group) = dimension(group) else { continue };
            let dimensions = [("LoadBalancer", balancer), ("TargetGroup", group)];
            queries.extend(OF_GROUP.iter().map(|(id, name, stat)| query(&format!("{id}{n}"), name, stat, &dimensions)));
        }
        let dimensions = [("LoadBalancer", balancer)];
        queries.extend(OF_BALANCER.iter().map(|(id, name, stat)| query(&format!("{id}0"), name, stat, &dimensions)));
        let points = self.points(queries, span).await?;
        Ok(Evidence { until, ..evidence(&points, span) })
    }

    /// The balancer of the release's listener; without one, that of the groups.
    async fn balancer_of(&self, groups: &[String]) -> Result<Option<String>, Failure> {
        if let Some(door) = &self.live {
            return Ok(Some(door.balancer.clone()));
        }
        let Some(group) = groups.first() else { return Ok(None) };
        let find = || async {
            let request = self.elb.describe_target_groups().target_group_arns(group);
            let answer = request.send().await.doing(format!("finding the load balancer of {group}"))?;
            let group = answer.target_groups.unwrap_or_default().into_iter().next();
            Ok::<_, Failure>(group.and_then(|group| group.load_balancer_arns().first().cloned()))
        };
        self.balancer.get_or_try_init(find).await.cloned()
    }

    async fn points(&self, queries: Vec<MetricDataQuery>, span: Span) -> Result<Points, Failure> {
        let time = |seconds: u64| DateTime::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        let mut points = Points::new();
        let mut token = None;
        loop {
            let request = self
                .cloudwatch
                .get_metric_data()
                .set_metric_data_queries(Some(queries.clone()))
                .start_time(time(span.start))
                .end_time(time(span.end))
                .scan_by(ScanBy::TimestampDescending)
                .set_next_token(token);
            let answer = request.send().await.doing("reading the metrics of the release")?;
            // A page may hold a part of a query's points only (PartialData); the next one has the others.
            for result in answer.metric_data_results() {
                let of = points.entry(result.id().unwrap_or_default().to_string()).or_default();
                let seconds = result.timestamps().iter().map(|time| u64::try_from(time.secs()).unwrap_or_default());
                of.extend(seconds.zip(result.values().iter().copied()));
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(points);
            }
        }
    }
}

/// The latest full minutes that are whole, as many as the window has, and none before the colour had users.
fn span(now: SystemTime, window: Duration, since: Option<SystemTime>) -> Span {
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let end = seconds(now).saturating_sub(WHOLE_AFTER) / MINUTE * MINUTE;
    let length = window.as_secs().div_ceil(MINUTE).max(1) * MINUTE;
    let since = since.map(seconds).unwrap_or_default();
    let start = end.saturating_sub(length).max(since / MINUTE * MINUTE);
    Span { start: start.min(end), end, balancer: since.div_ceil(MINUTE) * MINUTE }
}

fn query(id: &str, name: &str, stat: &str, dimensions: &[(&str, &str)]) -> MetricDataQuery {
    let dimension = |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
    let metric = Metric::builder()
        .namespace("AWS/ApplicationELB")
        .metric_name(name)
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .build();
    let stat = MetricStat::builder().metric(metric).period(60).stat(stat).build();
    MetricDataQuery::builder().id(id).metric_stat(stat).return_data(true).build()
}

/// What a balancer or a group is called in a dimension: the end of its ARN. `None` for one that has no requests: of a
/// Network Load Balancer.
fn dimension(arn: &str) -> Option<&str> {
    let resource = arn.rsplit(':').next()?;
    match resource.strip_prefix("loadbalancer/") {
        Some(balancer) => balancer.starts_with("app/").then_some(balancer),
        None => Some(resource).filter(|group| group.starts_with("targetgroup/")),
    }
}

/// What the points say. What is absent is 0: a minute without failures has no point of them.
fn evidence(points: &Points, span: Span) -> Evidence {
    // The ids of queries end in the number of the group.
    let is_of = |key: &str, id: &str| key.trim_end_matches(|c: char| c.is_ascii_digit()) == id;
    let of = |id: &str| -> Vec<(u64, f64)> {
        points.iter().filter(|(key, _)| is_of(key, id)).flat_map(|(_, points)| points.clone()).collect()
    };
    let sum =
        |id: &str, from: u64| whole(of(id).into_iter().filter(|(at, _)| *at >= from).map(|(_, value)| value).sum());
    let failed = ["answered", "refused", "untrusted"].map(|id| sum(id, span.start));
    let medians: Vec<f64> = of("median").into_iter().map(|(_, value)| value).collect();
    let balancer_failed = sum("balancer", span.balancer);
    Evidence {
        requests: sum("requests", span.start),
        failed: failed.into_iter().sum(),
        balancer_failed,
        // Requests that found no target are among the failures, and not among these.
        balancer_requests: sum("all", span.balancer).max(balancer_failed),
        p50_seconds: mean(&medians),
        ..Evidence::default()
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few points at most")]
fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, kept as a double by the API")]
fn whole(count: f64) -> u64 {
    count.round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_window_is_of_full_minutes_that_are_whole_and_had_users() {
        for (now, window, since, wanted) in [
            (1000, 60, None, (780, 840)),
            (1000, 90, None, (720, 840)),
            (1000, 1, None, (780, 840)),
            (1000, 300, Some(650), (600, 840)),
            // Not even one minute since the shift.
            (1000, 60, Some(990), (840, 840)),
        ] {
            let span = span(at(now), Duration::from_secs(window), since.map(at));
            assert_eq!((span.start, span.end), wanted, "{now} {window} {since:?}");
        }
        assert_eq!(span(at(1000), Duration::from_secs(300), Some(at(650))).balancer, 660);
    }

    #[test]
    fn what_is_absent_is_none_and_what_users_did_not_cause_does_not_count() {
        let points = |list: &[(&str, &[(u64, f64)])]| -> Points {
            list.iter().map(|(id, points)| (id.to_string(), points.to_vec())).collect()
        };
        let span = Span { start: 600, end: 840, balancer: 660 };
        assert_eq!(evidence(&Points::new(), span), Evidence::default());
        let seen = evidence(
            &points(&[
                ("requests0", &[(720, 100.0), (600, 50.0)]),
                ("answered0", &[(720, 3.0)]),
                ("refused0", &[(600, 2.0)]),
                ("median0", &[(600, 0.1), (720, 0.3)]),
                ("all0", &[(600, 1000.0), (720, 400.0)]),
                ("balancer0", &[(600, 900.0), (720, 4.0)]),
            ]),
            span,
        );
        assert_eq!((seen.requests, seen.failed), (150, 5));
        assert_eq!((seen.balancer_requests, seen.balancer_failed), (400, 4));
        assert_eq!(seen.p50_seconds, Some(0.2));
    }

    #[test]
    fn dimensions_are_the_ends_of_arns() {
        let arn = |end: &str| format!("arn:aws:elasticloadbalancing:eu-west-1:1:{end}");
        for (end, wanted) in [
            ("loadbalancer/app/web/50dc", Some("app/web/50dc")),
            ("loadbalancer/net/web/50dc", None),
            ("targetgroup/blue/73e2", Some("targetgroup/blue/73e2")),
        ] {
            assert_eq!(dimension(&arn(end)), wanted);
        }
    }
}
