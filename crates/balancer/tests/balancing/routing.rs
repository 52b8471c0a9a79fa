//! Rules, weights, stickiness, redirects, fixed answers.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_balancer::Balancers;
use infra_balancer::spec::{Action, Condition, Rule};

use crate::stage::*;

fn rule(priority: u32, conditions: Vec<Condition>, action: Action) -> Rule {
    Rule { priority, conditions, action }
}

fn fixed(status: u16, body: &str) -> Action {
    Action::Fixed { status, content_type: "text/plain".into(), body: body.into() }
}

#[tokio::test]
async fn the_rule_with_the_lowest_priority_number_decides() {
    let target = Target::start("blue").await;
    let path = |pattern: &str| vec![Condition::PathPattern(vec![pattern.into()])];
    let rules = vec![
        rule(20, path("/api/*"), fixed(404, "general")),
        rule(10, path("/api/v1/*"), fixed(200, "special")),
        rule(30, vec![Condition::HttpRequestMethod(vec!["DELETE".into()])], fixed(405, "no")),
        rule(40, path("/nowhere"), forward(&[("a", 0), ("empty", 0)])),
        rule(50, path("/empty"), forward(&[("empty", 1)])),
        rule(60, path("/unknown"), forward(&[("not there", 1)])),
    ];
    let balancers = Balancers::new();
    let groups = [("a", group(&[("1", target.address)])), ("empty", group(&[]))];
    let address = apply(&balancers, &spec(&[("web", listener(rules, forward(&[("a", 1)])))], &groups)).await;
    let mut client = Client::connect(address).await;
    for (method, path, status, body) in [
        ("GET", "/api/v1/x", 200, "special"),
        ("GET", "/api/v2/x", 404, "general"),
        ("DELETE", "/api/v2/x", 404, "general"),
        ("DELETE", "/x", 405, "no"),
        ("GET", "/x", 200, "blue"),
    ] {
        let answer = client.ask(request(method, path, &[])).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (status, body), "{method} {path}");
    }
    for path in ["/nowhere", "/empty", "/unknown"] {
        assert_eq!(client.get(path).await.status, 503, "{path}");
    }
    let counts = balancers.balancer_counts("lb", Duration::from_secs(60));
    assert_eq!((counts.requests, counts.target_2xx, counts.own_answers, counts.no_target), (8, 1, 4, 3));
    assert_eq!(balancers.window("empty", Duration::from_secs(60)).no_target, 1);
    balancers.shutdown().await;
}

#[tokio::test]
async fn weights_are_exact_shares_and_zero_gets_nothing() {
    let (blue, green) = (Target::start("blue").await, Target::start("green").await);
    let groups = [("a", group(&[("1", blue.address)])), ("b", group(&[("1", green.address)]))];
    let balancers = Balancers::new();
    let mut address = None;
    for (weights, expected) in [((90, 10), (90, 10)), ((0, 1), (0, 100)), ((1, 3), (25, 75)), ((100, 0), (100, 0))] {
        let before = (blue.requests(), green.requests());
        let spec = spec(&[("web", listener(vec![], forward(&[("a", weights.0), ("b", weights.1)])))], &groups);
        let address = *address.get_or_insert(apply(&balancers, &spec).await);
        apply(&balancers, &spec).await;
        let mut client = Client::connect(address).await;
        for _ in 0..100 {
            client.get("/").await;
        }
        assert_eq!((blue.requests() - before.0, green.requests() - before.1), expected);
    }
}

#[tokio::test]
async fn setting_the_same_weights_again_does_not_begin_their_round_again() {
    let (blue, green) = (Target::start("blue").await, Target::start("green").await);
    let groups = [("a", group(&[("1", blue.address)])), ("b", group(&[("1", green.address)]))];
    let spec = spec(&[("web", listener(vec![], forward(&[("a", 3), ("b", 1)])))], &groups);
    let balancers = Balancers::new();
    for _ in 0..20 {
        let (balancers, spec) = (balancers.clone(), spec.clone());
        let address = tokio::spawn(async move { apply(&balancers, &spec).await }).await.unwrap();
        get(address, "/").await;
    }
    assert_eq!((blue.requests(), green.requests()), (15, 5));
}

#[tokio::test]
async fn targets_take_turns() {
    let (one, two) = (Target::start("one").await, Target::start("two").await);
    let balancers = Balancers::new();
    let mut spec = simple(&[("1", one.address), ("2", two.address)]);
    let address = apply(&balancers, &spec).await;
    healthy(&balancers, &["a"]).await;
    let mut client = Client::connect(address).await;
    for _ in 0..10 {
        client.get("/").await;
    }
    assert_eq!((one.requests(), two.requests()), (5, 5));

    // The one with the fewest requests under way, on the other hand, gets all while the other one is busy.
    spec.target_groups.get_mut("a").unwrap().least_outstanding = true;
    apply(&balancers, &spec).await;
    let held = tokio::spawn(async move { get(address, "/gate").await.body });
    until("one is busy", || one.requests() + two.requests() == 11).await;
    let (busy, free) = if one.requests() == 6 { (&one, &two) } else { (&two, &one) };
    for _ in 0..10 {
        client.get("/").await;
    }
    assert_eq!((busy.requests(), free.requests()), (6, 15));
    busy.open_gate();
    held.await.unwrap();
}

#[tokio::test]
async fn clients_with_a_cookie_stay_with_their_group_and_target() {
    let targets =
        [Target::start("0").await, Target::start("1").await, Target::start("2").await, Target::start("3").await];
    let at = |index: usize| targets[index].address;
    let sticky = |targets: &[_]| {
        let mut group = group(targets);
        group.stickiness = Some(Duration::from_secs(600));
        group
    };
    let groups = [("a", sticky(&[("0", at(0)), ("1", at(1))])), ("b", sticky(&[("2", at(2)), ("3", at(3))]))];
    let spec = |weights: &[(&str, u32)], stickiness| {
        let action = Action::Forward { groups: weighted(weights), stickiness };
        spec(&[("web", listener(vec![], action))], &groups)
    };
    let balancers = Balancers::new();
    let kept = Some(Duration::from_secs(600));
    let address = apply(&balancers, &spec(&[("a", 1), ("b", 1)], kept)).await;
    healthy(&balancers, &["a", "b"]).await;
    let mut client = Client::connect(address).await;
    let first = client.get("/").await;
    let cookies: Vec<_> = first.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cookies[0].starts_with("AWSALBTG=") && cookies[1].starts_with("AWSALB="), "{cookies:?}");
    let pairs: Vec<_> = cookies.iter().map(|cookie| cookie.split(';').next().unwrap()).collect();
    let cookie = pairs.join("; ");
    let mut again = async || client.ask(request("GET", "/", &[("cookie", &cookie)])).await.unwrap().body;
    for _ in 0..10 {
        assert_eq!(again().await, first.body);
    }
    // Whatever the weights are.
    let (mine, other) = if first.body.as_str() < "2" { ("a", "b") } else { ("b", "a") };
    apply(&balancers, &spec(&[(mine, 0), (other, 1)], kept)).await;
    assert_eq!(again().await, first.body);
    // Unless groups are no longer sticky.
    apply(&balancers, &spec(&[(mine, 0), (other, 1)], None)).await;
    let moved = again().await;
    assert_eq!(moved.as_str() < "2", other == "a");
}

#[tokio::test]
async fn a_redirect_names_the_port_where_the_other_listener_really_is() {
    let redirect = Action::Redirect {
        protocol: "HTTPS".into(),
        host: "#{host}".into(),
        port: "443".into(),
        path: "/#{path}".into(),
        query: "#{query}".into(),
        status: 301,
    };
    let mut secure = listener(vec![], fixed(200, "secure"));
    (secure.port, secure.tls_names) = (443, Some(vec!["example.com".into()]));
    let balancers = Balancers::new();
    let listeners = [("web", listener(vec![], redirect)), ("secure", secure)];
    let answers = balancers.apply(spec(&listeners, &[])).await;
    let (web, secure) = (answers["web"].clone().unwrap(), answers["secure"].clone().unwrap());
    let answer = get(web, "/a/b?c=d").await;
    assert_eq!(answer.status, 301);
    assert_eq!(answer.headers["location"], format!("https://example.com:{}/a/b?c=d", secure.port()));
}

#[tokio::test]
async fn an_address_in_use_is_told_and_the_others_go_on() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut unlucky = listener(vec![], fixed(200, "unlucky"));
    unlucky.bind = taken.local_addr().unwrap();
    let spec = spec(&[("web", listener(vec![], fixed(200, "fine"))), ("unlucky", unlucky)], &[]);
    let balancers = Balancers::new();
    let answers = balancers.apply(spec.clone()).await;
    let expected = format!("cannot listen on {}: another program listens there", taken.local_addr().unwrap());
    assert_eq!(answers["unlucky"], Err(expected));
    let web = answers["web"].clone().unwrap();
    assert_eq!(get(web, "/").await.body, "fine");
    // It is tried again.
    drop(taken);
    let answers = balancers.apply(spec).await;
    assert_eq!(answers["web"], Ok(web));
    assert_eq!(get(answers["unlucky"].clone().unwrap(), "/").await.body, "unlucky");
}

#[tokio::test]
async fn a_socket_that_listens_already_is_taken_over_and_others_are_closed() {
    let socket = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (kept, other) = (socket(), socket());
    let (address, unwanted) = (kept.local_addr().unwrap(), other.local_addr().unwrap());
    let mut web = listener(vec![], fixed(200, "fine"));
    web.bind = address;
    let balancers = Balancers::new();
    // Whoever asks before there is a listener is answered by it.
    let early = tokio::spawn(async move { get(address, "/").await.body });
    let answers = balancers.apply_with(spec(&[("web", web)], &[]), vec![kept, other]).await;
    assert_eq!(answers["web"], Ok(address));
    assert_eq!(early.await.unwrap(), "fine");
    assert!(std::net::TcpListener::bind(unwanted).is_ok());
}

#[tokio::test]
async fn listeners_go_with_their_specification_and_leave_their_sockets_to_successors() {
    let balancers = Balancers::new();
    let first = spec(&[("web", listener(vec![], fixed(200, "first")))], &[]);
    let address = apply(&balancers, &first).await;
    let mut client = Client::connect(address).await;
    assert_eq!(client.get("/").await.body, "first");

    let mut fixed_address = listener(vec![], fixed(200, "second"));
    fixed_address.bind = address;
    balancers.apply(spec(&[("web", fixed_address.clone())], &[])).await;
    fixed_address.default = fixed(200, "third");
    let answers = balancers.apply(spec(&[("successor", fixed_address)], &[])).await;
    assert_eq!(answers, BTreeMap::from([("successor".to_string(), Ok(address))]));
    assert_eq!(get(address, "/").await.body, "third");

    balancers.apply(spec(&[], &[])).await;
    let mut refused = false;
    while !refused {
        refused = tokio::net::TcpStream::connect(address).await.is_err();
    }
}
