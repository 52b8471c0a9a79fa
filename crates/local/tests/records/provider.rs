//! The provider over a world.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use infra_catalog::{AwsProvider, Cloud, HalfDone, OpContext, catalog};
use infra_local::world::{Cx, Ports, World};
use infra_provider::plan::{Meta, proposed_new};
use infra_provider::{
    Applied, ApplyRequest, Configured, Failure, Object, PlanRequest, Private, Provider, ReadRequest, Token,
};
use infra_value::{Type, Value, value_to_json};
use serde_json::Value as Json;

/// Ports that nothing listens on: below 1024 only where they are allowed.
#[derive(Default)]
pub struct Given {
    pub taken: BTreeSet<SocketAddr>,
    pub privileged: bool,
}

impl Ports for Given {
    fn reserve(&mut self, wanted: Option<u16>) -> Result<SocketAddr, String> {
        let allowed = wanted.filter(|port| self.privileged || *port >= 1024).into_iter();
        let free = allowed.chain(20_000..).map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let address = free.into_iter().find(|address| !self.taken.contains(address)).ok_or("none left")?;
        self.taken.insert(address);
        Ok(address)
    }
    fn release(&mut self, address: SocketAddr) {
        self.taken.remove(&address);
    }
}

/// A world as a cloud, and what it has given out.
pub struct Local {
    meta: Meta,
    pub kept: Mutex<(World, Given, u64)>,
}

impl Local {
    pub fn with<T>(&self, work: impl FnOnce(&mut World, &mut Cx<'_>) -> T, cx: Option<&OpContext<'_>>) -> T {
        let mut kept = self.kept.lock().expect("no panic");
        let (world, ports, seed) = &mut *kept;
        *seed += 1;
        let none = Value::null(Type::Dynamic);
        let (config, tags) = cx.map_or((&none, BTreeMap::new()), |cx| (cx.config, cx.tags.clone()));
        let now = UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        work(world, &mut Cx::new(config, tags, now, ports).seeded(*seed << 32))
    }
}

#[async_trait]
impl Cloud for Local {
    fn meta(&self) -> &Meta {
        &self.meta
    }
    fn supports(&self, ty: &str, data: bool) -> bool {
        World::supports(ty, data)
    }
    async fn read(&self, ty: &str, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        let region = &self.meta.region;
        self.with(|world, _| objects.into_iter().map(|object| world.read_in(region, ty, object)).collect(), None)
    }
    async fn create(&self, ty: &str, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        self.with(|world, local| world.create(ty, planned, local), Some(cx))
    }
    async fn update(&self, ty: &str, prior: &Object, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        self.with(|world, local| world.update(ty, prior, planned, local), Some(cx))
    }
    async fn delete(&self, ty: &str, prior: &Object, cx: &OpContext<'_>) -> Result<(), HalfDone> {
        let half = |failure| HalfDone { object: Some(prior.clone()), failure };
        self.with(|world, local| world.delete(ty, prior, local), Some(cx)).map_err(half)
    }
    async fn read_data(&self, ty: &str, config: Object) -> Result<Object, Failure> {
        self.with(|world, local| world.read_data(ty, config, local), None)
    }
}

/// The provider, and the world behind it.
pub struct Machine {
    pub local: Arc<Local>,
    configured: Arc<dyn Configured>,
}

/// An object as the state has it: value and JSON.
pub struct Stored {
    pub ty: String,
    pub config: Value,
    pub value: Value,
}

impl Stored {
    pub fn json(&self) -> Json {
        value_to_json(&self.value, &catalog().resources[&*self.ty].schema().block.ty()).expect("a known value")
    }
    pub fn id(&self) -> String {
        self.json()["id"].as_str().unwrap_or_default().to_string()
    }
    pub fn get(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_string()
    }
}

pub fn null(ty: &str) -> Value {
    Value::null(catalog().resources[ty].schema().block.ty())
}

/// A configuration from JSON.
pub fn config(ty: &str, json: &Json) -> Value {
    let provider = AwsProvider::new(|_| Box::pin(async { Err(Vec::new()) }));
    provider.upgrade(ty, catalog().resources[ty].schema().version, json).expect("a configuration of the type")
}

impl Machine {
    pub async fn new(account: &str) -> Machine {
        let kept = Mutex::new((World::new(account, "eu-west-1"), Given::default(), 0));
        let meta =
            Meta { partition: "aws".into(), region: "eu-west-1".into(), account: account.into(), ..Meta::default() };
        let local = Arc::new(Local { meta, kept });
        let shared = local.clone();
        let provider = AwsProvider::new(move |_| {
            let cloud = shared.clone();
            Box::pin(async move { Ok(cloud as Arc<dyn Cloud>) })
        });
        let configured = provider.configure(&Value::null(Type::Dynamic)).await.expect("it is there");
        Machine { local, configured }
    }

    /// What a plan makes of a prior object and a configuration.
    pub async fn planned(&self, ty: &str, prior: &Value, config: &Value) -> Value {
        let proposed = proposed_new(&catalog().resources[ty].schema().block, prior, config);
        let private = Private::default();
        let request = PlanRequest { ty, prior, config, proposed: &proposed, private: &private };
        self.configured.plan(request).await.expect("a plan").value
    }

    async fn apply(&self, ty: &str, prior: &Value, planned: &Value, config: &Value) -> Applied {
        let (private, token) = (Private::default(), Token::unique());
        let request = ApplyRequest {
            ty,
            prior,
            planned,
            config,
            private: &private,
            checkpoint: &|_| {},
            token: &token,
            held: &|_| false,
        };
        self.configured.apply(request).await
    }

    /// Plans and makes an object, or what was said instead.
    pub async fn create(&self, ty: &str, json: &Json) -> Result<Stored, String> {
        let config = config(ty, json);
        let planned = self.planned(ty, &null(ty), &config).await;
        let applied = self.apply(ty, &null(ty), &planned, &config).await;
        match &applied.problems[..] {
            [] => Ok(Stored { ty: ty.into(), config, value: applied.value }),
            [problem, ..] => Err(problem.summary.clone()),
        }
    }

    /// Plans and makes a change.
    pub async fn update(&self, stored: &Stored, json: &Json) -> Result<Stored, String> {
        let ty = &*stored.ty;
        let config = config(ty, json);
        let planned = self.planned(ty, &stored.value, &config).await;
        let applied = self.apply(ty, &stored.value, &planned, &config).await;
        match &applied.problems[..] {
            [] => Ok(Stored { ty: ty.into(), config, value: applied.value }),
            [problem, ..] => Err(problem.summary.clone()),
        }
    }

    pub async fn delete(&self, stored: &Stored) -> Result<(), String> {
        let config = Value::null(Type::Dynamic);
        let applied = self.apply(&stored.ty, &stored.value, &null(&stored.ty), &config).await;
        applied.problems.first().map_or(Ok(()), |problem| Err(problem.summary.clone()))
    }

    pub async fn refreshed(&self, stored: &Stored) -> Option<Value> {
        let request = ReadRequest::whole(stored.value.clone(), Private::default());
        self.configured.read(&stored.ty, vec![request]).await.remove(0).expect("an answer")
    }

    pub async fn imported(&self, ty: &str, id: &str) -> Vec<Value> {
        let found = self.configured.import(ty, id).await.expect("an id of the form");
        found.into_iter().map(|imported| imported.value).collect()
    }

    pub async fn data(&self, ty: &str, json: &Json) -> Result<Json, String> {
        let block = &catalog().data_sources[ty].schema().block;
        let config = infra_value::value_from_json(json, &block.ty()).expect("a configuration of the type");
        let read = self.configured.read_data(ty, &config).await;
        let read = read.map_err(|problems| problems.first().map(|p| p.summary.clone()).unwrap_or_default())?;
        Ok(value_to_json(&read, &block.ty()).expect("a known value"))
    }
}
