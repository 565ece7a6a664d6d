-- The same backup in more than one target.
--
-- Hosts of the version before make no copies and do not delete them: their deletions leave copies to the sweep of hosts
-- of this one.

CREATE TABLE backup_copies (
    backup         TEXT   NOT NULL REFERENCES backups (id), -- of which backup
    target         TEXT   NOT NULL,             -- where it lies besides the backup's own target
    state          TEXT   NOT NULL,             -- CopyState; without a row there is no copy
    job            TEXT   NOT NULL,             -- the job that makes or made it: the backup's own, or a copy's
    failure        TEXT,                        -- why it is `failed`, or why the last try was
    created_at_us  BIGINT NOT NULL,             -- when it was asked for
    finished_at_us BIGINT,                      -- when it became succeeded or failed
    PRIMARY KEY (backup, target)
);
CREATE INDEX backup_copies_in_target ON backup_copies (target, backup);

ALTER TABLE schedules ADD COLUMN copies TEXT;   -- JSON array of the targets that its backups also go to
