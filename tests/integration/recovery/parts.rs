//! One database or table out of a backup, beside what is there.
