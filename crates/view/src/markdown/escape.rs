//! Texts that stay texts in Markdown, whatever they hold.

use crate::page::visible;

/// Plain words: nothing in them is markup, a link, a mention or a reference.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in one_line(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Somebody who is only named in a plan is not to be told of it, and no other issue is linked.
            '@' | '#' => {
                out.push('\\');
                out.push(c);
                out.push('\u{200b}');
            }
            // Autolinks of addresses need one of these in the middle.
            ':' if out.ends_with("http") || out.ends_with("https") => out.push_str(":\u{200b}"),
            c if matches!(c, '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '|' | '~' | '$' | '!') => {
                out.push('\\');
                out.push(c);
            }
            // These mean something at the beginning of a line only.
            '+' | '-' | '=' if out.trim().is_empty() => {
                out.push('\\');
                out.push(c);
            }
            '.' | ')' if out.trim().chars().all(|c| c.is_ascii_digit()) => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// A name or a value as code within a line.
pub(super) fn code(text: &str) -> String {
    let text = one_line(text);
    if text.trim().is_empty() {
        return "` `".into();
    }
    let fence = "`".repeat(longest_run(&text) + 1);
    let edge = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let space = if edge { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A name or a value as code within HTML.
pub(super) fn html_code(text: &str) -> String {
    format!("<code>{}</code>", html(text))
}

/// Text within HTML.
pub(super) fn html(text: &str) -> String {
    one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Lines as they are, as a patch.
pub(super) fn patch(text: &str) -> String {
    let text = visible(text);
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("{fence}diff\n{}\n{fence}\n", text.trim_end_matches('\n'))
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', " ")
}

fn longest_run(text: &str) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_fenced_by_more_than_it_holds() {
        for (text, expected) in
            [("a", "`a`"), ("a`b", "``a`b``"), ("``", "``` `` ```"), (" a", "`  a `"), ("", "` `"), ("a\nb", "`a\\nb`")]
        {
            assert_eq!(code(text), expected);
        }
        assert_eq!(patch("+ ````\n"), "`````diff\n+ ````\n`````\n");
    }

    #[test]
    fn words_are_no_markup() {
        assert_eq!(
            prose("<b> *x* @ana #12 [a](b) 5 % of x_y"),
            "&lt;b&gt; \\*x\\* \\@\u{200b}ana \\#\u{200b}12 \\[a\\](b) 5 % of x\\_y"
        );
        assert_eq!(prose("- a 1. b"), "\\- a 1. b");
        assert_eq!(prose("1. b"), "1\\. b");
    }
}
