//! Moving the traffic: the actions of the listener, or of the rule, that carries the weights.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::Builder;
use aws_sdk_elasticloadbalancingv2::config::retry::RetryConfig;
use aws_sdk_elasticloadbalancingv2::types::Action;
use infra_provider::fleet::{Colour, ShiftFailure};
use infra_provider::{Failure, Object};
use tokio::time::{Instant, sleep};

use super::AwsFleet;
use super::weights::{self, Stickiness};
use crate::elb::action;
use crate::error::Doing;

/// How often the new weights are looked for after they were written.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// The way back is tried for so long while the API says that there are too many calls.
const GO_BACK_WITHIN: Duration = Duration::from_secs(10 * 60);
/// And after this at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
const THROTTLED: &[&str] =
    &["Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException"];

/// A group whose targets are sticky themselves may not be without the stickiness of groups.
const STICKINESS_NEEDED: &[&str] = &["InvalidLoadBalancerAction"];

/// What has actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The default actions of a listener.
    Listener(String),
    /// The actions of a rule.
    Rule(String),
}

/// The actions that carry the weights.
#[derive(Clone, Debug)]
pub(super) struct Traffic {
    place: Place,
    /// As the state has them: the way back asks nobody.
    stored: Vec<Action>,
}

impl Place {
    pub(super) fn of(ty: &str, object: &Object) -> Place {
        let arn = object.id().to_string();
        if ty == "aws_lb_listener_rule" { Place::Rule(arn) } else { Place::Listener(arn) }
    }

    fn arn(&self) -> &str {
        match self {
            Place::Listener(arn) | Place::Rule(arn) => arn,
        }
    }

    /// Its actions now, in order.
    pub(super) async fn actions(&self, elb: &Client) -> Result<Vec<Action>, Failure> {
        let doing = format!("reading the weights of {}", self.arn());
        let found = match self {
            Place::Listener(arn) => {
                let answer = elb.describe_listeners().listener_arns(arn).send().await.doing(&*doing)?;
                answer.listeners.unwrap_or_default().into_iter().next().map(|listener| listener.default_actions)
            }
            Place::Rule(arn) => {
                let answer = elb.describe_rules().rule_arns(arn).send().await.doing(&*doing)?;
                answer.rules.unwrap_or_default().into_iter().next().map(|rule| rule.actions)
            }
        };
        let mut actions = found.ok_or_else(|| Failure::new(doing, "there is none"))?.unwrap_or_default();
        actions.sort_by_key(|action| action.order().unwrap_or_default());
        Ok(actions)
    }

    /// Replaces all of its actions.
    pub(super) async fn write(&self, elb: &Client, actions: Vec<Action>) -> Result<(), Failure> {
        let doing = format!("moving the traffic of {}", self.arn());
        // The SDK's own pauses grow to 20 s: too long for somebody who waits for the traffic.
        let quick = || {
            Builder::new().retry_config(RetryConfig::standard().with_max_attempts(8).with_max_backoff(LONGEST_PAUSE))
        };
        match self {
            Place::Listener(arn) => {
                let call = elb.modify_listener().listener_arn(arn).set_default_actions(Some(actions));
                call.customize().config_override(quick()).send().await.doing(doing).map(|_| ())
            }
            Place::Rule(arn) => {
                let call = elb.modify_rule().rule_arn(arn).set_actions(Some(actions));
                call.customize().config_override(quick()).send().await.doing(doing).map(|_| ())
            }
        }
    }
}

impl Traffic {
    pub(super) fn of(ty: &str, object: &Object) -> Traffic {
        let block = if ty == "aws_lb_listener_rule" { "action" } else { "default_action" };
        Traffic { place: Place::of(ty, object), stored: action::to_api(object, block) }
    }
}

impl AwsFleet {
    fn traffic(&self) -> Result<&Traffic, Failure> {
        let none = || Failure::new("moving the traffic", "the release has no listener");
        self.traffic.as_ref().ok_or_else(none)
    }

    fn colours_in(&self, place: &Place, actions: &[Action]) -> Result<BTreeMap<Colour, u32>, Failure> {
        let failed = |why| Failure::new(format!("reading the weights of {}", place.arn()), why);
        weights::of_colours(actions, &self.groups).map_err(failed)
    }

    pub(super) async fn present_weights(&self) -> Result<BTreeMap<Colour, u32>, Failure> {
        let place = &self.traffic()?.place;
        self.colours_in(place, &place.actions(&self.elb).await?)
    }

    /// From what is known to be there to what is wanted. A change that somebody else has made is not overwritten, as far
    /// as an API without versions allows: it is read just before and just after.
    pub(super) async fn shift_on(
        &self,
        before: &BTreeMap<Colour, u32>,
        wanted: &BTreeMap<Colour, u32>,
    ) -> Result<(), ShiftFailure> {
        let place = &self.traffic().map_err(ShiftFailure::Failed)?.place;
        let actions = place.actions(&self.elb).await.map_err(ShiftFailure::Failed)?;
        let present = self.colours_in(place, &actions).map_err(ShiftFailure::Failed)?;
        if weights::is_same_division(&present, wanted) {
            return Ok(());
        }
        if !weights::is_same_division(&present, before) {
            return Err(ShiftFailure::ChangedMeanwhile(present));
        }
        // Clients with a cookie would stay with the colour that is to get nothing, until it is stopped under them.
        let drains = wanted.values().any(|weight| *weight == 0);
        let stickiness = if drains { Stickiness::Off } else { Stickiness::Kept };
        self.replace(place, &actions, wanted, stickiness).await.map_err(ShiftFailure::Failed)?;
        let mut seen = present.clone();
        for look in 0..LOOKS {
            if look > 0 {
                sleep(BETWEEN_LOOKS).await;
            }
            seen = self.present_weights().await.map_err(ShiftFailure::Failed)?;
            if weights::is_same_division(&seen, wanted) {
                return Ok(());
            }
        }
        match seen == present {
            true => Err(ShiftFailure::Failed(Failure::new(
                format!("moving the traffic of {}", place.arn()),
                "the call was answered well, and the weights are what they were",
            ))),
            false => Err(ShiftFailure::ChangedMeanwhile(seen)),
        }
    }

    /// Whatever is there now: one call, made of what the state knows.
    pub(super) async fn shift_back(&self, wanted: &BTreeMap<Colour, u32>) -> Result<(), Failure> {
        let Traffic { place, stored } = self.traffic()?;
        let began = Instant::now();
        let mut pause = Duration::from_millis(250);
        loop {
            match self.replace(place, stored, wanted, Stickiness::Off).await {
                Err(failure) if failure.is(THROTTLED) && began.elapsed() < GO_BACK_WITHIN => {
                    tracing::warn!(failure = failure.brief(), "the traffic is not back yet");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                answer => return answer,
            }
        }
    }

    async fn replace(
        &self,
        place: &Place,
        actions: &[Action],
        wanted: &BTreeMap<Colour, u32>,
        stickiness: Stickiness,
    ) -> Result<(), Failure> {
        if weights::shares(actions).is_empty() {
            let why = "it forwards to no target group in the state. Refresh the state first.";
            return Err(Failure::new(format!("moving the traffic of {}", place.arn()), why));
        }
        let with = |stickiness| weights::with_weights(actions, &self.groups, wanted, stickiness);
        match place.write(&self.elb, with(stickiness)).await {
            Err(failure)
                if failure.is(STICKINESS_NEEDED) && stickiness == Stickiness::Off && weights::is_sticky(actions) =>
            {
                tracing::warn!(failure = failure.brief(), "the stickiness of groups stays on");
                place.write(&self.elb, with(Stickiness::Kept)).await
            }
            answer => answer,
        }
    }

    /// Has a test listener send everything to one colour.
    pub(super) async fn direct(&self, place: &Place, colour: &str) -> Result<bool, Failure> {
        let doing = || format!("opening the test listener to {colour}");
        let Some(group) = self.groups.get(colour) else {
            return Err(Failure::new(doing(), "it has no target group"));
        };
        let actions = place.actions(&self.elb).await?;
        let shares = weights::shares(&actions);
        let others: u32 = shares.iter().filter(|(arn, _)| *arn != group).map(|(_, weight)| weight).sum();
        match shares.get(group) {
            Some(share) if *share > 0 && others == 0 => return Ok(false),
            Some(_) => {}
            None => {
                let why = format!(
                    "{} does not forward to the target group of {colour}. The forward block of a test listener names \
                     both target groups, as that of the listener does: the release moves its weights.",
                    place.arn()
                );
                return Err(Failure::new(doing(), why));
            }
        }
        if let Some(other) = shares.keys().find(|arn| !self.groups.values().any(|group| group == *arn)) {
            return Err(Failure::new(
                doing(),
                format!("{} forwards to another target group too ({other})", place.arn()),
            ));
        }
        let wanted = self.groups.keys().map(|key| (key.clone(), if key == colour { 100 } else { 0 })).collect();
        self.replace(place, &actions, &wanted, Stickiness::Off).await?;
        Ok(true)
    }
}
