//! What a streamed completion says, event by event, in either style.
//!
//! ## Model
//! A [`Completion`] is shown each event and gives a [`Progress`]; it collects usage and how the answer
//! ended. OpenAI ends with a `finish_reason` and `[DONE]`, of which the first alone will do;
//! Anthropic with `message_stop`.

use serde_json::Value;

use crate::module::LlmApi;
use crate::sse::Event;

/// The most tokens that are believed, in either direction. Chosen: more than any model reads or writes at
/// once, and sums of it neither overflow nor lose digits.
const TOKENS_MAX: u64 = 10_000_000;

/// What an event meant.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    /// A part of the answer.
    Token,
    /// Nothing that counts: a role, a ping, usage.
    Other,
    /// The answer is complete and nothing more follows.
    Done,
    /// The provider gave up: type and text of its error.
    Error(String, String),
    /// It makes no sense.
    Nonsense(String),
}

/// A completion that comes in.
#[derive(Debug, Default)]
pub(super) struct Completion {
    /// Why the model ended, once it has.
    pub(super) finish_reason: Option<String>,
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Completion {
    /// Tokens in and out, where both were told.
    pub(super) fn usage(&self) -> Option<(u64, u64)> {
        Some((self.input_tokens?, self.output_tokens?))
    }

    pub(super) fn take(&mut self, api: LlmApi, event: &Event) -> Progress {
        if api == LlmApi::OpenAi && event.data.trim() == "[DONE]" {
            return Progress::Done;
        }
        let value: Value = match serde_json::from_str(&event.data) {
            Ok(value) => value,
            Err(error) => return Progress::Nonsense(format!("an event is not JSON: {error}")),
        };
        if let Some((kind, text)) = error_of(&value) {
            return Progress::Error(kind, text);
        }
        match api {
            LlmApi::OpenAi => self.take_openai(&value),
            LlmApi::Anthropic => self.take_anthropic(&value),
        }
    }

    fn take_openai(&mut self, value: &Value) -> Progress {
        self.count(&value["usage"], "prompt_tokens", "completion_tokens");
        if !value["choices"].is_array() {
            return Progress::Nonsense("an event has no list of choices".to_owned());
        }
        let choice = &value["choices"][0];
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish_reason = Some(reason.to_owned());
        }
        let delta = &choice["delta"];
        let says = |key: &str| delta[key].as_str().is_some_and(|text| !text.is_empty());
        // Reasoning has no one name among compatible servers.
        if ["content", "reasoning_content", "reasoning", "refusal"]
            .iter()
            .any(|key| says(key))
        {
            return Progress::Token;
        }
        Progress::Other
    }

    fn take_anthropic(&mut self, value: &Value) -> Progress {
        match value["type"].as_str() {
            Some("message_start") => {
                self.count(&value["message"]["usage"], "input_tokens", "output_tokens");
                Progress::Other
            }
            Some("content_block_delta") => Progress::Token,
            Some("message_delta") => {
                self.count(&value["usage"], "input_tokens", "output_tokens");
                if let Some(reason) = value["delta"]["stop_reason"].as_str() {
                    self.finish_reason = Some(reason.to_owned());
                }
                Progress::Other
            }
            Some("message_stop") => Progress::Done,
            Some(_) => Progress::Other,
            None => Progress::Nonsense("an event has no type".to_owned()),
        }
    }

    fn count(&mut self, usage: &Value, input: &str, output: &str) {
        let of = |name: &str| usage[name].as_u64().map(|tokens| tokens.min(TOKENS_MAX));
        self.input_tokens = of(input).or(self.input_tokens);
        self.output_tokens = of(output).or(self.output_tokens);
    }
}

/// Type and text of the error in a body or an event, in either style; `None` where there is none. The
/// type holds OpenAI's code as well, since either may be the telling one.
pub(super) fn error_of(value: &Value) -> Option<(String, String)> {
    let error = value.get("error").filter(|error| !error.is_null())?;
    if let Some(text) = error.as_str() {
        return Some((String::new(), text.to_owned()));
    }
    let texts = [&error["type"], &error["code"]];
    let kinds: Vec<&str> = texts.iter().filter_map(|kind| kind.as_str()).collect();
    let text = error["message"].as_str().unwrap_or_default();
    Some((kinds.join(" "), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(api: LlmApi, events: &[&str]) -> (Vec<Progress>, Completion) {
        let mut completion = Completion::default();
        let take = |data: &&str| {
            let event = Event {
                name: "message".to_owned(),
                data: (*data).to_owned(),
            };
            completion.take(api, &event)
        };
        (events.iter().map(take).collect(), completion)
    }

    #[test]
    fn openais_events_are_read() {
        let (progress, completion) = run(
            LlmApi::OpenAi,
            &[
                r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
                r#"{"choices":[{"delta":{"content":"O"},"finish_reason":null}],"usage":null}"#,
                r#"{"choices":[{"delta":{"reasoning_content":"hm"}}]}"#,
                r#"{"choices":[{"delta":{},"finish_reason":"length"}]}"#,
                r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#,
                "[DONE]",
                r#"{"error":{"message":"no","type":"server_error","code":"overloaded"}}"#,
            ],
        );
        use Progress::{Done, Error, Other, Token};
        let error = Error("server_error overloaded".to_owned(), "no".to_owned());
        assert_eq!(progress, [Other, Token, Token, Other, Other, Done, error]);
        assert_eq!(completion.finish_reason.as_deref(), Some("length"));
        assert_eq!(completion.usage(), Some((9, 2)));
    }

    #[test]
    fn anthropics_events_are_read() {
        let (progress, completion) = run(
            LlmApi::Anthropic,
            &[
                r#"{"type":"message_start","message":{"usage":{"input_tokens":11,"output_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"O"}}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":5}}"#,
                r#"{"type":"message_stop"}"#,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
            ],
        );
        use Progress::{Done, Error, Other, Token};
        let error = Error("overloaded_error".to_owned(), "Overloaded".to_owned());
        assert_eq!(progress, [Other, Other, Token, Other, Done, error]);
        assert_eq!(completion.finish_reason.as_deref(), Some("max_tokens"));
        assert_eq!(completion.usage(), Some((11, 5)));
    }

    #[test]
    fn nonsense_is_called_so() {
        for api in [LlmApi::OpenAi, LlmApi::Anthropic] {
            let deep = "[".repeat(100_000);
            for data in ["", "{", "[]", "1", deep.as_str()] {
                let (progress, _) = run(api, &[data]);
                let is_nonsense = matches!(progress[..], [Progress::Nonsense(_)]);
                assert!(is_nonsense, "{progress:?}");
            }
        }
    }
}
