//! Where an alert goes, without a server: for tests of routing trees.

use bellwether_model::Labels;

use crate::plan::Plan;

/// A route that an alert takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenRoute {
    /// Its place in the tree.
    pub route: usize,
    /// Who is notified.
    pub receiver: String,
    /// Names of the time intervals that keep it from sending at the time that was asked for.
    pub muted_by: Vec<String>,
}

/// The routes that an alert with these labels takes, in the order of the tree. Without a time,
/// nothing is muted.
#[must_use]
pub fn taken_routes(plan: &Plan, labels: &Labels, at_ms: Option<i64>) -> Vec<TakenRoute> {
    plan.routes
        .matching(labels)
        .into_iter()
        .filter_map(|index| {
            let route = plan.routes.get(index)?;
            Some(TakenRoute {
                route: index,
                receiver: route.receiver.clone(),
                muted_by: at_ms.map_or_else(Vec::new, |at_ms| plan.muted_by(route, at_ms)),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{RouteSettings, RouteTree, Span, TimeInterval, parse_matchers};

    #[test]
    fn routes_are_told_with_what_mutes_them() {
        let at_night = TimeInterval {
            minutes: vec![Span {
                begin: 0,
                end: 6 * 60,
            }],
            ..TimeInterval::default()
        };
        let child = |receiver: &str, matchers: &str| RouteSettings {
            receiver: Some(receiver.to_owned()),
            matchers: parse_matchers(matchers).unwrap(),
            goes_on: true,
            ..RouteSettings::default()
        };
        let plan = Plan {
            routes: RouteTree::new(&RouteSettings {
                receiver: Some("all".to_owned()),
                routes: vec![
                    RouteSettings {
                        mute_time_intervals: vec!["night".to_owned()],
                        ..child("mail", "team=db")
                    },
                    child("pager", "severity=critical"),
                ],
                ..RouteSettings::default()
            }),
            inhibit_rules: Vec::new(),
            time_intervals: BTreeMap::from([("night".to_owned(), vec![at_night])]),
            receivers: BTreeMap::new(),
        };
        let taken = |labels: &[(&str, &str)], at_ms: Option<i64>| -> Vec<(usize, String, bool)> {
            let labels = Labels::from_pairs(labels.iter().copied());
            taken_routes(&plan, &labels, at_ms)
                .into_iter()
                .map(|taken| (taken.route, taken.receiver, !taken.muted_by.is_empty()))
                .collect()
        };
        let both = [("team", "db"), ("severity", "critical")];
        let route = |at: usize, receiver: &str, muted| (at, receiver.to_owned(), muted);
        assert_eq!(taken(&[], None), [route(0, "all", false)]);
        assert_eq!(
            taken(&both, Some(3_600_000)),
            [route(1, "mail", true), route(2, "pager", false)]
        );
        assert_eq!(
            taken(&both, Some(12 * 3_600_000)),
            [route(1, "mail", false), route(2, "pager", false)]
        );
        assert_eq!(taken(&both, None)[0], route(1, "mail", false));
    }
}
