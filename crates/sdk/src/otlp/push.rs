//! The thread that sends.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::metrics::{self, Times};
use super::queue::{Chunk, Queue, Signal, Wanted};
use super::record;
use super::response::Outcome;
use super::{OtlpError, OtlpSettings};
use crate::client::{Client, Target, is_header, shown};
use crate::clock::Clock;
use crate::numbers::Numbers;
use crate::{Counter, Family};

/// How long records wait for others that go with them.
const GATHER: Duration = Duration::from_secs(1);
/// The first pause before something is sent again, and the longest. Chosen.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// What could not be sent for so long is given up. Chosen: as OpenTelemetry's collector does.
const GIVE_UP: Duration = Duration::from_secs(300);

/// Who is asked, and what is said of oneself.
#[derive(Debug)]
pub(super) struct Receiver {
    client: Client,
    /// The endpoint's path, without the slash at its end.
    path: String,
    /// Lines of headers that all requests have.
    headers: String,
    resource: Vec<u8>,
    timeout: Duration,
}

impl Receiver {
    pub(super) fn new(settings: &OtlpSettings) -> Result<Self, OtlpError> {
        let endpoint = settings.endpoint.trim();
        let target = Target::parse(endpoint).ok_or_else(|| OtlpError::Endpoint(shown(endpoint)))?;
        if target.is_tls && !cfg!(feature = "https-probes") {
            return Err(OtlpError::NoTls(shown(endpoint)));
        }
        let mut headers = format!(
            "host: {}\r\nuser-agent: bellwether-sdk/{}\r\ncontent-type: application/x-protobuf\r\n\
             connection: close\r\n",
            target.authority,
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in &settings.headers {
            if !is_header(name, value) {
                return Err(OtlpError::Header(name.clone()));
            }
            for part in [name, ": ", value, "\r\n"] {
                headers.push_str(part);
            }
        }
        Ok(Self {
            path: target.path.trim_end_matches('/').to_owned(),
            client: Client::new(target),
            headers,
            resource: record::resource(&settings.service_name),
            timeout: settings.timeout,
        })
    }

    /// Sends records, or metrics.
    async fn send(&self, signal: Signal, records: &[u8]) -> Outcome {
        let body = record::request(&self.resource, records);
        let Self { path, headers, .. } = self;
        let (name, len) = (signal.name(), body.len());
        let head =
            format!("POST {path}/v1/{name} HTTP/1.1\r\n{headers}content-length: {len}\r\n\r\n");
        let mut request = head.into_bytes();
        request.extend_from_slice(&body);
        let answer = tokio::time::timeout(self.timeout, self.client.answer(&request)).await;
        let late = || format!("no answer within {:?}", self.timeout);
        Outcome::of(answer.unwrap_or_else(|_| Err(late())))
    }
}

/// When a signal may be sent again after it could not be.
#[derive(Debug, Clone, Copy, Default)]
struct Pause {
    until: Option<Instant>,
    failing_since: Option<Instant>,
    failure_count: u32,
}

impl Pause {
    fn failed(&mut self, now: Instant, after: Option<Duration>) {
        self.failing_since.get_or_insert(now);
        let usual = PAUSE_MIN.saturating_mul(1 << self.failure_count.min(10));
        self.failure_count += 1;
        self.until = Some(now + after.unwrap_or(usual.min(PAUSE_MAX)));
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    fn is_hopeless(&self, now: Instant) -> bool {
        let since = self.failing_since.map(|since| now.duration_since(since));
        since.is_some_and(|since| since >= GIVE_UP)
    }
}

/// What became of items of a signal.
#[derive(Debug)]
struct Counts {
    sent: Counter,
    refused: Counter,
    lost: Counter,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Push {
    settings: OtlpSettings,
    receiver: Receiver,
    queue: Arc<Queue>,
    numbers: Arc<Numbers>,
    clock: Arc<dyn Clock>,
    begin_ns: i64,
    /// Of logs, traces and metrics.
    counts: [Counts; 3],
    pauses: [Pause; 3],
}

impl Push {
    pub(super) fn new(
        settings: OtlpSettings,
        receiver: Receiver,
        queue: Arc<Queue>,
        numbers: Arc<Numbers>,
        items: Family<Counter, 2>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let counts = [Signal::Logs, Signal::Traces, Signal::Metrics].map(|signal| Counts {
            sent: items.with([signal.name(), "sent"]).clone(),
            refused: items.with([signal.name(), "refused"]).clone(),
            lost: items.with([signal.name(), "lost"]).clone(),
        });
        Self {
            settings,
            receiver,
            queue,
            numbers,
            begin_ns: clock.now_ns(),
            clock,
            counts,
            pauses: [Pause::default(); 3],
        }
    }

    /// Sends until the queue is closed.
    pub(super) async fn run(mut self) {
        let interval = self.settings.interval.max(Duration::from_millis(100));
        let mut numbers_due = Instant::now() + interval;
        loop {
            let queue = Arc::clone(&self.queue);
            drop(tokio::time::timeout(GATHER, queue.more.notified()).await);
            let Wanted { flush, is_closed } = self.queue.wanted();
            if is_closed {
                return;
            }
            let mut is_all = true;
            for signal in Signal::QUEUED {
                is_all &= self.send_records(signal).await;
            }
            if flush.is_some() || Instant::now() >= numbers_due {
                is_all &= self.send_numbers().await;
                numbers_due = Instant::now() + interval;
            }
            if is_all {
                self.queue.trouble(None);
            }
            if let Some(flush) = flush.filter(|_| is_all) {
                self.queue.flushed(flush);
            }
        }
    }

    /// Sends what waits; gives whether nothing does any more.
    async fn send_records(&mut self, signal: Signal) -> bool {
        if !self.pauses[signal as usize].is_over(Instant::now()) {
            return false;
        }
        while let Some(chunk) = self.queue.take(signal) {
            let outcome = self.receiver.send(signal, &chunk.bytes).await;
            let now = Instant::now();
            let is_later = matches!(outcome, Outcome::Later { .. });
            self.note(signal, chunk.count, outcome, now);
            if is_later && !self.pauses[signal as usize].is_hopeless(now) {
                self.queue.put_back(signal, chunk);
                return false;
            }
            if is_later {
                self.give_up(signal, &chunk);
            }
            self.queue.done(signal, &chunk);
        }
        true
    }

    fn give_up(&self, signal: Signal, chunk: &Chunk) {
        self.counts[signal as usize].lost.add(chunk.count);
        tracing::error!(
            signal = signal.name(),
            count = chunk.count,
            "telemetry could not be sent for minutes and is lost"
        );
    }

    /// Sends the numbers as they are; gives whether they arrived, or nobody wants them.
    async fn send_numbers(&mut self) -> bool {
        let signal = Signal::Metrics;
        if !self.settings.pushes_numbers {
            return true;
        }
        if !self.pauses[signal as usize].is_over(Instant::now()) {
            return false;
        }
        let times = Times {
            begin_ns: self.begin_ns,
            now_ns: self.clock.now_ns(),
        };
        let mut metrics = Vec::new();
        let series_count = metrics::put_all(&mut metrics, &self.numbers.snapshot(), times);
        let outcome = self.receiver.send(signal, &metrics).await;
        let has_arrived = !matches!(outcome, Outcome::Later { .. });
        self.note(signal, series_count, outcome, Instant::now());
        has_arrived
    }

    /// Counts what became of a request and says so where it is news.
    fn note(&mut self, signal: Signal, count: u64, outcome: Outcome, now: Instant) {
        let counts = &self.counts[signal as usize];
        let pause = &mut self.pauses[signal as usize];
        let was_well = pause.failure_count == 0;
        let reason = match outcome {
            Outcome::Taken {
                refused_count,
                reason,
            } => {
                *pause = Pause::default();
                counts.sent.add(count.saturating_sub(refused_count));
                counts.refused.add(refused_count);
                if refused_count == 0 {
                    return;
                }
                format!("{refused_count} of {count} are refused: {reason}")
            }
            Outcome::Refused(reason) => {
                *pause = Pause {
                    failure_count: 1,
                    ..Pause::default()
                };
                counts.refused.add(count);
                reason
            }
            Outcome::Later { after, reason } => {
                pause.failed(now, after);
                self.queue.trouble(Some(reason.clone()));
                reason
            }
        };
        // Once for each bad time: this may itself become a record.
        if was_well {
            tracing::warn!(signal = signal.name(), %reason, "telemetry cannot be pushed");
        }
    }
}
