//! The catalog on both of its databases. Every test runs on SQLite and on a private PostgreSQL.

mod access;
mod audit;
mod backups;
mod cancelling;
mod claiming;
mod databases;
mod deleting;
mod firing;
mod leases;
mod notices;
mod opening;
mod outcomes;
mod pruning;
mod scene;
mod schedules;
mod webhooks;
