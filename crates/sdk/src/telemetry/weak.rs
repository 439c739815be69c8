//! A telemetry that somebody reports to without keeping it.
//!
//! ## Model
//! A subscriber of `tracing` is there until the process is gone. Did it keep the telemetry, its sinks would
//! never end, and what they hold would be lost at the end of `main`.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use serde::Serialize;

use super::{Inner, Telemetry};
use crate::Level;
use crate::span::EndedSpan;

/// What the sinks of a telemetry take. Apart from them, so that asking costs a load.
#[derive(Debug, Default)]
pub(super) struct Takes {
    pub(super) events: AtomicBool,
    pub(super) spans: AtomicBool,
}

/// See the module's page.
#[derive(Clone)]
pub(crate) struct WeakTelemetry(Option<(Weak<Inner>, Arc<Takes>)>);

impl WeakTelemetry {
    pub(crate) fn of(telemetry: &Telemetry) -> Self {
        let inner = telemetry.0.as_ref();
        Self(inner.map(|inner| (Arc::downgrade(inner), Arc::clone(&inner.takes))))
    }

    /// Whether it was ever on.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(crate) fn takes_spans(&self) -> bool {
        let takes = self.0.as_ref();
        takes.is_some_and(|(_, takes)| takes.spans.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn takes_events(&self) -> bool {
        let takes = self.0.as_ref();
        takes.is_some_and(|(_, takes)| takes.events.load(Ordering::Relaxed))
    }

    pub(crate) fn span(&self, span: &EndedSpan<'_>) {
        self.telemetry().span(span);
    }

    pub(crate) fn emit(&self, event: &str, payload: impl Serialize, level: Level) {
        self.telemetry().emit(event, payload, level);
    }

    /// One that is off where it is gone.
    fn telemetry(&self) -> Telemetry {
        Telemetry(self.0.as_ref().and_then(|(inner, _)| inner.upgrade()))
    }
}

impl fmt::Debug for WeakTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakTelemetry")
            .field("is_on", &self.is_on())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use crate::{FileSettings, SERIES_MAX_DEFAULT, Telemetry, TelemetryLayer};

    #[test]
    fn a_subscriber_that_outlives_the_telemetry_takes_no_line_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        telemetry.add_file(FileSettings::new(&path)).unwrap();
        let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("last words");
            drop(telemetry);
            let written = std::fs::read_to_string(&path).unwrap();
            assert!(written.contains("last words"), "{written}");
            let _span = tracing::info_span!("late").entered();
            tracing::info!("to nobody");
        });
    }
}
