//! The nouns of monitoring: what a series, a sample, a histogram, an exemplar and a matcher are.
//!
//! ## Model
//! A *series* is a set of [`Labels`]; a *sample* is a value at a time, in milliseconds since the
//! Unix epoch. A value is a float or a native histogram ([`FloatHistogram`], [`IntHistogram`]).
//! [`Matcher`]s select series by their labels; patterns are [`Regexp`]s.
//!
//! ## Invariants
//! Nothing here does I/O, reads a clock or knows a wire format. Labels are always sorted by name,
//! names are unique, and a label with an empty value does not exist.
//!
//! ## See also
//! `docs/spec/glossary.md` for the words.

mod alert;
mod exemplar;
pub mod go_quote;
pub mod histogram;
mod labels;
mod matcher;
mod metadata;
pub mod number;
mod regexp;
pub mod relabel;
mod sample;
mod severity;
mod shown;
pub mod time;
pub mod utf8_name;

pub use alert::{ALERT_NAME, Alert, AlertFingerprint};
pub use exemplar::Exemplar;
pub use histogram::{CounterReset, FloatHistogram, Histogram, IntHistogram, Span};
pub use labels::{Labels, LabelsBuilder, LabelsError, METRIC_NAME};
pub use matcher::{MatchOp, Matcher, Matchers};
pub use metadata::{Metadata, MetricType};
pub use regexp::{Captures, Regexp, RegexpError};
pub use sample::{STALE_NAN, Value, is_stale_nan};
pub use severity::Severity;
pub use shown::{Short, ShortLabels, short, short_bytes, short_to};
pub use time::TimeRange;
