//! Bodies of requests that are JSON objects, read by hand: every error names the place, what is there, and what is
//! allowed.

use bellwether_model::time::parse_duration;
use bellwether_model::{Labels, MatchOp, Matcher, short};
use bellwether_notify::MATCHERS_MAX;
use serde_json::{Map, Value};

use crate::envelope::ApiError;
use crate::params::parse_time;

/// Nothing lasts longer, ms.
const DURATION_MS_MAX: i64 = 24 * 3_600_000;

/// The object that a body is.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_data(format_args!("the body is no JSON: {error}")))?;
    match value {
        Value::Object(entries) => Ok(entries),
        _ => Err(ApiError::bad_data("the body is no JSON object")),
    }
}

/// The entries of an object.
pub(crate) struct Fields<'a> {
    entries: &'a Map<String, Value>,
    /// What stands before their names: `a.` for those of the entry `a`.
    place: String,
}

impl<'a> Fields<'a> {
    /// The entries of a body.
    pub(crate) fn new(entries: &'a Map<String, Value>) -> Self {
        Self {
            entries,
            place: String::new(),
        }
    }

    fn wrong(&self, key: &str, want: &str) -> ApiError {
        ApiError::bad_data(format_args!("{}{key}: want {want}", self.place))
    }

    /// Refuses others than the known.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        let mut keys = self.entries.keys();
        match keys.find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let name = format!("{}{}", self.place, short(key));
                Err(ApiError::bad_data(format_args!(
                    "unknown key {name:?}: want some of {}",
                    known.join(", ")
                )))
            }
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.entries.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, ApiError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(key, "a text")),
        }
    }

    /// A text that has to be there; `what` says what for.
    pub(crate) fn needed_text(&self, key: &str, what: &str) -> Result<String, ApiError> {
        let text = self.text(key)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| {
            ApiError::bad_data(format_args!("{}{key} is missing: {what}", self.place))
        })
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, ApiError> {
        let wrong = || self.wrong(key, "a number");
        match self.get(key) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_f64().map(Some).ok_or_else(wrong),
            // What JSON has no number for.
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<bool, ApiError> {
        self.boolean_or(key, false)
    }

    pub(crate) fn boolean_or(&self, key: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    pub(crate) fn duration(&self, key: &str, default_ms: i64) -> Result<i64, ApiError> {
        let Some(text) = self.text(key)? else {
            return Ok(default_ms);
        };
        let wrong = || {
            let want = "want a duration above 0 and at most 1d, such as 5m";
            let place = &self.place;
            ApiError::bad_data(format_args!("{place}{key} {:?}: {want}", short(&text)))
        };
        let duration_ms = parse_duration(&text).map_err(|_| wrong())?;
        if !(1..=DURATION_MS_MAX).contains(&duration_ms) {
            return Err(wrong());
        }
        Ok(duration_ms)
    }

    /// A time: seconds since 1970 as a number or a text, or RFC 3339. In ms.
    pub(crate) fn time(&self, key: &str) -> Result<Option<i64>, ApiError> {
        let text = match self.get(key) {
            None => return Ok(None),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                return Err(self.wrong(key, "seconds since 1970, or a time of RFC 3339"));
            }
        };
        let place = &self.place;
        parse_time(&text)
            .map(Some)
            .map_err(|reason| ApiError::bad_data(format_args!("{place}{key}: {reason}")))
    }

    /// A time that has to be there.
    pub(crate) fn needed_time(&self, key: &str) -> Result<i64, ApiError> {
        self.time(key)?
            .ok_or_else(|| self.wrong(key, "seconds since 1970, or a time of RFC 3339"))
    }

    pub(crate) fn labels(&self, key: &str) -> Result<Labels, ApiError> {
        let wrong = || self.wrong(key, "an object of names and texts");
        let entries = match self.get(key) {
            None => return Ok(Labels::empty()),
            Some(Value::Object(entries)) => entries,
            Some(_) => return Err(wrong()),
        };
        let mut pairs = Vec::with_capacity(entries.len());
        for (name, value) in entries {
            let text = value.as_str().ok_or_else(wrong)?;
            if name.is_empty() {
                let place = &self.place;
                let text = format_args!("{place}{key}: a name is empty");
                return Err(ApiError::bad_data(text));
            }
            pairs.push((name.as_str(), text));
        }
        Ok(Labels::from_pairs(pairs))
    }

    /// The entries of an object in this one, which has to be there.
    pub(crate) fn fields(&self, key: &str) -> Result<Fields<'a>, ApiError> {
        match self.get(key) {
            Some(Value::Object(entries)) => Ok(Fields {
                entries,
                place: format!("{}{key}.", self.place),
            }),
            _ => Err(self.wrong(key, "an object")),
        }
    }

    /// Matchers as silences have them; at least one.
    pub(crate) fn matchers(&self, key: &str) -> Result<Vec<Matcher>, ApiError> {
        let wrong = || {
            self.wrong(
                key,
                "a list of matchers with name, value, isRegex and isEqual",
            )
        };
        let Some(Value::Array(items)) = self.get(key) else {
            return Err(wrong());
        };
        if items.is_empty() || items.len() > MATCHERS_MAX {
            let count = items.len();
            let place = &self.place;
            return Err(ApiError::bad_data(format_args!(
                "{place}{key}: {count} matchers: want 1 to {MATCHERS_MAX}"
            )));
        }
        let mut matchers = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let Value::Object(entries) = item else {
                return Err(wrong());
            };
            let place = format!("{}{key}[{index}].", self.place);
            matchers.push(Fields { entries, place }.matcher()?);
        }
        Ok(matchers)
    }

    fn matcher(&self) -> Result<Matcher, ApiError> {
        self.only(&["name", "value", "isRegex", "isEqual"])?;
        let name = self.needed_text("name", "it says which label is meant")?;
        let value = self.text("value")?.unwrap_or_default();
        let op = match (self.boolean_or("isEqual", true)?, self.boolean("isRegex")?) {
            (true, false) => MatchOp::Equal,
            (false, false) => MatchOp::NotEqual,
            (true, true) => MatchOp::Regex,
            (false, true) => MatchOp::NotRegex,
        };
        let place = &self.place;
        Matcher::new(name, op, &value).map_err(|error| {
            let value = short(&value);
            ApiError::bad_data(format_args!("{place}value {value:?}: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_place() {
        let check = |body: &str, read: fn(&Fields<'_>) -> Result<(), ApiError>, want: &str| {
            let entries = object(body.as_bytes()).unwrap();
            let error = read(&Fields::new(&entries)).unwrap_err();
            assert_eq!(error.message, want, "{body}");
        };
        check(
            r#"{"a": {"b": []}}"#,
            |f| f.fields("a")?.text("b").map(drop),
            "a.b: want a text",
        );
        check(
            r#"{"a": {"b": 1}}"#,
            |f| f.fields("a")?.only(&["c"]),
            "unknown key \"a.b\": want some of c",
        );
        check("{}", |f| f.fields("a").map(drop), "a: want an object");
        check(
            r#"{"a": "soon"}"#,
            |f| f.time("a").map(drop),
            "a: cannot parse \"soon\" to a valid timestamp",
        );
        check(
            "{}",
            |f| f.needed_time("a").map(drop),
            "a: want seconds since 1970, or a time of RFC 3339",
        );
        let matchers: fn(&Fields<'_>) -> Result<(), ApiError> = |f| f.matchers("m").map(drop);
        for (body, want) in [
            (
                "{}",
                "m: want a list of matchers with name, value, isRegex and isEqual",
            ),
            (r#"{"m": []}"#, "m: 0 matchers: want 1 to 100"),
            (
                r#"{"m": [{"value": "x"}]}"#,
                "m[0].name is missing: it says which label is meant",
            ),
            (
                r#"{"m": [{"name": "a", "value": "x", "isRegex": 1}]}"#,
                "m[0].isRegex: want true or false",
            ),
            (
                r#"{"m": [{"name": "a", "regex": true}]}"#,
                "unknown key \"m[0].regex\": want some of name, value, isRegex, isEqual",
            ),
        ] {
            check(body, matchers, want);
        }
        let entries = object(br#"{"m": [{"name": "a", "value": "(", "isRegex": true}]}"#).unwrap();
        let error = Fields::new(&entries).matchers("m").unwrap_err();
        assert!(error.message.starts_with("m[0].value \"(\": "), "{error:?}");
    }

    #[test]
    fn times_come_as_numbers_and_texts() {
        let body = br#"{"a": 1.5, "b": "1.5", "c": "1970-01-01T00:00:01.5Z", "d": null}"#;
        let entries = object(body).unwrap();
        let fields = Fields::new(&entries);
        for key in ["a", "b", "c"] {
            assert_eq!(fields.time(key).unwrap(), Some(1_500), "{key}");
        }
        assert_eq!(fields.time("d").unwrap(), None);
    }
}
