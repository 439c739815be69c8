//! What workers and submitters of a pool have in common, changed under one lock.
//!
//! ## Model
//! A job takes a *place* in the queue, which is free again when a worker takes the job. Who finds no
//! place may wait for one: he leaves a sender, through which he is promised a place later. A worker that
//! finds no job sleeps; who puts a job there is told whether to wake one.
//!
//! A job that waits for another attempt has no place: whoever submits is not to wait for it. Whatever
//! comes instead of a job that is shed has a place exactly where that one had.
//!
//! Waking is what costs: a thread that sleeps is some microseconds away. So it is done rarely:
//! - Of the sleeping workers one is woken at a time, and wakes the next where it leaves work behind.
//! - Submitters get their places when half of the queue is empty, all that there are at once. One that
//!   has waited for [`PATIENCE`] says so, and gets what there is from then on.
//!
//! ## Invariants
//! Places that are free, promised and taken are together as many as the queue has. Where a worker sleeps
//! and a job waits, a wake is under way or somebody who is awake will look. Promises are kept in the order in which they were asked for,
//! and nobody overtakes those who wait unless there is a place for each of them too.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::queue::{Lines, Priority};

/// How long a submitter waits for places to gather. Chosen: the shortest time that tokio measures; short
/// beside the work of half a queue, long beside a wake.
pub(super) const PATIENCE: Duration = Duration::from_millis(1);

/// Wanted by a submitter that waits; `P` is the place that it is promised.
pub(super) type Promise<P> = oneshot::Sender<P>;

/// See the module's page. `T` is a job.
#[derive(Debug)]
pub(super) struct State<T, P> {
    pub(super) lines: Lines<Queued<T>>,
    places: usize,
    /// Places that are neither taken nor promised.
    free: usize,
    /// Those who wait for a place, longest first. Some may have gone away.
    waiters: VecDeque<Promise<P>>,
    /// Whether one of them has lost patience.
    is_urgent: bool,
    /// Workers that sleep, those that were woken and have not come yet included.
    idle: usize,
    /// Whether a worker was woken that has not come yet.
    is_waking: bool,
    pub(super) workers: usize,
    pub(super) target: usize,
    pub(super) running: usize,
    /// Jobs that were taken and have not ended, wherever they are.
    pub(super) unended: usize,
    /// Whether no more jobs are taken.
    pub(super) is_closed: bool,
    pub(super) totals: Totals,
}

/// A job in its line.
#[derive(Debug)]
pub(super) struct Queued<T> {
    pub(super) job: T,
    /// Whether a place is free when it is taken out.
    has_place: bool,
}

impl<T> Queued<T> {
    /// One for which a place was taken.
    pub(super) fn with_place(job: T) -> Self {
        Self {
            job,
            has_place: true,
        }
    }

    /// One that comes instead of another, which was shed.
    pub(super) fn instead_of<S>(shed: &Queued<S>, job: T) -> Self {
        Self {
            job,
            has_place: shed.has_place,
        }
    }
}

/// What has happened since the beginning.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    /// Jobs that were taken.
    pub(super) taken_count: u64,
    /// Attempts that have ended, and how long they took together.
    pub(super) run_count: u64,
    pub(super) busy_ns: u64,
}

/// What a worker has just done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ran {
    /// How long the attempt took; `None`: there was none.
    pub(super) time: Option<Duration>,
    /// Whether the job has ended; otherwise it runs again some time.
    pub(super) is_end: bool,
}

/// What a worker is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    Do(T),
    /// There is nothing to do.
    Sleep,
    /// There are too many workers.
    Leave,
}

/// What a worker does, and who is to be told of it when the lock is given back.
#[derive(Debug)]
pub(super) struct Turn<T, P> {
    pub(super) next: Next<T>,
    /// Whether another worker is to be woken.
    pub(super) is_to_be_woken: bool,
    pub(super) promised: Promised<P>,
}

/// Those to be told that there is a place for them, when the lock is given back.
pub(super) type Promised<P> = Vec<Promise<P>>;

impl<T, P> State<T, P> {
    pub(super) fn new(places: usize) -> Self {
        Self {
            lines: Lines::default(),
            places,
            free: places,
            waiters: VecDeque::new(),
            is_urgent: false,
            idle: 0,
            is_waking: false,
            workers: 0,
            target: 0,
            running: 0,
            unended: 0,
            is_closed: false,
            totals: Totals::default(),
        }
    }

    /// Takes a place, unless there are none but for those who wait already.
    pub(super) fn take_place(&mut self) -> bool {
        let may = self.free > self.waiters.len();
        self.free -= usize::from(may);
        may
    }

    /// Gives places back, and gives those who are to be told of places.
    pub(super) fn free_places(&mut self, count: usize) -> Promised<P> {
        self.free += count;
        let is_time = self.is_urgent || self.free >= self.places.div_ceil(2);
        match is_time && !self.waiters.is_empty() {
            true => self.promise(),
            false => Vec::new(),
        }
    }

    /// Waits for a place.
    pub(super) fn wait(&mut self, promise: Promise<P>) {
        // Those who have gone away are forgotten before the list grows for them.
        if self.waiters.len() == self.waiters.capacity() {
            self.waiters.retain(|waiter| !waiter.is_closed());
        }
        self.waiters.push_back(promise);
    }

    /// Somebody has waited for long.
    pub(super) fn hurry(&mut self) -> Promised<P> {
        self.is_urgent = true;
        self.promise()
    }

    fn promise(&mut self) -> Promised<P> {
        let count = self.free.min(self.waiters.len());
        self.free -= count;
        let promised = self.waiters.drain(..count).collect();
        self.is_urgent &= !self.waiters.is_empty();
        promised
    }

    /// Puts a job that was tried into its line, without a place. Gives whether a worker is to be woken.
    pub(super) fn put_again(&mut self, priority: Priority, job: T) -> bool {
        let has_place = false;
        self.lines.push(priority, Queued { job, has_place });
        self.wake()
    }

    /// Whether to wake a worker.
    fn wake(&mut self) -> bool {
        let is_to_be_woken = self.idle > 0 && !self.is_waking && self.lines.len() > 0;
        self.is_waking |= is_to_be_woken;
        is_to_be_woken
    }

    /// A worker wakes; [`State::next`] says whether another one is to be woken.
    pub(super) fn awake(&mut self) {
        self.idle = self.idle.saturating_sub(1);
        self.is_waking = false;
    }

    /// What a worker does next.
    pub(super) fn next(&mut self) -> Turn<T, P> {
        let mut promised = Promised::new();
        let next = if self.workers > self.target {
            self.workers -= 1;
            Next::Leave
        } else if let Some(Queued { job, has_place }) = self.lines.pop() {
            self.running += 1;
            if has_place {
                promised = self.free_places(1);
            }
            Next::Do(job)
        } else {
            Next::Sleep
        };
        Turn {
            next,
            is_to_be_woken: self.wake(),
            promised,
        }
    }

    /// A worker goes to sleep, if there is nothing for it now.
    pub(super) fn sleep(&mut self) -> bool {
        let may = self.lines.len() == 0 && self.workers <= self.target;
        self.idle += usize::from(may);
        may
    }

    /// A worker has made an attempt. Gives whether its job was the last one there will be.
    pub(super) fn ran(&mut self, ran: Ran) -> bool {
        self.running = self.running.saturating_sub(1);
        if let Some(time) = ran.time {
            self.totals.run_count += 1;
            let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            self.totals.busy_ns = self.totals.busy_ns.wrapping_add(time_ns);
        }
        ran.is_end && self.end()
    }

    /// A worker has died, with what it had yet to tell. Gives whether its job was the last one there
    /// will be, and whether to wake another worker.
    pub(super) fn died(&mut self, ran: Option<Ran>) -> (bool, bool) {
        self.workers = self.workers.saturating_sub(1);
        (ran.is_some_and(|ran| self.ran(ran)), self.wake())
    }

    /// Counts one more worker, unless there are enough.
    pub(super) fn join(&mut self) -> bool {
        let is_missing = self.workers < self.target;
        self.workers += usize::from(is_missing);
        is_missing
    }

    /// Puts a job that was just taken into its line. Gives whether a worker is to be woken.
    pub(super) fn put_new(&mut self, priority: Priority, job: Queued<T>) -> bool {
        self.unended += 1;
        self.totals.taken_count += 1;
        self.lines.push(priority, job);
        self.wake()
    }

    /// Takes the oldest of the least urgent jobs out, with its place if it has one, unless it is more
    /// urgent than `than`.
    pub(super) fn shed(&mut self, than: Priority) -> Option<Queued<T>> {
        self.lines.pop_least(than)
    }

    /// A job has ended. Gives whether it was the last one there will be.
    pub(super) fn end(&mut self) -> bool {
        self.unended = self.unended.saturating_sub(1);
        self.is_closed && self.unended == 0
    }

    /// Takes no more jobs; who waits for a place gets none once this is dropped.
    pub(super) fn close(&mut self) -> VecDeque<Promise<P>> {
        self.is_closed = true;
        self.is_urgent = false;
        std::mem::take(&mut self.waiters)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// What happens next, and with which of those that it may happen to.
    #[derive(Debug, Clone, Copy)]
    enum Step {
        /// Somebody submits a job, or waits for a place.
        Submit,
        /// Somebody submits a job, or sheds another where there is no place.
        Shed,
        /// A worker's job fails and waits for another attempt.
        Fail,
        /// One of those that wait for another attempt goes back into its line.
        Again,
        /// One of those who wait goes away, whether he was promised a place or not.
        GoAway(usize),
        /// Somebody who was promised a place takes it.
        Claim,
        Hurry,
        /// A worker that is awake does its next step.
        Work(usize),
        /// The wake that is under way arrives.
        Arrive,
        Resize(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => Just(Step::Submit),
            2 => Just(Step::Shed),
            2 => Just(Step::Fail),
            2 => Just(Step::Again),
            1 => any::<usize>().prop_map(Step::GoAway),
            4 => Just(Step::Claim),
            1 => Just(Step::Hurry),
            6 => any::<usize>().prop_map(Step::Work),
            3 => Just(Step::Arrive),
            1 => (0usize..5).prop_map(Step::Resize),
        ]
    }

    /// The pool around a state, one step at a time.
    struct Around {
        state: State<u64, ()>,
        places: usize,
        waiting: VecDeque<oneshot::Receiver<()>>,
        awake: usize,
        asleep: usize,
        wakes: usize,
        /// Jobs that wait for another attempt, outside of the lines and in them.
        pausing: Vec<u64>,
        without_place: HashSet<u64>,
        /// What the busy workers do.
        jobs: Vec<u64>,
        submitted: u64,
        /// Jobs that were done or shed.
        ended: u64,
    }

    impl Around {
        fn tell(&mut self, mut promised: Promised<()>) {
            while !promised.is_empty() {
                let told = promised.into_iter().map(|promise| promise.send(()));
                let refused = told.filter(Result::is_err).count();
                promised = match refused {
                    0 => Vec::new(),
                    count => self.state.free_places(count),
                };
            }
        }

        fn put(&mut self) {
            self.submitted += 1;
            let job = Queued::with_place(self.submitted);
            let wakes = self.state.put_new(Priority::Normal, job);
            self.wakes += usize::from(wakes);
        }

        fn shed(&mut self) {
            let Some(shed) = self.state.shed(Priority::Normal) else {
                return;
            };
            self.ended += 1;
            assert!(!self.state.end());
            self.submitted += 1;
            if self.without_place.remove(&shed.job) {
                self.without_place.insert(self.submitted);
            }
            let job = Queued::instead_of(&shed, self.submitted);
            let wakes = self.state.put_new(Priority::Normal, job);
            self.wakes += usize::from(wakes);
        }

        /// The last job that a worker took ends, or is to be tried again.
        fn end(&mut self, is_end: bool) {
            let Some(job) = self.jobs.pop() else { return };
            self.awake += 1;
            match is_end {
                true => self.ended += 1,
                false => self.pausing.push(job),
            }
            self.state.ran(Ran {
                time: Some(Duration::from_nanos(1)),
                is_end,
            });
        }

        fn step(&mut self, step: Step) {
            match step {
                Step::Submit | Step::Shed if self.state.take_place() => self.put(),
                Step::Shed => self.shed(),
                Step::Fail => self.end(false),
                Step::Again => {
                    if let Some(job) = self.pausing.pop() {
                        self.without_place.insert(job);
                        let wakes = self.state.put_again(Priority::Normal, job);
                        self.wakes += usize::from(wakes);
                    }
                }
                Step::Submit => {
                    let (promise, place) = oneshot::channel();
                    self.state.wait(promise);
                    self.waiting.push_back(place);
                }
                Step::GoAway(which) if !self.waiting.is_empty() => {
                    let place = self.waiting.remove(which % self.waiting.len());
                    let had_place = place.is_some_and(|mut place| place.try_recv().is_ok());
                    if had_place {
                        let promised = self.state.free_places(1);
                        self.tell(promised);
                    }
                }
                Step::Claim => {
                    let first = self.waiting.front_mut().map(oneshot::Receiver::try_recv);
                    if let Some(Ok(())) = first {
                        self.waiting.pop_front();
                        self.put();
                    }
                }
                Step::Hurry => {
                    let promised = self.state.hurry();
                    self.tell(promised);
                }
                Step::Work(which) if self.awake + self.jobs.len() > 0 => self.work(which),
                Step::Arrive if self.wakes > 0 && self.asleep > 0 => {
                    self.wakes -= 1;
                    self.asleep -= 1;
                    self.awake += 1;
                    self.state.awake();
                }
                Step::Resize(target) => {
                    self.state.target = target;
                    // All that sleep are woken.
                    for _ in 0..std::mem::take(&mut self.asleep) {
                        self.awake += 1;
                        self.state.awake();
                    }
                    while self.state.join() {
                        self.awake += 1;
                    }
                }
                Step::GoAway(_) | Step::Work(_) | Step::Arrive => {}
            }
        }

        fn work(&mut self, which: usize) {
            if which % (self.awake + self.jobs.len()) < self.jobs.len() {
                self.end(true);
                return;
            }
            let turn = self.state.next();
            self.wakes += usize::from(turn.is_to_be_woken);
            self.tell(turn.promised);
            self.awake -= 1;
            match turn.next {
                Next::Do(job) => {
                    self.without_place.remove(&job);
                    self.jobs.push(job);
                }
                Next::Leave => {}
                Next::Sleep if self.state.sleep() => self.asleep += 1,
                Next::Sleep => self.awake += 1,
            }
        }

        fn check(&mut self) {
            let state = &self.state;
            let taken = state.lines.len() - self.without_place.len();
            assert!(state.free + taken <= self.places, "{state:?}");
            let promised = state.places - state.free - taken;
            assert!(promised <= self.waiting.len(), "{state:?}");
            // Who is awake takes the job or wakes the next one.
            if state.lines.len() > 0 && self.asleep > 0 && self.awake == 0 {
                assert!(state.is_waking && self.wakes > 0, "{state:?}");
            }
            let is_time = state.is_urgent || state.free >= self.places.div_ceil(2);
            let live = state.waiters.iter().filter(|it| !it.is_closed()).count();
            assert!(!is_time || state.free == 0 || live == 0, "{state:?}");
            assert_eq!(state.totals.taken_count, self.submitted);
        }
    }

    proptest! {
        #[test]
        fn whoever_waits_is_called_and_places_stay_as_many(
            steps in proptest::collection::vec(step(), 1..400),
            places in 1usize..12,
        ) {
            let mut around = Around {
                state: State::new(places),
                places,
                waiting: VecDeque::new(),
                awake: 0,
                asleep: 0,
                wakes: 0,
                pausing: Vec::new(),
                without_place: HashSet::new(),
                jobs: Vec::new(),
                submitted: 0,
                ended: 0,
            };
            around.step(Step::Resize(2));
            for step in steps {
                around.step(step);
                around.check();
            }
            // With a worker and time, everybody comes to his end.
            around.step(Step::Resize(1));
            for turn in 0..2_000 {
                around.step(Step::Claim);
                around.step(Step::Again);
                around.step(Step::Work(turn));
                around.step(Step::Arrive);
                around.step(if turn % 16 == 0 { Step::Hurry } else { Step::Claim });
                around.check();
            }
            prop_assert_eq!(around.waiting.len(), 0);
            prop_assert_eq!(around.ended, around.submitted);
            prop_assert_eq!((around.state.free, around.state.unended), (places, 0));
        }
    }
}
