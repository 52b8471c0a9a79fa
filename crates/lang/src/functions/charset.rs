//! Texts in character encodings other than UTF-8: `textencodebase64` and `textdecodebase64`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{EncoderResult, Encoding};
use infra_value::Value;

use super::encoding::base64_bytes;
use super::quote::quote;
use super::{Function, FunctionError, Param, gives_string, text};

pub(super) static FUNCTIONS: &[Function] = &[
    Function {
        name: "textdecodebase64",
        params: &[Param::string("source"), Param::string("encoding")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let charset = Charset::of_argument(text(&args[1]))?;
            let bytes = base64_bytes(text(&args[0])).map_err(|at| {
                FunctionError::argument(0, format!("the given value is has an invalid base64 symbol at offset {at}"))
            })?;
            let decoded = charset.decode(&bytes).ok_or_else(|| {
                let name = charset.name;
                FunctionError::argument(0, format!("the given string contains symbols that are not defined for {name}"))
            })?;
            Ok(Value::string(decoded))
        },
    },
    Function {
        name: "textencodebase64",
        params: &[Param::string("string"), Param::string("encoding")],
        variadic: None,
        not_null: true,
        returns: gives_string,
        body: |args, _, _| {
            let charset = Charset::of_argument(text(&args[1]))?;
            let bytes = charset.encode(text(&args[0])).ok_or_else(|| {
                let name = charset.name;
                let message = format!("the given string contains characters that cannot be represented in {name}");
                FunctionError::argument(0, message)
            })?;
            Ok(Value::string(STANDARD.encode(bytes)))
        },
    },
];

struct Charset {
    name: &'static str,
    kind: CharsetKind,
}

#[derive(Clone, Copy)]
enum CharsetKind {
    /// The code points below this number, a byte each.
    FirstCodePoints(u32),
    /// IBM's code page 437, which old machines call ASCII too.
    CodePage437,
    Utf16 {
        big_endian: bool,
        byte_order_mark: bool,
    },
    Other(&'static Encoding),
}

/// The upper half of code page 437.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

impl Charset {
    fn of_argument(label: &str) -> Result<Charset, FunctionError> {
        Charset::find(label).ok_or_else(|| {
            let message =
                format!("{} is not a supported IANA encoding name or alias in this Terraform version", quote(label));
            FunctionError::argument(1, message)
        })
    }

    fn find(label: &str) -> Option<Charset> {
        let utf16 = |big_endian, byte_order_mark| CharsetKind::Utf16 { big_endian, byte_order_mark };
        let (name, kind) = match label.to_ascii_lowercase().as_str() {
            "us-ascii" | "ascii" | "us" | "iso646-us" | "ansi_x3.4-1968" | "ibm367" | "cp367" | "csascii" => {
                ("US-ASCII", CharsetKind::FirstCodePoints(0x80))
            }
            "iso-8859-1" | "iso_8859-1" | "iso_8859-1:1987" | "latin1" | "l1" | "ibm819" | "cp819" | "iso-ir-100" => {
                ("ISO_8859-1:1987", CharsetKind::FirstCodePoints(0x100))
            }
            "ibm437" | "cp437" | "437" | "cspc8codepage437" => ("IBM437", CharsetKind::CodePage437),
            "utf-16" | "csutf16" => ("UTF-16", utf16(true, true)),
            "utf-16be" | "csutf16be" => ("UTF-16BE", utf16(true, false)),
            "utf-16le" | "csutf16le" => ("UTF-16LE", utf16(false, false)),
            lower => {
                let encoding = Encoding::for_label(lower.as_bytes())?;
                // This one only stands for encodings that are refused.
                if encoding.name() == "replacement" {
                    return None;
                }
                (encoding.name(), CharsetKind::Other(encoding))
            }
        };
        Some(Charset { name, kind })
    }

    fn encode(&self, s: &str) -> Option<Vec<u8>> {
        match self.kind {
            CharsetKind::FirstCodePoints(end) => {
                s.chars().map(|c| u8::try_from(u32::from(c)).ok().filter(|b| u32::from(*b) < end)).collect()
            }
            CharsetKind::CodePage437 => s
                .chars()
                .map(|c| match u8::try_from(c) {
                    Ok(b) if b < 0x80 => Some(b),
                    _ => CODE_PAGE_437.chars().position(|known| known == c).and_then(|i| u8::try_from(i + 0x80).ok()),
                })
                .collect(),
            CharsetKind::Utf16 { big_endian, byte_order_mark } => {
                let mark = byte_order_mark.then_some(0xfeff);
                let units = mark.into_iter().chain(s.encode_utf16());
                Some(units.flat_map(|u| if big_endian { u.to_be_bytes() } else { u.to_le_bytes() }).collect())
            }
            CharsetKind::Other(encoding) => {
                let mut encoder = encoding.new_encoder();
                let mut out = Vec::new();
                let needed = encoder.max_buffer_length_from_utf8_without_replacement(s.len())?;
                out.reserve(needed);
                match encoder.encode_from_utf8_to_vec_without_replacement(s, &mut out, true).0 {
                    EncoderResult::InputEmpty => Some(out),
                    _ => None,
                }
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> Option<String> {
        match self.kind {
            CharsetKind::FirstCodePoints(end) => {
                bytes.iter().map(|&b| Some(char::from(b)).filter(|_| u32::from(b) < end)).collect()
            }
            CharsetKind::CodePage437 => bytes
                .iter()
                .map(|&b| if b < 0x80 { Some(char::from(b)) } else { CODE_PAGE_437.chars().nth(usize::from(b) - 0x80) })
                .collect(),
            CharsetKind::Utf16 { big_endian, byte_order_mark } => {
                let (big_endian, bytes) = match bytes {
                    [0xfe, 0xff, rest @ ..] if byte_order_mark => (true, rest),
                    [0xff, 0xfe, rest @ ..] if byte_order_mark => (false, rest),
                    _ => (big_endian, bytes),
                };
                let (pairs, odd) = bytes.as_chunks::<2>();
                let units =
                    pairs.iter().map(|&p| if big_endian { u16::from_be_bytes(p) } else { u16::from_le_bytes(p) });
                let decoded: Result<String, _> = char::decode_utf16(units).collect();
                decoded.ok().filter(|_| odd.is_empty())
            }
            CharsetKind::Other(encoding) => {
                encoding.decode_without_bom_handling_and_without_replacement(bytes).map(Into::into)
            }
        }
    }
}
