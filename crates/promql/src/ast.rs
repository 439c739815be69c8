//! The tree of a query.
//!
//! ## Model
//! [`Expr`] is an owned tree; parsing makes it and nobody changes it afterwards. Each node knows
//! the bytes of the text that it stands for. `Display` writes the canonical form, [`Expr::pretty`]
//! the form for people (both in `printer`), and [`Expr::value_type`] says what it evaluates to.
//!
//! ## Invariants
//! A tree that [`crate::parse`] gives out is well typed: the operands of each node have the types
//! that the node wants, and [`Binary::matching`] is there exactly where both sides are vectors.
//! A tree is at most [`crate::parser::DEPTH_MAX`] levels deep.

use bellwether_model::Matcher;

use crate::functions::Function;

/// A range of bytes of a text, `end` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PosRange {
    /// First byte.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
}

impl PosRange {
    /// The range from `start` up to `end`.
    #[must_use]
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// From the start of this range to the end of `last`.
    #[must_use]
    pub const fn to(self, last: Self) -> Self {
        Self {
            start: self.start,
            end: last.end,
        }
    }
}

/// What an expression evaluates to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A number.
    Scalar,
    /// One sample of each of many series.
    Vector,
    /// Many samples of each of many series.
    Matrix,
    /// A string.
    String,
}

impl ValueType {
    /// The name in the HTTP API: `scalar`, `vector`, `matrix`, `string`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "vector",
            Self::Matrix => "matrix",
            Self::String => "string",
        }
    }

    /// The name in messages and documents: `instant vector`, `range vector`.
    #[must_use]
    pub const fn documented(self) -> &'static str {
        match self {
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            other => other.as_str(),
        }
    }
}

/// An operator between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Mod,
    /// `^`
    Pow,
    /// `atan2`
    Atan2,
    /// `==`
    Equal,
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
    /// `</`: cuts a histogram off above a number.
    TrimUpper,
    /// `>/`: cuts a histogram off below a number.
    TrimLower,
    /// `and`
    And,
    /// `or`
    Or,
    /// `unless`
    Unless,
}

impl BinaryOp {
    /// The operator as written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Mod => "%",
            Self::Pow => "^",
            Self::Atan2 => "atan2",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::TrimUpper => "</",
            Self::TrimLower => ">/",
            Self::And => "and",
            Self::Or => "or",
            Self::Unless => "unless",
        }
    }

    /// `==`, `!=`, `<`, `<=`, `>`, `>=`.
    #[must_use]
    pub const fn is_comparison(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessEqual
                | Self::Greater
                | Self::GreaterEqual
        )
    }

    /// `and`, `or`, `unless`.
    #[must_use]
    pub const fn is_set(self) -> bool {
        matches!(self, Self::And | Self::Or | Self::Unless)
    }
}

/// An aggregation over the elements of a vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AggregateOp {
    /// `avg`
    Avg,
    /// `bottomk`
    Bottomk,
    /// `count`
    Count,
    /// `count_values`
    CountValues,
    /// `group`
    Group,
    /// `limit_ratio`, experimental
    LimitRatio,
    /// `limitk`, experimental
    Limitk,
    /// `max`
    Max,
    /// `min`
    Min,
    /// `quantile`
    Quantile,
    /// `stddev`
    Stddev,
    /// `stdvar`
    Stdvar,
    /// `sum`
    Sum,
    /// `topk`
    Topk,
}

impl AggregateOp {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Avg,
        Self::Bottomk,
        Self::Count,
        Self::CountValues,
        Self::Group,
        Self::LimitRatio,
        Self::Limitk,
        Self::Max,
        Self::Min,
        Self::Quantile,
        Self::Stddev,
        Self::Stdvar,
        Self::Sum,
        Self::Topk,
    ];

    /// The name as written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg",
            Self::Bottomk => "bottomk",
            Self::Count => "count",
            Self::CountValues => "count_values",
            Self::Group => "group",
            Self::LimitRatio => "limit_ratio",
            Self::Limitk => "limitk",
            Self::Max => "max",
            Self::Min => "min",
            Self::Quantile => "quantile",
            Self::Stddev => "stddev",
            Self::Stdvar => "stdvar",
            Self::Sum => "sum",
            Self::Topk => "topk",
        }
    }

    /// Whether it takes a parameter before the vector.
    #[must_use]
    pub const fn has_param(self) -> bool {
        matches!(
            self,
            Self::Bottomk
                | Self::CountValues
                | Self::LimitRatio
                | Self::Limitk
                | Self::Quantile
                | Self::Topk
        )
    }

    /// Whether it needs [`crate::Features::experimental_functions`].
    #[must_use]
    pub const fn is_experimental(self) -> bool {
        matches!(self, Self::LimitRatio | Self::Limitk)
    }
}

/// The sign before an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Minus,
}

impl UnaryOp {
    /// The sign as written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plus => "+",
            Self::Minus => "-",
        }
    }
}

/// The modifier `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AtModifier {
    /// A time in milliseconds.
    Time(i64),
    /// The start of the query: `@ start()`.
    Start,
    /// The end of the query: `@ end()`.
    End,
}

/// The modifiers of a range selector that reach beyond its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RangeExtension {
    /// `anchored`: the samples at the window's ends are taken from before them.
    Anchored,
    /// `smoothed`: the values at the window's ends are interpolated.
    Smoothed,
}

/// A number, written as such or as a duration.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberLiteral {
    /// The number; seconds where it is a duration.
    pub value: f64,
    /// Written as a duration, such as `5m`.
    pub is_duration: bool,
    /// Bytes of the text.
    pub range: PosRange,
}

/// A string.
#[derive(Debug, Clone, PartialEq)]
pub struct StringLiteral {
    /// The string, without quotes and escapes.
    pub value: String,
    /// The bytes, where escapes make some that are not UTF-8: `value` then has replacement
    /// characters in their place.
    pub invalid_utf8: Option<Box<[u8]>>,
    /// Bytes of the text, quotes included.
    pub range: PosRange,
}

impl StringLiteral {
    /// The string between double quotes, with everything escaped that does not print.
    #[must_use]
    pub fn quoted(&self) -> String {
        match &self.invalid_utf8 {
            Some(bytes) => crate::quote::QuotedBytes(bytes).to_string(),
            None => crate::quote::quoted(&self.value).to_string(),
        }
    }
}

/// An expression that gives a duration when the query's range and step are known.
#[derive(Debug, Clone, PartialEq)]
pub struct DurationExpr {
    /// What it is.
    pub kind: DurationKind,
    /// Whether it stands in parentheses.
    pub wrapped: bool,
    /// Bytes of the text.
    pub range: PosRange,
}

/// What a [`DurationExpr`] is.
#[derive(Debug, Clone, PartialEq)]
pub enum DurationKind {
    /// Seconds.
    Number(NumberLiteral),
    /// `step()`: the step of the query; 0 for an instant query.
    Step,
    /// `range()`: from the start to the end of the query.
    Range,
    /// `min_of(a, b)`
    MinOf(Box<DurationExpr>, Box<DurationExpr>),
    /// `max_of(a, b)`
    MaxOf(Box<DurationExpr>, Box<DurationExpr>),
    /// A sign. A plus stands only where a bare number in parentheses is kept apart.
    Unary(UnaryOp, Box<DurationExpr>),
    /// One of `+ - * / % ^`.
    Binary(BinaryOp, Box<DurationExpr>, Box<DurationExpr>),
}

/// A selection of series, one sample of each.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSelector {
    /// The metric name where it stands before the braces; else empty.
    pub name: String,
    /// All conditions; the one on [`VectorSelector::name`] is the last.
    pub matchers: Vec<Matcher>,
    /// How far to go back, in milliseconds; 0 where [`VectorSelector::offset_expr`] is there.
    pub offset_ms: i64,
    /// How far to go back, where it must be computed. Gives seconds.
    pub offset_expr: Option<Box<DurationExpr>>,
    /// Fixed time of the evaluation.
    pub at: Option<AtModifier>,
    /// `anchored` or `smoothed`.
    pub extension: Option<RangeExtension>,
    /// Whether it is the second argument of `info()`, which may select anything.
    pub is_info_selector: bool,
    /// Bytes of the text, modifiers included.
    pub range: PosRange,
}

/// A selection of series, all samples of a window. Its offset and `@` are those of the selector.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSelector {
    /// Which series, and when.
    pub selector: VectorSelector,
    /// Width of the window, in milliseconds; 0 where [`MatrixSelector::window_expr`] is there.
    pub window_ms: i64,
    /// Width of the window, where it must be computed. Gives seconds.
    pub window_expr: Option<Box<DurationExpr>>,
    /// Bytes of the text, modifiers included.
    pub range: PosRange,
}

/// An expression evaluated over a window of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Subquery {
    /// What is evaluated; an instant vector.
    pub expr: Expr,
    /// Width of the window, in milliseconds; 0 where [`Subquery::window_expr`] is there.
    pub window_ms: i64,
    /// Width of the window, where it must be computed. Gives seconds.
    pub window_expr: Option<Box<DurationExpr>>,
    /// Step in milliseconds; 0 where it is computed, or the engine's default is meant.
    pub step_ms: i64,
    /// Step, where it must be computed. Gives seconds.
    pub step_expr: Option<Box<DurationExpr>>,
    /// How far to go back, in milliseconds.
    pub offset_ms: i64,
    /// How far to go back, where it must be computed. Gives seconds.
    pub offset_expr: Option<Box<DurationExpr>>,
    /// Fixed time of the evaluation.
    pub at: Option<AtModifier>,
    /// Bytes of the text, modifiers included.
    pub range: PosRange,
}

/// A call of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// What it is called with; number and types fit the function.
    pub args: Vec<Expr>,
    /// Bytes of the text.
    pub range: PosRange,
}

/// An aggregation.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// How to aggregate.
    pub op: AggregateOp,
    /// What to aggregate; an instant vector.
    pub expr: Expr,
    /// The parameter, for those that have one: a string for `count_values`, else a scalar.
    pub param: Option<Expr>,
    /// Labels that groups are made by, as written.
    pub grouping: Vec<String>,
    /// Whether groups are made by all labels but these.
    pub without: bool,
    /// Bytes of the text.
    pub range: PosRange,
}

/// How many elements of one side belong to how many of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MatchCardinality {
    /// One to one: the default.
    OneToOne,
    /// `group_left`
    ManyToOne,
    /// `group_right`
    OneToMany,
    /// The set operators.
    ManyToMany,
}

impl MatchCardinality {
    /// The name in the HTTP API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneToOne => "one-to-one",
            Self::ManyToOne => "many-to-one",
            Self::OneToMany => "one-to-many",
            Self::ManyToMany => "many-to-many",
        }
    }
}

/// Values that stand in for elements without a partner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FillValues {
    /// Stands in on the left (`fill_left`, `fill`).
    pub left: Option<f64>,
    /// Stands in on the right (`fill_right`, `fill`).
    pub right: Option<f64>,
}

/// How the elements of two vectors find each other.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorMatching {
    /// How many belong to how many.
    pub card: MatchCardinality,
    /// Labels that are compared ([`VectorMatching::on`]) or left out.
    pub labels: Vec<String>,
    /// Whether only [`VectorMatching::labels`] are compared.
    pub on: bool,
    /// Labels taken over from the "one" side.
    pub include: Vec<String>,
    /// Stand-ins.
    pub fill: FillValues,
}

impl Default for VectorMatching {
    fn default() -> Self {
        Self {
            card: MatchCardinality::OneToOne,
            labels: Vec::new(),
            on: false,
            include: Vec::new(),
            fill: FillValues::default(),
        }
    }
}

/// Two expressions and an operator between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Binary {
    /// The operator.
    pub op: BinaryOp,
    /// Left side.
    pub lhs: Expr,
    /// Right side.
    pub rhs: Expr,
    /// How elements match; there exactly where both sides are vectors.
    pub matching: Option<VectorMatching>,
    /// Whether a comparison gives 0 or 1 instead of filtering.
    pub return_bool: bool,
}

/// A sign before an expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Unary {
    /// The sign.
    pub op: UnaryOp,
    /// What it stands before.
    pub expr: Expr,
    /// First byte of the text.
    pub start: u32,
}

/// An expression in parentheses.
#[derive(Debug, Clone, PartialEq)]
pub struct Paren {
    /// What stands in them.
    pub expr: Expr,
    /// Bytes of the text, parentheses included.
    pub range: PosRange,
}

/// A query, or a part of one.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number.
    Number(NumberLiteral),
    /// A string.
    String(StringLiteral),
    /// A selection of one sample each.
    Vector(Box<VectorSelector>),
    /// A selection of windows.
    Matrix(Box<MatrixSelector>),
    /// A query over a window.
    Subquery(Box<Subquery>),
    /// A function.
    Call(Box<Call>),
    /// An aggregation.
    Aggregate(Box<Aggregate>),
    /// An operator between two.
    Binary(Box<Binary>),
    /// A sign.
    Unary(Box<Unary>),
    /// Parentheses.
    Paren(Box<Paren>),
}

impl Expr {
    /// What it evaluates to.
    #[must_use]
    pub fn value_type(&self) -> ValueType {
        match self {
            Self::Number(_) => ValueType::Scalar,
            Self::String(_) => ValueType::String,
            Self::Vector(_) | Self::Aggregate(_) => ValueType::Vector,
            Self::Matrix(_) | Self::Subquery(_) => ValueType::Matrix,
            Self::Call(call) => call.function.returns,
            Self::Binary(binary) => {
                let scalar = |side: &Self| side.value_type() == ValueType::Scalar;
                if scalar(&binary.lhs) && scalar(&binary.rhs) {
                    ValueType::Scalar
                } else {
                    ValueType::Vector
                }
            }
            Self::Unary(unary) => unary.expr.value_type(),
            Self::Paren(paren) => paren.expr.value_type(),
        }
    }

    /// The bytes of the text that it stands for.
    #[must_use]
    pub fn range(&self) -> PosRange {
        match self {
            Self::Number(node) => node.range,
            Self::String(node) => node.range,
            Self::Vector(node) => node.range,
            Self::Matrix(node) => node.range,
            Self::Subquery(node) => node.range,
            Self::Call(node) => node.range,
            Self::Aggregate(node) => node.range,
            Self::Binary(node) => node.lhs.range().to(node.rhs.range()),
            Self::Unary(node) => PosRange::new(node.start, node.expr.range().end),
            Self::Paren(node) => node.range,
        }
    }

    /// The expression inside of all parentheses around it.
    #[must_use]
    pub fn unwrap_parens(&self) -> &Self {
        let mut expr = self;
        while let Self::Paren(paren) = expr {
            expr = &paren.expr;
        }
        expr
    }

    /// The nodes directly below, in the order of upstream's traversal (an aggregation's operand
    /// comes before its parameter).
    #[must_use]
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(node) => vec![&node.expr],
            Self::Call(node) => node.args.iter().collect(),
            Self::Aggregate(node) => std::iter::once(&node.expr)
                .chain(node.param.as_ref())
                .collect(),
            Self::Binary(node) => vec![&node.lhs, &node.rhs],
            Self::Unary(node) => vec![&node.expr],
            Self::Paren(node) => vec![&node.expr],
        }
    }

    /// [`Expr::children`], to be changed.
    pub fn children_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Number(_) | Self::String(_) | Self::Vector(_) | Self::Matrix(_) => Vec::new(),
            Self::Subquery(node) => vec![&mut node.expr],
            Self::Call(node) => node.args.iter_mut().collect(),
            Self::Aggregate(node) => std::iter::once(&mut node.expr)
                .chain(node.param.as_mut())
                .collect(),
            Self::Binary(node) => vec![&mut node.lhs, &mut node.rhs],
            Self::Unary(node) => vec![&mut node.expr],
            Self::Paren(node) => vec![&mut node.expr],
        }
    }

    /// The conditions of all selectors in it, in the order of the text.
    #[must_use]
    pub fn selectors(&self) -> Vec<&VectorSelector> {
        fn collect<'a>(expr: &'a Expr, found: &mut Vec<&'a VectorSelector>) {
            match expr {
                Expr::Vector(node) => found.push(node),
                Expr::Matrix(node) => found.push(&node.selector),
                other => {
                    for child in other.children() {
                        collect(child, found);
                    }
                }
            }
        }
        let mut found = Vec::new();
        collect(self, &mut found);
        found
    }
}
