//! Tokens to text: the blank space between them, the indentation of lines, and what is put below each other.

use unicode_segmentation::UnicodeSegmentation;

use super::fmt::Piece;
use super::lexer::TokenKind::{self, *};

/// A token with the spaces before it.
struct Placed<'t> {
    piece: Piece<'t>,
    spaces: usize,
}

/// A line in up to three columns: what begins it, `= …`, and a comment. The second and third are put below those of the
/// lines next to it.
#[derive(Default)]
struct Line<'t> {
    lead: Vec<Placed<'t>>,
    assign: Vec<Placed<'t>>,
    comment: Option<Placed<'t>>,
    end: Option<Piece<'t>>,
}

/// The text of a file with these tokens.
pub(super) fn lay_out(pieces: Vec<Piece<'_>>) -> String {
    let mut lines = lines(pieces);
    indent(&mut lines);
    align(&mut lines);
    let mut text = String::new();
    for line in lines {
        for Placed { piece, spaces } in line.lead.into_iter().chain(line.assign).chain(line.comment) {
            text.extend(std::iter::repeat_n(' ', spaces));
            text += &piece.text;
        }
        text += line.end.as_ref().map_or("", |end| &end.text);
    }
    text
}

fn lines(pieces: Vec<Piece<'_>>) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut current = Vec::new();
    for piece in pieces {
        if piece.kind == Newline {
            lines.push(line(std::mem::take(&mut current), Some(piece)));
        } else {
            current.push(piece);
        }
    }
    lines.push(line(current, None));
    lines
}

fn line<'t>(mut pieces: Vec<Piece<'t>>, end: Option<Piece<'t>>) -> Line<'t> {
    let last_is_comment = pieces.last().is_some_and(|p| p.kind == Comment && !p.text.starts_with("/*"));
    let comment = if last_is_comment && pieces.len() > 1 { pieces.pop() } else { None };
    // What opens a bracket that stays open is not put below other lines.
    let equal = pieces.iter().skip(1).position(|p| p.kind == Equal).map(|at| at + 1);
    let split = equal.filter(|at| pieces[*at..].iter().map(|p| nesting(p.kind)).sum::<i32>() == 0);
    let split = split.unwrap_or(pieces.len());
    let spaces: Vec<usize> = (0..pieces.len())
        .map(|at| match at {
            0 => 0,
            _ if at == split => 1,
            _ => {
                let before = (at >= 2).then(|| pieces[at - 2].kind);
                usize::from(is_apart(before, &pieces[at - 1], pieces[at].kind))
            }
        })
        .collect();
    let mut lead: Vec<Placed<'t>> =
        pieces.into_iter().zip(spaces).map(|(piece, spaces)| Placed { piece, spaces }).collect();
    let assign = lead.split_off(split);
    Line { lead, assign, comment: comment.map(|piece| Placed { piece, spaces: 1 }), end }
}

/// How many brackets a token opens (or closes, if negative).
fn nesting(kind: TokenKind) -> i32 {
    match kind {
        OpenBrace | OpenBracket | OpenParen | Interpolation | Directive => 1,
        CloseBrace | CloseBracket | CloseParen | TemplateEnd => -1,
        _ => 0,
    }
}

/// Whether a space stands between two tokens, of which the first has another one before it.
fn is_apart(before: Option<TokenKind>, first: &Piece<'_>, second: TokenKind) -> bool {
    match (first.kind, second) {
        (Identifier, OpenParen | DoubleColon) | (DoubleColon, _) => false,
        (Dot, _) | (_, Dot | Comma | Ellipsis) => false,
        (Comma, _) => true,
        (QuotedText | PlainText | OpenQuote | OpenHeredoc, _) => false,
        (_, QuotedText | PlainText | CloseQuote | CloseHeredoc) => false,
        // `for x in [1]`, where the bracket is no index.
        (Identifier, _) if first.text == "in" && before == Some(Identifier) => true,
        (Identifier | Number | CloseBrace | CloseBracket | CloseParen | TemplateEnd, OpenBracket) => false,
        (Minus, _) => !is_sign_after(before),
        (Bang, _) => false,
        (OpenBrace, CloseBrace) => false,
        (OpenBrace, _) | (_, CloseBrace) => true,
        (Interpolation | Directive, OpenBrace) | (CloseBrace, TemplateEnd) => true,
        (TemplateEnd, Interpolation | Directive) => false,
        (first, second) => nesting(first) <= 0 && nesting(second) >= 0,
    }
}

/// Whether a minus after such a token is a sign, and not a subtraction.
fn is_sign_after(before: Option<TokenKind>) -> bool {
    match before {
        None => true,
        Some(OpenParen | OpenBrace | OpenBracket | Equal | Colon | Comma | Question) => true,
        Some(Plus | Star | Slash | Percent | Minus) => true,
        Some(EqualEqual | NotEqual | Greater | GreaterEqual | Less | LessEqual | And | Or | Bang) => true,
        Some(_) => false,
    }
}

/// Indents each line by two spaces for each line before it that opens brackets which are still open.
fn indent(lines: &mut [Line<'_>]) {
    // How many brackets each of those lines has opened.
    let mut open: Vec<i32> = Vec::new();
    for line in lines {
        // What is in a heredoc does not count on the line where it starts.
        let counted = line.lead.iter().chain(&line.assign).map(|p| p.piece.kind).take_while(|k| *k != OpenHeredoc);
        let change: i32 = counted.map(nesting).sum();
        let mut level = open.len();
        if change > 0 {
            open.push(change);
        } else {
            let mut closed = -change;
            while closed > 0
                && let Some(last) = open.last_mut()
            {
                if closed < *last {
                    *last -= closed;
                    break;
                }
                closed -= *last;
                open.pop();
            }
            level = open.len();
        }
        if let Some(first) = line.lead.first_mut() {
            first.spaces = 2 * level;
        }
    }
}

/// Puts the `=` of neighbouring lines below each other, and then their comments.
fn align(lines: &mut [Line<'_>]) {
    for chain in lines.chunk_by_mut(|a, b| a.assign.is_empty() == b.assign.is_empty()) {
        let width = chain.iter().map(|l| columns(&l.lead)).max().unwrap_or_default();
        for line in chain {
            let spaces = width + 1 - columns(&line.lead);
            if let Some(equal) = line.assign.first_mut() {
                equal.spaces = spaces;
            }
        }
    }
    for chain in lines.chunk_by_mut(|a, b| a.comment.is_none() == b.comment.is_none()) {
        let width = |l: &Line<'_>| columns(&l.lead) + columns(&l.assign);
        let widest = chain.iter().map(width).max().unwrap_or_default();
        for line in chain {
            let spaces = widest + 1 - width(line);
            if let Some(comment) = &mut line.comment {
                comment.spaces = spaces;
            }
        }
    }
}

fn columns(pieces: &[Placed<'_>]) -> usize {
    pieces.iter().map(|p| p.spaces + p.piece.text.graphemes(true).count()).sum()
}
