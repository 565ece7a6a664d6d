//! The suite for method plugins.

mod bench;
mod cycle;
mod description;

use bulkhead_runtime::MethodPlugin;

/// How far the suite came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycle {
    /// The plugin made a backup and restored it.
    Done,
    /// The plugin needs a server or tools that the suite does not have; its refusals were checked alone.
    NoServer,
}

/// Runs the suite. A plugin that needs no server goes through backup and restore; of others it is checked that they fail in good order,
/// as only a test against the real server can check more.
///
/// # Panics
/// At the first rule of `bulkhead:method` that the plugin breaks.
pub async fn method_conformance(plugin: &MethodPlugin) -> Cycle {
    description::makes_sense(plugin);
    description::junk_is_answered(plugin).await;
    cycle::a_failing_writer_fails_the_backup(plugin).await;
    cycle::an_impossible_chain_is_refused(plugin).await;
    cycle::what_was_backed_up_restores(plugin).await
}
