//! A file in its canonical form, byte by byte that of `terraform fmt`.
//!
//! First old spellings are replaced (`"${x}"` by `x`, `type = "string"` by `type = string`, labels get quotes), then the
//! tokens are laid out anew.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use infra_diag::{Diagnostics, Pos, SourceRange};

use super::ast::{Body, NativeBody};
use super::layout::lay_out;
use super::lexer::{Reading, Token, TokenKind, tokens};
use super::parser::parse_file;

/// A token whose text may have been replaced.
#[derive(Clone, Debug)]
pub(super) struct Piece<'t> {
    pub(super) kind: TokenKind,
    pub(super) text: Cow<'t, str>,
}

impl Piece<'_> {
    pub(super) fn fixed(kind: TokenKind, text: &'static str) -> Piece<'static> {
        Piece { kind, text: Cow::Borrowed(text) }
    }
}

/// The canonical form of a file in native syntax.
///
/// # Errors
/// When the file cannot be read.
pub fn format(file: &Arc<str>, text: &str) -> Result<String, Diagnostics> {
    let (body, diagnostics) = parse_file(file, text);
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    let tokens = tokens(text, Pos::default(), Reading::Expression);
    let last = tokens.iter().rfind(|t| t.kind != TokenKind::End).map_or(0, |t| t.end.byte as usize);
    let mut rewriting = Rewriting { text, tokens, edits: Vec::new() };
    if let Body::Native(body) = &body {
        rewriting.body(body, &mut Vec::new());
    }
    // Blank space after the last line is kept, and a last line that has no end gets one.
    let mut formatted = lay_out(rewriting.pieces());
    formatted.extend(std::iter::repeat_n(' ', text.len() - last));
    if !formatted.ends_with('\n') {
        formatted.push('\n');
    }
    Ok(formatted)
}

/// Replacing old spellings.
struct Rewriting<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    /// Which tokens to replace, and by what.
    edits: Vec<(Range<usize>, Vec<Piece<'t>>)>,
}

impl<'t> Rewriting<'t> {
    fn piece(&self, token: &Token) -> Piece<'t> {
        Piece { kind: token.kind, text: Cow::Borrowed(&self.text[token.span(0)]) }
    }

    /// The tokens in a range.
    fn indexes(&self, range: &SourceRange) -> Range<usize> {
        let start = self.tokens.partition_point(|t| t.start.byte < range.start.byte);
        let end = self.tokens.partition_point(|t| t.kind != TokenKind::End && t.end.byte <= range.end.byte);
        start..end.max(start)
    }

    fn body(&mut self, body: &NativeBody, within: &mut Vec<Arc<str>>) {
        for attribute in &body.attributes {
            let indexes = self.indexes(&attribute.expr.range);
            let old: Vec<Piece<'t>> = self.tokens[indexes.clone()].iter().map(|t| self.piece(t)).collect();
            let is_variable_type = matches!(within.as_slice(), [block] if &**block == "variable");
            let new =
                if is_variable_type && &*attribute.name == "type" { type_spelling(&old) } else { unwrapped(&old) };
            if let Some(new) = new {
                self.edits.push((indexes, new));
            }
        }
        for block in &body.blocks {
            if let (Some(first), Some(last)) = (block.labels.first(), block.labels.last()) {
                let indexes = self.indexes(&first.range.to(&last.range));
                let labels = block.labels.iter().flat_map(|label| {
                    let range = self.indexes(&label.range);
                    let pieces: Vec<Piece<'t>> = self.tokens[range].iter().map(|t| self.piece(t)).collect();
                    match pieces.as_slice() {
                        [name] if name.kind == TokenKind::Identifier => vec![
                            Piece::fixed(TokenKind::OpenQuote, "\""),
                            Piece { kind: TokenKind::QuotedText, text: name.text.clone() },
                            Piece::fixed(TokenKind::CloseQuote, "\""),
                        ],
                        _ => pieces,
                    }
                });
                let labels = labels.collect();
                self.edits.push((indexes, labels));
            }
            if let Body::Native(body) = &block.body {
                within.push(block.ty.clone());
                self.body(body, within);
                within.pop();
            }
        }
    }

    fn pieces(mut self) -> Vec<Piece<'t>> {
        self.edits.sort_by_key(|(range, _)| range.start);
        let mut pieces = Vec::with_capacity(self.tokens.len());
        let mut at = 0;
        for (range, new) in std::mem::take(&mut self.edits) {
            pieces.extend(self.tokens[at..range.start].iter().map(|t| self.piece(t)));
            pieces.extend(new);
            at = range.end;
        }
        let rest = self.tokens[at..].iter().filter(|t| t.kind != TokenKind::End);
        pieces.extend(rest.map(|t| self.piece(t)));
        pieces
    }
}

/// The expression of a text that is nothing but one interpolation: `"${x}"`.
fn unwrapped<'t>(pieces: &[Piece<'t>]) -> Option<Vec<Piece<'t>>> {
    use TokenKind::*;
    let [open, interpolation, inside @ .., end, close] = pieces else { return None };
    let kinds = (open.kind, interpolation.kind, end.kind, close.kind);
    if kinds != (OpenQuote, Interpolation, TemplateEnd, CloseQuote) || inside.is_empty() {
        return None;
    }
    let mut quotes = 0u32;
    for piece in inside {
        match piece.kind {
            OpenQuote => quotes += 1,
            CloseQuote => quotes = quotes.saturating_sub(1),
            Interpolation | TemplateEnd | QuotedText if quotes == 0 => return None,
            _ => {}
        }
    }
    let is_newline = |p: &Piece<'t>| p.kind == Newline;
    let start = inside.iter().position(|p| !is_newline(p))?;
    let mut end = inside.iter().rposition(|p| !is_newline(p))? + 1;
    // The end of its line belongs to a comment: what comes next would become part of it.
    let ends_with_comment = inside[end - 1].kind == Comment && !inside[end - 1].text.starts_with("/*");
    end += usize::from(ends_with_comment && end < inside.len());
    let inside = &inside[start..end];
    let mut new = inside.to_vec();
    let in_parens = inside.len() > 1
        && inside.first().is_some_and(|p| p.kind == OpenParen)
        && inside.last().is_some_and(|p| p.kind == CloseParen);
    if inside.iter().any(is_newline) && !in_parens {
        new.insert(0, Piece::fixed(OpenParen, "("));
        new.push(Piece::fixed(CloseParen, ")"));
    }
    Some(new)
}

/// The current spelling of an old way to write a variable's type.
fn type_spelling<'t>(pieces: &[Piece<'t>]) -> Option<Vec<Piece<'t>>> {
    use TokenKind::*;
    let collection = |name: &'static str, element: &'static str| {
        Some(vec![
            Piece::fixed(Identifier, name),
            Piece::fixed(OpenParen, "("),
            Piece::fixed(Identifier, element),
            Piece::fixed(CloseParen, ")"),
        ])
    };
    match pieces {
        [name] if name.kind == Identifier => match &*name.text {
            "list" => collection("list", "any"),
            "map" => collection("map", "any"),
            "set" => collection("set", "any"),
            _ => None,
        },
        [open, name, close] if (open.kind, name.kind, close.kind) == (OpenQuote, QuotedText, CloseQuote) => {
            match &*name.text {
                "string" => Some(vec![Piece::fixed(Identifier, "string")]),
                "list" => collection("list", "string"),
                "map" => collection("map", "string"),
                _ => None,
            }
        }
        _ => None,
    }
}
