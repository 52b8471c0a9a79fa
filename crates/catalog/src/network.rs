//! Spellings of networks and protocols that mean the same.

use std::net::{IpAddr, Ipv6Addr};

/// Whether two networks in CIDR notation are the same, however they are written.
pub fn same_network(a: &str, b: &str) -> bool {
    let parse = |text: &str| -> Option<(IpAddr, u8)> {
        let (address, length) = text.split_once('/')?;
        Some((address.parse().ok()?, length.parse().ok()?))
    };
    a == b || parse(a).is_some_and(|network| parse(b) == Some(network))
}

/// The usual spelling of an IPv6 network; anything else as it is.
pub fn canonical_v6(text: &str) -> String {
    let address = text.split_once('/').and_then(|(a, length)| Some((a.parse::<Ipv6Addr>().ok()?, length)));
    address.map_or_else(|| text.to_string(), |(address, length)| format!("{address}/{length}"))
}

/// The usual spelling of an IP protocol: `6` is `tcp`, `all` is `-1`.
pub fn protocol(text: &str) -> String {
    let text = text.to_lowercase();
    match text.as_str() {
        "all" | "-1" => "-1",
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        other => other,
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_the_same_however_they_are_written() {
        assert!(same_network("2001:DB8::/32", "2001:db8:0::/32"));
        assert!(!same_network("10.0.0.0/8", "10.0.0.0/9"));
        assert!(!same_network("pl-1", "pl-2"));
        assert_eq!(canonical_v6("2001:0DB8::/32"), "2001:db8::/32");
        assert_eq!(canonical_v6("10.0.0.0/8"), "10.0.0.0/8");
    }

    #[test]
    fn protocols_have_one_spelling() {
        for (given, wanted) in [("TCP", "tcp"), ("6", "tcp"), ("all", "-1"), ("-1", "-1"), ("50", "50")] {
            assert_eq!(protocol(given), wanted);
        }
    }
}
