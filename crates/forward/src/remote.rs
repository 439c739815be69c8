//! One remote: its queue, and the task that empties it.
//!
//! ## Model
//! Writers append to the queue through [`Remote::offer`]. The task reads a window, sends it in
//! shards, waits until all of it is acknowledged (or refused for good), moves the position, and
//! goes on. When a window is full there is a backlog: the number of shards doubles, up to the
//! largest allowed; when the queue runs empty it shrinks again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_model::time::DurationText;
use bellwether_model::{Labels, relabel, short_to};
use bellwether_outbound::header::{HeaderMap, HeaderName, HeaderValue};
use bellwether_outbound::{Client, OutboundError, Request};
use bellwether_storage::{Clock, MetricStore, SeriesRef, WriteBatch};
use bellwether_telemetry::{Counter, Gauge, Registry};
use bellwether_wire::histogram::TimedHistogram;
use bytes::Bytes;
use futures::future::join_all;
use parking_lot::Mutex;
use rand::RngExt as _;
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::sync::{Notify, watch};
use url::Url;

use crate::outage::{Note, Outage};
use crate::queue::{Queue, Reader, Window};
use crate::record::RecordBuilder;
use crate::request::{self, Batch, MetadataByFamily, Wanted};
use crate::settings::{RemoteWriteProtocol, RemoteWriteSettings};

/// Bytes of an error answer that are read. Chosen: enough to understand it.
const ANSWER_BYTES_MAX: u64 = 4096;
/// Characters of an error answer that are logged. Chosen: senders repeat whole series in them.
const ANSWER_CHARS_SHOWN: usize = 512;
/// Longest pause that a remote may ask for. Chosen.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(300);
/// Pause after the queue could not be read. Chosen.
const DISK_PAUSE: Duration = Duration::from_secs(1);

/// What the queue knows of a series.
#[derive(Debug)]
struct QueuedSeries {
    /// After external labels and relabelling; `None` where the rules drop the series.
    labels: Option<Labels>,
    /// The segment in which `id` stands for it; 0: in none.
    segment: u64,
    id: u32,
}

/// What writers share.
#[derive(Debug, Default)]
struct Writer {
    series: FxHashMap<SeriesRef, QueuedSeries>,
    /// The segment in which ids are given out, and the next one.
    segment: u64,
    next_id: u32,
    record: RecordBuilder,
}

#[derive(Debug)]
struct Metrics {
    sent_floats: Arc<Counter>,
    sent_histograms: Arc<Counter>,
    sent_exemplars: Arc<Counter>,
    dropped_refused: Arc<Counter>,
    dropped_age: Arc<Counter>,
    dropped_overflow: Arc<Counter>,
    dropped_disk: Arc<Counter>,
    damages: Arc<Counter>,
    unconfirmed: Arc<Counter>,
    requests_ok: Arc<Counter>,
    requests_failed: Arc<Counter>,
    retries: Arc<Counter>,
    pending_bytes: Arc<Gauge>,
    shards: Arc<Gauge>,
    newest_seconds: Arc<Gauge>,
}

impl Metrics {
    fn new(registry: &Registry, remote: &str) -> Self {
        let counter = |name: &str, help: &str, kind: Option<(&str, &str)>| {
            let mut labels = vec![("remote", remote)];
            labels.extend(kind);
            registry.counter(name, help, &labels)
        };
        let gauge = |name: &str, help: &str| registry.gauge(name, help, &[("remote", remote)]);
        let sent = |kind| {
            let help = "What remotes acknowledged, by kind.";
            counter("bellwether_forward_sent_total", help, Some(("kind", kind)))
        };
        let dropped = |reason| {
            let help = "Samples that are not sent, by reason.";
            counter(
                "bellwether_forward_dropped_samples_total",
                help,
                Some(("reason", reason)),
            )
        };
        let requests = |outcome| {
            let help = "Requests to remotes, by outcome.";
            counter(
                "bellwether_forward_requests_total",
                help,
                Some(("outcome", outcome)),
            )
        };
        Self {
            sent_floats: sent("float"),
            sent_histograms: sent("histogram"),
            sent_exemplars: sent("exemplar"),
            dropped_refused: dropped("refused"),
            dropped_age: dropped("too_old"),
            dropped_overflow: dropped("queue_full"),
            dropped_disk: dropped("disk"),
            damages: counter(
                "bellwether_forward_queue_damages_total",
                "Places at which a queue on disk was damaged.",
                None,
            ),
            unconfirmed: counter(
                "bellwether_forward_unconfirmed_samples_total",
                "Samples whose receipt a remote of protocol 2.0 did not confirm though it took \
                 the request.",
                None,
            ),
            requests_ok: requests("ok"),
            requests_failed: requests("failed"),
            retries: counter(
                "bellwether_forward_retries_total",
                "Requests that were sent again.",
                None,
            ),
            pending_bytes: gauge(
                "bellwether_forward_pending_bytes",
                "Bytes in the queue that are not acknowledged.",
            ),
            shards: gauge(
                "bellwether_forward_shards",
                "Shards that send at the same time.",
            ),
            newest_seconds: gauge(
                "bellwether_forward_newest_sent_timestamp_seconds",
                "Time of the newest sample that was acknowledged.",
            ),
        }
    }
}

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// It was acknowledged, or refused for good.
    Done,
    /// The sender is to stop; the samples stay in the queue.
    Stopped,
}

/// One remote.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) name: String,
    pub(crate) settings: RemoteWriteSettings,
    external: Labels,
    queue: Queue,
    writer: Mutex<Writer>,
    /// Told on each append.
    appended: Notify,
    client: Client,
    clock: Arc<dyn Clock>,
    store: Arc<dyn MetricStore>,
    /// Whether the remote turned out to understand only 1.0.
    fallen_back: AtomicBool,
    shards: AtomicUsize,
    last_error: Mutex<Option<String>>,
    outage: Mutex<Outage>,
    metrics: Metrics,
}

pub(crate) struct RemoteParts {
    pub(crate) name: String,
    pub(crate) settings: RemoteWriteSettings,
    pub(crate) external: Labels,
    pub(crate) queue: Queue,
    pub(crate) client: Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) store: Arc<dyn MetricStore>,
}

impl Remote {
    pub(crate) fn new(parts: RemoteParts, registry: &Registry) -> Self {
        let RemoteParts {
            name,
            settings,
            external,
            queue,
            client,
            clock,
            store,
        } = parts;
        Self {
            metrics: Metrics::new(registry, &name),
            shards: AtomicUsize::new(settings.queue.shards_min.max(1)),
            name,
            settings,
            external,
            queue,
            writer: Mutex::default(),
            appended: Notify::new(),
            client,
            clock,
            store,
            fallen_back: AtomicBool::new(false),
            last_error: Mutex::default(),
            outage: Mutex::default(),
        }
    }

    pub(crate) fn external(&self) -> &Labels {
        &self.external
    }

    pub(crate) fn pending_bytes(&self) -> u64 {
        self.queue.pending_bytes()
    }

    pub(crate) fn shard_count(&self) -> usize {
        self.shards.load(Ordering::Relaxed)
    }

    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error.lock().clone()
    }

    pub(crate) fn protocol(&self) -> RemoteWriteProtocol {
        if self.fallen_back.load(Ordering::Relaxed) {
            return RemoteWriteProtocol::V1;
        }
        self.settings.protocol
    }

    /// Appends what the store took to the queue. Does not wait for the remote.
    pub(crate) fn offer(
        &self,
        batch: &WriteBatch,
        refused: &FxHashSet<(SeriesRef, i64)>,
        labels_of: &dyn Fn(SeriesRef) -> Option<Labels>,
    ) {
        let taken = |series: SeriesRef, time_ms: i64| {
            refused.is_empty() || !refused.contains(&(series, time_ms))
        };
        let mut writer = self.writer.lock();
        let writer = &mut *writer;
        writer.record.clear();
        let segment = self.queue.segment_for_write();
        if segment != writer.segment {
            writer.segment = segment;
            writer.next_id = 0;
        }
        for (position, series) in batch.series.iter().enumerate() {
            let time_ms = batch.times_ms[position];
            if taken(*series, time_ms)
                && let Some(id) = self.id(writer, *series, labels_of)
            {
                let start_ms = batch.starts_ms.get(position).copied().unwrap_or(0);
                writer
                    .record
                    .float(id, time_ms, start_ms, batch.values[position]);
            }
        }
        for (series, time_ms, start_ms, histogram) in &batch.histograms {
            if taken(*series, *time_ms)
                && let Some(id) = self.id(writer, *series, labels_of)
            {
                let histogram = histogram.clone();
                let timed = TimedHistogram {
                    time_ms: *time_ms,
                    start_ms: *start_ms,
                    histogram,
                };
                writer.record.histogram(id, &timed);
            }
        }
        if self.settings.send_exemplars {
            for (series, exemplar) in &batch.exemplars {
                if taken(*series, exemplar.timestamp_ms)
                    && let Some(id) = self.id(writer, *series, labels_of)
                {
                    writer.record.exemplar(id, exemplar);
                }
            }
        }
        if writer.record.is_empty() {
            return;
        }
        if !self.queue.append(&writer.record) {
            writer
                .series
                .values_mut()
                .for_each(|series| series.segment = 0);
            writer.segment = 0;
        }
        self.appended.notify_one();
    }

    /// The id of a series in the open segment; `None` where it is not sent.
    fn id(
        &self,
        writer: &mut Writer,
        series: SeriesRef,
        labels_of: &dyn Fn(SeriesRef) -> Option<Labels>,
    ) -> Option<u32> {
        let queued = match writer.series.entry(series) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let labels = self.outgoing(&labels_of(series)?);
                entry.insert(QueuedSeries {
                    labels,
                    segment: 0,
                    id: 0,
                })
            }
        };
        let labels = queued.labels.as_ref()?;
        if queued.segment != writer.segment {
            queued.segment = writer.segment;
            queued.id = writer.next_id;
            writer.next_id += 1;
            writer.record.series(queued.id, labels);
        }
        Some(queued.id)
    }

    fn outgoing(&self, labels: &Labels) -> Option<Labels> {
        let mut builder = labels.to_builder();
        for (name, value) in &self.external {
            if builder.get(name).is_none() {
                builder.set(name, value);
            }
        }
        let kept = relabel::apply(&self.settings.write_relabel, &mut builder);
        let labels = builder.build();
        (kept && !labels.is_empty()).then_some(labels)
    }

    /// Keeps only what is known of series for which `keep` holds.
    pub(crate) fn forget(&self, keep: &dyn Fn(SeriesRef) -> bool) {
        self.writer.lock().series.retain(|series, _| keep(*series));
    }

    /// Sends until told to stop; then the queue is made durable.
    pub(crate) async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut reader = self.queue.reader();
        let mut metadata = MetadataByFamily::new();
        let mut metadata_at = tokio::time::Instant::now();
        loop {
            if !self.wait(&reader, &mut stop).await {
                break;
            }
            if self.settings.metadata.send && tokio::time::Instant::now() >= metadata_at {
                metadata = self.refresh_metadata(&mut stop).await;
                let pause = millis(self.settings.metadata.interval_ms);
                metadata_at = tokio::time::Instant::now() + pause;
            }
            let (back, window) = self.read(reader).await;
            reader = back;
            let Some(window) = window else {
                tokio::time::sleep(DISK_PAUSE).await;
                continue;
            };
            let end = window.end;
            if self.send_window(window, &metadata, &stop).await == Sent::Stopped {
                break;
            }
            if let Some(end) = end {
                self.acknowledge(end).await;
            }
            self.observe_queue();
        }
        let this = Arc::clone(&self);
        let synced = tokio::task::spawn_blocking(move || this.queue.sync()).await;
        if let Ok(Err(error)) = synced {
            tracing::error!(remote = %self.name, %error, "cannot sync forward queue");
        }
    }

    fn window_samples(&self) -> u64 {
        let queue = &self.settings.queue;
        queue.samples_per_send_max.max(1) as u64 * self.shard_count() as u64
    }

    /// Waits until there is a batch to send: enough samples, or the oldest one waited long enough.
    /// `false` when it is time to stop and nothing is left.
    async fn wait(&self, reader: &Reader, stop: &mut watch::Receiver<bool>) -> bool {
        loop {
            if stopping(stop) {
                // What is in the queue is flushed; the caller of `shutdown` bounds the time.
                return self.queue.has_more(reader);
            }
            if self.queue.has_more(reader) {
                break;
            }
            tokio::select! {
                () = self.appended.notified() => {}
                _changed = stop.changed() => {}
            }
        }
        let deadline = millis(self.settings.queue.batch_send_deadline_ms);
        let full = async {
            while !self.holds_a_batch() {
                self.appended.notified().await;
            }
        };
        tokio::select! {
            () = full => {}
            () = tokio::time::sleep(deadline) => {}
            _changed = stop.changed() => {}
        }
        true
    }

    /// Whether there are enough samples for a request.
    fn holds_a_batch(&self) -> bool {
        self.queue.unread_samples() >= self.settings.queue.samples_per_send_max as u64
    }

    async fn read(self: &Arc<Self>, mut reader: Reader) -> (Reader, Option<Window>) {
        let this = Arc::clone(self);
        let wanted = self.window_samples();
        let task = tokio::task::spawn_blocking(move || {
            let window = this.queue.read(&mut reader, wanted);
            (reader, window)
        });
        match task.await {
            Ok((reader, Ok(window))) => (reader, Some(window)),
            Ok((reader, Err(error))) => {
                tracing::error!(remote = %self.name, %error, "cannot read forward queue");
                (reader, None)
            }
            Err(_) => (self.queue.reader(), None),
        }
    }

    async fn acknowledge(self: &Arc<Self>, end: crate::queue::Position) {
        let this = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || this.queue.acknowledge(end));
        if let Ok(Err(error)) = task.await {
            // The samples are sent again after a restart.
            tracing::error!(remote = %self.name, %error, "cannot save forward position");
        }
    }

    fn observe_queue(&self) {
        let losses = self.queue.losses();
        let raise = |counter: &Counter, total: u64| {
            counter.add(total.saturating_sub(counter.get()));
        };
        raise(&self.metrics.dropped_overflow, losses.overflow_samples);
        raise(&self.metrics.dropped_disk, losses.unwritten_samples);
        raise(&self.metrics.damages, losses.damages);
        self.metrics
            .pending_bytes
            .set(self.queue.pending_bytes() as f64);
        self.metrics.shards.set(self.shard_count() as f64);
    }

    async fn send_window(
        self: &Arc<Self>,
        window: Window,
        metadata: &MetadataByFamily,
        stop: &watch::Receiver<bool>,
    ) -> Sent {
        let queue = &self.settings.queue;
        let backlog = window.samples >= self.window_samples();
        let age_ms = queue.sample_age_limit_ms;
        let wanted = Wanted {
            histograms: self.settings.send_native_histograms,
            exemplars: self.settings.send_exemplars,
            oldest_ms: if age_ms > 0 {
                self.clock.now_ms() - age_ms
            } else {
                i64::MIN
            },
            samples_max: queue.samples_per_send_max.max(1),
        };
        let shards = self.shard_count();
        let (batches, too_old) = request::split(window, shards, wanted);
        self.metrics.dropped_age.add(too_old);
        let sends_any = batches.iter().any(|batches| !batches.is_empty());
        let sends = batches.into_iter().map(|batches| {
            let mut stop = stop.clone();
            async move {
                for batch in batches {
                    if self.send_batch(&batch, metadata, &mut stop).await == Sent::Stopped {
                        return Sent::Stopped;
                    }
                }
                Sent::Done
            }
        });
        let outcomes = join_all(sends).await;
        let next = if backlog {
            shards.saturating_mul(2)
        } else {
            shards.saturating_sub(1)
        };
        let (least, most) = (
            queue.shards_min.max(1),
            queue.shards_max.max(queue.shards_min.max(1)),
        );
        self.shards
            .store(next.clamp(least, most), Ordering::Relaxed);
        if outcomes.contains(&Sent::Stopped) {
            return Sent::Stopped;
        }
        if sends_any {
            self.arrived();
        }
        Sent::Done
    }

    async fn send_batch(
        &self,
        batch: &Batch,
        metadata: &MetadataByFamily,
        stop: &mut watch::Receiver<bool>,
    ) -> Sent {
        if batch.samples() + batch.exemplars == 0 {
            return Sent::Done;
        }
        let mut attempt = Attempts::new(self);
        loop {
            let protocol = self.protocol();
            let body = match request::body(batch, protocol, metadata) {
                Ok(body) => body,
                Err(error) => {
                    self.drop_batch(batch.samples(), &error.to_string());
                    return Sent::Done;
                }
            };
            match self.post(body, protocol, attempt.count).await {
                Answer::Taken { confirmed: None }
                    if protocol == RemoteWriteProtocol::V2 && batch.samples() > 0 =>
                {
                    // A receiver that knows only 1.0 finds none of its fields in the body, stores
                    // nothing, and is content. One that knows 2.0 must say what it stored.
                    self.fall_back("the remote took a 2.0 request without confirming anything");
                }
                Answer::Taken { confirmed } => {
                    self.taken(batch, confirmed, protocol);
                    return Sent::Done;
                }
                Answer::Refused(reason) => {
                    self.drop_batch(batch.samples(), &reason);
                    return Sent::Done;
                }
                Answer::Unsupported(reason) => {
                    if protocol == RemoteWriteProtocol::V1 {
                        self.drop_batch(batch.samples(), &reason);
                        return Sent::Done;
                    }
                    self.fall_back(&reason);
                }
                Answer::Later { reason, pause } => {
                    self.note_error(&reason);
                    self.failed(&reason);
                    self.metrics.retries.increment();
                    // What waits, and what no longer has room, is seen while it happens.
                    self.observe_queue();
                    if attempt.pause(pause, stop).await == Sent::Stopped {
                        return Sent::Stopped;
                    }
                }
            }
        }
    }

    fn taken(&self, batch: &Batch, confirmed: Option<u64>, protocol: RemoteWriteProtocol) {
        *self.last_error.lock() = None;
        self.metrics.sent_floats.add(batch.floats);
        self.metrics.sent_histograms.add(batch.histograms);
        self.metrics.sent_exemplars.add(batch.exemplars);
        let seconds = batch.newest_ms as f64 / 1_000.0;
        if batch.newest_ms != i64::MIN && seconds > self.metrics.newest_seconds.get() {
            self.metrics.newest_seconds.set(seconds);
        }
        if protocol == RemoteWriteProtocol::V2 {
            let missing = batch.samples().saturating_sub(confirmed.unwrap_or(0));
            self.metrics.unconfirmed.add(missing);
        }
    }

    fn fall_back(&self, reason: &str) {
        tracing::warn!(remote = %self.name, reason, "falling back to remote write 1.0");
        self.fallen_back.store(true, Ordering::Relaxed);
    }

    fn drop_batch(&self, samples: u64, reason: &str) {
        tracing::warn!(remote = %self.name, samples, reason, "remote refused samples for good");
        self.note_error(reason);
        self.metrics.dropped_refused.add(samples);
    }

    fn note_error(&self, reason: &str) {
        *self.last_error.lock() = Some(reason.to_owned());
    }

    /// An attempt failed that is made again.
    fn failed(&self, reason: &str) {
        let note = self.outage.lock().failed(self.clock.now_ms());
        let (remote, url, pending_bytes) = (&self.name, self.shown_url(), self.pending_bytes());
        match note {
            Some(Note::Began) => {
                tracing::warn!(%remote, %url, pending_bytes, reason, "cannot send to remote");
            }
            Some(Note::Lasts(ms)) => {
                let lasts = DurationText(ms / 1_000 * 1_000);
                tracing::warn!(
                    %remote, %url, %lasts, pending_bytes, reason,
                    "still cannot send to remote"
                );
            }
            _ => {}
        }
    }

    /// All that was sent together has arrived, or was refused for good.
    fn arrived(&self) {
        let note = self.outage.lock().arrived(self.clock.now_ms());
        if let Some(Note::Over(ms)) = note {
            let lasted = DurationText(ms / 1_000 * 1_000);
            let (remote, url, pending_bytes) = (&self.name, self.shown_url(), self.pending_bytes());
            tracing::info!(%remote, %url, %lasted, pending_bytes, "sending to remote works again");
        }
    }

    /// The URL without what may be secret in it: user, password, parameters.
    pub(crate) fn shown_url(&self) -> Url {
        let mut url = self.settings.url.clone();
        // A URL that cannot have a user or a password has none.
        let _without_user = url.set_username("");
        let _without_password = url.set_password(None);
        url.set_query(None);
        url
    }

    async fn post(&self, body: Vec<u8>, protocol: RemoteWriteProtocol, attempt: u32) -> Answer {
        let mut request = Request::post(self.settings.url.clone(), Bytes::from(body));
        request.timeout = Some(millis(self.settings.timeout_ms));
        request.headers = self.headers(protocol, attempt);
        let answer = match self.client.send(request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.metrics.requests_failed.increment();
                // The URL, which may hold a token, is shown without it elsewhere.
                let reason = match error {
                    OutboundError::Transport { reason, .. } => reason,
                    error => error.to_string(),
                };
                return Answer::Later {
                    reason,
                    pause: None,
                };
            }
        };
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            self.metrics.requests_ok.increment();
            let count = |name: &'static str| {
                answer
                    .header(&HeaderName::from_static(name))?
                    .parse::<u64>()
                    .ok()
            };
            let floats = count("x-prometheus-remote-write-samples-written");
            let histograms = count("x-prometheus-remote-write-histograms-written");
            let confirmed = floats.map(|floats| floats + histograms.unwrap_or(0));
            return Answer::Taken { confirmed };
        }
        self.metrics.requests_failed.increment();
        let retry_after = answer
            .header(&HeaderName::from_static("retry-after"))
            .and_then(|value| self.retry_after(value));
        let mut text = Vec::new();
        let said = match answer.read_body(ANSWER_BYTES_MAX, &mut text).await {
            Ok(()) => String::from_utf8_lossy(&text).trim().to_owned(),
            Err(_) => String::new(),
        };
        let said = short_to(&said, ANSWER_CHARS_SHOWN);
        let reason = format!("remote answered {status}: {said}");
        match status {
            415 => Answer::Unsupported(reason),
            429 if self.settings.queue.retry_on_http_429 => Answer::Later {
                reason,
                pause: retry_after,
            },
            500..600 => Answer::Later {
                reason,
                pause: retry_after,
            },
            _ => Answer::Refused(reason),
        }
    }

    /// A number of seconds; dates, which HTTP allows too, are ignored as in most senders.
    fn retry_after(&self, value: &str) -> Option<Duration> {
        let seconds: u64 = value.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
    }

    fn headers(&self, protocol: RemoteWriteProtocol, attempt: u32) -> HeaderMap {
        let (content_type, version) = match protocol {
            RemoteWriteProtocol::V1 => ("application/x-protobuf", "0.1.0"),
            RemoteWriteProtocol::V2 => (
                "application/x-protobuf;proto=io.prometheus.write.v2.Request",
                "2.0.0",
            ),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &self.settings.headers {
            let pair = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::from_str(value),
            );
            if let (Ok(name), Ok(value)) = pair {
                headers.insert(name, value);
            }
        }
        let mut set = |name: &'static str, value: &'static str| {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        };
        set("content-type", content_type);
        set("content-encoding", "snappy");
        set("x-prometheus-remote-write-version", version);
        set(
            "user-agent",
            concat!("Bellwether/", env!("CARGO_PKG_VERSION")),
        );
        if attempt > 0
            && let Ok(value) = HeaderValue::from_str(&attempt.to_string())
        {
            headers.insert(HeaderName::from_static("retry-attempt"), value);
        }
        headers
    }

    /// Asks the store for metadata; 1.0 sends it in requests of its own.
    async fn refresh_metadata(
        self: &Arc<Self>,
        stop: &mut watch::Receiver<bool>,
    ) -> MetadataByFamily {
        let store = Arc::clone(&self.store);
        let families = match tokio::task::spawn_blocking(move || store.metadata(None)).await {
            Ok(Ok(entries)) => request::by_family(entries),
            _ => return MetadataByFamily::new(),
        };
        if self.protocol() == RemoteWriteProtocol::V2 {
            return families;
        }
        let entries_max = self.settings.metadata.entries_per_send_max;
        let Ok(bodies) = request::metadata_bodies(&families, entries_max) else {
            return families;
        };
        for body in bodies {
            let mut attempt = Attempts::new(self);
            // Metadata comes again with the next interval: a few attempts are enough.
            while attempt.count < 3 {
                match self
                    .post(body.clone(), RemoteWriteProtocol::V1, attempt.count)
                    .await
                {
                    Answer::Later { reason, pause } => {
                        self.note_error(&reason);
                        self.failed(&reason);
                        if attempt.pause(pause, stop).await == Sent::Stopped {
                            return families;
                        }
                    }
                    _ => break,
                }
            }
        }
        families
    }
}

enum Answer {
    Taken {
        confirmed: Option<u64>,
    },
    Refused(String),
    Unsupported(String),
    Later {
        reason: String,
        pause: Option<Duration>,
    },
}

/// The pauses between attempts of one request.
struct Attempts {
    count: u32,
    next: Duration,
    longest: Duration,
}

impl Attempts {
    fn new(remote: &Remote) -> Self {
        let queue = &remote.settings.queue;
        let next = millis(queue.backoff_min_ms);
        Self {
            count: 0,
            next,
            longest: millis(queue.backoff_max_ms).max(next),
        }
    }

    /// Waits before the next attempt: as long as the remote asks, or twice as long as last time,
    /// spread a little so that shards do not come back together.
    async fn pause(&mut self, asked: Option<Duration>, stop: &mut watch::Receiver<bool>) -> Sent {
        let spread = rand::rng().random_range(0.9..1.1);
        let pause = asked.unwrap_or(self.next).mul_f64(spread);
        self.next = (self.next * 2).min(self.longest);
        self.count += 1;
        if stopping(stop) {
            return Sent::Stopped;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => Sent::Done,
            _changed = stop.changed() => Sent::Stopped,
        }
    }
}

/// Told to stop, or nobody is left who could tell.
fn stopping(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
