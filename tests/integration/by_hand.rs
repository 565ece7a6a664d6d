//! Backups are restored without Bulkhead, by the very commands that stand in `docs/operations.md`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::process::{self, Finished};
use bulkhead_test_support::{
    Account, AgeKey, BulkheadHost, HostOptions, MariaDb, MariaDbOptions, ServiceEntry, Snapshot, workspace,
};

const SHOP: &str = "shop";
const MARK: &str = "# by hand: ";

#[test]
fn plain_backups_are_restored_by_the_commands_in_the_manual() {
    by_hand(None);
}

#[test]
fn encrypted_backups_are_restored_by_the_commands_in_the_manual() {
    let key = AgeKey::generate().unwrap();
    by_hand(Some(&key));
}

fn by_hand(key: Option<&AgeKey>) {
    let manual = Manual::read();
    let options = MariaDbOptions { encryption: MariaDb::can_encrypt(), ..MariaDbOptions::default() };
    let server = MariaDb::start_with(&options).unwrap();
    dataset::load(&server, Scale::Small).unwrap();
    let before = Snapshot::take(&server).unwrap();
    let keys = server.key_files();
    let host = BulkheadHost::start(HostOptions {
        services: vec![ServiceEntry::of(SHOP, &server).account(Account::ADMIN)],
        recipients: key.iter().map(|key| key.recipient.clone()).collect(),
        // This host needs no key to make backups: the identity is only given to `age`.
        extra: if keys.is_empty() { String::new() } else { format!("[tools.mariadb-backup]\nread = {keys:?}\n") },
        ..HostOptions::default()
    })
    .unwrap();
    let folder = |backup: &str| host.bucket().join("acme").join(SHOP).join(backup);
    let identity = key.map(|key| key.identity()).unwrap_or_default();
    let variables = |backup: &Path| {
        let mut variables = BTreeMap::from([("BACKUP", backup.to_string_lossy().into_owned())]);
        if key.is_some() {
            variables.insert("KEY", identity.to_string_lossy().into_owned());
        }
        variables
    };

    let full = folder(&host.backup(SHOP, "full").unwrap());
    let target = host.dir().join("restored");
    let mut with = variables(&full);
    with.insert("TARGET", target.to_string_lossy().into_owned());
    let owner = fs::metadata(host.dir()).unwrap();
    with.insert("OWNER", format!("{}:{}", owner.uid(), owner.gid()));
    manual.follow(&["check", "read", "full"], &with);
    let restored = MariaDb::start_over(&target, &options).unwrap();
    assert_equal("full", &before, &restored);
    drop(restored);

    let dump = folder(&host.backup(SHOP, "dump").unwrap());
    let restored = MariaDb::start_with(&options).unwrap();
    let mut with = variables(&dump);
    with.insert("SOCKET", restored.socket().to_string_lossy().into_owned());
    manual.follow(&["check", "read", "dump"], &with);
    assert_equal("dump", &before, &restored);

    // The manual's check is one: it finds a changed byte and a missing object.
    let object = fs::read_dir(&dump).unwrap().map(|entry| entry.unwrap().path());
    let object = object.into_iter().find(|path| path.to_string_lossy().contains("data.sql")).unwrap();
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&object, bytes).unwrap();
    assert_ne!(manual.run(&["check"], &with).code, Some(0));
    fs::remove_file(&object).unwrap();
    assert_ne!(manual.run(&["check"], &with).code, Some(0));
}

#[test]
fn a_chain_and_the_logs_after_it_are_restored_by_the_commands_in_the_manual() {
    chain_by_hand(None);
}

#[test]
fn an_encrypted_chain_and_the_logs_after_it_are_restored_by_the_commands_in_the_manual() {
    let key = AgeKey::generate().unwrap();
    chain_by_hand(Some(&key));
}

fn chain_by_hand(key: Option<&AgeKey>) {
    let manual = Manual::read();
    let server = MariaDb::start().unwrap();
    dataset::load(&server, Scale::Small).unwrap();
    let host = BulkheadHost::start(HostOptions {
        services: vec![ServiceEntry::of(SHOP, &server).account(Account::ADMIN)],
        recipients: key.iter().map(|key| key.recipient.clone()).collect(),
        ..HostOptions::default()
    })
    .unwrap();
    let backup = |method: &str| {
        let folder = host.bucket().join("acme").join(SHOP).join(host.backup(SHOP, method).unwrap());
        folder.to_string_lossy().into_owned()
    };
    let write = |number: u32| {
        let rows = format!("INSERT INTO by_hand.lines VALUES ({number}), ({number} + 100)");
        server.execute(&format!("{rows}; SET gtid_domain_id = 5; CREATE TABLE by_hand.t{number} (a INT)")).unwrap();
    };
    server.execute("CREATE DATABASE by_hand; CREATE TABLE by_hand.lines (line INT PRIMARY KEY)").unwrap();
    let full = backup("full");
    write(1);
    let first = backup("incremental");
    server.execute("FLUSH BINARY LOGS").unwrap();
    write(2);
    let second = backup("incremental");
    write(3);
    let logs = backup("binarylog");
    write(4);
    let more_logs = backup("binarylog");
    let before = Snapshot::take(&server).unwrap();
    let reached = server.value("SELECT @@gtid_binlog_pos").unwrap();

    let target = host.dir().join("restored");
    let owner = fs::metadata(host.dir()).unwrap();
    let identity = key.map(|key| ("KEY", key.identity().to_string_lossy().into_owned()));
    let mut with = BTreeMap::from([
        ("BACKUP", full),
        ("INCREMENTS", format!("{first} {second}")),
        ("TARGET", target.to_string_lossy().into_owned()),
        ("OWNER", format!("{}:{}", owner.uid(), owner.gid())),
    ]);
    with.extend(identity.clone());
    manual.follow(&["check", "read", "chain"], &with);
    let quiet = ["--skip-log-bin", "--skip-slave-start"].map(str::to_owned).to_vec();
    let restored =
        MariaDb::start_over(&target, &MariaDbOptions { arguments: quiet, ..MariaDbOptions::default() }).unwrap();
    assert_eq!(restored.value("SELECT COUNT(*) FROM by_hand.lines").unwrap(), "4");
    let mut with = BTreeMap::from([
        ("LOG_BACKUPS", format!("{logs} {more_logs}")),
        ("LOGS", host.dir().join("logs").to_string_lossy().into_owned()),
        ("FROM", position(Path::new(&second), "gtid")),
        ("AT", reached),
        ("SOCKET", restored.socket().to_string_lossy().into_owned()),
    ]);
    with.extend(identity);
    manual.follow(&["read", "logs"], &with);
    assert_equal("logs", &before, &restored);
}

/// A position in the manifest of a backup.
fn position(folder: &Path, name: &str) -> String {
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let positions = manifest["report"]["positions"].as_array().unwrap();
    let found = positions.iter().find(|pair| pair[0] == name);
    found.unwrap_or_else(|| panic!("no {name} in {manifest}"))[1].as_str().unwrap().to_owned()
}

fn assert_equal(what: &str, before: &Snapshot, restored: &MariaDb) {
    let differences = before.compare(&Snapshot::take(restored).unwrap());
    assert!(differences.is_empty(), "{what}: {differences:#?}");
}

/// The marked blocks of the manual, by their names.
struct Manual(BTreeMap<String, String>);

impl Manual {
    fn read() -> Self {
        let text = fs::read_to_string(workspace::root().join("docs/operations.md")).unwrap();
        let fenced = text.split("\n```").filter_map(|part| part.strip_prefix("sh\n"));
        let marked = fenced.filter_map(|block| {
            let (first, _) = block.split_once('\n')?;
            Some((first.strip_prefix(MARK)?.to_owned(), block.to_owned()))
        });
        let blocks: BTreeMap<_, _> = marked.collect();
        assert_eq!(blocks.keys().collect::<Vec<_>>(), ["chain", "check", "dump", "full", "logs", "read"]);
        Self(blocks)
    }

    /// Runs blocks one after the other in one shell, with these variables set and nothing else.
    fn run(&self, blocks: &[&str], variables: &BTreeMap<&str, String>) -> Finished {
        let script: String = blocks.iter().map(|name| format!("{}\n", self.0[*name])).collect();
        let mut shell = process::command("bash");
        shell.args(["-euo", "pipefail", "-c", &script]).envs(variables);
        process::run(&mut shell, b"", Duration::from_secs(300)).unwrap()
    }

    fn follow(&self, blocks: &[&str], variables: &BTreeMap<&str, String>) {
        let finished = self.run(blocks, variables);
        let said = format!("{}{}", String::from_utf8_lossy(&finished.stdout), finished.stderr);
        assert_eq!(finished.code, Some(0), "{blocks:?} with {variables:?}:\n{said}");
    }
}
