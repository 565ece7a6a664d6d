-- Whatever a list, a scrape or a retention asks for is found without walking along all that a service ever had.

-- Backups of one method among many of another, e.g. full ones among logs; with the method, how the newest ended.
CREATE INDEX backups_newest_of_method ON backups (organization, method, created_at_us, id) WHERE state <> 'deleted';
CREATE INDEX backups_newest_of_service_and_method ON backups (organization, service, method, created_at_us, id)
    WHERE state <> 'deleted';
-- As backups_newest_of_state, jobs_newest_of_state and jobs_newest_of_kind, of one service.
CREATE INDEX backups_newest_of_service_and_state ON backups (organization, service, state, created_at_us, id)
    WHERE state <> 'deleted' AND state <> 'succeeded';
CREATE INDEX jobs_newest_of_service_and_state ON jobs (organization, service, state, created_at_us, id)
    WHERE state <> 'succeeded';
CREATE INDEX jobs_newest_of_service_and_kind ON jobs (organization, service, kind, created_at_us, id)
    WHERE kind <> 'backup' AND kind <> 'expire';
-- The last drill of a service and method, as backups_verified has the last verify.
CREATE INDEX backups_last_drilled ON backups (service, method, drilled_at_us)
    WHERE state = 'succeeded' AND suspect IS NULL AND drilled_at_us IS NOT NULL;
-- What is restored on top of others. Logs are on top of none.
CREATE INDEX backups_on_top ON backups (organization, service, parent, id)
    WHERE parent IS NOT NULL AND state <> 'deleted';
-- What keeps a target from being deleted.
CREATE INDEX backups_kept_in_target ON backups (organization, target)
    WHERE state <> 'deleted' AND state <> 'failed' AND state <> 'cancelled';
