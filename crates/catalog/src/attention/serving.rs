//! What serves somebody, and would stop doing so: for a while or for good.

use infra_provider::{Fate, Remark, Weight};

use super::{Change, data, forced_by, listed, remark};

pub(super) const GONE_BEFORE_REPLACEMENT: &str = "gone-before-replacement";
pub(super) const DESTROYED: &str = "serving-destroyed";
pub(super) const INTERRUPTED: &str = "interrupted";
pub(super) const SCALED_TO_ZERO: &str = "scaled-to-zero";

/// The types whose objects serve, and what is missing while there is none.
pub(super) const SERVING: &[(&str, &str)] = &[
    ("aws_acm_certificate", "AWS refuses that while a listener uses it"),
    ("aws_db_instance", "nothing answers meanwhile"),
    ("aws_ecs_cluster", "no service of it runs meanwhile"),
    ("aws_ecs_service", "none of its tasks runs meanwhile"),
    ("aws_eip", "its address is given back, and the new one is another"),
    ("aws_iam_policy", "who has it is without its permissions meanwhile"),
    ("aws_iam_role", "what runs with it is without permissions meanwhile"),
    ("aws_iam_role_policy", "the role is without its permissions meanwhile"),
    ("aws_iam_role_policy_attachment", "the role is without its permissions meanwhile"),
    ("aws_internet_gateway", "nothing gets in or out meanwhile"),
    ("aws_kms_alias", "who uses the alias finds no key meanwhile"),
    ("aws_lb", "nothing answers meanwhile, and its DNS name becomes another"),
    ("aws_lb_listener", "nothing answers on its port meanwhile"),
    ("aws_lb_listener_rule", "its requests go to the next rule meanwhile"),
    (
        "aws_lb_target_group",
        "AWS refuses that while a listener forwards to it; without one, it has no targets meanwhile",
    ),
    ("aws_lb_target_group_attachment", "the target gets no requests meanwhile"),
    ("aws_nat_gateway", "nothing gets out through it meanwhile"),
    ("aws_route", "nothing takes that way meanwhile"),
    ("aws_route53_record", "the name does not resolve meanwhile, and resolvers remember that for a while"),
    ("aws_route53_zone", "none of its names resolves until its parent delegates to the new name servers"),
    ("aws_route_table", "its subnets have no routes of their own meanwhile"),
    ("aws_route_table_association", "the subnet uses the network's main routes meanwhile"),
    ("aws_security_group", "AWS refuses that while anything is in it"),
    ("aws_security_group_rule", "what it lets through is cut off meanwhile"),
    ("aws_sns_topic", "messages are refused meanwhile, and subscriptions made elsewhere are lost"),
    ("aws_subnet", "AWS refuses that while anything is in it"),
    ("aws_vpc", "AWS refuses that while anything is in it"),
    ("aws_vpc_security_group_egress_rule", "what it lets through is cut off meanwhile"),
    ("aws_vpc_security_group_ingress_rule", "what it lets through is cut off meanwhile"),
];

/// The types whose end somebody outside notices, and what that is.
pub(super) const NOTICED: &[(&str, &str)] = &[
    ("aws_ecs_service", "its tasks stop"),
    ("aws_eip", "its address is given back and does not come again"),
    ("aws_lb", "nothing answers at its DNS name any more"),
    ("aws_lb_listener", "nothing answers on its port any more"),
    ("aws_nat_gateway", "nothing gets out through it any more"),
    ("aws_route53_record", "the name does not resolve any more"),
    ("aws_route53_zone", "none of its names resolves any more"),
    ("aws_sns_topic", "messages are refused, and subscriptions made elsewhere are lost"),
];

pub(super) fn remarks(change: &Change<'_>) -> Vec<Remark> {
    let found = match change.about.fate {
        Fate::Replace { create_first: false, because } => {
            // A database with its data is told of already.
            let told = data::remarks(change).is_some() && change.is("aws_db_instance");
            let missing = of(SERVING, change).filter(|_| !told);
            let said = missing.map(|missing| {
                let cause = forced_by(because);
                format!("would be deleted before its replacement is created (forced by {cause}): {missing}")
            });
            vec![(GONE_BEFORE_REPLACEMENT, said)]
        }
        Fate::Delete if !change.about.destroying => {
            let noticed = of(NOTICED, change);
            vec![(DESTROYED, noticed.map(|noticed| format!("would be destroyed: {noticed}")))]
        }
        Fate::Update => vec![(INTERRUPTED, interrupted(change)), (SCALED_TO_ZERO, scaled_to_zero(change))],
        _ => Vec::new(),
    };
    let found = found.into_iter().filter_map(|(rule, said)| Some((rule, said?)));
    found.map(|(rule, said)| remark(Weight::Interrupted, rule, said)).collect()
}

fn of(table: &[(&str, &'static str)], change: &Change<'_>) -> Option<&'static str> {
    table.iter().find(|(ty, _)| change.is(ty)).map(|(_, what)| *what)
}

/// Arguments of a database whose change stops or restarts it.
pub(super) const RESTARTING: [&str; 6] =
    ["instance_class", "engine_version", "port", "identifier", "db_subnet_group_name", "network_type"];

fn interrupted(change: &Change<'_>) -> Option<String> {
    match change.about.ty {
        "aws_db_instance" => database(change),
        "aws_kms_key" => change
            .becomes("is_enabled", false)
            .then(|| "would be disabled: what it has encrypted cannot be read while it is".to_string()),
        "aws_ecs_service" => cut_off(change),
        _ => None,
    }
}

fn database(change: &Change<'_>) -> Option<String> {
    let blue_green = change.after.part("blue_green_update").is_some_and(|block| block.bool("enabled"));
    let changing: Vec<String> =
        RESTARTING.into_iter().filter(|name| change.changes(name)).map(str::to_string).collect();
    if changing.is_empty() {
        return None;
    }
    let (from, to) = (change.before.str("engine_version"), change.after.str("engine_version"));
    let major = change.changes("engine_version") && is_major(change.after.str("engine"), from, to);
    let no_way_back = match major {
        true if change.hides("engine_version") => {
            "; that is a major upgrade, which only a snapshot takes back".to_string()
        }
        true => format!("; from {from} to {to} is a major upgrade, which only a snapshot takes back"),
        false => String::new(),
    };
    let what = listed(&changing, " and ");
    if blue_green {
        // AWS makes a copy and switches over to it.
        return major.then(|| format!("would change {what} on a copy that takes over{no_way_back}"));
    }
    // A port changes at once in any case.
    let when = match change.after.bool("apply_immediately") || change.changes("port") {
        true => "during the apply",
        false => "in its next maintenance window",
    };
    let down = match change.before.bool("multi_az") && changing == ["instance_class"] {
        true => "would fail over to its standby",
        false => "would be down for some minutes",
    };
    Some(format!("{down} {when}, for {what}{no_way_back}"))
}

/// Whether two versions are of different major lines.
pub(super) fn is_major(engine: &str, from: &str, to: &str) -> bool {
    let parts = if engine.starts_with("mysql") || engine.starts_with("mariadb") { 2 } else { 1 };
    let line = |version: &str| version.split('.').take(parts).map(str::to_string).collect::<Vec<_>>();
    let (from, to) = (line(from), line(to));
    // A version that says less than the other is compared as far as it goes.
    from.iter().zip(&to).any(|(a, b)| a != b)
}

/// A service that loses its load balancer.
fn cut_off(change: &Change<'_>) -> Option<String> {
    let behind = |service: infra_provider::Part<'_>| service.parts("load_balancer").len();
    let known = change.after.raw("load_balancer").is_known();
    (known && behind(change.before) > 0 && change.after.raw("load_balancer").is_empty())
        .then(|| "would be taken from its load balancer: it gets no requests any more".to_string())
}

fn scaled_to_zero(change: &Change<'_>) -> Option<String> {
    let name = match change.about.ty {
        "aws_ecs_service" => "desired_count",
        "aws_appautoscaling_target" => "max_capacity",
        _ => return None,
    };
    let (before, after) = change.numbers(name)?;
    let from = if change.hides(name) { String::new() } else { format!(" from {before} to 0") };
    (before > 0 && after == 0).then(|| format!("would run no task any more ({name}{from})"))
}
