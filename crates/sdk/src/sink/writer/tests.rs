use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::super::folder::Folder;
use super::*;

fn writer(bytes_max: u64, fsync: Fsync) -> Writer<Folder> {
    let rotation = Rotation {
        bytes_max,
        ..Rotation::default()
    };
    let names = AsideNames::of("events.jsonl".as_ref());
    Writer::new(Folder::default(), names, rotation, fsync)
}

fn all(writer: &Writer<Folder>) -> String {
    let mut bytes: Vec<u8> = writer.medium.aside.values().flatten().copied().collect();
    bytes.extend(writer.medium.file.iter().flatten());
    String::from_utf8(bytes).unwrap()
}

#[test]
fn files_are_put_aside_by_size_and_age_and_the_oldest_go() {
    let mut writer = writer(10, Fsync::Never);
    let mut lines = b"one\ntwo\nthree\nfourteen long\nx\n".to_vec();
    assert!(writer.write(&mut lines, 0).unwrap());
    let sizes: Vec<usize> = writer.medium.aside.values().map(Vec::len).collect();
    assert_eq!(sizes, [8, 6, 14]);
    assert_eq!(all(&writer), "one\ntwo\nthree\nfourteen long\nx\n");
    assert!(!writer.write(&mut b"y\n".to_vec(), 86_399_999).unwrap());
    assert!(writer.write(&mut b"z\n".to_vec(), 86_400_000).unwrap());
    writer.rotation.files_max = 2;
    writer.medium.ghost = Some("events-1.jsonl".to_owned());
    writer.tidy().unwrap();
    assert_eq!(all(&writer), "fourteen long\nx\ny\nz\n");
    let names: Vec<&String> = writer.medium.aside.keys().collect();
    assert_eq!(names[0], "events-19700101T000000.000Z-000003.jsonl");
    // With its compressed form beside it, it is one file all the same.
    let both = format!("{}.gz", names[0]);
    writer.medium.aside.insert(both.clone(), Vec::new());
    writer.tidy().unwrap();
    assert_eq!(all(&writer), "fourteen long\nx\ny\nz\n");
    writer.rotation.files_max = 1;
    writer.tidy().unwrap();
    assert_eq!(all(&writer), "x\ny\nz\n");
    assert!(!writer.medium.aside.contains_key(&both));
}

#[test]
fn the_age_of_a_file_outlives_the_service() {
    let day_ms = 86_400_000;
    let line = b"{\"time\":\"1970-01-02T00:00:00.000Z\",\"level\":\"info\"}\n";
    for (now_ms, want) in [(2 * day_ms - 1, false), (2 * day_ms, true)] {
        let mut writer = writer(1_000, Fsync::Never);
        writer.medium.file = Some(line.to_vec());
        assert_eq!(writer.write(&mut b"x\n".to_vec(), now_ms).unwrap(), want);
    }
    // What somebody else wrote has the age of the service.
    let mut writer = writer(1_000, Fsync::Never);
    writer.medium.file = Some(b"1970-01-02\n".to_vec());
    assert!(!writer.write(&mut b"x\n".to_vec(), 9 * day_ms).unwrap());
}

#[test]
fn a_full_disk_leaves_no_torn_line_and_goes_on_when_there_is_room() {
    for cannot_cut in [false, true] {
        let mut writer = writer(1_000, Fsync::Always);
        writer.write(&mut b"one\n".to_vec(), 0).unwrap();
        writer.medium.room = Some(3);
        writer.medium.cannot_cut = cannot_cut;
        let mut lines = b"two\nthree\n".to_vec();
        assert!(writer.write(&mut lines, 1).is_err());
        assert_eq!(lines, b"two\nthree\n");
        writer.medium.room = None;
        assert_eq!(writer.write(&mut lines, 2).is_err(), cannot_cut);
        writer.medium.cannot_cut = false;
        writer.write(&mut lines, 2).unwrap();
        assert_eq!(all(&writer), "one\ntwo\nthree\n");
        assert_eq!(writer.medium.synced, 14);
    }
}

#[test]
fn a_sync_that_failed_is_not_believed_the_next_time() {
    // Whoever wants each line to be on the disk has them written again.
    let mut always = writer(1_000, Fsync::Always);
    always.write(&mut b"one\n".to_vec(), 0).unwrap();
    always.medium.cannot_sync.store(true, Ordering::Relaxed);
    let mut lines = b"two\nthree\n".to_vec();
    for _ in 0..2 {
        assert!(always.write(&mut lines, 1).is_err());
    }
    always.medium.cannot_sync.store(false, Ordering::Relaxed);
    always.write(&mut lines, 2).unwrap();
    assert_eq!(all(&always), "one\ntwo\nthree\n");
    assert_eq!((always.medium.synced, always.take_lost()), (14, 0));
    // Else those since the last sync are lost, and no other.
    let mut each_second = writer(1_000, Fsync::Every(Duration::from_secs(1)));
    each_second.write(&mut b"one\n".to_vec(), 1_000).unwrap();
    each_second
        .write(&mut b"two\nthree\n".to_vec(), 1_500)
        .unwrap();
    assert!(!each_second.is_settled());
    each_second
        .medium
        .cannot_sync
        .store(true, Ordering::Relaxed);
    each_second.sync_all(1_600).unwrap_err();
    assert!(each_second.is_settled());
    assert_eq!((each_second.take_lost(), each_second.take_lost()), (2, 0));
    each_second
        .medium
        .cannot_sync
        .store(false, Ordering::Relaxed);
    each_second.medium.is_open = false;
    each_second.write(&mut b"four\n".to_vec(), 1_700).unwrap();
    assert!(each_second.medium.is_open, "it was opened anew");
    each_second.sync_all(1_800).unwrap();
    assert_eq!(each_second.take_lost(), 0);
}

#[test]
fn a_file_that_is_gone_is_begun_anew() {
    let mut writer = writer(1_000, Fsync::Every(Duration::from_secs(1)));
    writer.write(&mut b"one\n".to_vec(), 0).unwrap();
    writer.medium.file = None;
    // The file that is gone is synced, since it may only have been moved.
    writer.write(&mut b"two\n".to_vec(), 5_000).unwrap();
    writer.sync_where_due(6_000).unwrap();
    assert_eq!(all(&writer), "two\n");
    assert_eq!(writer.medium.synced, 4);
}

proptest! {
    /// Whatever fails in whatever order, what was taken is there once, in order, in whole lines.
    #[test]
    fn nothing_is_lost_or_torn(
        steps in proptest::collection::vec(
            (0usize..60, prop::option::of(0usize..80), any::<bool>(), any::<bool>()),
            1..60,
        ),
        bytes_max in 1u64..100,
    ) {
        let mut writer = writer(bytes_max, Fsync::Always);
        let (mut lines, mut want) = (Vec::new(), String::new());
        for (number, (len, room, cannot_cut, cannot_sync)) in steps.iter().enumerate() {
            let line = format!("{number}:{}\n", "x".repeat(*len));
            want.push_str(&line);
            lines.extend_from_slice(line.as_bytes());
            writer.medium.room = *room;
            writer.medium.cannot_cut = *cannot_cut;
            writer.medium.cannot_sync.store(*cannot_sync, Ordering::Relaxed);
            let _ended = writer.write(&mut lines, number as i64);
        }
        writer.medium.room = None;
        writer.medium.cannot_cut = false;
        writer.medium.cannot_sync.store(false, Ordering::Relaxed);
        writer.write(&mut lines, 1_000).unwrap();
        prop_assert_eq!(all(&writer), want);
        prop_assert_eq!(writer.medium.synced, writer.medium.file.as_ref().map_or(0, Vec::len));
        prop_assert_eq!(writer.take_lost(), 0);
    }
}
