//! The wasmtime engine: one for the process.

use bulkhead_model::{Failure, Result};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::limits::TICK;

/// Calls that can run at the same time; each has one memory, a few tables and stacks.
const MOST_CALLS: u32 = 256;

/// Makes the engine and starts its clock, which ends with it.
pub(crate) fn start(most_memory_bytes: usize) -> Result<Engine> {
    // Slots that are kept warm make an instance cheaper than a store; where the address space is rationed, do without.
    let engine = Engine::new(&config(Some(most_memory_bytes))).or_else(|error| {
        tracing::info!(%error, "no pool for plugin instances, they are allocated one by one");
        Engine::new(&config(None))
    });
    let engine = engine.map_err(|error| Failure::internal(format!("plugins cannot run on this machine: {error:#}")))?;

    let weak = engine.weak();
    let ticker = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new()
        .name("plugin-epoch".to_owned())
        .spawn(ticker)
        .map_err(|error| Failure::internal(format!("no thread for the plugins' clock: {error}")))?;
    Ok(engine)
}

fn config(pool_memory_bytes: Option<usize>) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .epoch_interruption(true)
        .parallel_compilation(true);
    if let Some(bytes) = pool_memory_bytes {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(MOST_CALLS)
            .total_component_instances(MOST_CALLS)
            .total_core_instances(MOST_CALLS * 16)
            .total_tables(MOST_CALLS * 4)
            .total_stacks(MOST_CALLS * 4)
            .max_unused_warm_slots(16)
            .max_memory_size(bytes.next_multiple_of(64 << 10));
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}
