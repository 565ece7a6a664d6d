//! Output a person enjoys reading on a terminal, and a log can keep.

use std::env;
use std::io::{IsTerminal, Write, stdout};
use std::sync::OnceLock;
use std::time::Duration;

/// Whether colours and bars make sense.
pub fn fancy() -> bool {
    static FANCY: OnceLock<bool> = OnceLock::new();
    *FANCY.get_or_init(|| stdout().is_terminal() && env::var_os("NO_COLOR").is_none() && env::var_os("CI").is_none())
}

fn paint(code: &str, text: &str) -> String {
    if fancy() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Good.
pub fn green(text: &str) -> String {
    paint("32", text)
}

/// Bad.
pub fn red(text: &str) -> String {
    paint("1;31", text)
}

/// Worth a look.
pub fn yellow(text: &str) -> String {
    paint("33", text)
}

/// Important.
pub fn bold(text: &str) -> String {
    paint("1", text)
}

/// Beside the point.
pub fn dim(text: &str) -> String {
    paint("2", text)
}

/// The start of a step.
pub fn step(title: &str) {
    println!("\n{} {}", paint("1;36", "==>"), bold(title));
}

/// A line under a step.
pub fn note(text: &str) {
    println!("    {text}");
}

/// A line under a step that ends it.
pub fn done(text: &str, took: Duration) {
    println!("  {} {text} {}", green("✓"), dim(&format!("({})", seconds(took))));
}

/// `1.3 s`, `2 min 05 s`.
pub fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// `12.3 MB`.
pub fn bytes(count: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let count = count as f64;
    match count {
        ..1e3 => format!("{count} B"),
        ..1e6 => format!("{:.1} kB", count / 1e3),
        ..1e9 => format!("{:.1} MB", count / 1e6),
        _ => format!("{:.2} GB", count / 1e9),
    }
}

/// One line that is drawn over itself; without a terminal it says each phase once.
#[derive(Default)]
pub struct Bar {
    phase: String,
    drawn: bool,
}

impl Bar {
    /// Shows a phase, how far it is (if that is known) and what else is worth saying.
    pub fn show(&mut self, phase: &str, ratio: Option<f64>, rest: &str) {
        let changed = self.phase != phase;
        phase.clone_into(&mut self.phase);
        if !fancy() {
            if changed {
                println!("    {phase}");
            }
            return;
        }
        let width = 30_usize;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0 to 30"
        )]
        let full = ratio.map(|ratio| (ratio.clamp(0.0, 1.0) * width as f64) as usize);
        let bar = full.map_or_else(|| "·".repeat(width), |full| "█".repeat(full) + &"░".repeat(width - full));
        print!("\r\x1b[2K    {} {phase:<12} {}", paint("36", &bar), dim(rest));
        // A terminal that went away is no reason to stop.
        let _ = stdout().flush();
        self.drawn = true;
    }

    /// Takes the bar away.
    pub fn clear(&mut self) {
        if self.drawn {
            print!("\r\x1b[2K");
            let _ = stdout().flush();
        }
        self.drawn = false;
    }
}
