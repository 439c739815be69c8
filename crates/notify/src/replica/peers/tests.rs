//! Logs that go from replica to replica, over real connections.

use bellwether_outbound::lazy_client;
use bellwether_outbound::settings::HttpClientSettings;
use bellwether_storage::ManualClock;

use super::*;
use crate::replica::entry::tests::entry;
use crate::replica::test_server::start;

fn log(name: &str) -> PeerLog {
    let client = lazy_client(&HttpClientSettings::default()).unwrap();
    PeerLog::new(name, client, Arc::new(ManualClock::new(1_000)))
}

/// A server that answers with a log, as ours is to do.
async fn serve(log: &PeerLog) -> Url {
    let log = log.clone();
    start(move |asked| {
        let log = log.clone();
        Box::pin(async move {
            assert_eq!(asked.path, format!("/prefix{LOG_PATH}"));
            match PeerRequest::parse(&asked.method, &asked.query, asked.body) {
                Ok(request) => {
                    let answer = log.answer(request).await;
                    (answer.status, answer.body)
                }
                Err(text) => (400, text.into_bytes()),
            }
        })
    })
    .await
    .join("prefix/")
    .unwrap()
}

fn word(area: Area, key: &str, token: u64) -> Vec<Entry> {
    vec![entry(area, key, "v", token)]
}

async fn keys(log: &PeerLog, position: Position) -> (Vec<String>, Position) {
    let page = log.read_since(position).await.unwrap();
    let text = |entry: &Entry| String::from_utf8_lossy(&entry.key).into_owned();
    (page.entries.iter().map(text).collect(), page.position)
}

#[tokio::test]
async fn a_follower_copies_the_log_and_goes_on_with_it() {
    let (a, b) = (log("a"), log("b"));
    let url = serve(&a).await;
    let error = b.append(word(Area::Silence, "s", 0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no replica has the lease, so nobody has the log"
    );
    b.follow(url.as_str());
    let error = b.read_since(Position::default()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("answered 503: this replica does not have the lease")
    );
    a.lead(3, "a").await.unwrap();
    a.append(word(Area::Notified, "n", 3)).await.unwrap();
    let (found, position) = keys(&b, Position::default()).await;
    assert_eq!(found, ["n"]);
    assert_eq!(position.epoch, 3);
    // What people say goes to the holder, and back to everybody.
    b.append(word(Area::Silence, "s", 0)).await.unwrap();
    assert_eq!(keys(&a, Position::default()).await.0, ["n", "s"]);
    let (found, position) = keys(&b, position).await;
    assert_eq!(found, ["s"]);
    // An old token is refused by the holder.
    let late = b.append(word(Area::Notified, "n", 2)).await;
    assert_eq!(late, Err(ReplicaError::Fenced { token: 2, known: 3 }));
    // b leads: it has all, under numbers of its own.
    assert_eq!(
        b.lead(2, "b").await,
        Err(ReplicaError::Fenced { token: 2, known: 3 })
    );
    b.lead(4, "b").await.unwrap();
    let (found, fresh) = keys(&b, position).await;
    assert_eq!(found, ["n", "s"]);
    assert_eq!(
        fresh,
        Position {
            epoch: 4,
            sequence: 2
        }
    );
    let refused = b.append(word(Area::Intent, "i", 3)).await;
    assert_eq!(refused, Err(ReplicaError::Fenced { token: 3, known: 4 }));
}

#[tokio::test]
async fn what_the_holder_writes_is_there_when_its_followers_have_it() {
    let (a, b) = (log("a"), log("b"));
    let url = serve(&a).await;
    a.lead(1, "a").await.unwrap();
    b.follow(url.as_str());
    let (_, position) = keys(&b, Position::default()).await;
    b.wait(position).await;
    let writing = {
        let a = a.clone();
        tokio::spawn(async move { a.append(word(Area::Intent, "i", 1)).await })
    };
    // b hears of it without asking anew, and has it.
    b.wait(position).await;
    let (found, position) = keys(&b, position).await;
    assert_eq!(found, ["i"]);
    assert!(!writing.is_finished());
    // Its next question says that it is durable there.
    b.inner.get(&url, position, false).await.unwrap();
    writing.await.unwrap().unwrap();
}

#[tokio::test]
async fn who_has_gone_is_not_waited_for() {
    let a = log("a");
    a.lead(1, "a").await.unwrap();
    let ask = PeerRequest::Read {
        position: Position::default(),
        wait: false,
        by: "gone".to_owned(),
    };
    a.answer(ask).await;
    tokio::time::pause();
    let began = Instant::now();
    a.append(word(Area::Intent, "i", 1)).await.unwrap();
    // Timers of the runtime are a millisecond late.
    assert!(began.elapsed().abs_diff(COPY_TIME) <= Duration::from_millis(1));
    tokio::time::advance(ALIVE).await;
    let began = Instant::now();
    a.append(word(Area::Intent, "j", 1)).await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let a = log("a");
    let append = |entries: &[Entry]| PeerRequest::Append {
        body: put_entries(entries),
    };
    let silence = word(Area::Silence, "s", 0);
    assert_eq!(a.answer(append(&silence)).await.status, 503);
    a.lead(2, "a").await.unwrap();
    assert_eq!(a.answer(append(&silence)).await.status, 204);
    for (entries, status) in [
        (word(Area::Term, "", 9), 400),
        (word(Area::Silence, "s", 9), 400),
        (word(Area::Notified, "n", 0), 400),
        (word(Area::Notified, "n", 1), 409),
    ] {
        assert_eq!(
            a.answer(append(&entries)).await.status,
            status,
            "{entries:?}"
        );
    }
    let body = b"\xff".to_vec();
    let answer = a.answer(PeerRequest::Append { body }).await;
    assert_eq!(
        (answer.status, answer.body),
        (400, b"unknown area of an entry at byte 1".to_vec())
    );
    for (method, query, text) in [
        ("PUT", "by=b", "want GET or POST"),
        ("GET", "by=b&after=x", "after is \"x\": want a whole number"),
        (
            "GET",
            "after=1",
            "by has 0 bytes: want the name of a replica, 1 to 1024 bytes",
        ),
    ] {
        let error = PeerRequest::parse(method, query, Vec::new()).unwrap_err();
        assert_eq!(error, text);
    }
}

#[test]
fn pages_are_bounded_and_what_has_expired_is_forgotten() {
    let mut copy = Copy::default();
    copy.renumber(1);
    let mut expired = entry(Area::Silence, "old", "v", 0);
    expired.expires_ms = 5;
    copy.append(vec![expired], 0);
    for i in 0..10 {
        copy.append(word(Area::Silence, &i.to_string(), 0), 0);
    }
    // The last word counts, at its new place.
    copy.append(word(Area::Silence, "3", 0), 0);
    let (mut position, mut found) = (Position::default(), Vec::new());
    loop {
        let page = copy.page(position, 100);
        assert!(page.entries.len() <= 3);
        found.extend(page.entries.into_iter().map(|entry| entry.key));
        position = page.position;
        if !page.more {
            break;
        }
    }
    let text = found.concat();
    assert_eq!(String::from_utf8_lossy(&text), "old0124567893");
    assert!(!copy.has_more(position));
    copy.append(Vec::new(), 16 * 60_000);
    assert_eq!(copy.page(Position::default(), 10_000).entries.len(), 10);
}
