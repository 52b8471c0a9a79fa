//! The syntax tree: expressions, bodies, blocks, all with their source ranges.

use std::sync::Arc;

use infra_diag::SourceRange;
use infra_value::Value;

/// An expression and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// From its first to its last character.
    pub range: SourceRange,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number, `true`, `false`, `null`, or a quoted text or heredoc without any template sequence.
    Literal(Value),
    /// A quoted text or heredoc with template sequences; the result is a string.
    Template(Vec<TemplatePart>),
    /// A quoted text that is a single interpolation, `"${x}"`: the value itself, not converted to a string.
    TemplateWrap(Box<Expr>),
    /// `(x)`
    Parens(Box<Expr>),
    /// `root.a.b[0]["k"]`: a name, and the steps whose keys are literal.
    Traversal(Traversal),
    /// Steps with literal keys after any other expression: `f(x).a[0]`.
    RelativeTraversal {
        /// What is stepped into.
        source: Box<Expr>,
        /// At least one.
        steps: Vec<TraversalStep>,
    },
    /// `collection[key]` with a key that is not literal.
    Index {
        /// What is indexed.
        collection: Box<Expr>,
        /// By what.
        key: Box<Expr>,
    },
    /// `source.*.x` or `source[*].x`. `each` is evaluated for each element, which [`ExprKind::SplatItem`] stands for.
    Splat {
        /// What is iterated.
        source: Box<Expr>,
        /// What to take of each element.
        each: Box<Expr>,
        /// The range of `.*` or `[*]`.
        marker: SourceRange,
    },
    /// The element of the innermost splat.
    SplatItem,
    /// `name(args)`; the name may have a namespace: `provider::aws::arn_parse`.
    Call(Call),
    /// `!x`, `-x`
    Unary {
        /// The operator.
        op: UnaryOp,
        /// Its operand.
        operand: Box<Expr>,
    },
    /// `left op right`
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left operand.
        left: Box<Expr>,
        /// Right operand.
        right: Box<Expr>,
    },
    /// `condition ? then : otherwise`
    Conditional {
        /// What decides.
        condition: Box<Expr>,
        /// If true.
        then: Box<Expr>,
        /// If false.
        otherwise: Box<Expr>,
    },
    /// `[a, b]`
    Tuple(Vec<Expr>),
    /// `{ a = b }`; a key that is a bare name is a [`ExprKind::Literal`] text.
    Object(Vec<ObjectItem>),
    /// `[for …]`, `{for …}`
    For(Box<For>),
}

/// One `key = value` of an object constructor.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectItem {
    /// The key.
    pub key: Expr,
    /// The value.
    pub value: Expr,
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The function's name, with its namespace.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_range: SourceRange,
    /// The arguments.
    pub args: Vec<Expr>,
    /// Whether the last argument is followed by `...`.
    pub expand_last: bool,
    /// From the closing parenthesis to its end.
    pub close_range: SourceRange,
}

/// A `for` expression.
#[derive(Clone, Debug, PartialEq)]
pub struct For {
    /// The name for the key or index, if given.
    pub key_name: Option<Arc<str>>,
    /// The name for the element.
    pub value_name: Arc<str>,
    /// What is iterated.
    pub collection: Expr,
    /// `{for … : key => …}`; `None` in `[for …]`.
    pub key: Option<Expr>,
    /// The result for each element.
    pub value: Expr,
    /// `if …`
    pub condition: Option<Expr>,
    /// `...` after the value: values of equal keys are grouped.
    pub group: bool,
    /// Whether it is written in `[ ]` (a tuple) rather than `{ }`.
    pub open_range: SourceRange,
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq)]
pub enum TemplatePart {
    /// Text as it is (escapes resolved, whitespace trimmed by `~` markers).
    Literal(Arc<str>, SourceRange),
    /// `${x}`
    Interpolation(Expr),
    /// `%{if c}…%{else}…%{endif}`
    If {
        /// What decides.
        condition: Expr,
        /// If true.
        then: Vec<TemplatePart>,
        /// If false; empty if there is no `%{else}`.
        otherwise: Vec<TemplatePart>,
        /// From `%{if` to the end of `%{endif}`.
        range: SourceRange,
    },
    /// `%{for k, v in c}…%{endfor}`
    For {
        /// The name for the key or index, if given.
        key_name: Option<Arc<str>>,
        /// The name for the element.
        value_name: Arc<str>,
        /// What is iterated.
        collection: Expr,
        /// What is repeated.
        body: Vec<TemplatePart>,
        /// From `%{for` to the end of `%{endfor}`.
        range: SourceRange,
    },
}

/// A name and steps from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Traversal {
    /// The first name.
    pub root: Arc<str>,
    /// Where the first name stands.
    pub root_range: SourceRange,
    /// The steps, perhaps none.
    pub steps: Vec<TraversalStep>,
}

impl Traversal {
    /// From the first name to the end of the last step.
    pub fn range(&self) -> SourceRange {
        match self.steps.last() {
            Some(last) => self.root_range.to(last.range()),
            None => self.root_range.clone(),
        }
    }
}

/// One step of a traversal.
#[derive(Clone, Debug, PartialEq)]
pub enum TraversalStep {
    /// `.name`
    Attribute(Arc<str>, SourceRange),
    /// `["k"]`, `[0]`, and the old form `.0`; the key is a literal string or number.
    Index(Value, SourceRange),
}

impl TraversalStep {
    /// Where the step stands, with its dot or brackets.
    pub fn range(&self) -> &SourceRange {
        match self {
            TraversalStep::Attribute(_, range) | TraversalStep::Index(_, range) => range,
        }
    }
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `!`
    Not,
    /// `-`
    Negate,
}

/// Operators with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Modulo,
}

/// `name = expression`
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub name: Arc<str>,
    /// Where the name stands.
    pub name_range: SourceRange,
    /// Its expression.
    pub expr: Expr,
    /// All of it.
    pub range: SourceRange,
}

/// `type "label" { … }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its type: `resource`, `ingress`, …
    pub ty: Arc<str>,
    /// Where the type stands.
    pub ty_range: SourceRange,
    /// Its labels.
    pub labels: Vec<Label>,
    /// What is in the braces.
    pub body: Body,
    /// From the type to the last label: where messages about the whole block point to.
    pub header_range: SourceRange,
}

/// A label of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// Its text.
    pub text: Arc<str>,
    /// Where it stands, with its quotes.
    pub range: SourceRange,
}

/// The inside of a file or a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// In native syntax.
    Native(NativeBody),
    /// In JSON, where only a schema tells attributes from blocks.
    Json(super::json::JsonBody),
    /// In one of them, with an override in the other one.
    Overridden(std::sync::Arc<Overridden>),
}

/// A body and what an override file says of the same block, which counts where both say something.
#[derive(Clone, Debug, PartialEq)]
pub struct Overridden {
    /// What is overridden.
    pub base: Body,
    /// What overrides it.
    pub over: Body,
    /// Types of blocks that are not replaced by the override's, but merged with them.
    pub merged: &'static [&'static str],
}

/// Attributes and blocks as they are written in native syntax.
#[derive(Clone, Debug, PartialEq)]
pub struct NativeBody {
    /// In source order; a name stands there once (a repetition is an error of the parser).
    pub attributes: Vec<Attribute>,
    /// In source order.
    pub blocks: Vec<Block>,
    /// All of it, with the braces if it has some.
    pub range: SourceRange,
    /// Where a missing attribute would be reported: the opening brace's place on the block's header, or the file's start.
    pub missing_item_range: SourceRange,
}
