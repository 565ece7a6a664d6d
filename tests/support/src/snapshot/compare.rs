//! What differs between two snapshots.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use super::{Object, Snapshot, TableSum};

/// One object that is not the same before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub object: Object,
    /// How it was; `None` when it was not there.
    pub before: Option<String>,
    /// How it is; `None` when it is missing.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (Some(_), None) => write!(f, "{} is missing", self.object),
            (None, Some(_)) => write!(f, "{} was not there before", self.object),
            (before, after) => {
                let (before, after) = (before.as_deref().unwrap_or(""), after.as_deref().unwrap_or(""));
                let lost = before.lines().filter(|line| !after.lines().any(|other| other == *line));
                let new = after.lines().filter(|line| !before.lines().any(|other| other == *line));
                write!(f, "{} differs", self.object)?;
                lost.map(|line| ("-", line))
                    .chain(new.map(|line| ("+", line)))
                    .try_for_each(|(sign, line)| write!(f, "\n  {sign} {line}"))
            }
        }
    }
}

impl Snapshot {
    /// Everything that differs in `after`, in order of kind and name; empty when the two are equal.
    pub fn compare(&self, after: &Self) -> Vec<Difference> {
        let (before, after) = (self.flat(), after.flat());
        let objects: BTreeSet<&Object> = before.keys().chain(after.keys()).collect();
        objects
            .into_iter()
            .filter(|object| before.get(object) != after.get(object))
            .map(|object| Difference {
                object: object.clone(),
                before: before.get(object).cloned(),
                after: after.get(object).cloned(),
            })
            .collect()
    }

    /// A table for people: every table's name, rows and checksum here and in `after`.
    pub fn side_by_side(&self, after: &Self) -> String {
        let names: BTreeSet<&String> = self.tables.keys().chain(after.tables.keys()).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max("TABLE".len());
        let mut text = format!("{:width$}  {:>9}  {:16}  {:16}\n", "TABLE", "ROWS", "BEFORE", "AFTER");
        for name in names {
            let (before, now) = (self.tables.get(name), after.tables.get(name));
            let rows = now.or(before).map_or(0, |sum| sum.rows);
            let sign = if before == now { "equal" } else { "DIFFERS" };
            let _ = writeln!(text, "{name:width$}  {rows:>9}  {}  {}  {sign}", digits(before), digits(now));
        }
        text
    }

    fn flat(&self) -> BTreeMap<Object, String> {
        let sums = |kind: &'static str, sums: &BTreeMap<String, TableSum>| {
            let objects = sums.iter().map(|(name, sum)| (Object { kind, name: name.clone() }, sum.to_string()));
            objects.collect::<Vec<_>>()
        };
        let mut all = self.definitions.clone();
        all.extend(sums("rows", &self.tables));
        all.extend(sums("history", &self.histories));
        all
    }
}

fn digits(sum: Option<&TableSum>) -> String {
    sum.map_or_else(|| format!("{:16}", "missing"), |sum| format!("{:016x}", sum.checksum))
}
