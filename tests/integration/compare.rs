//! What comes back from a backup, compared object by object with what was there.

use std::sync::Arc;

use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::{
    Account, AgeKey, BulkheadHost, Difference, HostOptions, Ledger, MariaDb, MariaDbOptions, ServiceEntry, Snapshot,
    Writer,
};
use serde_json::Value;

const SHOP: &str = "shop";
const SPARE: &str = "spare";

/// Databases that the second server has and the backups have not.
const OTHERS: &str = "CREATE DATABASE others; USE others; CREATE TABLE others.kept (id INT PRIMARY KEY, body TEXT);
    INSERT INTO others.kept SELECT seq, SHA1(seq) FROM seq_1_to_500;
    CREATE VIEW others.seen AS SELECT COUNT(*) AS n FROM others.kept;
    CREATE USER somebody_else@localhost IDENTIFIED BY 'x'; GRANT SELECT ON others.* TO somebody_else@localhost;";

#[test]
fn a_full_backup_made_under_load_brings_back_every_object_here_and_on_another_server() {
    under_load("full", Account::BACKUP, |scene| {
        // A physical restore brings the whole server: nothing of what was there stays.
        scene.spare.execute(OTHERS).unwrap();
        scene.restore_and_compare(SPARE, &scene.spare, |_| false);
    });
}

#[test]
fn a_dump_made_under_load_brings_back_every_object_and_leaves_other_databases_alone() {
    under_load("dump", Account::ADMIN, |scene| {
        scene.spare.execute(OTHERS).unwrap();
        let is_other = |difference: &Difference| {
            let name = &difference.object.name;
            name.starts_with("`others`") || name.starts_with("`somebody_else`")
        };
        let others = |snapshot: &Snapshot| {
            Snapshot::default().compare(snapshot).into_iter().filter(is_other).collect::<Vec<_>>()
        };
        let before = others(&Snapshot::take(&scene.spare).unwrap());
        assert_eq!(before.len(), 5, "{before:?}");
        scene.restore_and_compare(SPARE, &scene.spare, is_other);
        assert_eq!(others(&Snapshot::take(&scene.spare).unwrap()), before);
    });
}

#[test]
fn backups_without_a_key_come_back_and_state_where_their_server_stood() {
    let server = MariaDb::start().unwrap();
    dataset::load(&server, Scale::Small).unwrap();
    let before = Snapshot::take(&server).unwrap();
    let options = HostOptions {
        services: vec![locking(ServiceEntry::of(SHOP, &server).account(Account::ADMIN))],
        ..HostOptions::default()
    };
    let host = BulkheadHost::start(options).unwrap();

    for method in ["dump", "full"] {
        // Nobody writes: the position is known to the byte.
        let master = server.query("SHOW MASTER STATUS").unwrap().remove(0);
        let gtid = server.value("SELECT @@gtid_binlog_pos").unwrap();
        let from = lsn(&server);
        let id = host.backup(SHOP, method).unwrap();
        let shown = host.json(&["backup", "show", &id]).unwrap();
        let positions = &shown["positions"];
        assert_eq!(positions["binlog.file"], *master[0], "{method}: {shown}");
        assert_eq!(positions["binlog.position"], *master[1], "{method}: {shown}");
        assert_eq!(positions["gtid"], *gtid, "{method}: {shown}");
        assert_eq!(positions["server.id"], "1", "{method}: {shown}");
        assert_eq!(positions["tables"], *count_tables(&server), "{method}: {shown}");
        assert_eq!(shown["server_version"], *server.value("SELECT VERSION()").unwrap(), "{method}");
        if method == "full" {
            let at = |name: &str| positions[name].as_str().and_then(|text| text.parse::<u64>().ok());
            let (to, last, now) = (at("lsn.to").unwrap(), at("lsn.last").unwrap(), lsn(&server));
            assert_eq!(at("lsn.from"), Some(0), "{shown}");
            assert!(to <= last && from <= last && last <= now, "from {from}, to {to}, last {last}, now {now}");
        }

        dataset::destroy(&server).unwrap();
        assert!(Snapshot::take(&server).unwrap().tables.is_empty());
        host.restore(&id, SHOP).unwrap();
        assert_equal(&before, &server, |_| false);
    }
}

/// The data set has tables of every engine: only while they are locked does a dump know where it stands.
fn locking(mut entry: ServiceEntry) -> ServiceEntry {
    entry.extra = "methods.dump = { lock_tables = \"auto\" }".to_owned();
    entry
}

fn lsn(server: &MariaDb) -> u64 {
    let row = server.query("SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'").unwrap().remove(0);
    row[1].parse().unwrap()
}

fn count_tables(server: &MariaDb) -> String {
    let query = "SELECT COUNT(*) FROM information_schema.tables
        WHERE table_schema NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys')";
    server.value(query).unwrap()
}

/// Two servers with the same keys for encryption at rest, one with everything in it, and a host that serves both.
struct Scene {
    shop: Arc<MariaDb>,
    spare: Arc<MariaDb>,
    host: BulkheadHost,
    backup: String,
    before: Snapshot,
    /// The transactions of the writer that the backup holds, by the position it states.
    lines: u64,
}

/// Backs up, encrypted, while a writer writes, destroys everything, restores in place, then goes on to `elsewhere`.
fn under_load(method: &str, account: Account, elsewhere: impl FnOnce(&Scene)) {
    // Its sequences are not let in by a server that logs statements alone.
    let arguments = vec!["--binlog-format=MIXED".to_owned()];
    let options = MariaDbOptions { encryption: MariaDb::can_encrypt(), arguments, ..MariaDbOptions::default() };
    let start = || Arc::new(MariaDb::start_with(&options).unwrap());
    let (shop, spare, key) = (start(), start(), AgeKey::generate().unwrap());
    dataset::load(&shop, Scale::Full).unwrap();
    let before = Snapshot::take(&shop).unwrap();
    let host = BulkheadHost::start(HostOptions {
        services: vec![
            locking(ServiceEntry::of(SHOP, &shop).account(account)),
            ServiceEntry::of(SPARE, &spare).account(account),
        ],
        recipients: vec![key.recipient.clone()],
        identities: vec![key.identity()],
        extra: may_read_keys(&shop, &spare),
        ..HostOptions::default()
    })
    .unwrap();

    let writer = Writer::start(&shop).unwrap();
    writer.wait_for(100).unwrap();
    let confirmed = writer.committed();
    let arguments = ["backup", "create", "--service", SHOP, "--type", method, "--name", "before it all", "--wait"];
    let created = host.json(&arguments).unwrap();
    assert_eq!(created["status"], "completed", "{created}");
    let stopped = writer.stop();
    let backup = created["id"].as_str().unwrap().to_owned();

    // By its name, by the beginning of its id, and in the list it is the same backup.
    let shown = host.json(&["backup", "show", "before it all"]).unwrap();
    assert_eq!(shown, host.json(&["backup", "show", &backup[..8]]).unwrap());
    assert_eq!(host.json(&["backup", "list"]).unwrap()["backups"][0], shown);
    assert_eq!((&shown["id"], &shown["status"]), (&Value::from(&*backup), &"Succeeded".into()), "{shown}");
    let listed = host.run(&["backup", "list"]).unwrap().ok().unwrap().stdout;
    assert!(listed.contains(&format!("before it all ({})", &backup[..8])), "{listed}");

    // Each line of the ledger is one transaction, and nothing else is written to the binary log.
    let last = sequence(&shop.value("SELECT @@gtid_binlog_pos").unwrap());
    let stated = sequence(shown["positions"]["gtid"].as_str().unwrap());
    let lines = stopped.checked_sub(last - stated).unwrap();
    assert!((confirmed..=stopped).contains(&lines), "{confirmed} <= {lines} <= {stopped}");
    let scene = Scene { shop, spare, host, backup, before, lines };

    dataset::destroy(&scene.shop).unwrap();
    assert!(Snapshot::take(&scene.shop).unwrap().tables.is_empty());
    scene.restore_and_compare(SHOP, &scene.shop, |_| false);
    elsewhere(&scene);
}

/// What `bulkhead.toml` says of servers that encrypt at rest.
fn may_read_keys(shop: &MariaDb, spare: &MariaDb) -> String {
    let files: Vec<_> = [shop, spare].iter().flat_map(|server| server.key_files()).collect();
    if files.is_empty() { String::new() } else { format!("[tools.mariadb-backup]\nread = {files:?}\n") }
}

impl Scene {
    fn restore_and_compare(&self, service: &str, server: &MariaDb, expected: impl Fn(&Difference) -> bool) {
        let restored = self.host.restore(&self.backup, service).unwrap();
        assert_eq!(restored["message"], "Restore has succeeded!", "{restored}");
        assert_equal(&self.before, server, |difference| {
            difference.object.name.starts_with("`ledger`") || expected(difference)
        });
        let ledger = Ledger::check(server).unwrap();
        assert_eq!(ledger.lines, self.lines, "{service} holds another state than the backup's stated position");
    }
}

fn assert_equal(before: &Snapshot, server: &MariaDb, expected: impl Fn(&Difference) -> bool) {
    let mut differences = before.compare(&Snapshot::take(server).unwrap());
    differences.retain(|difference| !expected(difference));
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The number in a GTID such as `0-1-4711`.
fn sequence(gtid: &str) -> u64 {
    gtid.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{gtid:?} is no GTID"))
}
