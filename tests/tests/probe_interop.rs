//! Probes of real peers: official MCP servers, an OpenAI-compatible server.
//!
//! Each state and its reason is asserted.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::peer::{Peer, listening, output};
use bellwether_blackbox::probing::{IP4, check, contains, hunter2, probe, probe_with};
use bellwether_blackbox::{client, free_port, root};
use bellwether_outbound::settings::{Secret, SecretSource};
use bellwether_probe::module::{
    CanarySettings, LlmApi, LlmSettings, LocalProgram, McpProtocol, McpSettings, McpToolCall,
    McpTransport, OnTrouble, Pattern,
};
use bellwether_probe::{CanaryLedger, ProbeResult, Prober, Verdict};
use serde_json::json;
use tokio::process::Command;

fn variable(name: &str) -> Result<String> {
    let value = std::env::var(name);
    value.with_context(|| format!("{name} is not set: run these tests by `cargo xtask blackbox`"))
}

// MCP

/// A program with a script of `tests/clients`, and its arguments.
fn script(program: &str, script: &str, arguments: &[&str]) -> Result<LocalProgram> {
    let path = root().join("tests/clients").join(script);
    let mut all = vec![path.display().to_string()];
    all.extend(arguments.iter().map(|it| (*it).to_owned()));
    let node_path = SecretSource::Inline(Secret::new(variable("NODE_PATH")?));
    Ok(LocalProgram {
        program: program.to_owned(),
        arguments: all,
        environment: vec![("NODE_PATH".to_owned(), node_path)],
        folder: None,
    })
}

async fn mcp_over_http(folder: &Path, program: &str, name: &str, mode: &[&str]) -> Result<Peer> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(program);
    command.arg(root().join("tests/clients").join(name));
    command.args(["http", &address]).args(mode);
    listening(command, folder, &address).await
}

fn adding() -> Result<McpSettings> {
    let arguments = json!({"a": 40, "b": 2}).as_object().cloned();
    Ok(McpSettings {
        address: IP4,
        // Interpreters on a busy machine start slowly.
        discover_timeout: Duration::from_secs(10),
        tool_call: Some(McpToolCall {
            name: "add".to_owned(),
            arguments: arguments.unwrap_or_default(),
            expect: Some(Pattern::new("^42$")?),
        }),
        ..McpSettings::default()
    })
}

async fn ask_mcp(settings: McpSettings, target: &str) -> ProbeResult {
    probe(Prober::Mcp(Box::new(settings)), target).await
}

#[tokio::test]
async fn official_mcp_servers_are_probed_over_http() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (new, old) = (variable("PYTHON")?, variable("PYTHON_MCP_1")?);
    let python = "mcp_server.py";
    let mut hashes = Vec::new();
    for (program, name, mode, protocol) in [
        (new.as_str(), python, &[][..], "2026-07-28"),
        (&new, python, &["json"], "2026-07-28"),
        (&old, python, &[], "2025-11-25"),
        (&old, python, &["json"], "2025-11-25"),
        ("node", "mcp_v1.mjs", &[], "2025-11-25"),
        ("node", "mcp_v2.mjs", &[], "2026-07-28"),
        ("node", "mcp_v2.mjs", &["reject"], "2026-07-28"),
    ] {
        let server = mcp_over_http(folder.path(), program, name, mode).await?;
        let target = format!("{}/mcp", server.url);
        let result = ask_mcp(adding()?, &target).await;
        let text = check(&result, Verdict::Up, "")?;
        contains(&text, &format!("probe_mcp_info{{protocol=\"{protocol}\""))?;
        contains(&text, "probe_mcp_tool_call_success 1\n")?;
        if name == python {
            contains(&text, "probe_mcp_tools 3\n")?;
            let hash = result.value("probe_mcp_tools_hash");
            hashes.push(hash.context("no hash of the tools")?);
        }
        // The older revisions of a server that speaks both, and of one that does not.
        let session = McpSettings {
            protocol: McpProtocol::Session,
            ..adding()?
        };
        let result = ask_mcp(session, &target).await;
        if mode == ["reject"] {
            check(&result, Verdict::Down, "initialize was")?;
        } else {
            let text = check(&result, Verdict::Up, "")?;
            contains(&text, "probe_mcp_info{protocol=\"2025-11-25\"")?;
        }
    }
    // The same tools have the same hash, whatever line of the SDK and whatever framing.
    hashes.dedup();
    ensure!(hashes.len() == 1, "{hashes:?}");
    Ok(())
}

#[tokio::test]
async fn official_mcp_servers_are_probed_over_pipes() -> Result<()> {
    let (new, old) = (variable("PYTHON")?, variable("PYTHON_MCP_1")?);
    for (program, name, protocol) in [
        (new.as_str(), "mcp_server.py", "2026-07-28"),
        (&old, "mcp_server.py", "2025-11-25"),
        ("node", "mcp_v1.mjs", "2025-11-25"),
        ("node", "mcp_v2.mjs", "2026-07-28"),
    ] {
        let settings = McpSettings {
            transport: McpTransport::Stdio(script(program, name, &["stdio"])?),
            ..adding()?
        };
        let text = check(&ask_mcp(settings, "").await, Verdict::Up, "")?;
        contains(&text, &format!("probe_mcp_info{{protocol=\"{protocol}\""))?;
        contains(&text, "probe_mcp_tool_call_success 1\n")?;
    }
    Ok(())
}

#[tokio::test]
async fn an_mcp_server_over_a_web_socket_is_probed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut command = Command::new(variable("PYTHON_MCP_1")?);
    command.arg(root().join("tests/clients/mcp_server.py"));
    command.args(["ws", &address]);
    let _server = listening(command, folder.path(), &address).await?;
    let result = ask_mcp(adding()?, &format!("ws://{address}/mcp")).await;
    let text = check(&result, Verdict::Up, "")?;
    contains(&text, "probe_mcp_info{protocol=\"2025-11-25\"")?;
    let result = ask_mcp(adding()?, &format!("ws://{address}/other")).await;
    check(&result, Verdict::Down, "the handshake was answered with 4")?;
    Ok(())
}

#[tokio::test]
async fn drift_and_failing_tools_of_a_real_mcp_server_are_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = variable("PYTHON")?;
    let server = mcp_over_http(folder.path(), &program, "mcp_server.py", &[]).await?;
    let target = format!("{}/mcp", server.url);
    let expecting = |on_drift| -> Result<McpSettings> {
        Ok(McpSettings {
            expected_tools: ["add", "fail", "gone"].map(str::to_owned).to_vec(),
            on_drift,
            ..adding()?
        })
    };
    let drift = "the tools have drifted: missing \"gone\"; unexpected \"wipe\"";
    let result = ask_mcp(expecting(OnTrouble::Degrade)?, &target).await;
    let text = check(&result, Verdict::Degraded, drift)?;
    contains(&text, "probe_success 1\n")?;
    contains(&text, "probe_degraded 1\n")?;
    let result = ask_mcp(expecting(OnTrouble::Fail)?, &target).await;
    check(&result, Verdict::Down, drift)?;
    for (name, reason) in [
        ("fail", "tool \"fail\": it failed: "),
        (
            "wipe",
            "the server calls it destructive, so it is not called",
        ),
        ("gone", "tool \"gone\": the server does not list it"),
    ] {
        let settings = McpSettings {
            tool_call: Some(McpToolCall {
                name: name.to_owned(),
                ..McpToolCall::default()
            }),
            ..adding()?
        };
        check(&ask_mcp(settings, &target).await, Verdict::Down, reason)?;
    }
    let result = ask_mcp(adding()?, &format!("{}/other", server.url)).await;
    check(
        &result,
        Verdict::Down,
        "initialize was answered with status 404",
    )?;
    let gone = format!("http://127.0.0.1:{}/mcp", free_port()?);
    let result = ask_mcp(adding()?, &gone).await;
    check(&result, Verdict::Down, "Connection refused")?;
    Ok(())
}

// Providers of language models

/// A model that the mock of Anthropic lists.
const CLAUDE: &str = "claude-3-5-sonnet-20241022";

/// A provider, and a way to tell it how to behave.
struct Provider {
    peer: Peer,
}

impl Provider {
    async fn start(folder: &Path) -> Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(Path::new(&variable("PYTHON")?).with_file_name("llmock"));
        command.args(["serve", "--port", &port.to_string(), "--rpm", "1000"]);
        let peer = listening(command, folder, &format!("127.0.0.1:{port}")).await?;
        Ok(Self { peer })
    }

    /// Its base for OpenAI's clients.
    fn openai(&self) -> String {
        format!("{}/v1", self.peer.url)
    }

    /// The next answer to a completion is like this.
    async fn behave(&self, mut behaviour: serde_json::Value) -> Result<()> {
        behaviour["match"] = json!({"stream": true});
        self.admin("reset", &json!({})).await?;
        let scenario = json!({ "behaviors": [behaviour] });
        self.admin("scenario", &scenario).await
    }

    async fn admin(&self, what: &str, body: &serde_json::Value) -> Result<()> {
        let url = format!("{}/_llmock/{what}", self.peer.url);
        client()?
            .post(url)
            .json(body)
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}

/// How long a token is waited for where none comes.
const PATIENCE: Duration = Duration::from_secs(2);

fn with_canary(api: LlmApi, model: &str) -> LlmSettings {
    LlmSettings {
        api,
        address: IP4,
        api_key: hunter2(),
        models: vec![model.to_owned()],
        canary: Some(CanarySettings {
            account: "team".to_owned(),
            model: model.to_owned(),
            first_token_timeout: Some(Duration::from_secs(30)),
            between_tokens_timeout: Some(Duration::from_secs(30)),
            interval_min: Duration::ZERO,
            input_price: 2.5,
            output_price: 10.0,
            ..CanarySettings::default()
        }),
        ..LlmSettings::default()
    }
}

async fn ask_llm(settings: LlmSettings, target: &str) -> ProbeResult {
    probe(Prober::Llm(Box::new(settings)), target).await
}

#[tokio::test]
async fn a_provider_is_checked_for_free_and_by_a_canary() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = Provider::start(folder.path()).await?;
    let ledger = CanaryLedger::new();
    let settings = with_canary(LlmApi::OpenAi, "gpt-4o");
    let prober = || Prober::Llm(Box::new(settings.clone()));
    let result = probe_with(prober(), &provider.openai(), &ledger).await;
    let text = check(&result, Verdict::Up, "")?;
    for line in [
        "probe_llm_model_available{model=\"gpt-4o\"} 1\n",
        "probe_llm_canary_success 1\n",
        "probe_llm_tokens{direction=\"output\"} ",
        "probe_llm_first_token_seconds ",
        "probe_llm_ratelimit_remaining{kind=\"requests\"} ",
        "probe_llm_ratelimit_limit{kind=\"requests\"} 1000\n",
    ] {
        contains(&text, line)?;
    }
    let spent = ledger.spent();
    ensure!(
        spent.len() == 1 && spent[0].calls == 1 && spent[0].tokens > 0,
        "{spent:?}"
    );
    ensure!(
        result.value("probe_llm_cost_dollars") == Some(spent[0].dollars),
        "{spent:?}"
    );

    let mut other = settings.clone();
    other.models.push("gpt-9".to_owned());
    let result = ask_llm(other, &provider.openai()).await;
    check(
        &result,
        Verdict::Degraded,
        "the provider does not list \"gpt-9\"",
    )?;
    let mut spent_up = settings;
    if let Some(canary) = &mut spent_up.canary {
        canary.daily_tokens_max = Some(1);
    }
    let result = ask_llm(spent_up, &provider.openai()).await;
    let text = check(&result, Verdict::Up, "")?;
    contains(&text, "probe_llm_canary_skipped{reason=\"budget\"} 1\n")
}

#[tokio::test]
async fn what_is_wrong_with_a_provider_is_told_apart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = Provider::start(folder.path()).await?;
    for (behaviour, class, reason) in [
        (
            json!({"type": "fail", "status": 429, "retry_after": 7}),
            "rate_limited",
            "answered 429 Too Many Requests",
        ),
        (
            json!({"type": "fail", "status": 500}),
            "server",
            "answered 500",
        ),
        (
            json!({"type": "fail", "status": 503}),
            "overloaded",
            "answered 503",
        ),
        (
            json!({"type": "fail", "status": 401}),
            "auth",
            "answered 401",
        ),
        (
            json!({"type": "slow_first_token", "seconds": 60}),
            "timeout_first_token",
            "no token came within 2s",
        ),
        (
            json!({"type": "stream_fault", "kind": "stall", "stall_seconds": 60, "after_chunks": 3}),
            "timeout_between_tokens",
            "no further token came within 2s",
        ),
        (
            json!({"type": "stream_fault", "kind": "truncate", "after_chunks": 3}),
            "stream_truncated",
            "the stream ended before the model did",
        ),
        (
            json!({"type": "stream_fault", "kind": "disconnect", "after_chunks": 3}),
            "stream_truncated",
            "the stream breaks off",
        ),
        (
            json!({"type": "stream_fault", "kind": "malformed", "after_chunks": 3}),
            "bad_answer",
            "an event is not JSON",
        ),
    ] {
        provider.behave(behaviour).await?;
        let mut settings = with_canary(LlmApi::OpenAi, "gpt-4o");
        if let (Some(canary), true) = (&mut settings.canary, class.starts_with("timeout")) {
            canary.first_token_timeout = Some(PATIENCE);
            canary.between_tokens_timeout = Some(PATIENCE);
        }
        let result = ask_llm(settings, &provider.openai()).await;
        let text = check(&result, Verdict::Down, reason)?;
        contains(&text, &format!("probe_llm_error{{class=\"{class}\"}} 1\n"))?;
        contains(&text, "probe_llm_canary_success 0\n")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_in_the_style_of_anthropic_is_probed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = Provider::start(folder.path()).await?;
    let target = format!("{}/anthropic/v1", provider.peer.url);
    let settings = || with_canary(LlmApi::Anthropic, CLAUDE);
    let text = check(&ask_llm(settings(), &target).await, Verdict::Up, "")?;
    contains(&text, "probe_llm_ratelimit_limit{kind=\"requests\"} 1000\n")?;
    contains(&text, "probe_llm_tokens{direction=\"output\"} ")?;
    for (behaviour, class, reason) in [
        (
            json!({"type": "fail", "status": 529}),
            "overloaded",
            "(overloaded_error)",
        ),
        (
            json!({"type": "fail", "status": 429, "retry_after": 7}),
            "rate_limited",
            "(rate_limit_error)",
        ),
        (
            json!({"type": "stream_fault", "kind": "truncate", "after_chunks": 3}),
            "stream_truncated",
            "the stream ended before the model did",
        ),
    ] {
        provider.behave(behaviour).await?;
        let result = ask_llm(settings(), &target).await;
        let text = check(&result, Verdict::Down, reason)?;
        contains(&text, &format!("probe_llm_error{{class=\"{class}\"}} 1\n"))?;
    }
    Ok(())
}

#[tokio::test]
async fn the_official_client_finds_the_provider_to_be_like_the_real_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let provider = Provider::start(folder.path()).await?;
    let mut command = Command::new(variable("PYTHON")?);
    command.arg(root().join("tests/clients/openai_check.py"));
    let told = output(command.arg(&provider.peer.url)).await?;
    let want = "well finished=True usage=True\n429 RateLimitError\n500 InternalServerError\nslow APITimeoutError\n";
    ensure!(told == want, "{told}");
    Ok(())
}
