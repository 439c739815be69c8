//! The dashboards of a running server: those of the configuration's files, and those that people save.
//!
//! ## Model
//! [`DashboardsProgram::open`] reads the folder of saved ones, [`DashboardsProgram::apply`] takes those of a configuration.
//! Readers see one list that is replaced as a whole.
//!
//! ## Invariants
//! Changes come one after another. What was answered for is on disk. A dashboard of a file stands before a saved one of
//! the same uid, which is kept.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use arc_swap::ArcSwap;
use bellwether_config::{Config, DashboardFile, dashboard_of_yaml};
use bellwether_dashboards::{Dashboard, Problem};
use bellwether_model::short;
use bellwether_server::{
    BoxFuture, DashboardError, DashboardKeeper, DashboardSource, KeptDashboard,
};
use bellwether_storage::{Clock, Disk};

use crate::dashboard_folder::DashboardFolder;
use crate::told;

/// Most dashboards that are saved. Chosen: with the largest that there are, 2 GiB.
const SAVED_MAX: usize = 5_000;

/// See the module's page. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct DashboardsProgram(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: DashboardFolder,
    clock: Arc<dyn Clock>,
    all: ArcSwap<All>,
    /// Held over a whole change or reload: one after another.
    turn: tokio::sync::Mutex<()>,
}

/// What there is, by uid.
#[derive(Debug, Clone, Default)]
struct All {
    of_files: BTreeMap<String, Arc<KeptDashboard>>,
    saved: BTreeMap<String, Arc<KeptDashboard>>,
    /// Uids whose files cannot be read, and are not written over.
    damaged: HashSet<String>,
}

impl All {
    fn get(&self, uid: &str) -> Option<&Arc<KeptDashboard>> {
        self.of_files.get(uid).or_else(|| self.saved.get(uid))
    }

    /// Why a dashboard that people save cannot have this uid.
    fn refusal(&self, uid: &str) -> Option<DashboardError> {
        if let Some(kept) = self.of_files.get(uid)
            && let DashboardSource::File(file) = &kept.source
        {
            return Some(DashboardError::Refused(format!(
                "dashboard {:?} is that of the file {}, and read only: change the file and reload the configuration, or save it with another uid",
                short(uid),
                short(file)
            )));
        }
        self.damaged.contains(uid).then(|| {
            DashboardError::Failed(format!(
                "the file of dashboard {:?} cannot be read, as the log says: move it away first",
                short(uid)
            ))
        })
    }
}

impl DashboardsProgram {
    /// Reads what was saved below the data folder.
    pub(crate) fn open(disk: Arc<dyn Disk>, data: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        let folder = DashboardFolder::new(disk, data);
        let found = folder.read_all()?;
        let saved = found
            .dashboards
            .into_iter()
            .map(|kept| (kept.dashboard.uid.clone(), Arc::new(kept)));
        let all = All {
            saved: saved.collect(),
            damaged: found.damaged.into_iter().collect(),
            of_files: BTreeMap::new(),
        };
        Ok(Self(Arc::new(Inner {
            folder,
            clock,
            all: ArcSwap::from_pointee(all),
            turn: tokio::sync::Mutex::default(),
        })))
    }

    /// Goes on with the dashboards of another configuration.
    pub(crate) async fn apply(&self, config: &Config) {
        let _turn = self.0.turn.lock().await;
        let mut all = All::clone(&self.0.all.load());
        all.of_files = config.dashboards.iter().map(of_file).collect();
        for uid in all
            .of_files
            .keys()
            .filter(|uid| all.saved.contains_key(*uid))
        {
            tracing::warn!(
                uid,
                "a dashboard of a file has the uid of a saved one, which is not shown meanwhile"
            );
        }
        self.0.all.store(Arc::new(all));
    }

    async fn save_now(
        self,
        dashboard: Dashboard,
        version: u64,
        by: Option<String>,
    ) -> Result<Arc<KeptDashboard>, DashboardError> {
        let _turn = self.0.turn.lock().await;
        let mut all = All::clone(&self.0.all.load());
        let uid = dashboard.uid.clone();
        if let Some(refusal) = all.refusal(&uid) {
            return Err(refusal);
        }
        let known = all.saved.get(&uid).map_or(0, |kept| kept.version);
        check_version(&uid, known, version)?;
        if known == 0 && all.saved.len() >= SAVED_MAX {
            return Err(DashboardError::Refused(format!(
                "{SAVED_MAX} dashboards are saved, and no more are taken: take one away first"
            )));
        }
        let time_ms = self.0.clock.now_ms();
        let kept = Arc::new(KeptDashboard {
            dashboard,
            source: DashboardSource::Saved { time_ms, by },
            version: known + 1,
        });
        let (folder, written) = (self.0.folder.clone(), Arc::clone(&kept));
        blocking(move || folder.write(&written)).await?;
        all.saved.insert(uid, Arc::clone(&kept));
        self.0.all.store(Arc::new(all));
        Ok(kept)
    }

    async fn remove_now(self, uid: String, version: Option<u64>) -> Result<(), DashboardError> {
        let _turn = self.0.turn.lock().await;
        let mut all = All::clone(&self.0.all.load());
        if let Some(refusal) = all.refusal(&uid) {
            return Err(refusal);
        }
        let Some(kept) = all.saved.get(&uid) else {
            return Err(DashboardError::NotFound(short(&uid).to_string()));
        };
        if let Some(version) = version {
            check_version(&uid, kept.version, version)?;
        }
        let (folder, removed) = (self.0.folder.clone(), uid.clone());
        blocking(move || folder.remove(&removed)).await?;
        all.saved.remove(&uid);
        self.0.all.store(Arc::new(all));
        Ok(())
    }
}

/// Refuses to change another version than the one that was read.
fn check_version(uid: &str, known: u64, version: u64) -> Result<(), DashboardError> {
    if known == version {
        return Ok(());
    }
    let uid = short(uid);
    Err(DashboardError::Conflict(match (known, version) {
        (0, _) => {
            format!("dashboard {uid:?} is not there any more: want version 0, which makes it anew")
        }
        (known, 0) => format!(
            "there is a dashboard {uid:?} already, of version {known}: want that version, or another uid"
        ),
        _ => {
            format!("dashboard {uid:?} was saved meanwhile: its version is {known}, not {version}")
        }
    }))
}

fn of_file(of: &DashboardFile) -> (String, Arc<KeptDashboard>) {
    let dashboard = of.imported.dashboard.clone();
    let kept = KeptDashboard {
        source: DashboardSource::File(of.file.display().to_string()),
        version: 0,
        dashboard,
    };
    (kept.dashboard.uid.clone(), Arc::new(kept))
}

impl DashboardKeeper for DashboardsProgram {
    fn list(&self) -> Vec<Arc<KeptDashboard>> {
        let all = self.0.all.load();
        let saved = all.saved.iter();
        let saved = saved.filter(|(uid, _)| !all.of_files.contains_key(*uid));
        let mut list: Vec<_> = all
            .of_files
            .values()
            .cloned()
            .chain(saved.map(|(_, kept)| Arc::clone(kept)))
            .collect();
        list.sort_by_cached_key(|kept| {
            let of = &kept.dashboard;
            (of.title.to_lowercase(), of.uid.clone())
        });
        list
    }

    fn get(&self, uid: &str) -> Option<Arc<KeptDashboard>> {
        self.0.all.load().get(uid).cloned()
    }

    fn save(
        &self,
        dashboard: Dashboard,
        version: u64,
        by: Option<String>,
    ) -> BoxFuture<Result<Arc<KeptDashboard>, DashboardError>> {
        // To its end even where nobody waits for it any more.
        let task = tokio::spawn(self.clone().save_now(dashboard, version, by));
        Box::pin(async move {
            task.await
                .unwrap_or_else(|error| Err(failed(&error.into())))
        })
    }

    fn remove(&self, uid: String, version: Option<u64>) -> BoxFuture<Result<(), DashboardError>> {
        let task = tokio::spawn(self.clone().remove_now(uid, version));
        Box::pin(async move {
            task.await
                .unwrap_or_else(|error| Err(failed(&error.into())))
        })
    }

    fn read_yaml(&self, text: &str) -> Result<Dashboard, Vec<Problem>> {
        dashboard_of_yaml(text)
    }
}

/// Runs work on a blocking thread.
async fn blocking(
    work: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<(), DashboardError> {
    let done = tokio::task::spawn_blocking(work).await;
    match done {
        Ok(done) => done.map_err(|error| failed(&error)),
        Err(error) => Err(failed(&error.into())),
    }
}

fn failed(error: &anyhow::Error) -> DashboardError {
    let error = told(error);
    tracing::error!("a dashboard cannot be changed: {error}");
    DashboardError::Failed(error)
}

#[cfg(test)]
mod tests {
    use bellwether_config::{LoadOptions, Origin, load_text};
    use bellwether_storage::{FaultyDisk, ManualClock, Survives};

    use super::*;

    fn open(disk: &FaultyDisk) -> DashboardsProgram {
        let clock = Arc::new(ManualClock::new(7_000));
        DashboardsProgram::open(Arc::new(disk.clone()), Path::new("/data"), clock).unwrap()
    }

    fn by(by: Option<String>) -> DashboardSource {
        DashboardSource::Saved { time_ms: 7_000, by }
    }

    fn named(uid: &str, title: &str) -> Dashboard {
        Dashboard {
            uid: uid.to_owned(),
            title: title.to_owned(),
            ..Dashboard::default()
        }
    }

    #[tokio::test]
    async fn versions_are_counted_and_others_refused() {
        let disk = FaultyDisk::new();
        let program = open(&disk);
        let first = program.save(named("a", "A"), 0, None).await.unwrap();
        assert_eq!((first.version, &first.source), (1, &by(None)));
        let again = program.save(named("a", "B"), 0, None).await.unwrap_err();
        assert!(matches!(again, DashboardError::Conflict(_)), "{again}");
        let somebody = Some("ada".to_owned());
        let second = program.save(named("a", "B"), 1, somebody.clone()).await;
        assert_eq!(second.unwrap().version, 2);
        let old = program.remove("a".to_owned(), Some(1)).await.unwrap_err();
        assert!(matches!(old, DashboardError::Conflict(_)), "{old}");
        // A restart sees what was answered for.
        let restarted = open(&disk.after_crash(Survives::Synced));
        assert_eq!(restarted.get("a").unwrap().dashboard.title, "B");
        assert_eq!(restarted.get("a").unwrap().version, 2);
        assert_eq!(restarted.get("a").unwrap().source, by(somebody));
        restarted.remove("a".to_owned(), None).await.unwrap();
        assert!(restarted.get("a").is_none());
        let gone = restarted.remove("a".to_owned(), None).await.unwrap_err();
        assert_eq!(gone, DashboardError::NotFound("a".to_owned()));
    }

    #[tokio::test]
    async fn those_of_files_come_first_and_are_read_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yml"), "uid: a\ntitle: Of a file\n").unwrap();
        let origin = Origin {
            file: "bellwether.yml".to_owned(),
            folder: folder.path().to_owned(),
        };
        let load = |text: &str| {
            load_text(text, &origin, &LoadOptions::default())
                .unwrap()
                .config
        };
        let program = open(&FaultyDisk::new());
        program.save(named("a", "Saved"), 0, None).await.unwrap();
        program.save(named("b", "Another"), 0, None).await.unwrap();
        program.apply(&load("dashboards: ['*.yml']\n")).await;
        let titles: Vec<String> = program
            .list()
            .iter()
            .map(|it| it.dashboard.title.clone())
            .collect();
        assert_eq!(titles, ["Another", "Of a file"]);
        let refused = program.save(named("a", "x"), 1, None).await.unwrap_err();
        assert!(refused.to_string().contains("read only"), "{refused}");
        assert!(program.remove("a".to_owned(), None).await.is_err());
        program.apply(&load("dashboards: []\n")).await;
        assert_eq!(program.get("a").unwrap().dashboard.title, "Saved");
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_not_shown() {
        let disk = FaultyDisk::new();
        let program = open(&disk);
        disk.plant(disk.operations(), bellwether_storage::Fault::NoSpace);
        let failed = program.save(named("a", "A"), 0, None).await.unwrap_err();
        assert!(matches!(failed, DashboardError::Failed(_)), "{failed}");
        assert!(program.get("a").is_none());
    }
}
