//! The methods of times and durations.

use super::calendar::{self, Civil};
use super::{DurationNs, Time, YEAR_1_TO_UNIX_S, Zone};
use crate::arguments::Arguments;
use crate::functions::{Param, Signature};
use crate::value::{Object, Value};

const NONE: Signature = Signature::of(&[]);
const TIME: Signature = Signature::of(&[Param::Time]);
const DURATION: Signature = Signature::of(&[Param::Duration]);

impl Time {
    /// What a method of a time takes.
    pub(crate) fn method(name: &str) -> Option<Signature> {
        Some(match name {
            "Day" | "Hour" | "IsDST" | "IsZero" | "Local" | "Location" | "Minute" | "Month"
            | "Nanosecond" | "Second" | "String" | "UTC" | "Unix" | "UnixMicro" | "UnixMilli"
            | "UnixNano" | "Weekday" | "Year" | "YearDay" => NONE,
            "After" | "Before" | "Compare" | "Equal" | "Sub" => TIME,
            "Add" | "Round" | "Truncate" => DURATION,
            "AddDate" => const { Signature::of(&[Param::Int, Param::Int, Param::Int]) },
            "Format" => const { Signature::of(&[Param::String]) },
            "In" => const { Signature::of(&[Param::Any]) },
            _ => return None,
        })
    }

    /// Calls a method that [`Time::method`] knows.
    pub(crate) fn call(&self, name: &str, arguments: &Arguments<'_>) -> Result<Value, String> {
        let civil = || self.civil();
        Ok(match name {
            "Add" => self.plus(arguments.duration(0)).into(),
            "AddDate" => self
                .plus_date(arguments.int(0), arguments.int(1), arguments.int(2))
                .into(),
            "After" => (self.unix_ns() > arguments.time(0).unix_ns()).into(),
            "Before" => (self.unix_ns() < arguments.time(0).unix_ns()).into(),
            "Compare" => {
                let order = self.unix_ns().cmp(&arguments.time(0).unix_ns());
                Value::Int(order as i64)
            }
            "Day" => civil().day.into(),
            "Equal" => (*self == arguments.time(0)).into(),
            "Format" => self.format(arguments.string(0)).into(),
            "Hour" => civil().hour.into(),
            "In" => match zone_of(arguments.value(0)) {
                Some(zone) => self.clone().with_zone(zone).into(),
                None => {
                    let given = arguments.value(0).type_name();
                    return Err(format!(
                        "wrong type for value; expected *time.Location; got {given}"
                    ));
                }
            },
            "IsDST" => self.zone.info(self.seconds).is_dst.into(),
            "IsZero" => self.is_zero().into(),
            "Local" => self
                .clone()
                .with_zone(arguments.local_zone().clone())
                .into(),
            "Location" => Value::object(Location(self.zone.clone())),
            "Minute" => civil().minute.into(),
            "Month" => Value::object(Named::month(&civil())),
            "Nanosecond" => i64::from(self.nanos).into(),
            "Round" => self.rounded(arguments.duration(0), true).into(),
            "Second" => civil().second.into(),
            "String" => self.to_string().into(),
            "Sub" => self.since(&arguments.time(0)).into(),
            "Truncate" => self.rounded(arguments.duration(0), false).into(),
            "UTC" => self.clone().with_zone(Zone::Utc).into(),
            "Unix" => self.seconds.into(),
            "UnixMicro" => int64(self.unix_ns().div_euclid(1_000)),
            "UnixMilli" => int64(self.unix_ns().div_euclid(1_000_000)),
            "UnixNano" => int64(self.unix_ns()),
            "Weekday" => Value::object(Named::weekday(&civil())),
            "Year" => civil().year.into(),
            "YearDay" => civil().year_day.into(),
            _ => return Err(format!("{name} is not a method of time.Time")),
        })
    }

    /// Days that a month has not carry over into the next one.
    fn plus_date(&self, years: i64, months: i64, days: i64) -> Self {
        // Far beyond what a time can be, and far from overflow.
        const MAX: i64 = 1 << 40;
        let [years, months, days] = [years, months, days].map(|n| n.clamp(-MAX, MAX));
        let civil = self.civil();
        let month = civil.month + months;
        let whole_years = (month - 1).div_euclid(12);
        let day = calendar::days_before(
            civil.year + years + whole_years,
            (month - 1).rem_euclid(12) + 1,
            1,
        ) + civil.day
            - 1
            + days;
        let second_of_day = civil.hour * 3_600 + civil.minute * 60 + civil.second;
        let local_s = i128::from(day) * 86_400 + i128::from(second_of_day);
        self.at_local(local_s)
    }

    /// The time at which clocks of the zone show these seconds since 1970.
    fn at_local(&self, local_s: i128) -> Self {
        let guess = local_s.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        // The offset before a change of clocks, then that of the time so found.
        let first = i128::from(self.zone.info(guess).offset_s);
        let again = (local_s - first).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64;
        let offset = i128::from(self.zone.info(again).offset_s);
        self.at_ns((local_s - offset) * 1_000_000_000 + i128::from(self.nanos))
    }

    /// The multiple of a duration since year 1 that is nearest (halves up) or next below.
    fn rounded(&self, multiple: DurationNs, nearest: bool) -> Self {
        if multiple.0 <= 0 {
            return self.clone();
        }
        let since_year_1 = self.unix_ns() + i128::from(YEAR_1_TO_UNIX_S) * 1_000_000_000;
        let multiple = i128::from(multiple.0);
        let rest = since_year_1.rem_euclid(multiple);
        let up = nearest && rest * 2 >= multiple;
        self.at_ns(self.unix_ns() - rest + if up { multiple } else { 0 })
    }
}

fn int64(value: i128) -> Value {
    Value::Int(value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// The zone of a location that a time gave.
fn zone_of(value: &Value) -> Option<Zone> {
    match value {
        Value::Object(object) if object.type_name() == Location::TYPE => {
            match object.underlying() {
                Some(Value::Time(time)) => Some(time.zone),
                _ => None,
            }
        }
        _ => None,
    }
}

impl DurationNs {
    /// What a method of a duration takes.
    pub(crate) fn method(name: &str) -> Option<Signature> {
        Some(match name {
            "Abs" | "Hours" | "Microseconds" | "Milliseconds" | "Minutes" | "Nanoseconds"
            | "Seconds" | "String" => NONE,
            "Round" | "Truncate" => DURATION,
            _ => return None,
        })
    }

    /// Calls a method that [`DurationNs::method`] knows.
    pub(crate) fn call(self, name: &str, arguments: &Arguments<'_>) -> Result<Value, String> {
        Ok(match name {
            "Abs" => Self(self.0.saturating_abs()).into(),
            "Hours" => self.in_units(3_600_000_000_000).into(),
            "Microseconds" => (self.0 / 1_000).into(),
            "Milliseconds" => (self.0 / 1_000_000).into(),
            "Minutes" => self.in_units(60_000_000_000).into(),
            "Nanoseconds" => self.0.into(),
            "Round" => self.round(arguments.duration(0)).into(),
            "Seconds" => self.as_seconds().into(),
            "String" => self.to_string().into(),
            "Truncate" => self.truncate(arguments.duration(0)).into(),
            _ => return Err(format!("{name} is not a method of time.Duration")),
        })
    }
}

/// A month or day of the week: a number that prints as its name.
#[derive(Debug)]
struct Named {
    type_name: &'static str,
    number: i64,
    name: &'static str,
}

impl Named {
    fn month(civil: &Civil) -> Self {
        Self {
            type_name: "time.Month",
            number: civil.month,
            name: civil.month_name(),
        }
    }

    fn weekday(civil: &Civil) -> Self {
        Self {
            type_name: "time.Weekday",
            number: civil.weekday,
            name: civil.weekday_name(),
        }
    }
}

impl Object for Named {
    fn type_name(&self) -> &str {
        self.type_name
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "String").then_some(NONE)
    }

    fn call(&self, _name: &str, _arguments: &Arguments<'_>) -> Result<Value, String> {
        Ok(self.name.into())
    }

    fn underlying(&self) -> Option<Value> {
        Some(Value::Int(self.number))
    }

    fn text(&self) -> Option<String> {
        Some(self.name.to_owned())
    }
}

/// A zone, as `.Location` gives it and `.In` takes it.
#[derive(Debug)]
struct Location(Zone);

impl Location {
    const TYPE: &'static str = "*time.Location";
}

impl Object for Location {
    fn type_name(&self) -> &str {
        Self::TYPE
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "String").then_some(NONE)
    }

    fn call(&self, _name: &str, _arguments: &Arguments<'_>) -> Result<Value, String> {
        Ok(self.0.name().into())
    }

    /// A time that has the zone, since there is no plain value for a zone.
    fn underlying(&self) -> Option<Value> {
        Some(Time::ZERO.with_zone(self.0.clone()).into())
    }

    fn text(&self) -> Option<String> {
        Some(self.0.name().to_owned())
    }
}
