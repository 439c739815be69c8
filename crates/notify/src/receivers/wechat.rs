//! WeChat Work: a message of an application, with a token that is fetched before.

use std::collections::HashMap;

use bellwether_outbound::Method;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::{Outgoing, joined};
use super::senders::{Call, required};
use super::settings::{WechatMessageType, WechatSettings};
use crate::runner::AttemptError;

const API_URL: &str = "https://qyapi.weixin.qq.com/cgi-bin/";
/// How long a token is used, ms: as long as the service says that it lasts.
const TOKEN_AGE_MS_MAX: i64 = 2 * 3_600_000;
/// What is answered where a token is not valid, or not any more.
const TOKEN_GONE: [i64; 2] = [40_014, 42_001];
/// Most tokens that are kept. Chosen: one an integration; old configurations leave theirs.
const TOKENS_MAX: usize = 1_000;

/// Tokens of integrations, by receiver and position, with the time at which they were fetched, ms.
#[derive(Default)]
pub(super) struct Tokens(HashMap<(String, usize), (String, i64)>);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TokenReply {
    access_token: String,
    errcode: i64,
    errmsg: String,
}

#[derive(Serialize)]
struct Message {
    text: Content,
    #[serde(skip_serializing_if = "String::is_empty")]
    touser: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    toparty: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    totag: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    agentid: String,
    safe: &'static str,
    msgtype: &'static str,
    markdown: Content,
}

#[derive(Serialize, Default)]
struct Content {
    content: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reply {
    errcode: i64,
    errmsg: String,
}

pub(super) async fn send(
    settings: &WechatSettings,
    call: &Call<'_>,
) -> Result<String, AttemptError> {
    let message = message(settings, call)?;
    let api = Call::default_url("api_url", settings.api_url.as_ref(), API_URL)?;
    let token = token(settings, call, &api).await?;
    let mut url = joined(&api, "message/send");
    url.query_pairs_mut().append_pair("access_token", &token);
    let outgoing = Outgoing::post_json(url, &message)?
        .with_secret_url()
        .hiding(&token);
    let answer = call.send(outgoing).await?;
    if answer.status() != 200 {
        return match answer.check(&[]) {
            Ok(answer) => Err(AttemptError::again(format!(
                "unexpected status code {}",
                answer.status()
            ))),
            // All others may pass, as in Alertmanager.
            Err(error) => Err(AttemptError::again(error.text)),
        };
    }
    let reply: Reply = answer.json()?;
    if reply.errcode == 0 {
        return Ok(answer.summary());
    }
    let retry = TOKEN_GONE.contains(&reply.errcode);
    if retry {
        call.memory.wechat.lock().0.remove(&place(call));
    }
    Err(AttemptError {
        text: format!("{} ({})", answer.cleaned(&reply.errmsg), reply.errcode),
        retry,
    })
}

fn message(settings: &WechatSettings, call: &Call<'_>) -> Result<Message, AttemptError> {
    let content = Content {
        content: call.text("message", &settings.message)?,
    };
    let (text, markdown, msgtype) = match settings.message_type {
        WechatMessageType::Text => (content, Content::default(), "text"),
        WechatMessageType::Markdown => (Content::default(), content, "markdown"),
    };
    Ok(Message {
        text,
        touser: call.text("to_user", &settings.to_user)?,
        toparty: call.text("to_party", &settings.to_party)?,
        totag: call.text("to_tag", &settings.to_tag)?,
        agentid: call.text("agent_id", &settings.agent_id)?,
        safe: "0",
        msgtype,
        markdown,
    })
}

fn place(call: &Call<'_>) -> (String, usize) {
    (call.delivery.receiver.clone(), call.delivery.integration)
}

/// The token that is kept, or a new one.
async fn token(
    settings: &WechatSettings,
    call: &Call<'_>,
    api: &Url,
) -> Result<String, AttemptError> {
    let now_ms = call.delivery.time_ms;
    let place = place(call);
    if let Some((token, time_ms)) = call.memory.wechat.lock().0.get(&place)
        && now_ms.saturating_sub(*time_ms) <= TOKEN_AGE_MS_MAX
    {
        return Ok(token.clone());
    }
    let secret = required("api_secret", settings.api_secret.as_ref()).await?;
    let secret = call.text("api_secret", &secret)?;
    let corp_id = call.text("corp_id", &settings.corp_id)?;
    let mut url = joined(api, "gettoken");
    url.query_pairs_mut()
        .append_pair("corpid", &corp_id)
        .append_pair("corpsecret", &secret);
    let outgoing = Outgoing::new(Method::GET, url)
        .with_secret_url()
        .hiding(&secret);
    let about = |error: AttemptError| error.about("token request");
    let answer = call.send(outgoing).await.map_err(about)?;
    let answer = answer.check(&[429]).map_err(about)?;
    let reply: TokenReply = answer.json().map_err(about)?;
    if reply.access_token.is_empty() {
        return Err(AttemptError::refused(format!(
            "token request: no token for corp_id {corp_id:?}: {} ({})",
            answer.cleaned(&reply.errmsg),
            reply.errcode
        )));
    }
    let mut tokens = call.memory.wechat.lock();
    if tokens.0.len() >= TOKENS_MAX {
        tokens.0.clear();
    }
    tokens.0.insert(place, (reply.access_token.clone(), now_ms));
    Ok(reply.access_token)
}
