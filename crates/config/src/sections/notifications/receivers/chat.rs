//! Discord, Telegram, Webex and WeChat.

use bellwether_notify::receivers::settings::{
    DiscordSettings, ReceiverKind, TelegramParseMode, TelegramSettings, TextSource, WebexSettings,
    WechatMessageType, WechatSettings,
};

use super::{SENDING, exactly_one, file, own, secret, send_resolved, template};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::{Defaults, with_slash};
use crate::values::HTTP;
use crate::view::View;

pub(super) static DISCORD: Section = Section {
    name: "discord_config",
    doc: "Messages of Discord.",
    fields: &[
        Field::new("webhook_url", Kind::SecretUrl(HTTP), "", "The webhook."),
        file("webhook_url_file", "File with it."),
        template("content", "", "The text outside of the frame."),
        template(
            "title",
            "{{ template \"discord.default.title\" . }}",
            "The title.",
        ),
        template(
            "message",
            "{{ template \"discord.default.message\" . }}",
            "The text.",
        ),
        template(
            "username",
            "",
            "Who sends; the webhook's name where absent.",
        ),
        template("avatar_url", "", "The sender's picture."),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        exactly_one(view, problems, ["webhook_url", "webhook_url_file"]);
    }),
};

pub(super) fn decode_discord(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    _: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::Discord(Box::new(DiscordSettings {
        http: defaults.http(view),
        webhook_url: view.secret_source("webhook_url", "webhook_url_file"),
        content: own(view, "content"),
        title: own(view, "title"),
        message: own(view, "message"),
        username: own(view, "username"),
        avatar_url: own(view, "avatar_url"),
    }))
}

pub(super) static TELEGRAM: Section = Section {
    name: "telegram_config",
    doc: "Messages of Telegram.",
    fields: &[
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "The API; `global.telegram_api_url` where absent.",
        ),
        secret(
            "bot_token",
            "Token of the bot; that of `global` where absent.",
        ),
        file("bot_token_file", "File with it."),
        Field::new(
            "chat_id",
            Kind::Integer {
                min: i64::MIN,
                max: i64::MAX,
            },
            "0",
            "The chat.",
        ),
        file("chat_id_file", "File with it."),
        Field::new(
            "message_thread_id",
            Kind::Integer {
                min: i64::MIN,
                max: i64::MAX,
            },
            "0",
            "The topic of the chat; 0: none.",
        ),
        template(
            "message",
            "{{ template \"telegram.default.message\" . }}",
            "The message.",
        ),
        Field::new(
            "disable_notifications",
            Kind::Bool,
            "false",
            "Send without sound.",
        ),
        Field::new(
            "parse_mode",
            Kind::OneOf(&["", "Markdown", "MarkdownV2", "HTML"]),
            "HTML",
            "What the message is written in; empty: plain text.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["bot_token", "bot_token_file"]);
        let has_id = view.integer("chat_id") != 0;
        if has_id && view.is_set("chat_id_file") {
            view.error_at(
                problems,
                "chat_id_file",
                "is set together with chat_id: keep one of the two",
            );
        }
        if !has_id && !view.is_set("chat_id_file") {
            view.error_at(
                problems,
                "chat_id",
                "is missing: want chat_id or chat_id_file",
            );
        }
    }),
};

pub(super) fn decode_telegram(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    let chat_id = view.integer("chat_id");
    let mode = view.text("parse_mode");
    ReceiverKind::Telegram(Box::new(TelegramSettings {
        http: defaults.http(view),
        api_url: defaults.url(view, "api_url", "telegram_api_url"),
        bot_token: defaults.required_secret(
            view,
            ("bot_token", "bot_token_file"),
            ("telegram_bot_token", "telegram_bot_token_file"),
            problems,
        ),
        chat_id: if chat_id == 0 {
            view.path_of("chat_id_file").map(TextSource::File)
        } else {
            Some(TextSource::Inline(chat_id.to_string()))
        },
        message_thread_id: view.integer("message_thread_id"),
        message: own(view, "message"),
        disable_notifications: view.bool("disable_notifications"),
        parse_mode: TelegramParseMode::NAMES
            .iter()
            .find(|(name, _)| *name == mode)
            .map_or(TelegramParseMode::Html, |(_, mode)| *mode),
    }))
}

pub(super) static WEBEX: Section = Section {
    name: "webex_config",
    doc: "Messages of Webex. `http_config` must have an `authorization` with the bot's token.",
    fields: &[
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "The API; `global.webex_api_url` where absent.",
        ),
        template(
            "message",
            "{{ template \"webex.default.message\" . }}",
            "The message, Markdown.",
        ),
        Field::required("room_id", Kind::Template, "The room."),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        let is_authorized = !view
            .section("http_config")
            .set_among(&["authorization", "bearer_token", "bearer_token_file"])
            .is_empty();
        if !is_authorized {
            view.error_at(
                problems,
                "http_config",
                "has no authorization: want one with the token of the bot as its credentials",
            );
        }
    }),
};

pub(super) fn decode_webex(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    _: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::Webex(Box::new(WebexSettings {
        http: defaults.http(view),
        api_url: defaults.url(view, "api_url", "webex_api_url"),
        message: own(view, "message"),
        room_id: own(view, "room_id"),
    }))
}

pub(super) static WECHAT: Section = Section {
    name: "wechat_config",
    doc: "Messages of WeChat.",
    fields: &[
        send_resolved("false"),
        secret(
            "api_secret",
            "Secret of the API; that of `global` where absent.",
        ),
        file("api_secret_file", "File with it."),
        template(
            "corp_id",
            "",
            "The corporation; that of `global` where absent.",
        ),
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "The API; `global.wechat_api_url` where absent.",
        ),
        template(
            "message",
            "{{ template \"wechat.default.message\" . }}",
            "The message.",
        ),
        Field::new(
            "message_type",
            Kind::OneOf(&["text", "markdown", ""]),
            "text",
            "What the message is written in.",
        ),
        template(
            "to_user",
            "{{ template \"wechat.default.to_user\" . }}",
            "The users.",
        ),
        template(
            "to_party",
            "{{ template \"wechat.default.to_party\" . }}",
            "The departments.",
        ),
        template(
            "to_tag",
            "{{ template \"wechat.default.to_tag\" . }}",
            "The tags.",
        ),
        template(
            "agent_id",
            "{{ template \"wechat.default.agent_id\" . }}",
            "The application.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["api_secret", "api_secret_file"]);
    }),
};

pub(super) fn decode_wechat(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    let corp_id = defaults.text(view, "corp_id", "wechat_api_corp_id");
    if corp_id.is_empty() {
        view.error_at(
            problems,
            "corp_id",
            "is missing: want it here or as global.wechat_api_corp_id",
        );
    }
    ReceiverKind::Wechat(Box::new(WechatSettings {
        http: defaults.http(view),
        api_secret: defaults.required_secret(
            view,
            ("api_secret", "api_secret_file"),
            ("wechat_api_secret", "wechat_api_secret_file"),
            problems,
        ),
        corp_id,
        api_url: with_slash(defaults.url(view, "api_url", "wechat_api_url")),
        message: own(view, "message"),
        message_type: match view.text("message_type") {
            "markdown" => WechatMessageType::Markdown,
            _ => WechatMessageType::Text,
        },
        to_user: own(view, "to_user"),
        to_party: own(view, "to_party"),
        to_tag: own(view, "to_tag"),
        agent_id: own(view, "agent_id"),
    }))
}
