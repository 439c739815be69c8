//! Jira, through a conversation of several requests.

use expect_test::{Expect, expect};

use super::*;

fn jira(server: &Server, path: &str) -> JiraSettings {
    let text = |text: &str| text.to_owned();
    JiraSettings {
        api_url: Some(server.url(path)),
        project: text("OPS"),
        issue_type: text("Incident"),
        labels: vec![text("{{ .CommonLabels.host }}"), text("Zeta")],
        description: JiraField::new("{{ .CommonAnnotations.summary }}"),
        reopen_transition: text("Reopen"),
        resolve_transition: text("Done it"),
        reopen_duration_ms: 3_600_000,
        wont_fix_resolution: text("won't \"fix\""),
        fields: [
            (
                text("customfield_1"),
                TemplatedValue::Text(text("{{ len .Alerts }}")),
            ),
            (
                text("customfield_2"),
                TemplatedValue::Map([(text("value"), TemplatedValue::Text(text("red")))].into()),
            ),
        ]
        .into(),
        ..JiraSettings::default()
    }
}

const NONE: Answer = Answer(200, "application/json", r#"{"issues":[]}"#);
const OPEN: Answer = Answer(
    200,
    "application/json",
    r#"{"issues":[{"key":"OPS-1","fields":{"status":{"name":"Open","statusCategory":{"key":"new"}}}}]}"#,
);
const DONE: Answer = Answer(
    200,
    "application/json",
    r#"{"issues":[{"key":"OPS-1","fields":{"status":{"name":"Done","statusCategory":{"key":"done"}}}}]}"#,
);
const TRANSITIONS: Answer = Answer(
    200,
    "application/json",
    r#"{"transitions":[{"id":"11","name":"Reopen"},{"id":"12","name":"Done it"}]}"#,
);
const EMPTY: Answer = Answer(204, "text/plain", "");

async fn check(
    answers: &[Answer],
    kind: impl FnOnce(&Server) -> JiraSettings,
    delivery: Delivery,
    want: Expect,
) {
    let server = Server::start(answers.iter().copied()).await;
    let senders = senders(ReceiverKind::Jira(Box::new(kind(&server))));
    let said = match attempt(&senders, delivery).await {
        Ok(said) => said,
        Err(error) => format!("{error:?}"),
    };
    want.assert_eq(&format!("{}\n=> {said}", server.asked()));
}

#[tokio::test]
async fn issues_are_created() {
    let created = Answer::json(201, r#"{"id":"1","key":"OPS-1"}"#);
    let kind = |server: &Server| jira(server, "/rest/api/2");
    check(&[NONE, created], kind, firing(), expect![[r#"
        POST /rest/api/2/search
        {"fields":["status"],"jql":"(resolution is EMPTY or resolution != \"won't \\\"fix\\\"\") and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project=\"OPS\" and labels=\"ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}\" order by status ASC,resolutiondate DESC","maxResults":2}
        POST /rest/api/2/issue
        {"fields":{"customfield_1":1,"customfield_2":{"value":"red"},"description":"a is <down>","issuetype":{"name":"Incident"},"labels":["ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}","Zeta","a"],"priority":{"name":"High"},"project":{"key":"OPS"},"summary":"[FIRING:1] Down (a critical)"}}
        => created OPS-1"#]]).await;
}

#[tokio::test]
async fn issues_are_opened_again_and_resolved() {
    let kind = |server: &Server| JiraSettings {
        summary: JiraField {
            enable_update: false,
            ..JiraField::new("s")
        },
        ..jira(server, "/rest/api/2/")
    };
    check(
        &[DONE, EMPTY, TRANSITIONS, EMPTY],
        kind,
        firing(),
        expect![[r#"
            POST /rest/api/2/search
            {"fields":["status"],"jql":"(resolution is EMPTY or resolution != \"won't \\\"fix\\\"\") and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project=\"OPS\" and labels=\"ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}\" order by status ASC,resolutiondate DESC","maxResults":2}
            PUT /rest/api/2/issue/OPS-1
            {"fields":{"customfield_1":1,"customfield_2":{"value":"red"},"description":"a is <down>","issuetype":{"name":"Incident"},"labels":["ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}","Zeta","a"],"priority":{"name":"High"},"project":{"key":"OPS"}}}
            GET /rest/api/2/issue/OPS-1/transitions

            POST /rest/api/2/issue/OPS-1/transitions
            {"transition":{"id":"11"}}
            => updated OPS-1, Reopen"#]],
    )
    .await;
    check(
        &[OPEN, EMPTY, TRANSITIONS, EMPTY],
        kind,
        resolved(),
        expect![[r#"
            POST /rest/api/2/search
            {"fields":["status"],"jql":"(resolution is EMPTY or resolution != \"won't \\\"fix\\\"\") and statusCategory != Done and project=\"OPS\" and labels=\"ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}\" order by status ASC,resolutiondate DESC","maxResults":2}
            PUT /rest/api/2/issue/OPS-1
            {"fields":{"customfield_1":1,"customfield_2":{"value":"red"},"description":"a is <down>","issuetype":{"name":"Incident"},"labels":["ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}","Zeta","a"],"priority":{"name":"High"},"project":{"key":"OPS"}}}
            GET /rest/api/2/issue/OPS-1/transitions

            POST /rest/api/2/issue/OPS-1/transitions
            {"transition":{"id":"12"}}
            => updated OPS-1, Done it"#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_is_resolved_where_there_is_no_issue() {
    let kind = |server: &Server| JiraSettings {
        wont_fix_resolution: String::new(),
        ..jira(server, "/rest/api/2")
    };
    check(&[NONE], kind, resolved(), expect![[r#"
        POST /rest/api/2/search
        {"fields":["status"],"jql":"statusCategory != Done and project=\"OPS\" and labels=\"ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}\" order by status ASC,resolutiondate DESC","maxResults":2}
        => no open issue to resolve"#]]).await;
}

#[tokio::test]
async fn the_cloud_has_another_search_and_documents() {
    let created = Answer::json(201, r#"{"key":"OPS-1"}"#);
    let kind = |description: &'static str| {
        move |server: &Server| JiraSettings {
            api: JiraApi::Cloud,
            description: JiraField::new(description),
            fields: Default::default(),
            ..jira(server, "/rest/api/3")
        }
    };
    check(
        &[NONE, created],
        kind("{{ .Status }}\n"),
        firing(),
        expect![[r#"
            POST /rest/api/3/search/jql
            {"fields":["status"],"jql":"(resolution is EMPTY or resolution != \"won't \\\"fix\\\"\") and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project=\"OPS\" and labels=\"ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}\" order by status ASC,resolutiondate DESC","maxResults":2}
            POST /rest/api/3/issue
            {"fields":{"description":{"content":[{"content":[{"text":"firing","type":"text"}],"type":"paragraph"}],"type":"doc","version":1},"issuetype":{"name":"Incident"},"labels":["ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}","Zeta","a"],"priority":{"name":"High"},"project":{"key":"OPS"},"summary":"[FIRING:1] Down (a critical)"}}
            => created OPS-1"#]],
    )
    .await;
    let document = r#"{"type":"doc","version":1,"content":[]}"#;
    check(&[NONE, created], kind(document), firing(), expect![[r#"
        POST /rest/api/3/search/jql
        {"fields":["status"],"jql":"(resolution is EMPTY or resolution != \"won't \\\"fix\\\"\") and (resolutiondate is EMPTY OR resolutiondate >= -60m) and project=\"OPS\" and labels=\"ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}\" order by status ASC,resolutiondate DESC","maxResults":2}
        POST /rest/api/3/issue
        {"fields":{"description":{"content":[],"type":"doc","version":1},"issuetype":{"name":"Incident"},"labels":["ALERT{6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b}","Zeta","a"],"priority":{"name":"High"},"project":{"key":"OPS"},"summary":"[FIRING:1] Down (a critical)"}}
        => created OPS-1"#]]).await;
}

#[tokio::test]
async fn refusals_name_the_step() {
    let kind = |server: &Server| jira(server, "/rest/api/2");
    let no = Answer::json(400, r#"{"errorMessages":["no"]}"#);
    let other = Answer::json(200, r#"{"transitions":[{"id":"1","name":"Other"}]}"#);
    let odd = Answer::json(200, r#"{"issues":[{"key":"../x"}]}"#);
    let error = |answers: Vec<Answer>, delivery: Delivery| async move {
        let server = Server::start(answers).await;
        let senders = senders(ReceiverKind::Jira(Box::new(kind(&server))));
        attempt(&senders, delivery).await.unwrap_err()
    };
    let refused = |text: &str| AttemptError::refused(text);
    assert_eq!(
        error(vec![Answer::text(503, "later")], firing()).await,
        AttemptError::again(
            "existing issues cannot be searched: unexpected status code 503: later"
        )
    );
    let created =
        r#"the issue cannot be created: unexpected status code 400: {"errorMessages":["no"]}"#;
    assert_eq!(error(vec![NONE, no], firing()).await, refused(created));
    let updated =
        r#"the issue cannot be updated: unexpected status code 400: {"errorMessages":["no"]}"#;
    assert_eq!(error(vec![OPEN, no], firing()).await, refused(updated));
    let moved = r#"the issue's state cannot be changed: resolve_transition: OPS-1 has no transition "Done it", but "Other""#;
    assert_eq!(
        error(vec![OPEN, EMPTY, other], resolved()).await,
        refused(moved)
    );
    let key = r#"the search gave "../x" as an issue's key"#;
    assert_eq!(error(vec![odd], firing()).await, refused(key));
}
