//! What tests of the machine, the runner and replicas share.

use std::collections::BTreeMap;

use crate::plan::{Integration, Plan};
use crate::route::{RouteSettings, RouteTree};

/// A plan in which `team` and `other` have one webhook each.
pub(crate) fn plan(root: &RouteSettings, send_resolved: bool) -> Plan {
    let integration = Integration {
        kind: "webhook".to_owned(),
        send_resolved,
    };
    let receiver = |name: &str| (name.to_owned(), vec![integration.clone()]);
    Plan {
        routes: RouteTree::new(root),
        inhibit_rules: Vec::new(),
        time_intervals: BTreeMap::new(),
        receivers: ["team", "other"].map(receiver).into(),
    }
}

/// One that tells `team` of everything at once, and of changes each minute.
pub(crate) fn prompt_plan() -> Plan {
    let root = RouteSettings {
        receiver: Some("team".to_owned()),
        group_wait_ms: Some(0),
        group_interval_ms: Some(60_000),
        ..RouteSettings::default()
    };
    plan(&root, true)
}
