//! Kinds of panels, and what each has of its own.

use std::borrow::Cow;

use super::{Calc, TooltipSort, scalar_as};
use crate::field::{Align, AxisSide, Stacking};
use crate::form::{Reader, record, words};
use crate::node::Node;

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
        y_axis: AxisSide = AxisSide::Left,
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
        align: Align = Align::Left,
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

fn sort_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "field")
}
