//! The tools of a server: all pages of the list, their hash, and whether they are those expected.
//!
//! ## Format
//! The hash is the SHA-256 of a JSON list of objects with the members `description`, `inputSchema` and
//! `name`, sorted by name, without white space, members of all objects in the order of their bytes. It
//! does not depend on the order of the list, or on how a server writes its JSON.
//!
//! ## Limits
//! [`PAGES_MAX`] pages, [`TOOLS_MAX`] tools.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use super::channel::{Call, Channel, Era};
use crate::module::McpSettings;
use crate::recorder::{Failure, Gauge, Recorder};

/// Chosen: no server that works with a model has as many tools.
const TOOLS_MAX: usize = 10_000;
/// Chosen: servers send 50 or more on a page.
const PAGES_MAX: usize = 200;
/// Names that a reason lists.
const NAMES_SHOWN_MAX: usize = 5;
/// Digits of an expected hash that are enough to tell.
const HASH_DIGITS_MIN: usize = 8;

const TOOLS: Gauge = Gauge::new("probe_mcp_tools", "How many tools the server lists.");
const TOOLS_HASH: Gauge = Gauge::new(
    "probe_mcp_tools_hash",
    "The first 53 bits of the hash over all tools: it changes when one of them does.",
);
const TOOLS_DRIFT: Gauge = Gauge::new(
    "probe_mcp_tools_drift",
    "Whether the tools are others than expected.",
);

/// Fetches the list of tools.
pub(super) async fn list(
    recorder: &mut Recorder,
    channel: &mut Channel<'_>,
    era: &Era,
) -> Result<Vec<Value>, Failure> {
    let mut tools = Vec::new();
    let mut cursors = BTreeSet::new();
    let mut params = json!({});
    for page in 1..=PAGES_MAX {
        let call = Call::new("tools/list", params);
        let result = channel
            .call(recorder, era, &call)
            .await?
            .result("tools/list")?;
        let Some(cursor) = read_page(result, &mut tools)? else {
            recorder.note(format!("{} tools on {page} pages", tools.len()));
            return Ok(tools);
        };
        if !cursors.insert(cursor.clone()) {
            return Err(Failure::new("tools/list gives the same cursor twice"));
        }
        params = json!({"cursor": cursor});
    }
    Err(Failure::new(format!(
        "tools/list has more than {PAGES_MAX} pages"
    )))
}

/// Adds the tools of one page, whatever a server sent as one. Gives the cursor of the next page, if there
/// is one.
pub(super) fn read_page(
    mut page: Value,
    tools: &mut Vec<Value>,
) -> Result<Option<String>, Failure> {
    let Some(Value::Array(listed)) = page.get_mut("tools").map(Value::take) else {
        return Err(Failure::new(
            "the answer to tools/list has no list \"tools\"",
        ));
    };
    tools.extend(listed);
    if tools.len() > TOOLS_MAX {
        let reason = format!("the server lists more than {TOOLS_MAX} tools");
        return Err(Failure::new(reason));
    }
    Ok(page["nextCursor"].as_str().map(str::to_owned))
}

/// Records the tools and says what has drifted.
pub(super) fn judge(
    recorder: &mut Recorder,
    settings: &McpSettings,
    tools: &[Value],
) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    for tool in tools {
        let name = tool["name"].as_str();
        let name = name.ok_or_else(|| Failure::new("the server lists a tool without a name"))?;
        if !names.insert(name) {
            recorder.note(format!("the tool {name:?} is listed twice"));
        }
    }
    let hash = hash(tools);
    recorder.set(TOOLS, tools.len() as f64);
    recorder.set(TOOLS_HASH, hash.number());
    recorder.note(format!("the hash of the tools is {}", hash.hex()));
    let mut drift = Vec::new();
    if !settings.expected_tools.is_empty() {
        let expected: BTreeSet<&str> = settings.expected_tools.iter().map(String::as_str).collect();
        drift.extend(shown("missing", expected.difference(&names)));
        drift.extend(shown("unexpected", names.difference(&expected)));
    }
    if let Some(expected) = &settings.expected_tools_hash {
        let wanted = expected.trim().to_ascii_lowercase();
        if wanted.len() < HASH_DIGITS_MIN {
            return Err(Failure::unknown(format!(
                "expected_tools_hash {expected:?} has less than {HASH_DIGITS_MIN} digits"
            )));
        }
        if !hash.hex().starts_with(&wanted) {
            drift.push(format!("their hash is {}, not {expected}", hash.hex()));
        }
    }
    if !settings.expected_tools.is_empty() || settings.expected_tools_hash.is_some() {
        recorder.set_bool(TOOLS_DRIFT, !drift.is_empty());
    }
    if drift.is_empty() {
        return Ok(());
    }
    let reason = format!("the tools have drifted: {}", drift.join("; "));
    recorder.trouble(settings.on_drift, reason)
}

fn shown<'n>(what: &str, names: impl Iterator<Item = &'n &'n str>) -> Option<String> {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    if names.is_empty() {
        return None;
    }
    let more = match names.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let first = names.get(..NAMES_SHOWN_MAX).unwrap_or(&names);
    Some(format!("{what} {}{more}", first.join(", ")))
}

/// A SHA-256.
struct Hash(Vec<u8>);

impl Hash {
    fn hex(&self) -> String {
        let mut text = String::new();
        for byte in &self.0 {
            // A string takes everything.
            write!(text, "{byte:02x}").ok();
        }
        text
    }

    /// As much of it as a float holds exactly.
    fn number(&self) -> f64 {
        let first = self.0.first_chunk::<8>().copied().unwrap_or_default();
        (u64::from_be_bytes(first) >> 11) as f64
    }
}

fn hash(tools: &[Value]) -> Hash {
    let mut parts: Vec<Value> = tools
        .iter()
        .map(|tool| {
            json!({
                "description": tool["description"],
                "inputSchema": sorted(&tool["inputSchema"]),
                "name": tool["name"],
            })
        })
        .collect();
    parts.sort_by_cached_key(|part| (part["name"].to_string(), part.to_string()));
    let text = Value::Array(parts).to_string();
    Hash(digest(&SHA256, text.as_bytes()).as_ref().to_vec())
}

/// With the members of objects in order, whatever order a map of this build keeps. Values were nested
/// at most 128 deep when they were read.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut pairs: Vec<(&String, &Value)> = members.iter().collect();
            pairs.sort_by_key(|(name, _)| *name);
            let pairs = pairs
                .into_iter()
                .map(|(name, value)| (name.clone(), sorted(value)));
            Value::Object(Map::from_iter(pairs))
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let Value::Array(tools) = serde_json::from_str(text).unwrap() else {
            panic!("no list")
        };
        hash(&tools).hex()
    }

    #[test]
    fn the_hash_depends_on_what_a_model_sees_and_on_nothing_else() {
        let plain = of(
            r#"[{"name":"a","description":"A","inputSchema":{"type":"object","properties":{}}},{"name":"b"}]"#,
        );
        let turned = of(
            r#"[{"name":"b","title":"B","_meta":{"x":1}},{"inputSchema":{"properties":{},"type":"object"},"description":"A","name":"a"}]"#,
        );
        assert_eq!(plain, turned);
        assert_eq!(plain.len(), 64);
        let other = of(
            r#"[{"name":"a","description":"A!","inputSchema":{"type":"object","properties":{}}},{"name":"b"}]"#,
        );
        assert_ne!(plain, other);
        // By `printf … | sha256sum`.
        assert_eq!(
            of("[]"),
            "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
        );
        let number = hash(&[]).number();
        assert_eq!(number, (0x4f53_cda1_8c2b_aa0c_u64 >> 11) as f64);
        assert!(number < 2_f64.powi(53));
    }

    #[test]
    fn a_page_that_is_no_object_is_refused() {
        let mut tools = Vec::new();
        for page in [json!([]), json!("x"), json!(1), json!(null), json!({})] {
            let failure = read_page(page, &mut tools).unwrap_err();
            assert!(failure.text().contains("has no list"), "{failure:?}");
        }
        let page = json!({"tools": [{"name": "a"}], "nextCursor": "2"});
        let cursor = read_page(page, &mut tools).unwrap();
        assert_eq!((cursor.as_deref(), tools.len()), (Some("2"), 1));
    }

    #[test]
    fn long_lists_of_names_are_cut() {
        let names = ["a", "b", "c", "d", "e", "f", "g"];
        let text = shown("missing", names.iter());
        let want = "missing \"a\", \"b\", \"c\", \"d\", \"e\" and 2 more";
        assert_eq!(text.as_deref(), Some(want));
        assert_eq!(shown("missing", [].iter()), None);
    }
}
