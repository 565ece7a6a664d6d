//! `configure`: any subset of its options, and what it refuses.

use serde_json::{Value, json};

use super::world::{World, at_terminal, mariadb, shows};

fn configured(schedules: &Value) -> Vec<Value> {
    let each = schedules.as_array().unwrap().iter();
    each.map(|one| json!([one["enabled"], one["schedule"], one["retention"], one["type"], one["origin"]])).collect()
}

#[test]
fn any_subset_changes_the_automatic_backup_and_leaves_the_rest() {
    let world = World::start("[automatic]\nschedule = \"0 4 * * *\"\njitter = \"0s\"\n");
    let now = || configured(&world.host.json(&["schedule", "list"]).unwrap());
    let configure = |options: &[&str]| shows(&world.host, &[&["backup", "configure"], options].concat());
    assert_eq!(now(), [json!([true, "0 4 * * *", 7, "export", "automatic"])]);

    let screen = configure(&["--enabled", "false"]);
    assert!(screen.contains("Enabled:   false\n"), "{screen}");
    assert_eq!(now(), [json!([false, "0 4 * * *", 7, "export", "automatic"])]);
    configure(&["--retention", "30"]);
    assert_eq!(now(), [json!([false, "0 4 * * *", 30, "export", "automatic"])]);
    configure(&["--schedule", "30 2 * * 1-5"]);
    assert_eq!(now(), [json!([false, "30 2 * * 1-5", 30, "export", "automatic"])]);
    let screen = configure(&["--enabled", "true", "--schedule", "0 2 * * *", "--retention", "7"]);
    assert_eq!(now(), [json!([true, "0 2 * * *", 7, "export", "automatic"])]);
    for line in ["Service:     notes", "Enabled:     true", "Schedule:    0 2 * * * (UTC)", "Retention:   7"] {
        assert!(screen.lines().any(|shown| shown == line), "{line} is not in:\n{screen}");
    }
    // Without an option it shows the same and changes nothing.
    assert_eq!(configure(&[]), screen);

    for (options, words) in [
        (&["--schedule", "every day"][..], &["`schedule`", "hint: "][..]),
        (&["--schedule", "61 * * * *"], &["`schedule`", "hint: "]),
        (&["--schedule", ""], &["`schedule`"]),
        (&["--retention", "0"], &["--retention", "from 1 to 100000", "--enabled false"]),
        (&["--retention", "-3"], &["--retention", "from 1 to 100000", "--enabled false"]),
        (&["--retention", "lots"], &["--retention"]),
        (&["--enabled", "maybe"], &["--enabled"]),
    ] {
        let refused = at_terminal(&world.host, &[&["backup", "configure"], options].concat());
        assert_eq!(refused.code, 2, "{options:?}: {}", refused.screen);
        for word in words {
            assert!(refused.screen.contains(word), "{options:?}: `{word}` is not in:\n{}", refused.screen);
        }
    }
    assert_eq!(now(), [json!([true, "0 2 * * *", 7, "export", "automatic"])]);
}

#[test]
fn a_service_without_an_automatic_backup_gets_one() {
    let (host, _server) = mariadb();
    let none = host.run(&["backup", "configure"]).unwrap();
    assert!(none.code == Some(3) && none.stderr.contains("shop has no automatic backup"), "{none:?}");
    host.json(&["backup", "configure", "--retention", "3"]).unwrap();
    let now = || configured(&host.json(&["schedule", "list"]).unwrap());
    assert_eq!(now(), [json!([true, "0 2 * * *", 3, "full", "manual"])]);
    // The next one changes that, and makes no second.
    host.json(&["backup", "configure", "--enabled", "false"]).unwrap();
    assert_eq!(now(), [json!([false, "0 2 * * *", 3, "full", "manual"])]);
}
