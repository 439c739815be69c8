//! What is known: the movement so far, and the shapes that days and weeks gave it.

/// Most seasons, each with the shape of its last turn, and one mean shape of the first.
pub(super) const SHAPES_MAX: usize = 3;
/// Turns of a season whose mean is a shape. Chosen.
const TURNS_MAX: usize = 7;
/// Values are kept within this, so that sums and squares stay finite.
const VALUE_MAX: f64 = 1e150;

/// The movement towards the limit, from the beginning of the series to its end.
#[derive(Debug, Clone)]
pub(super) struct Past {
    /// Where the movement stood after each step, one more than there are steps; towards the limit
    /// is up.
    pub(super) path: Vec<f64>,
    /// Sums of the path beside its end, for means; of what is spent the sums of squares of steps.
    sums: Vec<f64>,
    /// Whether it only adds up.
    pub(super) is_spend: bool,
    pub(super) shapes: Vec<Shape>,
    /// Steps of an hour, at least 1.
    pub(super) hour: usize,
    /// Steps of a day, at least 1.
    pub(super) day: usize,
}

/// How the movement might go on if a season repeats itself: `path` continued by a season.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) season: usize,
    path: Vec<f64>,
}

impl Shape {
    /// The movement over `ahead` steps after `origin`, which is a season after the beginning at least.
    pub(super) fn ahead(&self, origin: usize, ahead: usize, grows: bool) -> f64 {
        let (turns, rest) = (ahead / self.season, ahead % self.season);
        let part = self.path[origin + rest] - self.path[origin];
        if grows && turns > 0 {
            part + turns as f64 * (self.path[origin + self.season] - self.path[origin])
        } else {
            part
        }
    }

    /// The movement over the `back` steps before `origin`.
    pub(super) fn back(&self, origin: usize, back: usize) -> f64 {
        self.path[origin] - self.path[origin.saturating_sub(back)]
    }

    /// How far the shape lies from the movement at `origin`; only of a level.
    pub(super) fn apart(&self, origin: usize, path: &[f64]) -> f64 {
        self.path[origin] - path[origin]
    }
}

impl Past {
    /// Movement out of what each step spent. Negative and missing values must be gone.
    pub(super) fn of_spend(steps: &[f64], step_ms: i64, seasons: &[usize]) -> Self {
        let mut path = Vec::with_capacity(steps.len() + 1);
        let mut sum = 0.0;
        path.push(sum);
        for step in steps {
            sum += step;
            path.push(sum);
        }
        Self::new(path, true, step_ms, seasons)
    }

    /// Movement of a level whose limit lies above.
    pub(super) fn of_level(levels: &[f64], step_ms: i64, seasons: &[usize]) -> Self {
        Self::new(levels.to_vec(), false, step_ms, seasons)
    }

    fn new(path: Vec<f64>, is_spend: bool, step_ms: i64, seasons: &[usize]) -> Self {
        let steps_of = |ms: i64| usize::try_from(ms / step_ms.max(1)).unwrap_or(0).max(1);
        let mut sums = Vec::new();
        if !is_spend {
            let end = path.last().copied().unwrap_or(0.0);
            let mut sum = 0.0;
            sums.push(sum);
            sums.extend(path.iter().map(|level| {
                sum += level - end;
                sum
            }));
        } else {
            let mut sum = 0.0;
            sums.push(sum);
            sums.extend(path.windows(2).map(|pair| {
                sum += (pair[1] - pair[0]).powi(2);
                sum
            }));
        }
        let mut past = Self {
            path,
            sums,
            is_spend,
            shapes: Vec::new(),
            hour: steps_of(3_600_000),
            day: steps_of(86_400_000),
        };
        let last = past.now();
        for (number, &season) in seasons.iter().take(2).enumerate() {
            // Half a season is left to learn from.
            if season < 4 || season.saturating_mul(5) / 2 > last {
                continue;
            }
            past.shapes.push(past.last_turn(season));
            if number == 0 {
                past.shapes.push(past.mean_turn(season));
            }
        }
        past
    }

    /// The last step: what comes after it is not known.
    pub(super) fn now(&self) -> usize {
        self.path.len() - 1
    }

    /// The movement from `from` to `to`.
    pub(super) fn between(&self, from: usize, to: usize) -> f64 {
        self.path[to] - self.path[from]
    }

    /// What is spent at once, as a unit of it is: the mean of steps, each as often as it is large; over the
    /// `count` steps up to `origin`.
    pub(super) fn jump(&self, origin: usize, count: usize) -> f64 {
        let from = origin.saturating_sub(count);
        let spent = self.between(from, origin);
        if spent > 0.0 {
            (self.sums[origin] - self.sums[from]) / spent
        } else {
            0.0
        }
    }

    /// The mean level of the `count` moments up to `origin`, beside the level there.
    pub(super) fn usual(&self, origin: usize, count: usize) -> f64 {
        let from = (origin + 1).saturating_sub(count);
        let sum = self.sums[origin + 1] - self.sums[from];
        sum / (origin + 1 - from) as f64 - (self.path[origin] - self.path[self.now()])
    }

    /// The first moment from which the experts see a season back.
    pub(super) fn first_origin(&self) -> usize {
        let season = self.shapes.iter().map(|shape| shape.season).max();
        // Paces of a day are of no day before one is over.
        let no_season = self.day.min(self.now() / 3).max(1);
        season.map_or(no_season, |season| season + self.hour)
    }

    fn last_turn(&self, season: usize) -> Shape {
        let now = self.now();
        let path = (0..=now + season)
            .map(|at| self.path[at.saturating_sub(season)])
            .collect();
        Shape { season, path }
    }

    /// The mean of the turns before: of what each step moved, or of the levels.
    fn mean_turn(&self, season: usize) -> Shape {
        let now = self.now();
        let mut path = Vec::with_capacity(now + season + 1);
        let mut sum = 0.0;
        for at in 0..=now + season {
            let turns = (1..=TURNS_MAX)
                .map_while(|turn| at.checked_sub(turn * season))
                .filter(|&then| then <= now && (then > 0 || !self.is_spend));
            let (mut count, mut total) = (0.0, 0.0);
            for then in turns {
                total += match self.is_spend {
                    true => self.path[then] - self.path[then.saturating_sub(1)],
                    false => self.path[then],
                };
                count += 1.0;
            }
            let mean = if count > 0.0 { total / count } else { 0.0 };
            sum += mean;
            path.push(if self.is_spend { sum } else { mean });
        }
        Shape { season, path }
    }
}

/// Missing values are bridged by a straight line, or held where there is nothing on the other side.
pub(super) fn bridged(values: &[f64]) -> Vec<f64> {
    let mut bridged: Vec<f64> = Vec::with_capacity(values.len());
    let mut last: Option<(usize, f64)> = None;
    for (at, value) in values.iter().enumerate() {
        if !value.is_finite() {
            bridged.push(last.map_or(f64::NAN, |(_, value)| value));
            continue;
        }
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        let (from, before) = last.map_or((None, value), |(from, before)| (Some(from), before));
        let begin = from.map_or(0, |from| from + 1);
        let width = (at + 1 - begin) as f64;
        for (number, gap) in bridged[begin..].iter_mut().enumerate() {
            *gap = before + (value - before) * (number + 1) as f64 / width;
        }
        bridged.push(value);
        last = Some((at, value));
    }
    bridged
}
