//! ACM certificates: issued at once. What listens on this machine makes certificates of its own for their names.

use std::collections::BTreeMap;
use std::time::Duration;

use infra_provider::{Failure, Object};
use infra_value::Value;

use crate::world::kind::Kind;
use crate::world::{Cx, World, ids, refuse};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(in crate::world) struct Certificate;

impl Kind for Certificate {
    fn untold(&self) -> &'static [&'static str] {
        &["certificate_body", "certificate_chain", "private_key"]
    }

    fn create(&self, world: &mut World, object: &mut Object, cx: &mut Cx<'_>) -> Result<(), Failure> {
        let arn = world.arn("acm", &format!("certificate/{}", ids::uuid(cx)));
        object.set("id", &arn);
        object.set("arn", arn);
        let imported = object.str("domain_name").is_empty();
        object.set("type", if imported { "IMPORTED" } else { "AMAZON_ISSUED" });
        object.set("status", "ISSUED");
        object.set("renewal_eligibility", "INELIGIBLE");
        object.set("not_before", ids::rfc3339(cx.now));
        object.set("not_after", ids::rfc3339(cx.now + 395 * DAY));
        let mut default = |name: &str, value: &str| {
            if object.str(name).is_empty() {
                object.set(name, value);
            }
        };
        default("key_algorithm", "RSA_2048");
        if imported {
            default("validation_method", "NONE");
        } else if object.str("validation_method").is_empty() && object.str("certificate_authority_arn").is_empty() {
            let why = "`certificate_authority_arn` or `validation_method` must be set when creating an ACM certificate";
            return refuse("ValidationException", why);
        }
        let logged = Some(Value::from("ENABLED"));
        if object.part("options").is_none() {
            object.set("options", vec![[("certificate_transparency_logging_preference", logged)]]);
        }
        let mut names = object.strings("subject_alternative_names");
        let domain = object.str("domain_name").to_string();
        if !imported && !names.contains(&domain) {
            names.push(domain.clone());
        }
        if object.str("validation_method") == "EMAIL" {
            let mailboxes = ["admin", "administrator", "hostmaster", "postmaster", "webmaster"];
            object.set("validation_emails", mailboxes.map(|name| format!("{name}@{domain}")).to_vec());
        } else if !imported {
            object.set("domain_validation_options", validation(&names, cx));
        }
        object.set("subject_alternative_names", names);
        Ok(())
    }

    fn delete(&self, world: &mut World, _: &Object, object: &Object, _: &mut Cx<'_>) -> Result<(), Failure> {
        let arn = object.id();
        if world.all("aws_lb_listener").any(|listener| listener.str("certificate_arn") == arn) {
            return refuse(
                "ResourceInUseException",
                format!("Certificate {arn} in account {} is in use.", world.account),
            );
        }
        Ok(())
    }
}

/// A record for each name; a wildcard has that of its domain.
fn validation(names: &[String], cx: &mut Cx<'_>) -> Vec<[(&'static str, Option<Value>); 4]> {
    let mut made: BTreeMap<String, (String, String)> = BTreeMap::new();
    let one = |name: &String| {
        let domain = name.strip_prefix("*.").unwrap_or(name).to_string();
        let (label, target) = made
            .entry(domain.clone())
            .or_insert_with(|| (ids::hex(cx, 32), format!("_{}.{}", ids::hex(cx, 32), ids::hex(cx, 10))))
            .clone();
        [
            ("domain_name", Some(Value::string(name))),
            ("resource_record_name", Some(Value::string(format!("_{label}.{domain}.")))),
            ("resource_record_type", Some("CNAME".into())),
            ("resource_record_value", Some(Value::string(format!("{target}.acm-validations.aws.")))),
        ]
    };
    names.iter().map(one).collect()
}
