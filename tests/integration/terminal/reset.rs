//! `reset`: warning, confirmation, the offer of a backup, and then nothing is left but what the migrations make.

use serde_json::json;

use super::pty::Terminal;
use super::world::{World, mariadb, phases};

const RESET: &[&str] = &["backup", "reset"];

#[test]
fn a_reset_warns_asks_backs_up_and_leaves_what_the_migrations_make() {
    let world = World::start("");
    let host = &world.host;
    let mut terminal = Terminal::run(host, &[], RESET);
    terminal.sees("WARNING: All data of notes will be deleted. There is no undo.");
    terminal.sees("Type the name of the service to go on:");
    terminal.types("notes");
    terminal.sees("Create a backup of notes first? [Y/n]");
    terminal.types("y");
    let ended = terminal.ends();
    assert_eq!(ended.code, 0, "{}\n{}", ended.screen, host.log_tail());
    let (before, after) = ended.screen.split_once("Reset job: ").expect(&ended.screen);
    assert!(before.contains("Backup ID: ") && before.trim_end().ends_with("completed"), "{before}");
    let phases = phases(after);
    assert_eq!((phases.first(), phases.last()), (Some(&"queued"), Some(&"completed")), "{phases:?}");
    assert!(phases.contains(&"running: migrate"), "{phases:?}");
    assert_eq!(world.holds(), (json!([]), true));

    // The backup has what was there.
    let backups = host.json(&["backup", "list"]).unwrap();
    assert_eq!((&backups["backups_count"], &backups["backups"][0]["name"]), (&json!(1), &json!("before-reset")));
    host.restore("before-reset", "notes").unwrap();
    assert_eq!(world.holds(), (json!(["first", "second"]), true));
}

#[test]
fn nothing_is_reset_without_the_very_name_or_an_answer() {
    let world = World::start("");
    let host = &world.host;
    let untouched = || {
        assert_eq!(world.holds(), (json!(["first", "second"]), false));
        assert_eq!(host.json(&["job", "list"]).unwrap()["jobs_count"], 0);
    };
    for typed in ["y", "NOTES", "note", ""] {
        let mut terminal = Terminal::run(host, &[], RESET);
        terminal.sees("Type the name of the service");
        terminal.types(typed);
        let ended = terminal.ends();
        assert_eq!(ended.code, 2, "{typed:?}: {}", ended.screen);
        assert!(ended.screen.contains(&format!("`{typed}` is not `notes`, and nothing was done")), "{}", ended.screen);
        untouched();
    }
    let mut terminal = Terminal::run(host, &[], RESET);
    terminal.types("notes");
    terminal.sees("[Y/n]");
    terminal.closes_input();
    assert_eq!(terminal.ends().code, 2);
    untouched();

    // Without a terminal nobody can be asked.
    let refused = host.run(RESET).unwrap();
    assert!(refused.code == Some(2) && refused.stderr.contains("--yes"), "{refused:?}");
    let unknown = host.run(&["backup", "reset", "--yes", "--service", "other"]).unwrap();
    assert_eq!(unknown.code, Some(3), "{unknown:?}");
    untouched();
}

#[test]
fn a_failed_backup_before_stops_the_reset() {
    let world = World::start("[limits]\nattempts_max = 1\n");
    let host = &world.host;
    // The target is gone.
    std::fs::remove_dir_all(host.bucket()).unwrap();
    std::fs::write(host.bucket(), "no directory").unwrap();
    let refused = host.run(&["backup", "reset", "--yes"]).unwrap();
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("nothing was reset"), "{refused:?}");
    assert_eq!(world.holds(), (json!(["first", "second"]), false));
}

#[test]
fn scripts_reset_a_mariadb_service_without_a_question() {
    let (host, server) = mariadb();
    let done = host.json(&["backup", "reset", "--no-backup", "--yes"]).unwrap();
    assert_eq!((&done["backup_id"], &done["job"]["status"]), (&json!(null), &json!("Succeeded")), "{done}");
    assert_eq!(server.query("SHOW DATABASES LIKE 'shop'").unwrap(), Vec::<Vec<String>>::new());
    assert_eq!(host.json(&["backup", "list"]).unwrap()["backups_count"], 0);
}
