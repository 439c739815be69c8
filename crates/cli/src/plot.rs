//! Lines over time as a picture: one file of SVG that needs nothing from elsewhere.
//!
//! ## Limits
//! A line has at most [`POINTS_MAX`] points: of more, those that are near one another are drawn as the
//! span from their least to their greatest.

use std::fmt::Write as _;

use bellwether_server::paper::escape;
use jiff::Timestamp;

/// Chosen: more than one a pixel is not seen.
const POINTS_MAX: usize = 2_000;
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 320.0;
/// Room for texts: left, right, above, below.
const MARGIN: (f64, f64, f64, f64) = (56.0, 16.0, 40.0, 36.0);
/// Colours of bands, the widest first.
const BANDS: [&str; 3] = ["#fbe3cd", "#f6c79c", "#f0ab6b"];
const MARK: &str = "#c0392b";
/// Height of a strip with its distance.
const STRIP: f64 = 84.0;
const DAY: f64 = 86_400.0;
const YEAR: f64 = 31_557_600.0;
/// Distances of times on an axis, s.
const STEPS: [f64; 20] = [
    1.0,
    5.0,
    15.0,
    60.0,
    300.0,
    600.0,
    1_800.0,
    3_600.0,
    7_200.0,
    10_800.0,
    21_600.0,
    43_200.0,
    DAY,
    2.0 * DAY,
    7.0 * DAY,
    14.0 * DAY,
    30.0 * DAY,
    91.0 * DAY,
    182.0 * DAY,
    YEAR,
];
const TICKS_MAX: f64 = 8.0;
/// Colours of lines, that can be told apart on white and without seeing red and green.
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

/// What may be, from low to high.
#[derive(Debug, Clone)]
pub(crate) struct Band {
    /// What it is.
    pub(crate) name: String,
    /// Low and high by x: `(x, low, high)`.
    pub(crate) edges: Vec<(f64, f64, f64)>,
}

/// A line between 0 and 1 below the others.
#[derive(Debug, Clone)]
pub(crate) struct Strip {
    /// What it is.
    pub(crate) name: String,
    /// Points by x.
    pub(crate) points: Vec<(f64, f64)>,
    /// What is above this matters.
    pub(crate) threshold: f64,
}

/// A picture.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plot {
    /// What it shows.
    pub(crate) title: String,
    /// What is from left to right, with its unit.
    pub(crate) x_name: String,
    /// Whether x is a time, in Unix seconds.
    pub(crate) x_is_time: bool,
    /// Whether the axis need not begin at 0.
    pub(crate) y_is_free: bool,
    /// Bands behind the lines, the widest first.
    pub(crate) bands: Vec<Band>,
    /// The lines, those in front last.
    pub(crate) lines: Vec<Line>,
    /// Spans of x that are marked, and what they mean.
    pub(crate) marks: Vec<(f64, f64)>,
    /// What a mark means; empty where there are none.
    pub(crate) mark_name: String,
    /// A line of its own below.
    pub(crate) strip: Option<Strip>,
}

/// Where x and y are on the paper.
#[derive(Debug)]
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
    /// Above and below.
    rows: (f64, f64),
}

impl Frame {
    fn left(&self, x: f64) -> f64 {
        let span = (self.x.1 - self.x.0).max(f64::MIN_POSITIVE);
        MARGIN.0 + (x - self.x.0) / span * (WIDTH - MARGIN.0 - MARGIN.1)
    }

    fn top(&self, y: f64) -> f64 {
        let share = ((y - self.y.0) / (self.y.1 - self.y.0)).clamp(0.0, 1.0);
        self.rows.1 - share * (self.rows.1 - self.rows.0)
    }
}

impl Plot {
    /// The picture as SVG.
    pub(crate) fn svg(&self) -> String {
        let height = HEIGHT + self.strip.as_ref().map_or(0.0, |_| STRIP);
        let frame = self.frame();
        let mut out = String::with_capacity(64 << 10);
        write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             font-family=\"system-ui, sans-serif\" font-size=\"12\" role=\"img\">\
             <title>{0}</title><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
             <text x=\"{1}\" y=\"18\" font-size=\"14\" font-weight=\"600\">{0}</text>",
            escape(&self.title),
            MARGIN.0
        )
        .ok();
        self.axes(&mut out, &frame, height);
        for (at, band) in self.bands.iter().enumerate() {
            write!(
                out,
                "<path d=\"{}\" fill=\"{}\"/>",
                outline(band, &frame),
                band_colour(at)
            )
            .ok();
        }
        for (at, line) in self.lines.iter().enumerate() {
            write!(
                out,
                "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>",
                path(&line.points, line.is_stepped, &frame),
                line_colour(at)
            )
            .ok();
        }
        if let Some(strip) = &self.strip {
            Self::strip(&mut out, &frame, strip);
        }
        for (from, to) in &self.marks {
            let (from, to) = (frame.left(*from), frame.left(*to));
            write!(
                out,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"6\" fill=\"{MARK}\"/>",
                frame.rows.1,
                (to - from).max(2.0)
            )
            .ok();
        }
        self.legend(&mut out);
        out.push_str("</svg>\n");
        out
    }

    fn frame(&self) -> Frame {
        let strip = self.strip.iter().flat_map(|strip| &strip.points);
        let lines = || {
            self.lines
                .iter()
                .flat_map(|line| line.points.iter().copied())
        };
        let bands = self.bands.iter().flat_map(|band| &band.edges);
        let edges = bands.flat_map(|&(x, low, high)| [(x, low), (x, high)]);
        let shown: Vec<(f64, f64)> = lines().chain(edges).filter(is_finite).collect();
        // A strip has the same x as the lines, and may go on where they have gaps.
        let x = bounds(shown.iter().chain(strip).map(|it| it.0)).unwrap_or((0.0, 1.0));
        let (low, high) = bounds(shown.iter().map(|it| it.1)).unwrap_or((0.0, 1.0));
        let y = if self.y_is_free && (low < 0.0 || high - low < high / 2.0) {
            around(low, high)
        } else {
            let least = if self.y_is_free { high } else { high.max(1.0) };
            (0.0, nice(if least > 0.0 { least } else { 1.0 }))
        };
        Frame {
            x,
            y,
            rows: (MARGIN.2, HEIGHT - MARGIN.3),
        }
    }

    fn axes(&self, out: &mut String, frame: &Frame, height: f64) {
        for part in 0..=4 {
            let y = frame.y.0 + (frame.y.1 - frame.y.0) * f64::from(part) / 4.0;
            let top = frame.top(y);
            write!(
                out,
                "<path d=\"M{:.1} {top:.1}H{:.1}\" stroke=\"#e3e5e8\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
                MARGIN.0,
                WIDTH - MARGIN.1,
                MARGIN.0 - 6.0,
                top + 4.0,
                number(y, frame.y.1 - frame.y.0)
            )
            .ok();
        }
        for (x, text) in self.ticks(frame) {
            write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555\">{text}</text>",
                frame.left(x),
                height - 8.0
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

    /// Where texts stand below, and which.
    fn ticks(&self, frame: &Frame) -> Vec<(f64, String)> {
        let span = frame.x.1 - frame.x.0;
        if !self.x_is_time {
            let at = |part: i32| frame.x.0 + span * f64::from(part) / 6.0;
            let text = |x: f64| ((x * 10.0).round() / 10.0).to_string();
            return (0..=6).map(|part| (at(part), text(at(part)))).collect();
        }
        let few = |step: &&f64| span / **step <= TICKS_MAX;
        let years = (span / TICKS_MAX / YEAR).ceil() * YEAR;
        let step = STEPS.iter().find(few).copied().unwrap_or(years);
        let format = match step {
            step if step >= YEAR => "%Y",
            step if step >= DAY && span >= YEAR => "%b %Y",
            step if step >= DAY => "%b %d",
            _ if span > DAY => "%d %H:%M",
            step if step >= 60.0 => "%H:%M",
            _ => "%H:%M:%S",
        };
        let first = (frame.x.0 / step).ceil() as i64;
        let last = (frame.x.1 / step).floor() as i64;
        let times = (first..=last)
            .take(TICKS_MAX as usize + 1)
            .map(|at| at as f64 * step);
        times
            .filter_map(|x| Some((x, Timestamp::from_second(x as i64).ok()?)))
            .map(|(x, time)| (x, time.strftime(format).to_string()))
            .collect()
    }

    fn strip(out: &mut String, frame: &Frame, strip: &Strip) {
        let top = HEIGHT - MARGIN.3 + 16.0;
        let below = Frame {
            x: frame.x,
            y: (0.0, 1.0),
            rows: (top, top + STRIP - 24.0),
        };
        let threshold = below.top(strip.threshold);
        write!(
            out,
            "<path d=\"M{0:.1} {1:.1}H{2:.1}M{0:.1} {3:.1}H{2:.1}\" stroke=\"#e3e5e8\"/>\
             <path d=\"M{0:.1} {threshold:.1}H{2:.1}\" stroke=\"{MARK}\" stroke-dasharray=\"3 4\" opacity=\".6\"/>\
             <text x=\"{4:.1}\" y=\"{5:.1}\" text-anchor=\"end\" fill=\"#555\">{6}</text>\
             <path d=\"{7}\" fill=\"none\" stroke=\"{8}\"/>",
            MARGIN.0,
            below.rows.0,
            WIDTH - MARGIN.1,
            below.rows.1,
            MARGIN.0 - 6.0,
            threshold + 4.0,
            escape(&strip.name),
            path(&strip.points, false, &below),
            line_colour(1)
        )
        .ok();
    }

    fn legend(&self, out: &mut String) {
        let lines = self.lines.iter().enumerate();
        let lines = lines.map(|(at, line)| (line.name.as_str(), line_colour(at)));
        let bands = self.bands.iter().enumerate();
        let bands = bands.map(|(at, band)| (band.name.as_str(), band_colour(at)));
        let marks = (!self.marks.is_empty()).then_some((self.mark_name.as_str(), MARK));
        let mut left = MARGIN.0;
        for (name, colour) in lines.chain(bands).chain(marks) {
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

fn line_colour(at: usize) -> &'static str {
    COLOURS.get(at % COLOURS.len()).unwrap_or(&"#000")
}

fn band_colour(at: usize) -> &'static str {
    BANDS.get(at.min(BANDS.len() - 1)).unwrap_or(&"#eee")
}

fn is_finite(point: &(f64, f64)) -> bool {
    point.0.is_finite() && point.1.is_finite()
}

fn bounds(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let start = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = values.fold(start, |(low, high), it| (low.min(it), high.max(it)));
    (low <= high).then_some((low, high))
}

/// Round numbers that lie around two others, a fourth of the distance a whole of a round step.
fn around(low: f64, high: f64) -> (f64, f64) {
    let span = (high - low).max(high.abs() * 1e-6).max(f64::MIN_POSITIVE);
    let mut step = nice(span / 4.0);
    loop {
        let from = (low / step).floor() * step;
        if !from.is_finite() || from + 4.0 * step >= high {
            return (from, from + 4.0 * step);
        }
        step = nice(step * 1.01);
    }
}

/// A number with as many digits as its axis tells apart.
fn number(value: f64, span: f64) -> String {
    if !value.is_finite() || value.abs() >= 1e6 || span < 1e-3 {
        return format!("{value:.3e}");
    }
    let digits = (2.0 - span.log10().floor()).clamp(0.0, 5.0) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The edge of a band, there and back.
fn outline(band: &Band, frame: &Frame) -> String {
    let known = |it: &&(f64, f64, f64)| it.0.is_finite() && it.1.is_finite() && it.2.is_finite();
    let edges: Vec<_> = band.edges.iter().filter(known).collect();
    let high: Vec<(f64, f64)> = edges.iter().map(|it| (it.0, it.2)).collect();
    let low: Vec<(f64, f64)> = edges.iter().map(|it| (it.0, it.1)).collect();
    let mut corners = thinned(&high);
    corners.extend(thinned(&low).into_iter().rev());
    path(&corners, false, frame)
}

/// The next number of a row of round ones.
fn nice(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0];
    let found = steps.iter().map(|step| step * power);
    found.into_iter().find(|it| *it >= value).unwrap_or(value)
}

fn path(points: &[(f64, f64)], is_stepped: bool, frame: &Frame) -> String {
    let mut path = String::new();
    let mut is_open = false;
    for (x, y) in thinned(points) {
        if !is_finite(&(x, y)) {
            is_open = false;
            continue;
        }
        let (left, top) = (frame.left(x), frame.top(y));
        match is_open {
            false => write!(path, "M{left:.1} {top:.1}").ok(),
            true if is_stepped => write!(path, "H{left:.1}V{top:.1}").ok(),
            true => write!(path, "L{left:.1} {top:.1}").ok(),
        };
        is_open = true;
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
        let known = || part.iter().filter(|it| is_finite(it));
        let least = known().min_by(|a, b| a.1.total_cmp(&b.1));
        let most = known().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut both: Vec<(f64, f64)> = least.into_iter().chain(most).copied().collect();
        both.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Where nothing is known, the line breaks.
        let gap = part.first().filter(|_| both.is_empty());
        thin.extend(both.into_iter().chain(gap.copied()));
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
            ..Plot::default()
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
    fn bands_strips_and_times_are_drawn_whatever_the_numbers() {
        for (low, high) in [
            (0.0, 1.0),
            (-5.0, 1e300),
            (7.0, 7.0),
            (f64::NAN, f64::INFINITY),
        ] {
            let points = vec![(0.0, low), (86_400.0, high)];
            let plot = Plot {
                x_is_time: true,
                y_is_free: true,
                bands: vec![Band {
                    name: "may be".to_owned(),
                    edges: vec![(0.0, low, high), (86_400.0, low, high)],
                }],
                lines: vec![Line {
                    name: "is".to_owned(),
                    points: points.clone(),
                    is_stepped: false,
                }],
                strip: Some(Strip {
                    name: "score".to_owned(),
                    points,
                    threshold: 0.5,
                }),
                ..Plot::default()
            };
            let svg = plot.svg();
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
            assert!(
                svg.contains(">01 12:00<") || svg.contains(">12:00<"),
                "{svg}"
            );
        }
    }

    #[test]
    fn axes_around_values_are_round_and_hold_them() {
        for (low, high) in [
            (95.0, 105.0),
            (-3.0, 5.0),
            (0.51, 0.59),
            (-1e9, 2e9),
            (7.0, 7.0),
        ] {
            let (from, to) = around(low, high);
            assert!(from <= low && to >= high, "{low} {high}: {from} {to}");
        }
        assert_eq!(number(0.25, 1.0), "0.25");
        assert_eq!(number(1500.0, 2000.0), "1500");
        assert_eq!(number(2.5e9, 1e9), "2.500e9");
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
