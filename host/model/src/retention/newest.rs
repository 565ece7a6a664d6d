//! Keeps the newest: the rule before there were policies.

use crate::BackupId;

/// A succeeded backup as retention sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retained {
    /// Its id.
    pub backup: BackupId,
    /// Whether the last verify found it sound, or none has looked yet.
    pub good: bool,
}

/// Keeps the `count` newest good backups and whatever is newer than the oldest of these; answers the rest, oldest first.
///
/// A backup that a verify found damaged does not count, so the last good one is never among the answer.
/// `newest_first` are the succeeded backups of one service and method; a `count` of 0 is taken for 1.
pub fn beyond_newest(newest_first: &[Retained], count: u32) -> Vec<BackupId> {
    let count = usize::try_from(count.max(1)).unwrap_or(usize::MAX);
    let mut good = newest_first.iter().enumerate().filter(|(_, backup)| backup.good);
    let Some((oldest_kept, _)) = good.nth(count - 1) else { return Vec::new() };
    newest_first[oldest_kept + 1..].iter().rev().map(|backup| backup.backup.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_good_ones_stay() {
        let service = "db1".parse().unwrap();
        let backups = |good: &[bool]| -> Vec<Retained> {
            good.iter().map(|good| Retained { backup: BackupId::new(&service, "s"), good: *good }).collect()
        };
        // Newest first; the expected answer by index, oldest first.
        for (good, count, gone) in [
            (&[true, true, true, true][..], 2, &[3, 2][..]),
            (&[false, true, false, true, true], 2, &[4]),
            (&[false, false, true], 1, &[]),
            (&[false, false, true, false], 1, &[3]),
            (&[false, false], 1, &[]),
            (&[true, true], 0, &[1]),
            (&[true], 7, &[]),
            (&[], 1, &[]),
        ] {
            let all = backups(good);
            let expected: Vec<_> = gone.iter().map(|at: &usize| all[*at].backup.clone()).collect();
            assert_eq!(beyond_newest(&all, count), expected, "{good:?} {count}");
        }
    }
}
