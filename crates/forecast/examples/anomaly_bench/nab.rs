//! The series of the Numenta Anomaly Benchmark, and its scorer, written anew from its description.
//!
//! The original (`numenta/NAB`, `nab/sweeper.py`) decides; this one gives the same three figures
//! in a second, which the original takes minutes for.

use std::path::Path;

use anyhow::{Context, Result};

/// What result files begin with: the name of a detector.
pub(crate) const RESULTS: &str = "bellwether";

/// A labelled series.
pub(crate) struct Series {
    /// `realTweets/Twitter_volume_AAPL.csv`.
    pub(crate) name: String,
    /// Timestamps as in the file, for the results.
    pub(crate) stamps: Vec<String>,
    pub(crate) times_ms: Vec<i64>,
    pub(crate) values: Vec<f64>,
    /// First and last rows of the windows, both within.
    pub(crate) windows: Vec<(usize, usize)>,
}

impl Series {
    /// Rows that are not scored.
    pub(crate) fn probation(&self) -> usize {
        ((self.values.len() as f64 * 0.15).floor() as usize).min(750)
    }

    pub(crate) fn days(&self) -> f64 {
        let from = self.times_ms[self.probation()];
        let to = self.times_ms.last().copied().unwrap_or(from);
        (to - from) as f64 / 86_400_000.0
    }

    /// Which half of the series: constants were chosen on the first alone.
    pub(crate) fn held_out(&self) -> bool {
        let hash = self
            .name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
            });
        hash >> 63 == 1
    }
}

/// Reads all series of a checkout of the benchmark, in the order of their names.
pub(crate) fn read(root: &Path) -> Result<Vec<Series>> {
    let labels = root.join("labels/combined_windows.json");
    let text = std::fs::read(&labels).with_context(|| labels.display().to_string())?;
    let windows: serde_json::Value = serde_json::from_slice(&text)?;
    let windows = windows
        .as_object()
        .context("combined_windows.json is no object")?;
    let mut all = Vec::new();
    for (name, spans) in windows {
        let path = root.join("data").join(name);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut series = Series {
            name: name.clone(),
            stamps: Vec::new(),
            times_ms: Vec::new(),
            values: Vec::new(),
            windows: Vec::new(),
        };
        for line in text.lines().skip(1) {
            let (stamp, value) = line.split_once(',').context("a row without a comma")?;
            series.stamps.push(stamp.to_owned());
            series.times_ms.push(time_ms(stamp)?);
            series.values.push(value.trim().parse().context("a value")?);
        }
        for span in spans.as_array().context("windows are no list")? {
            let bound = |at: usize| -> Result<usize> {
                let time = time_ms(span[at].as_str().context("a bound is no text")?)?;
                series
                    .times_ms
                    .iter()
                    .position(|&other| other == time)
                    .context("a bound is no time of the series")
            };
            series.windows.push((bound(0)?, bound(1)?));
        }
        all.push(series);
    }
    Ok(all)
}

/// Milliseconds since 1970 of `2014-04-10 07:15:00`, with or without a fraction.
fn time_ms(stamp: &str) -> Result<i64> {
    let numbers: Vec<i64> = stamp
        .split(['-', ' ', ':', '.'])
        .take(6)
        .map(|part| part.parse().with_context(|| format!("time {stamp:?}")))
        .collect::<Result<_>>()?;
    let [year, month, day, hour, minute, second] = numbers[..] else {
        anyhow::bail!("time {stamp:?}: six numbers wanted");
    };
    // Days of the civil calendar, counted from a March.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days =
        365 * y + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day
            - 719_469;
    Ok((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}

/// Weights of a profile.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) missed: f64,
    pub(crate) false_alarm: f64,
}

pub(crate) const PROFILES: [Profile; 3] = [
    Profile {
        name: "standard",
        missed: 1.0,
        false_alarm: 0.11,
    },
    Profile {
        name: "reward_low_FP_rate",
        missed: 1.0,
        false_alarm: 0.22,
    },
    Profile {
        name: "reward_low_FN_rate",
        missed: 2.0,
        false_alarm: 0.11,
    },
];

/// What a profile says of scores of all series.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    /// 0 for silence, 100 for perfection.
    pub(crate) score: f64,
    pub(crate) threshold: f64,
    /// Rows outside of windows at or above the threshold.
    pub(crate) false_alarms: usize,
    pub(crate) found: usize,
    pub(crate) windows: usize,
}

/// 1 well before the end of a window, 0 at its end, -1 long after it.
fn sigmoid(position: f64) -> f64 {
    if position >= 3.0 {
        -1.0
    } else {
        2.0 / (1.0 + (5.0 * position).exp()) - 1.0
    }
}

/// A row that may be an alarm: its score, what it earns, and its window if it lies in one.
struct Row {
    score: f64,
    worth: f64,
    window: Option<usize>,
}

fn rows(
    series: &Series,
    scores: &[f64],
    profile: &Profile,
    first_window: usize,
    out: &mut Vec<Row>,
) {
    let mut next = 0;
    for (at, &score) in scores.iter().enumerate() {
        while next < series.windows.len() && series.windows[next].1 < at {
            next += 1;
        }
        let inside = series.windows.get(next).filter(|window| window.0 <= at);
        let (worth, window) = match (inside, next) {
            (Some(&(from, to)), _) => {
                let width = (to - from + 1) as f64;
                let worth = sigmoid(-((to + 1 - at) as f64) / width) / sigmoid(-1.0);
                (worth, Some(first_window + next))
            }
            (None, 0) => (-profile.false_alarm, None),
            (None, _) => {
                let (from, to) = series.windows[next - 1];
                let position = (at - to) as f64 / (to - from) as f64;
                (sigmoid(position) * profile.false_alarm, None)
            }
        };
        if at >= series.probation() {
            out.push(Row {
                score,
                worth,
                window,
            });
        }
    }
}

/// Scores of all series, at the threshold that is best for them, or at one that is given.
pub(crate) fn score(
    all: &[(&Series, &[f64])],
    profile: &Profile,
    threshold: Option<f64>,
) -> Outcome {
    let mut list = Vec::new();
    let mut windows = 0;
    for (series, scores) in all {
        rows(series, scores, profile, windows, &mut list);
        windows += series.windows.len();
    }
    list.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut worth = vec![f64::NEG_INFINITY; windows];
    let (mut total, mut found, mut false_alarms) = (-(windows as f64) * profile.missed, 0, 0);
    let perfect = windows as f64;
    let normed = |total: f64| {
        100.0 * (total + perfect * profile.missed) / (perfect * (1.0 + profile.missed))
    };
    let mut best = Outcome {
        score: normed(total),
        threshold: 1.1,
        false_alarms,
        found,
        windows,
    };
    let mut at = 0;
    while at < list.len() {
        let level = list[at].score;
        if threshold.is_some_and(|threshold| level < threshold) {
            break;
        }
        while at < list.len() && list[at].score >= level {
            let row = &list[at];
            if let Some(window) = row.window {
                let before = worth[window];
                if before == f64::NEG_INFINITY {
                    found += 1;
                    total += profile.missed + row.worth;
                    worth[window] = row.worth;
                } else if row.worth > before {
                    total += row.worth - before;
                    worth[window] = row.worth;
                }
            } else {
                total += row.worth;
                false_alarms += 1;
            }
            at += 1;
        }
        if threshold.is_some() || normed(total) > best.score {
            best = Outcome {
                score: normed(total),
                threshold: level,
                false_alarms,
                found,
                windows,
            };
        }
    }
    best
}
