//! What canaries of language models have cost today, and what the last one of each model found.
//!
//! ## Model
//! A [`CanaryLedger`] outlives probes: whoever runs them makes one and hands it to all, scheduled or
//! asked for, so that they share its accounts. An account counts dollars and tokens of one UTC day. A
//! canary reserves what it may cost at most before it is sent; afterwards that is corrected to what it
//! did cost. [`CanaryLedger::spent`] and [`CanaryLedger::restore`] carry the numbers over a restart.
//!
//! ## Invariants
//! - What is reserved counts as spent: canaries that run at the same time cannot pass a limit together.
//! - A canary that was cut off keeps its reservation, since the provider may charge for it.
//! - A clock that is set back opens no new day.
//! - What was found holds until something newer is: while a canary runs, after one that nobody waited for,
//!   and where the budget is spent.
//!
//! ## Limits
//! An account remembers the last canary of [`SUBJECTS_MAX`] subjects (a target, its API and a model). A provider that counts more tokens
//! than were reserved (some bill hidden reasoning) may pass a limit once; then no more is sent.

use std::collections::BTreeMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::module::LlmApi;

/// Chosen: more models than anybody calls.
const SUBJECTS_MAX: usize = 1_000;
const DAY_MS: i64 = 86_400_000;

/// What canaries have spent, by account. See the module's page.
#[derive(Debug, Default)]
pub struct CanaryLedger {
    /// Held for a look or a change.
    accounts: Mutex<BTreeMap<String, Account>>,
}

/// What one account has spent on one day: plain numbers that can be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CanarySpent {
    /// The account's name.
    pub account: String,
    /// The UTC day, counted from 1970-01-01.
    pub day: i64,
    /// What its canaries cost on that day, in dollars.
    pub dollars: f64,
    /// Their tokens, in and out.
    pub tokens: u64,
    /// How many there were.
    pub calls: u64,
}

impl CanaryLedger {
    /// Nothing has been spent.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What every account has spent on its last day, by name.
    #[must_use]
    pub fn spent(&self) -> Vec<CanarySpent> {
        let accounts = self.accounts.lock();
        let spent = accounts.iter().map(|(name, account)| CanarySpent {
            account: name.clone(),
            day: account.day,
            dollars: account.dollars,
            tokens: account.tokens,
            calls: account.calls,
        });
        spent.collect()
    }

    /// Takes over what was spent before a restart. An account that is known already keeps what it has
    /// where that is of a later day. Amounts that make no sense are read as nothing.
    pub fn restore(&self, spent: impl IntoIterator<Item = CanarySpent>) {
        let mut accounts = self.accounts.lock();
        for one in spent {
            let account = accounts.entry(one.account).or_default();
            if one.day >= account.day {
                account.day = one.day;
                account.dollars = one.dollars.max(0.0);
                account.tokens = one.tokens;
                account.calls = one.calls;
            }
        }
    }

    /// Reserves what a canary may cost, or says why none may be sent.
    pub(crate) fn reserve(
        &self,
        wanted: &Wanted<'_>,
        now_ms: i64,
    ) -> Result<Reservation<'_>, Skipped> {
        let mut accounts = self.accounts.lock();
        let account = accounts.entry(wanted.account.to_owned()).or_default();
        account.open_day(now_ms.div_euclid(DAY_MS));
        let last = account.subjects.get(&wanted.subject);
        let found = || last.and_then(|last| last.found.as_ref()?.held(now_ms));
        if last.is_some_and(|last| age(last.sent_ms, now_ms) < wanted.interval_min) {
            return Err(Skipped::Interval(found()));
        }
        let dollars = account.dollars + wanted.cost.dollars;
        let tokens = account.tokens.saturating_add(wanted.cost.tokens);
        let too_dear = wanted.daily_dollars_max.is_some_and(|max| dollars > max);
        let too_many = wanted.daily_tokens_max.is_some_and(|max| tokens > max);
        if too_dear || too_many {
            return Err(Skipped::Budget(found()));
        }
        account.dollars = dollars;
        account.tokens = tokens;
        account.calls = account.calls.saturating_add(1);
        account.send(&wanted.subject, now_ms);
        Ok(Reservation {
            ledger: self,
            account: wanted.account.to_owned(),
            subject: wanted.subject.clone(),
            day: account.day,
            at_ms: now_ms,
            reserved: wanted.cost,
            until: wanted.until,
            is_settled: false,
        })
    }

    /// Dollars and tokens of an account on the day of a time.
    pub(crate) fn spent_on(&self, account: &str, now_ms: i64) -> Cost {
        let accounts = self.accounts.lock();
        match accounts.get(account) {
            Some(account) if account.day >= now_ms.div_euclid(DAY_MS) => Cost {
                dollars: account.dollars,
                tokens: account.tokens,
            },
            _ => Cost::default(),
        }
    }
}

/// Dollars and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Cost {
    pub(crate) dollars: f64,
    pub(crate) tokens: u64,
}

/// What a canary is about: what one of them found says nothing about another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subject {
    target: String,
    api: &'static str,
    model: String,
}

impl Subject {
    pub(crate) fn new(target: &str, api: LlmApi, model: &str) -> Self {
        Self {
            target: target.to_owned(),
            api: api.name(),
            model: model.to_owned(),
        }
    }
}

/// What a canary asks of the ledger.
#[derive(Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) account: &'a str,
    pub(crate) subject: Subject,
    pub(crate) interval_min: Duration,
    pub(crate) daily_dollars_max: Option<f64>,
    pub(crate) daily_tokens_max: Option<u64>,
    /// The most that it is expected to cost.
    pub(crate) cost: Cost,
    /// When the time of its probe is over. `None`: never.
    pub(crate) until: Option<Instant>,
}

/// Why no canary is sent, with what the last one found. That is none where none has ended yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Skipped {
    /// The day's budget is spent.
    Budget(Option<Box<Held>>),
    /// The last one is not long ago.
    Interval(Option<Box<Held>>),
}

/// What a canary of before found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held {
    /// How long ago it was sent.
    pub(crate) age: Duration,
    pub(crate) report: CanaryReport,
}

/// What a canary found.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CanaryReport {
    /// The class and the reason of its failure, if it failed.
    pub(crate) failure: Option<(&'static str, String)>,
    /// From the request to the first token.
    pub(crate) first_token: Option<Duration>,
    /// The longest time from one chunk to the next.
    pub(crate) between_max: Option<Duration>,
    /// From the request to the end.
    pub(crate) total: Option<Duration>,
    /// Tokens in and out, where the provider told.
    pub(crate) usage: Option<(u64, u64)>,
    /// What it cost, where its tokens are known.
    pub(crate) dollars: Option<f64>,
}

#[derive(Debug, Default)]
struct Account {
    day: i64,
    dollars: f64,
    tokens: u64,
    calls: u64,
    subjects: BTreeMap<Subject, LastCanary>,
}

#[derive(Debug)]
struct LastCanary {
    sent_ms: i64,
    /// What it found, or while it runs, the one before. None: none has ended.
    found: Option<Found>,
}

#[derive(Debug)]
struct Found {
    sent_ms: i64,
    report: CanaryReport,
}

impl Found {
    fn held(&self, now_ms: i64) -> Option<Box<Held>> {
        Some(Box::new(Held {
            age: age(self.sent_ms, now_ms),
            report: self.report.clone(),
        }))
    }
}

/// Nothing where the clock was set back.
fn age(sent_ms: i64, now_ms: i64) -> Duration {
    Duration::from_millis(now_ms.saturating_sub(sent_ms).max(0).unsigned_abs())
}

impl Account {
    fn open_day(&mut self, day: i64) {
        if day > self.day {
            self.day = day;
            self.dollars = 0.0;
            self.tokens = 0;
            self.calls = 0;
        }
    }

    fn send(&mut self, subject: &Subject, sent_ms: i64) {
        if let Some(last) = self.subjects.get_mut(subject) {
            last.sent_ms = sent_ms;
            return;
        }
        if self.subjects.len() >= SUBJECTS_MAX {
            let oldest = self.subjects.iter().min_by_key(|(_, last)| last.sent_ms);
            if let Some(oldest) = oldest.map(|(subject, _)| subject.clone()) {
                self.subjects.remove(&oldest);
            }
        }
        let found = None;
        let last = LastCanary { sent_ms, found };
        self.subjects.insert(subject.clone(), last);
    }

    /// Keeps what the canary found that was sent at that time. One that was forgotten meanwhile stays so, and
    /// what a later one found is not overwritten.
    fn found(&mut self, subject: &Subject, sent_ms: i64, report: CanaryReport) {
        if let Some(last) = self.subjects.get_mut(subject)
            && last
                .found
                .as_ref()
                .is_none_or(|found| found.sent_ms <= sent_ms)
        {
            last.found = Some(Found { sent_ms, report });
        }
    }
}

/// Money and tokens that are set aside for a canary that runs.
#[derive(Debug)]
pub(crate) struct Reservation<'l> {
    ledger: &'l CanaryLedger,
    account: String,
    subject: Subject,
    day: i64,
    at_ms: i64,
    reserved: Cost,
    until: Option<Instant>,
    is_settled: bool,
}

impl Reservation<'_> {
    /// Corrects what was reserved to what it cost (`None`: nobody knows, so it stays), and keeps what
    /// was found.
    pub(crate) fn settle(mut self, cost: Option<Cost>, report: CanaryReport) {
        self.end(cost, report);
    }

    fn end(&mut self, cost: Option<Cost>, report: CanaryReport) {
        self.is_settled = true;
        let mut accounts = self.ledger.accounts.lock();
        let Some(account) = accounts.get_mut(&self.account) else {
            return;
        };
        if let Some(cost) = cost
            && account.day == self.day
        {
            let rest = account.dollars - self.reserved.dollars;
            account.dollars = rest.max(0.0) + cost.dollars;
            let rest = account.tokens.saturating_sub(self.reserved.tokens);
            account.tokens = rest.saturating_add(cost.tokens);
        }
        account.found(&self.subject, self.at_ms, report);
    }
}

impl Drop for Reservation<'_> {
    /// A canary that was cut off: where its time was not over, the asker hung up or the settings changed, which
    /// says nothing about the provider.
    fn drop(&mut self) {
        let is_late = self.until.is_some_and(|until| Instant::now() >= until);
        if !self.is_settled && is_late {
            let reason = "the probe's time was over before the canary had ended";
            let failure = Some(("timeout", reason.to_owned()));
            self.end(
                None,
                CanaryReport {
                    failure,
                    ..CanaryReport::default()
                },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(target: &str, tokens: u64) -> Wanted<'_> {
        Wanted {
            account: "team",
            subject: Subject::new(target, LlmApi::OpenAi, "small"),
            interval_min: Duration::from_secs(60),
            daily_dollars_max: Some(1.0),
            daily_tokens_max: Some(100),
            cost: Cost {
                dollars: 0.3,
                tokens,
            },
            until: Some(Instant::now()),
        }
    }

    fn failed() -> CanaryReport {
        CanaryReport {
            failure: Some(("server", "broken".to_owned())),
            ..CanaryReport::default()
        }
    }

    fn held(age_ms: u64, report: CanaryReport) -> Option<Box<Held>> {
        let age = Duration::from_millis(age_ms);
        Some(Box::new(Held { age, report }))
    }

    fn spent(ledger: &CanaryLedger) -> (f64, u64, u64) {
        let spent = ledger.spent().remove(0);
        (spent.dollars, spent.tokens, spent.calls)
    }

    #[test]
    fn reservations_count_until_they_are_settled() {
        let ledger = CanaryLedger::new();
        let first = ledger.reserve(&wanted("a", 60), 0).unwrap();
        assert_eq!(
            ledger.reserve(&wanted("b", 60), 0).err(),
            Some(Skipped::Budget(None))
        );
        let cost = Cost {
            dollars: 0.1,
            tokens: 20,
        };
        first.settle(Some(cost), CanaryReport::default());
        let second = ledger.reserve(&wanted("b", 60), 0).unwrap();
        assert_eq!(spent(&ledger), (0.4, 80, 2));
        // A canary that is cut off is paid for.
        drop(second);
        assert_eq!(spent(&ledger), (0.4, 80, 2));
        assert_eq!(
            ledger.reserve(&wanted("c", 60), 0).err(),
            Some(Skipped::Budget(None))
        );
        let Err(Skipped::Interval(Some(last))) = ledger.reserve(&wanted("b", 1), 0) else {
            panic!("b was asked just now")
        };
        assert_eq!(last.report.failure.unwrap().0, "timeout");
    }

    #[test]
    fn a_canary_that_nobody_waited_for_is_paid_and_says_nothing() {
        let ledger = CanaryLedger::new();
        let patient = || Wanted {
            until: Instant::now().checked_add(Duration::from_secs(60)),
            ..wanted("a", 10)
        };
        drop(ledger.reserve(&patient(), 0).unwrap());
        let at = |ms| ledger.reserve(&patient(), ms).err();
        assert_eq!(at(1), Some(Skipped::Interval(None)));
        assert_eq!(spent(&ledger), (0.3, 10, 1));
        let second = ledger.reserve(&patient(), 60_000).unwrap();
        second.settle(None, failed());
        drop(ledger.reserve(&patient(), 120_000).unwrap());
        assert_eq!(at(120_001), Some(Skipped::Interval(held(60_001, failed()))));
        assert_eq!(spent(&ledger).1, 30);
    }

    #[test]
    fn models_and_apis_of_one_target_are_asked_each_for_themselves() {
        let ledger = CanaryLedger::new();
        let of = |api, model| {
            let wanted = Wanted {
                subject: Subject::new("a", api, model),
                ..wanted("a", 1)
            };
            ledger.reserve(&wanted, 0)
        };
        of(LlmApi::OpenAi, "small").unwrap().settle(None, failed());
        let large = of(LlmApi::OpenAi, "large").unwrap();
        large.settle(None, CanaryReport::default());
        assert!(of(LlmApi::Anthropic, "small").is_ok());
        let again = of(LlmApi::OpenAi, "small").err();
        assert_eq!(again, Some(Skipped::Interval(held(0, failed()))));
    }

    #[test]
    fn dollars_are_a_limit_of_their_own() {
        let ledger = CanaryLedger::new();
        for target in ["a", "b", "c"] {
            let reservation = ledger.reserve(&wanted(target, 1), 0).unwrap();
            reservation.settle(None, CanaryReport::default());
        }
        assert_eq!(
            ledger.reserve(&wanted("d", 1), 0).err(),
            Some(Skipped::Budget(None))
        );
        // What was found before holds.
        let late = ledger.reserve(&wanted("a", 1), 70_000).err();
        let last = held(70_000, CanaryReport::default());
        assert_eq!(late, Some(Skipped::Budget(last)));
    }

    #[test]
    fn a_target_is_asked_once_in_an_interval() {
        let ledger = CanaryLedger::new();
        let running = ledger.reserve(&wanted("a", 1), 0).unwrap();
        let at = |ms| ledger.reserve(&wanted("a", 1), ms).err();
        assert_eq!(at(10), Some(Skipped::Interval(None)));
        running.settle(None, failed());
        let last = Some(Skipped::Interval(held(59_999, failed())));
        assert_eq!(at(59_999), last);
        let running = ledger.reserve(&wanted("a", 1), 60_000).unwrap();
        // While the next one runs, what the last one found holds.
        let last = Some(Skipped::Interval(held(60_010, failed())));
        assert_eq!(at(60_010), last);
        running.settle(None, CanaryReport::default());
        let last = held(20, CanaryReport::default());
        assert_eq!(at(60_020), Some(Skipped::Interval(last)));
        assert_eq!(at(120_000), None);
    }

    #[test]
    fn a_new_day_has_a_new_budget_and_none_comes_back() {
        let ledger = CanaryLedger::new();
        let first = ledger.reserve(&wanted("a", 90), DAY_MS - 1).unwrap();
        let second = ledger.reserve(&wanted("b", 90), DAY_MS).unwrap();
        assert_eq!(spent(&ledger), (0.3, 90, 1));
        // What is settled late changes nothing of today's.
        first.settle(Some(Cost::default()), CanaryReport::default());
        assert_eq!(spent(&ledger), (0.3, 90, 1));
        second.settle(None, CanaryReport::default());
        assert_eq!(
            ledger.reserve(&wanted("c", 90), DAY_MS - 1).err(),
            Some(Skipped::Budget(None))
        );
        let other = CanaryLedger::new();
        other.restore(ledger.spent());
        assert_eq!(other.spent(), ledger.spent());
        assert_eq!(other.spent_on("team", DAY_MS).tokens, 90);
        assert_eq!(other.spent_on("team", 2 * DAY_MS), Cost::default());
        let nonsense = CanarySpent {
            dollars: f64::NAN,
            ..other.spent().remove(0)
        };
        other.restore([nonsense]);
        assert_eq!(other.spent_on("team", DAY_MS).dollars, 0.0);
    }

    #[test]
    fn targets_are_forgotten_oldest_first() {
        let ledger = CanaryLedger::new();
        fn free(target: &str) -> Wanted<'_> {
            Wanted {
                daily_dollars_max: None,
                daily_tokens_max: None,
                ..wanted(target, 1)
            }
        }
        for index in 0..=SUBJECTS_MAX {
            let target = index.to_string();
            let reservation = ledger.reserve(&free(&target), index as i64).unwrap();
            reservation.settle(None, CanaryReport::default());
        }
        assert_eq!(ledger.accounts.lock()["team"].subjects.len(), SUBJECTS_MAX);
        assert!(ledger.reserve(&free("0"), 2_000).is_ok());
        assert!(ledger.reserve(&free("1000"), 2_000).is_err());
    }
}
