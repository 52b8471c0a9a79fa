//! Pattern lists as OpenSSH has them: `alice@example.com,*@ops.example.com,!guest@*`.

/// Whether a text matches a list of patterns: one of them, and none that is negated with `!`.
pub(crate) fn matches_list(text: &str, list: &str) -> bool {
    let mut found = false;
    for pattern in list.split(',') {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(text.as_bytes(), negated.as_bytes()) => return false,
            Some(_) => {}
            None => found |= matches(text.as_bytes(), pattern.as_bytes()),
        }
    }
    found
}

/// The members of a list that are names, not patterns.
pub(crate) fn names(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(|pattern| !pattern.is_empty() && !pattern.starts_with('!') && !pattern.contains(['*', '?']))
}

/// Whether a text matches a pattern, in which `*` stands for any characters and `?` for one.
fn matches(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p) = (0, 0);
    // Where to go on when what follows the last star does not fit: the star takes one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((t, p + 1));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match retry {
                Some((from, after)) => {
                    retry = Some((from + 1, after));
                    t = from + 1;
                    p = after;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_match_as_ssh_has_it() {
        for (text, list, wanted) in [
            ("alice", "alice", true),
            ("alice", "Alice", false),
            ("alice", "bob,alice", true),
            ("alice@example.com", "*@example.com", true),
            ("alice@example.com", "*@example.com,!alice@*", false),
            ("alice@example.com", "!alice@*,*", false),
            ("alice", "!bob", false),
            ("alice", "al?ce", true),
            ("alice", "al?e", false),
            ("aXbXc", "a*b*c", true),
            ("abab", "*ab", true),
            ("", "", true),
            ("", "*", true),
            ("", "?", false),
            ("a", "", false),
        ] {
            assert_eq!(matches_list(text, list), wanted, "{text:?} in {list:?}");
        }
    }

    #[test]
    fn a_pattern_is_no_name() {
        assert_eq!(names("alice,*@x,!bob,c?d,,carol").collect::<Vec<_>>(), ["alice", "carol"]);
    }
}
