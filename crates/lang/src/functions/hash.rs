//! Digests of texts and files, passwords, identifiers.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use infra_value::Value;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use uuid::Uuid;

use super::filesystem::read_for_hash;
use super::{Function, FunctionContext, FunctionError, Param, Phase, gives_string, rsa, text, whole};

/// A function that is a digest of a text.
macro_rules! text_digest {
    ($name:literal, $digest:ty, $show:path) => {
        Function {
            name: $name,
            params: &[Param::string("str")],
            variadic: None,
            not_null: true,
            returns: gives_string,
            body: |args, _, _| Ok(Value::string($show(&<$digest>::digest(text(&args[0]))))),
        }
    };
}

/// A function that is a digest of a file.
macro_rules! file_digest {
    ($name:literal, $digest:ty, $show:path) => {
        Function {
            name: $name,
            params: &[Param::string("path")],
            variadic: None,
            not_null: true,
            returns: gives_string,
            body: |args, _, cx| {
                let content = read_for_hash(text(&args[0]), cx)?;
                Ok(Value::string($show(&<$digest>::digest(content))))
            },
        }
    };
}

pub(super) static FUNCTIONS: &[Function] = &[
    text_digest!("md5", Md5, hex),
    text_digest!("sha1", Sha1, hex),
    text_digest!("sha256", Sha256, hex),
    text_digest!("sha512", Sha512, hex),
    text_digest!("base64sha256", Sha256, base64_text),
    text_digest!("base64sha512", Sha512, base64_text),
    file_digest!("filemd5", Md5, hex),
    file_digest!("filesha1", Sha1, hex),
    file_digest!("filesha256", Sha256, hex),
    file_digest!("filesha512", Sha512, hex),
    file_digest!("filebase64sha256", Sha256, base64_text),
    file_digest!("filebase64sha512", Sha512, base64_text),
    Function {
        name: "bcrypt",
        params: &[Param::string("str")],
        variadic: Some(Param::number("cost")),
        not_null: true,
        returns: gives_string,
        body: bcrypt_hash,
    },
    Function {
        name: "rsadecrypt",
        params: &[Param::string("ciphertext"), Param::string("privatekey")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| rsa::decrypt(text(&args[0]), text(&args[1])).map(Value::string),
    },
    Function {
        name: "uuid",
        params: &[],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |_, ty, cx| match cx.phase {
            Phase::Plan => Ok(Value::unknown(ty.clone())),
            Phase::Apply => Ok(Value::string(Uuid::new_v4().to_string())),
        },
    },
    Function {
        name: "uuidv5",
        params: &[Param::string("namespace"), Param::string("name")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| uuid_v5(text(&args[0]), text(&args[1])),
    },
];

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

fn base64_text(digest: &[u8]) -> String {
    STANDARD.encode(digest)
}

const DEFAULT_COST: i64 = 10;
const LEAST_COST: u32 = 4;
const GREATEST_COST: u32 = 31;

/// Each step doubles the time: this one takes minutes, the greatest allowed one days.
const LONGEST_COST: u32 = 20;

fn bcrypt_hash(args: &[Value], ty: &infra_value::Type, cx: &FunctionContext<'_>) -> Result<Value, FunctionError> {
    let cost = match args {
        [_] => DEFAULT_COST,
        [_, cost] => whole(cost).map_err(FunctionError::call)?,
        _ => return Err(FunctionError::call("bcrypt() takes no more than two arguments")),
    };
    // A cost that is too low means the default one.
    let cost = if cost < i64::from(LEAST_COST) { DEFAULT_COST } else { cost };
    let cost = u32::try_from(cost).ok().filter(|cost| *cost <= GREATEST_COST).ok_or_else(|| {
        FunctionError::call(format!(
            "error occured generating password crypto/bcrypt: cost {cost} is outside allowed range \
             ({LEAST_COST},{GREATEST_COST})"
        ))
    })?;
    if cx.phase == Phase::Plan {
        return Ok(Value::unknown(ty.clone()));
    }
    if cost > LONGEST_COST {
        return Err(FunctionError::call(format!("a cost of {cost} would take longer than anybody waits")));
    }
    let password = text(&args[0]);
    if password.len() > 72 {
        return Err(FunctionError::call("error occured generating password bcrypt: password length exceeds 72 bytes"));
    }
    let hash = bcrypt::hash_with_result(password, cost)
        .map_err(|e| FunctionError::call(format!("error occured generating password {e}")))?;
    Ok(Value::string(hash.format_for_version(bcrypt::Version::TwoA)))
}

fn uuid_v5(namespace: &str, name: &str) -> Result<Value, FunctionError> {
    let namespace = match namespace {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::parse_str(other).map_err(|_| {
            let reason = match other.len() {
                32 | 36 | 38 | 45 => "invalid UUID format".to_owned(),
                length => format!("invalid UUID length: {length}"),
            };
            FunctionError::call(format!("uuidv5() doesn't support namespace {other} ({reason})"))
        })?,
    };
    Ok(Value::string(Uuid::new_v5(&namespace, name.as_bytes()).to_string()))
}
