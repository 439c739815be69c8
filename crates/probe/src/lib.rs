//! Health probes from outside: does a target answer, as it should, in time, and where is time spent.
//!
//! ## Model
//! A [`Module`] says what is spoken and what must come back; [`probe`] does that with one target and
//! gives a [`ProbeResult`]: a [`Verdict`] and its reason, metrics with blackbox_exporter's names where
//! it has one, the phases, and a log of the steps. [`probe_within`] is for those who run many: canaries
//! of language models are paid from a [`CanaryLedger`] that all probes share.
//!
//! ## Invariants
//! - A probe ends by its time-out, and what it had found until then is in its result.
//! - Every probe makes its own connections: nothing is pooled or cached, since that would hide what
//!   is to be measured.
//! - Requests go to the target, to where its redirects point, and to the proxy and token server of
//!   the module; to nobody else. Credentials do not follow a redirect to another host.
//! - Secrets of a module are in no log, reason or label, also where a target sends them back.
//! - Programs and processes are named by the module, not by the target ([`Module::is_local`]).
//!
//! ## Limits
//! [`BODY_BYTES_MAX`] bounds a body that patterns are matched with; one that is only counted is not
//! kept. Names are resolved by the system; its look-up may outlive a probe that was cut off.
//!
//! ## Failure
//! There are no errors: whatever goes wrong is a probe without success, with a reason.
//!
//! ## See also
//! [`module`] for what can be set; design, section 3, for what the server does with results.

mod api;
mod canary_ledger;
mod certificate;
mod command;
mod connection;
mod conversation;
mod credentials;
mod database;
mod dns;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grpc;
mod http;
mod icmp;
mod llm;
mod mcp;
pub mod module;
mod postgres;
mod process;
mod program;
mod recorder;
mod redis;
mod resolve;
mod result;
mod sse;
mod target;
mod tcp;
#[cfg(test)]
mod tests;
pub mod watch;
mod websocket;

use std::time::Duration;

use bellwether_storage::Clock;

pub use canary_ledger::{CanaryLedger, CanarySpent};
pub use module::{Module, Prober};
pub use result::{Metric, Phase, ProbeResult, Step, Verdict};
pub use target::{request_target, shown_target};

use crate::recorder::{Failure, Recorder};

/// The longest body that patterns are matched with, unpacked. Chosen: pages and health reports are far
/// below, and a hundred probes at once must not take the memory of the machine.
pub const BODY_BYTES_MAX: u64 = 16 << 20;

/// Probes a target, for at most `timeout` (see [`Module::timeout_within`]). The target is a URL,
/// `host:port`, a host or a path, as the prober has it. `clock` tells which certificates are valid.
///
/// ```
/// use std::time::Duration;
///
/// use bellwether_probe::module::TcpSettings;
/// use bellwether_probe::{Module, Prober, probe};
/// use bellwether_storage::SystemClock;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let module = Module::new(Prober::Tcp(TcpSettings::default()));
/// let timeout = module.timeout_within(Some(Duration::from_secs(10)), Duration::from_millis(500));
/// let result = probe(&module, "no port", timeout, &SystemClock).await;
/// assert_eq!(result.value("probe_success"), Some(0.0));
/// assert_eq!(
///     result.reason.as_deref(),
///     Some("target \"no port\" has no port: want host:port")
/// );
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn probe(
    module: &Module,
    target: &str,
    timeout: Duration,
    clock: &dyn Clock,
) -> ProbeResult {
    let surroundings = Surroundings {
        clock,
        canaries: None,
    };
    probe_within(module, target, timeout, &surroundings).await
}

/// What probes share.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// Tells which certificates are valid, and what day it is.
    pub clock: &'a dyn Clock,
    /// What canaries of language models may still cost. `None`: none is sent.
    pub canaries: Option<&'a CanaryLedger>,
}

/// [`probe`] with what probes share: whoever runs many makes one ledger and hands it to all.
pub async fn probe_within(
    module: &Module,
    target: &str,
    timeout: Duration,
    surroundings: &Surroundings<'_>,
) -> ProbeResult {
    let mut recorder = Recorder::new(timeout);
    let name = module.prober.name();
    for password in target::passwords_of(target) {
        recorder.hide(&password);
    }
    if module.is_local() {
        recorder.note(format!("{name} probe of this host within {timeout:?}"));
    } else {
        let shown = shown_target(target);
        recorder.note(format!("{name} probe of {shown:?} within {timeout:?}"));
    }
    let running = Box::pin(run(&mut recorder, &module.prober, target, surroundings));
    let ended = tokio::time::timeout(timeout, running).await.ok();
    let mut outcome = recorder.outcome(ended);
    if let (Ok(()), Some(lifetime_min)) = (&outcome, module.certificate_lifetime_min) {
        outcome = connection::judge_lifetime(&mut recorder, lifetime_min, surroundings.clock);
    }
    recorder.finish(outcome)
}

async fn run(
    recorder: &mut Recorder,
    prober: &Prober,
    target: &str,
    surroundings: &Surroundings<'_>,
) -> Result<(), Failure> {
    let clock = surroundings.clock;
    match prober {
        Prober::Http(settings) => http::probe_http(recorder, settings, target, clock).await,
        Prober::Tcp(settings) => tcp::probe_tcp(recorder, settings, target, clock).await,
        Prober::Unix(settings) => tcp::probe_unix(recorder, settings, target, clock).await,
        Prober::Dns(settings) => dns::probe_dns(recorder, settings, target).await,
        Prober::Icmp(settings) => icmp::probe_icmp(recorder, settings, target).await,
        Prober::Grpc(settings) => grpc::probe_grpc(recorder, settings, target, clock).await,
        Prober::WebSocket(settings) => {
            websocket::probe_websocket(recorder, settings, target, clock).await
        }
        Prober::Llm(settings) => llm::probe_llm(recorder, settings, target, surroundings).await,
        Prober::Mcp(settings) => mcp::probe_mcp(recorder, settings, target, clock).await,
        Prober::Process(settings) => process::probe_process(recorder, settings, clock).await,
        Prober::Command(settings) => command::probe_command(recorder, settings).await,
        Prober::Postgres(settings) => {
            postgres::probe_postgres(recorder, settings, target, clock).await
        }
        Prober::Redis(settings) => redis::probe_redis(recorder, settings, target, clock).await,
    }
}
