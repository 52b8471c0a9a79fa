//! Bodies, arguments and blocks of the native syntax.

use std::collections::HashMap;
use std::sync::Arc;

use infra_diag::{Diagnostics, Pos, SourceRange};
use infra_value::Value;

use super::ast::{Attribute, Block, Body, Expr, ExprKind, Label, NativeBody};
use super::cursor::{Failed, Parsed, Parser};
use super::lexer::{Reading, Token, TokenKind};

/// Reads a file in native syntax. What could be read is returned along with the errors.
pub fn parse_file(file: &Arc<str>, text: &str) -> (Body, Diagnostics) {
    let mut parser = Parser::new(file, text, Pos::default(), Reading::Expression, true);
    let body = parser.body(None);
    (Body::Native(body), parser.diagnostics)
}

/// An argument or a block.
enum Item {
    Attribute(Attribute),
    Block(Block),
}

impl Parser<'_> {
    /// A body up to the brace that closes `open`, or up to the end of the file.
    fn body(&mut self, open: Option<Token>) -> NativeBody {
        let close = if open.is_some() { TokenKind::CloseBrace } else { TokenKind::End };
        let start = open.map_or_else(|| Pos { byte: 0, ..Pos::default() }, |t| t.start);
        let mut gathered = Gathered::default();
        let end = loop {
            let next = self.peek();
            match next.kind {
                kind if kind == close => break self.read().end,
                TokenKind::Newline => {
                    self.read();
                }
                TokenKind::Identifier => match self.item() {
                    Ok(item) => self.gather(&mut gathered, item),
                    Err(Failed) => self.skip_item(),
                },
                TokenKind::End => {
                    if let Some(open) = open {
                        let detail = "The file ends before the brace that closes this block. A brace may be missing \
                                      further down, too.";
                        self.fail(open, "Unclosed configuration block", detail);
                    }
                    break next.end;
                }
                TokenKind::OpenQuote => {
                    self.fail(next, "Invalid argument name", "The name of an argument stands without quotes.");
                    break self.give_up_body(close);
                }
                _ => {
                    let detail = "Only an argument (name = value) or a block can stand here.";
                    self.fail(next, "Argument or block definition required", detail);
                    break self.give_up_body(close);
                }
            }
        };
        gathered.into_body(self.range(start, end), self.range(start, start))
    }

    fn give_up_body(&mut self, close: TokenKind) -> Pos {
        self.read();
        self.skip_past(close);
        self.last_end()
    }

    fn gather(&mut self, gathered: &mut Gathered, item: Item) {
        match item {
            Item::Block(block) => gathered.blocks.push(block),
            Item::Attribute(attribute) => match gathered.names.get(&attribute.name) {
                Some(&first) => {
                    let first = &gathered.attributes[first].name_range;
                    let detail = format!("\"{}\" is set already, at {first}. It can be set once only.", attribute.name);
                    self.report(attribute.name_range, "Attribute redefined", detail);
                }
                None => {
                    gathered.names.insert(attribute.name.clone(), gathered.attributes.len());
                    gathered.attributes.push(attribute);
                }
            },
        }
    }

    fn item(&mut self) -> Parsed<Item> {
        let name = self.read();
        match self.peek_kind() {
            TokenKind::Equal => {
                let attribute = self.attribute(name);
                self.line_end("Missing newline after argument", "What follows belongs on a line of its own.");
                Ok(Item::Attribute(attribute))
            }
            TokenKind::OpenQuote | TokenKind::OpenBrace | TokenKind::Identifier => {
                let block = self.block(name);
                Ok(Item::Block(block))
            }
            _ => {
                let detail = "Only an argument or a block can stand here. The value of an argument is introduced by an \
                              equals sign: name = value.";
                let range = self.range_of(name);
                self.report(range, "Argument or block definition required", detail);
                Err(Failed)
            }
        }
    }

    /// `= expression` after the name. If the expression cannot be read, a value that is not known stands for it, so that
    /// the argument does not count as missing.
    fn attribute(&mut self, name: Token) -> Attribute {
        self.read();
        let name_range = self.range_of(name);
        let expr = self
            .expression()
            .unwrap_or_else(|Failed| Expr { kind: ExprKind::Literal(Value::dynamic()), range: name_range.clone() });
        let range = name_range.to(&expr.range);
        Attribute { name: self.text(name).into(), name_range, expr, range }
    }

    /// The line must end here; if it does not, the rest of it is skipped.
    fn line_end(&mut self, summary: &str, detail: &str) {
        match self.peek_kind() {
            TokenKind::Newline | TokenKind::End => {
                self.read();
            }
            _ => {
                self.fail(self.peek(), summary, detail);
                self.skip_item();
            }
        }
    }

    /// A block after its type.
    fn block(&mut self, ty: Token) -> Block {
        let ty_range = self.range_of(ty);
        let mut labels = Vec::new();
        let body = self.labels(&mut labels).and_then(|()| self.nested(|p| Ok(p.block_body())));
        let header_range = labels.last().map_or(ty_range.clone(), |l: &Label| ty_range.to(&l.range));
        let body = match body {
            Ok(body) => {
                self.line_end("Missing newline after block definition", "After a block, a new line begins.");
                body
            }
            Err(Failed) => {
                self.skip_item();
                Gathered::default().into_body(ty_range.clone(), self.range(ty.start, ty.start))
            }
        };
        Block { ty: self.text(ty).into(), ty_range, labels, body: Body::Native(body), header_range }
    }

    fn labels(&mut self, labels: &mut Vec<Label>) -> Parsed<()> {
        loop {
            let next = self.peek();
            match next.kind {
                TokenKind::OpenBrace => return Ok(()),
                TokenKind::Identifier => {
                    self.read();
                    labels.push(Label { text: self.text(next).into(), range: self.range_of(next) });
                }
                TokenKind::OpenQuote => {
                    let (text, range, whole) = self.quoted_text();
                    labels.push(Label { text: text.into(), range });
                    whole?;
                }
                kind => {
                    let detail = match kind {
                        TokenKind::Equal => "An equals sign makes an argument. A block is written without one.",
                        TokenKind::Newline | TokenKind::End => {
                            "The opening brace of a block stands on the same line as its type and labels."
                        }
                        _ => "Only a label in quotes or an opening brace can stand here.",
                    };
                    return Err(self.fail(next, "Invalid block definition", detail));
                }
            }
        }
    }

    /// `{ … }`
    fn block_body(&mut self) -> NativeBody {
        let open = self.read();
        if self.peek_kind() == TokenKind::Identifier {
            return self.single_line_body(open);
        }
        self.body(Some(open))
    }

    /// `{ name = expression }` on one line.
    fn single_line_body(&mut self, open: Token) -> NativeBody {
        const SUMMARY: &str = "Invalid single-argument block definition";
        let mut gathered = Gathered::default();
        let name = self.read();
        if self.peek_kind() == TokenKind::Equal {
            let attribute = self.attribute(name);
            self.gather(&mut gathered, Item::Attribute(attribute));
            let next = self.peek();
            if next.kind != TokenKind::CloseBrace {
                let detail = match next.kind {
                    TokenKind::Comma => {
                        "A block on one line has one argument only. Put each argument on a line of its own, without commas."
                    }
                    TokenKind::Newline => {
                        "An argument on the line of the opening brace makes a block of one line: it must end on that line."
                    }
                    _ => "A block on one line has one argument only, and the closing brace right after it.",
                };
                self.fail(next, SUMMARY, detail);
                self.skip_past(TokenKind::CloseBrace);
            } else {
                self.read();
            }
        } else {
            let range = self.range(name.start, self.peek().end);
            let name = self.text(name);
            let detail = format!(
                "A block on one line can only have one argument: {name} = value. A block inside it stands on lines of its own."
            );
            self.fail_range(range, "Argument definition required", detail);
            self.skip_past(TokenKind::CloseBrace);
        }
        gathered.into_body(self.range(open.start, self.last_end()), self.range(open.start, open.start))
    }
}

/// The content of a body while it is read.
#[derive(Default)]
struct Gathered {
    attributes: Vec<Attribute>,
    blocks: Vec<Block>,
    /// Where in `attributes` a name stands.
    names: HashMap<Arc<str>, usize>,
}

impl Gathered {
    fn into_body(self, range: SourceRange, missing_item_range: SourceRange) -> NativeBody {
        NativeBody { attributes: self.attributes, blocks: self.blocks, range, missing_item_range }
    }
}
