//! `/silences` and `/silence/{id}`.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bellwether_model::{MatchOp, short};
use bellwether_notify::{Silence, SilenceError, SilenceState};

use super::{AmCall, Refusal, answer, decode, time_text};
use crate::json::JsonWriter;

pub(super) async fn list(call: AmCall) -> Result<Response, Refusal> {
    let matchers = call.filter("filter").map_err(Refusal::bad)?;
    let wanted = |state: SilenceState| call.switch(state.as_str());
    let mut silences = call.look(|machine, now_ms| {
        machine
            .silences()
            .filter(|silence| wanted(silence.state(now_ms)))
            .filter(|silence| matchers.iter().all(|m| silence.matchers.contains(m)))
            .map(|silence| (silence.state(now_ms), silence.clone()))
            .collect::<Vec<_>>()
    });
    // Active ones by their end, pending ones by their beginning, ended ones the latest first.
    silences.sort_by_key(|(state, silence)| match state {
        SilenceState::Active => (0, silence.ends_ms),
        SilenceState::Pending => (1, silence.starts_ms),
        SilenceState::Expired => (2, silence.ends_ms.saturating_neg()),
    });
    Ok(answer(|json| {
        json.array_begin();
        for (state, silence) in &silences {
            write(json, silence, *state);
        }
        json.array_end();
    }))
}

fn write(json: &mut JsonWriter, silence: &Silence, state: SilenceState) {
    json.object_begin();
    json.key("id").string(&silence.id);
    json.key("status").object_begin();
    json.key("state").string(state.as_str()).object_end();
    json.key("updatedAt").string(&time_text(silence.updated_ms));
    json.key("comment").string(&silence.comment);
    json.key("createdBy").string(&silence.created_by);
    json.key("endsAt").string(&time_text(silence.ends_ms));
    json.key("matchers").array_begin();
    for matcher in &silence.matchers {
        let is_equal = matches!(matcher.op, MatchOp::Equal | MatchOp::Regex);
        let is_regex = matches!(matcher.op, MatchOp::Regex | MatchOp::NotRegex);
        json.object_begin();
        json.key("isEqual").boolean(is_equal);
        json.key("isRegex").boolean(is_regex);
        json.key("name").string(&matcher.name);
        json.key("value").string(&matcher.value);
        json.object_end();
    }
    json.array_end();
    json.key("startsAt").string(&time_text(silence.starts_ms));
    json.object_end();
}

/// The id of the path, which has to be a UUID.
fn id(call: &AmCall) -> Result<&str, Refusal> {
    let is_uuid = call.id.len() == 36
        && call.id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if is_uuid {
        return Ok(&call.id);
    }
    let message = format!(
        "silenceID in path must be of type uuid: {:?}",
        short(&call.id)
    );
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Err(Refusal::schema(status, 601, message))
}

pub(super) async fn one(call: AmCall) -> Result<Response, Refusal> {
    let id = id(&call)?;
    let found = call.look(|machine, now_ms| {
        let silence = machine.silence(id)?;
        Some((silence.state(now_ms), silence.clone()))
    });
    match found {
        Some((state, silence)) => Ok(answer(|json| write(json, &silence, state))),
        None => Err(Refusal::Bare(StatusCode::NOT_FOUND)),
    }
}

pub(super) async fn expire(call: AmCall) -> Result<Response, Refusal> {
    let id = id(&call)?.to_owned();
    let expired = call.change(move |machine, now_ms| machine.expire_silence(&id, now_ms));
    match expired.await? {
        Ok(()) => Ok(StatusCode::OK.into_response()),
        Err(SilenceError::NotFound(_)) => Err(Refusal::Bare(StatusCode::NOT_FOUND)),
        Err(error) => Err(Refusal::bad(error)),
    }
}

pub(super) async fn post(call: AmCall) -> Result<Response, Refusal> {
    let request = decode::silence(&call.body)?;
    let now_ms = call.app.clock.now_ms();
    if request
        .starts_ms
        .is_some_and(|starts_ms| starts_ms >= request.ends_ms)
    {
        let text = "Failed to create silence: start time must be before end time";
        return Err(Refusal::bad(text));
    }
    if request.ends_ms < now_ms {
        let text = "Failed to create silence: end time can't be in the past";
        return Err(Refusal::bad(text));
    }
    let fresh_id = uuid::Uuid::new_v4().to_string();
    let set = call.change(move |machine, now_ms| machine.set_silence(request, fresh_id, now_ms));
    match set.await? {
        Ok(id) => Ok(answer(|json| {
            json.object_begin().key("silenceID").string(&id);
            json.object_end();
        })),
        Err(SilenceError::NotFound(_)) => Err(Refusal::Text {
            status: StatusCode::NOT_FOUND,
            message: "silence not found".to_owned(),
        }),
        Err(error) => Err(Refusal::bad(error)),
    }
}
