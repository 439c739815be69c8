//! Graphs as SVG: lines over time, a threshold, the time of the alert.

use std::fmt::Write as _;

use super::words::{Unit, minutes};
use crate::paper::escape;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 24.0;
/// A gap between points of so many steps breaks a line.
const GAP_STEPS: f64 = 2.5;

/// What a graph shows.
#[derive(Debug)]
pub(super) struct Graph {
    /// For those who do not see it.
    pub(super) title: String,
    pub(super) unit: Unit,
    pub(super) lines: Vec<Line>,
    pub(super) threshold: Option<f64>,
    /// Where time begins and ends, ms.
    pub(super) span_ms: (i64, i64),
    /// Since when the condition held, and when the alert fired, ms.
    pub(super) active_at_ms: i64,
    pub(super) fired_at_ms: i64,
}

/// One line of it.
#[derive(Debug)]
pub(super) struct Line {
    /// Its class in the style sheet.
    pub(super) class: &'static str,
    pub(super) name: String,
    pub(super) points: Vec<(i64, f64)>,
    pub(super) step_ms: i64,
}

/// The range of a graph's values and the distance of its grid lines.
#[derive(Debug, PartialEq)]
struct Scale {
    low: f64,
    high: f64,
    step: f64,
}

impl Scale {
    /// A range around values with round bounds; zero is in it where it is near.
    fn around(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            low = low.min(value);
            high = high.max(value);
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        if low > 0.0 && (low < high * 0.8 || low == high) {
            low = 0.0;
        }
        if low == high {
            high = if low == 0.0 { 1.0 } else { 0.0 };
            (low, high) = (low.min(high), low.max(high));
        }
        let rough = (high - low) / 4.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= rough * 0.999)
            .unwrap_or(rough);
        Self {
            low: (low / step).floor() * step,
            high: (high / step).ceil() * step,
            step,
        }
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value - self.low) / (self.high - self.low);
        HEIGHT - BOTTOM - part.clamp(0.0, 1.0) * (HEIGHT - TOP - BOTTOM)
    }
}

impl Graph {
    fn x(&self, time_ms: i64) -> f64 {
        let (start, end) = self.span_ms;
        let part = (time_ms - start) as f64 / (end - start).max(1) as f64;
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// The picture.
    pub(super) fn svg(&self) -> String {
        let values = self.lines.iter().flat_map(|line| &line.points);
        let scale = Scale::around(values.map(|(_, value)| *value).chain(self.threshold));
        let mut out = String::with_capacity(16 << 10);
        write!(
            out,
            "<svg class=\"graph\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escape(&self.title)
        )
        .ok();
        self.grid(&scale, &mut out);
        let (active, fired) = (self.x(self.active_at_ms), self.x(self.fired_at_ms));
        if fired - active > 0.5 {
            write!(
                out,
                "<rect class=\"pending\" x=\"{active:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{}\"><title>the condition held, not yet for long enough</title></rect>",
                fired - active,
                HEIGHT - TOP - BOTTOM
            )
            .ok();
        }
        // What stands beside lies below what the alert is about.
        for line in self.lines.iter().rev() {
            let path = self.path(line, &scale);
            if !path.is_empty() {
                write!(
                    out,
                    "<path class=\"line {}\" d=\"{path}\"><title>{}</title></path>",
                    line.class,
                    escape(&line.name)
                )
                .ok();
            }
        }
        if let Some(threshold) = self.threshold {
            let y = scale.y(threshold);
            write!(
                out,
                "<line class=\"threshold\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"threshold-text\" x=\"{}\" y=\"{:.1}\">threshold {}</text>",
                WIDTH - RIGHT,
                LEFT + 6.0,
                if y < TOP + 18.0 { y + 13.0 } else { y - 5.0 },
                escape(&self.unit.show(threshold))
            )
            .ok();
        }
        write!(
            out,
            "<line class=\"fired\" x1=\"{fired:.1}\" x2=\"{fired:.1}\" y1=\"{TOP}\" y2=\"{}\"/></svg>",
            HEIGHT - BOTTOM
        )
        .ok();
        out
    }

    fn grid(&self, scale: &Scale, out: &mut String) {
        let count = ((scale.high - scale.low) / scale.step)
            .round()
            .clamp(1.0, 12.0) as u32;
        for index in 0..=count {
            let value = scale.low + f64::from(index) * scale.step;
            let y = scale.y(value);
            write!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                y + 4.0,
                escape(&self.unit.show(value))
            )
            .ok();
        }
        let (start, end) = self.span_ms;
        // Round quarters of an hour.
        let step = 900_000;
        let mut time_ms = start - start.rem_euclid(step) + step;
        while time_ms < end {
            let x = self.x(time_ms);
            if x > LEFT + 12.0 && x < WIDTH - RIGHT - 12.0 {
                write!(
                    out,
                    "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                    HEIGHT - 7.0,
                    minutes(time_ms)
                )
                .ok();
            }
            time_ms += step;
        }
    }

    fn path(&self, line: &Line, scale: &Scale) -> String {
        let mut path = String::with_capacity(line.points.len() * 12);
        let mut last: Option<i64> = None;
        for (time_ms, value) in &line.points {
            if !value.is_finite() {
                last = None;
                continue;
            }
            let gap_ms = (line.step_ms as f64 * GAP_STEPS) as i64;
            let goes_on = last.is_some_and(|last| time_ms - last <= gap_ms);
            let (x, y) = (self.x(*time_ms), scale.y(*value));
            write!(path, "{}{x:.1} {y:.1}", if goes_on { 'L' } else { 'M' }).ok();
            if !goes_on {
                // A lone point is a dot.
                path.push_str("h0");
            }
            last = Some(*time_ms);
        }
        path
    }
}

/// A small line of a value between 0 and 1 over time.
pub(super) fn spark(points: &[(i64, f64)], (start, end): (i64, i64)) -> String {
    let x = |time_ms: i64| (time_ms - start) as f64 / (end - start).max(1) as f64 * 120.0;
    let mut path = String::new();
    for (time_ms, value) in points {
        let command = if path.is_empty() { 'M' } else { 'L' };
        let y = 17.0 - value.clamp(0.0, 1.0) * 14.0;
        write!(path, "{command}{:.1} {y:.1}", x(*time_ms)).ok();
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 120 20\" role=\"img\" aria-label=\"up over the last hour\"><path class=\"line own0\" d=\"{path}\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round_and_hold_their_values() {
        let scale = |values: &[f64]| {
            let scale = Scale::around(values.iter().copied());
            (scale.low, scale.high, scale.step)
        };
        assert_eq!(scale(&[0.1, 4.2]), (0.0, 6.0, 2.0));
        assert_eq!(scale(&[90.0, 97.0]), (90.0, 98.0, 2.0));
        assert_eq!(scale(&[]), (0.0, 1.0, 0.25));
        assert_eq!(scale(&[0.0]), (0.0, 1.0, 0.25));
        assert_eq!(scale(&[5.0]), (0.0, 6.0, 2.0));
        assert_eq!(scale(&[-3.0]), (-3.0, 0.0, 1.0));
        assert_eq!(scale(&[f64::NAN, 1.0, 2.0]), (0.0, 2.0, 0.5));
    }
}
