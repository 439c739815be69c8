//! Which queries run, which have run, and which cost most.
//!
//! ## Model
//! `GET /api/bellwether/v1/queries` tells the queries that wait or run, the last that ended, and, by their texts, those that
//! took most time. `DELETE …/{id}` ends one that runs. A query is in the log from when it asks for its turn; an [`Entry`]
//! takes it out again wherever it ends.
//!
//! ## Invariants
//! A query costs the log two short locks and its text once. Queries of rules are not in it: `/api/v1/rules` tells their times.
//!
//! ## Limits
//! [`FINISHED_MAX`] ended queries, [`TEXTS_MAX`] texts, each cut at [`TEXT_BYTES_MAX`]: some megabytes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::delete;
use bellwether_model::{short, short_to};
use bellwether_promql::CancelToken;
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_128;

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::envelope::{ApiError, ErrorType, json_response};
use crate::json::JsonWriter;

/// Ended queries that are held.
const FINISHED_MAX: usize = 500;
/// Texts whose costs are held; the one that has cost least makes room.
const TEXTS_MAX: usize = 1_000;
/// Bytes of a text that are held.
const TEXT_BYTES_MAX: usize = 2 << 10;
/// Characters of an error that are held.
const ERROR_CHARS_MAX: usize = 500;
/// Texts that are told where nobody says how many.
const HEAVIEST_DEFAULT: usize = 50;

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/queries", responding_get(list))
        .route("/api/bellwether/v1/queries/{id}", delete(cancel))
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) address: Option<SocketAddr>,
    /// The user, or the name of the token; `None`: nobody has to say.
    pub(crate) user: Option<String>,
}

/// The times of a query.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Times {
    Instant {
        time_ms: i64,
    },
    Range {
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    },
}

/// A query.
#[derive(Debug)]
struct Asked {
    id: u64,
    text: Arc<str>,
    times: Times,
    caller: Caller,
    started_ms: i64,
}

/// A query that has not ended.
#[derive(Debug)]
struct Running {
    asked: Asked,
    token: CancelToken,
    begun: Instant,
    /// Whether it has its turn.
    runs: AtomicBool,
}

/// What became of a query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    pub(crate) queue_seconds: f64,
    pub(crate) eval_seconds: f64,
    pub(crate) samples: u64,
    /// Series that were selected.
    pub(crate) series: u64,
    /// Series, or elements, of the result.
    pub(crate) results: u64,
    /// The word for what went wrong, and why.
    pub(crate) error: Option<(&'static str, String)>,
}

#[derive(Debug)]
struct Finished {
    running: Arc<Running>,
    seconds: f64,
    ended: Ended,
}

/// What queries of a text have cost.
#[derive(Debug)]
struct Tally {
    text: Arc<str>,
    count: u64,
    errors: u64,
    samples: u64,
    total_seconds: f64,
    max_seconds: f64,
    last_ms: i64,
}

/// See the module's page.
#[derive(Debug, Default)]
pub(crate) struct QueryLog(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    last_id: u64,
    running: BTreeMap<u64, Arc<Running>>,
    /// The newest last.
    finished: VecDeque<Finished>,
    tallies: HashMap<u128, Tally>,
}

/// A query's place in the log. What is dropped before [`Entry::end`] was cancelled, or has panicked.
#[derive(Debug)]
pub(crate) struct Entry {
    log: Arc<QueryLog>,
    running: Arc<Running>,
    ended: Option<Ended>,
}

impl QueryLog {
    /// Takes a query in that asks for its turn.
    pub(crate) fn begin(
        self: &Arc<Self>,
        text: &str,
        times: Times,
        caller: Caller,
        token: &CancelToken,
        now_ms: i64,
    ) -> Entry {
        let text: Arc<str> = cut(text).into();
        let mut held = self.0.lock();
        held.last_id += 1;
        let running = Arc::new(Running {
            asked: Asked {
                id: held.last_id,
                text,
                times,
                caller,
                started_ms: now_ms,
            },
            token: token.clone(),
            begun: Instant::now(),
            runs: AtomicBool::new(false),
        });
        held.running.insert(running.asked.id, Arc::clone(&running));
        drop(held);
        Entry {
            log: Arc::clone(self),
            running,
            ended: None,
        }
    }

    /// Asks a query to end. Gives whether there is one.
    fn cancel(&self, id: u64) -> bool {
        let running = self.0.lock().running.get(&id).cloned();
        if let Some(running) = &running {
            running.token.cancel();
        }
        running.is_some()
    }

    fn finish(&self, running: &Arc<Running>, mut ended: Ended) {
        let seconds = running.begun.elapsed().as_secs_f64();
        if let Some((_, text)) = &mut ended.error {
            *text = short_to(text, ERROR_CHARS_MAX).to_string();
        }
        let normal = normal(&running.asked.text);
        let mut held = self.0.lock();
        held.running.remove(&running.asked.id);
        held.add(normal, running, seconds, &ended);
        if held.finished.len() >= FINISHED_MAX {
            held.finished.pop_front();
        }
        held.finished.push_back(Finished {
            running: Arc::clone(running),
            seconds,
            ended,
        });
    }
}

impl Held {
    fn add(&mut self, text: String, running: &Running, seconds: f64, ended: &Ended) {
        let key = xxh3_128(text.as_bytes());
        if !self.tallies.contains_key(&key) && self.tallies.len() >= TEXTS_MAX {
            let lightest = self
                .tallies
                .iter()
                .min_by(|(_, a), (_, b)| a.total_seconds.total_cmp(&b.total_seconds));
            if let Some(key) = lightest.map(|(key, _)| *key) {
                self.tallies.remove(&key);
            }
        }
        let tally = self.tallies.entry(key).or_insert_with(|| Tally {
            text: text.into(),
            count: 0,
            errors: 0,
            samples: 0,
            total_seconds: 0.0,
            max_seconds: 0.0,
            last_ms: 0,
        });
        tally.count += 1;
        tally.errors += u64::from(ended.error.is_some());
        tally.samples = tally.samples.saturating_add(ended.samples);
        tally.total_seconds += seconds;
        tally.max_seconds = tally.max_seconds.max(seconds);
        tally.last_ms = running.asked.started_ms;
    }
}

impl Entry {
    /// It has its turn.
    pub(crate) fn runs(&self) {
        self.running.runs.store(true, Ordering::Relaxed);
    }

    /// It has ended.
    pub(crate) fn end(mut self, ended: Ended) {
        self.ended = Some(ended);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let ended = self.ended.take().unwrap_or_else(|| Ended {
            error: Some(if std::thread::panicking() {
                ("internal", "it could not be answered".to_owned())
            } else {
                ("canceled", "the client hung up before its turn".to_owned())
            }),
            queue_seconds: self.running.begun.elapsed().as_secs_f64(),
            ..Ended::default()
        });
        self.log.finish(&self.running, ended);
    }
}

/// The beginning of a text, as much as is held.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A text without what means nothing: comments, and white space but for one blank between words. Values of labels,
/// durations and numbers stay: they tell queries apart that cost differently.
fn normal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) => {
                out.push(c);
                if c == '\\' && open != '`' {
                    out.extend(chars.next());
                } else if c == open {
                    quote = None;
                }
            }
            (None, '#') => {
                // To the end of the line.
                chars.by_ref().find(|c| *c == '\n');
                blank(&mut out);
            }
            (None, c) if c.is_whitespace() => blank(&mut out),
            (None, c) => {
                if matches!(c, '"' | '\'' | '`') {
                    quote = Some(c);
                }
                if !is_of_word(c) && out.ends_with(' ') {
                    out.pop();
                }
                out.push(c);
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
    out
}

/// A blank, where it parts two words.
fn blank(out: &mut String) {
    if out.chars().next_back().is_some_and(is_of_word) {
        out.push(' ');
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | ':' | '.')
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let limit = match call.params.limit()? {
        0 => FINISHED_MAX,
        limit => limit,
    };
    let heaviest = match call.params.get("heaviest") {
        "" => HEAVIEST_DEFAULT,
        text => text.parse().map_err(|_| {
            let reason = format!("{:?}: want a number of texts", short(text));
            ApiError::invalid_parameter("heaviest", reason)
        })?,
    };
    let mut json = JsonWriter::with_capacity(4096);
    json.object_begin();
    json.key("status").string("success");
    json.key("data");
    call.app.queries.write(&mut json, limit, heaviest);
    json.object_end();
    Ok(json_response(json.into_bytes()))
}

async fn cancel(
    State(app): State<Arc<App>>,
    Path(text): Path<String>,
) -> Result<Response, ApiError> {
    let id = text.parse().map_err(|_| {
        let reason = format!("{:?}: want the number of a query that runs", short(&text));
        ApiError::invalid_parameter("id", reason)
    })?;
    if app.queries.cancel(id) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let text = format_args!("no query {id} runs: it has ended, or never was");
    Err(ApiError::new(ErrorType::NotFound, text))
}

impl QueryLog {
    fn write(&self, json: &mut JsonWriter, limit: usize, heaviest: usize) {
        let held = self.0.lock();
        json.object_begin();
        json.key("running").array_begin();
        for running in held.running.values() {
            json.object_begin();
            running.asked.write(json);
            let state = if running.runs.load(Ordering::Relaxed) {
                "running"
            } else {
                "waiting"
            };
            json.key("state").string(state);
            json.key("seconds")
                .number(running.begun.elapsed().as_secs_f64());
            json.object_end();
        }
        json.array_end();
        json.key("finished").array_begin();
        for finished in held.finished.iter().rev().take(limit) {
            finished.write(json);
        }
        json.array_end();
        let mut tallies: Vec<&Tally> = held.tallies.values().collect();
        tallies.sort_by(|a, b| b.total_seconds.total_cmp(&a.total_seconds));
        json.key("heaviest").array_begin();
        for tally in tallies.into_iter().take(heaviest) {
            tally.write(json);
        }
        json.array_end().object_end();
    }
}

impl Asked {
    fn write(&self, json: &mut JsonWriter) {
        json.key("id").unsigned(self.id);
        json.key("text").string(&self.text);
        json.key("started").time(self.started_ms);
        match self.times {
            Times::Instant { time_ms } => {
                json.key("kind").string("instant");
                json.key("start").time(time_ms);
                json.key("end").time(time_ms);
                json.key("step").raw("null");
            }
            Times::Range {
                start_ms,
                end_ms,
                step_ms,
            } => {
                json.key("kind").string("range");
                json.key("start").time(start_ms);
                json.key("end").time(end_ms);
                json.key("step").number(step_ms as f64 / 1e3);
            }
        }
        let address = self.caller.address.map(|it| it.to_string());
        for (key, text) in [("address", &address), ("user", &self.caller.user)] {
            match text {
                Some(text) => json.key(key).string(text),
                None => json.key(key).raw("null"),
            };
        }
    }
}

impl Finished {
    fn write(&self, json: &mut JsonWriter) {
        let ended = &self.ended;
        json.object_begin();
        self.running.asked.write(json);
        json.key("seconds").number(self.seconds);
        json.key("queueSeconds").number(ended.queue_seconds);
        json.key("evalSeconds").number(ended.eval_seconds);
        json.key("samples").unsigned(ended.samples);
        json.key("series").unsigned(ended.series);
        json.key("results").unsigned(ended.results);
        json.key("error");
        match &ended.error {
            None => {
                json.raw("null");
            }
            Some((word, text)) => {
                json.object_begin();
                json.key("type").string(word);
                json.key("text").string(text).object_end();
            }
        }
        json.object_end();
    }
}

impl Tally {
    fn write(&self, json: &mut JsonWriter) {
        json.object_begin();
        json.key("text").string(&self.text);
        json.key("count").unsigned(self.count);
        json.key("errors").unsigned(self.errors);
        json.key("samples").unsigned(self.samples);
        json.key("totalSeconds").number(self.total_seconds);
        json.key("maxSeconds").number(self.max_seconds);
        json.key("last").time(self.last_ms);
        json.object_end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(log: &Arc<QueryLog>, text: &str) -> Entry {
        let times = Times::Instant { time_ms: 1 };
        log.begin(text, times, Caller::default(), &CancelToken::default(), 1)
    }

    fn value(log: &QueryLog) -> serde_json::Value {
        let mut json = JsonWriter::default();
        log.write(&mut json, usize::MAX, usize::MAX);
        serde_json::from_slice(&json.into_bytes()).unwrap()
    }

    #[test]
    fn texts_are_the_same_that_mean_the_same() {
        let check = |text: &str, want: &str| assert_eq!(normal(text), want, "{text}");
        check(" sum  by (a)\n(x) ", "sum by(a)(x)");
        check("sum by (a) (x) # all of it\n > 5", "sum by(a)(x)>5");
        check("x{a=\"b  # c\"}", "x{a=\"b  # c\"}");
        check("x{a='\\' #'} and  y", "x{a='\\' #'}and y");
        check("x{a=`\\`}  or y", "x{a=`\\`}or y");
        check("rate( x [5m] )", "rate(x[5m])");
        check("# nothing", "");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = "ä".repeat(TEXT_BYTES_MAX);
        assert_eq!(cut(&long).len(), TEXT_BYTES_MAX);
        assert_eq!(cut(&format!("x{long}")).len(), TEXT_BYTES_MAX - 1);
        assert_eq!(cut("x"), "x");
    }

    #[test]
    fn what_is_held_is_bounded() {
        let log = Arc::new(QueryLog::default());
        for number in 0..TEXTS_MAX + 50 {
            begin(&log, &format!("x{number}")).end(Ended::default());
        }
        let value = value(&log);
        let count = |key: &str| value[key].as_array().unwrap().len();
        assert_eq!((count("running"), count("finished")), (0, FINISHED_MAX));
        assert_eq!(count("heaviest"), TEXTS_MAX);
        let newest = format!("x{}", TEXTS_MAX + 49);
        assert_eq!(value["finished"][0]["text"], newest.as_str());
    }

    #[test]
    fn a_query_is_in_it_until_it_ends() {
        let log = Arc::new(QueryLog::default());
        let entry = begin(&log, "up");
        assert_eq!(value(&log)["running"][0]["state"], "waiting");
        entry.runs();
        assert_eq!(value(&log)["running"][0]["state"], "running");
        assert!(log.cancel(1) && !log.cancel(2));
        assert!(entry.running.token.is_cancelled());
        drop(entry);
        let after = value(&log);
        assert_eq!(after["running"].as_array().unwrap().len(), 0);
        assert_eq!(after["finished"][0]["error"]["type"], "canceled");
        assert_eq!(after["heaviest"][0]["errors"], 1);
        assert!(!log.cancel(1));
    }
}
