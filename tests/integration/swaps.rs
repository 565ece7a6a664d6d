//! What a swap of the data directory does to things that no backup holds: accounts made since, files of the operator, data elsewhere.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use bulkhead_test_support::{Account, BulkheadHost, HostOptions, MariaDb, ServiceEntry, StandIn, process};
use serde_json::Value;

use crate::crash::scene::rows;

/// On a busy machine; what is waited for takes seconds.
const PATIENCE: Duration = Duration::from_secs(180);

const SHOP: &str = "shop";
/// The same server, with a login that the backup does not know.
const LATER: &str = "later";

#[test]
fn a_full_restore_keeps_the_operators_files_and_is_no_failure_because_an_account_is_newer() {
    let server = MariaDb::start().unwrap();
    server
        .execute("CREATE DATABASE app; CREATE TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)")
        .unwrap();
    let start = StandIn::of("start", server.start_command().remove(0).into()).unwrap();
    let account = Account { user: "bulkhead_later", password: "made since" };
    let host = BulkheadHost::start(HostOptions {
        services: vec![
            ServiceEntry::of(SHOP, &server)
                .account(Account::ADMIN)
                .started_by(vec![start.path().to_string_lossy().into_owned()]),
            ServiceEntry::of(LATER, &server).account(account),
        ],
        ..HostOptions::default()
    })
    .unwrap();
    let backup = host.backup(SHOP, "full").unwrap();
    server
        .execute(&format!(
            "CREATE USER {0}@'%' IDENTIFIED BY '{1}'; GRANT ALL ON *.* TO {0}@'%'; INSERT INTO app.t VALUES (2)",
            account.user, account.password
        ))
        .unwrap();
    let key = server.data_dir().join("tls/server-key.pem");
    fs::create_dir(key.parent().unwrap()).unwrap();
    fs::write(&key, "the only key").unwrap();
    fs::write(server.data_dir().join("init.sql"), "SELECT 1").unwrap();

    let restore = |service: &str, more: &[&str]| -> Value {
        let arguments = [&["backup", "restore", &backup, "--to", service, "--no-safety-backup"], more].concat();
        host.json(&arguments).unwrap_or_else(|problem| panic!("{problem}\n{}", host.log_tail()))
    };
    let preview = restore(LATER, &["--dry-run"]).to_string();
    assert!(preview.contains("taken over: init.sql, tls"), "{preview}");

    let restored = restore(LATER, &["--wait"]);
    assert_eq!(restored["status"], "Succeeded", "{restored}\n{}", host.log_tail());
    let said = restored["message"].as_str().unwrap();
    assert!(said.contains("refuses user `bulkhead_later`") && said.contains("ALTER USER"), "{said}");
    assert_eq!(server.value("SELECT GROUP_CONCAT(id) FROM app.t").unwrap(), "1");
    assert_eq!(fs::read_to_string(&key).unwrap(), "the only key");
    assert!(server.data_dir().join("init.sql").exists());

    // A restore that is cancelled when its data is on the way to be live is what it turns out to be.
    server.execute("INSERT INTO app.t VALUES (3)").unwrap();
    let go = start.dir().join("go");
    start.behave(&format!("while [ ! -e {} ]; do sleep 0.1; done", go.display())).unwrap();
    let token = host.token("acme", "administrator").unwrap();
    let mut client = host.client(&["backup", "restore", &backup, "--no-safety-backup"]);
    client.env("BULKHEAD_TOKEN", token).stdout(Stdio::null()).stderr(Stdio::null());
    let mut client = client.spawn().unwrap();
    let journal = server.dir().join("data.bulkhead-restore.json");
    process::wait_until("the server is to be started", PATIENCE, || {
        Ok(fs::read_to_string(&journal).unwrap_or_default().contains("starting").then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}\n{}", host.log_tail()));
    let restores = rows(&host.json(&["restore", "list"]).unwrap(), "restores");
    let job = restores[0]["job_id"].as_str().unwrap().to_owned();
    host.run(&["job", "cancel", &job]).unwrap().ok().unwrap();
    fs::write(&go, "").unwrap();
    let ended = host.wait_for("job", &job, PATIENCE).unwrap();
    assert_eq!(ended["status"], "Succeeded", "{ended}\n{}", host.log_tail());
    process::wait_until("the command ends", PATIENCE, || Ok(client.try_wait()?)).unwrap();
    assert_eq!(server.value("SELECT GROUP_CONCAT(id) FROM app.t").unwrap(), "1");

    // What a copy of the data directory would lack is refused while there is another way.
    let elsewhere = tempfile::tempdir().unwrap();
    server
        .execute(&format!(
            "CREATE TABLE app.elsewhere (id INT PRIMARY KEY) DATA DIRECTORY = '{}'",
            elsewhere.path().display()
        ))
        .unwrap();
    let refused = host.run(&["--service", SHOP, "backup", "create", "--type", "full", "--wait"]).unwrap();
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    let said = [refused.stdout, refused.stderr].concat();
    assert!(said.contains("table `app/elsewhere` was created with DATA DIRECTORY"), "{said}");
}
