//! The order in which rules read one another.

/// Rules by level: those of a level read only rules of the levels before, as far as that is possible.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order(Vec<Vec<usize>>);

/// What a rule reads and writes.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    /// Whether it reads what a rule of some name writes.
    pub(super) reads: Reading,
    /// What it is called in the store.
    pub(super) writes: Writing,
}

/// Conditions on names and alert names; any of them is enough.
pub(super) type Reading = Vec<Selected>;

/// One selector, as far as names go.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub(super) names: Vec<bellwether_model::Matcher>,
    pub(super) alert_names: Vec<bellwether_model::Matcher>,
}

/// What a rule writes.
#[derive(Debug, Clone)]
pub(super) enum Writing {
    /// A metric.
    Metric(String),
    /// `ALERTS` and `ALERTS_FOR_STATE` of an alert.
    Alerts(String),
}

impl Flow {
    /// Whether it reads the series of some alert.
    pub(super) fn reads_alerts(&self) -> bool {
        let series = [crate::alerting::ALERTS, crate::alerting::ALERTS_FOR_STATE];
        self.reads.iter().any(|selected| {
            let mut names = selected.names.iter();
            series
                .iter()
                .any(|series| names.clone().all(|m| m.matches(series)))
                || names.next().is_none()
        })
    }
}

impl Selected {
    /// Whether it takes what is written.
    pub(super) fn takes(&self, writing: &Writing) -> bool {
        let all = |matchers: &[bellwether_model::Matcher], value: &str| {
            matchers.iter().all(|matcher| matcher.matches(value))
        };
        match writing {
            Writing::Metric(name) => all(&self.names, name),
            Writing::Alerts(name) => {
                let series = [crate::alerting::ALERTS, crate::alerting::ALERTS_FOR_STATE];
                series.iter().any(|series| all(&self.names, series)) && all(&self.alert_names, name)
            }
        }
    }
}

impl Order {
    pub(super) fn of(flows: &[Flow]) -> Self {
        let reads = |reader: usize, writer: usize| {
            let (Some(reader_flow), Some(writer_flow)) = (flows.get(reader), flows.get(writer))
            else {
                return false;
            };
            reader != writer
                && reader_flow
                    .reads
                    .iter()
                    .any(|s| s.takes(&writer_flow.writes))
        };
        let inputs: Vec<Vec<usize>> = (0..flows.len())
            .map(|reader| (0..flows.len()).filter(|w| reads(reader, *w)).collect())
            .collect();
        let mut is_done = vec![false; flows.len()];
        let mut left: Vec<usize> = (0..flows.len()).collect();
        let mut levels = Vec::new();
        while !left.is_empty() {
            let is_ready = |rule: &usize| {
                let inputs = inputs.get(*rule).map_or(&[][..], Vec::as_slice);
                inputs
                    .iter()
                    .all(|input| is_done.get(*input) == Some(&true))
            };
            let (mut ready, mut waiting): (Vec<usize>, Vec<usize>) =
                left.into_iter().partition(is_ready);
            if ready.is_empty() {
                // They read one another in a circle: the first of the file begins.
                ready = vec![waiting.remove(0)];
            }
            for rule in &ready {
                if let Some(done) = is_done.get_mut(*rule) {
                    *done = true;
                }
            }
            levels.push(ready);
            left = waiting;
        }
        Self(levels)
    }

    pub(super) fn levels(&self) -> &[Vec<usize>] {
        &self.0
    }
}
