//! Which of the versions in a registry is installed.

use infra_lang::config::version::{Constraint, Version};

/// What there is for a constraint.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// This version.
    Version(Version),
    /// No version fits; this is the newest release.
    NoneFits(Version),
    /// There is no release at all.
    NoVersions,
}

/// The newest version that fits. A prerelease does only where the constraint is that version and nothing else.
pub(crate) fn select(offered: &[String], constraint: &Constraint) -> Selection {
    let mut versions: Vec<Version> = offered.iter().filter_map(|text| Version::parse(text)).collect();
    versions.sort();
    let fits = |v: &&Version| constraint.is_exactly(v) || (!v.is_prerelease() && constraint.allows(v));
    match versions.iter().rev().find(fits) {
        Some(version) => Selection::Version(version.clone()),
        None => match versions.into_iter().rev().find(|v| !v.is_prerelease()) {
            Some(newest) => Selection::NoneFits(newest),
            None => Selection::NoVersions,
        },
    }
}

#[cfg(test)]
mod tests {
    use infra_lang::config::version::{Constraint, Version};

    use super::{Selection, select};

    #[test]
    fn the_newest_release_that_fits_is_taken() {
        let offered = ["0.9.0", "v1.2.0", "1.10.0", "1.9.3", "2.0.0-beta1", "2.0.0-rc1", "nonsense"].map(String::from);
        for (constraint, selected) in [
            ("", "1.10.0"),
            ("~> 1.2", "1.10.0"),
            ("~> 1.9.0", "1.9.3"),
            ("1.2", "1.2.0"),
            (">= 1.0.0, < 1.10", "1.9.3"),
            ("!= 1.10.0", "1.9.3"),
            ("< 1.0", "0.9.0"),
            // As recorded: a prerelease has to be asked for by its name alone.
            ("2.0.0-rc1", "2.0.0-rc1"),
            ("= 2.0.0-beta1", "2.0.0-beta1"),
            (">= 2.0.0-beta1", "none"),
            ("~> 2.0.0-beta1", "none"),
            (">= 1, 2.0.0-rc1", "none"),
            ("2.0", "none"),
            ("> 5", "none"),
        ] {
            let parsed = match constraint {
                "" => Constraint::default(),
                text => Constraint::parse(text).expect("a constraint"),
            };
            let got = match select(&offered, &parsed) {
                Selection::Version(version) => version.to_string(),
                Selection::NoneFits(newest) => {
                    assert_eq!(newest.to_string(), "1.10.0", "{constraint}");
                    "none".to_string()
                }
                Selection::NoVersions => "no versions".to_string(),
            };
            assert_eq!(got, selected, "{constraint}");
        }
    }

    #[test]
    fn prereleases_alone_are_no_versions() {
        assert_eq!(select(&[], &Constraint::default()), Selection::NoVersions);
        let only = ["1.0.0-beta1".to_string()];
        assert_eq!(select(&only, &Constraint::default()), Selection::NoVersions);
        let version = Version::parse("1.0.0-beta1").expect("a version");
        let exact = Constraint::parse("1.0.0-beta1").expect("a constraint");
        assert_eq!(select(&only, &exact), Selection::Version(version));
    }
}
