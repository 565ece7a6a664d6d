//! What it was measured on.

use std::fs;
use std::time::Duration;

use bulkhead_test_support::{process, workspace};

/// The first line a command prints, or `unknown`.
pub fn says(program: &str, arguments: &[&str]) -> String {
    let mut command = process::command(program);
    command.args(arguments).current_dir(workspace::root());
    let finished = process::run(&mut command, b"", Duration::from_secs(20));
    let line = finished.ok().and_then(|finished| {
        let output = String::from_utf8_lossy(&finished.stdout).into_owned() + &finished.stderr;
        output.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned)
    });
    line.unwrap_or_else(|| "unknown".to_owned())
}

/// `2 x Intel(R) Xeon(R) ..., 23 GiB of memory, Linux 6.1`.
pub fn describe() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.split_once(':'))
            .map(|(_, value)| value.trim().to_owned());
        value.unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = field(&read("/proc/cpuinfo"), "model name");
    let kib: u64 =
        field(&read("/proc/meminfo"), "MemTotal").split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    format!("{cores} x {model}, {} GiB of memory, Linux {}", kib >> 20, says("uname", &["-r"]))
}
