//! `llm`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bellwether_outbound::settings::{Secret, SecretSource};
use bellwether_storage::{ManualClock, SystemClock};

use super::kit::{ENDLESS, IP4, LONG, Reply, Server, refused, serve, serve_http};
use crate::module::{CanarySettings, LlmApi, LlmSettings, OnTrouble};
use crate::{CanaryLedger, Module, ProbeResult, Prober, Surroundings, Verdict, probe_within};

const MODELS: &str = r#"{"object":"list","data":[{"id":"small","object":"model"},{"id":"large"}]}"#;
const TOKENS: &str = concat!(
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"O\"}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"K\"}}]}\n\n",
);
const END: &str = concat!(
    "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":2}}\n\n",
    "data: [DONE]\n\n",
);

fn settings() -> LlmSettings {
    LlmSettings {
        address: IP4,
        api_key: Some(SecretSource::Inline(Secret::new("sk-hunter2"))),
        ..LlmSettings::default()
    }
}

fn canary() -> CanarySettings {
    CanarySettings {
        account: "team".to_owned(),
        model: "small".to_owned(),
        input_price: 100_000.0,
        output_price: 1_000_000.0,
        ..CanarySettings::default()
    }
}

fn with_canary(canary: CanarySettings) -> LlmSettings {
    LlmSettings {
        canary: Some(canary),
        ..settings()
    }
}

/// A provider that answers canaries with a reply of the test's.
async fn provider(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Server {
    serve_http(move |asked| {
        assert!(asked.head.contains("Bearer sk-hunter2"), "{}", asked.head);
        if asked.head.starts_with("GET /v1/models ") {
            Reply::json("200 OK", MODELS).header("x-ratelimit-remaining-requests", "59")
        } else {
            assert!(
                asked.head.starts_with("POST /v1/chat/completions "),
                "{}",
                asked.head
            );
            reply()
        }
    })
    .await
}

async fn ask(settings: LlmSettings, target: &str) -> ProbeResult {
    ask_with(settings, target, &CanaryLedger::new()).await
}

async fn ask_with(settings: LlmSettings, target: &str, ledger: &CanaryLedger) -> ProbeResult {
    let surroundings = Surroundings {
        clock: &SystemClock,
        canaries: Some(ledger),
    };
    let module = Module::new(Prober::Llm(Box::new(settings)));
    let result = probe_within(&module, target, LONG, &surroundings).await;
    let text = result.debug_text();
    assert!(!text.contains("hunter2"), "{text}");
    result
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

/// The class that a probe shows, if it shows one.
fn class(result: &ProbeResult) -> Option<&str> {
    let metric = result
        .metrics
        .iter()
        .find(|metric| metric.name == "probe_llm_error")?;
    Some(&metric.labels[0].1)
}

fn skipped(result: &ProbeResult) -> Option<&str> {
    let metric = result
        .metrics
        .iter()
        .find(|metric| metric.name == "probe_llm_canary_skipped")?;
    Some(&metric.labels[0].1)
}

/// What goes wrong with a canary.
async fn canary_fails(reply: impl Fn() -> Reply + Send + Sync + 'static) -> (String, String) {
    fails(canary(), reply).await
}

async fn fails(
    canary: CanarySettings,
    reply: impl Fn() -> Reply + Send + Sync + 'static,
) -> (String, String) {
    let server = provider(reply).await;
    let result = ask(with_canary(canary), &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Down, "{}", result.debug_text());
    assert_eq!(result.value("probe_llm_canary_success"), Some(0.0));
    let class = class(&result).unwrap_or_default().to_owned();
    (class, result.reason.unwrap())
}

#[tokio::test]
async fn models_are_listed_and_those_that_are_missing_degrade() {
    let server = provider(|| Reply::json("500 No", "")).await;
    let wanting = LlmSettings {
        models: vec!["large".to_owned(), "huge".to_owned()],
        ..settings()
    };
    let result = ask(wanting.clone(), &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Degraded, "{}", result.debug_text());
    let reason = "the provider does not list \"huge\"";
    assert_eq!(result.reason.as_deref(), Some(reason));
    assert_eq!(result.value("probe_success"), Some(1.0));
    let text = result.exposition();
    for line in [
        "probe_llm_model_available{model=\"large\"} 1\n",
        "probe_llm_model_available{model=\"huge\"} 0\n",
        "probe_llm_models 2\n",
        "probe_llm_ratelimit_remaining{kind=\"requests\"} 59\n",
        "probe_degraded 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let strict = LlmSettings {
        on_missing_model: OnTrouble::Fail,
        ..wanting
    };
    let result = ask(strict, &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Down);
}

#[tokio::test]
async fn a_canary_is_measured_and_paid_for() {
    let server = provider(|| Reply::events(&[TOKENS, END])).await;
    let ledger = CanaryLedger::new();
    let result = ask_with(with_canary(canary()), &url(&server), &ledger).await;
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
    assert_eq!(result.value("probe_llm_canary_success"), Some(1.0));
    assert_eq!(result.value("probe_llm_cost_dollars"), Some(3.0));
    assert!(result.value("probe_llm_first_token_seconds").unwrap() > 0.0);
    assert!(
        result
            .value("probe_llm_between_tokens_seconds_max")
            .is_some()
    );
    let text = result.exposition();
    let tokens =
        "probe_llm_tokens{direction=\"input\"} 10\nprobe_llm_tokens{direction=\"output\"} 2\n";
    assert!(text.contains(tokens), "{text}");
    let spent = ledger.spent().remove(0);
    assert_eq!((spent.dollars, spent.tokens, spent.calls), (3.0, 12, 1));
    assert_eq!(class(&result), None);

    // Until the interval is over, what was found holds.
    let result = ask_with(with_canary(canary()), &url(&server), &ledger).await;
    assert_eq!(skipped(&result), Some("interval"));
    assert_eq!(result.value("probe_llm_cost_dollars"), Some(3.0));
    assert_eq!(ledger.spent().remove(0).calls, 1);
}

#[tokio::test]
async fn a_failure_holds_until_the_next_canary() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let server = provider(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Reply::json("500 Oops", r#"{"error":{"message":"broken"}}"#)
    })
    .await;
    let clock = ManualClock::new(1_000_000);
    let ledger = CanaryLedger::new();
    let surroundings = Surroundings {
        clock: &clock,
        canaries: Some(&ledger),
    };
    let module = Module::new(Prober::Llm(Box::new(with_canary(canary()))));
    let target = url(&server);
    for seconds in [0, 7, 299] {
        clock.set(1_000_000 + seconds * 1_000);
        let result = probe_within(&module, &target, LONG, &surroundings).await;
        assert_eq!(result.verdict, Verdict::Down);
        assert_eq!(class(&result), Some("server"));
        let reason = result.reason.unwrap();
        assert!(
            reason.ends_with("answered 500 Internal Server Error: broken"),
            "{reason}"
        );
        assert_eq!(reason.contains(" s ago: "), seconds > 0, "{reason}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    // What was refused has cost nothing.
    assert_eq!(ledger.spent().remove(0).tokens, 0);
    clock.set(1_000_000 + 300_000);
    probe_within(&module, &target, LONG, &surroundings).await;
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_spent_budget_leaves_the_free_check() {
    let server = provider(|| Reply::events(&[TOKENS, END])).await;
    let frugal = CanarySettings {
        daily_dollars_max: Some(1.0),
        interval_min: Duration::ZERO,
        ..canary()
    };
    let result = ask(with_canary(frugal), &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Up);
    assert_eq!(skipped(&result), Some("budget"));
    assert_eq!(result.value("probe_llm_canary_success"), None);
    let module = Module::new(Prober::Llm(Box::new(with_canary(canary()))));
    let result = crate::probe(&module, &url(&server), LONG, &SystemClock).await;
    assert_eq!(result.verdict, Verdict::Up);
    assert_eq!(skipped(&result), Some("no_ledger"));
    for (wrong, reason) in [
        (
            CanarySettings {
                daily_tokens_max: None,
                ..canary()
            },
            "canary: set daily_dollars_max or daily_tokens_max",
        ),
        (
            CanarySettings {
                daily_dollars_max: Some(1.0),
                input_price: 0.0,
                output_price: 0.0,
                ..canary()
            },
            "canary: daily_dollars_max needs prices",
        ),
    ] {
        let result = ask(with_canary(wrong), &url(&server)).await;
        assert_eq!(result.verdict, Verdict::Unknown);
        assert_eq!(result.reason.as_deref(), Some(reason));
        assert!(!result.success);
    }
}

#[tokio::test]
async fn a_failing_provider_stays_down_when_the_budget_is_spent() {
    let server = provider(|| Reply::events(&[TOKENS, "data: {\n\n"])).await;
    // One canary costs at most 32 tokens, and one that was answered without usage keeps that.
    let frugal = CanarySettings {
        daily_tokens_max: Some(40),
        interval_min: Duration::ZERO,
        ..canary()
    };
    let ledger = CanaryLedger::new();
    let result = ask_with(with_canary(frugal.clone()), &url(&server), &ledger).await;
    assert_eq!(result.verdict, Verdict::Down, "{}", result.debug_text());
    let result = ask_with(with_canary(frugal.clone()), &url(&server), &ledger).await;
    assert_eq!(skipped(&result), Some("budget"));
    assert_eq!(result.verdict, Verdict::Down, "{}", result.debug_text());
    assert_eq!(class(&result), Some("bad_answer"));
    assert_eq!(ledger.spent().remove(0).calls, 1);
    // Another model of the same provider has its own outcome.
    let other = CanarySettings {
        model: "large".to_owned(),
        ..frugal
    };
    let result = ask_with(with_canary(other), &url(&server), &ledger).await;
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
}

#[tokio::test]
async fn usage_that_cannot_be_is_cut() {
    let end = concat!(
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":18446744073709551615,\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n",
    );
    let server = provider(move || Reply::events(&[TOKENS, end])).await;
    let ledger = CanaryLedger::new();
    ask_with(with_canary(canary()), &url(&server), &ledger).await;
    assert_eq!(ledger.spent().remove(0).tokens, 10_000_002);
}

#[tokio::test]
async fn only_a_probe_whose_time_is_over_says_that_the_canary_was_too_slow() {
    let server = provider(|| Reply::events(&[TOKENS]).hanging()).await;
    let target = url(&server);
    let module = Module::new(Prober::Llm(Box::new(with_canary(canary()))));
    let ledger = CanaryLedger::new();
    let surroundings = Surroundings {
        clock: &SystemClock,
        canaries: Some(&ledger),
    };
    // The asker hangs up.
    let is_sent = async {
        while ledger.spent().is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        result = probe_within(&module, &target, LONG, &surroundings) => {
            panic!("it does not hang: {}", result.debug_text())
        }
        () = is_sent => {}
    }
    let spent = ledger.spent().remove(0);
    assert_eq!((spent.calls, spent.tokens), (1, 32));
    let result = probe_within(&module, &target, LONG, &surroundings).await;
    assert_eq!(skipped(&result), Some("interval"));
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
    // The provider takes longer than the probe may.
    let ledger = CanaryLedger::new();
    let surroundings = Surroundings {
        canaries: Some(&ledger),
        ..surroundings
    };
    let short = Duration::from_secs(2);
    let result = probe_within(&module, &target, short, &surroundings).await;
    assert_eq!(result.verdict, Verdict::Down);
    let result = probe_within(&module, &target, LONG, &surroundings).await;
    assert_eq!(skipped(&result), Some("interval"));
    assert_eq!(class(&result), Some("timeout"));
    assert_eq!(result.verdict, Verdict::Down, "{}", result.debug_text());
}

#[tokio::test]
async fn each_way_to_fail_has_its_class() {
    let check = |got: (String, String), class: &str, words: &str| {
        assert_eq!(got.0, class, "{}", got.1);
        assert!(got.1.contains(words), "{}", got.1);
    };
    let got = canary_fails(|| {
        let body = r#"{"error":{"message":"Slow down","type":"rate_limit_error"}}"#;
        Reply::json("429 Too Many", body).header("Retry-After", "7")
    });
    check(got.await, "rate_limited", "Slow down");
    let got = canary_fails(|| Reply::json("429 No", r#"{"error":{"code":"insufficient_quota"}}"#));
    check(got.await, "quota_exhausted", "insufficient_quota");
    let got = canary_fails(|| Reply::json("529 Busy", r#"{"error":{"type":"overloaded_error"}}"#));
    check(got.await, "overloaded", "overloaded_error");
    let got = canary_fails(|| Reply::json("400 Bad", r#"{"error":"no such model"}"#));
    check(got.await, "bad_request", "no such model");
    let got = canary_fails(|| Reply::json("401 No", r#"{"error":{"message":"key sk-hunter2"}}"#));
    check(got.await, "auth", "key <secret>");
    let short = Some(Duration::from_millis(200));
    let impatient = CanarySettings {
        first_token_timeout: short,
        ..canary()
    };
    let got = fails(impatient, || Reply::events(&[]).hanging());
    check(
        got.await,
        "timeout_first_token",
        "no token came within 200ms",
    );
    let impatient = CanarySettings {
        between_tokens_timeout: short,
        ..canary()
    };
    let got = fails(impatient, || Reply::events(&[TOKENS]).hanging());
    check(
        got.await,
        "timeout_between_tokens",
        "no further token came within 200ms",
    );
    let got = canary_fails(|| Reply::events(&[TOKENS]));
    check(got.await, "stream_truncated", "no finish reason came");
    let got = canary_fails(|| Reply::events(&[TOKENS, "data: [DONE]\n\n"]));
    check(got.await, "stream_truncated", "no finish reason came");
    let got =
        canary_fails(|| Reply::events(&[TOKENS, "data: {\"error\":{\"message\":\"x\"}}\n\n"]));
    check(got.await, "server", "the stream ends with an error: x");
    let got = canary_fails(|| Reply::events(&["data: {\n\n"]));
    check(got.await, "bad_answer", "an event is not JSON");
    let got = canary_fails(|| Reply::json("200 OK", "{}"));
    check(got.await, "bad_answer", "no event stream");
    let endless = std::str::from_utf8(ENDLESS).unwrap();
    let got = canary_fails(move || Reply::events(&[TOKENS, endless]));
    check(got.await, "bad_answer", "more than 4194304 bytes");
    let line = "x".repeat(1 << 18);
    let got = canary_fails(move || Reply::events(&["data: ", &line, endless]));
    check(got.await, "bad_answer", "more than 4194304 bytes");
}

#[tokio::test]
async fn the_free_check_fails_in_classes_too() {
    let result = ask(settings(), &format!("http://{}", refused())).await;
    assert_eq!(class(&result), Some("refused"), "{}", result.debug_text());
    let closing = serve(|stream| async move { drop(stream) }).await;
    let result = ask(settings(), &url(&closing)).await;
    assert_eq!(class(&result), Some("network"), "{}", result.debug_text());
    for (reply, want) in [
        ("[]", "the answer has no list \"data\""),
        ("{", "the answer is not JSON"),
    ] {
        let server = serve_http(move |_| Reply::json("200 OK", reply)).await;
        let result = ask(settings(), &url(&server)).await;
        assert_eq!(class(&result), Some("bad_answer"));
        assert!(result.reason.unwrap().contains(want));
    }
    let hanging = serve(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let module = Module::new(Prober::Llm(Box::new(settings())));
    // Long enough to connect.
    let short = Duration::from_secs(2);
    let result = crate::probe(&module, &url(&hanging), short, &SystemClock).await;
    assert_eq!(class(&result), Some("timeout"));
    for target in ["", "ftp://x", "http://", "api.example.org/v1"] {
        let reason = ask(settings(), target).await.reason.unwrap();
        assert!(reason.contains("is no URL"), "{reason}");
    }
}

#[tokio::test]
async fn a_canary_that_the_probe_cuts_off_is_paid_for_and_has_its_class() {
    let check = async |pieces: &'static [&'static str], want: &str| {
        let server = provider(move || Reply::events(pieces).hanging()).await;
        let ledger = CanaryLedger::new();
        let surroundings = Surroundings {
            clock: &SystemClock,
            canaries: Some(&ledger),
        };
        let module = Module::new(Prober::Llm(Box::new(with_canary(canary()))));
        // Long enough to get that far.
        let short = Duration::from_secs(3);
        let result = probe_within(&module, &url(&server), short, &surroundings).await;
        assert_eq!(class(&result), Some(want), "{}", result.debug_text());
        // The bytes of the prompt, what is put around it, and the answer's limit.
        assert_eq!(ledger.spent().remove(0).tokens, 7 + 20 + 5);
    };
    tokio::join!(
        check(&[], "timeout_first_token"),
        check(&[TOKENS], "timeout_between_tokens"),
    );
}

#[tokio::test]
async fn anthropic_is_asked_as_it_wants_to_be() {
    let server = serve_http(|asked| {
        let head = asked.head.to_lowercase();
        assert!(head.contains("x-api-key: sk-hunter2"), "{head}");
        assert!(head.contains("anthropic-version: 2023-06-01"), "{head}");
        if head.starts_with("get /v1/models?limit=1000&after_id=a ") {
            Reply::json("200 OK", r#"{"data":[{"id":"b"}],"has_more":false,"last_id":"b"}"#)
        } else if head.starts_with("get /v1/models?limit=1000 ") {
            Reply::json("200 OK", r#"{"data":[{"id":"a"}],"has_more":true,"last_id":"a"}"#)
        } else {
            assert!(head.starts_with("post /v1/messages "), "{head}");
            assert!(asked.body.contains("\"max_tokens\":5"), "{}", asked.body);
            Reply::events(&[
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":8,\"output_tokens\":1}}}\n\n",
                "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"OK\"}}\n\n",
                "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":3}}\n\n",
                "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
            ])
            .header("anthropic-ratelimit-requests-remaining", "4")
        }
    })
    .await;
    let all = LlmSettings {
        api: LlmApi::Anthropic,
        models: vec!["a".to_owned(), "b".to_owned()],
        ..with_canary(canary())
    };
    let result = ask(all, &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
    let text = result.exposition();
    assert!(
        text.contains("probe_llm_tokens{direction=\"output\"} 3\n"),
        "{text}"
    );
    assert!(
        text.contains("probe_llm_ratelimit_remaining{kind=\"requests\"} 4\n"),
        "{text}"
    );
    assert!(text.contains("probe_llm_models 2\n"), "{text}");
}

#[tokio::test]
async fn a_slow_first_token_degrades() {
    let server = provider(|| Reply::events(&[TOKENS, END])).await;
    let hasty = CanarySettings {
        first_token_slow: Some(Duration::ZERO),
        ..canary()
    };
    let result = ask(with_canary(hasty), &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Degraded);
    let reason = result.reason.unwrap();
    assert!(reason.contains("the first token took"), "{reason}");
}

#[tokio::test]
async fn a_query_of_the_target_is_in_every_request() {
    let server = serve_http(|asked| {
        let line = asked.head.lines().next().unwrap();
        match line {
            "GET /openai/models?api-version=1 HTTP/1.1" => Reply::json("200 OK", MODELS),
            "POST /openai/chat/completions?api-version=1 HTTP/1.1" => Reply::events(&[TOKENS, END]),
            other => Reply::json("404 No", format!("{other:?}")),
        }
    })
    .await;
    let target = format!("{}/openai/?api-version=1", url(&server));
    let result = ask(with_canary(canary()), &target).await;
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
}

#[tokio::test]
async fn a_list_of_models_is_read_to_its_end_or_not_at_all() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let server = serve_http(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let page = r#"{"data":[{"id":"small"}],"has_more":true,"last_id":"small"}"#;
        Reply::json("200 OK", page)
    })
    .await;
    // OpenAI knows no pages.
    let result = ask(settings(), &url(&server)).await;
    assert_eq!(result.verdict, Verdict::Up, "{}", result.debug_text());
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1);
    let endless = LlmSettings {
        api: LlmApi::Anthropic,
        ..settings()
    };
    let result = ask(endless, &url(&server)).await;
    let reason = "models: the list of models has more than 10 pages";
    assert_eq!(result.reason.as_deref(), Some(reason));
    assert_eq!(class(&result), Some("bad_answer"));
    assert_eq!(asked.load(Ordering::SeqCst), 10);
}
