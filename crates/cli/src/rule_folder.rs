//! The folder of rules that people edit through the API: one rule file for each namespace.
//!
//! ## Model
//! `<data>/rules/<namespace>.yml`, where each byte of a namespace that is not a letter, digit, `_`,
//! `-` or `.` stands as `%` and two hexadecimal digits, and so does a dot at the beginning. No
//! namespace can name a file elsewhere, and each has one file only.
//!
//! ## Invariants
//! A file is written beside the old one, synced and renamed over it: after a crash the old one or the
//! new one is there, whole. What was written is durable when [`RuleFolder::write`] returns.
//!
//! ## Failure
//! A file that nobody can have written through the API is an error with its name, never skipped: it
//! may hold alerts that somebody counts on.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bellwether_config::yaml::SOURCE_BYTES_MAX;
use bellwether_model::short;
use bellwether_storage::Disk;

use crate::whole_file;

/// What the name of a file ends in.
const ENDING: &str = ".yml";
/// Bytes of the name of a file without its endings. File systems take 255 with them.
const NAME_BYTES_MAX: usize = 240;

/// See the module's page.
#[derive(Debug, Clone)]
pub(crate) struct RuleFolder {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl RuleFolder {
    /// The folder below the data folder; it is made when something is written.
    pub(crate) fn new(disk: Arc<dyn Disk>, data: &Path) -> Self {
        Self {
            disk,
            folder: data.join("rules"),
        }
    }

    /// The rule files of all namespaces, with their names.
    pub(crate) fn read_all(&self) -> Result<Vec<(String, String)>> {
        let place = self.folder.display();
        let entries = self
            .disk
            .list(&self.folder)
            .with_context(|| format!("cannot look into {place}"))?;
        let mut namespaces = Vec::new();
        for entry in entries {
            let Some(stem) = entry.name.strip_suffix(ENDING) else {
                continue;
            };
            let namespace = decoded(stem).with_context(|| {
                format!(
                    "{place}/{}: not the name of a namespace's file: bytes other than letters, \
                     digits, _ - and . stand as % and two hexadecimal digits",
                    entry.name
                )
            })?;
            if let Some(text) = self.read(&namespace)? {
                namespaces.push((namespace, text));
            }
        }
        Ok(namespaces)
    }

    /// The rule file of a namespace as it is now; `None`: there is none.
    pub(crate) fn read(&self, namespace: &str) -> Result<Option<String>> {
        let path = self.path(namespace)?;
        let bytes = match self.disk.read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| format!("cannot read {}", path.display()))?,
        };
        if bytes.len() > SOURCE_BYTES_MAX {
            let (size, path) = (bytes.len(), path.display());
            bail!("{path} has {size} bytes: at most {SOURCE_BYTES_MAX} are read");
        }
        let text = std::str::from_utf8(&bytes).with_context(|| path.display().to_string())?;
        Ok(Some(text.to_owned()))
    }

    /// Puts a rule file in the place of that of a namespace. Durable when it returns.
    pub(crate) fn write(&self, namespace: &str, text: &str) -> Result<()> {
        let path = self.path(namespace)?;
        whole_file::write(self.disk.as_ref(), &path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes the file of a namespace. Durable when it returns.
    pub(crate) fn remove(&self, namespace: &str) -> Result<()> {
        let path = self.path(namespace)?;
        let removed = self.disk.remove_file(&path);
        removed
            .and_then(|()| self.disk.sync_folder(&self.folder))
            .with_context(|| format!("cannot remove {}", path.display()))
    }

    /// The file of a namespace.
    ///
    /// # Errors
    /// Where the name is none that a namespace can have.
    pub(crate) fn path(&self, namespace: &str) -> Result<PathBuf> {
        let mut name = encoded(namespace);
        if namespace.is_empty() {
            bail!("a namespace needs a name");
        }
        // Groups are told apart by paths, of which `a//b` and `a/b` are the same.
        let path: PathBuf = Path::new(namespace).components().collect();
        if path.as_os_str() != namespace {
            bail!(
                "namespace {:?}: a slash must stand between two names, and a name that is a dot at \
                 the beginning only: {:?} would do",
                short(namespace),
                short(&path.to_string_lossy())
            );
        }
        if name.len() > NAME_BYTES_MAX {
            bail!(
                "namespace {:?}: the name of its file would have {} bytes: at most {NAME_BYTES_MAX} \
                 are taken, and a byte that is no letter, digit, _ - or . counts three times",
                short(namespace),
                name.len()
            );
        }
        name.push_str(ENDING);
        Ok(self.folder.join(name))
    }
}

/// The name of a file that stands for a namespace, without its ending.
fn encoded(namespace: &str) -> String {
    let mut name = String::with_capacity(namespace.len());
    for (index, byte) in namespace.bytes().enumerate() {
        if byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-')
            || (byte == b'.' && index > 0)
        {
            name.push(char::from(byte));
        } else {
            // Writing into a String cannot fail.
            let _infallible = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The namespace that a name of a file stands for; `None` where [`encoded`] gives no such name.
fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let namespace = String::from_utf8(bytes).ok()?;
    (!namespace.is_empty() && encoded(&namespace) == name).then_some(namespace)
}

#[cfg(test)]
mod tests {
    use bellwether_storage::{Fault, FaultyDisk, Survives};

    use super::*;

    const DATA: &str = "/data";

    fn text(group: &str) -> String {
        format!("groups:\n- name: {group}\n")
    }

    fn open(disk: &FaultyDisk) -> RuleFolder {
        RuleFolder::new(Arc::new(disk.clone()), Path::new(DATA))
    }

    fn groups(folder: &RuleFolder, namespace: &str) -> Option<String> {
        let all = folder.read_all().unwrap();
        let (_, text) = all.into_iter().find(|(name, _)| name == namespace)?;
        let group = text.strip_prefix("groups:\n- name: ")?;
        Some(group.trim_end().to_owned())
    }

    #[test]
    fn a_name_has_one_file_and_it_is_in_the_folder() {
        let check = |namespace: &str, file: &str| {
            assert_eq!(encoded(namespace), file);
            assert_eq!(decoded(file).as_deref(), Some(namespace));
        };
        check("team-a_1.x", "team-a_1.x");
        check("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd");
        check(".", "%2E");
        check("a b/ü%", "a%20b%2F%C3%BC%25");
        check("x.yml", "x.yml");
        check("\0\n", "%00%0A");
        for foreign in ["", "a b", "%2e", "%61", "%", "%4", "%FF", "ü", ".x"] {
            assert_eq!(decoded(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn names_that_no_file_can_have_are_refused() {
        let folder = open(&FaultyDisk::new());
        folder.write(&"a".repeat(240), &text("g")).unwrap();
        let error = folder.write(&" ".repeat(81), &text("g")).unwrap_err();
        assert!(
            error.to_string().contains("243 bytes: at most 240"),
            "{error}"
        );
        let error = folder.write("", &text("g")).unwrap_err();
        assert_eq!(error.to_string(), "a namespace needs a name");
        for name in ["a//b", "a/", "a/./b", "//"] {
            let error = folder.write(name, &text("g")).unwrap_err();
            assert!(error.to_string().contains("would do"), "{error}");
        }
        for name in [".", "..", "../x", "/a/b", "./a"] {
            folder.write(name, &text("g")).unwrap();
        }
    }

    #[test]
    fn what_is_foreign_or_broken_is_said_with_its_name() {
        let disk = FaultyDisk::new();
        let folder = open(&disk);
        folder.write("a", &text("g")).unwrap();
        let put = |name: &str, text: &str| {
            let mut file = disk.create(&Path::new("/data/rules").join(name)).unwrap();
            file.append(text.as_bytes()).unwrap();
        };
        put("notes.txt", "not ours");
        put("b.yml.tmp", "half of a fi");
        assert_eq!(folder.read_all().unwrap().len(), 1);
        put("my rules.yml", "groups: []\n");
        let error = format!("{:#}", folder.read_all().unwrap_err());
        assert!(
            error.contains("/data/rules/my rules.yml: not the name"),
            "{error}"
        );
        disk.remove_file(Path::new("/data/rules/my rules.yml"))
            .unwrap();
        let mut file = disk.create(Path::new("/data/rules/b.yml")).unwrap();
        file.append(b"groups: \xff").unwrap();
        let error = format!("{:#}", folder.read_all().unwrap_err());
        assert!(
            error.contains("/data/rules/b.yml: invalid utf-8"),
            "{error}"
        );
    }

    /// A change that fails or dies at any operation leaves the old groups or the new ones, and the
    /// new ones once it was answered for.
    #[test]
    fn a_crash_leaves_the_old_groups_or_the_new() {
        let changes: [fn(&RuleFolder) -> Result<()>; 2] = [
            |folder| folder.write("ns", &text("new")),
            |folder| folder.remove("ns"),
        ];
        for (change, after) in changes.into_iter().zip([Some("new"), None]) {
            for fault in [
                Fault::Crash,
                Fault::CrashInWrite,
                Fault::NoSpace,
                Fault::SyncFails,
            ] {
                for operation in 0.. {
                    let disk = FaultyDisk::new();
                    open(&disk).write("ns", &text("old")).unwrap();
                    let before = disk.operations();
                    disk.plant(before + operation, fault);
                    let done = change(&open(&disk)).is_ok();
                    let reached = disk.operations() > before + operation;
                    for survives in [
                        Survives::Everything,
                        Survives::Synced,
                        Survives::SyncedAndSome,
                    ] {
                        let found = groups(&open(&disk.after_crash(survives)), "ns");
                        let found = found.as_deref();
                        let place = format!("{fault:?} at {operation}, {survives:?}: {found:?}");
                        assert!(found == after || (!done && found == Some("old")), "{place}");
                    }
                    if !reached {
                        break;
                    }
                }
            }
        }
    }
}
