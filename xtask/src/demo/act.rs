//! The play itself.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::{
    Account, BulkheadHost, Difference, HostOptions, Ledger, MariaDb, MariaDbOptions, Problem, Result, ServiceEntry,
    Snapshot, Writer,
};
use serde_json::Value;

use super::watch::follow;
use crate::outage::Outage;
use crate::terminal::{bold, bytes, dim, done, green, note, red, seconds, step};

/// The service's id in the demo.
const SERVICE: &str = "shop-db";

/// Plays it in a directory under `parent`; whether everything came back.
pub fn play(parent: &Path, method: &str, size: u64) -> Result<bool> {
    let (server, before) = fill(parent, size)?;
    let host = serve(parent, &server, method)?;
    let (backup, committed) = back_up(&host, &server, method)?;
    show_bucket(&host)?;
    destroy(&server)?;
    restore(&host, &server, &backup)?;
    let equal = compare(&server, &before, committed)?;
    by_hand(&backup, method);
    Ok(equal)
}

fn fill(parent: &Path, size: u64) -> Result<(Arc<MariaDb>, Snapshot)> {
    step("A private MariaDB, with one of everything and a shop's worth of rows");
    let started = Instant::now();
    let options = MariaDbOptions { parent: Some(parent.to_owned()), ..MariaDbOptions::default() };
    let server = Arc::new(MariaDb::start_with(&options)?);
    let version = server.value("SELECT VERSION()")?;
    done(&format!("MariaDB {version} on 127.0.0.1:{}", server.port()), started.elapsed());
    let started = Instant::now();
    dataset::load(&server, Scale::Full)?;
    dataset::bulk(&server, size)?;
    done("filled: every column type, views, triggers, routines, events, users and grants", started.elapsed());
    let started = Instant::now();
    let before = Snapshot::take(&server)?;
    let (tables, rows, objects) = (before.tables.len(), before.rows(), before.definitions.len());
    done(
        &format!("remembered: {tables} tables, {rows} rows, {objects} objects, a checksum of each"),
        started.elapsed(),
    );
    Ok((server, before))
}

fn serve(parent: &Path, server: &Arc<MariaDb>, method: &str) -> Result<BulkheadHost> {
    step("bulkhead serve --config bulkhead.toml");
    let started = Instant::now();
    // Restoring a dump creates users and databases; a physical restore needs no right at all.
    let account = if method == "dump" { Account::ADMIN } else { Account::BACKUP };
    let options = HostOptions {
        parent: Some(parent.to_owned()),
        services: vec![ServiceEntry::of(SERVICE, server).account(account)],
        ..HostOptions::default()
    };
    let host = BulkheadHost::start(options)?;
    done(&format!("listening on {}", host.url()), started.elapsed());
    let plugins = host.json(&["plugin", "list"])?;
    for plugin in plugins.as_array().or_else(|| plugins["plugins"].as_array()).into_iter().flatten() {
        let word = |key: &str| plugin[key].as_str().unwrap_or_default();
        let digest: String = word("digest").trim_start_matches("sha256:").chars().take(12).collect();
        note(&format!("component {:14} {:8} sha256 {}", word("name"), word("kind"), dim(&digest)));
    }
    Ok(host)
}

fn back_up(host: &BulkheadHost, server: &Arc<MariaDb>, method: &str) -> Result<(String, u64)> {
    step(&format!(
        "bulkhead backup create --type {method} --name demo   {}",
        dim("(while another client keeps committing)")
    ));
    let writer = Writer::start(server)?;
    writer.wait_for(100)?;
    let confirmed = writer.committed();
    let started = Instant::now();
    let created = host.json(&["backup", "create", "--service", SERVICE, "--type", method, "--name", "demo"])?;
    let backup = text(&created, "id")?;
    follow(host, &text(&created, "job_id")?)?;
    let took = started.elapsed();
    let written = writer.stop() - confirmed;
    let shown = host.json(&["backup", "show", &backup])?;
    let (plain, stored) = (number(&shown, "plain_size"), number(&shown, "stored_size"));
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let (ratio, rate) = (plain as f64 / stored.max(1) as f64, plain as f64 / took.as_secs_f64());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate for people")]
    let rate = bytes(rate as u64);
    done(&format!("{} read, {} stored: {ratio:.1} times smaller, {rate}/s", bytes(plain), bytes(stored)), took);
    note(&dim(&format!("{written} transactions were committed meanwhile")));
    Ok((backup, confirmed))
}

fn show_bucket(host: &BulkheadHost) -> Result<()> {
    step("What lies in the target");
    let mut files = Vec::new();
    collect(&host.bucket(), &mut files)?;
    for (path, size) in files {
        let path = path.strip_prefix(&*host.bucket().to_string_lossy()).unwrap_or(&path);
        note(&format!("{:>10}  {path}", bytes(size)));
    }
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<(String, u64)>) -> Result<()> {
    let mut entries: Vec<_> = fs::read_dir(dir)?.collect::<std::io::Result<_>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push((entry.path().to_string_lossy().into_owned(), metadata.len()));
        }
    }
    Ok(())
}

fn destroy(server: &MariaDb) -> Result<()> {
    step("DROP everything");
    let started = Instant::now();
    dataset::destroy(server)?;
    let left = Snapshot::take(server)?;
    if !left.tables.is_empty() {
        return Err(Problem::new("there are still tables: nothing would be proved"));
    }
    done(&format!("{} tables, {} rows left", left.tables.len(), left.rows()), started.elapsed());
    Ok(())
}

fn restore(host: &BulkheadHost, server: &Arc<MariaDb>, backup: &str) -> Result<()> {
    step("bulkhead backup restore demo --wait");
    let started = Instant::now();
    let outage = Outage::watch(server);
    let token = host.token("acme", "administrator")?;
    // As a person sees it: the command draws its own bar.
    let mut command = host.client(&["backup", "restore", backup, "--service", SERVICE, "--wait"]);
    if let Some(term) = std::env::var_os("TERM") {
        command.env("TERM", term);
    }
    let status = command.env("BULKHEAD_TOKEN", token).stdin(Stdio::null()).status()?;
    let (took, down) = (started.elapsed(), outage.end());
    if !status.success() {
        return Err(Problem::new(format!("the restore failed ({status})\n{}", host.log_tail())));
    }
    done(&format!("restored; the database was down for {}", bold(&seconds(down))), took);
    Ok(())
}

fn compare(server: &MariaDb, before: &Snapshot, confirmed: u64) -> Result<bool> {
    step("Compared, object by object");
    let started = Instant::now();
    let after = Snapshot::take(server)?;
    let ledger = Ledger::check(server);
    // The ledger moved while the backup ran: it has its own proof.
    let is_ledger = |difference: &Difference| difference.object.name.starts_with("`ledger`");
    let differences: Vec<_> = before.compare(&after).into_iter().filter(|difference| !is_ledger(difference)).collect();
    for line in before.side_by_side(&after).lines().filter(|line| !line.starts_with("`ledger`")) {
        let line =
            line.strip_suffix("equal").map_or_else(|| line.to_owned(), |rest| format!("{rest}{}", green("equal")));
        note(&line.strip_suffix("DIFFERS").map_or_else(|| line.clone(), |rest| format!("{rest}{}", red("DIFFERS"))));
    }
    for difference in &differences {
        note(&red(&difference.to_string()));
    }
    let consistent = match &ledger {
        Ok(ledger) if ledger.lines >= confirmed => {
            note(&format!(
                "ledger, written during the backup: transactions 1 to {} and no other, balances agree  {}",
                ledger.lines,
                green("consistent")
            ));
            true
        }
        Ok(ledger) => {
            note(&red(&format!(
                "ledger: only {} of the {confirmed} transactions confirmed before the backup",
                ledger.lines
            )));
            false
        }
        Err(problem) => {
            note(&red(&format!("ledger: {problem}")));
            false
        }
    };
    let equal = differences.is_empty() && consistent;
    let (tables, objects) = (before.tables.len(), before.definitions.len());
    if equal {
        done(&format!("{tables} tables and {objects} definitions are equal"), started.elapsed());
    }
    Ok(equal)
}

fn by_hand(backup: &str, method: &str) {
    let place = format!("acme/{SERVICE}/{backup}");
    step("The same without Bulkhead: open formats only");
    note(&dim(&format!("cd BUCKET/{place}")));
    if method == "dump" {
        note("zstd -dc *.zst | mariadb");
    } else {
        note(
            "zstd -dc data.xbstream.zst | mbstream -x -C DIR && mariadb-backup --prepare --target-dir=DIR && mariadb-backup --copy-back --target-dir=DIR",
        );
    }
}

fn text(value: &Value, key: &str) -> Result<String> {
    let found = value[key].as_str().map(str::to_owned);
    found.ok_or_else(|| Problem::new(format!("`{key}` is missing in {value}")))
}

fn number(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or(0)
}

/// No step of a backup may take longer in a demo.
pub const DEADLINE: Duration = Duration::from_secs(600);
