//! `restore`: its id, each phase, and how it ended.

use serde_json::json;

use super::pty::Terminal;
use super::world::{World, at_terminal, mariadb, phases};

#[test]
fn a_restore_shows_its_id_and_each_phase_and_puts_the_data_back() {
    let world = World::start("");
    let host = &world.host;
    let id = host.backup("notes", "export").unwrap();
    world.database().query("DELETE note:1; CREATE note:3 SET text = 'later'").unwrap();

    let mut terminal = Terminal::run(host, &[], &["backup", "restore", &format!("{}-...", &id[..8])]);
    terminal.sees("Take a safety backup of notes first? [y/N]");
    terminal.types("perhaps");
    terminal.types("n");
    let ended = terminal.ends();
    assert_eq!(ended.code, 0, "{}\n{}", ended.screen, host.log_tail());
    let from = ended.screen.find("Restore ID: 1\n").expect(&ended.screen);
    assert!(
        ended.screen[from..].contains(&format!("\nReplacing the data of notes by backup {id}\n")),
        "{}",
        ended.screen
    );
    let phases = phases(&ended.screen);
    assert_eq!(phases[..2], ["queued", "running"], "{phases:?}");
    for phase in ["running: check", "running: wipe", "running: load", "running: migrate"] {
        assert!(phases.contains(&phase), "{phase} is not among {phases:?}");
    }
    assert_eq!(phases.last(), Some(&"completed"), "{phases:?}");
    let last = ended.screen.lines().last().unwrap();
    assert_eq!(host.json(&["restore", "show", "1"]).unwrap()["message"], last);

    // What was written after the backup is gone, and the migrations have run against what came back.
    assert_eq!(world.holds(), (json!(["first", "second"]), true));
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let (host, server) = mariadb();
    let id = host.backup("shop", "dump").unwrap();
    server.execute("DROP TABLE shop.items").unwrap();
    let output = host.run(&["backup", "restore", &id]).unwrap().ok().unwrap();
    assert!(output.stdout.starts_with("Restore ID: 1\n"), "{}", output.stdout);
    let phases = phases(&output.stdout);
    assert_eq!((phases.first(), phases.last()), (Some(&"queued"), Some(&"completed")), "{phases:?}");
    assert!(!output.stdout.contains(['\x1b', '\r']) && output.stderr.is_empty(), "{output:?}");
    assert_eq!(server.query("SELECT COUNT(*) FROM shop.items").unwrap(), [["2"]]);
}

#[test]
fn nobody_who_answers_and_no_backup_of_that_name_restore_nothing() {
    let world = World::start("");
    let host = &world.host;
    let id = host.backup("notes", "export").unwrap();
    let mut terminal = Terminal::run(host, &[], &["backup", "restore", &id]);
    terminal.sees("[y/N]");
    terminal.closes_input();
    let ended = terminal.ends();
    assert_eq!(ended.code, 2, "{}", ended.screen);
    assert!(
        ended.screen.contains("nothing was done\nhint: say --safety-backup or --no-safety-backup"),
        "{}",
        ended.screen
    );
    let unknown = at_terminal(host, &["backup", "restore", "no-such-backup", "--no-safety-backup"]);
    assert!(unknown.code == 3 && unknown.screen.contains("no-such-backup"), "{}", unknown.screen);
    assert_eq!(host.json(&["restore", "list"]).unwrap(), json!([]));
}
