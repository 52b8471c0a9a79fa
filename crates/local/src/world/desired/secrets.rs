//! Secrets that containers ask for, from secrets and parameters.

use crate::world::World;
use crate::world::types::CURRENT;

/// The value that a `valueFrom` stands for.
///
/// # Errors
/// What is missing. Never a value.
pub(super) fn resolve(world: &World, from: &str) -> Result<String, String> {
    let parts: Vec<&str> = from.split(':').collect();
    match parts[..] {
        ["arn", _, "secretsmanager", _, _, "secret", name, ref rest @ ..] => {
            let arn = parts[..6].join(":") + ":" + name;
            let part = |at: usize| rest.get(at).copied().filter(|text| !text.is_empty());
            secret(world, &arn, part(0), part(1), part(2)).map_err(|why| format!("secret {arn}: {why}"))
        }
        ["arn", _, "ssm", _, _, resource] => {
            let name = resource.strip_prefix("parameter").unwrap_or(resource);
            // The ARN of a name without a slash has one that is not the name's.
            parameter(world, name).or_else(|_| parameter(world, name.trim_start_matches('/')))
        }
        ["arn", ..] => Err(format!("{from} is neither a secret nor a parameter")),
        _ => parameter(world, from),
    }
}

fn parameter(world: &World, name: &str) -> Result<String, String> {
    world.facts.parameters.get(name).cloned().ok_or_else(|| format!("there is no SSM parameter {name} on this machine"))
}

fn secret(
    world: &World,
    arn: &str,
    key: Option<&str>,
    stage: Option<&str>,
    version: Option<&str>,
) -> Result<String, String> {
    let none = || "it is not on this machine".to_string();
    let arn = world.secret_arn(arn).map_err(|_| none())?;
    let versions = world.facts.secrets.get(&arn).ok_or_else(none)?;
    let stage = stage.unwrap_or(CURRENT);
    let found = match version {
        Some(version) => versions.get(version).ok_or_else(|| format!("it has no version {version}"))?,
        None => {
            let found = versions.values().find(|version| version.stages.contains(stage));
            found.ok_or_else(|| format!("it has no value with stage {stage} yet"))?
        }
    };
    let text = found.string.clone().ok_or("its value is binary")?;
    let Some(key) = key else { return Ok(text) };
    // What is wrong with the JSON must not say what it is.
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|_| "its value is no JSON".to_string())?;
    match json.get(key) {
        Some(serde_json::Value::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(format!("its value has no key {key}")),
    }
}
