//! Slack.

use bellwether_notify::receivers::settings::{
    ReceiverKind, SlackAction, SlackConfirmation, SlackSettings,
};

use super::{
    SENDING, TEXT_FIELD, file, own, secret, send_resolved, template, text_fields, timeout,
    timeout_ms,
};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::values::{HIDDEN, HTTP};
use crate::view::View;

/// The only place where messages can be changed after they were sent.
const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";

pub(super) static SLACK: Section = Section {
    name: "slack_config",
    doc: "Messages of Slack: by an incoming webhook, or by an app with its token.",
    fields: &[
        send_resolved("false"),
        Field::new(
            "api_url",
            Kind::SecretUrl(HTTP),
            "",
            "The webhook; that of `global` where absent.",
        ),
        file("api_url_file", "File with it."),
        secret(
            "app_token",
            "Token of an app; that of `global` where absent.",
        ),
        file("app_token_file", "File with it."),
        Field::new(
            "app_url",
            Kind::Url(HTTP),
            "",
            "Where messages with a token are sent; `global.slack_app_url` where absent.",
        ),
        template(
            "channel",
            "",
            "The channel or user; that of the webhook where absent.",
        ),
        template(
            "username",
            "{{ template \"slack.default.username\" . }}",
            "Who sends.",
        ),
        template(
            "color",
            "{{ template \"slack.default.color\" . }}",
            "The colour beside the message.",
        ),
        template(
            "title",
            "{{ template \"slack.default.title\" . }}",
            "The title.",
        ),
        template(
            "title_link",
            "{{ template \"slack.default.titlelink\" . }}",
            "Where the title leads.",
        ),
        template(
            "pretext",
            "{{ template \"slack.default.pretext\" . }}",
            "The text above the message.",
        ),
        template(
            "text",
            "{{ template \"slack.default.text\" . }}",
            "The text.",
        ),
        template(
            "message_text",
            "",
            "The text of the message itself, outside of its attachment.",
        ),
        Field::new("fields", Kind::Sections(&TEXT_FIELD), "", "Titled texts."),
        Field::new(
            "short_fields",
            Kind::Bool,
            "false",
            "Fields that say nothing are short.",
        ),
        template(
            "footer",
            "{{ template \"slack.default.footer\" . }}",
            "The text below.",
        ),
        template(
            "fallback",
            "{{ template \"slack.default.fallback\" . }}",
            "The text where the message cannot be shown.",
        ),
        template(
            "callback_id",
            "{{ template \"slack.default.callbackid\" . }}",
            "What an app knows the message by.",
        ),
        template(
            "icon_emoji",
            "{{ template \"slack.default.iconemoji\" . }}",
            "An emoji as the sender's picture.",
        ),
        template(
            "icon_url",
            "{{ template \"slack.default.iconurl\" . }}",
            "The sender's picture.",
        ),
        template("image_url", "", "An image."),
        template("thumb_url", "", "A small image."),
        Field::new(
            "link_names",
            Kind::Bool,
            "false",
            "Make links of names of channels and users.",
        ),
        Field::new(
            "mrkdwn_in",
            Kind::List(&Kind::Text),
            "",
            "The texts that are Markdown; `fallback`, `pretext` and `text` where absent.",
        ),
        Field::new("actions", Kind::Sections(&ACTION), "", "Buttons."),
        Field::new(
            "update_message",
            Kind::Bool,
            "false",
            "Change the message that was sent before, rather than send another.",
        ),
        timeout(),
    ],
    includes: &[&SENDING],
    check: Some(check_slack),
};

static ACTION: Section = Section {
    name: "slack action",
    doc: "A button.",
    fields: &[
        Field::required("type", Kind::Template, "`button`."),
        Field::required("text", Kind::Template, "What it says."),
        template("url", "", "Where it leads."),
        template("style", "", "`primary` or `danger`."),
        template(
            "name",
            "",
            "What an app knows it by, where it leads nowhere.",
        ),
        template("value", "", "What the app gets."),
        Field::new(
            "confirm",
            Kind::Section(&CONFIRMATION),
            "",
            CONFIRMATION.doc,
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.set_among(&["url", "name"]).is_empty() {
            view.error(problems, "url or name is missing: want one of the two");
        }
    }),
};

static CONFIRMATION: Section = Section {
    name: "slack confirmation",
    doc: "A question before the action is carried out.",
    fields: &[
        Field::required("text", Kind::Template, "The question."),
        template("title", "", "The title."),
        template("ok_text", "", "What the button for yes says."),
        template("dismiss_text", "", "What the button for no says."),
    ],
    includes: &[],
    check: None,
};

fn check_slack(view: &View<'_>, problems: &mut Problems) {
    view.at_most_one(problems, &["api_url", "api_url_file"]);
    view.at_most_one(problems, &["app_token", "app_token_file"]);
    let webhook = view.set_among(&["api_url", "api_url_file"]);
    let token = view.set_among(&["app_token", "app_token_file"]);
    if let ([webhook, ..], [token, ..]) = (webhook.as_slice(), token.as_slice()) {
        view.error_at(
            problems,
            token,
            format!("is set together with {webhook}: want a webhook or a token of an app"),
        );
    }
    // A hidden URL was right before it was hidden.
    let is_app = [POST_MESSAGE, HIDDEN].contains(&view.text("api_url")) || !token.is_empty();
    if view.bool("update_message") && !is_app {
        view.error_at(
            problems,
            "update_message",
            format!("messages of webhooks cannot be changed: want api_url {POST_MESSAGE}, or a token of an app"),
        );
    }
}

pub(super) fn decode(
    view: &View<'_>,
    defaults: &Defaults<'_>,
    problems: &mut Problems,
) -> ReceiverKind {
    let own_http = view.section("http_config");
    let is_authorized = !own_http
        .set_among(&["authorization", "bearer_token", "bearer_token_file"])
        .is_empty();
    let own_webhook = view.secret_source("api_url", "api_url_file");
    // A receiver that says how it is reached does not take the token of all.
    let app_token = view
        .secret_source("app_token", "app_token_file")
        .or_else(|| {
            if is_authorized || own_webhook.is_some() {
                return None;
            }
            defaults
                .global
                .secret_source("slack_app_token", "slack_app_token_file")
        });
    let api_url = own_webhook.or_else(|| {
        defaults
            .global
            .secret_source("slack_api_url", "slack_api_url_file")
    });
    if api_url.is_none() && app_token.is_none() {
        view.error_at(
            problems,
            "api_url",
            "is missing: want api_url, api_url_file, app_token or app_token_file, here or as global.slack_…",
        );
    }
    let http = defaults.http(view);
    if app_token.is_some()
        && matches!(
            http.auth,
            Some(bellwether_outbound::settings::Auth::Header { .. })
        )
    {
        view.error_at(
            problems,
            "http_config",
            "authorization is set together with a token of an app, which stands in the same header: keep one of the two",
        );
    }
    ReceiverKind::Slack(Box::new(SlackSettings {
        http,
        api_url: api_url.filter(|_| app_token.is_none()),
        app_token,
        app_url: defaults.url(view, "app_url", "slack_app_url"),
        channel: own(view, "channel"),
        username: own(view, "username"),
        color: own(view, "color"),
        title: own(view, "title"),
        title_link: own(view, "title_link"),
        pretext: own(view, "pretext"),
        text: own(view, "text"),
        message_text: own(view, "message_text"),
        fields: text_fields(view, "fields"),
        short_fields: view.bool("short_fields"),
        footer: own(view, "footer"),
        fallback: own(view, "fallback"),
        callback_id: own(view, "callback_id"),
        icon_emoji: own(view, "icon_emoji"),
        icon_url: own(view, "icon_url"),
        image_url: own(view, "image_url"),
        thumb_url: own(view, "thumb_url"),
        link_names: view.bool("link_names"),
        mrkdwn_in: view.texts("mrkdwn_in"),
        actions: view.sections("actions").iter().map(decode_action).collect(),
        update_message: view.bool("update_message"),
        timeout_ms: timeout_ms(view),
    }))
}

/// A button that leads somewhere is no message to an app.
fn decode_action(view: &View<'_>) -> SlackAction {
    let mut action = SlackAction {
        kind: own(view, "type"),
        text: own(view, "text"),
        url: own(view, "url"),
        style: own(view, "style"),
        ..SlackAction::default()
    };
    if action.url.is_empty() {
        action.name = own(view, "name");
        action.value = own(view, "value");
        action.confirm = view
            .optional_section("confirm")
            .map(|confirm| SlackConfirmation {
                text: own(&confirm, "text"),
                title: own(&confirm, "title"),
                ok_text: own(&confirm, "ok_text"),
                dismiss_text: own(&confirm, "dismiss_text"),
            });
    }
    action
}
