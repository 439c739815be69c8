use super::*;

const CONFIG: &str = "
route:
  receiver: default
  routes:
  - receiver: audit
    matchers: [team=db]
    continue: true
  - receiver: db
    matchers: [team=db]
    mute_time_intervals: [night]
    routes:
    - {receiver: pager, matchers: [severity=critical]}
  - receiver: web
    matchers: [team=web]
receivers: [{name: default}, {name: audit}, {name: db}, {name: pager}, {name: web}]
time_intervals:
- {name: night, time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]}
";

fn config() -> NotificationConfig {
    let origin = bellwether_config::Origin {
        file: "am.yml".to_owned(),
        folder: PathBuf::new(),
    };
    bellwether_config::load_alertmanager_text(CONFIG, &origin)
        .unwrap()
        .config
}

#[test]
fn the_tree_shows_the_way() {
    let config = config();
    let labels = Labels::from_pairs([("team", "db"), ("severity", "critical")]);
    let taken = taken_routes(&config.plan, &labels, None);
    let text = tree_text(&config.root_route, &config.plan.routes, &taken);
    assert_eq!(
        text,
        "> every alert  receiver: default
>   team=\"db\"  receiver: audit  continue: true  (taken)
>   team=\"db\"  receiver: db
>     severity=\"critical\"  receiver: pager  (taken)
    team=\"web\"  receiver: web
"
    );
}

#[test]
fn cases_fail_with_what_is_different() {
    let config = config();
    let night = Some(3_600_000);
    let check = |at_ms: Option<i64>, receivers: &[&str], muted: Option<bool>, want: &[&str]| {
        let test = RouteTest {
            name: "t".to_owned(),
            line: 1,
            labels: Labels::from_pairs([("team", "db")]),
            at_ms,
            receivers: Some(receivers.iter().map(|name| (*name).to_owned()).collect()),
            muted,
        };
        assert_eq!(failures(&test, &config), want);
    };
    let right = ["audit", "db"];
    check(None, &right, None, &[]);
    check(
        None,
        &["db"],
        None,
        &["t: goes to [audit, db], not to [db]"],
    );
    check(
        night,
        &right,
        Some(true),
        &["t: receiver audit is not muted then"],
    );
    check(
        night,
        &right,
        Some(false),
        &["t: receiver db is muted then by night"],
    );
    check(Some(12 * 3_600_000), &right, Some(false), &[]);
}

#[test]
fn labels_are_told_from_files() {
    let labels = |items: &[&str]| {
        let owned: Vec<String> = items.iter().map(|item| (*item).to_owned()).collect();
        labels_of(&owned.iter().collect::<Vec<_>>()).map(|labels| labels.to_string())
    };
    assert_eq!(
        labels(&["b=c d", "a=\"1\""]).unwrap(),
        "{a=\"1\", b=\"c d\"}"
    );
    for wrong in ["a!=b", "a=~b", "=b"] {
        assert!(labels(&[wrong]).is_err(), "{wrong}");
    }
    assert!(is_label("a=b") && !is_label("routes.yml"));
}

#[test]
fn both_kinds_of_configuration_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("am.yml"), CONFIG).unwrap();
    std::fs::write(path("main.yml"), "notifications: am.yml").unwrap();
    let inline = CONFIG.replace('\n', "\n  ");
    std::fs::write(path("inline.yml"), format!("notifications: {inline}\n")).unwrap();
    std::fs::write(path("none.yml"), "scrape_configs: []").unwrap();
    let want = RoutesFile::read(&path("am.yml")).unwrap().notifications;
    assert_eq!(want.plan, config().plan);
    for name in ["main.yml", "inline.yml"] {
        assert_eq!(
            RoutesFile::read(&path(name)).unwrap().notifications.plan,
            want.plan,
            "{name}"
        );
    }
    let error = format!("{:#}", RoutesFile::read(&path("none.yml")).unwrap_err());
    assert!(error.contains("unknown key \"scrape_configs\""), "{error}");
}
