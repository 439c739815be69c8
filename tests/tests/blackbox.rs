//! One `blackbox.yml`, read by Debian's blackbox_exporter and by us, and the same targets probed by
//! both: they must agree on success, on the series that there are and on their values.
//!
//! All targets are servers of the test's own on the loopback interface. What may differ stands in
//! [`NEWER_NAMES`], [`OLD_OF_GRPC`], [`without_serial_number`] and [`is_time`].

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests stand outside of the test functions"
)]

#[path = "blackbox/servers.rs"]
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bellwether_blackbox::peer::{self, Peer};
use bellwether_blackbox::root;
use bellwether_config::{LoadedProbeModules, load_probe_modules};
use bellwether_probe::{ProbeResult, probe};
use bellwether_storage::SystemClock;

use servers::Servers;

/// Names that we have and Debian's 0.23 has not: newer versions of the exporter have them.
const NEWER_NAMES: [&str; 3] = [
    "probe_timeout_seconds",
    "probe_failed_due_to_bytes",
    "probe_tls_cipher_info",
];
/// What 0.23 shows as 0 of a gRPC server without TLS, and newer versions leave out, as we do.
const OLD_OF_GRPC: &str = "probe_ssl_earliest_cert_expiry";

/// A target, the module that probes it, and whether it should pass.
#[derive(Clone)]
struct Case {
    what: &'static str,
    module: &'static str,
    target: String,
    passes: bool,
}

const UP: bool = true;
const DOWN: bool = false;

fn http_cases(all: &Servers) -> Vec<Case> {
    let site = |path: &str| format!("http://localhost:{}{path}", all.site.port());
    let good = format!("https://localhost:{}/", all.tls.port());
    let http2 = format!("https://localhost:{}/", all.tls_http2.port());
    let old = format!("https://localhost:{}/", all.tls_expired.port());
    let bare = format!("127.0.0.1:{}", all.site.port());
    let refused = format!("http://localhost:{}", all.refused.port());
    let dead = "http://no-such-name.invalid".to_owned();
    let other_name = good.replace("localhost", "127.0.0.1");
    let no_tls = site("/").replace("http:", "https:");
    cases([
        ("up", "http", site("/"), UP),
        ("up, without a scheme", "http", bare, UP),
        ("nobody listens", "http", refused, DOWN),
        ("a name that is dead", "http", dead, DOWN),
        ("status 503", "http", site("/503"), DOWN),
        ("status 503 is valid", "http_503", site("/503"), UP),
        ("one redirect", "http", site("/redirect"), UP),
        ("a loop of redirects", "http", site("/loop"), DOWN),
        (
            "a redirect not followed",
            "http_stay",
            site("/redirect"),
            UP,
        ),
        ("not followed, old", "http_old_stay", site("/redirect"), UP),
        (
            "slower than its time-out",
            "http_impatient",
            site("/slow"),
            DOWN,
        ),
        ("the body comes in part", "http", site("/part"), DOWN),
        ("the right body", "http_body", site("/"), UP),
        ("the wrong body", "http_body", site("/gzip"), DOWN),
        ("the wrong header", "http_header", site("/"), DOWN),
        ("a packed body", "http_gzip", site("/gzip"), UP),
        ("a body not packed", "http_gzip", site("/"), DOWN),
        ("a body over its limit", "http_limit", site("/"), DOWN),
        ("a POST", "http_post", site("/post"), UP),
        ("a GET where POST is", "http", site("/post"), DOWN),
        ("no TLS where it must be", "http_must_tls", site("/"), DOWN),
        ("the wrong version", "http_version", site("/"), DOWN),
        ("TLS", "http_trusting", good.clone(), UP),
        ("TLS, HTTP/2", "http_trusting", http2, UP),
        ("nobody vouches for it", "http", good, DOWN),
        ("TLS of another name", "http_trusting", other_name, DOWN),
        ("expired", "http_trusting_expired", old.clone(), DOWN),
        ("expired, not checked", "http_careless", old, UP),
        ("no TLS is spoken", "http", no_tls, DOWN),
    ])
}

fn other_cases(all: &Servers) -> Vec<Case> {
    let at = |port: u16| format!("localhost:{port}");
    let (smtp, refused) = (at(all.smtp.port()), at(all.refused.port()));
    let (tls, grpc) = (at(all.tls.port()), at(all.grpc.port()));
    let dns = all.dns.to_string();
    let dead = "no-such-name.invalid".to_owned();
    cases([
        ("tcp: up", "tcp", smtp.clone(), UP),
        ("tcp: nobody listens", "tcp", refused.clone(), DOWN),
        ("tcp: no port", "tcp", "localhost".to_owned(), DOWN),
        ("tcp: a dead name", "tcp", format!("{dead}:1"), DOWN),
        ("tcp: the right banner", "tcp_smtp", smtp.clone(), UP),
        ("tcp: the wrong banner", "tcp_ssh", smtp, DOWN),
        ("tcp: TLS", "tcp_tls_trusting", tls.clone(), UP),
        ("tcp: nobody vouches for it", "tcp_tls", tls, DOWN),
        ("dns: an answer", "dns", dns.clone(), UP),
        ("dns: NXDOMAIN", "dns_none", dns.clone(), DOWN),
        (
            "dns: NXDOMAIN is right",
            "dns_none_is_right",
            dns.clone(),
            UP,
        ),
        ("dns: SOA", "dns_soa", dns.clone(), UP),
        ("dns: the right record", "dns_record", dns.clone(), UP),
        ("dns: the wrong record", "dns_wrong_record", dns, DOWN),
        ("dns: nobody listens", "dns", all.refused.to_string(), DOWN),
        ("grpc: serves", "grpc_up", grpc.clone(), UP),
        ("grpc: does not serve", "grpc_down", grpc.clone(), DOWN),
        ("grpc: not known", "grpc_other", grpc, DOWN),
        ("grpc: nobody listens", "grpc_up", refused, DOWN),
        ("icmp: the loopback", "icmp", "127.0.0.1".to_owned(), UP),
        ("icmp: a dead name", "icmp", dead, DOWN),
    ])
}

fn cases<const N: usize>(rows: [(&'static str, &'static str, String, bool); N]) -> Vec<Case> {
    rows.into_iter()
        .map(|(what, module, target, passes)| Case {
            what,
            module,
            target,
            passes,
        })
        .collect()
}

/// Series and their values.
type Series = BTreeMap<String, f64>;

fn series(exposition: &str) -> Series {
    let lines = exposition.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        })
        .collect()
}

fn names(series: &Series) -> BTreeSet<&str> {
    series
        .keys()
        .filter_map(|key| key.split('{').next())
        .collect()
}

/// Our series without the label that the exporter has had since version 0.26 only.
fn without_serial_number(series: Series) -> Series {
    let strip = |key: String| match key.split_once("serialnumber=\"") {
        Some((before, rest)) => match rest.split_once("\",") {
            Some((_, after)) => format!("{before}{after}"),
            None => key,
        },
        None => key,
    };
    let pairs = series.into_iter().map(|(key, value)| (strip(key), value));
    pairs.collect()
}

/// What takes its time differs from probe to probe.
fn is_time(series: &str) -> bool {
    series.contains("duration_seconds") || series.contains("lookup_time")
}

/// Writes what the two do not agree on; nothing where they do.
fn compare(case: &Case, theirs: &Series, ours: &ProbeResult) -> String {
    let own = without_serial_number(series(&ours.exposition()));
    let mut found = String::new();
    // Writing into a String cannot fail.
    let mut note =
        |text: String| writeln!(found, "{} ({}): {text}", case.what, case.module).unwrap();
    let success = |series: &Series| series.get("probe_success").copied();
    let want = Some(f64::from(u8::from(case.passes)));
    for (who, have) in [("theirs", success(theirs)), ("ours", success(&own))] {
        if have != want {
            let reason = ours.reason.as_deref().unwrap_or_default();
            note(format!(
                "probe_success {who}: {have:?}, not {want:?} ({reason})"
            ));
        }
    }
    let mut theirs = theirs.clone();
    if case.module.starts_with("grpc") && theirs.get(OLD_OF_GRPC) == Some(&0.0) {
        theirs.remove(OLD_OF_GRPC);
    }
    let (their_names, our_names) = (names(&theirs), names(&own));
    for name in their_names.difference(&our_names) {
        note(format!("{name} is not here"));
    }
    for name in our_names.difference(&their_names) {
        if !NEWER_NAMES.contains(name) {
            note(format!("{name} is here only"));
        }
    }
    for (series, value) in &theirs {
        match own.get(series) {
            Some(_) if is_time(series) => {}
            Some(own) if own == value => {}
            have => note(format!("{series}: {value} there, {have:?} here")),
        }
    }
    for (series, value) in &own {
        let name = series.split('{').next().unwrap_or_default();
        if !theirs.contains_key(series) && !NEWER_NAMES.contains(&name) {
            note(format!("{series}: nothing there, {value} here"));
        }
    }
    found
}

async fn ask(exporter: &Peer, case: &Case) -> Result<Series> {
    let client = bellwether_blackbox::client()?;
    let request = client
        .get(format!("{}/probe", exporter.url))
        .query(&[("module", case.module), ("target", &case.target)]);
    let answer = request.send().await?.error_for_status()?;
    Ok(series(&answer.text().await?))
}

async fn probed(loaded: &LoadedProbeModules, case: &Case) -> Result<ProbeResult> {
    let module = loaded.modules.modules.get(case.module);
    let module = module.with_context(|| format!("no module {:?}", case.module))?;
    let timeout = module.timeout_within(None, Duration::ZERO);
    Ok(probe(module, &case.target, timeout, &SystemClock).await)
}

#[tokio::test]
async fn both_find_the_same() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("blackbox.yml");
    std::fs::copy(root().join("tests/data/blackbox.yml"), &config)?;
    let all = servers::start(folder.path()).await;
    let loaded = load_probe_modules(&config)?;
    let exporter = peer::blackbox_exporter(folder.path(), "blackbox.yml").await?;
    let cases = [http_cases(&all), other_cases(&all)].concat();
    let mut differences = String::new();
    for case in &cases {
        let theirs = ask(&exporter, case).await?;
        let ours = probed(&loaded, case).await?;
        differences.push_str(&compare(case, &theirs, &ours));
    }
    ensure!(differences.is_empty(), "\n{differences}");
    Ok(())
}

/// The configuration that comes with Debian's package.
#[test]
fn the_file_of_the_package_is_taken_as_it_is() {
    let loaded = load_probe_modules("/etc/prometheus/blackbox.yml".as_ref()).unwrap();
    assert!(loaded.modules.is_configured && loaded.warnings.is_empty());
}
