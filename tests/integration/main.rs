//! What a user would notice, shown with the built binary and real servers. `cargo xtask test` builds what these need.

mod bad_input;
mod buckets;
mod by_hand;
mod compare;
mod copies;
mod crash;
mod damage;
mod dumps;
mod failures;
mod front_door;
mod guests;
mod hosts;
mod migrations;
mod recovery;
mod resets;
mod scene;
mod skysql;
mod surrealdb;
mod swaps;
mod terminal;
mod zoo;
