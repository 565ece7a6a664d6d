//! What a swap meets that is not its own: slow and busy servers, other attempts and hosts, files of the operator.

use std::net::TcpStream;

use bulkhead_runtime::Presence;

use super::super::journal::{Journal, Step};
use super::super::places::Places;
use super::super::recover::end_earlier;
use super::super::{check_possible, require_inside};
use super::*;

#[tokio::test]
async fn a_server_that_shuts_down_for_longer_than_is_waited_for_runs_again_in_the_end() {
    let mut fixture = Fixture::running().await;
    // It holds its files for a while after everything else has given up, and then goes down as it was told.
    let pid = fixture.root.join("pid");
    let slow = format!(
        "kill -STOP $(cat {0}); kill -TERM $(cat {0}); (sleep 16; kill -CONT $(cat {0})) >/dev/null 2>&1 &",
        pid.display()
    );
    fixture.service.stop = vec!["/bin/sh".to_owned(), "-c".to_owned(), slow];
    fixture.service.stop_deadline = Duration::from_secs(1);
    let control = fixture.control(None);
    fixture.stage(&control).await;
    let failure = control.swap().await.unwrap_err();
    assert!(failure.message.contains("still running"), "{failure}");
    assert!(failure.message.contains("the old data is back in place and its server answers"), "{failure}");
    control.close().await;
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn a_server_without_a_free_connection_counts_as_running() {
    let fixture = Fixture::running().await;
    for sql in ["SET GLOBAL connect_timeout = 600", "SET GLOBAL max_connections = 10"] {
        fixture.service.connection.query(sql, Duration::from_secs(10), 4096).await.unwrap();
    }
    let control = fixture.control(None);
    fixture.stage(&control).await;
    fs::write(control.staging().join("ibdata1"), vec![7; 12 << 20]).unwrap();
    let address = ("127.0.0.1", fixture.service.connection.port);
    let clients: Vec<TcpStream> = (0..11).map(|_| TcpStream::connect(address).unwrap()).collect();
    until("no connection is free", async || {
        fixture.service.connection.presence(Duration::from_secs(5)).await == Presence::Full
    })
    .await;
    let failure = control.swap().await.unwrap_err();
    // And so it is started again.
    assert!(failure.message.contains("the old data is back in place and its server answers"), "{failure}");
    drop(clients);
    control.close().await;
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn the_next_attempt_waits_for_a_swap_that_still_runs_and_finds_it_done() {
    let fixture = Fixture::running().await;
    let attempt = AttemptId::new();
    let control = ServiceControl::with_fail_points(&fixture.service, &attempt, Arc::new(Quiet), FailPoints::default());
    let control = control.unwrap();
    fixture.stage(&control).await;
    // The attempt ends here, as one does that loses its lease; its swap goes on.
    let swap = tokio::spawn(async move { control.swap().await });
    let places = Places::new(&fixture.data(), &attempt).unwrap();
    until("the swap has begun", async || Journal::read(&places).unwrap().is_some()).await;
    let done = end_earlier(&fixture.service, &BTreeSet::new()).await.unwrap();
    assert_eq!(done, Some(attempt));
    swap.await.unwrap().unwrap();
    assert_eq!(fixture.live().await, "new");
}

#[tokio::test]
async fn the_next_attempt_ends_a_swap_that_could_not_be_undone() {
    let fixture = Fixture::running().await;
    fixture.in_doomed_process("swap", "restore.swap.renamed-old");
    assert_eq!(end_earlier(&fixture.service, &BTreeSet::new()).await.unwrap(), None);
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn what_another_host_has_begun_is_left_alone_while_it_holds_its_lease() {
    let fixture = Fixture::running().await;
    fixture.in_doomed_process("swap", "restore.swap.renamed-new");
    let journal = Journal::read(&Places::new(&fixture.data(), &AttemptId::new()).unwrap()).unwrap().unwrap();
    assert_eq!(journal.step, Step::MovingNew);
    // Another one of theirs unpacks a backup; one that is over has left something.
    let beside = |kind: &str, attempt: &AttemptId| fixture.root.join(format!("data.bulkhead-{kind}-{attempt}"));
    let (unpacking, over) = (AttemptId::new(), AttemptId::new());
    fs::create_dir(beside("staging", &unpacking)).unwrap();
    let theirs: BTreeSet<AttemptId> = [journal.attempt.clone(), unpacking.clone()].into();
    let recovered = recover_with(&fixture.service, &theirs, FailPoints::default()).await.unwrap();
    assert_eq!(recovered, Some(Recovered::LeftTo(journal.attempt.clone())));
    assert!(end_earlier(&fixture.service, &theirs).await.unwrap_err().retry);
    assert!(beside("old", &journal.attempt).exists() && beside("staging", &unpacking).exists());
    assert!(answers(&fixture.service).await.is_err(), "the other host's server was started");

    fs::create_dir(beside("staging", &over)).unwrap();
    let theirs = [unpacking.clone()].into();
    let recovered = recover_with(&fixture.service, &theirs, FailPoints::default()).await.unwrap();
    assert_eq!(recovered, Some(Recovered::Finished(journal.attempt)));
    until("what is over is removed", async || !beside("staging", &over).exists()).await;
    assert!(beside("staging", &unpacking).exists(), "what another host is unpacking was removed");
    fs::remove_dir(beside("staging", &unpacking)).unwrap();
    assert_eq!(fixture.live().await, "new");
}

#[tokio::test]
async fn files_of_the_operator_in_the_data_directory_outlive_a_swap() {
    let fixture = Fixture::running().await;
    let key = fixture.data().join("tls/server-key.pem");
    fs::create_dir(fixture.data().join("tls")).unwrap();
    fs::write(&key, "the only key").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    fs::write(fixture.data().join("init.sql"), "SELECT 1").unwrap();
    let control = fixture.control(None);
    fixture.stage(&control).await;
    control.swap().await.unwrap();
    control.close().await;
    assert_eq!(fixture.live().await, "new");
    assert_eq!(fs::read_to_string(&key).unwrap(), "the only key");
    assert_eq!(fs::metadata(&key).unwrap().mode() & 0o777, 0o400);
    assert_eq!(fs::read_to_string(fixture.data().join("init.sql")).unwrap(), "SELECT 1");
}

#[tokio::test]
async fn restored_files_that_point_outside_are_refused_before_the_server_is_stopped() {
    let fixture = Fixture::running().await;
    let control = fixture.control(None);
    fixture.stage(&control).await;
    fs::write(control.staging().join("new_data/t.isl"), "/data2/new_data/t.ibd").unwrap();
    let started = fs::read(fixture.root.join("pid")).unwrap();
    let failure = control.swap().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains("`new_data/t`"), "{failure}");
    control.close().await;
    assert_eq!(fs::read(fixture.root.join("pid")).unwrap(), started, "the server was restarted");
    assert_eq!(fixture.live().await, "old");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_renamed_is_found_before_it_matters() {
    let mut fixture = Fixture::stopped();
    check_possible(&fixture.service).unwrap();
    require_inside(&fixture.service).unwrap();
    // A mount point on every machine.
    fixture.service.data_dir = Some(PathBuf::from("/proc"));
    let failure = check_possible(&fixture.service).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(failure.message.contains("is a mount point") && failure.hint.is_some(), "{failure}");
}
