-- Backups that were found in a target, and were not made by a job of this catalog.

ALTER TABLE backups ADD COLUMN folder TEXT;     -- of one that another installation made: where in its target it lies,
                                                -- ending with `/`; NULL: organization/service/id/
