//! Trees as text: the canonical form, and the form for people.
//!
//! Both are byte for byte what Prometheus prints, since people compare them and tools cache by
//! them. The canonical form parses back to an equal tree.

use std::fmt::{self, Write as _};

use bellwether_model::number::{General, Plain};
use bellwether_model::time::DurationText;
use bellwether_model::utf8_name::is_legacy_label_name;
use bellwether_model::{METRIC_NAME, MatchOp, Matcher};

use crate::ast::{
    Aggregate, AtModifier, Binary, BinaryOp, Call, DurationExpr, DurationKind, Expr,
    MatchCardinality, MatrixSelector, NumberLiteral, Paren, RangeExtension, Subquery, Unary,
    UnaryOp, VectorSelector,
};
use crate::quote::quoted;

/// Longest line of the form for people; longer nodes are split. The number of Prometheus.
const LINE_BYTES_MAX: usize = 100;

/// Labels of a list, separated by commas; those that are no plain words in quotes.
struct LabelList<'a>(&'a [String]);

impl fmt::Display for LabelList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, label) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            if is_legacy_label_name(label) {
                f.write_str(label)?;
            } else {
                write!(f, "{}", quoted(label))?;
            }
        }
        Ok(())
    }
}

struct ShortMatcher<'a>(&'a Matcher);

impl fmt::Display for ShortMatcher<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let matcher = self.0;
        if is_legacy_label_name(&matcher.name) {
            f.write_str(&matcher.name)?;
        } else {
            write!(f, "{}", quoted(&matcher.name))?;
        }
        write!(f, "{}{}", matcher.op.as_str(), quoted(&matcher.value))
    }
}

impl fmt::Display for NumberLiteral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_duration {
            return write!(f, "{}", Plain(self.value));
        }
        // Seconds to nanoseconds, of which only whole milliseconds are written.
        let ms = (self.value.abs() * 1e9) as i64 / 1_000_000;
        let sign = if self.value < 0.0 { "-" } else { "" };
        write!(f, "{sign}{}", DurationText(ms))
    }
}

impl fmt::Display for DurationExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wrapped {
            f.write_str("(")?;
        }
        match &self.kind {
            DurationKind::Number(number) => write!(f, "{number}")?,
            DurationKind::Step => f.write_str("step()")?,
            DurationKind::Range => f.write_str("range()")?,
            DurationKind::MinOf(lhs, rhs) => write!(f, "min_of({lhs}, {rhs})")?,
            DurationKind::MaxOf(lhs, rhs) => write!(f, "max_of({lhs}, {rhs})")?,
            DurationKind::Unary(UnaryOp::Plus, operand) => write!(f, "{operand}")?,
            DurationKind::Unary(UnaryOp::Minus, operand) => write!(f, "-{operand}")?,
            DurationKind::Binary(op, lhs, rhs) => write!(f, "{lhs} {} {rhs}", op.as_str())?,
        }
        if self.wrapped {
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// A duration that is a literal or must be computed.
struct EitherDuration<'a>(i64, Option<&'a DurationExpr>);

impl fmt::Display for EitherDuration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(expr) => write!(f, "{expr}"),
            None => write!(f, "{}", DurationText(self.0)),
        }
    }
}

fn write_at(f: &mut fmt::Formatter<'_>, at: Option<AtModifier>) -> fmt::Result {
    match at {
        Some(AtModifier::Time(ms)) => write!(f, " @ {:.3}", ms as f64 / 1000.0),
        Some(AtModifier::Start) => f.write_str(" @ start()"),
        Some(AtModifier::End) => f.write_str(" @ end()"),
        None => Ok(()),
    }
}

fn write_offset(
    f: &mut fmt::Formatter<'_>,
    offset_ms: i64,
    offset_expr: Option<&DurationExpr>,
) -> fmt::Result {
    if offset_ms == 0 && offset_expr.is_none() {
        return Ok(());
    }
    write!(f, " offset {}", EitherDuration(offset_ms, offset_expr))
}

fn write_extension(f: &mut fmt::Formatter<'_>, extension: Option<RangeExtension>) -> fmt::Result {
    f.write_str(match extension {
        Some(RangeExtension::Anchored) => " anchored",
        Some(RangeExtension::Smoothed) => " smoothed",
        None => "",
    })
}

impl VectorSelector {
    /// Name and conditions, without modifiers.
    fn write_series(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let stands_before_braces = |matcher: &&Matcher| {
            matcher.name == METRIC_NAME
                && matcher.op == MatchOp::Equal
                && matcher.value == self.name
                && !matcher.value.is_empty()
        };
        let mut matchers: Vec<String> = self
            .matchers
            .iter()
            .filter(|matcher| !stands_before_braces(matcher))
            .map(|matcher| ShortMatcher(matcher).to_string())
            .collect();
        if matchers.is_empty() {
            // Only the second argument of `info()` can select everything. Prometheus prints nothing
            // there, which does not parse.
            return f.write_str(if self.name.is_empty() { "{}" } else { "" });
        }
        matchers.sort_unstable();
        write!(f, "{{{}}}", matchers.join(","))
    }
}

impl fmt::Display for VectorSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_series(f)?;
        write_at(f, self.at)?;
        write_extension(f, self.extension)?;
        write_offset(f, self.offset_ms, self.offset_expr.as_deref())
    }
}

impl fmt::Display for MatrixSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let selector = &self.selector;
        selector.write_series(f)?;
        let window = EitherDuration(self.window_ms, self.window_expr.as_deref());
        write!(f, "[{window}]")?;
        write_extension(f, selector.extension)?;
        write_at(f, selector.at)?;
        write_offset(f, selector.offset_ms, selector.offset_expr.as_deref())
    }
}

/// `[5m:1m] @ 10 offset 1m`
struct SubquerySuffix<'a>(&'a Subquery);

impl fmt::Display for SubquerySuffix<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.0;
        let window = EitherDuration(node.window_ms, node.window_expr.as_deref());
        write!(f, "[{window}:")?;
        if node.step_ms != 0 || node.step_expr.is_some() {
            let step = EitherDuration(node.step_ms, node.step_expr.as_deref());
            write!(f, "{step}")?;
        }
        f.write_str("]")?;
        write_at(f, node.at)?;
        write_offset(f, node.offset_ms, node.offset_expr.as_deref())
    }
}

impl fmt::Display for Subquery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.expr, SubquerySuffix(self))
    }
}

fn write_joined(f: &mut fmt::Formatter<'_>, exprs: &[Expr]) -> fmt::Result {
    for (index, expr) in exprs.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write!(f, "{expr}")?;
    }
    Ok(())
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name)?;
        write_joined(f, &self.args)?;
        f.write_str(")")
    }
}

/// `sum by (a) `
struct AggregateHead<'a>(&'a Aggregate);

impl fmt::Display for AggregateHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.0;
        f.write_str(node.op.as_str())?;
        let labels = LabelList(&node.grouping);
        if node.without {
            write!(f, " without ({labels}) ")
        } else if !node.grouping.is_empty() {
            write!(f, " by ({labels}) ")
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Aggregate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", AggregateHead(self))?;
        if let Some(param) = &self.param {
            write!(f, "{param}, ")?;
        }
        write!(f, "{})", self.expr)
    }
}

/// The operator with its modifiers, without spaces around.
struct BinaryHead<'a>(&'a Binary);

impl fmt::Display for BinaryHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let node = self.0;
        f.write_str(node.op.as_str())?;
        if node.return_bool {
            f.write_str(" bool")?;
        }
        let Some(matching) = &node.matching else {
            return Ok(());
        };
        let group = match matching.card {
            MatchCardinality::ManyToOne => Some("left"),
            MatchCardinality::OneToMany => Some("right"),
            _ => None,
        };
        if !matching.labels.is_empty() || matching.on || group.is_some() {
            let word = if matching.on { "on" } else { "ignoring" };
            write!(f, " {word} ({})", LabelList(&matching.labels))?;
        }
        if let Some(side) = group {
            write!(f, " group_{side} ({})", LabelList(&matching.include))?;
        }
        match (matching.fill.left, matching.fill.right) {
            (Some(left), Some(right)) if left == right => write!(f, " fill ({})", General(left)),
            (left, right) => {
                if let Some(left) = left {
                    write!(f, " fill_left ({})", General(left))?;
                }
                if let Some(right) = right {
                    write!(f, " fill_right ({})", General(right))?;
                }
                Ok(())
            }
        }
    }
}

/// Whether it is a power of infinity. That is written as `+Inf` elsewhere, but a sign binds less than
/// a power: it would be read as the sign of the whole.
fn has_infinite_base(node: &Binary) -> bool {
    node.op == BinaryOp::Pow
        && matches!(node.lhs, Expr::Number(ref n) if !n.is_duration && n.value == f64::INFINITY)
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if has_infinite_base(self) {
            return write!(f, "Inf {} {}", BinaryHead(self), self.rhs);
        }
        write!(f, "{} {} {}", self.lhs, BinaryHead(self), self.rhs)
    }
}

impl fmt::Display for Unary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.op.as_str(), self.expr)
    }
}

impl fmt::Display for Paren {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.expr)
    }
}

/// The canonical form.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(node) => write!(f, "{node}"),
            Self::String(node) => f.write_str(&node.quoted()),
            Self::Vector(node) => write!(f, "{node}"),
            Self::Matrix(node) => write!(f, "{node}"),
            Self::Subquery(node) => write!(f, "{node}"),
            Self::Call(node) => write!(f, "{node}"),
            Self::Aggregate(node) => write!(f, "{node}"),
            Self::Binary(node) => write!(f, "{node}"),
            Self::Unary(node) => write!(f, "{node}"),
            Self::Paren(node) => write!(f, "{node}"),
        }
    }
}

impl Expr {
    /// The form for people: what is longer than 100 bytes is split into indented lines.
    #[must_use]
    pub fn pretty(&self) -> String {
        self.pretty_within(LINE_BYTES_MAX)
    }

    /// [`Expr::pretty`] with another length from which on a line is split.
    #[must_use]
    pub fn pretty_within(&self, line_bytes_max: usize) -> String {
        let mut out = String::new();
        self.pretty_into(line_bytes_max, 0, &mut out);
        out
    }

    fn pretty_into(&self, line_bytes_max: usize, level: usize, out: &mut String) {
        let flat = self.to_string();
        let is_long = flat.len() > line_bytes_max;
        // Writing into a String cannot fail.
        let put = |out: &mut String, args: fmt::Arguments<'_>| {
            let _infallible = out.write_fmt(args);
        };
        match self {
            Self::Subquery(node) => {
                // A short one is not indented: so does Prometheus.
                if is_long {
                    node.expr.pretty_into(line_bytes_max, level, out);
                    put(out, format_args!("{}", SubquerySuffix(node)));
                } else {
                    out.push_str(&flat);
                }
            }
            Self::Unary(node) => {
                let mut operand = String::new();
                node.expr.pretty_into(line_bytes_max, level, &mut operand);
                indent(level, out);
                put(out, format_args!("{}{}", node.op.as_str(), operand.trim()));
            }
            Self::Aggregate(node) if is_long => {
                indent(level, out);
                put(out, format_args!("{}(\n", AggregateHead(node)));
                if let Some(param) = &node.param {
                    param.pretty_into(line_bytes_max, level + 1, out);
                    out.push_str(",\n");
                }
                node.expr.pretty_into(line_bytes_max, level + 1, out);
                close(level, out);
            }
            Self::Binary(node) if is_long => {
                if has_infinite_base(node) {
                    indent(level + 1, out);
                    out.push_str("Inf");
                } else {
                    node.lhs.pretty_into(line_bytes_max, level + 1, out);
                }
                out.push('\n');
                indent(level, out);
                put(out, format_args!("{}\n", BinaryHead(node)));
                node.rhs.pretty_into(line_bytes_max, level + 1, out);
            }
            Self::Call(node) if is_long => {
                indent(level, out);
                put(out, format_args!("{}(\n", node.function.name));
                for (index, arg) in node.args.iter().enumerate() {
                    if index > 0 {
                        out.push_str(",\n");
                    }
                    arg.pretty_into(line_bytes_max, level + 1, out);
                }
                close(level, out);
            }
            Self::Paren(node) if is_long => {
                indent(level, out);
                out.push_str("(\n");
                node.expr.pretty_into(line_bytes_max, level + 1, out);
                close(level, out);
            }
            _ => {
                indent(level, out);
                out.push_str(&flat);
            }
        }
    }
}

fn indent(level: usize, out: &mut String) {
    for _ in 0..level {
        out.push_str("  ");
    }
}

fn close(level: usize, out: &mut String) {
    out.push('\n');
    indent(level, out);
    out.push(')');
}
