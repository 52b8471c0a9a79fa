//! What a provider says about an object, without the object's sensitive values: a cloud repeats in its errors what it was
//! sent.

use infra_provider::Problem;
use infra_schema::Block;
use infra_value::{Path, Secrets, Value};

use crate::marks;
use crate::world::World;

/// The problems without the sensitive values of these objects and of the root variables. The marks of an object are those
/// of its configuration; its schema's are added.
pub(crate) fn hide(problems: Vec<Problem>, world: &World<'_>, schema: &Block, objects: &[&Value]) -> Vec<Problem> {
    if problems.is_empty() {
        return problems;
    }
    let marked: Vec<Value> =
        objects.iter().map(|object| marks::put(object, &marks::of_schema(schema, object))).collect();
    let mut secrets = Secrets::of(world.variables.values().chain(&marked));
    // Write-only arguments are secret by what they are for.
    for (name, _) in schema.attributes.iter().filter(|(_, attribute)| attribute.write_only) {
        objects.iter().filter_map(|object| object.get(name)).for_each(|value| secrets.add(value));
    }
    if secrets.is_empty() {
        return problems;
    }
    let one = |problem: Problem| {
        let path = problem.path.to_string();
        // A key may be one of them: then the place is the whole.
        let path = if secrets.hide(path.clone()) == path { problem.path } else { Path::root() };
        Problem { summary: secrets.hide(problem.summary), detail: secrets.hide(problem.detail), path, ..problem }
    };
    problems.into_iter().map(one).collect()
}
