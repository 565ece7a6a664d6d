//! SurrealDB's own command line, as upstream's binary starts it.

fn main() -> std::process::ExitCode {
    surrealdb_server::init(surrealdb_server::core::CommunityComposer())
}
