//! `forecast`: what follows a series in a file.

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bellwether_forecast::forecast::{
    Forecast, ForecastError, HORIZON_MAX, Options, Series, VALUES_MAX, forecast,
};
use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use crate::plot::{Band, Line, Plot};
use crate::series_file::{RegularSeries, SeriesFile, TimeStyle};

/// So many times the horizon of what was is drawn beside what will be.
const DRAWN_HORIZONS: usize = 4;
/// Seasons that a forecast looks at.
const SEASONS_MAX: usize = 3;

/// Flags of `forecast`.
#[derive(Debug, Args)]
pub(crate) struct ForecastFlags {
    /// A CSV file with the columns timestamp,value; `-` is standard input, `.gz` is unpacked.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// How many steps to look ahead; a step is the median distance of the samples.
    #[arg(long, value_name = "STEPS")]
    horizon: usize,
    /// A season in steps, such as 24 and 168 for hours; may be given several times [default: an hour, a
    /// day, a week and a year, where they show].
    #[arg(long, value_name = "STEPS")]
    season: Vec<usize>,
    /// Levels that the value stays below with that probability.
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "LEVELS",
        default_value = "0.1,0.5,0.9"
    )]
    quantiles: Vec<f64>,
    /// Values below 0 make no sense.
    #[arg(long)]
    non_negative: bool,
    /// Also draw a picture, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "csv")]
    output: RowOutput,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowOutput {
    /// A header and a line a row.
    Csv,
    /// One document.
    Json,
}

/// Forecasts and tells; exit code 1 where too little is known for a forecast.
pub(crate) fn run(flags: &ForecastFlags) -> Result<ExitCode> {
    let file = SeriesFile::read(&flags.input)?;
    let series = file.regular(VALUES_MAX + HORIZON_MAX)?;
    let options = Options {
        horizon_steps: flags.horizon,
        seasons: (!flags.season.is_empty()).then(|| flags.season.clone()),
        quantiles: flags.quantiles.clone(),
        non_negative: flags.non_negative,
    };
    let known = Series {
        step_ms: series.step_ms,
        start_ms: series.start_ms,
        values: &series.values,
    };
    let next = match forecast(known, &options) {
        Ok(next) => next,
        Err(error @ (ForecastError::TooShort { .. } | ForecastError::Stale { .. })) => {
            eprintln!("bellwether: no forecast: {error}");
            return Ok(ExitCode::FAILURE);
        }
        Err(ForecastError::Horizon { given }) => {
            bail!("--horizon {given}: want 1 to {HORIZON_MAX}")
        }
        Err(error) => return Err(error.into()),
    };
    for season in unheard(&flags.season, series.values.len().min(VALUES_MAX)) {
        eprintln!(
            "bellwether: --season {season} does not count: the three shortest do that fit twice into the steps that are known"
        );
    }
    if let Some(path) = &flags.plot {
        let picture = picture(&series, &next).svg();
        std::fs::write(path, picture)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    match flags.output {
        RowOutput::Csv => print_whole(&csv(&next, file.style))?,
        RowOutput::Json => {
            let document = serde_json::to_string_pretty(&document(&next, file.style))?;
            print_whole(&format!("{document}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a text to the end, or as much as the reader of a pipe wants.
pub(crate) fn print_whole(text: &str) -> Result<()> {
    write_whole(&mut std::io::stdout().lock(), text)
}

fn write_whole(out: &mut impl Write, text: &str) -> Result<()> {
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the answer"),
    }
}

/// Seasons that a forecast from so many steps does not look at.
fn unheard(seasons: &[usize], steps: usize) -> Vec<usize> {
    let mut seasons = seasons.to_vec();
    seasons.sort_unstable();
    seasons.dedup();
    let each = seasons.into_iter().enumerate();
    let unheard =
        each.filter(|(at, season)| *at >= SEASONS_MAX || season.saturating_mul(2) > steps);
    unheard.map(|(_, season)| season).collect()
}

fn times(next: &Forecast) -> impl Iterator<Item = i64> {
    let (start_ms, step_ms) = (next.start_ms, next.step_ms);
    (0..next.mean.len() as i64)
        .map(move |step| start_ms.saturating_add(step.saturating_mul(step_ms)))
}

fn csv(next: &Forecast, style: TimeStyle) -> String {
    let mut out = String::from("timestamp,mean");
    for (level, _) in &next.quantiles {
        write!(out, ",q{level}").ok();
    }
    out.push_str(",model\n");
    for (at, time_ms) in times(next).enumerate() {
        write!(out, "{},{}", style.text(time_ms), next.mean[at]).ok();
        for (_, values) in &next.quantiles {
            write!(out, ",{}", values[at]).ok();
        }
        // The name of a season list has commas.
        writeln!(out, ",\"{}\"", next.model).ok();
    }
    out
}

fn document(next: &Forecast, style: TimeStyle) -> Value {
    let rows: Vec<Value> = times(next)
        .enumerate()
        .map(|(at, time_ms)| {
            let quantiles = next.quantiles.iter();
            let quantiles: Map<String, Value> = quantiles
                .map(|(level, values)| (level.to_string(), json!(values[at])))
                .collect();
            json!({ "timestamp": style.text(time_ms), "mean": next.mean[at], "quantiles": quantiles })
        })
        .collect();
    json!({
        "model": next.model,
        "stepSeconds": next.step_ms as f64 / 1_000.0,
        "forecast": rows,
    })
}

fn picture(series: &RegularSeries, next: &Forecast) -> Plot {
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    let from = series
        .values
        .len()
        .saturating_sub(next.mean.len().max(25) * DRAWN_HORIZONS);
    let past: Vec<(f64, f64)> = (from..series.values.len())
        .map(|at| {
            (
                seconds(series.start_ms + at as i64 * series.step_ms),
                series.values[at],
            )
        })
        .collect();
    let along = |values: &[f64]| -> Vec<(f64, f64)> {
        times(next)
            .map(seconds)
            .zip(values.iter().copied())
            .collect()
    };
    let mut levels: Vec<&(f64, Vec<f64>)> = next.quantiles.iter().collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    // The lowest level with the highest, and so on to the middle.
    let pairs = levels.len() / 2;
    let bands = (0..pairs).map(|at| {
        let (low, high) = (levels[at], levels[levels.len() - 1 - at]);
        let edges = times(next).map(seconds).zip(low.1.iter().zip(&high.1));
        Band {
            name: format!("q{} to q{}", low.0, high.0),
            edges: edges.map(|(x, (low, high))| (x, *low, *high)).collect(),
        }
    });
    Plot {
        title: format!("Forecast by {}", next.model),
        x_name: "UTC".to_owned(),
        x_is_time: true,
        y_is_free: true,
        bands: bands.collect(),
        lines: vec![
            Line {
                name: "measured".to_owned(),
                points: past,
                is_stepped: false,
            },
            Line {
                name: "expected".to_owned(),
                points: along(&next.mean),
                is_stepped: false,
            },
        ],
        ..Plot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next() -> Forecast {
        Forecast {
            model: "ar(24,168)".to_owned(),
            step_ms: 60_000,
            start_ms: 120_000,
            mean: vec![1.5, 2.0],
            quantiles: vec![(0.9, vec![2.5, 3.0]), (0.1, vec![0.5, 1.0])],
        }
    }

    /// A pipe whose reader has gone, and a disk that is full.
    struct Closed(std::io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        use std::io::ErrorKind;
        assert!(write_whole(&mut Closed(ErrorKind::BrokenPipe), "a\n").is_ok());
        assert!(write_whole(&mut Closed(ErrorKind::StorageFull), "a\n").is_err());
    }

    #[test]
    fn seasons_that_do_not_count_are_known() {
        assert_eq!(unheard(&[900, 2], 5), [900]);
        assert_eq!(unheard(&[24, 168, 24, 12, 6], 400), [168]);
        assert!(unheard(&[2], 4).is_empty());
    }

    #[test]
    fn rows_are_times_means_levels_and_the_model() {
        assert_eq!(
            csv(&next(), TimeStyle::Seconds),
            "timestamp,mean,q0.9,q0.1,model\n120,1.5,2.5,0.5,\"ar(24,168)\"\n180,2,3,1,\"ar(24,168)\"\n"
        );
        let document = document(&next(), TimeStyle::Rfc3339);
        assert_eq!(document["forecast"][1]["timestamp"], "1970-01-01T00:03:00Z");
        assert_eq!(document["forecast"][1]["quantiles"]["0.1"], 1.0);
    }

    #[test]
    fn the_picture_has_one_band_a_pair_of_levels() {
        let series = RegularSeries {
            step_ms: 60_000,
            start_ms: 0,
            values: vec![1.0, f64::NAN],
        };
        let plot = picture(&series, &next());
        assert_eq!(plot.bands.len(), 1);
        assert_eq!(plot.bands[0].edges[0], (120.0, 0.5, 2.5));
        assert!(plot.svg().contains("q0.1 to q0.9"));
    }
}
