//! Runs every fuzz target for some seconds: the short run of the gate, or a long one by hand.
//!
//! ## Model
//! Inputs are mutations of each target's seeds. A panic, or memory beyond the target's bound, is a
//! finding: the input is saved under `fuzz/artifacts` and named. Coverage-guided runs of the same
//! targets use libFuzzer; see `fuzz/README.md`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks"
)]

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bellwether_fuzz::allocation::{Counting, peak_of};
use bellwether_fuzz::mutate::{Random, mutate};
use bellwether_fuzz::targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("fuzz: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<usize> {
    let mut seconds = 10.0;
    let mut only = None;
    let mut input = None;
    let mut seed = 1;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let value = rest
            .next()
            .with_context(|| format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--seconds" => seconds = value.parse()?,
            "--target" => only = Some(value.as_str()),
            "--seed" => seed = value.parse()?,
            "--input" => input = Some(value),
            other => bail!("unknown argument {other:?}: want --seconds, --target, --seed, --input"),
        }
    }
    let chosen: Vec<&Target> = TARGETS
        .iter()
        .filter(|target| only.is_none_or(|only| only == target.name))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        bail!("there is no such target: want one of {}", names.join(", "));
    }
    if let Some(file) = input {
        let [target] = chosen.as_slice() else {
            bail!("--input needs the --target that it is for");
        };
        // A panic shows itself, with its backtrace.
        let bytes = std::fs::read(file).with_context(|| format!("read {file}"))?;
        let peak = peak_of(|| (target.run)(&bytes));
        println!(
            "{}: held {peak} bytes, of {} allowed",
            target.name, target.memory_max_bytes
        );
        return Ok(usize::from(peak > target.memory_max_bytes));
    }
    // Panics are findings; their text is printed once, with the place and the input's file.
    std::panic::set_hook(Box::new(|panic| {
        if let (Some(place), Ok(mut last)) = (panic.location(), LAST_PANIC.lock()) {
            *last = place.to_string();
        }
    }));
    let mut findings = 0;
    for target in chosen {
        let (runs, problem) = fuzz(target, Duration::from_secs_f64(seconds), seed);
        match problem {
            None => println!("{}: {runs} inputs, no finding", target.name),
            Some((input, problem)) => {
                findings += 1;
                let file = save(target.name, &input)?;
                println!("{}: {problem}; input in {}", target.name, file.display());
            }
        }
    }
    println!(
        "{} passed, {findings} failed",
        TARGETS
            .len()
            .min(if only.is_some() { 1 } else { usize::MAX })
            - findings
    );
    Ok(findings)
}

/// Where the last panic was.
static LAST_PANIC: std::sync::Mutex<String> = std::sync::Mutex::new(String::new());

fn fuzz(target: &Target, time: Duration, seed: u64) -> (u64, Option<(Vec<u8>, String)>) {
    let corpus = (target.seeds)();
    let mut random = Random::new(seed);
    let begun = Instant::now();
    let mut runs = 0;
    let mut first = corpus.clone().into_iter();
    while runs < corpus.len() as u64 || begun.elapsed() < time {
        let input = first
            .next()
            .unwrap_or_else(|| mutate(&corpus, target.dictionary, &mut random));
        runs += 1;
        let mut panicked = None;
        let peak = peak_of(|| {
            let result = std::panic::catch_unwind(AssertUnwindSafe(|| (target.run)(&input)));
            panicked = result.err().map(|payload| {
                payload
                    .downcast_ref::<String>()
                    .cloned()
                    .or_else(|| {
                        payload
                            .downcast_ref::<&str>()
                            .map(|text| (*text).to_owned())
                    })
                    .unwrap_or_default()
            });
        });
        if let Some(text) = panicked {
            return (
                runs,
                Some((
                    input,
                    format!(
                        "panicked at {}: {text}",
                        LAST_PANIC
                            .lock()
                            .map(|place| place.clone())
                            .unwrap_or_default()
                    ),
                )),
            );
        }
        if peak > target.memory_max_bytes {
            let problem = format!("held {peak} bytes, of {} allowed", target.memory_max_bytes);
            return (runs, Some((input, problem)));
        }
    }
    (runs, None)
}

fn save(target: &str, input: &[u8]) -> Result<PathBuf> {
    let folder = PathBuf::from("fuzz/artifacts");
    std::fs::create_dir_all(&folder)?;
    let file = folder.join(format!("{target}-{}", input.len()));
    std::fs::write(&file, input)?;
    Ok(file)
}
