-- What the sweep and retention have to know besides: when a backup was found in a target, and when a target was swept.
--
-- Hosts of the version before work on beside this: they sweep the operator's targets each for itself, and retention there leaves
-- backups alone that were found.

ALTER TABLE backups ADD COLUMN registered_at_us BIGINT; -- of one that was found in a target: when; NULL: a job made it
CREATE INDEX backups_registered ON backups (organization, service, registered_at_us) WHERE registered_at_us IS NOT NULL;

CREATE TABLE target_sweeps (
    target       TEXT   NOT NULL PRIMARY KEY,  -- a target of the operator's, by what its hosts' configurations say of it
    swept_at_us  BIGINT NOT NULL               -- when a host last began to sweep it
);

-- There are few of them; the sweep looks for those that no job makes.
CREATE INDEX backup_copies_waiting ON backup_copies (backup) WHERE state = 'waiting';
