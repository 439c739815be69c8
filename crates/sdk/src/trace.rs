//! Which request this is.
//!
//! ## Model
//! A [`TraceContext`] names a request (its trace) and a step of it (its span), as W3C Trace Context
//! does. One is current on a thread; [`crate::TelemetryLayer`] keeps it right over spans of `tracing`.
//!
//! ## See also
//! <https://www.w3.org/TR/trace-context/>

use std::cell::Cell;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

/// A request and a step of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TraceContext {
    /// The request; 0 where there is none.
    pub trace_id: u128,
    /// The step; 0 where there is none.
    pub span_id: u64,
}

thread_local! {
    static CURRENT: Cell<TraceContext> = const { Cell::new(TraceContext { trace_id: 0, span_id: 0 }) };
    /// State of the generator of ids; 0 until it has begun.
    static SEED: Cell<u64> = const { Cell::new(0) };
}

impl TraceContext {
    /// The one of this thread, now.
    #[inline]
    #[must_use]
    pub fn current() -> Self {
        CURRENT.get()
    }

    /// A new request and its first step.
    #[must_use]
    pub fn new_root() -> Self {
        Self {
            trace_id: u128::from(new_id()) << 64 | u128::from(new_id()),
            span_id: new_id(),
        }
    }

    /// A new step of the same request; a new request where there is none.
    #[must_use]
    pub fn child(self) -> Self {
        if self.trace_id == 0 {
            return Self::new_root();
        }
        Self {
            span_id: new_id(),
            ..self
        }
    }

    /// Makes it the current one and gives the one that was.
    #[inline]
    pub(crate) fn replace_current(self) -> Self {
        CURRENT.replace(self)
    }

    /// Reads the header `traceparent`; `None`: it is none, or names nothing.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.trim().split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = hex(parts.next()?, 16)?;
        let _flags = hex(parts.next()?, 2)?;
        // Later versions may have more behind it; this one has not, and 255 is none.
        let is_version = version != 255 && (version > 0 || parts.next().is_none());
        let context = Self {
            trace_id,
            span_id: u64::try_from(span_id).ok()?,
        };
        (is_version && context.trace_id != 0 && context.span_id != 0).then_some(context)
    }
}

/// Lets a context be the current one of this thread until it is dropped.
#[derive(Debug)]
pub(crate) struct Current {
    outer: TraceContext,
}

impl Current {
    pub(crate) fn enter(context: TraceContext) -> Self {
        Self {
            outer: context.replace_current(),
        }
    }
}

impl Drop for Current {
    fn drop(&mut self) {
        self.outer.replace_current();
    }
}

/// As the header `traceparent` has it, sampled.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-01", self.trace_id, self.span_id)
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(is_hex) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// A number that is not 0 and that nobody else has: Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators" (SplitMix64), from a seed of the thread's own.
fn new_id() -> u64 {
    let mut seed = SEED.get();
    if seed == 0 {
        seed = RandomState::new().hash_one(std::thread::current().id()) | 1;
    }
    seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    SEED.set(seed.max(1));
    let mut id = seed;
    id = (id ^ id >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    id = (id ^ id >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (id ^ id >> 31).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_written() {
        let context = TraceContext::new_root();
        assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        let id = "0af7651916cd43dd8448eb211c80319c";
        let span = "b7ad6b7169203331";
        assert!(TraceContext::parse(&format!("00-{id}-{span}-00")).is_some());
        assert!(TraceContext::parse(&format!("01-{id}-{span}-00-more")).is_some());
        for wrong in [
            String::new(),
            format!("00-{id}-{span}-00-more"),
            format!("ff-{id}-{span}-00"),
            format!("00-{id}-{}-00", "0".repeat(16)),
            format!("00-{}-{span}-00", "0".repeat(32)),
            format!("00-{}-{span}-00", id.to_uppercase()),
            format!("00-{id}-{span}"),
            "00-é-é-00".to_owned(),
        ] {
            assert_eq!(TraceContext::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_differ() {
        let mut seen = std::collections::HashSet::new();
        let ids = || (0..1_000).map(|_| new_id()).collect::<Vec<u64>>();
        let other = std::thread::spawn(ids).join().unwrap();
        assert!(ids().into_iter().chain(other).all(|id| seen.insert(id)));
        let root = TraceContext::new_root();
        assert_eq!(root.child().trace_id, root.trace_id);
        assert_ne!(TraceContext::default().child().trace_id, 0);
    }
}
