//! Patterns of rule conditions: `*` is any text, `?` any one character, and a backslash takes both their meaning.

/// Whether a whole text fits a pattern.
pub(crate) fn fits(pattern: &str, text: &str, case: Case) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on if what follows the last star does not fit: behind the star, with one more byte given to it.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        if t == text.len() && p == pattern.len() {
            return true;
        }
        if let (Some(step), true) = (one(&pattern[p..], &text[t..], case), t < text.len()) {
            p += step;
            t += 1;
            continue;
        }
        match &mut retry {
            Some((after, from)) if *from < text.len() => {
                *from += 1;
                (p, t) = (*after, *from);
            }
            _ => return false,
        }
    }
}

/// Whether letters of either case are the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Case {
    Counts,
    Ignored,
}

/// How many bytes of the pattern the text's first byte uses up, if it fits.
fn one(pattern: &[u8], text: &[u8], case: Case) -> Option<usize> {
    let found = *text.first()?;
    let (wanted, used) = match pattern {
        [b'?', ..] => return Some(1),
        [b'\\', escaped @ (b'*' | b'?' | b'\\'), ..] => (*escaped, 2),
        [byte, ..] => (*byte, 1),
        [] => return None,
    };
    let same = match case {
        Case::Counts => wanted == found,
        Case::Ignored => wanted.eq_ignore_ascii_case(&found),
    };
    same.then_some(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text, expected) in [
            ("/", "/", true),
            ("/api/*", "/api/", true),
            ("/api/*", "/api", false),
            ("/api/*", "/api/a/b?c", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("*.png", "/a/b.png", true),
            ("*.png", "/a/b.png/", false),
            ("/a?c", "/abc", true),
            ("/a?c", "/ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "xxaxxbxx", false),
            ("**a", "ba", true),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"a\?", "a?", true),
            (r"a\?", "ab", false),
            ("/API", "/api", false),
        ] {
            assert_eq!(fits(pattern, text, Case::Counts), expected, "{pattern} on {text}");
        }
        assert!(fits("*.Example.com", "www.eXample.COM", Case::Ignored));
        assert!(!fits("*.example.com", "example.com", Case::Ignored));
    }
}
