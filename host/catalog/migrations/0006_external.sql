-- Restores from files that Bulkhead has not made.
--
-- Such a restore names a backup as every other does: a row that was never anything but deleted, as there is nothing to list,
-- keep or delete. Hosts of the version before fail such a job, and it is tried again elsewhere.

ALTER TABLE restores ADD COLUMN source TEXT;        -- bucket, key and method, JSON; NULL: the restore is of a backup
ALTER TABLE restores ADD COLUMN source_sealed TEXT; -- what opens bucket and file, sealed under the master key; NULL once it has ended
