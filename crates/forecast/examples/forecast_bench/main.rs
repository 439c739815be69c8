//! How good forecasts are, and what they cost.
//!
//! `cargo run --release -p bellwether-forecast --example forecast_bench -- m4 FOLDER [held-out]`: the hourly and weekly
//! series of the M4 competition (`Dataset` of Mcompetitions/M4-methods). With `held-out`, the competition's test is
//! left alone and the last values of the training part are forecast instead: that is what settings were chosen on.
//!
//! `… servegen FOLDER [held-out | CELL]`: rates of a real service, 1 h and 24 h ahead in steps of ten minutes, through a
//! tracker; judged from a cell on, or else in the last third.
//!
//! `… cost`: time and memory of ten thousand series.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

mod cost;
mod m4;
mod servegen;

use std::path::Path;

use anyhow::{Result, bail};
use servegen::Judged;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["m4", folder] => m4::run(Path::new(folder), false),
        ["m4", folder, "held-out"] => m4::run(Path::new(folder), true),
        ["servegen", folder] => servegen::run(Path::new(folder), Judged::LastThird),
        ["servegen", folder, "held-out"] => servegen::run(Path::new(folder), Judged::HeldOut),
        ["servegen", folder, cell] => servegen::run(Path::new(folder), Judged::From(cell.parse()?)),
        ["cost"] => cost::run(),
        _ => bail!("usage: m4 FOLDER [held-out] | servegen FOLDER [held-out | CELL] | cost"),
    }
}
