//! A request from its arrival to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bellwether_sdk::pool::Failure;
use bellwether_sdk::{Level, TraceContext};
use serde_json::json;
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use super::backends::Backends;
use super::calls::{Question, ask};
use super::sessions::Session;
use super::tools::use_tools;
use crate::workload::Workload;

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const ABANDONED: u8 = 2;

/// A request of the replayed trace.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) workload: Workload,
    pub(super) input_tokens: f64,
    pub(super) output_tokens: f64,
    /// Rounds of tools that it needs.
    pub(super) round_count: u64,
    /// The session that it came from.
    pub(super) session: Option<Session>,
    pub(super) arrived: Instant,
    pub(super) context: TraceContext,
    stage: AtomicU8,
}

impl Request {
    pub(super) fn new(
        workload: Workload,
        tokens: [f64; 2],
        round_count: u64,
        session: Option<Session>,
    ) -> Self {
        Self {
            workload,
            input_tokens: tokens[0].max(1.0),
            output_tokens: tokens[1].max(1.0),
            round_count,
            session,
            arrived: Instant::now(),
            context: TraceContext::new_root(),
            stage: AtomicU8::new(WAITING),
        }
    }

    /// Gives up, unless it was begun; says whether it gave up.
    pub(super) fn abandon(&self) -> bool {
        self.move_on(ABANDONED)
    }

    fn move_on(&self, to: u8) -> bool {
        let order = Ordering::SeqCst;
        let moved = self.stage.compare_exchange(WAITING, to, order, order);
        moved.is_ok()
    }
}

/// What a worker does with a request.
pub(super) async fn work(backends: Arc<Backends>, request: Arc<Request>) -> Result<(), Failure> {
    let spans = backends.spans.clone();
    let working = async move {
        if !request.move_on(BEGUN) {
            return Err(Failure::give_up("whoever sent it has given up"));
        }
        let traceparent = request.context.to_string();
        let span = tracing::info_span!(
            "request",
            traceparent = traceparent.as_str(),
            workload = request.workload.name()
        );
        answer(&backends, &request).instrument(span).await
    };
    working.with_subscriber(spans).await
}

async fn answer(backends: &Backends, request: &Request) -> Result<(), Failure> {
    let answered = rounds(backends, request).await;
    let seconds = request.arrived.elapsed().as_secs_f64();
    let now_ms = backends.clock.now_ms();
    let trace_id = request.context.trace_id;
    backends.own.durations[request.workload as usize].observe_traced(seconds, trace_id, now_ms);
    match answered {
        Ok(()) => {
            if let Some(session) = &request.session {
                session.send(request.output_tokens);
            }
            Ok(())
        }
        Err(reason) => {
            let payload = json!({ "workload": request.workload.name(), "reason": reason });
            backends
                .telemetry
                .emit("request_failed", payload, Level::Error);
            Err(Failure::give_up(reason))
        }
    }
}

/// Models and tools take turns; a model has the last word.
async fn rounds(backends: &Backends, request: &Request) -> Result<(), String> {
    for round in 0..=request.round_count {
        let is_last = round == request.round_count;
        let question = Question {
            is_last,
            is_first: round == 0,
        };
        ask(backends, request, question).await?;
        if !is_last {
            use_tools(backends, request).await?;
        }
    }
    Ok(())
}
