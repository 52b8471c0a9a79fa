//! What a release asks for, done here.

use std::time::Duration;

use infra_catalog::HalfDone;
use infra_provider::Failure;
use infra_runtime::{Rollout, TaskState};
use infra_value::{Type, Value};

use super::{Shared, held};
use crate::protocol::{FleetAnswer, FleetRequest, Place};

impl Shared {
    pub(super) async fn fleet(&self, request: FleetRequest) -> Result<FleetAnswer, Failure> {
        match request {
            FleetRequest::Weights(place) => {
                let weights = held(&self.kept).world.weights(&place.ty, &place.arn);
                weights.map(FleetAnswer::Weights).ok_or_else(|| lost(&place))
            }
            FleetRequest::SetWeights { place, weights, unstick } => {
                self.changed("moving the traffic", |world| {
                    world.set_weights(&place.ty, &place.arn, &weights, unstick)
                })?;
                self.reconcile().await;
                Ok(FleetAnswer::Done)
            }
            FleetRequest::Standing { service, group } => Ok(self.standing(&service, group.as_deref())),
            FleetRequest::SetService { service, definition, count } => {
                self.changed("changing the service", |world| {
                    world.set_service(&service, definition.as_deref(), count)
                })?;
                self.reconcile().await;
                self.wake.notify_one();
                Ok(FleetAnswer::Done)
            }
            FleetRequest::RunTask { token, service, definition, command } => {
                let task = held(&self.kept).world.task(&service, &definition, &command);
                let doing = "running the task";
                let task = task.map_err(|why| Failure::new(doing, why))?;
                match self.runtime.run_task(&token, task).await {
                    Ok(code) => Ok(FleetAnswer::Ended { code: Some(code), reason: String::new() }),
                    Err(why) => Ok(FleetAnswer::Ended { code: None, reason: why }),
                }
            }
            FleetRequest::Evidence { group, place, window } => Ok(self.evidence(&group, &place, window)),
            FleetRequest::Url(place) => Ok(FleetAnswer::Url(self.url(&place))),
            FleetRequest::TaskUrl { service, group } => Ok(FleetAnswer::Url(self.task_url(&service, &group))),
        }
    }

    fn changed(
        &self,
        doing: &str,
        change: impl FnOnce(&mut crate::world::World) -> Result<(), String>,
    ) -> Result<(), Failure> {
        let mut kept = held(&self.kept);
        let region = kept.world.region().to_string();
        let nothing = Value::null(Type::Dynamic);
        let done = kept.change(&region, &nothing, std::collections::BTreeMap::new(), |world, _| {
            change(world).map_err(|why| HalfDone { object: None, failure: Failure::new(doing, why) })
        });
        done.map_err(|half| half.failure)
    }

    fn standing(&self, service: &str, group: Option<&str>) -> FleetAnswer {
        let (definition, desired) = held(&self.kept).world.service(service).unwrap_or_default();
        let tasks = self.runtime.tasks();
        let own = tasks.iter().filter(|t| t.service == service && t.state == TaskState::Running);
        let running = own.filter(|t| t.definition == definition).count();
        let health = self.balancers.health();
        let targets = group.and_then(|group| health.get(group));
        let count = |wanted: fn(&infra_balancer::HealthStatus) -> bool| -> u32 {
            let found = targets.into_iter().flat_map(|t| t.values()).filter(|h| wanted(&h.status)).count();
            u32::try_from(found).unwrap_or(u32::MAX)
        };
        use infra_balancer::HealthStatus::{Draining, Healthy, Initial, Unhealthy};
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        let services = self.runtime.services();
        let problem = held(&self.kept).world.desired().problems.get(service).cloned();
        let failed = services.get(service).filter(|s| s.rollout == Rollout::Failed).and_then(|s| s.reason.clone());
        FleetAnswer::Standing {
            definition,
            desired,
            running,
            healthy: if group.is_some() { count(|h| matches!(h, Healthy)) } else { running },
            initial: count(|h| matches!(h, Initial)),
            unhealthy: count(|h| matches!(h, Unhealthy { .. })),
            draining: count(|h| matches!(h, Draining)),
            failed: problem.or(failed),
        }
    }

    fn evidence(&self, group: &str, place: &Place, window: Duration) -> FleetAnswer {
        let own = self.balancers.window(group, window);
        let balancer = balancer_of(&place.arn);
        let all = self.balancers.balancer_counts(&balancer, window);
        FleetAnswer::Evidence {
            requests: own.requests,
            failed: own.failed(),
            balancer_requests: all.requests,
            balancer_failed: all.balancer_5xx,
            p50_seconds: own.latency.percentile(0.5).map(|time| time.as_secs_f64()),
        }
    }

    /// Where a listener is reached.
    fn url(&self, place: &Place) -> Option<String> {
        let kept = held(&self.kept);
        let arn = kept.world.listener_of(&place.ty, &place.arn)?;
        let desired = kept.world.desired();
        drop(kept);
        let listener = desired.balancers.balancers.values().find_map(|b| b.listeners.get(&arn))?;
        let port =
            held(&self.listening).get(&arn).and_then(|at| at.as_ref().ok()).map_or(listener.bind.port(), |a| a.port());
        let scheme = if listener.tls_names.is_some() { "https" } else { "http" };
        Some(format!("{scheme}://127.0.0.1:{port}"))
    }

    /// Where one of a service's running tasks is reached as a target of a group.
    fn task_url(&self, service: &str, group: &str) -> Option<String> {
        let desired = held(&self.kept).world.desired();
        let registration = desired.registrations.iter().find(|r| r.service == service && r.group == group)?;
        let tasks = self.runtime.tasks();
        let task = tasks.iter().find(|t| t.service == service && t.state == TaskState::Running)?;
        task.ports.get(&registration.port).map(|address| format!("http://{address}"))
    }
}

fn lost(place: &Place) -> Failure {
    Failure::new("looking at the traffic", format!("there is no {} {} here", place.ty, place.arn))
}

/// The ARN of the balancer of a listener or a listener rule.
fn balancer_of(arn: &str) -> String {
    let (head, tail) = match arn.split_once(":listener-rule/").or_else(|| arn.split_once(":listener/")) {
        Some(parts) => parts,
        None => return arn.to_string(),
    };
    let parts: Vec<&str> = tail.split('/').take(3).collect();
    format!("{head}:loadbalancer/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_listener_and_a_rule_tell_their_balancer() {
        let balancer = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/b1";
        for arn in [
            "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/web/b1/l1",
            "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/web/b1/l1/r1",
        ] {
            assert_eq!(super::balancer_of(arn), balancer);
        }
    }
}
