-- Where organizations keep their own backups: what `[[target]]` of a configuration says, for those who have none.
--
-- Hosts of the version before work on beside this: jobs whose target stands here fail there, and are tried again elsewhere.

CREATE TABLE targets (
    organization       TEXT   NOT NULL,         -- whose it is
    id                 TEXT   NOT NULL,         -- its name, as backups and schedules have it
    plugin             TEXT   NOT NULL,         -- the storage plugin's name
    config             TEXT   NOT NULL,         -- the plugin's configuration, JSON; never holds a secret
    sealed_credentials TEXT,                    -- in the plugin's own form, sealed under the master key; NULL: none
    is_default         BIGINT NOT NULL,         -- 1: for backups that name none; one of an organization
    origin             TEXT   NOT NULL,         -- `api`, or `inline`: named by a schedule
    revision           BIGINT NOT NULL,         -- counts its changes, from 1
    created_at_us      BIGINT NOT NULL,         -- when it was made
    updated_at_us      BIGINT NOT NULL,         -- when somebody last changed it
    test               TEXT,                    -- what the last test found, JSON
    tested_at_us       BIGINT,                  -- when that was
    swept_at_us        BIGINT NOT NULL DEFAULT 0, -- when a host last began to sweep it
    PRIMARY KEY (organization, id)
);
CREATE UNIQUE INDEX targets_one_default ON targets (organization) WHERE is_default = 1;
CREATE INDEX targets_to_sweep ON targets (swept_at_us);
-- Who keeps backups there by schedule.
CREATE INDEX schedules_to_target ON schedules (organization, target) WHERE deleted = 0 AND expression <> 'once';
