//! Translation of OpenTelemetry metrics.

use bellwether_ingest::otlp::{OtlpSettings, Promotion, TranslationStrategy};
use bellwether_scrape::settings::NameValidation;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

const STRATEGIES: &[&str] = &[
    "UnderscoreEscapingWithSuffixes",
    "UnderscoreEscapingWithoutSuffixes",
    "NoUTF8EscapingWithSuffixes",
    "NoTranslation",
];

pub(crate) static OTLP: Section = Section {
    name: "otlp",
    doc: "How metrics that come by OTLP become series.",
    fields: &[
        Field::new(
            "translation_strategy",
            Kind::OneOf(STRATEGIES),
            STRATEGIES[0],
            "How names become names of series.",
        ),
        Field::new(
            "promote_resource_attributes",
            Kind::List(&Kind::LabelName),
            "",
            "Resource attributes that become labels.",
        ),
        Field::new(
            "promote_all_resource_attributes",
            Kind::Bool,
            "false",
            "All resource attributes become labels.",
        ),
        Field::new(
            "ignore_resource_attributes",
            Kind::List(&Kind::LabelName),
            "",
            "But for these.",
        ),
        Field::new(
            "promote_scope_metadata",
            Kind::Bool,
            "false",
            "Name, version, schema URL and attributes of the scope become labels.",
        ),
        Field::new(
            "keep_identifying_resource_attributes",
            Kind::Bool,
            "false",
            "Keep service.name, service.namespace and service.instance.id in target_info.",
        ),
        Field::new(
            "convert_histograms_to_nhcb",
            Kind::Bool,
            "false",
            "Turn explicit histograms into native ones with custom buckets.",
        ),
        Field::new(
            "label_name_underscore_sanitization",
            Kind::Bool,
            "true",
            "Put key_ before label names that begin with an underscore.",
        ),
        Field::new(
            "label_name_preserve_multiple_underscores",
            Kind::Bool,
            "true",
            "Keep several underscores in a row.",
        ),
    ],
    includes: &[],
    check: Some(check_otlp),
};

fn check_otlp(view: &View<'_>, problems: &mut Problems) {
    let promotes_all = view.bool("promote_all_resource_attributes");
    if promotes_all && view.is_set("promote_resource_attributes") {
        view.error_at(
            problems,
            "promote_resource_attributes",
            "is set together with promote_all_resource_attributes: keep one of the two",
        );
    }
    if !promotes_all && view.is_set("ignore_resource_attributes") {
        view.error_at(
            problems,
            "ignore_resource_attributes",
            "has no effect unless promote_all_resource_attributes is true",
        );
    }
    for key in ["promote_resource_attributes", "ignore_resource_attributes"] {
        let trimmed: Vec<String> = view
            .texts(key)
            .iter()
            .map(|text| text.trim().to_owned())
            .collect();
        for (item, text) in view.items(key).iter().zip(&trimmed) {
            let message = if text.is_empty() {
                "is empty: want the name of an attribute".to_owned()
            } else if trimmed.iter().filter(|other| *other == text).count() > 1 {
                format!("{text:?} is there twice")
            } else {
                continue;
            };
            problems.error(&view.origin.file, item.position, &item.path, message);
        }
    }
}

/// Decodes the section.
pub(crate) fn decode_otlp(
    view: &View<'_>,
    names: NameValidation,
    problems: &mut Problems,
) -> OtlpSettings {
    let strategy = view.text("translation_strategy");
    let translation = TranslationStrategy::NAMES
        .iter()
        .find(|(name, _)| *name == strategy)
        .map(|(_, translation)| *translation)
        .unwrap_or_default();
    let keeps_utf8 = matches!(
        translation,
        TranslationStrategy::NoUtf8EscapingWithSuffixes | TranslationStrategy::NoTranslation
    );
    if keeps_utf8 && names == NameValidation::Legacy {
        view.error_at(
            problems,
            "translation_strategy",
            format!(
                "{strategy:?} makes names that global.metric_name_validation_scheme legacy refuses: want {} or {}",
                STRATEGIES[0], STRATEGIES[1]
            ),
        );
    }
    let attributes = |key: &str| {
        view.texts(key)
            .iter()
            .map(|text| text.trim().to_owned())
            .collect()
    };
    OtlpSettings {
        translation,
        promotion: if view.bool("promote_all_resource_attributes") {
            Promotion::AllExcept(attributes("ignore_resource_attributes"))
        } else {
            Promotion::Listed(attributes("promote_resource_attributes"))
        },
        keep_identifying_resource_attributes: view.bool("keep_identifying_resource_attributes"),
        convert_histograms_to_nhcb: view.bool("convert_histograms_to_nhcb"),
        promote_scope_metadata: view.bool("promote_scope_metadata"),
        label_name_underscore_sanitization: view.bool("label_name_underscore_sanitization"),
        label_name_preserve_multiple_underscores: view
            .bool("label_name_preserve_multiple_underscores"),
        ..OtlpSettings::default()
    }
}
