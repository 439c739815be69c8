//! Probes the same targets with Debian's `prometheus-blackbox-exporter` and with this crate, and
//! prints for each whether both agree: on success, on the series there are, and on their values as
//! far as these are no times.
//!
//! `cargo run -p bellwether-probe --example compare`. All targets are servers of the example's own on
//! the loopback interface; the exporter ends with it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an example that shows a table and ends where anything is out of order"
)]

#[path = "compare/servers.rs"]
mod servers;

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use bellwether_outbound::settings::{HttpClientSettings, PemSource, TlsSettings};
use bellwether_outbound::{Client, Request, client};
use bellwether_probe::module::{
    AddressChoice, Compression, DnsSettings, Expectation, GrpcSettings, HeaderMatch, HttpSettings,
    IcmpSettings, IpProtocol, Pattern, QueryResponse, RecordConditions, RequestBody, TcpSettings,
};
use bellwether_probe::{Module, ProbeResult, Prober, probe};
use bellwether_storage::SystemClock;
use tokio::process::{Child, Command};

const TIMEOUT: Duration = Duration::from_secs(1);

const IP4: AddressChoice = AddressChoice {
    preferred: IpProtocol::Ip4,
    fallback: true,
};

/// A module as the exporter reads it and as we have it, and a target.
struct Case {
    what: &'static str,
    yaml: String,
    prober: Prober,
    target: String,
}

fn http(yaml: &str, change: impl FnOnce(&mut HttpSettings)) -> (String, Prober) {
    let mut settings = HttpSettings {
        address: IP4,
        ..HttpSettings::default()
    };
    change(&mut settings);
    let yaml = format!("prober: http, http: {{preferred_ip_protocol: ip4, {yaml}}}");
    (yaml, Prober::Http(Box::new(settings)))
}

fn tcp(yaml: &str, change: impl FnOnce(&mut TcpSettings)) -> (String, Prober) {
    let mut settings = TcpSettings {
        address: IP4,
        ..TcpSettings::default()
    };
    change(&mut settings);
    let yaml = format!("prober: tcp, tcp: {{preferred_ip_protocol: ip4, {yaml}}}");
    (yaml, Prober::Tcp(settings))
}

fn dns(yaml: &str, change: impl FnOnce(&mut DnsSettings)) -> (String, Prober) {
    let mut settings = DnsSettings {
        address: IP4,
        query_name: "a.test".to_owned(),
        query_type: "A".to_owned(),
        ..DnsSettings::default()
    };
    change(&mut settings);
    let yaml = format!("prober: dns, dns: {{preferred_ip_protocol: ip4, {yaml}}}");
    (yaml, Prober::Dns(Box::new(settings)))
}

fn grpc(service: &str) -> (String, Prober) {
    let yaml = format!("prober: grpc, grpc: {{preferred_ip_protocol: ip4, service: {service}}}");
    let settings = GrpcSettings {
        address: IP4,
        service: service.to_owned(),
        ..GrpcSettings::default()
    };
    (yaml, Prober::Grpc(Box::new(settings)))
}

fn patterns(pattern: &str) -> Vec<Pattern> {
    vec![Pattern::new(pattern).unwrap()]
}

fn line(pattern: &str, send: &str) -> QueryResponse {
    QueryResponse {
        expect: Expectation::Line(Pattern::new(pattern).unwrap()),
        send: send.as_bytes().to_vec(),
        ..QueryResponse::default()
    }
}

fn trusting(path: &str) -> TlsSettings {
    TlsSettings {
        ca: Some(PemSource::File(path.into())),
        ..TlsSettings::default()
    }
}

fn cases(all: &servers::Servers) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |what, (yaml, prober): (String, Prober), target: String| {
        cases.push(Case {
            what,
            yaml,
            prober,
            target,
        });
    };
    let site = |path: &str| format!("http://localhost:{}{path}", all.site.port());
    let plain = || http("", |_| {});
    add("up", plain(), site("/"));
    add(
        "up, without a scheme",
        plain(),
        format!("127.0.0.1:{}", all.site.port()),
    );
    add(
        "nobody listens",
        plain(),
        format!("http://localhost:{}", all.refused.port()),
    );
    add(
        "a name that is dead",
        plain(),
        "http://no-such-name.invalid".to_owned(),
    );
    add("status 503", plain(), site("/503"));
    add(
        "status 503 is valid",
        http("valid_status_codes: [503]", |s| {
            s.valid_status_codes = vec![503]
        }),
        site("/503"),
    );
    add("one redirect", plain(), site("/redirect"));
    add("a loop of redirects", plain(), site("/loop"));
    let stay = http("follow_redirects: false, valid_status_codes: [302]", |s| {
        s.client.follow_redirects = false;
        s.valid_status_codes = vec![302];
    });
    add("a redirect not followed", stay, site("/redirect"));
    add("slower than its time-out", plain(), site("/slow"));
    add("the body comes in part", plain(), site("/part"));
    let body = || {
        http("fail_if_body_not_matches_regexp: [\"all is well\"]", |s| {
            s.fail_if_body_not_matches = patterns("all is well")
        })
    };
    add("the right body", body(), site("/"));
    add("the wrong body", body(), site("/gzip"));
    let header = http(
        "fail_if_header_not_matches: [{header: x-a, regexp: \"^3\"}]",
        |s| {
            s.fail_if_header_not_matches = vec![HeaderMatch {
                header: "x-a".to_owned(),
                pattern: Pattern::new("^3").unwrap(),
                allow_missing: false,
            }];
        },
    );
    add("the wrong header", header, site("/"));
    let gzip = || {
        http("compression: gzip", |s| {
            s.compression = Some(Compression::Gzip)
        })
    };
    add("a packed body", gzip(), site("/gzip"));
    add("a body that is not packed", gzip(), site("/"));
    let limit = http("body_size_limit: 5B", |s| s.body_size_limit = Some(5));
    add("a body over its limit", limit, site("/"));
    let post = http("method: POST, body: hello", |s| {
        s.method = "POST".to_owned();
        s.body = RequestBody::Text("hello".to_owned());
    });
    add("a POST", post, site("/post"));
    add(
        "no TLS where it must be",
        http("fail_if_not_ssl: true", |s| s.fail_if_not_ssl = true),
        site("/"),
    );
    let secure = |path: &str| {
        http(&format!("tls_config: {{ca_file: {path}}}"), |s| {
            s.client.tls = trusting(path)
        })
    };
    let good = format!("https://localhost:{}/", all.tls.port());
    let old = format!("https://localhost:{}/", all.tls_expired.port());
    add("TLS", secure(&all.ca_path), good.clone());
    add(
        "TLS, HTTP/2",
        secure(&all.ca_path),
        format!("https://localhost:{}/", all.tls_http2.port()),
    );
    add("TLS that nobody vouches for", plain(), good.clone());
    add(
        "TLS of another name",
        secure(&all.ca_path),
        good.replace("localhost", "127.0.0.1"),
    );
    add(
        "an expired certificate",
        secure(&all.ca_expired_path),
        old.clone(),
    );
    let careless = http("tls_config: {insecure_skip_verify: true}", |s| {
        s.client.tls.insecure_skip_verify = true
    });
    add("an expired one, not checked", careless, old);
    add(
        "TLS where none is spoken",
        plain(),
        site("/").replace("http:", "https:"),
    );

    let at = |port: u16| format!("localhost:{port}");
    add("tcp: up", tcp("", |_| {}), at(all.smtp.port()));
    add(
        "tcp: nobody listens",
        tcp("", |_| {}),
        at(all.refused.port()),
    );
    add("tcp: no port", tcp("", |_| {}), "localhost".to_owned());
    let banner = |pattern: &str| {
        let yaml = format!(
            "query_response: [{{expect: \"{pattern}\", send: \"EHLO $1\"}}, {{expect: \"^250\"}}]"
        );
        let steps = vec![line(pattern, "EHLO $1"), line("^250", "")];
        tcp(&yaml, |s| s.query_response = steps)
    };
    add(
        "tcp: the right banner",
        banner("^220 (.+) ESMTP"),
        at(all.smtp.port()),
    );
    add("tcp: the wrong banner", banner("^SSH"), at(all.smtp.port()));
    let tls = tcp(
        &format!("tls: true, tls_config: {{ca_file: {}}}", all.ca_path),
        |s| {
            s.tls = true;
            s.tls_config = trusting(&all.ca_path);
        },
    );
    add("tcp: TLS", tls, at(all.tls.port()));
    add(
        "tcp: TLS that nobody vouches for",
        tcp("tls: true", |s| s.tls = true),
        at(all.tls.port()),
    );

    let name = "query_name: a.test, query_type: A";
    let server = all.dns.to_string();
    add("dns: an answer", dns(name, |_| {}), server.clone());
    add(
        "dns: NXDOMAIN",
        dns("query_name: none.test, query_type: A", |s| {
            s.query_name = "none.test".to_owned()
        }),
        server.clone(),
    );
    add(
        "dns: SOA",
        dns("query_name: zone.test, query_type: SOA", |s| {
            s.query_name = "zone.test".to_owned();
            s.query_type = "SOA".to_owned();
        }),
        server.clone(),
    );
    let text = "^a.test.\\t300\\tIN\\tA\\t127.0.0.1$";
    let records = dns(
        &format!("{name}, validate_answer_rrs: {{fail_if_not_matches_regexp: [\"{text}\"]}}"),
        |s| {
            s.validate_answer = RecordConditions {
                fail_if_not_matches: patterns(&text.replace("\\t", "\t")),
                ..RecordConditions::default()
            };
        },
    );
    add("dns: the right record", records, server);
    add(
        "dns: nobody listens",
        dns(name, |_| {}),
        all.refused.to_string(),
    );
    add("grpc: serves", grpc("up"), at(all.grpc.port()));
    add("grpc: does not serve", grpc("down"), at(all.grpc.port()));
    add("grpc: not known", grpc("other"), at(all.grpc.port()));
    add("grpc: nobody listens", grpc("up"), at(all.refused.port()));
    let ping = (
        "prober: icmp, icmp: {preferred_ip_protocol: ip4}".to_owned(),
        Prober::Icmp(IcmpSettings {
            address: IP4,
            ..IcmpSettings::default()
        }),
    );
    add("icmp: the loopback", ping, "127.0.0.1".to_owned());
    cases
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

fn names(series: &Series) -> Vec<&str> {
    let mut names: Vec<&str> = series
        .keys()
        .map(|key| key.split('{').next().unwrap())
        .collect();
    names.dedup();
    names
}

/// Our series without the label that the exporter has had since version 0.26 only.
fn without_serial_number(series: Series) -> Series {
    let strip = |key: String| match key.split_once("serialnumber=\"") {
        Some((before, rest)) => {
            let (_, after) = rest.split_once("\",").unwrap();
            format!("{before}{after}")
        }
        None => key,
    };
    let pairs = series.into_iter().map(|(key, value)| (strip(key), value));
    pairs.collect()
}

/// What takes its time differs from probe to probe.
fn is_time(series: &str) -> bool {
    series.contains("duration_seconds") || series.contains("lookup_time")
}

async fn start_exporter(directory: &std::path::Path, cases: &[Case]) -> (Child, String) {
    let mut yaml = "modules:\n".to_owned();
    for (index, case) in cases.iter().enumerate() {
        yaml.push_str(&format!("  m{index}: {{timeout: 1s, {}}}\n", case.yaml));
    }
    let path = directory.join("blackbox.yml");
    std::fs::write(&path, yaml).unwrap();
    let address = servers::free_address().await;
    let child = Command::new("prometheus-blackbox-exporter")
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--web.listen-address={address}"))
        .stderr(Stdio::inherit())
        .arg("--log.level=error")
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (child, format!("http://{address}"))
}

async fn get(client: &Client, url: &str) -> Option<String> {
    let response = client.send(Request::get(url.parse().ok()?)).await.ok()?;
    let mut body = Vec::new();
    response.read_body(0, &mut body).await.ok()?;
    String::from_utf8(body).ok()
}

/// Prints a line of the table, and what is different below it. Says whether both agree on success.
fn compare(case: &Case, theirs: &Series, ours: &ProbeResult) -> bool {
    let own = without_serial_number(series(&ours.exposition()));
    let success = |series: &Series| series.get("probe_success").copied().unwrap_or(f64::NAN);
    let (their_names, our_names) = (names(theirs), names(&own));
    let missing: Vec<_> = their_names
        .iter()
        .filter(|name| !our_names.contains(name))
        .collect();
    let more: Vec<_> = our_names
        .iter()
        .filter(|name| !their_names.contains(name))
        .collect();
    let same = success(theirs) == success(&own);
    println!(
        "{} {:34} {} {}  missing {missing:?} more {more:?}",
        if same { "ok  " } else { "DIFF" },
        case.what,
        success(theirs),
        success(&own),
    );
    for (series, value) in theirs.iter().filter(|(series, _)| !is_time(series)) {
        match own.get(series) {
            Some(own) if own == value => {}
            Some(own) => println!("       {series}: {value} there, {own} here"),
            None => println!("       {series}: {value} there, none here"),
        }
    }
    let times = |s: &Series| {
        s.keys()
            .filter(|key| is_time(key))
            .cloned()
            .collect::<Vec<_>>()
    };
    if times(theirs) != times(&own) {
        println!(
            "       phases: {:?} there, {:?} here",
            times(theirs),
            times(&own)
        );
    }
    if let Some(reason) = &ours.reason {
        println!("       {reason}");
    }
    same
}

#[tokio::main]
async fn main() {
    let directory = tempfile::tempdir().unwrap();
    let all = servers::start(directory.path()).await;
    let cases = cases(&all);
    let (mut exporter, base) = start_exporter(directory.path(), &cases).await;
    let settings = HttpClientSettings::default();
    let client = client(&settings).unwrap();
    while get(&client, &format!("{base}/-/healthy")).await.is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("     {:34} theirs ours", "target");
    let mut agreed = 0;
    for (index, case) in cases.iter().enumerate() {
        let mut url: url::Url = format!("{base}/probe").parse().unwrap();
        url.query_pairs_mut()
            .append_pair("module", &format!("m{index}"))
            .append_pair("target", &case.target);
        let theirs = series(&get(&client, url.as_str()).await.unwrap());
        let module = Module {
            timeout: Some(TIMEOUT),
            ..Module::new(case.prober.clone())
        };
        let timeout = module.timeout_within(None, Duration::ZERO);
        let ours = probe(&module, &case.target, timeout, &SystemClock).await;
        agreed += u32::from(compare(case, &theirs, &ours));
    }
    println!("{agreed} of {} agree on probe_success", cases.len());
    exporter.kill().await.unwrap();
}
