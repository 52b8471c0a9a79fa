//! Releases on AWS: two ECS services behind the weights of a listener, driven by the calls of ECS, Elastic Load
//! Balancing, CloudWatch and Application Auto Scaling.

mod alarms;
mod doors;
mod members;
mod metrics;
mod scaling;
mod services;
mod standing;
mod tasks;
mod traffic;
mod weights;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use infra_provider::Failure;
use infra_provider::fleet::{Colour, Evidence, Fleet, FleetOrProblems, FleetSpec, ShiftFailure, Standing, TaskEnd};
use tokio::sync::OnceCell;

use crate::Aws;
use doors::Door;
use members::Service;
use traffic::Traffic;

/// How long the nodes of an Application Load Balancer may use the weights that they had.
const APPLICATION_FOLLOWS: Duration = Duration::from_secs(60);
/// How long a Network Load Balancer may.
const NETWORK_FOLLOWS: Duration = Duration::from_secs(10 * 60);
/// How long an emulator of one may.
const EMULATOR_FOLLOWS: Duration = Duration::from_secs(2);
/// How late the metrics of a load balancer are at the most.
const METRICS_FOLLOW: Duration = Duration::from_secs(3 * 60);
/// How long a listener that only checks ask is given until all nodes follow it.
const TEST_LISTENER_FOLLOWS: Duration = Duration::from_secs(10);

/// How late metrics are at the most. An emulator has them at once, or never.
pub(crate) fn evidence_delay(lags: bool) -> Duration {
    if lags { METRICS_FOLLOW } else { Duration::ZERO }
}

/// The two services of a release (one, if it is a rolling one).
struct AwsFleet {
    ecs: aws_sdk_ecs::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    autoscaling: aws_sdk_applicationautoscaling::Client,
    services: BTreeMap<Colour, Service>,
    /// The ARNs of the target groups that the traffic is divided between. None for a rolling release.
    groups: BTreeMap<Colour, String>,
    traffic: Option<Traffic>,
    live: Option<Door>,
    test: Option<Door>,
    /// The balancer of a service whose release names no listener.
    balancer: OnceCell<Option<String>>,
    alarms: Vec<String>,
    /// Whether nodes of the balancer may lag behind what its API says.
    lags: bool,
    seen: Mutex<Seen>,
}

/// What this process has done itself; what it has not done is not known.
#[derive(Debug, Default)]
struct Seen {
    /// When a colour got its first requests of users.
    since: BTreeMap<Colour, SystemTime>,
    /// What a colour's service was told to run.
    told: BTreeMap<Colour, String>,
}

/// The fleet of a release.
pub(crate) fn fleet(aws: &Aws, spec: FleetSpec) -> FleetOrProblems {
    let members = members::check(&spec)?;
    Ok(Arc::new(AwsFleet {
        ecs: aws.ecs().clone(),
        elb: aws.elb().clone(),
        cloudwatch: aws.cloudwatch().clone(),
        autoscaling: aws.autoscaling().clone(),
        services: members.services,
        groups: members.groups,
        traffic: members.traffic,
        live: members.live,
        test: members.test,
        balancer: OnceCell::new(),
        alarms: spec.alarms,
        lags: aws.lags(),
        seen: Mutex::default(),
    }))
}

#[async_trait]
impl Fleet for AwsFleet {
    async fn weights(&self) -> Result<BTreeMap<Colour, u32>, Failure> {
        self.present_weights().await
    }

    async fn shift(
        &self,
        before: Option<&BTreeMap<Colour, u32>>,
        weights: &BTreeMap<Colour, u32>,
    ) -> Result<(), ShiftFailure> {
        match before {
            Some(before) => self.shift_on(before, weights).await?,
            None => self.shift_back(weights).await.map_err(ShiftFailure::Failed)?,
        }
        let mut seen = self.seen();
        for (colour, weight) in weights {
            match weight {
                0 => drop(seen.since.remove(colour)),
                _ => drop(seen.since.entry(colour.clone()).or_insert_with(SystemTime::now)),
            }
        }
        Ok(())
    }

    async fn standing(&self, colour: &str) -> Result<Standing, Failure> {
        self.stands(colour).await
    }

    async fn hold_scaling(&self, hold: bool) -> Result<(), Failure> {
        if hold { self.suspend_scaling().await } else { self.resume_scaling().await }
    }

    async fn run_task(&self, token: &str, definition: &str, command: &[String]) -> Result<TaskEnd, Failure> {
        self.run_once(token, definition, command).await
    }

    async fn stop_task(&self, token: &str) -> Result<(), Failure> {
        self.stop_once(token).await
    }

    async fn start(&self, colour: &str, definition: &str, count: u32) -> Result<(), Failure> {
        self.start_service(colour, definition, count).await
    }

    async fn stop(&self, colour: &str) -> Result<(), Failure> {
        self.stop_service(colour).await
    }

    async fn test_url(&self, colour: &str) -> Result<Option<String>, Failure> {
        self.open_test(colour).await
    }

    async fn live_url(&self) -> Result<Option<String>, Failure> {
        match &self.live {
            Some(door) => door.url(&self.elb).await,
            None => Ok(None),
        }
    }

    fn users_since(&self, colour: &str, at: SystemTime) {
        self.seen().since.insert(colour.to_string(), at);
    }

    async fn evidence(&self, colour: &str, window: Duration) -> Result<Evidence, Failure> {
        self.evidence_of(colour, window).await
    }

    async fn alarms(&self) -> Result<Vec<String>, Failure> {
        self.firing().await
    }

    fn evidence_delay(&self) -> Duration {
        evidence_delay(self.lags)
    }

    fn shift_delay(&self) -> Duration {
        if !self.lags {
            return EMULATOR_FOLLOWS;
        }
        let network = self.live.as_ref().is_some_and(|door| door.balancer.contains(":loadbalancer/net/"));
        if network { NETWORK_FOLLOWS } else { APPLICATION_FOLLOWS }
    }
}

impl AwsFleet {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn service(&self, colour: &str) -> Result<&Service, Failure> {
        let service = self.services.get(colour);
        service.ok_or_else(|| Failure::new("finding a service of the release", format!("there is no colour {colour}")))
    }

    /// The target groups of a colour: the release's, or those that its service names itself.
    fn groups_of(&self, colour: &str) -> Vec<String> {
        match (self.groups.get(colour), self.services.get(colour)) {
            (Some(group), _) => vec![group.clone()],
            (None, Some(service)) => service.groups.clone(),
            (None, None) => Vec::new(),
        }
    }
}
