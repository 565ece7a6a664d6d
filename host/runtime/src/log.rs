//! What a plugin says, with a cap: a flood costs counting, not memory or disk.

use std::sync::{Arc, Mutex, PoisonError};

use crate::call::limit_hit;
use crate::limits::Limits;
use crate::{Level, Observer};

/// Longer lines are cut.
const LINE_BYTES: usize = 8 << 10;

/// Of each of a trapped plugin's last lines.
const LAST_WORDS_BYTES: usize = 400;

/// The log of one call. Says at its end how many lines it dropped.
pub(crate) struct CallLog {
    plugin: String,
    observer: Option<Arc<dyn Observer>>,
    kept: Mutex<Kept>,
}

struct Kept {
    lines_left: u32,
    bytes_left: usize,
    dropped: u64,
    last_words: [String; 2],
}

impl CallLog {
    /// Lines go to `observer`, or to the host's own log when there is none.
    pub(crate) fn new(plugin: &str, observer: Option<Arc<dyn Observer>>, limits: &Limits) -> Self {
        let (lines_left, bytes_left) = (limits.log_lines, limits.log_bytes);
        let kept = Kept { lines_left, bytes_left, dropped: 0, last_words: Default::default() };
        Self { plugin: plugin.to_owned(), observer, kept: Mutex::new(kept) }
    }

    /// Keeps or counts a line.
    pub(crate) fn write(&self, level: Level, message: &str, fields: &[(String, String)]) {
        let message = cut(message, LINE_BYTES);
        let bytes = message.len() + fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.lines_left == 0 || kept.bytes_left < bytes {
                kept.dropped += 1;
                return;
            }
            kept.lines_left -= 1;
            kept.bytes_left -= bytes;
        }
        self.emit(level, message, fields);
    }

    /// Keeps or counts a line that the plugin wrote to its standard output or error.
    pub(crate) fn stdio(&self, line: &str) {
        let words = line.trim();
        if words.is_empty() {
            return;
        }
        if !words.starts_with("note: ") {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.last_words.rotate_left(1);
            cut(words, LAST_WORDS_BYTES).clone_into(&mut kept.last_words[1]);
        }
        self.write(Level::Info, line, &[]);
    }

    /// The last two lines that the plugin wrote to its standard output or error: place and message of a panic, after a trap.
    pub(crate) fn last_words(&self) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let words = kept.last_words.join(" ");
        (!words.trim().is_empty()).then(|| words.trim().to_owned())
    }

    fn emit(&self, level: Level, message: &str, fields: &[(String, String)]) {
        if let Some(observer) = &self.observer {
            observer.log(level, message, fields);
            return;
        }
        let plugin = &self.plugin;
        match level {
            Level::Debug => tracing::debug!(plugin, ?fields, "{message}"),
            Level::Info => tracing::info!(plugin, ?fields, "{message}"),
            Level::Warn => tracing::warn!(plugin, ?fields, "{message}"),
            Level::Error => tracing::error!(plugin, ?fields, "{message}"),
        }
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        let dropped = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner).dropped;
        if dropped > 0 {
            limit_hit(&self.plugin, "log");
            self.emit(Level::Warn, &format!("{dropped} log lines of the plugin dropped, over its cap"), &[]);
        }
    }
}

/// The longest start of `text` that has at most `bytes` bytes and ends between characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
