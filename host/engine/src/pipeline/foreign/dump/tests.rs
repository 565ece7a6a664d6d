//! Dumps with lines that look like the dump's own, and dumps that do not stand alone.

use bulkhead_model::{Failure, FailureKind, Result};

use super::*;

const HEAD: &str = "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB\n--\n\
    -- Server version\t10.11.19-MariaDB-log\n\n/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n";
const END: &str = "/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n\n-- Dump completed on 2026-01-01 10:00:00\n";
const SHOP: &str =
    "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n\nUSE `shop`;\n";

fn dumped(body: &str) -> Result<(Dumped, String)> {
    let (text, mut output) = (format!("{HEAD}{body}{END}"), Vec::new());
    let dumped = pass(text.as_bytes(), &mut output, Room(1 << 40))?;
    Ok((dumped, String::from_utf8(output).unwrap()))
}

fn shop(body: &str) -> Contents {
    dumped(&format!("{SHOP}{body}")).unwrap().0.contents
}

fn refused(body: &str) -> Failure {
    dumped(body).unwrap_err()
}

fn names(contents: &Contents) -> Vec<&str> {
    contents.databases.iter().map(String::as_str).collect()
}

#[test]
fn words_in_a_routine_are_not_taken_for_the_dumps_own() {
    let body = format!(
        "{SHOP}DROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n  `id` int COMMENT '\nUSE `mysql`;\n'\n);\n\
         /*!50003 DROP PROCEDURE IF EXISTS `p` */;\nDELIMITER ;;\nCREATE DEFINER=`root`@`localhost` PROCEDURE `p`()\nBEGIN\n\
         /* by hand, as root:\nUSE `mysql`;\n*/\nFLUSH PRIVILEGES;\nDROP DATABASE crm;\nSET GLOBAL gtid_purged = '';\n\
         -- Dump completed on 1999\nCREATE TABLE more (a INT);\nEND ;;\nDELIMITER ;\n\
         INSERT INTO `t` VALUES (1,'\nUSE `mysql`;\n/*! FLUSH PRIVILEGES */;\n-- Dump completed\n');\n"
    );
    let (found, output) = dumped(&body).unwrap();
    assert_eq!(names(&found.contents), ["shop"]);
    assert!(!found.replaces_system() && found.contents.emptied.is_empty() && found.contents.additions.is_empty());
    let objects: Vec<_> = found.contents.objects["shop"].iter().cloned().collect();
    assert_eq!(objects, [(Kind::Table, "t".to_owned()), (Kind::Routine, "p".to_owned())]);
    assert_eq!(found.server_version.as_deref(), Some("10.11.19-MariaDB-log"));
    assert_eq!(output, format!("{HEAD}{body}{END}"), "the procedure has lost a statement");
}

#[test]
fn only_the_dumps_own_order_to_read_accounts_is_left_out() {
    let with = |flush: &str| dumped(&format!("{SHOP}{flush}DROP TABLE IF EXISTS `t`;\n")).unwrap().1;
    let without = with("");
    for flush in
        ["/*! FLUSH PRIVILEGES */;", "FLUSH PRIVILEGES ;", "flush /* now */ local\nprivileges;", "FLUSH PRIVILEGES"]
    {
        let end = if flush.ends_with(';') { "" } else { ";" };
        assert_eq!(with(&format!("{flush}{end}")), without, "{flush}");
    }
    for kept in
        ["FLUSH TABLES;", "FLUSH PRIVILEGES, TABLES;", "SELECT 'FLUSH PRIVILEGES';", "/*!50717 FLUSH PRIVILEGES */;"]
    {
        assert!(with(kept).contains(kept), "{kept}");
    }
}

#[test]
fn the_servers_own_tables_are_seen_however_they_are_named() {
    for own in [
        "USE `mysql`;",
        "USE mysql ;",
        "use\n/* the */ `MySQL`;",
        "INSERT INTO `mysql`.`user` VALUES (1);",
        "/*!40000 USE `mysql`*/;",
    ] {
        let (found, _) = dumped(&format!("{SHOP}{own}\n")).unwrap();
        assert!(found.replaces_system(), "{own}");
    }
    for other in [
        "-- USE `mysql`;",
        "# USE `mysql`;",
        "/* USE `mysql`; */",
        "SELECT 'USE `mysql`;';",
        "/*!80000 USE `mysql` */;",
    ] {
        let (found, _) = dumped(&format!("{SHOP}{other}\n")).unwrap();
        assert!(!found.replaces_system(), "{other}");
    }
}

#[test]
fn a_backslash_is_read_by_the_modes_that_a_routine_was_made_with() {
    let body = "/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;\n\
        /*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES' */ ;\nDELIMITER ;;\n\
        CREATE PROCEDURE `p`() SELECT '\\', \"a\\\" ;;\nDELIMITER ;\n\
        /*!50003 SET sql_mode              = @saved_sql_mode */ ;\nCREATE DATABASE `a\\`;\nUSE `a\\`;\nSELECT 'it\\'s';\n";
    let (found, _) = dumped(&format!("{SHOP}{body}")).unwrap();
    assert_eq!(names(&found.contents), ["a\\", "shop"]);
}

#[test]
fn what_is_made_without_dropping_it_first_is_known() {
    let table = "CREATE TABLE `t` (a INT);\n";
    for (body, added) in [
        (format!("DROP TABLE IF EXISTS `t`;\n{table}INSERT IGNORE INTO `t` VALUES (1);\n"), &[][..]),
        (format!("/*!50001 DROP VIEW IF EXISTS `t`*/;\n/*!50001 CREATE VIEW `t` AS SELECT 1 */;\n{SHOP}"), &[]),
        ("CREATE OR REPLACE TABLE t (a INT);".to_owned(), &[]),
        (table.to_owned(), &["t"]),
        ("CREATE TABLE IF NOT EXISTS `t` (a INT);".to_owned(), &["t"]),
        (format!("DROP TABLE `t`;\n{table}{table}INSERT INTO `u` VALUES (1);\n"), &["u"]),
        (
            "/*!50001 CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `t` AS SELECT 1 */;".to_owned(),
            &["t"],
        ),
        ("/*!50106 CREATE*/ /*!50117 DEFINER=`a`@`b`*/ /*!50106 EVENT `e` ON SCHEDULE AT '2030-01-01' DO SET @a = 1 */;".to_owned(), &["e"]),
        ("CREATE SEQUENCE `s` start with 1;".to_owned(), &["s"]),
        ("CREATE TEMPORARY TABLE x (a INT); CREATE TABLE `shop`.`y` (a INT);".to_owned(), &["y"]),
    ] {
        let contents = shop(&body);
        assert_eq!(contents.additions.get("shop").map_or(&[][..], Vec::as_slice), added, "{body}");
    }
    let dropped = dumped(&format!("DROP DATABASE IF EXISTS `shop`;\n{SHOP}{table}")).unwrap().0.contents;
    assert!(dropped.additions.is_empty() && dropped.emptied.contains("shop"));
    let fresh = dumped(&format!("CREATE DATABASE `shop`;\nUSE `shop`;\nDROP TABLE IF EXISTS t;\n{table}")).unwrap().0;
    assert_eq!(fresh.contents.additions["shop"], ["shop"], "it must not be there");
}

#[test]
fn a_dump_that_does_not_stand_alone_is_refused_with_what_to_do() {
    for (body, why, hint) in [
        (
            "USE `shop`;\nCREATE TABLE t (a INT);\n",
            "it uses the database `shop` and does not make it",
            "--no-create-db",
        ),
        (
            &format!("{SHOP}INSERT INTO `t` VALUES (1);\n")[..],
            "it holds rows of the database `shop` and none of its tables",
            "--no-create-info",
        ),
        ("CREATE TABLE t (a INT);\n", "it is a dump of tables that names no database", "--databases"),
        (
            &format!("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';\n{SHOP}"),
            "it sets `GTID_PURGED`, which only MySQL has",
            "--set-gtid-purged=OFF",
        ),
        (&format!("SET @@SESSION.SQL_LOG_BIN= 0;\n{SHOP}"), "it turns the binary log off", "--set-gtid-purged=OFF"),
        (
            &format!("CHANGE MASTER TO MASTER_LOG_FILE='b.000001', MASTER_LOG_POS=4;\n{SHOP}"),
            "it changes the replication of the server: `CHANGE MASTER`",
            "--master-data=2",
        ),
        (
            &format!("SET GLOBAL gtid_slave_pos='0-1-15';\n{SHOP}"),
            "it changes the setting `gtid_slave_pos` of the whole server",
            "--gtid",
        ),
        (&format!("{SHOP}SELECT 1; DELIMITER ;;\n"), "it holds a `DELIMITER` that is not at the start", "mariadb-dump"),
    ] {
        let failure = refused(body);
        assert!(failure.message.starts_with(why), "{body}: {failure}");
        assert_eq!(failure.kind, FailureKind::Unsupported, "{failure}");
        assert!(failure.hint.as_ref().is_some_and(|said| said.contains(hint)), "{failure}");
    }
}

#[test]
fn a_dump_whose_end_is_within_something_is_not_whole() {
    for (body, why) in [
        ("INSERT INTO t VALUES ('a);\n", "it ends within quotes"),
        ("/* a\n", "it ends within a comment"),
        ("DELIMITER ;;\nCREATE PROCEDURE p() SELECT 1;\n", "its last statement has no end"),
    ] {
        let failure = refused(&format!("{SHOP}{body}"));
        assert_eq!(
            (failure.kind, failure.message),
            (FailureKind::Corrupt, format!("it is not whole: {why}")),
            "{body}"
        );
    }
}

#[test]
fn collations_and_character_sets_are_known_by_name() {
    let contents = shop(
        "DROP TABLE IF EXISTS t; CREATE TABLE `t` (`a` text CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'COLLATE x',\n\
         `charset` set('a') COLLATE 'utf8mb3_bin') ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;\n\
         /*!50003 SET collation_connection  = utf8mb4_uca1400_ai_ci */ ;\n/*!50003 SET character_set_client  = utf8mb3 */ ;\n\
         /*!50003 SET collation_connection  = @saved_col_connection */ ;\n\
         CREATE OR REPLACE FUNCTION f() RETURNS INT RETURN (SELECT 1 FROM x WHERE charset = y ORDER BY charset DESC);\n\
         CREATE OR REPLACE PROCEDURE p() SELECT a COLLATE utf8mb4_de_pb_0900_ai_ci FROM t;\n\
         INSERT INTO t VALUES ('COLLATE utf8mb4_ja_0900_as_cs');\n",
    );
    let listed: Vec<&str> = contents.collations.iter().map(String::as_str).collect();
    let expected =
        ["latin1_bin", "utf8mb3_bin", "utf8mb4_0900_ai_ci", "utf8mb4_de_pb_0900_ai_ci", "utf8mb4_uca1400_ai_ci"];
    assert_eq!(listed, expected);
    assert_eq!(contents.charsets.iter().map(String::as_str).collect::<Vec<_>>(), ["latin1", "utf8mb4"]);
}
