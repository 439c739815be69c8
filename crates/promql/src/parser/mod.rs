//! From tokens to a tree.
//!
//! ## Model
//! One token of lookahead, one function for each construct, and precedence climbing for operators.
//! Errors of grammar end the parse; errors of meaning (an unknown function, an offset set twice)
//! are noted and the parse goes on. Of all errors the first is reported, as Prometheus does, and
//! in its words.
//!
//! ## Limits
//! A tree deeper than [`DEPTH_MAX`] is refused, so that neither parser nor evaluator can exhaust
//! the stack. Positions are 32 bits wide: a text is at most [`TEXT_BYTES_MAX`] long.

mod duration;
mod lexer;
mod number;
mod selector;
mod series;
mod typecheck;

#[cfg(test)]
mod tests;

use bellwether_model::Matcher;

use crate::ast::{
    Aggregate, AggregateOp, Binary, BinaryOp, Call, Expr, FillValues, MatchCardinality,
    NumberLiteral, Paren, PosRange, StringLiteral, Unary, UnaryOp, VectorMatching, VectorSelector,
};
use crate::functions::{self, Function};
use crate::quote::{quoted, quoted_short, unquoted, unquoted_bytes};
use crate::{Features, ParseError};
pub use lexer::KEYWORDS;
use lexer::{Kind, Lexer, Token};
pub(crate) use number::{parse_duration_text, parse_number};
pub(crate) use series::{SeriesPart, parse_series_labels};

/// Deepest tree: an operator between two expressions counts one level, all else two. Measured: an
/// evaluation takes up to 4 KiB of stack for an operator and 8 KiB for an aggregation, and must fit
/// into the 2 MiB of a worker thread (`tests/depth.rs`).
pub const DEPTH_MAX: u32 = 384;

/// Most functions for nested constructs on the stack: each makes at least two levels, but for
/// signs and powers, which nobody writes so many of.
const NESTING_MAX: u32 = DEPTH_MAX / 2;

/// Longest text of a query in bytes. Chosen: far above any real query.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Reads a query and checks its types.
///
/// # Errors
/// The first thing that is wrong, with its position.
pub fn parse(query: &str, features: &Features) -> Result<Expr, ParseError> {
    let mut parser = Parser::new(query, features)?;
    let parsed = parser.whole_expression();
    let mut expr = parser.finish(parsed)?;
    let mut errors = Vec::new();
    typecheck::check(query, &mut expr, &mut errors);
    match errors.into_iter().next() {
        Some(error) => Err(error),
        None => Ok(expr),
    }
}

/// Reads a selector of series, such as `up{job="api"}`, for the parameter `match[]`.
///
/// # Errors
/// The first thing that is wrong, with its position. A selector that selects everything is no
/// error here.
pub fn parse_metric_selector(text: &str) -> Result<Vec<Matcher>, ParseError> {
    let features = Features::default();
    let mut parser = Parser::new(text, &features)?;
    let parsed = parser.whole_selector();
    Ok(parser.finish(parsed)?.matchers)
}

/// The parse cannot go on; why is in [`Parser::errors`].
struct Stop;

type Parsed<T> = Result<T, Stop>;

/// An expression and how deep it is.
struct Deep {
    expr: Expr,
    depth: u32,
}

impl Deep {
    fn leaf(expr: Expr) -> Self {
        Self { expr, depth: 1 }
    }
}

const PRECEDENCE_LOWEST: u8 = 1;
const PRECEDENCE_POWER: u8 = 6;

/// The operator of a token, with how strongly it binds.
fn binary_op(kind: Kind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        Kind::Or => (BinaryOp::Or, 1),
        Kind::And => (BinaryOp::And, 2),
        Kind::Unless => (BinaryOp::Unless, 2),
        Kind::Equal => (BinaryOp::Equal, 3),
        Kind::NotEqual => (BinaryOp::NotEqual, 3),
        Kind::Less => (BinaryOp::Less, 3),
        Kind::LessEqual => (BinaryOp::LessEqual, 3),
        Kind::Greater => (BinaryOp::Greater, 3),
        Kind::GreaterEqual => (BinaryOp::GreaterEqual, 3),
        Kind::TrimUpper => (BinaryOp::TrimUpper, 3),
        Kind::TrimLower => (BinaryOp::TrimLower, 3),
        Kind::Add => (BinaryOp::Add, 4),
        Kind::Sub => (BinaryOp::Sub, 4),
        Kind::Mul => (BinaryOp::Mul, 5),
        Kind::Div => (BinaryOp::Div, 5),
        Kind::Mod => (BinaryOp::Mod, 5),
        Kind::Atan2 => (BinaryOp::Atan2, 5),
        Kind::Pow => (BinaryOp::Pow, PRECEDENCE_POWER),
        _ => return None,
    })
}

fn unary_op(kind: Kind) -> Option<UnaryOp> {
    match kind {
        Kind::Add => Some(UnaryOp::Plus),
        Kind::Sub => Some(UnaryOp::Minus),
        _ => None,
    }
}

/// Words that may be the name of a metric.
fn is_metric_identifier(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Identifier
            | Kind::MetricIdentifier
            | Kind::Aggregator(_)
            | Kind::By
            | Kind::Fill
            | Kind::FillLeft
            | Kind::FillRight
            | Kind::And
            | Kind::Or
            | Kind::Unless
            | Kind::Offset
            | Kind::Without
            | Kind::Start
            | Kind::End
            | Kind::Step
            | Kind::Range
            | Kind::Anchored
            | Kind::Smoothed
            | Kind::MaxOf
            | Kind::MinOf
    )
}

/// Words that may be the name of a label in a list of labels.
fn is_label(kind: Kind) -> bool {
    (is_metric_identifier(kind) && kind != Kind::Without)
        || matches!(
            kind,
            Kind::Bool
                | Kind::GroupLeft
                | Kind::GroupRight
                | Kind::Ignoring
                | Kind::On
                | Kind::Atan2
        )
}

struct Parser<'a> {
    text: &'a str,
    features: &'a Features,
    lexer: Lexer<'a>,
    lookahead: Option<Token>,
    errors: Vec<ParseError>,
    /// How many functions for nested constructs are on the stack.
    nesting: u32,
    /// How many aggregations are open: errors of grammar in them say so.
    open_aggregations: u32,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, features: &'a Features) -> Result<Self, ParseError> {
        if text.len() > TEXT_BYTES_MAX {
            let message = format!(
                "query is {} bytes long, at most {TEXT_BYTES_MAX} are allowed",
                text.len()
            );
            return Err(ParseError::new(text, PosRange::default(), message));
        }
        Ok(Self {
            text,
            features,
            lexer: Lexer::new(text),
            lookahead: None,
            errors: Vec::new(),
            nesting: 0,
            open_aggregations: 0,
        })
    }

    fn finish<T>(self, parsed: Parsed<T>) -> Result<T, ParseError> {
        let text = self.text;
        match (self.errors.into_iter().next(), parsed) {
            (Some(error), _) => Err(error),
            (None, Ok(value)) => Ok(value),
            // A stop always leaves an error; this keeps the promise visible without a panic.
            (None, Err(Stop)) => Err(ParseError::new(
                text,
                PosRange::default(),
                "unexpected error",
            )),
        }
    }

    fn note(&mut self, range: PosRange, message: impl Into<String>) {
        self.errors.push(ParseError::new(self.text, range, message));
    }

    fn fail<T>(&mut self, range: PosRange, message: impl Into<String>) -> Parsed<T> {
        self.note(range, message);
        Err(Stop)
    }

    fn peek(&mut self) -> Parsed<Token> {
        if let Some(token) = self.lookahead {
            return Ok(token);
        }
        match self.lexer.next_token() {
            Ok(token) => {
                self.lookahead = Some(token);
                Ok(token)
            }
            Err(error) => {
                let range = PosRange::new(error.start, self.text.len() as u32);
                self.fail(range, error.message)
            }
        }
    }

    fn take(&mut self) -> Parsed<Token> {
        let token = self.peek()?;
        self.lookahead = None;
        Ok(token)
    }

    fn take_if(&mut self, kind: Kind) -> Parsed<Option<Token>> {
        let token = self.peek()?;
        if token.kind != kind {
            return Ok(None);
        }
        self.lookahead = None;
        Ok(Some(token))
    }

    fn text_of(&self, token: Token) -> &'a str {
        self.text
            .get(token.range.start as usize..token.range.end as usize)
            .unwrap_or("")
    }

    /// A token as messages name it.
    fn describe(&self, token: Token) -> String {
        let text = self.text_of(token);
        let shortened = || {
            if text.len() > 10 {
                let start: String = text.chars().take(10).collect();
                format!("{}...", quoted(&start))
            } else {
                quoted(text).to_string()
            }
        };
        match token.kind {
            Kind::Eof => "end of input".to_owned(),
            Kind::Identifier => format!("identifier {}", quoted_short(text)),
            Kind::MetricIdentifier => format!("metric identifier {}", quoted_short(text)),
            Kind::Number => format!("number {}", shortened()),
            Kind::Duration => format!("duration {}", shortened()),
            Kind::String => format!("string {}", shortened()),
            Kind::Aggregator(_) => format!("<aggr:{text}>"),
            Kind::Bool
            | Kind::By
            | Kind::GroupLeft
            | Kind::GroupRight
            | Kind::Fill
            | Kind::FillLeft
            | Kind::FillRight
            | Kind::Ignoring
            | Kind::Offset
            | Kind::Smoothed
            | Kind::Anchored
            | Kind::On
            | Kind::Without => format!("<{text}>"),
            Kind::At | Kind::EqualRegex | Kind::NotEqualRegex => format!("<op:{text}>"),
            kind if binary_op(kind).is_some() => format!("<op:{text}>"),
            _ => shortened(),
        }
    }

    /// The next token has no place here.
    fn unexpected<T>(&mut self, context: &str, expected: &str) -> Parsed<T> {
        let token = self.peek()?;
        let mut message = format!("unexpected {}", self.describe(token));
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        self.fail(token.range, message)
    }

    /// [`Parser::unexpected`] where no construct has a more exact message.
    fn unexpected_here<T>(&mut self) -> Parsed<T> {
        let context = if self.open_aggregations > 0 {
            "aggregation"
        } else {
            ""
        };
        self.unexpected(context, "")
    }

    fn expect(&mut self, kind: Kind) -> Parsed<Token> {
        match self.take_if(kind)? {
            Some(token) => Ok(token),
            None => self.unexpected_here(),
        }
    }

    fn depth_checked(&mut self, depth: u32, range: PosRange) -> Parsed<u32> {
        if depth > DEPTH_MAX {
            return self.too_deep(range);
        }
        Ok(depth)
    }

    fn too_deep<T>(&mut self, range: PosRange) -> Parsed<T> {
        self.fail(
            range,
            format!(
                "query is nested too deeply: at most {NESTING_MAX} levels or {DEPTH_MAX} operators in a row"
            ),
        )
    }

    /// Counts a level of recursion while `inner` runs.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            let range = self.peek()?.range;
            return self.too_deep(range);
        }
        let result = inner(self);
        self.nesting -= 1;
        result
    }

    fn whole_expression(&mut self) -> Parsed<Expr> {
        if self.peek()?.kind == Kind::Eof {
            return self.fail(PosRange::default(), "no expression found in input");
        }
        let deep = self.expression(PRECEDENCE_LOWEST)?;
        self.expect(Kind::Eof)?;
        Ok(deep.expr)
    }

    fn whole_selector(&mut self) -> Parsed<VectorSelector> {
        let token = self.peek()?;
        let selector = if is_metric_identifier(token.kind) {
            self.take()?;
            self.selector(Some(token))?
        } else if token.kind == Kind::LeftBrace {
            self.selector(None)?
        } else {
            return self.unexpected("", "");
        };
        self.expect(Kind::Eof)?;
        Ok(selector)
    }

    fn expression(&mut self, precedence_min: u8) -> Parsed<Deep> {
        self.nested(|parser| {
            let mut lhs = parser.prefixed()?;
            loop {
                let token = parser.peek()?;
                let Some((op, precedence)) = binary_op(token.kind) else {
                    return Ok(lhs);
                };
                if precedence < precedence_min {
                    return Ok(lhs);
                }
                parser.take()?;
                let (matching, return_bool) = parser.binary_modifiers()?;
                // Powers group from the right, all else from the left.
                let rhs_min = precedence + u8::from(op != BinaryOp::Pow);
                let rhs = parser.expression(rhs_min)?;
                let range = lhs.expr.range().to(rhs.expr.range());
                if !parser.features.binop_fill_modifiers && matching.fill != FillValues::default() {
                    parser.note(
                        range,
                        "binop fill modifiers are experimental and not enabled",
                    );
                }
                let depth = parser.depth_checked(lhs.depth.max(rhs.depth) + 1, range)?;
                let binary = Binary {
                    op,
                    lhs: lhs.expr,
                    rhs: rhs.expr,
                    matching: Some(matching),
                    return_bool,
                };
                lhs = Deep {
                    expr: Expr::Binary(Box::new(binary)),
                    depth,
                };
            }
        })
    }

    /// An expression with any signs before it.
    fn prefixed(&mut self) -> Parsed<Deep> {
        let token = self.peek()?;
        let Some(op) = unary_op(token.kind) else {
            let primary = self.primary()?;
            return self.postfixed(primary);
        };
        self.take()?;
        // A sign binds as a multiplication does: `-a ^ b` is `-(a ^ b)`.
        let operand = self.expression(PRECEDENCE_POWER)?;
        let start = token.range.start;
        if let Expr::Number(mut number) = operand.expr {
            if op == UnaryOp::Minus {
                number.value = -number.value;
            }
            number.range.start = start;
            return Ok(Deep::leaf(Expr::Number(number)));
        }
        let depth = self.depth_checked(operand.depth + 2, token.range)?;
        let unary = Unary {
            op,
            expr: operand.expr,
            start,
        };
        Ok(Deep {
            expr: Expr::Unary(Box::new(unary)),
            depth,
        })
    }

    fn primary(&mut self) -> Parsed<Deep> {
        let token = self.peek()?;
        match token.kind {
            Kind::LeftParen => {
                self.take()?;
                let inner = self.expression(PRECEDENCE_LOWEST)?;
                let close = self.expect(Kind::RightParen)?;
                let range = token.range.to(close.range);
                let depth = self.depth_checked(inner.depth + 2, range)?;
                let paren = Paren {
                    expr: inner.expr,
                    range,
                };
                Ok(Deep {
                    expr: Expr::Paren(Box::new(paren)),
                    depth,
                })
            }
            Kind::Number | Kind::Duration => {
                let number = self.number_literal()?;
                Ok(Deep::leaf(Expr::Number(number)))
            }
            Kind::String => {
                self.take()?;
                let value = self.unquote(token);
                let invalid_utf8 = unquoted_bytes(self.text_of(token))
                    .ok()
                    .filter(|bytes| std::str::from_utf8(bytes).is_err())
                    .map(Vec::into_boxed_slice);
                let range = token.range;
                Ok(Deep::leaf(Expr::String(StringLiteral {
                    value,
                    invalid_utf8,
                    range,
                })))
            }
            Kind::LeftBrace => {
                let selector = self.selector(None)?;
                Ok(Deep::leaf(Expr::Vector(Box::new(selector))))
            }
            kind if is_metric_identifier(kind) => {
                self.take()?;
                let next = self.peek()?.kind;
                match kind {
                    Kind::Aggregator(op)
                        if matches!(next, Kind::By | Kind::Without | Kind::LeftParen) =>
                    {
                        self.open_aggregations += 1;
                        let aggregate = self.aggregate(token, op);
                        self.open_aggregations -= 1;
                        aggregate
                    }
                    Kind::Identifier
                    | Kind::Start
                    | Kind::End
                    | Kind::Step
                    | Kind::Range
                    | Kind::MaxOf
                    | Kind::MinOf
                        if next == Kind::LeftParen =>
                    {
                        self.call(token)
                    }
                    _ => {
                        let selector = self.selector(Some(token))?;
                        Ok(Deep::leaf(Expr::Vector(Box::new(selector))))
                    }
                }
            }
            _ => self.unexpected_here(),
        }
    }

    fn unquote(&mut self, token: Token) -> String {
        let text = self.text_of(token);
        unquoted(text).unwrap_or_else(|_| {
            self.note(
                token.range,
                format!(
                    "error unquoting string {}: invalid syntax",
                    quoted_short(text)
                ),
            );
            String::new()
        })
    }

    /// A number or a duration; the next token is one.
    fn number_literal(&mut self) -> Parsed<NumberLiteral> {
        let token = self.take()?;
        let text = self.text_of(token);
        let is_duration = token.kind == Kind::Duration;
        let read = if is_duration {
            parse_duration_text(text).map(|ms| ms as f64 / 1000.0)
        } else {
            parse_number(text)
        };
        let value = read.unwrap_or_else(|message| {
            self.note(token.range, message);
            0.0
        });
        Ok(NumberLiteral {
            value,
            is_duration,
            range: token.range,
        })
    }

    /// A number with any one sign before it, or `None` where there is none.
    fn signed_number(&mut self) -> Parsed<Option<NumberLiteral>> {
        let token = self.peek()?;
        let sign = unary_op(token.kind);
        if sign.is_some() {
            self.take()?;
        }
        if !matches!(self.peek()?.kind, Kind::Number | Kind::Duration) {
            return Ok(None);
        }
        let mut number = self.number_literal()?;
        if sign == Some(UnaryOp::Minus) {
            number.value = -number.value;
        }
        number.range.start = token.range.start;
        Ok(Some(number))
    }

    /// Arguments in parentheses, with the depth of the deepest and the closing parenthesis.
    fn arguments(&mut self) -> Parsed<(Vec<Expr>, u32, Token)> {
        self.expect(Kind::LeftParen)?;
        let mut arguments = Vec::new();
        let mut depth = 0;
        if let Some(close) = self.take_if(Kind::RightParen)? {
            return Ok((arguments, depth, close));
        }
        loop {
            let argument = self.expression(PRECEDENCE_LOWEST)?;
            depth = depth.max(argument.depth);
            arguments.push(argument.expr);
            if let Some(close) = self.take_if(Kind::RightParen)? {
                return Ok((arguments, depth, close));
            }
            let comma = self.expect(Kind::Comma)?;
            if matches!(self.peek()?.kind, Kind::RightParen | Kind::Comma) {
                self.note(
                    comma.range,
                    "trailing commas not allowed in function call args",
                );
                return Err(Stop);
            }
        }
    }

    fn call(&mut self, name: Token) -> Parsed<Deep> {
        let (args, depth, close) = self.arguments()?;
        let text = self.text_of(name);
        let Some(function) = functions::find(text) else {
            self.note(
                name.range,
                format!("unknown function with name {}", quoted_short(text)),
            );
            return Err(Stop);
        };
        self.check_enabled(function, name.range);
        let range = name.range.to(close.range);
        let depth = self.depth_checked(depth + 2, range)?;
        let call = Call {
            function,
            args,
            range,
        };
        Ok(Deep {
            expr: Expr::Call(Box::new(call)),
            depth,
        })
    }

    fn check_enabled(&mut self, function: &Function, range: PosRange) {
        if !function.gate.is_open(self.features) {
            self.note(
                range,
                format!("function {} is not enabled", quoted_short(function.name)),
            );
        }
    }

    fn aggregate(&mut self, name: Token, op: AggregateOp) -> Parsed<Deep> {
        let mut modifier = self.aggregate_modifier()?;
        let (mut args, depth, close) = self.arguments()?;
        let mut end = close.range;
        if modifier.is_none() {
            modifier = self.aggregate_modifier()?;
            if let Some((_, _, close)) = &modifier {
                end = *close;
            }
        }
        let (grouping, without, _) = modifier.unwrap_or_default();
        let range = name.range.to(end);
        if args.is_empty() {
            self.note(range, "no arguments for aggregate expression provided");
            return Err(Stop);
        }
        if op.is_experimental() && !self.features.experimental_functions {
            self.note(
                range,
                format!(
                    "{}() is experimental and must be enabled with --enable-feature=promql-experimental-functions",
                    op.as_str()
                ),
            );
            return Err(Stop);
        }
        let wanted = 1 + usize::from(op.has_param());
        if args.len() != wanted {
            self.note(
                range,
                format!(
                    "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
                    args.len()
                ),
            );
            return Err(Stop);
        }
        let depth = self.depth_checked(depth + 2, range)?;
        let Some(expr) = args.pop() else {
            return Err(Stop);
        };
        let aggregate = Aggregate {
            op,
            expr,
            param: args.pop(),
            grouping,
            without,
            range,
        };
        Ok(Deep {
            expr: Expr::Aggregate(Box::new(aggregate)),
            depth,
        })
    }

    /// `by (…)` or `without (…)`: labels, whether without, and where the list closes.
    fn aggregate_modifier(&mut self) -> Parsed<Option<(Vec<String>, bool, PosRange)>> {
        let without = match self.peek()?.kind {
            Kind::By => false,
            Kind::Without => true,
            _ => return Ok(None),
        };
        self.take()?;
        let (labels, close) = self.grouping_labels()?;
        Ok(Some((labels, without, close)))
    }

    /// A list of labels in parentheses, and where it closes.
    fn grouping_labels(&mut self) -> Parsed<(Vec<String>, PosRange)> {
        const CONTEXT: &str = "grouping opts";
        if self.take_if(Kind::LeftParen)?.is_none() {
            return self.unexpected(CONTEXT, "\"(\"");
        }
        let mut labels = Vec::new();
        loop {
            let token = self.peek()?;
            if token.kind == Kind::RightParen {
                self.take()?;
                return Ok((labels, token.range));
            }
            let label = if is_label(token.kind) {
                self.take()?;
                self.text_of(token).to_owned()
            } else if token.kind == Kind::String {
                self.take()?;
                self.unquote(token)
            } else {
                return self.unexpected(CONTEXT, "label");
            };
            if label.is_empty() {
                self.note(token.range, "invalid label name for grouping: \"\"");
            }
            labels.push(label);
            match self.peek()?.kind {
                Kind::RightParen => {}
                Kind::Comma => {
                    self.take()?;
                }
                _ => return self.unexpected(CONTEXT, "\",\" or \")\""),
            }
        }
    }

    /// What may stand between an operator and its right side.
    fn binary_modifiers(&mut self) -> Parsed<(VectorMatching, bool)> {
        let mut matching = VectorMatching::default();
        let return_bool = self.take_if(Kind::Bool)?.is_some();
        let kind = self.peek()?.kind;
        if matches!(kind, Kind::On | Kind::Ignoring) {
            self.take()?;
            matching.on = kind == Kind::On;
            matching.labels = self.grouping_labels()?.0;
            let card = match self.peek()?.kind {
                Kind::GroupLeft => Some(MatchCardinality::ManyToOne),
                Kind::GroupRight => Some(MatchCardinality::OneToMany),
                _ => None,
            };
            if let Some(card) = card {
                self.take()?;
                matching.card = card;
                if self.peek()?.kind == Kind::LeftParen {
                    matching.include = self.grouping_labels()?.0;
                }
            }
        }
        match self.peek()?.kind {
            Kind::Fill => {
                let value = self.fill_value()?;
                matching.fill.left = Some(value);
                matching.fill.right = Some(value);
            }
            Kind::FillLeft => {
                matching.fill.left = Some(self.fill_value()?);
                if self.peek()?.kind == Kind::FillRight {
                    matching.fill.right = Some(self.fill_value()?);
                }
            }
            Kind::FillRight => {
                matching.fill.right = Some(self.fill_value()?);
                if self.peek()?.kind == Kind::FillLeft {
                    matching.fill.left = Some(self.fill_value()?);
                }
            }
            _ => {}
        }
        Ok((matching, return_bool))
    }

    fn fill_value(&mut self) -> Parsed<f64> {
        self.take()?;
        self.expect(Kind::LeftParen)?;
        let Some(number) = self.signed_number()? else {
            return self.unexpected_here();
        };
        self.expect(Kind::RightParen)?;
        Ok(number.value)
    }
}
