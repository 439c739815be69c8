//! What each kind of panel has of its own: `options`.

use serde_json::Value;

use super::field::{calc, calcs};
use super::object::{Findings, Object, text_of};
use crate::field::{Align, AxisSide, Nulls, Stacking};
use crate::panel::{
    AlertListOptions, BarStyle, Bars, Calc, ColorPlace, HeatmapOptions, HeatmapRows,
    HistogramOptions, Legend, LegendMode, Orientation, Panel, PanelKind, PieLabel, PieOptions,
    Placement, RowHeight, SortBy, StateOptions, TableOptions, TextKind, TextMode, TextOptions,
    Tooltip, TooltipMode, TooltipSort, ValueOptions, When,
};

/// Reads the options of a panel of a kind.
pub(super) fn read(of: &Object<'_>, panel: &mut Panel, found: &mut Findings) {
    let has_legend = matches!(
        panel.kind,
        PanelKind::TimeSeries
            | PanelKind::BarChart
            | PanelKind::Pie
            | PanelKind::Histogram
            | PanelKind::StateTimeline
            | PanelKind::StatusHistory
    );
    if has_legend {
        panel.legend = legend(&of.object("legend"), panel.kind, found);
        panel.tooltip = tooltip(&of.object("tooltip"));
        // The name of 2021.
        if of.get("tooltip").is_none() {
            panel.tooltip = tooltip(&of.object("tooltipOptions"));
        }
    }
    match panel.kind {
        PanelKind::TimeSeries => {
            of.skip(&[
                "alertThreshold",
                "timezone",
                "orientation",
                "dataLinks",
                "tooltipOptions",
                "graph",
                "timeCompare",
                "annotations",
            ]);
            if of.is("nullsAreZero") {
                panel.field.nulls = Some(Nulls::Zero);
            }
        }
        PanelKind::Stat | PanelKind::Gauge | PanelKind::BarGauge => {
            panel.value = Some(value_options(of, panel.kind, found));
        }
        PanelKind::Pie => {
            panel.value = Some(value_options(of, panel.kind, found));
            panel.pie = Some(pie(of, found));
        }
        PanelKind::Table => panel.table = Some(table(of, found)),
        PanelKind::Heatmap => panel.heatmap = Some(heatmap(of, found)),
        PanelKind::BarChart => panel.bars = Some(bars(of, panel, found)),
        PanelKind::Histogram => panel.histogram = Some(histogram(of)),
        PanelKind::StateTimeline | PanelKind::StatusHistory => panel.state = Some(state(of)),
        PanelKind::Text => panel.text = Some(text(of, found)),
        PanelKind::AlertList => panel.alerts = Some(alerts(of, found)),
        PanelKind::Unsupported => {}
    }
    if panel.kind != PanelKind::Unsupported {
        found.unknown("option", of);
    }
}

fn legend(of: &Object<'_>, kind: PanelKind, found: &mut Findings) -> Legend {
    let mode = match of.string("displayMode").as_str() {
        "table" => LegendMode::Table,
        "hidden" => LegendMode::Hidden,
        _ => LegendMode::List,
    };
    let is_shown = of.flag("showLegend").unwrap_or(true);
    let right = of.text("placement").is_some_and(|it| it == "right");
    let values = of.texts("values");
    let is_pie = kind == PanelKind::Pie;
    of.skip(&[
        "asTable",
        "isVisible",
        "overflow",
        "limit",
        "enableFacetedFilter",
    ]);
    let legend = Legend {
        mode: if is_shown { mode } else { LegendMode::Hidden },
        placement: if right {
            Placement::Right
        } else {
            Placement::Bottom
        },
        calcs: calcs(of.list("calcs"), "legend", found),
        sort_by: of.string("sortBy"),
        sort_descending: of.is("sortDesc"),
        width: of.number("width"),
        value: is_pie && values.iter().any(|it| it == "value"),
        percent: is_pie && values.iter().any(|it| it == "percent"),
    };
    for key in of.rest() {
        found.cosmetic(format!("legend.{key}"), "is not known here");
    }
    legend
}

fn tooltip(of: &Object<'_>) -> Tooltip {
    let mode = of.word(
        "mode",
        &[
            ("single", TooltipMode::Single),
            ("multi", TooltipMode::All),
            ("none", TooltipMode::None),
        ],
    );
    let sort = of.word(
        "sort",
        &[
            ("asc", TooltipSort::Ascending),
            ("desc", TooltipSort::Descending),
        ],
    );
    Tooltip {
        mode: mode.unwrap_or_default(),
        sort: sort.unwrap_or_default(),
        hide_zeros: of.is("hideZeros"),
    }
}

fn orientation(of: &Object<'_>) -> Orientation {
    let words = [
        ("horizontal", Orientation::Horizontal),
        ("vertical", Orientation::Vertical),
    ];
    of.word("orientation", &words).unwrap_or_default()
}

fn when(of: &Object<'_>, key: &str) -> When {
    let words = [
        ("always", When::Always),
        ("never", When::Never),
        ("auto", When::Auto),
    ];
    of.word(key, &words).unwrap_or_default()
}

fn value_options(of: &Object<'_>, kind: PanelKind, found: &mut Findings) -> ValueOptions {
    let reduce = of.object("reduceOptions");
    let ids: Vec<String> = reduce.texts("calcs");
    let mut calcs = Vec::new();
    for id in &ids {
        match calc(id) {
            Some(calc) => calcs.push(calc),
            None => found.lost(format!("calculation {id}"), "is not known here"),
        }
    }
    if calcs.is_empty() {
        // An empty list is another one than none.
        let is_given = reduce.get("calcs").is_some() && ids.is_empty();
        calcs.push(if is_given {
            Calc::Last
        } else {
            Calc::LastNotNull
        });
    }
    let mut options = ValueOptions {
        calcs,
        ..ValueOptions::default()
    };
    options.all_values = reduce.is("values");
    options.limit = reduce.count("limit");
    options.fields = reduce.string("fields");
    found.unknown("option reduceOptions", &reduce);
    options.orientation = orientation(of);
    let text_words = [
        ("value", TextMode::Value),
        ("value_and_name", TextMode::ValueAndName),
        ("name", TextMode::Name),
        ("none", TextMode::None),
    ];
    options.text = of.word("textMode", &text_words).unwrap_or_default();
    let color_words = [
        ("none", ColorPlace::None),
        ("value", ColorPlace::Value),
        ("background", ColorPlace::Background),
        ("background_solid", ColorPlace::BackgroundSolid),
    ];
    options.color = of.word("colorMode", &color_words).unwrap_or_default();
    options.graph = of.text("graphMode").is_none_or(|it| it != "none") && kind == PanelKind::Stat;
    if let Some(mode) = of.text("graphMode").filter(|it| it == "line") {
        found.cosmetic(format!("graph {mode}"), "the small graph is an area");
    }
    options.centered = of.text("justifyMode").is_some_and(|it| it == "center");
    options.percent_change = of.is("showPercentChange");
    let bar_words = [
        ("gradient", BarStyle::Gradient),
        ("lcd", BarStyle::Lcd),
        ("basic", BarStyle::Basic),
    ];
    options.bar_style = of.word("displayMode", &bar_words).unwrap_or_default();
    options.show_unfilled = of.flag("showUnfilled").unwrap_or(true);
    options.threshold_labels = of.is("showThresholdLabels");
    options.threshold_markers = of.flag("showThresholdMarkers").unwrap_or(true);
    let text = of.object("text");
    options.name_size = text.number("titleSize");
    options.value_size = text.number("valueSize");
    if of.text("valueMode").is_some_and(|it| it == "hidden") {
        options.text = TextMode::Name;
    }
    of.skip(&[
        "sizing",
        "minVizHeight",
        "minVizWidth",
        "maxVizHeight",
        "namePlacement",
        "legend",
        "tooltip",
        "wideLayout",
        "percentChangeColorMode",
        "justifyMode",
        "displayMode",
        "valueMode",
        "content",
        "barShape",
        "barWidthFactor",
        "effects",
        "endpointMarker",
        "glow",
        "segmentCount",
        "segmentSpacing",
        "shape",
        "sparkline",
        "textMode",
        "neutral",
        "alertThreshold",
    ]);
    options
}

fn pie(of: &Object<'_>, found: &mut Findings) -> PieOptions {
    let labels = of.texts("displayLabels");
    let labels = labels.iter().filter_map(|label| match label.as_str() {
        "name" => Some(PieLabel::Name),
        "value" => Some(PieLabel::Value),
        "percent" => Some(PieLabel::Percent),
        other => {
            found.cosmetic(format!("label {other}"), "is not known here");
            None
        }
    });
    let sort = of.word(
        "sort",
        &[
            ("asc", TooltipSort::Ascending),
            ("none", TooltipSort::None),
            ("desc", TooltipSort::Descending),
        ],
    );
    PieOptions {
        labels: labels.collect(),
        donut: of.text("pieType").is_some_and(|it| it == "donut"),
        sort: sort.unwrap_or(TooltipSort::Descending),
    }
}

fn table(of: &Object<'_>, found: &mut Findings) -> TableOptions {
    let footer = of.object("footer");
    let sort_by = of.list("sortBy").iter().map(|item| {
        let item = Object::of(Some(item));
        SortBy {
            field: item.string("displayName"),
            descending: item.is("desc"),
        }
    });
    let heights = [
        ("sm", RowHeight::Small),
        ("md", RowHeight::Medium),
        ("lg", RowHeight::Large),
        ("auto", RowHeight::Auto),
    ];
    let mut footer_fields = footer.texts("fields");
    footer_fields.extend(footer.text("fields").filter(|it| !it.is_empty()));
    let is_footer = footer.is("show");
    let footer_calcs = calcs(footer.list("reducer"), "footer", found);
    footer.skip(&["countRows"]);
    if is_footer && footer.is("countRows") {
        found.cosmetic("footer", "says how many values there are, rather than rows");
    }
    of.skip(&[
        "frozenColumns",
        "maxRowHeight",
        "disableKeyboardEvents",
        "colorIndex",
        "fontSize",
        "showTypeIcons",
    ]);
    TableOptions {
        show_header: of.flag("showHeader").unwrap_or(true),
        row_height: of.word("cellHeight", &heights).unwrap_or_default(),
        sort_by: sort_by.filter(|it| !it.field.is_empty()).collect(),
        footer_calcs: if is_footer { footer_calcs } else { Vec::new() },
        footer_fields: if is_footer { footer_fields } else { Vec::new() },
        has_pages: footer.is("enablePagination") || of.is("enablePagination"),
        frame: of.count("frameIndex").unwrap_or_default(),
    }
}

fn heatmap(of: &Object<'_>, found: &mut Findings) -> HeatmapOptions {
    let blank = HeatmapOptions::default();
    let calculation = of.object("calculation");
    let (x, y_buckets) = (
        calculation.object("xBuckets"),
        calculation.object("yBuckets"),
    );
    for (axis, buckets) in [("x", &x), ("y", &y_buckets)] {
        let scale = buckets.object("scale");
        if scale.text("type").is_some_and(|it| it != "linear") {
            found.approximated(
                format!("buckets of {axis}"),
                "are equally wide, not by logarithm",
            );
        }
        buckets.skip(&["scale"]);
    }
    let color = of.object("color");
    let y = of.object("yAxis");
    let filter = of.object("filterValues");
    let rows = of.object("rowsFrame");
    let layouts = [
        ("auto", HeatmapRows::Auto),
        ("le", HeatmapRows::Le),
        ("ge", HeatmapRows::Ge),
        ("unknown", HeatmapRows::Unknown),
    ];
    let cells = of.object("cellValues");
    let is_count = y_buckets.text("mode").is_some_and(|it| it == "count");
    let is_opacity = color.text("mode").is_some_and(|it| it == "opacity");
    let axis_words = [
        ("left", AxisSide::Left),
        ("right", AxisSide::Right),
        ("hidden", AxisSide::Hidden),
        ("auto", AxisSide::Left),
    ];
    let options = HeatmapOptions {
        calculate: of.is("calculate"),
        x_bucket: x.string("value"),
        y_bucket: y_buckets.string("value"),
        buckets_are_counts: is_count,
        rows: rows.word("layout", &layouts).unwrap_or_default(),
        y_unit: y.string("unit"),
        y_decimals: y.count("decimals"),
        y_min: y.number("min"),
        y_max: y.number("max"),
        y_reverse: y.is("reverse"),
        y_axis: y
            .word("axisPlacement", &axis_words)
            .unwrap_or(AxisSide::Left),
        y_label: y.string("axisLabel"),
        scheme: if is_opacity {
            String::new()
        } else {
            color
                .text("scheme")
                .filter(|it| !it.is_empty())
                .unwrap_or(blank.scheme)
        },
        fill: color.text("fill").unwrap_or(blank.fill),
        exponential: color.text("scale").is_none_or(|it| it != "linear"),
        exponent: color.number("exponent").unwrap_or(blank.exponent),
        steps: color.count("steps").unwrap_or(blank.steps),
        reverse: color.is("reverse"),
        color_min: color.number("min"),
        color_max: color.number("max"),
        hide_up_to: filter.number("le"),
        hide_from: filter.number("ge"),
        cell_gap: of.number("cellGap").unwrap_or(blank.cell_gap),
        show_legend: of.object("legend").flag("show").unwrap_or(true),
        tooltip_histogram: of.object("tooltip").is("yHistogram"),
        cell_unit: cells.string("unit"),
    };
    of.skip(&[
        "exemplars",
        "showValue",
        "annotations",
        "selectionMode",
        "timezone",
    ]);
    options
}

fn bars(of: &Object<'_>, panel: &Panel, found: &mut Findings) -> Bars {
    let blank = Bars::default();
    let stacking = [
        ("none", Stacking::None),
        ("normal", Stacking::Normal),
        ("percent", Stacking::Percent),
    ];
    if panel.field.draw.is_some() {
        found.cosmetic("drawStyle", "bars are drawn");
    }
    of.skip(&["barRadius", "fullHighlight", "xTickLabelSpacing", "text"]);
    Bars {
        orientation: orientation(of),
        x_field: of.string("xField"),
        color_field: of.string("colorByField"),
        stacking: of.word("stacking", &stacking).unwrap_or_default(),
        show_value: when(of, "showValue"),
        group_width: of.number("groupWidth").unwrap_or(blank.group_width),
        bar_width: of.number("barWidth").unwrap_or(blank.bar_width),
        label_rotation: of.number("xTickLabelRotation").unwrap_or_default(),
        label_chars_max: of.count("xTickLabelMaxLength").unwrap_or_default(),
    }
}

fn histogram(of: &Object<'_>) -> HistogramOptions {
    of.skip(&["stacking"]);
    HistogramOptions {
        bucket_size: of.number("bucketSize"),
        bucket_count: of.count("bucketCount").unwrap_or(30),
        bucket_offset: of.number("bucketOffset").unwrap_or_default(),
        combine: of.is("combine"),
    }
}

fn state(of: &Object<'_>) -> StateOptions {
    let blank = StateOptions::default();
    let align = [
        ("left", Align::Left),
        ("center", Align::Center),
        ("right", Align::Right),
    ];
    of.skip(&["timezone"]);
    StateOptions {
        show_value: when(of, "showValue"),
        merge: of.flag("mergeValues").unwrap_or(true),
        row_height: of.number("rowHeight").unwrap_or(blank.row_height),
        column_width: of.number("colWidth").unwrap_or(blank.column_width),
        align: of.word("alignValue", &align).unwrap_or(Align::Left),
        per_page: of.count("perPage").unwrap_or_default(),
    }
}

fn text(of: &Object<'_>, found: &mut Findings) -> TextOptions {
    let content = of.string("content");
    let mode = match of.string("mode").as_str() {
        "html" => TextKind::Html,
        "code" => TextKind::Code,
        _ => TextKind::Markdown,
    };
    of.skip(&["code"]);
    // Markdown may have HTML in it, which is cleaned as well.
    let lower = content.to_lowercase();
    if mode != TextKind::Code
        && [
            "<script",
            "<iframe",
            "<style",
            "<link",
            "<object",
            "<embed",
            " style=",
            " onload=",
            " onclick=",
        ]
        .iter()
        .any(|it| lower.contains(it))
    {
        found.approximated("HTML", "is shown without scripts, styles and frames");
    } else if mode != TextKind::Code && (lower.contains("<img") || lower.contains("![")) {
        found.approximated("images", "are not fetched from elsewhere");
    }
    TextOptions { mode, content }
}

fn alerts(of: &Object<'_>, found: &mut Findings) -> AlertListOptions {
    let states = of.object("stateFilter");
    let wanted: Vec<&str> = states
        .entries()
        .filter(|(_, is)| matches!(is, Value::Bool(true)))
        .map(|(state, _)| state)
        .collect();
    let only_firing = wanted == ["firing"];
    for state in wanted
        .iter()
        .filter(|it| !matches!(**it, "firing" | "pending"))
    {
        found.approximated(
            format!("alerts that are {state}"),
            "only those are listed that are pending or fire",
        );
    }
    for key in ["dashboardAlerts", "folder", "datasource"] {
        if of.get(key).is_some_and(|it| !super::object::is_blank(it)) {
            found.approximated(
                format!("alerts by {key}"),
                "all alerts of this server are listed",
            );
        }
    }
    of.skip(&[
        "groupMode",
        "sortOrder",
        "viewMode",
        "showInstances",
        "showInactiveAlerts",
        "showOptions",
    ]);
    AlertListOptions {
        only_firing,
        name: of.string("alertName"),
        labels: of
            .get("alertInstanceLabelFilter")
            .and_then(text_of)
            .unwrap_or_default(),
        limit: of.count("maxItems").unwrap_or(20),
        group_by: of.texts("groupBy"),
    }
}
