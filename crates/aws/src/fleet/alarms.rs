//! Alarms that send a release back.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::{AlarmType, StateValue};
use infra_provider::Failure;

use super::AwsFleet;
use crate::error::Doing;

const NAMES_PER_CALL: usize = 100;

/// An alarm's state, and the reason for it if it fires.
type States = BTreeMap<String, Option<String>>;

impl AwsFleet {
    /// Those that fire, and those that there are none of: an alarm that nobody has protects nothing.
    pub(super) async fn firing(&self) -> Result<Vec<String>, Failure> {
        let names: Vec<String> = self.alarms.iter().map(|alarm| name_of(alarm).to_string()).collect();
        let mut states = States::new();
        for names in names.chunks(NAMES_PER_CALL) {
            self.look(names, &mut states).await?;
        }
        Ok(names.iter().filter_map(|name| trouble(name, &states)).collect())
    }

    async fn look(&self, names: &[String], states: &mut States) -> Result<(), Failure> {
        let mut token = None;
        loop {
            let request = self.cloudwatch.describe_alarms().set_alarm_names(Some(names.to_vec()));
            // Without the types the API leaves composite alarms out.
            let request = request.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
            let answer = request.set_next_token(token).send().await.doing("reading the alarms of the release")?;
            let metric = answer.metric_alarms().iter().map(|a| (a.alarm_name(), a.state_value(), a.state_reason()));
            let composite =
                answer.composite_alarms().iter().map(|a| (a.alarm_name(), a.state_value(), a.state_reason()));
            for (name, state, reason) in metric.chain(composite) {
                let fires = state == Some(&StateValue::Alarm);
                let reason = fires.then(|| reason.unwrap_or("no reason given").to_string());
                states.insert(name.unwrap_or_default().to_string(), reason);
            }
            token = answer.next_token;
            if token.is_none() {
                return Ok(());
            }
        }
    }
}

fn trouble(name: &str, states: &States) -> Option<String> {
    match states.get(name) {
        Some(Some(reason)) => Some(format!("{name} ({})", reason.trim_end_matches('.'))),
        Some(None) => None,
        None => Some(format!("{name} (there is no such alarm)")),
    }
}

/// The name in an alarm's ARN, or the name that is given. Names may have colons.
fn name_of(alarm: &str) -> &str {
    match alarm.splitn(7, ':').collect::<Vec<_>>()[..] {
        ["arn", _, "cloudwatch", _, _, "alarm", name] => name,
        _ => alarm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_given_by_name_or_arn() {
        for (given, wanted) in [
            ("api-5xx", "api-5xx"),
            ("team:api", "team:api"),
            ("arn:aws:cloudwatch:eu-west-1:1:alarm:api-5xx", "api-5xx"),
            ("arn:aws:cloudwatch:eu-west-1:1:alarm:team:api", "team:api"),
        ] {
            assert_eq!(name_of(given), wanted);
        }
    }

    #[test]
    fn an_alarm_that_fires_and_one_that_is_not_there_are_trouble() {
        let states = States::from([("fires".into(), Some("threshold crossed.".into())), ("quiet".into(), None)]);
        assert_eq!(trouble("fires", &states).as_deref(), Some("fires (threshold crossed)"));
        assert_eq!(trouble("quiet", &states), None);
        assert_eq!(trouble("gone", &states).as_deref(), Some("gone (there is no such alarm)"));
    }
}
