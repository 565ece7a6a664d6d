//! The values that arguments may have.

use std::path::{Component, Path, PathBuf};

/// The real directories behind the places that plugins name.
#[derive(Clone, Debug, Default)]
pub(in crate::tools) struct Places {
    pub(in crate::tools) scratch: PathBuf,
    pub(in crate::tools) staging: Option<PathBuf>,
    pub(in crate::tools) increment: Option<PathBuf>,
    pub(in crate::tools) data: Option<PathBuf>,
}

/// A place as plugins name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Scratch,
    Staging,
    Increment,
    /// Itself only: nothing below it is named one by one.
    Data,
}

/// A typed value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// A decimal number, inclusive bounds.
    Number(u64, u64),
    /// A number of bytes, with an optional K, M or G.
    Size,
    /// A path at or below one of these places.
    Path(&'static [Place]),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Some of these words, with commas between.
    ListOf(&'static [&'static str]),
    /// `SET SESSION a=0, b=0` made of these assignments.
    SessionSettings(&'static [&'static str]),
    /// The name of a database or table.
    Identifier,
    /// Names of databases with single spaces between.
    Identifiers,
    /// `database.table`
    Table,
    /// A byte position in a log, or a GTID list (`0-1-15,1-1-3`).
    Position,
    /// `2026-11-20 00:00:00[.000000]`, UTC as tools run under `TZ=UTC`.
    Datetime,
    /// The name of a binary log on the server (`binlog.000001`), or a copy of one below `/scratch`.
    Log,
}

impl Value {
    /// The value as the tool gets it.
    pub(super) fn admit(&self, text: &str, places: &Places) -> Result<String, &'static str> {
        let good = match self {
            Self::Number(least, most) => {
                let number = number(text).ok_or("its value is no number")?;
                if !(*least..=*most).contains(&number) {
                    return Err("its value is out of range");
                }
                true
            }
            Self::Size => number(text.strip_suffix(['K', 'M', 'G']).unwrap_or(text)).is_some_and(|size| size > 0),
            Self::Path(allowed) => return path(text, allowed, places),
            Self::OneOf(words) => words.contains(&text),
            Self::ListOf(words) => text.split(',').all(|word| words.contains(&word)),
            Self::SessionSettings(settings) => text
                .strip_prefix("SET SESSION ")
                .is_some_and(|list| list.split(", ").all(|setting| settings.contains(&setting))),
            Self::Identifier => is_identifier(text),
            Self::Identifiers => text.split(' ').all(is_plain_identifier),
            Self::Table => {
                text.split_once('.').is_some_and(|(database, table)| is_identifier(database) && is_identifier(table))
            }
            Self::Position => number(text).is_some_and(|at| at >= 4) || is_gtid_list(text),
            Self::Datetime => is_datetime(text),
            Self::Log if text.starts_with('/') => return path(text, &[Place::Scratch], places),
            Self::Log => is_log_name(text),
        };
        if good { Ok(text.to_owned()) } else { Err("its value is not of the kind that is allowed") }
    }
}

fn number(text: &str) -> Option<u64> {
    // `parse` alone would take a leading `+`.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Backslash and slash cannot be told from escapes and directories by the tools that turn names into paths.
fn is_identifier(text: &str) -> bool {
    (1..=64).contains(&text.chars().count())
        && !text.starts_with('-')
        && !text.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | '.' | ';'))
}

fn is_plain_identifier(text: &str) -> bool {
    is_identifier(text) && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))
}

fn is_gtid_list(text: &str) -> bool {
    text.split(',').all(|gtid| {
        let parts: Vec<_> = gtid.split('-').collect();
        matches!(parts.as_slice(), [domain, server, sequence]
            if [domain, server].iter().all(|id| number(id).is_some_and(|id| u32::try_from(id).is_ok()))
                && number(sequence).is_some())
    })
}

fn is_datetime(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let pattern = b"0000-00-00 00:00:00";
    whole.len() == pattern.len()
        && whole
            .bytes()
            .zip(pattern)
            .all(|(byte, like)| if *like == b'0' { byte.is_ascii_digit() } else { byte == *like })
        && (1..=6).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_log_name(text: &str) -> bool {
    text.rsplit_once('.').is_some_and(|(base, index)| {
        index.len() >= 6
            && number(index).is_some()
            && !base.is_empty()
            && base.starts_with(|c: char| c.is_ascii_alphanumeric())
            && base.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    })
}

/// Puts the real directory in front. Nothing on the way may be a symbolic link: the plugin could have made it, and a tool
/// would follow it out of the place.
fn path(text: &str, allowed: &[Place], places: &Places) -> Result<String, &'static str> {
    let path = Path::new(text);
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err("its path is not below a place that tools see");
    }
    let place = match components.next() {
        Some(Component::Normal(name)) if name == "scratch" => Place::Scratch,
        Some(Component::Normal(name)) if name == "staging" => Place::Staging,
        Some(Component::Normal(name)) if name == "increment" => Place::Increment,
        Some(Component::Normal(name)) if name == "data" => Place::Data,
        _ => return Err("its path is not below a place that tools see (/scratch, /staging, /increment, /data)"),
    };
    if !allowed.contains(&place) {
        return Err("its path is in a place that is not meant for it");
    }
    // `components` skips `.` and doubled slashes; here they are signs of somebody trying.
    if text.split('/').skip(1).enumerate().any(|(at, part)| match part {
        "" => at + 1 != text.split('/').count() - 1,
        "." | ".." => true,
        _ => false,
    }) {
        return Err("its path holds `.`, `..` or an empty part");
    }
    let root = match place {
        Place::Scratch => Some(&places.scratch),
        Place::Staging => places.staging.as_ref(),
        Place::Increment => places.increment.as_ref(),
        Place::Data => places.data.as_ref(),
    }
    .ok_or("the attempt has no such place")?;
    if place == Place::Data && components.clone().next().is_some() {
        return Err("below /data nothing can be named");
    }
    let mut real = root.clone();
    for component in components {
        real.push(component);
        if real.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink()) {
            return Err("its path leads through a symbolic link");
        }
    }
    let mut real = real.into_os_string().into_string().map_err(|_| "its real path is not UTF-8")?;
    if text.ends_with('/') {
        real.push('/');
    }
    Ok(real)
}
