//! Space of mounted file systems, from the mount table and `statvfs`.
//!
//! ## Model
//! `statvfs` on a dead network file system blocks for ever. One thread therefore asks, and the
//! caller waits a bounded time. While the thread hangs in a mount point, that one and those after it
//! carry `device_error`, and no second thread is started.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bellwether_telemetry::Sink;

use crate::HostError;
use crate::source::{Source, found};

/// Chosen: below the usual time-out of a scrape, above what a busy disk needs.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

const EXCLUDED_TYPES: [&str; 26] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "erofs",
    "sysfs",
    "sysv",
    "tracefs",
    "overlay",
];
const EXCLUDED_FOLDERS: [&str; 3] = ["/dev", "/proc", "/sys"];
const EXCLUDED_BELOW: [&str; 3] = [
    "/run/credentials/",
    "/var/lib/docker/",
    "/var/lib/containers/storage/",
];

/// One line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    device: String,
    mountpoint: String,
    fstype: String,
    readonly: bool,
}

/// The mounts worth showing: node_exporter's defaults, but that an overlay at `/` is shown, because
/// it is all that a container has.
pub(crate) fn parse(text: &str) -> Vec<Mount> {
    let mut seen = BTreeSet::new();
    let parse = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (device, mountpoint, fstype) = (words.next()?, words.next()?, words.next()?);
        let readonly = words
            .next()
            .unwrap_or("")
            .split(',')
            .any(|option| option == "ro");
        let mountpoint = unescape(mountpoint);
        let type_excluded =
            EXCLUDED_TYPES.contains(&fstype) && !(fstype == "overlay" && mountpoint == "/");
        (!type_excluded && !is_excluded(&mountpoint)).then(|| Mount {
            device: unescape(device),
            mountpoint,
            fstype: fstype.to_owned(),
            readonly,
        })
    };
    text.lines()
        .filter_map(parse)
        // The same device may be mounted over itself: two equal label sets would not be valid.
        .filter(|mount| {
            seen.insert((
                mount.device.clone(),
                mount.mountpoint.clone(),
                mount.fstype.clone(),
            ))
        })
        .collect()
}

fn is_excluded(mountpoint: &str) -> bool {
    let is_at_or_below = |folder: &&str| {
        mountpoint
            .strip_prefix(*folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_below = |folder: &&str| {
        mountpoint
            .strip_prefix(*folder)
            .is_some_and(|rest| !rest.is_empty())
    };
    EXCLUDED_FOLDERS.iter().any(is_at_or_below) || EXCLUDED_BELOW.iter().any(is_below)
}

/// Takes back the `\040` that the kernel writes for a space, tab, line feed or backslash.
fn unescape(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = match bytes.get(at..at + 4) {
            Some([b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7']) => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        out.push(code.unwrap_or(*byte));
        at += if code.is_some() { 4 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Sizes in bytes and inode counts of a file system.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Space {
    size_bytes: f64,
    free_bytes: f64,
    avail_bytes: f64,
    files: f64,
    files_free: f64,
}

fn space_of(path: &std::path::Path) -> Result<Space, rustix::io::Errno> {
    let answer = rustix::fs::statvfs(path)?;
    let block_bytes = answer.f_frsize as f64;
    Ok(Space {
        size_bytes: answer.f_blocks as f64 * block_bytes,
        free_bytes: answer.f_bfree as f64 * block_bytes,
        avail_bytes: answer.f_bavail as f64 * block_bytes,
        files: answer.f_files as f64,
        files_free: answer.f_ffree as f64,
    })
}

type Answers = Receiver<Option<Space>>;

/// Asks for the space of mounts on a thread of its own.
#[derive(Debug)]
pub(crate) struct MountReader {
    root: PathBuf,
    /// The answers of a thread that was too slow; it is left alone until it ends.
    stuck: Mutex<Option<Answers>>,
}

impl MountReader {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            stuck: Mutex::new(None),
        }
    }

    pub(crate) fn collect(&self, source: &Source, sink: &mut Sink<'_>) -> Result<(), HostError> {
        const PATH: &str = "proc/1/mounts";
        // Process 1 has the view of the machine; in a container it may be hidden.
        let text = source
            .read(PATH)
            .or_else(|_| source.read("proc/self/mounts"))?;
        let mounts = found(parse(&text), PATH, "file system")?;
        let spaces = self.spaces(&mounts);
        emit(&mounts, &spaces, sink);
        Ok(())
    }

    /// One answer a mount; `None` where there is none in time.
    fn spaces(&self, mounts: &[Mount]) -> Vec<Option<Space>> {
        let mut spaces = vec![None; mounts.len()];
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answers) = stuck.as_ref() {
            let has_ended = loop {
                match answers.try_recv() {
                    Ok(_) => {}
                    Err(error) => break error == std::sync::mpsc::TryRecvError::Disconnected,
                }
            };
            if !has_ended {
                return spaces;
            }
            *stuck = None;
        }
        let (sender, answers) = channel();
        let paths: Vec<PathBuf> = mounts
            .iter()
            .map(|mount| self.root.join(mount.mountpoint.trim_start_matches('/')))
            .collect();
        let spawned = std::thread::Builder::new()
            .name("host-statvfs".to_owned())
            .spawn(move || {
                for path in paths {
                    if sender.send(space_of(&path).ok()).is_err() {
                        return;
                    }
                }
            });
        if spawned.is_err() {
            return spaces;
        }
        for space in &mut spaces {
            match answers.recv_timeout(ANSWER_WITHIN) {
                Ok(answer) => *space = answer,
                Err(RecvTimeoutError::Timeout) => {
                    *stuck = Some(answers);
                    break;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        spaces
    }
}

fn emit(mounts: &[Mount], spaces: &[Option<Space>], sink: &mut Sink<'_>) {
    type Field = fn(&Space) -> f64;
    const FAMILIES: [(&str, &str, Field); 5] = [
        (
            "node_filesystem_avail_bytes",
            "Bytes that users may take.",
            |s| s.avail_bytes,
        ),
        ("node_filesystem_files", "Inodes.", |s| s.files),
        ("node_filesystem_files_free", "Inodes that are free.", |s| {
            s.files_free
        }),
        ("node_filesystem_free_bytes", "Bytes that are free.", |s| {
            s.free_bytes
        }),
        ("node_filesystem_size_bytes", "Bytes.", |s| s.size_bytes),
    ];
    let labels = |mount: &Mount| {
        [
            ("device", mount.device.clone()),
            ("fstype", mount.fstype.clone()),
            ("mountpoint", mount.mountpoint.clone()),
        ]
    };
    for (name, help, field) in FAMILIES {
        for (mount, space) in mounts.iter().zip(spaces) {
            // Mounts without size (such as fuse portals) say nothing about space.
            let Some(space) = space.as_ref().filter(|space| space.size_bytes > 0.0) else {
                continue;
            };
            let labels = labels(mount);
            let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (*n, v.as_str())).collect();
            sink.gauge(name, help, &labels, field(space));
        }
    }
    for (mount, space) in mounts.iter().zip(spaces) {
        let labels = labels(mount);
        let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let help = "Whether the file system failed to say its size.";
        let failed = f64::from(u8::from(space.is_none()));
        sink.gauge("node_filesystem_device_error", help, &labels, failed);
    }
    for mount in mounts {
        let labels = labels(mount);
        let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let help = "Whether the file system is mounted read-only.";
        let readonly = f64::from(u8::from(mount.readonly));
        sink.gauge("node_filesystem_readonly", help, &labels, readonly);
    }
}
