//! AWS as a [`Cloud`]: finds the type's code, and does around it what is the same for all types.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use infra_catalog::{Cloud, HalfDone, OpContext, Trace};
use infra_provider::fleet::{FleetOrProblems, FleetSpec};
use infra_provider::plan::Meta;
use infra_provider::{Failure, Object};

use crate::resource::{ResourceType, differ};
use crate::wait::{CHANGED, PROPAGATION, Seen, Wait};
use crate::{Aws, creating, data, ephemeral, tagging, types};

type Tags = BTreeMap<String, String>;

#[async_trait]
impl Cloud for Aws {
    fn meta(&self) -> &Meta {
        self.meta()
    }

    fn caller(&self) -> Option<String> {
        Some(self.caller().arn.clone()).filter(|arn| !arn.is_empty())
    }

    fn supports(&self, ty: &str, data: bool) -> bool {
        if data { data::find(ty).is_some() } else { types::find(ty).is_some() }
    }

    async fn read(&self, ty: &str, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
        match api(ty) {
            Ok(api) => tagging::refreshing(api.read(self, objects)).await,
            Err(failure) => crate::resource::all_failed(&objects, &failure),
        }
    }

    async fn create(&self, ty: &str, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        creating::create(self, ty, planned, cx).await
    }

    async fn find_created(&self, ty: &str, planned: Object, trace: &Trace) -> Result<Option<Vec<Object>>, Failure> {
        creating::look(self, api(ty)?, &planned.settled(None), trace).await
    }

    async fn ready(&self, ty: &str, object: &Object, trace: &Trace) -> Result<Option<Object>, Failure> {
        creating::ready(self, api(ty)?, object, trace).await
    }

    async fn update(&self, ty: &str, prior: &Object, planned: Object, cx: &OpContext<'_>) -> Result<Object, HalfDone> {
        let api = api(ty).map_err(|failure| HalfDone { object: Some(prior.clone()), failure })?;
        let tags_last = !planned.raw("tags_all").is_known();
        let wanted = if tags_last { cx.tags.clone() } else { planned.map("tags_all") };
        let mut object = planned.settled(Some(prior));
        match update(self, api, prior, &mut object, cx, &wanted, tags_last).await {
            Ok(()) if api.reads_back_changes() => {
                // Some changes make another object of it.
                let limit = if object.id() == prior.id() { CHANGED } else { PROPAGATION };
                let read = read_within(limit, self, api, ty, &object).await;
                read.map_err(|failure| HalfDone { object: Some(object), failure })
            }
            Ok(()) => {
                if object.block().attributes.contains_key("tags_all") {
                    object.set("tags_all", wanted);
                }
                Ok(object)
            }
            Err(failure) => Err(HalfDone { object: Some(object), failure }),
        }
    }

    async fn delete(&self, ty: &str, prior: &Object, cx: &OpContext<'_>) -> Result<(), HalfDone> {
        let half = |failure| HalfDone { object: Some(prior.clone()), failure };
        api(ty).map_err(half)?.delete(self, prior, cx).await.map_err(half)
    }

    async fn open(&self, ty: &str, config: Object) -> Result<Object, Failure> {
        let mut object = config.settled(None);
        match ephemeral::find(ty) {
            Some(source) => source.read(self, &mut object).await.map(|()| object),
            None => Err(unsupported(ty)),
        }
    }

    async fn read_data(&self, ty: &str, config: Object) -> Result<Object, Failure> {
        match data::find(ty) {
            Some(source) => data::together::read(self, ty, source, config.settled(None)).await,
            None => Err(unsupported(ty)),
        }
    }

    async fn fleet(&self, spec: FleetSpec) -> FleetOrProblems {
        crate::fleet::fleet(self, spec)
    }

    fn evidence_delay(&self) -> Duration {
        crate::fleet::evidence_delay(self.lags())
    }
}

pub(crate) fn api(ty: &str) -> Result<&'static dyn ResourceType, Failure> {
    types::find(ty).ok_or_else(|| unsupported(ty))
}

fn unsupported(ty: &str) -> Failure {
    Failure::new(format!("finding {ty}"), "this type is not supported on AWS yet")
}

pub(crate) async fn update(
    aws: &Aws,
    api: &dyn ResourceType,
    prior: &Object,
    object: &mut Object,
    cx: &OpContext<'_>,
    tags: &Tags,
    tags_last: bool,
) -> Result<(), Failure> {
    let (remove, put) = tag_changes(&prior.map("tags_all"), tags);
    let retags = object.block().attributes.contains_key("tags_all") && !(remove.is_empty() && put.is_empty());
    if retags && !tags_last {
        api.tag(aws, object, &remove, &put).await?;
    }
    if changed_beside_tags(prior, object) || api.is_completed_with_tags(prior) {
        api.update(aws, prior, object, cx).await?;
    }
    if retags && tags_last {
        api.tag(aws, object, &remove, &put).await?;
    }
    Ok(())
}

/// Which tags go (with their old values), and which come or get another value.
fn tag_changes(old: &Tags, new: &Tags) -> (Tags, Tags) {
    let remove = old.iter().filter(|(k, _)| !new.contains_key(*k));
    let put = new.iter().filter(|(k, v)| old.get(*k) != Some(v));
    let own = |(k, v): (&String, &String)| (k.clone(), v.clone());
    (remove.map(own).collect(), put.map(own).collect())
}

fn changed_beside_tags(prior: &Object, planned: &Object) -> bool {
    let block = planned.block();
    let names = block.attributes.keys().chain(block.blocks.keys());
    let mut names = names.filter(|name| !matches!(&***name, "tags" | "tags_all" | "timeouts"));
    names.any(|name| differ(prior.raw(name), planned.raw(name)))
}

/// Reads an object that is known to exist, however long it takes the API to show it.
pub(crate) async fn read_new(aws: &Aws, api: &dyn ResourceType, ty: &str, object: &Object) -> Result<Object, Failure> {
    read_within(PROPAGATION, aws, api, ty, object).await
}

async fn read_within(
    limit: Duration,
    aws: &Aws,
    api: &dyn ResourceType,
    ty: &str,
    object: &Object,
) -> Result<Object, Failure> {
    let doing = format!("waiting for {ty} ({}) to be seen", object.id());
    let wait = Wait::new(doing, limit).tolerate(u32::MAX - 1);
    wait.until(|| async {
        Ok(match api.read_new(aws, object.clone()).await? {
            Some(read) => Seen::Target(read),
            None => Seen::Missing,
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_types::SdkConfig;
    use infra_catalog::{Timeouts, catalog};
    use infra_provider::Token;
    use infra_value::{Type, Value};

    use super::*;

    /// Notes what is asked of it.
    #[derive(Default)]
    struct Noting(Mutex<Vec<String>>);

    impl Noting {
        fn note(&self, what: String) {
            if let Ok(mut notes) = self.0.lock() {
                notes.push(what);
            }
        }
    }

    #[async_trait]
    impl ResourceType for Noting {
        async fn read(&self, _: &Aws, objects: Vec<Object>) -> Vec<Result<Option<Object>, Failure>> {
            self.note("read".into());
            objects.into_iter().map(|o| Ok(Some(o))).collect()
        }
        async fn create(&self, _: &Aws, object: &mut Object, _: &OpContext<'_>) -> Result<(), Failure> {
            self.note("create".into());
            object.set("id", "vpc-1");
            Ok(())
        }
        async fn update(&self, _: &Aws, _: &Object, _: &mut Object, _: &OpContext<'_>) -> Result<(), Failure> {
            self.note("update".into());
            Ok(())
        }
        async fn tag(&self, _: &Aws, _: &Object, remove: &Tags, put: &Tags) -> Result<(), Failure> {
            self.note(format!("tag -{} +{}", remove.len(), put.len()));
            Ok(())
        }
        async fn delete(&self, _: &Aws, _: &Object, _: &OpContext<'_>) -> Result<(), Failure> {
            Ok(())
        }
    }

    fn vpc(cidr: &str, tags: &[(&str, &str)]) -> Object {
        let block = catalog().resources["aws_vpc"].block().clone();
        let mut vpc = Object::new(block, &Value::null(Type::Dynamic));
        vpc.set("cidr_block", cidr);
        vpc.set("tags_all", self::tags(tags));
        vpc
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    }

    async fn notes_of_update(prior: &Object, planned: &Object, tags_last: bool) -> Vec<String> {
        let aws = Aws::new(SdkConfig::builder().build(), BTreeMap::new());
        let (api, config) = (Noting::default(), Value::null(Type::Dynamic));
        let cx = OpContext {
            config: &config,
            timeouts: Timeouts::default(),
            tags: Tags::new(),
            checkpoint: &|_| {},
            token: Token::default(),
            held: &|_| false,
        };
        let wanted = planned.map("tags_all");
        let done = update(&aws, &api, prior, &mut planned.clone(), &cx, &wanted, tags_last).await;
        assert_eq!(done, Ok(()));
        api.0.into_inner().unwrap_or_default()
    }

    #[tokio::test]
    async fn tags_are_changed_before_the_rest_and_alone_if_nothing_else_changes() {
        let (old, same) = (vpc("10.0.0.0/16", &[("a", "1")]), vpc("10.0.0.0/16", &[("a", "2")]));
        let new = vpc("10.1.0.0/16", &[("b", "2")]);
        assert_eq!(notes_of_update(&old, &new, false).await, ["tag -1 +1", "update"]);
        assert_eq!(notes_of_update(&old, &new, true).await, ["update", "tag -1 +1"]);
        assert_eq!(notes_of_update(&old, &same, false).await, ["tag -0 +1"]);
        assert_eq!(notes_of_update(&old, &old, false).await, [""; 0]);
    }

    #[test]
    fn tags_change_by_their_difference() {
        let (remove, put) = tag_changes(&tags(&[("a", "1"), ("b", "2"), ("c", "3")]), &tags(&[("b", "2"), ("c", "4")]));
        assert_eq!((remove, put), (tags(&[("a", "1")]), tags(&[("c", "4")])));
    }
}
