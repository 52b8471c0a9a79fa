//! What the Route 53 types share: zones, records, and waiting until a change is everywhere.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::operation::get_hosted_zone::GetHostedZoneOutput;
use aws_sdk_route53::types::{ChangeInfo, ResourceRecordSet, RrType};
use futures::future::join_all;
use infra_catalog::dns;
use infra_provider::Failure;

use crate::Aws;
use crate::batch::{Answers, Loader, in_chunks};
use crate::error::Doing;
use crate::wait::{Seen, Wait};

/// The code for "no such zone".
pub(crate) const NO_ZONE: &[&str] = &["NoSuchHostedZone"];

/// All calls of an account together may be five in a second.
const SLOWEST_POLL: Duration = Duration::from_secs(5);
/// A change takes half a minute, or, on an emulator, no time.
const FIRST_POLL: Duration = Duration::from_secs(2);
const PAGE: i32 = 300;

/// What records of one name and type are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RecordKey {
    pub(crate) zone: String,
    /// The full name.
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) set_identifier: String,
}

impl RecordKey {
    /// As a key of [`records`].
    pub(crate) fn text(&self) -> String {
        [&*self.zone, &self.name, &self.ty, &self.set_identifier].join("\n")
    }

    fn parse(text: &str) -> Option<RecordKey> {
        let mut parts = text.splitn(4, '\n').map(str::to_string);
        let (zone, name, ty) = (parts.next()?, parts.next()?, parts.next()?);
        Some(RecordKey { zone, name, ty, set_identifier: parts.next()? })
    }

    fn is_of(&self, record: &ResourceRecordSet) -> bool {
        self.is_like(record.name(), record.r#type().as_str())
            && record.set_identifier().unwrap_or_default() == self.set_identifier
    }

    fn is_like(&self, name: &str, ty: &str) -> bool {
        ty == self.ty && dns::plain(name) == dns::plain(&self.name)
    }
}

#[derive(Default)]
struct Reads {
    zones: Loader<GetHostedZoneOutput>,
    records: Loader<ResourceRecordSet>,
}

/// A zone's id without what the API puts in front.
pub(crate) fn bare_id(id: &str) -> &str {
    id.strip_prefix("/hostedzone/").unwrap_or(id)
}

/// Zones by id, for the zones and for their records.
pub(crate) async fn zones(aws: &Aws, ids: impl IntoIterator<Item = String>) -> Arc<Answers<GetHostedZoneOutput>> {
    let client = aws.route53().clone();
    let fetch = |ids: Vec<String>| async move {
        in_chunks(ids, 1, |ids| async {
            let id = ids.into_iter().next().unwrap_or_default();
            Ok(zone(&client, &id).await?.map(|zone| (id, zone)).into_iter().collect())
        })
        .await
    };
    aws.shared::<Reads>().zones.load(ids, fetch).await
}

async fn zone(client: &Client, id: &str) -> Result<Option<GetHostedZoneOutput>, Failure> {
    let answer = client.get_hosted_zone().id(id).send().await;
    match answer.doing(format!("reading Route 53 Hosted Zone ({id})")) {
        Err(failure) if failure.is(NO_ZONE) => Ok(None),
        answer => answer.map(Some),
    }
}

/// The name of a zone; `None` if there is no such zone.
pub(crate) async fn zone_name(aws: &Aws, id: &str) -> Result<Option<String>, Failure> {
    let zones = zones(aws, [id.to_string()]).await;
    Ok(zones.get(id)?.and_then(|zone| zone.hosted_zone()).map(|zone| dns::bare(zone.name())))
}

/// Records by their keys. Several of one zone are looked for in the list of all its records.
pub(crate) async fn records(aws: &Aws, keys: Vec<RecordKey>) -> Arc<Answers<ResourceRecordSet>> {
    let client = aws.route53().clone();
    let keys = keys.iter().map(RecordKey::text);
    aws.shared::<Reads>().records.load(keys, |keys| fetch(client, keys)).await
}

async fn fetch(client: Client, keys: Vec<String>) -> Answers<ResourceRecordSet> {
    let mut by_zone = BTreeMap::<String, Vec<RecordKey>>::new();
    for key in keys.iter().filter_map(|key| RecordKey::parse(key)) {
        by_zone.entry(key.zone.clone()).or_default().push(key);
    }
    let lists = by_zone.iter().filter(|(_, keys)| keys.len() > 1);
    let listed = join_all(lists.map(|(zone, keys)| listed(&client, zone, keys))).await;
    let listed: HashMap<String, ResourceRecordSet> = listed.into_iter().flatten().collect();
    let (client, listed) = (&client, &listed);
    in_chunks(keys, 1, |keys| async move {
        let text = keys.into_iter().next().unwrap_or_default();
        let found = match (listed.get(&text), RecordKey::parse(&text)) {
            (Some(record), _) => Some(record.clone()),
            (None, Some(key)) => record(client, &key).await?,
            (None, None) => None,
        };
        Ok(found.map(|record| (text, record)).into_iter().collect())
    })
    .await
}

/// Those of the wanted records that the zone's list holds, reading no more pages than asking for each would take calls.
async fn listed(client: &Client, zone: &str, wanted: &[RecordKey]) -> Vec<(String, ResourceRecordSet)> {
    let mut found = Vec::new();
    let mut call = client.list_resource_record_sets().hosted_zone_id(zone).max_items(PAGE);
    for _ in wanted {
        let Ok(page) = call.clone().send().await else { break };
        for record in page.resource_record_sets() {
            let keys = wanted.iter().filter(|key| key.is_of(record));
            found.extend(keys.map(|key| (key.text(), record.clone())));
        }
        if !page.is_truncated || found.len() >= wanted.len() {
            break;
        }
        call = call
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
    found
}

/// One record, looked for by its name.
pub(crate) async fn record(client: &Client, key: &RecordKey) -> Result<Option<ResourceRecordSet>, Failure> {
    let doing = format!("reading Route 53 Record ({} {})", key.name, key.ty);
    let mut call = client
        .list_resource_record_sets()
        .hosted_zone_id(&key.zone)
        .start_record_name(format!("{}.", dns::zone(&key.name)))
        .start_record_type(RrType::from(&*key.ty))
        .max_items(if key.set_identifier.is_empty() { 1 } else { 100 });
    loop {
        let page = match call.clone().send().await.doing(&doing) {
            Err(failure) if failure.is(NO_ZONE) => return Ok(None),
            page => page?,
        };
        if let Some(found) = page.resource_record_sets().iter().find(|record| key.is_of(record)) {
            return Ok(Some(found.clone()));
        }
        let next_type = page.next_record_type.as_ref().map(RrType::as_str).unwrap_or_default();
        if !page.is_truncated || !key.is_like(page.next_record_name.as_deref().unwrap_or_default(), next_type) {
            return Ok(None);
        }
        call = call
            .set_start_record_name(page.next_record_name)
            .set_start_record_type(page.next_record_type)
            .set_start_record_identifier(page.next_record_identifier);
    }
}

/// Waits until a change is on all name servers.
pub(crate) async fn wait_in_sync(aws: &Aws, change: Option<&ChangeInfo>, limit: Duration) -> Result<(), Failure> {
    let Some(change) = change else { return Ok(()) };
    let id = change.id().strip_prefix("/change/").unwrap_or(change.id());
    Wait::new(format!("waiting for Route 53 change ({id}) to be everywhere"), limit)
        .at_most_every(SLOWEST_POLL)
        .again_after(FIRST_POLL)
        .until(|| async {
            let answer = aws.route53().get_change().id(id).send().await;
            let answer = match answer.doing(format!("reading Route 53 change ({id})")) {
                Err(failure) if failure.is(&["NoSuchChange"]) => return Ok(Seen::Missing),
                answer => answer?,
            };
            let status = answer.change_info().map_or("", |info| info.status().as_str());
            Ok(Seen::by_state((), status, &["PENDING"], &["INSYNC"]))
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_same_after_being_a_text() {
        for set_identifier in ["", "blue"] {
            let key = RecordKey {
                zone: "Z1".into(),
                name: "www.example.com".into(),
                ty: "A".into(),
                set_identifier: set_identifier.into(),
            };
            assert_eq!(RecordKey::parse(&key.text()), Some(key));
        }
    }
}
