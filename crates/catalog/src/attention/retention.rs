//! Data that is kept for a shorter time than before.

use infra_provider::{Fate, Remark, Weight};

use super::{Change, days, remark};

pub(super) const SHORTENED: &str = "retention-shortened";

pub(super) fn remarks(change: &Change<'_>) -> Option<Remark> {
    if !matches!(change.about.fate, Fate::Update) {
        return None;
    }
    let message = match change.about.ty {
        "aws_cloudwatch_log_group" => {
            let name = "retention_in_days";
            // 0 is for ever.
            let (before, after) = change.numbers(name)?;
            let earlier = match before {
                0 => "for ever".to_string(),
                n => format!("for {}", days(n)),
            };
            let how = match change.hides(name) {
                true => "for a shorter time".to_string(),
                false => format!("for {} instead of {earlier}", days(after)),
            };
            let shorter = after != 0 && (before == 0 || after < before);
            shorter.then(|| format!("keeps log events {how}: older ones are deleted"))?
        }
        "aws_db_instance" => {
            let name = "backup_retention_period";
            match change.numbers(name)? {
                (before, 0) if before > 0 => {
                    "switches automated backups off (backup_retention_period = 0): the existing ones are deleted"
                        .to_string()
                }
                (before, after) if after < before && change.hides(name) => {
                    "keeps automated backups for a shorter time: older ones are deleted".to_string()
                }
                (before, after) if after < before => format!(
                    "keeps automated backups for {} instead of for {}: older ones are deleted",
                    days(after),
                    days(before)
                ),
                _ => return None,
            }
        }
        _ => return None,
    };
    Some(remark(Weight::DataGone, SHORTENED, message))
}
