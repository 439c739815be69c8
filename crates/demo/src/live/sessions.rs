//! Sessions of people over WebSockets.
//!
//! ## Model
//! The people of the replayed trace have no browser; their sessions are counted as the SDK counts real ones, beside
//! those that are open at `/ws`.

use std::sync::Arc;
use std::time::Duration;

use bellwether_sdk::ai::{Direction, WebSocketSession};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::backends::Backends;
use crate::workload::{CLOSE_CODES, close_code};

/// Sessions that may be open. Chosen: ten times what there are by day.
const SESSIONS_MAX: usize = 1_000;
/// How often each session is pinged. A third of them each ten seconds, as the history has it.
const PING_EVERY: Duration = Duration::from_secs(30);

/// All that are open.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<Vec<Open>>);

#[derive(Debug)]
struct Open {
    session: Session,
    ends: Instant,
    code: u16,
    /// When it is pinged next.
    ping: Instant,
}

/// One session. Messages after its end count for nothing.
#[derive(Debug, Clone)]
pub(super) struct Session(Arc<Mutex<Option<WebSocketSession>>>);

impl Session {
    fn message(&self, direction: Direction, bytes: f64) {
        if let Some(session) = &*self.0.lock() {
            session.message(direction, bytes as usize);
        }
    }

    /// The answer goes out in pieces of eight tokens, four bytes each.
    pub(super) fn send(&self, output_tokens: f64) {
        let count = (output_tokens / 8.0).ceil() as u32 + 1;
        for _ in 0..count.min(10_000) {
            self.message(Direction::Sent, 72.0);
        }
    }

    fn close(&self, code: u16) {
        if let Some(session) = self.0.lock().take() {
            session.close(code);
        }
    }
}

impl Sessions {
    pub(super) fn count(&self) -> usize {
        self.0.lock().len()
    }
}

/// A message of a person: of a new session, or of one that is open.
pub(super) fn receive(backends: &Backends, input_tokens: f64) -> Session {
    let mut open = backends.sessions.0.lock();
    let (is_new, place, seconds, code, first_ping) = backends.draw(|random| {
        let place = (random.fraction() * open.len() as f64) as usize;
        let seconds = 210.0 * random.spread(0.9);
        let is_new = random.chance(0.12);
        let code = close_code(random);
        (is_new, place, seconds, code, random.fraction())
    });
    let known = open.get(place).map(|it| it.session.clone());
    let session = match known {
        Some(session) if !is_new || open.len() >= SESSIONS_MAX => session,
        _ => {
            let session = backends.ai.websocket_session();
            let session = Session(Arc::new(Mutex::new(Some(session))));
            let now = Instant::now();
            open.push(Open {
                session: session.clone(),
                ends: now + Duration::from_secs_f64(seconds),
                code: CLOSE_CODES[code],
                ping: now + PING_EVERY.mul_f64(first_ping),
            });
            for (method, median_s) in [("initialize", 0.012), ("tools/list", 0.004)] {
                let seconds = backends.draw(|random| median_s * random.spread(0.5));
                backends.own.mcp.with([method, "", ""]).observe(seconds);
            }
            session
        }
    };
    drop(open);
    // Four bytes for a token; the last message is about a tenth of the whole context.
    session.message(Direction::Received, 60.0 + (input_tokens * 0.4).floor());
    session
}

/// Closes sessions when it is time, and pings those that are open; for ever.
pub(super) async fn tend(backends: &Backends) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    loop {
        seconds.tick().await;
        let now = Instant::now();
        let mut open = backends.sessions.0.lock();
        open.retain(|it| {
            let is_over = it.ends <= now;
            if is_over {
                it.session.close(it.code);
            }
            !is_over
        });
        for it in open.iter_mut().filter(|it| it.ping <= now) {
            it.ping = now + PING_EVERY;
            let seconds = backends.draw(|random| 0.0015 * random.spread(0.8));
            backends.own.mcp.with(["ping", "", ""]).observe(seconds);
            if let Some(session) = &*it.session.0.lock() {
                session.round_trip(Duration::from_secs_f64(seconds + 0.02));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_storage::ManualClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_session_is_pinged_each_half_a_minute() {
        let clock = Arc::new(ManualClock::new(1_790_046_000_000));
        let backends = Arc::new(Backends::new(42, clock));
        for _ in 0..400 {
            receive(&backends, 900.0);
        }
        let tending = Arc::clone(&backends);
        let task = tokio::spawn(async move { tend(&tending).await });
        let mut expected = 0;
        for _ in 0..4 {
            expected += backends.sessions.count() as u64;
            tokio::time::sleep(PING_EVERY).await;
            // They are looked at once a second.
            let late = Instant::now() - Duration::from_secs(1);
            let open = backends.sessions.0.lock();
            let is_late = open.iter().filter(|it| it.ping < late).count();
            assert_eq!(is_late, 0, "of {} sessions", open.len());
        }
        let pings = backends.own.mcp.with(["ping", "", ""]).snapshot().count;
        // Some have ended before it was their turn.
        assert!(
            (expected / 2..=expected).contains(&pings),
            "{pings} of {expected}"
        );
        task.abort();
    }
}
