//! What is foreseen from a moment on: a blend of experts, all of them sums of a few shapes.

use super::past::{Past, SHAPES_MAX};

/// Half-lives of a return to the usual level, hours. Chosen.
const RETURNS_HOURS: [f64; 2] = [2.0, 12.0];
/// Windows of pace, hours.
const PACES_HOURS: [usize; 4] = [1, 6, 24, LONG_HOURS];
const LONG_HOURS: usize = 48;
/// Windows over which the present level of a shape is taken, hours.
const LEVELS_HOURS: [usize; 2] = [1, 12];

/// Windows of pace of a level, and after how many hours such a pace has come to an end.
const TRENDS_HOURS: [(usize, f64); 4] = [(1, 6.0), (6, 24.0), (24, 96.0), (96, f64::INFINITY)];

/// A foreseen movement: a straight line, lines that bend, shapes, and returns to a level, each with
/// its factor.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Blend {
    line: f64,
    trends: [f64; TRENDS_HOURS.len()],
    shapes: [f64; SHAPES_MAX],
    returns: [f64; RETURNS_HOURS.len()],
}

impl Blend {
    /// The movement over `ahead` steps after `origin`.
    pub(super) fn ahead(&self, past: &Past, origin: usize, ahead: Ahead) -> f64 {
        let mut sum = self.line * ahead.steps as f64;
        for (shape, factor) in past.shapes.iter().zip(self.shapes) {
            if factor != 0.0 {
                sum += factor * shape.ahead(origin, ahead.steps, past.is_spend);
            }
        }
        if !past.is_spend {
            for (part, way) in ahead.returned.iter().zip(self.returns) {
                sum += part * way;
            }
            for (steps, pace) in ahead.bent.iter().zip(self.trends) {
                sum += steps * pace;
            }
        }
        sum
    }

    fn add(&mut self, weight: f64, other: &Self) {
        self.line += weight * other.line;
        for (factor, other) in self.shapes.iter_mut().zip(other.shapes) {
            *factor += weight * other;
        }
        for (pace, other) in self.trends.iter_mut().zip(other.trends) {
            *pace += weight * other;
        }
        for (way, other) in self.returns.iter_mut().zip(other.returns) {
            *way += weight * other;
        }
    }
}

/// So many steps ahead, which part of each return is over then, and how many steps each trend has
/// made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    pub(super) steps: usize,
    returned: [f64; RETURNS_HOURS.len()],
    bent: [f64; TRENDS_HOURS.len()],
}

impl Ahead {
    pub(super) fn new(steps: usize, past: &Past) -> Self {
        let hours = steps as f64 / past.hour as f64;
        Self {
            steps,
            returned: RETURNS_HOURS
                .map(|half| 1.0 - (-std::f64::consts::LN_2 * hours / half).exp()),
            bent: TRENDS_HOURS.map(|(_, end)| match end.is_finite() {
                true => past.hour as f64 * end * (1.0 - (-hours / end).exp()),
                false => steps as f64,
            }),
        }
    }
}

/// What each expert foresees from `origin` on. Always as many, whatever the origin.
pub(super) fn experts(past: &Past, origin: usize) -> Vec<Blend> {
    if past.is_spend {
        spend_experts(past, origin)
    } else {
        level_experts(past, origin)
    }
}

/// The blend from `origin` on by the weights of the experts.
pub(super) fn blended(past: &Past, origin: usize, weights: &[f64]) -> Blend {
    let mut sum = Blend::default();
    for (expert, weight) in experts(past, origin).iter().zip(weights) {
        sum.add(*weight, expert);
    }
    sum
}

fn spend_experts(past: &Past, origin: usize) -> Vec<Blend> {
    let mut all: Vec<Blend> = PACES_HOURS
        .iter()
        .map(|hours| Blend {
            line: even_pace(past, origin, hours * past.hour),
            ..Blend::default()
        })
        .collect();
    all.push(Blend {
        line: median_pace(past, origin),
        ..Blend::default()
    });
    let jump = past.jump(origin, LONG_HOURS * past.hour);
    for (number, shape) in past.shapes.iter().enumerate() {
        // As much as then, …
        let mut expert = Blend::default();
        expert.shapes[number] = 1.0;
        all.push(expert);
        // … or in proportion to what was spent lately.
        for hours in LEVELS_HOURS {
            // As far as the shape itself goes back.
            let back = (hours * past.hour).min(origin - shape.season).max(1);
            let then = shape.back(origin, back);
            let is = past.between(origin.saturating_sub(back), origin);
            // A shape that stood still then says nothing of now.
            let (line, factor) = if then > 1e-9 * is && then > 0.0 {
                (0.0, ((is + jump) / (then + jump)).clamp(0.05, 20.0))
            } else {
                (is / back as f64, 0.0)
            };
            let mut expert = Blend {
                line,
                ..Blend::default()
            };
            expert.shapes[number] = factor;
            all.push(expert);
        }
    }
    all
}

fn level_experts(past: &Past, origin: usize) -> Vec<Blend> {
    // It stays where it is, …
    let mut all = vec![Blend::default()];
    // … goes on as it went, …
    for (number, (hours, _)) in TRENDS_HOURS.iter().enumerate() {
        let mut expert = Blend::default();
        expert.trends[number] = pace(past, origin, hours * past.hour);
        all.push(expert);
    }
    // … returns to where it was, …
    for days in [1, 7] {
        for number in 0..RETURNS_HOURS.len() {
            let mut expert = Blend::default();
            expert.returns[number] = past.usual(origin, days * past.day);
            all.push(expert);
        }
    }
    // … or moves as the season does, beside it or returning to it.
    for (number, shape) in past.shapes.iter().enumerate() {
        let mut beside = Blend::default();
        beside.shapes[number] = 1.0;
        all.push(beside);
        for returning in 0..RETURNS_HOURS.len() {
            let mut expert = beside;
            expert.returns[returning] = shape.apart(origin, &past.path);
            all.push(expert);
        }
    }
    all
}

/// The pace of what is spent, with one usual jump more at the pace of two days: where money goes once an hour, an hour
/// without is no sign that none goes any more.
fn even_pace(past: &Past, origin: usize, back: usize) -> f64 {
    let back = back.clamp(1, origin.max(1));
    let long = pace(past, origin, LONG_HOURS * past.hour);
    let jump = past.jump(origin, LONG_HOURS * past.hour);
    if long <= 0.0 || back >= LONG_HOURS * past.hour {
        return pace(past, origin, back);
    }
    let spent = past.between(origin - back, origin);
    (spent + jump) / (back as f64 + jump / long)
}

/// Movement a step over the last `back` steps, as far as there are so many.
fn pace(past: &Past, origin: usize, back: usize) -> f64 {
    let back = back.clamp(1, origin.max(1));
    past.between(origin.saturating_sub(back), origin) / back as f64
}

/// The median of the last day's hourly movements, as movement a step: one bad hour is none of it.
fn median_pace(past: &Past, origin: usize) -> f64 {
    let mut hours = [0.0; 24];
    let mut count = 0;
    while count < hours.len() && (count + 1) * past.hour <= origin {
        let end = origin - count * past.hour;
        hours[count] = past.between(end - past.hour, end);
        count += 1;
    }
    let hours = &mut hours[..count];
    hours.sort_by(f64::total_cmp);
    match hours.get(count / 2) {
        Some(median) => median / past.hour as f64,
        None => pace(past, origin, past.hour),
    }
}
