//! Tags of objects whose API tells them by themselves: without those that AWS sets.

use std::collections::BTreeMap;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// What keys of AWS's own tags begin with.
const SYSTEM: &str = "aws:";

/// The tags that are not AWS's own.
pub(crate) fn own<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Tags {
    let all = pairs.into_iter().map(|(key, value)| (key.into(), value.into()));
    all.filter(|(key, _)| !key.starts_with(SYSTEM)).collect()
}

/// The tags that may be sent, in a form of the SDK.
pub(crate) fn sent<T>(tags: &Tags, form: impl Fn(&str, &str) -> T) -> Vec<T> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with(SYSTEM));
    own.map(|(key, value)| form(key, value)).collect()
}

/// The keys that go and do not come back with another value.
pub(crate) fn removed(remove: &Tags, put: &Tags) -> Vec<String> {
    remove.keys().filter(|key| !put.contains_key(*key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_tags_are_neither_kept_nor_sent() {
        let tags = own([("aws:cloudformation:stack-name", "x"), ("Name", "a")]);
        assert_eq!(tags, Tags::from([("Name".into(), "a".into())]));
        let system = Tags::from([("aws:x".into(), "1".into()), ("b".into(), "2".into())]);
        assert_eq!(sent(&system, |k, v| format!("{k}={v}")), ["b=2"]);
    }
}
