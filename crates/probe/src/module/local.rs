//! The settings of probes of this host: programs and processes.

use std::path::PathBuf;
use std::time::Duration;

use bellwether_outbound::settings::SecretSource;

use super::{OnTrouble, Pattern};

/// A program of this host that a probe starts, without a shell.
#[derive(Debug, Clone, Default)]
pub struct LocalProgram {
    /// The program: a path, or a name that is looked for in our own `PATH`.
    pub program: String,
    /// Its arguments. They may be seen by everybody on the host: no place for secrets.
    pub arguments: Vec<String>,
    /// Its whole environment; of ours it inherits `PATH` alone, where that is not set here. Values are
    /// shown nowhere, also where the program prints them.
    pub environment: Vec<(String, SecretSource)>,
    /// The folder that it runs in. `None`: ours.
    pub folder: Option<PathBuf>,
}

/// The settings of `command`: a program whose exit code is the verdict, as plugins of Nagios have it: 0
/// is up, 1 degraded, 2 down, all else unknown. The first line of its output is the reason. It is killed
/// with all that it started when the probe's time is over.
#[derive(Debug, Clone, Default)]
pub struct CommandSettings {
    /// What is run. The target is not looked at.
    pub run: LocalProgram,
    /// Whether the performance data of plugins (`… | label=value[unit];warn;crit;min;max`) become
    /// `probe_command_perfdata`.
    pub perfdata: bool,
}

/// Which processes are meant.
#[derive(Debug, Clone)]
pub enum ProcessMatch {
    /// Those whose name (the file's, at most 15 bytes) matches.
    Name(Pattern),
    /// Those whose program's path matches. Of other users' processes only root sees it.
    Executable(Pattern),
    /// Those whose arguments, joined by spaces, match.
    CommandLine(Pattern),
    /// The one whose number a file holds.
    PidFile(PathBuf),
    /// Those of a control group or of one below it, such as `/system.slice/sshd.service`.
    ControlGroup(String),
}

/// The settings of `process`: processes of this host, by Linux's `/proc`. The target is not looked at.
#[derive(Debug, Clone)]
pub struct ProcessSettings {
    /// Which processes are meant.
    pub matching: ProcessMatch,
    /// Fail where there are fewer. Zombies do not count.
    pub count_min: u32,
    /// Fail where there are more. `None`: any number.
    pub count_max: Option<u32>,
    /// Degraded where the youngest of them was started less than this ago: it, or another before it,
    /// has ended not long since. `None`: however young.
    pub restarted_within: Option<Duration>,
    /// Degraded where one of them has more open files than this part of its limit, 0 to 1. Of other
    /// users' processes only root sees them. `None`: however many.
    pub open_files_ratio_max: Option<f64>,
    /// What it means when one of them has ended and its parent has not asked how.
    pub on_zombie: OnTrouble,
    /// Where the kernel shows its processes.
    pub proc: PathBuf,
}

impl ProcessSettings {
    /// At least one process that matches, with open files up to 90 % of the limit.
    #[must_use]
    pub fn new(matching: ProcessMatch) -> Self {
        Self {
            matching,
            count_min: 1,
            count_max: None,
            restarted_within: None,
            open_files_ratio_max: Some(0.9),
            on_zombie: OnTrouble::Degrade,
            proc: PathBuf::from("/proc"),
        }
    }
}
