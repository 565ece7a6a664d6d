//! Whatever is wrong in the target is found by verify and by restore, and a restore that finds it has touched nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulkhead_test_support::{
    Account, AgeKey, BulkheadHost, CommandOutput, HostOptions, Ledger, MariaDb, ServiceEntry, Snapshot, Writer,
};
use serde_json::Value;

const SHOP: &str = "shop";
const MANIFEST: &str = "manifest.json";

#[test]
fn damage_to_a_full_backup_is_found_before_the_live_database_is_touched() {
    Scene::play("full", None);
}

#[test]
fn damage_to_an_encrypted_dump_is_found_before_the_live_database_is_touched() {
    let key = AgeKey::generate().unwrap();
    Scene::play("dump", Some(&key));
}

/// One way to break a file of a backup.
#[derive(Clone, Copy, Debug)]
enum Damage {
    /// One bit of the byte at this many percent of the file.
    Flip(usize),
    /// Only so many percent of the file are left, and less than all of it.
    Truncate(usize),
    Append,
    Remove,
    /// The older backup's file of the same name is put in its place.
    Older,
    /// As `Older`, and the older backup gets the file of the newer.
    Swap,
    /// The manifest says that it is of a later format. That is no byte changed by chance, but what such a byte may look like.
    LaterFormat,
}

impl Damage {
    /// For each object; what lies there has been seen to take each of them.
    const OF_OBJECTS: &[Self] = &[
        Self::Flip(0),
        Self::Flip(50),
        Self::Flip(100),
        Self::Truncate(100),
        Self::Truncate(0),
        Self::Append,
        Self::Remove,
        Self::Older,
        Self::Swap,
    ];

    fn apply(self, file: &Path, older: &Path) {
        let mut bytes = fs::read(file).unwrap();
        match self {
            Self::Flip(percent) => {
                let at = (bytes.len() * percent / 100).min(bytes.len() - 1);
                bytes[at] ^= 1;
            }
            Self::Truncate(percent) => bytes.truncate((bytes.len() * percent / 100).min(bytes.len() - 1)),
            Self::Append => bytes.push(b'\n'),
            Self::Remove => return fs::remove_file(file).unwrap(),
            Self::Older => bytes = fs::read(older).unwrap(),
            Self::Swap => {
                let newer = std::mem::replace(&mut bytes, fs::read(older).unwrap());
                fs::write(older, newer).unwrap();
            }
            Self::LaterFormat => {
                let text = String::from_utf8(bytes).unwrap();
                bytes = text.replacen("\"format\": 1", "\"format\": 9", 1).into_bytes();
            }
        }
        assert_ne!(bytes, fs::read(file).unwrap(), "{self:?} changes nothing");
        fs::write(file, bytes).unwrap();
    }
}

struct Scene {
    server: Arc<MariaDb>,
    host: BulkheadHost,
    token: String,
    /// Ids of the backup before the one under test, and of this.
    older: String,
    backup: String,
    /// All files of both backups.
    sound: BTreeMap<PathBuf, Vec<u8>>,
    /// What is live, later than both backups.
    live: (Snapshot, Ledger, u32),
}

impl Scene {
    fn play(method: &str, key: Option<&AgeKey>) {
        let scene = Self::set(method, key);
        let restored = Ledger { lines: scene.live.1.lines - 2 };
        let folder = scene.folder(&scene.backup);
        let mut objects: Vec<PathBuf> = scene.sound.keys().filter(|file| file.starts_with(&folder)).cloned().collect();
        objects.retain(|file| !file.ends_with(MANIFEST));
        assert!(!objects.is_empty());
        let on_objects = objects.iter().flat_map(|file| Damage::OF_OBJECTS.iter().map(move |damage| (file, damage)));
        let manifest = folder.join(MANIFEST);
        let on_manifest = Damage::OF_OBJECTS.iter().chain([&Damage::LaterFormat]).map(|damage| (&manifest, damage));
        for (file, damage) in on_objects.chain(on_manifest) {
            let older = scene.folder(&scene.older).join(file.file_name().unwrap());
            if matches!(damage, Damage::Older | Damage::Swap) && scene.sound.get(&older) == scene.sound.get(file) {
                // The same bytes: nothing would be damaged.
                continue;
            }
            let case = Case { method, file: file.file_name().unwrap().to_str().unwrap(), damage: *damage };
            scene.is_found(&case, file);
        }

        // Undamaged again, the same backup is sound and restores.
        let verified = scene.run(&["backup", "verify", &scene.backup]).ok().unwrap();
        assert!(verified.stdout.contains("is sound"), "{verified:?}");
        assert_eq!(scene.shown()["suspect"], Value::Null);
        scene.run(&["backup", "restore", &scene.backup, "--wait"]).ok().unwrap();
        assert_eq!(Ledger::check(&scene.server).unwrap(), restored);
    }

    /// A server with a little of everything that matters, backed up twice; since the second backup it has gone on.
    fn set(method: &str, key: Option<&AgeKey>) -> Self {
        let server = Arc::new(MariaDb::start().unwrap());
        let host = BulkheadHost::start(HostOptions {
            services: vec![ServiceEntry::of(SHOP, &server).account(Account::ADMIN)],
            recipients: key.iter().map(|key| key.recipient.clone()).collect(),
            identities: key.iter().map(|key| key.identity()).collect(),
            ..HostOptions::default()
        })
        .unwrap();
        let writer = Writer::start(&server).unwrap();
        writer.wait_for(20).unwrap();
        writer.stop();
        let more = |statements: &str| {
            // What the writer would write, one line.
            server.execute(statements).unwrap();
            let line = "SELECT MAX(id) + 1 INTO @id FROM ledger.log;
                INSERT INTO ledger.log (id, payer, payee, amount, filler) VALUES (@id, 1, 2, 5, '');
                UPDATE ledger.accounts SET balance = balance - 5 WHERE id = 1;
                UPDATE ledger.accounts SET balance = balance + 5 WHERE id = 2;";
            server.execute(line).unwrap();
        };
        more(
            "CREATE USER ada@localhost IDENTIFIED BY 'x'; GRANT SELECT (balance) ON ledger.accounts TO ada@localhost;",
        );
        let older = host.backup(SHOP, method).unwrap();
        more("GRANT PROCESS ON *.* TO ada@localhost;");
        let backup = host.backup(SHOP, method).unwrap();
        more("CREATE TABLE ledger.later (id INT PRIMARY KEY); INSERT INTO ledger.later VALUES (1);");
        more("DROP USER ada@localhost;");

        let token = host.token("acme", "administrator").unwrap();
        let live = (Snapshot::take(&server).unwrap(), Ledger::check(&server).unwrap(), server.pid().unwrap());
        let mut scene = Self { server, host, token, older, backup, sound: BTreeMap::new(), live };
        for folder in [scene.folder(&scene.older), scene.folder(&scene.backup)] {
            let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            scene.sound.extend(files.map(|file| (file.clone(), fs::read(file).unwrap())));
        }
        scene
    }

    fn is_found(&self, case: &Case<'_>, file: &Path) {
        case.damage.apply(file, &self.folder(&self.older).join(case.file));

        // First the restore, which must not need anybody's word. What a drill compares with is no part of the data: a copy of data
        // files is restored without it, and only a verify says that it is damaged.
        if !(case.method == "full" && case.file.starts_with("tables.json")) {
            let restore = self.run(&["backup", "restore", &self.backup, "--wait"]);
            assert_eq!(restore.code, Some(1), "{case}: {restore:?}");
            assert!(restore.stderr.contains(case.file), "{case}: the restore does not name the file: {restore:?}");
        }

        let verify = self.run(&["backup", "verify", &self.backup]);
        assert_eq!(verify.code, Some(1), "{case}: {verify:?}");
        assert!(verify.stderr.contains(case.file), "{case}: verify does not name the file: {verify:?}");
        let suspect = self.shown()["suspect"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(suspect.contains(case.file), "{case}: show does not name the file: {suspect:?}");

        for (file, bytes) in &self.sound {
            if fs::read(file).ok().as_ref() != Some(bytes) {
                fs::write(file, bytes).unwrap();
            }
        }
        let (snapshot, ledger, pid) = &self.live;
        assert_eq!(self.server.pid(), Some(*pid), "{case}: the server was restarted");
        assert_eq!(Ledger::check(&self.server).unwrap(), *ledger, "{case}: the ledger is another one");
        let differences = snapshot.compare(&Snapshot::take(&self.server).unwrap());
        assert!(differences.is_empty(), "{case}: the live database was touched: {differences:#?}");
        let left = self.host.leftovers(&[&self.server]).unwrap();
        assert!(left.is_empty(), "{case}: left behind: {left:#?}");
        assert!(!self.host.log().contains("number=2"), "{case}: damage does not go away by trying again");
    }

    fn run(&self, arguments: &[&str]) -> CommandOutput {
        self.host.run_with(&[("BULKHEAD_TOKEN", &self.token)], arguments).unwrap()
    }

    fn shown(&self) -> Value {
        self.run(&["backup", "show", &self.backup, "--json"]).ok().unwrap().json().unwrap()
    }

    fn folder(&self, backup: &str) -> PathBuf {
        self.host.bucket().join("acme").join(SHOP).join(backup)
    }
}

struct Case<'a> {
    method: &'a str,
    file: &'a str,
    damage: Damage,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}, {:?}", self.method, self.file, self.damage)
    }
}
