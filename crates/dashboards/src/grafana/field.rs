//! How values are shown: `fieldConfig`, its defaults and its overrides.

use serde_json::Value;

use super::object::{Findings, Object, number_of, text_of};
use crate::field::{
    Align, AxisSide, Cell, CellKind, CellStyle, Color, ColorBy, ColorMode, Draw, DrawTransform,
    Field, Gradient, HiddenIn, Interpolation, LineStyle, Mapping, MappingKind, Nulls, Scale,
    ShowPoints, Stacking, Threshold, ThresholdMode, ThresholdStyle, Thresholds,
};
use crate::panel::{Calc, Link, Matcher, MatcherBy, Override, Panel, PanelKind};

/// Calculations by their names in Grafana.
pub(super) fn calc(id: &str) -> Option<Calc> {
    Some(match id {
        "lastNotNull" | "current" => Calc::LastNotNull,
        "last" => Calc::Last,
        "firstNotNull" => Calc::FirstNotNull,
        "first" => Calc::First,
        "min" => Calc::Min,
        "max" => Calc::Max,
        "mean" | "avg" => Calc::Mean,
        "median" => Calc::Median,
        "sum" | "total" => Calc::Sum,
        "count" => Calc::Count,
        "range" => Calc::Range,
        "delta" => Calc::Delta,
        "step" => Calc::Step,
        "diff" => Calc::Diff,
        "diffperc" => Calc::DiffPercent,
        "logmin" => Calc::LogMin,
        "allIsZero" => Calc::AllIsZero,
        "allIsNull" => Calc::AllIsNull,
        "changeCount" => Calc::ChangeCount,
        "distinctCount" => Calc::DistinctCount,
        "variance" => Calc::Variance,
        "stdDev" => Calc::StdDev,
        "allValues" => Calc::AllValues,
        "uniqueValues" => Calc::UniqueValues,
        "p1" => Calc::P1,
        "p5" => Calc::P5,
        "p10" => Calc::P10,
        "p25" => Calc::P25,
        "p50" => Calc::P50,
        "p75" => Calc::P75,
        "p90" => Calc::P90,
        "p95" => Calc::P95,
        "p99" => Calc::P99,
        _ => return None,
    })
}

/// Calculations of a list; those that are not known are lost.
pub(super) fn calcs(ids: &[Value], what: &str, found: &mut Findings) -> Vec<Calc> {
    let mut calcs = Vec::new();
    for id in ids.iter().filter_map(text_of) {
        match calc(&id) {
            Some(calc) => calcs.push(calc),
            None => found.lost(
                format!("{what} {id}"),
                "is no calculation that is known here",
            ),
        }
    }
    calcs
}

/// Reads `fieldConfig` into a panel.
pub(super) fn read(config: &Object<'_>, panel: &mut Panel, found: &mut Findings) {
    let defaults = config.object("defaults");
    let custom = defaults.object("custom");
    for (key, value) in defaults.entries() {
        if key != "custom" {
            property(key, value, panel.kind, &mut panel.field, found);
        }
    }
    for (key, value) in custom.entries() {
        property(
            &format!("custom.{key}"),
            value,
            panel.kind,
            &mut panel.field,
            found,
        );
    }
    for item in config.list("overrides") {
        let of = Object::of(Some(item));
        let Some(matcher) = matcher(&of.object("matcher"), found) else {
            continue;
        };
        let mut field = Field::default();
        for property_value in of.list("properties") {
            let each = Object::of(Some(property_value));
            let id = each.string("id");
            // A value that is not there takes a setting away, which is as if it were not set.
            if let Some(value) = each.get("value") {
                property(&id, value, panel.kind, &mut field, found);
            }
        }
        of.skip(&["__systemRef"]);
        panel.overrides.push(Override { matcher, field });
    }
    config.skip(&["defaults"]);
    found.unknown("fieldConfig", config);
    // Values of these have the colours of steps, unless told otherwise.
    let is_colored = matches!(
        panel.kind,
        PanelKind::Stat | PanelKind::Gauge | PanelKind::BarGauge | PanelKind::Table
    );
    if is_colored && panel.field.thresholds.is_none() {
        panel.field.thresholds = Some(own_thresholds());
    }
}

fn matcher(of: &Object<'_>, found: &mut Findings) -> Option<Matcher> {
    let id = of.string("id");
    let by = |by, value| {
        Some(Matcher {
            by,
            value,
            ..Matcher::default()
        })
    };
    let text = of.string("options");
    match id.as_str() {
        "byName" => by(MatcherBy::Name, text),
        "byRegexp" => by(MatcherBy::Regex, text),
        "byFrameRefID" | "byRefId" => by(MatcherBy::Query, text),
        "byType" => by(MatcherBy::Type, text),
        "numeric" => by(MatcherBy::Type, "number".to_owned()),
        "time" => by(MatcherBy::Type, "time".to_owned()),
        "byNames" => {
            let options = of.object("options");
            options.skip(&["prefix", "readOnly"]);
            Some(Matcher {
                by: MatcherBy::Names,
                names: options.texts("names"),
                is_exclude: options.text("mode").is_some_and(|mode| mode == "exclude"),
                ..Matcher::default()
            })
        }
        "byValue" => {
            let options = of.object("options");
            let reducer = options.string("reducer");
            let calc = calc(&reducer);
            if calc.is_none() {
                found.lost(
                    format!("override by {reducer}"),
                    "is no calculation that is known here",
                );
            }
            Some(Matcher {
                by: MatcherBy::Value,
                value: options.string("value"),
                calc: Some(calc?),
                op: options.text("op").unwrap_or_else(|| "==".to_owned()),
                ..Matcher::default()
            })
        }
        _ => {
            found.lost(
                format!("override {id}"),
                "finds fields in a way that is not known here",
            );
            None
        }
    }
}

/// A word that is known, or one that is not.
fn pick<T: Copy>(
    value: &Value,
    words: &[(&str, T)],
    id: &str,
    into: &mut Option<T>,
    found: &mut Findings,
) {
    let Some(text) = text_of(value) else {
        return;
    };
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, it)) => *into = Some(*it),
        None if text.is_empty() => {}
        None => found.approximated(format!("{id} {text}"), "is not known here and was left out"),
    }
}

fn texts(value: &Value) -> Option<String> {
    text_of(value).filter(|text| !text.is_empty())
}

/// Reads one setting of a field, as defaults and overrides have it.
fn property(id: &str, value: &Value, kind: PanelKind, field: &mut Field, found: &mut Findings) {
    let of = Object::of(Some(value));
    match id {
        "unit" => field.unit = texts(value),
        "decimals" => {
            field.decimals = number_of(value)
                .and_then(super::object::count_of)
                .filter(|digits| *digits <= 30);
        }
        "min" => field.min = number_of(value),
        "max" => field.max = number_of(value),
        "displayName" => field.display_name = texts(value),
        "noValue" => field.no_value = texts(value),
        "color" if value.is_string() => found.approximated(
            "color",
            "is a text, which Grafana does not read: it takes the colours of thresholds, and here the series has its own",
        ),
        "color" => field.color = color(&of, found),
        "thresholds" => field.thresholds = Some(thresholds(&of)),
        "mappings" => {
            let mappings: Vec<Mapping> = value
                .as_array()
                .into_iter()
                .flatten()
                .flat_map(|item| mappings(&Object::of(Some(item)), found))
                .collect();
            field.mappings = Some(mappings).filter(|it| !it.is_empty());
        }
        "links" => {
            let links = value.as_array().into_iter().flatten();
            let links: Vec<Link> = links
                .map(|item| link(&Object::of(Some(item)), found))
                .collect();
            field.data_links = Some(links).filter(|it| !it.is_empty());
        }
        "custom.drawStyle" => pick(
            value,
            &[
                ("line", Draw::Line),
                ("bars", Draw::Bars),
                ("points", Draw::Points),
            ],
            id,
            &mut field.draw,
            found,
        ),
        "custom.lineWidth" => field.line_width = number_of(value),
        "custom.fillOpacity" => field.fill = number_of(value),
        "custom.gradientMode" => pick(
            value,
            &[
                ("none", Gradient::None),
                ("opacity", Gradient::Opacity),
                ("hue", Gradient::Hue),
                ("scheme", Gradient::Scheme),
            ],
            id,
            &mut field.gradient,
            found,
        ),
        "custom.fillBelowTo" => field.fill_below_to = texts(value),
        "custom.lineInterpolation" => pick(
            value,
            &[
                ("linear", Interpolation::Linear),
                ("smooth", Interpolation::Smooth),
                ("stepBefore", Interpolation::StepBefore),
                ("stepAfter", Interpolation::StepAfter),
            ],
            id,
            &mut field.interpolation,
            found,
        ),
        "custom.lineStyle" => {
            field.line_style = of.word(
                "fill",
                &[
                    ("solid", LineStyle::Solid),
                    ("dash", LineStyle::Dash),
                    ("dot", LineStyle::Dots),
                    ("square", LineStyle::Dash),
                ],
            );
        }
        "custom.showPoints" => pick(
            value,
            &[
                ("auto", ShowPoints::Auto),
                ("always", ShowPoints::Always),
                ("never", ShowPoints::Never),
            ],
            id,
            &mut field.points,
            found,
        ),
        "custom.pointSize" => field.point_size = number_of(value),
        "custom.spanNulls" => match value {
            Value::Bool(true) => field.nulls = Some(Nulls::Connect),
            Value::Bool(false) => field.nulls = Some(Nulls::Gap),
            _ => {
                if let Some(ms) = number_of(value) {
                    field.nulls = Some(Nulls::Connect);
                    field.connect_up_to = Some(format!("{ms}ms"));
                }
            }
        },
        "custom.insertNulls" => {
            if number_of(value).is_some() {
                found.approximated(
                    id,
                    "lines are parted where nothing was measured, not by this distance",
                );
            }
        }
        "custom.stacking" => {
            let words = [
                ("none", Stacking::None),
                ("normal", Stacking::Normal),
                ("percent", Stacking::Percent),
            ];
            field.stacking = of.word("mode", &words);
            let has_group = matches!(field.stacking, Some(Stacking::Normal | Stacking::Percent));
            field.stack_group = of
                .get("group")
                .and_then(texts)
                .filter(|group| has_group && group != "A");
        }
        "custom.transform" => pick(
            value,
            &[
                ("negative-Y", DrawTransform::Negative),
                ("constant", DrawTransform::Constant),
            ],
            id,
            &mut field.transform,
            found,
        ),
        "custom.barWidthFactor" => field.bar_width = number_of(value),
        "custom.barAlignment" => field.bar_alignment = number_of(value),
        "custom.axisPlacement" => pick(
            value,
            &[
                ("auto", AxisSide::Auto),
                ("left", AxisSide::Left),
                ("right", AxisSide::Right),
                ("hidden", AxisSide::Hidden),
                ("top", AxisSide::Right),
                ("bottom", AxisSide::Left),
            ],
            id,
            &mut field.axis,
            found,
        ),
        "custom.axisLabel" => field.axis_label = texts(value),
        "custom.axisWidth" => field.axis_width = number_of(value),
        "custom.axisSoftMin" => field.soft_min = number_of(value),
        "custom.axisSoftMax" => field.soft_max = number_of(value),
        "custom.axisGridShow" => field.grid_lines = value.as_bool(),
        "custom.axisCenteredZero" => field.centered_zero = value.as_bool(),
        "custom.axisColorMode" => {
            field.axis_in_series_color = text_of(value).map(|text| text == "series")
        }
        "custom.scaleDistribution" => {
            field.scale = of.word(
                "type",
                &[
                    ("linear", Scale::Linear),
                    ("log", Scale::Log),
                    ("symlog", Scale::Symlog),
                ],
            );
            field.log_base = of.number("log");
            field.linear_threshold = of.number("linearThreshold");
            if of.text("type").is_some() && field.scale.is_none() {
                found.approximated(format!("{id} {}", of.string("type")), "the axis is linear");
            }
        }
        "custom.thresholdsStyle" => {
            let words = [
                ("off", ThresholdStyle::Off),
                ("line", ThresholdStyle::Line),
                ("dashed", ThresholdStyle::Dashed),
                ("area", ThresholdStyle::Area),
                ("line+area", ThresholdStyle::LineAndArea),
                ("dashed+area", ThresholdStyle::DashedAndArea),
                ("series", ThresholdStyle::Off),
            ];
            field.threshold_style = of.word("mode", &words);
        }
        "custom.hideFrom" => {
            let mut hidden = Vec::new();
            for (key, place) in [
                ("viz", HiddenIn::Graph),
                ("graph", HiddenIn::Graph),
                ("legend", HiddenIn::Legend),
                ("tooltip", HiddenIn::Tooltip),
            ] {
                if of.is(key) && !hidden.contains(&place) {
                    hidden.push(place);
                }
            }
            field.hidden_in = Some(hidden).filter(|it| !it.is_empty());
        }
        // Grafana takes any text for yes.
        "custom.hidden" | "custom.hideFrom.viz" => {
            field.hidden = value
                .as_bool()
                .or_else(|| value.as_str().map(|text| !text.is_empty()));
        }
        "custom.width" => field.column_width = number_of(value),
        "custom.minWidth" => field.column_width_min = number_of(value),
        "custom.align" => pick(
            value,
            &[
                ("auto", Align::Auto),
                ("left", Align::Left),
                ("center", Align::Center),
                ("right", Align::Right),
            ],
            id,
            &mut field.align,
            found,
        ),
        "custom.filterable" | "filterable" => field.filterable = value.as_bool(),
        "custom.cellOptions" => field.cell = cell(&of, found),
        "custom.displayMode" => field.cell = text_of(value).and_then(|mode| old_cell(&mode, found)),
        "custom.wrapText" => {
            if value.as_bool() == Some(true) {
                field.cell.get_or_insert_default().wrap = true;
            }
        }
        "custom.footer" => {
            let footer = calcs(of.list("reducers"), "footer", found);
            field.footer_calcs = Some(footer).filter(|it| !it.is_empty());
        }
        // What makes no difference to what is shown, or is said elsewhere.
        "custom"
        | "custom.axisBorderShow"
        | "custom.inspect"
        | "custom.hideFrom.legend"
        | "custom.lineStyle.dash"
        | "displayNameFromDS"
        | "description"
        | "unitScale"
        | "nullValueMode"
        | "path"
        | "writeable"
        | "title"
        | "custom.barMaxWidth"
        | "custom.wrapHeaderText"
        | "custom.fillColor"
        | "custom.lineColor"
        | "custom.pointSymbol"
        | "custom.neutral"
        | "custom.tooltip" => {}
        "fieldMinMax" => {
            // Each field between its own least and greatest value, where neither is given.
            if value.as_bool() == Some(true) {
                found.approximated(
                    "fieldMinMax",
                    "gauges and colours go from the least to the greatest value of all fields",
                );
            }
        }
        "custom.showValues" => {
            if value.as_bool() == Some(true) {
                found.approximated("custom.showValues", "numbers do not stand in the graph");
            }
        }
        "actions" => {
            if value.as_array().is_some_and(|it| !it.is_empty()) {
                found.lost("actions", "nothing is sent from panels here");
            }
        }
        _ if kind == PanelKind::Unsupported || super::object::is_blank(value) => {}
        _ => found.approximated(format!("field {id}"), "is not known here and was left out"),
    }
}

fn color(of: &Object<'_>, found: &mut Findings) -> Option<Color> {
    let mode = of.string("mode");
    let words = [
        ("fixed", ColorMode::Fixed),
        ("shades", ColorMode::Shades),
        ("thresholds", ColorMode::Thresholds),
        ("palette-classic", ColorMode::Palette),
        ("palette-saturated", ColorMode::Palette),
        ("palette-classic-by-name", ColorMode::PaletteByName),
        ("continuous-GrYlRd", ColorMode::GreenYellowRed),
        ("continuous-RdYlGr", ColorMode::RedYellowGreen),
        ("continuous-BlYlRd", ColorMode::BlueYellowRed),
        ("continuous-YlRd", ColorMode::YellowRed),
        ("continuous-BlPu", ColorMode::BluePurple),
        ("continuous-YlBl", ColorMode::YellowBlue),
        ("continuous-blues", ColorMode::Blues),
        ("continuous-reds", ColorMode::Reds),
        ("continuous-greens", ColorMode::Greens),
        ("continuous-purples", ColorMode::Purples),
    ];
    let color = of.string("fixedColor");
    let by = of.word(
        "seriesBy",
        &[
            ("last", ColorBy::Last),
            ("min", ColorBy::Min),
            ("max", ColorBy::Max),
        ],
    );
    let found_mode = words
        .iter()
        .find(|(word, _)| *word == mode)
        .map(|(_, it)| *it);
    if found_mode.is_none() && !mode.is_empty() {
        found.cosmetic(format!("colour {mode}"), "colours are those of the palette");
    }
    if mode.is_empty() && color.is_empty() {
        return None;
    }
    let mode = found_mode.unwrap_or(if mode.is_empty() {
        ColorMode::Fixed
    } else {
        ColorMode::Palette
    });
    // Only these have a colour of their own; elsewhere it is what was once chosen.
    let has_color = matches!(mode, ColorMode::Fixed | ColorMode::Shades);
    Some(Color {
        mode,
        color: if has_color { color } else { String::new() },
        by: by.unwrap_or_default(),
    })
}

fn thresholds(of: &Object<'_>) -> Thresholds {
    let all = of.list("steps").iter().enumerate().map(|(index, step)| {
        let step = Object::of(Some(step));
        Threshold {
            // The first goes down to the least, whatever it says.
            value: step.number("value").filter(|_| index > 0),
            color: step.string("color"),
        }
    });
    // A later one without a value is reached by none, and so is what stands behind it.
    let is_reached = |(index, step): &(usize, Threshold)| *index == 0 || step.value.is_some();
    let steps = all.enumerate().take_while(is_reached).map(|(_, step)| step);
    let is_percent = of.text("mode").is_some_and(|mode| mode == "percentage");
    Thresholds {
        mode: if is_percent {
            ThresholdMode::Percentage
        } else {
            ThresholdMode::Absolute
        },
        steps: steps.collect(),
    }
}

/// The steps that Grafana takes where a panel has none.
fn own_thresholds() -> Thresholds {
    let step = |value, color: &str| Threshold {
        value,
        color: color.to_owned(),
    };
    Thresholds {
        mode: ThresholdMode::Absolute,
        steps: vec![step(None, "green"), step(Some(80.0), "red")],
    }
}

/// A mapping, of today or of before 2021.
fn mappings(of: &Object<'_>, found: &mut Findings) -> Vec<Mapping> {
    let result = |kind, value: &str, result: &Object<'_>| Mapping {
        kind,
        value: value.to_owned(),
        text: result.text("text"),
        color: result.text("color"),
        ..Mapping::default()
    };
    let options = of.object("options");
    match of.string("type").as_str() {
        "value" => {
            let mut each: Vec<(u32, Mapping)> = options
                .entries()
                .map(|(value, of)| {
                    let of = Object::of(Some(of));
                    let index = of.count("index").unwrap_or(u32::MAX);
                    (index, result(MappingKind::Value, value, &of))
                })
                .collect();
            each.sort_by_key(|(index, _)| *index);
            each.into_iter().map(|(_, mapping)| mapping).collect()
        }
        "range" => vec![Mapping {
            from: options.number("from"),
            to: options.number("to"),
            ..result(MappingKind::Range, "", &options.object("result"))
        }],
        "regex" => vec![result(
            MappingKind::Regex,
            &options.string("pattern"),
            &options.object("result"),
        )],
        "special" => vec![result(
            MappingKind::Special,
            &options.string("match"),
            &options.object("result"),
        )],
        "1" => {
            let value = of.string("value");
            // `null` was written as a text.
            let kind = if value == "null" {
                MappingKind::Special
            } else {
                MappingKind::Value
            };
            vec![result(kind, &value, of)]
        }
        "2" => vec![Mapping {
            from: of.number("from"),
            to: of.number("to"),
            ..result(MappingKind::Range, "", of)
        }],
        other => {
            found.lost(format!("value mapping {other}"), "is not known here");
            Vec::new()
        }
    }
}

pub(super) fn link(of: &Object<'_>, found: &mut Findings) -> Link {
    let mut url = of.string("url");
    if url.is_empty() {
        url = of.string("dashUri");
    }
    if url.is_empty() && (of.text("dashboard").is_some() || of.text("internal").is_some()) {
        let title = of.string("title");
        found.cosmetic(
            format!("link {title}"),
            "leads to a dashboard by its title, which is not known here",
        );
    }
    Link {
        title: of.string("title"),
        url,
        new_tab: of.is("targetBlank"),
    }
}

fn cell(of: &Object<'_>, found: &mut Findings) -> Option<Cell> {
    let kind = of.string("type");
    let words = [
        ("auto", CellKind::Text),
        ("color-text", CellKind::ColorText),
        ("color-background", CellKind::ColorBackground),
        ("gauge", CellKind::Gauge),
        ("sparkline", CellKind::Sparkline),
        ("json-view", CellKind::Json),
        ("image", CellKind::Image),
        ("data-links", CellKind::Links),
        ("pill", CellKind::Pills),
        ("markdown", CellKind::Markdown),
    ];
    if let Some((_, kind)) = words.iter().find(|(word, _)| *word == kind) {
        let style = of.word(
            "mode",
            &[
                ("basic", CellStyle::Basic),
                ("gradient", CellStyle::Gradient),
                ("lcd", CellStyle::Lcd),
            ],
        );
        // Backgrounds are a gradient where nothing is said.
        let missing = if *kind == CellKind::ColorBackground || *kind == CellKind::Gauge {
            CellStyle::Gradient
        } else {
            CellStyle::Basic
        };
        return Some(Cell {
            kind: *kind,
            style: style.unwrap_or(missing),
            whole_row: of.is("applyToRow"),
            wrap: of.is("wrapText"),
            ..Cell::default()
        });
    }
    old_cell(&kind, found)
}

/// Cells before 2023.
fn old_cell(mode: &str, found: &mut Findings) -> Option<Cell> {
    let (kind, style) = match mode {
        "" | "auto" => return None,
        "basic" => (CellKind::Gauge, CellStyle::Basic),
        "gradient-gauge" => (CellKind::Gauge, CellStyle::Gradient),
        "lcd-gauge" => (CellKind::Gauge, CellStyle::Lcd),
        "color-text" => (CellKind::ColorText, CellStyle::Basic),
        "color-background" => (CellKind::ColorBackground, CellStyle::Gradient),
        "color-background-solid" => (CellKind::ColorBackground, CellStyle::Basic),
        "json-view" => (CellKind::Json, CellStyle::Basic),
        "image" => (CellKind::Image, CellStyle::Basic),
        "sparkline" => (CellKind::Sparkline, CellStyle::Basic),
        "custom" => (CellKind::Text, CellStyle::Basic),
        other => {
            found.approximated(format!("cell {other}"), "cells show their text");
            return None;
        }
    };
    Some(Cell {
        kind,
        style,
        ..Cell::default()
    })
}
