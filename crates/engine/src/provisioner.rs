//! What provisioners take as arguments.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use infra_schema::{Attribute, Block};
use infra_value::Type;

static LOCAL_EXEC: LazyLock<Block> = LazyLock::new(|| {
    let attributes: BTreeMap<Arc<str>, Attribute> = [
        ("command", Type::String, true),
        ("interpreter", Type::list(Type::String), false),
        ("working_dir", Type::String, false),
        ("environment", Type::map(Type::String), false),
        ("quiet", Type::Bool, false),
    ]
    .into_iter()
    .map(|(name, ty, required)| (name.into(), attribute(ty, required)))
    .collect();
    Block { attributes, blocks: BTreeMap::new() }
});

fn attribute(ty: Type, required: bool) -> Attribute {
    Attribute {
        ty,
        required,
        optional: !required,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: false,
        default: None,
        force_new: false,
    }
}

/// The arguments of a type of provisioners, if it is one that infra runs.
pub(crate) fn schema(ty: &str) -> Option<&'static Block> {
    (ty == "local-exec").then(|| &*LOCAL_EXEC)
}
