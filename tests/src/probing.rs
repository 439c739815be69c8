//! Probes, and what their results must be.

use std::time::Duration;

use anyhow::{Result, ensure};
use bellwether_outbound::settings::{Secret, SecretSource};
use bellwether_probe::module::{AddressChoice, IpProtocol};
use bellwether_probe::{
    CanaryLedger, Module, ProbeResult, Prober, Surroundings, Verdict, probe_within,
};
use bellwether_storage::SystemClock;

/// The loopback address of IPv4.
pub const IP4: AddressChoice = AddressChoice {
    preferred: IpProtocol::Ip4,
    fallback: false,
};

/// Probes with a ledger of its own.
pub async fn probe(prober: Prober, target: &str) -> ProbeResult {
    probe_with(prober, target, &CanaryLedger::new()).await
}

/// Probes within 30 s.
pub async fn probe_with(prober: Prober, target: &str, ledger: &CanaryLedger) -> ProbeResult {
    let surroundings = Surroundings {
        clock: &SystemClock,
        canaries: Some(ledger),
    };
    let timeout = Duration::from_secs(30);
    probe_within(&Module::new(prober), target, timeout, &surroundings).await
}

/// Checks the verdict and words of the reason, and gives the metrics as text.
///
/// # Errors
/// Where they are others, or a secret is shown.
pub fn check(result: &ProbeResult, verdict: Verdict, reason: &str) -> Result<String> {
    let told = result.reason.as_deref().unwrap_or_default();
    let is_right = result.verdict == verdict && told.contains(reason);
    ensure!(
        is_right && (told.is_empty() == (verdict == Verdict::Up)),
        "want {verdict:?} because {reason:?}:\n{}",
        result.debug_text()
    );
    let text = result.debug_text();
    ensure!(!text.contains("hunter2"), "a secret is shown:\n{text}");
    Ok(result.exposition())
}

/// Checks that there is a text in a text.
///
/// # Errors
/// Where there is none.
pub fn contains(text: &str, line: &str) -> Result<()> {
    ensure!(text.contains(line), "want {line}\nin\n{text}");
    Ok(())
}

/// A secret, which must be in no result.
#[must_use]
pub fn hunter2() -> Option<SecretSource> {
    Some(SecretSource::Inline(Secret::new("hunter2")))
}
