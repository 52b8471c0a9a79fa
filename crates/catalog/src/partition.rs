//! Partitions: which a region belongs to, and the domains of each.

/// A group of regions with accounts and domains of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// `aws`; `""` for a region that belongs to none.
    pub name: &'static str,
    /// `amazonaws.com`
    pub dns_suffix: &'static str,
    /// `com.amazonaws`
    pub reverse_dns_prefix: &'static str,
}

const fn partition(name: &'static str, dns_suffix: &'static str, reverse_dns_prefix: &'static str) -> Partition {
    Partition { name, dns_suffix, reverse_dns_prefix }
}

const NONE: Partition = partition("", "amazonaws.com", "com.amazonaws");
const COMMERCIAL: Partition = partition("aws", "amazonaws.com", "com.amazonaws");

/// By the beginning of the region's name.
const OTHERS: [(&str, Partition); 7] = [
    ("cn-", partition("aws-cn", "amazonaws.com.cn", "cn.com.amazonaws")),
    ("us-gov-", partition("aws-us-gov", "amazonaws.com", "com.amazonaws")),
    ("us-iso-", partition("aws-iso", "c2s.ic.gov", "gov.ic.c2s")),
    ("us-isob-", partition("aws-iso-b", "sc2s.sgov.gov", "gov.sgov.sc2s")),
    ("eu-isoe-", partition("aws-iso-e", "cloud.adc-e.uk", "uk.adc-e.cloud")),
    ("us-isof-", partition("aws-iso-f", "csp.hci.ic.gov", "gov.ic.hci.csp")),
    ("eusc-", partition("aws-eusc", "amazonaws.eu", "eu.amazonaws")),
];

const AREAS: [&str; 9] = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"];

/// The partition of a region, by its name: `eu-west-1` is in `aws`, and so is a region that is yet to come.
pub fn of_region(region: &str) -> Partition {
    if let Some((_, found)) = OTHERS.iter().find(|(prefix, _)| region.starts_with(prefix)) {
        return *found;
    }
    match region.split('-').collect::<Vec<_>>()[..] {
        [area, place, number] if AREAS.contains(&area) && !place.is_empty() && is_number(number) => COMMERCIAL,
        _ => NONE,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Names and descriptions of the regions.
const REGIONS: [(&str, &str); 44] = [
    ("af-south-1", "Africa (Cape Town)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-east-2", "Asia Pacific (Taipei)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
    ("ap-southeast-5", "Asia Pacific (Malaysia)"),
    ("ap-southeast-7", "Asia Pacific (Thailand)"),
    ("ca-central-1", "Canada (Central)"),
    ("ca-west-1", "Canada West (Calgary)"),
    ("cn-north-1", "China (Beijing)"),
    ("cn-northwest-1", "China (Ningxia)"),
    ("eu-central-1", "Europe (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-isoe-west-1", "EU ISOE West"),
    ("eu-north-1", "Europe (Stockholm)"),
    ("eu-south-1", "Europe (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-west-1", "Europe (Ireland)"),
    ("eu-west-2", "Europe (London)"),
    ("eu-west-3", "Europe (Paris)"),
    ("eusc-de-east-1", "EU (Germany)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("mx-central-1", "Mexico (Central)"),
    ("sa-east-1", "South America (Sao Paulo)"),
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-gov-east-1", "AWS GovCloud (US-East)"),
    ("us-gov-west-1", "AWS GovCloud (US-West)"),
    ("us-iso-east-1", "US ISO East"),
    ("us-iso-west-1", "US ISO WEST"),
    ("us-isob-east-1", "US ISOB East (Ohio)"),
    ("us-isof-east-1", "US ISOF EAST"),
    ("us-isof-south-1", "US ISOF SOUTH"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
];

/// The host of EC2 in a region.
pub fn endpoint(region: &str) -> String {
    let domain = match of_region(region).name {
        // The one partition whose hosts are not in its own domain.
        "aws-eusc" => "amazonaws.com",
        _ => of_region(region).dns_suffix,
    };
    format!("ec2.{region}.{domain}")
}

/// The region with a name or an endpoint, `own` without either: its name and description.
///
/// # Errors
/// When there is none, or the two say different regions.
pub fn find_region(name: &str, host: &str, own: &str) -> Result<(&'static str, &'static str), String> {
    let by_name = |name: &str| {
        let found = REGIONS.iter().copied().find(|(n, _)| *n == name);
        found.ok_or_else(|| format!("finding Region by name ({name}): there is no such region"))
    };
    let by_host = || {
        let found = REGIONS.iter().copied().find(|(n, _)| endpoint(n) == host);
        found.ok_or_else(|| format!("finding Region by endpoint ({host}): there is no such region"))
    };
    match (name, host) {
        ("", "") => by_name(own),
        (name, "") => by_name(name),
        ("", _) => by_host(),
        (name, _) => match (by_name(name)?, by_host()?) {
            (a, b) if a == b => Ok(a),
            _ => Err("multiple Regions matched: `name` and `endpoint` are of different regions".into()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_belongs_to_a_partition() {
        for (region, wanted) in [
            ("eu-west-1", "aws"),
            ("ap-foo-9", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eusc-de-east-1", "aws-eusc"),
            ("xx-foo-1", ""),
            ("nowhere", ""),
        ] {
            assert_eq!(of_region(region).name, wanted, "{region}");
        }
    }

    #[test]
    fn a_region_is_found_by_name_and_by_endpoint() {
        let ireland = ("eu-west-1", "Europe (Ireland)");
        assert_eq!(find_region("", "", "eu-west-1"), Ok(ireland));
        assert_eq!(find_region("eu-west-1", "", "us-east-1"), Ok(ireland));
        assert_eq!(find_region("", "ec2.eu-west-1.amazonaws.com", "us-east-1"), Ok(ireland));
        assert_eq!(endpoint("cn-north-1"), "ec2.cn-north-1.amazonaws.com.cn");
        assert_eq!(endpoint("eusc-de-east-1"), "ec2.eusc-de-east-1.amazonaws.com");
        assert!(find_region("xx-foo-1", "", "us-east-1").is_err());
        assert!(find_region("us-east-1", "ec2.eu-west-1.amazonaws.com", "us-east-1").is_err());
    }
}
