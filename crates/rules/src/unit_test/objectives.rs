//! What tests expect of objectives.

use bellwether_model::time::DurationText;

use super::{ObjectiveTest, Run};
use crate::objective::ObjectiveSettings;
use crate::objective::status::{ObjectiveStatus, statuses};

/// Numbers that differ by less than this part of the larger one are equal.
const TOLERANCE: f64 = 1e-4;

impl Run<'_> {
    pub(super) fn check_objective(&self, test: &ObjectiveTest) -> Option<String> {
        let head = format!(
            "    slo: {}, time: {},",
            test.objective,
            DurationText(test.eval_time_ms)
        );
        let status = match self.status(test) {
            Ok(status) => status,
            Err(error) => return Some(format!("{head} err: {error}")),
        };
        let mut wrong = Vec::new();
        if let Some(verdict) = &test.verdict
            && *verdict != status.verdict().as_str()
        {
            wrong.push(format!(
                "verdict: exp {verdict}, got {}",
                status.verdict().as_str()
            ));
        }
        let numbers = [
            ("budget left", test.budget_left, status.left),
            ("events", test.events, Some(status.counts.total)),
            ("bad events", test.bad_events, Some(status.counts.bad)),
        ];
        for (name, expected, got) in numbers {
            let Some(expected) = expected else { continue };
            let is_like =
                |got: f64| (expected - got).abs() <= TOLERANCE * expected.abs().max(got.abs());
            if !got.is_some_and(is_like) {
                let got = got.map_or_else(|| "nothing".to_owned(), |got| got.to_string());
                wrong.push(format!("{name}: exp {expected}, got {got}"));
            }
        }
        (!wrong.is_empty()).then(|| format!("{head}\n        {}", wrong.join("\n        ")))
    }

    fn status(&self, test: &ObjectiveTest) -> Result<ObjectiveStatus, String> {
        let all = &self.settings.objectives;
        let named =
            |it: &&ObjectiveSettings| it.id() == test.objective || it.name == test.objective;
        let found: Vec<&ObjectiveSettings> = all.iter().filter(named).collect();
        let objective = match found.as_slice() {
            [one] => one,
            [] => return Err("no slo_files has it".to_owned()),
            several => {
                let ids: Vec<String> = several.iter().map(|it| it.id()).collect();
                return Err(format!("it may be one of {}", ids.join(", ")));
            }
        };
        let time_ms = self.test.start_ms.saturating_add(test.eval_time_ms);
        let found = statuses(self.store.as_ref(), objective, all, time_ms)
            .map_err(|error| error.to_string())?;
        let groups: Vec<String> = found.iter().map(|it| it.group.to_string()).collect();
        let status = found.into_iter().find(|it| it.group == test.labels);
        status.ok_or_else(|| match groups.as_slice() {
            [] => "nothing was counted".to_owned(),
            groups => format!("no budget {}: there are {}", test.labels, groups.join(", ")),
        })
    }
}
