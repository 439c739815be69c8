//! The loop of one target: wait for its turn, ask, hand over, note what happened.
//!
//! ## Model
//! Turns are at the target's own offset in every interval. They are counted from the first one, so
//! that lateness does not add up; a turn that passes while a scrape runs is missed and counted. The
//! time of the samples is that of the turn where the scrape begins close to it, so that times of a
//! series stand at equal distances, which compress best.
//!
//! ## Invariants
//! [`run`] returns only after its session has written stale markers, or handed its series to the
//! loop that takes over.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::{Encoding, decode_body};
use bellwether_storage::{Clock, SeriesRef};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::ScrapeError;
use crate::exposition::Format;
use crate::metrics::JobMetrics;
use crate::pool::Health;
use crate::session::{Report, Session, Taken};
use crate::settings::ScrapeSettings;
use crate::source::{RawBody, ScrapeSource, body_error};
use crate::target::Target;

/// A scrape that begins within this of its turn gets the turn's time, and never more than a
/// hundredth of the interval. As in Prometheus, where it was measured to save disk space.
const ALIGN_TOLERANCE_MS: i64 = 2;

/// What loops of a pool share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: Arc<ScrapeSettings>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Arc<JobMetrics>,
    /// One permit for each core: more bodies at a time would only wait for one another.
    pub(crate) workers: Arc<Semaphore>,
}

/// What the targets page shows of a loop.
#[derive(Debug, Clone, Default)]
pub(crate) struct LoopStatus {
    pub(crate) health: Health,
    pub(crate) last_error: String,
    pub(crate) last_scrape_ms: Option<i64>,
    pub(crate) last_duration_seconds: f64,
}

/// What becomes of the series of a loop that stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// They end.
    End,
    /// Another loop of the same target takes over.
    HandOver,
}

/// Tells a loop to stop, and how.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    token: CancellationToken,
    how: Mutex<Option<Stop>>,
}

impl StopSignal {
    pub(crate) fn stop(&self, how: Stop) {
        *self.how.lock() = Some(how);
        self.token.cancel();
    }

    fn how(&self) -> Stop {
        self.how.lock().unwrap_or(Stop::End)
    }
}

/// One loop.
pub(crate) struct ScrapeLoop {
    pub(crate) shared: Arc<Shared>,
    pub(crate) target: Arc<Target>,
    pub(crate) source: ScrapeSource,
    pub(crate) session: Session,
    pub(crate) status: Arc<Mutex<LoopStatus>>,
    pub(crate) stop: Arc<StopSignal>,
    /// Why every scrape of the pool fails, such as too many targets.
    pub(crate) forced_error: Arc<Mutex<Option<String>>>,
    /// Moves turns of this server against those of others.
    pub(crate) seed: u64,
}

impl std::fmt::Debug for ScrapeLoop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScrapeLoop")
            .field("url", &self.target.url.as_str())
            .finish_non_exhaustive()
    }
}

/// Buffers that go with the session to the worker and back.
#[derive(Debug, Default)]
struct Buffers {
    raw: Vec<u8>,
    plain: Vec<u8>,
}

/// What a scrape hands to the worker.
enum Work {
    Body(RawBody),
    Function(crate::source::InternalSource),
    Failed(ScrapeError, Vec<u8>),
}

impl ScrapeLoop {
    /// Runs until it is told to stop. Gives back the series that the next loop takes over.
    pub(crate) async fn run(mut self) -> Vec<SeriesRef> {
        let stop = self.stop.token.clone();
        let interval = duration(self.target.interval_ms);
        let wait = self.target.wait_ms(self.shared.clock.now_ms(), self.seed);
        let mut due = Instant::now() + duration(wait);
        let mut due_ms = self.shared.clock.now_ms().saturating_add(wait);
        let mut buffers = Buffers::default();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(due) => {}
            }
            let late = Instant::now().saturating_duration_since(due);
            self.shared.metrics.lateness.observe(late.as_secs_f64());
            let time_ms = self.time_of_turn(due_ms);
            let session = self.session;
            let parts = Parts {
                shared: &self.shared,
                target: &self.target,
                source: &self.source,
                status: &self.status,
                forced_error: &self.forced_error,
                stop: &stop,
            };
            (self.session, buffers) = scrape(parts, session, buffers, time_ms).await;
            due += interval;
            due_ms = due_ms.saturating_add(self.target.interval_ms);
            let now = Instant::now();
            while due <= now {
                self.shared.metrics.missed.increment();
                due += interval;
                due_ms = due_ms.saturating_add(self.target.interval_ms);
            }
            // The wall clock may have been set; turns follow it without a jump in between.
            let remaining = due.saturating_duration_since(now).as_millis();
            let wall_due = self.shared.clock.now_ms() + i64::try_from(remaining).unwrap_or(0);
            if (wall_due - due_ms).abs() > self.target.interval_ms / 2 {
                due_ms = wall_due;
            }
        }
        self.finish().await
    }

    fn time_of_turn(&self, due_ms: i64) -> i64 {
        let now_ms = self.shared.clock.now_ms();
        let tolerance = ALIGN_TOLERANCE_MS.min(self.target.interval_ms / 100);
        if (now_ms - due_ms).abs() <= tolerance {
            due_ms
        } else {
            now_ms
        }
    }

    async fn finish(self) -> Vec<SeriesRef> {
        let mut session = self.session;
        if self.stop.how() == Stop::HandOver {
            return session.into_exposed();
        }
        let time_ms = self.shared.clock.now_ms();
        let url = self.target.url.clone();
        let ended = tokio::task::spawn_blocking(move || session.end(time_ms)).await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%url, %error, "stale markers could not be written"),
            Err(error) => tracing::error!(%url, %error, "the worker of a scrape ended"),
        }
        Vec::new()
    }
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// The parts of a loop that a scrape borrows while it owns the session.
struct Parts<'a> {
    shared: &'a Arc<Shared>,
    target: &'a Arc<Target>,
    source: &'a ScrapeSource,
    status: &'a Mutex<LoopStatus>,
    forced_error: &'a Mutex<Option<String>>,
    stop: &'a CancellationToken,
}

/// One scrape. Gives session and buffers back.
async fn scrape(
    parts: Parts<'_>,
    session: Session,
    mut buffers: Buffers,
    time_ms: i64,
) -> (Session, Buffers) {
    let Parts {
        shared,
        target,
        source,
        status,
        forced_error,
        stop,
    } = parts;
    let start = Instant::now();
    let forced = forced_error.lock().clone();
    let raw = std::mem::take(&mut buffers.raw);
    let work = match (forced, source) {
        (Some(text), _) => Work::Failed(ScrapeError::Source(text), raw),
        (None, ScrapeSource::Internal(source)) => {
            buffers.raw = raw;
            Work::Function(source.clone())
        }
        (None, ScrapeSource::Http(http)) => {
            let timeout_ms = target.timeout_ms;
            let timeout = duration(timeout_ms);
            tokio::select! {
                biased;
                // The loop sees it too and stops; nothing is said of a scrape that we broke off.
                () = stop.cancelled() => return (session, buffers),
                fetched = tokio::time::timeout(timeout, http.fetch(raw)) => match fetched {
                    Ok(Ok(body)) => Work::Body(body),
                    Ok(Err(error)) => Work::Failed(error, Vec::new()),
                    Err(_) => Work::Failed(ScrapeError::Timeout { timeout_ms }, Vec::new()),
                },
            }
        }
    };
    // The semaphore is never closed; without a permit the scrape goes on all the same.
    let permit = Arc::clone(&shared.workers).acquire_owned().await.ok();
    let (for_worker, for_target) = (Arc::clone(shared), Arc::clone(target));
    let fresh = session.fresh();
    let worker = tokio::task::spawn_blocking(move || {
        let done = process(
            &for_worker,
            &for_target,
            work,
            session,
            buffers,
            start,
            time_ms,
        );
        drop(permit);
        done
    });
    let (session, buffers, taken) = match worker.await {
        Ok(done) => done,
        Err(error) => {
            // A panic in the worker took the session along; the next scrape begins anew.
            let error = Some(ScrapeError::Worker(error.to_string()));
            let taken = Taken {
                error,
                ..Taken::default()
            };
            (fresh, Buffers::default(), taken)
        }
    };
    note(shared, target, status, &taken, start.elapsed(), time_ms);
    (session, buffers)
}

/// The part of a scrape that runs on a blocking thread.
fn process(
    shared: &Shared,
    target: &Target,
    work: Work,
    mut session: Session,
    mut buffers: Buffers,
    start: Instant,
    time_ms: i64,
) -> (Session, Buffers, Taken) {
    let begun = Instant::now();
    let report = |body_bytes: i64| Report {
        time_ms,
        duration_seconds: start.elapsed().as_secs_f64(),
        timeout_ms: target.timeout_ms,
        body_bytes,
    };
    let limit = shared.settings.limits.body_bytes_max;
    let unpacked = match work {
        Work::Failed(error, raw) => {
            buffers.raw = raw;
            Err(error)
        }
        Work::Function(source) => match (source.0)() {
            Ok(body) => {
                buffers.raw = body.bytes;
                Ok((body.format, true))
            }
            Err(reason) => Err(ScrapeError::Source(reason)),
        },
        Work::Body(body) => {
            buffers.raw = body.bytes;
            unpack(&mut buffers, body.encoding, body.format, limit)
        }
    };
    let taken = match unpacked {
        Ok((format, is_raw)) => {
            let body = if is_raw { &buffers.raw } else { &buffers.plain };
            shared.metrics.body_bytes.add(body.len() as u64);
            let length = body.len() as i64;
            session.take(body, format, || report(length), time_ms)
        }
        Err(error) => {
            let is_too_large = matches!(error, ScrapeError::BodySize { .. });
            session.miss(error, report(if is_too_large { -1 } else { 0 }))
        }
    };
    shared
        .metrics
        .processing
        .observe(begun.elapsed().as_secs_f64());
    if let (Some(error), Some(file)) = (&taken.error, &shared.settings.failure_log_file) {
        log_failure(file, &shared.settings.job_name, target, error, time_ms);
    }
    (session, buffers, taken)
}

/// Unpacks the raw body. The answer says whether the body is the raw one.
fn unpack(
    buffers: &mut Buffers,
    encoding: Encoding,
    format: Format,
    limit: u64,
) -> Result<(Format, bool), ScrapeError> {
    if encoding == Encoding::Identity {
        return Ok((format, true));
    }
    buffers.plain.clear();
    decode_body(encoding, &buffers.raw, limit, &mut buffers.plain).map_err(body_error)?;
    Ok((format, false))
}

fn note(
    shared: &Shared,
    target: &Target,
    status: &Mutex<LoopStatus>,
    taken: &Taken,
    took: Duration,
    time_ms: i64,
) {
    let metrics = &shared.metrics;
    metrics.scraped.add(taken.scraped);
    metrics.rejected.add(taken.rejected);
    metrics.series_refused.add(taken.series_refused);
    let (health, text) = match (&taken.error, &taken.warning) {
        (Some(error), _) => {
            metrics.failed.increment();
            tracing::debug!(url = %target.url, %error, "scrape failed");
            (Health::Down, error.to_string())
        }
        (None, warning) => {
            metrics.succeeded.increment();
            (Health::Up, warning.clone().unwrap_or_default())
        }
    };
    *status.lock() = LoopStatus {
        health,
        last_error: text,
        last_scrape_ms: Some(time_ms),
        last_duration_seconds: took.as_secs_f64(),
    };
}

/// Appends a line of JSON about a failed scrape. A log that cannot be written is not worth a scrape.
fn log_failure(file: &Path, job: &str, target: &Target, error: &ScrapeError, time_ms: i64) {
    let mut line = serde_json::json!({
        "time_ms": time_ms,
        "level": "ERROR",
        "msg": error.to_string(),
        "job_name": job,
        "target": target.url.as_str(),
    })
    .to_string();
    line.push('\n');
    let opened = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file);
    if let Err(error) = opened.and_then(|mut log| log.write_all(line.as_bytes())) {
        tracing::warn!(file = %file.display(), %error, "scrape failure log cannot be written");
    }
}
