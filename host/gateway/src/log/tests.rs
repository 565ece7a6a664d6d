use serde_json::json;

use super::*;
use crate::event::{Change, Operation};

fn payload(number: u64) -> Vec<u8> {
    let record = json!({ "number": number });
    let change = Change { table: "a".to_owned(), op: Operation::Create, id: format!("a:{number}"), record };
    serde_json::to_vec(&change).unwrap()
}

/// Appends events one by one, each on disk before the next.
fn append(log: &mut Log, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        log.append(&[(number, &payload(number))]).unwrap();
        log.sync().unwrap();
    }
}

fn numbers(events: &[Event]) -> Vec<u64> {
    for event in events {
        assert_eq!(event.change.record, json!({ "number": event.sequence }));
    }
    events.iter().map(|event| event.sequence).collect()
}

fn open(directory: &Path, applied: u64) -> (Log, Vec<u64>) {
    let (log, events) = Log::open(directory, 300, applied).unwrap();
    (log, numbers(&events))
}

/// A directory with events 1 to 5, in one segment.
fn five() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = Log::open(directory.path(), 1 << 20, 0).unwrap();
    append(&mut log, 1..=5);
    let segment = segments(directory.path()).unwrap().remove(0);
    (directory, segment)
}

#[test]
fn what_was_appended_is_there_again_in_order_and_numbers_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, found) = open(directory.path(), 0);
    assert!(found.is_empty());
    append(&mut log, 1..=20);
    assert!(log.segments() > 3, "{}", log.segments());
    drop(log);
    let (mut log, found) = open(directory.path(), 7);
    assert_eq!(found, (8..=20).collect::<Vec<_>>());
    assert_eq!(log.last(), 20);
    log.remove_through(19).unwrap();
    assert!(log.segments() <= 2, "{}", log.segments());
    append(&mut log, 21..=22);
    drop(log);
    let (mut log, found) = open(directory.path(), 19);
    assert_eq!(found, [20, 21, 22]);
    log.clear().unwrap();
    assert_eq!((log.segments(), log.last()), (0, 22));
    append(&mut log, 23..=23);
    drop(log);
    assert_eq!(open(directory.path(), 22).1, [23]);
}

#[test]
fn a_torn_end_is_cut_off_wherever_it_tears() {
    let whole = {
        let (_directory, segment) = five();
        fs::read(segment).unwrap()
    };
    let last = whole.len() - payload(5).len() - frame::FRAME_HEAD;
    for cut in last..whole.len() {
        for rest in [0, 100] {
            let (directory, segment) = five();
            // What was not written may be there as zeros.
            let mut torn = whole[..cut].to_vec();
            torn.extend(std::iter::repeat_n(0, rest));
            fs::write(&segment, torn).unwrap();
            let (mut log, found) = open(directory.path(), 0);
            assert_eq!(found, [1, 2, 3, 4], "cut at {cut}");
            append(&mut log, 5..=6);
            drop(log);
            assert_eq!(open(directory.path(), 0).1, [1, 2, 3, 4, 5, 6], "cut at {cut}");
        }
    }
}

#[test]
fn damage_to_an_acknowledged_event_is_not_passed_over() {
    let (directory, segment) = five();
    let whole = fs::read(&segment).unwrap();
    let last = whole.len() - payload(5).len() - frame::FRAME_HEAD;
    // Of the last one nothing says that it was safe.
    for at in 0..last {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&segment, damaged).unwrap();
        let failure = Log::open(directory.path(), 1 << 20, 0).map(drop).unwrap_err();
        assert_eq!(failure.kind.code(), "corrupt", "byte {at}: {failure}");
        assert!(failure.message.contains("is damaged at byte"), "{failure}");
    }
    fs::write(&segment, whole).unwrap();
    assert_eq!(open(directory.path(), 0).1, [1, 2, 3, 4, 5]);
}

#[test]
fn a_segment_that_is_missing_or_short_in_the_middle_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(directory.path(), 0).0, 1..=20);
    let paths = segments(directory.path()).unwrap();
    let bytes = fs::read(&paths[1]).unwrap();
    fs::write(&paths[1], &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(Log::open(directory.path(), 300, 0).map(drop).unwrap_err().kind.code(), "corrupt");
    for missing in [0, 1] {
        fs::write(&paths[1], &bytes).unwrap();
        let aside = directory.path().join("aside");
        fs::rename(&paths[missing], &aside).unwrap();
        let failure = Log::open(directory.path(), 300, 0).map(drop).unwrap_err();
        assert!(failure.message.contains("is missing before"), "{failure}");
        fs::rename(&aside, &paths[missing]).unwrap();
    }
    assert_eq!(open(directory.path(), 0).1.len(), 20);
}

/// Each refused event took a number, and so each try another name for the file.
#[test]
fn files_that_a_full_disk_left_keep_nothing_from_starting() {
    let head = frame::Head { previous: 0, first: 0 }.encode();
    let leftovers: [&[u8]; 3] = [b"", &head[..31], &[0; 32]];
    for leftover in leftovers {
        let directory = tempfile::tempdir().unwrap();
        let leave = |number: u64, bytes: &[u8]| {
            fs::write(directory.path().join(format!("events-{number:020}.log")), bytes).unwrap();
        };
        let (mut log, _) = open(directory.path(), 0);
        leave(1, leftover);
        leave(2, leftover);
        append(&mut log, 3..=6);
        leave(7, leftover);
        leave(8, leftover);
        append(&mut log, 9..=20);
        assert!(log.segments() > 2, "{}", log.segments());
        leave(21, b"");
        leave(22, leftover);
        drop(log);
        let all: Vec<_> = (3..=6).chain(9..=20).collect();
        let (mut log, found) = open(directory.path(), 0);
        assert_eq!(found, all, "{leftover:?}");
        append(&mut log, 21..=21);
        drop(log);
        assert_eq!(open(directory.path(), 20).1, [21], "{leftover:?}");
    }
}

#[test]
fn a_segment_that_lost_its_head_is_not_taken_for_one_that_was_never_made() {
    let directory = tempfile::tempdir().unwrap();
    append(&mut open(directory.path(), 0).0, 1..=20);
    let paths = segments(directory.path()).unwrap();
    for at in [0, 1] {
        let bytes = fs::read(&paths[at]).unwrap();
        for lost in [vec![], vec![0; bytes.len()]] {
            fs::write(&paths[at], lost).unwrap();
            let failure = Log::open(directory.path(), 300, 0).map(drop).unwrap_err();
            assert!(failure.message.contains("is damaged at byte 0"), "{failure}");
            assert!(failure.message.contains(paths[at].file_name().unwrap().to_str().unwrap()), "{failure}");
        }
        fs::write(&paths[at], bytes).unwrap();
    }
    assert_eq!(open(directory.path(), 0).1.len(), 20);
}

#[test]
fn a_segment_that_the_disk_has_no_room_for_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let (mut log, _) = open(directory.path(), 0);
    // A device that is always full stands where the file is to be made.
    let full = directory.path().join("events-00000000000000000001.log");
    std::os::unix::fs::symlink("/dev/full", &full).unwrap();
    let failure = log.append(&[(1, &payload(1))]).unwrap_err();
    assert!(failure.to_string().contains("free space on its disk"), "{failure}");
    assert!(fs::symlink_metadata(&full).is_err(), "the file is still there");
    append(&mut log, 2..=2);
    drop(log);
    assert_eq!(open(directory.path(), 0).1, [2]);
}
