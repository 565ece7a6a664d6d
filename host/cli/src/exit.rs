//! How a command ends badly: what is printed, and the exit code.

use std::fmt;
use std::process::ExitCode;

use bulkhead_model::{Failure, FailureKind};
use serde_json::{Value, json};

use crate::config::error::ConfigErrors;
use crate::paint::{Colour, Stream, harmless, paint};

/// What kind of end; its number is the exit code, listed in `docs/cli.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// The operation failed.
    Failed = 1,
    /// The command, a field or the configuration is wrong.
    Usage = 2,
    /// What was named does not exist.
    NotFound = 3,
    /// The token is missing, wrong or not enough.
    Denied = 4,
    /// The host does not answer, or cannot work now.
    Unreachable = 5,
    /// What was waited for goes on; the wait has ended.
    Unfinished = 6,
}

/// Why a command ended badly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    kind: ExitKind,
    detail: String,
    hint: Option<String>,
    /// The host's own words, for `--json`.
    document: Option<Value>,
}

impl Exit {
    /// An end without hint.
    pub fn new(kind: ExitKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), hint: None, document: None }
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same end, of a step of something greater.
    #[must_use]
    pub fn context(mut self, what: &str) -> Self {
        self.detail = format!("{what}: {}", self.detail);
        self
    }

    /// What kind of end.
    pub fn kind(&self) -> ExitKind {
        self.kind
    }

    /// From a problem document of the host.
    pub fn from_problem(status: u16, document: Value) -> Self {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let kind = match status {
            401 | 403 => ExitKind::Denied,
            404 if text("code").as_deref() != Some("no-route") => ExitKind::NotFound,
            400..=408 | 413 | 415 | 422 => ExitKind::Usage,
            429 | 503 => ExitKind::Unreachable,
            _ => ExitKind::Failed,
        };
        let detail = text("detail").unwrap_or_else(|| format!("the host answered with status {status}"));
        Self { kind, detail, hint: text("hint"), document: Some(document) }
    }

    /// Prints it to standard error and gives the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        if json {
            let made = || json!({ "detail": self.detail, "hint": self.hint, "exit_code": self.kind as u8 });
            eprintln!("{}", self.document.clone().unwrap_or_else(made));
        } else {
            let error = paint("error:", Colour::Bad, Stream::Err);
            let text = self.to_string();
            eprintln!("{error}{}", harmless(text.strip_prefix("error:").unwrap_or(&text)));
        }
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.detail)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Invalid | FailureKind::Unsupported => ExitKind::Usage,
            FailureKind::Denied => ExitKind::Denied,
            FailureKind::NotFound => ExitKind::NotFound,
            FailureKind::Unavailable => ExitKind::Unreachable,
            _ => ExitKind::Failed,
        };
        Self { kind, detail: failure.message, hint: failure.hint, document: None }
    }
}

impl From<ConfigErrors> for Exit {
    fn from(errors: ConfigErrors) -> Self {
        let count = errors.0.len();
        let detail = match count {
            1 => errors.to_string(),
            _ => format!("the configuration has {count} errors\n{errors}"),
        };
        Self::new(ExitKind::Usage, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_become_exit_codes() {
        let table = [
            (400, ExitKind::Usage),
            (401, ExitKind::Denied),
            (403, ExitKind::Denied),
            (404, ExitKind::NotFound),
            (409, ExitKind::Failed),
            (422, ExitKind::Usage),
            (500, ExitKind::Failed),
            (503, ExitKind::Unreachable),
        ];
        for (status, kind) in table {
            assert_eq!(Exit::from_problem(status, Value::Null).kind(), kind, "{status}");
        }
        let document = json!({ "detail": "there is no backup `x`", "hint": "list them", "code": "not-found" });
        let exit = Exit::from_problem(404, document);
        assert_eq!(exit.to_string(), "error: there is no backup `x`\nhint: list them");
        let wrong_address = Exit::from_problem(404, json!({ "code": "no-route" }));
        assert_eq!(wrong_address.kind(), ExitKind::Usage);
    }

    #[test]
    fn every_exit_code_is_documented() {
        let document = include_str!("../../../docs/cli.md");
        let kinds = [
            ExitKind::Failed,
            ExitKind::Usage,
            ExitKind::NotFound,
            ExitKind::Denied,
            ExitKind::Unreachable,
            ExitKind::Unfinished,
        ];
        for kind in kinds {
            assert!(document.contains(&format!("\n| {} | ", kind as u8)), "{kind:?}");
        }
    }
}
