//! `redis`: `AUTH`, `PING` and `INFO replication`.
//!
//! ## Failure
//! `probe_redis_error{class}`: `refused`, `network`, `tls`, `auth`, `not_ready` (`LOADING`), `master_down`
//! (`MASTERDOWN`: a replica that has lost its primary and gives no stale data), `too_many_connections`,
//! `cannot_persist` (`MISCONF`: writes are refused), `busy` (a script runs), `error` (any other),
//! `bad_answer`, `role`, `settings`.

mod resp;

use std::collections::BTreeMap;

use bellwether_storage::Clock;

use self::resp::{Answer, Resp};
use crate::api::excerpt;
use crate::connection::{TlsMetrics, begin_tls, record_tls};
use crate::database::{
    AUTH, BAD_ANSWER, DatabaseTarget, NETWORK, NOT_READY, ROLE, SETTINGS, TLS,
    TOO_MANY_CONNECTIONS, Trouble,
};
use crate::module::{DatabaseRole, OnTrouble, RedisSettings};
use crate::program::exposed;
use crate::recorder::{Failure, Gauge, Recorder};

const DURATION: Gauge = Gauge::new("probe_redis_duration_seconds", "How long each phase took.");
const ERROR: Gauge = Gauge::new("probe_redis_error", "What went wrong, by class.");
const INFO: Gauge = Gauge::new(
    "probe_redis_role_info",
    "Which part the server has in replication.",
);
const REPLICAS: Gauge = Gauge::new(
    "probe_redis_connected_replicas",
    "How many servers follow this one.",
);
const LINK_UP: Gauge = Gauge::new(
    "probe_redis_primary_link_up",
    "Whether a replica is connected to its primary.",
);

pub(crate) async fn probe_redis(
    recorder: &mut Recorder,
    settings: &RedisSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.may_degrade();
    let outcome = ask(recorder, settings, target, clock).await;
    let replication = outcome.map_err(|trouble| trouble.record(recorder, ERROR))?;
    let Some(replication) = replication else {
        return Ok(());
    };
    let is_up = replication.get("master_link_status").map(|it| it == "up");
    if let Some(is_up) = is_up {
        recorder.set_bool(LINK_UP, is_up);
    }
    if is_up == Some(false) {
        let reason = "the replica has lost its primary: its data are getting old";
        recorder.trouble(OnTrouble::Degrade, reason.to_owned())?;
    }
    Ok(())
}

/// Gives what the server says of replication, where it may be asked.
async fn ask(
    recorder: &mut Recorder,
    settings: &RedisSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<Option<BTreeMap<String, String>>, Trouble> {
    let mut server = connect(recorder, settings, target, clock).await?;
    if let Some(password) = &settings.password {
        let password = exposed(recorder, "password", password).map_err(Trouble::of(SETTINGS))?;
        let command = match &settings.user {
            Some(user) => vec!["AUTH", user, &password],
            None => vec!["AUTH", &password],
        };
        recorder.begin(Some(DURATION), "auth");
        let answer = server.ask(&command).await.map_err(broken)?;
        expect("AUTH", answer, "OK")?;
        recorder.end();
    }
    recorder.begin(Some(DURATION), "ping");
    let answer = server.ask(&["PING"]).await.map_err(broken)?;
    expect("PING", answer, "PONG")?;
    recorder.end();
    recorder.begin(Some(DURATION), "info");
    let answer = server.ask(&["INFO", "replication"]).await.map_err(broken)?;
    recorder.end();
    let text = match answer {
        Answer::Bulk(Some(text)) => text,
        Answer::Error(text) if settings.role == DatabaseRole::Any => {
            recorder.note(format!("INFO is refused: {}", excerpt(&text)));
            return Ok(None);
        }
        Answer::Error(text) => return Err(refused("INFO", &text)),
        other => return Err(unexpected("INFO", &other)),
    };
    let replication = fields(&text);
    let role = replication.get("role").map_or("", String::as_str);
    recorder.set_labelled(INFO, &[("role", role)], 1.0);
    let replicas = replication.get("connected_slaves");
    if let Some(replicas) = replicas.and_then(|text| text.parse::<u32>().ok()) {
        recorder.set(REPLICAS, f64::from(replicas));
    }
    match (settings.role, role) {
        (DatabaseRole::Any, _)
        | (DatabaseRole::Primary, "master")
        | (DatabaseRole::Replica, "slave") => Ok(Some(replication)),
        (DatabaseRole::Primary, _) => Err(Trouble::new(
            ROLE,
            format!("the server's role is {role:?}: want a primary"),
        )),
        (DatabaseRole::Replica, _) => Err(Trouble::new(
            ROLE,
            format!("the server's role is {role:?}: want a replica"),
        )),
    }
}

async fn connect(
    recorder: &mut Recorder,
    settings: &RedisSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<Resp, Trouble> {
    let to = DatabaseTarget {
        target,
        usual_port: 6379,
        address: settings.address,
        phases: DURATION,
    };
    let (mut connection, host) = to.connect(recorder).await?;
    if settings.tls {
        recorder.begin(Some(DURATION), "tls");
        let begun = begin_tls(connection, &host, &settings.tls_config, &[]).await;
        let (stream, tls) = begun.map_err(Trouble::of(TLS))?;
        recorder.end();
        let metrics = TlsMetrics {
            cipher: false,
            chain_expiry: true,
        };
        record_tls(recorder, &tls, &settings.tls_config, clock, metrics);
        connection = stream;
    }
    Ok(Resp::new(connection))
}

fn broken(reason: String) -> Trouble {
    let class = if reason.starts_with("cannot") || reason.starts_with("the server closed") {
        NETWORK
    } else {
        BAD_ANSWER
    };
    Trouble::new(class, reason)
}

fn expect(command: &str, answer: Answer, wanted: &str) -> Result<(), Trouble> {
    match answer {
        Answer::Status(status) if status == wanted => Ok(()),
        Answer::Error(text) => Err(refused(command, &text)),
        other => Err(unexpected(command, &other)),
    }
}

fn unexpected(command: &str, answer: &Answer) -> Trouble {
    let shown = excerpt(&format!("{answer:?}"));
    Trouble::new(BAD_ANSWER, format!("{command} was answered with {shown}"))
}

/// What an error means, by the word that it begins with.
fn refused(command: &str, text: &str) -> Trouble {
    let class = match text.split(' ').next().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" | "NOPERM" | "DENIED" => AUTH,
        "LOADING" => NOT_READY,
        "MASTERDOWN" => "master_down",
        "MISCONF" => "cannot_persist",
        "BUSY" => "busy",
        _ if text.contains("max number of clients") => TOO_MANY_CONNECTIONS,
        // Redis before version 6 has no word for it.
        _ if text.contains("invalid password") || text.contains("AUTH") => AUTH,
        _ => "error",
    };
    Trouble::new(class, format!("{command} was refused: {}", excerpt(text)))
}

/// Reads answers one after another, and gives their number.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_answers(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    let mut count = 0;
    while let Ok(Some((answer, length))) = resp::decoded(rest) {
        if let Answer::Bulk(Some(text)) = answer {
            fields(&text);
        }
        rest = rest.get(length..).unwrap_or_default();
        count += 1;
    }
    count
}

/// The lines `name:value` of a section.
fn fields(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}
