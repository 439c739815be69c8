//! The functions that Alertmanager gives to the templates of notifications, and the data that they
//! are executed with.
//!
//! ## Model
//! [`library`] has all functions; it is made once. Notifications are executed with a
//! [`Notification`]. [`route_labels`] lays the function `routeLabels` over the library, which
//! executes labels of a route that are templates themselves.

mod data;
mod key_values;
mod route_labels;

use std::sync::Arc;

use base64::DecodeError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;

pub use data::{Alert, AlertStatus, Notification, NotificationParts};
pub use key_values::KeyValues;
pub use route_labels::{RouteLabels, route_labels};

use super::humanize::{humanize_duration, to_float};
use super::text::{Regexes, Rest, lower, title, upper};
use super::{Functions, Param, Signature};
use crate::arguments::Arguments;
use crate::json::{JsonError, write_json};
use crate::time::{Time, Zone};
use crate::url::query_unescaped;
use crate::value::{List, Map, Value};

const STRING: Signature = Signature::of(&[Param::String]);
const ANY: Signature = Signature::of(&[Param::Any]);
const TWO_STRINGS: Signature = Signature::of(&[Param::String, Param::String]);
const STRING_AND_TIME: Signature = Signature::of(&[Param::String, Param::Time]);

/// All functions. `now` tells the time.
#[must_use]
pub fn library<N>(now: N) -> Functions
where
    N: Fn() -> Time + Send + Sync + 'static,
{
    let mut functions = Functions::new();
    add_texts(&mut functions);
    add_times(&mut functions, now);
    add_collections(&mut functions);
    functions.add("toJson", ANY, to_json);
    // Replaced where a route has labels; empty for those that it has not.
    functions.add("routeLabels", STRING, |_| Ok("".into()));
    functions
}

fn text<F>(functions: &mut Functions, name: &str, function: F)
where
    F: Fn(&str) -> Result<String, String> + Send + Sync + 'static,
{
    functions.add(name, STRING, move |arguments| {
        Ok(function(arguments.string(0))?.into())
    });
}

fn add_texts(functions: &mut Functions) {
    text(functions, "toUpper", |text| Ok(upper(text)));
    text(functions, "toLower", |text| Ok(lower(text)));
    text(functions, "title", |text| Ok(title(text, Rest::Lower)));
    text(functions, "trimSpace", |text| Ok(text.trim().to_owned()));
    text(functions, "urlUnescape", query_unescaped);
    text(functions, "base64encode", |text| Ok(URL_SAFE.encode(text)));
    text(functions, "base64decode", base64_decoded);
    functions.add("safeHtml", STRING, |arguments| {
        Ok(Value::safe_html(arguments.string(0)))
    });
    functions.add("safeUrl", STRING, |arguments| {
        Ok(Value::safe_url(arguments.string(0)))
    });
    functions.add(
        "join",
        Signature::of(&[Param::String, Param::Strings]),
        |arguments| {
            let list = arguments.list(1);
            let values = list.as_ref().map_or(&[][..], List::values);
            let text = arguments.build(|out| {
                for (index, value) in values.iter().enumerate() {
                    let separator = if index == 0 { "" } else { arguments.string(0) };
                    std::fmt::Write::write_str(out, separator)?;
                    std::fmt::Write::write_str(out, value.as_str().unwrap_or(""))?;
                }
                Ok(())
            })?;
            Ok(text.into())
        },
    );
    let regexes = Arc::new(Regexes::default());
    let for_match = Arc::clone(&regexes);
    functions.add("match", TWO_STRINGS, move |arguments| {
        let found = for_match.is_match(arguments.string(0), arguments.string(1), arguments)?;
        Ok(Value::Bool(found))
    });
    functions.add(
        "reReplaceAll",
        Signature::of(&[Param::String, Param::String, Param::String]),
        move |arguments| {
            let [pattern, replacement, text] = [0, 1, 2].map(|index| arguments.string(index));
            let text = regexes.replace_all(pattern, replacement, text, arguments)?;
            Ok(text.into())
        },
    );
}

fn base64_decoded(text: &str) -> Result<String, String> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = URL_SAFE.decode(&text).map_err(|error| {
        let at = match error {
            DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
            DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => text.len(),
        };
        format!("illegal base64 data at input byte {at}")
    })?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn add_times<N>(functions: &mut Functions, now: N)
where
    N: Fn() -> Time + Send + Sync + 'static,
{
    let now = Arc::new(now);
    let for_since = Arc::clone(&now);
    functions.add("now", Signature::of(&[]), move |_| Ok(now().into()));
    functions.add("since", Signature::of(&[Param::Time]), move |arguments| {
        Ok(for_since().since(&arguments.time(0)).into())
    });
    functions.add("date", STRING_AND_TIME, |arguments| {
        Ok(arguments.time(1).format(arguments.string(0)).into())
    });
    functions.add("tz", STRING_AND_TIME, |arguments| {
        let zone = match arguments.string(0) {
            "Local" => arguments.local_zone().clone(),
            name => Zone::named(name).map_err(|error| error.to_string())?,
        };
        Ok(arguments.time(1).with_zone(zone).into())
    });
    functions.add("toDate", TWO_STRINGS, |arguments| {
        let parsed = Time::parse(arguments.string(0), arguments.string(1));
        Ok(parsed.unwrap_or(Time::ZERO).into())
    });
    functions.add("mustToDate", TWO_STRINGS, |arguments| {
        let parsed = Time::parse(arguments.string(0), arguments.string(1));
        Ok(parsed.map_err(|error| error.to_string())?.into())
    });
    functions.add("humanizeDuration", ANY, |arguments| {
        Ok(humanize_duration(to_float(arguments.value(0))?).into())
    });
}

fn add_collections(functions: &mut Functions) {
    functions.add(
        "stringSlice",
        Signature::variadic(&[], Param::String),
        |arguments| {
            let texts = arguments.values().iter().filter_map(Value::as_str);
            Ok(List::of_strings(texts).into())
        },
    );
    functions.add("list", Signature::variadic(&[], Param::Any), |arguments| {
        list(arguments.values().to_vec())
    });
    functions.add(
        "append",
        Signature::variadic(&[Param::List], Param::Any),
        |arguments| {
            let before = arguments.list(0);
            let mut values = before.map_or(Vec::new(), |list| list.values().to_vec());
            values.extend_from_slice(arguments.rest(1));
            list(values)
        },
    );
    functions.add("dict", Signature::variadic(&[], Param::Any), dict);
}

fn list(values: Vec<Value>) -> Result<Value, String> {
    let list = List::new(values).map_err(|error| error.to_string())?;
    Ok(list.into())
}

/// A map of keys and values that follow one another.
fn dict(arguments: &Arguments<'_>) -> Result<Value, String> {
    let (pairs, rest) = arguments.values().as_chunks::<2>();
    if !rest.is_empty() {
        return Err("dict requires an even number of arguments".to_owned());
    }
    let mut entries = Vec::with_capacity(pairs.len());
    for [key, value] in pairs {
        let Value::String(key) = key else {
            return Err("dict keys must be strings".to_owned());
        };
        entries.push((Arc::clone(key), value.clone()));
    }
    let map = Map::new(entries).map_err(|error| error.to_string())?;
    Ok(map.into())
}

fn to_json(arguments: &Arguments<'_>) -> Result<Value, String> {
    let mut unsupported = None;
    let text = arguments.build(|out| {
        write_json(out, arguments.value(0)).or_else(|error| match error {
            JsonError::TooLong => Err(std::fmt::Error),
            error => {
                unsupported = Some(error.to_string());
                Ok(())
            }
        })
    })?;
    match unsupported {
        Some(reason) => Err(reason),
        None => Ok(text.into()),
    }
}
