//! A series in a file of two columns, `timestamp,value`.
//!
//! ## Model
//! Times are Unix seconds (whole or not), Unix milliseconds, RFC 3339 or `2014-04-01 00:00:00` in UTC;
//! a file has one of these. A first line without a time is a header: its columns `timestamp` and
//! `value` are taken where it names them, else the first two. An empty value, and one that is not
//! finite, is missing.
//!
//! ## Limits
//! [`ROWS_MAX`] rows, [`LINE_BYTES_MAX`] a line. Numbers of 10^11 and more are milliseconds: as seconds
//! they would lie in the year 5138.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use bellwether_forecast::grid;
use bellwether_model::short;
use flate2::read::MultiGzDecoder;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Rows of a file. Chosen: 160 MB in memory.
const ROWS_MAX: usize = 10_000_000;
/// Bytes of a line.
const LINE_BYTES_MAX: u64 = 64 << 10;
/// Numbers from here on are milliseconds.
const MILLISECONDS_MIN: f64 = 1e11;
/// Times and steps beyond this are no times.
const TIME_MS_MAX: f64 = 2e14;

/// How a file writes its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeStyle {
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
    /// `2014-04-01 00:00:00`.
    Civil,
}

impl TimeStyle {
    /// A time as the file would write it.
    pub(crate) fn text(self, time_ms: i64) -> String {
        let time = Timestamp::from_millisecond(time_ms);
        match (self, time) {
            (Self::Seconds, _) if time_ms % 1_000 == 0 => (time_ms / 1_000).to_string(),
            (Self::Seconds, _) => (time_ms as f64 / 1_000.0).to_string(),
            (Self::Rfc3339, Ok(time)) => time.to_string(),
            (Self::Civil, Ok(time)) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            (Self::Milliseconds, _) | (_, Err(_)) => time_ms.to_string(),
        }
    }
}

/// The samples of a file, as they stand there.
#[derive(Debug, Clone)]
pub(crate) struct SeriesFile {
    /// How times are written.
    pub(crate) style: TimeStyle,
    /// Time in milliseconds and value, NaN where it is missing.
    pub(crate) samples: Vec<(i64, f64)>,
}

/// The samples of a file at regular times.
#[derive(Debug, Clone)]
pub(crate) struct RegularSeries {
    /// Time between values.
    pub(crate) step_ms: i64,
    /// Time of the first value.
    pub(crate) start_ms: i64,
    /// Values, NaN where none was measured.
    pub(crate) values: Vec<f64>,
}

impl SeriesFile {
    /// Reads a file; `-` is standard input, and what ends in `.gz` is unpacked.
    ///
    /// # Errors
    /// If it cannot be read, is too large, or a line means nothing: with the line, the column and what
    /// stands there.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Self::of(std::io::stdin().lock()).context("standard input");
        }
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let read = if path.extension().is_some_and(|extension| extension == "gz") {
            Self::of(BufReader::new(MultiGzDecoder::new(file)))
        } else {
            Self::of(BufReader::new(file))
        };
        read.with_context(|| path.display().to_string())
    }

    fn of(mut lines: impl BufRead) -> Result<Self> {
        let mut style = None;
        let mut columns = Columns { time: 0, value: 1 };
        let mut samples = Vec::new();
        let mut line = Vec::new();
        let mut is_first = true;
        for number in 1.. {
            line.clear();
            let bytes = (&mut lines)
                .take(LINE_BYTES_MAX)
                .read_until(b'\n', &mut line)?;
            if bytes == 0 {
                break;
            }
            if bytes as u64 == LINE_BYTES_MAX {
                bail!("line {number} has more than {LINE_BYTES_MAX} bytes");
            }
            let text = std::str::from_utf8(&line)
                .with_context(|| format!("line {number} is not UTF-8"))?;
            // A mark of the byte order is no part of the first name.
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                continue;
            }
            if std::mem::take(&mut is_first) && is_header(text) {
                columns = Columns::of(text);
                continue;
            }
            if samples.len() == ROWS_MAX {
                bail!("more than {ROWS_MAX} rows");
            }
            let row = columns.row(text, style);
            let row = row.map_err(|what| anyhow!("line {number}, {what}"))?;
            style = Some(row.style);
            samples.push((row.time_ms, row.value));
        }
        let Some(style) = style else {
            bail!("no samples: want lines of timestamp,value");
        };
        Ok(Self { style, samples })
    }

    /// Values at regular times: the step is the median distance of neighbours, values of one step are
    /// averaged, a step without a value is missing. Of more than `count_max` values the last.
    ///
    /// # Errors
    /// If there are not two different times.
    pub(crate) fn regular(&self, count_max: usize) -> Result<RegularSeries> {
        let mut sorted = self.samples.clone();
        sorted.sort_by_key(|sample| sample.0);
        let steps = sorted.windows(2).map(|pair| pair[1].0 - pair[0].0);
        let mut steps: Vec<i64> = steps.filter(|step| *step > 0).collect();
        if steps.is_empty() {
            bail!("all samples are of one time: want two times at least");
        }
        let middle = steps.len() / 2;
        let step_ms = *steps.select_nth_unstable(middle).1;
        let (first_ms, last_ms) = (sorted[0].0, sorted[sorted.len() - 1].0);
        // The middle of the first step is the first sample: times that waver stay in their steps.
        let span = (last_ms - first_ms + step_ms / 2) / step_ms;
        let count = usize::try_from(span)
            .unwrap_or(usize::MAX)
            .saturating_add(1)
            .min(count_max);
        let start_ms = first_ms + (span - (count as i64 - 1)) * step_ms;
        let values = grid::means(&sorted, start_ms - step_ms / 2, step_ms, count);
        Ok(RegularSeries {
            step_ms,
            start_ms,
            values,
        })
    }
}

/// Where the two columns stand.
#[derive(Debug, Clone, Copy)]
struct Columns {
    time: usize,
    value: usize,
}

struct Row {
    style: TimeStyle,
    time_ms: i64,
    value: f64,
}

/// What is wrong with a cell.
struct Wrong<'a> {
    column: &'static str,
    found: Option<&'a str>,
    wanted: &'static str,
}

impl fmt::Display for Wrong<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.found {
            Some(found) => write!(
                f,
                "column {}: {:?} is not {}",
                self.column,
                short(found),
                self.wanted
            ),
            None => write!(f, "column {}: missing, want {}", self.column, self.wanted),
        }
    }
}

impl Columns {
    /// Those that a header names; the first two where it doesn't.
    fn of(header: &str) -> Self {
        let place = |name: &str| cells(header).position(|cell| cell.eq_ignore_ascii_case(name));
        match (place("timestamp"), place("value")) {
            (Some(time), Some(value)) => Self { time, value },
            _ => Self { time: 0, value: 1 },
        }
    }

    fn row(self, line: &str, style: Option<TimeStyle>) -> Result<Row, String> {
        let time = cells(line).nth(self.time);
        let wanted = match style {
            None => "a time: want Unix seconds or milliseconds, RFC 3339 or 2014-04-01 00:00:00",
            Some(TimeStyle::Seconds) => "a time in Unix seconds, as in the lines above",
            Some(TimeStyle::Milliseconds) => "a time in Unix milliseconds, as in the lines above",
            Some(TimeStyle::Rfc3339) => "a time in RFC 3339, as in the lines above",
            Some(TimeStyle::Civil) => "a time such as 2014-04-01 00:00:00, as in the lines above",
        };
        let wrong_time = || {
            Wrong {
                column: "timestamp",
                found: time,
                wanted,
            }
            .to_string()
        };
        let (found, time_ms) = time
            .and_then(|text| time_of(text, style))
            .ok_or_else(wrong_time)?;
        let value = cells(line).nth(self.value);
        let wrong_value = || {
            Wrong {
                column: "value",
                found: value,
                wanted: "a number",
            }
            .to_string()
        };
        let value = match value.ok_or_else(wrong_value)? {
            "" => f64::NAN,
            text => text.parse().map_err(|_| wrong_value())?,
        };
        Ok(Row {
            style: found,
            time_ms,
            value,
        })
    }
}

fn cells(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|cell| {
        let cell = cell.trim();
        let inner = cell
            .strip_prefix('"')
            .and_then(|cell| cell.strip_suffix('"'));
        inner.unwrap_or(cell).trim()
    })
}

/// Whether no cell of a line is a time or a number.
fn is_header(line: &str) -> bool {
    cells(line).all(|cell| time_of(cell, None).is_none() && cell.parse::<f64>().is_err())
}

/// A time in milliseconds and how it is written: as `style` says, or any.
fn time_of(text: &str, style: Option<TimeStyle>) -> Option<(TimeStyle, i64)> {
    if let Ok(number) = text.parse::<f64>() {
        let style = match style {
            Some(style) => style,
            None if number.abs() >= MILLISECONDS_MIN => TimeStyle::Milliseconds,
            None => TimeStyle::Seconds,
        };
        let time_ms = match style {
            TimeStyle::Seconds => number * 1_000.0,
            TimeStyle::Milliseconds => number,
            TimeStyle::Rfc3339 | TimeStyle::Civil => return None,
        };
        return (time_ms.abs() < TIME_MS_MAX).then_some((style, time_ms.round() as i64));
    }
    let instant = || {
        text.parse::<Timestamp>()
            .ok()
            .map(Timestamp::as_millisecond)
    };
    let civil = || {
        let civil: DateTime = text.parse().ok()?;
        Some(
            civil
                .to_zoned(TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_millisecond(),
        )
    };
    match style {
        Some(TimeStyle::Seconds | TimeStyle::Milliseconds) => None,
        Some(TimeStyle::Rfc3339) => Some((TimeStyle::Rfc3339, instant()?)),
        Some(TimeStyle::Civil) => Some((TimeStyle::Civil, civil()?)),
        None => instant()
            .map(|time_ms| (TimeStyle::Rfc3339, time_ms))
            .or_else(|| Some((TimeStyle::Civil, civil()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SeriesFile> {
        SeriesFile::of(text.as_bytes())
    }

    #[test]
    fn each_way_to_write_times_is_read_and_written() {
        for (style, first, second) in [
            (TimeStyle::Seconds, "1396310400", "1396310460.5"),
            (TimeStyle::Milliseconds, "1396310400000", "1396310460500"),
            (
                TimeStyle::Rfc3339,
                "2014-04-01T00:00:00Z",
                "2014-04-01T00:01:00.5Z",
            ),
            (
                TimeStyle::Civil,
                "2014-04-01 00:00:00",
                "2014-04-01 00:01:00",
            ),
        ] {
            for header in ["", "timestamp,value\n", "when,what\n"] {
                let file = read(&format!("{header}{first},1\n{second},\n")).unwrap();
                assert_eq!(file.style, style);
                assert_eq!(file.samples[0], (1_396_310_400_000, 1.0));
                assert_eq!(file.samples[1].0 / 1_000, 1_396_310_460);
                assert!(file.samples[1].1.is_nan());
                assert_eq!(style.text(file.samples[0].0), first);
                assert_eq!(style.text(file.samples[1].0), second);
            }
        }
    }

    #[test]
    fn a_header_says_where_the_columns_are() {
        let file = read("host,Value,\"timestamp\"\nweb,7.5,60\n").unwrap();
        assert_eq!(file.samples, [(60_000, 7.5)]);
    }

    #[test]
    fn what_means_nothing_is_named_with_line_and_column() {
        for (text, wanted) in [
            ("", "no samples: want lines of timestamp,value"),
            (
                "timestamp,value\n",
                "no samples: want lines of timestamp,value",
            ),
            (
                "60,1\n120,many\n",
                "line 2, column value: \"many\" is not a number",
            ),
            (
                "60,1\n120\n",
                "line 2, column value: missing, want a number",
            ),
            (
                "60,1\n2014-04-01 00:00:00,1\n",
                "line 2, column timestamp: \"2014-04-01 00:00:00\" is not a time in Unix seconds, as in the lines above",
            ),
            (
                "timestamp,value\nnever,1\n",
                "line 2, column timestamp: \"never\" is not a time: want Unix seconds or milliseconds, RFC 3339 or 2014-04-01 00:00:00",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), wanted, "{text:?}");
        }
    }

    #[test]
    fn steps_are_the_median_distance_and_gaps_are_missing() {
        let file = read("0,1\n61,2\n119,3\n119,5\n301,7\n").unwrap();
        let regular = file.regular(100).unwrap();
        assert_eq!((regular.step_ms, regular.start_ms), (61_000, 0));
        let shown: Vec<String> = regular.values.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["1", "2", "4", "NaN", "NaN", "7"]);
        let last = file.regular(2).unwrap();
        assert_eq!(last.start_ms, 4 * 61_000);
        assert_eq!(last.values[1], 7.0);
        assert!(read("5,1\n5,2\n").unwrap().regular(9).is_err());
    }
}
