//! What the file of events costs, and what it survives.
//!
//! `cargo run --release -p bellwether-sdk --example file_cost [-- cost | kill]`
//!
//! `cost`: 1,000,000 events through the file sink and through `tracing-appender` (its non-blocking writer
//! with the JSON of `tracing-subscriber`), in turns, as events a second until they are in the file, and
//! CPU time an event. Ours rotates at 64 MiB, compresses and syncs each second; theirs does none of it.
//!
//! `kill`: the same number of events, each fifty of which are acknowledged, with a file each 4 MiB, while
//! somebody reads along and the writer is killed at random moments. In the end each event is there once,
//! in order, none that was acknowledged is missing, and whoever read along saw whole lines only.
#![expect(clippy::print_stdout, reason = "a command line tool talks")]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bellwether_sdk::{
    FileSettings, Fsync, Level, Rotation, SERIES_MAX_DEFAULT, Telemetry, TelemetryLayer,
};
use flate2::read::GzDecoder;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

const EVENTS: u64 = 1_000_000;
const LONG: Duration = Duration::from_secs(120);
const ROUNDS: usize = 3;

type Answer<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// CPU time of the process so far, from `/proc/self/stat`, whose ticks are hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let mut fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let user = fields.nth(11).and_then(|it| it.parse::<f64>().ok());
    let system = fields.next().and_then(|it| it.parse::<f64>().ok());
    (user.unwrap_or(0.0) + system.unwrap_or(0.0)) / 100.0
}

fn main() -> Answer {
    match std::env::args().nth(1).as_deref() {
        None => cost().and_then(|()| kill()),
        Some("cost") => cost(),
        Some("kill") => kill(),
        Some("child") => child(),
        Some(other) => Err(format!("{other:?}: want cost or kill").into()),
    }
}

/// Lines in a folder, compressed or not.
fn lines(folder: &Path) -> Answer<u64> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let file = File::open(&path)?;
        let is_packed = path.extension().is_some_and(|it| it == "gz");
        let mut reader: Box<dyn std::io::BufRead> = match is_packed {
            true => Box::new(BufReader::new(GzDecoder::new(file))),
            false => Box::new(BufReader::new(file)),
        };
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 {
            count += 1;
            line.clear();
        }
    }
    Ok(count)
}

fn report(name: &str, began: (Instant, f64), folder: &Path) -> Answer {
    let (wall, cpu) = (began.0.elapsed().as_secs_f64(), cpu_seconds() - began.1);
    let (speed, each) = (EVENTS as f64 / wall, cpu / EVENTS as f64 * 1e6);
    let lines = lines(folder)?;
    println!("{name:44} {speed:9.0} events/s, {each:5.2} CPU µs an event, {lines} lines");
    Ok(())
}

/// A telemetry with a file and room for all that waits: whoever emits never waits here, and there.
fn telemetry(folder: &Path, compresses: bool) -> Answer<Telemetry> {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_file(FileSettings {
        compresses,
        buffer_bytes_max: 512 << 20,
        ..FileSettings::new(folder.join("events.jsonl"))
    })?;
    Ok(telemetry)
}

fn cost() -> Answer {
    for round in 1..=ROUNDS {
        println!("round {round}");
        for compresses in [false, true] {
            let folder = tempfile::tempdir()?;
            let began = (Instant::now(), cpu_seconds());
            let telemetry = telemetry(folder.path(), compresses)?;
            for number in 0..EVENTS {
                let payload = json!({"number": number, "provider": "meridian", "ok": true});
                telemetry.emit("answered", payload, Level::Info);
            }
            telemetry.flush(LONG)?;
            drop(telemetry);
            let name = match compresses {
                true => "file sink, emit, old files compressed",
                false => "file sink, emit",
            };
            report(name, began, folder.path())?;
        }
        let folder = tempfile::tempdir()?;
        let began = (Instant::now(), cpu_seconds());
        let telemetry = telemetry(folder.path(), false)?;
        let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..EVENTS {
                tracing::info!(number, provider = "meridian", ok = true, "answered");
            }
        });
        telemetry.flush(LONG)?;
        drop(telemetry);
        report("file sink, tracing", began, folder.path())?;

        let folder = tempfile::tempdir()?;
        let began = (Instant::now(), cpu_seconds());
        let appender = tracing_appender::rolling::never(folder.path(), "events.jsonl");
        let (writer, guard) = tracing_appender::non_blocking::NonBlockingBuilder::default()
            .lossy(false)
            .finish(appender);
        let layer = tracing_subscriber::fmt::layer().json().with_writer(writer);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..EVENTS {
                tracing::info!(number, provider = "meridian", ok = true, "answered");
            }
        });
        drop(guard);
        report("tracing-appender, tracing", began, folder.path())?;
    }
    Ok(())
}

/// Emits from a number on and says which are acknowledged, until all are or it is killed.
fn child() -> Answer {
    let folder = PathBuf::from(std::env::args().nth(2).unwrap_or_default());
    let begin: u64 = std::env::args().nth(3).unwrap_or_default().parse()?;
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_file(FileSettings {
        rotation: Rotation {
            bytes_max: 4 << 20,
            files_max: 100_000,
            ..Rotation::default()
        },
        fsync: Fsync::Always,
        ..FileSettings::new(folder.join("events.jsonl"))
    })?;
    let mut out = std::io::stdout().lock();
    for number in begin..EVENTS {
        telemetry.emit("counted", json!({ "number": number }), Level::Info);
        if number % 50 == 49 {
            telemetry.flush(LONG)?;
            writeln!(out, "{number}")?;
        }
    }
    Ok(())
}

/// The number of a line; `None`: it is no whole event.
fn number_of(line: &str) -> Option<u64> {
    let line = line.strip_prefix("{\"time\":\"")?.strip_suffix("}}")?;
    line.rsplit_once("\"number\":")?.1.parse().ok()
}

/// Adds the numbers of a text of whole lines; what is behind the last of them is left out.
fn take_numbers(text: &str, numbers: &mut Vec<u64>) -> Answer<usize> {
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    for line in text.get(..whole).unwrap_or_default().lines() {
        numbers.push(number_of(line).ok_or_else(|| format!("a torn line: {line:?}"))?);
    }
    Ok(whole)
}

/// Numbers of all files of a folder, in the order in which they were written.
fn all_numbers(folder: &Path) -> Answer<Vec<u64>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    // The one that is written comes last; a compressed file whose original is there is the same.
    names.retain(|name| !name.ends_with(".part"));
    names.sort_by_key(|name| (name == "events.jsonl", name.clone()));
    let originals = names.clone();
    names.retain(|name| {
        let original = name.strip_suffix(".gz");
        !original.is_some_and(|original| originals.iter().any(|it| it == original))
    });
    let mut numbers = Vec::new();
    for name in names {
        let mut text = String::new();
        let mut file = File::open(folder.join(&name))?;
        match name.ends_with(".gz") {
            true => GzDecoder::new(file).read_to_string(&mut text)?,
            false => file.read_to_string(&mut text)?,
        };
        take_numbers(&text, &mut numbers)?;
    }
    Ok(numbers)
}

/// Reads along until it is told that there is no more; gives how many lines it saw.
fn follow(path: &Path, is_over: &AtomicBool) -> Result<usize, String> {
    let failed = |error: Box<dyn std::error::Error>| error.to_string();
    let (mut seen, mut file, mut at) = (Vec::new(), None::<File>, 0);
    loop {
        let was_over = is_over.load(Ordering::SeqCst);
        // A file that was put aside is read to its end before the next one is opened.
        let next = File::open(path).ok();
        if let Some(open) = &mut file {
            // From the last whole line on: what was behind it may have been cut off.
            let mut text = String::new();
            open.seek(SeekFrom::Start(at))
                .map_err(|it| it.to_string())?;
            if open.read_to_string(&mut text).is_ok() {
                at += take_numbers(&text, &mut seen).map_err(failed)? as u64;
            }
        }
        let inode = |file: &Option<File>| {
            use std::os::unix::fs::MetadataExt as _;
            let meta = file.as_ref().and_then(|file| file.metadata().ok());
            meta.map(|meta| meta.ino())
        };
        if next.is_some() && inode(&next) != inode(&file) {
            (file, at) = (next, 0);
        } else if was_over {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    match seen.is_sorted_by(|a, b| a < b) {
        true => Ok(seen.len()),
        false => Err("whoever reads along saw events twice or out of order".to_owned()),
    }
}

fn kill() -> Answer {
    let folder = tempfile::tempdir()?;
    let is_over = AtomicBool::new(false);
    let path = folder.path().join("events.jsonl");
    let began = Instant::now();
    let (kills, seen) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| follow(&path, &is_over));
        let kills = write_and_kill(folder.path()).map_err(|error| error.to_string());
        is_over.store(true, Ordering::SeqCst);
        let seen = reader.join().map_err(|_| "the reader panicked".to_owned());
        Ok::<_, String>((kills?, seen??))
    })?;
    let numbers = all_numbers(folder.path())?;
    if !numbers.iter().copied().eq(0..EVENTS) {
        return Err(format!("{} events of {EVENTS}, or not in order", numbers.len()).into());
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{EVENTS} events, {kills} kills, {seconds:.1} s: each there once and in order; read along: {seen}"
    );
    Ok(())
}

/// Lets children write until all is written, and kills them; gives how often.
fn write_and_kill(folder: &Path) -> Answer<u64> {
    let mut kills = 0;
    loop {
        let begin = all_numbers(folder)?.last().map_or(0, |last| last + 1);
        if begin >= EVENTS {
            return Ok(kills);
        }
        let mut child = Command::new(std::env::current_exe()?)
            .arg("child")
            .arg(folder)
            .arg(begin.to_string())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().ok_or("no output")?);
        // So many acknowledgements, another number each time, and then some microseconds.
        let patience = 700 + kills * 7_919 % 1_500;
        let mut acknowledged = None;
        for (count, line) in said.lines().map_while(Result::ok).enumerate() {
            acknowledged = Some(line.parse::<u64>()?).max(acknowledged);
            if count as u64 == patience {
                std::thread::sleep(Duration::from_micros(kills * 104_729 % 3_000));
                child.kill()?;
                kills += 1;
            }
        }
        child.wait()?;
        let last = all_numbers(folder)?.last().copied();
        if last < acknowledged {
            return Err(format!("{acknowledged:?} was acknowledged, {last:?} is there").into());
        }
    }
}
