-- A shop's large tables.
CREATE DATABASE bulk CHARACTER SET utf8mb4;
USE bulk;
CREATE TABLE paragraphs (id INT PRIMARY KEY, words TEXT NOT NULL);
INSERT INTO paragraphs
  SELECT p.seq, GROUP_CONCAT(ELT(1 + FLOOR(RAND() * 40), 'harbour', 'anchor', 'the', 'a', 'of', 'vessel', 'compartment', 'and', 'water', 'keeps', 'tide', 'captain',
    'was', 'delivered', 'invoice', 'customer', 'late', 'shipment', 'to', 'in', 'bulkhead', 'hull', 'returned', 'paid', 'open', 'order', 'with', 'from', 'north',
    'warehouse', 'container', 'crane', 'is', 'not', 'yet', 'crew', 'route', 'storm', 'by', 'cargo') SEPARATOR ' ')
  FROM seq_1_to_8000 p, seq_1_to_90 w GROUP BY p.seq;
CREATE TABLE documents (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, title VARCHAR(60) NOT NULL, body TEXT NOT NULL);
CREATE TABLE orders (
  id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, customer INT UNSIGNED NOT NULL, status ENUM('open','paid','shipped','returned') NOT NULL,
  placed DATETIME NOT NULL, amount DECIMAL(10,2) NOT NULL, email VARCHAR(60) NOT NULL, note VARCHAR(200), reference CHAR(32) CHARACTER SET ascii NOT NULL
);
