//! Leases and logs of several replicas in one folder.

use bellwether_storage::{Fault, FaultyDisk, ManualClock, RealDisk, Survives};

use super::*;
use crate::replica::entry::tests::entry;
use crate::replica::entry::{Area, Entry, last_of_each};
use crate::replica::shared_log::{Position, SharedLog};

fn shared(folder: &Path) -> SharedFolder {
    SharedFolder::open(
        Arc::new(RealDisk),
        folder,
        Arc::new(ManualClock::new(1_000)),
    )
    .unwrap()
}

async fn all(log: &FileLog) -> Vec<Entry> {
    log.read_since(Position::default()).await.unwrap().entries
}

fn held(token: u64) -> Result<LeaseState, ReplicaError> {
    Ok(LeaseState::Held { token })
}

fn elsewhere(holder: &str, token: u64) -> Result<LeaseState, ReplicaError> {
    let holder = holder.to_owned();
    Ok(LeaseState::Elsewhere { holder, token })
}

#[tokio::test]
async fn one_holds_the_lease_until_it_dies_or_gives_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made");
    let a = FileLease::new(shared(&path), "a");
    let b = FileLease::new(shared(&path), "b two");
    assert_eq!(a.acquire(0).await, held(1));
    assert_eq!(b.acquire(0).await, elsewhere("a", 1));
    assert_eq!(a.acquire(0).await, held(1));
    // Dropped without a word, as by a death: the system frees it.
    drop(a);
    assert_eq!(b.acquire(0).await, held(2));
    let c = FileLease::new(shared(&path), "c");
    assert_eq!(c.acquire(0).await, elsewhere("b two", 2));
    b.release().await.unwrap();
    assert_eq!(c.acquire(0).await, held(3));
    assert_eq!(b.acquire(0).await, elsewhere("c", 3));
}

#[tokio::test]
async fn tokens_grow_though_files_are_removed_or_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let a = FileLease::new(shared(folder.path()), "a");
    assert_eq!(a.acquire(6).await, held(7));
    a.release().await.unwrap();
    std::fs::remove_file(folder.path().join(TOKEN)).unwrap();
    assert_eq!(a.acquire(7).await, held(8));
    a.release().await.unwrap();
    std::fs::write(folder.path().join(TOKEN), "no number").unwrap();
    assert_eq!(a.acquire(8).await, held(9));
}

#[tokio::test]
async fn a_lock_that_somebody_removes_is_not_believed_in() {
    let folder = tempfile::tempdir().unwrap();
    let a = FileLease::new(shared(folder.path()), "a");
    let b = FileLease::new(shared(folder.path()), "b");
    assert_eq!(a.acquire(0).await, held(1));
    std::fs::remove_file(folder.path().join(LEASE_LOCK)).unwrap();
    assert_eq!(b.acquire(0).await, held(2));
    assert_eq!(a.acquire(0).await, elsewhere("b", 2));
    // Removed, and nobody has taken it: a new one, with a new token.
    std::fs::remove_file(folder.path().join(LEASE_LOCK)).unwrap();
    assert_eq!(b.acquire(0).await, held(3));
}

#[tokio::test]
async fn entries_come_in_one_order_and_old_tokens_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let a = FileLog::new(shared(folder.path()));
    let b = FileLog::new(shared(folder.path()));
    assert_eq!(all(&a).await, []);
    a.lead(1, "a").await.unwrap();
    a.append(vec![entry(Area::Intent, "k", "v", 1)])
        .await
        .unwrap();
    b.append(vec![entry(Area::Silence, "s", "v", 0)])
        .await
        .unwrap();
    let first = b.read_since(Position::default()).await.unwrap();
    let areas: Vec<Area> = first.entries.iter().map(|entry| entry.area).collect();
    assert_eq!(areas, [Area::Term, Area::Intent, Area::Silence]);
    // Only what is new.
    b.lead(2, "b").await.unwrap();
    let next = a.read_since(first.position).await.unwrap();
    assert_eq!(next.entries.len(), 1);
    assert_eq!(next.entries[0].token, 2);
    // The whole call is refused, though one entry needs no token.
    let late = vec![
        entry(Area::Silence, "t", "v", 0),
        entry(Area::Notified, "k", "v", 1),
    ];
    let fenced = ReplicaError::Fenced { token: 1, known: 2 };
    assert_eq!(a.append(late).await, Err(fenced.clone()));
    assert_eq!(a.lead(1, "a").await, Err(fenced));
    assert_eq!(all(&a).await.len(), 4);
    // People speak on any replica.
    a.append(vec![entry(Area::Silence, "t", "v", 0)])
        .await
        .unwrap();
    assert_eq!(all(&b).await.len(), 5);
}

#[tokio::test]
async fn a_log_is_rewritten_with_what_is_live_and_read_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let a = FileLog::with_rewriting(shared(folder.path()), 2_000);
    let reader = FileLog::with_rewriting(shared(folder.path()), 2_000);
    a.lead(3, "a").await.unwrap();
    let mut expired = entry(Area::Silence, "old", "v", 0);
    expired.expires_ms = 1_000;
    a.append(vec![expired]).await.unwrap();
    let before = reader.read_since(Position::default()).await.unwrap();
    for i in 0..100 {
        let value = format!("{i:0>50}");
        a.append(vec![entry(Area::Notified, "k", &value, 3)])
            .await
            .unwrap();
    }
    let size = std::fs::metadata(folder.path().join("replica.log"))
        .unwrap()
        .len();
    assert!(size < 9_000, "{size}");
    let page = reader.read_since(before.position).await.unwrap();
    assert!(page.position.epoch > before.position.epoch);
    let last = last_of_each(page.entries);
    let keys: Vec<&[u8]> = last.iter().map(|entry| entry.key.as_slice()).collect();
    assert_eq!(keys, [b"".as_slice(), b"k"]);
    assert!(last[1].value.ends_with(b"99"));
    // The token is known in the new file, too.
    let fresh = FileLog::new(shared(folder.path()));
    let refused = fresh.append(vec![entry(Area::Intent, "k", "v", 2)]).await;
    let fenced = ReplicaError::Fenced { token: 2, known: 3 };
    assert_eq!(refused, Err(fenced));
}

#[tokio::test]
async fn a_log_that_is_locked_for_long_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let shared = shared(folder.path());
    let _locked = shared.disk.lock(&folder.path().join("log.lock")).unwrap();
    let log = FileLog::new(shared);
    tokio::time::pause();
    let error = log.append(vec![entry(Area::Silence, "s", "v", 0)]).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "the log in the shared folder is locked by another replica for too long"
    );
}

#[tokio::test]
async fn a_death_at_any_operation_costs_no_entry_that_was_taken() {
    for at in 0.. {
        let disk = FaultyDisk::new();
        let folder = Path::new("shared");
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(1_000));
        let open = |disk: &FaultyDisk| {
            SharedFolder::open(Arc::new(disk.clone()), folder, Arc::clone(&clock)).unwrap()
        };
        let log = FileLog::with_rewriting(open(&disk), 200);
        disk.plant(disk.operations() + at, Fault::CrashInWrite);
        let mut taken = 0;
        for i in 0..12 {
            let entries = vec![entry(Area::Silence, &i.to_string(), "value", 0)];
            match log.append(entries).await {
                Ok(()) => taken = i + 1,
                Err(_) => break,
            }
        }
        for survives in [Survives::Everything, Survives::Synced] {
            let after = disk.after_crash(survives);
            let log = FileLog::new(open(&after));
            let found = last_of_each(all(&log).await);
            assert!(found.len() >= taken, "{at}: {} of {taken}", found.len());
            // It goes on behind a half entry.
            let last = vec![entry(Area::Silence, "last", "value", 0)];
            log.append(last).await.unwrap();
            let again = last_of_each(all(&log).await);
            assert_eq!(again.len(), found.len() + 1, "{at}");
        }
        if taken == 12 {
            assert!(at > 30, "{at}");
            break;
        }
    }
}
