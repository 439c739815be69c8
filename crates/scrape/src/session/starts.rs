//! When the counters of a target started.

use bellwether_storage::WriteBatch;
use rustc_hash::FxHashMap;

use crate::cache::Group;

/// When counters started, by groups of series, as OpenMetrics says it: in `x_created` for `x_total`,
/// `x_bucket`, `x_count` and `x_sum` with the same labels.
#[derive(Debug, Default)]
pub(super) struct Starts {
    by_identity: FxHashMap<u64, Group>,
    groups: Vec<StartGroup>,
    free: Vec<Group>,
    /// Whether this pass said any.
    any: bool,
}

#[derive(Debug)]
struct StartGroup {
    identity: u64,
    members: u32,
    /// 0: not said.
    start_ms: i64,
}

impl Starts {
    pub(super) fn begin(&mut self) {
        self.any = false;
    }

    pub(super) fn join(&mut self, identity: u64) -> Group {
        if let Some(group) = self.by_identity.get(&identity) {
            self.groups[*group as usize].members += 1;
            return *group;
        }
        let made = StartGroup {
            identity,
            members: 1,
            start_ms: 0,
        };
        let group = match self.free.pop() {
            Some(group) => {
                self.groups[group as usize] = made;
                group
            }
            None => {
                self.groups.push(made);
                (self.groups.len() - 1) as Group
            }
        };
        self.by_identity.insert(identity, group);
        group
    }

    pub(super) fn leave(&mut self, group: Group) {
        let Some(left) = self.groups.get_mut(group as usize) else {
            return;
        };
        left.members = left.members.saturating_sub(1);
        if left.members == 0 {
            self.by_identity.remove(&left.identity);
            self.free.push(group);
        }
    }

    pub(super) fn set(&mut self, group: Group, seconds: f64) {
        if let Some(found) = self.groups.get_mut(group as usize)
            && seconds.is_finite()
            && seconds > 0.0
        {
            found.start_ms = (seconds * 1000.0) as i64;
            self.any = true;
        }
    }

    /// Gives each float of the batch the start of its group.
    pub(super) fn fill(&self, batch: &mut WriteBatch, groups: &[Group]) {
        if !self.any {
            return;
        }
        batch.starts_ms.resize(batch.series.len(), 0);
        for (start_ms, group) in batch.starts_ms.iter_mut().zip(groups) {
            if let Some(group) = self.groups.get(*group as usize) {
                *start_ms = group.start_ms;
            }
        }
    }
}
