//! The generated bindings. Nothing in here is for plugin authors; the modules beside this one show what is.
//!
//! Three generations: what both worlds share, and each world with the shared interfaces taken from the first. Streams and futures
//! cannot be shared: the intrinsics that make them belong to the world that uses them.

/// `types` and `log`, shared by both worlds.
pub mod shared {
    wit_bindgen::generate!({
        inline: "
            package bulkhead:sdk;
            world shared {
                import bulkhead:host/types@0.1.0;
                import bulkhead:host/log@0.1.0;
            }
        ",
        path: ["../../wit/bulkhead-host"],
        generate_unused_types: true,
        generate_all,
    });
}

/// The world `method-plugin`.
pub mod method {
    wit_bindgen::generate!({
        path: ["../../wit/bulkhead-host", "../../wit/bulkhead-method"],
        world: "bulkhead:method/method-plugin",
        with: {
            "bulkhead:host/types@0.1.0": crate::bindings::shared::bulkhead::host::types,
            "bulkhead:host/log@0.1.0": crate::bindings::shared::bulkhead::host::log,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_method",
        default_bindings_module: "bulkhead_plugin_sdk::bindings::method",
    });
}

/// The world `storage-plugin`.
pub mod storage {
    wit_bindgen::generate!({
        path: ["../../wit/bulkhead-host", "../../wit/bulkhead-storage"],
        world: "bulkhead:storage/storage-plugin",
        with: {
            "bulkhead:host/types@0.1.0": crate::bindings::shared::bulkhead::host::types,
            "bulkhead:host/log@0.1.0": crate::bindings::shared::bulkhead::host::log,
        },
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_storage",
        default_bindings_module: "bulkhead_plugin_sdk::bindings::storage",
    });
}

/// Time, as WASI 0.3 tells it.
pub mod clock {
    wit_bindgen::generate!({
        inline: "
            package bulkhead:clock;
            world clock {
                import wasi:clocks/monotonic-clock@0.3.0;
            }
            package wasi:clocks@0.3.0 {
                interface monotonic-clock {
                    now: func() -> u64;
                    wait-for: async func(how-long: u64);
                }
            }
        ",
        generate_all,
    });
}
