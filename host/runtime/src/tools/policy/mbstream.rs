//! `mbstream`: unpacks what `mariadb-backup` streams.

use super::value::Place::{Increment, Scratch, Staging};
use super::value::Value::{Number, Path};
use super::{Policy, Seen, Shape, Success, Terms};

pub(super) static POLICY: Policy = Policy {
    tool: "mbstream",
    shapes: &[
        Shape::Flag("-x"),
        Shape::Flag("--extract"),
        Shape::Follows("-C", Path(&[Scratch, Staging, Increment])),
        Shape::Equals("--directory", Path(&[Scratch, Staging, Increment])),
        Shape::Equals("--parallel", Number(1, 256)),
    ],
    conclude,
};

fn conclude(seen: &Seen) -> Result<Terms, &'static str> {
    if !(seen.has("-x") || seen.has("--extract")) {
        return Err("it only unpacks: `-x` has to be given");
    }
    if !(seen.has("-C") || seen.has("--directory")) {
        return Err("`-C` has to name a directory");
    }
    // The one tool here that reads no option files.
    Ok(Terms {
        connects: None,
        no_defaults: false,
        settings_of_backup: false,
        raw_to_stdout: false,
        reads_data: false,
        reads_stdin: true,
        host_arguments: &[],
        // When it cannot create a file, it says so, goes on, and ends with exit code 0 (seen with 10.11.19).
        success: Success::Silence,
    })
}
