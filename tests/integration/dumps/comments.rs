//! Comments in stored code are part of it.

use std::sync::Arc;

use bulkhead_test_support::{Account, HostOptions, MariaDb, MariaDbOptions, ServiceEntry};

use crate::recovery::scene::{SPARE, Scene, id, sequence};

const STORED: &str = "CREATE DATABASE doc; USE doc; CREATE TABLE t (id INT PRIMARY KEY);
DELIMITER //
CREATE PROCEDURE p() BEGIN
  -- why: ticket 42
  /* unit: cents */ SELECT 1; # end
END//
CREATE PROCEDURE with_a_tail() SELECT 2 -- it's; the end
//
CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN /* keep */ SET @a = 1; END//
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' DO BEGIN -- nightly
  SET @b = 1; END//
DELIMITER ;
";
const LATER: &str = "DELIMITER //
CREATE PROCEDURE doc.later() BEGIN # after the dump
  /* still */ SELECT 3; -- there
END//
DELIMITER ;
";

/// The text of everything, byte by byte.
fn stored(server: &MariaDb, later: bool) -> Vec<String> {
    let later = later.then_some(("PROCEDURE doc.later", 2));
    let objects =
        [("PROCEDURE doc.p", 2), ("PROCEDURE doc.with_a_tail", 2), ("TRIGGER doc.tr", 2), ("EVENT doc.ev", 3)];
    let show = |(object, column): (&str, usize)| {
        server.query(&format!("SHOW CREATE {object}")).unwrap_or_else(|problem| panic!("{problem}"))[0][column].clone()
    };
    objects.into_iter().chain(later).map(show).collect()
}

#[test]
fn comments_in_stored_code_survive_a_dump_a_replay_and_a_partial_restore() {
    let spare = Arc::new(MariaDb::start().unwrap());
    let host = HostOptions {
        services: vec![ServiceEntry::of(SPARE, &spare).account(Account::ADMIN)],
        ..HostOptions::default()
    };
    let mut scene = Scene::with("", &MariaDbOptions::default(), host);
    scene.pause();
    scene.shop.execute(STORED).unwrap();
    let before = stored(&scene.shop, false);
    // The test's own client sends them.
    for (text, comment) in [(&before[0], "-- why: ticket 42"), (&before[0], "# end"), (&before[2], "/* keep */")] {
        assert!(text.contains(comment), "{text}");
    }
    let dump = scene.backup("dump");
    scene.shop.execute(LATER).unwrap();
    let whole = stored(&scene.shop, true);
    let end = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    assert!(sequence(&end) > 0);
    scene.backup("binarylog");

    scene.shop.execute("DROP DATABASE doc").unwrap();
    scene.restore(&[&id(&dump), "--gtid", &end]);
    assert_eq!(stored(&scene.shop, true), whole);
    scene.restore(&[&id(&dump)]);
    assert_eq!(stored(&scene.shop, false), before);
    scene.restore(&[&id(&dump), "--database", "doc", "--to", SPARE]);
    assert_eq!(stored(&spare, false), before);
}
