//! What a function is called with.

use std::cell::Cell;

use crate::bounded::Bounded;
use crate::time::{DurationNs, Time, Zone};
use crate::value::{List, Map, Value};

/// What a call tells the execution apart from its result.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Whether the result would have been longer than allowed.
    pub(crate) exceeded: Cell<bool>,
    /// Steps beyond those that every call takes.
    pub(crate) steps: Cell<u64>,
    /// Steps that are left.
    pub(crate) steps_max: u64,
}

/// The arguments of a call. They have the types of the function's signature; what is not there reads
/// as nothing, so that no function can panic.
#[derive(Debug)]
pub struct Arguments<'a> {
    values: &'a [Value],
    bytes_max: usize,
    local_zone: &'a Zone,
    account: &'a Account,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(
        values: &'a [Value],
        bytes_max: usize,
        local_zone: &'a Zone,
        account: &'a Account,
    ) -> Self {
        Self {
            values,
            bytes_max,
            local_zone,
            account,
        }
    }

    /// All arguments.
    #[must_use]
    pub fn values(&self) -> &'a [Value] {
        self.values
    }

    /// The arguments from an index on.
    #[must_use]
    pub fn rest(&self, from: usize) -> &'a [Value] {
        self.values.get(from..).unwrap_or_default()
    }

    /// The argument at an index.
    #[must_use]
    pub fn value(&self, index: usize) -> &'a Value {
        const NOTHING: &Value = &Value::Nil;
        self.values.get(index).unwrap_or(NOTHING)
    }

    /// A text.
    #[must_use]
    pub fn string(&self, index: usize) -> &'a str {
        self.value(index).as_str().unwrap_or("")
    }

    /// An integer.
    #[must_use]
    pub fn int(&self, index: usize) -> i64 {
        match self.value(index) {
            Value::Int(value) => *value,
            _ => 0,
        }
    }

    /// A time.
    #[must_use]
    pub fn time(&self, index: usize) -> Time {
        match self.value(index) {
            Value::Time(time) => time.clone(),
            _ => Time::ZERO,
        }
    }

    /// A duration.
    #[must_use]
    pub fn duration(&self, index: usize) -> DurationNs {
        match self.value(index) {
            Value::Duration(duration) => *duration,
            _ => DurationNs(0),
        }
    }

    /// A list, or what an object is underneath.
    #[must_use]
    pub fn list(&self, index: usize) -> Option<List> {
        match self.value(index).underlying().as_ref() {
            Value::List(list) => Some(list.clone()),
            _ => None,
        }
    }

    /// A map, or what an object is underneath.
    #[must_use]
    pub fn map(&self, index: usize) -> Option<Map> {
        match self.value(index).underlying().as_ref() {
            Value::Map(map) => Some(map.clone()),
            _ => None,
        }
    }

    /// The zone that counts as local.
    #[must_use]
    pub fn local_zone(&self) -> &'a Zone {
        self.local_zone
    }

    /// Most bytes that a resulting string may have. Functions whose result can be much longer than
    /// what they were given must keep to it while they build it.
    #[must_use]
    pub fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The error of a function whose result would be longer than [`Arguments::bytes_max`].
    #[must_use]
    pub fn too_long(&self) -> String {
        self.account.exceeded.set(true);
        format!("the result has more than {} bytes", self.bytes_max)
    }

    /// Counts steps for work that the sizes of arguments and result do not tell. Says whether there
    /// are so many left: where not, the execution ends after the call, whatever it gives.
    pub fn spend(&self, steps: u64) -> bool {
        let spent = self.account.steps.get().saturating_add(steps);
        self.account.steps.set(spent);
        spent <= self.account.steps_max
    }

    /// Builds a string that is at most [`Arguments::bytes_max`] long.
    pub(crate) fn build(
        &self,
        write: impl FnOnce(&mut Bounded) -> std::fmt::Result,
    ) -> Result<String, String> {
        let mut out = Bounded::new(self.bytes_max);
        write(&mut out).map_err(|_| self.too_long())?;
        Ok(out.into_text())
    }
}
