//! The dashboard as a whole: what it is called, its time range, variables and rows.

use std::borrow::Cow;

use crate::form::{Reader, Style, record, words};
use crate::node::{Node, NodeValue};
use crate::panel::{Panel, Repeat};
use crate::variable::Variable;

/// Most panels of a dashboard. Chosen: five times the largest that we have seen.
pub const PANELS_MAX: usize = 1_000;

record! {
    /// A dashboard.
    Dashboard(prepare = prepare, finish = finish) also &["panels"] => {
        /// What it is found by: 1 to 100 letters, digits, `-`, `_` and `.`.
        uid: String = String::new(),
        /// What people call it.
        title: String = String::new(),
        /// What it is for; Markdown.
        description: String = String::new(),
        /// Words to find it by.
        tags: Vec<String> = Vec::new(),
        /// Where one goes from here.
        links: Vec<DashboardLink> = Vec::new(),
        /// The range of time that it opens with.
        time: TimeRange = TimeRange::default(),
        /// How often it is refreshed, such as `30s`; empty: not by itself.
        refresh: String = String::new(),
        /// `browser`, `utc`, or the name of a time zone.
        time_zone: String = "browser".to_owned(),
        /// What panels show of the pointer in another panel.
        crosshair: Crosshair = Crosshair::None,
        /// What is chosen above the panels, in order.
        variables: Vec<Variable> = Vec::new(),
        /// The panels. A row without a title has no header; only the first may have none.
        rows: Vec<Row> = Vec::new(),
    }
}

record! {
    /// A group of panels that folds up.
    Row => {
        /// What its header says; variables are put in. Empty: it has no header.
        title: String = String::new(),
        /// Whether it opens folded up.
        collapsed: bool = false,
        /// The row once for each value of a variable.
        repeat: Option<Repeat> = None,
        /// Its panels; `y` counts from the top of the row.
        panels: Vec<Panel> = Vec::new(),
    }
}

record! {
    /// A range of time.
    TimeRange(prepare = range_of_scalar) => {
        /// When it begins: `now-6h`, `now/d`, or a time of RFC 3339.
        from: String = "now-6h".to_owned(),
        /// When it ends.
        to: String = "now".to_owned(),
    }
}

words! {
    /// What panels show of the pointer in another panel.
    Crosshair => {
        /// Nothing.
        None = "none",
        /// A line at the same time.
        Line = "line",
        /// A line and what there is at that time.
        Tooltip = "tooltip",
    }
}

words! {
    /// What a link of a dashboard leads to.
    LinkKind => {
        /// A URL.
        Url = "url",
        /// The dashboards that have all of some tags.
        Dashboards = "dashboards",
    }
}

record! {
    /// A link in the head of a dashboard.
    DashboardLink => {
        /// What it says.
        title: String = String::new(),
        /// What it leads to.
        kind: LinkKind = LinkKind::Url,
        /// Where it leads; variables are put in.
        url: String = String::new(),
        /// Tags of the dashboards that it leads to.
        tags: Vec<String> = Vec::new(),
        /// What it says when it is pointed at.
        tooltip: String = String::new(),
        /// Whether it opens a new tab.
        new_tab: bool = false,
        /// Whether the dashboards are a menu rather than links side by side.
        as_menu: bool = false,
        /// Whether the range of time goes along.
        keep_time: bool = false,
        /// Whether the values of variables go along.
        keep_variables: bool = false,
    }
}

/// Panels beside the rows stand in a first row without a title.
fn prepare<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    let Some(panels) = node.get("panels").cloned() else {
        return node;
    };
    let NodeValue::Mapping(entries) = &node.value else {
        return node;
    };
    let row = Node {
        place: panels.place,
        value: NodeValue::Mapping(vec![("panels".to_owned(), panels)]),
    };
    let mut entries: Vec<(String, Node)> = entries
        .iter()
        .filter(|(key, _)| key != "panels")
        .cloned()
        .collect();
    match entries.iter_mut().find(|(key, _)| key == "rows") {
        Some((
            _,
            Node {
                value: NodeValue::List(rows),
                ..
            },
        )) => rows.insert(0, row),
        Some(_) => {}
        None => {
            let rows = Node {
                place: row.place,
                value: NodeValue::List(vec![row]),
            };
            entries.push(("rows".to_owned(), rows));
        }
    }
    Cow::Owned(Node {
        value: NodeValue::Mapping(entries),
        place: node.place,
    })
}

/// In YAML a first row of which only the panels are said is written as those.
fn finish(dashboard: &Dashboard, mut node: Node, style: Style) -> Node {
    let is_bare = dashboard.rows.first().is_some_and(|row| {
        let bare = Row {
            panels: row.panels.clone(),
            ..Row::default()
        };
        *row == bare && !row.panels.is_empty()
    });
    if style == Style::Json || !is_bare {
        return node;
    }
    let NodeValue::Mapping(entries) = &mut node.value else {
        return node;
    };
    let Some(at) = entries.iter().position(|(key, _)| key == "rows") else {
        return node;
    };
    if let NodeValue::List(rows) = &mut entries[at].1.value
        && let Some(panels) = rows.first().and_then(|row| row.get("panels")).cloned()
    {
        rows.remove(0);
        let is_empty = rows.is_empty();
        if is_empty {
            entries.remove(at);
        }
        entries.insert(at, ("panels".to_owned(), panels));
    }
    node
}

/// `time: now-6h` is a range until now.
fn range_of_scalar<'a>(node: Cow<'a, Node>, _reader: &mut Reader) -> Cow<'a, Node> {
    crate::panel::scalar_as(node, "from")
}
