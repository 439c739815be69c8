//! All metrics that there are, for those who read them.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};

use crate::cells::Reader;
use crate::exposition::{Kind, Value};
use crate::family::Readable;

/// A family as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct FamilySnapshot {
    /// With `_total` where it is a counter.
    pub name: String,
    /// What it means.
    pub help: String,
    /// What it is.
    pub kind: Kind,
    /// Labels and value of each series.
    pub series: Vec<(Vec<(String, String)>, Value)>,
}

/// A family as it is kept.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) help: Arc<str>,
    pub(crate) kind: Kind,
    pub(crate) readable: Arc<dyn Readable>,
    /// The [`crate::Family`], of whatever type.
    pub(crate) family: Arc<dyn Any + Send + Sync>,
}

/// Problems that are remembered. Chosen.
pub(crate) const PROBLEMS_MAX: usize = 100;

/// Brings numbers up to date that are only worth computing when somebody reads them.
struct Watcher {
    bring: Box<dyn Fn() + Send + Sync>,
    /// It has: that is said once.
    has_panicked: AtomicBool,
}

/// See the module's page. Apart from the sinks of a telemetry, which may hold it to read it at the end.
#[derive(Default)]
pub(crate) struct Numbers {
    /// Held while metrics are made and while somebody reads which there are.
    families: Mutex<BTreeMap<String, Registered>>,
    /// Called before numbers are read. Written when one is added.
    watchers: RwLock<Vec<Arc<Watcher>>>,
    /// What could not be done as it was asked for.
    problems: Mutex<Vec<String>>,
}

impl Numbers {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.families.lock()
    }

    pub(crate) fn watch(&self, bring: Box<dyn Fn() + Send + Sync>) {
        self.watchers.write().push(Arc::new(Watcher {
            bring,
            has_panicked: AtomicBool::new(false),
        }));
    }

    /// Says what could not be done, and remembers it.
    pub(crate) fn note(&self, problem: String) {
        tracing::warn!(%problem, "numbers are missing");
        let mut problems = self.problems.lock();
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }

    pub(crate) fn problems(&self) -> Vec<String> {
        self.problems.lock().clone()
    }

    /// Calls who wants to be called before numbers are read. What panics there is not the reader's failure,
    /// and watchers may be added meanwhile.
    fn bring_up_to_date(&self) {
        let watchers = self.watchers.read().clone();
        for watcher in watchers {
            let called = panic::catch_unwind(AssertUnwindSafe(|| (watcher.bring)()));
            if let Err(payload) = called
                && !watcher.has_panicked.swap(true, Ordering::Relaxed)
            {
                let text = payload.downcast_ref::<&str>().copied();
                let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
                self.note(format!(
                    "a function that is called before numbers are read panicked: {}",
                    text.unwrap_or("no text")
                ));
            }
        }
    }

    /// All families, brought up to date.
    pub(crate) fn families(&self) -> Vec<(String, Registered)> {
        self.bring_up_to_date();
        let families = self.families.lock();
        let families = families.iter();
        families
            .map(|(name, family)| (name.clone(), family.clone()))
            .collect()
    }

    pub(crate) fn snapshot(&self) -> Vec<FamilySnapshot> {
        let families = self.families();
        let reader = Reader::new();
        let read = |(name, family): (String, Registered)| {
            let mut series = Vec::new();
            family.readable.read_labels(&reader, &mut |labels, value| {
                let owned = labels
                    .iter()
                    .map(|(name, value)| ((*name).into(), (*value).into()));
                series.push((owned.collect(), value));
            });
            FamilySnapshot {
                name,
                help: family.help.to_string(),
                kind: family.kind,
                series,
            }
        };
        families.into_iter().map(read).collect()
    }
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.families.lock().keys().cloned().collect();
        f.debug_struct("Numbers").field("families", &names).finish()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Format, Telemetry};

    #[test]
    fn who_reads_survives_what_is_called_before() {
        let telemetry = Telemetry::new(10);
        telemetry.before_read(|| panic!("the queue is gone"));
        let gauge = telemetry.gauge("depth", "Is deep.");
        let again = telemetry.clone();
        telemetry.before_read(move || {
            gauge.set(7.0);
            // One more each time: it is called from the next reading on.
            again.before_read(|| {});
        });
        for _ in 0..2 {
            let page = String::from_utf8(telemetry.render(Format::Prometheus)).unwrap();
            assert!(page.contains("depth 7"), "{page}");
        }
        let problems = telemetry.problems();
        assert_eq!(problems.len(), 1, "said once: {problems:?}");
        assert!(problems[0].contains("the queue is gone"), "{problems:?}");
    }
}
