//! The arguments that a `backend "s3"` block may have, as Terraform 1.11 has them.

use infra_value::{ObjectType, Type};

/// What an argument is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Argument {
    Text,
    /// A text that is not to be shown.
    Secret,
    Flag,
    Number,
    Texts,
    TextByName,
    Object(&'static [(&'static str, Argument)]),
}

use Argument::{Flag, Number, Object, Secret, Text, TextByName, Texts};

pub(crate) const ARGUMENTS: &[(&str, Argument)] = &[
    ("access_key", Secret),
    ("acl", Text),
    ("allowed_account_ids", Texts),
    ("assume_role", Object(ASSUME_ROLE)),
    ("assume_role_with_web_identity", Object(WEB_IDENTITY)),
    ("bucket", Text),
    ("custom_ca_bundle", Text),
    ("dynamodb_endpoint", Text),
    ("dynamodb_table", Text),
    ("ec2_metadata_service_endpoint", Text),
    ("ec2_metadata_service_endpoint_mode", Text),
    ("encrypt", Flag),
    ("endpoint", Text),
    ("endpoints", Object(ENDPOINTS)),
    ("forbidden_account_ids", Texts),
    ("force_path_style", Flag),
    ("http_proxy", Text),
    ("https_proxy", Text),
    ("iam_endpoint", Text),
    ("insecure", Flag),
    ("key", Text),
    ("kms_key_id", Text),
    ("max_retries", Number),
    ("no_proxy", Text),
    ("profile", Text),
    ("region", Text),
    ("retry_mode", Text),
    ("secret_key", Secret),
    ("shared_config_files", Texts),
    ("shared_credentials_file", Text),
    ("shared_credentials_files", Texts),
    ("skip_credentials_validation", Flag),
    ("skip_metadata_api_check", Flag),
    ("skip_region_validation", Flag),
    ("skip_requesting_account_id", Flag),
    ("skip_s3_checksum", Flag),
    ("sse_customer_key", Secret),
    ("sts_endpoint", Text),
    ("sts_region", Text),
    ("token", Secret),
    ("use_dualstack_endpoint", Flag),
    ("use_fips_endpoint", Flag),
    ("use_lockfile", Flag),
    ("use_path_style", Flag),
    ("workspace_key_prefix", Text),
];

const ASSUME_ROLE: &[(&str, Argument)] = &[
    ("duration", Text),
    ("external_id", Text),
    ("policy", Text),
    ("policy_arns", Texts),
    ("role_arn", Text),
    ("session_name", Text),
    ("source_identity", Text),
    ("tags", TextByName),
    ("transitive_tag_keys", Texts),
];

const WEB_IDENTITY: &[(&str, Argument)] = &[
    ("duration", Text),
    ("policy", Text),
    ("policy_arns", Texts),
    ("role_arn", Text),
    ("session_name", Text),
    ("web_identity_token", Secret),
    ("web_identity_token_file", Text),
];

const ENDPOINTS: &[(&str, Argument)] = &[("dynamodb", Text), ("iam", Text), ("s3", Text), ("sso", Text), ("sts", Text)];

/// The names of all arguments, sorted.
pub fn argument_names() -> impl Iterator<Item = &'static str> {
    ARGUMENTS.iter().map(|(name, _)| *name)
}

/// The type of an argument; `None` if there is no such argument. Attributes of objects may be left out.
pub fn argument_type(name: &str) -> Option<Type> {
    find(name).map(Argument::ty)
}

/// Whether an argument is, or holds, what must not be shown.
pub fn is_secret(name: &str) -> bool {
    find(name).is_some_and(Argument::is_secret)
}

fn find(name: &str) -> Option<Argument> {
    ARGUMENTS.iter().find(|(known, _)| *known == name).map(|(_, argument)| *argument)
}

impl Argument {
    pub fn ty(self) -> Type {
        match self {
            Text | Secret => Type::String,
            Flag => Type::Bool,
            Number => Type::Number,
            Texts => Type::set(Type::String),
            TextByName => Type::map(Type::String),
            Object(members) => Type::Object(
                ObjectType {
                    attributes: members.iter().map(|(name, member)| ((*name).into(), member.ty())).collect(),
                    optional: members.iter().map(|(name, _)| (*name).into()).collect(),
                }
                .into(),
            ),
        }
    }

    fn is_secret(self) -> bool {
        match self {
            Secret => true,
            Object(members) => members.iter().any(|(_, member)| member.is_secret()),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_each_has_a_type() {
        let names: Vec<&str> = argument_names().collect();
        assert!(names.is_sorted());
        assert_eq!(names.len(), 45);
        assert_eq!(argument_type("encrypt"), Some(Type::Bool));
        assert_eq!(argument_type("lock_table"), None);
        assert!(is_secret("secret_key") && is_secret("assume_role_with_web_identity") && !is_secret("bucket"));
    }
}
