//! From the tree of a query to what is to be done.
//!
//! ## Model
//! A [`Node`] is an expression with everything resolved that does not depend on data: durations are
//! milliseconds, `@ start()` is a time, functions are enums, parts that are the same at each step
//! are marked. Selectors become slots: the same selector in two places is one [`Slot`], selected
//! and read once.

use bellwether_model::{Labels, METRIC_NAME, MatchOp, Matcher, TimeRange};

use super::duration::DurationContext;
use super::functions::{MapFn, RangeFn};
use crate::ast::{
    AggregateOp, AtModifier, BinaryOp, Call, Expr, PosRange, RangeExtension, UnaryOp, ValueType,
    VectorMatching, VectorSelector,
};
use crate::{EngineOptions, QueryError};

/// A selection of series that is made and read once.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) matchers: Vec<Matcher>,
    /// All samples that any use needs.
    pub(crate) range: TimeRange,
    /// How many nodes use it.
    pub(crate) uses: usize,
    /// Whether a matcher says what the metric's name is, so that dropping the name keeps label
    /// sets apart.
    pub(crate) one_name: bool,
}

/// When a selector looks at the data.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    pub(crate) slot: usize,
    pub(crate) at_ms: Option<i64>,
    pub(crate) offset_ms: i64,
    pub(crate) extension: Option<RangeExtension>,
    /// Whether only count and sum of histograms matter: their buckets are left out, after resets
    /// have been found with them.
    pub(crate) stats_only: bool,
    pub(crate) range: PosRange,
}

impl Lookup {
    /// The time that stands for the step at `time_ms`.
    #[inline(always)]
    pub(crate) fn reference_ms(&self, time_ms: i64) -> i64 {
        self.at_ms.unwrap_or(time_ms).saturating_sub(self.offset_ms)
    }
}

/// An expression evaluated over a window of its own.
#[derive(Debug)]
pub(crate) struct SubqueryNode {
    pub(crate) node: Node,
    pub(crate) window_ms: i64,
    pub(crate) step_ms: i64,
    pub(crate) at_ms: Option<i64>,
    pub(crate) offset_ms: i64,
}

/// Where windows come from.
#[derive(Debug)]
pub(crate) enum RangeSource {
    Selector(Lookup),
    Subquery(Box<SubqueryNode>),
}

/// A function over windows.
#[derive(Debug)]
pub(crate) struct RangeCall {
    pub(crate) function: RangeFn,
    pub(crate) source: RangeSource,
    pub(crate) window_ms: i64,
    /// The other arguments; scalars.
    pub(crate) args: Vec<Node>,
    /// Where the windows stand in the text.
    pub(crate) range: PosRange,
    /// Where the first argument stands.
    pub(crate) first_range: PosRange,
    /// What `absent_over_time` answers with.
    pub(crate) absent_labels: Labels,
}

/// An operator between two.
#[derive(Debug)]
pub(crate) struct BinaryNode {
    pub(crate) op: BinaryOp,
    pub(crate) lhs: Node,
    pub(crate) rhs: Node,
    pub(crate) matching: Option<VectorMatching>,
    pub(crate) return_bool: bool,
    pub(crate) range: PosRange,
}

/// An aggregation.
#[derive(Debug)]
pub(crate) struct AggregateNode {
    pub(crate) op: AggregateOp,
    pub(crate) node: Node,
    pub(crate) param: Option<Node>,
    /// Sorted.
    pub(crate) grouping: Vec<String>,
    pub(crate) without: bool,
    /// Where all of it stands.
    pub(crate) range: PosRange,
    pub(crate) expr_range: PosRange,
    pub(crate) param_range: PosRange,
}

/// A call of a function that sees a whole vector at once.
#[derive(Debug)]
pub(crate) struct CallNode {
    pub(crate) name: &'static str,
    pub(crate) args: Vec<Node>,
    pub(crate) ranges: Vec<PosRange>,
    pub(crate) range: PosRange,
    pub(crate) absent_labels: Labels,
}

/// What `info` needs beside its first argument.
#[derive(Debug)]
pub(crate) struct InfoNode {
    pub(crate) node: Node,
    /// The conditions of the second argument; `None` where it is left out.
    pub(crate) matchers: Option<Vec<Matcher>>,
    pub(crate) at_ms: Option<i64>,
    pub(crate) offset_ms: i64,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Node {
    Number(f64),
    /// A text, and how it is written where it is not UTF-8.
    String(String, Option<String>),
    /// `time()`
    Time,
    Select(Lookup),
    Matrix(Lookup, i64),
    Subquery(Box<SubqueryNode>),
    /// The same at each step.
    Invariant(Box<Node>),
    /// `timestamp` or `start_timestamp` of a selector.
    Timestamp(Lookup, bool),
    Range(Box<RangeCall>),
    /// A function of each float alone, with scalar arguments.
    Map(MapFn, Box<Node>, Vec<Node>),
    Negate(Box<Node>),
    Aggregate(Box<AggregateNode>),
    Binary(Box<BinaryNode>),
    Call(Box<CallNode>),
    Info(Box<InfoNode>),
}

/// Turns trees into plans.
#[derive(Debug)]
pub(crate) struct Planner<'a> {
    pub(crate) options: &'a EngineOptions,
    pub(crate) lookback_ms: i64,
    pub(crate) durations: DurationContext,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) slots: Vec<Slot>,
    /// Functions above the node being planned that need only count and sum of histograms.
    pub(crate) stats_above: u32,
    /// Nodes above that need the buckets.
    pub(crate) buckets_above: u32,
}

impl Planner<'_> {
    /// The plan of a whole query.
    pub(crate) fn plan(&mut self, expr: &Expr) -> Result<Node, QueryError> {
        let span = TimeRange::new(self.start_ms, self.end_ms);
        let (node, invariant) = self.node(expr, span)?;
        Ok(wrapped(node, invariant))
    }

    /// The plan of an expression that is evaluated inside of `span`, and whether it is the same at
    /// each step.
    fn node(&mut self, expr: &Expr, span: TimeRange) -> Result<(Node, bool), QueryError> {
        Ok(match expr {
            Expr::Number(number) => (Node::Number(number.value), true),
            Expr::String(string) => {
                let written = string.invalid_utf8.as_ref().map(|_| string.quoted());
                (Node::String(string.value.clone(), written), true)
            }
            Expr::Paren(paren) => self.node(&paren.expr, span)?,
            Expr::Vector(selector) => {
                let lookup = self.lookup(selector, 0, span)?;
                let invariant = lookup.at_ms.is_some();
                (Node::Select(lookup), invariant)
            }
            Expr::Matrix(matrix) => {
                let window_ms = match &matrix.window_expr {
                    Some(expr) => self.durations.milliseconds(expr, false)?,
                    None => matrix.window_ms,
                };
                let mut lookup = self.lookup(&matrix.selector, window_ms, span)?;
                lookup.range = matrix.range;
                let invariant = lookup.at_ms.is_some();
                (Node::Matrix(lookup, window_ms), invariant)
            }
            Expr::Subquery(subquery) => {
                let node = self.subquery(subquery, span)?;
                let invariant = node.at_ms.is_some();
                (Node::Subquery(Box::new(node)), invariant)
            }
            Expr::Unary(unary) => {
                let (node, invariant) = self.node(&unary.expr, span)?;
                match unary.op {
                    UnaryOp::Plus => (node, invariant),
                    UnaryOp::Minus => (Node::Negate(Box::new(node)), invariant),
                }
            }
            Expr::Binary(binary) => {
                let trims = matches!(binary.op, BinaryOp::TrimUpper | BinaryOp::TrimLower);
                self.buckets_above += u32::from(trims);
                let sides = (self.node(&binary.lhs, span), self.node(&binary.rhs, span));
                self.buckets_above -= u32::from(trims);
                let ((lhs, lhs_invariant), (rhs, rhs_invariant)) = (sides.0?, sides.1?);
                let both = lhs_invariant && rhs_invariant;
                let node = Node::Binary(Box::new(BinaryNode {
                    op: binary.op,
                    lhs: wrapped(lhs, lhs_invariant && !both),
                    rhs: wrapped(rhs, rhs_invariant && !both),
                    matching: binary.matching.clone(),
                    return_bool: binary.return_bool,
                    range: expr.range(),
                }));
                (node, both)
            }
            Expr::Aggregate(aggregate) => {
                let (node, invariant) = self.node(&aggregate.expr, span)?;
                let param = match &aggregate.param {
                    Some(param) => {
                        let (node, param_invariant) = self.node(param, span)?;
                        Some(wrapped(node, param_invariant && !invariant))
                    }
                    None => None,
                };
                let mut grouping = aggregate.grouping.clone();
                grouping.sort_unstable();
                grouping.dedup();
                let node = Node::Aggregate(Box::new(AggregateNode {
                    op: aggregate.op,
                    node,
                    param,
                    grouping,
                    without: aggregate.without,
                    range: aggregate.range,
                    expr_range: aggregate.expr.unwrap_parens().range(),
                    param_range: aggregate
                        .param
                        .as_ref()
                        .map(|param| param.unwrap_parens().range())
                        .unwrap_or_default(),
                }));
                (node, invariant)
            }
            Expr::Call(call) => self.call(call, span)?,
        })
    }

    fn call(&mut self, call: &Call, span: TimeRange) -> Result<(Node, bool), QueryError> {
        let name = call.function.name;
        match name {
            "start" => return Ok((Node::Number(self.start_ms as f64 / 1000.0), true)),
            "end" => return Ok((Node::Number(self.end_ms as f64 / 1000.0), true)),
            "range" => return Ok((Node::Number(self.durations.range_s), true)),
            "step" => return Ok((Node::Number(self.durations.step_s), true)),
            "pi" => return Ok((Node::Number(std::f64::consts::PI), true)),
            "time" => return Ok((Node::Time, false)),
            "info" => return self.info(call, span),
            _ => {}
        }
        let first = call.args.first().map(Expr::unwrap_parens);
        if let ("timestamp" | "start_timestamp", Some(Expr::Vector(selector))) = (name, first) {
            let lookup = self.lookup(selector, 0, span)?;
            let invariant = lookup.at_ms.is_some();
            return Ok((
                Node::Timestamp(lookup, name == "start_timestamp"),
                invariant,
            ));
        }
        // What depends on the time of the step itself is never the same at each step.
        let depends_on_time = matches!(
            name,
            "days_in_month"
                | "day_of_month"
                | "day_of_week"
                | "day_of_year"
                | "hour"
                | "minute"
                | "month"
                | "year"
                | "forecast_over_time"
                | "predict_linear"
                | "timestamp"
        );
        let mut args = Vec::with_capacity(call.args.len());
        let mut invariant = !depends_on_time;
        let stats = matches!(name, "histogram_count" | "histogram_sum" | "histogram_avg");
        let buckets = matches!(
            name,
            "histogram_quantile" | "histogram_quantiles" | "histogram_fraction"
        );
        self.stats_above += u32::from(stats);
        self.buckets_above += u32::from(buckets);
        let planned: Result<Vec<_>, _> = call.args.iter().map(|arg| self.node(arg, span)).collect();
        self.stats_above -= u32::from(stats);
        self.buckets_above -= u32::from(buckets);
        for (node, arg_invariant) in planned? {
            invariant &= arg_invariant;
            args.push((node, arg_invariant));
        }
        let matrix = call
            .args
            .iter()
            .position(|arg| arg.value_type() == ValueType::Matrix);
        let wrap = |(node, arg_invariant): (Node, bool)| wrapped(node, arg_invariant && !invariant);
        if let (Some(position), Some(function)) = (matrix, RangeFn::find(name)) {
            let (matrix, _) = args.remove(position);
            let (source, window_ms) = match matrix {
                Node::Matrix(lookup, window_ms) => (RangeSource::Selector(lookup), window_ms),
                Node::Subquery(node) => {
                    let window_ms = node.window_ms;
                    (RangeSource::Subquery(node), window_ms)
                }
                _ => return Err(QueryError::Execution("expected a range vector".to_owned())),
            };
            if let RangeSource::Selector(lookup) = &source {
                function.allows(lookup.extension)?;
            }
            let node = RangeCall {
                function,
                source,
                window_ms,
                args: args.into_iter().map(wrap).collect(),
                range: call.args[position].unwrap_parens().range(),
                first_range: call.args[0].unwrap_parens().range(),
                absent_labels: absent_labels(&call.args[position]),
            };
            return Ok((Node::Range(Box::new(node)), invariant));
        }
        if let Some(function) = MapFn::find(name)
            && !args.is_empty()
        {
            let mut args = args.into_iter().map(wrap);
            if let Some(vector) = args.next() {
                let node = Node::Map(function, Box::new(vector), args.collect());
                return Ok((node, invariant));
            }
            return Err(QueryError::Execution(format!("{name} without argument")));
        }
        let node = CallNode {
            name,
            args: args.into_iter().map(wrap).collect(),
            ranges: call
                .args
                .iter()
                .map(|arg| arg.unwrap_parens().range())
                .collect(),
            range: call.range,
            absent_labels: call.args.first().map(absent_labels).unwrap_or_default(),
        };
        Ok((Node::Call(Box::new(node)), invariant))
    }

    fn info(&mut self, call: &Call, span: TimeRange) -> Result<(Node, bool), QueryError> {
        let (node, invariant) = self.node(&call.args[0], span)?;
        let (at_ms, offset_ms) = self.info_time(&call.args[0])?.unwrap_or((None, 0));
        let (matchers, selector_invariant) = match call.args.get(1).map(Expr::unwrap_parens) {
            Some(Expr::Vector(selector)) => {
                (Some(selector.matchers.clone()), selector.at.is_some())
            }
            _ => (None, true),
        };
        let both = invariant && selector_invariant;
        let node = Node::Info(Box::new(InfoNode {
            node: wrapped(node, invariant && !both),
            matchers,
            at_ms,
            offset_ms,
        }));
        Ok((node, both))
    }

    /// The `@` and offset of the first selector in an expression, with those of the subqueries
    /// around it: they also say when info series are looked at.
    fn info_time(&self, expr: &Expr) -> Result<Option<(Option<i64>, i64)>, QueryError> {
        match expr {
            Expr::Vector(selector) => self.selector_time(selector).map(Some),
            Expr::Matrix(matrix) => self.selector_time(&matrix.selector).map(Some),
            Expr::Subquery(subquery) => {
                let Some((at, offset)) = self.info_time(&subquery.expr)? else {
                    return Ok(None);
                };
                if at.is_some() {
                    return Ok(Some((at, offset)));
                }
                let own = match &subquery.offset_expr {
                    Some(expr) => self.durations.milliseconds(expr, true)?,
                    None => subquery.offset_ms,
                };
                Ok(Some((self.at_ms(subquery.at), offset.saturating_add(own))))
            }
            other => {
                for child in other.children() {
                    if let Some(found) = self.info_time(child)? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
        }
    }

    fn selector_time(&self, selector: &VectorSelector) -> Result<(Option<i64>, i64), QueryError> {
        let offset_ms = match &selector.offset_expr {
            Some(expr) => self.durations.milliseconds(expr, true)?,
            None => selector.offset_ms,
        };
        Ok((self.at_ms(selector.at), offset_ms))
    }

    fn at_ms(&self, at: Option<AtModifier>) -> Option<i64> {
        at.map(|at| match at {
            AtModifier::Time(time_ms) => time_ms,
            AtModifier::Start => self.start_ms,
            AtModifier::End => self.end_ms,
        })
    }

    fn subquery(
        &mut self,
        subquery: &crate::ast::Subquery,
        span: TimeRange,
    ) -> Result<SubqueryNode, QueryError> {
        let offset_ms = match &subquery.offset_expr {
            Some(expr) => self.durations.milliseconds(expr, true)?,
            None => subquery.offset_ms,
        };
        let step_ms = match &subquery.step_expr {
            Some(expr) => self.durations.milliseconds(expr, false)?,
            None => subquery.step_ms,
        };
        let window_ms = match &subquery.window_expr {
            Some(expr) => self.durations.milliseconds(expr, false)?,
            None => subquery.window_ms,
        };
        let at_ms = self.at_ms(subquery.at);
        let span = match at_ms {
            Some(at) => TimeRange::new(at, at),
            None => span,
        };
        let inner = TimeRange::new(
            span.start_ms
                .saturating_sub(offset_ms)
                .saturating_sub(window_ms),
            span.end_ms.saturating_sub(offset_ms),
        );
        self.buckets_above += 1;
        let planned = self.node(&subquery.expr, inner);
        self.buckets_above -= 1;
        let (node, invariant) = planned?;
        Ok(SubqueryNode {
            node: wrapped(node, invariant),
            window_ms,
            step_ms: if step_ms > 0 {
                step_ms
            } else {
                self.options.subquery_step_ms.max(1)
            },
            at_ms,
            offset_ms,
        })
    }

    /// Resolves a selector and books its samples. `window_ms` is 0 for an instant selector.
    fn lookup(
        &mut self,
        selector: &VectorSelector,
        window_ms: i64,
        span: TimeRange,
    ) -> Result<Lookup, QueryError> {
        let (at_ms, offset_ms) = self.selector_time(selector)?;
        let (first, last) = match at_ms {
            Some(at) => (at, at),
            None => (span.start_ms, span.end_ms),
        };
        let lookback_ms = self.lookback_ms;
        let (back, ahead) = match (window_ms, selector.extension) {
            (0, Some(RangeExtension::Smoothed)) => (lookback_ms, lookback_ms),
            (0, _) => (lookback_ms - 1, 0),
            (_, None) => (window_ms - 1, 0),
            (_, Some(RangeExtension::Anchored)) => (window_ms + lookback_ms, 0),
            (_, Some(RangeExtension::Smoothed)) => (window_ms + lookback_ms, lookback_ms),
        };
        let range = TimeRange::new(
            first.saturating_sub(offset_ms).saturating_sub(back),
            last.saturating_sub(offset_ms).saturating_add(ahead),
        );
        Ok(Lookup {
            slot: self.slot(&selector.matchers, range),
            at_ms,
            offset_ms,
            extension: selector.extension,
            stats_only: self.stats_above > 0 && self.buckets_above == 0,
            range: selector.range,
        })
    }

    fn slot(&mut self, matchers: &[Matcher], range: TimeRange) -> usize {
        let shared = self.slots.iter().position(|slot| {
            // One read of both ranges must not be much more than what each needs.
            slot.matchers == matchers && slot.range.overlaps(&range)
        });
        if let Some(found) = shared {
            let slot = &mut self.slots[found];
            slot.range.start_ms = slot.range.start_ms.min(range.start_ms);
            slot.range.end_ms = slot.range.end_ms.max(range.end_ms);
            slot.uses += 1;
            return found;
        }
        let one_name = matchers.iter().any(|matcher| {
            matcher.op == MatchOp::Equal && matcher.name == METRIC_NAME && !matcher.value.is_empty()
        }) && !matchers.is_empty();
        self.slots.push(Slot {
            matchers: matchers.to_vec(),
            range,
            uses: 1,
            one_name,
        });
        self.slots.len() - 1
    }
}

/// Marks a node as the same at each step. Windows are left alone: their users handle `@`.
fn wrapped(node: Node, invariant: bool) -> Node {
    match node {
        Node::Number(_)
        | Node::String(..)
        | Node::Matrix(..)
        | Node::Subquery(_)
        | Node::Invariant(_) => node,
        node if invariant => Node::Invariant(Box::new(node)),
        node => node,
    }
}

/// The labels that a selector pins down exactly: what `absent` answers with.
fn absent_labels(expr: &Expr) -> Labels {
    let matchers = match expr.unwrap_parens() {
        Expr::Vector(selector) => &selector.matchers,
        Expr::Matrix(matrix) => &matrix.selector.matchers,
        _ => return Labels::empty(),
    };
    let mut builder = bellwether_model::LabelsBuilder::default();
    let mut seen: Vec<&str> = Vec::new();
    for matcher in matchers.iter().filter(|m| m.name != METRIC_NAME) {
        if matcher.op == MatchOp::Equal && !seen.contains(&matcher.name.as_str()) {
            builder.set(&matcher.name, &matcher.value);
            seen.push(&matcher.name);
        } else {
            builder.remove(&matcher.name);
        }
    }
    builder.build()
}
