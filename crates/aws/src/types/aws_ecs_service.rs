//! `aws_ecs_service`: services of a cluster.

mod request;
mod state;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ecs::types::{
    DeploymentController, DeploymentControllerType, LaunchType, PropagateTags, SchedulingStrategy, Service,
    ServiceConnectConfiguration, ServiceField,
};
use aws_smithy_types::DateTime;
use futures::future::join_all;
use infra_catalog::{OpContext, Trace};
use infra_provider::{Failure, Object};

use crate::Aws;
use crate::batch::{Answers, in_chunks};
use crate::ecs::{self, name_of};
use crate::error::{Doing, ignoring};
use crate::resource::{ResourceType, changed};
use crate::wait::{Seen, Wait, retry};

const KIND: &str = "ECS Service";
const GONE: [&str; 2] = ["ServiceNotFoundException", "ClusterNotFoundException"];
const SERVICES_PER_CALL: usize = 10;
/// How long what a service needs may take to be seen by ECS: its role, its load balancer.
pub(crate) const NEEDS: Duration = Duration::from_secs(4 * 60);

pub(crate) struct Api;

#[async_trait]
impl ResourceType for Api {
    async fn read(&self, aws: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for object in &objects {
            names.entry(cluster_of(object)).or_default().push(name_of(object.id()).to_string());
        }
        let reads = names.into_iter().map(|(cluster, names)| async move {
            let found = services(aws, &cluster, names, true).await;
            (cluster, found)
        });
        let found: BTreeMap<String, Answers<Service>> = join_all(reads).await.into_iter().collect();
        let one = |mut object: Object| {
            let Some(found) = found.get(&cluster_of(&object)) else { return Ok(None) };
            let service = found.get(name_of(object.id()))?.filter(|s| s.status() == Some("ACTIVE"));
            let Some(service) = service else { return Ok(None) };
            state::fill(&mut object, service);
            Ok(Some(object))
        };
        objects.into_iter().map(one).collect()
    }

    async fn create(&self, aws: &Aws, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let name = object.str("name").to_string();
        let replica = object.str("scheduling_strategy") != "DAEMON";
        let controller = object.part("deployment_controller").and_then(|c| c.opt_str("type"));
        let external = controller.as_deref() == Some("EXTERNAL");
        let controller = match controller {
            Some(kind) => {
                let kind = DeploymentControllerType::from(&*kind);
                Some(DeploymentController::builder().r#type(kind).build().doing("describing a deployment controller")?)
            }
            None => None,
        };
        let launch_type = object.opt_str("launch_type").filter(|_| !external);
        let some = |on: bool| on.then_some(true);
        let request = aws
            .ecs()
            .create_service()
            .service_name(&name)
            .client_token(cx.token.as_str())
            .scheduling_strategy(SchedulingStrategy::from(object.str("scheduling_strategy")))
            .set_desired_count(replica.then(|| object.i32("desired_count")))
            .set_availability_zone_rebalancing(request::rebalancing(object))
            .set_capacity_provider_strategy(Some(ecs::strategy(object, "capacity_provider_strategy")?))
            .set_cluster(object.opt_str("cluster"))
            .deployment_configuration(request::deployment(object, &request::EVERYTHING)?)
            .set_deployment_controller(controller)
            .set_enable_ecs_managed_tags(some(object.bool("enable_ecs_managed_tags")))
            .set_enable_execute_command(some(object.bool("enable_execute_command")))
            .set_health_check_grace_period_seconds(object.opt_i32("health_check_grace_period_seconds"))
            .set_role(object.opt_str("iam_role"))
            .set_launch_type(launch_type.map(|v| LaunchType::from(&*v)))
            .set_load_balancers(not_empty(request::load_balancers(object)))
            .set_network_configuration(request::network(object)?)
            .set_placement_constraints(not_empty(request::constraints(object)?))
            .set_placement_strategy(not_empty(request::placement(object)?))
            .set_platform_version(object.opt_str("platform_version"))
            .set_propagate_tags(object.opt_str("propagate_tags").map(|v| PropagateTags::from(&*v)))
            .set_service_connect_configuration(request::connect(object)?)
            .set_service_registries(not_empty(request::registries(object)))
            .set_tags(ecs::sdk_tags(&cx.tags))
            .set_task_definition(object.opt_str("task_definition"))
            .set_volume_configurations(not_empty(request::volumes(object)?))
            .set_vpc_lattice_configurations(Some(request::lattice(object)?));
        let answer = retry(
            NEEDS,
            |failure| failure.is(&["ClusterNotFoundException"]) || needs_time(failure) || is_draining(failure),
            || async { request.clone().send().await.doing(format!("creating {KIND} ({name})")) },
        )
        .await?;
        object.set("id", answer.service().and_then(Service::service_arn));
        if object.raw("triggers").is_null() {
            object.set("triggers", BTreeMap::<String, String>::new());
        }
        (cx.checkpoint)(object);
        let begun = answer.service().map(Begun::of);
        wait_stable(aws, object, "create", cx.timeouts.of("create"), begun).await
    }

    async fn find_created(&self, aws: &Aws, planned: &Object, _trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        let mut made = planned.clone();
        let name = planned.str("name");
        made.set("id", aws.arn("ecs", &format!("service/{}/{name}", cluster_of(planned))));
        Ok(Some(vec![made]))
    }

    async fn ready(&self, aws: &Aws, object: &Object, trace: &Trace) -> Result<(), Failure> {
        wait_stable(aws, object, "create", trace.timeouts.of("create"), None).await
    }

    async fn update(&self, aws: &Aws, prior: &Object, object: &mut Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let id = object.id().to_string();
        let rest: Vec<String> = object
            .block()
            .attributes
            .keys()
            .chain(object.block().blocks.keys())
            .filter(|name| !matches!(&***name, "force_delete" | "tags" | "tags_all" | "timeouts"))
            .map(|name| name.to_string())
            .collect();
        if !rest.iter().any(|name| changed(prior, object, &[name])) {
            return Ok(());
        }
        let differs = |name: &str| changed(prior, object, &[name]);
        let replica = object.str("scheduling_strategy") != "DAEMON";
        let parts: Vec<&str> = request::EVERYTHING.into_iter().filter(|name| differs(name)).collect();
        let mut call = aws.ecs().update_service().service(&id).set_cluster(object.opt_str("cluster"));
        if cx.config.get("force_new_deployment").is_some_and(|v| v.as_bool() == Some(true)) {
            call = call.force_new_deployment(true);
        }
        if !parts.is_empty() {
            call = call.deployment_configuration(request::deployment(object, &parts)?);
        }
        if differs("desired_count") && replica {
            call = call.desired_count(object.i32("desired_count"));
        }
        if differs("availability_zone_rebalancing") {
            call = call.set_availability_zone_rebalancing(request::rebalancing(object));
        }
        if differs("capacity_provider_strategy") {
            let strategy = ecs::strategy(object, "capacity_provider_strategy")?;
            call = call.set_capacity_provider_strategy(Some(strategy));
        }
        if differs("enable_ecs_managed_tags") {
            call = call.enable_ecs_managed_tags(object.bool("enable_ecs_managed_tags"));
        }
        if differs("enable_execute_command") {
            call = call.enable_execute_command(object.bool("enable_execute_command"));
        }
        if differs("health_check_grace_period_seconds") {
            call = call.health_check_grace_period_seconds(object.i32("health_check_grace_period_seconds"));
        }
        if differs("load_balancer") {
            call = call.set_load_balancers(Some(request::load_balancers(object)));
        }
        if differs("network_configuration") {
            call = call.set_network_configuration(request::network(object)?);
        }
        if differs("ordered_placement_strategy") {
            call = call.set_placement_strategy(Some(request::placement(object)?));
        }
        if differs("placement_constraints") {
            call = call.set_placement_constraints(Some(request::constraints(object)?));
        }
        if differs("platform_version") {
            call = call.set_platform_version(object.opt_str("platform_version"));
        }
        if differs("propagate_tags") {
            let propagate = object.opt_str("propagate_tags").map(|v| PropagateTags::from(&*v));
            call = call.propagate_tags(propagate.unwrap_or(PropagateTags::None));
        }
        if differs("service_connect_configuration") {
            let off = || ServiceConnectConfiguration::builder().enabled(false).build();
            call = call.service_connect_configuration(request::connect(object)?.unwrap_or_else(off));
        }
        if differs("service_registries") {
            call = call.set_service_registries(Some(request::registries(object)));
        }
        if differs("task_definition") {
            call = call.set_task_definition(object.opt_str("task_definition"));
        }
        if differs("volume_configuration") {
            call = call.set_volume_configurations(not_empty(request::volumes(object)?));
        }
        if differs("vpc_lattice_configurations") {
            call = call.set_vpc_lattice_configurations(Some(request::lattice(object)?));
        }
        let answer =
            retry(NEEDS, needs_time, || async { call.clone().send().await.doing(format!("updating {KIND} ({id})")) })
                .await?;
        let begun = answer.service().map(Begun::of);
        wait_stable(aws, object, "update", cx.timeouts.of("update"), begun).await
    }

    async fn tag(
        &self,
        aws: &Aws,
        object: &Object,
        remove: &BTreeMap<String, String>,
        put: &BTreeMap<String, String>,
    ) -> Result<(), Failure> {
        ecs::change_tags(aws, KIND, object.id(), remove, put).await
    }

    async fn delete(&self, aws: &Aws, object: &Object, cx: &OpContext<'_>) -> Result<(), Failure> {
        let (id, cluster, timeout) = (object.id(), cluster_of(object), cx.timeouts.of("delete"));
        let Some(service) = one(aws, &cluster, id).await?.filter(|s| s.status() != Some("INACTIVE")) else {
            return Ok(());
        };
        let daemon = service.scheduling_strategy() == Some(&SchedulingStrategy::Daemon);
        if service.status() != Some("DRAINING") && !daemon && !object.bool("force_delete") {
            let answer = aws.ecs().update_service().cluster(&cluster).service(id).desired_count(0).send().await;
            ignoring(answer.doing(format!("draining {KIND} ({id})")), &GONE)?;
        }
        let busy = |failure: &Failure| {
            // It was scaled to nothing by the call before, which need not be known everywhere.
            let texts = ["The service cannot be stopped while deployments are active.", "it is scaled above 0"];
            (failure.is(&["InvalidParameterException"]) && texts.iter().any(|text| failure.message.contains(text)))
                || failure.message.contains("has a dependent object")
        };
        let answer = retry(timeout, busy, || async {
            let request = aws.ecs().delete_service().cluster(&cluster).service(id).force(object.bool("force_delete"));
            request.send().await.doing(format!("deleting {KIND} ({id})"))
        });
        ignoring(answer.await, &GONE)?;
        let wait = Wait::new(format!("waiting for {KIND} ({id}) delete"), timeout);
        wait.until_gone(|| async {
            Ok(match one(aws, &cluster, id).await? {
                Some(service) => {
                    Seen::by_state((), service.status().unwrap_or(""), &["ACTIVE", "DRAINING"], &["INACTIVE"])
                }
                None => Seen::Missing,
            })
        })
        .await
    }
}

/// The name of the cluster: of the argument, of the id (`CLUSTER/NAME` at import, or an ARN), or the default one.
fn cluster_of(object: &Object) -> String {
    let of_id = || match object.id().rsplit('/').collect::<Vec<_>>()[..] {
        [_, cluster, _] => cluster.to_string(),
        [_, cluster] if !cluster.starts_with("arn:") => cluster.to_string(),
        _ => "default".to_string(),
    };
    object.opt_str("cluster").map_or_else(of_id, |cluster| name_of(&cluster).to_string())
}

fn not_empty<T>(all: Vec<T>) -> Option<Vec<T>> {
    Some(all).filter(|all| !all.is_empty())
}

/// Whether a failure goes away when ECS has seen what the service needs.
pub(crate) fn needs_time(failure: &Failure) -> bool {
    let texts = [
        "verify that the ECS service role being passed has the proper permissions",
        "does not have an associated load balancer",
    ];
    ecs::is_role_missing(failure)
        || (failure.is(&["InvalidParameterException"]) && texts.iter().any(|text| failure.message.contains(text)))
}

/// Whether a failure says that a service of the name is on its way out: of one that was just deleted that may be said a
/// little longer.
fn is_draining(failure: &Failure) -> bool {
    failure.is(&["InvalidParameterException"]) && failure.message.contains("service that is still Draining")
}

/// Services of a cluster by name, in whatever state. A missing one has no answer.
async fn services(aws: &Aws, cluster: &str, names: Vec<String>, with_tags: bool) -> Answers<Service> {
    in_chunks(names, SERVICES_PER_CALL, |names| async move {
        let request = aws.ecs().describe_services().cluster(cluster).set_services(Some(names));
        let request = request.set_include(with_tags.then(|| vec![ServiceField::Tags]));
        let answer = match request.send().await.doing("reading ECS Services") {
            Err(failure) if failure.is(&GONE) => return Ok(Vec::new()),
            answer => answer?,
        };
        let services = answer.services.unwrap_or_default().into_iter();
        Ok(services.filter_map(|service| Some((service.service_name()?.to_string(), service))).collect())
    })
    .await
}

async fn one(aws: &Aws, cluster: &str, id: &str) -> Result<Option<Service>, Failure> {
    let name = name_of(id);
    Ok(services(aws, cluster, vec![name.to_string()], false).await.get(name)?.cloned())
}

/// Waits until the service is active, and if that is asked for, until all its tasks run the one task definition that was
/// wanted.
async fn wait_stable(
    aws: &Aws,
    object: &Object,
    operation: &str,
    timeout: Duration,
    begun: Option<Begun>,
) -> Result<(), Failure> {
    let (id, cluster, steady) = (object.id(), cluster_of(object), object.bool("wait_for_steady_state"));
    let wait = Wait::new(format!("waiting for {KIND} ({id}) {operation}"), timeout);
    wait.until(|| async {
        let Some(service) = one(aws, &cluster, id).await? else { return Ok(Seen::Missing) };
        Ok(match service.status() {
            Some("ACTIVE") if !steady => Seen::Target(()),
            Some("ACTIVE") => steadiness(&service, begun.as_ref()),
            Some("INACTIVE") => Seen::Missing,
            other => Seen::Pending(other.unwrap_or("").to_string()),
        })
    })
    .await
}

/// What a call has begun, by its own answer.
struct Begun {
    task_definition: Option<String>,
    /// Since when its deployment is the first one.
    since: Option<DateTime>,
}

impl Begun {
    fn of(service: &Service) -> Begun {
        Begun { task_definition: service.task_definition().map(str::to_string), since: primary_since(service) }
    }
}

fn primary_since(service: &Service) -> Option<DateTime> {
    service.deployments().iter().find(|d| d.status() == Some("PRIMARY"))?.created_at().copied()
}

fn steadiness(service: &Service, begun: Option<&Begun>) -> Seen<()> {
    if let Some((begun, now)) = begun.and_then(|begun| begun.since).zip(primary_since(service))
        && now < begun
    {
        return Seen::Pending("as it was before the change".into());
    }
    if let (Some(wanted), Some(now)) = (begun.and_then(|b| b.task_definition.as_deref()), service.task_definition())
        && wanted != now
    {
        return Seen::Failed(format!("the deployment was rolled back: the service runs {now}, wanted was {wanted}"));
    }
    let (running, desired) = (service.running_count(), service.desired_count());
    match service.deployments().len() {
        1 if running == desired => Seen::Target(()),
        n => Seen::Pending(format!("{n} deployments, {running} of {desired} tasks running")),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::Deployment;

    use super::*;

    /// A service whose first deployment is of a second, with a task definition.
    fn service(second: i64, task_definition: &str) -> Service {
        let primary = Deployment::builder().status("PRIMARY").created_at(DateTime::from_secs(second)).build();
        Service::builder().deployments(primary).task_definition(task_definition).build()
    }

    #[test]
    fn a_service_as_it_was_before_is_neither_steady_nor_rolled_back() {
        let begun = Begun::of(&service(20, "api:2"));
        let seen = |second, definition| steadiness(&service(second, definition), Some(&begun));
        assert!(matches!(seen(10, "api:1"), Seen::Pending(_)));
        assert!(matches!(seen(10, "api:2"), Seen::Pending(_)));
        assert!(matches!(seen(20, "api:2"), Seen::Target(())));
        assert!(matches!(seen(30, "api:1"), Seen::Failed(_)));
        assert!(matches!(steadiness(&service(10, "api:1"), None), Seen::Target(())));
    }
}
