//! E-mail, against a mail server that answers what it is told to.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bellwether_outbound::settings::{PemSource, TlsSettings};
use expect_test::{Expect, expect};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufStream};
use tokio_rustls::TlsAcceptor;

use super::*;

/// The reply to a line; to nothing, the greeting; to a dot, what is said of the message.
type Script = fn(&str) -> &'static str;

struct MailServer {
    port: u16,
    /// Lines that came, and messages.
    seen: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    async fn start(tls: Option<TlsAcceptor>, is_tls_at_once: bool, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        // Ends with the runtime of the test.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut plain = BufStream::new(stream);
                if !is_tls_at_once && !converse(&mut plain, script, &kept, true).await {
                    continue;
                }
                let Some(tls) = &tls else { continue };
                if let Ok(stream) = tls.accept(plain.into_inner()).await {
                    kept.lock().push("(TLS)".to_owned());
                    converse(&mut BufStream::new(stream), script, &kept, is_tls_at_once).await;
                }
            }
        });
        Self { port, seen }
    }

    fn settings(&self) -> EmailSettings {
        EmailSettings {
            to: "ops@example.com".to_owned(),
            from: "Bell <bell@am.example>".to_owned(),
            smarthost: Some(Smarthost {
                host: "127.0.0.1".to_owned(),
                port: self.port,
            }),
            headers: [("Subject".to_owned(), "s".to_owned())].into(),
            html: String::new(),
            text: "t".to_owned(),
            require_tls: false,
            ..EmailSettings::default()
        }
    }

    fn seen(&self) -> String {
        self.seen.lock().join("\n")
    }
}

/// Speaks until the client leaves. Says whether TLS is to begin.
async fn converse(
    stream: &mut BufStream<impl AsyncRead + AsyncWrite + Unpin>,
    script: Script,
    seen: &Mutex<Vec<String>>,
    greets: bool,
) -> bool {
    let mut line = String::new();
    let mut said = if greets { script("") } else { "-" };
    loop {
        if said.is_empty() {
            return false;
        }
        if said != "-" {
            let text = said.replace('\n', "\r\n") + "\r\n";
            if stream.write_all(text.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                return false;
            }
        }
        match line.as_str() {
            "STARTTLS" if said.starts_with('2') => return true,
            "QUIT" => return false,
            "DATA" if said.starts_with('3') => {
                let mut message = String::new();
                while !message.ends_with("\r\n.\r\n") {
                    if stream.read_line(&mut message).await.unwrap_or(0) == 0 {
                        return false;
                    }
                }
                seen.lock().push(message.replace("\r\n", "\n"));
                line = ".".to_owned();
            }
            _ => {
                line.clear();
                if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                    return false;
                }
                line.truncate(line.trim_end().len());
                seen.lock().push(line.clone());
            }
        }
        said = script(&line);
    }
}

/// Takes everything.
fn takes_all(line: &str) -> &'static str {
    match line.split(' ').next() {
        Some("") => "220 mail.example ready",
        Some("EHLO") => "250-mail.example\n250-8BITMIME\n250 SIZE 1000000",
        Some("DATA") => "354 go on",
        Some(".") => "250 2.0.0 queued as 1",
        _ => "250 ok",
    }
}

async fn send(settings: EmailSettings, delivery: Delivery) -> Result<String, AttemptError> {
    attempt(&senders(ReceiverKind::Email(Box::new(settings))), delivery).await
}

#[tokio::test]
async fn messages_have_headers_and_two_forms() {
    let server = MailServer::start(None, false, takes_all).await;
    let headers = [
        ("Subject", "[{{ .Status }}] Zoë"),
        ("Reply-To", "Zoë <z@b>"),
        ("X-Injected", "a\r\nBcc: x@y"),
        ("Content-Type", "is ours"),
    ];
    let settings = EmailSettings {
        to: "\"Ops, night\" <ops@example.com>, {{ .CommonLabels.host }}@example.com".to_owned(),
        headers: headers
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        html: "<p>{{ .CommonAnnotations.summary }}</p>\n".to_owned(),
        text: ".{{ .CommonAnnotations.summary }}\n.\n".to_owned(),
        threading: Some(EmailThreading::Daily),
        hello: "am.example".to_owned(),
        ..server.settings()
    };
    let said = send(settings, firing()).await.unwrap();
    assert_eq!(said, "250 2.0.0 queued as 1");
    expect![[r#"
        EHLO am.example
        MAIL FROM:<bell@am.example>
        RCPT TO:<ops@example.com>
        RCPT TO:<a@example.com>
        DATA
        From: Bell <bell@am.example>
        To: "Ops, night" <ops@example.com>, a@example.com
        Subject: =?utf-8?q?=5Bfiring=5D_Zo=C3=AB?=
        Reply-To: =?utf-8?q?Zo=C3=AB?= <z@b>
        X-Injected: =?utf-8?q?a=0D=0ABcc=3A_x=40y?=
        Message-Id: <1638da16408eb46e1844988068a0c231@am.example>
        References: <alert-6b86b273ff34fce1-2024-01-01@alertmanager>
        In-Reply-To: <alert-6b86b273ff34fce1-2024-01-01@alertmanager>
        Auto-Submitted: auto-generated
        Date: Mon, 01 Jan 2024 09:15:30 +0000
        MIME-Version: 1.0
        Content-Type: multipart/alternative;
         boundary="=_1638da16408eb46e1844988068a0c231"

        --=_1638da16408eb46e1844988068a0c231
        Content-Type: text/plain; charset=UTF-8
        Content-Transfer-Encoding: quoted-printable

        ..a is <down>
        ..

        --=_1638da16408eb46e1844988068a0c231
        Content-Type: text/html; charset=UTF-8
        Content-Transfer-Encoding: quoted-printable

        <p>a is &lt;down&gt;</p>

        --=_1638da16408eb46e1844988068a0c231--
        .

        QUIT"#]]
    .assert_eq(&server.seen());
}

#[tokio::test]
async fn the_defaults_are_a_page_with_the_subject() {
    let server = MailServer::start(None, false, takes_all).await;
    let settings = EmailSettings {
        headers: BTreeMap::new(),
        html: EmailSettings::default().html,
        text: String::new(),
        threading: Some(EmailThreading::Whole),
        ..server.settings()
    };
    send(settings, resolved()).await.unwrap();
    let seen = server.seen();
    for want in [
        "\nSubject: [RESOLVED] Down (a critical)\n",
        "\nTo: ops@example.com\n",
        "\nReferences: <alert-6b86b273ff34fce1-@alertmanager>\n",
        "\nContent-Type: text/html; charset=UTF-8\n",
        "1 resolved",
    ] {
        assert!(seen.contains(want), "{want}: {seen}");
    }
}

/// A server's TLS, and what a client trusts.
fn tls() -> (TlsAcceptor, TlsSettings) {
    let made = rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let settings = TlsSettings {
        ca: Some(PemSource::Inline(Secret::new(made.cert.pem()))),
        server_name: Some("mail.example".to_owned()),
        ..TlsSettings::default()
    };
    (TlsAcceptor::from(Arc::new(config)), settings)
}

#[tokio::test]
async fn who_sends_signs_in_over_tls() {
    let check = |script: Script, want: Expect| async move {
        let (acceptor, tls) = tls();
        let server = MailServer::start(Some(acceptor), false, script).await;
        let settings = EmailSettings {
            require_tls: true,
            tls,
            auth_username: "joe".to_owned(),
            auth_password: secret("hunter2"),
            auth_secret: secret("tanstaaftanstaaf"),
            auth_identity: "id".to_owned(),
            ..server.settings()
        };
        send(settings, firing()).await.unwrap();
        let seen = server.seen();
        let (session, _) = seen.split_once("\nMAIL").unwrap();
        want.assert_eq(session);
    };
    let plain: Script = |line| match line {
        line if line.starts_with("EHLO") => "250-x\n250-STARTTLS\n250 AUTH NTLM PLAIN LOGIN",
        "STARTTLS" => "220 go on",
        line if line.starts_with("AUTH PLAIN ") => "235 ok",
        line => takes_all(line),
    };
    check(
        plain,
        expect![[r#"
        EHLO localhost
        STARTTLS
        (TLS)
        EHLO localhost
        AUTH PLAIN aWQAam9lAGh1bnRlcjI="#]],
    )
    .await;
    let login: Script = |line| match line {
        line if line.starts_with("EHLO") => "250-x\n250-STARTTLS\n250 AUTH=LOGIN",
        "STARTTLS" => "220 go on",
        "AUTH LOGIN" => "334 VXNlcm5hbWU6",
        "am9l" => "334 UGFzc3dvcmQ6",
        "aHVudGVyMg==" => "235 ok",
        line => takes_all(line),
    };
    check(
        login,
        expect![[r#"
        EHLO localhost
        STARTTLS
        (TLS)
        EHLO localhost
        AUTH LOGIN
        am9l
        aHVudGVyMg=="#]],
    )
    .await;
    let cram: Script = |line| match line {
        line if line.starts_with("EHLO") => "250-x\n250-STARTTLS\n250 AUTH CRAM-MD5 PLAIN",
        "STARTTLS" => "220 go on",
        "AUTH CRAM-MD5" => "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
        line if line.starts_with("am9l") => "235 ok",
        line => takes_all(line),
    };
    check(
        cram,
        expect![[r#"
        EHLO localhost
        STARTTLS
        (TLS)
        EHLO localhost
        AUTH CRAM-MD5
        am9lIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"#]],
    )
    .await;
}

#[tokio::test]
async fn tls_begins_at_once_where_told() {
    let (acceptor, tls) = tls();
    let server = MailServer::start(Some(acceptor), true, takes_all).await;
    let settings = EmailSettings {
        force_implicit_tls: Some(true),
        tls,
        ..server.settings()
    };
    send(settings, firing()).await.unwrap();
    assert!(
        server
            .seen()
            .starts_with("(TLS)\nEHLO localhost\nMAIL FROM:<bell@am.example>\n")
    );
}

#[tokio::test]
async fn old_servers_are_told_hello() {
    let server = MailServer::start(None, false, |line| match line {
        "EHLO localhost" => "502 what",
        line => takes_all(line),
    });
    let server = server.await;
    send(server.settings(), firing()).await.unwrap();
    assert!(
        server
            .seen()
            .starts_with("EHLO localhost\nHELO localhost\nMAIL")
    );
}

#[tokio::test]
async fn what_servers_refuse_is_tried_again() {
    let check = |script: Script, want: &'static str| async move {
        let server = MailServer::start(None, false, script).await;
        let settings = EmailSettings {
            auth_username: "joe".to_owned(),
            auth_password: secret("hunter2"),
            ..server.settings()
        };
        let error = send(settings, firing()).await.unwrap_err();
        assert_eq!(error, AttemptError::again(want));
    };
    check(
        |_| "421 come later",
        "the mail server refused us: 421 come later",
    )
    .await;
    check(|_| "", "greeting: the mail server closed the connection").await;
    check(
        |_| "hello",
        "greeting: the mail server's reply is not SMTP: a line has no code",
    )
    .await;
    static ENDLESS: LazyLock<String> = LazyLock::new(|| "250-x\n".repeat(300));
    check(
        |line| match line {
            "" => "220 x",
            _ => &ENDLESS,
        },
        "EHLO: the mail server's reply is not SMTP: it has no end",
    )
    .await;
    static LONG: LazyLock<String> = LazyLock::new(|| "220 ".repeat(2_000));
    check(
        |_| &LONG,
        "greeting: the mail server's reply is not SMTP: a line has no end",
    )
    .await;
    check(
        |line| match line {
            "" => "220 x",
            _ => "250-x\n250-x\n250 x\n999 x",
        },
        "MAIL: the mail server's reply is not SMTP: a line has no code",
    )
    .await;
    check(
        |line| match line.split(' ').next() {
            Some("MAIL") => "550 5.7.1 not you",
            _ => takes_all(line),
        },
        "the mail server refused the sender bell@am.example: 550 5.7.1 not you",
    )
    .await;
    check(
        |line| match line.split(' ').next() {
            Some("RCPT") => "550-5.1.1 nobody\n550 of that name",
            _ => takes_all(line),
        },
        "the mail server refused the recipient ops@example.com: 550 5.1.1 nobody of that name",
    )
    .await;
    check(
        |line| match line {
            "DATA" => "451 no room",
            line => takes_all(line),
        },
        "the mail server refused DATA: 451 no room",
    )
    .await;
    check(
        |line| match line {
            "." => "554 spam",
            line => takes_all(line),
        },
        "the mail server refused the message: 554 spam",
    )
    .await;
    check(
        |line| match line.split(' ').next() {
            Some("EHLO") => "250-x\n250 AUTH PLAIN",
            Some("AUTH") => "535 wrong password",
            _ => takes_all(line),
        },
        "the mail server refused AUTH PLAIN: 535 wrong password",
    )
    .await;
    check(
        |line| match line.split(' ').next() {
            Some("EHLO") => "250-x\n250 AUTH GSSAPI CRAM-MD5",
            _ => takes_all(line),
        },
        "no way to sign in that the mail server offers can be gone: \"GSSAPI\" is not known here, \
         CRAM-MD5 takes auth_secret",
    )
    .await;
}

#[tokio::test]
async fn without_tls_nothing_is_sent_where_it_is_required() {
    let server = MailServer::start(None, false, takes_all).await;
    let settings = EmailSettings {
        require_tls: true,
        ..server.settings()
    };
    let error = send(settings.clone(), firing()).await.unwrap_err();
    let want = format!(
        "require_tls is true (the default), and 127.0.0.1:{} does not offer STARTTLS",
        server.port
    );
    assert_eq!(error, AttemptError::again(want));
    assert_eq!(server.seen(), "EHLO localhost");

    // A certificate that nobody vouches for.
    let starts: Script = |line| match line {
        line if line.starts_with("EHLO") => "250-x\n250 STARTTLS",
        "STARTTLS" => "220 go on",
        line => takes_all(line),
    };
    let server = MailServer::start(Some(tls().0), false, starts).await;
    let trusting = EmailSettings {
        require_tls: true,
        tls: tls().1,
        ..server.settings()
    };
    let error = send(trusting, firing()).await.unwrap_err();
    assert!(
        error
            .text
            .contains("TLS with the mail server: 127.0.0.1: invalid peer certificate"),
        "{}",
        error.text
    );

    // Replies that came before TLS do not count after it.
    let injects: Script = |line| match line {
        line if line.starts_with("EHLO") => "250-x\n250 STARTTLS",
        "STARTTLS" => "220 go on\n250-injected\n250 AUTH PLAIN",
        line => takes_all(line),
    };
    let server = MailServer::start(Some(tls().0), false, injects).await;
    let settings = EmailSettings {
        require_tls: true,
        ..server.settings()
    };
    let error = send(settings, firing()).await.unwrap_err();
    let want = "the mail server said more before TLS began than it was asked for";
    assert_eq!(error, AttemptError::again(want));
}

#[tokio::test]
async fn what_is_wrong_with_the_settings_is_not_sent() {
    let server = MailServer::start(None, false, takes_all).await;
    let check = |change: fn(&mut EmailSettings), want: &'static str| {
        let mut settings = server.settings();
        change(&mut settings);
        async move {
            let error = send(settings, firing()).await.unwrap_err();
            assert_eq!(error, AttemptError::refused(want));
        }
    };
    check(
        |it| it.from = "a@b, c@d".to_owned(),
        "from: \"a@b, c@d\" must be one address, and is 2",
    )
    .await;
    check(
        |it| it.to = "{{ .CommonLabels.none }}".to_owned(),
        "to: there is no address",
    )
    .await;
    check(
        |it| it.to = "joe".to_owned(),
        "to: \"joe\": \"joe\" is not an address: it has no @",
    )
    .await;
    check(
        |it| it.html = "{{ .None }}".to_owned(),
        "html: template: :1:3: executing \"\" at <.None>: can't evaluate field None in type *template.Data",
    )
    .await;
    assert_eq!(server.seen(), "");
    check(
        |it| it.to = "zoë@b".to_owned(),
        "the mail server takes only addresses of ASCII characters",
    )
    .await;
    check(
        |it| it.hello = "a b".to_owned(),
        "hello: \"a b\" is not a host's name",
    )
    .await;
}
