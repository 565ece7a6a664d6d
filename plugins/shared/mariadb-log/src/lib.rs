//! Reads MariaDB binary logs event by event.
