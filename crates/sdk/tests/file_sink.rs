//! The file of events on a real disk: killed, filled, removed, rotated and read meanwhile.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its data has failed"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bellwether_sdk::{
    FileSettings, FlushError, Fsync, Level, Rotation, SERIES_MAX_DEFAULT, Telemetry,
};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

/// A file beside ours that is none of ours, though its name begins and ends as theirs do.
const NEIGHBOUR: &str = "events-audit.jsonl";

const LONG: Duration = Duration::from_secs(60);

fn settings(path: PathBuf, bytes_max: u64) -> FileSettings {
    FileSettings {
        rotation: Rotation {
            bytes_max,
            files_max: 100_000,
            ..Rotation::default()
        },
        fsync: Fsync::Always,
        ..FileSettings::new(path)
    }
}

fn telemetry(settings: FileSettings) -> Telemetry {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_file(settings).unwrap();
    telemetry
}

/// Numbers of all events of a folder, each file's lines in order. A last line without an end is left
/// out; anything else that is no event is an error.
fn numbers(folder: &Path) -> Vec<u64> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".part") && name != NEIGHBOUR)
        .collect();
    // The one that is written comes last: a digit sorts before a dot's successor.
    names.sort_by_key(|name| (name == "events.jsonl", name.clone()));
    // A compressed file whose original is still there is the same.
    let originals: BTreeSet<String> = names.iter().cloned().collect();
    names.retain(|name| {
        let original = name.strip_suffix(".gz");
        !original.is_some_and(|original| originals.contains(original))
    });
    let mut numbers = Vec::new();
    for name in names {
        let file = fs::File::open(folder.join(&name)).unwrap();
        let mut text = String::new();
        if name.ends_with(".gz") {
            GzDecoder::new(file).read_to_string(&mut text).unwrap();
        } else {
            BufReader::new(file).read_to_string(&mut text).unwrap();
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        for line in text.get(..whole).unwrap_or_default().lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert_eq!(event["event"], "counted");
            numbers.push(event["payload"]["number"].as_u64().unwrap());
        }
    }
    numbers
}

fn emit(telemetry: &Telemetry, number: u64) {
    let payload = json!({ "number": number, "text": "x".repeat(number as usize % 97) });
    telemetry.emit("counted", payload, Level::Info);
}

/// Why a flush does not end, as soon as the thread has come so far that it has these words for it.
fn trouble(telemetry: &Telemetry, words: &str) -> FlushError {
    let begun = Instant::now();
    loop {
        let error = telemetry.flush(Duration::from_millis(300)).unwrap_err();
        assert!(begun.elapsed() < LONG, "{error}");
        if error.reason.contains(words) {
            return error;
        }
    }
}

/// Emits until it is killed and says which numbers are acknowledged. Does nothing where it is a test.
#[test]
fn child() {
    let Some(folder) = std::env::var_os("BELLWETHER_SDK_CHILD") else {
        return;
    };
    let folder = PathBuf::from(folder);
    let begin = numbers(&folder).last().map_or(0, |last| last + 1);
    let telemetry = telemetry(settings(folder.join("events.jsonl"), 20_000));
    for number in begin.. {
        emit(&telemetry, number);
        if number % 50 == 49 {
            telemetry.flush(LONG).unwrap();
            println!("acknowledged {number}");
        }
    }
}

#[test]
fn a_kill_loses_no_acknowledged_event_and_tears_no_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = None;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env("BELLWETHER_SDK_CHILD", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        // At another moment each time: so many acknowledgements, and then some events.
        let mut left = 3 + round * 2;
        while left > 0 {
            let line = said.next().unwrap().unwrap();
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged = Some(number.parse::<u64>().unwrap());
                left -= 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in said.map_while(Result::ok) {
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged = Some(number.parse::<u64>().unwrap_or_default()).max(acknowledged);
            }
        }
        let numbers = numbers(folder.path());
        let want: Vec<u64> = (0..numbers.len() as u64).collect();
        assert_eq!(numbers, want, "each once and in order");
        assert!(numbers.last() >= acknowledged.as_ref(), "{acknowledged:?}");
    }
}

#[test]
fn files_are_put_aside_compressed_and_removed_while_somebody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    let neighbour = folder.path().join(NEIGHBOUR);
    fs::write(&neighbour, "of somebody else").unwrap();
    let mut settings = settings(path.clone(), 4_000);
    settings.rotation.files_max = 5;
    let telemetry = telemetry(settings.clone());
    emit(&telemetry, 0);
    telemetry.flush(LONG).unwrap();
    // Whoever has the file open reads it to its end, whatever becomes of its name.
    let mut reader = BufReader::new(fs::File::open(&path).unwrap());
    for number in 1..2_000 {
        emit(&telemetry, number);
        if number % 20 == 0 {
            telemetry.flush(LONG).unwrap();
        }
    }
    telemetry.flush(LONG).unwrap();
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert!(read.ends_with('\n') && read.lines().count() > 10, "{read}");
    drop(telemetry);
    // What is put aside while something is compressed waits for the next file, and may be removed before: nothing is
    // compressed when the next service begins.
    let next = self::telemetry(settings);
    for number in 2_000..2_050 {
        emit(&next, number);
    }
    next.flush(LONG).unwrap();
    drop(next);
    let numbers = numbers(folder.path());
    let first = 2_050 - numbers.len() as u64;
    assert!(
        numbers.iter().copied().eq(first..2_050),
        "the newest, each once: {numbers:?}"
    );
    assert!(first > 1_000, "the oldest are gone: {first}");
    let names: Vec<PathBuf> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(fs::read_to_string(&neighbour).unwrap(), "of somebody else");
    assert!(names.len() <= 8, "{names:?}");
    assert!(
        names
            .iter()
            .any(|name| name.extension().is_some_and(|it| it == "gz")),
        "{names:?}"
    );
}

#[test]
fn a_folder_that_is_removed_is_made_anew() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("deep/telemetry");
    let path = folder.join("events.jsonl");
    let telemetry = telemetry(settings(path.clone(), 1 << 20));
    emit(&telemetry, 0);
    telemetry.flush(LONG).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    emit(&telemetry, 1);
    telemetry.flush(LONG).unwrap();
    assert_eq!(numbers(&folder), [1]);
    // Another program moves the file, as logrotate does.
    fs::create_dir(parent.path().join("moved")).unwrap();
    #[expect(clippy::disallowed_methods, reason = "it is what the test is about")]
    fs::rename(&path, parent.path().join("moved/events.jsonl")).unwrap();
    emit(&telemetry, 2);
    telemetry.flush(LONG).unwrap();
    assert_eq!(numbers(&folder), [2]);
    assert_eq!(numbers(&parent.path().join("moved")), [1]);
}

#[test]
fn a_disk_without_room_is_waited_for_and_nobody_who_emits_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    // A device that is always full, under the name of the file.
    std::os::unix::fs::symlink("/dev/full", &path).unwrap();
    let mut settings = settings(path.clone(), 1 << 20);
    settings.buffer_bytes_max = 20_000;
    let telemetry = telemetry(settings);
    for number in 0..100 {
        emit(&telemetry, number);
    }
    let error = trouble(&telemetry, "No space left");
    assert_eq!(error.waiting_count, 100);
    // More than may wait is lost, and counted.
    for number in 100..1_000 {
        emit(&telemetry, number);
    }
    let lost = telemetry
        .counter_family("bellwether_sdk_file_events_total", "", ["result"])
        .with(["lost"])
        .get();
    assert!((500..900).contains(&lost), "{lost}");
    fs::remove_file(&path).unwrap();
    assert_eq!(telemetry.flush(LONG).unwrap_err().lost_count, lost);
    telemetry.flush(LONG).unwrap();
    let numbers = numbers(folder.path());
    assert_eq!(numbers.len() as u64, 1_000 - lost);
    assert!(numbers.iter().copied().take(100).eq(0..100), "{numbers:?}");
}

#[test]
fn the_end_does_not_wait_for_a_compression_that_hangs() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let folder = tempfile::tempdir().unwrap();
    // What looks like a file that was put aside is a pipe, which nobody writes to.
    let pipe = folder
        .path()
        .join("events-20261129T062147.123Z-000001.jsonl");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let telemetry = telemetry(settings(folder.path().join("events.jsonl"), 100));
    emit(&telemetry, 0);
    emit(&telemetry, 1);
    telemetry.flush(LONG).unwrap();
    let begun = Instant::now();
    drop(telemetry);
    let elapsed = begun.elapsed();
    assert!(elapsed < LONG, "{elapsed:?}");
    assert!(
        elapsed > Duration::from_secs(1),
        "nothing hung: {elapsed:?}"
    );
}

#[test]
fn a_pipe_is_written_to_as_it_is() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.jsonl");
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // Far more than one file may have.
    let telemetry = telemetry(settings(path.clone(), 100));
    for number in 0..100 {
        emit(&telemetry, number);
    }
    trouble(&telemetry, "nobody reads");
    let pipe = path.clone();
    let reader = std::thread::spawn(move || {
        let lines = BufReader::new(fs::File::open(pipe).unwrap()).lines();
        lines.map(Result::unwrap).collect::<Vec<String>>()
    });
    telemetry.flush(LONG).unwrap();
    drop(telemetry);
    let lines = reader.join().unwrap();
    assert_eq!(lines.len(), 100);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(first["payload"]["number"], 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// Emits to what it was started with. Does nothing where it is a test.
#[test]
fn child_with_standard_output() {
    if std::env::var_os("BELLWETHER_SDK_STDOUT").is_none() {
        return;
    }
    // The test runner may stand within a line.
    println!();
    let telemetry = telemetry(settings("/dev/stdout".into(), 100));
    for number in 0..100 {
        emit(&telemetry, number);
    }
    telemetry.flush(LONG).unwrap();
    println!("printed at the end");
}

#[test]
fn standard_output_is_written_to_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let printed = folder.path().join("printed");
    let run = |output: Stdio| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_with_standard_output", "--nocapture"])
            .env("BELLWETHER_SDK_STDOUT", "1")
            .stdout(output)
            .output()
            .unwrap()
    };
    let of_pipe = String::from_utf8(run(Stdio::piped()).stdout).unwrap();
    run(fs::File::create(&printed).unwrap().into());
    let of_file = fs::read_to_string(&printed).unwrap();
    for text in [of_pipe, of_file] {
        let events = text.lines().filter(|line| line.starts_with("{\"time\""));
        let numbers = events.map(|line| {
            let event: Value = serde_json::from_str(line).unwrap();
            event["payload"]["number"].as_u64().unwrap()
        });
        assert!(numbers.eq(0..100), "{text}");
        assert!(text.contains("printed at the end\n"), "{text}");
    }
}
