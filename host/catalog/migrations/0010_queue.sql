-- Whose turn it is: restores and resets go before other jobs, organizations take turns, and archives that go on without
-- end have slots of their own.
--
-- Hosts of the version before work on beside this: what they make waits in the queue `ordinary`, and they claim from all
-- queues as from one.

ALTER TABLE jobs ADD COLUMN queue TEXT NOT NULL DEFAULT 'ordinary'; -- Queue: `urgent`, `ordinary`, `continuous`
UPDATE jobs SET queue = 'urgent' WHERE state = 'scheduled' AND kind IN ('restore', 'reset');
UPDATE jobs SET queue = 'urgent' WHERE state = 'running' AND kind IN ('restore', 'reset');
UPDATE jobs SET queue = 'continuous' WHERE state = 'scheduled' AND kind = 'backup' AND schedule IS NULL;
UPDATE jobs SET queue = 'continuous' WHERE state = 'running' AND kind = 'backup' AND schedule IS NULL;
-- What a job of the same service may not start before, without a look at all that waits on that service.
CREATE INDEX jobs_waiting_to_replace ON jobs (service) WHERE state = 'scheduled' AND kind IN ('restore', 'reset');
-- The organizations that wait, and of each the oldest job, without a look at the other jobs that wait.
CREATE INDEX jobs_in_turn ON jobs (queue, organization, run_after_us, created_at_us, id) WHERE state = 'scheduled';
