//! Storage plugins that misbehave: what they say they keep is not believed.

use bulkhead_test_support::{HostOptions, MariaDb, ServiceEntry, dataset, process, workspace};

use crate::scene::{DEADLINE, Scene, files};

const SWEEP: &str = "sweep_grace = \"0s\"\nsweep_every = \"1s\"";

/// Target and plugin, failure code, and what the message says.
const ROWS: &[(&str, &str, &str)] = &[
    ("lying-size", "corrupt", "the storage plugin says it kept "),
    ("full-disk", "unavailable", "no space left in the target"),
    ("loses-data", "corrupt", " is missing from the target"),
    ("hangs-on-put", "unavailable", "plugin `hangs-on-put` did not end within its deadline of 3 s"),
    // The manifest is read back before the backup counts.
    ("corrupts", "corrupt", "writing the manifest: the "),
];

#[test]
fn a_misbehaving_target_costs_its_own_job_while_a_backup_beside_it_succeeds() {
    let server = MariaDb::start().unwrap();
    dataset::bulk(&server, 8 << 20).unwrap();
    let roots = tempfile::tempdir().unwrap();
    let guests = tempfile::tempdir().unwrap();
    let limits = ["max_running_jobs = 8", "attempts_max = 2", "retry_after = \"100ms\"", SWEEP].join("\n");
    let mut extra = format!("[limits]\n{limits}\n");
    for (target, ..) in ROWS {
        let root = roots.path().join(target);
        std::fs::create_dir(&root).unwrap();
        let guest = workspace::guest(&target.replace('-', "_"));
        std::fs::copy(&guest, guests.path().join(guest.file_name().unwrap())).unwrap();
        extra.push_str(&format!(
            "[[target]]\nid = \"{target}\"\nplugin = \"{target}\"\ndefault = false\nconfig = {{ root = \"{}\" }}\n\
             [plugins.{target}]\ngrants = [\"directory:root\"]\ndeadline = \"{}s\"\n",
            root.display(),
            if *target == "hangs-on-put" { 3 } else { 120 },
        ));
    }
    let mut services: Vec<_> = ROWS.iter().map(|(target, ..)| ServiceEntry::of(target, &server)).collect();
    services.push(ServiceEntry::of("db1", &server));
    let scene = Scene::start(HostOptions {
        services,
        plugin_dir: Some(guests.path().to_owned()),
        extra,
        ..HostOptions::default()
    });
    scene.forget_memory_peak();

    let asked: Vec<_> = ROWS.iter().map(|(target, ..)| scene.ask(target, "dump", Some(target))).collect();
    let beside = scene.ask("db1", "full", None);
    for (asked, (target, code, words)) in asked.iter().zip(ROWS) {
        scene.fails(asked, code, &[words]);
        let left = || files(&roots.path().join(target));
        if *target == "corrupts" {
            // A manifest is there that nobody can read: whose it is, and what it names, is for the sweep to say.
            process::wait_until("what is left is swept", DEADLINE, || Ok(left().is_empty().then_some(())))
                .unwrap_or_else(|problem| panic!("{problem}: {:?}\n{}", left(), scene.host.log_tail()));
        }
        assert!(left().is_empty(), "{target}: {:?}", left());
    }
    scene.succeeds(&beside);

    scene.scratch_is_empty();
    assert!(scene.memory_peak_mib() < 256, "{} MiB", scene.memory_peak_mib());
}
