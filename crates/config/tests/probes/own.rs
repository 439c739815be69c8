//! Modules of probers that blackbox_exporter does not have.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_config::load_probe_modules;
use bellwether_health::EntityKind;
use bellwether_outbound::settings::SecretSource;
use bellwether_probe::module::{
    DatabaseRole, LlmApi, McpProtocol, McpTransport, OnTrouble, PostgresSslMode, ProcessMatch,
    TokenLimitName,
};
use bellwether_probe::{Module, Prober};

use super::{expect_file, load, testdata};

fn module(name: &str) -> Module {
    let loaded = load_probe_modules(&testdata("blackbox/good/own.yml"));
    let loaded = loaded.unwrap_or_else(|errors| panic!("{errors}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    Module::clone(&loaded.modules.modules[name])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn every_setting_of_mcp_arrives() {
    let module = module("mcp");
    assert_eq!(module.certificate_lifetime_min, Some(seconds(14 * 86_400)));
    let Prober::Mcp(mcp) = &module.prober else {
        panic!("{module:?}")
    };
    assert!(matches!(mcp.transport, McpTransport::Network) && !module.is_local());
    assert_eq!(mcp.protocol, McpProtocol::Session);
    assert_eq!(mcp.discover_timeout, seconds(1));
    assert!(mcp.client.auth.is_some());
    assert_eq!(mcp.expected_tools, ["add", "search"]);
    assert_eq!(mcp.expected_tools_hash.as_deref(), Some("0123abCD"));
    assert_eq!(mcp.on_drift, OnTrouble::Fail);
    let call = mcp.tool_call.as_ref().unwrap();
    assert_eq!(call.name, "add");
    assert_eq!(
        serde_json::Value::from(call.arguments.clone()),
        serde_json::json!({"a": 1, "b": "2", "token": "hunter2"})
    );
    assert_eq!(call.expect.as_ref().unwrap().text(), "^3");
    let module = self::module("mcp_stdio");
    let Prober::Mcp(mcp) = &module.prober else {
        panic!("{module:?}")
    };
    assert_eq!(mcp.protocol, McpProtocol::Any);
    assert_eq!(
        (mcp.discover_timeout, mcp.on_drift),
        (seconds(3), OnTrouble::Degrade)
    );
    let McpTransport::Stdio(program) = &mcp.transport else {
        panic!("{mcp:?}")
    };
    // A path starts from the folder of the file; a bare name is looked for.
    // Looked for where we are, and not in the folder that it runs in.
    let here = std::env::current_dir().unwrap();
    let path = here.join(testdata("blackbox/good/bin/server"));
    assert_eq!(Path::new(&program.program), path);
    assert_eq!(program.arguments, ["--stdio"]);
    assert_eq!(program.folder, Some(testdata("blackbox/good/work")));
    assert_eq!(program.environment[0].0, "API");
    let key = SecretSource::File(testdata("blackbox/good/key.txt"));
    assert_eq!(program.environment[1], ("KEY".to_owned(), key));
}

#[test]
fn every_setting_of_llm_arrives() {
    let Prober::Llm(llm) = module("llm").prober else {
        panic!("not llm")
    };
    assert_eq!(llm.api, LlmApi::Anthropic);
    assert!(matches!(&llm.api_key, Some(SecretSource::Inline(key)) if key.expose() == "hunter2"));
    assert_eq!(llm.models, ["a", "b"]);
    assert_eq!(llm.on_missing_model, OnTrouble::Ignore);
    let canary = llm.canary.unwrap();
    assert_eq!(
        (canary.account.as_str(), canary.model.as_str()),
        ("all", "a")
    );
    assert_eq!(
        (canary.prompt.as_str(), canary.output_tokens_max),
        ("Hello", 7)
    );
    assert_eq!(canary.limit_name, TokenLimitName::MaxCompletionTokens);
    assert_eq!(
        (canary.daily_dollars_max, canary.daily_tokens_max),
        (Some(0.5), None)
    );
    assert_eq!(canary.interval_min, seconds(3_600));
    assert_eq!((canary.input_price, canary.output_price), (3.0, 15.5));
    assert_eq!(canary.first_token_timeout, Some(seconds(5)));
    assert_eq!(canary.between_tokens_timeout, Some(seconds(2)));
    assert_eq!(canary.first_token_slow, Some(seconds(1)));
    assert_eq!(canary.on_failure, OnTrouble::Degrade);
    let Prober::Llm(llm) = module("llm_short").prober else {
        panic!("not llm")
    };
    assert!(matches!(llm.api_key, Some(SecretSource::File(_))));
    let canary = llm.canary.unwrap();
    // The budget is that of the module, and the rest as where nothing is said.
    assert_eq!(canary.account, "llm_short");
    let default = bellwether_probe::module::CanarySettings::default();
    assert_eq!(canary.daily_tokens_max, default.daily_tokens_max);
    assert_eq!(canary.interval_min, default.interval_min);
    assert_eq!(canary.prompt, default.prompt);
    assert_eq!(canary.output_tokens_max, default.output_tokens_max);
    assert_eq!(canary.on_failure, default.on_failure);
}

#[test]
fn every_setting_of_databases_arrives() {
    let Prober::Postgres(postgres) = module("postgres").prober else {
        panic!("not postgres")
    };
    assert_eq!(
        (postgres.user.as_str(), postgres.database.as_str()),
        ("joe", "d")
    );
    assert!(postgres.password.is_some() && postgres.tls_config.ca.is_some());
    assert_eq!(postgres.sslmode, PostgresSslMode::VerifyFull);
    assert_eq!(postgres.query, "SELECT 2");
    assert_eq!(postgres.expect.unwrap().text(), "^2$");
    assert_eq!(postgres.role, DatabaseRole::Replica);
    let Prober::Redis(redis) = module("redis").prober else {
        panic!("not redis")
    };
    assert_eq!(redis.user.as_deref(), Some("joe"));
    assert!(matches!(redis.password, Some(SecretSource::File(_))));
    assert!(redis.tls && redis.tls_config.insecure_skip_verify);
    assert_eq!(redis.role, DatabaseRole::Primary);
}

#[test]
fn every_setting_of_this_host_arrives() {
    let module = module("process");
    assert!(module.is_local());
    let Prober::Process(process) = module.prober else {
        panic!("not process")
    };
    assert!(matches!(&process.matching, ProcessMatch::Name(name) if name.text() == "^sshd$"));
    assert_eq!((process.count_min, process.count_max), (2, Some(5)));
    assert_eq!(process.restarted_within, Some(seconds(600)));
    assert_eq!(process.open_files_ratio_max, Some(0.5));
    assert_eq!(process.on_zombie, OnTrouble::Ignore);
    assert_eq!(process.proc, PathBuf::from("/host/proc"));
    let Prober::Process(process) = self::module("process_group").prober else {
        panic!("not process")
    };
    assert!(matches!(&process.matching, ProcessMatch::ControlGroup(group) if group.len() == 23));
    assert_eq!((process.count_min, process.count_max), (1, None));
    assert_eq!(process.open_files_ratio_max, Some(0.9));
    assert_eq!(process.proc, PathBuf::from("/proc"));
    let Prober::Command(command) = self::module("command").prober else {
        panic!("not command")
    };
    assert_eq!(command.run.program, "check_disk");
    assert_eq!(command.run.arguments, ["-w", "10%"]);
    assert!(command.perfdata && command.run.folder.is_none());
}

#[test]
fn probes_have_them_too() {
    let config = "probes:
- {name: tools, target: 'http://a/mcp', mcp: {}}
- {name: disk, command: {program: check_disk}}
- {name: model, target: 'https://a/v1', llm: {canary: {model: a}}, certificate_lifetime_min: 1d}
- {name: cache, target: a, module: redis}
";
    let probes = load(config).unwrap().config.probes;
    let kinds: Vec<EntityKind> = probes.iter().map(|probe| probe.entity.kind).collect();
    assert_eq!(
        kinds,
        [
            EntityKind::Daemon,
            EntityKind::Service,
            EntityKind::Provider,
            EntityKind::Database
        ]
    );
    let Prober::Llm(llm) = &probes[2].module.prober else {
        panic!("not llm")
    };
    assert_eq!(llm.canary.as_ref().unwrap().account, "model");
    assert_eq!(
        probes[2].module.certificate_lifetime_min,
        Some(seconds(86_400))
    );
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let source = std::fs::read_to_string(testdata("blackbox/good/own.yml")).unwrap();
    let loaded = load(&source.replace("modules:", "probe_modules:")).unwrap();
    let shown = loaded.redacted_yaml;
    assert!(!shown.contains("hunter2"), "a secret in {shown}");
    let (_, modules) = shown.split_once("probe_modules:").unwrap();
    expect_file(
        &testdata("blackbox/good/own.shown.yml"),
        &format!("probe_modules:{modules}"),
    );
    assert_eq!(load(&shown).unwrap().redacted_yaml, shown);
}
