//! Data, what guards it, and what serves.

use super::*;

const DB: &str = "aws_db_instance";

#[test]
fn a_database_that_goes_says_what_keeps_its_data() {
    for (before, wanted) in [
        (
            json!({"skip_final_snapshot": true, "backup_retention_period": 0}),
            "DataLost data-destroyed: would be destroyed: its data goes with it, and no final snapshot is configured; there \
             are no automated backups",
        ),
        (
            json!({"skip_final_snapshot": true, "backup_retention_period": 7, "delete_automated_backups": true}),
            "DataLost data-destroyed: would be destroyed: its data goes with it, and no final snapshot is configured; its \
             automated backups go too",
        ),
        (
            json!({"skip_final_snapshot": true, "backup_retention_period": 1, "delete_automated_backups": false}),
            "DataGone data-destroyed: would be destroyed: its data goes with it, and no final snapshot is configured; its \
             automated backups are kept for up to 1 day",
        ),
        (
            json!({"skip_final_snapshot": false, "final_snapshot_identifier": "last", "delete_automated_backups": true,
                   "backup_retention_period": 7}),
            "DataGone data-destroyed: would be destroyed: its data goes with it, after a final snapshot (last); its \
             automated backups go too",
        ),
        (
            json!({"skip_final_snapshot": false, "final_snapshot_identifier": {"sensitive": "hush"},
                   "backup_retention_period": 0}),
            "DataGone data-destroyed: would be destroyed: its data goes with it, after a final snapshot; there are no \
             automated backups",
        ),
        (
            json!({"skip_final_snapshot": false, "backup_retention_period": 0}),
            "DataGone data-destroyed: would be destroyed: its data goes with it, but not before a \
             final_snapshot_identifier has been applied: without one the deletion fails; there are no automated backups",
        ),
        (
            json!({"skip_final_snapshot": true, "backup_retention_period": 0, "deletion_protection": true}),
            "DataGone data-destroyed: would be destroyed: its data goes with it, and no final snapshot is configured; there \
             are no automated backups. AWS refuses it while deletion_protection is on",
        ),
        (json!({"skip_final_snapshot": true, "replicate_source_db": "main"}), ""),
    ] {
        assert_eq!(deleted(DB, &before), wanted);
    }
}

#[test]
fn a_replaced_database_goes_by_what_was_applied_before() {
    let before = json!({"skip_final_snapshot": true, "engine": "mysql", "backup_retention_period": 0});
    let after = json!({"skip_final_snapshot": false, "final_snapshot_identifier": "last", "engine": "postgres"});
    assert_eq!(
        replaced(DB, &before, &after, "engine"),
        "DataLost data-replaced: would be replaced: its data goes with it, and no final snapshot is configured; there are no \
         automated backups. The new skip_final_snapshot does not count yet: the deletion goes by what was applied before"
    );
    let from_snapshot = json!({"snapshot_identifier": "last", "engine": "postgres"});
    let protected = json!({"skip_final_snapshot": true, "deletion_protection": true, "backup_retention_period": 0});
    let said = replaced(DB, &protected, &from_snapshot, "snapshot_identifier");
    assert!(said.starts_with("DataGone data-replaced: "), "{said}");
    assert!(
        said.contains(
            "no automated backups; the new one starts from the snapshot that snapshot_identifier names. AWS refuses it while \
             deletion_protection is on. The new skip_final_snapshot does not count yet"
        ),
        "{said}"
    );
    let replica = json!({"replicate_source_db": "main", "engine": "mysql"});
    assert_eq!(
        replaced(DB, &replica, &replica, "engine"),
        "Interrupted gone-before-replacement: would be deleted before its replacement is created (forced by engine): nothing \
         answers meanwhile"
    );
}

#[test]
fn other_holders_of_data_say_what_keeps_it() {
    for (ty, before, wanted) in [
        (
            "aws_secretsmanager_secret",
            json!({"recovery_window_in_days": 0}),
            "DataLost data-destroyed: would be destroyed: its value goes at once and cannot be brought back (no \
             recovery_window_in_days)",
        ),
        (
            "aws_secretsmanager_secret",
            json!({"recovery_window_in_days": 30}),
            "DataGone data-destroyed: would be destroyed: its value can be brought back for 30 days, then it is gone",
        ),
        (
            "aws_cloudwatch_log_group",
            json!({"retention_in_days": 365}),
            "DataLost data-destroyed: would be destroyed: its log events, kept for 365 days until now, go with it, and \
             nothing keeps a copy",
        ),
        (
            "aws_cloudwatch_log_group",
            json!({"retention_in_days": 0}),
            "DataLost data-destroyed: would be destroyed: its log events, which never expired, go with it, and nothing keeps \
             a copy",
        ),
        ("aws_cloudwatch_log_group", json!({"skip_destroy": true}), ""),
        (
            "aws_db_snapshot",
            json!({}),
            "DataLost data-destroyed: would be destroyed: the copy of the database that it is goes, and nothing keeps another",
        ),
        (
            "aws_kms_key",
            json!({"deletion_window_in_days": 7}),
            "DataGone data-destroyed: would be destroyed: what it has encrypted cannot be read from then on; the deletion \
             can be taken back for 7 days, then never",
        ),
        (
            "aws_ssm_parameter",
            json!({"type": "SecureString"}),
            "DataLost data-destroyed: would be destroyed: its secret value and all earlier ones go with it, and nothing \
             keeps a copy",
        ),
        ("aws_ssm_parameter", json!({"type": "String"}), ""),
    ] {
        assert_eq!(deleted(ty, &before), wanted);
    }
    let zone =
        said_of("aws_route53_zone", Fate::Delete, &json!({"force_destroy": true}), &Json::Null, &Json::Null, true);
    assert_eq!(
        zone,
        "DataLost data-destroyed: would be destroyed: all its records go with it, also those made elsewhere (force_destroy)"
    );
}

#[test]
fn a_secret_keeps_its_name_while_it_can_be_brought_back() {
    let before = json!({"name": "db", "recovery_window_in_days": 7});
    let said = replaced("aws_secretsmanager_secret", &before, &before, "name");
    assert!(said.ends_with("then it is gone; until then AWS refuses a new secret of the same name"), "{said}");
    let said = replaced("aws_secretsmanager_secret", &before, &json!({"name": "other"}), "name");
    assert!(said.ends_with("then it is gone"), "{said}");
}

#[test]
fn data_that_is_kept_for_a_shorter_time_is_told_of() {
    let logs = |days: i64| json!({"retention_in_days": days});
    let backups = |days: i64| json!({"backup_retention_period": days});
    for (ty, before, after, wanted) in [
        (
            "aws_cloudwatch_log_group",
            logs(365),
            logs(30),
            "DataGone retention-shortened: keeps log events for 30 days instead of for 365 days: older ones are deleted",
        ),
        (
            "aws_cloudwatch_log_group",
            logs(0),
            logs(1),
            "DataGone retention-shortened: keeps log events for 1 day instead of for ever: older ones are deleted",
        ),
        ("aws_cloudwatch_log_group", logs(30), logs(0), ""),
        ("aws_cloudwatch_log_group", logs(30), json!({"retention_in_days": "(unknown)"}), ""),
        (
            DB,
            backups(7),
            backups(0),
            "DataGone retention-shortened: switches automated backups off (backup_retention_period = 0): the existing \
             ones are deleted",
        ),
        (
            DB,
            backups(7),
            backups(1),
            "DataGone retention-shortened: keeps automated backups for 1 day instead of for 7 days: older ones are deleted",
        ),
        (DB, backups(1), backups(7), ""),
    ] {
        assert_eq!(updated(ty, &before, &after), wanted);
    }
}

#[test]
fn protection_that_is_switched_off_is_told_of() {
    for (ty, name, worse, _) in protection::SWITCHES {
        let (before, after) = (json!({*name: !worse}), json!({*name: worse}));
        let said = updated(ty, &before, &after);
        assert!(said.starts_with("Weakened protection-off: "), "{ty} {name}: {said:?}");
        assert_eq!(updated(ty, &after, &before), "", "{ty} {name}");
        assert_eq!(updated(ty, &before, &json!({*name: "(unknown)"})), "", "{ty} {name}");
        assert_eq!(created(ty, &after), "", "{ty} {name}");
    }
    let window = |days: i64| json!({"recovery_window_in_days": days});
    assert_eq!(
        updated("aws_secretsmanager_secret", &window(30), &window(0)),
        "Weakened protection-off: would be destroyed without a way back from now on (recovery_window_in_days = 0)"
    );
    assert_eq!(updated("aws_secretsmanager_secret", &window(0), &window(30)), "");
    assert_eq!(
        updated("aws_lb_listener", &json!({"protocol": "HTTPS"}), &json!({"protocol": "HTTP"})),
        "Weakened protection-off: does not encrypt any more (protocol)"
    );
    let breaker = |rollback: bool| json!({"deployment_circuit_breaker": [{"enable": true, "rollback": rollback}]});
    assert_eq!(
        updated("aws_ecs_service", &breaker(true), &breaker(false)),
        "Weakened protection-off: does not roll a failed deployment back by itself any more (deployment_circuit_breaker)"
    );
}

#[test]
fn what_serves_and_is_deleted_before_its_replacement_says_what_forces_that() {
    for (ty, because, wanted) in [
        ("aws_lb", "load_balancer_type", "nothing answers meanwhile, and its DNS name becomes another"),
        ("aws_ecs_service", "launch_type", "none of its tasks runs meanwhile"),
        ("aws_nat_gateway", "subnet_id", "nothing gets out through it meanwhile"),
        ("aws_eip", "domain", "its address is given back, and the new one is another"),
        ("aws_security_group", "name", "AWS refuses that while anything is in it"),
    ] {
        let head = "Interrupted gone-before-replacement: would be deleted before its replacement is created";
        assert_eq!(replaced(ty, &json!({}), &json!({}), because), format!("{head} (forced by {because}): {wanted}"));
    }
    let tainted = Fate::Replace { create_first: false, because: Cause::Tainted };
    let said = said_of("aws_lb", tainted, &json!({}), &json!({}), &Json::Null, false);
    assert!(said.contains("(forced by the taint)"), "{said}");
    let first = Fate::Replace { create_first: true, because: Cause::Tainted };
    assert_eq!(said_of("aws_lb", first, &json!({}), &json!({}), &Json::Null, false), "");
    assert_eq!(replaced("aws_ecs_task_definition", &json!({}), &json!({}), "family"), "");
}

#[test]
fn the_end_of_what_serves_is_told_of_unless_everything_ends() {
    assert_eq!(
        deleted("aws_lb", &json!({})),
        "Interrupted serving-destroyed: would be destroyed: nothing answers at its DNS name any more"
    );
    assert_eq!(said_of("aws_lb", Fate::Delete, &json!({}), &Json::Null, &Json::Null, true), "");
    assert_eq!(deleted("aws_lb_target_group", &json!({})), "");
}

#[test]
fn a_database_that_restarts_says_when_and_why() {
    let now = json!({"instance_class": "db.t4g.small", "engine": "postgres", "engine_version": "15.4"});
    let with = |more: Json| {
        let mut json = now.clone();
        for (name, value) in more.as_object().expect("an object") {
            json[name] = value.clone();
        }
        json
    };
    for (before, after, wanted) in [
        (
            now.clone(),
            with(json!({"instance_class": "db.t4g.large", "apply_immediately": true})),
            "would be down for some minutes during the apply, for instance_class",
        ),
        (
            with(json!({"multi_az": true})),
            with(json!({"instance_class": "db.t4g.large", "multi_az": true})),
            "would fail over to its standby in its next maintenance window, for instance_class",
        ),
        (
            now.clone(),
            with(json!({"engine_version": "16.1", "port": 5433})),
            "would be down for some minutes during the apply, for engine_version and port; from 15.4 to 16.1 is a major \
             upgrade, which only a snapshot takes back",
        ),
        (
            now.clone(),
            with(json!({"engine_version": "16.1", "blue_green_update": [{"enabled": true}]})),
            "would change engine_version on a copy that takes over; from 15.4 to 16.1 is a major upgrade, which only a \
             snapshot takes back",
        ),
    ] {
        let before = if before["port"].is_null() { json_with_port(&before) } else { before };
        let after = if after["port"].is_null() { json_with_port(&after) } else { after };
        assert_eq!(updated(DB, &before, &after), format!("Interrupted interrupted: {wanted}"));
    }
    let copy = with(json!({"instance_class": "db.t4g.large", "blue_green_update": [{"enabled": true}]}));
    assert_eq!(updated(DB, &now, &copy), "");
    assert_eq!(updated(DB, &now, &with(json!({"allocated_storage": 100}))), "");
    for (engine, from, to, wanted) in [
        ("postgres", "15.4", "15.5", false),
        ("postgres", "15", "16", true),
        ("mysql", "8.0.35", "8.4.1", true),
        ("mysql", "8.0.35", "8.0.36", false),
        ("mariadb", "10.6", "10", false),
    ] {
        assert_eq!(serving::is_major(engine, from, to), wanted, "{engine} {from} {to}");
    }
}

fn json_with_port(json: &Json) -> Json {
    let mut json = json.clone();
    json["port"] = json!(5432);
    json
}

#[test]
fn what_stops_in_place_is_told_of() {
    for (ty, before, after, wanted) in [
        (
            "aws_kms_key",
            json!({"is_enabled": true}),
            json!({"is_enabled": false}),
            "interrupted: would be disabled: what it has encrypted cannot be read while it is",
        ),
        (
            "aws_ecs_service",
            json!({"load_balancer": [{"container_name": "a", "container_port": 80}]}),
            json!({"load_balancer": []}),
            "interrupted: would be taken from its load balancer: it gets no requests any more",
        ),
        (
            "aws_ecs_service",
            json!({"desired_count": 4}),
            json!({"desired_count": 0}),
            "scaled-to-zero: would run no task any more (desired_count from 4 to 0)",
        ),
        (
            "aws_appautoscaling_target",
            json!({"max_capacity": 4}),
            json!({"max_capacity": 0}),
            "scaled-to-zero: would run no task any more (max_capacity from 4 to 0)",
        ),
    ] {
        assert_eq!(updated(ty, &before, &after), format!("Interrupted {wanted}"));
        assert_eq!(updated(ty, &before, &before), "");
    }
}

#[test]
fn what_was_changed_elsewhere_and_would_be_undone_is_told_of() {
    let ty = "aws_ecs_service";
    let update = |stored: &Json, before: &Json, after: &Json| said_of(ty, Fate::Update, before, after, stored, false);
    let count = |n: i64| json!({"desired_count": n, "name": "api"});
    let head = "Weakened drift-overwritten: would undo what was changed outside of this configuration";
    assert_eq!(update(&count(2), &count(6), &count(2)), format!("{head}: desired_count (6 -> 2)"));
    assert_eq!(update(&count(2), &count(6), &count(6)), "", "it stays as it is");
    assert_eq!(update(&count(2), &count(2), &count(6)), "", "nobody has changed it");
    assert_eq!(update(&count(2), &count(6), &json!({"desired_count": "(unknown)", "name": "api"})), "");
    let tagged = |tag: &str| json!({"tags": {"team": tag}, "tags_all": {"team": tag}});
    assert_eq!(update(&tagged("a"), &tagged("b"), &tagged("a")), format!("{head}: tags"));
    let untagged = |tags: Json| json!({"tags": tags});
    assert_eq!(update(&untagged(Json::Null), &untagged(json!({})), &untagged(Json::Null)), "", "it says as little");
    let all = |tag: &str| json!({"tags": {}, "tags_all": {"team": tag}});
    assert_eq!(update(&all("a"), &all("b"), &all("a")), format!("{head}: tags_all"));
    let hidden = |n: i64| json!({"desired_count": {"sensitive": n}});
    assert_eq!(update(&hidden(2), &hidden(6), &hidden(2)), format!("{head}: desired_count"));
    let secret = |value: &str| json!({"value": value});
    let said = said_of("aws_ssm_parameter", Fate::Update, &secret("b"), &secret("a"), &secret("a"), false);
    assert_eq!(said, format!("{head}: value"));
    assert_eq!(
        said_of(ty, Fate::Create, &Json::Null, &count(2), &count(2), false),
        "Weakened drift-overwritten: was deleted outside of this configuration and would be created again"
    );
    assert_eq!(
        said_of("aws_vpc", Fate::Delete, &json!({}), &Json::Null, &json!({"cidr_block": "10.0.0.0/8"}), false),
        ""
    );
}

#[test]
fn a_sensitive_number_is_not_told() {
    let hidden = |name: &str, n: i64| json!({name: {"sensitive": n}});
    for said in [
        updated("aws_cloudwatch_log_group", &hidden("retention_in_days", 365), &hidden("retention_in_days", 30)),
        deleted("aws_cloudwatch_log_group", &hidden("retention_in_days", 365)),
        updated(DB, &hidden("backup_retention_period", 30), &hidden("backup_retention_period", 7)),
        updated("aws_ecs_service", &hidden("desired_count", 4), &hidden("desired_count", 0)),
        deleted("aws_secretsmanager_secret", &hidden("recovery_window_in_days", 30)),
        deleted("aws_kms_key", &hidden("deletion_window_in_days", 30)),
    ] {
        assert!(!said.is_empty() && !said.contains(|c: char| c.is_ascii_digit()), "{said}");
    }
    let version = |version: &str| json!({"engine": "postgres", "engine_version": {"sensitive": version}});
    let said = updated(DB, &version("15.4"), &version("16.1"));
    assert!(said.ends_with("for engine_version; that is a major upgrade, which only a snapshot takes back"), "{said}");
}
