//! Panels: what they show, of which queries, how.

mod kind;

use std::borrow::Cow;

use crate::field::Field;
use crate::form::{Form, Reader, Style, Types, record, words};
use crate::node::{Node, NodeValue};
use crate::transformation::Transformation;

pub use kind::{
    AlertListOptions, BarStyle, Bars, ColorPlace, HeatmapOptions, HeatmapRows, HistogramOptions,
    Orientation, PanelKind, PieLabel, PieOptions, RowHeight, SortBy, StateOptions, TableOptions,
    TextKind, TextMode, TextOptions, ValueOptions, When,
};

record! {
    /// A panel.
    Panel(prepare = prepare, finish = finish) => {
        /// A number that no other panel of the dashboard has.
        id: u32 = 0,
        /// What its head says; variables are put in.
        title: String = String::new(),
        /// What it is for; Markdown.
        description: String = String::new(),
        /// What it shows.
        kind: PanelKind = PanelKind::TimeSeries,
        /// Of `unsupported`: why, for people.
        reason: String = String::new(),
        /// Where it stands.
        grid: Grid = Grid::default(),
        /// Whether it has no background.
        transparent: bool = false,
        /// The panel once for each value of a variable.
        repeat: Option<Repeat> = None,
        /// What is asked.
        queries: Vec<Query> = Vec::new(),
        /// The least step of its queries, such as `30s`.
        min_step: String = String::new(),
        /// Most points of a series; missing: the width of the panel in pixels.
        max_points: Option<u32> = None,
        /// A range of time of its own, that ends with that of the dashboard: `1h`, `now/d`.
        time_from: String = String::new(),
        /// How long before that of the dashboard its range ends: `1d`.
        time_shift: String = String::new(),
        /// Whether its head does not say that it has a range of its own.
        hide_time_override: bool = false,
        /// What is done with answers before they are shown, in order.
        transformations: Vec<Transformation> = Vec::new(),
        /// How values are shown.
        field: Field = Field::default(),
        /// How those of some are shown; later ones stand over earlier ones.
        overrides: Vec<Override> = Vec::new(),
        /// The legend.
        legend: Legend = Legend::default(),
        /// What is told of a point.
        tooltip: Tooltip = Tooltip::default(),
        /// Where its head leads.
        links: Vec<Link> = Vec::new(),
        /// Of `bar_chart`.
        bars: Option<Bars> = None,
        /// Of `stat`, `gauge`, `bar_gauge` and `pie`: how series become values.
        value: Option<ValueOptions> = None,
        /// Of `table`.
        table: Option<TableOptions> = None,
        /// Of `heatmap`.
        heatmap: Option<HeatmapOptions> = None,
        /// Of `pie`.
        pie: Option<PieOptions> = None,
        /// Of `histogram`.
        histogram: Option<HistogramOptions> = None,
        /// Of `state_timeline` and `status_history`.
        state: Option<StateOptions> = None,
        /// Of `text`.
        text: Option<TextOptions> = None,
        /// Of `alert_list`.
        alerts: Option<AlertListOptions> = None,
    }
}

/// Columns of the grid.
pub const COLUMNS: u32 = 24;
/// A place that is not said.
pub(crate) const UNPLACED: u32 = u32::MAX;

/// Where a panel stands, in columns of a 24th of the width and rows of 30 pixels and 8 between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Columns to its left.
    pub x: u32,
    /// Rows above it, in its row of panels.
    pub y: u32,
    /// Columns that it takes.
    pub w: u32,
    /// Rows that it takes.
    pub h: u32,
}

impl Default for Grid {
    fn default() -> Self {
        Self {
            x: UNPLACED,
            y: UNPLACED,
            w: 0,
            h: 0,
        }
    }
}

/// `{x, y, w, h}`, `[x, y, w, h]`, or `[w, h]` for the next place that is free.
impl Form for Grid {
    fn read(node: &Node, reader: &mut Reader) -> Self {
        match &node.value {
            NodeValue::List(items) => {
                let sizes = Vec::<u32>::read(node, reader);
                match sizes.as_slice() {
                    [x, y, w, h] => Self {
                        x: *x,
                        y: *y,
                        w: *w,
                        h: *h,
                    },
                    [w, h] => Self {
                        w: *w,
                        h: *h,
                        ..Self::default()
                    },
                    _ => {
                        let text =
                            format!("{} numbers given: want [x, y, w, h] or [w, h]", items.len());
                        reader.refuse(node, text);
                        Self::default()
                    }
                }
            }
            NodeValue::Mapping(entries) => {
                reader.only(entries, &["x", "y", "w", "h"]);
                let mut of = |key: &str, missing: u32| {
                    node.get(key).map_or(missing, |value| {
                        reader.at_key(key, |reader| u32::read(value, reader))
                    })
                };
                Self {
                    x: of("x", UNPLACED),
                    y: of("y", UNPLACED),
                    w: of("w", 0),
                    h: of("h", 0),
                }
            }
            NodeValue::Scalar { .. } => {
                let given = node.describe();
                reader.refuse(node, format!("{given} given: want [x, y, w, h] or [w, h]"));
                Self::default()
            }
        }
    }

    fn write(&self, style: Style) -> Option<Node> {
        let parts = [("x", self.x), ("y", self.y), ("w", self.w), ("h", self.h)];
        let node = |number: u32| Node::plain(number.to_string());
        Some(Node::new(match style {
            Style::Json => NodeValue::Mapping(
                parts
                    .map(|(key, number)| (key.to_owned(), node(number)))
                    .into(),
            ),
            Style::Yaml => {
                let placed = if self.x == UNPLACED {
                    &parts[2..]
                } else {
                    &parts[..]
                };
                NodeValue::List(placed.iter().map(|(_, number)| node(*number)).collect())
            }
        }))
    }

    fn describe(types: &mut Types) -> String {
        let text = "{\n  // Columns to its left, of 24.\n  x: number;\n  // Rows above it, in its row of panels.\n  y: number;\n  // Columns that it takes.\n  w: number;\n  // Rows of 30 pixels that it takes.\n  h: number;\n}";
        types.insert("Grid", text.to_owned());
        "Grid".to_owned()
    }
}

record! {
    /// Once for each value of a variable.
    Repeat(prepare = repeat_of_scalar) => {
        /// Which.
        variable: String = String::new(),
        /// Where the next one stands.
        direction: Direction = Direction::Horizontal,
        /// Most side by side; 0: as many as there is room for.
        max_per_row: u32 = 0,
    }
}

words! {
    /// A direction.
    Direction => {
        /// Side by side.
        Horizontal = "horizontal",
        /// One below the other.
        Vertical = "vertical",
    }
}

record! {
    /// A query.
    Query(prepare = query_of_scalar) => {
        /// What it is called in overrides and transformations: `A`, `B`, ….
        ref_id: String = String::new(),
        /// PromQL; variables and `$__interval`, `$__rate_interval`, `$__range` are put in.
        expr: String = String::new(),
        /// What its series are called: `{{label}}` is put in. Empty: by the labels that set them apart; `__verbose`: by metric and all
        /// labels; `__auto`: as Grafana calls them by itself.
        legend: String = String::new(),
        /// When it is asked for.
        mode: QueryMode = QueryMode::Range,
        /// What its answer is taken for.
        format: QueryFormat = QueryFormat::TimeSeries,
        /// The least step, such as `30s`; variables are put in.
        min_step: String = String::new(),
        /// The step is so many times as long.
        step_factor: u32 = 1,
        /// Whether it is asked, yet not shown.
        hidden: bool = false,
        /// Whether exemplars are asked for.
        exemplars: bool = false,
    }
}

words! {
    /// When a query is asked for.
    QueryMode => {
        /// Each step of the range of time.
        Range = "range",
        /// Its end.
        Instant = "instant",
        /// Both.
        Both = "both",
    }
}

words! {
    /// What an answer is taken for.
    QueryFormat => {
        /// A table of times and values for each series.
        TimeSeries = "time_series",
        /// One table of all, with a column for each label.
        Table = "table",
        /// Buckets, whose counts are of all below them.
        Heatmap = "heatmap",
    }
}

record! {
    /// How some values are shown.
    Override => {
        /// Which.
        matcher: Matcher = Matcher::default(),
        /// How.
        field: Field = Field::default(),
    }
}

record! {
    /// Some of the values.
    Matcher(prepare = matcher_of_scalar) => {
        /// By what they are found.
        by: MatcherBy = MatcherBy::Name,
        /// The name, expression, query or type.
        value: String = String::new(),
        /// Of `names`.
        names: Vec<String> = Vec::new(),
        /// Of `names`: all but these.
        is_exclude: bool = false,
        /// Of `value`: what of a series is compared.
        calc: Option<Calc> = None,
        /// Of `value`: how: `>`, `>=`, `<`, `<=`, `==`, `!=`.
        op: String = String::new(),
    }
}

words! {
    /// By what values are found.
    MatcherBy => {
        /// Their name.
        Name = "name",
        /// One of several names.
        Names = "names",
        /// A regular expression that is somewhere in their name, or /…/ with flags.
        Regex = "regex",
        /// The query that they are of.
        Query = "query",
        /// Their type: number, string, time, boolean.
        Type = "type",
        /// What they come to.
        Value = "value",
    }
}

words! {
    /// What becomes one value of many.
    Calc => {
        /// The last that is a value.
        LastNotNull = "last_not_null",
        /// The last.
        Last = "last",
        /// The first that is a value.
        FirstNotNull = "first_not_null",
        /// The first.
        First = "first",
        /// The least.
        Min = "min",
        /// The greatest.
        Max = "max",
        /// Their mean.
        Mean = "mean",
        /// The one in the middle.
        Median = "median",
        /// Their sum.
        Sum = "sum",
        /// How many there are.
        Count = "count",
        /// Greatest less least.
        Range = "range",
        /// By how much it grew, resets left out.
        Delta = "delta",
        /// The least distance of times.
        Step = "step",
        /// Last less first.
        Diff = "diff",
        /// The same in percent of the first.
        DiffPercent = "diff_percent",
        /// The least above zero.
        LogMin = "log_min",
        /// Whether all are zero.
        AllIsZero = "all_is_zero",
        /// Whether there is none.
        AllIsNull = "all_is_null",
        /// How often it changed.
        ChangeCount = "change_count",
        /// How many are different.
        DistinctCount = "distinct_count",
        /// Their variance.
        Variance = "variance",
        /// Their standard deviation.
        StdDev = "std_dev",
        /// All of them.
        AllValues = "all_values",
        /// Those that are different.
        UniqueValues = "unique_values",
        /// The total over all, for legends: the sum.
        Total = "total",
        /// The value below which 1 % are.
        P1 = "p1",
        /// 5 %.
        P5 = "p5",
        /// 10 %.
        P10 = "p10",
        /// 25 %.
        P25 = "p25",
        /// 50 %.
        P50 = "p50",
        /// 75 %.
        P75 = "p75",
        /// 90 %.
        P90 = "p90",
        /// 95 %.
        P95 = "p95",
        /// 99 %.
        P99 = "p99",
    }
}

record! {
    /// A legend.
    Legend => {
        /// Its form.
        mode: LegendMode = LegendMode::List,
        /// Where it is.
        placement: Placement = Placement::Bottom,
        /// What it says of each series.
        calcs: Vec<Calc> = Vec::new(),
        /// By which column a table is sorted, as people see it: `Name`, `Max`, `Last *`; empty: not at all.
        sort_by: String = String::new(),
        /// Whether the greatest comes first.
        sort_descending: bool = false,
        /// Its width to the right, in pixels.
        width: Option<f64> = None,
        /// Of `pie`: whether it has the value.
        value: bool = false,
        /// Of `pie`: whether it has the percentage.
        percent: bool = false,
    }
}

words! {
    /// The form of a legend.
    LegendMode => {
        /// Names one behind the other.
        List = "list",
        /// A table.
        Table = "table",
        /// There is none.
        Hidden = "hidden",
    }
}

words! {
    /// Where a legend is.
    Placement => {
        /// Below.
        Bottom = "bottom",
        /// To the right.
        Right = "right",
    }
}

record! {
    /// What is told of a point.
    Tooltip => {
        /// Of which series.
        mode: TooltipMode = TooltipMode::Single,
        /// Their order.
        sort: TooltipSort = TooltipSort::None,
        /// Whether those at zero are left out.
        hide_zeros: bool = false,
    }
}

words! {
    /// Of which series something is told.
    TooltipMode => {
        /// The nearest.
        Single = "single",
        /// All.
        All = "all",
        /// None.
        None = "none",
    }
}

words! {
    /// An order of series.
    TooltipSort => {
        /// As they are drawn.
        None = "none",
        /// The least first.
        Ascending = "asc",
        /// The greatest first.
        Descending = "desc",
    }
}

record! {
    /// A link.
    Link => {
        /// What it says.
        title: String = String::new(),
        /// Where it leads; variables and `${__value.text}`, `${__field.labels.x}` and the like are put in.
        url: String = String::new(),
        /// Whether it opens a new tab.
        new_tab: bool = false,
    }
}

/// A scalar stands for a record of which only one key is said.
pub(crate) fn scalar_as<'a>(node: Cow<'a, Node>, key: &str) -> Cow<'a, Node> {
    if !matches!(node.value, NodeValue::Scalar { .. }) || node.is_null() {
        return node;
    }
    let place = node.place;
    let inner = node.into_owned();
    Cow::Owned(Node {
        value: NodeValue::Mapping(vec![(key.to_owned(), inner)]),
        place,
    })
}

fn repeat_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "variable")
}

fn query_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "expr")
}

fn matcher_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "value")
}

/// In YAML the keys of a field stand in the panel itself, and one query needs no list.
fn prepare<'a>(node: Cow<'a, Node>, reader: &mut Reader) -> Cow<'a, Node> {
    let NodeValue::Mapping(entries) = &node.value else {
        return node;
    };
    if reader.style == Style::Json {
        return node;
    }
    if let Some(field) = node.get("field") {
        reader.at_key("field", |reader| {
            reader.refuse(field, "is no key here: its keys stand in the panel itself");
        });
        return node;
    }
    let is_field = |key: &str| Field::KEYS.contains(&key);
    let of_field = |(key, _): &&(String, Node)| is_field(key);
    let fields: Vec<(String, Node)> = entries.iter().filter(of_field).cloned().collect();
    let mut own: Vec<(String, Node)> = entries
        .iter()
        .filter(|(key, _)| !is_field(key))
        .cloned()
        .collect();
    for (key, value) in &mut own {
        if key == "queries" && !matches!(value.value, NodeValue::List(_)) && !value.is_null() {
            let one = value.clone();
            value.value = NodeValue::List(vec![one]);
        }
    }
    if !fields.is_empty() {
        let place = node.place;
        let value = NodeValue::Mapping(fields);
        own.push(("field".to_owned(), Node { value, place }));
    }
    Cow::Owned(Node {
        value: NodeValue::Mapping(own),
        place: node.place,
    })
}

const OPTION_KEYS: [&str; 9] = [
    "bars",
    "value",
    "table",
    "heatmap",
    "pie",
    "histogram",
    "state",
    "text",
    "alerts",
];

/// The same the other way round.
fn finish(panel: &Panel, mut node: Node, style: Style) -> Node {
    let NodeValue::Mapping(entries) = &mut node.value else {
        return node;
    };
    if style == Style::Json {
        return node;
    }
    // Options of which nothing is said are there by the kind.
    entries.retain(|(key, value)| {
        !OPTION_KEYS.contains(&key.as_str())
            || !matches!(&value.value, NodeValue::Mapping(entries) if entries.is_empty())
    });
    if let Some(at) = entries.iter().position(|(key, _)| key == "field") {
        let (_, field) = entries.remove(at);
        if let NodeValue::Mapping(fields) = field.value {
            entries.splice(at..at, fields);
        }
    }
    if let [query] = panel.queries.as_slice()
        && let Some((_, value)) = entries.iter_mut().find(|(key, _)| key == "queries")
    {
        let plain = Query {
            ref_id: query.ref_id.clone(),
            expr: query.expr.clone(),
            ..Query::default()
        };
        if *query == plain && query.ref_id.is_empty() {
            *value = Node::text(query.expr.as_str());
        } else if let NodeValue::List(items) = &mut value.value
            && let Some(one) = items.pop()
        {
            *value = one;
        }
    }
    node
}
