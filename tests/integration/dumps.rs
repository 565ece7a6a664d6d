//! What a dump brings back, what it says that it lacks, and what it is a base for.

mod accounts;
mod admission;
mod bases;
mod broken;
mod comments;
mod parts;
