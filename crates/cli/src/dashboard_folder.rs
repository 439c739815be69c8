//! The folder of dashboards that people save: one JSON file each.
//!
//! ## Invariants
//! A file is written beside the old one, synced and renamed over it. What was written is durable when
//! [`DashboardFolder::write`] returns.
//!
//! ## Failure
//! A file that cannot be read is said and left out; it is never overwritten.
//!
//! ## Format
//! docs/format/dashboards.md

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use bellwether_dashboards::form::Style;
use bellwether_dashboards::node::{JSON_BYTES_MAX, Node};
use bellwether_dashboards::{read_node, to_json, uid_problem};
use bellwether_server::{DashboardSource, KeptDashboard};
use bellwether_storage::Disk;
use serde_json::{Value, json};

use crate::{told, whole_file};

const ENDING: &str = ".json";
const FORMAT: u64 = 1;

/// See the module's page.
#[derive(Debug, Clone)]
pub(crate) struct DashboardFolder {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

/// What there is in the folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What can be shown.
    pub(crate) dashboards: Vec<KeptDashboard>,
    /// Uids whose files cannot be read.
    pub(crate) damaged: Vec<String>,
}

impl DashboardFolder {
    /// The folder below the data folder; it is made when something is written.
    pub(crate) fn new(disk: Arc<dyn Disk>, data: &Path) -> Self {
        Self {
            disk,
            folder: data.join("dashboards"),
        }
    }

    /// All dashboards. Those that cannot be read are said.
    pub(crate) fn read_all(&self) -> Result<Found> {
        let place = self.folder.display();
        let entries = self
            .disk
            .list(&self.folder)
            .with_context(|| format!("cannot look into {place}"))?;
        let mut found = Found::default();
        for entry in entries {
            let Some(uid) = entry.name.strip_suffix(ENDING) else {
                continue;
            };
            match self.read(uid) {
                Ok(kept) => found.dashboards.push(kept),
                Err(error) => {
                    let error = told(&error);
                    tracing::error!(
                        "{place}/{}: {error}; this dashboard is left out",
                        entry.name
                    );
                    found.damaged.push(uid.to_owned());
                }
            }
        }
        Ok(found)
    }

    fn read(&self, uid: &str) -> Result<KeptDashboard> {
        let bytes = self.disk.read(&self.path(uid)?)?;
        let bytes = bytes.as_ref();
        // What stands around a dashboard takes less than the dashboard can be made of.
        if bytes.len() > 2 * JSON_BYTES_MAX {
            bail!(
                "has {} bytes: at most {} are read",
                bytes.len(),
                2 * JSON_BYTES_MAX
            );
        }
        let value: Value = serde_json::from_slice(bytes)?;
        let number = |key: &str| value.get(key).and_then(Value::as_u64);
        match number("format") {
            Some(FORMAT) => {}
            Some(other) => {
                bail!("is of format {other}: want {FORMAT}; was it written by a later version?")
            }
            None => bail!("says no format"),
        }
        let dashboard = value.get("dashboard").context("has no dashboard")?;
        let dashboard = read_node(&Node::of_json(dashboard), Style::Json).map_err(|problems| {
            let first = problems.first().map(ToString::to_string);
            anyhow::anyhow!("{}", first.unwrap_or_default())
        })?;
        if dashboard.uid != uid {
            bail!(
                "holds the dashboard {:?}, not that of its name",
                dashboard.uid
            );
        }
        let time_ms = number("savedMs").and_then(|ms| i64::try_from(ms).ok());
        let by = value.get("savedBy").and_then(Value::as_str);
        Ok(KeptDashboard {
            dashboard,
            source: DashboardSource::Saved {
                time_ms: time_ms.unwrap_or_default(),
                by: by.map(str::to_owned),
            },
            version: number("version")
                .filter(|it| *it > 0)
                .context("says no version")?,
        })
    }

    /// Puts a dashboard in the place of that of its uid. Durable when it returns.
    pub(crate) fn write(&self, kept: &KeptDashboard) -> Result<()> {
        let path = self.path(&kept.dashboard.uid)?;
        let DashboardSource::Saved { time_ms, by } = &kept.source else {
            bail!("it belongs to a file");
        };
        let value = json!({
            "format": FORMAT,
            "version": kept.version,
            "savedMs": time_ms,
            "savedBy": by,
            "dashboard": to_json(&kept.dashboard),
        });
        let text = format!("{value:#}\n");
        whole_file::write(self.disk.as_ref(), &path, text.as_bytes())
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes a dashboard. Durable when it returns.
    pub(crate) fn remove(&self, uid: &str) -> Result<()> {
        let path = self.path(uid)?;
        let removed = self.disk.remove_file(&path);
        removed
            .and_then(|()| self.disk.sync_folder(&self.folder))
            .with_context(|| format!("cannot remove {}", path.display()))
    }

    fn path(&self, uid: &str) -> Result<PathBuf> {
        if let Some(reason) = uid_problem(uid) {
            bail!("uid: {reason}");
        }
        Ok(self.folder.join(format!("{uid}{ENDING}")))
    }
}

#[cfg(test)]
mod tests {
    use bellwether_dashboards::Dashboard;
    use bellwether_storage::{Fault, FaultyDisk, Survives};

    use super::*;

    fn dashboard(uid: &str, title: &str) -> Dashboard {
        Dashboard {
            uid: uid.to_owned(),
            title: title.to_owned(),
            ..Dashboard::default()
        }
    }

    fn kept(uid: &str, title: &str, version: u64) -> KeptDashboard {
        KeptDashboard {
            dashboard: dashboard(uid, title),
            source: DashboardSource::Saved {
                time_ms: 5,
                by: None,
            },
            version,
        }
    }

    fn open(disk: &FaultyDisk) -> DashboardFolder {
        DashboardFolder::new(Arc::new(disk.clone()), Path::new("/data"))
    }

    fn title(folder: &DashboardFolder) -> Option<(String, u64)> {
        let found = folder.read_all().unwrap();
        assert!(found.damaged.is_empty());
        let first = found.dashboards.first()?;
        Some((first.dashboard.title.clone(), first.version))
    }

    /// A change that fails or dies at any operation leaves the old dashboard or the new one, and the new one once it
    /// was answered for.
    #[test]
    fn a_crash_leaves_the_old_dashboard_or_the_new() {
        for fault in [
            Fault::Crash,
            Fault::CrashInWrite,
            Fault::NoSpace,
            Fault::SyncFails,
        ] {
            for operation in 0.. {
                let disk = FaultyDisk::new();
                open(&disk).write(&kept("a", "old", 1)).unwrap();
                let before = disk.operations();
                disk.plant(before + operation, fault);
                let done = open(&disk).write(&kept("a", "new", 2)).is_ok();
                let reached = disk.operations() > before + operation;
                for survives in [
                    Survives::Everything,
                    Survives::Synced,
                    Survives::SyncedAndSome,
                ] {
                    let found = title(&open(&disk.after_crash(survives)));
                    let place = format!("{fault:?} at {operation}, {survives:?}: {found:?}");
                    let is = |title: &str, version| found == Some((title.to_owned(), version));
                    assert!(is("new", 2) || (!done && is("old", 1)), "{place}");
                }
                if !reached {
                    break;
                }
            }
        }
    }

    #[test]
    fn damaged_files_are_left_out_and_told() {
        let disk = FaultyDisk::new();
        let folder = open(&disk);
        folder.write(&kept("a", "A", 1)).unwrap();
        for (name, text) in [
            ("b.json", "{"),
            (
                "c.json",
                r#"{ "format": 2, "version": 1, "dashboard": {} }"#,
            ),
            (
                "d.json",
                r#"{ "format": 1, "version": 1, "dashboard": { "uid": "a", "title": "A" } }"#,
            ),
            ("e.json.tmp", "x"),
        ] {
            let path = Path::new("/data/dashboards").join(name);
            whole_file::write(folder.disk.as_ref(), &path, text.as_bytes()).unwrap();
        }
        let mut found = folder.read_all().unwrap();
        found.damaged.sort();
        assert_eq!(found.damaged, ["b", "c", "d"]);
        assert_eq!(found.dashboards.len(), 1);
        folder.remove("a").unwrap();
        assert!(folder.read_all().unwrap().dashboards.is_empty());
        assert!(folder.write(&kept("../a", "A", 1)).is_err());
    }
}
