//! `rsadecrypt`: a text encrypted for an RSA key with PKCS #1 v1.5 padding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dashu_int::UBig;
use dashu_int::fast_div::ConstDivisor;

use super::FunctionError;
use super::encoding::base64_bytes;

/// The text that a Base64 cipher text stands for. Neither the key nor the text is ever part of a message.
pub(super) fn decrypt(ciphertext: &str, key: &str) -> Result<String, FunctionError> {
    let encrypted = base64_bytes(ciphertext).map_err(|_| {
        let shown = super::quote::quote(ciphertext);
        FunctionError::argument(0, format!("failed to decode input {shown}: cipher text must be base64-encoded"))
    })?;
    let key = Key::parse(key).map_err(|e| FunctionError::argument(1, e))?;
    let plain = key
        .decrypt(&encrypted)
        .ok_or_else(|| FunctionError::call("failed to decrypt: the cipher text is not for this key"))?;
    String::from_utf8(plain).map_err(|_| FunctionError::call("the decrypted text is not valid UTF-8"))
}

struct Key {
    modulus: UBig,
    exponent: UBig,
    /// The length of the modulus in bytes.
    length: usize,
}

const INVALID_KEY: &str = "invalid private key: ssh: no key found";
const INVALID_ASN1: &str = "invalid ASN1 data in the given private key: truncated tag or length";

impl Key {
    fn parse(pem: &str) -> Result<Key, String> {
        let (label, der) = pem_block(pem).ok_or(INVALID_KEY)?;
        let bad = || INVALID_ASN1.to_owned();
        match label {
            "RSA PRIVATE KEY" => Key::from_pkcs1(&der).ok_or_else(bad),
            "PRIVATE KEY" => {
                let key = sequence(&der).and_then(|mut inside| {
                    integer(&mut inside)?;
                    element(&mut inside, 0x30)?;
                    Key::from_pkcs1(element(&mut inside, 0x04)?)
                });
                key.ok_or_else(bad)
            }
            other => Err(format!("invalid private key: ssh: unsupported key type \"{other}\"")),
        }
    }

    fn from_pkcs1(der: &[u8]) -> Option<Key> {
        let mut inside = sequence(der)?;
        integer(&mut inside)?;
        let modulus = integer(&mut inside)?;
        integer(&mut inside)?;
        let exponent = integer(&mut inside)?;
        let modulus_bytes = modulus.iter().skip_while(|b| **b == 0).count();
        let modulus = UBig::from_be_bytes(modulus);
        if modulus <= UBig::ONE {
            return None;
        }
        Some(Key { modulus, exponent: UBig::from_be_bytes(exponent), length: modulus_bytes })
    }

    fn decrypt(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        let message = UBig::from_be_bytes(encrypted);
        if message >= self.modulus {
            return None;
        }
        let ring = ConstDivisor::new(self.modulus.clone());
        let padded = ring.reduce(message).pow(&self.exponent).residue().to_be_bytes();
        // The padding begins with a zero byte, which a number does not show: 0, 2, random bytes, 0, the text.
        if padded.len() + 1 != self.length || padded.first() != Some(&2) {
            return None;
        }
        let zero = padded.iter().position(|b| *b == 0).filter(|at| *at > 8)?;
        Some(padded[zero + 1..].to_vec())
    }
}

/// The label and the content of the first PEM block.
fn pem_block(pem: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = pem.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let encoded: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((label, STANDARD.decode(encoded).ok()?))
}

fn sequence(der: &[u8]) -> Option<&[u8]> {
    let mut rest = der;
    element(&mut rest, 0x30)
}

fn integer<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    element(rest, 0x02)
}

/// The content of the next element, which must have the tag given.
fn element<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (&found, after) = rest.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let (bytes, rest) = after.split_at_checked(usize::from(first & 0x7f))?;
        after = rest;
        bytes.iter().try_fold(0_usize, |length, b| length.checked_mul(256)?.checked_add(usize::from(*b)))?
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    (found == tag).then_some(content)
}
