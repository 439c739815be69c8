//! Where times are local.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

/// The zones that are compiled in: what a template prints does not depend on the machine.
static DATABASE: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A zone.
#[derive(Clone)]
pub enum Zone {
    /// Coordinated universal time.
    Utc,
    /// A fixed distance from UTC.
    Fixed(Arc<FixedZone>),
    /// A zone of the database, with its changes over time.
    Named(TimeZone),
}

/// A fixed distance from UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedZone {
    /// How it prints; empty where it has no name.
    pub name: Box<str>,
    /// Seconds east of UTC.
    pub offset_s: i32,
}

/// There is no zone of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {name}")]
pub struct UnknownZone {
    /// The name asked for.
    pub name: String,
}

/// What a zone says about an instant.
pub(super) struct ZoneInfo<'a> {
    /// Seconds east of UTC.
    pub(super) offset_s: i32,
    /// Such as `CET`; empty where there is none.
    pub(super) abbreviation: Cow<'a, str>,
    /// Whether it is summer time.
    pub(super) is_dst: bool,
}

impl Zone {
    /// The zone of a name such as `Europe/Paris`. `UTC` and the empty name are UTC.
    ///
    /// # Errors
    /// Where the database has no such zone.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        if name.is_empty() || name == "UTC" {
            return Ok(Self::Utc);
        }
        DATABASE
            .get(name)
            .map(Self::Named)
            .map_err(|_| UnknownZone {
                name: name.to_owned(),
            })
    }

    /// A zone with a fixed distance from UTC in seconds, east counting up.
    #[must_use]
    pub fn fixed(name: &str, offset_s: i32) -> Self {
        Self::Fixed(Arc::new(FixedZone {
            name: name.into(),
            offset_s,
        }))
    }

    /// The name, empty where it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Utc => "UTC",
            Self::Fixed(fixed) => &fixed.name,
            Self::Named(zone) => zone.iana_name().unwrap_or(""),
        }
    }

    pub(super) fn info(&self, unix_s: i64) -> ZoneInfo<'_> {
        match self {
            Self::Utc => ZoneInfo {
                offset_s: 0,
                abbreviation: Cow::Borrowed("UTC"),
                is_dst: false,
            },
            Self::Fixed(fixed) => ZoneInfo {
                offset_s: fixed.offset_s,
                abbreviation: Cow::Borrowed(&fixed.name),
                is_dst: false,
            },
            Self::Named(zone) => {
                let bounded = unix_s.clamp(
                    Timestamp::MIN.as_second() + 1,
                    Timestamp::MAX.as_second() - 1,
                );
                let timestamp = Timestamp::from_second(bounded).unwrap_or(Timestamp::UNIX_EPOCH);
                let info = zone.to_offset_info(timestamp);
                ZoneInfo {
                    offset_s: info.offset().seconds(),
                    abbreviation: Cow::Owned(info.abbreviation().to_owned()),
                    is_dst: info.dst().is_dst(),
                }
            }
        }
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({:?})", self.name())
    }
}
