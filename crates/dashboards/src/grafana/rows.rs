//! Rows and their panels: those of today, which stand in one list, and those of before 2018.

use serde_json::Value;

use super::object::{Findings, Object};
use super::panel::{self, Surroundings, is_unplaced};
use crate::model::{PANELS_MAX, Row};
use crate::panel::{COLUMNS, Panel};
use crate::report::Report;

/// All panels, those in rows too.
pub(super) fn all_panels<'a>(of: &Object<'a>) -> Vec<&'a Value> {
    let mut all = Vec::new();
    let lists = of
        .list("rows")
        .iter()
        .filter_map(|row| row.get("panels")?.as_array());
    for panel in of.list("panels").iter().chain(lists.flatten()) {
        let inner = panel.get("panels").and_then(Value::as_array);
        all.push(panel);
        all.extend(inner.into_iter().flatten());
    }
    // More are not read.
    all.truncate(2 * PANELS_MAX);
    all
}

/// Reads the rows of a dashboard; the report gets its panels in the same order.
pub(super) fn read(
    of: &Object<'_>,
    around: &Surroundings<'_>,
    report: &mut Report,
    above: &mut Findings,
) -> Vec<Row> {
    let old = of.list("rows");
    let mut reader = Rows {
        around,
        report,
        above,
        rows: vec![Row::default()],
        count: 0,
    };
    if old.is_empty() {
        reader.modern(of.list("panels"));
    } else {
        reader.old(old);
        // Both were never meant to be there, yet nothing is dropped silently.
        reader.modern(of.list("panels"));
    }
    let mut rows = reader.rows;
    if rows.first().is_some_and(|row| row.panels.is_empty()) {
        rows.remove(0);
    }
    for row in &mut rows {
        // Places count from the top of the row.
        let placed = row.panels.iter().filter(|panel| !is_unplaced(&panel.grid));
        let top = placed.map(|panel| panel.grid.y).min().unwrap_or_default();
        for panel in &mut row.panels {
            if !is_unplaced(&panel.grid) {
                panel.grid.y -= top;
            }
        }
    }
    renumber(&mut rows);
    rows
}

/// Numbers that are there twice are given anew.
fn renumber(rows: &mut [Row]) {
    let mut taken = std::collections::HashSet::new();
    for panel in rows.iter_mut().flat_map(|row| &mut row.panels) {
        if panel.id != 0 && !taken.insert(panel.id) {
            panel.id = 0;
        }
    }
}

#[derive(Debug)]
struct Rows<'a> {
    around: &'a Surroundings<'a>,
    report: &'a mut Report,
    above: &'a mut Findings,
    rows: Vec<Row>,
    count: usize,
}

impl Rows<'_> {
    /// Reads a panel into the last row.
    fn add(&mut self, value: &Value) -> Option<&mut Panel> {
        // What a repetition left behind; it is made anew.
        if value.get("repeatPanelId").is_some_and(|it| !it.is_null()) {
            return None;
        }
        if self.count == PANELS_MAX {
            self.above.lost(
                "panels",
                format!("only the first {PANELS_MAX} are carried over"),
            );
        }
        self.count += 1;
        if self.count > PANELS_MAX {
            return None;
        }
        let (panel, report) = panel::read(value, self.around, self.above);
        self.report.panels.push(report);
        let row = self.rows.last_mut()?;
        row.panels.push(panel);
        row.panels.last_mut()
    }

    fn begin(&mut self, of: &Object<'_>, collapsed: bool) {
        let title = of.text("title").filter(|it| !it.trim().is_empty());
        let mut found = Findings::default();
        let repeat = panel::repeat(of, self.around, &mut found);
        self.above.0.extend(found.0);
        self.rows.push(Row {
            title: title.unwrap_or_else(|| "Row".to_owned()),
            collapsed,
            repeat,
            panels: Vec::new(),
        });
    }

    fn modern(&mut self, panels: &[Value]) {
        let place = |panel: &Value| {
            let of = Object::of(panel.get("gridPos"));
            (
                of.count("y").unwrap_or(u32::MAX),
                of.count("x").unwrap_or(u32::MAX),
            )
        };
        let mut sorted: Vec<&Value> = panels.iter().collect();
        // Where places are missing the order of the list counts.
        if panels.iter().all(|panel| place(panel).0 != u32::MAX) {
            sorted.sort_by_key(|panel| place(panel));
        }
        for value in sorted {
            let of = Object::of(Some(value));
            if of.text("type").is_some_and(|it| it == "row") {
                if value.get("repeatIteration").is_some_and(|it| !it.is_null())
                    && value.get("scopedVars").is_some_and(|it| !it.is_null())
                    && value.get("repeat").is_none_or(Value::is_null)
                {
                    continue;
                }
                let inner = of.list("panels");
                self.begin(&of, of.is("collapsed"));
                let mut inner: Vec<&Value> = inner.iter().collect();
                inner.sort_by_key(|panel| place(panel));
                for panel in inner {
                    self.add(panel);
                }
            } else {
                self.add(value);
            }
        }
    }

    /// Rows of spans of twelve columns, as Grafana itself brings them onto the grid.
    fn old(&mut self, rows: &[Value]) {
        let objects: Vec<Object<'_>> = rows.iter().map(|row| Object::of(Some(row))).collect();
        let shows_rows = objects.iter().any(|row| {
            row.is("collapse")
                || row.is("showTitle")
                || row.text("repeat").is_some_and(|it| !it.is_empty())
        });
        let mut top = 0;
        for row in &objects {
            let row_height = height(row.get("height")).unwrap_or(7);
            if shows_rows {
                self.begin(row, row.is("collapse"));
                top = 0;
            }
            let (mut x, mut line_height) = (0, 0);
            for value in row.list("panels") {
                let of = Object::of(Some(value));
                if of.text("type").is_some_and(|it| it == "row") {
                    continue;
                }
                let w = of.count("span").unwrap_or(4).clamp(1, 12) * 2;
                let h = height(of.get("height")).unwrap_or(row_height);
                let min_span = of.count("minSpan").unwrap_or_default();
                let Some(panel) = self.add(value) else {
                    continue;
                };
                if let Some(repeat) = &mut panel.repeat
                    && min_span > 0
                {
                    repeat.max_per_row = (12 / min_span).max(1);
                }
                if !is_unplaced(&panel.grid) {
                    continue;
                }
                if x + w > COLUMNS {
                    x = 0;
                    top += line_height;
                    line_height = 0;
                }
                (panel.grid.x, panel.grid.y) = (x, top);
                (panel.grid.w, panel.grid.h) = (w, h);
                x += w;
                line_height = line_height.max(h);
            }
            top += line_height;
        }
    }
}

/// Rows of the grid that a height in pixels takes.
fn height(value: Option<&Value>) -> Option<u32> {
    let text = super::object::text_of(value?)?;
    let pixels: f64 = text.trim_end_matches("px").trim().parse().ok()?;
    let rows = (pixels / 38.0).ceil().max(3.0);
    super::object::count_of(rows).map(|rows| rows.min(500))
}
