-- What a restore restores beyond one backup, and what a restore that only proves has found.
--
-- Hosts of the version before work on beside this: their restores are of one backup and replace all, and their verifies
-- clear what a deeper one has found.

ALTER TABLE restores ADD COLUMN plan TEXT;                        -- what is restored in which order, JSON; NULL: the backup alone
ALTER TABLE restores ADD COLUMN uses TEXT;                        -- JSON array of the backups that are read besides
ALTER TABLE restores ADD COLUMN reached TEXT;                     -- the positions that were reached, JSON
ALTER TABLE restores ADD COLUMN partial BIGINT NOT NULL DEFAULT 0; -- 1: a part is put beside the rest of the data
-- Which moments of a service are no longer those before; what a backup is still needed for.
CREATE INDEX restores_of_service ON restores (organization, service, finished_at_us) WHERE state = 'succeeded';
CREATE INDEX restores_unfinished ON restores (organization) WHERE finished_at_us IS NULL;

ALTER TABLE jobs ADD COLUMN after_job TEXT;                       -- not to be claimed before this job has ended, one way or another

ALTER TABLE backups ADD COLUMN suspect_level TEXT;                -- how deep the verify went that found `suspect`
ALTER TABLE backups ADD COLUMN evidence TEXT;                     -- JSON array of sentences: what the last drill saw
ALTER TABLE backups ADD COLUMN drilled_at_us BIGINT;              -- when the last drill ended, well or not
CREATE INDEX backups_drilled ON backups (organization, service, drilled_at_us) WHERE drilled_at_us IS NOT NULL;
CREATE INDEX backups_verified ON backups (service, method, verified_at_us)
    WHERE state = 'succeeded' AND suspect IS NULL AND verified_at_us IS NOT NULL;
-- All that a service can be restored with.
CREATE INDEX backups_restorable ON backups (organization, service, created_at_us, id) WHERE state = 'succeeded';
