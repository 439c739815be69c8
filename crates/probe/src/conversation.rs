//! A scripted conversation over a connection: wait for lines or bytes, answer, begin TLS.
//!
//! ## Limits
//! A line has at most [`LINE_BYTES_MAX`] bytes. What is waited for may stand behind any number of
//! other lines; the probe's time-out bounds how long that is looked for.

use bellwether_model::Captures;
use bellwether_outbound::settings::TlsSettings;
use bellwether_storage::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::connection::{Connection, TlsMetrics, begin_tls, record_tls};
use crate::module::{Expectation, Pattern, QueryResponse};
use crate::recorder::{FAILED_DUE_TO_REGEX, Failure, Gauge, Recorder};

/// As in the scanner of Go's library.
const LINE_BYTES_MAX: usize = 64 << 10;

const FAILED_DUE_TO_BYTES: Gauge = Gauge::new(
    "probe_failed_due_to_bytes",
    "Whether the probe failed because other bytes came than were expected.",
);
const EXPECT_INFO: Gauge = Gauge::new(
    "probe_expect_info",
    "What the groups of an expected pattern matched.",
);

/// The TLS metrics of a conversation.
const TLS_METRICS: TlsMetrics = TlsMetrics {
    cipher: false,
    chain_expiry: true,
};

/// What a conversation knows of its peer.
pub(crate) struct Peer<'a> {
    /// Whom to ask for when TLS begins.
    pub(crate) host: &'a str,
    /// Whether to begin with TLS.
    pub(crate) tls: bool,
    pub(crate) tls_config: &'a TlsSettings,
    pub(crate) clock: &'a dyn Clock,
}

/// Begins TLS if the settings say so, then holds the conversation.
pub(crate) async fn converse(
    recorder: &mut Recorder,
    mut connection: Connection,
    peer: &Peer<'_>,
    steps: &[QueryResponse],
) -> Result<(), Failure> {
    if peer.tls {
        connection = upgrade(recorder, connection, peer).await?;
    }
    recorder.set(FAILED_DUE_TO_REGEX, 0.0);
    recorder.set(FAILED_DUE_TO_BYTES, 0.0);
    if steps.is_empty() {
        return Ok(());
    }
    recorder.begin(None, "conversation");
    let mut reader = Reader {
        connection,
        buffer: Vec::new(),
    };
    for (index, step) in steps.iter().enumerate() {
        let send = expect(recorder, &mut reader, step)
            .await
            .map_err(|failure| at_step(index, &failure))?;
        if !send.is_empty() {
            recorder.note(format!("sends {:?}", String::from_utf8_lossy(&send)));
            send_line(&mut reader.connection, send)
                .await
                .map_err(|error| {
                    Failure::new(format!("step {}: cannot send: {error}", index + 1))
                })?;
        }
        if step.starttls {
            recorder.end();
            // What was read ahead is dropped: no peer may speak between its consent and TLS.
            let connection = upgrade(recorder, reader.connection, peer)
                .await
                .map_err(|failure| at_step(index, &failure))?;
            reader = Reader {
                connection,
                buffer: Vec::new(),
            };
            recorder.begin(None, "conversation");
        }
    }
    recorder.end();
    Ok(())
}

fn at_step(index: usize, failure: &Failure) -> Failure {
    Failure::new(format!("step {}: {}", index + 1, failure.text()))
}

async fn upgrade(
    recorder: &mut Recorder,
    connection: Connection,
    peer: &Peer<'_>,
) -> Result<Connection, Failure> {
    recorder.begin(None, "tls");
    let (connection, tls) = begin_tls(connection, peer.host, peer.tls_config, &[]).await?;
    recorder.end();
    record_tls(recorder, &tls, peer.tls_config, peer.clock, TLS_METRICS);
    Ok(connection)
}

async fn send_line(connection: &mut Connection, mut line: Vec<u8>) -> std::io::Result<()> {
    line.push(b'\n');
    connection.write_all(&line).await?;
    connection.flush().await
}

/// Waits for what a step expects and gives what it sends, filled in.
async fn expect(
    recorder: &mut Recorder,
    reader: &mut Reader,
    step: &QueryResponse,
) -> Result<Vec<u8>, Failure> {
    match &step.expect {
        Expectation::Nothing => {}
        Expectation::Bytes(expected) => expect_bytes(recorder, reader, expected).await?,
        Expectation::Line(pattern) => {
            let line = expect_line(recorder, reader, pattern).await?;
            let Some(captures) = pattern.captures(&line) else {
                return Ok(step.send.clone());
            };
            if !step.labels.is_empty() {
                record_labels(recorder, step, &captures);
            }
            return Ok(expanded(&captures, &step.send));
        }
    }
    Ok(step.send.clone())
}

/// A template that is no UTF-8 has no groups to fill in.
pub(crate) fn expanded(captures: &Captures<'_>, template: &[u8]) -> Vec<u8> {
    let Ok(template) = std::str::from_utf8(template) else {
        return template.to_vec();
    };
    let mut out = String::new();
    captures.expand(template, &mut out);
    out.into_bytes()
}

fn record_labels(recorder: &mut Recorder, step: &QueryResponse, captures: &Captures<'_>) {
    let values: Vec<(&str, String)> = step
        .labels
        .iter()
        .map(|(name, template)| {
            let mut value = String::new();
            captures.expand(template, &mut value);
            (name.as_str(), value)
        })
        .collect();
    let mut labels: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    labels.sort_unstable();
    recorder.set_labelled(EXPECT_INFO, &labels, 1.0);
}

async fn expect_line(
    recorder: &mut Recorder,
    reader: &mut Reader,
    pattern: &Pattern,
) -> Result<String, Failure> {
    let mut last = None;
    while let Some(line) = reader.line().await? {
        recorder.note(format!("read line {line:?}"));
        if pattern.is_match(&line) {
            recorder.set(FAILED_DUE_TO_REGEX, 0.0);
            return Ok(line);
        }
        last = Some(line);
    }
    recorder.set(FAILED_DUE_TO_REGEX, 1.0);
    let pattern = pattern.text();
    Err(Failure::new(match last {
        None => format!("no line came that could match {pattern:?}"),
        Some(last) => format!("no line matched {pattern:?}, the last one was {last:?}"),
    }))
}

async fn expect_bytes(
    recorder: &mut Recorder,
    reader: &mut Reader,
    expected: &[u8],
) -> Result<(), Failure> {
    let got = reader.bytes(expected.len()).await?;
    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
    if got == expected {
        recorder.note(format!("read the bytes \"{}\"", shown(&got)));
        recorder.set(FAILED_DUE_TO_BYTES, 0.0);
        return Ok(());
    }
    let reason = format!(
        "wanted bytes \"{}\", got \"{}\"",
        shown(expected),
        shown(&got)
    );
    if got.len() == expected.len() {
        recorder.set(FAILED_DUE_TO_BYTES, 1.0);
    }
    Err(Failure::new(reason))
}

/// Reads lines and bytes, whatever pieces they come in.
struct Reader {
    connection: Connection,
    /// What was read and not taken yet.
    buffer: Vec<u8>,
}

impl Reader {
    /// The next line without its end; `None` where no more comes.
    async fn line(&mut self) -> Result<Option<String>, Failure> {
        let mut searched = 0;
        loop {
            let rest = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=searched + at).collect();
                line.pop();
                return Ok(Some(text(line)));
            }
            searched = self.buffer.len();
            if searched >= LINE_BYTES_MAX {
                let reason = format!("a line has more than {LINE_BYTES_MAX} bytes");
                return Err(Failure::new(reason));
            }
            if self.fill().await? == 0 {
                let rest = std::mem::take(&mut self.buffer);
                return Ok((!rest.is_empty()).then(|| text(rest)));
            }
        }
    }

    /// As many bytes, or fewer where no more come.
    async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        while self.buffer.len() < count {
            if self.fill().await? == 0 {
                break;
            }
        }
        let count = count.min(self.buffer.len());
        Ok(self.buffer.drain(..count).collect())
    }

    async fn fill(&mut self) -> Result<usize, Failure> {
        let mut piece = [0; 4096];
        let count = self.connection.read(&mut piece).await;
        let count = count.map_err(|error| Failure::new(format!("cannot read: {error}")))?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }
}

/// A line without a carriage return at its end.
fn text(mut line: Vec<u8>) -> String {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    String::from_utf8_lossy(&line).into_owned()
}
