-- Jobs, their attempts, and backups that are no more are forgotten some time after they ended.
--
-- Hosts of the version before work on beside this: what they delete, and what fails there, is kept.

-- Of a backup that is deleted, failed or cancelled: since when it may be forgotten, as far as age goes. Moved on when
-- something refers to it. NULL: never.
ALTER TABLE backups ADD COLUMN ended_at_us BIGINT;
UPDATE backups SET ended_at_us = COALESCE(
        (SELECT MAX(j.finished_at_us) FROM jobs j WHERE j.backup = backups.id), finished_at_us, created_at_us)
    WHERE state IN ('deleted', 'failed', 'cancelled');
CREATE INDEX backups_ended ON backups (ended_at_us, id) WHERE ended_at_us IS NOT NULL;
-- Jobs on a backup that may outlive them. The one that made it is forgotten with it.
CREATE INDEX jobs_ended ON jobs (finished_at_us, id)
    WHERE finished_at_us IS NOT NULL AND kind IN ('verify', 'expire', 'copy');
-- Whether something refers to a row that goes: the databases look for that themselves.
CREATE INDEX restores_of_backup ON restores (backup);
CREATE INDEX job_events_of_attempt ON job_events (attempt) WHERE attempt IS NOT NULL;
