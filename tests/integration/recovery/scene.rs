//! A server that is written to, and a host that backs it up.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bulkhead_test_support::{
    Account, BulkheadHost, HostOptions, Ledger, MariaDb, MariaDbOptions, ServiceEntry, Writer,
};
use serde_json::Value;

pub const SHOP: &str = "shop";
pub const SPARE: &str = "spare";

pub struct Scene {
    pub shop: Arc<MariaDb>,
    pub host: BulkheadHost,
    writer: Option<Writer>,
    /// The transaction before the ledger's first line: each line is one transaction, and nothing else is written.
    offset: u64,
}

impl Scene {
    /// With a writer that has begun; `extra` is of the service's section.
    pub fn start(extra: &str) -> Self {
        Self::with(extra, &MariaDbOptions::default(), HostOptions::default())
    }

    pub fn with(extra: &str, server: &MariaDbOptions, mut host: HostOptions) -> Self {
        let shop = Arc::new(MariaDb::start_with(server).unwrap());
        let mut entry = ServiceEntry::of(SHOP, &shop).account(Account::ADMIN);
        extra.clone_into(&mut entry.extra);
        host.services.insert(0, entry);
        if shop.encrypted() {
            let _ = writeln!(host.extra, "[tools.mariadb-backup]\nread = {:?}", shop.key_files());
        }
        let host = BulkheadHost::start(host).unwrap();
        let writer = Writer::start(&shop).unwrap();
        writer.wait_for(20).unwrap();
        let mut scene = Self { shop, host, writer: Some(writer), offset: 0 };
        scene.begin_anew();
        scene
    }

    /// Counts from here: something else than the writer has written.
    pub fn begin_anew(&mut self) {
        self.pause();
        let lines = Ledger::check(&self.shop).unwrap().lines;
        self.offset = self.transaction() - lines;
        self.go_on();
    }

    /// A server that encrypts its data, where this machine has one.
    pub fn encrypted() -> MariaDbOptions {
        MariaDbOptions { encryption: MariaDb::can_encrypt(), ..MariaDbOptions::default() }
    }

    /// Stops writing; answers the number of lines.
    pub fn pause(&mut self) -> u64 {
        self.writer.take().map(Writer::stop).unwrap_or_default()
    }

    pub fn go_on(&mut self) {
        self.writer = Some(Writer::go_on(&self.shop));
        self.write(5);
    }

    /// Lets so many lines be written.
    pub fn write(&self, lines: u64) {
        let writer = self.writer.as_ref().expect("the writer was paused");
        writer.wait_for(writer.committed() + lines).unwrap();
    }

    /// The last transaction of the server.
    pub fn transaction(&self) -> u64 {
        sequence(&self.shop.value("SELECT @@gtid_binlog_pos").unwrap())
    }

    pub fn backup(&self, method: &str) -> Value {
        let id = self.host.backup(SHOP, method).unwrap();
        self.show(&id)
    }

    pub fn show(&self, id: &str) -> Value {
        self.host.json(&["backup", "show", id]).unwrap()
    }

    /// The lines of the ledger that a backup holds, by the position that it states.
    pub fn lines_of(&self, backup: &Value) -> u64 {
        self.lines_at(backup["positions"]["gtid"].as_str().unwrap())
    }

    /// The lines that the ledger had at a position.
    pub fn lines_at(&self, gtid: &str) -> u64 {
        sequence(gtid) - self.offset
    }

    /// The position at which the ledger had so many lines.
    pub fn gtid_of(&self, lines: u64) -> String {
        format!("0-1-{}", lines + self.offset)
    }

    /// Restores with these arguments, and waits.
    pub fn restore(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["backup", "restore"];
        all.extend(arguments);
        all.extend(["--no-safety-backup", "--wait"]);
        self.host.json(&all).unwrap_or_else(|problem| panic!("{problem}\n{}", self.host.log_tail()))
    }

    /// Restores and looks what the server holds.
    pub fn restores_to(&self, arguments: &[&str], lines: u64) {
        self.restore(arguments);
        assert_eq!(Ledger::check(&self.shop).unwrap().lines, lines, "{arguments:?}");
    }

    /// What a restore that must be refused says.
    pub fn refused(&self, arguments: &[&str]) -> String {
        let mut all = vec!["backup", "restore"];
        all.extend(arguments);
        all.extend(["--no-safety-backup", "--wait"]);
        let output = self.host.run(&all).unwrap();
        assert_ne!(output.code, Some(0), "{arguments:?} was not refused: {}", output.stdout);
        output.stderr
    }

    pub fn verify(&self, backup: &Value, level: &str) -> Value {
        let id = id(backup);
        let output = self.host.run(&["backup", "verify", &id, "--level", level]).unwrap();
        let shown = self.show(&id);
        assert!(output.code.is_some(), "{}", output.stderr);
        shown
    }
}

pub fn id(backup: &Value) -> String {
    backup["id"].as_str().unwrap_or_else(|| panic!("no id in {backup}")).to_owned()
}

/// The number in a GTID such as `0-1-4711`.
pub fn sequence(gtid: &str) -> u64 {
    gtid.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("{gtid:?} is no GTID"))
}

/// Until the server's clock shows another second: logs know whole seconds only.
pub fn next_second(server: &MariaDb) -> String {
    let now = || server.value("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:%s')").unwrap();
    let before = now();
    bulkhead_test_support::process::wait_until("the next second", Duration::from_secs(5), || {
        let second = now();
        Ok((second != before).then_some(second))
    })
    .unwrap()
}
