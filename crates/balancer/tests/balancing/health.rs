//! Health checks, draining, fail-open.

use std::time::Duration;

use infra_balancer::{Balancers, HealthStatus};

use crate::stage::*;

fn is_unhealthy(status: &Option<HealthStatus>) -> bool {
    matches!(status, Some(HealthStatus::Unhealthy { .. }))
}

#[tokio::test]
async fn targets_become_healthy_unhealthy_and_healthy_again() {
    let (one, two) = (Target::start("one").await, Target::start("two").await);
    let balancers = Balancers::new();
    let wanted = simple(&[("1", one.address), ("2", two.address)]);
    let address = apply(&balancers, &wanted).await;
    healthy(&balancers, &["a"]).await;
    let since = balancers.health()["a"]["2"].since;

    one.set_healthy(false);
    until("1 is unhealthy", || is_unhealthy(&status(&balancers, "a", "1"))).await;
    let reason = "answered 503 to GET /health, not 200".to_string();
    assert_eq!(status(&balancers, "a", "1"), Some(HealthStatus::Unhealthy { reason }));
    let mut client = Client::connect(address).await;
    for _ in 0..6 {
        assert_eq!(client.get("/").await.body, "two");
    }
    one.set_healthy(true);
    until("1 is healthy", || status(&balancers, "a", "1") == Some(HealthStatus::Healthy)).await;

    // A changed specification leaves alone what it does not change.
    let mut with_third = wanted.clone();
    with_third.target_groups.get_mut("a").unwrap().targets.insert("3".into(), "127.0.0.1:1".parse().unwrap());
    apply(&balancers, &with_third).await;
    assert_eq!(status(&balancers, "a", "3"), Some(HealthStatus::Initial));
    assert_eq!(balancers.health()["a"]["2"].since, since);
    until("3 is unhealthy", || is_unhealthy(&status(&balancers, "a", "3"))).await;
}

#[tokio::test]
async fn a_group_in_no_rule_is_not_checked_and_one_without_checks_is_healthy() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let mut unchecked = group(&[("1", target.address)]);
    unchecked.health_check.enabled = false;
    let mut tcp = group(&[("1", target.address)]);
    tcp.health_check.tcp_only = true;
    let groups = [("a", unchecked.clone()), ("b", unchecked), ("c", group(&[("1", target.address)])), ("d", tcp)];
    let both = listener(vec![], forward(&[("a", 1), ("c", 0), ("d", 0)]));
    apply(&balancers, &spec(&[("web", both)], &groups)).await;
    assert_eq!(status(&balancers, "a", "1"), Some(HealthStatus::Healthy));
    assert_eq!(status(&balancers, "b", "1"), Some(HealthStatus::Unused));
    assert_eq!(status(&balancers, "c", "1"), Some(HealthStatus::Initial));
    healthy(&balancers, &["a", "c", "d"]).await;
    apply(&balancers, &spec(&[("web", listener(vec![], forward(&[("a", 1)])))], &groups)).await;
    assert_eq!(status(&balancers, "c", "1"), Some(HealthStatus::Unused));
}

#[tokio::test]
async fn if_no_target_is_healthy_all_get_requests() {
    let (one, two) = (Target::start("one").await, Target::start("two").await);
    one.set_healthy(false);
    two.set_healthy(false);
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", one.address), ("2", two.address)])).await;
    until("both are unhealthy", || ["1", "2"].iter().all(|id| is_unhealthy(&status(&balancers, "a", id)))).await;
    let mut client = Client::connect(address).await;
    for _ in 0..4 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert_eq!((one.requests(), two.requests()), (2, 2));
}

#[tokio::test]
async fn a_target_that_is_taken_out_finishes_its_requests() {
    let (old, new) = (Target::start("old").await, Target::start("new").await);
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", old.address)])).await;
    healthy(&balancers, &["a"]).await;
    let held = tokio::spawn(async move { get(address, "/gate").await });
    until("it is under way", || old.requests() == 1).await;
    apply(&balancers, &simple(&[("2", new.address)])).await;
    assert_eq!(status(&balancers, "a", "1"), Some(HealthStatus::Draining));
    assert_eq!(balancers.health()["a"]["1"].in_flight, 1);
    assert_eq!(get(address, "/").await.body, "new");
    old.open_gate();
    assert_eq!(held.await.unwrap().body, "old");
    until("it is gone", || status(&balancers, "a", "1").is_none()).await;
    assert_eq!(old.requests(), 1);
}

#[tokio::test]
async fn a_whole_group_drains_too_and_is_cut_after_its_delay() {
    let target = Target::start("old").await;
    let balancers = Balancers::new();
    let mut wanted = simple(&[("1", target.address)]);
    wanted.target_groups.get_mut("a").unwrap().deregistration_delay = Duration::from_secs(2);
    let address = apply(&balancers, &wanted).await;
    healthy(&balancers, &["a"]).await;
    let held = tokio::spawn(async move {
        let request = request("POST", "/gate", &[]);
        Client::connect(address).await.ask(request).await.unwrap()
    });
    until("it is under way", || target.requests() == 1).await;
    apply(&balancers, &spec(&[("web", listener(vec![], forward(&[("b", 1)])))], &[("b", group(&[]))])).await;
    assert_eq!(status(&balancers, "a", "1"), Some(HealthStatus::Draining));
    assert_eq!(get(address, "/").await.status, 503);
    assert_eq!(held.await.unwrap().status, 502);
    until("the group is gone", || !balancers.health().contains_key("a")).await;
}

#[tokio::test]
async fn a_group_with_no_targets_left_keeps_its_counts() {
    let target = Target::start("one").await;
    let balancers = Balancers::new();
    let address = apply(&balancers, &simple(&[("1", target.address)])).await;
    for status in [200, 204, 302, 404, 404, 500] {
        assert_eq!(get(address, &format!("/status/{status}")).await.status, status);
    }
    apply(&balancers, &simple(&[])).await;
    assert_eq!(get(address, "/").await.status, 503);
    for counts in [balancers.counts()["a"].clone(), balancers.window("a", Duration::from_secs(600))] {
        assert_eq!((counts.target_2xx, counts.target_3xx, counts.target_4xx, counts.target_5xx), (2, 1, 2, 1));
        assert_eq!((counts.requests, counts.no_target, counts.balancer_5xx, counts.failed()), (7, 1, 1, 2));
        assert_eq!(counts.latency.count, 6);
        assert!(counts.latency.percentile(0.99) >= counts.latency.percentile(0.5));
    }
}
