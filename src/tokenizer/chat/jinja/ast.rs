//! The syntax tree of a template.
//!
//! Look first at [`Statement`] and [`ExprKind`]. What stands side by side in the source is one flat node (a sum of a
//! thousand terms is one [`ExprKind::Arithmetic`], a chain of filters one [`ExprKind::Suffixed`]), so the tree is only as
//! deep as brackets and blocks are. It is made of plain data and knows nothing of how it is run.

use super::value::Value;
use super::value::number::Operator;
use std::sync::Arc;

/// A parsed template: its statements, and its macros in the order of the source.
#[derive(Debug)]
pub(super) struct Ast {
    pub(super) body: Vec<Statement>,
    pub(super) macros: Vec<Macro>,
}

/// `{% macro name(params) %}body{% endmacro %}`, or the body of a `{% call %}` (its name is `caller`).
#[derive(Debug)]
pub(super) struct Macro {
    pub(super) name: Arc<str>,
    pub(super) params: Vec<(Arc<str>, Option<Expr>)>,
    pub(super) body: Vec<Statement>,
    /// Does the body read `varargs`, `kwargs`, `caller`? Only then may a call give such arguments.
    pub(super) reads: Reads,
}

/// Which of the special names the body of a macro reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reads {
    pub(super) varargs: bool,
    pub(super) kwargs: bool,
    pub(super) caller: bool,
}

/// One statement.
#[derive(Debug)]
pub(super) enum Statement {
    /// Text between the tags, and the byte at which it begins.
    Text(u32, Box<str>),
    /// `{{ expression }}`.
    Print(Expr),
    If {
        branches: Vec<(Expr, Vec<Statement>)>,
        otherwise: Vec<Statement>,
    },
    For(Box<For>),
    Break,
    Continue,
    Set(Target, Expr),
    /// `{% set name %}body{% endset %}`, with the filters behind the name.
    SetBlock(Target, Vec<Suffix>, Vec<Statement>),
    With(Vec<(Target, Expr)>, Vec<Statement>),
    FilterBlock(Vec<Suffix>, Vec<Statement>),
    /// A macro is defined: its index in [`Ast::macros`].
    Macro(usize),
    /// `{% call expression %}`; the index of its body in [`Ast::macros`].
    Call(usize, Expr),
    /// `{% generation %}body{% endgeneration %}` marks what the assistant said; it prints its body.
    Generation(Vec<Statement>),
}

/// `{% for target in iterable if condition %}body{% else %}otherwise{% endfor %}`.
#[derive(Debug)]
pub(super) struct For {
    pub(super) target: Target,
    pub(super) iterable: Expr,
    pub(super) condition: Option<Expr>,
    pub(super) body: Vec<Statement>,
    pub(super) otherwise: Vec<Statement>,
}

/// What a value is assigned to.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) at: u32,
    pub(super) kind: TargetKind,
}

/// The kinds of targets.
#[derive(Debug)]
pub(super) enum TargetKind {
    Name(Arc<str>),
    /// `namespace.attribute`.
    Attribute(Arc<str>, Arc<str>),
    Tuple(Vec<Target>),
}

/// An expression and the byte at which it begins.
#[derive(Debug)]
pub(super) struct Expr {
    pub(super) at: u32,
    pub(super) kind: ExprKind,
}

/// The kinds of expressions.
#[derive(Debug)]
pub(super) enum ExprKind {
    Literal(Value),
    Name(Arc<str>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Dict(Vec<(Expr, Expr)>),
    /// `value if condition else …`: pairs of condition and value, then what holds otherwise.
    Conditional(Vec<(Expr, Expr)>, Option<Box<Expr>>),
    Or(Vec<Expr>),
    And(Vec<Expr>),
    Not(Box<Expr>),
    /// `a < b < c`, as in Python: `a < b and b < c`.
    Compare(Box<Expr>, Vec<(u32, Comparison, Expr)>),
    /// Operators of one precedence, from left to right.
    Arithmetic(Box<Expr>, Vec<(u32, Operator, Expr)>),
    /// `a ~ b ~ c`: all as text.
    Concat(Vec<Expr>),
    Negative(Box<Expr>),
    Positive(Box<Expr>),
    /// What follows a value: `.name`, `[…]`, `(…)`, `|filter`, `is test`.
    Suffixed(Box<Expr>, Vec<Suffix>),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

/// One thing behind a value.
#[derive(Debug)]
pub(super) struct Suffix {
    pub(super) at: u32,
    pub(super) kind: SuffixKind,
}

/// The kinds of suffixes.
#[derive(Debug)]
pub(super) enum SuffixKind {
    Attribute(Arc<str>),
    Item(Expr),
    Slice(Box<[Option<Expr>; 3]>),
    Call(Arguments),
    Filter(Arc<str>, Arguments),
    Test { name: Arc<str>, arguments: Arguments, negated: bool },
}

/// The arguments of a call: `f(a, b, *more, name=c, **named)`.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Expr>,
    pub(super) spread: Option<Box<Expr>>,
    pub(super) named: Vec<(Arc<str>, Expr)>,
    pub(super) spread_named: Option<Box<Expr>>,
}
