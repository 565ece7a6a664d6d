//! Superusers of other hosts than the server's own, as container images make them.

use crate::recovery::scene::{Scene, id};

#[test]
fn a_log_that_changes_root_of_everywhere_is_replayed_on_a_dump() {
    let mut scene = Scene::start("");
    scene.pause();
    scene
        .shop
        .execute("CREATE USER root@'%' IDENTIFIED BY 'old'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION")
        .unwrap();
    let dump = scene.backup("dump");
    scene
        .shop
        .execute(
            "ALTER USER root@'%' IDENTIFIED BY 'new'; CREATE DATABASE app; REVOKE SHUTDOWN ON *.* FROM root@'%';
             CREATE TABLE app.t (id INT PRIMARY KEY); INSERT INTO app.t VALUES (1)",
        )
        .unwrap();
    let rotated = scene.shop.query("SHOW GRANTS FOR root@'%'").unwrap();
    scene.backup("binarylog");
    let end = scene.shop.value("SELECT @@gtid_binlog_pos").unwrap();
    scene.shop.execute("DROP DATABASE app").unwrap();
    scene.restore(&[&id(&dump), "--gtid", &end]);
    assert_eq!(scene.shop.value("SELECT COUNT(*) FROM app.t").unwrap(), "1");
    // It is as it was on the live server, which knows best.
    assert_eq!(scene.shop.query("SHOW GRANTS FOR root@'%'").unwrap(), rotated);
    scene.restore(&[&id(&dump)]);
    assert_eq!(scene.shop.query("SHOW GRANTS FOR root@'%'").unwrap(), rotated);
}
