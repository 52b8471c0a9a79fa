//! Schedules that once broke a law.

use infra_release::{Stop, Strategy};

use crate::laws::Schedule;
use crate::operator::{Kill, Then, linear};
use crate::world::{Happening, Version, Weather, good};

fn calm(strategy: Strategy) -> Schedule {
    let weather = Weather { latency: 5, ..Weather::fine() };
    Schedule { strategy, count: 1, task: false, probe: false, new: good(), weather, kills: Vec::new() }
}

fn holds(schedule: &Schedule) {
    let broken = schedule.broken();
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_colour_that_somebody_else_has_given_traffic_to_is_not_started_again() {
    // Killed once it had started the colour, and taken up when half of the users were there.
    for after in 5..20 {
        let mut schedule = calm(Strategy::BlueGreen);
        schedule.new.starts = 0;
        schedule.weather.happenings = vec![(1, Happening::Weights(50))];
        schedule.kills = vec![Kill { after, away: 1, then: Then::Apply }];
        holds(&schedule);
    }
}

#[test]
fn a_colour_that_gets_traffic_in_the_moment_in_which_it_is_stopped_is_started_again() {
    for at in 90..110 {
        let mut schedule = calm(linear());
        schedule.new.starts = 9;
        schedule.weather.latency = 1500;
        schedule.weather.happenings = vec![(81, Happening::Weights(50)), (at, Happening::Weights(50))];
        holds(&schedule);
    }
}

#[test]
fn weights_that_change_before_the_last_step_leave_the_way_back_open() {
    for at in 60..120 {
        let mut schedule = calm(Strategy::BlueGreen);
        schedule.weather.latency = 1500;
        schedule.weather.happenings = vec![(at, Happening::Weights(50))];
        holds(&schedule);
    }
}

#[test]
fn a_release_in_place_that_is_taken_back_twice_leaves_no_task() {
    let mut schedule = calm(Strategy::Rolling);
    schedule.task = true;
    schedule.new = Version { task_exit: None, ..good() };
    let kill = |after| Kill { after, away: 0, then: Then::Revert };
    schedule.kills = vec![kill(9), kill(0)];
    holds(&schedule);
}

#[test]
fn what_the_balancer_does_before_a_release_in_place_is_no_reason_to_go_back() {
    let mut schedule = calm(Strategy::Rolling);
    schedule.weather = Weather { requests_per_second: 2, noise: 50, ..schedule.weather };
    holds(&schedule);
}

#[test]
fn a_way_back_in_place_that_is_given_up_before_it_begins_lets_autoscaling_go() {
    let mut schedule = calm(Strategy::Rolling);
    schedule.new.starts = 0;
    let seed = 5_504_127_132_157_595_494;
    schedule.weather = Weather { requests_per_second: 0, latency: 5, errors: 300, seed, ..schedule.weather };
    for after in 0..12 {
        let kill = |after| Kill { after, away: 0, then: Then::Revert };
        schedule.kills = vec![kill(25), kill(after)];
        holds(&schedule);
    }
}

#[test]
fn a_wish_to_leave_in_any_moment_leaves_something_that_can_go_on() {
    for at in 0..90 {
        let mut schedule = calm(linear());
        schedule.weather.happenings = vec![(at, Happening::Wish(Stop::Leave))];
        holds(&schedule);
    }
}
