//! How values are shown: unit, colour, thresholds, lines, cells.
//!
//! ## Model
//! All of a [`Field`] is optional. A panel has one for all values, and overrides that stand over it for those of some.

use std::borrow::Cow;

use crate::form::{Pairs, Reader, record, words};
use crate::node::Node;
use crate::panel::{Calc, Link, scalar_as};

record! {
    /// How values are shown.
    Field => {
        /// A unit: see docs/user/dashboards.md. Any other text stands behind the number.
        unit: Option<String> = None,
        /// Digits behind the point.
        decimals: Option<u32> = None,
        /// The least value of an axis or gauge.
        min: Option<f64> = None,
        /// The greatest.
        max: Option<f64> = None,
        /// The least where values do not go beyond it.
        soft_min: Option<f64> = None,
        /// The greatest where values do not go beyond it.
        soft_max: Option<f64> = None,
        /// What it is called, in place of the legend; `${__field.name}`, `${__field.labels.x}` and `${__series.name}` are put in.
        display_name: Option<String> = None,
        /// What is shown where there is no value.
        no_value: Option<String> = None,
        /// Its colour.
        color: Option<Color> = None,
        /// Values from which on it has another colour.
        thresholds: Option<Thresholds> = None,
        /// Whether thresholds are drawn in graphs, and how.
        threshold_style: Option<ThresholdStyle> = None,
        /// Texts and colours in place of values.
        mappings: Option<Vec<Mapping>> = None,
        /// Links of a value.
        data_links: Option<Vec<Link>> = None,
        /// What is drawn of a series.
        draw: Option<Draw> = None,
        /// The width of lines, in pixels.
        line_width: Option<f64> = None,
        /// How opaque what is below a line is: 0 to 100. More than 0 makes an area.
        fill: Option<f64> = None,
        /// What the fill does on its way down.
        gradient: Option<Gradient> = None,
        /// The series down to whose line this one is filled.
        fill_below_to: Option<String> = None,
        /// How points are joined.
        interpolation: Option<Interpolation> = None,
        /// How lines are drawn.
        line_style: Option<LineStyle> = None,
        /// When points are drawn.
        points: Option<ShowPoints> = None,
        /// The diameter of points, in pixels.
        point_size: Option<f64> = None,
        /// What a line does where there is nothing.
        nulls: Option<Nulls> = None,
        /// Up to which gap `connect` joins, such as `1h`; missing: any.
        connect_up_to: Option<String> = None,
        /// How series stand on one another.
        stacking: Option<Stacking> = None,
        /// The stack that a series belongs to.
        stack_group: Option<String> = None,
        /// What is done with values before they are drawn.
        transform: Option<DrawTransform> = None,
        /// How wide bars are, as a share of what there is: 0 to 1.
        bar_width: Option<f64> = None,
        /// Where bars stand beside their time: before (-1), on (0) or behind it (1).
        bar_alignment: Option<f64> = None,
        /// Which axis it belongs to.
        axis: Option<AxisSide> = None,
        /// What stands along the axis.
        axis_label: Option<String> = None,
        /// The width of the axis, in pixels.
        axis_width: Option<f64> = None,
        /// How values are spread along the axis.
        scale: Option<Scale> = None,
        /// The base of `log`.
        log_base: Option<f64> = None,
        /// Up to which value `symlog` is linear.
        linear_threshold: Option<f64> = None,
        /// Whether zero stands in the middle.
        centered_zero: Option<bool> = None,
        /// Whether the grid of the axis is drawn; missing: of the first axis.
        grid_lines: Option<bool> = None,
        /// Whether the axis has the colour of its series.
        axis_in_series_color: Option<bool> = None,
        /// Where it is not shown.
        hidden_in: Option<Vec<HiddenIn>> = None,
        /// Of tables: whether the column is left out.
        hidden: Option<bool> = None,
        /// Of tables: the width of the column, in pixels.
        column_width: Option<f64> = None,
        /// Of tables: the least width of the column, in pixels.
        column_width_min: Option<f64> = None,
        /// Of tables: where texts stand in the column.
        align: Option<Align> = None,
        /// Of tables: what a cell shows.
        cell: Option<Cell> = None,
        /// Of tables: whether the column can be filtered.
        filterable: Option<bool> = None,
        /// Of tables: what the last row says of the column.
        footer_calcs: Option<Vec<Calc>> = None,
    }
}

record! {
    /// A colour, or how it is found.
    Color(prepare = color_of_scalar) => {
        /// How.
        mode: ColorMode = ColorMode::Fixed,
        /// The colour of `fixed` and `shades`: `red`, `dark-blue`, `#1f60c4`.
        color: String = String::new(),
        /// Which value of a series decides.
        by: ColorBy = ColorBy::Last,
    }
}

words! {
    /// How a colour is found.
    ColorMode => {
        /// This one.
        Fixed = "fixed",
        /// Shades of this one.
        Shades = "shades",
        /// That of the threshold that is reached.
        Thresholds = "thresholds",
        /// One after another.
        Palette = "palette",
        /// One by the name of the series, always the same.
        PaletteByName = "palette_by_name",
        /// By the value, from green to red.
        GreenYellowRed = "green_yellow_red",
        /// From red to green.
        RedYellowGreen = "red_yellow_green",
        /// From blue to red.
        BlueYellowRed = "blue_yellow_red",
        /// From yellow to red.
        YellowRed = "yellow_red",
        /// From blue to purple.
        BluePurple = "blue_purple",
        /// From yellow to blue.
        YellowBlue = "yellow_blue",
        /// Shades of blue by the value.
        Blues = "blues",
        /// Of red.
        Reds = "reds",
        /// Of green.
        Greens = "greens",
        /// Of purple.
        Purples = "purples",
    }
}

words! {
    /// Which value of a series decides its colour.
    ColorBy => {
        /// The newest.
        Last = "last",
        /// The least.
        Min = "min",
        /// The greatest.
        Max = "max",
    }
}

record! {
    /// Values from which on there is another colour.
    Thresholds => {
        /// What the values of the steps are.
        mode: ThresholdMode = ThresholdMode::Absolute,
        /// In rising order; the first has no value.
        steps: Vec<Threshold> = Vec::new(),
    }
}

record! {
    /// A step of thresholds.
    Threshold => {
        /// From which value on; missing: from the least.
        value: Option<f64> = None,
        /// The colour.
        color: String = String::new(),
    }
}

words! {
    /// What values of thresholds are.
    ThresholdMode => {
        /// Values.
        Absolute = "absolute",
        /// Percent between the least and the greatest value.
        Percentage = "percentage",
    }
}

words! {
    /// How thresholds are drawn.
    ThresholdStyle => {
        /// Not at all.
        Off = "off",
        /// As lines.
        Line = "line",
        /// As dashed lines.
        Dashed = "dashed",
        /// As areas.
        Area = "area",
        /// As lines and areas.
        LineAndArea = "line_and_area",
        /// As dashed lines and areas.
        DashedAndArea = "dashed_and_area",
    }
}

record! {
    /// A text or colour in place of values.
    Mapping => {
        /// Which values.
        kind: MappingKind = MappingKind::Value,
        /// The value of `value`; the expression of `regex`; of `special` one of null, nan, null+nan, true, false, empty.
        value: String = String::new(),
        /// The least of a range; missing: none.
        from: Option<f64> = None,
        /// The greatest.
        to: Option<f64> = None,
        /// What is shown; missing: the value. Groups of `regex` are put in as `$1`.
        text: Option<String> = None,
        /// The colour; missing: the one it has.
        color: Option<String> = None,
    }
}

words! {
    /// Which values a mapping is of.
    MappingKind => {
        /// One value.
        Value = "value",
        /// All in a range, its ends included.
        Range = "range",
        /// Those that match.
        Regex = "regex",
        /// Those that are none.
        Special = "special",
    }
}

words! {
    /// What is drawn of a series.
    Draw => {
        /// A line.
        Line = "line",
        /// Bars.
        Bars = "bars",
        /// Points.
        Points = "points",
    }
}

words! {
    /// What a fill does on its way down.
    Gradient => {
        /// Nothing.
        None = "none",
        /// It fades.
        Opacity = "opacity",
        /// It changes its hue.
        Hue = "hue",
        /// It has the colours of its values.
        Scheme = "scheme",
    }
}

words! {
    /// How points are joined.
    Interpolation => {
        /// By straight lines.
        Linear = "linear",
        /// By curves.
        Smooth = "smooth",
        /// A value holds until the next one.
        StepBefore = "step_before",
        /// A value holds from the last one on.
        StepAfter = "step_after",
    }
}

words! {
    /// How lines are drawn.
    LineStyle => {
        /// Through.
        Solid = "solid",
        /// In dashes.
        Dash = "dash",
        /// In dots.
        Dots = "dots",
    }
}

words! {
    /// When points are drawn.
    ShowPoints => {
        /// Where there are few.
        Auto = "auto",
        /// Always.
        Always = "always",
        /// Never.
        Never = "never",
    }
}

words! {
    /// What a line does where there is nothing.
    Nulls => {
        /// It ends.
        Gap = "gap",
        /// It goes on to the next point.
        Connect = "connect",
        /// It goes to zero.
        Zero = "zero",
    }
}

words! {
    /// How series stand on one another.
    Stacking => {
        /// They do not.
        None = "none",
        /// By their values.
        Normal = "normal",
        /// By their share of all.
        Percent = "percent",
    }
}

words! {
    /// What is done with values before they are drawn.
    DrawTransform => {
        /// Nothing.
        None = "none",
        /// They are drawn below zero.
        Negative = "negative",
        /// The first one everywhere.
        Constant = "constant",
    }
}

words! {
    /// Where an axis is.
    AxisSide => {
        /// Where there is room.
        Auto = "auto",
        /// To the left.
        Left = "left",
        /// To the right.
        Right = "right",
        /// Nowhere.
        Hidden = "hidden",
    }
}

words! {
    /// How values are spread along an axis.
    Scale => {
        /// Evenly.
        Linear = "linear",
        /// By their logarithm.
        Log = "log",
        /// By their logarithm beyond a linear part around zero.
        Symlog = "symlog",
    }
}

words! {
    /// Where a series is not shown.
    HiddenIn => {
        /// In the graph.
        Graph = "graph",
        /// In the legend.
        Legend = "legend",
        /// In what is told of a point.
        Tooltip = "tooltip",
    }
}

words! {
    /// Where texts stand.
    Align => {
        /// Numbers to the right, others to the left.
        Auto = "auto",
        /// To the left.
        Left = "left",
        /// In the middle.
        Center = "center",
        /// To the right.
        Right = "right",
    }
}

record! {
    /// What a cell of a table shows.
    Cell(prepare = cell_of_scalar) => {
        /// What.
        kind: CellKind = CellKind::Text,
        /// How a gauge is drawn, or a background.
        style: CellStyle = CellStyle::Basic,
        /// Whether the whole row has the colour.
        whole_row: bool = false,
        /// Whether long texts are wrapped.
        wrap: bool = false,
        /// Of `sparkline`: how it is drawn, as keys of a field.
        sparkline: Pairs = Pairs::default(),
    }
}

words! {
    /// What a cell shows.
    CellKind => {
        /// Text.
        Text = "text",
        /// Coloured text.
        ColorText = "color_text",
        /// Text on a colour.
        ColorBackground = "color_background",
        /// A bar and the number.
        Gauge = "gauge",
        /// A small graph.
        Sparkline = "sparkline",
        /// Text as JSON.
        Json = "json",
        /// An image whose address it is.
        Image = "image",
        /// The links of the value.
        Links = "links",
        /// Small labels.
        Pills = "pills",
        /// Markdown.
        Markdown = "markdown",
    }
}

words! {
    /// How a gauge or background of a cell is drawn.
    CellStyle => {
        /// In one colour.
        Basic = "basic",
        /// From one colour to the next.
        Gradient = "gradient",
        /// In small steps.
        Lcd = "lcd",
    }
}

fn color_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "color")
}

fn cell_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    scalar_as(node, "kind")
}
