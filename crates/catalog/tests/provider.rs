//! What the provider makes of a cloud's answers: private data, tags, half-made objects, imports.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use infra_catalog::{AwsProvider, Cloud, HalfDone, OpContext, catalog};
use infra_provider::plan::{Meta, TagRules, proposed_new};
use infra_provider::{
    Applied, ApplyRequest, Configured, Failure, Object, PlanRequest, Private, Provider, ReadRequest, Token,
};
use infra_value::{Type, Value, value_to_json};
use serde_json::{Value as Json, json};

/// A cloud that answers with what it is given, and a little more.
#[derive(Default)]
struct Echo {
    meta: Meta,
    /// Fails every create and update: before there is an id, or after.
    fails: Option<bool>,
    seen: Mutex<Vec<String>>,
}

impl Echo {
    fn settled(object: &Object) -> Object {
        let mut out = object.clone();
        let block = object.block().clone();
        for (name, attribute) in &block.attributes {
            if !object.raw(name).is_wholly_known() {
                out.unset(name);
            }
            if attribute.is_computed_only() && !matches!(attribute.ty, Type::Map(_)) {
                out.set(name, None::<Value>);
            }
        }
        for (name, nested) in &block.blocks {
            if !object.raw(name).is_wholly_known() {
                out.set(name, nested.empty());
            }
        }
        out.set("id", "x-1");
        out
    }

    fn note(&self, what: &str, cx: &OpContext<'_>) {
        let entry = format!("{what} {:?} {:?}", cx.tags, cx.timeouts.0);
        self.seen.lock().expect("no panic").push(entry);
    }

    fn failure(&self, object: Object) -> Result<Object, HalfDone> {
        let failure = Failure::new("creating", "it may not be");
        match self.fails {
            None => Ok(object),
            Some(with_id) => Err(HalfDone { object: with_id.then_some(object), failure }),
        }
    }
}

#[async_trait]
impl Cloud for Echo {
    fn meta(&self) -> &Meta {
        &self.meta
    }
    fn supports(&self, _ty: &str, _data: bool) -> bool {
        true
    }
    async fn read(&self, _ty: &str, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let there = |object: Object| (object.id() != "gone").then_some(object);
        objects.into_iter().map(|object| Ok(there(object))).collect()
    }
    async fn create(&self, _ty: &str, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        self.note("create", cx);
        let mut object = Echo::settled(&planned);
        (cx.checkpoint)(&object);
        if self.fails.is_none() && object.block().attributes.contains_key("tags_all") {
            object.set("tags_all", cx.tags.clone());
        }
        self.failure(object)
    }
    async fn update(&self, _: &str, _: &Object, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        self.note("update", cx);
        self.failure(Echo::settled(&planned))
    }
    async fn delete(&self, _ty: &str, _prior: &Object, cx: &OpContext<'_>) -> Result<(), HalfDone> {
        self.note("delete", cx);
        Ok(())
    }
    async fn read_data(&self, _ty: &str, config: Object) -> Result<Object, Failure> {
        Ok(config)
    }
}

fn meta(defaults: &[(&str, &str)]) -> Meta {
    let defaults = defaults.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    Meta { region: "eu-west-1".into(), tags: TagRules { defaults, ..TagRules::default() }, ..Meta::default() }
}

struct World {
    cloud: Arc<Echo>,
    configured: Arc<dyn Configured>,
}

async fn world(cloud: Echo) -> World {
    let cloud = Arc::new(cloud);
    let shared = cloud.clone();
    let provider = AwsProvider::new(move |_| {
        let cloud = shared.clone();
        Box::pin(async move { Ok(cloud as Arc<dyn Cloud>) })
    });
    let configured = provider.configure(&Value::null(Type::Dynamic)).await.expect("it is there");
    World { cloud, configured }
}

fn offline() -> impl Provider {
    AwsProvider::new(|_| Box::pin(async { Err(Vec::new()) }))
}

fn object(ty: &str, json: &Json) -> Value {
    offline().upgrade(ty, catalog().resources[ty].schema().version, json).expect("an object of the type")
}

fn null(ty: &str) -> Value {
    Value::null(catalog().resources[ty].schema().block.ty())
}

fn shown(ty: &str, value: &Value) -> Json {
    value_to_json(value, &catalog().resources[ty].schema().block.ty()).expect("a known value")
}

impl World {
    async fn apply(&self, ty: &str, prior: &Value, config: &Value) -> (Applied, Vec<Value>) {
        let proposed = proposed_new(&catalog().resources[ty].schema().block, prior, config);
        let private = Private::default();
        let request = PlanRequest { ty, prior, config, proposed: &proposed, private: &private };
        let planned = self.configured.plan(request).await.expect("a plan");
        let checkpoints = Mutex::new(Vec::new());
        let checkpoint = |value: Value| checkpoints.lock().expect("no panic").push(value);
        let request = ApplyRequest {
            ty,
            prior,
            planned: &planned.value,
            config,
            private: &planned.private,
            checkpoint: &checkpoint,
            token: &Token::default(),
            held: &|_| false,
        };
        let applied = self.configured.apply(request).await;
        (applied, checkpoints.into_inner().expect("no panic"))
    }

    async fn refresh(&self, ty: &str, prior: &Value) -> Value {
        let request = ReadRequest::whole(prior.clone(), Private::default());
        let answer = self.configured.read(ty, vec![request]).await.remove(0);
        answer.expect("an answer").expect("an object")
    }
}

fn private_text(private: &Private) -> String {
    String::from_utf8_lossy(private.0.as_deref().unwrap_or(b"")).into_owned()
}

#[tokio::test]
async fn private_data_holds_timeouts_in_nanoseconds_and_the_schema_version() {
    let world = world(Echo::default()).await;
    let config =
        object("aws_subnet", &json!({"vpc_id": "v", "cidr_block": "10.0.0.0/24", "timeouts": {"create": "3m"}}));
    let (applied, _) = world.apply("aws_subnet", &null("aws_subnet"), &config).await;
    assert_eq!(
        private_text(&applied.private),
        r#"{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":180000000000,"delete":1200000000000},"schema_version":"1"}"#
    );
    let config = object("aws_ecs_cluster", &json!({"name": "c"}));
    let (applied, _) = world.apply("aws_ecs_cluster", &null("aws_ecs_cluster"), &config).await;
    assert_eq!(private_text(&applied.private), "null");
    let config = json!({"security_group_id": "sg-1", "ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"});
    let ty = "aws_vpc_security_group_egress_rule";
    let (applied, _) = world.apply(ty, &null(ty), &object(ty, &config)).await;
    assert_eq!((applied.private, applied.legacy), (Private(None), false));
}

#[tokio::test]
async fn tags_are_null_after_a_create_without_any_and_empty_after_the_refresh() {
    let world = world(Echo::default()).await;
    let config = object("aws_vpc", &json!({"cidr_block": "10.0.0.0/16"}));
    let (applied, checkpoints) = world.apply("aws_vpc", &null("aws_vpc"), &config).await;
    let stored = shown("aws_vpc", &applied.value);
    assert_eq!((&stored["tags"], &stored["tags_all"], &stored["id"]), (&Json::Null, &json!({}), &json!("x-1")));
    assert_eq!(checkpoints.len(), 1);
    assert!(checkpoints[0].is_wholly_known());
    let refreshed = shown("aws_vpc", &world.refresh("aws_vpc", &applied.value).await);
    assert_eq!((&refreshed["tags"], &refreshed["tags_all"]), (&json!({}), &json!({})));
}

#[tokio::test]
async fn a_default_tag_is_in_tags_only_where_it_is_written_or_has_changed() {
    let world = world(Echo { meta: meta(&[("Env", "prod"), ("Team", "a")]), ..Echo::default() }).await;
    let config = object("aws_vpc", &json!({"cidr_block": "10.0.0.0/16", "tags": {"Team": "a", "Own": "x"}}));
    let (applied, _) = world.apply("aws_vpc", &null("aws_vpc"), &config).await;
    let stored = shown("aws_vpc", &applied.value);
    assert_eq!(stored["tags"], json!({"Own": "x", "Team": "a"}));
    assert_eq!(stored["tags_all"], json!({"Env": "prod", "Own": "x", "Team": "a"}));
    assert!(world.cloud.seen.lock().expect("no panic")[0].contains(r#""Env": "prod""#));

    let before = json!({"id": "x", "cidr_block": "10.0.0.0/16", "tags": {}, "tags_all": {"Env": "dev", "aws:x": "y"}});
    let refreshed = shown("aws_vpc", &world.refresh("aws_vpc", &object("aws_vpc", &before)).await);
    assert_eq!((&refreshed["tags"], &refreshed["tags_all"]), (&json!({"Env": "dev"}), &json!({"Env": "dev"})));
}

#[tokio::test]
async fn a_framework_type_keeps_tags_that_are_not_there() {
    let world = world(Echo::default()).await;
    let ty = "aws_vpc_security_group_egress_rule";
    let config = json!({"security_group_id": "sg-1", "ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"});
    let (applied, _) = world.apply(ty, &null(ty), &object(ty, &config)).await;
    let stored = shown(ty, &applied.value);
    assert_eq!((&stored["tags"], &stored["tags_all"]), (&Json::Null, &json!({})));
    assert_eq!(world.refresh(ty, &applied.value).await, applied.value);
}

#[tokio::test]
async fn a_create_that_failed_half_way_leaves_what_was_planned() {
    let config = object("aws_security_group", &json!({"name": "n", "tags": {"A": "1"}}));
    let none = null("aws_security_group");
    let (applied, _) =
        world(Echo { fails: Some(true), ..Echo::default() }).await.apply("aws_security_group", &none, &config).await;
    assert!(applied.problems[0].is_error());
    let stored = shown("aws_security_group", &applied.value);
    assert_eq!((&stored["id"], &stored["name"]), (&json!("x-1"), &json!("n")));
    assert_eq!((&stored["ingress"], &stored["vpc_id"]), (&json!([]), &Json::Null));
    let (applied, _) =
        world(Echo { fails: Some(false), ..Echo::default() }).await.apply("aws_security_group", &none, &config).await;
    assert!(applied.value.is_null());
}

#[tokio::test]
async fn an_import_is_a_read_with_nothing_but_the_id() {
    let world = world(Echo::default()).await;
    let found = world.configured.import("aws_vpc", "vpc-1").await.expect("an answer");
    let value = shown("aws_vpc", &found[0].value);
    assert_eq!(
        (&value["id"], &value["enable_dns_support"], &value["tags"]),
        (&json!("vpc-1"), &Json::Null, &json!({}))
    );
    assert!(world.configured.import("aws_vpc", "gone").await.expect("an answer").is_empty());
}

#[tokio::test]
async fn arguments_of_a_data_source_that_are_given_and_empty_are_stored_as_not_given() {
    let world = world(Echo::default()).await;
    let block = &catalog().data_sources["aws_iam_policy_document"].schema().block;
    let json = json!({"source_policy_documents": [], "override_policy_documents": ["{}"], "policy_id": ""});
    let config = infra_value::value_from_json(&json, &block.ty()).expect("a configuration");
    let read = world.configured.read_data("aws_iam_policy_document", &config).await.expect("an answer");
    assert!(read.get("source_policy_documents").is_some_and(Value::is_null));
    assert_eq!(read.get("override_policy_documents"), Some(&Value::list(Type::String, [Value::string("{}")])));
    assert_eq!(read.get("policy_id"), Some(&Value::string("")));
}

#[test]
fn what_no_type_takes_is_refused() {
    let problems = |config: Json| {
        let problems = offline().validate_resource("aws_db_subnet_group", &object("aws_db_subnet_group", &config));
        problems.into_iter().map(|p| (p.summary, p.path.to_string())).collect::<Vec<_>>()
    };
    let good = json!({"name": "n", "subnet_ids": ["a"]});
    assert_eq!(problems(good), []);
    assert_eq!(
        problems(json!({"id": "x", "name": "n", "subnet_ids": ["a", null]})),
        [("Invalid or unknown key".to_string(), "id".to_string())]
    );
    assert_eq!(
        problems(json!({"arn": "x", "name": "n", "subnet_ids": []})),
        [("Value for unconfigurable attribute".to_string(), "arn".to_string())]
    );
    let data = |ty: &str| offline().validate_data(ty, &Value::object([("id", Value::string("x"))])).len();
    assert_eq!((data("aws_availability_zones"), data("aws_vpc")), (1, 0));
}

#[tokio::test]
async fn a_null_in_a_list_is_refused_when_it_is_planned() {
    let (ty, world, private) = ("aws_db_subnet_group", world(Echo::default()).await, Private::default());
    let (prior, config) = (null(ty), object(ty, &json!({"name": "n", "subnet_ids": ["a", null]})));
    let proposed = proposed_new(&catalog().resources[ty].schema().block, &prior, &config);
    let request = PlanRequest { ty, prior: &prior, config: &config, proposed: &proposed, private: &private };
    let problems = world.configured.plan(request).await.expect_err("no plan");
    let said: Vec<_> = problems.into_iter().map(|p| (p.summary, p.path.to_string())).collect();
    assert_eq!(said, [("Null value found in list".to_string(), "subnet_ids".to_string())]);
}

#[test]
fn a_state_of_a_newer_schema_is_refused_and_unknown_attributes_are_dropped() {
    let provider = offline();
    assert!(provider.upgrade("aws_vpc", 99, &json!({})).is_err());
    let value = provider.upgrade("aws_vpc", 1, &json!({"id": "v", "enable_classiclink": true})).expect("an object");
    assert!(value.get("enable_classiclink").is_none());
    assert_eq!(value.get("id"), Some(&Value::string("v")));
    let value = provider.upgrade("aws_lb", 0, &json!({"id": "l", "access_logs": null})).expect("an object");
    assert!(value.get("access_logs").is_some_and(Value::is_empty));
}

#[test]
fn the_provider_block_has_the_settings_that_people_use() {
    let provider = offline();
    let block = &provider.config_schema().block;
    for name in ["region", "profile", "access_key", "secret_key", "token", "allowed_account_ids", "max_retries"] {
        assert!(block.attributes.contains_key(name), "{name}");
    }
    for name in ["assume_role", "assume_role_with_web_identity", "default_tags", "ignore_tags", "endpoints"] {
        assert!(block.blocks.contains_key(name), "{name}");
    }
}
