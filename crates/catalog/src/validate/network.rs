//! Checks of addresses, networks and ARNs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use super::Check;

impl Check<'_> {
    /// An IPv4 network: CIDR notation without host bits.
    pub fn ipv4_network(&mut self, name: &str) {
        self.text(name, |_, text| ipv4_network_error(text));
    }
    /// An IPv6 network: CIDR notation without host bits.
    pub fn ipv6_network(&mut self, name: &str) {
        self.text(name, |_, text| ipv6_network_error(text));
    }
    /// CIDR notation without host bits of a network whose prefix length is in a range.
    pub fn cidr_network(&mut self, name: &str, bits: RangeInclusive<u8>) {
        self.text(name, |key, text| match parse_cidr(text) {
            None => Some(format!(
                "expected {key} to contain a valid Value, got: {text} with err: invalid CIDR address: {text}"
            )),
            Some((address, length)) => {
                let network = network_text(address, length);
                let (low, high) = (bits.start(), bits.end());
                if network != text {
                    Some(format!("expected {key} to contain a valid network Value, expected {network}, got {text}"))
                } else if !bits.contains(&length) {
                    Some(format!(
                        "expected {key:?} to contain a network Value with between {low} and {high} significant bits, \
                         got: {length}"
                    ))
                } else {
                    None
                }
            }
        });
    }
    /// CIDR notation; host bits are allowed.
    pub fn cidr(&mut self, name: &str) {
        self.text(name, |key, text| {
            parse_cidr(text)
                .is_none()
                .then(|| format!("expected {key:?} to be a valid IPv4 Value, got {text}: invalid CIDR address: {text}"))
        });
    }
    /// An IP address.
    pub fn ip_address(&mut self, name: &str) {
        self.text(name, |key, text| {
            text.parse::<IpAddr>().is_err().then(|| format!("expected {key} to contain a valid IP, got: {text}"))
        });
    }
    /// An IPv4 address.
    pub fn ipv4_address(&mut self, name: &str) {
        self.text(name, |key, text| {
            let wrong = text.parse::<Ipv4Addr>().is_err();
            wrong.then(|| format!("expected {key} to contain a valid IPv4 address, got: {text}"))
        });
    }
    /// An IPv6 address.
    pub fn ipv6_address(&mut self, name: &str) {
        self.text(name, |key, text| {
            let wrong = text.parse::<Ipv6Addr>().is_err();
            wrong.then(|| format!("expected {key} to contain a valid IPv6 address, got: {text}"))
        });
    }
    /// An ARN, or `""`.
    pub fn arn(&mut self, name: &str) {
        self.text(name, arn_error);
    }
}

/// What is wrong with the text of an attribute as an ARN. `""` is taken for "not given".
pub fn arn_error(key: &str, text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    let wrong = |what: &str| Some(format!("{key:?} ({text}) is an invalid ARN: {what}"));
    if !text.starts_with("arn:") {
        return wrong("arn: invalid prefix");
    }
    let sections: Vec<&str> = text.splitn(6, ':').collect();
    let &[_, partition, _, region, account, resource] = sections.as_slice() else {
        return wrong("arn: not enough sections");
    };
    if partition.is_empty() {
        return wrong("missing partition value");
    }
    if !is_partition(partition) {
        return wrong("invalid partition value (expecting to match regular expression: ^aws(-[a-z]+)*$)");
    }
    if !region.is_empty() && !is_region(region) {
        return wrong("invalid region value (expecting to match regular expression: ^[a-z]{2}(-[a-z]+)+-\\d{1,2}$)");
    }
    if !account.is_empty() && !is_account(account) {
        return wrong(
            "invalid account ID value (expecting to match regular expression: \
             ^(aws|aws-managed|third-party|aws-marketplace|\\d{12}|cw.{10})$)",
        );
    }
    if resource.is_empty() {
        return wrong("missing resource value");
    }
    None
}

fn is_partition(text: &str) -> bool {
    let mut words = text.split('-');
    words.next() == Some("aws") && words.all(is_lower_word)
}

fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    match words.as_slice() {
        [country, middle @ .., number] => {
            country.len() == 2
                && is_lower_word(country)
                && !middle.is_empty()
                && middle.iter().all(|w| is_lower_word(w))
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}

fn is_lower_word(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase())
}

fn is_account(text: &str) -> bool {
    matches!(text, "aws" | "aws-managed" | "third-party" | "aws-marketplace")
        || (text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))
        || (text.starts_with("cw") && text.chars().count() == 12)
}

/// What is wrong with a text as an IPv4 network.
pub fn ipv4_network_error(text: &str) -> Option<String> {
    network_error(text, "IPv4", IpAddr::is_ipv4)
}

/// What is wrong with a text as an IPv6 network.
pub fn ipv6_network_error(text: &str) -> Option<String> {
    network_error(text, "IPv6", IpAddr::is_ipv6)
}

fn network_error(text: &str, kind: &str, is_kind: fn(&IpAddr) -> bool) -> Option<String> {
    let Some((address, length)) = parse_cidr(text) else {
        return Some(format!("{text:?} is not a valid CIDR block: invalid CIDR address: {text}"));
    };
    if !is_kind(&address) {
        return Some(format!("{text:?} is not a valid {kind} CIDR block"));
    }
    let network = masked(address, length);
    (network != address).then(|| {
        let wanted = network_text(address, length);
        format!("{text:?} is not a valid {kind} CIDR block; did you mean {wanted:?}?")
    })
}

/// Address and prefix length of CIDR notation; `None` if it is none.
fn parse_cidr(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let length: u8 = length.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    (length <= most).then_some((address, length))
}

fn masked(address: IpAddr, length: u8) -> IpAddr {
    let length = u32::from(length);
    match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            Ipv4Addr::from(u32::from(a) & mask).into()
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Ipv6Addr::from(u128::from(a) & mask).into()
        }
    }
}

fn network_text(address: IpAddr, length: u8) -> String {
    format!("{}/{length}", masked(address, length))
}
