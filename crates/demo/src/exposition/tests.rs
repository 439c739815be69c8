use std::collections::{BTreeMap, BTreeSet};

use bellwether_codec::protobuf::Cursor;

use super::*;
use crate::Simulation;

const START_MS: i64 = 1_790_067_600_000;

fn families() -> Vec<Family> {
    let mut simulation = Simulation::new(7, START_MS);
    simulation.advance_to(START_MS + 8 * 60_000);
    simulation.families()
}

#[test]
fn the_format_that_a_scraper_wants_most_is_chosen() {
    let check =
        |accept: &str, want: Format| assert_eq!(Format::for_accept(accept), want, "{accept}");
    check("", Format::Text);
    check("*/*", Format::Text);
    check("text/html", Format::Text);
    check(
        "application/openmetrics-text; version=1.0.0",
        Format::OpenMetrics,
    );
    // What Prometheus sends with native histograms, and without.
    check(
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;\
         q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
        Format::Protobuf,
    );
    check(
        "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        Format::OpenMetrics,
    );
    check(
        "application/vnd.google.protobuf;proto=other;encoding=delimited",
        Format::Text,
    );
    check(
        "application/vnd.google.protobuf;encoding=text;q=1,text/plain;q=0.1",
        Format::Text,
    );
    check(
        "application/openmetrics-text;q=0,text/plain;q=0.1",
        Format::Text,
    );
}

#[test]
fn bounds_are_written_as_prometheus_keeps_them() {
    let bounds = [1.0, 0.25, 10.24, 1_048_576.0, 65_536.0, f64::INFINITY];
    let written: Vec<String> = bounds.into_iter().map(le).collect();
    assert_eq!(
        written,
        ["1.0", "0.25", "10.24", "1.048576e+06", "65536.0", "+Inf"]
    );
}

/// Series and values of a text; checks what both text formats promise.
fn read_text(text: &str) -> BTreeMap<String, f64> {
    let mut seen = BTreeSet::new();
    let mut family = String::new();
    let mut series = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
            assert!(seen.insert(family.clone()), "{family} comes twice");
        } else if !line.starts_with('#') {
            assert!(line.starts_with(&family), "{line} stands in {family}");
            let sample = line.split(" # ").next().unwrap();
            let (name, value) = sample.rsplit_once(' ').unwrap();
            let value = value.parse().unwrap();
            assert!(
                series.insert(name.to_owned(), value).is_none(),
                "{name} comes twice"
            );
        }
    }
    series
}

#[test]
fn both_texts_hold_the_same_valid_series() {
    let families = families();
    let text = String::from_utf8(render(&families, Format::Text)).unwrap();
    let open = String::from_utf8(render(&families, Format::OpenMetrics)).unwrap();
    let series = read_text(&text);
    assert_eq!(series, read_text(&open));
    assert!(series.len() > 400, "{} series", series.len());
    for (name, value) in &series {
        let Some((family, rest)) = name.split_once("_bucket{") else {
            continue;
        };
        if rest.contains("le=\"+Inf\"") {
            let labels = rest.replace(",le=\"+Inf\"", "").replace("le=\"+Inf\"", "");
            let count = format!("{family}_count{{{labels}").replace("{}", "");
            assert_eq!(series.get(&count), Some(value), "{count}");
        }
    }
    assert!(open.ends_with("\n# EOF\n"));
    assert!(open.contains("# TYPE demo_cost_dollars counter\n# UNIT demo_cost_dollars dollars\n"));
    assert!(open.contains("# TYPE target info\n"), "{open}");
    let exemplar = open
        .lines()
        .find(|line| line.contains(" # {trace_id=\""))
        .unwrap();
    let (_, exemplar) = exemplar.split_once("trace_id=\"").unwrap();
    let id = exemplar.split('"').next().unwrap();
    assert!(
        id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()),
        "{id}"
    );
    assert!(!text.contains("trace_id"));
}

#[test]
fn protobuf_holds_every_family_with_native_buckets_that_add_up() {
    let families = families();
    let body = render(&families, Format::Protobuf);
    let mut stream = Cursor::new(&body);
    let mut names = Vec::new();
    let mut native_count = 0;
    while !stream.is_done() {
        let mut family = Cursor::new(stream.bytes().unwrap());
        while let Some(field) = family.field().unwrap() {
            match field.number {
                1 => names.push(family.string_of(field).unwrap().to_owned()),
                4 => native_count += count_native(family.bytes_of(field).unwrap()),
                _ => family.skip(field).unwrap(),
            }
        }
    }
    let want: Vec<&str> = families.iter().map(|family| family.name).collect();
    assert_eq!(names, want);
    assert!(native_count > 8, "{native_count} native histograms");
    for family in &families {
        for point in &family.points {
            if let PointValue::Histogram(histogram) = &point.value {
                assert_eq!(histogram.counts.len(), histogram.bounds.len() + 1);
                if let Some(native) = &histogram.native {
                    native.validate().unwrap();
                    assert_eq!(native.count, histogram.counts.iter().sum::<u64>());
                    assert!((native.sum - histogram.sum).abs() <= 1e-9 * native.sum.abs());
                }
            }
        }
    }
}

/// 1 where a `Metric` message holds a histogram with a schema.
fn count_native(metric: &[u8]) -> usize {
    let mut metric = Cursor::new(metric);
    let mut count = 0;
    while let Some(field) = metric.field().unwrap() {
        if field.number != 7 {
            metric.skip(field).unwrap();
            continue;
        }
        let mut histogram = Cursor::new(metric.bytes_of(field).unwrap());
        while let Some(field) = histogram.field().unwrap() {
            count += usize::from(field.number == 5);
            histogram.skip(field).unwrap();
        }
    }
    count
}
