-- Tables encrypted at rest, where the server has keys.
CREATE DATABASE vault;
USE vault;
CREATE TABLE secrets (id INT PRIMARY KEY, body TEXT) ENCRYPTED=YES ENCRYPTION_KEY_ID=2;
INSERT INTO secrets SELECT seq, REPEAT(SHA1(seq), 20) FROM seq_1_to_1000;
CREATE TABLE compressed_secrets (id INT PRIMARY KEY, body TEXT) ENCRYPTED=YES PAGE_COMPRESSED=1;
INSERT INTO compressed_secrets SELECT seq, REPEAT(SHA1(seq), 20) FROM seq_1_to_1000;
CREATE TABLE in_the_open (id INT PRIMARY KEY, body TEXT) ENCRYPTED=NO;
INSERT INTO in_the_open SELECT seq, SHA1(seq) FROM seq_1_to_100;
