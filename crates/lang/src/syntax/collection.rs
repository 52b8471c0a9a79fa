//! Expressions in brackets and braces: tuples, objects, `for`.

use infra_value::Value;

use super::ast::{Expr, ExprKind, For, ObjectItem};
use super::cursor::{Failed, Parsed, Parser};
use super::lexer::{Token, TokenKind};

impl Parser<'_> {
    /// `[a, b]` or `[for …]`
    pub(super) fn tuple(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let close = TokenKind::CloseBracket;
        let (kind, height) = self.closed(close, false, |p| {
            if p.is_word(p.peek(), "for") { p.for_expression(open, close) } else { p.tuple_items(open) }
        })?;
        self.finish_collection(open, kind, height)
    }

    /// `{ a = b }` or `{for …}`
    pub(super) fn object(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let close = TokenKind::CloseBrace;
        let is_for = self.with_newlines(false, |p| p.is_word(p.peek(), "for"));
        let (kind, height) =
            self.closed(close, !is_for, |p| if is_for { p.for_expression(open, close) } else { p.object_items(open) })?;
        self.finish_collection(open, kind, height)
    }

    fn finish_collection(&mut self, open: Token, kind: ExprKind, height: u32) -> Parsed<Expr> {
        let close = self.read_close();
        self.grow(height)?;
        Ok(Expr { kind, range: self.range(open.start, close.end) })
    }

    /// Reads what is inside of brackets; if that fails, goes on after the closing one.
    fn closed<T>(&mut self, close: TokenKind, newlines: bool, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.with_newlines(newlines, |p| {
            let result = read(p);
            if result.is_err() {
                p.skip_past(close);
            }
            result
        })
    }

    fn tuple_items(&mut self, open: Token) -> Parsed<(ExprKind, u32)> {
        let mut items = Vec::new();
        let mut height = 0;
        while self.peek_kind() != TokenKind::CloseBracket {
            items.push(self.expression()?);
            height = height.max(self.height);
            let next = self.peek();
            match next.kind {
                TokenKind::CloseBracket => {}
                TokenKind::Comma => {
                    self.read();
                }
                TokenKind::End => {
                    let detail = "The file ends before the bracket that closes this one. A bracket may be missing further \
                                  down, too.";
                    return Err(self.fail(open, "Unterminated tuple constructor expression", detail));
                }
                _ => return Err(self.fail(next, "Missing item separator", "Items are separated by commas.")),
            }
        }
        Ok((ExprKind::Tuple(items), height))
    }

    fn object_items(&mut self, open: Token) -> Parsed<(ExprKind, u32)> {
        let mut items = Vec::new();
        let mut height = 0;
        loop {
            while self.take(TokenKind::Newline).is_some() {}
            if self.peek_kind() == TokenKind::CloseBrace {
                return Ok((ExprKind::Object(items), height));
            }
            let key = self.key()?;
            height = height.max(self.height);
            let next = self.peek();
            match next.kind {
                TokenKind::Equal | TokenKind::Colon => {
                    self.read();
                }
                TokenKind::End => return Err(self.unterminated_object(open)),
                TokenKind::Newline | TokenKind::Comma => {
                    let detail = "After a key stands an equals sign, and its value.";
                    return Err(self.fail(next, "Missing attribute value", detail));
                }
                kind => {
                    let detail = if kind == TokenKind::Identifier {
                        "After a key stands an equals sign, and its value. A key of several words stands in quotes."
                    } else {
                        "After a key stands an equals sign, and its value."
                    };
                    return Err(self.fail(next, "Missing key/value separator", detail));
                }
            }
            let value = self.expression()?;
            height = height.max(self.height);
            items.push(ObjectItem { key, value });
            let next = self.peek();
            match next.kind {
                TokenKind::CloseBrace => {}
                TokenKind::Newline | TokenKind::Comma => {
                    self.read();
                }
                TokenKind::End => return Err(self.unterminated_object(open)),
                _ => {
                    let detail = "Attributes are separated by commas or line ends.";
                    return Err(self.fail(next, "Missing attribute separator", detail));
                }
            }
        }
    }

    fn unterminated_object(&mut self, open: Token) -> Failed {
        let detail = "The file ends before the brace that closes this one. A brace may be missing further down, too.";
        self.fail(open, "Unterminated object constructor expression", detail)
    }

    /// The key of an object's attribute. A bare name stands for itself, even if it is a keyword. A name with steps
    /// (`aws.west`) is left as it is: only some places, such as the `providers` of a module, allow it.
    fn key(&mut self) -> Parsed<Expr> {
        let first = self.peek();
        let mut key = self.expression()?;
        match &key.kind {
            ExprKind::Traversal(traversal) if traversal.steps.is_empty() => {
                key.kind = ExprKind::Literal(Value::string(&traversal.root));
            }
            ExprKind::Literal(_) if first.kind == TokenKind::Identifier => {
                key.kind = ExprKind::Literal(Value::string(self.text(first)));
            }
            _ => {}
        }
        Ok(key)
    }

    /// `for …` up to the closing bracket or brace.
    fn for_expression(&mut self, open: Token, close: TokenKind) -> Parsed<(ExprKind, u32)> {
        const SUMMARY: &str = "Invalid 'for' expression";
        let builds_object = close == TokenKind::CloseBrace;
        self.read();
        let (key_name, value_name, collection) = self.for_names(SUMMARY)?;
        let mut height = self.height;
        if self.take(TokenKind::Colon).is_none() {
            return Err(self.fail(self.peek(), SUMMARY, "After the collection stands a colon."));
        }
        let mut key = None;
        let mut value = self.expression()?;
        height = height.max(self.height);
        if let Some(arrow) = self.take(TokenKind::FatArrow) {
            if !builds_object {
                return Err(self.fail(arrow, SUMMARY, "Only a 'for' in braces has keys (key => value)."));
            }
            key = Some(std::mem::replace(&mut value, self.expression()?));
            height = height.max(self.height);
        } else if builds_object {
            let detail = "A 'for' in braces needs a key for each value: key => value.";
            return Err(self.fail_range(value.range, SUMMARY, detail));
        }
        let group = self.take(TokenKind::Ellipsis);
        if let (Some(ellipsis), false) = (group, builds_object) {
            return Err(self.fail(
                ellipsis,
                SUMMARY,
                "Only a 'for' in braces can group values by their keys (\"...\").",
            ));
        }
        let mut condition = None;
        if self.is_word(self.peek(), "if") {
            self.read();
            condition = Some(self.expression()?);
            height = height.max(self.height);
        }
        let next = self.peek();
        if next.kind != close {
            return Err(self.fail(next, SUMMARY, "The 'for' expression ends before this, but is not closed here."));
        }
        let open_range = self.range_of(open);
        let group = group.is_some();
        let for_ = For { key_name, value_name, collection, key, value, condition, group, open_range };
        Ok((ExprKind::For(Box::new(for_)), height))
    }

    /// `k, v in collection`, of an expression or a directive.
    pub(super) fn for_names(&mut self, summary: &str) -> Parsed<(Option<Name>, Name, Expr)> {
        let mut key = None;
        let mut value = self.for_name(summary)?;
        if self.take(TokenKind::Comma).is_some() {
            key = Some(std::mem::replace(&mut value, self.for_name(summary)?));
        }
        let next = self.peek();
        if !self.is_word(next, "in") {
            return Err(self.fail(next, summary, "After the names stands \"in\", and the collection."));
        }
        self.read();
        Ok((key, value, self.expression()?))
    }

    fn for_name(&mut self, summary: &str) -> Parsed<Name> {
        let next = self.peek();
        if next.kind != TokenKind::Identifier {
            return Err(self.fail(next, summary, "Here stands a name for each element, or two for its key and value."));
        }
        self.read();
        Ok(self.text(next).into())
    }
}

type Name = std::sync::Arc<str>;
