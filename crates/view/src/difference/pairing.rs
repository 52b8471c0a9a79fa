//! Which old element of a list or set faces which new one.

/// Pairs of indices; one beyond the end stands for no element.
pub(crate) type Pairs = Vec<(usize, usize)>;

/// How many pairs are looked at for what two lists have in common: time and memory grow with them.
const MOST: usize = 4_000_000;

/// Pairs the elements of two lists. Elements of lists of the same length face each other, unless the new list is the old
/// one in another order; else what both have in common stays together. `structured` tells elements that are worth
/// comparing even if they are not equal.
pub(crate) fn pair_lists<T: PartialEq>(old: &[T], new: &[T], structured: impl Fn(&T) -> bool) -> Pairs {
    if old.len().saturating_mul(new.len()) > MOST {
        return (0..old.len().max(new.len())).map(|i| (i.min(old.len()), i.min(new.len()))).collect();
    }
    if old.len() == new.len() && old.iter().any(|o| !new.contains(o)) {
        return (0..old.len()).map(|i| (i, i)).collect();
    }
    let mut pairs = Vec::new();
    let (mut o, mut n) = (0, 0);
    let end = (old.len(), new.len());
    for (next_old, next_new) in common(old, new).into_iter().chain([end]) {
        while o < next_old {
            if n < next_new && structured(&old[o]) && structured(&new[n]) {
                pairs.push((o, n));
                n += 1;
            } else {
                pairs.push((o, new.len()));
            }
            o += 1;
        }
        while n < next_new {
            pairs.push((old.len(), n));
            n += 1;
        }
        if (next_old, next_new) != end {
            pairs.push((o, n));
            o += 1;
            n += 1;
        }
    }
    pairs
}

/// Where the elements of a longest common subsequence stand in both lists.
fn common<T: PartialEq>(old: &[T], new: &[T]) -> Pairs {
    let width = old.len() + 1;
    let mut lengths = vec![0usize; width * (new.len() + 1)];
    for n in 1..=new.len() {
        for o in 1..=old.len() {
            lengths[n * width + o] = if old[o - 1] == new[n - 1] {
                lengths[(n - 1) * width + o - 1] + 1
            } else {
                lengths[(n - 1) * width + o].max(lengths[n * width + o - 1])
            };
        }
    }
    let (mut o, mut n) = (old.len(), new.len());
    let mut found = Vec::new();
    while o > 0 && n > 0 {
        if old[o - 1] == new[n - 1] {
            o -= 1;
            n -= 1;
            found.push((o, n));
        } else if lengths[n * width + o - 1] > lengths[(n - 1) * width + o] {
            o -= 1;
        } else {
            n -= 1;
        }
    }
    // Each of them is taken where it first comes up, as somebody who reads the lists would.
    let (mut o, mut n) = (0, 0);
    let first = |list: &[T], from: usize, element: &T| {
        from + list[from..].iter().position(|e| e == element).unwrap_or_default()
    };
    for pair in found.iter_mut().rev() {
        let element = &old[pair.0];
        *pair = (first(old, o, element), first(new, n, element));
        (o, n) = (pair.0 + 1, pair.1 + 1);
    }
    found.reverse();
    found
}

/// Pairs the elements of two sets: equal ones with each other; old ones first, then those that are only in the new set.
pub(crate) fn pair_sets(old: usize, new: usize, same: impl Fn(usize, usize) -> bool) -> Pairs {
    let mut taken = vec![false; new];
    let mut pairs: Pairs = (0..old)
        .map(|o| match (0..new).find(|&n| !taken[n] && same(o, n)) {
            Some(n) => {
                taken[n] = true;
                (o, n)
            }
            None => (o, new),
        })
        .collect();
    pairs.extend((0..new).filter(|&n| !taken[n]).map(|n| (old, n)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
        let sign = |(o, n): (usize, usize)| match (old.get(o), new.get(n)) {
            (Some(a), Some(b)) if a == b => a.to_string(),
            (Some(a), Some(b)) => format!("({a}{b})"),
            (Some(a), None) => format!("-{a}"),
            (None, b) => format!("+{}", b.copied().unwrap_or('?')),
        };
        pair_lists(&old, &new, |c| c.is_ascii_digit()).into_iter().map(sign).collect()
    }

    #[test]
    fn lists_keep_what_they_have_in_common() {
        for (old, new, expected) in [
            ("abc", "abc", "abc"),
            ("abc", "axc", "a(bx)c"),
            ("abc", "ac", "a-bc"),
            ("aa", "ab", "a-a+b"),
            ("aab", "ab", "a-ab"),
            ("ac", "abc", "a+bc"),
            ("abc", "cab", "+cab-c"),
            ("1a", "2xa", "(12)+xa"),
            ("", "a", "+a"),
            ("ab", "", "-a-b"),
        ] {
            assert_eq!(shown(old, new), expected, "{old} to {new}");
        }
    }

    #[test]
    fn very_long_lists_are_compared_by_position() {
        let (old, new): (Vec<u32>, Vec<u32>) = ((0..50_000).collect(), (0..50_002).rev().collect());
        let pairs = pair_lists(&old, &new, |_| false);
        assert_eq!((pairs.len(), pairs[0], pairs[50_001]), (50_002, (0, 0), (50_000, 50_001)));
    }

    #[test]
    fn sets_show_what_goes_before_what_comes() {
        let (old, new) = (["a", "b", "c"], ["c", "d", "a"]);
        let pairs = pair_sets(3, 3, |o, n| old[o] == new[n]);
        assert_eq!(pairs, [(0, 2), (1, 3), (2, 0), (3, 1)]);
    }
}
