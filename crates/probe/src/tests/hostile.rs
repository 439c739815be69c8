//! Targets and servers that make no sense: every probe ends, with a reason.

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::kit::{IP4, probe, serve};
use crate::Prober;
use crate::module::{
    Compression, DnsSettings, DnsTransport, Expectation, GrpcSettings, HttpSettings, Pattern,
    QueryResponse, TcpSettings, WebSocketSettings,
};

fn probers() -> Vec<Prober> {
    let line = QueryResponse {
        expect: Expectation::Line(Pattern::new("no such line").unwrap()),
        ..QueryResponse::default()
    };
    vec![
        Prober::Http(Box::new(HttpSettings {
            address: IP4,
            compression: Some(Compression::Brotli),
            ..HttpSettings::default()
        })),
        Prober::Tcp(TcpSettings {
            address: IP4,
            query_response: vec![line],
            ..TcpSettings::default()
        }),
        Prober::Tcp(TcpSettings {
            address: IP4,
            tls: true,
            ..TcpSettings::default()
        }),
        Prober::Dns(Box::new(DnsSettings {
            address: IP4,
            transport: DnsTransport::Tcp,
            query_name: "a.test".to_owned(),
            ..DnsSettings::default()
        })),
        Prober::Grpc(Box::new(GrpcSettings {
            address: IP4,
            ..GrpcSettings::default()
        })),
        Prober::WebSocket(Box::new(WebSocketSettings {
            address: IP4,
            ping: true,
            ..WebSocketSettings::default()
        })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn a_server_may_say_anything(answer in proptest::collection::vec(any::<u8>(), 0..200), head in 0_usize..4) {
        const HEADS: [&[u8]; 4] = [
            b"",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 302 Found\r\nLocation: ",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let answer = [HEADS[head], &answer].concat();
            let server = serve(move |mut stream| {
                let answer = answer.clone();
                async move {
                    stream.write_all(&answer).await.ok();
                    stream.shutdown().await.ok();
                    stream.read_to_end(&mut Vec::new()).await.ok();
                }
            })
            .await;
            for prober in probers() {
                let scheme = if matches!(prober, Prober::WebSocket(_)) { "ws://" } else { "" };
                let target = format!("{scheme}{}", server.address);
                let result = probe(prober, &target).await;
                assert_eq!(result.success, result.reason.is_none());
                assert!(!result.reason.unwrap_or_default().contains("timed out"));
            }
        });
    }

    #[test]
    fn a_target_may_be_anything_that_names_no_host(target in "[\\[\\]/:@?#% ]{0,12}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            for prober in probers() {
                let result = probe(prober, &target).await;
                assert!(result.reason.is_some());
            }
        });
    }
}
