//! Walking over tokens: what comes next, where newlines count, what went wrong, and how to go on after that.

use std::sync::Arc;

use infra_diag::{Diagnostic, Diagnostics, Pos, SourceRange};

use super::lexer::{Reading, Token, TokenKind, tokens};

/// How deep expressions and blocks may be nested in the text.
///
/// Chosen so that neither reading nor dropping the tree can exhaust the 2 MiB stack of a thread.
pub(super) const MAX_NESTING: u32 = 100;

/// How high the tree of one expression may be: `1 + 1 + 1` is three high although nothing is nested.
pub(super) const MAX_HEIGHT: u32 = 400;

/// Something could not be read, and the diagnostic about it is recorded already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed;

/// What was read, if it could be.
pub(super) type Parsed<T> = Result<T, Failed>;

/// The state of reading one text.
pub(super) struct Parser<'t> {
    file: Arc<str>,
    text: &'t str,
    base: u32,
    tokens: Vec<Token>,
    at: usize,
    /// Whether newlines count here; otherwise they are blank space.
    newlines: bool,
    /// Set by the first failure. What follows may well be its consequence, so most kinds of failure are then not told.
    recovering: bool,
    depth: u32,
    /// The height of the expression that was read last.
    pub(super) height: u32,
    pub(super) diagnostics: Diagnostics,
}

impl<'t> Parser<'t> {
    pub(super) fn new(file: &Arc<str>, text: &'t str, start: Pos, reading: Reading, newlines: bool) -> Parser<'t> {
        let tokens = tokens(text, start, reading);
        let mut parser = Parser {
            file: file.clone(),
            text,
            base: start.byte,
            tokens,
            at: 0,
            newlines,
            recovering: false,
            depth: 0,
            height: 0,
            diagnostics: Diagnostics::new(),
        };
        parser.report_invalid_tokens();
        parser
    }

    /// The next token that counts, without passing it.
    pub(super) fn peek(&self) -> Token {
        self.tokens[self.next_index()]
    }

    /// The kind of the next token.
    pub(super) fn peek_kind(&self) -> TokenKind {
        self.peek().kind
    }

    /// Passes the next token that counts; the last one is never passed.
    pub(super) fn read(&mut self) -> Token {
        let index = self.next_index();
        self.at = (index + 1).min(self.tokens.len() - 1);
        self.tokens[index]
    }

    /// Passes the next token if it is of this kind.
    pub(super) fn take(&mut self, kind: TokenKind) -> Option<Token> {
        (self.peek_kind() == kind).then(|| self.read())
    }

    fn next_index(&self) -> usize {
        let skipped = |t: &&Token| t.kind == TokenKind::Comment || (t.kind == TokenKind::Newline && !self.newlines);
        self.at + self.tokens[self.at..].iter().take_while(skipped).count()
    }

    /// Reads with newlines as blank space (`false`) or as tokens (`true`).
    pub(super) fn with_newlines<T>(&mut self, count: bool, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.newlines, count);
        let result = read(self);
        self.newlines = before;
        result
    }

    /// Reads something that stands inside of something else.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= MAX_NESTING {
            return Err(self.too_deep(self.peek()));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Sets the height of the expression that has just been put together of parts not higher than `parts`.
    pub(super) fn grow(&mut self, parts: u32) -> Parsed<()> {
        self.height = parts + 1;
        if self.height > MAX_HEIGHT { Err(self.too_deep(self.peek())) } else { Ok(()) }
    }

    /// Records that there are too many levels.
    pub(super) fn too_deep(&mut self, at: Token) -> Failed {
        let detail = "This is nested too deeply. Name a part of it as a local value, and refer to that.";
        self.fail(at, "Excessive nesting", detail)
    }

    /// The text of a token.
    pub(super) fn text(&self, token: Token) -> &'t str {
        &self.text[token.span(self.base)]
    }

    /// Whether a token is this word.
    pub(super) fn is_word(&self, token: Token, word: &str) -> bool {
        token.kind == TokenKind::Identifier && self.text(token) == word
    }

    /// A range in this file.
    pub(super) fn range(&self, start: Pos, end: Pos) -> SourceRange {
        SourceRange { file: self.file.clone(), start, end }
    }

    /// The range of a token.
    pub(super) fn range_of(&self, token: Token) -> SourceRange {
        self.range(token.start, token.end)
    }

    /// The end of the token that was passed last.
    pub(super) fn last_end(&self) -> Pos {
        self.tokens[self.at.saturating_sub(1)].end
    }

    /// Records an error at a token, unless it may be the consequence of an earlier one.
    pub(super) fn fail(&mut self, at: Token, summary: &str, detail: impl Into<String>) -> Failed {
        let range = self.range_of(at);
        self.fail_range(range, summary, detail)
    }

    /// The same with a range.
    pub(super) fn fail_range(&mut self, range: SourceRange, summary: &str, detail: impl Into<String>) -> Failed {
        if !self.recovering {
            self.report(range, summary, detail);
        }
        self.recovering = true;
        Failed
    }

    /// Records an error whatever happened before.
    pub(super) fn report(&mut self, range: SourceRange, summary: &str, detail: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(summary, detail).at(range));
    }

    /// Passes everything up to and with the token that closes what is open.
    pub(super) fn skip_past(&mut self, close: TokenKind) {
        self.recovering = true;
        let open = opening(close);
        let mut nested = 0u32;
        loop {
            let token = self.read();
            match token.kind {
                TokenKind::End => return,
                kind if kind == close && nested == 0 => return,
                kind if kind == close => nested -= 1,
                kind if open.contains(&kind) => nested += 1,
                _ => {}
            }
        }
    }

    /// Passes everything up to the end of the argument or block that failed.
    pub(super) fn skip_item(&mut self) {
        self.recovering = true;
        self.with_newlines(true, |p| {
            let mut open: Vec<TokenKind> = Vec::new();
            loop {
                let kind = p.read().kind;
                match kind {
                    TokenKind::End => return,
                    TokenKind::Newline if open.is_empty() => return,
                    kind if is_opening(kind) => open.push(kind),
                    kind => {
                        let opened_by = opening(kind);
                        if !opened_by.is_empty()
                            && let Some(at) = open.iter().rposition(|o| opened_by.contains(o))
                        {
                            open.truncate(at);
                        }
                    }
                }
            }
        });
    }

    /// Characters and operators that the language does not have are told first, each line-ending in quotes too.
    fn report_invalid_tokens(&mut self) {
        use TokenKind::*;
        /// A file that is no text at all has one in nearly every place: the first of them tell that.
        const MOST: usize = 100;
        let mut told: Vec<TokenKind> = Vec::new();
        for index in 0..self.tokens.len() {
            let token = self.tokens[index];
            if !matches!(token.kind, Bitwise | Apostrophe | Backtick | Semicolon | Invalid | QuotedNewline) {
                continue;
            }
            if self.diagnostics.0.len() >= MOST {
                break;
            }
            if !matches!(token.kind, Invalid | QuotedNewline) {
                if told.contains(&token.kind) {
                    continue;
                }
                told.push(token.kind);
            }
            let (summary, detail) = match (token.kind, self.text(token)) {
                (Bitwise, "&") => {
                    ("Unsupported operator", "There are no bitwise operators. For a logical AND, write \"&&\".")
                }
                (Bitwise, "|") => {
                    ("Unsupported operator", "There are no bitwise operators. For a logical OR, write \"||\".")
                }
                (Bitwise, "~") => {
                    ("Unsupported operator", "There are no bitwise operators. For a logical NOT, write \"!\".")
                }
                (Bitwise, _) => ("Unsupported operator", "There are no bitwise operators."),
                (Apostrophe, _) => ("Invalid character", "Texts stand in double quotes (\"), not in single ones."),
                (Backtick, _) => (
                    "Invalid character",
                    "Backticks have no meaning here. For a text of several lines, write a heredoc: <<EOT.",
                ),
                (Semicolon, _) => (
                    "Invalid character",
                    "Arguments and blocks are separated by line ends, the items of collections by commas; not by \";\".",
                ),
                (QuotedNewline, _) => (
                    "Invalid multi-line string",
                    "A quoted text must end on the line where it starts. Write \\n for a line end, or a heredoc (<<EOT) for a \
                     text of several lines.",
                ),
                (_, "“" | "”") => {
                    ("Invalid character", "Curly quotes have no meaning here. Texts stand in straight quotes (\").")
                }
                _ => ("Invalid character", "This character has no meaning here."),
            };
            let range = self.range_of(token);
            self.report(range, summary, detail);
        }
    }
}

/// What a closing token closes.
fn opening(close: TokenKind) -> &'static [TokenKind] {
    use TokenKind::*;
    match close {
        CloseBrace => &[OpenBrace],
        CloseBracket => &[OpenBracket],
        CloseParen => &[OpenParen],
        CloseQuote => &[OpenQuote],
        CloseHeredoc => &[OpenHeredoc],
        TemplateEnd => &[Interpolation, Directive],
        _ => &[],
    }
}

fn is_opening(kind: TokenKind) -> bool {
    use TokenKind::*;
    matches!(kind, OpenBrace | OpenBracket | OpenParen | OpenQuote | OpenHeredoc | Interpolation | Directive)
}
