//! The tables of what passes and what does not.

use bulkhead_model::FailureKind;

use super::*;

fn admit(tool: &str, arguments: &[&str]) -> Result<Admitted> {
    let places = Places {
        scratch: "/real/scratch".into(),
        staging: Some("/real/staging".into()),
        increment: Some("/real/increment".into()),
        data: Some("/real/mysql".into()),
    };
    let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    of(tool)?.admit(&arguments, &places)
}

#[test]
fn calls_that_plugins_make_pass_with_real_paths() {
    let table: &[(&str, &[&str], &str)] = &[
        (
            "mariadb-backup",
            &["--backup", "--stream=xbstream", "--extra-lsndir=/scratch/lsn", "--parallel=4", "--datadir=/data"],
            "--backup --stream=xbstream --extra-lsndir=/real/scratch/lsn --parallel=4 --datadir=/real/mysql",
        ),
        (
            "mariadb-backup",
            &["--backup", "--stream=mbstream", "--incremental-lsn=148165321", "--databases=shop web-1 a_b"],
            "--backup --stream=mbstream --incremental-lsn=148165321 --databases=shop web-1 a_b",
        ),
        (
            "mariadb-backup",
            &["--prepare", "--target-dir=/staging", "--incremental-dir=/increment", "--use-memory=2G", "--export"],
            "--prepare --target-dir=/real/staging --incremental-dir=/real/increment --use-memory=2G --export",
        ),
        ("mbstream", &["-x", "-C", "/staging", "--parallel=2"], "-x -C /real/staging --parallel=2"),
        (
            "mariadb-dump",
            &[
                "--single-transaction",
                "--routines",
                "--triggers",
                "--events",
                "--databases",
                "shop",
                "naïve name",
                "--system=users,servers",
                "--gtid",
                "--master-data=2",
                "--hex-blob",
                "--max-allowed-packet=1G",
                "--ignore-table=shop.log",
                "--ignore-table=shop.tmp",
                "--default-character-set=utf8mb4",
            ],
            "--single-transaction --routines --triggers --events --databases shop naïve name --system=users,servers --gtid \
             --master-data=2 --hex-blob --max-allowed-packet=1G --ignore-table=shop.log --ignore-table=shop.tmp \
             --default-character-set=utf8mb4",
        ),
        (
            "mariadb",
            &["--batch", "--binary-mode", "--init-command=SET SESSION foreign_key_checks=0, sql_log_bin=0"],
            "--batch --binary-mode --init-command=SET SESSION foreign_key_checks=0, sql_log_bin=0",
        ),
        (
            "mariadb-binlog",
            &[
                "--start-position=0-1-15,1-7-3",
                "--stop-datetime=2026-11-20 00:00:00.5",
                "/scratch/logs/binlog.000001",
                "/scratch/logs/binlog.000002",
            ],
            "--start-position=0-1-15,1-7-3 --stop-datetime=2026-11-20 00:00:00.5 /real/scratch/logs/binlog.000001 \
             /real/scratch/logs/binlog.000002",
        ),
        (
            "mariadb-binlog",
            &["--read-from-remote-server", "--raw", "--to-last-log", "--result-file=/scratch/arch/", "binlog.000001"],
            "--read-from-remote-server --raw --to-last-log --result-file=/real/scratch/arch/ binlog.000001",
        ),
        (
            "mariadb-binlog",
            &["--read-from-remote-server", "--raw", "--stop-never", "--start-position=1180", "binlog.000001"],
            "--read-from-remote-server --raw --stop-never --start-position=1180 binlog.000001",
        ),
        ("mariadb-binlog", &["--verify-binlog-checksum", "-"], "--verify-binlog-checksum -"),
    ];
    for (tool, arguments, real) in table {
        let admitted = admit(tool, arguments).unwrap_or_else(|failure| panic!("{tool} {arguments:?}: {failure}"));
        assert_eq!(admitted.arguments.join(" "), *real, "{tool}");
    }
}

#[test]
fn every_run_of_the_client_sends_comments_too() {
    for arguments in [&[][..], &["--batch"], &["--comments", "--binary-mode"]] {
        let terms = admit("mariadb", arguments).unwrap().terms;
        assert!(terms.host_arguments.contains(&"--comments"), "{arguments:?}");
    }
    // Nothing that a plugin may say takes it back.
    for argument in ["--skip-comments", "--comments=0", "-c0", "--loose-skip-comments"] {
        assert!(admit("mariadb", &[argument]).is_err(), "{argument}");
    }
}

#[test]
fn everything_else_is_refused_before_it_runs() {
    const BACKUP: [&str; 2] = ["--backup", "--stream=xbstream"];
    const PREPARE: [&str; 2] = ["--prepare", "--target-dir=/staging"];
    const DUMP: [&str; 1] = ["--all-databases"];
    let table: &[(&str, &[&str], &[&str])] = &[
        (
            "mariadb-backup",
            &BACKUP,
            &[
                "--defaults-file=/scratch/my.cnf",
                "--no-defaults",
                "--plugin-dir=/scratch",
                "--plugin-load=evil",
                "--host=10.0.0.1",
                "--port=1",
                "--user=root",
                "--password=hunter2",
                "--socket=/tmp/s",
                "-uroot",
                "-phunter2",
                "-h",
                "--protocol=tcp",
                "--ssl-ca=/x",
                "--copy-back",
                "--move-back",
                "--rsync",
                "--history=x",
                "--no-lock",
                // Abbreviations, as the tool itself would take them.
                "--back",
                "--extra=/scratch/x",
                "--par=4",
                "--extra_lsndir=/scratch/x",
                "--loose-parallel=4",
                "--skip-backup",
                "--extra-lsndir=/etc",
                "--extra-lsndir=/staging/x",
                "--extra-lsndir=scratch/x",
                "--extra-lsndir=/scratch/../etc",
                "--extra-lsndir=/scratch/./x",
                "--extra-lsndir=/scratch//x",
                "--extra-lsndir=//scratch/x",
                "--extra-lsndir=/scratchy/x",
                "--extra-lsndir=/real/scratch/x",
                "--extra-lsndir",
                "--extra-lsndir=",
                "--target-dir=/data",
                "--datadir=/data/mysql",
                "--datadir=/scratch",
                "--incremental-lsn=0",
                "--incremental-lsn=1",
                "--incremental-lsn=-5",
                "--incremental-lsn=+5",
                "--incremental-lsn=18446744073709551616",
                "--incremental-lsn=0x10",
                "--parallel=0",
                "--parallel=4k",
                "--parallel=4;id",
                "--parallel=4\n",
                "--parallel=\0",
                "--stream=tar",
                "--stream=xbstream",
                "--databases=a/b",
                "--databases=a  b",
                "--databases=a;b",
                "extra",
                "",
                "-",
                "--",
                "--backup=1",
                "--throttle",
            ],
        ),
        (
            "mariadb-backup",
            &PREPARE,
            &["--backup", "--incremental-dir=/data", "--target-dir=/scratch/other", "--use-memory=big"],
        ),
        ("mbstream", &["-x", "-C", "/staging"], &["-c", "/scratch/file", "-v", "-p", "--C=/staging", "-C/etc"]),
        (
            "mariadb-dump",
            &DUMP,
            &[
                "--tab=/scratch",
                "-T",
                "--result-file=/tmp/x",
                "--result-file=/scratch/x",
                "--resul=/scratch/x",
                "-r",
                "--log-error=/scratch/x",
                "--where=1=1",
                "--delete-master-logs",
                "--skip-comments",
                "--compact",
                "--force",
                "--defaults-extra-file=/scratch/x",
                "--defaults-group-suffix=x",
                "--plugin-dir=/scratch",
                "--default-auth=x",
                "--system=everything",
                "--system=users,",
                "--master-data",
                "--master-data=3",
                "--ignore-table=shop",
                "--ignore-table=a.b.c",
                "--default-character-set=../../x",
                "--character-sets-dir=/scratch",
                "shop",
            ],
        ),
        ("mariadb-dump", &["--databases"], &["a/b", "..", "-e", "a\\b", "a;b"]),
        (
            "mariadb",
            &["--batch"],
            &[
                "-e",
                "--execute=drop database x",
                "--init-command=DROP DATABASE x",
                "--init-command=SET SESSION sql_log_bin=0;x",
                "--init-command=SET GLOBAL sql_log_bin=0",
                "--init-command=SET SESSION ",
                "--pager=sh",
                "--tee=/scratch/x",
                "--force",
                "--local-infile",
                "--local-infile=1",
                "--skip-sandbox",
                "--disable-sandbox",
                "--reconnect",
                "-B",
                "shop",
            ],
        ),
        (
            "mariadb-binlog",
            &["/scratch/binlog.000001"],
            &[
                "--read-from-remote-server",
                "-R",
                "--raw",
                "--result-file=/etc/x",
                "--result-file=/staging/x",
                "--start-position=0",
                "--start-position=0-1",
                "--start-position=0-1-2-3",
                "--start-position=0-1-x",
                "--stop-datetime=2026-11-20",
                "--stop-datetime=2026-11-20T00:00:00",
                "--stop-datetime=now",
                "/etc/passwd",
                "/data",
                "binlog.000001",
                "../x.000001",
                "--rewrite-db=a->b",
                "--flashback",
            ],
        ),
    ];
    for (tool, good, bad) in table {
        for argument in *bad {
            let call: Vec<_> = good.iter().chain([argument]).copied().collect();
            let failure = admit(tool, &call).err().unwrap_or_else(|| panic!("{tool} took {call:?}"));
            assert_eq!(failure.kind, FailureKind::Denied, "{tool} {argument}: {failure}");
            assert!(failure.message.contains(tool), "{failure}");
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }
}

#[test]
fn combinations_that_make_no_sense_are_refused() {
    let table: &[(&str, &[&str])] = &[
        ("mariadb-backup", &[]),
        ("mariadb-backup", &["--backup"]),
        ("mariadb-backup", &["--backup", "--target-dir=/scratch/x"]),
        ("mariadb-backup", &["--prepare"]),
        ("mbstream", &["-x"]),
        ("mbstream", &["-C", "/staging"]),
        ("mbstream", &["-x", "-C"]),
        ("mbstream", &["-x", "-C", "/etc"]),
        ("mariadb-dump", &[]),
        ("mariadb-binlog", &[]),
        ("mariadb-binlog", &["--raw", "/scratch/binlog.000001"]),
        ("mariadb-binlog", &["--read-from-remote-server", "--raw", "binlog.000001", "binlog.000002"]),
        ("mariadb-binlog", &["--read-from-remote-server", "--raw", "--to-last-log", "binlog.000001"]),
        ("mariadb-binlog", &["--read-from-remote-server", "-"]),
        ("mariadb-binlog", &["--raw", "-"]),
        ("mariadb-binlog", &["-", "/scratch/binlog.000001"]),
        ("sh", &["-c", "id"]),
    ];
    for (tool, call) in table {
        assert!(admit(tool, call).is_err(), "{tool} took {call:?}");
    }
}

#[test]
fn a_link_that_the_plugin_made_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/etc", dir.path().join("link")).unwrap();
    let places = Places { scratch: dir.path().into(), ..Places::default() };
    let call = |path: &str| {
        let arguments = ["--backup", "--stream=xbstream", &format!("--extra-lsndir={path}")].map(str::to_owned);
        of("mariadb-backup").unwrap().admit(&arguments, &places)
    };
    assert!(call("/scratch/link").is_err());
    assert!(call("/scratch/link/below").is_err());
    assert!(call("/scratch/other").is_ok());
    assert!(call("/staging").is_err());
}

/// Also where the value's own form would let it pass: a name may hold almost anything.
#[test]
fn no_argument_of_any_tool_holds_a_semicolon_or_a_line() {
    for (name, why) in [("a;b", "semicolon"), ("a\nb", "control character"), ("a\u{1b}[2J", "control character")] {
        let refused = admit("mariadb-dump", &["--databases", name]).unwrap_err();
        assert_eq!(refused.kind, FailureKind::Denied, "{name:?}");
        assert!(refused.message.contains(why), "{name:?}: {refused}");
    }
}
