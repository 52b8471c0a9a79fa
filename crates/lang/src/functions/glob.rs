//! Patterns of file names: `*`, `?`, `[a-z]`, `{a,b}`, and `**` for folders at any depth.

use std::collections::BTreeSet;
use std::path::Path;

/// The paths below a folder that match a pattern, relative to it. An error if the pattern is malformed.
pub(super) fn find(root: &Path, pattern: &str) -> Result<BTreeSet<String>, &'static str> {
    let mut found = BTreeSet::new();
    let alternatives = alternatives(pattern).ok_or(MALFORMED)?;
    for alternative in &alternatives {
        let parts: Vec<&str> = alternative.split('/').collect();
        for part in parts.iter().filter(|part| !part.is_empty()) {
            check(part)?;
        }
        let (start, parts) = match parts.split_first() {
            Some((&"", rest)) => ("/", rest),
            _ => ("", parts.as_slice()),
        };
        walk(root, start, parts, &mut found);
    }
    Ok(found)
}

const MALFORMED: &str = "syntax error in pattern";

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() || folder == "/" { format!("{folder}{name}") } else { format!("{folder}/{name}") }
}

fn walk(root: &Path, folder: &str, parts: &[&str], found: &mut BTreeSet<String>) {
    let Some((part, rest)) = parts.split_first() else {
        if !folder.is_empty() {
            found.insert(folder.to_owned());
        }
        return;
    };
    if part.is_empty() {
        return walk(root, folder, rest, found);
    }
    if *part == "**" {
        walk(root, folder, rest, found);
        for (name, is_folder) in entries(root, folder) {
            let path = join(folder, &name);
            if is_folder {
                walk(root, &path, parts, found);
            } else if rest.is_empty() {
                found.insert(path);
            }
        }
        return;
    }
    if !part.contains(['*', '?', '[', '\\']) {
        let path = join(folder, part);
        if root.join(&path).symlink_metadata().is_ok() {
            walk(root, &path, rest, found);
        }
        return;
    }
    for (name, is_folder) in entries(root, folder) {
        if (rest.is_empty() || is_folder) && matches(part, &name) {
            walk(root, &join(folder, &name), rest, found);
        }
    }
}

/// The names in a folder, and whether each is a folder.
fn entries(root: &Path, folder: &str) -> Vec<(String, bool)> {
    let read = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
    let named = read.filter_map(|entry| {
        let is_folder = std::fs::metadata(entry.path()).is_ok_and(|m| m.is_dir());
        Some((entry.file_name().into_string().ok()?, is_folder))
    });
    named.collect()
}

/// The patterns that a pattern with `{a,b}` stands for. `None` if a brace is never closed.
fn alternatives(pattern: &str) -> Option<Vec<String>> {
    let Some(open) = find_unescaped(pattern, '{') else { return Some(vec![pattern.to_owned()]) };
    let inside = &pattern[open + 1..];
    let mut depth = 0;
    let mut start = 0;
    let mut options = Vec::new();
    let mut close = None;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' if depth == 0 => {
                options.push(&inside[start..at]);
                close = Some(at);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                options.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    let rest = &inside[close? + 1..];
    let mut all = Vec::new();
    for option in options {
        all.extend(alternatives(&format!("{}{option}{rest}", &pattern[..open]))?);
    }
    Some(all)
}

fn find_unescaped(pattern: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in pattern.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == wanted {
            return Some(at);
        }
    }
    None
}

/// A malformed part would match nothing; it is an error instead.
fn check(part: &str) -> Result<(), &'static str> {
    let mut rest = part;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '[' => class(rest, '\0').ok_or(MALFORMED)?.1,
            '\\' => {
                let escaped = rest[1..].chars().next().ok_or(MALFORMED)?;
                &rest[1 + escaped.len_utf8()..]
            }
            c => &rest[c.len_utf8()..],
        };
    }
    Ok(())
}

/// Whether a class `[…]` at the start of a pattern has a character, and what follows it.
fn class(pattern: &str, c: char) -> Option<(bool, &str)> {
    let mut rest = pattern.strip_prefix('[')?;
    let negated = rest.starts_with('^');
    rest = rest.strip_prefix('^').unwrap_or(rest);
    let mut has = false;
    let mut empty = true;
    loop {
        if let Some(after) = rest.strip_prefix(']')
            && !empty
        {
            return Some((has != negated, after));
        }
        empty = false;
        let (low, after) = class_character(rest)?;
        rest = after;
        let mut high = low;
        if let Some(after) = rest.strip_prefix('-') {
            (high, rest) = class_character(after)?;
        }
        has |= (low..=high).contains(&c);
    }
}

fn class_character(rest: &str) -> Option<(char, &str)> {
    let mut chars = rest.chars();
    let c = match chars.next()? {
        '\\' => chars.next()?,
        '-' | ']' => return None,
        c => c,
    };
    Some((c, chars.as_str()))
}

/// Whether a part of a path matches a part of a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let Some(p) = pattern.chars().next() else { return name.is_empty() };
    let mut chars = name.chars();
    match p {
        '*' => {
            let rest = pattern.trim_start_matches('*');
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }
        '?' => chars.next().is_some() && matches(&pattern[1..], chars.as_str()),
        '[' => chars
            .next()
            .is_some_and(|c| class(pattern, c).is_some_and(|(has, rest)| has && matches(rest, chars.as_str()))),
        '\\' => {
            let mut escaped = pattern[1..].chars();
            let wanted = escaped.next();
            wanted.is_some() && wanted == chars.next() && matches(escaped.as_str(), chars.as_str())
        }
        p => chars.next() == Some(p) && matches(&pattern[p.len_utf8()..], chars.as_str()),
    }
}
