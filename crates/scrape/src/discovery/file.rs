//! Target groups in files, JSON or YAML.
//!
//! ## Limits
//! A file has at most [`FILE_BYTES_MAX`] bytes, YAML at most [`YAML_NODES_MAX`] nodes and
//! [`YAML_DEPTH_MAX`] levels; aliases are refused, since nobody needs them there.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use saphyr_parser::{Event, Parser};
use tokio::time::Instant;

use super::{Channel, groups_of_json, with_label};
use crate::settings::TargetGroup;

/// How often files are looked at for changes. Chosen: a `stat` each is nothing, and targets come
/// within seconds.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Chosen: a hundred times the largest such file that we have seen.
const FILE_BYTES_MAX: u64 = 64 << 20;
const YAML_NODES_MAX: usize = 5_000_000;
const YAML_DEPTH_MAX: usize = 16;

/// What tells one state of a file from another.
type Stamp = (PathBuf, Option<(SystemTime, u64)>);

/// Reads the files now, whenever one changes, and at least at each interval.
pub(super) async fn run(patterns: &[String], refresh: Duration, channel: &Channel) {
    let mut last: Option<(Vec<Stamp>, Instant)> = None;
    // What each file last held, for when it cannot be read.
    let mut known: Vec<(PathBuf, Vec<TargetGroup>)> = Vec::new();
    loop {
        let owned = patterns.to_vec();
        // Only a panic makes this fail; then there is nothing to look at.
        let stamps = tokio::task::spawn_blocking(move || stamps(&owned))
            .await
            .unwrap_or_default();
        let is_due = last.as_ref().is_none_or(|(old, read)| {
            *old != stamps || Instant::now().duration_since(*read) >= refresh
        });
        if is_due {
            let files: Vec<PathBuf> = stamps.iter().map(|(path, _)| path.clone()).collect();
            let read = tokio::task::spawn_blocking(move || {
                files
                    .into_iter()
                    .map(|path| (read(&path), path))
                    .collect::<Vec<_>>()
            });
            let mut errors = Vec::new();
            let mut groups = Vec::new();
            let mut now_known = Vec::new();
            for (found, path) in read.await.unwrap_or_default() {
                let found = match found {
                    Ok(found) => found,
                    Err(error) => {
                        errors.push(format!("{}: {error}", path.display()));
                        let before = known.iter().find(|(known, _)| *known == path);
                        before.map(|(_, groups)| groups.clone()).unwrap_or_default()
                    }
                };
                groups.extend_from_slice(&found);
                now_known.push((path, found));
            }
            known = now_known;
            channel.tell(Ok(groups)).await;
            if !errors.is_empty() {
                channel.tell(Err(errors.join("; "))).await;
            }
            last = Some((stamps, Instant::now()));
        }
        tokio::time::sleep(LOOK_INTERVAL.min(refresh)).await;
    }
}

fn stamps(patterns: &[String]) -> Vec<Stamp> {
    let mut stamps: Vec<Stamp> = Vec::new();
    for path in patterns.iter().flat_map(|pattern| matching(pattern)) {
        let metadata = std::fs::metadata(&path).ok();
        let stamp = metadata.and_then(|m| Some((m.modified().ok()?, m.len())));
        if !stamps.iter().any(|(known, _)| *known == path) {
            stamps.push((path, stamp));
        }
    }
    stamps
}

/// The files that a pattern names. Only the last part may hold `*`.
fn matching(pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern);
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("");
    if !name.contains(['*', '?']) {
        return vec![path.to_owned()];
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|n| glob(name, n)))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// Whether a name matches a pattern of plain characters, `*` and `?`.
fn glob(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where to go on when a guess about the last `*` was wrong.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, n + 1));
                p += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((after_star, next)) => {
                    p = after_star;
                    n = next;
                    retry = Some((after_star, next + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn read(path: &Path) -> Result<Vec<TargetGroup>, String> {
    let length = std::fs::metadata(path)
        .map_err(|error| error.to_string())?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(format!("has {length} bytes, more than {FILE_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    let mut groups = groups_of_text(&text, is_json)?;
    with_label(&mut groups, "__meta_filepath", &path.display().to_string());
    Ok(groups)
}

/// The groups of a target file.
pub(crate) fn groups_of_text(text: &str, is_json: bool) -> Result<Vec<TargetGroup>, String> {
    let value = if is_json {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        yaml(text)?
    };
    groups_of_json(&value)
}

/// YAML as a JSON value; every scalar is a text, since labels and targets are.
fn yaml(text: &str) -> Result<serde_json::Value, String> {
    use serde_json::Value;

    enum Open {
        List(Vec<Value>),
        /// The pairs, and a key that waits for its value.
        Map(serde_json::Map<String, Value>, Option<String>),
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = Value::Null;
    let mut nodes = 0usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let at = || format!("line {}", span.start.line());
        nodes += 1;
        if nodes > YAML_NODES_MAX || open.len() > YAML_DEPTH_MAX {
            return Err(format!("{}: too large or too deep", at()));
        }
        let value = match event {
            Event::Scalar(text, style, _, _) => {
                let is_plain = style == saphyr_parser::ScalarStyle::Plain;
                if is_plain && matches!(text.as_ref(), "" | "~" | "null") {
                    Value::Null
                } else {
                    Value::String(text.into_owned())
                }
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(serde_json::Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Value::Array(list),
                Some(Open::Map(map, _)) => Value::Object(map),
                None => return Err(format!("{}: an end without a start", at())),
            },
            Event::Alias(_) => return Err(format!("{}: aliases are not taken here", at())),
            _ => continue,
        };
        match open.last_mut() {
            None => root = value,
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(map, key)) => match (key.take(), value) {
                (Some(key), value) => {
                    map.insert(key, value);
                }
                (None, Value::String(text)) => *key = Some(text),
                (None, _) => return Err(format!("{}: a key must be a text", at())),
            },
        }
    }
    Ok(root)
}

#[cfg(test)]
mod tests {
    use bellwether_model::Labels;

    use super::*;

    fn group(targets: &[&str], labels: &[(&str, &str)]) -> TargetGroup {
        TargetGroup {
            targets: targets.iter().map(|t| (*t).to_owned()).collect(),
            labels: Labels::from_pairs(labels.iter().copied()),
        }
    }

    #[test]
    fn yaml_and_json_say_the_same() {
        let json = r#"[{"targets":["a:1","b:2"],"labels":{"env":"prod","n":1}},{"targets":[]}]"#;
        let text = "- targets: [a:1, 'b:2']\n  labels:\n    env: prod\n    n: 1\n- targets: []\n";
        let of_json = groups_of_json(&serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(groups_of_json(&yaml(text).unwrap()).unwrap(), of_json);
        assert_eq!(
            of_json,
            [
                group(&["a:1", "b:2"], &[("env", "prod"), ("n", "1")]),
                group(&[], &[])
            ]
        );
    }

    #[test]
    fn what_is_no_group_is_refused() {
        for (text, reason) in [
            ("a: b", "want a list of target groups"),
            ("- 1", "group 0: want targets and labels"),
            (
                "- target: [a]",
                "group 0: \"target\" is not known: want targets and labels",
            ),
            ("- targets: a", "group 0: targets must be a list"),
            ("- targets: [[a]]", "group 0: targets must be texts"),
            ("- labels: [a]", "group 0: labels must be a mapping"),
            ("- labels: {a: [b]}", "group 0: label \"a\" is no text"),
        ] {
            assert_eq!(groups_of_json(&yaml(text).unwrap()), Err(reason.to_owned()));
        }
        assert!(yaml("- &a [x]\n- *a").unwrap_err().contains("aliases"));
        assert!(yaml("- [").is_err());
    }

    #[test]
    fn patterns_match_names() {
        assert!(glob("*.json", "a.json") && glob("a*c?.yml", "abbbcd.yml") && glob("*", "x"));
        assert!(!glob("*.json", "a.yml") && !glob("a?", "a") && !glob("a*b", "acx"));
    }

    #[test]
    fn files_are_found_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.json");
        std::fs::write(&path, r#"[{"targets":["a:1"]}]"#).unwrap();
        std::fs::write(folder.path().join("two.txt"), "").unwrap();
        let pattern = folder.path().join("*.json").display().to_string();
        let found = stamps(&[pattern.clone(), pattern]);
        assert_eq!(found.len(), 1);
        let name = path.display().to_string();
        assert_eq!(
            read(&path).unwrap(),
            [group(&["a:1"], &[("__meta_filepath", &name)])]
        );
        assert!(read(&folder.path().join("none.yml")).is_err());
    }
}
