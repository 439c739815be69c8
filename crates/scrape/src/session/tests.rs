use bellwether_model::relabel::{Action, Rule};
use bellwether_model::{MatchOp, Matcher, TimeRange, is_stale_nan};
use bellwether_storage::{MemoryStore, Samples, Selection, SelectionHints};

use super::*;

/// A target that is scraped by hand.
struct Scene {
    store: Arc<MemoryStore>,
    session: Session,
    now_ms: i64,
    format: Format,
}

impl Scene {
    fn new(change: impl FnOnce(&mut ScrapeSettings)) -> Self {
        let mut settings = ScrapeSettings::new("job");
        change(&mut settings);
        let store = Arc::new(MemoryStore::new());
        let histograms = HistogramOptions {
            native: true,
            always_classic: settings.always_classic_histograms,
            classic_to_nhcb: settings.classic_histograms_to_nhcb,
        };
        let labels = Labels::from_pairs([("instance", "i"), ("job", "job")]);
        let dyn_store: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(&store);
        let session = Session::new(dyn_store, Arc::new(settings), histograms, labels);
        Self {
            store,
            session,
            now_ms: 0,
            format: Format::PrometheusText,
        }
    }

    fn report(&self) -> Report {
        Report {
            time_ms: self.now_ms,
            duration_seconds: 0.5,
            timeout_ms: 10_000,
            body_bytes: 7,
        }
    }

    /// Scrapes a body, 10 s after the last one.
    fn scrape(&mut self, body: &str) -> Taken {
        self.now_ms += 10_000;
        let (report, now_ms) = (self.report(), self.now_ms);
        self.session
            .take(body.as_bytes(), self.format, || report, now_ms)
    }

    fn miss(&mut self) -> Taken {
        self.now_ms += 10_000;
        let report = self.report();
        self.session
            .miss(ScrapeError::Source("down".to_owned()), report)
    }

    fn samples(&self, matchers: &[(&str, &str)]) -> Vec<(Labels, Samples)> {
        let matchers: Vec<Matcher> = matchers
            .iter()
            .map(|(name, value)| Matcher::new(*name, MatchOp::Equal, *value).unwrap())
            .collect();
        let found = self.store.select(&Selection {
            matchers: &matchers,
            range: TimeRange::ALL,
            hints: SelectionHints::default(),
        });
        let mut found: Vec<(Labels, Samples)> = found
            .unwrap()
            .iter()
            .map(|series| {
                let mut samples = Samples::default();
                series.read(TimeRange::ALL, &mut samples).unwrap();
                (series.labels().clone(), samples)
            })
            .collect();
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found
    }

    /// The samples of one metric as text: `labels: time=value …`, times in seconds.
    #[track_caller]
    fn check(&self, metric: &str, expected: &[&str]) {
        let found: Vec<String> = self
            .samples(&[(METRIC_NAME, metric)])
            .iter()
            .map(|(labels, samples)| {
                let labels =
                    labels.filter(|name| !matches!(name, METRIC_NAME | "job" | "instance"));
                let values = samples.times_ms.iter().zip(&samples.values);
                let values: Vec<String> = values
                    .map(|(time_ms, value)| {
                        let shown = if is_stale_nan(*value) {
                            "stale".to_owned()
                        } else {
                            value.to_string()
                        };
                        format!("{}={shown}", *time_ms as f64 / 1000.0)
                    })
                    .collect();
                format!("{labels} {}", values.join(" "))
            })
            .collect();
        assert_eq!(found, expected, "{metric}");
    }
}

fn rule(action: Action, source: &str, regex: &str, target: &str, replacement: &str) -> Rule {
    Rule {
        source_labels: vec![source.to_owned()],
        separator: ";".to_owned(),
        regex_text: regex.to_owned(),
        regex: Rule::compile(regex).unwrap(),
        modulus: 0,
        target_label: target.to_owned(),
        replacement: replacement.to_owned(),
        action,
    }
}

#[test]
fn samples_report_and_metadata_are_written() {
    let mut scene = Scene::new(|settings| settings.extra_metrics = true);
    let body = "# HELP a Some \\n help.\n# TYPE a counter\na{x=\"1\"} 1\na{x=\"2\"} 2\n";
    let taken = scene.scrape(body);
    assert_eq!((taken.scraped, taken.added, taken.series_added), (2, 2, 2));
    let taken = scene.scrape(body);
    assert_eq!((taken.scraped, taken.added, taken.series_added), (2, 2, 0));
    scene.check("a", &["{x=\"1\"} 10=1 20=1", "{x=\"2\"} 10=2 20=2"]);
    scene.check("up", &["{} 10=1 20=1"]);
    scene.check("scrape_duration_seconds", &["{} 10=0.5 20=0.5"]);
    scene.check("scrape_samples_scraped", &["{} 10=2 20=2"]);
    scene.check("scrape_samples_post_metric_relabeling", &["{} 10=2 20=2"]);
    scene.check("scrape_series_added", &["{} 10=2 20=0"]);
    scene.check("scrape_timeout_seconds", &["{} 10=10 20=10"]);
    scene.check("scrape_body_size_bytes", &["{} 10=7 20=7"]);
    let metadata = scene.store.metadata(Some("a")).unwrap();
    assert_eq!(metadata.len(), 1);
    assert_eq!(metadata[0].metadata.help, "Some \n help.");
    assert_eq!(metadata[0].metadata.metric_type, MetricType::Counter);
}

#[test]
fn series_that_vanish_and_scrapes_that_fail_leave_markers() {
    let mut scene = Scene::new(|_| {});
    scene.scrape("a 1\nb 1\nc 1\n");
    scene.scrape("a 2\nc 2\n");
    scene.miss();
    scene.miss();
    scene.scrape("a 5\nb 5\n");
    let taken = scene.scrape("a 6\nb oops\n");
    assert_eq!(
        taken.error.unwrap().to_string(),
        "line 2: expected a number as value, found \"oops\""
    );
    scene.scrape("b 7\n");
    scene.check("a", &["{} 10=1 20=2 30=stale 50=5 60=stale"]);
    scene.check("b", &["{} 10=1 20=stale 50=5 60=stale 70=7"]);
    scene.check("c", &["{} 10=1 20=2 30=stale"]);
    scene.check("up", &["{} 10=1 20=1 30=0 40=0 50=1 60=0 70=1"]);
    scene.now_ms += 1;
    scene.session.end(80_000).unwrap();
    scene.check("b", &["{} 10=1 20=stale 50=5 60=stale 70=7 80=stale"]);
    scene.check("up", &["{} 10=1 20=1 30=0 40=0 50=1 60=0 70=1 80=stale"]);
}

#[test]
fn own_times_are_taken_and_not_tracked_unless_asked() {
    let mut scene = Scene::new(|_| {});
    scene.scrape("a 1 5000\nb 1\n");
    scene.scrape("b 1\n");
    scene.check("a", &["{} 5=1"]);
    let mut scene = Scene::new(|settings| settings.track_timestamps_staleness = true);
    scene.scrape("a 1 5000\nb 1\n");
    scene.scrape("b 1\n");
    scene.check("a", &["{} 5=1 20=stale"]);
    let mut scene = Scene::new(|settings| settings.honor_timestamps = false);
    scene.scrape("a 1 5000\n");
    scene.check("a", &["{} 10=1"]);
}

#[test]
fn conflicting_labels_move_or_win() {
    let body = "a{instance=\"x\",exported_instance=\"y\"} 1\n";
    let mut scene = Scene::new(|_| {});
    scene.scrape(body);
    let found = scene.samples(&[(METRIC_NAME, "a")]);
    assert_eq!(
        found[0].0,
        Labels::from_pairs([
            (METRIC_NAME, "a"),
            ("instance", "i"),
            ("exported_instance", "y"),
            ("exported_exported_instance", "x"),
            ("job", "job"),
        ])
    );
    let mut scene = Scene::new(|settings| settings.honor_labels = true);
    scene.scrape(body);
    let found = scene.samples(&[(METRIC_NAME, "a")]);
    assert_eq!(found[0].0.get("instance"), Some("x"));
}

#[test]
fn metric_rules_drop_and_rename() {
    let mut scene = Scene::new(|settings| {
        settings.metric_relabel = vec![
            rule(Action::Drop, METRIC_NAME, "b", "", "$1"),
            rule(Action::Replace, METRIC_NAME, "c(.*)", METRIC_NAME, "d$1"),
        ];
    });
    for _ in 0..2 {
        let taken = scene.scrape("a 1\nb 1\nc 1\n");
        assert_eq!((taken.scraped, taken.added), (3, 2));
    }
    scene.check("a", &["{} 10=1 20=1"]);
    scene.check("b", &[]);
    scene.check("c", &[]);
    scene.check("d", &["{} 10=1 20=1"]);
    let mut scene = Scene::new(|settings| {
        settings.metric_relabel = vec![rule(Action::Replace, METRIC_NAME, "(.*)", METRIC_NAME, "")];
    });
    let error = scene.scrape("a 1\n").error.unwrap().to_string();
    assert_eq!(error, "series \"a\" has no metric name after relabelling");
}

#[test]
fn series_that_stand_twice_are_counted() {
    let mut scene = Scene::new(|_| {});
    let taken = scene.scrape("a 1\na 2\na 3 5000\n");
    assert_eq!((taken.scraped, taken.added, taken.rejected), (3, 2, 1));
    scene.check("a", &["{} 5=3 10=1"]);
}

#[test]
fn limits_fail_the_whole_scrape() {
    let fails = |change: fn(&mut ScrapeSettings), body: &str| {
        let mut scene = Scene::new(change);
        let error = scene.scrape(body).error.expect("fails").to_string();
        scene.check("up", &["{} 10=0"]);
        scene.check("a", &[]);
        error
    };
    let body = "a{x=\"1\"} 1\na{x=\"2\"} 1\na{x=\"3\"} 1\n";
    assert_eq!(
        fails(|settings| settings.limits.samples_max = 2, body),
        "sample limit exceeded: 3 samples, limit 2"
    );
    assert!(
        fails(|settings| settings.limits.labels_max = 3, body)
            .ends_with("number of labels is 4, limit 3")
    );
    assert!(
        fails(|settings| settings.limits.label_name_bytes_max = 2, body)
            .ends_with("length of label name __name__ is 8, limit 2")
    );
    assert!(
        fails(|settings| settings.limits.label_value_bytes_max = 2, body)
            .ends_with("length of the value of label job is 3, limit 2")
    );
    assert_eq!(
        fails(
            |settings| settings.name_validation = NameValidation::Legacy,
            "{\"a b\"} 1\n"
        ),
        "series {__name__=\"a b\", instance=\"i\", job=\"job\"}: \"a b\" is not a valid name \
         under the legacy validation scheme"
    );
}

#[test]
fn a_sample_limit_counts_series_that_are_known() {
    let mut scene = Scene::new(|settings| settings.limits.samples_max = 2);
    assert!(scene.scrape("a 1\nb 1\n").error.is_none());
    assert!(scene.scrape("a 1\nb 1\nc 1\n").error.is_some());
    assert!(scene.scrape("a 1\nb 1\n").error.is_none());
    scene.check("b", &["{} 10=1 20=stale 30=1"]);
}

#[test]
fn created_series_say_when_counters_started() {
    let mut scene = Scene::new(|_| {});
    scene.format = Format::OpenMetrics;
    let body = "# TYPE a counter\na_total{x=\"1\"} 4 # {trace_id=\"t\"} 0.5 3.25\n\
                a_created{x=\"1\"} 5.5\na_total{x=\"2\"} 4\n# TYPE g gauge\ng 1\n# EOF\n";
    for _ in 0..2 {
        assert!(scene.scrape(body).error.is_none());
    }
    let found = scene.samples(&[(METRIC_NAME, "a_total"), ("x", "1")]);
    assert_eq!(found[0].1.starts_ms, [5500, 5500]);
    let found = scene.samples(&[(METRIC_NAME, "a_total"), ("x", "2")]);
    assert!(found[0].1.starts_ms.iter().all(|start| *start == 0));
    scene.check("a_created", &["{x=\"1\"} 10=5.5 20=5.5"]);
    let exemplars = scene.store.exemplars(&bellwether_storage::LabelQuery {
        matcher_sets: &[],
        range: TimeRange::ALL,
        limit: 0,
    });
    let exemplars = exemplars.unwrap();
    assert_eq!(exemplars.len(), 1);
    assert_eq!(exemplars[0].exemplars[0].timestamp_ms, 3250);
    assert_eq!(exemplars[0].exemplars[0].labels.get("trace_id"), Some("t"));
}

#[test]
fn classic_histograms_become_native_ones_if_asked() {
    let body = "# TYPE h histogram\nh_bucket{x=\"1\",le=\"1\"} 1\nh_bucket{x=\"1\",le=\"+Inf\"} 3\n\
                h_sum{x=\"1\"} 7\nh_count{x=\"1\"} 3\n\
                h_bucket{x=\"2\",le=\"1\"} 0\nh_bucket{x=\"2\",le=\"+Inf\"} 0\n\
                h_sum{x=\"2\"} 0\nh_count{x=\"2\"} 0\n# TYPE g gauge\ng 1\n";
    let mut scene = Scene::new(|settings| settings.classic_histograms_to_nhcb = true);
    for _ in 0..2 {
        assert!(scene.scrape(body).error.is_none());
    }
    let found = scene.samples(&[(METRIC_NAME, "h")]);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].1.histograms.len(), 2);
    assert_eq!(found[0].1.histograms[0].positive_buckets, [1.0, 2.0]);
    assert_eq!(found[0].1.histograms[0].custom_values, [1.0]);
    scene.check("h_count", &[]);
    scene.check("g", &["{} 10=1 20=1"]);
    let mut scene = Scene::new(|settings| {
        settings.classic_histograms_to_nhcb = true;
        settings.always_classic_histograms = true;
    });
    scene.scrape(body);
    assert_eq!(scene.samples(&[(METRIC_NAME, "h")]).len(), 2);
    scene.check(
        "h_bucket",
        &[
            "{le=\"+Inf\", x=\"1\"} 10=3",
            "{le=\"+Inf\", x=\"2\"} 10=0",
            "{le=\"1.0\", x=\"1\"} 10=1",
            "{le=\"1.0\", x=\"2\"} 10=0",
        ],
    );
}

#[test]
fn a_session_that_takes_over_ends_what_does_not_come_again() {
    let mut scene = Scene::new(|_| {});
    scene.scrape("a 1\nb 1\n");
    let fresh = scene.session.fresh();
    let old = std::mem::replace(&mut scene.session, fresh);
    scene.session.inherit(old.into_exposed());
    scene.scrape("a 2\n");
    scene.check("a", &["{} 10=1 20=2"]);
    scene.check("b", &["{} 10=1 20=stale"]);
    scene.check("up", &["{} 10=1 20=1"]);
}
