use bellwether_model::Alert;
use bellwether_promql::{Engine, EngineOptions};
use bellwether_rules::{AlertSink, ManagerParts};
use bellwether_storage::{
    Disk, Fault, FaultyDisk, ManualClock, MemoryStateStore, MemoryStore, MemoryTimeline, Survives,
};
use bellwether_telemetry::Registry;

use super::*;

#[derive(Debug)]
struct Nobody;

impl AlertSink for Nobody {
    fn send(&self, _alerts: Vec<Alert>) {}
}

fn manager() -> Manager {
    Manager::new(ManagerParts {
        store: Arc::new(MemoryStore::new()),
        engine: Arc::new(Engine::new(EngineOptions::default())),
        clock: Arc::new(ManualClock::new(0)),
        sink: Arc::new(Nobody),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::new(MemoryTimeline::default()),
        evidence: None,
        registry: Registry::new(),
        options: bellwether_rules::RuleOptions::default(),
    })
    .unwrap()
}

fn configured() -> ConfiguredRules {
    let text = "groups: [{name: g, rules: [{record: a, expr: 1}]}]";
    let options = RuleOptions::default();
    let loaded = load_rules_text(text, Path::new("rules/x.yml"), &options).unwrap();
    ConfiguredRules {
        groups: loaded.groups,
        options,
        surroundings: Surroundings::default(),
    }
}

/// An editor over what is on a disk, as a start makes it.
async fn start(disk: &FaultyDisk) -> Result<RuleEditing> {
    let folder = RuleFolder::new(Arc::new(disk.clone()), Path::new("/data"));
    let editing = RuleEditing::new(folder, manager(), Transitions::default());
    let prepared = editing.prepare(configured()).await?;
    editing.apply(prepared).await?;
    Ok(editing)
}

/// What is evaluated: `file/group:rules`.
fn running(editing: &RuleEditing) -> String {
    let groups = editing.0.manager.groups();
    let shown = groups.iter().map(|group| {
        let rules: Vec<&str> = group.rules.iter().map(|r| r.info.kind.name()).collect();
        format!(
            "{}/{}:{}",
            group.file.display(),
            group.name,
            rules.join(",")
        )
    });
    shown.collect::<Vec<_>>().join(" ")
}

async fn set(editing: &RuleEditing, namespace: &str, group: &str) -> Result<(), RuleEditError> {
    editing.set(namespace.to_owned(), group.to_owned()).await
}

async fn remove(
    editing: &RuleEditing,
    namespace: &str,
    group: Option<&str>,
) -> Result<(), RuleEditError> {
    let group = group.map(str::to_owned);
    editing.remove(namespace.to_owned(), group).await
}

#[tokio::test]
async fn groups_are_made_changed_and_taken_away_over_restarts() {
    let disk = FaultyDisk::new();
    let editing = start(&disk).await.unwrap();
    assert_eq!(editing.list(None).await.unwrap(), "{}\n");
    set(&editing, "te/am", "name: a\nrules: [{record: x, expr: 1}]")
        .await
        .unwrap();
    set(&editing, "te/am", "name: b\nrules: [{record: y, expr: 1}]")
        .await
        .unwrap();
    set(&editing, "te/am", "name: a\nrules: [{record: z, expr: 2}]")
        .await
        .unwrap();
    set(&editing, "other", "{name: a, rules: [{alert: w, expr: 1}]}")
        .await
        .unwrap();
    let all = "other/a:w rules/x.yml/g:a te/am/a:z te/am/b:y";
    assert_eq!(running(&editing), all);
    let disk = disk.after_crash(Survives::Synced);
    let editing = start(&disk).await.unwrap();
    assert_eq!(running(&editing), all);
    assert_eq!(
        editing.list(None).await.unwrap(),
        "other:\n- name: a\n  rules:\n  - alert: w\n    expr: 1\nte/am:\n- name: a\n  rules:\n  - \
         record: z\n    expr: 2\n- name: b\n  rules:\n  - record: y\n    expr: 1\n"
    );
    let one = editing
        .group("te/am".to_owned(), "b".to_owned())
        .await
        .unwrap();
    assert_eq!(one, "name: b\nrules:\n- record: y\n  expr: 1\n");
    remove(&editing, "te/am", Some("a")).await.unwrap();
    assert_eq!(
        remove(&editing, "te/am", Some("a")).await,
        Err(RuleEditError::NoGroup)
    );
    remove(&editing, "other", None).await.unwrap();
    assert_eq!(
        remove(&editing, "other", None).await,
        Err(RuleEditError::NoNamespace)
    );
    remove(&editing, "te/am", Some("b")).await.unwrap();
    assert_eq!(running(&editing), "rules/x.yml/g:a");
    assert!(disk.list(Path::new("/data/rules")).unwrap().is_empty());
    let gone = editing.list(Some("te/am".to_owned())).await;
    assert_eq!(gone, Err(RuleEditError::NoNamespace));
    let gone = editing.group("te/am".to_owned(), "b".to_owned()).await;
    assert_eq!(gone, Err(RuleEditError::NoGroup));
}

#[tokio::test]
async fn what_is_wrong_changes_nothing() {
    let disk = FaultyDisk::new();
    let editing = start(&disk).await.unwrap();
    set(&editing, "ns", "name: a\nrules: [{record: x, expr: 1}]")
        .await
        .unwrap();
    let before = (running(&editing), editing.list(None).await.unwrap());
    let operations = disk.operations();
    for (namespace, group, want) in [
        (
            "ns",
            "name: a\nrules: [{record: x, expr: 'up ='}]",
            "ns:2:27: rules[0].expr: not a PromQL",
        ),
        ("ns", "name: [", "not valid YAML"),
        ("ns", "", "nothing is here"),
        ("", "name: a\nrules: []", "a namespace needs a name"),
        ("a//b", "name: a\nrules: []", "\"a/b\" would do"),
    ] {
        match set(&editing, namespace, group).await {
            Err(RuleEditError::Invalid(text)) => assert!(text.contains(want), "{text}"),
            other => panic!("{group}: {other:?}"),
        }
    }
    match set(&editing, "rules/x.yml", "name: g\nrules: []").await {
        Err(RuleEditError::ReadOnly(text)) => assert!(text.contains("reload"), "{text}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        remove(&editing, "rules/x.yml", None).await,
        Err(RuleEditError::ReadOnly(_))
    ));
    assert_eq!(disk.operations(), operations);
    for at in 0.. {
        disk.plant(disk.operations() + at, Fault::NoSpace);
        match set(&editing, "ns", "name: a\nrules: [{record: y, expr: 1}]").await {
            Err(RuleEditError::Failed(text)) => {
                assert!(
                    text.starts_with("cannot write /data/rules/ns.yml: "),
                    "{text}"
                );
                assert_eq!(
                    (running(&editing), editing.list(None).await.unwrap()),
                    before
                );
            }
            other => {
                assert_eq!((other, at > 2), (Ok(()), true));
                break;
            }
        }
    }
    assert_eq!(running(&editing), "ns/a:y rules/x.yml/g:a");
}

#[tokio::test]
async fn many_editors_at_once_lose_nothing() {
    let disk = FaultyDisk::new();
    let editing = start(&disk).await.unwrap();
    let edits = (0..20).map(|n| {
        let group = format!("name: g{n}\nrules: [{{record: x, expr: {n}}}]");
        editing.set("ns".to_owned(), group)
    });
    // All are asked for before the first is waited for, and one asker is gone.
    let mut edits: Vec<_> = edits.collect();
    drop(edits.remove(0));
    for edit in edits {
        edit.await.unwrap();
    }
    let written = editing.list(Some("ns".to_owned())).await.unwrap();
    assert_eq!(written.matches("- name: g").count(), 20, "{written}");
    assert_eq!(running(&editing).matches("ns/g").count(), 20);
}

#[tokio::test]
async fn a_change_by_hand_is_kept_and_a_broken_file_is_said() {
    let disk = FaultyDisk::new();
    let editing = start(&disk).await.unwrap();
    set(&editing, "ns", "name: a\nrules: []").await.unwrap();
    let by_hand = |text: &str| {
        let mut file = disk.create(Path::new("/data/rules/ns.yml")).unwrap();
        file.append(text.as_bytes()).unwrap();
    };
    by_hand("groups: [{name: hand, rules: [{record: x, expr: 1}]}]");
    set(&editing, "ns", "name: b\nrules: []").await.unwrap();
    assert_eq!(running(&editing), "ns/b: ns/hand:x rules/x.yml/g:a");
    by_hand("groups: 5\n");
    match set(&editing, "ns", "name: c\nrules: []").await {
        Err(RuleEditError::Failed(text)) => assert!(text.starts_with("ns:1:9: groups"), "{text}"),
        other => panic!("{other:?}"),
    }
    let error = format!("{:#}", editing.prepare(configured()).await.unwrap_err());
    assert!(error.contains("/data/rules/ns.yml:1:9: groups"), "{error}");
    assert_eq!(running(&editing), "ns/b: ns/hand:x rules/x.yml/g:a");
    disk.remove_file(Path::new("/data/rules/ns.yml")).unwrap();
    let mut file = disk
        .create(Path::new("/data/rules/rules%2Fx.yml.yml"))
        .unwrap();
    file.append(b"groups: []").unwrap();
    let error = format!("{:#}", editing.prepare(configured()).await.unwrap_err());
    assert!(error.contains("rename one of the two"), "{error}");
}
