//! What can be checked.

use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Outcome;

/// A check that runs.
pub type Checking<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// Something that can be checked again and again. Each closure that gives a future of an [`Outcome`],
/// or of a `Result<(), E>`, is one.
///
/// A check may hang and panic: see [`HealthRegistry`](super::HealthRegistry). One that blocks its
/// thread belongs into [`blocking`].
pub trait Probe: Send + Sync + 'static {
    /// Looks once. The future is dropped where it takes longer than its probe's time-out.
    fn check(&self) -> Checking<'_>;
}

impl<F, R> Probe for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: Future + Send + 'static,
    R::Output: Into<Outcome>,
{
    fn check(&self) -> Checking<'_> {
        let looking = self();
        Box::pin(async move { looking.await.into() })
    }
}

/// A probe whose check blocks its thread: it gets one of those that the runtime has for that.
///
/// One that hangs keeps its thread, which nothing can take away from it; no second one is started
/// before it ends, and until then the probe is down.
///
/// ```
/// use bellwether_sdk::health::{Outcome, Probe, blocking};
///
/// fn is_probe(_: &impl Probe) {}
/// is_probe(&blocking(|| std::fs::metadata("/var/lib/jobs").map(drop)));
/// # let _unused = Outcome::up();
/// ```
#[must_use]
pub fn blocking<F, O>(check: F) -> impl Probe
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Into<Outcome>,
{
    Blocking {
        check: Arc::new(check),
        busy: Arc::default(),
    }
}

struct Blocking<F> {
    check: Arc<F>,
    /// Since when a check runs.
    busy: Arc<Mutex<Option<Instant>>>,
}

impl<F, O> Probe for Blocking<F>
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Into<Outcome>,
{
    fn check(&self) -> Checking<'_> {
        Box::pin(async move {
            let busy = match Busy::begin(&self.busy) {
                Ok(busy) => busy,
                Err(since) => {
                    let seconds = since.elapsed().as_secs_f64();
                    let reason = format!("a check blocks its thread for {seconds:.1} s");
                    return Outcome::Down(reason);
                }
            };
            let check = Arc::clone(&self.check);
            let running = tokio::task::spawn_blocking(move || {
                let _busy = busy;
                check().into()
            });
            match running.await {
                Ok(outcome) => outcome,
                Err(error) => match error.try_into_panic() {
                    // The registry says what became of it.
                    Ok(panic) => resume_unwind(panic),
                    Err(_) => Outcome::down("the runtime ends"),
                },
            }
        })
    }
}

/// A check that runs, until it is dropped.
struct Busy(Arc<Mutex<Option<Instant>>>);

impl Busy {
    /// # Errors
    /// Since when another one runs.
    fn begin(busy: &Arc<Mutex<Option<Instant>>>) -> Result<Self, Instant> {
        let mut since = busy.lock();
        match *since {
            Some(since) => Err(since),
            None => {
                *since = Some(Instant::now());
                Ok(Self(Arc::clone(busy)))
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}
