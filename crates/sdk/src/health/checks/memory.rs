//! Whether there is memory left.
//!
//! ## Model
//! Of the control groups (version 2) that the process is in, from its own to the root, the one that is
//! fullest counts; what the kernel can take back at once (pages of files that are not in use) is not
//! counted as used, as kubelet does not. Where no group has a limit, the machine counts.

use std::fs;
use std::path::{Path, PathBuf};

use crate::health::Outcome;

/// Where the kernel tells.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) proc: PathBuf,
    pub(crate) cgroup: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            proc: "/proc".into(),
            cgroup: "/sys/fs/cgroup".into(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Memory {
    used_bytes: u64,
    limit_bytes: u64,
}

impl Memory {
    fn share(self) -> f64 {
        self.used_bytes as f64 / self.limit_bytes as f64
    }
}

/// Looks how much is used.
pub(crate) fn look(places: &Places, used_share_max: f64) -> Outcome {
    let Some(memory) = of_groups(places).or_else(|| of_machine(places)) else {
        let proc = places.proc.display();
        return Outcome::Down(format!("{proc}/meminfo cannot be read"));
    };
    if memory.share() <= used_share_max {
        return Outcome::Up;
    }
    Outcome::Down(format!(
        "{:.1} % of {} bytes of memory are used, want at most {:.1} %",
        memory.share() * 100.0,
        memory.limit_bytes,
        used_share_max * 100.0
    ))
}

fn of_groups(places: &Places) -> Option<Memory> {
    let own = fs::read_to_string(places.proc.join("self/cgroup")).ok()?;
    // Version 2 has the only line without a number and a name.
    let path = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let own = places.cgroup.join(path);
    let groups = own
        .ancestors()
        .take_while(|it| it.starts_with(&places.cgroup));
    let memories = groups.filter_map(of_group);
    memories.max_by(|one, other| one.share().total_cmp(&other.share()))
}

/// `None`: it has no limit.
fn of_group(group: &Path) -> Option<Memory> {
    let read = |name| fs::read_to_string(group.join(name)).ok();
    let limit_bytes: u64 = read("memory.max")?.trim().parse().ok()?;
    let current: u64 = read("memory.current")?.trim().parse().ok()?;
    let unused = read("memory.stat").and_then(|stat| number_of(&stat, "inactive_file"));
    (limit_bytes > 0).then_some(Memory {
        used_bytes: current.saturating_sub(unused.unwrap_or(0)),
        limit_bytes,
    })
}

fn of_machine(places: &Places) -> Option<Memory> {
    let info = fs::read_to_string(places.proc.join("meminfo")).ok()?;
    // Both are in KiB.
    let all = number_of(&info, "MemTotal:").filter(|it| *it > 0)?;
    let available = number_of(&info, "MemAvailable:")?;
    Some(Memory {
        used_bytes: all.saturating_sub(available) << 10,
        limit_bytes: all << 10,
    })
}

fn number_of(text: &str, name: &str) -> Option<u64> {
    let mut words = text.lines().map(str::split_whitespace);
    words.find_map(|mut words| {
        let is_it = words.next() == Some(name);
        is_it.then(|| words.next())?.and_then(|it| it.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, Places) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let places = Places {
            proc: folder.path().join("proc"),
            cgroup: folder.path().join("cgroup"),
        };
        (folder, places)
    }

    const MEMINFO: &str = "MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:     400 kB\n";

    #[test]
    fn the_fullest_group_counts() {
        let (_folder, places) = machine(&[
            ("proc/self/cgroup", "1:name=systemd:/x\n0::/pod/box\n"),
            ("proc/meminfo", MEMINFO),
            ("cgroup/memory.max", "1\n"),
            ("cgroup/pod/memory.max", "2000\n"),
            ("cgroup/pod/memory.current", "1800\n"),
            ("cgroup/pod/box/memory.max", "1000\n"),
            ("cgroup/pod/box/memory.current", "900\n"),
            ("cgroup/pod/box/memory.stat", "anon 1\ninactive_file 400\n"),
        ]);
        assert_eq!(
            look(&places, 0.8),
            Outcome::down("90.0 % of 2000 bytes of memory are used, want at most 80.0 %")
        );
        assert_eq!(look(&places, 0.9), Outcome::Up);
    }

    #[test]
    fn without_a_limit_the_machine_counts() {
        let (_folder, places) = machine(&[
            ("proc/self/cgroup", "0::/\n"),
            ("proc/meminfo", MEMINFO),
            ("cgroup/memory.max", "max\n"),
            ("cgroup/memory.current", "900\n"),
        ]);
        assert_eq!(
            look(&places, 0.5),
            Outcome::down("60.0 % of 1024000 bytes of memory are used, want at most 50.0 %")
        );
        let (_folder, places) = machine(&[]);
        let (_, reason) = look(&places, 0.5).into_parts();
        assert!(reason.ends_with("proc/meminfo cannot be read"), "{reason}");
    }

    #[test]
    fn this_machine_can_be_read() {
        assert_eq!(look(&Places::default(), 1.0), Outcome::Up);
    }
}
