//! `dns`.

use bellwether_storage::ManualClock;
use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, SOA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::UdpSocket;
use tokio_util::task::AbortOnDropHandle;

use super::kit::{IP4, Identity, LONG, accept, probe, serve};
use crate::module::{DnsSettings, DnsTransport, Pattern, RecordConditions};
use crate::{Module, ProbeResult, Prober, Verdict};

fn answer(query: &[u8]) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let mut answer = query.clone();
    answer.metadata.message_type = MessageType::Response;
    let question = query.queries[0].clone();
    let record = |data| Record::from_rdata(question.name.clone(), 300, data);
    match question.name.to_ascii().as_str() {
        "a.test." => {
            answer.add_answer(record(RData::A(A::new(127, 0, 0, 1))));
            answer.add_answer(record(RData::A(A::new(127, 0, 0, 2))));
        }
        "txt.test." => {
            answer.add_answer(record(RData::TXT(TXT::new(vec!["v=1".to_owned()]))));
        }
        "zone.test." => {
            let host = Name::from_ascii("ns.test.").unwrap();
            let soa = SOA::new(host.clone(), host, 2026, 1, 2, 3, 4);
            answer.add_answer(record(RData::SOA(soa)));
        }
        _ => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.to_vec().unwrap()
}

async fn udp_server() -> (SocketAddr, AbortOnDropHandle<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let task = tokio::spawn(async move {
        let mut buffer = [0; 1024];
        while let Ok((count, from)) = socket.recv_from(&mut buffer).await {
            // What is not meant for the asker comes first, as it may.
            socket.send_to(b"noise", from).await.unwrap();
            socket
                .send_to(&answer(&buffer[..count]), from)
                .await
                .unwrap();
        }
    });
    (address, AbortOnDropHandle::new(task))
}

fn settings(name: &str, kind: &str) -> DnsSettings {
    DnsSettings {
        address: IP4,
        query_name: name.to_owned(),
        query_type: kind.to_owned(),
        ..DnsSettings::default()
    }
}

async fn ask(settings: DnsSettings, target: &str) -> ProbeResult {
    probe(Prober::Dns(Box::new(settings)), target).await
}

fn patterns(pattern: &str) -> Vec<Pattern> {
    vec![Pattern::new(pattern).unwrap()]
}

#[tokio::test]
async fn answers_are_counted_and_codes_judged() {
    let (address, _server) = udp_server().await;
    let target = address.to_string();
    let result = ask(settings("a.test", "A"), &target).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_dns_answer_rrs"), Some(2.0));
    assert_eq!(result.value("probe_dns_query_succeeded"), Some(1.0));
    let result = ask(settings("zone.test", "SOA"), &target).await;
    assert_eq!(result.value("probe_dns_serial"), Some(2026.0));
    let result = ask(settings("none.test", "A"), &target).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("response code NXDOMAIN is not one of [\"NOERROR\"]")
    );
    assert_eq!(result.value("probe_dns_query_succeeded"), Some(1.0));
    let mut none = settings("none.test", "A");
    none.valid_rcodes = vec!["NXDOMAIN".to_owned()];
    assert!(ask(none, &target).await.success);
    let reason = ask(settings("a.test", "WHAT"), &target).await.reason;
    assert_eq!(reason.as_deref(), Some("query type \"WHAT\" is not known"));
}

#[tokio::test]
async fn records_are_matched_as_they_stand_in_zone_files() {
    let (address, _server) = udp_server().await;
    let target = address.to_string();
    let none = RecordConditions::default;
    let cases = [
        (
            RecordConditions {
                fail_if_matches: patterns("127.0.0.2"),
                ..none()
            },
            false,
        ),
        (
            RecordConditions {
                fail_if_matches: patterns("127.0.0.3"),
                ..none()
            },
            true,
        ),
        (
            RecordConditions {
                fail_if_all_match: patterns("127.0.0.1"),
                ..none()
            },
            false,
        ),
        (
            RecordConditions {
                fail_if_all_match: patterns("127.0.0"),
                ..none()
            },
            true,
        ),
        (
            RecordConditions {
                fail_if_not_matches: patterns("^a.test.\t300\tIN\tA\t127.0.0.[12]$"),
                ..none()
            },
            true,
        ),
        (
            RecordConditions {
                fail_if_not_matches: patterns("127.0.0.1"),
                ..none()
            },
            false,
        ),
        (
            RecordConditions {
                fail_if_none_matches: patterns("127.0.0.1"),
                ..none()
            },
            true,
        ),
        (
            RecordConditions {
                fail_if_none_matches: patterns("127.0.0.3"),
                ..none()
            },
            false,
        ),
    ];
    for (validate_answer, want) in cases {
        let shown = format!("{validate_answer:?}");
        let with = DnsSettings {
            validate_answer,
            ..settings("a.test", "A")
        };
        let result = ask(with, &target).await;
        assert_eq!(result.success, want, "{shown}: {:?}", result.reason);
    }
    let with = DnsSettings {
        validate_answer: RecordConditions {
            fail_if_not_matches: patterns("\tTXT\t\"v=1\"$"),
            ..none()
        },
        ..settings("txt.test", "TXT")
    };
    assert!(ask(with, &target).await.success);
}

/// Answers one question that comes with its length, as it does over TCP and TLS.
async fn answer_over(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let length = stream.read_u16().await.unwrap();
    let mut query = vec![0; usize::from(length)];
    stream.read_exact(&mut query).await.unwrap();
    let answer = answer(&query);
    let length = u16::try_from(answer.len()).unwrap();
    stream.write_u16(length).await.unwrap();
    stream.write_all(&answer).await.unwrap();
    stream.flush().await.unwrap();
}

#[tokio::test]
async fn tcp_carries_a_question_too() {
    let server = serve(answer_over).await;
    let with = DnsSettings {
        transport: DnsTransport::Tcp,
        ..settings("a.test", "ANY")
    };
    let result = ask(with, &server.address.to_string()).await;
    assert!(result.success, "{}", result.debug_text());
}

#[tokio::test]
async fn a_certificate_that_ends_soon_degrades() {
    let identity = Identity::until(2090);
    let acceptor = identity.acceptor(&[]);
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            answer_over(accept(&acceptor, stream).await.unwrap()).await;
        }
    })
    .await;
    let mut module = Module::new(Prober::Dns(Box::new(DnsSettings {
        transport: DnsTransport::Tls,
        tls_config: identity.trusted(),
        ..settings("a.test", "A")
    })));
    // The beginning of 2090 in seconds, and 10 days before.
    let clock = ManualClock::new((3_786_912_000 - 864_000) * 1_000);
    let target = format!("localhost:{}", server.address.port());
    for (days, want) in [(11, Verdict::Degraded), (9, Verdict::Up)] {
        module.certificate_lifetime_min = Some(Duration::from_secs(days * 86_400));
        let result = crate::probe(&module, &target, LONG, &clock).await;
        assert_eq!(result.verdict, want, "{}", result.debug_text());
        // blackbox_exporter has none of these for DNS.
        assert!(!result.exposition().contains("probe_ssl"));
    }
}
