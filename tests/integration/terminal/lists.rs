//! `create`, `list` and `delete`.

use std::time::Duration;

use super::pty::Terminal;
use super::world::{World, at_terminal, mariadb, shows};

/// `create` returns at once with an id and `pending`; `list` has the page's form; what its column ID shows can be given to `delete`.
#[test]
fn a_backup_is_created_listed_and_deleted_as_the_page_says() {
    let world = World::start("");
    let host = &world.host;
    let empty = shows(host, &["backup", "list"]);
    let rule = "-".repeat(80);
    assert_eq!(empty, format!("ID                                    STATUS       SIZE       CREATED\n{rule}"));

    let created = shows(host, &["backup", "create", "--name", "before-migration"]);
    let id = created.lines().next().unwrap().strip_prefix("Backup ID: ").unwrap().to_owned();
    assert_eq!(created, format!("Backup ID: {id}\nStatus:    pending"));
    host.wait_for("backup", &id, Duration::from_secs(120)).unwrap();
    let unnamed = host.backup("notes", "export").unwrap();

    let listed = shows(host, &["backup", "list"]);
    let lines: Vec<&str> = listed.lines().collect();
    assert_eq!(lines[..2], ["ID                                    STATUS       SIZE       CREATED", &rule]);
    assert_eq!(lines.len(), 4, "{listed}");
    // Newest first.
    assert_eq!(&lines[2][..38], format!("{:<38}", format!("{}-...", &unnamed[..8])));
    assert_eq!(&lines[3][..38], format!("{:<38}", format!("before-migration ({})", &id[..8])));
    for line in &lines[2..] {
        let (state, size, time) = (&line[38..51], &line[51..62], &line[62..]);
        assert_eq!((state, size), ("completed    ", "0.1 MB     "), "{line}");
        let form: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(form, "0000-00-00T00:00:00", "{line}");
    }

    let shown = format!("before-migration ({})", &id[..8]);
    assert_eq!(shows(host, &["backup", "delete", &shown]), format!("Backup {id} deleted"));
    assert!(!shows(host, &["backup", "list"]).contains("before-migration"));
    let again = at_terminal(host, &["backup", "delete", &shown]);
    assert!(again.code == 3 && again.screen.starts_with("error: "), "{}", again.screen);
}

#[test]
fn colours_are_for_terminals_and_only_if_wanted() {
    let (host, _server) = mariadb();
    host.backup("shop", "dump").unwrap();
    let list = ["backup", "list"];
    assert!(at_terminal(&host, &list).raw.contains("\x1b[32mcompleted"));
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let ended = Terminal::run(&host, &[environment], &list).ends();
        assert!(ended.raw.contains("completed") && !ended.raw.contains('\x1b'), "{environment:?}");
    }
    let piped = host.run(&list).unwrap().ok().unwrap();
    assert!(piped.stdout.contains("completed") && !piped.stdout.contains('\x1b'));
    let json = Terminal::run(&host, &[], &["backup", "list", "--json"]).ends();
    assert!(serde_json::from_str::<serde_json::Value>(&json.raw).is_ok() && !json.raw.contains('\x1b'), "{}", json.raw);
}

#[test]
fn a_name_does_nothing_to_the_terminal() {
    let (host, _server) = mariadb();
    for name in ["a\x1b[2Jb", "a\nb", "a\u{7}", "a\u{202e}b"] {
        let ended = at_terminal(&host, &["backup", "create", "--type", "dump", "--name", name]);
        assert_eq!(ended.code, 2, "{}", ended.screen);
        assert!(ended.screen.contains("`name` must have"), "{}", ended.screen);
        let unknown = at_terminal(&host, &["backup", "show", name]);
        assert_eq!(unknown.code, 3, "{}", unknown.screen);
        for raw in [ended.raw, unknown.raw] {
            assert!(!raw.contains("\x1b[2J") && !raw.contains(['\u{7}', '\u{202e}']), "{raw:?}");
        }
    }
    assert_eq!(host.json(&["backup", "list"]).unwrap()["backups_count"], 0);
}
