//! Files that people made with the tools that they have, in a bucket of their own: restored row by row, or refused before the server is
//! touched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulkhead_test_support::bucket::{BUCKET, BucketServer, S3};
use bulkhead_test_support::dataset::{self, Scale};
use bulkhead_test_support::{Account, BulkheadHost, HostOptions, MariaDb, ServiceEntry, Snapshot, process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::scene::files;

const SHOP: &str = "shop";
const PASSWORD: &str = "correct horse battery staple 4711";
const DEADLINE: Duration = Duration::from_secs(300);

/// The streams of the source, as its owner makes them.
const XBSTREAM: &str =
    "mariadb-backup --no-defaults --backup --stream=xbstream --socket=$SOURCE --user=root 2>/dev/null";

/// A bucket with files, the server that they were made of, and another one that they are restored into.
struct Scene {
    bucket: S3,
    source: MariaDb,
    live: MariaDb,
    host: BulkheadHost,
    work: TempDir,
}

impl Scene {
    fn start(fill: impl FnOnce(&MariaDb)) -> Self {
        let (bucket, source, live) = (S3::start().unwrap(), MariaDb::start().unwrap(), MariaDb::start().unwrap());
        fill(&source);
        live.execute(
            "CREATE DATABASE live; CREATE TABLE live.kept (id INT PRIMARY KEY); INSERT INTO live.kept VALUES (1)",
        )
        .unwrap();
        let host = BulkheadHost::start(HostOptions {
            services: vec![ServiceEntry::of(SHOP, &live).account(Account::ADMIN)],
            extra: format!("[egress]\nendpoints = [\"http://{}\"]\n\n", bucket.address()),
            ..HostOptions::default()
        })
        .unwrap();
        Self { bucket, source, live, host, work: tempfile::tempdir().unwrap() }
    }

    /// What a script prints, which works in a directory of the scene's.
    fn sh(&self, script: &str) -> Vec<u8> {
        let mut bash = process::command("bash");
        bash.args(["-euo", "pipefail", "-c", script])
            .current_dir(self.work.path())
            .env("SOURCE", self.source.socket())
            .env("PASSWORD", PASSWORD);
        let finished = process::run(&mut bash, b"", DEADLINE).unwrap();
        assert_eq!(finished.code, Some(0), "{script}: {}", finished.stderr);
        finished.stdout
    }

    fn credentials(&self) -> String {
        let (region, access_key, secret_key) = self.bucket.server().keys();
        format!(
            "[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\nregion = {region}\n\
             endpoint_url = http://{}\n",
            self.bucket.address()
        )
    }

    /// Asks for a restore as a client of SkySQL's does, and waits for its end.
    fn restore(&self, key: &str, method: &str, encryption_key: Option<&str>) -> Value {
        self.restore_with(key, method, encryption_key, false)
    }

    fn restore_with(&self, key: &str, method: &str, encryption_key: Option<&str>, drop_databases: bool) -> Value {
        let mut source = json!({
            "bucket": format!("s3://{BUCKET}/theirs/"), "method": method, "credentials": STANDARD.encode(self.credentials()),
        });
        if drop_databases {
            source["drop_databases"] = true.into();
        }
        if let Some(encryption_key) = encryption_key {
            source["encryption_key"] = encryption_key.into();
        }
        let body = json!({"service_id": SHOP, "key": key, "external_source": source});
        let answer = self.host.api("POST", "/skybackup/v1/restores", &body).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        let restore = answer.json().unwrap();
        assert_eq!((&restore["key"], &restore["status"]), (&json!(key), &json!("Scheduled")));
        assert_eq!(restore["bucket"], format!("s3://{BUCKET}/theirs/"));
        self.ended(&format!("/v1/restores/{}", restore["id"]))
    }

    /// The restore at this path once it has ended.
    fn ended(&self, path: &str) -> Value {
        process::wait_until("the restore ends", DEADLINE, || {
            let shown = self.host.api("GET", path, &Value::Null)?.json()?;
            Ok(matches!(shown["status"].as_str(), Some("Succeeded" | "Failed")).then_some(shown))
        })
        .unwrap_or_else(|problem| panic!("{problem}: {}", self.host.log_tail()))
    }

    fn restored(&self, key: &str, method: &str, encryption_key: Option<&str>) {
        let restore = self.restore(key, method, encryption_key);
        assert_eq!(restore["status"], "Succeeded", "{key}: {restore}\n{}", self.host.log_tail());
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        self.bucket.write(&format!("theirs/{key}"), bytes).unwrap();
    }

    /// In no log and no file of the host's does a secret stand.
    fn keeps_its_secrets(&self, more: &[&str]) {
        let (.., secret_key) = self.bucket.server().keys();
        let encoded = STANDARD.encode(self.credentials());
        for secret in [&[PASSWORD, secret_key, &encoded][..], more].concat() {
            assert!(!self.host.log().contains(secret), "a secret is in the log");
            for path in files(&self.host.dir().join("data")) {
                let bytes = fs::read(&path).unwrap_or_default();
                let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!holds, "a secret is in {}", path.display());
            }
        }
    }
}

fn all_kinds(source: &MariaDb) {
    dataset::load(source, Scale::Small).unwrap();
}

fn a_shop(source: &MariaDb) {
    source
        .execute(
            "CREATE DATABASE own; USE own; CREATE TABLE orders (id INT PRIMARY KEY, body TEXT);
             INSERT INTO orders SELECT seq, SHA1(seq) FROM seq_1_to_5000;
             CREATE VIEW latest AS SELECT MAX(id) AS id FROM orders;
             CREATE USER clerk@'%' IDENTIFIED BY 'clerks own'; GRANT SELECT ON own.* TO clerk@'%';
DELIMITER //
CREATE PROCEDURE read_again() BEGIN
SELECT 'by hand, as root:
USE `mysql`;
';
FLUSH PRIVILEGES;
END//
DELIMITER ;
",
        )
        .unwrap();
}

const ROWS: &str = "SELECT COUNT(*), SUM(CRC32(CONCAT(id, body))) FROM own.orders";

#[test]
fn copies_of_data_files_are_restored_however_they_are_packed() {
    let scene = Scene::start(all_kinds);
    let expected = Snapshot::take(&scene.source).unwrap();
    let identity = String::from_utf8(scene.sh("age-keygen -o key.txt 2>/dev/null; cat key.txt")).unwrap();
    scene.sh(&format!(
        "{XBSTREAM} > full.xb; mkdir raw prepared; mbstream -x -C raw < full.xb; cp -r raw/. prepared;
         mariadb-backup --no-defaults --prepare --target-dir=prepared 2>/dev/null"
    ));
    for (number, (key, script, encryption_key)) in [
        ("full.xb", "cat full.xb", None),
        ("/raw/backup.tar.gz", "tar -C raw -czf - .", None),
        ("prepared", "tar -cf - prepared | zstd -q", None),
        ("full.xb.bz2.enc", "bzip2 < full.xb | openssl enc -aes-256-cbc -pbkdf2 -k \"$PASSWORD\"", Some(PASSWORD)),
        ("old.enc", "gzip < full.xb | openssl enc -aes-256-cbc -md md5 -k \"$PASSWORD\" 2>/dev/null", Some(PASSWORD)),
        ("nightly/lz4.age", "lz4 -q < full.xb | age -e -i key.txt", Some(identity.as_str())),
        ("sparse.tar.lz4", "tar --sparse --format=posix -cf - raw | lz4 -q", None),
    ]
    .into_iter()
    .enumerate()
    {
        scene.put(key.trim_start_matches('/'), &scene.sh(script));
        scene.live.execute(&format!("CREATE DATABASE since_{number}")).unwrap();
        scene.restored(key, "mariabackup", encryption_key);
        let differences = expected.compare(&Snapshot::take(&scene.live).unwrap());
        assert_eq!(differences, [], "{key}");
    }
    scene.keeps_its_secrets(&[identity.lines().last().unwrap()]);
}

#[test]
fn a_dump_of_databases_is_loaded_and_others_stay() {
    let scene = Scene::start(a_shop);
    let dump = "mariadb-dump --no-defaults --socket=$SOURCE --user=root --single-transaction";
    let rows = scene.source.query(ROWS).unwrap();
    scene.live.execute("CREATE DATABASE own; CREATE TABLE own.added_since (id INT PRIMARY KEY)").unwrap();
    let sql = format!("{dump} --databases own --routines");
    for (key, script) in [
        ("own.sql.gz", format!("{{ {sql} | gzip; head -c 512 /dev/zero; }}")),
        ("own.tgz", format!("{sql} > own.sql; tar -czf - own.sql; rm own.sql")),
        ("crlf.sql", format!("{sql} | sed 's/$/\\r/'")),
    ] {
        scene.put(key, &scene.sh(&script));
        scene.restored(key, "mysqldump", None);
        assert_eq!(scene.live.query(ROWS).unwrap(), rows, "{key}");
        assert_eq!(scene.live.value("SELECT id FROM live.kept").unwrap(), "1", "{key}: other databases stay");
        assert_eq!(scene.live.value("SELECT COUNT(*) FROM own.added_since").unwrap(), "0", "{key}: so do other tables");
        let body = "SELECT COUNT(*) FROM mysql.proc WHERE db = 'own' AND body LIKE '%FLUSH PRIVILEGES;%'";
        assert_eq!(scene.live.value(body).unwrap(), "1", "{key}: the procedure has lost a statement");
        scene.live.execute("DROP PROCEDURE own.read_again; DELETE FROM own.orders").unwrap();
    }
    let restore = scene.restore("own.sql.gz", "mysqldump", None);
    let job = format!("/v1/jobs/{}/events", restore["job_id"].as_str().unwrap());
    let said = scene.host.api("GET", &job, &Value::Null).unwrap().body;
    assert!(said.contains("the service holds what the dump does not: own.added_since; they stay"), "{said}");

    // With the server's own tables it is the whole server, which takes the place of what was there.
    scene.live.execute("DELETE FROM own.orders WHERE id > 10").unwrap();
    let root =
        scene.live.value("SELECT priv FROM mysql.global_priv WHERE user = 'root' AND host = 'localhost'").unwrap();
    let file = format!(
        "{dump} --all-databases --flush-privileges | zstd -q | openssl enc -aes-256-cbc -k \"$PASSWORD\" 2>/dev/null"
    );
    scene.put("all.sql.zst.enc", &scene.sh(&file));
    let restore = scene.restore("/all.sql.zst.enc", "mariadb-dump", Some(PASSWORD));
    assert_eq!(restore["failure"]["code"], "conflict", "{restore}");
    assert!(
        restore["failure"]["message"].as_str().unwrap().contains("lose what the dump does not hold: `live`"),
        "{restore}"
    );
    assert_eq!(scene.live.value("SELECT id FROM live.kept").unwrap(), "1");
    let restore = scene.restore_with("/all.sql.zst.enc", "mariadb-dump", Some(PASSWORD), true);
    assert_eq!(restore["status"], "Succeeded", "{restore}\n{}", scene.host.log_tail());
    assert_eq!(scene.live.query(ROWS).unwrap(), rows);
    assert_eq!(
        scene.live.value("SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'live'").unwrap(),
        "0"
    );
    let accounts = |user: &str| {
        scene.live.value(&format!("SELECT COUNT(*) FROM mysql.global_priv WHERE user LIKE '{user}'")).unwrap()
    };
    assert_eq!((accounts("clerk").as_str(), accounts("bulkhead-%").as_str()), ("1", "0"));
    let now =
        scene.live.value("SELECT priv FROM mysql.global_priv WHERE user = 'root' AND host = 'localhost'").unwrap();
    assert_eq!(now, root, "the superuser is the server's own");
    assert_eq!(accounts(Account::ADMIN.user), "1", "the host's own account");
    scene.keeps_its_secrets(&[]);
}

#[test]
fn what_cannot_be_restored_is_refused_before_the_server_is_touched() {
    let scene = Scene::start(a_shop);
    let dump = "mariadb-dump --no-defaults --socket=$SOURCE --user=root";
    scene.sh(&format!(
        "{XBSTREAM} > full.xb; gzip -k full.xb; mkdir raw; mbstream -x -C raw < full.xb; {dump} --databases own > own.sql"
    ));
    let stream = fs::read(scene.work.path().join("full.xb")).unwrap();
    let last = stream.windows(8).rposition(|window| window == b"XBSTCK01").unwrap();
    scene.put("cut.xb", &stream[..last]);
    scene.put("cut-early.xb", &stream[..stream.len() / 2]);
    let mut packed = fs::read(scene.work.path().join("full.xb.gz")).unwrap();
    scene.put("full.xb.gz", &packed);
    scene.put("cut.xb.gz", &packed[..packed.len() - 9]);
    let middle = packed.len() / 2;
    packed[middle] ^= 1;
    scene.put("changed.xb.gz", &packed);
    for (key, script) in [
        ("locked.enc", "openssl enc -aes-256-cbc -pbkdf2 -k other < full.xb"),
        ("link.tar", "ln -s /etc/passwd raw/mysql/link; tar -cf - raw; rm raw/mysql/link"),
        ("out.tar", "tar -C raw -P --transform 's,^./ibdata1,../../ibdata1,' -cf - ."),
        ("part.tar", "tar -C raw --exclude ibdata1 -cf - ."),
        ("own.sql", "cat own.sql"),
        ("cut.sql", "head -n -2 own.sql"),
        // Whole by its end, and no SQL in the middle.
        ("wrong.sql", "sed 's/^INSERT INTO `orders`/& (nothing)/' own.sql"),
        ("tables.sql", &format!("{dump} own")),
        ("no-drop.sql", &format!("{dump} --databases own --skip-add-drop-table")),
        ("no-db.sql", &format!("{dump} --databases own --no-create-db")),
        ("mysql8.sql", "sed 's/ COLLATE=[a-z0-9_]*/ COLLATE=utf8mb4_0900_ai_ci/' own.sql"),
        ("gtid.sql", "sed \"2a SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5';\" own.sql"),
        ("server.sql", &format!("{dump} --databases own mysql")),
        ("utf16.sql", "printf '\\xff\\xfe'; iconv -t UTF-16LE own.sql"),
        ("warn.sql", "echo 'mysqldump: [Warning] Using a password'; cat own.sql"),
        ("tail.sql.gz", "gzip < own.sql; echo garbage"),
        ("folder/ibdata1", "head -c 10 raw/ibdata1"),
    ] {
        scene.put(key, &scene.sh(script));
    }
    scene.live.execute("CREATE DATABASE own; CREATE TABLE own.orders (id INT PRIMARY KEY, body TEXT)").unwrap();
    let (server, log) = (scene.live.pid(), scene.live.value("SELECT @@gtid_current_pos").unwrap());
    for (key, method, encryption_key, code, why) in [
        ("full.xb.g", "mariabackup", None, "not-found", "the bucket holds no such file"),
        ("folder", "mariabackup", None, "not-found", "the bucket holds no such file"),
        ("full.xb.gz", "mysqldump", None, "invalid", "it is a stream of mariadb-backup"),
        ("own.sql", "mariabackup", None, "invalid", "it is SQL"),
        ("cut.xb", "mariabackup", None, "corrupt", "ends before the end of"),
        ("cut-early.xb", "mariabackup", None, "corrupt", "ends in the middle of a chunk"),
        ("cut.xb.gz", "mariabackup", None, "corrupt", "its gzip does not decode"),
        ("changed.xb.gz", "mariabackup", None, "corrupt", "it is damaged"),
        ("locked.enc", "mariabackup", Some(PASSWORD), "denied", "the encryption key does not open it"),
        ("locked.enc", "mariabackup", None, "denied", "no encryption key was given"),
        ("link.tar", "mariabackup", None, "unsupported", "which is a symbolic link"),
        ("out.tar", "mariabackup", None, "corrupt", "would lie outside"),
        ("part.tar", "mariabackup", None, "corrupt", "it holds no ibdata1"),
        ("cut.sql", "mysqldump", None, "corrupt", "it is not whole"),
        ("tables.sql", "mysqldump", None, "unsupported", "names no database"),
        (
            "no-drop.sql",
            "mysqldump",
            None,
            "conflict",
            "the service has the database `own`, and the dump does not drop",
        ),
        ("no-db.sql", "mysqldump", None, "unsupported", "it uses the database `own` and does not make it"),
        ("mysql8.sql", "mysqldump", None, "unsupported", "the dump uses the collation `utf8mb4_0900_ai_ci`"),
        ("gtid.sql", "mysqldump", None, "unsupported", "it sets `GTID_PURGED`"),
        ("server.sql", "mysqldump", None, "conflict", "which would lose what the dump does not hold: `live`"),
        ("utf16.sql", "mysqldump", None, "unsupported", "it is text in UTF-16"),
        ("warn.sql", "mysqldump", None, "unsupported", "its first line is not SQL: `mysqldump: [Warning]"),
        ("tail.sql.gz", "mysqldump", None, "corrupt", "followed by trailing garbage"),
        ("wrong.sql", "mysqldump", None, "", "loading the dump into a throw-away server"),
    ] {
        let restore = scene.restore(key, method, encryption_key);
        assert_eq!(restore["status"], "Failed", "{key}: {restore}");
        let failure = &restore["failure"];
        let message = failure["message"].as_str().unwrap();
        assert!(message.contains(why) || key == "changed.xb.gz" && failure["code"] == "corrupt", "{key}: {restore}");
        assert!(code.is_empty() || failure["code"] == code, "{key}: {restore}");
        assert_eq!(
            (scene.live.pid(), scene.live.value("SELECT @@gtid_current_pos").unwrap()),
            (server, log.clone()),
            "{key}"
        );
    }
    let hint = |key: &str| scene.restore(key, "mariabackup", None)["failure"]["hint"].as_str().unwrap().to_owned();
    assert!(hint("full.xb.g").contains("`full.xb.gz`"));
    assert!(hint("/folder").starts_with("the key names a folder"));
    assert_eq!(leftovers(&scene.live), Vec::<String>::new());
    scene.keeps_its_secrets(&[]);

    // The same by the command line, whose answer says what to do.
    let credentials = scene.host.dir().join("credentials.ini");
    fs::write(&credentials, scene.credentials()).unwrap();
    let address = format!("s3://{BUCKET}/theirs");
    let arguments = |key: &'static str| {
        let file = credentials.to_str().unwrap();
        [
            "backup",
            "restore",
            "--from-bucket",
            &address,
            "--key",
            key,
            "--method",
            "mariabackup",
            "--credentials-file",
            file,
        ]
        .map(str::to_owned)
    };
    let run = |arguments: &[String]| {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(["--no-safety-backup"]).collect();
        scene.host.run(&arguments).unwrap()
    };
    let refused = run(&arguments("cut.xb"));
    assert!(refused.code != Some(0) && refused.stderr.contains("ends before the end of"), "{refused:?}");
    let restored = run(&arguments("full.xb.gz"));
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(scene.live.query(ROWS).unwrap(), scene.source.query(ROWS).unwrap());
}

#[test]
fn a_host_that_is_killed_goes_on_with_what_it_was_given() {
    let mut scene = Scene::start(a_shop);
    scene.put("full.xb", &scene.sh(XBSTREAM));
    for fail_at in ["restore.checked", "restore.swap.renamed-new"] {
        scene.live.execute("CREATE OR REPLACE DATABASE since").unwrap();
        scene.host.launch(&[("BULKHEAD_FAIL_AT", fail_at)]).unwrap();
        let source = json!({
            "bucket": format!("s3://{BUCKET}"), "method": "mariabackup", "credentials": STANDARD.encode(scene.credentials()),
        });
        let body = json!({"service_id": SHOP, "key": "theirs/full.xb", "external_source": source});
        let restore = scene.host.api("POST", "/v1/restores", &body).unwrap().json().unwrap();
        process::wait_until("the host dies", DEADLINE, || Ok(scene.host.pid().is_none().then_some(()))).unwrap();
        scene.host.launch(&[]).unwrap();
        let restore = scene.ended(&format!("/v1/restores/{}", restore["id"]));
        assert_eq!(restore["status"], "Succeeded", "{fail_at}: {restore}\n{}", scene.host.log_tail());
        assert_eq!(scene.live.query(ROWS).unwrap(), scene.source.query(ROWS).unwrap(), "{fail_at}");
        let since = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = 'since'";
        assert_eq!(scene.live.value(since).unwrap(), "0", "{fail_at}");
    }
    scene.keeps_its_secrets(&[]);
}

/// What lies beside the data directory that a restore has made.
fn leftovers(server: &MariaDb) -> Vec<String> {
    let data = server.data_dir();
    let beside = fs::read_dir(data.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    let made = |name: &Path| name.to_string_lossy().contains(".bulkhead-");
    beside.filter(|name| made(Path::new(name))).map(|name| name.to_string_lossy().into_owned()).collect()
}
