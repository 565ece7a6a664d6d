//! What fails leaves no backup that cannot be restored, no database in between, nothing behind, and says why.

mod disks;
mod stops;
mod tools;
