//! Expressions: operators, terms, traversals, calls.

use std::sync::Arc;

use infra_diag::{Diagnostics, Pos};
use infra_value::{Number, Type, Value};

use super::ast::{BinaryOp, Call, Expr, ExprKind, Traversal, TraversalStep, UnaryOp};
use super::cursor::{Failed, Parsed, Parser};
use super::lexer::{Reading, Token, TokenKind};

/// Reads a text that is an expression, of which the first byte stands at `start`. Newlines are blank space in it.
pub fn parse_expression(file: &Arc<str>, text: &str, start: Pos) -> Result<Expr, Diagnostics> {
    let mut parser = Parser::new(file, text, start, Reading::Expression, false);
    let expr = parser.expression();
    let rest = parser.peek();
    if expr.is_ok() && rest.kind != TokenKind::End {
        parser.fail(rest, "Extra characters after expression", "The expression ends before this.");
    }
    match expr {
        Ok(expr) if !parser.diagnostics.has_errors() => Ok(expr),
        _ => Err(parser.diagnostics),
    }
}

/// Reads a text that is a reference: a name, attributes, and literal keys, such as `module.a["k"].aws_vpc.main`.
pub fn parse_traversal(file: &Arc<str>, text: &str, start: Pos) -> Result<Traversal, Diagnostics> {
    let expr = parse_expression(file, text, start)?;
    match expr.kind {
        ExprKind::Traversal(traversal) => Ok(traversal),
        _ => {
            let detail = "Only a reference can stand here: a name, then attributes and literal keys, without any \
                          computation.";
            Err(infra_diag::Diagnostic::error("Invalid expression", detail).at(expr.range).into())
        }
    }
}

/// How strongly an operator binds, from 1; and the operator.
fn binary_operator(kind: TokenKind) -> Option<(u8, BinaryOp)> {
    Some(match kind {
        TokenKind::Or => (1, BinaryOp::Or),
        TokenKind::And => (2, BinaryOp::And),
        TokenKind::EqualEqual => (3, BinaryOp::Equal),
        TokenKind::NotEqual => (3, BinaryOp::NotEqual),
        TokenKind::Less => (4, BinaryOp::Less),
        TokenKind::LessEqual => (4, BinaryOp::LessOrEqual),
        TokenKind::Greater => (4, BinaryOp::Greater),
        TokenKind::GreaterEqual => (4, BinaryOp::GreaterOrEqual),
        TokenKind::Plus => (5, BinaryOp::Add),
        TokenKind::Minus => (5, BinaryOp::Subtract),
        TokenKind::Star => (6, BinaryOp::Multiply),
        TokenKind::Slash => (6, BinaryOp::Divide),
        TokenKind::Percent => (6, BinaryOp::Modulo),
        _ => return None,
    })
}

impl Parser<'_> {
    /// Any expression.
    pub(super) fn expression(&mut self) -> Parsed<Expr> {
        self.nested(|p| {
            let condition = p.operation(1)?;
            if p.take(TokenKind::Question).is_none() { Ok(condition) } else { p.conditional(condition) }
        })
    }

    /// `condition ? then : otherwise` after the question mark. A chain, with another condition as the last operand, is
    /// read in a loop, so that it does not count as nested.
    fn conditional(&mut self, condition: Expr) -> Parsed<Expr> {
        let mut chain = Vec::new();
        let mut condition = condition;
        let mut height = self.height;
        loop {
            let then = self.expression()?;
            height = height.max(self.height);
            if self.take(TokenKind::Colon).is_none() {
                let detail = "A condition (a ? b : c) needs the value for the case that it is false, after a colon.";
                return Err(self.fail(self.peek(), "Missing false expression in conditional", detail));
            }
            chain.push((condition, then));
            condition = self.operation(1)?;
            height = height.max(self.height);
            if self.take(TokenKind::Question).is_none() {
                break;
            }
        }
        self.grow(height.saturating_add(chain.len() as u32))?;
        let last = condition;
        Ok(chain.into_iter().rfold(last, |otherwise, (condition, then)| {
            let range = condition.range.to(&otherwise.range);
            let (condition, then, otherwise) = (Box::new(condition), Box::new(then), Box::new(otherwise));
            Expr { kind: ExprKind::Conditional { condition, then, otherwise }, range }
        }))
    }

    /// Operands joined by operators that bind at least as strongly as `least`.
    fn operation(&mut self, least: u8) -> Parsed<Expr> {
        let mut left = self.operand()?;
        while let Some((strength, op)) = binary_operator(self.peek_kind()).filter(|(strength, _)| *strength >= least) {
            let height = self.height;
            self.read();
            let right = self.operation(strength + 1)?;
            self.grow(height.max(self.height))?;
            let range = left.range.to(&right.range);
            left = Expr { kind: ExprKind::Binary { op, left: Box::new(left), right: Box::new(right) }, range };
        }
        Ok(left)
    }

    /// A term with what follows it, perhaps negated.
    fn operand(&mut self) -> Parsed<Expr> {
        let op = match self.peek_kind() {
            TokenKind::Bang => UnaryOp::Not,
            TokenKind::Minus => UnaryOp::Negate,
            _ => {
                let term = self.term()?;
                return self.steps(term);
            }
        };
        let sign = self.read();
        let operand = self.nested(Self::operand)?;
        self.grow(self.height)?;
        let range = self.range_of(sign).to(&operand.range);
        Ok(Expr { kind: ExprKind::Unary { op, operand: Box::new(operand) }, range })
    }

    fn term(&mut self) -> Parsed<Expr> {
        let token = self.peek();
        self.height = 1;
        match token.kind {
            TokenKind::OpenParen => self.parenthesized(),
            TokenKind::OpenBracket => self.tuple(),
            TokenKind::OpenBrace => self.object(),
            TokenKind::OpenQuote => self.quoted_template(),
            TokenKind::OpenHeredoc => self.heredoc(),
            TokenKind::Number => {
                self.read();
                // What comes after it can still be read: a network without quotes is often not the only mistake.
                let value = match Number::parse(self.text(token)) {
                    Ok(number) => Value::number(number),
                    Err(_) => {
                        self.report(
                            self.range_of(token),
                            "Invalid number literal",
                            "This is not the form of a number.",
                        );
                        Value::unknown(Type::Number)
                    }
                };
                let kind = ExprKind::Literal(value);
                Ok(Expr { kind, range: self.range_of(token) })
            }
            TokenKind::Identifier => {
                self.read();
                if matches!(self.peek_kind(), TokenKind::OpenParen | TokenKind::DoubleColon) {
                    return self.call(token);
                }
                let range = self.range_of(token);
                let kind = match self.text(token) {
                    "true" => ExprKind::Literal(Value::bool(true)),
                    "false" => ExprKind::Literal(Value::bool(false)),
                    "null" => ExprKind::Literal(Value::null(Type::Dynamic)),
                    name => ExprKind::Traversal(Traversal {
                        root: name.into(),
                        root_range: range.clone(),
                        steps: Vec::new(),
                    }),
                };
                Ok(Expr { kind, range })
            }
            TokenKind::End => {
                Err(self.fail(token, "Missing expression", "The text ends where an expression should begin."))
            }
            _ => {
                Err(self.fail(token, "Invalid expression", "An expression should begin here, but this cannot be one."))
            }
        }
    }

    fn number(&mut self, token: Token) -> Parsed<Number> {
        Number::parse(self.text(token))
            .map_err(|_| self.fail(token, "Invalid number literal", "This is not the form of a number."))
    }

    fn parenthesized(&mut self) -> Parsed<Expr> {
        let open = self.read();
        let inner = self.with_newlines(false, |p| {
            let inner = p.expression();
            match p.peek() {
                _ if inner.is_err() => p.skip_past(TokenKind::CloseParen),
                next if next.kind == TokenKind::CloseParen => {}
                next => {
                    let detail = "The expression is over, but the parenthesis before it is not closed here.";
                    let range = p.range_of(next);
                    p.report(range.clone(), "Unbalanced parentheses", detail);
                    p.skip_past(TokenKind::CloseParen);
                    return Err(Failed);
                }
            }
            inner
        })?;
        let close = self.read_close();
        self.grow(self.height)?;
        Ok(Expr { kind: ExprKind::Parens(Box::new(inner)), range: self.range(open.start, close.end) })
    }

    /// Passes a closing token that [`Parser::peek`] has shown with newlines as blank space.
    pub(super) fn read_close(&mut self) -> Token {
        self.with_newlines(false, Self::read)
    }

    /// A function call after the first part of the name.
    fn call(&mut self, first: Token) -> Parsed<Expr> {
        let mut name = self.text(first).to_owned();
        let mut name_end = first.end;
        while self.take(TokenKind::DoubleColon).is_some() {
            let next = self.peek();
            if next.kind != TokenKind::Identifier {
                let detail = "After \"::\" stands the name of a function, or of a namespace of functions.";
                return Err(self.fail(next, "Missing function name", detail));
            }
            self.read();
            name.push_str("::");
            name.push_str(self.text(next));
            name_end = next.end;
        }
        let open = self.peek();
        if open.kind != TokenKind::OpenParen {
            let detail = "After the name of a function its arguments stand in parentheses.";
            return Err(self.fail(open, "Missing open parenthesis", detail));
        }
        self.read();
        let (args, expand_last, height) = self.with_newlines(false, |p| {
            let result = p.arguments(first, open);
            if result.is_err() {
                p.skip_past(TokenKind::CloseParen);
            }
            result
        })?;
        let close = self.read_close();
        self.grow(height)?;
        let call = Call {
            name: name.into(),
            name_range: self.range(first.start, name_end),
            args,
            expand_last,
            close_range: self.range_of(close),
        };
        Ok(Expr { kind: ExprKind::Call(call), range: self.range(first.start, close.end) })
    }

    /// Arguments up to the closing parenthesis, whether the last one is to be expanded, and the height of the highest.
    fn arguments(&mut self, name: Token, open: Token) -> Parsed<(Vec<Expr>, bool, u32)> {
        let mut args = Vec::new();
        let mut height = 0;
        while self.peek_kind() != TokenKind::CloseParen {
            args.push(self.expression()?);
            height = height.max(self.height);
            let next = self.peek();
            match next.kind {
                TokenKind::CloseParen => {}
                TokenKind::Comma => {
                    self.read();
                }
                TokenKind::Ellipsis => {
                    self.read();
                    let after = self.peek();
                    if after.kind != TokenKind::CloseParen {
                        let detail = "An argument that is expanded (with \"...\") is the last one: the closing parenthesis \
                                      comes right after it.";
                        return Err(self.fail(after, "Missing closing parenthesis", detail));
                    }
                    return Ok((args, true, height));
                }
                TokenKind::End => {
                    let detail = "The file ends before the parenthesis that closes this call. A parenthesis may be missing \
                                  further down, too.";
                    let range = self.range(name.start, open.end);
                    return Err(self.fail_range(range, "Unterminated function call", detail));
                }
                _ => {
                    let detail = "The arguments of a function are separated by commas.";
                    return Err(self.fail(next, "Missing argument separator", detail));
                }
            }
        }
        Ok((args, false, height))
    }

    /// `.name`, `[key]`, `.*` and so on, after a term.
    fn steps(&mut self, mut expr: Expr) -> Parsed<Expr> {
        loop {
            let next = self.peek();
            expr = match next.kind {
                TokenKind::Dot => {
                    self.read();
                    if let Some(star) = self.take(TokenKind::Star) {
                        self.attribute_splat(expr, next, star)?
                    } else {
                        let step = self.attribute_step(next)?;
                        self.step(expr, step)?
                    }
                }
                TokenKind::OpenBracket => {
                    self.read();
                    if self.with_newlines(false, |p| p.take(TokenKind::Star)).is_some() {
                        return self.full_splat(expr, next);
                    }
                    self.index(expr, next)?
                }
                _ => return Ok(expr),
            };
        }
    }

    /// `name` or the old form of an index, `0`, after the dot.
    fn attribute_step(&mut self, dot: Token) -> Parsed<TraversalStep> {
        let token = self.peek();
        match token.kind {
            TokenKind::Identifier => {
                self.read();
                Ok(TraversalStep::Attribute(self.text(token).into(), self.range(dot.start, token.end)))
            }
            TokenKind::Number => {
                self.read();
                let text = self.text(token);
                if text.contains('.') {
                    let detail = format!("Write indexes in brackets: [{}].", text.replace('.', "]["));
                    return Err(self.fail(token, "Invalid legacy index syntax", detail));
                }
                let index = Value::number(self.number(token)?);
                Ok(TraversalStep::Index(index, self.range(dot.start, token.end)))
            }
            _ => Err(self.fail(token, "Invalid attribute name", "After a dot stands the name of an attribute.")),
        }
    }

    /// The expression with one more step.
    fn step(&mut self, mut expr: Expr, step: TraversalStep) -> Parsed<Expr> {
        let range = expr.range.to(step.range());
        match &mut expr.kind {
            ExprKind::Traversal(Traversal { steps, .. }) | ExprKind::RelativeTraversal { steps, .. } => {
                steps.push(step);
                Ok(Expr { kind: expr.kind, range })
            }
            _ => {
                self.grow(self.height)?;
                let kind = ExprKind::RelativeTraversal { source: Box::new(expr), steps: vec![step] };
                Ok(Expr { kind, range })
            }
        }
    }

    /// `key]` after the opening bracket.
    fn index(&mut self, collection: Expr, open: Token) -> Parsed<Expr> {
        let height = self.height;
        let key = self.with_newlines(false, |p| {
            let key = p.expression();
            let next = p.peek();
            if key.is_ok() && next.kind != TokenKind::CloseBracket {
                p.fail(next, "Missing close bracket on index", "After the key stands a closing bracket.");
            } else if key.is_ok() {
                return key;
            }
            p.skip_past(TokenKind::CloseBracket);
            Err(Failed)
        })?;
        let close = self.read_close();
        if let ExprKind::Literal(literal) = &key.kind
            && (literal.as_str().is_some() || literal.as_number().is_some())
        {
            self.height = height;
            return self.step(collection, TraversalStep::Index(literal.clone(), self.range(open.start, close.end)));
        }
        self.grow(height.max(self.height))?;
        let range = self.range(collection.range.start, close.end);
        Ok(Expr { kind: ExprKind::Index { collection: Box::new(collection), key: Box::new(key) }, range })
    }

    /// `.*` and the attributes after it; any index that follows is one of the result.
    fn attribute_splat(&mut self, source: Expr, dot: Token, star: Token) -> Parsed<Expr> {
        let marker = self.range(dot.start, star.end);
        let height = self.height;
        let mut each = Expr { kind: ExprKind::SplatItem, range: marker.clone() };
        self.height = 1;
        while let Some(dot) = self.take(TokenKind::Dot) {
            let next = self.peek();
            if next.kind == TokenKind::Star {
                let detail = "After \".*\" only attributes can follow. Use \"[*]\" instead.";
                return Err(self.fail(next, "Nested splat expression not allowed", detail));
            }
            let step = self.attribute_step(dot)?;
            each = self.step(each, step)?;
        }
        self.grow(height.max(self.height))?;
        let range = source.range.to(&each.range);
        Ok(Expr { kind: ExprKind::Splat { source: Box::new(source), each: Box::new(each), marker }, range })
    }

    /// `]` after `[*`, and all steps after it, which are taken of each element.
    fn full_splat(&mut self, source: Expr, open: Token) -> Parsed<Expr> {
        let close = self.with_newlines(false, |p| p.peek());
        if close.kind != TokenKind::CloseBracket {
            self.fail(close, "Missing close bracket on splat index", "After \"[*\" stands a closing bracket.");
            self.skip_past(TokenKind::CloseBracket);
            return Err(Failed);
        }
        self.read_close();
        let marker = self.range(open.start, close.end);
        let height = std::mem::replace(&mut self.height, 1);
        let item = Expr { kind: ExprKind::SplatItem, range: marker.clone() };
        let each = self.nested(|p| p.steps(item))?;
        self.grow(height.max(self.height))?;
        let range = source.range.to(&each.range);
        Ok(Expr { kind: ExprKind::Splat { source: Box::new(source), each: Box::new(each), marker }, range })
    }
}
