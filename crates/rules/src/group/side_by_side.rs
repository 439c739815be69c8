//! Rules of one group that are evaluated side by side.
//!
//! ## Model
//! A stretch is a run of rules none of which reads another one of it. Its rules are evaluated by a
//! few threads; what they give is taken in the order in which they are done, so that an alert does
//! not wait for a slow neighbour.
//!
//! ## Invariants
//! A rule sees what it would see if the rules were evaluated one after another.

use std::ops::Range;
use std::sync::mpsc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::dependencies::Reads;

/// Rules of a stretch: what they write waits until all are done. Chosen: memory stays bounded, and
/// threads are rarely idle at its end.
const STRETCH_MAX: usize = 64;
/// Threads of one turn. Chosen: as Prometheus; one group does not take a whole machine.
const THREADS_MAX: usize = 4;
/// A turn that took less, s, is not worth the threads. Chosen: some hundred times what they cost.
const WORTH_SECONDS: f64 = 0.02;

/// Where the next stretch ends that begins at a rule.
pub(super) fn stretch(reads: &[Reads], begin: usize) -> Range<usize> {
    let rest = reads.iter().enumerate().skip(begin);
    let end = rest
        .take(STRETCH_MAX)
        .find(|(index, reads)| (begin..*index).any(|before| reads.includes(before)))
        .map_or_else(|| reads.len().min(begin + STRETCH_MAX), |(index, _)| index);
    begin..end
}

/// Threads beside one's own that a turn may have, taken from what no other turn needs now.
#[derive(Debug)]
pub(super) struct Helpers<'a>(Vec<SemaphorePermit<'a>>);

impl<'a> Helpers<'a> {
    /// None where the turns of a group are quick.
    pub(super) fn of(workers: Option<&'a Semaphore>, last_turn_seconds: f64) -> Self {
        let workers = workers.filter(|_| last_turn_seconds >= WORTH_SECONDS);
        let permits = workers.into_iter().flat_map(|workers| {
            let others = 1..THREADS_MAX;
            others.map_while(|_| workers.try_acquire().ok())
        });
        Self(permits.collect())
    }
}

/// Evaluates rules with all helpers; `take` gets what they give, on this thread.
pub(super) fn each<R: Send, T: Send>(
    rules: &mut [R],
    helpers: &Helpers<'_>,
    evaluate: impl Fn(&mut R) -> T + Sync,
    mut take: impl FnMut(usize, &mut R, T),
) {
    if helpers.0.is_empty() || rules.len() < 2 {
        for (index, rule) in rules.iter_mut().enumerate() {
            let given = evaluate(rule);
            take(index, rule, given);
        }
        return;
    }
    // This thread only takes: its core is for one of them.
    let threads = (helpers.0.len() + 1).min(rules.len());
    let waiting = Mutex::new(rules.iter_mut().enumerate());
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, waiting, evaluate) = (sender.clone(), &waiting, &evaluate);
            scope.spawn(move || {
                loop {
                    // Not held while the rule is evaluated.
                    let next = waiting.lock().next();
                    let Some((index, rule)) = next else { return };
                    let given = evaluate(rule);
                    if sender.send((index, rule, given)).is_err() {
                        // The other side panics.
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (index, rule, given) in receiver {
            take(index, rule, given);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use parking_lot::Condvar;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn what_is_done_is_taken_while_a_slow_neighbour_works() {
        let workers = Semaphore::new(1);
        let helpers = Helpers::of(Some(&workers), 1.0);
        let (taken, changed) = (Mutex::new(Vec::new()), Condvar::new());
        let mut rules = [0, 1, 2, 3];
        each(
            &mut rules,
            &helpers,
            |rule| {
                let mut taken = taken.lock();
                let are_others_taken = |taken: &mut Vec<usize>| taken.len() < 3;
                if *rule == 0 {
                    let waited = changed.wait_while_for(&mut taken, are_others_taken, SOON);
                    return !waited.timed_out();
                }
                true
            },
            |index, rule, is_in_time| {
                assert!(is_in_time, "{rule}");
                *rule += 10;
                taken.lock().push(index);
                changed.notify_all();
            },
        );
        assert_eq!(rules, [10, 11, 12, 13]);
        let taken = taken.into_inner();
        assert_eq!((taken.len(), taken.last()), (4, Some(&0)));
    }

    #[test]
    fn a_stretch_ends_before_a_rule_that_reads_one_of_it() {
        let none = || Reads::Rules(Vec::new());
        let reads = [
            none(),
            none(),
            Reads::Rules(vec![0]),
            // Reads what is stored by then.
            Reads::Rules(vec![1]),
            Reads::Anything,
            none(),
        ];
        assert_eq!(stretch(&reads, 0), 0..2);
        assert_eq!(stretch(&reads, 2), 2..4);
        assert_eq!(stretch(&reads, 4), 4..6);
        let many: Vec<Reads> = (0..STRETCH_MAX + 1).map(|_| none()).collect();
        assert_eq!(stretch(&many, 0), 0..STRETCH_MAX);
        assert_eq!(stretch(&many, STRETCH_MAX), STRETCH_MAX..STRETCH_MAX + 1);
    }

    #[test]
    fn quick_turns_and_busy_machines_have_no_helpers() {
        let workers = Semaphore::new(8);
        assert_eq!(Helpers::of(Some(&workers), 0.001).0.len(), 0);
        assert_eq!(Helpers::of(None, 1.0).0.len(), 0);
        let helpers = Helpers::of(Some(&workers), 1.0);
        assert_eq!((helpers.0.len(), workers.available_permits()), (3, 5));
        drop(helpers);
        let busy = Semaphore::new(0);
        assert_eq!(Helpers::of(Some(&busy), 1.0).0.len(), 0);
    }
}
