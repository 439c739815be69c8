//! Mattermost and Rocket.Chat.

use bellwether_notify::receivers::settings::{
    MattermostAttachment, MattermostPriority, MattermostSettings, ReceiverKind, RocketChatAction,
    RocketChatSettings, TextField,
};

use super::{
    SENDING, TEXT_FIELD, file, optional_bool, own, secret, send_resolved, template, text_fields,
};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::values::HTTP;
use crate::view::View;

pub(super) static MATTERMOST: Section = Section {
    name: "mattermost_config",
    doc: "Messages of Mattermost.",
    fields: &[
        Field::new(
            "webhook_url",
            Kind::SecretUrl(HTTP),
            "",
            "The webhook; that of `global` where absent.",
        ),
        file("webhook_url_file", "File with it."),
        template(
            "channel",
            "",
            "The channel; that of the webhook where absent.",
        ),
        template(
            "username",
            "{{ template \"mattermost.default.username\" . }}",
            "Who sends.",
        ),
        template(
            "fallback",
            "{{ template \"mattermost.default.fallback\" . }}",
            "The text where the message cannot be shown.",
        ),
        template(
            "color",
            "{{ template \"mattermost.default.color\" . }}",
            "The colour beside the message.",
        ),
        template(
            "text",
            "{{ template \"mattermost.default.text\" . }}",
            "The text.",
        ),
        template(
            "title",
            "{{ template \"mattermost.default.title\" . }}",
            "The title.",
        ),
        template(
            "title_link",
            "{{ template \"mattermost.default.titlelink\" . }}",
            "Where the title leads.",
        ),
        template("icon_url", "", "The sender's picture."),
        template("icon_emoji", "", "An emoji as the sender's picture."),
        Field::new(
            "attachments",
            Kind::Sections(&ATTACHMENT),
            "",
            "Attachments to send instead of the one that the other settings describe.",
        ),
        Field::new("type", Kind::Text, "", "The type of the post."),
        Field::new("props", Kind::Section(&PROPS), "", "Further properties."),
        Field::new(
            "priority",
            Kind::Section(&PRIORITY),
            "",
            "How urgent the message is.",
        ),
    ],
    includes: &[&ATTACHMENT, &SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["webhook_url", "webhook_url_file"]);
    }),
};

static ATTACHMENT: Section = Section {
    name: "mattermost attachment",
    doc: "A part of a message with a frame.",
    fields: &[
        template("fallback", "", "The text where it cannot be shown."),
        template("color", "", "The colour beside it."),
        template("pretext", "", "The text above."),
        template("text", "", "The text."),
        template("author_name", "", "The author."),
        template("author_link", "", "Where the author's name leads."),
        template("author_icon", "", "The author's picture."),
        template("title", "", "The title."),
        template("title_link", "", "Where the title leads."),
        Field::new("fields", Kind::Sections(&TEXT_FIELD), "", "Titled texts."),
        template("thumb_url", "", "A small image."),
        template("footer", "", "The text below."),
        template("footer_icon", "", "The picture beside it."),
        template("image_url", "", "An image."),
    ],
    includes: &[],
    check: None,
};

static PROPS: Section = Section {
    name: "mattermost props",
    doc: "Further properties of a post.",
    fields: &[template("card", "", "Text for the side bar.")],
    includes: &[],
    check: None,
};

static PRIORITY: Section = Section {
    name: "mattermost priority",
    doc: "How urgent a message is.",
    fields: &[
        template("priority", "", "`important` or `urgent`."),
        Field::new(
            "requested_ack",
            Kind::Bool,
            "false",
            "Ask people to acknowledge.",
        ),
        Field::new(
            "persistent_notifications",
            Kind::Bool,
            "false",
            "Remind people until they do.",
        ),
    ],
    includes: &[],
    check: None,
};

fn decode_attachment(view: &View<'_>) -> MattermostAttachment {
    MattermostAttachment {
        fallback: own(view, "fallback"),
        color: own(view, "color"),
        pretext: own(view, "pretext"),
        text: own(view, "text"),
        author_name: own(view, "author_name"),
        author_link: own(view, "author_link"),
        author_icon: own(view, "author_icon"),
        title: own(view, "title"),
        title_link: own(view, "title_link"),
        fields: text_fields(view, "fields"),
        thumb_url: own(view, "thumb_url"),
        footer: own(view, "footer"),
        footer_icon: own(view, "footer_icon"),
        image_url: own(view, "image_url"),
    }
}

pub(super) fn decode_mattermost(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::Mattermost(Box::new(MattermostSettings {
        http: defaults.http(view),
        webhook_url: defaults.required_secret(
            view,
            ("webhook_url", "webhook_url_file"),
            ("mattermost_webhook_url", "mattermost_webhook_url_file"),
            problems,
        ),
        channel: own(view, "channel"),
        username: own(view, "username"),
        attachment: decode_attachment(view),
        icon_url: own(view, "icon_url"),
        icon_emoji: own(view, "icon_emoji"),
        attachments: view
            .sections("attachments")
            .iter()
            .map(decode_attachment)
            .collect(),
        kind: own(view, "type"),
        card: own(&view.section("props"), "card"),
        priority: view
            .optional_section("priority")
            .map(|priority| MattermostPriority {
                priority: own(&priority, "priority"),
                requested_ack: priority.bool("requested_ack"),
                persistent_notifications: priority.bool("persistent_notifications"),
            }),
    }))
}

pub(super) static ROCKETCHAT: Section = Section {
    name: "rocketchat_config",
    doc: "Messages of Rocket.Chat.",
    fields: &[
        send_resolved("false"),
        Field::new(
            "api_url",
            Kind::Url(HTTP),
            "",
            "The server; `global.rocketchat_api_url` where absent.",
        ),
        secret(
            "token_id",
            "User id that belongs to the token; that of `global` where absent.",
        ),
        file("token_id_file", "File with it."),
        secret("token", "Token; that of `global` where absent."),
        file("token_file", "File with it."),
        template("channel", "", "The channel or user."),
        template(
            "color",
            "{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}",
            "The colour beside the message.",
        ),
        template(
            "title",
            "{{ template \"rocketchat.default.title\" . }}",
            "The title.",
        ),
        template(
            "title_link",
            "{{ template \"rocketchat.default.titlelink\" . }}",
            "Where the title leads.",
        ),
        template(
            "text",
            "{{ template \"rocketchat.default.text\" . }}",
            "The text.",
        ),
        Field::new(
            "fields",
            Kind::Sections(&ROCKETCHAT_FIELD),
            "",
            "Titled texts.",
        ),
        Field::new(
            "short_fields",
            Kind::Bool,
            "false",
            "Fields that say nothing are short.",
        ),
        template(
            "emoji",
            "{{ template \"rocketchat.default.emoji\" . }}",
            "An emoji as the sender's picture.",
        ),
        template(
            "icon_url",
            "{{ template \"rocketchat.default.iconurl\" . }}",
            "The sender's picture.",
        ),
        template("image_url", "", "An image."),
        template("thumb_url", "", "A small image."),
        Field::new(
            "link_names",
            Kind::Bool,
            "false",
            "Understood and without effect, as in Alertmanager.",
        ),
        Field::new(
            "actions",
            Kind::Sections(&ROCKETCHAT_ACTION),
            "",
            "Buttons.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["token", "token_file"]);
        view.at_most_one(problems, &["token_id", "token_id_file"]);
    }),
};

static ROCKETCHAT_FIELD: Section = Section {
    name: "rocketchat field",
    doc: "A titled text.",
    fields: &[
        template("title", "", "The title."),
        template("value", "", "The text."),
        Field::new(
            "short",
            Kind::Bool,
            "",
            "Whether it is short enough to stand beside another.",
        ),
    ],
    includes: &[],
    check: None,
};

static ROCKETCHAT_ACTION: Section = Section {
    name: "rocketchat action",
    doc: "A button. Its keys are written without `_`, as in Alertmanager.",
    fields: &[
        template("type", "", "`button`."),
        template("text", "", "What it says."),
        template("url", "", "Where it leads."),
        template("imageurl", "", "An image instead of the text."),
        Field::new(
            "iswebview",
            Kind::Bool,
            "false",
            "Open the link inside of Rocket.Chat.",
        ),
        template("webviewheightratio", "", "`compact`, `tall` or `full`."),
        template("msg", "", "The message that it sends."),
        Field::new(
            "msginchatwindow",
            Kind::Bool,
            "false",
            "Put the message into the window rather than send it.",
        ),
        template(
            "msgprocessingtype",
            "",
            "`sendMessage` or `respondWithMessage`.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(super) fn decode_rocketchat(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    ReceiverKind::RocketChat(Box::new(RocketChatSettings {
        http: defaults.http(view),
        api_url: defaults.url(view, "api_url", "rocketchat_api_url"),
        token_id: defaults.required_secret(
            view,
            ("token_id", "token_id_file"),
            ("rocketchat_token_id", "rocketchat_token_id_file"),
            problems,
        ),
        token: defaults.required_secret(
            view,
            ("token", "token_file"),
            ("rocketchat_token", "rocketchat_token_file"),
            problems,
        ),
        channel: own(view, "channel"),
        color: own(view, "color"),
        title: own(view, "title"),
        title_link: own(view, "title_link"),
        text: own(view, "text"),
        fields: view
            .sections("fields")
            .iter()
            .map(|field| TextField {
                title: own(field, "title"),
                value: own(field, "value"),
                short: optional_bool(field, "short"),
            })
            .collect(),
        short_fields: view.bool("short_fields"),
        emoji: own(view, "emoji"),
        icon_url: own(view, "icon_url"),
        image_url: own(view, "image_url"),
        thumb_url: own(view, "thumb_url"),
        link_names: view.bool("link_names"),
        actions: view
            .sections("actions")
            .iter()
            .map(|action| RocketChatAction {
                kind: own(action, "type"),
                text: own(action, "text"),
                url: own(action, "url"),
                image_url: own(action, "imageurl"),
                is_webview: action.bool("iswebview"),
                webview_height_ratio: own(action, "webviewheightratio"),
                msg: own(action, "msg"),
                msg_in_chat_window: action.bool("msginchatwindow"),
                msg_processing_type: own(action, "msgprocessingtype"),
            })
            .collect(),
    }))
}
