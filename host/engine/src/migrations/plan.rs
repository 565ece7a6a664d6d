//! Which migrations a database still needs.

use bulkhead_model::{Failure, Result};

use super::{Applied, Migration, Migrations};

impl Migrations {
    /// The files that are to be applied to a database that has had `applied`, in order.
    ///
    /// # Errors
    /// `conflict`, naming the file, when one that was applied has changed or is gone, or when one comes before another that was applied.
    pub(super) fn pending(&self, applied: &[Applied]) -> Result<Vec<&Migration>> {
        for done in applied {
            let name = done.name.escape_debug();
            match self.files.iter().find(|file| file.number == done.number) {
                None => {
                    return Err(Failure::conflict(format!(
                        "migration `{name}` was applied to this database and is not in {}",
                        self.directory.display()
                    ))
                    .with_hint("put the file back as it was"));
                }
                Some(file) if file.checksum != done.checksum => {
                    return Err(Failure::conflict(format!(
                        "migration `{}` is not what was applied to this database as `{name}`: it has been changed since",
                        file.name
                    ))
                    .with_hint("put the file back as it was, and make the change in a new one"));
                }
                Some(_) => {}
            }
        }
        let newest = applied.iter().max_by_key(|done| done.number);
        let pending = self.files.iter().filter(|file| !applied.iter().any(|done| done.number == file.number));
        let pending: Vec<_> = pending.collect();
        match (pending.first(), newest) {
            (Some(first), Some(newest)) if first.number < newest.number => Err(Failure::conflict(format!(
                "migration `{}` comes before `{}`, which was applied already",
                first.name,
                newest.name.escape_debug()
            ))
            .with_hint("give the new file a higher number")),
            _ => Ok(pending),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migrations(files: &[(u32, &str)]) -> Migrations {
        let file = |(number, checksum): &(u32, &str)| Migration {
            number: *number,
            name: format!("{number}_x.sql"),
            checksum: (*checksum).to_owned(),
            text: String::new(),
        };
        Migrations { directory: "migrations".into(), files: files.iter().map(file).collect() }
    }

    fn applied(done: &[(u32, &str)]) -> Vec<Applied> {
        let record = |(number, checksum): &(u32, &str)| Applied {
            number: *number,
            name: format!("{number}_x.sql"),
            checksum: (*checksum).to_owned(),
        };
        done.iter().map(record).collect()
    }

    #[test]
    fn what_was_applied_is_not_applied_again() {
        let files = migrations(&[(1, "a"), (5, "b"), (9, "c")]);
        for (done, left) in
            [(vec![], vec![1, 5, 9]), (vec![(1, "a")], vec![5, 9]), (vec![(9, "c"), (1, "a"), (5, "b")], vec![])]
        {
            let numbers: Vec<_> = files.pending(&applied(&done)).unwrap().iter().map(|file| file.number).collect();
            assert_eq!(numbers, left);
        }
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let files = migrations(&[(1, "a"), (5, "b")]);
        for (done, named) in [
            (vec![(1, "other")], "`1_x.sql` is not what was applied"),
            (vec![(1, "a"), (2, "gone")], "`2_x.sql` was applied"),
            (vec![(5, "b")], "`1_x.sql` comes before `5_x.sql`"),
        ] {
            let failure = files.pending(&applied(&done)).unwrap_err();
            assert!(failure.message.contains(named), "{failure}");
            assert!(!failure.retry && failure.hint.is_some());
        }
    }
}
