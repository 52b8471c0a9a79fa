//! A release's calls on an emulator of AWS, in their order.
//!
//! The emulator runs no task: a service counts as many as it was last told to run, and targets are healthy as soon as they
//! are registered, which the test does itself. So nothing here shows that a colour gets healthy, nor how a one-off task
//! ends. It has no load balancer either: weights are seen in what the API says of them, not in requests.
//!
//! Runs only where `moto_server` (PyPI) is on the path.

mod cloud;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget, ServiceNamespace};
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Dimension, MetricDatum};
use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use cloud::{Moto, block_value};
use infra_catalog::{AwsProvider, Cloud, catalog};
use infra_provider::fleet::{Fleet, FleetSpec, HttpProbe, Member, ShiftFailure, Version};
use infra_provider::plan::proposed_new;
use infra_provider::{ApplyRequest, Configured, PlanRequest, Private, Provider, Token};
use infra_release::{
    Clock, Event, Journal, Outcome, Phase, Prober, Record, Release, RevertWhen, Stop, Strategy, Surroundings, advance,
};
use infra_value::{Value, value_to_json};
use serde_json::{Value as Json, json};

/// An emulator with a release's resources in it, by name.
struct Stage {
    moto: Moto,
    aws: Arc<dyn Configured>,
    made: BTreeMap<&'static str, Member>,
}

impl Stage {
    /// The resources of a service of two colours, blue live; `None` where there is no emulator.
    async fn set() -> Option<Stage> {
        let moto = Moto::start()?;
        let provider = AwsProvider::new(|config| {
            Box::pin(async move { infra_aws::connect(config).await.map(|aws| Arc::new(aws) as Arc<dyn Cloud>) })
        });
        let config = block_value(&provider.config_schema().block, &moto.provider_block());
        let aws = provider.configure(&config).await.expect("the emulator takes any credentials");
        let mut stage = Stage { moto, aws, made: BTreeMap::new() };
        stage.make("vpc", "aws_vpc", json!({"cidr_block": "10.0.0.0/16"})).await;
        for (name, cidr, zone) in [("a", "10.0.1.0/24", "eu-west-1a"), ("b", "10.0.2.0/24", "eu-west-1b")] {
            let subnet = json!({"vpc_id": stage.text("vpc", "id"), "cidr_block": cidr, "availability_zone": zone});
            stage.make(name, "aws_subnet", subnet).await;
        }
        let subnets = json!([stage.text("a", "id"), stage.text("b", "id")]);
        stage.make("balancer", "aws_lb", json!({"name": "web", "subnets": subnets})).await;
        for group in ["blue group", "green group"] {
            let name = group.replace(' ', "-");
            let config = json!({"name": name, "port": 80, "protocol": "HTTP", "target_type": "ip",
                                "vpc_id": stage.text("vpc", "id")});
            stage.make(group, "aws_lb_target_group", config).await;
        }
        let both = stage.forward(100, 0);
        for (name, port) in [("listener", 80), ("test listener", 8080)] {
            let config = json!({"load_balancer_arn": stage.text("balancer", "arn"), "port": port, "protocol": "HTTP",
                                "default_action": [both.clone()]});
            stage.make(name, "aws_lb_listener", config).await;
        }
        stage.make("cluster", "aws_ecs_cluster", json!({"name": "main"})).await;
        for (name, tag) in [("v1", "1.0.0"), ("v2", "2.0.0")] {
            let containers =
                json!([{"name": "api", "image": format!("api:{tag}"), "portMappings": [{"containerPort": 80}]}]);
            let config = json!({"family": "api", "cpu": "256", "memory": "512", "network_mode": "awsvpc",
                                "requires_compatibilities": ["FARGATE"], "container_definitions": containers.to_string()});
            stage.make(name, "aws_ecs_task_definition", config).await;
        }
        for (colour, count) in [("blue", 2), ("green", 0)] {
            let group = if colour == "blue" { "blue group" } else { "green group" };
            let config = json!({"name": format!("api-{colour}"), "cluster": stage.text("cluster", "arn"),
                                "task_definition": stage.text("v1", "arn"), "desired_count": count, "launch_type": "FARGATE",
                                "load_balancer": [{"target_group_arn": stage.text(group, "arn"), "container_name": "api",
                                                   "container_port": 80}],
                                "network_configuration": [{"subnets": subnets}]});
            stage.make(colour, "aws_ecs_service", config).await;
        }
        Some(stage)
    }

    async fn make(&mut self, name: &'static str, ty: &str, config: Json) {
        let block = catalog().resources[ty].block();
        let (config, null) = (block_value(block, &config), Value::null(block.ty()));
        let proposed = proposed_new(block, &null, &config);
        let private = Private::default();
        let request = PlanRequest { ty, prior: &null, config: &config, proposed: &proposed, private: &private };
        let planned = self.aws.plan(request).await.unwrap_or_else(|problems| panic!("planning {name}: {problems:#?}"));
        let request = ApplyRequest {
            ty,
            prior: &null,
            planned: &planned.value,
            config: &config,
            private: &planned.private,
            checkpoint: &|_| {},
            token: &Token::unique(),
            held: &|_| false,
        };
        let applied = self.aws.apply(request).await;
        assert!(applied.problems.is_empty(), "{name}: {:#?}", applied.problems);
        self.made.insert(name, Member { ty: ty.to_string(), object: applied.value });
    }

    fn text(&self, name: &str, attribute: &str) -> String {
        let value = self.made[name].object.get(attribute).and_then(Value::as_str);
        value.unwrap_or_else(|| panic!("{name} has no {attribute}")).to_string()
    }

    fn forward(&self, blue: u32, green: u32) -> Json {
        let group = |name: &str, weight: u32| json!({"arn": self.text(name, "arn"), "weight": weight});
        let groups = json!([group("blue group", blue), group("green group", green)]);
        json!({"type": "forward",
               "forward": [{"target_group": groups, "stickiness": [{"enabled": true, "duration": 600}]}]})
    }

    async fn fleet(&self, listener: &str, alarms: &[&str]) -> Arc<dyn Fleet> {
        let member = |name: &str| self.made[name].clone();
        let colours = |blue: &str, green: &str| {
            BTreeMap::from([("blue".to_string(), member(blue)), ("green".to_string(), member(green))])
        };
        let spec = FleetSpec {
            services: colours("blue", "green"),
            target_groups: colours("blue group", "green group"),
            listener: Some(member(listener)),
            test_listener: Some(member("test listener")),
            alarms: alarms.iter().map(ToString::to_string).collect(),
        };
        self.aws.fleet(spec).await.unwrap_or_else(|problems| panic!("the fleet: {problems:#?}"))
    }

    /// The calls that something makes, and what it comes to.
    async fn calls<T>(&self, doing: impl Future<Output = T>) -> (T, Vec<String>) {
        self.moto.record();
        let done = doing.await;
        let operation = |call: String| call.rsplit(['.', '/']).next().unwrap_or_default().to_string();
        (done, self.moto.recorded().into_iter().map(operation).collect())
    }

    /// The emulator for calls of the test's own.
    fn direct(&self) -> SdkConfig {
        let url = self.moto.provider_block()["endpoints"][0]["ecs"].as_str().unwrap_or_default().to_string();
        let credentials = Credentials::new("test", "test", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .endpoint_url(url)
            .build()
    }

    async fn read(&self, name: &str) -> Json {
        let Member { ty, object } = &self.made[name];
        let request = infra_provider::ReadRequest::whole(object.clone(), Private::default());
        let read = self.aws.read(ty, vec![request]).await.pop().expect("one answer for one request");
        let read = read.unwrap_or_else(|problem| panic!("{problem:#?}")).expect("it is there");
        value_to_json(&read, &read.ty()).expect("it is known")
    }
}

fn weights(blue: u32, green: u32) -> BTreeMap<String, u32> {
    BTreeMap::from([("blue".to_string(), blue), ("green".to_string(), green)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_starts_the_idle_colour_and_moves_the_weights_by_these_calls() {
    let Some(stage) = Stage::set().await else { return };
    let fleet = stage.fleet("listener", &[]).await;
    assert_eq!(fleet.weights().await, Ok(weights(100, 0)));

    let v2 = stage.text("v2", "arn");
    let (done, calls) = stage.calls(fleet.start("green", &v2, 2)).await;
    assert_eq!((done, calls), (Ok(()), names(&["DescribeServices", "UpdateService", "DescribeServices"])));
    let (standing, calls) = stage.calls(fleet.standing("green")).await;
    let standing = standing.expect("it can be read");
    assert_eq!((standing.definition, standing.desired, standing.failed), (v2, 2, None));
    assert_eq!(calls, names(&["DescribeServices", "ListTasks", "DescribeTargetHealth"]));
    let blue = fleet.standing("blue").await.expect("it can be read");
    assert_eq!((blue.definition, blue.desired), (stage.text("v1", "arn"), 2), "the live colour is as it was");

    let (url, calls) = stage.calls(fleet.test_url("green")).await;
    assert_eq!(url.expect("there is one"), Some(format!("http://{}:8080", stage.text("balancer", "dns_name"))));
    assert_eq!(calls, names(&["DescribeListeners", "ModifyListener", "DescribeListeners", "DescribeLoadBalancers"]));
    let (_, calls) = stage.calls(fleet.test_url("green")).await;
    assert_eq!(calls, names(&["DescribeListeners"]), "it leads to green already");
    let live = fleet.live_url().await.expect("there is one");
    assert_eq!(live, Some(format!("http://{}", stage.text("balancer", "dns_name"))));

    let (before, some, all) = (weights(100, 0), weights(90, 10), weights(0, 100));
    let (done, calls) = stage.calls(fleet.shift(Some(&before), &some)).await;
    assert_eq!((done, calls), (Ok(()), names(&["DescribeListeners", "ModifyListener", "DescribeListeners"])));
    let sticky = &stage.read("listener").await["default_action"][0]["forward"][0]["stickiness"][0];
    assert_eq!(sticky["enabled"], true, "while both colours have a share, clients stay with theirs");
    let (done, calls) = stage.calls(fleet.shift(Some(&before), &some)).await;
    assert_eq!((done, calls), (Ok(()), names(&["DescribeListeners"])), "it was done before");
    let (done, calls) = stage.calls(fleet.shift(Some(&before), &all)).await;
    assert_eq!((done, calls), (Err(ShiftFailure::ChangedMeanwhile(some.clone())), names(&["DescribeListeners"])));
    assert_eq!(fleet.shift(Some(&some), &all).await, Ok(()));
    assert_eq!(fleet.weights().await, Ok(all));

    let (done, calls) = stage.calls(fleet.stop("blue")).await;
    assert_eq!((done, calls), (Ok(()), names(&["UpdateService"])));
    assert_eq!(fleet.standing("blue").await.map(|standing| standing.desired), Ok(0));
}

/// Time that passes when somebody waits for it.
struct Quick(AtomicU64);

#[async_trait]
impl Clock for Quick {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
    async fn sleep(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap_or_default(), Ordering::Relaxed);
    }
}

/// Writes nothing, and wants to go back once the new colour has all the traffic, if at all.
struct Wishing {
    back: bool,
    shifted: bool,
}

#[async_trait]
impl Journal for Wishing {
    async fn save(&mut self, record: &Record) -> Result<(), String> {
        self.shifted |= record.phase == Phase::Watch;
        Ok(())
    }
    fn tell(&mut self, _: &Event<'_>) {}
    fn wish(&mut self) -> Stop {
        if self.back && self.shifted { Stop::Revert("somebody".to_string()) } else { Stop::No }
    }
}

/// Everything is well.
struct Content;

#[async_trait]
impl Prober for Content {
    async fn ask(&self, _: &str, _: &HttpProbe) -> Result<(), String> {
        Ok(())
    }
    async fn run(&self, _: &[String], _: &str, _: Option<&str>, _: Duration) -> Result<(), String> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_whole_release_changes_is_the_idle_colour_the_weights_and_at_last_the_old_colour() {
    let Some(stage) = Stage::set().await else { return };
    let balancing = aws_sdk_elasticloadbalancingv2::Client::new(&stage.direct());
    for address in ["10.0.1.10", "10.0.2.10"] {
        let target = TargetDescription::builder().id(address).port(80).build();
        let request = balancing.register_targets().target_group_arn(stage.text("green group", "arn")).targets(target);
        request.send().await.expect("the emulator takes targets");
    }
    let minute = Duration::from_secs(60);
    let release = Release {
        address: "release.api".to_string(),
        colours: vec!["blue".to_string(), "green".to_string()],
        strategy: Strategy::Linear { step: 50, interval: minute },
        standby: minute,
        start_timeout: minute,
        checks: Vec::new(),
        before_shift: None,
        revert_when: RevertWhen {
            error_rate_percent: 1.0,
            window: minute,
            min_requests: 20,
            alarms: Vec::new(),
            probe: None,
        },
    };
    let version = |name| Version { definition: stage.text(name, "arn"), images: Vec::new() };
    for (back, outcome, wanted) in [
        (
            true,
            Outcome::Reverted,
            // green starts; half, all; all back in one call; green stops.
            &["UpdateService", "ModifyListener", "ModifyListener", "ModifyListener", "UpdateService"][..],
        ),
        (false, Outcome::Finished, &["UpdateService", "ModifyListener", "ModifyListener", "UpdateService"]),
    ] {
        let fleet = stage.fleet("listener", &[]).await;
        let clock = Quick(AtomicU64::new(1_800_000_000_000));
        let (from, to) = (("blue".to_string(), version("v1")), ("green".to_string(), version("v2")));
        let mut record = Record::begin(release.clone(), from, to, 2, clock.now(), "somebody".to_string());
        let mut journal = Wishing { back, shifted: false };
        let around = Surroundings { fleet: &*fleet, clock: &clock, journal: &mut journal, prober: &Content };
        let (ended, calls) = stage.calls(advance(&mut record, around)).await;
        let changes: Vec<String> = calls.into_iter().filter(|call| !call.starts_with("Describe")).collect();
        let changes: Vec<&str> = changes.iter().map(String::as_str).filter(|call| !READS.contains(call)).collect();
        assert_eq!((ended, changes.as_slice()), (outcome, wanted), "{:#?}", record.log);
        let colour = if back { "blue" } else { "green" };
        let (all, none) = (fleet.weights().await, fleet.standing(if back { "green" } else { "blue" }).await);
        assert_eq!(all.map(|weights| weights[colour]), Ok(100));
        assert_eq!(none.map(|standing| standing.desired), Ok(0));
    }
}

/// Calls that change nothing, by names that do not say so.
const READS: [&str; 2] = ["GetMetricData", "ListTasks"];

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_one_call_for_a_listener_and_for_a_rule() {
    let Some(mut stage) = Stage::set().await else { return };
    let rule = json!({"listener_arn": stage.text("test listener", "arn"), "priority": 10,
                      "condition": [{"path_pattern": [{"values": ["/api/*"]}]}], "action": [stage.forward(100, 0)]});
    stage.make("rule", "aws_lb_listener_rule", rule).await;
    for (place, action, call) in [("listener", "default_action", "ModifyListener"), ("rule", "action", "ModifyRule")] {
        let fleet = stage.fleet(place, &[]).await;
        assert_eq!(fleet.shift(Some(&weights(100, 0)), &weights(40, 60)).await, Ok(()), "{place}");
        // Another process, that has seen nothing of this.
        let fleet = stage.fleet(place, &[]).await;
        let (done, calls) = stage.calls(fleet.shift(None, &weights(100, 0))).await;
        assert_eq!((done, calls), (Ok(()), names(&[call])), "{place}");
        assert_eq!(fleet.weights().await, Ok(weights(100, 0)), "{place}");
        let sticky = &stage.read(place).await[action][0]["forward"][0]["stickiness"];
        assert!(!sticky[0]["enabled"].as_bool().unwrap_or_default(), "{place}: clients follow the weights: {sticky}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scaling_is_suspended_and_only_a_colour_with_tasks_gets_it_back() {
    let Some(stage) = Stage::set().await else { return };
    // The type cannot be made here: the emulator does not tell its tags.
    let scaling = aws_sdk_applicationautoscaling::Client::new(&stage.direct());
    let dimension = ScalableDimension::EcsServiceDesiredCount;
    for colour in ["blue", "green"] {
        let request = scaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
        let request = request.scalable_dimension(dimension.clone()).resource_id(format!("service/main/api-{colour}"));
        request.min_capacity(1).max_capacity(4).send().await.expect("the emulator takes targets");
    }
    let fleet = stage.fleet("listener", &[]).await;
    let (done, calls) = stage.calls(fleet.hold_scaling(true)).await;
    let hold = ["DescribeScalableTargets", "RegisterScalableTarget", "RegisterScalableTarget"];
    assert_eq!((done, calls), (Ok(()), names(&hold)));
    let (done, calls) = stage.calls(fleet.hold_scaling(true)).await;
    assert_eq!((done, calls), (Ok(()), names(&["DescribeScalableTargets"])), "it was done before");
    assert_eq!(fleet.hold_scaling(false).await, Ok(()));
    let targets = scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs).send().await;
    let targets = targets.expect("they can be read").scalable_targets.unwrap_or_default();
    let shown = |target: &ScalableTarget| {
        let suspended = target.suspended_state().and_then(|state| state.dynamic_scaling_in_suspended());
        (target.resource_id().to_string(), suspended, target.min_capacity(), target.max_capacity())
    };
    let wanted = [("blue", false), ("green", true)]
        .map(|(colour, suspended)| (format!("service/main/api-{colour}"), Some(suspended), 1, 4));
    assert_eq!(targets.iter().map(shown).collect::<Vec<_>>(), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_of_whole_minutes_and_alarms_that_are_missing_are_named() {
    let Some(mut stage) = Stage::set().await else { return };
    let alarm = json!({"alarm_name": "api-5xx", "comparison_operator": "GreaterThanThreshold", "evaluation_periods": 1,
                       "metric_name": "HTTPCode_Target_5XX_Count", "namespace": "AWS/ApplicationELB", "period": 60,
                       "statistic": "Sum", "threshold": 10});
    stage.make("alarm", "aws_cloudwatch_metric_alarm", alarm).await;
    let arn = stage.text("alarm", "arn");
    let fleet = stage.fleet("listener", &[&arn, "gone"]).await;
    let (alarms, calls) = stage.calls(fleet.alarms()).await;
    assert_eq!(alarms, Ok(vec!["gone (there is no such alarm)".to_string()]));
    assert_eq!(calls, names(&["DescribeAlarms"]));

    let window = Duration::from_secs(300);
    let (nothing, calls) = stage.calls(fleet.evidence("green", window)).await;
    let nothing = nothing.expect("metrics can be read");
    assert_eq!((nothing.requests, nothing.failed, nothing.p50_seconds), (0, 0, None));
    assert_eq!(calls, names(&["GetMetricData"]));
    let (balancer, group) = (stage.text("balancer", "arn_suffix"), stage.text("green group", "arn_suffix"));
    let of_group = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
    let of_balancer = [("LoadBalancer", balancer.as_str())];
    let then = SystemTime::now() - Duration::from_secs(240);
    for (name, value, dimensions) in [
        ("RequestCount", 200.0, &of_group[..]),
        ("HTTPCode_Target_5XX_Count", 3.0, &of_group),
        ("TargetConnectionErrorCount", 1.0, &of_group),
        ("RequestCount", 900.0, &of_balancer),
        ("HTTPCode_ELB_5XX_Count", 7.0, &of_balancer),
    ] {
        put(&stage, name, value, dimensions, then).await;
    }
    let seen = fleet.evidence("green", window).await.expect("metrics can be read");
    assert_eq!((seen.requests, seen.failed), (200, 4));
    assert_eq!((seen.balancer_requests, seen.balancer_failed), (900, 7));
    let other = fleet.evidence("blue", window).await.expect("metrics can be read");
    assert_eq!((other.requests, other.balancer_failed), (0, 7));
}

async fn put(stage: &Stage, name: &str, value: f64, dimensions: &[(&str, &str)], time: SystemTime) {
    let dimension = |(name, value): &(&str, &str)| Dimension::builder().name(*name).value(*value).build();
    let datum = MetricDatum::builder()
        .metric_name(name)
        .value(value)
        .timestamp(DateTime::from(time))
        .set_dimensions(Some(dimensions.iter().map(dimension).collect()))
        .build();
    let request = aws_sdk_cloudwatch::Client::new(&stage.direct()).put_metric_data().namespace("AWS/ApplicationELB");
    request.metric_data(datum).send().await.expect("the emulator takes metrics");
}

fn names(calls: &[&str]) -> Vec<String> {
    calls.iter().map(ToString::to_string).collect()
}
