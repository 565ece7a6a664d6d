-- Who may do what, who did what, and who is told of it.
--
-- Hosts of the version before work on beside this: they tell nobody of the jobs that they end.

CREATE TABLE members (
    organization   TEXT   NOT NULL,             -- where
    subject        TEXT   NOT NULL,             -- who: the claim `sub` of their tokens
    role           TEXT   NOT NULL,             -- Role
    services       TEXT,                        -- JSON array of service ids it is narrowed to; NULL: not narrowed
    created_at_us  BIGINT NOT NULL,             -- when they became a member
    created_by     TEXT   NOT NULL,             -- the subject that made them one
    PRIMARY KEY (organization, subject)
);

CREATE TABLE api_keys (
    id              TEXT   NOT NULL PRIMARY KEY, -- 32 hex
    organization    TEXT   NOT NULL,             -- whose it is
    name            TEXT   NOT NULL,             -- what it is for, for people
    prefix          TEXT   NOT NULL,             -- the beginning of its text by which it is found; not secret
    secret_sha256   TEXT   NOT NULL,             -- SHA-256 of its whole text, hexadecimal; the text is kept nowhere
    role            TEXT   NOT NULL,             -- Role
    services        TEXT,                        -- JSON array of service ids it is narrowed to; NULL: not narrowed
    created_at_us   BIGINT NOT NULL,             -- when it was made
    created_by      TEXT   NOT NULL,             -- the subject that made it
    expires_at_us   BIGINT,                      -- of no use from then on
    revoked_at_us   BIGINT,                      -- of no use since then
    last_used_at_us BIGINT                       -- when it was last used, give or take a minute
);
CREATE UNIQUE INDEX api_keys_by_prefix ON api_keys (prefix);
CREATE INDEX api_keys_newest ON api_keys (organization, created_at_us, id);

-- Rows are inserted, and ended once; nothing deletes one.
CREATE TABLE audit (
    id            TEXT   NOT NULL PRIMARY KEY,   -- 32 hex
    at_us         BIGINT NOT NULL,               -- when it was asked for
    organization  TEXT   NOT NULL,               -- in which organization
    subject       TEXT   NOT NULL,               -- by whom
    credential    TEXT   NOT NULL,               -- how they proved it: `token`, `key:<prefix>`, `local`
    action        TEXT   NOT NULL,               -- the operation's id: `restores.create`
    object        TEXT,                          -- upon what, as far as known
    address       TEXT,                          -- from where
    request_id    TEXT   NOT NULL,               -- as in the logs and in the answer
    ended_at_us   BIGINT,                        -- when it was answered; NULL long after: the host died at it
    status        BIGINT,                        -- the answer's HTTP status
    code          TEXT                           -- the code of the problem that was answered
);
-- Newest first, of an organization, by somebody, of one action, and of both: no filter may have to pass over millions of
-- rows to find none.
CREATE INDEX audit_newest ON audit (organization, at_us, id);
CREATE INDEX audit_newest_by_subject ON audit (organization, subject, at_us, id);
CREATE INDEX audit_newest_of_action ON audit (organization, action, at_us, id);
CREATE INDEX audit_newest_by_subject_of_action ON audit (organization, subject, action, at_us, id);

CREATE TABLE webhooks (
    id                 TEXT   NOT NULL PRIMARY KEY, -- 32 hex
    organization       TEXT   NOT NULL,          -- whose it is
    url                TEXT   NOT NULL,          -- where to
    events             TEXT   NOT NULL,          -- JSON array of NoticeEvent words: what of
    enabled            BIGINT NOT NULL,          -- 0: told nothing
    sealed_secret      TEXT   NOT NULL,          -- with what its notices are signed, sealed under the master key
    created_at_us      BIGINT NOT NULL,          -- when it was made
    updated_at_us      BIGINT NOT NULL,          -- when somebody last changed it
    last_success_at_us BIGINT,                   -- when a notice last arrived
    last_failure       TEXT                      -- why the last one that was tried did not; NULL: it did
);
CREATE INDEX webhooks_newest ON webhooks (organization, created_at_us, id);

-- The outbox: written in the transaction that makes the notice true. `webhook` is no foreign key: a webhook that is
-- deleted at this moment must not keep a job from ending.
CREATE TABLE webhook_deliveries (
    id              TEXT   NOT NULL PRIMARY KEY, -- 32 hex; the receiver knows a repeated one by it
    webhook         TEXT   NOT NULL,             -- where to
    event           TEXT   NOT NULL,             -- NoticeEvent
    payload         TEXT   NOT NULL,             -- what is sent
    dedup_key       TEXT,                        -- a webhook gets one delivery of a key
    state           TEXT   NOT NULL,             -- `waiting`, `delivered`, `given_up`
    attempts        BIGINT NOT NULL,             -- tries begun so far
    next_try_at_us  BIGINT NOT NULL,             -- not before; while a host is at it: when its lease ends
    host            TEXT,                        -- who is or was at it
    held_until_us   BIGINT,                      -- when its lease ends
    created_at_us   BIGINT NOT NULL,             -- when it happened
    ended_at_us     BIGINT,                      -- when it arrived or was given up
    last_failure    TEXT                         -- why the last try failed, or why no other follows
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_try_at_us, id) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_held ON webhook_deliveries (webhook, held_until_us) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_newest ON webhook_deliveries (webhook, created_at_us, id);
CREATE INDEX webhook_deliveries_ended ON webhook_deliveries (ended_at_us) WHERE state <> 'waiting';
CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (webhook, dedup_key) WHERE dedup_key IS NOT NULL;

ALTER TABLE jobs ADD COLUMN events_pruned BIGINT NOT NULL DEFAULT 0; -- 1: its events are gone, it ended long ago
CREATE INDEX jobs_with_events ON jobs (finished_at_us) WHERE events_pruned = 0 AND finished_at_us IS NOT NULL;
