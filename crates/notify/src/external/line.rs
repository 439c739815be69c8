//! What is sent to one Alertmanager.
//!
//! ## Model
//! A [`Line`] has a queue and one task ([`Line::run`]), which posts a batch after the other while
//! there is something. A line that is closed goes on until its queue is empty or time is up.
//!
//! ## Failure
//! A batch that is not taken is lost, logged and counted: whoever sent the alerts sends those that
//! fire again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_model::{Alert, short_to};
use bellwether_outbound::header::{CONTENT_TYPE, HeaderValue};
use bellwether_outbound::{Client, Request};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use url::Url;

use super::metrics::{Numbers, add};
use super::payload;
use super::queue::Queue;
use super::settings::ExternalOptions;

/// Longest answer that is read. Chosen: Alertmanager says nothing, or what is wrong in a line.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// As much of an answer is shown.
const SHOWN_CHARS_MAX: usize = 300;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Line {
    url: Url,
    /// The URL as it may be shown.
    shown: String,
    client: Client,
    timeout: Duration,
    batch_alerts_max: usize,
    /// Held for moments.
    queue: Mutex<Queue>,
    /// Alerts of the request that is under way.
    sending: AtomicUsize,
    /// Told when there is something to send, or nothing more will come.
    changed: Notify,
    /// When a closed line gives up.
    until: watch::Sender<Option<Instant>>,
    numbers: Arc<Numbers>,
}

impl Line {
    pub(super) fn new(
        url: Url,
        shown: String,
        client: Client,
        timeout_ms: i64,
        options: &ExternalOptions,
        numbers: Arc<Numbers>,
    ) -> Self {
        Self {
            url,
            shown,
            client,
            timeout: Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)),
            batch_alerts_max: options.batch_alerts_max,
            queue: Mutex::new(Queue::new(options.queue_alerts_max)),
            sending: AtomicUsize::new(0),
            changed: Notify::new(),
            until: watch::Sender::new(None),
            numbers,
        }
    }

    /// The URL as it may be shown.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// Queues alerts; the oldest give way where there are too many.
    pub(super) fn push(&self, alerts: &[Arc<Alert>]) {
        let lost = {
            let mut queue = self.queue.lock();
            let before = queue.len();
            let lost = queue.push(alerts);
            self.count_queued(before, queue.len());
            lost
        };
        if lost > 0 {
            add(&self.numbers.dropped, lost);
            tracing::warn!(
                alertmanager = %self.shown,
                alerts = lost,
                "the queue for an Alertmanager is full: its oldest alerts are dropped"
            );
        }
        self.changed.notify_one();
    }

    /// Takes nothing more. What waits may be sent until `until`.
    pub(super) fn close(&self, until: Instant) {
        self.queue.lock().close();
        self.until.send_replace(Some(until));
        self.changed.notify_one();
    }

    /// Sends what is queued until the line is closed and has nothing more, or time is up.
    pub(super) async fn run(self: Arc<Self>) {
        let mut until = self.until.subscribe();
        let time_is_up = async {
            // The sender is part of the line, which lives.
            let until = match until.wait_for(Option::is_some).await {
                Ok(until) => *until,
                Err(_) => None,
            };
            if let Some(until) = until {
                tokio::time::sleep_until(until).await;
            }
        };
        tokio::select! {
            biased;
            () = self.work_off() => {}
            () = time_is_up => {}
        }
        let waiting = self.take(usize::MAX).len();
        let lost = waiting + self.sending.load(Ordering::Relaxed);
        if lost > 0 {
            add(&self.numbers.dropped, lost);
            tracing::warn!(
                alertmanager = %self.shown,
                alerts = lost,
                "alerts are dropped: they could not be sent to an Alertmanager in time"
            );
        }
    }

    async fn work_off(&self) {
        loop {
            let batch = self.take(self.batch_alerts_max);
            if !batch.is_empty() {
                self.sending.store(batch.len(), Ordering::Relaxed);
                self.send(&batch).await;
                self.sending.store(0, Ordering::Relaxed);
            } else if self.queue.lock().is_closed() {
                return;
            } else {
                self.changed.notified().await;
            }
        }
    }

    async fn send(&self, batch: &[Arc<Alert>]) {
        let start = Instant::now();
        match self.post(batch).await {
            Ok(()) => {
                self.numbers.took(start.elapsed().as_secs_f64());
                add(&self.numbers.sent, batch.len());
            }
            Err(error) => {
                add(&self.numbers.errors, batch.len());
                add(&self.numbers.dropped, batch.len());
                tracing::warn!(
                    alertmanager = %self.shown,
                    alerts = batch.len(),
                    %error,
                    "alerts could not be sent to an Alertmanager"
                );
            }
        }
    }

    async fn post(&self, batch: &[Arc<Alert>]) -> Result<(), String> {
        let body = payload::body(batch).map_err(|error| error.to_string())?;
        let mut request = Request::post(self.url.clone(), body.into());
        let json = HeaderValue::from_static("application/json");
        request.headers.insert(CONTENT_TYPE, json);
        request.timeout = Some(self.timeout);
        let response = self.client.send(request).await;
        let response = response.map_err(|error| error.to_string())?;
        let status = response.status();
        let mut answer = Vec::new();
        // Read in any case, so that the connection can be used again; what it says is an extra.
        let read = response.read_body(ANSWER_BYTES_MAX, &mut answer).await;
        if status.is_success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&answer);
        let text = text.trim();
        Err(if read.is_err() || text.is_empty() {
            format!("it answered with status {status}")
        } else {
            let text = short_to(text, SHOWN_CHARS_MAX);
            format!("it answered with status {status}: {text:?}")
        })
    }

    fn take(&self, count_max: usize) -> Vec<Arc<Alert>> {
        let mut queue = self.queue.lock();
        let before = queue.len();
        let batch = queue.take(count_max);
        self.count_queued(before, queue.len());
        batch
    }

    /// Passes a change of the queue's length on to the numbers, which lines may share.
    fn count_queued(&self, before: usize, after: usize) {
        let queued = &self.numbers.queued;
        queued.fetch_add(after, Ordering::Relaxed);
        queued.fetch_sub(before, Ordering::Relaxed);
    }
}
