//! Component files that cannot be used, and compiled ones that cannot be trusted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bulkhead_test_support::{BulkheadHost, HostOptions, workspace};

#[test]
fn a_component_that_cannot_be_used_is_named_with_its_reason_and_the_host_starts() {
    let dir = tempfile::tempdir().unwrap();
    let good = fs::read(workspace::guest("hangs")).unwrap();
    let spoken = b"bulkhead:method/method@0.1.0";
    let newer = replace(&good, spoken, b"bulkhead:method/method@0.9.0");
    for (name, bytes) in [
        ("a-newer.wasm", newer.as_slice()),
        ("b-cut.wasm", &good[..good.len() / 2]),
        ("c-text.wasm", b"no component"),
        ("d-good.wasm", &good),
        ("e-twin.wasm", &good),
    ] {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let options = HostOptions { plugin_dir: Some(dir.path().to_owned()), ..HostOptions::default() };
    let host = BulkheadHost::start(options).unwrap();

    let log = host.log();
    for (file, reason) in [
        ("a-newer.wasm", "the component speaks bulkhead:method 0.9.0; this host speaks 0.1.x"),
        ("b-cut.wasm", "the file is no component that can be compiled"),
        ("c-text.wasm", "the file is no component that can be compiled"),
        ("e-twin.wasm", "plugin `hangs` has been loaded from "),
    ] {
        let said = log.lines().any(|line| line.contains(file) && line.contains(reason));
        assert!(said, "{file}: nothing says `{reason}`:\n{log}");
    }
    let plugins = host.json(&["plugin", "list"]).unwrap();
    let names: Vec<_> = plugins.as_array().unwrap().iter().map(|plugin| plugin["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "azure",
            "filesystem",
            "gcs",
            "hangs",
            "mariadb-binlog",
            "mariadb-dump",
            "mariadb-full",
            "mariadb-incremental",
            "s3",
            "surrealdb-export",
        ]
    );
    let doctor = host.run(&["doctor", "--config", "bulkhead.toml"]).unwrap();
    assert!(doctor.stdout.contains("this host speaks 0.1.x"), "{doctor:?}");
}

#[test]
fn compiled_code_is_only_taken_from_files_that_the_host_made_and_that_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(workspace::guest("hangs"), dir.path().join("hangs.wasm")).unwrap();
    // The same program beside three small plugins: compiling all of them three times takes minutes.
    let program = tempfile::Builder::new().prefix("program-").tempdir_in(workspace::target_dir()).unwrap();
    let binary = program.path().join("bulkhead");
    fs::hard_link(workspace::bulkhead_binary(), &binary).unwrap();
    fs::create_dir(program.path().join("plugins")).unwrap();
    for name in ["filesystem", "mariadb-dump", "mariadb-full"] {
        let plugin = workspace::plugin(name);
        fs::copy(&plugin, program.path().join("plugins").join(plugin.file_name().unwrap())).unwrap();
    }
    let options = HostOptions {
        binary: Some(binary),
        plugin_dir: Some(dir.path().to_owned()),
        environment: vec![("BULKHEAD_PLUGINS__CACHE_DIR".to_owned(), "data/cache".to_owned())],
        ..HostOptions::default()
    };
    let mut host = BulkheadHost::start(options).unwrap();
    let cache = host.dir().join("data/cache");
    let made = compiled(&cache);
    assert_eq!(made.len(), 4, "{made:?}");
    assert_eq!(fs::metadata(&cache).unwrap().permissions().mode() & 0o777, 0o700);
    host.kill().unwrap();

    // One bit in one file, one file cut short, and one with the code of another plugin in it.
    let mut damaged = fs::read(&made[0]).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(&made[0], &damaged).unwrap();
    let whole = fs::read(&made[1]).unwrap();
    fs::write(&made[1], &whole[..whole.len() / 2]).unwrap();
    fs::copy(&made[3], &made[2]).unwrap();
    // Compiled code from elsewhere, offered as a plugin.
    fs::copy(&made[3], dir.path().join("foreign.wasm")).unwrap();
    fs::copy(&made[3], dir.path().join("foreign.cwasm")).unwrap();
    let before = host.log().len();
    host.launch(&[]).unwrap();
    let log = host.log()[before..].to_owned();
    assert_eq!(log.matches("a compiled plugin is damaged and compiled again").count(), 3, "{log}");
    assert!(log.contains("foreign.wasm") && log.contains("no component that can be compiled"), "{log}");
    assert!(!log.contains("foreign.cwasm"), "{log}");
    assert_eq!(log.matches("plugin loaded").count(), 4, "{log}");
    assert_eq!(fs::read(&made[1]).unwrap(), whole, "compiled again, under the same name");
    assert!(fs::read(&made[0]).unwrap() != damaged);
    host.kill().unwrap();

    // A directory that others can write to is not used at all.
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777)).unwrap();
    let before = host.log().len();
    host.launch(&[]).unwrap();
    let log = host.log()[before..].to_owned();
    assert!(log.contains("plugins are compiled at each start: the cache directory cannot be used"), "{log}");
    assert_eq!(log.matches("plugin loaded").count(), 4, "{log}");
}

/// The compiled components, by name.
fn compiled(cache: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// Every occurrence of `from` becomes `to`, which is as long.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<_> = (0..=bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "the component does not name its contract");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}
