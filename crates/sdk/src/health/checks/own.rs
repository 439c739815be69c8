//! Whether what the service itself has is as it should be: its runtime, its queues, its tools.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::health::Outcome;

/// How full a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueLoad {
    /// How many wait.
    pub depth: u64,
    /// How long the one that waits longest does so; `None` where none does, or where nobody knows.
    pub oldest_age: Option<Duration>,
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolEntry {
    /// Its name.
    pub name: String,
    /// The JSON schema of its arguments.
    pub schema: Option<Value>,
}

pub(in crate::health) fn judge_lag(lag: Option<Duration>, lag_max: Duration) -> Outcome {
    match lag.filter(|it| *it > lag_max) {
        Some(lag) => {
            let (ms, max_ms) = (lag.as_secs_f64() * 1e3, lag_max.as_secs_f64() * 1e3);
            Outcome::Down(format!(
                "a task waited {ms:.0} ms to be run, want at most {max_ms:.0}"
            ))
        }
        None => Outcome::Up,
    }
}

pub(in crate::health) fn judge_queue(
    load: QueueLoad,
    depth_max: Option<u64>,
    age_max: Option<Duration>,
) -> Outcome {
    if let Some(max) = depth_max.filter(|it| load.depth > *it) {
        return Outcome::Down(format!("{} wait, want at most {max}", load.depth));
    }
    let too_old = load.oldest_age.zip(age_max).filter(|(age, max)| age > max);
    match too_old {
        Some((age, max)) => {
            let (age, max) = (age.as_secs_f64(), max.as_secs_f64());
            Outcome::Down(format!("one waits for {age:.1} s, want at most {max:.1}"))
        }
        None => Outcome::Up,
    }
}

pub(in crate::health) fn judge_tools(tools: &[ToolEntry], count_min: usize) -> Outcome {
    if tools.len() < count_min {
        let count = tools.len();
        return Outcome::Down(format!(
            "there are {count} tools, want at least {count_min}"
        ));
    }
    let mut names = BTreeSet::new();
    for ToolEntry { name, schema } in tools {
        if name.trim().is_empty() {
            return Outcome::down("a tool has no name");
        }
        if !names.insert(name) {
            return Outcome::Down(format!("the tool {name:?} is there twice"));
        }
        // Arguments are an object, by the Model Context Protocol as by all providers.
        let problem = match schema {
            None => "has no schema",
            Some(Value::Object(keys)) if keys.get("type").is_some_and(|it| it != "object") => {
                "has a schema of something that is no object"
            }
            Some(Value::Object(_)) => continue,
            Some(_) => "has a schema that is none",
        };
        return Outcome::Down(format!("the tool {name:?} {problem}"));
    }
    Outcome::Up
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queues_are_worked_off_or_not() {
        let load = QueueLoad {
            depth: 5,
            oldest_age: Some(Duration::from_secs(90)),
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(judge_queue(load, Some(5), None), Outcome::Up);
        assert_eq!(
            judge_queue(load, Some(4), minute),
            Outcome::down("5 wait, want at most 4")
        );
        assert_eq!(
            judge_queue(load, None, minute),
            Outcome::down("one waits for 90.0 s, want at most 60.0")
        );
        assert_eq!(judge_queue(QueueLoad::default(), None, minute), Outcome::Up);
    }

    #[test]
    fn tools_make_sense_or_not() {
        let tool = |name: &str, schema: Value| ToolEntry {
            name: name.to_owned(),
            schema: (!schema.is_null()).then_some(schema),
        };
        let good = tool("read", json!({"type": "object"}));
        assert_eq!(
            judge_tools(&[good.clone(), tool("do", json!({}))], 2),
            Outcome::Up
        );
        for (tools, want) in [
            (vec![], "there are 0 tools, want at least 1"),
            (vec![good.clone(), good], "the tool \"read\" is there twice"),
            (vec![tool(" ", json!({}))], "a tool has no name"),
            (vec![tool("a", Value::Null)], "the tool \"a\" has no schema"),
            (
                vec![tool("a", json!([]))],
                "the tool \"a\" has a schema that is none",
            ),
            (
                vec![tool("a", json!({"type": "string"}))],
                "the tool \"a\" has a schema of something that is no object",
            ),
        ] {
            assert_eq!(judge_tools(&tools, 1), Outcome::down(want));
        }
    }

    #[test]
    fn lag_is_bearable_or_not() {
        let ms = Duration::from_millis;
        assert_eq!(judge_lag(None, ms(1)), Outcome::Up);
        assert_eq!(judge_lag(Some(ms(20)), ms(20)), Outcome::Up);
        assert_eq!(
            judge_lag(Some(ms(21)), ms(20)),
            Outcome::down("a task waited 21 ms to be run, want at most 20")
        );
    }
}
