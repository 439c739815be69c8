//! A program of this host that a probe starts: without a shell, with an environment of its own, in a
//! process group of its own that ends with the probe.
//!
//! ## Invariants
//! - When a [`Running`] is dropped, the whole group is killed: what a program has started itself does
//!   not stay. What leaves the group (`setsid`) is not reached.
//! - The environment is what the settings say, and `PATH`; its values are hidden in all that is shown.
//!
//! ## Limits
//! Of the error output the last [`TAIL_BYTES_MAX`] bytes are kept.

use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::settings::SecretSource;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio_util::task::AbortOnDropHandle;

use crate::module::LocalProgram;
use crate::recorder::{Failure, Recorder};

/// Chosen: the end of a stack trace.
const TAIL_BYTES_MAX: usize = 4 << 10;

/// How long the last words of a program that has ended may be on their way.
const STDERR_WAIT: Duration = Duration::from_millis(100);

/// The end of what a program has written to its error output.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<Vec<u8>>>);

impl Tail {
    /// The text, what is no UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }

    fn push(&self, piece: &[u8]) {
        let mut kept = self.0.lock();
        kept.extend_from_slice(piece);
        let excess = kept.len().saturating_sub(TAIL_BYTES_MAX);
        kept.drain(..excess);
    }
}

/// A program that runs.
pub(crate) struct Running {
    child: Child,
    group: Group,
    pub(crate) stderr: Tail,
    /// Reads the error output; ends with the program.
    reader: Option<AbortOnDropHandle<()>>,
}

impl Running {
    /// Starts a program. Its error output is read in the background, and its end is logged should the
    /// probe not succeed.
    pub(crate) fn start(
        recorder: &mut Recorder,
        program: &LocalProgram,
        stdin: Stdio,
    ) -> Result<Self, Failure> {
        if program.program.is_empty() {
            return Err(Failure::unknown("the settings name no program"));
        }
        let mut command = Command::new(&program.program);
        command.args(&program.arguments).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        for (name, value) in &program.environment {
            let value = exposed(recorder, name, value)?;
            command.env(name, value);
        }
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| {
            Failure::unknown(format!("cannot start {:?}: {error}", program.program))
        })?;
        let group = Group::of(&child);
        recorder.note(format!(
            "started {:?} with {} arguments as process {}",
            program.program,
            program.arguments.len(),
            child.id().unwrap_or_default()
        ));
        let stderr = Tail::default();
        recorder.watch(stderr.clone());
        let reader = child.stderr.take().map(|pipe| {
            let read = tokio::spawn(read_tail(pipe, stderr.clone()));
            AbortOnDropHandle::new(read)
        });
        Ok(Self {
            child,
            group,
            stderr,
            reader,
        })
    }

    pub(crate) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    pub(crate) fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for the program's own end, and for the end of its error output where that comes soon; what
    /// it started may run on until the group is dropped.
    pub(crate) async fn wait(&mut self) -> Result<ExitStatus, Failure> {
        let status = self.child.wait().await;
        if let Some(reader) = &mut self.reader {
            // What the program has started may hold its error output open.
            tokio::time::timeout(STDERR_WAIT, reader).await.ok();
            self.reader = None;
        }
        status.map_err(|error| Failure::unknown(format!("cannot wait for the program: {error}")))
    }

    /// Kills it with all that it started.
    pub(crate) fn kill(&mut self) {
        self.group.kill();
    }
}

async fn read_tail(mut pipe: ChildStderr, tail: Tail) {
    let mut piece = [0; 4096];
    while let Ok(count) = pipe.read(&mut piece).await {
        if count == 0 {
            return;
        }
        tail.push(piece.get(..count).unwrap_or_default());
    }
}

/// A process group that is killed when it is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    fn kill(&mut self) {
        if let Some(id) = self.0.take() {
            // Nobody is left where it fails.
            kill_process_group(id, Signal::KILL).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A secret's text, which is hidden from now on.
pub(crate) fn exposed(
    recorder: &mut Recorder,
    name: &str,
    secret: &SecretSource,
) -> Result<String, Failure> {
    let text = match secret {
        SecretSource::Inline(secret) => secret.expose().to_owned(),
        SecretSource::File(path) => {
            let read = std::fs::read_to_string(path);
            let text = read.map_err(|error| {
                Failure::unknown(format!("{name}: cannot read {}: {error}", path.display()))
            })?;
            text.trim().to_owned()
        }
    };
    recorder.hide(&text);
    Ok(text)
}
