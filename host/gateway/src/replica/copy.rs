//! The replica anew, as a copy of the main database.

use std::collections::BTreeMap;
use std::time::Duration;

use bulkhead_model::{Failure, Result};
use bulkhead_surrealdb::{Client, Scope};

use super::{Replica, counts, tables};

/// Copies of a database that is written to are tried again, and after that given up.
const TRIES: usize = 3;
/// The most time for one copy.
const COPY_DEADLINE: Duration = Duration::from_secs(6 * 60 * 60);

impl Replica {
    /// Whether the replica holds something, if main does.
    ///
    /// # Errors
    /// `unavailable`, `denied`: when one of the servers does not say.
    pub async fn is_there(&self) -> Result<bool> {
        let there = !tables(&self.client, &self.scope).await?.is_empty();
        Ok(there || tables(&self.main, &self.scope).await?.is_empty())
    }

    /// Wipes the replica and loads it with what main holds. Nobody else writes into it meanwhile.
    ///
    /// # Errors
    /// `invalid` when the two servers are one, or do not fit together; `unavailable`, `denied`, `corrupt`.
    pub async fn copy_main(&mut self) -> Result<()> {
        self.check_versions().await?;
        self.check_is_another().await?;
        let mut last = Failure::internal("no copy was tried");
        for _ in 0..TRIES {
            let before = self.main_counts().await?;
            self.wipe().await?;
            // Nobody signs in to the replica.
            let export = self.main.export_without_logins(&self.scope).await;
            let export = export.map_err(|failure| failure.context("copying the main database"))?;
            let copied = self.client.import(&self.scope, export, COPY_DEADLINE).await;
            copied.map_err(|failure| failure.context("copying the main database"))?;
            let after = self.main_counts().await?;
            let names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
            match compare(&before, &after, &replica_counts(&self.client, &self.scope, names).await?) {
                // The server ends an export in good order when it fails midway; only the counts tell.
                Err(failure) => last = failure,
                Ok(()) => return self.forget(),
            }
        }
        Err(last)
    }

    async fn main_counts(&self) -> Result<BTreeMap<String, u64>> {
        let tables = tables(&self.main, &self.scope).await?;
        counts(&self.main, &self.scope, &tables).await
    }

    async fn wipe(&self) -> Result<()> {
        let (namespace, database) = (surql::ident(&self.scope.namespace), surql::ident(&self.scope.database));
        let sql = format!(
            "DEFINE NAMESPACE IF NOT EXISTS {namespace}; USE NS {namespace};\n\
             REMOVE DATABASE IF EXISTS {database}; DEFINE DATABASE {database};"
        );
        self.client.run(None, &sql).await.map(drop).map_err(|failure| failure.context("wiping the replica"))
    }

    /// An older server does not read what a newer one writes.
    async fn check_versions(&self) -> Result<()> {
        let (main, replica) = (self.main.version().await?, self.client.version().await?);
        match major(&replica) < major(&main) {
            false => Ok(()),
            true => Err(Failure::invalid(format!("the replica runs SurrealDB {replica}, main {main}"))
                .with_hint("bring the replica's server to the version of main")),
        }
    }

    /// Refuses to take main for the replica, under whatever name: it would be wiped.
    async fn check_is_another(&self) -> Result<()> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|_| Failure::internal("the operating system has no randomness to give"))?;
        let mark = format!("bulkhead_mark_{}", hex::encode(random));
        let (namespace, database) = (surql::ident(&self.scope.namespace), surql::ident(&self.scope.database));
        let sql = format!(
            "DEFINE NAMESPACE IF NOT EXISTS {namespace}; USE NS {namespace};\n\
             DEFINE DATABASE IF NOT EXISTS {database}; USE DB {database};\n\
             DEFINE PARAM ${mark} VALUE true;"
        );
        self.client.run(None, &sql).await.map_err(|failure| failure.context("preparing the replica"))?;
        let seen = self.main.run(Some(&self.scope), "INFO FOR DB;").await;
        let unmarked = self.client.run(Some(&self.scope), &format!("REMOVE PARAM IF EXISTS ${mark};")).await;
        let seen = seen.map_err(|failure| failure.context("looking at the main database"))?;
        unmarked.map_err(|failure| failure.context("preparing the replica"))?;
        match seen.iter().any(|info| info["params"].get(&mark).is_some()) {
            false => Ok(()),
            true => Err(Failure::invalid(format!(
                "{} is the main database itself under another name",
                self.client.server().address()
            ))
            .with_hint("name a second server in [service.front_door.replica]")),
        }
    }
}

async fn replica_counts(client: &Client, scope: &Scope, mut names: Vec<String>) -> Result<BTreeMap<String, u64>> {
    let there = tables(client, scope).await?;
    names.retain(|name| there.contains(name));
    names.sort();
    names.dedup();
    counts(client, scope, &names).await
}

/// What was copied lies between what was there before and what was there after.
fn compare(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
    copied: &BTreeMap<String, u64>,
) -> Result<()> {
    for table in before.keys().chain(after.keys()) {
        let (Some(before), Some(after)) = (before.get(table), after.get(table)) else { continue };
        let count = copied.get(table).copied().unwrap_or(0);
        if !(*before.min(after)..=*before.max(after)).contains(&count) {
            return Err(Failure::corrupt(format!(
                "the copy of table {table:?} has {count} records, the main database had {before} before and {after} after"
            ))
            .with_retry(true)
            .with_hint("the server left records out, or is written to: see its log"));
        }
    }
    Ok(())
}

fn major(version: &str) -> u64 {
    version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_lacks_records_is_none() {
        let counts = |of: &[(&str, u64)]| of.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let (before, after) = (counts(&[("a", 10), ("b", 3)]), counts(&[("a", 12), ("b", 3), ("new", 1)]));
        compare(&before, &after, &counts(&[("a", 11), ("b", 3)])).unwrap();
        let failure = compare(&before, &after, &counts(&[("a", 12)])).unwrap_err();
        assert!(failure.message.contains("\"b\" has 0 records"), "{failure}");
        assert!(compare(&before, &after, &counts(&[("a", 9), ("b", 3)])).is_err());
    }
}
