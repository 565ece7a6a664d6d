-- What is not a table: views, routines, triggers, events.
USE shop;
CREATE VIEW big_orders AS SELECT id, customer, total FROM orders WHERE total > 100 WITH CASCADED CHECK OPTION;
CREATE ALGORITHM=TEMPTABLE SQL SECURITY INVOKER VIEW a_view_over_a_view AS
  SELECT c.name, COUNT(*) AS n, SUM(b.total) AS spent FROM big_orders b JOIN customers c ON c.id = b.customer GROUP BY c.name;
CREATE VIEW earlier_than_its_base AS SELECT * FROM a_view_over_a_view WHERE spent > 1000;

CREATE TABLE audit (id BIGINT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(100), at DATETIME(6));
DELIMITER //
CREATE FUNCTION gross(net DECIMAL(12,2)) RETURNS DECIMAL(12,2) DETERMINISTIC NO SQL COMMENT 'adds the tax'
BEGIN
  -- a comment that stays; with ; and 'quotes'
  /* unit: cents, don't ask */ RETURN ROUND(net * 1.081, 2); # the end
END//
CREATE AGGREGATE FUNCTION longest(word VARCHAR(100)) RETURNS VARCHAR(100) DETERMINISTIC
BEGIN
  DECLARE best VARCHAR(100) DEFAULT '';
  DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN best;
  LOOP
    FETCH GROUP NEXT ROW;
    IF CHAR_LENGTH(word) > CHAR_LENGTH(best) THEN SET best = word; END IF;
  END LOOP;
END//
CREATE DEFINER=CURRENT_USER PROCEDURE `place order`(IN who INT UNSIGNED, IN amount DECIMAL(12,2), OUT number INT UNSIGNED)
  SQL SECURITY DEFINER MODIFIES SQL DATA
BEGIN
  INSERT INTO orders (customer, placed, total) VALUES (who, NOW(6), gross(amount));
  SET number = LAST_INSERT_ID();
END//
SET @mode = @@sql_mode//
SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES'//
CREATE PROCEDURE in_another_mode() SELECT "id", 'back\slash' FROM "orders" LIMIT 1//
SET sql_mode = ORACLE//
CREATE PACKAGE counters AS
  FUNCTION next_value RETURN INT;
END//
CREATE PACKAGE BODY counters AS
  total INT := 41; -- the answer, less one
  FUNCTION next_value RETURN INT AS BEGIN total := total + 1; RETURN total; END;
END//
SET sql_mode = @mode//
CREATE TRIGGER orders_after_insert AFTER INSERT ON orders FOR EACH ROW
  INSERT INTO audit (what, at) VALUES (CONCAT('order ', NEW.id, ' "placed"'), NEW.placed)//
CREATE TRIGGER orders_before_first BEFORE UPDATE ON orders FOR EACH ROW BEGIN /* first */
  -- why: ticket 42; isn't it
  IF NEW.total < 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'a total cannot be negative'; END IF;
END//
CREATE TRIGGER orders_before_second BEFORE UPDATE ON orders FOR EACH ROW FOLLOWS orders_before_first
  /* keep */ SET NEW.placed = OLD.placed # tail
//
CREATE TRIGGER `customers on delete` BEFORE DELETE ON customers FOR EACH ROW INSERT INTO audit (what, at) VALUES (OLD.name, '2024-01-01')//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 03:00:00' ENDS '2036-01-01 00:00:00' ON COMPLETION PRESERVE
  COMMENT 'cleans up' DO BEGIN -- nightly
  DELETE FROM audit /* all of it */ WHERE at < NOW() - INTERVAL 1 YEAR; # a year's
END//
CREATE EVENT switched_off ON SCHEDULE EVERY 7 HOUR STARTS '2031-05-05 05:05:05' DISABLE DO CALL in_another_mode()//
CREATE EVENT once_in_2037 ON SCHEDULE AT '2037-12-31 23:59:59' ON COMPLETION PRESERVE DO SET @x = 'y'//
DELIMITER ;
CALL `place order`(7, 99.99, @number);
