//! "Did you mean": the known name that is nearest to a mistyped one.

/// ` Did you mean "name"?` with the one of `known` that is nearest to `given`, at most two edits away; or nothing.
pub fn did_you_mean<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let near = known.into_iter().map(|name| (edits(given, name), name)).filter(|(edits, _)| *edits < 3);
    near.min_by_key(|(edits, _)| *edits).map(|(_, name)| format!(" Did you mean \"{name}\"?")).unwrap_or_default()
}

/// How many characters must be added, removed or replaced to make one text of the other.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (above, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], above + 1);
        for (at, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[b.len()]
}
