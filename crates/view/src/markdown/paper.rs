//! A text that may not become longer than a comment: what does not fit is counted.

use super::escape::patch;
use crate::page::many;

/// How many bytes a text has at most. A comment may have 65,536 characters; what somebody puts before and after the text
/// has room too.
pub const LONGEST: usize = 65_000;

/// What a line that counts what was left out may take.
const COUNT: usize = 200;
/// How long the body of an object may be where not everything fits.
const LONGEST_BODY: usize = 6_000;

/// The text so far, and what has to follow it.
pub(super) struct Paper {
    text: String,
    reserved: usize,
}

/// Something with a body that is folded away.
pub(super) struct Folded {
    /// HTML, without line ends.
    pub(super) summary: String,
    /// Markdown of one line: what is left where there is no room for the body.
    pub(super) line: String,
    /// Lines of a patch.
    pub(super) body: String,
}

impl Folded {
    fn whole(&self) -> String {
        folded(&self.summary, &patch(&self.body))
    }

    fn cut(&self) -> String {
        folded(&self.summary, &patch(&cut(&self.body, LONGEST_BODY)))
    }

    fn line(&self) -> String {
        format!("- {}\n", self.line)
    }
}

fn folded(summary: &str, inside: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{inside}\n</details>\n\n")
}

/// The first lines of a text, with a count of the others.
fn cut(text: &str, longest: usize) -> String {
    if text.len() <= longest {
        return text.to_string();
    }
    let mut out = String::new();
    let mut lines = text.lines();
    let mut left = 0;
    for line in lines.by_ref() {
        if out.len() + line.len() < longest {
            out.push_str(line);
            out.push('\n');
            continue;
        }
        let room = longest.saturating_sub(out.len());
        let end = (0..=room.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        if end > longest / 4 {
            out.push_str(&format!("{}…\n", &line[..end]));
        } else {
            left += 1;
        }
        break;
    }
    left += lines.count();
    if left > 0 {
        out.push_str(&format!("  … and {}: see the full plan\n", many(left, "more line")));
    }
    out
}

impl Paper {
    /// An empty one that will end with `footer`.
    pub(super) fn before(footer: &str) -> Paper {
        Paper { text: String::new(), reserved: footer.len() + COUNT }
    }

    pub(super) fn room(&self) -> usize {
        LONGEST.saturating_sub(self.text.len() + self.reserved)
    }

    /// Adds what has to be there, and is short.
    pub(super) fn say(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Keeps room for what comes last.
    pub(super) fn reserve(&mut self, bytes: usize) {
        self.reserved += bytes;
    }

    /// Gives such room free.
    pub(super) fn release(&mut self, bytes: usize) {
        self.reserved = self.reserved.saturating_sub(bytes);
    }

    pub(super) fn ending_with(mut self, last: &str) -> String {
        self.text.push_str(last);
        self.text
    }

    /// Adds pieces while there is room in a part of the paper, and counts the others.
    pub(super) fn list(&mut self, pieces: impl Iterator<Item = String>, part: usize, what: &str) {
        let mut room = self.room().min(part).saturating_sub(COUNT);
        let mut left = 0;
        for piece in pieces {
            match left == 0 && piece.len() <= room {
                true => {
                    room -= piece.len();
                    self.text.push_str(&piece);
                }
                false => left += 1,
            }
        }
        self.count(left, what);
    }

    /// Adds what is folded: whole if all of it fits in a part of the paper; else with bodies that are cut, then in a line
    /// each, then counted.
    pub(super) fn fold(&mut self, all: &[Folded], part: usize, what: &str) {
        let room = self.room().min(part).saturating_sub(COUNT);
        let whole: Vec<String> = all.iter().map(Folded::whole).collect();
        if whole.iter().map(String::len).sum::<usize>() <= room {
            whole.iter().for_each(|text| self.text.push_str(text));
            return;
        }
        let lines: usize = all.iter().map(|folded| folded.line().len()).sum();
        let mut for_bodies = room.saturating_sub(lines.min(room / 4));
        let mut used = 0;
        let mut rest = all;
        while let Some((first, others)) = rest.split_first() {
            let text = first.cut();
            if text.len() > for_bodies {
                break;
            }
            for_bodies -= text.len();
            used += text.len();
            self.text.push_str(&text);
            rest = others;
        }
        let mut for_lines = room - used;
        let mut shown = 0;
        for line in rest.iter().map(Folded::line) {
            if line.len() > for_lines {
                break;
            }
            for_lines -= line.len();
            shown += 1;
            self.text.push_str(&line);
        }
        if shown > 0 {
            self.text.push('\n');
        }
        self.count(rest.len() - shown, what);
    }

    fn count(&mut self, left: usize, what: &str) {
        if left > 0 {
            self.text.push_str(&format!("\n… and {}: see the full plan\n\n", many(left, &format!("more {what}"))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(n: usize, body: usize) -> Folded {
        Folded { summary: format!("s{n}"), line: format!("l{n}"), body: "+ 123456\n".repeat(body) }
    }

    #[test]
    fn what_fits_is_whole() {
        let mut paper = Paper::before("");
        paper.fold(&[object(1, 2)], usize::MAX, "object");
        assert_eq!(
            paper.ending_with("end"),
            "<details><summary>s1</summary>\n\n```diff\n+ 123456\n+ 123456\n```\n\n</details>\n\nend"
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_then_listed_then_counted() {
        let many: Vec<Folded> = (0..5000).map(|n| object(n, 1000)).collect();
        let mut paper = Paper::before("");
        paper.fold(&many, usize::MAX, "object");
        let text = paper.ending_with("");
        assert!(text.len() <= LONGEST, "{}", text.len());
        assert!(text.contains("\n  … and 334 more lines: see the full plan\n```\n"), "{}", &text[..7000]);
        let (bodies, lines) = (text.matches("<summary>").count(), text.matches("\n- l").count());
        assert!(bodies > 5 && lines > 100, "{bodies} {lines}");
        let left = 5000 - bodies - lines;
        assert!(
            text.ends_with(&format!("… and {}: see the full plan\n\n", super::many(left, "more object"))),
            "{left}"
        );
    }

    #[test]
    fn one_long_line_is_cut_too() {
        let text = cut(&"é".repeat(10_000), 100);
        assert!(text.len() < 200 && text.ends_with("…\n"), "{text}");
    }
}
