//! What a download has to be: the `checksum` of an address.

use std::io::Read;

use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Compares a file with a checksum such as `sha256:…` or one without a name, whose length tells the method.
pub(crate) fn check(wanted: &str, file: &mut impl Read) -> Result<(), String> {
    let (method, hex) = wanted.split_once(':').unwrap_or(("", wanted));
    let method = match (method, hex.len()) {
        ("", 32) => "md5",
        ("", 40) => "sha1",
        ("", 64) => "sha256",
        ("", 128) => "sha512",
        (method, _) => method,
    };
    let got = match method {
        "md5" => digest::<Md5>(file),
        "sha1" => digest::<Sha1>(file),
        "sha256" => digest::<Sha256>(file),
        "sha512" => digest::<Sha512>(file),
        "file" => return Err("checksums from a file are not supported: give the checksum itself".to_string()),
        _ => return Err(format!("{wanted:?} is no checksum: it has the form sha256:HEX")),
    };
    match got {
        Ok(got) if got.eq_ignore_ascii_case(hex) => Ok(()),
        Ok(got) => Err(format!("the download has the {method} checksum {got}, and {hex} is asked for")),
        Err(error) => Err(error.to_string()),
    }
}

fn digest<D: Digest>(file: &mut impl Read) -> std::io::Result<String> {
    let mut hash = D::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hash.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_checksum_names_its_method_or_has_its_length() {
        let (md5, sha1) = ("900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (checksum, holds) in [
            (md5.to_string(), true),
            (format!("md5:{md5}"), true),
            (sha1.to_string(), true),
            (sha256.to_string(), true),
            (format!("sha256:{}", sha256.to_uppercase()), true),
            (format!("sha256:{}", "0".repeat(64)), false),
            (format!("sha512:{sha256}"), false),
            ("file:https://x.io/sums".to_string(), false),
            ("abc".to_string(), false),
        ] {
            assert_eq!(check(&checksum, &mut &b"abc"[..]).is_ok(), holds, "{checksum}");
        }
    }
}
