//! `command`: a program whose exit code is the verdict, as plugins of Nagios have it.
//!
//! ## Limits
//! Of the output the first [`OUTPUT_BYTES_MAX`] bytes are kept, the rest is read and dropped; of
//! performance data the first [`PERFDATA_MAX`] values.
//!
//! ## See also
//! The guidelines of the Monitoring Plugins for exit codes and performance data.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStdout;

use crate::api::excerpt;
use crate::module::{CommandSettings, OnTrouble};
use crate::program::Running;
use crate::recorder::{Failure, Gauge, Recorder};

/// Chosen: a line for people and some numbers.
const OUTPUT_BYTES_MAX: usize = 64 << 10;
/// Chosen: plugins give a handful, those for whole switches some dozens.
const PERFDATA_MAX: usize = 200;
/// How long what a program has started may hold its output open after its end.
const OUTPUT_WAIT: Duration = Duration::from_millis(200);

const DURATION: Gauge = Gauge::new(
    "probe_command_duration_seconds",
    "How long the program took.",
);
const EXIT_CODE: Gauge = Gauge::new(
    "probe_command_exit_code",
    "The exit code of the program; absent where a signal ended it.",
);
const PERFDATA: Gauge = Gauge::new(
    "probe_command_perfdata",
    "A number that the program gave, in the unit that it gave.",
);

pub(crate) async fn probe_command(
    recorder: &mut Recorder,
    settings: &CommandSettings,
) -> Result<(), Failure> {
    recorder.may_degrade();
    recorder.begin(Some(DURATION), "run");
    let mut program = Running::start(recorder, &settings.run, Stdio::null())?;
    let mut output = Output::default();
    let stdout = program.take_stdout();
    let status = run(&mut program, stdout, &mut output).await?;
    recorder.end();
    let text = String::from_utf8_lossy(&output.kept).into_owned();
    for line in text.lines() {
        recorder.note(format!("output: {line}"));
    }
    if output.is_cut {
        recorder.note(format!(
            "the rest of the output, beyond {OUTPUT_BYTES_MAX} bytes, is dropped"
        ));
    }
    if settings.perfdata {
        for (label, unit, value) in perfdata(&text) {
            recorder.set_labelled(PERFDATA, &[("label", &label), ("unit", &unit)], value);
        }
    }
    judge(recorder, status, &text, &program.stderr.text())
}

/// Runs the program to its own end.
async fn run(
    program: &mut Running,
    stdout: Option<ChildStdout>,
    output: &mut Output,
) -> Result<ExitStatus, Failure> {
    let Some(mut stdout) = stdout else {
        return program.wait().await;
    };
    let reading = output.read(&mut stdout);
    tokio::pin!(reading);
    let mut is_read = false;
    let status = {
        let ending = program.wait();
        tokio::pin!(ending);
        loop {
            tokio::select! {
                () = &mut reading, if !is_read => is_read = true,
                status = &mut ending => break status?,
            }
        }
    };
    if !is_read {
        // What is not there by then comes from what the program left behind.
        tokio::time::timeout(OUTPUT_WAIT, reading).await.ok();
    }
    Ok(status)
}

fn judge(
    recorder: &mut Recorder,
    status: ExitStatus,
    output: &str,
    errors: &str,
) -> Result<(), Failure> {
    let Some(code) = status.code() else {
        return Err(Failure::unknown(format!("the program ended with {status}")));
    };
    recorder.set(EXIT_CODE, f64::from(code));
    let said = match first_line(output) {
        "" => first_line(errors),
        line => line,
    };
    let said = match excerpt(said) {
        text if text.is_empty() => format!("the program ended with exit code {code}"),
        text => text,
    };
    match code {
        0 => Ok(()),
        1 => recorder.trouble(OnTrouble::Degrade, said),
        2 => Err(Failure::new(said)),
        _ => Err(Failure::unknown(said)),
    }
}

/// The first line without performance data.
fn first_line(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split('|').next().unwrap_or_default().trim()
}

#[derive(Default)]
struct Output {
    kept: Vec<u8>,
    is_cut: bool,
}

impl Output {
    /// Reads to the end. A program must not wait for somebody to read.
    async fn read(&mut self, pipe: &mut ChildStdout) {
        let mut piece = [0; 8192];
        while let Ok(count) = pipe.read(&mut piece).await {
            if count == 0 {
                return;
            }
            let room = OUTPUT_BYTES_MAX - self.kept.len();
            self.is_cut |= count > room;
            let taken = piece.get(..count.min(room)).unwrap_or_default();
            self.kept.extend_from_slice(taken);
        }
    }
}

/// Labels, units and values. They stand behind a bar in the first line, and behind one in a later line
/// to the end; what is no number is left out.
pub(crate) fn perfdata(output: &str) -> Vec<(String, String, f64)> {
    let (first, rest) = output.split_once('\n').unwrap_or((output, ""));
    let tail = |text: &str| text.split_once('|').map(|(_, data)| data.to_owned());
    let data = [tail(first), tail(rest)];
    let mut found = Vec::new();
    for text in data.iter().flatten() {
        let mut rest = text.trim_start();
        while !rest.is_empty() && found.len() < PERFDATA_MAX {
            let Some((label, tail)) = perfdata_label(rest) else {
                break;
            };
            let end = tail.find(char::is_whitespace).unwrap_or(tail.len());
            let (value, after) = tail.split_at_checked(end).unwrap_or((tail, ""));
            if let Some((value, unit)) = perfdata_value(value) {
                found.push((label, unit, value));
            }
            rest = after.trim_start();
        }
    }
    found
}

/// A label, quoted where it holds blanks, and what follows its equals sign.
fn perfdata_label(text: &str) -> Option<(String, &str)> {
    let Some(mut quoted) = text.strip_prefix('\'') else {
        let (label, tail) = text.split_once('=')?;
        // A word that is no pair is passed over.
        let label = label.rsplit(char::is_whitespace).next().unwrap_or(label);
        return Some((label.to_owned(), tail));
    };
    let mut label = String::new();
    loop {
        let (part, tail) = quoted.split_once('\'')?;
        label.push_str(part);
        match tail.strip_prefix('\'') {
            // Two quotes stand for one.
            Some(tail) => {
                label.push('\'');
                quoted = tail;
            }
            None => return Some((label, tail.strip_prefix('=')?)),
        }
    }
}

/// A number and its unit, before thresholds.
fn perfdata_value(text: &str) -> Option<(f64, String)> {
    let text = text.split(';').next().unwrap_or_default();
    let is_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let end = text.find(|c| !is_number(c)).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let value: f64 = number.parse().ok()?;
    Some((value, unit.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn performance_data_are_read() {
        let output = "DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968 'a ''b'' c'=-1.5s\n\
            / 15272 MB (77%);\nmore | /boot=68%;88;93 bad=U load1=0.5\nx=3c";
        let read = perfdata(output);
        let want = [
            ("/", "MB", 2643.0),
            ("a 'b' c", "s", -1.5),
            ("/boot", "%", 68.0),
            ("load1", "", 0.5),
            ("x", "c", 3.0),
        ]
        .map(|(label, unit, value)| (label.to_owned(), unit.to_owned(), value));
        assert_eq!(read, want);
        assert_eq!(perfdata("OK"), []);
        assert_eq!(perfdata("OK | nothing here"), []);
    }

    proptest! {
        #[test]
        fn odd_performance_data_are_no_trouble(text in "[ab'=;|. \n0-9-]{0,60}") {
            prop_assert!(perfdata(&text).iter().all(|(_, _, value)| value.is_finite()));
        }
    }
}
