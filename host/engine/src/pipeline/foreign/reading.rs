//! One reading of a file, from its stored bytes to what a method takes.

use std::io::{self, Read, Write};

use bulkhead_model::{Failure, Result};

use super::Expected;
use super::archive::{self, Goal};
use super::dump::{self, Dumped};
use super::inventory::{CopiedFiles, Inventory, Room};
use super::key::EncryptionKey;
use super::layers::{self, Content};
use super::packed;
use super::xbstream::{self, Packing};

/// What a file was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A backup by `mariadb-backup`.
    Files(CopiedFiles),
    /// A backup by `mariadb-dump`.
    Dump(Dumped),
}

/// What is made of a file while it is read.
pub(super) enum Purpose<'p, W> {
    /// Nothing: to find out what it is.
    Examine,
    /// What the method takes, of what an earlier reading has found.
    Decode(&'p Found, W),
}

/// Reads a file to its end.
///
/// # Errors
/// `denied` without the right key; `invalid` for a file of the other method; `unsupported` for what is not restored; `corrupt` for
/// damage.
pub(super) fn read<W: Write>(
    input: impl Read,
    expected: Expected,
    key: Option<&EncryptionKey>,
    room: Room,
    purpose: Purpose<'_, W>,
) -> Result<(Found, Vec<&'static str>)> {
    let opened = layers::open(input, key)?;
    let mut layers = opened.layers;
    let found = match (expected, opened.content) {
        (Expected::Dump, Content::Sql) => Found::Dump(match purpose {
            Purpose::Examine => dump::pass(opened.reader, io::sink(), room)?,
            Purpose::Decode(_, output) => dump::pass(opened.reader, output, room)?,
        }),
        (Expected::Files, Content::Xbstream) => {
            let mut inventory = Inventory::new(room);
            match purpose {
                Purpose::Examine => xbstream::pass(opened.reader, io::sink(), &mut inventory)?,
                Purpose::Decode(_, output) => xbstream::pass(opened.reader, output, &mut inventory)?,
            }
            let files = inventory.conclude()?;
            if !files.root.is_empty() {
                return Err(Failure::unsupported(format!("its stream holds a backup in the folder `{}`", files.root))
                    .with_hint(
                        "make the stream with `mariadb-backup --stream=xbstream`, or pack the folder with tar",
                    ));
            }
            Found::Files(files)
        }
        (Expected::Files, Content::Tar) => {
            let mut inventory = Inventory::new(room);
            let mut goal = match purpose {
                Purpose::Decode(Found::Files(files), output) => {
                    Goal::Stream { root: files.root.clone(), stream: Packing(output) }
                }
                _ => Goal::Nowhere,
            };
            archive::pass(opened.reader, &mut goal, &mut inventory)?;
            Found::Files(inventory.conclude()?)
        }
        (Expected::Files, Content::Sql) => return Err(wrong_method("SQL", "mysqldump")),
        (Expected::Dump, Content::Tar) => {
            let (dumped, inner) = match purpose {
                Purpose::Examine => packed::pass(opened.reader, key, io::sink(), room)?,
                Purpose::Decode(_, output) => packed::pass(opened.reader, key, output, room)?,
            };
            layers.push("tar");
            layers.extend(inner);
            Found::Dump(dumped)
        }
        (Expected::Dump, Content::Xbstream) => return Err(wrong_method("a stream of mariadb-backup", "mariabackup")),
    };
    Ok((found, layers))
}

pub(super) fn wrong_method(what: &str, method: &str) -> Failure {
    Failure::invalid(format!("it is {what}")).with_hint(format!("send \"method\": \"{method}\""))
}
