//! What changes, as one stream for each page that is open.
//!
//! ## Model
//! `GET /api/bellwether/v1/live` answers with server-sent events. `hello` comes first: which process this is, so that
//! a client sees a restart. Then comes what [`Watch`] finds to have changed; the first looks of a client tell `status` and
//! `alerts` as they are. Of everything else only changes are told: a client asks for what it shows after `hello`, and again
//! after each further one.
//!
//! Rows of the timeline carry an id. Whoever comes back with the last one it has (`Last-Event-ID`, or `lastEventId` where
//! that header cannot be set) gets the rows since: each once while the process is the same, and at least once, known by their
//! `id`, after a restart.
//!
//! ## Invariants
//! One task looks for all clients, at most once a second and with at most a twentieth of a core; it ends when nobody
//! listens. Clients that are too slow are dropped and come back. Streams end at once when the server stops.
//!
//! ## Limits
//! `server.live_clients_max` clients, [`EVENTS_WAITING`] events that wait for one, [`watch::ITEMS_MAX`] items of an event.

mod watch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::MethodRouter;
use bellwether_model::{TimeRange, short};
use bellwether_storage::{TimelineQuery, TimelineRow};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::envelope::{ApiError, ErrorType};
use crate::json::JsonWriter;
use crate::{sse, timeline};

use watch::Watch;

/// How often something is sent where nothing happens. Chosen: below what proxies cut off.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The least time between two looks.
const LOOK: Duration = Duration::from_secs(1);
/// A look that took long is followed by a rest of so many times that.
const REST: u32 = 19;
/// Events that wait for a slow client. Chosen: some seconds in which everything changes.
const EVENTS_WAITING: usize = 64;
/// Rows of the timeline that one who comes back after a restart is told.
const ROWS_MAX: usize = 1_000;

/// Who listens, and what they hear.
#[derive(Debug)]
pub(crate) struct Live {
    clients: Arc<Semaphore>,
    clients_max: usize,
    events: broadcast::Sender<Event>,
    /// What one who comes is told at once. Also says whether somebody looks.
    latest: Mutex<Latest>,
}

/// What one who comes later missed.
#[derive(Debug, Default)]
struct Latest {
    is_watching: bool,
    status: Option<Bytes>,
    alerts: Option<Bytes>,
}

/// An event for all clients.
#[derive(Debug, Clone)]
struct Event {
    name: &'static str,
    frame: Bytes,
    /// Where it is rows of the timeline, these, and the number of the last.
    rows: Option<(Arc<[TimelineRow]>, u64)>,
}

impl Live {
    pub(crate) fn new(clients_max: usize) -> Self {
        Self {
            clients: Arc::new(Semaphore::new(clients_max.min(Semaphore::MAX_PERMITS))),
            clients_max,
            events: broadcast::Sender::new(EVENTS_WAITING),
            latest: Mutex::default(),
        }
    }

    /// Listens from now on, and has somebody look.
    fn subscribe(&self, app: &Arc<App>) -> (broadcast::Receiver<Event>, [Option<Bytes>; 2]) {
        let mut latest = self.latest.lock();
        // Under the lock, or the task could end in between.
        let events = self.events.subscribe();
        if !latest.is_watching {
            latest.is_watching = true;
            tokio::spawn(look_on(Arc::clone(app)));
        }
        (events, [latest.status.clone(), latest.alerts.clone()])
    }

    /// Whether nobody listens; then nobody looks any more.
    fn ends(&self) -> bool {
        let mut latest = self.latest.lock();
        let ends = self.events.receiver_count() == 0;
        if ends {
            *latest = Latest::default();
        }
        ends
    }

    fn tell(&self, event: Event) {
        match event.name {
            "status" => self.latest.lock().status = Some(event.frame.clone()),
            "alerts" => self.latest.lock().alerts = Some(event.frame.clone()),
            _ => {}
        }
        // Nobody may listen any more.
        self.events.send(event).ok();
    }

    /// Whether somebody looks.
    #[cfg(test)]
    pub(crate) fn is_watching(&self) -> bool {
        self.latest.lock().is_watching
    }
}

/// Looks and tells, as long as somebody listens.
async fn look_on(app: Arc<App>) {
    let mut stopping = app.stopping.subscribe();
    let mut watch = Watch::default();
    while !app.live.ends() {
        let begun = Instant::now();
        let (looking, mut before) = (Arc::clone(&app), watch);
        let looked = tokio::task::spawn_blocking(move || {
            let events = before.look(&looking);
            (before, events)
        });
        match looked.await {
            Ok((after, events)) => {
                watch = after;
                events.into_iter().for_each(|event| app.live.tell(event));
            }
            Err(error) => {
                // What was seen is gone with it: the next look is a first one.
                tracing::error!(%error, "a look at what changed ended");
                watch = Watch::default();
            }
        }
        let rest = (begun.elapsed() * REST).max(LOOK);
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {
                *app.live.latest.lock() = Latest::default();
                return;
            }
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    let route: MethodRouter<Arc<App>> = responding_get(live);
    Router::new().route("/api/bellwether/v1/live", route)
}

/// The place of a row in the timeline, as clients hold it: when the process began, the row's number in it, the
/// row's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    started_ms: i64,
    number: u64,
    time_ms: i64,
}

impl Place {
    fn text(self) -> String {
        format!("{}-{}-{}", self.started_ms, self.number, self.time_ms)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        Some(Self {
            started_ms: parts.next()?.parse().ok()?,
            number: parts.next()?.parse().ok()?,
            time_ms: parts.next()?.parse().ok()?,
        })
    }
}

/// Where one who comes back was.
fn place_of(call: &Call) -> Result<Option<Place>, ApiError> {
    // Browsers send back what they were given, also what an older version gave.
    let header = call.headers.get("last-event-id");
    let header = header.and_then(|value| Place::parse(value.to_str().ok()?));
    match (header, call.params.get("lastEventId")) {
        (Some(place), _) => Ok(Some(place)),
        (None, "") => Ok(None),
        (None, text) => match Place::parse(text) {
            Some(place) => Ok(Some(place)),
            None => {
                let reason = format!("{:?}: want the id of an event of this stream", short(text));
                Err(ApiError::invalid_parameter("lastEventId", reason))
            }
        },
    }
}

async fn live(call: Call) -> Result<Response, ApiError> {
    let place = place_of(&call)?;
    let app = call.app;
    if app.is_stopping() {
        return Err(ApiError::new(
            ErrorType::Unavailable,
            "the server is stopping",
        ));
    }
    let live = &app.live;
    let permit = Arc::clone(&live.clients).try_acquire_owned().map_err(|_| {
        let text = format!(
            "{0} clients listen already: at most {0} may (server.live_clients_max); come back later",
            live.clients_max
        );
        ApiError::new(ErrorType::Limited, text)
    })?;
    let (events, latest) = live.subscribe(&app);
    let mut first: VecDeque<Bytes> = [hello(&app)].into();
    first.extend(latest.into_iter().flatten());
    let mut number = 0;
    if let Some(place) = place
        && let Some(missed) = missed(&app, place).await?
    {
        number = missed.rows.map_or(0, |(_, number)| number);
        first.push_back(missed.frame);
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let following = Following {
        first,
        events,
        number,
        stopping: app.stopping.subscribe(),
        app,
        heartbeat,
        _permit: permit,
    };
    Ok(sse::response(futures::stream::unfold(
        following,
        Following::next,
    )))
}

/// A client.
struct Following {
    app: Arc<App>,
    first: VecDeque<Bytes>,
    events: broadcast::Receiver<Event>,
    /// The number of the last row that it was told when it came.
    number: u64,
    stopping: tokio::sync::watch::Receiver<bool>,
    heartbeat: Interval,
    _permit: OwnedSemaphorePermit,
}

impl Following {
    /// The next frame, and who comes for the one behind it.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let frame = self.frame().await?;
        Some((frame, self))
    }

    /// The next frame; `None`: the server stops, or the client is too slow.
    async fn frame(&mut self) -> Option<Bytes> {
        if let Some(frame) = self.first.pop_front() {
            return Some(frame);
        }
        loop {
            let event = tokio::select! {
                biased;
                _ = self.stopping.wait_for(|stop| *stop) => return None,
                event = self.events.recv() => event.ok()?,
                _ = self.heartbeat.tick() => return Some(sse::HEARTBEAT),
            };
            if let Some(frame) = self.unknown(event) {
                return Some(frame);
            }
        }
    }
}

impl Following {
    /// What a client does not know yet of an event. Rows that were appended before it came were looked at after.
    fn unknown(&self, event: Event) -> Option<Bytes> {
        let Some((rows, number)) = &event.rows else {
            return Some(event.frame);
        };
        let unknown = number.saturating_sub(self.number);
        let unknown = usize::try_from(unknown).unwrap_or(usize::MAX);
        let Some(known) = rows.len().checked_sub(unknown) else {
            return Some(event.frame);
        };
        let rows = rows.get(known..)?;
        Some(rows_event(&self.app, rows, *number, false)?.frame)
    }
}

fn hello(app: &App) -> Bytes {
    let mut json = JsonWriter::with_capacity(256);
    json.object_begin();
    json.key("state").string(app.state_word());
    json.key("version").string(&app.build.version);
    json.key("revision").string(&app.build.revision);
    json.key("startedAt").time(app.started_ms);
    json.key("now").time(app.clock.now_ms());
    json.key("heartbeatSeconds").unsigned(HEARTBEAT.as_secs());
    json.object_end();
    frame("hello", None, json)
}

/// An event of what was written.
fn frame(name: &str, id: Option<&str>, json: JsonWriter) -> Bytes {
    let bytes = json.into_bytes();
    sse::event(Some(name), id, &String::from_utf8_lossy(&bytes))
}

/// An event of rows of the timeline; `None`: there are none.
fn rows_event(app: &App, rows: &[TimelineRow], number: u64, is_cut: bool) -> Option<Event> {
    let last = rows.last()?;
    let place = Place {
        started_ms: app.started_ms,
        number,
        time_ms: last.time_ms,
    };
    let mut json = JsonWriter::with_capacity(64 + rows.len() * 256);
    json.object_begin().key("rows").array_begin();
    rows.iter()
        .for_each(|row| timeline::write_row(&mut json, row));
    json.array_end();
    json.key("isCut").boolean(is_cut).object_end();
    Some(Event {
        name: "timeline",
        frame: frame("timeline", Some(&place.text()), json),
        rows: Some((rows.into(), number)),
    })
}

/// The rows since a place.
async fn missed(app: &Arc<App>, place: Place) -> Result<Option<Event>, ApiError> {
    let Ok(services) = app.services() else {
        // They are there when the store is; the client comes back by itself, or asks for the timeline.
        return Ok(None);
    };
    let tail = services.alerting.timeline.tail(place.number);
    let number = tail.as_ref().map_or(0, |tail| tail.number);
    if place.started_ms == app.started_ms
        && let Some(tail) = tail
        && !tail.is_cut
    {
        return Ok(rows_event(app, &tail.rows, number, false));
    }
    let rows = app.catalog(move |services| {
        let query = TimelineQuery {
            range: Some(TimeRange::new(place.time_ms, i64::MAX)),
            limit: ROWS_MAX,
            ..TimelineQuery::default()
        };
        Ok(services.alerting.timeline.query(&query)?)
    });
    let mut rows = rows.await?;
    let is_cut = rows.len() >= ROWS_MAX;
    rows.reverse();
    Ok(rows_event(app, &rows, number, is_cut))
}
