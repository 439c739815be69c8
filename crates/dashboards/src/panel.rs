//! Panels: what they show, of which queries, how.

use std::borrow::Cow;

use crate::field::{Field, Stacking};
use crate::form::{Form, Reader, Style, Types, record, words};
use crate::node::{Node, NodeValue};
use crate::transformation::Transformation;

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

words! {
    /// What a panel shows.
    PanelKind => {
        /// Lines, areas, bars or points over time.
        TimeSeries = "time_series",
        /// Values in great letters.
        Stat = "stat",
        /// Values on dials.
        Gauge = "gauge",
        /// Values as bars side by side.
        BarGauge = "bar_gauge",
        /// Rows and columns.
        Table = "table",
        /// How many there are in each bucket over time.
        Heatmap = "heatmap",
        /// Bars of categories.
        BarChart = "bar_chart",
        /// Shares of a whole.
        Pie = "pie",
        /// How often values are.
        Histogram = "histogram",
        /// States over time, from change to change.
        StateTimeline = "state_timeline",
        /// States over time, at each step.
        StatusHistory = "status_history",
        /// Text.
        Text = "text",
        /// Alerts that are pending or fire.
        AlertList = "alert_list",
        /// Something that cannot be shown.
        Unsupported = "unsupported",
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

record! {
    /// Bars of categories.
    Bars => {
        /// Their direction; missing: where there is room.
        orientation: Orientation = Orientation::Auto,
        /// The field whose values are the categories; empty: the first text or time.
        x_field: String = String::new(),
        /// The field whose value is the colour; empty: none.
        color_field: String = String::new(),
        /// How series stand on one another.
        stacking: Stacking = Stacking::None,
        /// Whether numbers stand at the bars.
        show_value: When = When::Auto,
        /// The width of a group, as a share: 0 to 1.
        group_width: f64 = 0.7,
        /// The width of a bar in its group, as a share: 0 to 1.
        bar_width: f64 = 0.97,
        /// By how many degrees names of categories are turned.
        label_rotation: f64 = 0.0,
        /// Most characters of a name; 0: all.
        label_chars_max: u32 = 0,
    }
}

words! {
    /// The direction of bars and values.
    Orientation => {
        /// Where there is room.
        Auto = "auto",
        /// Side by side; bars lie.
        Horizontal = "horizontal",
        /// One below the other; bars stand.
        Vertical = "vertical",
    }
}

words! {
    /// When something is shown.
    When => {
        /// Where there is room.
        Auto = "auto",
        /// Always.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

record! {
    /// How series become values, and how those are shown.
    ValueOptions => {
        /// What becomes one value of a series.
        calcs: Vec<Calc> = vec![Calc::LastNotNull],
        /// Whether every row is a value, rather than one of each series.
        all_values: bool = false,
        /// Most values; missing: all.
        limit: Option<u32> = None,
        /// Which fields: a name, or /…/; empty: those that are numbers.
        fields: String = String::new(),
        /// Their direction.
        orientation: Orientation = Orientation::Auto,
        /// What is written.
        text: TextMode = TextMode::Auto,
        /// Of `stat`: what has the colour.
        color: ColorPlace = ColorPlace::Value,
        /// Of `stat`: whether there is a small graph.
        graph: bool = true,
        /// Of `stat`: whether the text stands in the middle.
        centered: bool = false,
        /// Of `stat`: whether the change is told, in percent.
        percent_change: bool = false,
        /// Of `bar_gauge`: how bars are drawn.
        bar_style: BarStyle = BarStyle::Gradient,
        /// Of `bar_gauge`: whether what is not reached is drawn.
        show_unfilled: bool = true,
        /// Of `gauge`: whether numbers stand at thresholds.
        threshold_labels: bool = false,
        /// Of `gauge`: whether thresholds are drawn.
        threshold_markers: bool = true,
        /// The size of names, in pixels; missing: as large as there is room.
        name_size: Option<f64> = None,
        /// The size of values, in pixels.
        value_size: Option<f64> = None,
    }
}

words! {
    /// What is written of a value.
    TextMode => {
        /// The value, and its name where there are several.
        Auto = "auto",
        /// The value.
        Value = "value",
        /// Value and name.
        ValueAndName = "value_and_name",
        /// The name.
        Name = "name",
        /// Nothing.
        None = "none",
    }
}

words! {
    /// What has the colour.
    ColorPlace => {
        /// The text.
        Value = "value",
        /// What is behind it.
        Background = "background",
        /// The same in one colour without a gradient.
        BackgroundSolid = "background_solid",
        /// Nothing.
        None = "none",
    }
}

words! {
    /// How bars are drawn.
    BarStyle => {
        /// From one colour to the next.
        Gradient = "gradient",
        /// In small steps.
        Lcd = "lcd",
        /// In one colour.
        Basic = "basic",
    }
}

record! {
    /// Of tables.
    TableOptions => {
        /// Whether names stand above columns.
        show_header: bool = true,
        /// The height of rows: small, medium or large.
        row_height: RowHeight = RowHeight::Small,
        /// By which columns it is sorted, as people see their names.
        sort_by: Vec<SortBy> = Vec::new(),
        /// What the last row says; empty: there is none.
        footer_calcs: Vec<Calc> = Vec::new(),
        /// Of which columns; empty: of all numbers.
        footer_fields: Vec<String> = Vec::new(),
        /// Whether it has pages.
        has_pages: bool = false,
        /// Which of several answers is shown at first.
        frame: u32 = 0,
    }
}

words! {
    /// The height of rows.
    RowHeight => {
        /// One line.
        Small = "small",
        /// More.
        Medium = "medium",
        /// Much more.
        Large = "large",
        /// As high as it takes.
        Auto = "auto",
    }
}

record! {
    /// A column by which is sorted.
    SortBy(prepare = sort_of_scalar) => {
        /// Its name.
        field: String = String::new(),
        /// Whether the greatest comes first.
        descending: bool = false,
    }
}

record! {
    /// Of heat maps.
    HeatmapOptions => {
        /// Whether values are counted into buckets here, rather than by the query.
        calculate: bool = false,
        /// The width of buckets of `calculate`: a duration, or a number of buckets.
        x_bucket: String = String::new(),
        /// The height of buckets of `calculate`: a size, or a number of buckets.
        y_bucket: String = String::new(),
        /// Whether these are numbers of buckets.
        buckets_are_counts: bool = false,
        /// The names of rows are their upper bounds (`le`), their lower ones (`ge`), or neither.
        rows: HeatmapRows = HeatmapRows::Auto,
        /// The unit of the axis.
        y_unit: String = String::new(),
        /// Digits of the axis.
        y_decimals: Option<u32> = None,
        /// The least of the axis.
        y_min: Option<f64> = None,
        /// The greatest of it.
        y_max: Option<f64> = None,
        /// Whether it is upside down.
        y_reverse: bool = false,
        /// Where it is.
        y_axis: crate::field::AxisSide = crate::field::AxisSide::Left,
        /// What stands along it.
        y_label: String = String::new(),
        /// The colours: the name of a scheme such as `Oranges`, `Turbo`, `Spectral`; empty: `fill`, more or less opaque.
        scheme: String = "Oranges".to_owned(),
        /// The colour where there is no scheme.
        fill: String = "dark-orange".to_owned(),
        /// Whether colours follow the exponential `exponent` or the logarithm.
        exponential: bool = true,
        /// The exponent.
        exponent: f64 = 0.5,
        /// How many colours.
        steps: u32 = 64,
        /// Whether they are the other way round.
        reverse: bool = false,
        /// The value of the first colour; missing: the least.
        color_min: Option<f64> = None,
        /// The value of the last.
        color_max: Option<f64> = None,
        /// Cells up to this value are not drawn.
        hide_up_to: Option<f64> = None,
        /// Cells from this value on are not drawn.
        hide_from: Option<f64> = None,
        /// Pixels between cells.
        cell_gap: f64 = 1.0,
        /// Whether the colours are explained.
        show_legend: bool = true,
        /// Whether what is told of a cell has a histogram.
        tooltip_histogram: bool = false,
        /// The unit of what is counted.
        cell_unit: String = String::new(),
    }
}

words! {
    /// What the names of rows of a heat map are.
    HeatmapRows => {
        /// As the answer says.
        Auto = "auto",
        /// Upper bounds.
        Le = "le",
        /// Lower bounds.
        Ge = "ge",
        /// Names.
        Unknown = "unknown",
    }
}

record! {
    /// Of pies.
    PieOptions => {
        /// Whether it has a hole.
        donut: bool = false,
        /// What stands in the slices.
        labels: Vec<PieLabel> = Vec::new(),
        /// Their order.
        sort: TooltipSort = TooltipSort::Descending,
    }
}

words! {
    /// What stands in a slice.
    PieLabel => {
        /// Its name.
        Name = "name",
        /// Its value.
        Value = "value",
        /// Its share.
        Percent = "percent",
    }
}

record! {
    /// Of histograms.
    HistogramOptions => {
        /// The width of a bucket; missing: as `bucket_count` gives it.
        bucket_size: Option<f64> = None,
        /// About how many buckets there are.
        bucket_count: u32 = 30,
        /// Where the first begins.
        bucket_offset: f64 = 0.0,
        /// Whether all series are one.
        combine: bool = false,
    }
}

record! {
    /// Of states over time.
    StateOptions => {
        /// Whether values are written into states.
        show_value: When = When::Auto,
        /// Whether equal states side by side are one.
        merge: bool = true,
        /// The height of a row, as a share: 0 to 1.
        row_height: f64 = 0.9,
        /// The width of a step, as a share: 0 to 1.
        column_width: f64 = 0.9,
        /// Where values stand.
        align: crate::field::Align = crate::field::Align::Left,
        /// Rows of a page; 0: all.
        per_page: u32 = 0,
    }
}

record! {
    /// A text.
    TextOptions => {
        /// How it is written.
        mode: TextKind = TextKind::Markdown,
        /// What it says; variables are put in.
        content: String = String::new(),
    }
}

words! {
    /// How a text is written.
    TextKind => {
        /// As Markdown.
        Markdown = "markdown",
        /// As HTML, of which scripts, styles, frames and images from elsewhere are left out.
        Html = "html",
        /// As it is.
        Code = "code",
    }
}

record! {
    /// Which alerts are listed.
    AlertListOptions => {
        /// Whether only those are that fire, rather than those that are pending too.
        only_firing: bool = false,
        /// What is somewhere in their name.
        name: String = String::new(),
        /// Matchers of their labels, as in PromQL: `{severity="page"}`.
        labels: String = String::new(),
        /// Most of them.
        limit: u32 = 20,
        /// Labels by which they stand together.
        group_by: Vec<String> = Vec::new(),
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

fn sort_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "field")
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
