//! Encodings: Base64, gzip, JSON, CSV, YAML, URLs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::{Compress, Compression, Crc, FlushCompress};
use infra_value::{Kind, Refinements, Type, Value};

use super::{Function, FunctionError, Param, csv, gives_any, gives_string, json, text, yaml_read, yaml_write};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "base64decode",
        params: &[Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let bytes = base64_bytes(text(&args[0])).map_err(|_| {
                let quoted = super::quote::quote(text(&args[0]));
                FunctionError::call(format!("failed to decode base64 data {quoted}"))
            })?;
            let decoded = String::from_utf8(bytes)
                .map_err(|_| FunctionError::call("the result of decoding the provided string is not valid UTF-8"))?;
            Ok(Value::string(decoded))
        },
    },
    Function {
        name: "base64encode",
        params: &[Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| Ok(Value::string(STANDARD.encode(text(&args[0])))),
    },
    Function {
        name: "base64gzip",
        params: &[Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| Ok(Value::string(STANDARD.encode(gzip(text(&args[0]).as_bytes())?))),
    },
    Function {
        name: "csvdecode",
        params: &[Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_any,
        body: |args, _, _| csv::decode(text(&args[0])).map_err(FunctionError::call),
    },
    Function {
        name: "jsondecode",
        params: &[Param::string("str")],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, _| json::decode(text(&args[0])).map_err(FunctionError::call),
    },
    Function {
        name: "jsonencode",
        params: &[Param::any("val").or_null().or_unknown().or_dynamic()],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            if !args[0].is_wholly_known() {
                return Ok(unknown_json(&args[0]));
            }
            json::encode(&args[0]).map(Value::string).map_err(FunctionError::call)
        },
    },
    Function {
        name: "urlencode",
        params: &[Param::string("str")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| Ok(Value::string(url_encode(text(&args[0])))),
    },
    Function {
        name: "yamldecode",
        params: &[Param::string("src")],
        variadic: None,
        not_null: false,
        returns: gives_any,
        body: |args, _, _| yaml_read::decode(text(&args[0])).map_err(FunctionError::call),
    },
    Function {
        name: "yamlencode",
        params: &[Param::any("value").or_null().or_dynamic()],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, ty, _| {
            if !args[0].is_wholly_known() {
                return Ok(Value::unknown(ty.clone()));
            }
            yaml_write::encode(&args[0]).map(Value::string).map_err(FunctionError::call)
        },
    },
];

/// Standard Base64 with padding, where line ends are ignored and spare bits do not matter.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The bytes of a Base64 text, or the offset of what is wrong.
pub(super) fn base64_bytes(encoded: &str) -> Result<Vec<u8>, usize> {
    let plain: String = encoded.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    TOLERANT.decode(&plain).map_err(|e| match e {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
        _ => plain.len() / 4 * 4,
    })
}

/// A gzip stream as Terraform lays it out: the data, a flush, and an empty last block.
fn gzip(data: &[u8]) -> Result<Vec<u8>, FunctionError> {
    const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    const FLUSH: [u8; 5] = [0, 0, 0, 0xff, 0xff];
    const END: [u8; 5] = [1, 0, 0, 0xff, 0xff];
    let mut out = HEADER.to_vec();
    if data.is_empty() {
        out.extend(FLUSH);
    } else {
        let mut deflate = Compress::new(Compression::default(), false);
        // Room for incompressible data in stored blocks, so that one call is enough.
        let mut block = Vec::with_capacity(data.len() + data.len() / 1000 * 5 + 1024);
        deflate
            .compress_vec(data, &mut block, FlushCompress::Sync)
            .map_err(|e| FunctionError::call(format!("failed to compress the given string: {e}")))?;
        out.extend(block);
    }
    out.extend(END);
    let mut crc = Crc::new();
    crc.update(data);
    out.extend(crc.sum().to_le_bytes());
    out.extend(crc.amount().to_le_bytes());
    Ok(out)
}

/// An unknown JSON text, of which the first character may be known from the type.
fn unknown_json(value: &Value) -> Value {
    let certainly_there = match value.kind() {
        Kind::Unknown(u) => u.refinements().is_some_and(|r| r.not_null),
        _ => true,
    };
    let first = match value.ty() {
        Type::String => Some("\""),
        Type::Object(_) | Type::Map(_) => Some("{"),
        Type::Tuple(_) | Type::List(_) | Type::Set(_) => Some("["),
        _ => None,
    };
    let prefix = first.filter(|_| certainly_there).map(Into::into);
    Value::unknown(Type::String).refined(Refinements { not_null: true, prefix, ..Refinements::default() })
}

fn url_encode(s: &str) -> String {
    let mut out = String::new();
    for b in s.bytes() {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            b' ' => out.push('+'),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}
