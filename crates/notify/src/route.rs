//! The routing tree: which receivers an alert goes to, and how it is grouped on the way.
//!
//! ## Model
//! A [`RouteSettings`] is a node as it is written: what it does not say it takes from its parent. A
//! [`RouteTree`] is the same with everything filled in, its nodes in a list; routes are known by
//! their place in it.
//!
//! ## Invariants
//! Keys and identifiers of routes are those that an Alertmanager makes of the same tree: receivers
//! get them as part of a group's key, and some deduplicate by it.

use std::collections::BTreeSet;

use bellwether_model::go_quote::quoted;
use bellwether_model::{Labels, MatchOp, Matcher};

/// By which labels alerts are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// By these; none: all alerts of a route are one group.
    Labels(BTreeSet<String>),
    /// By all: each alert is a group of its own (`...`).
    All,
}

/// A node of the tree as it is written. Durations are in ms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouteSettings {
    /// Who is notified; `None`: as the parent says.
    pub receiver: Option<String>,
    /// What an alert's labels must satisfy.
    pub matchers: Vec<Matcher>,
    /// Whether later siblings are tried, too, where this node matches.
    pub goes_on: bool,
    /// `None`: as the parent says.
    pub group_by: Option<GroupBy>,
    /// How long a new group waits for more alerts.
    pub group_wait_ms: Option<i64>,
    /// How long until a group that has changed is notified again.
    pub group_interval_ms: Option<i64>,
    /// How long until a group that has not changed is notified again.
    pub repeat_interval_ms: Option<i64>,
    /// Names of time intervals in which nothing is sent. Not inherited.
    pub mute_time_intervals: Vec<String>,
    /// Names of time intervals outside of which nothing is sent; none: always. Not inherited.
    pub active_time_intervals: Vec<String>,
    /// Labels of the route for templates; added to those of the parent.
    pub labels: Vec<(String, String)>,
    /// Tried in order.
    pub routes: Vec<RouteSettings>,
}

/// A node with everything filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Who is notified.
    pub receiver: String,
    /// What an alert's labels must satisfy.
    pub matchers: Vec<Matcher>,
    /// Whether later siblings are tried, too.
    pub goes_on: bool,
    /// By which labels alerts are put together.
    pub group_by: GroupBy,
    /// How long a new group waits, ms.
    pub group_wait_ms: i64,
    /// How long until a changed group is notified again, ms.
    pub group_interval_ms: i64,
    /// How long until an unchanged group is notified again, ms.
    pub repeat_interval_ms: i64,
    /// Names of time intervals in which nothing is sent.
    pub mute_time_intervals: Vec<String>,
    /// Names of time intervals outside of which nothing is sent.
    pub active_time_intervals: Vec<String>,
    /// Labels of the route for templates.
    pub labels: Vec<(String, String)>,
    /// The matchers on the way from the root. Several routes may share it.
    pub key: String,
    /// The same with the positions among siblings: no two routes share it.
    pub id: String,
    parent: Option<usize>,
    children: Vec<usize>,
}

/// What the root has where it says nothing.
const GROUP_WAIT_MS: i64 = 30_000;
const GROUP_INTERVAL_MS: i64 = 5 * 60_000;
const REPEAT_INTERVAL_MS: i64 = 4 * 3_600_000;

/// The whole tree.
#[derive(Debug, Clone, PartialEq)]
pub struct RouteTree {
    /// All routes; the root is the first, parents come before their children.
    routes: Vec<Route>,
}

impl RouteTree {
    /// Fills everything in.
    #[must_use]
    pub fn new(root: &RouteSettings) -> Self {
        let mut tree = Self { routes: Vec::new() };
        tree.add(root, None, 0);
        tree
    }

    fn add(
        &mut self,
        settings: &RouteSettings,
        parent_index: Option<usize>,
        position: usize,
    ) -> usize {
        let parent = parent_index.and_then(|index| self.routes.get(index));
        let mut matchers = settings.matchers.clone();
        // The order of Alertmanager: by name, value, and operator.
        matchers
            .sort_by(|a, b| (&a.name, &a.value, rank(a.op)).cmp(&(&b.name, &b.value, rank(b.op))));
        let own = matchers_text(&matchers);
        let mut labels = parent.map_or_else(Vec::new, |route| route.labels.clone());
        for (name, value) in &settings.labels {
            labels.retain(|(known, _)| known != name);
            labels.push((name.clone(), value.clone()));
        }
        let inherited = |own: Option<i64>, of: fn(&Route) -> i64, default: i64| {
            own.unwrap_or_else(|| parent.map_or(default, of))
        };
        let route = Route {
            receiver: settings
                .receiver
                .clone()
                .or_else(|| parent.map(|route| route.receiver.clone()))
                .unwrap_or_default(),
            goes_on: settings.goes_on,
            group_by: settings
                .group_by
                .clone()
                .or_else(|| parent.map(|route| route.group_by.clone()))
                .unwrap_or(GroupBy::Labels(BTreeSet::new())),
            group_wait_ms: inherited(settings.group_wait_ms, |r| r.group_wait_ms, GROUP_WAIT_MS),
            group_interval_ms: inherited(
                settings.group_interval_ms,
                |r| r.group_interval_ms,
                GROUP_INTERVAL_MS,
            ),
            repeat_interval_ms: inherited(
                settings.repeat_interval_ms,
                |r| r.repeat_interval_ms,
                REPEAT_INTERVAL_MS,
            ),
            mute_time_intervals: settings.mute_time_intervals.clone(),
            active_time_intervals: settings.active_time_intervals.clone(),
            labels,
            key: parent.map_or_else(|| own.clone(), |route| format!("{}/{own}", route.key)),
            id: parent.map_or_else(
                || own.clone(),
                |route| format!("{}/{own}/{position}", route.id),
            ),
            matchers,
            parent: parent_index,
            children: Vec::new(),
        };
        let index = self.routes.len();
        self.routes.push(route);
        for (position, child) in settings.routes.iter().enumerate() {
            let child = self.add(child, Some(index), position);
            self.routes[index].children.push(child);
        }
        index
    }

    /// All routes; the root is the first.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// A route by its place.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Route> {
        self.routes.get(index)
    }

    /// The way from the root to a route, both included.
    #[must_use]
    pub fn path(&self, index: usize) -> Vec<usize> {
        let mut path: Vec<usize> =
            std::iter::successors(Some(index), |index| self.get(*index)?.parent).collect();
        path.reverse();
        path
    }

    /// The routes that an alert with these labels takes, in the order of the tree; none where even
    /// the root does not match.
    #[must_use]
    pub fn matching(&self, labels: &Labels) -> Vec<usize> {
        let mut found = Vec::new();
        if !self.routes.is_empty() {
            self.descend(0, labels, &mut found);
        }
        found
    }

    fn descend(&self, index: usize, labels: &Labels, found: &mut Vec<usize>) -> bool {
        let route = &self.routes[index];
        if !route.matchers.iter().all(|m| m.matches_labels(labels)) {
            return false;
        }
        let before = found.len();
        for &child in &route.children {
            if self.descend(child, labels, found) && !self.routes[child].goes_on {
                break;
            }
        }
        if found.len() == before {
            found.push(index);
        }
        true
    }

    /// Routes that no alert can reach: an earlier sibling without `continue` takes everything that
    /// they would.
    #[must_use]
    pub fn unreachable(&self) -> Vec<usize> {
        let mut found = Vec::new();
        for route in &self.routes {
            for (position, &child) in route.children.iter().enumerate() {
                let wanted = &self.routes[child].matchers;
                let shadowed = route.children[..position].iter().any(|&earlier| {
                    let earlier = &self.routes[earlier];
                    !earlier.goes_on && earlier.matchers.iter().all(|m| wanted.contains(m))
                });
                if shadowed {
                    found.push(child);
                }
            }
        }
        found
    }
}

impl Route {
    /// The place of its parent; `None`: it is the root.
    #[must_use]
    pub fn parent(&self) -> Option<usize> {
        self.parent
    }

    /// The labels by which an alert is grouped here.
    #[must_use]
    pub fn group_labels(&self, labels: &Labels) -> Labels {
        match &self.group_by {
            GroupBy::All => labels.clone(),
            GroupBy::Labels(names) => labels.filter(|name| names.contains(name)),
        }
    }

    /// What a receiver knows a group by.
    #[must_use]
    pub fn group_key(&self, group: &Labels) -> String {
        let mut key = format!("{}:{{", self.key);
        for (position, (name, value)) in group.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            key.push_str(comma);
            key.push_str(name);
            key.push('=');
            key.push_str(&quoted(value).to_string());
        }
        key.push('}');
        key
    }
}

fn rank(op: MatchOp) -> u8 {
    match op {
        MatchOp::Equal => 0,
        MatchOp::NotEqual => 1,
        MatchOp::Regex => 2,
        MatchOp::NotRegex => 3,
    }
}

/// Matchers as an Alertmanager prints them.
#[must_use]
pub fn matchers_text(matchers: &[Matcher]) -> String {
    let mut text = "{".to_owned();
    for (position, matcher) in matchers.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        push_matcher(&mut text, matcher);
    }
    text.push('}');
    text
}

/// A name that holds what has a meaning of its own is quoted, and then the value in the same way.
fn push_matcher(text: &mut String, matcher: &Matcher) {
    let reserved = |c: char| c.is_whitespace() || "{}!=~,\\\"'`".contains(c);
    if matcher.name.contains(reserved) {
        text.push_str(&quoted(&matcher.name).to_string());
        text.push_str(matcher.op.as_str());
        text.push_str(&quoted(&matcher.value).to_string());
    } else {
        text.push_str(&matcher.name);
        text.push_str(matcher.op.as_str());
        push_escaped(text, &matcher.value);
    }
}

/// A value of a matcher: escaped as in OpenMetrics.
fn push_escaped(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(text: &str) -> Matcher {
        let (name, op, value) = ["=~", "!=", "="]
            .into_iter()
            .find_map(|op| text.split_once(op).map(|(name, value)| (name, op, value)))
            .unwrap();
        let op = match op {
            "=~" => MatchOp::Regex,
            "!=" => MatchOp::NotEqual,
            _ => MatchOp::Equal,
        };
        Matcher::new(name, op, value).unwrap()
    }

    fn node(receiver: &str, matchers: &[&str], routes: Vec<RouteSettings>) -> RouteSettings {
        RouteSettings {
            receiver: (!receiver.is_empty()).then(|| receiver.to_owned()),
            matchers: matchers.iter().map(|text| matcher(text)).collect(),
            routes,
            ..RouteSettings::default()
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    fn sample() -> RouteTree {
        let mut both = node("audit", &["team=db"], vec![]);
        both.goes_on = true;
        RouteTree::new(&node(
            "default",
            &[],
            vec![
                both,
                node(
                    "db",
                    &["team=db", "env=~prod|stage"],
                    vec![node("pager", &["severity=critical"], vec![])],
                ),
                node("", &["team=web"], vec![]),
            ],
        ))
    }

    #[test]
    fn alerts_go_where_the_tree_says() {
        let tree = sample();
        let receivers = |pairs: &[(&str, &str)]| {
            tree.matching(&labels(pairs))
                .into_iter()
                .map(|index| tree.routes()[index].receiver.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(receivers(&[("team", "ops")]), ["default"]);
        assert_eq!(receivers(&[("team", "db")]), ["audit"]);
        assert_eq!(
            receivers(&[("team", "db"), ("env", "prod")]),
            ["audit", "db"]
        );
        assert_eq!(
            receivers(&[("team", "db"), ("env", "prod"), ("severity", "critical")]),
            ["audit", "pager"]
        );
        let pager = tree.matching(&labels(&[
            ("team", "db"),
            ("env", "prod"),
            ("severity", "critical"),
        ]))[1];
        let path: Vec<&str> = tree
            .path(pager)
            .into_iter()
            .map(|index| tree.routes()[index].receiver.as_str())
            .collect();
        assert_eq!(path, ["default", "db", "pager"]);
        assert_eq!((tree.path(0), tree.routes()[0].parent()), (vec![0], None));
        // What a node does not say it takes from its parent.
        assert_eq!(receivers(&[("team", "web")]), ["default"]);
    }

    #[test]
    fn keys_are_those_of_alertmanager() {
        let tree = sample();
        let pager = tree
            .routes()
            .iter()
            .find(|route| route.receiver == "pager")
            .unwrap();
        assert_eq!(
            pager.key,
            r#"{}/{env=~"prod|stage",team="db"}/{severity="critical"}"#
        );
        assert_eq!(
            pager.id,
            r#"{}/{env=~"prod|stage",team="db"}/1/{severity="critical"}/0"#
        );
        let group = labels(&[("alertname", "a \"b\"\n"), ("x", "y")]);
        assert_eq!(
            tree.routes()[0].group_key(&group),
            r#"{}:{alertname="a \"b\"\n", x="y"}"#
        );
        let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value).unwrap();
        let matchers = [
            matcher("a b", MatchOp::Equal, "ä\u{1}"),
            matcher("ä", MatchOp::NotRegex, "\\d\t"),
        ];
        assert_eq!(
            matchers_text(&matchers),
            "{\"a b\"=\"ä\\x01\",ä!~\"\\\\d\t\"}"
        );
        assert_eq!(
            tree.routes()[0].group_key(&labels(&[("a b", "c")])),
            r#"{}:{a b="c"}"#
        );
    }

    #[test]
    fn groups_are_made_of_the_labels_that_are_there() {
        let mut settings = node("r", &[], vec![]);
        let names = ["alertname", "cluster"].map(str::to_owned);
        settings.group_by = Some(GroupBy::Labels(names.into_iter().collect()));
        let all = labels(&[("alertname", "A"), ("instance", "i")]);
        let tree = RouteTree::new(&settings);
        assert_eq!(
            tree.routes()[0].group_labels(&all),
            labels(&[("alertname", "A")])
        );
        settings.group_by = Some(GroupBy::All);
        assert_eq!(
            RouteTree::new(&settings).routes()[0].group_labels(&all),
            all
        );
    }

    #[test]
    fn shadowed_routes_are_found() {
        let tree = RouteTree::new(&node(
            "default",
            &[],
            vec![
                node("a", &["team=db"], vec![]),
                node("b", &["team=db", "severity=critical"], vec![]),
                node("c", &["team=web"], vec![]),
            ],
        ));
        let names: Vec<&str> = tree
            .unreachable()
            .into_iter()
            .map(|index| tree.routes()[index].receiver.as_str())
            .collect();
        assert_eq!(names, ["b"]);
    }
}
