//! Amazon SNS.

use bellwether_notify::receivers::settings::{ReceiverKind, SigV4Settings, SnsSettings, SnsTarget};

use super::{SENDING, map, own, template};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::notifications::global::Defaults;
use crate::sections::remote::SIGV4;
use crate::view::View;

pub(super) static SNS: Section = Section {
    name: "sns_config",
    doc: "Messages of Amazon SNS.",
    fields: &[
        template("api_url", "", "The API; by the region where absent."),
        Field::new(
            "sigv4",
            Kind::Section(&SIGV4),
            "",
            "Sign in with AWS Signature Version 4.",
        ),
        template("topic_arn", "", "The topic."),
        template("phone_number", "", "The phone number."),
        template("target_arn", "", "The endpoint of a device."),
        template(
            "subject",
            "{{ template \"sns.default.subject\" . }}",
            "The subject of e-mails.",
        ),
        template(
            "message",
            "{{ template \"sns.default.message\" . }}",
            "The message.",
        ),
        Field::new(
            "attributes",
            Kind::Map(&Kind::Template),
            "",
            "Attributes of the message.",
        ),
        Field::new(
            "use_aws_http_client",
            Kind::Bool,
            "false",
            "Use the HTTP client of Amazon's own library.",
        ),
    ],
    includes: &[&SENDING],
    check: Some(|view, problems| {
        let targets = ["target_arn", "topic_arn", "phone_number"];
        if view.at_most_one(problems, &targets) && view.set_among(&targets).is_empty() {
            view.error(
                problems,
                "topic_arn is missing: want one of topic_arn, target_arn and phone_number",
            );
        }
    }),
};

pub(super) fn decode(view: &View<'_>, defaults: &Defaults<'_>, _: &mut Problems) -> ReceiverKind {
    let sigv4 = view.section("sigv4");
    let target = |key: &str| view.optional_text(key);
    ReceiverKind::Sns(Box::new(SnsSettings {
        http: defaults.http(view),
        api_url: own(view, "api_url"),
        sigv4: SigV4Settings {
            region: own(&sigv4, "region"),
            access_key: own(&sigv4, "access_key"),
            secret_key: sigv4.secret("secret_key"),
            profile: own(&sigv4, "profile"),
            role_arn: own(&sigv4, "role_arn"),
            external_id: own(&sigv4, "external_id"),
            use_fips_sts_endpoint: sigv4.bool("use_fips_sts_endpoint"),
            service_name: own(&sigv4, "service_name"),
        },
        target: target("topic_arn")
            .map(SnsTarget::Topic)
            .or_else(|| target("phone_number").map(SnsTarget::Phone))
            .or_else(|| target("target_arn").map(SnsTarget::Target)),
        subject: own(view, "subject"),
        message: own(view, "message"),
        attributes: map(view, "attributes"),
        use_aws_http_client: view.bool("use_aws_http_client"),
    }))
}
