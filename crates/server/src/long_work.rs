//! Work that takes long: it runs on a blocking thread and ends when nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use bellwether_promql::CancelToken;
use bellwether_telemetry::Counter;

use crate::app::App;
use crate::envelope::{ApiError, ErrorType};

/// Cancels when dropped before it was disarmed: who waits is gone.
pub(crate) struct CancelOnDrop {
    token: CancelToken,
    cancelled: Arc<Counter>,
    is_armed: bool,
}

impl CancelOnDrop {
    /// Armed; `cancelled` counts.
    pub(crate) fn new(token: &CancelToken, cancelled: &Arc<Counter>) -> Self {
        Self {
            token: token.clone(),
            cancelled: Arc::clone(cancelled),
            is_armed: true,
        }
    }

    /// What was waited for is there.
    pub(crate) fn disarm(mut self) {
        self.is_armed = false;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if self.is_armed {
            self.token.cancel();
            self.cancelled.increment();
        }
    }
}

/// Does some work that looks at a token. It is asked to end when the client hangs up, when it took too long, and when the
/// server stops; what it gives then is its own word.
pub(crate) async fn cancellable<T: Send + 'static>(
    app: &Arc<App>,
    token: &CancelToken,
    time_max: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let guard = CancelOnDrop::new(token, &app.metrics.queries_cancelled);
    let mut stopping = app.stopping.subscribe();
    let mut task = tokio::task::spawn_blocking(work);
    let done = tokio::select! {
        done = &mut task => Some(done),
        _ = stopping.wait_for(|stop| *stop) => None,
        () = tokio::time::sleep(time_max) => None,
    };
    let done = match done {
        Some(done) => done,
        None => {
            token.cancel();
            task.await
        }
    };
    guard.disarm();
    done.map_err(|_| ApiError::new(ErrorType::Internal, "the request could not be answered"))
}
