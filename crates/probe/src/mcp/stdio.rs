//! The standard input and output of a program: each message is a line.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, ChildStdout};

use super::channel::{Call, Era, Reply, Taken, take};
use super::message::{MESSAGE_BYTES_MAX, MESSAGES_BETWEEN_MAX, notification, parse, request};
use crate::api::excerpt;
use crate::module::LocalProgram;
use crate::program::Running;
use crate::recorder::{Failure, Recorder};

/// How long a server may take to end by itself after its input was closed. Chosen: one that holds
/// nothing ends at once.
const FAREWELL: Duration = Duration::from_millis(500);
/// How long to wait for the exit status of a server that has closed its output.
const EXIT_WAIT: Duration = Duration::from_millis(400);

/// A way to a program that was started for it.
pub(super) struct StdioChannel {
    program: Running,
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    /// What was read and not taken yet.
    buffer: Vec<u8>,
    /// Up to where the buffer has no line end.
    searched: usize,
    next_id: u64,
    pub(super) late: Option<Reply>,
}

impl StdioChannel {
    pub(super) fn start(recorder: &mut Recorder, settings: &LocalProgram) -> Result<Self, Failure> {
        let mut program = Running::start(recorder, settings, Stdio::piped())?;
        let no_pipe = || Failure::unknown("the program has no standard output");
        let stdout = program.take_stdout().ok_or_else(no_pipe)?;
        Ok(Self {
            stdin: program.take_stdin(),
            stdout,
            program,
            buffer: Vec::new(),
            searched: 0,
            next_id: 1,
            late: None,
        })
    }

    pub(super) async fn call(
        &mut self,
        recorder: &mut Recorder,
        era: &Era,
        call: &Call<'_>,
    ) -> Result<Reply, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(request(id, call.method, &call.params_in(era)))
            .await?;
        for _ in 0..MESSAGES_BETWEEN_MAX {
            let line = self.line().await?;
            if line.is_empty() {
                continue;
            }
            let messages = match parse(&line) {
                Ok(messages) => messages,
                Err(error) => {
                    // Programs print what they should not; the next line may be an answer.
                    let shown = excerpt(&String::from_utf8_lossy(&line));
                    recorder.note(format!("{error}: {shown:?}"));
                    continue;
                }
            };
            for message in messages {
                match take(recorder, message, id, &mut self.late) {
                    Taken::Reply(reply) => return Ok(reply),
                    Taken::Say(text) => self.send(text).await?,
                    Taken::Other => {}
                }
            }
        }
        Err(Failure::new(format!(
            "no answer to {} among {MESSAGES_BETWEEN_MAX} messages",
            call.method
        )))
    }

    pub(super) async fn notify(&mut self, method: &'static str) -> Result<(), Failure> {
        self.send(notification(method)).await
    }

    /// Closes the input, which ends a server, and kills what is left.
    pub(super) async fn close(&mut self) {
        self.stdin = None;
        // Whether it went by itself or was killed changes nothing for the probe.
        tokio::time::timeout(FAREWELL, self.program.wait())
            .await
            .ok();
        self.program.kill();
    }

    async fn send(&mut self, mut message: String) -> Result<(), Failure> {
        message.push('\n');
        let Some(stdin) = &mut self.stdin else {
            return Err(Failure::new("the program's input is closed"));
        };
        let sent = async {
            stdin.write_all(message.as_bytes()).await?;
            stdin.flush().await
        };
        match sent.await {
            Ok(()) => Ok(()),
            Err(error) => Err(self
                .ended(&format!("cannot write to the program: {error}"))
                .await),
        }
    }

    /// The next line without its end.
    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            let rest = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.buffer.drain(..=self.searched + at).collect();
                self.searched = 0;
                let end = line.trim_ascii_end().len();
                line.truncate(end);
                return Ok(line);
            }
            self.searched = self.buffer.len();
            if self.searched > MESSAGE_BYTES_MAX {
                let reason = format!("a line has more than {MESSAGE_BYTES_MAX} bytes");
                return Err(Failure::new(reason));
            }
            let mut piece = [0; 8192];
            let count = self.stdout.read(&mut piece).await;
            let count = count.map_err(|error| Failure::new(format!("cannot read: {error}")))?;
            if count == 0 {
                return Err(self.ended("the program closed its output").await);
            }
            self.buffer
                .extend_from_slice(piece.get(..count).unwrap_or_default());
        }
    }

    /// Why the program says nothing any more.
    async fn ended(&mut self, what: &str) -> Failure {
        match tokio::time::timeout(EXIT_WAIT, self.program.wait()).await {
            Ok(Ok(status)) => Failure::new(format!("{what}: it ended with {status}")),
            Ok(Err(failure)) => failure,
            Err(_) => Failure::new(what),
        }
    }
}
