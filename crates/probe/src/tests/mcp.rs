//! `mcp` with scripted servers.

use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::settings::{Auth, Secret, SecretSource};
use bellwether_storage::SystemClock;
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::time::{self, Instant};
use tokio_tungstenite::tungstenite::Message;

use super::kit::{Asked, ENDLESS, IP4, LONG, Reply, Server, probe, serve, serve_http};
use crate::module::{
    LocalProgram, McpProtocol, McpSettings, McpToolCall, McpTransport, OnTrouble, Pattern,
};
use crate::{Module, ProbeResult, Prober, Verdict};

fn settings() -> McpSettings {
    McpSettings {
        address: IP4,
        ..McpSettings::default()
    }
}

async fn ask(settings: McpSettings, target: &str) -> ProbeResult {
    probe(Prober::Mcp(Box::new(settings)), target).await
}

fn url(server: &Server) -> String {
    format!("http://{}/mcp", server.address)
}

fn call_of(asked: &Asked) -> (Value, String, Value) {
    let request: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    (request["id"].clone(), method, request["params"].clone())
}

fn result(id: &Value, result: Value) -> Reply {
    let answer = json!({"jsonrpc": "2.0", "id": id, "result": result});
    Reply::json("200 OK", answer)
}

fn tools() -> Value {
    json!([
        {"name": "echo", "inputSchema": {"properties": {"to": {"x-mcp-header": "To"}}}},
        {"name": "wipe", "inputSchema": {}, "annotations": {"destructiveHint": true}},
    ])
}

/// A server of revision 2026-07-28 that checks what its specification wants it to check.
fn stateless(asked: &Asked) -> Reply {
    let (id, method, params) = call_of(asked);
    let head = asked.head.to_lowercase();
    assert!(head.contains("mcp-protocol-version: 2026-07-28"), "{head}");
    assert!(head.contains(&format!("mcp-method: {method}")), "{head}");
    let meta = &params["_meta"];
    assert_eq!(
        meta["io.modelcontextprotocol/protocolVersion"],
        "2026-07-28"
    );
    assert!(meta["io.modelcontextprotocol/clientCapabilities"].is_object());
    match method.as_str() {
        "server/discover" => result(
            &id,
            json!({
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "scripted", "version": "9"}},
            }),
        ),
        // The second page comes as a stream, behind what else there is to tell.
        "tools/list" if params["cursor"] == "next" => {
            let answer = json!({"jsonrpc": "2.0", "id": id, "result": {"tools": [tools()[1]]}});
            Reply::events(&[
                ": hello\n\nid: 1\ndata:\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\"}\n\n",
                "data: {\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{\"tools\":[]}}\n\n",
                &format!("event: message\ndata: {answer}\n\n"),
            ])
            .hanging()
        }
        "tools/list" => result(&id, json!({"tools": [tools()[0]], "nextCursor": "next"})),
        "tools/call" => {
            assert!(head.contains("mcp-name: echo"), "{head}");
            let param = "mcp-param-to: =?base64?d8O2cmxk?=";
            assert!(
                asked.head.to_lowercase().contains(&param.to_lowercase()),
                "{head}"
            );
            assert!(asked.head.contains("?d8O2cmxk?"), "{head}");
            let text = params["arguments"]["to"].clone();
            result(
                &id,
                json!({"resultType": "complete", "content": [{"type": "text", "text": text}]}),
            )
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_stateless_server_is_discovered_listed_and_called() {
    let server = serve_http(stateless).await;
    let arguments = json!({"to": "wörld"}).as_object().unwrap().clone();
    let all = McpSettings {
        expected_tools: vec!["wipe".to_owned(), "echo".to_owned()],
        tool_call: Some(McpToolCall {
            name: "echo".to_owned(),
            arguments,
            expect: Some(Pattern::new("^wörld$").unwrap()),
        }),
        ..settings()
    };
    let outcome = ask(all.clone(), &url(&server)).await;
    assert_eq!(outcome.verdict, Verdict::Up, "{}", outcome.debug_text());
    let text = outcome.exposition();
    for line in [
        "probe_mcp_info{protocol=\"2026-07-28\",server=\"scripted\",version=\"9\"} 1\n",
        "probe_mcp_tools 2\n",
        "probe_mcp_tools_drift 0\n",
        "probe_mcp_tool_call_success 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let phases: Vec<_> = outcome.phases.iter().map(|phase| phase.name).collect();
    // The hanging stream is given up, so a new connection is made for the call, as a part of it.
    let want = ["resolve", "connect", "discover", "tools_list", "tools_call"];
    assert_eq!(phases, want);

    // What is given to a tool is shown nowhere, also where the tool says it again.
    assert!(!outcome.debug_text().contains("wörld"));
    let unexpected = McpSettings {
        tool_call: Some(McpToolCall {
            expect: Some(Pattern::new("^other$").unwrap()),
            ..all.tool_call.clone().unwrap()
        }),
        ..all.clone()
    };
    let outcome = ask(unexpected, &url(&server)).await;
    let want = "tool \"echo\": \"<secret>\" does not match \"^other$\"";
    assert_eq!(outcome.reason.as_deref(), Some(want));

    let destructive = McpSettings {
        tool_call: Some(McpToolCall {
            name: "wipe".to_owned(),
            ..McpToolCall::default()
        }),
        ..all
    };
    let outcome = ask(destructive, &url(&server)).await;
    assert_eq!(outcome.verdict, Verdict::Down);
    let want = "tool \"wipe\": the server calls it destructive, so it is not called";
    assert_eq!(outcome.reason.as_deref(), Some(want));
}

#[tokio::test]
async fn drift_fails_or_degrades_as_is_set() {
    let server = serve_http(stateless).await;
    let hash_of = |outcome: &ProbeResult| {
        let line = outcome
            .log
            .iter()
            .find_map(|step| step.text.strip_prefix("the hash of the tools is "));
        line.unwrap().to_owned()
    };
    let outcome = ask(settings(), &url(&server)).await;
    let hash = hash_of(&outcome);
    let expecting = |names: &[&str], hash: Option<&str>, on_drift| McpSettings {
        expected_tools: names.iter().map(|name| (*name).to_owned()).collect(),
        expected_tools_hash: hash.map(str::to_owned),
        on_drift,
        ..settings()
    };
    let good = expecting(
        &[],
        Some(&hash.split_at(8).0.to_uppercase()),
        OnTrouble::Fail,
    );
    assert_eq!(ask(good, &url(&server)).await.verdict, Verdict::Up);
    let other = expecting(&["echo", "gone"], None, OnTrouble::Degrade);
    let outcome = ask(other, &url(&server)).await;
    assert_eq!(outcome.verdict, Verdict::Degraded);
    assert_eq!(
        outcome.reason.as_deref(),
        Some("the tools have drifted: missing \"gone\"; unexpected \"wipe\"")
    );
    assert_eq!(outcome.value("probe_success"), Some(1.0));
    assert_eq!(outcome.value("probe_mcp_tools_drift"), Some(1.0));
    let strict = expecting(&[], Some("0123456789"), OnTrouble::Fail);
    let outcome = ask(strict, &url(&server)).await;
    assert_eq!(outcome.verdict, Verdict::Down);
    let lax = expecting(&["gone"], None, OnTrouble::Ignore);
    let outcome = ask(lax, &url(&server)).await;
    assert_eq!(outcome.verdict, Verdict::Up);
    assert_eq!(outcome.value("probe_mcp_tools_drift"), Some(1.0));
}

/// A server with sessions that refuses what is newer, in a way of the test's.
async fn session_server(version: &'static str, refuse: fn(&Value) -> Reply) -> (Server, Log) {
    let log: Log = Arc::default();
    let shared = Arc::clone(&log);
    let server = serve_http(move |asked| {
        let (id, method, _) = call_of(asked);
        let head = asked.head.to_lowercase();
        let verb = head.split(' ').next().unwrap().to_owned();
        let has_session = head.contains("mcp-session-id: s1");
        let has_version = head.contains(&format!("mcp-protocol-version: {version}"));
        shared.lock().push(format!("{verb} {method}"));
        match method.as_str() {
            "server/discover" => return refuse(&id),
            "initialize" => {
                assert!(
                    !has_session && !head.contains("mcp-protocol-version"),
                    "{head}"
                );
                let reply = json!({
                    "protocolVersion": version,
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "old", "version": "1"},
                });
                return result(&id, reply).header("Mcp-Session-Id", "s1");
            }
            _ => assert!(has_session && has_version, "{head}"),
        }
        match (verb.as_str(), method.as_str()) {
            ("delete", _) => Reply::json("204 No Content", ""),
            (_, "notifications/initialized") => Reply::json("202 Accepted", ""),
            (_, "ping") => result(&id, json!({})),
            (_, "tools/list") => result(&id, json!({"tools": tools()})),
            other => panic!("{other:?}"),
        }
    })
    .await;
    (server, log)
}

type Log = Arc<Mutex<Vec<String>>>;

#[tokio::test]
async fn a_farewell_counts_for_nothing() {
    let begun: Arc<Mutex<Option<Instant>>> = Arc::default();
    let cut = Arc::clone(&begun);
    let server = serve_http(move |asked| {
        let (id, method, _) = call_of(asked);
        match method.as_str() {
            "initialize" => {
                let reply = json!({"protocolVersion": "2025-11-25", "capabilities": {}});
                result(&id, reply).header("Mcp-Session-Id", "s1")
            }
            "ping" => {
                // The session has taken all of the probe's time but less than a farewell's.
                if let Some(begun) = cut.lock().take() {
                    let left = Duration::from_millis(700);
                    time::pause();
                    time::advance(LONG - left - begun.elapsed()).now_or_never();
                    time::resume();
                }
                result(&id, json!({}))
            }
            "" => Reply::silence(),
            _ => Reply::json("202 Accepted", ""),
        }
    })
    .await;
    let module = Module::new(Prober::Mcp(Box::new(McpSettings {
        protocol: McpProtocol::Session,
        ..settings()
    })));
    // The probe's time may be over before the farewell's is, or after.
    for is_cut in [true, false] {
        *begun.lock() = is_cut.then(Instant::now);
        let outcome = crate::probe(&module, &url(&server), LONG, &SystemClock).await;
        assert_eq!(outcome.verdict, Verdict::Up, "{}", outcome.debug_text());
        let in_vain = outcome
            .log
            .iter()
            .find(|it| it.text.contains("no farewell"));
        assert_eq!(in_vain.is_some(), !is_cut, "{}", outcome.debug_text());
        // It was waited for behind what counts.
        let waited = in_vain.map(|it| it.at - outcome.duration);
        assert!(
            waited.is_none_or(|it| it >= Duration::from_secs(1)),
            "{waited:?}"
        );
    }
}

#[tokio::test]
async fn servers_with_sessions_are_initialized_pinged_and_left() {
    let refusals: [fn(&Value) -> Reply; 5] = [
        |_| Reply::json("400 Bad Request", "Bad Request: no session"),
        |_| Reply::json("404 Not Found", ""),
        |id| {
            let error = json!({"code": -32601, "message": "Method not found"});
            Reply::json(
                "200 OK",
                json!({"jsonrpc": "2.0", "id": id, "error": error}),
            )
        },
        |_| {
            let error = json!({"code": -32600, "message": "no id"});
            let answer = json!({"jsonrpc": "2.0", "id": null, "error": error});
            Reply::json("400 Bad Request", answer)
        },
        |id| {
            let data = json!({"supported": ["2025-11-25"]});
            let error = json!({"code": -32022, "message": "no", "data": data});
            let answer = json!({"jsonrpc": "2.0", "id": id, "error": error});
            Reply::json("400 Bad Request", answer)
        },
    ];
    let versions = [
        "2025-11-25",
        "2025-06-18",
        "2025-03-26",
        "2024-11-05",
        "2025-11-25",
    ];
    for (refuse, version) in refusals.into_iter().zip(versions) {
        let (server, log) = session_server(version, refuse).await;
        let outcome = ask(settings(), &url(&server)).await;
        assert_eq!(outcome.verdict, Verdict::Up, "{}", outcome.debug_text());
        let info =
            format!("probe_mcp_info{{protocol=\"{version}\",server=\"old\",version=\"1\"}} 1\n");
        assert!(outcome.exposition().contains(&info));
        assert_eq!(
            *log.lock(),
            [
                "post server/discover",
                "post initialize",
                "post notifications/initialized",
                "post ping",
                "post tools/list",
                "delete ",
            ]
        );
        let only = McpSettings {
            protocol: McpProtocol::Stateless,
            ..settings()
        };
        assert_eq!(ask(only, &url(&server)).await.verdict, Verdict::Down);
        let only = McpSettings {
            protocol: McpProtocol::Session,
            ..settings()
        };
        assert_eq!(ask(only, &url(&server)).await.verdict, Verdict::Up);
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_what_it_does_not_know_is_waited_for() {
    let (server, _) = session_server("2025-06-18", |_| Reply::events(&[]).hanging()).await;
    let hasty = McpSettings {
        discover_timeout: Duration::from_millis(100),
        ..settings()
    };
    let outcome = ask(hasty, &url(&server)).await;
    assert_eq!(outcome.verdict, Verdict::Up, "{}", outcome.debug_text());
}

#[tokio::test]
async fn revisions_that_nobody_knows_and_credentials_that_are_not_taken_end_the_ladder() {
    let check = async |reply: fn(&Value) -> Reply, want: &str| {
        let server = serve_http(move |asked| reply(&call_of(asked).0)).await;
        let outcome = ask(settings(), &url(&server)).await;
        assert_eq!(outcome.verdict, Verdict::Down);
        let reason = outcome.reason.clone().unwrap();
        assert!(reason.contains(want), "{}", outcome.debug_text());
    };
    check(
        |_| Reply::json("401 Unauthorized", ""),
        "does not take the credentials: 401",
    )
    .await;
    check(
        |id| result(id, json!({"supportedVersions": ["2099-01-01"]})),
        "the server speaks only 2099-01-01: want 2026-07-28",
    )
    .await;
    check(
        |id| result(id, json!({"protocolVersion": "1999-01-01"})),
        "the server wants to speak \"1999-01-01\": want one of 2025-11-25",
    )
    .await;
    check(|_| result(&json!(99), json!({})), "has another id").await;
    check(|_| Reply::json("200 OK", "[".repeat(10_000)), "is not JSON").await;
    check(
        |_| Reply::json("500 Oops", ""),
        "initialize was answered with status 500",
    )
    .await;
    check(|_| Reply::events(&["data: {\n\n"]), "is not JSON").await;
    check(
        |_| Reply::events(&["data: x"]),
        "the stream ended without an answer",
    )
    .await;
}

#[tokio::test]
async fn endless_answers_end() {
    let endless = std::str::from_utf8(ENDLESS).unwrap();
    let note = "data: {\"jsonrpc\":\"2.0\",\"method\":\"n\"}\n\n";
    for (piece, want) in [
        (note.to_owned(), "no answer among 1000 messages"),
        ("x".repeat(1 << 20), "an event has more than 8388608 bytes"),
        (
            ": x\n".repeat(1 << 18),
            "the stream has more than 16777216 bytes",
        ),
    ] {
        let server = serve_http(move |_| Reply::events(&["data: ", &piece, endless])).await;
        let only = McpSettings {
            protocol: McpProtocol::Stateless,
            ..settings()
        };
        let reason = ask(only, &url(&server)).await.reason.unwrap();
        assert!(reason.contains(want), "{reason}");
    }
    // The same page for ever, and ever new pages.
    for (same, want) in [(true, "the same cursor twice"), (false, "more than")] {
        let server = serve_http(move |asked| {
            let (id, method, params) = call_of(asked);
            if method == "server/discover" {
                return stateless(asked);
            }
            let next = params["cursor"].as_str().unwrap_or_default().len() + usize::from(!same);
            let many: Vec<Value> = (0..100).map(|_| json!({"name": "t"})).collect();
            let cursor = "x".repeat(next.max(1));
            result(&id, json!({"tools": many, "nextCursor": cursor}))
        })
        .await;
        let reason = ask(settings(), &url(&server)).await.reason.unwrap();
        assert!(reason.contains(want), "{reason}");
    }
}

#[tokio::test]
async fn credentials_are_sent_and_not_shown() {
    let server = serve_http(|asked| {
        assert!(asked.head.contains("Bearer hunter2"), "{}", asked.head);
        let text = format!("I was told {}", asked.head);
        Reply::json("500 Oops", text)
    })
    .await;
    let mut secret = settings();
    secret.client.auth = Some(Auth::Header {
        scheme: "Bearer".to_owned(),
        credentials: Some(SecretSource::Inline(Secret::new("hunter2"))),
    });
    let outcome = ask(secret, &url(&server)).await;
    let text = outcome.debug_text();
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("<secret>"), "{text}");
}

/// A daemon over a WebSocket. It asks and tells things of its own before it answers.
async fn daemon(subprotocol: Option<&'static str>) -> Server {
    serve(move |stream| async move {
        use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
        #[expect(clippy::result_large_err, reason = "the library wants the closure so")]
        let choose = |_: &Request, mut response: Response| {
            if let Some(name) = subprotocol {
                let headers = response.headers_mut();
                headers.insert("sec-websocket-protocol", name.parse().unwrap());
            }
            Ok(response)
        };
        let accepted = tokio_tungstenite::accept_hdr_async(stream, choose).await;
        let Ok(mut socket) = accepted else { return };
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            let request: Value = serde_json::from_str(&text).unwrap();
            let answers = match request["method"].as_str() {
                Some("server/discover") => vec![
                    json!({"jsonrpc": "2.0", "id": "q", "method": "ping"}),
                    json!({"jsonrpc": "2.0", "method": "news"}),
                    json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": -32601}}),
                ],
                Some("initialize") => vec![json!({
                    "jsonrpc": "2.0", "id": request["id"],
                    "result": {"protocolVersion": "2025-06-18", "capabilities": {}},
                })],
                Some("ping") => {
                    vec![json!({"jsonrpc": "2.0", "id": request["id"], "result": {}})]
                }
                _ => Vec::new(),
            };
            for answer in answers {
                socket
                    .send(Message::text(answer.to_string()))
                    .await
                    .unwrap();
            }
        }
    })
    .await
}

#[tokio::test]
async fn daemons_over_web_sockets_are_asked_too() {
    for subprotocol in [None, Some("mcp")] {
        let server = daemon(subprotocol).await;
        let target = format!("ws://{}/", server.address);
        let outcome = ask(settings(), &target).await;
        assert_eq!(outcome.verdict, Verdict::Up, "{}", outcome.debug_text());
        assert_eq!(outcome.value("probe_mcp_tools"), Some(0.0));
    }
}

fn script(text: &str) -> McpSettings {
    McpSettings {
        transport: McpTransport::Stdio(LocalProgram {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), text.to_owned()],
            environment: vec![(
                "TOKEN".to_owned(),
                SecretSource::Inline(Secret::new("hunter2")),
            )],
            folder: None,
        }),
        discover_timeout: Duration::from_millis(300),
        ..settings()
    }
}

#[tokio::test]
async fn programs_are_spoken_to_over_their_pipes() {
    let late = r#"read one; read two
        echo 'listening with '$TOKEN
        echo '{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{}}}'
        echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"what?"}}'
        read three"#;
    let outcome = ask(script(late), "").await;
    let text = outcome.debug_text();
    assert_eq!(outcome.verdict, Verdict::Up, "{text}");
    assert!(
        text.contains("came late") && text.contains("listening with <secret>"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");

    let outcome = ask(script("echo lost its $TOKEN >&2; exit 3"), "").await;
    let text = outcome.debug_text();
    assert!(text.contains("error output: lost its <secret>"), "{text}");
    let reason = outcome.reason.unwrap();
    assert!(reason.contains("it ended with exit status: 3"), "{reason}");

    let mut missing = script("");
    missing.transport = McpTransport::Stdio(LocalProgram {
        program: "/no/such/program".to_owned(),
        ..LocalProgram::default()
    });
    let outcome = ask(missing, "").await;
    assert_eq!(outcome.verdict, Verdict::Unknown);
    let reason = outcome.reason.unwrap();
    assert!(
        reason.starts_with("cannot start \"/no/such/program\""),
        "{reason}"
    );

    let outcome = ask(script("head -c 9000000 /dev/zero; sleep 60"), "").await;
    let reason = outcome.reason.unwrap();
    assert!(
        reason.contains("a line has more than 8388608 bytes"),
        "{reason}"
    );
    let patient = McpSettings {
        discover_timeout: LONG,
        ..script("while :; do echo x; done")
    };
    let outcome = ask(patient, "").await;
    let reason = outcome.reason.unwrap();
    assert!(
        reason.contains("no answer to server/discover among"),
        "{reason}"
    );
}
