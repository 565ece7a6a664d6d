use mariadb_log::{Closed, Observation, Observer, Problem, ProblemKind};

use crate::build::{Built, state};

pub const FIRST: &[u8] = include_bytes!("../logs/binlog.000001");
pub const SECOND: &[u8] = include_bytes!("../logs/binlog.000002");
pub const PART: &[u8] = include_bytes!("../logs/binlog.000001.at-1180");

fn observe(bytes: &[u8], piece: usize) -> Result<Observation, Problem> {
    let mut observer = Observer::whole();
    for piece in bytes.chunks(piece) {
        observer.feed(piece)?;
    }
    observer.finish()
}

#[test]
fn a_real_log_is_read_in_pieces_of_any_size() {
    let whole = observe(FIRST, usize::MAX).unwrap();
    assert_eq!(whole.start, state(""));
    assert_eq!(whole.end, state("0-1-11,5-1-1"));
    assert_eq!(whole.transactions, 12);
    assert_eq!((whole.boundary, whole.offset), (FIRST.len() as u64, FIRST.len() as u64));
    assert_eq!(whole.closed, Some(Closed::Rotate("binlog.000002".to_owned())));
    assert!(whole.first <= whole.last && whole.last <= whole.closed_at);
    for piece in [1, 2, 3, 7, 18, 19, 20, 100, 1000] {
        assert_eq!(observe(FIRST, piece).unwrap(), whole, "in pieces of {piece}");
    }
    let second = observe(SECOND, 11).unwrap();
    assert_eq!(second.start, whole.end);
    assert!(second.backwards.is_none() && second.incident.is_none());
}

#[test]
fn a_part_as_the_server_sends_it_counts_positions_of_the_file() {
    let mut observer = Observer::part(1180, state("0-1-5"));
    PART.chunks(5).for_each(|piece| observer.feed(piece).unwrap());
    let seen = observer.finish().unwrap();
    assert_eq!(seen.end, state("0-1-11,5-1-1"));
    assert_eq!(seen.created, observe(FIRST, 100).unwrap().created);
    assert_eq!((seen.boundary, seen.offset), (FIRST.len() as u64, PART.len() as u64));
}

#[test]
fn boundaries_lie_between_transactions() {
    let mut observer = Observer::whole();
    let mut boundaries = Vec::new();
    for piece in FIRST.chunks(1) {
        observer.feed(piece).unwrap();
        boundaries.push(observer.seen().boundary);
    }
    boundaries.dedup();
    // As `SHOW BINLOG EVENTS` tells them.
    let ends = [4, 256, 285, 325, 469, 634, 763, 949, 1180, 1397, 1819, 2062, 2230, 2484, 2797, 2927, 2971];
    assert_eq!(boundaries, ends);
}

#[test]
fn a_log_that_breaks_off_is_no_log() {
    for length in [0, 3, 4, 18, 30, 260, FIRST.len() - 1] {
        let problem = observe(&FIRST[..length], 64).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::Corrupt, "{length}");
    }
    // Between two events it may end; that it is whole is for its size to say.
    assert_eq!(observe(&FIRST[..1397], 64).unwrap().boundary, 1397);
}

#[test]
fn every_flipped_byte_is_noticed() {
    // The mark that the log is in use is not covered by the checksum.
    for at in (0..FIRST.len()).filter(|at| *at != 21) {
        let mut bytes = FIRST.to_vec();
        bytes[at] ^= 0x10;
        assert!(observe(&bytes, 64).is_err(), "byte {at}");
    }
    let mut live = FIRST.to_vec();
    live[21] |= 1;
    observe(&live, 64).unwrap();
}

#[test]
fn what_is_no_log_is_refused() {
    let refusal = |bytes: &[u8]| observe(bytes, 64).unwrap_err().message;
    assert_eq!(refusal(b"-- MariaDB dump"), "the bytes are no binary log: they do not begin as one does");
    let mut encrypted = Built::new("");
    encrypted.event(164, 1, 0, &[0; 17]);
    assert_eq!(refusal(&encrypted.bytes), "the log is encrypted");
    let mut short = Built::new("").bytes;
    let at = short.len();
    short.extend([0; 19]);
    assert_eq!(refusal(&short), format!("the event at {at} says that it has 0 bytes"));
    let mut headless = mariadb_log::MAGIC.to_vec();
    headless.extend(&FIRST[256..]);
    assert_eq!(refusal(&headless), "the log does not begin with a format event");
    let mut moved = FIRST[..325].to_vec();
    moved.extend(&FIRST[469..]);
    assert_eq!(refusal(&moved), "the event at 325 says that it ends at 511, not 367");
}

#[test]
fn a_transaction_counts_when_it_is_whole() {
    let mut log = Built::new("0-1-5");
    let start = log.position;
    log.half("0-1-6");
    let seen = observe(&log.bytes, 9).unwrap();
    assert_eq!((seen.end, seen.transactions, seen.boundary), (state("0-1-5"), 0, u64::from(start)));
    log.event(16, 1, 0, &[0; 8]).at(2000).mixed("0-1-7").statement("0-1-8").at(1500).statement("3-1-1").stop();
    let seen = observe(&log.bytes, 9).unwrap();
    assert_eq!(seen.end, state("0-1-8,3-1-1"));
    assert_eq!((seen.first, seen.last, seen.closed_at), (Some(1000), Some(2000), Some(1500)));
    assert_eq!(seen.closed, Some(Closed::Stop));
}

#[test]
fn numbers_that_go_backwards_are_told() {
    let mut log = Built::new("");
    log.transaction("0-1-6").transaction("0-2-5");
    let (before, after) = observe(&log.bytes, 64).unwrap().backwards.unwrap();
    assert_eq!((before.to_string(), after.to_string()), ("0-1-6".to_owned(), "0-2-5".to_owned()));
}

#[test]
fn stamps_that_run_backwards_are_told_unless_they_were_ahead_of_the_clock() {
    let mut log = Built::new("");
    log.at(1000).transaction("0-1-1").at(90_000).transaction("0-1-2").at(1010).transaction("0-1-3");
    log.at(1200).transaction("0-1-4").at(1100).transaction("0-1-5").at(1190).transaction("0-1-6").stop();
    let back = |clock| {
        let mut observer = Observer::whole().until(clock);
        observer.feed(&log.bytes).unwrap();
        let seen = observer.finish().unwrap();
        assert_eq!((seen.last, seen.newest), (Some(90_000), Some(1190)));
        seen.back
    };
    assert_eq!(back(None), Some((1010, 90_000)));
    assert_eq!(back(Some(1300)), Some((1100, 1200)));
}

#[test]
fn where_the_server_lost_transactions_is_told() {
    let mut log = Built::new("");
    log.transaction("0-1-1").event(26, 1, 0, &[1, 0]).transaction("0-1-2").event(26, 1, 0, &[1, 0]).stop();
    assert_eq!(observe(&log.bytes, 7).unwrap().incident, Some(state("0-1-1")));
}
