//! Method plugins that misbehave, each beside a backup that must not notice.

use std::net::TcpListener;
use std::path::Path;

use bulkhead_test_support::{HostOptions, MariaDb, ServiceEntry, process, workspace};
use serde_json::json;

use crate::scene::{DEADLINE, Scene, files};

/// Guest, failure code, and what the message says.
type Row = (&'static str, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &[
    ("endless-loop", "trap", &["plugin `endless-loop` computed for 1 s without a pause"]),
    ("memory-bomb", "trap", &["plugin `memory-bomb` used more than its 32 MiB of memory"]),
    ("stack-overflow", "trap", &["plugin `stack-overflow` trapped: wasm trap: "]),
    ("traps-midway", "trap", &["plugin `traps-midway` trapped: ", "midway"]),
    ("hangs", "unavailable", &["plugin `hangs` did not end within its deadline of 2 s"]),
    ("keeps-stream-open", "unavailable", &["plugin `keeps-stream-open` did not end within its deadline of 2 s"]),
    ("reads-passwd", "denied", &["plugin `reads-passwd`: /etc/passwd: ", "/scratch/../../../../etc/passwd: "]),
    ("opens-socket", "denied", &["plugin `opens-socket`: 127.0.0.1:", "169.254.169.254:80: ", "udp: "]),
    (
        "writes-outside-scratch",
        "denied",
        &["plugin `writes-outside-scratch`: /tmp/bulkhead-guest: ", "/scratch/absolute: ", "/scratch/relative: "],
    ),
    (
        "ungranted-tool",
        "denied",
        &[
            "run: plugin `ungranted-tool` uses tool `mariadb-dump`, which it does not ask for in its description",
            "version: plugin `ungranted-tool` uses tool `mariadb-dump`",
            "query: plugin `ungranted-tool` uses `database`",
            "status: plugin `ungranted-tool` uses `server`",
            "stage: plugin `ungranted-tool` uses `server`",
            "swap: plugin `ungranted-tool` uses `server`",
            "scratch: ",
        ],
    ),
    (
        "success-without-writing",
        "corrupt",
        &["plugin `success-without-writing`: the method returned success without writing anything"],
    ),
    ("writes-twice", "conflict", &["plugin `writes-twice`: object `data.txt` has been written already"]),
    (
        "ends-early",
        "corrupt",
        &["plugin `ends-early`: a stream of the plugin ended after 1048576 bytes, the plugin says 1048577"],
    ),
];

const SETTINGS: &str = r#"
[limits]
max_running_jobs = 8
heartbeat = "500ms"
attempts_max = 2
retry_after = "100ms"

[plugins.endless-loop]
compute = "1s"
[plugins.memory-bomb]
memory = "32MiB"
[plugins.hangs]
deadline = "2s"
[plugins.keeps-stream-open]
deadline = "2s"
[plugins.log-flood]
log_bytes = "256KiB"
[plugins.reads-passwd]
grants = ["scratch"]
[plugins.writes-outside-scratch]
grants = ["scratch"]
# Everything that the plugin asks for but one.
[plugins.mariadb-dump]
grants = ["tool:mariadb", "database"]
"#;

#[test]
fn a_misbehaving_method_costs_its_own_job_while_a_backup_beside_it_succeeds() {
    let server = MariaDb::start().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut service = ServiceEntry::of("db1", &server);
    service.extra = format!(
        "methods.ends-early = {{ says = 1048577 }}\nmethods.opens-socket = {{ address = \"{}\" }}\n",
        listener.local_addr().unwrap()
    );
    let scene = Scene::start(HostOptions {
        services: vec![service],
        plugin_dir: Some(workspace::guest("hangs").parent().unwrap().to_owned()),
        extra: SETTINGS.to_owned(),
        ..HostOptions::default()
    });
    scene.forget_memory_peak();
    let mut kept = Vec::new();

    for rows in ROWS.chunks(5) {
        let asked: Vec<_> = rows.iter().map(|(guest, ..)| scene.ask("db1", guest, None)).collect();
        let beside = scene.ask("db1", "full", None);
        for (asked, (_, code, words)) in asked.iter().zip(rows) {
            let job = scene.fails(asked, code, words);
            // A second try is for what may pass by itself.
            let tries = if *code == "unavailable" { 2 } else { 1 };
            assert_eq!(job["attempts_made"], tries, "{}: {job}", asked.method);
        }
        scene.succeeds(&beside);
        kept.push(beside.backup);
    }
    let refused = listener.accept().expect_err("a guest reached a port of this machine");
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    for place in ["/tmp/bulkhead-guest", "/bulkhead-guest"] {
        assert!(!Path::new(place).exists(), "a guest wrote {place}");
    }

    let dump = scene.ask("db1", "dump", None);
    let refusal = "plugin `mariadb-dump` asked for tool `mariadb-dump`; grant it under [plugins.mariadb-dump] grants";
    assert_eq!(scene.fails(&dump, "denied", &[])["failure"]["message"], refusal);

    kept.push(floods_its_log(&scene));

    scene.scratch_is_empty();
    // What was being written when a guest was stopped is removed a moment later.
    process::wait_until("only good backups are in the bucket", DEADLINE, || {
        let good = |name: &str| kept.iter().any(|id| name.contains(&id[..32]));
        let mut left = files(&scene.host.bucket());
        left.retain(|file| !good(&file.to_string_lossy()));
        Ok(left.is_empty().then_some(()))
    })
    .unwrap_or_else(|problem| panic!("{problem}: {kept:?} {:?}", files(&scene.host.bucket())));
    let left: Vec<_> = files(scene.host.dir()).into_iter().filter(|path| path.ends_with("bulkhead-guest")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(scene.host.http("GET", "/readyz", &[], b"").unwrap().status, 200);
    assert!(scene.memory_peak_mib() < 256, "{} MiB", scene.memory_peak_mib());
}

/// The flood makes a good backup; its log is what is bounded.
fn floods_its_log(scene: &Scene) -> String {
    let before = scene.host.log().len();
    let flood = scene.ask("db1", "log-flood", None);
    scene.succeeds(&flood);
    let authorization = format!("Authorization: Bearer {}", scene.host.token("acme", "viewer").unwrap());
    let events = scene.host.http("GET", &format!("/v1/jobs/{}/events", flood.job), &[&authorization], b"").unwrap();
    assert!(events.body.len() < 512 << 10, "the events have {} bytes", events.body.len());
    let said: Vec<_> = events.body.lines().filter(|line| line.contains(" log lines of the plugin dropped")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    let logged = scene.host.log().len() - before;
    assert!(logged < 64 << 10, "the host logged {logged} bytes");
    flood.backup
}

/// What no tool may be given.
const NEVER: &[&[&str]] = &[
    &["--defaults-file=/tmp/x"],
    &["--defaults-extra-file=/tmp/x"],
    &["--defaults-file", "/tmp/x"],
    &["--plugin-dir=/tmp"],
    &["--plugin-load=/tmp/x.so"],
    &["--tab=/tmp"],
    &["-T", "/tmp"],
    &["--result-file=/tmp/x"],
    &["-r/tmp/x"],
    &["--host=192.0.2.1"],
    &["-h192.0.2.1"],
    &["--password=x"],
    &["--user=root"],
    &[";"],
    &["a;b"],
    &["a\nb"],
    &["../x"],
    &[""],
];

/// What a tool might be tricked with.
const TRICKS: &[(&str, &[&[&str]])] = &[
    (
        "mariadb-backup",
        &[
            &["--backup", "--stream=xbstream", "--target-dir=/scratch/../../x"],
            &["--backup", "--stream=xbstream", "--extra-lsndir=/etc"],
            &["--prepare", "--target-dir=/data"],
            &["--copy-back", "--target-dir=/scratch"],
            &["--backup", "--target-dir=/scratch"],
        ],
    ),
    ("mbstream", &[&["-x", "-C", "/scratch/.."], &["-x", "-C", "/etc"], &["-c", "x"]]),
    (
        "mariadb-dump",
        &[
            &["--all-databases", "--tab=/scratch"],
            &["--all-databases", "--where=1"],
            &["--databases", "a/../b"],
            &["--all-databases", "--result-file=/scratch/x"],
        ],
    ),
    ("mariadb", &[&["--execute=\\! id"], &["-e", "SELECT 1"], &["--loose-sandbox=0"], &["--init-command=SELECT 1"]]),
    (
        "mariadb-binlog",
        &[
            &["/scratch/../../etc/passwd"],
            &["--read-from-remote-server", "--raw", "--result-file=/scratch/../x", "binlog.000001"],
            // Without a place for the file it is streamed: one log at a time, by its name.
            &["--read-from-remote-server", "--raw", "binlog.000001", "binlog.000002"],
        ],
    ),
];

#[test]
fn a_tool_is_never_started_with_arguments_outside_its_policy() {
    let server = MariaDb::start().unwrap();
    let service = |tool: &str, sets: &[&[&str]]| {
        let mut service = ServiceEntry::of(tool, &server);
        let sets = json!(sets);
        service.extra = format!("methods.bad-arguments = {{ tool = \"{tool}\", arguments = {sets} }}\n");
        service
    };
    let mut services: Vec<_> = TRICKS.iter().map(|(tool, tricks)| service(tool, &[NEVER, tricks].concat())).collect();
    let mut control = service("mariadb-dump", &[&["--databases", "nowhere"]]);
    control.id = "control".to_owned();
    services.push(control);
    let tools: Vec<_> = TRICKS.iter().map(|(tool, _)| format!("\"tool:{tool}\"")).collect();
    let guests = tempfile::tempdir().unwrap();
    std::fs::copy(workspace::guest("bad_arguments"), guests.path().join("bad_arguments.wasm")).unwrap();
    let scene = Scene::start(HostOptions {
        services,
        plugin_dir: Some(guests.path().to_owned()),
        extra: format!(
            "[plugins.bad-arguments]\ngrants = [\"scratch\", {}]\n[log]\nfilter = \"info,bulkhead_runtime=debug\"\n",
            tools.join(", ")
        ),
        ..HostOptions::default()
    });
    let started = || scene.host.log().matches("tool started").count();

    // The guest can start tools, and the log says so; else the rest would prove nothing.
    let control = scene.fails(&scene.ask("control", "bad-arguments", None), "denied", &["] ran: "]);
    assert!(control["message"].as_str().unwrap().contains("nowhere"), "{control}");
    assert_eq!(started(), 1);

    for (tool, tricks) in TRICKS {
        let job = scene.fails(&scene.ask(tool, "bad-arguments", None), "denied", &["plugin `bad-arguments`: "]);
        let message = job["failure"]["message"].as_str().unwrap();
        assert_eq!(message.lines().count(), NEVER.len() + tricks.len(), "{message}");
        for line in message.lines() {
            assert!(
                line.contains(&format!("] {tool} may not be given `")) || line.contains(&format!("] {tool}: ")),
                "{tool}: {line}"
            );
        }
        assert_eq!(started(), 1, "{tool} was started");
    }
    scene.scratch_is_empty();
    assert!(files(&scene.host.bucket()).is_empty());
}
