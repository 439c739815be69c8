//! Who follows a scaler.

use bellwether_rules::scaling::{ExternalMetric, KedaObject, ScalerTargets};

use super::{ScalingWebhook, check_name};
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{HTTP_CLIENT, decode_http_client};
use crate::values::HTTP;
use crate::view::View;

pub(super) static TARGETS: Section = Section {
    name: "scaler.targets",
    doc: "Who follows the decisions. Without any they are series and rows of the timeline.",
    fields: &[
        Field::new("keda", Kind::Section(&KEDA), "", KEDA.doc),
        Field::new(
            "external_metric",
            Kind::Section(&EXTERNAL_METRIC),
            "",
            EXTERNAL_METRIC.doc,
        ),
        Field::new("webhook", Kind::Section(&WEBHOOK), "", WEBHOOK.doc),
        Field::new("sdk", Kind::Bool, "false", "Pools of the SDK may follow."),
    ],
    includes: &[],
    check: None,
};

static KEDA: Section = Section {
    name: "scaler.keda",
    doc: "A ScaledObject of KEDA, with a trigger of type external or external-push that names this server's gRPC port.",
    fields: &[
        Field::required("name", Kind::Text, "Its name."),
        Field::new(
            "namespace",
            Kind::Text,
            "",
            "Its namespace; any where absent.",
        ),
    ],
    includes: &[],
    check: None,
};

static EXTERNAL_METRIC: Section = Section {
    name: "scaler.external_metric",
    doc: "A metric of Kubernetes' external metrics API, whose value is the number of workers: its target is an averageValue of 1.",
    fields: &[
        Field::required(
            "name",
            Kind::Text,
            "Its name: at most 100 letters, digits, _, - and .",
        ),
        Field::new(
            "namespaces",
            Kind::List(&Kind::Text),
            "",
            "Namespaces that may read it; all where absent.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| check_name(view, "name", problems)),
};

static WEBHOOK: Section = Section {
    name: "scaler.webhook",
    doc: "A POST of JSON for each change, tried again until it is taken or another number is decided. Exactly one of url and url_file.",
    fields: &[
        Field::new("url", Kind::SecretUrl(HTTP), "", "Where to post."),
        Field::new("url_file", Kind::ReadFile, "", "File with the URL."),
        Field::new(
            "timeout",
            Kind::Duration,
            "10s",
            "How long a request may take.",
        ),
        Field::new(
            "http_config",
            Kind::Section(&HTTP_CLIENT),
            "",
            "The HTTP client.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let keys = ["url", "url_file"];
        if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
            view.error(problems, "says not where to post: want url or url_file");
        }
    }),
};

/// Who follows, and who is told by a request.
pub(super) fn decode_targets(view: &View<'_>) -> (ScalerTargets, Option<ScalingWebhook>) {
    let keda = view.optional_section("keda");
    let metric = view.optional_section("external_metric");
    let targets = ScalerTargets {
        keda: keda.map(|view| KedaObject {
            name: view.text("name").to_owned(),
            namespace: view.text("namespace").to_owned(),
        }),
        external_metric: metric.map(|view| ExternalMetric {
            name: view.text("name").to_owned(),
            namespaces: view.texts("namespaces"),
        }),
        sdk: view.bool("sdk"),
    };
    let webhook = view.optional_section("webhook").and_then(|view| {
        Some(ScalingWebhook {
            url: view.secret_source("url", "url_file")?,
            http: decode_http_client(&view.section("http_config")),
            timeout_ms: view.duration_ms("timeout").max(1),
        })
    });
    (targets, webhook)
}
