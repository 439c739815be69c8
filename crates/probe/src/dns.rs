//! `dns`: one question to one server, and what its answer must hold.
//!
//! ## Limits
//! The types and classes that can be asked for by name are those of the DNS library. Records are
//! matched as `name TTL class type data` with tabs between; data is written as in zone files, texts
//! in quotes.

use std::net::SocketAddr;
use std::str::FromStr as _;

use hickory_resolver::proto::op::{Message, MessageType, OpCode, Query};
use hickory_resolver::proto::rr::{DNSClass, Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use crate::connection::{Connection, begin_tls, connect_tcp, record_lifetime};
use crate::module::{DnsSettings, DnsTransport, Pattern, RecordConditions};
use crate::recorder::{Failure, Gauge, Recorder};
use crate::resolve::{choose_address, split_host_port};

const DNS_DURATION: Gauge = Gauge::new("probe_dns_duration_seconds", "How long each phase took.");
const ANSWER_RRS: Gauge = Gauge::new(
    "probe_dns_answer_rrs",
    "How many records the answer section holds.",
);
const AUTHORITY_RRS: Gauge = Gauge::new(
    "probe_dns_authority_rrs",
    "How many records the authority section holds.",
);
const ADDITIONAL_RRS: Gauge = Gauge::new(
    "probe_dns_additional_rrs",
    "How many records the additional section holds.",
);
const QUERY_SUCCEEDED: Gauge = Gauge::new(
    "probe_dns_query_succeeded",
    "Whether the server answered, whatever it said.",
);
const SERIAL: Gauge = Gauge::new("probe_dns_serial", "The serial number of the zone.");

/// A datagram is at most as long.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;

pub(crate) async fn probe_dns(
    recorder: &mut Recorder,
    settings: &DnsSettings,
    target: &str,
) -> Result<(), Failure> {
    recorder.expect_phases(DNS_DURATION, &["resolve", "connect", "request"]);
    for gauge in [ANSWER_RRS, AUTHORITY_RRS, ADDITIONAL_RRS, QUERY_SUCCEEDED] {
        recorder.set(gauge, 0.0);
    }
    let query = question(settings)?;
    let usual_port = match settings.transport {
        DnsTransport::Udp | DnsTransport::Tcp => 53,
        DnsTransport::Tls => 853,
    };
    let (host, port) = match split_host_port(target) {
        Ok(parted) => parted,
        Err(_) => (target.trim_matches(['[', ']']), usual_port),
    };
    let address = choose_address(recorder, host, settings.address, Some(DNS_DURATION)).await?;
    let server = SocketAddr::new(address, port);
    let answer = ask(recorder, settings, server, host, &query).await?;
    recorder.set(QUERY_SUCCEEDED, 1.0);
    let additional_count = answer.additionals.len() + usize::from(answer.edns.is_some());
    recorder.set(ANSWER_RRS, answer.answers.len() as f64);
    recorder.set(AUTHORITY_RRS, answer.authorities.len() as f64);
    recorder.set(ADDITIONAL_RRS, additional_count as f64);
    if settings.query_type == "SOA" {
        let serials = answer
            .answers
            .iter()
            .filter_map(|record| match &record.data {
                RData::SOA(soa) => Some(soa.serial),
                _ => None,
            });
        recorder.set(SERIAL, f64::from(serials.max().unwrap_or(0)));
    }
    check_code(settings, u16::from(answer.metadata.response_code))?;
    for (section, records, conditions) in [
        ("answer", &answer.answers, &settings.validate_answer),
        (
            "authority",
            &answer.authorities,
            &settings.validate_authority,
        ),
        (
            "additional",
            &answer.additionals,
            &settings.validate_additional,
        ),
    ] {
        let texts: Vec<String> = records.iter().map(record_text).collect();
        for text in &texts {
            recorder.note(format!("{section}: {text}"));
        }
        check_records(section, &texts, conditions)?;
    }
    Ok(())
}

impl DnsSettings {
    /// Whether a text is a type that can be asked for, such as `A`.
    #[must_use]
    pub fn is_query_type(text: &str) -> bool {
        RecordType::from_str(text).is_ok()
    }

    /// Whether a text is a class that can be asked in, such as `IN`.
    #[must_use]
    pub fn is_query_class(text: &str) -> bool {
        DNSClass::from_str(text).is_ok()
    }

    /// Whether a text can be asked for as a name.
    #[must_use]
    pub fn is_query_name(text: &str) -> bool {
        Name::from_ascii(text).is_ok()
    }

    /// Whether a text is a response code, such as `NOERROR`.
    #[must_use]
    pub fn is_response_code(text: &str) -> bool {
        CODES.iter().any(|(name, _)| *name == text)
    }
}

fn question(settings: &DnsSettings) -> Result<Message, Failure> {
    let DnsSettings {
        query_name,
        query_type,
        query_class,
        ..
    } = settings;
    let mut name = Name::from_ascii(query_name)
        .map_err(|error| Failure::new(format!("{query_name:?} is no name: {error}")))?;
    name.set_fqdn(true);
    let kind = RecordType::from_str(query_type)
        .map_err(|_| Failure::new(format!("query type {query_type:?} is not known")))?;
    let class = DNSClass::from_str(query_class)
        .map_err(|_| Failure::new(format!("query class {query_class:?} is not known")))?;
    let mut query = Query::query(name, kind);
    query.set_query_class(class);
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = settings.recursion_desired;
    message.add_query(query);
    Ok(message)
}

async fn ask(
    recorder: &mut Recorder,
    settings: &DnsSettings,
    server: SocketAddr,
    host: &str,
    query: &Message,
) -> Result<Message, Failure> {
    let packet = query
        .to_vec()
        .map_err(|error| Failure::new(format!("the question cannot be written: {error}")))?;
    recorder.note(format!(
        "asks {server} for {} {}",
        settings.query_name, settings.query_type
    ));
    recorder.begin(Some(DNS_DURATION), "connect");
    let failed = |error: std::io::Error| Failure::new(format!("no answer from {server}: {error}"));
    if settings.transport == DnsTransport::Udp {
        let socket = udp_socket(settings, server).await.map_err(failed)?;
        recorder.end();
        recorder.begin(Some(DNS_DURATION), "request");
        socket.send(&packet).await.map_err(failed)?;
        let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
        loop {
            let count = socket.recv(&mut buffer).await.map_err(failed)?;
            // What is no answer to the question may be anybody's, so the answer is waited for.
            if let Some(answer) = answer_to(query, &buffer[..count]) {
                recorder.end();
                return Ok(answer);
            }
            recorder.note("a datagram came that is no answer");
        }
    }
    let mut stream: Connection = Box::new(connect_tcp(server, settings.source).await?);
    if settings.transport == DnsTransport::Tls {
        let (begun, tls) = begin_tls(stream, host, &settings.tls_config, &[]).await?;
        record_lifetime(recorder, &tls);
        stream = begun;
    }
    recorder.end();
    recorder.begin(Some(DNS_DURATION), "request");
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    let framed = [&length.to_be_bytes(), packet.as_slice()].concat();
    stream.write_all(&framed).await.map_err(failed)?;
    stream.flush().await.map_err(failed)?;
    let length = stream.read_u16().await.map_err(failed)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(failed)?;
    recorder.end();
    answer_to(query, &buffer)
        .ok_or_else(|| Failure::new(format!("what {server} sent is no answer to the question")))
}

async fn udp_socket(settings: &DnsSettings, server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => std::net::IpAddr::from([0; 4]),
        SocketAddr::V6(_) => std::net::IpAddr::from([0; 16]),
    };
    let socket = UdpSocket::bind(SocketAddr::new(settings.source.unwrap_or(any), 0)).await?;
    socket.connect(server).await?;
    Ok(socket)
}

/// Reads a packet if it is the answer to a question.
fn answer_to(query: &Message, packet: &[u8]) -> Option<Message> {
    let message = Message::from_vec(packet).ok()?;
    let is_answer = message.metadata.id == query.metadata.id
        && message.metadata.message_type == MessageType::Response;
    is_answer.then_some(message)
}

/// The codes that have names (IANA's list, as far as it is in use).
const CODES: [(&str, u16); 21] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("BADSIG", 16),
    ("BADVERS", 16),
    ("BADKEY", 17),
    ("BADTIME", 18),
    ("BADMODE", 19),
    ("BADNAME", 20),
    ("BADALG", 21),
    ("BADTRUNC", 22),
    ("BADCOOKIE", 23),
    ("NOTIMPL", 4),
];

fn check_code(settings: &DnsSettings, code: u16) -> Result<(), Failure> {
    for valid in &settings.valid_rcodes {
        let known = CODES.iter().find(|(name, _)| name == valid);
        let (_, number) =
            known.ok_or_else(|| Failure::new(format!("response code {valid:?} is not known")))?;
        if *number == code {
            return Ok(());
        }
    }
    let known = CODES.iter().find(|(_, number)| *number == code);
    let name = known.map_or_else(|| code.to_string(), |(name, _)| (*name).to_owned());
    Err(Failure::new(format!(
        "response code {name} is not one of {:?}",
        settings.valid_rcodes
    )))
}

/// A record as blackbox_exporter's patterns are written for.
fn record_text(record: &Record) -> String {
    let data = match &record.data {
        RData::TXT(text) => {
            let quoted = text.txt_data.iter().map(|part| {
                let text = String::from_utf8_lossy(part);
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            });
            quoted.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    format!(
        "{}\t{}\t{}\t{}\t{data}",
        record.name,
        record.ttl,
        record.dns_class,
        record.record_type()
    )
}

fn check_records(
    section: &str,
    records: &[String],
    conditions: &RecordConditions,
) -> Result<(), Failure> {
    let wrong = |what: String| Err(Failure::new(format!("{section} section: {what}")));
    let RecordConditions {
        fail_if_matches,
        fail_if_all_match,
        fail_if_not_matches,
        fail_if_none_matches,
    } = conditions;
    let needs_records = !fail_if_not_matches.is_empty() || !fail_if_none_matches.is_empty();
    if records.is_empty() && needs_records {
        return wrong("no record came that could match".to_owned());
    }
    let any = |pattern: &Pattern| records.iter().find(|record| pattern.is_match(record));
    if let Some((pattern, record)) = fail_if_matches.iter().find_map(|p| Some((p, any(p)?))) {
        return wrong(format!("{record:?} matches {:?}", pattern.text()));
    }
    let not = |pattern: &Pattern| records.iter().find(|record| !pattern.is_match(record));
    if let Some((pattern, record)) = fail_if_not_matches.iter().find_map(|p| Some((p, not(p)?))) {
        return wrong(format!("{record:?} does not match {:?}", pattern.text()));
    }
    // The opposite of what the name says; modules in use rely on what blackbox_exporter does.
    if !fail_if_all_match.is_empty() && fail_if_all_match.iter().any(|p| not(p).is_some()) {
        return wrong("not all records match".to_owned());
    }
    if !fail_if_none_matches.is_empty() && !fail_if_none_matches.iter().any(|p| any(p).is_some()) {
        return wrong("no record matches".to_owned());
    }
    Ok(())
}
