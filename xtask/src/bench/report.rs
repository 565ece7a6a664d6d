//! The figures as a page.

use std::fmt::Write as _;

use bulkhead_test_support::Result;

use super::measure::Pair;
use super::{Figures, machine};
use crate::terminal::bytes;

/// The whole page, in Markdown.
pub fn render(figures: &Figures, runs: usize, server: &str) -> Result<String> {
    let mut page = String::from("# Benchmarks\n\n");
    let size = bytes(figures.data_bytes);
    let _ = writeln!(
        page,
        "How to run: `cargo xtask bench` (`--bytes`, `--runs`, `--dir`, `--print`). It fills a private MariaDB, then runs each job by hand and through\n\
         Bulkhead in turns, {runs} times each. A ratio is the median of the pairs' ratios: above 1, Bulkhead is faster. Times through Bulkhead run from\n\
         the request to the API until the job is reported as succeeded: digests, manifest, fsync and catalog are part of it.\n"
    );
    let _ = writeln!(page, "| | |\n|---|---|");
    let facts = [
        ("date", machine::says("date", &["-u", "+%F"])),
        ("revision", machine::says("git", &["rev-parse", "--short=12", "HEAD"])),
        ("machine", machine::describe()),
        ("MariaDB", server.to_owned()),
        ("zstd", machine::says("zstd", &["--version"])),
        ("age", machine::says("age", &["--version"])),
        ("compiler", machine::says("rustc", &["--version"])),
        ("data directory", size),
        ("stream", bytes(figures.stream_bytes)),
    ];
    for (name, value) in facts {
        let _ = writeln!(page, "| {name} | {value} |");
    }
    let _ = writeln!(
        page,
        "\n| job | by hand, s | Bulkhead, s | Bulkhead, MB/s | ratio | goal |\n|---|---|---|---|---|---|"
    );
    let rows = [
        ("full backup: `mariadb-backup --stream=xbstream \\| zstd -3 -T0 > file`", &figures.plain, "0.98"),
        ("the same with encryption: `... \\| age -r KEY > file`", &figures.encrypted, "0.98"),
        ("restore: `zstd -dc \\| mbstream -x`, prepare, stop, swap, start", &figures.restores, ""),
    ];
    for (job, pairs, goal) in rows {
        let by_hand = median(pairs.iter().map(|pair| pair.by_hand));
        let bulkhead = median(pairs.iter().map(|pair| pair.bulkhead));
        let ratio = median(pairs.iter().map(|pair: &Pair| pair.by_hand / pair.bulkhead));
        #[expect(clippy::cast_precision_loss, reason = "megabytes a second for people")]
        let rate = figures.stream_bytes as f64 / 1e6 / bulkhead;
        let _ = writeln!(page, "| {job} | {by_hand:.2} | {bulkhead:.2} | {rate:.0} | {ratio:.3} | {goal} |");
    }
    let _ = writeln!(page, "\n| what | measured | goal |\n|---|---|---|");
    let mib = |kib: u64| format!("{} MiB", kib >> 10);
    let memory = &figures.memory;
    let halves =
        format!("{} in the first half of a job, {} in the second", mib(memory.first_half), mib(memory.second_half));
    let down = figures.downtimes.iter().copied();
    let _ = writeln!(page, "| memory of the host (most ever resident) | {} | 256 MiB |", mib(memory.peak));
    let _ = writeln!(page, "| memory while streaming (most resident) | {halves} | flat |");
    let _ = writeln!(
        page,
        "| database away during a restore (longest time without a greeting, asked every 10 ms) | median {:.2} s, worst {:.2} s | 5 s |",
        median(down.clone()),
        down.fold(0.0, f64::max),
    );
    for component in &figures.components {
        let (load, instance) = (component.load_us, component.instance_us);
        let _ = writeln!(
            page,
            "| component `{}`: load from the cache, new instance | {load} us, {instance} us | 1000 us |",
            component.name
        );
    }
    if figures.components.is_empty() {
        let _ = writeln!(page, "| component: load from the cache, new instance | not said by this build | 1000 us |");
    }
    Ok(page)
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[odd / 2],
        even => f64::midpoint(values[even / 2 - 1], values[even / 2]),
    }
}
