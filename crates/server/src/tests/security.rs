use base64::Engine as _;

use super::*;
use crate::settings::{
    ClientAuth, Hidden, Limits, Pem, Scopes, Security, TlsSettings, TokenSettings,
};

/// Cheapest cost that bcrypt takes, so that tests are quick.
fn hash(secret: &str) -> Hidden {
    Hidden(bcrypt::hash(secret, 4).unwrap())
}

fn secured() -> ServerSettings {
    let reader = Scopes {
        read: true,
        ..Scopes::default()
    };
    ServerSettings {
        enable_admin: true,
        security: Security {
            users: vec![("ada".to_owned(), hash("lace"))],
            tokens: vec![
                TokenSettings {
                    name: "grafana".to_owned(),
                    hash: hash("read-me"),
                    scopes: reader,
                },
                TokenSettings {
                    name: "all".to_owned(),
                    hash: hash("all-of-it"),
                    scopes: Scopes::ALL,
                },
            ],
            headers: vec![(
                "Strict-Transport-Security".to_owned(),
                "max-age=60".to_owned(),
            )],
            ..Security::default()
        },
        ..ServerSettings::default()
    }
}

async fn ask(router: &Router, method: &str, path: &str, authorization: &str) -> (u16, HeaderMap) {
    let mut request = Request::builder().method(method).uri(path);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    let (status, headers, _) = send(router, request.body(Body::empty()).unwrap()).await;
    (status.as_u16(), headers)
}

fn basic(text: &str) -> String {
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(text)
    )
}

#[tokio::test]
async fn clients_must_say_who_they_are() {
    let router = server(secured()).router();
    let (code, headers) = ask(&router, "GET", "/api/v1/labels", "").await;
    assert_eq!(code, 401);
    assert!(
        headers["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Basic")
    );
    assert_eq!(headers["strict-transport-security"], "max-age=60");
    for wrong in [
        &basic("ada:love"),
        &basic("eve:lace"),
        "Bearer nonsense",
        "Digest x",
        "Basic ?",
    ] {
        // Twice: the second answer comes from memory.
        for _ in 0..2 {
            assert_eq!(
                ask(&router, "GET", "/api/v1/labels", wrong).await.0,
                401,
                "{wrong}"
            );
        }
    }
    for _ in 0..2 {
        assert_eq!(
            ask(&router, "GET", "/api/v1/labels", &basic("ada:lace"))
                .await
                .0,
            200
        );
    }
    assert_eq!(ask(&router, "GET", "/-/healthy", "").await.0, 200);
    assert_eq!(ask(&router, "GET", "/", "").await.0, 401);
}

#[tokio::test]
async fn tokens_do_no_more_than_their_scopes() {
    let router = server(secured()).router();
    let reader = "Bearer read-me";
    assert_eq!(ask(&router, "GET", "/api/v1/labels", reader).await.0, 200);
    assert_eq!(ask(&router, "POST", "/api/v1/write", reader).await.0, 403);
    let log = format!("{}?by=b", bellwether_notify::replica::LOG_PATH);
    assert_eq!(ask(&router, "GET", &log, reader).await.0, 403);
    assert_eq!(ask(&router, "POST", &log, reader).await.0, 403);
    assert_eq!(ask(&router, "GET", &log, "Bearer all-of-it").await.0, 404);
    let clean = "/api/v1/admin/tsdb/clean_tombstones";
    assert_eq!(ask(&router, "POST", clean, reader).await.0, 403);
    assert_eq!(ask(&router, "POST", clean, "Bearer all-of-it").await.0, 204);
    // What only asks needs no more than to read, though it is a POST.
    for path in [
        "routes/test",
        "silences/preview",
        "backtests",
        "differences",
    ] {
        let path = format!("/api/bellwether/v1/{path}");
        assert_eq!(ask(&router, "POST", &path, reader).await.0, 400, "{path}");
    }
    let query = "/api/bellwether/v1/queries/7";
    assert_eq!(ask(&router, "DELETE", query, reader).await.0, 403);
    assert_eq!(
        ask(&router, "DELETE", query, "Bearer all-of-it").await.0,
        404
    );
}

#[tokio::test]
async fn queries_are_told_with_who_asked() {
    let router = server(secured()).router();
    let reader = "Bearer read-me";
    assert_eq!(
        ask(&router, "GET", "/api/v1/query?query=1", reader).await.0,
        200
    );
    let request = Request::get("/api/bellwether/v1/queries").header("authorization", reader);
    let (_, _, bytes) = send(&router, request.body(Body::empty()).unwrap()).await;
    let log: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(log["data"]["finished"][0]["user"], "grafana", "{log}");
}

#[test]
fn exposure_needs_authentication_or_a_word_of_consent() {
    let open = |settings: ServerSettings| Server::new(parts(settings)).map(|_| ());
    let listen = vec!["0.0.0.0:9090".parse().unwrap()];
    let bare = ServerSettings {
        listen: listen.clone(),
        ..ServerSettings::default()
    };
    let error = open(bare.clone()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("0.0.0.0:9090 can be reached from other machines"),
        "{error}"
    );
    assert!(
        open(ServerSettings {
            insecure_listen: true,
            ..bare
        })
        .is_ok()
    );
    assert!(
        open(ServerSettings {
            listen,
            ..secured()
        })
        .is_ok()
    );
    let grpc = ServerSettings {
        otlp_grpc_listen: Some("[::]:4317".parse().unwrap()),
        ..ServerSettings::default()
    };
    assert!(open(grpc).is_err());
    let plain = Security {
        users: vec![("ada".to_owned(), Hidden("lace".to_owned()))],
        ..Security::default()
    };
    let error = open(ServerSettings {
        security: plain,
        ..ServerSettings::default()
    })
    .unwrap_err();
    assert!(!error.to_string().contains("lace"), "{error}");
}

#[tokio::test]
async fn bodies_have_bounds() {
    let limits = Limits {
        form_bytes_max: 100,
        body_bytes_max: 100,
        ..Limits::default()
    };
    let router = server(ServerSettings {
        limits,
        ..ServerSettings::default()
    })
    .router();
    let form = format!("query={}", "a".repeat(200));
    assert_eq!(post_form(&router, "/api/v1/query", &form).await.0, 400);
    let request = Request::post("/api/v1/write")
        .body(Body::from(vec![0u8; 200]))
        .unwrap();
    assert_eq!(send(&router, request).await.0, 413);
}

#[tokio::test]
async fn tls_asks_for_certificates_and_takes_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let make = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let first = make();
    let tls = TlsSettings::new(
        Pem::File(write("cert.pem", &first.cert.pem())),
        Pem::File(write("key.pem", &first.signing_key.serialize_pem())),
    );
    let settings = |tls: TlsSettings| ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        security: Security {
            tls: Some(tls),
            ..Security::default()
        },
        ..ServerSettings::default()
    };
    let server = server(settings(tls.clone()));
    let bound = server.bind().await.unwrap();
    let address = bound.addresses()[0];
    let serving = tokio::spawn(bound.serve());
    let connect = async |trusted: &rcgen::CertifiedKey<rcgen::KeyPair>| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(trusted.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = tokio::net::TcpStream::connect(address).await.unwrap();
        connector
            .connect("localhost".try_into().unwrap(), stream)
            .await
            .map(|_| ())
    };
    assert!(connect(&first).await.is_ok());
    let second = make();
    assert!(connect(&second).await.is_err());
    write("cert.pem", &second.cert.pem());
    write("key.pem", &second.signing_key.serialize_pem());
    server.reload_certificates().unwrap();
    assert!(connect(&second).await.is_ok());
    write("key.pem", "nonsense");
    assert!(server.reload_certificates().is_err());
    assert!(connect(&second).await.is_ok());
    server.stop();
    serving.await.unwrap();
    let unverifiable = TlsSettings {
        client_auth: ClientAuth::RequireAndVerify,
        ..tls
    };
    write("key.pem", &second.signing_key.serialize_pem());
    let error = Server::new(parts(settings(unverifiable))).unwrap_err();
    assert!(error.to_string().contains("client_ca_file"), "{error}");
}
