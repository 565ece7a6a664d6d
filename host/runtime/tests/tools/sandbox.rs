//! What a tool cannot do although its arguments were good. Wants a kernel with Landlock.

use std::fs;
use std::net::TcpListener;

use crate::support::{Places, arguments, fake, places};

/// Runs a script as the tool; it says on standard error what it could do.
async fn says(places: &Places, script: &str) -> String {
    let tools = fake(places.dir.path(), "mariadb-backup", &format!("{script}\necho completed OK! >&2"));
    let call = arguments(&["--prepare", "--target-dir=/staging"]);
    let process = tools.run(&places.scope, "mariadb-backup", &call, None).await.unwrap();
    process.wait().await.unwrap().stderr
}

#[tokio::test]
async fn a_tool_reads_and_writes_only_its_places() {
    let places = places();
    let outside = places.dir.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "hunter2").unwrap();
    let outside = outside.display();
    let said = says(
        &places,
        &format!(
            "cat {outside}/secret >&2\n(echo x >{outside}/new) && echo wrote outside >&2\nls {outside} >&2 && echo listed >&2\n\
             cat /etc/shadow >&2 && echo read shadow >&2\n(echo x >>$0) && echo changed itself >&2\n\
             cat /proc/$PPID/environ >&2 && echo read environment >&2\nkill -0 $PPID && echo may signal the host >&2\n\
             ln -s {outside}/secret link; cat link >&2\n\
             echo x >$TMPDIR/inside && echo x >{}/inside && echo wrote inside >&2",
            places.scope.staging.as_ref().unwrap().display()
        ),
    )
    .await;
    for word in
        ["hunter2", "wrote outside", "listed", "read shadow", "changed itself", "read environment", "may signal"]
    {
        assert!(!said.contains(word), "{word}: {said}");
    }
    assert!(said.contains("wrote inside"), "{said}");
    assert!(!places.dir.path().join("outside/new").exists());
}

#[tokio::test]
async fn a_tool_without_a_connection_reaches_no_port() {
    let places = places();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = says(&places, &format!("bash -c 'echo x >/dev/tcp/127.0.0.1/{port}' && echo connected >&2")).await;
    assert!(said.contains("Permission denied") && !said.contains("connected\n"), "{said}");
}

#[tokio::test]
async fn a_tool_gets_an_environment_of_its_own() {
    let places = places();
    let said = says(&places, "env >&2; echo fd: $(ls /proc/$$/fd) >&2; ulimit -c >&2").await;
    let mut names: Vec<_> = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    names.sort_unstable();
    assert_eq!(names, ["LC_ALL", "PATH", "PWD", "TMPDIR", "TZ"], "{said}");
    assert!(said.contains("\n0\n"), "core files: {said}");
}
