//! Telemetry that is pushed to a receiver of OTLP.
//!
//! ## Model
//! An [`OtlpSink`] takes events as log records and spans as they are, encodes them on the thread that
//! emits, and lets them wait in memory; a thread named `bellwether-otlp` sends them each second, and the
//! numbers as often as [`OtlpSettings::interval`] says. The protocol is OTLP over HTTP/1.1 with protobuf:
//! `/v1/logs`, `/v1/traces` and `/v1/metrics` behind the endpoint.
//!
//! Numbers are cumulative. Native histograms are sent as exponential ones, others with their bounds. A
//! counter loses its `_total`, which is Prometheus' way of writing, and `_seconds` and `_bytes` give the
//! unit.
//!
//! ## Limits
//! Events and spans that wait take at most [`OtlpSettings::queue_bytes_max`] each; what does not fit is
//! lost and counted in `bellwether_sdk_otlp_items_total{signal,result}`. A request has at most some
//! 512 KiB of records or series; an exponential histogram at most 320 buckets on either side, for which it is made
//! coarser.
//!
//! ## Failure
//! 429, 502, 503, 504 and a connection that does not come to be are tried again: after what `Retry-After`
//! says in seconds, else after one second and twice as long each time, up to 30 s. What came five minutes
//! ago and could not be sent is lost. Any other answer means that the receiver does not want it: that is
//! lost too, and [`Sink::flush`] says so. Numbers are not tried again: the next ones say more.
//!
//! ## See also
//! <https://opentelemetry.io/docs/specs/otlp/>

mod metrics;
mod push;
mod queue;
mod record;
mod response;
mod settings;

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

use self::push::{Push, Receiver};
use self::queue::{Queue, Signal};
use crate::clock::Clock;
use crate::event::Event;
use crate::numbers::Numbers;
use crate::sink::wait::end;
use crate::span::Span;
use crate::{FlushError, Sink, Telemetry};

pub use settings::{OtlpError, OtlpSettings};

/// How long the end of a program waits for what is to be sent.
const CLOSING: Duration = Duration::from_secs(5);

/// See the module's page. Dropping it waits at most five seconds until everything is sent.
#[derive(Debug)]
pub struct OtlpSink {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl OtlpSink {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where the endpoint is none, a header cannot be sent, or there is no thread to be had.
    pub(crate) fn start(
        settings: OtlpSettings,
        clock: Arc<dyn Clock>,
        numbers: Arc<Numbers>,
        telemetry: &Telemetry,
    ) -> Result<Self, OtlpError> {
        let receiver = Receiver::new(&settings)?;
        let items = telemetry.counter_family(
            "bellwether_sdk_otlp_items",
            "Events, spans and series for the receiver of OTLP, by what became of them.",
            ["signal", "result"],
        );
        let lost = |signal: Signal| items.with([signal.name(), "lost"]).clone();
        let queue = Arc::new(Queue::new(
            settings.queue_bytes_max,
            [lost(Signal::Logs), lost(Signal::Traces)],
        ));
        let push = Push::new(
            settings,
            receiver,
            Arc::clone(&queue),
            numbers,
            items,
            clock,
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(OtlpError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("bellwether-otlp".to_owned())
            .spawn(move || runtime.block_on(push.run()))
            .map_err(OtlpError::Thread)?;
        Ok(Self {
            queue,
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Sink for OtlpSink {
    fn take(&self, event: &Event<'_>) {
        let put = |bytes: &[u8]| self.queue.put(Signal::Logs, bytes);
        record::with_log_record(event, put);
    }

    fn takes_spans(&self) -> bool {
        true
    }

    fn take_span(&self, span: &Span<'_>) {
        let put = |bytes: &[u8]| self.queue.put(Signal::Traces, bytes);
        record::with_span(span, put);
    }

    fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        self.queue.flush(patience)
    }
}

impl Drop for OtlpSink {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.lock().take() {
            // The thread may hang in a network.
            let flush = |patience| self.queue.flush(patience);
            end(thread, CLOSING, "telemetry", flush, || self.queue.close());
        }
    }
}

#[cfg(test)]
mod tests;
