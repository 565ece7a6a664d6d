//! Files made by the tools that people make them with, read as they are, cut off anywhere, and changed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bulkhead_model::{Failure, FailureKind, Result};

use super::reading::{Purpose, read};
use super::{EncryptionKey, Expected, Found, Room};

const ROOM: Room = Room(1 << 40);

const PASSWORD: &str = "correct horse battery staple";

/// What `mariadb-backup --backup` leaves, in small.
fn backup(dir: &Path) {
    for (name, text) in [
        ("xtrabackup_checkpoints", "backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 4711\nlast_lsn = 4720\n"),
        (
            "xtrabackup_info",
            "uuid = x\ntool_name = mariadb-backup\nserver_version = 10.11.19-MariaDB-log\n\
             binlog_pos = filename 'binlog.000002', position '342', GTID of the last change '0-1-15'\n\
             partial = N\nincremental = N\nformat = file\ncompressed = N\n",
        ),
        ("backup-my.cnf", "[mysqld]\ninnodb_data_file_path=ibdata1:12M:autoextend\n"),
        ("ib_logfile0", "log"),
        ("mysql/global_priv.MAD", "accounts"),
        ("shop/orders.ibd", "rows"),
    ] {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::create_dir(dir.join("empty")).unwrap();
    // Larger than any buffer, and not to be compressed away.
    let pages: Vec<u8> = (0..3_000_000_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    fs::write(dir.join("ibdata1"), pages).unwrap();
}

fn sh(dir: &Path, script: &str) -> Vec<u8> {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(dir)
        .env("PASSWORD", PASSWORD)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn examine_with(file: &[u8], expected: Expected, key: Option<&str>) -> Result<(Found, Vec<&'static str>)> {
    let key = key.map(|key| EncryptionKey::parse(key).unwrap());
    read::<Vec<u8>>(file, expected, key.as_ref(), ROOM, Purpose::Examine)
}

fn examine(file: &[u8]) -> Result<Found> {
    examine_with(file, Expected::Files, Some(PASSWORD)).map(|(found, _)| found)
}

fn decode(file: &[u8], expected: Expected, found: &Found) -> Vec<u8> {
    let (key, mut output) = (EncryptionKey::parse(PASSWORD).unwrap(), Vec::new());
    let (again, _) = read(file, expected, Some(&key), ROOM, Purpose::Decode(found, &mut output)).unwrap();
    assert_eq!(again, *found);
    output
}

/// Unpacks what a method would be given, by the tool that it uses.
fn unpacked(stream: &[u8]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), stream).unwrap();
    let said = sh(dir.path(), &format!("mbstream -x < {} 2>&1", file.path().display()));
    assert_eq!(String::from_utf8_lossy(&said), "");
    dir
}

fn same(left: &Path, right: &Path) {
    sh(left, &format!("diff -r . {} >&2", right.display()));
}

#[test]
fn every_way_to_pack_compress_and_encrypt_is_read() {
    let top = tempfile::tempdir().unwrap();
    let (dir, plain) = (top.path(), top.path().join("nightly/full"));
    backup(&plain);
    let identity = sh(dir, "age-keygen -o key.txt 2>/dev/null; cat key.txt");
    let identity = String::from_utf8(identity).unwrap();
    // What the tool itself writes for a database without tables is how an empty folder comes out.
    let xbstream = "(cd nightly/full && find . -type f | sed s,./,, | xargs mbstream -c)";
    for (script, layers) in [
        (xbstream.to_owned(), &[][..]),
        (format!("{xbstream} | gzip"), &["gzip"]),
        (format!("{xbstream} | zstd -q -T2"), &["zstd"]),
        (format!("{xbstream} | bzip2"), &["bzip2"]),
        (format!("{xbstream} | lz4 -q"), &["lz4"]),
        (format!("{xbstream} > all; head -c 1000000 all | gzip; tail -c +1000001 all | gzip -1; rm all"), &["gzip"]),
        ("tar -C nightly/full -cf - .".to_owned(), &[]),
        ("tar -C nightly/full --format=v7 -czf - $(ls nightly/full)".to_owned(), &["gzip"]),
        ("tar -C nightly --format=posix -cf - full | zstd -q".to_owned(), &["zstd"]),
        ("tar -cjf - nightly".to_owned(), &["bzip2"]),
        ("tar -cf - nightly | lz4 -q -BX".to_owned(), &["lz4"]),
        (format!("{xbstream} | gzip | openssl enc -aes-256-cbc -k \"$PASSWORD\" 2>/dev/null"), &["openssl", "gzip"]),
        (format!("{xbstream} | openssl enc -aes-256-cbc -md md5 -k \"$PASSWORD\" 2>/dev/null"), &["openssl"]),
        (format!("{xbstream} | openssl enc -aes-256-cbc -pbkdf2 -k \"$PASSWORD\" | gzip"), &["gzip", "openssl"]),
        ("tar -cf - nightly | openssl enc -aes-256-cbc -pbkdf2 -iter 100000 -k \"$PASSWORD\"".to_owned(), &["openssl"]),
        (
            "tar -czf - nightly | openssl enc -aes-256-cbc -pbkdf2 -md sha512 -k \"$PASSWORD\"".to_owned(),
            &["openssl", "gzip"],
        ),
        ("tar -czf - nightly | age -e -i key.txt".to_owned(), &["age", "gzip"]),
    ] {
        let file = sh(dir, &script);
        let key = if layers.contains(&"age") { identity.as_str() } else { PASSWORD };
        let (found, seen) =
            examine_with(&file, Expected::Files, Some(key)).unwrap_or_else(|failure| panic!("{script}: {failure}"));
        assert_eq!(seen, layers, "{script}");
        let Found::Files(files) = &found else { panic!("{script}: {found:?}") };
        assert_eq!((files.prepared, files.files), (false, 7), "{script}");
        assert_eq!(files.report.server_version, "10.11.19-MariaDB-log");
        for (position, value) in [
            ("lsn.from", "0"),
            ("lsn.to", "4711"),
            ("gtid", "0-1-15"),
            ("binlog.file", "binlog.000002"),
            ("binlog.position", "342"),
        ] {
            assert_eq!(files.report.position(position), Some(value), "{script}");
        }
        if layers.contains(&"age") {
            continue;
        }
        let there = unpacked(&decode(&file, Expected::Files, &found));
        if script.contains("tar ") {
            assert!(there.path().join("empty/db.opt").is_file(), "{script}");
            fs::remove_dir_all(there.path().join("empty")).unwrap();
        }
        fs::create_dir(there.path().join("empty")).unwrap();
        same(&plain, there.path());
    }
}

#[test]
fn a_passphrase_of_age_opens_what_it_closed_unless_it_asks_for_too_much_work() {
    let top = tempfile::tempdir().unwrap();
    backup(&top.path().join("b"));
    let archive = sh(top.path(), "tar -C b -czf - .");
    // The tool asks for a passphrase at a terminal only.
    let closed = |work: u8| {
        let mut recipient = age::scrypt::Recipient::new(PASSWORD.to_owned().into());
        recipient.set_work_factor(work);
        let mut file = Vec::new();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _)).unwrap();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        std::io::Write::write_all(&mut writer, &archive).unwrap();
        writer.finish().unwrap();
        file
    };
    let file = closed(10);
    assert_eq!(examine_with(&file, Expected::Files, Some(PASSWORD)).unwrap().1, ["age", "gzip"]);
    let wrong = examine_with(&file, Expected::Files, Some("wrong")).unwrap_err();
    assert_eq!(wrong.message, "it is encrypted by age, and the encryption key does not open it");
    // What it asks for stands in the header, in clear.
    let text = String::from_utf8_lossy(&file[..200]).into_owned();
    let (at, _) = text.match_indices(" 10\n").next().unwrap();
    let dear = [&file[..at], b" 30\n", &file[at + 4..]].concat();
    let refused = examine_with(&dear, Expected::Files, Some(PASSWORD)).unwrap_err();
    assert_eq!(refused.message, "its passphrase asks for too much work: 30");
}

#[test]
fn holes_come_out_as_zeros_in_both_forms_of_tar() {
    let top = tempfile::tempdir().unwrap();
    let plain = top.path().join("b");
    backup(&plain);
    sh(
        top.path(),
        "truncate -s 9M b/shop/orders.ibd; printf x >> b/shop/orders.ibd; truncate -s 12M b/shop/orders.ibd; rmdir b/empty",
    );
    for format in ["gnu", "posix"] {
        let file = sh(top.path(), &format!("tar --sparse --format={format} -cf - b"));
        assert!(file.len() < 5_000_000, "{format} has no holes");
        let found = examine(&file).unwrap();
        same(&plain, unpacked(&decode(&file, Expected::Files, &found)).path());
    }
    let file = sh(top.path(), "tar --sparse --format=posix --sparse-version=0.1 -cf - b");
    assert_eq!(examine(&file).unwrap_err().kind, FailureKind::Unsupported);
}

#[test]
fn long_names_are_read() {
    let top = tempfile::tempdir().unwrap();
    let plain = top.path().join("b");
    backup(&plain);
    let table = format!("shop/{}.ibd", "x".repeat(200));
    fs::write(plain.join(&table), "t").unwrap();
    for format in ["gnu", "posix"] {
        let file = sh(top.path(), &format!("tar --format={format} -cf - b"));
        let found = examine(&file).unwrap();
        let there = unpacked(&decode(&file, Expected::Files, &found));
        assert_eq!(fs::read_to_string(there.path().join(&table)).unwrap(), "t", "{format}");
    }
}

#[test]
fn what_is_cut_off_anywhere_is_not_whole() {
    let top = tempfile::tempdir().unwrap();
    let plain = top.path().join("b");
    backup(&plain);
    // Small, so that many places can be tried.
    fs::write(plain.join("ibdata1"), "pages").unwrap();
    let dump = "printf -- '-- MariaDB dump 10.19\\n-- Server version\\t10.11.19-MariaDB\\nCREATE DATABASE `shop`;\\nUSE `shop`;\\nCREATE TABLE t (a INT);\\nINSERT INTO t VALUES (1);\\n-- Dump completed on 2026-01-01\\n'";
    for (expected, make) in [
        (Expected::Files, "tar -C b -cf - ."),
        (Expected::Files, "(cd b && find . -type f | xargs mbstream -c)"),
        (Expected::Dump, dump),
    ] {
        for wrap in ["cat", "gzip", "zstd -q", "bzip2", "lz4 -q", "openssl enc -aes-256-cbc -pbkdf2 -k \"$PASSWORD\""] {
            let file = sh(top.path(), &format!("{make} | {wrap}"));
            examine_with(&file, expected, Some(PASSWORD))
                .unwrap_or_else(|failure| panic!("{make} | {wrap}: {failure}"));
            let whole = match wrap {
                // Of these, what is at the end is nothing that anybody needs: what fills the archive up, the time in the last line.
                "cat" if make.starts_with("tar") => file.iter().rposition(|byte| *byte != 0).unwrap() + 1024,
                "cat" if expected == Expected::Dump => file.len() - " on 2026-01-01\n".len(),
                // The mark of its end and a checksum, behind all that there is.
                "lz4 -q" => file.len() - 8,
                _ => file.len(),
            };
            // Each try of a password is dear.
            let tries = if wrap.starts_with("openssl") { 3 } else { 300 };
            let step = (whole / tries).max(1);
            for end in (0..whole).step_by(step).chain([whole - 1]) {
                let cut = examine_with(&file[..end], expected, Some(PASSWORD));
                assert!(cut.is_err(), "{make} | {wrap}: {end} of {} bytes pass for a whole file", file.len());
            }
        }
    }
}

#[test]
fn a_changed_byte_is_found() {
    let top = tempfile::tempdir().unwrap();
    let plain = top.path().join("b");
    backup(&plain);
    fs::write(plain.join("ibdata1"), "pages".repeat(2000)).unwrap();
    for make in [
        "(cd b && find . -type f | xargs mbstream -c)",
        "tar -C b -cf - . | gzip",
        "tar -C b -cf - . | zstd -q --check",
        "tar -C b -cf - . | bzip2",
        "tar -C b -cf - . | lz4 -q",
        "tar -C b -cf - . | age -e -r $(age-keygen 2>/dev/null | tee key.txt | age-keygen -y)",
    ] {
        let file = sh(top.path(), make);
        let key = fs::read_to_string(top.path().join("key.txt")).unwrap_or_else(|_| PASSWORD.to_owned());
        let whole = examine_with(&file, Expected::Files, Some(&key)).unwrap();
        for at in (0..file.len()).step_by(file.len() / 97) {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            match examine_with(&changed, Expected::Files, Some(&key)) {
                Err(_) => {}
                // What is in no checksum holds nothing either: the time and the system of gzip's header, say.
                Ok(found) => {
                    assert_eq!(found, whole, "{make}: byte {at}");
                    let key = EncryptionKey::parse(&key).unwrap();
                    let stream = |file: &[u8]| {
                        let mut output = Vec::new();
                        read(file, Expected::Files, Some(&key), ROOM, Purpose::Decode(&whole.0, &mut output)).unwrap();
                        output
                    };
                    assert!(stream(&changed) == stream(&file), "{make}: byte {at}");
                }
            }
        }
    }
}

#[test]
fn what_unpacks_to_more_than_there_is_room_for_is_refused() {
    let top = tempfile::tempdir().unwrap();
    backup(&top.path().join("b"));
    sh(top.path(), "truncate -s 40G b/shop/orders.ibd");
    let room = Room(64 << 20);
    for script in ["tar --sparse -cf - b", "tar --sparse --format=posix -cf - b | gzip"] {
        let file = sh(top.path(), script);
        assert!(file.len() < 4_000_000);
        let failure = read::<Vec<u8>>(&*file, Expected::Files, None, room, Purpose::Examine).unwrap_err();
        assert!(failure.message.starts_with("not enough disk space") && !failure.retry, "{script}: {failure}");
    }
    let bomb = sh(top.path(), "(printf -- '-- MariaDB dump 10\n'; head -c 128M /dev/zero) | zstd -q");
    let failure = read::<Vec<u8>>(&*bomb, Expected::Dump, None, room, Purpose::Examine).unwrap_err();
    assert!(failure.message.starts_with("not enough disk space"), "{failure}");
    // A name that is longer than memory.
    let name = sh(
        top.path(),
        "python3 - <<'E'\nimport tarfile,sys\nh=tarfile.TarInfo('././@LongLink'); h.type=b'L'; h.size=1<<32\nsys.stdout.buffer.write(h.tobuf(tarfile.GNU_FORMAT)+bytes(64<<20))\nE",
    );
    let failure = read::<Vec<u8>>(&*name, Expected::Files, None, ROOM, Purpose::Examine).unwrap_err();
    assert!(failure.message.contains("endless headers"), "{failure}");
}

fn refused(file: &[u8]) -> Failure {
    examine(file).unwrap_err()
}

#[test]
fn entries_that_lead_elsewhere_are_refused() {
    let top = tempfile::tempdir().unwrap();
    backup(&top.path().join("b"));
    for (script, why) in [
        ("tar -C b -P --transform 's,^./shop,../shop,' -cf - .", "it holds `../shop/"),
        ("tar -C b -P --transform 's,^./shop,a/../../shop,' -cf - .", "it holds `a/../../shop/"),
        ("tar -C b -P --transform 's,^./shop,/etc,' -cf - .", "it holds `/etc/"),
        (
            "ln -s /etc/passwd b/shop/link; tar -C b -cf - .; rm b/shop/link",
            "it holds `shop/link`, which is a symbolic link",
        ),
        ("ln b/ibdata1 b/shop/hard; tar -C b -cf - .; rm b/shop/hard", "which is a hard link"),
        ("mkfifo b/shop/fifo; tar -C b -cf - .; rm b/shop/fifo", "it holds `shop/fifo`, which is a device"),
        (
            "touch b/shop/t.isl; tar -C b -cf - .; rm b/shop/t.isl",
            "it holds `shop/t.isl`: a table whose data lie outside",
        ),
        ("touch b/shop/t.ibd.qp; tar -C b -cf - .; rm b/shop/t.ibd.qp", "its files are compressed one by one"),
        ("cd b/shop && mbstream -c ../ibdata1", "it holds `../ibdata1`"),
        ("mbstream -c $PWD/b/ibdata1", "which would lie outside"),
    ] {
        let failure = refused(&sh(top.path(), script));
        assert!(failure.message.contains(why), "{script}: {failure}");
        assert!(!failure.retry);
    }
}

#[test]
fn what_is_no_backup_is_said_to_be_none() {
    let top = tempfile::tempdir().unwrap();
    backup(&top.path().join("b"));
    for (script, kind, why) in [
        ("true", FailureKind::Corrupt, "it is empty"),
        ("true | gzip", FailureKind::Corrupt, "it is empty within its gzip"),
        (
            "echo '<?xml?><Error>AccessDenied</Error>'",
            FailureKind::Unsupported,
            "known: `<?xml?><Error>AccessDenied</Error>`",
        ),
        ("echo hello", FailureKind::Unsupported, "it is nothing that is known"),
        ("echo hello | gzip | zstd -q", FailureKind::Unsupported, "within its zstd, gzip is nothing that is known"),
        ("printf '\\xfd7zXZ\\0'", FailureKind::Unsupported, "it is xz"),
        (
            "for i in 1 2 3 4 5 6 7; do x=\"${x:-cat b/ibdata1} | gzip\"; done; bash -c \"$x\"",
            FailureKind::Unsupported,
            "it is compressed or encrypted more than 6 times",
        ),
        ("tar -C b/shop -cf - .", FailureKind::Unsupported, "it is no backup by mariadb-backup"),
        ("tar -C b --exclude xtrabackup_checkpoints -cf - .", FailureKind::Corrupt, "it is not whole, or no backup"),
        ("tar -C b --exclude xtrabackup_info -cf - .", FailureKind::Corrupt, "it holds no xtrabackup_info"),
        ("tar -C b --exclude ibdata1 -cf - .", FailureKind::Corrupt, "it holds no ibdata1"),
        ("tar -C b --exclude ib_logfile0 -cf - .", FailureKind::Corrupt, "it holds no ib_logfile0"),
        ("cp -r b c; tar -cf - b c", FailureKind::Unsupported, "it holds more than one backup: in `b/` and in `c/`"),
        (
            "cp -r b i; sed -i s/full-backuped/incremental/ i/xtrabackup_checkpoints; tar -C i -cf - .",
            FailureKind::Unsupported,
            "it is an incremental backup",
        ),
        (
            "cp -r b p; sed -i 's/partial = N/partial = Y/' p/xtrabackup_info; tar -C p -cf - .",
            FailureKind::Unsupported,
            "it is a partial backup",
        ),
        ("printf -- '-- MariaDB dump 10.19\\n'", FailureKind::Invalid, "it is SQL"),
        (
            "tar -C b -cf - . | openssl enc -aes-256-cbc -pbkdf2 -k other",
            FailureKind::Denied,
            "the encryption key does not open it",
        ),
        (
            "tar -C b -cf - . | age -e -r $(age-keygen 2>/dev/null | age-keygen -y)",
            FailureKind::Denied,
            "the encryption key does not open it",
        ),
    ] {
        let failure = refused(&sh(top.path(), script));
        assert_eq!(failure.kind, kind, "{script}: {failure}");
        assert!(failure.message.contains(why), "{script}: {failure}");
        assert!(!failure.to_string().contains(PASSWORD));
    }
    let encrypted = sh(top.path(), "tar -C b -cf - . | openssl enc -aes-256-cbc -pbkdf2 -k x");
    let failure = examine_with(&encrypted, Expected::Files, None).unwrap_err();
    assert_eq!(failure.message, "it is encrypted by openssl, and no encryption key was given");
    let archive = sh(top.path(), "tar -C b -cf - .");
    assert_eq!(
        examine_with(&archive, Expected::Dump, None).unwrap_err().hint.unwrap(),
        "send \"method\": \"mariabackup\""
    );
}

#[test]
fn a_dump_says_what_it_replaces() {
    let head = "-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n--\n-- Host: x\n\
        -- Server version\t10.11.19-MariaDB-log\n\n";
    let end = "-- Dump completed on 2026-01-01 10:00:00\n";
    let dump = |text: &str| examine_with(text.as_bytes(), Expected::Dump, None).map(|(found, _)| found);
    let long = "x".repeat(700_000);
    let text = format!(
        "/*M!999999\\- enable the sandbox mode */ \n{head}CREATE DATABASE `a``b`;\n\nUSE `a``b`;\nCREATE TABLE `t` (a TEXT);\nINSERT INTO `t` VALUES ('{long}');\n\
         USE `mysql`;\n/*! FLUSH PRIVILEGES */;\n{end}"
    );
    let Found::Dump(found) = dump(&text).unwrap() else { panic!("no dump") };
    assert_eq!(found.contents.databases.iter().map(String::as_str).collect::<Vec<_>>(), ["a`b", "mysql"]);
    assert_eq!(found.server_version.as_deref(), Some("10.11.19-MariaDB-log"));
    assert!(found.replaces_system());
    let plain = decode(text.as_bytes(), Expected::Dump, &Found::Dump(found));
    assert_eq!(String::from_utf8(plain).unwrap(), text.replace("/*! FLUSH PRIVILEGES */;", ""));
    for (text, why) in [
        (format!("{head}USE `a`;\n"), "it is not whole: its last line is not `-- Dump completed`"),
        (format!("{head}USE `a`;\n{end}INSERT INTO `t` VALUES (1);\n"), "it is not whole"),
        (format!("{head}USE `a`;\n{end}-- more\n"), "it is not whole"),
        (format!("{head}CREATE TABLE `t` (a INT);\n{end}"), "it is a dump of tables that names no database"),
        (format!("{head}DROP TABLE IF EXISTS `t`;\nUSE `a`;\n{end}"), "it is a dump of tables that names no database"),
        (format!("{head}{end}"), "it is a dump of tables that names no database"),
    ] {
        let failure = dump(&text).unwrap_err();
        assert!(failure.message.starts_with(why), "{text}: {failure}");
    }
}

#[test]
fn dumps_are_read_as_people_keep_them_or_refused_with_what_is_wrong() {
    let top = tempfile::tempdir().unwrap();
    let text = "-- MariaDB dump 10.19\n-- Server version\t10.11.19-MariaDB\nCREATE DATABASE `shop`;\nUSE `shop`;\n\
        CREATE TABLE t (a INT);\nDELIMITER ;;\nCREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SET @a = 1; END ;;\n\
        DELIMITER ;\nINSERT INTO t VALUES (1);\n-- Dump completed on 2026-01-01\n";
    fs::write(top.path().join("d.sql"), text).unwrap();
    for (script, layers) in [
        ("gzip < d.sql; head -c 512 /dev/zero", &["gzip"][..]),
        ("gzip < d.sql; head -c 1000000 /dev/zero", &["gzip"]),
        ("head -c 100 d.sql | gzip; tail -c +101 d.sql | gzip; head -c 3 /dev/zero", &["gzip"]),
        ("tar -czf - d.sql", &["gzip", "tar"]),
        (
            "mkdir -p x; gzip < d.sql > x/d.sql.gz; echo junk > x/._d.sql.gz; tar -cf - x | zstd -q",
            &["zstd", "tar", "gzip"],
        ),
        ("{ tar -cf - d.sql | openssl enc -aes-256-cbc -pbkdf2 -k \"$PASSWORD\"; }", &["openssl", "tar"]),
    ] {
        let file = sh(top.path(), script);
        let (found, seen) =
            examine_with(&file, Expected::Dump, Some(PASSWORD)).unwrap_or_else(|failure| panic!("{script}: {failure}"));
        assert_eq!(seen, layers, "{script}");
        assert_eq!(String::from_utf8(decode(&file, Expected::Dump, &found)).unwrap(), text, "{script}");
    }
    let crlf = text.replace('\n', "\r\n");
    let found = examine_with(crlf.as_bytes(), Expected::Dump, None).unwrap().0;
    assert_eq!(decode(crlf.as_bytes(), Expected::Dump, &found), crlf.as_bytes());
    let warning = "mysqldump: [Warning] Using a password on the command line interface can be insecure.";
    for (script, why, hint) in [
        ("gzip < d.sql; echo garbage", "its gzip is followed by trailing garbage", "gzip -dc"),
        ("gzip < d.sql; printf '\\0\\0x'", "its gzip is followed by trailing garbage", "gzip -dc"),
        ("printf '\\xff\\xfe'; iconv -t UTF-16LE d.sql", "it is text in UTF-16", "--result-file"),
        ("printf '\\xfe\\xff'; iconv -t UTF-16BE d.sql", "it is text in UTF-16", "--result-file"),
        ("iconv -t UTF-16LE d.sql | gzip", "it is text in UTF-16 within its gzip", "--result-file"),
        (
            &format!("echo '{warning}'; cat d.sql"),
            &format!("its first line is not SQL: `{warning}`"),
            "remove the line",
        ),
        (
            &format!("{{ echo '{warning}'; cat d.sql; }} | openssl enc -aes-256-cbc -pbkdf2 -k \"$PASSWORD\""),
            &format!("its first line is not SQL: `{warning}` within its openssl"),
            "remove the line",
        ),
        ("cp d.sql e.sql; tar -cf - d.sql e.sql", "it is a tar archive of more than one dump", "take each file out"),
        (
            "head -c 100 d.sql > e.sql; tar -cf - e.sql",
            "`e.sql` in its tar archive: it is not whole",
            "--skip-comments",
        ),
        ("echo hello > hello; tar -cf - hello", "it is a tar archive", "mariabackup"),
        ("mkdir empty; tar -cf - empty", "it is a tar archive that holds no files", "more than one"),
        // One line of another system's ends in a file of this one's.
        ("sed 's/^DELIMITER ;;/&\\r/' d.sql", "it is not whole: its last statement has no end", ""),
    ] {
        let failure = examine_with(&sh(top.path(), script), Expected::Dump, Some(PASSWORD)).unwrap_err();
        assert!(failure.message.starts_with(why), "{script}: {failure}");
        if !why.ends_with("no files") {
            assert!(failure.hint.as_deref().is_some_and(|said| said.contains(hint)), "{script}: {failure}");
        }
    }
    let cut = sh(top.path(), "tar -cf - d.sql | head -c 1200");
    assert_eq!(examine_with(&cut, Expected::Dump, None).unwrap_err().kind, FailureKind::Corrupt);
}

#[test]
fn keys_are_never_shown() {
    let key = EncryptionKey::parse("hunter2\n").unwrap();
    assert_eq!((format!("{key:?}"), key.expose()), ("EncryptionKey(..)".to_owned(), "hunter2"));
    for text in ["", "\n", "age1qqqq", &"x".repeat(70_000)] {
        assert_eq!(EncryptionKey::parse(text).unwrap_err().kind, FailureKind::Invalid);
    }
    let top = tempfile::tempdir().unwrap();
    let file = sh(top.path(), "echo x | age -e -r $(age-keygen 2>/dev/null | age-keygen -y)");
    let failure = examine_with(&file, Expected::Files, Some("AGE-SECRET-KEY-1HUNTER2")).unwrap_err();
    assert_eq!(failure.message, "the encryption key is no identity of age");
}
