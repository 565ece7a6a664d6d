-- Every common column type, with the values that get lost first: limits, fractions, NULLs, empty strings, zero dates.
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci COMMENT 'what a shop keeps';
CREATE DATABASE archive_latin CHARACTER SET latin1 COLLATE latin1_german1_ci;
CREATE DATABASE empty_database;
USE shop;

CREATE TABLE numbers (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  tiny TINYINT, tiny_unsigned TINYINT UNSIGNED, small SMALLINT, medium MEDIUMINT, whole INT, big BIGINT,
  big_unsigned BIGINT UNSIGNED, zerofilled INT(8) UNSIGNED ZEROFILL,
  exact DECIMAL(65,30), money DECIMAL(12,2) NOT NULL DEFAULT 0.00,
  single FLOAT, twice DOUBLE, flags BIT(13), wide_flags BIT(64), yes BOOLEAN
) COMMENT='numbers; with ''quotes'' and \\ in the comment';
INSERT INTO numbers VALUES
  (1, -128, 0, -32768, -8388608, -2147483648, -9223372036854775808, 0, 1,
   -12345678901234567890123456789012345.123456789012345678901234567890, -9999999999.99, -1.5, -1.7976931348623157e308, b'0', b'0', FALSE),
  (2, 127, 255, 32767, 8388607, 2147483647, 9223372036854775807, 18446744073709551615, 99999999,
   99999999999999999999999999999999999.999999999999999999999999999999, 9999999999.99, 3.14159, 2.2250738585072014e-308,
   b'1111111111111', 0xFFFFFFFFFFFFFFFF, TRUE),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL),
  (4, 1, 2, 3, 4, 5, 6, 7, 8, 0.000000000000000000000000000001, 0.01, 0.125, 0.1, b'1000000000001', 0x8000000000000001, TRUE);
ALTER TABLE numbers AUTO_INCREMENT = 4711;

CREATE TABLE moments (
  id INT PRIMARY KEY,
  day DATE, instant DATETIME, fine DATETIME(6), stamp TIMESTAMP(6) NULL, clock TIME(3), annum YEAR,
  touched TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP
);
SET time_zone = '+00:00';
INSERT INTO moments VALUES
  (1, '1000-01-01', '1000-01-01 00:00:00', '1000-01-01 00:00:00.000001', '1970-01-01 00:00:01.000001', '-838:59:59.000', 1901, '2001-02-03 04:05:06'),
  (2, '9999-12-31', '9999-12-31 23:59:59', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', '838:59:59.000', 2155, '2001-02-03 04:05:06'),
  (3, NULL, NULL, NULL, NULL, NULL, NULL, '2024-10-27 01:30:00');
SET @mode = @@sql_mode; SET sql_mode = '';
INSERT INTO moments VALUES (4, '0000-00-00', '0000-00-00 00:00:00', '2024-02-30', '0000-00-00', '00:00:00', 0, '2024-03-31 02:30:00');
SET sql_mode = @mode;

CREATE TABLE texts (
  id INT PRIMARY KEY,
  fixed CHAR(10), varied VARCHAR(255), tiny TINYTEXT, medium MEDIUMTEXT,
  exact VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  narrow VARCHAR(50) CHARACTER SET latin1, wide VARCHAR(50) CHARACTER SET utf16, ascii_only VARCHAR(20) CHARACTER SET ascii,
  document JSON, choice ENUM('small','medium','größer','it''s','a,b') NOT NULL DEFAULT 'small', several SET('red','green','blue','a b'),
  address INET6, ident UUID,
  KEY varied_prefix (varied(20)), FULLTEXT KEY words (medium)
);
INSERT INTO texts VALUES
  (1, 'fixed', 'plain', '', 'the quick brown fox jumps over the lazy dog', 'CASE', 'Grüße', 'Ünïcödé 𝄞', 'ascii',
   '{"a": [1, 2.50, null, true], "ß": "\\u00df", "nested": {"x": "y"}}', 'größer', 'red,blue', '2001:db8::ff00:42:8329', '123e4567-e89b-12d3-a456-426655440000'),
  (2, '😀🏴‍☠️', 'emoji 😀 👩‍👩‍👧‍👦 𝄞 𠜎', '𠜎𠜱', 'Zürich 東京 Москва العربية', '🙂', 'ÿ', '😀', '~', '[]', 'it\'s', '', '::ffff:192.0.2.1', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
  (3, '', '', '', '', '', '', '', '', '""', 'a,b', 'red,green,blue,a b', '::', '00000000-0000-0000-0000-000000000000'),
  (4, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'small', NULL, NULL, NULL),
  (5, 'tab\there', 'new\nline\r\n\\back ''q'' "d" `t` \0 null \Z sub', '--', '; DROP TABLE texts; -- /* */ #', '%_', '\\N', 'NULL', 'NULL', 'null', 'medium', 'green', NULL, NULL);

CREATE TABLE bytes (
  id INT PRIMARY KEY,
  fixed BINARY(16), varied VARBINARY(300), tiny TINYBLOB, plain BLOB, medium MEDIUMBLOB, large LONGBLOB, story LONGTEXT
);
INSERT INTO bytes VALUES
  (1, 0x00, 0x00FF0A0D5C271A22, '', 0x89504E470D0A1A0A, NULL, NULL, NULL),
  (2, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF, RPAD('', 300, CHAR(0)), NULL, NULL, REPEAT(UNHEX('000102030405060708090A0B0C0D0E0F'), 4096), NULL, REPEAT('ünï😀', 20000));
