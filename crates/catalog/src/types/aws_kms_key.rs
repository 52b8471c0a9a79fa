//! `aws_kms_key`: its rules beyond the schema.

use std::time::Duration;

use infra_provider::Problem;
use infra_provider::plan::{Around, Key, TypeRules};
use infra_value::Value;

use crate::policy;
use crate::validate::Check;

/// The rules of `aws_kms_key`.
pub struct Rules;

const SPECS: [&str; 13] = [
    "ECC_NIST_P256",
    "ECC_NIST_P384",
    "ECC_NIST_P521",
    "ECC_SECG_P256K1",
    "HMAC_224",
    "HMAC_256",
    "HMAC_384",
    "HMAC_512",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "SM2",
    "SYMMETRIC_DEFAULT",
];

impl TypeRules for Rules {
    fn timeouts(&self) -> &'static [(&'static str, Duration)] {
        const LIMITS: [(&str, Duration); 1] = [("create", Duration::from_secs(2 * 60))];
        &LIMITS
    }

    fn validate(&self, config: &Value, problems: &mut Vec<Problem>) {
        let mut check = Check::new(config, problems);
        check.one_of("customer_master_key_spec", &SPECS);
        check.one_of("key_usage", &["SIGN_VERIFY", "ENCRYPT_DECRYPT", "GENERATE_VERIFY_MAC", "KEY_AGREEMENT"]);
        check.range("deletion_window_in_days", 7..=30);
        check.length("description", 0..=8192);
        check.json("policy");
        check.range("rotation_period_in_days", 90..=2560);
        check.required_with("rotation_period_in_days", &["enable_key_rotation"]);
        check.length("custom_key_store_id", 1..=22);
        check.length("xks_key_id", 1..=64);
        check.required_with("xks_key_id", &["custom_key_store_id"]);
    }

    fn suppress(&self, key: Key<'_>, old: &str, new: &str, _around: Around<'_>) -> bool {
        key.is(&["policy"]) && policy::same(old, new)
    }

    fn state_form(&self, key: Key<'_>, value: &Value) -> Option<Value> {
        key.is(&["policy"]).then(|| value.as_str().map(|text| Value::string(policy::normalise(text))))?
    }
}
