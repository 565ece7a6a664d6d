-- Schedules that recur, limits that hold on all hosts, requests that are carried out once, and totals that need no
-- counting.
--
-- Hosts of the version before work on beside this: every new column has a default or may be missing. They do not keep
-- row_counts; `Catalog::recount` puts that right after the last of them is gone.

ALTER TABLE schedules ADD COLUMN engine TEXT NOT NULL DEFAULT '';            -- the service's engine: `mariadb`, ...
ALTER TABLE schedules ADD COLUMN server TEXT NOT NULL DEFAULT '';            -- the server's name in the ids of its backups
ALTER TABLE schedules ADD COLUMN timezone TEXT NOT NULL DEFAULT 'UTC';       -- IANA name; of the expression and of retention
ALTER TABLE schedules ADD COLUMN enabled BIGINT NOT NULL DEFAULT 1;          -- 0: does not fire
ALTER TABLE schedules ADD COLUMN misfire TEXT NOT NULL DEFAULT 'run_once';   -- what becomes of a fire that comes late
ALTER TABLE schedules ADD COLUMN misfire_grace_us BIGINT NOT NULL DEFAULT 86400000000; -- how late it is still made up for
ALTER TABLE schedules ADD COLUMN jitter_us BIGINT NOT NULL DEFAULT 0;        -- fires are delayed by less than this
ALTER TABLE schedules ADD COLUMN retention TEXT;                             -- JSON: a number or an object; NULL: the service's
ALTER TABLE schedules ADD COLUMN origin TEXT NOT NULL DEFAULT 'manual';      -- `manual`, or `automatic`: made by the host
ALTER TABLE schedules ADD COLUMN next_due_at_us BIGINT;                      -- when it is due next; NULL: never
ALTER TABLE schedules ADD COLUMN next_fire_at_us BIGINT;                     -- the same plus its jitter
ALTER TABLE schedules ADD COLUMN last_fire_at_us BIGINT;                     -- when it last made a job
ALTER TABLE schedules ADD COLUMN last_missed_at_us BIGINT;                   -- the last due time that was let pass
ALTER TABLE schedules ADD COLUMN fires BIGINT NOT NULL DEFAULT 0;            -- jobs made
ALTER TABLE schedules ADD COLUMN misses BIGINT NOT NULL DEFAULT 0;           -- fires that came too late and made none
ALTER TABLE schedules ADD COLUMN coalesced BIGINT NOT NULL DEFAULT 0;        -- fires that made none because one waited
ALTER TABLE schedules ADD COLUMN message TEXT;                               -- why the host has disabled it
ALTER TABLE schedules ADD COLUMN updated_at_us BIGINT;                       -- when somebody last changed it
ALTER TABLE schedules ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0;          -- 1: gone for everybody, kept for its jobs
CREATE INDEX schedules_due ON schedules (next_fire_at_us)
    WHERE enabled = 1 AND deleted = 0 AND next_fire_at_us IS NOT NULL;
CREATE INDEX schedules_newest ON schedules (organization, id) WHERE deleted = 0;
-- A deleted one counts: it is not made again.
CREATE UNIQUE INDEX schedules_one_automatic ON schedules (organization, service) WHERE origin = 'automatic';

ALTER TABLE backups ADD COLUMN pinned BIGINT NOT NULL DEFAULT 0;             -- 1: neither retention nor a person deletes it
-- What went wrong or has not happened yet is little among what succeeded.
CREATE INDEX backups_newest_of_state ON backups (organization, state, created_at_us, id)
    WHERE state <> 'deleted' AND state <> 'succeeded';
CREATE INDEX backups_last_good ON backups (service, method, finished_at_us)
    WHERE state = 'succeeded' AND suspect IS NULL;

ALTER TABLE jobs ADD COLUMN target TEXT;                                     -- where the backup lies; NULL: from before
UPDATE jobs SET target = (SELECT b.target FROM backups b WHERE b.id = jobs.backup)
    WHERE state = 'scheduled' OR state = 'running';
CREATE INDEX jobs_newest ON jobs (organization, created_at_us, id);
CREATE INDEX jobs_newest_of_service ON jobs (organization, service, created_at_us, id);
-- Most jobs succeed, and most make or expire backups.
CREATE INDEX jobs_newest_of_state ON jobs (organization, state, created_at_us, id) WHERE state <> 'succeeded';
CREATE INDEX jobs_newest_of_kind ON jobs (organization, kind, created_at_us, id)
    WHERE kind <> 'backup' AND kind <> 'expire';
CREATE INDEX jobs_of_schedule ON jobs (schedule, state) WHERE schedule IS NOT NULL;
-- The oldest first, whichever services a host serves.
CREATE INDEX jobs_waiting ON jobs (run_after_us, created_at_us, id) WHERE state = 'scheduled';
CREATE INDEX jobs_running_of_organization ON jobs (organization) WHERE state = 'running';
CREATE INDEX jobs_running_of_target ON jobs (target) WHERE state = 'running';

CREATE TABLE job_limits (
    scope       TEXT   NOT NULL PRIMARY KEY,   -- `organization:<id>`, `target:<id>`, `service:<id>`
    running_max BIGINT NOT NULL                -- jobs of it that run at a time, on all hosts together
);

CREATE TABLE idempotency_keys (
    organization  TEXT   NOT NULL,             -- whose request it was
    key           TEXT   NOT NULL,             -- what the caller called it
    fingerprint   TEXT   NOT NULL,             -- of the request, so that another one under the same key is noticed
    kind          TEXT   NOT NULL,             -- what it made: `backup`, `schedule`, `restore`, `job`
    object        TEXT   NOT NULL,             -- the schedule's number, otherwise the job's id
    created_at_us BIGINT NOT NULL,             -- when it was carried out
    PRIMARY KEY (organization, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at_us);

-- How many rows there are, so that nobody counts millions of them for the total of a list. Written in the transaction
-- that changes the rows. Deleted backups, deleted schedules and hidden restores are not in it.
CREATE TABLE row_counts (
    noun         TEXT   NOT NULL,              -- `backup`, `job`, `restore`, `schedule`
    organization TEXT   NOT NULL,              -- whose they are
    service      TEXT   NOT NULL,              -- of which service; `#0`..: a share of the sum over all services
    kind         TEXT   NOT NULL,              -- backups: method; jobs: kind; schedules: `once`, `recurring`
    state        TEXT   NOT NULL,              -- their state, as far as they are listed by it
    quantity     BIGINT NOT NULL,              -- how many; a share may be below 0
    PRIMARY KEY (noun, organization, service, kind, state)
);
CREATE INDEX row_counts_of_service ON row_counts (service, noun);
INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
    SELECT 'backup', organization, service, method, state, COUNT(*) FROM backups WHERE state <> 'deleted'
    GROUP BY organization, service, method, state;
INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
    SELECT 'job', organization, service, kind, state, COUNT(*) FROM jobs GROUP BY organization, service, kind, state;
INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
    SELECT 'restore', organization, service, '', state, COUNT(*) FROM restores WHERE hidden = 0
    GROUP BY organization, service, state;
INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
    SELECT 'schedule', organization, service, 'once', '', COUNT(*) FROM schedules GROUP BY organization, service;
INSERT INTO row_counts (noun, organization, service, kind, state, quantity)
    SELECT noun, organization, '#0', kind, state, CAST(SUM(quantity) AS BIGINT) FROM row_counts
    GROUP BY noun, organization, kind, state;
