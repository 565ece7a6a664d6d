//! The catalog on both of its databases. Every test runs on SQLite and on a private PostgreSQL.

mod access;
mod audit;
mod backups;
mod cancelling;
mod claiming;
mod copies;
mod counts;
mod databases;
mod deleting;
mod firing;
mod history;
mod idempotency;
mod leases;
mod limits;
mod lists;
mod notices;
mod opening;
mod outcomes;
mod pruning;
mod recovering;
mod retaining;
mod scale;
mod scene;
mod schedules;
mod targets;
mod webhooks;
