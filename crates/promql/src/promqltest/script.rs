//! From the lines of a script to its commands.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bellwether_model::Labels;
use regex::Regex;

use super::series::{SequenceValue, SeriesDescription, at_line, parse_series};
use crate::parser::{parse_duration_text, parse_number};
use crate::quote::unquoted;

/// A command and the line (from 1) that it starts on.
pub(super) struct Numbered {
    pub(super) line: usize,
    pub(super) command: Command,
}

pub(super) enum Command {
    Clear,
    Load(Load),
    Eval(Box<Eval>),
}

/// Series to write.
pub(super) struct Load {
    pub(super) interval_ms: i64,
    /// Whether classic histograms are written as native ones, too.
    pub(super) with_nhcb: bool,
    pub(super) series: Vec<LoadedSeries>,
}

pub(super) struct LoadedSeries {
    pub(super) description: SeriesDescription,
    /// When the counter started, for each value, in milliseconds relative to it; or empty.
    pub(super) starts_ms: Vec<Option<i64>>,
}

/// What an evaluation must give.
#[derive(Default)]
pub(super) struct Expectations {
    pub(super) is_ordered: bool,
    pub(super) fail: Option<TextMatch>,
    pub(super) warn: Vec<TextMatch>,
    pub(super) info: Vec<TextMatch>,
    pub(super) no_warn: bool,
    pub(super) no_info: bool,
    /// A number instead of a vector.
    pub(super) scalar: Option<f64>,
    pub(super) string: Option<String>,
    /// Position (from 1) and values of each expected series.
    pub(super) series: BTreeMap<Labels, (usize, Vec<SequenceValue>)>,
}

/// A query to evaluate, and what it must give.
pub(super) struct Eval {
    pub(super) query: String,
    /// Whether it is evaluated as a range query.
    pub(super) is_range: bool,
    /// Time of an instant query.
    pub(super) time_ms: i64,
    /// Times of the expected values.
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    pub(super) step_ms: i64,
    /// Whether the result is no vector, so that it has no meaning as a step of a range query.
    pub(super) is_instant_only: bool,
    pub(super) expect: Expectations,
}

/// How a message is recognised.
pub(super) enum TextMatch {
    Any,
    Exact(String),
    Pattern(Regex),
}

impl TextMatch {
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == text,
            Self::Pattern(pattern) => pattern.is_match(text),
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Any => "anything".to_owned(),
            Self::Exact(exact) => format!("message {exact:?}"),
            Self::Pattern(pattern) => format!("pattern {:?}", pattern.as_str()),
        }
    }
}

/// A line that means nothing.
pub(super) struct ScriptError {
    pub(super) line: usize,
    pub(super) message: String,
}

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("the pattern is constant and valid"));
    };
}

pattern!(LOAD, r"^load(_with_nhcb)?\s+(.+?)$");
pattern!(
    EVAL_INSTANT,
    r"^eval(?:_(fail|warn|ordered|info))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)$"
);
pattern!(
    EVAL_RANGE,
    r"^eval(?:_(fail|warn|info))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)$"
);
pattern!(
    EXPECT,
    r"^expect\s+(ordered|fail|warn|no_warn|info|no_info)(?:\s+(regex|msg):(.+))?$"
);
pattern!(
    EXPECT_RANGE,
    r"^expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)$"
);
const EXPECT_RANGE_PREFIX: &str = "expect range vector";
const EXPECT_STRING_PREFIX: &str = "expect string";

/// Reads a script. Commands before the first line that means nothing are given back with it.
pub(super) fn parse_script(text: &str) -> (Vec<Numbered>, Option<ScriptError>) {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .map(|line| if line.starts_with('#') { "" } else { line })
        .collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        if line.is_empty() {
            at += 1;
            continue;
        }
        let start = at;
        let word = line
            .split(char::is_whitespace)
            .next()
            .unwrap_or("")
            .to_lowercase();
        let parsed = if word == "clear" {
            at += 1;
            Ok(Command::Clear)
        } else if word.starts_with("load") {
            parse_load(&lines, &mut at).map(Command::Load)
        } else if word.starts_with("eval") {
            parse_eval(&lines, &mut at).map(|eval| Command::Eval(Box::new(eval)))
        } else {
            Err(fail(at, format!("invalid command {line:?}")))
        };
        match parsed {
            Ok(command) => commands.push(Numbered {
                line: start + 1,
                command,
            }),
            Err(error) => return (commands, Some(error)),
        }
    }
    (commands, None)
}

fn fail(at: usize, message: impl Into<String>) -> ScriptError {
    ScriptError {
        line: at + 1,
        message: message.into(),
    }
}

fn group<'t>(captures: &regex::Captures<'t>, index: usize) -> &'t str {
    captures.get(index).map_or("", |found| found.as_str())
}

fn duration(at: usize, what: &str, text: &str) -> Result<i64, ScriptError> {
    parse_duration_text(text)
        .map_err(|why| fail(at, format!("invalid {what} definition {text:?}: {why}")))
}

fn series_at(at: usize, line: &str) -> Result<SeriesDescription, ScriptError> {
    parse_series(line).map_err(|error| fail(at, at_line(error, at).to_string()))
}

fn parse_load(lines: &[&str], at: &mut usize) -> Result<Load, ScriptError> {
    let first = lines.get(*at).copied().unwrap_or("");
    let Some(captures) = LOAD.captures(first) else {
        return Err(fail(
            *at,
            "invalid load command. (load[_with_nhcb] <step:duration>)",
        ));
    };
    let mut load = Load {
        interval_ms: duration(*at, "step", group(&captures, 2))?,
        with_nhcb: captures.get(1).is_some(),
        series: Vec::new(),
    };
    *at += 1;
    let mut pending: Option<(usize, Labels, Vec<Option<i64>>)> = None;
    let unfollowed = |at| fail(at, "@st line has no following sample line");
    while let Some(line) = lines.get(*at).copied().filter(|line| !line.is_empty()) {
        let here = *at;
        *at += 1;
        if let Some((head, tail)) = split_start_line(line) {
            if let Some((at, _, _)) = pending {
                return Err(unfollowed(at));
            }
            let labels = series_at(here, &format!("{head} _"))?.labels;
            pending = Some((here, labels, parse_starts(here, tail)?));
            continue;
        }
        let description = series_at(here, line)?;
        let mut starts_ms = Vec::new();
        if let Some((at, labels, starts)) = pending.take() {
            if labels != description.labels {
                return Err(fail(
                    at,
                    "@st metric does not match the following sample line metric",
                ));
            }
            if starts.len() != description.values.len() {
                return Err(fail(
                    at,
                    format!(
                        "@st line has {} values but sample line has {}",
                        starts.len(),
                        description.values.len()
                    ),
                ));
            }
            starts_ms = starts;
        }
        load.series.push(LoadedSeries {
            description,
            starts_ms,
        });
    }
    match pending {
        Some((at, _, _)) => Err(unfollowed(at)),
        None => Ok(load),
    }
}

/// The metric and the values of a line of start timestamps: `metric{a="b"}@st -1m _x3`.
fn split_start_line(line: &str) -> Option<(&str, &str)> {
    let (head, tail) = line.split_once([' ', '\t'])?;
    Some((head.strip_suffix("@st")?, tail.trim()))
}

fn parse_starts(at: usize, text: &str) -> Result<Vec<Option<i64>>, ScriptError> {
    let mut starts = Vec::new();
    for item in text.split_whitespace() {
        parse_start_item(item, &mut starts)
            .map_err(|why| fail(at, format!("invalid @st sequence: {item:?}: {why}")))?;
    }
    Ok(starts)
}

fn parse_start_item(item: &str, starts: &mut Vec<Option<i64>>) -> Result<(), String> {
    let count = |text: &str| {
        text.parse::<u32>()
            .map(|count| count as usize)
            .map_err(|_| "invalid repeat count".to_owned())
    };
    if item == "_" {
        starts.push(None);
        return Ok(());
    }
    if let Some(times) = item.strip_prefix("_x") {
        starts.extend(std::iter::repeat_n(None, count(times)?));
        return Ok(());
    }
    let (mut start, rest) = start_duration(item)?;
    if rest.is_empty() {
        starts.push(Some(start));
        return Ok(());
    }
    let (step, times) = match rest.strip_prefix('x') {
        Some(times) => (0, times),
        None => {
            let (step, rest) = start_duration(rest)?;
            let times = rest.strip_prefix('x');
            (
                step,
                times.ok_or("expected 'x<count>' after step duration")?,
            )
        }
    };
    for _ in 0..=count(times)? {
        starts.push(Some(start));
        start += step;
    }
    Ok(())
}

/// A duration with any sign in milliseconds, and what follows.
fn start_duration(text: &str) -> Result<(i64, &str), String> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let tail = unsigned.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = tail.trim_start_matches(|c: char| c.is_ascii_alphabetic() && c != 'x');
    let duration = unsigned.strip_suffix(rest).unwrap_or(unsigned);
    let ms = parse_duration_text(duration)?;
    Ok((if text.starts_with('-') { -ms } else { ms }, rest))
}

fn parse_eval(lines: &[&str], at: &mut usize) -> Result<Eval, ScriptError> {
    let first = lines.get(*at).copied().unwrap_or("");
    let here = *at;
    let (mode, mut eval) = parse_eval_line(here, first)?;
    match mode {
        "ordered" => eval.expect.is_ordered = true,
        "fail" => eval.expect.fail = Some(TextMatch::Any),
        "warn" => eval.expect.warn.push(TextMatch::Any),
        "info" => eval.expect.info.push(TextMatch::Any),
        _ => {}
    }
    *at += 1;
    let mut position = 0;
    let mut has_range = false;
    while let Some(line) = lines.get(*at).copied().filter(|line| !line.is_empty()) {
        let here = *at;
        *at += 1;
        position += 1;
        if mode == "fail" {
            if let Some(message) = line.strip_prefix("expected_fail_message") {
                eval.expect.fail = Some(TextMatch::Exact(message.trim().to_owned()));
                break;
            }
            if let Some(text) = line.strip_prefix("expected_fail_regexp") {
                eval.expect.fail = Some(regex_match(here, text)?);
                break;
            }
        }
        if line.starts_with(EXPECT_RANGE_PREFIX) {
            let Some(captures) = EXPECT_RANGE.captures(line) else {
                return Err(fail(
                    here,
                    format!("invalid range vector definition {line:?}"),
                ));
            };
            let times = [1, 2, 3].map(|index| group(&captures, index));
            (eval.start_ms, eval.end_ms, eval.step_ms) = range_times(here, times)?;
            eval.time_ms = eval.end_ms;
            eval.is_instant_only = true;
            has_range = true;
            continue;
        }
        if let Some(text) = line.strip_prefix(EXPECT_STRING_PREFIX) {
            let string = unquoted(text.trim()).map_err(|_| {
                fail(
                    here,
                    "expected string literal not valid - check that the string is correctly quoted",
                )
            })?;
            eval.expect.string = Some(string);
            eval.is_instant_only = true;
            continue;
        }
        // A metric of the name is written `expect{}`.
        if line.split(' ').next() == Some("expect") {
            parse_expect(here, line, &mut eval.expect)?;
            position -= 1;
            continue;
        }
        if let Ok(number) = parse_signed(line) {
            eval.expect.scalar = Some(number);
            break;
        }
        let series = series_at(here, line)?;
        if series.values.len() > 1 && !eval.is_range && !has_range {
            return Err(fail(
                here,
                "expecting multiple values in instant evaluation not allowed. consider using 'expect range vector' directive to enable a range vector result for an instant query",
            ));
        }
        if series.values.is_empty() {
            return Err(fail(here, "expected at least one value"));
        }
        eval.expect
            .series
            .insert(series.labels, (position, series.values));
    }
    Ok(eval)
}

fn parse_signed(line: &str) -> Result<f64, String> {
    match line.strip_prefix('-') {
        Some(rest) if !rest.starts_with('-') => parse_number(rest).map(|number| -number),
        _ => parse_number(line),
    }
}

/// The mode and the query of the first line of an evaluation.
fn parse_eval_line(at: usize, line: &str) -> Result<(&str, Eval), ScriptError> {
    if let Some(captures) = EVAL_INSTANT.captures(line) {
        let time_ms = duration(at, "timestamp", group(&captures, 2))?;
        let eval = Eval {
            query: group(&captures, 3).to_owned(),
            is_range: false,
            time_ms,
            start_ms: time_ms,
            end_ms: time_ms,
            step_ms: 0,
            is_instant_only: false,
            expect: Expectations::default(),
        };
        return Ok((group(&captures, 1), eval));
    }
    if let Some(captures) = EVAL_RANGE.captures(line) {
        let times = [2, 3, 4].map(|index| group(&captures, index));
        let (start_ms, end_ms, step_ms) = range_times(at, times)?;
        let eval = Eval {
            query: group(&captures, 5).to_owned(),
            is_range: true,
            time_ms: start_ms,
            start_ms,
            end_ms,
            step_ms,
            is_instant_only: false,
            expect: Expectations::default(),
        };
        return Ok((group(&captures, 1), eval));
    }
    Err(fail(
        at,
        "invalid evaluation command. Must be either 'eval[_fail|_warn|_ordered] instant [at <offset:duration>] <query>' or 'eval[_fail|_warn] range from <from> to <to> step <step> <query>'",
    ))
}

fn range_times(at: usize, [from, to, step]: [&str; 3]) -> Result<(i64, i64, i64), ScriptError> {
    let start_ms = duration(at, "start timestamp", from)?;
    let end_ms = duration(at, "end timestamp", to)?;
    if end_ms < start_ms {
        return Err(fail(
            at,
            format!(
                "invalid test definition, end timestamp ({to}) is before start timestamp ({from})"
            ),
        ));
    }
    Ok((start_ms, end_ms, duration(at, "step", step)?))
}

fn regex_match(at: usize, text: &str) -> Result<TextMatch, ScriptError> {
    let text = text.trim();
    Regex::new(text)
        .map(TextMatch::Pattern)
        .map_err(|error| fail(at, format!("invalid regex {text:?}: {error}")))
}

fn parse_expect(at: usize, line: &str, expect: &mut Expectations) -> Result<(), ScriptError> {
    let Some(captures) = EXPECT.captures(line) else {
        return Err(fail(
            at,
            "invalid expect statement, must match `expect <type> <match_type>: <string>` format",
        ));
    };
    let text = match group(&captures, 2) {
        "msg" => TextMatch::Exact(group(&captures, 3).trim().to_owned()),
        "regex" => regex_match(at, group(&captures, 3))?,
        _ => TextMatch::Any,
    };
    let only_once = |what: &str| fail(at, format!("invalid expect lines, {what}"));
    match group(&captures, 1) {
        "ordered" => expect.is_ordered = true,
        "fail" if expect.fail.is_some() => {
            return Err(only_once("multiple expect fail lines are not allowed"));
        }
        "fail" => expect.fail = Some(text),
        "warn" => expect.warn.push(text),
        "info" => expect.info.push(text),
        "no_warn" => expect.no_warn = true,
        _ => expect.no_info = true,
    }
    if expect.no_info && !expect.info.is_empty() {
        return Err(only_once("info and no_info cannot be used together"));
    }
    if expect.no_warn && !expect.warn.is_empty() {
        return Err(only_once("warn and no_warn cannot be used together"));
    }
    Ok(())
}
