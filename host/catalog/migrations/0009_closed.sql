-- Services whose data a restore or reset has begun to replace, and jobs that empty a service.
--
-- Hosts of the version before work on beside this: they do not know jobs of kind `reset`, nor that a service is closed. Let none
-- of them serve a service that is restored into while it runs.

CREATE TABLE closed_services (
    organization  TEXT   NOT NULL,              -- whose it is
    service       TEXT   NOT NULL,              -- what holds neither the old data nor the new
    job           TEXT   NOT NULL REFERENCES jobs (id), -- the restore or reset that closed it last
    since_us      BIGINT NOT NULL,              -- when the first one did
    reason        TEXT   NOT NULL,              -- one sentence for people
    PRIMARY KEY (organization, service)
);

-- When the attempt had done all there was to do but to be written down as such: it is not done a second time.
ALTER TABLE attempts ADD COLUMN settled_at_us BIGINT;

-- As jobs_one_restore, which hosts of the version before rely on: what replaces a service's data runs alone.
CREATE UNIQUE INDEX jobs_one_replacing ON jobs (service) WHERE state = 'running' AND kind IN ('restore', 'reset');
CREATE INDEX jobs_resets ON jobs (organization, service, finished_at_us) WHERE kind = 'reset' AND state = 'succeeded';
