//! SMTP, as far as handing over one message needs it (RFC 5321, 3207, 4954, 2195).
//!
//! ## Limits
//! A reply has [`REPLY_LINES_MAX`] lines of [`LINE_BYTES_MAX`] at most. Time is bounded by the caller.

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bellwether_model::short_to;
use bellwether_outbound::settings::TlsSettings;
use bellwether_outbound::start_tls;
use md5::{Digest as _, Md5};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;

use crate::receivers::settings::Smarthost;
use crate::runner::AttemptError;

/// Where TLS begins at once.
pub(super) const PORT_IMPLICIT_TLS: u16 = 465;
/// Longest line of a reply; RFC 5321 has 512.
const LINE_BYTES_MAX: u64 = 4096;
/// Most lines of a reply. Chosen: servers name some twenty extensions.
const REPLY_LINES_MAX: usize = 256;
/// As much of a reply is shown.
const SHOWN_CHARS_MAX: usize = 300;
/// How long we wait for a server to say goodbye.
const QUIT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(2);

/// A mail server and how to speak to it.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pub(super) address: &'a Smarthost,
    pub(super) hello: &'a str,
    pub(super) begin: Tls,
    pub(super) tls: &'a TlsSettings,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tls {
    None,
    AtOnce,
    ByCommand,
}

/// Who signs in.
pub(super) struct Account<'a> {
    /// Empty: nobody.
    pub(super) username: &'a str,
    pub(super) identity: &'a str,
    pub(super) password: Option<String>,
    pub(super) secret: Option<String>,
}

/// From whom and to whom.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

/// Hands over a message, whose lines end with CR LF. Gives the server's last word.
pub(super) async fn deliver(
    server: &Server<'_>,
    account: &Account<'_>,
    envelope: &Envelope,
    message: &[u8],
) -> Result<String, AttemptError> {
    let mut session = Session::begin(server).await?;
    let result = session.deliver(server, account, envelope, message).await;
    // What became of the message is known; a failing goodbye changes nothing of it.
    let goodbye = session.command("QUIT", "QUIT");
    drop(tokio::time::timeout(QUIT_TIMEOUT, goodbye).await);
    result
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    fn text(&self) -> String {
        let text = self.lines.join(" ");
        let text = format!("{} {text}", self.code);
        short_to(text.trim(), SHOWN_CHARS_MAX)
            .to_string()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect()
    }

    /// Passes on a reply of the kind that is expected: 2 done, 3 go on.
    fn expect(self, what: &str, kind: u16) -> Result<Self, AttemptError> {
        if self.code / 100 == kind {
            return Ok(self);
        }
        Err(AttemptError::again(format!(
            "the mail server refused {what}: {}",
            self.text()
        )))
    }
}

/// A conversation with a server.
struct Session {
    stream: BufReader<Box<dyn Stream>>,
    /// What the server can do, in capitals, each with its parameters.
    extensions: Vec<String>,
    is_tls: bool,
}

impl Session {
    async fn begin(server: &Server<'_>) -> Result<Self, AttemptError> {
        let Smarthost { host, port } = server.address;
        let place = format!("{host}:{port}");
        let tcp = TcpStream::connect((host.as_str(), *port))
            .await
            .map_err(|error| AttemptError::again(format!("{place} cannot be reached: {error}")))?;
        let mut session = Self {
            stream: BufReader::new(Box::new(tcp)),
            extensions: Vec::new(),
            is_tls: false,
        };
        if server.begin == Tls::AtOnce {
            session = session.secured(server).await?;
        }
        session.reply("greeting").await?.expect("us", 2)?;
        session.hello(server).await?;
        if server.begin == Tls::ByCommand {
            if session.extension("STARTTLS").is_none() {
                return Err(AttemptError::again(format!(
                    "require_tls is true (the default), and {place} does not offer STARTTLS"
                )));
            }
            session
                .command("STARTTLS", "STARTTLS")
                .await?
                .expect("STARTTLS", 2)?;
            session = session.secured(server).await?;
            session.hello(server).await?;
        }
        Ok(session)
    }

    /// The same conversation over TLS.
    async fn secured(self, server: &Server<'_>) -> Result<Self, AttemptError> {
        if !self.stream.buffer().is_empty() {
            // Somebody in between, who would have us take it for a reply over TLS.
            return Err(AttemptError::again(
                "the mail server said more before TLS began than it was asked for",
            ));
        }
        let plain = self.stream.into_inner();
        let stream = start_tls(plain, &server.address.host, server.tls)
            .await
            .map_err(|error| AttemptError {
                retry: error.retry(),
                text: format!("TLS with the mail server: {error}"),
            })?;
        Ok(Self {
            stream: BufReader::new(Box::new(stream)),
            extensions: Vec::new(),
            is_tls: true,
        })
    }

    async fn hello(&mut self, server: &Server<'_>) -> Result<(), AttemptError> {
        let name = match server.hello {
            "" => "localhost",
            name => name,
        };
        if name.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(AttemptError::refused(format!(
                "hello: {name:?} is not a host's name"
            )));
        }
        let reply = self.command("EHLO", &format!("EHLO {name}")).await?;
        if reply.code / 100 == 2 {
            let lines = reply.lines.iter().skip(1);
            self.extensions = lines.map(|line| line.to_ascii_uppercase()).collect();
            return Ok(());
        }
        // Servers of the last century.
        self.command("HELO", &format!("HELO {name}"))
            .await?
            .expect("HELO", 2)?;
        Ok(())
    }

    /// What the server says of something that it can do.
    fn extension(&self, name: &str) -> Option<&str> {
        let mut found = self.extensions.iter().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            (rest.is_empty() || rest.starts_with([' ', '='])).then_some(rest)
        });
        found.next()
    }

    async fn deliver(
        &mut self,
        server: &Server<'_>,
        account: &Account<'_>,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<String, AttemptError> {
        if let Some(mechanisms) = self.extension("AUTH")
            && !account.username.is_empty()
        {
            let mechanisms = mechanisms.trim_start_matches('=').to_owned();
            self.sign_in(server, account, &mechanisms).await?;
        }
        let mut addresses = envelope.to.iter().chain([&envelope.from]);
        let utf8 = if addresses.all(|address| address.is_ascii()) {
            ""
        } else if self.extension("SMTPUTF8").is_some() {
            " SMTPUTF8"
        } else {
            return Err(AttemptError::refused(
                "the mail server takes only addresses of ASCII characters",
            ));
        };
        let from = &envelope.from;
        self.command("MAIL", &format!("MAIL FROM:<{from}>{utf8}"))
            .await?
            .expect(&format!("the sender {from}"), 2)?;
        for to in &envelope.to {
            self.command("RCPT", &format!("RCPT TO:<{to}>"))
                .await?
                .expect(&format!("the recipient {to}"), 2)?;
        }
        self.command("DATA", "DATA").await?.expect("DATA", 3)?;
        let stuffed = stuffed(message);
        self.write("the message", &stuffed).await?;
        let reply = self.reply("the message").await?;
        Ok(reply.expect("the message", 2)?.text())
    }

    /// Signs in by the first mechanism of the server's for which there is what it takes.
    async fn sign_in(
        &mut self,
        server: &Server<'_>,
        account: &Account<'_>,
        mechanisms: &str,
    ) -> Result<(), AttemptError> {
        let mut reasons = Vec::new();
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        for mechanism in mechanisms.split_ascii_whitespace() {
            match mechanism {
                "CRAM-MD5" => match given(&account.secret) {
                    Some(secret) => return self.cram_md5(account.username, &secret).await,
                    None => reasons.push("CRAM-MD5 takes auth_secret".to_owned()),
                },
                "PLAIN" => match given(&account.password) {
                    Some(_) if !self.is_tls && !is_this_machine(&server.address.host) => {
                        reasons.push("PLAIN is not used without TLS".to_owned());
                    }
                    Some(password) => {
                        let Account {
                            username, identity, ..
                        } = account;
                        let text = STANDARD.encode(format!("{identity}\0{username}\0{password}"));
                        let reply = self.command("AUTH", &format!("AUTH PLAIN {text}")).await?;
                        reply.expect("AUTH PLAIN", 2)?;
                        return Ok(());
                    }
                    None => reasons.push("PLAIN takes auth_password".to_owned()),
                },
                "LOGIN" => match given(&account.password) {
                    Some(password) => return self.login(account.username, &password).await,
                    None => reasons.push("LOGIN takes auth_password".to_owned()),
                },
                other => reasons.push(format!("{:?} is not known here", short_to(other, 20))),
            }
        }
        let reasons = reasons.join(", ");
        let shown = short_to(&reasons, SHOWN_CHARS_MAX);
        Err(AttemptError::again(format!(
            "no way to sign in that the mail server offers can be gone: {shown}"
        )))
    }

    async fn login(&mut self, username: &str, password: &str) -> Result<(), AttemptError> {
        let what = "AUTH LOGIN";
        self.command("AUTH", what).await?.expect(what, 3)?;
        let username = STANDARD.encode(username);
        self.command(what, &username).await?.expect(what, 3)?;
        let password = STANDARD.encode(password);
        self.command(what, &password).await?.expect(what, 2)?;
        Ok(())
    }

    async fn cram_md5(&mut self, username: &str, secret: &str) -> Result<(), AttemptError> {
        let what = "AUTH CRAM-MD5";
        let reply = self.command("AUTH", what).await?.expect(what, 3)?;
        let challenge = reply.lines.first().map_or("", String::as_str);
        let challenge = STANDARD.decode(challenge.trim()).map_err(|_| {
            AttemptError::again("the mail server's challenge for CRAM-MD5 is not base64")
        })?;
        let mac: String = hmac_md5(secret.as_bytes(), &challenge)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let answer = STANDARD.encode(format!("{username} {mac}"));
        self.command(what, &answer).await?.expect(what, 2)?;
        Ok(())
    }

    /// Sends a line, and waits for the reply. Errors call it `what`: lines may hold passwords.
    async fn command(&mut self, what: &str, line: &str) -> Result<Reply, AttemptError> {
        self.write(what, format!("{line}\r\n").as_bytes()).await?;
        self.reply(what).await
    }

    async fn write(&mut self, what: &str, bytes: &[u8]) -> Result<(), AttemptError> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|error| broken(what, &error))
    }

    async fn reply(&mut self, what: &str) -> Result<Reply, AttemptError> {
        let mut lines = Vec::new();
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
            limited
                .read_until(b'\n', &mut line)
                .await
                .map_err(|error| broken(what, &error))?;
            let wrong = |reason| {
                AttemptError::again(format!(
                    "{what}: the mail server's reply is not SMTP: {reason}"
                ))
            };
            if !line.ends_with(b"\n") {
                return Err(if line.is_empty() {
                    AttemptError::again(format!("{what}: the mail server closed the connection"))
                } else {
                    wrong("a line has no end")
                });
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            let code = line.get(..3).and_then(|code| code.parse::<u16>().ok());
            let Some(code) = code.filter(|code| (200..600).contains(code)) else {
                return Err(wrong("a line has no code"));
            };
            lines.push(line.get(4..).unwrap_or("").to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
            if lines.len() == REPLY_LINES_MAX {
                return Err(wrong("it has no end"));
            }
        }
    }
}

fn broken(what: &str, error: &std::io::Error) -> AttemptError {
    AttemptError::again(format!(
        "{what}: the connection to the mail server broke: {error}"
    ))
}

/// Whether what is sent to a host does not leave this machine.
fn is_this_machine(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1")
}

/// The message with its end, and a dot more before lines that begin with one.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// RFC 2104 with MD5, which CRAM-MD5 is made of.
fn hmac_md5(secret: &[u8], text: &[u8]) -> [u8; 16] {
    const BLOCK_BYTES: usize = 64;
    let mut key = [0; BLOCK_BYTES];
    let hashed: [u8; 16];
    let secret = if secret.len() > BLOCK_BYTES {
        hashed = Md5::digest(secret).into();
        &hashed[..]
    } else {
        secret
    };
    for (to, from) in key.iter_mut().zip(secret) {
        *to = *from;
    }
    let pass = |pad: u8, text: &[u8]| -> [u8; 16] {
        let padded = key.map(|byte| byte ^ pad);
        Md5::new()
            .chain_update(padded)
            .chain_update(text)
            .finalize()
            .into()
    };
    pass(0x5c, &pass(0x36, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard() {
        let check = |secret: &[u8], text: &[u8], want: &str| {
            let mac = hmac_md5(secret, text);
            let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, want);
        };
        // RFC 2195, section 2; RFC 2202, test 6.
        check(
            b"tanstaaftanstaaf",
            b"<1896.697170952@postoffice.reston.mci.net>",
            "b913a602c7eda7a495b4e6e7334d3890",
        );
        check(
            &[0xaa; 80],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd",
        );
    }

    #[test]
    fn dots_are_doubled_at_the_beginning_of_lines() {
        assert_eq!(stuffed(b".\r\na.\r\n..b"), b"..\r\na.\r\n...b\r\n.\r\n");
    }
}
