//! Data that goes with its object, and what keeps a copy of it.

use infra_provider::{Fate, Part, Remark, Weight};

use super::{Change, remark};

pub(super) const DESTROYED: &str = "data-destroyed";
pub(super) const REPLACED: &str = "data-replaced";

/// What goes, and what keeps it.
pub(super) struct Loss {
    weight: Weight,
    what: String,
}

pub(super) type Holder = fn(&Change<'_>) -> Option<Loss>;

/// The types whose objects hold data.
pub(super) const HOLDERS: &[(&str, Holder)] = &[
    ("aws_cloudwatch_log_group", log_group),
    ("aws_db_instance", database),
    ("aws_db_snapshot", snapshot),
    ("aws_kms_key", key),
    ("aws_route53_zone", zone),
    ("aws_secretsmanager_secret", secret),
    ("aws_ssm_parameter", parameter),
];

pub(super) fn remarks(change: &Change<'_>) -> Option<Remark> {
    let (rule, verb) = match change.about.fate {
        Fate::Delete => (DESTROYED, "destroyed"),
        Fate::Replace { .. } => (REPLACED, "replaced"),
        Fate::Create | Fate::Update => return None,
    };
    let (_, holder) = HOLDERS.iter().find(|(ty, _)| change.is(ty))?;
    let Loss { weight, what } = holder(change)?;
    Some(remark(weight, rule, format!("would be {verb}: {what}")))
}

fn lost(what: impl Into<String>) -> Option<Loss> {
    Some(Loss { weight: Weight::DataLost, what: what.into() })
}

fn gone(what: impl Into<String>) -> Option<Loss> {
    Some(Loss { weight: Weight::DataGone, what: what.into() })
}

fn database(change: &Change<'_>) -> Option<Loss> {
    let now = change.before;
    // The source of a replica has the data.
    if !now.str("replicate_source_db").is_empty() {
        return None;
    }
    let skip = now.bool("skip_final_snapshot");
    let named = !now.str("final_snapshot_identifier").is_empty();
    let kept_days = now.int("backup_retention_period");
    let backups_stay = !now.bool("delete_automated_backups") && kept_days > 0;
    let mut what = match (skip, named) {
        (true, _) => "its data goes with it, and no final snapshot is configured".to_string(),
        (false, true) if change.hides("final_snapshot_identifier") => {
            "its data goes with it, after a final snapshot".to_string()
        }
        (false, true) => {
            let name = now.str("final_snapshot_identifier");
            format!("its data goes with it, after a final snapshot ({name})")
        }
        (false, false) => {
            "its data goes with it, but not before a final_snapshot_identifier has been applied: without \
                           one the deletion fails"
                .to_string()
        }
    };
    what += &match (backups_stay, kept_days) {
        (true, n) => {
            format!("; its automated backups are kept for up to {}", change.days("backup_retention_period", n))
        }
        (false, 0) => "; there are no automated backups".to_string(),
        (false, _) => "; its automated backups go too".to_string(),
    };
    let protected = now.bool("deletion_protection");
    if change.stays() && !change.after.str("snapshot_identifier").is_empty() {
        what += "; the new one starts from the snapshot that snapshot_identifier names";
    }
    if protected {
        what += ". AWS refuses it while deletion_protection is on";
    }
    if change.stays() {
        let settings = ["skip_final_snapshot", "final_snapshot_identifier", "delete_automated_backups"];
        if let Some(late) = settings.into_iter().find(|name| change.changes(name)) {
            what += &format!(". The new {late} does not count yet: the deletion goes by what was applied before");
        }
    }
    if skip && !backups_stay && !protected { lost(what) } else { gone(what) }
}

fn snapshot(_change: &Change<'_>) -> Option<Loss> {
    lost("the copy of the database that it is goes, and nothing keeps another")
}

fn secret(change: &Change<'_>) -> Option<Loss> {
    let window = change.before.int("recovery_window_in_days");
    if window == 0 {
        return lost("its value goes at once and cannot be brought back (no recovery_window_in_days)");
    }
    let mut what = format!(
        "its value can be brought back for {}, then it is gone",
        change.days("recovery_window_in_days", window)
    );
    let same_name = change.stays() && change.before.str("name") == change.after.str("name");
    if same_name && matches!(change.about.fate, Fate::Replace { create_first: false, .. }) {
        what += "; until then AWS refuses a new secret of the same name";
    }
    gone(what)
}

fn log_group(change: &Change<'_>) -> Option<Loss> {
    if change.before.bool("skip_destroy") {
        return None;
    }
    let kept = match change.before.int("retention_in_days") {
        0 => "which never expired".to_string(),
        n => format!("kept for {} until now", change.days("retention_in_days", n)),
    };
    lost(format!("its log events, {kept}, go with it, and nothing keeps a copy"))
}

fn key(change: &Change<'_>) -> Option<Loss> {
    let window = match change.before.int("deletion_window_in_days") {
        0 => 30,
        n => n,
    };
    gone(format!(
        "what it has encrypted cannot be read from then on; the deletion can be taken back for {}, then never",
        change.days("deletion_window_in_days", window)
    ))
}

fn parameter(change: &Change<'_>) -> Option<Loss> {
    // A text that is not secret stands in the configuration.
    (change.before.str("type") == "SecureString")
        .then(|| lost("its secret value and all earlier ones go with it, and nothing keeps a copy"))?
}

fn zone(change: &Change<'_>) -> Option<Loss> {
    let forced = |zone: Part<'_>| zone.bool("force_destroy");
    forced(change.before).then(|| lost("all its records go with it, also those made elsewhere (force_destroy)"))?
}
