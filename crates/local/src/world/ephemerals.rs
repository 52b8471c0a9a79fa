//! Ephemeral resources, from what is recorded.

use infra_provider::{Failure, Object};

use super::{World, data, types::CURRENT};

type Open = fn(&World, &mut Object) -> Result<(), Failure>;

/// The code of an ephemeral resource.
pub(super) fn find(ty: &str) -> Option<Open> {
    Some(match ty {
        "aws_secretsmanager_random_password" => random_password,
        "aws_secretsmanager_secret_version" => secret_version,
        "aws_ssm_parameter" => parameter,
        _ => return None,
    })
}

fn secret_version(world: &World, object: &mut Object) -> Result<(), Failure> {
    let stage = object.opt_str("version_stage").unwrap_or_else(|| CURRENT.to_string());
    let (arn, version_id, version) =
        data::version_of(world, object.str("secret_id"), object.opt_str("version_id"), &stage)?;
    object.set("arn", arn);
    object.set("created_date", version.created_date());
    object.set("secret_string", version.string.clone());
    object.set("secret_binary", version.binary.clone());
    object.set("version_id", version_id);
    object.set("version_stage", stage);
    object.set("version_stages", version.stages.iter().cloned().collect::<Vec<_>>());
    Ok(())
}

fn parameter(world: &World, object: &mut Object) -> Result<(), Failure> {
    let arn = object.str("arn").to_string();
    let decrypt = object.opt_bool("with_decryption").unwrap_or(true);
    let found = world.all("aws_ssm_parameter").find(|parameter| parameter.str("arn") == arn);
    let Some(found) = found else {
        return Err(Failure::new(format!("reading SSM Parameter ({arn})"), "couldn't find resource"));
    };
    let name = found.str("name");
    object.set("with_decryption", decrypt);
    object.set("name", name);
    object.set("type", found.str("type"));
    object.set("value", world.facts.parameters.get(name).cloned());
    object.set("version", found.int("version"));
    Ok(())
}

const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

fn random_password(_: &World, object: &mut Object) -> Result<(), Failure> {
    let excluded = object.str("exclude_characters").to_string();
    let kinds = [
        ("exclude_lowercase", "abcdefghijklmnopqrstuvwxyz"),
        ("exclude_uppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("exclude_numbers", "0123456789"),
        ("exclude_punctuation", PUNCTUATION),
    ];
    let kinds = kinds.into_iter().filter(|(leave_out, _)| !object.bool(leave_out));
    let mut kinds: Vec<Vec<char>> =
        kinds.map(|(_, all)| all.chars().filter(|c| !excluded.contains(*c)).collect()).collect();
    kinds.retain(|characters| !characters.is_empty());
    let each = object.opt_bool("require_each_included_type").unwrap_or(true);
    let length = object.opt_i32("password_length").and_then(|n| usize::try_from(n).ok()).unwrap_or(32);
    let mut all: Vec<char> = kinds.concat();
    if object.bool("include_space") {
        all.push(' ');
    }
    if all.is_empty() || !(1..=4096).contains(&length) || (each && length < kinds.len()) {
        let message =
            "InvalidParameterException: No password of that length can be made of the characters that are left.";
        return Err(Failure::new("reading Secrets Manager Random Password", message));
    }
    let pick = |from: &[char]| usize::try_from(random() % from.len() as u64).ok().and_then(|at| from.get(at).copied());
    let password = loop {
        let password: String = (0..length).filter_map(|_| pick(&all)).collect();
        if !each || kinds.iter().all(|kind| password.contains(kind.as_slice())) {
            break password;
        }
    };
    object.set("random_password", password);
    Ok(())
}

fn random() -> u64 {
    uuid::Uuid::new_v4().as_u64_pair().0 ^ uuid::Uuid::new_v4().as_u64_pair().1
}
