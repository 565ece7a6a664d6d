//! What a plugin says, with a cap: a flood costs counting, not memory or disk.

use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::Limits;
use crate::{Level, Observer};

/// Longer lines are cut.
const LINE_BYTES: usize = 8 << 10;

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
    last_words: String,
}

impl CallLog {
    /// Lines go to `observer`, or to the host's own log when there is none.
    pub(crate) fn new(plugin: &str, observer: Option<Arc<dyn Observer>>, limits: &Limits) -> Self {
        let (lines_left, bytes_left) = (limits.log_lines, limits.log_bytes);
        let kept = Kept { lines_left, bytes_left, dropped: 0, last_words: String::new() };
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
        if line.trim().is_empty() {
            return;
        }
        cut(line.trim(), 400).clone_into(&mut self.kept.lock().unwrap_or_else(PoisonError::into_inner).last_words);
        self.write(Level::Info, line, &[]);
    }

    /// The last line that the plugin wrote to its standard output or error: a panic's message, after a trap.
    pub(crate) fn last_words(&self) -> Option<String> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        (!kept.last_words.is_empty()).then(|| kept.last_words.clone())
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
            self.emit(Level::Warn, &format!("{dropped} log lines of the plugin dropped, over its cap"), &[]);
        }
    }
}

/// The longest start of `text` that has at most `bytes` bytes and ends between characters.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
