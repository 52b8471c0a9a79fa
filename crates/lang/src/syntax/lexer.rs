//! Text to tokens: every byte of a file is in a token or is the blank space between two.

use std::ops::Range;

use infra_diag::Pos;
use unicode_segmentation::UnicodeSegmentation;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// The `"` that begins a quoted text.
    OpenQuote,
    /// The `"` that ends it.
    CloseQuote,
    /// `<<EOT` or `<<-EOT` with the end of its line.
    OpenHeredoc,
    /// The line with the heredoc's marker, without its end.
    CloseHeredoc,
    /// Text inside quotes, with its escapes.
    QuotedText,
    /// Text inside a heredoc or a template file: at most one line, with its end.
    PlainText,
    /// A line end inside quotes, which is an error.
    QuotedNewline,
    /// `${` or `${~`
    Interpolation,
    /// `%{` or `%{~`
    Directive,
    /// The `}` or `~}` that ends either.
    TemplateEnd,
    /// `name`
    Identifier,
    /// `1`, `0.5`, `1e9`; also ill-formed ones such as `1.2.3`.
    Number,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `%`
    Percent,
    /// `=`
    Equal,
    /// `==`
    EqualEqual,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `&&`
    And,
    /// `||`
    Or,
    /// `!`
    Bang,
    /// `.`
    Dot,
    /// `,`
    Comma,
    /// `...`
    Ellipsis,
    /// `=>`
    FatArrow,
    /// `?`
    Question,
    /// `:`
    Colon,
    /// `::`
    DoubleColon,
    /// `#…`, `//…` (without the end of the line) or `/*…*/`.
    Comment,
    /// The end of a line.
    Newline,
    /// `&`, `|`, `^` or `~`, which the language does not have.
    Bitwise,
    /// `'`
    Apostrophe,
    /// A backtick.
    Backtick,
    /// `;`
    Semicolon,
    /// Any other character that has no place in the language.
    Invalid,
    /// After the last byte.
    End,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it starts.
    pub start: Pos,
    /// Just after it.
    pub end: Pos,
}

impl Token {
    /// Its bytes in a text that begins at byte `base`.
    pub fn span(&self, base: u32) -> Range<usize> {
        (self.start.byte - base) as usize..(self.end.byte - base) as usize
    }
}

/// What a text is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Arguments, blocks, expressions.
    Expression,
    /// Text with `${ }` and `%{ }` sequences in it.
    Template,
}

/// The tokens of a text of which the first byte is at `start`; the last one is [`TokenKind::End`].
pub fn tokens(text: &str, start: Pos, reading: Reading) -> Vec<Token> {
    let mode = match reading {
        Reading::Expression => Mode::Normal { braces: 0, in_template: false },
        Reading::Template => Mode::Plain,
    };
    let mut lexer = Lexer { text, at: 0, pos: start, tokens: Vec::with_capacity(text.len() / 4), modes: vec![mode] };
    if start.byte == 0 && text.starts_with('\u{feff}') && reading == Reading::Expression {
        lexer.skip('\u{feff}'.len_utf8());
    }
    while lexer.at < text.len() {
        lexer.next();
    }
    lexer.emit(TokenKind::End, 0);
    lexer.tokens
}

/// What the lexer is inside of.
#[derive(Clone, Copy)]
enum Mode<'a> {
    /// Where expressions stand. `braces` counts the open ones since the `${` or `%{`, if there is one.
    Normal { braces: u32, in_template: bool },
    /// Between `"` and `"`.
    Quoted,
    /// Between `<<EOT` and `EOT`.
    Heredoc { marker: &'a str, line_start: bool },
    /// In a template that ends with the text.
    Plain,
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    pos: Pos,
    tokens: Vec<Token>,
    modes: Vec<Mode<'a>>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&mut self) {
        match self.modes.last().copied() {
            Some(Mode::Quoted) => self.quoted(),
            Some(Mode::Heredoc { marker, line_start }) => self.heredoc(marker, line_start),
            Some(Mode::Plain) => self.plain(),
            Some(Mode::Normal { .. }) | None => self.normal(),
        }
    }

    /// Makes the next `length` bytes a token.
    fn emit(&mut self, kind: TokenKind, length: usize) {
        let start = self.pos;
        self.pos = advance(start, &self.rest()[..length]);
        self.at += length;
        self.tokens.push(Token { kind, start, end: self.pos });
    }

    /// Passes over bytes that belong to no token.
    fn skip(&mut self, length: usize) {
        self.at += length;
        self.pos.byte += length as u32;
    }

    fn normal(&mut self) {
        use TokenKind::*;
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let second = bytes.get(1).copied().unwrap_or(0);
        let (kind, length) = match bytes[0] {
            b' ' | b'\t' => {
                let length = bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
                self.skip(length);
                self.pos.column += length as u32;
                return;
            }
            b'\n' => (Newline, 1),
            b'\r' if second == b'\n' => (Newline, 2),
            b'#' => (Comment, line_length(rest)),
            b'/' if second == b'/' => (Comment, line_length(rest)),
            b'/' if second == b'*' && rest[2..].contains("*/") => {
                (Comment, 4 + rest[2..].find("*/").unwrap_or_default())
            }
            b'/' => (Slash, 1),
            b'{' => {
                self.count_braces(|n| n + 1);
                (OpenBrace, 1)
            }
            b'}' => return self.close_brace(1),
            b'~' if second == b'}' => return self.close_brace(2),
            b'[' => (OpenBracket, 1),
            b']' => (CloseBracket, 1),
            b'(' => (OpenParen, 1),
            b')' => (CloseParen, 1),
            b'"' => {
                self.modes.push(Mode::Quoted);
                (OpenQuote, 1)
            }
            b'<' => match heredoc_start(rest) {
                Some((marker, length)) => {
                    self.modes.push(Mode::Heredoc { marker, line_start: true });
                    (OpenHeredoc, length)
                }
                None if second == b'=' => (LessEqual, 2),
                None => (Less, 1),
            },
            b'>' if second == b'=' => (GreaterEqual, 2),
            b'>' => (Greater, 1),
            b'=' if second == b'=' => (EqualEqual, 2),
            b'=' if second == b'>' => (FatArrow, 2),
            b'=' => (Equal, 1),
            b'!' if second == b'=' => (NotEqual, 2),
            b'!' => (Bang, 1),
            b'&' if second == b'&' => (And, 2),
            b'|' if second == b'|' => (Or, 2),
            b'&' | b'|' | b'^' | b'~' => (Bitwise, 1),
            b'*' => (Star, 1),
            b'+' => (Plus, 1),
            b'-' => (Minus, 1),
            b'%' => (Percent, 1),
            b'.' if rest.starts_with("...") => (Ellipsis, 3),
            b'.' => (Dot, 1),
            b',' => (Comma, 1),
            b'?' => (Question, 1),
            b':' if second == b':' => (DoubleColon, 2),
            b':' => (Colon, 1),
            b'\'' => (Apostrophe, 1),
            b'`' => (Backtick, 1),
            b';' => (Semicolon, 1),
            b'0'..=b'9' => (Number, number_length(bytes)),
            _ => match identifier_length(rest) {
                0 => (Invalid, rest.chars().next().map_or(1, char::len_utf8)),
                length => (Identifier, length),
            },
        };
        self.emit(kind, length);
    }

    fn count_braces(&mut self, change: impl Fn(u32) -> u32) {
        if let Some(Mode::Normal { braces, .. }) = self.modes.last_mut() {
            *braces = change(*braces);
        }
    }

    /// `}` and `~}`: the end of the template sequence, or of an object or block inside it.
    fn close_brace(&mut self, length: usize) {
        if let Some(Mode::Normal { braces: 0, in_template: true }) = self.modes.last() {
            self.modes.pop();
            return self.emit(TokenKind::TemplateEnd, length);
        }
        self.count_braces(|n| n.saturating_sub(1));
        // `~}` never closes a brace: as a template's end in the wrong place it lets the parser say so.
        self.emit(if length == 1 { TokenKind::CloseBrace } else { TokenKind::TemplateEnd }, length);
    }

    /// `${`, `%{` and their forms with `~`, if the text at `rest` is one.
    fn sequence(&mut self) -> bool {
        let rest = self.rest();
        let kind = match rest.as_bytes() {
            [b'$', b'{', ..] => TokenKind::Interpolation,
            [b'%', b'{', ..] => TokenKind::Directive,
            _ => return false,
        };
        let length = if rest.as_bytes().get(2) == Some(&b'~') { 3 } else { 2 };
        self.emit(kind, length);
        self.modes.push(Mode::Normal { braces: 0, in_template: true });
        true
    }

    fn quoted(&mut self) {
        let rest = self.rest();
        match rest.as_bytes()[0] {
            b'"' => {
                self.modes.pop();
                return self.emit(TokenKind::CloseQuote, 1);
            }
            b'\n' => return self.emit(TokenKind::QuotedNewline, 1),
            b'\r' if rest.as_bytes().get(1) == Some(&b'\n') => return self.emit(TokenKind::QuotedNewline, 2),
            _ if self.sequence() => return,
            _ => {}
        }
        let length = text_length(rest, true);
        self.emit(TokenKind::QuotedText, length);
    }

    fn heredoc(&mut self, marker: &'a str, line_start: bool) {
        let rest = self.rest();
        let line = line_length(rest);
        if line_start && line < rest.len() && rest[..line].trim() == marker {
            self.modes.pop();
            return self.emit(TokenKind::CloseHeredoc, line);
        }
        let before = self.tokens.len();
        self.plain();
        let ends_line =
            self.tokens[before..].last().is_some_and(|t| t.kind == TokenKind::PlainText && t.end.line > t.start.line);
        // The mode of this heredoc is below that of a sequence which has just begun.
        for mode in self.modes.iter_mut().rev() {
            if let Mode::Heredoc { line_start, .. } = mode {
                *line_start = ends_line;
                break;
            }
        }
    }

    fn plain(&mut self) {
        if self.sequence() {
            return;
        }
        let length = text_length(self.rest(), false);
        self.emit(TokenKind::PlainText, length);
    }
}

/// The length of literal text: up to a template sequence, and to the closing quote or line end if it is quoted, or past
/// the line end if not.
fn text_length(text: &str, quoted: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\n' if !quoted => return at + 1,
            b'"' | b'\n' if quoted => return at,
            b'\r' if quoted && bytes.get(at + 1) == Some(&b'\n') => return at,
            // An escaped character may have several bytes, but none of the others can be taken for a mark.
            b'\\' if quoted && !matches!(bytes.get(at + 1), Some(b'\n' | b'\r')) => at += 2,
            b'$' | b'%' => {
                let run = bytes[at..].iter().take_while(|b| **b == byte).count();
                let opens = bytes.get(at + run) == Some(&b'{');
                if opens && run == 1 {
                    return at;
                }
                // After a doubled sign the brace is text as well.
                at += run + usize::from(opens);
            }
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The position after `text` of which the first character stands at `pos`.
pub(super) fn advance(pos: Pos, text: &str) -> Pos {
    let mut pos = Pos { byte: pos.byte + text.len() as u32, ..pos };
    if text.is_ascii() && !text.contains(['\n', '\r']) {
        pos.column += text.len() as u32;
        return pos;
    }
    for cluster in text.graphemes(true) {
        if matches!(cluster, "\n" | "\r\n") {
            pos.line += 1;
            pos.column = 1;
        } else {
            pos.column += 1;
        }
    }
    pos
}

/// The length of the first line, without its end.
fn line_length(text: &str) -> usize {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => at - 1,
        Some(at) => at,
        None => text.len(),
    }
}

/// The marker of a heredoc that begins here, and how long its first line is with its end.
fn heredoc_start(text: &str) -> Option<(&str, usize)> {
    let rest = text.strip_prefix("<<")?;
    let rest = rest.strip_prefix('-').unwrap_or(rest);
    let name = identifier_length(rest);
    let after = &rest[name..];
    let end = if after.starts_with("\r\n") { 2 } else { usize::from(after.starts_with('\n')) };
    (name > 0 && end > 0).then(|| (&rest[..name], text.len() - after.len() + end))
}

/// A digit, then digits, dots and exponents up to the last that is not a dot.
fn number_length(bytes: &[u8]) -> usize {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let (mut at, mut end) = (1, 1);
    loop {
        match bytes.get(at) {
            Some(b'0'..=b'9') => at += 1,
            Some(b'.') => {
                at += 1;
                continue;
            }
            Some(b'e' | b'E') if digit(at + 1) => at += 2,
            Some(b'e' | b'E') if matches!(bytes.get(at + 1), Some(b'+' | b'-')) && digit(at + 2) => at += 3,
            _ => return end,
        }
        end = at;
    }
}

/// The length of the identifier that the text begins with; 0 if it does not.
pub(super) fn identifier_length(text: &str) -> usize {
    let mut chars = text.char_indices();
    match chars.next() {
        Some((_, c)) if c == '_' || unicode_ident::is_xid_start(c) => {}
        _ => return 0,
    }
    chars.find(|(_, c)| *c != '-' && !unicode_ident::is_xid_continue(*c)).map_or(text.len(), |(at, _)| at)
}

/// Whether a text is an identifier.
pub fn is_identifier(text: &str) -> bool {
    !text.is_empty() && identifier_length(text) == text.len()
}
