//! Going on after a run that was cut off: objects that it had begun to create are found again, and those that are not
//! ready yet are waited for, before anything is planned.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use infra_address::ProviderConfig;
use infra_diag::{Diagnostic, Diagnostics};
use infra_provider::{Configured, Identity, Imported, Problem, Readiness, Sought, Token};
use infra_schema::Schema;
use infra_state::{Instance, Intent, State};
use infra_value::Value;
use tokio::sync::Semaphore;

use crate::planning::{PlanInputs, ready_providers};
use crate::registry::Registry;
use crate::ui::{Event, Ui};
use crate::{codec, marks};

/// How long a wait may take before it is told.
const UNTOLD: Duration = Duration::from_secs(2);

/// What is known after looking.
pub struct Recovered {
    /// The state with what was found in it.
    pub state: State,
    /// The tokens of creations of which nothing more is to be found out once this state is written.
    pub settled: Vec<String>,
    /// What could not be found out.
    pub problems: Diagnostics,
}

/// Looks for everything that was begun and has not ended. Nothing is changed in the cloud. The state is taken out of the
/// inputs, and belongs back into them with what was found.
pub async fn recover(inputs: &mut PlanInputs<'_>, intents: &[Intent]) -> Recovered {
    if intents.is_empty() {
        let state = std::mem::take(&mut inputs.state);
        return Recovered { state, settled: Vec::new(), problems: Diagnostics::new() };
    }
    let wanted: BTreeSet<ProviderConfig> = intents.iter().map(|intent| intent.provider.clone()).collect();
    let providers = ready_providers(inputs, &wanted).await;
    let state = std::mem::take(&mut inputs.state);
    let inputs = &*inputs;
    let limit = Semaphore::new(inputs.options.parallelism.max(1));
    let looking = intents.iter().map(|intent| {
        let (providers, limit) = (&providers, &limit);
        async move {
            let _permit = limit.acquire().await;
            let trail = Trail::of(intent, inputs.registry, providers.get(&intent.provider).cloned());
            let found = match &trail {
                Some(trail) if !intent.made => trail.look().await,
                Some(_) => Ok(Some(Vec::new())),
                None => Ok(None),
            };
            (trail, found)
        }
    });
    let found = join_all(looking).await;
    let mut recovery = Recovery { state, settled: Vec::new(), problems: Diagnostics::new(), ui: inputs.ui };
    let present = recovery.take_all(
        intents,
        &found.iter().map(|(trail, found)| (trail.as_ref().map(|t| t.schema), found)).collect::<Vec<_>>(),
    );
    let waits = intents.iter().zip(&found).zip(present).filter(|(_, present)| *present);
    let waits: Vec<_> = waits.filter_map(|((intent, (trail, _)), _)| Some((intent, trail.as_ref()?))).collect();
    let waiting = waits.iter().map(|(intent, trail)| {
        let (state, limit) = (&recovery.state, &limit);
        async move {
            let _permit = limit.acquire().await;
            (*intent, trail.wait(state, inputs.ui).await)
        }
    });
    for (intent, readiness) in join_all(waiting).await {
        recovery.after_wait(intent, readiness);
    }
    let Recovery { state, settled, problems, .. } = recovery;
    Recovered { state, settled, problems }
}

/// Whether a state holds an object of a type.
pub(crate) fn holds(state: &State, ty: &str, sought: Identity<'_>) -> bool {
    let is_it = |object: &Instance| stored_identity(object).is(sought);
    state.instances().any(|(address, _, slot)| &*address.resource.ty == ty && slot.objects().any(|(_, o)| is_it(o)))
}

/// What an intent is followed with.
struct Trail<'t> {
    intent: &'t Intent,
    schema: &'t Schema,
    registry: &'t Registry,
    configured: Arc<dyn Configured>,
    token: Token,
}

impl<'t> Trail<'t> {
    fn of(intent: &'t Intent, registry: &'t Registry, configured: Option<Arc<dyn Configured>>) -> Option<Trail<'t>> {
        let schema = registry.get(&intent.provider.source)?.resource_schema(&intent.address.resource.ty)?;
        Some(Trail { intent, schema, registry, configured: configured?, token: Token::of(&intent.token) })
    }

    fn sought<'s>(&'s self, object: &'s Value, planned: &'s Value) -> Sought<'s> {
        Sought { ty: &self.intent.address.resource.ty, object, planned, token: &self.token, began: self.intent.began }
    }

    fn value(&self, object: &Instance) -> Option<Value> {
        let provider = self.registry.get(&self.intent.provider.source)?;
        codec::decode(&**provider, &self.intent.address.resource.ty, object).ok()
    }

    async fn look(&self) -> Found {
        match self.value(&self.intent.object) {
            Some(planned) => self.configured.find_created(self.sought(&planned, &planned)).await,
            None => Ok(None),
        }
    }

    /// Waits until the object in the state is ready.
    async fn wait(&self, state: &State, ui: &dyn Ui) -> Result<Readiness, Problem> {
        let address = &self.intent.address;
        let Some(object) = state.current(address).and_then(|object| self.value(object)) else {
            return Ok(Readiness::Ready);
        };
        let planned = self.value(&self.intent.object).unwrap_or_else(|| object.clone());
        let ready = self.configured.ready(self.sought(&object, &planned));
        let mut ready = std::pin::pin!(ready);
        tokio::select! {
            readiness = &mut ready => return readiness,
            () = tokio::time::sleep(UNTOLD) => ui.event(Event::Awaiting { address, id: id_of(&object) }),
        }
        ready.await
    }
}

struct Recovery<'r> {
    state: State,
    settled: Vec<String>,
    problems: Diagnostics,
    ui: &'r dyn Ui,
}

/// What was found for an intent, or why nothing could be; `None` where nobody can tell.
type Found = Result<Option<Vec<Imported>>, Problem>;

impl Recovery<'_> {
    /// Takes everything that is known into the state. Whether what each intent made is the present object of its instance.
    fn take_all(&mut self, intents: &[Intent], found: &[(Option<&Schema>, &Found)]) -> Vec<bool> {
        let mut present = vec![false; intents.len()];
        // Those with an id first: what is theirs can then not be taken for one that was made for another instance, which
        // nothing tells apart from them and which may have begun before them.
        for (at, intent) in intents.iter().enumerate().filter(|(_, intent)| intent.made) {
            present[at] = self.take_made(intent);
        }
        for (at, intent) in intents.iter().enumerate().filter(|(_, intent)| !intent.made) {
            let (schema, here) = found[at];
            let mine = identities(here);
            let rivals = (at..intents.len()).filter(|i| !intents[*i].made && identities(found[*i].1) == mine).count();
            present[at] = self.take_found(intent, schema, here, rivals);
        }
        present
    }

    /// An object that is known to exist goes into the state, unless it is there. Whether it is the present one.
    fn take_made(&mut self, intent: &Intent) -> bool {
        let address = &intent.address;
        let (id, identity) = (stored_id(&intent.object), stored_identity(&intent.object));
        if self.state.current(address).is_some_and(|object| stored_identity(object).is(identity)) {
            return true;
        }
        if holds(&self.state, &address.resource.ty, identity) {
            self.settled.push(intent.token.clone());
            return false;
        }
        if self.state.current(address).is_some() {
            self.left_over(intent, &[id.to_string()]);
            return false;
        }
        self.put(intent, intent.object.clone());
        true
    }

    /// Takes what was found for an intent. `rivals` is how many intents, this one included, the same was found for.
    fn take_found(&mut self, intent: &Intent, schema: Option<&Schema>, found: &Found, rivals: usize) -> bool {
        let (Ok(Some(found)), Some(schema)) = (found, schema) else {
            let why = found.as_ref().err().map(|problem| problem.summary.as_str());
            self.not_known(intent, why);
            return false;
        };
        let ty = &intent.address.resource.ty;
        let new: Vec<&Imported> = found.iter().filter(|o| !holds(&self.state, ty, Identity::of(&o.value))).collect();
        let ids: Vec<String> = new.iter().map(|object| id_of(&object.value).to_string()).collect();
        if self.state.current(&intent.address).is_some() {
            self.left_over(intent, &ids);
            return false;
        }
        match new.first() {
            None => self.settled.push(intent.token.clone()),
            // Objects that nothing tells apart are given to the instances that they were made for, whichever to which.
            Some(object) if new.len() <= rivals => {
                let marks = codec::marks_of(schema, &intent.object, &object.value);
                let value = marks::put(&object.value, &marks);
                let dependencies = intent.object.dependencies.clone();
                let instance = Instance {
                    tainted: intent.object.tainted,
                    create_before_destroy: intent.object.create_before_destroy,
                    ..codec::encode(schema, &value, &object.private, dependencies)
                };
                self.put(intent, instance);
                return true;
            }
            Some(_) => self.several(intent, &ids),
        }
        false
    }

    fn put(&mut self, intent: &Intent, object: Instance) {
        self.ui.event(Event::Found { address: &intent.address, id: stored_id(&object) });
        self.state.set_current(&intent.address, &intent.provider, Some(object));
    }

    fn after_wait(&mut self, intent: &Intent, readiness: Result<Readiness, Problem>) {
        let address = &intent.address;
        match readiness {
            Ok(Readiness::Ready) => {}
            Ok(Readiness::Unfinished(private)) => {
                if let Some(object) = &mut self.state.slot_mut(address, &intent.provider).current {
                    object.private = private.0;
                }
            }
            Ok(Readiness::Failed(problem)) => {
                if let Some(object) = &mut self.state.slot_mut(address, &intent.provider).current {
                    object.tainted = true;
                }
                self.problems.push(
                    Diagnostic::warning(
                        format!("{address} could not be created"),
                        format!(
                            "An interrupted run had begun to, and it has failed since: {}. It is replaced.",
                            problem.summary
                        ),
                    )
                    .about(address),
                );
            }
            Err(problem) => {
                self.problems.push(
                    Diagnostic::warning(
                        format!("Whether {address} is ready is not known"),
                        format!("An interrupted run had begun to create it. {}.", problem.summary),
                    )
                    .about(address),
                );
                return;
            }
        }
        self.settled.push(intent.token.clone());
    }

    /// The state has an object at the address already: what else was made is nobody's.
    fn left_over(&mut self, intent: &Intent, ids: &[String]) {
        self.settled.push(intent.token.clone());
        if ids.is_empty() {
            return;
        }
        let address = &intent.address;
        self.problems.push(
            Diagnostic::warning(
                "An interrupted run has left an object behind",
                format!(
                    "It was created as {address}, which has another object now: {}. Delete it, or write a block for it and \
                     import it.",
                    ids.join(", ")
                ),
            )
            .about(address),
        );
    }

    fn several(&mut self, intent: &Intent, ids: &[String]) {
        let address = &intent.address;
        let imports: String = ids.iter().map(|id| format!("\n  infra import '{address}' {id}")).collect();
        self.problems.push(
            Diagnostic::warning(
                "An interrupted run may have left an object behind",
                format!(
                    "It was about to create {address}, and there are several objects that could be it. Take it into the \
                     state:\n{imports}\n\nIf it is none of these, go on: an apply creates it.",
                ),
            )
            .about(address),
        );
    }

    fn not_known(&mut self, intent: &Intent, why: Option<&str>) {
        let address = &intent.address;
        let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
        self.problems.push(
            Diagnostic::warning(
                "An interrupted run may have left an object behind",
                format!(
                    "It was about to create {address}, and whether it did cannot be told{why}. Look for the object, and take \
                     it into the state:\n\n  infra import '{address}' ID\n\nIf there is none, go on: an apply creates it.",
                ),
            )
            .about(address),
        );
    }
}

fn identities(found: &Found) -> BTreeSet<(&str, &str)> {
    let all = found.as_ref().ok().and_then(Option::as_ref).into_iter().flatten();
    all.map(|object| (id_of(&object.value), arn_of(&object.value))).collect()
}

fn stored_id(object: &Instance) -> &str {
    object.attributes.get("id").and_then(serde_json::Value::as_str).unwrap_or_default()
}

fn stored_identity(object: &Instance) -> Identity<'_> {
    let arn = object.attributes.get("arn").and_then(serde_json::Value::as_str).unwrap_or_default();
    Identity::new(stored_id(object), arn)
}

fn arn_of(object: &Value) -> &str {
    object.get("arn").and_then(Value::as_str).unwrap_or_default()
}

fn id_of(object: &Value) -> &str {
    object.get("id").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use infra_address::parse_resource_instance;
    use infra_provider::Private;

    use super::*;
    use crate::ui::Silent;

    const PROVIDER: &str = "provider[\"registry.terraform.io/hashicorp/fake\"]";

    fn schema() -> Schema {
        let text = r#"{"block": {"attributes": {
            "id": {"type": "string", "computed": true},
            "arn": {"type": "string", "computed": true}
        }}}"#;
        infra_schema::parse_schema(text).expect("a schema")
    }

    fn object(id: Option<&str>) -> Instance {
        // What was just created has no ARN yet.
        let nothing = || Value::null(infra_value::Type::String);
        let value = Value::object([("id", id.map_or_else(nothing, Value::string)), ("arn", nothing())]);
        codec::encode(&schema(), &value, &Private::default(), Vec::new())
    }

    fn intent(token: &str, address: &str, made: Option<&str>) -> Intent {
        Intent {
            token: token.into(),
            address: parse_resource_instance(address).expect("an address"),
            provider: ProviderConfig::parse(PROVIDER).expect("a provider"),
            began: 0,
            object: object(made),
            made: made.is_some(),
        }
    }

    fn found(ids: &[&str]) -> Found {
        let one = |id: &&str| Imported {
            ty: "fake_thing".into(),
            value: Value::object([("id", Value::string(*id)), ("arn", Value::string(format!("arn:{id}")))]),
            private: Private::default(),
        };
        Ok(Some(ids.iter().map(one).collect()))
    }

    fn recovery(held: &[(&str, &str)]) -> Recovery<'static> {
        let mut state = State::new();
        for (address, id) in held {
            let intent = intent("", address, Some(id));
            state.set_current(&intent.address, &intent.provider, Some(intent.object));
        }
        Recovery { state, settled: Vec::new(), problems: Diagnostics::new(), ui: &Silent }
    }

    fn id_at(recovery: &Recovery<'_>, address: &str) -> Option<String> {
        let address = parse_resource_instance(address).expect("an address");
        recovery.state.current(&address).map(|object| stored_id(object).to_string())
    }

    #[test]
    fn what_was_found_is_taken_only_where_it_is_certain() {
        let a = "fake_thing.a";
        for (held, ids, rivals, taken, settled, warned) in [
            // Exactly one, and nobody has it.
            (vec![], vec!["1"], 1, Some("1"), false, false),
            (vec![("fake_thing.b", "1")], vec!["1", "2"], 1, Some("2"), false, false),
            // The creation never happened, or what is like it is somebody else's.
            (vec![], vec![], 1, None, true, false),
            (vec![("fake_thing.b", "1")], vec!["1"], 1, None, true, false),
            // It may be either.
            (vec![], vec!["1", "2"], 1, None, false, true),
            // Two instances that nothing tells apart, and an object for each.
            (vec![], vec!["1", "2"], 2, Some("1"), false, false),
            // The instance has another object by now.
            (vec![(a, "9")], vec!["1"], 1, Some("9"), true, true),
            (vec![(a, "9")], vec![], 1, Some("9"), true, false),
        ] {
            let mut recovery = recovery(&held);
            recovery.take_found(&intent("t", a, None), Some(&schema()), &found(&ids), rivals);
            let outcome = (id_at(&recovery, a), !recovery.settled.is_empty(), !recovery.problems.is_empty());
            assert_eq!(outcome, (taken.map(str::to_string), settled, warned), "{held:?} {ids:?} {rivals}");
        }
    }

    #[test]
    fn what_one_of_two_alike_is_known_to_have_made_is_not_taken_for_the_other() {
        let (a, b) = ("fake_thing.a", "fake_thing.b");
        // Of a no answer came; b began after it and has its answer.
        let intents = [intent("1", a, None), intent("2", b, Some("made"))];
        for (ids, at_a) in [(&["lost", "made"][..], Some("lost")), (&["made"], None)] {
            let mut recovery = recovery(&[]);
            let (schema, found, nothing) = (schema(), found(ids), Ok(None));
            let present = recovery.take_all(&intents, &[(Some(&schema), &found), (Some(&schema), &nothing)]);
            assert_eq!(present, [at_a.is_some(), true]);
            assert_eq!((id_at(&recovery, a).as_deref(), id_at(&recovery, b).as_deref()), (at_a, Some("made")));
            assert!(recovery.problems.is_empty());
        }
    }

    #[test]
    fn what_cannot_be_told_is_left_to_people() {
        for answer in [Ok(None), Err(Problem::error("no network", ""))] {
            let mut recovery = recovery(&[]);
            assert!(!recovery.take_found(&intent("t", "fake_thing.a", None), Some(&schema()), &answer, 1));
            assert!(recovery.settled.is_empty() && recovery.state.is_empty());
            let said = recovery.problems.iter().map(|p| p.detail.clone()).collect::<String>();
            assert!(said.contains("infra import 'fake_thing.a' ID"), "{said}");
        }
    }

    #[test]
    fn an_object_that_has_an_id_is_never_looked_for() {
        let a = "fake_thing.a";
        for (held, present, at_address) in [
            (vec![], true, Some("1")),
            (vec![(a, "1")], true, Some("1")),
            // It has been moved.
            (vec![("fake_thing.b", "1")], false, None),
            (vec![(a, "9")], false, Some("9")),
        ] {
            let mut recovery = recovery(&held);
            assert_eq!(recovery.take_made(&intent("t", a, Some("1"))), present, "{held:?}");
            assert_eq!(id_at(&recovery, a).as_deref(), at_address, "{held:?}");
        }
    }

    #[test]
    fn only_a_creation_that_the_cloud_gave_up_is_tainted() {
        let tainted =
            |recovery: &Recovery<'_>, intent: &Intent| recovery.state.current(&intent.address).map(|o| o.tainted);
        let one = intent("t", "fake_thing.a", Some("1"));
        for (readiness, is_tainted, settled) in [
            (Ok(Readiness::Ready), false, true),
            (Ok(Readiness::Failed(Problem::error("quota", ""))), true, true),
            (Err(Problem::error("no network", "")), false, false),
        ] {
            let mut recovery = recovery(&[("fake_thing.a", "1")]);
            recovery.after_wait(&one, readiness);
            assert_eq!((tainted(&recovery, &one), !recovery.settled.is_empty()), (Some(is_tainted), settled));
        }
    }
}
