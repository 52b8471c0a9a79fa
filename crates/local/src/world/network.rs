//! IPv4 networks.

use std::net::Ipv4Addr;

/// A network as its first and last address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    first: u32,
    last: u32,
}

impl Network {
    /// From `10.0.0.0/16`.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, length) = text.split_once('/')?;
        let (address, length): (Ipv4Addr, u32) = (address.parse().ok()?, length.parse().ok()?);
        let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
        let first = u32::from(address) & !hosts;
        (length <= 32).then_some(Network { first, last: first | hosts })
    }
    /// Whether all of the other is in this one.
    pub fn contains(self, other: Network) -> bool {
        self.first <= other.first && other.last <= self.last
    }
    /// Whether they have an address in common.
    pub fn overlaps(self, other: Network) -> bool {
        self.first <= other.last && other.first <= self.last
    }
    /// An address in it that a machine may have, by a number.
    pub fn address(self, number: u64) -> Ipv4Addr {
        // The first four and the last one are AWS's own.
        let hosts = u64::from(self.last - self.first).saturating_sub(4).max(1);
        let offset = u32::try_from(4 + number % hosts).unwrap_or(4);
        Ipv4Addr::from(self.first.saturating_add(offset).min(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_and_overlap() {
        let network = |text| Network::parse(text).expect("a network");
        assert!(network("10.0.0.0/16").contains(network("10.0.255.0/24")));
        assert!(!network("10.0.0.0/16").contains(network("10.1.0.0/24")));
        assert!(network("10.0.0.0/24").overlaps(network("10.0.0.128/25")));
        assert!(!network("10.0.0.0/24").overlaps(network("10.0.1.0/24")));
        assert!(network("0.0.0.0/0").contains(network("255.255.255.255/32")));
        assert_eq!(network("10.0.0.0/28").address(0).to_string(), "10.0.0.4");
        assert_eq!(Network::parse("10.0.0.0/33"), None);
    }
}
