//! What is filled in where a dashboard does not say it: places of panels, their numbers, names of queries, sections of their kinds.

use std::collections::HashSet;

use crate::model::Dashboard;
use crate::panel::{COLUMNS, Grid, Panel, PanelKind, UNPLACED};

impl Dashboard {
    /// Gives what is missing: places on the grid, one panel behind the other; numbers of panels; names of queries;
    /// the section of options that a panel's kind has.
    pub fn place(&mut self) {
        let panels = self.rows.iter().flat_map(|row| &row.panels);
        let mut taken: HashSet<u32> = panels.map(|panel| panel.id).collect();
        let mut next_id = 1;
        for row in &mut self.rows {
            let mut cursor = Cursor::default();
            for panel in &mut row.panels {
                cursor.place(panel);
                if panel.id == 0 {
                    while !taken.insert(next_id) {
                        next_id += 1;
                    }
                    panel.id = next_id;
                }
                name_queries(panel);
                give_options(panel);
            }
        }
    }
}

/// Where the next panel goes.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    x: u32,
    y: u32,
    /// The height of what stands side by side.
    height: u32,
}

impl Cursor {
    fn place(&mut self, panel: &mut Panel) {
        let grid = &mut panel.grid;
        let (w, h) = default_size(panel.kind);
        if grid.w == 0 {
            grid.w = w;
        }
        if grid.h == 0 {
            grid.h = h;
        }
        if grid.x == UNPLACED || grid.y == UNPLACED {
            if self.x.saturating_add(grid.w) > COLUMNS {
                self.x = 0;
                self.y = self.y.saturating_add(self.height);
                self.height = 0;
            }
            (grid.x, grid.y) = (self.x, self.y);
        } else if grid.y != self.y {
            self.height = 0;
        }
        self.x = grid.x.saturating_add(grid.w);
        self.y = grid.y;
        self.height = self.height.max(grid.h);
    }
}

/// The same dashboard without what [`Dashboard::place`] gives it again.
pub(crate) fn compact(dashboard: &Dashboard) -> Dashboard {
    let mut compact = dashboard.clone();
    for panel in compact.rows.iter_mut().flat_map(|row| &mut row.panels) {
        panel.id = 0;
        for query in &mut panel.queries {
            query.ref_id.clear();
        }
    }
    compact.place();
    let all_ids_agree = compact
        .rows
        .iter()
        .flat_map(|row| &row.panels)
        .map(|panel| panel.id)
        .eq(dashboard
            .rows
            .iter()
            .flat_map(|row| &row.panels)
            .map(|panel| panel.id));
    for (row, original) in compact.rows.iter_mut().zip(&dashboard.rows) {
        let mut cursor = Cursor::default();
        for (panel, original) in row.panels.iter_mut().zip(&original.panels) {
            panel.id = if all_ids_agree { 0 } else { original.id };
            let queries = panel.queries.iter().zip(&original.queries);
            let all_names_agree = queries.clone().all(|(a, b)| a.ref_id == b.ref_id);
            for (query, original) in panel.queries.iter_mut().zip(&original.queries) {
                query.ref_id = if all_names_agree {
                    String::new()
                } else {
                    original.ref_id.clone()
                };
            }
            let before = cursor;
            panel.grid = Grid {
                x: UNPLACED,
                y: UNPLACED,
                ..original.grid
            };
            cursor.place(panel);
            let is_next = panel.grid == original.grid;
            panel.grid = original.grid;
            if is_next {
                (panel.grid.x, panel.grid.y) = (UNPLACED, UNPLACED);
                if (panel.grid.w, panel.grid.h) == default_size(panel.kind) {
                    panel.grid = Grid::default();
                }
            } else {
                cursor = before;
                cursor.place(panel);
            }
        }
    }
    compact
}

fn default_size(kind: PanelKind) -> (u32, u32) {
    match kind {
        PanelKind::Stat | PanelKind::Gauge => (6, 4),
        PanelKind::Table | PanelKind::Text | PanelKind::AlertList => (24, 8),
        _ => (12, 8),
    }
}

fn name_queries(panel: &mut Panel) {
    let mut taken: HashSet<String> = panel.queries.iter().map(|it| it.ref_id.clone()).collect();
    let mut number = 0;
    for query in &mut panel.queries {
        if query.ref_id.is_empty() {
            while !taken.insert(letters(number)) {
                number += 1;
            }
            query.ref_id = letters(number);
        }
    }
}

/// `A` to `Z`, then `A1` and so on.
fn letters(number: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

fn give_options(panel: &mut Panel) {
    let kind = panel.kind;
    let is = |kinds: &[PanelKind]| kinds.contains(&kind);
    fn keep<T: Default + PartialEq>(option: &mut Option<T>, is: bool) {
        if is {
            option.get_or_insert_default();
        } else if *option == Some(T::default()) {
            *option = None;
        }
    }
    keep(&mut panel.bars, is(&[PanelKind::BarChart]));
    keep(
        &mut panel.value,
        is(&[
            PanelKind::Stat,
            PanelKind::Gauge,
            PanelKind::BarGauge,
            PanelKind::Pie,
        ]),
    );
    keep(&mut panel.table, is(&[PanelKind::Table]));
    keep(&mut panel.heatmap, is(&[PanelKind::Heatmap]));
    keep(&mut panel.pie, is(&[PanelKind::Pie]));
    keep(&mut panel.histogram, is(&[PanelKind::Histogram]));
    keep(
        &mut panel.state,
        is(&[PanelKind::StateTimeline, PanelKind::StatusHistory]),
    );
    keep(&mut panel.text, is(&[PanelKind::Text]));
    keep(&mut panel.alerts, is(&[PanelKind::AlertList]));
}
