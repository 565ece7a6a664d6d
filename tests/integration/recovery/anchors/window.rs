//! 5. The recovery window is what can be restored: no less, and no more.

use bulkhead_test_support::{Ledger, process};
use serde_json::{Value, json};

use crate::crash::scene::PATIENCE;
use crate::recovery::scene::{SHOP, Scene, id, next_second};

fn window(scene: &Scene) -> Value {
    scene.host.json(&["service", "recovery-window"]).unwrap()
}

fn rows<'a>(window: &'a Value, key: &str) -> &'a [Value] {
    window[key].as_array().unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

#[test]
fn anchor_5_every_second_up_to_the_last_recoverable_one_is_accepted_and_no_other() {
    let mut scene = Scene::start("");
    scene.backup("full");
    for _ in 0..3 {
        scene.write(10);
        next_second(&scene.shop);
    }
    scene.backup("binarylog");
    scene.write(10);
    scene.backup("incremental");
    next_second(&scene.shop);
    scene.backup("binarylog");
    scene.pause();

    let window = window(&scene);
    let intervals = rows(&window, "intervals");
    let (first, last) = (intervals.last().unwrap(), &intervals[0]);
    let authorization = format!("Authorization: Bearer {}", scene.host.token("acme", "administrator").unwrap());
    let status = |instant: &str| {
        let body = json!({"service_id": SHOP, "point_in_time": instant, "dry_run": true}).to_string();
        let headers = [authorization.as_str(), "Content-Type: application/json"];
        let answer = scene.host.http("POST", "/v1/restores", &headers, body.as_bytes()).unwrap();
        (answer.status, answer.body)
    };
    // Seconds and bounds by the database's own arithmetic.
    let sql = |expression: &str, instant: &str| {
        let plain = instant.replace('T', " ").replace('Z', "");
        let format = format!("SELECT DATE_FORMAT({expression}, '%Y-%m-%d %H:%i:%s')");
        scene.shop.value(&format.replace('$', &format!("TIMESTAMP'{plain}'"))).unwrap()
    };
    let (from, to) = (text(first, "from"), text(last, "to"));
    let seconds: u32 = scene
        .shop
        .value(&format!("SELECT TIMESTAMPDIFF(SECOND, '{}', '{}')", sql("$", from), sql("$", to)))
        .unwrap()
        .parse()
        .unwrap();
    assert!(seconds >= 4, "{window}");
    assert_eq!(intervals.iter().filter(|interval| interval["logs_count"] == 0).count(), 0, "{window}");
    for second in 0..=seconds {
        let instant = sql(&format!("$ + INTERVAL {second} SECOND"), from);
        // Within the second of the base itself what is asked for has to be in the backup.
        let (status, body) = status(&instant);
        assert_eq!(status, 200, "{instant} of {window}: {body}");
    }
    for interval in intervals {
        for bound in ["from", "to"] {
            let (status, body) = status(text(interval, bound));
            assert_eq!(status, 200, "{bound} of {interval}: {body}");
        }
    }
    for instant in [sql("$ - INTERVAL 1 SECOND", from), sql("$ + INTERVAL 1 SECOND", to)] {
        let (status, body) = status(&instant);
        assert_eq!(status, 400, "{instant} of {window}: {body}");
        assert!(body.contains("recovery-window"), "{body}");
    }
    // With the fractions that SQL writes.
    let (status, body) = status(&to.replace('T', " ").replace('Z', ""));
    assert_eq!(status, 200, "{to}: {body}");
}

#[test]
fn anchor_5_logs_that_are_gone_before_they_were_archived_are_a_gap_with_its_cause_and_no_obstacle_to_others() {
    let mut scene = Scene::start("");
    let full = scene.backup("full");
    scene.write(20);
    let early_lines = scene.pause();
    next_second(&scene.shop);
    let early = next_second(&scene.shop);
    scene.go_on();
    scene.write(20);
    scene.backup("binarylog");
    let seen = [
        ("purged", "FLUSH BINARY LOGS; FLUSH BINARY LOGS", "purged before it was archived"),
        ("reset", "RESET MASTER", "were reset"),
    ];
    for (cause, statements, words) in seen {
        scene.write(20);
        scene.pause();
        scene.shop.execute(statements).unwrap();
        if cause == "purged" {
            purge(&scene);
        }
        next_second(&scene.shop);
        scene.go_on();
        scene.write(20);
        // It does not go on as if nothing were: the backup that was made, the window and the log all say it.
        let archived = scene.backup("binarylog");
        assert_eq!(archived["positions"]["timeline.cause"], cause, "{archived}");
        let window = window(&scene);
        let gap = &rows(&window, "gaps")[0];
        assert!(text(gap, "cause").contains(words) && text(gap, "cause").contains(&id(&archived)), "{gap}");
        assert!(gap["to"].is_null(), "nothing that is archived now leads anywhere: {window}");
    }
    // Neither keeps from what does not need what is gone.
    let lost = next_second(&scene.shop);
    scene.pause();
    let before = Ledger::check(&scene.shop).unwrap();
    let said = scene.refused(&["--point-in-time", &lost]);
    assert!(said.contains("recovery-window"), "{said}");
    assert_eq!(Ledger::check(&scene.shop).unwrap(), before);

    // A new base ends the gap, and what comes after it is no gap.
    scene.go_on();
    let again = scene.backup("full");
    scene.write(20);
    let late_lines = scene.pause();
    next_second(&scene.shop);
    let late = next_second(&scene.shop);
    scene.backup("binarylog");
    let window = window(&scene);
    let (intervals, gaps) = (rows(&window, "intervals"), rows(&window, "gaps"));
    assert_eq!((intervals.len(), gaps.len()), (2, 2), "{window}");
    assert_eq!(gaps[1]["to"], intervals[0]["from"], "{window}");
    assert_eq!(intervals[0]["backup_id"], again["id"], "{window}");

    scene.restores_to(&["--point-in-time", &late], late_lines);
    scene.restores_to(&["--point-in-time", &early], early_lines);
    scene.restores_to(&[&id(&full)], scene.lines_of(&full));
}

/// Removes all logs but the newest. What the storage engine still has to flush the server keeps without a word.
fn purge(scene: &Scene) {
    process::wait_until("the logs are purged", PATIENCE, || {
        let logs = scene.shop.query("SHOW BINARY LOGS")?;
        scene.shop.execute(&format!("PURGE BINARY LOGS TO '{}'", logs[logs.len() - 1][0]))?;
        Ok((logs.len() == 1).then_some(()))
    })
    .unwrap();
}

#[test]
fn anchor_5_rotations_restarts_and_quiet_times_make_no_gap() {
    let mut scene = Scene::start("");
    let base = scene.backup("full");
    let first = scene.backup("binarylog");
    let run = &first["positions"]["timeline"];
    for what in ["quiet", "quiet again", "rotated", "restarted", "killed", "purged after", "another archived"] {
        match what {
            "quiet" | "quiet again" => {
                scene.pause();
                scene.backup("binarylog");
                scene.go_on();
            }
            "rotated" => scene.shop.execute("FLUSH BINARY LOGS; FLUSH LOGS; FLUSH BINARY LOGS").unwrap(),
            "restarted" => {
                scene.shop.stop().unwrap();
                scene.shop.launch().unwrap();
            }
            "killed" => {
                scene.shop.kill().unwrap();
                scene.shop.launch().unwrap();
            }
            "purged after" => {
                scene.pause();
                scene.backup("binarylog");
                purge(&scene);
                scene.go_on();
            }
            _ => {
                scene.backup("incremental");
            }
        }
        scene.write(10);
        let archived = scene.backup("binarylog");
        assert_eq!(&archived["positions"]["timeline"], run, "{what}: {archived}");
    }
    let lines = scene.pause();
    next_second(&scene.shop);
    let now = next_second(&scene.shop);
    let last = scene.backup("binarylog");
    assert_eq!(&last["positions"]["timeline"], run, "{last}");
    let window = window(&scene);
    let gaps = rows(&window, "gaps");
    assert!(gaps.len() <= 1 && gaps.iter().all(|gap| gap["to"].is_null()), "{window}");
    scene.restores_to(&[&id(&base), "--point-in-time", &now], lines);
}
