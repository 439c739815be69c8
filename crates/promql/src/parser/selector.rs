//! Selectors, and what stands behind an expression: ranges, subqueries, `offset`, `@`, `anchored` and `smoothed`.

use bellwether_model::{MatchOp, Matcher};

use super::duration::Duration;
use super::lexer::{Kind, Token};
use super::{Deep, Parsed, Parser};
use crate::ast::{
    AtModifier, DurationExpr, Expr, MatrixSelector, PosRange, RangeExtension, Subquery,
    VectorSelector,
};

impl Parser<'_> {
    /// A selector whose name, if it has one before the braces, is read.
    pub(super) fn selector(&mut self, name: Option<Token>) -> Parsed<VectorSelector> {
        let mut range = name.map_or_else(PosRange::default, |token| token.range);
        let mut matchers = Vec::new();
        if let Some(open) = self.take_if(Kind::LeftBrace)? {
            let close = self.label_matchers(&mut matchers)?;
            range = name.unwrap_or(open).range.to(close.range);
        }
        let name = name.map_or("", |token| self.text_of(token));
        if !name.is_empty() {
            matchers.push(Matcher::equal(bellwether_model::METRIC_NAME, name));
        }
        Ok(VectorSelector {
            name: name.to_owned(),
            matchers,
            offset_ms: 0,
            offset_expr: None,
            at: None,
            extension: None,
            is_info_selector: false,
            range,
        })
    }

    /// The conditions in braces; the opening one is read. Gives back the closing one.
    fn label_matchers(&mut self, matchers: &mut Vec<Matcher>) -> Parsed<Token> {
        const CONTEXT: &str = "label matching";
        if let Some(close) = self.take_if(Kind::RightBrace)? {
            return Ok(close);
        }
        loop {
            let name = self.peek()?;
            if !matches!(name.kind, Kind::Identifier | Kind::String) {
                return self.unexpected(CONTEXT, "identifier or \"}\"");
            }
            self.take()?;
            let op = match self.peek()?.kind {
                Kind::Assign => Some(MatchOp::Equal),
                Kind::NotEqual => Some(MatchOp::NotEqual),
                Kind::EqualRegex => Some(MatchOp::Regex),
                Kind::NotEqualRegex => Some(MatchOp::NotRegex),
                _ => None,
            };
            let label = if name.kind == Kind::String {
                self.unquote(name)
            } else {
                self.text_of(name).to_owned()
            };
            match op {
                Some(op) => {
                    self.take()?;
                    let Some(value) = self.take_if(Kind::String)? else {
                        return self.unexpected(CONTEXT, "string");
                    };
                    let text = self.unquote(value);
                    match Matcher::new(label, op, text) {
                        Ok(matcher) => matchers.push(matcher),
                        Err(error) => {
                            self.note(name.range.to(value.range), error.to_string());
                        }
                    }
                }
                None if name.kind == Kind::String => {
                    matchers.push(Matcher::equal(bellwether_model::METRIC_NAME, label));
                }
                None => return self.unexpected(CONTEXT, "label matching operator"),
            }
            match self.peek()?.kind {
                Kind::RightBrace => return self.take(),
                Kind::Comma => {
                    self.take()?;
                    if let Some(close) = self.take_if(Kind::RightBrace)? {
                        return Ok(close);
                    }
                }
                _ => return self.unexpected(CONTEXT, "\",\" or \"}\""),
            }
        }
    }

    /// An expression with any ranges and modifiers behind it.
    pub(super) fn postfixed(&mut self, mut deep: Deep) -> Parsed<Deep> {
        loop {
            let token = self.peek()?;
            match token.kind {
                Kind::LeftBracket => {
                    self.take()?;
                    deep = self.range_or_subquery(deep, token)?;
                }
                Kind::Offset => {
                    self.take()?;
                    let (offset, end) = self.offset_duration()?;
                    self.set_offset(&mut deep.expr, offset, end);
                }
                Kind::At => {
                    self.take()?;
                    self.at_modifier(&mut deep.expr)?;
                }
                Kind::Anchored => {
                    self.take()?;
                    self.set_extension(&mut deep.expr, RangeExtension::Anchored);
                }
                Kind::Smoothed => {
                    self.take()?;
                    self.set_extension(&mut deep.expr, RangeExtension::Smoothed);
                }
                _ => return Ok(deep),
            }
        }
    }

    /// A window or a subquery; the opening bracket is read.
    fn range_or_subquery(&mut self, deep: Deep, open: Token) -> Parsed<Deep> {
        const CONTEXT: &str = "subquery selector";
        let window = self.positive_duration(
            "subquery or range selector",
            "number, duration, step(), or range()",
        )?;
        let (window_ms, window_expr) = window.into_parts();
        match self.peek()?.kind {
            Kind::RightBracket => {
                let close = self.take()?;
                let matrix = self.matrix(deep.expr, window_ms, window_expr, open, close)?;
                Ok(Deep::leaf(Expr::Matrix(Box::new(matrix))))
            }
            Kind::Colon => {
                self.take()?;
                let (mut step_ms, mut step_expr) = (0, None);
                if self.peek()?.kind != Kind::RightBracket {
                    let step = self.positive_duration(
                        CONTEXT,
                        "number, duration, step(), range(), or \"]\"",
                    )?;
                    (step_ms, step_expr) = step.into_parts();
                }
                let Some(close) = self.take_if(Kind::RightBracket)? else {
                    return self.unexpected(CONTEXT, "\"]\"");
                };
                let range = deep.expr.range().to(close.range);
                let depth = self.depth_checked(deep.depth + 2, range)?;
                let subquery = Subquery {
                    expr: deep.expr,
                    window_ms,
                    window_expr,
                    step_ms,
                    step_expr,
                    offset_ms: 0,
                    offset_expr: None,
                    at: None,
                    range,
                };
                Ok(Deep {
                    expr: Expr::Subquery(Box::new(subquery)),
                    depth,
                })
            }
            _ => self.unexpected("subquery or range", "\":\" or \"]\""),
        }
    }

    fn matrix(
        &mut self,
        expr: Expr,
        window_ms: i64,
        window_expr: Option<Box<DurationExpr>>,
        open: Token,
        close: Token,
    ) -> Parsed<MatrixSelector> {
        let brackets = open.range.to(close.range);
        let Expr::Vector(selector) = expr else {
            return self.fail(brackets, "ranges only allowed for vector selectors");
        };
        if selector.offset_ms != 0 || selector.offset_expr.is_some() {
            self.note(brackets, "no offset modifiers allowed before range");
        } else if selector.at.is_some() {
            self.note(brackets, "no @ modifiers allowed before range");
        }
        Ok(MatrixSelector {
            range: selector.range.to(close.range),
            selector: *selector,
            window_ms,
            window_expr,
        })
    }

    fn set_offset(&mut self, expr: &mut Expr, offset: Duration, end: u32) {
        let node_range = expr.range();
        let (offset_ms, offset_expr, range) = match expr {
            Expr::Vector(node) => (&mut node.offset_ms, &mut node.offset_expr, &mut node.range),
            Expr::Matrix(node) => (
                &mut node.selector.offset_ms,
                &mut node.selector.offset_expr,
                &mut node.range,
            ),
            Expr::Subquery(node) => (&mut node.offset_ms, &mut node.offset_expr, &mut node.range),
            _ => {
                self.note(
                    node_range,
                    "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                );
                return;
            }
        };
        if *offset_ms != 0 || offset_expr.is_some() {
            self.note(node_range, "offset may not be set multiple times");
            return;
        }
        (*offset_ms, *offset_expr) = offset.into_parts();
        range.end = end;
    }

    /// `@` and what comes after; the `@` is read.
    fn at_modifier(&mut self, expr: &mut Expr) -> Parsed<()> {
        const CONTEXT: &str = "@";
        const EXPECTED: &str = "timestamp";
        let token = self.peek()?;
        let (at, end) = match token.kind {
            Kind::Start | Kind::End => {
                self.take()?;
                if self.take_if(Kind::LeftParen)?.is_none() {
                    return self.unexpected(CONTEXT, EXPECTED);
                }
                let Some(close) = self.take_if(Kind::RightParen)? else {
                    return self.unexpected(CONTEXT, EXPECTED);
                };
                let at = if token.kind == Kind::Start {
                    AtModifier::Start
                } else {
                    AtModifier::End
                };
                (at, close.range.end)
            }
            _ => {
                let Some(number) = self.signed_number()? else {
                    return self.unexpected(CONTEXT, EXPECTED);
                };
                let seconds = number.value;
                // The bounds of a 64-bit integer, as Prometheus has them.
                if !seconds.is_finite() || seconds.abs() >= 9_223_372_036_854_775_807.0 {
                    let shown = if seconds.is_finite() {
                        format!("{seconds:.6}")
                    } else {
                        bellwether_model::number::Plain(seconds).to_string()
                    };
                    let range = expr.range();
                    self.note(
                        range,
                        format!("timestamp out of bounds for @ modifier: {shown}"),
                    );
                }
                let time_ms = (seconds * 1000.0).round() as i64;
                (AtModifier::Time(time_ms), number.range.end)
            }
        };
        let node_range = expr.range();
        let (slot, range) = match expr {
            Expr::Vector(node) => (&mut node.at, &mut node.range),
            Expr::Matrix(node) => (&mut node.selector.at, &mut node.range),
            Expr::Subquery(node) => (&mut node.at, &mut node.range),
            _ => {
                self.note(
                    node_range,
                    "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
                );
                return Ok(());
            }
        };
        if slot.is_some() {
            self.note(node_range, "@ <timestamp> may not be set multiple times");
            return Ok(());
        }
        *slot = Some(at);
        range.end = end;
        Ok(())
    }

    fn set_extension(&mut self, expr: &mut Expr, extension: RangeExtension) {
        let word = match extension {
            RangeExtension::Anchored => "anchored",
            RangeExtension::Smoothed => "smoothed",
        };
        let range = expr.range();
        if !self.features.extended_range_selectors {
            self.note(
                range,
                format!("{word} modifier is experimental and not enabled"),
            );
            return;
        }
        let slot = match expr {
            Expr::Vector(node) => &mut node.extension,
            Expr::Matrix(node) => &mut node.selector.extension,
            Expr::Subquery(_) => {
                self.note(
                    range,
                    format!("{word} modifier is not supported for subqueries"),
                );
                return;
            }
            _ => {
                self.note(range, format!("{word} modifier not implemented"));
                return;
            }
        };
        if slot.is_some_and(|set| set != extension) {
            self.note(
                range,
                "anchored and smoothed modifiers cannot be used together",
            );
        }
        *slot = Some(extension);
    }
}
