//! The smallest program that can be handed to `ToolSet::new` as its launcher. The host's own binary does the same.

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let code = match arguments.next() {
        Some(command) if command == bulkhead_runtime::LAUNCH_COMMAND => bulkhead_runtime::launcher_main(arguments),
        _ => 2,
    };
    std::process::exit(code);
}
