//! Times, durations and zones as templates see them: with the methods and the layouts of Go.
//!
//! ## Model
//! A [`Time`] is an instant with nanoseconds and the [`Zone`] in which it prints. The zones are
//! compiled in, so that nothing reads a disk. Times before year 1 and after 9999 are computed with
//! the first or last offset of their zone.

mod calendar;
mod duration;
mod layout;
mod methods;
mod parse;
mod zone;

pub use duration::DurationNs;
pub use parse::TimeParseError;
pub use zone::{UnknownZone, Zone};

use calendar::Civil;

/// From the start of year 1 to that of 1970, in seconds.
const YEAR_1_TO_UNIX_S: i64 = 62_135_596_800;

/// Farthest from 1970, in seconds. Chosen: half a billion years leave room for sums in 64 bits.
const SECONDS_MAX: i64 = 1 << 54;

/// A point in time.
#[derive(Debug, Clone)]
pub struct Time {
    /// Seconds since 1970, rounded down.
    seconds: i64,
    /// Nanoseconds since that second.
    nanos: u32,
    zone: Zone,
}

impl Time {
    /// What Go has where no time was set: the start of year 1.
    pub const ZERO: Self = Self {
        seconds: -YEAR_1_TO_UNIX_S,
        nanos: 0,
        zone: Zone::Utc,
    };

    /// The time of milliseconds since 1970, in UTC.
    #[must_use]
    pub fn from_unix_ms(unix_ms: i64) -> Self {
        Self::from_unix_ns(i128::from(unix_ms) * 1_000_000)
    }

    /// The time of nanoseconds since 1970, in UTC. Beyond half a billion years the last time that
    /// there is.
    #[must_use]
    pub fn from_unix_ns(unix_ns: i128) -> Self {
        const NS_MAX: i128 = SECONDS_MAX as i128 * 1_000_000_000;
        let unix_ns = unix_ns.clamp(-NS_MAX, NS_MAX);
        Self {
            seconds: unix_ns.div_euclid(1_000_000_000) as i64,
            nanos: unix_ns.rem_euclid(1_000_000_000) as u32,
            zone: Zone::Utc,
        }
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub fn unix_ns(&self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// Seconds since 1970, rounded down.
    #[must_use]
    pub fn unix_s(&self) -> i64 {
        self.seconds
    }

    /// The same instant in another zone.
    #[must_use]
    pub fn with_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The zone in which it prints.
    #[must_use]
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Whether it is [`Time::ZERO`], in any zone.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.seconds == Self::ZERO.seconds && self.nanos == 0
    }

    /// The time later by a duration.
    #[must_use]
    pub fn plus(&self, duration: DurationNs) -> Self {
        self.at_ns(self.unix_ns() + i128::from(duration.0))
    }

    /// How much later it is than another; the longest duration where it is more.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> DurationNs {
        DurationNs::saturating(self.unix_ns() - earlier.unix_ns())
    }

    /// The time in a layout of Go, which shows how it prints the reference time
    /// `Mon Jan 2 15:04:05 MST 2006`.
    #[must_use]
    pub fn format(&self, layout: &str) -> String {
        layout::format(self, layout)
    }

    /// Reads a time that is written in a layout of Go. Where it has no zone, it is in UTC.
    ///
    /// # Errors
    /// Which part of the text does not fit which part of the layout.
    pub fn parse(layout: &str, text: &str) -> Result<Self, TimeParseError> {
        parse::parse(layout, text)
    }

    fn at_ns(&self, unix_ns: i128) -> Self {
        Self::from_unix_ns(unix_ns).with_zone(self.zone.clone())
    }

    fn civil(&self) -> Civil {
        let offset = i64::from(self.zone.info(self.seconds).offset_s);
        Civil::of(self.seconds + offset)
    }
}

impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        self.unix_ns() == other.unix_ns()
    }
}

impl Eq for Time {}

/// As Go prints times: `2015-06-23 13:19:44.128 +0000 UTC`.
impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.format("2006-01-02 15:04:05.999999999 -0700 MST"))
    }
}

#[cfg(test)]
mod tests;
