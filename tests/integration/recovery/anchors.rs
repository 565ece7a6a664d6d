//! How others lost data, or said that they had not: each case that can happen to MariaDB is made to happen here.
//!
//! The number is that of the topic. Where another test of this crate shows a case already, that one is named; all others have a
//! test of their own in here, with the number in its name.
//!
//! | | case | from | test |
//! |---|---|---|---|
//! | 1 | a job that ran out of time is complete all the same | mariadb-operator#1901 | `anchor_1_an_incremental_...`; of a full backup `failures::stops` |
//! | 1 | what a retry makes is not what was asked for | mariadb-operator#1850 | `anchor_1_an_incremental_...`; killed hosts: `crash` |
//! | 1 | a dump whose tool lost the server ends with exit code 0 | nfrastack/db-backup#398 | `failures::tools` (`its dump has no end`), `drills::a_drill_catches_...` |
//! | 1 | most of the data are missing in a success | surrealdb#6286 | `drills::a_drill_catches_...` |
//! | 1 | an old lock makes a quick success of nothing | autorestic#16 | `crash` (`backup.claimed`) |
//! | 1 | an archive of logs that breaks off | | `anchor_1_a_log_archive_...` |
//! | 2 | replication runs before logs are replayed, writes are skipped | mariadb-operator#1709 | `anchor_2_a_restored_server_...` |
//! | 2 | GTIDs collide with those of another server | mariadb-operator#1709 | `anchor_2_the_same_gtids_...` |
//! | 2 | what is replayed overlaps the base | wal-g#2035, wal-g#1445, wal-g PR #2195 | `anchor_2_nothing_is_replayed_twice_...` |
//! | 2 | `gtid_strict_mode` refuses what is right | wal-g#2556 | `anchor_2_nothing_is_replayed_twice_...`, every server of these tests has it on |
//! | 2 | one session for each log | wal-g#888 | `anchor_2_a_temporary_table_...` |
//! | 2 | a log in the middle is gone | | `anchor_2_a_hole_...` |
//! | 3 | nobody restores backups until they are needed | databasus#433, #717, #736 | `anchor_3_...` |
//! | 3 | exit code 0 and the right digest, and still broken | opendigitalproductfactory#1079 | `drills::a_drill_catches_...` |
//! | 4 | chains by hand: positions, names, order | mariadb-operator#17, #1349, mysql-operator#942, backupd#6, databasement#630 | `chains::a_chain_of_ten_...` |
//! | 4 | on top of a backup of another server | | `anchor_4_...` |
//! | 5 | times before the last recoverable one are refused | mariadb-operator#1912 | `anchor_5_every_second_...` |
//! | 5 | the archive stalls, and all seems well | mariadb-operator#1815 | `anchor_5_logs_that_are_gone_...`, `timelines::after_a_failover_...` |
//! | 5 | gaps are easy to miss, and then block what does not need the logs | percona-xtradb-cluster-operator#1245, #1745 | `anchor_5_logs_that_are_gone_...` |
//! | 5 | gaps where there are none | percona-xtradb-cluster-operator#2354, #2461 | `anchor_5_rotations_...` |
//! | 6 | logs that no backup needs are kept, and offered | mariadb-operator#1689 | `anchor_6_retention_...` |
//! | 6 | logs go that a kept backup needs | pgbackrest#748 | `anchor_6_retention_...` |
//! | 6 | another key makes a hole | pgbackrest#680 | `anchor_6_another_key_...` |

mod archive;
mod chain;
mod drill;
mod replay;
mod retention;
mod window;
