-- The spine: what is scheduled, what runs, what was made.
--
-- One text for SQLite and PostgreSQL: BIGINT and TEXT only. Times are microseconds since 1970, UTC (`*_us`); flags are
-- 0 or 1; `failure`, `report`, `request` and `body` are JSON. State words are those of bulkhead_model; the legal
-- predecessors of a state stand in the WHERE of the UPDATE that enters it, not in a constraint, so that hosts of two
-- versions can share a catalog.

CREATE TABLE counters (
    name   TEXT   NOT NULL PRIMARY KEY,        -- which numbers: `schedule`, `restore`
    value  BIGINT NOT NULL                     -- the last number given out
);
INSERT INTO counters (name, value) VALUES ('schedule', 0), ('restore', 0);

CREATE TABLE service_locks (
    service  TEXT   NOT NULL PRIMARY KEY,      -- service id; whoever claims one of its jobs updates this row first
    claims   BIGINT NOT NULL                   -- how often that happened
);

CREATE TABLE schedules (
    id             BIGINT NOT NULL PRIMARY KEY, -- from the counter `schedule`
    organization   TEXT   NOT NULL,             -- whose it is
    service        TEXT   NOT NULL,             -- what is backed up
    method         TEXT   NOT NULL,             -- how: `full`, `dump`, ...
    expression     TEXT   NOT NULL,             -- `once`, or crontab(5)
    name           TEXT,                        -- the name its backups get
    target         TEXT   NOT NULL,             -- where they are kept
    state          TEXT   NOT NULL,             -- of `once`: its job's state; otherwise `scheduled`
    created_at_us  BIGINT NOT NULL              -- when it was asked for
);
CREATE INDEX schedules_of_service ON schedules (organization, service, id);

CREATE TABLE backups (
    id              TEXT   NOT NULL PRIMARY KEY, -- <32 hex>:<service>:<server>
    organization    TEXT   NOT NULL,             -- whose it is
    service         TEXT   NOT NULL,             -- what was backed up
    method          TEXT   NOT NULL,             -- how
    engine          TEXT   NOT NULL,             -- the service's engine: `mariadb`, ...
    name            TEXT,                        -- the name a person gave it; not unique
    target          TEXT   NOT NULL,             -- where its objects lie
    state           TEXT   NOT NULL,             -- BackupState; `deleted` rows stay for the record
    job             TEXT   NOT NULL,             -- the job that makes or made it
    parent          TEXT   REFERENCES backups (id), -- the backup it is restored on top of
    plain_bytes     BIGINT NOT NULL,             -- bytes before compression
    stored_bytes    BIGINT NOT NULL,             -- bytes in the target
    report          TEXT,                        -- what the method said of it
    plugin_name     TEXT,                        -- the plugin that made it
    plugin_digest   TEXT,                        -- SHA-256 of that component, hexadecimal
    manifest_sha256 TEXT,                        -- SHA-256 of manifest.json as stored, hexadecimal
    failure         TEXT,                        -- why it is `failed`, or why the last try was
    created_at_us   BIGINT NOT NULL,             -- when it was asked for
    started_at_us   BIGINT,                      -- when the last attempt began
    finished_at_us  BIGINT,                      -- when it became succeeded, failed or cancelled
    verified_at_us  BIGINT,                      -- when it was last verified
    verified_level  TEXT,                        -- how deep that went
    suspect         TEXT                         -- the damage that the last verify found
);
-- Newest first, of an organization and of one service; what is deleted is not listed.
CREATE INDEX backups_newest ON backups (organization, created_at_us, id) WHERE state <> 'deleted';
CREATE INDEX backups_newest_of_service ON backups (organization, service, created_at_us, id) WHERE state <> 'deleted';
-- By a prefix of the id and by name. The first 32 characters of an id are hexadecimal digits, which every collation
-- orders alike, so a range finds a prefix.
CREATE INDEX backups_by_id ON backups (organization, id);
CREATE INDEX backups_by_name ON backups (organization, name, created_at_us, id) WHERE name IS NOT NULL;
-- Who depends on a backup; what a target should hold.
CREATE INDEX backups_by_parent ON backups (parent) WHERE parent IS NOT NULL;
CREATE INDEX backups_in_target ON backups (target, id) WHERE state <> 'deleted';

CREATE TABLE restores (
    id              BIGINT NOT NULL PRIMARY KEY, -- from the counter `restore`
    organization    TEXT   NOT NULL,             -- whose it is
    service         TEXT   NOT NULL,             -- what is overwritten
    backup          TEXT   NOT NULL REFERENCES backups (id), -- with what
    job             TEXT   NOT NULL,             -- the job that does it
    state           TEXT   NOT NULL,             -- the job's state
    message         TEXT   NOT NULL,             -- one sentence for people
    failure         TEXT,                        -- why it is `failed`, or why the last try was
    created_at_us   BIGINT NOT NULL,             -- when it was asked for
    started_at_us   BIGINT,                      -- when the last attempt began
    finished_at_us  BIGINT,                      -- when it became succeeded, failed or cancelled
    hidden          BIGINT NOT NULL              -- 1: no longer listed, kept for the record
);
CREATE INDEX restores_newest ON restores (organization, created_at_us, id) WHERE hidden = 0;

CREATE TABLE jobs (
    id               TEXT   NOT NULL PRIMARY KEY, -- 32 hex
    organization     TEXT   NOT NULL,             -- whose it is
    service          TEXT   NOT NULL,             -- what it works on; the unit of exclusion
    kind             TEXT   NOT NULL,             -- JobKind
    method           TEXT   NOT NULL,             -- the backup's method
    state            TEXT   NOT NULL,             -- JobState
    backup           TEXT   REFERENCES backups (id),    -- the backup that it makes, restores, proves or deletes
    restore          BIGINT REFERENCES restores (id),   -- of a restore: its row
    schedule         BIGINT REFERENCES schedules (id),  -- of a backup: the schedule that asked for it
    request          TEXT   NOT NULL,             -- what was asked, for the engine; never holds a secret
    attempts_made    BIGINT NOT NULL,             -- attempts begun so far
    attempts_max     BIGINT NOT NULL,             -- attempts allowed
    run_after_us     BIGINT NOT NULL,             -- not to be claimed before
    cancel_requested BIGINT NOT NULL,             -- 1: whoever holds it must stop
    phase            TEXT,                        -- what the attempt is doing
    plain_bytes      BIGINT NOT NULL,             -- moved so far by the attempt, before compression
    stored_bytes     BIGINT NOT NULL,             -- moved so far to or from the target
    expected_bytes   BIGINT,                      -- plain bytes the attempt expects to move
    failure          TEXT,                        -- why it is `failed`, or why the last try was
    created_at_us    BIGINT NOT NULL,             -- when it was asked for
    started_at_us    BIGINT,                      -- when the first attempt began
    finished_at_us   BIGINT,                      -- when it became succeeded, failed or cancelled
    last_event       BIGINT NOT NULL              -- sequence of its newest event
);
CREATE INDEX jobs_claimable ON jobs (service, run_after_us, created_at_us) WHERE state = 'scheduled';
CREATE INDEX jobs_running ON jobs (service) WHERE state = 'running';
CREATE INDEX jobs_of_backup ON jobs (backup, state);
-- The claim keeps these rules under its locks; the indexes hold them even against a mistake there.
CREATE UNIQUE INDEX jobs_one_restore ON jobs (service) WHERE state = 'running' AND kind = 'restore';
CREATE UNIQUE INDEX jobs_one_backup_of_method ON jobs (service, method) WHERE state = 'running' AND kind = 'backup';
CREATE UNIQUE INDEX jobs_one_of_backup ON jobs (backup) WHERE state = 'running' AND backup IS NOT NULL;

CREATE TABLE attempts (
    id              TEXT   NOT NULL PRIMARY KEY, -- 32 hex
    job             TEXT   NOT NULL REFERENCES jobs (id), -- what it tries
    number          BIGINT NOT NULL,             -- 1 for the first
    state           TEXT   NOT NULL,             -- AttemptState; `leased` is the lease
    host            TEXT   NOT NULL,             -- who holds it
    lease_until_us  BIGINT NOT NULL,             -- taken to be lost when not renewed by then
    started_at_us   BIGINT NOT NULL,             -- when it was claimed
    finished_at_us  BIGINT,                      -- when it ended or was found lost
    failure         TEXT                         -- why it did not succeed
);
CREATE UNIQUE INDEX attempts_of_job ON attempts (job, number);
CREATE UNIQUE INDEX attempts_one_lease ON attempts (job) WHERE state = 'leased';
CREATE INDEX attempts_by_lease ON attempts (lease_until_us) WHERE state = 'leased';
CREATE INDEX attempts_of_host ON attempts (host) WHERE state = 'leased';

CREATE TABLE job_events (
    job       TEXT   NOT NULL REFERENCES jobs (id), -- what it tells of
    sequence  BIGINT NOT NULL,                   -- 1, 2, 3, ... within the job
    at_us     BIGINT NOT NULL,                   -- when
    attempt   TEXT   REFERENCES attempts (id),   -- within which attempt
    kind      TEXT   NOT NULL,                   -- `state`, `phase`, `log`
    body      TEXT   NOT NULL,                   -- what
    PRIMARY KEY (job, sequence)
);
