//! Arguments that still work and should not be used any more: what to write instead.

use infra_provider::Problem;
use infra_schema::Block;
use infra_value::{Path, Value};

/// Of which type (`data.` before that of a data source), which argument or block, and what is said of it. The schemas tell
/// which ones are deprecated; here is the advice.
const ADVICE: &[(&str, &str, &str)] = &[
    ("aws_eip", "vpc", "The provider will drop vpc. Write domain = \"vpc\" in its place."),
    (
        "aws_iam_role",
        "inline_policy",
        "The provider will drop inline_policy. Make an aws_iam_role_policy of each of them. What keeps all others away from \
         the role, as this block does, is aws_iam_role_policies_exclusive.",
    ),
    (
        "aws_iam_role",
        "managed_policy_arns",
        "The provider will drop managed_policy_arns. Make an aws_iam_role_policy_attachment of each of them. What keeps all \
         others away from the role, as this argument does, is aws_iam_role_policy_attachments_exclusive.",
    ),
    (
        "data.aws_iam_policy_document",
        "override_json",
        "override_json is there only for configurations written for older providers. Use override_policy_documents.",
    ),
    (
        "data.aws_iam_policy_document",
        "source_json",
        "source_json is there only for configurations written for older providers. Use source_policy_documents.",
    ),
];

/// Warns of every deprecated argument and block that is given. What is not wholly known yet may still be null.
pub(crate) fn check(ty: &str, block: &Block, config: &Value, problems: &mut Vec<Problem>) {
    let given = |name: &str| config.get(name).is_some_and(|v| v.is_wholly_known() && !v.is_null());
    let attributes = block.attributes.iter().filter(|(name, a)| a.deprecated && given(name)).map(|(name, _)| name);
    let filled =
        |name: &str| given(name) && config.get(name).is_some_and(|v| v.elements().is_none_or(|e| !e.is_empty()));
    let blocks = block.blocks.iter().filter(|(name, b)| b.deprecated && filled(name)).map(|(name, _)| name);
    for name in attributes.chain(blocks) {
        let problem = Problem::warning("Argument is deprecated", advice(ty, name).unwrap_or_default());
        problems.push(problem.at(Path::attribute(name.clone())));
    }
}

fn advice(ty: &str, name: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(of, what, _)| *of == ty && *what == name).map(|(_, _, advice)| *advice)
}

#[cfg(test)]
mod tests {
    use infra_schema::Schema;
    use infra_value::Type;

    use super::*;
    use crate::catalog;

    /// The names of what a block's schema deprecates, and of what is deprecated inside of its blocks.
    fn deprecated(block: &Block) -> (Vec<String>, usize) {
        let attributes = block.attributes.iter().filter(|(_, a)| a.deprecated).map(|(name, _)| name.to_string());
        let blocks = block.blocks.iter().filter(|(_, b)| b.deprecated).map(|(name, _)| name.to_string());
        let names: Vec<String> = attributes.chain(blocks).collect();
        let inside = block.blocks.values().map(|b| {
            let (names, inside) = deprecated(&b.block);
            names.len() + inside
        });
        (names, inside.sum())
    }

    #[test]
    fn there_is_advice_for_everything_that_a_schema_deprecates() {
        let resources = catalog().resources.values().map(|t| (t.name.to_string(), t.schema()));
        let data = catalog().data_sources.values().map(|t| (format!("data.{}", t.name), t.schema()));
        let all: Vec<(String, &Schema)> = resources.chain(data).collect();
        let mut found = 0;
        for (ty, schema) in all {
            let (names, inside) = deprecated(&schema.block);
            assert_eq!(inside, 0, "{ty} deprecates something in a nested block, which is not looked at");
            for name in names {
                assert!(advice(&ty, &name).is_some(), "no advice for {name} of {ty}");
                found += 1;
            }
        }
        assert_eq!(found, ADVICE.len());
    }

    #[test]
    fn a_warning_stands_at_what_is_given_and_known() {
        let block = &catalog().resources["aws_iam_role"].schema().block;
        let told = |arns: Value| {
            let config = Value::object([
                ("managed_policy_arns", arns),
                ("inline_policy", block.blocks["inline_policy"].empty()),
            ]);
            let mut problems = Vec::new();
            check("aws_iam_role", block, &config, &mut problems);
            problems.iter().map(|p| (p.summary.clone(), p.path.to_string(), p.is_error())).collect::<Vec<_>>()
        };
        let warning = ("Argument is deprecated".to_string(), "managed_policy_arns".to_string(), false);
        assert_eq!(told(Value::set(Type::String, [])), [warning]);
        assert_eq!(told(Value::null(Type::set(Type::String))), []);
        assert_eq!(told(Value::unknown(Type::set(Type::String))), []);
    }
}
