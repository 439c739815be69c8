//! Modules, by themselves and in a configuration.

use std::path::Path;
use std::time::Duration;

use bellwether_config::{LoadOptions, LoadedProbeModules, Problem, load_probe_modules};
use bellwether_outbound::settings::{Auth, HeaderValue, PemSource, SecretSource};
use bellwether_probe::module::{Compression, DnsTransport, Expectation, IpProtocol, RequestBody};
use bellwether_probe::{Module, Prober};

use super::{expect_file, files, load, testdata};

const BUILT_IN: [&str; 12] = [
    "grpc",
    "grpc_tls",
    "http_2xx",
    "http_post_2xx",
    "icmp",
    "llm",
    "mcp",
    "postgres",
    "redis",
    "tcp_connect",
    "tls_connect",
    "websocket",
];

fn good(path: &Path) -> LoadedProbeModules {
    load_probe_modules(path).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Problems as lines, with names of files that do not depend on where the repository is.
fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| {
            let mut problem = problem.clone();
            let name = Path::new(&problem.file).file_name().unwrap();
            problem.file = name.to_string_lossy().into_owned();
            format!("{problem}\n")
        })
        .collect()
}

#[test]
fn broken_files_are_refused_with_every_error() {
    let mut count = 0;
    for path in files("blackbox/broken") {
        let errors = load_probe_modules(&path).expect_err(&format!("{} is taken", path.display()));
        let text = lines(&errors.errors);
        for secret in ["hunter2", "mysecret"] {
            assert!(!text.contains(secret), "a secret in {text}");
        }
        expect_file(&path.with_extension("err"), &text);
        count += errors.errors.len();
    }
    assert!(count > 30, "{count}");
}

#[test]
fn modules_are_built_in_and_can_be_replaced() {
    let modules = load("").unwrap().config.probe_modules;
    assert!(!modules.is_configured);
    assert_eq!(modules.modules.keys().collect::<Vec<_>>(), BUILT_IN);
    let loaded = good(&testdata("blackbox/good/everything.yml"));
    let modules = loaded.modules;
    assert!(modules.is_configured && modules.modules.contains_key("http_2xx"));
    assert_eq!(
        modules.modules["tcp_connect"].timeout,
        Some(Duration::from_secs(7))
    );
    let names: Vec<&str> = loaded
        .files
        .iter()
        .map(|named| named.path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["b.txt", "ca.pem", "body.txt"]);
    expect_file(
        &testdata("blackbox/good/everything.check.txt"),
        &lines(&loaded.warnings),
    );
}

fn module(name: &str) -> Module {
    let loaded = good(&testdata("blackbox/good/everything.yml"));
    Module::clone(&loaded.modules.modules[name])
}

#[test]
fn every_setting_of_http_arrives() {
    let module = module("http");
    assert_eq!(module.timeout, Some(Duration::from_secs(90)));
    let Prober::Http(http) = module.prober else {
        panic!("{module:?}")
    };
    assert_eq!(http.valid_status_codes, [200, 401]);
    assert_eq!(http.valid_http_versions, ["HTTP/1.1", "HTTP/2.0"]);
    assert_eq!(http.method, "POST");
    assert_eq!(http.headers.len(), 4);
    assert_eq!(http.headers[0], ("Host".to_owned(), "a.example".to_owned()));
    assert_eq!(http.body, RequestBody::Text("{}".to_owned()));
    assert!(http.fail_if_not_ssl && !http.fail_if_ssl);
    assert_eq!(http.fail_if_body_matches[0].text(), "down");
    assert_eq!(http.fail_if_body_not_matches[0].text(), "(?i)all is well");
    let unwanted = &http.fail_if_header_matches[0];
    assert_eq!(
        (unwanted.header.as_str(), unwanted.allow_missing),
        ("x-a", false)
    );
    let wanted = &http.fail_if_header_not_matches[0];
    assert_eq!((wanted.pattern.text(), wanted.allow_missing), ("^2", true));
    assert_eq!(http.compression, Some(Compression::Brotli));
    // Units are powers of 1024, as those of Base2Bytes.
    assert_eq!(http.body_size_limit, Some(10 << 20));
    assert!(http.skip_resolve_phase_with_proxy);
    assert_eq!(http.address.preferred, IpProtocol::Ip4);
    assert!(!http.address.fallback);
    let client = &http.client;
    assert!(!client.follow_redirects && !client.enable_http2);
    assert!(matches!(
        &client.auth,
        Some(Auth::Header { scheme, credentials: Some(SecretSource::Inline(_)) }) if scheme == "Bearer"
    ));
    let values = &client.headers[0].values;
    assert_eq!(values[0], HeaderValue::Plain("a".to_owned()));
    let file = SecretSource::File(testdata("blackbox/good/b.txt"));
    assert_eq!(values[2], HeaderValue::Secret(file));
    assert_eq!(
        client.tls.ca,
        Some(PemSource::File(testdata("blackbox/good/ca.pem")))
    );
    let Prober::Http(http) = self::module("body_file").prober else {
        panic!("not http")
    };
    assert_eq!(
        http.body,
        RequestBody::File(testdata("blackbox/good/body.txt"))
    );
    assert!(http.client.follow_redirects && http.address.fallback);
}

#[test]
fn every_setting_of_the_others_arrives() {
    let Prober::Tcp(tcp) = module("tcp").prober else {
        panic!("not tcp")
    };
    assert_eq!(tcp.source, Some([127, 0, 0, 1].into()));
    assert!(tcp.tls && tcp.tls_config.insecure_skip_verify);
    let steps = &tcp.query_response;
    assert!(matches!(&steps[0].expect, Expectation::Line(line) if line.text() == "^220 (.+)"));
    assert_eq!(steps[0].labels, [("host".to_owned(), "${1}".to_owned())]);
    assert_eq!(steps[1].send, [0, 0, 0, 8, 4, 0xd2, 0x16, 0x2f]);
    assert!(matches!(&steps[2].expect, Expectation::Bytes(bytes) if bytes == b"S"));
    assert!(matches!(&steps[3].expect, Expectation::Bytes(bytes) if bytes == b"\xff"));
    assert!(steps[4].starttls && matches!(steps[4].expect, Expectation::Nothing));
    assert!(matches!(&steps[5].expect, Expectation::Line(line) if line.text().is_empty()));
    let Prober::Unix(unix) = module("unix").prober else {
        panic!("not unix")
    };
    assert_eq!(unix.query_response[0].send, b"PING");
    let Prober::Dns(dns) = module("dns").prober else {
        panic!("not dns")
    };
    assert_eq!(dns.query_name, "example.com");
    assert_eq!(
        (dns.query_type.as_str(), dns.query_class.as_str()),
        ("SOA", "CH")
    );
    assert!(!dns.recursion_desired && dns.transport == DnsTransport::Tls);
    assert_eq!(dns.valid_rcodes, ["NOERROR", "NXDOMAIN"]);
    assert_eq!(dns.validate_answer.fail_if_matches[0].text(), "a");
    assert_eq!(dns.validate_answer.fail_if_all_match[0].text(), "b");
    assert_eq!(dns.validate_answer.fail_if_not_matches[0].text(), "c");
    assert_eq!(dns.validate_answer.fail_if_none_matches[0].text(), "d");
    assert_eq!(dns.validate_authority.fail_if_matches.len(), 2);
    assert_eq!(dns.validate_additional.fail_if_none_matches.len(), 1);
    let Prober::Icmp(icmp) = module("icmp").prober else {
        panic!("not icmp")
    };
    assert_eq!((icmp.payload_bytes, icmp.ttl), (Some(100), 5));
    assert!(icmp.dont_fragment && icmp.source.is_some_and(|ip| ip.is_ipv6()));
    let Prober::Grpc(grpc) = module("grpc").prober else {
        panic!("not grpc")
    };
    assert!(grpc.tls && grpc.service == "a.B" && grpc.metadata.len() == 3);
    let Prober::WebSocket(websocket) = module("websocket").prober else {
        panic!("not websocket")
    };
    assert!(websocket.ping && websocket.client.auth.is_some());
    assert_eq!(websocket.json_rpc_method.as_deref(), Some("ping"));
    assert_eq!(websocket.client.headers.len(), 3);
}

#[test]
fn a_configuration_has_modules_or_names_their_file() {
    let file = testdata("blackbox/good/everything.yml");
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("bellwether.yml");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let load_main = |options: &LoadOptions<'_>| bellwether_config::load(&main, options);
    let plain = LoadOptions::default();
    write("blackbox.yml", &std::fs::read_to_string(&file).unwrap());
    write("bellwether.yml", "probe_modules: blackbox.yml\n");
    let loaded = load_main(&plain).unwrap();
    let named = loaded.config.probe_modules;
    assert_eq!(named.configured_count(), 9);
    assert!(
        loaded
            .redacted_yaml
            .contains("probe_modules: blackbox.yml\n")
    );
    // The same modules are the same; others are not.
    assert!(load_main(&plain).unwrap().config.probe_modules == named);
    write("blackbox.yml", "modules: {a: {prober: tcp, timeout: 1s}}\n");
    assert!(load_main(&plain).unwrap().config.probe_modules != named);
    // A file that is given besides wins.
    let instead = LoadOptions {
        probe_modules_file: Some(&file),
        ..LoadOptions::default()
    };
    let given = load_main(&instead).unwrap().config.probe_modules;
    assert!(given.modules.contains_key("body_file") && !given.modules.contains_key("a"));
    write("blackbox.yml", "modules: {a: {prober: htttp}}\n");
    let errors = load_main(&plain).unwrap_err().errors;
    assert_eq!(
        lines(&errors),
        "blackbox.yml:1:23: modules.a.prober: \"htttp\" given: want one of http, tcp, unix, dns, icmp, \
         grpc, websocket, mcp, llm, postgres, redis, process, command; did you mean http?\n"
    );
    std::fs::remove_file(folder.path().join("blackbox.yml")).unwrap();
    let errors = load_main(&plain).unwrap_err().to_string();
    assert!(
        errors.contains("bellwether.yml:1:16: probe_modules: ")
            && errors.contains("cannot be read"),
        "{errors}"
    );
}

#[test]
fn what_is_shown_holds_no_secret_and_can_be_read_again() {
    let source = std::fs::read_to_string(testdata("blackbox/good/everything.yml")).unwrap();
    let config = source.replace("modules:", "probe_modules:");
    let loaded = load(&config).unwrap();
    for text in [&loaded.redacted_yaml, &format!("{:?}", loaded.config)] {
        assert!(!text.contains("hunter2"), "a secret in {text}");
    }
    let shown = loaded.redacted_yaml;
    let (_, modules) = shown.split_once("probe_modules:").unwrap();
    expect_file(
        &testdata("blackbox/good/everything.shown.yml"),
        &format!("probe_modules:{modules}"),
    );
    assert_eq!(load(&shown).unwrap().redacted_yaml, shown);
}
