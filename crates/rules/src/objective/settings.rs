//! What a configuration says of an objective.

use std::path::PathBuf;

use bellwether_model::{METRIC_NAME, Matcher};
use bellwether_slo::composite;
use bellwether_slo::page::{self, EvidenceRule};
use bellwether_slo::period::Period;

/// One promise of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveSettings {
    /// The file that it is in.
    pub file: PathBuf,
    /// Where it begins in its file, counted from 1.
    pub line: usize,
    /// Its name, unique for its service: the label `slo`.
    pub name: String,
    /// Who promises: the label `service`.
    pub service: String,
    /// For people; may be empty.
    pub description: String,
    /// The share of events that must be good, above 0 and below 1. Of no meaning for
    /// [`Indicator::Spend`], which has a limit.
    pub target: f64,
    /// What it is kept over.
    pub period: Period,
    /// Where periods of the calendar begin: a name of the time-zone database.
    pub time_zone: String,
    /// What counts.
    pub indicator: Indicator,
    /// Where slices of time count, and not events.
    pub slices: Option<Slices>,
    /// Labels of which each combination of values has a budget of its own.
    pub group_by: Vec<String>,
    /// Labels by whose values it is said who spent a budget.
    pub spent_by: Vec<String>,
    /// The entity whose promise it is, as `kind/name`.
    pub entity: Option<String>,
    /// Labels of all series and alerts.
    pub labels: Vec<(String, String)>,
    /// How often events are counted, ms.
    pub interval_ms: i64,
    /// Who is told of what.
    pub alerts: ObjectiveAlerts,
}

/// What counts as an event, and as a bad one. Queries give numbers for one interval of the objective.
#[derive(Debug, Clone, PartialEq)]
pub enum Indicator {
    /// Events that are counted, and the bad or the good ones of them.
    Ratio {
        /// Which of them [`Indicator::Ratio::part`] counts.
        counting: Counting,
        /// The bad or the good ones.
        part: String,
        /// All.
        total: String,
    },
    /// A share of bad events that is measured as such, of which nothing says how many there were:
    /// each interval counts the same.
    Share {
        /// Between 0 and 1.
        bad: String,
    },
    /// Something that must not take longer than this: a histogram of durations.
    Latency {
        /// Which: a selector of native histograms, or of the series `_bucket` of classic ones.
        histogram: String,
        /// In the unit of the histogram, mostly seconds.
        threshold: f64,
        /// Whether it is a classic one.
        is_classic: bool,
    },
    /// Samples that are 1 where all is well, and 0 where not, as `probe_success` and `up` are: each
    /// sample is an event.
    Samples {
        /// A selector.
        of: String,
    },
    /// Something that must have been done not longer ago than this: each interval is an event.
    Freshness {
        /// When it was done last, in seconds since 1970; the newest series counts.
        timestamp: String,
        /// ms.
        age_max_ms: i64,
    },
    /// An amount, of money or of tokens, of which so much may be spent in a period.
    Spend {
        /// What was spent.
        amount: String,
        /// How much may be in a period, above 0.
        limit: f64,
    },
    /// Other objectives together.
    Composite {
        /// Names of objectives of the same service, or `service/name`, each with its weight.
        parts: Vec<(String, f64)>,
        /// How they are joined.
        how: Composition,
    },
}

/// What a part of events is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// The bad ones.
    Bad,
    /// The good ones.
    Good,
}

/// How objectives are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Composition {
    /// A request needs all of them: shares of good events are multiplied.
    Series,
    /// The worst one counts.
    Worst,
    /// The mean, by weights.
    Weighted,
}

/// Slices of time, each as long as the interval of the objective, that count in place of events.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Slices {
    /// A slice is good where this share of its events is, or more.
    Good {
        /// 0 to 1.
        from: f64,
    },
    /// A slice counts with its share of bad events.
    Ratio,
}

/// Alerts of an objective.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveAlerts {
    /// Their `alertname`.
    pub name: String,
    /// The budget burns so fast that a person must look now; `None`: no such alert.
    pub page: Option<AlertOptions>,
    /// It burns so fast that somebody should look in the next days.
    pub ticket: Option<AlertOptions>,
    /// Nothing is measured, or what is measured cannot be.
    pub measurement: Option<AlertOptions>,
    /// Labels of all of them.
    pub labels: Vec<(String, String)>,
    /// Texts of all of them; templates.
    pub annotations: Vec<(String, String)>,
}

/// One kind of alerts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertOptions {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Texts; templates.
    pub annotations: Vec<(String, String)>,
}

impl Composition {
    /// The share of good events of several objectives together, each with its share and its weight;
    /// `None`: nothing happened.
    #[must_use]
    pub fn joined(self, parts: &[(Option<f64>, f64)]) -> Option<f64> {
        let ratios: Vec<Option<f64>> = parts.iter().map(|part| part.0).collect();
        match self {
            Self::Series => composite::series(&ratios),
            Self::Worst => composite::worst(&ratios),
            Self::Weighted => composite::weighted(parts),
        }
    }
}

impl ObjectiveSettings {
    /// Selects a series of its rules or of its service.
    pub(super) fn matchers(&self, metric: &str) -> [Matcher; 3] {
        [
            Matcher::equal("slo", &self.name),
            Matcher::equal("service", &self.service),
            Matcher::equal(METRIC_NAME, metric),
        ]
    }

    /// The objective that a composite of this service means by a name.
    #[must_use]
    pub fn part<'a>(&self, name: &str, all: &'a [Self]) -> Option<&'a Self> {
        all.iter()
            .find(|it| it.service == self.service && it.name == name)
            .or_else(|| all.iter().find(|it| it.id() == name))
    }

    /// `service/name`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.service, self.name)
    }

    /// Whether events are things that happened one by one, so that chance can be reckoned with.
    #[must_use]
    pub fn has_counts(&self) -> bool {
        matches!(
            self.indicator,
            Indicator::Ratio { .. } | Indicator::Latency { .. } | Indicator::Samples { .. }
        ) && self.slices.is_none()
    }

    /// When somebody is told: pages, then tickets, short windows first.
    #[must_use]
    pub fn evidence_rules(&self) -> Vec<EvidenceRule> {
        let rules = page::rules(self.period.span_ms()).into_iter();
        if self.has_counts() {
            rules.collect()
        } else {
            rules.map(EvidenceRule::without_chance).collect()
        }
    }

    /// Labels of the counts: budgets of their own, and who spent them.
    #[must_use]
    pub fn counted_by(&self) -> Vec<&str> {
        let mut labels: Vec<&str> = self.group_by.iter().map(String::as_str).collect();
        for label in &self.spent_by {
            if !labels.contains(&label.as_str()) {
                labels.push(label);
            }
        }
        labels
    }
}

impl Default for ObjectiveAlerts {
    /// All of them, and what they say by themselves.
    fn default() -> Self {
        Self {
            name: "ErrorBudgetBurn".to_owned(),
            page: Some(AlertOptions::default()),
            ticket: Some(AlertOptions::default()),
            measurement: Some(AlertOptions::default()),
            labels: Vec::new(),
            annotations: Vec::new(),
        }
    }
}
