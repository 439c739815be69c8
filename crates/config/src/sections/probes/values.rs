//! Values that the settings of our own probers share.

use std::time::Duration;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::HTTP_CLIENT;
use crate::view::View;

/// The names of what a trouble may mean.
pub(super) const ON_TROUBLE: &[&str] = &["fail", "degrade", "ignore"];

/// The value of a name; that of the default where the name was reported as wrong.
pub(super) fn named<T: Copy + Default>(view: &View<'_>, key: &str, names: &[(&str, T)]) -> T {
    let text = view.text(key);
    let found = names.iter().find(|(name, _)| *name == text);
    found.map_or_else(T::default, |(_, value)| *value)
}

/// A duration; none where none is written.
pub(super) fn optional_duration(view: &View<'_>, key: &str) -> Option<Duration> {
    view.is_set(key).then(|| duration(view, key))
}

pub(super) fn duration(view: &View<'_>, key: &str) -> Duration {
    Duration::from_millis(u64::try_from(view.duration_ms(key)).unwrap_or(0))
}

/// Client settings under a key of their own, for probers that ask directly.
pub(super) static DIRECT_CLIENT: Section = Section {
    name: "client of a probe",
    doc: "How a prober of ours signs in.",
    fields: &[Field::new(
        "http_config",
        Kind::Section(&HTTP_CLIENT),
        "",
        "Credentials, TLS and headers. Proxies and redirects do not apply.",
    )],
    includes: &[],
    check: Some(tell_of_proxies),
};

fn tell_of_proxies(view: &View<'_>, problems: &mut Problems) {
    let http = view.section("http_config");
    for key in http.set_among(&["proxy_url", "proxy_from_environment"]) {
        http.warn_at(problems, key, "has no effect: targets are asked directly");
    }
}
