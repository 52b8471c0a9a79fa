//! Which words of a text changed: those that go are marked in the old one, those that come in the new one.

use infra_lang::functions::quote;
use maud::{Markup, PreEscaped, html};
use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::page::visible;

/// How many words, or lines, are compared at most; of longer texts all is marked.
const LONGEST: usize = 6_000;
/// Lines that do not change and are shown around those that do.
const CONTEXT: usize = 3;

/// How a side is marked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    None,
    Gone,
    New,
}

fn mark(text: &str, mark: Mark, out: &mut String) {
    if text.is_empty() {
        return;
    }
    let markup = match mark {
        Mark::None => html! { (text) },
        Mark::Gone => html! { del { (text) } },
        Mark::New => html! { ins { (text) } },
    };
    out.push_str(&markup.0);
}

/// Two texts of a line each, in quotes.
pub(super) fn line(before: &str, after: &str) -> (Markup, Markup) {
    let (before, after) = (quoted(before), quoted(after));
    let (inner_before, inner_after) = (&before[1..before.len() - 1], &after[1..after.len() - 1]);
    let (gone, new) = words(inner_before, inner_after);
    let quotes = |inner: String| PreEscaped(format!("&quot;{inner}&quot;"));
    (quotes(gone), quotes(new))
}

/// Two values without quotes.
pub(super) fn bare(before: &str, after: &str) -> (Markup, Markup) {
    let (gone, new) = words(before, after);
    (PreEscaped(gone), PreEscaped(new))
}

/// A text of one line in quotes, with nothing in it that cannot be seen.
pub(super) fn quoted(text: &str) -> String {
    visible(&quote(text))
}

fn words(before: &str, after: &str) -> (String, String) {
    let (mut gone, mut new) = (String::new(), String::new());
    let (old_words, new_words) = (split(before), split(after));
    if old_words.len().max(new_words.len()) > LONGEST {
        mark(before, Mark::Gone, &mut gone);
        mark(after, Mark::New, &mut new);
        return (gone, new);
    }
    let ops = capture_diff_slices(Algorithm::Myers, &old_words, &new_words);
    let same: usize = ops
        .iter()
        .filter(|op| matches!(op, DiffOp::Equal { .. }))
        .map(|op| old_words[op.old_range()].iter().map(|word| word.len()).sum::<usize>())
        .sum();
    // Where next to nothing stayed, single marks would only be noise.
    if same * 4 < before.len().max(after.len()) {
        mark(before, Mark::Gone, &mut gone);
        mark(after, Mark::New, &mut new);
        return (gone, new);
    }
    for op in ops {
        let same = matches!(op, DiffOp::Equal { .. });
        let marks = if same { (Mark::None, Mark::None) } else { (Mark::Gone, Mark::New) };
        mark(&old_words[op.old_range()].concat(), marks.0, &mut gone);
        mark(&new_words[op.new_range()].concat(), marks.1, &mut new);
    }
    (gone, new)
}

/// Runs of letters and digits, and everything else by itself.
fn split(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let word = c.is_alphanumeric();
        if at > start && !(word && in_word) {
            out.push(&text[start..at]);
            start = at;
        }
        in_word = word;
    }
    if start < text.len() {
        out.push(&text[start..]);
    }
    out
}

/// Two texts of several lines.
pub(super) fn lines(before: &str, after: &str) -> (Markup, Markup) {
    let (before, after) = (visible(before), visible(after));
    let olds: Vec<&str> = before.trim_end_matches('\n').split('\n').collect();
    let news: Vec<&str> = after.trim_end_matches('\n').split('\n').collect();
    let (mut gone, mut new) = (String::new(), String::new());
    if olds.len().max(news.len()) > LONGEST {
        mark(&before, Mark::Gone, &mut gone);
        mark(&after, Mark::New, &mut new);
        return (PreEscaped(gone), PreEscaped(new));
    }
    for op in capture_diff_slices(Algorithm::Myers, &olds, &news) {
        match op {
            DiffOp::Equal { old_index, len, .. } => {
                let same = &olds[old_index..old_index + len];
                let first = old_index == 0;
                let last = old_index + len == olds.len();
                let text = unchanged(same, first, last);
                gone.push_str(&text);
                new.push_str(&text);
            }
            _ => {
                let (from, to) = (&olds[op.old_range()], &news[op.new_range()]);
                for at in 0..from.len().max(to.len()) {
                    match (from.get(at), to.get(at)) {
                        (Some(old), Some(replacement)) => {
                            let (g, n) = words(old, replacement);
                            gone.push_str(&g);
                            new.push_str(&n);
                            gone.push('\n');
                            new.push('\n');
                        }
                        (Some(old), None) => {
                            mark(old, Mark::Gone, &mut gone);
                            gone.push('\n');
                        }
                        (None, Some(line)) => {
                            mark(line, Mark::New, &mut new);
                            new.push('\n');
                        }
                        (None, None) => {}
                    }
                }
            }
        }
    }
    (PreEscaped(gone), PreEscaped(new))
}

/// Lines that stay: those next to a change, and how many there are besides.
fn unchanged(lines: &[&str], first: bool, last: bool) -> String {
    let head = if first { 0 } else { CONTEXT };
    let tail = if last { 0 } else { CONTEXT };
    let mut out = String::new();
    let mut write = |lines: &[&str]| {
        for line in lines {
            mark(line, Mark::None, &mut out);
            out.push('\n');
        }
    };
    if lines.len() <= head + tail + 1 {
        write(lines);
        return out;
    }
    write(&lines[..head]);
    let hidden = format!("… {} unchanged lines", lines.len() - head - tail);
    let tail = &lines[lines.len() - tail..];
    out.push_str(&html! { span.q { (hidden) } }.0);
    out.push('\n');
    for line in tail {
        mark(line, Mark::None, &mut out);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_words_are_marked() {
        for (before, after, old, new) in [
            (
                "api:1.8.2",
                "api:1.9.0",
                "&quot;api:1.<del>8</del>.<del>2</del>&quot;",
                "&quot;api:1.<ins>9</ins>.<ins>0</ins>&quot;",
            ),
            ("abc", "xyz", "&quot;<del>abc</del>&quot;", "&quot;<ins>xyz</ins>&quot;"),
            ("a b", "a b c", "&quot;a b&quot;", "&quot;a b<ins> c</ins>&quot;"),
            ("<i>", "<b>", "&quot;&lt;<del>i</del>&gt;&quot;", "&quot;&lt;<ins>b</ins>&gt;&quot;"),
        ] {
            let (o, n) = line(before, after);
            assert_eq!((o.0.as_str(), n.0.as_str()), (old, new));
        }
    }

    #[test]
    fn lines_far_from_a_change_are_counted() {
        let before: String = (0..20).map(|n| format!("line {n}\n")).collect();
        let (old, new) = lines(&before, &before.replace("line 10", "word 10"));
        assert_eq!(
            old.0,
            "<span class=\"q\">… 7 unchanged lines</span>\nline 7\nline 8\nline 9\n<del>line</del> 10\nline 11\nline 12\n\
             line 13\n<span class=\"q\">… 6 unchanged lines</span>\n"
        );
        assert!(new.0.contains("<ins>word</ins> 10"), "{}", new.0);
    }
}
