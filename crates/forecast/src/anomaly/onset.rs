//! From the surprise of a sample to its score.

/// The surprise, corrected for the length of the history, from which a sample is anomalous.
const THRESHOLD: f64 = 1.65;
/// The longer a history, the more of it is rare by chance: of its logarithm, so much is taken off.
const PER_DECADE: f64 = 2.0 / 3.0;
/// The history of which nothing is taken off, and the bounds of those that are told apart.
const HISTORY: f64 = 500.0;
const HISTORY_MIN: f64 = 100.0;
const HISTORY_MAX: f64 = 16_000.0;
/// After an anomalous sample the next ones are no news for so many samples, and this part of the history.
const REST: f64 = 5.0;
const REST_SHARE: f64 = 0.01;
/// What the score of a sample that is no news is multiplied with.
const NO_NEWS: f64 = 0.5;

/// Remembers when a sample was anomalous last.
#[derive(Debug, Clone)]
pub(super) struct Onset {
    seen: f64,
    since: f64,
}

/// What is said of a sample.
#[derive(Debug, Clone, Copy)]
pub(super) struct Novelty {
    /// From 0 to 1; above 0.5 for what is anomalous and news.
    pub(super) score: f64,
    /// Anomalous, be it news or not.
    pub(super) anomalous: bool,
}

impl Onset {
    pub(super) fn new() -> Self {
        Self {
            seen: 0.0,
            since: f64::INFINITY,
        }
    }

    pub(super) fn skip(&mut self) {
        self.seen += 1.0;
    }

    pub(super) fn push(&mut self, surprise: f64) -> Novelty {
        let history = self.seen.clamp(HISTORY_MIN, HISTORY_MAX);
        let surprise = surprise - PER_DECADE * (history / HISTORY).log10();
        self.seen += 1.0;
        self.since += 1.0;
        let anomalous = surprise > THRESHOLD;
        let rests = self.since <= REST + REST_SHARE * self.seen.min(HISTORY_MAX);
        if anomalous {
            self.since = 0.0;
        }
        let score = 1.0 - THRESHOLD / (surprise.max(0.0) + THRESHOLD);
        Novelty {
            score: if anomalous && rests {
                NO_NEWS * score
            } else {
                score
            },
            anomalous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_an_onset_is_no_news() {
        let mut onset = Onset::new();
        (0..1000).for_each(|_| onset.skip());
        assert!(onset.push(1.0).score < 0.5);
        let first = onset.push(4.0);
        assert!(first.anomalous && first.score > 0.5);
        let second = onset.push(4.0);
        assert!(second.anomalous && (second.score / first.score - NO_NEWS).abs() < 1e-3);
        (0..14).for_each(|_| assert!(!onset.push(0.0).anomalous));
        assert!(onset.push(4.0).score < 0.5, "it rests for 15 samples");
        (0..16).for_each(|_| assert!(!onset.push(0.0).anomalous));
        assert!(onset.push(4.0).score > 0.5);
    }

    #[test]
    fn a_longer_history_asks_for_more() {
        let score = |samples: usize| {
            let mut onset = Onset::new();
            (0..samples).for_each(|_| onset.skip());
            onset.push(2.0).score
        };
        assert!(score(100) > score(500) && score(500) > score(5000));
        assert_eq!(score(16_000), score(1_000_000));
        assert_eq!(Onset::new().push(f64::INFINITY).score, 1.0);
    }
}
