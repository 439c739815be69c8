//! All metrics that there are, for those who read them.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

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

/// Brings numbers up to date that are only worth computing when somebody reads them.
type Watcher = Box<dyn Fn() + Send + Sync>;

/// See the module's page. Apart from the sinks of a telemetry, which may hold it to read it at the end.
#[derive(Default)]
pub(crate) struct Numbers {
    /// Held while metrics are made and while somebody reads which there are.
    families: Mutex<BTreeMap<String, Registered>>,
    /// Called before numbers are read. Written when one is added.
    watchers: RwLock<Vec<Watcher>>,
}

impl Numbers {
    pub(crate) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Registered>> {
        self.families.lock()
    }

    pub(crate) fn watch(&self, watcher: Watcher) {
        self.watchers.write().push(watcher);
    }

    /// All families, brought up to date.
    pub(crate) fn families(&self) -> Vec<(String, Registered)> {
        for watcher in self.watchers.read().iter() {
            watcher();
        }
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
