-- Every kind of table.
USE shop;

CREATE TABLE customers (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name VARCHAR(80) NOT NULL,
  email VARCHAR(120) NOT NULL UNIQUE,
  secret_note VARCHAR(40) INVISIBLE DEFAULT 'nobody sees this',
  initials VARCHAR(4) AS (UPPER(LEFT(name, 2))) VIRTUAL,
  email_domain VARCHAR(120) AS (SUBSTRING_INDEX(email, '@', -1)) STORED,
  KEY domain (email_domain), KEY initials (initials),
  CONSTRAINT has_at CHECK (email LIKE '%@%')
);
INSERT INTO customers (name, email, secret_note)
  SELECT CONCAT('Customer ', seq), CONCAT('c', seq, '@example-', seq MOD 7, '.org'), CONCAT('note ', seq) FROM seq_1_to_500;

CREATE TABLE orders (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT, customer INT UNSIGNED NOT NULL, parent INT UNSIGNED, placed DATETIME(6) NOT NULL, total DECIMAL(12,2) NOT NULL,
  PRIMARY KEY (id), KEY placed (placed DESC),
  CONSTRAINT order_customer FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE RESTRICT,
  CONSTRAINT order_parent FOREIGN KEY (parent) REFERENCES orders (id) ON DELETE SET NULL
);
INSERT INTO orders (customer, placed, total)
  SELECT 1 + seq MOD 500, '2024-01-01' + INTERVAL seq * 1234567 MICROSECOND, seq * 1.37 FROM seq_1_to_2000;
UPDATE orders SET parent = id - 1 WHERE id MOD 10 = 0;

-- Tables that name each other: no order of creation satisfies both.
CREATE TABLE hen (id INT PRIMARY KEY, egg INT);
CREATE TABLE egg (id INT PRIMARY KEY, hen INT, CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES hen (id));
ALTER TABLE hen ADD CONSTRAINT hen_egg FOREIGN KEY (egg) REFERENCES egg (id);
INSERT INTO hen VALUES (1, NULL); INSERT INTO egg VALUES (1, 1); UPDATE hen SET egg = 1;

CREATE TABLE measurements (
  sensor INT NOT NULL, taken DATE NOT NULL, value DOUBLE, PRIMARY KEY (sensor, taken)
) PARTITION BY RANGE (YEAR(taken)) SUBPARTITION BY HASH (sensor) SUBPARTITIONS 2 (
  PARTITION before_2023 VALUES LESS THAN (2023), PARTITION in_2023 VALUES LESS THAN (2024), PARTITION later VALUES LESS THAN MAXVALUE);
INSERT INTO measurements SELECT seq MOD 10, '2022-01-01' + INTERVAL seq DAY, seq / 8 FROM seq_1_to_1500;
CREATE TABLE regions (id INT NOT NULL, region VARCHAR(10) NOT NULL, PRIMARY KEY (id, region))
  PARTITION BY LIST COLUMNS (region) (PARTITION north VALUES IN ('n','nw'), PARTITION others DEFAULT);
INSERT INTO regions VALUES (1,'n'), (2,'s'), (3,'nw');

CREATE TABLE prices (
  item INT PRIMARY KEY, price DECIMAL(10,2)
) WITH SYSTEM VERSIONING;
SET timestamp = UNIX_TIMESTAMP('2024-05-01 10:00:00');
INSERT INTO prices SELECT seq, seq * 10 FROM seq_1_to_50;
SET timestamp = UNIX_TIMESTAMP('2024-05-02 10:00:00.25');
UPDATE prices SET price = price + 1 WHERE item <= 30;
SET timestamp = UNIX_TIMESTAMP('2024-05-03 10:00:00.5');
DELETE FROM prices WHERE item <= 5;
SET timestamp = DEFAULT;
CREATE TABLE contracts (
  id INT PRIMARY KEY, clause VARCHAR(50), valid_from DATE, valid_to DATE, unversioned VARCHAR(20) WITHOUT SYSTEM VERSIONING,
  row_born TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, row_died TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE,
  PERIOD FOR SYSTEM_TIME (row_born, row_died), PERIOD FOR validity (valid_from, valid_to)
) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION past HISTORY, PARTITION present CURRENT);
INSERT INTO contracts (id, clause, valid_from, valid_to, unversioned) VALUES (1, 'first', '2024-01-01', '2024-12-31', 'u'), (2, 'second', '2023-01-01', '2025-12-31', 'v');
UPDATE contracts SET clause = 'amended' WHERE id = 1;

CREATE SEQUENCE invoice_number START WITH 1000 INCREMENT BY 5 MAXVALUE 999999 CACHE 10 CYCLE;
SELECT NEXTVAL(invoice_number), NEXTVAL(invoice_number) INTO @a, @b;
CREATE SEQUENCE downwards START WITH -1 INCREMENT BY -1 MINVALUE -1000 MAXVALUE -1 NOCACHE;
CREATE TABLE invoices (number BIGINT NOT NULL DEFAULT NEXTVAL(invoice_number) PRIMARY KEY, note TEXT);
INSERT INTO invoices (note) VALUES ('first'), ('second');

CREATE TABLE compressed_rows (id INT PRIMARY KEY, body TEXT) ROW_FORMAT=COMPRESSED KEY_BLOCK_SIZE=8;
INSERT INTO compressed_rows SELECT seq, REPEAT(CONCAT('row ', seq, ' '), 200) FROM seq_1_to_300;
CREATE TABLE compressed_pages (id INT PRIMARY KEY, body TEXT) PAGE_COMPRESSED=1 PAGE_COMPRESSION_LEVEL=6;
INSERT INTO compressed_pages SELECT seq, REPEAT(MD5(seq), 60) FROM seq_1_to_300;
CREATE TABLE compressed_column (id INT PRIMARY KEY, body LONGTEXT COMPRESSED);
INSERT INTO compressed_column SELECT seq, REPEAT(MD5(seq), 200) FROM seq_1_to_50;
CREATE TABLE old_rows (id INT PRIMARY KEY, body VARCHAR(200)) ROW_FORMAT=REDUNDANT;
INSERT INTO old_rows SELECT seq, SHA1(seq) FROM seq_1_to_100;

CREATE TABLE aria_table (id INT AUTO_INCREMENT PRIMARY KEY, body TEXT, KEY body (body(10))) ENGINE=Aria TRANSACTIONAL=1;
INSERT INTO aria_table (body) SELECT SHA1(seq) FROM seq_1_to_1000;
CREATE TABLE aria_plain (id INT PRIMARY KEY, body CHAR(40)) ENGINE=Aria TRANSACTIONAL=0 ROW_FORMAT=FIXED;
INSERT INTO aria_plain SELECT seq, SHA1(seq) FROM seq_1_to_1000;
CREATE TABLE myisam_table (id INT AUTO_INCREMENT PRIMARY KEY, body TEXT, FULLTEXT KEY body (body)) ENGINE=MyISAM CHECKSUM=1;
INSERT INTO myisam_table (body) SELECT CONCAT('myisam says ', SHA1(seq)) FROM seq_1_to_1000;
CREATE TABLE merged (id INT NOT NULL, body TEXT, KEY id (id)) ENGINE=MERGE UNION=(merge_a, merge_b) INSERT_METHOD=NO;
CREATE TABLE merge_a (id INT NOT NULL, body TEXT, KEY id (id)) ENGINE=MyISAM;
CREATE TABLE merge_b LIKE merge_a;
INSERT INTO merge_a VALUES (1, 'in a'); INSERT INTO merge_b VALUES (2, 'in b');
CREATE TABLE csv_table (id INT NOT NULL, body VARCHAR(100) NOT NULL) ENGINE=CSV;
INSERT INTO csv_table VALUES (1, 'a "quoted", comma'), (2, 'line\nbreak');

CREATE TABLE places (id INT PRIMARY KEY, spot POINT REF_SYSTEM_ID=4326 NOT NULL, area POLYGON, anything GEOMETRY, SPATIAL KEY spot (spot));
INSERT INTO places VALUES
  (1, ST_GeomFromText('POINT(8.54 47.37)', 4326), ST_GeomFromText('POLYGON((0 0,10 0,10 10,0 10,0 0),(2 2,3 2,3 3,2 3,2 2))'), ST_GeomFromText('LINESTRING(0 0,1.5 2.5)')),
  (2, ST_GeomFromText('POINT(-0.1 51.5)', 4326), NULL, ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1),LINESTRING(0 0,1 1))'));
CREATE TABLE articles (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, title VARCHAR(200), body TEXT, FULLTEXT KEY title_body (title, body));
INSERT INTO articles (title, body) SELECT CONCAT('article ', seq), CONCAT('bulkheads keep water out ', SHA1(seq)) FROM seq_1_to_200;

CREATE TABLE without_key (a INT, b VARCHAR(20));
INSERT INTO without_key SELECT seq MOD 3, 'duplicate rows' FROM seq_1_to_9;
CREATE TABLE empty_table (id INT PRIMARY KEY, body TEXT) COMMENT 'nothing in here';
CREATE TABLE hashed (id INT PRIMARY KEY, long_text TEXT, UNIQUE KEY long_text (long_text) USING HASH);
INSERT INTO hashed VALUES (1, REPEAT('x', 5000)), (2, REPEAT('y', 5000));
CREATE TABLE added_later (id INT PRIMARY KEY, a INT);
INSERT INTO added_later SELECT seq, seq FROM seq_1_to_100;
ALTER TABLE added_later ADD COLUMN first_now VARCHAR(10) NOT NULL DEFAULT 'instant' FIRST, ALGORITHM=INSTANT;
ALTER TABLE added_later DROP COLUMN a, ALGORITHM=INSTANT;
