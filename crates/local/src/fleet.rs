//! This machine as a [`Fleet`].

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use infra_catalog::catalog;
use infra_provider::fleet::{Colour, Evidence, Fleet, FleetSpec, Member, ShiftFailure, Standing, TaskEnd};
use infra_provider::{Failure, Object, Problem};

use crate::client::{Client, unexpected};
use crate::protocol::{Answer, FleetAnswer, FleetRequest, Place, Request};

/// One release's services, groups and listener.
pub(crate) struct LocalFleet {
    client: Client,
    /// The ARN of each colour's service.
    services: BTreeMap<Colour, String>,
    /// The ARN of each colour's target group.
    groups: BTreeMap<Colour, String>,
    listener: Option<Place>,
    test_listener: Option<Place>,
}

impl LocalFleet {
    /// From the objects that the state holds.
    pub(crate) fn new(client: Client, spec: &FleetSpec) -> Result<LocalFleet, Vec<Problem>> {
        if let Some(alarm) = spec.alarms.first() {
            tracing::info!(alarm, "alarms do not fire on this machine");
        }
        let all = |members: &BTreeMap<Colour, Member>| -> Result<BTreeMap<Colour, String>, Vec<Problem>> {
            members.iter().map(|(colour, member)| Ok((colour.clone(), object(member)?.id().to_string()))).collect()
        };
        let place = |member: &Member| -> Result<Place, Vec<Problem>> {
            Ok(Place { ty: member.ty.clone(), arn: object(member)?.id().to_string() })
        };
        Ok(LocalFleet {
            client,
            services: all(&spec.services)?,
            groups: all(&spec.target_groups)?,
            listener: spec.listener.as_ref().map(place).transpose()?,
            test_listener: spec.test_listener.as_ref().map(place).transpose()?,
        })
    }

    async fn ask(&self, request: FleetRequest) -> Result<FleetAnswer, Failure> {
        let mut conversation = self.client.ask(&Request::Fleet(request)).await?;
        match conversation.last(|_| {}).await? {
            Answer::Fleet(answer) => Ok(answer),
            other => Err(unexpected(&other)),
        }
    }

    fn service(&self, colour: &str) -> Result<String, Failure> {
        self.services
            .get(colour)
            .cloned()
            .ok_or_else(|| Failure::new("finding a service", format!("{colour} has none")))
    }

    fn place(&self) -> Result<Place, Failure> {
        self.listener.clone().ok_or_else(|| Failure::new("finding the listener", "the release has none"))
    }

    async fn weights_of(&self, place: &Place) -> Result<BTreeMap<Colour, u32>, Failure> {
        match self.ask(FleetRequest::Weights(place.clone())).await? {
            FleetAnswer::Weights(weights) => {
                let share = |group: &String| weights.get(group).copied().unwrap_or_default();
                Ok(self.groups.iter().map(|(colour, group)| (colour.clone(), share(group))).collect())
            }
            _ => Err(strange()),
        }
    }

    async fn set(&self, place: Place, weights: &BTreeMap<Colour, u32>, unstick: bool) -> Result<(), Failure> {
        let of = |(colour, weight): (&Colour, &u32)| Some((self.groups.get(colour)?.clone(), *weight));
        let weights = weights.iter().filter_map(of).collect();
        self.ask(FleetRequest::SetWeights { place, weights, unstick }).await.map(drop)
    }

    async fn url(&self, request: FleetRequest) -> Result<Option<String>, Failure> {
        match self.ask(request).await? {
            FleetAnswer::Url(url) => Ok(url),
            _ => Err(strange()),
        }
    }
}

fn object(member: &Member) -> Result<Object, Vec<Problem>> {
    match catalog().resources.get(member.ty.as_str()) {
        Some(ty) => Ok(Object::new(ty.block().clone(), &member.object)),
        None => Err(vec![Problem::error("Unsupported release", format!("{} is not known here.", member.ty))]),
    }
}

fn strange() -> Failure {
    Failure::new("talking to the local supervisor", "its answer does not fit: it is of another version")
}

#[async_trait]
impl Fleet for LocalFleet {
    async fn weights(&self) -> Result<BTreeMap<Colour, u32>, Failure> {
        self.weights_of(&self.place()?).await
    }

    async fn shift(
        &self,
        before: Option<&BTreeMap<Colour, u32>>,
        weights: &BTreeMap<Colour, u32>,
    ) -> Result<(), ShiftFailure> {
        let place = self.place().map_err(ShiftFailure::Failed)?;
        if let Some(before) = before {
            let now = self.weights_of(&place).await.map_err(ShiftFailure::Failed)?;
            if same(&now, weights) {
                return Ok(());
            }
            if !same(&now, before) {
                return Err(ShiftFailure::ChangedMeanwhile(now));
            }
        }
        self.set(place, weights, before.is_none()).await.map_err(ShiftFailure::Failed)
    }

    async fn standing(&self, colour: &str) -> Result<Standing, Failure> {
        let (service, group) = (self.service(colour)?, self.groups.get(colour).cloned());
        match self.ask(FleetRequest::Standing { service, group }).await? {
            FleetAnswer::Standing { definition, desired, running, healthy, initial, unhealthy, draining, failed } => {
                Ok(Standing { definition, desired, running, healthy, initial, unhealthy, draining, failed })
            }
            _ => Err(strange()),
        }
    }

    /// Nothing scales by itself on this machine.
    async fn hold_scaling(&self, _hold: bool) -> Result<(), Failure> {
        Ok(())
    }

    async fn run_task(&self, token: &str, definition: &str, command: &[String]) -> Result<TaskEnd, Failure> {
        let service = self.services.values().next().cloned().unwrap_or_default();
        let (definition, command) = (definition.to_string(), command.to_vec());
        let request = FleetRequest::RunTask { token: token.into(), service, definition, command };
        match self.ask(request).await? {
            FleetAnswer::Ended { code, reason } => Ok(TaskEnd { task: token.into(), exit_code: code, reason }),
            _ => Err(strange()),
        }
    }

    async fn start(&self, colour: &str, definition: &str, count: u32) -> Result<(), Failure> {
        let request =
            FleetRequest::SetService { service: self.service(colour)?, definition: Some(definition.into()), count };
        self.ask(request).await.map(drop)
    }

    async fn stop(&self, colour: &str) -> Result<(), Failure> {
        let request = FleetRequest::SetService { service: self.service(colour)?, definition: None, count: 0 };
        self.ask(request).await.map(drop)
    }

    async fn test_url(&self, colour: &str) -> Result<Option<String>, Failure> {
        let (service, group) = (self.service(colour)?, self.groups.get(colour).cloned().unwrap_or_default());
        let Some(place) = &self.test_listener else {
            return self.url(FleetRequest::TaskUrl { service, group }).await;
        };
        let mut weights: BTreeMap<Colour, u32> = self.groups.keys().map(|key| (key.clone(), 0)).collect();
        weights.insert(colour.to_string(), 100);
        self.set(place.clone(), &weights, true).await?;
        self.url(FleetRequest::Url(place.clone())).await
    }

    async fn live_url(&self) -> Result<Option<String>, Failure> {
        match &self.listener {
            Some(place) => self.url(FleetRequest::Url(place.clone())).await,
            None => Ok(None),
        }
    }

    async fn evidence(&self, colour: &str, window: Duration) -> Result<Evidence, Failure> {
        let (Some(group), Some(place)) = (self.groups.get(colour).cloned(), self.listener.clone()) else {
            return Ok(Evidence::default());
        };
        match self.ask(FleetRequest::Evidence { group, place, window }).await? {
            FleetAnswer::Evidence { requests, failed, balancer_requests, balancer_failed, p50_seconds } => {
                Ok(Evidence {
                    requests,
                    failed,
                    balancer_failed,
                    balancer_requests,
                    p50_seconds,
                    until: Some(std::time::SystemTime::now()),
                    example: None,
                })
            }
            _ => Err(strange()),
        }
    }

    /// No alarm ever fires on this machine.
    async fn alarms(&self) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    fn evidence_delay(&self) -> Duration {
        Duration::ZERO
    }

    fn shift_delay(&self) -> Duration {
        Duration::from_millis(200)
    }
}

/// Whether two settings give the same shares.
fn same(a: &BTreeMap<Colour, u32>, b: &BTreeMap<Colour, u32>) -> bool {
    let sum = |of: &BTreeMap<Colour, u32>| of.values().map(|w| u64::from(*w)).sum::<u64>();
    let (all_a, all_b) = (sum(a), sum(b));
    let share = |of: &BTreeMap<Colour, u32>, key: &Colour| u64::from(of.get(key).copied().unwrap_or_default());
    a.keys().chain(b.keys()).all(|key| share(a, key) * all_b == share(b, key) * all_a)
}
