//! What is called, in which order: the calls that change something.

use std::collections::BTreeMap;

use infra_release::{Outcome, Phase, Release, Stop, Strategy, WayBack};

use crate::operator::{Operator, canary, linear, release, seconds, with_probe, with_task};
use crate::world::{Happening, Version, Weather, World, good};

fn weather(v2: Version) -> Weather {
    let versions = BTreeMap::from([("v1".into(), good()), ("v2".into(), v2), ("v3".into(), good())]);
    Weather { versions, ..Weather::fine() }
}

/// A release of v2 over v1, which runs two tasks as blue; with how it ended, why it went back, and the calls.
fn made(release: Release, weather: Weather) -> (Outcome, String, Vec<String>) {
    let rolling = release.strategy == Strategy::Rolling;
    let operator = Operator::new(World::new(Weather { rolling, ..weather }, 2), release);
    let mut record = operator.begin();
    let end = operator.drive(&mut record, None, None).expect("nobody kills it");
    let state = operator.world.state();
    assert_eq!(state.broken, Vec::<String>::new(), "{:#?}", state.story);
    (end, record.reverted.map(|r| r.reason).unwrap_or_default(), state.calls.clone())
}

const BEGINNING: [&str; 2] = ["hold scaling", "start green: 2 of v2"];

fn after_beginning<'a>(rest: &[&'a str]) -> Vec<&'a str> {
    BEGINNING.iter().chain(rest).copied().collect()
}

#[test]
fn blue_green_starts_the_idle_colour_moves_everything_and_stops_the_old_one() {
    let (end, _, calls) = made(release(Strategy::BlueGreen), Weather::fine());
    assert_eq!(end, Outcome::Finished);
    assert_eq!(calls, after_beginning(&["shift to blue 0, green 100", "stop blue", "let scale"]));
}

#[test]
fn canary_moves_by_its_steps_and_then_the_rest() {
    let (end, _, calls) = made(release(canary()), Weather::fine());
    assert_eq!(end, Outcome::Finished);
    let shifts = ["shift to blue 90, green 10", "shift to blue 50, green 50", "shift to blue 0, green 100"];
    assert_eq!(calls, after_beginning(&[shifts[0], shifts[1], shifts[2], "stop blue", "let scale"]));
}

#[test]
fn linear_moves_by_equal_steps() {
    let (end, _, calls) = made(release(linear()), Weather::fine());
    assert_eq!(end, Outcome::Finished);
    let shifts = ["shift to blue 60, green 40", "shift to blue 20, green 80", "shift to blue 0, green 100"];
    assert_eq!(calls, after_beginning(&[shifts[0], shifts[1], shifts[2], "stop blue", "let scale"]));
}

#[test]
fn rolling_replaces_in_place_and_goes_back_by_replacing_again() {
    let (end, _, calls) = made(release(Strategy::Rolling), Weather::fine());
    assert_eq!(
        (end, calls),
        (Outcome::Finished, vec!["hold scaling".into(), "start blue: 2 of v2".into(), "let scale".into()])
    );
    let (end, reason, calls) = made(release(Strategy::Rolling), weather(Version { fails: 500, ..good() }));
    assert_eq!(end, Outcome::Reverted);
    assert!(reason.contains("requests failed"), "{reason}");
    assert_eq!(calls, ["hold scaling", "start blue: 2 of v2", "start blue: 2 of v1", "let scale"]);
}

#[test]
fn a_failing_check_leaves_the_weights_untouched() {
    let (end, reason, calls) = made(release(canary()), weather(Version { checks_fail: 1000, ..good() }));
    assert_eq!(end, Outcome::Reverted);
    assert_eq!(reason, "the check \"health\" failed: GET /health answered 500, not 200");
    assert_eq!(calls, after_beginning(&["stop green", "let scale"]));
}

#[test]
fn a_check_is_tried_as_often_as_it_says() {
    let twice = made(release(Strategy::BlueGreen), weather(Version { checks_fail: 2, ..good() }));
    assert_eq!(twice.0, Outcome::Finished);
    let (end, _, calls) = made(release(Strategy::BlueGreen), weather(Version { checks_fail: 3, ..good() }));
    assert_eq!(
        (end, calls),
        (Outcome::Reverted, after_beginning(&["stop green", "let scale"]).into_iter().map(String::from).collect())
    );
}

#[test]
fn the_one_off_task_runs_before_anything_else_and_its_failure_ends_the_release() {
    let (end, _, calls) = made(with_task(release(Strategy::BlueGreen)), Weather::fine());
    assert_eq!(end, Outcome::Finished);
    assert_eq!(calls[..3], ["run a task of v2", "hold scaling", "start green: 2 of v2"]);
    for (exit, why) in [
        (Some(3), "the task before the shift ended with exit code 3: it exited"),
        (None, "the task before the shift did not end within 30 s"),
    ] {
        let (end, reason, calls) =
            made(with_task(release(Strategy::BlueGreen)), weather(Version { task_exit: exit, ..good() }));
        assert_eq!((end, reason.as_str()), (Outcome::Reverted, why));
        assert_eq!(calls, ["run a task of v2", "stop the task", "stop green", "let scale"]);
    }
}

#[test]
fn targets_that_never_get_healthy_end_the_release_before_any_user() {
    let (end, reason, calls) = made(release(Strategy::BlueGreen), weather(Version { never_healthy: true, ..good() }));
    assert_eq!((end, reason.as_str()), (Outcome::Reverted, "green was not healthy within 60 s: 0 of 2 targets are"));
    assert_eq!(calls, after_beginning(&["stop green", "let scale"]));
    let gives_up = Version { never_healthy: true, gives_up: Some(10), ..good() };
    let (_, reason, _) = made(release(Strategy::BlueGreen), weather(gives_up));
    assert_eq!(reason, "green does not start: 3 tasks in a row have failed");
}

#[test]
fn errors_unhealthy_targets_alarms_and_probes_send_the_traffic_back_first() {
    let back =
        after_beginning(&["shift to blue 0, green 100", "shift back to blue 100, green 0", "stop green", "let scale"]);
    let alarm = Weather { happenings: vec![(30, Happening::Alarm)], ..Weather::fine() };
    // So few users that only probes can tell.
    let quiet = Weather { requests_per_second: 0, ..weather(Version { fails: 900, ..good() }) };
    for (release, weather, why) in [
        (
            release(Strategy::BlueGreen),
            weather(Version { fails: 20, ..good() }),
            "requests failed in the last 20 s (limit 1 %)",
        ),
        (
            release(Strategy::BlueGreen),
            weather(Version { fails: 20, times_out: true, ..good() }),
            "the balancer itself answered",
        ),
        (
            release(Strategy::BlueGreen),
            weather(Version { sickens: Some(20), ..good() }),
            "2 of 2 targets of green unhealthy",
        ),
        (release(Strategy::BlueGreen), alarm, "an alarm fires: api-5xx"),
        (with_probe(release(Strategy::BlueGreen)), quiet, "probes failed: GET /health answered 500"),
    ] {
        let (end, reason, calls) = made(release, weather);
        assert_eq!(end, Outcome::Reverted, "{why}");
        assert!(reason.contains(why), "{reason}");
        assert_eq!(calls, back, "{why}");
    }
}

#[test]
fn the_way_back_does_not_wait_for_the_state() {
    let bad = Version { sickens: Some(20), ..good() };
    let weather = Weather { happenings: vec![(12, Happening::StateGone)], ..weather(bad) };
    let (end, reason, calls) = made(release(Strategy::BlueGreen), weather);
    assert!(matches!(end, Outcome::Stuck(_)), "{end:?}");
    assert_eq!(reason, "2 of 2 targets of green unhealthy");
    assert_eq!(calls, after_beginning(&["shift to blue 0, green 100", "shift back to blue 100, green 0"]));
}

#[test]
fn what_was_wrong_before_the_shift_is_not_held_against_the_new_version() {
    let noise = Weather { noise: 50, ..Weather::fine() };
    assert_eq!(made(release(canary()), noise).0, Outcome::Finished);
    let versions = BTreeMap::from([("v1".into(), Version { fails: 1000, ..good() }), ("v2".into(), good())]);
    let bad = Weather { versions, ..Weather::fine() };
    let (end, reason, _) = made(with_probe(release(canary())), bad);
    assert_eq!(end, Outcome::Finished, "{reason}: the release is the remedy");
}

#[test]
fn a_task_that_the_cloud_replaces_is_no_reason_to_go_back() {
    let replaced = Weather { happenings: vec![(30, Happening::Replace)], ..Weather::fine() };
    assert_eq!(made(release(Strategy::BlueGreen), replaced).0, Outcome::Finished);
}

#[test]
fn a_release_does_not_begin_while_an_alarm_fires_or_the_traffic_is_elsewhere() {
    for happening in [Happening::Alarm, Happening::Weights(40)] {
        let weather = Weather { happenings: vec![(5, happening)], ..Weather::fine() };
        let world = World::new(weather, 2);
        world.state().sides.get_mut("green").expect("green").desired = 1;
        let until = world.now() + 10_000;
        world.pass_until(until);
        let operator = Operator::new(world, release(Strategy::BlueGreen));
        let mut record = operator.begin();
        let end = operator.drive(&mut record, None, None);
        assert!(matches!(end, Some(Outcome::Stuck(_))), "{end:?}");
        assert_eq!((record.phase, operator.world.state().calls.len()), (Phase::Prepare, 0));
    }
}

#[test]
fn a_wish_to_go_back_is_one_call_while_users_are_there_and_none_before() {
    for (at, weather, wanted) in [
        (2, Weather::fine(), after_beginning(&["stop green", "let scale"])),
        (
            20,
            Weather::fine(),
            after_beginning(&[
                "shift to blue 90, green 10",
                "shift back to blue 100, green 0",
                "stop green",
                "let scale",
            ]),
        ),
        (
            2,
            weather(Version { task_exit: None, ..good() }),
            vec!["run a task of v2", "stop the task", "stop green", "let scale"],
        ),
    ] {
        let happenings = vec![(at, Happening::Wish(Stop::Revert("somebody".into())))];
        let asked =
            if weather.versions["v2"].task_exit.is_none() { with_task(release(canary())) } else { release(canary()) };
        let (end, reason, calls) = made(asked, Weather { happenings, ..weather });
        assert_eq!((end, reason.as_str()), (Outcome::Reverted, "asked for by hand"));
        assert_eq!(calls, wanted);
    }
}

#[test]
fn a_release_that_is_left_goes_on_where_it_was_and_its_standby_does_not_begin_anew() {
    for (in_time, wish) in [(Some(Stop::Leave), None), (None, Some(Stop::AfterShift))] {
        let happenings = in_time.into_iter().map(|wish| (40, Happening::Wish(wish))).collect();
        let weather = Weather { happenings, ..Weather::fine() };
        let operator = Operator::new(World::new(weather, 2), release(Strategy::BlueGreen));
        let mut record = operator.begin();
        assert_eq!(operator.drive(&mut record, wish.clone(), None), Some(Outcome::Left));
        assert_eq!(record.phase, Phase::Watch);
        let later = operator.world.now() + 600_000;
        operator.world.pass_until(later);
        let mut record = operator.saved().expect("it was written");
        assert_eq!(record.standby_left(operator.now()), Some(seconds(0)));
        assert_eq!(operator.drive(&mut record, None, None), Some(Outcome::Finished));
        assert!(operator.world.now() < later + 30_000, "{wish:?}");
    }
}

/// Where a run is killed: right after it has written that it begins this.
fn killed_at(phase: &Phase, release: &Release) -> Operator {
    let operator = Operator::new(World::new(Weather::fine(), 2), release.clone());
    let mut record = operator.begin();
    let there = |_| operator.saved().is_some_and(|saved| saved.phase == *phase);
    assert_eq!(operator.drive_until(&mut record, None, there), None, "it never comes to {phase:?}");
    operator
}

#[test]
fn a_run_that_was_killed_goes_on_or_goes_back_from_every_phase() {
    let release = with_task(release(canary()));
    let back = "shift back to blue 100, green 0";
    for (phase, way, reverting) in [
        (Phase::Prepare, WayBack::NothingMoved, &[][..]),
        (Phase::BeforeShift, WayBack::NothingMoved, &["stop the task", "stop green", "let scale"]),
        (Phase::Start, WayBack::NothingMoved, &["stop the task", "stop green", "let scale"]),
        (Phase::Healthy, WayBack::NothingMoved, &["stop the task", "stop green", "let scale"]),
        (Phase::Check, WayBack::NothingMoved, &["stop the task", "stop green", "let scale"]),
        (Phase::Shift(0), WayBack::Move, &[back, "stop green", "let scale"]),
        (Phase::Shift(1), WayBack::Move, &[back, "stop green", "let scale"]),
        (Phase::Shift(2), WayBack::Move, &[back, "stop green", "let scale"]),
        (Phase::Watch, WayBack::Move, &[back, "stop green", "let scale"]),
        (Phase::Drain, WayBack::Move, &[back, "stop green", "let scale"]),
    ] {
        let mut operator = killed_at(&phase, &release);
        assert_eq!(operator.saved().map(|r| r.way_back()), Some(way), "{phase:?}");
        let before = operator.world.state().calls.len();
        operator.revert();
        let mut record = operator.saved().expect("it was written");
        assert_eq!(operator.drive(&mut record, None, None), Some(Outcome::Reverted), "{phase:?}");
        assert_eq!(operator.world.state().calls[before..], *reverting, "{phase:?}");
        let reverted = record.reverted.clone();
        operator.revert();
        assert_eq!(operator.saved().map(|r| r.reverted), Some(reverted), "a second revert changes nothing");

        let operator = killed_at(&phase, &release);
        let mut record = operator.saved().expect("it was written");
        assert_eq!(operator.drive(&mut record, None, None), Some(Outcome::Finished), "{phase:?}");
        let state = operator.world.state();
        assert_eq!(state.broken, Vec::<String>::new(), "{phase:?}");
        let mut calls = state.calls.clone();
        calls.dedup();
        let shifts: Vec<&String> = calls.iter().filter(|call| call.starts_with("shift")).collect();
        assert_eq!(shifts.len(), 3, "{phase:?}: {calls:#?}");
        assert_eq!(calls[calls.len() - 2..], ["stop blue", "let scale"], "{phase:?}");
    }
}

#[test]
fn after_standby_the_old_colour_is_started_before_it_gets_the_traffic() {
    let stopping = killed_at(&Phase::Stop, &release(Strategy::BlueGreen));
    assert_eq!(stopping.saved().map(|r| r.way_back()), Some(WayBack::StartFirst), "it may be stopped already");
    for mut operator in [stopping, Operator::new(World::new(Weather::fine(), 2), release(Strategy::BlueGreen))] {
        if operator.saved().is_none() {
            operator.work(&[]);
        }
        let before = operator.world.state().calls.len();
        operator.revert();
        let state = operator.world.state();
        let calls = &state.calls[before..];
        // What was under way is ended first.
        let calls = calls.strip_prefix(&["stop blue", "let scale"].map(String::from)).unwrap_or(calls);
        let wanted = ["hold scaling", "start blue: 2 of v1", "shift to blue 100, green 0", "stop green", "let scale"];
        assert_eq!((calls, state.broken.len()), (&wanted.map(String::from)[..], 0));
    }
}

#[test]
fn traffic_that_somebody_else_has_taken_back_stays_where_it_is() {
    for at in [15, 40, 70] {
        let weather = Weather { happenings: vec![(at, Happening::RevertElsewhere)], ..Weather::fine() };
        let (end, reason, calls) = made(release(canary()), weather);
        assert_eq!((end, reason.as_str()), (Outcome::Reverted, "the traffic was taken back elsewhere"), "{at}");
        assert!(!calls.iter().any(|call| call.starts_with("shift back")), "{at}: {calls:#?}");
        assert_eq!(calls[calls.len() - 2..], ["stop green", "let scale"]);
    }
}

#[test]
fn that_somebody_else_has_taken_the_traffic_back_is_seen_at_once() {
    let weather = Weather { happenings: vec![(40, Happening::RevertElsewhere)], ..Weather::fine() };
    let operator = Operator::new(World::new(weather, 2), release(Strategy::BlueGreen));
    let mut record = operator.begin();
    let began = operator.now();
    assert_eq!(operator.drive(&mut record, None, None), Some(Outcome::Reverted));
    assert!(operator.now() < began + seconds(50), "{:#?}", record.log);
}

#[test]
fn a_colour_that_dies_before_its_first_user_gets_none_and_no_weight_is_touched() {
    // Somewhere between the last check and the shift.
    for (seed, sickens) in (1..40).flat_map(|seed| [6, 8, 10, 12].map(|sickens| (seed, sickens))) {
        let dying = Version { sickens: Some(sickens), ..good() };
        let (_, reason, calls) = made(release(Strategy::BlueGreen), Weather { seed, latency: 1500, ..weather(dying) });
        let moved = |call: &str| calls.iter().any(|c| c.starts_with(call));
        assert_eq!(moved("shift back"), moved("shift to"), "{reason}: {calls:#?}");
    }
    // While nobody was there, between a run that was killed and the next.
    let operator = killed_at(&Phase::Shift(0), &release(Strategy::BlueGreen));
    operator.world.state().sides.get_mut("green").expect("green").definition = "v0".into();
    let mut record = operator.saved().expect("it was written");
    assert_eq!(operator.drive(&mut record, None, None), Some(Outcome::Reverted));
    assert_eq!(operator.world.state().calls, after_beginning(&["stop green", "let scale"]));
}

#[test]
fn weights_that_somebody_else_has_changed_are_not_overwritten() {
    for at in [15, 40, 70] {
        let weather = Weather { happenings: vec![(at, Happening::Weights(30))], ..Weather::fine() };
        let (end, _, calls) = made(release(canary()), weather);
        assert!(matches!(end, Outcome::Stuck(_)), "{end:?}");
        assert!(calls.last().is_some_and(|call| call.starts_with("shift to")), "{calls:#?}");
    }
}

#[test]
fn autoscaling_has_no_say_while_a_release_lasts_and_the_new_colour_gets_as_many_tasks_as_the_old_has_then() {
    let happenings = vec![(0, Happening::ScaleOut), (20, Happening::ScaleOut)];
    let weather = Weather { happenings, ..Weather::fine() };
    let world = World::new(weather, 2);
    let until = world.now() + 1000;
    world.pass_until(until);
    let operator = Operator::new(world, release(Strategy::BlueGreen));
    let mut record = operator.begin();
    assert_eq!(operator.drive(&mut record, None, None), Some(Outcome::Finished));
    let state = operator.world.state();
    assert_eq!((record.count, state.sides["green"].desired, state.held), (3, 3, false));
}

#[test]
fn a_watch_does_not_end_before_what_happened_in_it_can_be_seen() {
    let late = Weather { metrics: 120_000, ..weather(Version { fails: 500, ..good() }) };
    let mut short = release(Strategy::BlueGreen);
    short.standby = seconds(10);
    let (end, reason, _) = made(short, late);
    assert_eq!(end, Outcome::Reverted, "metrics of 10 s of users are seen 2 minutes later");
    assert!(reason.contains("requests failed"), "{reason}");
}
