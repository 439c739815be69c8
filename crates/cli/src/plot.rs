//! Lines over time as a picture: one file of SVG that needs nothing from elsewhere.
//!
//! ## Limits
//! A line has at most [`POINTS_MAX`] points: of more, those that are near one another are drawn as the
//! span from their least to their greatest.

use std::fmt::Write as _;

use bellwether_server::paper::escape;

/// Chosen: more than one a pixel is not seen.
const POINTS_MAX: usize = 2_000;
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// Room for texts: left, right, above, below.
const MARGIN: (f64, f64, f64, f64) = (56.0, 16.0, 40.0, 36.0);
/// Colours that can be told apart on white and without seeing red and green.
const COLOURS: [&str; 4] = ["#0b62a4", "#d9730d", "#6a51a3", "#8a8f98"];

/// A line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// What it is.
    pub(crate) name: String,
    /// Points by x.
    pub(crate) points: Vec<(f64, f64)>,
    /// Whether a value stands until the next one.
    pub(crate) is_stepped: bool,
}

/// A picture.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    /// What it shows.
    pub(crate) title: String,
    /// What is from left to right, with its unit.
    pub(crate) x_name: String,
    /// The lines, those in front last.
    pub(crate) lines: Vec<Line>,
    /// Spans of x that are marked, and what they mean.
    pub(crate) marks: Vec<(f64, f64)>,
    /// What a mark means; empty where there are none.
    pub(crate) mark_name: String,
}

struct Frame {
    x: (f64, f64),
    y_max: f64,
}

impl Frame {
    fn left(&self, x: f64) -> f64 {
        let span = (self.x.1 - self.x.0).max(f64::MIN_POSITIVE);
        MARGIN.0 + (x - self.x.0) / span * (WIDTH - MARGIN.0 - MARGIN.1)
    }

    fn top(&self, y: f64) -> f64 {
        let height = HEIGHT - MARGIN.2 - MARGIN.3;
        MARGIN.2 + height * (1.0 - (y / self.y_max).clamp(0.0, 1.0))
    }
}

impl Plot {
    /// The picture as SVG.
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let finite = || points().filter(|(x, y)| x.is_finite() && y.is_finite());
        let x_min = finite().map(|it| it.0).fold(f64::INFINITY, f64::min);
        let x_max = finite().map(|it| it.0).fold(f64::NEG_INFINITY, f64::max);
        let y_max = finite().map(|it| it.1).fold(0.0, f64::max);
        let frame = Frame {
            x: if x_min <= x_max {
                (x_min, x_max)
            } else {
                (0.0, 1.0)
            },
            y_max: nice(y_max.max(1.0)),
        };
        let mut out = String::with_capacity(64 << 10);
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\">\
             <title>{0}</title><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
             <text x=\"{1}\" y=\"18\" font-size=\"14\" font-weight=\"600\">{0}</text>",
            escape(&self.title),
            MARGIN.0
        )
        .ok();
        self.axes(&mut out, &frame);
        for (from, to) in &self.marks {
            let (from, to) = (frame.left(*from), frame.left(*to));
            write!(
                out,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\" fill=\"#c0392b\"/>",
                HEIGHT - MARGIN.3,
                (to - from).max(1.0)
            )
            .ok();
        }
        for (at, line) in self.lines.iter().enumerate() {
            let colour = COLOURS.get(at % COLOURS.len()).unwrap_or(&"#000");
            write!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>",
                path(line, &frame)
            )
            .ok();
        }
        self.legend(&mut out);
        out.push_str("</svg>\n");
        out
    }

    fn axes(&self, out: &mut String, frame: &Frame) {
        for part in 0..=4 {
            let y = frame.y_max * f64::from(part) / 4.0;
            let top = frame.top(y);
            write!(
                out,
                "<path d=\"M{:.1} {top:.1}H{:.1}\" stroke=\"#e3e5e8\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
                MARGIN.0,
                WIDTH - MARGIN.1,
                MARGIN.0 - 6.0,
                top + 4.0,
                (y * 100.0).round() / 100.0
            )
            .ok();
        }
        for part in 0..=6 {
            let x = frame.x.0 + (frame.x.1 - frame.x.0) * f64::from(part) / 6.0;
            write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{}</text>",
                frame.left(x),
                HEIGHT - 8.0,
                (x * 10.0).round() / 10.0
            )
            .ok();
        }
        write!(
            out,
            "<text x=\"{:.1}\" y=\"18\" text-anchor=\"end\" fill=\"#555\">{}</text>",
            WIDTH - MARGIN.1,
            escape(&self.x_name)
        )
        .ok();
    }

    fn legend(&self, out: &mut String) {
        let names = self.lines.iter().enumerate();
        let mut names: Vec<(&str, &str)> = names
            .map(|(at, line)| {
                (
                    line.name.as_str(),
                    *COLOURS.get(at % COLOURS.len()).unwrap_or(&"#000"),
                )
            })
            .collect();
        if !self.marks.is_empty() {
            names.push((&self.mark_name, "#c0392b"));
        }
        let mut left = MARGIN.0;
        for (name, colour) in names {
            write!(
                out,
                "<rect x=\"{left:.1}\" y=\"26\" width=\"10\" height=\"6\" fill=\"{colour}\"/>\
                 <text x=\"{:.1}\" y=\"33\" fill=\"#333\">{}</text>",
                left + 14.0,
                escape(name)
            )
            .ok();
            left += 34.0 + name.chars().count() as f64 * 6.5;
        }
    }
}

/// The next number of a row of round ones.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0];
    let found = steps.iter().map(|step| step * power);
    found.into_iter().find(|it| *it >= value).unwrap_or(value)
}

fn path(line: &Line, frame: &Frame) -> String {
    let mut path = String::new();
    let mut last: Option<f64> = None;
    for (x, y) in thinned(&line.points) {
        if !(x.is_finite() && y.is_finite()) {
            last = None;
            continue;
        }
        let (left, top) = (frame.left(x), frame.top(y));
        match last {
            None => write!(path, "M{left:.1} {top:.1}").ok(),
            Some(_) if line.is_stepped => write!(path, "H{left:.1}V{top:.1}").ok(),
            Some(_) => write!(path, "L{left:.1} {top:.1}").ok(),
        };
        last = Some(y);
    }
    path
}

/// As many points as can be seen.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS_MAX {
        return points.to_vec();
    }
    let together = points.len().div_ceil(POINTS_MAX / 2);
    let mut thin = Vec::with_capacity(POINTS_MAX);
    for part in points.chunks(together) {
        let least = part.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = part.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut both: Vec<(f64, f64)> = least.into_iter().chain(most).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        thin.extend(both);
    }
    thin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hold_what_they_show() {
        let line = |points| Line {
            name: "a < b".to_owned(),
            points,
            is_stepped: true,
        };
        let mut plot = Plot {
            title: "x & y".to_owned(),
            x_name: "minutes".to_owned(),
            lines: vec![line(vec![
                (0.0, 1.0),
                (1.0, 3.0),
                (f64::NAN, 2.0),
                (2.0, f64::INFINITY),
            ])],
            marks: vec![(0.5, 0.6)],
            mark_name: "late".to_owned(),
        };
        let svg = plot.svg();
        assert!(
            svg.contains("x &amp; y") && svg.contains("a &lt; b"),
            "{svg}"
        );
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        plot.lines = vec![line((0..100_000).map(|i| (f64::from(i), 5.0)).collect())];
        assert!(plot.svg().len() < 100_000);
        plot.lines.clear();
        assert!(plot.svg().ends_with("</svg>\n"));
    }

    #[test]
    fn axes_end_at_round_numbers() {
        for (value, want) in [
            (1.0, 1.0),
            (3.0, 4.0),
            (17.0, 20.0),
            (81.0, 100.0),
            (0.3, 0.4),
        ] {
            assert!((nice(value) - want).abs() < 1e-9, "{value}");
        }
    }
}
