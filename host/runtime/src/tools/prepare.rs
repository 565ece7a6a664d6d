//! How `mariadb-backup --prepare` learns what kind of server its backup is of.
//!
//! The tool wrote a file of settings into the backup: page size, undo tablespaces, the plugin that has the keys of encrypted data.
//! Without it a backup of a server with other settings than the usual ones cannot be prepared.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The file of settings.
const SETTINGS: &str = "backup-my.cnf";
/// Far more than the tool writes.
const SETTINGS_BYTES: u64 = 64 << 10;
/// Where servers have their plugins.
const USUAL: [&str; 2] = ["/usr/lib/mysql/plugin", "/usr/lib64/mysql/plugin"];

/// What goes before the arguments of a run that prepares the backup named by `--target-dir` among them.
pub(super) fn arguments(admitted: &[String], writable: &[PathBuf]) -> Vec<String> {
    let target = admitted.iter().find_map(|argument| argument.strip_prefix("--target-dir="));
    target.map_or_else(none, |target| settings(Path::new(target), writable))
}

fn none() -> Vec<String> {
    vec!["--no-defaults".to_owned()]
}

/// What goes before the arguments of a program that works on the backup unpacked in a directory.
pub(super) fn settings(target: &Path, writable: &[PathBuf]) -> Vec<String> {
    let file = target.join(SETTINGS);
    let Some(text) = read(&file) else { return none() };
    let mut arguments = vec![format!("--defaults-file={}", file.display())];
    arguments.extend(plugin_dir(&text, writable).map(|dir| format!("--plugin-dir={}", dir.display())));
    arguments
}

fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file).ok()?.take(SETTINGS_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Where the tool loads code from. Stated to it in every case, as the backup's own word must not count for a directory that whoever
/// made the backup can write to.
fn plugin_dir(settings: &str, writable: &[PathBuf]) -> Option<PathBuf> {
    let stated = settings.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        matches!(name.trim(), "plugin_dir" | "plugin-dir").then(|| PathBuf::from(value.trim().trim_matches('"')))
    });
    let usual = USUAL.iter().map(PathBuf::from);
    let real = |dir: PathBuf| dir.canonicalize().ok().filter(|dir| dir.is_dir());
    let writable: Vec<PathBuf> = writable.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    let safe = |dir: &PathBuf| !writable.iter().any(|place| dir.starts_with(place));
    let found = stated.filter(|dir| dir.is_absolute()).chain(usual).filter_map(real).find(safe);
    // A name that does not exist is still an answer: the file's own would count otherwise.
    found.or_else(|| Some(PathBuf::from("/nonexistent")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn code_is_never_loaded_from_where_a_plugin_writes() {
        let scratch = tempfile::tempdir().unwrap();
        let server = tempfile::tempdir().unwrap();
        let inside = scratch.path().join("plugins");
        fs::create_dir(&inside).unwrap();
        let link = server.path().join("link");
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        let admitted = ["--prepare".to_owned(), format!("--target-dir={}", scratch.path().display())];
        let writable = [scratch.path().to_owned()];
        let loads_from = |stated: &Path| {
            let settings = format!("[mysqld]\ninnodb_page_size=8192\nplugin_dir=\"{}\"\n", stated.display());
            fs::write(scratch.path().join(SETTINGS), settings).unwrap();
            let arguments = arguments(&admitted, &writable);
            assert_eq!(arguments[0], format!("--defaults-file={}/{SETTINGS}", scratch.path().display()));
            PathBuf::from(arguments[1].strip_prefix("--plugin-dir=").unwrap())
        };
        assert_eq!(loads_from(server.path()), server.path().canonicalize().unwrap());
        for bad in [inside.as_path(), &link, scratch.path(), Path::new("plugins"), Path::new("/no/such/directory")] {
            let dir = loads_from(bad);
            let known = USUAL.iter().any(|usual| Path::new(usual).canonicalize().is_ok_and(|usual| usual == dir));
            assert!(known || dir == Path::new("/nonexistent"), "{} for {}", dir.display(), bad.display());
        }
        fs::remove_file(scratch.path().join(SETTINGS)).unwrap();
        assert_eq!(arguments(&admitted, &writable), ["--no-defaults"]);
    }
}
