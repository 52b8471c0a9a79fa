//! What lies beside a state: creations under way, and records of what was done.

use infra_history::{Shelf, ShelfError};
use infra_state::{Backend, Instance, Intent};

use crate::cloud::{Cloud, backend_at};
use crate::deaf::Deaf;

const KEY: &str = "app/terraform.tfstate";

fn intent(token: &str) -> Intent {
    let address = infra_address::parse_resource_instance("aws_vpc.a").expect("an address");
    let provider = infra_address::ProviderConfig::parse("provider[\"registry.terraform.io/hashicorp/aws\"]");
    let object = Instance {
        tainted: false,
        schema_version: 1,
        attributes: [("cidr_block".to_string(), serde_json::json!("10.0.0.0/16"))].into_iter().collect(),
        sensitive: Vec::new(),
        private: None,
        dependencies: Vec::new(),
        create_before_destroy: false,
        extra: Default::default(),
    };
    Intent { token: token.into(), address, provider: provider.expect("a provider"), began: 7, object, made: false }
}

#[test]
fn creations_under_way_are_an_object_until_they_have_ended() -> std::io::Result<()> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("underway");
    let backend = cloud.backend("underway", &[]);
    let journal = backend.state("default").underway();
    assert_eq!(journal.read_intents()?, []);
    journal.begin(&intent("1"))?;
    journal.begin(&intent("2"))?;
    // Another machine, after this one was lost.
    let next = backend.state("default").underway();
    assert_eq!(next.read_intents()?, [intent("1"), intent("2")]);
    next.end(["1", "2"]);
    drop(next);
    assert_eq!(cloud.object(&format!("/underway/{KEY}.infra-underway")), None);
    Ok(())
}

#[test]
fn where_the_bucket_does_not_take_them_they_are_a_file() -> std::io::Result<()> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("strict");
    let strict = Deaf::refusing(cloud.port(), Some(".infra-underway"));
    let backend = backend_at(strict.port, "strict", &[]);
    let error = backend.state("default").underway().begin(&intent("1")).err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("AccessDenied") && error.contains(".infra-underway")));
    let folder = tempfile::tempdir()?;
    let backend = backend.with_folder(folder.path().join("data"));
    backend.state("default").underway().begin(&intent("1"))?;
    let next = backend.state("default").underway();
    assert_eq!(next.read_intents()?, [intent("1")]);
    next.end(["1"]);
    drop(next);
    assert_eq!(backend.state("default").underway().read_intents()?, []);
    assert_eq!(std::fs::read_dir(folder.path().join("data"))?.count(), 0);
    Ok(())
}

#[test]
fn records_are_added_and_never_replaced() -> Result<(), ShelfError> {
    let Some(cloud) = Cloud::start() else { return Ok(()) };
    cloud.bucket("records");
    let backend = cloud.backend("records", &[]);
    let shelf = backend.shelf("dev");
    assert!(shelf.numbers()?.is_empty());
    shelf.add(1, b"{}")?;
    shelf.add(10, b"{\"a\":1}")?;
    assert_eq!(shelf.numbers()?, [1, 10]);
    assert_eq!(shelf.read(10)?.as_deref(), Some(b"{\"a\":1}".as_slice()));
    assert_eq!(shelf.read(2)?, None);
    assert_eq!(shelf.add(1, b"{\"b\":1}"), Err(ShelfError::Taken(1)));
    assert_eq!(shelf.read(1)?.as_deref(), Some(b"{}".as_slice()));
    assert!(backend.shelf("default").numbers()?.is_empty());
    assert!(cloud.object(&format!("/records/env:/dev/{KEY}.infra-history/00000010.json")).is_some());
    Ok(())
}
