//! What a tool may be asked to do: per tool an allow-list of argument shapes with typed values. Everything else is refused
//! before anything runs. Names are compared whole: the option parsers of these tools also take abbreviations, the policy does not.

mod mariadb;
mod mariadb_backup;
mod mariadb_binlog;
mod mariadb_dump;
mod mbstream;
mod value;

use bulkhead_model::{Failure, Result};

pub(super) use value::Places;
use value::Value;

/// Bytes of all arguments together; far above what a real call needs.
const MAX_BYTES: usize = 128 * 1024;

/// Options that name the connection, which is the host's affair.
const CONNECTION_OPTIONS: [&str; 12] = [
    "--host",
    "--port",
    "--socket",
    "--user",
    "--password",
    "--protocol",
    "--ssl",
    "--defaults-file",
    "-h",
    "-P",
    "-u",
    "-p",
];

/// One argument, or one pair of arguments, that a tool takes.
enum Shape {
    /// `--name`
    Flag(&'static str),
    /// `--name=value`, at most once
    Equals(&'static str, Value),
    /// `--name=value`, as often as wanted
    Many(&'static str, Value),
    /// `-n value`, in two arguments
    Follows(&'static str, Value),
    /// A bare word; the name is for [`Seen`].
    Operand(&'static str, Value),
}

/// A tool's policy.
pub(super) struct Policy {
    /// The tool's name.
    pub(super) tool: &'static str,
    shapes: &'static [Shape],
    /// Judges the arguments together, after each was found good by itself.
    conclude: fn(&Seen) -> Result<Terms, &'static str>,
}

/// Arguments by the names of their shapes, as the plugin wrote them.
#[derive(Default)]
struct Seen(Vec<(&'static str, String)>);

impl Seen {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(seen, _)| *seen == name)
    }

    fn count(&self, name: &str) -> usize {
        self.0.iter().filter(|(seen, _)| *seen == name).count()
    }
}

/// What the host adds to a run and asks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The section of the defaults file, for a tool that connects to the server.
    pub(super) connects: Option<&'static str>,
    /// Whether `--no-defaults` goes first when the tool does not connect.
    pub(super) no_defaults: bool,
    /// Whether the tool goes by the settings that lie with the backup in `--target-dir`.
    pub(super) settings_of_backup: bool,
    /// Whether the one log that is named goes to standard output, where the tool itself knows only files.
    pub(super) raw_to_stdout: bool,
    /// Whether the tool reads the live data directory.
    pub(super) reads_data: bool,
    /// Whether the tool reads its standard input; others are not given any.
    pub(super) reads_stdin: bool,
    /// Arguments that the host puts in front.
    pub(super) host_arguments: &'static [&'static str],
    /// What makes the run a success.
    pub(super) success: Success,
}

/// What makes a run a success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Success {
    /// Nothing is asked; for `--version`, where tools disagree on the exit code.
    Any,
    /// Exit code 0.
    Code,
    /// Exit code 0, and nothing on standard error.
    Silence,
    /// Exit code 0, and this text ends the last line of standard error.
    StderrEnds(&'static str),
    /// Exit code 0, and the last line of standard output begins so.
    StdoutEnds(&'static str),
}

/// Arguments that passed.
#[derive(Debug)]
pub(super) struct Admitted {
    /// With real paths.
    pub(super) arguments: Vec<String>,
    pub(super) terms: Terms,
}

/// The policy of a tool.
///
/// # Errors
/// `unsupported` for a name that has none.
pub(super) fn of(tool: &str) -> Result<&'static Policy> {
    let policies =
        [&mariadb_backup::POLICY, &mbstream::POLICY, &mariadb_dump::POLICY, &mariadb::POLICY, &mariadb_binlog::POLICY];
    policies.into_iter().find(|policy| policy.tool == tool).ok_or_else(|| {
        let known: Vec<_> = policies.iter().map(|policy| policy.tool).collect();
        Failure::unsupported(format!("no tool `{}` is known", shown(tool)))
            .with_hint(format!("tools are: {}", known.join(", ")))
    })
}

impl Policy {
    /// Checks all arguments and puts real paths in the place of `/scratch`, `/staging` and `/data`.
    ///
    /// # Errors
    /// `denied`, naming tool and argument; never more of an option than its name.
    pub(super) fn admit(&self, arguments: &[String], places: &Places) -> Result<Admitted> {
        if arguments.iter().map(|argument| argument.len() + 1).sum::<usize>() > MAX_BYTES {
            return Err(Failure::denied(format!("{}: the arguments are longer than {MAX_BYTES} bytes", self.tool)));
        }
        let mut seen = Seen::default();
        let mut admitted = Vec::with_capacity(arguments.len());
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let refuse = |reason: &str| self.refuse(argument, reason);
            plain(argument).map_err(refuse)?;
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if argument.starts_with('-') => (name, Some(value)),
                _ => (argument.as_str(), None),
            };
            let shape = self.shape(name, value).ok_or_else(|| refuse(unknown(name)))?;
            match (shape, value) {
                (Shape::Flag(name), _) => {
                    seen.0.push((name, String::new()));
                    admitted.push(argument.clone());
                }
                (Shape::Equals(name, kind) | Shape::Many(name, kind), Some(value)) => {
                    if matches!(shape, Shape::Equals(..)) && seen.has(name) {
                        return Err(refuse("it is given twice"));
                    }
                    admitted.push(format!("{name}={}", kind.admit(value, places).map_err(refuse)?));
                    seen.0.push((name, value.to_owned()));
                }
                (Shape::Follows(name, kind), _) => {
                    let value = rest.next().ok_or_else(|| refuse("its value is missing"))?;
                    plain(value).map_err(refuse)?;
                    admitted.push(argument.clone());
                    admitted.push(kind.admit(value, places).map_err(refuse)?);
                    seen.0.push((name, value.clone()));
                }
                (Shape::Operand(name, kind), _) => {
                    admitted.push(kind.admit(argument, places).map_err(refuse)?);
                    seen.0.push((name, argument.clone()));
                }
                (Shape::Equals(..) | Shape::Many(..), None) => return Err(refuse("its value is missing")),
            }
        }
        let terms = (self.conclude)(&seen).map_err(|reason| Failure::denied(format!("{}: {reason}", self.tool)))?;
        Ok(Admitted { arguments: admitted, terms })
    }

    fn shape(&self, name: &str, value: Option<&str>) -> Option<&'static Shape> {
        self.shapes.iter().find(|shape| match shape {
            Shape::Flag(known) | Shape::Follows(known, _) => value.is_none() && *known == name,
            Shape::Equals(known, _) | Shape::Many(known, _) => *known == name,
            Shape::Operand(..) => !name.starts_with('-'),
        })
    }

    fn refuse(&self, argument: &str, reason: &str) -> Failure {
        // Never a value: it may be a password, also glued to a short option.
        let name = match argument.split_once('=') {
            Some((name, _)) if argument.starts_with("--") => name,
            _ if argument.starts_with('-') && !argument.starts_with("--") => {
                &argument[..argument.char_indices().nth(2).map_or(argument.len(), |(at, _)| at)]
            }
            _ => argument,
        };
        Failure::denied(format!("{} may not be given `{}`: {reason}", self.tool, shown(name)))
    }
}

/// Refuses what no argument of any tool needs, before anything looks closer.
fn plain(argument: &str) -> Result<(), &'static str> {
    if argument.is_empty() {
        Err("it is empty")
    } else if argument.chars().any(char::is_control) {
        Err("it holds a control character")
    } else if argument.contains(';') {
        Err("it holds a semicolon")
    } else {
        Ok(())
    }
}

fn unknown(name: &str) -> &'static str {
    if CONNECTION_OPTIONS.iter().any(|option| name.starts_with(option) && (option.len() > 2 || !name.starts_with("--")))
    {
        "connection and credentials are the host's affair"
    } else if name.starts_with('-') {
        "no such option is allowed; options are written in full"
    } else {
        "no such word is allowed"
    }
}

/// A text from outside, fit for a message.
fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    if text.chars().nth(80).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests;
