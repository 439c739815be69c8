//! A panel: what all kinds have, its queries.

use serde_json::Value;

use super::object::{Findings, Object};
use super::source::{Source, Sources};
use super::{field, legacy, options, transformations};
use crate::check::query_problem;
use crate::panel::{
    COLUMNS, Direction, Grid, Panel, PanelKind, Query, QueryFormat, QueryMode, Repeat, UNPLACED,
};
use crate::report::{PanelReport, Severity};
use crate::transformation::{Nothing, Transformation};
use crate::variable::Variable;

/// Most queries of a panel. Chosen: five times as many as we have seen.
const QUERIES_MAX: usize = 200;

/// What panels are read with.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) sources: &'a Sources,
    pub(super) variables: &'a [Variable],
    /// All panels, to find the one whose answer another shows.
    pub(super) all: &'a [&'a Value],
    /// Library panels that came along, by uid.
    pub(super) library: Option<&'a Value>,
    /// The version of the schema.
    pub(super) schema: u32,
}

/// Since this version labels that become fields leave a table for each series; before it they were one table.
const LABELS_APART: u32 = 31;

/// What a plugin shows; `None`: nothing that is known here.
fn kind_of(plugin: &str) -> Option<PanelKind> {
    Some(match plugin {
        "timeseries" | "trend" => PanelKind::TimeSeries,
        "stat" => PanelKind::Stat,
        "gauge" => PanelKind::Gauge,
        "bargauge" => PanelKind::BarGauge,
        "table" => PanelKind::Table,
        "heatmap" => PanelKind::Heatmap,
        "barchart" => PanelKind::BarChart,
        "piechart" => PanelKind::Pie,
        "histogram" => PanelKind::Histogram,
        "state-timeline" => PanelKind::StateTimeline,
        "status-history" => PanelKind::StatusHistory,
        "text" => PanelKind::Text,
        "alertlist" => PanelKind::AlertList,
        _ => return None,
    })
}

/// Reads a panel; findings about the dashboard rather than the panel go to `above`.
pub(super) fn read(
    value: &Value,
    around: &Surroundings<'_>,
    above: &mut Findings,
) -> (Panel, PanelReport) {
    let mut found = Findings::default();
    let inlined = library(value, around, &mut found);
    let value = inlined.as_ref().unwrap_or(value);
    let plugin = Object::of(Some(value)).string("type");
    let modern = legacy::modern(value, &mut found);
    let of = Object::of(Some(modern.as_ref().unwrap_or(value)));
    let of_plugin = of.string("type");
    let mut panel = Panel {
        id: of.count("id").unwrap_or_default(),
        title: of.string("title"),
        description: of.string("description"),
        transparent: of.is("transparent"),
        grid: grid(&of),
        ..Panel::default()
    };
    let kind = kind_of(&of_plugin);
    panel.kind = kind.unwrap_or(PanelKind::Unsupported);
    if kind.is_none() {
        let reason = match of_plugin.as_str() {
            "" => "it does not say what it is".to_owned(),
            name => format!("there is nothing here like Grafana's panel {name:?}"),
        };
        found.lost(format!("panel plugin {of_plugin}"), reason.clone());
        panel.reason = reason;
    }
    if of_plugin == "trend" {
        found.approximated("panel plugin trend", "the x-axis is time");
    }
    common(&of, &mut panel, around, &mut found);
    if of
        .get("alert")
        .is_some_and(|it| !super::object::is_blank(it))
    {
        above.lost(
            format!("alert of panel {:?}", panel.title),
            "alerts are rules here: write one in a rule file",
        );
    }
    let asks = !matches!(panel.kind, PanelKind::Text | PanelKind::AlertList);
    if asks {
        queries(&of, &mut panel, around, &mut found);
    } else {
        of.skip(&["targets", "datasource"]);
    }
    let steps = transformations::read(of.list("transformations"), &mut found);
    panel.transformations = steps
        .into_iter()
        .flat_map(|step| {
            let is_one =
                around.schema < LABELS_APART && matches!(step, Transformation::LabelsToFields(_));
            std::iter::once(step).chain(is_one.then_some(Transformation::Merge(Nothing)))
        })
        .collect();
    field::read(&of.object("fieldConfig"), &mut panel, &mut found);
    options::read(&of.object("options"), &mut panel, &mut found);
    if panel.kind == PanelKind::StatusHistory && panel.max_points.is_none() {
        found.approximated(
            "maxDataPoints",
            "over long ranges it asks for fewer points: as many as there is room for cells that can be read",
        );
    }
    of.skip(&[
        "type",
        "pluginVersion",
        "cacheTimeout",
        "queryCachingTTL",
        "editable",
        "error",
        "isNew",
        "span",
        "height",
        "minSpan",
        "renderer",
        "collapsed",
        "repeatPanelId",
        "repeatIteration",
        "scopedVars",
        "repeatedByRow",
        "libraryPanel",
        "tags",
        "fieldConfig",
        "options",
        "pageSize",
        "cards",
        "color",
        "dataFormat",
        "heatmap",
        "hideZeroBuckets",
        "highlightCards",
        "legend",
        "reverseYBuckets",
        "tooltip",
        "tooltipDecimals",
        "xAxis",
        "xBucketNumber",
        "xBucketSize",
        "yAxis",
        "yBucketBound",
        "yBucketNumber",
        "yBucketSize",
        "x",
        "columns",
        "fontSize",
        "scroll",
        "showHeader",
        "sort",
        "styles",
        "transform",
        "timeCompare",
        "cachingConfig",
        "headerIcon",
        "$$hashKey",
        "thresholds",
        "aliasColors",
        "seriesOverrides",
        "panels",
        "content",
        "mode",
        "alert",
        "subtype",
        "headerColor",
        "hideHeader",
    ]);
    if panel.kind != PanelKind::Unsupported {
        found.unknown("panel", &of);
    }
    let mut report = PanelReport {
        id: panel.id,
        title: panel.title.clone(),
        plugin,
        findings: found.0,
        ..PanelReport::default()
    };
    // What is not shown at all need not be told in detail.
    if panel.kind == PanelKind::Unsupported {
        report.findings.retain(|it| it.severity == Severity::Lost);
    }
    report.judge();
    (panel, report)
}

/// A panel of the library, put where it is named.
fn library(value: &Value, around: &Surroundings<'_>, found: &mut Findings) -> Option<Value> {
    let of = Object::of(value.get("libraryPanel"));
    let uid = of.text("uid")?;
    let is_whole = value
        .get("type")
        .and_then(Value::as_str)
        .is_some_and(|it| !it.is_empty())
        && value.get("options").is_some();
    if is_whole {
        return None;
    }
    let element = around.library.and_then(|all| all.get(&uid));
    let model = element
        .and_then(|it| it.get("model"))
        .or_else(|| of.get("model"));
    let Some(model) = model.and_then(Value::as_object) else {
        let name = of.string("name");
        found.lost(
            format!("library panel {name}"),
            "is kept by Grafana, not in this file: export the dashboard with its library panels",
        );
        return None;
    };
    let mut model = model.clone();
    for key in ["id", "gridPos", "repeat", "title"] {
        if let Some(own) = value.get(key) {
            model.insert(key.to_owned(), own.clone());
        }
    }
    model.remove("libraryPanel");
    Some(Value::Object(model))
}

fn grid(of: &Object<'_>) -> Grid {
    let place = of.object("gridPos");
    let blank = Grid::default();
    let w = place.count("w").unwrap_or(blank.w).min(COLUMNS);
    Grid {
        x: place.count("x").map_or(blank.x, |x| x.min(COLUMNS - w)),
        y: place.count("y").map_or(blank.y, |y| y.min(9_000)),
        w,
        h: place.count("h").unwrap_or(blank.h).min(500),
    }
}

fn common(of: &Object<'_>, panel: &mut Panel, around: &Surroundings<'_>, found: &mut Findings) {
    let links = of.list("links").iter();
    panel.links = links
        .map(|item| field::link(&Object::of(Some(item)), found))
        .collect();
    panel.min_step = of.string("interval");
    panel.max_points = of.count("maxDataPoints").filter(|it| *it > 0);
    panel.time_from = of.string("timeFrom");
    panel.time_shift = of.string("timeShift");
    panel.hide_time_override = of.is("hideTimeOverride");
    panel.repeat = repeat(of, around, found);
}

/// A repetition, of a panel or row.
pub(super) fn repeat(
    of: &Object<'_>,
    around: &Surroundings<'_>,
    found: &mut Findings,
) -> Option<Repeat> {
    let variable = of.text("repeat").filter(|it| !it.is_empty());
    let is_vertical = of.text("repeatDirection").is_some_and(|it| it == "v");
    let max_per_row = of.count("maxPerRow").unwrap_or_default();
    let variable = variable?;
    if around.sources.lost_variables.contains(&variable) {
        found.lost(
            format!("repeat by {variable}"),
            "this variable was not carried over",
        );
        return None;
    }
    if around.variables.iter().all(|it| it.name != variable) {
        found.cosmetic(
            format!("repeat by {variable}"),
            "there is no such variable: it is shown once, as before",
        );
        return None;
    }
    Some(Repeat {
        variable,
        direction: if is_vertical {
            Direction::Vertical
        } else {
            Direction::Horizontal
        },
        max_per_row,
    })
}

fn queries(of: &Object<'_>, panel: &mut Panel, around: &Surroundings<'_>, found: &mut Findings) {
    let source = around.sources.of(of.get("datasource"));
    let targets = of.list("targets");
    if targets.len() > QUERIES_MAX {
        found.lost(
            "queries",
            format!("only the first {QUERIES_MAX} are carried over"),
        );
    }
    let targets = targets.get(..QUERIES_MAX).unwrap_or(targets);
    if source == Source::OtherPanel {
        if let Some(id) = targets
            .first()
            .and_then(|it| Object::of(Some(it)).count("panelId"))
        {
            answers_of(id, of, panel, around, found);
            return;
        }
        found.lost(
            "queries",
            "shows the answer of another panel, and does not say of which",
        );
    }
    let mut foreign = None;
    for target in targets {
        let target = Object::of(Some(target));
        let own = match target.get("datasource") {
            Some(own) if !super::object::is_blank(own) => around.sources.of(Some(own)),
            _ => source.clone(),
        };
        let name = target.string("refId");
        match own {
            Source::Foreign(plugin) => {
                found.lost(
                    format!("query {name}"),
                    format!("asks {plugin}, of which there is none here"),
                );
                foreign = Some(plugin);
            }
            Source::Expression => {
                let kind = target.string("type");
                found.lost(
                    format!("query {name}"),
                    format!(
                        "is an expression over other answers ({kind}), which is not known here"
                    ),
                );
                foreign = Some("expressions".to_owned());
            }
            Source::OtherPanel => {
                if let Some(id) = target.count("panelId") {
                    answers_of(id, of, panel, around, found);
                } else {
                    found.lost(
                        format!("query {name}"),
                        "shows the answer of another panel, and does not say of which",
                    );
                }
            }
            Source::Prometheus | Source::Mixed => {
                panel.queries.extend(query(&target, around, found))
            }
        }
    }
    if panel.queries.is_empty() && !targets.is_empty() && panel.kind != PanelKind::Unsupported {
        let has_lost = found.0.iter().any(|it| it.severity == Severity::Lost);
        if has_lost {
            panel.kind = PanelKind::Unsupported;
            panel.reason = match foreign {
                Some(plugin) => format!("it asks {plugin}, of which there is none here"),
                None => "none of its queries is PromQL that is understood here".to_owned(),
            };
        }
    }
    let mut names = std::collections::HashSet::new();
    for query in &mut panel.queries {
        if !names.insert(query.ref_id.clone()) {
            query.ref_id.clear();
        }
    }
}

/// The queries of the panel whose answer this one shows.
fn answers_of(
    id: u32,
    of: &Object<'_>,
    panel: &mut Panel,
    around: &Surroundings<'_>,
    found: &mut Findings,
) {
    let other = around
        .all
        .iter()
        .find(|it| Object::of(Some(it)).count("id") == Some(id));
    let own_id = of.count("id");
    let Some(other) = other.filter(|_| own_id != Some(id)) else {
        found.lost(
            "queries",
            format!("shows the answer of panel {id}, which is not there"),
        );
        return;
    };
    let other = Object::of(Some(other));
    if around.sources.of(other.get("datasource")) == Source::OtherPanel {
        found.lost(
            "queries",
            format!("shows the answer of panel {id}, which shows that of another one"),
        );
        return;
    }
    for target in other.list("targets") {
        let target = Object::of(Some(target));
        let own = match target.get("datasource") {
            Some(own) => around.sources.of(Some(own)),
            None => around.sources.of(other.get("datasource")),
        };
        match own {
            Source::Prometheus | Source::Mixed => {
                panel.queries.extend(query(&target, around, found))
            }
            _ => found.lost(
                "queries",
                format!("shows an answer of panel {id} that is not one of PromQL"),
            ),
        }
    }
    let with_steps = of
        .list("targets")
        .iter()
        .any(|it| Object::of(Some(it)).is("withTransforms"));
    if with_steps {
        let steps = transformations::read(other.list("transformations"), found);
        panel.transformations.extend(steps);
    }
}

fn query(of: &Object<'_>, around: &Surroundings<'_>, found: &mut Findings) -> Option<Query> {
    let name = of.string("refId");
    let Some(expr) = of.text("expr") else {
        let says = [
            "rawSql",
            "query",
            "target",
            "rawQuery",
            "expression",
            "measurement",
            "queryText",
            "url",
            "metricName",
        ];
        if let Some(key) = says
            .iter()
            .find(|key| of.text(key).is_some_and(|it| !it.is_empty()))
        {
            found.lost(
                format!("query {name}"),
                format!("has {key} rather than PromQL"),
            );
        }
        return None;
    };
    if expr.trim().is_empty() {
        return None;
    }
    let is_shown = !of.is("hide");
    for reference in crate::macros::references(&expr) {
        if around.sources.lost_variables.contains(reference.name) {
            found.lost(
                format!("query {name}"),
                format!(
                    "has the variable {}, which was not carried over",
                    reference.name
                ),
            );
        }
    }
    if let Err(reason) = query_problem(&expr, around.variables) {
        if is_shown {
            found.lost(format!("query {name}"), reason);
        } else {
            found.cosmetic(
                format!("query {name}"),
                format!("was hidden, and is left out: {reason}"),
            );
        }
        return None;
    }
    let (instant, range) = (of.is("instant"), of.is("range"));
    let mode = match (instant, range) {
        (true, true) => QueryMode::Both,
        (true, false) => QueryMode::Instant,
        (false, _) => QueryMode::Range,
    };
    let format = match of.string("format").as_str() {
        "table" => QueryFormat::Table,
        "heatmap" => QueryFormat::Heatmap,
        _ => QueryFormat::TimeSeries,
    };
    Some(Query {
        ref_id: name,
        expr,
        // Without a legend, Grafana tells metric and labels.
        legend: of
            .text("legendFormat")
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| "__verbose".to_owned()),
        mode,
        format,
        min_step: of.string("interval"),
        step_factor: of.count("intervalFactor").unwrap_or(1).max(1),
        hidden: !is_shown,
        exemplars: of.is("exemplar"),
    })
}

/// Whether a place was not said.
pub(super) fn is_unplaced(grid: &Grid) -> bool {
    grid.x == UNPLACED || grid.y == UNPLACED
}
