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
/// What came so long ago and could not be sent is given up. Chosen: as OpenTelemetry's collector does.
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
    failure_count: u32,
}

impl Pause {
    fn failed(&mut self, now: Instant, after: Option<Duration>) {
        let usual = PAUSE_MIN.saturating_mul(1 << self.failure_count.min(10));
        self.failure_count += 1;
        self.until = now.checked_add(after.unwrap_or(usual.min(PAUSE_MAX)));
    }

    fn is_over(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
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
    /// The last flush for which numbers arrived: each wants them once.
    numbers_flush: u64,
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
            numbers_flush: 0,
        }
    }

    /// Sends until the queue is closed.
    pub(super) async fn run(mut self) {
        let interval = self.settings.interval.max(Duration::from_millis(100));
        // `None`: never.
        let due = || Instant::now().checked_add(interval);
        let mut numbers_due = due();
        loop {
            let queue = Arc::clone(&self.queue);
            drop(tokio::time::timeout(GATHER, queue.more.notified()).await);
            let Wanted { flush, is_closed } = self.queue.wanted(Instant::now());
            if is_closed {
                return;
            }
            let mut is_all = true;
            for signal in Signal::QUEUED {
                is_all &= self.send_records(signal).await;
            }
            let is_wanted = flush.is_some_and(|flush| flush > self.numbers_flush);
            if is_wanted || numbers_due.is_some_and(|due| Instant::now() >= due) {
                let have_arrived = self.send_numbers(is_wanted).await;
                if have_arrived {
                    self.numbers_flush = flush.unwrap_or(self.numbers_flush);
                }
                is_all &= have_arrived || !is_wanted;
                numbers_due = due();
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
            return self.queue.is_empty(signal);
        }
        while let Some(chunk) = self.queue.take(signal) {
            let outcome = self.receiver.send(signal, &chunk.bytes).await;
            if !self.settle(signal, chunk, outcome, Instant::now()) {
                return self.queue.is_empty(signal);
            }
        }
        true
    }

    /// Does with a chunk what the receiver says; gives whether the next one may be sent.
    fn settle(&mut self, signal: Signal, chunk: Chunk, outcome: Outcome, now: Instant) -> bool {
        let is_later = matches!(outcome, Outcome::Later { .. });
        let refused = self.note(signal, chunk.count, outcome, now);
        if let Some((count, reason)) = refused {
            self.queue.lose(count, &reason);
        }
        if !is_later {
            self.queue.done(signal, &chunk);
            return true;
        }
        self.queue.put_back(signal, chunk);
        let old = self.queue.take_old(signal, now, GIVE_UP);
        let count = old.iter().map(|chunk| chunk.count).sum();
        if count > 0 {
            self.counts[signal as usize].lost.add(count);
            let reason = "the receiver could not be reached for minutes";
            self.queue.lose(count, reason);
            let signal = signal.name();
            tracing::error!(signal, count, reason, "telemetry is lost");
        }
        false
    }

    /// Sends the numbers as they are; gives whether they arrived, or nobody wants them.
    async fn send_numbers(&mut self, is_flush: bool) -> bool {
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
        let requests = metrics::requests(&self.numbers.snapshot(), times);
        let mut requests = requests.into_iter();
        while let Some((body, series_count)) = requests.next() {
            let outcome = self.receiver.send(signal, &body).await;
            let is_later = matches!(outcome, Outcome::Later { .. });
            let refused = self.note(signal, series_count, outcome, Instant::now());
            if let Some((count, reason)) = refused.filter(|_| is_flush) {
                self.queue.lose(count, &reason);
            }
            if is_later {
                // The next ones say what these would have said, but for their time.
                let left: u64 = requests.map(|(_, count)| count).sum();
                self.counts[signal as usize].lost.add(series_count + left);
                return false;
            }
        }
        true
    }

    /// Counts what became of a request and says so where it is news. Gives how many records the receiver
    /// does not want, and why.
    fn note(
        &mut self,
        signal: Signal,
        count: u64,
        outcome: Outcome,
        now: Instant,
    ) -> Option<(u64, String)> {
        let counts = &self.counts[signal as usize];
        let pause = &mut self.pauses[signal as usize];
        let was_well = pause.failure_count == 0;
        let (refused_count, reason) = match outcome {
            Outcome::Taken {
                refused_count,
                reason,
            } => {
                *pause = Pause::default();
                counts.sent.add(count.saturating_sub(refused_count));
                counts.refused.add(refused_count);
                if refused_count == 0 {
                    return None;
                }
                let reason = format!("{refused_count} of {count} are refused: {reason}");
                (refused_count, reason)
            }
            Outcome::Refused(reason) => {
                *pause = Pause {
                    failure_count: 1,
                    ..Pause::default()
                };
                counts.refused.add(count);
                (count, reason)
            }
            Outcome::Later { after, reason } => {
                pause.failed(now, after);
                self.queue.trouble(Some(reason.clone()));
                (0, reason)
            }
        };
        // Once for each bad time: this may itself become a record.
        if was_well {
            tracing::warn!(signal = signal.name(), %reason, "telemetry cannot be pushed");
        }
        (refused_count > 0).then_some((refused_count, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SystemClock, Telemetry};

    fn push(telemetry: &Telemetry) -> Push {
        let items = telemetry.counter_family("items", "", ["signal", "result"]);
        let settings = OtlpSettings::new("http://127.0.0.1:1");
        let receiver = Receiver::new(&settings).unwrap();
        let queue = Arc::new(Queue::new(1_000, [Counter::OFF, Counter::OFF]));
        let clock = Arc::new(SystemClock);
        Push::new(settings, receiver, queue, Arc::default(), items, clock)
    }

    fn busy() -> Outcome {
        Outcome::Later {
            after: None,
            reason: "the receiver answers 503".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_given_up_for_its_age_is_old_itself() {
        let telemetry = Telemetry::new(10);
        let mut push = push(&telemetry);
        let mut fail = async |since: Duration| {
            tokio::time::advance(since).await;
            assert!(!push.queue.wanted(Instant::now()).is_closed);
            push.queue.put(Signal::Logs, b"record");
            let chunk = push.queue.take(Signal::Logs).unwrap();
            assert!(!push.settle(Signal::Logs, chunk, busy(), Instant::now()));
            push.counts[0].lost.get()
        };
        assert_eq!(fail(Duration::ZERO).await, 0);
        assert_eq!(fail(GIVE_UP - GATHER).await, 0);
        // The outage is as long as that: what came later waits on.
        assert_eq!(fail(GATHER).await, 1);
        let error = push.queue.flush(Duration::ZERO).unwrap_err();
        assert_eq!((error.waiting_count, error.lost_count), (2, 1));
    }
}
