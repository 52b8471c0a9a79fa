//! Templates: quoted texts, heredocs, template files.

use std::sync::Arc;

use infra_diag::{Diagnostics, Pos, SourceRange};
use infra_value::Value;

use super::ast::{Expr, ExprKind, TemplatePart};
use super::cursor::{Failed, MAX_NESTING, Parsed, Parser};
use super::lexer::{Reading, Token, TokenKind, advance};

/// Reads a text that is a template as a whole (a template file, a text in JSON), of which the first byte stands at
/// `start`.
pub fn parse_template(file: &Arc<str>, text: &str, start: Pos) -> Result<Expr, Diagnostics> {
    let mut parser = Parser::new(file, text, start, Reading::Template, false);
    let kind = parser.template(TokenKind::End, false);
    match kind {
        Ok(kind) if !parser.diagnostics.has_errors() => {
            Ok(Expr { kind, range: parser.range(start, parser.peek().end) })
        }
        _ => Err(parser.diagnostics),
    }
}

/// A stretch of a template, before `if` and `for` are matched with their ends.
enum Piece {
    Text(String, SourceRange),
    Interpolation(Expr),
    If(Expr, SourceRange),
    Else(SourceRange),
    EndIf(SourceRange),
    For { key_name: Option<Arc<str>>, value_name: Arc<str>, collection: Expr, range: SourceRange },
    EndFor(SourceRange),
}

/// An `if` or a `for` whose end has not been seen yet.
struct Open {
    start: OpenKind,
    /// Of the opening sequence.
    range: SourceRange,
    /// What was before it, in the same list.
    outer: Vec<TemplatePart>,
}

enum OpenKind {
    If { condition: Expr },
    Else { condition: Expr, then: Vec<TemplatePart> },
    For { key_name: Option<Arc<str>>, value_name: Arc<str>, collection: Expr },
}

impl OpenKind {
    fn name(&self) -> &'static str {
        match self {
            OpenKind::If { .. } | OpenKind::Else { .. } => "if",
            OpenKind::For { .. } => "for",
        }
    }
}

impl Parser<'_> {
    /// `"…"`
    pub(super) fn quoted_template(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let kind = self.template_until(TokenKind::CloseQuote, false)?;
        Ok(Expr { kind, range: self.range(open.start, self.last_end()) })
    }

    /// `<<EOT` to `EOT`
    pub(super) fn heredoc(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let indented = self.text(open).starts_with("<<-");
        let kind = self.template_until(TokenKind::CloseHeredoc, indented)?;
        Ok(Expr { kind, range: self.range(open.start, self.last_end()) })
    }

    fn template_until(&mut self, close: TokenKind, indented: bool) -> Parsed<ExprKind> {
        let kind = self.template(close, indented);
        match kind {
            Ok(_) => {
                self.read();
            }
            Err(Failed) => self.skip_past(close),
        }
        kind
    }

    /// A template up to (and without) its closing token.
    fn template(&mut self, close: TokenKind, indented: bool) -> Parsed<ExprKind> {
        let (mut pieces, height) = self.pieces(close)?;
        if indented {
            remove_indentation(&mut pieces);
        }
        if pieces.len() == 1
            && let Some(Piece::Interpolation(_)) = pieces.first()
            && let Some(Piece::Interpolation(inner)) = pieces.pop()
        {
            self.grow(height)?;
            return Ok(ExprKind::TemplateWrap(Box::new(inner)));
        }
        if pieces.iter().all(|p| matches!(p, Piece::Text(..))) {
            let texts = pieces.iter().map(|p| if let Piece::Text(text, _) = p { text.as_str() } else { "" });
            return Ok(ExprKind::Literal(Value::string(texts.collect::<String>())));
        }
        let (parts, nesting) = self.assemble(merge_texts(pieces))?;
        self.grow(height + nesting)?;
        Ok(ExprKind::Template(parts))
    }

    /// The stretches of a template, and the height of the highest expression in them.
    fn pieces(&mut self, close: TokenKind) -> Parsed<(Vec<Piece>, u32)> {
        let mut pieces = Vec::new();
        let mut height = 0;
        let mut trim = false;
        loop {
            let token = self.peek();
            match token.kind {
                kind if kind == close => return Ok((pieces, height)),
                TokenKind::QuotedText | TokenKind::PlainText => {
                    self.read();
                    let mut text = self.unescaped(token);
                    if std::mem::take(&mut trim) {
                        text = text.trim_start().to_owned();
                    }
                    pieces.push(Piece::Text(text, self.range_of(token)));
                }
                TokenKind::Interpolation | TokenKind::Directive => {
                    self.read();
                    if self.text(token).ends_with('~')
                        && let Some(Piece::Text(text, _)) = pieces.last_mut()
                    {
                        text.truncate(text.trim_end().len());
                    }
                    self.height = 0;
                    let piece = self.with_newlines(false, |p| {
                        let piece = match token.kind {
                            TokenKind::Interpolation => p.nested(|p| p.interpolation(token, close)),
                            _ => p.nested(|p| p.directive(token)),
                        };
                        if piece.is_err() {
                            p.skip_past(TokenKind::TemplateEnd);
                        }
                        piece
                    })?;
                    let end = self.read_close();
                    trim = self.text(end).starts_with('~');
                    height = height.max(self.height);
                    pieces.push(piece);
                }
                _ => {
                    let detail = "The text ends before the mark that closes this template.";
                    return Err(self.fail(token, "Unterminated template string", detail));
                }
            }
        }
    }

    /// `x` after `${`
    fn interpolation(&mut self, open: Token, close: TokenKind) -> Parsed<Piece> {
        let expr = self.expression()?;
        let next = self.peek();
        if next.kind == TokenKind::TemplateEnd {
            return Ok(Piece::Interpolation(expr));
        }
        let quoted = close == TokenKind::CloseQuote;
        let unclosed = next.kind == TokenKind::End
            || (quoted && matches!(next.kind, TokenKind::OpenQuote | TokenKind::CloseQuote));
        if unclosed {
            let detail = "The template ends before the brace that closes this sequence. Perhaps a bracket in it is not \
                          closed.";
            return Err(self.fail(open, "Unclosed template interpolation sequence", detail));
        }
        let detail = "The expression ends before this, but no closing brace follows. If \"${\" is meant as text, write \
                      \"$${\".";
        Err(self.fail(next, "Extra characters after interpolation expression", detail))
    }

    /// `if x`, `endfor`, … after `%{`
    fn directive(&mut self, open: Token) -> Parsed<Piece> {
        let keyword = self.peek();
        if keyword.kind != TokenKind::Identifier {
            let detail = "After \"%{\" stands \"if\", \"else\", \"endif\", \"for\" or \"endfor\".";
            return Err(self.fail(keyword, "Invalid template directive", detail));
        }
        self.read();
        let word = self.text(keyword);
        let (expr, names) = match word {
            "if" => (Some(self.expression()?), None),
            "for" => {
                let (key, value, collection) = self.for_names("Invalid 'for' directive")?;
                (Some(collection), Some((key, value)))
            }
            "else" | "endif" | "endfor" => (None, None),
            _ => {
                let detail = format!("\"{word}\" is not one of \"if\", \"else\", \"endif\", \"for\" and \"endfor\".");
                return Err(self.fail(keyword, "Invalid template control keyword", detail));
            }
        };
        let end = self.peek();
        let range = self.range(open.start, end.end);
        if end.kind != TokenKind::TemplateEnd {
            let detail = "A closing brace must end the sequence here.";
            return Err(self.fail(end, &format!("Extra characters in {word} marker"), detail));
        }
        Ok(match (word, expr, names) {
            ("if", Some(condition), _) => Piece::If(condition, range),
            (_, Some(collection), Some((key_name, value_name))) => {
                Piece::For { key_name, value_name, collection, range }
            }
            ("else", ..) => Piece::Else(range),
            ("endif", ..) => Piece::EndIf(range),
            _ => Piece::EndFor(range),
        })
    }

    /// Matches `if` and `for` with their ends; also returns how deep they are nested.
    fn assemble(&mut self, pieces: Vec<Piece>) -> Parsed<(Vec<TemplatePart>, u32)> {
        let mut parts: Vec<TemplatePart> = Vec::new();
        let mut open: Vec<Open> = Vec::new();
        let mut nesting = 0;
        for piece in pieces {
            match piece {
                Piece::Text(text, range) => parts.push(TemplatePart::Literal(text.into(), range)),
                Piece::Interpolation(expr) => parts.push(TemplatePart::Interpolation(expr)),
                Piece::If(condition, range) => {
                    open.push(Open { start: OpenKind::If { condition }, range, outer: std::mem::take(&mut parts) });
                }
                Piece::For { key_name, value_name, collection, range } => {
                    let start = OpenKind::For { key_name, value_name, collection };
                    open.push(Open { start, range, outer: std::mem::take(&mut parts) });
                }
                Piece::Else(range) => match open.pop() {
                    Some(Open { start: OpenKind::If { condition }, range, outer }) => {
                        let then = std::mem::take(&mut parts);
                        open.push(Open { start: OpenKind::Else { condition, then }, range, outer });
                    }
                    other => return Err(self.unexpected("else", range, other)),
                },
                Piece::EndIf(end) => {
                    let (condition, then, otherwise, range, outer) = match open.pop() {
                        Some(Open { start: OpenKind::If { condition }, range, outer }) => {
                            (condition, std::mem::take(&mut parts), Vec::new(), range, outer)
                        }
                        Some(Open { start: OpenKind::Else { condition, then }, range, outer }) => {
                            (condition, then, std::mem::take(&mut parts), range, outer)
                        }
                        other => return Err(self.unexpected("endif", end, other)),
                    };
                    parts = outer;
                    parts.push(TemplatePart::If { condition, then, otherwise, range: range.to(&end) });
                }
                Piece::EndFor(end) => match open.pop() {
                    Some(Open { start: OpenKind::For { key_name, value_name, collection }, range, outer }) => {
                        let body = std::mem::replace(&mut parts, outer);
                        let range = range.to(&end);
                        parts.push(TemplatePart::For { key_name, value_name, collection, body, range });
                    }
                    other => return Err(self.unexpected("endfor", end, other)),
                },
            }
            nesting = nesting.max(open.len() as u32);
            if nesting > MAX_NESTING {
                return Err(self.too_deep(self.peek()));
            }
        }
        if let Some(Open { start, range, .. }) = open.pop() {
            let name = start.name();
            let detail = format!("The %{{{name}}} at {range} has no %{{end{name}}}.");
            return Err(self.fail(self.peek(), "Unexpected end of template", detail));
        }
        Ok((parts, nesting))
    }

    fn unexpected(&mut self, word: &str, at: SourceRange, open: Option<Open>) -> Failed {
        let detail = match open {
            None => format!("No sequence has been opened that %{{{word}}} could belong to."),
            Some(Open { start, range, .. }) => {
                let name = start.name();
                match start {
                    OpenKind::Else { .. } if word == "else" => {
                        format!("The %{{{name}}} at {range} has an %{{else}} already.")
                    }
                    _ => format!("The %{{{name}}} at {range} must be ended by %{{end{name}}} first."),
                }
            }
        };
        self.fail_range(at, &format!("Unexpected {word} directive"), detail)
    }

    /// A text in quotes without template sequences, such as a block's label; and whether all of it could be read.
    pub(super) fn quoted_text(&mut self) -> (String, SourceRange, Parsed<()>) {
        const SUMMARY: &str = "Invalid string literal";
        let open = self.read();
        let mut text = String::new();
        loop {
            let token = self.peek();
            match token.kind {
                TokenKind::CloseQuote => {
                    self.read();
                    return (text, self.range(open.start, token.end), Ok(()));
                }
                TokenKind::QuotedText => {
                    self.read();
                    text.push_str(&self.unescaped(token));
                }
                TokenKind::Interpolation | TokenKind::Directive => {
                    self.read();
                    let sign = &self.text(token)[..1];
                    let detail = format!(
                        "This text cannot have template sequences. If \"{sign}{{\" is meant as text, write \"{sign}{sign}{{\"."
                    );
                    self.fail(token, SUMMARY, detail);
                    self.skip_past(TokenKind::TemplateEnd);
                }
                TokenKind::End => {
                    let failed =
                        self.fail(token, "Unterminated string literal", "The text ends before its closing quote.");
                    return (text, self.range(open.start, token.end), Err(failed));
                }
                _ => {
                    let failed = self.fail(token, SUMMARY, "This cannot stand in a quoted text.");
                    self.skip_past(TokenKind::CloseQuote);
                    return (text, self.range(open.start, token.start), Err(failed));
                }
            }
        }
    }

    /// The text that a token of literal text stands for.
    fn unescaped(&mut self, token: Token) -> String {
        let source = self.text(token);
        let quoted = token.kind == TokenKind::QuotedText;
        let mut text = String::with_capacity(source.len());
        let mut rest = source;
        while let Some(at) = rest.find(|c| matches!(c, '$' | '%') || (c == '\\' && quoted)) {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            if !rest.starts_with('\\') {
                let sign = &rest[..1];
                let run = rest.bytes().take_while(|b| *b == sign.as_bytes()[0]).count();
                let escapes = run > 1 && rest[run..].starts_with('{');
                text.push_str(&rest[usize::from(escapes)..run]);
                rest = &rest[run..];
                continue;
            }
            let length = match escape(rest) {
                Ok((c, length)) => {
                    text.push(c);
                    length
                }
                Err((length, detail)) => {
                    let start = advance(token.start, &source[..source.len() - rest.len()]);
                    let end = advance(start, &rest[..length]);
                    self.report(self.range(start, end), "Invalid escape sequence", detail);
                    length
                }
            };
            rest = &rest[length..];
        }
        text.push_str(rest);
        text
    }
}

/// The character that an escape stands for and its length in bytes; or the length of what is wrong, and why.
fn escape(text: &str) -> Result<(char, usize), (usize, String)> {
    let mut chars = text.chars();
    chars.next();
    let Some(selector) = chars.next() else {
        return Err((text.len(), "A backslash is written as \"\\\\\".".to_owned()));
    };
    let digits = match selector {
        'n' => return Ok(('\n', 2)),
        'r' => return Ok(('\r', 2)),
        't' => return Ok(('\t', 2)),
        '"' => return Ok(('"', 2)),
        '\\' => return Ok(('\\', 2)),
        'u' => 4,
        'U' => 8,
        _ => {
            let detail = format!("There is no escape \"\\{selector}\". A backslash is written as \"\\\\\".");
            return Err((1 + selector.len_utf8(), detail));
        }
    };
    let given = chars.as_str().bytes().take(digits).take_while(u8::is_ascii_hexdigit).count();
    let length = 2 + given;
    if given < digits {
        return Err((length, format!("After \"\\{selector}\" stand {digits} hexadecimal digits.")));
    }
    u32::from_str_radix(&text[2..length], 16)
        .ok()
        .and_then(char::from_u32)
        .map(|c| (c, length))
        .ok_or_else(|| (length, format!("There is no character U+{}.", text[2..length].trim_start_matches('0'))))
}

/// Makes one text of neighbouring ones, and drops empty ones.
fn merge_texts(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (piece, merged.last_mut()) {
            (Piece::Text(text, _), _) if text.is_empty() => {}
            (Piece::Text(text, range), Some(Piece::Text(before, before_range))) => {
                before.push_str(&text);
                *before_range = before_range.to(&range);
            }
            (piece, _) => merged.push(piece),
        }
    }
    merged
}

/// Takes the blank space from the start of each line that all of them have. Blank lines neither count nor change.
fn remove_indentation(pieces: &mut [Piece]) {
    let mut common = usize::MAX;
    let mut line_start = true;
    let mut indented: Vec<&mut String> = Vec::new();
    for piece in pieces {
        let at_line_start = std::mem::replace(&mut line_start, false);
        match piece {
            Piece::Text(text, _) => {
                line_start = text.ends_with('\n');
                let blank = line_start && text.trim().is_empty();
                if at_line_start && !blank {
                    common = common.min(text.chars().take_while(|c| c.is_whitespace()).count());
                    indented.push(text);
                }
            }
            _ if at_line_start => common = 0,
            _ => {}
        }
    }
    for text in indented {
        let cut = text.char_indices().nth(common).map_or(text.len(), |(at, _)| at);
        text.drain(..cut);
    }
}
