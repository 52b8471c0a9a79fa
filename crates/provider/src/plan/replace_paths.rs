//! The paths whose change forces a replacement: which of them count, and their order.

use infra_value::{Path, PathStep, Value};

use super::at::get_at;

/// The path up to its last attribute: only an attribute can force a replacement.
pub(super) fn strip_indices(path: &Path) -> Path {
    let end = path.0.iter().rposition(|s| matches!(s, PathStep::Attribute(_))).map_or(0, |i| i + 1);
    Path(path.0[..end].to_vec())
}

/// Each path once, the first one's place kept.
pub(super) fn unique(paths: Vec<Path>) -> Vec<Path> {
    let mut seen = std::collections::HashSet::new();
    paths.into_iter().filter(|path| seen.insert(path.clone())).collect()
}

/// Those of a provider's paths at which prior and planned value differ, in the order in which plans list them. An
/// unknown value differs from everything.
pub fn filter_replace_paths(prior: &Value, planned: &Value, paths: &[Path]) -> Vec<Path> {
    let differs = |path: &&Path| match (get_at(prior, path), get_at(planned, path)) {
        (Some(a), Some(b)) => !same(a, b),
        (None, Some(v)) | (Some(v), None) => !v.is_null(),
        (None, None) => false,
    };
    let mut kept: Vec<Path> = paths.iter().filter(differs).cloned().collect();
    kept.sort_by_key(order);
    kept.dedup();
    kept
}

/// Whether two values are certainly the same, marks aside: an unknown value is the same as none.
pub fn same(a: &Value, b: &Value) -> bool {
    a.is_wholly_known() && b.is_wholly_known() && a.unmark_deep().0 == b.unmark_deep().0
}

/// Terraform keeps the paths in a hash table and lists them in the order of their hashes.
fn order(path: &Path) -> i64 {
    let mut crc = Crc64::new();
    for step in &path.0 {
        match step {
            PathStep::Attribute(name) => crc.update(name.as_bytes()),
            PathStep::Index(_) => crc.update(b"#"),
        }
    }
    crc.finish()
}

/// CRC-64/ISO.
struct Crc64(u64);

impl Crc64 {
    fn new() -> Crc64 {
        Crc64(u64::MAX)
    }
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u64::from(*byte);
            for _ in 0..8 {
                self.0 = if self.0 & 1 == 1 { (self.0 >> 1) ^ 0xD800_0000_0000_0000 } else { self.0 >> 1 };
            }
        }
    }
    fn finish(self) -> i64 {
        (!self.0).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_catalogue_of_checksums() {
        let mut crc = Crc64::new();
        crc.update(b"123456789");
        assert_eq!(crc.finish().cast_unsigned(), 0xB909_56C7_75A4_1001);
    }

    #[test]
    fn paths_are_listed_in_the_order_of_their_hashes() {
        let mut paths: Vec<Path> = ["cidr_block", "availability_zone", "ipv6_native"].map(Path::attribute).to_vec();
        paths.sort_by_key(order);
        assert_eq!(paths, ["availability_zone", "ipv6_native", "cidr_block"].map(Path::attribute));
    }
}
