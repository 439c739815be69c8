//! Which rules of a group read what rules before them write.
//!
//! ## Model
//! A selector reads a rule where its condition on the name takes the rule's metric, or `ALERTS` of
//! the rule's alerts. One without a condition on the name, and a template that asks queries, may read
//! anything.

use bellwether_model::{ALERT_NAME, METRIC_NAME};
use bellwether_promql::ast::{Expr, VectorSelector};

use crate::alerting::{ALERTS, ALERTS_FOR_STATE};
use crate::settings::RuleSettings;

/// What a rule must see of the rules before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The results of these, by their position.
    Rules(Vec<usize>),
    /// Perhaps all of them.
    Anything,
}

impl Reads {
    /// What a rule reads whose query this is.
    pub(crate) fn of(query: &Expr, asks_queries: bool, before: &[&RuleSettings]) -> Self {
        if asks_queries {
            return Self::Anything;
        }
        let mut read = Vec::new();
        for selector in query.selectors() {
            let named = selector.matchers.iter().any(|m| m.name == METRIC_NAME);
            if !named {
                return Self::Anything;
            }
            for (index, rule) in before.iter().enumerate() {
                if reads(selector, rule) {
                    read.push(index);
                }
            }
        }
        read.sort_unstable();
        read.dedup();
        Self::Rules(read)
    }

    /// Whether it must see the result of a rule.
    pub(crate) fn includes(&self, index: usize) -> bool {
        match self {
            Self::Rules(rules) => rules.binary_search(&index).is_ok(),
            Self::Anything => true,
        }
    }
}

fn reads(selector: &VectorSelector, rule: &RuleSettings) -> bool {
    let takes = |label: &str, value: &str| {
        let mut matchers = selector.matchers.iter().filter(|m| m.name == label);
        matchers.all(|matcher| matcher.matches(value))
    };
    if !rule.is_alert() {
        return takes(METRIC_NAME, rule.name());
    }
    let reads_alerts = takes(METRIC_NAME, ALERTS) || takes(METRIC_NAME, ALERTS_FOR_STATE);
    reads_alerts && takes(ALERT_NAME, rule.name())
}

#[cfg(test)]
mod tests {
    use bellwether_promql::{Features, parse};

    use super::*;
    use crate::settings::RuleKind;

    fn rule(name: &str, is_alert: bool) -> RuleSettings {
        let name = name.to_owned();
        let kind = if is_alert {
            RuleKind::Alert {
                name,
                for_ms: 0,
                keep_firing_for_ms: 0,
                annotations: Vec::new(),
            }
        } else {
            RuleKind::Record { name }
        };
        RuleSettings {
            kind,
            expr: String::new(),
            labels: Vec::new(),
            line: 1,
        }
    }

    #[test]
    fn selectors_read_what_their_names_take() {
        let rules = [
            rule("job:up:sum", false),
            rule("Down", true),
            rule("b", false),
        ];
        let before: Vec<&RuleSettings> = rules.iter().collect();
        let of = |query: &str| {
            let expr = parse(query, &Features::default()).unwrap();
            Reads::of(&expr, false, &before)
        };
        for (query, want) in [
            ("up", vec![]),
            ("1", vec![]),
            ("sum(job:up:sum) / b", vec![0, 2]),
            ("rate(b[5m:]) + b", vec![2]),
            (r#"{__name__=~"job:.*"}"#, vec![0]),
            (r#"ALERTS{alertstate="firing"}"#, vec![1]),
            (r#"ALERTS_FOR_STATE{alertname="Down"}"#, vec![1]),
            (r#"ALERTS{alertname="Slow"}"#, vec![]),
            // An alert has no series of its own name.
            ("Down", vec![]),
        ] {
            assert_eq!(of(query), Reads::Rules(want), "{query}");
        }
        assert_eq!(of(r#"up or {job="x"}"#), Reads::Anything);
        let expr = parse("up", &Features::default()).unwrap();
        assert_eq!(Reads::of(&expr, true, &before), Reads::Anything);
        assert!(Reads::Anything.includes(7) && !of("b").includes(0) && of("b").includes(2));
    }
}
