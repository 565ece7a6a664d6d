//! The figures as a page.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use bulkhead_test_support::Result;

use super::pair::{Pair, median, percentile};
use super::{bucket, complete, drills, gateway, increments, lag, logs, machine, surrealdb};
use crate::terminal::bytes;

/// The page's sections, in order.
const SECTIONS: [&str; 9] = [
    "Complete backups and restores",
    "Incremental backups",
    "Drills",
    "Archiving binary logs",
    "Replaying binary logs",
    "The continuous archive",
    "Buckets",
    "SurrealDB",
    "The front door",
];

/// A page of sections; what is not measured anew stays as it was.
pub struct Page {
    /// The version of the server.
    pub server: Option<String>,
    sections: Vec<(String, String)>,
    measured: String,
}

/// A job in a table.
struct Row<'a> {
    job: &'a str,
    pairs: &'a [Pair],
    bytes: u64,
    goal: &'a str,
}

impl Page {
    /// Reads what was measured before. A remark goes beside every figure that is measured now.
    pub fn read(path: &Path, revision: &str, remark: Option<&str>) -> Result<Self> {
        let text = if path.exists() { fs::read_to_string(path)? } else { String::new() };
        let old = text.split("\n## ").skip(1).filter_map(|section| {
            let (title, body) = section.split_once('\n')?;
            Some((title.to_owned(), body.trim().to_owned()))
        });
        let date = machine::says("date", &["-u", "+%F"]);
        let remark = remark.map(|remark| format!(" {remark}")).unwrap_or_default();
        Ok(Self { server: None, sections: old.collect(), measured: format!("{date}, revision {revision}.{remark}") })
    }

    /// Complete backups, encrypted ones, restores.
    pub fn complete(&mut self, figures: &complete::Figures, runs: usize) {
        let mut text = format!(
            "{} Data directory {}, stream {}, {runs} pairs each.\n\n",
            self.measured,
            bytes(figures.data_bytes),
            bytes(figures.stream_bytes)
        );
        let bytes = figures.stream_bytes;
        text.push_str(&table(&[
            Row {
                job: "full backup: `mariadb-backup --stream=xbstream \\| zstd -3 -T0 > file`",
                pairs: &figures.plain,
                bytes,
                goal: "0.98",
            },
            Row {
                job: "the same with encryption: `... \\| age -r KEY > file`",
                pairs: &figures.encrypted,
                bytes,
                goal: "0.98",
            },
            Row {
                job: "restore: `zstd -dc \\| mbstream -x`, prepare, stop, swap, start",
                pairs: &figures.restores,
                bytes,
                goal: "",
            },
        ]));
        let _ = writeln!(text, "\n| what | measured | goal |\n|---|---|---|");
        let mib = |kib: u64| format!("{} MiB", kib >> 10);
        let memory = &figures.memory;
        let halves =
            format!("{} in the first half of a job, {} in the second", mib(memory.first_half), mib(memory.second_half));
        let down = figures.downtimes.iter().copied();
        let _ = writeln!(text, "| memory of the host (most ever resident) | {} | 256 MiB |", mib(memory.peak));
        let _ = writeln!(text, "| memory while streaming (most resident) | {halves} | flat |");
        let _ = writeln!(
            text,
            "| database away during a restore (longest time without a greeting, asked every 10 ms) | median {:.2} s, worst {:.2} s | 5 s |",
            median(down.clone()),
            down.fold(0.0, f64::max),
        );
        for component in &figures.components {
            let (load, instance) = (component.load_us, component.instance_us);
            let _ = writeln!(
                text,
                "| component `{}`: load from the cache, new instance | {load} us, {instance} us | 1000 us |",
                component.name
            );
        }
        if figures.components.is_empty() {
            let _ =
                writeln!(text, "| component: load from the cache, new instance | not said by this build | 1000 us |");
        }
        self.put(SECTIONS[0], text);
    }

    /// Incremental backups.
    pub fn increments(&mut self, figures: &increments::Figures, runs: usize) {
        let mut text = format!(
            "{} Data directory {}, increment {}, {runs} pairs, each on top of the same full backup.\n\n",
            self.measured,
            bytes(figures.data_bytes),
            bytes(figures.stream_bytes)
        );
        text.push_str(&table(&[Row {
            job: "incremental backup: `mariadb-backup --incremental-lsn=LSN --stream=xbstream \\| zstd -3 -T0 > file`",
            pairs: &figures.pairs,
            bytes: figures.stream_bytes,
            goal: "0.98",
        }]));
        self.put(SECTIONS[1], text);
    }

    /// Drills.
    pub fn drills(&mut self, figures: &[drills::Figures], runs: usize) {
        let mut text = format!(
            "{} The same data; medians of {runs} runs. Backups are made as they are by default: tables that nobody writes to are summed up \
             for up to 30 s, and the drill sums them up again. A drill restores into a server of its own, runs `CHECK TABLE ... EXTENDED` on \
             every table and compares.\n\n| method | size | backup, s | drill, s | drill / backup |\n|---|---|---|---|---|\n",
            self.measured
        );
        for figures in figures {
            let backup = median(figures.runs.iter().map(|(backup, _)| *backup));
            let drill = median(figures.runs.iter().map(|(_, drill)| *drill));
            let ratio = median(figures.runs.iter().map(|(backup, drill)| drill / backup));
            let size = bytes(figures.plain_bytes);
            let _ = writeln!(text, "| {} | {size} | {backup:.2} | {drill:.2} | {ratio:.2} |", figures.method);
        }
        self.put(SECTIONS[2], text);
    }

    /// Archiving logs.
    pub fn archive(&mut self, figures: &logs::Figures, runs: usize) {
        let job = "archiving: `mariadb-binlog -R --raw --result-file=DIR/`, then `zstd -3 -T0`";
        let text = format!("{} {}", self.measured, log_table(figures, runs, "", job, ""));
        self.put(SECTIONS[3], text);
    }

    /// Replaying logs.
    pub fn replay(&mut self, figures: &logs::Figures, runs: usize) {
        let how = " By hand they lie there uncompressed and go into a server with the settings and the data of Bulkhead's throw-away server. \
                   Of Bulkhead's restores to a moment the phase `replay` counts.";
        let text = format!(
            "{} {}",
            self.measured,
            log_table(figures, runs, how, "replay: `mariadb-binlog LOGS \\| mariadb`", "0.98")
        );
        self.put(SECTIONS[4], text);
    }

    /// The continuous mode.
    pub fn lag(&mut self, figures: &lag::Figures) {
        let mut text = format!(
            "{} {} sessions commit small transactions as fast as they can (`sync_binlog = 1`, `innodb_flush_log_at_trx_commit = 1`), about \
             {:.0} a second, while their log is archived in segments of {} s. The server is killed (`kill -9`); what counts is the time from \
             the first commit that a client had confirmed and that the archive lacks to the kill.\n\n",
            self.measured,
            lag::SESSIONS,
            figures.rate,
            lag::SEGMENT_SECONDS
        );
        let _ = writeln!(
            text,
            "| kill of the server | kills | without a loss | most commits lost | median, ms | worst, ms | goal, ms |\n|---|---|---|---|---|---|---|"
        );
        for (when, kills) in [
            ("while transactions stream", &figures.streaming),
            ("as one segment ends and the next begins", &figures.changing),
        ] {
            let milliseconds: Vec<f64> = kills.iter().map(|kill| kill.milliseconds).collect();
            let _ = writeln!(
                text,
                "| {when} | {} | {} | {} | {:.1} | {:.1} | 1000 |",
                kills.len(),
                kills.iter().filter(|kill| kill.missing == 0).count(),
                kills.iter().map(|kill| kill.missing).max().unwrap_or(0),
                median(milliseconds.iter().copied()),
                percentile(&milliseconds, 100)
            );
        }
        let _ = writeln!(
            text,
            "\nThe tool by itself, `mariadb-binlog --raw --stop-never` through a link to its standard output: from a commit's confirmation until \
             its last byte was read, {} commits at {:.0} a second (a transaction that is read before the client has its answer counts as 0): \
             median {:.2} ms, p99 {:.2} ms, most {:.2} ms.",
            figures.tool.len(),
            figures.tool_rate,
            median(figures.tool.iter().copied()),
            percentile(&figures.tool, 99),
            percentile(&figures.tool, 100)
        );
        self.put(SECTIONS[5], text);
    }

    /// Buckets.
    pub fn bucket(&mut self, figures: &bucket::Figures, runs: usize) {
        let object = bytes(figures.object_bytes);
        let mut text = format!(
            "{} {runs} pairs each against the same SeaweedFS on the same machine, in parts of {} MiB, {} under way. By hand means, for the \
             object of {object}, `object_store` as it is (native, over its own HTTP client); both sides get and give the bytes through a \
             pipe, and the component has a CRC64NVME checked by the service. `processors` are those of the side itself; of whole backups \
             they include the database server's.\n\n",
            self.measured,
            bucket::PART_MIB,
            bucket::PARALLEL
        );
        let row = |job, pairs, bytes, goal| Row { job, pairs, bytes, goal };
        text.push_str(&table(&[
            row("upload through the component", &figures.puts, figures.object_bytes, "0.95"),
            row("download through the component", &figures.gets, figures.object_bytes, "0.95"),
            row(
                "full backup: `mariadb-backup --stream=xbstream \\| zstd -3 -T0 \\| rclone rcat`",
                &figures.backups,
                figures.stream_bytes,
                "",
            ),
        ]));
        let _ = writeln!(
            text,
            "\n| job | processors by hand, s/GiB | processors component, s/GiB | memory by hand | memory component | goal |\n|---|---|---|---|---|---|"
        );
        #[expect(clippy::cast_precision_loss, reason = "gibibytes for people")]
        let gib = figures.object_bytes as f64 / f64::from(1 << 30);
        for (at, (job, pairs)) in [("upload", &figures.puts), ("download", &figures.gets)].into_iter().enumerate() {
            let used = |side: usize| median(pairs.iter().map(|pair| pair.processors[side] / gib));
            let [native, through] = figures.peak_kib[at].map(|kib| kib >> 10);
            let goal = bucket::PART_MIB * bucket::PARALLEL + 64;
            let (by_hand, component) = (used(0), used(1));
            let _ = writeln!(
                text,
                "| {job} | {by_hand:.2} | {component:.2} | {native} MiB | {through} MiB | {goal} MiB, {} |",
                if through <= goal { "met" } else { "missed" }
            );
        }
        self.put(SECTIONS[6], text);
    }

    /// SurrealDB.
    pub fn surrealdb(&mut self, figures: &surrealdb::Figures, runs: usize) {
        let mut text = format!(
            "{} {} with {} records, {} indexes and {} relations in memory, export {}, {runs} pairs each. By hand the export goes into a file \
             as it is; through Bulkhead it is counted, digested, compressed and kept. Imports, on both sides, begin with the removal of the \
             database; Bulkhead's reads and proves the whole backup before and counts every table afterwards.\n\n",
            self.measured,
            figures.version,
            figures.records,
            surrealdb::INDEXES,
            surrealdb::RELATIONS,
            bytes(figures.export_bytes)
        );
        let row = |job, pairs, goal| Row { job, pairs, bytes: figures.export_bytes, goal };
        text.push_str(&table(&[
            row("backup: `surreal export`", &figures.exports, ""),
            row("restore: `surreal import`", &figures.imports, "3"),
        ]));
        let mib = |kib: u64| kib >> 10;
        let [before, after] = figures.server_kib.map(mib);
        let _ = writeln!(
            text,
            "\nMemory, the most ever resident: host {} MiB; server {before} MiB before the first import, {after} MiB after the last (either side's).",
            mib(figures.memory.peak)
        );
        self.put(SECTIONS[7], text);
    }

    /// Events through a front door.
    pub fn gateway(&mut self, figures: &gateway::Figures) {
        let mut text = format!(
            "{} Medians of {} runs of {} events of {} bytes, `fsync = \"always\"`. Bare: one thread writes the same bytes to a file on the same disk and calls \
             `fdatasync` after each event. Front door: `POST /ingest` over connections that are kept; latency from one client, rate from {} clients with {} events each. The replica \
             takes the events in meanwhile.\n\n| | p50, ms | p99, ms | events/s |\n|---|---|---|---|\n",
            self.measured,
            figures.runs.len(),
            gateway::EVENTS,
            figures.event_bytes,
            gateway::CLIENTS,
            gateway::EVENTS_OF_CLIENT
        );
        let bare = [0, 1].map(|at| figures.of(|run| run.bare.milliseconds[at]));
        let door = [0, 1].map(|at| figures.of(|run| run.door.milliseconds[at]));
        let added = [0, 1].map(|at| figures.of(|run| run.door.milliseconds[at] - run.bare.milliseconds[at]));
        let (bare_rate, door_rate) = (figures.of(|run| run.bare.rate), figures.of(|run| run.door.rate));
        let _ = writeln!(text, "| bare | {:.3} | {:.3} | {bare_rate:.0} |", bare[0], bare[1]);
        let _ = writeln!(text, "| front door | {:.3} | {:.3} | {door_rate:.0} |", door[0], door[1]);
        let _ = writeln!(text, "| added | {:.3} | {:.3} | |", added[0], added[1]);
        let _ = writeln!(text, "\nMemory of the host, the most ever resident: {} MiB.", figures.memory_kib >> 10);
        self.put(SECTIONS[8], text);
    }

    fn put(&mut self, title: &str, text: String) {
        let text = text.trim().to_owned();
        match self.sections.iter_mut().find(|(known, _)| known == title) {
            Some((_, old)) => *old = text,
            None => self.sections.push((title.to_owned(), text)),
        }
    }

    /// The whole page, in Markdown.
    pub fn render(mut self) -> String {
        let place = |title: &str| SECTIONS.iter().position(|known| *known == title);
        self.sections.sort_by_key(|(title, _)| place(title).unwrap_or(SECTIONS.len()));
        let mut page = String::from(
            "# Benchmarks\n\n\
             How to run: `cargo xtask bench` (`--only`, `--bytes`, `--log-bytes`, `--object-bytes`, `--records`, `--runs`, `--kills`, `--dir`, `--print`). It fills a private\n\
             MariaDB, then runs each job by hand and through Bulkhead in turns. A ratio is the median of the pairs' ratios: above 1, Bulkhead is\n\
             faster. Times through Bulkhead run from the request to the API until the job is reported as succeeded: digests, manifest, fsync and\n\
             catalog are part of it. Methods that are measured against a tool run without checksums of tables (`checksum_seconds = 0`): by hand\n\
             there are none.\n\n| | |\n|---|---|\n",
        );
        let server = self.server.take().unwrap_or_else(|| machine::says("mariadbd", &["--version"]));
        let facts = [
            ("machine", machine::describe()),
            ("MariaDB", server),
            ("zstd", machine::says("zstd", &["--version"])),
            ("age", machine::says("age", &["--version"])),
            ("compiler", machine::says("rustc", &["--version"])),
        ];
        for (name, value) in facts {
            let _ = writeln!(page, "| {name} | {value} |");
        }
        for (title, text) in &self.sections {
            let _ = write!(page, "\n## {title}\n\n{text}\n");
        }
        page
    }
}

fn log_table(figures: &logs::Figures, runs: usize, how: &str, job: &str, goal: &str) -> String {
    format!(
        "{} logs of {} together, {} transactions of 20 to 60 rows in the row format, {runs} pairs.{how}\n\n{}",
        figures.logs,
        bytes(figures.log_bytes),
        figures.transactions,
        table(&[Row { job, pairs: &figures.pairs, bytes: figures.log_bytes, goal }])
    )
}

fn table(rows: &[Row<'_>]) -> String {
    let mut table = String::from(
        "| job | by hand, s | Bulkhead, s | Bulkhead, MB/s | ratio | goal | processors by hand, s | processors Bulkhead, s |\n|---|---|---|---|---|---|---|---|\n",
    );
    for Row { job, pairs, bytes, goal } in rows {
        let by_hand = median(pairs.iter().map(|pair| pair.by_hand));
        let bulkhead = median(pairs.iter().map(|pair| pair.bulkhead));
        let ratio = median(pairs.iter().map(Pair::ratio));
        #[expect(clippy::cast_precision_loss, reason = "megabytes a second for people")]
        let rate = *bytes as f64 / 1e6 / bulkhead;
        let used = |side: usize| median(pairs.iter().map(|pair| pair.processors[side]));
        let processors = if used(1) > 0.0 { format!("{:.2} | {:.2}", used(0), used(1)) } else { "| ".to_owned() };
        let verdict = match goal.parse::<f64>() {
            Ok(wanted) if ratio < wanted => format!("{goal}, missed"),
            Ok(_) => format!("{goal}, met"),
            Err(_) => String::new(),
        };
        let _ = writeln!(
            table,
            "| {job} | {by_hand:.2} | {bulkhead:.2} | {rate:.0} | {ratio:.3} | {verdict} | {processors} |"
        );
    }
    table
}
