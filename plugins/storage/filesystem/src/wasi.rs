//! Bindings of WASI's file functions.
//!
//! `std::fs` writes through streams in pieces of a few KiB, each a trip to the host. `descriptor.write` takes a block of any size, and
//! `descriptor.read` gives up to 64 KiB at a time; measured, that is what the data path needs.

wit_bindgen::generate!({
    path: ["wit/deps/io.wit", "wit/deps/clocks.wit", "wit/deps/filesystem.wit", "wit/world.wit"],
    world: "bulkhead:plugin-filesystem/files",
    generate_all,
});

pub use wasi::clocks::wall_clock;
pub use wasi::filesystem::preopens;
pub use wasi::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, OpenFlags, PathFlags,
};
