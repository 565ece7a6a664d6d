//! Splits SurrealQL text into statements, and writes names and strings into it. No I/O.
//!
//! The text is not parsed: what is told apart is what can hide a semicolon, that is strings, quoted names, comments, regular
//! expressions, bodies in JavaScript and brackets, the way the servers' lexers (2.x and 3.x) tell them apart. So any text that a server
//! takes is split where the server splits it; of a text that no server takes, the statements may be anything.
#![warn(missing_docs)]

mod items;
mod position;
mod quote;
mod scanner;
mod shallow;
mod splitter;
mod word;

pub use items::{Item, Items, Kind, TooLong};
pub use position::{Open, Position, Unfinished};
pub use quote::{ident, string, unquote};
pub use shallow::{Shallow, shallow};
pub use splitter::{Splitter, Statement, statements};
