//! The two scripts that start and stop a server, for this crate and for Bulkhead's `[[service]] server`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::MariaDb;
use crate::problem::Result;
use crate::process;

/// Writes `start.sh` and `stop.sh`.
pub(super) fn write(server: &MariaDb, zone: &str, arguments: &[String]) -> Result<()> {
    let dir = server.dir();
    let mut command = vec![quote(&process::program("mariadbd")?)];
    command.push("--no-defaults".into());
    if rustix::process::geteuid().is_root() {
        command.push("--user=root".into());
    }
    command.extend([
        path_argument("--datadir", &server.data_dir()),
        path_argument("--socket", &server.socket()),
        path_argument("--tmpdir", &dir.join("tmp")),
        path_argument("--log-error", &dir.join("log/error.log")),
        path_argument("--pid-file", &dir.join("log/mariadbd.pid")),
        format!("--port={}", server.port()),
    ]);
    command.extend(FIXED.iter().map(ToString::to_string));
    command.extend(arguments.iter().map(quote));
    let start = format!(
        "#!/bin/sh\n\
         # Starts the server in a session of its own and returns; it is ready when it answers.\n\
         env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TZ={zone} LC_ALL=C.UTF-8 setsid {command} </dev/null >>{log} 2>&1 &\n\
         echo $! >{pid}\n",
        command = command.join(" "),
        log = quote(dir.join("log/console.log")),
        pid = quote(server.pid_file()),
    );
    // A process that nobody waited for stays as a zombie and still takes signals: it counts as gone.
    let stop = format!(
        "#!/bin/sh\n\
         # Stops the server and returns when it is gone.\n\
         [ -s {pid} ] || exit 0\n\
         read -r pid <{pid}\n\
         running() {{ [ -d /proc/$pid ] && tr '\\0' ' ' </proc/$pid/cmdline | grep -qF {dir}; }}\n\
         running || exit 0\n\
         kill $pid\n\
         tries=0\n\
         while running; do\n\
         \x20 tries=$((tries + 1))\n\
         \x20 if [ $tries -gt 1200 ]; then echo 'the server does not stop' >&2; exit 1; fi\n\
         \x20 sleep 0.05\n\
         done\n",
        pid = quote(server.pid_file()),
        dir = quote(dir),
    );
    for (name, text) in [("start.sh", start), ("stop.sh", stop)] {
        let path = dir.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// What every server gets: loopback only, GTIDs, a binary log, durable commits, room for rows of 64 MB. The mode of `AUTO_INCREMENT` is
/// the one without ranges reserved in memory, which a restart gives back: counters stay comparable.
const FIXED: &[&str] = &[
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--server-id=1",
    "--log-bin=binlog",
    "--log-bin-index=binlog.index",
    "--sync-binlog=1",
    "--gtid-domain-id=0",
    "--gtid-strict-mode=ON",
    "--log-slave-updates=ON",
    "--innodb-flush-log-at-trx-commit=1",
    "--innodb-buffer-pool-size=128M",
    "--innodb-autoinc-lock-mode=0",
    "--max-allowed-packet=256M",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--event-scheduler=OFF",
];

fn path_argument(name: &str, path: &Path) -> String {
    format!("{name}={}", quote(path))
}

/// A word for the shell.
fn quote(text: impl AsRef<std::ffi::OsStr>) -> String {
    format!("'{}'", text.as_ref().to_string_lossy().replace('\'', r"'\''"))
}
