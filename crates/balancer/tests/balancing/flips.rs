//! Changes under load: nobody may notice.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use infra_balancer::spec::{Condition, Rule};
use infra_balancer::{Balancers, HealthStatus};
use tokio::task::JoinSet;

use crate::stage::*;

const CLIENTS: usize = 25;
const REQUESTS: usize = 5_000;

/// Clients that ask all the time, each on a connection of its own.
struct Load {
    clients: JoinSet<BTreeSet<String>>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    fn start(address: SocketAddr) -> Load {
        let (left, answered) = (Arc::new(AtomicUsize::new(REQUESTS)), Arc::new(AtomicUsize::new(0)));
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (left, answered) = (left.clone(), answered.clone());
            clients.spawn(async move {
                let mut client = Client::connect(address).await;
                let mut bodies = BTreeSet::new();
                while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    let method = if answered.fetch_add(1, Ordering::SeqCst) % 5 == 0 { "POST" } else { "GET" };
                    let answer = client.ask(request(method, "/", &[])).await.expect("the connection stays");
                    assert_eq!(answer.status, 200, "{method}");
                    bodies.insert(answer.body);
                }
                bodies
            });
        }
        Load { clients, answered }
    }

    async fn reached(&self, share: usize) {
        until("requests are answered", || self.answered.load(Ordering::SeqCst) >= share).await;
    }

    async fn end(self) -> BTreeSet<String> {
        self.clients.join_all().await.into_iter().flatten().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_weights_flip() {
    let (blue, green) = (Target::start("blue").await, Target::start("green").await);
    let groups = [("a", group(&[("1", blue.address)])), ("b", group(&[("1", green.address)]))];
    let spec = |a, b| spec(&[("web", listener(vec![], forward(&[("a", a), ("b", b)])))], &groups);
    let balancers = Balancers::new();
    let address = apply(&balancers, &spec(1, 0)).await;
    healthy(&balancers, &["a", "b"]).await;
    let load = Load::start(address);
    for flip in 1..=100 {
        load.reached(flip * (REQUESTS - CLIENTS) / 100).await;
        let (a, b) = [(1, 0), (0, 1), (50, 50)][flip % 3];
        apply(&balancers, &spec(a, b)).await;
    }
    assert_eq!(load.end().await, BTreeSet::from(["blue".to_string(), "green".to_string()]));
    let counts = balancers.balancer_counts("lb", Duration::from_secs(600));
    assert_eq!((counts.requests, counts.target_2xx, counts.failed()), (REQUESTS as u64, REQUESTS as u64, 0));
    let totals = balancers.counts();
    assert_eq!(totals["a"].requests + totals["b"].requests, REQUESTS as u64);
    assert_eq!(totals["a"].requests, blue.requests() as u64);
    balancers.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_flip_not_one_request_goes_the_old_way() {
    let (blue, green) = (Target::start("blue").await, Target::start("green").await);
    let groups = [("a", group(&[("1", blue.address)])), ("b", group(&[("1", green.address)]))];
    let spec = |a, b| spec(&[("web", listener(vec![], forward(&[("a", a), ("b", b)])))], &groups);
    let balancers = Balancers::new();
    let address = apply(&balancers, &spec(1, 0)).await;
    healthy(&balancers, &["a", "b"]).await;
    let load = Load::start(address);
    load.reached(REQUESTS / 2).await;
    apply(&balancers, &spec(0, 1)).await;
    // What was chosen before is still under way.
    until("blue has finished", || balancers.health()["a"]["1"].in_flight == 0).await;
    let before = blue.requests();
    load.end().await;
    assert_eq!(blue.requests(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_targets_and_groups_and_rules_come_and_go() {
    let balancers = Balancers::new();
    let mut target = Target::start("first").await;
    let address = apply(&balancers, &simple(&[("0", target.address)])).await;
    healthy(&balancers, &["a"]).await;
    let load = Load::start(address);
    for round in 1..=10 {
        load.reached(round * (REQUESTS - CLIENTS) / 11).await;
        // Another target in another group takes over; the old one ends as soon as it has nothing left to do.
        let next = Target::start(&format!("{round}")).await;
        let (id, old_id) = (round.to_string(), (round - 1).to_string());
        let rule = Rule {
            priority: round as u32,
            conditions: vec![Condition::PathPattern(vec!["/*".into()])],
            action: forward(&[(if round % 2 == 0 { "a" } else { "b" }, 1)]),
        };
        let (old_group, new_group) = if round % 2 == 0 { ("b", "a") } else { ("a", "b") };
        let listener = listener(vec![rule], forward(&[(old_group, 1)]));
        let old = group(&[(&old_id, target.address)]);
        let both = [(old_group, old), (new_group, group(&[(&id, next.address)]))];
        let mut wanted = spec(&[("web", listener.clone())], &both);
        wanted.balancers.get_mut("lb").unwrap().listeners.get_mut("web").unwrap().rules.clear();
        apply(&balancers, &wanted).await;
        wanted.balancers.get_mut("lb").unwrap().listeners.get_mut("web").unwrap().default =
            forward(&[(old_group, 1), (new_group, 0)]);
        apply(&balancers, &wanted).await;
        until("the new target is healthy", || status(&balancers, new_group, &id) == Some(HealthStatus::Healthy)).await;
        apply(&balancers, &spec(&[("web", listener)], &[both[1].clone()])).await;
        until("the old target has finished", || status(&balancers, old_group, &old_id).is_none()).await;
        target = next;
    }
    assert!(load.end().await.len() > 1);
    let counts = balancers.balancer_counts("lb", Duration::from_secs(600));
    assert_eq!((counts.requests, counts.failed()), (REQUESTS as u64, 0));
}
