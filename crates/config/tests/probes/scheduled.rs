//! Probes on a schedule, and maintenance.

use std::time::Duration;

use bellwether_config::{Config, check};
use bellwether_health::EntityId;
use bellwether_probe::Prober;
use bellwether_probe::watch::{MaintenanceSettings, ProbeSettings, PublicSettings};

use super::{expect_file, files, load, testdata};

fn good() -> Config {
    let source = std::fs::read_to_string(testdata("probes/good/probes.yml")).unwrap();
    load(&source).unwrap().config
}

fn probe(name: &str) -> ProbeSettings {
    let mut probes = good().probes.into_iter();
    probes.find(|probe| probe.name == name).unwrap()
}

#[test]
fn broken_files_are_refused_with_every_error() {
    let mut count = 0;
    for path in files("probes/broken") {
        let source = std::fs::read_to_string(&path).unwrap();
        let errors = load(&source).expect_err(&format!("{} is taken", path.display()));
        let text = format!("{errors}\n");
        assert!(!text.contains("hunter2"), "a secret in {text}");
        expect_file(&path.with_extension("err"), &text);
        count += errors.errors.len();
    }
    assert!(count > 35, "{count}");
}

#[test]
fn probes_have_what_the_file_says() {
    let api = probe("eu/api:v1");
    assert_eq!(api.module_name, "api");
    assert!(matches!(&api.module.prober, Prober::Http(http) if http.client.auth.is_some()));
    assert_eq!(api.interval, Duration::from_secs(5));
    // The interval is shorter than the usual time-out.
    assert_eq!(api.timeout, Duration::from_secs(5));
    assert_eq!((api.thresholds.failure, api.thresholds.success), (2, 4));
    assert_eq!(api.depends_on, ["db", "gateway"]);
    assert_eq!(api.entity.to_string(), "service/eu/api:v1");
    let labels = [("team", "web"), ("region", "eu")].map(|(n, v)| (n.to_owned(), v.to_owned()));
    assert_eq!(api.labels, labels);
    let public = PublicSettings {
        title: "Our API".to_owned(),
        group: "Europe".to_owned(),
    };
    assert_eq!(api.public, Some(public));
}

#[test]
fn probes_take_what_they_do_not_say_from_elsewhere() {
    let db = probe("db");
    assert_eq!(db.interval, Duration::from_secs(30));
    assert_eq!(db.timeout, Duration::from_secs(10));
    assert_eq!((db.thresholds.failure, db.thresholds.success), (3, 1));
    assert_eq!(Some(db.entity), EntityId::parse("database/main"));
    assert!(db.public.is_none());
    let gateway = probe("gateway");
    assert_eq!(gateway.module_name, "icmp");
    assert!(matches!(&gateway.module.prober, Prober::Icmp(icmp) if icmp.ttl == 3));
    assert_eq!(gateway.timeout, Duration::from_millis(250));
    assert_eq!(gateway.entity.to_string(), "host/gateway");
    assert_eq!(gateway.public.unwrap().title, "gateway");
    let daemon = probe("daemon");
    assert_eq!(daemon.entity.to_string(), "daemon/daemon");
    assert_eq!(daemon.timeout, Duration::from_secs(10));
}

#[test]
fn a_change_shows_in_the_fingerprint_of_what_it_is_about() {
    let source = std::fs::read_to_string(testdata("probes/good/probes.yml")).unwrap();
    let prints = |source: &str| -> Vec<String> {
        let config = load(source).unwrap().config;
        assert_eq!(config.probes.len(), 6);
        config
            .probes
            .iter()
            .map(|probe| probe.fingerprint.clone())
            .collect()
    };
    let before = prints(&source);
    assert_eq!(before, prints(&format!("# A comment moves all.\n{source}")));
    let check = |old: &str, new: &str, want: &[usize]| {
        let after = prints(&source.replacen(old, new, 1));
        let changed: Vec<usize> = (0..6).filter(|i| before[*i] != after[*i]).collect();
        assert_eq!(changed, want, "{old} to {new}");
    };
    // A secret of its module.
    check("credentials: hunter2", "credentials: hunter3", &[1]);
    check(
        "scrape_interval: 30s",
        "scrape_interval: 31s",
        &[0, 2, 4, 5],
    );
    check("ttl: 3", "ttl: 4", &[2]);
    check("team: web", "team: app", &[1]);
    check("title: Our API", "title: API", &[1]);
}

#[test]
fn maintenance_is_read() {
    let config = good();
    let weekly = &config.maintenance[0];
    let start_ms = 1_772_402_400_000;
    let want = MaintenanceSettings {
        reason: "backup".to_owned(),
        probes: ["db", "eu/*", "nobody"].map(str::to_owned).to_vec(),
        start_ms,
        end_ms: start_ms + 7_200_000,
        every_ms: Some(7 * 86_400_000),
    };
    assert_eq!(weekly, &want);
    let once = &config.maintenance[1];
    assert_eq!((once.start_ms, once.end_ms), (start_ms, start_ms + 1_000));
    assert_eq!((once.reason.as_str(), once.every_ms), ("maintenance", None));
}

#[test]
fn targets_that_may_be_asked_for_are_matched_as_a_whole() {
    let targets = good().server.probe_targets;
    let allows = |target: &str| targets.iter().any(|pattern| pattern.is_match(target));
    assert!(allows("https://a.example/b") && allows("10.0.0.7:53"));
    assert!(!allows("https://a.example.org/") && !allows("10.0.0.7:530"));
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let source = std::fs::read_to_string(testdata("probes/good/probes.yml")).unwrap();
    let loaded = load(&source).unwrap();
    for text in [&loaded.redacted_yaml, &format!("{:?}", loaded.config)] {
        assert!(!text.contains("hunter2"), "a secret in {text}");
    }
    let shown = loaded.redacted_yaml;
    let (_, probes) = shown.split_once("probe_modules:").unwrap();
    expect_file(
        &testdata("probes/good/probes.shown.yml"),
        &format!("probe_modules:{probes}"),
    );
    assert_eq!(load(&shown).unwrap().redacted_yaml, shown);
}

#[test]
fn the_check_counts_probes() {
    let report = check(&testdata("probes/good/probes.yml"), &Default::default());
    let folder = format!("{}/", testdata("probes/good").display());
    expect_file(
        &testdata("probes/good/probes.check.txt"),
        &format!("{}\n", report.to_string().replace(&folder, "")),
    );
    let json = report.to_json();
    assert_eq!(
        (
            &json["probes"],
            &json["probe_modules"],
            &json["maintenance"]
        ),
        (&6.into(), &1.into(), &2.into())
    );
}
