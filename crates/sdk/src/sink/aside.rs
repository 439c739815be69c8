//! Names of files that were put aside.
//!
//! ## Model
//! `events.jsonl` becomes `events-20261129T062147.123Z-000001.jsonl`, and compressed that with `.gz`. Sorted
//! by name they are sorted by time.
//!
//! ## Invariants
//! Nothing else in the folder has such a name: what is not ours is never compressed and never removed.

use std::path::Path;

use crate::clock::put_time;

/// The time without what file systems and shells do not like, `0` for a digit, and a number.
const MIDDLE: &str = "00000000T000000.000Z-000000";
/// Behind the name of a file that is compressed, and while it is.
pub(crate) const COMPRESSED: &str = ".gz";
pub(crate) const PART: &str = ".gz.part";

/// How the files of one sink are named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AsideNames {
    prefix: String,
    suffix: String,
}

impl AsideNames {
    /// Those of the files that are put aside of one.
    pub(crate) fn of(path: &Path) -> Self {
        let stem = path.file_stem().unwrap_or_default();
        let extension = path.extension();
        Self {
            prefix: format!("{}-", stem.to_string_lossy()),
            suffix: extension.map_or(String::new(), |it| format!(".{}", it.to_string_lossy())),
        }
    }

    /// The name of one that is put aside at a time; `number` tells those of one millisecond apart.
    pub(crate) fn make(&self, now_ms: i64, number: u32) -> String {
        let mut time = Vec::new();
        put_time(&mut time, now_ms);
        time.retain(|byte| !matches!(byte, b'-' | b':'));
        let time = String::from_utf8_lossy(&time);
        let number = number % 1_000_000;
        format!("{}{time}-{number:06}{}", self.prefix, self.suffix)
    }

    /// Whether a file was put aside and is not compressed.
    pub(crate) fn is_plain(&self, name: &str) -> bool {
        let middle = name
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_suffix(&self.suffix));
        middle.is_some_and(|middle| {
            let fits = |(byte, form): (u8, u8)| match form {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            };
            middle.len() == MIDDLE.len() && middle.bytes().zip(MIDDLE.bytes()).all(fits)
        })
    }

    /// Whether a file was put aside, compressed or not; one that is being compressed does not count.
    pub(crate) fn is_one(&self, name: &str) -> bool {
        self.is_plain(name.strip_suffix(COMPRESSED).unwrap_or(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_files_are_ours() {
        let names = AsideNames::of(Path::new("/var/log/events.jsonl"));
        let name = names.make(1_795_933_307_123, 1_000_007);
        assert_eq!(name, "events-20261129T062147.123Z-000007.jsonl");
        assert!(names.is_plain(&name) && names.is_one(&name));
        let compressed = format!("{name}.gz");
        assert!(!names.is_plain(&compressed) && names.is_one(&compressed));
        for other in [
            "events.jsonl",
            "events-audit.jsonl",
            "events-config.json",
            "events-20261129.jsonl",
            "events-audit-20261129T062147.123Z-000007.jsonl",
            "events-20261129T062147.123Z-000007.jsonl.gz.part",
            "events-2026112éT062147.123Z-00000.jsonl",
        ] {
            assert!(!names.is_one(other), "{other}");
        }
        let bare = AsideNames::of(Path::new("events"));
        assert!(bare.is_one(&bare.make(0, 1)));
    }
}
