//! Configurations of `testdata/`: what is refused and with which words, what is taken and with
//! which meaning. `UPDATE_EXPECT=1` writes the expected files anew.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests stand outside of the test functions"
)]

mod support;

use std::path::{Path, PathBuf};

use bellwether_config::{
    CheckOptions, Config, ConfigErrors, LoadOptions, Loaded, Origin, WalFsync, check, check_syntax,
    example, load_text, load_web, reference,
};
use bellwether_model::utf8_name::Escaping;
use bellwether_outbound::settings::{Auth, SecretSource};
use bellwether_scrape::settings::{
    Discovery, DnsRecord, NameValidation, Scheme, ScrapeProtocol, ScrapeSettings,
};

use support::expect_file;

fn testdata(path: &str) -> PathBuf {
    Path::new("testdata").join(path)
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(testdata(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {extension} files in {folder}");
    files
}

fn load_named(path: &Path) -> Result<Loaded, ConfigErrors> {
    let origin = Origin {
        file: path.file_name().unwrap().to_string_lossy().into_owned(),
        folder: path.parent().unwrap().to_path_buf(),
    };
    load(&std::fs::read_to_string(path).unwrap(), &origin)
}

fn load(source: &str, origin: &Origin) -> Result<Loaded, ConfigErrors> {
    let environment = |name: &str| (name == "ZONE").then(|| "fra".to_owned());
    let options = LoadOptions {
        environment: &environment,
        ..LoadOptions::default()
    };
    load_text(source, origin, &options)
}

fn origin() -> Origin {
    Origin {
        file: "bellwether.yml".to_owned(),
        folder: PathBuf::from("/etc/bellwether"),
    }
}

fn load_ok(source: &str) -> Loaded {
    load(source, &origin()).unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn broken_files_are_refused_with_place_path_value_and_remedy() {
    let broken = files("broken", "yml");
    assert!(broken.len() >= 30);
    for path in broken {
        let errors = load_named(&path).expect_err(&path.display().to_string());
        let text = format!("{errors}\n");
        assert!(!text.contains("hunter2"), "a secret in {text}");
        expect_file(&path.with_extension("err"), &text);
    }
}

#[test]
fn good_files_are_taken_and_their_effective_form_means_the_same() {
    for path in files("good", "yml") {
        let loaded = load_named(&path).unwrap_or_else(|errors| panic!("{errors}"));
        assert!(
            !loaded.redacted_yaml.contains("hunter2") && !loaded.redacted_yaml.contains("$2y$"),
            "a secret in {}",
            loaded.redacted_yaml
        );
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        expect_file(&testdata("effective").join(name), &loaded.redacted_yaml);
        let debug = format!("{:?}", loaded.config.scrape);
        assert!(!debug.contains("\"hunter2\""), "a secret in {debug}");
        assert!(!format!("{:?}", loaded.config).contains("hunter2@"));
    }
}

#[test]
fn files_without_secrets_mean_the_same_in_their_effective_form() {
    let source = "
global: {scrape_interval: 20s, sample_limit: 10, metric_name_validation_scheme: legacy}
scrape_configs:
  - job_name: 'a: b'
    scrape_timeout: 5s
    params: {x: ['1', 'null', '']}
    static_configs: [{targets: [a], labels: {yes: 'no', '1': \"multi\\nline \\\\\"}}]
    relabel_configs: [{regex: , target_label: b}, {action: keep, source_labels: [a]}]
  - {job_name: b, honor_timestamps: false, metrics_path: /m, scheme: HTTPS}
remote_write: [{url: http://a/}]
storage: {retention: {size: 1GiB}, tsdb: {retention: {time: 3d}}}
";
    let first = load_ok(source);
    let second = load_ok(&first.redacted_yaml);
    assert_eq!(first.config, second.config);
    assert_eq!(first.redacted_yaml, second.redacted_yaml);
}

#[test]
fn defaults_are_those_of_prometheus() {
    let config = load_ok("scrape_configs: [{job_name: only}]").config;
    assert_eq!(config.scrape, [ScrapeSettings::new("only")]);
    assert_eq!(config.global.scrape_interval_ms, 60_000);
    assert_eq!(config.global.evaluation_interval_ms, 60_000);
    assert_eq!(config.storage.wal_fsync, WalFsync::EveryMs(1000));
    assert_eq!(config.storage.metrics_retention_ms, None);
    assert_eq!(config.server.listen, None);
    let remote = load_ok("remote_write: [{url: 'http://a/'}]")
        .config
        .remote_write;
    let url = remote[0].url.clone();
    assert_eq!(
        remote,
        [bellwether_forward::settings::RemoteWriteSettings::new(url)]
    );
}

#[test]
fn every_setting_reaches_its_type() {
    let config = load_named(&testdata("good/everything.yml")).unwrap().config;
    let job = |name: &str| {
        config
            .scrape
            .iter()
            .find(|job| job.job_name == name)
            .unwrap()
    };

    let inherits = job("inherits");
    assert_eq!((inherits.interval_ms, inherits.timeout_ms), (15_000, 5_000));
    assert_eq!(inherits.limits.body_bytes_max, 15 << 20);
    assert_eq!(inherits.protocols, ScrapeProtocol::PROTO_FIRST);
    assert!(inherits.native_histograms && inherits.extra_metrics);
    let Discovery::Static(groups) = &inherits.discovery[0] else {
        panic!("{:?}", inherits.discovery)
    };
    assert_eq!(groups[0].targets, ["a:9100", "b:9100", "10.0.0.1:9100"]);
    assert_eq!(groups[0].labels.to_string(), "{env=\"prod\", zone=\"1\"}");

    let own = job("own");
    assert_eq!((own.interval_ms, own.timeout_ms), (90_000, 20_000));
    assert_eq!(own.scheme, Scheme::Https);
    assert_eq!(own.limits.body_bytes_max, 3 << 29);
    assert_eq!(own.limits.samples_max, 1000);
    assert_eq!(own.limits.targets_max, 100);
    assert!(own.track_timestamps_staleness && !own.enable_compression && !own.honor_timestamps);
    assert!(
        !own.native_histograms && own.always_classic_histograms && own.classic_histograms_to_nhcb
    );
    assert_eq!(own.name_validation, NameValidation::Legacy);
    assert_eq!(own.name_escaping, Escaping::Underscores);
    assert_eq!(
        own.params[0],
        (
            "module".to_owned(),
            vec!["http_2xx".to_owned(), "tcp".to_owned()]
        )
    );
    let Some(Auth::Basic {
        password: Some(SecretSource::File(file)),
        ..
    }) = &own.http.auth
    else {
        panic!("{:?}", own.http.auth)
    };
    assert_eq!(file, &testdata("good/password"));
    assert_eq!(own.http.headers.len(), 2);
    assert_eq!(own.http.headers[1].values.len(), 2);
    assert!(matches!(
        &own.discovery[0],
        Discovery::Dns {
            record: DnsRecord::A,
            port: 8080,
            refresh_interval_ms: 15_000,
            ..
        }
    ));
    let Discovery::File {
        files,
        refresh_interval_ms: 300_000,
    } = &own.discovery[1]
    else {
        panic!("{:?}", own.discovery)
    };
    assert_eq!(files[0], testdata("good/targets/*.yml").to_string_lossy());
    assert_eq!(files[1], "/etc/targets.json");
    assert_eq!(own.relabel.len(), 5);
    assert_eq!(own.relabel[4].regex_text, "");

    let merged = job("merged");
    assert_eq!((merged.interval_ms, merged.timeout_ms), (90_000, 30_000));
    assert_eq!(merged.relabel, own.relabel);
    assert_eq!(merged.name_validation, NameValidation::Utf8);

    assert_eq!(
        job("oauth").discovery,
        [Discovery::Unsupported {
            key: "kubernetes_sd_configs".to_owned()
        }]
    );
    assert!(job("old").always_classic_histograms);
    assert_eq!(
        config.global.external_labels.to_string(),
        "{cluster=\"prod-fra\", price=\"5$\"}"
    );
    let alertmanagers = &config.alerting.alertmanagers;
    assert_eq!(config.alerting.alert_relabel.len(), 1);
    assert_eq!(alertmanagers[0].discovery.len(), 1);
    let reached = &alertmanagers[0].reached;
    assert_eq!(
        (reached.scheme.as_str(), reached.path_prefix.as_str()),
        ("https", "/am")
    );
    assert_eq!(reached.timeout_ms, 5_000);
    assert_eq!(config.remote_write[1].queue.shards_max, 10);
    assert!(!config.remote_write[1].metadata.send);
    assert_eq!(config.storage.memory_bytes_max, 2 << 30);
    assert_eq!(config.storage.metrics_retention_ms, Some(30 * 86_400_000));
    assert_eq!(config.storage.limits.labels_max, 64);
    assert_eq!(config.server.listen.unwrap().port(), 9090);
    assert!(config.server.tokens[0].may_write && !config.server.tokens[0].may_administrate);
    assert_eq!(config.later.len(), 2);
}

#[test]
fn jobs_of_other_files_belong_to_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "main.yml",
        "global: {scrape_interval: 7s}\nscrape_config_files: ['jobs_*.yml']\n",
    );
    write(
        "jobs_1.yml",
        "scrape_configs: [{job_name: one, file_sd_configs: [{files: [t.json]}]}]\n",
    );
    write("jobs_2.yml", "scrape_configs: [{job_name: two}]\n");
    let main = folder.path().join("main.yml");
    let loaded = Config::load(&main).unwrap();
    let jobs: Vec<(&str, i64)> = loaded
        .config
        .scrape
        .iter()
        .map(|job| (job.job_name.as_str(), job.interval_ms))
        .collect();
    assert_eq!(jobs, [("one", 7_000), ("two", 7_000)]);

    let file = folder.path().join("jobs_2.yml");
    let title = loaded.job_title("two", &main);
    assert_eq!(
        title,
        format!("{}: scrape_configs[0] (job \"two\")", file.display())
    );
    let yaml = &loaded.job_places["two"].yaml;
    assert!(
        yaml.starts_with("job_name: two\n") && yaml.contains("scrape_interval: 7s\n"),
        "{yaml}"
    );
    // In the file itself the setting is enough.
    assert_eq!(
        loaded.job_title("two", &file),
        "scrape_configs[0] (job \"two\")"
    );

    write("jobs_3.yml", "scrape_configs: [{job_name: one}]\n");
    let errors = Config::load(&main).unwrap_err();
    assert_eq!(errors.errors.len(), 1);
    assert!(errors.errors[0].file.ends_with("jobs_3.yml"));
    assert!(
        errors.errors[0].message.contains("jobs_1.yml line 1"),
        "{errors}"
    );

    write("main.yml", "scrape_config_files: [missing.yml]\n");
    let errors = Config::load(&main).unwrap_err();
    assert!(
        errors.to_string().contains("missing.yml\" is not there"),
        "{errors}"
    );
}

#[test]
fn features_change_defaults_but_not_what_is_written() {
    let options = LoadOptions {
        proto_first: true,
        native_histograms: true,
        extra_scrape_metrics: true,
        ..LoadOptions::default()
    };
    let load = |source: &str| {
        load_text(source, &origin(), &options)
            .unwrap()
            .config
            .scrape
    };
    let jobs = load("scrape_configs: [{job_name: a}]");
    assert!(jobs[0].native_histograms && jobs[0].extra_metrics);
    assert_eq!(jobs[0].protocols, ScrapeProtocol::PROTO_FIRST);
    let jobs = load(
        "global: {scrape_native_histograms: false, extra_scrape_metrics: false}\nscrape_configs: [{job_name: a, scrape_protocols: [PrometheusText0.0.4]}]",
    );
    assert!(!jobs[0].native_histograms && !jobs[0].extra_metrics);
    assert_eq!(jobs[0].protocols, [ScrapeProtocol::PrometheusText004]);
}

#[test]
fn a_check_looks_at_every_file_and_tells_what_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let rules = std::fs::read_to_string(testdata("rules/rules.yml")).unwrap();
    write("rules.yml", &rules);
    write(
        "targets.yml",
        "- targets: [a, b]\n- targets: [c]\n  label: {}\n",
    );
    write(
        "targets.json",
        "[{\"targets\": [\"a\"], \"labels\": {\"a\": \"b\"}}]",
    );
    write("cut.json", "[{\"targets\"");
    write(
        "main.yml",
        "rule_files: [rules.yml, none.yml, 'none/*.yml']
scrape_configs:
  - job_name: a
    authorization: {credentials_file: token}
    file_sd_configs: [{files: [targets.yml, targets.json, cut.json, later.yml]}]
    kubernetes_sd_configs: [{role: pod}]
probes: []
",
    );
    let report = check(&folder.path().join("main.yml"), &CheckOptions::default());
    let text = report
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "");
    expect_file(&testdata("check.txt"), &format!("{text}\n"));
    let json = report.to_json();
    assert_eq!(json["ok"], false);
    assert_eq!(
        json["errors"].as_array().unwrap().len(),
        report.errors.len()
    );
    assert_eq!(json["rules"], 2);

    write("main.yml", "rule_files: [rules.yml]\n");
    let report = check(&folder.path().join("main.yml"), &CheckOptions::default());
    assert!(report.is_ok(), "{report}");
}

#[test]
fn broken_rules_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let rules = std::fs::read_to_string(testdata("rules/broken.yml")).unwrap();
    std::fs::write(folder.path().join("broken.yml"), rules).unwrap();
    std::fs::write(folder.path().join("main.yml"), "rule_files: ['*ken.yml']\n").unwrap();
    let report = check(&folder.path().join("main.yml"), &CheckOptions::default());
    let text = report
        .to_string()
        .replace(&format!("{}/", folder.path().display()), "");
    expect_file(&testdata("rules/broken.err"), &format!("{text}\n"));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let errors = Config::load(Path::new("/nonexistent/bellwether.yml")).unwrap_err();
    assert!(errors.is_unreadable);
    assert!(
        errors
            .to_string()
            .starts_with("/nonexistent/bellwether.yml: cannot be read"),
        "{errors}"
    );
}

#[test]
fn a_file_can_be_checked_without_those_it_names() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prometheus.yml");
    let write = |relabelled: &str| {
        let text = format!(
            "rule_files: [elsewhere/*.yml]
scrape_configs:
  - job_name: probe
    tls_config: {{ ca_file: missing.pem }}
    relabel_configs:
      - source_labels: [__address__]
        target_label: __param_target
{relabelled}
    static_configs: [{{ targets: ['http://a/b'] }}]
"
        );
        std::fs::write(&file, text).unwrap();
    };
    let options = CheckOptions::default();
    write("      - target_label: __address__\n        replacement: exporter:9115");
    let errors = check(&file, &options).errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(errors[0].path, "scrape_configs[0].tls_config.ca_file");
    let report = check_syntax(&file, &options);
    assert!(report.is_ok() && report.job_count == 1, "{report}");

    // A target that relabelling leaves as it is would be dropped by a server.
    write("");
    let errors = check_syntax(&file, &options).errors;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!(
        (
            errors[0].position.line,
            errors[0].path.as_str(),
            errors[0].message.as_str()
        ),
        (
            3,
            "scrape_configs[0].static_configs",
            "target \"http://a/b\" after relabelling: \"http://a/b\" is not a valid address: want \
             host or host:port"
        )
    );
}

#[test]
fn web_config_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("web.yml");
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    write("");
    let settings = load_web(&path).unwrap();
    assert!(settings.tls.is_none() && settings.users.is_empty() && settings.enable_http2);
    write(
        "tls_server_config: {cert_file: a.pem, key_file: a.key}
http_server_config: {http2: false, headers: {X-Frame-Options: deny}}
basic_auth_users: {joe: $2y$12$1DpfPeqF9HzHJt.EWswy1exHluGfbhnn3yXhR7Xes6m3WJqFg0Wby}
",
    );
    let settings = load_web(&path).unwrap();
    assert_eq!(settings.users[0].0, "joe");
    assert!(settings.tls.is_some() && !settings.enable_http2);
    assert_eq!(settings.headers.len(), 1);
    write("tls_server_config: {cert_file: a.pem}\nbasic_auth_users: {joe: hunter2}\n");
    let errors = load_web(&path).unwrap_err().to_string();
    assert!(
        errors.contains("key_file is missing") && errors.contains("bcrypt"),
        "{errors}"
    );
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[test]
fn the_reference_page_and_the_example_are_fresh() {
    let docs = Path::new("../../docs/user");
    expect_file(&docs.join("configuration.md"), &reference());
    expect_file(&docs.join("bellwether.example.yml"), &example());
}

#[test]
fn the_example_is_a_file_of_defaults() {
    let example = load_ok(&example()).config;
    let plain = load_ok(
        "scrape_configs: [{job_name: bellwether, static_configs: [{targets: ['127.0.0.1:9090']}]}]",
    )
    .config;
    assert_eq!(example.scrape, plain.scrape);
    assert_eq!(example.global, plain.global);
    assert_eq!(example.otlp, plain.otlp);
    assert_eq!(example.storage.limits, plain.storage.limits);
}

mod mutations {
    use proptest::prelude::*;

    use super::{load, origin, testdata};

    #[derive(Debug, Clone)]
    enum Mutation {
        Remove {
            at: prop::sample::Index,
            count: usize,
        },
        Insert {
            at: prop::sample::Index,
            text: String,
        },
        Repeat {
            from: prop::sample::Index,
            to: prop::sample::Index,
        },
        Line {
            from: prop::sample::Index,
            to: prop::sample::Index,
        },
    }

    fn mutation() -> impl Strategy<Value = Mutation> {
        let token = prop_oneof![
            Just("*own".to_owned()),
            Just("<<: *own\n".to_owned()),
            Just("&x ".to_owned()),
            Just("\n  - ".to_owned()),
            Just(": ".to_owned()),
            Just("[{".to_owned()),
            Just("!!binary ".to_owned()),
            Just("\"".to_owned()),
            Just("99999999999999999999".to_owned()),
            Just("\u{0}".to_owned()),
            ".{0,8}",
        ];
        prop_oneof![
            (any::<prop::sample::Index>(), 1_usize..20)
                .prop_map(|(at, count)| Mutation::Remove { at, count }),
            (any::<prop::sample::Index>(), token)
                .prop_map(|(at, text)| Mutation::Insert { at, text }),
            (any::<prop::sample::Index>(), any::<prop::sample::Index>())
                .prop_map(|(from, to)| Mutation::Repeat { from, to }),
            (any::<prop::sample::Index>(), any::<prop::sample::Index>())
                .prop_map(|(from, to)| Mutation::Line { from, to }),
        ]
    }

    fn apply(source: &mut Vec<char>, mutation: &Mutation) {
        if source.is_empty() {
            return;
        }
        let length = source.len();
        match mutation {
            Mutation::Remove { at, count } => {
                let start = at.index(length);
                source.drain(start..(start + count).min(length));
            }
            Mutation::Insert { at, text } => {
                let at = at.index(length);
                source.splice(at..at, text.chars());
            }
            Mutation::Repeat { from, to } => {
                let start = from.index(length);
                let piece: Vec<char> = source[start..(start + 60).min(length)].to_vec();
                let to = to.index(length);
                source.splice(to..to, piece);
            }
            Mutation::Line { from, to } => {
                let text: String = source.iter().collect();
                let mut lines: Vec<&str> = text.lines().collect();
                let (from, to) = (from.index(lines.len()), to.index(lines.len()));
                lines.swap(from, to);
                *source = lines.join("\n").chars().collect();
            }
        }
    }

    proptest! {
        /// Whatever is done to a file, it is taken or refused with an error, and what is taken has
        /// an effective form that can be read again.
        #[test]
        fn changed_files_never_panic(mutations in prop::collection::vec(mutation(), 1..6)) {
            let source = std::fs::read_to_string(testdata("good/everything.yml")).unwrap();
            let mut source: Vec<char> = source.chars().collect();
            for mutation in &mutations {
                apply(&mut source, mutation);
            }
            let source: String = source.into_iter().collect();
            match load(&source, &origin()) {
                Ok(loaded) => {
                    let again = load(&loaded.redacted_yaml, &origin());
                    // Hidden hashes and PEM texts cannot be read again; all else can.
                    if let Err(errors) = again {
                        let explained = errors.errors.iter().all(|error| error.message.contains("bcrypt"));
                        prop_assert!(explained, "{errors}\n{}", loaded.redacted_yaml);
                    }
                }
                Err(errors) => prop_assert!(!errors.errors.is_empty()),
            }
        }

        /// Any text at all is taken or refused.
        #[test]
        fn any_text_never_panics(source in "\\PC*") {
            let outcome = load(&source, &origin());
            prop_assert!(outcome.is_ok() || outcome.is_err_and(|errors| !errors.errors.is_empty()));
        }
    }
}
